"""Client that reads an archive instead of the server; with it the dashboard works offline.

Usage is loaded from the parts of the archive, in the form of a fetch.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from usage_analysis.archive import coverage
from usage_analysis.archive.coverage import day_name, months_between
from usage_analysis.archive.store import KINDS, Kind, Part, PartStore
from usage_analysis.archive.versions import Versions, read_days
from usage_analysis.errors import NoDataError, QueryError, ResponseError, refusal
from usage_analysis.fetch.base import AccountNames, BaseClient
from usage_analysis.fetch.breakdown import group_in_errors
from usage_analysis.progress import ProgressOption, report_progress
from usage_analysis.query import Filters, UsageQuery
from usage_analysis.tidy import wire
from usage_analysis.tidy.engine_sums import STORED
from usage_analysis.tidy.frames import LAG, REST, Source
from usage_analysis.tidy.groups import sum_groups
from usage_analysis.tidy.usage import CallUsage, build_breakdown, build_usage, parse_as_of
from usage_analysis.tidy.wire import check_reply, window_of
from usage_analysis.tidy.zones import DAY, HOUR, instant_of, microseconds, row_times


class Window(NamedTuple):
    """Window of whole UTC hours [us since 1970], and the numbers of its first and last day."""

    low: int
    high: int
    first: int
    last: int


def hour_window(query: UsageQuery) -> Window:
    """Return the window of a query with both ends.

    Raises
    ------
    QueryError
        The window is not one of whole UTC hours: an archive stores hourly sums only.
    """
    if query.start is None or query.end is None:
        raise QueryError("from_date, to_date: expected both, got one")
    low, high = microseconds(query.start), microseconds(query.end)
    if low % HOUR or high % HOUR:
        raise refusal("part_hours", start=query.start, end=query.end)
    return Window(low, high, low // DAY, (high - 1) // DAY)


def load(
    store: PartStore, scopes: Sequence[str], window: Filters, as_of: datetime | str | None
) -> dict[str, CallUsage]:
    """Load the usage of scopes over one window."""
    return store.retry(partial(_load, store, scopes, window, as_of))


def _load(
    store: PartStore, scopes: Sequence[str], window: Filters, as_of: datetime | str | None
) -> dict[str, CallUsage]:
    until = None if as_of is None else microseconds(parse_as_of(as_of).to_pydatetime())
    query = UsageQuery.from_filters(window)
    if query.start is None or query.end is None:
        # Without both ends the window hangs on the last fetch: look for it everywhere.
        last = coverage.scope_bounds(store.all_parts(), scopes, until).fetched.max()
        query = query.with_bounds(instant_of(max(last, 0)))
    place = hour_window(query)
    kinds: tuple[Kind, ...] = ("hourly",) if until is None else KINDS
    parts = store.parts(months_between(place.first, place.last), *kinds)
    asked = coverage.scope_queries(parts, scopes)
    if elsewhere := [scope for scope in scopes if scope not in asked]:
        asked |= coverage.scope_queries(store.all_parts(), elsewhere)
    for scope in scopes:
        if scope not in asked:
            raise coverage.unknown_scope_error(scope, store.all_parts())
    order = sorted(scopes)
    last_fetch, known = find_fetches(parts, order, place, until)
    code, day = np.nonzero(known.part >= 0)
    fetched, part = known.fetched[code, day], known.part[code, day]
    found = read_days(parts, order, code, day + place.first, fetched, part, place[:2])
    moment, usages = instant_of(last_fetch), {}
    for row, scope in enumerate(order):
        filters, source = asked[scope]
        question = UsageQuery(**filters, from_date=query.from_date, to_date=query.to_date)
        own = _build_reply(found.take(code == row), place, last_fetch)
        reply = check_reply(own, question, moment)
        usages[scope] = build_usage([reply], question, as_of=moment, source=source)
        _mark_provisional(usages[scope], known.fetched[row], place)
    return {scope: usages[scope] for scope in scopes}


def load_breakdown(
    store: PartStore,
    scopes: Mapping[str, str],
    name: str,
    window: Filters,
    as_of: datetime | str | None,
) -> CallUsage:
    """Load a breakdown of scopes, given the group of each; see `load`."""
    if not scopes:
        raise QueryError("scopes, groups: expected at least one name, got none")
    loaded = load(store, list(scopes), window, as_of)
    whole = next(iter(loaded.values())).query or UsageQuery()
    query = UsageQuery(from_date=whole.from_date, to_date=whole.to_date)
    return build_breakdown({group: loaded[one] for one, group in scopes.items()}, name, query)


def find_fetches(
    parts: Sequence[Part], scopes: Sequence[str], window: Window, until: int | None = None
) -> tuple[int, coverage.NewestFetches]:
    """Return the time of the last day's fetch [us since 1970], and the newest fetch of each day.

    Earlier days may have been fetched again since.

    Raises
    ------
    QueryError
        A day is missing.
    """
    known = coverage.newest_fetches(parts, scopes, window.first, window.last, until)
    fetched = known.fetched
    days = np.arange(window.first, window.last + 1)
    there = fetched >= 0
    cut = there & (fetched < (days + 1) * DAY)
    # A day that was fetched before its end is incomplete, which only the last day may be.
    last = len(days) - 1 - np.argmax(there[:, ::-1], axis=1)
    after = np.arange(len(days)) - last[:, None]
    gaps = (~there & (after < 0)) | (cut & (after != 0))
    # Today in some time zone may begin or end tomorrow in UTC.
    beyond = after.max(axis=1, initial=0) > cut.any(axis=1)
    lacking = np.flatnonzero(~there.any(axis=1) | gaps.any(axis=1) | beyond).tolist()
    if lacking:
        one = _describe_gaps(scopes[row := lacking[0]], days, fetched[row], gaps[row])
        if len(scopes) > 1:
            names = ", ".join(repr(scopes[at]) for at in lacking[:3]) + ", ..." * (len(lacking) > 3)
            one = f"{len(lacking)} of {len(scopes)} scopes lack days of the window: {names}; {one}"
            one += f", or leave those out{_name_common_days(days[(there & ~cut).all(axis=0)])}"
        raise NoDataError(one)
    return int(fetched[np.arange(len(scopes)), last].min()), known


def _name_common_days(days: NDArray[np.int64]) -> str:
    """Name the last consecutive days that all scopes have, for messages."""
    if not len(days):
        return ""
    first = days[np.flatnonzero(np.diff(days, prepend=-2) != 1)[-1]]
    return f", or ask for {day_name(first)} to {day_name(days[-1])}, which all have"


def _describe_gaps(
    scope: str, days: NDArray[np.int64], fetched: NDArray[np.int64], gaps: NDArray[np.bool_]
) -> str:
    known = np.flatnonzero(fetched >= 0)
    if not len(known):
        lacking, why = days, "no day of them is here"
    elif gaps.any():
        lacking, why = days[gaps], "not fetched, or before they were over"
    else:
        lacking = days[known[-1] + 1 :]
        why = f"the last sync was {instant_of(fetched[known[-1]]):%Y-%m-%d %H:%M UTC}"
    runs = [
        day_name(run[0]) if len(run) == 1 else f"{day_name(run[0])} to {day_name(run[-1])}"
        for run in np.split(lacking, np.flatnonzero(np.diff(lacking) != 1) + 1)
    ]
    listed = ", ".join(runs[:5]) + (f" and {len(runs) - 5} more" if len(runs) > 5 else "")
    mend = f'sync(client, {scope!r}, since="{day_name(lacking[0])}") fetches them'
    return f"scope {scope!r}: the archive lacks {listed} ({why}); {mend}"


def _build_reply(found: Versions, window: Window, as_of: int) -> wire.Reply:
    """Return the reply of a scope as of an instant [us since 1970]."""
    times = found.times()
    inside = (times >= window.low) & (times < window.high)
    hours = np.where((inside & (times <= as_of))[..., None], found.hours, 0)
    # Days were sent whole: those that the window or the instant cuts are the sums of their hours.
    whole = inside.all(axis=1) & ((found.fetched <= as_of) | (times[:, -1] + HOUR <= as_of))
    days = np.where(whole[:, None], found.days, hours.sum(axis=1))
    hourly = _build_buckets(times.ravel(), hours.reshape(-1, hours.shape[2]))
    return wire.Reply({}, _build_buckets(found.day * DAY, days), hourly)


def _build_buckets(times: coverage.Ints, values: coverage.Ints) -> wire.Buckets:
    measures: dict[str, NDArray[Any]] = dict(zip(STORED, values.T, strict=True))
    measures["billed_minutes"] = measures["billed_minutes"] / 1e6
    return wire.Buckets(times, measures)


def _mark_provisional(usage: CallUsage, fetched: NDArray[np.int64], window: Window) -> None:
    """Mark the buckets that were provisional when their day was fetched."""
    for frame, step in ((usage.daily, DAY), (usage.hourly, HOUR)):
        times = row_times(frame)
        frame["provisional"] = times + step > fetched[times // DAY - window.first] - LAG


class ArchiveClient(BaseClient):
    """Client of an archive, for the filters of its scopes.

    Agents with a scope each are added up. The clock is the time of the last fetch, and a window may
    end later, as with a server. A window may also begin one day before the first stored day, which
    is the same local day in some time zones; the query of the result has the actual start. With
    `include_rest` the window ends before the provisional hours. All calls and the groups were not
    fetched at the same time, so their provisional hours need not add up.

    Parameters
    ----------
    store
        Files of the archive.
    """

    answers: ClassVar[str] = "the archive"

    def __init__(self, store: PartStore) -> None:
        self._store = store
        self.python = f"ua.Archive({str(store.folder)!r}).client()"

    @property
    def source(self) -> Source:
        """Source of the calls: ``"live"``, ``"sample"`` or ``"file"``."""
        return next(iter(self._scopes().values())).source

    @property
    def names(self) -> AccountNames:
        """Agents, voices and metadata values with a scope of their own, by name of the scope."""
        agents: dict[str, str] = {}
        voices: dict[str, str] = {}
        metadata: dict[str, list[str]] = {}
        for scope, own in sorted(self._scopes().items()):
            match [*own.query.items()]:
                case [("agent_ids", [agent])]:
                    agents.setdefault(agent, scope)
                case [("voice_id", voice)]:
                    voices.setdefault(voice, scope)
                case [("metadata", dict(pair))] if len(pair) == 1:
                    ((key, value),) = pair.items()
                    metadata.setdefault(key, []).append(value)
        values = {key: list(dict.fromkeys(found)) for key, found in metadata.items()}
        return AccountNames(_by_name(agents), _by_name(voices), values)

    def now(self) -> datetime:
        """Return the time of the last fetch."""
        parts = self._parts()
        bounds = coverage.scope_bounds(parts, coverage.scope_names(parts))
        return instant_of(int(bounds.fetched.max()))

    def close(self) -> None:
        """Do nothing: no file stays open."""

    def __repr__(self) -> str:
        return f"<ArchiveClient {str(self._store.folder)!r}>"

    def _parts(self) -> list[Part]:
        parts = self._store.retry(self._store.all_parts)
        if not parts:
            raise refusal("empty_archive", folder=self._store.folder)
        return parts

    def _scopes(self) -> dict[str, coverage.ScopeQuery]:
        """Return the filters of each scope, in the order of their last fetch."""
        parts = self._parts()
        scopes = coverage.scope_names(parts)
        order = np.argsort(coverage.scope_bounds(parts, scopes).fetched, kind="stable").tolist()
        found = coverage.scope_queries(parts, scopes)
        return {scopes[row]: found[scopes[row]] for row in order}

    def _fetch(
        self,
        queries: Mapping[str, UsageQuery],
        name: str,
        *,
        progress: ProgressOption = None,
        **_: Any,  # scripts for `Client` run here as well
    ) -> dict[str, CallUsage]:
        """Load the usage of all queries for one window and as of one instant."""
        held = {_key(own.query): scope for scope, own in self._scopes().items()}
        scopes = {}
        for group, question in queries.items():
            with group_in_errors("" if group == REST else name, group):
                scopes[group] = _find_scopes(question, held)
        wanted = list(dict.fromkeys(scope for found in scopes.values() for scope in found))
        first, last = self._window(next(iter(queries.values())), wanted, settled=REST in queries)
        loaded = load(self._store, wanted, {"from_date": first, "to_date": last}, None)
        with report_progress(progress) as report:
            report(len(wanted), len(wanted))
        usages = {group: loaded[found[0]] for group, found in scopes.items()}
        for group, found in scopes.items():
            if len(found) > 1:
                query = replace(queries[group], from_date=first, to_date=last)
                parts = {scope: loaded[scope] for scope in found}
                usages[group] = sum_groups(build_breakdown(parts, "scope", query))
        return usages

    def _subtract(self, whole: CallUsage, groups: Sequence[CallUsage]) -> CallUsage:
        try:
            return super()._subtract(whole, groups)
        except ResponseError as error:
            raise refusal("early_total", error=error) from None

    def _window(
        self, asked: UsageQuery, scopes: list[str], *, settled: bool
    ) -> tuple[datetime, datetime]:
        """Return the window without the days that the archive cannot have."""
        low, high = window_of(asked) or (0, 0)
        bounds = coverage.scope_bounds(self._parts(), scopes)
        first = int(bounds.first.max()) * DAY
        # The first UTC day begins on the local day before it, west of UTC.
        if first - DAY <= low < first:
            low = first
        # Tomorrow in UTC is today in some time zones.
        end = (microseconds(self.now()) // DAY + 2) * DAY
        if settled:
            # Later hours were provisional at the earliest of these fetches.
            end = (int(bounds.fetched.min()) - LAG) // HOUR * HOUR
        if low < end < high:
            high = end
        return instant_of(low), instant_of(high - 1)


def _key(filters: Mapping[str, Any]) -> str:
    """Return a text that is the same for all filters that select the same calls."""
    agents = {"agent_ids": sorted(filters["agent_ids"])} if "agent_ids" in filters else {}
    return json.dumps({**filters, **agents}, sort_keys=True)


def _find_scopes(question: UsageQuery, held: Mapping[str, str]) -> list[str]:
    """Return the scopes that add up to a query, without a call in two of them."""
    wanted = question.selection.as_dict()
    if (key := _key(wanted)) in held:
        return [held[key]]
    alone = [_key({**wanted, "agent_ids": [agent]}) for agent in wanted.get("agent_ids", ())]
    if alone and all(one in held for one in alone):
        return [held[one] for one in alone]
    said = ", ".join(f"{name}={value!r}" for name, value in wanted.items())
    raise refusal("no_scope", said=said or "all calls", more=f", {said}" if said else "")


def _by_name(scopes: Mapping[str, str]) -> dict[str, str]:
    """Return the IDs by name of the group, or by scope if two groups share a name."""
    groups = {one: scope.partition("/")[2] or scope for one, scope in scopes.items()}
    often = Counter(groups.values())
    return {group if often[group] == 1 else scopes[one]: one for one, group in groups.items()}
