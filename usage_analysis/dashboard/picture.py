"""The figure of the dashboard as a widget: SVG on the page, which answers a pointer."""

from __future__ import annotations

import json
from typing import Final

import anywidget
import pandas as pd
import traitlets
from matplotlib.figure import Figure

from usage_analysis.dashboard.styles import read
from usage_analysis.figures.points import points_of
from usage_analysis.figures.style import alt_text, laid_out, picture

_MODULE: Final = read("figures", "pointer.js") + read("dashboard", "explorer.js")


class Picture(anywidget.AnyWidget):
    """Figure on the page.

    Attributes
    ----------
    svg, alt
        The drawing, and its alternative text.
    points
        JSON of the points that a pointer reaches, sent after the drawing.
    narrow
        True if the page asks for the narrow drawing of a phone.
    turn
        Count of answers; with each the page stops dimming the figure.
    state
        JSON of the controls, which a page keeps that lost its kernel.
    link
        Settings for the address of the page.
    in_app
        True if the address belongs to the dashboard.
    """

    _esm = _MODULE
    svg = traitlets.Unicode("").tag(sync=True)
    alt = traitlets.Unicode("").tag(sync=True)
    points = traitlets.Unicode("").tag(sync=True)
    narrow = traitlets.Bool(False).tag(sync=True)
    turn = traitlets.Int(0).tag(sync=True)
    state = traitlets.Unicode("{}").tag(sync=True)
    link = traitlets.Unicode("").tag(sync=True)
    in_app = traitlets.Bool(False).tag(sync=True)

    def draw(self, figure: Figure, table: pd.DataFrame) -> None:
        """Show a figure, and then what a pointer needs of it."""
        with laid_out(figure):
            self.alt = alt_text(figure)
            self.svg = picture(figure, "svg").decode()
            found = [point._asdict() for point in points_of(figure, table)]
        # With its turn, so that equal points of another drawing are sent too.
        self.points = json.dumps({"turn": self.turn, "points": found}, separators=(",", ":"))
