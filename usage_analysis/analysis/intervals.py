"""Quantiles, intervals and significance: short formulas, in NumPy."""

import math
from statistics import NormalDist
from typing import Any

import numpy as np

from usage_analysis.analysis.arrays import Floats, Values, ratio
from usage_analysis.errors import QueryError

#: So many numbers fit a processor's cache, where they are worked on several times as fast.
AT_ONCE = 1 << 14


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
    for start in range(0, len(calls), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        of_part = quantile if isinstance(quantile, float) else quantile[part]
        low[part], high[part] = _wilson(events[part], calls[part], of_part)
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
