"""Whose calls the answers hold, what time it is there, and where they end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from usage_analysis.fetch.responses import parse_date

if TYPE_CHECKING:
    from usage_analysis.query import UsageQuery
    from usage_analysis.tidy.frames import Source

_TICK = timedelta(microseconds=1)
SOURCE_HEADER = "Usage-Source"
"""In what an answer says that it is the sample account's."""


class AccountNames(NamedTuple):
    """Names that an account lists, for people to choose from; the vendor's endpoint lists none."""

    agents: Mapping[str, str]
    """IDs by name."""
    voices: Mapping[str, str]
    """IDs by name."""
    metadata: Mapping[str, Sequence[str]]
    """Values by key."""


class Account:
    """Whose calls the answers hold, and the clock there; the sample account's stands still.

    In this process the sample account's transport tells both. Over HTTP its answers do, in
    `Usage-Source` and `Date`; only this machine's are believed.

    Parameters
    ----------
    transport
        What answers instead of the network; it may have a `source`, a `clock`, what it has
        `names` and, where nothing more will ever come, `until`: the first instant after all that
        there is.
    local
        Whether this machine answers.
    sample_key
        Whether requests carry the sample account's key.
    """

    def __init__(self, transport: object, *, local: bool, sample_key: bool) -> None:
        served = local and transport is None and sample_key
        self.source: Source = getattr(transport, "source", "sample" if served else "live")
        self.now: Callable[[], datetime] = getattr(transport, "clock", partial(datetime.now, UTC))
        self.names: AccountNames | None = getattr(transport, "names", None)
        self.since: datetime | None = getattr(transport, "since", None)
        """First day of a call log, at which windows without a start begin."""
        self._until: datetime | None = getattr(transport, "until", None)
        self.clock_unknown = served
        """Whether the clock there is unknown before it is asked for anything."""
        self._local = local

    def clip(self, query: UsageQuery) -> UsageQuery:
        """A query as far as this account can answer: past its end there are no empty days."""
        until, start, end = self._until, query.start, query.end
        if until is None or start is None or end is None or not start < until < end:
            return query
        return replace(query, to_date=until - _TICK)

    def update(self, headers: Mapping[str, str]) -> None:
        """Take from an answer whose it is, and when."""
        self.clock_unknown = False
        if self._local and headers.get(SOURCE_HEADER) == "sample":
            self.source = "sample"
            if date := parse_date(headers.get("Date", "")):
                self.now = lambda: date
