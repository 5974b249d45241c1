"""The canonical frame, which every helper takes first.

- One row per bucket. The index `time` is tz-aware, sorted, and holds the start of each bucket;
  instants are unique within a group. The zone is UTC in a reply and a local clock after
  `in_timezone`. The time zone lives in the index and nowhere else.
- Columns: `total_count`, `error_count`, `joined_count` [calls, int64], `duration`
  [timedelta64[us]], `billed_minutes` [min, float64], `provisional` [bool]. A column that the source
  does not know is absent; it is never filled with zeros.
- Every bucket of the requested window has a row, and buckets that the server left out are zeros. No
  bucket lies after `as_of`. With a time-of-day filter only the hours inside the filter are there.
- `provisional` marks a bucket that was not over at `as_of`, or ended within the billing lag before
  it. At the edge of a window in a zone off the hour it also marks a bucket that is partly seen.
- A column `hours` [h] says how much time a row covers where the row's start does not: in sums of
  `aggregate` and `rolling`, and where a UTC time of day cuts the hours of a zone off the hour.
- A breakdown has the group as its first column, and `time` repeats per group.

Further facts about a frame are in its ``attrs``, which pandas keeps through filters and copies:

- ``"every"``: the length of a row, ``"h"``, ``"D"``, or the period of `aggregate` and `rolling`;
- ``"overlapping"``: True if a breakdown's groups can share calls;
- ``"source"``: ``"sample"`` for the sample account, so that nobody takes its figures for their own.

A call has one agent, one voice and one value per metadata key. Groups that differ in such a value
share no call, so their counts add up to a total. Groups of other filters (`search`, durations,
different metadata keys) can share calls: their sum may count a call twice.
"""

from collections.abc import Mapping
from itertools import product
from typing import Any, Literal, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.errors import TEXTS, QueryError, refusal
from usage_analysis.filters import is_text as is_text
from usage_analysis.tidy.wire import MEASURES
from usage_analysis.tidy.zones import HOUR

#: Billed minutes of the last two hours can still grow, because billing follows the call [us].
LAG = 2 * HOUR

#: Name of the group that holds the calls of no other group.
REST = "rest"

COUNTS = ("total_count", "error_count", "joined_count")
#: Columns of frames and of the tables of helpers, after which no group may be named.
TABLE_COLUMNS = {*MEASURES, *TEXTS["columns"]}

Source = Literal["live", "sample", "file"]


# What to do where one kind of data was passed instead of the other.
_INSTEAD = {
    ("DataFrame", "CallUsage"): "; pass usage.hourly",
    ("CallUsage", "DataFrame"): "; pass the whole reply, not one of its frames",
}


def check_kind(name: str, value: object, kind: type) -> None:
    """Refuse an argument of another class; between replies and frames the message says what to do.

    Raises
    ------
    QueryError
        The value is no instance of `kind`.
    """
    if not isinstance(value, kind):
        wanted, got = kind.__name__, type(value).__name__
        advice = _INSTEAD.get((wanted, got), "")
        raise QueryError(f"{name}: expected a {wanted}, got {got}{advice}")


def group_column(frame: pd.DataFrame) -> str | None:
    """Return the name of a breakdown's group column, or None for a single series."""
    if len(frame.columns) == 0 or frame.columns[0] in MEASURES or frame.columns[0] == "provisional":
        return None
    return str(frame.columns[0])


def check_group_name(name: str) -> None:
    """Check the name of the group column.

    Raises
    ------
    QueryError
        The name is empty, or frames or tables of helpers have a column of this name.
    """
    if not is_text(name) or not name or name in TABLE_COLUMNS:
        raise refusal("reserved_name", name=name)


def measures_of(frame: pd.DataFrame) -> list[str]:
    """Return the measures that a frame has, in the canonical order; none for other objects."""
    return [name for name in MEASURES if name in getattr(frame, "columns", ())]


def to_integers(column: pd.Series) -> NDArray[np.int64]:
    """Return counts, durations [us] or billed time [millionths of a minute], which add exactly."""
    values = column.to_numpy(copy=True)
    if column.name == "billed_minutes":
        return np.rint(values * 1e6).astype(np.int64)
    return values.astype("m8[us]").view(np.int64) if column.name == "duration" else values


def from_integers(values: NDArray[np.int64], measure: str) -> NDArray[Any]:
    """Return the column of a measure from its integers, as `to_integers` gives them."""
    if measure == "billed_minutes":
        return values / 1e6
    return values.view("m8[us]") if measure == "duration" else values


def in_millionths(values: NDArray[Any]) -> NDArray[np.float64] | None:
    """Return decimals such as tenths of a minute as whole millionths, whose sums are exact.

    None if a value is no such decimal.
    """
    micro = np.rint(values * 1e6)
    return micro if np.abs(values * 1e6 - micro).max(initial=0) < 1e-3 else None


Result = TypeVar("Result", pd.DataFrame, pd.Series)


def copy_source(result: Result, *frames: pd.DataFrame) -> Result:
    """Copy facts about frames to a result: the sample account, overlapping groups."""
    if any(is_sample(frame) for frame in frames):
        result.attrs["source"] = "sample"
    if any(frame.attrs.get("overlapping", False) for frame in frames):
        result.attrs["overlapping"] = True
    return result


def is_sample(data: pd.DataFrame | pd.Series) -> bool:
    """Return True if data are known to come from the sample account."""
    return data.attrs.get("source") == "sample"


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
