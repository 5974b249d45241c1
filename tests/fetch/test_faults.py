"""Faults of servers and networks raise the right error in time. Covers responses and transport."""

from __future__ import annotations

import gzip
import json
import logging
import pickle
import re
import threading
import traceback
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from tests.fetch.faults import (
    KEY,
    PEM,
    Act,
    FaultServer,
    Peer,
    answer,
    assert_threads_end,
    reply_body,
    threads,
)
from usage_analysis.errors import (
    APIError,
    AuthenticationError,
    RateLimitError,
    ResponseError,
    TransportError,
    UsageError,
)
from usage_analysis.fetch.client import Client
from usage_analysis.tidy import wire
from usage_analysis.tidy.usage import CallUsage

Serve = Callable[..., FaultServer]
WINDOW = {"from_date": "2026-03-01", "to_date": "2026-03-03"}
SECRET = KEY.partition(".")[2]


@pytest.fixture(autouse=True)
def _no_key_in_the_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever happens, the log at DEBUG does not hold the key."""
    caplog.set_level(logging.DEBUG)
    yield
    assert not [r for r in caplog.get_records("call") if SECRET in r.getMessage().lower()]


def sends(data: bytes) -> Act:
    return lambda peer: peer.send(data)


def then_closes(data: bytes) -> Act:
    def act(peer: Peer) -> None:
        peer.send(data)
        raise ConnectionAbortedError

    return act


def then_resets(data: bytes) -> Act:
    def act(peer: Peer) -> None:
        peer.send(data)
        peer.reset()

    return act


def ask(server: FaultServer, **settings: Any) -> CallUsage:
    settings = {"max_backoff": 0.01, "deadline": 60, "max_attempts": 3} | settings
    with Client(KEY, base_url=server.url, **settings) as client:
        return client.call_usage(**WINDOW)


def in_vain(
    server: FaultServer, kind: type[UsageError], match: str, **settings: Any
) -> UsageError | Any:
    """The error of a question: of its kind, in its words and without the key.

    Time is not measured: the words tell a client that waited until its deadline from one that gave
    up at once, and a peer that hangs fails the test of a client that never gives up.
    """
    with pytest.raises(kind, match=match) as caught:
        ask(server, **settings)
    assert_secret(caught.value)
    return caught.value


def assert_secret(error: UsageError) -> None:
    """No message, repr, pickle or frame of a traceback holds the key."""
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  # made here
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
    for text in (str(error), repr(error), repr(vars(error)), repr(pickle.dumps(error))):
        assert SECRET not in text.lower()
    assert error.__context__ is None
    assert error.__cause__ is None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if "usage_analysis" in frame.f_code.co_filename:
            assert SECRET not in repr(frame.f_locals).lower()


def calls(usage: CallUsage) -> int:
    return int(usage.hourly["total_count"].sum())


GOOD = sends(answer())
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
GZIPPED = gzip.compress(reply_body(), mtime=0)

# --- statuses

RETRIED = [408, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529]


@pytest.mark.parametrize("status", RETRIED)
def test_passing_status(fault_server: Serve, status: int) -> None:
    """A status that may pass is asked again, and the answer that comes then is the answer."""
    server = fault_server(sends(answer(status, b"")), sends(answer(status, b"<html>")), GOOD)
    assert calls(ask(server)) == 3
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", RETRIED)
def test_status_storm(fault_server: Serve, status: int) -> None:
    """A status that does not pass is an error after so many attempts, which says what it knows."""
    body = b'{"detail": "too busy"}'
    server = fault_server(sends(answer(status, body, "X-Request-Id: r-17", "Retry-After: 0")))
    error = in_vain(server, APIError, rf"got {status} \(too busy\).*\(3 attempts in \d.* s\)$")
    assert (error.status_code, error.request_id, error.attempts) == (status, "r-17", 3)
    assert error.retry_after == 0
    assert isinstance(error, RateLimitError) == (status == 429)
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "status",
    [201, 202, 204, 206, 301, 304, 400, 401, 403, 404, 405, 409, 410, 422, 451, 501, 505, 525, 530],
)
def test_final_status(fault_server: Serve, status: int) -> None:
    """Any other status than 200 is an error at once, whatever the body is."""
    body = b"" if status in (204, 304) else reply_body()
    server = fault_server(sends(answer(status, body)))
    kind: type[UsageError] = APIError
    if status < 300:
        kind = ResponseError
    if status in (401, 403):
        kind = AuthenticationError
    error = in_vain(server, kind, f"expected status 200, got {status}")
    assert error.status_code == status
    assert len(server.requests) == 1


def test_detail_is_plain_and_short(fault_server: Serve) -> None:
    """The server's own words reach the message without control or bidirectional characters."""
    detail = '{"detail": "no\\u0000 \\u202egood\\n\\u001b[31m ' + "x" * 400 + '"}'
    server = fault_server(sends(answer(400, detail.encode(), "X-Request-Id: a\x7fb")))
    error = in_vain(server, APIError, r"got 400 \(no good \[31m x+\): the request was refused;")
    assert str(error).count("x") < 300
    assert error.request_id == "ab"


