"""What complete days say of each weekday, and how far from it the days ahead may be."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from usage_analysis.analysis.intervals import Floats, student
from usage_analysis.tidy.zones import weekday_of

Integers = NDArray[np.int64]

SPAN = 56
"""So many days teach."""
FEW_DAYS = 7
"""With fewer of them nothing is projected in words."""
_LEVEL = 28
# What the level moves by in a week [share], beyond what the days in hand show; and where they are
# too few to show any, what a bank's call centre moved by from week to week in 2003.
_DRIFT, _DRIFT_UNSEEN = 0.02, 0.05
_OWN_ERRORS_DF = 6.0


@dataclass
class History:
    """The complete days of the last 8 weeks, and what they say of each weekday."""

    day: Integers
    values: Floats
    now: int

    def __post_init__(self) -> None:
        self.weekday = weekday_of(self.day)
        self.means, self.seen = _weekday_means(self.weekday, self.values, self.day, self.now)

    @property
    def quietest(self) -> float:
        """Mean of the quietest weekday that was seen."""
        return float(self.means[self.seen > 0].min()) if self.seen.any() else 0.0

    def error(self, left: Integers, confidence: float) -> float:
        """Half width of the interval of the logarithm of what is left."""
        total = float(self.means[weekday_of(left)].sum())
        if total <= 0:
            return math.nan
        scatter, freedom = self._scatter()
        coming = np.bincount(weekday_of(left), minlength=7)
        spread = (coming * self.means**2).sum()
        spread += ((coming * self.means) ** 2 / np.maximum(self.seen, 1)).sum()
        unseen = (coming * self.means)[self.seen == 0].sum() / total
        weeks = (min(len(self.day), _LEVEL) + len(left)) / 7 / 3
        drift = _DRIFT if len(self.day) >= _LEVEL else _DRIFT_UNSEEN
        variance = scatter * spread / total**2 + unseen**2 + drift**2 * weeks
        own = self._own_errors(len(left))
        return max(
            student(confidence, freedom) * math.sqrt(variance),
            student(confidence, _OWN_ERRORS_DF) * math.sqrt(own),
        )

    def _scatter(self) -> tuple[float, float]:
        """Relative variance of a day around its weekday, and the degrees of freedom behind it."""
        fitted, n = self.means[self.weekday], len(self.day)
        freedom = n - int((self.seen > 0).sum())
        if freedom >= 1 and (fitted**2).sum() > 0:
            squares = ((self.values - fitted) ** 2).sum() / (fitted**2).mean()
            return float(squares / freedom), freedom
        if n > 3 and self.values.mean() > 0:
            return float(self.values.var(ddof=1) / self.values.mean() ** 2), n - 1
        # Of so few days nothing is known: a factor of e, as for a weekday not seen.
        return 1.0, math.inf

    def _own_errors(self, horizon: int) -> float:
        """Mean squared error, in logarithms, of the same method on the days in hand.

        Tables of running counts and sums by weekday have a row a day: each projection that could
        have been made is then a few differences of their rows.
        """
        if len(self.day) < 3 * FEW_DAYS:
            return 0.0
        length = min(horizon, len(self.day) // 2)
        begin, end = int(self.day[0]), self.now
        counts = np.zeros((end - begin + 1, 7))
        counts[self.day - begin + 1, self.weekday] = 1
        came = np.zeros_like(counts)
        came[self.day - begin + 1, self.weekday] = self.values
        counts, came = counts.cumsum(axis=0), came.cumsum(axis=0)
        start = np.arange(14 if len(self.day) >= _LEVEL else 7, end - begin - length + 1)
        means = np.where(
            counts[start] > 0,
            came[start] / np.maximum(counts[start], 1),
            (came[start].sum(axis=1) / np.maximum(counts[start].sum(axis=1), 1))[:, None],
        )
        past = np.maximum(start - _LEVEL, 0)
        fitted = (means * (counts[start] - counts[past])).sum(axis=1)
        recent = (came[start] - came[past]).sum(axis=1)
        told = (means * (counts[start + length] - counts[start])).sum(axis=1)
        ahead = (came[start + length] - came[start]).sum(axis=1)
        some = (told > 0) & (ahead > 0) & (fitted > 0) & (recent > 0)
        if some.sum() < 3:
            return 0.0
        level = recent[some] / fitted[some]
        errors = np.log(ahead[some] / (told[some] * level))
        return float(np.mean(errors**2)) * horizon / length


def _weekday_means(
    weekday: Integers, values: Floats, day: Integers, now: int
) -> tuple[Floats, NDArray[np.intp]]:
    """Expected day by weekday, and how often each was seen; one unseen is the mean of all."""
    seen = np.bincount(weekday, minlength=7)
    means = np.full(7, values.mean() if len(values) else 0.0)
    np.divide(np.bincount(weekday, values, minlength=7), seen, out=means, where=seen > 0)
    recent = day >= now - _LEVEL
    fitted = means[weekday[recent]].sum()
    return (means * (values[recent].sum() / fitted) if fitted > 0 else means), seen
