"""Control: published charts, Laney's spread and error budgets, and what they catch or miss."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from usage_analysis.analysis.control import burn_rate, control_chart
from usage_analysis.errors import QueryError


def days(errors: list[int], calls: int | list[int], freq: str = "D") -> pd.DataFrame:
    index = pd.date_range("2026-03-02", periods=len(errors), freq=freq, tz="UTC", name="time")
    return pd.DataFrame(
        {"total_count": calls, "error_count": errors, "provisional": False}, index=index
    )


# Montgomery, Introduction to Statistical Quality Control, example 7.1: 30 samples of 50 cans.
CANS = [12, 15, 8, 10, 4, 7, 16, 9, 14, 10, 5, 6, 17, 12, 22]
CANS += [8, 10, 5, 13, 11, 20, 18, 24, 15, 9, 12, 7, 13, 9, 6]


def test_published_p_chart() -> None:
    """Centre and limits are Montgomery's, samples 15 and 23 being out of control."""
    chart = control_chart(days(CANS, 50), method="p")
    first = chart.iloc[0]
    # He rounds the centre to .2313 before he takes the limits.
    assert round(first["centre"], 4) == 0.2313
    assert first["high"] == pytest.approx(0.4102, abs=1e-4)
    assert first["low"] == pytest.approx(0.0524, abs=1e-4)
    assert (np.flatnonzero(chart["signal"]) + 1).tolist() == [15, 23]


def test_published_low_rate_chart() -> None:
    """292 of 15,000 in 30 samples of 500 have SAS/QC's centre and limits."""
    chart = control_chart(days([9] * 8 + [10] * 22, 500), method="p")
    assert chart["events"].sum() == 292
    assert chart.iloc[0][["centre", "low", "high"]].astype(float).round(6).tolist() == [
        0.019467,
        0.000931,
        0.038003,
    ]
    assert not chart["signal"].any()


def alternating(step: float, n: int = 10_000) -> pd.DataFrame:
    """Days whose z is -step/2 and step/2 in turn, to within the rounding to whole errors."""
    sigma = np.sqrt(n * 0.5 * 0.5)
    low, high = round(n / 2 - step / 2 * sigma), round(n / 2 + step / 2 * sigma)
    return days([low, high] * 10, n)


def test_p_prime_is_p_where_the_spread_is_chance() -> None:
    """Where the spread ratio is 1 the limits of p' are those of p (Laney 2002)."""
    # Of a million calls sigma is 500: a step of 1.128 is 564 calls, and exact.
    data = alternating(1.128, 10**6)
    prime, plain = control_chart(data), control_chart(data, method="p")
    assert prime["spread_ratio"].iloc[0] == pytest.approx(1, abs=1e-12)
    for limit in ("centre", "low", "high"):
        np.testing.assert_allclose(prime[limit], plain[limit], rtol=1e-12)


@pytest.mark.parametrize("step", [0.564, 2.256])
def test_the_spread_is_not_clamped(step: float) -> None:
    """Days that differ half or twice as much as chance have half or twice the width."""
    data = alternating(step, 10**6)
    ratio = control_chart(data)["spread_ratio"].iloc[0]
    assert ratio == pytest.approx(step / 1.128, abs=1e-12)
    prime, plain = control_chart(data), control_chart(data, method="p")
    np.testing.assert_allclose(
        prime["high"] - prime["centre"], ratio * (plain["high"] - plain["centre"])
    )


@pytest.mark.parametrize("errors", [0, 50])
def test_a_centre_of_0_or_1_has_no_limits(errors: int) -> None:
    """Without any error, or with nothing else, there are no limits, and the chart says so."""
    chart = control_chart(days([errors] * 5, 50))
    assert not chart["limited"].any()
    assert chart[["low", "high"]].isna().all(axis=None)
    assert not chart["signal"].any()


def test_days_without_calls_have_no_limits() -> None:
    """A day without calls has neither rate nor limits, and is no signal; equal days are none."""
    chart = control_chart(days([5, 0, 5, 5], [50, 0, 50, 50]))
    assert chart["limited"].tolist() == [True, False, True, True]
    assert np.isnan(chart["rate"].iloc[1])
    assert not chart["signal"].any()


def test_incomplete_days_are_left_out_and_counted() -> None:
    """Hours of a day not whole yet are in no chart; how many days that costs is said."""
    data = days([1] * 60, 50, "h")
    data.loc[data.index[-3:], "provisional"] = True
    chart = control_chart(data)
    assert chart["calls"].tolist() == [1200, 1200]
    assert chart.attrs["left_out"] == 1
    assert len(control_chart(data, every=None)) == 57


def test_groups_have_their_own_charts() -> None:
    """Each group's chart is the one it has alone, in whatever order the rows come."""
    rng = np.random.default_rng(1)
    parts = {name: days(rng.binomial(50, 0.2, 20).tolist(), 50) for name in "ba"}
    both = pd.concat([part.assign(agent=name) for name, part in parts.items()])
    both = both[["agent", *parts["a"].columns]].sample(frac=1, random_state=1)
    chart = control_chart(both)
    for name, part in parts.items():
        alone = chart[chart["agent"] == name].drop(columns="agent").sort_index()
        pd.testing.assert_frame_equal(alone, control_chart(part), check_freq=False)


