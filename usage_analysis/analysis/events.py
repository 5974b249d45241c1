"""Search several series and measures for events, and drop events that another one explains."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from usage_analysis.analysis import baseline
from usage_analysis.analysis.arrays import Booleans, Floats
from usage_analysis.analysis.baseline import LEAST_SPREAD, TWO_WEEKS, Baseline, Measure
from usage_analysis.analysis.level_changes import FEWEST, find_changes, find_run
from usage_analysis.analysis.scan import WINDOWS, Scan, Window, judge_window, tails
from usage_analysis.analysis.series import Series, measure_of

_ROUNDS: Final = 5
#: Windows of days with this part of the least score do not teach what is usual at first, either.
_SUSPECT: Final = 2.0
#: Median of the square of a normal deviate.
_NORMAL_MEDIAN: Final = 0.4549
#: Windows shorter than this do not tell a lasting change from an event [h].
_SHORT: Final = 72
#: Natural logarithm of the factor by which chance is asked to be rarer than the budget says: levels
#: of real accounts have heavier tails than any distribution that is fitted to a month.
_CAUTION: Final = 7.0
#: Steps have fewer places to be false in than windows: the least score of a window over this is one
#: of a step.
_STEP_CAUTION: Final = 3.0
#: A step is told where its day is known within these days and its size is at least this large.
_SHARP_DAYS: Final = 7
#: A level that lasts so many days is the new usual one.
_NEW_LEVEL: Final = 28
_LEAST_STEP: Final = 0.15
#: Share of the account's excess from which one group explains it.
_EXPLAINS: Final = 0.6
#: Events of the account and of a group are the same if they share this part of the shorter one, and
#: events of two measures if they share this part of the longer one.
_ALIKE: Final = 0.5
_SAME: Final = 0.3


@dataclass(frozen=True)
class Finding:
    """One event of one measure: a window, or a level that changed for good."""

    measure: Measure
    window: Window
    lasting: bool
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Search:
    """One measure with its baseline and its events."""

    measure: Measure
    scan: Scan
    findings: list[Finding]


def least_score(false_alarms: float, series: int, measures: int) -> float:
    """Return the least score of an event, for an allowed number of false events per month."""
    return float(np.log(series * measures * WINDOWS / false_alarms)) + _CAUTION


def search(series: Series, name: str, least: float) -> Search:
    """Search one measure for events.

    Fitting, scanning and masking take turns, so that an event does not teach what is usual.
    """
    measure = measure_of(series, name)
    # The days that stand out most are left out of the first fit, and never make a step.
    usual = series.learn & ~_runs(measure, series)
    learn, steps = usual, _steps(measure, series, usual, least)
    for turn in range(_ROUNDS):
        fitted = baseline.fit(measure, series.hours, learn, steps)
        scan = Scan(measure, fitted, series.judge, series.hours)
        # Without two weeks nobody knows the weekends, but rates hardly depend on the weekday.
        known = series.days >= TWO_WEEKS or measure.kind == "rate"
        # Few calls hide a trouble of days in the level of its weeks, unless it is left out early.
        limit = least / _SUSPECT if measure.kind == "count" and turn < 2 else least
        windows = scan.windows(limit) if known else []
        windows = [one for one in windows if one.score >= least or one.end - one.start >= 24]
        mask, short = np.zeros_like(learn), np.zeros_like(learn)
        for one in windows:
            # Where the account is unusual, so is some group, of which too little is known yet.
            rows = slice(None) if series.whole and one.series == 0 else one.series
            mask[rows, one.start : one.end] = True
            short[rows, one.start : one.end] |= one.end - one.start < _SHORT
        before, learn = learn, (series.learn if turn else usual) & ~mask
        if turn == 0:
            steps = _steps(measure, series, usual & ~short, least)
        elif limit == least and np.array_equal(before, learn):
            break
    findings = [Finding(measure, one, lasting=False) for one in windows]
    findings += _lasting(measure, series, scan, steps)
    return Search(measure, scan, findings)


def _steps(measure: Measure, series: Series, learn: Booleans, least: float) -> list[list[int]]:
    """Return the days on which the level of each series changed for good."""
    confidence = 1 - float(np.exp(-least / _STEP_CAUTION))
    found = (find_changes(*each, confidence) for each in _days(measure, series, learn))
    return [[one.day for one in row if one.last - one.first <= _SHARP_DAYS] for row in found]


def _runs(measure: Measure, series: Series) -> Booleans:
    """Return the hours of days that stand out together, which do not teach what is usual."""
    out = np.zeros_like(series.learn)
    # More than two such troubles in a frame are rare.
    for _ in range(2):
        days = _days(measure, series, series.learn & ~out)
        start, end = np.array([find_run(*each) for each in days]).T[..., None]
        out |= (series.hours.day >= start) & (series.hours.day < end)
    return out


def _days(measure: Measure, series: Series, learn: Booleans) -> list[tuple[Floats, Floats]]:
    """Return each day's value relative to its usual one, and its weight, for each series."""
    hours = series.hours
    learn = learn & ~hours.holiday[hours.day]
    flat = baseline.fit(measure, hours, learn, [[] for _ in series.names], flat=True)
    seen, usual, whole = (
        baseline.by_key(part, hours.day, len(hours.holiday))
        for part in (measure.observed * learn, flat.shape * learn, flat.shape)
    )
    found = []
    for own, base, all_day, unit in zip(seen, usual, whole, flat.unit, strict=True):
        # Days on which hardly anybody calls tell nothing about the level.
        typical = (all_day**2).sum() / max(all_day.sum(), 1e-12)
        busy, enough = base > np.maximum(0.5 * all_day, 0.1 * typical), 10 * FEWEST * unit
        good = busy & (base.sum() >= enough)
        value, chance = (
            np.where(good, part / np.where(good, base, 1.0), np.nan) for part in (own, unit)
        )
        square = (value - np.median([*value[good], 1.0])) ** 2 / _NORMAL_MEDIAN - chance
        excess = max(float(np.median([*square[good], 0.0])), LEAST_SPREAD**2)
        found.append((value, np.nan_to_num(1 / (chance + excess))))
    return found


