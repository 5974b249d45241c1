"""The hours that a report is of: its local days, its hours of the day, whole days before."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.errors import QueryError
from usage_analysis.tidy.periods import aggregate

Hours = tuple[int, int]
"""First hour of the local day and the one that ends it; a first after the last goes over midnight.
"""


def check_hours(hours: Hours | None) -> None:
    """Nothing, where hours are some of a day.

    Raises
    ------
    QueryError
        Names what came.
    """
    if hours is None:
        return
    try:
        low, high = hours
        fits = 0 <= low < 24 and 0 < high <= 24 and low != high
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise QueryError(f"hours: expected two hours of the day such as (9, 17), got {hours!r}")


def hours_in_words(hours: Hours) -> str:
    """Hours of the day as a reader has them."""
    return f"{hours[0]:02}:00 to {hours[1]:02}:00"


def of_hours(hourly: pd.DataFrame, hours: Hours | None) -> pd.DataFrame:
    """Local rows of these hours of the day, all of them without any."""
    if hours is None:
        return hourly
    (low, high), hour = hours, pd.DatetimeIndex(hourly.index).hour.to_numpy()
    inside: NDArray[np.bool_] = (
        (hour >= low) & (hour < high) if low < high else (hour >= low) | (hour < high)
    )
    return hourly[inside]


def whole_days(hourly: pd.DataFrame) -> pd.DataFrame:
    """Rows from the first whole local day to the last: windows are asked for in UTC hours."""
    days = aggregate(hourly, "D")
    whole = days.index[days["complete"].to_numpy()]
    if len(whole) == 0:
        return hourly
    local = pd.DatetimeIndex(hourly.index).tz_localize(None).normalize()
    first, last = (day.tz_localize(None).normalize() for day in (whole[0], whole[-1]))
    inside: NDArray[np.bool_] = (local >= first) & (local <= last)
    return hourly[inside]
