"""Capacity: Erlang's tables, exact values, inverses, and hours near a limit."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from usage_analysis.analysis.capacity import capacity, describe_capacity
from usage_analysis.analysis.erlang import channels_for, erlang_b, traffic_for
from usage_analysis.errors import QueryError


def talk(erlangs: list[float]) -> pd.DataFrame:
    index = pd.date_range("2026-03-02", periods=len(erlangs), freq="h", tz="UTC", name="time")
    micro = (np.array(erlangs) * 3.6e9).round().astype(np.int64).view("m8[us]")
    return pd.DataFrame({"duration": micro}, index=index)


@pytest.mark.parametrize(
    ("channels", "blocking", "erlangs"),
    [
        # Carrier Grade VoIP, appendix A.
        *[(5, 0.001, 0.8), (5, 0.01, 1.4), (5, 0.02, 1.7), (5, 0.05, 2.2)],
        *[(8, 0.01, 3.1), (8, 0.02, 3.6), (8, 0.05, 4.5)],
        *[(9, 0.01, 3.8), (9, 0.02, 4.3), (9, 0.05, 5.4)],
    ],
)
def test_published_table(channels: int, blocking: float, erlangs: float) -> None:
    """Traffic at a given blocking is the table's to its one decimal."""
    assert round(traffic_for(channels, blocking), 1) == erlangs


@pytest.mark.parametrize(
    ("channels", "blocking", "erlangs"),
    # Erlang tables.
    [(15, 0.01, 8.108), (5, 0.01, 1.361), (5, 0.02, 1.657), (5, 0.05, 2.219)],
)
def test_published_inverse(channels: int, blocking: float, erlangs: float) -> None:
    """The inverse is the tables' to their last decimal, and so are the lines for that traffic."""
    # The tables' 2.219 is 2.21847, rounded twice.
    assert traffic_for(channels, blocking) == pytest.approx(erlangs, abs=0.00055)
    assert channels_for(erlangs - 0.001, blocking) == channels
    assert channels_for(erlangs + 0.001, blocking) == channels + 1


def test_values_by_hand() -> None:
    """One erlang on one line is lost half the time, on two a fifth of it; no line loses all."""
    assert erlang_b(1, 1) == 0.5
    assert erlang_b(1, 2) == 0.2
    assert erlang_b([0.0, 3.0], 0).tolist() == [1, 1]
    assert erlang_b(0, 3) == 0
    assert erlang_b(np.inf, 3) == 1


@pytest.mark.parametrize("traffic", [Fraction(1, 8), Fraction(7), Fraction(150), Fraction(1000)])
def test_the_recursion_is_exact(traffic: Fraction) -> None:
    """To 200 lines the recursion agrees with exact fractions to 1e-12."""
    term, total = Fraction(1), Fraction(1)
    exact = [1.0]
    for number in range(1, 201):
        term *= traffic / number
        total += term
        exact.append(float(term / total))
    np.testing.assert_allclose(erlang_b(float(traffic), range(201)), exact, rtol=1e-12)


@pytest.mark.parametrize("channels", [0, 1, 40, 900])
def test_a_recursion_that_begins_late_is_the_whole(channels: int) -> None:
    """Where its first steps no longer matter and are left out, the numbers are the same."""
    loads = np.array([0.0, 0.3, 0.9, 1.0, 1.05, 1.5, 1e6]) * channels
    lost = np.ones(len(loads))
    for number in range(1, channels + 1):
        lost = loads * lost / (number + loads * lost)
    assert erlang_b(loads, channels).tolist() == lost.tolist()
    enough = channels_for(loads[:6], 0.05)
    assert (erlang_b(loads[:6], enough) <= 0.05).all()
    assert (erlang_b(loads[:6], enough - 1) > 0.05).all()


def test_a_million_lines_are_lines_too() -> None:
    """What many lines lose is the share of a Poisson distribution that they cut off at them."""
    lines, loads = 10**6, np.array([0.999, 1.001]) * 10**6
    expected = stats.poisson.pmf(lines, loads) / stats.poisson.cdf(lines, loads)
    np.testing.assert_allclose(erlang_b(loads, lines), expected, rtol=1e-8)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 200), st.floats(1e-9, 0.999)), min_size=1, max_size=30))
def test_the_inverse_inverts(cases: list[tuple[int, float]]) -> None:
    """The traffic for a blocking is blocked by just that."""
    channels, blocking = (list(column) for column in zip(*cases, strict=True))
    found = erlang_b(traffic_for(channels, blocking), channels)
    np.testing.assert_allclose(found, blocking, rtol=1e-10)


def test_arguments_are_vectorised() -> None:
    """Arguments of different shapes are broadcast, and each cell is as though it were alone."""
    table = erlang_b([[1.0], [4.0]], [1, 7, 3])
    assert table.shape == (2, 3)
    assert table[1, 1] == erlang_b(4.0, 7)
    assert channels_for([1.0, 8.1], [[0.01], [0.5]]).tolist() == [[5, 15], [1, 5]]
    assert channels_for(0, 0.01) == 1
    for none in (erlang_b([], 3), erlang_b(3, []), channels_for([], 0.1), traffic_for([], 0.1)):
        assert none.tolist() == []


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 40), min_size=1, max_size=50), st.integers(1, 30))
def test_what_is_carried_is_offered(erlangs: list[float], limit: int) -> None:
    """Carried is never more than offered, solves its equation, and both make blocking rise."""
    found = capacity(talk(sorted(erlangs)), limit=limit)
    assert (found["carried"] <= found["offered"]).all()
    assert found["offered"].is_monotonic_increasing
    assert found["blocking"].is_monotonic_increasing
    assert found["demand"].is_monotonic_increasing
    open_ = found[~found["saturated"]]
    carried = open_["offered"] * (1 - open_["blocking"])
    np.testing.assert_allclose(carried, open_["carried"], rtol=1e-9)
    assert (found["saturated"] == (found["carried"] >= limit)).all()


