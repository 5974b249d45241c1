"""`CallUsage`: every bucket of the window, nothing after its date, what is unsure marked.

Covers usage.
"""

import json

import numpy as np
import pandas as pd
import pytest

import usage_analysis as ua
from tests.conftest import as_json, reply, row

READ = ua.CallUsage.from_json
MARCH_1 = ua.UsageQuery(from_date="2026-03-01", to_date="2026-03-01")


def test_every_bucket_of_the_window_has_a_row():
    """What the server left out is zeros, in order, whatever the order and number of its rows."""
    rows = [row("2026-03-02", 1, calls=5, seconds=9), row("2026-03-01", 23, calls=7)]
    query = ua.UsageQuery(from_date="2026-03-01", to_date="2026-03-03")
    usage = READ(as_json(reply(rows)), query=query, as_of="2026-04-01T00:00Z")
    assert len(usage.hourly) == 72
    assert usage.daily["total_count"].tolist() == [7, 5, 0]
    assert usage.hourly["total_count"].iloc[[23, 25]].tolist() == [7, 5]
    assert usage.hourly["total_count"].sum() == 12
    assert usage.hourly.index.is_monotonic_increasing
    assert usage.hourly.index.is_unique
    zeros = [row("2026-03-03", hour) for hour in range(24)]
    again = READ(as_json(reply([*zeros, *reversed(rows)])), query=query, as_of="2026-04-01T00:00Z")
    assert again.hourly.equals(usage.hourly)
    assert again.daily.equals(usage.daily)


def test_the_canonical_columns():
    """A frame has the measures in order, typed, and an index `time` in UTC."""
    usage = READ(as_json(reply([row("2026-03-01", 9, calls=1, seconds=1.5, minutes=0.1)])))
    for frame in (usage.daily, usage.hourly):
        assert frame.dtypes.astype(str).to_dict() == {
            "total_count": "int64",
            "error_count": "int64",
            "joined_count": "int64",
            "duration": "timedelta64[us]",
            "billed_minutes": "float64",
            "provisional": "bool",
        }
        assert frame.index.name == "time"
        assert str(frame.index.tz) == "UTC"
    assert usage.all_time["total_count"] == 1
    assert isinstance(usage.all_time["duration"], pd.Timedelta)


def test_no_bucket_lies_after_the_reply():
    """A window that goes on after `as_of` ends with the running hour and day."""
    query = ua.UsageQuery(from_date="2026-03-01", to_date="2026-03-05")
    body = as_json(reply([row("2026-03-02", 14, calls=1), row("2026-03-04", 0)]))
    usage = READ(body, query=query, as_of="2026-03-02T14:30Z")
    assert usage.hourly.index[-1] == pd.Timestamp("2026-03-02T14:00Z")
    assert usage.daily.index[-1] == pd.Timestamp("2026-03-02", tz="UTC")
    with pytest.raises(ua.ResponseError, match=r"hourly\[0\].date.*2026-03-02 14:00 UTC"):
        READ(body, query=query, as_of="2026-03-02T13:59Z")


def test_provisional_marks_the_running_bucket_and_the_billing_lag():
    """A bucket is provisional until two hours after its end."""
    query = ua.UsageQuery(from_date="2026-03-01", to_date="2026-03-02")
    usage = READ(as_json(reply([])), query=query, as_of="2026-03-02T01:30Z")
    flagged = usage.hourly.index[usage.hourly["provisional"]]
    assert [time.hour for time in flagged] == [23, 0, 1]
    assert usage.daily["provisional"].tolist() == [True, True]
    later = READ(as_json(reply([])), query=query, as_of="2026-03-02T02:00Z")
    assert later.daily["provisional"].tolist() == [False, True]


def test_a_row_outside_the_window_is_an_error():
    """Calls that were not asked for are an error: the server did not follow the filter."""
    with pytest.raises(ua.ResponseError, match=r"daily\[0\].date: expected a bucket of the window"):
        READ(as_json(reply([row("2026-02-28", 1, calls=1)])), query=MARCH_1)


