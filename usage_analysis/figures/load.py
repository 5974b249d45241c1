"""Load of the lines: load-duration curves, and erlangs at a limit of calls at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from usage_analysis.analysis.capacity import capacity, risk_in_words
from usage_analysis.analysis.profiles import traffic_intensity
from usage_analysis.analysis.vocabulary import amount, counted, several, shorten
from usage_analysis.figures.axes import (
    ON_AXIS,
    OTHERS,
    Floats,
    alone,
    axes_for,
    broken,
    colour_of,
    figure_of,
    finished,
    groups_by_size,
    is_narrow,
    known,
    one_series,
)
from usage_analysis.figures.labels import head, label_ends, nothing
from usage_analysis.figures.marks import Mark, draw_marks, left_out, without
from usage_analysis.figures.provenance import Provenance
from usage_analysis.figures.style import figure_style, theme_in_use
from usage_analysis.figures.ticks import dates_of, from_zero, percents, time_axis
from usage_analysis.tidy.frames import group_column
from usage_analysis.tidy.zones import DAY, local_clock, zone_of

_HOURS_SHOWN = 35 * 24
_NAMED_AT = 0.01
# Where names may stand, as shares of the hours.
_COLUMNS = (0.3, 0.45, 0.6)
_TENTH = 10
_POINTS = 300


@figure_style()
def plot_load_duration(
    hourly: pd.DataFrame,
    *,
    limit: int | None = None,
    marks: Sequence[Mark] = (),
    title: str | None = None,
    about: Provenance | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Axes with a load-duration curve: in what share of the hours the traffic is at least so high.

    Parameters
    ----------
    hourly
        Canonical hourly frame, with or without a group column; `traffic_intensity` is drawn, of
        hours that are over.
    limit
        Calls that may be held at once, drawn as a line; of one series alone, for a limit is an
        account's and no group's.
    marks
        Periods to leave out are not in the curve.
    title, about
        The finding, and what the data are.
    ax
        Where to draw; new axes of a figure apart from pyplot without it.

    Notes
    -----
    Groups' busiest hours stand far above all others: of a breakdown the axis ends a little above
    the hundredth of hours that is busiest, and each name says how far its curve goes.
    """
    known(hourly, "duration")
    kept = without(hourly, marks)
    kept = kept[finished(kept)]
    ax = axes_for(ax, "Load-duration curve of the traffic of each hour")
    largest, others = groups_by_size(kept, "duration")
    curves = [(_falling(rows), name) for name, rows in largest]
    single = group_column(kept) is None
    for _, rows in others:
        _curve(ax, _falling(rows), OTHERS, 0.7)
    colours = colour_of(largest)
    for (traffic, _), colour in zip(curves, colours, strict=True):
        _curve(ax, traffic, colour, 1.8, fill=single)
    ax.set_xlim(0, 100)
    percents(ax, x=True)
    ax.set_xlabel("share of the hours [%]")
    ax.set_ylabel("traffic [erlangs]")
    if single:
        _whole_scale(ax, curves, limit)
    else:
        limit = None
        _name_curves(ax, curves, colours, len(others))
    if not any(len(traffic) for traffic, _ in curves):
        nothing(ax, "no finished hour yet")
    head(ax, title or _duration_finding(curves, limit), about, hourly)
    return ax


def _falling(rows: pd.DataFrame) -> Floats:
    traffic = np.asarray(traffic_intensity(rows), dtype=np.float64)
    return np.sort(traffic)[::-1]


def _whole_scale(ax: Axes, curves: list[tuple[Floats, str]], limit: int | None) -> None:
    """Let the axis hold the busiest hour, and the limit with its name."""
    top = max((float(traffic[0]) for traffic, _ in curves if len(traffic)), default=0.0)
    from_zero(ax, np.array([top, limit or 0.0]), room=1.15)
    if limit is not None:
        ax.axhline(limit, color=theme_in_use().alarm, lw=1.4, ls="--", gid="limit")
        label_ends(ax, [(float(limit), f"limit {limit}", theme_in_use().alarm)])


