"""Exact limits of rare events that scatter more than chance makes them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from usage_analysis.analysis.intervals import Floats

_BINOMIAL = 1e7
"""Beta parameters whose sum is above this make no difference from a binomial distribution."""
_CLUMPED = 0.01
"""Least sum of the beta parameters: nearly all calls of a day fail, or none does."""


def upper_counts(calls: NDArray[Any], rate: Floats, spread: Floats, tail: float) -> Floats:
    """Return the least count that is exceeded with a probability of at most `tail`.

    The count of events among n calls is beta-binomial with mean ``n·rate`` and a standard deviation
    of `spread` times the binomial one: the two beta parameters add up to ``(n - 1)/(spread² - 1) -
    1`` (Skellam 1948, J. R. Stat. Soc. B 10:257). A spread of 1 is the binomial distribution.

    Parameters
    ----------
    calls
        Whole numbers of calls, shape (n,).
    rate, spread
        Mean rate, above 0 and below 1, and spread, at least 1, shape (n,).
    tail
        Probability of a greater count, such as 0.00135.
    """
    n = np.maximum(np.rint(calls.astype(np.float64)), 1.0)
    excess = spread**2 - 1
    total = np.full(len(n), math.inf)
    np.divide(n - 1, excess, out=total, where=excess > 0)
    total = np.clip(total - 1, _CLUMPED, _BINOMIAL)
    chance = np.exp(_log_none(n, rate, total))
    upto, k, out = chance.copy(), 0, np.zeros(len(n))
    open_ = np.flatnonzero(upto < 1 - tail)
    while len(open_):
        # Each probability follows from the one before it.
        left, alpha = n[open_] - k, rate[open_] * total[open_]
        beta = total[open_] - alpha
        ratio = left / (k + 1) * (alpha + k) / np.maximum(beta + left - 1, 1e-300)
        chance[open_] *= np.where(left > 0, ratio, 0.0)
        upto[open_] += chance[open_]
        k += 1
        out[open_] = k
        open_ = open_[(upto[open_] < 1 - tail) & (k < n[open_])]
    return out


def _log_none(n: Floats, rate: Floats, total: Floats) -> Floats:
    """Logarithm of the probability that none of n calls is an event."""
    log_gamma = np.vectorize(math.lgamma, otypes=[np.float64])
    beta = total * (1 - rate)
    binomial: Floats = n * np.log1p(-rate)
    clumped = total < _BINOMIAL
    if clumped.any():
        b, t, m = beta[clumped], total[clumped], n[clumped]
        binomial[clumped] = log_gamma(b + m) - log_gamma(b) - log_gamma(t + m) + log_gamma(t)
    return binomial
