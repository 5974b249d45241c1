"""Literal days, and simulated months whose calls have a weekly profile and whose errors clump."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

WEEK = np.array([1.15, 1.1, 1.05, 1.05, 1.0, 0.35, 0.3])
HOURS = np.array([1, 1, 1, 1, 1, 2, 3, 6, 10, 13, 14, 12, 9, 10, 12, 12, 10, 8, 6, 5, 4, 3, 2, 1])


def days(errors: list[int], calls: int | list[int], freq: str = "D") -> pd.DataFrame:
    """Return one row per number of errors, from Monday 2026-03-02 on."""
    index = pd.date_range("2026-03-02", periods=len(errors), freq=freq, tz="UTC", name="time")
    return pd.DataFrame(
        {"total_count": calls, "error_count": errors, "provisional": False}, index=index
    )


def months(
    rng: np.random.Generator,
    runs: int,
    calls_per_day: float,
    rate: float,
    spread: float = 1.0,
    days: int = 31,
) -> pd.DataFrame:
    """Return hourly months as the groups of one breakdown, each with the same expected calls.

    Calls are a Poisson process whose intensity follows `WEEK` and `HOURS`. Each day's error rate is
    drawn from a beta distribution, so that the day's errors scatter `spread` times as much as
    binomial errors of a mean day do.
    """
    calls = month_of_calls(rng, runs, calls_per_day, days)
    return frame_of(calls, rng.binomial(calls, daily_rates(rng, calls, rate, spread)[..., None]))


def month_of_calls(
    rng: np.random.Generator, runs: int, calls_per_day: float, days: int, *, flat: bool = False
) -> NDArray[np.int64]:
    """Return calls of shape (runs, days, 24); flat months have no weekends."""
    week = np.ones(7) if flat else WEEK / WEEK.mean()
    shape = np.outer(week[np.arange(days) % 7], HOURS / HOURS.sum())
    return rng.poisson(calls_per_day * shape, (runs, days, 24))


def daily_rates(
    rng: np.random.Generator, calls: NDArray[np.int64], rate: float, spread: float
) -> NDArray[np.float64]:
    """Return an error rate for each run and day."""
    runs, days, _ = calls.shape
    if spread == 1:
        return np.full((runs, days), rate)
    # Skellam's beta-binomial: of few calls no more spread is possible than all or none.
    total = np.maximum((calls.sum(2) - 1) / (spread**2 - 1) - 1, 0.05)
    return np.asarray(rng.beta(rate * total, (1 - rate) * total))


def frame_of(calls: NDArray[np.int64], errors: NDArray[np.int64]) -> pd.DataFrame:
    """Return counts of shape (runs, days, 24) as a breakdown by run, from Monday 2026-06-01 on."""
    runs, days, _ = calls.shape
    index = pd.date_range("2026-06-01", periods=24 * days, freq="h", tz="UTC", name="time")
    columns = {"run": np.repeat(np.arange(runs), 24 * days), "total_count": calls.ravel()}
    columns |= {"error_count": errors.ravel(), "provisional": False}
    return pd.DataFrame(columns, index=pd.DatetimeIndex(np.tile(index, runs), name="time"))
