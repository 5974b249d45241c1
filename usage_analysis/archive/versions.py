"""Versions of each day: changes between its fetches, and compaction into few files.

A version is the result of one fetch of one UTC day of one scope. Compaction writes the newest
versions of a month into one part, and earlier, different versions into a part of its history. Of
equal versions the first remains, because it tells since when the figures were known. All versions
of a day from before its end and billing remain, because their hours were still provisional.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from usage_analysis.archive import coverage
from usage_analysis.archive.coverage import ScopeCoverage
from usage_analysis.archive.rows import MEASURES, Rows, join_rows
from usage_analysis.archive.store import Kind, Part, PartStore
from usage_analysis.tidy.engine_sums import STORED
from usage_analysis.tidy.frames import LAG
from usage_analysis.tidy.zones import DAY

_BATCH_ROWS = 200_000  # rows in memory at once, about 15 MB


class Versions(NamedTuple):
    """Versions of days, sorted by scope, day and date of the fetch, with their rows."""

    scopes: list[str]
    #: Number of each version's scope.
    code: NDArray[np.int64]
    day: NDArray[np.int64]
    fetched: NDArray[np.int64]
    #: Place of each version's first row; one more than there are versions.
    start: NDArray[np.intp]
    rows: Rows
    #: The day as it was sent, of the versions where it is not the sum of its hours.
    sent: dict[int, tuple[int, ...]]

    def continues_day(self) -> NDArray[np.bool_]:
        """Return True for each version with the same scope and day as the previous version."""
        same: NDArray[np.bool_] = (np.diff(self.code) == 0) & (np.diff(self.day) == 0)
        return np.concatenate([[False], same]) if len(self.code) else same

    def repeats_previous(self) -> NDArray[np.bool_]:
        """Return True for each version that equals the previous version of its day."""
        counts = np.diff(self.start)
        same = self.continues_day()
        same[1:] &= counts[1:] == counts[:-1]
        at = np.flatnonzero(same)
        # The rows of each such version beside those of the version before.
        sizes = counts[at]
        offset = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        here, there = (np.repeat(self.start[at - back], sizes) + offset for back in (0, 1))
        differ = np.zeros(len(here), dtype=np.bool_)
        for name in ("time", *MEASURES):
            differ |= self.rows.columns[name][here] != self.rows.columns[name][there]
        same[np.repeat(at, sizes)[differ]] = False
        for one in {*self.sent, *(number + 1 for number in self.sent)}:
            if one < len(same) and self.sent.get(one) != self.sent.get(one - 1):
                same[one] = False
        return same

    def is_newest(self) -> NDArray[np.bool_]:
        """Return True for each version that is the newest of its day."""
        return np.append(~self.continues_day()[1:], True)[: len(self.code)]

    def sums(self, at: NDArray[np.intp]) -> dict[str, NDArray[np.int64]]:
        """Return the daily measures of versions, as the server sent them."""
        out = {}
        for place, name in enumerate(MEASURES):
            total = np.concatenate([[0], np.cumsum(self.rows.columns[name])])
            out[name] = total[self.start[at + 1]] - total[self.start[at]]
            for row, one in enumerate(at.tolist()):
                if one in self.sent:
                    out[name][row] = self.sent[one][place]
        return out


def find_changes(parts: Sequence[Part], scopes: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return each change of UTC days that had ended before their earlier fetch.

    The columns are those of `Archive.restatements`, as integers: instants [us since 1970],
    durations [us] and billed time [millionths of a minute].
    """
    batches: list[dict[str, NDArray[Any]]] = []
    for batch in [*split_scopes(parts, scopes)] or [[]]:
        found = read_versions(parts, batch)
        other = found.continues_day() & ~found.repeats_previous()
        over = found.fetched >= (found.day + 1) * DAY
        at = np.flatnonzero(other[1:] & over[:-1]) + 1
        # Of versions that repeat each other, the first tells since when the figures were known.
        first = np.maximum.accumulate(np.where(found.repeats_previous(), 0, np.arange(len(over))))
        columns: dict[str, NDArray[Any]] = {
            "time": found.day[at] * DAY,
            "scope": np.array(batch, dtype=object)[found.code[at]],
            "previous_as_of": found.fetched[first[at - 1]],
            "as_of": found.fetched[at],
            "provisional": found.fetched[at - 1] < (found.day[at] + 1) * DAY + LAG,
        }
        previous, current = found.sums(at - 1), found.sums(at)
        for name, stored in STORED.items():
            columns |= {f"{name}_previous": previous[stored], name: current[stored]}
        batches.append(columns)
    return {name: np.concatenate([one[name] for one in batches]) for name in batches[0]}


def split_scopes(parts: Sequence[Part], scopes: Sequence[str]) -> Iterator[list[str]]:
    """Yield sorted scopes in batches whose rows fit into memory."""
    days = np.zeros(len(scopes), dtype=np.int64)
    for _, runs in coverage.iter_runs(parts, scopes):
        np.add.at(days, runs.scope, runs.length)
    batch: list[str] = []
    size = 0
    for scope, count in zip(scopes, days.tolist(), strict=True):
        if batch and size + 24 * count > _BATCH_ROWS:
            yield batch
            batch, size = [], 0
        batch.append(scope)
        size += 24 * count
    if batch:
        yield batch


