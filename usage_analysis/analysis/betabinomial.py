"""Exact limits for counts of rare events that vary more than by chance."""

import math

import numpy as np
import scipy

from usage_analysis.analysis.arrays import Floats, Values, ratio
from usage_analysis.analysis.intervals import normal_cdf

#: Beta parameters whose sum is above this make no difference from a binomial distribution.
_BINOMIAL = 1e12
# The digits of the logarithms of larger beta functions cancel.
_CANCELLING = 1e8
#: Expected events from which on the normal distribution stands for the exact one.
_MANY = 1000.0
#: Least sum of the beta parameters: nearly all calls of a day fail, or none does.
_CLUMPED = 0.01


def upper_counts(calls: Values, rate: Floats, spread: Floats, tail: float) -> Floats:
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
    n, alpha, beta = _parameters(calls, rate, spread)
    chance = np.exp(_log_none(n, alpha, beta))
    upto, k, out = chance.copy(), 0, np.zeros(len(n))
    open_ = np.flatnonzero(upto < 1 - tail)
    while len(open_):
        chance[open_] *= _step(k, n[open_], alpha[open_], beta[open_])
        upto[open_] += chance[open_]
        k += 1
        out[open_] = k
        open_ = open_[(upto[open_] < 1 - tail) & (k < n[open_])]
    return out


def upper_tails(events: Values, calls: Values, rate: Floats, spread: Floats) -> Floats:
    """Return the probability of at least a given number of events among n calls.

    Parameters
    ----------
    events
        Counts of events, at most as many as the calls, shape (n,).
    calls, rate, spread
        As for `upper_counts`.
    """
    n, alpha, beta = _parameters(calls, rate, spread)
    least = np.rint(events.astype(np.float64))
    # Of many events the normal distribution is exact enough, and counting them would take long.
    away = (least - 0.5 - n * rate) / (spread * np.sqrt(n * rate * (1 - rate)))
    normal = normal_cdf(-away)
    many = n * rate > _MANY
    least = np.where(many, 0, least)
    logs, below = _log_none(n, alpha, beta), np.zeros(len(n))
    with np.errstate(divide="ignore"):
        for k in range(int(least.max(initial=0))):
            below += np.where(k < least, np.exp(logs), 0.0)
            logs += np.log(_step(k, n, alpha, beta))
    return np.where(many, normal, np.clip(1 - below, 0.0, 1.0))


def _parameters(calls: Values, rate: Floats, spread: Floats) -> tuple[Floats, Floats, Floats]:
    """Return whole calls and the two beta parameters."""
    n = np.maximum(np.rint(calls.astype(np.float64)), 1.0)
    total = ratio(n - 1, spread**2 - 1, math.inf)
    total = np.clip(total - 1, _CLUMPED, _BINOMIAL)
    return n, rate * total, (1 - rate) * total


def _step(k: int, n: Floats, alpha: Floats, beta: Floats) -> Floats:
    """Return the ratio of the probabilities of k + 1 and k events."""
    left = n - k
    step = left / (k + 1) * (alpha + k) / np.maximum(beta + left - 1, 1e-300)
    return np.where(left > 0, step, 0.0)


def _log_none(n: Floats, alpha: Floats, beta: Floats) -> Floats:
    """Return the logarithm of the probability that none of n calls is an event."""
    betaln = scipy.special.betaln
    binomial = n * np.log1p(-alpha / (alpha + beta))
    clumped = alpha + beta < _CANCELLING
    return np.where(clumped, betaln(alpha, beta + n) - betaln(alpha, beta), binomial)
