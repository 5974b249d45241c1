"""Simulated shops: lognormal error rates of days, smooth hour profiles, and weeks with closed days.

A second judge beside `businesses`, with other distributions and profiles: a constant that was found
on one of the two is tested on the other.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tests.analysis.businesses import breakdown, lingering

Floats = NDArray[np.float64]

# Relative calls from Monday to Sunday; the hour and the width [h] of each hump of the day, and the
# share of calls that come evenly over the day.
_WEEKS = {
    "clinic": [1.5, 1.2, 1.1, 1.2, 1.0, 0.3, 0.0],
    "depot": [1.1, 1.0, 1.0, 1.0, 1.1, 0.0, 0.0],
    "takeaway": [0.6, 0.6, 0.7, 0.9, 1.5, 1.6, 1.1],
    "hotline": [1.05, 1.0, 1.0, 0.95, 1.0, 0.9, 0.9],
}
_DAYS = {
    "clinic": ([(9.0, 1.0), (15.0, 1.5)], 0.01),
    "depot": ([(7.0, 1.5), (13.0, 3.0)], 0.05),
    "takeaway": ([(12.5, 0.8), (19.5, 1.5)], 0.02),
    "hotline": ([(14.0, 5.0)], 0.3),
}
KINDS = tuple(_WEEKS)


def week(kind: str, per_day: float) -> Floats:
    """Return the expected calls of each weekday and clock hour, shape (7, 24)."""
    days, (humps, evenly) = np.array(_WEEKS[kind]), _DAYS[kind]
    middle = np.arange(24) + 0.5
    hours = sum(np.exp(-(((middle - hour) / width) ** 2) / 2) / width for hour, width in humps)
    hours = (1 - evenly) * hours / hours.sum() + evenly / 24
    return np.outer(per_day * days / days.mean(), hours)


def day_levels(rng: np.random.Generator, runs: int, days: int, scatter: float) -> Floats:
    """Return lognormal levels of days with mean 1 and so large a coefficient of variation."""
    sigma = np.sqrt(np.log1p(scatter**2))
    return np.exp(sigma * rng.normal(size=(runs, days)) - sigma**2 / 2)


def day_rates(expected: Floats, rate: float, spread: float, levels: Floats) -> Floats:
    """Return lognormal error rates of days, shape (runs, days).

    The errors of a day with the expected calls scatter `spread` times as much as chance makes them.
    `levels` are the days' standard normal deviates.
    """
    sigma = np.sqrt(np.log1p((spread**2 - 1) * (1 - rate) / np.maximum(rate * expected, 1e-9)))
    return np.minimum(rate * np.exp(sigma * levels - sigma**2 / 2), 1.0)


def daily(
    rng: np.random.Generator,
    runs: int,
    kind: str,
    per_day: float,
    rate: float,
    spread: float,
    *,
    days: int = 31,
    lag_one: float = 0.0,
) -> pd.DataFrame:
    """Return days of calls and errors as a breakdown by run, from a Monday on."""
    expected = week(kind, per_day).sum(axis=1)[np.arange(days) % 7]
    calls = rng.poisson(expected, (runs, days))
    rates = day_rates(expected, rate, spread, lingering(rng, runs, days, lag_one))
    return breakdown(calls, rng.binomial(calls, rates), "D")
