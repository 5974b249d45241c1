"""Load by hour of the day, load-duration curves, and erlangs against a limit on calls."""

from typing import Any, Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from usage_analysis.analysis.arrays import floats
from usage_analysis.analysis.statements import peaks
from usage_analysis.analysis.statements.totals import state_load_duration
from usage_analysis.analysis.vocabulary import amount, axis_name, level, shorten
from usage_analysis.errors import QueryError
from usage_analysis.figures import axes, lines
from usage_analysis.figures.labels import label_ends, leader
from usage_analysis.figures.lines import ON_AXIS, OTHERS, Ends, draw_groups, last_finite
from usage_analysis.figures.marks import draw_marks, left_out, without
from usage_analysis.figures.plots import Caption, MarkedResultOptions, Panel, ResultOptions, plot
from usage_analysis.figures.style import theme_in_use
from usage_analysis.tidy.zones import DAY, local_clock

# Lines of more hours hide each other.
_HOURS_SHOWN = 14 * 24
_NAMED_AT = 0.01
# Where names may stand, as shares of the hours.
_COLUMNS = (0.3, 0.45, 0.6)
_FEW = 10
_POINTS = 300
_FEW_HOURS = 3
_HOURS = np.arange(24.0)
#: Falling traffic of groups, with their names and colours.
Curves = list[tuple[axes.Floats, str, str]]


@plot("load_profile", columns=("mean", "busiest"))
def plot_day(
    panel: Panel, profile: pd.DataFrame, *, groups: axes.Groups = None, **_: Unpack[ResultOptions]
) -> Caption:
    """Draw the mean load of each hour of the day.

    Workdays and the weekend, or all days, have a band from their 10th to their 90th percentile.
    Groups have one line each. The hour of the day that is the busiest is shaded, or all hours that
    may be the busiest at a confidence of 95 %. They are taken from workdays if there are any, and
    from the largest group.

    Parameters
    ----------
    profile
        Result of ``load_profile(hourly, by="hour_of_day")``: of a single series, with or without
        ``weekend=("Sat", "Sun")``, or of a breakdown.
    groups
        Groups to name: names, or the number of the largest groups (6). The others are grey lines.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> hourly = ua.sample_client().call_usage(from_date="2026-03-02", to_date="2026-03-29").hourly
    >>> ax = ua.plot_day(ua.load_profile(hourly, weekend=("Sat", "Sun")))
    >>> ax.get_ylabel()
    'calls [per hour]'
    """
    ax, of = panel.ax, panel.of
    if profile.index.names[-1] != "hour_of_day":
        raise QueryError('profile: expected by="hour_of_day", got rows by another slot')
    measure = str(of.measure)
    every = "" if measure == "traffic" else " per hour"
    ax.set_xlim(0, 23)
    axes.hours_across(ax, panel.about, profile)
    if profile.index.nlevels > 1 and profile.index.names[0] != "days":
        key = "lines: means"
        name, rows = _draw_groups(ax, profile, groups)
    else:
        key = "lines: means; bands: 10th to 90th percentile"
        name, rows = _draw_days(ax, _parts(profile))
    _shade_busiest(ax, rows)
    ax.set_ylabel(axis_name(measure, "hour"))
    title = peaks.state_day(rows, peaks.WHOSE.get(name, shorten(name, 40)), meaning=of).title
    return Caption(f"Profile of mean {of.unit}{every} by hour of day", title, key)


def _parts(profile: pd.DataFrame) -> axes.Parts:
    """Return the profiles of workdays and of the weekend, or of all days with an empty name."""
    if profile.index.nlevels == 1:
        return [("", profile)]
    kinds = profile.groupby(level=0, sort=False)
    return [(str(name), rows.droplevel(0)) for name, rows in kinds]


def _draw_days(ax: Axes, parts: axes.Parts) -> tuple[str, pd.DataFrame]:
    """Draw means with bands and return the part for the title: workdays if any."""
    theme = theme_in_use()
    shown = [part for part in parts if part[1]["n"].any()] or parts[:1]
    shown.sort(key=lambda part: part[0] == "weekend")
    ends: Ends = []
    values = [np.zeros(1)]
    for name, rows in shown:
        colour = theme.alarm if name == "weekend" else theme.main
        mean, low, high = (axes.in_units(rows, column) for column in ("mean", "p10", "p90"))
        ax.fill_between(_HOURS, low, high, color=colour, alpha=0.18, lw=0, gid=f"{name} band")
        marker = "o" if np.isfinite(mean).sum() < _FEW_HOURS else "None"
        ax.plot(_HOURS, mean, color=colour, marker=marker, ms=4, gid=name, label=name, **ON_AXIS)
        ends.append((last_finite(mean), name or "all days", colour))
        values += [mean, high]
    axes.from_zero(ax, np.concatenate(values))
    label_ends(ax, ends)
    return shown[0]


