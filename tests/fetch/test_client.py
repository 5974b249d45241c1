"""Both clients from outside. Covers async_client, base, fetcher, key and threads."""

from __future__ import annotations

import asyncio
import copy
import gc
import itertools
import json
import logging
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from datetime import time as day_time
from email.utils import format_datetime, formatdate
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fetch.faults import (
    DATE,
    KEY,
    FaultServer,
    Peer,
    answer,
    assert_threads_end,
    reply_body,
    threads,
)
from usage_analysis.cli import main
from usage_analysis.errors import (
    APIError,
    QueryError,
    RateLimitError,
    ResponseError,
    TransportError,
    UsageError,
)
from usage_analysis.fetch import fetcher, responses
from usage_analysis.fetch.async_client import AsyncClient
from usage_analysis.fetch.client import Client
from usage_analysis.fetch.fetcher import FIRST_BACKOFF, RateLimiter, backoff
from usage_analysis.fetch.responses import PATH
from usage_analysis.fetch.threads import CancelToken, RequestCancelledError
from usage_analysis.query import UsageQuery
from usage_analysis.sample import sample_client

Serve = Callable[..., FaultServer]
WINDOW = {"from_date": "2026-03-01", "to_date": "2026-03-03"}
YEAR = {"from_date": "2025-06-01", "to_date": "2026-05-31"}


def canned(
    *handlers: Callable[[httpx.Request], httpx.Response], **settings: Any
) -> tuple[Client, list[httpx.Request]]:
    """A client whose n-th request the n-th handler answers, and the requests."""
    sent: list[httpx.Request] = []
    turns = itertools.chain(handlers, itertools.repeat(handlers[-1]))

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return next(turns)(request)  # one step, so that requests side by side take different turns

    settings = {"max_backoff": 0.01} | settings
    return Client(KEY, transport=httpx.MockTransport(handle), **settings), sent


def good(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=reply_body(), headers={"Date": formatdate(usegmt=True)})


# --- settings and the key


@pytest.mark.parametrize(
    "settings",
    [
        {"base_url": "http://api.ultravox.ai"},
        {"base_url": "http://127.0.0.1.example.org"},
        {"base_url": "ftp://localhost"},
        {"base_url": "api.ultravox.ai"},
        {"base_url": "https://"},
        {"base_url": "https://user:secret-word@api.ultravox.ai"},
        {"base_url": "https://api.ultravox.ai?x=1"},
        {"base_url": "https://api.ultravox.ai:port"},
        {"base_url": None},
        {"timeout": 0},
        {"timeout": float("nan")},
        {"timeout": None},
        {"deadline": -1},
        {"deadline": float("inf")},
        {"max_attempts": 0},
        {"max_attempts": 2.5},
        {"max_backoff": 0},
        {"transport": object()},
    ],
)
def test_settings_refused(settings: dict[str, Any]) -> None:
    """A setting that does not fit is refused by name, without the key or a password."""
    with pytest.raises(QueryError, match=rf"^{next(iter(settings))}: expected") as caught:
        Client(KEY, **settings)
    assert "secret-word" not in str(caught.value)
    for entry in traceback_locals(caught.value):
        assert KEY not in entry


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://localhost", "http://[::1]:9"])
def test_plain_http_to_this_machine(url: str) -> None:
    """Plain http:// is allowed to this machine, for tests and stand-ins."""
    with Client(KEY, base_url=url) as client:
        assert url in repr(client)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "  ",
        "secret\nX-Other: 1",
        "secret word",
        "s\u00e9cret-key",
        "secret\x00key",
        b"secret-key",
        7,
    ],
)
def test_key_refused(key: Any) -> None:
    """A key that no header can hold is refused before it is used, and is nowhere in the error."""
    for source in (key, lambda: key):
        with pytest.raises(QueryError, match=r"^(No API key|api_key: expected)") as caught:
            Client(source)
        assert "cret" not in str(caught.value).replace("[key]", "")
        assert caught.value.__context__ is None
        for entry in traceback_locals(caught.value):
            assert "cret" not in entry


def traceback_locals(error: BaseException) -> Iterator[str]:
    """What the frames of the package hold, as a debugger or a verbose traceback shows it."""
    step = error.__traceback__
    while step is not None:
        if "usage_analysis" in step.tb_frame.f_code.co_filename:
            # A client that is not built yet has nothing to show itself with.
            yield repr({k: v for k, v in step.tb_frame.f_locals.items() if k != "self"})
        step = step.tb_next


def test_key_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key the environment's is used, stripped; without that one, the error says where."""
    monkeypatch.setenv("ULTRAVOX_API_KEY", f" {KEY}\n")
    sent: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["X-API-Key"])
        return good(request)

    with Client(transport=httpx.MockTransport(handle)) as client:
        client.call_usage(**WINDOW)
    assert sent == [KEY]
    monkeypatch.delenv("ULTRAVOX_API_KEY")
    with pytest.raises(QueryError, match="ULTRAVOX_API_KEY"):
        Client()


def test_key_from_a_function(fault_server: Serve) -> None:
    """A function is asked for the key at each request, so that a key can change."""
    keys = iter(["first-key", "second-key", "third-key"])
    server = fault_server(lambda peer: peer.send(answer()))
    with Client(lambda: next(keys), base_url=server.url) as client:
        client.call_usage(**WINDOW)
        client.call_usage(**WINDOW)
    assert [b"second-key" in request for request in server.requests] == [True, False]
    assert [b"third-key" in request for request in server.requests] == [False, True]


