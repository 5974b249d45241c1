"""The last figure as an output of its own, for who opens the saved notebook without a kernel."""

from __future__ import annotations

from base64 import b64encode
from typing import Final
from uuid import uuid4

from IPython.display import publish_display_data
from matplotlib.axes import Axes

from usage_analysis.dashboard.address import in_app
from usage_analysis.figures.axes import figure_of
from usage_analysis.figures.style import picture

_DPI: Final = 120


class StaticOutput:
    """A picture beside the widget, brought up to date with each figure.

    Without a kernel JupyterLab shows nothing of a widget and nothing else of its output, so the
    picture is an output beside it, and always the next one: while the widget is there, the style of
    its page hides what follows it (`explorer.css`). A page that was loaded again under a running
    kernel no longer hears of it, until the cell is run.
    """

    def __init__(self) -> None:
        self._output = ""
        self._sentence = ""
        self._axes: Axes | None = None

    def keep(self, sentence: str, axes: Axes | None = None) -> None:
        """Keep a figure in the place of the last, or the sentence alone where there is none."""
        self._sentence, self._axes = sentence, axes
        if self._output:
            self._publish(update=True)

    def show(self) -> None:
        """Put it into the notebook, if this is one: nobody saves the page of an app."""
        if in_app():
            return
        self._output = self._output or uuid4().hex
        self._publish(update=False)

    def _publish(self, *, update: bool) -> None:
        data = {"text/plain": self._sentence}
        if self._axes is not None:
            png = picture(figure_of(self._axes), "png", dpi=_DPI)
            data["image/png"] = b64encode(png).decode()
        publish_display_data(data, transient={"display_id": self._output}, update=update)