def _name_curves(
    ax: Axes, curves: list[tuple[Floats, str]], colours: list[str], others: int
) -> None:
    """Write names in the free room above falling curves, each with a line to its own."""
    named = [(t, name, c) for (t, name), c in zip(curves, colours, strict=True) if len(t)]
    heights = [float(t[int(_NAMED_AT * len(t))]) for t, _, _ in named]
    from_zero(ax, np.array([*heights, 0.0]), room=1.25)
    # From the top down, by height, where the curves have fallen away beneath.
    step = 11 / (figure_of(ax).get_size_inches()[1] * 72 * 0.55)
    lowest = 0.94 - step * (len(named) + bool(others))
    left = next((x for x in _COLUMNS if _reach(named, x) < lowest * ax.get_ylim()[1]), _COLUMNS[-1])
    room = (18 if is_narrow(ax) else 30) if left < _COLUMNS[-1] else 14
    down = np.argsort(np.argsort(-np.array(heights), kind="stable"), kind="stable")
    for (traffic, name, colour), height, place in zip(named, heights, down, strict=True):
        ax.annotate(
            f"{shorten(name, room)}, {amount(float(traffic[0]))} at most",
            (100 * _NAMED_AT, height), (left, 0.94 - step * place), va="center",
            textcoords="axes fraction", fontsize=8, gid="label",
            arrowprops={
                "arrowstyle": "-", "color": colour, "lw": 0.9, "shrinkA": 1, "shrinkB": 0,
                "relpos": (0, 0.5),
            },
        )  # fmt: skip
    if others:
        ax.annotate(
            f"grey: {others} others", (left, 0.94 - step * len(named)), va="center",
            xycoords="axes fraction", fontsize=8, gid="label",
        )  # fmt: skip


def _reach(curves: Sequence[tuple[Floats, str, str]], share: float) -> float:
    """The highest of falling curves at a share of the hours."""
    return max((float(traffic[int(share * len(traffic))]) for traffic, _, _ in curves), default=0.0)


def _curve(ax: Axes, traffic: Floats, colour: str, width: float, *, fill: bool = False) -> None:
    """Draw a falling curve; of many hours those that a figure of this width can tell apart."""
    if len(traffic) == 0:
        return
    hours = np.arange(len(traffic))
    if len(hours) > _POINTS:
        # The few highest hours are what matters most: every one of them is drawn.
        spread = np.linspace(0, len(hours) - 1, _POINTS).astype(np.intp)
        hours = np.unique(np.append(hours[:50], spread))
    share = np.append(100 * hours / len(traffic), 100.0)
    steps = np.append(traffic[hours], traffic[-1])
    ax.plot(share, steps, color=colour, lw=width, drawstyle="steps-post", gid="curve", zorder=2.6)
    if fill:
        ax.fill_between(share, steps, step="post", color=colour, alpha=0.08, lw=0)