def _draw_groups(ax: Axes, profile: pd.DataFrame, groups: axes.Groups) -> tuple[str, pd.DataFrame]:
    """Draw the means of groups and return the largest group."""

    def draw(name: str, rows: pd.DataFrame, colour: str, width: float, _gid: str) -> axes.Floats:
        mean = axes.in_units(rows, "mean")
        ax.plot(_HOURS, mean, color=colour, lw=width, gid="group", label=name, **ON_AXIS)
        return mean

    named, others = axes.groups_by_size(profile.reset_index(level=0), "mean", groups)
    ends = draw_groups(named, others, draw)
    axes.from_zero(ax, axes.in_units(profile, "mean"))
    label_ends(ax, ends)
    return (named or others)[0]


def _shade_busiest(ax: Axes, rows: pd.DataFrame) -> None:
    """Shade the hours that may be the busiest, where they stand out."""
    look: dict[str, Any] = {"color": theme_in_use().muted, "alpha": 0.15, "lw": 0, "zorder": 0.5}
    for hour in peaks.hours_that_stand_out(rows).tolist():
        ax.axvspan(hour - 0.5, hour + 0.5, gid="busy hour", **look)


@plot("capacity", columns=("carried", "provisional"))
def plot_load_duration(
    panel: Panel, found: pd.DataFrame, **_: Unpack[MarkedResultOptions]
) -> Caption:
    """Draw the load-duration curve: the share of hours that reach each level of traffic.

    The busiest hours of groups stand far above all others. So the axis of a breakdown ends a little
    above the busiest hundredth of the hours, and each label has the maximum of its curve.

    Parameters
    ----------
    found
        Result of `capacity`, with or without a limit, of a single series or a breakdown. The limit
        is drawn for a single series only, because it belongs to an account and not to a group.
    marks
        Periods. The curve leaves out those that were marked to be left out.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> hourly = ua.sample_client().call_usage(from_date="2026-03-02", to_date="2026-03-08").hourly
    >>> ax = ua.plot_load_duration(ua.capacity(hourly, limit=20))
    >>> ax.get_ylabel()
    'traffic [erlangs]'
    """
    ax, of, marks, _about = panel
    kept, single = without(found, marks), not axes.has_groups(found)
    kept = kept[axes.finished(kept)]
    named, others = axes.groups_by_size(kept, "carried")
    colours = lines.colour_of(named)
    curves = [(_falling(rows), name, c) for (name, rows), c in zip(named, colours, strict=True)]
    for _name, rows in others:
        _draw_curve(ax, _falling(rows), OTHERS, 0.7)
    for traffic, _name, colour in curves:
        _draw_curve(ax, traffic, colour, 1.8, fill=single)
    ax.set_xlim(0, 100)
    axes.in_percent(ax, x=True)
    ax.set_xlabel("share of the hours [%]")
    ax.set_ylabel("traffic [erlangs]")
    if single:
        _draw_limit(ax, curves, of.limit)
    else:
        _name_curves(ax, curves, len(others))
    name, rows = (named or others or [("", kept)])[0]
    return Caption(
        "Load-duration curve of the traffic of each hour",
        state_load_duration(rows, name).title,
        empty="" if len(kept) else "no finished hour yet",
    )


def _falling(rows: pd.DataFrame) -> axes.Floats:
    return np.sort(rows["carried"].to_numpy(dtype=np.float64))[::-1]


def _draw_limit(ax: Axes, curves: Curves, limit: int | None) -> None:
    """Scale the axis to the busiest hour, and draw the limit with its name."""
    top = max((float(traffic[0]) for traffic, _, _ in curves if len(traffic)), default=0.0)
    axes.from_zero(ax, np.array([top, limit or 0.0]), room=1.15)
    if limit is not None:
        ax.axhline(limit, color=theme_in_use().alarm, lw=1.4, ls="--", gid="limit")
        label_ends(ax, [(float(limit), f"limit {limit}", theme_in_use().alarm)])


def _name_curves(ax: Axes, curves: Curves, others: int) -> None:
    """Write names in the free space above falling curves, each with a line to its curve."""
    named = [curve for curve in curves if len(curve[0])]
    heights = [float(t[int(_NAMED_AT * len(t))]) for t, _, _ in named]
    axes.from_zero(ax, np.array([*heights, 0.0]), room=1.25)
    # From the top down, by height, where the curves have fallen away beneath.
    step = 11 / (axes.figure_of(ax).get_size_inches()[1] * 72 * 0.55)
    lowest = 0.94 - step * (len(named) + bool(others))
    left = next((x for x in _COLUMNS if _reach(named, x) < lowest * ax.get_ylim()[1]), _COLUMNS[-1])
    room = (18 if axes.is_narrow(ax) else 30) if left < _COLUMNS[-1] else 14
    down = np.argsort(np.argsort(-np.array(heights), kind="stable"), kind="stable")
    for (traffic, name, colour), height, place in zip(named, heights, down, strict=True):
        ax.annotate(
            f"{shorten(name, room)}, {amount(float(traffic[0]))} at most",
            (100 * _NAMED_AT, height), (left, 0.94 - step * place), va="center",
            textcoords="axes fraction", fontsize=8, gid="label", arrowprops=leader(colour, 0.9),
        )  # fmt: skip
    if others:
        ax.annotate(
            f"grey: {others} others", (left, 0.94 - step * len(named)), va="center",
            xycoords="axes fraction", fontsize=8, gid="label",
        )  # fmt: skip


