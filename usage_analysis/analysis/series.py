"""Hours of a frame as tables, and the numerator and denominator of each measure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from usage_analysis.analysis.arrays import Booleans, Floats, exact
from usage_analysis.analysis.baseline import Hours, Measure
from usage_analysis.analysis.marks import calendar_of
from usage_analysis.analysis.meaning import Meaning
from usage_analysis.analysis.month_days import date_of
from usage_analysis.analysis.rates import dates_of
from usage_analysis.errors import QueryError
from usage_analysis.tidy import zones
from usage_analysis.tidy.frames import COUNTS, can_share_calls
from usage_analysis.tidy.grouping import rows_of
from usage_analysis.tidy.wire import MEASURES
from usage_analysis.tidy.zones import DAY, HOUR

#: Numerator and denominator of each measure that is no column.
RATIOS: Final = {
    "error_rate": ("error_count", "total_count"),
    "join_rate": ("joined_count", "total_count"),
    "average_call_duration": ("duration", "joined_count"),
}


#: All measures.
MEASURED: Final = (*MEASURES, *RATIOS)


def columns_of(measure: str) -> tuple[str, ...]:
    """Return the columns that a measure needs.

    Raises
    ------
    QueryError
        The measure is unknown.
    """
    if measure not in MEASURED:
        raise QueryError(f"measure: expected {', '.join(MEASURED)}, got {measure!r}")
    return RATIOS.get(measure, (measure,))


def plain(frame: pd.DataFrame, column: str) -> Floats:
    """Return a column as numbers; durations are in seconds."""
    return exact(frame, column) / (1e6 if column == "duration" else 1.0)


@dataclass(frozen=True)
class Series:
    """Hours of a frame as tables, one row per series: the whole account first, then its groups."""

    #: Names of the series; None for the whole account.
    names: list[Any]
    hours: Hours
    #: Start of each hour [us].
    times: Any
    columns: dict[str, Floats]
    learn: Booleans
    judge: Booleans
    #: Whether the first series is the whole account.
    whole: bool

    @property
    def days(self) -> int:
        """Number of days to learn from."""
        return int(self.learn.any(axis=0).sum() // 24)


def tabulate(
    hourly: pd.DataFrame, history: pd.DataFrame | None, holidays: Any, columns: Iterable[str]
) -> Series:
    """Return the hours of a frame and of its history as tables."""
    data = hourly if history is None else pd.concat([history, hourly])
    rows = rows_of(data)
    place = (rows.times - rows.times[0]) // HOUR
    size, count = int(place[-1]) + 1, rows.count
    times = rows.times[0] + HOUR * np.arange(size)
    cell = rows.code * size + place[rows.place]

    def table(values: Any) -> Floats:
        sums = np.bincount(cell, values, minlength=count * size)
        return sums.astype(np.float64, copy=False).reshape(count, size)

    values = {column: table(plain(data, column)) for column in columns}
    for part in ("error_count", "joined_count"):
        # Halves of hours, of zones off the hour, are not exact.
        if {part, "total_count"} <= {*values} and (
            values[part] > values["total_count"] + 1e-6
        ).any():
            raise QueryError(f"{part}: expected at most total_count in each hour, got more")
    learn = (table(np.ones(len(data))) > 0) & (table(data["provisional"].to_numpy(float)) == 0)
    # Each row has parts of two UTC hours, as `in_timezone` makes them.
    halves = all(data[name].dtype.kind == "f" for name in COUNTS if name in data)
    if halves and len(rows.times) == size > 2 and (rows.times % HOUR).all():
        off = times[0] % HOUR / HOUR
        values = {name: rejoin_hours(seen, off) for name, seen in values.items()}
        values |= {name: np.rint(values[name]) for name in COUNTS if name in values}
        learn, times = learn[:, 1:] & learn[:, :-1], times[1:] - times[0] % HOUR
    local = zones.clock_of(times, rows.zone)
    day = local // DAY
    names = [None] if rows.groups is None else list(rows.groups)
    whole = rows.groups is None
    if rows.groups is not None and not can_share_calls(data):
        names, whole = [None, *names], True
        values = {name: np.vstack([part.sum(0), part]) for name, part in values.items()}
        learn = np.vstack([learn.any(0), learn])
    judge = learn & (times >= zones.row_times(hourly).min())
    dates = np.arange(int(day[0]), int(day[-1]) + 1)
    calendar = calendar_of(holidays)
    off = np.array([date_of(int(one)) in calendar for one in dates], dtype=np.bool_)
    slot = 24 * zones.weekday_of(day) + local // HOUR % 24
    return Series(names, Hours(slot, day - day[0], off), times, values, learn, judge, whole)


def rejoin_hours(rows: Floats, part: float) -> Floats:
    """Return the UTC hours that were divided over clock hours, as they were.

    A row has the last `1 - part` of one hour and the first `part` of the next. So each hour follows
    from its neighbour, but for a multiple of an alternating series, which the smoothest hours tell.

    Parameters
    ----------
    rows
        Sums of clock hours; shape (series, rows).
    part
        Share of a UTC hour that lies in the clock hour in which the UTC hour begins.

    Returns
    -------
    array
        The UTC hours that lie within the rows; shape (series, rows - 1).
    """
    if part < 0.5:  # backwards, errors die out
        return rejoin_hours(rows[:, ::-1], 1 - part)[:, ::-1]
    ratio = (1 - part) / part
    hours = np.zeros((len(rows), rows.shape[1] + 1))
    for at in range(rows.shape[1]):
        hours[:, at + 1] = rows[:, at] / part - ratio * hours[:, at]
    swing = (-ratio) ** np.arange(hours.shape[1])
    step = np.diff(swing) / (rows + 1)
    multiple = (step * np.diff(hours)).sum(axis=1) / (step * np.diff(swing)).sum(axis=1)
    return np.asarray(np.maximum(hours - multiple[:, None] * swing, 0.0)[:, 1:-1])


def measure_of(series: Series, name: str) -> Measure:
    """Return the values of a measure with their exposure and their variance by chance."""
    columns = series.columns
    if name not in RATIOS:
        seen = columns[name]
        unit = np.ones(len(seen)) if name.endswith("_count") else None
        follows = 0 if name == "total_count" else 2
        return Measure(name, seen, np.ones_like(seen), None, "count", unit, follows)
    part, whole = (columns[column] for column in RATIOS[name])
    if name == "average_call_duration":
        return Measure(name, part, whole, whole, "rate", None, 1, 30.0)
    # Calls that were not joined vary as errors do: a bad hour multiplies them.
    events = part if name == "error_rate" else whole - part
    share = events.sum(1) / np.maximum(whole.sum(1), 1)
    unit, missed = np.maximum(1 - share, 0.02), name == "join_rate"
    return Measure(name, events, whole, whole, "rate", unit, 0, complement=missed)


def meaning_for(
    helper: str, measure: str, frame: pd.DataFrame, confidence: float, method: str
) -> Meaning:
    """Return the meaning of a result about a column, a rate or a mean."""
    rate = measure in ("error_rate", "join_rate")
    event, denominator = RATIOS[measure] if rate else (None, None)
    return Meaning(
        made_by=helper,
        measure=None if rate else measure,
        event=event,
        denominator=denominator,
        confidence=confidence,
        method=method,
        dates=dates_of(frame),
    )
