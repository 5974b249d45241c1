"""`Archive.sum_usage`: sums from the files equal sums of `load`.

Covers sums, groups and coverage.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import polars as pl
import pytest

import usage_analysis as ua
from tests.archive.account import Account
from tests.tidy.tables import same

AGENTS = {name: {"agent_ids": [id_]} for name, id_ in ua.sample.AGENTS.items()}
IDS = sorted(ua.sample.AGENTS.values())
CHANNELS = {name: {"metadata": {"channel": name}} for name in ("web", "phone")}


def periods(hourly: pd.DataFrame, every: str, zone: str = "UTC") -> pd.DataFrame:
    local = ua.in_timezone(hourly, zone)
    return local if every == "h" else ua.aggregate(local, every)


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> ua.Archive:
    """Agents fetched twice, channels once, all calls, and a scope of two agents."""
    archive = ua.Archive(tmp_path_factory.mktemp("archive"))
    client = ua.sample_client(today=date(2026, 3, 28))
    archive.sync_groups(client, AGENTS, name="agent", since="2026-02-20")
    archive.sync_groups(client, CHANNELS, name="channel", since="2026-02-20")
    archive.sync(client, "all", since="2026-02-20")
    archive.sync(client, "pair", since="2026-02-20", agent_ids=IDS[:2])
    archive.sync(client, "night", since="2026-02-20", time_of_day_start="22:00")
    for scope in ("all", "pair", "night", *(f"channel/{name}" for name in CHANNELS)):
        archive.sync(ua.sample_client(), scope)
    archive.sync_groups(ua.sample_client(), AGENTS, name="agent")
    return archive


# Each bucket and each zone in every run; all pairs of them in CI.
QUICK = {("UTC", "h"), ("America/New_York", "D"), ("Asia/Kolkata", "W"), ("America/New_York", "MS")}
PAIRS = [
    pytest.param(zone, every, marks=() if (zone, every) in QUICK else pytest.mark.slow)
    for zone in ("UTC", "America/New_York", "Asia/Kolkata")
    for every in ("h", "D", "W", "MS")
]


@pytest.mark.parametrize(("zone", "every"), PAIRS)
def test_groups_are_those_of_the_breakdown(archive, every, zone):
    """Sums by group and bucket are `aggregate` of the hours that `breakdown` gives."""
    window = {"from_date": "2026-02-24", "to_date": "2026-03-30"}
    if zone == "UTC":
        hourly = archive.breakdown("agent", **window).hourly
    else:
        usage = archive.breakdown("agent", **window, timezone=zone)
        hourly = ua.in_timezone(usage.hourly, zone)
        day = hourly.index.strftime("%Y-%m-%d")
        hourly = hourly[(day >= window["from_date"]) & (day <= window["to_date"])]
    hourly = hourly.sort_values("agent", kind="stable")
    wanted = hourly if every == "h" else ua.aggregate(hourly, every)
    assert len([*archive.path.glob("hourly/2026-03/*")]) > 1  # one of them has stale days
    same(archive.sum_usage("agent", every=every, timezone=zone, **window), wanted)


def test_polars_sums_the_same_files(archive):
    """Another engine, given the files and what is stale in them, gives the same sums."""
    assert len([*archive.path.glob("hourly/2026-03/*")]) > 1  # one of them has stale days
    wanted = archive.sum_usage("agent", every="D", timezone="America/New_York")
    for read in (pl.scan_parquet, pl.read_parquet):
        sums = archive.sum_usage("agent", every="D", timezone="America/New_York", read=read)
        pd.testing.assert_frame_equal(sums, wanted, check_exact=True)


def test_all_days_are_summed_without_dates(archive):
    """Without dates the sums are of every day that is there, up to the last fetch."""
    usage = archive.load("all", "2026-02-20", archive.scopes().loc["all", "last"].date())
    sums = archive.sum_usage(every="MS", where={"scope": "all"})
    same(sums, ua.aggregate(usage.hourly, "MS"))
    assert sums["provisional"].tolist() == [False, False, True]
    assert sums["complete"].tolist() == [False, True, False]


def test_scopes_are_chosen_by_their_filters(archive):
    """Filters name groups and choose scopes; a scope of two agents is a group of its own."""
    by_agent = archive.sum_usage("agent_ids", every="YS")
    assert by_agent["agent_ids"].tolist() == sorted([*IDS, f"{IDS[0]}, {IDS[1]}"])
    channels = archive.sum_usage("metadata.channel", every="MS", where={"metadata.channel": "web"})
    assert channels["metadata.channel"].unique().tolist() == ["web"]
    alone = archive.sum_usage(every="MS", where={"scope": "channel/web"})
    same(channels.drop(columns="metadata.channel"), alone)
    some = archive.sum_usage("agent", every="MS", where={"agent_ids": IDS[:1]})
    assert len(some) == 3
    pair = archive.sum_usage("scope", every="MS", where={"scope": "pair"})
    both = archive.sum_usage(every="MS", where={"agent": [
        name for name, id_ in ua.sample.AGENTS.items() if id_ in IDS[:2]]})  # fmt: skip
    same(pair.drop(columns="scope"), both)


def test_a_tenant_who_left_is_named_and_left_out(tmp_path):
    """Scopes that lack days are an error that names them and the days that all have, no zeros."""
    archive, names = ua.Archive(tmp_path), list(AGENTS)
    old, new = ua.sample_client(today=date(2026, 3, 20)), ua.sample_client()
    archive.sync_groups(
        old, {one: AGENTS[one] for one in names[:5]}, name="agent", since="2026-03-01"
    )
    archive.sync_groups(
        new, {one: AGENTS[one] for one in names[1:]}, name="agent", since="2026-03-10"
    )
    with pytest.raises(ua.QueryError) as told:
        archive.sum_usage("agent", every="MS")
    joined, left = sorted([f"agent/{names[0]}", f"agent/{names[5]}"])
    assert str(told.value).startswith(
        f"2 of 6 scopes lack days of the window: '{joined}', '{left}'; "
    )
    assert "or ask for 2026-03-10 to 2026-03-19, which all have" in str(told.value)
    every = archive.sum_usage("agent", every="D", from_date="2026-03-10", to_date="2026-03-19")
    assert every["agent"].nunique() == 6
    assert every["complete"].all()
    here = archive.sum_usage("agent", every="D", without={"agent": [names[0], names[5]]})
    assert here["agent"].unique().tolist() == sorted(names[1:5])
    same(here, archive.sum_usage("agent", every="D", where={"agent": names[1:5]}))
    with pytest.raises(ua.QueryError, match="without: unknown agent Nobody; known: "):
        archive.sum_usage("agent", without={"agent": "Nobody"})


def test_no_call_is_counted_twice(archive):
    """Scopes that may share calls are not added up; those that cannot are."""
    whole = archive.sum_usage(every="YS", where={"scope": "all"})
    parts = archive.sum_usage(every="YS", where={"agent": list(AGENTS)})
    same(whole, parts)
    for where in ({"scope": ["all", "channel/web"]}, {"agent_ids": IDS}):
        with pytest.raises(ua.QueryError, match=r"may share calls.*would count twice"):
            archive.sum_usage(every="YS", where=where)
    with pytest.raises(ua.QueryError, match="expected scopes of whole days, got 'night'"):
        archive.sum_usage("scope", every="YS")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"by": "tenant"}, "by: unknown key 'tenant'; known keys: agent, agent_ids, channel,"),
        ({"where": {"voice": "x"}}, "where: unknown key 'voice'; known keys: agent, agent_ids"),
        ({"where": {"agent": "Nobody"}}, r"where: unknown agent Nobody; known: "),
        ({"by": ["agent", "channel"]}, "by: no scope has all of agent, channel"),
        ({"by": ["agent", "agent"]}, "by: expected each name once"),
        ({"by": "time"}, "name: expected a group column that is not named like a column"),
        ({"by": "agent", "from_date": "2026-02-01"}, "the archive lacks 2026-02-01 to 2026-02-19"),
        ({"by": "agent", "to_date": "2027-02-01"}, "the archive lacks"),
        ({"by": "agent", "every": "M"}, 'every: expected "D", "W"'),
        ({"by": "agent", "memory_limit": "much"}, 'memory_limit: expected a size such as "2GB"'),
        ({"by": "agent", "read": lambda _: [1]}, "frame: expected a DataFrame of Dask.*got list"),
    ],
)
def test_what_does_not_fit_is_told_by_name(archive, arguments, message):
    """A name, value, day or engine that is not there is an error that says what is."""
    with pytest.raises(ua.QueryError, match=message):
        archive.sum_usage(**arguments)


def test_a_day_fetched_again_and_empty_now_counts_nothing(tmp_path):
    """The newest fetch replaces the whole day: an hour that is gone from it leaves no ghost."""
    account = Account("2026-03-10T12:30:00+00:00")
    account.put("2026-03-09T08", calls=5, seconds=100, minutes=2)
    account.put("2026-03-09T09", calls=7, seconds=100.000001, minutes=2.1)
    archive = ua.Archive(tmp_path / "archive")
    archive.sync(account.client(), "all", since="2026-03-08")
    account.hours.clear()
    account.put("2026-03-09T09", calls=3, seconds=10, minutes=0.2)
    account.put("2026-03-11T09", calls=2, seconds=10, minutes=0.2)
    account.wait(days=1)
    archive.sync(account.client(), "all")
    for _ in ("in parts", "compacted"):
        daily = archive.sum_usage(every="D")
        assert daily["total_count"].tolist() == [0, 3, 0, 2]
        assert daily["duration"].dt.total_seconds().tolist() == [0, 10, 0, 10]
        same(daily, ua.aggregate(archive.load("all", "2026-03-08", "2026-03-11").hourly, "D"))
        archive.compact()


def test_hours_are_provisional_by_their_own_fetch(tmp_path):
    """Of scopes fetched at two times no bucket lies after the first, and each has its own flags."""
    account = Account("2026-03-10T12:30:00+00:00")
    for hour in range(16):
        account.put(f"2026-03-10T{hour:02}", calls=hour, minutes=0.1)
    archive = ua.Archive(tmp_path / "archive")
    archive.sync(account.client(), "early", since="2026-03-09", search="x")
    account.wait(hours=3)
    archive.sync(account.client(), "late", since="2026-03-09", search="y")
    sums = archive.sum_usage("scope")
    same(sums, archive.load(["early", "late"], "2026-03-09", "2026-03-10").hourly)
    assert sums.index[-1] == pd.Timestamp("2026-03-10 12:00Z")
    assert sums.groupby("scope")["provisional"].sum().tolist() == [3, 0]


def test_files_that_are_compacted_meanwhile_are_looked_for_again(archive):
    """An engine that finds a file gone is given the new ones."""
    wanted = archive.sum_usage("agent", every="MS")
    asked = []

    def read(paths: list[str]) -> pd.DataFrame:
        asked.append(paths)
        if len(asked) == 1:
            archive.compact()
        return pd.concat([pd.read_parquet(path, partitioning=None) for path in paths])

    same(archive.sum_usage("agent", every="MS", read=read), wanted)
    assert len(asked) == 2
    assert not set(asked[0]) & set(asked[1])


def test_little_memory_is_told(archive):
    """A sum that does not fit into the memory it may use is refused, not killed."""
    with pytest.raises(ua.QueryError, match="memory_limit: this sum needs more than 1MB"):
        archive.sum_usage("agent", memory_limit="1MB")
    assert np.isfinite(archive.sum_usage("agent", every="D", memory_limit="200MB")["hours"]).all()


def test_figures_take_the_sums(archive):
    """Helpers take the sums of an archive as they take fetched hours."""
    hourly = archive.sum_usage("agent", from_date="2026-03-01", to_date="2026-03-14")
    assert len(ua.aggregate(hourly, "D")) == 6 * 14
    assert len(ua.error_rate(hourly, by="agent")) == 6
    assert len(ua.load_profile(hourly)) == 6 * 24
