"""Zones and periods: totals conserved, real days, and the answers of plain Python loops."""

from __future__ import annotations

import json
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_analysis.errors import QueryError
from usage_analysis.tidy.periods import aggregate, between_days, in_timezone
from usage_analysis.tidy.usage import CallUsage


def test_one_daily_row_is_a_day() -> None:
    """A reply of a single day has one daily row, which is a whole day and no hour."""
    row = {"totalCount": 3, "errorCount": 1, "joinedCount": 3, "duration": "90s"}
    row |= {"billedMinutes": 1.6, "date": "2026-03-01"}
    body = json.dumps({"allTime": row, "daily": [row], "hourly": [row | {"hour": 9}]})
    daily = CallUsage.from_json(body, as_of="2026-03-05T00:00:00Z").daily
    whole = aggregate(daily, "D").iloc[0]
    assert whole[["hours", "complete"]].tolist() == [24, True]
    with pytest.raises(QueryError, match="in_timezone: expected hourly rows, got rows of 24 h"):
        in_timezone(daily, "Asia/Kolkata")


def hours(
    n: int, start: str = "2026-03-02", zone: str = "UTC", running: int = 0, **first: object
) -> pd.DataFrame:
    """One call of a minute each hour from a local time on; the last `running` are provisional."""
    begin = pd.Timestamp(start).tz_localize(zone)
    index = pd.date_range(begin, periods=n, freq="h", name="time").as_unit("us")
    columns = {"total_count": 1, "duration": np.full(n, 60_000_000).view("m8[us]")}
    late = np.arange(n) >= n - running
    return pd.DataFrame({**first, **columns, "provisional": late}, index=index)


def test_days_are_cut_out_of_series_and_breakdowns() -> None:
    """Both days are whole in the frame's zone, whether times come once or for every group."""
    single = hours(5 * 24, "2026-03-06", "America/New_York")
    both = pd.concat([single.assign(agent=name) for name in "ab"])
    for frame, times in ((single, 1), (both, 2)):
        cut = between_days(frame, "2026-03-07", "2026-03-08")
        assert len(cut) == times * 47
        assert sorted(set(cut.index.strftime("%F"))) == ["2026-03-07", "2026-03-08"]
        assert len(between_days(frame, to_date="2026-03-06")) == times * 24
    with pytest.raises(QueryError, match=r"a day up to to_date \(2026-03-07\), got 2026-03-08"):
        between_days(single, "2026-03-08", "2026-03-07")
    with pytest.raises(QueryError, match="days of the data, got 2027-01-01 to None; the"):
        between_days(single, "2027-01-01")
    with pytest.raises(QueryError, match='to_date: expected a day such as "2026-03-31"'):
        between_days(single, to_date="soon")


@pytest.mark.parametrize(
    ("every", "start", "lengths"),
    [
        ("D", "2026-03-07", [24, 23, 24]),
        ("D", "2026-10-31", [24, 25, 24]),
        ("W", "2026-03-02", [167, 168]),
        ("W-SAT", "2026-03-01", [168, 167]),
        ("MS", "2026-03-01", [743, 720]),
        ("QS", "2026-01-01", [2159, 2184]),
        ("YS", "2025-01-01", [8760, 8760]),
    ],
)
def test_periods_are_those_of_the_clock(every: str, start: str, lengths: list[int]) -> None:
    """Each period has the hours that it has on its own clock, and begins at its midnight."""
    frame = hours(sum(lengths) + 1, start, "America/New_York")
    periods = aggregate(frame, every)
    assert periods["hours"].tolist() == [*lengths, 1]
    assert periods["total_count"].tolist() == [*lengths, 1]
    assert periods["complete"].tolist() == [True] * len(lengths) + [False]
    assert (periods.index.hour == 0).all()
    assert periods["duration"].sum() == frame["duration"].sum()
    assert periods["duration"].dtype == "timedelta64[us]"


