"""Slots of the clock that may be the busiest, and the load to expect in each."""

from statistics import NormalDist

import numpy as np

from usage_analysis.analysis.arrays import Booleans, Floats, Places, Values, ratio
from usage_analysis.analysis.intervals import normal_cdf

#: Fewest buckets of a slot before one slot is named.
ENOUGH = 3
_CHANCE = 0.05
_FEW_EVENTS = 20
_FREE = 24
_ROUNDS = 10
# Main effects of 7 days and 24 hours take 30 of 168 degrees of freedom.
_LEFT_FREE = 1 - 30 / 168
_TINY = 1e-9


def dispersion(
    mean: Floats, squares: Values, n: Places, *, otherwise: float | Floats = 1.0
) -> Floats:
    """Return the ratio of variance to mean in the busy slots of each group, shape (groups, 1).

    Quasi-Poisson dispersion (McCullagh and Nelder 1989, section 6.2), pooled over the slots with at
    least half of the greatest mean: only these can be the busiest. `squares` are sums of squared
    loads. Where few buckets share a slot the dispersion is at least `otherwise`.
    """
    busy = _busy(mean, n)
    within = np.where(busy, np.maximum(squares - n * mean**2, 0.0), 0.0).sum(axis=1)
    expected = np.where(busy, (n - 1) * mean, 0.0).sum(axis=1)
    free = np.where(busy, n - 1, 0).sum(axis=1)
    known = (free > 0) & (expected > 0)
    found = np.where(known, within / np.where(known, expected, 1.0), otherwise)
    return np.where(free >= _FREE, found, np.maximum(found, otherwise))[:, None]


def expected_week(mean: Floats, n: Places, scatter: Floats) -> tuple[Floats, Floats]:
    """Return expected loads and their standard errors per hour of the week, shape (groups, 168).

    With few weeks of data, the greatest of 168 means is mostly luck. So each mean is shrunk towards
    the product of a weekday effect and a clock hour effect, by empirical Bayes (Efron and Morris
    1975). The more of the differences from that product noise explains, the more the means are
    shrunk.

    Parameters
    ----------
    mean, n
        Mean load and number of buckets of each hour of the week.
    ratio
        Result of `dispersion`.
    """
    product = _main_effects(mean * n, n)
    some = np.maximum(n, 1)
    noise = scatter * product / some
    busy = _busy(mean, n)
    apart = np.where(busy, n * (mean - product) ** 2 - _LEFT_FREE * scatter * product, 0.0)
    size = np.where(busy, n * product**2, 0.0).sum(axis=1, keepdims=True)
    own = np.maximum(apart.sum(axis=1, keepdims=True), 0.0) / np.maximum(size, _TINY**2)
    own_variance = own * product**2
    weight = np.where(noise > 0, ratio(own_variance, own_variance + noise), 1.0)
    cells = (product * n).reshape(-1, 7, 24)
    by_day, by_hour = cells.sum(axis=2, keepdims=True), cells.sum(axis=1, keepdims=True)
    # Share of a slot's own noise that is left in its main effects.
    leverage = np.minimum(ratio(cells, by_day) + ratio(cells, by_hour), 1.0).reshape(-1, 168)
    variance = noise * (weight + (1 - weight) ** 2 * leverage)
    return product + weight * (mean - product), np.sqrt(variance)


def may_be_busiest(mean: Floats, expected: Floats, error: Floats, n: Places) -> Booleans:
    """Mark the slots that may be the busiest of their group, at a confidence of 95 %.

    A single slot is marked if its mean is the greatest, and the probabilities that another slot is
    busier add up to at most 5 %. Otherwise every slot is marked that is not significantly below the
    best: multiple comparisons with the best (Gupta 1965; Hsu 1984), by Bonferroni's inequality.
    """
    seen = n > 0
    guess = np.where(seen, expected, -1.0)  # loads are 0 or more
    top = guess.argmax(axis=1)[:, None]
    ahead = np.take_along_axis(guess, top, axis=1)
    own_error = np.take_along_axis(error, top, axis=1)
    scale = np.hypot(own_error, error) + _TINY * np.abs(ahead) + _TINY**2
    distance = np.where(seen, (ahead - guess) / scale, np.inf)
    among = distance <= NormalDist().inv_cdf(1 - _CHANCE / (mean.shape[1] - 1))
    rivals = normal_cdf(-distance)
    np.put_along_axis(rivals, top, 0.0, axis=1)
    first = np.take_along_axis(mean, top, axis=1)
    events = np.square(first / np.maximum(own_error, _TINY * first + _TINY**2))
    named = (
        (rivals.sum(axis=1, keepdims=True) <= _CHANCE)
        & (first >= np.where(seen, mean, 0.0).max(axis=1, keepdims=True) * (1 - _TINY))
        & (np.take_along_axis(n, top, axis=1) >= ENOUGH)
        & (events >= _FEW_EVENTS)
    )
    alone = np.arange(mean.shape[1]) == top
    # With fewer buckets per slot the scatter is unknown, with fewer events it is not normal.
    among |= (np.take_along_axis(n, top, axis=1) < ENOUGH) | (events < _FEW_EVENTS)
    return np.where(named, alone, among) & seen


def _busy(mean: Floats, n: Places) -> Booleans:
    top = np.where(n > 0, mean, 0.0).max(axis=1, keepdims=True, initial=0.0)
    out: Booleans = (n > 0) & (mean >= top / 2) & (mean > 0)
    return out


def _main_effects(total: Floats, n: Places) -> Floats:
    """Return the product of weekday and clock hour effects, by iterative proportional fitting."""
    sums, weeks = total.reshape(-1, 7, 24), n.reshape(-1, 7, 24)
    hours = np.ones((len(sums), 1, 24))
    for _ in range(_ROUNDS):
        days = ratio(sums.sum(axis=2, keepdims=True), (weeks * hours).sum(axis=2, keepdims=True))
        hours = ratio(sums.sum(axis=1, keepdims=True), (weeks * days).sum(axis=1, keepdims=True))
    return (days * hours).reshape(-1, 168)
