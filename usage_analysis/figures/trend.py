"""Load over time: one series, or one line per group."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from usage_analysis.analysis.arrays import Floats, finished, in_units
from usage_analysis.analysis.statements.totals import state_largest, state_total
from usage_analysis.analysis.vocabulary import axis_name, date_range, span_of
from usage_analysis.errors import QueryError
from usage_analysis.figures import axes, lines
from usage_analysis.figures.labels import label_ends
from usage_analysis.figures.lines import ON_AXIS, Ends
from usage_analysis.figures.marks import Mark, draw_marks, left_out, marks_of_changes
from usage_analysis.figures.plots import Caption, MarkedOptions, Panel, plot
from usage_analysis.figures.style import theme_in_use
from usage_analysis.tidy.frames import group_column
from usage_analysis.tidy.zones import DAY, local_clock, zone_of

_HOURS_SHOWN = 35 * 24


@plot()
def plot_trend(
    panel: Panel,
    frame: pd.DataFrame,
    *,
    measure: str = "total_count",
    previous: pd.DataFrame | None = None,
    changes: pd.DataFrame | None = None,
    groups: axes.Groups = None,
    **_: Unpack[MarkedOptions],
) -> Caption:
    """Draw a measure over time, with its moving mean.

    Parameters
    ----------
    frame
        Result of `aggregate`, or a canonical frame, with or without a group column. Of a breakdown
        each group is a line, and the largest groups are named where their lines end. For more than
        120 buckets the moving means of groups are drawn, because their lines would hide each other.
    measure
        Column to draw; durations are drawn in minutes.
    previous
        Hours or days of a previous period, drawn dashed from the first day of `frame`.
    changes
        Result of `change_points` for the same measure. Each change is a dotted line with its size
        on the first day of the new level.
    groups
        Groups to name: names, or the number of the largest groups (6). The others are grey lines.
    marks
        Events and periods to name on the time axis; periods to leave out are not in the mean.

    Raises
    ------
    QueryError
        The column is missing, a group is unknown, `changes` are of another measure, or `previous`
        was given for a breakdown or for buckets longer than a day.

    Notes
    -----
    - Unfinished buckets are dashed: those that are not over, or in which the data begin or end.
    - The moving mean covers the last 7 buckets, of hours the last 24. For more than five weeks of
      hours it covers a week, and a band shows the hours of each day.
    - The moving mean is missing where one of its buckets is unfinished, left out or not in the
      frame, because fewer buckets would not cover all weekdays.
    - Shares in the title are of all groups.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> usage = ua.sample_client().call_usage(from_date="2026-03-02", to_date="2026-03-15")
    >>> ax = ua.plot_trend(ua.aggregate(usage.hourly, "D"), measure="duration")
    >>> ax.get_ylabel()
    'talk [min per day]'
    """
    ax, of, marks, _about = panel
    dated, changed = marks_of_changes(changes, of, frame)
    every, grouped = span_of(frame), group_column(frame) is not None
    axes.time_axis(ax, frame)
    smoothed = key = ""
    if grouped:
        if previous is not None:
            raise QueryError("previous: expected none for a breakdown, got a frame")
        smoothed = _draw_groups(ax, frame, measure, groups, marks)
    else:
        beside, key = _draw_previous(ax, frame, previous, measure)
        keys = _draw_single(ax, frame, measure, marks, beside), key, changed
        key = "; ".join(filter(None, keys))
    ax.set_ylabel(f"{smoothed}{axis_name(measure, every)}")
    # A few buckets of groups have no mean, and the shares in the title are of all.
    draw_marks(ax, [*dated, *marks], counted=frame if grouped and not smoothed else None)
    found = state_largest(frame, measure) if grouped else state_total(frame, measure, marks)
    return Caption(f"Line of {of.name} per {every}", found.title, key)


def _draw_previous(
    ax: Axes, frame: pd.DataFrame, previous: pd.DataFrame | None, measure: str
) -> tuple[Floats, str]:
    """Draw a previous period on the days of a frame; return its values and the line's meaning."""
    if previous is None or not len(previous) or not len(frame):
        return np.zeros(1), ""
    every, zone = span_of(frame), zone_of(frame)
    if every not in ("hour", "day"):
        raise QueryError(f"previous: expected hours or days, got buckets of a {every}")
    own, index = pd.DatetimeIndex(frame.index), pd.DatetimeIndex(previous.index).tz_convert(zone)
    first, start = (times[0].tz_localize(None).normalize() for times in (own, index))
    moved = index.tz_localize(None) + (first - start)
    # On the same clock: an hour that a change of clocks leaves out has no place, a day has one.
    repeated = np.ones(len(moved), dtype=bool)
    missing: Literal["NaT", "shift_forward"] = "NaT" if every == "hour" else "shift_forward"
    places = moved.tz_localize(zone, ambiguous=repeated, nonexistent=missing)
    shown = places <= own[-1]
    values = in_units(previous, measure)[shown]
    line, heights = lines.split_at_gaps(axes.dates_of(places[shown]), values)
    days = date_range(previous.set_axis(index))
    look: dict[str, Any] = {"color": theme_in_use().muted, "ls": "--", "lw": 1.2}
    ax.plot(line, heights, gid="previous", label=days, **look)
    aligned = "" if (first - start).days % axes.WEEK == 0 else ", weekdays not aligned"
    return heights, f"dashed: {days}{aligned}"


