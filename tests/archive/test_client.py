"""`Archive.client` answers as a client of the account would, or names the missing sync."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pytest

import usage_analysis as ua
from tests.archive.account import Account
from usage_analysis.archive.client import ArchiveClient

AGENTS = dict(list(ua.sample.AGENTS.items())[:2])
IDS = list(AGENTS.values())
CHANNELS = ("phone", "web")
SINCE = "2026-03-25"


@pytest.fixture(scope="module")
def sample() -> ua.Client:
    return ua.sample_client()


@pytest.fixture(scope="module")
def kept(tmp_path_factory, sample) -> ArchiveClient:
    """All calls of a week, and those of two agents and two channels."""
    archive = ua.Archive(tmp_path_factory.mktemp("archive"))
    archive.sync(sample, "all", since=SINCE)
    agents = {name: {"agent_ids": [one]} for name, one in AGENTS.items()}
    archive.sync_groups(sample, agents, name="agent", since=SINCE)
    archive.sync(sample, "by phone", since=SINCE, metadata={"channel": "phone"})
    archive.sync(sample, "by web", since=SINCE, metadata={"channel": "web"})
    return archive.client()


def same(left: ua.CallUsage, right: ua.CallUsage) -> None:
    """Frames, question and date of two answers are equal."""
    for name in ("daily", "hourly"):
        pd.testing.assert_frame_equal(getattr(left, name), getattr(right, name), check_freq=False)
    assert (left.query, left.as_of, left.source) == (right.query, right.as_of, right.source)
    assert left.groups == right.groups


@pytest.mark.parametrize(
    "filters",
    [
        {"to_date": "2026-03-28"},
        {"to_date": "2026-03-31", "timezone": "America/New_York"},
        {"agent_ids": IDS[:1]},
        {"agent_ids": IDS},
        {"metadata": {"channel": "web"}},
    ],
    ids=["days", "local days", "an agent", "two agents, of a scope each", "metadata"],
)
def test_answers_are_the_account_s(kept, sample, filters):
    """Frames, provisional hours, question and date are those of the client that was synced from."""
    window = {"from_date": SINCE, "to_date": "2026-04-01", **filters}
    same(kept.call_usage(**window), sample.call_usage(**window))


@pytest.mark.parametrize("rest", [False, True])
def test_breakdowns_are_the_account_s(kept, sample, rest):
    """Groups, and what they leave over of all calls, are those of the client's breakdown."""
    window = {"from_date": SINCE, "to_date": "2026-03-31", "include_rest": rest}
    same(kept.by_agent(AGENTS, **window), sample.by_agent(AGENTS, **window))
    channels = kept.by_metadata("channel", CHANNELS, **window)
    same(channels, sample.by_metadata("channel", CHANNELS, **window))


def test_the_clock_is_the_last_fetch_s(kept, sample):
    """Its now is the account's at the last fetch; days after it are none, as for the account."""
    assert kept.now() == sample.now()
    assert kept.today("Asia/Tokyo") == sample.today("Asia/Tokyo")
    late = kept.call_usage(from_date="2026-03-31", to_date="2026-05-31")
    until = sample.call_usage(from_date="2026-03-31", to_date="2026-05-31")
    pd.testing.assert_frame_equal(late.hourly, until.hourly, check_freq=False)


def test_a_window_may_begin_a_day_early(kept):
    """In the day before the first, for on some clocks that begins in it; the query says so."""
    usage = kept.call_usage(from_date=SINCE, to_date="2026-03-28", timezone="Asia/Tokyo")
    assert usage.query.start == datetime(2026, 3, 25, tzinfo=UTC)
    assert usage.hourly.index[0] == usage.query.start


def test_names_are_the_scopes_own(kept):
    """Agents go by their group's name, metadata by its value."""
    listed = kept.names
    assert listed.agents == AGENTS
    assert listed.voices == {}
    assert listed.metadata == {"channel": list(CHANNELS)}


def test_one_name_of_two_agents_is_said_in_full(tmp_path, sample):
    """Groups of two kinds that share a name go by their scopes' names, and each agent by one."""
    archive = ua.Archive(tmp_path)
    for scope, one in zip(("agent/desk", "old/desk", "alone"), [*IDS, IDS[0]], strict=True):
        archive.sync(sample, scope, since="2026-03-31", agent_ids=[one])
    assert archive.client().names.agents == {"agent/desk": IDS[0], "old/desk": IDS[1]}


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        (
            {"search": "refund"},
            r"no scope of search='refund'; fetch it with sync\(client, NAME, since=DAY, sea",
        ),
        ({"agent_ids": [IDS[0], ua.sample.AGENTS["Order status"]]}, "no scope of agent_ids="),
        ({"from_date": "2026-03-23"}, r"lacks 2026-03-23 to 2026-03-24 .*since=\"2026-03-23\""),
        ({"from_date": "2026-03-25T10:30:00Z"}, "expected whole UTC hours"),
    ],
)
def test_what_is_not_kept_says_what_to_sync(kept, filters, message):
    """Other filters and other days are errors in words, never zeros."""
    with pytest.raises(ua.QueryError, match=message):
        kept.call_usage(**{"from_date": SINCE, "to_date": "2026-03-31", **filters})


def test_what_groups_leave_over_needs_all_calls(tmp_path, sample):
    """Without a scope of all calls nobody knows what the groups leave over of them."""
    archive = ua.Archive(tmp_path)
    with pytest.raises(ua.QueryError, match="sync first"):
        archive.client().now()
    archive.sync(sample, "desk", since="2026-03-31", agent_ids=IDS[:1])
    window = {"from_date": "2026-03-31", "to_date": "2026-03-31"}
    assert archive.client().by_agent(IDS[:1], **window).groups
    with pytest.raises(
        ua.QueryError, match=r"no scope of all calls; fetch it with sync\(client, NAME, since"
    ):
        archive.client().by_agent(IDS[:1], include_rest=True, **window)


def test_groups_that_were_fetched_later_leave_over_what_was_settled(tmp_path):
    """What groups leave over ends before the hours that grew until the groups were fetched."""
    account = Account("2026-03-20T12:30:00+00:00")
    account.put("2026-03-20T09", calls=3, seconds=60)
    account.put("2026-03-20T12", calls=1)
    archive, client = ua.Archive(tmp_path), account.client()
    archive.sync(client, "all", since="2026-03-19")
    account.wait(minutes=20)
    account.put("2026-03-20T12", calls=4)
    archive.sync(client, "desk", since="2026-03-19", agent_ids=IDS[:1])
    asked = {"from_date": "2026-03-19", "to_date": "2026-03-20", "include_rest": True}
    usage = archive.client().by_agent({"desk": IDS[0]}, **asked)
    assert usage.hourly.index[-1] == pd.Timestamp("2026-03-20 09:00", tz="UTC")
    assert not usage.hourly["provisional"].any()
    assert usage.hourly.groupby("agent")["total_count"].sum().to_dict() == {"desk": 3, "rest": 0}
    account.put("2026-03-20T09", calls=5, seconds=60)
    archive.sync(client, "desk")
    with pytest.raises(ua.QueryError, match="sync both again, the groups first"):
        archive.client().by_agent({"desk": IDS[0]}, **asked)


def test_it_is_no_client_to_sync_from(kept, tmp_path):
    """An archive is synced from an account, not from another archive."""
    with pytest.raises(ua.QueryError, match="expected a Client, got ArchiveClient"):
        ua.Archive(tmp_path).sync(kept, "all", since=SINCE)
