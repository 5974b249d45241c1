"""The canonical frame in other buckets: local clock hours, days to years, trailing windows."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import tzinfo
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.errors import QueryError
from usage_analysis.query import zone
from usage_analysis.tidy.frames import COUNTS, group_column, require
from usage_analysis.tidy.wire import MEASURES
from usage_analysis.tidy.zones import (
    DAY,
    HOUR,
    Instants,
    clock_hours,
    clock_of,
    first_instants,
    local_clock,
    offsets,
    row_times,
    to_index,
    zone_of,
)

Rows = NDArray[np.intp]

_WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_MONTHS = {"MS": 1, "QS": 3, "YS": 12}


def in_timezone(hourly: pd.DataFrame, timezone: str | tzinfo) -> pd.DataFrame:
    """Canonical frame on the clock hours of a time zone.

    Where the zone's offset is whole hours throughout, the rows stay and only the clock changes.
    Elsewhere (Kolkata +5:30, Kathmandu +5:45, Lord Howe with its half hour of summer time) each
    UTC hour is divided over the clock hours that it covers by elapsed time, as though its calls
    came evenly: counts become float64, sums stay what they were.

    Parameters
    ----------
    hourly
        Canonical hourly frame of whole UTC hours, with or without a group column.
    timezone
        IANA name or a tzinfo.

    Returns
    -------
    DataFrame
        Canonical frame. A row is one local clock hour at one offset, labelled by its start: the
        hour that autumn repeats has two rows. A clock hour at the edge of the data that is only
        partly in them is `provisional`.

    Raises
    ------
    QueryError
        Unknown zone, or rows that are not whole UTC hours.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> hourly = ua.sample_client().call_usage(from_date="2026-03-08", to_date="2026-03-08").hourly
    >>> ua.in_timezone(hourly, "America/New_York").index[7]
    Timestamp('2026-03-08 03:00:00-0400', tz='America/New_York')
    """
    require("in_timezone", hourly, "total_count")
    place = zone(timezone)
    times = row_times(hourly)
    if len(times) == 0:
        return hourly.set_axis(to_index(times, place))
    if np.any(times % HOUR) or _is_daily(hourly, times):
        raise QueryError(
            "in_timezone: expected rows of whole UTC hours, got others; "
            "give it the hourly frame of a reply"
        )
    start, end = int(times.min()) - HOUR, int(times.max()) + 2 * HOUR
    since, held = offsets(place, start, end)
    if not (np.any(held % HOUR) or np.any(since[1:] % HOUR)):
        return hourly.set_axis(to_index(times, place))
    return _divided(hourly, times, place, start, end)


def _is_daily(frame: pd.DataFrame, times: Instants) -> bool:
    if getattr(frame.index, "freqstr", None) == "D":
        return True
    known = np.unique(times)
    return len(known) > 1 and int(np.diff(known).min()) >= 20 * HOUR


def _divided(
    hourly: pd.DataFrame, times: Instants, place: tzinfo, start: int, end: int
) -> pd.DataFrame:
    clock = clock_hours(place, start, end)
    first = np.searchsorted(clock.end, times, side="right")
    pieces = np.searchsorted(clock.start, times + HOUR, side="left") - first
    row = np.repeat(np.arange(len(times)), pieces)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    hour = first[row] + nth
    until = np.minimum(clock.end[hour], times[row] + HOUR)
    overlap = until - np.maximum(clock.start[hour], times[row])
    done = (until - times[row]) / HOUR
    codes, groups = _groups(hourly)
    rows, key = _ranked(codes[row] * len(clock.start) + hour)
    out = {}
    for name in MEASURES:
        if name not in hourly:
            continue
        values = hourly[name].to_numpy()
        if name == "duration":
            # Parts up to a point of the bucket, rounded, and their differences: none is lost.
            upto = np.rint(values.astype("m8[us]").view(np.int64)[row] * done).astype(np.int64)
            before = np.where(nth > 0, np.roll(upto, 1), 0)
            out[name] = _sums(upto - before, rows, len(key)).view("m8[us]")
        else:
            out[name] = np.bincount(rows, values[row] * (overlap / HOUR), minlength=len(key))
    code, hour = np.divmod(key, len(clock.start))
    partly = _sums(overlap, rows, len(key)) < (clock.end - clock.start)[hour]
    flags = np.bincount(rows, hourly["provisional"].to_numpy()[row], minlength=len(key)) > 0
    frame = pd.DataFrame(
        {**out, "provisional": flags | partly}, index=to_index(clock.start[hour], place)
    )
    return _with_groups(frame, hourly, code, groups)


def aggregate(frame: pd.DataFrame, every: str) -> pd.DataFrame:
    """Sums over the days, weeks, months, quarters or years of the frame's own clock.

    Parameters
    ----------
    frame
        Canonical frame, hourly or daily, with or without a group column. Local days come from
        hourly rows that went through `in_timezone`.
    every
        ``"D"``, ``"W"`` (Monday to Sunday; ``"W-SAT"`` for the week that ends on Saturday),
        ``"MS"``, ``"QS"`` or ``"YS"``, as pandas names them.

    Returns
    -------
    DataFrame
        One row a period (and group): index `time`, the period's first instant; the measures summed;
        `provisional` where any bucket is; `hours`, the elapsed hours seen [h]; `complete`, whether
        the whole period is in the frame and over. A frame with gaps at the same time of every day
        is taken to be filtered by time of day: its days are complete with the hours it has.

    Raises
    ------
    QueryError
        Another `every`, or no tz-aware index.
    """
    require("aggregate", frame, "total_count", "provisional")
    place, times = zone_of(frame), row_times(frame)
    local = local_clock(frame)
    number, start_of = calendar(every)
    codes, groups = _groups(frame)
    if len(times) == 0:
        return frame.assign(hours=np.zeros(0), complete=np.zeros(0, dtype=bool))
    period = number(local)
    low, count = int(period.min()), int(period.max() - period.min()) + 1
    rows, key = _ranked(codes * count + (period - low))
    code, period = np.divmod(key, count)
    starts = first_instants(place, start_of(np.arange(low, low + count + 1)))
    lengths = row_lengths(frame)
    hours = np.bincount(rows, lengths, minlength=len(key)) / HOUR
    out = {n: _column_sums(frame[n], rows, len(key)) for n in MEASURES if n in frame}
    flagged = frame["provisional"].to_numpy(dtype=bool)
    expected = _expected(place, times, lengths, local, starts)
    cut = np.isin(times, _cut_rows(times, flagged, lengths))
    broken = np.bincount(rows, cut, minlength=len(key)) > 0
    result = pd.DataFrame(
        {
            **out,
            "provisional": np.bincount(rows, flagged, minlength=len(key)) > 0,
            "hours": hours,
            "complete": (hours >= expected[period] - 1e-9) & ~broken,
        },
        index=to_index(starts[period], place),
    )
    return _with_groups(result, frame, code, groups)


def rolling(frame: pd.DataFrame, window: str) -> pd.DataFrame:
    """Sums over the window that ends with each bucket.

    pandas' own ``rolling`` refuses a timedelta column and knows no clock: here days are those of
    the frame's own clock, 23 and 25 hours among them, and hours are elapsed ones.

    Parameters
    ----------
    frame
        Canonical frame, hourly or daily, with or without a group column; `aggregate`'s frames too.
    window
        ``"12h"``, ``"7D"`` or ``"4W"``.

    Returns
    -------
    DataFrame
        The rows as they were, with the measures summed over the window; `provisional` where any of
        its buckets is; `hours`, the elapsed hours seen [h]; `complete`, whether the whole window is
        in the frame and over. A bucket is in a window in which it begins.

    Raises
    ------
    QueryError
        Another `window`, or no tz-aware index.

    Examples
    --------
    >>> time = pd.date_range("2026-03-02", periods=4, freq="h", tz="UTC", name="time")
    >>> hourly = pd.DataFrame({"total_count": [1, 2, 3, 4], "provisional": False}, index=time)
    >>> rolling(hourly, "2h")["total_count"].tolist()
    [1, 3, 5, 7]
    """
    require("rolling", frame, "provisional")
    place, times = zone_of(frame), row_times(frame)
    span, days = _window(window)
    if len(times) == 0:
        return frame.assign(hours=np.zeros(0), complete=np.zeros(0, dtype=bool))
    codes, _ = _groups(frame)
    order = np.lexsort((times, codes))
    lengths = row_lengths(frame)
    ends = times + lengths.astype(np.int64)
    begins = first_instants(place, clock_of(ends, place) - span) if days else ends - span
    known, rank = np.unique(times, return_inverse=True)
    key = codes * (len(known) + 1)
    first = np.searchsorted((key + rank)[order], key + np.searchsorted(known, begins))
    last = np.empty(len(order), dtype=np.intp)
    last[order] = np.arange(len(order))

    def summed(values: NDArray[Any]) -> NDArray[Any]:
        total = np.concatenate([np.zeros(1, values.dtype), np.cumsum(values[order])])
        difference: NDArray[Any] = total[last + 1] - total[first]
        return difference

    flagged = frame["provisional"].to_numpy(dtype=bool)
    out = frame.assign(**{name: _summed(frame[name], summed) for name in MEASURES if name in frame})
    whole = frame["complete"].to_numpy(dtype=bool) if "complete" in frame else None
    if whole is None:
        whole = ~np.isin(times, _cut_rows(times, flagged, lengths))
    out["provisional"] = summed(flagged.astype(np.int64)) > 0
    out["hours"] = summed(lengths.astype(np.int64)) / HOUR
    out["complete"] = (begins >= times.min()) & (summed((~whole).astype(np.int64)) == 0)
    return out


def _window(window: str) -> tuple[int, bool]:
    """Length of a window [us], and whether it is one of days of the clock."""
    found = re.fullmatch(r"([1-9]\d{0,4})(h|D|W)", window) if isinstance(window, str) else None
    if not found:
        raise QueryError(f'window: expected hours, days or weeks as "12h", "7D", got {window!r}')
    return int(found[1]) * {"h": HOUR, "D": DAY, "W": 7 * DAY}[found[2]], found[2] != "h"


def _summed(column: pd.Series, summed: Callable[[NDArray[Any]], NDArray[Any]]) -> NDArray[Any]:
    values = column.to_numpy()
    if column.name == "duration":
        return summed(values.astype("m8[us]").view(np.int64)).view("m8[us]")
    if values.dtype.kind == "f":
        # Differences of running sums leave noise where there is nothing.
        return np.round(summed(values), 9)
    return summed(values)


def _cut_rows(
    times: Instants, flagged: NDArray[np.bool_], lengths: NDArray[np.float64]
) -> Instants:
    """Outermost row times whose bucket is not whole: not over yet, or partly outside the data.

    The frame does not say when its reply was made, but its flags do: the billing lag is two hours,
    so an hour still running is the third provisional one in a row, and an hour that is over at
    most the second. In a zone off the hour, and for days, a flag at the edge is taken to mean it.
    """
    off_the_hour = bool(np.any(times % HOUR))
    first, last = times.min(), np.unique(times)[-3:]
    whole_hours = not off_the_hour and lengths.max() == HOUR
    tail = last if whole_hours else last[-1:]
    running = np.isin(tail, times[flagged]).all()
    cut = [last[-1]] if running else []
    if off_the_hour and flagged[times == first].any():
        cut.append(first)
    return np.array(cut, dtype=np.int64)


def row_lengths(frame: pd.DataFrame) -> NDArray[np.float64]:
    """Elapsed time that each row of a frame covers [us], shape (n,).

    Raises
    ------
    QueryError
        Rows begin within a clock hour: a zone off the hour needs `in_timezone`.
    """
    if "hours" in frame:
        return frame["hours"].to_numpy(dtype=np.float64) * HOUR
    place, times, local = zone_of(frame), row_times(frame), local_clock(frame)
    if len(times) == 0:
        return np.zeros(0)
    if _is_daily(frame, times):
        return (first_instants(place, local // DAY * DAY + DAY) - times).astype(np.float64)
    changes = np.append(offsets(place, int(times.min()), int(times.max()) + HOUR)[0], 2**62)
    if np.any((local % HOUR != 0) & ~np.isin(times, changes)):
        raise QueryError(
            "frame: expected rows that begin on the hour of their clock, got others; use "
            "in_timezone, which divides hours, instead of tz_convert"
        )
    following = changes[np.searchsorted(changes, times, side="right")]
    return np.minimum(HOUR - local % HOUR, following - times).astype(np.float64)


def calendar(
    every: str,
) -> tuple[Callable[[Instants], Instants], Callable[[Instants], Instants]]:
    """Number of the period that a local time lies in, and the local start of a number."""
    if every == "D":
        return (lambda local: local // DAY), (lambda number: number * DAY)
    if week := re.fullmatch(rf"W(?:-({'|'.join(_WEEKDAYS)}))?", every):
        # 1970-01-01 was a Thursday; the first Monday was day 4.
        first = 4 + (_WEEKDAYS.index(week[1] or "SUN") + 1) % 7
        return (
            lambda local: (local // DAY - first) // 7,
            lambda number: (number * 7 + first) * DAY,
        )
    if every in _MONTHS:
        size = _MONTHS[every]
        return (
            lambda local: local.view("M8[us]").astype("M8[M]").view(np.int64) // size,
            lambda number: (number * size).view("M8[M]").astype("M8[us]").view(np.int64),
        )
    raise QueryError(f'every: expected "D", "W", "W-SAT", "MS", "QS" or "YS", got {every!r}')


def _expected(
    place: tzinfo,
    times: Instants,
    lengths: NDArray[np.float64],
    local: Instants,
    starts: Instants,
) -> NDArray[np.float64]:
    """Elapsed hours of each period that a frame of these rows would hold were it all there."""
    clock = clock_hours(place, int(starts[0]), int(starts[-1]))
    wanted = np.ones(len(clock.start), dtype=np.bool_)
    known, places = np.unique(times, return_index=True)
    if np.any(known[1:] != known[:-1] + lengths[places][:-1]) and lengths.max() < DAY / 2:
        ways = [(clock.local, local), (clock.start, times)]
        held = [np.unique(rows // HOUR % 24) for _, rows in ways]
        fewer = int(np.argmin([len(hours) for hours in held]))
        wanted = np.isin(ways[fewer][0] // HOUR % 24, held[fewer])
    period = np.searchsorted(starts, clock.start, side="right") - 1
    spans = (clock.end - clock.start) * wanted
    return np.bincount(period, spans, minlength=len(starts) - 1) / HOUR


def _groups(frame: pd.DataFrame) -> tuple[NDArray[np.int64], pd.Index | None]:
    """Number of each row's group in order of appearance, and the groups."""
    name = group_column(frame)
    if name is None:
        return np.zeros(len(frame), dtype=np.int64), None
    codes, groups = pd.factorize(frame[name])
    return codes.astype(np.int64), pd.Index(groups)