def _draw_single(
    ax: Axes, frame: pd.DataFrame, measure: str, marks: Sequence[Mark], beside: Floats
) -> str:
    """Draw one series, and return the key of the band that is drawn for many hours."""
    theme, every, key = theme_in_use(), span_of(frame), ""
    x, y, whole = axes.dates_of(frame.index), in_units(frame, measure), finished(frame)
    known = np.where(whole, y, np.nan)
    if every == "hour" and len(frame) > _HOURS_SHOWN:
        _draw_day_bands(ax, frame, known)
        key = "band: each day's quietest to busiest hour"
    else:
        lines.draw_line(ax, x, known, color=theme.soft, lw=1.2, gid="buckets")
        line, values = lines.split_at_gaps(x, known)
        dots = lines.needs_dot(values)
        ax.plot(line[dots], values[dots], "o", color=theme.soft, ms=2.5, gid="dots", **ON_AXIS)
    ends: Ends = []
    if not whole.all():
        lines.draw_unfinished(ax, x, y, whole, color=theme.soft, lw=1.0)
        hollow = {"marker": "o", "ms": 3.5, "mfc": theme.page, "mec": theme.soft, **ON_AXIS}
        ax.plot(x[~whole], y[~whole], ls="none", gid="open", **hollow)
        ends.append((float(y[~whole][-1]), f"{every} not whole", theme.soft))
    over, words = _mean_over(every, len(frame))
    line, values = lines.split_at_gaps(x, np.where(left_out(frame, marks), np.nan, known))
    mean = _moving_mean(values, over)
    if np.isfinite(mean).any():
        name = f"mean of {words}"
        ax.plot(line, mean, color=theme.main, lw=2.2, gid="mean", label=name, **ON_AXIS)
        ends.append((lines.last_finite(mean), name, theme.main))
    axes.from_zero(ax, np.concatenate([y, beside]))
    label_ends(ax, ends)
    return key


def _mean_over(every: str, buckets: int) -> tuple[int, str]:
    """Return the length of the moving mean in buckets and in words."""
    if every != "hour":
        return axes.WEEK, f"{axes.WEEK} {every}s"
    return (24, "24 hours") if buckets <= _HOURS_SHOWN else (axes.WEEK * 24, f"{axes.WEEK} days")


def _moving_mean(values: Floats, over: int) -> Floats:
    """Return the moving mean that ends at each value, NaN if a value is missing."""
    return pd.Series(values).rolling(over).mean().to_numpy(dtype=np.float64)


def _draw_day_bands(ax: Axes, hourly: pd.DataFrame, values: Floats) -> None:
    """Draw a band from the least to the greatest hour of each local day."""
    hours = pd.DataFrame({"x": axes.dates_of(hourly.index), "y": values})
    days = hours.groupby(local_clock(hourly) // DAY)
    bands = days.agg(x=("x", "mean"), low=("y", "min"), high=("y", "max")).to_numpy().T
    lines.draw_band(ax, *bands, color=theme_in_use().soft, alpha=0.4, gid="day bands")


def _draw_groups(
    ax: Axes, frame: pd.DataFrame, measure: str, groups: axes.Groups, marks: Sequence[Mark]
) -> str:
    """Draw one line per group, or the moving means of many buckets, and return the key."""
    named, others = axes.groups_by_size(frame, measure, groups)
    buckets = max((len(rows) for _, rows in [*named, *others]), default=0)
    (over, words), many = _mean_over(span_of(frame), buckets), buckets > axes.MANY
    if many:
        named, others = (
            [(name, _average(rows, measure, over, marks)) for name, rows in parts]
            for parts in (named, others)
        )
    ends = lines.draw_groups(named, others, partial(lines.line_of_group, ax, measure))
    values = [in_units(rows, measure) for _, rows in [*named, *others]]
    axes.from_zero(ax, np.concatenate([np.zeros(1), *values]))
    label_ends(ax, ends)
    return f"mean over {words} of " if many else ""


def _average(rows: pd.DataFrame, measure: str, over: int, marks: Sequence[Mark]) -> pd.DataFrame:
    """Return the rows of one group with the moving mean in place of the measure."""
    used = finished(rows) & ~left_out(rows, marks)
    x = axes.dates_of(rows.index)
    line, values = lines.split_at_gaps(x, np.where(used, in_units(rows, measure), np.nan))
    return rows.assign(**{measure: _moving_mean(values, over)[np.isin(line, x)]})
