"""A question goes out, `CallUsage` comes back."""

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
PER_SECOND = 150.0
"""The most requests that go out in a second; a key may send 200, and others may share it."""
_NO_CALLS = UsageQuery(from_date="1970-01-01", to_date="1970-01-01").params()


class Client(BaseClient):
    """A client of the call usage endpoint; threads may share it.

    Parameters
    ----------
    api_key
        The account's key, or a function without arguments that returns it; without it the
        environment variable ``ULTRAVOX_API_KEY``.
    base_url
        Where the API is; plain ``http://`` is allowed to this machine only.
    timeout
        The longest that one attempt takes, its body read [s].
    deadline
        The longest that one question takes, with its requests, attempts and waits [s]. In a
        breakdown each group is a question.
    max_attempts
        How often a request is sent where asking again may help: after status 408, 429, 500, 502,
        503, 504, 520 to 524 or 529, a time-out, a broken connection and a reply cut short.
    max_backoff
        The longest random wait between two attempts [s]. What the server asks for in `Retry-After`
        is waited for besides; where it does not fit in the deadline, the error comes at once.
    transport
        An httpx transport to use instead of the network.

    Raises
    ------
    QueryError
        No key, a key that no header can hold, a setting that does not fit, or a plain ``http://``
        address elsewhere.

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
        del api_key  # a traceback shows what its frames hold
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
        """Whose calls the answers hold: ``"live"``, ``"sample"`` or ``"file"``."""
        return self._account.source

    @property
    def names(self) -> AccountNames | None:
        """Agents, voices and metadata by name, where who answers lists them: a call log does."""
        return self._account.names

    @property
    def deadline(self) -> float:
        """The longest that one question takes [s]."""
        return self._fetcher.deadline

    def call_usage(
        self,
        query: UsageQuery | None = None,
        *,
        progress: ProgressOption = None,
        chunk_days: int = CHUNK_DAYS,
        **filters: Unpack[Filters],
    ) -> CallUsage:
        """Usage of the calls that a query selects.

        Parameters
        ----------
        query
            The question; or its filters by name, see `UsageQuery`. With `timezone` beside them
            the dates are local days, as in `UsageQuery.local_days`, and without dates the last 30
            and today; the frames stay in UTC.
        progress
            ``True`` for a progress bar on standard error or in the notebook, or a function that is
            called with the number of finished requests and their total.
        chunk_days
            The longest window that one request asks for [days]; a longer one takes several,
            side by side.

        Raises
        ------
        QueryError
            A filter does not fit; nothing was sent.
        TransportError, APIError, ResponseError
            No complete answer, a refusal, or an answer that is not what the endpoint promises.
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
        """Usage by group, the group as the frames' first column: one question a group.

        Parameters
        ----------
        groups
            The filters of each group by its name.
        name
            The group column's.
        include_rest
            Add the group ``"rest"``: what the groups leave over of all calls that the shared
            filters select. The groups must differ in the values of one filter that has one value
            a call: `agent_ids`, `voice_id` or one key of `metadata`. The window then ends now at
            the latest, and all calls are asked for last, so that what grows meanwhile is rest.
        max_concurrency
            The most requests under way at once.
        chunk_days, progress
            As for `call_usage`.
        filters
            Filters of all groups, see `UsageQuery`, and `timezone` as for `call_usage`.

        Raises
        ------
        QueryError
            Groups or filters that do not fit; nothing was sent.
        TransportError, APIError, ResponseError
            One group's question failed, which fails the whole; the message names the group. Or
            the groups hold more calls than there are.

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
        whole, questions = plan_breakdown(
            groups,
            name,
            filters,
            include_rest=include_rest,
            now=self.now(),
            since=self._account.since,
        )
        usages = self._fetcher.fetch_usages(
            questions,
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
        questions: Mapping[str, UsageQuery] | Iterable[tuple[str, UsageQuery]],
        *,
        name: str = "group",
        max_concurrency: int = MAX_CONCURRENCY,
        chunk_days: int = CHUNK_DAYS,
    ) -> Generator[tuple[str, CallUsage]]:
        """Each group with its usage, as the answers come: for more groups than memory holds.

        Nothing is held but what is under way, and the next question is read when there is room for
        it. Each answer has a date of its own, so they make no breakdown together; an `Archive`
        keeps them.

        Parameters
        ----------
        questions
            The question of each group by its name, or pairs of both, which may share a name.
        name
            What a group is, for messages.
        max_concurrency, chunk_days
            As for `breakdown`.

        Raises
        ------
        QueryError
            A setting does not fit.
        TransportError, APIError, ResponseError
            One question failed, which ends the others; the message names the group.

        Examples
        --------
        >>> import usage_analysis as ua
        >>> questions = {agent: ua.UsageQuery(agent_ids=[id], from_date="2026-03-31")
        ...              for agent, id in ua.sample.AGENTS.items()}
        >>> for agent, usage in ua.sample_client().iter_usage(questions):
        ...     calls = usage.daily["total_count"].sum()
        """
        _check_max_concurrency(max_concurrency)
        pairs = questions.items() if isinstance(questions, Mapping) else questions
        now = self.now()
        bounded = ((group, query.bounded(now, self._account.since)) for group, query in pairs)
        return self._fetcher.iter_usages(
            bounded, name=name, max_concurrency=max_concurrency, chunk_days=chunk_days
        )

    def now(self) -> datetime:
        """Time now, by the account's clock: the sample account has its own."""
        if self._account.clock_unknown:
            self.get(_NO_CALLS)
        return self._account.now()

    def get(self, params: Params) -> Reply[bytes]:
        """One reply as it came, to wire parameters as they are: for a look at what happens.

        Raises
        ------
        QueryError, TransportError, APIError, ResponseError
            As for `call_usage`; the reply's JSON is not looked at.
        """
        return self._fetcher.fetch(params, lambda body, _date: self._key.hide_bytes(body))

    def cancellable(self, token: CancelToken, waited: float = 0.0) -> Client:
        """A view of this client, over the same connections, that gives up when told to.

        Its questions have less time by what was waited before [s].

        Raises
        ------
        TransportError
            The wait took all the time there was.
        """
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__, _fetcher=self._fetcher.bind(token, waited))
        return view

    def close(self) -> None:
        """Close the connections; requests that are under way end first."""
        self._connections.close()

    def __repr__(self) -> str:
        where = f" {self._connections.address}" if self.source == "live" else ""
        return f"<Client {self.source}{where}>"

    def __reduce__(self) -> NoReturn:
        """Refuse: a pickle would carry the key."""
        raise TypeError("a Client holds a key and is not pickled; make one in each process")


def _check_max_concurrency(max_concurrency: object) -> None:
    if not isinstance(max_concurrency, int) or max_concurrency < 1:
        raise QueryError(
            f"max_concurrency: expected a whole number from 1, got {max_concurrency!r}"
        )
