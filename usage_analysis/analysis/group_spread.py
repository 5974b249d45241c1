"""How much groups differ anyway, and which of them are unlike the others."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from usage_analysis.analysis.arrays import Booleans, Floats, Values
from usage_analysis.analysis.intervals import normal_cdf

#: Scale of the usual relative differences between groups, of a half-normal distribution.
USUAL = 0.15
#: Probability beyond the outer limits.
OUTER = 0.002
# Relative differences between groups, from none to three times the rate, dense near none.
_SPREADS = 3 * np.linspace(0, 1, 61) ** 2
_PRIOR = np.exp(-0.5 * (_SPREADS / USUAL) ** 2) * np.gradient(_SPREADS)
_SIZES = 64


class Common(NamedTuple):
    """Common rate of all groups, for each possible spread between them.

    Rates are angles, ``asin √rate``, whose variance is 1/4n. Arrays have one column per spread, and
    one row, or one row per group that is left out.
    """

    #: Probability of the spread, given the rates.
    weight: Any
    centre: Any
    #: Variance of the centre.
    error: Any
    #: Variance between groups.
    between: Any


def angle(n: Floats, k: Floats) -> Floats:
    """Return the rate as an angle, with Anscombe's correction (1948) for few events."""
    return np.arcsin(np.sqrt((np.minimum(k, n) + 3 / 8) / (n + 3 / 4)))


def common(
    n: Floats, k: Floats, scatter: float, kept: Booleans, *, without: bool = False
) -> Common:
    """Weigh the possible spreads between groups by how well they fit the groups kept.

    Few groups cannot show how much groups differ, so the spread is not estimated but averaged over:
    its prior is half-normal (Gelman 2006, Bayesian Analysis 1:515), its likelihood that of the
    additive model (DerSimonian and Laird 1986).

    Parameters
    ----------
    n, k
        Calls and events of each group.
    scatter
        Variance of an angle over 1/4n: more than 1 where the events of a day come in clumps.
    kept
        Groups to learn from.
    without
        Whether to learn from all groups kept but one, for each group.
    """
    rate = inner_rate(n, k, kept)
    between = (_SPREADS**2 * rate / (1 - rate) / 4)[None, :]
    own = (scatter / np.maximum(4 * n, 1))[:, None]
    rates = np.divide(k, n, out=np.zeros(len(n)), where=n > 0)[:, None]
    size = np.where(kept, n, 0.0)[:, None]

    def total(values: Floats) -> Floats:
        whole: Floats = values.sum(axis=0, keepdims=True)
        return whole - values if without else whole

    sizes = np.maximum(total(size), 1e-150)
    centre = np.arcsin(np.sqrt(np.clip(total(size * rates) / sizes, 0, 1)))
    error = total(size**2 * (own + between)) / sizes**2
    weight = np.where(kept[:, None], 1 / (own + between), 0.0)
    y = angle(n, k)[:, None]
    squares = total(weight * y * y) - 2 * centre * total(weight * y) + centre**2 * total(weight)
    logs = total(np.where(kept[:, None], np.log(own + between), 0.0))
    logs += np.log(np.maximum(total(weight), 1e-150))
    fit = -0.5 * (logs + np.maximum(squares, 0))
    chance = np.exp(fit - fit.max(axis=1, keepdims=True)) * _PRIOR
    return Common(chance / chance.sum(axis=1, keepdims=True), centre, error, between)


def inner_rate(n: Floats, k: Floats, kept: Booleans) -> float:
    """Return the rate of the groups kept; half an event from 0 or 1 where it is 0 or 1."""
    calls, events = float(n[kept].sum()), float(k[kept].sum())
    if 0 < events < calls:
        return events / calls
    return (events + 0.5) / (calls + 1)


def reference(n: Floats, k: Floats, scatter: float) -> Booleans:
    """Return the groups with calls that hold together.

    The group farthest from the others is left out while it is beyond their 99.8 % limits (Ohlssen,
    Sharples and Spiegelhalter 2007, J. R. Stat. Soc. A 170:865), at most every third group.
    """
    kept = n > 0
    y, own = angle(n, k)[:, None], (scatter / np.maximum(4 * n, 1))[:, None]
    for _ in range(int(kept.sum()) // 3):
        others = common(n, k, scatter, kept, without=True)
        away = np.abs(y - others.centre) / np.sqrt(own + others.between + others.error)
        tails = np.where(kept, 2 * (others.weight * normal_cdf(-away)).sum(axis=1), 1.0)
        worst = int(tails.argmin())
        if tails[worst] >= OUTER:
            break
        kept[worst] = False
    return kept


def widening(
    calls: Values, below: float, quantile: float, scatter: float, found: Common
) -> tuple[Floats, float]:
    """Return how many times as far from the centre as chance puts it a limit lies, and the centre.

    Parameters
    ----------
    calls
        Sizes of groups, above 0.
    below, quantile
        Probability below the limit, and its normal quantile.
    scatter, found
        As for `common`, and its result for all groups kept.
    """
    weight, between, middle = found.weight[0], found.between[0], float(found.centre[0, 0])
    some = weight > 1e-9
    weight, between = weight[some] / weight[some].sum(), between[some]
    sizes = np.unique(calls).astype(np.float64)
    if len(sizes) > _SIZES:
        sizes = np.geomspace(sizes[0], sizes[-1], _SIZES)
    deviation = np.sqrt((scatter / (4 * sizes))[:, None] + between)
    low, high = np.full(len(sizes), -4.0), np.full(len(sizes), 4.0)
    for _ in range(45):
        limit = (low + high) / 2
        under = (weight * normal_cdf((limit[:, None] - middle) / deviation)).sum(axis=1) < below
        low, high = np.where(under, limit, low), np.where(under, high, limit)
    times = (low - middle) / (quantile / np.sqrt(4 * sizes))
    return np.maximum(np.interp(np.log(calls), np.log(sizes), times), 1.0), middle
