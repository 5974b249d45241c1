"""The month in words: projection, cost, budget, and why nothing can be said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from usage_analysis.analysis.statements.money import describe_month, state_month
from usage_analysis.analysis.trends import project_month


def days(counts: list[float], start: str = "2026-03-01", running: int = 0) -> pd.DataFrame:
    """Daily frame of billed minutes and calls whose last days are provisional."""
    index = pd.date_range(start, periods=len(counts), freq="D", tz="UTC", name="time")
    late = np.arange(len(counts)) >= len(counts) - running
    return pd.DataFrame(
        {"total_count": counts, "billed_minutes": counts, "provisional": late}, index=index
    )


def growing(share: float) -> list[float]:
    """Calls of 56 days that change by a share each month."""
    return [1000 * (1 + share) ** (day / 30) for day in range(50)]


@pytest.mark.parametrize(
    ("budget", "urgent", "words"),
    [
        (10_000, False, "; within the budget of 10,000 calls."),
        (500, True, "; over the budget of 500 calls, used up on 2026-03-05."),
        (
            2_450,
            True,
            ", expected to be used up on 2026-03-25 (95 % interval 2026-03-25 to 2026-03-25).",
        ),
    ],
)
def test_a_budget_has_a_verdict_and_a_day(budget: float, urgent: bool, words: str) -> None:
    """The sentence tells the verdict and the day; going over the budget is urgent."""
    frame = days([100] * 20 + [30], running=1)
    assert str(describe_month(frame, budget=budget)).endswith(words)
    statement = state_month(project_month(frame, budget=budget))
    assert statement.urgent == urgent
    assert ("over the budget" in statement.title) == urgent


def test_the_day_a_budget_is_used_up_has_an_interval() -> None:
    """A budget in the middle of the days to come is used up between two days around it."""
    rng = np.random.default_rng(1)
    counts = rng.normal(100, 20, 50).round().tolist()
    found = project_month(days(counts, "2026-02-01"), budget=2_700)
    assert found["budget_day_low"] < found["budget_day"] < found["budget_day_high"]
    words = state_month(found).sentence
    for name in ("budget_day", "budget_day_low", "budget_day_high"):
        assert f"{found[name]:%Y-%m-%d}" in words


def test_a_budget_that_may_do_names_the_earliest_day() -> None:
    """Where only the interval passes the budget, the sentence gives the earliest day."""
    rng = np.random.default_rng(1)
    daily = days(rng.normal(100, 20, 50).round().tolist(), "2026-02-01")
    found = project_month(daily)
    budget = (found["projection"] + found["high"]) / 2
    found = project_month(daily, budget=budget)
    assert pd.isna(found["budget_day"])
    statement = state_month(found)
    earliest = f"on {found['budget_day_low']:%Y-%m-%d} at the earliest (95 % interval)."
    assert statement.sentence.endswith(earliest)
    assert "may pass the budget" in statement.title
    assert statement.urgent


@pytest.mark.parametrize("share", [0.1, -0.1, 0.0])
def test_a_trend_that_is_carried_on_is_told(share: float) -> None:
    """A trend of 2 % per month or more is in sentence and title; a level one is in neither."""
    statement = state_month(project_month(days(growing(share), "2026-02-01")))
    for text in (statement.sentence, statement.title):
        assert ("trend of" in text) == bool(share)
        assert ("+" in text) == (share > 0)


def test_title_and_sentence_have_the_same_numbers() -> None:
    """Projection and interval read the same in both, in units and in money."""
    found = project_month(days([1.7] * 20 + [1], running=1), measure="billed_minutes")
    for price in (None, "0.0333"):
        statement = state_month(found, price=price)
        projection = f"{found['projection']:.1f} billed minutes"
        if price is not None:
            projection = f"USD {0.0333 * found['projection']:.2f}"
        assert projection in statement.sentence
        assert projection in statement.title
        assert "nan" not in (statement.sentence + statement.title).lower()


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (days([5, 5], running=2), "no day is complete, so the month is not projected"),
        (days([5] * 9, "2026-03-05"), "2026-03-05, where these data begin"),
        (days([5] * 4), "4 complete days, too few to project it"),
        (days([0] * 9), "nothing in 9 complete days, so the month is not projected"),
        (days([]), "There is no complete day in these data"),
    ],
)
@pytest.mark.parametrize("budget", [None, 10_000])
def test_why_nothing_is_projected_is_told(
    frame: pd.DataFrame, reason: str, budget: float | None
) -> None:
    """Where nothing can be said, one sentence gives the reason, and nothing is urgent."""
    told = str(describe_month(frame, budget=budget))
    assert reason in told
    assert told.endswith(".")
    assert "nan" not in told.lower()
    assert "NaT" not in told
    assert "interval" not in told


def test_weekdays_that_were_dropped_are_not_filled_in() -> None:
    """Without weekend rows the month is of workdays alone, and the sentence says so."""
    frame = days([100] * 48, "2026-02-01")
    frame = frame[frame.index.day_of_week < 5]
    found = project_month(frame)
    assert found["projection"] == pytest.approx(2_200)  # March 2026 has 22 workdays
    assert (found["skipped"], found["missing"]) == ((5, 6), 0)
    assert "without Sat and Sun, which these data leave out" in str(describe_month(frame))
