"""Rates: published intervals, sums before ratios, slots of the frame's own clock."""

from __future__ import annotations

from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

import usage_analysis as ua
from tests.conftest import costly
from usage_analysis.analysis.control import control_chart
from usage_analysis.analysis.difference import rate_difference
from usage_analysis.analysis.funnel import funnel
from usage_analysis.analysis.rates import average_call_duration, error_rate, join_rate
from usage_analysis.analysis.statements.rates import describe_errors
from usage_analysis.errors import QueryError


def frame(
    calls: list[int],
    errors: list[int],
    start: str = "2026-03-02",
    freq: str = "h",
    zone: str = "UTC",
    **columns: object,
) -> pd.DataFrame:
    index = pd.date_range(start, periods=len(calls), freq=freq, tz=zone, name="time")
    plain = {"total_count": calls, "error_count": errors, "joined_count": errors}
    return pd.DataFrame({**columns, **plain, "provisional": False}, index=index)


@pytest.mark.parametrize(
    ("events", "calls", "low", "high", "places"),
    [
        # R's prop.test(correct = FALSE).
        (100, 200, 0.4313609, 0.5686391, 7),
        (0, 10, 0.0, 0.2775328, 7),
        (10, 10, 0.7224672, 1.0, 7),
        # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3.
        (81, 263, 0.2553, 0.3662, 4),
        (15, 148, 0.0624, 0.1605, 4),
        (0, 20, 0.0, 0.1611, 4),
        (1, 29, 0.0061, 0.1718, 4),
    ],
)
def test_published_wilson_intervals(
    events: int, calls: int, low: float, high: float, places: int
) -> None:
    """The interval is Wilson's to every published digit, for errors and for joins."""
    for rate in (error_rate, join_rate):
        row = rate(frame([calls], [events])).iloc[0]
        assert round(row["low"], places) == low
        assert round(row["high"], places) == high
        assert row["rate"] == events / calls


def test_no_calls_have_no_rate() -> None:
    """A ratio with no calls under it is NaN, never 0, and is not enough."""
    row = error_rate(frame([0], [0]), min_calls=0).iloc[0]
    assert np.isnan([row["rate"], row["low"], row["high"]]).all()
    assert not row["enough"]


def test_more_errors_than_joined_calls_show() -> None:
    """A rate over 1 is told as it is and has no interval."""
    usage = frame([9], [4]).assign(joined_count=2)
    row = error_rate(usage, denominator="joined_count").iloc[0]
    assert row["rate"] == 2
    assert np.isnan([row["low"], row["high"]]).all()


def test_total_is_a_ratio_of_sums() -> None:
    """The total divides sums, which is not the mean of the hours' rates."""
    total = error_rate(frame([1, 99], [1, 0]), by="total")
    assert total.index.name == "total"
    assert total.loc["all", ["calls", "events", "rate"]].tolist() == [100, 1, 0.01]
    assert bool(total.loc["all", "enough"])


def test_slots_follow_the_index() -> None:
    """Hours and weekdays are those of the frame's own clock, Monday first."""
    usage = frame([5], [1], "2026-03-03 02:00").tz_convert("America/New_York")
    assert error_rate(usage, by="hour_of_day")["calls"].to_dict()[21] == 5
    assert error_rate(usage, by="day_of_week")["calls"].tolist() == [5, 0, 0, 0, 0, 0, 0]
    assert error_rate(usage, by="hour_of_week")["calls"].to_dict()[21] == 5
    assert len(error_rate(usage, by="hour_of_week")) == 168


def test_slots_leave_provisional_buckets_out() -> None:
    """A profile leaves a provisional bucket out; the total keeps it."""
    usage = frame([5, 5], [1, 1])
    usage.loc[usage.index[1], "provisional"] = True
    slots = error_rate(usage, by="day_of_week")
    assert slots["calls"].sum() == 5
    assert slots.attrs["left_out"] == 1
    assert error_rate(usage, by="total")["calls"].sum() == 10


