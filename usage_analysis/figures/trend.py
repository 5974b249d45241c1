"""Load over time: one series or several on one axes, and a panel a group."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from usage_analysis.errors import QueryError
from usage_analysis.figures.axes import (
    Floats,
    axes_for,
    broken,
    coloured,
    dotted,
    finished,
    groups_by_size,
    in_units,
    known,
)
from usage_analysis.figures.labels import head, label_ends, subtitle, wrapped
from usage_analysis.figures.marks import Mark, draw_marks, left_out
from usage_analysis.figures.provenance import Provenance
from usage_analysis.figures.style import WIDTH, figure_style, new_figure, theme_in_use
from usage_analysis.figures.ticks import dates_of, from_zero, time_axis
from usage_analysis.figures.wording import (
    UNITS,
    amount,
    axis_name,
    clean,
    counted,
    per,
    shorten,
    span_of,
)
from usage_analysis.tidy.frames import group_column
from usage_analysis.tidy.slots import each_group
from usage_analysis.tidy.zones import zone_of

_MEAN_OF = 7
MOST_PANELS = 30
"""Groups that small panels show, the largest ones."""


@figure_style()
def plot_trend(
    frame: pd.DataFrame,
    *,
    measure: str = "total_count",
    marks: Sequence[Mark] = (),
    title: str | None = None,
    about: Provenance | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Axes with a measure over time: each bucket, a moving mean, unfinished buckets dashed.

    Parameters
    ----------
    frame
        What `aggregate` returns, or a canonical frame, with or without a group column. Of a
        breakdown each group is a line, named where it ends; beyond six the smaller ones are grey.
    measure
        A column of it; durations are drawn in minutes.
    marks
        What you know of the time shown; the periods to leave out are not in the mean.
    title, about
        The finding, and what the data are.
    ax
        Where to draw; new axes of a figure apart from pyplot without it.

    Notes
    -----
    The mean is over 7 buckets up to and with each one, of finished buckets only, and starts with
    the seventh.
    """
    known(frame, measure)
    zone_of(frame)
    every = span_of(frame)
    ax = axes_for(ax, f"Line of {UNITS.get(measure, measure)} {per(every)}")
    time_axis(ax, frame)
    if group_column(frame) is None:
        _single(ax, frame, measure, every, marks)
    else:
        _lines(ax, frame, measure)
    from_zero(ax, in_units(frame, measure))
    ax.set_ylabel(axis_name(measure, every))
    draw_marks(ax, marks)
    head(ax, title or _finding(frame, measure, every, marks), about)
    return ax


def _single(ax: Axes, frame: pd.DataFrame, measure: str, every: str, marks: Sequence[Mark]) -> None:
    theme = theme_in_use()
    x, y = dates_of(pd.DatetimeIndex(frame.index)), in_units(frame, measure)
    whole = finished(frame)
    line, values = broken(x, np.where(whole, y, np.nan))
    ax.plot(line, values, color=theme.soft, lw=1.2, gid="buckets")
    dots = dotted(values)
    ax.plot(line[dots], values[dots], "o", color=theme.soft, ms=2.5, gid="dots")
    ends = []
    if not whole.all():
        line, values = broken(x, np.where(_with_neighbours(~whole), y, np.nan))
        ax.plot(line, values, color=theme.soft, lw=1.0, ls=(0, (2, 2)), gid="unfinished")
        ax.plot(
            x[~whole], y[~whole], ls="none", marker="o", ms=3.5, mfc=theme.page, mec=theme.soft,
            gid="open",
        )  # fmt: skip
        ends.append((float(y[~whole][-1]), f"unfinished {every}", theme.soft))
    used = whole & ~left_out(frame, marks)
    if used.sum() >= _MEAN_OF:
        mean = _moving_mean(np.where(used, y, np.nan))
        line, values = broken(x, mean)
        ax.plot(line, values, color=theme.main, lw=2.2, gid="mean")
        ends.append((_last(mean), f"mean of {_MEAN_OF} {every}s", theme.main))
    from_zero(ax, y)
    label_ends(ax, ends)


