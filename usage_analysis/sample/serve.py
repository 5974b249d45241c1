"""Serve the sample account over HTTP on this machine, for curl and other languages.

This module needs the extra ``serve``: ``pip install "usage-analysis[serve]"``.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from datetime import date
from threading import Thread
from typing import TYPE_CHECKING, Any

from usage_analysis.errors import QueryError
from usage_analysis.sample.endpoint import PATH as PATH
from usage_analysis.sample.endpoint import Endpoint, check_latency, sample_endpoint

if TYPE_CHECKING:
    import uvicorn

Message = MutableMapping[str, Any]
App = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]
HOST = "127.0.0.1"


def application(endpoint: Endpoint, *, latency: float = 0.0) -> App:
    """Return an ASGI application of an endpoint.

    Parameters
    ----------
    endpoint
        Endpoint that answers.
    latency
        Time that each response takes [s].
    """

    async def app(
        scope: Message,
        receive: Callable[[], Awaitable[Message]],  # noqa: ARG001 - a request body has no effect
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        headers = dict(scope["headers"])
        key = headers.get(b"x-api-key")
        await asyncio.sleep(latency)
        response = await asyncio.to_thread(
            endpoint.respond,
            scope["method"],
            scope["path"],
            scope["query_string"].decode("latin-1"),
            None if key is None else key.decode("latin-1"),
        )
        fields = {**response.headers, "Content-Length": str(len(response.body))}
        lines = [(name.lower().encode(), value.encode()) for name, value in fields.items()]
        await send({"type": "http.response.start", "status": response.status, "headers": lines})
        body = b"" if scope["method"] == "HEAD" else response.body
        await send({"type": "http.response.body", "body": body})

    return app


def serve(
    port: int = 8765,
    *,
    latency: float = 0.0,
    rate_limit: float | None = None,
    seed: int = 0,
    today: date | None = None,
    all_time_filtered: bool = False,
    on_start: Callable[[str], object] | None = None,
) -> None:
    """Serve the sample account on ``127.0.0.1`` until interrupted.

    Parameters
    ----------
    port
        Port; 0 takes a free one.
    latency
        Time that each response takes [s].
    rate_limit
        Maximum number of requests per second; None for no limit.
    seed, today, all_time_filtered
        As for `sample_endpoint`.
    on_start
        Function that is called once with the address, when the server accepts connections.

    Raises
    ------
    QueryError
        The extra ``serve`` is not installed, the port is in use, or an argument is invalid.
    """
    endpoint = sample_endpoint(
        seed=seed, today=today, all_time_filtered=all_time_filtered, rate_limit=rate_limit
    )
    with _listening(port) as listener:
        server = _server(endpoint, latency)
        if on_start is not None:
            on_start(_address(listener))
        # Some versions of uvicorn raise it again after the shutdown.
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])


@contextmanager
def local_server(endpoint: Endpoint, *, port: int = 0, latency: float = 0.0) -> Iterator[str]:
    """Serve an endpoint inside this block and return its address, ``http://127.0.0.1:40123``.

    Parameters
    ----------
    endpoint
        Endpoint that answers.
    port
        Port; 0 takes a free one.
    latency
        Time that each response takes [s].

    Raises
    ------
    QueryError
        As for `serve`.
    """
    with _listening(port) as listener:
        server = _server(endpoint, latency)
        thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield _address(listener)
        finally:
            server.should_exit = True
            thread.join()


def _address(listener: socket.socket) -> str:
    return f"http://{HOST}:{listener.getsockname()[1]}"


def _listening(port: int) -> socket.socket:
    """Return a socket that already accepts connections, so that the address can be announced."""
    if not 0 <= port <= 65_535:
        raise QueryError(f"port: expected a number from 0 to 65535, got {port}")
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise QueryError(f"port: cannot listen on {HOST}:{port} ({error})") from None


def _server(endpoint: Endpoint, latency: float) -> uvicorn.Server:
    try:
        import uvicorn
    except ImportError:
        raise QueryError(
            'serve: the extra "serve" is not installed: pip install "usage-analysis[serve]"'
        ) from None
    return uvicorn.Server(
        uvicorn.Config(
            application(endpoint, latency=check_latency(latency)),
            lifespan="off",
            log_level="warning",
            access_log=False,
            date_header=False,
            server_header=False,
            ws="none",
        )
    )
