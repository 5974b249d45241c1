"""The same client for asyncio: its answers are awaited, its logic is the one in `client`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Self

from usage_analysis.fetch.client import AT_ONCE, Client
from usage_analysis.fetch.patience import THREAD, Progress, Stop
from usage_analysis.query import UsageQuery
from usage_analysis.tidy.frames import CallUsage


class AsyncClient:
    """A client of the call usage endpoint for asyncio.

    Threads ask, so the loop stays free; a question whose task is cancelled is given up at once.
    At most 10 questions are under way at once, others wait.

    Parameters
    ----------
    api_key, settings
        As for `Client`; the transport is a synchronous one.

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
        del api_key  # a traceback shows what its frames hold
        self._over(client)

    @classmethod
    def of(cls, client: Client) -> Self:
        """Client for asyncio that asks through another one, and closes it."""
        self = object.__new__(cls)
        self._over(client)
        return self

    async def call_usage(
        self, query: UsageQuery | None = None, *, progress: Progress | None = None, **filters: Any
    ) -> CallUsage:
        """Usage of the calls that a query selects; see `Client.call_usage`."""
        return await self._beside("call_usage", query, progress=progress, **filters)

    async def breakdown(
        self,
        groups: Mapping[str, Mapping[str, Any]],
        *,
        progress: Progress | None = None,
        **options: Any,
    ) -> CallUsage:
        """Usage by group; see `Client.breakdown`."""
        return await self._beside("breakdown", groups, progress=progress, **options)

    async def by_agent(
        self, agents: Mapping[str, Any] | Iterable[Any], **options: Any
    ) -> CallUsage:
        """Usage by agent; see `Client.by_agent`."""
        return await self._beside("by_agent", agents, **options)

    async def by_voice(
        self, voices: Mapping[str, Any] | Iterable[Any], **options: Any
    ) -> CallUsage:
        """Usage by voice; see `Client.by_voice`."""
        return await self._beside("by_voice", voices, **options)

    async def by_metadata(
        self, key: str, values: Mapping[str, str] | Iterable[str], **options: Any
    ) -> CallUsage:
        """Usage by the value under a key of the calls' metadata; see `Client.by_metadata`."""
        return await self._beside("by_metadata", key, values, **options)

    async def aclose(self) -> None:
        """Close the connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return repr(self._client).replace("<Client", "<AsyncClient")

    def _over(self, client: Client) -> None:
        self._client = client
        self._threads = ThreadPoolExecutor(AT_ONCE, THREAD)

    async def _beside(self, method: str, *args: Any, **options: Any) -> CallUsage:
        loop, stop = asyncio.get_running_loop(), Stop()
        if (progress := options.get("progress")) is not None:
            options["progress"] = partial(loop.call_soon_threadsafe, progress)
        view = self._client.stoppable(stop)
        work: Callable[[], CallUsage] = partial(getattr(view, method), *args, **options)
        try:
            return await asyncio.wrap_future(self._threads.submit(work))
        except asyncio.CancelledError:
            stop.say()
            raise
