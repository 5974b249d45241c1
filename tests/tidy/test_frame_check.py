"""The one check of a frame: what every helper refuses, with the line that mends it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import usage_analysis as ua
from tests.analysis.test_every_helper import HELPERS, breakdown, series
from usage_analysis.tidy.grouping import Sums

READS_DURATION = ["average_call_duration", "capacity", "describe_capacity", "traffic_intensity"]
NEED_HOURS = ["busy_hour", "capacity", "load_profile", "peak_hours", "burn_rate"]


@pytest.mark.parametrize("helper", HELPERS)
def test_an_instant_comes_once(helper: str) -> None:
    """Two fetches put together share hours: refused, and the named line leaves each hour once."""
    frame = series(0)
    both = pd.concat([frame, frame.iloc[:11]])
    with pytest.raises(ua.QueryError, match="expected each instant once, got 2026-02-20") as caught:
        HELPERS[helper](both)
    assert 'frame[~frame.index.duplicated(keep="last")]' in str(caught.value)
    mended = both[~both.index.duplicated(keep="last")]
    assert mended["total_count"].sum() == frame["total_count"].sum()
    HELPERS[helper](mended)


@pytest.mark.parametrize("order", ["as they are", "by time", "shuffled"])
def test_a_renamed_group_is_refused(order: str) -> None:
    """Two groups under one name have each hour twice, however their rows stand."""
    frame = breakdown().assign(agent="a")
    frame = frame.sort_index() if order == "by time" else frame
    frame = frame.sample(frac=1, random_state=1) if order == "shuffled" else frame
    with pytest.raises(ua.QueryError, match=r"once per group, got .* of 'a' twice.*merge_groups"):
        ua.error_rate(frame, by="total")
    merged = ua.merge_groups(breakdown(), {"a": ["a", "b"]})
    assert int(ua.error_rate(merged, by="total")["calls"].iloc[0]) == frame["total_count"].sum()


@pytest.mark.parametrize("helper", READS_DURATION)
@pytest.mark.parametrize("kind", ["int64", "float64"])
def test_durations_are_timedeltas(helper: str, kind: str) -> None:
    """Numbers have no unit: 90 is refused rather than read as 90 microseconds."""
    seconds = series(0)["duration"].dt.total_seconds().round().astype(kind)
    with pytest.raises(ua.QueryError, match=r"expected duration as timedelta.*to_timedelta"):
        HELPERS[helper](series(0).assign(duration=seconds))
    mended = series(0).assign(duration=pd.to_timedelta(seconds, unit="s"))
    HELPERS[helper](mended)


WRONG: dict[str, tuple[Callable[[pd.DataFrame], Any], str]] = {
    "no zone": (lambda f: f.tz_localize(None), r"times without a zone; .*tz_localize"),
    "no times": (lambda f: f.reset_index(drop=True), "got RangeIndex"),
    "another name": (lambda f: f.rename_axis("created"), r"rename_axis"),
    "text": (lambda f: f.assign(total_count=f["total_count"].astype(str)), r"pd\.to_numeric"),
    "missing": (lambda f: f.assign(total_count=f["total_count"].mask(f.index.hour == 3)), "dropna"),
    "negative": (lambda f: f.assign(total_count=-f["total_count"]), "total_count from 0"),
    "flags": (lambda f: f.assign(provisional=0), r"astype\(\{\"provisional\": bool\}\)"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_other_frames_are_refused(wrong: str) -> None:
    """Each way in which a frame is not canonical is named, with what mends it."""
    make, message = WRONG[wrong]
    for helper in ("aggregate", "error_rate", "load_profile"):
        with pytest.raises(ua.QueryError, match=message):
            HELPERS[helper](make(series(0)))


@pytest.mark.parametrize("helper", NEED_HOURS)
def test_rows_have_a_known_length(helper: str) -> None:
    """Rows of two hours are refused, although pandas keeps that the frame had hours."""
    hourly = series(0)
    hourly.attrs["every"] = "h"
    two = hourly.resample("2h").sum().astype({"provisional": bool})
    assert two.attrs["every"] == "h"
    for frame in (two, two.set_axis(pd.DatetimeIndex(list(two.index), name="time"))):
        with pytest.raises(ua.QueryError, match="expected rows of one hour or one day"):
            HELPERS[helper](frame)


def test_one_hour_per_day_is_no_day() -> None:
    """Midnight hours of a frame of hours are not taken for days; a column `hours` settles it."""
    hourly = series(0)
    hourly.attrs["every"] = "h"
    hourly.index.freq = None
    nights = hourly[hourly.index.hour == 0]
    with pytest.raises(ua.QueryError, match="one row per day or less, at midnight"):
        ua.load_profile(nights)
    assert ua.load_profile(nights.assign(hours=1.0)).loc[0, "n"] == len(nights)
    nines = hourly[hourly.index.hour == 9]
    assert ua.load_profile(nines).loc[9, "n"] == len(nines)


def test_a_reply_of_one_hour_of_the_day_is_hours() -> None:
    """Calls asked for between 00:00 and 00:59 are hours of their days, not days."""
    usage = ua.sample_client().call_usage(
        from_date="2026-03-01", to_date="2026-03-07", time_of_day_end="00:59"
    )
    assert ua.load_profile(usage.hourly).loc[0, "n"] == 7


def test_hours_that_were_filtered_away_are_told_from_hours_without_calls() -> None:
    """A profile of rows with calls alone is refused; workdays and times of day are not."""
    hourly = series(0)
    hourly.loc[hourly.index.hour < 6, "total_count"] = 0
    busy = hourly.index.hour.isin([2, 3]) & (hourly.index.day % 3 == 0)
    hourly.loc[busy, "total_count"] = 5
    with pytest.raises(ua.QueryError, match=r"hours without calls as rows of zeros.*resample"):
        ua.load_profile(hourly[hourly["total_count"] > 0])
    ua.load_profile(hourly[hourly.index.day_of_week < 5])
    ua.load_profile(hourly[(hourly.index.hour >= 9) & (hourly.index.hour < 17)])
    local = hourly.tz_convert("America/New_York")
    ua.load_profile(local[(local.index.hour >= 9) & (local.index.hour < 17)])


def test_sums_are_bounded() -> None:
    """A sum past 64 bits is refused; one that just fits is exact."""
    most = 2**63 - 1
    values, key = np.array([most - 1, 1, most]), np.array([0, 0, 1])
    assert Sums(key, 2).of(values).tolist() == [most, most]
    with pytest.raises(ua.QueryError, match="sums that 64 bits hold"):
        Sums(np.array([0, 0, 0]), 1).of(values)
    time = pd.date_range("2026-03-02", periods=2, freq="h", tz="UTC", name="time")
    hourly = pd.DataFrame({"total_count": [most, most], "provisional": False}, index=time)
    with pytest.raises(ua.QueryError, match="sums that 64 bits hold"):
        ua.aggregate(hourly, "D")
    row = {"totalCount": most, "errorCount": 0, "joinedCount": 0, "duration": "0s"}
    row |= {"billedMinutes": 0, "date": "2026-03-01"}
    days = [row, {**row, "date": "2026-03-02"}]
    body = json.dumps({"allTime": row, "daily": days, "hourly": []})
    with pytest.raises(ua.ResponseError, match=r"^daily\.totalCount: expected rows whose sum"):
        ua.CallUsage.from_json(body)


USAGE = ua.sample_client().call_usage(from_date="2026-03-30", to_date="2026-03-31")
ADVICE: list[tuple[Callable[[], object], str]] = [
    (lambda: ua.aggregate(USAGE, "D"), "aggregate: .* got CallUsage; pass usage.hourly"),
    (lambda: ua.in_timezone(USAGE, "UTC"), "in_timezone: .*; pass usage.hourly"),
    (lambda: ua.between_days(USAGE), "between_days: .*; pass usage.hourly"),
    (lambda: ua.plot_trend(USAGE), "frame: .*; pass usage.hourly"),
    (lambda: ua.build_report(USAGE.hourly, "x"), "usage: .* got DataFrame; pass the whole reply"),
    (lambda: ua.build_report(USAGE, "x", options={}), "options: expected a ReportOptions"),
    (lambda: ua.Explorer(USAGE), "client: expected a BaseClient, got CallUsage"),
    (lambda: ua.save_figure("x", "y.png"), "figure: expected a figure or axes, got 'x'"),
    (lambda: ua.ReportOptions(price="abc"), "price: expected USD per minute"),
    (lambda: ua.plot_comparison(USAGE.daily), "changes: .* got a frame of hours or days"),
]


@pytest.mark.parametrize(("call", "message"), ADVICE)
def test_an_argument_of_the_wrong_kind_is_refused_with_advice(
    call: Callable[[], object], message: str
) -> None:
    """An argument of the wrong kind or spelling is refused with what to pass instead."""
    with pytest.raises(ua.QueryError, match=f"^{message}"):
        call()
