"""Cells of logs and exports as other programs write them."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from usage_analysis.errors import QueryError
from usage_analysis.tidy.tables import (
    MISSING,
    choose_columns,
    read_durations,
    read_flags,
    read_times,
    warn_of_columns,
)

NOON = 1_772_366_400  # 2026-03-01T12:00:00Z
NEW_YORK = ZoneInfo("America/New_York")


def times(cells, zone=None, **settings):
    return read_times("created", {"created": pd.Series(cells, **settings)}, zone).tolist()


def durations(cells, name="duration", **settings):
    column = pd.Series(cells, name=name, **settings)
    return read_durations("duration", {"duration": column}).tolist()


@pytest.mark.parametrize("empty", [None, float("nan"), pd.NA, pd.NaT])
def test_empty_cells(empty):
    """An empty cell is false, a duration of 0 and no time, whatever stands for it."""
    assert read_flags(pd.Series([True, empty], dtype=object)).tolist() == [True, False]
    assert durations(["1.5s", empty], dtype=object) == [1_500_000, 0]
    assert times(["1970-01-01T00:00:01Z", empty], dtype=object) == [1_000_000, MISSING]


def test_mixed_durations():
    """One column may mix seconds, timedeltas and the vendor's texts."""
    mixed = [2, 2.5, timedelta(seconds=3), "4s", "0:00:05"]
    assert durations(mixed, dtype=object) == [int(each * 1e6) for each in [2, 2.5, 3, 4, 5]]


@pytest.mark.parametrize(
    ("name", "seconds"),
    [("duration", 61), ("billsec", 61), ("duration_ms", 0.061), ("durationMs", 0.061),
     ("talkMillis", 0.061), ("duration_minutes", 3660), ("durationMinutes", 3660), ("items", 61)],
)  # fmt: skip
@pytest.mark.parametrize("cell", [61, "61", 61.0])
def test_a_name_ends_in_its_unit(name, seconds, cell):
    """Numbers are seconds, in text too, unless the column's own name ends in another unit."""
    assert durations([cell], name) == [round(seconds * 1e6)]


def test_flags_as_text():
    """A file has true and false as text in any case; other words, such as "yes", are no flags."""
    assert read_flags(pd.Series(["True", "FALSE", "1", "0.0", None])).tolist() == [
        *(True, False, True, False, False)
    ]
    assert read_flags(pd.Series([1, 0, 1])).tolist() == [True, False, True]
    for words in (["yes", "no"], [True, "yes"], [2.0, 0.0], [True, None, "y"]):
        assert read_flags(pd.Series(words, dtype=object)) is None


@pytest.mark.parametrize(
    "cell",
    [
        "2026-03-01T12:00:00Z",
        "2026-03-01 12:00:00+00:00",
        "2026-03-01T12:00:00.000000+0000",
        "Sun, 01 Mar 2026 12:00:00 +0000",
        "Sun, 01 Mar 2026 12:00:00 GMT",
        "Sun, 01 Mar 2026 07:00:00 -0500",
        NOON,
        NOON * 1000,
        NOON * 1_000_000,
        NOON * 1_000_000_000,
        float(NOON),
        str(NOON),
        str(NOON * 1000),
    ],
)
def test_one_instant_in_many_forms(cell):
    """ISO 8601, dates as in e-mail, and epochs in any unit, as numbers or text, are one instant."""
    assert times([cell, cell]) == [NOON * 1_000_000] * 2


def test_texts_of_several_offsets():
    """A column whose offsets differ is read; one cell without an offset is refused by its text."""
    cells = ["2026-03-01T12:00:00Z", "2026-03-01T07:00:00-05:00"]
    assert times(cells) == [NOON * 1_000_000] * 2
    with pytest.raises(QueryError, match=r"^created: .* got '2026-03-01T07:00:00' without one"):
        times([*cells, "2026-03-01T07:00:00"])


@pytest.mark.parametrize("cells", [[NOON, NOON * 1000], [5], ["5"], [NOON, 0], [-NOON]])
def test_epochs_of_no_unit(cells):
    """Numbers that are no epochs in one unit are refused with the line that reads them."""
    with pytest.raises(QueryError, match=r"^created: expected epochs .* unit=\"s\""):
        times(cells)


