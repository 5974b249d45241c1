"""`Archive`: its answers equal those of a fetch. Covers coverage, store, syncing and writing."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from threading import Event

import msgspec
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import usage_analysis as ua
from tests.archive.account import KEY, Account

AGENTS = list(ua.sample.AGENTS.values())
FILTERS = {
    "all": {},
    "support": {"agent_ids": AGENTS[:1]},
    "night": {"time_of_day_start": "22:00", "time_of_day_end": "05:30"},
    "short web": {"duration_max": 60, "metadata": {"channel": "web"}},
}


@cache
def sample() -> ua.Client:
    return ua.sample_client()


def same(left: ua.CallUsage, right: ua.CallUsage) -> None:
    """Frames equal to the last microsecond and micro-minute, and what was asked, when, of whom."""
    for name in ("daily", "hourly"):
        ours, theirs = getattr(left, name), getattr(right, name)
        pd.testing.assert_frame_equal(ours, theirs)
        pd.testing.assert_frame_equal(
            ours.drop(columns="billed_minutes"),
            theirs.drop(columns="billed_minutes"),
            check_exact=True,
        )
        np.testing.assert_array_equal(
            np.rint(ours["billed_minutes"] * 1e6), np.rint(theirs["billed_minutes"] * 1e6)
        )
    assert (left.query, left.as_of, left.source) == (right.query, right.as_of, right.source)
    assert left.groups == right.groups


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> ua.Archive:
    """An archive of the sample account, compacted in part."""
    archive = ua.Archive(tmp_path_factory.mktemp("archive"))
    for scope, filters in FILTERS.items():
        archive.sync(sample(), scope, since="2026-01-20", **filters)
    archive.compact()
    archive.sync(sample(), "support")
    return archive


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    scope=st.sampled_from(list(FILTERS)),
    first=st.integers(0, 70),
    length=st.integers(0, 71),
    zone=st.sampled_from([None, "UTC", "America/New_York", "Asia/Kolkata", "Pacific/Apia"]),
)
def test_loads_what_a_fetch_brings(kept, scope, first, length, zone):
    """Over any window, on any clock, `load` equals a fetch: frames, provisional, query, date."""
    days = [str(np.datetime64("2026-01-21") + day) for day in (first, min(first + length, 70))]
    window = {"from_date": days[0], "to_date": days[1], "timezone": zone}
    loaded = kept.load(scope, days[0], days[1], timezone=zone)
    asked = {name: value for name, value in window.items() if value is not None}
    same(loaded, sample().call_usage(**asked, **FILTERS[scope]))


def test_the_default_window_is_a_fetch_s(kept):
    """Asked for nothing, the window is the last 30 whole UTC days and today."""
    same(kept.load("all"), sample().call_usage())


def test_several_scopes_are_a_breakdown(kept):
    """Several scopes come as one breakdown, equal to that of the client."""
    loaded = kept.load(["short web", "all"], "2026-03-01", "2026-03-31", name="kind")
    fetched = sample().breakdown(
        {"short web": FILTERS["short web"], "all": {"duration_min": 0}},
        name="kind",
        from_date="2026-03-01",
        to_date="2026-03-31",
    )
    pd.testing.assert_frame_equal(loaded.daily, fetched.daily)
    pd.testing.assert_frame_equal(loaded.hourly, fetched.hourly)
    assert list(loaded.groups) == ["short web", "all"]


def test_groups_are_a_breakdown(tmp_path):
    """Groups synced under a name come back as the client's breakdown, all of them or some."""
    archive = ua.Archive(tmp_path)
    groups = {name: {"agent_ids": [agent]} for name, agent in ua.sample.AGENTS.items()}
    archive.sync_groups(sample(), groups, name="agent", since="2026-02-15")
    fetched = sample().breakdown(groups, name="agent", from_date="2026-03-01", to_date="2026-04-01")
    loaded = archive.breakdown("agent", "2026-03-01", "2026-04-01", groups=groups)
    same(loaded, fetched)
    some = archive.breakdown("agent", "2026-03-01", "2026-03-02", groups=list(groups)[:1])
    assert some.daily["agent"].unique().tolist() == list(groups)[:1]
    assert sorted(archive.breakdown("agent").groups) == sorted(groups)
    with pytest.raises(ua.QueryError, match="no groups under 'agents'; stored names: 'agent'"):
        archive.breakdown("agents")


