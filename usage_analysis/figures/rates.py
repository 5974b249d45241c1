"""Rates with what chance allows them: over time, on a control chart, group by group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from usage_analysis.errors import QueryError
from usage_analysis.figures.axes import (
    MOST_LABELS,
    Floats,
    axes_for,
    broken,
    coloured,
    dotted,
    is_narrow,
    known,
)
from usage_analysis.figures.labels import head, label_ends, spread_out
from usage_analysis.figures.marks import Mark, draw_marks, left_out
from usage_analysis.figures.provenance import Provenance
from usage_analysis.figures.style import figure_style, theme_in_use
from usage_analysis.figures.ticks import dates_of, percents, time_axis
from usage_analysis.figures.wording import amount, clean, compact, per, percent, shorten, span_of
from usage_analysis.tidy.slots import each_group

_RATE = ("calls", "events", "rate", "low", "high", "enough")


@figure_style()
def plot_error_rate(
    rates: pd.DataFrame,
    *,
    what: str = "error rate",
    marks: Sequence[Mark] = (),
    title: str | None = None,
    about: Provenance | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Axes with a rate over time as a line and its confidence interval as a band.

    Parameters
    ----------
    rates
        What `error_rate` or `join_rate` returns for a frame of days, with or without a group
        column. Of a breakdown the six groups with most calls are lines with their bands.
    what
        Name of the rate.
    marks
        What you know of the time shown; periods to leave out are not in the overall rate.
    title, about
        The finding, and what the data are.
    ax
        Where to draw; new axes of a figure apart from pyplot without it.

    Notes
    -----
    Buckets without calls break the line; those with too few (`enough` is False) are hollow. The
    dashed line is the rate of all buckets together, events over calls.
    """
    known(rates, *_RATE)
    ax = axes_for(ax, f"Line of the {what} {per(span_of(rates))} with its 95 % interval as a band")
    time_axis(ax, rates)
    grouped = rates.columns[0] != "calls"
    if not grouped:
        _band(ax, rates, theme_in_use().alarm)
        _overall(ax, rates[~left_out(rates, marks)])
    else:
        parts = sorted(each_group(rates), key=lambda part: -part[1]["calls"].sum())[:MOST_LABELS]
        for (_, rows), colour in zip(parts, coloured(max(len(parts), 2)), strict=False):
            _band(ax, rows, colour, 0.1)
    _from_zero(ax, rates)
    if grouped:
        ends = [_last(rows) for _, rows in parts]
        names = [clean(str(name)) for name, _ in parts]
        colours = list(coloured(max(len(parts), 2)))[: len(parts)]
        label_ends(ax, list(zip(ends, names, colours, strict=True)))
    ax.set_ylabel(f"{what} [% of calls], band 95 %")
    draw_marks(ax, marks)
    head(ax, title or _finding(rates[~left_out(rates, marks)], what), about)
    return ax


def _band(ax: Axes, rates: pd.DataFrame, colour: str, alpha: float = 0.18) -> None:
    theme = theme_in_use()
    x = dates_of(pd.DatetimeIndex(rates.index))
    rate, low, high = _percents(rates, "rate", "low", "high")
    enough = rates["enough"].to_numpy(dtype=bool)
    line, y, bottom, top = broken(x, rate, low, high)
    ax.fill_between(line, bottom, top, color=colour, alpha=alpha, lw=0, gid="interval")
    ax.plot(line, y, color=colour, lw=1.4, gid="rate")
    size = 3 if len(x) <= 120 else 1.5
    dots = enough & dotted(rate)
    ax.plot(x[dots], rate[dots], "o", ms=size, color=colour, gid="enough")
    ax.plot(x[~enough], rate[~enough], "o", ms=size + 0.5, mfc=theme.page, mec=colour, gid="few")


def _percents(frame: pd.DataFrame, *columns: str) -> tuple[Floats, ...]:
    return tuple(100 * frame[name].to_numpy(dtype=np.float64) for name in columns)


def _last(rates: pd.DataFrame) -> float:
    known_rates = rates["rate"].dropna()
    return 100 * float(known_rates.iloc[-1]) if len(known_rates) else 0.0


def _overall(ax: Axes, rates: pd.DataFrame) -> None:
    calls, events = rates["calls"].sum(), rates["events"].sum()
    if not calls > 0:
        return
    theme, overall = theme_in_use(), 100 * events / calls
    ax.axhline(overall, color=theme.muted, lw=1, ls="--", gid="overall")
    ax.annotate(
        f"overall {overall:.2f} %", (1, overall), (4, 0), va="center",
        xycoords=("axes fraction", "data"), textcoords="offset points", fontsize=8,
    )  # fmt: skip


def _from_zero(ax: Axes, rates: pd.DataFrame) -> None:
    """Count from 0 to what rates need; the bands of thin buckets may end outside."""
    rate, high = _percents(rates, "rate", "high")
    most = float(np.nanmax(np.append(rate, 0.0)))
    top = float(np.nanmax(np.append(np.fmin(high, 3 * most), most)))
    ax.set_ylim(0, min(top * 1.15, max(104, top * 1.02)) if top > 0 else 1)
    percents(ax)