@pytest.mark.parametrize("cell", ["01/03/2026 12:00", "noon", "2026-13-01T10:00Z"])
def test_texts_of_no_form(cell):
    """A text of another form is quoted, with the line of pandas that reads it."""
    with pytest.raises(QueryError, match=rf"^created: .*{re.escape(repr(cell))}.* format="):
        times([cell])


REPEATED = [
    "2026-11-01 00:30:00", "2026-11-01 01:10:00", "2026-11-01 01:50:00", "2026-11-01 01:05:00",
    "2026-11-01 01:55:00", "2026-11-01 02:15:00",
]  # fmt: skip
HOURS = [4, 5, 5, 6, 6, 7]  # UTC


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)], ids=["oldest", "newest"])
@pytest.mark.parametrize("parsed", [False, True])
def test_the_order_tells_a_repeated_hour_apart(order, parsed):
    """Rows in order, oldest or newest first, say which of two alike hours each clock shows."""
    cells = pd.Series(REPEATED)[order].reset_index(drop=True)
    cells = pd.to_datetime(cells) if parsed else cells
    found = pd.to_datetime(times(cells, NEW_YORK), unit="us")
    assert found.hour.tolist() == HOURS[order]
    assert times(["2026-07-01 08:00", "2026-01-01 07:00"], NEW_YORK) == [
        pd.Timestamp(text).value // 1000 for text in ("2026-07-01T12:00Z", "2026-01-01T12:00Z")
    ]


@pytest.mark.parametrize(
    ("cells", "rows"),
    [
        (REPEATED[:3], "1, 2"),  # the hour comes once: before or after the change?
        ([REPEATED[place] for place in (2, 4, 0, 3, 5, 1)], "0, 1, 3, 5"),  # in no order
        (["2026-03-08 02:30:00", "2026-03-08 04:00:00"], "0"),  # an hour that spring leaves out
    ],
)
def test_clocks_that_tell_no_instant(cells, rows):
    """A repeated hour without an order, and an hour that never was, are refused by their rows."""
    with pytest.raises(
        QueryError, match=rf"^created: .* clock of America/New_York .* rows {rows};"
    ):
        times(cells, NEW_YORK)


def test_columns_by_our_names():
    """`columns` renames, reaches into dicts and leaves aside; one warning names all columns."""
    frame = pd.DataFrame({"start": [1], "duration": [2], "Agent": [{"Name": "Ann"}], "x.y": [3]})
    ours = {"created": "start", "duration": None, "agent": "Agent.Name", "metadata.k": "x.y"}
    known = ("created", "duration", "agent")
    found = choose_columns(frame, ours, known)
    with pytest.warns(UserWarning, match="left aside: duration; understood: created .from start"):
        warn_of_columns(frame, found, known)
    assert {name: column.tolist() for name, column in found.items()} == {
        "created": [1], "agent": ["Ann"], "metadata.k": [3]
    }  # fmt: skip
    with pytest.raises(QueryError, match=r"^columns: expected our names .* got 'when'"):
        choose_columns(frame, {"when": "start"}, ("created",))
    with pytest.raises(QueryError, match=r"^begin: expected a column with this name, got \['start"):
        choose_columns(frame, {"created": "begin"}, ("created",))


def test_a_column_of_our_name_that_is_another():
    """A column whose name is ours gives way to the one that `columns` names."""
    frame = pd.DataFrame({"duration": [45], "billsec": [40]})
    found = choose_columns(frame, {"duration": "billsec"}, ("duration",))
    with pytest.warns(UserWarning, match="left aside: duration;"):
        warn_of_columns(frame, found, ("duration",))
    assert found["duration"].tolist() == [40]


def test_zones_of_parsed_times():
    """Parsed times with a zone are read in any unit; without a zone they need one."""
    moments = pd.Series(pd.to_datetime(["2026-03-01 07:00"])).dt.tz_localize("America/New_York")
    for unit in ("s", "ns"):
        assert times(moments.dt.as_unit(unit)) == [NOON * 1_000_000]
    assert times(moments.dt.tz_localize(None), NEW_YORK) == [NOON * 1_000_000]
    with pytest.raises(QueryError, match=r"^created: .* without one; say whose clock"):
        times(moments.dt.tz_localize(None))
    assert np.array(times(pd.Series([], dtype=object))).size == 0
