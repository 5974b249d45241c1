"""`Client`: fetches call usage from the endpoint."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn, Unpack

from usage_analysis.errors import QueryError
from usage_analysis.fetch import key
from usage_analysis.fetch.account import Account, AccountNames
from usage_analysis.fetch.base import MAX_CONCURRENCY, BaseClient, resolve_query
from usage_analysis.fetch.breakdown import REST, plan_breakdown, subtract_groups
from usage_analysis.fetch.fetcher import Fetcher, Params, Reply
from usage_analysis.fetch.key import KEY_VARIABLE as KEY_VARIABLE
from usage_analysis.fetch.progress import ProgressOption
from usage_analysis.fetch.retry import RateLimiter, RetryPolicy
from usage_analysis.fetch.threads import CancelToken
from usage_analysis.fetch.transport import WHAT, ConnectionPool
from usage_analysis.query import CHUNK_DAYS, Filters, UsageQuery
from usage_analysis.tidy.frames import Source
from usage_analysis.tidy.usage import CallUsage, build_breakdown

if TYPE_CHECKING:
    import httpx

BASE_URL = "https://api.ultravox.ai"
#: Maximum number of requests per second. A key may send 200, and other programs may share it.
PER_SECOND = 150.0
_NO_CALLS = UsageQuery(from_date="1970-01-01", to_date="1970-01-01").params()


class Client(BaseClient):
    """Client of the call usage endpoint; threads may share it.

    Parameters
    ----------
    api_key
        API key, or a function without arguments that returns it. By default the environment
        variable ``ULTRAVOX_API_KEY``.
    base_url
        Address of the API; plain ``http://`` is allowed for this machine only.
    timeout
        Time limit of one attempt, including its body [s].
    deadline
        Time limit of one query, including all requests, attempts and waits [s]. In a breakdown
        each group is a query.
    max_attempts
        Maximum number of attempts per request. Retries follow status 408, 429, 500, 502, 503, 504,
        520 to 524 and 529, a timeout, a broken connection and a reply that is cut off.
    max_backoff
        Longest random wait between two attempts [s]. The wait in a `Retry-After` header is added;
        if it would pass the deadline, the error is raised at once.
    transport
        httpx transport to use instead of the network.

    Raises
    ------
    QueryError
        There is no key, it cannot be sent in a header, a setting is invalid, or the address is a
        plain ``http://`` address of another machine.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> with ua.Client("public01.of-no-account", timeout=10) as client:
    ...     print(client)
    <Client live https://api.ultravox.ai>
    """

    def __init__(
        self,
        api_key: str | Callable[[], str] | None = None,
        *,
        base_url: str = BASE_URL,
        timeout: float = 30.0,
        deadline: float = 120.0,
        max_attempts: int = 5,
        max_backoff: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._key, own = key.wrap_key(api_key), api_key is not None
        del api_key  # tracebacks show the variables of their frames
        problem, sample_key = key.inspect_key(self._key)
        if problem:
            raise QueryError(problem)
        if transport is not None and not hasattr(transport, "handle_request"):
            kind = type(transport).__name__
            raise QueryError(f"transport: expected a synchronous httpx transport, got {kind}")
        self._connections = ConnectionPool(base_url, self._key, transport)
        self._account = Account(transport, local=self._connections.local, sample_key=sample_key)
        self._fetcher = Fetcher(
            WHAT,
            self._connections.run,
            policy=RetryPolicy(timeout, deadline, max_attempts, max_backoff),
            limiter=RateLimiter(PER_SECOND if self.source == "live" else None),
            account=self._account,
            key=self._key,
        )
        words = ["ua.sample.KEY"] if sample_key and own else []
        words += [] if base_url == BASE_URL else [f"base_url={self._connections.address!r}"]
        called = f"ua.Client({', '.join(words)})" if sample_key or not own else ""
        self.python = called if transport is None else getattr(transport, "python", "")

    @property
    def source(self) -> Source:
        """Source of the calls: ``"live"``, ``"sample"`` or ``"file"``."""
        return self._account.source

    @property
    def names(self) -> AccountNames | None:
        """Agents, voices and metadata by name, or None: only call logs and archives list them."""
        return self._account.names

    @property
    def deadline(self) -> float:
        """Time limit of one query [s]."""
        return self._fetcher.deadline

    def call_usage(
        self,
        query: UsageQuery | None = None,
        *,
        progress: ProgressOption = None,
        chunk_days: int = CHUNK_DAYS,
        **filters: Unpack[Filters],
    ) -> CallUsage:
        """Fetch the usage of the calls that a query selects.

        Parameters
        ----------
        query
            The query. Filters by name do the same, see `UsageQuery`. If `timezone` is one of
            them, the dates are local days, as in `UsageQuery.local_days`, by default the last 30
            and today. The frames stay in UTC.
        progress
            ``True`` for a progress bar on standard error or in the notebook, or a function that is
            called with the number of finished requests and their total.
        chunk_days
            Longest window of one request [days]; longer windows take several parallel requests.

        Raises
        ------
        QueryError
            A filter is invalid; nothing was sent.
        TransportError, APIError, ResponseError
            There was no complete response, the server refused, or its reply breaks the contract.
        """
        question = resolve_query(query, filters, self.now(), self._account.since)
        return self._fetcher.fetch_usages(
            {"": question},
            max_concurrency=MAX_CONCURRENCY,
            chunk_days=chunk_days,
            progress=progress,
        )[""]

    def breakdown(
        self,
        groups: Mapping[str, Mapping[str, Any]],
        *,
        name: str = "group",
        include_rest: bool = False,
        max_concurrency: int = MAX_CONCURRENCY,
        chunk_days: int = CHUNK_DAYS,
        progress: ProgressOption = None,
        **filters: Unpack[Filters],
    ) -> CallUsage:
        """Fetch usage by group, one query per group; the group is the first column of the frames.

        Parameters
        ----------
        groups
            The filters of each group by its name.
        name
            Name of the group column.
        include_rest
            Add the group ``"rest"``: the calls that the shared filters select and that are in no
            group. The groups must differ in one filter that has one value per call: `agent_ids`,
            `voice_id` or one key of `metadata`. The window then ends now at the latest. All calls
            are fetched last, so calls that are counted meanwhile belong to the rest.
        max_concurrency
            Maximum number of concurrent requests.
        chunk_days, progress
            As in `call_usage`.
        filters
            Filters that all groups share, see `UsageQuery`, and `timezone` as in `call_usage`.

        Raises
        ------
        QueryError
            Groups or filters are invalid; nothing was sent.
        TransportError, APIError, ResponseError
            The query of one group failed, which fails the breakdown; the message names the group.
            Or the groups hold more calls than the total.

        Examples
        --------
        >>> import usage_analysis as ua
        >>> usage = ua.sample_client().breakdown(
        ...     {"short": {"duration_max": 60}, "long": {"duration_min": 60.000001}}, name="length"
        ... )
        >>> list(usage.daily.columns[:2])
        ['length', 'total_count']
        """
        _check_max_concurrency(max_concurrency)
        whole, queries = plan_breakdown(
            groups,
            name,
            filters,
            include_rest=include_rest,
            now=self.now(),
            since=self._account.since,
        )
        usages = self._fetcher.fetch_usages(
            queries,
            {REST: whole} if include_rest else {},
            name=name,
            max_concurrency=max_concurrency,
            chunk_days=chunk_days,
            progress=progress,
        )
        if include_rest:
            usages[REST] = subtract_groups(usages.pop(REST), list(usages.values()))
        return build_breakdown(usages, name, self._account.clip(whole))

    def iter_usage(
        self,
        queries: Mapping[str, UsageQuery] | Iterable[tuple[str, UsageQuery]],
        *,
        name: str = "group",
        max_concurrency: int = MAX_CONCURRENCY,
        chunk_days: int = CHUNK_DAYS,
    ) -> Generator[tuple[str, CallUsage]]:
        """Yield each group with its usage, as they come: for more groups than fit into memory.

        Only running queries are in memory, and the next query is read when there is room for it.
        Each result has a date of its own, so they do not form a breakdown; an `Archive` stores
        them.

        Parameters
        ----------
        queries
            Query of each group by its name, or pairs of name and query; names may repeat.
        name
            Noun for a group, for messages.
        max_concurrency, chunk_days
            As in `breakdown`.

        Raises
        ------
        QueryError
            A setting is invalid.
        TransportError, APIError, ResponseError
            One query failed, which cancels the others; the message names the group.

        Examples
        --------
        >>> import usage_analysis as ua
        >>> queries = {agent: ua.UsageQuery(agent_ids=[id], from_date="2026-03-31")
        ...              for agent, id in ua.sample.AGENTS.items()}
        >>> for agent, usage in ua.sample_client().iter_usage(queries):
        ...     calls = usage.daily["total_count"].sum()
        """
        _check_max_concurrency(max_concurrency)
        pairs = queries.items() if isinstance(queries, Mapping) else queries
        now = self.now()
        bounded = ((group, query.bounded(now, self._account.since)) for group, query in pairs)
        return self._fetcher.iter_usages(
            bounded, name=name, max_concurrency=max_concurrency, chunk_days=chunk_days
        )

    def now(self) -> datetime:
        """Return the current time by the account's clock; the sample clock stands still."""
        if self._account.clock_unknown:
            self.get(_NO_CALLS)
        return self._account.now()

    def get(self, params: Params) -> Reply[bytes]:
        """Return one raw reply to wire parameters, to see what the server sends.

        Raises
        ------
        QueryError, TransportError, APIError, ResponseError
            As in `call_usage`; the JSON of the reply is not checked.
        """
        return self._fetcher.fetch(params, lambda body, _date: self._key.hide_bytes(body))

    def cancellable(self, token: CancelToken, waited: float = 0.0) -> Client:
        """Return a view of this client, over the same connections, that obeys a cancel token.

        Its queries have less time, by what was waited before [s].

        Raises
        ------
        TransportError
            The wait took all the time.
        """
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__, _fetcher=self._fetcher.bind(token, waited))
        return view

    def close(self) -> None:
        """Close the connections; running requests end first."""
        self._connections.close()

    def __repr__(self) -> str:
        where = f" {self._connections.address}" if self.source == "live" else ""
        return f"<Client {self.source}{where}>"

    def __reduce__(self) -> NoReturn:
        """Refuse to pickle: the pickle would carry the key."""
        raise TypeError(
            "a Client cannot be pickled, because it holds a key; make one in each process"
        )


def _check_max_concurrency(max_concurrency: object) -> None:
    if not isinstance(max_concurrency, int) or max_concurrency < 1:
        raise QueryError(
            f"max_concurrency: expected a whole number from 1, got {max_concurrency!r}"
        )