def _with_groups(
    result: pd.DataFrame, frame: pd.DataFrame, codes: Rows, groups: pd.Index | None
) -> pd.DataFrame:
    name = group_column(frame)
    if name is not None and groups is not None:
        result.insert(0, name, groups.take(codes).astype(frame[name].dtype))
    return result


def _ranked(key: NDArray[np.int64]) -> tuple[Rows, NDArray[np.int64]]:
    """Place of each key among the distinct ones in order, and those."""
    low = int(key.min())
    present = np.zeros(int(key.max()) - low + 1, dtype=np.bool_)
    present[key - low] = True
    place = np.cumsum(present) - 1
    return place[key - low], np.flatnonzero(present) + low


def _sums(values: NDArray[np.int64], rows: Rows, count: int) -> NDArray[np.int64]:
    """Sums by row number, in integers."""
    out = np.zeros(count, dtype=np.int64)
    np.add.at(out, rows, values)
    return out


def _column_sums(column: pd.Series, rows: Rows, count: int) -> NDArray[np.generic]:
    values = column.to_numpy()
    if column.name == "duration":
        return _sums(values.astype("m8[us]").view(np.int64), rows, count).view("m8[us]")
    if values.dtype == np.int64 and column.name in COUNTS:
        return _sums(values, rows, count)
    return np.bincount(rows, values, minlength=count)
