"""Queries of the dashboard, which can be compared with each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from usage_analysis.fetch.base import BaseClient
from usage_analysis.fetch.grouping import Grouping
from usage_analysis.query import UsageQuery
from usage_analysis.tidy.usage import CallUsage

Progress = Callable[[int, int], None]
Filters = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class Question:
    """One query of the dashboard to the server.

    Parameters
    ----------
    start, end
        Window of whole UTC days; `end` is the first instant after it.
    needed
        Start without the days that only the overview looks back on; an archive may lack those.
    selected
        Filters of all calls, by name.
    by, groups, rest
        What groups are made of, the value of each group by name, and True to fetch the calls of no
        group too.
    """

    start: datetime
    end: datetime
    needed: datetime
    selected: Filters = ()
    by: str = ""
    groups: Filters = ()
    rest: bool = False

    def covers(self, other: Question) -> bool:
        """Return True if the reply also holds the reply to another query."""
        # The groups and the rest add up to all calls.
        same = self.selected == other.selected and other.by in ("", self.by)
        start = other.needed if self.start == self.needed else other.start
        return same and self.start <= start and self.end >= other.end

    def filters(self) -> dict[str, Any]:
        """Return the filters of all requests, as a `UsageQuery` takes them."""
        shared = dict(self.selected)
        own = {"agent": "agent_ids", "voice": "voice_id", "": ""}.get(self.by, "metadata")
        if own in ("agent_ids", "voice_id") or (
            own == "metadata" and dict(shared.get("metadata", ())).keys() == {self.by}
        ):
            shared.pop(own, None)
        if "metadata" in shared:
            shared["metadata"] = dict(shared["metadata"])
        return {name: list(v) if isinstance(v, tuple) else v for name, v in shared.items()}

    def ask(self, client: BaseClient, progress: Progress | None = None) -> CallUsage:
        """Send the query and return the reply."""
        window = {"from_date": self.start, "to_date": self.end - timedelta(microseconds=1)}
        asked = {**window, **self.filters()}
        if not self.by:
            return client.call_usage(UsageQuery(**asked), progress=progress)
        options = {"include_rest": self.rest, "progress": progress, **asked}
        grouping = grouping_of(self.by, dict(self.groups))
        return client.breakdown(grouping.filters(), name=grouping.column, **options)


def grouping_of(by: str, values: Mapping[str, Any]) -> Grouping:
    """Return the grouping for a choice of the dashboard: `agent`, `voice` or a metadata key."""
    return Grouping(by if by in ("agent", "voice") else f"metadata.{by}", values)
