"""200 groups from a server 50 ms away, against plain sequential httpx and against decoding alone.

Run with ``python -m pytest tests/benchmarks/test_fetch.py -s``; it prints what it measured.
"""

import gzip
import json
import random
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from usage_analysis.fetch.client import Client
from usage_analysis.fetch.responses import PATH, decompress
from usage_analysis.query import UsageQuery
from usage_analysis.tidy import wire
from usage_analysis.tidy.usage import build_breakdown, build_usage
from usage_analysis.tidy.wire import check_reply

GROUPS = 200
KEY = "abcd1234.0123456789abcdef0123456789abcdef"
AS_OF = datetime(2027, 1, 1, tzinfo=UTC)
FIRST = datetime(2026, 1, 1, tzinfo=UTC)

# The server runs in a process of its own, so that it takes no time from the one measured.
SERVER = """
import socket, sys, threading, time
body = sys.stdin.buffer.read()
head = "HTTP/1.1 200 OK\\r\\nDate: Fri, 01 Jan 2027 00:00:00 GMT\\r\\n"
head += "Content-Encoding: gzip\\r\\n" if body[:2] == b"\\x1f\\x8b" else ""
head = (head + f"Content-Length: {len(body)}\\r\\n\\r\\n").encode()
def serve(peer):
    with peer:
        request = b""
        while part := peer.recv(65536):
            request += part
            if request.endswith(b"\\r\\n\\r\\n"):
                request = b""
                time.sleep(0.05)
                peer.sendall(head + body)
listener = socket.create_server(("127.0.0.1", 0), backlog=64)
print(listener.getsockname()[1], flush=True)
while True:
    peer, _ = listener.accept()
    threading.Thread(target=serve, args=(peer,), daemon=True).start()
"""


def body(days):
    """A reply with calls in every hour of so many days."""
    draw = random.Random(days)  # noqa: S311
    rows = []
    for place in range(days * 24):
        when = FIRST + timedelta(hours=place)
        calls = draw.randrange(1, 200)
        rows.append(
            {
                "totalCount": calls,
                "errorCount": calls // 50,
                "joinedCount": calls - calls // 20,
                "duration": f"{calls * 91.123457:.6f}s",
                "billedMinutes": round(calls * 1.6, 1),
                "date": when.date().isoformat(),
                "hour": when.hour,
            }
        )
    daily = [{k: v for k, v in row.items() if k != "hour"} for row in rows[::24]]
    total = {name: rows[0][name] for name in wire.MEASURES.values()}
    document = {"allTime": total, "daily": daily, "hourly": rows}
    return json.dumps(document, separators=(",", ":")).encode()


