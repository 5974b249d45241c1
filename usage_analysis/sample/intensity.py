"""Expected calls of the sample account by hour: its day, week, year, holidays and campaign."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from usage_analysis.sample.account import ZONE
from usage_analysis.sample.calls import DAY, midnight
from usage_analysis.sample.random_bits import RandomBits

# Per agent, in the order of AGENTS: calls by local hour 0 to 23 on a weekday and at a weekend.
_WEEKDAY_HOURS = (
    (1, 0, 0, 0, 1, 2, 8, 26, 66, 91, 98, 92, 82, 84, 90, 88, 80, 66, 40, 22, 12, 7, 4, 2),
    (14, 10, 8, 7, 7, 9, 14, 22, 34, 44, 50, 52, 48, 48, 50, 50, 48, 46, 42, 40, 38, 34, 28, 20),
    (0, 0, 0, 0, 0, 1, 6, 30, 60, 62, 56, 48, 38, 42, 48, 46, 40, 30, 16, 6, 2, 1, 0, 0),
    (2, 1, 1, 0, 0, 1, 3, 6, 10, 14, 18, 20, 24, 22, 20, 22, 26, 32, 38, 40, 36, 28, 16, 7),
    (9, 7, 5, 4, 5, 8, 12, 10, 2, 0, 0, 0, 0, 0, 0, 0, 0, 4, 14, 20, 22, 20, 16, 12),
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 30, 34, 10, 4, 12, 24, 20, 8, 0, 0, 0, 0, 0, 0, 0),
)
_WEEKEND_HOURS = (
    (1, 0, 0, 0, 0, 1, 3, 8, 18, 27, 36, 29, 24, 20, 18, 14, 10, 8, 6, 4, 3, 2, 1, 1),
    (12, 9, 7, 6, 6, 7, 9, 12, 18, 24, 28, 30, 28, 28, 28, 28, 26, 26, 24, 24, 22, 20, 18, 14),
    (0, 0, 0, 0, 0, 0, 1, 4, 9, 10, 9, 8, 4, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    (3, 2, 1, 1, 0, 1, 2, 6, 14, 22, 28, 32, 34, 32, 30, 30, 30, 32, 34, 34, 30, 24, 16, 8),
    (8, 6, 5, 4, 4, 6, 8, 10, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 14, 16, 16, 14, 12, 10),
    (0,) * 24,
)
# Calls from Monday to Sunday [% of the average].
_WEEKDAYS = (118, 108, 102, 98, 92, 100, 86)
# Growth from the first day of the year to the last [per mille].
_GROWTH = (860, 1140)
# Random levels of the calls in a span of hours [sixteenths of the average].
_CALL_LEVELS = (
    (6, (11, 12, 12, 13, 13, 14, 15, 15, 16, 17, 17, 18, 19, 20, 21, 23)),
    (1, (14, 14, 15, 15, 15, 16, 16, 16, 16, 16, 16, 17, 17, 17, 18, 18)),
)


def call_intensity(bits: RandomBits, hours: NDArray[np.int64], today: date) -> NDArray[np.int64]:
    """Return the expected calls per UTC hour and agent, in an arbitrary unit.

    The shape is (hours, agents).
    """
    local = _local_hours(hours)
    day, hour = local // 24, local % 24
    weekday = (day + 3) % 7
    profile = np.where(
        (weekday >= 5)[:, None], np.array(_WEEKEND_HOURS).T[hour], np.array(_WEEKDAY_HOURS).T[hour]
    )
    days = np.arange(day[0], day[-1] + 1)
    low, high = _GROWTH
    level = low + (high - low) * (days - days[0]) // 365
    level *= _special_days(days, today)
    level = level[day - day[0]] * np.array(_WEEKDAYS)[weekday]
    since = local - day[0] * 24
    for span, table in _CALL_LEVELS:
        place = since // span
        level *= bits.draw_from(table, int(place[-1]) + 1)[place]
    return np.asarray(profile * level[:, None])


def _local_hours(hours: NDArray[np.int64]) -> NDArray[np.int64]:
    # Imported here so that `sample_client` does not load pandas before it needs calls.
    import pandas as pd

    utc = pd.DatetimeIndex((hours * 3600).astype("M8[s]"), tz="UTC")
    local = utc.tz_convert(ZoneInfo(ZONE)).tz_localize(None)
    return local.to_numpy().astype("M8[h]").astype(np.int64)


def _special_days(days: NDArray[np.int64], today: date) -> NDArray[np.int64]:
    """Return the calls of each day in percent of an ordinary day's.

    Holidays have fewer calls, and the campaign week has more.
    """
    percent = np.full(len(days), 100)
    for year in range(today.year - 2, today.year + 1):
        for day, left in _holidays(year).items():
            percent[days == midnight(day) // DAY] = left
    start = campaign_week(today)
    percent[(days >= start) & (days < start + 7)] = 165
    return percent


def campaign_week(today: date) -> int:
    """Return the Monday on which the campaign week begins, in days since 1970."""
    day = midnight(today) // DAY - 170
    return day - (day + 3) % 7


def _holidays(year: int) -> dict[date, int]:
    """Return the holidays of a year in the United States, with the calls that remain [%]."""

    def nth(month: int, weekday: int, n: int) -> date:
        first = date(year, month, 1)
        return first + timedelta((weekday - first.weekday()) % 7 + 7 * (n - 1))

    last_of_may = date(year, 5, 31)
    thanksgiving = nth(11, 3, 4)
    return {
        date(year, 1, 1): 18,
        nth(1, 0, 3): 70,
        nth(2, 0, 3): 75,
        last_of_may - timedelta(last_of_may.weekday()): 25,
        date(year, 6, 19): 80,
        date(year, 7, 4): 22,
        nth(9, 0, 1): 25,
        thanksgiving: 15,
        thanksgiving + timedelta(1): 55,
        date(year, 12, 24): 45,
        date(year, 12, 25): 12,
        date(year, 12, 31): 60,
    }
