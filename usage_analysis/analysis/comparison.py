"""Whether one period differs from the one before it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.analysis.intervals import Floats, normal_quantile, student
from usage_analysis.analysis.month_days import date_of, in_kind
from usage_analysis.errors import QueryError
from usage_analysis.tidy.frame_check import check_frame
from usage_analysis.tidy.frames import copy_source, group_column
from usage_analysis.tidy.grouping import check_rows, groups_of, row_lengths
from usage_analysis.tidy.periods import calendar
from usage_analysis.tidy.wire import MEASURES
from usage_analysis.tidy.zones import (
    DAY,
    HOUR,
    clock_of,
    distinct,
    first_instants,
    in_order,
    row_times,
    zone_of,
)

Integers = NDArray[np.int64]

_COUNTS = ("total_count", "error_count", "joined_count")
_ROUNDING = 1e-12
# By these steps of whole weeks a period meets the same weekdays before it.
_STEPS = {"D": 7, "W": 7, "MS": 28, "QS": 91, "YS": 364}


def compare_periods(
    hourly: pd.DataFrame,
    previous: pd.DataFrame | None = None,
    *,
    every: str = "W",
    measure: str = "total_count",
    confidence: float = 0.95,
) -> pd.Series | pd.DataFrame:
    """Change from one period to the one before it, over the same weekdays and hours.

    Buckets are paired by local clock, whole weeks apart, so a Monday meets a Monday and three days
    of this week meet the same three of the last. A bucket that is unfinished (provisional) or whose
    partner is, or that has none of the same length (an hour that a change of the clock skips or
    repeats), is left out on both sides. The interval is Student's t over the days' differences
    (with fewer than two days, over the hours'), so days that differ anyway widen it. Differences
    that do not vary at all would make it a certainty, of however few calls: then counts have
    Poisson's, ±z·√(current + previous), and talk and minutes none. No end says that less than
    nothing came. Sums say that more calls came, not whether from more callers, nor why.

    Parameters
    ----------
    hourly
        Canonical hourly frame with or without a group column: both periods, or with `previous` the
        later one, whole.
    previous
        Canonical frame of the earlier period, on the same clock, with the same group column.
    every
        Without `previous`: the last ``"D"``, ``"W"``, ``"MS"``, ``"QS"`` or ``"YS"`` of the frame
        so far, beside the same weekdays 1, 1, 4 (or 5), 13 or 52 weeks before.
    measure
        A column of the frames.
    confidence
        Of the two-sided interval.

    Returns
    -------
    Series or DataFrame
        `current`, `previous`, `delta`, `low`, `high` (of the delta; NaN from one bucket alone, and
        of talk and minutes that do not vary), `change`, delta over previous (NaN where that is 0),
        `hours` and `days` compared, and `left_out`, how many buckets of the current period were
        not. A row a group for a breakdown.

    Raises
    ------
    QueryError
        No bucket has a partner, a column is missing, frames do not match, or an argument is not one
        of those above.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-02", periods=10 * 24, freq="h", tz="UTC", name="time")
    >>> hourly = pd.DataFrame({"total_count": 10, "provisional": False}, index=time)
    >>> hourly.loc["2026-03-09":, "total_count"] = 12
    >>> compare_periods(hourly)[["current", "previous", "change", "days"]].tolist()
    [864.0, 720.0, 0.2, 3.0]
    """
    if measure not in MEASURES:
        raise QueryError(f"measure: expected {', '.join(MEASURES)}, got {measure!r}")
    normal_quantile(confidence)
    for frame in (hourly,) if previous is None else (hourly, previous):
        check_frame("compare_periods", frame, measure, "provisional")
    if previous is None:
        start, shift = _last_period(hourly, every)
        previous = hourly
    else:
        _check_alike(hourly, previous)
        start, shift = _first_day(hourly), _weeks_between(hourly, previous)
    now = _Clock(hourly, measure, start)
    before = _Clock(previous, measure, start - shift, days=-(-now.size // 24))
    told = [
        _compared(now, before, row, other, measure, confidence)
        for row, other in enumerate(now.partners(before))
    ]
    if not any(row["hours"] for row in told):
        raise QueryError(
            "compare_periods: expected finished buckets on the same weekdays and hours of both "
            "periods, got none; give it earlier rows too"
        )
    if now.groups is None:
        return copy_source(pd.Series(told[0], name="compare_periods"), hourly, previous)
    return copy_source(pd.DataFrame(told, index=now.groups), hourly, previous)


def _check_alike(frame: pd.DataFrame, previous: pd.DataFrame) -> None:
    wanted, group = group_column(frame), group_column(previous)
    if group != wanted:
        raise QueryError(f"previous: expected the same group column, {wanted}, got {group}")
    if str(zone_of(previous)) != str(zone_of(frame)):
        raise QueryError(f"previous: expected the clock {zone_of(frame)}, got {zone_of(previous)}")


def _first_day(frame: pd.DataFrame) -> int:
    if len(frame) == 0:
        return 0
    return int(clock_of(row_times(frame).min(keepdims=True), zone_of(frame))[0] // DAY)


def _last_period(frame: pd.DataFrame, every: str) -> tuple[int, int]:
    """First local day of the frame's last period, and how many days before it its partner lies."""
    number, start_of = calendar(every)
    if len(frame) == 0:
        return 0, 7
    last = clock_of(row_times(frame).max(keepdims=True), zone_of(frame))
    start = int(start_of(number(last))[0] // DAY)
    elapsed = int(last[0] // DAY) - start + 1
    step = _STEPS[every.partition("-")[0]]
    return start, max(step, 7 * math.ceil(elapsed / 7))


def _weeks_between(later: pd.DataFrame, earlier: pd.DataFrame) -> int:
    days = 7 * round((_first_day(later) - _first_day(earlier)) / 7)
    if days <= 0 and len(later) and len(earlier):
        raise QueryError(
            f"previous: expected to begin before the frame, got {date_of(_first_day(earlier))} "
            f"beside {date_of(_first_day(later))}"
        )
    return days


def _days_of(frame: pd.DataFrame, start: int, days: int | None) -> pd.DataFrame:
    """Rows from a local day on, for so many days: the rest of a long frame is not looked at."""
    times = row_times(frame)
    ends = first_instants(zone_of(frame), np.array([start, start + (days or 0)]) * DAY)
    if days is None:
        ends[1] = np.iinfo(np.int64).max
    if in_order(times):
        return frame.iloc[slice(*np.searchsorted(times, ends).tolist())]
    inside = (times >= ends[0]) & (times < ends[1])
    return frame if inside.all() else frame[inside]


class _Clock:
    """What came in each clock hour from a local day on, by group: tables of groups and hours."""

    def __init__(
        self, frame: pd.DataFrame, measure: str, start: int, days: int | None = None
    ) -> None:
        group = group_column(frame)
        kept = [group, measure, "provisional", "hours"]
        frame = _days_of(frame[[name for name in kept if name in frame]], start, days)
        check_rows("compare_periods", frame, "hour")
        where, known = distinct(row_times(frame))
        hour = (clock_of(known, zone_of(frame)) // HOUR - 24 * start)[where]
        if np.any(hour < 0):  # a clock that was put back over midnight
            frame, hour = frame[hour >= 0], hour[hour >= 0]
        code, self.groups = groups_of(frame)
        self.count = 1 if self.groups is None else max(len(self.groups), 1)
        self.size = int(hour.max()) + 1 if len(hour) else 0
        values = frame[measure].to_numpy()
        if measure == "duration":
            values = values.astype("m8[us]").view(np.int64)
        waiting = frame["provisional"].to_numpy(dtype=np.float64)
        parts = (values.astype(np.float64), row_lengths(frame), waiting)
        self.value, self.length, self.waiting = (
            np.bincount(code * self.size + hour, part, minlength=self.count * self.size).reshape(
                self.count, self.size
            )
            for part in parts
        )

    def partners(self, earlier: _Clock) -> list[int]:
        """Row of each of these groups in an earlier table, -1 where it has none."""
        if self.groups is None or earlier.groups is None:
            return [0]
        return earlier.groups.get_indexer(self.groups).tolist()


def _compared(
    now: _Clock, before: _Clock, row: int, other: int, measure: str, confidence: float
) -> dict[str, Any]:
    """Both tables begin on the days that are compared, so hours of one number are partners."""
    size = 0 if other < 0 else min(now.size, before.size)
    there = now.length[row] > 0
    same = there & (now.waiting[row] == 0)
    same[size:] = False
    same[:size] &= before.waiting[other, :size] == 0
    same[:size] &= now.length[row, :size] == before.length[other, :size]
    hour = np.flatnonzero(same)
    current, earlier = now.value[row, hour], before.value[other, hour]
    day = hour // 24
    delta = float((current - earlier).sum())
    both = float(current.sum() + earlier.sum())
    half = _half_width(current - earlier, day, confidence, both, counted=measure in _COUNTS)
    kinds = {
        "current": current.sum(),
        "previous": earlier.sum(),
        "delta": delta,
        "low": np.maximum(delta - half, -earlier.sum()),
        "high": delta + half,
    }
    return {
        **{name: in_kind(float(value), measure) for name, value in kinds.items()},
        "change": delta / float(earlier.sum()) if earlier.sum() else math.nan,
        "hours": float(now.length[row, hour].sum() / HOUR),
        "days": int(np.count_nonzero(np.bincount(day))),
        "left_out": int(there.sum() - same.sum()),
    }


def _half_width(
    differences: Floats, day: Integers, confidence: float, both: float, *, counted: bool
) -> float:
    """Half an interval of the differences' sum: by days, or by hours within a single day."""
    hours = np.bincount(day)
    if np.count_nonzero(hours) >= 2:
        differences = np.bincount(day, differences)[hours > 0].astype(np.float64)
    n = len(differences)
    if n < 2:
        return math.nan
    spread = float(differences.std(ddof=1))
    # Sums of minutes that are equal differ in their last bits.
    if spread > _ROUNDING * both:
        return student(confidence, n - 1) * spread * math.sqrt(n)
    return normal_quantile(confidence) * math.sqrt(both) if counted and both > 0 else math.nan
