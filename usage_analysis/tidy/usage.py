"""`CallUsage`: one reply, or a breakdown of several, as canonical frames."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.errors import QueryError, ResponseError, refusal
from usage_analysis.query import UsageQuery
from usage_analysis.tidy import frames, measures, usage_files, wire
from usage_analysis.tidy.exports import to_reply
from usage_analysis.tidy.wire import CheckedReply, check_reply, hours_of_day, window_of
from usage_analysis.tidy.zones import DAY, HOUR, instant_of, microseconds, row_times, to_index


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class CallUsage:
    """A reply of the endpoint as tidy frames, with its query and date.

    Parameters
    ----------
    daily, hourly
        Canonical frames (see `usage_analysis.tidy.frames`) in UTC. Reading `hourly` of a saved
        reply without it raises a `QueryError`.
    all_time
        The reply's all-time figures by measure, `duration` a Timedelta. It is not known whether
        they follow the filters, so no helper uses them as totals of the window. None if the query
        took more than one request.
    query
        The query, with both ends of the window; None for a bare reply without rows.
    as_of
        When the reply was made, UTC.
    source
        ``"live"``, ``"sample"`` or ``"file"``.
    groups
        The query of each group of a breakdown, by name, in the frames' order; None for a single
        series. The rest has the query for all calls.

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
    hourly: pd.DataFrame
    all_time: pd.Series | None
    query: UsageQuery | None
    as_of: pd.Timestamp
    source: frames.Source
    groups: Mapping[str, UsageQuery] | None = None

    def __post_init__(self) -> None:
        """Mark frames of the sample account, and drop hours that a reply does not have."""
        if self.hourly is None:
            del self.__dict__["hourly"]
        for name in {"daily", "hourly"} & self.__dict__.keys():
            if self.source == "sample":
                self.__dict__[name].attrs["source"] = "sample"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> None:
            """Raise the error for hours that a reply does not have."""
            if name != "hourly":
                raise AttributeError(name)
            raise refusal("no_hours")

    @classmethod
    def from_json(
        cls,
        body: bytes | str,
        *,
        query: UsageQuery | None = None,
        as_of: datetime | str | None = None,
        saved: bool = False,
    ) -> "CallUsage":
        """Read usage from the vendor's JSON.

        Parameters
        ----------
        body
            One whole JSON document.
        query
            The query. By default the window covers the daily rows.
        as_of
            When the reply was made, with its zone. By default the current time if there is a
            `query`, else the end of the last day. That day stays provisional, because the reply may
            have been made on it; pass a later `as_of` if it was not.
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
        query, moment = query or UsageQuery(), parse_as_of(as_of)
        return build_usage([check_reply(reply, query, moment)], query, as_of=moment, source="file")

    @classmethod
    def from_hourly(
        cls, frame: pd.DataFrame, *, columns: Mapping[str, str | None] | None = None
    ) -> "CallUsage":
        """Read usage from a table that is already summed by UTC hour, as other platforms export it.

        Parameters
        ----------
        frame
            One row per hour, with the canonical columns: `time`, the start of the hour as a
            datetime or text with a zone, or an interval ``start/end``; `total_count`,
            `joined_count`; `duration`, the talk in that hour as timedelta or seconds. `error_count`
            and `billed_minutes` may be absent; they are then absent from the usage. Hours between
            the first and the last without a row had no calls.
        columns
            Name in the table of each of our columns: ``{"total_count": "nOffered"}``; None leaves a
            column aside.

        Raises
        ------
        QueryError
            A column is missing or has an unreadable value, an hour stands twice, or rows are not
            whole hours; the message starts with the column.
        UserWarning
            Once, with the names of the columns that were left aside.

        Examples
        --------
        >>> table = pd.DataFrame({"time": ["2026-03-01T09:00Z/2026-03-01T10:00Z"], "nOffered": [5],
        ...                       "nAnswered": [4], "tTalk_ms": [240_000]})
        >>> ours = {"total_count": "nOffered", "joined_count": "nAnswered", "duration": "tTalk_ms"}
        >>> CallUsage.from_hourly(table, columns=ours).hourly["duration"].iloc[0]
        Timedelta('0 days 00:04:00')
        """
        reply = wire.decode(to_reply(frame, columns or {}), stored=True)
        times = (reply.hourly or reply.daily).time
        first, last = instant_of(times.min()), instant_of(times.max() + HOUR - 1)
        query = UsageQuery(from_date=first, to_date=last)
        # A later moment: nothing is provisional, on the last day either.
        moment = instant_of(times.max() + DAY + frames.LAG)
        return build_usage([check_reply(reply, query, moment)], query, as_of=moment, source="file")

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save the reply with its query and date, and return the path; `load` reads it back.

        The file is written under another name and moved into place, so it is never incomplete.
        """
        return usage_files.save(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "CallUsage":
        """Read usage from a file that `save` wrote, or from a bare reply of the vendor.

        A file in UTF-16, or with a list around the reply, is read too.

        Raises
        ------
        ResponseError
            The file is neither; the message starts with the path of the field that is wrong, and
            ends with the file.
        """
        body = Path(path).read_bytes()
        try:
            body = usage_files.unwrap(body)
            saved = usage_files.decode(body)
            if saved is None:
                return cls.from_json(body, saved=True)
            usages = {
                group: build_usage([reply], query, as_of=saved.as_of, source=saved.source)
                for group, (query, reply) in saved.parts.items()
            }
            if saved.name is None:
                return usages[""]
            return build_breakdown(usages, saved.name, saved.query, overlapping=saved.overlapping)
        except (QueryError, ResponseError, UnicodeError) as error:
            field = "query." if isinstance(error, QueryError) else ""
            problem = usage_files.identify(body) or f"{field}{error}"
            raise ResponseError(f"{problem} (file {os.fspath(path)})") from None

    def __repr__(self) -> str:
        """Source, number of calls or groups, window and date."""
        what = f"{int(self.daily['total_count'].sum())} calls"
        if self.groups is not None:
            what = f"{len(self.groups)} groups by {frames.group_column(self.daily)}"
        return f"<CallUsage {self.source}: {what}, {self._window()}, as of {self._date()}>"

    def _repr_html_(self) -> str:
        """Return a table of window, filters, totals and unfinished hours, for notebooks."""
        rows = {"window": self._window(), "as of": self._date()}
        if self.query is not None and (filters := self.query.selection.as_dict()):
            rows["filters"] = ", ".join(f"{name} = {value}" for name, value in filters.items())
        if self.groups is not None:
            rows[str(frames.group_column(self.daily))] = ", ".join(self.groups)
        rows["total"] = "none, because the groups can share calls"
        if not self.daily.attrs.get("overlapping"):
            sums = {name: self.daily[name].sum() for name in frames.measures_of(self.daily)}
            rows["total"] = ", ".join(measures.counted(sums[name], name) for name in sums)
        if "hourly" in self.__dict__:
            hours = self.hourly.index[self.hourly["provisional"]].nunique()
            rows["provisional"] = measures.several(hours, "hour")
        return measures.summary_table(f"Call usage ({self.source})", rows)

    def _window(self) -> str:
        if self.query is None or not self.query.start or not self.query.end:
            return "no window"
        return f"{self.query.start:%Y-%m-%d %H:%M} to {self.query.end:%Y-%m-%d %H:%M} UTC"

    def _date(self) -> str:
        return f"{self.as_of:%Y-%m-%d %H:%M} UTC"


def build_usage(
    replies: Sequence[CheckedReply],
    query: UsageQuery,
    *,
    as_of: datetime | str | None,
    source: frames.Source,
    unsettled: Sequence[int] = (),
) -> CallUsage:
    """Return the usage of one query: the sum of the replies to its requests.

    Parameters
    ----------
    as_of
        When the last reply was made, with its zone; by default the current time.
    unsettled
        Instants of calls that may still change, whose buckets are provisional [us, UTC].
    """
    moment = parse_as_of(as_of)
    window = window_of(query)
    hourly = [reply.hourly for reply in replies if reply.hourly is not None]
    of_day = hours_of_day(query)
    stop = microseconds(moment.to_pydatetime())
    totals = replies[0].all_time if len(replies) == 1 else {}
    daily_frame = _canonical_frame([reply.daily for reply in replies], DAY, window, stop)
    hourly_frame = _canonical_frame(hourly, HOUR, window, stop, of_day) if hourly else None
    for frame, step in ((daily_frame, DAY), (hourly_frame, HOUR)):
        if frame is not None and len(unsettled):
            frame["provisional"] |= np.isin(row_times(frame), np.array(unsettled) // step * step)
    return CallUsage(
        daily=daily_frame,
        hourly=hourly_frame,  # type: ignore[arg-type]  # the descriptor knows
        all_time=_all_time_totals(totals) if totals else None,
        query=query if window else None,
        as_of=moment,
        source=source,
    )


def _canonical_frame(
    parts: list[wire.Buckets],
    step: int,
    window: tuple[int, int] | None,
    as_of: int,
    hours_of_day: NDArray[np.bool_] | None = None,
) -> pd.DataFrame:
    """Return the frame with every bucket of a window; buckets that no reply has are zeros.

    Parameters
    ----------
    parts
        Buckets of each reply, which are added up.
    step
        Length of a bucket [us].
    window
        First instant, and the first one after the window [us since 1970, UTC].
    as_of
        When the last reply was made [us since 1970, UTC].
    hours_of_day
        UTC hours of a time-of-day filter; None without one.

    Raises
    ------
    ResponseError
        The sum of the replies is larger than 64 bits hold.
    """
    for name in parts[0].columns if len(parts) > 1 else ():  # as in each reply alone
        path = f"{'daily' if step == DAY else 'hourly'}.{wire.MEASURES[name]}"
        wire.check_total(path, np.concatenate([part.columns[name] for part in parts]))
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
    if hours_of_day is not None and not hours_of_day.all():
        kept = hours_of_day[times // HOUR % 24]
        kept |= seen & (columns["total_count"] > 0)
        times, columns = times[kept], {name: v[kept] for name, v in columns.items()}
    columns["duration"] = columns["duration"].view("m8[us]")
    ordered = {name: columns[name] for name in wire.MEASURES if name in columns}
    provisional = times + step > as_of - frames.LAG
    frame = pd.DataFrame({**ordered, "provisional": provisional}, index=to_index(times, UTC))
    # One row alone does not show whether it is a day or an hour, and neither does one per day.
    frame.attrs["every"] = "D" if step == DAY else "h"
    if step == HOUR and hours_of_day is not None and hours_of_day.sum() == 1:
        frame["hours"] = 1.0  # at midnight these would look like days
    return frame


def _all_time_totals(totals: Mapping[str, int | float]) -> pd.Series:
    """All-time figures of a reply by measure, `duration` as a Timedelta."""
    values: dict[str, object] = dict(totals)
    values["duration"] = pd.Timedelta(np.timedelta64(int(totals["duration"]), "us"))
    return pd.Series(
        {name: values[name] for name in wire.MEASURES if name in values}, name="all_time"
    )


def parse_as_of(as_of: datetime | str | None) -> pd.Timestamp:
    """Return a moment in UTC, by default now."""
    moment: Any = None
    with suppress(ValueError, TypeError):
        moment = pd.Timestamp(datetime.now(UTC) if as_of is None else as_of)
    if pd.isna(moment) or moment.tzinfo is None:
        raise QueryError(f"as_of: expected a date and time with its zone, got {as_of!r}")
    whole: pd.Timestamp = moment.tz_convert("UTC").as_unit("us")
    return whole


def build_breakdown(
    usages: Mapping[str, CallUsage],
    name: str,
    query: UsageQuery,
    *,
    overlapping: bool | None = None,
) -> CallUsage:
    """Return the usage of a breakdown: the groups' frames stacked, the group as first column.

    Parameters
    ----------
    usages
        The usage of each group: over one window, with one `as_of`, with hours.
    name
        Name of the group column.
    query
        The query that all groups share.

    Returns
    -------
    CallUsage
        Usage with `all_time` None, because it is not known whether all-time figures follow the
        filters of a group.
    """
    frames.check_group_name(name)
    first = next(iter(usages.values()))
    if any(usage.as_of != first.as_of for usage in usages.values()):
        raise QueryError("breakdown: expected one as_of for all groups, got several")
    groups = {group: usage.query or query for group, usage in usages.items()}
    daily = _stack({group: usage.daily for group, usage in usages.items()}, name)
    parts: dict[str, Any] = {group: vars(usage).get("hourly") for group, usage in usages.items()}
    hourly = None if any(part is None for part in parts.values()) else _stack(parts, name)
    if overlapping is None:
        filters = {group: own.as_dict() for group, own in groups.items()}
        overlapping = frames.overlapping_pair(filters) is not None
    if overlapping:
        frames.mark_overlap(daily, hourly)
    return CallUsage(
        daily=daily,
        hourly=hourly,  # type: ignore[arg-type]  # the descriptor takes None
        all_time=None,
        query=query,
        as_of=first.as_of,
        source=first.source,
        groups=groups,
    )


def _stack(parts: Mapping[str, pd.DataFrame], name: str) -> pd.DataFrame:
    stacked = pd.concat(list(parts.values()))
    lengths = [len(frame) for frame in parts.values()]
    stacked.insert(0, name, pd.Index(list(parts)).repeat(lengths))
    return stacked