@pytest.mark.parametrize(
    "body",
    [
        b'{"detail": "<p>no</p>"}',
        b"<html><p>no</p>",
        b'{"detail": {"no": "no"}}',
        b'{"fromDate": ["<p>no</p>"]}',
        b'{"fromDate": [1]}',
        b'["no"]',
        b"[" * 100_000,
        b'{"detail": "' + b"x" * 2**17 + b'"}',
        b"\xff\xfe",
    ],
)
def test_other_detail_stays_out(fault_server: Serve, body: bytes) -> None:
    """HTML, other JSON and long bodies of a refusal do not reach the message."""
    in_vain(
        fault_server(sends(answer(400, body))),
        APIError,
        r"expected status 200, got 400: the request",
    )


def test_words_by_field(fault_server: Serve) -> None:
    """What a server says of each field reaches the message, however many there are."""
    body = {"fromDate": ["Not a date.", "Not\ntext."], "x": ["No."], "code": 7, "y" * 999: ["z"]}
    server = fault_server(sends(answer(400, json.dumps(body).encode())))
    error = in_vain(
        server, APIError, r"got 400 \(fromDate: Not a date. Not text.; x: No.; y+\): the request"
    )
    assert str(error).count("y") < 300


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (206, "try again"),
        (302, "check base_url"),
        (400, "check the filters"),
        (403, "check that it is complete and belongs to this account"),
        (404, "check base_url"),
        (429, "ask less often"),
        (500, "try again later"),
    ],
)
def test_advice(fault_server: Serve, status: int, advice: str) -> None:
    """An error says what was asked for, what came and what to do."""
    server = fault_server(sends(answer(status, b"")))
    in_vain(
        server,
        UsageError,
        f"status 200, got {status}: .*{advice}; request: "
        "fromDate=2026-03-01T00:00:00Z&toDate=2026-03-03T23:59:59.999999Z$",
        max_attempts=1,
    )


def test_long_questions_are_cut(fault_server: Serve) -> None:
    """Of what was asked for, a message tells the beginning, and never the key."""
    server = fault_server(sends(answer(400, b"")))
    with Client(KEY, base_url=server.url) as client, pytest.raises(APIError) as caught:
        client.call_usage(metadata={"k": KEY, "m": "v" * 9999}, **WINDOW)
    assert SECRET not in str(caught.value)
    assert re.search(r"&metadata\.k=abcd1234\.\[key\]&metadata\.m=v+\.\.\.$", str(caught.value))
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("wait", ["86400", "Wed, 04 Mar 2026 10:00:00 GMT"])
def test_long_retry_after(fault_server: Serve, wait: str) -> None:
    """A wait that the deadline does not leave is an error at once, in either form."""
    server = fault_server(sends(answer(429, b"", f"Retry-After: {wait}")))
    error = in_vain(server, RateLimitError, "in 86400 s")
    assert (error.retry_after, error.attempts) == (86400, 1)


@pytest.mark.parametrize("wait", ["1", "Tue, 03 Mar 2026 10:00:01 GMT"])
def test_retry_after_is_waited_for(fault_server: Serve, wait: str) -> None:
    """A short wait that the server asks for is waited for, also where it is over max_backoff."""
    server = fault_server(sends(answer(503, b"", f"Retry-After: {wait}")), GOOD)
    assert calls(ask(server)) == 3
    assert server.times[1] - server.times[0] >= 1


