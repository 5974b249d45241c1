"""A server on raw loopback sockets that does whatever its script says, and its answers."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate
from pathlib import Path
from typing import Any

from usage_analysis.fetch.threads import THREAD_NAME

KEY = "abcd1234.0123456789abcdef0123456789abcdef"
DATE = "Tue, 03 Mar 2026 10:00:00 GMT"
PEM = Path(__file__).with_name("localhost.pem")


class Peer:
    """One connection, as the script of a server sees it."""

    def __init__(self, connection: socket.socket, over: threading.Event) -> None:
        self._connection, self._over = connection, over

    def send(self, data: bytes) -> None:
        self._connection.sendall(data.replace(b"@now", formatdate(usegmt=True).encode()))

    def receive(self) -> None:
        """Wait for the first bytes of what the client sends."""
        self._connection.recv(65536)

    def drip(self, data: bytes, gap: float = 0.05) -> None:
        """Send byte by byte, and the last byte again and again, until the client leaves."""
        for place in range(10_000):
            self.send(data[place : place + 1] or data[-1:])
            self.wait(gap)

    def wait(self, seconds: float | None = None) -> None:
        """Wait, by default until the test is over: a client without a deadline never gets there."""
        if self._over.wait(300.0 if seconds is None else seconds):
            raise ConnectionAbortedError("the test is over")
        assert seconds is not None, "the client has no deadline: it waits for this server for ever"

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._connection.close()


Act = Callable[[Peer], None]


class FaultServer:
    """Answers the n-th request with the n-th act of the script, the last one for ever."""

    def __init__(self, *script: Act, tls: bool = False, before: Act | None = None) -> None:
        self.requests: list[bytes] = []
        self.times: list[float] = []
        self.connections = 0
        self._script, self._before = script, before
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._tls: ssl.SSLContext | None = None
        if tls:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(PEM)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._port = self._listener.getsockname()[1]
        self._start(self._accept)

    @property
    def url(self) -> str:
        scheme = "http" if self._tls is None and self._before is None else "https"
        return f"{scheme}://localhost:{self._port}"

    def close(self) -> None:
        self._over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive()

    def _start(self, work: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.add(connection)
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError), connection:
            if self._before is not None:
                self._before(Peer(connection, self._over))
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.add(connection)
            with connection:
                while request := self._request(connection):
                    with self._lock:
                        act = self._script[min(len(self.requests), len(self._script) - 1)]
                        self.requests.append(request)
                        self.times.append(time.monotonic())
                    act(Peer(connection, self._over))

    @staticmethod
    def _request(connection: socket.socket) -> bytes:
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            part = connection.recv(65536)
            if not part:
                return b""
            request += part
        return request


def reply_body(calls: int = 3, **fields: Any) -> bytes:
    row = {
        "totalCount": calls,
        "errorCount": 1,
        "joinedCount": 2,
        "duration": "90.5s",
        "billedMinutes": 1.6,
        **fields,
    }
    day = {**row, "date": "2026-03-01"}
    return json.dumps({"allTime": row, "daily": [day], "hourly": [{**day, "hour": 9}]}).encode()


def answer(
    status: int = 200, body: bytes | None = None, *headers: str, length: int | None = None
) -> bytes:
    """A whole answer with its Content-Length, or with another one."""
    body = reply_body() if body is None else body
    lines = [
        f"HTTP/1.1 {status} Status",
        f"Date: {'@now' if status == 200 else DATE}",  # a peer sends the date of that moment
        f"Content-Length: {len(body) if length is None else length}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def threads() -> set[threading.Thread]:
    """The package's threads."""
    return {thread for thread in threading.enumerate() if THREAD_NAME in thread.name}


def assert_threads_end(before: set[threading.Thread]) -> None:
    """No more of the package's threads than before are left within a moment."""
    until = time.monotonic() + 20
    while ours := threads() - before:
        assert time.monotonic() < until, ours
        time.sleep(0.01)
