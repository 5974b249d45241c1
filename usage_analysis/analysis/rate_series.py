"""Rates over several buckets: totals, trailing rates, and groups or hours unlike the others."""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from usage_analysis.analysis.arrays import Booleans, Floats, Integers, floats
from usage_analysis.analysis.betabinomial import upper_tails
from usage_analysis.analysis.difference import significant, tails_of
from usage_analysis.analysis.intervals import day_scatter, holm, scatter_of, share, wilson
from usage_analysis.analysis.meaning import Meaning, with_meaning
from usage_analysis.analysis.rates import MIN_CALLS, dates_of, error_rate, summed_by

# The scatter of the hours is itself an estimate: at 3 % false claims stay within the 5 % that the
# statement promises, up to a spread of 3 (found by simulation).
_LEVEL, _SCORE = 0.03, 2.0


def total_rates(rates: pd.DataFrame, meaning: Meaning, *, together: bool = False) -> pd.DataFrame:
    """Return the rate of all buckets of a table by bucket together, with one row per group.

    Parameters
    ----------
    rates
        Result of `error_rate` or `join_rate` by bucket, or some of its rows.
    meaning
        Meaning of the rates.
    together
        True for one row of all groups together.
    """
    confidence = meaning.confidence or 0.95
    frame = as_frame(rates[["calls", "events"]].groupby(level=0).sum() if together else rates)
    out = error_rate(frame, by="total", confidence=confidence)
    found = replace(meaning, dates=dates_of(frame), method=str(out.attrs["meaning"]["method"]))
    return with_meaning(out, found, rates)


def as_frame(rates: pd.DataFrame) -> pd.DataFrame:
    """Return a table of rates by bucket as a canonical frame, with the events as errors."""
    frame = rates[["calls", "events"]].set_axis(["total_count", "error_count"], axis=1)
    frame = frame.assign(provisional=False)
    if rates.columns[0] != "calls":
        frame.insert(0, str(rates.columns[0]), rates.iloc[:, 0])
    return frame


def trailing_rates(rates: pd.DataFrame, days: int, confidence: float) -> pd.DataFrame:
    """Return rates over a trailing number of days of a daily series, from the first full window on.

    The interval is widened by the scatter of all days of the table.
    """
    sums = rates[["calls", "events"]].rolling(days).sum().iloc[days - 1 :]
    calls, events = floats(sums, "calls", "events")
    some = rates[rates["calls"] > 0]
    of_days, bad_of_days = floats(some, "calls", "events")
    scatter = scatter_of(of_days, bad_of_days, np.zeros(len(some), dtype=np.intp), 1)
    low, high = wilson(events, calls, float(scatter.quantiles(confidence)[0]))
    return sums.assign(rate=share(events, calls), low=low, high=high, enough=calls >= MIN_CALLS)


def unlike_the_rest(rates: pd.DataFrame, confidence: float) -> Booleans:
    """Mark the groups whose rate differs significantly from the other groups, by Holm's rule.

    Parameters
    ----------
    rates
        Result of `error_rate` or `join_rate` by bucket of a breakdown.
    """
    frame = as_frame(rates)
    (calls, events), _ = summed_by(frame, ["total_count", "error_count"], "total")
    others = calls.sum() - calls, events.sum() - events
    scatter = day_scatter(frame, "error_count", "total_count")
    return significant(tails_of((calls, events), others, scatter, confidence), confidence)


def unusual_hours(
    rates: pd.DataFrame, meaning: Meaning, *, without_worst_week: bool = True
) -> Integers:
    """Return the hours of the week whose rate is significantly worse than in the other hours.

    For each hour with enough calls, the exact probability of at least as many bad events at the
    rate of the other hours is computed. Errors of one day come in clusters, so the events of an
    hour scatter more than binomial ones. The probability is therefore beta-binomial, with the
    spread of the hours around their common rate. Holm's procedure (1979, Scand. J. Statist. 6:65)
    limits false positives to 5 % over all hours together. An hour is named only if it was worse
    than usual by two standard deviations without its worst week too: no single incident makes an
    hour of the week unusual.

    Parameters
    ----------
    rates
        Result of `error_rate` or `join_rate` with ``by="hour_of_week"``.
    meaning
        Meaning of the rates. For join rates, the calls that were not joined count as bad events.
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
    found = np.asarray(holm(tails) <= _LEVEL)
    if without_worst_week:
        found &= rates["score_without_worst_week"].to_numpy() > _SCORE
    return rates.index.to_numpy()[found].astype(np.int64)


def _spread(bad: Floats, calls: Floats, rate: float) -> float:
    """Return the scatter of the hours relative to chance, without the highest 2 %."""
    squares = np.sort((bad - calls * rate) ** 2 / (calls * rate * (1 - rate)))
    kept = squares[: max(int(0.98 * len(squares)), 1)]
    # Without the highest 2 % the squares of normal deviates have a mean of 0.873 (integral of the
    # chi-squared distribution with one degree of freedom).
    return float(max(np.sqrt(kept.mean() / 0.873), 1.0))


#: What the maximum of a Brownian bridge exceeds with a probability of 5 % (Kolmogorov).
_BRIDGE = 1.358
_LEAST_PERIODS = 4
# Ratio of two levels beside each other that are not called steady.
_STEP = 1.5


class LevelShift(NamedTuple):
    """The largest shift of the level of a control chart, and whether the level was steady."""

    #: Whether the level shifted, at the 95 % level.
    certain: bool
    #: First period of the later level.
    start: pd.Timestamp
    before: float
    #: Rates of the periods before `start` and from `start` on, signals left out.
    after: float
    #: Whether the rates before and after any period differ by less than a half, up or down.
    steady: bool


def level_shift(chart: pd.DataFrame) -> LevelShift | None:
    """Return the largest shift of the level within a control chart of one series.

    Signals are single periods. A lasting shift that is too small for a signal shows in the
    cumulative sum of the differences from the mean (Ploberger and Krämer 1992, Econometrica
    60:271): divided by its standard deviation, which the spread ratio widens, the sum is a Brownian
    bridge where the level is constant. Its largest excursion exceeds 1.358 in 5 % of such charts
    (Kolmogorov's distribution), and in fewer if the periods are few.

    Parameters
    ----------
    chart
        Result of `control_chart` for one series.

    Returns
    -------
    LevelShift or None
        None where fewer than four periods have calls and limits.
    """
    used = chart[chart["limited"] & ~chart["signal"]]
    calls, events = floats(used, "calls", "events")
    rate = events.sum() / calls.sum() if len(used) else 0.0
    if len(used) < _LEAST_PERIODS or not 0 < rate < 1:
        return None
    variance = float(used["spread_ratio"].iloc[0]) ** 2 * rate * (1 - rate)
    bridge = np.cumsum(events - rate * calls) / math.sqrt(variance * calls.sum())
    last = int(np.abs(bridge[:-1]).argmax())
    old, new = slice(last + 1), slice(last + 1, None)
    return LevelShift(
        certain=bool(abs(bridge[last]) > _BRIDGE),
        start=used.index[last + 1],
        before=float(events[old].sum() / calls[old].sum()),
        after=float(events[new].sum() / calls[new].sum()),
        steady=_no_step(calls, events) and _no_step(calls[::-1], events[::-1]),
    )


def _no_step(calls: Floats, events: Floats) -> bool:
    """Return whether the rate after every split is less than 1.5 times the rate before it."""
    part, earlier = calls.cumsum()[:-1], events.cumsum()[:-1]
    later = (events.sum() - earlier) / (calls.sum() - part)
    return bool((later < _STEP * earlier / part).all())
