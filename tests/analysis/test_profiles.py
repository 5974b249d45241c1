"""Profiles: loads of the frame's own clock, over the hours there really were."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.frames import hours
from usage_analysis.analysis.profiles import load_profile, traffic_intensity
from usage_analysis.tidy.grouping import covered_lengths
from usage_analysis.tidy.periods import aggregate, in_timezone
from usage_analysis.tidy.zones import HOUR

series = st.lists(st.integers(0, 1000), min_size=72, max_size=240)
places = st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"])
starts = st.sampled_from(["2026-03-06", "2026-04-03", "2026-10-02", "2026-10-30"])


def test_traffic_is_talk_over_the_bucket() -> None:
    """Half an hour of talk in an hour is half an erlang, and in a quarter hour piece two."""
    assert traffic_intensity(hours([10, 0])).tolist() == [0.5, 0.0]
    longer = hours([10, 10]).assign(hours=[1.0, 0.25])
    assert traffic_intensity(longer).tolist() == [0.5, 2.0]


def test_a_profile_divides_by_the_hours_there_were() -> None:
    """An hour that autumn repeats weighs twice, one that spring skips not at all."""
    autumn = load_profile(hours([6] * 25, "2026-11-01", "America/New_York"))
    assert autumn["hours"].tolist() == [1, 2, *[1] * 22]
    assert set(autumn["mean"]) == {6.0}
    spring = load_profile(hours([6] * 23, "2026-03-08", "America/New_York"))
    assert spring.loc[2, "n"] == 0
    assert np.isnan(spring.loc[2, ["mean", "p10", "p50", "p90"]].astype(float)).all()


def test_a_profile_leaves_provisional_hours_out() -> None:
    """A bucket that may still grow is in no mean."""
    hourly = hours([4] * 24 + [100] * 24)
    hourly.loc[hourly.index[24:], "provisional"] = True
    profile = load_profile(hourly, by="day_of_week")
    assert profile["n"].tolist() == [24, 0, 0, 0, 0, 0, 0]
    both = pd.concat([hourly.assign(agent=name) for name in "ba"])[["agent", *hourly.columns]]
    assert profile.attrs["left_out"] == load_profile(both).attrs["left_out"] == 24
    assert profile.loc[0, "mean"] == 4


def test_profiles_of_talk_are_talk() -> None:
    """A profile of duration is timedeltas an hour, and of traffic the same in erlangs."""
    talk = load_profile(hours([10] * 24), measure="duration")
    assert talk.loc[0, "p50"] == pd.Timedelta("30min")
    assert talk["mean"].dtype == "timedelta64[us]"
    assert load_profile(hours([10] * 24), measure="traffic").loc[0, "mean"] == 0.5


def test_a_breakdown_has_a_profile_a_group() -> None:
    """Each group has every slot, in the order in which the groups appear."""
    both = pd.concat([hours([2] * 24, agent="b"), hours([3] * 24, agent="a")])
    profile = load_profile(both)
    assert profile.index.names == ["agent", "hour_of_day"]
    assert profile.loc["b", "mean"].tolist() == [2.0] * 24
    assert profile.loc["a", "mean"].tolist() == [3.0] * 24


@given(series, places, starts)
def test_erlangs_integrate_to_the_talk(counts: list[int], zone: str, start: str) -> None:
    """Traffic times the buckets' lengths is the talk, in hours and in profiles."""
    hourly = in_timezone(hours(counts, start), zone)
    talk = hourly["duration"].sum() / pd.Timedelta(hours=1)
    whole = hourly[~hourly["provisional"]]
    profile = load_profile(hourly, by="hour_of_week", measure="traffic")
    inside = (profile["mean"] * profile["hours"]).sum()
    assert inside == pytest.approx(whole["duration"].sum() / pd.Timedelta(hours=1), abs=1e-6)
    lasted = covered_lengths(hourly) / HOUR
    assert (traffic_intensity(hourly) * lasted).sum() == pytest.approx(talk, abs=1e-6)
    days = aggregate(hourly, "D")
    assert (traffic_intensity(days) * days["hours"]).sum() == pytest.approx(talk, abs=1e-6)


@given(series, st.integers(1, 5))
def test_shares_of_a_breakdown_add_to_one(counts: list[int], groups: int) -> None:
    """The groups' profiles add to the profile of them all, and shares to 1."""
    parts = [hours([c % (g + 2) for c in counts[:72]], agent=f"{g}") for g in range(groups)]
    both = pd.concat(parts)
    every = parts[0].drop(columns="agent")
    every["total_count"] = sum(part["total_count"] for part in parts)
    summed = load_profile(both)["mean"].groupby(level="hour_of_day").sum()
    whole = load_profile(every)["mean"]
    np.testing.assert_allclose(summed, whole, atol=1e-9)
    shares = load_profile(both)["mean"] / whole.reindex(load_profile(both).index, level=1)
    some = whole[whole > 0].index
    np.testing.assert_allclose(shares.groupby(level=1).sum()[some], 1)


@given(series, starts)
def test_percentiles_are_numpys(counts: list[int], start: str) -> None:
    """p10, p50 and p90 are NumPy's percentiles of the slot's buckets."""
    hourly = hours(counts, start, "America/New_York")
    profile = load_profile(hourly)
    for hour in (0, 1, 2, 13):
        values = hourly["total_count"][hourly.index.hour == hour]
        found = profile.loc[hour, ["p10", "p50", "p90"]].tolist()
        np.testing.assert_allclose(found, np.percentile(values, [10, 50, 90]), atol=1e-9)
