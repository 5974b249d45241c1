"""Hours of the week whose rate is worse than that of the others."""

import numpy as np
import pandas as pd

from usage_analysis.analysis.arrays import Floats, Integers, floats
from usage_analysis.analysis.betabinomial import upper_tails
from usage_analysis.analysis.intervals import holm
from usage_analysis.analysis.meaning import Meaning

# The scatter of the hours is itself an estimate: at 3 % false claims stay within the 5 % that the
# statement promises, up to a spread of 3 (found by simulation).
_LEVEL, _SCORE = 0.03, 2.0


def unusual_hours(
    rates: pd.DataFrame, meaning: Meaning, *, without_worst_week: bool = True
) -> Integers:
    """Return the hours of the week whose rate is significantly worse than that of the others.

    Each hour with enough calls has the exact probability of as many bad events, or more, at the
    rate of the other hours. Errors of one day come in clumps, so the events of an hour scatter more
    than binomial ones: the beta-binomial distribution has the spread that the hours show around
    their common rate. Holm's procedure (1979, Scand. J. Statist. 6:65) holds 5 % over all hours
    together. An hour is named only if its other weeks without the worst one were worse than usual
    too, by two standard deviations: no single incident makes an hour of the week unusual.

    Parameters
    ----------
    rates
        Result of `error_rate` or `join_rate` with ``by="hour_of_week"``.
    meaning
        What the rates are of; of join rates, the calls that were not joined are counted.
    without_worst_week
        False to name hours for a single bad week too.
    """
    calls, bad = floats(rates, "calls", "events")
    if meaning.better == "more":
        bad = calls - bad
    total, count = bad.sum(), calls.sum()
    if not 0 < total < count:
        return np.zeros(0, dtype=np.int64)
    rest = (total - bad) / np.maximum(count - calls, 1)
    tested = rates["enough"].to_numpy(dtype=bool) & (calls > 0) & (rest > 0) & (rest < 1)
    if not tested.any():
        return np.zeros(0, dtype=np.int64)
    tails = np.ones(len(rates))
    spread = np.full(int(tested.sum()), _spread(bad[tested], calls[tested], total / count))
    tails[tested] = upper_tails(bad[tested], calls[tested], rest[tested], spread)
    found = holm(tails, 1 - _LEVEL)
    if without_worst_week:
        found &= rates["score_without_worst_week"].to_numpy() > _SCORE
    return rates.index.to_numpy()[found].astype(np.int64)


def _spread(bad: Floats, calls: Floats, rate: float) -> float:
    """Return how many times as much as chance the hours scatter, the highest 2 % left out."""
    squares = np.sort((bad - calls * rate) ** 2 / (calls * rate * (1 - rate)))
    kept = squares[: max(int(0.98 * len(squares)), 1)]
    # Without the highest 2 % the squares of normal deviates have a mean of 0.873 (integral of the
    # chi-squared distribution with one degree of freedom).
    return float(max(np.sqrt(kept.mean() / 0.873), 1.0))
