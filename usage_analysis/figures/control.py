"""Control charts: a rate over time with its centre, its limits and its signals."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from usage_analysis.analysis.statements.control import is_worse, state_control
from usage_analysis.analysis.vocabulary import per, span_of
from usage_analysis.figures.axes import MOST_LABELS, Floats, is_narrow, percents_of
from usage_analysis.figures.labels import label_ends
from usage_analysis.figures.lines import ON_AXIS, draw_band, draw_line, needs_dot
from usage_analysis.figures.marks import SIZE, Room, draw_marks
from usage_analysis.figures.plots import Caption, MarkedResultOptions, Panel, plot
from usage_analysis.figures.rates import empty_chart
from usage_analysis.figures.style import theme_in_use
from usage_analysis.figures.ticks import scale_rates, time_axis


@plot(
    "control_chart", single=True,
    columns=("calls", "rate", "centre", "low", "high", "signal", "limited"),
)  # fmt: skip
def plot_control(panel: Panel, chart: pd.DataFrame, **_: Unpack[MarkedResultOptions]) -> Caption:
    """Draw a control chart: rates, their centre and limits, and signals named by their dates.

    Parameters
    ----------
    chart
        Result of `control_chart` for one series.
    marks
        Events and periods to name on the time axis. To leave a bad period out of centre and limits,
        chart ``without(hourly, marks)``.

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
    ax, of, marks, _about = panel
    theme, x = theme_in_use(), time_axis(ax, chart)
    rate, centre, low, high = percents_of(chart, "rate", "centre", "low", "high")
    limited, signal = (chart[name].to_numpy(dtype=bool) for name in ("limited", "signal"))
    low, high = np.where(limited, np.maximum(low, 0), np.nan), np.where(limited, high, np.nan)
    draw_band(ax, x, low, high, step="mid", color=theme.soft, alpha=0.22, gid="limits")
    draw_line(ax, x, rate, color=theme.main, lw=1.1, gid="rate")
    bad = signal & is_worse(chart, of).to_numpy(dtype=bool)
    good = signal & ~bad
    diamond: dict[str, Any] = {"marker": "D", "ms": 5}
    for gid, shown, look in (
        ("common", ~signal & needs_dot(rate), {"color": theme.main, "marker": "o", "ms": 3}),
        ("signal", bad, {"color": theme.alarm, **diamond}),
        ("good signal", good, {"color": theme.main, **diamond}),
    ):
        ax.plot(x[shown], rate[shown], ls="none", gid=gid, **look, **ON_AXIS)
    scale_rates(ax, np.concatenate([rate, high]))
    _name_lines(ax, centre, high)
    room = _name_signals(ax, chart, x, rate)
    ax.set_ylabel(f"{of.name} [{of.unit}]")
    draw_marks(ax, marks, room=room, counted=chart)
    return Caption(
        f"Control chart of the {of.name} {per(span_of(chart))} with three-sigma limits",
        state_control(chart, of).title,
        f"blue ◆: {of.name} better than usual" if good.any() else "",
        empty=empty_chart(chart),
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
