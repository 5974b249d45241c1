"""Windows of hours that deviate from the expected values, with their start and end."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy import special

from usage_analysis.analysis.arrays import Booleans, Floats, Integers
from usage_analysis.analysis.baseline import Baseline, Hours, Measure

#: Lengths of the windows that are looked at [h]. Ends are refined hour by hour.
LENGTHS: Final = (1, 2, 3, 4, 6, 8, 12, 18, 24, 36, 48, 72, 96, 120, 168)
#: Windows per series and month that are as good as independent: a sum over the lengths.
WINDOWS: Final = 2000
#: No window is judged by its tail below so many standard deviations.
_WORTH_A_LOOK: Final = 3.5
#: How much likelier an event of days is to begin at midnight than at another hour.
_MIDNIGHT: Final = 5.0
#: Mean lengths that one call may last by chance.
_LONGEST: Final = 60.0
#: Fewest expected calls of a window with less than usual.
_FEWEST: Final = 8.0


@dataclass(frozen=True)
class Window:
    """Hours of one series that deviate from the expected values.

    Parameters
    ----------
    series, start, end
        Number of the series, and of its first hour and the hour after its last one.
    observed, expected
        Sums over the window.
    score
        Minus the natural logarithm of the probability that chance makes as large a difference.
    low, high
        95 % interval of the ratio of observed to expected.
    """

    series: int
    start: int
    end: int
    observed: float
    expected: float
    score: float
    low: float
    high: float

    @property
    def above(self) -> bool:
        """True for more than expected."""
        return self.observed > self.expected

    @property
    def gain(self) -> float:
        """Log-likelihood ratio of the window with its own level."""
        return float(gain(np.array(max(self.observed, 0.0)), np.array(self.expected)))


def tails(observed: Any, expected: Any, unit: Any, spread: Any) -> Floats:
    """Return the probability that chance takes a sum as far from its expected value.

    Sums are negative binomial: a Poisson number of independent calls whose level is gamma
    distributed with the relative variance `spread`.
    """
    number, mean, shape = np.asarray(observed) / unit, expected / unit, 1 / spread
    share = mean / (mean + shape)
    above = special.betainc(np.maximum(number, 1e-9), shape, share)
    below = special.betainc(shape, number + 1, 1 - share)
    return np.asarray(np.where(observed > expected, above, below))


def score_of(observed: float, expected: float, unit: float, spread: float) -> float:
    """Return minus the natural logarithm of the tail probability of one sum."""
    return float(-np.log(max(float(tails(observed, expected, unit, spread)), 1e-300)))


def gain(observed: Floats, expected: Floats) -> Floats:
    """Return the log-likelihood ratio of a window with its own level (Kulldorff 1997)."""
    return np.asarray(special.xlogy(observed, observed / expected) - (observed - expected))


class Scan:
    """Running sums of several series, from which windows are read."""

    def __init__(self, measure: Measure, baseline: Baseline, judge: Booleans, hours: Hours) -> None:
        self.baseline, self.fewest, self.skewed = baseline, measure.fewest, measure.unit is None
        self.midnight = np.append(hours.slot, 0) % 24 == 0
        calls = np.full_like(judge, 1e9, dtype=float) if measure.calls is None else measure.calls
        number = baseline.expected / baseline.unit[:, None] if measure.calls is None else calls
        self.number = (number + 1e-9) * judge
        self.observed, self.expected, self.calls = (
            np.pad((part * judge).cumsum(axis=1), ((0, 0), (1, 0)))
            for part in (measure.observed, baseline.expected, calls)
        )

    def windows(self, least: float, ends: Integers | None = None) -> list[Window]:
        """Return windows whose score is at least `least`.

        No two of one series overlap. With `ends` these are windows that end there and may overlap
        those of other ends, as they would have been seen at these hours.
        """
        series, start, end, gains = self._candidates(least, ends)
        found: list[Window] = []
        taken = np.zeros(self.observed.shape, dtype=np.bool_)
        for at in np.argsort(-gains, kind="stable"):
            row, low, high = int(series[at]), int(start[at]), int(end[at])
            if taken[row, low if ends is None else high - 1 : high].any():
                continue
            window = self._refine(row, low, high, taken[row], last=ends is not None)
            taken[row, window.start if ends is None else window.end - 1 : window.end] = True
            sure = not self.skewed or self._holds_without_worst_hour(window, least)
            if window.score >= least and sure:
                found.append(window)
        return self._merge(found) if ends is None else found

    def _merge(self, windows: list[Window]) -> list[Window]:
        """Merge neighbours of one series where one level explains both better than either."""
        merged: list[Window] = []
        for one in sorted(windows, key=lambda each: (each.series, each.start)):
            last = merged[-1] if merged else None
            if last is not None and last.series == one.series and last.above == one.above:
                both = self.window(one.series, last.start, one.end)
                if both.above == one.above and both.gain > 0.9 * (last.gain + one.gain):
                    merged[-1] = both
                    continue
            merged.append(one)
        return merged

    def _holds_without_worst_hour(self, window: Window, least: float) -> bool:
        """Return False where one hour makes the difference, such as that of an endless call."""
        row, start, end = window.series, window.start, window.end
        if end - start == 1:
            calls = self.calls[row, end] - self.calls[row, start]
            return bool(abs(window.observed / window.expected - 1) * calls >= _LONGEST)
        seen, usual = (
            np.diff(part[row, start : end + 1]) for part in (self.observed, self.expected)
        )
        worst = int(np.argmax(np.abs(seen - usual)))
        left = window.observed - seen[worst], window.expected - usual[worst]
        spread = self.baseline.spread_of(end - start)[row]
        same = (left[0] > left[1]) == (window.observed > window.expected)
        return bool(same and score_of(*left, self.baseline.unit[row], spread) >= least / 2)

    def _candidates(self, least: float, ends: Integers | None) -> tuple[np.ndarray, ...]:
        """Return series, start, end and gain of the significant windows."""
        found = []
        unit = self.baseline.unit[:, None]
        for length in LENGTHS:
            if length >= self.observed.shape[1]:
                break
            # Long windows begin at every other hour: their ends are refined afterwards.
            step = max(length // 24, 1)
            low = np.arange(0, self.observed.shape[1] - length, step)
            if ends is not None:
                low = ends[ends >= length] - length
            where = slice(None, -length, step) if ends is None else low
            beyond = slice(length, None, step) if ends is None else low + length
            seen, usual = (
                part[:, beyond] - part[:, where] for part in (self.observed, self.expected)
            )
            spread = self.baseline.spread_of(length)[:, None]
            # Of a silence the excess variance would allow, if it were that of the expected value.
            between = (seen + usual) / 2
            series, place = np.nonzero(
                (seen - usual) ** 2 > _WORTH_A_LOOK**2 * usual * (unit + spread * between)
            )
            seen, usual, own = seen[series, place], usual[series, place], unit[series, 0]
            calls = self.calls[series, low[place] + length] - self.calls[series, low[place]]
            chance = tails(seen, np.maximum(usual, 1e-12), own, spread[series, 0])
            good = (usual > 0) & (calls >= self.fewest) & (np.maximum(seen, usual) >= _FEWEST * own)
            good &= -np.log(np.maximum(chance, 1e-300)) >= least
            gains = gain(seen[good], usual[good]) / own[good]
            start = low[place[good]]
            found.append((series[good], start, start + length, gains))
        return tuple(np.concatenate(part) for part in zip(*found, strict=True))

    def _refine(self, row: int, start: int, end: int, taken: Booleans, *, last: bool) -> Window:
        """Move the start, and the end if it may move, to where they most likely are.

        Each pair is as likely as its likelihood ratio (Kulldorff 1997) times a prior says.
        """
        reach = max(6, (end - start) // 2)
        size = self.observed.shape[1] - 1
        low = np.arange(max(start - reach, 0), min(start + reach, end - 1) + 1)
        high = np.array([end])
        if not last:
            high = np.arange(max(end - reach, start + 1), min(end + reach, size) + 1)
            blocked = np.flatnonzero(taken)
            low = low[low > blocked[blocked < start].max(initial=-1)]
            high = high[high <= blocked[blocked >= end].min(initial=size)]
        seen, usual, calls = (
            part[row, high][None, :] - part[row, low][:, None]
            for part in (self.observed, self.expected, self.calls)
        )
        inside = (high[None, :] > low[:, None]) & (usual > 0) & (calls >= self.fewest)
        inside &= (seen > usual) == self.window(row, start, end).above
        chance = np.full(seen.shape, -np.inf)
        chance[inside] = gain(np.maximum(seen[inside], 0.0), usual[inside])
        chance /= self.baseline.unit[row]
        # Events of days often begin at midnight, and hours without calls are not told apart.
        days = high - low[:, None] >= 24
        for edges, hours in ((low[:, None], low[:, None]), (high, high - 1)):
            number, night = self.number[row, hours], self.midnight[edges] & days
            prior = np.where(night & (number > 0), _MIDNIGHT, np.minimum(number, 1.0))
            chance += np.log(prior + 1e-12)
        a, b = np.unravel_index(int(np.argmax(chance)), chance.shape)
        return self.window(row, int(low[a]), int(high[b]))

    def window(self, row: int, start: int, end: int) -> Window:
        """Return a window with its probability and the interval of its ratio."""
        seen, usual = (part[row, end] - part[row, start] for part in (self.observed, self.expected))
        spread = self.baseline.spread_of(end - start)[row]
        return judge_window(row, (start, end), seen, usual, self.baseline.unit[row], spread)


def judge_window(
    row: int, span: tuple[int, int], seen: float, usual: float, unit: float, spread: float
) -> Window:
    """Return a window of these sums with its probability and the interval of its ratio."""
    score = score_of(seen, usual, unit, spread)
    low, high = ratio_interval(seen / unit, usual / unit, spread)
    return Window(row, *span, float(seen), float(usual), score, low, high)


def ratio_interval(number: float, mean: float, spread: float) -> tuple[float, float]:
    """Return the 95 % interval of a ratio: Poisson's of the number, widened by the spread."""
    low = special.gammaincinv(number, 0.025) if number > 0 else 0.0
    high = special.gammaincinv(number + 1, 0.975)
    wide = 1.96 * np.sqrt(spread)
    if number <= 0 or mean <= 0:
        return 0.0, float(high / mean * np.exp(wide)) if mean > 0 else np.inf
    below, above = np.hypot(np.log(number / low), wide), np.hypot(np.log(high / number), wide)
    return float(number / mean * np.exp(-below)), float(number / mean * np.exp(above))
