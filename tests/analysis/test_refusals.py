"""What `capacity` says of refused calls, against simulated calls that a limit really refuses."""

from __future__ import annotations

import numpy as np
import pytest

from tests.analysis import shops
from tests.analysis.businesses import KINDS
from tests.analysis.businesses import week as business_week
from tests.analysis.calls import HOURS, WEEKDAYS, Months, simulate, week
from usage_analysis.analysis.capacity import capacity
from usage_analysis.analysis.statements.peaks import describe_capacity

# Offered traffic of the busiest hour per call and day, for calls of 184 s.
PEAK = week(1).max() * 184 / 3600


def busiest(sim: Months, limit: int) -> tuple[float, float]:
    """Share of calls refused in the hour that carried most, as it was and as it is told."""
    found = capacity(sim.hourly, limit=limit)
    month = np.arange(len(sim.occupancy))
    top = sim.of(found["carried"]).argmax(axis=1)
    true = sim.refused[month, top] / sim.attempts[month, top]
    return float(true.mean()), float(sim.of(found["blocking"])[month, top].mean())


def check(sim: Months, limit: int, *, least: float = 0.02) -> None:
    """Refusals are told within a quarter, no hour fuller than it was, and the limit believed."""
    true, told = busiest(sim, limit)
    assert true > least
    assert 0.75 * true <= told <= 1.25 * true
    found = capacity(sim.hourly, limit=limit)
    carried = sim.of(found["carried"])
    # Told full: the limit or more carried, where less than nine tenths of it was held.
    wrong = (carried >= limit) & (sim.occupancy < 0.9 * limit)
    assert (wrong.any(axis=1)).mean() <= 0.05
    assert not found["over_limit"].any()


def test_the_busiest_hours_refusals_are_told() -> None:
    """At 3 erlangs for 5 lines the refusals of the busiest hour are told within a quarter."""
    sim = simulate(np.random.default_rng(41), 3 / PEAK, 5, months=16)
    check(sim, 5)


def long_calls(kind: str, erlangs: float, limit: int, months: int, **given: float) -> Months:
    """Simulate a business whose busiest hour offers so many erlangs to a limit."""
    profile = business_week(kind, 1).ravel()
    profile *= erlangs / (profile.max() * given.get("mean", 184) / 3600)
    rng = np.random.default_rng([52, KINDS.index(kind), int(10 * erlangs)])
    return simulate(rng, 1, limit, months=months, profile=profile, **given)


def shop(kind: str, erlangs: float, limit: int, months: int) -> Months:
    """Simulate a shop with calls of 600 s, lognormal with the shape 1.2, at a limit."""
    profile = shops.week(kind, 1).ravel()
    profile *= erlangs / (profile.max() * 600 / 3600)
    rng = np.random.default_rng([53, int(10 * erlangs), limit])
    return simulate(rng, 1, limit, months=months, mean=600, sigma=1.2, profile=profile)


def full_by_mistake(sim: Months, limit: int) -> float:
    """Share of months with an hour that is told full while a tenth of its lines were free."""
    carried = sim.of(capacity(sim.hourly, limit=limit)["carried"])
    return float(((carried >= limit) & (sim.occupancy < 0.9 * limit)).any(axis=1).mean())


def test_calls_of_ten_minutes_fill_no_lines() -> None:
    """At 5 erlangs for 5 lines no hour is told full that was not, in 95 % of months."""
    assert full_by_mistake(shop("hotline", 5, 5, 8), 5) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("kind", shops.KINDS)
def test_calls_of_ten_minutes_fill_no_lines_at_length(kind: str) -> None:
    """From 3 erlangs for 5 lines to 8 for 10, no hour is told full that was not.

    Found over 20 months each: 0 of them. Before full hours were drawn to the usual it was 17 to
    75 % of months at 5 erlangs, and 0 to 25 % at 3. `businesses` gave 8 to 50 %, and gives 0 now.
    The busiest hour's refusals are told as 0.78 to 1.87 times the true ones, and as 0.86 to 1.88
    times of `businesses`: 0.78 to 1.15 at 3 erlangs, 1.16 to 1.72 at 5, 1.02 to 1.88 at 8.
    """
    for erlangs, limit in ((3, 5), (5, 5), (8, 10)):
        assert full_by_mistake(shop(kind, erlangs, limit, 20), limit) <= 0.05


