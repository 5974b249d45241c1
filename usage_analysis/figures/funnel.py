"""Groups against what chance allows groups of their size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from usage_analysis.figures.axes import MOST_LABELS, Floats, axes_for, is_narrow, known, percents_of
from usage_analysis.figures.labels import head, nothing, spread_out
from usage_analysis.figures.provenance import Provenance
from usage_analysis.figures.style import figure_style, theme_in_use
from usage_analysis.figures.ticks import counts, percents
from usage_analysis.figures.wording import amount, percent, shorten


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
    rate = percents_of(shown, "rate")[0]
    far = shown["beyond_998"].to_numpy(dtype=bool)
    near = shown["beyond_95"].to_numpy(dtype=bool) & ~far
    inside = ~far & ~near
    ax.plot(x[inside], rate[inside], "o", ms=4.5, color=theme.main, gid="inside")
    ax.plot(x[near], rate[near], "o", ms=5.5, mfc=theme.page, mec=theme.main, gid="near")
    ax.plot(x[far], rate[far], "D", ms=5.5, color=theme.alarm, gid="outside")
    tops = (
        np.concatenate([rate, np.minimum(percents_of(shown, "high_998")[0], 3 * rate.max())])
        if (len(shown))
        else np.zeros(1)
    )
    ax.set_ylim(0, max(float(np.nanmax(tops)) * 1.12, 1.0))
    percents(ax)
    ax.set_xlim(0, x.max() * 1.08 if len(x) else 1)
    counts(ax, 5 if is_narrow(ax) else 7, float(x.max(initial=0)))
    ax.set_xlabel("size of the group [calls]")
    ax.set_ylabel(f"{what} [% of calls]")
    _name_points(ax, shown.index[_named(len(shown), far)], x, rate, _named(len(shown), far))
    if len(shown) == 0:
        nothing(ax, "no call in any group")
    head(ax, title or _outside_in_words(shown, far, what), about)
    return ax


def _named(count: int, far: NDArray[np.bool_]) -> NDArray[np.intp]:
    return np.arange(count) if count <= MOST_LABELS else np.flatnonzero(far)


def _funnel_limits(ax: Axes, shown: pd.DataFrame, x: Floats) -> None:
    theme = theme_in_use()
    for name, alpha in (("998", 0.14), ("95", 0.2)):
        low, high = percents_of(shown, f"low_{name}", f"high_{name}")
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
            bbox={"facecolor": theme_in_use().page, "alpha": 0.7, "lw": 0, "pad": 0.4},
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
