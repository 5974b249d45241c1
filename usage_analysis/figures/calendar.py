"""Heat map of the year by its days."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from usage_analysis.analysis.vocabulary import MONTHS, UNITS, axis_name, counted, shorten
from usage_analysis.figures.axes import (
    Floats,
    axes_for,
    check_columns,
    check_single,
    finished,
    in_units,
    is_narrow,
)
from usage_analysis.figures.colour import contrast
from usage_analysis.figures.heat import draw_cells
from usage_analysis.figures.labels import write_heading
from usage_analysis.figures.marks import Mark, left_out, when_in_words
from usage_analysis.figures.provenance import Provenance
from usage_analysis.figures.style import figure_style, theme_in_use
from usage_analysis.figures.ticks import weekdays_down
from usage_analysis.tidy.zones import DAY, local_clock, zone_of

_NUMBERED = 14
_MOST_NAMED = 4


@figure_style()
def plot_calendar(
    daily: pd.DataFrame,
    *,
    measure: str = "total_count",
    marks: Sequence[Mark] = (),
    title: str | None = None,
    about: Provenance | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Axes with a heat map of days, a column a week, months divided by lines and named.

    Parameters
    ----------
    daily
        What ``aggregate(hourly, "D")`` returns, on the clock that is meant.
    measure
        A column of it; durations are drawn in minutes.
    marks
        Days that they touch are dotted, those to leave out crossed; they are named above.
    title, about
        The finding, and what the data are.
    ax
        Where to draw; new axes of a figure apart from pyplot without it.

    Notes
    -----
    Days that are not whole, for they are not over or the data begin or end in them, are hatched;
    days outside the data are grey.
    """
    check_columns(daily, measure)
    check_single(daily, "plot_calendar")
    what = UNITS.get(measure, measure)
    ax = axes_for(ax, f"Calendar of {what} a day, a column a week")
    days = local_clock(daily) // DAY
    # 1970-01-01 was a Thursday: its week's Monday is day -3.
    week, weekday = (days + 3) // 7, (days + 3) % 7
    first = int(week.min()) if len(week) else 0
    weeks = int(week.max()) - first + 1 if len(week) else 1
    cells = np.full((7, max(weeks, 4)), np.nan)
    values = in_units(daily, measure)
    cells[weekday, week - first] = values
    top = float(np.nanmax(cells, initial=0.0))
    draw_cells(ax, cells, top, axis_name(measure, "day"))
    whole = finished(daily)
    _hatch(ax, week - first, weekday, ~whole)
    if weeks <= _NUMBERED:
        _number(ax, days, week - first, weekday, values / top if top > 0 else values, ~whole)
    _dot(ax, daily, week - first, weekday, marks)
    _months(ax, days, first, weeks)
    weekdays_down(ax)
    ax.set_xlabel(f"week [{zone_of(daily)}]")
    used = np.where(whole, values, np.nan) if whole.any() else values
    key = [] if whole.all() else ["hatched: not whole"]
    named = [_mark_in_key(mark, daily) for mark in marks if _touched(daily, mark).any()]
    key += named[:_MOST_NAMED]
    key += [f"{len(named) - _MOST_NAMED} marks more"] if len(named) > _MOST_NAMED else []
    write_heading(ax, title or _busiest_day(daily, used, measure), about, daily, key="; ".join(key))
    return ax


def _hatch(
    ax: Axes, week: NDArray[np.int64], weekday: NDArray[np.int64], flags: NDArray[np.bool_]
) -> None:
    theme = theme_in_use()
    for x, y in zip(week[flags], weekday[flags], strict=True):
        cell = Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, ec=theme.page, hatch="///", lw=0)
        cell.set_gid("unfinished")
        ax.add_patch(cell)


