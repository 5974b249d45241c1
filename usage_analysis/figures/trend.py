"""Load over time: one series, or the lines of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from usage_analysis.analysis.statements.groups import state_largest
from usage_analysis.analysis.vocabulary import (
    UNITS,
    amount,
    axis_name,
    counted,
    per,
    several,
    span_of,
)
from usage_analysis.errors import QueryError
from usage_analysis.figures.axes import (
    MANY,
    ON_AXIS,
    OTHERS,
    WEEK,
    Floats,
    axes_for,
    check_columns,
    colour_of,
    finished,
    groups_by_size,
    in_units,
    last_known,
    needs_dot,
    others_name,
    split_at_gaps,
)
from usage_analysis.figures.labels import label_ends, write_heading
from usage_analysis.figures.marks import Mark, draw_marks, left_out
from usage_analysis.figures.provenance import Provenance
from usage_analysis.figures.style import figure_style, theme_in_use
from usage_analysis.figures.ticks import dates_of, from_zero, time_axis
from usage_analysis.tidy.frames import group_column
from usage_analysis.tidy.zones import DAY, local_clock, zone_of

_HOURS_SHOWN = 35 * 24


@figure_style()
def plot_trend(
    frame: pd.DataFrame,
    *,
    measure: str = "total_count",
    previous: pd.DataFrame | None = None,
    groups: int | Sequence[str] | None = None,
    marks: Sequence[Mark] = (),
    title: str | None = None,
    about: Provenance | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a measure over time: each bucket, a moving mean, incomplete buckets dashed.

    Parameters
    ----------
    frame
        What `aggregate` returns, or a canonical frame, with or without a group column. Of a
        breakdown each group is a line, and the largest are named where they end. Of more than 120
        buckets the moving means of groups are drawn, because their lines would hide each other.
    measure
        A column of it; durations are drawn in minutes.
    previous
        Hours or days of a previous period, drawn dashed with its first day on the frame's first.
    groups
        Groups that are named: their names, or how many of the largest (6). The others are grey
        lines, and the shares in the title are of all groups.
    marks
        What you know of the time shown; the periods to leave out are not in the mean.
    title, about
        The finding, and what the data are.
    ax
        Where to draw; new axes of a figure apart from pyplot without it.

    Raises
    ------
    QueryError
        `previous` beside groups, or beside weeks and longer, which no whole number of days moves;
        or an unknown group.

    Notes
    -----
    A bucket is not whole that is not over, or that the data begin or end in. The mean is over 7
    buckets up to and with each one (24 where they are hours; of more than five weeks of hours a
    week of them, over the band of each day). It is missing where one of them is not whole, left out
    or not in the frame: over fewer, or over those before, it would hold other weekdays than the one
    beside it.
    """
    check_columns(frame, measure)
    zone_of(frame)
    every = span_of(frame)
    ax = axes_for(ax, f"Line of {UNITS.get(measure, measure)} {per(every)}")
    time_axis(ax, frame)
    smoothed = key = ""
    if group_column(frame) is None:
        tall = np.zeros(1)
        if previous is not None and len(previous) and len(frame):
            tall, key = _beside(ax, frame, previous, measure, every)
        key = "; ".join(filter(None, (_single(ax, frame, measure, every, marks, tall), key)))
    elif previous is None:
        smoothed = _lines(ax, frame, measure, every, marks, groups)
    else:
        raise QueryError("previous: expected none beside groups, got a frame")
    ax.set_ylabel(f"{smoothed}{axis_name(measure, every)}")
    # A few buckets of groups have no mean, and the shares in the title are of all.
    draw_marks(ax, marks, counted=frame if group_column(frame) and not smoothed else None)
    write_heading(ax, title or _finding(frame, measure, every, marks), about, frame, key=key)
    return ax


