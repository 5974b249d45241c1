"""Rates with the limits of chance: over time, on a control chart, and by the size of groups."""

from typing import Any, Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from usage_analysis.analysis.arrays import Booleans, Floats, percents_of
from usage_analysis.analysis.funnel import limits_at
from usage_analysis.analysis.meaning import Meaning
from usage_analysis.analysis.rate_series import trailing_rates
from usage_analysis.analysis.statements.control import is_worse, state_control, state_funnel
from usage_analysis.analysis.statements.rates import state_rates
from usage_analysis.analysis.vocabulary import level, shortened, span_of
from usage_analysis.figures import axes, lines
from usage_analysis.figures.axes import FULL, MOST_LABELS, in_counts, in_percent, is_narrow
from usage_analysis.figures.labels import label_ends, spread_out, write_beside
from usage_analysis.figures.lines import ON_AXIS, Ends
from usage_analysis.figures.marks import SIZE, Room, draw_marks, left_out, marks_of_changes
from usage_analysis.figures.plots import Caption, MarkedResultOptions, Panel, ResultOptions, plot
from usage_analysis.figures.style import theme_in_use

#: Key of the hollow points.
_FEW = "; ○ few calls or not final"


@plot("error_rate", "join_rate", columns=("calls", "events", "rate", "low", "high", "enough"))
def plot_error_rate(
    panel: Panel,
    rates: pd.DataFrame,
    *,
    changes: pd.DataFrame | None = None,
    groups: axes.Groups = None,
    **_: Unpack[MarkedResultOptions],
) -> Caption:
    """Draw the error rate or the join rate over time as a line, with its interval as a band.

    Parameters
    ----------
    rates
        Result of `error_rate` or `join_rate` for a frame of days, with or without a group column.
        Of a breakdown, the groups with most calls are lines. They have bands where there are
        enough calls. For two weeks of days or more, each point of a group is the rate of the last
        seven days; for more than 120 days there is one point per week, because the rates of single
        days would hide each other.
    changes
        Result of `change_points` for the same rate. Each change is a dotted line with the rates
        before and after it, on the first day of the new level.
    groups
        Groups to draw: names, or the number of the largest groups (6).
    marks
        Events and periods to name on the time axis; periods to leave out are not in the overall
        rate.

    Notes
    -----
    Buckets without calls break the line; buckets with few calls, or that are not whole and final
    (`enough` is False), are hollow. The
    dashed line is the rate of all buckets together. The title names groups only where their rate
    differs significantly from the rate of the other groups, by Holm's rule over all groups.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> usage = ua.sample_client().call_usage(from_date="2026-03-02", to_date="2026-03-15")
    >>> ax = ua.plot_error_rate(ua.join_rate(usage.daily))
    >>> ax.get_ylabel()
    'join rate [% of calls]'
    """
    ax, of, marks, _about = panel
    band = f"{level(of.level)} interval"
    dated, changed = marks_of_changes(changes, of, rates)
    axes.time_axis(ax, rates)
    ax.set_ylabel(f"{of.name} [{of.unit}]")
    used = rates[~left_out(rates, marks)]
    theme, more, where, few = theme_in_use(), "", "", False
    if axes.has_groups(rates):
        few, more = _draw_groups(ax, rates, of, groups)
        where = ", if there are enough calls" if few else ""
    else:
        few = _draw_rate(ax, rates, theme.alarm if of.better == "less" else theme.main)
        _scale(ax, rates)
        _draw_overall(ax, used)
    draw_marks(ax, [*dated, *marks])
    return Caption(
        f"Line of the {of.name} per {span_of(rates)} with its {band} as a band",
        state_rates(used, of).title,
        f"band: {band}{where}{_FEW if few else ''}{more}{changed and f'; {changed}'}",
        empty=empty_chart(rates),
    )


def empty_chart(rates: pd.DataFrame) -> str:
    """Return the reason why a chart of rates is empty, or an empty text."""
    if rates["calls"].any():
        return ""
    return "no finished calls yet" if len(rates) else "no finished buckets yet"


