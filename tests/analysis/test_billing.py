"""Billing: exact sums, one rounding, and the bound that rounding up to 6 s sets."""

from __future__ import annotations

import decimal
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import usage_analysis as ua
from usage_analysis.analysis.billing import billing_overhead, cost
from usage_analysis.errors import QueryError


def billed(seconds: list[float], minutes: list[float], **columns: object) -> pd.DataFrame:
    index = pd.date_range("2026-03-02", periods=len(seconds), freq="h", tz="UTC", name="time")
    return pd.DataFrame(
        {
            "joined_count": 1,
            "duration": (np.array(seconds) * 1e6).astype("m8[us]"),
            "billed_minutes": minutes,
            "provisional": False,
        }
        | columns,
        index=index,
    )


@pytest.mark.parametrize(
    ("talk", "rounded", "price"),
    # The vendor's FAQ.
    [(0, 0, "0"), (1, 6, ".005"), (12, 12, ".010"), (37, 42, ".035"), (55, 60, ".050")],
)
def test_published_prices(talk: int, rounded: int, price: str) -> None:
    """A thousand calls of one length cost a thousand times the published price of one."""
    assert math.ceil(talk / 6) * 6 == rounded
    calls = billed([talk] * 1000, [rounded / 60] * 1000)
    assert cost(calls) == 1000 * Decimal(price)
    assert billing_overhead(calls)["within_bound"]


def test_a_million_tenths_are_exact() -> None:
    """The sum of billed minutes has no floating error, however many there are."""
    many = pd.DataFrame({"billed_minutes": np.full(1_000_003, 0.1)})
    assert cost(many, "1") == Decimal("100000.30")


def test_cost_rounds_once_half_to_even() -> None:
    """Each amount shown is rounded once, so rows and total are told apart."""
    calls = billed([6] * 3, [0.1] * 3, provisional=True)
    assert cost(calls) == Decimal("0.02")
    calls.insert(0, "agent", ["b", "a", "a"])
    rows = cost(calls)
    assert isinstance(rows, pd.DataFrame)
    assert rows["cost"].to_dict() == {"b": Decimal("0.00"), "a": Decimal("0.01")}
    assert cost(billed([6] * 3, [0.1] * 3)) == Decimal("0.02")
    assert cost(billed([1], [0.5])) == Decimal("0.02")
    assert cost(billed([1], [0.7])) == Decimal("0.04")


@given(st.lists(st.integers(0, 3_600_000_000), min_size=1, max_size=50))
def test_calls_rounded_up_to_six_seconds_keep_the_bound(talk: list[int]) -> None:
    """Rounding each call up to 6 s keeps 60·billed - duration within 6 s a joined call."""
    steps = [-(-t // 6_000_000) for t in talk]
    calls = billed([0] * len(talk), [s / 10 for s in steps])
    calls["duration"] = np.array(talk).view("m8[us]")
    found = billing_overhead(calls)
    assert found["within_bound"]
    assert found["unbilled_talk"] == pd.Timedelta(0)
    assert found["excess"] == pd.Timedelta(sum(steps) * 6_000_000 - sum(talk), "us")


def test_a_broken_bound_is_a_failure() -> None:
    """A microsecond over 6 s a joined call is out of bound, and is told."""
    found = billing_overhead(billed([5.999999], [0.2]))
    assert not found["within_bound"]
    assert found["excess"] - found["bound"] == pd.Timedelta(1, "us")


def test_unbilled_talk_is_told_and_no_failure() -> None:
    """Talk beyond what was billed is unbilled talk, inside the bound."""
    found = billing_overhead(billed([90], [1.0]))
    assert found["unbilled_talk"] == pd.Timedelta("30s")
    assert found["within_bound"]
    assert found["overhead"] == pytest.approx(2 / 3)
    assert found["price_per_talk_minute"] == pytest.approx(0.05 * 2 / 3)


def test_overhead_waits_for_billing() -> None:
    """Provisional buckets are left out and counted; without talk there is no ratio."""
    found = billing_overhead(billed([60, 600], [1.0, 0.0], provisional=[False, True]))
    assert found["overhead"] == 1
    assert found["left_out"] == 1
    assert math.isnan(billing_overhead(billed([0], [0.0]))["overhead"])


def test_a_breakdown_has_a_row_a_group() -> None:
    """Each group has its own overhead."""
    calls = billed([60, 60], [1.0, 1.1])
    calls.insert(0, "agent", ["b", "a"])
    found = billing_overhead(calls)
    assert found["excess"].to_dict() == {"b": pd.Timedelta(0), "a": pd.Timedelta("6s")}


@pytest.mark.parametrize("price", ["five", -1, float("nan"), True, None])
def test_a_bad_price_is_named(price: object) -> None:
    """A price that is no number is refused by name."""
    with pytest.raises(QueryError, match="price: expected USD per minute"):
        cost(billed([1], [0.1]), price)  # type: ignore[arg-type]


def test_a_missing_column_is_named() -> None:
    """A reply from before billed minutes has no cost, and the error says which column lacks."""
    with pytest.raises(QueryError, match="cost needs the column billed_minutes"):
        cost(billed([1], [0.1]).drop(columns="billed_minutes"))


def hostile() -> Any:
    """A context of the caller that rounds, and traps what is exact elsewhere."""
    context = decimal.Context(prec=2, rounding=decimal.ROUND_UP, Emax=3, Emin=-3)
    for signal in (decimal.Inexact, decimal.Rounded, decimal.FloatOperation):
        context.traps[signal] = True
    return decimal.localcontext(context)


def test_the_callers_decimal_context_changes_no_amount(tmp_path: Path) -> None:
    """Amounts, sentences and pages are the same under any precision, rounding and traps."""
    usage = ua.sample_client().call_usage(from_date="2026-03-01", to_date="2026-03-10")
    options = ua.ReportOptions(price="0.0712345", budget=9999.5)

    def told(name: str) -> Any:
        page = ua.build_report(
            usage, tmp_path / name, sections=["billing", "month"], options=options
        )
        return page.read_bytes(), ua.cost(usage.hourly, "0.123456789")

    expected = told("plain")
    with hostile():
        assert told("hostile") == expected


@pytest.mark.parametrize("price", ["1e400", "1e6", "nan", "inf", "-inf", "-0.01", "sNaN", True])
def test_a_price_that_nobody_pays_is_refused(price: Any) -> None:
    """A million per minute or more, negative prices and what is no number are named."""
    hours = pd.DataFrame({"billed_minutes": [1.0]})
    with pytest.raises(ua.QueryError, match=r'price: expected USD per minute such as "0\.05"'):
        ua.cost(hours, price)