def _beside(
    ax: Axes, frame: pd.DataFrame, previous: pd.DataFrame, measure: str, every: str
) -> tuple[Floats, str]:
    """Draw what was before on the days of a frame; its values, and what its line means."""
    if every not in ("hour", "day"):
        raise QueryError(f"previous: expected hours or days, got buckets of a {every}")
    theme, zone = theme_in_use(), zone_of(frame)
    own, index = pd.DatetimeIndex(frame.index), pd.DatetimeIndex(previous.index).tz_convert(zone)
    moved = index.tz_localize(None) + (_day(own[0]) - _day(index[0]))
    # On the same clock: an hour that a change of clocks leaves out has no place, a day has one.
    repeated = np.ones(len(moved), dtype=bool)
    missing: Literal["NaT", "shift_forward"] = "NaT" if every == "hour" else "shift_forward"
    places = moved.tz_localize(zone, ambiguous=repeated, nonexistent=missing)
    shown = places <= own[-1]
    line, values = split_at_gaps(dates_of(places[shown]), in_units(previous, measure)[shown])
    ax.plot(line, values, color=theme.muted, ls="--", lw=1.2, gid="previous")
    days = f"{index[0]:%Y-%m-%d}", f"{index[-1]:%Y-%m-%d}"
    return values, f"dashed: {' to '.join(dict.fromkeys(days))}"


def _day(moment: pd.Timestamp) -> pd.Timestamp:
    return moment.tz_localize(None).normalize()


def _single(
    ax: Axes, frame: pd.DataFrame, measure: str, every: str, marks: Sequence[Mark], beside: Floats
) -> str:
    """Draw one series, and say what is drawn of more hours than lines can show."""
    theme = theme_in_use()
    x, y = dates_of(pd.DatetimeIndex(frame.index)), in_units(frame, measure)
    whole, key = finished(frame), ""
    if every == "hour" and len(frame) > _HOURS_SHOWN:
        _day_bands(ax, frame, np.where(whole, y, np.nan))
        key = "band: each day's quietest to busiest hour"
    else:
        line, values = split_at_gaps(x, np.where(whole, y, np.nan))
        ax.plot(line, values, color=theme.soft, lw=1.2, gid="buckets", **ON_AXIS)
        dots = needs_dot(values)
        ax.plot(line[dots], values[dots], "o", color=theme.soft, ms=2.5, gid="dots", **ON_AXIS)
    ends = []
    if not whole.all():
        line, values = split_at_gaps(x, np.where(_with_neighbours(~whole), y, np.nan))
        ax.plot(line, values, color=theme.soft, lw=1.0, ls=(0, (2, 2)), gid="unfinished")
        ax.plot(
            x[~whole], y[~whole], ls="none", marker="o", ms=3.5, mfc=theme.page, mec=theme.soft,
            gid="open", **ON_AXIS,
        )  # fmt: skip
        ends.append((float(y[~whole][-1]), f"{every} not whole", theme.soft))
    used, (over, words) = whole & ~left_out(frame, marks), _mean_over(every, len(frame))
    line, mean = _moving_mean(x, np.where(used, y, np.nan), over)
    if np.isfinite(mean).any():
        ax.plot(line, mean, color=theme.main, lw=2.2, gid="mean", **ON_AXIS)
        ends.append((last_known(mean), f"mean of {words}", theme.main))
    from_zero(ax, np.concatenate([y, beside]))
    label_ends(ax, ends)
    return key


def _mean_over(every: str, buckets: int) -> tuple[int, str]:
    """Return the length of the moving mean in buckets and in words."""
    if every != "hour":
        return WEEK, f"{WEEK} {every}s"
    return (24, "24 hours") if buckets <= _HOURS_SHOWN else (WEEK * 24, f"{WEEK} days")


