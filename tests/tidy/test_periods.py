"""Zones and periods: totals conserved, real days, and the answers of plain Python loops."""

from __future__ import annotations

import json

import pytest

from usage_analysis.errors import QueryError
from usage_analysis.tidy.frames import CallUsage
from usage_analysis.tidy.periods import aggregate, in_timezone


def test_one_daily_row_is_a_day() -> None:
    """A reply of a single day has one daily row, which is a whole day and no hour."""
    row = {"totalCount": 3, "errorCount": 1, "joinedCount": 3, "duration": "90s"}
    row |= {"billedMinutes": 1.6, "date": "2026-03-01"}
    body = json.dumps({"allTime": row, "daily": [row], "hourly": [row | {"hour": 9}]})
    daily = CallUsage.from_json(body, as_of="2026-03-05T00:00:00Z").daily
    whole = aggregate(daily, "D").iloc[0]
    assert whole[["hours", "complete"]].tolist() == [24, True]
    with pytest.raises(QueryError, match="in_timezone: expected rows of whole UTC hours"):
        in_timezone(daily, "Asia/Kolkata")
