"""Serve the sample account over HTTP on this machine, for curl and other languages."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from usage_analysis.errors import QueryError
from usage_analysis.sample.endpoint import PATH as PATH
from usage_analysis.sample.endpoint import Endpoint, sample_endpoint

HOST = "127.0.0.1"


class Server(ThreadingHTTPServer):
    """Server of an endpoint; it accepts connections from the start, one thread per connection."""

    request_queue_size = 128
    # On Windows a second server could otherwise take the port of a running one.
    allow_reuse_address = os.name != "nt"

    def __init__(self, endpoint: Endpoint, port: int, latency: float) -> None:
        if not 0 <= port <= 65_535:
            raise QueryError(f"port: expected a number from 0 to 65535, got {port}")
        if not 0 <= latency <= 3600:
            raise QueryError(f"latency: expected 0 to 3600 s, got {latency!r}")
        self.endpoint, self.latency = endpoint, latency
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise QueryError(f"port: cannot listen on {HOST}:{port} ({error})") from None

    @property
    def url(self) -> str:
        """Address of the server."""
        return f"http://{HOST}:{self.server_port}"

    def handle_error(self, *_: Any) -> None:
        """Print nothing: errors only come from clients that hang up."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"  # keeps connections open
    # The head and the body are two packets, and the second would wait for the first.
    disable_nagle_algorithm = True

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Return the function for any method: the endpoint itself refuses all but GET."""
        if name.startswith("do_"):
            return self._respond
        raise AttributeError(name)

    def _respond(self) -> None:
        # A body that is not read would be taken for the next request.
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        time.sleep(self.server.latency)
        path, _, query = self.path.partition("?")
        key = self.headers.get("X-API-Key")
        response = self.server.endpoint.respond(self.command, path, query, key)
        self.send_response_only(response.status_code)
        for name, value in response.headers.raw:  # with its Content-Length
            self.send_header(name.decode(), value.decode())
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.content)

    def log_message(self, *_: Any) -> None:
        """Print nothing: standard error belongs to the caller."""


def serve(
    port: int = 8765,
    *,
    latency: float = 0.0,
    on_start: Callable[[str], object] | None = None,
    **account: Any,
) -> None:
    """Serve the sample account on ``127.0.0.1`` until interrupted.

    Parameters
    ----------
    port
        Port; 0 takes a free one.
    latency
        Time that each response takes [s].
    on_start
        Function that is called once with the address, when the server accepts connections.
    account
        Seed, today and the other options of `sample_endpoint`.

    Raises
    ------
    QueryError
        The port is in use, or an argument is invalid.
    """
    with Server(sample_endpoint(**account), port, latency) as server:
        if on_start is not None:
            on_start(server.url)
        with suppress(KeyboardInterrupt):
            server.serve_forever()
