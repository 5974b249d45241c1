"""Breakdowns: one query per group, the rest, and refused arguments. Covers also the fetcher."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from tests.fetch.faults import DATE, KEY, FaultServer, Peer, answer
from usage_analysis.errors import (
    APIError,
    AuthenticationError,
    QueryError,
    ResponseError,
    UsageError,
)
from usage_analysis.fetch import fetcher
from usage_analysis.fetch.client import Client
from usage_analysis.fetch.threads import CancelToken
from usage_analysis.sample import AGENTS, TENANTS, VOICES, sample_client
from usage_analysis.tidy.usage import CallUsage

Serve = Callable[..., FaultServer]
WINDOW = {"from_date": "2026-03-01", "to_date": "2026-03-03"}
NOW = datetime(2026, 3, 3, 10, tzinfo=UTC)
A, B, C = (f"a0000000-0000-4000-8000-00000000000{n}" for n in range(3))

# Calls by agent, and those without one.
CALLS = {A: 5, B: 7, C: 11, None: 2}


class Account(httpx.MockTransport):
    """An account whose calls were all made on 1 March at 9, by agent."""

    def __init__(
        self, calls: dict[str | None, int] = CALLS, dates: list[str] | None = None
    ) -> None:
        super().__init__(self.answer)
        self.calls, self.dates = calls, dates or [DATE]
        self.requests: list[httpx.QueryParams] = []

    @staticmethod
    def clock() -> datetime:
        return NOW

    def answer(self, request: httpx.Request) -> httpx.Response:
        params = request.url.params
        date = self.dates[min(len(self.requests), len(self.dates) - 1)]
        self.requests.append(params)
        agents = params.get_list("agentIds") or self.calls
        n = sum(self.calls.get(agent, 0) for agent in agents)
        row = {
            "totalCount": n,
            "errorCount": n // 5,
            "joinedCount": n - n // 5,
            "duration": f"{n}.1s",
            "billedMinutes": round(n * 0.1, 1),
        }
        day = {**row, "date": "2026-03-01"}
        body = {"allTime": row, "daily": [day] * (n > 0), "hourly": [{**day, "hour": 9}] * (n > 0)}
        return httpx.Response(200, json=body, headers={"Date": date})


def account_client(account: httpx.BaseTransport) -> Client:
    return Client(KEY, transport=account, max_backoff=0.01)


def by_group(usage: CallUsage, column: str = "total_count") -> dict[str, Any]:
    frame = usage.hourly
    return frame.groupby(frame.columns[0], sort=False)[column].sum().to_dict()


def test_frames() -> None:
    """Each group has every bucket of one window, as of the last answer, in the groups' order."""
    dates = ["Tue, 03 Mar 2026 09:59:58 GMT", "Tue, 03 Mar 2026 10:00:01 GMT", DATE]
    account = Account(dates=dates)
    usage = account_client(account).by_agent({"Support": A, "None": B[:-1] + "9"}, **WINDOW)
    assert usage.hourly.columns[0] == "agent"
    assert list(dict.fromkeys(usage.hourly["agent"])) == ["Support", "None"]
    assert str(usage.as_of) == "2026-03-03 10:00:01+00:00"
    for _, frame in usage.hourly.groupby("agent"):
        assert len(frame) == 24 + 24 + 11
        assert frame.index.is_monotonic_increasing
        assert frame.index.is_unique
        assert int(frame["provisional"].sum()) == 3
    assert by_group(usage) == {"Support": 5, "None": 0}
    assert usage.all_time is None
    assert usage.query is not None
    assert usage.query.agent_ids is None
    assert usage.groups is not None
    assert usage.groups["Support"].agent_ids == (A,)


def test_shared_filters() -> None:
    """Filters of all groups go out with each, and metadata of both are put together."""
    account = Account()
    account_client(account).breakdown(
        {"x": {"metadata": {"team": "x"}}, "y": {"metadata": {"team": "y"}, "duration_min": 5}},
        metadata={"stage": "live"},
        search="refund",
        **WINDOW,
    )
    sent = [dict(params.multi_items()) for params in account.requests]
    assert {p["metadata.team"] for p in sent} == {"x", "y"}
    assert all(p["metadata.stage"] == "live" and p["search"] == "refund" for p in sent)
    assert [p.get("durationMin") for p in sent if p["metadata.team"] == "y"] == ["5s"]


