"""The vendor's endpoint over calls in this process, as an httpx transport."""

import json
import math
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import date, datetime
from email.utils import formatdate
from functools import cached_property
from threading import Lock
from typing import Any

import httpx

from usage_analysis.errors import refusal
from usage_analysis.fetch.base import SOURCE_HEADER, AccountNames
from usage_analysis.fetch.client import Client
from usage_analysis.fetch.key import SAMPLE_KEY
from usage_analysis.fetch.responses import PATH as PATH
from usage_analysis.sample.account import NAMES, account_clock, check_account
from usage_analysis.sample.filters import BadRequest, Filters, parse_filters, select
from usage_analysis.sample.reply import SECOND, Calls, Counter, drop_fields, render
from usage_analysis.sample.simulation import simulate
from usage_analysis.tidy.frames import Source
from usage_analysis.tidy.zones import DAY, instant_of


@dataclass(eq=False, repr=False)
class Endpoint(httpx.BaseTransport):
    """The vendor's endpoint, answering from calls in memory; clients take it as a transport.

    Parameters
    ----------
    calls
        Function that returns the calls. It is called once, at the first request that needs them.
    now
        Time of the account's clock, which stands still [us since 1970, UTC].
    until
        End of a complete log, not after `now`; "today" is then the day before. None for an account
        that still receives calls.
    since
        First instant of a call log, at which windows without a start begin.
    unsettled
        Creation of the calls that still run or have no bill yet [us since 1970, UTC].
    source
        Owner of the calls, stated in each response: the sample account, or a file of the user.
    lacking
        Fields that a call log does not know: `errorCount`, `billedMinutes` or `hourly`. Replies
        leave them out.
    names
        The names among the calls, for people to choose from.
    python
        Python expression that creates a client of this account, or "" if there is none.
    key
        The only valid API key.
    all_time_filtered
        Apply the filters to `allTime` too. The vendor does not say whether the real endpoint does.
    rate_limit
        Maximum number of requests per second; None for no limit.
    timer
        Clock of the rate limit [s].
    """

    calls: Callable[[], Calls]
    _: KW_ONLY
    now: int
    until: datetime | None = None
    since: datetime | None = None
    unsettled: Sequence[int] = ()
    source: Source = "sample"
    lacking: Collection[str] = ()
    names: AccountNames | None = None
    python: str = ""
    key: str = SAMPLE_KEY
    all_time_filtered: bool = False
    rate_limit: float | None = None
    timer: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        """Check the rate limit."""
        limit = self.rate_limit
        if limit is not None and not (limit > 0 and math.isfinite(limit)):
            raise refusal("rate_limit", got=limit)
        self._lock = Lock()
        self._recent: list[float] = []  # times of the requests that the limit counts [s]
        self._headers = {
            "Content-Type": "application/json",
            "Date": formatdate(self.now // SECOND, usegmt=True),
            SOURCE_HEADER: self.source,
        }

    def clock(self) -> datetime:
        """Return the time of the account's clock, or the end of a complete log."""
        return self.until or instant_of(self.now)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the response to a request of httpx."""
        url, key = request.url, request.headers.get("X-API-Key")
        return self.respond(request.method, url.path, url.query.decode("ascii"), key)

    @cached_property
    def _counter(self) -> Counter:
        return Counter(self.calls())

    def respond(self, method: str, path: str, query: str, key: str | None) -> httpx.Response:
        """Return the response to a request; a bad request has status 400, 403, 404, 405 or 429."""
        status, document, headers = self._result(method, path, query, key)
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return httpx.Response(status, content=body, headers=self._headers | headers)

    def _result(
        self, method: str, path: str, query: str, key: str | None
    ) -> tuple[int, Any, dict[str, str]]:
        if path != PATH:
            return 404, {"detail": "Not found."}, {}
        if key != self.key:
            return 403, {"detail": "Invalid API key"}, {}
        if method != "GET":
            return 405, {"detail": f'Method "{method}" not allowed.'}, {"Allow": "GET"}
        if wait := self._wait():
            detail = f"Request was throttled. Expected available in {wait} second{'s'[: wait > 1]}."
            return 429, {"detail": detail}, {"Retry-After": str(wait)}
        try:
            return 200, self._usage(query), {}
        except BadRequest as error:
            return 400, error.messages, {}

    def _wait(self) -> int:
        """Return the wait until another request is let in [s]; 0 lets this one in."""
        limit = self.rate_limit or math.inf
        span = max(1.0, 1 / limit)
        with self._lock:
            now = self.timer()
            self._recent = [at for at in self._recent if now - at < span]
            if len(self._recent) >= max(1.0, limit):
                return math.ceil(self._recent[0] + span - now)
            self._recent += [now] * (limit < math.inf)
        return 0

    def _usage(self, query: str) -> bytes:
        filters = parse_filters(query)
        if "hourly" in self.lacking:
            _check_whole_days(query, filters)
        with self._lock:
            counter = self._counter
        hourly = counter.count(*select(counter.calls, filters))
        body = render(hourly if self.all_time_filtered else counter.everything, hourly)
        return drop_fields(body, self.lacking)


def _check_whole_days(query: str, filters: Filters) -> None:
    """Refuse parts of days: a log of dates does not say which calls lie in them."""
    bounds = {
        "fromDate": filters.first,
        "toDate": filters.last + 1,
        "timeOfDayStart": filters.earliest,
        "timeOfDayEnd": filters.latest + 1,
    }
    why = "This call log has dates without times: ask for whole UTC days, without a time zone."
    if bad := {name: [why] for name, at in bounds.items() if f"{name}=" in query and at % DAY}:
        raise BadRequest(bad)


def sample_endpoint(*, seed: int = 0, today: date | str | None = None, **options: Any) -> Endpoint:
    """Return the endpoint of the sample account; the first request simulates the calls.

    Parameters
    ----------
    seed, today
        As for `sample_client`.
    options
        `all_time_filtered` and `rate_limit`, as for `Endpoint`.

    Raises
    ------
    QueryError
        An argument is invalid.
    """
    number, day = check_account(seed, today)
    clock = account_clock(day)
    return Endpoint(lambda: simulate(number, day), now=clock, names=NAMES, **options)


def sample_client(*, seed: int = 0, today: date | str | None = None) -> Client:
    """Return a client of the sample account, without a key or a network.

    All filters work.

    Parameters
    ----------
    seed
        Seed of the simulation. The same seed always gives the same replies, byte for byte.
    today
        Today of the account, a date or ISO text; 2026-04-01 by default. Its clock stands still in
        the afternoon of that day. There are calls of today and of the 365 days before.

    Raises
    ------
    QueryError
        The seed is not an integer from 0 up, or the day is not from 1972 to 2200.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> usage = ua.sample_client().call_usage(agent_ids=[ua.sample.AGENTS["Support line"]])
    >>> usage.source
    'sample'
    """
    endpoint = sample_endpoint(seed=seed, today=today)
    given = [f"seed={seed!r}"] if seed else []
    given += [f'today="{today}"'] if today else []
    endpoint.python = f"ua.sample_client({', '.join(given)})"
    return Client(api_key=SAMPLE_KEY, transport=endpoint)