def test_every_key_that_was_given_is_hidden() -> None:
    """A key that another one has followed is hidden too: its answer may come after that."""
    keys = [f"abcd1234.{letter * 32}" for letter in "xyz"]
    given = iter(keys)

    def tells(request: httpx.Request) -> httpx.Response:
        if "search" not in request.url.params:
            client.call_usage(search="meanwhile", **WINDOW)
        return httpx.Response(400 if "search" not in request.url.params else 200, json=told)

    told = {"detail": f"bad key {keys[1]}"} | json.loads(reply_body())
    client = Client(lambda: next(given), transport=httpx.MockTransport(tells))
    with pytest.raises(APIError, match=r"\(bad key abcd1234\.\[key\]\)"):
        client.call_usage(**WINDOW)
    assert next(given, None) is None


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        (KEY, "abcd1234.[key]"),
        ("abcd1234.first-part.the-second-part", "abcd1234.[key]"),
        ("first-part.second-part", "[key]"),
        ("no-public-prefix", "[key]"),
        ("abcd1234.short", "[key]"),
        (r'abcd1234.back\slash"and/quote', "abcd1234.[key]"),
    ],
)
def test_only_the_public_prefix_is_shown(key: str, shown: str) -> None:
    """Of a key the eight characters before the dot may be shown, whatever follows them."""

    def tells(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"told": key})

    with Client(key, transport=httpx.MockTransport(tells)) as client:
        content = client.get([]).content
    assert json.loads(content) == {"told": shown}


def test_many_keys() -> None:
    """A function may give a new key at each request; the latest ones are hidden."""
    given = (f"abcd1234.{number:032}" for number in itertools.count())
    last = ""

    def give() -> str:
        nonlocal last
        last = next(given)
        return last

    def tells(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=last)

    with Client(give, transport=httpx.MockTransport(tells)) as client:
        assert {client.get([]).content for _ in range(120)} == {b"abcd1234.[key]"}


def test_key_goes_bad() -> None:
    """A function that later returns no key fails before anything is sent."""
    keys = iter([KEY, ""])
    with (
        Client(lambda: next(keys), transport=httpx.MockTransport(good)) as client,
        pytest.raises(QueryError, match=r"^(No API key|api_key): "),
    ):
        client.call_usage(**WINDOW)


def test_nothing_shows_the_key() -> None:
    """No repr of the client or of what it holds shows the key, and it is not pickled or copied."""
    client, _ = canned(good)
    seen: set[int] = set()
    shown = []

    def look(value: object, depth: int) -> None:
        if id(value) in seen or depth > 4:
            return
        seen.add(id(value))
        shown.append(repr(value))
        for part in vars(value).values() if hasattr(value, "__dict__") else ():
            look(part, depth + 1)

    look(client, 0)
    assert len(shown) > 10
    assert not any(KEY in text for text in shown)
    for refused in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            refused(client)  # type: ignore[operator]


def test_requests_forget_the_key() -> None:
    """A request does not hold the key once it was sent: exceptions and logs keep requests."""
    client, sent = canned(good)
    client.call_usage(**WINDOW)
    assert "X-API-Key" not in sent[0].headers


# --- requests


def test_request() -> None:
    """One GET goes out, with the whole window and nothing else."""
    client, sent = canned(good)
    client.call_usage(**WINDOW)
    (request,) = sent
    assert (request.method, request.url.path) == ("GET", PATH)
    assert request.url.query == (
        b"fromDate=2026-03-01T00%3A00%3A00Z&toDate=2026-03-03T23%3A59%3A59.999999Z"
    )
    assert request.headers["Accept"] == "application/json"


def test_base_path() -> None:
    """An address with a path in front is kept: the API may stand behind a gateway."""
    client, sent = canned(good, base_url="https://gateway.example/ultravox/")
    client.call_usage(**WINDOW)
    assert sent[0].url.path == "/ultravox" + PATH
    assert repr(client) == "<Client live https://gateway.example/ultravox>"


def test_transport_is_used_with_its_clock_and_source() -> None:
    """An injected transport answers, tells the time and names the source."""

    class Standing(httpx.MockTransport):
        source = "sample"

        @staticmethod
        def clock() -> datetime:
            return datetime(2026, 3, 3, 12, tzinfo=UTC)

    def undated(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=reply_body())

    client = Client(KEY, transport=Standing(undated))
    usage = client.call_usage()
    assert repr(client) == "<Client sample>"
    assert (usage.source, str(usage.as_of)) == ("sample", "2026-03-03 12:00:00+00:00")
    assert usage.query is not None
    assert usage.query.to_date == datetime(2026, 3, 3, 23, 59, 59, 999999, tzinfo=UTC)


def test_only_this_machine_says_that_it_is_the_sample() -> None:
    """An answer from elsewhere that calls itself the sample account's is live, on any clock."""

    def boasting(request: httpx.Request) -> httpx.Response:
        answer = good(request)
        answer.headers["Usage-Source"] = "sample"
        return answer

    client, _ = canned(boasting)
    today = client.today()
    assert client.call_usage(**WINDOW).source == client.source == "live"
    assert client.today() >= today > date(2026, 3, 3)
    client, _ = canned(boasting, base_url="http://127.0.0.1:1")
    assert client.call_usage(**WINDOW).source == client.source == "sample"