def test_files_are_of_one_month_packed_and_sorted(kept):
    """Each file has the rows of its folder's month by scope and time, in zstd, and its format."""
    several = 0
    for path in kept.path.rglob("*.parquet"):
        file = pq.ParquetFile(path)
        rows = file.read(["scope", "time"]).to_pandas()
        assert set(rows["time"].to_numpy().view("M8[us]").astype("M8[M]").astype(str)) <= {
            path.parent.name
        }
        pd.testing.assert_frame_equal(rows, rows.sort_values(["scope", "time"]))
        groups = [file.metadata.row_group(place) for place in range(file.num_row_groups)]
        packed = {one.column(place).compression for one in groups for place in range(8)}
        assert packed == {"ZSTD"}
        assert msgspec.json.decode(file.metadata.metadata[b"usage-analysis"])["format"] == 1
        several += len(set(rows["scope"])) > 1
    assert several


def test_a_fresh_process_reads_it(kept):
    """Another process reads what this one wrote."""
    code = (
        "import sys, usage_analysis as ua\n"
        "usage = ua.Archive(sys.argv[1]).load('all', '2026-02-01', '2026-02-28')\n"
        "print(usage.hourly['total_count'].sum())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, kept.path], capture_output=True, text=True, check=True
    )
    fetched = sample().call_usage(from_date="2026-02-01", to_date="2026-02-28")
    assert int(done.stdout) == fetched.hourly["total_count"].sum()


@pytest.mark.parametrize(
    ("window", "message"),
    [
        (("2026-01-18", "2026-01-25"), r"lacks 2026-01-18 to 2026-01-19 .*since=\"2026-01-18\""),
        (
            ("2026-03-30", "2026-04-03"),
            r"lacks 2026-04-02 to 2026-04-03 .*last sync was 2026-04-01",
        ),
        (("2025-01-01", "2025-01-02"), r"no day of them is here"),
        (("2026-03-01T10:30:00Z", "2026-03-02"), r"expected whole UTC hours"),
    ],
)
def test_missing_days_are_said(kept, window, message):
    """A day that was not fetched is an error that says which, never zeros."""
    with pytest.raises(ua.QueryError, match=message):
        kept.load("all", *window)


def test_today_may_begin_tomorrow(kept):
    """The day after the last sync's is no gap: today's end lies in it on some clocks."""
    loaded = kept.load("all", "2026-04-01", "2026-04-01", timezone="America/New_York")
    assert loaded.query.end == datetime(2026, 4, 2, 5, tzinfo=UTC)


def test_a_day_as_sent_is_kept(tmp_path):
    """A day that the server sends as something else than its hours' sum comes back so."""
    account = Account("2026-03-20T12:00:00+00:00")
    account.put("2026-03-01T09", calls=5, errors=1, seconds=61.5, minutes=1.1)
    account.put("2026-03-02T09", calls=7)
    account.put("2026-03-02T23", calls=1)
    account.days["2026-03-02"] = {"totalCount": 9, "billedMinutes": 0.3}
    archive, client = ua.Archive(tmp_path), account.client()
    archive.sync(client, "all", since="2026-02-25")
    for _ in range(2):
        same(
            archive.load("all", "2026-02-26", "2026-03-20"),
            client.call_usage(from_date="2026-02-26", to_date="2026-03-20"),
        )
        archive.sync(client, "all", refetch=True)
        archive.compact()
    # Part of the day is the sum of the hours in it.
    part = archive.load("all", "2026-03-02T00:00:00Z", "2026-03-02T11:59:59.999999Z")
    assert part.daily["total_count"].tolist() == [7]


