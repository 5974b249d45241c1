"""Breakdowns: one query per group, because the endpoint cannot group; and the rest."""

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pandas as pd

from usage_analysis.errors import QueryError, ResponseError, UsageError, refusal
from usage_analysis.query import Filters, UsageQuery
from usage_analysis.tidy import frames
from usage_analysis.tidy.frames import REST
from usage_analysis.tidy.usage import CallUsage
from usage_analysis.tidy.wire import MEASURES
from usage_analysis.tidy.zones import row_times


def group_queries(
    groups: Mapping[str, Mapping[str, Any]], name: str, whole: UsageQuery
) -> dict[str, UsageQuery]:
    """Return the query of each group: its own filters and the shared ones.

    Raises
    ------
    QueryError
        A name or a filter is invalid, or two groups select the same calls.
    """
    frames.check_group_name(name)
    if not isinstance(groups, Mapping) or not groups:
        raise QueryError(f"groups: expected a mapping of names to filters, got {groups!r:.80}")
    queries = {group: _group_query(whole, name, group, own) for group, own in groups.items()}
    seen: dict[UsageQuery, str] = {}
    for group, question in queries.items():
        if (other := seen.setdefault(question.selection, group)) != group:
            raise QueryError(f"groups: expected each {name} once, got {other!r} and {group!r}")
    return queries


def subtract_groups(whole: CallUsage, groups: Sequence[CallUsage]) -> CallUsage:
    """Return the usage of the calls outside all groups.

    Raises
    ------
    ResponseError
        The groups hold more calls than the total: a call is in two groups, or the server ignored
        a filter.
    """
    daily = _subtract("daily", whole.daily, [usage.daily for usage in groups])
    hourly = _subtract("hourly", whole.hourly, [usage.hourly for usage in groups])
    return replace(whole, daily=daily, hourly=hourly, all_time=None)


def drop_empty_rest(usage: CallUsage) -> CallUsage:
    """Return a breakdown without its rest if the rest has no calls."""
    name = usage.hourly.columns[0]
    kept = {what: getattr(usage, what) for what in ("daily", "hourly")}
    left = kept["hourly"][kept["hourly"][name] == REST]
    if left["total_count"].any():
        return usage
    kept = {what: frame[frame[name] != REST] for what, frame in kept.items()}
    groups = {group: asked for group, asked in (usage.groups or {}).items() if group != REST}
    return replace(usage, **kept, groups=groups)


@contextmanager
def group_in_errors(name: str, group: str) -> Generator[None]:
    """Add the group to the message of an error that is raised inside this block."""
    try:
        yield
    except UsageError as error:
        if name:
            error.args = (f'{error} ({name} "{group}")',)
        raise


def _group_query(whole: UsageQuery, name: str, group: object, own: object) -> UsageQuery:
    if not isinstance(group, str) or not group or group == REST:
        raise QueryError(f'groups: expected names as text other than "{REST}", got {group!r}')
    if not isinstance(own, Mapping) or not own:
        raise QueryError(f"groups[{group!r}]: expected filters by name, got {own!r:.80}")
    merged = {field: getattr(whole, field) for field in whole.as_dict()}
    for field, value in own.items():
        if field in ("from_date", "to_date"):
            raise QueryError(f"groups[{group!r}]: expected one window for all groups, got {field}")
        shared = merged.get(field)
        if field == "metadata" and isinstance(shared, Mapping) and isinstance(value, Mapping):
            both = [key for key in value if key in shared]
            merged[field] = {**shared, **value}
        else:
            both = [field] if shared is not None else []
            merged[field] = value
        if both:
            raise refusal("filter_twice", group=group, name=both[0])
    with group_in_errors(name, group):
        return UsageQuery.from_filters(cast("Filters", merged))


def check_rest(groups: Mapping[str, Mapping[str, Any]], queries: Mapping[str, UsageQuery]) -> None:
    """Check that the groups differ in one filter with one value per call.

    Then no call is in two groups.

    Raises
    ------
    QueryError
        The groups differ in another way, or two of them have a value in common.
    """
    kinds, values = set(), Counter[str]()
    for group, query in queries.items():
        own = frames.single_values({name: query.as_dict()[name] for name in groups[group]})
        alone = len(groups[group]) == len(own) == 1
        kinds.add(next(iter(own)) if alone else "")
        for several in own.values():
            values.update(several)
    if len(kinds) > 1 or "" in kinds:
        raise refusal("no_rest", got=repr([dict(own) for own in groups.values()])[:200])
    if twice := [value for value, count in values.items() if count > 1]:
        raise QueryError(f"include_rest: expected each value in one group, got {twice[0]} in two")


def _subtract(path: str, whole: pd.DataFrame, groups: Sequence[pd.DataFrame]) -> pd.DataFrame:
    times = row_times(whole)
    left = whole.copy()
    for column in (column for column in MEASURES if column in whole):
        rest = frames.to_integers(whole[column])
        for frame in groups:
            place = np.searchsorted(times, row_times(frame))
            np.subtract.at(rest, place, frames.to_integers(frame[column]))
            if (rest < 0).any():  # checked after each group: a large negative sum could wrap around
                bucket = int(np.argmax(rest < 0))
                raise ResponseError(
                    f"{path}[{whole.index[bucket]:%Y-%m-%d %H:%M} UTC].{MEASURES[column]}: "
                    f"expected groups that add up to at most {whole[column].iloc[bucket]}, got "
                    "more; a call is in two groups, or the server ignored a filter"
                )
        left[column] = frames.from_integers(rest, column)
    return left