def _draw_groups(
    ax: Axes, rates: pd.DataFrame, of: Meaning, groups: axes.Groups
) -> tuple[bool, str]:
    """Draw the groups with most calls.

    Return whether any bucket has few calls, and the number of drawn groups in words.
    """
    named, others = axes.groups_by_size(rates, "calls", groups)
    shown = [(name, trailing(rows, of)) for name, rows in named]
    ends, few = [], False
    for (name, rows), colour in zip(shown, lines.colour_of(shown), strict=True):
        few |= _draw_rate(ax, rows, colour, 0.08, name=name)
        ends.append((lines.last_finite(axes.percents_of(rows, "rate")[0]), name, colour))
    if shown:
        _scale(ax, pd.concat([rows for _, rows in shown]), 1.5)
        if len(shown[0][1]) < len(named[0][1]):
            ax.set_ylabel(f"{of.name} of {axes.WEEK} days [{of.unit}]")
    label_ends(ax, ends)
    return few, f"; the {len(named)} largest of {len(named + others)} groups" if others else ""


def trailing(rates: pd.DataFrame, of: Meaning) -> pd.DataFrame:
    """Return the rates of the last seven days at each day, if there are enough days.

    For many days, return only one rate per week, counted back from the last day.
    """
    if len(rates) < 2 * axes.WEEK or span_of(rates) != "day":
        return rates
    found = trailing_rates(rates, axes.WEEK, of.level)
    return found if len(found) <= axes.MANY else found.iloc[:: -axes.WEEK].iloc[::-1]


def _draw_rate(
    ax: Axes, rates: pd.DataFrame, colour: str, alpha: float = 0.18, *, name: str = ""
) -> bool:
    """Draw a rate and its interval, and return whether any bucket has few calls.

    A group with few calls has no interval, because its interval would hide the other groups.
    """
    x, enough = axes.dates_of(rates.index), rates["enough"].to_numpy(dtype=bool)
    rate, low, high = axes.percents_of(rates, "rate", "low", "high")
    if name:
        low, high = np.where(enough, low, np.nan), np.where(enough, high, np.nan)
    lines.draw_band(ax, x, low, high, color=colour, alpha=alpha, gid="interval")
    lines.draw_line(ax, x, rate, color=colour, lw=1.4, gid="rate", label=name)
    look: dict[str, Any] = {"ls": "none", "marker": "o", "color": colour, **ON_AXIS}
    size, dots = 3 if len(x) <= axes.MANY else 1.5, enough & lines.needs_dot(rate)
    ax.plot(x[dots], rate[dots], ms=size, gid="enough", **look)
    ax.plot(x[~enough], rate[~enough], ms=size + 0.5, mfc=theme_in_use().page, gid="few", **look)
    return bool(np.isfinite(rate[~enough]).any())


def _draw_overall(ax: Axes, rates: pd.DataFrame) -> None:
    """Draw the rate of all buckets together and name it at the right."""
    calls, events = rates["calls"].sum(), rates["events"].sum()
    if not calls > 0:
        return
    overall = 100 * events / calls
    ax.axhline(overall, color=theme_in_use().muted, lw=1, ls="--", gid="overall")
    write_beside(ax, f"overall {overall:.2f} %", overall, (4, 0))


def _scale(ax: Axes, rates: pd.DataFrame, reach: float = 3) -> None:
    """Scale the axis from 0 to the rates; bands of buckets with few calls may end outside."""
    rate, high = axes.percents_of(rates, "rate", "high")
    most = float(np.nanmax(np.append(rate, 0.0)))
    # A bucket without calls has neither rate nor band.
    axes.scale_rates(ax, np.append(np.minimum(high, reach * most), most))


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
    theme, x = theme_in_use(), axes.time_axis(ax, chart)
    rate, centre, low, high = axes.percents_of(chart, "rate", "centre", "low", "high")
    limited, signal = (chart[name].to_numpy(dtype=bool) for name in ("limited", "signal"))
    low, high = np.where(limited, np.maximum(low, 0), np.nan), np.where(limited, high, np.nan)
    lines.draw_band(ax, x, low, high, step="mid", color=theme.soft, alpha=0.22, gid="limits")
    lines.draw_line(ax, x, rate, color=theme.main, lw=1.1, gid="rate")
    bad = signal & is_worse(chart, of).to_numpy(dtype=bool)
    good = signal & ~bad
    diamond: dict[str, Any] = {"marker": "D", "ms": 5}
    for gid, shown, look in (
        ("common", ~signal & lines.needs_dot(rate), {"color": theme.main, "marker": "o", "ms": 3}),
        ("signal", bad, {"color": theme.alarm, **diamond}),
        ("good signal", good, {"color": theme.main, **diamond}),
    ):
        ax.plot(x[shown], rate[shown], ls="none", gid=gid, **look, **ON_AXIS)
    axes.scale_rates(ax, np.concatenate([rate, high]))
    _name_lines(ax, centre, high)
    room = _name_signals(ax, chart, x, rate)
    ax.set_ylabel(f"{of.name} [{of.unit}]")
    draw_marks(ax, marks, room=room, counted=chart)
    return Caption(
        f"Control chart of the {of.name} per {span_of(chart)} with three-sigma limits",
        state_control(chart, of).title,
        f"blue ◆: {of.name} better than usual" if good.any() else "",
        empty=empty_chart(chart),
    )


