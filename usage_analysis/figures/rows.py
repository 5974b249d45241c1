"""Figures with rows: their names, intervals, and text beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from usage_analysis.analysis.vocabulary import clean, shortened
from usage_analysis.figures.axes import Floats, is_narrow
from usage_analysis.figures.style import theme_in_use
from usage_analysis.figures.ticks import in_counts, in_percent

MOST_ROWS = 20
_TWO_LINES = 7


def name_rows(ax: Axes, names: Iterable[str], what: str, across: str) -> list[str]:
    """Name the rows from the top down, and what both axes have; the names as they are written."""
    told = shortened(names, 16 if is_narrow(ax) else 30)
    ax.set_yticks(np.arange(len(told)), told, color=theme_in_use().ink)
    ax.set_ylim(max(len(told), 2) - 0.4, -0.6)
    ax.set_ylabel(clean(what))
    ax.set_xlabel(across)
    ax.grid(visible=True, axis="x")
    ax.grid(visible=False, axis="y")
    return told


def draw_intervals(ax: Axes, low: Floats, high: Floats) -> None:
    """Draw each row's interval as a pale bar."""
    for place in np.flatnonzero(np.isfinite(low) & np.isfinite(high)):
        ax.plot(
            [low[place], high[place]], [place, place], color=theme_in_use().soft, alpha=0.45, lw=9,
            solid_capstyle="butt", gid="interval",
        )  # fmt: skip


def words_beside(ax: Axes, told: Sequence[str] | pd.Series) -> None:
    """Write each row's words beyond the right end of the axes, in two lines where few rows are."""
    one_line = len(told) > _TWO_LINES
    for place, words in enumerate(told):
        ax.annotate(
            words.replace("\n", " ") if one_line else words, (1, place), (6, 0), va="center",
            xycoords=("axes fraction", "data"),
            textcoords="offset points", fontsize=8, gid="words",
        )  # fmt: skip


def scale_rows(ax: Axes, rows: pd.DataFrame, unit: str, room: float, *, signed: bool) -> None:
    """Let the x axis hold all numbers of rows and 0, with ticks in the unit.

    Parameters
    ----------
    room
        Space at the ends, as a share of the range.
    signed
        True if 0 needs space to its left too, for the marks on it.
    """
    values = rows.to_numpy(dtype=np.float64)
    finite = np.append(values[np.isfinite(values)], 0.0)
    low, high = float(finite.min()), float(finite.max())
    beside, most = room * (high - low) or 1.0, 4 if is_narrow(ax) else 7
    ax.set_xlim(low - beside if low < 0 or signed else 0, high + beside)
    if "%" in unit:
        in_percent(ax, x=True, most=most)
    else:
        in_counts(ax, most, high)
