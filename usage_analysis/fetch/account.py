"""Whose calls the answers hold, and what time it is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from usage_analysis.fetch.answers import parse_date

if TYPE_CHECKING:
    from usage_analysis.tidy.frames import Source

SOURCE_HEADER = "Usage-Source"
"""In what an answer says that it is the sample account's."""


class Account:
    """Whose calls the answers hold, and the clock there; the sample account's stands still.

    In this process the sample account's transport tells both. Over HTTP its answers do, in
    `Usage-Source` and `Date`; only this machine's are believed.

    Parameters
    ----------
    transport
        What answers instead of the network; it may have a `source` and a `clock`.
    local
        Whether this machine answers.
    sample_key
        Whether requests carry the sample account's key.
    """

    def __init__(self, transport: object, *, local: bool, sample_key: bool) -> None:
        served = local and transport is None and sample_key
        self.source: Source = getattr(transport, "source", "sample" if served else "live")
        self.now: Callable[[], datetime] = getattr(transport, "clock", partial(datetime.now, UTC))
        self.unmet = served
        """Whether the clock there is not known before it is asked for anything."""
        self._local = local

    def heard(self, headers: Mapping[str, str]) -> None:
        """Take from an answer whose it is, and when."""
        self.unmet = False
        if self._local and headers.get(SOURCE_HEADER) == "sample":
            self.source = "sample"
            if date := parse_date(headers.get("Date", "")):
                self.now = lambda: date
