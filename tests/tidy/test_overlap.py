"""Groups that can share calls: what knows it, and what is refused. Covers groups."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.text import Text

import usage_analysis as ua
from usage_analysis.analysis.statements.money import state_cost
from usage_analysis.analysis.statements.totals import state_largest
from usage_analysis.tidy.frames import can_share_calls, overlapping_pair, single_values
from usage_analysis.tidy.groups import sum_groups

A, B = "0" * 8 + "-0000-4000-8000-" + "0" * 11 + "1", "0" * 8 + "-0000-4000-8000-" + "0" * 11 + "2"
WINDOW = {"from_date": "2026-03-01", "to_date": "2026-03-21"}


@pytest.fixture(scope="module")
def words() -> ua.CallUsage:
    """Calls by two searches, which many calls match together."""
    client = ua.sample_client()
    return client.breakdown({"refund": {"search": "refund"}, "caller": {"search": "a"}}, **WINDOW)


@pytest.fixture(scope="module")
def tenants() -> ua.CallUsage:
    """Calls by tenant, of which a call has one."""
    return ua.sample_client().by_metadata(
        "tenant", dict(zip(("acme", "globex"), ua.sample.TENANTS, strict=False)), **WINDOW
    )


@pytest.mark.parametrize(
    ("groups", "shared"),
    [
        ({"x": {"agent_ids": [A]}, "y": {"agent_ids": [B]}}, False),
        ({"x": {"agent_ids": [A, B]}, "y": {"agent_ids": [B]}}, True),
        ({"x": {"voice_id": A}, "y": {"voice_id": B}}, False),
        ({"x": {"metadata": {"k": "1"}}, "y": {"metadata": {"k": "2"}}}, False),
        ({"x": {"metadata": {"k": "1"}}, "y": {"metadata": {"l": "1"}}}, True),
        ({"x": {"metadata": {"k": "1", "l": "1"}}, "y": {"metadata": {"k": "1", "l": "2"}}}, False),
        ({"x": {"search": "x"}, "y": {"search": "y"}}, True),
        ({"x": {"duration_max": "60s"}, "y": {"duration_min": "60s"}}, True),
        ({"x": {"agent_ids": [A], "search": "x"}, "y": {"agent_ids": [B]}}, False),
        ({"x": {"agent_ids": [A], "voice_id": A}, "y": {"agent_ids": [A], "voice_id": B}}, False),
        ({"x": {"agent_ids": [A]}, "y": {}}, True),
        ({"x": {"agent_ids": [A]}, "rest": {}}, False),
        ({"x": {"search": "x"}}, False),
    ],
)
def test_groups_share_no_call_if_they_differ_in_what_a_call_has_once(groups, shared) -> None:
    """Only values of agent, voice or one metadata key that all groups have keep calls apart."""
    assert (overlapping_pair(groups) is not None) == shared


@pytest.mark.parametrize(
    ("filters", "values"),
    [
        ({}, {}),
        ({"search": "x", "duration_min": 3}, {}),
        ({"agent_ids": [A, B]}, {"agent_ids": [A, B]}),
        ({"voice_id": A, "metadata": {"k": "1"}}, {"voice_id": [A], "metadata.k": ["1"]}),
    ],
)
def test_single_values(filters: dict[str, Any], values: dict[str, list[str]]) -> None:
    """A call has one agent, one voice and one value per metadata key; other filters can overlap."""
    assert single_values(ua.UsageQuery(**filters).as_dict()) == values


def test_frames_of_a_breakdown_know_it(
    words: ua.CallUsage, tenants: ua.CallUsage, tmp_path: Path
) -> None:
    """The record survives zones, sums, windows, cuts and files; one group alone shares nothing."""
    local = ua.in_timezone(words.hourly, "Asia/Kolkata")
    frames = [words.daily, words.hourly, local, ua.aggregate(local, "D")]
    frames += [ua.rolling(words.hourly, "3D"), ua.between_days(local, "2026-03-02", "2026-03-03")]
    frames.append(ua.CallUsage.load(words.save(tmp_path / "words.json")).hourly)
    frames.append(ua.error_rate(words.hourly, by="total"))
    assert all(can_share_calls(frame) for frame in frames)
    assert not can_share_calls(words.hourly[words.hourly["group"] == "refund"])
    assert not can_share_calls(tenants.hourly)
    assert not can_share_calls(ua.CallUsage.load(tenants.save(tmp_path / "tenants.json")).daily)


#: Functions of times, texts, formulas and files: they take no groups, or groups by other names.
NO_GROUPS = {
    *("channels_for", "erlang_b", "traffic_for", "parse_duration", "parse_durations"),
    *("figure_style", "save_figure", "sample_client", "sum_usage", "build_report"),
    *("plain_table", "save_table"),
    "read_calls",
    *("explain", "planned_requests"),
}
FUNCTIONS = {
    name: member
    for name in ua.__all__
    if inspect.isfunction(member := getattr(ua, name)) and name not in NO_GROUPS
}
#: What the first argument is made of, by its name, and by the function where names do not tell.
FIRST: dict[str, Callable[[ua.CallUsage], Any]] = {
    **dict.fromkeys(("hourly", "frame", "breakdown", "data"), lambda usage: usage.hourly),
    **dict.fromkeys(("daily", "current"), lambda usage: ua.aggregate(usage.hourly, "D")),
    "usage": lambda usage: usage,
    "found": lambda usage: ua.capacity(usage.hourly, limit=5),
    "chart": lambda usage: ua.control_chart(usage.hourly),
    "changes": lambda usage: ua.compare_periods(usage.hourly),
    "effects": lambda usage: ua.rate_effects(usage.hourly, usage.hourly),
    "groups": lambda usage: ua.funnel(usage.hourly),
    "rates": lambda usage: ua.error_rate(usage.hourly),
    "profile": lambda usage: ua.load_profile(usage.hourly),
    "compare_periods": lambda usage: usage.hourly,
    "describe_cause": lambda usage: ua.explain_cost(usage.hourly, usage.hourly),
    "describe_unusual": lambda usage: ua.unusual(usage.hourly),
    "plot_expected": lambda usage: ua.expected(usage.hourly),
    "plot_error_week": lambda usage: ua.error_rate(usage.hourly, by="hour_of_week"),
    "plot_week": lambda usage: ua.load_profile(usage.hourly, by="hour_of_week"),
}
MORE: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "aggregate": lambda _: ("W",),
    "explain_cost": lambda first: (first,),
    "in_timezone": lambda _: ("Asia/Kolkata",),
    "merge_groups": lambda _: ({"both": ["refund", "caller"]},),
    "rate_difference": lambda first: (first,),
    "rate_effects": lambda first: (first,),
    "rolling": lambda _: ("3D",),
}


def result_of(name: str, usage: ua.CallUsage) -> Any:
    """Return what a public function makes of groups that can share calls."""
    parameter = next(iter(inspect.signature(FUNCTIONS[name]).parameters))
    first = (FIRST.get(name) or FIRST[parameter])(usage)
    return FUNCTIONS[name](first, *MORE.get(name, lambda _: ())(first))


def texts_of(found: Any) -> str:
    """Return every text and number of a result."""
    if isinstance(found, str):
        return found
    if isinstance(found, pd.DataFrame):
        return str(found.to_dict("list"))
    axes = found[0] if isinstance(found, list) else found
    return " ".join(one.get_text() for one in axes.figure.findobj(Text))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_helper_adds_up_groups_that_share_calls(name: str, words: ua.CallUsage) -> None:
    """A helper refuses groups that can share calls, or keeps them apart and its table says so."""
    try:
        found = result_of(name, words)
    except ua.QueryError as error:
        refusal = "expected groups that share no calls|expected one series|of several groups"
        if re.search(refusal, str(error)):
            return
        raise
    if isinstance(found, pd.DataFrame):
        assert can_share_calls(found) or found.empty or name == "reconcile"
    texts = texts_of(found)
    for measure in ("total_count", "joined_count"):
        sizes = words.hourly.groupby("group")[measure].sum()
        assert not re.search(rf"\b({sizes.sum():,}|{sizes.sum()})\b", texts)
        for share in 100 * sizes / sizes.sum():
            assert f"{share:.1f} %" not in texts


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_sum_of_groups_that_share_calls_is_refused(name: str, words: ua.CallUsage) -> None:
    """Groups that pandas added up are refused by every helper, or their rows stay marked."""

    def added(frame: pd.DataFrame) -> pd.DataFrame:
        sums = frame.drop(columns="group").groupby(level="time").sum()
        return sums.astype({"provisional": bool})

    usage = replace(words, daily=added(words.daily), hourly=added(words.hourly), groups=None)
    try:
        found = result_of(name, usage)
    except ua.QueryError as error:
        if not re.search("expected groups that share no calls|expected a breakdown", str(error)):
            raise
    else:
        # A reply is checked against itself, whatever its calls.
        assert name == "reconcile" or (name == "between_days" and can_share_calls(found))


def test_one_group_alone_is_taken_where_it_is_said(words: ua.CallUsage) -> None:
    """A group that lost its column is refused with the line that mends it, and taken after that."""
    alone = words.hourly[words.hourly["group"] == "refund"]
    assert (ua.error_rate(alone, by="total")["calls"] == alone["total_count"].sum()).all()
    single = alone.drop(columns="group")
    with pytest.raises(ua.QueryError, match=r'frame\.attrs\.pop\("overlapping"\)'):
        ua.error_rate(single, by="total")
    single.attrs.pop("overlapping")
    assert (ua.error_rate(single, by="total")["calls"] == alone["total_count"].sum()).all()


def test_totals_over_groups_are_refused(words: ua.CallUsage) -> None:
    """Sums and costs over all groups are refused where groups can share calls."""
    for total in (sum_groups, state_cost):
        with pytest.raises(ua.QueryError, match="expected groups that share no calls"):
            total(words.hourly)


def test_no_share_is_claimed(words: ua.CallUsage, tenants: ua.CallUsage, tmp_path: Path) -> None:
    """Of groups that can share calls neither a sentence nor a report gives a share."""
    found = state_largest(words.hourly, "total_count")
    assert "no shares are given" in found.sentence
    assert "%" not in found.title + found.sentence
    assert "%" in state_largest(tenants.hourly, "total_count").title
    whole = ua.sample_client().call_usage(**WINDOW)
    page = ua.build_report(
        whole, tmp_path / "report", timezone="UTC", breakdown=words, sections=["groups"]
    ).read_text(encoding="utf-8")
    assert "One call can be in several of these groups" in page
    assert f"of {int(words.hourly['total_count'].sum()):,} calls" not in page
    assert not (tmp_path / "report" / "pareto.csv").exists()


def test_merged_groups_are_added_up(tenants: ua.CallUsage, tmp_path: Path) -> None:
    """A merged group holds the sum of its parts, in frames, files and helpers."""
    both = ua.merge_groups(tenants, {"both": ["acme", "globex"]})
    for frame, before in ((both.hourly, tenants.hourly), (both.daily, tenants.daily)):
        assert frame["tenant"].unique().tolist() == ["both"]
        sums = before.drop(columns="tenant").groupby(level="time").sum()
        for name in ("total_count", "error_count", "duration", "billed_minutes"):
            pd.testing.assert_series_equal(frame[name], sums[name], check_freq=False)
        assert frame.index.is_unique
    whole, parts = (ua.cost(frame)["cost"].sum() for frame in (both.hourly, tenants.hourly))
    assert abs(whole - parts) <= Decimal("0.01")  # each part is rounded to the cent
    again = ua.CallUsage.load(both.save(tmp_path / "both.json"))
    pd.testing.assert_frame_equal(again.hourly, both.hourly)
    one = ua.merge_groups(tenants.hourly, {"acme and co": ["acme"]})
    assert one["tenant"].unique().tolist() == ["acme and co", "globex"]
    assert one["total_count"].sum() == tenants.hourly["total_count"].sum()


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"x": ["nope"]}, "unknown group 'nope'; known groups: acme, globex"),
        ({"x": ["acme"], "y": ["acme"]}, "got 'acme' twice"),
        ({"globex": ["acme"]}, "'globex' is already a group"),
        ({"x": "acme"}, "expected a list of names for 'x'"),
        ({}, "expected new names with lists"),
    ],
)
def test_names_to_merge_are_checked(groups, message: str, tenants: ua.CallUsage) -> None:
    """An unknown name, one used twice, and a new name that another group has are refused."""
    with pytest.raises(ua.QueryError, match=message):
        ua.merge_groups(tenants.hourly, groups)
