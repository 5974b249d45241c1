"""`explain_cost`: what each factor of a bill adds to its change."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import usage_analysis as ua
from usage_analysis.analysis.cost_effects import FACTORS

BASE = {"total_count": 100, "joined_count": 80, "talk": 240.0, "billed_minutes": 252.0}


def days(
    groups: dict[str, dict[str, float]], count: int = 4, start: str = "2026-03-02"
) -> pd.DataFrame:
    """Return a daily breakdown in which each group has these sums, all on the first day."""
    index = pd.date_range(start, periods=count, freq="D", tz="UTC", name="time")
    frames = []
    for name, sums in groups.items():
        first = (np.arange(count) == 0).astype(np.int64)
        frame = pd.DataFrame(
            {
                "agent": name,
                "total_count": first * int(sums["total_count"]),
                "joined_count": first * int(sums["joined_count"]),
                "duration": pd.to_timedelta(first * round(6e7 * sums["talk"]), unit="us"),
                "billed_minutes": first * float(sums["billed_minutes"]),
                "provisional": False,
            },
            index=index,
        )
        frames.append(frame)
    return pd.concat(frames)


def alone(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame of a single group."""
    return frame.drop(columns="agent")


def effects(found: Any) -> Any:
    """Return the effects of a result."""
    return found[[name for name in FACTORS if name in found]]


def test_effects_are_those_of_the_logarithmic_mean() -> None:
    """Each effect is L(b1, b0)·ln(x1/x0), the formula of Ang (2004), factor by factor."""
    previous = alone(days({"a": BASE}))
    sums = {"total_count": 150, "joined_count": 90, "talk": 360.0, "billed_minutes": 369.0}
    found: Any = ua.explain_cost(
        alone(days({"a": sums}, 5)), previous, price="0.06", previous_price="0.05"
    )
    bills = 369 * 0.06, 252 * 0.05
    mean = (bills[0] - bills[1]) / math.log(bills[0] / bills[1])
    ratios = {
        "days": 5 / 4,
        "calls_per_day": (150 / 5) / (100 / 4),
        "joined_share": (90 / 150) / (80 / 100),
        "talk_per_joined_call": (360 / 90) / (240 / 80),
        "rounding": (369 / 360) / (252 / 240),
        "price": 0.06 / 0.05,
    }
    for name, ratio in ratios.items():
        assert found[name] == pytest.approx(mean * math.log(ratio), abs=1e-9), name
    assert found[["previous", "current"]].tolist() == pytest.approx([*bills[::-1]])
    assert found["change"] == pytest.approx(effects(found).sum(), abs=1e-9)


counts = st.integers(0, 10_000)
groups = st.dictionaries(
    st.sampled_from("abcd"),
    st.fixed_dictionaries(
        {
            "total_count": counts,
            "joined_count": counts,
            "talk": st.one_of(st.just(0.0), st.floats(0.01, 1e6)),
            "billed_minutes": st.one_of(st.just(0.0), st.floats(0.1, 1e6)),
        }
    ),
    min_size=1,
)
prices = st.one_of(st.none(), st.sampled_from(["0", "0.05", "0.07"]))


@settings(max_examples=25)
@given(groups, groups, prices, st.integers(1, 9), st.integers(1, 9))
def test_effects_add_up_and_change_signs(
    now: Any, old: Any, price: str | None, length: int, other: int
) -> None:
    """For any two periods all effects add up to the change; swapped, they change their signs.

    Groups may be missing from a period, and any number may be 0.
    """
    current, previous = days(now, length), days(old, other, "2026-02-02")
    earlier = None if price is None else "0.04"
    found: Any = ua.explain_cost(current, previous, price=price, previous_price=earlier)
    back: Any = ua.explain_cost(
        previous, current, price=earlier, previous_price=None if price is None else price
    )
    size = np.maximum(found["previous"], found["current"]) + 1
    assert np.all(np.isfinite(found))
    assert np.all(abs(effects(found).sum(axis=1) - found["change"]) <= 1e-9 * size)
    assert np.all(abs(effects(found) + effects(back).loc[found.index]).max(axis=1) <= 1e-9 * size)
    bills = {name: sums["billed_minutes"] * float(price or 1) for name, sums in now.items()}
    assert found["current"].to_dict() == pytest.approx({g: bills.get(g, 0) for g in found.index})