def test_long_calls_fill_no_lines() -> None:
    """Where call lengths vary widely no hour is told full that was not, and shares are hedged."""
    sim = long_calls("office", 3, 5, 8, sigma=1.2)
    full = sim.of(capacity(sim.hourly, limit=5)["carried"]) >= 5
    assert not (full & (sim.occupancy < 4.5)).any()
    told = describe_capacity(sim.hourly, limit=5)["sentence"]
    assert told.str.contains("would have lost at most").mean() > 0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "erlangs", "given", "most"),
    [
        ("office", 3, {"mean": 600}, 1.25),
        ("weekend", 3, {}, 1.25),
        ("office", 3, {"sigma": 0.9}, 1.3),
        ("weekend", 3, {"sigma": 0.9}, 1.3),
        ("office", 3, {"sigma": 1.2}, 1.6),
        ("weekend", 3, {"sigma": 1.2}, 1.6),
    ],
)
def test_refusals_of_long_calls(
    kind: str, erlangs: float, given: dict[str, float], most: float
) -> None:
    """Refusals are told within a quarter, and are too high where a few calls are very long.

    Told over true, 20 months each, offices and weekend businesses: exponential lengths 0.79 and
    0.96, lognormal ones of shape 0.9 1.13 and 1.08, of shape 1.2 1.29 and 1.22. Before long calls
    were spread, shape 1.2 gave 1.5 to 2.3.
    """
    limit = 5
    sim = long_calls(kind, erlangs, limit, 20, **given)
    true, told = busiest(sim, limit)
    assert 0.75 * true <= told <= most * true
    carried = sim.of(capacity(sim.hourly, limit=limit)["carried"])
    wrong = (carried >= limit) & (sim.occupancy < 0.9 * limit)
    assert wrong.any(axis=1).mean() <= 0.05


def test_one_stuck_call_fills_no_lines() -> None:
    """A call of 10 hours among calls of 3 minutes makes no hour look fuller than one call more."""
    sim = simulate(np.random.default_rng(43), 1.5 / PEAK, 5, months=8)
    hourly = sim.hourly.copy()
    place = np.arange(8) * sim.occupancy.shape[1] + 200
    talk = hourly["duration"].to_numpy().copy()
    talk[place] += np.timedelta64(10, "h")
    hourly["duration"] = talk
    found = capacity(hourly, limit=5)
    assert sim.of(found["overlong"])[:, 200].all()
    moved = sim.of(found["carried"]) - sim.of(capacity(sim.hourly, limit=5)["carried"])
    assert moved.max() < 1.2
    assert not found["over_limit"].any()


def test_a_limit_that_was_not_in_force_is_doubted() -> None:
    """With 13 lines in force, a limit of 5 is doubted at 7 erlangs, and never a true limit."""
    sim = simulate(np.random.default_rng(44), 7 / PEAK, 13, months=8)
    told = describe_capacity(sim.hourly, limit=5)["sentence"]
    assert told.str.contains("was hardly in force").all()
    told = describe_capacity(sim.hourly, limit=13)["sentence"]
    assert not told.str.contains("was hardly in force").any()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limit", "erlangs", "days", "sigma"),
    [
        *[(5, erlangs, days, None) for erlangs in (2, 3, 4, 6, 9) for days in (0, 0.15)],
        *[(20, erlangs, 0.15, None) for erlangs in (14, 21)],
        *[(5, 3, 0, 0.8), (5, 6, 0, 0.8)],
    ],
)
def test_refusals_are_told_within_a_quarter(
    limit: int, erlangs: float, days: float, sigma: float | None
) -> None:
    """The busiest hour's refusals are told within a quarter of the truth, on average of 40 months.

    Simulated: months of four weeks, calls of 184 s in the mean (exponential, or lognormal with the
    shape `sigma`), days that scatter by `days`. True and told, in % of that hour's calls:
    5 lines at 2, 3, 4, 6, 9 erlangs 6.5 and 7.6, 15.4 and 16.6, 26.1 and 27.1, 38.9 and 43.1, 51.7
    and 60.6; with scattered days 9.3 and 8.7, 21.6 and 18.7, 29.5 and 28.5, 45.5 and 46.2, 57.3 and
    61.4; 20 lines at 14 and 21 erlangs 10.5 and 9.5, 29.7 and 30.9; lognormal lengths at 3 and 6
    erlangs 16.1 and 17.0, 38.1 and 44.7.
    """
    rng = np.random.default_rng([limit, int(10 * erlangs), int(100 * days)])
    per_day = erlangs / PEAK
    check(simulate(rng, per_day, limit, months=40, days=days, sigma=sigma), limit)


@pytest.mark.slow
def test_a_false_limit_is_doubted_and_a_true_one_is_not() -> None:
    """Of 40 months at 13 lines a limit of 5 is doubted from 6 erlangs on in all of them.

    A true limit of 5 was doubted in 0 of 40 months at each of 3, 6 and 9 erlangs.
    """
    for erlangs in (6, 8):
        sim = simulate(np.random.default_rng(50), erlangs / PEAK, 13, months=40)
        found = sim.of(capacity(sim.hourly, limit=5)["over_limit"])
        assert found.any(axis=1).all()
    for erlangs in (3, 6, 9):
        sim = simulate(np.random.default_rng(51), erlangs / PEAK, 5, months=40)
        assert not capacity(sim.hourly, limit=5)["over_limit"].any()


def test_the_simulator_loses_what_erlang_says() -> None:
    """Constant traffic loses the share that Erlang's formula gives, and occupancy adds up."""
    sim = simulate(np.random.default_rng(45), 3 / PEAK, 5, months=30, weeks=1)
    level = np.outer(WEEKDAYS, HOURS).ravel()
    near = level >= 0.97 * level.max()
    lost = sim.refused[:, near].sum() / sim.attempts[:, near].sum()
    assert lost == pytest.approx(0.11, abs=0.02)  # B(3, 5) = 0.1101
    assert sim.occupancy.max() <= 5
