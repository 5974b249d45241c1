"""Load of the day and of the lines: day profiles, load-duration curves, erlangs at a limit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter
from numpy.typing import NDArray

from usage_analysis.analysis.capacity import capacity, risk_in_words
from usage_analysis.analysis.profiles import load_profile, traffic_intensity
from usage_analysis.errors import QueryError
from usage_analysis.figures.axes import (
    Floats,
    axes_for,
    broken,
    coloured,
    finished,
    groups_by_size,
    in_units,
    is_narrow,
    known,
    one_series,
)
from usage_analysis.figures.labels import head, label_ends
from usage_analysis.figures.marks import Mark, draw_marks, left_out, without
from usage_analysis.figures.provenance import Provenance
from usage_analysis.figures.style import figure_style, theme_in_use
from usage_analysis.figures.ticks import dates_of, from_zero, time_axis
from usage_analysis.figures.wording import UNITS, WEEKDAYS, amount, axis_name, counted
from usage_analysis.tidy.frames import group_column
from usage_analysis.tidy.zones import DAY, local_clock, zone_of

_HOURS_SHOWN = 35 * 24
_POINTS = 300


@figure_style()
def plot_day(
    hourly: pd.DataFrame,
    *,
    measure: str = "total_count",
    weekend: Sequence[str] = ("Sat", "Sun"),
    marks: Sequence[Mark] = (),
    title: str | None = None,
    about: Provenance | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Axes with the load of each hour of the day, workdays and weekend apart, with their spread.

    Parameters
    ----------
    hourly
        Canonical hourly frame on the clock that is meant, with or without a group column. Of a
        breakdown the means of all days are drawn, a line a group.
    measure
        As for `load_profile`.
    weekend
        Days of the weekend, as ``"Fri", "Sat"``.
    marks
        Periods to leave out are not in the profile.
    title, about
        The finding, and what the data are.
    ax
        Where to draw; new axes of a figure apart from pyplot without it.

    Notes
    -----
    The line is the median of the days, the band their 10th to 90th percentile; the dashed upright
    marks the busy hour, the clock hour with the greatest mean load on workdays (ITU-T E.600), and
    on all days where there is no workday.
    """
    bad = [name for name in weekend if name not in WEEKDAYS]
    if isinstance(weekend, str) or bad:
        raise QueryError(f"weekend: expected days out of {', '.join(WEEKDAYS)}, got {weekend!r}")
    every = "" if measure == "traffic" else " an hour"
    what = UNITS.get(measure, measure)
    ax = axes_for(ax, f"Profile of {what}{every} by hour of day, median and 10 to 90 % band")
    kept = without(hourly, marks)
    _clock_axis(ax, kept)
    if group_column(hourly) is None:
        finding = _two_profiles(ax, kept, measure, weekend, f"{what}{every}")
    else:
        finding = _group_profiles(ax, kept, measure, what)
    ax.set_ylabel(axis_name(measure, "hour"))
    head(ax, title or finding, about)
    return ax


