"""Differences of two rates, with their intervals, and the part that each group adds."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from usage_analysis.analysis import intervals, rates
from usage_analysis.analysis.arrays import Booleans, Floats, Values, floats
from usage_analysis.analysis.intervals import Scatter, day_scatter, values_at
from usage_analysis.analysis.meaning import Meaning, with_meaning
from usage_analysis.analysis.rates import Independent
from usage_analysis.analysis.vocabulary import date_range
from usage_analysis.errors import QueryError, refusal
from usage_analysis.tidy.frame_check import check_frame
from usage_analysis.tidy.frames import check_disjoint, group_column
from usage_analysis.tidy.grouping import groups_of

#: Lowest confidence level at which a difference may be called significant.
CLAIMS = 0.9
_BY_CALLS = "Newcombe 1998, calls independent"
_BY_DAYS = "Newcombe 1998, days independent (Rao and Scott 1992)"
_ENDS = 1e-12


def rate_difference(
    current: pd.DataFrame,
    previous: pd.DataFrame,
    *,
    event: str | Sequence[str] = "error_count",
    denominator: str = "total_count",
    confidence: float = 0.95,
    independent: Independent = None,
    history: pd.DataFrame | None = None,
) -> pd.Series | pd.DataFrame:
    """Return the difference of two rates, current less previous, with its confidence interval.

    The interval is Newcombe's hybrid score interval (Newcombe 1998, Statistics in Medicine 17:873,
    method 10). It takes the two periods to be independent of each other.

    Calls of one day are seldom independent, because one incident makes many of them fail. For
    frames over time the interval is therefore wider: it counts fewer calls, by as much as days
    differ beyond chance (Rao and Scott 1992) and as levels persist from day to day. One day alone
    does not show how much days differ. Two single days have an interval only with `history`.

    Parameters
    ----------
    current, previous
        Canonical frames of two periods, or of two groups: with a group column in both, or in
        neither. All rows of each frame are added up.
    event
        ``"error_count"`` or ``"joined_count"``; several for a table with one row per event.
    denominator
        ``"total_count"`` or ``"joined_count"``, as for `error_rate`.
    confidence
        Level of the two-sided interval.
    independent
        Units that the interval takes to be independent: ``"days"`` or ``"calls"``. By default days
        for frames over time, and calls for totals with one row per group.
    history
        Canonical frame of earlier days with the same group column, hourly or daily. Its days help
        to show how much days differ; a comparison of two single days needs three of them.

    Returns
    -------
    Series or DataFrame
        `calls`, `events`, `rate`, `previous_calls`, `previous_events`, `previous_rate`,
        `difference`, `low`, `high` (NaN where a period has no calls or the days are too few), and
        `significant`: the interval does not include 0 (1 or 0 in a Series). One row per group for
        breakdowns. Over several rows `significant` follows Holm's rule (Holm 1979): where no group
        has changed, a comparison calls any of them significant in at most 5 % of all cases at the
        95 % level. Below the 90 % level nothing is significant.

    Raises
    ------
    QueryError
        A column is missing, only one frame has groups, or an argument has an unknown value.

    Examples
    --------
    >>> import pandas as pd
    >>> current = pd.DataFrame({"total_count": [34], "error_count": [7]})
    >>> previous = pd.DataFrame({"total_count": [34], "error_count": [1]})
    >>> found = rate_difference(current, previous)
    >>> found[["difference", "low", "high"]].astype(float).round(3).tolist()
    [0.176, 0.019, 0.34]
    """
    events, several = ([event], False) if isinstance(event, str) else (list(event), True)
    rates.check_independent(independent)
    intervals.normal_quantile(confidence)
    for column in events:
        rates.check_event(column, denominator)
    periods = _periods(current, previous, history)
    provisional = ["provisional"] if independent == "days" else []
    for name, frame in periods.items():
        check_frame("rate_difference", frame, *events, denominator, *provisional, totals=True)
        check_groups(name, frame, current)
    grouped = group_column(current) is not None
    if grouped and several:
        raise QueryError("event: expected one event for a breakdown, got several")
    by_days = independent == "days" or (
        independent is None and any(_over_time(frame) for frame in periods.values())
    )
    table = pd.concat(
        [_differences(periods, one, denominator, confidence, by_days=by_days) for one in events]
    )
    table["significant"] = significant(table.pop("tail").to_numpy(), confidence)
    meaning = Meaning(
        made_by="rate_difference",
        event=None if several else events[0],
        denominator=denominator,
        confidence=confidence,
        method=_BY_DAYS if by_days else _BY_CALLS,
        dates=rates.dates_of(current),
        previous_dates=date_range(previous) if rates.dates_of(previous) else "",
    )
    if several:
        table.index = pd.Index(events, name="event")
    elif not grouped:
        one = table.iloc[0].astype(float).rename("rate_difference")
        return with_meaning(one, meaning, current, previous)
    return with_meaning(table, meaning, current, previous)


def rate_effects(
    current: pd.DataFrame,
    previous: pd.DataFrame,
    *,
    event: str = "error_count",
    denominator: str = "total_count",
    confidence: float = 0.95,
    independent: Independent = None,
    history: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return what each group adds to the difference of two rates: by its rate, and by its share.

    A rate over all groups rises where a group's rate rises, and also where calls move to groups
    whose rate is high. Kitagawa's decomposition tells the two apart (Kitagawa 1955, Journal of the
    American Statistical Association 50:1168; Das Gupta 1993). With s a group's share of the calls,
    p its rate and P the rate over all, ``rate_effect`` is ``(p1 - p0)·(s1 + s0)/2`` and
    ``mix_effect`` is ``(s1 - s0)·((p1 + p0)/2 - (P1 + P0)/2)``. Over all groups the last term sums
    to zero. This term compares a growing group with the overall rate: if its rate is low, its
    growth lowers the whole. All effects together are exactly the difference of the whole.

    A group with calls in only one period has no change of rate, so all of its effect is the mix
    effect. Sums say where a difference lies, not why. Groups that share calls count these calls
    more than once.

    Parameters
    ----------
    current, previous
        Breakdowns with the same group column, the later period and the earlier one. All rows are
        added up.
    event, denominator, confidence, independent, history
        As for `rate_difference`.

    Returns
    -------
    DataFrame
        One row per group of either period, ordered as by `rate_difference`: `calls`, `rate`,
        `previous_calls`, `previous_rate`, `rate_effect`, its interval `low` and `high` (the
        interval of `rate_difference` times the mean share; NaN where one period has no calls),
        `mix_effect`, `effect`, the two together (all NaN where one period has no calls at all), and
        `significant`, whether the group's own rate changed, as for `rate_difference`.
        ``attrs["whole"]`` has the difference over all groups, as `rate_difference` gives it.

    Raises
    ------
    QueryError
        No group column, a column is missing, or an argument does not fit.

    Examples
    --------
    >>> import pandas as pd
    >>> current = pd.DataFrame({"agent": ["desk", "night"], "total_count": [500, 500],
    ...                         "error_count": [5, 50]})
    >>> previous = pd.DataFrame({"agent": ["desk", "night"], "total_count": [900, 100],
    ...                          "error_count": [9, 10]})
    >>> rate_effects(current, previous)[["rate_effect", "mix_effect"]].round(4).values.tolist()
    [[0.0, 0.0108], [0.0, 0.0252]]
    """
    rates.check_event(event, denominator)
    for name, frame in (("current", current), ("previous", previous)):
        check_frame("rate_effects", frame, event, denominator, totals=True)
        check_disjoint("rate_effects", frame)
        rates.check_breakdown(name, frame)
    both: Any = rate_difference(
        current,
        previous,
        event=event,
        denominator=denominator,
        confidence=confidence,
        independent=independent,
        history=history,
    )
    calls, events, rate, old_calls, old_events, old_rate, _, low, high = floats(
        both, *both.columns[:9]
    )
    whole, old_whole = calls.sum() or np.nan, old_calls.sum() or np.nan
    part, old_part = calls / whole, old_calls / old_whole
    # Without calls in one period the other period's rate, so that no rate has changed.
    now = np.select([calls > 0, old_calls > 0], [rate, old_rate], 0.0)
    before = np.select([old_calls > 0, calls > 0], [old_rate, rate], 0.0)
    usual = (now + before) / 2 - (events.sum() / whole + old_events.sum() / old_whole) / 2
    weight = (part + old_part) / 2
    found: pd.DataFrame = both[["calls", "rate", "previous_calls", "previous_rate"]].assign(
        rate_effect=weight * (now - before),
        low=weight * low,
        high=weight * high,
        mix_effect=(part - old_part) * usual,
    )
    found["effect"] = found["rate_effect"] + found["mix_effect"]
    found["significant"] = both["significant"]
    meaning = Meaning(**{**both.attrs["meaning"], "made_by": "rate_effects"})
    frames, group = _periods(current, previous, history), str(group_column(current))
    everyone = _differences(
        {name: frame.drop(columns=group) for name, frame in frames.items()},
        event,
        denominator,
        confidence,
        by_days=meaning.method == _BY_DAYS,
    )
    everyone["significant"] = significant(everyone.pop("tail").to_numpy(), confidence)
    found.attrs["whole"] = everyone.iloc[0].astype(float).to_dict()
    return with_meaning(found, meaning, current, previous)


