"""Capacity: Erlang's tables, exact values, inverses, and hours near a limit. Covers erlang."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from usage_analysis.analysis.capacity import capacity
from usage_analysis.analysis.erlang import channels_for, erlang_b, traffic_for
from usage_analysis.analysis.statements.peaks import describe_capacity
from usage_analysis.errors import QueryError


def talk(erlangs: list[float], calls: float = 20) -> pd.DataFrame:
    """Hours of so many erlangs each, of calls of equal mean length."""
    index = pd.date_range("2026-03-02", periods=len(erlangs), freq="h", tz="UTC", name="time")
    micro = (np.array(erlangs) * 3.6e9).round().astype(np.int64).view("m8[us]")
    count = np.array(erlangs) * calls
    columns = {"total_count": count, "duration": micro, "provisional": False}
    return pd.DataFrame(columns, index=index)


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
    [
        # Erlang tables.
        *[(15, 0.01, 8.108), (5, 0.01, 1.361), (5, 0.02, 1.657), (5, 0.05, 2.2185)]
    ],
)
def test_published_inverse(channels: int, blocking: float, erlangs: float) -> None:
    """The inverse is the tables' to their last decimal, and so are the lines for that traffic."""
    assert traffic_for(channels, blocking) == pytest.approx(erlangs, abs=0.00055)
    assert channels_for(erlangs - 0.001, blocking) == channels
    assert channels_for(erlangs + 0.001, blocking) == channels + 1


def test_published_table_of_ports() -> None:
    """8 ports at 1 % take 3.11 E in Lucent's table B-1, in whole hundred call seconds."""
    # The formula gives 3.1276 E, or 112.6 hundred call seconds; 112 of them are 3.11 E.
    assert round(np.floor(36 * traffic_for(8, 0.01)) / 36, 2) == 3.11
    assert channels_for(3.11, 0.01) == 8


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


@given(st.lists(st.floats(0, 9), min_size=1, max_size=50), st.integers(10, 30))
def test_offered_solves_its_equation(erlangs: list[float], limit: int) -> None:
    """Offered less what is refused is the usual carried traffic, where no hour is far from it."""
    found = capacity(talk(erlangs), limit=limit)
    usual = found[found["offered"] * (1 - erlang_b(found["offered"], limit)) > 0]
    near = usual[
        np.isclose(
            usual["usual"], usual["offered"] * (1 - erlang_b(usual["offered"], limit)), rtol=1e-9
        )
    ]
    far = usual.drop(near.index)
    assert (far["carried"] > far["usual"]).all()
    assert (found["usual"] <= found["offered"] + 1e-12).all()
    assert found["blocking"].between(0, 1).all()
    assert (found["at_risk"] == (found["blocking"] >= 0.01)).all()


@given(
    st.lists(st.tuples(st.integers(0, 60), st.floats(0.2, 60)), min_size=2, max_size=60),
    st.integers(0, 59),
    st.floats(0, 30),
)
def test_spreading_moves_talk_and_makes_none(
    rows: list[tuple[int, float]], place: int, stuck: float
) -> None:
    """Carried traffic is what was talked, less what lasts beyond the data, however calls clump."""
    index = pd.date_range("2026-03-02", periods=len(rows) + 100, freq="h", tz="UTC", name="time")
    calls = np.array([count for count, _ in rows] + [0] * 100)
    hours = np.array([count * minutes / 60 for count, minutes in rows] + [0.0] * 100)
    hours[place % len(rows)] += stuck
    spent = (hours * 3.6e9).round().astype("m8[us]")
    frame = pd.DataFrame({"total_count": calls, "duration": spent, "provisional": False}, index)
    carried = capacity(frame)["carried"]
    assert (carried > -1e-9).all()
    # Waits of more than 48 hours are cut, and shares below a thousandth.
    assert carried.sum() == pytest.approx(hours.sum(), rel=0.01, abs=1e-6)


def test_talk_is_held_where_it_lasts() -> None:
    """A share of each hour's talk is held in the next hours, as exponential lengths have it."""
    found = capacity(talk([0, 3.0, 0, 0, 0]).assign(total_count=[0, 6, 0, 0, 0]))["carried"]
    inside = 1 - 0.5 * (1 - np.exp(-2))
    assert found.iloc[:3].tolist() == pytest.approx(
        [0, 3 * inside, 3 * 0.5 * (1 - np.exp(-2)) ** 2], abs=1e-9
    )
    gap = talk([3.0, 1.0, 0, 0]).assign(total_count=[6, 2, 0, 0]).iloc[[0, 2, 3]]
    assert capacity(gap)["carried"].iloc[1] == 0


def test_an_overlong_call_is_one_call() -> None:
    """A call of 9 hours among calls of 3 minutes is one erlang for 9 hours, and says so."""
    rows = talk([1.0] * 96)
    rows.iloc[50, rows.columns.get_loc("duration")] += pd.Timedelta(hours=9)
    found = capacity(rows, limit=5)
    assert np.flatnonzero(found["overlong"]).tolist() == [50]
    assert found["carried"].iloc[50:61].to_numpy() == pytest.approx([1.5, *[2] * 8, 1.5, 1])
    assert "; in 1 hour a very long call was spread over the hours it lasted." in describe_capacity(
        rows, limit=5
    )


