"""The figure of the dashboard as a widget: SVG that answers a pointer, with the page's script."""

import json
from importlib.resources import files
from typing import Any, Final
from weakref import WeakKeyDictionary

import anywidget
import pandas as pd
import traitlets
from matplotlib.figure import Figure

from usage_analysis.figures.points import svg_with_points
from usage_analysis.figures.style import alt_text, theme_in_use, without_heading
from usage_analysis.report.page import dark_rules


def _read(room: str, name: str) -> str:
    """Return the text of a file that ships with a room of the package."""
    return (files(f"usage_analysis.{room}") / name).read_text(encoding="utf-8")


_MODULE: Final = _read("figures", "pointer.js") + _read("dashboard", "explorer.js")
_SHEETS: Final = _read("figures", "pointer.css") + _read("dashboard", "explorer.css")
#: Style sheets of the page, with the colours of figures on a dark one.
STYLE: Final = f"<style>\n{_SHEETS}.ua-dark .ua-figure {{ {dark_rules(theme_in_use())} }}\n</style>"


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

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._drawn: WeakKeyDictionary[Figure, tuple[str, list[Any]]] = WeakKeyDictionary()

    def draw(self, figure: Figure, table: pd.DataFrame) -> None:
        """Show a figure without its title, which the headline says, and then its points."""
        self.alt = alt_text(figure)
        if figure not in self._drawn:
            with without_heading(figure):
                svg, points = svg_with_points(figure, table)
            self._drawn[figure] = svg.decode(), [point._asdict() for point in points]
        self.svg, found = self._drawn[figure]
        # With its turn, so that equal points of another drawing are sent too.
        self.points = json.dumps({"turn": self.turn, "points": found}, separators=(",", ":"))
