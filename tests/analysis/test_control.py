"""Control charts: published limits, and by simulation what they catch and how often they err."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import usage_analysis as ua
from tests.analysis import businesses, shops
from tests.analysis.businesses import KINDS, breakdown, daily
from tests.analysis.simulated import daily_rates, days, frame_of, month_of_calls, months
from usage_analysis.analysis.control import control_chart

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


def test_published_revised_p_chart() -> None:
    """Without samples 15 and 23 centre and limits are those of Montgomery's revised chart."""
    cans = days(CANS, 50)
    usual = cans.drop(cans.index[[14, 22]])
    for chart in (
        control_chart(cans, method="p", baseline=usual),
        control_chart(usual, method="p"),
    ):
        first = chart.iloc[0]
        assert round(first["centre"], 4) == 0.2150
        assert round(first["low"], 4) == 0.0407
        assert round(first["high"], 4) == 0.3893
    # As in the book, sample 21 lies above the revised limit.
    revised = control_chart(cans, method="p", baseline=usual)
    assert (np.flatnonzero(revised["signal"]) + 1).tolist() == [15, 21, 23]


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
def test_the_spread_ratio_is_at_least_1(step: float) -> None:
    """Days that differ twice as much as chance have twice the width; never less than its width."""
    data = alternating(step, 10**6)
    ratio = control_chart(data)["spread_ratio"].iloc[0]
    assert ratio == pytest.approx(max(step / 1.128, 1), abs=1e-12)
    prime, plain = control_chart(data), control_chart(data, method="p")
    np.testing.assert_allclose(
        prime["high"] - prime["centre"], ratio * (plain["high"] - plain["centre"])
    )


def test_a_bad_day_is_not_part_of_what_is_usual() -> None:
    """Centre, spread and limits are those of the other days, and the bad day is a signal."""
    data = days([20, 21, 19, 22, 600, 18, 20, 21], 1000)
    chart = control_chart(data)
    without = control_chart(data.drop(data.index[4]))
    assert chart["signal"].tolist() == [False] * 4 + [True] + [False] * 3
    columns = ["centre", "low", "high", "spread_ratio"]
    pd.testing.assert_frame_equal(
        chart[columns].drop(data.index[4]), without[columns], check_freq=False
    )


def test_rare_errors_have_exact_limits() -> None:
    """Where fewer than five errors are expected the limit is SciPy's beta-binomial quantile."""
    data = days([0, 1, 0, 2, 0, 0, 4, 0, 1, 0, 0, 3], 60)
    row = control_chart(data).iloc[0]
    total = 59 / (row["spread_ratio"] ** 2 - 1) - 1
    a, b = row["centre"] * total, (1 - row["centre"]) * total
    assert row["spread_ratio"] > 1
    assert round(row["high"] * 60) == stats.betabinom.ppf(stats.norm.cdf(3), 60, a, b)
    chance = control_chart(days([0, 1, 1, 1, 2, 1] * 5, 60)).iloc[0]
    assert chance["spread_ratio"] == 1
    assert round(chance["high"] * 60) == stats.binom.ppf(stats.norm.cdf(3), 60, 1 / 60)
    joined = data.assign(joined_count=60 - data["error_count"])
    low = control_chart(joined, event="joined_count").iloc[0]["low"]
    assert low == pytest.approx(1 - row["high"])


def test_an_outage_of_a_small_account_is_a_signal() -> None:
    """A day on which all of 20 calls fail is a signal; two days with one error each are none."""
    errors = [0, 1, 0, 0, 0, 20, 0, 0, 1, 0]
    assert control_chart(days(errors, 20))["signal"].tolist() == [n == 20 for n in errors]
    assert not control_chart(days([0, 1, 0, 0, 0, 1] + [0] * 25, 14))["signal"].any()


def test_a_baseline_stays_fixed() -> None:
    """With a baseline the limits are those of the baseline, whatever the days themselves are."""
    usual = days([20, 21, 19, 22, 18, 20, 21], 1000)
    chart = control_chart(days([50, 52, 49], 1000), baseline=usual)
    assert chart["signal"].all()
    assert chart["centre"].unique() == control_chart(usual)["centre"].unique()
    parts = {name: usual.assign(agent=name)[["agent", *usual.columns]] for name in "ab"}
    both = pd.concat(parts.values())
    grouped = control_chart(both, baseline=parts["b"])
    assert grouped["limited"].tolist() == [False] * 7 + [True] * 7
    with pytest.raises(ua.QueryError, match="baseline: expected no group column as in the frame"):
        control_chart(usual, baseline=both)
    with pytest.raises(ua.QueryError, match="baseline needs the column error_count"):
        control_chart(usual, baseline=usual.drop(columns="error_count"))


