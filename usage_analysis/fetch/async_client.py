"""`AsyncClient`: client for asyncio, which runs `Client` in threads."""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from usage_analysis.errors import QueryError, TransportError
from usage_analysis.fetch.base import MAX_CONCURRENCY, AccountNames, Breakdowns
from usage_analysis.fetch.client import OUT_OF_TIME, Client
from usage_analysis.fetch.threads import THREAD_NAME, CancelToken
from usage_analysis.fetch.transport import CLOSED
from usage_analysis.progress import report_progress
from usage_analysis.query import UsageQuery
from usage_analysis.tidy.frames import Source
from usage_analysis.tidy.usage import CallUsage

T = TypeVar("T")
P = ParamSpec("P")


def _in_thread(
    method: Callable[Concatenate[Client, P], T],
) -> "Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]":
    """Return a coroutine function that runs a method of `Client` in a thread."""

    @wraps(method)
    async def call(self: "AsyncClient", /, *args: P.args, **options: P.kwargs) -> T:
        return await self._run(method, *args, **options)

    return call


class AsyncClient(Breakdowns[Coroutine[Any, Any, CallUsage]]):
    """Client of the call usage endpoint for asyncio.

    Queries run in threads, so the loop stays free. Cancelling a task cancels its query at once. At
    most 10 queries run at the same time; the wait of the others counts towards their deadline.

    Parameters
    ----------
    api_key, settings
        As in `Client`; the transport is a synchronous one.

    Examples
    --------
    >>> import asyncio
    >>> import usage_analysis as ua
    >>> async def main():
    ...     async with AsyncClient.of(ua.sample_client()) as client:
    ...         return await client.call_usage(from_date="2026-03-01", to_date="2026-03-31")
    >>> len(asyncio.run(main()).daily)
    31
    """

    def __init__(self, api_key: str | Callable[[], str] | None = None, **settings: Any) -> None:
        client = Client(api_key, **settings)
        del api_key  # tracebacks show the variables of their frames
        self._wrap(client)

    @classmethod
    def of(cls, client: Client) -> Self:
        """Return a client for asyncio that uses, and finally closes, another client."""
        self = object.__new__(cls)
        self._wrap(client)
        return self

    @property
    def source(self) -> Source:
        """Source of the calls; see `Client.source`."""
        return self._client.source

    @property
    def names(self) -> AccountNames | None:
        """Agents, voices and metadata by name; see `Client.names`."""
        return self._client.names

    call_usage = _in_thread(Client.call_usage)
    breakdown = _in_thread(Client.breakdown)
    now = _in_thread(Client.now)
    today = _in_thread(Client.today)
    get = _in_thread(Client.get)

    async def iter_usage(
        self, queries: Mapping[str, UsageQuery] | Iterable[tuple[str, UsageQuery]], **options: Any
    ) -> AsyncGenerator[tuple[str, CallUsage]]:
        """Yield each group with its usage, as they come; see `Client.iter_usage`."""
        token = CancelToken()
        view = self._client.cancellable(token)
        begin = partial(view.iter_usage, queries, **options)
        answers = await self._await_result(self._submit(begin), token)
        future = self._submit(partial(next, answers, None))
        try:
            while (answer := await self._await_result(future, token)) is not None:
                yield answer
                future = self._submit(partial(next, answers, None))
        finally:
            token.cancel()
            # The generator cannot be closed while a thread runs it, and closing waits for requests,
            # which would block the loop.
            end = threading.Thread(None, answers.close, THREAD_NAME, daemon=True)
            future.add_done_callback(lambda _: end.start())

    async def aclose(self) -> None:
        """Close the connections; queries that wait for a thread are refused."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return repr(self._client).replace("<Client", "<AsyncClient")

    def _repr_html_(self) -> str:
        """Return a table for notebooks, as for `Client`."""
        return self._client._repr_html_().replace("Client", "AsyncClient", 1)

    def _wrap(self, client: Client) -> None:
        self._client = client
        self._closed = False
        self._threads = ThreadPoolExecutor(MAX_CONCURRENCY, THREAD_NAME)

    async def _run(self, method: Callable[..., T], *args: Any, **options: Any) -> T:
        loop, token, started = asyncio.get_running_loop(), CancelToken(), time.monotonic()

        def work() -> T:
            view = self._client.cancellable(token, waited=time.monotonic() - started)
            # By name, because a client may override its methods.
            answer: T = getattr(view, method.__name__)(*args, **options)
            return answer

        with report_progress(options.get("progress")) as report:
            if options.get("progress"):
                # The caller's function may touch what belongs to the loop, so it runs there.
                options["progress"] = lambda *steps: loop.call_soon_threadsafe(report, *steps)
            future = self._submit(work)
            # A query that has started keeps to its deadline itself, and cannot be cancelled here.
            turn = loop.call_later(self._client.deadline, future.cancel)
            try:
                return await self._await_result(future, token)
            finally:
                turn.cancel()

    def _submit(self, work: Callable[[], T]) -> Future[T]:
        if self._closed:
            raise QueryError(CLOSED)
        return self._threads.submit(work)

    async def _await_result(self, future: Future[T], token: CancelToken) -> T:
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            token.cancel()
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
        # The task goes on, so the query was cancelled because its thread came too late.
        raise QueryError(CLOSED) if self._closed else TransportError(OUT_OF_TIME)
