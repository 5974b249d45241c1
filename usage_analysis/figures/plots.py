"""Axes from helpers' results: one frame and one axes in, the axes out.

Every `plot_*` draws on the axes it is given, or on those of a new figure apart from pyplot, and
leaves showing, saving and closing to the caller. Its title says what is seen, its subtitle what
the data are (`Provenance`).
"""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from matplotlib import dates as mdates
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from usage_analysis.errors import QueryError
from usage_analysis.figures.style import (
    BLUE,
    EMPTY,
    HEAT,
    INK,
    MUTED,
    SKY,
    VERMILLION,
    Provenance,
    figure_style,
    new_figure,
)
from usage_analysis.tidy.zones import zone_of

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
UNITS = {
    "total_count": "calls",
    "error_count": "calls in error",
    "joined_count": "joined calls",
    "duration": "minutes of talk",
    "billed_minutes": "billed minutes",
    "traffic": "erlangs",
}
"""What each measure counts, as an axis names it."""


def compact(value: float, _: object = None) -> str:
    """A count for an axis: 950, 12,000, 1.5M, 300M."""
    if abs(value) >= 1e9:
        return f"{value / 1e9:,.3g}B"
    if abs(value) >= 1e6:
        return f"{value / 1e6:,.3g}M"
    return f"{value:,.0f}" if value == round(value) else f"{value:,.3g}"


def head(ax: Axes, title: str, about: Provenance | None) -> None:
    """Put the finding above the axes, and what the data are beneath it, wrapped to the width."""
    points = figure_of(ax).get_size_inches()[0] * 0.85 * 72
    small = "\n".join(textwrap.wrap(about.subtitle(), int(points / 4.1))) if about else ""
    large = "\n".join(textwrap.wrap(title, int(points / 6.3)))
    lines = small.count("\n") + 1 if small else 0
    ax.set_title(large, fontsize=11, fontweight="bold", pad=8 + 10.5 * lines)
    if small:
        ax.annotate(
            small,
            (0, 1),
            (0, 6),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=7.5,
            color=MUTED,
            va="bottom",
            gid="subtitle",
        )


def figure_of(ax: Axes) -> Figure:
    """Figure that an axes is on."""
    figure = ax.get_figure(root=True)
    if figure is None:
        raise QueryError("ax: expected axes on a figure, got axes that were removed from theirs")
    return figure


def time_axis(ax: Axes, index: pd.DatetimeIndex) -> NDArray[np.float64]:
    """Matplotlib dates of an index, on an axis whose ticks follow the index's own clock."""
    zone = index.tz
    locator = mdates.AutoDateLocator(tz=zone, minticks=3, maxticks=9)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator, tz=zone))
    numbers: NDArray[np.float64] = mdates.date2num(
        index.tz_convert("UTC").tz_localize(None).to_numpy()
    )
    if len(numbers):
        margin = max((numbers[-1] - numbers[0]) * 0.02, 0.5)
        ax.set_xlim(numbers[0] - margin, numbers[-1] + margin)
    return numbers


def from_zero(ax: Axes, values: NDArray[np.float64], *, room: float = 1.08) -> None:
    """Let the y axis count from 0, with whole steps and no offset."""
    top = np.nanmax(values, initial=0.0)
    ax.set_ylim(0, top * room if top > 0 else 1)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=bool(top > 5)))
    ax.yaxis.set_major_formatter(FuncFormatter(compact))


def in_units(frame: pd.DataFrame, measure: str) -> NDArray[np.float64]:
    """Values of a measure for an axis, durations in minutes."""
    column = frame[measure]
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "m":
        return column.to_numpy().astype("m8[us]").view(np.int64) / 60e6
    return column.to_numpy(dtype=np.float64)


def _every(index: pd.DatetimeIndex) -> str:
    """What one row of a frame spans, in a word."""
    steps = np.diff(index.asi8 if index.unit == "us" else index.as_unit("us").asi8) / 3.6e9
    step = float(np.median(steps)) if len(steps) else 24.0
    names = ((2, "hour"), (30, "day"), (200, "week"), (800, "month"), (3000, "quarter"))
    return next((name for limit, name in names if step < limit), "year")


