"""Consistency checks in words."""

from __future__ import annotations

import json

import pytest

import usage_analysis as ua
from usage_analysis.analysis.statements.checks import check_table, state_checks
from usage_analysis.tidy.usage import build_breakdown


def usage(*, hourly: bool = True, saved: bool = False, **wrong: object) -> ua.CallUsage:
    """One day with three calls in one hour, some fields other than they should be."""
    row = {"totalCount": 3, "errorCount": 1, "joinedCount": 3, "duration": "90s"}
    row |= {"billedMinutes": 1.6, "date": "2026-03-01"}
    hour = {**row, "hour": 9, **wrong}
    body = {"allTime": row, "daily": [row], "hourly": [hour] if hourly else []}
    if saved:
        for part in (row, hour):
            part.pop("errorCount", None)
            part.pop("billedMinutes", None)
    query = ua.UsageQuery(from_date="2026-03-01", to_date="2026-03-01")
    return ua.CallUsage.from_json(
        json.dumps(body), query=query, as_of="2026-03-05T00:00Z", saved=saved
    )


def test_all_that_ran_are_counted() -> None:
    """Checks that could not run are named with what is missing, and do not count as passed."""
    assert state_checks(ua.reconcile(usage())).sentence == "All 9 consistency checks passed."
    found = state_checks(ua.reconcile(usage(saved=True)))
    assert found.title == "All 5 consistency checks passed"
    assert "no billed_minutes and no error_count" in found.sentence
    assert not found.urgent


def test_hours_that_are_missing_beside_days_are_urgent() -> None:
    """A reply without hourly rows beside days with calls fails, and says on which day."""
    found = state_checks(ua.reconcile(usage(hourly=False)))
    assert found.title == "5 of 9 consistency checks failed"
    assert "calls of the hours and of the days differ on 1 day, first 2026-03-01" in found.sentence
    assert found.urgent


def test_a_long_call_is_no_alarm() -> None:
    """A call left open fails its check, but nobody is alarmed by it."""
    row = {"totalCount": 3, "errorCount": 1, "joinedCount": 3, "duration": "90s"}
    row |= {"billedMinutes": 1.6, "date": "2026-03-01"}
    hourly = [row | {"hour": hour} for hour in range(24)]
    hourly[9] |= {"duration": "90090s", "billedMinutes": 1501.6}
    sums = {"totalCount": 72, "errorCount": 24, "joinedCount": 72, "duration": "92160s"}
    sums |= {"billedMinutes": 1538.4, "date": "2026-03-01"}
    body = json.dumps({"allTime": row, "daily": [sums], "hourly": hourly})
    found = state_checks(ua.reconcile(ua.CallUsage.from_json(body)))
    assert found.sentence == (
        "1 of 9 consistency checks failed: in 1 hour, first 2026-03-01 09:00 (UTC), talk is over "
        "4 h longer than that of as many usual calls, as if a call had been left open."
    )
    assert not found.urgent
    local = state_checks(ua.reconcile(ua.CallUsage.from_json(body)), "Asia/Tokyo").sentence
    assert "first 2026-03-01 18:00 (Asia/Tokyo)" in local


def test_no_calls_are_told_before_the_checks() -> None:
    """Where the period has no calls, the sentence says so before it counts checks as passed."""
    checks = ua.reconcile(usage())
    checks.loc["hours with calls", "found"] = 0
    expected = "There are no calls in the period; all 9 consistency checks passed."
    assert state_checks(checks).sentence == expected


def test_groups_are_named() -> None:
    """Of a breakdown the sentence names the group whose check failed; the table has every group."""
    replies = {"a": usage(), "b": usage(errorCount=7)}
    query = replies["a"].query
    assert query is not None
    checks = ua.reconcile(build_breakdown(replies, "agent", query))
    found = state_checks(checks)
    assert found.title == "2 of 18 consistency checks failed"
    assert "b: in 1 hour, first 2026-03-01 09:00 (UTC), there are more errors" in found.sentence
    table = check_table(checks)
    assert len(table) == len(checks)
    assert table.loc["b: no more errors than calls", "holds"] == "no"


@pytest.mark.parametrize("saved", [False, True])
def test_the_table_says_why_a_check_did_not_run(saved: bool) -> None:
    """A check without its column says which column is missing, in place of a verdict."""
    table = check_table(ua.reconcile(usage(saved=saved)))
    verdict = table.loc["no more errors than calls", "holds"]
    assert verdict == ("not run: no error_count" if saved else "yes")
