"""Explain an event: fetch each group's hours from a client, and judge the groups."""

import difflib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Any, Final

import pandas as pd

from usage_analysis.analysis.cause import Event, judge_groups
from usage_analysis.analysis.series import columns_of
from usage_analysis.errors import QueryError, refusal
from usage_analysis.fetch.base import BaseClient
from usage_analysis.fetch.breakdown import Grouping
from usage_analysis.filters import to_instant
from usage_analysis.progress import ProgressOption, report_progress
from usage_analysis.query import Filters, UsageQuery
from usage_analysis.tidy.usage import CallUsage
from usage_analysis.tidy.zones import whole_hours

#: Number of weeks before the event that teach what is usual.
_WEEKS: Final = 8
#: Ends of the bands of call length [s].
_BANDS: Final = (10, 30, 60, 180, 600)
_KINDS: Final = ("agent", "voice", "call_length", "search")
_TICK: Final = timedelta(microseconds=1)
#: Filters of each group, by dimension.
_Dimensions = dict[str, dict[str, dict[str, Any]]]


def explain(
    client: BaseClient,
    event: pd.Series | Mapping[str, Any] | None = None,
    *,
    measure: str | None = None,
    start: datetime | str | None = None,
    end: datetime | str | None = None,
    by: Sequence[str] | None = None,
    groups: Mapping[str, Any] | None = None,
    holidays: Any = None,
    progress: ProgressOption = None,
) -> pd.DataFrame:
    """Return which agent, voice, metadata value, call length or search word is behind an event.

    One breakdown per dimension is fetched, over the event and up to eight weeks before it. These
    weeks teach how many calls or errors each group usually has in the same hours of the week. A
    group is a cause if it changed unlike the rest of the account. Where all groups rise by one
    factor, each has a share of the excess and none is a cause.

    For the event of one group, such as an agent, only the calls of that group are fetched, and the
    other dimensions are compared within it.

    Parameters
    ----------
    client
        A `Client`, or the client of an `Archive` that has the scopes. It waits for each reply, so
        asyncio code runs it in a thread: ``await asyncio.to_thread(ua.explain, client, event)``.
    event
        A row of `unusual`, such as ``found.iloc[0]``.
    measure, start, end
        The event, without a row: a measure of `unusual`, its first hour, and the hour after its
        last one, with their time zone. Dates are whole UTC days, the last one included.
    by
        Dimensions: ``"agent"``, ``"voice"``, ``"metadata.KEY"``, ``"call_length"``, ``"search"``.
        By default all that the client or `groups` has groups of. The dimension of the event's own
        group is left out.
    groups
        Groups by dimension, where the client cannot know them: a list of IDs, metadata values or
        search words, or a mapping of names to them. For ``"call_length"``, a list of the ends of
        the bands [s].
    holidays
        Dates, ISO texts or a calendar of the package `holidays`, which teach nothing.
    progress
        As in `Client.breakdown`; a function is called with 0 and the number of requests before
        anything is sent. `planned_requests` tells the number beforehand.

    Returns
    -------
    DataFrame
        One row per group, the most likely cause first: `dimension`; `group`; `observed` and
        `expected` over the event (calls, errors, minutes; for the join rate, calls that nobody
        joined); `excess`, their difference; `share` of the account's excess, with its 95 %
        interval `low` and `high` (NaN where the account's excess cannot be told from 0; above 1
        where others changed the other way); and `probability`, how often chance makes any of all
        these groups differ as much from the rest of the account (Holm 1979; 1 for rates of fewer
        than 8 calls and lengths of fewer than 30). For the event of one group, its calls stand for
        those of the account. ``attrs`` has
        `observed` and `expected` of all calls, `within`, the group whose event was explained or
        None, the number of `weeks` learned from and of
        `requests`, the dimensions that were `left_out` with the reason, and the
        `overlapping_dimensions`, whose groups can share calls, so that their shares do not add up.
        Groups of two dimensions always share calls.

    Raises
    ------
    QueryError
        The event has no period or no finished hour, a dimension or a group is unknown, or there is
        less than a week of calls before the event.
    TransportError, APIError, ResponseError
        A request failed, and there is no result.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> client = ua.sample_client()
    >>> found = ua.explain(client, measure="error_rate", start="2026-03-19", end="2026-03-19",
    ...                    by=["agent", "voice"])
    >>> found[["dimension", "group"]].iloc[0].tolist()
    ['agent', 'Support line']
    """
    given = {"measure": measure, "start": start, "end": end}
    judged, own, dimensions, left_out = _plan(client, event, given, by, groups or {})
    total, each = _count(judged, dimensions), _count(judged, {})
    with report_progress(progress) as report:
        report(0, total)
        whole, weeks = _fetch_whole(client, judged, own)
        found, done = {"": whole}, each
        for dimension, filters in dimensions.items():

            def step(some: int, _all: int, done: int = done) -> None:
                report(done + some, total)

            try:
                usage = client.breakdown(filters, progress=step, **_window(judged, weeks), **own)
            except QueryError as error:
                # An archive may lack the scopes of a dimension that nobody asked for.
                if by is not None or dimension in (groups or {}):
                    raise
                left_out[dimension] = str(error)
            else:
                found[dimension] = usage
                done += each * len(filters)
        report(total, total)
    if len(found) == 1:
        raise QueryError(f"by: expected a dimension with groups, got none; {left_out}")
    if "call_length" in found:  # no call has two lengths
        found["call_length"].hourly.attrs.pop("overlapping", None)
    zone = judged.start.tzinfo or UTC
    rows = {name: whole_hours(usage.hourly, zone) for name, usage in found.items()}
    # The account may be younger than the window.
    first = min(rows[""].index[rows[""]["total_count"] > 0], default=judged.start)
    rows = {name: hourly[hourly.index >= first] for name, hourly in rows.items()}
    table = judge_groups(rows, judged, holidays=holidays)
    table.attrs |= {"requests": done, "left_out": left_out}
    return table


