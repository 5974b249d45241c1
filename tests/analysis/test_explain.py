"""`explain`: which group is behind an event, by as few requests as there are groups."""

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

import usage_analysis as ua
from usage_analysis.analysis.cause import Event, judge_groups
from usage_analysis.sample.account import NAMES
from usage_analysis.sample.endpoint import sample_endpoint

MARCH: Any = {"measure": "error_rate", "start": "2026-03-19T13:00Z", "end": "2026-03-19T18:00Z"}
MEASURES = ("total_count", "error_rate", "join_rate", "average_call_duration", "billed_minutes")
AGENTS, VOICES = ua.sample.AGENTS, ua.sample.VOICES
ENDPOINT = sample_endpoint()


class Counting(httpx.BaseTransport):
    """The sample account, which counts requests and may fail those of one agent."""

    urls: list[str]

    def __init__(self, *, names: Any = NAMES, failing: str = "none") -> None:
        self.source, self.clock, self.names = ENDPOINT.source, ENDPOINT.clock, names
        self.count, self.failing, self.urls = 0, failing, []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.count += 1
        self.urls.append(str(request.url))
        if self.failing in str(request.url):
            return httpx.Response(400, json={"detail": "no"})
        return ENDPOINT.handle_request(request)


def client_of(transport: Counting) -> ua.Client:
    return ua.Client(ua.sample.KEY, transport=transport)


@pytest.fixture(scope="module")
def found() -> tuple[Any, int, int, list[tuple[int, int]]]:
    """All groups of the sample account on 19 March, with the requests planned and sent."""
    transport, steps = Counting(), []
    client = client_of(transport)
    planned = ua.planned_requests(client, **MARCH)
    assert transport.count == 0
    table = ua.explain(client, **MARCH, progress=lambda done, total: steps.append((done, total)))
    return table, planned, transport.count, steps


def test_the_support_line_is_behind_the_errors_of_19_march(found: Any) -> None:
    """Of all groups Support line comes first, with at least 95 % of the excess, beyond chance."""
    table = found[0]
    first = table.iloc[0]
    assert first[["dimension", "group"]].tolist() == ["agent", "Support line"]
    assert first["share"] >= 0.95
    assert first["low"] < 1 < first["high"]
    assert first["probability"] < 1e-6
    assert first["excess"] == pytest.approx(first["observed"] - first["expected"])
    assert table.attrs["source"] == "sample"
    dimensions = {*NAMES.metadata}
    assert set(table["dimension"]) == {
        *("agent", "voice", "call_length"),
        *(f"metadata.{key}" for key in dimensions),
    }


def test_requests_are_known_beforehand_and_few(found: Any) -> None:
    """One request per group and one for all calls, at most 60, told before the first is sent."""
    table, planned, sent, steps = found
    assert sent == planned == table.attrs["requests"] == len(table) + 1 <= 60
    assert steps[0] == (0, planned)
    assert steps[-1] == (planned, planned)
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)


def test_an_event_is_a_row_of_unusual() -> None:
    """A row of `unusual` gives measure, hours, zone and direction."""
    client = ua.sample_client()
    usage = client.call_usage(from_date="2026-02-01", to_date="2026-03-31")
    rows = ua.unusual(ua.in_timezone(usage.hourly, "America/New_York"), measures=["error_rate"])
    table = ua.explain(client, rows.iloc[-1], by=["agent"])
    assert table["group"][0] == "Support line"
    assert table.attrs["within"] is None
    assert table.attrs["meaning"]["dates"] == (
        "2026-03-19 09:00 to 2026-03-19 14:00 (America/New_York)"
    )
    # A drop of the join rate is more calls that nobody joined, whichever way the excess points.
    drop = {"measure": "join_rate", "start": rows["start"].iloc[-1], "end": rows["end"].iloc[-1]}
    for ratio in (0.5, 2.0):
        table = ua.explain(client, drop | {"ratio": ratio}, by=["agent"])
        assert table.attrs["above"] == (ratio < 1)


