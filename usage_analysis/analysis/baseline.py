"""Expected value of each hour, learned from a series' own past, and the scatter around it.

The expected value of an hour is an exposure times the shape of its week times the level of its day.
The exposure of a count is 1; that of a rate or a mean is the number of calls that it divides by.

- The shape is the mean of the hour of the week in the other weeks. The fewer calls were seen, the
  more it is drawn towards the product of hour of the day and weekday (a gamma prior, as in
  empirical Bayes).
- The level of a day is the trimmed ratio of observed to usual over the 21 days around it. It does
  not cross a lasting change.
- Holidays have a level of their own, learned from their own calls.

Sums over a window scatter more than single calls would, because levels rise and fall by the hour,
the day and the week. The excess variance is measured for windows of several lengths.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from usage_analysis.analysis.arrays import Booleans, Floats, Integers

#: Days before and after a day that its level is learned from.
_REACH: Final = 10
#: Share of these days that is left out at either end, so that an incident does not move the level.
_TRIM: Final = 0.3
#: Calls that a prior counts for: of the hours of the day, of the weekdays, and of their product.
_PRIORS: Final = {"count": (2.0, 20.0, 16.0), "rate": (60.0, 100.0, 150.0)}
#: Days below which weekdays are taken to be alike.
TWO_WEEKS: Final = 14
#: Calls that count for an unchanged level.
_LEVEL_PRIOR: Final = 25.0
#: Lengths of the windows whose excess variance is measured [h].
_SPANS: Final = (1, 3, 6, 12, 24, 72, 168)
#: Least relative standard deviation of a window beyond chance: no baseline is known better.
LEAST_SPREAD: Final = 0.04
#: With fewer windows of a length, those of the next shorter length show its excess variance.
_FEWEST_WINDOWS: Final = 7
#: Upper quartile of the square of a normal deviate.
_QUARTILE: Final = 1.3233
#: Sums of call lengths are skewed: their mean square is larger than their quartile shows.
_SKEW: Final = 1.3


@dataclass(frozen=True)
class Hours:
    """Consecutive hours of a local clock, shared by all series.

    Parameters
    ----------
    slot
        Hour of the week, 0 for Monday 00:00; shape (hours,).
    day
        Number of the local day, from 0; shape (hours,).
    holiday
        Days that are holidays; shape (days,).
    """

    slot: Integers
    day: Integers
    holiday: Booleans


@dataclass(frozen=True)
class Measure:
    """Values of one measure, for several series.

    Parameters
    ----------
    observed, exposure
        Values, and what they are proportional to: 1 for counts, the calls for rates and means;
        shape (series, hours).
    calls
        Calls that a rate or a mean divides by; None for counts.
    kind
        ``"count"`` or ``"rate"``: how much the hours of the week are expected to differ.
    unit
        Variance per unit of the expected value if calls were independent, shape (series,); None
        where the hours have to show it.
    follows
        Rank among the measures: an event of a later one follows from one of an earlier one.
    fewest
        Fewest calls of a window that is judged.
    """

    name: str
    observed: Floats
    exposure: Floats
    calls: Floats | None
    kind: str
    unit: Floats | None
    follows: int
    fewest: float = 8.0
    #: Whether the values are calls that had no event: those that were not joined.
    complement: bool = False

    def in_unit(self, part: Any, calls: Any) -> Any:
        """Return values, or sums of them, in the unit of the measure."""
        value = part if calls is None else part / calls
        return 1 - value if self.complement else value


@dataclass(frozen=True)
class Baseline:
    """Expected values of several series of one measure, and the scatter of windows around them.

    Parameters
    ----------
    expected
        Expected value of each hour; shape (series, hours).
    unit
        Variance per unit of the expected value if calls were independent; shape (series,).
    spread
        Excess variance of windows of `_SPANS`, relative to the square of what is expected; shape
        (series, spans).
    """

    expected: Floats
    unit: Floats
    spread: Floats
    #: Expected values at a level of 1; shape (series, hours).
    shape: Floats

    def spread_of(self, length: int) -> Floats:
        """Return the excess variance of windows of a length [h], shape (series,)."""
        at = np.interp(np.log(length), np.log(_SPANS), np.arange(len(_SPANS)))
        before, after = int(at), int(np.ceil(at))
        mixed = self.spread[:, before] * (1 + before - at) + self.spread[:, after] * (at - before)
        return np.asarray(mixed)


def fit(
    measure: Measure, hours: Hours, learn: Booleans, changes: list[list[int]], *, flat: bool = False
) -> Baseline:
    """Learn what is usual in each hour of several series.

    Parameters
    ----------
    learn
        Hours that teach; shape (series, hours).
    changes
        Numbers of the days on which a lasting change begins, for each series.
    flat
        Leave every level at 1.
    """
    observed, exposure, unit = measure.observed, measure.exposure, measure.unit
    learn = learn & ~hours.holiday[hours.day]
    y, n = observed * learn, exposure * learn
    if unit is None:
        y = np.minimum(y, _most(y, n))
    level = np.ones((len(y), len(hours.holiday)))
    scale = np.ones(len(y)) if unit is None else unit
    for turn in range(1 if flat else 2):
        usual = n * level[:, hours.day]
        shape = _shape(y, usual, hours.slot, scale, _PRIORS[measure.kind], leave_out=turn > 0)
        if not flat:
            level = _levels(y, n * shape, hours.day, len(hours.holiday), changes, scale)
    usual = exposure * shape
    expected = usual * level[:, hours.day]
    if measure.kind == "count" and hours.holiday.any():
        expected *= _holiday_level(observed, expected, hours, scale)
    if unit is None:
        unit = _unit(observed, expected, exposure, learn)
    spread = np.zeros((len(y), 0)) if flat else _spread(observed, expected, learn, unit)
    return Baseline(expected, unit, spread, usual)


def by_key(values: Floats, key: Integers, count: int) -> Floats:
    """Sum the columns of a table under each key; shape (series, count)."""
    if (np.diff(key) < 0).any():
        order = np.argsort(key, kind="stable")
        values, key = values[:, order], key[order]
    present, starts = np.unique(key, return_index=True)
    out = np.zeros((len(values), count))
    if len(present):
        out[:, present] = np.add.reduceat(values, starts, axis=1)
    return out


def _shape(
    y: Floats,
    usual: Floats,
    slot: Integers,
    scale: Floats,
    priors: tuple[float, float, float],
    *,
    leave_out: bool,
) -> Floats:
    """Return the value per unit of exposure of the hour of the week; shape (series, hours).

    With `leave_out` no hour teaches its own value. In a month it is one of four or five hours that
    teach, so that an event of that hour would hide itself.
    """
    seen, base = (by_key(part, slot, 168).reshape(-1, 7, 24) for part in (y, usual))
    seen = seen / scale[:, None, None]
    total = base.sum(axis=(1, 2))
    mean = np.divide(seen.sum(axis=(1, 2)), total, out=np.zeros(len(y)), where=total > 0)
    mean = mean[:, None, None]

    def shrink(events: Floats, exposed: Floats, prior: Floats, weight: float) -> Floats:
        return (events + weight) / (exposed + weight / np.maximum(prior, 1e-9))

    hour = np.empty_like(seen)
    for days in (slice(0, 5), slice(5, 7)):
        hour[:, days] = shrink(
            seen[:, days].sum(axis=1, keepdims=True),
            base[:, days].sum(axis=1, keepdims=True),
            np.maximum(mean, 1e-12),
            priors[0],
        )
    usual_day = (base * hour).sum(axis=2, keepdims=True)
    weekday = shrink(seen.sum(axis=2, keepdims=True), usual_day, np.ones_like(mean), priors[1])
    above, below = hour, np.ones_like(hour)
    if weekly := len(slot) >= 24 * TWO_WEEKS:
        product = np.maximum(hour * weekday, 1e-6 * mean)
        above, below = seen + priors[2], base + priors[2] / np.maximum(product, 1e-9)
    above = np.where(mean > 0, above * scale[:, None, None], 0.0)
    above, below = (part.reshape(len(y), 168)[:, slot] for part in (above, below))
    return (above - y) / (below - usual) if leave_out and weekly else above / below


def _levels(
    y: Floats, usual: Floats, day: Integers, days: int, changes: list[list[int]], scale: Floats
) -> Floats:
    """Return the level of each day, a trimmed ratio over the days around it; (series, days)."""
    seen, base = (by_key(part, day, days) / scale[:, None] for part in (y, usual))
    ratio = np.divide(seen, base, out=np.full_like(seen, np.nan), where=base > 0)
    width = 2 * _REACH + 1
    pad = ((0, 0), (_REACH, _REACH))

    def around(part: Any, fill: float) -> Any:
        return sliding_window_view(np.pad(part, pad, constant_values=fill), width, axis=1)

    near, events, exposed = around(ratio, np.nan), around(seen, 0.0), around(base, 0.0)
    segment = np.array([np.searchsorted(each, np.arange(days), "right") for each in changes])
    near = np.where(around(segment, -1) == segment[..., None], near, np.nan)
    count = np.isfinite(near).sum(axis=2, keepdims=True)
    cut = (_TRIM * count).astype(int)
    ranked = np.sort(near, axis=2)
    least = np.take_along_axis(ranked, cut, axis=2)
    most = np.take_along_axis(ranked, np.maximum(count - cut - 1, 0), axis=2)
    kept = (near >= least) & (near <= most)
    above, below = ((part * kept).sum(axis=2) for part in (events, exposed))
    return np.asarray((above + _LEVEL_PRIOR) / (below + _LEVEL_PRIOR))


def _holiday_level(observed: Floats, expected: Floats, hours: Hours, scale: Floats) -> Floats:
    """Return the level of each holiday relative to an ordinary day; 1 on other days."""
    days = len(hours.holiday)
    seen, base = (by_key(part, hours.day, days) / scale[:, None] for part in (observed, expected))
    level = np.where(hours.holiday, (seen + 2.0) / (base + 2.0), 1.0)
    return np.asarray(level[:, hours.day])


def _most(y: Floats, n: Floats) -> Floats:
    """Return the largest value to learn from in each hour, a limit for endless calls."""
    mean = np.zeros((len(y), 1))
    for row in np.flatnonzero(((n > 0) & (y > 0)).any(axis=1)):
        # Groups without calls in most hours would have a median of 0.
        some = (n[row] > 0) & (y[row] > 0)
        mean[row] = np.median(y[row, some] / n[row, some])
    return np.asarray(mean * (2 * n + 8 * np.sqrt(n)))


def _unit(observed: Floats, expected: Floats, exposure: Floats, learn: Booleans) -> Floats:
    """Return the variance per unit of the expected value, from single hours."""
    busy = np.minimum((exposure * learn).max(axis=1, keepdims=True) / 4, 10.0)
    used = learn & (expected > 0) & (exposure >= busy)
    square = (observed - expected) ** 2 / np.where(used, expected, 1.0)
    return np.maximum(_SKEW * _robust(square, used), 1e-12)


def _robust(square: Floats, used: Booleans) -> Floats:
    """Return the mean square of each row, estimated from its upper quartile.

    A week of trouble in a month does not move the quartile.
    """
    count = used.sum(axis=1)
    ranked = np.sort(np.where(used, square, np.inf), axis=1)
    quartile = ranked[np.arange(len(square)), np.maximum(3 * count // 4 - 1, 0)]
    return np.where(count > 0, quartile, 0.0) / _QUARTILE


def _spread(observed: Floats, expected: Floats, learn: Booleans, unit: Floats) -> Floats:
    """Return the excess variance of windows of `_SPANS` hours, shape (series, spans).

    Small series have too few calls to show theirs, so each is drawn towards that of all.
    """
    out = np.zeros((len(observed), len(_SPANS)))
    rest, base = (observed - expected) * learn, expected * learn
    # The mean of the other weeks scatters by chance, too.
    chance_of_one = unit / (1 - 1 / np.maximum(learn.sum(axis=1) / 168, 2.0))
    for place, span in enumerate(_SPANS):
        if place:
            # Levels of days linger, and never vary less than independent hours would make them.
            out[:, place] = out[:, place - 1] * _SPANS[place - 1] / span
        size = base.shape[1] // span * span
        if size < _FEWEST_WINDOWS * span:
            continue
        windows = (part[:, -size:].reshape(len(base), -1, span) for part in (rest, base))
        off, usual = (part.sum(axis=2) for part in windows)
        number = usual / chance_of_one[:, None]
        # Nights have too few calls to show any excess, and so have days on which nobody calls.
        typical_size = (number**2).sum(axis=1) / np.maximum(number.sum(axis=1), 1e-12)
        used = number > (0.5 if span < 24 else 0.25) * typical_size[:, None]
        share = np.divide(off, usual, out=np.zeros_like(off), where=used)
        chance = np.divide(1.0, number, out=np.zeros_like(off), where=used)
        typical = chance.sum(axis=1) / np.maximum(used.sum(axis=1), 1)
        excess = _robust(share**2, used) - typical
        weight = used.sum(axis=1) / (used.sum(axis=1) + 8 + 400 * typical)
        pooled = max(float(np.median(excess)), 0.0)
        own = weight * np.maximum(excess, 0.0) + (1 - weight) * pooled
        out[:, place] = np.maximum(out[:, place], own)
    return np.maximum(out, LEAST_SPREAD**2)