def test_a_breakdown_has_a_row_a_group() -> None:
    """With a group column every row is a group's, by its name, in total, and by slot."""
    usage = pd.concat([frame([4, 6], [1, 1], agent="b"), frame([0, 1], [0, 0], agent="a")])
    for by in ("agent", "total"):
        rates = error_rate(usage, by=by)
        assert rates.index.tolist() == ["b", "a"]
        assert rates["calls"].tolist() == [10, 1]
    assert error_rate(usage).columns[0] == "agent"
    slots = error_rate(usage, by="hour_of_day")
    assert slots.loc[("b", 1), "calls"] == 6
    assert slots.index.names == ["agent", "hour_of_day"]


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ({"by": "weekday"}, "by: expected None, \"total\".*'weekday'"),
        ({"by": "agent"}, "by: expected"),
        ({"denominator": "error_count"}, 'denominator: expected "total_count" or "joined_count"'),
        ({"confidence": 95}, "confidence: expected a share from 0 to 1 such as 0.95, got 95"),
        ({"min_calls": -1}, "min_calls: .* got -1"),
    ],
)
def test_bad_arguments_are_named(argument: dict[str, object], words: str) -> None:
    """A bad argument is refused by name, with what came and what is accepted."""
    with pytest.raises(QueryError, match=words):
        error_rate(frame([1], [0]), **argument)  # type: ignore[arg-type]


def test_a_missing_column_is_named() -> None:
    """A frame of an old reply without errors is refused by the column's name."""
    with pytest.raises(QueryError, match="error_rate needs the column error_count"):
        error_rate(frame([1], [0]).drop(columns="error_count"))


@pytest.mark.parametrize(
    ("current", "previous", "low", "high", "places"),
    [
        # Fagerland 2015, Newcombe's hybrid score.
        ((7, 34), (1, 34), 0.019, 0.34, (3, 2)),
        # Newcombe 1998, Statistics in Medicine 17:873, table II, method 10.
        ((6, 7), (2, 7), 0.0582, 0.8062, (4, 4)),
        ((5, 56), (0, 29), -0.0381, 0.1926, (4, 4)),
    ],
)
def test_published_differences(
    current: tuple[int, int],
    previous: tuple[int, int],
    low: float,
    high: float,
    places: tuple[int, int],
) -> None:
    """The interval of a difference is Newcombe's to every published digit."""
    one, other = (frame([calls], [events]) for events, calls in (current, previous))
    for independent in (None, "calls"):
        found = rate_difference(one, other, independent=independent)
        assert (round(found["low"], places[0]), round(found["high"], places[1])) == (low, high)
        expected = current[0] / current[1] - previous[0] / previous[1]
        assert found["difference"] == pytest.approx(expected)
        assert bool(found["significant"]) == (low > 0)


counts = st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(st.lists(counts, min_size=1, max_size=20), st.floats(0.01, 0.999))
def test_wilson_agrees_with_statsmodels(pairs: list[tuple[int, int]], confidence: float) -> None:
    """Intervals lie in [0, 1], hold the rate, and are statsmodels' own."""
    events, calls = (list(column) for column in zip(*pairs, strict=True))
    found = error_rate(frame(calls, events), confidence=confidence)
    assert (found["low"] >= 0).all()
    assert (found["high"] <= 1).all()
    assert found["rate"].between(found["low"] - 1e-12, found["high"] + 1e-12).all()
    low, high = proportion_confint(events, calls, 1 - confidence, "wilson")
    np.testing.assert_allclose(found["low"], low, atol=1e-12)
    np.testing.assert_allclose(found["high"], high, atol=1e-12)


@given(counts, counts)
def test_differences_agree_with_statsmodels(a: tuple[int, int], b: tuple[int, int]) -> None:
    """Newcombe's interval is statsmodels' own, and turns its sign with its arguments."""
    one, two = frame([a[1]], [a[0]]), frame([b[1]], [b[0]])
    found = rate_difference(one, two)
    low, high = confint_proportions_2indep(*a, *b, method="newcomb", compare="diff")
    np.testing.assert_allclose([found["low"], found["high"]], [low, high], atol=1e-9)
    turned = rate_difference(two, one)
    np.testing.assert_allclose([turned["high"], turned["low"]], [-low, -high], atol=1e-9)


