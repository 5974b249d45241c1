"""A breakdown: the usages of groups one below the other, and all of them added up again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from usage_analysis.errors import QueryError
from usage_analysis.query import UsageQuery
from usage_analysis.tidy.frames import CallUsage, check_group_name, group_column
from usage_analysis.tidy.wire import MEASURES


def breakdown_of(usages: Mapping[str, CallUsage], name: str, query: UsageQuery) -> CallUsage:
    """Usage of a breakdown: the groups' frames one below the other, the group as first column.

    Parameters
    ----------
    usages
        The usage of each group: over one window, with one `as_of`, with hours.
    name
        The group column's.
    query
        What all groups were asked.

    Returns
    -------
    CallUsage
        Its `all_time` is None: whether the reply's follows the filters is not known, so a group's
        would not be the group's.
    """
    check_group_name(name)
    first = next(iter(usages.values()))
    if any(usage.as_of != first.as_of for usage in usages.values()):
        raise QueryError("breakdown: expected one as_of for all groups, got several")
    return CallUsage(
        daily=_stacked({group: usage.daily for group, usage in usages.items()}, name),
        hourly=_stacked({group: usage.hourly for group, usage in usages.items()}, name),
        all_time=None,
        query=query,
        as_of=first.as_of,
        source=first.source,
        groups={group: usage.query or query for group, usage in usages.items()},
    )


def _stacked(frames: Mapping[str, pd.DataFrame], name: str) -> pd.DataFrame:
    stacked = pd.concat(list(frames.values()))
    lengths = [len(frame) for frame in frames.values()]
    stacked.insert(0, name, pd.Index(list(frames)).repeat(lengths))
    return stacked


def whole_of(usage: CallUsage) -> CallUsage:
    """Usage of all groups together; of a single series what it is."""
    if usage.groups is None:
        return usage
    return replace(usage, daily=whole(usage.daily), hourly=whole(usage.hourly), groups=None)


def whole(hourly: pd.DataFrame) -> pd.DataFrame:
    """Canonical frame of all groups together."""
    group = group_column(hourly)
    if group is None:
        return hourly
    how = {name: "sum" for name in MEASURES if name in hourly} | {"provisional": "any"}
    return hourly.groupby(level="time").agg(how)
