"""Unusual events in words."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import usage_analysis as ua
from tests.analysis.agents import account, plant


@pytest.fixture(scope="module")
def quiet() -> pd.DataFrame:
    return account(np.random.default_rng(13), days=49)


@pytest.fixture(scope="module")
def largest(quiet: pd.DataFrame) -> str:
    return str(quiet.groupby("agent")["total_count"].sum().idxmax())


LESS, MORE = (
    rf"; USD [\d.,]+ {words}, 95 % interval USD [\d.,]+ to USD [\d.,]+"
    for words in ("less billed, because less was talked", "more than usual")
)
CASES = {
    "silence": (
        ("calls", "2026-07-01 10:00", 8, 0),
        (
            r"No calls on 2026-07-01 10:00 to 18:00 \(UTC\) "
            rf"\(0 against (?P<expected>[\d,.]+) expected{LESS}\)\."
        ),
    ),
    "shift": (
        ("calls", "2026-06-27 00:00", 40 * 24, 0.5),
        (
            r"(?P<size>[\d.]+) % fewer calls since 2026-06-27 \(UTC\) "
            r"\((?P<observed>[\d,]+) against (?P<expected>[\d,]+) expected; 95 % interval "
            rf"-[\d.]+ % to -[\d.]+ %{LESS}\)\."
        ),
    ),
    "longer": (
        ("longer", "2026-06-30 00:00", 72, 3),
        (
            r"Calls (?P<times>[\d.]+) times as long on 2026-06-30 to 2026-07-02 \(UTC\) "
            r"\(\d+ s against \d+ s expected; 95 % interval [\d.]+ to [\d.]+ times; "
            rf"(?P<joined>[\d,]+) joined calls{MORE}\)\."
        ),
    ),
    # Calls that fail are as long as others here, so that their cost is not told.
    "errors": (
        ("errors", "2026-07-01 08:00", 12, 0.4),
        (
            r"Error rate (?P<rate>[\d.]+) % instead of [\d.]+ % on 2026-07-01 08:00 to 20:00 "
            r"\(UTC\) \(95 % interval of the ratio [\d.]+ to [\d.]+; (?P<calls>[\d,]+) calls\)\."
        ),
    ),
}


@pytest.mark.parametrize("kind", CASES)
def test_sentence_has_hours_size_interval_zone_and_money(quiet: pd.DataFrame, kind: str) -> None:
    """The sentence on a planted event gives its hours, zone, size, interval and cost."""
    (what, start, hours, size), form = CASES[kind]
    bad = plant(quiet, None, what, start, hours, size)
    found = ua.unusual(bad, price="0.05")
    assert len(found) == 1
    said = re.fullmatch(form, ua.describe_unusual(found))
    assert said, ua.describe_unusual(found)
    row = found.iloc[0]
    inside = bad[(bad.index >= row["start"]) & (bad.index < row["end"])]
    given = {name: float(text.replace(",", "")) for name, text in said.groupdict().items()}
    if "observed" in given:
        assert given["observed"] == inside["total_count"].sum()
        assert given["size"] == pytest.approx(100 * (1 - row["ratio"]), abs=0.05)
    if "times" in given:
        assert given["times"] == pytest.approx(3, rel=0.2)
    if "joined" in given:
        assert given["joined"] == inside["joined_count"].sum() == row["calls"]
    if kind == "silence":
        assert row["calls"] == row["expected"]
    if "rate" in given:
        assert given["calls"] == inside["total_count"].sum() == row["calls"]
        share = inside["error_count"].sum() / inside["total_count"].sum()
        assert given["rate"] == pytest.approx(100 * share, abs=0.01)


def test_group_is_named_first(quiet: pd.DataFrame, largest: str) -> None:
    """The sentence on one group's event begins with the group."""
    bad = plant(quiet, largest, "calls", "2026-07-01 08:00", 12, 0)
    said = ua.describe_unusual(ua.unusual(bad))
    assert said.startswith(f"{largest}: no calls on 2026-07-01 ")


def test_nothing_unusual_is_said_with_days_and_a_short_history(quiet: pd.DataFrame) -> None:
    """Without an event the sentence names the days, and says where these are too few."""
    days = quiet[quiet.index < "2026-06-10"]
    assert ua.describe_unusual(ua.unusual(days)) == (
        "Nothing unusual found, 2026-06-01 to 2026-06-09 (UTC). Based on 9 days only: numbers "
        "of calls are judged from two weeks on."
    )
    with pytest.raises(ua.QueryError, match="expected a result of unusual"):
        ua.describe_unusual(days)


def test_texts_of_a_saved_table_are_refused(quiet: pd.DataFrame) -> None:
    """A table read back from CSV has texts for times, and the error names the line to convert."""
    found = ua.unusual(plant(quiet, None, "calls", "2026-07-01 10:00", 8))
    saved = found.astype({"start": str, "end": str})
    with pytest.raises(ua.QueryError, match=r"pd\.to_datetime"):
        ua.describe_unusual(saved, meaning=found.attrs["meaning"])
