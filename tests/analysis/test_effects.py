"""`rate_effects`: what each group adds to the difference of two rates. Covers difference."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import usage_analysis as ua
from tests.conftest import costly

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


# Das Gupta 1993, Standardization and Decomposition of Rates: A User's Manual (Current Population
# Reports P23-186), example 5.3: people [thousands] and deaths per 1,000 by race and age.
PEOPLE_1985 = (3041, 11577, 27450, 32711, 35480, 27411, 19555, 19795, 15254, 8022, 2472,
               707, 2692, 6473, 6841, 6547, 4352, 3034, 2540, 1749, 804, 236)  # fmt: skip
DEATHS_1985 = (9.163, 0.462, 0.248, 0.929, 1.084, 1.810, 4.715, 12.187, 27.728, 64.068, 157.570,
               17.208, 0.738, 0.328, 1.103, 2.045, 3.724, 8.052, 17.812, 34.128, 68.276,
               125.161)  # fmt: skip
PEOPLE_1970 = (2968, 11484, 34614, 30992, 21983, 20314, 20928, 16897, 11339, 5720, 1315,
               535, 2162, 6120, 4781, 3096, 2718, 2363, 1767, 1149, 448, 117)  # fmt: skip
DEATHS_1970 = (18.469, 0.751, 0.391, 1.146, 1.287, 2.672, 6.636, 15.691, 34.723, 79.763, 176.837,
               36.993, 1.352, 0.541, 2.040, 3.523, 6.746, 12.967, 24.471, 45.091, 74.902,
               123.205)  # fmt: skip


def test_published_decomposition() -> None:
    """Deaths per 1,000 fell by .686 from 1970 to 1985: 2.228 by rates, against 1.542 by structure.

    Das Gupta 1993, example 5.3: rate effect 8.030 - 10.258, age 9.907 - 8.385, race 9.156 - 9.136.
    """
    years = [
        pd.DataFrame(
            {
                "agent": [f"{number}" for number in range(22)],
                "total_count": 1000.0 * np.array(people),
                "error_count": np.array(people) * np.array(deaths),
            }
        )
        for people, deaths in ((PEOPLE_1985, DEATHS_1985), (PEOPLE_1970, DEATHS_1970))
    ]
    found = 1000 * ua.rate_effects(*years)[["rate_effect", "mix_effect", "effect"]].sum()
    assert found["rate_effect"] == pytest.approx(8.030 - 10.258, abs=5e-4)
    assert found["mix_effect"] == pytest.approx(9.907 - 8.385 + 9.156 - 9.136, abs=1e-3)
    assert found["effect"] == pytest.approx(8.736 - 9.422, abs=1e-3)


counts = st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)).map(
    lambda pair: (max(pair), min(pair))
)
groups = st.dictionaries(st.sampled_from("abcdef"), counts, min_size=1)


@costly
@given(groups, groups)
def test_all_effects_are_the_whole_difference(now: Counts, before: Counts) -> None:
    """The effects add up to the difference of the whole, whichever groups there are."""
    a, b = breakdown(now), breakdown(before)
    found = ua.rate_effects(a, b)
    assert sorted(found.index) == sorted({*now, *before})
    whole = ua.rate_difference(*(frame.drop(columns="agent") for frame in (a, b)))
    if whole["calls"] == 0 or whole["previous_calls"] == 0:
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
            found["calls"] / found["calls"].sum()
            + found["previous_calls"] / found["previous_calls"].sum()
        ) / 2
        for name in ("low", "high"):
            np.testing.assert_allclose(found[name], own[name] * share)
    how = {"total_count": "sum", "error_count": "sum", "provisional": "any"}
    whole = ua.rate_difference(*(part.groupby(level="time").agg(how) for part in (a, b)))
    assert found.attrs["whole"] == pytest.approx(whole.to_dict())
    own_meaning, meaning = own.attrs["meaning"], found.attrs["meaning"]
    of_whole = {"attributes": own_meaning["attributes"] | {"whole": found.attrs["whole"]}}
    assert meaning == own_meaning | {"made_by": "rate_effects"} | of_whole


def test_bad_arguments_are_named() -> None:
    """One series has no groups, and groups by another name are no partners."""
    good = breakdown({"desk": (10, 1)})
    with pytest.raises(ua.QueryError, match="previous: expected a breakdown with a group"):
        ua.rate_effects(good, good.drop(columns="agent"))
    with pytest.raises(ua.QueryError, match="previous: expected the same group column as current"):
        ua.rate_effects(good, good.rename(columns={"agent": "tenant"}))
    with pytest.raises(ua.QueryError, match='event: expected "error_count" or "joined_count"'):
        ua.rate_effects(good, good, event="total_count")
    with pytest.raises(ua.QueryError, match="rate_effects needs the column joined_count"):
        ua.rate_effects(good, good, event="joined_count")
