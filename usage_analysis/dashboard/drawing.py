"""Draw a view: its figure, with its headline, its table and its Python."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes

from usage_analysis.dashboard.headlines import HEADLINES
from usage_analysis.dashboard.views import View
from usage_analysis.figures.style import NARROW_WIDTH, figure_style


class Drawn(NamedTuple):
    """A figure with its headline, its table and its Python.

    Parameters
    ----------
    axes
        What is drawn.
    headline
        The sentence above it.
    table
        What it is drawn from.
    python
        Python lines that make the same figure.
    """

    axes: Axes
    headline: str
    table: pd.DataFrame
    python: str


def draw(view: View, *, narrow: bool = False) -> Drawn:
    """Draw the chosen figure; a narrow one fits a phone."""
    prepared = view.prepared
    with figure_style():
        axes = prepared.figure(NARROW_WIDTH).axes[0] if narrow else prepared.draw()
    headline = HEADLINES[prepared.entry.name](view).sentence
    return Drawn(axes, headline, prepared.table, "\n".join(view.python()))
