"""Rates in words: error rate and join rate, of one series and of groups."""

from typing import Any

import numpy as np
import pandas as pd

from usage_analysis.analysis import vocabulary as say
from usage_analysis.analysis.arrays import floats, ratio
from usage_analysis.analysis.intervals import shrink_towards_mean
from usage_analysis.analysis.meaning import Meaning, meaning_of
from usage_analysis.analysis.rate_series import total_rates, unlike_the_rest
from usage_analysis.analysis.rates import Independent, error_rate, join_rate
from usage_analysis.analysis.statements.statement import Statement, describe, state
from usage_analysis.tidy.frames import can_share_calls, group_column

_NAME = 40
_EVENTS = {"error_count": "failed", "joined_count": "joined"}


def describe_errors(
    frame: pd.DataFrame,
    *,
    confidence: float = 0.95,
    min_calls: int = 30,
    independent: Independent = None,
) -> str | pd.DataFrame:
    """Return a sentence on the error rate: interval, sample size, dates and time zone.

    Parameters
    ----------
    frame, confidence, min_calls, independent
        As for `error_rate`, whose total is described. With fewer calls the sentence says that there
        are too few. With more errors than calls it says that there is no rate. Provisional buckets
        are included and counted in the sentence.

    Returns
    -------
    str or DataFrame
        The sentence; for a breakdown a column `sentence`, with one row per group.

    Raises
    ------
    QueryError
        As for `error_rate`, or the index has no time zone.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-02", periods=24, freq="h", tz="UTC", name="time")
    >>> hourly = pd.DataFrame(
    ...     {"total_count": 50, "error_count": 1, "provisional": False}, index=time)
    >>> print(describe_errors(hourly))
    Error rate 2.00 % (24 of 1,200 calls; 95 % interval 1.35 to 2.96 %), 2026-03-02 (UTC).
    """
    rates = error_rate(
        frame, by="total", confidence=confidence, min_calls=min_calls, independent=independent
    )
    meaning = Meaning(**rates.attrs["meaning"])
    rows = list(rates.itertuples())
    group = group_column(frame)
    # Of its rows the sentence on a group needs only their dates and lengths.
    kept = [name for name in (group, "provisional", "hours") if name in frame]
    return describe(
        frame if group is None else frame[kept],
        lambda place, part: state_rate(rows[place], meaning, part),
    )


def state_rate_of(frame: pd.DataFrame, event: str = "error_count") -> Statement:
    """State the error rate or the join rate of a series at the 95 % level."""
    rates = (error_rate if event == "error_count" else join_rate)(frame, by="total")
    return state_rate(next(rates.itertuples()), Meaning(**rates.attrs["meaning"]), frame)


def state_rate(total: Any, meaning: Meaning, frame: pd.DataFrame | None = None) -> Statement:
    """State a rate with its sample size and interval.

    Parameters
    ----------
    total
        Row of `error_rate` or `join_rate`.
    meaning
        Meaning of the rate.
    frame
        Rows of the series, for their dates and the number of provisional rows; by default the dates
        come from `meaning`.
    """
    when = meaning.when
    if frame is not None:
        when = f", {say.dates(frame)}{_still_open(frame)}" if len(frame) else ", no days"
    return state(_rate(total, meaning), when)


def _rate(total: Any, meaning: Meaning) -> str:
    name, event, calls = meaning.name, str(meaning.event), meaning.counted(total.calls)
    of = f"{say.number(total.events, event)} of {calls}"
    events = f"{say.number(total.events, event)} {_EVENTS[event]}"
    article = "an" if name[0] in "aeiou" else "a"
    if not total.calls > 0:
        return f"No {meaning.calls}, so no {name}"
    if total.events > total.calls:
        return f"No {name} can be given: {events} of {calls} is more than all"
    if not total.enough:
        return f"Too few calls to give {article} {name}: {events} of {calls}"
    told = f"{say.sentence_case(name)} {say.percent(total.rate)}"
    if not np.isfinite(total.low):
        return f"{told} ({of}; too few days for an interval)"
    return f"{told} ({of}; {say.rate_interval(total.low, total.high, meaning.level)})"


def state_rates(rates: pd.DataFrame, meaning: Meaning | None = None) -> Statement:
    """State the rate of all buckets of a table, and which groups of a breakdown have another rate.

    Parameters
    ----------
    rates
        Result of `error_rate` or `join_rate` by bucket.
    meaning
        Meaning of the rates. A group differs by Holm's rule over all groups, at its level.
    """
    totals = total_rates(rates, meaning_of(rates, "error_rate", "join_rate", meaning=meaning))
    meaning = Meaning(**totals.attrs["meaning"])
    if rates.columns[0] == "calls":
        return state_rate(next(totals.itertuples()), meaning)
    name = meaning.name
    calls, events = floats(totals, "calls", "events")
    if not calls.sum() > 0:
        return state(f"No {meaning.calls}, so no {name}")
    many = say.several(int(np.count_nonzero(calls)), str(totals.index.name or "group"))
    if can_share_calls(totals):
        # The sum counts a call once per group that it is in: there is no rate of all, or of others.
        return state(f"{say.sentence_case(name)} of {many} that can share calls", meaning.when)
    title = _rate(next(total_rates(rates, meaning, together=True).itertuples()), meaning)
    if np.count_nonzero(calls) > 1:
        found = np.flatnonzero(unlike_the_rest(rates, meaning.level))
        if len(found) == 0:
            title += f"; no significant difference between {many}"
        else:
            top = found[_farthest(calls, events)[found].argmax()]
            own = say.percent(events[top] / calls[top])
            what = "differs" if len(found) == 1 else "differ"
            first = f"{say.shorten(str(totals.index[top]), _NAME)} {own}"
            title += f"; {len(found)} of {many} {what} significantly from the others: {first}"
            title += " most" if len(found) > 1 else ""
    return state(title, meaning.when)


def _farthest(calls: Any, events: Any) -> Any:
    """Return the distance of each rate from the mean, shrunk so that few calls rank lower."""
    mean = events.sum() / calls.sum()
    rates = ratio(events, calls, mean)
    variances = mean * (1 - mean) / np.maximum(calls, 1)
    return np.abs(shrink_towards_mean(rates, variances) - mean)


def _still_open(frame: pd.DataFrame) -> str:
    """Return the number of provisional buckets of a series in words; nothing without one."""
    late = int(frame["provisional"].sum())
    return f", {say.several(late, f'provisional {say.span_of(frame)}')} included" if late else ""
