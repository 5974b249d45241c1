"""Rates over time put together: totals, trailing rates, and groups unlike the others."""

from dataclasses import replace

import numpy as np
import pandas as pd

from usage_analysis.analysis.arrays import Booleans, floats
from usage_analysis.analysis.difference import significant, tails_of
from usage_analysis.analysis.intervals import share, wilson
from usage_analysis.analysis.meaning import Meaning, with_meaning
from usage_analysis.analysis.rates import MIN_CALLS, dates_of, error_rate, summed_by
from usage_analysis.analysis.scatter import day_scatter, scatter_of


def total_rates(rates: pd.DataFrame, meaning: Meaning, *, together: bool = False) -> pd.DataFrame:
    """Return the rate of all buckets of a table by bucket together, with one row per group.

    Parameters
    ----------
    rates
        Result of `error_rate` or `join_rate` by bucket, or some of its rows.
    meaning
        What the rates are of.
    together
        True for one row of all groups together.
    """
    confidence = meaning.confidence or 0.95
    frame = as_frame(rates[["calls", "events"]].groupby(level=0).sum() if together else rates)
    out = error_rate(frame, by="total", confidence=confidence)
    found = replace(meaning, dates=dates_of(frame), method=str(out.attrs["meaning"]["method"]))
    return with_meaning(out, found, rates)


def as_frame(rates: pd.DataFrame) -> pd.DataFrame:
    """Return a table of rates by bucket as a canonical frame whose errors are the events."""
    frame = rates[["calls", "events"]].set_axis(["total_count", "error_count"], axis=1)
    frame = frame.assign(provisional=False)
    if rates.columns[0] != "calls":
        frame.insert(0, str(rates.columns[0]), rates.iloc[:, 0])
    return frame


def trailing_rates(rates: pd.DataFrame, days: int, confidence: float) -> pd.DataFrame:
    """Return rates of the last so many days for a series of daily rates, from the first full span.

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
    """Return which groups have a rate unlike that of all other groups together, by Holm's rule.

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
