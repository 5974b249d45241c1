"""Canonical frames in other buckets: local clock hours, and local days, weeks, months and years."""

import re
from collections.abc import Callable
from datetime import date, tzinfo
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.errors import QueryError, refusal
from usage_analysis.filters import local_day
from usage_analysis.query import zone as zone_named
from usage_analysis.tidy import zones
from usage_analysis.tidy.frame_check import check_frame
from usage_analysis.tidy.frames import check_kind, measures_of
from usage_analysis.tidy.grouping import Sums, covered_lengths, groups_of, insert_group, row_lengths
from usage_analysis.tidy.hour_splitting import split_hours
from usage_analysis.tidy.wire import MEASURES
from usage_analysis.tidy.zones import DAY, HOUR, SLACK, Instants

Rows = NDArray[np.intp]

_WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_MONTHS = {"MS": 1, "QS": 3, "YS": 12}


def between_days(
    frame: pd.DataFrame, from_date: date | str | None = None, to_date: date | str | None = None
) -> pd.DataFrame:
    """Return the rows between two local dates, inclusive.

    Parameters
    ----------
    frame
        Canonical frame, with or without a group column. Dates are in the frame's time zone.
    from_date, to_date
        First and last date; None means no bound.

    Returns
    -------
    DataFrame
        The rows that begin on these dates, unchanged. A query with `timezone` asks for one more
        hour on each side, which this drops.

    Raises
    ------
    QueryError
        A bound is not a date, the first date is after the last, or no row lies between them.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-07 23:00", periods=26, freq="h", tz="UTC", name="time")
    >>> len(between_days(pd.DataFrame({"total_count": 1}, index=time), "2026-03-08", "2026-03-08"))
    24
    """
    first = None if from_date is None else local_day("from_date", from_date)
    last = None if to_date is None else local_day("to_date", to_date)
    if first is not None and last is not None and first > last:
        raise QueryError(f"from_date: expected a day up to to_date ({last}), got {first}")
    check_kind("between_days", frame, pd.DataFrame)
    kept = inside_days(frame, first, last)
    if not kept.any():
        low, high = frame.index.min(), frame.index.max()
        has = f"the data have {low:%Y-%m-%d} to {high:%Y-%m-%d}" if len(frame) else "there are none"
        raise refusal("no_days", first=first, last=last, has=has)
    return frame[kept]


def inside_days(frame: pd.DataFrame, first: date | None, last: date | None) -> NDArray[np.bool_]:
    """Mark the rows that begin on the local days from one to another, both inclusive."""
    local, inside = pd.DatetimeIndex(frame.index).tz_localize(None), np.ones(len(frame), dtype=bool)
    if first is not None:
        inside &= local >= pd.Timestamp(first)
    if last is not None:
        inside &= local < pd.Timestamp(last) + pd.Timedelta(days=1)
    return inside


def in_timezone(hourly: pd.DataFrame, zone: str | tzinfo) -> pd.DataFrame:
    """Return an hourly frame on the clock hours of a time zone.

    If the zone's offset is always whole hours, the rows stay and only the clock changes. In other
    zones (Kolkata +5:30, Kathmandu +5:45, Lord Howe with its half hour of summer time) each UTC
    hour is divided over the clock hours that it covers by elapsed time, assuming that its calls
    were evenly spread. Counts become float64; sums do not change.

    Parameters
    ----------
    hourly
        Canonical hourly frame of whole UTC hours, with or without a group column.
    zone
        IANA name or a tzinfo.

    Returns
    -------
    DataFrame
        Canonical frame. A row is one local clock hour at one offset, labelled by its start: the
        hour that autumn repeats has two rows. A clock hour that is only partly in the data is
        `provisional`. If the ends of a time-of-day filter (UTC) lie within clock hours, these hours
        are not provisional. A column `hours` then says how much of each row's hour the filter
        covers [h].

    Raises
    ------
    QueryError
        The zone is unknown, or the rows are not whole UTC hours.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> hourly = ua.sample_client().call_usage(from_date="2026-03-08", to_date="2026-03-08").hourly
    >>> ua.in_timezone(hourly, "America/New_York").index[7]
    Timestamp('2026-03-08 03:00:00-0400', tz='America/New_York')
    """
    check_frame("in_timezone", hourly, *measures_of(hourly), rows="hour")
    place = zone_named(zone)
    times = zones.row_times(hourly)
    if len(times) == 0:
        return hourly.set_axis(zones.to_index(times, place))
    if np.any(times % HOUR):
        raise refusal("parts_of_hours")
    start, end = int(times.min()) - HOUR, int(times.max()) + 2 * HOUR
    if zones.has_whole_hours(place, start, end):
        return hourly.set_axis(zones.to_index(times, place))
    return split_hours(hourly, times, place, start, end)


