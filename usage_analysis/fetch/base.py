"""Interface of all clients: those of the server, and those of an archive."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from datetime import date, datetime, tzinfo
from typing import Any, ClassVar, Self, Unpack

from usage_analysis.errors import QueryError
from usage_analysis.fetch.account import AccountNames
from usage_analysis.fetch.grouping import Grouping
from usage_analysis.fetch.progress import ProgressOption
from usage_analysis.fetch.threads import CancelToken
from usage_analysis.query import CHUNK_DAYS, Filters, UsageQuery, zone
from usage_analysis.tidy.frames import Source
from usage_analysis.tidy.usage import CallUsage

#: Default maximum number of concurrent requests.
MAX_CONCURRENCY = 10


class BreakdownOptions(Filters, total=False):
    """Options of `BaseClient.breakdown` by name, and the filters that all groups share."""

    include_rest: bool
    max_concurrency: int
    chunk_days: int
    progress: ProgressOption


class BaseClient(ABC):
    """Interface of a client, as the dashboard uses it; see `Client`."""

    #: Who answers, for messages.
    answers: ClassVar[str] = "the server"
    #: Python code for such a client; empty if it needs a secret or an object of yours.
    python: str

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

    @abstractmethod
    def call_usage(
        self,
        query: UsageQuery | None = None,
        *,
        progress: ProgressOption = None,
        chunk_days: int = CHUNK_DAYS,
        **filters: Unpack[Filters],
    ) -> CallUsage:
        """Fetch the usage of the calls that a query, or filters by name, select."""

    @abstractmethod
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
        """Fetch usage by group; the group is the first column of the frames."""

    @abstractmethod
    def cancellable(self, token: CancelToken) -> BaseClient:
        """Return a view of this client that obeys a cancel token."""

    @abstractmethod
    def close(self) -> None:
        """Release the client's resources."""

    def by_agent(
        self,
        agents: Mapping[str, Any] | Iterable[Any],
        *,
        name: str = "agent",
        **options: Unpack[BreakdownOptions],
    ) -> CallUsage:
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
    ) -> CallUsage:
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
    ) -> CallUsage:
        """Fetch usage by the value of a metadata key, from a list of values or a mapping of names.

        The group column is named after the key, or `name`. The options are those of `breakdown`.
        """
        if not isinstance(key, str) or not key:
            raise QueryError(f"key: expected a metadata key as text, got {key!r}")
        grouping = Grouping.of_values(f"metadata.{key}", values, "values")
        column = grouping.column if name is None else name
        return self.breakdown(grouping.filters(), name=column, **options)

    def today(self, timezone: str | tzinfo = "UTC") -> date:
        """Return the current date in a time zone, by the account's clock."""
        return self.now().astimezone(zone(timezone)).date()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def resolve_query(
    query: UsageQuery | None, filters: Filters, now: datetime, since: datetime | None = None
) -> UsageQuery:
    """Return the query, given as such or as filters by name, with both ends of its window.

    Raises
    ------
    QueryError
        Both were given, or a filter is invalid.
    """
    if query is None:
        query = UsageQuery.from_filters(filters, now=now, since=since)
    elif filters:
        raise QueryError("call_usage: expected a query or filters by name, got both")
    if not isinstance(query, UsageQuery):
        raise QueryError(f"query: expected a UsageQuery, got {type(query).__name__}")
    return query.bounded(now, since)