def test_rest() -> None:
    """With the rest the groups add up to all calls, exactly, in every measure."""
    account = Account()
    usage = account_client(account).breakdown(
        {"Support": {"agent_ids": [A, B]}, "Sales": {"agent_ids": [C]}}, include_rest=True, **WINDOW
    )
    assert by_group(usage) == {"Support": 12, "Sales": 11, "rest": 2}
    assert by_group(usage, "billed_minutes") == {"Support": 1.2, "Sales": 1.1, "rest": 0.2}
    assert by_group(usage, "error_count") == {"Support": 2, "Sales": 2, "rest": 1}
    assert usage.hourly.dtypes.loc["duration"] == "timedelta64[us]"
    assert str(usage.hourly.dtypes.loc["total_count"]) == "int64"


def test_rest_is_asked_last_under_one_end() -> None:
    """All calls are asked for after the groups, and every question ends at one instant, now."""
    account = Account()
    account_client(account).by_agent([A, B, C], include_rest=True, from_date="2026-03-01")
    assert [bool(params.get_list("agentIds")) for params in account.requests] == [True] * 3 + [
        False
    ]
    assert {params["toDate"] for params in account.requests} == {"2026-03-03T10:00:00Z"}


def test_rest_of_a_past_window() -> None:
    """A window that is over keeps its end."""
    account = Account()
    account_client(account).by_agent(
        [A], include_rest=True, from_date="2026-03-01", to_date="2026-03-02"
    )
    assert {p["toDate"] for p in account.requests} == {"2026-03-02T23:59:59.999999Z"}


def test_negative_rest() -> None:
    """Groups that hold more calls than there are fail: a server that ignores a filter is found."""

    def ignores(_: httpx.Request) -> httpx.Response:
        return Account(dates=[""]).answer(httpx.Request("GET", "https://x"))

    client = Client(KEY, transport=httpx.MockTransport(ignores))
    with pytest.raises(ResponseError, match=r"^daily\[2026-03-01 .*\]\.totalCount: expected .* 25"):
        client.by_agent([A, B], include_rest=True, **WINDOW)


def test_negative_rest_of_very_many() -> None:
    """Groups that hold more than there is fail however many they hold: no number comes round."""
    account = Account({A: 2**63 - 1, B: 2**63 - 1, C: 9, None: 0})
    whole = Account({None: 10})

    def answer(request: httpx.Request) -> httpx.Response:
        asked = account if "agentIds" in request.url.params else whole
        body = asked.answer(request).json()
        for row in (body["allTime"], *body["daily"], *body["hourly"]):
            row |= {"duration": "1s", "billedMinutes": 0.1, "errorCount": 0, "joinedCount": 0}
        return httpx.Response(200, json=body, headers={"Date": formatdate(usegmt=True)})

    client = Client(KEY, transport=httpx.MockTransport(answer))
    with pytest.raises(
        ResponseError, match=r"totalCount: expected groups that add up to at most 10"
    ):
        client.by_agent([A, B, C], include_rest=True, **WINDOW)


@pytest.mark.parametrize(
    "filters", [{}, {"time_of_day_start": "22:00", "time_of_day_end": "07:00"}]
)
def test_rest_on_an_account(filters: dict[str, Any]) -> None:
    """On an account with calls the groups and the rest add up to all calls, bucket by bucket."""
    with sample_client() as client:
        window = {"from_date": "2026-02-01", "to_date": "2026-03-31", **filters}
        whole = client.call_usage(**window)
        agents = dict(itertools.islice(AGENTS.items(), 2))
        usage = client.by_agent(agents, include_rest=True, **window)
    for frame, expected in ((usage.daily, whole.daily), (usage.hourly, whole.hourly)):
        sums = frame.drop(columns=["agent", "provisional"]).groupby(level="time").sum()
        wanted = expected.drop(columns="provisional")
        sums["billed_minutes"] = sums["billed_minutes"].round(6)
        pd.testing.assert_frame_equal(sums, wanted, check_freq=False)
    shares = by_group(usage)
    assert min(shares.values()) > 0
    assert list(shares)[-1] == "rest"


def test_progress() -> None:
    """Progress counts the requests of all groups and of the rest, from none to all."""
    told: list[tuple[int, int]] = []
    account_client(Account()).by_agent(
        [A, B, C], include_rest=True, progress=lambda *step: told.append(step), **WINDOW
    )
    assert (told[0], told[-1]) == ((0, 4), (4, 4))
    assert told == sorted(told)


