"""Figures with rows: their names, intervals, scale, and text beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes

from usage_analysis.analysis.vocabulary import clean, shortened
from usage_analysis.figures.axes import Floats, figure_of, is_narrow
from usage_analysis.figures.style import theme_in_use
from usage_analysis.figures.ticks import in_counts, in_percent

_TWO_LINES: Final = 7
# Distance of rows below which their marks are smaller [pt].
_PITCH: Final = 11.0


def most_rows(ax: Axes) -> int:
    """Return the number of rows that can be told apart."""
    return 12 if is_narrow(ax) else 20


def mark_scale(ax: Axes, rows: int) -> float:
    """Return the size of marks, as a share of the usual, that keeps neighbouring rows apart."""
    tall = float(figure_of(ax).get_size_inches()[1]) * 72 * 0.55
    return min(1.0, tall / max(rows, 1) / _PITCH)


def lay_out_rows(
    ax: Axes, labels: Iterable[str], words: Sequence[str], axes: tuple[str, str], numbers: Floats,
    *, signed: bool = False,
) -> list[str]:  # fmt: skip
    """Name rows from the top down, scale the x axis, and write words beside each row.

    Parameters
    ----------
    words
        Text beyond the right end of each row, in two lines where there are few rows.
    axes
        Labels of the x axis and of the y axis.
    numbers
        All numbers that the x axis has to hold, besides 0.
    signed
        True if 0 needs space to its left too, for the marks on it.

    Returns
    -------
    list of str
        The names as they are written.
    """
    whole = [*labels]
    names = shortened(whole, 16 if is_narrow(ax) else 30)
    name_ticks(ax, names, whole)
    ax.set_ylim(max(len(names), 2) - 0.4, -0.6)
    ax.set_xlabel(axes[0])
    ax.set_ylabel(clean(axes[1]))
    ax.grid(visible=True, axis="x")
    ax.grid(visible=False, axis="y")
    finite = np.append(numbers[np.isfinite(numbers)], 0.0)
    low, high, most = float(finite.min()), float(finite.max()), 4 if is_narrow(ax) else 7
    beside = 0.05 * (high - low) or 1.0
    ax.set_xlim(low - beside if low < 0 or signed else 0, high + beside)
    if "%" in axes[0]:
        in_percent(ax, x=True, most=most)
    else:
        in_counts(ax, most, high)
    for place, text in enumerate(words):
        ax.annotate(
            text if len(words) <= _TWO_LINES else text.replace("\n", " "), (1, place), (6, 0),
            va="center", xycoords=("axes fraction", "data"), textcoords="offset points",
            fontsize=8, gid="words",
        )  # fmt: skip
    return names


def name_ticks(ax: Axes, told: Sequence[str], names: Sequence[str]) -> None:
    """Write a name at each row; its tick keeps the whole of a name that is written shorter."""
    ax.set_yticks(np.arange(len(told)), told, color=theme_in_use().ink)
    for text, name in zip(ax.get_yticklabels(), names, strict=True):
        text.set_label(name)


def draw_intervals(ax: Axes, low: Floats, high: Floats) -> None:
    """Draw each row's interval as a pale bar."""
    width = 9 * mark_scale(ax, len(low))
    for place in np.flatnonzero(np.isfinite(low) & np.isfinite(high)):
        ax.plot(
            [low[place], high[place]], [place, place], color=theme_in_use().soft, alpha=0.45,
            lw=width, solid_capstyle="butt", gid="interval",
        )  # fmt: skip
