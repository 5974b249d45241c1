"""Funnel plots: the rates of groups against limits that depend on their size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from usage_analysis.analysis.funnel import limits_at
from usage_analysis.analysis.meaning import meaning_of
from usage_analysis.analysis.statements.control import is_worse
from usage_analysis.analysis.statements.funnel import state_funnel
from usage_analysis.analysis.vocabulary import UNITS, shortened
from usage_analysis.figures.axes import (
    MOST_LABELS,
    Floats,
    axes_for,
    check_columns,
    is_narrow,
    percents_of,
)
from usage_analysis.figures.labels import label_ends, spread_out, write_empty, write_heading
from usage_analysis.figures.provenance import Provenance
from usage_analysis.figures.style import figure_style, theme_in_use
from usage_analysis.figures.ticks import FULL, in_counts, in_percent

# So many points make a smooth curve.
_SIZES = 60
# As many times the greatest rate the axis goes at most, however wide the limits are.
_REACH = 5
_VISIBLE = 1.02


@figure_style()
def plot_funnel(
    groups: pd.DataFrame,
    *,
    title: str | None = None,
    about: Provenance | None = None,
    meaning: Mapping[str, Any] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw each group's rate against its number of calls, with the groups beyond chance named.

    Parameters
    ----------
    groups
        Result of `funnel`.
    title
        Title instead of the one that states which groups are beyond chance.
    about
        Provenance of the data, shown beneath the title.
    meaning
        ``attrs["meaning"]`` of the original funnel, for a table that lost it.
    ax
        Axes to draw on; new axes of a figure apart from pyplot without it.

    Returns
    -------
    Axes
        The axes drawn on.

    Raises
    ------
    QueryError
        The table is no result of `funnel`.

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
    check_columns(
        groups, "calls", "events", "rate", "centre", "spread_ratio", "reference", "beyond_998",
        made_by="funnel(breakdown)",
    )  # fmt: skip
    of, theme = meaning_of(groups, "funnel", meaning=meaning), theme_in_use()
    size = UNITS[str(of.denominator)]
    ax = axes_for(ax, f"Funnel plot of the {of.name} of each group against its number of {size}")
    shown = groups[groups["calls"] > 0].sort_values("calls", kind="stable")
    x = shown["calls"].to_numpy(dtype=np.float64)
    rate = percents_of(shown, "rate")[0]
    ax.set_xlim(0, x.max() * 1.08 if len(x) else 1)
    ends = _funnel_limits(ax, shown, float(rate.max(initial=0)))
    far = shown["beyond_998"].to_numpy(dtype=bool)
    near = shown["beyond_95"].to_numpy(dtype=bool) & ~far
    inside = ~far & ~near
    ax.plot(x[inside], rate[inside], "o", ms=4.5, color=theme.main, gid="inside")
    ax.plot(x[near], rate[near], "o", ms=5.5, mfc=theme.page, mec=theme.main, gid="near")
    bad = far & is_worse(shown, of).to_numpy(dtype=bool)
    ax.plot(x[bad], rate[bad], "D", ms=5.5, color=theme.alarm, gid="outside")
    good = far & ~bad
    ax.plot(x[good], rate[good], "D", ms=5.5, color=theme.main, gid="good outside")
    in_percent(ax)
    in_counts(ax, 5 if is_narrow(ax) else 7, float(x.max(initial=0)))
    ax.set_xlabel(f"size of the group [{size}]")
    ax.set_ylabel(f"{of.name} [{of.unit}]")
    _name_points(ax, shown.index[_named(len(shown), far)], x, rate, _named(len(shown), far))
    label_ends(ax, ends)
    if len(shown) == 0:
        write_empty(ax, "no call in any group")
    write_heading(
        ax, title or state_funnel(groups, of).title, about, groups, key=_key(shown, near, far)
    )
    return ax


def _named(count: int, far: NDArray[np.bool_]) -> NDArray[np.intp]:
    return np.arange(count) if count <= MOST_LABELS else np.flatnonzero(far)


def _funnel_limits(ax: Axes, shown: pd.DataFrame, most: float) -> list[tuple[float, str, str]]:
    """Draw the limits for every size of group, and return the labels of their right ends."""
    theme, right = theme_in_use(), ax.get_xlim()[1]
    sizes = np.unique(np.ceil(right * np.linspace(0.03, 1, _SIZES) ** 2).astype(np.int64))
    limits = limits_at(shown, sizes)
    ends, tops = [], [1.12 * most]
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


def _key(shown: pd.DataFrame, near: NDArray[np.bool_], far: NDArray[np.bool_]) -> str:
    if not np.isfinite(shown["high_95"]).any():
        return ""
    words = "bands: limits of chance"
    if _wider(shown):
        words = "bands: limits of groups that differ as these may; dotted: those of chance alone"
    words += "; ○ beyond 95 %" if near.any() else ""
    return words + ("; ◆ beyond 99.8 %" if far.any() else "")


def _wider(shown: pd.DataFrame) -> bool:
    """Return whether the limits are visibly wider than those of chance alone."""
    sizes = shown["calls"].to_numpy()[-1:]
    if len(sizes) == 0 or not np.isfinite(shown["high_998"]).any():
        return False
    alone = limits_at(shown, sizes, chance_alone=True)["high_998"].iloc[0]
    return bool(shown["high_998"].iloc[-1] > _VISIBLE * alone)


def _name_points(
    ax: Axes, names: Sequence[object] | pd.Index, x: Floats, y: Floats, places: NDArray[np.intp]
) -> None:
    """Write names beside points, apart from each other in height."""
    low, high = ax.get_ylim()
    right = ax.get_xlim()[1]
    tall = 72 * 2.2
    points = [float(y[place] - low) / (high - low) * tall for place in places]
    moved = spread_out(points, 9.5, tall)
    told = shortened(names, 14 if is_narrow(ax) else 24)
    for name, place, at, own in zip(told, places, moved, points, strict=True):
        left = x[place] > 0.6 * right
        ax.annotate(
            name,
            (x[place], y[place]), (-7 if left else 7, at - own), textcoords="offset points",
            ha="right" if left else "left", va="center", fontsize=8, gid="name",
            arrowprops={"arrowstyle": "-", "color": theme_in_use().muted, "lw": 0.5},
            bbox={"facecolor": theme_in_use().page, "alpha": 0.7, "lw": 0, "pad": 0.4},
        )  # fmt: skip
