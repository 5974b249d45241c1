"""Fetch the days that are missing or may have changed, and store each reply at once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.archive import coverage
from usage_analysis.archive.coverage import day_name, months_between, parse_day
from usage_analysis.archive.store import PartStore
from usage_analysis.archive.versions import compact
from usage_analysis.archive.writing import Ints, Rows
from usage_analysis.errors import QueryError, refusal
from usage_analysis.fetch.base import MOST_SKEW
from usage_analysis.progress import ProgressOption, report_progress
from usage_analysis.query import Filters, UsageQuery
from usage_analysis.tidy.engine_sums import STORED
from usage_analysis.tidy.frames import to_integers
from usage_analysis.tidy.usage import CallUsage
from usage_analysis.tidy.zones import DAY, microseconds, row_times

if TYPE_CHECKING:
    from usage_analysis.fetch.client import Client

_MOST_PARTS = 8  # parts of a month; a month with more parts is compacted after a sync
_OVERHEAD = 31  # rows added per reply: replies without calls take memory for their coverage too
_QUARTER = 3  # months of one request; the endpoint answers a quarter about as fast as a day


class Chunk(NamedTuple):
    """First and last day of one query of a scope, as numbers."""

    scope: str
    first: int
    last: int


class SyncResult(NamedTuple):
    """Result of a sync."""

    #: Number of queries.
    requests: int
    #: Days fetched for the first time, over all scopes.
    new_days: int
    #: Days fetched again, over all scopes.
    refetched_days: int


def select_days(
    known: coverage.NewestFetches, first: int, today: int, *, refetch: bool
) -> NDArray[np.bool_]:
    """Select the days to fetch; shape (scopes, days from `first` to today).

    These are missing days, days that were fetched before they were 7 days old (bills and
    corrections come late), and days whose last fetch is 30 days ago.
    """
    if refetch:
        return np.ones(known.fetched.shape, dtype=np.bool_)
    days = np.arange(first, today + 1)
    settled = (days + 1 + coverage.SETTLE_DAYS) * DAY
    return (known.fetched < settled) | (known.fetched < (today + 1 - coverage.REFRESH_DAYS) * DAY)


def split_by_quarter(scopes: Sequence[str], wanted: NDArray[np.bool_], first: int) -> list[Chunk]:
    """Return chunks that cover the wanted days: one per scope and quarter, oldest first."""
    row, day = np.nonzero(wanted)
    day += first
    quarter = day.astype("M8[D]").astype("M8[M]").astype(np.int64) // _QUARTER
    days = pd.Series(day).groupby([quarter, row]).agg(["min", "max"])
    return [Chunk(scopes[row], low, high) for (_, row), low, high in days.itertuples()]


def sync(
    store: PartStore,
    client: "Client",
    asked: Mapping[str, Mapping[str, Any] | None],
    since: date | str | None,
    *,
    refetch: bool,
    progress: ProgressOption,
) -> SyncResult:
    """Fetch and store scopes; the filters of existing scopes may be None."""
    if not hasattr(client, "iter_usage"):
        raise QueryError(f"client: expected a Client, got {type(client).__name__}")
    today = parse_day("client", client.today())
    queries, firsts = store.retry(partial(_resolve_scopes, store, client, asked, since))
    scopes, first = sorted(queries), min(firsts.values())
    if first > today:
        if since is not None:
            raise QueryError(f"since: expected a day up to today, got {since}")
        days = {"first": day_name(first), "today": day_name(today)}
        raise refusal("early_clock", scope=scopes[0], **days)
    parts = store.retry(lambda: store.parts(months_between(first, today), "hourly"))
    # A fetch that a wrong clock dated in the future would hide all later ones.
    until = microseconds(client.now() + MOST_SKEW)
    known = coverage.newest_fetches(parts, scopes, first, today, until)
    wanted = select_days(known, first, today, refetch=refetch)
    # Scopes may begin on different days.
    for row, scope in enumerate(scopes):
        wanted[row, : firsts[scope] - first] = False
    todo = split_by_quarter(scopes, wanted, first)
    chunks = (
        (scope, replace(queries[scope], from_date=day_name(start), to_date=day_name(end)))
        for scope, start, end in todo
    )
    # A single scope is written reply by reply, so an interruption loses nothing that came. Many
    # scopes share files: thousands of tenants would leave thousands of files otherwise.
    landing = WriteBuffer(store, 1 if len(scopes) == 1 else WriteBuffer.MOST)
    try:
        with (
            report_progress(progress) as report,
            closing(client.iter_usage(chunks, name="scope")) as answers,
        ):
            report(0, len(todo))
            for done, (scope, usage) in enumerate(answers, 1):
                landing.add(scope, usage)
                report(done, len(todo))
    finally:
        landing.write()
        # A group that fails each time must not leave a part more each time.
        _limit_files(store, landing.months)
    late = [
        one
        for one in store.retry(store.all_parts)
        if one.coverage.runs.fetched.max(initial=0) > until
    ]
    for month in {part.path.parent.name for part in late}:
        compact(store, month, until)
    new = int((wanted & (known.fetched < 0)).sum())
    return SyncResult(len(todo), new, sum(one.last - one.first + 1 for one in todo) - new)


def _limit_files(store: PartStore, months: Iterable[str]) -> None:
    """Merge the files of each month with too many files."""
    store.remove_leftovers()
    for month in sorted(months):
        if len(store.paths([month], "hourly")) > _MOST_PARTS:
            compact(store, month)


def _resolve_scopes(
    store: PartStore, client: "Client", asked: Mapping[str, Mapping[str, Any] | None], since: Any
) -> tuple[dict[str, UsageQuery], dict[str, int]]:
    """Return the query and first day of each scope, checked against the stored ones."""
    parts = store.all_parts()
    start = None if since is None else parse_day("since", since)
    known, bounds = coverage.scope_queries(parts, asked), coverage.scope_bounds(parts, asked)
    queries, firsts = {}, {}
    for row, (scope, filters) in enumerate(asked.items()):
        held = known.get(scope)
        queries[scope] = _resolve_query(scope, filters, held, client.source)
        if start is not None:
            firsts[scope] = start
        elif held is None:
            raise QueryError(f"since: expected the first day of the new scope {scope!r}, got none")
        else:
            firsts[scope] = int(bounds.first[row])
    return queries, firsts


def _resolve_query(
    scope: str, filters: Mapping[str, Any] | None, held: coverage.ScopeQuery | None, source: str
) -> UsageQuery:
    """Return the query of a scope without dates, checked against the stored one."""
    if held is not None and held.source != source:
        raise refusal("other_source", scope=scope, source=held.source, got=source)
    if filters is None and held is not None:
        return UsageQuery(**held.query)
    query = UsageQuery.from_filters(cast("Filters", filters or {}))
    if query.from_date is not None or query.to_date is not None:
        raise QueryError("sync: expected filters without dates; give the first day as since=")
    if held is not None and query.selection != UsageQuery(**held.query).selection:
        raise refusal("other_filters", scope=scope, filters=held.query, got=query.as_dict())
    return query


class WriteBuffer:
    """Buffer of replies before they are written, one part per month.

    Parameters
    ----------
    store
        Store to write to.
    max_rows
        Number of rows after which the buffer is written.
    """

    MOST = 200_000  # some 15 MB

    def __init__(self, store: PartStore, max_rows: int = MOST) -> None:
        self._store, self._most = store, max_rows
        self._hours: list[tuple[str, Ints, Ints, Ints]] = []
        self._coverage: dict[str, dict[str, coverage.ScopeCoverage]] = {}
        self._count = 0
        self.months: set[str] = set()

    def add(self, scope: str, usage: CallUsage) -> None:
        """Add a reply, and write the buffer when it is full."""
        fetched = microseconds(usage.as_of.to_pydatetime())
        times, values = row_times(usage.hourly), _integers(usage.hourly)
        for month, days, sent in _coverage_by_month(usage, times, values, fetched):
            held = self._coverage.setdefault(month, {}).setdefault(scope, _start_coverage(usage))
            held.days += days
            held.sent += sent
        # Hours without calls need no row: the coverage says that they were fetched.
        some = values.any(axis=1)
        self._hours.append((scope, times[some], np.full(some.sum(), fetched), values[some]))
        self._count += int(some.sum()) + _OVERHEAD
        if self._count >= self._most:
            self.write()

    def write(self) -> None:
        """Write the buffer."""
        waiting, held, self._hours, self._coverage = self._hours, self._coverage, [], {}
        self._count = 0
        if not waiting:
            return
        names, *columns = zip(*waiting, strict=True)
        scopes = sorted(set(names))
        code = np.searchsorted(scopes, names).astype(np.int32).repeat(list(map(len, columns[0])))
        rows = Rows(scopes, code, *map(np.concatenate, columns)).sort()
        month = rows.time.view("M8[us]").astype("M8[M]")
        self.months |= held.keys()
        parts = {name: rows.take(month == np.datetime64(name, "M")) for name in sorted(held)}
        self._store.write({name: (part, held[name]) for name, part in parts.items()})


def _start_coverage(usage: CallUsage) -> coverage.ScopeCoverage:
    query = {} if usage.query is None else usage.query.as_dict()
    filters = {name: value for name, value in query.items() if not name.endswith("_date")}
    return coverage.ScopeCoverage(filters, usage.source, [], [])


def _coverage_by_month(
    usage: CallUsage, times: Ints, hours: Ints, fetched: int
) -> Iterator[tuple[str, list[coverage.Run], list[coverage.SentDay]]]:
    """Yield the days of a reply by month, with days that differ from the sum of their hours."""
    days, measures = row_times(usage.daily) // DAY, _integers(usage.daily)
    if not len(days):
        return
    sums = np.zeros_like(measures)
    np.add.at(sums, times // DAY - days[0], hours)
    other = (measures != sums).any(axis=1)
    months = days.astype("M8[D]").astype("M8[M]")
    for month in months_between(int(days[0]), int(days[-1])):
        inside = months == np.datetime64(month, "M")
        places = np.flatnonzero(inside & other).tolist()
        sent = [(int(days[at]), fetched, *measures[at].tolist()) for at in places]
        run = coverage.find_runs(days[inside], np.full(int(inside.sum()), fetched))
        yield month, run, sent


def _integers(frame: pd.DataFrame) -> Ints:
    """Return the measures of a frame as integers; shape (rows, measures)."""
    return np.stack([to_integers(frame[name]) for name in STORED], axis=1)
