"""Events that were visible at the end of each hour, without later data."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from scipy.special import xlogy

from usage_analysis.analysis import baseline
from usage_analysis.analysis.arrays import Booleans
from usage_analysis.analysis.baseline import TWO_WEEKS, Hours
from usage_analysis.analysis.events import Finding, Search, tell_once
from usage_analysis.analysis.scan import Scan, Window
from usage_analysis.analysis.series import Series, measure_of

#: Days to learn each day's expected values from.
_LEARNED: Final = 56
#: What a score has to reach beyond that of a window in the past, which the days after it teach too.
_MORE_CAUTION: Final = 4.0


def watch(series: Series, names: Sequence[str], least: float, first: int) -> Iterator[Finding]:
    """Yield the events under way at the end of each hour from `first` on, with that end.

    The expected values of a day are learned from the days before it, without earlier events. An
    event is under way at the end of an hour if a window that ends there is significant.
    """
    learn, told = series.learn.copy(), dict[tuple[str, int], int]()
    measures = {name: measure_of(series, name) for name in names}
    day = series.hours.day
    for today in range(int(day[first]), int(day[-1]) + 1):
        begin, end = (int(np.searchsorted(day, one)) for one in (today, today + 1))
        start = int(np.searchsorted(day, max(today - _LEARNED, 0)))
        if today - int(day[start]) < TWO_WEEKS:
            continue
        past = learn[:, start:end].copy()
        past[:, begin - start :] = False
        part = _cut(series, start, end, past)
        ends = np.arange(max(begin, first), end) + 1 - start
        searches: list[Search] = []
        for name in names:
            measure = measure_of(part, name)
            fitted = baseline.fit(measure, part.hours, past, [[] for _ in part.names])
            # New hours scatter more than past hours, whose level the days after them teach too. For
            # the mean of n weeks the variance is (n + 1) / (n - 1) times that of the residuals.
            more = (today - day[start] + 7) / (today - day[start] - 7)
            fitted = replace(fitted, spread=fitted.spread * more, unit=fitted.unit * more)
            scan = Scan(measure, fitted, part.judge, part.hours)
            windows = scan.windows(least + _MORE_CAUTION, ends)
            events = [Finding(measure, one, lasting=False) for one in windows]
            searches.append(Search(measure, scan, events))
        for hour in sorted({one.window.end for each in searches for one in each.findings}):
            now = [
                replace(each, findings=[one for one in each.findings if one.window.end == hour])
                for each in searches
            ]
            for event in tell_once(now, part):
                window, key = event.window, (event.measure.name, event.window.series)
                hours = slice(start + window.start, start + window.end)
                # An event of the account that is over lingers in groups of few calls: an event of a
                # group is new if most of its hours are.
                if series.whole and window.series and learn[0, hours].mean() < 0.5:
                    continue
                if _is_over(window, searches[names.index(key[0])].scan, told.get(key, 0) - start):
                    continue
                learn[window.series, hours], told[key] = False, hours.stop
                moved = replace(window, start=start + window.start, end=start + window.end)
                yield replace(event, measure=measures[event.measure.name], window=moved)


def _is_over(window: Window, scan: Scan, told: int) -> bool:
    """Return True if the newest hours of an event fit the usual level better than its own.

    These are the hours since it was last told, of a day at most, or else the last six. A window
    with a bad hour stays significant for days, when everything is well again.
    """
    since = max(told, window.end - 24) if told > window.start else window.end - 6
    newest = scan.window(window.series, max(since, window.start), window.end)
    ratio = window.observed / window.expected
    return bool(xlogy(newest.observed, ratio) <= newest.expected * (ratio - 1))


def _cut(series: Series, start: int, end: int, learn: Booleans) -> Series:
    """Return the hours from `start` to `end` of all series."""
    day = series.hours.day[start:end]
    holiday = series.hours.holiday[day[0] : day[-1] + 1]
    hours = Hours(series.hours.slot[start:end], day - day[0], holiday)
    return replace(
        series,
        hours=hours,
        times=series.times[start:end],
        columns={name: part[:, start:end] for name, part in series.columns.items()},
        learn=learn,
        judge=series.judge[:, start:end],
    )