def _reach(curves: Curves, share: float) -> float:
    """Return the highest of falling curves at a share of the hours."""
    return max((float(traffic[int(share * len(traffic))]) for traffic, _, _ in curves), default=0.0)


def _draw_curve(
    ax: Axes, traffic: axes.Floats, colour: str, width: float, *, fill: bool = False
) -> None:
    """Draw a falling curve; if the hours are many, only as many as the width can resolve."""
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


@plot("capacity", columns=("carried", "demand", "at_risk"), single=True)
def plot_capacity(panel: Panel, found: pd.DataFrame, **_: Unpack[MarkedResultOptions]) -> Caption:
    """Draw erlangs against the limit, and the hours in which the limit would refuse calls.

    The line is carried traffic. The band above it reaches up to the number of concurrent calls that
    demand without a limit exceeds 0.1 % of the time (Poisson, M/G/∞). Diamonds mark hours at risk.
    For more than two weeks the busiest hour of each day is drawn.

    Parameters
    ----------
    found
        Result of ``capacity(hourly, limit=...)`` for a single series.
    marks
        Events and periods to name on the time axis; periods to leave out are not in the title.

    Raises
    ------
    QueryError
        The table is no result of `capacity` with a limit, or is of a breakdown. A limit belongs to
        an account.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> hourly = ua.sample_client().call_usage(from_date="2026-03-02", to_date="2026-03-08").hourly
    >>> ax = ua.plot_capacity(ua.capacity(hourly, limit=20))
    >>> ax.get_ylabel()
    'traffic [erlangs]'
    """
    ax, of, marks, _about = panel
    limit, kept = int(of.limit or 0), found[axes.finished(found)]
    by_day = len(kept) > _HOURS_SHOWN
    shown = kept
    if by_day:  # the busiest hour of each local day
        shown = kept.loc[kept.groupby(local_clock(kept) // DAY)["carried"].idxmax()]
    ax.set_ylabel(f"traffic{' in the busiest hour per day' if by_day else ''} [erlangs]")
    axes.time_axis(ax, shown)
    if len(shown):
        _draw_traffic(ax, shown, limit)
    draw_marks(ax, marks)
    every = "day's busiest hour" if by_day else "hour"
    key = "band: concurrent calls, exceeded 0.1 % of the time"
    if shown["at_risk"].any():
        share = level(float(of.blocking or 0))
        key += f"; ◆ a limit of {limit} would refuse {share} or more of the calls"
    return Caption(
        f"Traffic of each {every} in erlangs against the limit of {limit} concurrent calls",
        peaks.state_capacity(found[~left_out(found, marks)], meaning=of).title,
        key,
        empty="" if len(shown) else "no finished hour yet",
    )


def _draw_traffic(ax: Axes, shown: pd.DataFrame, limit: int) -> None:
    """Draw carried traffic, the demand above it, the limit, and the hours at risk."""
    theme, x = theme_in_use(), axes.dates_of(shown.index)
    carried, demand = floats(shown, "carried", "demand")
    demand = np.maximum(carried, demand)
    lines.draw_band(ax, x, carried, demand, color=theme.soft, alpha=0.35, gid="demand")
    few = "o" if len(x) < _FEW else "None"
    lines.draw_line(ax, x, carried, color=theme.main, lw=1.1, marker=few, ms=3, gid="carried")
    # A band of one hour has no width.
    line, high = lines.split_at_gaps(x, demand)
    single = lines.is_isolated(high)
    ax.plot(line[single], high[single], "_", color=theme.soft, ms=9, mew=2, gid="demand ends")
    ax.axhline(limit, color=theme.alarm, lw=1.4, ls="--", gid="limit")
    risk = shown["at_risk"].to_numpy(dtype=bool)
    ax.plot(x[risk], carried[risk], "D", ms=3, color=theme.alarm, gid="at risk")
    axes.from_zero(ax, np.array([1.25 * limit, demand.max()]), room=1.02)
    ends = [
        (float(limit), f"limit {limit}", theme.alarm),
        (float(carried[-1]), "carried", theme.main),
        (float(demand[-1]), "concurrent calls", theme.soft),
    ]
    label_ends(ax, ends)
