"""Lasting changes in a series of daily values, with an interval of dates for each."""

from typing import Final, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from usage_analysis.analysis.arrays import Floats

#: Fewest days before and after a change: what lasts less is an event, not a level.
FEWEST: Final = 7
#: Days before and after a day whose median limits the day's value.
_NEAR: Final = 7
_CLIP: Final = 4.0
#: Parts of a series have at least so many days.
_SHORTEST: Final = 28
_NORMAL_MAD: Final = 1.4826
#: Least gain of days that stand out together, a squared number of standard deviations.
_STANDS_OUT: Final = 25.0


class LevelChange(NamedTuple):
    """A change, with the first day of the new level and the interval of dates of the change."""

    day: int
    first: int
    last: int


def find_changes(
    values: Floats, weight: Floats, confidence: float, dates: float = 0.95
) -> list[LevelChange]:
    """Return the lasting changes of a series by binary segmentation (Scott and Knott 1974).

    One step has to explain the days better than a constant level does, by more than autocorrelation
    would, and better than a steady trend does.

    Parameters
    ----------
    values
        One value per day; NaN for days that are left out.
    weight
        Weight of each day, the inverse of its variance up to a factor.
    confidence
        Share of unchanged series in which nothing is found.
    dates
        Level of the interval of dates.
    """
    known = np.flatnonzero(np.isfinite(values) & (weight > 0))
    x, w = clip_outliers(values[known]), weight[known]
    cuts: list[int] = []
    # Few days show their own noise badly, so a part has at least that of the whole.
    todo = [(0, len(x), 0.0)]
    while todo:
        start, end, least = todo.pop()
        cut, noise = _best_step(x[start:end], w[start:end], confidence, least)
        if cut:
            cuts.append(start + cut)
            todo += [(start, start + cut, noise), (start + cut, end, noise)]
    cuts, found = [0, *sorted(cuts), len(x)], []
    for place in range(1, len(cuts) - 1):
        start, end = cuts[place - 1], cuts[place + 1]
        low, high, best = _bounds(x[start:end], w[start:end], dates)
        cuts[place] = start + best
        found.append(LevelChange(*(int(known[start + k]) for k in (best, low, high))))
    return found


def find_run(values: Floats, weight: Floats) -> tuple[int, int]:
    """Return the first and last day but one of the days that stand out together, or (0, 0).

    The days are compared with the others (the scan statistic of Kulldorff 1997), so that a week of
    trouble in a month does not hide itself. Days that are too many to be an event are none.

    Parameters
    ----------
    values
        One value per day.
    weight
        Weight of each day, the inverse of its variance; 0 for days that are left out.
    """
    known = np.flatnonzero(weight > 0)
    if len(known) < 2 * FEWEST:
        return 0, 0
    x, w = values[known], weight[known]
    rest = (x - np.average(x, weights=w)) * w
    total, mass = (np.concatenate([[0.0], part.cumsum()]) for part in (rest, w))
    first, end = np.triu_indices(len(x) + 1, 1)
    near = end - first <= min(2 * _SHORTEST, len(x) - FEWEST)
    first, end = first[near], end[near]
    inside = mass[end] - mass[first]
    gains = (total[end] - total[first]) ** 2 * (1 / inside + 1 / (mass[-1] - inside))
    best = int(np.argmax(gains))
    length = end[best] - first[best]
    # What has lasted for a week and goes on may be a new level.
    if gains[best] <= _STANDS_OUT or length > FEWEST + (end[best] < len(x)):
        return 0, 0
    return int(known[first[best]]), int(known[end[best] - 1]) + 1


def clip_outliers(x: Floats) -> Floats:
    """Return values that lie at most four robust standard deviations off their neighbours."""
    if len(x) < 2 * FEWEST:
        return x
    padded = np.pad(x, _NEAR, mode="reflect")
    middle = np.median(sliding_window_view(padded, 2 * _NEAR + 1), axis=1)
    off = x - middle
    reach = _CLIP * _NORMAL_MAD * float(np.median(np.abs(off)))
    return middle + np.clip(off, -reach, reach) if reach > 0 else x


