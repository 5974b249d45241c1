"""Statements on control charts: each claim only where the chart supports it."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import usage_analysis as ua
from tests.analysis.businesses import KINDS, daily
from tests.analysis.simulated import days
from usage_analysis.analysis.meaning import Meaning
from usage_analysis.analysis.statements.control import state_control
from usage_analysis.analysis.statements.statement import Statement
from usage_analysis.tidy.grouping import each_group


def state(frame: pd.DataFrame, **given: str) -> Statement:
    """Return the statement on the chart of a frame."""
    chart = ua.control_chart(frame, **given)  # type: ignore[arg-type]
    return state_control(chart, Meaning(**chart.attrs["meaning"]))


CASES = {
    "a bad day": (
        days([20, 21, 19, 22, 600, 18, 20, 21], 1000),
        "Error rate out of limits on 1 of 8 days, Friday 2026-03-06 (60.00 % against 2.01 %)",
    ),
    "a shift": (
        days([20, 22, 21] * 4 + [29, 30, 31] * 4, 1000),
        "Error rate shifted: 2.10 % before 2026-03-14, 3.00 % since then; no day out of limits",
    ),
    "steady": (
        days([20, 21, 19] * 10, 1000),
        "Error rate steady at 2.00 %: none of 30 days is out of limits",
    ),
    "few": (
        days([1, 0, 2] * 10, 100),
        "Error rate 1.00 %: too few failed calls to judge a single day",
    ),
    "short": (days([9, 8, 10], 100), "Error rate 9.00 %: no single day out of limits"),
    "no errors": (days([0] * 5, 20), "Error rate 0.00 % of 100 calls: no limits can be set"),
    "one day": (days([2], 20, "D"), "Error rate 10.00 % of 20 calls: no limits can be set"),
    "no calls": (days([0, 0], 0), "No calls in a whole day, so no error rate"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_chart_is_told_as_what_it_shows(name: str) -> None:
    """Title and sentence make one claim, with dates, and without missing numbers."""
    frame, title = CASES[name]
    said = state(frame)
    assert said.title == title
    assert said.urgent == (name in ("a bad day", "a shift"))
    assert re.match(r"[A-Z].*\.$", said.sentence)
    assert "2026-03-02" in said.sentence
    assert "(UTC)" in said.sentence
    assert "nan" not in said.title + said.sentence


def test_a_chart_of_joined_calls_is_told_as_a_join_rate() -> None:
    """More joined calls than usual are out of limits but not urgent; fewer are urgent."""
    joined = days([0] * 8, 1000).assign(joined_count=[800, 810, 790, 805, 990, 800, 805, 795])
    good = state(joined, event="joined_count")
    assert good.title.startswith("Join rate out of limits on 1 of 8 days")
    assert not good.urgent
    joined["joined_count"] = joined["joined_count"].replace(990, 400)
    bad = state(joined, event="joined_count")
    assert bad.urgent
    assert "usual is at least" in bad.sentence
    of_joined = state(joined.assign(error_count=9), denominator="joined_count")
    assert re.search(r"of [\d,]+ joined calls", of_joined.sentence)


def steady(kind: str, calls: float, spread: float, step: int, *, runs: int) -> float:
    """Return how often months are told as steady whose rate goes from 2 to 3.5 % on a day."""
    rng = np.random.default_rng([47, KINDS.index(kind), round(calls * spread), step])
    months = daily(rng, runs, kind, calls, 0.02, spread, step=(step, 1.75))
    chart = ua.control_chart(months)
    meaning = Meaning(**chart.attrs["meaning"])
    return float(
        np.mean(["steady" in state_control(one, meaning).title for _, one in each_group(chart)])
    )


@pytest.mark.parametrize("step", [1, 3, 15, 30])
def test_a_step_is_not_told_as_steady(step: int) -> None:
    """After a step from 2 to 3.5 % on any day, at most 12 of 40 months are told as steady."""
    assert steady("office", 1000, 1, step, runs=40) <= 12 / 40


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["office", "flat"])
@pytest.mark.parametrize("calls", [200, 480, 1000, 2000])
def test_steps_are_not_told_as_steady(kind: str, calls: float) -> None:
    """Wherever a step from 2 to 3.5 % comes, from the second day to the last.

    Found over 100 months each, at a spread of 1, 1.5 and 2: at most 25 % for a step on the second
    day, 15 % on the third, 12 % on the 29th and 20 % on the last. Months without a step are told as
    steady in 82 to 97 % at a spread of 1 from 1,000 calls per day on, in 49 to 65 % at 480.
    """
    for spread in (1, 1.5, 2):
        for step in (1, 2, 15, 30):
            assert steady(kind, calls, spread, step, runs=60) <= 12 / 40
    if calls >= 1000:
        assert steady(kind, calls, 1, 31, runs=60) >= 0.7