def _name_lines(ax: Axes, centre: axes.Floats, high: axes.Floats) -> None:
    if len(centre) == 0 or not np.isfinite(centre[-1]):
        return
    theme = theme_in_use()
    ax.axhline(centre[-1], color=theme.muted, lw=1, ls="--", gid="centre")
    labels = [(float(centre[-1]), f"mean {centre[-1]:.2f} %", theme.muted)]
    if np.isfinite(high[-1]):
        labels.append((float(high[-1]), "limit", theme.soft))
    label_ends(ax, labels)


def _name_signals(ax: Axes, chart: pd.DataFrame, x: axes.Floats, rate: axes.Floats) -> Room:
    """Write the date beside the signals that are farthest out, if there is space."""
    signal = np.flatnonzero(chart["signal"].to_numpy(dtype=bool))
    distance = np.abs(rate - 100 * chart["centre"].to_numpy(dtype=np.float64))
    most = 3 if axes.is_narrow(ax) else axes.MOST_LABELS
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


# So many points make a smooth curve.
_SIZES = 60
# As many times the greatest rate the axis goes at most, however wide the limits are.
_REACH = 5
_VISIBLE = 1.02


@plot(
    "funnel",
    columns=("calls", "events", "rate", "centre", "spread_ratio", "reference", "beyond_998"),
)
def plot_funnel(panel: Panel, groups: pd.DataFrame, **_: Unpack[ResultOptions]) -> Caption:
    """Draw each group's rate against its number of calls, with the groups beyond chance named.

    Parameters
    ----------
    groups
        Result of `funnel`.

    Notes
    -----
    Groups within the 95 % limits are filled dots, groups beyond them are rings, and groups beyond
    the 99.8 % limits are diamonds. Diamonds have the colour of an alarm unless the rate is on the
    good side of the centre. Up to six groups are all named; of more groups only the diamonds are.
    The dotted lines are the limits of chance alone: the bands are wider where the days of a group
    or the groups themselves differ by more.

    Examples
    --------
    >>> import pandas as pd
    >>> import usage_analysis as ua
    >>> calls = pd.DataFrame({"agent": ["a", "b", "c"], "total_count": [400, 300, 50],
    ...                       "error_count": [8, 6, 15], "provisional": False})
    >>> ax = ua.plot_funnel(ua.funnel(calls))
    >>> ax.get_xlabel()
    'size of the group [calls]'
    """
    ax, of = panel.ax, panel.of
    theme, size = theme_in_use(), of.calls
    shown = groups[groups["calls"] > 0].sort_values("calls", kind="stable")
    x, rate = shown["calls"].to_numpy(dtype=np.float64), percents_of(shown, "rate")[0]
    ax.set_xlim(0, x.max() * 1.08 if len(x) else 1)
    ends = _draw_limits(ax, shown, float(rate.max(initial=0)))
    far, near = (shown[name].to_numpy(dtype=bool) for name in ("beyond_998", "beyond_95"))
    near, bad = near & ~far, far & is_worse(shown, of).to_numpy(dtype=bool)
    for gid, some, marker, points, colour, fill in (
        ("inside", ~far & ~near, "o", 4.5, theme.main, theme.main),
        ("near", near, "o", 5.5, theme.main, theme.page),
        ("outside", bad, "D", 5.5, theme.alarm, theme.alarm),
        ("good outside", far & ~bad, "D", 5.5, theme.main, theme.main),
    ):
        ax.plot(x[some], rate[some], marker, ms=points, color=colour, mfc=fill, gid=gid)
    in_percent(ax)
    in_counts(ax, 5 if is_narrow(ax) else 7, float(x.max(initial=0)))
    ax.set_xlabel(f"size of the group [{size}]")
    ax.set_ylabel(f"{of.name} [{of.unit}]")
    _name_points(ax, shown.index, x, rate, far)
    label_ends(ax, ends)
    return Caption(
        f"Funnel plot of the {of.name} of each group against its number of {size}",
        state_funnel(groups, of).title,
        _key(shown, near, far),
        empty="" if len(shown) else "no calls in any group",
    )