def _gains(x: Floats, w: Floats) -> Floats:
    """Return the squares that a step explains beyond a constant level, for each split 0 to n."""
    total, mass = np.cumsum(w * x), np.cumsum(w)
    out, splits = np.zeros(len(x) + 1), slice(FEWEST - 1, len(x) - FEWEST)
    before = mass[splits]
    off = total[splits] - before * total[-1] / mass[-1]
    out[FEWEST : len(x) - FEWEST + 1] = off**2 * (1 / before + 1 / (mass[-1] - before))
    return out


def _noise(rest: Floats, w: Floats, levels: int) -> float:
    """Return the variance of days of weight 1, enlarged for the correlation between neighbours."""
    z = rest * np.sqrt(w)
    n = len(z)
    square = float((z**2).sum())
    if square <= 0:
        return 0.0
    raw = float((z[1:] * z[:-1]).sum()) / square
    # Residuals of a short series look less alike than the days are (Kendall 1954).
    lag = float(np.clip(raw + (1 + levels + 3 * max(raw, 0.0)) / n, 0.0, 0.85))
    return square / max(n - levels - 1, 1) * (1 + lag) / (1 - lag)


def _best_step(x: Floats, w: Floats, confidence: float, least: float) -> tuple[int, float]:
    """Return the split of a stretch of days at which its level changed, or 0, and the noise.

    Parts of the stretch are looked at too, because a level that returned is not a single step of
    the whole (seeded binary segmentation, Kovács and others 2023).
    """
    sizes = [len(x) >> halved for halved in range(8)]
    sizes = [size for size in sizes if size >= _SHORTEST or size == len(x) >= 2 * FEWEST]
    parts = [
        slice(start, start + size)
        for size in sizes
        for start in range(0, len(x) - size + 1, size // 2)
    ]
    best, noise, most = 0, least, 1.0
    for part in parts:
        gains = _gains(x[part], w[part])
        cut = int(np.argmax(gains))
        own = max(noise_around(x[part], w[part], cut), least)
        limit = threshold(len(gains) - 1, 1 - (1 - confidence) / len(parts))
        # Rounding is no step of days that are all alike.
        rounding = 1e-9 * float(w[part] @ x[part] ** 2)
        need = max(limit * own, rounding)
        if gains[cut] <= most * need:
            continue
        need = max(need, _trend_gain(x[part], w[part]))
        if gains[cut] > most * need:
            best, noise, most = part.start + cut, own, gains[cut] / need
    return best, noise


def noise_around(x: Floats, w: Floats, cut: int) -> float:
    """Return the noise of days around the two levels before and after a split."""
    rest = x.copy()
    for part in (slice(0, cut), slice(cut, None)):
        if w[part].sum() > 0:
            rest[part] -= w[part] @ x[part] / w[part].sum()
    return _noise(rest, w, 2)


def threshold(days: int, confidence: float) -> float:
    """Return the least gain of a significant step, in units of the noise.

    Chosen by simulation: at the 95 % level, 0 to 6 % of 3,500 unchanged series of 28 to 365 days
    have a change, with a correlation of 0 or 0.5 from day to day.
    """
    return 11.2 + 190 / days - 5 * float(np.log((1 - confidence) / 0.05))


def _trend_gain(x: Floats, w: Floats) -> float:
    """Return the squares that a straight line explains beyond a constant level."""
    day = np.arange(len(x), dtype=np.float64)
    day -= w @ day / w.sum()
    return float((w * day) @ x) ** 2 / float(w @ day**2)


def _bounds(x: Floats, w: Floats, confidence: float) -> tuple[int, int, int]:
    """Return the first, last and likeliest day of a change by likelihood ratio (Hansen 2000)."""
    gains = _gains(x, w)
    best = int(np.argmax(gains))
    limit = -2 * np.log(1 - np.sqrt(confidence)) * noise_around(x, w, best)
    near = np.flatnonzero(gains >= gains[best] - limit)
    return max(int(near[0]), FEWEST), min(int(near[-1]), len(x) - FEWEST), best
