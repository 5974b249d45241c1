"""What holds for every helper: row order, groups, empty frames, and names that it needs itself.

Covers arrays, meaning and series.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import usage_analysis as ua
from usage_analysis.tidy.frames import check_group_name

HELPERS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "aggregate": lambda f: ua.aggregate(f, "W"),
    "average_call_duration": ua.average_call_duration,
    "billing_overhead": ua.billing_overhead,
    "burn_rate": ua.burn_rate,
    "busy_hour": ua.busy_hour,
    "capacity": lambda f: ua.capacity(f, limit=30),
    "change_points": lambda f: ua.change_points(ua.aggregate(f, "D")),
    "compare_periods": ua.compare_periods,
    "control_chart": ua.control_chart,
    "control_chart by hour": lambda f: ua.control_chart(f, every=None),
    "cost": ua.cost,
    "describe_capacity": lambda f: ua.describe_capacity(f, limit=30),
    "describe_errors": ua.describe_errors,
    "describe_month": ua.describe_month,
    "describe_peak": ua.describe_peak,
    "error_rate": ua.error_rate,
    "expected": ua.expected,
    "explain_cost": lambda f: ua.explain_cost(f, f),
    "error_rate by hour_of_week": lambda f: ua.error_rate(f, by="hour_of_week"),
    "error_rate by total": lambda f: ua.error_rate(f, by="total"),
    "in_timezone": lambda f: ua.in_timezone(f, "Asia/Kolkata"),
    "join_rate": ua.join_rate,
    "load_profile": ua.load_profile,
    "load_profile of talk": lambda f: ua.load_profile(f, by="hour_of_week", measure="duration"),
    "peak_hours": ua.peak_hours,
    "project_month": ua.project_month,
    "rate_difference": lambda f: ua.rate_difference(f, f),
    "rolling": lambda f: ua.rolling(f, "3D"),
    "traffic_intensity": ua.traffic_intensity,
}


FUNCTIONS = {name: member for name in ua.__all__ if inspect.isfunction(member := getattr(ua, name))}
PUBLIC = {
    name
    for name, member in FUNCTIONS.items()
    if member.__module__.startswith("usage_analysis.analysis")
}
PUBLIC |= {"aggregate", "in_timezone", "rolling"}


def test_every_helper_is_here() -> None:
    """No public helper that takes a frame is left out."""
    formulas = {"channels_for", "erlang_b", "traffic_for"}
    # Of groups alone, of a reply, of a table, and of all groups together.
    others = {
        "funnel",
        "rate_effects",
        "reconcile",
        "describe_cause",
        "describe_unusual",
        "unusual",
    }
    # Of a client.
    others |= {"explain", "planned_requests"}
    assert PUBLIC - formulas - others == {name.partition(" ")[0] for name in HELPERS}


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_helper_says_what_it_does(name: str) -> None:
    """A helper's docstring has its arguments, what comes back, errors, and an example that runs."""
    told = inspect.getdoc(getattr(ua, name)) or ""
    for section in ("Parameters", "Returns", "Raises", "Examples"):
        assert f"\n{section}\n{'-' * len(section)}\n" in told, section
    assert ">>> " in told.partition("Examples")[2]


def series(seed: int, zone: str = "UTC") -> pd.DataFrame:
    """Forty days of hours, the last three still open."""
    rng, n = np.random.default_rng(seed), 24 * 40
    index = pd.date_range("2026-02-20", periods=n, freq="h", tz=zone, name="time").as_unit("us")
    calls = rng.poisson(30 + 10 * (np.arange(n) % 24 == 14), n)
    return pd.DataFrame(
        {
            "total_count": calls,
            "error_count": rng.binomial(calls, 0.05),
            "joined_count": rng.binomial(calls, 0.9),
            "duration": (calls * rng.integers(10**7, 10**8, n)).view("m8[us]"),
            "billed_minutes": calls * 1.7,
            "provisional": np.arange(n) >= n - 3,
        },
        index=index,
    )


def breakdown(zone: str = "UTC", name: str = "agent") -> pd.DataFrame:
    parts = {"b": series(1, zone), "a": series(2, zone)}
    both = pd.concat([part.assign(**{name: group}) for group, part in parts.items()])
    return both[[name, *parts["a"].columns]]


def in_order(found: Any) -> Any:
    """A result whose rows stand in an order of their own."""
    if isinstance(found, pd.Series) and isinstance(found.index, pd.DatetimeIndex):
        return found.sort_index()
    if not isinstance(found, pd.DataFrame):
        return found
    flat = found.reset_index()
    keys = [name for name in ("agent", "time") if name in flat] or list(flat.columns[:1])
    return flat.sort_values(keys, ignore_index=True, kind="stable")


def same(one: Any, two: Any) -> None:
    """Both results are equal, but for rounding."""
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, two, check_freq=False, rtol=1e-12, atol=1e-9)
    elif isinstance(one, pd.Series):
        pd.testing.assert_series_equal(
            one, two, check_freq=False, check_names=False, rtol=1e-12, atol=1e-9
        )
    else:
        assert one == two or (pd.isna(one) and pd.isna(two))


