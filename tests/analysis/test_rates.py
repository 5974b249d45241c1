"""Rates: published intervals, sums before ratios, slots of the frame's own clock."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from usage_analysis.analysis.rates import error_rate, join_rate
from usage_analysis.errors import QueryError


def frame(
    calls: list[int],
    errors: list[int],
    start: str = "2026-03-02",
    freq: str = "h",
    zone: str = "UTC",
    **columns: object,
) -> pd.DataFrame:
    index = pd.date_range(start, periods=len(calls), freq=freq, tz=zone, name="time")
    plain = {"total_count": calls, "error_count": errors, "joined_count": errors}
    return pd.DataFrame({**columns, **plain, "provisional": False}, index=index)


@pytest.mark.parametrize(
    ("events", "calls", "low", "high", "places"),
    [
        # R's prop.test(correct = FALSE).
        (100, 200, 0.4313609, 0.5686391, 7),
        (0, 10, 0.0, 0.2775328, 7),
        (10, 10, 0.7224672, 1.0, 7),
        # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3.
        (81, 263, 0.2553, 0.3662, 4),
        (15, 148, 0.0624, 0.1605, 4),
        (0, 20, 0.0, 0.1611, 4),
        (1, 29, 0.0061, 0.1718, 4),
    ],
)
def test_published_wilson_intervals(
    events: int, calls: int, low: float, high: float, places: int
) -> None:
    """The interval is Wilson's to every published digit, for errors and for joins."""
    for rate in (error_rate, join_rate):
        row = rate(frame([calls], [events])).iloc[0]
        assert round(row["low"], places) == low
        assert round(row["high"], places) == high
        assert row["rate"] == events / calls


def test_no_calls_have_no_rate() -> None:
    """A ratio with no calls under it is NaN, never 0, and is not enough."""
    row = error_rate(frame([0], [0]), min_calls=0).iloc[0]
    assert np.isnan([row["rate"], row["low"], row["high"]]).all()
    assert not row["enough"]


def test_more_errors_than_joined_calls_show() -> None:
    """A rate over 1 is told as it is and has no interval."""
    usage = frame([9], [4]).assign(joined_count=2)
    row = error_rate(usage, denominator="joined_count").iloc[0]
    assert row["rate"] == 2
    assert np.isnan([row["low"], row["high"]]).all()


def test_total_is_a_ratio_of_sums() -> None:
    """The total divides sums, which is not the mean of the hours' rates."""
    total = error_rate(frame([1, 99], [1, 0]), by="total")
    assert total.index.name == "total"
    assert total.loc["all", ["calls", "events", "rate"]].tolist() == [100, 1, 0.01]
    assert bool(total.loc["all", "enough"])


def test_slots_follow_the_index() -> None:
    """Hours and weekdays are those of the frame's own clock, Monday first."""
    usage = frame([5], [1], "2026-03-03 02:00").tz_convert("America/New_York")
    assert error_rate(usage, by="hour_of_day")["calls"].to_dict()[21] == 5
    assert error_rate(usage, by="day_of_week")["calls"].tolist() == [5, 0, 0, 0, 0, 0, 0]
    assert error_rate(usage, by="hour_of_week")["calls"].to_dict()[21] == 5
    assert len(error_rate(usage, by="hour_of_week")) == 168


def test_slots_leave_provisional_buckets_out() -> None:
    """A profile leaves a provisional bucket out; the total keeps it."""
    usage = frame([5, 5], [1, 1])
    usage.loc[usage.index[1], "provisional"] = True
    assert error_rate(usage, by="day_of_week")["calls"].sum() == 5
    assert error_rate(usage, by="total")["calls"].sum() == 10


def test_a_breakdown_has_a_row_a_group() -> None:
    """With a group column every row is a group's, by its name, in total, and by slot."""
    usage = pd.concat([frame([4, 6], [1, 1], agent="b"), frame([0, 1], [0, 0], agent="a")])
    for by in ("agent", "total"):
        rates = error_rate(usage, by=by)
        assert rates.index.tolist() == ["b", "a"]
        assert rates["calls"].tolist() == [10, 1]
    assert error_rate(usage).columns[0] == "agent"
    slots = error_rate(usage, by="hour_of_day")
    assert slots.loc[("b", 1), "calls"] == 6
    assert slots.index.names == ["agent", "hour_of_day"]


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ({"by": "weekday"}, "by: expected None, \"total\".*'weekday'"),
        ({"by": "agent"}, "by: expected"),
        ({"denominator": "error_count"}, "denominator: expected total_count or joined_count"),
        ({"confidence": 95}, "confidence: expected a number between 0 and 1 such as 0.95, got 95"),
        ({"min_calls": -1}, "min_calls: .* got -1"),
    ],
)
def test_bad_arguments_are_named(argument: dict[str, object], words: str) -> None:
    """A bad argument is refused by name, with what came and what is accepted."""
    with pytest.raises(QueryError, match=words):
        error_rate(frame([1], [0]), **argument)  # type: ignore[arg-type]


def test_a_missing_column_is_named() -> None:
    """A frame of an old reply without errors is refused by the column's name."""
    with pytest.raises(QueryError, match="error_rate needs the column error_count"):
        error_rate(frame([1], [0]).drop(columns="error_count"))
