"""Groups side by side: small panels, and shares of the whole."""

import math
from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from usage_analysis.analysis import vocabulary
from usage_analysis.analysis.arrays import Floats, in_units
from usage_analysis.analysis.statements.totals import state_largest, state_vital_few
from usage_analysis.errors import QueryError, clean
from usage_analysis.figures import axes
from usage_analysis.figures.compare import name_rows
from usage_analysis.figures.labels import subtitle, wrap_text
from usage_analysis.figures.lines import OTHERS, line_of_group, others_name
from usage_analysis.figures.marks import Mark, draw_marks, when_in_words
from usage_analysis.figures.plots import Caption, Panel, PlotOptions, plot
from usage_analysis.figures.provenance import Provenance, subtitle_of
from usage_analysis.figures.style import WIDTH, drawing, new_figure, theme_in_use
from usage_analysis.tidy.frames import check_disjoint, group_column
from usage_analysis.tidy.zones import zone_of

#: Groups that small panels show, the largest ones.
MOST_PANELS = 30
_BARS = 12


@drawing()
def plot_groups(
    breakdown: pd.DataFrame,
    *,
    measure: str = "total_count",
    groups: axes.Groups = MOST_PANELS,
    marks: Sequence[Mark] = (),
    title: str | None = None,
    about: Provenance | None = None,
    figure: Figure | None = None,
) -> list[Axes]:
    """Draw one small panel per group, the largest first, all on one shared scale.

    Parameters
    ----------
    breakdown
        Result of `aggregate` for a breakdown, or a canonical frame with a group column.
    measure
        Column to draw; durations are drawn in minutes.
    groups
        Groups with their own panel: names, or the number of the largest groups (30). The others
        share the last panel as grey lines, and the share in the title refers to all groups.
    marks
        Events and periods to draw on every panel; the heading names them.
    title
        Title instead of the finding.
    about
        Provenance of the data, shown below the title.
    figure
        Figure to draw on. By default it is a new one outside pyplot, as high as its panels need.

    Returns
    -------
    list of Axes
        The panels with groups.

    Raises
    ------
    QueryError
        The column or the group column is missing, or there are no rows.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> client = ua.sample_client()
    >>> agents = client.by_agent(ua.sample.AGENTS, from_date="2026-03-02", to_date="2026-03-08")
    >>> panels = ua.plot_groups(ua.aggregate(agents.hourly, "D"), measure="duration")
    >>> len(panels) == agents.hourly["agent"].nunique()
    True
    """
    _check_breakdown(breakdown, measure)
    if len(breakdown) == 0:
        raise QueryError("breakdown: expected groups with rows, got none")
    named, others = axes.groups_by_size(breakdown, measure, groups)
    every, count = vocabulary.span_of((named or others)[0][1]), len(named) + bool(others)
    figure = figure or groups_figure(count)
    wide = float(figure.get_figwidth())
    columns = _columns(count, wide)
    rows = math.ceil(count / columns)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    panels: list[Axes] = list(grid.flat)
    for panel in panels[count:]:
        _dates_alone(panel)
    words = [name for name, _ in named] + ([others_name(others)] if others else [])
    names = vocabulary.shortened(words, int((wide / columns - 0.3) * 72 / 5.2))
    for panel, name in zip(panels, names, strict=False):
        panel.set_title(name, fontsize=8)
        panel.tick_params(labelsize=7)
    for panel, (name, part) in zip(panels, named, strict=False):
        line_of_group(panel, measure, name, part, theme_in_use().main, 1.2, "group")
    for name, part in others:
        line_of_group(panels[count - 1], measure, name, part, OTHERS, 0.7, "other")
    # The panels share their axes: what is set on one holds for all.
    axes.time_axis(panels[0], breakdown, ticks=3)
    panels[0].set_xlabel("")
    axes.from_zero(panels[0], in_units(breakdown, measure), most=3)
    for panel in panels[:count]:
        draw_marks(panel, marks, named=False)
    unit = vocabulary.UNITS.get(measure, measure)
    panels[0].set_label(f"Small panels of {unit} per {every}, one per group")
    figure.supylabel(vocabulary.axis_name(measure, every), fontsize=9)
    figure.supxlabel(f"date [{zone_of(breakdown)}]", fontsize=8)
    finding = state_largest(breakdown, measure).title
    _write_figure_heading(figure, title or finding, about, breakdown, marks)
    return panels[:count]


def groups_figure(groups: int, width: float = WIDTH) -> Figure:
    """Return a figure of a given width [in], high enough for the panels of a number of groups."""
    shown = min(groups, MOST_PANELS + 1)
    return new_figure(width, 1.8 + 1.15 * math.ceil(shown / _columns(shown, width)))


def _columns(groups: int, width: float) -> int:
    """Return the number of panels per row, such that the last row is as full as possible."""
    rows = math.ceil(groups / max(int(width / 1.9), 1))
    return math.ceil(groups / rows)


def _dates_alone(panel: Axes) -> None:
    """Hide an empty panel except for its dates, so that all dates are at the same height."""
    panel.spines["left"].set_visible(False)
    panel.tick_params(left=False, labelleft=False, labelsize=7)
    panel.grid(visible=False)
    panel.patch.set_visible(False)


