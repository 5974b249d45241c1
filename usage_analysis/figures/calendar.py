"""Heat map of the year by its days."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from usage_analysis.analysis.statements.loads import state_busiest_day
from usage_analysis.analysis.vocabulary import MONTHS, axis_name, shorten
from usage_analysis.figures.axes import Floats, finished, in_units, is_narrow
from usage_analysis.figures.colour import contrast
from usage_analysis.figures.heat import draw_cells
from usage_analysis.figures.marks import Mark, left_out, when_in_words
from usage_analysis.figures.plots import Caption, MarkedOptions, Panel, plot
from usage_analysis.figures.style import theme_in_use
from usage_analysis.figures.ticks import weekdays_down
from usage_analysis.tidy.zones import DAY, local_clock, zone_of

_NUMBERED = 14
_MOST_NAMED = 4
Days = NDArray[np.int64]


@plot(single=True)
def plot_calendar(
    panel: Panel, daily: pd.DataFrame, *, measure: str = "total_count", **_: Unpack[MarkedOptions]
) -> Caption:
    """Draw a heat map of days, one column per week, with lines between the months.

    Parameters
    ----------
    daily
        Result of ``aggregate(hourly, "D")`` on the clock that is meant.
    measure
        Column to draw; durations are drawn in minutes.
    marks
        Events and periods. Days with an event have a ring, days to leave out have a cross, and the
        line above the axes names them.

    Raises
    ------
    QueryError
        The column is missing, or the frame is a breakdown.

    Notes
    -----
    Unfinished days, which are not over or in which the data begin or end, are hatched. Days outside
    the data are grey.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> usage = ua.sample_client().call_usage(from_date="2026-03-02", to_date="2026-03-29")
    >>> ax = ua.plot_calendar(ua.aggregate(usage.hourly, "D"))
    >>> ax.get_title(loc="left").partition(" ")[0]
    'Busiest'
    """
    ax, of, marks, _about = panel
    days, values, whole = local_clock(daily) // DAY, in_units(daily, measure), finished(daily)
    # 1970-01-01 was a Thursday: its week's Monday is day -3.
    week, weekday = (days + 3) // 7, (days + 3) % 7
    first = int(week.min()) if len(week) else 0
    weeks = int(week.max()) - first + 1 if len(week) else 1
    week = week - first
    cells = np.full((7, max(weeks, 4)), np.nan)
    cells[weekday, week] = values
    top = draw_cells(ax, cells, axis_name(measure, "day"))
    _hatch(ax, week[~whole], weekday[~whole])
    if weeks <= _NUMBERED:
        _number(ax, days, week, weekday, values / top if top > 0 else values, ~whole)
    named = _draw_marks(ax, daily, week, weekday, marks)
    _draw_months(ax, days, first, weeks)
    weekdays_down(ax)
    ax.set_xlabel(f"week [{zone_of(daily)}]")
    key = [] if whole.all() else ["hatched: not whole"]
    key += named[:_MOST_NAMED]
    key += [f"{len(named) - _MOST_NAMED} marks more"] if len(named) > _MOST_NAMED else []
    return Caption(
        f"Calendar of {of.name} per day, one column per week",
        state_busiest_day(daily, measure).title,
        "; ".join(key),
    )


def _hatch(ax: Axes, week: Days, weekday: Days) -> None:
    """Hatch the cells of unfinished days."""
    look: dict[str, Any] = {"fill": False, "ec": theme_in_use().page, "hatch": "///", "lw": 0}
    for x, y in zip(week, weekday, strict=True):
        ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, gid="unfinished", **look))


def _number(
    ax: Axes, days: Days, week: Days, weekday: Days, shares: Floats, hatched: NDArray[np.bool_]
) -> None:
    """Write the day of the month in each cell, in black or white, whichever is the plainer."""
    colours = mpl.colormaps[theme_in_use().heat](np.nan_to_num(shares))
    dates = days.view("M8[D]")
    numbers = (dates - dates.astype("M8[M]")).astype(np.int64) + 1
    for x, y, number, colour, behind in zip(week, weekday, numbers, colours, hatched, strict=True):
        ink = max("#FFFFFF", "#000000", key=lambda text: contrast(text, colour))
        box = {"facecolor": colour, "lw": 0, "pad": 1} if behind else None
        ax.text(x, y, str(number), color=ink, fontsize=7.5, ha="center", va="center", bbox=box,
                gid="day")  # fmt: skip


def _draw_marks(
    ax: Axes, daily: pd.DataFrame, week: Days, weekday: Days, marks: Sequence[Mark]
) -> list[str]:
    """Draw the marks on their days, and return the names of those that lie in the frame."""
    theme, named = theme_in_use(), []
    look: dict[str, Any] = {
        "ls": "none",
        "ms": 5.5,
        "mfc": theme.page,
        "mec": theme.ink,
        "mew": 0.8,
    }
    for mark in marks:
        end = mark.end or mark.start + pd.Timedelta(microseconds=1)
        touched = left_out(daily, [Mark(mark.start, mark.label, end=end, leave_out=True)])
        marker, sign = ("X", "✕") if mark.leave_out else ("o", "○")
        at = week[touched] + 0.3, weekday[touched] - 0.3
        ax.plot(*at, marker=marker, gid="mark", **look)
        if touched.any():
            when = when_in_words(mark, zone_of(daily))
            named.append(f"{sign} {shorten(mark.label, 32)}, {when}")
    return named


def _draw_months(ax: Axes, days: NDArray[np.int64], first: int, weeks: int) -> None:
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
