"""The canonical frame.

The canonical frame, which every helper takes first:

- one row a bucket; index `time`: tz-aware, the start of the bucket, sorted, unique; in UTC when it
  comes from a reply, on a local clock after `in_timezone`: the zone lives here and nowhere else;
- columns `total_count`, `error_count`, `joined_count` [calls, int64], `duration` [timedelta64[us]],
  `billed_minutes` [min, float64], `provisional` [bool];
- every bucket of the asked window has a row (what the server left out is zeros), none lies after
  `as_of`, and with a time-of-day filter only the hours inside it are there;
- `provisional` marks a bucket that was not over at `as_of` or that ended within the billing lag
  before it, or, at the edge of a window in a zone off the hour, one that is only partly seen;
- a column `hours` [h] is there where rows do not cover what their start says: sums of `aggregate`
  and `rolling`, and clock hours off the hour that a UTC time of day lets calls be in only partly;
- a breakdown has the group as its first column, and `time` repeats per group;
- ``attrs["every"]`` of a reply's daily frame is ``"D"``, for a single row does not show its length;
- ``attrs["source"]`` of the sample account's frames, and of what helpers make of them, is
  ``"sample"``, for nobody may take a figure of them for their own account's.
"""

from __future__ import annotations

from typing import Literal, TypeVar

import pandas as pd

from usage_analysis.errors import QueryError
from usage_analysis.tidy.wire import MEASURES
from usage_analysis.tidy.zones import HOUR

LAG = 2 * HOUR
"""Billed minutes of the last hours still grow: billing comes after the call ends [us]."""

REST = "rest"
"""The group of the calls that the other groups of a breakdown leave over."""

COUNTS = ("total_count", "error_count", "joined_count")
_TAKEN = {
    *(*MEASURES, "provisional", "time", "hours", "complete"),
    # What helpers' tables by bucket have beside the group.
    *("calls", "events", "rate", "low", "high", "enough"),
    *("centre", "spread_ratio", "signal", "limited"),
    *("traffic", "carried", "offered", "blocking", "demand", "saturated", "at_risk"),
    *(
        f"{what}_{hours}h"
        for hours in (1, 6, 12, 72)
        for what in ("calls", "burn", "low", "high", "spent")
    ),
    *("fast", "slow"),
}

Source = Literal["live", "sample", "file"]


def group_column(frame: pd.DataFrame) -> str | None:
    """Name of a breakdown's group column, None for a single series."""
    if len(frame.columns) == 0 or frame.columns[0] in MEASURES or frame.columns[0] == "provisional":
        return None
    return str(frame.columns[0])


def check_group_name(name: str) -> None:
    """Nothing, where a group column may be called that.

    Raises
    ------
    QueryError
        A frame, or a table that a helper makes of one, has such a column already.
    """
    if not isinstance(name, str) or not name or name in _TAKEN:
        raise QueryError(
            "name: expected a name for the group column that no frame and no helper's table has, "
            f'got {name!r}; take another, such as "group" or "metadata.{name}"'
        )


def require(helper: str, frame: pd.DataFrame, *columns: str) -> None:
    """Nothing, where a frame has the columns that a helper needs.

    Raises
    ------
    QueryError
        Names the helper, the columns and why they may be missing; or a group column whose name the
        helper's table needs.
    """
    if not isinstance(frame, pd.DataFrame):
        raise QueryError(f"{helper}: expected a DataFrame, got {type(frame).__name__}")
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise QueryError(
            f"{helper} needs the column {', '.join(missing)}, which this frame lacks "
            "(replies saved before 2026-03 have no error counts, before 2025-09 no billed minutes)"
        )
    group = group_column(frame)
    if group in _TAKEN:
        raise QueryError(
            f"{helper}: expected a group column that is not called {group}, as a column of frames "
            f'or of tables is; rename it: frame.rename(columns={{"{group}": "group"}})'
        )


Result = TypeVar("Result", pd.DataFrame, pd.Series)


def copy_source(result: Result, *frames: pd.DataFrame) -> Result:
    """What was made of frames, which is the sample account's where one of them is."""
    if any(is_sample(frame) for frame in frames):
        result.attrs["source"] = "sample"
    return result


def is_sample(data: pd.DataFrame | pd.Series) -> bool:
    """Whether it is known to be made of the sample account's calls."""
    return data.attrs.get("source") == "sample"
