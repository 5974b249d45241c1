"""Local clocks: the local hour, day or month of instants, for every zone and date.

Instants are int64 microseconds since 1970 in UTC. Local clock times are the same on a local clock.
For zones of `zoneinfo` pandas calls Python for the offset of each row. This module finds the few
changes of offset in a window once and looks rows up between them, which is much faster.
"""

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.errors import QueryError

HOUR = 3_600_000_000
DAY = 24 * HOUR
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
#: Parts of hours are sums of fractions, this far from whole at most [us].
SLACK = 10

_STRETCH = 128 * DAY
_FIRST = (datetime(1, 1, 3, tzinfo=UTC) - EPOCH) // TICK
_LAST = (datetime(9999, 12, 29, tzinfo=UTC) - EPOCH) // TICK

Instants = NDArray[np.int64]


def microseconds(instant: datetime) -> int:
    """Return the microseconds since 1970 of an instant."""
    return (instant - EPOCH) // TICK


def instant_of(moment: int | np.int64) -> datetime:
    """Return the instant of a number of microseconds since 1970, UTC."""
    return EPOCH + int(moment) * TICK


class ClockHours(NamedTuple):
    """Local clock hours in order, each at one offset; nearly all of them last one hour."""

    #: First instant of each [us, UTC].
    start: Instants
    #: First instant after each [us, UTC].
    end: Instants
    #: Local clock at the start [us].
    local: Instants

    @property
    def lengths(self) -> Instants:
        """Elapsed time of each [us]."""
        return self.end - self.start


def zone_of(frame: pd.DataFrame) -> tzinfo:
    """Return the time zone of a frame's index.

    Raises
    ------
    QueryError
        The index does not have instants with a zone.
    """
    index = frame.index
    if not isinstance(index, pd.DatetimeIndex) or index.tz is None:
        kind = index.dtype if isinstance(index, pd.DatetimeIndex) else type(index).__name__
        raise QueryError(f"frame: expected a tz-aware DatetimeIndex named time, got {kind}")
    return index.tz


def row_times(frame: pd.DataFrame) -> Instants:
    """Return the start of each row [us since 1970, UTC], shape (n,)."""
    zone_of(frame)
    index = cast(pd.DatetimeIndex, frame.index)
    # Asked for the unit that it has, an index is copied.
    return index.asi8 if index.unit == "us" else index.as_unit("us").asi8


def to_index(times: Instants, zone: tzinfo) -> pd.DatetimeIndex:
    """Return an index `time` of instants in a time zone."""
    utc = pd.DatetimeIndex(times.view("M8[us]"), name="time").tz_localize("UTC")
    return utc if str(zone) == "UTC" else utc.tz_convert(zone)


def _offset(zone: tzinfo, instant: int) -> int:
    clipped = min(max(instant, _FIRST), _LAST)
    offset = (EPOCH + clipped * TICK).astimezone(zone).utcoffset()
    return 0 if offset is None else offset // TICK