def _number(
    ax: Axes,
    days: NDArray[np.int64],
    week: NDArray[np.int64],
    weekday: NDArray[np.int64],
    shares: Floats,
    hatched: NDArray[np.bool_],
) -> None:
    """Write the day of the month in each cell, in black or white, whichever is the plainer."""
    colours = mpl.colormaps[theme_in_use().heat](np.nan_to_num(shares))
    numbers = days.view("M8[D]") - days.view("M8[D]").astype("M8[M]")
    for x, y, number, colour, behind in zip(week, weekday, numbers, colours, hatched, strict=True):
        ink = max("#FFFFFF", "#000000", key=lambda text: contrast(text, colour))
        box = {"facecolor": colour, "lw": 0, "pad": 1} if behind else None
        ax.text(x, y, str(int(number.astype(int)) + 1), color=ink, fontsize=7.5, ha="center",
                va="center", bbox=box, gid="day")  # fmt: skip


def _dot(
    ax: Axes,
    daily: pd.DataFrame,
    week: NDArray[np.int64],
    weekday: NDArray[np.int64],
    marks: Sequence[Mark],
) -> None:
    theme = theme_in_use()
    for mark in marks:
        touched, shape = _touched(daily, mark), "X" if mark.leave_out else "o"
        ax.plot(
            week[touched] + 0.3, weekday[touched] - 0.3, shape, ms=5.5, mfc=theme.page,
            mec=theme.ink, mew=0.8, gid="mark",
        )  # fmt: skip


def _touched(daily: pd.DataFrame, mark: Mark) -> NDArray[np.bool_]:
    """Return which days a mark touches."""
    end = mark.end or mark.start + pd.Timedelta(microseconds=1)
    return left_out(daily, [Mark(mark.start, mark.label, end=end, leave_out=True)])


def _mark_in_key(mark: Mark, daily: pd.DataFrame) -> str:
    shape = "✕" if mark.leave_out else "○"
    return f"{shape} {shorten(mark.label, 32)}, {when_in_words(mark, zone_of(daily))}"


def _months(ax: Axes, days: NDArray[np.int64], first: int, weeks: int) -> None:
    """Draw lines between months, and name each month below its weeks."""
    if len(days) == 0:
        ax.set_xticks([])
        return
    every = np.arange((first * 7) - 3, (first + weeks) * 7 - 3)
    months = every.view("M8[D]").astype("M8[M]")
    turns = np.flatnonzero(months[1:] != months[:-1]) + 1
    lines = [line for turn in turns for line in _divide(*divmod(int(turn), 7))]
    ax.add_collection(
        LineCollection(lines, colors=theme_in_use().page, linewidths=2, gid="months"), autolim=False
    )
    own = days.view("M8[D]").astype("M8[M]")
    there = np.unique(own)
    middles = [float(np.mean((days[own == month] + 3) // 7 - first)) for month in there]
    apart = weeks / (6 if is_narrow(ax) else 16)
    shown = [0]
    for place in range(1, len(there)):
        if middles[place] - middles[shown[-1]] >= apart:
            shown.append(place)
    names = [_month(there[place], first=place == 0) for place in shown]
    ax.set_xticks([middles[place] for place in shown], names)


def _divide(week: int, weekday: int) -> list[list[tuple[float, float]]]:
    """Return the line that separates a day from the days before it."""
    at = week - 0.5
    down = [(at, 6.5), (at, weekday - 0.5)]
    return [[*down, (at + 1, weekday - 0.5), (at + 1, -0.5)] if weekday else down]


def _month(month: np.datetime64, *, first: bool) -> str:
    months = int(month.astype("M8[M]").astype(np.int64))
    name, year = MONTHS[months % 12], 1970 + months // 12
    return f"{name}\n{year}" if first or months % 12 == 0 else name


def _busiest_day(daily: pd.DataFrame, values: Floats, measure: str) -> str:
    if not np.nansum(values) > 0:
        return f"No {UNITS[measure]} on any day"
    top = int(np.nanargmax(values))
    return f"Busiest day: {daily.index[top]:%A %Y-%m-%d} with {counted(values[top], measure)}"
