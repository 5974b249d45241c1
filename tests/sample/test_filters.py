"""Exact ranges in microseconds from query strings."""

import pytest

from usage_analysis.sample.filters import Filters, parse_filters

NOON = 1_772_366_400_000_000  # 2026-03-01T12:00:00Z
DAY = 86_400_000_000


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", Filters()),
        ("fromDate=2026-03-01T12:00Z", Filters(first=NOON)),
        ("fromDate=2026-03-01t12:00:00z", Filters(first=NOON)),
        ("fromDate=2026-03-01 17:30:00%2B05:30", Filters(first=NOON)),
        ("fromDate=2026-03-01T07:00:00-05:00", Filters(first=NOON)),
        ("fromDate=2026-03-01T12:00:00.5Z", Filters(first=NOON + 500_000)),
        ("fromDate=2026-03-01", Filters(first=NOON - DAY // 2)),
        ("toDate=2026-03-01", Filters(last=NOON + DAY // 2 - 1)),
        ("timeOfDayStart=12:00&timeOfDayEnd=12:00:00.000001",
         Filters(earliest=DAY // 2, latest=DAY // 2 + 1)),
        ("durationMin=1.5s&durationMax=90s", Filters(shortest=1_500_000, longest=90_000_000)),
        ("search=a%2Bb+c", Filters(search="a+b c")),
        ("metadata.a.b=c%3Dd&metadata.=", Filters(metadata={"a.b": "c=d", "": ""})),
    ],
)  # fmt: skip
def test_forms(query, expected):
    """Each form of a value is read: an offset is subtracted, a bare date is its whole day."""
    assert parse_filters(query) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("fromDate=2026-03-01T12:00:00.000000001Z", Filters(first=NOON + 1)),
        ("toDate=2026-03-01T12:00:00.000000999Z", Filters(last=NOON)),
        ("durationMin=60.000000001s", Filters(shortest=60_000_001)),
        ("durationMax=60.000000999s", Filters(longest=60_000_000)),
    ],
)
def test_less_than_a_microsecond(query, expected):
    """An end with nanoseconds includes exactly the calls, in microseconds, that it should."""
    assert parse_filters(query) == expected