@pytest.mark.parametrize("helper", HELPERS)
def test_row_order_does_not_matter(helper: str) -> None:
    """However the rows stand the answer is the same, for a series and for a breakdown."""
    zone = "UTC" if helper == "in_timezone" else "America/New_York"
    for frame in (series(0, zone), breakdown(zone)):
        shuffled = frame.sample(frac=1, random_state=3)
        same(in_order(HELPERS[helper](frame)), in_order(HELPERS[helper](shuffled)))


@pytest.mark.parametrize("helper", HELPERS)
def test_a_group_is_what_it_is_alone(helper: str) -> None:
    """What a breakdown says of a group is what its rows say by themselves."""
    frame = breakdown()
    whole = HELPERS[helper](frame)
    for group in "ab":
        alone = HELPERS[helper](frame[frame["agent"] == group].drop(columns="agent"))
        if "agent" in whole:
            own = whole[whole["agent"] == group].drop(columns="agent")
            same(own.iloc[:, 0] if isinstance(alone, pd.Series) else own, alone)
        elif isinstance(alone, pd.DataFrame) and len(alone) > 1:
            same(whole.loc[group], alone)
        elif isinstance(alone, pd.DataFrame):
            same(whole.loc[group], alone.iloc[0])
        elif isinstance(alone, pd.Series):
            # Over several groups fewer changes are significant (Holm's rule).
            for name, value in alone.drop("significant", errors="ignore").items():
                assert whole.loc[group, name] == value or pd.isna(value), name
        else:
            assert whole.loc[group].iloc[-1] == alone


@pytest.mark.parametrize("helper", HELPERS)
def test_hours_filtered_away_change_no_number(helper: str) -> None:
    """Rows without calls may be filtered away only where that changes no number: else refused."""
    whole = series(0)
    silent = (whole.index.hour < 6) & (np.arange(len(whole)) % 7 < 3)
    numbers = ["total_count", "error_count", "joined_count", "billed_minutes"]
    whole.loc[silent, numbers] = 0
    whole.loc[silent, "duration"] = pd.Timedelta(0)
    several = pd.concat([whole.assign(agent=name) for name in "ab"])
    several = several[["agent", *whole.columns]]
    for frame in (whole, several):
        try:
            found = HELPERS[helper](frame[frame["total_count"] > 0])
        except ua.QueryError as error:
            if "expected hours without calls as rows of zeros" not in str(error):
                raise
            continue
        expected = HELPERS[helper](frame)
        if isinstance(getattr(expected, "index", None), pd.DatetimeIndex):
            kept = [] if "agent" not in expected else ["agent"]
            keys = [expected.index, *(expected[name] for name in kept)]
            own = pd.MultiIndex.from_arrays([found.index, *(found[name] for name in kept)])
            expected = expected[pd.MultiIndex.from_arrays(keys).isin(own)]
        # These two tell which hours they have not seen whole.
        told = {"aggregate": ["hours", "complete"], "in_timezone": ["provisional"]}.get(helper)
        same(*(result.drop(columns=told) if told else result for result in (found, expected)))


@pytest.mark.parametrize("helper", HELPERS)
def test_empty_frames(helper: str) -> None:
    """Of no rows a helper makes a table without rows, says so in words, or asks for rows."""
    one, several = series(0).iloc[:0], breakdown().iloc[:0]
    if helper in ("busy_hour", "compare_periods", "expected", "explain_cost", "project_month"):
        for frame in (one, several):
            with pytest.raises(ua.QueryError, match=f"^{helper}: expected .*, got none"):
                HELPERS[helper](frame)
        return
    found = HELPERS[helper](several)
    assert len(found) == 0
    assert len(found.columns) > 0
    assert "agent" in [*found.columns, *found.index.names]
    alone = HELPERS[helper](one)
    assert isinstance(alone, str) == helper.startswith("describe")


def test_a_group_column_is_called_as_no_result() -> None:
    """What stands beside the group in any helper's table is refused as the group's name."""
    beside = set()
    for helper in HELPERS.values():
        found = helper(breakdown())
        if found.columns[0] == "agent":
            beside |= set(found.columns[1:])
    assert {"rate", "centre", "carried", "burn_1h", "traffic", "complete"} <= beside
    for name in sorted(beside):
        with pytest.raises(ua.QueryError, match=f'such as "group" or "metadata.{name}"'):
            check_group_name(name)


@pytest.mark.parametrize("helper", HELPERS)
def test_a_group_column_that_is_called_so_is_named(helper: str) -> None:
    """A frame whose group column has the name of a result is refused, with what to do."""
    with pytest.raises(ua.QueryError, match=r"not called rate, .*; rename it: frame\.rename"):
        HELPERS[helper](breakdown(name="rate"))