def test_back_off_is_shared(fault_server: Serve) -> None:
    """After a 429 no request of the client goes out before the wait is over."""

    def beside(peer: Peer) -> None:
        # One was under way: it is answered when the client knows that it should wait.
        while not client._fetcher.limiter._open:
            peer.wait(0.01)
        peer.send(answer())

    server = fault_server(sends(answer(429, b"", "Retry-After: 1")), beside, GOOD)
    with Client(KEY, base_url=server.url, max_backoff=0.01) as client:
        client.breakdown(
            {f"g{n}": {"search": str(n)} for n in range(8)}, max_concurrency=2, **WINDOW
        )
    refused, _, *others = server.times
    assert len(others) == 7
    assert min(others) - refused >= 1


# --- connections


BROKEN = {
    "reset before the head": then_resets(b""),
    "closed before the head": then_closes(b""),
    "reset in the head": then_resets(b"HTTP/1.1 200 OK\r\nContent-"),
    "reset in the body": then_resets(answer()[:200]),
    "body cut": then_closes(answer()[:-1]),
    "Content-Length too long": then_closes(answer(length=100_000)),
    "Content-Length too short": then_closes(answer(length=100)),
    "no length, body cut": then_closes(b"HTTP/1.1 200 OK\r\n\r\n" + reply_body()[:-9]),
    "no body": then_closes(answer(200, b"")),
    "chunk cut": then_closes(CHUNKED + b"1000\r\n{"),
    "chunks without end": then_closes(CHUNKED + b"%x\r\n%s\r\n" % (len(GZIPPED), GZIPPED)),
    "chunked garbage": then_closes(CHUNKED + b"zz\r\n" + reply_body()),
    "not HTTP": then_closes(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
    "two lengths": then_closes(answer(200, None, "Content-Length: 1")),
    "gzip cut": then_closes(answer(200, GZIPPED[:-12], "Content-Encoding: gzip")),
    "gzip without its checksum": then_closes(answer(200, GZIPPED[:-4], "Content-Encoding: gzip")),
}


@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN)
def test_passing_break(fault_server: Serve, fault: Act) -> None:
    """An answer that breaks off is asked for again, and the whole one that comes is the answer."""
    server = fault_server(fault, GOOD)
    assert calls(ask(server)) == 3
    assert len(server.requests) == 2


@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN)
def test_lasting_break(fault_server: Serve, fault: Act) -> None:
    """An answer that always breaks off is an error after so many attempts, never part of one."""
    server = fault_server(fault)
    error = in_vain(server, UsageError, r"\(3 attempts in \d.* s\)$")
    assert type(error) in (TransportError, wire.CutReplyError, ResponseError)
    assert error.attempts == 3
    assert len(server.requests) == 3


def test_refused() -> None:
    """A refused connection is an error at once."""
    server = FaultServer()
    server.close()
    assert in_vain(server, TransportError, "the connection was refused").attempts == 1


def hangs(peer: Peer) -> None:
    peer.wait()


def endless_informational(peer: Peer) -> None:
    while True:
        peer.send(b"HTTP/1.1 102 Processing\r\n\r\n" * 100)
        peer.wait(0.001)


def endless_headers(peer: Peer) -> None:
    peer.send(b"HTTP/1.1 200 OK\r\n")
    peer.drip(b"X-A: b\r\nX-C: d\r\nX-" + b"e" * 1000)


SLOW = {
    "silence": hangs,
    "dripping head": lambda peer: peer.drip(answer()),
    "dripping headers": endless_headers,
    "dripping body": lambda peer: (peer.send(answer(length=10**6)), peer.drip(b" " * 1000))[0],
    "dripping chunks": lambda peer: (peer.send(CHUNKED), peer.drip(b"1\r\n \r\n" * 1000))[0],
    "endless 1xx": endless_informational,
    "silence in the body": lambda peer: (peer.send(answer()[:-5]), peer.wait())[0],
}


class Turning:
    """A server's act that is good until it is told to turn bad."""

    def __init__(self, bad: Act) -> None:
        self.reached = 0
        self._bad, self._told = bad, threading.Event()

    def __call__(self, peer: Peer) -> None:
        if not self._told.is_set():
            peer.send(answer())
        else:
            self.reached += 1
            self._bad(peer)

    def turn(self, client: Client | None = None) -> None:
        """Turn bad; if there is a client, once it has a connection that was good."""
        while client is not None:
            with suppress(TransportError):  # a busy machine may not make it in so short a time
                client.call_usage(**WINDOW)
                client = None
        self._told.set()


