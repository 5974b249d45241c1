"""Clock hours of a frame, as tables in which hours of two periods can be paired."""

from __future__ import annotations

import numpy as np
import pandas as pd

from usage_analysis.analysis.columns import exact
from usage_analysis.tidy import zones
from usage_analysis.tidy.frames import group_column
from usage_analysis.tidy.grouping import check_rows, groups_of, row_lengths
from usage_analysis.tidy.zones import DAY, HOUR


def first_day(frame: pd.DataFrame) -> int:
    """Return the first local day of a frame, in days since 1970."""
    if len(frame) == 0:
        return 0
    return int(
        zones.clock_of(zones.row_times(frame).min(keepdims=True), zones.zone_of(frame))[0] // DAY
    )


def _days_of(frame: pd.DataFrame, start: int, days: int | None) -> pd.DataFrame:
    """Rows from a local day on, for so many days: the rest of a long frame is not looked at."""
    times = zones.row_times(frame)
    ends = zones.first_instants(zones.zone_of(frame), np.array([start, start + (days or 0)]) * DAY)
    if days is None:
        ends[1] = np.iinfo(np.int64).max
    if zones.in_order(times):
        return frame.iloc[slice(*np.searchsorted(times, ends).tolist())]
    inside = (times >= ends[0]) & (times < ends[1])
    return frame if inside.all() else frame[inside]


class ClockHours:
    """Values, lengths and flags of clock hours from a local day on: one row per group."""

    def __init__(
        self, frame: pd.DataFrame, measure: str, start: int, days: int | None = None
    ) -> None:
        group = group_column(frame)
        kept = [group, measure, "provisional", "hours"]
        frame = _days_of(frame[[name for name in kept if name in frame]], start, days)
        check_rows("compare_periods", frame, "hour")
        where, known = zones.distinct(zones.row_times(frame))
        hour = (zones.clock_of(known, zones.zone_of(frame)) // HOUR - 24 * start)[where]
        if np.any(hour < 0):  # a clock that was put back over midnight
            frame, hour = frame[hour >= 0], hour[hour >= 0]
        code, self.groups = groups_of(frame)
        self.count = 1 if self.groups is None else max(len(self.groups), 1)
        self.size = int(hour.max()) + 1 if len(hour) else 0
        waiting = frame["provisional"].to_numpy(dtype=np.float64)
        parts = (exact(frame, measure).astype(np.float64), row_lengths(frame), waiting)
        self.value, self.length, self.waiting = (
            np.bincount(code * self.size + hour, part, minlength=self.count * self.size).reshape(
                self.count, self.size
            )
            for part in parts
        )

    def partners(self, earlier: ClockHours) -> list[int]:
        """Row of each of these groups in an earlier table, -1 where it has none."""
        if self.groups is None or earlier.groups is None:
            return [0]
        return earlier.groups.get_indexer(self.groups).tolist()