def _lasting(measure: Measure, series: Series, scan: Scan, steps: list[list[int]]) -> list[Finding]:
    """Return the lasting changes as events, each beside the level before it."""
    found = []
    size = len(series.hours.day)
    for row, days in enumerate(steps):
        cuts = [0, *np.searchsorted(series.hours.day, days).tolist(), size]
        seen, usual = (
            np.add.reduceat(values[row] * series.learn[row], cuts[:-1])
            for values in (measure.observed, scan.baseline.shape)
        )
        before = 0
        for at in range(1, len(cuts) - 1):
            start, end = cuts[at], cuts[at + 1]
            if min(seen[before], usual[before], usual[at]) <= 0:
                continue
            expected = usual[at] * seen[before] / usual[before]
            changed = abs(np.log(max(seen[at], 1e-9) / expected)) > _LEAST_STEP
            if changed and series.judge[row, start]:
                # Both levels are means over days, which differ.
                part = 24 / (end - start) + 24 / (cuts[before + 1] - cuts[before])
                spread = part * scan.baseline.spread_of(24)[row]
                unit = scan.baseline.unit[row]
                window = judge_window(row, (start, end), seen[at], expected, unit, spread)
                found.append(Finding(measure, window, lasting=True))
            if not changed or end - start >= 24 * _NEW_LEVEL:
                before = at
    return found


def tell_once(searches: Sequence[Search], series: Series) -> list[Finding]:
    """Return the events that no other event explains.

    The event of a group explains that of the account. Errors shorten calls, and more calls are more
    minutes: the event of the first measure names the others.
    """
    found = [one for each in searches for one in _of_groups(each, series)]
    found.sort(key=lambda one: (one.measure.follows, -one.window.score))
    told: list[Finding] = []
    for one in found:
        cause = next((at for at, other in enumerate(told) if _follows(one, other, series)), None)
        if cause is None:
            told.append(one)
        elif one.measure.name not in told[cause].also:
            told[cause] = replace(told[cause], also=(*told[cause].also, one.measure.name))
    return sorted(told, key=lambda one: (one.window.start, one.window.series))


def _follows(one: Finding, other: Finding, series: Series) -> bool:
    """Return True if an event of another measure is that of the same trouble."""
    rows = {one.window.series, other.window.series}
    return (
        one.measure.name != other.measure.name
        # Errors and calls that nobody joins make no call longer, and keep no caller away.
        and one.measure.name != "total_count"
        and not (one.measure.name == "average_call_duration" and one.window.above)
        and one.lasting == other.lasting
        and (len(rows) == 1 or (series.whole and 0 in rows))
        and _shared(one, other, max) >= _SAME
    )


def _shared(one: Finding, other: Finding, of: Callable[[int, int], int]) -> float:
    """Return the overlap of two events, as a share of the shorter (`min`) or longer one (`max`)."""
    ends = min(one.window.end, other.window.end), max(one.window.start, other.window.start)
    lengths = (each.window.end - each.window.start for each in (one, other))
    return (ends[0] - ends[1]) / of(*lengths)


def _of_groups(search: Search, series: Series) -> list[Finding]:
    """Return the events of one measure, each of the account or of the group that explains it."""
    groups = [one for one in search.findings if one.window.series or not series.whole]
    kept = []
    for one in (one for one in search.findings if series.whole and one.window.series == 0):
        alike = [
            other
            for other in groups
            if _shared(one, other, min) >= _ALIKE and other.window.above == one.window.above
        ]
        owner = _owner(one, search, series, alike)
        # A long and strong event of a group is no shadow of a short one of the account.
        shadows = [
            other
            for other in alike
            if other.window.score <= one.window.score or _shared(one, other, max) >= _ALIKE
        ]
        groups = [other for other in groups if other not in shadows and other is not owner]
        kept.append(owner or one)
    return kept + groups


def _owner(
    one: Finding, search: Search, series: Series, alike: Sequence[Finding]
) -> Finding | None:
    """Return the event of the one group that explains the account's, or None."""
    own = {other.window.series: other for other in alike}
    for row in range(1, len(series.names)):
        found, whole = own.get(row), one.window
        if found is None and one.lasting:
            continue
        window = search.scan.window(row, whole.start, whole.end)
        if found and one.lasting:
            window = found.window
        if _explains(window, whole, search.scan.baseline):
            return found or replace(one, window=window)
    return None


def _explains(own: Window, whole: Window, fitted: Baseline) -> bool:
    """Return True if one group accounts for the excess, better than one level of all groups."""
    rest, excess = whole.expected - own.expected, whole.observed - whole.expected
    if own.expected <= 0 or not excess or (own.observed - own.expected) / excess < _EXPLAINS:
        return False
    if rest <= 0:
        return True
    # Other groups need not be exactly as usual: their levels vary, too.
    seen, level = max(whole.observed - own.observed, 0.0), whole.observed / whole.expected
    mean = np.maximum([level * own.expected, level * rest, rest], 1e-12)
    at, spread = [own.series, 0, 0], fitted.spread_of(whole.end - whole.start)
    mine, others, usual = tails([own.observed, seen, seen], mean, fitted.unit[at], spread[at])
    return bool(usual >= mine * others)