@pytest.mark.parametrize("date", ["", "yesterday", "Tue, 99 Mar 2026 10:00:00 GMT", "0"])
def test_bad_date(date: str) -> None:
    """An answer without a readable Date is as of the clock."""
    client, _ = canned(lambda _: httpx.Response(200, content=reply_body(), headers={"Date": date}))
    before = datetime.now(UTC)
    assert client.call_usage(**WINDOW).as_of >= before.replace(microsecond=0)


def dated(skews: list[float]) -> Client:
    """A client whose n-th reply is dated by a clock so many minutes ahead of this machine's."""
    turns = iter(skews)

    def handle(_: httpx.Request) -> httpx.Response:
        date = datetime.now(UTC) + timedelta(minutes=next(turns))
        headers = {"Date": format_datetime(date, usegmt=True)}
        return httpx.Response(200, content=reply_body(), headers=headers)

    return Client(KEY, transport=httpx.MockTransport(handle))


@pytest.mark.parametrize("skew", [20 * 1440, -20 * 1440, 16, -16])
def test_implausible_date(skew: float) -> None:
    """A reply dated far from this machine's clock is as of the clock, and a warning says so."""
    client = dated([skew, skew])
    with pytest.warns(UserWarning, match=r"^Date: .* Check this machine's date and time") as told:
        usages = [client.call_usage(**WINDOW) for _ in range(2)]
    assert len(told) == 1
    for usage in usages:
        assert abs(datetime.now(UTC) - usage.as_of) < timedelta(minutes=5)


def test_plausible_dates_are_remembered() -> None:
    """A wrong date after right ones is replaced by the clock with its usual skew."""
    client = dated([10, 9000])
    assert abs(client.call_usage(**WINDOW).as_of - datetime.now(UTC)) > timedelta(minutes=5)
    with pytest.warns(
        UserWarning, match="unlike earlier replies; the time of this machine is used, corrected"
    ):
        late = client.call_usage(**WINDOW).as_of - datetime.now(UTC)
    assert timedelta(minutes=5) < late < timedelta(minutes=15)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (f'"{KEY}"', "with quotes"),
        (f"\u201c{KEY}\u201d", "with quotes"),
        (f"ULTRAVOX_API_KEY={KEY}", "with a name before it"),
        (f"export ULTRAVOX_API_KEY='{KEY}'", "with a name before it"),
        (f"X-API-Key: {KEY}", "with a name before it"),
        (f"Bearer {KEY}", "with the word Bearer before it"),
    ],
)
def test_key_with_something_around_it(
    monkeypatch: pytest.MonkeyPatch, key: str, words: str
) -> None:
    """What was pasted along with a key is named before anything is sent, without the key."""
    monkeypatch.setenv("ULTRAVOX_API_KEY", key)
    message = f"^API key: expected the key alone, got it {words}"
    for given_key in ((), (key,)):
        with pytest.raises(QueryError, match=message) as caught:
            Client(*given_key)
        assert KEY[9:] not in str(caught.value)


def test_clients_of_one_key_share_a_rate() -> None:
    """Clients with one key share their rate limit, also async ones; other keys and hosts do not."""
    one, two = canned(good)[0], AsyncClient(KEY, transport=httpx.MockTransport(good))
    other = Client(KEY.replace("a", "b"), transport=httpx.MockTransport(good))
    elsewhere = Client(KEY, base_url="https://eu.example", transport=httpx.MockTransport(good))
    assert one._fetcher.limiter is two._client._fetcher.limiter
    assert len({id(each._fetcher.limiter) for each in (one, other, elsewhere)}) == 3
    waits = [each.limiter.reserve() for each in 50 * [one._fetcher, two._client._fetcher]]
    assert 0.4 < max(waits) <= 99 / 150
    assert sample_client()._fetcher.limiter is not sample_client()._fetcher.limiter


def test_retries_have_a_budget() -> None:
    """When every request of many fails, the later ones are not repeated, and the error says so."""
    client, sent = canned(lambda _: httpx.Response(503), max_attempts=5, max_backoff=1e-6)
    fewer = 0
    for _ in range(60):
        with pytest.raises(APIError) as caught:
            client.call_usage(**WINDOW)
        fewer += "; not repeated, because too many requests" in str(caught.value)
    # Without a budget there would be 300 requests; one is earned per ten requests and per second.
    assert 160 < len(sent) < 220
    assert fewer > 20


def test_misspelt_filter() -> None:
    """A misspelt filter is refused before anything is sent."""
    client, sent = canned(good)
    with pytest.raises(QueryError, match="did you mean agent_ids"):
        client.call_usage(agent_id="x")
    with pytest.raises(QueryError, match="got both"):
        client.call_usage(UsageQuery(), search="x")
    with pytest.raises(QueryError, match=r"^query: expected a UsageQuery"):
        client.call_usage({"search": "x"})  # type: ignore[arg-type]  # the case
    assert not sent


