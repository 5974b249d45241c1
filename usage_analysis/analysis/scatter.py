"""Scatter of days: the variation of daily rates relative to independent calls."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from usage_analysis.analysis.arrays import Booleans, Floats, Integers, Places, Values, ratio
from usage_analysis.analysis.intervals import normal_quantile, student
from usage_analysis.tidy.grouping import Sums, rows_of
from usage_analysis.tidy.zones import DAY

#: Degrees of freedom below which the scatter of days is not known at all.
FEWEST = 2
_MOST = 24
# Short series understate their scatter, and more so where days are as skewed as those of errors;
# found by simulation.
_SHORT, _SHORT_OF_ERRORS = 3.0, 5.0
# Few events cannot show how much they clump: before the data are seen, days are believed to scatter
# twice as much as chance makes them, and this belief counts as two events.
_BELIEF, _BELIEF_EVENTS = 4.0, 2.0


@dataclass(frozen=True)
class Scatter:
    """Scatter of the days of each group, relative to independent calls.

    Parameters
    ----------
    total
        Sum of the estimates of the variance ratio s²; 1 on average where calls are independent.
    freedom
        Number of estimates.
    events
        Number of events, or of other calls where these are fewer.
    size
        Calls on the day of an average call: Σn²/Σn over the days.
    """

    total: Floats
    freedom: Integers
    events: Floats
    size: Floats

    @property
    def known(self) -> Booleans:
        """Groups with enough days to know their scatter."""
        return self.freedom >= FEWEST

    def __add__(self, other: "Scatter") -> "Scatter":
        """Pool the estimates of two periods."""
        totals = self.total + other.total, self.freedom + other.freedom
        return Scatter(*totals, self.events + other.events, self.size)

    def of(self, place: Places) -> "Scatter":
        """Return the scatter of the groups at these places; -1 stands for no days."""
        parts: tuple[Any, ...] = self.total, self.freedom, self.events, self.size
        return Scatter(*(values_at(part, place) for part in parts))

    def pooled(self) -> "Scatter":
        """Return the scatter of all groups together, for each of them."""
        parts: tuple[Any, ...] = self.total, self.freedom, self.events
        total, freedom, events = (
            np.full(len(part), np.where(self.known, part, 0).sum()) for part in parts
        )
        return Scatter(total, freedom, events, self.size)

    def ratio(self) -> Floats:
        """Return s² of each group, 1 where it is not known."""
        found = self.total / np.maximum(self.freedom, 1)
        own = self._own
        return np.where(self.known, own * found + (1 - own) * _BELIEF, 1.0)

    def effective_freedom(self) -> Floats:
        """Return the degrees of freedom of `ratio`, more if it rests largely on the prior."""
        return self.freedom / np.maximum(self._own, 1e-9)

    def quantiles(self, confidence: float) -> Floats:
        """Return the quantile that widens each group's interval.

        Student's t with the number of estimates, times s, as an effective sample of n/s² calls
        would widen it (Rao and Scott 1992, Biometrics 48:577; Korn and Graubard 1998, Survey
        Methodology 24:193); never below the normal quantile of independent calls.
        """
        normal = normal_quantile(confidence)
        wide = student(confidence, self.effective_freedom()) * np.sqrt(self.ratio())
        return np.where(self.known, np.maximum(wide, normal), normal)

    @property
    def _own(self) -> Floats:
        """Weight of the data relative to the prior."""
        return self.events / (self.events + _BELIEF_EVENTS)


def values_at(column: Values, place: Places) -> Values:
    """Return the values at these places; the place -1 gives 0."""
    return np.append(column, column.dtype.type(0))[place]


def cosines(days: int) -> int:
    """Return the number of slow waves that measure the scatter of a sum of days.

    Levels that linger for days make a sum scatter more than single days do, so only the slowest
    waves measure its scatter (Lazarus, Lewis, Stock and Watson 2018, Journal of Business and
    Economic Statistics 36:541). They recommend 0.4·days^(2/3) for persistent series. The
    factor 0.82 gives shorter intervals, and with a correlation of 0.5 from day to day 95 %
    intervals still hold 90 %.
    """
    return max(min(days - 1, max(2, int(0.82 * days ** (2 / 3))), _MOST), 0)


def slow_sums(
    values: Floats, code: Places, count: int, short: float = _SHORT
) -> tuple[Floats, Integers]:
    """Return the sum of the variance estimates of each group's total, and their number.

    `values` are the days of each group in order, as deviations from their expected values.
    """
    days = np.bincount(code, minlength=count)
    first = np.cumsum(days) - days
    middle = np.arange(len(values)) - first[code] + 0.5
    waves = np.array([cosines(int(number)) for number in days], dtype=np.int64)
    found = np.zeros(count)
    for wave in range(1, int(waves.max(initial=0)) + 1):
        inside = waves[code] >= wave
        group = code[inside]
        part = values[inside] * np.cos(math.pi * wave * middle[inside] / days[group])
        found += 2 * np.bincount(group, part, minlength=count) ** 2
    return found * (1 + short / np.maximum(days, 1)), waves


def day_scatter(
    frame: pd.DataFrame, event: str, denominator: str, *, single_days: bool = False
) -> Scatter:
    """Return how the rates of each group's local days scatter, for groups in order of appearance.

    Parameters
    ----------
    single_days
        Measure how much single days differ, not how much sums of days differ.
    """
    calls, events, code, count = sums_of_days(frame, event, denominator)
    return scatter_of(calls, events, code, count, single_days=single_days)


def sums_of_days(
    frame: pd.DataFrame, event: str, denominator: str
) -> tuple[Floats, Floats, Places, int]:
    """Return calls and events of local days with calls, their groups, and the number of groups."""
    rows = rows_of(frame)
    day = rows.local // DAY
    low = int(day.min()) if len(day) else 0
    length = int(day.max()) - low + 1 if len(day) else 1
    added = Sums(rows.code * length + (day - low)[rows.place], rows.count * length)
    calls, events = (
        added.of(frame[column].to_numpy()).astype(np.float64) for column in (denominator, event)
    )
    some = np.flatnonzero(calls)
    return calls[some], events[some], some // length, rows.count


def scatter_of(
    calls: Floats, events: Floats, code: Places, count: int, *, single_days: bool = False
) -> Scatter:
    """Return the scatter of days, given their calls and events, group after group."""
    total, wrong, squares = (
        np.bincount(code, values, minlength=count) for values in (calls, events, calls**2)
    )
    some = np.maximum(total, 1)
    rate = wrong / some
    rest = events - rate[code] * calls
    days = np.bincount(code, minlength=count)
    found, number = slow_sums(rest, code, count, _SHORT_OF_ERRORS)
    if single_days:
        found = np.multiply(days, np.bincount(code, rest**2, minlength=count), dtype=np.float64)
        number = np.maximum(days - 1, 0)
    # Without an event, or with nothing else, days say nothing on scatter.
    scatter = ratio(found, total * rate * (1 - rate))
    rarer = np.maximum(np.minimum(wrong, total - wrong), 0.0)
    return Scatter(scatter, number, rarer, squares / some)