def scattered(seed: int, groups: int = 400, days: int = 28) -> pd.DataFrame:
    """Groups with 1,000 calls a day and 3 % errors, whose days differ 2.5 times as chance makes."""
    random = np.random.default_rng(seed)
    n, p, rho = 1000, 0.03, (2.5**2 - 1) / 999
    rate = random.beta(p * (1 / rho - 1), (1 - p) * (1 / rho - 1), (groups, days))
    time = pd.date_range("2026-03-02", periods=days, freq="D", tz="UTC", unit="us", name="time")
    return pd.DataFrame(
        {
            "agent": np.repeat(np.arange(groups).astype(str), days),
            "total_count": n,
            "error_count": random.binomial(n, rate).ravel(),
            "provisional": False,
        },
        index=time.append([time] * (groups - 1)),
    )


def test_differences_of_days_that_scatter() -> None:
    """Where days differ, 95 % intervals hold no difference in nearly 95 % of months, by days."""
    now, before = scattered(1), scattered(2)
    held = {}
    for unit in ("calls", "days"):
        found = rate_difference(now, before, independent=unit)
        held[unit] = float(((found["low"] <= 0) & (found["high"] >= 0)).mean())
    assert held["calls"] < 0.7
    assert 0.92 <= held["days"] <= 0.98
    one, other = (part[part["agent"] == "7"].drop(columns="agent") for part in (now, before))
    single = rate_difference(one, other, independent="days")
    assert single["low"] == found.loc["7", "low"]
    with pytest.raises(QueryError, match="rate_difference needs the column provisional"):
        rate_difference(one.drop(columns="provisional"), other, independent="days")
    assert single.equals(rate_difference(one, other))
    with pytest.raises(QueryError, match='independent: expected "calls" or "days", got \'hours\''):
        rate_difference(one, other, independent="hours")  # type: ignore[arg-type]


def test_joined_calls_are_a_share_of_all_calls() -> None:
    """Joined calls are set over no other count: there may be many more of them than errors."""
    usage = frame([9], [4])
    for call in (
        lambda: join_rate(usage, denominator="error_count"),
        lambda: control_chart(usage, event="joined_count", denominator="error_count"),
        lambda: rate_difference(usage, usage, event="joined_count", denominator="error_count"),
        lambda: funnel(usage.assign(agent="a"), event="joined_count", denominator="error_count"),
    ):
        with pytest.raises(QueryError, match='denominator: expected "total_count", got'):
            call()


def test_differences_of_groups() -> None:
    """Breakdowns are paired by group; one that is missing on a side has no difference."""
    a = pd.concat([frame([100], [10], agent="x"), frame([50], [1], agent="y")])
    b = pd.concat([frame([10], [1], agent="z"), frame([100], [5], agent="x")])
    found = rate_difference(a, b)
    assert isinstance(found, pd.DataFrame)
    assert found.index.tolist() == ["x", "y", "z"]
    assert found.index.name == "agent"
    assert found.loc["x", "difference"] == pytest.approx(0.05)
    assert found.loc[["y", "z"], "difference"].isna().all()
    with pytest.raises(QueryError, match="previous: expected the same group column as current"):
        rate_difference(a, b[b["agent"] == "x"].drop(columns="agent"))
    with pytest.raises(QueryError, match='event: expected "error_count" or "joined_count", got'):
        rate_difference(a, b, event="x")


def test_average_call_duration_is_a_ratio_of_sums() -> None:
    """All talk is divided by all joined calls; without one there is no mean."""
    usage = frame([9, 9], [1, 3]).assign(duration=pd.to_timedelta(["60s", "20s"]))
    assert average_call_duration(usage) == pd.Timedelta("20s")
    assert average_call_duration(usage.assign(joined_count=0)) is pd.NaT
    both = pd.concat([usage.assign(agent="b"), usage.iloc[:1].assign(agent="a")])
    found = average_call_duration(both[["agent", *usage.columns]])
    assert isinstance(found, pd.DataFrame)
    assert found["average_call_duration"].dt.total_seconds().to_dict() == {"b": 20, "a": 60}
    assert found["calls"].to_dict() == {"b": 4, "a": 1}


