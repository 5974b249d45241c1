"""Which days of a scope are known, since when, and from which part: the newest fetch counts.

A part says of each scope in it what was asked and which whole UTC days it holds, for hours without
calls have no rows: a day that is held and has none is a day of zeros; one that is not held is not
known.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from usage_analysis.errors import ArchiveError, QueryError
from usage_analysis.tidy.frames import Source

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
KEY = b"usage-analysis"
"""Under which a part's metadata has its coverage."""
SETTLE_DAYS = 7
"""A day is fetched again until it is this old when it is fetched [days]."""
REFRESH_DAYS = 30
"""Every day is fetched again when its fetch is this old [days]."""

Run = tuple[int, int, int]
"""A first day, how many, and when they were fetched [us]; days are numbered from 1970-01-01."""
SentDay = tuple[int, int, int, int, int, int, int]
"""A day, when it was fetched [us], and its measures as the server sent them."""
Ints = NDArray[np.int64]


class ScopeCoverage(msgspec.Struct, omit_defaults=True):
    """What is written of one scope into a part."""

    query: dict[str, Any]
    """Its filters, without dates."""
    source: Source
    days: list[Run]
    sent: list[SentDay] = []
    """The days that were sent as something else than the sum of their hours."""


class _Written(msgspec.Struct):
    format: int
    scopes: dict[str, ScopeCoverage]


class _Read(msgspec.Struct, gc=False):
    """One scope as it is read: its filters are looked at once, however many parts have them."""

    query: msgspec.Raw
    source: Source
    days: list[Run]
    sent: list[SentDay] = []


class _Document(msgspec.Struct):
    format: int
    scopes: dict[str, _Read]


class ScopeQuery(NamedTuple):
    """What a scope asks, and of whom."""

    query: dict[str, Any]
    """Its filters, without dates."""
    source: Source


class Runs(NamedTuple):
    """Days that follow one another and that one fetch brought, a row each; four columns."""

    scope: Ints
    """Number of the scope."""
    first: Ints
    """Number of the first day."""
    length: Ints
    """How many."""
    fetched: Ints
    """When [us since 1970]."""

    def take(self, at: NDArray[Any] | slice) -> Runs:
        """Runs at these places, or where it is true."""
        return Runs(*(column[at] for column in self))

    def within(self, first: int, last: int) -> Runs:
        """What lies in the days from one to another."""
        low = np.maximum(self.first, first)
        length = np.minimum(self.first + self.length, last + 1) - low
        return Runs(self.scope, low, length, self.fetched).take(length > 0)

    def days(self) -> Runs:
        """The same, a run a day."""
        at = np.repeat(np.arange(len(self.length)), self.length)
        before = np.cumsum(self.length) - self.length
        day = self.first[at] + np.arange(len(at)) - before[at]
        return Runs(self.scope[at], day, np.ones(len(at), dtype=np.int64), self.fetched[at])


@dataclass(frozen=True, eq=False)
class Directory:
    """Scopes of a part in order, and what each asks; parts of the same ones share it."""

    scopes: tuple[str, ...]
    asked: tuple[ScopeQuery, ...]

    def rows(self, order: Mapping[str, int]) -> Ints:
        """Number of each scope in an order; -1 of those that are not in it."""
        if 16 * len(order) > len(self.scopes):
            return np.array([order.get(scope, -1) for scope in self.scopes], dtype=np.int64)
        out = np.full(len(self.scopes), -1)
        for scope, row in order.items():
            at = bisect_left(self.scopes, scope)
            if self.scopes[at : at + 1] == (scope,):
                out[at] = row
        return out


@dataclass(frozen=True, eq=False)
class PartCoverage:
    """Which days a part holds of which scopes."""

    directory: Directory
    runs: Runs
    """By the scope's place in the directory."""
    sent: Mapping[str, Sequence[SentDay]]
    """By scope, the days that were sent as something else than the sum of their hours."""


