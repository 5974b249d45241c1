"""Simulated businesses of four kinds: gamma-mixed error rates of days, and levels that linger."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

# Relative calls from Monday to Sunday, and from midnight on.
_WEEKS = {
    "office": [1.3, 1.2, 1.1, 1.1, 0.9, 0.1, 0.05],
    "night": [0.8, 0.8, 0.9, 1, 1.3, 1.4, 0.9],
    "weekend": [0.5, 0.5, 0.5, 0.6, 1.2, 2, 1.8],
    "flat": [1.0] * 7,
}
_DAYS = {
    "office": [0.05] * 7 + [2, 7, 10, 11, 9, 4, 8, 10, 10, 8, 5, 2, 1, 0.5] + [0.05] * 3,
    "night": [9, 10, 8, 6, 4, 2, 1, *[0.4] * 7, 1, 1, 1, 2, 3, 4, 6, 8, 9, 10],
    "weekend": [1, 1, *[0.4] * 4, 1, 2, 4, 6, 8, 9, 9, 8, 8, 8, 8, 9, 9, 7, 5, 3, 2, 1],
    "flat": [1.0] * 24,
}
KINDS = tuple(_WEEKS)


def week(kind: str, per_day: float) -> Floats:
    """Return the expected calls of each weekday and clock hour, shape (7, 24)."""
    days, hours = np.array(_WEEKS[kind]), np.array(_DAYS[kind])
    return np.outer(per_day * days / days.mean(), hours / hours.sum())


def lingering(rng: np.random.Generator, runs: int, days: int, lag_one: float) -> Floats:
    """Return standard normal levels of days, each correlated with the day before."""
    level = rng.normal(size=(runs, days))
    for day in range(1, days):
        level[:, day] *= np.sqrt(1 - lag_one**2)
        level[:, day] += lag_one * level[:, day - 1]
    return level


def day_rates(expected: Floats, rate: float, spread: float, levels: Floats) -> Floats:
    """Return gamma-distributed error rates of days, shape (runs, days).

    The errors of a day with the expected calls scatter `spread` times as much as chance makes them.
    `levels` are the days' standard normal deviates.
    """
    if spread == 1:
        return np.full(levels.shape, rate)
    shape = rate * expected / ((spread**2 - 1) * (1 - rate))
    return np.minimum(stats.gamma.ppf(stats.norm.cdf(levels), shape) * rate / shape, 1.0)


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
    step: tuple[int, float] | None = None,
) -> pd.DataFrame:
    """Return days of calls and errors as a breakdown by run, from a Monday on.

    With `step` the rate is multiplied by a factor from a day on.
    """
    expected = week(kind, per_day).sum(axis=1)[np.arange(days) % 7]
    calls = rng.poisson(expected, (runs, days))
    levels = lingering(rng, runs, days, lag_one)
    rates = day_rates(expected, rate, spread, levels)
    if step is not None:
        first, times = step
        rates[:, first:] = day_rates(expected, times * rate, spread, levels)[:, first:]
    return breakdown(calls, rng.binomial(calls, rates), "D")


def breakdown(calls: Counts, errors: Counts | None = None, freq: str = "h") -> pd.DataFrame:
    """Return counts of shape (runs, buckets) as a breakdown by run."""
    runs, length = calls.shape
    index = pd.date_range("2026-06-01", periods=length, freq=freq, tz="UTC", name="time")
    columns = {"run": np.repeat(np.arange(runs), length), "total_count": calls.ravel()}
    columns |= {} if errors is None else {"error_count": errors.ravel()}
    times = pd.DatetimeIndex(np.tile(index, runs), name="time")
    return pd.DataFrame({**columns, "provisional": False}, index=times)