def read_versions(parts: Sequence[Part], scopes: list[str]) -> Versions:
    """Read all versions of scopes, which are sorted and adjacent in the parts.

    Of two fetches at one instant, that of the last part counts.
    """
    order = {scope: number for number, scope in enumerate(scopes)}
    held = [(number, runs.days()) for number, runs in coverage.iter_runs(parts, scopes)]
    code, day, fetched = (
        np.concatenate([np.zeros(0, dtype=np.int64), *(days[column] for _, days in held)])
        for column in (0, 1, 3)
    )
    place = np.repeat([number for number, _ in held], [len(days.scope) for _, days in held])
    by = np.lexsort((place, fetched, day, code))
    key = np.stack([code, day, fetched, place], axis=1)[by]
    last = np.append((np.diff(key[:, :3], axis=0) != 0).any(axis=1), True)
    key = key[last] if len(key) else key
    rows, version = _version_rows(parts, order, key)
    start = np.searchsorted(version, np.arange(len(key) + 1))
    sent = {}
    if any(order.keys() & part.coverage.sent.keys() for part in parts):
        numbers = {tuple(one): number for number, one in enumerate(key.tolist())}
        for at, part in enumerate(parts):
            for scope in order.keys() & part.coverage.sent.keys():
                for one, when, *measures in part.coverage.sent[scope]:
                    number = numbers.get((order[scope], one, when, at))
                    if number is not None:
                        sent[number] = tuple(measures)
    return Versions(scopes, key[:, 0], key[:, 1], key[:, 2], start, rows, sent)


def _version_rows(
    parts: Sequence[Part], order: dict[str, int], key: NDArray[np.int64]
) -> tuple[Rows, NDArray[np.int64]]:
    """Return rows sorted by version and time, and the version of each row."""
    scopes = list(order)
    dates = np.unique(key[:, 2])
    names = _version_numbers(key[:, 0], key[:, 1], np.searchsorted(dates, key[:, 2]), len(dates))
    found: list[Rows] = []
    numbers: list[NDArray[np.int64]] = []
    for place, part in enumerate(parts):
        if not (key[:, 3] == place).any():
            continue
        rows = part.read((scopes[0], scopes[-1]))
        code = rows.renumber(order)
        fetched, day = rows.columns["fetched"], rows.columns["time"] // DAY
        date = np.minimum(np.searchsorted(dates, fetched), len(dates) - 1)
        name = _version_numbers(code.astype(np.int64), day, date, len(dates))
        number = np.minimum(np.searchsorted(names, name), len(names) - 1)
        counts = (code >= 0) & (names[number] == name) & (key[number, 3] == place)
        counts &= dates[date] == fetched
        found.append(Rows(scopes, code, rows.columns).take(counts))
        numbers.append(number[counts])
    joined = join_rows(scopes, found)
    number = np.concatenate([np.zeros(0, dtype=np.int64), *numbers])
    by = np.lexsort((joined.columns["time"], number))
    return joined.take(by), number[by]


def _version_numbers(
    code: NDArray[np.int64], day: NDArray[np.int64], date: NDArray[np.int64], dates: int
) -> NDArray[np.int64]:
    """Return one number per version, in the order of scope, day and fetch."""
    span = 1 << 24  # days; far more than dates have
    return (code * span + day) * dates + date


def compact(store: PartStore, month: str) -> bool:
    """Merge the parts of a month into one, plus one of its history.

    Return False if there was nothing to merge.
    """
    # Another process may compact the same month: then its result serves.
    with suppress(FileNotFoundError):
        return _compact(store, month)
    return False


def _compact(store: PartStore, month: str) -> bool:
    current = store.parts([month], "hourly")
    history = store.parts([month], "history")
    parts = [*history, *current]
    if len(current) <= 1 and len(history) <= 1:
        return False
    scopes = coverage.scope_names(parts)
    with store.writer("hourly", month) as now, store.writer("history", month) as before:
        held: dict[Kind, dict[str, ScopeCoverage]] = {"hourly": {}, "history": {}}
        for batch in split_scopes(parts, scopes):
            found = read_versions(parts, batch)
            newest = found.is_newest()
            settled = found.fetched >= (found.day + 1) * DAY + LAG
            repeats = found.repeats_previous()
            repeats[1:] &= settled[:-1]
            for kind, writer, kept in (
                ("hourly", now, newest),
                ("history", before, ~newest & ~repeats),
            ):
                held[kind] |= _build_coverage(parts, found, kept)  # type: ignore[index]
                rows = found.rows.take(np.repeat(kept, np.diff(found.start)))
                writer.add(rows.take(np.lexsort((rows.columns["time"], rows.code))))
        # History first: a reader between the two steps still finds every version.
        if held["history"]:
            before.finish(held["history"])
            store.publish([before])
        now.finish(held["hourly"])
        store.publish([now])
    store.remove(parts)
    return True


def _build_coverage(
    parts: Sequence[Part], found: Versions, kept: NDArray[np.bool_]
) -> dict[str, ScopeCoverage]:
    """Return the coverage of some versions."""
    at = np.flatnonzero(kept)
    at = at[np.lexsort((found.day[at], found.fetched[at], found.code[at]))]
    cuts = np.searchsorted(found.code[at], np.arange(len(found.scopes) + 1))
    asked = coverage.scope_queries(parts, found.scopes)
    out = {}
    for number, scope in enumerate(found.scopes):
        own = at[cuts[number] : cuts[number + 1]]
        if len(own):
            days, fetched = found.day[own], found.fetched[own]
            sent = [
                (int(day), int(when), *found.sent[one])
                for day, when, one in zip(days, fetched, own.tolist(), strict=True)
                if one in found.sent
            ]
            out[scope] = ScopeCoverage(*asked[scope], coverage.find_runs(days, fetched), sent)  # type: ignore[arg-type]
    return out