class DirectoryCache:
    """Directories that were read, and what is asked in them: many parts have the same."""

    def __init__(self) -> None:
        self._asked: dict[tuple[str, bytes], ScopeQuery] = {}
        self._directories: dict[tuple[object, ...], Directory] = {}

    def directory(self, scopes: Mapping[str, _Read]) -> Directory:
        """Directory of scopes in order."""
        asked = tuple(map(self._question, scopes.values()))
        key = (*scopes, *map(id, asked))
        if key not in self._directories:
            self._directories[key] = Directory(tuple(map(sys.intern, scopes)), asked)
        return self._directories[key]

    def _question(self, read: _Read) -> ScopeQuery:
        key = (read.source, bytes(read.query))
        if key not in self._asked:
            query = msgspec.json.decode(key[1], type=dict[str, Any])
            # Another thread may have come first.
            return self._asked.setdefault(key, ScopeQuery(query, read.source))
        return self._asked[key]


def encode(coverage: Mapping[str, ScopeCoverage]) -> bytes:
    """JSON of a part's coverage."""
    return msgspec.json.encode(_Written(FORMAT, dict(coverage)))


def decode(body: bytes, known: DirectoryCache) -> tuple[int, PartCoverage]:
    """Format and coverage of a part; `msgspec.MsgspecError` where it is neither.

    Parameters
    ----------
    known
        Directories of other parts; this one's is added.
    """
    document = msgspec.json.decode(body, type=_Document)
    scopes = dict(sorted(document.scopes.items()))
    runs = [(place, *run) for place, one in enumerate(scopes.values()) for run in one.days]
    columns = np.array(runs, dtype=np.int64).reshape(-1, 4).T
    return document.format, PartCoverage(
        known.directory(scopes),
        Runs(*map(np.ascontiguousarray, columns)),
        {scope: one.sent for scope, one in scopes.items() if one.sent},
    )


class HasCoverage(Protocol):
    """A part, as far as this file looks at it."""

    @property
    def path(self) -> Path:
        """Its file."""

    @property
    def coverage(self) -> PartCoverage:
        """What it holds of each scope."""


def runs_in(
    parts: Sequence[HasCoverage], scopes: Iterable[str], until: int | None = None
) -> Iterator[tuple[int, Runs]]:
    """Number of each part, and what it holds of some scopes, by their places among these.

    Parameters
    ----------
    until
        Fetches after this instant do not count [us since 1970].
    """
    order = {scope: row for row, scope in enumerate(scopes)}
    rows = {one: one.rows(order) for one in {part.coverage.directory for part in parts}}
    for number, part in enumerate(parts):
        runs = part.coverage.runs
        row = rows[part.coverage.directory][runs.scope]
        counts = row >= 0 if until is None else (row >= 0) & (runs.fetched <= until)
        yield number, runs._replace(scope=row).take(counts)


class NewestFetches(NamedTuple):
    """The newest fetch of each day of each scope; shape (scopes, days)."""

    fetched: NDArray[np.int64]
    """When [us since 1970]; -1 where the day is not known."""
    part: NDArray[np.int32]
    """Number of the part that holds it; -1 where none does."""


def newest_fetches(
    parts: Sequence[HasCoverage],
    scopes: Collection[str],
    first: int,
    last: int,
    until: int | None = None,
) -> NewestFetches:
    """The newest fetch of each day from `first` to `last`; of equally new ones the last part's."""
    count = max(last - first + 1, 0)
    fetched = np.full(len(scopes) * count, -1, dtype=np.int64)
    place = np.full(len(scopes) * count, -1, dtype=np.int32)
    for number, runs in runs_in(parts, scopes, until):
        days = runs.within(first, last).days()
        cell = days.scope * count + days.first - first
        np.maximum.at(fetched, cell, days.fetched)
        place[cell[fetched[cell] == days.fetched]] = number
    return NewestFetches(fetched.reshape(-1, count), place.reshape(-1, count))


def find_runs(days: NDArray[np.int64], fetched: NDArray[np.int64]) -> list[Run]:
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