def test_a_midnight_that_a_clock_skips() -> None:
    """Where midnight does not exist the day begins at the first instant after it."""
    days = aggregate(hours(72, "2026-03-28", "Asia/Beirut"), "D")
    assert days.index[1] == pd.Timestamp("2026-03-29 01:00", tz="Asia/Beirut")
    assert days["hours"].tolist() == [24, 23, 24, 1]
    # Samoa had no 30 December 2011.
    days = aggregate(in_timezone(hours(96, "2011-12-28"), "Pacific/Apia"), "D")
    assert pd.Timestamp("2011-12-30").date() not in set(days.index.date)
    assert days["hours"].tolist() == [10, 24, 24, 24, 14]


@pytest.mark.parametrize(
    ("running", "complete"), [(0, True), (1, True), (2, True), (3, False), (5, False)]
)
def test_complete_means_over(running: int, complete: bool) -> None:
    """A day that waits for billing is complete and provisional; one that runs is not complete."""
    days = aggregate(hours(48, running=running), "D")
    assert days["complete"].tolist() == [True, complete]
    assert days["provisional"].tolist() == [False, running > 0]


def test_a_time_of_day_filter_makes_days_of_its_own() -> None:
    """Days of a frame with only some hours are complete with the hours that it has."""
    frame = hours(96)
    office = frame[(frame.index.hour >= 9) & (frame.index.hour < 17)]
    days = aggregate(office, "D")
    assert days["hours"].tolist() == [8] * 4
    assert days["complete"].all()
    assert not aggregate(office.iloc[1:], "D")["complete"].iloc[0]


def test_totals_by_group_in_any_order() -> None:
    """Each group has its own periods, whatever the order of the rows."""
    both = pd.concat([hours(30, agent="b"), hours(25, agent="a")])
    days = aggregate(both, "D")
    found = list(zip(days["agent"], days["total_count"], strict=True))
    assert found == [("b", 24), ("b", 6), ("a", 24), ("a", 1)]
    shuffled = aggregate(both.sample(frac=1, random_state=2), "D")
    key = ["agent", "time"]
    pd.testing.assert_frame_equal(
        shuffled.reset_index().sort_values(key, ignore_index=True),
        days.reset_index().sort_values(key, ignore_index=True),
    )


@given(
    st.sampled_from(["Asia/Kathmandu", "Australia/Lord_Howe", "America/Caracas"]),
    st.integers(1, 200),
    st.randoms(use_true_random=False),
)
def test_divided_hours_do_not_depend_on_row_order(zone: str, n: int, random: Random) -> None:
    """In a zone off the hour the rows' order and what else is in the frame change nothing."""
    frame = hours(n, "2026-04-04 02:00")
    both = pd.concat([frame.assign(agent="b"), 3 * frame.assign(agent="", provisional=False)])
    both["agent"] = ["b"] * n + ["a"] * n
    both = both[["agent", "total_count", "duration", "provisional"]]
    order = random.sample(range(2 * n), 2 * n)
    whole, shuffled = (in_timezone(one, zone) for one in (both, both.iloc[order]))
    key = ["agent", "time"]
    one, two = (f.reset_index().sort_values(key, ignore_index=True) for f in (whole, shuffled))
    pd.testing.assert_frame_equal(one, two, rtol=0, atol=1e-12)
    alone = in_timezone(frame, zone)["total_count"]
    np.testing.assert_allclose(whole.loc[whole["agent"] == "a", "total_count"], 3 * alone)


@pytest.mark.parametrize("every", ["h", "7D", "W-DAY", "ME", ""])
def test_a_bad_period_is_named(every: str) -> None:
    """A period that is none is refused by name, with what is accepted."""
    with pytest.raises(QueryError, match='every: expected "D", "W", "W-SAT", "MS", "QS" or "YS"'):
        aggregate(hours(3), every)


def test_a_frame_without_a_clock_is_refused() -> None:
    """An index without a zone is refused, with what came."""
    with pytest.raises(
        QueryError,
        match=r"tz-aware DatetimeIndex named time, got times without a zone; .*tz_localize",
    ):
        aggregate(hours(3).tz_localize(None), "D")


def test_hours_that_were_only_relabelled_are_refused() -> None:
    """Rows of tz_convert in a zone off the hour are refused: in_timezone divides them."""
    with pytest.raises(QueryError, match="use in_timezone"):
        aggregate(hours(30).tz_convert("Asia/Kolkata"), "D")
