"""Heat maps: hours of the week by load or errors, and days of the year."""

from collections.abc import Sequence
from typing import Any, Unpack

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from usage_analysis.analysis.arrays import Booleans, Floats, Integers, finished, in_units
from usage_analysis.analysis.rate_series import unusual_hours
from usage_analysis.analysis.statements.control import state_error_week
from usage_analysis.analysis.statements.peaks import hours_that_stand_out, state_week
from usage_analysis.analysis.statements.totals import state_busiest_day
from usage_analysis.analysis.vocabulary import MONTHS, axis_name, shorten
from usage_analysis.errors import QueryError, refusal
from usage_analysis.figures.axes import (
    figure_of,
    hours_across,
    is_narrow,
    scale_axis,
    weekdays_down,
)
from usage_analysis.figures.colour import contrast
from usage_analysis.figures.marks import Mark, left_out, when_in_words
from usage_analysis.figures.plots import Caption, MarkedOptions, Panel, ResultOptions, plot
from usage_analysis.figures.style import theme_in_use
from usage_analysis.tidy.zones import DAY, local_clock, zone_of

_CELLS = 168


@plot("load_profile", columns=("mean", "busiest"))
def plot_week(panel: Panel, profile: pd.DataFrame, **_: Unpack[ResultOptions]) -> Caption:
    """Draw a heat map of the load by weekday and hour of day.

    The hour of the week that is the busiest is outlined, or all hours that may be the busiest at a
    confidence of 95 %. Where no hour stands out there is no outline.

    Parameters
    ----------
    profile
        Result of ``load_profile(hourly, by="hour_of_week")``. An hour without a row, or with a
        missing mean, is grey.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> hourly = ua.sample_client().call_usage(from_date="2026-03-02", to_date="2026-03-29").hourly
    >>> ax = ua.plot_week(ua.load_profile(hourly, by="hour_of_week", measure="duration"))
    >>> ax.get_ylabel()
    'day of week'
    """
    _check_week("profile", profile)
    of, measure = panel.of, str(panel.of.measure)
    every = "" if measure == "traffic" else " per hour"
    mean = in_units(profile, "mean")
    _draw_week(panel, profile, mean, f"mean {axis_name(measure, 'hour')}")
    busiest = profile.index.to_numpy()[hours_that_stand_out(profile)]
    if np.nanmax(mean, initial=0.0) > 0:
        _outline(panel.ax, busiest)
    return Caption(
        f"Heat map of mean {of.unit}{every} by weekday and hour of day",
        state_week(profile, meaning=of).title,
        "outlined: may be the busiest" if len(busiest) > 1 else "",
    )


@plot(
    "error_rate", "join_rate",
    columns=("calls", "events", "rate", "enough", "score_without_worst_week"),
)  # fmt: skip
def plot_error_week(panel: Panel, rates: pd.DataFrame, **_: Unpack[ResultOptions]) -> Caption:
    """Draw a heat map of a rate by weekday and hour; hours with too few calls are grey.

    Parameters
    ----------
    rates
        Result of ``error_rate(hourly, by="hour_of_week")`` or of `join_rate`: rows 0 (Monday
        00:00) to 167.

    Notes
    -----
    An hour is outlined if its rate is significantly worse than the rate of the other hours in more
    than one week. The 95 % level holds for all hours together.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> usage = ua.sample_client().call_usage(from_date="2026-03-02", to_date="2026-03-15")
    >>> ax = ua.plot_error_week(ua.error_rate(usage.hourly, by="hour_of_week"))
    >>> ax.get_ylabel()
    'day of week'
    """
    _check_week("rates", rates)
    ax, of = panel.ax, panel.of
    enough = np.where(rates["enough"], 100 * rates["rate"], np.nan)
    cells = _draw_week(panel, rates, enough, f"{of.name} [{of.unit}]")
    thin = np.flatnonzero(np.isnan(cells))
    if len(thin) < _CELLS:
        ax.plot(thin % 24, thin // 24, "x", ms=2.5, mew=0.6, color=theme_in_use().muted, gid="thin")
    _outline(ax, unusual_hours(rates, of))
    kind = f"Heat map of the {of.name} by weekday and hour of day, grey if calls are few"
    return Caption(kind, state_error_week(rates, of).title)


def _check_week(name: str, table: pd.DataFrame) -> None:
    """Check that a table has one row per hour of one week."""
    if isinstance(table.index, pd.MultiIndex):
        raise refusal("several_weeks", name=name)
    slots = table.index.to_numpy()
    if slots.dtype.kind != "i" or (len(slots) and not (0 <= slots.min() <= slots.max() < _CELLS)):
        raise QueryError(f'{name}: expected rows 0 to 167, as by="hour_of_week" gives them')


def _draw_week(panel: Panel, table: pd.DataFrame, values: Floats, unit: str) -> Floats:
    """Draw the hours of a week with their scale, and return their values, missing ones NaN."""
    cells = np.full(_CELLS, np.nan)
    cells[table.index.to_numpy()] = values
    draw_cells(panel.ax, cells.reshape(7, 24), unit)
    hours_across(panel.ax, panel.about, table)
    weekdays_down(panel.ax)
    return cells


def draw_cells(ax: Axes, cells: Floats, unit: str) -> float:
    """Draw cells as colours from 0 with a colour bar, and return the top of the scale.

    Missing cells are grey.
    """
    known, theme = cells[np.isfinite(cells)], theme_in_use()
    whole, top = bool((known == np.rint(known)).all()), float(known.max(initial=0.0))
    image = ax.imshow(
        np.ma.masked_invalid(cells), cmap=theme.heat, aspect="auto", vmin=0,
        vmax=top if top > 0 else 1, interpolation="nearest",
    )  # fmt: skip
    ax.set_facecolor(theme.empty)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    if len(known) == 0:
        return top
    place = {"location": "bottom", "pad": 0.03, "shrink": 0.8} if is_narrow(ax) else {"pad": 0.015}
    bar = figure_of(ax).colorbar(image, ax=ax, **place)
    scale_axis(bar.long_axis, 5, top, whole=whole)
    bar.set_label(unit, size=8)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, length=0)
    return top


