"""Control charts of a rate, and shifts of its level."""

from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal, NamedTuple, Self

import numpy as np
import pandas as pd

from usage_analysis.analysis import arrays
from usage_analysis.analysis.arrays import Booleans, Floats, Integers, Places, Values
from usage_analysis.analysis.betabinomial import upper_counts
from usage_analysis.analysis.intervals import share
from usage_analysis.analysis.meaning import Meaning, with_meaning
from usage_analysis.analysis.rates import check_event
from usage_analysis.analysis.vocabulary import check_choice
from usage_analysis.errors import QueryError
from usage_analysis.tidy.frame_check import check_frame
from usage_analysis.tidy.grouping import Sums, groups_of
from usage_analysis.tidy.periods import aggregate
from usage_analysis.tidy.zones import row_times

#: Least expected number of events at which a period is judged by three sigma (np >= 5).
ENOUGH = 5.0
# Clumps of events are skewed, so many of them are needed: so many times the square of the spread.
_CLUMPS = 1.5
_SIGMAS = 3.0
#: How many sigma from the other periods one must lie to be left out of the first estimate.
_GLARING = 5.0
_ROUNDS = 10
_METHODS = {"p_prime": "Laney's p' chart (2002)", "p": "p chart (Montgomery, chapter 7)"}
# Mean range of two draws from a normal distribution, in its standard deviations: 2/√π.
_RANGE_OF_TWO = 1.128


