"""The account of a client: its source, its clock and its names."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple

from usage_analysis.fetch.responses import parse_date
from usage_analysis.query import UsageQuery
from usage_analysis.tidy.frames import Source

_TICK = timedelta(microseconds=1)
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
        if by in ("agent", "voice"):
            return self.agents if by == "agent" else self.voices
        return {value: value for value in self.metadata.get(by.removeprefix("metadata."), ())}


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
        #: Whether the clock is known only after a first response.
        self.clock_unknown = served
        self._local = local

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