@pytest.mark.parametrize(
    ("changed", "count", "prices", "factor"),
    [
        ({}, 5, ("0.05", "0.05"), "days"),
        ({}, 4, ("0.06", "0.05"), "price"),
        ({"talk": 480.0, "billed_minutes": 504.0}, 4, ("0.05", "0.05"), "talk_per_joined_call"),
        ({"billed_minutes": 260.0}, 4, ("0.05", "0.05"), "rounding"),
    ],
    ids=["days", "price", "talk", "rounding"],
)
def test_one_factor_alone_has_the_whole_change(
    changed: dict[str, float], count: int, prices: tuple[str, str], factor: str
) -> None:
    """Where one factor differs between the periods, it has the whole change, the others nothing."""
    sums = BASE | changed
    if count != 4:  # as many calls per day on more days
        sums = {name: value * count / 4 for name, value in sums.items()}
    found: Any = ua.explain_cost(
        alone(days({"a": sums}, count)),
        alone(days({"a": BASE})),
        price=prices[0],
        previous_price=prices[1],
    )
    assert found["change"] != 0
    assert found[factor] == pytest.approx(found["change"], abs=1e-9)
    assert effects(found).drop(factor).abs().max() < 1e-9


@pytest.mark.parametrize(
    ("sums", "factor"),
    [
        ({"total_count": 0, "joined_count": 0, "talk": 0, "billed_minutes": 0}, "calls_per_day"),
        ({"total_count": 50, "joined_count": 0, "talk": 0, "billed_minutes": 0}, "joined_share"),
        (
            {"total_count": 50, "joined_count": 40, "talk": 0, "billed_minutes": 0},
            "talk_per_joined_call",
        ),
        ({"total_count": 50, "joined_count": 40, "talk": 9, "billed_minutes": 0}, "rounding"),
    ],
    ids=["no calls", "none joined", "no talk", "nothing billed"],
)
def test_the_factor_that_is_zero_has_the_whole_change(sums: Any, factor: str) -> None:
    """A factor that falls to 0 has the whole change: the limit of a factor that goes to 0."""
    found: Any = ua.explain_cost(days({"a": sums}), days({"a": BASE}))
    assert effects(found).loc["a", factor] == pytest.approx(-252.0)
    assert effects(found).loc["a"].drop(factor).abs().max() == 0


def test_a_group_of_one_period_alone_is_new_calls() -> None:
    """A group that the earlier period lacks adds its whole bill by its calls per day."""
    found: Any = ua.explain_cost(days({"a": BASE, "b": BASE}), days({"a": BASE}), price="0.05")
    assert found.index.name == "agent"
    assert found.loc["b", "calls_per_day"] == pytest.approx(252 * 0.05)
    assert effects(found).loc["a"].abs().max() < 1e-12


def test_hours_and_days_give_the_same_effects() -> None:
    """Hours say the same as the days they add up to, on any clock of whole hours."""
    client = ua.sample_client()
    march = client.by_agent(ua.sample.AGENTS, from_date="2026-03-01", to_date="2026-03-31")
    february = client.by_agent(ua.sample.AGENTS, from_date="2026-02-01", to_date="2026-02-28")
    by_day: Any = ua.explain_cost(march.daily, february.daily, price="0.05")
    by_hour: Any = ua.explain_cost(march.hourly, february.hourly, price="0.05")
    pd.testing.assert_frame_equal(by_day, by_hour, rtol=1e-9, atol=1e-9)
    assert by_day.attrs["meaning"]["previous_dates"] == "2026-02-01 to 2026-02-28 (UTC)"
    assert by_day.attrs["source"] == "sample"


def test_wrong_arguments_are_named() -> None:
    """A lone earlier price, an empty period and groups of one period alone are refused by name."""
    frame = days({"a": BASE})
    with pytest.raises(ua.QueryError, match="previous_price: expected price as well"):
        ua.explain_cost(frame, frame, previous_price="0.05")
    with pytest.raises(ua.QueryError, match="explain_cost: expected rows in previous, got none"):
        ua.explain_cost(frame, frame.iloc[:0])
    with pytest.raises(ua.QueryError, match="previous: expected the same group column"):
        ua.explain_cost(frame, alone(frame))
    with pytest.raises(ua.QueryError, match="needs the column joined_count"):
        ua.explain_cost(frame.drop(columns="joined_count"), frame)
    with pytest.raises(ua.QueryError, match="price: expected USD per minute"):
        ua.explain_cost(frame, frame, price="cheap")
