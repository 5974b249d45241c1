"""Expected calls of the sample account by hour: its day, week, year, holidays and campaign."""

import tomllib
from calendar import monthcalendar
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from usage_analysis.sample.account import ZONE
from usage_analysis.sample.calls import midnight
from usage_analysis.sample.random_bits import RandomBits
from usage_analysis.tidy.zones import DAY, HOUR, clock_of

#: Habits of the simulated calls; the file explains them.
HABITS: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("habits.toml").read_text(encoding="utf-8")
)


def by_agent(habit: str) -> NDArray[np.int64]:
    """Return a habit of each agent, in the order of `AGENTS`."""
    return np.array([agent[habit] for agent in HABITS["agents"]])


def call_intensity(bits: RandomBits, hours: NDArray[np.int64], today: date) -> NDArray[np.int64]:
    """Return the expected calls per UTC hour and agent, in an arbitrary unit.

    The shape is (hours, agents).
    """
    local = clock_of(hours * HOUR, ZoneInfo(ZONE)) // HOUR
    day, hour = local // 24, local % 24
    weekday = (day + 3) % 7
    profile = np.where(
        (weekday >= 5)[:, None], by_agent("weekend").T[hour], by_agent("weekday").T[hour]
    )
    days = np.arange(day[0], day[-1] + 1)
    low, high = HABITS["growth"]
    level = low + (high - low) * (days - days[0]) // 365
    level *= _special_days(days, today)
    level = level[day - day[0]] * np.array(HABITS["weekdays"])[weekday]
    since = local - day[0] * 24
    for levels in HABITS["levels"]["calls"]:
        place = since // levels["hours"]
        level *= bits.draw_from(levels["table"], int(place[-1]) + 1)[place]
    return np.asarray(profile * level[:, None])


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
    holidays = HABITS["holidays"]
    found = {date(year, month, day): left for month, day, left in holidays["fixed"]}
    for month, weekday, place, after, left in holidays["floating"]:
        weeks = monthcalendar(year, month)
        days = [week[weekday] for week in weeks if week[weekday]]  # 0 is a day of another month
        found[date(year, month, days[place]) + timedelta(after)] = left
    return found
