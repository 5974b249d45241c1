"""Checks that a reply holds the requested days and hours, each of them once.

A server ignores filters that it does not know. Only the window and the time of day leave traces in
a reply, so only these two filters are checked. Each reply is checked before replies are added up,
because a row outside one window can lie within another.
"""

from datetime import datetime, time
from typing import NewType

import numpy as np
from numpy.typing import NDArray

from usage_analysis.errors import ResponseError
from usage_analysis.query import UsageQuery
from usage_analysis.tidy import wire
from usage_analysis.tidy.zones import DAY, HOUR, instant_of, microseconds

#: A reply with the requested buckets only.
CheckedReply = NewType("CheckedReply", wire.Reply)

_DOCTOR = "`usage-analysis doctor` says what this account does"


def check_reply(reply: wire.Reply, query: UsageQuery, as_of: datetime) -> CheckedReply:
    """Return a reply if its buckets are those that the query requested.

    Parameters
    ----------
    query
        Query that this reply answers.
    as_of
        When the reply was made, with its zone.

    Raises
    ------
    ResponseError
        Two rows of one bucket, or calls of a day or hour that was not requested. The message starts
        with the row's path.
    """
    window, stop = window_of(query) or (0, 0), microseconds(as_of)
    _check_rows("daily", reply.daily, DAY, window, stop)
    if reply.hourly is not None:
        _check_rows("hourly", reply.hourly, HOUR, window, stop)
        _check_hours(reply.hourly, query)
    return CheckedReply(reply)


def window_of(query: UsageQuery) -> tuple[int, int] | None:
    """Return the first instant of a query's window and the first one after it [us, UTC]."""
    if query.start is None or query.end is None:
        return None
    return microseconds(query.start), microseconds(query.end)


def hours_of_day(query: UsageQuery, *, closed: bool = False) -> NDArray[np.bool_]:
    """Return the UTC hours of the day that a time-of-day filter lets through, shape (24,).

    Parameters
    ----------
    closed
        Include the hour that begins where the time of day ends: the vendor does not say whether the
        end is inclusive.
    """
    low, high = (
        None if t is None else t.hour * HOUR + t.minute * 60_000_000 + t.second * 1_000_000
        for t in (_clock(query.time_of_day_start), _clock(query.time_of_day_end))
    )
    hours = np.arange(24) * HOUR
    after = hours + HOUR > (low or 0)
    before = hours < (DAY if high is None else max(high, 1) + closed)
    return after | before if query.spans_midnight else after & before


def _clock(value: object) -> time | None:
    return value if isinstance(value, time) else None


def _check_rows(
    path: str, rows: wire.Buckets, step: int, window: tuple[int, int], stop: int
) -> None:
    order = np.argsort(rows.time, kind="stable")
    again = np.flatnonzero(np.diff(rows.time[order]) == 0)
    if len(again):
        place = int(order[again[0] + 1])
        raise ResponseError(f"{path}[{place}]: a second row for {_name(rows.time[place], step)}")
    low, high = window
    outside = (rows.time < low // step * step) | (rows.time >= high)
    for where, expected, why in (
        (outside, "a bucket of the window", f"; the server ignored the dates: {_DOCTOR}"),
        (rows.time > stop, "none after the reply's own date", ""),
    ):
        if (first := _first(rows, where)) is not None:
            raise ResponseError(
                f"{path}[{first}].date: expected {expected}, got calls of "
                f"{_name(rows.time[first], step)}{why}"
            )


def _check_hours(rows: wire.Buckets, query: UsageQuery) -> None:
    asked = hours_of_day(query, closed=True)
    if asked.all() or (place := _first(rows, ~asked[rows.time // HOUR % 24])) is None:
        return
    start, end = _clock(query.time_of_day_start) or time.min, _clock(query.time_of_day_end)
    until = "24:00" if end is None else f"{end:%H:%M}"
    raise ResponseError(
        f"hourly[{place}].hour: expected calls created from {start:%H:%M} to {until} UTC, got "
        f"calls of {_name(rows.time[place], HOUR)}; the server ignored the time of day, or "
        f"took it for that of another zone: {_DOCTOR}"
    )


def _first(rows: wire.Buckets, where: NDArray[np.bool_]) -> int | None:
    """Return the place of the first of these rows that has calls."""
    places = np.flatnonzero(where & (rows.columns["total_count"] > 0))
    return int(places[0]) if len(places) else None


def _name(time: np.int64, step: int) -> str:
    form = "%Y-%m-%d %H:00 UTC" if step == HOUR else "%Y-%m-%d"
    return f"{instant_of(time):{form}}"
