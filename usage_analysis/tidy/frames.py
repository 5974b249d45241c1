"""The canonical frame, and `CallUsage`, which holds a reply's two.

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

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.errors import QueryError, ResponseError
from usage_analysis.query import UsageQuery
from usage_analysis.tidy import wire
from usage_analysis.tidy.asked import (
    Checked,
    checked,
    hours_of_day,
    window_of,
)
from usage_analysis.tidy.wire import MEASURES, MOST_MINUTES
from usage_analysis.tidy.zones import DAY, HOUR, instant_of, microseconds, to_index

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


def same_source(result: Result, *frames: pd.DataFrame) -> Result:
    """What was made of frames, which is the sample account's where one of them is."""
    if any(is_of_sample(frame) for frame in frames):
        result.attrs["source"] = "sample"
    return result


def is_of_sample(data: pd.DataFrame | pd.Series) -> bool:
    """Whether it is known to be made of the sample account's calls."""
    return data.attrs.get("source") == "sample"


class _Hourly:
    """The `hourly` field: reading it where a saved reply has none is an error that says so."""

    def __get__(self, usage: CallUsage | None, owner: type) -> pd.DataFrame:
        if usage is None:
            raise AttributeError("hourly")
        frame: pd.DataFrame | None = usage.__dict__["_hourly"]
        if frame is None:
            raise QueryError(
                "hourly: this saved reply has none; the endpoint sends it since 2026-03"
            )
        return frame

    def __set__(self, usage: CallUsage, frame: pd.DataFrame | None) -> None:
        usage.__dict__["_hourly"] = frame


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class CallUsage:
    """One answer of the endpoint as tidy frames, with what was asked and when.

    Parameters
    ----------
    daily, hourly
        Canonical frames (see `usage_analysis.tidy.frames`) in UTC. Reading `hourly` of a saved
        reply without it raises a `QueryError`.
    all_time
        The reply's all-time figures by measure, `duration` a Timedelta. Whether they follow the
        filters is not known, so no helper takes them for the window's totals. None where the
        question took more than one request.
    query
        What was asked, with both ends of the window; None for a bare reply without a row.
    as_of
        When the reply was made, UTC.
    source
        ``"live"``, ``"sample"`` or ``"file"``.
    groups
        The question of each group of a breakdown, by name, in the frames' order; None for a single
        series. What the groups leave over has the question about all calls.

    Examples
    --------
    >>> usage = CallUsage.from_json('''{
    ...     "allTime": {"totalCount": 3, "errorCount": 1, "joinedCount": 3,
    ...                 "duration": "90.5s", "billedMinutes": 1.6},
    ...     "daily": [{"totalCount": 3, "errorCount": 1, "joinedCount": 3, "date": "2026-03-01",
    ...                "duration": "90.5s", "billedMinutes": 1.6}],
    ...     "hourly": [{"totalCount": 3, "errorCount": 1, "joinedCount": 3, "date": "2026-03-01",
    ...                 "hour": 9, "duration": "90.5s", "billedMinutes": 1.6}]}''')
    >>> len(usage.hourly), int(usage.hourly["total_count"].sum())
    (24, 3)
    """

    daily: pd.DataFrame
    hourly: pd.DataFrame = _Hourly()  # type: ignore[assignment]  # a descriptor that holds a frame
    all_time: pd.Series | None
    query: UsageQuery | None
    as_of: pd.Timestamp
    source: Source
    groups: Mapping[str, UsageQuery] | None = None

    def __post_init__(self) -> None:
        """Let the sample account's frames say that they are."""
        for frame in (self.daily, self.__dict__["_hourly"]):
            if self.source == "sample" and frame is not None:
                frame.attrs["source"] = "sample"

    @classmethod
    def from_json(
        cls,
        body: bytes | str,
        *,
        query: UsageQuery | None = None,
        as_of: datetime | str | None = None,
        saved: bool = False,
    ) -> CallUsage:
        """Usage from the vendor's JSON.

        Parameters
        ----------
        body
            One whole JSON document.
        query
            What was asked. Without it the window is the first to the last daily row.
        as_of
            When the reply was made, with its zone. Without it the clock where there is a `query`,
            else the end of the last day, which stays provisional: the reply may have been made on
            it, so say a later `as_of` where it was not.
        saved
            Allow what the endpoint did not send in 2025: `errorCount`, `billedMinutes`, `hourly`.

        Raises
        ------
        ResponseError
            The message starts with the field's path: ``hourly[17].errorCount: expected int, got
            str``.
        """
        reply = wire.decode(body, saved=saved)
        if query is None and len(reply.daily.time):
            days = reply.daily.time
            first, last = instant_of(days.min()).date(), instant_of(days.max()).date()
            query = UsageQuery(from_date=first, to_date=last)
            as_of = as_of or query.end
        query, moment = query or UsageQuery(), _moment(as_of)
        return usage_of([checked(reply, query, moment)], query, as_of=moment, source="file")

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Path of the file that now holds the reply, its query and date; `load` reads it back.

        The file is written beside and moved into place: it is whole or not there.
        """
        # saved.py makes usages of files: it comes after this module.
        from usage_analysis.tidy.saved import save

        return save(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> CallUsage:
        """Usage from a file that `save` wrote, or from a bare reply of the vendor's.

        Raises
        ------
        ResponseError
            The file is neither; the message starts with the path of the field that is wrong.
        """
        from usage_analysis.tidy.saved import load

        return load(path)

    def __repr__(self) -> str:
        """What was asked, from whom, and how much came."""
        window = "no window"
        if self.query is not None and self.query.start and self.query.end:
            window = f"{self.query.start:%Y-%m-%d %H:%M} to {self.query.end:%Y-%m-%d %H:%M} UTC"
        what = f"{int(self.daily['total_count'].sum())} calls"
        if self.groups is not None:
            what = f"{len(self.groups)} groups by {group_column(self.daily)}"
        return f"<CallUsage {self.source}: {what}, {window}, as of {self.as_of:%Y-%m-%d %H:%M} UTC>"


def usage_of(
    replies: Sequence[Checked],
    query: UsageQuery,
    *,
    as_of: datetime | str | None,
    source: Source,
) -> CallUsage:
    """Usage from the replies to the requests of one query, added up.

    Parameters
    ----------
    as_of
        When the last reply was made, with its zone; the clock without it.
    """
    moment = _moment(as_of)
    window = window_of(query)
    hourly = [reply.hourly for reply in replies if reply.hourly is not None]
    of_day = hours_of_day(query)
    stop = microseconds(moment.to_pydatetime())
    totals = replies[0].all_time if len(replies) == 1 else {}
    return CallUsage(
        daily=_frame([reply.daily for reply in replies], DAY, window, stop),
        hourly=_frame(hourly, HOUR, window, stop, of_day) if hourly else None,  # type: ignore[arg-type]  # the descriptor knows
        all_time=_all_time(totals) if totals else None,
        query=query if window else None,
        as_of=moment,
        source=source,
    )


def _moment(as_of: datetime | str | None) -> pd.Timestamp:
    moment = pd.Timestamp(datetime.now(UTC) if as_of is None else as_of)
    if moment.tzinfo is None:
        raise QueryError(f"as_of: expected a date and time with its zone, got {as_of!r}")
    return moment.tz_convert("UTC").as_unit("us")


def _frame(
    parts: list[wire.Buckets],
    step: int,
    window: tuple[int, int] | None,
    as_of: int,
    hours_of_day: NDArray[np.bool_] | None = None,
) -> pd.DataFrame:
    """Canonical frame: every bucket of the window, what the server left out as zeros."""
    low, high = window or (0, 0)
    times = np.arange(low // step * step, min(high, as_of + 1), step, dtype=np.int64)
    ends = np.append(times, np.iinfo(np.int64).max)
    seen = np.zeros(len(times), dtype=np.bool_)
    columns = {name: np.zeros(len(times), dtype=v.dtype) for name, v in parts[0].columns.items()}
    for part in parts:
        rows = np.searchsorted(times, part.time)
        inside = ends[rows] == part.time  # others have no calls
        rows = rows[inside]
        seen[rows] = True
        for name, values in part.columns.items():
            np.add.at(columns[name], rows, values[inside])
    if len(parts) > 1:
        _check_sums(columns, times, step)
    if hours_of_day is not None and not hours_of_day.all():
        kept = hours_of_day[times // HOUR % 24]
        kept |= seen & (columns["total_count"] > 0)
        times, columns = times[kept], {name: v[kept] for name, v in columns.items()}
    columns["duration"] = columns["duration"].view("m8[us]")
    ordered = {name: columns[name] for name in MEASURES if name in columns}
    provisional = times + step > as_of - LAG
    frame = pd.DataFrame({**ordered, "provisional": provisional}, index=to_index(times, UTC))
    if step == DAY:
        # One row alone, or one a group, does not show whether it is a day or an hour.
        frame.attrs["every"] = "D"
    return frame


def _check_sums(columns: Mapping[str, NDArray[Any]], times: NDArray[np.int64], step: int) -> None:
    """That no sum of two replies is past what its column holds; integers would begin again."""
    for name, values in columns.items():
        past = values > MOST_MINUTES if values.dtype == np.float64 else values < 0
        if past.any():
            path = "daily" if step == DAY else "hourly"
            raise ResponseError(
                f"{path}[{instant_of(times[past.argmax()]):%Y-%m-%d %H:%M} UTC].{MEASURES[name]}: "
                "expected replies whose sum 64 bits hold, got more"
            )


def _all_time(totals: Mapping[str, int | float]) -> pd.Series:
    values: dict[str, object] = dict(totals)
    values["duration"] = pd.Timedelta(np.timedelta64(int(totals["duration"]), "us"))
    return pd.Series({name: values[name] for name in MEASURES if name in values}, name="all_time")