def test_first_and_again(tmp_path):
    """Missing days, those of the last 7, and each once more when it is settled and in 30 days."""
    account = Account("2026-03-20T12:00:00+00:00")
    archive, client = ua.Archive(tmp_path), account.client()
    assert archive.sync(client, "all", since="2026-01-01") == (1, 79, 0)
    assert archive.sync(client, "all") == (1, 0, 8)  # 13 to 20 March
    account.wait(days=1)
    assert archive.sync(client, "all") == (1, 1, 8)
    account.wait(days=20)
    # Those that were young at the last fetch, and those that came since.
    assert archive.sync(client, "all") == (2, 20, 8)
    account.wait(days=9)
    assert archive.sync(client, "all") == (2, 9, 71 + 8)
    assert archive.sync(client, "all", since="2025-12-30", refetch=True).new_days == 2
    assert account.asked[0]["fromDate"] == "2026-01-01T00:00:00Z"


def test_the_newest_fetch_replaces_whole_days(tmp_path):
    """An hour that is gone at the next fetch is gone, and was there before."""
    account = Account("2026-03-20T12:00:00+00:00")
    account.put("2026-03-19T09", calls=5)
    account.put("2026-03-19T10", calls=2)
    archive, client = ua.Archive(tmp_path), account.client()
    archive.sync(client, "all", since="2026-03-01")
    account.wait(hours=1)
    account.hours.clear()
    archive.sync(client, "all")
    for _ in range(2):
        now = archive.load("all", "2026-03-18", "2026-03-19")
        assert now.hourly["total_count"].sum() == now.daily["total_count"].sum() == 0
        then = archive.load("all", "2026-03-18", "2026-03-19", as_of="2026-03-20T12:30:00Z")
        assert then.daily["total_count"].tolist() == [0, 7]
        assert then.as_of == pd.Timestamp("2026-03-20T12:00:00Z")
        assert archive.compact() in (0, 1)
    with pytest.raises(ua.QueryError, match="no day of them is here"):
        archive.load("all", "2026-03-18", "2026-03-19", as_of="2026-03-20T11:00:00Z")


def test_the_day_that_is_not_over_is_provisional(tmp_path):
    """Today ends at the last sync; once a later day is there, it is a gap till fetched again."""
    account = Account("2026-03-20T12:30:00+00:00")
    account.put("2026-03-20T11", calls=5)
    archive, client = ua.Archive(tmp_path), account.client()
    archive.sync(client, "all", since="2026-03-19")
    loaded = archive.load("all", "2026-03-19", "2026-03-20")
    assert loaded.hourly.index[-1] == pd.Timestamp("2026-03-20T12:00:00Z")
    assert loaded.hourly["provisional"].tail(4).tolist() == [False, True, True, True]
    assert loaded.daily["provisional"].tolist() == [False, True]
    # Known within the lag and never fetched since: still provisional, however late it is.
    account.wait(hours=12)
    archive.sync(client, "all")
    early = archive.load("all", "2026-03-20", "2026-03-20")
    assert early.hourly["provisional"].sum() == 2


def test_a_day_cut_short_is_a_gap(tmp_path):
    """A day that was fetched before it was over is no whole day, once a later one is there."""
    account = Account("2026-03-31T12:30:00+00:00")
    archive, client = ua.Archive(tmp_path), account.client()
    archive.sync(client, "all", since="2026-03-29")
    account.wait(days=1)
    later = Event()
    account.failing = lambda params: params["fromDate"] < "2026-04-01" and later.wait(30)
    with pytest.raises(ua.APIError):
        archive.sync(client, "all", progress=lambda done, _: later.set() if done else None)
    assert len(archive.load("all", "2026-03-29", "2026-03-30").daily) == 2
    with pytest.raises(ua.QueryError, match=r"lacks 2026-03-31 \(not fetched, or before"):
        archive.load("all", "2026-03-29", "2026-04-01")