def scope_queries(parts: Sequence[HasCoverage], scopes: Iterable[str]) -> dict[str, ScopeQuery]:
    """What each scope asks, by the parts that hold it; those that none holds are left out.

    Raises
    ------
    ArchiveError
        Two parts say two things.
    """
    found: dict[str, ScopeQuery] = {}
    order = {scope: row for row, scope in enumerate(scopes)}
    for directory, path in {part.coverage.directory: part.path for part in parts}.items():
        for at in np.flatnonzero(directory.rows(order) >= 0).tolist():
            scope, asked = directory.scopes[at], directory.asked[at]
            first = found.setdefault(scope, asked)
            if first is not asked and first != asked:
                raise ArchiveError(
                    f"{path}: scope {scope!r} is {asked.query} ({asked.source}) here and "
                    f"{first.query} ({first.source}) elsewhere: two syncs gave one name to two "
                    "questions at once; remove the file that is wrong and sync again"
                )
    return found


class StaleFile(NamedTuple):
    """A file with rows that count, and the days in it that a newer fetch replaced."""

    path: Path
    scope: Ints
    """Number of the scope; a row a day."""
    day: Ints
    fetched: Ints
    twin: bool
    """Whether of one of these days another file has a fetch of the same instant, which counts."""


def stale_files(
    parts: Sequence[HasCoverage], scopes: Collection[str], known: NewestFetches, first: int
) -> list[StaleFile]:
    """Files that hold a newest fetch of these scopes and days, and what else they hold of them.

    Parameters
    ----------
    known
        The newest fetches, from the day `first`.
    """
    last = first + known.part.shape[1] - 1
    owned = np.bincount(known.part[known.part >= 0], minlength=len(parts))
    found = []
    for number, runs in runs_in(parts, scopes):
        if not owned[number]:
            continue
        held = runs.within(first, last)
        # Where all that it holds is the newest there is, no day need be looked at.
        days = held.days() if held.length.sum() > owned[number] else held.take(slice(0))
        cell = days.scope, days.first - first
        fetched = known.fetched[cell]
        old = (known.part[cell] != number) | (fetched != days.fetched)
        twin = bool((fetched == days.fetched)[old].any())
        stale = days.take(old)
        found.append(StaleFile(parts[number].path, stale.scope, stale.first, stale.fetched, twin))
    return found


def stale_table(stale: Sequence[StaleFile], scopes: Sequence[str]) -> pa.Table:
    """Days that were replaced: columns `scope`, `day` [its number], `fetched` [us since 1970]."""
    import pyarrow as pa

    code, day, fetched = (np.concatenate(column) for column in list(zip(*stale, strict=True))[1:4])
    scope = pa.DictionaryArray.from_arrays(pa.array(code), pa.array(scopes, pa.string()))
    return pa.table({"scope": scope.cast(pa.string()), "day": day, "fetched": fetched})


class ScopeBounds(NamedTuple):
    """First and last day that is held of each scope, and its last fetch [us since 1970]."""

    first: Ints
    last: Ints
    fetched: Ints


def scope_bounds(
    parts: Sequence[HasCoverage], scopes: Collection[str], until: int | None = None
) -> ScopeBounds:
    """ScopeBounds of scopes; of one that is not held the last day and the last fetch are -1."""
    first = np.full(len(scopes), np.iinfo(np.int64).max)
    last, fetched = np.full(len(scopes), -1), np.full(len(scopes), -1)
    for _, runs in runs_in(parts, scopes, until):
        np.minimum.at(first, runs.scope, runs.first)
        np.maximum.at(last, runs.scope, runs.first + runs.length - 1)
        np.maximum.at(fetched, runs.scope, runs.fetched)
    return ScopeBounds(first, last, fetched)


def scope_names(parts: Iterable[HasCoverage]) -> list[str]:
    """Scopes that parts hold something of, in order."""
    directories = {part.coverage.directory for part in parts}
    return sorted(set[str]().union(*(one.scopes for one in directories)))


def unknown_scope(scope: str, parts: Iterable[HasCoverage]) -> QueryError:
    """The error of a scope that is not there."""
    known = scope_names(parts)
    shown = ", ".join(map(repr, known[:10])) + (" and more" if len(known) > 10 else "")
    if not known:
        return QueryError(f"scope: expected one that was synced, and none is yet; got {scope!r}")
    return QueryError(f"scope: expected one of {shown}, got {scope!r}")
