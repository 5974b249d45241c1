"""Which days of a scope are known, since when, and from which part: the newest fetch counts.

A part says of each scope in it what was asked and which whole UTC days it holds, for hours without
calls have no rows: a day that is held and has none is a day of zeros; one that is not held is not
known.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from usage_analysis.archive.days import days_of
from usage_analysis.errors import ArchiveError, QueryError
from usage_analysis.tidy.frames import Source

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
KEY = b"usage-analysis"
"""Under which a part's metadata has its coverage."""
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
    def path(self) -> Path:
        """Its file."""

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


def held_of(parts: Sequence[HasCoverage], scope: str) -> Held | None:
    """What was asked for a scope, by the parts that hold it; None where none does.

    Raises
    ------
    ArchiveError
        Two parts say two things.
    """
    first: Held | None = None
    for part in parts:
        held = part.coverage.get(scope)
        if held is None:
            continue
        if first is not None and (held.query, held.source) != (first.query, first.source):
            raise ArchiveError(
                f"{part.path}: scope {scope!r} is {held.query} ({held.source}) here and "
                f"{first.query} ({first.source}) elsewhere: two syncs gave one name to two "
                "questions at once; remove the file that is wrong and sync again"
            )
        first = held
    return first


class Current(NamedTuple):
    """A file with rows that count, and those in it that do not."""

    path: Path
    stale: pa.Table | None
    """Columns `scope`, `day` [number of the UTC day] and `fetched` [us since 1970] of the rows that
    a newer fetch replaced; None where all rows count."""


def current(parts: Sequence[HasCoverage], month: str) -> list[Current]:
    """Files of a month whose rows count: those of the newest fetch of each day of each scope."""
    if len(parts) == 1:
        return [Current(parts[0].path, None)]
    days = days_of(month)
    first = days[0]
    scopes = names_of(parts)
    known = newest(parts, scopes, first, days[-1])
    row = {scope: number for number, scope in enumerate(scopes)}
    found = []
    for number, part in enumerate(parts):
        if not (known.part == number).any():
            continue
        stale: dict[str, list[Any]] = {"scope": [], "day": [], "fetched": []}
        for scope, held in part.coverage.items():
            for day, count, fetched in held.days:
                own = known.part[row[scope], day - first : day - first + count]
                old = (np.flatnonzero(own != number) + day).tolist()
                stale["scope"] += [scope] * len(old)
                stale["day"] += old
                stale["fetched"] += [fetched] * len(old)
        found.append(Current(part.path, _stale_table(stale) if stale["day"] else None))
    return found


def _stale_table(columns: Mapping[str, list[Any]]) -> pa.Table:
    import pyarrow as pa

    schema = pa.schema([("scope", pa.string()), ("day", pa.int64()), ("fetched", pa.int64())])
    return pa.table(dict(columns), schema=schema)


def bounds_of(parts: Iterable[HasCoverage], scope: str) -> tuple[int, int]:
    """First and last day that is held of a scope."""
    runs = [run for part in parts if scope in part.coverage for run in part.coverage[scope].days]
    return min(run[0] for run in runs), max(run[0] + run[1] - 1 for run in runs)


def last_fetch(parts: Iterable[HasCoverage], scope: str, until: int | None = None) -> int:
    """When a scope was last fetched [us since 1970]; 0 if never."""
    fetched = [
        when
        for part in parts
        if scope in part.coverage
        for _, _, when in part.coverage[scope].days
        if until is None or when <= until
    ]
    return max(fetched, default=0)


def names_of(parts: Iterable[HasCoverage]) -> list[str]:
    """Scopes that parts hold something of, in order."""
    return sorted({scope for part in parts for scope in part.coverage})


def unknown(scope: str, parts: Iterable[HasCoverage]) -> QueryError:
    """The error of a scope that is not there."""
    known = names_of(parts)
    shown = ", ".join(map(repr, known[:10])) + (" and more" if len(known) > 10 else "")
    return QueryError(f"scope: expected one of {shown or 'none yet: sync one'}, got {scope!r}")