def test_restatements_are_listed(tmp_path):
    """A day that changed after it was over is listed with both figures, also once compacted."""
    account = Account("2026-03-20T12:00:00+00:00")
    account.put("2026-03-18T09", calls=5, seconds=60, minutes=1.0)
    account.put("2026-03-20T09", calls=1)
    archive, client = ua.Archive(tmp_path), account.client()
    archive.sync(client, "all", since="2026-03-01")
    account.wait(hours=20)
    archive.sync(client, "all")
    account.put("2026-03-18T09", calls=5, seconds=60, minutes=1.2)
    account.put("2026-03-20T23", calls=1)
    account.wait(hours=20)
    archive.sync(client, "all")
    account.wait(hours=20)
    archive.sync(client, "all")
    before = archive.restatements("all")
    assert before.index.strftime("%Y-%m-%d").tolist() == ["2026-03-18", "2026-03-20"]
    first = before.iloc[0]
    assert (first["billed_minutes_previous"], first["billed_minutes"]) == (1.0, 1.2)
    assert first["duration"] == pd.Timedelta("60s")
    assert [first["previous_as_of"], first["as_of"]] == [
        pd.Timestamp("2026-03-20T12:00Z"),
        pd.Timestamp("2026-03-22T04:00Z"),
    ]
    assert before["provisional"].tolist() == [False, False]
    assert archive.compact() == 1
    pd.testing.assert_frame_equal(archive.restatements(), before)
    then = archive.load("all", "2026-03-18", "2026-03-18", as_of="2026-03-21T09:00:00Z")
    assert then.daily["billed_minutes"].tolist() == [1.0]
    with pytest.raises(ua.QueryError, match="unknown scope 'al'; known scopes: 'all'"):
        archive.restatements("al")


def test_scopes_are_listed(kept):
    """`scopes` says of each what was asked, which days are there, and when they were fetched."""
    table = kept.scopes()
    assert table.index.tolist() == sorted(FILTERS)
    support = table.loc["support"]
    assert support["filters"] == {"agent_ids": AGENTS[:1]}
    assert support["days"] == 72
    assert support["as_of"] == kept.load("support").as_of


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a, c: a.sync(c, "new"), "since: expected the first day of the new scope 'new'"),
        (lambda a, c: a.sync(c, "all", since="2026-05-01"), "since: expected a day up to today"),
        (lambda a, c: a.sync(c, "all", since="soon"), "since: expected"),
        (lambda a, c: a.sync(c, "all", since="2026-03-01T10:00:00Z"), "since: expected a UTC day"),
        (lambda a, c: a.sync(c, "", since="2026-03-01"), "scope: expected a name"),
        (lambda a, c: a.sync(c, "all", search="x"), "scope 'all': expected its filters {}, got"),
        (lambda a, c: a.sync(c, "x", since="2026-03-01", serch="x"), "serch: expected one of"),
        (lambda a, c: a.sync(c, "x", since="2026-03-01", to_date="2026-03-02"), "without dates"),
        (lambda a, _: a.sync(Account("2026-04-01T00:00:00+00:00").client(), "all"), "got live"),
        (lambda a, c: a.sync_groups(c, {}, since="2026-03-01"), "groups: expected"),
        (lambda a, c: a.sync_groups(c, {"a": {}}, since="2026-03-01"), r"groups\['a'\]"),
        (lambda a, c: a.sync_groups(c, {"a": {"search": "x"}}, name="a/b"), 'without "/"'),
        (lambda a, c: a.sync_groups(c, {"rest": {"search": "x"}}), 'other than "rest"'),
        (
            lambda a, c: a.sync_groups(
                c, {"a": {"agent_ids": AGENTS}, "b": {"agent_ids": AGENTS[::-1]}}
            ),
            "each group once, got 'a' and 'b'",
        ),
        (
            lambda a, _: a.sync(ua.sample_client(today=date(2026, 1, 2)), "all"),
            "a clock from 2026-01-20 on, .*got 2026-01-02",
        ),
        (
            lambda a, _: a.load("al", "2026-03-01", "2026-03-02"),
            "unknown scope 'al'; known scopes: 'all', 'night'",
        ),
        (lambda a, _: a.load([], "2026-03-01", "2026-03-02"), "at least one name"),
        (lambda a, _: a.load("all", as_of="2026-03-01"), "as_of: expected"),
        (lambda a, _: a.breakdown("agent"), "no groups under 'agent'; stored names: none"),
        (lambda a, _: a.breakdown("agent", groups=[]), "groups: expected at least one name"),
        (
            lambda a, _: ua.Archive(a.path.parent / "new").load("all"),
            "unknown scope 'all'; the archive has none",
        ),
    ],
)
def test_what_does_not_fit_is_said(kept, call, message):
    """An argument that does not fit is an error that names it, and nothing is asked."""
    with pytest.raises(ua.QueryError, match=message):
        call(kept, sample())