def offsets(zone: tzinfo, start: int, end: int) -> tuple[Instants, Instants]:
    """Return the instants from which offsets hold, the first at `start`, and the offsets [us]."""
    changes = [(start, _offset(zone, start))]
    for stretch in range(start // _STRETCH, end // _STRETCH + 1):
        changes += [one for one in _known_changes(zone, stretch) if start < one[0] <= end]
    since, held = zip(*changes, strict=True)
    return np.array(since, dtype=np.int64), np.array(held, dtype=np.int64)


def whole_hours(hourly: pd.DataFrame, zone: str | tzinfo) -> pd.DataFrame:
    """Return an hourly frame on the clock of a zone, undivided: rows may begin within clock hours.

    Divided hours are smoother than the calls were, which misleads whoever judges single hours.
    """
    return hourly.tz_convert(zone).assign(hours=hourly.get("hours", 1.0))


def has_whole_hours(zone: tzinfo, start: int, end: int) -> bool:
    """Return True if a zone has offsets of whole hours in a window, which change on the hour."""
    since, held = offsets(zone, start, end)
    return not (np.any(held % HOUR) or np.any(since[1:] % HOUR))


def _known_changes(zone: tzinfo, stretch: int) -> tuple[tuple[int, int], ...]:
    try:
        return _changes(zone, stretch)
    except TypeError:  # dateutil's zones cannot be kept by
        return _changes.__wrapped__(zone, stretch)


@lru_cache(maxsize=4096)
def _changes(zone: tzinfo, stretch: int) -> tuple[tuple[int, int], ...]:
    """Instants of a stretch of 128 days at which the offset changes, with the new one [us].

    Looks at each day and halves where two differ; no zone ever changed its offset and changed it
    back within a day.
    """
    days = range(stretch * _STRETCH, (stretch + 1) * _STRETCH + 1, DAY)
    found, before = [], _offset(zone, days[0])
    for low, high in pairwise(days):
        after = _offset(zone, high)
        first, last = low, high
        while before != after and last - first > 1:
            middle = (first + last) // 2
            first, last = (middle, last) if _offset(zone, middle) == before else (first, middle)
        if before != after:
            found.append((last, after))
        before = after
    return tuple(found)


def distinct(times: Instants) -> tuple[NDArray[np.intp], Instants]:
    """Return the place of each instant among the distinct instants, and these in order."""
    block = repeats_of(times)
    if block:
        return np.tile(np.arange(block), len(times) // block), times[:block]
    if in_order(times):
        new = np.ones(len(times), dtype=np.bool_)
        new[1:] = times[1:] != times[:-1]
        return np.cumsum(new) - 1, times[new]
    return pd.factorize(times, sort=True)


def instants(times: Instants) -> Instants:
    """Return the distinct instants in order."""
    block = repeats_of(times)
    return times[:block] if block else distinct(times)[1]


def repeats_of(times: Instants) -> int:
    """Return the length of the run of instants that repeats once per group, or 0.

    A breakdown mostly stands group after group: then no sorting and no lookup is needed.
    """
    falls = times[1:] <= times[:-1]
    block = int(falls.argmax()) + 1 if falls.any() else len(times)
    if block == 0 or len(times) % block:
        return 0
    return block if (times.reshape(-1, block) == times[:block]).all() else 0


def local_clock(frame: pd.DataFrame) -> Instants:
    """Return the local clock time of each row of a frame [us], shape (n,)."""
    return clock_of(row_times(frame), zone_of(frame))


def clock_of(times: Instants, zone: tzinfo) -> Instants:
    """Return the local clock time of each instant [us], shape (n,)."""
    if len(times) == 0 or str(zone) == "UTC":
        return times
    since, held = offsets(zone, int(times.min()), int(times.max()) + 1)
    if in_order(times):
        # The few changes are sought among the rows, not each row among the changes.
        return times + np.repeat(held, np.diff(np.searchsorted(times, since), append=len(times)))
    return times + held[np.searchsorted(since, times, side="right") - 1]


def weekday_of(days: Instants) -> Instants:
    """Return the weekday of days since 1970, 0 for Monday; the first day was a Thursday."""
    return (days + 3) % 7


def in_order(times: Instants) -> bool:
    """Return True if no instant is before the previous one."""
    return bool(np.all(times[1:] >= times[:-1]))


def even_hours(times: Instants, zone: tzinfo) -> bool:
    """Return True if instants are consecutive hours that begin on the local hour."""
    if len(times) == 0 or int(times[-1] - times[0]) != (len(times) - 1) * HOUR:
        return False
    if np.any(times[1:] - times[:-1] != HOUR):
        return False
    since, held = offsets(zone, int(times[0]), int(times[-1]) + HOUR)
    return not (np.any((times[0] + held) % HOUR) or np.any((since - times[0]) % HOUR))


def first_instants(zone: tzinfo, local: Instants) -> Instants:
    """Return the first instant at which a local clock shows each time or a later one [us, UTC]."""
    if len(local) == 0:
        return local
    since, held = offsets(zone, int(local.min()) - 2 * DAY, int(local.max()) + 2 * DAY)
    shown = np.maximum.accumulate(np.append(since[1:] + held[:-1], np.iinfo(np.int64).max))
    if in_order(local):
        counts = np.diff(np.searchsorted(local, shown), prepend=0)
        since, held = np.repeat(since, counts), np.repeat(held, counts)
    else:
        piece = np.searchsorted(shown, local, side="right")
        since, held = since[piece], held[piece]
    first: Instants = np.maximum(since, local - held)
    return first


def clock_hours(zone: tzinfo, start: int, end: int) -> ClockHours:
    """Return the local clock hours that overlap a window, cut to the window."""
    since, held = offsets(zone, start, end)
    pieces = []
    for low, high, offset in zip(since, [*since[1:], end], held, strict=True):
        inner = np.arange(low + offset - (low + offset) % HOUR + HOUR, high + offset, HOUR)
        pieces.append(np.concatenate([[low + offset], inner]) - offset)
    starts = np.concatenate(pieces)
    local = starts + np.repeat(held, [len(piece) for piece in pieces])
    return ClockHours(starts, np.append(starts[1:], end), local)


def has_gaps(starts: Instants, ends: Instants) -> bool:
    """Return True if buckets in order have gaps between them, as after a time-of-day filter."""
    return bool(np.any(starts[1:] != ends[:-1]))


def clock_hours_of(starts: Instants, ends: Instants) -> NDArray[np.bool_]:
    """Mark the UTC hours of the day that contain buckets of at most one hour, shape (24,)."""
    held = np.zeros(24, dtype=np.bool_)
    held[starts // HOUR % 24] = True
    held[(ends - 1) // HOUR % 24] = True
    return held


def inside(clock: ClockHours, held: NDArray[np.bool_]) -> Instants:
    """Return how much of each clock hour lies in the given UTC hours [us]."""
    middle = np.minimum(clock.end, clock.start // HOUR * HOUR + HOUR)
    before = (middle - clock.start) * held[clock.start // HOUR % 24]
    part: Instants = before + (clock.end - middle) * held[middle // HOUR % 24]
    return part
