"""The vendor's JSON of sums, as any JSON reader reads it."""

import json
from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from usage_analysis.sample.reply import Sums, render

EDGES = st.sampled_from([0, 1, 9, 10, 9_999, 10_000, 10_001, 99_999_999, 100_000_000, 10**12])
NUMBER = EDGES | st.integers(0, 10**15)
ROW = st.tuples(NUMBER.map(lambda n: n + 1), NUMBER, NUMBER, NUMBER, NUMBER)


@given(st.integers(-50_000, 700_000), st.lists(ROW | st.none(), max_size=60))
def test_text_is_exact(first, rows):
    """Each sum has all its digits, however long it is; empty hours have no row."""
    values = np.array([row or (0,) * 5 for row in rows], dtype=np.int64).reshape(-1, 5).T
    sums = Sums(first, values)
    document = json.loads(render(sums.total(), sums), parse_float=Decimal)
    start = np.datetime64(0, "h") + first
    expected = {str((start + place).astype("M8[h]")): row for place, row in enumerate(rows) if row}
    found = {f"{row['date']}T{row['hour']:02}": measures(row) for row in document["hourly"]}
    assert found == expected
    assert len(found) == len(document["hourly"])
    days = {}
    for hour, row in expected.items():
        days.setdefault(hour[:10], []).append(row)
    assert {row["date"]: measures(row) for row in document["daily"]} == {
        day: tuple(map(sum, zip(*parts, strict=True))) for day, parts in days.items()
    }
    assert measures(document["allTime"]) == tuple(values.sum(axis=1))


def measures(row):
    """Return calls, errors, joined, talk [us] and billed time [1/10 min] of a row."""
    seconds, minutes = Decimal(row["duration"].removesuffix("s")), Decimal(row["billedMinutes"])
    return (
        row["totalCount"],
        row["errorCount"],
        row["joinedCount"],
        int(seconds * 10**6),
        int(minutes * 10),
    )
