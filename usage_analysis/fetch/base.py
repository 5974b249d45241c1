"""What every client of the usage endpoint can do, whoever answers: the server, or an archive."""

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

MAX_CONCURRENCY = 10
"""The most requests under way at once, unless told otherwise."""


class BreakdownOptions(Filters, total=False):
    """Options of `BaseClient.breakdown` by name, and the filters that all groups share."""

    include_rest: bool
    max_concurrency: int
    chunk_days: int
    progress: ProgressOption


class BaseClient(ABC):
    """Answers questions about usage: what the dashboard asks, and whom; see `Client`."""

    answers: ClassVar[str] = "the server"
    """Who answers, in words."""
    python: str
    """Python that makes a client of the same account; "" where it takes what only you have."""

    @property
    @abstractmethod
    def source(self) -> Source:
        """Whose calls the answers hold: ``"live"``, ``"sample"`` or ``"file"``."""

    @property
    @abstractmethod
    def names(self) -> AccountNames | None:
        """Agents, voices and metadata by name, where who answers lists them."""

    @abstractmethod
    def now(self) -> datetime:
        """Time now, by the clock of who answers."""

    @abstractmethod
    def call_usage(
        self,
        query: UsageQuery | None = None,
        *,
        progress: ProgressOption = None,
        chunk_days: int = CHUNK_DAYS,
        **filters: Unpack[Filters],
    ) -> CallUsage:
        """Usage of the calls that a query, or its filters by name, selects."""

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
        """Usage by group, the group as the frames' first column."""

    @abstractmethod
    def cancellable(self, token: CancelToken) -> BaseClient:
        """A view of this client that gives up when told to."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what is held."""

    def by_agent(
        self,
        agents: Mapping[str, Any] | Iterable[Any],
        *,
        name: str = "agent",
        **options: Unpack[BreakdownOptions],
    ) -> CallUsage:
        """Usage by agent: of these agents (UUIDs), or of a mapping of names to agents.

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
        """Usage by voice: of these voices (UUIDs), or of a mapping of names to voices.

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
        """Usage by the value under a key of the calls' metadata: of these, or of named ones.

        The group column is called as the key is, or `name`; the options are those of `breakdown`.
        """
        if not isinstance(key, str) or not key:
            raise QueryError(f"key: expected a metadata key as text, got {key!r}")
        grouping = Grouping.of_values(f"metadata.{key}", values, "values")
        column = grouping.column if name is None else name
        return self.breakdown(grouping.filters(), name=column, **options)

    def today(self, timezone: str | tzinfo = "UTC") -> date:
        """Date now in a time zone, by the clock of who answers."""
        return self.now().astimezone(zone(timezone)).date()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def resolve_query(
    query: UsageQuery | None, filters: Filters, now: datetime, since: datetime | None = None
) -> UsageQuery:
    """The question that a query or filters by name are, with both ends of its window.

    Raises
    ------
    QueryError
        Both came, or a filter does not fit.
    """
    if query is None:
        query = UsageQuery.from_filters(filters, now=now, since=since)
    elif filters:
        raise QueryError("call_usage: expected a query or filters by name, got both")
    if not isinstance(query, UsageQuery):
        raise QueryError(f"query: expected a UsageQuery, got {type(query).__name__}")
    return query.bounded(now, since)
