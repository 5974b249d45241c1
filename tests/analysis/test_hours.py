"""Days where hours are meant: refused by every helper that needs hours, however they came."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

import usage_analysis as ua
from usage_analysis.query import UsageQuery
from usage_analysis.tidy.usage import CallUsage, build_breakdown

NEED_HOURS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "load_profile": ua.load_profile,
    "busy_hour": ua.busy_hour,
    "peak_hours": ua.peak_hours,
    "describe_peak": ua.describe_peak,
    "capacity": lambda frame: ua.capacity(frame, limit=5),
    "describe_capacity": lambda frame: ua.describe_capacity(frame, limit=5),
    "burn_rate": ua.burn_rate,
    "compare_periods": ua.compare_periods,
    "in_timezone": lambda frame: ua.in_timezone(frame, "America/New_York"),
    "error_rate by hour_of_day": lambda frame: ua.error_rate(frame, by="hour_of_day"),
    "join_rate by hour_of_week": lambda frame: ua.join_rate(frame, by="hour_of_week"),
}


def usage(days: int, calls: int = 24) -> CallUsage:
    """Reply of so many days with a call in every hour."""
    row = {"totalCount": 1, "errorCount": 0, "joinedCount": 1, "duration": "60s"}
    row |= {"billedMinutes": 1.0}
    dates = [f"2026-03-{1 + day:02}" for day in range(days)]
    hourly = [row | {"date": date, "hour": hour} for date in dates for hour in range(24)]
    day = {"totalCount": calls, "errorCount": 0, "joinedCount": calls, "duration": "1440s"}
    daily = [day | {"billedMinutes": 24.0, "date": date} for date in dates]
    query = UsageQuery(from_date=dates[0], to_date=dates[-1])
    body = json.dumps({"allTime": daily[0], "daily": daily, "hourly": hourly})
    return CallUsage.from_json(body, query=query, as_of="2026-04-30T00:00Z")


def grouped(days: int) -> CallUsage:
    one = usage(days)
    assert one.query is not None
    return build_breakdown({"a": one, "b": one}, "agent", one.query)


DAYS = {
    "a reply's days": usage(3).daily,
    "its only day": usage(1).daily,
    "one of its days": usage(3).daily.iloc[[1]],
    "days of a breakdown": grouped(3).daily,
    "the only day of a breakdown": grouped(1).daily,
    "aggregated days": ua.aggregate(usage(3).hourly, "D"),
    "one aggregated day": ua.aggregate(usage(1).hourly, "D"),
    "aggregated days of a breakdown": ua.aggregate(grouped(2).hourly, "D"),
    "sums over a day": ua.rolling(usage(3).hourly, "1D"),
}


@pytest.mark.parametrize("days", DAYS.values(), ids=DAYS)
@pytest.mark.parametrize("helper", NEED_HOURS)
def test_days_are_refused_where_hours_are_meant(helper: str, days: pd.DataFrame) -> None:
    """A helper that needs hours names itself, how long the rows are, and where hours come from."""
    with pytest.raises(
        ua.QueryError,
        match=rf"^{helper}: expected hourly rows, got rows "
        r"of 24 h; .*usage\.hourly, or in_timezone",
    ):
        NEED_HOURS[helper](days)


@pytest.mark.parametrize("by", ["day_of_week", "total", None])
def test_days_have_their_rates(by: str | None) -> None:
    """Rates by weekday, by bucket and in total take days, and give what hours give."""
    reply = usage(9)
    assert ua.error_rate(reply.daily, by=by)["calls"].sum() == 9 * 24
    if by is not None:
        found = ua.error_rate(reply.hourly, by=by)
        pd.testing.assert_frame_equal(ua.error_rate(reply.daily, by=by), found)


def test_weeks_have_no_weekday() -> None:
    """Rates by weekday refuse rows longer than a day."""
    with pytest.raises(ua.QueryError, match="day_of_week: expected hourly or daily rows, got rows"):
        ua.error_rate(ua.aggregate(usage(9).hourly, "W"), by="day_of_week")


def test_one_day_of_a_breakdown_is_a_day() -> None:
    """The single daily row of each group is a whole day, and its erlangs are a day's."""
    daily = grouped(1).daily
    assert ua.aggregate(daily, "D")[["hours", "complete"]].to_numpy().tolist() == [[24, True]] * 2
    assert ua.traffic_intensity(daily)["traffic"].round(9).tolist() == [round(1 / 60, 9)] * 2


def test_an_hour_a_day_is_an_hour() -> None:
    """Rows of one hour a day are hours, at noon and where only they are asked for."""
    noon = usage(3).hourly.loc[lambda rows: rows.index.hour == 12]
    assert ua.traffic_intensity(noon).round(9).tolist() == [round(1 / 60, 9)] * 3
    assert ua.load_profile(noon).loc[12, ["mean", "n", "hours"]].tolist() == [1, 3, 3]


def test_days_of_another_clock_are_refused() -> None:
    """UTC days that were only put on another clock are no local days."""
    moved = usage(3).daily.tz_convert("America/New_York")
    for helper in (ua.traffic_intensity, ua.project_month, lambda days: ua.aggregate(days, "D")):
        with pytest.raises(ua.QueryError, match="expected days that begin at local midnight"):
            helper(moved)


def test_weeks_of_pandas_do_not_say_how_long_they_are() -> None:
    """Rows whose frequency is longer than a day are refused without their `hours`."""
    weeks = usage(20).hourly[["total_count", "duration"]].resample("W-MON", label="left").sum()
    with pytest.raises(ua.QueryError, match=r"rows of frequency W-MON .*; make .* with aggregate"):
        ua.traffic_intensity(weeks)