def test_too_many_agents() -> None:
    """Filters that no address can hold are refused in words."""
    client, sent = canned(good)
    agents = [f"a0000000-0000-4000-8000-{place:012}" for place in range(1500)]
    with pytest.raises(QueryError, match="fewer agents"):
        client.call_usage(agent_ids=agents, **WINDOW)
    assert not sent


def day_reply(request: httpx.Request) -> httpx.Response:
    """One call at the start and one at the end of the window asked for."""
    ends = [request.url.params[name][:10] for name in ("fromDate", "toDate")]
    row = {
        "totalCount": 1,
        "errorCount": 0,
        "joinedCount": 1,
        "duration": "6s",
        "billedMinutes": 0.1,
    }
    days = [{**row, "date": date} for date in ends]
    hours = [{**day, "hour": hour} for day, hour in zip(days, (0, 23), strict=True)]
    return httpx.Response(
        200,
        json={"allTime": row, "daily": days, "hourly": hours},
        headers={"Date": formatdate(usegmt=True)},
    )


def test_long_window() -> None:
    """A year is asked for in chunks, joined with nothing twice, and progress is told."""
    client, sent = canned(day_reply)
    told: list[tuple[int, int]] = []
    usage = client.call_usage(
        from_date="2025-01-01", to_date="2025-12-31", progress=lambda *step: told.append(step)
    )
    assert len(sent) == 4
    assert usage.hourly["total_count"].sum() == 8
    assert len(usage.hourly) == 365 * 24
    assert usage.all_time is None
    assert told[0] == (0, 4)
    assert told[-1] == (4, 4)
    assert sorted(told) == told


CREATED = [
    datetime(2026, 2, 28, 3, 10, tzinfo=UTC),
    datetime(2026, 3, 1, 3, 10, tzinfo=UTC),
    datetime(2026, 3, 1, 6, tzinfo=UTC),
    datetime(2026, 3, 1, 12, 10, tzinfo=UTC),
    datetime(2026, 3, 2, 23, 10, tzinfo=UTC),
]
"""When calls were made; one of them at the very end of the night."""


def account(*heeded: str, shift: int = 0) -> Callable[[httpx.Request], httpx.Response]:
    """A server that knows calls by their time, and heeds these parameters alone.

    Its times of day are those of a zone so many hours ahead of UTC.
    """

    def of(rows: list[dict[str, Any]]) -> dict[str, Any]:
        n = len(rows)
        return {
            "totalCount": n,
            "errorCount": 0,
            "joinedCount": n,
            "duration": f"{6 * n}s",
            "billedMinutes": round(0.1 * n, 1),
        }

    def handle(request: httpx.Request) -> httpx.Response:
        asked = {k: v for k, v in request.url.params.items() if k in heeded}
        first, last = (
            datetime.fromisoformat(asked.get(name, f"{year}-01-01T00:00:00Z"))
            for name, year in (("fromDate", 2000), ("toDate", 2100))
        )
        start, end = (
            day_time.fromisoformat(asked.get(name, fallback))
            for name, fallback in (("timeOfDayStart", "00:00"), ("timeOfDayEnd", "23:59:59.999999"))
        )
        hours = [
            {"date": made.date().isoformat(), "hour": made.hour}
            for made in CREATED
            if first <= made <= last and start <= (made + timedelta(hours=shift)).time() <= end
        ]
        days = [{"date": hour["date"]} for hour in hours]
        document = {
            "allTime": of(hours),
            "daily": [day | of([d for d in days if d == day]) for day in unique(days)],
            "hourly": [hour | of([h for h in hours if h == hour]) for hour in unique(hours)],
        }
        return httpx.Response(200, json=document, headers={"Date": formatdate(usegmt=True)})

    return handle