def test_errors_in_words() -> None:
    """The sentence gives rate, calls, errors, interval, dates and zone, or says too few."""
    usage = frame([100] * 48, [2] * 48, "2026-03-02 12:00", zone="America/New_York")
    assert describe_errors(usage) == (
        "Error rate 2.00 % (96 of 4,800 calls; 95 % interval 1.64 to 2.44 %), "
        "2026-03-02 to 2026-03-04 (America/New_York)."
    )
    assert describe_errors(frame([42_078], [310])).startswith(
        "Error rate 0.74 % (310 of 42,078 calls; 95 % interval 0.66 to 0.82 %)"
    )
    assert describe_errors(usage, confidence=0.8).count("; 80 % interval ") == 1
    assert describe_errors(frame([5], [1])) == (
        "Too few calls to give an error rate: 1 failed of 5 calls, 2026-03-02 (UTC)."
    )
    assert describe_errors(frame([1], [0])).startswith(
        "Too few calls to give an error rate: 0 failed of 1 call, "
    )
    assert describe_errors(frame([0], [0])) == "No calls, so no error rate, 2026-03-02 (UTC)."
    assert describe_errors(frame([120], [216])) == (
        "No error rate can be given: 216 failed of 120 calls is more than all, 2026-03-02 (UTC)."
    )
    open_ = usage.assign(provisional=np.arange(48) >= 45)
    assert describe_errors(open_).endswith(" (America/New_York), 3 provisional hours included.")
    day = frame([99], [9], freq="D", start="2026-03-02").assign(provisional=True)
    day.attrs["every"] = "D"
    assert describe_errors(day).endswith("(UTC), 1 provisional day included.")
    few = frame([5], [1], zone="America/New_York", agent="a")
    both = pd.concat([usage.assign(agent="b"), few])
    told = describe_errors(both[["agent", *usage.columns]])
    assert isinstance(told, pd.DataFrame)
    assert told["sentence"].str[:15].to_dict() == {"b": "Error rate 2.00", "a": "Too few calls t"}


def test_a_rate_says_what_it_is_of() -> None:
    """A table of rates records event, denominator, level, method and dates."""
    usage = frame([100] * 96, [2] * 96)
    for rate, event in ((error_rate, "error_count"), (join_rate, "joined_count")):
        meaning = rate(usage, by="total", confidence=0.8).attrs["meaning"]
        assert (meaning["made_by"], meaning["event"]) == (rate.__name__, event)
        assert (meaning["denominator"], meaning["confidence"]) == ("total_count", 0.8)
        assert meaning["dates"] == "2026-03-02 to 2026-03-05 (UTC)"
    assert "days" in meaning["method"]
    assert "days" not in error_rate(usage).attrs["meaning"]["method"]


def test_what_is_taken_for_independent() -> None:
    """Days widen totals and slots where there are three; single buckets and calls are Wilson's."""
    usage = scattered(3, groups=3)
    for by in ("total", "day_of_week"):
        days, calls = (error_rate(usage, by=by, independent=unit) for unit in (None, "calls"))
        assert (days["high"] - days["low"] > calls["high"] - calls["low"]).all()
        assert days["rate"].equals(calls["rate"])
    assert error_rate(usage).equals(error_rate(usage, independent="calls"))
    brief = usage[usage.index < "2026-03-04"]
    default = error_rate(brief, by="total")
    assert default.equals(error_rate(brief, by="total", independent="calls"))
    assert error_rate(brief, by="total", independent="days")[["low", "high"]].isna().all(axis=None)
    with pytest.raises(QueryError, match='independent: expected "calls" or "days", got \'hours\''):
        error_rate(usage, independent="hours")  # type: ignore[arg-type]


@costly
@given(st.randoms(use_true_random=False))
def test_row_order_does_not_matter(random: Random) -> None:
    """The answer by any slot is the same whatever the order of the rows."""
    both = pd.concat([frame([3, 1, 4, 1, 5], [1] * 5, agent=name) for name in "ba"])
    order = random.sample(range(10), 10)
    for by in ("total", "agent", "hour_of_day", "hour_of_week"):
        shuffled = error_rate(both.iloc[order], by=by)
        pd.testing.assert_frame_equal(error_rate(both, by=by).sort_index(), shuffled.sort_index())


def test_a_bucket_that_is_not_whole_is_not_enough() -> None:
    """A day that is not whole, or can still grow, is no certain rate, however many calls it has."""
    hourly = ua.sample_client().call_usage(from_date="2026-03-30", to_date="2026-04-01").hourly
    for rows in (hourly, hourly[~hourly["provisional"]]):
        assert ua.error_rate(ua.aggregate(rows, "D"))["enough"].tolist() == [True, True, False]
    assert ua.error_rate(hourly, by="total")["enough"].tolist() == [True]