def control_chart(
    frame: pd.DataFrame,
    *,
    event: str = "error_count",
    denominator: str = "total_count",
    every: str | None = "D",
    method: Literal["p_prime", "p"] = "p_prime",
    baseline: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return rates per day with their centre, control limits and signals.

    With p = Σevents/Σcalls and z_i = (p_i - p)/√(p(1 - p)/n_i), the limits of a day with n_i calls
    are ``p ± 3·s·√(p(1 - p)/n_i)``. The spread ratio s is the mean moving range of the z_i over
    1.128 (Laney's p', 2002), and at least 1. Days differ by more than chance, so a plain p chart
    (``"p"``, s = 1) would mark many usual days as signals.

    One bad day must not hide another. Centre and spread are therefore learned again without the
    days that signal, until no further day does (phase I; Montgomery, Introduction to Statistical
    Quality Control, section 7.2). At most one day in three is left out in this way. The p chart
    follows the textbook: its limits come from all days, unless `baseline` gives the usual days.

    Where fewer than five errors (or other calls) are expected, or fewer than 1.5·s², three sigma
    does not hold: the high (or low) limit is then the exact one of the beta-binomial distribution
    with spread s. The spread of such rare events is the root mean square of the z_i, without the
    largest of them, if that is more than the ratio from the moving ranges.

    Simulated months of 31 days without a change raise fewer than one false signal, with 5 to 4,800
    calls per day, error rates of 0.2 to 2 %, and a spread of 1 to 3. A doubling on one day at 4,800
    calls per day and a spread of 1.5 is caught in 96 % of months. Where the weekend has only 3 % of
    the calls, it is caught in 75 % of months; limits from the true rate and spread would catch no
    more. A signal says that a day is unlike the others, not why.

    Parameters
    ----------
    frame
        Canonical frame, hourly or daily, with or without a group column.
    event, denominator
        Columns: ``error_count`` over ``total_count`` or ``joined_count``, or ``joined_count`` over
        ``total_count``.
    every
        Period of `aggregate`, such as ``"D"`` or ``"W"``; None for the frame's own buckets. A chart
        by hour raises two false signals per month even if everything is as usual. Periods that are
        incomplete or provisional are left out; ``attrs["left_out"]`` counts them.
    method
        ``"p_prime"`` or ``"p"``.
    baseline
        Canonical frame of a time that is known to be usual, with the same group column or none.
        Centre and spread are learned from it alone and stay fixed (phase II). None learns them from
        the frame itself.

    Returns
    -------
    DataFrame
        One row per period (and group): `calls`, `events` [calls], `rate`, `centre`, `low`, `high`,
        `spread_ratio`, `signal`, and `limited`, True for periods with limits. No rate can cross a
        low limit below 0. There are no limits if the centre is 0 or 1, for periods without calls,
        and by ``"p_prime"`` for a series of a single period.

    Raises
    ------
    QueryError
        A column is missing, the baseline has other groups, or an argument has an unknown value.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-02", periods=4, freq="D", tz="UTC", name="time")
    >>> daily = pd.DataFrame({"total_count": 500, "error_count": [8, 12, 9, 11],
    ...                       "provisional": False}, index=time)
    >>> control_chart(daily, method="p")[["rate", "centre", "high", "signal"]].round(4).tail(1)
                                rate  centre    high  signal
    time
    2026-03-05 00:00:00+00:00  0.022    0.02  0.0388   False
    """
    check_choice("method", method, _METHODS)
    check_event(event, denominator)
    check_frame("control_chart", frame, event, denominator, "provisional")
    kept, left_out = _select_finished(arrays.with_measures(frame, event, denominator), every)
    data = learned = _Periods.of(kept, event, denominator)
    if baseline is not None:
        check_frame("baseline", baseline, event, denominator, "provisional")
        learned = _Periods.of(_select_finished(baseline, every)[0], event, denominator)
    usual = _at_groups(_learn(learned, method), learned.groups, data.groups)
    low, high, signal = _limits(data, usual, method)
    columns = {
        "calls": kept[denominator].to_numpy(copy=True),
        "events": kept[event].to_numpy(copy=True),
        "rate": data.rate,
        "centre": usual.centre[data.code],
        "low": low,
        "high": high,
        "spread_ratio": usual.spread[data.code],
        "signal": signal,
        "limited": ~np.isnan(high),
    }
    out = arrays.beside_groups(kept, columns)
    out.attrs["left_out"] = left_out
    out.attrs["every"] = every or frame.attrs.get("every")
    meaning = Meaning(
        made_by="control_chart", event=event, denominator=denominator, method=_METHODS[method]
    )
    return with_meaning(out, meaning, frame)


def _select_finished(frame: pd.DataFrame, every: str | None) -> tuple[pd.DataFrame, int]:
    """Return the periods that are whole and final, and how many are not."""
    periods = frame if every is None else aggregate(frame, every)
    final = arrays.finished(periods)
    if final.all():
        return periods, 0
    return periods[final], len(np.unique(row_times(periods)[~final]))


class _Usual(NamedTuple):
    """Centre and spread ratio of each group."""

    centre: Floats
    spread: Floats


@dataclass(frozen=True)
class _Periods:
    """Calls and events of each period, with the number of its group."""

    calls: Floats
    events: Floats
    rate: Floats
    times: Integers
    code: Places
    groups: pd.Index | None

    @classmethod
    def of(cls, periods: pd.DataFrame, event: str, denominator: str) -> Self:
        code, groups = groups_of(periods)
        calls, events = arrays.floats(periods, denominator, event)
        return cls(calls, events, share(events, calls), row_times(periods), code, groups)

    @property
    def count(self) -> int:
        return 1 if self.groups is None else len(self.groups)

    def of_rows(self, values: Values) -> Values:
        # One value for all rows need not be looked up for each.
        return values if self.count == 1 else values[self.code]

    def where(self, rows: Booleans) -> Self:
        columns = ("calls", "events", "rate", "times", "code")
        return replace(self, **{name: getattr(self, name)[rows] for name in columns})


def _learn(data: _Periods, method: str) -> _Usual:
    """Return what is usual in each group, learned again without the periods that signal.

    Montgomery's phase I (Statistical Quality Control, section 7.2), repeated until no further
    period signals. At most one period in three of a group is left out: beyond that nobody can say
    which periods are usual.
    """
    usual = _learn_once(data, method)
    if method == "p":
        return usual
    usable = data.calls > 0
    least = 2 / 3 * np.bincount(data.code[usable], minlength=data.count)
    # A glaring period widens its own limits, so the most extreme one is judged by the others first.
    centre = data.of_rows(usual.centre)
    z = np.nan_to_num(np.abs(data.rate - centre) / _sigma(centre, data.calls), nan=-1.0)
    most: Places = pd.Series(z).groupby(data.code).idxmax().to_numpy()
    extreme = usable & (np.arange(len(usable)) == data.of_rows(most))
    others = _learn_once(data.where(usable & ~extreme), method)
    signal = extreme.copy()
    signal[extreme] = _limits(data.where(extreme), others, method, _GLARING)[2]
    kept = np.zeros_like(usable)
    for _ in range(_ROUNDS):
        enough = np.bincount(data.code[usable & ~signal], minlength=data.count) >= least
        now = usable & ~(signal & data.of_rows(enough))
        if np.array_equal(now, kept):
            break
        kept = now
        usual = _learn_once(data.where(kept), method)
        signal = _limits(data, usual, method)[2]
    return usual


def _learn_once(data: _Periods, method: str) -> _Usual:
    """Return centre and spread of each group over all of its periods."""
    added = Sums(data.code, data.count)
    centre = share(added.of(data.events), added.of(data.calls))
    spread = np.ones(data.count)
    if method == "p_prime":
        z = data.rate - data.of_rows(centre)
        np.divide(z, _sigma(data.of_rows(centre), data.calls), out=z)
        spread = np.maximum(_spread(z, data.times, data.code, data.count), 1.0)
        # Moving ranges miss clumps of rare events: most neighbours have none.
        rare = centre * added.of(data.calls) < ENOUGH * added.of(np.ones(len(z)))
        if rare.any():
            squares, days = np.nan_to_num(z) ** 2, added.of((data.calls > 0) * 1.0)
            largest = np.zeros(data.count)
            np.maximum.at(largest, data.code, squares)
            scatter = share(np.maximum(added.of(squares) - largest, 0), np.maximum(days - 1, 0))
            spread = np.where(rare, np.maximum(spread, np.sqrt(scatter)), spread)
    return _Usual(centre, spread)


def _at_groups(usual: _Usual, known: pd.Index | None, groups: pd.Index | None) -> _Usual:
    """Return what was usual in a baseline, for the groups of the frame (phase II).

    Raises
    ------
    QueryError
        The baseline has other groups.
    """
    ours, theirs = (None if index is None else index.name for index in (groups, known))
    if ours != theirs:
        wanted = "no group column" if ours is None else f"groups by {ours}"
        got = "none" if theirs is None else f"groups by {theirs}"
        raise QueryError(f"baseline: expected {wanted} as in the frame, got {got}")
    if groups is None or known is None or groups is known:
        return usual
    place = known.get_indexer(groups)
    return _Usual(*(np.where(place >= 0, values[place], np.nan) for values in usual))


def _limits(
    data: _Periods, usual: _Usual, method: str, sigmas: float = _SIGMAS
) -> tuple[Floats, Floats, Booleans]:
    """Return low and high limit of each period, and whether its rate is beyond them."""
    centre, spread = data.of_rows(usual.centre), data.of_rows(usual.spread)
    sigma = _sigma(centre, data.calls)
    # A million hours are slow to make room for: what is no longer needed is written over.
    half = np.multiply(sigma, sigmas * spread, out=sigma)
    low, high = centre - half, centre + half
    if method == "p_prime":
        _write_exact(data, usual, low, high, NormalDist().cdf(-sigmas))
    # Equal rates have limits that only rounding can cross.
    with np.errstate(invalid="ignore"):
        signal = (data.rate > high + 1e-12) | (data.rate < low - 1e-12)
    return low, high, signal


def _write_exact(data: _Periods, usual: _Usual, low: Floats, high: Floats, tail: float) -> None:
    """Write exact limits where too few events, or other calls, are expected for three sigma."""
    for rates, limit, flip in ((usual.centre, high, False), (1 - usual.centre, low, True)):
        expected = data.calls * data.of_rows(rates)
        least = np.maximum(ENOUGH, _CLUMPS * usual.spread**2)
        few = np.flatnonzero((expected < data.of_rows(least)) & ~np.isnan(high))
        if len(few) == 0:
            continue
        # Few numbers of calls occur, so each limit is computed once.
        n = np.rint(data.calls[few]).astype(np.int64)
        width = int(n.max()) + 1
        place, kinds = pd.factorize(data.code[few] * width + n)
        code, n = np.divmod(kinds, width)
        counts = upper_counts(n, rates[code], usual.spread[code], tail)
        share_ = (counts / np.maximum(n, 1))[place]
        limit[few] = 1 - share_ if flip else share_


def _sigma(centre: Floats, calls: Floats) -> Floats:
    """Standard deviation of a rate among independent calls, NaN where there is none."""
    inside = np.where((centre > 0) & (centre < 1), centre, np.nan)
    some = calls > 0
    root: Floats = np.sqrt(calls if some.all() else np.where(some, calls, np.nan))
    np.divide(np.sqrt(inside * (1 - inside)), root, out=root)
    return root


def _spread(z: Floats, times: Integers, code: Places, count: int) -> Floats:
    """Return each group's mean moving range of z, relative to chance alone; NaN without a range."""
    known = ~np.isnan(z)
    if not known.all():
        z, times, code = z[known], times[known], code[known]
    back = times[1:] < times[:-1]
    if count > 1:
        back = np.where(code[1:] == code[:-1], back, code[1:] < code[:-1])
    if back.any():
        order = np.lexsort((times, code))
        z, code = z[order], code[order]
    ranges, of = np.diff(z), code[1:]
    np.abs(ranges, out=ranges)
    if count > 1:
        same = of == code[:-1]
        ranges, of = ranges[same], of[same]
    added = Sums(of, count)
    mean: Floats = share(added.of(ranges), np.bincount(of, minlength=count)) / _RANGE_OF_TWO
    return mean