def test_a_bare_reply_spans_its_days_and_ends_with_the_last():
    """Without a query the window is the first to the last daily row, as of the last day's end."""
    usage = READ(as_json(reply([row("2026-03-01", 9, calls=1), row("2026-03-03", 9, calls=1)])))
    assert len(usage.daily) == 3
    assert usage.as_of == pd.Timestamp("2026-03-04", tz="UTC")
    assert usage.source == "file"


def test_a_reply_without_rows_is_an_account_without_calls():
    """No row gives zeros over the window asked for, and no window none."""
    assert READ(as_json(reply([])), query=MARCH_1).hourly["total_count"].tolist() == [0] * 24
    usage = READ(as_json(reply([])))
    assert len(usage.hourly) == 0
    assert usage.query is None
    assert "no window" in repr(usage)


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("09:00", "17:00", range(9, 17)),
        ("09:30", "17:30", range(9, 18)),
        (None, "02:00", range(2)),
        ("22:00", None, range(22, 24)),
        ("22:00", "02:00", [0, 1, 22, 23]),
        ("00:00", "00:00", [0]),
    ],
)
def test_a_time_of_day_fills_only_its_hours(start, end, hours):
    """With a time of day only the hours that it touches have rows."""
    query = ua.UsageQuery(
        from_date="2026-03-01", to_date="2026-03-02", time_of_day_start=start, time_of_day_end=end
    )
    usage = READ(as_json(reply([])), query=query)
    assert [time.hour for time in usage.hourly.index] == list(hours) * 2
    assert len(usage.daily) == 2


def test_a_call_at_the_last_instant_of_a_time_of_day_is_kept():
    """An hour that the server counts calls in has a row, whatever the time of day says."""
    query = ua.UsageQuery(from_date="2026-03-01", to_date="2026-03-01", time_of_day_end="02:00")
    usage = READ(as_json(reply([row("2026-03-01", 2, calls=1), row("2026-03-01", 7)])), query=query)
    assert [time.hour for time in usage.hourly.index] == [0, 1, 2]


def test_a_moment_needs_its_zone():
    """A naive `as_of` is refused."""
    with pytest.raises(ua.QueryError, match="as_of"):
        READ(as_json(reply([])), query=MARCH_1, as_of="2026-03-02T00:00")


def test_a_bare_reply_on_disk_is_loaded(tmp_path):
    """`load` reads the vendor's own bytes as `from_json` does."""
    path = tmp_path / "reply.json"
    path.write_bytes(as_json(reply([row("2026-03-01", 9, calls=4)])))
    assert ua.CallUsage.load(path).hourly["total_count"].sum() == 4


def test_a_file_of_a_later_format_is_refused(tmp_path):
    """A file that a newer version wrote is refused with what to do."""
    path = READ(as_json(reply([])), query=MARCH_1).save(tmp_path / "usage.json")
    path.write_text(path.read_text().replace('"format":1', '"format":3'))
    with pytest.raises(ua.ResponseError, match=r"^format: expected 1 or 2, got 3.*upgrade"):
        ua.CallUsage.load(path)


def test_saving_leaves_the_file_whole_or_alone(tmp_path, monkeypatch):
    """A save that fails leaves the old file, and nothing beside it."""
    usage = READ(as_json(reply([])), query=MARCH_1)
    path = usage.save(tmp_path / "usage.json")
    before = path.read_bytes()
    json.loads(before)

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        usage.save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["usage.json"]


def test_durations_past_what_nanoseconds_hold():
    """Three hundred years of talk in an hour are kept to the microsecond."""
    usage = READ(
        as_json(reply([row("2026-03-01", 9, calls=1, seconds="9467280000.000001")], [])),
        query=MARCH_1,
    )
    total = usage.hourly["duration"].to_numpy().sum()
    assert total == np.timedelta64(9467280000000001, "us")
