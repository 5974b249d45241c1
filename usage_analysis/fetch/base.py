"""Interface of all clients, of the server and of an archive, and the account behind a client."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import partial
from typing import Any, ClassVar, Generic, NamedTuple, Self, TypedDict, TypeVar, Unpack

from usage_analysis.errors import TEXTS, QueryError
from usage_analysis.fetch.breakdown import Grouping, check_rest, group_queries, subtract_groups
from usage_analysis.fetch.responses import parse_date
from usage_analysis.fetch.threads import CancelToken
from usage_analysis.progress import ProgressOption
from usage_analysis.query import CHUNK_DAYS, Filters, UsageQuery, zone
from usage_analysis.tidy.frames import REST, Source
from usage_analysis.tidy.usage import CallUsage, build_breakdown

_TICK = timedelta(microseconds=1)
#: Most that the `Date` of a reply may differ from this machine's clock. It is far below the billing
#: lag of 2 h, so a wrong date within it marks no hour as final too early.
MOST_SKEW = timedelta(minutes=15)
#: Response header by which the sample account identifies itself.
SOURCE_HEADER = "Usage-Source"


class AccountNames(NamedTuple):
    """Names to choose from: of the sample account, of a call log or of an archive.

    The endpoint lists no names.
    """

    #: IDs by name.
    agents: Mapping[str, str]
    #: IDs by name.
    voices: Mapping[str, str]
    #: Values by key.
    metadata: Mapping[str, Sequence[str]]

    def of_kind(self, by: str) -> Mapping[str, str]:
        """Return the IDs or values by name of a kind, ``"agent"``, ``"voice"`` or a key's."""
        values = self.metadata.get(by.removeprefix("metadata."), ())
        return {"agent": self.agents, "voice": self.voices}.get(by, {one: one for one in values})


class Account:
    """Source and clock of an account; the clock of the sample account stands still.

    In this process, the transport of the sample account has both. Over HTTP, the headers
    `Usage-Source` and `Date` have them; these headers are trusted from this machine only.

    Parameters
    ----------
    transport
        Transport used instead of the network. It may have a `source`, a `clock`, `names` and, if
        its data end, `until`: the first instant after them.
    local
        Whether the server runs on this machine.
    sample_key
        Whether requests carry the key of the sample account.
    """

    def __init__(self, transport: object, *, local: bool, sample_key: bool) -> None:
        served = local and transport is None and sample_key
        self.source: Source = getattr(transport, "source", "sample" if served else "live")
        self.now: Callable[[], datetime] = getattr(transport, "clock", partial(datetime.now, UTC))
        self.names: AccountNames | None = getattr(transport, "names", None)
        #: First day of a call log, at which windows without a start begin.
        self.since: datetime | None = getattr(transport, "since", None)
        self._until: datetime | None = getattr(transport, "until", None)
        #: Creation of the calls of a log that still run or have no bill yet [us since 1970, UTC].
        self.unsettled: Sequence[int] = getattr(transport, "unsettled", ())
        #: Whether the clock is known only after a first response.
        self.clock_unknown = served
        self._local = local
        #: What the last plausible `Date` differed from this machine's clock by.
        self._skew: timedelta | None = None
        self._warned = False

    def clip(self, query: UsageQuery) -> UsageQuery:
        """Return the query without the days after the end of the data."""
        until, start, end = self._until, query.start, query.end
        if until is None or start is None or end is None or not start < until < end:
            return query
        return replace(query, to_date=until - _TICK)

    def update(self, headers: Mapping[str, str]) -> None:
        """Read source and clock from the headers of a response."""
        self.clock_unknown = False
        if self._local and headers.get(SOURCE_HEADER) == "sample":
            self.source = "sample"
            if date := parse_date(headers.get("Date", "")):
                self.now = lambda: date

    def date_of(self, headers: Mapping[str, str]) -> datetime:
        """Return when a reply was made: its `Date`, or the local time if the two disagree.

        A reply dated in the future would make coming hours final, as hours without calls.

        Warns
        -----
        UserWarning
            The two disagree by more than `MOST_SKEW`; only once per client.
        """
        now, date = self.now(), parse_date(headers.get("Date", ""))
        if date is not None and (self.source != "live" or abs(date - now) <= MOST_SKEW):
            self._skew = date - now
            return date
        if date is not None and not self._warned:
            self._warned = True
            text: str = TEXTS["skewed_clock" if self._skew is None else "skewed_reply"]
            warnings.warn(text.format(date=date, now=now), stacklevel=2)
        return now + (self._skew or timedelta())


#: Default maximum number of concurrent requests.
MAX_CONCURRENCY = 10
R = TypeVar("R")


class FetchOptions(TypedDict, total=False):
    """How queries are sent; see `BaseClient.breakdown`."""

    max_concurrency: int
    chunk_days: int
    progress: ProgressOption


class BreakdownOptions(Filters, FetchOptions, total=False):
    """Options of `BaseClient.breakdown`, and the filters of all groups."""

    include_rest: bool