def _outline(ax: Axes, slots: Integers) -> None:
    """Draw a line around hours of the week; neighbours share one outline."""
    if len(slots) == 0:
        return
    inside = np.zeros((9, 26), dtype=np.bool_)
    inside[slots // 24 + 1, slots % 24 + 1] = True
    _draw_borders(ax, inside, theme_in_use().alarm, first=-1, gid="busiest")


def _draw_borders(ax: Axes, cells: NDArray[Any], colour: str, first: int = 0, **look: Any) -> None:
    """Draw lines between neighbouring cells of different values, the first at place `first`."""
    across, down = (np.argwhere(np.diff(cells, axis=axis)) + first for axis in (0, 1))
    edges = [[(x - 0.5, y + 0.5), (x + 0.5, y + 0.5)] for y, x in across]
    edges += [[(x + 0.5, y - 0.5), (x + 0.5, y + 0.5)] for y, x in down]
    line = LineCollection(edges, colors=colour, linewidths=2, clip_on=False, **look)
    line.set_capstyle("projecting")
    ax.add_collection(line, autolim=False)


_NUMBERED = 14
_MOST_NAMED = 4


@plot(single=True)
def plot_calendar(
    panel: Panel, daily: pd.DataFrame, *, measure: str = "total_count", **_: Unpack[MarkedOptions]
) -> Caption:
    """Draw a heat map of days, one column per week, with lines between the months.

    Parameters
    ----------
    daily
        Result of ``aggregate(hourly, "D")`` in the time zone of interest.
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
    Unfinished days are hatched: they are not over, or the data begin or end in them. Days outside
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
    key += [f"days without a value: {n}"] if (n := np.count_nonzero(np.isnan(values))) else []
    key += named[:_MOST_NAMED]
    key += [f"{len(named) - _MOST_NAMED} more marks"] if len(named) > _MOST_NAMED else []
    return Caption(
        f"Calendar of {of.name} per day, one column per week",
        state_busiest_day(daily, measure).title,
        "; ".join(key),
    )


def _hatch(ax: Axes, week: Integers, weekday: Integers) -> None:
    """Hatch the cells of unfinished days."""
    look: dict[str, Any] = {"fill": False, "ec": theme_in_use().page, "hatch": "///", "lw": 0}
    for x, y in zip(week, weekday, strict=True):
        ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, gid="unfinished", **look))


def _number(
    ax: Axes, days: Integers, week: Integers, weekday: Integers, shares: Floats, hatched: Booleans
) -> None:
    """Write the day of the month in each cell, in black or white, whichever has more contrast."""
    colours = mpl.colormaps[theme_in_use().heat](np.nan_to_num(shares))
    numbers = pd.DatetimeIndex(days.view("M8[D]")).day
    for x, y, number, colour, behind in zip(week, weekday, numbers, colours, hatched, strict=True):
        ink = max("#FFFFFF", "#000000", key=lambda text: contrast(text, colour))
        box = {"facecolor": colour, "lw": 0, "pad": 1} if behind else None
        ax.text(x, y, str(number), color=ink, fontsize=7.5, ha="center", va="center", bbox=box,
                gid="day")  # fmt: skip


def _draw_marks(
    ax: Axes, daily: pd.DataFrame, week: Integers, weekday: Integers, marks: Sequence[Mark]
) -> list[str]:
    """Draw the marks on their days, and return the names of the marks in the frame."""
    theme, named = theme_in_use(), []
    for mark in marks:
        end = mark.end or mark.start + pd.Timedelta(microseconds=1)
        touched = left_out(daily, [Mark(mark.start, mark.label, end=end, leave_out=True)])
        marker, sign = ("X", "✕") if mark.leave_out else ("o", "○")
        at = week[touched] + 0.3, weekday[touched] - 0.3
        ax.plot(*at, marker, ms=5.5, mfc=theme.page, mec=theme.ink, mew=0.8, gid="mark")
        if touched.any():
            when = when_in_words(mark, zone_of(daily))
            named.append(f"{sign} {shorten(mark.label, 32)}, {when}")
    return named


def _draw_months(ax: Axes, days: Integers, first: int, weeks: int) -> None:
    """Draw lines between months, and name each month below its weeks."""
    if len(days) == 0:
        ax.set_xticks([])
        return
    every = np.arange((first * 7) - 3, (first + weeks) * 7 - 3)
    months = every.view("M8[D]").astype("M8[M]").astype(np.int64)
    _draw_borders(ax, months.reshape(weeks, 7).T, theme_in_use().page, gid="months")
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


def _month(month: np.datetime64, *, first: bool) -> str:
    months = int(month.astype("M8[M]").astype(np.int64))
    name, year = MONTHS[months % 12], 1970 + months // 12
    return f"{name}\n{year}" if first or months % 12 == 0 else name
