"""Comparison: the same weekdays and hours of two periods, and intervals that hold what they say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from usage_analysis.analysis.comparison import compare_periods
from usage_analysis.analysis.meaning import meaning_of
from usage_analysis.analysis.statements.change import state_change
from usage_analysis.errors import QueryError

WEEK = np.array([1.1, 1.15, 1.1, 1.05, 1.0, 0.4, 0.3])


def hours(counts: list[int], start: str, zone: str = "UTC") -> pd.DataFrame:
    begin = pd.Timestamp(start).tz_localize(zone)
    index = pd.date_range(begin, periods=len(counts), freq="h", name="time").as_unit("us")
    return pd.DataFrame({"total_count": counts, "provisional": False}, index=index)


def test_a_week_meets_the_same_days_before_it() -> None:
    """Three days of this week meet the same three of the last, hour by hour."""
    counts = [*[10] * 24 * 7, *[12] * 24 * 3]
    found = compare_periods(hours(counts, "2026-03-02"))
    assert found[["current", "previous", "delta"]].tolist() == [864, 720, 144]
    assert found[["change", "hours", "days", "left_out"]].tolist() == [0.2, 72, 3, 0]


def test_a_month_meets_the_same_weekdays() -> None:
    """A month so far meets the same weekdays 4 weeks before it, 5 when over 28 days."""
    # 1 February 2026 is a Sunday.
    calm = np.repeat(np.resize(np.roll(100 * WEEK, 1), 60), 24).round().astype(int)
    for end, days in ((40, 12), (59, 24)):
        found = compare_periods(hours(calm[: 24 * end].tolist(), "2026-02-01"), every="MS")
        assert found[["delta", "days"]].tolist() == [0, days]


def test_unfinished_buckets_are_left_out_on_both_sides() -> None:
    """A provisional hour is left out, and so is its partner; so are hours that a clock skips."""
    hourly = hours([10] * 24 * 9, "2026-03-02")
    hourly.loc[hourly.index[-3:], "provisional"] = True
    found = compare_periods(hourly)
    assert found[["current", "previous", "left_out"]].tolist() == [450, 450, 3]
    spring = hours([10] * (24 * 14 - 1), "2026-03-02", "America/New_York")
    assert compare_periods(spring)[["hours", "days", "left_out"]].tolist() == [167, 7, 1]


def test_two_frames_are_paired_whole() -> None:
    """With an earlier frame the later one is taken whole, whole weeks apart."""
    now, before = hours([3] * 48, "2026-03-03"), hours([2] * 72, "2026-02-03")
    found = compare_periods(now, before)
    assert found[["current", "previous", "days"]].tolist() == [144, 96, 2]
    with pytest.raises(QueryError, match="previous: expected a first day at least one week before"):
        compare_periods(before, now)
    with pytest.raises(QueryError, match="previous: expected the clock UTC, got Asia/Tokyo"):
        compare_periods(now, before.tz_convert("Asia/Tokyo"))


def test_groups_are_compared_each_on_its_own() -> None:
    """Each group meets its own past; one without a past has none."""
    old = pd.concat([hours([1] * 24, "2026-03-02").assign(agent="a")])
    new = [hours([2] * 24, "2026-03-09").assign(agent=name) for name in "ba"]
    both = pd.concat([old, *new])[["agent", "total_count", "provisional"]]
    found = compare_periods(both)
    assert found["hours"].to_dict() == {"a": 24, "b": 0}
    assert found.loc["a", "change"] == 1
    with pytest.raises(QueryError, match="compare_periods: expected finished buckets"):
        compare_periods(both[both["agent"] == "b"])
    with pytest.raises(QueryError, match="previous: expected the same group column"):
        compare_periods(both, old.drop(columns="agent"))


@pytest.mark.parametrize("weeks", [50, pytest.param(200, marks=pytest.mark.slow)])
def test_the_interval_of_a_change_covers_none(weeks: int) -> None:
    """Of weeks that differ by chance and by day, about 95 % have 0 in the interval."""
    rng = np.random.default_rng(8)
    inside = []
    for _ in range(weeks):
        rates = np.repeat(100 * WEEK * rng.gamma(100, 1 / 100, (2, 7)), 24)
        found = compare_periods(hours(rng.poisson(rates).tolist(), "2026-03-02"))
        inside.append(found["low"] <= 0 <= found["high"])
    assert 0.9 <= np.mean(inside) <= 1


def test_differences_that_do_not_vary_are_no_certainty() -> None:
    """Counts have Poisson's interval then, nothing at all and minutes none; more calls a finer one.

    13 calls and 9 on two days alike were told as a change of exactly -31 %.
    """
    few = [*[1] * 7, *[0] * 17]
    weeks = hours([*few * 2, *[0] * 120, *[*[1] * 5, *[0] * 19] * 2], "2026-03-02")
    found = compare_periods(weeks)
    assert found[["current", "previous", "days"]].tolist() == [10, 14, 2]
    half = 1.959964 * np.sqrt(24)
    assert found[["low", "high"]].tolist() == pytest.approx([-4 - half, -4 + half])
    talk = weeks.assign(duration=pd.to_timedelta(weeks["total_count"] * 0.1, unit="s"))
    minutes = compare_periods(
        weeks.assign(billed_minutes=weeks["total_count"] * 0.1), measure="billed_minutes"
    )
    assert minutes[["low", "high"]].isna().all()
    assert pd.isna(compare_periods(talk, measure="duration")["low"])
    assert compare_periods(hours([0] * 24 * 9, "2026-03-02"))[["low", "high"]].isna().all()
    many = compare_periods(hours([*[1000] * 168, *[1100] * 168], "2026-03-02"))
    assert 0 < many["low"] < many["delta"] < many["high"]


def test_no_interval_reaches_below_nothing() -> None:
    """However wide, an interval says at most that all is gone."""
    counts = [*[9, *[0] * 23], *[0] * 144, *[0] * 24, *[5, *[0] * 23]]
    found = compare_periods(hours(counts, "2026-03-02"))
    assert found[["current", "previous", "low"]].tolist() == [5, 9, -9]
    assert found["high"] > 9


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"every": "7D"}, 'every: expected "D", "W"'),
        ({"measure": "x"}, "measure: expected .* got 'x'"),
        ({"measure": "billed_minutes"}, "compare_periods needs the column billed_minutes"),
        ({"confidence": 95}, "confidence: expected"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, object], words: str) -> None:
    """A bad argument is refused by name, with what came and what is accepted."""
    with pytest.raises(QueryError, match=words):
        compare_periods(hours([1] * 24 * 9, "2026-03-02"), **arguments)  # type: ignore[arg-type]


def test_the_dates_are_those_of_the_days_compared() -> None:
    """The dates of both periods leave out days without a partner, and the sentence counts them."""
    time = pd.date_range("2026-02-02", "2026-04-01 23:00", freq="h", tz="UTC", name="time")
    hourly = pd.DataFrame({"total_count": 10, "provisional": False}, index=time)
    found = compare_periods(hourly.loc["2026-03-02":], hourly.loc[:"2026-03-01"])
    assert found.attrs["meaning"]["dates"] == "2026-03-02 to 2026-03-29 (UTC)"
    assert found.attrs["meaning"]["previous_dates"] == "2026-02-02 to 2026-03-01"
    told = state_change(found, meaning_of(found, "compare_periods")).sentence
    assert "28 days, same weekdays and hours; 3 days of the period not compared)" in told


def test_an_interval_that_excludes_nothing_is_not_told() -> None:
    """Where the interval reaches -100 %, the sentence says that there is too little to compare."""
    time = pd.date_range("2026-03-02", periods=48 * 7, freq="h", tz="UTC", name="time")
    hourly = pd.DataFrame({"total_count": 0, "provisional": False}, index=time)
    hourly.iloc[[30, 31, 200], 0] = 1
    found = compare_periods(hourly.iloc[168:], hourly.iloc[:168])
    told = state_change(found, meaning_of(found, "compare_periods"))
    assert told.title == "Too little to compare: 1 against 2 calls"


def test_a_change_of_few_days_is_told_without_an_interval() -> None:
    """A change of one of several measures over too few days is told without an interval."""
    time = pd.date_range("2026-03-02", periods=5, freq="h", tz="UTC", name="time")
    hourly = pd.DataFrame({"total_count": 10, "duration": pd.Timedelta("1h")}, index=time)
    hourly = hourly.assign(provisional=False)
    previous = hourly.set_index(hourly.index - pd.Timedelta(days=7))
    found = compare_periods(hourly, previous, measure=["total_count", "duration"])
    meaning = meaning_of(found, "compare_periods")
    told = state_change(found.loc["total_count"], meaning, measure="total_count")
    assert "too few days for an interval" in told.sentence