def _clock_axis(ax: Axes, hourly: pd.DataFrame) -> None:
    ax.set_xlim(0, 23)
    ax.xaxis.set_major_locator(FixedLocator(range(0, 24, 6 if is_narrow(ax) else 3)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{int(value):02d}:00"))
    ax.set_xlabel(f"hour of day [{zone_of(hourly)}]")


def _two_profiles(
    ax: Axes, hourly: pd.DataFrame, measure: str, weekend: Sequence[str], what: str
) -> str:
    """Draw workdays and weekend; the words that name the busy hour."""
    theme = theme_in_use()
    resting = np.isin((local_clock(hourly) // DAY + 3) % 7, [WEEKDAYS.index(d) for d in weekend])
    profiles = {}
    for name, rows in (("workdays", hourly[~resting]), ("weekend", hourly[resting])):
        profile = load_profile(rows, measure=measure)
        if profile["n"].sum() > 0:
            profiles[name] = profile
    ends, values = [], [np.zeros(1)]
    for name, colour in (("workdays", theme.main), ("weekend", theme.alarm)):
        if name not in profiles:
            continue
        p10, p50, p90 = (in_units(profiles[name], part) for part in ("p10", "p50", "p90"))
        hours = np.arange(24.0)
        ax.fill_between(hours, p10, p90, color=colour, alpha=0.18, lw=0, gid=f"{name} band")
        ax.plot(hours, p50, color=colour, gid=name)
        ends.append((float(np.nan_to_num(p50)[-1]), name, colour))
        values += [p90]
    from_zero(ax, np.concatenate(values))
    label_ends(ax, ends)
    whose = "workdays" if "workdays" in profiles else "weekend"
    mean = in_units(profiles[whose], "mean") if profiles else np.zeros(24)
    if not np.nansum(mean) > 0:
        return f"No {what.removesuffix(' an hour')} in any hour of the day"
    busy = int(np.nanargmax(mean))
    ax.axvline(busy, color=theme.muted, lw=1, ls="--", gid="busy hour")
    ax.annotate(
        "busy hour", (busy, 1), (3, -3), xycoords=("data", "axes fraction"),
        textcoords="offset points", va="top", fontsize=8,
        ha="left" if busy < 18 else "right", gid="busy hour name",
    )  # fmt: skip
    days = round(float(profiles[whose]["n"].max()))
    return (
        f"Busy hour {busy:02d}:00 to {busy + 1:02d}:00: {counted(float(mean[busy]), what)} "
        f"on average over {days} {whose if whose == 'workdays' else 'days of weekend'}"
    )


def _group_profiles(ax: Axes, hourly: pd.DataFrame, measure: str, what: str) -> str:
    by_size = "duration" if measure == "traffic" else measure
    largest, others = groups_by_size(hourly, by_size)
    ends, values, busiest = [], [np.zeros(1)], ("", 0, 0.0)
    colours = [*coloured(max(len(largest), 2))]
    behind = [(name, rows, "#9A9A9A", 0.7) for name, rows in others]
    front = [(n, r, c, 1.6) for (n, r), c in zip(largest, colours, strict=False)]
    for name, rows, colour, width in behind + front:
        mean = in_units(load_profile(rows, measure=measure), "mean")
        ax.plot(np.arange(24), mean, color=colour, lw=width, gid="group")
        values.append(mean)
        if width > 1:
            ends.append((float(np.nan_to_num(mean)[-1]), name, colour))
        top = float(np.nanmax(mean, initial=0.0))
        if top > busiest[2]:
            busiest = (name, int(np.nanargmax(mean)), top)
    from_zero(ax, np.concatenate(values))
    if others:
        ends.append((0.0, f"{len(others)} others", theme_in_use().muted))
    label_ends(ax, ends)
    name, hour, top = busiest
    if not top > 0:
        return f"No {what} in any hour of the day"
    return f"{name} is busiest, {hour:02d}:00 to {hour + 1:02d}:00: {counted(top, what)} on average"


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
        Calls that may be held at once, drawn as a line.
    marks
        Periods to leave out are not in the curve.
    title, about
        The finding, and what the data are.
    ax
        Where to draw; new axes of a figure apart from pyplot without it.
    """
    known(hourly, "duration")
    kept = without(hourly, marks)
    kept = kept[finished(kept)]
    ax = axes_for(ax, "Load-duration curve of the traffic of each hour")
    largest, others = groups_by_size(kept, "duration")
    curves = [(_falling(rows), name) for name, rows in largest]
    for rows in others:
        _curve(ax, _falling(rows[1]), "#9A9A9A", 0.7)
    colours = list(coloured(max(len(curves), 1)))
    for (traffic, _), colour in zip(curves, colours, strict=False):
        _curve(ax, traffic, colour, 1.8)
    tops = [float(traffic[0]) for traffic, _ in curves if len(traffic)]
    from_zero(ax, np.array([*tops, limit or 0, 0.0]), room=1.15)
    ax.set_xlim(0, 100)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    ax.set_xlabel("share of the hours [%]")
    ax.set_ylabel("traffic [erlangs]")
    ends = (
        []
        if curves and curves[0][1] == ""
        else [
            (float(traffic[-1]) if len(traffic) else 0.0, name, colour)
            for (traffic, name), colour in zip(curves, colours, strict=False)
        ]
    )
    if limit is not None:
        ax.axhline(limit, color=theme_in_use().alarm, lw=1.4, ls="--", gid="limit")
        ends.append((float(limit), f"limit {limit}", theme_in_use().alarm))
    label_ends(ax, ends)
    head(ax, title or _duration_finding(curves, limit), about)
    return ax


def _falling(rows: pd.DataFrame) -> Floats:
    traffic = np.asarray(traffic_intensity(rows), dtype=np.float64)
    return np.sort(traffic)[::-1]


def _curve(ax: Axes, traffic: Floats, colour: str, width: float) -> None:
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
    ax.plot(share, steps, color=colour, lw=width, drawstyle="steps-post", gid="curve")
    if width > 1:
        ax.fill_between(share, steps, step="post", color=colour, alpha=0.08, lw=0)


def _duration_finding(curves: list[tuple[Floats, str]], limit: int | None) -> str:
    traffic = max((curve for curve, _ in curves), key=lambda c: c.sum(), default=np.zeros(0))
    whose = next((f"{name}: " for curve, name in curves if curve is traffic and name), "")
    if not traffic.sum() > 0:
        return f"{whose}No talk in any finished hour"
    high, busy = float(traffic[0]), float(traffic[len(traffic) // 10])
    words = (
        f"{whose}Traffic is over {counted(busy, 'erlangs')} in a tenth of {len(traffic):,} hours"
    )
    if limit is None:
        return f"{words}, {amount(high)} at most"
    over = int((traffic >= limit).sum())
    told = f"at or over the limit of {limit} in {over:,}" if over else f"never at the limit {limit}"
    return f"{words}, {told}"


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
    ax.plot(line, low, color=theme.main, lw=1.1, gid="carried")
    ax.axhline(limit, color=theme.alarm, lw=1.4, ls="--", gid="limit")
    full = shown["saturated"].to_numpy(dtype=bool)
    ax.plot(x[full], np.full(full.sum(), float(limit)), "D", ms=5, color=theme.alarm, gid="full")
    tops = finite[np.isfinite(bound)]
    from_zero(ax, np.array([top, min(np.max(tops, initial=0.0), 1.6 * top)]), room=1.02)
    ax.set_ylabel(f"traffic [erlangs], {'busiest hour of a day' if 'day' in every else 'by hour'}")
    last = len(x) - 1
    ends = [(float(limit), f"limit {limit}", theme.alarm)]
    if last >= 0:
        ends += [
            (float(carried[last]), "carried", theme.main),
            (min(float(finite[last]), ax.get_ylim()[1]), "demand, 99.9 %", theme.soft),
        ]
    label_ends(ax, ends)
    draw_marks(ax, marks)
    head(ax, title or risk_in_words(found[over & ~left_out(hourly, marks)], limit), about)
    return ax


def _each_day(found: pd.DataFrame) -> pd.DataFrame:
    """The busiest hour of each local day."""
    day: NDArray[np.int64] = local_clock(found) // DAY
    order = np.lexsort((-found["carried"].to_numpy(), day))
    first = np.append(True, day[order][1:] != day[order][:-1])
    return found.iloc[np.sort(order[first])]
