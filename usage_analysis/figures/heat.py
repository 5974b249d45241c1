"""Heat maps of the week by its hours, in load and in errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from usage_analysis.analysis.meaning import Meaning, meaning_of
from usage_analysis.analysis.statements.control import state_error_week
from usage_analysis.analysis.statements.peaks import hours_that_stand_out, state_week
from usage_analysis.analysis.unusual_hours import unusual_hours
from usage_analysis.analysis.vocabulary import axis_name, compact
from usage_analysis.errors import QueryError
from usage_analysis.figures.axes import (
    Floats,
    axes_for,
    check_columns,
    figure_of,
    in_units,
    is_narrow,
)
from usage_analysis.figures.labels import write_heading
from usage_analysis.figures.provenance import Provenance
from usage_analysis.figures.style import figure_style, theme_in_use
from usage_analysis.figures.ticks import hours_across, weekdays_down

_CELLS = 168


@figure_style()
def plot_week(
    profile: pd.DataFrame,
    *,
    meaning: Meaning | Mapping[str, Any] | None = None,
    title: str | None = None,
    about: Provenance | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a heat map of the load by weekday and hour of day.

    The hour of the week that is the busiest is outlined, or all hours that may be the busiest at a
    confidence of 95 %. Where no hour stands out there is no outline.

    Parameters
    ----------
    profile
        What ``load_profile(hourly, by="hour_of_week")`` returned. A slot without a row, or whose
        mean is missing, is grey.
    meaning
        Meaning of the profile, where a pandas operation dropped its ``attrs``.
    title, about
        A title instead of the finding, and the source of the data.
    ax
        Axes to draw on; without them a new figure is made, independent of pyplot.

    Returns
    -------
    Axes

    Raises
    ------
    QueryError
        The table is no profile of the hours of one week, or has lost its meaning.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> hourly = ua.sample_client().call_usage(from_date="2026-03-02", to_date="2026-03-29").hourly
    >>> ax = ua.plot_week(ua.load_profile(hourly, by="hour_of_week", measure="duration"))
    >>> ax.get_ylabel()
    'day of week'
    """
    _of_the_week(profile, "mean", "busiest", made_by='load_profile(hourly, by="hour_of_week")')
    stated = meaning_of(profile, "load_profile", meaning=meaning)
    measure = str(stated.measure)
    every = "" if measure == "traffic" else " per hour"
    ax = axes_for(ax, f"Heat map of mean {stated.unit}{every} by weekday and hour of day")
    cells = np.full(_CELLS, np.nan)
    place = profile.index.to_numpy()
    cells[place] = in_units(profile, "mean")
    top = float(np.nanmax(cells, initial=0.0))
    _week(ax, cells, top, f"mean {axis_name(measure, 'hour')}", about, profile)
    found = state_week(profile, meaning=stated)
    may_be = place[hours_that_stand_out(profile)]
    if top > 0 and len(may_be):
        _outline(ax, may_be)
    key = "outlined: may be the busiest" if len(may_be) > 1 else ""
    write_heading(ax, title or found.title, about, profile, key=key)
    return ax


@figure_style()
def plot_error_week(
    rates: pd.DataFrame,
    *,
    title: str | None = None,
    about: Provenance | None = None,
    meaning: Mapping[str, Any] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a heat map of a rate by weekday and hour; hours with too few calls are grey.

    Parameters
    ----------
    rates
        Result of ``error_rate(hourly, by="hour_of_week")`` or of `join_rate`: rows 0 (Monday
        00:00) to 167.
    title
        Title instead of the one that states which hours stand out.
    about
        Provenance of the data, shown beneath the title.
    meaning
        ``attrs["meaning"]`` of the original table, for a table that lost it.
    ax
        Axes to draw on; new axes of a figure apart from pyplot without it.

    Returns
    -------
    Axes
        The axes drawn on.

    Raises
    ------
    QueryError
        The table is no result of `error_rate` or `join_rate` by hour of the week.

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
    _of_the_week(
        rates, "calls", "events", "rate", "enough", "score_without_worst_week",
        made_by='error_rate(hourly, by="hour_of_week")',
    )  # fmt: skip
    of = meaning_of(rates, "error_rate", "join_rate", meaning=meaning)
    ax = axes_for(ax, f"Heat map of the {of.name} by weekday and hour of day, thin cells grey")
    cells, theme = np.full(_CELLS, np.nan), theme_in_use()
    place, enough = rates.index.to_numpy(), rates["enough"].to_numpy(dtype=bool)
    cells[place[enough]] = 100 * rates["rate"].to_numpy(dtype=np.float64)[enough]
    _week(ax, cells, float(np.nanmax(cells, initial=0.0)), f"{of.name} [{of.unit}]", about, rates)
    thin = np.flatnonzero(np.isnan(cells))
    if len(thin) < _CELLS:
        ax.plot(thin % 24, thin // 24, "x", ms=2.5, mew=0.6, color=theme.muted, gid="thin")
    _outline(ax, unusual_hours(rates, of))
    write_heading(ax, title or state_error_week(rates, of).title, about, rates)
    return ax


def _of_the_week(table: pd.DataFrame, *columns: str, made_by: str) -> None:
    check_columns(table, *columns, made_by=made_by)
    if isinstance(table.index, pd.MultiIndex):
        raise QueryError(
            "profile: expected the hours of one week, got those of several groups; take one by "
            'profile.loc["name"]'
        )
    slots = table.index.to_numpy()
    if slots.dtype.kind != "i" or (len(slots) and not (0 <= slots.min() <= slots.max() < _CELLS)):
        raise QueryError('profile: expected rows 0 to 167, as by="hour_of_week" gives them')


def _week(
    ax: Axes, cells: Floats, top: float, unit: str, about: Provenance | None, table: pd.DataFrame
) -> None:
    """Draw the cells of a week with their scale."""
    draw_cells(ax, cells.reshape(7, 24), top, unit)
    hours_across(ax, about.timezone if about else table.attrs.get("timezone", "local clock"))
    weekdays_down(ax)


def draw_cells(ax: Axes, cells: Floats, top: float, unit: str) -> None:
    """Draw cells as colours from 0 with a colour bar; missing cells are grey."""
    known_cells = cells[np.isfinite(cells)]
    whole = bool((known_cells == np.rint(known_cells)).all())
    theme = theme_in_use()
    image = ax.imshow(
        np.ma.masked_invalid(cells), cmap=theme.heat, aspect="auto", vmin=0,
        vmax=top if top > 0 else 1, interpolation="nearest",
    )  # fmt: skip
    ax.set_facecolor(theme.empty)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    if not np.isfinite(cells).any():
        return
    place = {"location": "bottom", "pad": 0.03, "shrink": 0.8} if is_narrow(ax) else {"pad": 0.015}
    words = FuncFormatter(lambda value, _: compact(value, top))
    bar = figure_of(ax).colorbar(image, ax=ax, format=words, **place)
    bar.set_ticks(MaxNLocator(5, steps=(1, 2, 2.5, 5, 10), integer=whole))
    bar.set_label(unit, size=8)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, length=0)


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
