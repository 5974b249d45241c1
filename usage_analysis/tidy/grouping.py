"""Rows of a frame as groups and slots of the local clock, and sums over them.

Sums count instead of grouping, which is faster. A breakdown repeats each instant once per group, so
local times are computed once per distinct instant and then looked up for each row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.errors import refusal
from usage_analysis.tidy import zones
from usage_analysis.tidy.frames import copy_source, group_column, in_millionths
from usage_analysis.tidy.zones import DAY, HOUR, Instants

#: Repeating slots of the local clock, and how many there are; weeks begin on Monday.
SLOTS = {"hour_of_day": 24, "day_of_week": 7, "hour_of_week": 168}

# No day of any clock was ever longer.
_LONGEST = {"hour": 1.0, "day": 27.0}
_SHORTEST_DAY = 20 * HOUR


@dataclass(frozen=True)
class Rows:
    """Rows of a frame as numbers of groups and of distinct instants."""

    #: Number of each row's instant.
    place: NDArray[np.intp]
    #: Distinct instants, in order [us since 1970, UTC].
    times: Instants
    #: Local clock of each instant [us].
    local: Instants
    zone: tzinfo
    #: Number of each row's group; 0 throughout in a single series.
    code: NDArray[np.intp]
    #: Groups in order of appearance, named as their column; None for a single series.
    groups: pd.Index | None
    #: Whether the rows are days.
    daily: bool

    @property
    def count(self) -> int:
        """Number of groups; 1 for a single series."""
        return 1 if self.groups is None else len(self.groups)

    def slots(self, by: str) -> NDArray[np.int64]:
        """Return the slot of each instant: hour 0 to 23, weekday 0 (Monday) to 6, or 0 to 167."""
        if by == "hour_of_day":
            return self.local // HOUR % 24
        if by == "day_of_week":
            return zones.weekday_of(self.local // DAY)
        hour = self.local // HOUR
        return 24 * zones.weekday_of(hour // 24) + hour % 24

    def index(self, by: str) -> pd.Index:
        """Return an index of all slots, under each group of a breakdown."""
        slots = pd.RangeIndex(SLOTS[by], name=by)
        if self.groups is None:
            return slots
        return pd.MultiIndex.from_product([self.groups, slots])

    def lengths(self) -> NDArray[np.float64]:
        """Return the elapsed time of each instant's bucket [h], whatever `hours` say."""
        return lengths_of(self.times, self.zone, daily=self.daily) / HOUR


def rows_of(frame: pd.DataFrame) -> Rows:
    """Return the rows of a frame by group and instant.

    Raises
    ------
    QueryError
        The index is not tz-aware.
    """
    times, zone = zones.row_times(frame), zones.zone_of(frame)
    place, known = zones.distinct(times)
    code, groups = groups_of(frame)
    local = zones.clock_of(known, zone)
    return Rows(place, known, local, zone, code, groups, _are_days(frame, known))


def insert_group(
    result: pd.DataFrame, frame: pd.DataFrame, codes: NDArray[np.intp], groups: pd.Index | None
) -> pd.DataFrame:
    """Insert the group of each row as first column of a result, if the frame has groups."""
    name = group_column(frame)
    if name is not None and groups is not None:
        result.insert(0, name, groups.take(codes).astype(frame[name].dtype))
    return copy_source(result, frame)


def each_group(frame: pd.DataFrame) -> Iterator[tuple[Any, pd.DataFrame]]:
    """Yield each group of a breakdown and its rows, without the group column."""
    code, groups = groups_of(frame)
    if groups is None or len(groups) == 0:
        return
    alone = frame.drop(columns=str(groups.name))
    alone.attrs.pop("overlapping", None)  # one group alone shares no calls
    if not zones.in_order(code):
        alone = alone.iloc[np.argsort(code, kind="stable")]
    ends = np.cumsum(np.bincount(code)).tolist()
    for group, start, end in zip(groups, [0, *ends[:-1]], ends, strict=True):
        yield group, alone.iloc[start:end]