def quiet_months(
    months: int, spread: float, rng: np.random.Generator, length: int = 30
) -> list[pd.DataFrame]:
    """Hourly months at 200 calls an hour and 2 % errors, whose days differ more than by chance.

    Each day has a rate of its own from a beta distribution, so that the day's errors have `spread`
    times the standard deviation of binomial ones.
    """
    rate, calls = 0.02, 200
    inside = (spread**2 - 1) / (24 * calls - 1)
    a, b = rate * (1 / inside - 1), (1 - rate) * (1 / inside - 1)
    daily = np.repeat(rng.beta(a, b, (months, length)), 24, axis=1)
    index = pd.date_range("2026-06-01", periods=24 * length, freq="h", tz="UTC", name="time")
    columns = {"total_count": calls, "provisional": False}
    return [
        pd.DataFrame({**columns, "error_count": rng.binomial(calls, row)}, index) for row in daily
    ]


def test_quiet_months_raise_few_signals() -> None:
    """Over 200 months without a change the default chart raises at most one signal a month."""
    rng = np.random.default_rng(20260301)
    for spread in (1.1, 1.5, 3.0):
        signals = [control_chart(month)["signal"].sum() for month in quiet_months(200, spread, rng)]
        assert np.mean(signals) <= 0.3


def test_a_doubled_rate_is_caught_on_its_first_day() -> None:
    """At a spread of 1.5 a doubling of 2 % is a signal on its first whole day in 9 of 10 runs."""
    rng = np.random.default_rng(20260302)
    caught = []
    for month in quiet_months(200, 1.5, rng):
        changed = month["error_count"].to_numpy(copy=True)
        changed[-24:] = rng.binomial(200, 2 * (changed[-24:].mean() / 200), 24)
        chart = control_chart(month.assign(error_count=changed))
        caught.append(bool(chart["signal"].iloc[-1]))
    assert np.mean(caught) >= 0.9


@pytest.mark.parametrize(
    ("burn", "hours", "spent"),
    # SRE Workbook, ch. 5, and our two: what a burn that lasts so long spends of a 30-day budget.
    [(14.4, 1, 0.02), (6, 6, 0.05), (1, 72, 0.10), (3, 12, 0.05)],
)
def test_published_budgets(burn: float, hours: int, spent: float) -> None:
    """A burn that lasts a window spends the published share of 30 days."""
    rates = burn_rate(days([round(burn * 10)] * 80, 1000, "h"), slo=0.99).iloc[-1]
    assert rates[f"burn_{hours}h"] == pytest.approx(burn)
    assert rates[f"spent_{hours}h"] == pytest.approx(spent)


def test_alerts_need_both_windows() -> None:
    """The fast alert comes at 12 h and 1 h of 3, the slow one at 3 d and 6 h of 1, and they end."""
    level = burn_rate(days([30] * 80, 1000, "h"))
    assert level["fast"].tolist() == [False] * 11 + [True] * 69
    assert level["slow"].tolist() == [False] * 71 + [True] * 9
    over = burn_rate(days([100] * 80 + [0] * 6, 1000, "h"))
    assert over["fast"].tolist()[80:] == [False] * 6
    assert over["slow"].tolist()[80:] == [True] * 5 + [False]
    assert not burn_rate(days([9] * 80, 1000, "h"))["slow"].any()


@pytest.mark.parametrize("confidence", [0.95, 0.8])
def test_burns_have_the_intervals_of_their_rates(confidence: float) -> None:
    """A burn's interval is Wilson's of its window's errors, over the budget."""
    rates = burn_rate(days([3, 0, 9, 4] * 20, 250, "h"), 0.98, confidence=confidence).iloc[-1]
    for hours, errors in ((1, 4), (6, 29), (12, 48), (72, 288)):
        low, high = proportion_confint(errors, 250 * hours, 1 - confidence, method="wilson")
        assert rates[f"calls_{hours}h"] == 250 * hours
        assert rates[f"low_{hours}h"] == pytest.approx(low / 0.02)
        assert rates[f"high_{hours}h"] == pytest.approx(high / 0.02)
    early = burn_rate(days([3, 0, 9], 250, "h"))
    assert early[["low_6h", "high_72h"]].isna().all(axis=None)


def test_silence_burns_nothing() -> None:
    """A window without calls has no burn, and a provisional hour is left out."""
    data = days([0, 5], [0, 10], "h")
    assert np.isnan(burn_rate(data)["burn_1h"].iloc[0])
    data["provisional"] = [False, True]
    assert len(burn_rate(data)) == 1
    assert burn_rate(data).attrs["left_out"] == 1
    both = pd.concat([data.assign(agent=name) for name in "ba"])
    assert burn_rate(both[["agent", *data.columns]])["agent"].tolist() == ["b", "a"]


@pytest.mark.parametrize("slo", [99, 0, 1, True, "0.99", None])
def test_a_bad_target_is_named(slo: object) -> None:
    """A target that is no share is refused."""
    with pytest.raises(QueryError, match=r"slo: expected a share of good calls such as 0\.99"):
        burn_rate(days([1], 10, "h"), slo=slo)  # type: ignore[arg-type]


def test_bad_arguments_are_named() -> None:
    """A method or an event that is none is refused by name."""
    with pytest.raises(QueryError, match='method: expected "p_prime" or "p", got \'laney\''):
        control_chart(days([1], 10), method="laney")  # type: ignore[arg-type]
    with pytest.raises(QueryError, match="event: expected error_count or joined_count"):
        control_chart(days([1], 10), event="total_count")
    with pytest.raises(QueryError, match='every: expected "D"'):
        control_chart(days([1], 10), every="day")
