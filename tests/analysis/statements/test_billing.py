"""Cost and billing overhead in words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from usage_analysis.analysis.billing import billing_overhead, cost
from usage_analysis.analysis.statements.money import state_cost, state_overhead
from usage_analysis.errors import QueryError


def billed(minutes: list[float], talk: list[float], late: int = 0) -> pd.DataFrame:
    """Hours with billed minutes and talk, of which the last are provisional."""
    index = pd.date_range("2026-03-02", periods=len(talk), freq="h", tz="UTC", name="time")
    return pd.DataFrame(
        {
            "joined_count": 10,
            "duration": (np.array(talk) * 60e6).astype("m8[us]"),
            "billed_minutes": minutes,
            "provisional": np.arange(len(talk)) >= len(talk) - late,
        },
        index=index,
    )


def test_final_costs_are_no_estimates() -> None:
    """A cost is estimated only while hours can still grow, and the default price is called so."""
    for late, words in ((0, "cost USD 0.30"), (1, "cost an estimated USD 0.30")):
        sentence = state_cost(billed([6.0], [60], late=late)).sentence
        assert sentence.startswith(f"Call minutes {words}: 6 billed minutes at USD 0.05 per minute")
        assert "per minute, the vendor's default price, 2026-03-02 (UTC)" in sentence
    assert "default" not in state_cost(billed([6.0], [60]), "0.06").sentence


def test_scattered_provisional_hours_are_not_the_last_ones() -> None:
    """Provisional hours in the middle are counted from the first one on, and only those at the end
    are called the last."""
    frame = billed([60.0] * 5, [60] * 5, late=2)
    assert "; the last 2 hours can still grow" in state_cost(frame).sentence
    frame.loc[frame.index[1], "provisional"] = True
    assert "; 3 hours since 2026-03-02 can still grow" in state_cost(frame).sentence


def test_the_cost_is_that_of_cost() -> None:
    """Sentence and title have the amount that `cost` returns, with its minutes, price and days."""
    frame = billed([600.0, 634.5], [590, 630], late=1)
    statement = state_cost(frame, "0.0333")
    assert statement.sentence == (
        f"Call minutes cost an estimated USD {cost(frame, '0.0333')}: 1,234 billed minutes at "
        "USD 0.0333 per minute, 2026-03-02 (UTC); the last hour can still grow."
    )
    assert statement.title == f"USD {cost(frame, '0.0333')} for 1,234 billed minutes"


def test_the_cost_is_of_all_groups() -> None:
    """A breakdown's cost is the sum of its groups, rounded once."""
    one = billed([0.1], [0.1])
    both = pd.concat([one.assign(agent=name) for name in "ab"])
    both.insert(0, "agent", both.pop("agent"))
    assert "USD 0.01:" in state_cost(both).sentence


def test_an_unknown_cost_is_refused() -> None:
    """Without billed minutes the cost is unknown, not 0."""
    with pytest.raises(QueryError, match="needs the column billed_minutes"):
        state_cost(billed([1.0], [1]).drop(columns="billed_minutes"))


@pytest.mark.parametrize(
    ("minutes", "words", "urgent"),
    [
        (103.0, "3.0 % more than the talk: 103 billed minutes for 100 minutes of talk", True),
        (100.5, "0.5 % more than the talk: 100 billed minutes for 100 minutes of talk", False),
        (97.0, "3.0 % less than the talk: 97 billed minutes for 100 minutes of talk", False),
        (100.0, "just the talk: 100 billed minutes for 100 minutes of talk", False),
    ],
)
def test_the_overhead_says_which_way(minutes: float, words: str, urgent: bool) -> None:
    """More, less or just the talk; more than rounding can add is urgent."""
    frame = billed([minutes], [100])
    statement = state_overhead(billing_overhead(frame), frame)  # type: ignore[arg-type]
    assert statement.title == f"Billed {words} in 1 whole hour"
    assert statement.sentence.startswith(f"{statement.title}, 2026-03-02 (UTC)")
    assert statement.urgent == urgent
    assert ("more than rounding" in statement.sentence) == urgent


def test_no_talk_is_told() -> None:
    """Without talk there is no overhead, and the sentence says why."""
    for frame, reason in ((billed([0], [0]), "no talk in 1 whole hour"), (billed([], []), "yet")):
        told = state_overhead(billing_overhead(frame), frame).sentence  # type: ignore[arg-type]
        assert told.startswith("There is no billing overhead to compute: ")
        assert reason in told
