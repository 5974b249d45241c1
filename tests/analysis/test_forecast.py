"""Forecasts: how often the intervals hold simulated months, and how far projections are off.

The simulator makes daily calls with weekday factors, overdispersion, growth and holidays. It shares
nothing with the sample account. `shops` is a second judge, whose days are lognormal. Four constants
were chosen with gamma days, on the weeks below, on flat weeks and on those of `depot`: `_GROWTH`,
`_BEFORE`, `_LOW_DAYS_BEFORE` and `_UNSEEN`. So `depot` is new to them by its lognormal days alone,
while the weeks of `clinic` and `takeaway` are new as well.

Covers month_days.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.analysis import shops
from tests.analysis.businesses import breakdown
from usage_analysis.analysis.trends import project_month

WEEK = np.array([1.15, 1.1, 1.05, 1.05, 1.0, 0.35, 0.3])
MARCH = "2026-03"
# Months that begin on each day of the week.
MONTHS = ["2026-06", "2026-09", "2026-04", "2026-10", "2026-05", "2026-08", "2026-03"]


def simulate(
    kind: str, scatter: float, months: int, start: pd.Timestamp, rng: np.random.Generator
) -> np.ndarray:
    """Daily calls of many accounts from 56 days before a month to its end."""
    n = 56 + start.days_in_month
    weekday = (start.day_of_week + np.arange(n)) % 7
    noise = rng.gamma(1 / scatter**2, scatter**2, (months, n))
    if kind == "growth":
        noise *= 1.1 ** (np.arange(n) / 30.4)
    if kind == "holidays":
        noise = np.where(rng.random((months, n)) < 1 / 20, 0.25 * noise, noise)
    if kind == "one holiday":
        # On one of the first workdays of the month.
        workdays = 56 + np.flatnonzero(weekday[56:66] < 5)
        noise[np.arange(months), rng.choice(workdays, months)] *= 0.25
    return rng.poisson(1000 * WEEK[weekday] * noise).astype(np.float64)


def back_test(
    kind: str, scatter: float, history: int, at: int, months: int, seed: int, month: str = MARCH
) -> tuple[float, float, float]:
    """Share of months inside the 80 % interval, mean absolute error, and that of a run rate."""
    rng = np.random.default_rng([seed, history, at])
    start = pd.Timestamp(month, tz="UTC")
    calls = simulate(kind, scatter, months, start, rng)
    seen = calls[:, 56 - history : 56 + at]
    time = pd.date_range(start - pd.Timedelta(days=history), periods=history + at, freq="D")
    frame = pd.DataFrame(
        {
            "account": np.arange(months).repeat(history + at),
            "total_count": seen.ravel(),
            "provisional": False,
        },
        index=pd.DatetimeIndex(np.tile(time, months), name="time"),
    )
    found, came = project_month(frame, confidence=0.8), calls[:, 56:].sum(axis=1)
    plain = calls[:, 56 : 56 + at].sum(axis=1) * start.days_in_month / at
    inside = (found["low"] <= came) & (came <= found["high"])
    error = np.abs(found["projection"].astype(float) / came - 1)
    return float(inside.mean()), float(error.mean()), float(np.abs(plain / came - 1).mean())


# Growth is carried on only as far as the days show it, which the interval has to cover.
KINDS = ["steady", "growth", "holidays"]


@pytest.mark.parametrize("kind", KINDS)
def test_intervals_hold_what_they_say(kind: str) -> None:
    """At day 10 after four weeks, the 80 % interval holds 70 to 92 % of months of every kind.

    The chance of 150 months is allowed for: two standard errors of 3.3 %.
    """
    inside, *_ = back_test(kind, 0.1, 28, 10, 150, 1)
    assert 0.70 - 0.066 <= inside <= 0.92 + 0.044


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scatter", [0.05, 0.1, 0.15])
@pytest.mark.parametrize(("history", "at"), [(28, 5), (28, 10), (56, 10), (56, 20)])
def test_intervals_hold_what_they_say_at_every_day(
    kind: str, scatter: float, history: int, at: int
) -> None:
    """The 80 % interval holds 70 to 92 % of 600 months at days 5, 10 and 20, or two errors more.

    Measured over 300 months each: steady 84 to 94 %, growth of a tenth a month 71 to 91 %, untold
    holidays on one day of 20 81 to 88 %.
    """
    inside, *_ = back_test(kind, scatter, history, at, 600, 2)
    assert 0.70 - 2 * 0.019 <= inside <= 0.92 + 2 * 0.011


@pytest.mark.parametrize("kind", ["steady", "growth", "holidays", "one holiday"])
@pytest.mark.parametrize(
    ("months", "days"), [(100, (10,)), pytest.param(600, (5, 10, 20), marks=pytest.mark.slow)]
)
def test_projections_beat_a_run_rate(kind: str, months: int, days: tuple[int, ...]) -> None:
    """Without history a projection is off by less than a plain run rate, holidays or none.

    Measured over 595 months that begin on every weekday, at days 5, 10 and 20, mean absolute error
    against that of the run rate [%]: steady 6.9, 2.3, 1.4 against 10.3, 4.9, 2.4; growth 7.1, 3.4,
    1.8 against 10.7, 5.2, 2.5; holidays 8.6, 3.7, 2.2 against 11.8, 6.0, 3.0; one holiday 7.8, 3.2,
    1.6 against 13.4, 7.0, 2.5.
    """
    for at in days:
        tests = [back_test(kind, 0.1, 0, at, months // 7, 3, month) for month in MONTHS]
        _, error, plain = np.mean(tests, axis=0)
        assert error < plain


@pytest.mark.parametrize("months", [100, pytest.param(600, marks=pytest.mark.slow)])
def test_one_holiday_does_not_teach_its_weekday(months: int) -> None:
    """One untold holiday in the first ten days of a first month costs little accuracy.

    Measured over 600 months: off by 2.0 % on average, a run rate by 6.8 %.
    """
    _, error, plain = back_test("one holiday", 0.05, 0, 10, months, 4)
    assert error < 0.03 < plain


def shop_months(
    kind: str, growth: float, scatter: float, history: int, at: int, months: int
) -> tuple[float, float, float]:
    """Return what `back_test` does, of shops with lognormal days that begin on every weekday."""
    inside, errors, plain = [], [], []
    for month in MONTHS:
        start = pd.Timestamp(month, tz="UTC")
        rng = np.random.default_rng([8, start.month])
        length = 56 + start.days_in_month
        weekday = (start.day_of_week + np.arange(length)) % 7
        level = shops.day_levels(rng, months, length, scatter)
        level *= (1 + growth) ** (np.arange(length) / 30.4)
        calls = rng.poisson(shops.week(kind, 500).sum(axis=1)[weekday] * level)
        frame = breakdown(calls[:, 56 - history : 56 + at], freq="D")
        frame.index += start - pd.Timedelta(days=history) - frame.index[0]
        found, came = project_month(frame, confidence=0.8), calls[:, 56:].sum(axis=1)
        run_rate = calls[:, 56 : 56 + at].sum(axis=1) * start.days_in_month / at
        inside.append((found["low"] <= came) & (came <= found["high"]))
        errors.append(np.abs(found["projection"].astype(float) / came - 1))
        plain.append(np.abs(run_rate / came - 1))
    return tuple(float(np.mean(np.concatenate(one))) for one in (inside, errors, plain))


def test_shops_that_grow_and_rest_are_held() -> None:
    """Of shops that are closed at weekends and grow, the 80 % interval holds 70 to 92 %."""
    inside, error, plain = shop_months("depot", 0.1, 0.1, 28, 10, 15)
    assert 0.70 - 0.09 <= inside <= 0.92 + 0.05
    assert error < 0.6 * plain


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["clinic", "depot", "takeaway"])
def test_shops_are_held_at_length(kind: str) -> None:
    """The 80 % interval holds 70 to 92 % of a shop's months, or two errors more, steady or growing.

    Found over 210 months each, at day 10 after four weeks and at day 20 after eight, with a scatter
    of 0.1 and 0.2: steady .80 to .95, growing .75 to .84. Projections are off by 2.1 to 5.1 % at
    day 10 and by 1.3 to 2.8 % at day 20, the run rate by 5.8 to 8.8 % and by 2.8 to 4.0 %. Without
    weeks before, the projections of growing shops are off by 3.7 to 4.4 % at day 10 with a scatter
    of 0.1, the run rate by 5.9 to 7.7 %. The interval then holds .80 to .99.
    """
    for growth in (0.0, 0.1):
        for scatter in (0.1, 0.2):
            for history, at in ((28, 10), (56, 20)):
                inside, error, plain = shop_months(kind, growth, scatter, history, at, 30)
                assert 0.70 - 0.06 <= inside <= 0.92 + 0.04
                assert error < plain
    _, error, plain = shop_months(kind, 0.1, 0.1, 0, 10, 30)
    assert error < plain
