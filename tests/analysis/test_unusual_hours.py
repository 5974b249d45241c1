"""Unusual hours of the week: rarely claimed in quiet months, and never for a single week.

Covers betabinomial and rate_series.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import usage_analysis as ua
from tests.analysis.businesses import KINDS, breakdown, day_rates, week
from tests.analysis.simulated import months
from usage_analysis.analysis.betabinomial import upper_tails
from usage_analysis.analysis.meaning import Meaning
from usage_analysis.analysis.rate_series import unusual_hours


def found(frame: pd.DataFrame) -> list[int]:
    """Return how many hours of the week are unusual in each month."""
    rates = ua.error_rate(frame, by="hour_of_week")
    meaning = Meaning(**rates.attrs["meaning"])
    return [
        len(unusual_hours(part.droplevel(0), meaning)) for _, part in rates.groupby(level="run")
    ]


def test_tails_are_beta_binomial() -> None:
    """Tails are those of SciPy's beta-binomial distribution, and binomial at a spread of 1."""
    n, k = np.array([60, 200, 30]), np.array([4, 9, 0])
    rate = np.array([0.02, 0.03, 0.1])
    total = (n - 1) / (1.5**2 - 1) - 1
    expected = stats.betabinom.sf(k - 1, n, rate * total, (1 - rate) * total)
    assert upper_tails(k, n, rate, np.full(3, 1.5)) == pytest.approx(expected)
    assert upper_tails(k, n, rate, np.ones(3)) == pytest.approx(stats.binom.sf(k - 1, n, rate))


def test_quiet_months_have_no_unusual_hour() -> None:
    """In 5 % of 40 months at a spread of 2 an hour of the week is called unusual, an error more."""
    frame = months(np.random.default_rng(51), 40, 480, 0.02, 2, days=28)
    assert np.mean(np.array(found(frame)) > 0) <= 0.05 + 0.035


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.002, 0.0074, 0.02])
def test_quiet_months_seldom_have_an_unusual_hour(rate: float) -> None:
    """At 480 calls per day an hour is falsely named in at most one month of twenty.

    Found over 150 months of 28 days each: 0.7, 0.0 and 0.0 % at 0.2 % errors and a spread of 1, 1.5
    and 2; 0.7, 0.7 and 4.7 % at 0.74 %; 2.0, 2.7 and 2.0 % at 2 %.
    """
    for spread in (1, 1.5, 2):
        seed = [3, 480, round(rate * 1e4), round(10 * spread)]
        frame = months(np.random.default_rng(seed), 150, 480, rate, spread, days=28)
        assert np.mean(np.array(found(frame)) > 0) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["office", "flat", "weekend"])
@pytest.mark.parametrize("calls", [480, 2000])
def test_quiet_businesses_have_no_unusual_hour(kind: str, calls: float) -> None:
    """At a spread of 3 an hour is falsely named in at most one month of twenty.

    Found over 100 months each, at 100, 480 and 2,000 calls per day, 0.2, 0.74 and 2 % errors and a
    spread of 1 to 3: 0 to 6 %, and 1.1 % over all.
    """
    expected, named = np.tile(week(kind, calls), (4, 1)), []
    for rate in (0.002, 0.0074, 0.02):
        rng = np.random.default_rng([54, KINDS.index(kind), round(calls), round(1e4 * rate)])
        hourly = rng.poisson(expected, (60, 28, 24))
        rates = day_rates(expected.sum(axis=1), rate, 3, rng.normal(size=(60, 28)))
        errors = rng.binomial(hourly, rates[..., None])
        named += found(breakdown(hourly.reshape(60, -1), errors.reshape(60, -1)))
    assert np.mean(np.array(named) > 0) <= 0.05


def test_an_hour_is_unusual_only_in_several_weeks() -> None:
    """One bad Wednesday hour is no unusual hour of the week; the same hour in every week is."""
    frame = months(np.random.default_rng(52), 1, 2400, 0.01, days=28)
    at = np.flatnonzero((frame.index.day_of_week == 2) & (frame.index.hour == 14))
    errors = frame.columns.get_loc("error_count")
    once, always = frame.copy(), frame.copy()
    once.iloc[at[0], errors] = frame["total_count"].iloc[at[0]]
    always.iloc[at, errors] = frame["total_count"].iloc[at] // 3
    assert found(once) == [0]
    assert found(always) == [1]


def test_joined_calls_are_unusual_where_few_are_joined() -> None:
    """Of join rates the low hours are unusual, and high ones are not."""
    frame = months(np.random.default_rng(53), 1, 2400, 0.01, days=28).drop(columns="run")
    frame["joined_count"] = frame["total_count"] * 4 // 5
    at = (frame.index.day_of_week == 2) & (frame.index.hour == 14)
    for share, count in ((0.3, 1), (1.0, 0)):
        changed = frame["joined_count"].where(~at, (frame["total_count"] * share).astype("int64"))
        rates = ua.join_rate(frame.assign(joined_count=changed), by="hour_of_week")
        assert len(unusual_hours(rates, Meaning(**rates.attrs["meaning"]))) == count