def test_demand_is_the_poisson_bound() -> None:
    """Demand without a limit is the 99.9 % point of a Poisson distribution, as SciPy has it."""
    erlangs = [0.0, 0.0005, 0.0011, 0.3, 1.0, 7.7, 42.0, 123.4, 905.0, 49_000.0]
    found = capacity(talk(erlangs), limit=50_000)
    assert found["demand"].tolist() == stats.poisson.ppf(0.999, found["offered"]).tolist()


def test_risk_is_a_share_of_refused_calls() -> None:
    """An hour is at risk from the share that the caller names, the same at every limit."""
    for limit, at_one_percent in ((1, 0.0101), (5, 1.361), (15, 8.108)):
        for factor, risk in ((0.9, False), (1.1, True)):
            found = capacity(talk([factor * at_one_percent] * 48, calls=1000), limit=limit)
            assert found["at_risk"].iloc[5:-5].all() == risk
    lax = capacity(talk([1.361 * 1.1] * 48), limit=5, blocking=0.05)
    assert not lax["at_risk"].any()
    both = pd.concat([talk([1.0]).assign(agent="a"), talk([2.0]).assign(agent="b")])
    both = both[["agent", "total_count", "duration", "provisional"]]
    assert capacity(both, limit=5)["agent"].tolist() == ["a", "b"]


def test_a_limit_that_hours_exceed_is_doubted() -> None:
    """Hours that carry more than the limit contradict it: nothing is then told as refused."""
    rows = talk([1.0, 9.0, 9.0, 1.0] * 30)
    found = capacity(rows, limit=5)
    assert found["over_limit"].any()
    assert (found["offered"] >= found["usual"] - 1e-12).all()
    told = str(describe_capacity(rows, limit=5))
    assert told.startswith("A limit of 5 concurrent calls was hardly in force: ")
    assert "refused" not in told
    assert "these days would need about 1" in told
    groups = pd.concat([rows.assign(agent="a"), talk([1.0] * 120).assign(agent="b")])
    told = describe_capacity(groups[["agent", "total_count", "duration", "provisional"]], limit=5)
    assert told["sentence"].str.contains("hardly").tolist() == [True, False]


def test_the_risk_in_words() -> None:
    """The sentences give hours at risk, limit, n, dates, zone and the busiest hour's refusals."""
    calls = talk([0.1, 2.0, 1.0, 4.0]).assign(provisional=[False, False, False, True])
    found = capacity(calls, limit=5).iloc[1]
    assert describe_capacity(calls, limit=5) == (
        "If a limit of 5 concurrent calls was in force, it refused 1 % or more of the calls in "
        "about 1 of 3 hours (2026-03-02 (UTC), 1 provisional hour left out). The busiest hour, "
        f"2026-03-02 01:00, carried {found['carried']:.3g} erlangs and would have lost about "
        f"{100 * found['blocking']:.0f} % of its calls (Erlang B). Such days would then need about "
        f"{channels_for(found['offered'], 0.01)} lines to refuse at most 1 %."
    )
    unlikely = str(describe_capacity(calls, limit=90))
    assert unlikely.startswith(
        "Refusals are unlikely at a limit of 90 concurrent calls: in none of 3 hours would 1 % of "
        "the calls be refused (2026-03-02 (UTC), 1 provisional hour left out)."
    )
    assert str(describe_capacity(calls)).startswith(
        "No concurrency limit was given. In 3 hours (2026-03-02 (UTC), 1 provisional hour left "
        "out), the busiest hour carried 1."
    )
    quiet = describe_capacity(talk([0.0]), limit=5)
    assert quiet == "No talk in 1 hour (2026-03-02 (UTC))."
    none = describe_capacity(calls.assign(provisional=True), limit=5)
    assert none == (
        "No finished hour yet, so no concurrent calls (UTC, 4 provisional hours left out)."
    )


def test_the_risk_of_groups_in_words() -> None:
    """A breakdown has a sentence per group, each with its own provisional hours."""
    parts = [talk([2.0, 0.5]).assign(agent=name) for name in "ba"]
    parts[1]["provisional"] = True
    columns = ["agent", "total_count", "duration", "provisional"]
    told = describe_capacity(pd.concat(parts)[columns], limit=5)
    assert isinstance(told, pd.DataFrame)
    assert told.index.name == "agent"
    assert told["sentence"].str[:23].to_dict() == {
        "b": "If a limit of 5 concurr",
        "a": "No finished hour yet, s",
    }


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: erlang_b(-1, 1), "traffic: expected erlangs, 0 or more, got -1"),
        (lambda: erlang_b(np.nan, 1), "traffic: .* got nan"),
        (lambda: erlang_b("many", 1), "traffic: .* got 'many'"),
        (lambda: erlang_b(1, 1.5), "channels: expected whole numbers, 0 or more, got 1.5"),
        (lambda: traffic_for(0, 0.5), "channels: expected whole numbers, 1 or more, got 0"),
        (lambda: traffic_for(1, 0), "blocking: expected a share from 0 to 1"),
        (lambda: channels_for(1, "few"), "blocking: .* got 'few'"),
        (lambda: channels_for(np.inf, 0.1), "traffic: expected finite erlangs"),
        (lambda: capacity(talk([1]), limit=0), "limit: expected a whole number .* got 0"),
        (lambda: capacity(talk([1]), limit=5, blocking=1), "blocking: expected a share .* got 1"),
    ],
)
def test_bad_arguments_are_named(call: object, words: str) -> None:
    """A bad argument is refused by name, with what came and what is accepted."""
    with pytest.raises(QueryError, match=words):
        call()  # type: ignore[operator]
