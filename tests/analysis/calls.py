"""Simulated calls with starts and lengths, a limit that refuses calls, and the truth about both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WEEKDAYS = np.array([1.15, 1.1, 1.05, 1.05, 1, 0.35, 0.3])
# A day with two humps, before and after lunch.
HOURS = np.array(
    [
        *(0.2, 0.1, 0.1, 0.1, 0.1, 0.2, 0.5, 1.2, 2.6, 4.2, 5, 5.1),
        *(4.3, 4.1, 4.7, 4.9, 4.6, 3.7, 2.5, 1.7, 1.2, 0.9, 0.6, 0.4),
    ]
)


def week(per_day: float) -> Floats:
    """Expected calls in each hour of the week, shape (168,)."""
    return np.outer(per_day * WEEKDAYS / WEEKDAYS.mean(), HOURS / HOURS.sum()).ravel()


@dataclass(frozen=True)
class Months:
    """Simulated months, each a group of one breakdown; arrays have the shape (months, hours)."""

    hourly: pd.DataFrame
    occupancy: Floats
    """Mean number of calls really held in each hour."""
    attempts: NDArray[np.int64]
    refused: NDArray[np.int64]

    def of(self, values: pd.Series) -> NDArray:
        """Return a column of an hourly result in the shape of the truth."""
        return values.to_numpy().reshape(self.occupancy.shape)


def frame(calls: NDArray, talk: Floats) -> pd.DataFrame:
    """Breakdown of months from counts and talk [h], each of shape (months, hours)."""
    months, hours = calls.shape
    index = pd.date_range("2026-03-02", periods=hours, freq="h", tz="UTC", name="time")
    return pd.DataFrame(
        {
            "month": np.repeat([f"m{number:03}" for number in range(months)], hours),
            "total_count": calls.ravel(),
            "joined_count": calls.ravel(),
            "duration": (talk.ravel() * 3.6e9).round().astype("m8[us]"),
            "provisional": False,
        },
        index=pd.DatetimeIndex(np.tile(index, months), tz="UTC", name="time").as_unit("us"),
    )


def counts(
    rng: np.random.Generator, expected: Floats, months: int, *, days: float = 0, hours: float = 0
) -> NDArray[np.int64]:
    """Calls of each hour; `days` and `hours` scatter by these coefficients of variation."""
    level = np.ones((months, len(expected)))
    for spread, size in ((days, 24), (hours, 1)):
        if spread:
            draws = rng.gamma(spread**-2, spread**2, (months, len(expected) // size))
            level *= np.repeat(draws, size, axis=1)
    return rng.poisson(expected * level)


def simulate(
    rng: np.random.Generator,
    per_day: float,
    limit: int,
    *,
    months: int = 20,
    weeks: int = 4,
    mean: float = 184,
    sigma: float | None = None,
    days: float = 0,
    profile: Floats | None = None,
) -> Months:
    """Simulate calls at a limit; a call that finds every line busy is refused and gives up.

    Lengths are exponential with a mean of `mean` seconds, or lognormal with the shape `sigma`. The
    `profile` is that of `week` or another one, as the expected calls of 168 hours.
    """
    length = 168 * weeks
    profile = week(per_day) if profile is None else profile
    came = counts(rng, np.tile(profile, weeks), months, days=days)
    number = came.sum(axis=1)
    start = np.full((months, int(number.max())), np.inf)
    for month, n in enumerate(number):
        begin = np.repeat(np.arange(length), came[month])
        start[month, :n] = np.sort(begin + rng.random(n))
    if sigma is None:
        lasts = rng.exponential(mean / 3600, start.shape)
    else:
        lasts = rng.lognormal(np.log(mean / 3600) - sigma**2 / 2, sigma, start.shape)
    ends, joined = np.full((months, limit), -np.inf), np.zeros(start.shape, dtype=bool)
    every = np.arange(months)
    for nth in range(start.shape[1]):  # the nth call of every month at once
        line = ends.argmin(axis=1)
        free = (ends[every, line] <= start[:, nth]) & np.isfinite(start[:, nth])
        ends[every[free], line[free]] = (start[:, nth] + lasts[:, nth])[free]
        joined[:, nth] = free
    month = np.broadcast_to(every[:, None], start.shape)[joined]
    begin, spent = start[joined], lasts[joined]
    key = month * length + begin.astype(np.int64)
    answered = np.bincount(key, minlength=months * length).reshape(months, length)
    talk = np.bincount(key, spent, minlength=months * length).reshape(months, length)
    held = _occupancy(month, begin, begin + spent, (months, length))
    return Months(frame(answered, talk), held, came, came - answered)


def _occupancy(
    month: NDArray[np.int64], start: Floats, end: Floats, shape: tuple[int, int]
) -> Floats:
    """Mean number of calls held in each hour: the integral of the number of calls going on."""
    # Time spent before t is linear within an hour, so it is added up at the ends of hours.
    out = np.zeros((shape[0], shape[1] + 1))
    going = np.arange(len(start))
    while len(going):
        hour = np.floor(start[going]).astype(np.int64)
        until = np.minimum(end[going], hour + 1)
        np.add.at(out, (month[going], np.minimum(hour, shape[1])), until - start[going])
        start = start.copy()
        start[going] = hour + 1
        going = going[(end[going] > hour + 1) & (hour + 1 < shape[1])]
    return out[:, :-1]
