"""Coverage: days of each scope in each part, and the newest fetch of each day.

Hours without calls have no rows, so a day without calls looks like a day that was never fetched.
Each part therefore lists the filters and the whole UTC days of each scope.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, time
from functools import lru_cache
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.errors import ArchiveError, QueryError, error_of, refusal
from usage_analysis.query import to_instant
from usage_analysis.tidy.frames import Source
from usage_analysis.tidy.zones import DAY, microseconds, to_index

if TYPE_CHECKING:
    import pyarrow as pa

    from usage_analysis.archive.store import Part

FORMAT = 1
#: Key of the coverage in the metadata of a Parquet file.
KEY = b"usage-analysis"
#: Age up to which a day is fetched again with every sync [days].
SETTLE_DAYS = 7
#: Age of a fetch after which its day is fetched again [days].
REFRESH_DAYS = 30

#: First day, number of days, and when they were fetched [us]; days count from 1970-01-01.
Run = tuple[int, int, int]
#: Day, when it was fetched [us], and its measures as the server sent them.
SentDay = tuple[int, int, int, int, int, int, int]
Ints = NDArray[np.int64]
T = TypeVar("T")


class ScopeCoverage(msgspec.Struct, Generic[T], omit_defaults=True, gc=False):
    """Coverage of one scope in a part; `T` is the type of its filters."""

    #: Filters, without dates.
    query: T
    source: Source
    days: list[Run]
    #: Days whose daily row is not the sum of their hourly rows.
    sent: list[SentDay] = []


class _Document(msgspec.Struct, Generic[T]):
    format: int
    scopes: dict[str, T]


#: Coverage whose filters are still encoded, because many parts repeat them.
_EncodedScope = ScopeCoverage[msgspec.Raw]


class ScopeQuery(NamedTuple):
    """Filters of a scope, and the source of its calls."""

    #: Filters, without dates.
    query: dict[str, Any]
    source: Source


class Runs(NamedTuple):
    """Runs of consecutive days from one fetch: four columns, one row per run."""

    #: Number of the scope.
    scope: Ints
    #: Number of the first day.
    first: Ints
    #: Number of days.
    length: Ints
    #: Time of the fetch [us since 1970].
    fetched: Ints

    def take(self, at: NDArray[Any] | slice) -> Runs:
        """Return the runs at these places, or where a mask is true."""
        return Runs(*(column[at] for column in self))

    def clip(self, first: int, last: int) -> Runs:
        """Return the runs cut to the days from `first` to `last`, both inclusive."""
        low = np.maximum(self.first, first)
        length = np.minimum(self.first + self.length, last + 1) - low
        return Runs(self.scope, low, length, self.fetched).take(length > 0)

    def days(self) -> Runs:
        """Return the same days as one run per day."""
        at = np.repeat(np.arange(len(self.length)), self.length)
        before = np.cumsum(self.length) - self.length
        day = self.first[at] + np.arange(len(at)) - before[at]
        return Runs(self.scope[at], day, np.ones(len(at), dtype=np.int64), self.fetched[at])


@dataclass(frozen=True, eq=False)
class Directory:
    """Sorted scopes of a part with their filters; parts with the same scopes share a directory."""

    scopes: tuple[str, ...]
    queries: tuple[ScopeQuery, ...]

    def rows(self, order: Mapping[str, int]) -> Ints:
        """Return the number of each scope in an order, or -1 for a scope outside."""
        return np.array([order.get(scope, -1) for scope in self.scopes], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class PartCoverage:
    """Coverage of a part: its scopes and their days."""

    directory: Directory
    #: Scopes are numbered by their place in the directory.
    runs: Runs
    #: Days whose daily row is not the sum of their hourly rows, by scope.
    sent: Mapping[str, Sequence[SentDay]]


# Thousands of parts repeat their filters and scopes, which are decoded once.


@lru_cache(maxsize=2**16)
def _decode_query(query: bytes, source: Source) -> ScopeQuery:
    return ScopeQuery(msgspec.json.decode(query, type=dict[str, Any]), source)


@lru_cache(maxsize=2**10)
def _directory(scopes: tuple[str, ...], queries: tuple[tuple[bytes, Source], ...]) -> Directory:
    return Directory(tuple(map(sys.intern, scopes)), tuple(starmap(_decode_query, queries)))


def encode(coverage: Mapping[str, ScopeCoverage[dict[str, Any]]]) -> bytes:
    """Return the coverage of a part as JSON."""
    return msgspec.json.encode(_Document(FORMAT, dict(coverage)))


def decode(body: bytes) -> tuple[int, PartCoverage]:
    """Read format and coverage of a part.

    Raises
    ------
    msgspec.MsgspecError
        The metadata is not a coverage.
    """
    document = msgspec.json.decode(body, type=_Document[_EncodedScope])
    scopes = dict(sorted(document.scopes.items()))
    runs = [(place, *run) for place, one in enumerate(scopes.values()) for run in one.days]
    columns = np.array(runs, dtype=np.int64).reshape(-1, 4).T
    queries = tuple((bytes(one.query), one.source) for one in scopes.values())
    return document.format, PartCoverage(
        _directory(tuple(scopes), queries),
        Runs(*map(np.ascontiguousarray, columns)),
        {scope: one.sent for scope, one in scopes.items() if one.sent},
    )


def iter_runs(
    parts: Sequence[Part], scopes: Iterable[str], until: int | None = None
) -> Iterator[tuple[int, Runs]]:
    """Yield the number and the runs of each part; scopes are numbered in the order of `scopes`.

    Parameters
    ----------
    until
        Ignore fetches after this instant [us since 1970].
    """
    order = {scope: row for row, scope in enumerate(scopes)}
    rows = {one: one.rows(order) for one in {part.coverage.directory for part in parts}}
    for number, part in enumerate(parts):
        runs = part.coverage.runs
        row = rows[part.coverage.directory][runs.scope]
        counts = row >= 0 if until is None else (row >= 0) & (runs.fetched <= until)
        yield number, runs._replace(scope=row).take(counts)


class NewestFetches(NamedTuple):
    """Newest fetch of each day of each scope; shape (scopes, days)."""

    #: Time of the fetch [us since 1970]; -1 for a missing day.
    fetched: NDArray[np.int64]
    #: Number of the part that holds the day; -1 for a missing day.
    part: NDArray[np.int32]


def newest_fetches(
    parts: Sequence[Part], scopes: Collection[str], first: int, last: int, until: int | None = None
) -> NewestFetches:
    """Find the newest fetch of each day from `first` to `last`; of equals the last part wins."""
    count = max(last - first + 1, 0)
    fetched = np.full(len(scopes) * count, -1, dtype=np.int64)
    place = np.full(len(scopes) * count, -1, dtype=np.int32)
    for number, runs in iter_runs(parts, scopes, until):
        days = runs.clip(first, last).days()
        cell = days.scope * count + days.first - first
        np.maximum.at(fetched, cell, days.fetched)
        place[cell[fetched[cell] == days.fetched]] = number
    return NewestFetches(fetched.reshape(-1, count), place.reshape(-1, count))


def find_runs(days: NDArray[np.int64], fetched: NDArray[np.int64]) -> list[Run]:
    """Join consecutive days of one fetch to runs."""
    if not len(days):
        return []
    cuts = np.flatnonzero((np.diff(days) != 1) | (np.diff(fetched) != 0)) + 1
    starts = [0, *cuts.tolist()]
    lengths = np.diff([*starts, len(days)]).tolist()
    runs = zip(starts, lengths, strict=True)
    return [(int(days[at]), length, int(fetched[at])) for at, length in runs]


def scope_queries(parts: Sequence[Part], scopes: Iterable[str]) -> dict[str, ScopeQuery]:
    """Return the filters of each scope that is in a part.

    Raises
    ------
    ArchiveError
        Two parts contradict each other.
    """
    found: dict[str, ScopeQuery] = {}
    order = {scope: row for row, scope in enumerate(scopes)}
    for directory, path in {part.coverage.directory: part.path for part in parts}.items():
        for at in np.flatnonzero(directory.rows(order) >= 0).tolist():
            scope, asked = directory.scopes[at], directory.queries[at]
            first = found.setdefault(scope, asked)
            if first is not asked and first != asked:
                values = {"path": path, "scope": scope, "asked": asked, "first": first}
                raise error_of(ArchiveError, "two_queries", **values)
    return found


class StaleFile(NamedTuple):
    """File with current rows, and its days that a newer fetch replaced."""

    path: Path
    #: Number of the scope; one row per day.
    scope: Ints
    day: Ints
    fetched: Ints
    #: Whether another file has one of these days from the same instant, which counts instead.
    twin: bool


def find_stale_files(
    parts: Sequence[Part], scopes: Collection[str], known: NewestFetches, first: int
) -> list[StaleFile]:
    """Find the files with a newest fetch of these scopes and days, and their replaced days.

    Parameters
    ----------
    known
        Newest fetches, from the day `first` on.
    """
    last = first + known.part.shape[1] - 1
    owned = np.bincount(known.part[known.part >= 0], minlength=len(parts))
    found = []
    for number, runs in iter_runs(parts, scopes):
        if not owned[number]:
            continue
        held = runs.clip(first, last)
        # A file that holds only newest fetches, as most do, needs no look at single days.
        days = held.days() if held.length.sum() > owned[number] else held.take(slice(0))
        cell = days.scope, days.first - first
        fetched = known.fetched[cell]
        old = (known.part[cell] != number) | (fetched != days.fetched)
        twin = bool((fetched == days.fetched)[old].any())
        stale = days.take(old)
        found.append(StaleFile(parts[number].path, stale.scope, stale.first, stale.fetched, twin))
    return found


def build_stale_table(stale: Sequence[StaleFile], scopes: Sequence[str]) -> pa.Table:
    """Return replaced days as a table: `scope`, `day`, `fetched` (days and us since 1970)."""
    import pyarrow as pa

    code, day, fetched = (np.concatenate(column) for column in list(zip(*stale, strict=True))[1:4])
    scope = pa.DictionaryArray.from_arrays(pa.array(code), pa.array(scopes, pa.string()))
    return pa.table({"scope": scope.cast(pa.string()), "day": day, "fetched": fetched})


class ScopeBounds(NamedTuple):
    """First and last stored day of each scope, and its last fetch [us since 1970]."""

    first: Ints
    last: Ints
    fetched: Ints


def scope_bounds(
    parts: Sequence[Part], scopes: Collection[str], until: int | None = None
) -> ScopeBounds:
    """Return the bounds of each scope; the last day and fetch of an unknown scope are -1."""
    first = np.full(len(scopes), np.iinfo(np.int64).max)
    last, fetched = np.full(len(scopes), -1), np.full(len(scopes), -1)
    for _, runs in iter_runs(parts, scopes, until):
        np.minimum.at(first, runs.scope, runs.first)
        np.maximum.at(last, runs.scope, runs.first + runs.length - 1)
        np.maximum.at(fetched, runs.scope, runs.fetched)
    return ScopeBounds(first, last, fetched)


def scope_names(parts: Iterable[Part]) -> list[str]:
    """Return the names of all scopes, sorted."""
    directories = {part.coverage.directory for part in parts}
    return sorted(set[str]().union(*(one.scopes for one in directories)))


def scope_table(parts: Sequence[Part]) -> pd.DataFrame:
    """Return one row per scope; see `Archive.scopes`."""
    scopes = scope_names(parts)
    asked, bounds = scope_queries(parts, scopes), scope_bounds(parts, scopes)
    low, high = int(bounds.first.min(initial=0)), int(bounds.last.max(initial=0))
    days = (newest_fetches(parts, scopes, low, high).fetched >= 0).sum(axis=1)
    columns = {
        "scope": scopes,
        "filters": [asked[scope].query for scope in scopes],
        "source": [asked[scope].source for scope in scopes],
        "first": to_index(bounds.first * DAY, UTC),
        "last": to_index(bounds.last * DAY, UTC),
        "days": days,
        "as_of": to_index(bounds.fetched, UTC),
    }
    return pd.DataFrame(columns).set_index("scope")


def unknown_scope_error(scope: str, parts: Iterable[Part]) -> QueryError:
    """Return the error for a scope that does not exist."""
    known = scope_names(parts)
    if not known:
        return refusal("no_scopes", scope=scope)
    names = ", ".join(map(repr, known[:10])) + " and more" * (len(known) > 10)
    return QueryError(f"scope: unknown scope {scope!r}; known scopes: {names}")


def day_name(day: int) -> str:
    """Return the ISO date of a numbered day."""
    return str(np.datetime64(int(day), "D"))


def months_between(first: int, last: int) -> list[str]:
    """Return the months between two days, both inclusive, as ``2026-03``."""
    ends = np.array([first, last]).astype("M8[D]").astype("M8[M]")
    return [str(month) for month in np.arange(ends[0], ends[1] + 1)]


def parse_day(argument: str, value: Any) -> int:
    """Return the number of a UTC day, given as a date, a text or its first instant.

    Raises
    ------
    QueryError
        The value is not a UTC day.
    """
    start = to_instant(argument, value, time.min)
    if microseconds(start) % DAY:
        raise QueryError(f"{argument}: expected a UTC day such as 2026-03-01, got {value!r}")
    return microseconds(start) // DAY
