"""UTC days and instants as numbers: days and microseconds since 1970."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd

from usage_analysis.errors import QueryError
from usage_analysis.query import UsageQuery
from usage_analysis.tidy.zones import DAY, EPOCH, microseconds


def timestamp(moment: int) -> pd.Timestamp:
    """Return an instant [us since 1970] as a UTC timestamp."""
    return pd.Timestamp(np.datetime64(int(moment), "us")).tz_localize("UTC")


def day_name(day: int) -> str:
    """Return the ISO date of a numbered day."""
    return str(np.datetime64(int(day), "D"))


def months_between(first: int, last: int) -> list[str]:
    """Return the months between two days, both inclusive, as ``2026-03``."""
    if first > last:
        return []
    ends = np.array([first, last]).astype("M8[D]").astype("M8[M]")
    return [str(month) for month in np.arange(ends[0], ends[1] + 1)]


def days_in_month(month: str) -> range:
    """Return the numbers of the days in a month."""
    start = np.datetime64(month, "M")
    first, end = np.array([start, start + 1]).astype("M8[D]").astype(np.int64).tolist()
    return range(first, end)


def parse_day(argument: str, value: Any) -> int:
    """Return the number of a UTC day, given as a date, a text or its first instant.

    Raises
    ------
    QueryError
        The value is not a UTC day.
    """
    try:
        start = UsageQuery(from_date=value).start
    except QueryError as error:
        raise QueryError(str(error).replace("from_date", argument, 1)) from None
    if start is None or microseconds(start) % DAY:
        raise QueryError(f"{argument}: expected a UTC day such as 2026-03-01, got {value!r}")
    return microseconds(start) // DAY


def day_of_date(day: date) -> int:
    """Return the number of a date."""
    return day.toordinal() - EPOCH.toordinal()


def parse_instant(as_of: datetime | str) -> int:
    """Return an instant as a number [us since 1970].

    Raises
    ------
    QueryError
        The value is not a date and time, or has no zone.
    """
    moment = None
    with suppress(ValueError):
        moment = datetime.fromisoformat(as_of) if isinstance(as_of, str) else as_of
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise QueryError(f"as_of: expected a date and time with its zone, got {as_of!r}")
    return microseconds(moment)
