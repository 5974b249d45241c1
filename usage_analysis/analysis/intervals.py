"""Quantiles, intervals and significance, and the scatter of daily rates that widens intervals."""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from usage_analysis.analysis.arrays import Booleans, Floats, Integers, Places, Values, ratio
from usage_analysis.errors import QueryError
from usage_analysis.tidy.grouping import Sums, rows_of
from usage_analysis.tidy.zones import DAY

#: So many numbers fit a processor's cache, where they are worked on several times as fast.
_AT_ONCE = 1 << 14


def check_share(name: str, value: object, example: float) -> None:
    """Check that an argument is a number between 0 and 1.

    Raises
    ------
    QueryError
        Another value.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise QueryError(f"{name}: expected a share from 0 to 1 such as {example}, got {value!r}")


def check_amount(name: str, value: object) -> None:
    """Check that an argument is a finite number, 0 or more.

    Raises
    ------
    QueryError
        Another value.
    """
    good = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not (good and 0 <= value < math.inf):  # type: ignore[operator]  # it is a number
        raise QueryError(f"{name}: expected a number, 0 or more, got {value!r}")


def normal_quantile(confidence: float) -> float:
    """Return the standard normal quantile of a two-sided interval.

    Raises
    ------
    QueryError
        The confidence is not between 0 and 1.
    """
    check_share("confidence", confidence, 0.95)
    return NormalDist().inv_cdf((1 + confidence) / 2)


def student(confidence: float, freedom: float | Floats) -> Any:
    """Return the quantile of Student's t for a two-sided interval."""
    from scipy.special import stdtrit  # `import usage_analysis` loads no SciPy

    return stdtrit(freedom, (1 + confidence) / 2)


def student_tail(value: float | Floats, freedom: float | Floats) -> Any:
    """Return the two-sided tail probability of Student's t distribution."""
    from scipy.special import stdtr  # `import usage_analysis` loads no SciPy

    return 2 * stdtr(freedom, -np.abs(value))


def normal_tail(value: float | Floats) -> Any:
    """Return the two-sided tail probability of the standard normal distribution."""
    return 2 * normal_cdf(-np.abs(value))


def normal_cdf(z: Any) -> Any:
    """Return the normal distribution function."""
    from scipy.special import ndtr  # `import usage_analysis` loads no SciPy

    return ndtr(z)


def mixture_quantile(share: float, middle: Floats, error: Floats, weight: Floats) -> Floats:
    """Return a quantile of mixtures of normal distributions along the first axis, by bisection."""
    reach = 8 * np.nan_to_num(error).max(axis=0)
    low, high = np.nan_to_num(middle).min(axis=0) - reach, np.nan_to_num(middle).max(axis=0) + reach
    for _ in range(32):
        half = (low + high) / 2
        below = (weight * normal_cdf((half - middle) / np.maximum(error, 1e-12))).sum(axis=0)
        low, high = np.where(below < share, half, low), np.where(below < share, high, half)
    return np.where(np.isfinite(middle).all(axis=0), (low + high) / 2, np.nan)


def holm(tails: Floats) -> Floats:
    """Return tail probabilities, corrected for looking at several results.

    Holm's step-down rule (Holm 1979, Scandinavian Journal of Statistics 6:65): where nothing has
    changed, any of the results is below ``1 - confidence`` in at most that share of all cases.
    Results without a tail probability (NaN) are not counted.
    """
    order = np.argsort(tails, kind="stable")
    left = np.count_nonzero(~np.isnan(tails)) - np.arange(len(tails))
    steps = np.maximum.accumulate(tails[order] * left)
    return np.asarray(np.minimum(steps, 1.0)[np.argsort(order)])