def _duration_finding(curves: list[tuple[Floats, str]], limit: int | None) -> str:
    traffic = max((curve for curve, _ in curves), key=lambda c: c.sum(), default=np.zeros(0))
    if not traffic.sum() > 0:
        return "No talk in any finished hour"
    name = next((name for curve, name in curves if curve is traffic), "")
    whose = f"{shorten(name, 40)} has most traffic" if name else "Traffic is"
    high, busy = float(traffic[0]), float(traffic[len(traffic) // 10])
    hours = several(len(traffic), "hour")
    words = f"{whose}: over {counted(busy, 'traffic')} in a tenth of {hours}"
    if not name:
        words = words.replace(":", "", 1)
    if len(traffic) < _TENTH or not busy > 0:
        words = f"{whose}{':' if name else ''} {counted(high, 'traffic')} at most in {hours}"
    if limit is None:
        return words if "at most" in words else f"{words}, {amount(high)} at most"
    over = int((traffic >= limit).sum())
    told = f"at or over the limit of {limit} in {over:,} of them"
    return f"{words}, {told if over else f'never at the limit of {limit}'}"


@figure_style()
def plot_capacity(
    hourly: pd.DataFrame,
    *,
    limit: int,
    marks: Sequence[Mark] = (),
    title: str | None = None,
    about: Provenance | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Axes with erlangs against the limit, and the calls at once that demand may reach.

    Parameters
    ----------
    hourly
        Canonical hourly frame of one series; what `capacity` finds is drawn.
    limit
        Calls that may be held at once.
    marks
        What you know of the time shown; hours to leave out are not counted in the title.
    title, about
        The finding, and what the data are.
    ax
        Where to draw; new axes of a figure apart from pyplot without it.

    Notes
    -----
    The line is carried traffic; the band above it reaches to what demand without a limit exceeds
    0.1 % of the time (Poisson, M/G/∞). Hours at risk are marked where the band is over the limit,
    saturated ones by diamonds at it. Of more than five weeks the busiest hour of each day is drawn.

    Raises
    ------
    QueryError
        A breakdown (a limit is an account's), no `duration`, or a limit that is none.
    """
    known(hourly, "duration")
    one_series(hourly, "plot_capacity")
    found = capacity(hourly, limit=limit)
    over = finished(hourly)
    shown = _each_day(found[over]) if over.sum() > _HOURS_SHOWN else found[over]
    every = "day's busiest hour" if len(shown) < over.sum() else "hour"
    theme = theme_in_use()
    ax = axes_for(ax, f"Erlangs of each {every} against the limit of {limit} calls at once")
    time_axis(ax, shown)
    x = dates_of(pd.DatetimeIndex(shown.index))
    carried = shown["carried"].to_numpy(dtype=np.float64)
    bound = shown["demand"].to_numpy(dtype=np.float64)
    top = 1.25 * max(float(limit), float(np.max(carried, initial=0.0)))
    finite = np.where(np.isfinite(bound), bound, 4 * top)
    line, low, high = broken(x, carried, finite)
    ax.fill_between(line, low, high, color=theme.soft, alpha=0.35, lw=0, gid="demand")
    few = "o" if len(x) < _TENTH else "None"
    ax.plot(line, low, color=theme.main, lw=1.1, marker=few, ms=3, gid="carried", **ON_AXIS)
    # A band of one hour has no width.
    single = alone(high)
    ax.plot(line[single], high[single], "_", color=theme.soft, ms=9, mew=2, gid="demand ends")
    ax.axhline(limit, color=theme.alarm, lw=1.4, ls="--", gid="limit")
    full = shown["saturated"].to_numpy(dtype=bool)
    ax.plot(x[full], np.full(full.sum(), float(limit)), "D", ms=5, color=theme.alarm, gid="full")
    tops = finite[np.isfinite(bound)]
    from_zero(ax, np.array([top, min(np.max(tops, initial=0.0), 1.6 * top)]), room=1.02)
    ax.set_ylabel(f"traffic{' in the busiest hour of a day' if 'day' in every else ''} [erlangs]")
    last = len(x) - 1
    ends = [(float(limit), f"limit {limit}", theme.alarm)]
    if last >= 0:
        ends += [
            (float(carried[last]), "carried", theme.main),
            (min(float(finite[last]), ax.get_ylim()[1]), "demand, 99.9 %", theme.soft),
        ]
    label_ends(ax, ends)
    draw_marks(ax, marks)
    if last < 0:
        nothing(ax, "no finished hour yet")
    told = risk_in_words(found[over & ~left_out(hourly, marks)], limit)
    told = told.replace(f" ({zone_of(hourly)})", "")  # it stands beneath
    key = ["◆ lines full"] if full.any() else []
    key += ["the band of demand goes on above"] if (finite > ax.get_ylim()[1]).any() else []
    head(ax, title or told, about, hourly, key="; ".join(key))
    return ax


def _each_day(found: pd.DataFrame) -> pd.DataFrame:
    """The busiest hour of each local day."""
    day: NDArray[np.int64] = local_clock(found) // DAY
    order = np.lexsort((-found["carried"].to_numpy(), day))
    first = np.append(True, day[order][1:] != day[order][:-1])
    return found.iloc[np.sort(order[first])]
