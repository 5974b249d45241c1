"""Reconciling a reply with itself: each check passes on a sound reply and fails on its own flaw."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from usage_analysis.analysis.quality import reconcile
from usage_analysis.errors import QueryError
from usage_analysis.tidy.usage import CallUsage, build_breakdown

ROW = {"totalCount": 4, "errorCount": 1, "joinedCount": 3, "duration": "60s", "billedMinutes": 1.1}


def usage(
    all_time: dict[str, Any] | None = None, daily: dict[str, Any] | None = None, **hour: Any
) -> CallUsage:
    """Two days of one busy hour each; what is given differs in the second of them."""
    days = [ROW | {"date": f"2026-03-0{day}"} for day in (1, 2)]
    hourly = [row | {"hour": 9} for row in days]
    hourly[1] = hourly[1] | hour
    days[1] = days[1] | {key: hour[key] for key in hour if key in ROW} | (daily or {})
    total = {"totalCount": 8, "errorCount": 2, "joinedCount": 6, "duration": "120s"}
    total |= {"billedMinutes": 2.2}
    document = {"allTime": total | (all_time or {}), "daily": days, "hourly": hourly}
    return CallUsage.from_json(json.dumps(document))


def failed(checks: pd.DataFrame) -> list[Any]:
    return checks.index[(checks["ok"] == False).fillna(False)].tolist()  # noqa: E712  # missing is neither


def test_a_sound_reply_passes() -> None:
    """Nothing fails, the figures are there, and all time is told and not judged."""
    checks = reconcile(usage())
    assert failed(checks) == []
    row = checks.loc["hourly = daily, duration"]
    assert row["found"] == row["expected"] == pd.Timedelta("2min")
    assert checks["ok"].isna().sum() == 6
    assert checks.loc["hours with calls", ["found", "expected"]].tolist() == [2, 48]


@pytest.mark.parametrize(
    ("flaw", "check", "found", "expected"),
    [
        ({"daily": {"totalCount": 5}}, "hourly = daily, total_count", 8, 9),
        (
            {"daily": {"duration": "60.000001s"}},
            "hourly = daily, duration",
            pd.Timedelta("2min"),
            pd.Timedelta("120.000001s"),
        ),
        ({"daily": {"billedMinutes": 1.2}}, "hourly = daily, billed_minutes", 2.2, 2.3),
        ({"errorCount": 5}, "errors <= calls", 6, 8),
        ({"joinedCount": 5}, "joined <= calls", 8, 8),
        (
            {"billedMinutes": 1.5},
            "overhead <= 6 s a call",
            pd.Timedelta("30s"),
            pd.Timedelta("18s"),
        ),
    ],
)
def test_each_flaw_is_found(flaw: dict[str, Any], check: str, found: Any, expected: Any) -> None:
    """A flaw fails its own check and no other, with the figures and the bucket it is in."""
    checks = reconcile(usage(**flaw))
    assert failed(checks) == [check]
    row = checks.loc[check]
    assert row["found"] == found
    assert row["expected"] == expected
    assert row["failures"] == 1
    assert row["first"] >= pd.Timestamp("2026-03-02", tz="UTC")


def test_all_time_is_compared_where_it_is_known_to_be_filtered() -> None:
    """All time fails only if it is said to follow the filters."""
    more = usage(all_time={"totalCount": 900})
    assert failed(reconcile(more)) == []
    assert failed(reconcile(more, all_time_filtered=True)) == ["all time = daily, total_count"]
    assert failed(reconcile(usage(), all_time_filtered=True)) == []


def test_a_call_of_many_hours_is_found() -> None:
    """An hour with 8 h of talk beyond that of usual calls fails the check, and no other hour."""
    rows = [ROW | {"date": "2026-03-01", "hour": hour} for hour in range(24)]
    left_open = rows[5] | {"duration": "28860s", "billedMinutes": 481.0}
    for sixth, marked in ((rows[5], 0), (left_open, 1)):
        hourly = [*rows[:5], sixth, *rows[6:]]
        document = {"allTime": ROW, "daily": [ROW | {"date": "2026-03-01"}], "hourly": hourly}
        found = CallUsage.from_json(json.dumps(document))
        row = reconcile(found).loc["no call of many hours"]
        assert row["failures"] == marked
        assert row["ok"] == (marked == 0)
        if marked:
            assert row["first"] == found.hourly.index[5]
            assert row["found"] == pd.Timedelta("28800s")


@pytest.mark.parametrize(("shape", "per_hour"), [(0.0, 0.5), (1.0, 0.5), (0.8, 20)])
def test_ordinary_calls_are_not_left_open(shape: float, per_hour: float) -> None:
    """Calls with exponential or lognormal lengths of 6 min in the mean pass the check in at least
    19 of 20 months, and a call left open for 9 h fails it in all of them."""
    random, passed, found = np.random.default_rng(5), 0, 0
    for _ in range(20):
        calls = random.poisson(per_hour, 720)
        size = int(calls.sum())
        lengths = random.exponential(360, size)
        if shape:
            lengths = 360 * np.exp(random.normal(-(shape**2) / 2, shape, size))
        talk = np.bincount(np.repeat(np.arange(720), calls), lengths, minlength=720)
        for left_open in (0, 9 * 3600):
            calls[100] += left_open > 0
            talk[100] += left_open
            frame = pd.DataFrame(
                {"time": pd.date_range("2026-03-01", periods=720, freq="h", tz="UTC"),
                 "total_count": calls, "joined_count": calls, "duration": talk}
            )  # fmt: skip
            row = reconcile(CallUsage.from_hourly(frame)).loc["no call of many hours"]
            passed += bool(row["ok"]) and not left_open
            found += left_open > 0 and row["first"] == frame["time"][100]
    assert passed >= 19
    assert found == 20


def test_groups_are_checked_each_on_its_own() -> None:
    """What one group has too much and another too little does not cancel out."""
    replies = {
        "a": usage(daily={"totalCount": 5}),
        "b": usage(daily={"totalCount": 3}),
        "c": usage(),
    }
    query = replies["a"].query
    assert query is not None
    checks = reconcile(build_breakdown(replies, "agent", query))
    assert checks.index.names == ["agent", "check"]
    assert failed(checks) == [(name, "hourly = daily, total_count") for name in "ab"]
    assert checks.loc[("a", "hourly = daily, total_count"), ["found", "expected"]].tolist() == [
        8,
        9,
    ]
    alone = reconcile(replies["c"])
    alone = alone[~alone.index.str.startswith("all time")]
    pd.testing.assert_frame_equal(checks.loc["c"], alone, check_dtype=False)


def test_old_replies_are_checked_as_far_as_they_go() -> None:
    """A saved reply of 2025 has days, and no errors: what is there is checked."""
    day = {"totalCount": 4, "joinedCount": 5, "duration": "60s", "date": "2025-03-01"}
    body = json.dumps({"allTime": day, "daily": [day]})
    checks = reconcile(CallUsage.from_json(body, saved=True))
    assert failed(checks) == ["joined <= calls"]
    assert checks.loc["errors <= calls", "missing"] == "error_count"
    assert pd.isna(checks.loc["errors <= calls", "ok"])
    assert checks.loc["days with calls", ["found", "expected"]].tolist() == [1, 1]


def test_a_frame_is_no_usage() -> None:
    """A frame is refused by name."""
    with pytest.raises(QueryError, match="usage: expected a CallUsage, got DataFrame"):
        reconcile(usage().hourly)  # type: ignore[arg-type]
