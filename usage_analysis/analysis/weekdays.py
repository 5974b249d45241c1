"""Weekday factors learned from few days, and days too low to learn from."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from usage_analysis.analysis.arrays import Booleans, Floats, Integers, ratio

#: Kind of each weekday: 0 for workdays, 1 for the weekend.
_KIND: Final = np.array([0, 0, 0, 0, 0, 1, 1])

# A day is taken for a holiday or an outage when it lies below its weekday by more than a quarter
# and by more than four robust standard deviations: ordinary days do so once in 30,000.
_LOW_SHARE, _LOW_ERRORS = 0.25, 4.0
#: Where a larger share of the days would be left out, low days are no exception: all stay.
_MOST_LOW = 0.25
#: Standard deviations per median absolute deviation of normal values.
_NORMAL_MAD = 1.4826
#: From this number of days on, a weekday's own median says what is usual for it.
_ENOUGH = 3
# What is believed before there are data, and how many days this belief counts for: days scatter
# by a tenth, and weekdays of one kind differ by a thirtieth.
_SCATTER, _SCATTER_DAYS = 0.1, 0.3
_DIFFERENCE, _DIFFERENCE_DAYS = 0.03, 1.0
#: With more degrees of freedom the data alone say how days scatter.
_FEW: Final = 7
#: Relative variance of days that seem to have none, so that nothing is divided by 0.
_LEAST: Final = 1e-9
# Relative errors of a weekday that was never seen: where others of its kind were, and where not.
# The first was chosen by the simulation that chose the growth of `forecast`; by the second, the
# weekend may have 3.5 times as many calls as workdays, or as few.
_UNSEEN, _UNSEEN_KIND = 0.2, 1.25


@dataclass(frozen=True)
class Weekdays:
    """Expected value of each weekday for several series, with its standard error.

    Parameters
    ----------
    mean, error
        Expected value of each weekday and its standard error; shape (series, 7).
    dispersion
        Variance of a day per unit of its expected value, as in quasi-Poisson models.
    """

    mean: Floats
    error: Floats
    dispersion: Floats


def low_days(values: Floats, known: Booleans, weekday: Integers) -> tuple[Booleans, Floats]:
    """Find days so low that they must be holidays or outages.

    Returns
    -------
    tuple
        Which days are low, shape (series, days); and the size of low days relative to usual ones,
        one per series (0 without low days).
    """
    usual = _usual(values, known, weekday)
    deviation = ratio(np.abs(values - usual), np.sqrt(usual))
    scale = _NORMAL_MAD * _median(deviation, known & (usual > 0))
    margin = np.maximum(_LOW_SHARE, _LOW_ERRORS * ratio(scale[:, None], np.sqrt(usual)))
    low = known & (usual > 0) & (values < usual * (1 - margin))
    low &= (low.sum(axis=1) <= _MOST_LOW * known.sum(axis=1))[:, None]
    return low, ratio((values * low).sum(axis=1), (usual * low).sum(axis=1))


def learn_weekdays(values: Floats, used: Booleans, weekday: Integers) -> Weekdays:
    """Return each weekday's mean, shrunk towards the mean of workdays or of the weekend.

    The shrinkage follows James and Stein (1961). The less the weekdays of a kind differ beyond the
    scatter of days, the closer each weekday is moved to the mean of its kind. So a single odd
    Tuesday does not make all Tuesdays odd.
    """
    slot = np.arange(7)[:, None] == weekday
    count = (used[:, None, :] & slot).sum(axis=2)
    total = (np.where(used, values, 0.0)[:, None, :] * slot).sum(axis=2)
    overall = ratio(total.sum(axis=1), count.sum(axis=1))
    kinds = np.eye(2, dtype=np.int64)[_KIND]
    of_kind = count @ kinds
    of_kinds = np.where(of_kind > 0, ratio(total @ kinds, of_kind), overall[:, None])
    # Where workdays and the weekend do not differ by more than chance, all days teach their level.
    scatter = _dispersion(values, used, weekday, count, ratio(total, count), of_kinds[:, _KIND])
    chance = (scatter * overall * ratio(np.ones(2), of_kind).sum(axis=1))[:, None]
    apart = (of_kinds[:, 1:] - of_kinds[:, :1]) ** 2
    own = ratio(np.maximum(apart - chance, 0.0), apart)
    base = (overall[:, None] + own * (of_kinds - overall[:, None]))[:, _KIND]
    mean = np.where(count > 0, ratio(total, count), base)
    dispersion = _dispersion(values, used, weekday, count, mean, base)
    noise = ratio(dispersion[:, None] * base, count)
    seen = count > 0
    # Variance between the weekdays of one kind, by moments, beside what is believed beforehand.
    alone = noise * (1 - ratio(count, of_kind[:, _KIND]))
    beyond = (((mean - base) ** 2 - alone) * seen) @ kinds
    others = np.maximum(seen @ kinds - 1, 0)
    belief = _DIFFERENCE_DAYS * (_DIFFERENCE * base) ** 2
    between = (belief + np.maximum(beyond, 0)[:, _KIND]) / (_DIFFERENCE_DAYS + others[:, _KIND])
    keep = np.where(seen, ratio(between, between + noise), 0.0)
    unseen = np.where(of_kind > 0, _UNSEEN, _UNSEEN_KIND)[:, _KIND]
    variance = np.where(seen, (1 - keep) * between, (unseen * base) ** 2)
    return Weekdays(base + keep * (mean - base), np.sqrt(variance), dispersion)


def _dispersion(
    values: Floats, used: Booleans, weekday: Integers, count: Integers, mean: Floats, base: Floats
) -> Floats:
    """Return the scatter of days around their weekday, or its kind if it occurs only once."""
    fitted = np.where(count > 1, mean, base)[:, weekday]
    squares = ratio((values - fitted) ** 2 * used, fitted).sum(axis=1)
    once = [(count[:, kind == _KIND] == 1).any(axis=1) for kind in (0, 1)]
    means = (count > 1).sum(axis=1) + np.sum(once, axis=0)
    freedom = np.maximum(count.sum(axis=1) - means, 0).astype(np.float64)
    overall = ratio((values * used).sum(axis=1), count.sum(axis=1))
    days = np.where(freedom < _FEW, _SCATTER_DAYS, 0.0)
    dispersion = ratio(squares + days * _SCATTER**2 * overall, freedom + days)
    return np.maximum(dispersion, _LEAST * overall)


def _usual(values: Floats, known: Booleans, weekday: Integers) -> Floats:
    """Return the median of each day's weekday, or of its kind if days are few."""
    kind = _KIND[weekday]
    of_kind = np.stack([_median(values, known & (kind == one)) for one in (0, 1)], axis=1)
    usual = of_kind[:, kind]
    for day in np.unique(weekday):
        here = known & (weekday == day)
        count, top = here.sum(axis=1), np.where(here, values, 0.0).max(axis=1)
        fallback = of_kind[:, _KIND[day]]
        # Of two days the larger speaks for the weekday, unless both are below their kind.
        few = np.where(count == _ENOUGH - 1, np.minimum(top, fallback), fallback)
        own = np.where(count >= _ENOUGH, _median(values, here), few)
        usual[:, weekday == day] = own[:, None]
    return usual


def _median(values: Floats, used: Booleans) -> Floats:
    """Return the median of the used values per series; 0 without any."""
    out = np.zeros(len(values))
    some = used.any(axis=1)
    if some.any():
        out[some] = np.nanmedian(np.where(used, values, np.nan)[some], axis=1)
    return out