def test_demand_is_the_poisson_bound() -> None:
    """Demand without a limit is the 99.9 % point of a Poisson distribution, as SciPy has it."""
    few = [0.0, 0.0005, 0.0011, 0.3, 1.0, 7.7, 42.0, 123.4]
    many = [*np.linspace(895, 910, 40), 999.0, 49_000.0]
    found = capacity(talk([*few, *many]), limit=50_000)
    expected = stats.poisson.ppf(0.999, found["offered"])
    assert found["demand"].tolist() == expected.tolist()
    nearly_full = capacity(talk([5 - 1e-9]), limit=5).iloc[0]
    assert 1e6 < nearly_full["offered"] < nearly_full["demand"] < np.inf


def test_the_limit_is_at_risk_before_it_is_full() -> None:
    """An hour is at risk where demand would pass the limit, saturated where talk fills it."""
    found = capacity(talk([0.5, 3.0, 5.0]), limit=5)
    assert found["at_risk"].tolist() == [False, True, True]
    assert found["saturated"].tolist() == [False, False, True]
    both = pd.concat([talk([1.0]).assign(agent="a"), talk([2.0]).assign(agent="b")])
    assert capacity(both[["agent", "duration"]], limit=5)["agent"].tolist() == ["a", "b"]


def test_the_risk_in_words() -> None:
    """The sentence gives hours at risk, limit, zone, n, and the busiest hour with its blocking."""
    calls = talk([0.1, 2.0, 1.0, 4.0]).assign(provisional=[False, False, False, True])
    assert describe_capacity(calls, limit=5) == (
        "calls at once: 1 of 3 hours at risk of refusals at a limit of 5 (UTC, 1 provisional left "
        "out); the busiest, 2026-03-02 01:00, carried 2.0 erlangs, at which Erlang B has 4.2 % of "
        "the calls refused; for 1 % it takes 7 lines"
    )
    full = calls.assign(provisional=False, duration=2 * calls["duration"])
    assert describe_capacity(full, limit=5) == (
        "calls at once: 3 of 4 hours at risk of refusals at a limit of 5, 1 of them saturated "
        "(UTC); the busiest, 2026-03-02 03:00, carried 8.0 erlangs: how many calls it refused "
        "cannot be told"
    )
    assert str(describe_capacity(calls, limit=90)).endswith(
        "Erlang B has less than 0.1 % of the calls refused"
    )
    quiet = str(describe_capacity(talk([0.0]).assign(provisional=False), limit=5))
    assert quiet.endswith("limit of 5 (UTC); no talk in any of them")
    none = describe_capacity(calls.assign(provisional=True), limit=5)
    assert none == (
        "calls at once: 0 finished hours, so nothing to hold against a limit of 5 (UTC, 4 "
        "provisional left out)"
    )


def test_an_hour_in_which_one_long_call_began_is_not_the_busiest() -> None:
    """Talk is booked where its call began: two hours of one call tell nothing of that hour."""
    calls = talk([0.1, 2.0, 1.0]).assign(provisional=False, joined_count=[3, 1, 20])
    assert "; the busiest, 2026-03-02 02:00, carried 1.0 erlangs" in str(
        describe_capacity(calls, limit=5)
    )
    alone = calls.assign(joined_count=[0, 1, 0], duration=calls["duration"] * [0, 1, 0])
    assert "; the busiest, 2026-03-02 01:00, carried 2.0" in str(describe_capacity(alone, limit=5))


def test_the_risk_of_groups_in_words() -> None:
    """A breakdown has a sentence a group, each with its own provisional hours."""
    parts = [talk([2.0, 0.5]).assign(agent=name, provisional=False) for name in "ba"]
    parts[1]["provisional"] = True
    told = describe_capacity(pd.concat(parts)[["agent", "duration", "provisional"]], limit=5)
    assert isinstance(told, pd.DataFrame)
    assert told.index.name == "agent"
    assert told["sentence"].str[15:39].to_dict() == {
        "b": "1 of 2 hours at risk of ",
        "a": "0 finished hours, so not",
    }


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: erlang_b(-1, 1), "traffic: expected erlangs, 0 or more, got -1"),
        (lambda: erlang_b(np.nan, 1), "traffic: .* got nan"),
        (lambda: erlang_b("many", 1), "traffic: .* got 'many'"),
        (lambda: erlang_b(1, 1.5), "channels: expected whole numbers, 0 or more, got 1.5"),
        (lambda: traffic_for(0, 0.5), "channels: expected whole numbers, 1 or more, got 0"),
        (lambda: traffic_for(1, 0), "blocking: expected a share between 0 and 1"),
        (lambda: channels_for(1, "few"), "blocking: .* got 'few'"),
        (lambda: channels_for(np.inf, 0.1), "traffic: expected finite erlangs"),
        (lambda: capacity(talk([1]), limit=0), "limit: expected a whole number .* got 0"),
    ],
)
def test_bad_arguments_are_named(call: object, words: str) -> None:
    """A bad argument is refused by name, with what came and what is accepted."""
    with pytest.raises(QueryError, match=words):
        call()  # type: ignore[operator]
