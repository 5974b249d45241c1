"""Search for events of several series and measures, and leave out those that others explain."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from usage_analysis.analysis import baseline
from usage_analysis.analysis.arrays import Booleans
from usage_analysis.analysis.baseline import TWO_WEEKS, Measure
from usage_analysis.analysis.level_changes import FEWEST, find_changes
from usage_analysis.analysis.scan import WINDOWS, Scan, Window, judge_window
from usage_analysis.analysis.series import Series, measure_of

_ROUNDS: Final = 5
#: Windows shorter than this do not tell a lasting change from an event [h].
_SHORT: Final = 72
#: Natural logarithm of the factor by which chance is asked to be rarer than the budget says: levels
#: of real accounts have heavier tails than any distribution that is fitted to a month.
_CAUTION: Final = 5.0
#: Steps have fewer places to be false in than windows: the least score of a window over this is one
#: of a step.
_STEP_CAUTION: Final = 2.7
#: A step is told where its day is known within these days and its size is at least this large.
_SHARP_DAYS: Final = 7
#: A level that lasts so many days is the new usual one.
_NEW_LEVEL: Final = 28
_LEAST_STEP: Final = 0.15
#: Share of the account's excess from which one group explains it.
_EXPLAINS: Final = 0.6
#: The others are calm if their relative excess is at most this share of the group's.
_CALM: Final = 0.3
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
    learn = series.learn
    steps = _steps(measure, series, learn, least)
    for turn in range(_ROUNDS):
        fitted = baseline.fit(measure, series.hours, learn, steps)
        scan = Scan(measure, fitted, series.judge)
        # Without two weeks nobody knows the weekends, but rates hardly depend on the weekday.
        known = series.days >= TWO_WEEKS or measure.kind == "rate"
        windows = scan.windows(least) if known else []
        best = np.zeros(len(series.names))
        for one in windows:
            best[one.series] = max(best[one.series], one.score)
        # The strongest event may make others of its shadow, so it goes first.
        mask, short = np.zeros_like(learn), np.zeros_like(learn)
        for one in windows:
            if turn or one.score >= 0.5 * best[one.series]:
                # Where the account is unusual, so is some group, of which too little is known yet.
                rows = slice(None) if series.whole and one.series == 0 else one.series
                mask[rows, one.start : one.end] = True
                short[rows, one.start : one.end] |= one.end - one.start < _SHORT
        before, learn = learn, series.learn & ~mask
        if turn < 2:
            steps = _steps(measure, series, series.learn & ~short, least)
        elif np.array_equal(before, learn):
            break
    findings = [Finding(measure, one, lasting=False) for one in windows]
    findings += _lasting(measure, series, scan, steps)
    return Search(measure, scan, findings)


def _steps(measure: Measure, series: Series, learn: Booleans, least: float) -> list[list[int]]:
    """Return the days on which the level of each series changed for good."""
    hours = series.hours
    learn = learn & ~hours.holiday[hours.day]
    flat = baseline.fit(measure, hours, learn, [[] for _ in series.names], flat=True)
    days = len(hours.holiday)
    seen, usual, whole = (
        baseline.by_key(part, hours.day, days)
        for part in (measure.observed * learn, flat.expected * learn, flat.expected)
    )
    found: list[list[int]] = []
    for row, unit in enumerate(flat.unit):
        good = (usual[row] > 0.5 * whole[row]) & (usual[row] > 0)
        if usual[row].sum() < 10 * FEWEST * unit:
            found.append([])
            continue
        base = np.where(good, usual[row], 1.0)
        excess = flat.spread_of(24)[row]
        changes = find_changes(
            np.where(good, seen[row] / base, np.nan),
            np.where(good, 1 / (unit / base + excess), 0.0),
            1 - float(np.exp(-least / _STEP_CAUTION)),
        )
        found.append([one.day for one in changes if one.last - one.first <= _SHARP_DAYS])
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
        groups = [other for other in groups if other not in alike]
        kept.append(owner or one)
    return kept + groups


def _owner(
    one: Finding, search: Search, series: Series, alike: Sequence[Finding]
) -> Finding | None:
    """Return the event of the one group that explains the account's, or None."""
    own = {other.window.series: other for other in alike}
    for row in range(1, len(series.names)):
        found = own.get(row)
        if one.lasting:
            window = None if found is None else found.window
        else:
            window = search.scan.window(row, one.window.start, one.window.end)
        if window is not None and _explains(window, one.window):
            return found or replace(one, window=window)
    return None


def _explains(own: Window, whole: Window) -> bool:
    """Return True if one group accounts for the excess, and the other groups are as usual."""
    rest = whole.expected - own.expected
    if (
        own.expected <= 0
        or (own.observed - own.expected) / (whole.observed - whole.expected) < _EXPLAINS
    ):
        return False
    if rest <= 0:
        return True
    others = (whole.observed - own.observed) / rest - 1
    return abs(others) <= _CALM * abs(own.observed / own.expected - 1)
