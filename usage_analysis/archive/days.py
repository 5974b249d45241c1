"""Convert UTC days and instants to numbers of days and microseconds since 1970, and back."""

from datetime import time
from typing import Any

import numpy as np

from usage_analysis.errors import QueryError
from usage_analysis.query import to_instant
from usage_analysis.tidy.zones import DAY, microseconds


def day_name(day: int) -> str:
    """Return the ISO date of a numbered day."""
    return str(np.datetime64(int(day), "D"))


def months_between(first: int, last: int) -> list[str]:
    """Return the months between two days, both inclusive, as ``2026-03``."""
    ends = np.array([first, last]).astype("M8[D]").astype("M8[M]")
    return [str(month) for month in np.arange(ends[0], ends[1] + 1)]


def parse_day(argument: str, value: Any) -> int:
    """Return the number of a UTC day, given as a date, a text or its first instant.

    Raises
    ------
    QueryError
        The value is not a UTC day.
    """
    start = to_instant(argument, value, time.min)
    if microseconds(start) % DAY:
        raise QueryError(f"{argument}: expected a UTC day such as 2026-03-01, got {value!r}")
    return microseconds(start) // DAY
