"""The vendor's endpoint over calls in this process, as an httpx transport and as plain answers."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from functools import cached_property
from threading import Lock
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from usage_analysis.errors import QueryError
from usage_analysis.sample.calls import SECOND, Calls
from usage_analysis.sample.filters import BadRequest, read, select

PATH = "/api/accounts/me/usage/calls"
KEY = "sample00.notasecretnotasecretnotasecret00"
"""The sample account's key: no secret, and good for nothing else."""


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
        key: str = KEY,
        all_time_filtered: bool = False,
        rate_limit: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if rate_limit is not None and not (rate_limit > 0 and math.isfinite(rate_limit)):
            raise QueryError(f"rate_limit: expected more than 0 requests/s, got {rate_limit!r}")
        self._make, self._lock = calls, Lock()
        self.now = now
        self._opens = key.__eq__
        self._all_time_filtered = all_time_filtered
        self._bucket = None if rate_limit is None else _Bucket(rate_limit, clock)
        self._headers = {
            "Content-Type": "application/json",
            "Date": formatdate(now // SECOND, usegmt=True),
        }

    @cached_property
    def _calls(self) -> Calls:
        return self._make()

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
            calls = self._calls
        hourly = count(calls, *select(calls, asked))
        counted = hourly if self._all_time_filtered else self._everything
        return render(counted.total(), hourly)

    @cached_property
    def _everything(self) -> Hours:
        return count(self._calls, slice(0, len(self._calls)), None)


@dataclass(frozen=True, slots=True)
class Hours:
    """Sums by UTC hour from `first` on, counted from 1970; empty hours are zeros."""

    first: int
    sums: NDArray[np.int64]
    """Calls, errors, joined, duration [us] and billed [tenths of a minute]; shape (5, hours)."""

    def total(self) -> list[int]:
        """Sums over all hours."""
        return [int(value) for value in self.sums.sum(axis=1)]

    def days(self) -> Hours:
        """Sums by UTC day; `first` is the first day, counted from 1970."""
        before = self.first % 24
        after = -(before + self.sums.shape[1]) % 24
        whole = np.pad(self.sums, ((0, 0), (before, after)))
        return Hours(self.first // 24, whole.reshape(5, -1, 24).sum(axis=2))


def count(calls: Calls, here: slice, passed: NDArray[np.bool_] | None) -> Hours:
    """Sums by UTC hour over the calls that lie here and pass."""
    hour = calls.hour[here]
    if not len(hour):
        return Hours(0, np.zeros((5, 0), dtype=np.int64))
    first, size = int(hour[0]), int(hour[-1] - hour[0]) + 1
    at = np.flatnonzero(passed) if passed is not None else np.arange(len(hour))
    hour = hour[at] - first
    sums = np.zeros((5, size), dtype=np.int64)
    sums[0] = np.bincount(hour, minlength=size)
    sums[1] = np.bincount(hour[calls.error[here][at]], minlength=size)
    sums[2] = np.bincount(hour[calls.joined[here][at]], minlength=size)
    if len(hour):
        starts = np.flatnonzero(np.diff(hour, prepend=-1))
        sums[3, hour[starts]] = np.add.reduceat(calls.duration[here][at], starts)
        sums[4, hour[starts]] = np.add.reduceat(calls.billed[here][at], starts, dtype=np.int64)
    return Hours(first, sums)


_FIELDS = (
    '{"totalCount":%d,"errorCount":%d,"joinedCount":%d,"duration":"%d.%06ds","billedMinutes":%d.%d'
)
# An odd number near 2 ** 64 over the golden ratio: multiplying by it scatters whole numbers.
_SCATTER = np.uint64(0x9E3779B97F4A7C15)


def render(all_time: list[int], hourly: Hours) -> bytes:
    """The vendor's JSON; empty buckets are left out and rows come in no useful order."""
    whole = _FIELDS % _fields(np.array(all_time).reshape(5, 1))[0] + "}"
    daily = ",".join(
        _FIELDS % row + f',"date":"{day}"}}'
        for row, day in _rows(hourly.days(), lambda days: days.astype("M8[D]").astype(str))
    )
    hours = ",".join(
        _FIELDS % row + f',"date":"{hour[:10]}","hour":{int(hour[11:])}}}'
        for row, hour in _rows(hourly, lambda hours: hours.astype("M8[h]").astype(str))
    )
    return f'{{"allTime":{whole},"daily":[{daily}],"hourly":[{hours}]}}'.encode()


def _rows(buckets: Hours, name: Callable[[NDArray[np.int64]], Any]) -> Any:
    at = np.flatnonzero(buckets.sums[0])
    numbers = at + buckets.first
    order = np.argsort(numbers.astype(np.uint64) * _SCATTER)
    at = at[order]
    return zip(_fields(buckets.sums[:, at]), name(numbers[order]).tolist(), strict=True)


def _fields(sums: NDArray[np.int64]) -> list[tuple[int, ...]]:
    total, error, joined, duration, billed = sums
    seconds, micro = np.divmod(duration, SECOND)
    minutes, tenths = np.divmod(billed, 10)
    columns = (total, error, joined, seconds, micro, minutes, tenths)
    return list(zip(*(column.tolist() for column in columns), strict=True))


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


class SampleTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """The endpoint in place of the network, for `httpx.Client` and `httpx.AsyncClient`.

    Parameters
    ----------
    endpoint
        Who answers.
    latency
        How long each answer takes [s].
    source
        Where a reply is from: the sample account, or a file of the user's own.
    """

    def __init__(self, endpoint: Endpoint, *, latency: float = 0.0, source: str = "sample") -> None:
        self._endpoint, self._latency, self.source = endpoint, latency, source

    def clock(self) -> datetime:
        """The account's clock, which stands still."""
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self._endpoint.now)

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
