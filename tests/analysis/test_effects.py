"""`rate_effects`: what each group adds to the difference of two rates."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import usage_analysis as ua

Counts = dict[str, tuple[int, int]]
"""Calls and errors of groups."""


def breakdown(groups: Counts) -> pd.DataFrame:
    calls, errors = zip(*groups.values(), strict=True)
    return pd.DataFrame({"agent": [*groups], "total_count": calls, "error_count": errors})


def test_published_rates_that_all_fall_while_the_whole_rises() -> None:
    """Kidney stones: open surgery fails less often with either size and more often over all.

    Charig and others 1986, British Medical Journal 292:879: 81 of 87 small and 192 of 263 large
    stones are cured by open surgery, 234 of 270 and 55 of 80 by nephrolithotomy.
    """
    surgery = breakdown({"small": (87, 87 - 81), "large": (263, 263 - 192)})
    other = breakdown({"small": (270, 270 - 234), "large": (80, 80 - 55)})
    found = ua.rate_effects(surgery, other)
    assert (found["rate_effect"] < 0).all()
    assert (found["mix_effect"] > 0).all()
    assert found["effect"].sum() == pytest.approx(77 / 350 - 61 / 350)
    mean = Fraction(77 + 61, 700)
    share = Fraction(87, 350), Fraction(270, 350)
    rate = Fraction(6, 87), Fraction(36, 270)
    small = (rate[0] - rate[1]) * sum(share) / 2, (share[0] - share[1]) * (sum(rate) / 2 - mean)
    told = [found["rate_effect"]["small"], found["mix_effect"]["small"]]
    assert told == pytest.approx([float(effect) for effect in small])


counts = st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)).map(
    lambda pair: (max(pair), min(pair))
)
groups = st.dictionaries(st.sampled_from("abcdef"), counts, min_size=1)


@given(groups, groups)
def test_all_effects_are_the_whole_difference(now: Counts, before: Counts) -> None:
    """The effects add up to the difference of the whole, whichever groups there are."""
    a, b = breakdown(now), breakdown(before)
    found = ua.rate_effects(a, b)
    assert sorted(found.index) == sorted({*now, *before})
    whole = ua.rate_difference(*(frame.drop(columns="agent") for frame in (a, b)))
    if whole["calls_a"] == 0 or whole["calls_b"] == 0:
        assert found["effect"].isna().all()
        return
    assert found["effect"].sum() == pytest.approx(whole["difference"], abs=1e-12)
    swapped = ua.rate_effects(b, a)
    np.testing.assert_allclose(swapped["effect"].loc[found.index], -found["effect"], atol=1e-12)
    both = found.dropna()
    assert (both["low"] <= both["rate_effect"] + 1e-12).all()
    assert (both["rate_effect"] <= both["high"] + 1e-12).all()


def test_a_group_of_one_side_is_all_mix() -> None:
    """An agent that came with its calls changed no rate; one without calls on either adds 0."""
    a = breakdown({"desk": (100, 2), "new": (100, 20), "none": (0, 0)})
    b = breakdown({"desk": (200, 4), "none": (0, 0)})
    found = ua.rate_effects(a, b)
    assert found["rate_effect"].tolist() == [0, 0, 0]
    assert found.loc["new", ["low", "high"]].isna().all()
    assert found.loc["new", "mix_effect"] == pytest.approx(0.5 * (0.2 - (0.11 + 0.02) / 2))
    assert found.loc["none", "effect"] == 0
    assert found["effect"].sum() == pytest.approx(0.11 - 0.02)


def test_days_widen_the_interval_as_in_the_difference() -> None:
    """The interval of a group's own rate is that of `rate_difference` at the mean share."""
    client = ua.sample_client()
    hourly = client.by_agent(ua.sample.AGENTS, from_date="2026-02-02", to_date="2026-03-29").hourly
    later = hourly.index >= pd.Timestamp("2026-03-02", tz="UTC")
    a, b = hourly[later], hourly[~later]
    for independent in ("calls", "days"):
        found = ua.rate_effects(a, b, independent=independent)
        own = ua.rate_difference(a, b, independent=independent)
        share = (
            found["calls_a"] / found["calls_a"].sum() + found["calls_b"] / found["calls_b"].sum()
        ) / 2
        for name in ("low", "high"):
            np.testing.assert_allclose(found[name], own[name] * share)
    assert found.attrs == own.attrs


def test_bad_arguments_are_named() -> None:
    """One series has no groups, and groups by another name are no partners."""
    good = breakdown({"desk": (10, 1)})
    with pytest.raises(ua.QueryError, match="b: expected a breakdown with a group"):
        ua.rate_effects(good, good.drop(columns="agent"))
    with pytest.raises(ua.QueryError, match="b: expected the same group column as a"):
        ua.rate_effects(good, good.rename(columns={"agent": "tenant"}))
    with pytest.raises(ua.QueryError, match="event: expected error_count or joined_count"):
        ua.rate_effects(good, good, event="total_count")
    with pytest.raises(ua.QueryError, match="rate_effects needs the column joined_count"):
        ua.rate_effects(good, good, event="joined_count")