def test_by_values() -> None:
    """By agent, voice and metadata: the values are the groups' names, or a mapping gives names."""
    account = Account()
    client = account_client(account)
    assert client.by_agent([A], **WINDOW).daily.columns[0] == "agent"
    assert client.by_voice({"Ann": B}, **WINDOW).daily.iloc[0, 0] == "Ann"
    usage = client.by_metadata("team", ["x", "y"], **WINDOW)
    assert list(dict.fromkeys(usage.daily["team"])) == ["x", "y"]
    assert client.by_metadata("time", ["x"], name="slot", **WINDOW).daily.columns[0] == "slot"
    sent = [dict(p.multi_items()) for p in account.requests]
    assert (sent[0]["agentIds"], sent[1]["voiceId"]) == (A, B)
    assert {p["metadata.team"] for p in sent[2:4]} == {"x", "y"}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no groups": ({"groups": {}}, r"^groups: expected a mapping"),
    "a list": ({"groups": [A]}, r"^groups: expected a mapping"),
    "no filters": ({"groups": {"x": {}}}, r"^groups\['x'\]: expected filters"),
    "a name that is no text": ({"groups": {1: {"search": "x"}}}, r"^groups: expected names"),
    "an empty name": ({"groups": {"": {"search": "x"}}}, r"^groups: expected names"),
    "the rest's name": ({"groups": {"rest": {"search": "x"}}}, r"^groups: expected names"),
    "a window": ({"groups": {"x": {"to_date": "2026-03-01"}}}, r"expected one window"),
    "a bad filter": ({"groups": {"x": {"agent": A}}}, r'did you mean agent_ids\? \(group "x"\)'),
    "a bad value": ({"groups": {"x": {"voice_id": "v"}}}, r'^voice_id: .*\(group "x"\)'),
    "a filter of all": (
        {"groups": {"x": {"search": "a"}}, "search": "b"},
        r"search is a filter of all groups too",
    ),
    "a key of all": (
        {"groups": {"x": {"metadata": {"k": "1"}}}, "metadata": {"k": "2"}},
        r"k is a filter of all groups too",
    ),
    "one question twice": (
        {"groups": {"x": {"agent_ids": [A, B]}, "y": {"agent_ids": [B, A]}}},
        r"got 'x' and 'y'",
    ),
    "a taken name": ({"groups": {"x": {"search": "x"}}, "name": "duration"}, r"^name: expected"),
    "none at once": (
        {"groups": {"x": {"search": "x"}}, "max_concurrency": 0},
        r"^max_concurrency: expected",
    ),
    "rest of a search": (
        {"groups": {"x": {"search": "x"}}, "include_rest": True},
        r"^include_rest: expected",
    ),
    "rest of two filters": (
        {"groups": {"x": {"agent_ids": [A]}, "y": {"voice_id": B}}, "include_rest": True},
        r"^include_rest: expected groups that differ",
    ),
    "rest of two keys": (
        {
            "groups": {"x": {"metadata": {"k": "1"}}, "y": {"metadata": {"l": "1"}}},
            "include_rest": True,
        },
        r"^include_rest: expected groups that differ",
    ),
    "rest of a pair": (
        {"groups": {"x": {"metadata": {"k": "1", "l": "2"}}}, "include_rest": True},
        r"^include_rest: expected groups that differ",
    ),
    "rest of an agent in two groups": (
        {"groups": {"x": {"agent_ids": [A, B]}, "y": {"agent_ids": [B, C]}}, "include_rest": True},
        r"^include_rest: expected each value in one group",
    ),
    "rest of the future": (
        {"groups": {"x": {"agent_ids": [A]}}, "include_rest": True, "from_date": "2026-03-04"},
        r"^from_date: expected at most to_date",
    ),
}


@pytest.mark.parametrize(("arguments", "message"), REFUSED.values(), ids=REFUSED)
def test_refused(arguments: dict[str, Any], message: str) -> None:
    """Groups that do not fit together are refused before anything is sent."""
    account = Account()
    with pytest.raises(QueryError, match=message):
        account_client(account).breakdown(**({"to_date": "2026-03-05"} | arguments))
    assert not account.requests


@pytest.mark.parametrize("values", [[A, A], [A, A.upper()], A, 7, []])
def test_values_refused(values: Any) -> None:
    """A value given twice, in whatever writing, or no list of values is refused."""
    account = Account()
    with pytest.raises(QueryError):
        account_client(account).by_agent(values, **WINDOW)
    assert not account.requests


def test_overlap_without_rest() -> None:
    """Without the rest, groups may overlap: an agent may be in two teams."""
    usage = account_client(Account()).breakdown(
        {"x": {"agent_ids": [A, B]}, "y": {"agent_ids": [B, C]}}, **WINDOW
    )
    assert by_group(usage) == {"x": 12, "y": 18}


