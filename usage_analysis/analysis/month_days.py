"""Days of one series, and the month of the last complete one."""

from datetime import date, timedelta, tzinfo
from functools import cached_property, lru_cache
from typing import Any, Final

import numpy as np
import pandas as pd

from usage_analysis.analysis.arrays import Booleans, Floats, Integers, exact
from usage_analysis.analysis.forecast import SPAN
from usage_analysis.tidy import zones
from usage_analysis.tidy.zones import DAY

NO_DAY: Final = "no_complete_day"
#: Values of `MonthDays.reason`.
BEGINS_LATE: Final = "begins_late"
BEGINS_WITHIN: Final = "begins_within_day"


class MonthDays:
    """Days of one series in order, and the month of the last complete one."""

    def __init__(self, days: pd.DataFrame, measure: str) -> None:
        self.measure, self.zone = measure, zones.zone_of(days)
        day = zones.local_clock(days) // DAY
        order = np.argsort(day, kind="stable")
        provisional = days["provisional"].to_numpy(dtype=bool)
        self.day: Integers = day[order]
        self.counts: Floats = exact(days, measure).astype(np.float64)[order]
        complete = days["complete"].to_numpy(dtype=bool)
        self.known: Booleans = (complete & ~provisional)[order]
        # The first day's length, where its first hours are missing.
        cut = "hours" in days and not complete[order][:1].all()
        self.first_hours = float(days["hours"].iloc[order[0]]) if cut else 0.0
        self.open = bool(provisional[order][-1:].any())
        last = self.day[self.known][-1:] if self.known.any() else self.day[-1:]
        self.empty = len(last) == 0
        month = (np.zeros(1, dtype=np.int64) if self.empty else last).view("M8[D]").astype("M8[M]")
        ends = (month[0] + np.arange(2)).astype("M8[D]").view(np.int64)
        self.first, self.after = (int(end) for end in ends)

    @cached_property
    def inside(self) -> Booleans:
        """Mask of the frame's days that are in the month."""
        return (self.day >= self.first) & (self.day < self.after)

    @cached_property
    def skipped(self) -> Integers:
        """Weekdays without rows although the frame spans them: the caller dropped them."""
        if self.empty:
            return np.zeros(0, dtype=np.int64)
        passed = zones.weekday_of(np.arange(self.day[0], self.day[-1] + 1))
        return np.setdiff1d(passed, zones.weekday_of(self.day))

    @cached_property
    def left(self) -> Integers:
        """Days of the month that are not complete in the frame, which are forecast."""
        every = np.arange(self.first, self.after)
        complete = np.isin(every, self.day[self.inside & self.known])
        return every[~complete & ~np.isin(zones.weekday_of(every), self.skipped)]

    @cached_property
    def now(self) -> int:
        """The day after the last complete one; the first of the month without one."""
        return int(self.day[self.known][-1]) + 1 if self.known.any() else self.first

    @property
    def recent(self) -> int:
        """Number of complete days in the last 8 weeks."""
        return int((self.known & (self.day >= self.now - SPAN)).sum())

    def instant(self, day: int) -> Any:
        """Return the first instant of a local day."""
        return _instant(day, self.zone)

    @property
    def reason(self) -> str:
        """Reason why nothing can be projected; empty if a projection is possible."""
        if not self.known.any():
            return NO_DAY
        # The caller may have dropped weekdays.
        before = zones.weekday_of(np.arange(self.first, self.day[0]))
        return "" if np.isin(before, self.skipped).all() else BEGINS_LATE

    @property
    def begins_within(self) -> bool:
        """True if the frame begins during the first day of the month."""
        return bool(self.first_hours and self.day[0] == self.first)

    @property
    def begins(self) -> Any:
        """First instant of the month's rows."""
        if not self.begins_within:
            return self.instant(int(self.day[self.inside][0]))
        return self.instant(self.first + 1) - pd.Timedelta(hours=self.first_hours)

    @cached_property
    def past(self) -> Floats:
        """Values of the last 8 weeks up to the last complete day; NaN for unknown days."""
        out = np.full(SPAN, np.nan)
        place = self.day - (self.now - SPAN)
        taught = self.known & (place >= 0)
        out[place[taught]] = self.counts[taught]
        return out

    @cached_property
    def came(self) -> Floats:
        """Values so far of the days to forecast."""
        out = np.zeros(len(self.left))
        some = self.inside & ~self.known & np.isin(self.day, self.left)
        out[np.searchsorted(self.left, self.day[some])] = self.counts[some]
        return out


@lru_cache(maxsize=4096)
def _instant(day: int, zone: tzinfo) -> Any:
    """First instant of a local day."""
    return zones.to_index(zones.first_instants(zone, np.array([day * DAY])), zone)[0]


def date_of(day: int) -> date:
    """Return the date that is a number of days after 1970-01-01."""
    return date(1970, 1, 1) + timedelta(days=day)
