"""Everything a server or a network can do wrong: the right public error, in time, in bounds."""

from __future__ import annotations

import gzip
import logging
import pickle
import time
import traceback
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fetch.faults import (
    DATE,
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
from usage_analysis.tidy.frames import CallUsage

Serve = Callable[..., FaultServer]
WINDOW = {"from_date": "2026-03-01", "to_date": "2026-03-03"}


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
    settings = {"max_backoff": 0.01, "timeout": 2.0, "deadline": 5.0, "max_attempts": 3} | settings
    with Client(KEY, base_url=server.url, **settings) as client:
        return client.call_usage(**WINDOW)


def calls(usage: CallUsage) -> int:
    return int(usage.hourly["total_count"].sum())


GOOD = sends(answer())
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
GZIPPED = gzip.compress(reply_body())

# --- statuses


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_passing_status(fault_server: Serve, status: int) -> None:
    """A status that may pass is asked again, and the answer that comes then is the answer."""
    server = fault_server(sends(answer(status, b"")), sends(answer(status, b"<html>")), GOOD)
    assert calls(ask(server)) == 3
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_status_storm(fault_server: Serve, status: int) -> None:
    """A status that does not pass is an error after so many attempts, which says what it knows."""
    body = b'{"detail": "too busy"}'
    server = fault_server(sends(answer(status, body, "X-Request-Id: r-17", "Retry-After: 0")))
    with pytest.raises(APIError, match=rf"got {status} \(too busy\).*\(3 attempts\)") as caught:
        ask(server)
    error = caught.value
    assert (error.status_code, error.request_id, error.attempts) == (status, "r-17", 3)
    assert error.retry_after == 0
    assert isinstance(error, RateLimitError) == (status == 429)
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "status", [201, 202, 204, 206, 301, 304, 400, 401, 403, 404, 405, 409, 410, 422, 451, 501, 505]
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
    with pytest.raises(kind, match=f"expected status 200, got {status}") as caught:
        ask(server)
    assert caught.value.status_code == status  # type: ignore[attr-defined]  # each kind has it
    assert len(server.requests) == 1


def test_detail_is_plain_and_short(fault_server: Serve) -> None:
    """The server's own words reach the message without control or bidirectional characters."""
    detail = '{"detail": "no\\u0000 \\u202egood\\n\\u001b[31m ' + "x" * 400 + '"}'
    server = fault_server(sends(answer(400, detail.encode(), "X-Request-Id: a\x7fb")))
    with pytest.raises(APIError, match=r"got 400 \(no good \[31m x+\)$") as caught:
        ask(server)
    assert str(caught.value).count("x") < 300
    assert caught.value.request_id == "ab"


@pytest.mark.parametrize(
    "body",
    [
        b'{"detail": "<p>no</p>"}',
        b"<html><p>no</p>",
        b'{"detail": ["no"]}',
        b"[" * 100_000,
        b'{"detail": "' + b"x" * 2**17 + b'"}',
        b"\xff\xfe",
    ],
)
def test_other_detail_stays_out(fault_server: Serve, body: bytes) -> None:
    """HTML, other JSON and long bodies of a refusal do not reach the message."""
    with pytest.raises(APIError, match=r"expected status 200, got 400$"):
        ask(fault_server(sends(answer(400, body))))


@pytest.mark.parametrize("wait", ["86400", "Wed, 04 Mar 2026 10:00:00 GMT"])
def test_long_retry_after(fault_server: Serve, wait: str) -> None:
    """A wait that the deadline does not leave is an error at once, in either form."""
    server = fault_server(sends(answer(429, b"", f"Retry-After: {wait}")))
    start = time.monotonic()
    with pytest.raises(RateLimitError) as caught:
        ask(server)
    assert time.monotonic() - start < 1
    assert (caught.value.retry_after, caught.value.attempts) == (86400, 1)


@pytest.mark.parametrize("wait", ["1", "Tue, 03 Mar 2026 10:00:01 GMT"])
def test_retry_after_is_waited_for(fault_server: Serve, wait: str) -> None:
    """A short wait that the server asks for is waited for, also where it is over max_backoff."""
    server = fault_server(sends(answer(503, b"", f"Retry-After: {wait}")), GOOD)
    assert calls(ask(server)) == 3
    assert server.times[1] - server.times[0] >= 1


def test_back_off_is_shared(fault_server: Serve) -> None:
    """After a 429 no request of the client goes out before the wait is over."""

    def slow(peer: Peer) -> None:
        peer.wait(0.1)
        peer.send(answer())

    server = fault_server(sends(answer(429, b"", "Retry-After: 1")), slow)
    with Client(KEY, base_url=server.url, max_backoff=0.01) as client:
        client.breakdown({f"g{n}": {"search": str(n)} for n in range(8)}, at_once=2, **WINDOW)
    refused, *others = server.times
    assert len(others) == 8
    # One was under way beside the refused one.
    assert sum(when - refused < 1 for when in others) <= 1


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
    with pytest.raises((TransportError, ResponseError), match=r"\(3 attempts\)") as caught:
        ask(server)
    assert type(caught.value) in (TransportError, ResponseError)
    assert caught.value.attempts == 3  # type: ignore[attr-defined]  # both have it
    assert len(server.requests) == 3


def test_refused() -> None:
    """A refused connection is an error at once."""
    server = FaultServer()
    url = server.url
    server.close()
    start = time.monotonic()
    with (
        Client(KEY, base_url=url) as client,
        pytest.raises(TransportError, match="the connection was refused") as caught,
    ):
        client.call_usage(**WINDOW)
    assert caught.value.attempts == 1
    assert time.monotonic() - start < 1


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


@pytest.mark.parametrize("fault", SLOW.values(), ids=SLOW)
@pytest.mark.parametrize("before", [0, 1], ids=["new", "reused"])
def test_slow(fault_server: Serve, fault: Act, before: int) -> None:
    """However slowly bytes drip, on a new or a used connection, the call ends at its deadline."""
    server = fault_server(*[GOOD] * before, fault)
    with Client(KEY, base_url=server.url, timeout=0.25, deadline=0.6, max_backoff=0.01) as client:
        for _ in range(before):
            client.call_usage(**WINDOW)
        start = time.monotonic()
        with pytest.raises(TransportError, match=r"none within 0\.\d+ s.*attempts\)"):
            client.call_usage(**WINDOW)
        assert time.monotonic() - start < 0.9
    assert len(server.requests) >= before + 2


@pytest.mark.parametrize("status", [200, 429])
def test_slow_once(fault_server: Serve, status: int) -> None:
    """One slow answer costs one attempt, and the next one is the answer."""
    slow = answer(status, None, length=10**6)
    server = fault_server(lambda peer: (peer.send(slow), peer.drip(b" "))[0], GOOD)
    assert calls(ask(server, timeout=0.2)) == 3


def test_slow_refusal(fault_server: Serve) -> None:
    """A refusal whose body drips is still the refusal."""
    head = answer(403, b"", length=10**6)
    server = fault_server(lambda peer: (peer.send(head), peer.drip(b" "))[0])
    with pytest.raises(AuthenticationError):
        ask(server, timeout=0.2)
    assert len(server.requests) == 1


@pytest.mark.parametrize("fault", ["dripping head", "endless 1xx", "dripping body"])
@pytest.mark.parametrize("before", [0, 1], ids=["new", "reused"])
def test_threads_end(fault_server: Serve, fault: str, before: int) -> None:
    """What a call left at its deadline ends soon after: nothing goes on in the background."""
    running = threads()
    server = fault_server(*[GOOD] * before, SLOW[fault])
    with Client(KEY, base_url=server.url, timeout=0.1, deadline=0.2) as client:
        for _ in range(before):
            client.call_usage(**WINDOW)
        with pytest.raises(TransportError):
            client.call_usage(**WINDOW)
    assert len(server.requests) > before
    assert_threads_end(running)


# --- sizes


def endless(head: bytes, part: bytes) -> Act:
    def act(peer: Peer) -> None:
        peer.send(head)
        while True:
            peer.send(part)

    return act


def bomb(size: int) -> bytes:
    return gzip.compress(b" " * size, 9)


HUGE = {
    "endless chunks": endless(CHUNKED, b"100000\r\n" + b" " * 2**20 + b"\r\n"),
    "endless body": endless(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 2**20),
    "long Content-Length": endless(answer(length=10**12), b" " * 2**20),
    "gzip bomb": sends(answer(200, bomb(2**28), "Content-Encoding: gzip")),
    "gzip bomb, unfinished": sends(answer(200, bomb(2**28)[:-9], "Content-Encoding: gzip")),
}


@pytest.mark.parametrize("fault", HUGE.values(), ids=HUGE)
def test_huge(fault_server: Serve, fault: Act) -> None:
    """A body over the limits, before or after decompression, is an error in bounded memory."""
    server = fault_server(fault)
    tracemalloc.start()
    try:
        with pytest.raises(ResponseError, match=r"(at most 32 MB|more than 64 MB)"):
            ask(server)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 180 * 2**20
    assert len(server.requests) == 1


def test_huge_refusal(fault_server: Serve) -> None:
    """Of a refusal's body 64 KB are read, however long it is, and the refusal is told."""
    server = fault_server(endless(answer(400, b"", length=10**12), b" " * 2**16))
    with pytest.raises(APIError, match=r"got 400$"):
        ask(server)


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
        (gzip.compress(GZIPPED), "gzip, gzip"),
    ],
)
def test_damaged_compression(fault_server: Serve, body: bytes, encoding: str) -> None:
    """A compressed body that is not one whole gzip stream is an error that says so."""
    server = fault_server(sends(answer(200, body, f"Content-Encoding: {encoding}")))
    with pytest.raises(ResponseError, match=r"^reply: expected .*gzip"):
        ask(server)


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
    with pytest.raises(ResponseError, match=message) as caught:
        ask(server)
    error = caught.value
    assert type(error) is ResponseError
    assert (error.status_code, error.request_id, error.attempts) == (200, "r-17", 1)