def test_broken_off_and_started_again(tmp_path):
    """Answers that came before a failure are kept; the next sync asks for the others alone."""
    account = Account("2026-03-20T12:00:00+00:00")
    account.put("2025-07-01T09", calls=5)
    others = Event()
    account.failing = lambda params: params["fromDate"] >= "2026-01-01" and others.wait(30)
    archive, client = ua.Archive(tmp_path), account.client()
    told = []

    def progress(done, total):
        told.append((done, total))
        if done == 3:
            others.set()

    with pytest.raises(ua.APIError, match=r'scope "all"'):
        archive.sync(client, "all", since="2025-04-01", progress=progress)
    assert told == [(0, 4), (1, 4), (2, 4), (3, 4)]
    assert archive.load("all", "2025-07-01", "2025-07-01").daily["total_count"].tolist() == [5]
    account.failing = lambda _params: False
    assert archive.sync(client, "all", since="2025-04-01").requests == 1


def test_a_group_that_fails_each_time_leaves_few_files(tmp_path):
    """What landed before a failure is compacted as after a sync that ended well."""
    account = Account("2026-03-20T12:00:00+00:00")
    archive, client = ua.Archive(tmp_path), account.client()
    groups = {name: {"search": name} for name in ("a", "b", "c")}
    account.failing = lambda params: params["search"] == "c"
    for _ in range(20):
        account.wait(minutes=1)
        with pytest.raises(ua.APIError):
            archive.sync_groups(client, groups, since="2026-03-01")
    assert 1 <= len(list(tmp_path.rglob("hourly/*/*.parquet"))) <= 8


def test_no_key_and_nothing_but_numbers(tmp_path):
    """Whatever is sent beside the figures, files have numbers, names and the scope's filters."""
    account = Account("2026-03-20T12:00:00+00:00")
    account.beside = {"apiKey": KEY, "note": f"Bearer {KEY}", "caller": "+1 555 0100", "callId": 7}
    account.put("2026-02-19T09", calls=5)
    account.put("2026-03-19T09", calls=5)
    archive = ua.Archive(tmp_path)
    for _ in range(2):
        archive.sync(account.client(), "all", since="2026-02-01", search="refund", refetch=True)
        account.put("2026-03-19T09", calls=6)
        account.wait(hours=1)
    archive.compact()
    files = [path for path in tmp_path.rglob("*.parquet") if path.is_file()]
    assert {path.parent.parent.name for path in files} == {"hourly", "history"}
    for path in files:
        table = pq.read_table(path, partitioning=None)
        assert table["scope"].unique().to_pylist() == ["all"]
        kinds = {str(field.type) for field in table.schema if field.name != "scope"}
        assert kinds == {"int64"}
        ((key, held),) = (pq.read_metadata(path).metadata or {}).items()
        scope = msgspec.json.decode(held)["scopes"]["all"]
        days = np.array(scope.pop("days"))
        assert (key, days.dtype) == (b"usage-analysis", np.int64)
        assert scope == {"query": {"search": "refund"}, "source": "live"}
    for path in tmp_path.rglob("*"):
        body = b"" if path.is_dir() else path.read_bytes()
        assert not any(word in body for word in (KEY.partition(".")[2].encode(), b"555", b"apiKey"))
    assert json.loads((tmp_path / "format.json").read_text()) == {"format": 1}