def aggregate(frame: pd.DataFrame, every: str) -> pd.DataFrame:
    """Add a frame up over the days, weeks, months, quarters or years of its time zone.

    The sums count calls, not callers.

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
        One row per period (and group). Index `time` is its first instant; the measures are summed;
        `provisional` where any bucket is; `hours`, the elapsed hours seen [h]; `complete`, whether
        the whole period is in the frame and over. A frame with gaps at the same time of every day
        is taken to be filtered by time of day: its days are complete with the hours that it has.

    Raises
    ------
    QueryError
        `every` is unknown, or the index is not tz-aware.

    Examples
    --------
    >>> time = pd.date_range("2026-03-08", periods=25, freq="h", tz="America/New_York", name="time")
    >>> hourly = pd.DataFrame({"total_count": 2, "provisional": False}, index=time)
    >>> aggregate(hourly, "D")[["total_count", "hours", "complete"]]
                               total_count  hours  complete
    time
    2026-03-08 00:00:00-05:00           46   23.0      True
    2026-03-09 00:00:00-04:00            4    2.0     False
    """
    check_frame("aggregate", frame, "total_count", "provisional", *measures_of(frame))
    place, times = zones.zone_of(frame), zones.row_times(frame)
    number, start_of = calendar(every)
    if len(times) == 0:
        empty = frame.assign(hours=np.zeros(0), complete=np.zeros(0, dtype=bool))
        empty.attrs["every"] = every
        return empty
    where, known = zones.distinct(times)
    local = zones.clock_of(known, place)
    codes, groups = groups_of(frame)
    period = number(local)
    low, count = int(period.min()), int(period.max() - period.min()) + 1
    rows, key = pd.factorize(codes * count + (period - low)[where], sort=True)
    code, nth = np.divmod(key, count)
    starts = zones.first_instants(place, start_of(np.arange(low, low + count + 1)))
    lengths = row_lengths(frame)
    of_known = by_place(lengths, where, len(known))
    flagged = frame["provisional"].to_numpy(dtype=bool)
    cut = cut_rows(known, any_of(where[flagged], len(known)), of_known)
    broken = any_of(rows[cut[where]], len(key)) if cut.any() else np.zeros(len(key), dtype=np.bool_)
    added = Sums(rows, len(key))
    hours = added.of(covered_lengths(frame)) / HOUR
    result = pd.DataFrame(
        {
            **{n: added.of_column(frame[n]) for n in MEASURES if n in frame},
            "provisional": any_of(rows[flagged], len(key)),
            "hours": hours,
            "complete": (hours >= _expected(place, known, of_known, local, starts)[nth] - 1e-9)
            & ~broken,
        },
        index=zones.to_index(starts[nth], place),
    )
    result.attrs["every"] = every
    return insert_group(result, frame, code, groups)


def by_place(values: NDArray[Any], where: Rows, count: int) -> NDArray[Any]:
    """Return the value of each place, which all rows of that place share."""
    if values.strides == (0,):
        return np.broadcast_to(values[:1], count)  # all are one
    out = np.zeros(count, dtype=values.dtype)
    out[where] = values
    return out


def any_of(rows: Rows, count: int) -> NDArray[np.bool_]:
    """Return True for each place with rows."""
    out = np.zeros(count, dtype=np.bool_)
    out[rows] = True
    return out


def cut_rows(
    known: Instants, flagged: NDArray[np.bool_], lengths: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return which buckets are not whole: still running, or partly outside the data.

    A frame does not say when its reply was made, but its flags do. The billing lag is two hours, so
    an hour that still runs is the third provisional hour in a row. For days, and in a zone off the
    hour, one flag at the edge is enough.
    """
    # Rows that follow one another by whole hours are all off the hour or none is.
    off_the_hour = bool(known[0] % HOUR) or bool(np.any(known % HOUR))
    whole_hours = not off_the_hour and lengths.max() == HOUR
    cut = np.zeros(len(known), dtype=np.bool_)
    cut[-1] = flagged[-3:].all() if whole_hours else flagged[-1]
    cut[0] |= off_the_hour and flagged[0]
    return cut


def calendar(every: str) -> tuple[Callable[[Instants], Instants], Callable[[Instants], Instants]]:
    """Return two functions: period number of a local time, and local start of a period number."""
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
    place: tzinfo, times: Instants, lengths: NDArray[np.float64], local: Instants, starts: Instants
) -> NDArray[np.float64]:
    """Return the hours of each period that a complete frame of such rows would cover."""
    if lengths.max() >= DAY / 2 or not zones.has_gaps(times, times + lengths.astype(np.int64)):
        return np.diff(starts) / HOUR
    clock = zones.clock_hours(place, int(starts[0]), int(starts[-1]))
    ends = clock.end[np.searchsorted(clock.start, times, side="right") - 1]
    in_utc = _hours_of_filter(times, lengths, ends)
    on_clock = np.zeros(24, dtype=np.bool_)
    on_clock[local // HOUR % 24] = True
    if on_clock.sum() <= in_utc.sum():
        spans = clock.lengths * on_clock[clock.local // HOUR % 24]
    else:
        spans = zones.inside(clock, in_utc)
    period = np.searchsorted(starts, clock.start, side="right") - 1
    return np.bincount(period, spans, minlength=len(starts) - 1) / HOUR


def _hours_of_filter(
    starts: Instants, lengths: NDArray[np.float64], ends: Instants
) -> NDArray[np.bool_]:
    """Return the UTC hours of the day that a time-of-day filter let through."""
    whole = starts + lengths >= ends - SLACK
    if whole.any():
        return zones.clock_hours_of(starts[whole], ends[whole])
    # A single hour is cut in two by the clock: it lies where its parts meet.
    meeting = ends[:-1][starts[1:] == ends[:-1]]
    return zones.clock_hours_of(meeting, meeting)