def significant(tails: Floats, confidence: float) -> Booleans:
    """Mark the results that are significant together; below the 90 % level, none is."""
    if confidence < CLAIMS:
        return np.zeros(len(tails), dtype=np.bool_)
    return np.asarray(intervals.holm(tails) <= 1 - confidence)


_Sums = Sequence[Values]
#: Frames by the names of their arguments.
_Frames = dict[str, pd.DataFrame]


def _periods(
    current: pd.DataFrame, previous: pd.DataFrame, history: pd.DataFrame | None
) -> _Frames:
    """Return the frames by the names of their arguments, without a history that is not given."""
    given = {"current": current, "previous": previous, "history": history}
    return {name: frame for name, frame in given.items() if frame is not None}


def _differences(
    periods: _Frames, event: str, denominator: str, confidence: float, *, by_days: bool
) -> pd.DataFrame:
    """Return the differences of one event by group, with the `tail` probability of each."""
    first, groups = rates.summed_by(periods["current"], [denominator, event], "total")
    second, others = rates.summed_by(periods["previous"], [denominator, event], "total")
    index = groups if groups.equals(others) else groups.append(others).unique()
    index = index.rename(groups.name)
    now = [values_at(part, groups.get_indexer(index)) for part in first]
    before = [values_at(part, others.get_indexer(index)) for part in second]
    scatter = _pool(periods, index, event, denominator) if by_days else None
    low, high = _interval(now, before, scatter, confidence)
    rate, old = intervals.share(now[1], now[0]), intervals.share(before[1], before[0])
    return pd.DataFrame(
        {
            "calls": now[0],
            "events": now[1],
            "rate": rate,
            "previous_calls": before[0],
            "previous_events": before[1],
            "previous_rate": old,
            "difference": rate - old,
            "low": low,
            "high": high,
            "tail": tails_of(now, before, scatter, confidence),
        },
        index=index,
    )


