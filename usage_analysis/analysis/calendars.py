"""Which days are holidays, however they are given."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from datetime import date, datetime

import numpy as np
import pandas as pd

from usage_analysis.errors import QueryError


class Calendar:
    """Days off: those given, and those that a calendar finds when it is asked."""

    def __init__(self, days: frozenset[date], asked: Container[object] = ()) -> None:
        self._days, self._asked = days, asked

    def __bool__(self) -> bool:
        """Whether there may be a day off; a calendar is not asked for all that it knows."""
        return bool(self._days) or isinstance(self._asked, Mapping)

    def __contains__(self, day: object) -> bool:
        """Whether a date is a day off."""
        return day in self._days or day in self._asked


def calendar_of(holidays: Iterable[object] | None) -> Calendar:
    """Days off of what a caller may give: dates in any collection, or a calendar.

    Raises
    ------
    QueryError
        Something in it is no date, or it is no collection.
    """
    if holidays is None:
        return Calendar(frozenset())
    if isinstance(holidays, str | bytes) or not isinstance(holidays, Iterable):
        raise QueryError(f"holidays: expected dates as a set or a calendar, got {holidays!r}")
    days = frozenset(_date_of(one) for one in holidays)
    # A calendar of the package `holidays` is a mapping that works out a year when asked for it.
    return Calendar(days, holidays if isinstance(holidays, Mapping) else ())


def _date_of(given: object) -> date:
    """Date of one holiday, on its own clock."""
    found: object = given
    if isinstance(given, str):
        try:
            found = date.fromisoformat(given)
        except ValueError:
            found = None
    if isinstance(given, np.datetime64):
        found = pd.Timestamp(given)
    if isinstance(found, datetime) and not pd.isna(found):
        return found.date()
    if isinstance(found, date) and not isinstance(found, datetime):
        return found
    raise QueryError(f'holidays: expected dates such as "2026-12-25", got {given!r} among them')