def test_bucket_outside_the_window(fault_server: Serve) -> None:
    """A bucket with calls that was not asked for is an error, not a silent loss."""
    server = fault_server(sends(answer(200, reply_body().replace(b"-03-01", b"-01-01"))))
    with pytest.raises(ResponseError, match=r"^daily\[0\]\.date: expected a bucket of the window"):
        ask(server)


# --- elsewhere


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect(fault_server: Serve, status: int) -> None:
    """A redirect is not followed: the second host sees neither the key nor anything."""
    second = fault_server(GOOD)
    first = fault_server(sends(answer(status, b"", f"Location: {second.url}/x")))
    with pytest.raises(APIError, match="a redirect, not followed") as caught:
        ask(first)
    assert caught.value.status_code == status
    assert KEY.encode() in first.requests[0]
    assert second.connections == 0


def test_untrusted_certificate(fault_server: Serve) -> None:
    """A certificate that nobody vouches for ends the call before the key is sent."""
    server = fault_server(GOOD, tls=True)
    with pytest.raises(TransportError, match=r"TLS failed .*CERTIFICATE_VERIFY_FAILED") as caught:
        ask(server)
    assert caught.value.attempts == 1
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
    server = fault_server(before=fault)
    start = time.monotonic()
    running = threads()
    with pytest.raises(TransportError):
        ask(server, timeout=0.2, deadline=0.5)
    assert time.monotonic() - start < 0.9
    assert_threads_end(running)


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SSL_CERT_FILE", str(PEM))
    return PEM