class Breakdowns(ABC, Generic[R]):
    """Breakdowns by agent, voice and metadata of any client; `R` is what a breakdown returns."""

    @abstractmethod
    def breakdown(
        self,
        groups: Mapping[str, Mapping[str, Any]],
        *,
        name: str = "group",
        **options: Unpack[BreakdownOptions],
    ) -> R:
        """Fetch usage by group; see `BaseClient.breakdown`."""

    def by_agent(
        self,
        agents: Mapping[str, Any] | Iterable[Any],
        *,
        name: str = "agent",
        **options: Unpack[BreakdownOptions],
    ) -> R:
        """Fetch usage by agent, from a list of agents (UUIDs) or a mapping of names to agents.

        The options are those of `breakdown`.
        """
        grouping = Grouping.of_values("agent", agents, "agents")
        return self.breakdown(grouping.filters(), name=name, **options)

    def by_voice(
        self,
        voices: Mapping[str, Any] | Iterable[Any],
        *,
        name: str = "voice",
        **options: Unpack[BreakdownOptions],
    ) -> R:
        """Fetch usage by voice, from a list of voices (UUIDs) or a mapping of names to voices.

        The options are those of `breakdown`.
        """
        grouping = Grouping.of_values("voice", voices, "voices")
        return self.breakdown(grouping.filters(), name=name, **options)

    def by_metadata(
        self,
        key: str,
        values: Mapping[str, str] | Iterable[str],
        *,
        name: str | None = None,
        **options: Unpack[BreakdownOptions],
    ) -> R:
        """Fetch usage by the value of a metadata key, from a list of values or a mapping of names.

        The group column is named after the key, or `name`. The options are those of `breakdown`.
        """
        if not isinstance(key, str) or not key:
            raise QueryError(f"key: expected a metadata key as text, got {key!r}")
        grouping = Grouping.of_values(f"metadata.{key}", values, "values")
        column = grouping.column if name is None else name
        return self.breakdown(grouping.filters(), name=column, **options)


class BaseClient(Breakdowns[CallUsage]):
    """Queries and breakdowns of any client; see `Client`."""

    #: Who answers, for messages.
    answers: ClassVar[str] = "the server"
    #: Python code for such a client; empty if it needs a secret or an object of yours.
    python: str
    #: First day of a call log, at which windows without a start begin.
    since: datetime | None = None

    @property
    @abstractmethod
    def source(self) -> Source:
        """Source of the calls: ``"live"``, ``"sample"`` or ``"file"``."""

    @property
    @abstractmethod
    def names(self) -> AccountNames | None:
        """Agents, voices and metadata by name, or None if nobody lists them."""

    @abstractmethod
    def now(self) -> datetime:
        """Return the current time by the account's clock."""

    def call_usage(
        self,
        query: UsageQuery | None = None,
        *,
        progress: ProgressOption = None,
        chunk_days: int = CHUNK_DAYS,
        **filters: Unpack[Filters],
    ) -> CallUsage:
        """Fetch the usage of the calls of a query.

        Parameters
        ----------
        query
            The query. Instead of a query, pass filters by name, see `UsageQuery`. With the filter
            `timezone` the dates are local days, as in `UsageQuery.local_days`, by default the last
            30 and today. The frames remain in UTC.
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
        ArchiveError
            A required file of an archive is damaged; the message says how to repair the archive.
        """
        now = self.now()
        if query is None:
            query = UsageQuery.from_filters(filters, now=now, since=self.since)
        elif filters:
            raise QueryError("call_usage: expected a query or filters by name, got both")
        if not isinstance(query, UsageQuery):
            raise QueryError(f"query: expected a UsageQuery, got {type(query).__name__}")
        question = query.with_bounds(now, self.since)
        return self._fetch({"": question}, "", chunk_days=chunk_days, progress=progress)[""]

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
            Add the group ``"rest"`` with the calls that are in no group. The groups must differ in
            one filter with one value per call: `agent_ids`, `voice_id` or one key of `metadata`.
            The window then ends now at the latest. All calls are fetched last, so calls that are
            counted meanwhile belong to the rest.
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
        now = self.now()
        whole = UsageQuery.from_filters(filters, now=now, since=self.since)
        whole = whole.with_bounds(now, self.since)
        if include_rest and whole.end is not None and whole.end > now:
            # Calls that arrive between two queries would not add up.
            whole = replace(whole, to_date=now)
        queries = group_queries(groups, name, whole)
        if include_rest:
            check_rest(groups, queries)
            queries[REST] = whole
        usages = self._fetch(
            queries, name, max_concurrency=max_concurrency, chunk_days=chunk_days, progress=progress
        )
        if include_rest:
            usages[REST] = self._subtract(usages.pop(REST), list(usages.values()))
        # The account may hold less than the window that was asked for.
        seen = next(iter(usages.values())).query or whole
        return build_breakdown(
            usages, name, replace(whole, from_date=seen.from_date, to_date=seen.to_date)
        )

    @abstractmethod
    def _fetch(
        self, queries: Mapping[str, UsageQuery], name: str, **options: Unpack[FetchOptions]
    ) -> dict[str, CallUsage]:
        """Return the usage of each query and then of the rest, if it is one, as of one instant."""

    def _subtract(self, whole: CallUsage, groups: Sequence[CallUsage]) -> CallUsage:
        return subtract_groups(whole, groups)

    def cancellable(self, token: CancelToken) -> "BaseClient":  # noqa: ARG002  # for those that wait
        """Return a view of this client that obeys a cancel token, if it waits for anything."""
        return self

    @abstractmethod
    def close(self) -> None:
        """Release the client's resources."""

    def today(self, timezone: str | tzinfo = "UTC") -> date:
        """Return the current date in a time zone, by the account's clock."""
        return self.now().astimezone(zone(timezone)).date()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
