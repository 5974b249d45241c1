"""Groups of a breakdown added up: all of them, or some under a new name."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from usage_analysis.errors import QueryError, refusal
from usage_analysis.query import UsageQuery
from usage_analysis.tidy.frames import REST, check_disjoint, group_column, measures_of
from usage_analysis.tidy.grouping import Sums, groups_of
from usage_analysis.tidy.periods import any_of
from usage_analysis.tidy.usage import CallUsage
from usage_analysis.tidy.zones import distinct, row_times, to_index, zone_of

Data = TypeVar("Data", pd.DataFrame, CallUsage)


def merge_groups(data: Data, groups: Mapping[str, Sequence[str]]) -> Data:
    """Add up groups of a breakdown under new names.

    A group that was renamed in the source appears here as two groups. Giving both one name would
    leave two rows per hour, and every helper refuses such a frame.

    Parameters
    ----------
    data
        Usage of a breakdown, or one of its frames, as fetched or after `in_timezone`.
    groups
        Names of the groups to add up, by new name. Other groups stay as they are.

    Returns
    -------
    DataFrame or CallUsage
        The same breakdown with the merged groups, each at the place of its first group. An hour is
        provisional if it is provisional in any of the groups.

    Raises
    ------
    QueryError
        The data have no groups, a name is unknown or used twice, or groups can share calls.

    Examples
    --------
    >>> time = pd.DatetimeIndex(["2026-03-02"] * 3, tz="UTC", name="time")
    >>> hourly = pd.DataFrame({"tenant": ["acme", "acme old", "globex"],
    ...                        "total_count": [5, 2, 4], "provisional": False}, index=time)
    >>> merge_groups(hourly, {"acme": ["acme", "acme old"]})[["tenant", "total_count"]]
                               tenant  total_count
    time
    2026-03-02 00:00:00+00:00    acme            7
    2026-03-02 00:00:00+00:00  globex            4
    """
    if isinstance(data, CallUsage):
        if data.groups is None or data.query is None:
            raise QueryError("merge_groups: expected a breakdown, got the usage of one series")
        daily, hourly = merge_groups(data.daily, groups), merge_groups(data.hourly, groups)
        names = new_names(list(data.groups), groups)
        queries: dict[str, UsageQuery] = {}
        for old, query in data.groups.items():
            new = names.get(old, old)
            # A merged group has no query of its own unless its agents can be listed in one.
            queries[new] = _merge(queries[new], query, data.query) if new in queries else query
        return replace(data, daily=daily, hourly=hourly, groups=queries)
    name = group_column(data) if isinstance(data, pd.DataFrame) else None
    if name is None:
        raise QueryError("merge_groups: expected a breakdown with a group as first column")
    check_disjoint("merge_groups", data)
    code, found = groups_of(data)
    known = [] if found is None else list(found)
    names = new_names(known, groups)
    labels = [names.get(group, group) for group in known]
    number = {label: place for place, label in enumerate(dict.fromkeys(labels))}
    new = np.array([number[label] for label in labels], dtype=np.intp)
    return _add_up(data, name, new[code], list(number))


def new_names(known: Sequence[Any], groups: Mapping[str, Sequence[str]]) -> dict[Any, str]:
    """Return the new name of each group that is merged."""
    if not isinstance(groups, Mapping) or not groups:
        raise QueryError(f"groups: expected new names with lists of old ones, got {groups!r:.80}")
    names: dict[Any, str] = {}
    for new, old in groups.items():
        if isinstance(old, str) or not old:
            raise QueryError(f"groups: expected a list of names for {new!r}, got {old!r}")
        for one in old:
            if one not in known:
                listed = ", ".join(map(str, known[:10]))
                raise QueryError(f"groups: unknown group {one!r}; known groups: {listed}")
            if one in names:
                raise QueryError(f"groups: expected each group once, got {one!r} twice")
            names[one] = new
    for new in groups:
        if new == REST or (new in known and new not in names):
            raise refusal("own_group", name=new)
    return names


def _merge(one: UsageQuery, other: UsageQuery, common: UsageQuery) -> UsageQuery:
    apart = replace(one, agent_ids=None), replace(other, agent_ids=None)
    if one.agent_ids and other.agent_ids and apart[0] == apart[1]:
        return replace(one, agent_ids=(*one.agent_ids, *other.agent_ids))
    return common


def sum_groups(data: Data) -> Data:
    """Return all groups of a breakdown added up; a single series comes back unchanged.

    Raises
    ------
    QueryError
        The groups can share calls, so their sum may count calls twice.
    """
    if isinstance(data, CallUsage):
        if data.groups is None:
            return data
        daily, hourly = sum_groups(data.daily), sum_groups(data.hourly)
        return replace(data, daily=daily, hourly=hourly, groups=None)
    if group_column(data) is None:
        return data
    check_disjoint("sum_groups", data)
    return _add_up(data, None, np.zeros(len(data), dtype=np.intp), ["all"])


def _add_up(
    data: pd.DataFrame, name: str | None, code: np.ndarray[Any, Any], labels: Sequence[str]
) -> pd.DataFrame:
    """Return the sums of rows with one code and instant, in order of the codes."""
    where, known = distinct(row_times(data))
    key = code * len(known) + where
    place, present = pd.factorize(key, sort=True)
    count = len(present)
    added = Sums(place, count)
    columns: dict[str, Any] = {one: added.of_column(data[one]) for one in measures_of(data)}
    if "provisional" in data:
        columns["provisional"] = any_of(place[data["provisional"].to_numpy(dtype=bool)], count)
    if "complete" in data:
        columns["complete"] = ~any_of(place[~data["complete"].to_numpy(dtype=bool)], count)
    if "hours" in data:
        longest = np.zeros(count)
        np.maximum.at(longest, place, data["hours"].to_numpy(dtype=np.float64))
        columns["hours"] = longest
    index = to_index(known[present % len(known)] if len(known) else known, zone_of(data))
    out = pd.DataFrame(columns, index=index)
    out = out[[one for one in data.columns if one in columns]]
    if name is not None:
        kind: Any = "object" if data[name].dtype == "category" else data[name].dtype
        names = pd.Series(list(labels), dtype=object).astype(kind)
        out.insert(0, name, names.to_numpy()[present // max(len(known), 1)])
        out[name] = out[name].astype(kind)
    out.attrs.update({k: v for k, v in data.attrs.items() if k != "overlapping"})
    return out