def shrink_towards_mean(values: Floats, variances: Floats) -> Floats:
    """Return values shrunk towards their common mean, the noisier ones more.

    Empirical Bayes with the variance between groups of DerSimonian and Laird (1986, Controlled
    Clinical Trials 7:177). A small group then seldom ranks first or last by chance alone.
    """
    known = np.isfinite(values) & np.isfinite(variances) & (variances > 0)
    if np.count_nonzero(known) < 2:  # nothing to pool with
        return values
    weight = 1 / variances[known]
    mean = (weight * values[known]).sum() / weight.sum()
    excess = (weight * (values[known] - mean) ** 2).sum() - (len(weight) - 1)
    between = max(excess / (weight.sum() - (weight**2).sum() / weight.sum()), 0.0)
    out: Floats = values.astype(np.float64)
    own = between / (between + variances[known])
    out[known] = own * values[known] + (1 - own) * mean
    return out


def share(events: Values, calls: Values) -> Floats:
    """Return events per call, NaN without calls."""
    return ratio(events, calls, math.nan)


def wilson(events: Values, calls: Values, quantile: float | Floats) -> tuple[Floats, Floats]:
    """Return Wilson's interval for each share; NaN without calls or with more events than calls.

    Each share may have its own quantile. A larger one widens the interval as fewer calls would,
    because the interval depends only on quantile² / calls.
    """
    low, high = np.empty(len(calls)), np.empty(len(calls))
    for start in range(0, len(calls), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        of_part = quantile if isinstance(quantile, float) else quantile[part]
        low[part], high[part] = _wilson(events[part], calls[part], of_part)
    return low, high


def _wilson(events: Values, calls: Values, quantile: float | Floats) -> tuple[Floats, Floats]:
    known = (calls > 0) & (events <= calls) & (events >= 0) & ~np.isnan(quantile)
    n = np.where(known, calls, np.nan).astype(np.float64, copy=False)
    k = events.astype(np.float64)
    square = quantile * quantile
    scale = 1 / (n + square)
    middle = (k + square / 2) * scale
    half = np.sqrt(k * (n - k) / n + square / 4)
    half *= quantile * scale
    # The ends are 0 and 1 exactly where no call or every call was an event.
    low, high = middle - half, middle + half
    low[(k == 0) & known] = 0.0
    high[(k == n) & known] = 1.0
    return low, high


def newcombe(
    events: Values, calls: Values, others: Values, other_calls: Values, quantile: float | Floats
) -> tuple[Floats, Floats]:
    """Return Newcombe's hybrid score interval for each difference of two shares.

    With (l, u) Wilson's interval of each share: ``d - √((p1 - l1)² + (u2 - p2)²)`` to ``d + √((u1 -
    p1)² + (p2 - l2)²)`` (Newcombe 1998, Statistics in Medicine 17:873, method 10).
    """
    p, q = share(events, calls), share(others, other_calls)
    low, high = wilson(events, calls, quantile)
    other_low, other_high = wilson(others, other_calls, quantile)
    return p - q - np.hypot(p - low, other_high - q), p - q + np.hypot(high - p, q - other_low)


def newcombe_quantile(events: Values, calls: Values, others: Values, other_calls: Values) -> Floats:
    """Return the quantile at which each of Newcombe's intervals ends at 0, by bisection."""
    least, most = np.zeros(len(calls)), np.full(len(calls), 100.0)
    for _ in range(50):
        middle = (least + most) / 2
        low, high = newcombe(events, calls, others, other_calls, middle)
        apart = (low > 0) | (high < 0)
        least, most = np.where(apart, middle, least), np.where(apart, most, middle)
    return least


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
        known = (np.where(self.known, part, 0) for part in parts)
        total, freedom, events = (np.full(len(part), part.sum()) for part in known)
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
    intervals still cover 90 % of cases.
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
    """Return the scatter of the daily rates of each group, for groups in order of appearance.

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
    sums = (added.of(frame[column].to_numpy()) for column in (denominator, event))
    calls, events = (values.astype(np.float64) for values in sums)
    some = np.flatnonzero(calls)
    return calls[some], events[some], some // length, rows.count


def scatter_of(
    calls: Floats, events: Floats, code: Places, count: int, *, single_days: bool = False
) -> Scatter:
    """Return the scatter of days, given their calls and events, group after group."""
    parts = calls, events, calls**2
    total, wrong, squares = (np.bincount(code, part, minlength=count) for part in parts)
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
