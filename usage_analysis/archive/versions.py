"""Versions of each day: changes between its fetches, and compaction into few files.

A version is the result of one fetch of one UTC day of one scope. Compaction writes the newest
versions of a month into one part, and earlier, different versions into a part of its history. Of
equal versions the first remains, because it tells since when the figures were known. All versions
of a day from before its end and billing remain, because their hours were still provisional.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.archive import coverage
from usage_analysis.archive.coverage import Ints, ScopeCoverage
from usage_analysis.archive.store import Kind, Part, PartStore
from usage_analysis.archive.writing import MEASURES, Rows
from usage_analysis.tidy.engine_sums import STORED
from usage_analysis.tidy.frames import LAG, from_integers
from usage_analysis.tidy.zones import DAY, HOUR, to_index

_BATCH_ROWS = 200_000  # rows in memory at once, about 8 MB


class Versions(NamedTuple):
    """Versions of days with their figures, sorted by scope, day and date of the fetch."""

    scopes: Sequence[str]
    #: Number of each version's scope.
    code: Ints
    day: Ints
    fetched: Ints
    #: Measures of each hour; shape (versions, 24, measures).
    hours: Ints
    #: Measures of each day as the server sent them, mostly the sums of its hours.
    days: Ints

    def take(self, at: NDArray[Any]) -> "Versions":
        """Return the versions at these places, or where a mask is true."""
        return Versions(self.scopes, *(column[at] for column in self[1:]))

    def times(self) -> Ints:
        """Return the start of each hour [us since 1970]; shape (versions, 24)."""
        return self.day[:, None] * DAY + np.arange(24) * HOUR

    def rows(self) -> Rows:
        """Return the hours with calls by scope and time."""
        at = np.nonzero(self.hours.any(axis=2))
        columns = self.times()[at], self.fetched[at[0]], self.hours[at]
        return Rows(self.scopes, self.code[at[0]].astype(np.int32), *columns).sort()

    def continues_day(self) -> NDArray[np.bool_]:
        """Return True for each version with the same scope and day as the previous version."""
        same = np.zeros(len(self.code), dtype=np.bool_)
        same[1:] = (np.diff(self.code) == 0) & (np.diff(self.day) == 0)
        return same

    def repeats_previous(self) -> NDArray[np.bool_]:
        """Return True for each version that equals the previous version of its day."""
        same = self.continues_day()
        same[1:] &= (self.hours[1:] == self.hours[:-1]).all(axis=(1, 2))
        same[1:] &= (self.days[1:] == self.days[:-1]).all(axis=1)
        return same


def change_table(parts: Sequence[Part], scope: str | None) -> pd.DataFrame:
    """Return one row per change of a UTC day; see `Archive.restatements`."""
    scopes = coverage.scope_names(parts)
    if scope is not None and scope not in scopes:
        raise coverage.unknown_scope_error(scope, parts)
    scopes = scopes if scope is None else [scope]
    batches = []
    for batch in [*split_scopes(parts, scopes)] or [[]]:
        found = read_versions(parts, batch)
        repeats = found.repeats_previous()
        over = found.fetched >= (found.day + 1) * DAY
        at = np.flatnonzero((found.continues_day() & ~repeats)[1:] & over[:-1]) + 1
        # Of versions that repeat each other, the first tells since when the figures were known.
        first = np.maximum.accumulate(np.where(repeats, 0, np.arange(len(over))))
        columns: dict[str, Any] = {
            "scope": np.array(batch, dtype=object)[found.code[at]],
            "previous_as_of": to_index(found.fetched[first[at - 1]], UTC),
            "as_of": to_index(found.fetched[at], UTC),
            "provisional": found.fetched[at - 1] < (found.day[at] + 1) * DAY + LAG,
        }
        for place, name in enumerate(STORED):
            columns[f"{name}_previous"] = from_integers(found.days[at - 1, place], name)
            columns[name] = from_integers(found.days[at, place], name)
        batches.append(pd.DataFrame(columns, to_index(found.day[at] * DAY, UTC)))
    return pd.concat(batches)


def split_scopes(parts: Sequence[Part], scopes: Sequence[str]) -> Iterator[list[str]]:
    """Yield sorted scopes in batches whose rows fit into memory."""
    days = np.zeros(len(scopes), dtype=np.int64)
    for _, runs in coverage.iter_runs(parts, scopes):
        np.add.at(days, runs.scope, runs.length)
    rows = 24 * days
    batch = (np.cumsum(rows) - rows) // _BATCH_ROWS
    for _, some in pd.Series(scopes, dtype=object).groupby(batch):
        yield some.tolist()


def read_versions(parts: Sequence[Part], scopes: Sequence[str]) -> Versions:
    """Read all versions of scopes, which are sorted and adjacent in the parts.

    Of two fetches at one instant, the fetch in the last part counts.
    """
    held = [np.zeros((4, 0), dtype=np.int64)]
    for number, runs in coverage.iter_runs(parts, scopes):
        days = runs.days()
        part = np.full(len(days.scope), number)
        held.append(np.stack([days.scope, days.first, days.fetched, part]))
    key = np.concatenate(held, axis=1)
    key = key[:, np.lexsort(key[::-1])]
    last = np.append((np.diff(key[:3]) != 0).any(axis=0), True)[: key.shape[1]]
    return read_days(parts, scopes, *key[:, last])


def read_days(
    parts: Sequence[Part],
    scopes: Sequence[str],
    code: NDArray[np.intp],
    day: NDArray[np.intp],
    fetched: Ints,
    part: NDArray[np.integer],
    window: tuple[int, int] | None = None,
) -> Versions:
    """Read the figures of versions, given the part of each, or only their hours in a window [us].

    Parameters
    ----------
    scopes
        Sorted names of scopes.
    code, day, fetched, part
        Number of each version's scope, its day, when it was fetched, and the number of its part;
        sorted.
    """
    order = {scope: number for number, scope in enumerate(scopes)}
    key = zip(part.tolist(), code.tolist(), day.tolist(), fetched.tolist(), strict=True)
    version_of = {one: version for version, one in enumerate(key)}
    hours = np.zeros((len(code), 24, len(MEASURES)), dtype=np.int64)
    for place in np.unique(part).tolist():
        rows = parts[place].read((scopes[0], scopes[-1]), window)
        days = np.stack([rows.renumber(order), rows.time // DAY, rows.fetched])
        # The hours of a day mostly stand together: each run of them is looked up once.
        starts = np.flatnonzero((np.diff(days, prepend=-2) != 0).any(axis=0))
        found = [version_of.get((place, *one), -1) for one in days[:, starts].T.tolist()]
        lengths = np.diff(starts, append=len(rows.time))
        version = np.repeat(np.array(found, dtype=np.intp), lengths)
        counts = version >= 0
        hours[version[counts], rows.time[counts] // HOUR % 24] = rows.measures[counts]
    sums = hours.sum(axis=1)
    for place, one in enumerate(parts):
        for scope in order.keys() & one.coverage.sent.keys():
            for sent_day, when, *measures in one.coverage.sent[scope]:
                if (sent := (place, order[scope], sent_day, when)) in version_of:
                    sums[version_of[sent]] = measures
    return Versions(scopes, code, day, fetched, hours, sums)


def compact(store: PartStore, month: str, until: int | None = None) -> bool:
    """Merge the parts of a month into one, plus one of its history.

    Return False if there was nothing to merge. With an instant `until` [us since 1970], versions
    that a wrong clock dated after it are dropped, unless nothing else is known about their day.
    """
    # Another process may compact the same month: then its result serves.
    with suppress(FileNotFoundError):
        return _compact(store, month, until)
    return False


def _compact(store: PartStore, month: str, until: int | None) -> bool:
    current = store.parts([month], "hourly")
    history = store.parts([month], "history")
    parts = [*history, *current]
    if len(current) <= 1 and len(history) <= 1 and until is None:
        return False
    scopes = coverage.scope_names(parts)
    with store.writer("hourly", month) as now, store.writer("history", month) as before:
        held: dict[Kind, dict[str, ScopeCoverage]] = {"hourly": {}, "history": {}}
        for batch in split_scopes(parts, scopes):
            found = read_versions(parts, batch)
            if until is not None:
                found = found.take(~_dated_late(found, until))
            newest = np.append(~found.continues_day()[1:], True)[: len(found.code)]
            settled = found.fetched >= (found.day + 1) * DAY + LAG
            repeats = found.repeats_previous()
            repeats[1:] &= settled[:-1]
            older = ~newest & ~repeats
            for kind, writer, kept in (("hourly", now, newest), ("history", before, older)):
                held[kind] |= _build_coverage(parts, found.take(kept))  # type: ignore[index]
                writer.add(found.take(kept).rows())
        # History first: a reader between the two steps still finds every version.
        if held["history"]:
            before.finish(held["history"])
            store.publish([before])
        if held["hourly"]:
            now.finish(held["hourly"])
            store.publish([now])
    store.remove(parts)
    return True


def _dated_late(found: Versions, until: int) -> NDArray[np.bool_]:
    """Return True for versions from after an instant that have an earlier one, or a later day."""
    first = np.maximum.accumulate(np.where(found.continues_day(), 0, np.arange(len(found.code))))
    return (found.fetched > until) & ((found.fetched[first] <= until) | (found.day * DAY > until))


def _build_coverage(parts: Sequence[Part], found: Versions) -> dict[str, ScopeCoverage]:
    """Return the coverage of versions."""
    found = found.take(np.lexsort((found.day, found.fetched, found.code)))
    cuts = np.searchsorted(found.code, np.arange(len(found.scopes) + 1))
    asked = coverage.scope_queries(parts, found.scopes)
    out = {}
    for number, scope in enumerate(found.scopes):
        own = found.take(np.arange(cuts[number], cuts[number + 1]))
        if len(own.code):
            other = np.flatnonzero((own.days != own.hours.sum(axis=1)).any(axis=1))
            sent = np.column_stack([own.day, own.fetched, own.days])[other].tolist()
            runs = coverage.find_runs(own.day, own.fetched)
            out[scope] = ScopeCoverage(*asked[scope], runs, list(map(tuple, sent)))
    return out