def _day_bands(ax: Axes, hourly: pd.DataFrame, values: Floats) -> None:
    """Draw a band from the least to the greatest hour of each local day."""
    days = pd.Series(values).groupby(local_clock(hourly) // DAY)
    x = pd.Series(dates_of(pd.DatetimeIndex(hourly.index))).groupby(local_clock(hourly) // DAY)
    low, high = (part.to_numpy().astype(np.float64) for part in (days.min(), days.max()))
    line, low, high = split_at_gaps(x.mean().to_numpy().astype(np.float64), low, high)
    ax.fill_between(line, low, high, color=theme_in_use().soft, alpha=0.4, lw=0, gid="day bands")


def _with_neighbours(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The flagged places and those beside them, between which a dashed line runs."""
    edges: NDArray[np.bool_] = flags | np.append(flags[1:], False) | np.append(False, flags[:-1])
    return edges


def _moving_mean(x: Floats, values: Floats, over: int) -> tuple[Floats, Floats]:
    """Places, with one in each gap, and the mean of so many up to each, where all are known."""
    line, there = split_at_gaps(x, values)
    return line, pd.Series(there).rolling(over).mean().to_numpy(dtype=np.float64)


def _lines(
    ax: Axes,
    frame: pd.DataFrame,
    measure: str,
    every: str,
    marks: Sequence[Mark],
    groups: int | Sequence[str] | None,
) -> str:
    """Draw one line per group, moving means where there are many buckets."""
    theme = theme_in_use()
    largest, others = groups_by_size(frame, measure, groups)
    buckets = len(largest[0][1]) if largest else 0
    (over, words), long = _mean_over(every, buckets), buckets > MANY
    if long:
        largest, others = (
            [(name, _averaged(rows, measure, over, marks)) for name, rows in parts]
            for parts in (largest, others)
        )
    ends, tops, low = [], [np.zeros(1)], []
    for _, rows in others:
        low.append(line_of_group(ax, rows, measure, OTHERS, 0.7, "other"))
    for (name, rows), colour in zip(largest, colour_of(largest), strict=True):
        ends.append((line_of_group(ax, rows, measure, colour, 1.6, "group"), name, colour))
        tops.append(in_units(rows, measure))
    if others:
        ends.append((float(np.mean(low)), others_name(others), theme.muted))
    from_zero(ax, np.concatenate(tops))
    label_ends(ax, ends)
    return f"mean over {words} of " if long else ""


def _averaged(rows: pd.DataFrame, measure: str, over: int, marks: Sequence[Mark]) -> pd.DataFrame:
    """Rows of one group with the moving mean in a measure's place."""
    used = finished(rows) & ~left_out(rows, marks)
    x = dates_of(pd.DatetimeIndex(rows.index))
    line, mean = _moving_mean(x, np.where(used, in_units(rows, measure), np.nan), over)
    return rows.assign(**{measure: mean[np.isin(line, x)]})


def line_of_group(
    ax: Axes, rows: pd.DataFrame, measure: str, colour: str, width: float, gid: str
) -> float:
    """Draw one group, unfinished buckets dashed, and say how high it ends."""
    x, y = dates_of(pd.DatetimeIndex(rows.index)), in_units(rows, measure)
    whole = finished(rows)
    line, values = split_at_gaps(x, np.where(whole, y, np.nan))
    marker = "o" if whole.sum() < 2 else "None"
    ax.plot(line, values, color=colour, lw=width, marker=marker, ms=3, gid=gid, **ON_AXIS)
    if not whole.all():
        line, values = split_at_gaps(x, np.where(_with_neighbours(~whole), y, np.nan))
        ax.plot(line, values, color=colour, lw=width * 0.7, ls=(0, (2, 2)), gid="unfinished")
    return last_known(y[whole]) if whole.any() else last_known(y)


def _finding(frame: pd.DataFrame, measure: str, every: str, marks: Sequence[Mark]) -> str:
    """Return the title of a trend."""
    what = UNITS.get(measure, measure)
    group = group_column(frame)
    if group is not None:
        return state_largest(frame, measure).title
    kept = frame[finished(frame) & ~left_out(frame, marks)]
    if len(kept) == 0:
        return f"No finished {every} yet, so no mean of {what} {per(every)}"
    values = in_units(kept, measure)
    if not np.nansum(values) > 0:
        return f"No {what} in {several(len(kept), f'whole {every}')}"
    top = int(np.nanargmax(values))
    if len(kept) == 1:
        return f"{counted(values[0], measure)} in the one whole {every}"
    if np.nansum(values) < len(kept):
        return f"{counted(np.nansum(values), measure)} in {len(kept):,} whole {every}s"
    when = kept.index[top]
    moment = f"{when:%A %Y-%m-%d}" if every == "day" else f"{when:%Y-%m-%d %H:%M}"
    return (
        f"{counted(float(np.nanmean(values)), measure)} {per(every)} on average over {len(kept):,} "
        f"whole {every}s, most on {moment} ({amount(values[top])})"
    )
