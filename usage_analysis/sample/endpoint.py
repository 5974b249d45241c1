"""The vendor's endpoint over calls in this process, as an httpx transport and as plain answers."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from email.utils import formatdate
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

import httpx

from usage_analysis.errors import QueryError
from usage_analysis.fetch.account import SOURCE_HEADER, AccountNames
from usage_analysis.fetch.key import SAMPLE_KEY
from usage_analysis.sample.calls import SECOND, Calls, moment_of
from usage_analysis.sample.counting import Counter
from usage_analysis.sample.filters import BadRequest, read, select
from usage_analysis.sample.reply import render
from usage_analysis.sample.simulation import TODAY, checked, now, simulate

if TYPE_CHECKING:
    from usage_analysis.tidy.frames import Source

PATH = "/api/accounts/me/usage/calls"


@dataclass(frozen=True)
class Answer:
    """One answer of the endpoint."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Endpoint:
    """The vendor's endpoint over calls.

    Parameters
    ----------
    calls
        What gives the calls; asked once, at the first request that needs them.
    now
        The account's clock [us since 1970, UTC]; it stands still.
    until
        First instant after all calls there will ever be [us since 1970, UTC], before `now`;
        presets are of the days before it. None where calls still come.
    source
        Whose calls they are, as every answer says: the sample account's, or a file of the user's.
    key
        The one key that is let in.
    all_time_filtered
        Whether `allTime` counts only the calls that pass the filters; the vendor does not say.
    rate_limit
        Requests let in a second; None for no limit.
    clock
        What the rate limit takes the time from [s].
    """

    def __init__(
        self,
        calls: Callable[[], Calls],
        *,
        now: int,
        until: int | None = None,
        source: Source = "sample",
        key: str = SAMPLE_KEY,
        all_time_filtered: bool = False,
        rate_limit: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if rate_limit is not None and not (rate_limit > 0 and math.isfinite(rate_limit)):
            raise QueryError(f"rate_limit: expected more than 0 requests/s, got {rate_limit!r}")
        self._make, self._lock = calls, Lock()
        self.now, self.until, self.source = now, until, source
        self._opens = key.__eq__
        self._all_time_filtered = all_time_filtered
        self._bucket = None if rate_limit is None else _Bucket(rate_limit, clock)
        self._headers = {
            "Content-Type": "application/json",
            "Date": formatdate(now // SECOND, usegmt=True),
            SOURCE_HEADER: source,
        }

    @cached_property
    def _counter(self) -> Counter:
        return Counter(self._make())

    def answer(self, method: str, path: str, query: str, key: str | None) -> Answer:
        """Answer of the endpoint, whatever is asked: bad requests have theirs."""
        status, document, headers = self._answer(method, path, query, key)
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return Answer(status, body, self._headers | headers)

    def _answer(
        self, method: str, path: str, query: str, key: str | None
    ) -> tuple[int, Any, dict[str, str]]:
        if path != PATH:
            return 404, {"detail": "Not found."}, {}
        if key is None or not self._opens(key):
            return 403, {"detail": "Invalid API key"}, {}
        if method != "GET":
            return 405, {"detail": f'Method "{method}" not allowed.'}, {"Allow": "GET"}
        if wait := self._bucket.take() if self._bucket else 0:
            said = f"Request was throttled. Expected available in {wait} second{'s'[: wait > 1]}."
            return 429, {"detail": said}, {"Retry-After": str(wait)}
        try:
            return 200, self._usage(query), {}
        except BadRequest as error:
            return 400, error.messages, {}

    def _usage(self, query: str) -> bytes:
        asked = read(query)
        with self._lock:
            counter = self._counter
        hourly = counter.count(*select(counter.calls, asked))
        return render(hourly if self._all_time_filtered else counter.everything, hourly)


def sample_endpoint(
    *,
    seed: int = 0,
    today: date | None = None,
    all_time_filtered: bool = False,
    rate_limit: float | None = None,
) -> Endpoint:
    """Endpoint of the sample account; its calls are made at the first request.

    Parameters
    ----------
    seed, today
        As for `sample_client`.
    all_time_filtered, rate_limit
        As for `Endpoint`.

    Raises
    ------
    QueryError
        An argument does not fit.
    """
    day = TODAY if today is None else today
    number = checked(seed, day)
    return Endpoint(
        lambda: simulate(number, day),
        now=now(day),
        all_time_filtered=all_time_filtered,
        rate_limit=rate_limit,
    )


class _Bucket:
    """A token bucket: as many requests at once as a second lets in."""

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        self._rate, self._clock, self._lock = rate, clock, Lock()
        self._room = self._tokens = max(1.0, rate)
        self._seen = clock()

    def take(self) -> int:
        """Whole seconds to wait; 0 is let in."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self._room, self._tokens + (now - self._seen) * self._rate)
            self._seen = now
            if self._tokens >= 1:
                self._tokens -= 1
                return 0
            return math.ceil((1 - self._tokens) / self._rate)


def checked_latency(latency: float) -> float:
    """How long each answer takes [s].

    Raises
    ------
    QueryError
        It is not from 0 to 3600 s.
    """
    if not 0 <= latency <= 3600:
        raise QueryError(f"latency: expected 0 to 3600 s, got {latency!r}")
    return latency


class SampleTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """The endpoint in place of the network, for `httpx.Client` and `httpx.AsyncClient`.

    Parameters
    ----------
    endpoint
        Who answers.
    latency
        How long each answer takes [s].
    names
        The names among the calls, for people to choose from.
    python
        Python that makes a client of this account, if there is any.

    Raises
    ------
    QueryError
        The latency is not from 0 to 3600 s.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        latency: float = 0.0,
        names: AccountNames | None = None,
        python: str = "",
    ) -> None:
        self._endpoint, self._latency = endpoint, checked_latency(latency)
        self.source, self.names, self.python = endpoint.source, names, python
        self.until = None if endpoint.until is None else moment_of(endpoint.until)

    def clock(self) -> datetime:
        """The account's clock, which stands still; of calls that have ended, where they end."""
        until = self._endpoint.until
        return moment_of(self._endpoint.now if until is None else until)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Response of the endpoint, or a time-out where it would come too late."""
        wait, late = self._wait(request)
        if wait:
            time.sleep(wait)
        return self._respond(request, late=late)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Response of the endpoint, or a time-out where it would come too late."""
        wait, late = self._wait(request)
        if wait:
            await asyncio.sleep(wait)
        return self._respond(request, late=late)

    def _wait(self, request: httpx.Request) -> tuple[float, bool]:
        patience = request.extensions.get("timeout", {}).get("read")
        late = patience is not None and patience < self._latency
        return (patience if late else self._latency), late

    def _respond(self, request: httpx.Request, *, late: bool) -> httpx.Response:
        if late:
            raise httpx.ReadTimeout("The sample account took longer to answer.", request=request)
        answer = self._endpoint.answer(
            request.method,
            request.url.path,
            request.url.query.decode("ascii"),
            request.headers.get("X-API-Key"),
        )
        return httpx.Response(answer.status, headers=answer.headers, content=answer.body)
