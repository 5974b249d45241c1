"""Control charts: a rate over time with its centre, its limits and its signals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from usage_analysis.analysis.meaning import meaning_of
from usage_analysis.analysis.statements.control import is_worse, state_control
from usage_analysis.analysis.vocabulary import per, span_of
from usage_analysis.errors import QueryError
from usage_analysis.figures.axes import (
    MOST_LABELS,
    ON_AXIS,
    Floats,
    axes_for,
    check_columns,
    is_narrow,
    needs_dot,
    percents_of,
    split_at_gaps,
)
from usage_analysis.figures.labels import label_ends, write_empty, write_heading
from usage_analysis.figures.marks import SIZE, Mark, Room, draw_marks
from usage_analysis.figures.provenance import Provenance
from usage_analysis.figures.style import figure_style, theme_in_use
from usage_analysis.figures.ticks import FULL, in_percent, time_axis


@figure_style()
def plot_control(
    chart: pd.DataFrame,
    *,
    marks: Sequence[Mark] = (),
    title: str | None = None,
    about: Provenance | None = None,
    meaning: Mapping[str, Any] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a control chart: rates, their centre and limits, and signals named by their dates.

    Parameters
    ----------
    chart
        Result of `control_chart` for one series.
    marks
        Events and periods to name on the time axis. To leave a bad period out of centre and limits,
        chart ``without(hourly, marks)``.
    title
        Title instead of the one that states whether the rate is out of limits.
    about
        Provenance of the data, shown beneath the title.
    meaning
        ``attrs["meaning"]`` of the original chart, for a table that lost it.
    ax
        Axes to draw on; new axes of a figure apart from pyplot without it.

    Returns
    -------
    Axes
        The axes drawn on.

    Raises
    ------
    QueryError
        The table is no result of `control_chart`, or has several groups.

    Notes
    -----
    Diamonds are signals. They have the colour of an alarm unless the rate is on the good side of
    the centre, such as a high join rate. The title calls a rate steady only where the chart could
    have shown a lasting rise by a half.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> usage = ua.sample_client().call_usage(from_date="2026-03-02", to_date="2026-03-15")
    >>> ax = ua.plot_control(ua.control_chart(usage.hourly, event="joined_count"))
    >>> ax.get_ylabel()
    'join rate [% of calls]'
    """
    check_columns(
        chart, "calls", "rate", "centre", "low", "high", "signal", "limited",
        made_by="control_chart(hourly)",
    )  # fmt: skip
    one_chart(chart)
    of = meaning_of(chart, "control_chart", meaning=meaning)
    every, theme = span_of(chart), theme_in_use()
    ax = axes_for(ax, f"Control chart of the {of.name} {per(every)} with three-sigma limits")
    x = time_axis(ax, chart)
    rate, centre, low, high = percents_of(chart, "rate", "centre", "low", "high")
    limited = chart["limited"].to_numpy(dtype=bool)
    line, bottom, top = split_at_gaps(
        x, np.where(limited, np.maximum(low, 0), np.nan), np.where(limited, high, np.nan)
    )
    ax.fill_between(line, bottom, top, step="mid", color=theme.soft, alpha=0.22, lw=0, gid="limits")
    signal = chart["signal"].to_numpy(dtype=bool)
    line, y = split_at_gaps(x, rate)
    ax.plot(line, y, color=theme.main, lw=1.1, gid="rate", **ON_AXIS)
    dots = ~signal & needs_dot(rate)
    ax.plot(x[dots], rate[dots], "o", ms=3, color=theme.main, gid="common", **ON_AXIS)
    bad = signal & is_worse(chart, of).to_numpy(dtype=bool)
    ax.plot(x[bad], rate[bad], "D", ms=5, color=theme.alarm, gid="signal", **ON_AXIS)
    good = signal & ~bad
    ax.plot(x[good], rate[good], "D", ms=5, color=theme.main, gid="good signal", **ON_AXIS)
    tops = np.concatenate([rate, np.where(limited, high, 0), [0.0]])
    most = float(np.nanmax(tops))
    ax.set_ylim(0, min(most * 1.15, FULL) if most > 0 else 1)
    in_percent(ax)
    _name_lines(ax, centre, np.where(limited, high, np.nan))
    room = _name_signals(ax, chart, x, rate)
    ax.set_ylabel(f"{of.name} [{of.unit}]")
    draw_marks(ax, marks, room=room, counted=chart)
    if not chart["calls"].any():
        write_empty(ax, "no finished call yet" if len(chart) else "nothing finished yet")
    key = f"blue ◆: {of.name} better than usual" if good.any() else ""
    write_heading(ax, title or state_control(chart, of).title, about, chart, key=key)
    return ax


def one_chart(chart: pd.DataFrame) -> None:
    """Check that a control chart has no group column.

    Raises
    ------
    QueryError
        Names the group column.
    """
    if len(chart.columns) and chart.columns[0] != "calls":
        raise QueryError(
            f"chart: expected one series, got a breakdown by {chart.columns[0]}; take the rows of "
            "one group, without the group column"
        )


def _name_lines(ax: Axes, centre: Floats, high: Floats) -> None:
    if len(centre) == 0 or not np.isfinite(centre[-1]):
        return
    theme = theme_in_use()
    ax.axhline(centre[-1], color=theme.muted, lw=1, ls="--", gid="centre")
    labels = [(float(centre[-1]), f"mean {centre[-1]:.2f} %", theme.muted)]
    if np.isfinite(high[-1]):
        labels.append((float(high[-1]), "limit", theme.soft))
    label_ends(ax, labels)


def _name_signals(ax: Axes, chart: pd.DataFrame, x: Floats, rate: Floats) -> Room:
    """Write the date beside the signals that are farthest out, where there is room for it."""
    signal = np.flatnonzero(chart["signal"].to_numpy(dtype=bool))
    distance = np.abs(rate - 100 * chart["centre"].to_numpy(dtype=np.float64))
    most = 3 if is_narrow(ax) else MOST_LABELS
    hours, room = span_of(chart) == "hour", Room(ax)
    for place in signal[np.argsort(-distance[signal], kind="stable")][:most]:
        moment = chart.index[place]
        words = f"{moment:%d %b %H:%M}" if hours else f"{moment:%a %d %b}"
        boxes = [(room.of_text(words, x[place], rate[place], at), at) for at in (5, -18)]
        box, at = next(((b, at) for b, at in boxes if room.is_free(b)), (None, 0))
        if box is None:
            continue
        room.boxes.append(box)
        ax.annotate(
            words, (x[place], rate[place]), (0, at + 2), textcoords="offset points", ha="center",
            fontsize=SIZE, gid="signal label", zorder=6,
            bbox={"facecolor": theme_in_use().page, "alpha": 0.85, "lw": 0, "pad": 0.6},
        )  # fmt: skip
    return room
