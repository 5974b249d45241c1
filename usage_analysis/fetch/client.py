"""`Client`: fetches call usage from the endpoint."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

from usage_analysis.errors import TEXTS, QueryError, TransportError
from usage_analysis.fetch import key
from usage_analysis.fetch.base import MAX_CONCURRENCY, Account, AccountNames, BaseClient
from usage_analysis.fetch.breakdown import group_in_errors
from usage_analysis.fetch.fetcher import Deadline, Fetcher, Params, Reply, RetryPolicy, rate_limiter
from usage_analysis.fetch.responses import Body
from usage_analysis.fetch.threads import THREAD_NAME, CancelToken, run_concurrently
from usage_analysis.fetch.transport import ConnectionPool
from usage_analysis.progress import ProgressOption, report_progress
from usage_analysis.query import CHUNK_DAYS, UsageQuery, check_whole_number
from usage_analysis.tidy import measures, wire
from usage_analysis.tidy.frames import REST, Source
from usage_analysis.tidy.usage import CallUsage, build_usage
from usage_analysis.tidy.wire import CheckedReply, check_reply

if TYPE_CHECKING:
    import httpx

BASE_URL = "https://api.ultravox.ai"
#: Maximum number of requests per second. A key may send 200, and other programs may share it.
PER_SECOND = 150.0
#: Message of a query whose time was over before it was sent.
OUT_OF_TIME: str = TEXTS["out_of_time"]
_NO_CALLS = UsageQuery(from_date="2000-01-01", to_date="2000-01-01").params()


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
        transport: "httpx.BaseTransport | None" = None,
    ) -> None:
        self._key, own = key.wrap_key(api_key), api_key is not None
        del api_key  # tracebacks show the variables of their frames
        problem, sample_key, digest = key.inspect_key(self._key)
        if problem:
            raise QueryError(problem)
        if transport is not None and not hasattr(transport, "handle_request"):
            kind = type(transport).__name__
            raise QueryError(f"transport: expected a synchronous httpx transport, got {kind}")
        self._connections = ConnectionPool(base_url, self._key, transport)
        self._account = Account(transport, local=self._connections.local, sample_key=sample_key)
        self.since = self._account.since
        policy = RetryPolicy(timeout, deadline, max_attempts, max_backoff)
        live = self.source == "live"
        limiter = rate_limiter(self._connections.address, digest, PER_SECOND if live else None)
        self._fetcher = Fetcher(self._connections.run, policy, limiter, self._account, self._key)
        #: Time limit of one query [s].
        self.deadline = deadline
        self._token: CancelToken | None = None
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
        """Agents, voices and metadata by name, or None for an account that lists none."""
        return self._account.names

    def _fetch(
        self,
        queries: Mapping[str, UsageQuery],
        name: str,
        *,
        max_concurrency: int = MAX_CONCURRENCY,
        chunk_days: int = CHUNK_DAYS,
        progress: ProgressOption = None,
    ) -> dict[str, CallUsage]:
        check_whole_number("max_concurrency", max_concurrency)
        parts = {group: query.parts(chunk_days) for group, query in queries.items()}
        # The requests of one group share a deadline.
        deadlines = {group: Deadline(self.deadline) for group in parts}
        total = sum(map(len, parts.values()))
        token = self._token or CancelToken()
        replies: dict[tuple[str, int], Reply[CheckedReply]] = {}

        def work(task: tuple[str, int]) -> Reply[CheckedReply]:
            group, place = task
            with group_in_errors(name, group):
                return fetch(parts[group][place], deadlines[group])

        with self._sender(token, chunk_days) as fetch, report_progress(progress) as report:
            report(0, total)
            for last in (False, True):
                groups = [group for group in queries if (group == REST) is last]
                tasks = [(group, place) for group in groups for place in range(len(parts[group]))]
                with closing(run_concurrently(work, tasks, max_concurrency, token)) as answers:
                    for task, reply in answers:
                        replies[task] = reply
                        report(len(replies), total)
        # Groups fetched at different seconds are one breakdown: the last reply dates all of them.
        as_of = max(reply.date for reply in replies.values())
        usages = {}
        for group, query in queries.items():
            own = [replies[group, place] for place in range(len(parts[group]))]
            with group_in_errors(name, group):
                usages[group] = self._build(own, query, as_of)
        return usages

    def iter_usage(
        self,
        queries: Mapping[str, UsageQuery] | Iterable[tuple[str, UsageQuery]],
        *,
        name: str = "group",
        max_concurrency: int = MAX_CONCURRENCY,
        chunk_days: int = CHUNK_DAYS,
    ) -> Generator[tuple[str, CallUsage]]:
        """Yield each group with its usage in order of arrival.

        Only running queries are in memory; the next query is read when a thread is free. Each
        result has its own date, so the results do not form a breakdown; an `Archive` stores them.

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
        check_whole_number("max_concurrency", max_concurrency)
        pairs = queries.items() if isinstance(queries, Mapping) else queries
        now = self.now()
        bounded = ((group, query.with_bounds(now, self.since)) for group, query in pairs)
        token = self._token or CancelToken()

        def work(question: tuple[str, UsageQuery]) -> CallUsage:
            group, query = question
            deadline = Deadline(self.deadline)
            with group_in_errors(name, group):
                replies = [fetch(part, deadline) for part in query.parts(chunk_days)]
                return self._build(replies, query, max(reply.date for reply in replies))

        with (
            self._sender(token, chunk_days) as fetch,
            closing(run_concurrently(work, bounded, max_concurrency, token)) as answers,
        ):
            for (group, _), usage in answers:
                yield group, usage

    def _build(
        self, replies: Sequence[Reply[CheckedReply]], query: UsageQuery, as_of: datetime
    ) -> CallUsage:
        own, contents = self._account, [reply.content for reply in replies]
        settings: Any = {"as_of": as_of, "source": own.source, "unsettled": own.unsettled}
        return build_usage(contents, own.clip(query), **settings)

    @contextmanager
    def _sender(
        self, token: CancelToken, chunk_days: int
    ) -> Generator[Callable[[UsageQuery, Deadline], Reply[CheckedReply]]]:
        """Yield a function that fetches the reply to a part of a query within a deadline.

        All bodies are decoded and checked in one thread. Several threads would not be faster: they
        hold the interpreter lock while they decode, and each has to warm up memory of its own.
        """
        thread = ThreadPoolExecutor(1, THREAD_NAME)
        saved = self._account.source == "file"

        def decode(part: UsageQuery, body: Body, date: datetime) -> CheckedReply:
            # A call log may lack what the endpoint always sends.
            return check_reply(wire.decode(body, saved=saved, quoted=self._key.hide), part, date)

        def fetch(part: UsageQuery, deadline: Deadline) -> Reply[CheckedReply]:
            def read(body: Body, date: datetime) -> CheckedReply:
                return thread.submit(decode, part, body, date).result(deadline.remaining())

            return self._fetcher.fetch(part.params(chunk_days), read, deadline, token)

        try:
            yield fetch
        finally:
            thread.shutdown(wait=False, cancel_futures=True)

    def now(self) -> datetime:
        """Return the current time by the account's clock; the sample clock stands still."""
        if self._account.clock_unknown:
            self.get(_NO_CALLS)
        return self._account.now()

    def get(self, params: Params) -> Reply[bytes]:
        """Return one raw reply to wire parameters.

        Raises
        ------
        QueryError, TransportError, APIError, ResponseError
            As in `call_usage`; the JSON of the reply is not checked.
        """
        deadline, token = Deadline(self.deadline), self._token or CancelToken()
        return self._fetcher.fetch(
            params, lambda body, _date: self._key.hide_bytes(body), deadline, token
        )

    def cancellable(self, token: CancelToken, waited: float = 0.0) -> "Client":
        """Return a view of this client, over the same connections, that obeys a cancel token.

        The time already waited [s] counts towards the deadline of its queries.

        Raises
        ------
        TransportError
            The wait took all the time.
        """
        if waited >= self.deadline:
            raise TransportError(OUT_OF_TIME)
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__, _token=token, deadline=self.deadline - waited)
        return view

    def close(self) -> None:
        """Close the connections; running requests end first."""
        self._connections.close()

    def __repr__(self) -> str:
        where = f" {self._connections.address}" if self.source == "live" else ""
        return f"<Client {self.source}{where}>"

    def _repr_html_(self) -> str:
        """Return a table of time limit and known names, for notebooks; never the key."""
        rows = {"time limit": f"{self.deadline:g} s per query"}
        if names := self.names:
            lists = {"agents": names.agents, "voices": names.voices, **names.metadata}
            rows |= {kind: ", ".join(known) for kind, known in lists.items()}
        return measures.summary_table(repr(self).strip("<>"), rows)

    def __reduce__(self) -> NoReturn:
        """Refuse to pickle: the pickle would carry the key."""
        raise TypeError(TEXTS["no_pickle"])
