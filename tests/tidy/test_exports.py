"""`CallUsage.from_hourly`: tables that other platforms have summed by hour."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

import usage_analysis as ua

HOURS = pd.date_range("2026-03-01 22:00", periods=4, freq="h", tz="UTC")
TABLE: dict[str, Any] = {
    "time": HOURS,
    "total_count": [4, 0, 2, 3],
    "error_count": [1, 0, 0, 1],
    "joined_count": [3, 0, 2, 2],
    "duration": [90.5, 0, 60, 61],
    "billed_minutes": [1.6, 0, 1.0, 1.1],
}


def read(**columns: Any) -> ua.CallUsage:
    return ua.CallUsage.from_hourly(pd.DataFrame(TABLE | columns))


def test_hours_and_their_days() -> None:
    """Hours are as in the table, days are their sums, and nothing is provisional."""
    usage = read()
    assert usage.hourly.index.tolist() == HOURS.tolist()
    assert usage.hourly["total_count"].tolist() == TABLE["total_count"]
    assert usage.daily["total_count"].tolist() == [4, 5]
    assert usage.daily["error_count"].tolist() == [1, 1]
    assert usage.daily["duration"].tolist() == [timedelta(seconds=90.5), timedelta(seconds=121)]
    assert usage.daily["billed_minutes"].tolist() == pytest.approx([1.6, 2.1])
    assert not usage.hourly["provisional"].any()
    assert not usage.daily["provisional"].any()
    assert usage.source == "file"
    assert ua.reconcile(usage)["ok"].all()


@pytest.mark.parametrize(
    "columns",
    [
        {"time": HOURS.tz_convert("Asia/Tokyo")},
        {"time": [f"{hour:%Y-%m-%dT%H:%MZ}" for hour in HOURS]},
        {"time": [f"{h:%Y-%m-%dT%H:%MZ}/{h + timedelta(hours=1):%Y-%m-%dT%H:%MZ}" for h in HOURS]},
        {"total_count": ["4", "0", "2", "3"]},
        {"total_count": [4.0, 0.0, 2.0, 3.0]},
        {"duration": ["90.5s", "0s", "PT1M", "0:01:01"]},
        {"duration": pd.to_timedelta([90.5, 0, 60, 61], unit="s")},
    ],
)
def test_forms_of_cells(columns: dict[str, Any]) -> None:
    """Times, intervals, counts and talk in any form that exports have are one usage."""
    pd.testing.assert_frame_equal(read(**columns).hourly, read().hourly)


def test_what_is_not_there_is_absent() -> None:
    """Without errors or bills usage has no such column; an hour without a row had no calls."""
    table = pd.DataFrame(TABLE).drop(columns=["error_count", "billed_minutes"]).drop(index=1)
    usage = ua.CallUsage.from_hourly(table)
    assert not {"error_count", "billed_minutes"} & {*usage.hourly.columns, *usage.daily.columns}
    assert usage.hourly["total_count"].tolist() == [4, 0, 2, 3]
    with pytest.raises(ua.QueryError, match="error_rate needs the column error_count"):
        ua.error_rate(usage.hourly)


def test_times_in_the_index_and_other_names() -> None:
    """Times may be the index, and `columns` says what is ours; the rest is named in a warning."""
    table = pd.DataFrame(TABLE).set_index("time")
    pd.testing.assert_frame_equal(ua.CallUsage.from_hourly(table).hourly, read().hourly)
    other = table.rename(columns={"total_count": "offered"}).assign(queue="Sales")
    with pytest.warns(UserWarning, match="left aside: queue; understood: .*total_count .from off"):
        found = ua.CallUsage.from_hourly(other, columns={"total_count": "offered"})
    pd.testing.assert_frame_equal(found.hourly, read().hourly)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"time": HOURS.repeat(2)[:4]}, r"hourly\[1\]: a second row for 2026-03-01 22:00 UTC"),
        ({"time": pd.date_range(HOURS[0], periods=4, freq="2h")}, "time: .* got rows 2 h long"),
        ({"time": pd.date_range(HOURS[0], periods=4, freq="30min")}, r"time: .* rows 0\.5 h long"),
        ({"time": ["2026-03-01T00:00Z/2026-03-01T02:00Z"] * 4}, "time: .* rows 2 h long"),
        ({"time": HOURS.tz_localize(None)}, "time: expected datetimes with a time zone"),
        ({"total_count": [4, None, 2, 3]}, "total_count: .* in row 1; .*fillna"),
        ({"total_count": [4, "a", 2, 3]}, "total_count: .* got 'a' in row 1"),
        ({"total_count": [4, -1, 2, 3]}, r"hourly\[1\].totalCount: expected int >= 0, got '-1'"),
        ({"total_count": [4, 0.5, 2, 3]}, r"daily\[0\].totalCount: expected int, got float"),
        ({"duration": [1, None, 1, 1]}, "duration: .* in row 1; .*fillna"),
        ({"duration": ["1m", "1s", "1s", "1s"]}, "duration.0.: expected a duration"),
    ],
)
def test_tables_that_cannot_be_read(columns: dict[str, Any], message: str) -> None:
    """Hours that stand twice, rows of other lengths and bad cells are refused by their place."""
    with pytest.raises(ua.UsageError, match=f"^{message}"):
        read(**columns)


@pytest.mark.parametrize("name", ["time", "total_count", "joined_count", "duration"])
def test_a_column_that_is_missing(name: str) -> None:
    """A required column is named; so is a table without rows."""
    table = pd.DataFrame(TABLE)
    word = {"total_count": "totalCount", "joined_count": "joinedCount"}.get(name, name)
    with pytest.raises(ua.UsageError, match=rf"(^|\.){word}: "):
        ua.CallUsage.from_hourly(table.drop(columns=name))
    with pytest.raises(ua.QueryError, match=r"^time: expected the starts of whole UTC hours"):
        ua.CallUsage.from_hourly(table[:0])
    with pytest.raises(ua.QueryError, match=r"^frame: expected a DataFrame"):
        ua.CallUsage.from_hourly([TABLE])  # type: ignore[arg-type]