@figure_style()
def plot_trend(
    frame: pd.DataFrame,
    *,
    measure: str = "total_count",
    title: str | None = None,
    about: Provenance | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Axes with a measure over time: each bucket, a moving mean, unfinished buckets dashed.

    Parameters
    ----------
    frame
        What `aggregate` returns, or a canonical frame.
    measure
        A column of it; durations are drawn in minutes.
    title, about
        The finding, and what the data are.
    ax
        Where to draw; new axes of a figure apart from pyplot without it.

    Notes
    -----
    The mean is over 7 buckets up to and with each one, of finished buckets only, and starts with
    the seventh.
    """
    ax = ax or new_figure().add_subplot()
    _known(frame, measure)
    index = pd.DatetimeIndex(frame.index)
    zone_of(frame)
    x, y = time_axis(ax, index), in_units(frame, measure)
    whole = finished(frame)
    every, unit = _every(index), UNITS.get(measure, measure)
    ax.plot(x, np.where(whole, y, np.nan), color=SKY, lw=1.2, marker="o", ms=2.5, gid="buckets")
    if not whole.all():
        edges = ~whole | np.roll(~whole, -1) | np.roll(~whole, 1)
        ax.plot(x, np.where(edges, y, np.nan), color=SKY, lw=1.0, ls=(0, (2, 2)), gid="unfinished")
        ax.plot(
            x[~whole], y[~whole], ls="none", marker="o", ms=3.5, mfc="white", mec=SKY, gid="open",
            label=f"unfinished {every}",
        )  # fmt: skip
    if whole.sum() >= 7:
        mean = pd.Series(np.where(whole, y, np.nan)).rolling(7, min_periods=7).mean()
        ax.plot(x, mean, color=BLUE, lw=2.2, label=f"mean of 7 {every}s", gid="mean")
    from_zero(ax, y)
    ax.set_ylabel(f"{unit} a {every}")
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="upper left", bbox_to_anchor=(0, -0.1), ncols=2, fontsize=8, borderaxespad=0)
    head(ax, title or f"{unit.capitalize()} a {every}", about)
    return ax


@figure_style()
def plot_error_rate(
    rates: pd.DataFrame,
    *,
    title: str | None = None,
    about: Provenance | None = None,
    what: str = "error rate",
    ax: Axes | None = None,
) -> Axes:
    """Axes with a rate over time as a line and its confidence interval as a band.

    Parameters
    ----------
    rates
        What `error_rate` or `join_rate` returns for a frame of days: `rate`, `low`, `high`,
        `calls`, `events`, `enough`.
    title, about
        The finding, and what the data are.
    what
        Name of the rate.
    ax
        Where to draw; new axes of a figure apart from pyplot without it.

    Notes
    -----
    Buckets without calls break the line; those with too few (`enough` is False) are hollow. The
    dashed line is the rate of all buckets together, events over calls.
    """
    ax = ax or new_figure().add_subplot()
    _known(rates, "rate", "low", "high", "calls", "events", "enough")
    x = time_axis(ax, pd.DatetimeIndex(rates.index))
    rate, low, high = (
        100 * rates[name].to_numpy(dtype=np.float64) for name in ("rate", "low", "high")
    )
    enough = rates["enough"].to_numpy(dtype=bool)
    ax.fill_between(x, low, high, color=VERMILLION, alpha=0.18, lw=0, gid="interval")
    ax.plot(x, rate, color=VERMILLION, lw=1.4, gid="rate")
    ax.plot(x[enough], rate[enough], "o", ms=3, color=VERMILLION, gid="enough")
    ax.plot(x[~enough], rate[~enough], "o", ms=3.5, mfc="white", mec=VERMILLION, gid="few")
    calls, events = rates["calls"].sum(), rates["events"].sum()
    if calls > 0:
        overall = 100 * events / calls
        ax.axhline(overall, color=MUTED, lw=1, ls="--", gid="overall")
        ax.annotate(
            f"overall {overall:.2f} %", (1, overall), (-2, 3), ha="right", va="bottom",
            xycoords=("axes fraction", "data"), textcoords="offset points", fontsize=8, color=INK,
        )  # fmt: skip
    shown = np.where(np.isfinite(rate), np.minimum(high, np.maximum(4 * rate, 1)), np.nan)
    top = np.nanmax(np.concatenate([rate, shown, [0.0]]))
    ax.set_ylim(0, min(max(top * 1.15, 1.0), 104))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    ax.set_ylabel(f"{what} [% of calls], band 95 %")
    head(ax, title or what.capitalize(), about)
    return ax


@figure_style()
def plot_week(
    profile: pd.DataFrame,
    *,
    measure: str = "total_count",
    title: str | None = None,
    about: Provenance | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Axes with a heat map of weekday by hour, the busiest slot outlined.

    Parameters
    ----------
    profile
        What ``load_profile(hourly, by="hour_of_week")`` returns: rows 0 (Monday 00:00) to 167,
        column `mean`. A slot without a row, or whose mean is missing, is grey.
    measure
        What the profile is of.
    title, about
        The finding, and what the data are.
    ax
        Where to draw; new axes of a figure apart from pyplot without it.
    """
    ax = ax or new_figure().add_subplot()
    _known(profile, "mean")
    cells = np.full(168, np.nan)
    cells[profile.index.to_numpy()] = in_units(profile, "mean")
    top = np.nanmax(cells, initial=0.0)
    image = ax.imshow(
        np.ma.masked_invalid(cells.reshape(7, 24)), cmap=HEAT, aspect="auto", vmin=0,
        vmax=top if top > 0 else 1, interpolation="nearest",
    )  # fmt: skip
    ax.set_facecolor(EMPTY)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    ax.xaxis.set_major_locator(FixedLocator(range(0, 24, 3)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{int(value):02d}:00"))
    ax.yaxis.set_major_locator(FixedLocator(range(7)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: WEEKDAYS[int(value) % 7]))
    ax.tick_params(length=0)
    ax.set_xlabel("hour of day" + (f" ({about.timezone})" if about else ""))
    ax.set_ylabel("day of week")
    if top > 0:
        day, hour = divmod(int(np.nanargmax(cells)), 24)
        ax.add_patch(
            Rectangle((hour - 0.5, day - 0.5), 1, 1, fill=False, ec=VERMILLION, lw=2, gid="busiest")
        )
    bar = figure_of(ax).colorbar(image, ax=ax, pad=0.015, format=FuncFormatter(compact))
    unit = UNITS.get(measure, measure)
    bar.set_label(f"mean {unit}" if measure == "traffic" else f"mean {unit} an hour", size=8)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, length=0)
    head(ax, title or f"{UNITS.get(measure, measure).capitalize()} by hour of the week", about)
    return ax


def finished(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Which rows are whole and final: `complete` where the frame has it, and not `provisional`."""
    whole = np.ones(len(frame), dtype=np.bool_)
    if "complete" in frame:
        whole &= frame["complete"].to_numpy(dtype=bool)
    if "provisional" in frame:
        whole &= ~frame["provisional"].to_numpy(dtype=bool)
    return whole


def _known(frame: pd.DataFrame, *columns: str) -> None:
    missing = [name for name in columns if name not in frame]
    if missing:
        raise QueryError(f"frame: expected the column {', '.join(missing)}, got {list(frame)}")