def _finding(rates: pd.DataFrame, what: str) -> str:
    calls, events = float(rates["calls"].sum()), float(rates["events"].sum())
    if not calls > 0:
        return f"No calls, so no {what}"
    every = span_of(rates)
    count = len(pd.Index(rates.index).unique())
    return (
        f"{what.capitalize()} {percent(events / calls)} ({events:,.0f} of {calls:,.0f} calls) "
        f"over {count} {every}{'s' if count != 1 else ''}"
    )


@figure_style()
def plot_control(
    chart: pd.DataFrame,
    *,
    what: str = "error rate",
    marks: Sequence[Mark] = (),
    title: str | None = None,
    about: Provenance | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Axes with a control chart: rates, their centre and limits, signals named by their dates.

    Parameters
    ----------
    chart
        What `control_chart` returns for one series.
    what
        Name of the rate.
    marks
        What you know of the time shown. To leave a bad period out of centre and limits, chart
        ``without(hourly, marks)``.
    title, about
        The finding, and what the data are.
    ax
        Where to draw; new axes of a figure apart from pyplot without it.

    Raises
    ------
    QueryError
        A breakdown, or a column is missing.
    """
    one_chart(chart)
    known(chart, "calls", "rate", "centre", "low", "high", "signal", "limited")
    every, theme = span_of(chart), theme_in_use()
    ax = axes_for(ax, f"Control chart of the {what} {per(every)} with three-sigma limits")
    x = time_axis(ax, chart)
    rate, centre, low, high = _percents(chart, "rate", "centre", "low", "high")
    limited = chart["limited"].to_numpy(dtype=bool)
    line, bottom, top = broken(
        x, np.where(limited, np.maximum(low, 0), np.nan), np.where(limited, high, np.nan)
    )
    ax.fill_between(line, bottom, top, step="mid", color=theme.soft, alpha=0.22, lw=0, gid="limits")
    signal = chart["signal"].to_numpy(dtype=bool)
    line, y = broken(x, rate)
    ax.plot(line, y, color=theme.main, lw=1.1, gid="rate")
    dots = ~signal & dotted(rate)
    ax.plot(x[dots], rate[dots], "o", ms=3, color=theme.main, gid="common")
    ax.plot(x[signal], rate[signal], "D", ms=5, color=theme.alarm, gid="signal")
    tops = np.concatenate([rate, np.where(limited, high, 0), [0.0]])
    most = float(np.nanmax(tops))
    ax.set_ylim(0, most * 1.15 if most > 0 else 1)
    percents(ax)
    _name_lines(ax, centre, np.where(limited, high, np.nan))
    _name_signals(ax, chart, x, rate)
    ax.set_ylabel(f"{what} [% of calls]")
    draw_marks(ax, marks)
    head(ax, title or _signals_in_words(chart, what, every), about)
    return ax


def one_chart(chart: pd.DataFrame) -> None:
    """Nothing, where a table of rates has no group column.

    Raises
    ------
    QueryError
        It has one: a chart is of one series.
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


def _name_signals(ax: Axes, chart: pd.DataFrame, x: Floats, rate: Floats) -> None:
    """Write the date beside the signals that are farthest out."""
    signal = np.flatnonzero(chart["signal"].to_numpy(dtype=bool))
    distance = np.abs(rate - 100 * chart["centre"].to_numpy(dtype=np.float64))
    most = 3 if is_narrow(ax) else MOST_LABELS
    hours = span_of(chart) == "hour"
    for place in signal[np.argsort(-distance[signal], kind="stable")][:most]:
        moment = chart.index[place]
        ax.annotate(
            f"{moment:%d %b %H:%M}" if hours else f"{moment:%a %d %b}",
            (x[place], rate[place]), (0, 6), textcoords="offset points", ha="center", fontsize=7.5,
            gid="signal label", zorder=6,
            bbox={"facecolor": theme_in_use().page, "alpha": 0.85, "lw": 0, "pad": 0.6},
        )  # fmt: skip


def _signals_in_words(chart: pd.DataFrame, what: str, every: str) -> str:
    calls = chart["calls"].sum()
    if not calls > 0:
        return f"No calls in a whole {every}, so no {what}"
    count, signals = len(chart), chart[chart["signal"]]
    centre = percent(float(chart["centre"].iloc[0]))
    if not chart["limited"].any():
        return f"{what.capitalize()} {centre} of {calls:,.0f} calls: no limits can be set"
    if len(signals) == 0:
        return f"{what.capitalize()} steady at {centre}: none of {count} {every}s is out of limits"
    top = signals["rate"].idxmax()
    return (
        f"{what.capitalize()} out of limits on {len(signals)} of {count} {every}s, highest on "
        f"{top:%A %Y-%m-%d} ({percent(float(signals['rate'].max()))} against {centre})"
    )


@figure_style()
def plot_funnel(
    groups: pd.DataFrame,
    *,
    what: str = "error rate",
    title: str | None = None,
    about: Provenance | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Axes with each group's rate against its calls, those beyond chance named.

    Parameters
    ----------
    groups
        What `funnel` returns.
    what
        Name of the rate.
    title, about
        The finding, and what the data are.
    ax
        Where to draw; new axes of a figure apart from pyplot without it.

    Notes
    -----
    Filled: within the 95 % limits; ringed: beyond them; diamonds: beyond 99.8 %, which is named as
    outside. With up to six groups every one is named.
    """
    known(groups, "calls", "rate", "centre", "low_95", "high_95", "low_998", "high_998")
    theme = theme_in_use()
    ax = axes_for(ax, f"Funnel plot of the {what} of each group against its number of calls")
    shown = groups[groups["calls"] > 0].sort_values("calls", kind="stable")
    x = shown["calls"].to_numpy(dtype=np.float64)
    _funnel_limits(ax, shown, x)
    rate = _percents(shown, "rate")[0]
    far = shown["beyond_998"].to_numpy(dtype=bool)
    near = shown["beyond_95"].to_numpy(dtype=bool) & ~far
    inside = ~far & ~near
    ax.plot(x[inside], rate[inside], "o", ms=4.5, color=theme.main, gid="inside")
    ax.plot(x[near], rate[near], "o", ms=5.5, mfc=theme.page, mec=theme.main, gid="near")
    ax.plot(x[far], rate[far], "D", ms=5.5, color=theme.alarm, gid="outside")
    tops = (
        np.concatenate([rate, np.minimum(_percents(shown, "high_998")[0], 3 * rate.max())])
        if (len(shown))
        else np.zeros(1)
    )
    ax.set_ylim(0, max(float(np.nanmax(tops)) * 1.12, 1.0))
    percents(ax)
    ax.set_xlim(0, x.max() * 1.08 if len(x) else 1)
    ax.xaxis.set_major_locator(MaxNLocator(5 if is_narrow(ax) else 7, integer=True))
    ax.xaxis.set_major_formatter(FuncFormatter(compact))
    ax.set_xlabel("size of the group [calls]")
    ax.set_ylabel(f"{what} [% of calls]")
    _name_points(ax, shown.index[_named(len(shown), far)], x, rate, _named(len(shown), far))
    head(ax, title or _outside_in_words(shown, far, what), about)
    return ax


def _named(count: int, far: NDArray[np.bool_]) -> NDArray[np.intp]:
    return np.arange(count) if count <= MOST_LABELS else np.flatnonzero(far)


def _funnel_limits(ax: Axes, shown: pd.DataFrame, x: Floats) -> None:
    theme = theme_in_use()
    for name, alpha in (("998", 0.14), ("95", 0.2)):
        low, high = _percents(shown, f"low_{name}", f"high_{name}")
        ax.fill_between(x, np.maximum(low, 0), high, color=theme.soft, alpha=alpha, lw=0,
                        gid=f"limits {name}")  # fmt: skip
    if len(shown):
        ax.axhline(100 * shown["centre"].iloc[0], color=theme.muted, lw=1, ls="--", gid="centre")


def _name_points(
    ax: Axes, names: Sequence[object] | pd.Index, x: Floats, y: Floats, places: NDArray[np.intp]
) -> None:
    """Write names beside points, apart from each other in height."""
    low, high = ax.get_ylim()
    right = ax.get_xlim()[1]
    tall = 72 * 2.2
    points = [float(y[place] - low) / (high - low) * tall for place in places]
    moved = spread_out(points, 9.5, tall)
    for name, place, at, own in zip(names, places, moved, points, strict=True):
        left = x[place] > 0.6 * right
        ax.annotate(
            shorten(str(name), 14 if is_narrow(ax) else 24),
            (x[place], y[place]), (-7 if left else 7, at - own), textcoords="offset points",
            ha="right" if left else "left", va="center", fontsize=8, gid="name",
            arrowprops={"arrowstyle": "-", "color": theme_in_use().muted, "lw": 0.5},
        )  # fmt: skip


def _outside_in_words(shown: pd.DataFrame, far: NDArray[np.bool_], what: str) -> str:
    if len(shown) == 0:
        return f"No calls in any group, so no {what}"
    centre = percent(float(shown["centre"].iloc[0]))
    if not far.any():
        return (
            f"No group's {what} is beyond chance: {centre} of {amount(shown['calls'].sum())} calls"
        )
    worst = shown[far]["rate"].idxmax()
    more = f" and {far.sum() - 1} more" if far.sum() > 1 else ""
    return (
        f"{shorten(str(worst), 40)}{more} beyond chance: {what} "
        f"{percent(float(shown['rate'].to_numpy()[far].max()))} against {centre} of the others"
    )