@pytest.mark.parametrize("denominator", ["total_count", "joined_count"])
def test_a_chart_knows_what_it_is_of(denominator: str) -> None:
    """A chart records its event, its denominator and the method of its limits."""
    data = days([5, 6], 50).assign(joined_count=40)
    meaning = control_chart(data, denominator=denominator).attrs["meaning"]
    assert meaning["made_by"] == "control_chart"
    assert meaning["event"] == "error_count"
    assert meaning["denominator"] == denominator
    assert "Laney" in meaning["method"]


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


def signals(frame: pd.DataFrame) -> np.ndarray:
    """Return the signals of simulated months, a row per month."""
    runs = frame["run"].nunique()
    return control_chart(frame)["signal"].to_numpy().reshape(runs, -1)


QUIET = [(5, 0.02, 2), (50, 0.02, 3), (250, 0.002, 3), (1000, 0.0074, 3), (4800, 0.02, 1)]


@pytest.mark.parametrize(("calls", "rate", "spread"), QUIET)
def test_quiet_months_raise_few_signals(calls: float, rate: float, spread: float) -> None:
    """A month without a change raises at most one signal, however few its calls are."""
    rng = np.random.default_rng([1, calls])
    assert signals(months(rng, 60, calls, rate, spread)).sum(1).mean() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("calls", [5, 14, 20, 50, 100, 250, 480, 1000, 4800])
def test_quiet_months_raise_few_signals_at_length(calls: float) -> None:
    """From 5 to 4,800 calls per day, at 0.2 to 2 % and a spread of 1 to 3, at most one per month.

    Found over 200 months each: at most 0.84 (1,000 calls per day, 0.74 %, spread 3), and at most
    0.05 at spread 1.
    """
    for rate in (0.002, 0.0074, 0.02):
        for spread in (1, 1.5, 2, 3):
            rng = np.random.default_rng([2, calls, round(rate * 1e4), round(10 * spread)])
            found = signals(months(rng, 200, calls, rate, spread)).sum(1).mean()
            assert found <= (1 if spread > 1 else 0.2)


