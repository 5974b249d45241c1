"""Lasting changes of level in days."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

import usage_analysis as ua
from tests.analysis.agents import account, plant
from tests.analysis.businesses import lingering

# Annual flow of the Nile at Aswan, 1871 to 1970 [1e8 m3] (Cobb 1978, Biometrika 65:243).
NILE = [
    1120, 1160, 963, 1210, 1160, 1160, 813, 1230, 1370, 1140, 995, 935, 1110, 994, 1020, 960, 1180,
    799, 958, 1140, 1100, 1210, 1150, 1250, 1260, 1220, 1030, 1100, 774, 840, 874, 694, 940, 833,
    701, 916, 692, 1020, 1050, 969, 831, 726, 456, 824, 702, 1120, 1100, 832, 764, 821, 768, 845,
    864, 862, 698, 845, 744, 796, 1040, 759, 781, 865, 845, 944, 984, 897, 822, 1010, 771, 676, 649,
    846, 812, 742, 801, 1040, 860, 874, 848, 890, 744, 749, 838, 1050, 918, 986, 797, 923, 975, 815,
    1020, 906, 901, 1170, 912, 746, 919, 718, 714, 740,
]  # fmt: skip


def days_of(values: object, start: str = "2026-01-01") -> pd.DataFrame:
    counts = np.asarray(values)
    index = pd.date_range(start, periods=len(counts), tz="UTC", name="time")
    return pd.DataFrame({"total_count": counts, "provisional": False}, index=index)


def test_nile_changes_after_1898() -> None:
    """The Nile's flow fell for good after 1898 (Cobb 1978), and changed no other time."""
    found = ua.change_points(days_of(NILE))
    years = 1871 + (pd.to_datetime(found["date"]) - pd.Timestamp("2026-01-01")).dt.days
    assert years.tolist() == [1899]
    assert found["change"].iloc[0] == pytest.approx(849.97 / 1097.75 - 1, abs=0.01)
    assert found["low"].iloc[0] < found["change"].iloc[0] < found["high"].iloc[0] < 0


@pytest.mark.parametrize(
    ("runs", "days"),
    [(60, 45), *(pytest.param(600, n, marks=pytest.mark.slow) for n in (28, 45, 90, 180, 365))],
)
@pytest.mark.parametrize("lag_one", [0.0, 0.5])
def test_quiet_days_have_no_change(runs: int, days: int, lag_one: float) -> None:
    """At most 5 % of unchanged series have a change (0 to .06 of 600), alike days or not."""
    rng = np.random.default_rng([days, int(10 * lag_one)])
    week = np.tile([1.2, 1.1, 1.0, 1.0, 0.9, 0.4, 0.3], days)[:days]
    levels = np.exp(0.12 * lingering(rng, runs, days, lag_one))
    frames = [days_of(rng.poisson(400 * week * one)) for one in levels]
    assert sum(len(ua.change_points(one)) > 0 for one in frames) <= 0.07 * runs


def test_change_by_a_third_is_dated_within_a_day() -> None:
    """A fall by 35 % is found, alone and within one day, in at least 9 of 10 series."""
    right = 0
    for seed in range(20):
        quiet = account(np.random.default_rng(seed), days=45, spread=0.08)
        bad = plant(quiet, None, "calls", "2026-06-22 00:00", 30 * 24, 0.65)
        daily = ua.aggregate(bad.drop(columns="agent").groupby(level=0).sum()
                             .assign(provisional=False), "D")  # fmt: skip
        found = ua.change_points(daily)["date"].tolist()
        right += len(found) == 1 and abs(found[0] - date(2026, 6, 22)).days <= 1
    assert right >= 18


def test_level_that_comes_back_has_two_changes() -> None:
    """Three weeks of half the calls within three months are found with both ends, to the day."""
    rng = np.random.default_rng(2)
    right = 0
    for _ in range(20):
        calls = rng.poisson(400 * np.exp(0.12 * lingering(rng, 1, 90, 0.5)[0]))
        calls[35:56] //= 2
        found = ua.change_points(days_of(calls))["date"].tolist()
        right += found == [date(2026, 2, 5), date(2026, 2, 26)]
    assert right >= 12


def test_rates_and_groups_have_changes_of_their_own() -> None:
    """A change of one group's error rate is told of that group, in shares of calls."""
    quiet = account(np.random.default_rng(4), days=45, errors=0.2)
    agent = quiet.groupby("agent")["total_count"].sum().idxmax()
    bad = plant(quiet, agent, "errors", "2026-06-25 00:00", 40 * 24, 0.15)
    found = ua.change_points(ua.aggregate(bad, "D"), measure="error_rate")
    assert found["agent"].tolist() == [agent]
    assert found["after"].iloc[0] == pytest.approx(0.15, abs=0.02)
    assert abs(found["date"].iloc[0] - date(2026, 6, 25)).days <= 1


def test_trend_holiday_and_short_event_are_no_change() -> None:
    """Steady growth, a known holiday and five bad days are no change of level."""
    rng = np.random.default_rng(8)
    growing = days_of(rng.poisson(np.linspace(300, 600, 60)))
    assert len(ua.change_points(growing)) == 0
    flat = rng.poisson(400, 60)
    flat[30:35] = 150
    assert len(ua.change_points(days_of(flat))) == 0
    assert ua.change_points(days_of(flat), holidays=["2026-01-31"]).empty


def test_bad_input_is_named() -> None:
    """Unknown measures, hours that are no days, and levels outside 0 to 1 are refused."""
    with pytest.raises(ua.QueryError, match=r"measure: expected .*got 'calls'"):
        ua.change_points(days_of([1] * 20), measure="calls")
    with pytest.raises(ua.QueryError, match="change_points needs the column billed_minutes"):
        ua.change_points(days_of([1] * 20), measure="billed_minutes")
    hourly = days_of([1] * 20).set_axis(pd.date_range("2026-01-01", periods=20, freq="h", tz="UTC",
                                                      name="time"))  # fmt: skip
    with pytest.raises(ua.QueryError, match="daily: expected one row per day, got shorter rows"):
        ua.change_points(hourly)
    with pytest.raises(ua.QueryError, match="confidence"):
        ua.change_points(days_of([1] * 20), confidence=2)


@pytest.mark.parametrize("levels", [(100, 100), (100, 60), (0, 0), (0, 50)])
def test_days_without_any_scatter_have_their_step_and_no_other(levels: tuple[int, int]) -> None:
    """Of days that are all alike a step is told where there is one, and rounding is none."""
    days = pd.date_range("2026-03-01", periods=40, tz="UTC", name="time")
    calls = np.repeat(levels, 20)
    daily = pd.DataFrame(
        {"total_count": calls, "error_count": calls, "provisional": False}, index=days
    )
    for measure in ("total_count", "error_rate"):
        found = ua.change_points(daily, measure=measure)
        stepped = measure == "total_count" and levels[0] != levels[1]
        assert found["date"].astype(str).tolist() == ["2026-03-21"] * stepped