def planned_requests(
    client: BaseClient, event: Any = None, *, by: Any = None, groups: Any = None, **period: Any
) -> int:
    """Return the number of requests that `explain` sends with these arguments; sends none itself.

    Parameters
    ----------
    client, event, by, groups
        As for `explain`.
    period
        `measure`, `start` and `end`, as for `explain`.

    Returns
    -------
    int
        One request for all calls and one per group, and more if the period is longer than one
        request can cover.

    Raises
    ------
    QueryError
        As for `explain`.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> ua.planned_requests(ua.sample_client(), measure="error_rate", start="2026-03-19",
    ...                     end="2026-03-19", by=["agent", "voice"])
    10
    """
    judged, _, dimensions, _ = _plan(client, event, period, by, groups or {})
    return _count(judged, dimensions)


def _plan(
    client: BaseClient, event: Any, given: dict[str, Any], by: Any, groups: Mapping[str, Any]
) -> tuple[Event, dict[str, Any], _Dimensions, dict[str, str]]:
    """Return the event, the filter of its group, the dimensions, and why others are left out."""
    if not isinstance(client, BaseClient):
        raise refusal("explain_client", got=type(client).__name__)
    judged = _event(event, given)
    dimensions, left_out = _dimensions(client, by, groups)
    if judged.within is None:
        return judged, {}, dimensions, left_out
    known, name = _dimensions(client, None, groups)[0] | dimensions, judged.within
    kind = next((kind for kind in known if name in known[kind]), None)
    if kind is None:
        raise refusal("unknown_group", name=name, known=", ".join(known))
    if kind in (by or ()):
        raise QueryError(f"by: expected other dimensions than {kind}, that of the event's group")
    dimensions.pop(kind, None)
    within = f"{kind.removeprefix('metadata.')} {name}"
    return judged._replace(within=within), known[kind][name], dimensions, left_out


def _fetch_whole(client: BaseClient, event: Event, own: Any) -> tuple[CallUsage, int]:
    """Return the usage of all calls, and the number of weeks before the event that it covers.

    With the filter of a group, all calls are those of the group. An archive refuses a window that
    begins before its first day.
    """
    for weeks in range(_WEEKS, 1, -1):
        with suppress(QueryError):
            return client.call_usage(**_window(event, weeks), **own), weeks
    return client.call_usage(**_window(event, 1), **own), 1


