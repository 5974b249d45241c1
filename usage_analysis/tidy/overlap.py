"""Groups of a breakdown that can share calls.

A call has one agent, one voice and one value per metadata key. Groups that differ in such a value
share no call, so their counts add up to a total. Groups of other filters (`search`, durations,
different metadata keys) can share calls: their sum may count a call twice.
"""

from collections.abc import Mapping
from itertools import product
from typing import Any

import pandas as pd

from usage_analysis.errors import refusal
from usage_analysis.tidy.frames import REST, group_column


def overlapping_pair(groups: Mapping[str, Mapping[str, Any]]) -> tuple[str, str] | None:
    """Return two groups that can share calls, or None if no two can.

    Parameters
    ----------
    groups
        Filters of each group by name, as `UsageQuery.as_dict` gives them. The rest of a breakdown
        has the calls outside the other groups, so it shares no call with them.
    """
    return find_overlap({group: own for group, own in groups.items() if group != REST})


def find_overlap(groups: Mapping[str, Mapping[str, Any]]) -> tuple[str, str] | None:
    """Return two groups that can share calls as `overlapping_pair` does, whatever their names."""
    values = {group: single_values(filters) for group, filters in groups.items()}
    if not values:
        return None
    shared = sorted(set.intersection(*(set(own) for own in values.values())))
    owner: dict[tuple[str, ...], str] = {}
    for group, own in values.items():
        for key in product(*(own[name] for name in shared)):
            if (other := owner.setdefault(key, group)) != group:
                return other, group
    return None


def single_values(filters: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the values of single-valued filters: groups that differ in one of them are disjoint.

    Parameters
    ----------
    filters
        Filters as `UsageQuery.as_dict` gives them.
    """
    found = {name: filters[name] for name in ("agent_ids", "voice_id") if name in filters}
    found |= {f"metadata.{key}": value for key, value in filters.get("metadata", {}).items()}
    return {name: [value] if isinstance(value, str) else value for name, value in found.items()}


def mark_overlap(*frames: pd.DataFrame | None) -> None:
    """Record on frames that their groups can share calls."""
    for frame in frames:
        if frame is not None:
            frame.attrs["overlapping"] = True


def can_share_calls(data: pd.DataFrame | pd.Series) -> bool:
    """Return True if two groups of a frame, or of a helper's table, can hold the same call.

    Frames that no client or archive made carry no such record: their groups are taken to be
    separate.
    """
    if not data.attrs.get("overlapping", False):
        return False
    if isinstance(data, pd.DataFrame) and data.index.names[0] in (None, "time"):
        name = group_column(data)
        # Without a group column groups were added up, or one lost its column: nobody can tell.
        return name is None or len(data[name].unique()) > 1
    return len(data.index.get_level_values(0).unique()) > 1


def check_disjoint(helper: str, frame: pd.DataFrame) -> None:
    """Refuse groups that can share calls, for results that add groups up or divide by their sum.

    Raises
    ------
    QueryError
        The groups can share calls; the message names the helper and the remedy.
    """
    if can_share_calls(frame):
        raise refusal("shared_calls", helper=helper)


def check_no_shared_sum(helper: str, frame: pd.DataFrame) -> None:
    """Refuse a frame without groups that was summed over groups that can share calls.

    pandas keeps ``attrs`` when it adds groups up. One group that lost its column looks the same, so
    the caller has to say so.

    Raises
    ------
    QueryError
        The groups can share calls; the message names the helper and the remedy.
    """
    if group_column(frame) is None and can_share_calls(frame):
        raise refusal("shared_sum", helper=helper)