def planted(
    seed: int, runs: int, calls: float, rate: float, spread: float, *plan: float, flat: bool = False
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return months in which each rate of the plan replaces that of a random day, and the days."""
    rng = np.random.default_rng(seed)
    counts = month_of_calls(rng, runs, calls, 31, flat=flat)
    rates = daily_rates(rng, counts, rate, spread)
    where = rng.permuted(np.tile(np.arange(31), (runs, 1)), axis=1)[:, : len(plan)]
    np.put_along_axis(rates, where, np.broadcast_to(plan, where.shape), axis=1)
    return frame_of(counts, rng.binomial(counts, rates[..., None])), where


def caught(frame: pd.DataFrame, where: np.ndarray) -> np.ndarray:
    """Return how often each planted day is a signal."""
    return np.take_along_axis(signals(frame), where, axis=1).mean(0)


def test_one_bad_day_does_not_hide_another() -> None:
    """Beside a day of 60 % errors, four times the usual rate is caught in 8 months of 10."""
    bad, other = caught(*planted(3, 60, 1000, 0.01, 1.5, 0.6, 0.04, flat=True))
    assert bad == 1
    assert other >= 0.8


def test_a_doubled_rate_is_caught() -> None:
    """At 200 calls per hour, 2 % and a spread of 1.5, a doubled day is caught in 9 months of 10."""
    assert caught(*planted(4, 60, 4800, 0.02, 1.5, 0.04))[0] >= 0.9


@pytest.mark.slow
def test_what_a_chart_catches() -> None:
    """Bad days are caught beside worse ones, and so are doublings and outages of small accounts.

    Found over 400 months each. Four times 1 % at 1,000 calls per day beside a day of 60 %: 100, 97
    and 86 % at a spread of 1, 1.5 and 2, and 86 and 80 % at 1 and 1.5 where weekends have a third
    of the calls. A doubling of 2 % at 4,800 calls per day and a spread of 1.5: 97 %. A day of 90 %
    errors at 20 calls per day: 99 %.
    """
    for spread, least in ((1, 0.95), (1.5, 0.9), (2, 0.8)):
        assert caught(*planted(5, 400, 1000, 0.01, spread, 0.6, 0.04, flat=True))[1] >= least
    assert caught(*planted(6, 400, 1000, 0.01, 1, 0.6, 0.04))[1] >= 0.8
    assert caught(*planted(7, 400, 4800, 0.02, 1.5, 0.04))[0] >= 0.93
    assert caught(*planted(8, 400, 20, 0.01, 1, 0.9))[0] >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_quiet_businesses_raise_few_signals(kind: str) -> None:
    """Whatever the profile of the calls, at most one false signal per month at a spread of 3.

    Found over 120 months each: at most 0.97 (an office with 1,000 calls per day at 1 %). Without
    exact limits for clumps it was 1.12.
    """
    for calls, rate in ((100, 0.02), (480, 0.02), (1000, 0.0074), (1000, 0.01), (4800, 0.002)):
        rng = np.random.default_rng([9, KINDS.index(kind), calls])
        chart = control_chart(daily(rng, 200, kind, calls, rate, 3))
        assert chart["signal"].sum() / 200 <= 1


def limits_by_the_truth(
    judge: ModuleType, kind: str, calls: float, rate: float, spread: float, bad: float
) -> float:
    """Share of bad days that a chart would catch that knows the distribution of usual days."""
    rng, found = np.random.default_rng(10), []
    for expected in judge.week(kind, calls).sum(axis=1):
        n, levels = rng.poisson(expected, 20_000), rng.normal(size=(20_000, 1))
        rates = judge.day_rates(np.array([expected]), rate, spread, levels)[:, 0]
        limit = np.quantile(rng.binomial(n, rates), stats.norm.cdf(3), method="higher")
        found.append((rng.binomial(n, bad) > limit).mean())
    return float(np.mean(np.array(found)[np.arange(31) % 7]))


def caught_of(
    judge: ModuleType, kind: str, runs: int, calls: float, rate: float, spread: float, *plan: float
) -> float:
    """Share of days with the last rate of the plan that are signals, beside its other days."""
    rng = np.random.default_rng([11, runs])
    expected = judge.week(kind, calls).sum(axis=1)[np.arange(31) % 7]
    n = rng.poisson(expected, (runs, 31))
    rates = judge.day_rates(expected, rate, spread, rng.normal(size=n.shape))
    where = rng.permuted(np.tile(np.arange(31), (runs, 1)), axis=1)[:, : len(plan)]
    np.put_along_axis(rates, where, np.broadcast_to(plan, where.shape), axis=1)
    return float(caught(breakdown(n, rng.binomial(n, rates), "D"), where)[-1])


def test_a_chart_catches_what_its_limits_can() -> None:
    """A chart that learns from its month catches nearly what one catches that knows the truth."""
    usual = (4800, 0.02, 1.5)
    most = limits_by_the_truth(businesses, "office", *usual, 0.04)
    assert caught_of(businesses, "office", 150, *usual, 0.04) >= most - 0.1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("judge", "kind"), [(judge, kind) for judge in (businesses, shops) for kind in judge.KINDS]
)
def test_a_chart_catches_what_its_limits_can_at_length(judge: ModuleType, kind: str) -> None:
    """A doubled day, and one of four times the rate beside a day of 60 %, are caught as they can.

    Days of all weekdays, over 150 months each; in brackets what limits catch that know the truth.
    A doubling of 2 % at 4,800 calls per day, spread 1.5: office .75 (.75), weekend .90 (.94), flat
    1.00 (1.00), clinic .84 (.81), takeaway .96 (.98). Four times 1 % at 1,000 calls per day,
    spread 1.5: .74 (.74), .71 (.71), .99 (.96), .79 (.75), .87 (.75). An office has 3 % of its
    calls at weekends, and a clinic none on Sundays. Even limits that know the truth and raise one
    false signal per month catch no more than .83 of an office's doublings.
    """
    for usual, plan in (((4800, 0.02, 1.5), (0.04,)), ((1000, 0.01, 1.5), (0.6, 0.04))):
        most = limits_by_the_truth(judge, kind, *usual, plan[-1])
        assert caught_of(judge, kind, 200, *usual, *plan) >= most - 0.08


def test_bad_arguments_are_named() -> None:
    """A method or an event that is none is refused by name."""
    with pytest.raises(ua.QueryError, match='method: expected "p_prime" or "p", got \'laney\''):
        control_chart(days([1], 10), method="laney")  # type: ignore[arg-type]
    with pytest.raises(ua.QueryError, match='event: expected "error_count" or "joined_count"'):
        control_chart(days([1], 10), event="total_count")
    with pytest.raises(ua.QueryError, match='every: expected "D"'):
        control_chart(days([1], 10), every="day")