def check_groups(name: str, frame: pd.DataFrame, current: pd.DataFrame) -> None:
    """Check that a period has the same group column as the current one, or that neither has one.

    Raises
    ------
    QueryError
        Names both columns.
    """
    if group_column(frame) != group_column(current):
        ours, theirs = group_column(frame), group_column(current)
        raise refusal("other_groups", name=name, got=ours, current=theirs)


def _over_time(frame: pd.DataFrame) -> bool:
    """Return whether a frame has several buckets; totals have one row per group."""
    group = group_column(frame)
    count = 1 if group is None else frame[group].nunique(dropna=False)
    return isinstance(frame.index, pd.DatetimeIndex) and len(frame) > count


def _pool(periods: _Frames, index: pd.Index, event: str, denominator: str) -> Scatter:
    """Scatter of the days of both periods and of their history, for each group."""
    one_day = all(
        len(pd.DatetimeIndex(periods[name].index).tz_localize(None).normalize().unique()) <= 1
        for name in ("current", "previous")
    )
    parts = []
    for name, frame in periods.items():
        groups = groups_of(frame)[1]
        place = np.zeros(1, dtype=np.intp) if groups is None else groups.get_indexer(index)
        # Beside one day the days of the history are single draws.
        single_days = one_day and name == "history"
        parts.append(day_scatter(frame, event, denominator, single_days=single_days).of(place))
    return sum(parts[1:], parts[0])


def _interval(
    now: _Sums, before: _Sums, scatter: Scatter | None, confidence: float
) -> tuple[Floats, Floats]:
    quantile: float | Floats = intervals.normal_quantile(confidence)
    if scatter is not None:
        quantile = np.where(scatter.known, scatter.quantiles(confidence), np.nan)
    return intervals.newcombe(now[1], now[0], before[1], before[0], quantile)


def tails_of(now: _Sums, before: _Sums, scatter: Scatter | None, confidence: float) -> Floats:
    """Return the probability of each difference by chance alone; 1 if its interval includes 0."""
    low, high = _interval(now, before, scatter, confidence)
    tails = np.where(np.isnan(low), np.nan, 1.0)
    apart = np.flatnonzero((low > _ENDS) | (high < -_ENDS))
    if len(apart) == 0:
        return tails
    ends = intervals.newcombe_quantile(
        now[1][apart], now[0][apart], before[1][apart], before[0][apart]
    )
    tails[apart] = intervals.normal_tail(ends)
    # Of several groups the one whose own days seem to scatter least is called significant first, so
    # each change has to be significant by the scatter of all groups too.
    for days in [] if scatter is None else [scatter, scatter.pooled()]:
        wide = ends / np.maximum(np.sqrt(days.ratio()[apart]), _ENDS)
        own = intervals.student_tail(wide, days.effective_freedom()[apart])
        tails[apart] = np.maximum(tails[apart], own)
    return tails
