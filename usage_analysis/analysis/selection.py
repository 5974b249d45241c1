"""The selection of days, hours and groups, and the rows that it takes.

What is displayed never filters what is computed: shares, rates and centres come from all calls of
the selected days, and `Selection.groups` only says which groups are drawn by themselves.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta, tzinfo
from functools import cached_property, partial
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import pandas as pd

from usage_analysis.analysis.intervals import FEWEST
from usage_analysis.analysis.marks import Mark, without
from usage_analysis.errors import QueryError, refusal
from usage_analysis.filters import local_day
from usage_analysis.query import zone
from usage_analysis.tidy.frames import REST, group_column
from usage_analysis.tidy.periods import aggregate, between_days, in_timezone, inside_days
from usage_analysis.tidy.usage import CallUsage
from usage_analysis.tidy.zones import row_times, whole_hours

#: Kinds of selected rows: all; without the periods to leave out; of these those that are final;
#: and all back to weeks before the month.
Rows = Literal["all", "unmarked", "final", "history"]
#: Days before a month from which its projection learns the weekdays.
HISTORY: Final = 56
_DAY: Final = timedelta(days=1)


class Days(NamedTuple):
    """Local days, both inclusive."""

    first: date
    last: date

    @property
    def number(self) -> int:
        """Number of days."""
        return (self.last - self.first).days + 1

    def __str__(self) -> str:
        return f"{self.first}" if self.number == 1 else f"{self.first} to {self.last}"

    @property
    def when(self) -> str:
        """The days with their preposition: ``on 2026-03-01``, ``from 2026-03-01 to 2026-03-31``."""
        return f"on {self}" if self.number == 1 else f"from {self}"

    def back(self, days: int) -> "Days":
        """Return equally many days, a number of days earlier."""
        return Days(self.first - days * _DAY, self.last - days * _DAY)

    @property
    def weeks_before(self) -> "Days":
        """The four weeks before, which show how much days differ."""
        return Days(self.first - 28 * _DAY, self.first - _DAY)

    @property
    def history(self) -> "Days":
        """Days on which the projection for the month of the last day is based."""
        return Days(self.last.replace(day=1) - HISTORY * _DAY, self.last)


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Days, hours and groups of a reply to analyse, and the previous period.

    Parameters
    ----------
    timezone
        Time zone of days and hours, an IANA name.
    from_date, to_date
        First and last local day, both inclusive; None takes all days of the reply.
    hours
        Hours of the local day: ``(9, 17)`` for 09:00 to 17:00. A first hour after the last goes
        over midnight. None takes all hours.
    previous
        First and last day of the previous period, if the same reply contains it.
    groups
        Groups of a breakdown that are drawn by themselves: their names, or the number of the
        largest ones. The others are drawn together, and every share is of all calls.
    weekend
        Days of the weekend, as ``("Fri", "Sat")``.
    marks
        Deploys, incidents and periods to leave out; totals keep the calls of these periods.
    filters
        The filters of the calls in your own words, for instance names for the query's IDs.

    Raises
    ------
    QueryError
        The time zone is unknown, a bound is not a day, or `hours` are not two hours of the day.

    Examples
    --------
    >>> office = Selection(timezone="America/New_York", hours=(9, 17))
    >>> office.hours_in_words
    '09:00 to 17:00'
    """

    timezone: str | tzinfo = "UTC"
    from_date: date | str | None = None
    to_date: date | str | None = None
    hours: tuple[int, int] | None = None
    previous: tuple[date, date] | None = None
    groups: int | Sequence[str] | None = None
    weekend: Sequence[str] = ("Sat", "Sun")
    marks: Sequence[Mark] = ()
    filters: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        zone(self.timezone)
        for name in ("from_date", "to_date"):
            if (day := getattr(self, name)) is not None:
                object.__setattr__(self, name, local_day(name, day))
        _check_hours(self.hours)

    @property
    def hours_in_words(self) -> str:
        """Hours of the day as ``09:00 to 17:00``; empty where all are selected."""
        return "" if self.hours is None else f"{self.hours[0]:02}:00 to {self.hours[1]:02}:00"

    def filters_in_words(self, otherwise: Mapping[str, str]) -> dict[str, str]:
        """Return the filters in words, by default `otherwise`, with the hours of the day."""
        words = dict(otherwise if self.filters is None else self.filters)
        return words if self.hours is None else words | {"time of day": self.hours_in_words}

    def of(
        self,
        usage: CallUsage,
        *,
        breakdown: CallUsage | None = None,
        previous: CallUsage | None = None,
    ) -> "SelectedUsage":
        """Apply the selection to replies.

        Parameters
        ----------
        usage
            The reply about all calls.
        breakdown
            The same calls by group.
        previous
            The reply of an earlier period, compared by whole days. By default the days
            `Selection.previous` of the same reply are compared.

        Raises
        ------
        QueryError
            No hour of the reply lies in the selected days, or the breakdown is of other days.
        """
        return self._on_clock(in_timezone, usage, breakdown, previous)

    def _on_clock(
        self, clock: Any, usage: CallUsage, breakdown: CallUsage | None, previous: CallUsage | None
    ) -> "SelectedUsage":
        place, chosen = zone(self.timezone), self
        if usage.query is not None and (days := usage.query.days_in(place)) is not None:
            chosen = replace(
                self, from_date=self.from_date or days[0], to_date=self.to_date or days[1]
            )
        hours = clock(usage.hourly, place)
        between_days(hours, chosen.from_date, chosen.to_date)  # raises where no row is left
        grouped = None if breakdown is None else clock(group_rows(breakdown), place)
        if breakdown is not None and grouped is not None:
            bounds = (chosen.from_date, chosen.to_date)
            wanted, found = _days_of(hours, *bounds), _days_of(grouped, *bounds)
            if wanted != found:
                cut = (breakdown.query and breakdown.query.days_in(place)) or (None, None)
                raise refusal("unlike_days", wanted=wanted, got=_days_of(grouped, *cut))
        earlier = hours if chosen.previous is not None else None
        return SelectedUsage(
            selection=chosen,
            usage=usage,
            all_hours=hours,
            group_hours=grouped,
            earlier_hours=earlier if previous is None else clock(previous.hourly, place),
            undivided=partial(self._on_clock, whole_hours, usage, breakdown, previous),
        )

    def cut(self, rows: pd.DataFrame, days: tuple[date | None, date | None]) -> pd.DataFrame:
        """Return the rows of local days that lie in the selected hours of the day."""
        return self.of_hours(rows[inside_days(rows, *days)])

    def of_hours(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the rows that lie in the selected hours of the day."""
        if self.hours is None:
            return rows
        (low, high), hour = self.hours, pd.DatetimeIndex(rows.index).hour.to_numpy()
        after, before = hour >= low, hour < high
        return rows[after & before if low < high else after | before]


def _check_hours(hours: tuple[int, int] | None) -> None:
    with suppress(TypeError, ValueError):
        low, high = (0, 24) if hours is None else hours
        if 0 <= low < 24 and 0 < high <= 24 and low != high:
            return
    raise QueryError(f"hours: expected two hours of the day such as (9, 17), got {hours!r}")


@dataclass(frozen=True, eq=False, kw_only=True)
class SelectedUsage:
    """Rows of a reply that a selection takes; each kind is computed once.

    Parameters
    ----------
    selection
        Selection to apply.
    usage
        The reply about all calls.
    all_hours
        All hours of the reply in the selected time zone.
    group_hours
        All hours by group in the same zone; None without a breakdown.
    earlier_hours
        Hours that contain the previous period, in the same zone; None without a comparison.
    undivided
        Function that returns the same selection of whole UTC hours.
    """

    selection: Selection
    usage: CallUsage
    all_hours: pd.DataFrame
    group_hours: pd.DataFrame | None = None
    earlier_hours: pd.DataFrame | None = None
    undivided: "Callable[[], SelectedUsage] | None" = None

    @cached_property
    def single_hours(self) -> "SelectedUsage":
        """The same selection; if its zone divides UTC hours, with whole UTC hours."""
        whole = np.array_equal(row_times(self.all_hours), row_times(self.usage.hourly))
        return self if whole or self.undivided is None else self.undivided()

    @property
    def _days(self) -> tuple[date | None, date | None]:
        return self.selection.from_date, self.selection.to_date  # type: ignore[return-value]  # __post_init__ made days

    @cached_property
    def hourly(self) -> pd.DataFrame:
        """Selected hours of all calls."""
        return self.selection.cut(self.all_hours, self._days)

    @cached_property
    def daily(self) -> pd.DataFrame:
        """Local days of the selected hours, incomplete ones too."""
        return aggregate(self.hourly, "D")

    @cached_property
    def unmarked(self) -> pd.DataFrame:
        """Selected hours outside the periods to leave out, for means and limits."""
        return self.rows("unmarked")

    @cached_property
    def final(self) -> pd.DataFrame:
        """Final hours outside the periods to leave out, for rates."""
        return self.rows("final")

    def rows(self, kind: Rows, *, grouped: bool = False) -> pd.DataFrame:
        """Return the selected rows of a kind, of all calls or by group.

        Parameters
        ----------
        kind
            ``"all"``; ``"unmarked"``, without the periods to leave out, for means and limits;
            ``"final"``, of these the hours that are no longer provisional, for rates; or
            ``"history"``.
        grouped
            True for one row per hour and group.
        """
        if kind == "history":
            return self.history
        return self._of_kind(kind, self.breakdown if grouped else self.hourly)

    def _of_kind(self, kind: Rows, rows: pd.DataFrame) -> pd.DataFrame:
        rows = rows if kind == "all" else without(rows, self.selection.marks)
        return rows[~rows["provisional"]] if kind == "final" else rows

    @cached_property
    def breakdown(self) -> pd.DataFrame:
        """Selected hours of every group and the rest.

        Raises
        ------
        QueryError
            No breakdown was given.
        """
        if self.group_hours is None:
            raise QueryError("groups: expected a breakdown, got none")
        return self.selection.cut(self.group_hours, self._days)

    @cached_property
    def history(self) -> pd.DataFrame:
        """Hours up to the last selected day, from weeks before its month if the reply has them.

        A month's projection learns its weekdays from them.
        """
        last = self._days[1] or self.hourly.index[-1].date()
        rows = self.selection.cut(self.all_hours, Days(last, last).history)
        earlier = self.earlier_hours
        if earlier is None or earlier is self.all_hours or len(rows) == 0:
            return rows
        earlier = _whole_days(earlier)
        earlier = self.selection.of_hours(earlier[earlier.index < rows.index[0]])
        if len(earlier) == 0 or _day(rows.index[0]) - _day(earlier.index[-1]) > _DAY:
            return rows
        # What was provisional in the earlier reply stays so.
        return pd.concat([earlier, rows])

    def earlier(self, *, grouped: bool = False) -> pd.DataFrame | None:
        """Return the hours of earlier days that show a comparison how much days differ.

        None if the selected days are enough, or without a comparison. For a reply that contains
        both periods, these are the four weeks before the selected days.
        """
        rows = self.earlier_hours
        if rows is None or len(self.daily) > FEWEST:
            return None
        if rows is not self.all_hours:
            return None if grouped else self.selection.of_hours(rows)
        first = self.daily.index[0].date()
        every = self.group_hours if grouped and self.group_hours is not None else rows
        return self.selection.cut(every, Days(first, first).weeks_before)

    def previous_rows(self, kind: Literal["all", "final"], grouped: bool = False) -> pd.DataFrame:
        """Return rows of the previous period, of all calls or by group.

        Parameters
        ----------
        kind
            ``"all"``, or ``"final"`` up to the hour of the clock to which the selected hours are
            final.
        grouped
            True for one row per hour and group.

        Raises
        ------
        QueryError
            There is no comparison.
        """
        rows, days = self.group_hours if grouped else self.earlier_hours, self.selection.previous
        if self.earlier_hours is None or rows is None:
            raise QueryError("previous: expected a previous period, got none")
        if days is None:
            rows = _whole_days(self.selection.of_hours(rows))
        else:
            rows = self.selection.cut(rows, days)
        if kind == "final" and self.previous_end is not None:
            rows = rows[_local(rows) <= self.previous_end]
        return self._of_kind(kind, rows)

    @cached_property
    def previous_end(self) -> pd.Timestamp | None:
        """Last hour of the previous period to compare, on the local clock; None for all."""
        days, late = self.selection.previous, self.hourly["provisional"].to_numpy()
        if days is None or not late.any():
            return None
        first = _local(self.hourly)[int(late.argmax())]
        start = self._days[0] or self.hourly.index[0].date()
        return first - (start - days[0]) - pd.Timedelta(hours=1)


def group_rows(breakdown: CallUsage) -> pd.DataFrame:
    """Return the hours of a breakdown, without the rest if the rest has no calls."""
    rows = breakdown.hourly
    rest = rows[str(group_column(rows))] == REST
    return rows if rows.loc[rest, "total_count"].any() else rows[~rest]


def _days_of(rows: pd.DataFrame, first: Any, last: Any) -> Days:
    """Return the first and last local day of rows between two days, each None for no bound."""
    low, high = rows.index.min().date(), rows.index.max().date()
    return Days(max(low, first or low), min(high, last or high))


def _whole_days(hourly: pd.DataFrame) -> pd.DataFrame:
    """Rows from the first complete local day to the last one."""
    # A reply covers whole UTC hours or days, so that its first and last local day may be cut.
    days = aggregate(hourly, "D")
    complete = days.index[days["complete"].to_numpy()]
    if len(complete) == 0:
        return hourly
    return hourly[inside_days(hourly, complete[0].date(), complete[-1].date())]


def _local(rows: pd.DataFrame) -> pd.DatetimeIndex:
    """Return the local clock time of each row, without its zone."""
    return pd.DatetimeIndex(rows.index).tz_localize(None)


def _day(moment: pd.Timestamp) -> pd.Timestamp:
    return moment.tz_localize(None).normalize()