SHORT: dict[str, Any] = {"timeout": 0.2, "deadline": 0.5, "max_attempts": 10**6}
"""Only the deadline ends the attempts."""


def left_hanging(client: Client, act: Turning) -> None:
    """Ask in vain, and again if a busy machine did not even bring the question to the server."""
    while not act.reached:
        with pytest.raises(TransportError, match=r"none within 0\.\d+ s; try again") as caught:
            client.call_usage(**WINDOW)
        assert_secret(caught.value)


@pytest.mark.parametrize("fault", SLOW.values(), ids=SLOW)
@pytest.mark.parametrize("used", [False, True], ids=["new", "used"])
def test_slow(fault_server: Serve, fault: Act, used: bool) -> None:
    """However slowly bytes drip, on a new or a used connection, the call ends at its deadline.

    What it left ends soon after: nothing goes on in the background.
    """
    running, act = threads(), Turning(fault)
    server = fault_server(act)
    with Client(KEY, base_url=server.url, max_backoff=0.01, **SHORT) as client:
        act.turn(client if used else None)
        left_hanging(client, act)
    assert_threads_end(running)


@pytest.mark.parametrize("status", [200, 429])
def test_slow_once(fault_server: Serve, status: int) -> None:
    """One slow answer costs one attempt, and the next one is the answer."""
    slow = answer(status, None, length=10**6)
    server = fault_server(lambda peer: (peer.send(slow), peer.drip(b" "))[0], GOOD)
    assert calls(ask(server, timeout=0.2, max_attempts=100)) == 3


def test_slow_refusal(fault_server: Serve) -> None:
    """A refusal whose body drips is still the refusal."""
    head = answer(403, b"", length=10**6)
    server = fault_server(lambda peer: (peer.send(head), peer.drip(b" "))[0])
    in_vain(server, AuthenticationError, "the key was refused", timeout=0.3, max_attempts=100)


# --- sizes


def endless(head: bytes, part: bytes) -> Act:
    def act(peer: Peer) -> None:
        peer.send(head)
        while True:
            peer.send(part)

    return act


def bomb(megabytes: int) -> bytes:
    stream, part = zlib.compressobj(1, wbits=16 + zlib.MAX_WBITS), b" " * 2**20
    return b"".join(stream.compress(part) for _ in range(megabytes)) + stream.flush()


BOMB = bomb(128)
ENDLESS_HEADERS = endless(b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"b" * 1000 + b"\r\n")
ENDLESS_HEADER = endless(b"HTTP/1.1 200 OK\r\nX-A: ", b"b" * 2**16)
ENDLESS_1XX = endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 1000)
HUGE = {
    "endless chunks": endless(CHUNKED, b"100000\r\n" + b" " * 2**20 + b"\r\n"),
    "endless body": endless(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 2**20),
    "long Content-Length": endless(answer(length=10**12), b" " * 2**20),
    "gzip bomb": sends(answer(200, BOMB, "Content-Encoding: gzip")),
    "gzip bomb, unfinished": sends(answer(200, BOMB[:-9], "Content-Encoding: gzip")),
}


@pytest.fixture
def memory() -> Iterator[Callable[[], float]]:
    """The most memory that was in use so far [MB]."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()


@pytest.mark.parametrize("fault", HUGE.values(), ids=HUGE)
def test_huge(fault_server: Serve, fault: Act, memory: Callable[[], float]) -> None:
    """A body over the limits, before or after decompression, is an error in bounded memory."""
    server = fault_server(fault)
    in_vain(server, ResponseError, r"(at most 32 MB|more than 64 MB)", deadline=60)
    assert memory() < 150
    assert len(server.requests) == 1


def test_huge_beside_a_wrong_value(fault_server: Serve, memory: Callable[[], float]) -> None:
    """What a reply holds besides is not built to word an error: that took a minute and 1.7 GB."""
    huge = b'{"x":[' + b"[]," * (20 * 2**20) + b"[]]," + reply_body(totalCount=-1)[1:]
    server = fault_server(sends(answer(200, gzip.compress(huge, 1), "Content-Encoding: gzip")))
    del huge
    in_vain(server, ResponseError, r"^allTime\.totalCount: expected int >= 0, got '-1'")
    assert memory() < 150


def test_slow_reading(fault_server: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that is not decoded by the deadline is an error then."""
    over = threading.Event()
    monkeypatch.setattr(wire, "decode", lambda *_, **__: over.wait(60))
    running = threads()
    try:
        in_vain(fault_server(GOOD), TransportError, "not decoded before the deadline", deadline=0.3)
    finally:
        over.set()
    assert_threads_end(running)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(ENDLESS_HEADERS, id="headers"),
        pytest.param(ENDLESS_HEADER, id="one header"),
        pytest.param(ENDLESS_1XX, id="1xx"),
    ],
)
def test_endless_head(fault_server: Serve, fault: Act, memory: Callable[[], float]) -> None:
    """A head that never ends, however fast it comes, is an error in time and in little memory."""
    in_vain(fault_server(fault), TransportError, "no complete answer", timeout=0.3, deadline=1)
    assert memory() < 10


