"""The sample account over real HTTP on this machine, for curl, other languages and other tests.

Needs the extra ``serve``: ``pip install "usage-analysis[serve]"``.
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
from usage_analysis.sample.endpoint import Endpoint, checked_latency, sample_endpoint

if TYPE_CHECKING:
    import uvicorn

Message = MutableMapping[str, Any]
App = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]
HOST = "127.0.0.1"


def application(endpoint: Endpoint, *, latency: float = 0.0) -> App:
    """ASGI application of an endpoint.

    Parameters
    ----------
    endpoint
        Who answers.
    latency
        How long each answer takes [s].
    """

    async def app(
        scope: Message,
        receive: Callable[[], Awaitable[Message]],  # noqa: ARG001 - a body changes no answer
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        headers = dict(scope["headers"])
        key = headers.get(b"x-api-key")
        await asyncio.sleep(latency)
        answer = await asyncio.to_thread(
            endpoint.answer,
            scope["method"],
            scope["path"],
            scope["query_string"].decode("latin-1"),
            None if key is None else key.decode("latin-1"),
        )
        fields = {**answer.headers, "Content-Length": str(len(answer.body))}
        lines = [(name.lower().encode(), value.encode()) for name, value in fields.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": lines})
        body = b"" if scope["method"] == "HEAD" else answer.body
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
    started: Callable[[str], object] | None = None,
) -> None:
    """Nothing, once interrupted: until then the sample account answers on ``127.0.0.1``.

    Parameters
    ----------
    port
        The port; 0 takes a free one.
    latency
        How long each answer takes [s].
    rate_limit
        Requests let in a second; None for no limit.
    seed, today, all_time_filtered
        As for `sample_endpoint`.
    started
        Called once with the address, when it can be asked.

    Raises
    ------
    QueryError
        The extra ``serve`` is not installed, the port is taken, or an argument does not fit.
    """
    endpoint = sample_endpoint(
        seed=seed, today=today, all_time_filtered=all_time_filtered, rate_limit=rate_limit
    )
    with _listening(port) as listener:
        server = _server(endpoint, latency)
        if started is not None:
            started(_address(listener))
        with suppress(KeyboardInterrupt):  # some versions of uvicorn raise it again, once down
            server.run(sockets=[listener])


@contextmanager
def serving(endpoint: Endpoint, *, port: int = 0, latency: float = 0.0) -> Iterator[str]:
    """Address of an endpoint over HTTP, such as ``http://127.0.0.1:40123``, while inside.

    Parameters
    ----------
    endpoint
        Who answers.
    port
        The port; 0 takes a free one.
    latency
        How long each answer takes [s].

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
    """Socket that takes connections already, so that whoever knows the address is let in."""
    if not 0 <= port <= 65_535:
        raise QueryError(f"port: expected 0 to 65535, got {port}")
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise QueryError(f"port: cannot listen on {HOST}:{port} ({error})") from None


def _server(endpoint: Endpoint, latency: float) -> uvicorn.Server:
    try:
        import uvicorn
    except ImportError:
        raise QueryError(
            'serve: expected the extra "serve"; pip install "usage-analysis[serve]"'
        ) from None
    return uvicorn.Server(
        uvicorn.Config(
            application(endpoint, latency=checked_latency(latency)),
            lifespan="off",
            log_level="warning",
            access_log=False,
            date_header=False,
            server_header=False,
            ws="none",
        )
    )
