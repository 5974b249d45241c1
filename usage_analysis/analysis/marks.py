"""Marks of deploys, incidents and periods to leave out, which only the user knows."""

from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import pandas as pd

from usage_analysis.analysis.arrays import Booleans
from usage_analysis.errors import QueryError, refusal
from usage_analysis.tidy.grouping import row_lengths
from usage_analysis.tidy.zones import row_times


@dataclass(frozen=True)
class Mark:
    """An instant or a period that a figure shows on its time axis.

    Parameters
    ----------
    start
        Instant of the event, or start of the period, with its zone: ``"2026-03-10 14:00-04:00"`` or
        a datetime.
    label
        Name of the event, in a few words.
    end
        First instant after a period; None for an instant.
    leave_out
        Leave the buckets of the period out of means, bands and limits. Totals keep these buckets.
        `without` leaves them out for any helper.

    Raises
    ------
    QueryError
        An instant has no zone, the end is not after the start, or there is no period to leave out.

    Examples
    --------
    >>> Mark("2026-03-10T18:00Z", "release 2.4").start
    Timestamp('2026-03-10 18:00:00+0000', tz='UTC')
    """

    start: pd.Timestamp
    label: str
    end: pd.Timestamp | None = None
    leave_out: bool = False

    def __init__(
        self,
        start: datetime | str,
        label: str,
        *,
        end: datetime | str | None = None,
        leave_out: bool = False,
    ) -> None:
        object.__setattr__(self, "start", _instant("start", start))
        object.__setattr__(self, "end", None if end is None else _instant("end", end))
        object.__setattr__(self, "label", str(label))
        object.__setattr__(self, "leave_out", leave_out)
        if self.end is not None and self.end <= self.start:
            raise QueryError(f"end: expected an instant after {self.start}, got {self.end}")
        if leave_out and self.end is None:
            raise QueryError("leave_out: expected a mark with an end, got an instant")


def _instant(name: str, given: datetime | str) -> pd.Timestamp:
    instant: pd.Timestamp | None = None
    with suppress(TypeError, ValueError):
        instant = pd.Timestamp(given)
    if instant is None or pd.isna(instant) or instant.tzinfo is None:
        raise refusal("no_zoned_instant", name=name, got=given)
    return instant


def without(frame: pd.DataFrame, marks: Sequence[Mark]) -> pd.DataFrame:
    """Return the rows of a frame that overlap none of the periods to leave out.

    Parameters
    ----------
    frame
        Canonical frame, hourly or daily, with or without a group column, or a result of
        `aggregate`. Helpers that build days from hours need the hours: to them a day with missing
        hours is not a whole day.
    marks
        Marks; only those with `leave_out` have an effect.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-02", periods=4, freq="h", tz="UTC", name="time")
    >>> hourly = pd.DataFrame({"total_count": [5, 0, 0, 6], "provisional": False}, index=time)
    >>> bad = Mark("2026-03-02T01:00Z", "outage", end="2026-03-02T03:00Z", leave_out=True)
    >>> without(hourly, [bad])["total_count"].tolist()
    [5, 6]
    """
    return frame[~left_out(frame, marks)]


def left_out(frame: pd.DataFrame, marks: Sequence[Mark]) -> Booleans:
    """Return the mask of rows that overlap a period to leave out."""
    out = np.zeros(len(frame), dtype=np.bool_)
    periods = [mark for mark in marks if mark.leave_out]
    if not periods or len(frame) == 0:
        return out
    starts = row_times(frame)
    ends = starts + row_lengths(frame).astype(np.int64)
    for mark in periods:
        low, high = pd.DatetimeIndex([mark.start, mark.end]).as_unit("us").asi8
        out |= (starts < high) & (ends > low)
    return out


class Calendar:
    """Holidays from given dates and from calendars that compute them."""

    def __init__(self, days: frozenset[date], computed: Container[object] = ()) -> None:
        self._days, self._computed = days, computed

    def __bool__(self) -> bool:
        """Return True if there may be holidays, without computing the years of a calendar."""
        return bool(self._days) or isinstance(self._computed, Mapping)

    def __contains__(self, day: object) -> bool:
        """True for the date of a holiday."""
        return day in self._days or day in self._computed


def calendar_of(holidays: Iterable[object] | None) -> Calendar:
    """Return the holidays of a collection of dates or of a calendar.

    Raises
    ------
    QueryError
        The argument is no collection, or one of its items is no date.
    """
    if holidays is None:
        return Calendar(frozenset())
    if isinstance(holidays, str | bytes) or not isinstance(holidays, Iterable):
        raise QueryError(f"holidays: expected dates as a set or a calendar, got {holidays!r}")
    days = frozenset(_date_of(one) for one in holidays)
    # A calendar of the package `holidays` is a mapping that works out a year when asked for it.
    return Calendar(days, holidays if isinstance(holidays, Mapping) else ())


def _date_of(given: object) -> date:
    """Date of one holiday, in its own time zone."""
    with suppress(ValueError):
        found = date.fromisoformat(given) if isinstance(given, str) else given
        if isinstance(found, date | np.datetime64) and not pd.isna(found):
            return pd.Timestamp(found).date()
    raise QueryError(f'holidays: expected dates such as "2026-12-25", got {given!r} among them')