def test_huge_refusal(fault_server: Serve) -> None:
    """Of a refusal's body 64 KB are read, however long it is, and the refusal is told."""
    server = fault_server(endless(answer(400, b"", length=10**12), b" " * 2**16))
    in_vain(server, APIError, r"got 400: the request was refused")


def test_gzip(fault_server: Serve) -> None:
    """A gzip body is read, and asked for."""
    server = fault_server(sends(answer(200, GZIPPED, "Content-Encoding: gzip")))
    assert calls(ask(server)) == 3
    assert b"accept-encoding: gzip\r\n" in server.requests[0].lower()


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"not gzip", "gzip"),
        (GZIPPED[:40] + b"\0\0\0" + GZIPPED[43:], "gzip"),
        (GZIPPED + b"more", "gzip"),
        (GZIPPED + GZIPPED, "gzip"),
        (reply_body(), "br"),
        (gzip.compress(GZIPPED, mtime=0), "gzip, gzip"),
    ],
    ids=["not gzip", "broken inside", "more after its end", "two streams", "another", "twice"],
)
def test_damaged_compression(fault_server: Serve, body: bytes, encoding: str) -> None:
    """A compressed body that is not one whole gzip stream is an error that says so."""
    server = fault_server(sends(answer(200, body, f"Content-Encoding: {encoding}")))
    in_vain(server, ResponseError, r"^reply: expected .*gzip")


# --- contents


WRONG = {
    "HTML": (b"<!doctype html><p>Welcome", r"^reply: expected one whole JSON document, got HTML"),
    "two documents": (reply_body() * 2, r"^reply: expected one whole JSON document"),
    "NaN": (reply_body().replace(b"1.6", b"NaN", 1), r"^reply: expected one whole JSON"),
    "null": (b"null", r"^reply: expected object, got null"),
    "list": (b"[]", r"^reply: expected object, got array"),
    "text count": (reply_body(errorCount="1"), r"^allTime\.errorCount: expected int, got str"),
    "negative": (reply_body(totalCount=-1), r"^allTime\.totalCount: expected"),
    "fraction": (reply_body(totalCount=1.5), r"^allTime\.totalCount: expected int, got float"),
    "65 bits": (reply_body(totalCount=2**64), r"^allTime\.totalCount: expected"),
    "duration": (reply_body(duration="-5s"), r"^allTime\.duration: expected a duration"),
    "date": (reply_body().replace(b"-03-01", b"-02-30"), r"^daily\[0\]\.date: expected a date"),
    "hour": (reply_body().replace(b'"hour": 9', b'"hour": 24'), r"^hourly\[0\]\.hour: expected"),
    "no hourly": (reply_body().replace(b"hourly", b"hoursly"), r"^hourly: missing"),
    "UTF-16": (reply_body().decode().encode("utf-16"), r"^reply: expected UTF-8"),
    "bad UTF-8": (reply_body() + b"\xff", r"^reply: expected UTF-8"),
    "deep": (b'{"daily":' + b"[" * 200_000, r"^(reply|daily)"),
}


@pytest.mark.parametrize(("body", "message"), WRONG.values(), ids=WRONG)
def test_wrong_content(fault_server: Serve, body: bytes, message: str) -> None:
    """A body that is not what the endpoint promises is an error that names the field, at once."""
    server = fault_server(sends(answer(200, body, "X-Request-Id: r-17")))
    error = in_vain(server, ResponseError, message)
    assert type(error) is ResponseError
    assert (error.status_code, error.request_id, error.attempts) == (200, "r-17", 1)