def test_other_folders_are_refused(tmp_path):
    """A folder with something else in it, a file, and a newer format are not written into."""
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "notes.txt").write_text("mine")
    with pytest.raises(ua.QueryError, match=r"notes\.txt"):
        ua.Archive(tmp_path / "x")
    with pytest.raises(ua.QueryError, match="expected a folder"):
        ua.Archive(tmp_path / "x" / "notes.txt")
    ua.Archive(tmp_path / "y" / "z")
    assert not (tmp_path / "y").exists()
    (tmp_path / "y" / "z").mkdir(parents=True)
    (tmp_path / "y" / "z" / "format.json").write_text('{"format": 2}')
    with pytest.raises(ua.ArchiveError, match="expected format 1, got 2; a newer"):
        ua.Archive(tmp_path / "y" / "z")
    (tmp_path / "y" / "z" / "format.json").write_text("")
    with pytest.raises(ua.ArchiveError, match="remove it"):
        ua.Archive(tmp_path / "y" / "z")


def daily_syncs(folder: Path, days: int) -> tuple[ua.Archive, Account]:
    """An archive after a sync a day, of an account that bills late and corrects later still."""
    account = Account("2025-04-01T12:00:00+00:00")
    archive, client = ua.Archive(folder), account.client()
    first = account.now.date()
    for day in range(days):
        names = [str(first + timedelta(days=day - back)) for back in (0, 5, 20)]
        account.put(f"{names[0]}T09", calls=9, minutes=0.1)
        if day >= 5:
            account.put(f"{names[1]}T09", calls=9, minutes=2.5)
        if day >= 20 and day % 4 == 0:
            account.put(f"{names[2]}T09", calls=9, minutes=2.4)
        archive.sync(client, "all", since=None if day else first)
        account.wait(days=1)
    account.wait(days=-1)
    return archive, account


def wrong_days(archive: ua.Archive, account: Account) -> list[int]:
    """Ages of the days that are not what the account says of them now."""
    last = account.now.date()
    loaded = archive.load("all", "2025-04-01", last).daily["billed_minutes"]
    asked = {"from_date": "2025-04-01", "to_date": last}
    true = account.client().call_usage(**asked).daily["billed_minutes"]
    return ((pd.Timestamp(last, tz="UTC") - true.index[loaded != true]).days).tolist()


@pytest.mark.slow
def test_late_bills_and_corrections_arrive(tmp_path):
    """Bills of 5 days later are there at once, corrections of 20 days later within 30 more."""
    archive, account = daily_syncs(tmp_path, 60)
    wrong = wrong_days(archive, account)
    assert wrong
    assert all(20 <= age <= 50 for age in wrong), wrong
    assert len(list(tmp_path.rglob("*.parquet"))) <= 3 * (8 + 2)
    assert (archive.restatements().groupby(level=0).size() <= 2).all()


@pytest.mark.slow
def test_a_year_of_daily_syncs_stays_small(tmp_path):
    """A year of syncs: no month has more than 8 parts beside its history, each day is right."""
    archive, account = daily_syncs(tmp_path, 365)
    assert all(20 <= age <= 50 for age in wrong_days(archive, account))
    months = [*tmp_path.glob("hourly/*")]
    assert len(months) == 12
    assert all(len([*month.glob("*.parquet")]) <= 8 for month in months)
    assert len([*tmp_path.glob("history/*/*.parquet")]) <= 12 * 8
    archive.compact()
    assert len(list(tmp_path.rglob("*.parquet"))) <= 24