def unique(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [dict(row) for row in dict.fromkeys(tuple(row.items()) for row in rows)]


WHOLE = ("fromDate", "toDate")
TIMES = ("timeOfDayStart", "timeOfDayEnd")
NIGHT = {"time_of_day_start": "22:00", "time_of_day_end": "06:00"}
TWO_DAYS = {"from_date": "2026-03-01", "to_date": "2026-03-02"}


@pytest.mark.parametrize("chunk_days", [1, 92])
def test_overnight_is_added(chunk_days: int) -> None:
    """An overnight time of day is two requests a chunk, whose calls are added: each counts once."""
    client, sent = canned(account(*WHOLE, *TIMES))
    usage = client.call_usage(chunk_days=chunk_days, **TWO_DAYS, **NIGHT)
    assert len(sent) == 2 * 2 // min(chunk_days, 2)
    for frame in (usage.daily, usage.hourly):
        assert frame["total_count"].sum() == 3
    calls = usage.hourly["total_count"]
    assert calls[calls > 0].index.hour.tolist() == [3, 6, 23]


@pytest.mark.parametrize(
    ("field", "value"),
    [("totalCount", 2**63 - 1), ("duration", f"{2**63 // 10**6}s"), ("billedMinutes", 9e12)],
)
def test_halves_past_what_numbers_hold(field: str, value: Any) -> None:
    """Halves of a night whose sum no column holds are an error, not a number that begins again."""
    body = reply_body(**{field: value})
    client, _ = canned(
        lambda _: httpx.Response(200, content=body, headers={"Date": formatdate(usegmt=True)})
    )
    with pytest.raises(ResponseError, match=rf"^daily\.{field}: expected rows whose sum"):
        client.call_usage(time_of_day_start="09:30", time_of_day_end="09:10", **WINDOW)


IGNORING = {
    "a night, times ignored": (account(*WHOLE), TWO_DAYS | NIGHT),
    "a night, its end ignored": (account(*WHOLE, "timeOfDayStart"), TWO_DAYS | NIGHT),
    "a day, times ignored": (
        account(*WHOLE),
        TWO_DAYS | {"time_of_day_start": "09:00", "time_of_day_end": "17:00"},
    ),
    "a night in another zone": (account(*WHOLE, *TIMES, shift=3), TWO_DAYS | NIGHT),
    "dates ignored": (account(), TWO_DAYS),
    "dates of chunks ignored": (account(), {"from_date": "2026-01-01"} | {"to_date": "2026-03-02"}),
    "the end of chunks ignored": (
        account("fromDate"),
        {"from_date": "2026-01-01", "to_date": "2026-03-02"},
    ),
}


@pytest.mark.parametrize(("server", "filters"), IGNORING.values(), ids=IGNORING)
@pytest.mark.parametrize("chunk_days", [1, 31])
def test_what_the_server_ignores(server: Any, filters: dict[str, str], chunk_days: int) -> None:
    """Calls outside the part that a request asked for are an error: added, they would count twice.

    Each reply is held to its own request, for what it holds too much may be asked for in another.
    """
    client, _ = canned(server)
    with pytest.raises(ResponseError, match=r"ignored .*`usage-analysis doctor`"):
        client.call_usage(chunk_days=chunk_days, **filters)


@pytest.mark.parametrize(
    "filters", [{}, {"time_of_day_start": "21:30", "time_of_day_end": "05:10"}]
)
def test_chunks_add_up(filters: dict[str, Any]) -> None:
    """On an account with calls, chunks of any size give what one request gives."""
    with sample_client() as client:
        whole = client.call_usage(chunk_days=400, **YEAR, **filters)
        parts = client.call_usage(chunk_days=31, **YEAR, **filters)
    assert whole.hourly["total_count"].sum() > 1000
    assert parts.hourly.equals(whole.hourly)
    assert parts.daily.equals(whole.daily)


def test_failing_chunk_fails_the_whole() -> None:
    """One request that fails fails the question: no part passes for the whole."""
    client, _ = canned(day_reply, lambda _: httpx.Response(400), day_reply)
    with pytest.raises(UsageError, match="got 400"):
        client.call_usage(**YEAR)


def test_progress_that_raises() -> None:
    """What the progress function raises comes out, and ends the work."""
    client, _ = canned(day_reply)

    def stop(_done: int, _total: int) -> None:
        raise KeyError("stop")

    with pytest.raises(KeyError):
        client.call_usage(progress=stop, **YEAR)


def test_get() -> None:
    """`get` sends parameters as they are, and gives the body as it came."""
    client, sent = canned(good)
    reply = client.get([("toDate", "2026-03-31")])
    assert reply.content == reply_body()
    assert abs(datetime.now(UTC) - reply.date) < timedelta(minutes=5)
    assert sent[0].url.query == b"toDate=2026-03-31"


# --- waiting


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": " 7 "}, 7),
        ({"Retry-After": "-7"}, None),
        ({"Retry-After": "7.5"}, None),
        ({"Retry-After": "1e9"}, None),
        ({"Retry-After": "\u0667"}, None),
        ({"Retry-After": "9" * 40}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Tue, 03 Mar 2026 10:01:00 GMT", "Date": DATE}, 60),
        ({"Retry-After": "Tue, 03 Mar 2026 09:00:00 GMT", "Date": DATE}, 0),
        ({"Retry-After": "Tue, 03 Mar 2026 10:01:00 GMT"}, 30),
        ({"Retry-After": "Tue, 03 Mar 2026 10:01:00 GMT", "Date": "today"}, 30),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    """`Retry-After` is digits or a date against the answer's own; anything else is ignored."""
    now = datetime(2026, 3, 3, 10, 0, 30, tzinfo=UTC)
    assert responses.retry_after(headers, now) == seconds


@given(st.integers(1, 100), st.floats(0.001, 100), st.none() | st.floats(0, 1000))
def test_backoff(attempt: int, longest: float, wait: float | None) -> None:
    """A wait is at least the server's, and its random part doubles up to the longest."""
    drawn = backoff(attempt, longest, wait) - (wait or 0)
    assert -1e-9 <= drawn <= min(longest, FIRST_BACKOFF * 2 ** (attempt - 1)) + 1e-9


def test_rate_limiter_spreads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns follow each other at the pace asked for, and none is before a hold is over."""
    now = [1000.0]
    monkeypatch.setattr(fetcher, "time", SimpleNamespace(monotonic=lambda: now[0]))
    limiter = RateLimiter(100)
    waits = [limiter.reserve() for _ in range(11)]
    assert waits == pytest.approx([place / 100 for place in range(11)])
    now[0] += 0.05
    assert limiter.reserve() == pytest.approx(0.06)
    limiter.pause(5)
    assert limiter.reserve() == pytest.approx(5)
    now[0] += 4
    assert limiter.pause_remaining() == pytest.approx(1)
    assert RateLimiter(None).reserve() == 0


def test_hold_over_the_deadline(fault_server: Serve) -> None:
    """While requests back off, one whose deadline does not leave the wait fails at once."""
    server = fault_server(
        lambda peer: peer.send(answer(429, b"", "Retry-After: 20")), lambda peer: peer.wait()
    )
    with Client(KEY, base_url=server.url, deadline=30) as client, ThreadPoolExecutor(1) as pool:
        token = CancelToken()
        waiting = pool.submit(client.cancellable(token).call_usage, **WINDOW)
        while not client._fetcher.limiter.pause_remaining():
            time.sleep(0.01)
        client._fetcher.limiter.pause(60)
        with pytest.raises(
            TransportError, match="not sent; the server asked this client"
        ) as caught:
            client.call_usage(**WINDOW)
        assert (caught.value.attempts, caught.value.status_code) == (0, None)
        # More than the deadline: the request did not wait for its deadline before it failed.
        assert 30 < caught.value.retry_after <= 60  # type: ignore[operator]  # it is a number
        token.cancel()
        with pytest.raises(RequestCancelledError):
            waiting.result()
    assert len(server.requests) == 1


def test_refusal_before_a_hold(fault_server: Serve) -> None:
    """A refusal stays the error of a question, though others' refusals then ask for a longer wait.

    What is told is what this question met, not that its next attempt was not sent.
    """
    first = answer(429, b"", "Retry-After: 1", "X-Request-Id: r-1")

    def refuses(peer: Any) -> None:
        while not client._fetcher.limiter.pause_remaining():
            peer.wait(0.01)
        peer.send(first)

    server = fault_server(refuses)
    with Client(KEY, base_url=server.url, deadline=20) as client, ThreadPoolExecutor(1) as pool:
        asking = pool.submit(client.call_usage, **WINDOW)
        while not server.requests:
            time.sleep(0.01)
        client._fetcher.limiter.pause(60)
        with pytest.raises(RateLimitError, match="got 429") as caught:
            asking.result()
    assert (caught.value.attempts, caught.value.request_id) == (1, "r-1")
    assert len(server.requests) == 1


def test_log_of_retries(caplog: pytest.LogCaptureFixture) -> None:
    """Each retry is told in the log, with the reason and the wait."""
    caplog.set_level("INFO", "usage_analysis")
    client, _ = canned(lambda _: httpx.Response(503), good)
    client.call_usage(**WINDOW)
    (message,) = [r.getMessage() for r in caplog.records if r.name == "usage_analysis"]
    assert "got 503" in message
    assert "attempt 1, the next in 0.0 s" in message


# --- threads and asyncio


def counting(request: httpx.Request) -> httpx.Response:
    body = reply_body(calls=int(request.url.params["search"]))
    return httpx.Response(200, content=body, headers={"Date": formatdate(usegmt=True)})


def count(usage: Any) -> int:
    return int(usage.hourly["total_count"].sum())


def test_threads_share_a_client() -> None:
    """Threads that share a client each get the answer to their own question."""
    client, sent = canned(counting)
    with ThreadPoolExecutor(8) as pool:
        results = pool.map(
            lambda n: count(client.call_usage(search=str(n), **WINDOW)), range(2, 42)
        )
        assert list(results) == list(range(2, 42))
    assert len(sent) == 40


def test_connections_are_used_again(fault_server: Serve) -> None:
    """Questions one after the other share a connection."""
    server = fault_server(lambda peer: peer.send(answer()))
    with Client(KEY, base_url=server.url) as client:
        for _ in range(3):
            client.call_usage(**WINDOW)
    assert (server.connections, len(server.requests)) == (1, 3)


def test_forgotten_client() -> None:
    """A client that nobody closed leaves no threads and no log filters behind when it is gone."""
    gc.collect()
    running, loggers = threads(), [logging.getLogger(n) for n in ("httpx", "httpcore.http11")]
    filters = [len(logger.filters) for logger in loggers]
    client, _ = canned(good)
    client.call_usage(**WINDOW)
    assert [len(logger.filters) for logger in loggers] == [n + 1 for n in filters]
    del client
    gc.collect()
    assert_threads_end(running)
    assert [len(logger.filters) for logger in loggers] == filters


def test_closed_client() -> None:
    """A closed client refuses questions in words."""
    client, sent = canned(good)
    client.close()
    client.close()
    with pytest.raises(QueryError, match="got a closed one"):
        client.call_usage(**WINDOW)
    assert not sent


@pytest.mark.parametrize("given", [True, False])
def test_closed_meanwhile(fault_server: Serve, given: bool) -> None:
    """A request that is under way when the client is closed ends first, on any transport."""
    closed = threading.Event()

    def slow(peer: Any) -> None:
        closed.wait(20)
        peer.send(answer())

    server, running = fault_server(slow), threads()
    transport = httpx.HTTPTransport() if given else None
    with ThreadPoolExecutor(1) as pool:
        client = Client(KEY, base_url=server.url, transport=transport)
        asking = pool.submit(client.call_usage, **WINDOW)
        while not server.requests:
            time.sleep(0.01)
        client.close()
        closed.set()
        assert count(asking.result()) == 3
    with pytest.raises(QueryError, match="got a closed one"):
        client.call_usage(**WINDOW)
    assert_threads_end(running)


def test_given_transport_is_closed() -> None:
    """A transport that was given is closed with the client, once nothing is under way on it."""

    class Standing(httpx.MockTransport):
        closed = 0

        def close(self) -> None:
            self.closed += 1

    transport = Standing(lambda request: (client.close(), good(request))[1])
    client = Client(KEY, transport=transport)
    assert count(client.call_usage(**WINDOW)) == 3
    assert transport.closed == 1
    transport = Standing(good)
    with Client(KEY, transport=transport) as client:
        client.call_usage(**WINDOW)
        assert not transport.closed
    assert transport.closed == 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HTTPS_PROXY", "socks5://user:secret-word@127.0.0.1:9"),
        ("https_proxy", "secret-word://127.0.0.1:9"),
        ("ALL_PROXY", "foo://user:secret-word@x"),
        ("HTTP_PROXY", "http://secret-word:port"),
        pytest.param(
            *("SSL_CERT_FILE", "/secret-word.pem"),
            marks=pytest.mark.skipif(
                httpx.__version__.startswith("0.27"), reason="httpx 0.27 takes no file for no name"
            ),
        ),
        ("SSL_CERT_FILE", __file__),
    ],
)
def test_environment_that_does_not_fit(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A variable of the environment that does not fit is an error that names it, not its value."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv(variable, value)
    with (
        Client(KEY, base_url="https://127.0.0.1:9") as client,
        pytest.raises(QueryError, match=rf"^{variable.upper()}: expected") as caught,
    ):
        client.call_usage(**WINDOW)
    assert caught.value.__context__ is None
    monkeypatch.setenv("ULTRAVOX_API_KEY", KEY)
    assert main(["doctor", "--account", "live"]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"usage-analysis: {variable.upper()}: expected")
    assert "secret-word" not in str(caught.value) + told


@pytest.mark.parametrize("excluded", ["localhost,fd00:1:2::/64", "[::1]", "10.0.0.0/8", "*", ""])
def test_exclusions_from_proxies(excluded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks and addresses in NO_PROXY, of IPv6 too, are no proxies."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("NO_PROXY", excluded)
    with (
        Client(KEY, base_url="https://127.0.0.1:9", max_attempts=1) as client,
        pytest.raises(TransportError, match="the connection was refused"),
    ):
        client.call_usage(**WINDOW)


@pytest.mark.parametrize(
    ("excluded", "problem"),
    [
        ("", "the proxy failed|refused"),
        ("127.0.0.1", "the connection was refused; check https://127"),
    ],
)
def test_a_proxy_serves_the_hosts_that_are_not_excluded(
    excluded: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host in NO_PROXY is asked directly, others through the proxy."""
    monkeypatch.setenv("HTTPS_PROXY", "127.0.0.1:8")
    monkeypatch.setenv("NO_PROXY", excluded)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("https_proxy", raising=False)
    seen: list[object] = []
    build = httpx.Client.__init__

    def watch(self: httpx.Client, **settings: Any) -> None:
        seen.append(settings.get("proxy"))
        build(self, **settings)

    monkeypatch.setattr(httpx.Client, "__init__", watch)
    with (
        Client(KEY, base_url="https://127.0.0.1:9", max_attempts=1) as client,
        pytest.raises(TransportError, match=problem),
    ):
        client.call_usage(**WINDOW)
    assert (seen[-1] is None) == bool(excluded)


def test_no_cookies(fault_server: Serve) -> None:
    """What a server wants to be kept is not kept, nor sent back."""
    server = fault_server(lambda peer: peer.send(answer(200, None, f"Set-Cookie: a={KEY}")))
    with Client(KEY, base_url=server.url) as client:
        client.call_usage(**WINDOW)
        client.call_usage(**WINDOW)
        assert KEY not in repr(client._connections._idle[0].http.cookies)
    assert [b"cookie" in request.lower() for request in server.requests] == [False, False]


def test_asyncio() -> None:
    """Awaited questions run side by side, and progress is told in the loop's thread."""
    told_in: set[int] = set()
    sync, sent = canned(counting)

    async def main() -> list[int]:
        async with AsyncClient.of(sync) as client:
            questions = [
                client.call_usage(
                    search=str(n), progress=lambda *_: told_in.add(threading.get_ident()), **WINDOW
                )
                for n in range(2, 22)
            ]
            return [count(usage) for usage in await asyncio.gather(*questions)]

    assert asyncio.run(main()) == list(range(2, 22))
    assert told_in == {threading.get_ident()}
    assert len(sent) == 20


def test_asyncio_breakdowns() -> None:
    """The breakdowns of the client can be awaited too, with the same results."""

    async def main() -> list[list[str]]:
        async with AsyncClient(KEY, transport=httpx.MockTransport(good)) as client:
            assert repr(client) == "<AsyncClient live https://api.ultravox.ai>"
            agents = ["a0000000-0000-4000-8000-000000000001"]
            usages = [
                await client.breakdown({"x": {"search": "x"}}, **WINDOW),
                await client.by_agent(agents, **WINDOW),
                await client.by_voice(agents, **WINDOW),
                await client.by_metadata("team", ["x"], **WINDOW),
            ]
            return [[usage.daily.columns[0], usage.daily.iloc[0, 0]] for usage in usages]

    agent = "a0000000-0000-4000-8000-000000000001"
    assert asyncio.run(main()) == [
        ["group", "x"],
        ["agent", agent],
        ["voice", agent],
        ["team", "x"],
    ]


def test_asyncio_cancelled(fault_server: Serve) -> None:
    """A cancelled task is done after a few turns of the loop, and its request is cancelled."""
    running = threads()
    server = fault_server(lambda peer: peer.wait())

    async def main() -> None:
        async with AsyncClient(KEY, base_url=server.url) as client:
            task = asyncio.create_task(client.call_usage(**WINDOW))
            while not server.requests:
                await asyncio.sleep(0.01)
            task.cancel()
            for _ in range(5):
                await asyncio.sleep(0)
            assert task.cancelled()

    asyncio.run(main())
    assert_threads_end(running)


def test_asyncio_waits_count(fault_server: Serve) -> None:
    """The wait for a thread counts towards the deadline: queries that wait are never sent."""
    server = fault_server(lambda peer: peer.wait())

    async def main() -> set[type]:
        async with AsyncClient(KEY, base_url=server.url, deadline=1) as client:
            questions = [client.call_usage(**WINDOW) for _ in range(100)]
            return {
                type(error) for error in await asyncio.gather(*questions, return_exceptions=True)
            }

    assert asyncio.run(main()) == {TransportError}
    assert len(server.requests) <= 20  # ten at first; all 100 if the wait did not count


def test_asyncio_closed(fault_server: Serve) -> None:
    """A closed client refuses in words what is asked and what waits; what is sent is answered."""
    closed = threading.Event()

    def slow(peer: Any) -> None:
        closed.wait(20)
        peer.send(answer())

    server = fault_server(slow)

    async def main() -> list[Any]:
        async with AsyncClient(KEY, base_url=server.url) as client:
            tasks = [asyncio.create_task(client.call_usage(**WINDOW)) for _ in range(12)]
            while len(server.requests) < 10:
                await asyncio.sleep(0.01)
        refused = await asyncio.gather(*tasks[10:], return_exceptions=True)
        with pytest.raises(QueryError, match="got a closed one"):
            await client.today()
        with pytest.raises(QueryError, match="got a closed one"):
            await anext(client.iter_usage({}))
        closed.set()
        return [*await asyncio.gather(*tasks[:10]), *refused]

    *usages, first, second = asyncio.run(main())
    assert [count(usage) for usage in usages] == [3] * 10
    for error in (first, second):
        assert isinstance(error, QueryError)
        assert "got a closed one" in str(error)


def questions(*numbers: int) -> Iterator[tuple[str, UsageQuery]]:
    """Questions whose answers are their numbers, for `counting`."""
    return ((f"group {n}", UsageQuery(search=str(n), **WINDOW)) for n in numbers)


def test_asyncio_one_by_one() -> None:
    """Answers come as they are there, and what else the client can do can be awaited too."""
    sync, sent = canned(counting)

    async def main() -> dict[str, int]:
        async with AsyncClient.of(sync) as client:
            assert await client.today() == sync.today() == (await client.now()).date()
            assert (client.source, client.names) == (sync.source, sync.names) == ("live", None)
            reply = await client.get([("search", "7")])
            assert reply.content == reply_body(calls=7)
            with pytest.raises(QueryError, match="max_concurrency"):
                await anext(client.iter_usage({}, max_concurrency=0))
            answers = client.iter_usage(questions(*range(2, 32)), max_concurrency=4)
            return {group: count(usage) async for group, usage in answers}

    assert asyncio.run(main()) == {f"group {n}": n for n in range(2, 32)}
    assert len(sent) == 31


@pytest.mark.parametrize("way", ["break", "cancel", "error"])
def test_asyncio_one_by_one_given_up(fault_server: Serve, way: str) -> None:
    """Who takes no more answers ends the questions under way; nothing goes on."""
    running = threads()
    first = threading.Event()

    def later(peer: Peer) -> None:
        if way != "error":
            peer.wait()
        assert first.wait(20)
        peer.send(answer(400))

    server = fault_server(lambda peer: peer.send(answer()), later)

    async def main() -> list[str]:
        taken: list[str] = []

        async def take() -> None:
            answers = client.iter_usage(questions(*range(9)), max_concurrency=2)
            async for group, _ in answers:
                taken.append(group)
                first.set()
                if way == "break":
                    break
            await answers.aclose()

        async with AsyncClient(KEY, base_url=server.url) as client:
            task = asyncio.create_task(take())
            if way == "cancel":
                while not task.done() and (not taken or len(server.requests) < 3):
                    await asyncio.sleep(0.01)
                task.cancel()
            with suppress(asyncio.CancelledError, APIError):
                await task
            assert task.done()
        return taken

    assert len(asyncio.run(main())) == 1
    assert len(server.requests) <= 3
    assert_threads_end(running)


def test_asyncio_error() -> None:
    """An error comes out of the await as it would from the client."""

    async def main() -> None:
        sync, _ = canned(lambda _: httpx.Response(429, headers={"Retry-After": "900"}))
        async with AsyncClient.of(sync) as client:
            await client.call_usage(**WINDOW)

    with pytest.raises(RateLimitError) as caught:
        asyncio.run(main())
    assert caught.value.retry_after == 900