def groups_of(frame: pd.DataFrame) -> tuple[NDArray[np.intp], pd.Index | None]:
    """Return the number of each row's group and the groups; zeros and None for a single series."""
    name = group_column(frame)
    if name is None:
        return np.zeros(len(frame), dtype=np.intp), None
    code, groups = pd.factorize(frame[name])
    if len(code) and code.min() < 0:
        # Rows without a name are a group too; asked at once this would take three times as long.
        code, groups = pd.factorize(frame[name], use_na_sentinel=False)
    return code.astype(np.intp, copy=False), pd.Index(groups, name=name)


class Sums:
    """Sums of any column of a frame under each key below `count`."""

    def __init__(self, key: NDArray[np.intp], count: int) -> None:
        self.key, self.count = key, count

    def of(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the sum of the values under each key; integers stay exact.

        Raises
        ------
        QueryError
            A sum is larger than 64 bits hold.
        """
        plain = values.view(np.int64) if values.dtype.kind == "m" else values
        if plain.dtype.kind == "f":
            return np.bincount(self.key, plain, minlength=self.count)
        check_sums(plain, self.key)
        out = np.zeros(self.count, dtype=np.int64)
        np.add.at(out, self.key, plain)
        return out.view(values.dtype) if values.dtype.kind == "m" else out

    def of_column(self, column: pd.Series) -> NDArray[Any]:
        """Return the sum of a column of a frame under each key.

        Tenths of billed minutes add up exactly: in binary, ten tenths added one by one are not 1.
        """
        values = column.to_numpy()
        decimals = column.name == "billed_minutes" and values.dtype.kind == "f"
        micro = in_millionths(values) if decimals else None
        return self.of(values) if micro is None else self.of(micro) / 1e6


def check_sums(values: NDArray[Any], key: NDArray[np.intp]) -> None:
    """Refuse sums of integers that 64 bits do not hold: they would wrap round below 0.

    Raises
    ------
    QueryError
        A sum is larger; the message names the line of pandas that finds the wrong rows.
    """
    if int(values.max(initial=0)) * len(values) < 2**63:
        return
    near = np.flatnonzero(np.bincount(key, values.astype(np.float64)) >= 2.0**62)
    if any(sum(values[key == one].tolist()) >= 2**63 for one in near):
        raise refusal("too_large")


def row_lengths(frame: pd.DataFrame) -> NDArray[np.float64]:
    """Return the elapsed time that each row of a frame covers [us], shape (n,).

    A column `hours` gives the lengths. Without this column, rows are days if they begin with the
    days of their clock and are one day apart. A single row is a day if the frame is the daily frame
    of a reply. Other rows are clock hours.

    Raises
    ------
    QueryError
        Rows begin within a clock hour (a zone off the hour needs `in_timezone`), days do not begin
        with the days of their clock, or the index has the frequency of a longer period.
    """
    if "hours" in frame:
        return frame["hours"].to_numpy(dtype=np.float64) * HOUR
    times, zone = zones.row_times(frame), zones.zone_of(frame)
    known = zones.instants(times)
    lengths = lengths_of(known, zone, daily=_are_days(frame, known))
    if len(known) and lengths.min() == lengths.max():
        return np.broadcast_to(lengths[:1], len(times))
    return lengths[zones.distinct(times)[0]]


def covered_lengths(frame: pd.DataFrame) -> NDArray[np.float64]:
    """Return the elapsed time of each row for which there are data [us], shape (n,).

    It is the length of the row, except at the edges of data in a zone off the hour. There
    `in_timezone` makes a row of the part of a UTC hour that lies in a clock hour, and flags it.
    """
    lengths, times = row_lengths(frame), zones.row_times(frame)
    if "hours" in frame or "provisional" not in frame or len(times) == 0:
        return lengths
    first, last = int(times.min()), int(times.max())
    if first % HOUR == 0 and last % HOUR == 0:
        return lengths
    waiting = frame["provisional"].to_numpy(dtype=bool)
    out = lengths.copy()
    # Data begin and end with whole UTC hours.
    if first % HOUR:
        begin = waiting & (times == first)
        out[begin] = np.minimum(out[begin], (first + out[begin]) % HOUR)
    if last % HOUR:
        end = waiting & (times == last)
        out[end] = np.minimum(out[end], HOUR - last % HOUR)
    return out


def _are_days(frame: pd.DataFrame, known: Instants) -> bool:
    """Return True if rows are days of their clock, False if they are clock hours.

    ``attrs["every"]`` and the index's frequency say so. pandas keeps attrs through ``resample``, so
    they are believed only where the distance between rows agrees. Without them the distance alone
    decides, and only where it leaves no doubt.

    Raises
    ------
    QueryError
        The rows are neither, or their length is not known.
    """
    apart = int(np.diff(known).min()) if len(known) > 1 else DAY
    # Clock changes make days of 21 to 27 hours.
    far = apart >= _SHORTEST_DAY
    if "hours" in frame:  # days and longer periods begin at midnight
        return len(known) > 1 and far and _at_midnight(frame, known)
    every = _step_of(frame)
    if every == "D" and len(known):
        if not far or not _at_midnight(frame, known):
            raise refusal("other_days", zone=zones.zone_of(frame))
        return True
    if len(known) < 2 or apart <= HOUR:
        return False
    if not far:
        raise refusal("unknown_length", got=f"rows {apart / HOUR:g} h apart")
    if not _at_midnight(frame, known):
        return False  # one hour of each day, or of some days
    if every is None and apart <= _LONGEST["day"] * HOUR:
        return True
    raise refusal("unknown_length", got="one row per day or less, at midnight")


def _at_midnight(frame: pd.DataFrame, known: Instants) -> bool:
    """Return True if rows begin with the days of their clock."""
    zone = zones.zone_of(frame)
    return bool(
        np.all(known == zones.first_instants(zone, zones.clock_of(known, zone) // DAY * DAY))
    )


def _step_of(frame: pd.DataFrame) -> str | None:
    """Return the length of rows that a frame states: ``"h"``, ``"D"`` or None."""
    freq, every = getattr(frame.index, "freq", None), frame.attrs.get("every")
    if isinstance(freq, pd.offsets.Day):
        return "D" if freq.n == 1 else None
    if isinstance(freq, pd.offsets.Tick):
        return "h" if pd.Timedelta(freq) == pd.Timedelta(hours=1) else None
    if freq is not None:
        raise refusal("longer", got=f"frequency {freq.freqstr}")
    if every not in (None, "h", "D"):
        raise refusal("longer", got=f"length {every}")
    return every


def lengths_of(times: Instants, zone: tzinfo, *, daily: bool) -> NDArray[np.float64]:
    """Return the elapsed time of days or clock hours that begin at distinct instants [us].

    Raises
    ------
    QueryError
        Rows begin within a clock hour.
    """
    if len(times) == 0:
        return np.zeros(0)
    if not daily and zones.even_hours(times, zone):
        return np.broadcast_to(np.float64(HOUR), len(times))
    local = zones.clock_of(times, zone)
    if daily:
        return (zones.first_instants(zone, local // DAY * DAY + DAY) - times).astype(np.float64)
    changes = zones.offsets(zone, int(times[0]), int(times[-1]) + HOUR)[0]
    past = local % HOUR
    if past.any() and np.any((past != 0) & ~np.isin(times, changes)):
        raise refusal("off_the_hour")
    lengths = HOUR - past
    # A change of the clock ends the row in which it comes.
    last = np.searchsorted(times, changes[1:]) - 1
    np.minimum.at(lengths, last, changes[1:] - times[last])
    return lengths.astype(np.float64)


def provisional_instants(frame: pd.DataFrame) -> int:
    """Return the number of provisional buckets; groups that share a bucket count once."""
    late = frame["provisional"].to_numpy(dtype=bool)
    return len(np.unique(zones.row_times(frame)[late])) if late.any() else 0


def check_rows(helper: str, frame: pd.DataFrame, most: Literal["hour", "day"]) -> None:
    """Check that no row of a frame is longer than one hour, or than one local day.

    Raises
    ------
    QueryError
        A row is longer; the message says how to get hours. Or as for `row_lengths`.
    """
    check_longest(helper, float(row_lengths(frame).max(initial=0.0)) / HOUR, most)


def check_longest(helper: str, longest: float, most: Literal["hour", "day"]) -> None:
    """Check the length of a frame's longest row [h], as `check_rows` does."""
    if longest > _LONGEST[most]:
        wanted = "hourly" if most == "hour" else "hourly or daily"
        raise refusal("too_long", helper=helper, wanted=wanted, hours=longest)