def test_bucket_outside_the_window(fault_server: Serve) -> None:
    """A bucket with calls that was not asked for is an error, not a silent loss."""
    server = fault_server(sends(answer(200, reply_body().replace(b"-03-01", b"-01-01"))))
    in_vain(server, ResponseError, r"^daily\[0\]\.date: expected a bucket of the window")


ID = "X-Request-Id: r-17"
TWICE = (
    reply_body()
    .replace(b'"hourly": [', b'"hourly": [@, ')
    .replace(b"@", reply_body().partition(b'"hourly": [')[2][:-2])
)


@pytest.mark.parametrize(
    ("fault", "kind", "timeout"),
    [
        (
            endless(b"HTTP/1.1 200 OK\r\nX-Request-Id: r-17\r\n\r\n", b" " * 2**20),
            ResponseError,
            20,
        ),
        (sends(answer(200, reply_body().replace(b"-03-01", b"-01-01"), ID)), ResponseError, 20),
        (sends(answer(200, TWICE, ID)), ResponseError, 20),
        (sends(answer(200, GZIPPED[:-4], ID, "Content-Encoding: gzip")), TransportError, 20),
        (then_closes(answer(200, None, ID)[:-1]), TransportError, 20),
        (lambda peer: (peer.send(answer(200, None, ID)[:-1]), peer.wait())[0], TransportError, 1),
    ],
    ids=["too long", "outside the window", "a bucket twice", "gzip cut", "cut", "silence"],
)
def test_errors_name_the_answer(
    fault_server: Serve, fault: Act, kind: type[UsageError], timeout: float
) -> None:
    """Every error about an answer carries its status, its request's name and the attempts."""
    error = in_vain(fault_server(fault), kind, "request: from", max_attempts=1, timeout=timeout)
    assert (error.status_code, error.request_id, error.attempts) == (200, "r-17", 1)
    assert error.retry_after is None


# --- elsewhere


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect(fault_server: Serve, status: int) -> None:
    """A redirect is not followed: the second host sees neither the key nor anything."""
    second = fault_server(GOOD)
    first = fault_server(sends(answer(status, b"", f"Location: {second.url}/x")))
    assert in_vain(first, APIError, "redirects are not followed").status_code == status
    assert KEY.encode() in first.requests[0]
    assert second.connections == 0


@pytest.mark.parametrize("location", ["\x01", "http://[", "http://x:99999/", "\xe9", "//"])
def test_redirect_to_no_address(fault_server: Serve, location: str) -> None:
    """A redirect to what is no address is the redirect that it is, at once."""
    server = fault_server(sends(answer(302, b"", f"Location: {location}")))
    assert in_vain(server, APIError, "redirects are not followed").attempts == 1
    assert len(server.requests) == 1


def test_untrusted_certificate(fault_server: Serve) -> None:
    """A certificate that nobody vouches for ends the call before the key is sent."""
    server = fault_server(GOOD, tls=True)
    error = in_vain(server, TransportError, r"TLS failed .*CERTIFICATE_VERIFY_FAILED")
    assert error.attempts == 1
    assert server.requests == []


def resets_in_the_handshake(peer: Peer) -> None:
    # Not before it: `ssl` then loses the socket that it wrapped, and the next test is told so.
    peer.receive()
    peer.reset()