def _event(event: Any, given: dict[str, Any]) -> Event:
    """Return the event of a row of `unusual`, or of a measure with its start and end."""
    row = given if event is None else event
    known = isinstance(row, Mapping | pd.Series) and all(
        row.get(name) is not None for name in ("measure", "start", "end")
    )
    if not known or (event is not None and any(given.values())):
        raise refusal("no_event", event=event, given=given)
    columns_of(row["measure"])
    # The last microsecond of a date is rounded up to its end.
    start, end = (
        pd.Timestamp(to_instant(name, row[name], of_day)).ceil("s")
        for name, of_day in (("start", time.min), ("end", time.max))
    )
    if not start < end:
        raise QueryError(f"start: expected a time before end, got {row['start']} and {row['end']}")
    zone = getattr(row["start"], "tzinfo", None) or UTC
    above = None if pd.isna(row.get("ratio")) else bool(row["ratio"] > 1)
    group = None if pd.isna(row.get("group")) else str(row["group"])
    return Event(row["measure"], start.tz_convert(zone), end.tz_convert(zone), above, group)


def _window(event: Event, weeks: int) -> Filters:
    """Return the whole UTC hours of an event and of the weeks before it.

    One more hour on each side makes whole hours of zones off the hour.
    """
    first = (event.start - pd.Timedelta(weeks=weeks, hours=1)).tz_convert(UTC).floor("h")
    last = (event.end + pd.Timedelta(hours=1)).tz_convert(UTC).ceil("h") - _TICK
    return {"from_date": first.to_pydatetime(), "to_date": last.to_pydatetime()}


def _count(event: Event, dimensions: _Dimensions) -> int:
    """Return the number of requests for all calls and for each group."""
    chunks = UsageQuery.from_filters(_window(event, _WEEKS)).parts()
    return len(chunks) * (1 + sum(map(len, dimensions.values())))


def _dimensions(
    client: BaseClient, by: Sequence[str] | None, groups: Mapping[str, Any]
) -> tuple[_Dimensions, dict[str, str]]:
    """Return the filters of each group by dimension, and why dimensions are left out."""
    names = client.names
    keys = [f"metadata.{key}" for key in names.metadata] if names else []
    chosen = ["agent", "voice", *keys, "call_length"] if by is None else by
    found, left_out = {}, {}
    for one in dict.fromkeys([*chosen, *groups]):
        if one not in _KINDS and not one.startswith("metadata."):
            near = difflib.get_close_matches(one, [*_KINDS, *keys], n=1, cutoff=0.0)[0]
            raise refusal("dimension", kinds=", ".join(_KINDS), got=one, near=near)
        known = names.of_kind(one) if names and one in ("agent", "voice", *keys) else {}
        if given := groups.get(one, _BANDS if one == "call_length" else known):
            found[one] = _filters(one, given)
            continue
        left_out[one] = f'the client lists no groups of {one}; pass groups={{"{one}": [...]}}'
        if by is not None:
            raise QueryError(f"by: {left_out[one]}")
    return found, left_out


def _filters(dimension: str, given: Any) -> dict[str, dict[str, Any]]:
    """Return the filters of IDs, values or words, or of the bands between ends of length [s]."""
    if dimension != "call_length":
        kind = "metadata.search" if dimension == "search" else dimension
        filters = Grouping.of_values(kind, given, f'groups["{dimension}"]').filters()
        return (
            filters if kind == dimension else {name: of["metadata"] for name, of in filters.items()}
        )
    bands: dict[str, dict[str, Any]] = {}
    for low, high in pairwise([0, *sorted(given), None]):
        # Both ends of a duration filter are taken for inclusive.
        most = {} if high is None else {"duration_max": timedelta(seconds=high) - _TICK}
        name = f"from {low:g} s" if high is None else f"{low:g} to {high:g} s"
        bands[name] = ({"duration_min": low} if low else {}) | most
    return bands