@pytest.fixture
def server():
    """Starts servers that send one body; gives their addresses."""
    started = []

    def start(text):
        process = subprocess.Popen(
            [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        started.append(process)
        process.stdin.write(text)
        process.stdin.close()
        return f"http://127.0.0.1:{int(process.stdout.readline())}"

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def groups():
    return {f"group {n}": {"search": str(n)} for n in range(GROUPS)}


def window(days):
    return {"from_date": FIRST.date(), "to_date": (FIRST + timedelta(days=days - 1)).date()}


def ours(url, days):
    """Seconds that a breakdown takes."""
    start = time.perf_counter()
    with Client(KEY, base_url=url) as client:
        usage = client.breakdown(groups(), chunk_days=400, **window(days))
    taken = time.perf_counter() - start
    assert len(usage.hourly) == GROUPS * days * 24
    return taken


def sequential(url, days):
    """Seconds that the same takes in a loop over one httpx client, decoded by this package."""
    start = time.perf_counter()
    usages = {}
    with httpx.Client(base_url=url, headers={"X-API-Key": KEY}) as client:
        for group, filters in groups().items():
            query = UsageQuery(**window(days), **filters)
            answer = client.get(PATH, params=tuple(query.params(400)))
            answer.raise_for_status()
            reply = check_reply(wire.decode(answer.content), query, AS_OF)
            usages[group] = build_usage([reply], query, as_of=AS_OF, source="live")
    build_breakdown(usages, "group", UsageQuery(**window(days)))
    return time.perf_counter() - start


def decoding(texts, days, encoding):
    """Seconds that it takes, in one thread, to make the same frames of as many bodies in memory."""
    start = time.perf_counter()
    usages = {}
    for text, (group, filters) in zip(texts, groups().items(), strict=True):
        query = UsageQuery(**window(days), **filters)
        reply = check_reply(wire.decode(decompress(text, encoding)), query, AS_OF)
        usages[group] = build_usage([reply], query, as_of=AS_OF, source="live")
    build_breakdown(usages, "group", UsageQuery(**window(days)))
    return time.perf_counter() - start


def test_a_month_each(server, capsys):
    """With a month in each reply, a breakdown is at least 5 times faster than a sequential loop."""
    url = server(body(31))
    plain = sequential(url, 31)
    best = min(ours(url, 31) for _ in range(2))
    with capsys.disabled():
        print(f"\na month each: in sequence {plain:.2f} s, breakdown {best:.2f} s,", end=" ")
        print(f"{plain / best:.1f} times faster")
    assert plain / best >= 5


def reading(url):
    """Processor time that httpx takes for as many bodies, without what becomes of them [s]."""
    start = time.process_time()
    with httpx.Client(base_url=url) as client:
        for _ in range(GROUPS):
            with client.stream("GET", PATH) as answer:
                body = bytearray()
                for part in answer.iter_raw():
                    body += part
    return time.process_time() - start


def year_each(server, encoding):
    """The server's address; how long a breakdown takes beside decoding, in times, and both [s].

    The machine is up to twice as slow for seconds at a time, and the shorter of two is the likelier
    to run wholly in a good moment: so each breakdown is set beside the decoding just before and
    just after it, and the median round counts, not the best.
    """
    text = body(365) if encoding == "identity" else gzip.compress(body(365))
    url = server(text)
    texts = [bytes(bytearray(text)) for _ in range(GROUPS)]
    decoded, taken = [decoding(texts, 365, encoding)], []
    for _ in range(5):
        taken.append(ours(url, 365))
        decoded.append(decoding(texts, 365, encoding))
    beside = [2 * t / (a + b) for t, a, b in zip(taken, decoded, decoded[1:], strict=False)]
    return url, statistics.median(beside), statistics.median(decoded), statistics.median(taken)


def test_a_year_each(server, capsys):
    """With a year in each reply, a breakdown takes at most 1.3 times decoding alone.

    Decoding alone is what becomes of the same bytes, as they come over the wire, without a network:
    decompressed, decoded and put into the same frames, one after the other in one thread. The
    bytes are those that the client asks for, gzip.
    """
    _, times, decoded, taken = year_each(server, "gzip")
    with capsys.disabled():
        print(f"\na year each, gzip: decoding {decoded:.2f} s, breakdown {taken:.2f} s", end=", ")
        print(f"{times:.2f} times as long")
    assert times <= 1.3


def test_a_year_each_from_a_server_that_does_not_compress(server, capsys):
    """With bodies of 1.2 MB, at most 1.3 times decoding and httpx's own work for them.

    A server may answer without the compression that the client asks for. Thirteen times the bytes
    then go through httpx, which holds the interpreter's lock for them as decoding does, so decoding
    alone is not the bound.
    """
    url, times, decoded, taken = year_each(server, "identity")
    texts = [body(365)] * GROUPS
    # Httpx waits for the server between: both by processor time, in the same moment.
    shares = []
    for _ in range(3):
        start = time.process_time()
        decoding(texts, 365, "identity")
        taken_alone = time.process_time() - start
        shares.append(reading(url) / taken_alone)
    share = statistics.median(shares)
    with capsys.disabled():
        print(f"\na year each, plain: decoding {decoded:.2f} s, breakdown {taken:.2f} s", end=", ")
        print(f"{times:.2f} times as long; httpx takes {share:.2f} of decoding")
    assert times <= 1.3 * (1 + share)
