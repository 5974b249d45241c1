"""Which days of a scope are known, since when, and from which part: the newest fetch counts.

A part says of each scope in it what was asked and which whole UTC days it holds, for hours without
calls have no rows: a day that is held and has none is a day of zeros; one that is not held is not
known.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from usage_analysis.tidy.frames import Source

FORMAT = 1
SETTLED = 7
"""A day is fetched again until it is this old when it is fetched [days]."""
REFRESH = 30
"""Every day is fetched again when its fetch is this old [days]."""

Run = tuple[int, int, int]
"""A first day, how many, and when they were fetched [us]; days are numbered from 1970-01-01."""
Sent = tuple[int, int, int, int, int, int, int]
"""A day, when it was fetched [us], and its measures as the server sent them."""


class Held(msgspec.Struct, omit_defaults=True):
    """What a part holds of one scope."""

    query: dict[str, Any]
    """Its filters, without dates."""
    source: Source
    days: list[Run]
    sent: list[Sent] = []
    """The days that were sent as something else than the sum of their hours."""


class _Document(msgspec.Struct):
    format: int
    scopes: dict[str, Held]


Coverage = Mapping[str, Held]


def encode(coverage: Coverage) -> bytes:
    """JSON of a part's coverage."""
    return msgspec.json.encode(_Document(FORMAT, dict(coverage)))


def decode(body: bytes) -> tuple[int, Coverage]:
    """Format and coverage of a part; `msgspec.MsgspecError` where it is neither."""
    document = msgspec.json.decode(body, type=_Document)
    return document.format, document.scopes


class HasCoverage(Protocol):
    """A part, as far as this file looks at it."""

    @property
    def coverage(self) -> Coverage:
        """What it holds of each scope."""


class Newest(NamedTuple):
    """The newest fetch of each day of each scope; shape (scopes, days)."""

    fetched: NDArray[np.int64]
    """When [us since 1970]; -1 where the day is not known."""
    part: NDArray[np.int32]
    """Number of the part that holds it; -1 where none does."""


def newest(
    parts: Sequence[HasCoverage],
    scopes: Collection[str],
    first: int,
    last: int,
    until: int | None = None,
) -> Newest:
    """The newest fetch of each day from `first` to `last`; of equally new ones the last part's.

    Parameters
    ----------
    until
        Fetches after this instant do not count [us since 1970].
    """
    count = max(last - first + 1, 0)
    fetched = np.full((len(scopes), count), -1, dtype=np.int64)
    place = np.full((len(scopes), count), -1, dtype=np.int32)
    rows = {scope: row for row, scope in enumerate(scopes)}
    for number, part in enumerate(parts):
        coverage = part.coverage
        for scope in rows.keys() & coverage.keys() if len(rows) < len(coverage) else coverage:
            row = rows.get(scope)
            if row is None:
                continue
            for start, days, when in coverage[scope].days:
                low, high = max(start - first, 0), min(start - first + days, count)
                if low >= high or (until is not None and when > until):
                    continue
                newer = np.flatnonzero(fetched[row, low:high] <= when) + low
                fetched[row, newer] = when
                place[row, newer] = number
    return Newest(fetched, place)


def runs_of(days: NDArray[np.int64], fetched: NDArray[np.int64]) -> list[Run]:
    """Runs of days that follow one another and were fetched at once."""
    if not len(days):
        return []
    cuts = np.flatnonzero((np.diff(days) != 1) | (np.diff(fetched) != 0)) + 1
    starts = [0, *cuts.tolist()]
    lengths = np.diff([*starts, len(days)]).tolist()
    return [
        (int(days[start]), length, int(fetched[start]))
        for start, length in zip(starts, lengths, strict=True)
    ]
