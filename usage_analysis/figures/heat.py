"""Heat maps of the week by its hours, in load and in errors."""

from __future__ import annotations

from typing import Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from usage_analysis.analysis.statements.control import state_error_week
from usage_analysis.analysis.statements.peaks import hours_that_stand_out, state_week
from usage_analysis.analysis.unusual_hours import unusual_hours
from usage_analysis.analysis.vocabulary import axis_name, compact
from usage_analysis.errors import QueryError
from usage_analysis.figures.axes import Floats, figure_of, in_units, is_narrow
from usage_analysis.figures.plots import Caption, Panel, ResultOptions, plot
from usage_analysis.figures.style import theme_in_use
from usage_analysis.figures.ticks import hours_across, weekdays_down

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
    cells = np.full(_CELLS, np.nan)
    place = profile.index.to_numpy()
    cells[place] = in_units(profile, "mean")
    _draw_week(panel, cells, f"mean {axis_name(measure, 'hour')}", profile)
    busiest = place[hours_that_stand_out(profile)]
    if np.nanmax(cells, initial=0.0) > 0:
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
    An hour is outlined if its rate is worse than that of the others: significantly at the 95 %
    level for all hours together, and in more than one week.

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
    cells, place = np.full(_CELLS, np.nan), rates.index.to_numpy()
    cells[place] = np.where(rates["enough"], 100 * rates["rate"], np.nan)
    _draw_week(panel, cells, f"{of.name} [{of.unit}]", rates)
    thin = np.flatnonzero(np.isnan(cells))
    if len(thin) < _CELLS:
        ax.plot(thin % 24, thin // 24, "x", ms=2.5, mew=0.6, color=theme_in_use().muted, gid="thin")
    _outline(ax, unusual_hours(rates, of))
    kind = f"Heat map of the {of.name} by weekday and hour of day, thin cells grey"
    return Caption(kind, state_error_week(rates, of).title)


def _check_week(name: str, table: pd.DataFrame) -> None:
    """Check that a table has one row per hour of one week."""
    if isinstance(table.index, pd.MultiIndex):
        raise QueryError(
            f"{name}: expected the hours of one week, got those of several groups; take one group "
            f'by {name}.loc["name"]'
        )
    slots = table.index.to_numpy()
    if slots.dtype.kind != "i" or (len(slots) and not (0 <= slots.min() <= slots.max() < _CELLS)):
        raise QueryError(f'{name}: expected rows 0 to 167, as by="hour_of_week" gives them')


def _draw_week(panel: Panel, cells: Floats, unit: str, table: pd.DataFrame) -> None:
    """Draw the cells of a week with their scale."""
    draw_cells(panel.ax, cells.reshape(7, 24), unit)
    hours_across(panel.ax, panel.about, table)
    weekdays_down(panel.ax)


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
    words = FuncFormatter(lambda value, _: compact(value, top))
    bar = figure_of(ax).colorbar(image, ax=ax, format=words, **place)
    bar.set_ticks(MaxNLocator(5, steps=(1, 2, 2.5, 5, 10), integer=whole))
    bar.set_label(unit, size=8)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, length=0)
    return top


def _outline(ax: Axes, slots: NDArray[np.int64]) -> None:
    """Draw a line around hours of the week; neighbours share one outline."""
    if len(slots) == 0:
        return
    inside = np.zeros((9, 26), dtype=np.bool_)
    inside[slots // 24 + 1, slots % 24 + 1] = True
    across = np.argwhere(inside[1:] != inside[:-1])
    down = np.argwhere(inside[:, 1:] != inside[:, :-1])
    edges = [[(hour - 1.5, day - 0.5), (hour - 0.5, day - 0.5)] for day, hour in across]
    edges += [[(hour - 0.5, day - 1.5), (hour - 0.5, day - 0.5)] for day, hour in down]
    line = LineCollection(edges, colors=theme_in_use().alarm, linewidths=2, gid="busiest")
    line.set(capstyle="projecting", clip_on=False)
    ax.add_collection(line, autolim=False)