@pytest.mark.usefixtures("trusted")
def test_tls(fault_server: Serve) -> None:
    """Over TLS answers come, the connection is used again, and a drip ends at the deadline."""
    server = fault_server(GOOD, GOOD, SLOW["dripping body"], tls=True)
    with Client(KEY, base_url=server.url, timeout=0.3, deadline=0.5) as client:
        client.call_usage(**WINDOW)
        client.call_usage(**WINDOW)
        assert server.connections == 1
        start = time.monotonic()
        with pytest.raises(TransportError):
            client.call_usage(**WINDOW)
        assert time.monotonic() - start < 0.9


# --- the key


def echo(status: int) -> Act:
    body = reply_body(duration=KEY) if status == 200 else f'{{"detail": "bad {KEY}"}}'.encode()
    return sends(answer(status, body))


TELLING = {
    **{f"echo {status}": echo(status) for status in (200, 400, 403, 429, 503)},
    "echo in HTML": sends(answer(200, f"<p>{KEY}".encode())),
    "echo in a count": sends(answer(200, reply_body(totalCount=KEY))),
    "echo in a date": sends(answer(200, reply_body().replace(b"2026-03-01", KEY.encode()))),
    "dripping body": SLOW["dripping body"],
    "not HTTP": BROKEN["not HTTP"],
    "reset": BROKEN["reset in the body"],
    "body cut": BROKEN["body cut"],
    "gzip cut": BROKEN["gzip cut"],
    "redirect": sends(answer(302, b"", "Location: http://localhost:1/")),
}


@pytest.mark.parametrize("fault", TELLING.values(), ids=TELLING)
def test_key_stays_secret(
    fault_server: Serve, fault: Act, caplog: pytest.LogCaptureFixture
) -> None:
    """No message, repr, log at DEBUG, pickle or frame of a traceback holds the key."""
    caplog.set_level(logging.DEBUG)
    server = fault_server(fault)
    with pytest.raises(UsageError) as caught:
        ask(server, timeout=0.3, deadline=0.5)
    error = caught.value
    assert KEY.encode() in server.requests[0]
    secret = KEY.partition(".")[2]
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  # made here
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
    for text in (str(error), repr(error), repr(vars(error)), repr(pickle.dumps(error))):
        assert secret not in text
    assert caplog.records
    assert secret not in caplog.text
    assert error.__context__ is None
    assert error.__cause__ is None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if "usage_analysis" in frame.f_code.co_filename:
            assert secret not in repr(frame.f_locals)


def test_request_id_echo(fault_server: Serve) -> None:
    """A server that names the request after the key does not get it into the error."""
    with pytest.raises(APIError) as caught:
        ask(fault_server(sends(answer(400, b"", f"X-Request-Id: {KEY}"))))
    assert caught.value.request_id == "abcd1234.[key]"


def test_date_of_the_answer(fault_server: Serve) -> None:
    """The usage is as of the answer's Date."""
    assert ask(fault_server(GOOD)).as_of.strftime("%a, %d %b %Y %H:%M:%S GMT") == DATE


def test_leftover_bytes(fault_server: Serve) -> None:
    """Bytes after an answer are no part of the next one."""
    server = fault_server(sends(answer() + b" " * 9 + reply_body(calls=1_000_000)), GOOD)
    with Client(KEY, base_url=server.url, max_backoff=0.01) as client:
        assert calls(client.call_usage(**WINDOW)) == 3
        assert calls(client.call_usage(**WINDOW)) == 3