def test_an_event_of_a_group_is_explained_within_the_group() -> None:
    """Only calls of the event's agent are fetched, and the sentence names the agent."""
    transport = Counting()
    client = client_of(transport)
    event = MARCH | {"group": "Support line"}
    table = ua.explain(client, event, by=["voice"])
    assert transport.count == ua.planned_requests(client, event, by=["voice"]) == 1 + len(VOICES)
    assert all(AGENTS["Support line"] in url for url in transport.urls)
    own = client.by_voice(
        VOICES,
        agent_ids=[AGENTS["Support line"]],
        from_date=pd.Timestamp(MARCH["start"]).to_pydatetime(),
        to_date=pd.Timestamp("2026-03-19T17:59:59Z").to_pydatetime(),
    )
    errors = own.hourly.groupby("voice")["error_count"].sum()
    assert table.set_index("group")["observed"].to_dict() == errors.to_dict()
    assert set(ua.explain(client, event)["dimension"]).isdisjoint({"agent"})
    assert table.attrs["meaning"]["attributes"]["within"] == "agent Support line"
    assert ua.describe_cause(table).startswith("Within agent Support line, ")
    with pytest.raises(ua.QueryError, match="by: expected other dimensions than agent"):
        ua.explain(client, event, by=["agent", "voice"])
    with pytest.raises(ua.QueryError, match="expected a group of agent, voice, "):
        ua.explain(client, event | {"group": "Nobody"})


def test_groups_are_ids_names_values_words_or_bands() -> None:
    """Where the client lists nothing, groups are given by dimension."""
    given = {
        "agent": list(AGENTS.values())[:2],
        "voice": {"Jo": VOICES["Jonas"]},
        "metadata.channel": ["web"],
        "call_length": [60],
        "search": ["refund", "outage"],
    }
    unnamed = ua.explain(client_of(Counting(names=None)), **MARCH, by=[], groups=given)
    assert set(unnamed["group"]) == {
        *(*given["agent"], "Jo", "web", "0 to 60 s", "from 60 s", "refund", "outage")
    }
    assert unnamed.attrs["overlapping_dimensions"] == ["search"]
    assert unnamed["group"][0] == AGENTS["Support line"]


def test_a_client_without_names_says_what_it_left_out() -> None:
    """Dimensions whose groups nobody lists are named with what to do, and the others are judged."""
    table = ua.explain(client_of(Counting(names=None)), **MARCH)
    assert set(table["dimension"]) == {"call_length"}
    assert table.attrs["left_out"] == {
        kind: f'the client lists no groups of {kind}; pass groups={{"{kind}": [...]}}'
        for kind in ("agent", "voice")
    }


def test_an_archive_answers_offline(tmp_path: Path) -> None:
    """An archive explains by the scopes it has, from its own first day, and names what it lacks."""
    archive, since, sample = ua.Archive(tmp_path / "archive"), "2026-02-16", ua.sample_client()
    archive.sync(sample, "all", since=since)
    by_agent = {name: {"agent_ids": [one]} for name, one in AGENTS.items()}
    archive.sync_groups(sample, by_agent, name="agent", since=since)
    table = ua.explain(archive.client(), **MARCH)
    assert table["group"][0] == "Support line"
    assert set(table["dimension"]) == {"agent"}
    assert set(table.attrs["left_out"]) == {"voice", "call_length"}
    assert "The archive has no scope of duration" in table.attrs["left_out"]["call_length"]
    assert table.attrs["weeks"] == 4
    assert table.attrs["requests"] == 1 + len(AGENTS)
    with pytest.raises(ua.QueryError, match="The archive has no scope of duration"):
        ua.explain(archive.client(), **MARCH, by=["call_length"])