def _with_neighbours(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The flagged places and those beside them, between which a dashed line runs."""
    edges: NDArray[np.bool_] = flags | np.append(flags[1:], False) | np.append(False, flags[:-1])
    return edges


def _moving_mean(values: Floats) -> Floats:
    """Mean of the seven last known values, from the seventh on; missing where the value is."""
    known_values = pd.Series(values).dropna()
    mean = known_values.rolling(_MEAN_OF, min_periods=_MEAN_OF).mean()
    return mean.reindex(range(len(values))).to_numpy(dtype=np.float64)


def _lines(ax: Axes, frame: pd.DataFrame, measure: str) -> None:
    theme = theme_in_use()
    largest, others = groups_by_size(frame, measure)
    for _, rows in others:
        _line(ax, rows, measure, "#9A9A9A", 0.7, "other")
    ends = []
    for (name, rows), colour in zip(largest, coloured(max(len(largest), 2)), strict=False):
        y = _line(ax, rows, measure, colour, 1.6, "group")
        ends.append((y, name, colour))
    if others:
        y = float(np.mean([_last(in_units(rows[finished(rows)], measure)) for _, rows in others]))
        ends.append((y, f"{len(others)} others", theme.muted))
    from_zero(ax, in_units(frame, measure))
    label_ends(ax, ends)


def _line(ax: Axes, rows: pd.DataFrame, measure: str, colour: str, width: float, gid: str) -> float:
    """Draw one group, unfinished buckets dashed, and say how high it ends."""
    x, y = dates_of(pd.DatetimeIndex(rows.index)), in_units(rows, measure)
    whole = finished(rows)
    line, values = broken(x, np.where(whole, y, np.nan))
    marker = "o" if whole.sum() < 2 else "None"
    ax.plot(line, values, color=colour, lw=width, marker=marker, ms=3, gid=gid)
    if not whole.all():
        line, values = broken(x, np.where(_with_neighbours(~whole), y, np.nan))
        ax.plot(line, values, color=colour, lw=width * 0.7, ls=(0, (2, 2)), gid="unfinished")
    return _last(y[whole]) if whole.any() else _last(y)


def _last(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if len(finite) else 0.0


def _finding(frame: pd.DataFrame, measure: str, every: str, marks: Sequence[Mark]) -> str:
    """What a trend says, in words."""
    what = UNITS.get(measure, measure)
    group = group_column(frame)
    if group is not None:
        return _largest_in_words(frame, measure, what)
    kept = frame[finished(frame) & ~left_out(frame, marks)]
    if len(kept) == 0:
        return f"No finished {every} yet, so no mean of {what} {per(every)}"
    values = in_units(kept, measure)
    if not np.nansum(values) > 0:
        return f"No {what} in {len(kept)} whole {every}{'s' if len(kept) > 1 else ''}"
    top = int(np.nanargmax(values))
    if len(kept) == 1:
        return f"{counted(values[0], what)} in the one whole {every}"
    when = kept.index[top]
    moment = f"{when:%A %Y-%m-%d}" if every == "day" else f"{when:%Y-%m-%d %H:%M}"
    return (
        f"{counted(float(np.nanmean(values)), what)} {per(every)} on average over {len(kept)} "
        f"whole {every}s, most on {moment} ({amount(values[top])})"
    )


def _largest_in_words(frame: pd.DataFrame, measure: str, what: str) -> str:
    parts = [(str(name), np.nansum(in_units(rows, measure))) for name, rows in each_group(frame)]
    total = sum(value for _, value in parts)
    if not total > 0:
        return f"No {what} in any of {len(parts)} groups"
    name, value = max(parts, key=lambda part: part[1])
    return (
        f"{shorten(name, 40)} has {100 * value / total:.0f} % of the {what} of {len(parts)} groups"
    )


@figure_style()
def plot_groups(
    breakdown: pd.DataFrame,
    *,
    measure: str = "total_count",
    marks: Sequence[Mark] = (),
    title: str | None = None,
    about: Provenance | None = None,
    figure: Figure | None = None,
) -> list[Axes]:
    """Axes of a small panel a group, the largest first, all on one shared scale.

    Of more than 30 groups the largest are drawn.

    Parameters
    ----------
    breakdown
        What `aggregate` returns for a breakdown, or a canonical frame with a group column.
    measure
        A column of it; durations are drawn in minutes.
    marks
        What you know of the time shown.
    title, about
        The finding, and what the data are.
    figure
        Where to draw; a new figure apart from pyplot, as high as its panels need, without it.

    Raises
    ------
    QueryError
        No group column, no group, or the column is missing.
    """
    known(breakdown, measure)
    if group_column(breakdown) is None or len(breakdown) == 0:
        raise QueryError("plot_groups: expected a breakdown with a group as first column, got none")
    parts = [(clean(str(name)), rows) for name, rows in each_group(breakdown)]
    parts.sort(key=lambda part: -np.nansum(in_units(part[1], measure)))
    groups, parts = len(parts), parts[:MOST_PANELS]
    every = span_of(parts[0][1])
    figure = figure or groups_figure(len(parts))
    wide = float(figure.get_figwidth())
    columns = _columns(len(parts), wide)
    grid = figure.subplots(
        math.ceil(len(parts) / columns), columns, sharex=True, sharey=True, squeeze=False
    )
    panels: list[Axes] = list(grid.flat)
    for panel in panels[len(parts) :]:
        panel.set_axis_off()
    for panel, (name, rows) in zip(panels, parts, strict=False):
        _line(panel, rows, measure, theme_in_use().main, 1.2, "group")
        panel.set_title(shorten(name, int((wide / columns - 0.3) * 72 / 5.2)), fontsize=8)
        panel.tick_params(labelsize=7)
    for panel in panels[len(parts) - columns : len(parts)]:
        panel.tick_params(labelbottom=True)
    # The panels share their axes: what is set on one holds for all.
    time_axis(panels[0], breakdown, ticks=3)
    panels[0].set_xlabel("")
    from_zero(panels[0], in_units(breakdown, measure))
    panels[0].yaxis.set_major_locator(MaxNLocator(3))
    for place, panel in enumerate(panels[: len(parts)]):
        draw_marks(panel, marks, named=place == 0)
    panels[0].set_label(f"Small panels of {UNITS.get(measure, measure)} {per(every)}, one a group")
    figure.supylabel(axis_name(measure, every), fontsize=9)
    figure.supxlabel(f"date [{zone_of(breakdown)}]", fontsize=8)
    what = UNITS.get(measure, measure)
    finding = _largest_in_words(breakdown, measure, what)
    if groups > len(parts):
        finding += f"; the {len(parts)} largest are shown"
    _figure_head(figure, title or finding, about)
    return panels[: len(parts)]


def groups_figure(groups: int, width: float = WIDTH) -> Figure:
    """Figure of a width [in] as high as the panels of so many groups need."""
    shown = min(groups, MOST_PANELS)
    return new_figure(width, 1.5 + 1.15 * math.ceil(shown / _columns(shown, width)))


def _columns(groups: int, width: float) -> int:
    return min(groups, max(int(width / 1.9), 1))


def _figure_head(figure: Figure, title: str, about: Provenance | None) -> None:
    """Put the finding above all panels, and what the data are beneath it."""
    wide, tall = (72 * float(size) for size in figure.get_size_inches())
    large = wrapped(title, (wide - 16) * 0.97, 11, "bold")
    small = wrapped(about.subtitle(), wide - 16, 7.5) if about else ""
    high = 14 * (large.count("\n") + 1) + (10.5 * (small.count("\n") + 1) if small else 0) + 6
    figure.suptitle(
        large, x=6 / wide, y=1 - 5 / tall, ha="left", va="top", fontsize=11, fontweight="bold",
        in_layout=False,
    )  # fmt: skip
    if about:
        below = 1 - (high + 1) / tall
        words = subtitle(small, about, (6 / wide, below), (0, 0), "figure fraction")
        figure.add_artist(words)
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(rect=(0, 0, 1, 1 - (high + 8) / tall))
    else:
        figure.subplots_adjust(top=1 - (high + 22) / tall)