def _draw_limits(ax: Axes, shown: pd.DataFrame, most: float) -> Ends:
    """Draw the limits for every size of group, and return the labels of their right ends."""
    theme, right = theme_in_use(), ax.get_xlim()[1]
    sizes = np.unique(np.ceil(right * np.linspace(0.03, 1, _SIZES) ** 2).astype(np.int64))
    limits = limits_at(shown, sizes)
    ends: Ends = []
    tops = [1.12 * most]
    for name, words, alpha in (("998", "99.8 %", 0.14), ("95", "95 %", 0.2)):
        low, high = percents_of(limits, f"low_{name}", f"high_{name}")
        ax.fill_between(sizes, np.maximum(low, 0), high, color=theme.soft, alpha=alpha, lw=0,
                        gid=f"limits {name}")  # fmt: skip
        if np.isfinite(high[-1]):
            tops.append(min(1.2 * float(high[-1]), _REACH * most))
            beyond = f" (to {high[-1]:.0f} %)" if 1.2 * high[-1] > _REACH * most else ""
            ends.append((float(high[-1]), words + beyond, theme.soft))
    ax.set_ylim(0, min(max(*tops, 1.0), FULL))
    ends = [(min(high, ax.get_ylim()[1]), words, colour) for high, words, colour in ends]
    if _wider(shown):
        chance = limits_at(shown, sizes, chance_alone=True)
        for high in percents_of(chance, "low_998", "high_998"):
            ax.plot(sizes, high, color=theme.main, lw=0.9, ls=(0, (1, 1.5)), gid="chance")
        ends.append((float(high[-1]), "chance 99.8 %", theme.main))
    if len(shown):
        centre = 100 * float(shown["centre"].iloc[0])
        ax.axhline(centre, color=theme.muted, lw=1, ls="--", gid="centre")
        ends.append((centre, f"mean {centre:.2f} %", theme.muted))
    return ends


def _key(shown: pd.DataFrame, near: Booleans, far: Booleans) -> str:
    if not np.isfinite(shown["high_95"]).any():
        return ""
    words = "bands: limits of chance"
    if _wider(shown):
        words = "bands: limits with differences between groups; dotted: limits of chance alone"
    words += "; ○ beyond 95 %" if near.any() else ""
    return words + ("; ◆ beyond 99.8 %" if far.any() else "")


def _wider(shown: pd.DataFrame) -> bool:
    """Return whether the limits are visibly wider than the limits of chance alone."""
    sizes = shown["calls"].to_numpy()[-1:]
    if len(sizes) == 0 or not np.isfinite(shown["high_998"]).any():
        return False
    alone = limits_at(shown, sizes, chance_alone=True)["high_998"].iloc[0]
    return bool(shown["high_998"].iloc[-1] > _VISIBLE * alone)


def _name_points(ax: Axes, names: pd.Index, x: Floats, y: Floats, far: Booleans) -> None:
    """Write names beside points without overlap; of many groups, name only the far points."""
    theme, (low, high), right = theme_in_use(), ax.get_ylim(), ax.get_xlim()[1]
    places = np.arange(len(x)) if len(x) <= MOST_LABELS else np.flatnonzero(far)
    tall = 72 * 2.2
    points = [float(y[place] - low) / (high - low) * tall for place in places]
    moved = spread_out(points, 9.5, tall)
    told = shortened(names[places], 14 if is_narrow(ax) else 24)
    for name, place, at, own in zip(told, places, moved, points, strict=True):
        left = x[place] > 0.6 * right
        ax.annotate(
            name, (x[place], y[place]), (-7 if left else 7, at - own), textcoords="offset points",
            ha="right" if left else "left", va="center", fontsize=8, gid="name",
            arrowprops={"arrowstyle": "-", "color": theme.muted, "lw": 0.5},
            bbox={"facecolor": theme.page, "alpha": 0.7, "lw": 0, "pad": 0.4},
        )  # fmt: skip
