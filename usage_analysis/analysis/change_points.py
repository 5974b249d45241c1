"""Lasting changes of level in daily figures."""

from typing import Any, Final

import numpy as np
import pandas as pd

from usage_analysis.analysis.arrays import Floats, finished, ratio
from usage_analysis.analysis.baseline import TWO_WEEKS
from usage_analysis.analysis.intervals import normal_quantile, student
from usage_analysis.analysis.level_changes import LevelChange, find_changes, noise_around
from usage_analysis.analysis.marks import calendar_of
from usage_analysis.analysis.meaning import with_meaning
from usage_analysis.analysis.month_days import date_of
from usage_analysis.analysis.series import columns_of, meaning_for, plain
from usage_analysis.analysis.weekdays import learn_weekdays
from usage_analysis.errors import refusal
from usage_analysis.tidy import zones
from usage_analysis.tidy.frame_check import check_frame
from usage_analysis.tidy.frames import group_column
from usage_analysis.tidy.grouping import each_group
from usage_analysis.tidy.zones import DAY

_METHOD: Final = "binary segmentation of days free of their weekday (Scott and Knott 1974)"
_COLUMNS: Final = ["date", "first", "last", "before", "after", "change", "low", "high"]


def change_points(
    daily: pd.DataFrame,
    *,
    measure: str = "total_count",
    confidence: float = 0.95,
    holidays: Any = None,
) -> pd.DataFrame:
    """Return the days on which a level changed for good.

    Days are adjusted for their weekday first. A change is reported where a step explains the days
    significantly better than a constant level, allowing for correlation from day to day, and better
    than a steady trend. Changes of less than a week are left to `unusual`.

    Parameters
    ----------
    daily
        Canonical daily frame, with or without a group column. Provisional and incomplete days are
        left out.
    measure
        A column of the frame, ``"error_rate"``, ``"join_rate"`` or ``"average_call_duration"``.
    confidence
        Share of frames without a change in which none is told, over all groups together; also the
        level of all intervals.
    holidays
        Dates, ISO texts or a calendar of the package `holidays`; these days are left out.

    Returns
    -------
    DataFrame
        One row per change, in order, under its group for a breakdown: `date`, the first day of the
        new level; `first` and `last`, between which it lies; `before` and `after`, the mean per day
        (durations in seconds, rates as shares); `change`, after over before less 1, with its
        interval `low` and `high`.

    Raises
    ------
    QueryError
        A column is missing, rows are shorter than days, or an argument does not fit.

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.date_range("2026-03-01", periods=31, tz="UTC", name="time")
    >>> daily = pd.DataFrame({"total_count": [100, 104] * 7 + [60, 62] * 8 + [61],
    ...                       "provisional": False}, index=days)
    >>> change_points(daily)["date"].astype(str).tolist()
    ['2026-03-15']
    """
    columns = columns_of(measure)
    normal_quantile(confidence)
    check_frame("change_points", daily, *columns, "provisional", rows="day")
    calendar = calendar_of(holidays)
    group = group_column(daily)
    found = []
    parts = [(None, daily)] if group is None else list(each_group(daily))
    for name, days in parts:
        day, values, weight = _values(days, columns, calendar)
        if len(np.unique(day)) < len(day):
            raise refusal("shorter_rows")
        level = 1 - (1 - confidence) / len(parts)
        changes = find_changes(values, weight, level, confidence)
        own = {} if group is None else {group: name}
        found += [own | row for row in _rows(day, values, weight, changes, confidence)]
    table = pd.DataFrame(found, columns=[*([] if group is None else [group]), *_COLUMNS])
    meaning = meaning_for("change_points", measure, daily, confidence, _METHOD)
    return with_meaning(table, meaning, daily)


def _values(
    days: pd.DataFrame, columns: tuple[str, ...], calendar: Any
) -> tuple[Any, Floats, Floats]:
    """Return each day's number, its value adjusted for the weekday, and its weight."""
    day = zones.local_clock(days) // DAY
    off = [date_of(int(one)) in calendar for one in day]
    ready = finished(days) & ~np.array(off, dtype=np.bool_)
    order = np.argsort(day, kind="stable")
    order = order[ready[order]]
    parts = [plain(days, name)[order] for name in columns]
    day = day[order]
    if len(columns) == 2:
        return day, ratio(parts[0], parts[1], np.nan), parts[1]
    values = parts[0]
    share = _weekdays(values, zones.weekday_of(day))
    return day, values / share, share


def _weekdays(values: Floats, weekday: Any) -> Floats:
    """Return how large each day's weekday usually is, relative to a mean day."""
    if len(values) < TWO_WEEKS:
        return np.ones(len(values))
    # A mean over seven days holds each weekday once, whatever the level.
    level = np.convolve(np.pad(values, 3, mode="edge"), np.ones(7) / 7, mode="valid")
    share = (values / np.maximum(level, 1e-12))[None]
    inner = np.ones(share.shape, dtype=np.bool_)
    inner[:, :3] = inner[:, -3:] = False
    mean = learn_weekdays(share, inner, weekday).mean[0]
    return np.asarray(np.maximum(mean, 0.02)[weekday])


def _rows(
    day: Any, values: Floats, weight: Floats, changes: list[LevelChange], confidence: float
) -> list[dict[str, Any]]:
    cuts = [0, *(one.day for one in changes), len(values)]
    rows = []
    for place, one in enumerate(changes):
        parts = [slice(cuts[place], cuts[place + 1]), slice(cuts[place + 1], cuts[place + 2])]
        known = [np.flatnonzero(np.isfinite(values[part])) + part.start for part in parts]
        before, after = (float(np.average(values[k], weights=weight[k])) for k in known)
        both = np.concatenate(known)
        noise = noise_around(values[both], weight[both], len(known[0]))
        error = np.sqrt(noise * sum(1 / weight[k].sum() for k in known))
        wide = student(confidence, len(both) - 2) * error
        dates = (date_of(int(day[at])) for at in (one.day, one.first, one.last))
        moved = np.array([0.0, -wide, wide]) + (after - before)
        sizes = (moved / before if before else moved * np.nan).tolist()
        rows.append(dict(zip(_COLUMNS, (*dates, before, after, *sizes), strict=True)))
    return rows
