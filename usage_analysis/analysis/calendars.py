"""Calendars of holidays, from dates in any form."""

from collections.abc import Container, Iterable, Mapping
from contextlib import suppress
from datetime import date, datetime

import numpy as np
import pandas as pd

from usage_analysis.errors import QueryError


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
    found: object = given
    if isinstance(given, str):
        with suppress(ValueError):
            found = date.fromisoformat(given)
    if isinstance(given, np.datetime64):
        found = pd.Timestamp(given)
    if isinstance(found, datetime) and not pd.isna(found):
        return found.date()
    if isinstance(found, date) and not isinstance(found, datetime):
        return found
    raise QueryError(f'holidays: expected dates such as "2026-12-25", got {given!r} among them')