def _write_figure_heading(
    figure: Figure, title: str, about: Provenance | None, data: pd.DataFrame, marks: Sequence[Mark]
) -> None:
    """Write title, provenance and marks above all panels."""
    wide, tall = (72 * float(size) for size in figure.get_size_inches())
    large = wrap_text(clean(title), (wide - 16) * 0.97, 11, "bold")
    small = wrap_text(subtitle_of(about, data), wide - 16, 7.5)
    high = 14 * (large.count("\n") + 1) + (10.5 * (small.count("\n") + 1) if small else 0) + 6
    figure.suptitle(
        large, x=6 / wide, y=1 - 5 / tall, ha="left", va="top", fontsize=11, fontweight="bold",
        in_layout=False,
    )  # fmt: skip
    if small:
        below = 1 - (high + 1) / tall
        place = {"xy": (6 / wide, below), "xytext": (0, 0), "xycoords": "figure fraction"}
        figure.add_artist(subtitle(small, about, **place))
    if marks:
        named = "; ".join(
            f"{vocabulary.shorten(mark.label, 32)}, {when_in_words(mark, zone_of(data))}"
            for mark in marks
        )
        marked = wrap_text(f"marked: {named}", wide - 16, 7.5)
        high += 10.5 * (marked.count("\n") + 1)
        figure.text(
            6 / wide, 1 - (high + 1) / tall, marked, fontsize=7.5, color=theme_in_use().muted,
            va="bottom", in_layout=False, gid="marks",
        )  # fmt: skip
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(rect=(0, 0, 1, 1 - (high + 8) / tall))
    else:
        figure.subplots_adjust(top=1 - (high + 22) / tall)


@plot()
def plot_pareto(
    panel: Panel,
    breakdown: pd.DataFrame,
    *,
    measure: str = "billed_minutes",
    groups: axes.Groups = _BARS,
    **_: Unpack[PlotOptions],
) -> Caption:
    """Draw each group's share of the whole as a bar, the largest first, and their running sum.

    Parameters
    ----------
    breakdown
        Canonical frame with a group column. All rows of a group are added up.
    measure
        Column to draw.
    groups
        Groups with their own bar: names, or the number of the largest groups (12). The others are
        one grey bar. Shares refer to all groups and the rest.

    Raises
    ------
    QueryError
        The column or the group column is missing, or the groups can share calls.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> client = ua.sample_client()
    >>> agents = client.by_agent(ua.sample.AGENTS, from_date="2026-03-02", to_date="2026-03-08")
    >>> ax = ua.plot_pareto(agents.hourly)
    >>> ax.get_ylabel()
    'agent, the largest first'
    """
    _check_breakdown(breakdown, measure)
    check_disjoint("plot_pareto", breakdown)
    ax, of = panel.ax, panel.of
    named, others = axes.groups_by_size(breakdown, measure, groups)
    parts = [*named]
    if others:
        parts.append((others_name(others), pd.concat([rows for _, rows in others])))
    values = np.array([np.nansum(in_units(rows, measure)) for _, rows in parts])
    total = float(values.sum())
    names = vocabulary.shortened((name for name, _ in parts), 14 if axes.is_narrow(ax) else 30)
    _draw_bars(ax, names, values, total, grey=bool(others))
    name_rows(ax, names, [name for name, _ in parts])
    ax.set_xlabel(f"share of {vocabulary.counted(total, measure)} [%]")
    ax.set_ylabel(f"{vocabulary.clean(str(group_column(breakdown)))}, the largest first")
    return Caption(
        f"Bars of the {of.name} of each group, with a line of their running sum",
        state_vital_few(breakdown, measure).title,
        names=names,
        empty="" if total > 0 else f"no {of.name} in any group",
    )


def _check_breakdown(breakdown: pd.DataFrame, measure: str) -> None:
    """Check that a frame is a breakdown with a column."""
    axes.check_columns("breakdown", breakdown, measure)
    if group_column(breakdown) is None:
        raise QueryError("breakdown: expected a breakdown by group, got a single series")


def _draw_bars(ax: Axes, names: list[str], values: Floats, total: float, *, grey: bool) -> None:
    """Draw a bar per group and the line of their sums; the last bar is grey for the others."""
    theme, places = theme_in_use(), np.arange(len(names))
    shares = 100 * values / total if total > 0 else np.zeros(len(names))
    colours = [theme.main] * (len(names) - grey) + [theme.grid] * grey
    ax.barh(places, shares, color=colours, height=0.7, gid="bars")
    summed = len(names) > 1 and total > 0
    beside: dict[str, Any] = {"va": "center", "textcoords": "offset points", "fontsize": 7.5}
    for place, value in enumerate(values.tolist()):
        # The line of sums begins at the first bar's end and goes down from there.
        away = (9, 4) if place == 0 and summed else (4, 0)
        ax.annotate(vocabulary.amount(value), (shares[place], place), away, gid="value", **beside)
    if summed:
        ax.plot(np.cumsum(shares), places, color=theme.alarm, marker="o", ms=3.5, lw=1.2, gid="sum")
        box = {"facecolor": theme.page, "alpha": 0.85, "lw": 0, "pad": 0.6}
        last = (100, len(names) - 1)
        ax.annotate("added up", last, (5, -11), ha="right", gid="sum name", bbox=box, **beside)
    ax.set_ylim(1.03 * max(len(names), 3) - 0.2, -0.6)
    ax.set_xlim(0, axes.FULL)
    axes.in_percent(ax, x=True)
