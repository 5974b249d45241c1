"""Groups against what chance allows groups of their size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from usage_analysis.analysis.funnel import beyond_chance, limits_at
from usage_analysis.analysis.vocabulary import amount, percent, shorten, shortened
from usage_analysis.figures.axes import (
    MOST_LABELS,
    Floats,
    axes_for,
    is_narrow,
    known,
    percents_of,
)
from usage_analysis.figures.labels import head, label_ends, nothing, spread_out
from usage_analysis.figures.provenance import Provenance
from usage_analysis.figures.style import figure_style, theme_in_use
from usage_analysis.figures.ticks import FULL, counts, percents

# So many points make a smooth curve.
_SIZES = 60
# As many times the greatest rate the axis goes at most, however wide the limits are.
_REACH = 5


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
    outside. With up to six groups every one is named. Where groups differ by more than chance, the
    limits are those of groups that differ so, and title and key say it.
    """
    known(
        groups, "calls", "events", "rate", "centre", "spread_ratio", "reference", "beyond_998",
        made_by="funnel(breakdown)",
    )  # fmt: skip
    theme = theme_in_use()
    ax = axes_for(ax, f"Funnel plot of the {what} of each group against its number of calls")
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
    ax.plot(x[far], rate[far], "D", ms=5.5, color=theme.alarm, gid="outside")
    percents(ax)
    counts(ax, 5 if is_narrow(ax) else 7, float(x.max(initial=0)))
    ax.set_xlabel("size of the group [calls]")
    ax.set_ylabel(f"{what} [% of calls]")
    _name_points(ax, shown.index[_named(len(shown), far)], x, rate, _named(len(shown), far))
    label_ends(ax, ends)
    if len(shown) == 0:
        nothing(ax, "no call in any group")
    head(
        ax, title or _outside_in_words(shown, far, what), about, groups, key=_key(shown, near, far)
    )
    return ax


def _named(count: int, far: NDArray[np.bool_]) -> NDArray[np.intp]:
    return np.arange(count) if count <= MOST_LABELS else np.flatnonzero(far)


def _funnel_limits(ax: Axes, shown: pd.DataFrame, most: float) -> list[tuple[float, str, str]]:
    """Draw the limits of every size of group up to the axes' end, and say what they end with."""
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
    if beyond_chance(shown):
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
    if beyond_chance(shown):
        words = "bands: limits of groups that differ as these do; dotted: those of chance alone"
    words += "; ○ beyond 95 %" if near.any() else ""
    return words + ("; ◆ beyond 99.8 %" if far.any() else "")


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


def _outside_in_words(shown: pd.DataFrame, far: NDArray[np.bool_], what: str) -> str:
    if len(shown) == 0:
        return f"No calls in any group, so no {what}"
    centre = percent(float(shown["centre"].iloc[0]))
    wide = beyond_chance(shown)
    spread = f"spread ratio {amount(float(shown['spread_ratio'].iloc[0]))}"
    if not far.any():
        overall = f"{centre} of {amount(shown['calls'].sum())} calls"
        if wide:
            return (
                f"Groups differ by more than chance ({spread}), none stands out among them: "
                f"{what} {overall}"
            )
        return f"No group's {what} is beyond chance: {overall}"
    rates = shown["rate"].to_numpy()
    worst = shown[far]["rate"].idxmax()
    more = f" and {far.sum() - 1} more" if far.sum() > 1 else ""
    beyond = f"beyond chance and the others' spread ({spread})" if wide else "beyond chance"
    return (
        f"{shorten(str(worst), 40)}{more} {beyond}: {what} {percent(float(rates[far].max()))} "
        f"against {centre} of the others"
    )