TLS_FAULTS = {
    "plain HTTP": then_closes(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "closed": then_closes(b""),
    "reset": resets_in_the_handshake,
    "silence": hangs,
    "dripping": lambda peer: peer.drip(
        b"\x16\x03\x03\x40\x00" + b"\x02\x00\x3f\xfc" + b"\x03" * 9000
    ),
}


@pytest.mark.parametrize("fault", TLS_FAULTS.values(), ids=TLS_FAULTS)
def test_failed_handshake(fault_server: Serve, fault: Act) -> None:
    """A TLS handshake that fails or hangs is an error within the deadline."""
    server, running = fault_server(before=fault), threads()
    in_vain(server, TransportError, "no complete answer", **SHORT)
    assert_threads_end(running)


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SSL_CERT_FILE", str(PEM))
    return PEM


@pytest.mark.usefixtures("trusted")
def test_tls(fault_server: Serve) -> None:
    """Over TLS answers come, and the connection is used again."""
    server = fault_server(GOOD, tls=True)
    with Client(KEY, base_url=server.url) as client:
        client.call_usage(**WINDOW)
        client.call_usage(**WINDOW)
    assert (server.connections, len(server.requests)) == (1, 2)


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("fault", ["dripping head", "dripping body", "silence in the body"])
def test_slow_tls(fault_server: Serve, fault: str) -> None:
    """Over TLS a drip on a used connection ends at the deadline, and its thread with it."""
    running, act = threads(), Turning(SLOW[fault])
    server = fault_server(act, tls=True)
    with Client(KEY, base_url=server.url, max_backoff=0.01, **SHORT) as client:
        act.turn(client)
        left_hanging(client, act)
    assert_threads_end(running)


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("fault", ["closed before the head", "reset in the body", "body cut"])
def test_broken_tls(fault_server: Serve, fault: str) -> None:
    """Over TLS an answer that breaks off is asked for again, and told as what it is."""
    assert calls(ask(fault_server(BROKEN[fault], GOOD, tls=True))) == 3
    in_vain(fault_server(BROKEN[fault], tls=True), TransportError, r"\(3 attempts in")


# --- the key


def echo(status: int) -> Act:
    body = reply_body(duration=KEY) if status == 200 else f'{{"detail": "bad {KEY}"}}'.encode()
    return sends(answer(status, body))


ESCAPED = "".join(f"\\u{ord(char):04x}" for char in KEY).encode()
"""The key as JSON may write it too."""
TELLING = {
    **{f"echo {status}": echo(status) for status in (200, 400, 403, 429, 503)},
    "echo in HTML": sends(answer(200, f"<p>{KEY}".encode())),
    "echo in a count": sends(answer(200, reply_body(totalCount=KEY))),
    "echo in a date": sends(answer(200, reply_body().replace(b"2026-03-01", KEY.encode()))),
    "echo cut in a duration": sends(answer(200, reply_body(duration=" " * 60 + KEY))),
    "echo in JSON escapes": sends(answer(200, reply_body(duration="@").replace(b"@", ESCAPED))),
    "echo with one escape": sends(
        answer(200, reply_body(duration="@").replace(b"@", KEY[:-1].encode() + ESCAPED[-6:]))
    ),
    "echo in escapes in a date": sends(
        answer(200, reply_body().replace(b"2026-03-01", ESCAPED.upper().replace(b"U", b"u")))
    ),
    "echo in escapes in a refusal": sends(answer(400, b'{"detail": "%b"}' % ESCAPED)),
    "echo in capitals": sends(answer(400, b'{"detail": "%b"}' % KEY.upper().encode())),
    "echo in capitals in a duration": sends(answer(200, reply_body(duration=KEY.upper()))),
    "echo in a header": sends(b"HTTP/1.1 200 OK\r\n" + KEY.encode() + b"\r\n\r\n"),
    "echo of the status": sends(b"HTTP/1.1 " + KEY.encode() + b"\r\n\r\n"),
    "echo in an encoding": sends(answer(200, None, f"Content-Encoding: {KEY}")),
    "echo in a redirect": sends(answer(302, b"", f"Location: http://localhost:1/{KEY}")),
}


@pytest.mark.parametrize("fault", TELLING.values(), ids=TELLING)
def test_key_stays_secret(
    fault_server: Serve, fault: Act, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that sends the key back does not get it into an error or the log."""
    server = fault_server(fault)
    in_vain(server, UsageError, r"expected|no complete answer")
    assert KEY.encode() in server.requests[0]
    assert caplog.records


def test_request_id_echo(fault_server: Serve) -> None:
    """A server that names the request after the key does not get it into the error."""
    server = fault_server(sends(answer(400, b"", f"X-Request-Id: {KEY}")))
    assert in_vain(server, APIError, "got 400").request_id == "abcd1234.[key]"


def test_date_of_the_answer(fault_server: Serve) -> None:
    """The usage is as of the answer's Date, if the clock of this machine is about the same."""
    date = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=9)
    text = formatdate(date.timestamp(), usegmt=True).encode()
    assert ask(fault_server(sends(answer().replace(b"@now", text)))).as_of == date


def test_leftover_bytes(fault_server: Serve) -> None:
    """Bytes after an answer are no part of the next one."""
    server = fault_server(sends(answer() + b" " * 9 + reply_body(calls=1_000_000)), GOOD)
    with Client(KEY, base_url=server.url, max_backoff=0.01) as client:
        assert calls(client.call_usage(**WINDOW)) == 3
        assert calls(client.call_usage(**WINDOW)) == 3
