"""Load usage from the parts of an archive, in the form of a fetch."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from usage_analysis.archive import coverage
from usage_analysis.archive.coverage import Ints, NewestFetches
from usage_analysis.archive.days import day_name, months_between
from usage_analysis.archive.store import KINDS, Kind, Part, PartStore
from usage_analysis.archive.versions import Versions, read_days
from usage_analysis.errors import QueryError, refusal
from usage_analysis.query import Filters, UsageQuery
from usage_analysis.tidy import wire
from usage_analysis.tidy.engine_sums import STORED
from usage_analysis.tidy.frames import LAG
from usage_analysis.tidy.usage import CallUsage, build_breakdown, build_usage, parse_as_of
from usage_analysis.tidy.wire import check_reply
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
    loaded = load(store, list(scopes), window, as_of)
    whole = next(iter(loaded.values())).query or UsageQuery()
    return build_breakdown(
        {group: loaded[scope] for scope, group in scopes.items()},
        name,
        UsageQuery(from_date=whole.from_date, to_date=whole.to_date),
    )


def find_fetches(
    parts: Sequence[Part], scopes: Sequence[str], window: Window, until: int | None = None
) -> tuple[int, NewestFetches]:
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
            one = f"{_name_lacking([scopes[at] for at in lacking], len(scopes))}; {one}"
            one += f", or leave those out{_name_common_days(days[(there & ~cut).all(axis=0)])}"
        raise QueryError(one)
    return int(fetched[np.arange(len(scopes)), last].min()), known


def _name_lacking(lacking: Sequence[str], of: int) -> str:
    names = ", ".join(map(repr, lacking[:3]))
    more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
    return f"{len(lacking)} of {of} scopes lack days of the window: {names}{more}"


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
    return (
        f"scope {scope!r}: the archive lacks {listed} ({why}); "
        f'sync(client, {scope!r}, since="{day_name(lacking[0])}") fetches them'
    )


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


def _build_buckets(times: Ints, values: Ints) -> wire.Buckets:
    measures: dict[str, NDArray[Any]] = dict(zip(STORED, values.T, strict=True))
    measures["billed_minutes"] = measures["billed_minutes"] / 1e6
    return wire.Buckets(times, measures)


def _mark_provisional(usage: CallUsage, fetched: NDArray[np.int64], window: Window) -> None:
    """Mark the buckets that were provisional when their day was fetched."""
    for frame, step in ((usage.daily, DAY), (usage.hourly, HOUR)):
        times = row_times(frame)
        frame["provisional"] = times + step > fetched[times // DAY - window.first] - LAG
