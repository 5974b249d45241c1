"""Funnel plots: the rates of groups against limits that depend on their size."""

from typing import Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from usage_analysis.analysis.arrays import Booleans, Floats, percents_of
from usage_analysis.analysis.funnel import limits_at
from usage_analysis.analysis.statements.control import is_worse, state_funnel
from usage_analysis.analysis.vocabulary import shortened
from usage_analysis.figures.axes import FULL, MOST_LABELS, in_counts, in_percent, is_narrow
from usage_analysis.figures.labels import label_ends, spread_out
from usage_analysis.figures.lines import Ends
from usage_analysis.figures.plots import Caption, Panel, ResultOptions, plot
from usage_analysis.figures.style import theme_in_use

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
