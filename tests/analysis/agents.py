"""Simulated accounts of six agents, hour by hour, and troubles that are planted in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def levels(rng: np.random.Generator, spread: float, size: int) -> Floats:
    """Return lognormal levels with mean 1."""
    return np.exp(rng.normal(-spread * spread / 2, spread, size))


def account(
    rng: np.random.Generator,
    *,
    days: int = 61,
    per_day: float = 800,
    spread: float = 0.12,
    lag_one: float = 0.5,
    errors: float = 0.4,
    lengths: float = 1.2,
    start: str = "2026-06-01",
    holidays: Any = (),
    zone: str = "UTC",
    growth: float = 0.0,
) -> pd.DataFrame:
    """Return hours of six agents, whose levels vary by the hour, by six hours, day and week.

    Parameters
    ----------
    spread, lag_one
        Relative standard deviation of the levels, and how alike neighbouring days are.
    errors
        Standard deviation of the logarithm of each day's error rate and share of joined calls.
    lengths
        Coefficient of variation of the lognormal call lengths.
    holidays
        Dates on which 15 to 70 % of the calls come.
    growth
        Growth of the logarithm of the level in 30 days.
    """
    index = pd.date_range(start, periods=24 * days, freq="h", tz=zone, name="time")
    hour, weekday, day = (
        index.hour.to_numpy(),
        index.day_of_week.to_numpy(),
        np.arange(24 * days) // 24,
    )
    lingering = np.zeros(days)
    for at, step in enumerate(rng.normal(size=days)):
        lingering[at] = lag_one * lingering[at - 1] + np.sqrt(1 - lag_one**2) * step
    level = np.exp(spread * lingering)[day] * levels(rng, spread / 2, days)[day // 7]
    level *= levels(rng, spread, 4 * days)[np.arange(24 * days) // 6]
    level *= np.exp(growth * day / 30)
    off = np.array([one in holidays for one in index.date])
    shares, frames = rng.dirichlet(np.full(6, 2.0)), []
    for agent, share in enumerate(shares):
        peak, width, weekend = rng.uniform(9, 20), rng.uniform(2.5, 7), rng.uniform(0.1, 1.1)
        usual = np.exp(-(((hour - peak + 12) % 24 - 12) ** 2) / (2 * width**2)) + 0.05
        usual = usual * np.where(weekday >= 5, weekend, 1) * level * levels(rng, 0.05, len(index))
        usual *= np.where(off, rng.uniform(0.15, 0.7), 1) * per_day * share / 24 / usual.mean()
        calls = rng.poisson(usual)
        failing = rng.uniform(0.003, 0.04) * levels(rng, errors, days)[day]
        missed = rng.uniform(0.05, 0.3) * levels(rng, errors, days)[day]
        joined = rng.binomial(calls, 1 - np.minimum(missed, 0.9))
        sigma = np.sqrt(np.log(1 + lengths**2))
        each = rng.lognormal(np.log(rng.uniform(40, 240)) - sigma**2 / 2, sigma, joined.sum())
        talk = np.bincount(np.repeat(np.arange(len(index)), joined), each, len(index))
        columns = {
            "agent": f"agent {agent}",
            "total_count": calls,
            "error_count": rng.binomial(calls, np.minimum(failing, 1)),
            "joined_count": joined,
            "duration": pd.to_timedelta((1e6 * talk).astype(np.int64), unit="us"),
            "billed_minutes": talk / 60,
            "provisional": False,
        }
        frames.append(pd.DataFrame(columns, index=index))
    return pd.concat(frames)


def plant(
    hourly: pd.DataFrame, agent: str | None, kind: str, start: Any, hours: int, size: float = 0
) -> pd.DataFrame:
    """Return hours in which one agent, or every one, has a trouble.

    ``"calls"`` keeps this share of the calls, ``"more"`` makes calls this many times as many,
    ``"longer"`` makes calls this many times as long, ``"errors"`` lets this share of the calls
    fail, and ``"joined"`` keeps this share of the joined calls.
    """
    out = hourly.copy()
    first = pd.Timestamp(start)
    first = first if first.tzinfo else first.tz_localize(hourly.index.tz)
    inside = (out.index >= first) & (out.index < first + pd.Timedelta(hours=hours))
    if agent is not None:
        inside &= (out[out.columns[0]] == agent).to_numpy()
    rows, rng = out[inside], np.random.default_rng(7)
    if kind == "longer":
        for name in ("duration", "billed_minutes"):
            out.loc[inside, name] = rows[name] * size
    elif kind in ("joined", "more"):
        for name, values in _scale(rows, rng, kind, size).items():
            out.loc[inside, name] = values
    elif kind == "errors":
        failed = rng.binomial(rows["total_count"], size)
        out.loc[inside, "error_count"] = np.maximum(rows["error_count"], failed)
    else:
        calls = rng.binomial(rows["total_count"], size)
        share = calls / rows["total_count"].clip(lower=1)
        for name in ("error_count", "joined_count"):
            out.loc[inside, name] = rng.hypergeometric(
                rows[name], rows["total_count"] - rows[name], calls
            )
        for name in ("duration", "billed_minutes"):
            out.loc[inside, name] = rows[name] * share
        out.loc[inside, "total_count"] = calls
    return out


def _scale(rows: pd.DataFrame, rng: np.random.Generator, kind: str, size: float) -> dict[str, Any]:
    """Return the columns of rows with fewer joined calls, or with more calls."""
    calls, joined = rows["total_count"], rows["joined_count"]
    if kind == "joined":
        counts = {"joined_count": rng.binomial(joined, size)}
        share = counts["joined_count"] / joined.clip(lower=1)
    else:
        counts = {"total_count": calls + rng.poisson(calls * (size - 1))}
        share = counts["total_count"] / calls.clip(lower=1)
        for name in ("error_count", "joined_count"):
            more = np.rint(rows[name] * share).astype(int)
            counts[name] = np.minimum(more, counts["total_count"])
    return counts | {name: rows[name] * share for name in ("duration", "billed_minutes")}