@pytest.mark.parametrize(
    ("status", "kind"), [(403, AuthenticationError), (400, APIError), (202, ResponseError)]
)
def test_failing_group(status: int, kind: type[UsageError]) -> None:
    """A group that fails fails the whole, with its own error and its name."""

    def fails(request: httpx.Request) -> httpx.Response:
        good = Account(dates=[""]).answer(request)
        return httpx.Response(status) if B in str(request.url) else good

    client = Client(KEY, transport=httpx.MockTransport(fails))
    with pytest.raises(kind, match=rf'got {status}.*\(agent "Sales"\)') as caught:
        client.by_agent({"Support": A, "Sales": B, "Spare": C}, **WINDOW)
    assert caught.value.status_code == status  # type: ignore[attr-defined]  # each kind has it


def test_bad_reply_names_the_group() -> None:
    """A group's reply that is not what it should be names field and group."""

    def wrong(request: httpx.Request) -> httpx.Response:
        good = Account().answer(request)
        text = good.text.replace('"hour":9', '"hour":99').replace('"hour": 9', '"hour": 99')
        return httpx.Response(200, content=text if B in str(request.url) else good.content)

    client = Client(KEY, transport=httpx.MockTransport(wrong))
    with pytest.raises(ResponseError, match=r'^hourly\[0\]\.hour: expected .*\(agent "Sales"\)'):
        client.by_agent({"Support": A, "Sales": B}, **WINDOW)


def hangs(peer: Peer) -> None:
    peer.wait()


def test_failure_ends_the_others(fault_server: Serve) -> None:
    """A failing group cancels the others: a timeout would send their requests again."""
    body = json.dumps({"detail": "no"}).encode()
    server = fault_server(hangs, lambda peer: peer.send(answer(400, body)), hangs)
    with (
        Client(KEY, base_url=server.url) as client,
        pytest.raises(APIError, match=r"got 400 \(no\)"),
    ):
        client.breakdown(
            {str(n): {"search": str(n)} for n in range(30)}, max_concurrency=2, **WINDOW
        )
    assert len(server.requests) <= 3


def test_at_once(fault_server: Serve) -> None:
    """No more requests are under way at once than asked for, and as many as that."""
    lock, state = threading.Lock(), {"now": 0, "most": 0}

    def act(peer: Peer) -> None:
        with lock:
            state["now"] += 1
            state["most"] = max(state["most"], state["now"])
        while state["most"] < 4:
            peer.wait(0.01)
        peer.wait(0.03)  # for one too many
        with lock:
            state["now"] -= 1
        peer.send(answer())

    server = fault_server(act)
    with Client(KEY, base_url=server.url) as client:
        client.breakdown(
            {str(n): {"search": str(n)} for n in range(12)}, max_concurrency=4, **WINDOW
        )
    assert state["most"] == 4
    assert server.connections == 4


def test_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the clock stands still, the waits of requests space them below the limit of a key."""
    waits: list[float] = []
    monkeypatch.setattr(fetcher, "time", SimpleNamespace(monotonic=lambda: 0.0))
    monkeypatch.setattr(CancelToken, "sleep", lambda _, seconds: waits.append(seconds))
    with account_client(Account()) as client:
        client.breakdown({str(n): {"search": str(n)} for n in range(60)}, **WINDOW)
    spaced = sorted(wait for wait in waits if wait)
    assert len(spaced) == 59
    assert min(np.diff(spaced)) > 1 / 200


def test_saved(tmp_path: Path) -> None:
    """A breakdown with its rest is kept and comes back, its groups' questions with it."""
    usage = account_client(Account()).by_agent({"x": A, "y": B}, include_rest=True, **WINDOW)
    again = CallUsage.load(usage.save(tmp_path / "usage.json"))
    pd.testing.assert_frame_equal(again.hourly, usage.hourly)
    pd.testing.assert_frame_equal(again.daily, usage.daily)
    assert again.groups == usage.groups
    assert again.query == usage.query
    assert KEY not in (tmp_path / "usage.json").read_text()


def test_on_the_sample_account() -> None:
    """The sample account breaks down by its agents, its voices and a key of its metadata."""
    with sample_client() as client:
        window = {"from_date": "2026-03-30", "to_date": "2026-03-31"}
        for usage in (
            client.by_agent(AGENTS, **window),
            client.by_voice(VOICES, **window),
            client.by_metadata("tenant", TENANTS[:3], **window),
        ):
            assert min(by_group(usage).values()) >= 0
            assert sum(by_group(usage).values()) > 0