def test_a_failed_request_leaves_no_result() -> None:
    """Where the request of one group fails, its error is raised; there is no partial table."""
    client = client_of(Counting(failing=AGENTS["Reminders"]))
    with pytest.raises(ua.APIError, match="Reminders"):
        ua.explain(client, **MARCH, by=["agent"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"measure": "error_rate"}, "event: expected either a row of unusual, such as found"),
        ({"event": {"measure": "error_rate"}}, "event: expected either a row of unusual"),
        (
            {"event": {**MARCH}, "measure": "error_rate"},
            "event: expected either .* or measure, start and end by name",
        ),
        ({**MARCH, "measure": "errors"}, "measure: expected .*error_rate"),
        ({**MARCH, "end": "2026-03-19T13:00Z"}, "start: expected a time before end"),
        ({**MARCH, "start": "2026-03-19T13:00"}, "start: expected a date and time with its zone"),
        ({**MARCH, "by": ["agnet"]}, "by: expected agent, .* got 'agnet'; did you mean agent?"),
        ({**MARCH, "by": ["search"]}, "by: the client lists no groups of search"),
        ({**MARCH, "by": [], "groups": {"agent": ["Nobody"]}}, "expected a UUID, not a name"),
        ({**MARCH, "by": []}, "by: expected a dimension with groups, got none"),
        (
            {"measure": "total_count", "start": "2025-04-02", "end": "2025-04-03", "by": ["voice"]},
            "start: expected an event at least a week after the account's first calls",
        ),
        (
            {"measure": "total_count", "start": "2024-04-02", "end": "2024-04-03", "by": ["voice"]},
            "start: expected an event at least a week after the account's first calls",
        ),
        (
            {"measure": "total_count", "start": "2026-04-02", "end": "2026-04-03", "by": ["voice"]},
            "start, end: expected finished hours, got none",
        ),
    ],
)
def test_wrong_arguments_are_named(options: Any, said: str) -> None:
    """Each refusal names the argument, what it takes, and what is near or to be done."""
    with pytest.raises(ua.QueryError, match=said):
        ua.explain(ua.sample_client(), **options)


def test_another_client_is_named() -> None:
    """A client for asyncio is refused before anything is sent, with what to do instead."""
    with pytest.raises(
        ua.QueryError, match=r"client: expected a Client, got AsyncClient; .*thread"
    ):
        ua.explain(ua.AsyncClient.of(ua.sample_client()), **MARCH)  # type: ignore[arg-type]


def test_zones_off_the_hour_are_judged_on_their_clock() -> None:
    """In India an event has hours of the Indian clock, and the same cause."""
    start = pd.Timestamp("2026-03-19 18:00", tz="Asia/Kolkata")
    period: Any = {"start": start, "end": start + pd.Timedelta(hours=5)}
    table = ua.explain(ua.sample_client(), **{**MARCH, **period}, by=["agent"])
    assert table["group"][0] == "Support line"
    assert table["share"][0] > 0.9


#: The sample account's own incidents, with a day on each side.
INCIDENTS = [
    ("2025-09-14", "2025-09-17"),
    ("2025-10-12", "2025-10-21"),
    ("2026-03-14", "2026-03-21"),
]


@pytest.mark.slow
def test_quiet_hours_of_the_sample_account_have_no_cause() -> None:
    """In 50 periods without an incident, at most three tell of one of 45 groups."""
    client, rng = ua.sample_client(), np.random.default_rng(5)
    window: Any = {"from_date": "2025-05-01", "to_date": "2026-03-31"}
    parts = {
        "": client.call_usage(**window).hourly,
        "agent": client.by_agent(AGENTS, **window).hourly,
        "voice": client.by_voice(VOICES, **window).hourly,
        "tenant": client.by_metadata("tenant", ua.sample.TENANTS, **window).hourly,
    }
    told = tried = 0
    for at in range(60):
        start = pd.Timestamp("2025-07-01", tz="UTC") + pd.Timedelta(hours=int(rng.integers(6360)))
        end = start + pd.Timedelta(hours=int(rng.choice([3, 6, 12, 24, 48])))
        bounds = [[pd.Timestamp(day, tz="UTC") for day in days] for days in INCIDENTS]
        if tried == 50 or any(start < last and end > first for first, last in bounds):
            continue
        first = start - pd.Timedelta(weeks=8)
        cut = {
            name: rows[(rows.index >= first) & (rows.index < end)] for name, rows in parts.items()
        }
        event = Event(MEASURES[at % len(MEASURES)], start, end, None)
        found = judge_groups(cut, event)
        told += bool(found["probability"].min() <= 0.05)
        tried += 1
    assert tried == 50
    assert told <= 3
