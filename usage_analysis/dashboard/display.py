"""Output of the dashboard in each of its states, so that nothing old looks new."""

from __future__ import annotations

import io
import re
from html import escape
from typing import Any, Final, Literal

import ipywidgets as widgets
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from usage_analysis.dashboard.controls import html
from usage_analysis.dashboard.drawing import Drawn
from usage_analysis.dashboard.settings import Settings
from usage_analysis.dashboard.views import View
from usage_analysis.figures.axes import figure_of
from usage_analysis.figures.style import (
    alt_text,
    boxes_for_missing_glyphs,
    figure_style,
    metadata_of,
)

Phase = Literal["loading", "ready", "partial", "empty", "failed", "refused"]
#: Dots an inch of the figure on the page, which shows it up to 960 pixels wide.
SCREEN_DPI: Final = 120
_SOURCES: Final = {"live": "your account", "sample": "sample account", "file": "a file of yours"}


class Display:
    """The widgets that speak: as-of line, progress, headline, note, figure, Python, file.

    Parameters
    ----------
    answers
        Who answers, in words.
    """

    def __init__(self, answers: str = "the server") -> None:
        self._answers = answers
        self.sentence = self._dating = ""
        self.asof = html("asof")
        self.headline = html("headline")
        self.note = html("note-box")
        self.python = html("python")
        self.python.layout.display = "none"
        self.file = html("file")
        self.progress = widgets.IntProgress(value=0, min=0, max=1, description="Fetching")
        self.progress.add_class("ua-progress")
        self.progress.layout.visibility = "hidden"
        self.image = widgets.Image(format="png")
        self.image.add_class("ua-figure")
        self.image.layout.display = "none"
        # An Image has no alt text, and its front end fails on a tooltip: `explorer.js` moves this.
        self.alt = html("alt")

    def by_name(self) -> dict[str, Any]:
        """The widgets by what they say."""
        return {name: told for name, told in vars(self).items() if isinstance(told, widgets.Widget)}

    def loading(self, settings: Settings) -> None:
        """A question is under way; what is seen is still the answer to an older one."""
        days = settings.days
        old = " The figure is still that of the question before." if self._pictured else ""
        self._say(f"Asking {self._answers}: {days} ({settings.timezone})…{old}")
        self.asof.value = self._dating
        self.progress.value, self.progress.max = 0, 1
        self.progress.layout.visibility = None
        self.image.remove_class("ua-stale")
        self.image.add_class("ua-waiting")

    def progressed(self, done: int, total: int) -> None:
        """So many requests of so many are done."""
        self.progress.max, self.progress.value = total, done
        self.progress.description = f"Fetching {done}/{total}"

    def shown(self, view: View, drawn: Drawn, fetched: bool) -> bytes:
        """A figure of what the controls say; the bytes of its picture.

        The picture goes first: each widget reaches the page on its own, and words of a new
        question must not stand over the figure of an old one.
        """
        figure = figure_of(drawn.axes)
        content = on_screen(figure)
        self.image.value = content
        self.alt.value = f'<p class="ua-unseen">{escape(alt_text(figure))}</p>'
        self.image.layout.display = None
        lines = escape(drawn.python)
        self.python.value = f'<pre tabindex="0" aria-label="Python lines">{lines}</pre>'
        warning = view.cached.warning
        self._note(warning or partly(view), bad=bool(warning))
        self._say(drawn.headline)
        self._dated(view, fetched)
        self._settle()
        return content

    def empty(self, view: View, fetched: bool) -> None:
        """An answer came, and no call is in it."""
        settings = view.settings
        self.image.layout.display = "none"
        self._settle()
        self._dated(view, fetched)
        words = settings.selection.filters_in_words({})
        narrowed = "; ".join(f"{name}: {value}" for name, value in words.items())
        warning = view.cached.warning
        if warning:  # hours that are missing beside full days are no proof of no calls
            self._say(f"No hourly calls {settings.days.when} ({settings.timezone}).")
            self._note(warning, bad=True)
            self.alt.value = self.python.value = ""
            return
        self._say(f"No calls {settings.days.when} ({settings.timezone}).")
        said = f"{self._answers.capitalize()} answered:"
        self._note(
            f"{said} no call meets {narrowed}. Choose fewer filters or other days."
            if narrowed
            else f"{said} there are none. Choose other days."
        )
        self.alt.value = self.python.value = ""

    def failed(self, words: str) -> None:
        """No answer came: its words, and the last good figure greyed."""
        self._settle()
        self._say("No answer came, so there is nothing new to show.")
        last = " The greyed figure is the last good one, of another question or time."
        words = f"{words.rstrip('.')}.{last if self._pictured else ''} Refresh tries again."
        self._not_current(words)

    def refused(self, words: str) -> None:
        """A control's value does not fit; nothing was asked."""
        self._settle()
        self._say("This cannot be shown.")
        last = " The greyed figure is the one before." if self._pictured else ""
        self._not_current(f"{words.rstrip('.')}.{last}")

    def faulty(self, error: BaseException) -> None:
        """A fault of this program, which is raised besides; the page shows no traceback."""
        self._settle()
        self._say("This cannot be shown.")
        last = " The greyed figure is the one before." if self._pictured else ""
        what = f"A fault of this program: {type(error).__name__}: {error}"
        stopped = isinstance(error, KeyboardInterrupt)
        what = "Stopped before the answer came" if stopped else what
        self._not_current(f"{what.rstrip('.')}.{last} Refresh tries again.")

    def _not_current(self, words: str) -> None:
        self.asof.value = self._dating
        self.python.value = ""
        self._note(words, bad=True)
        self.image.add_class("ua-stale")

    @property
    def _pictured(self) -> bool:
        return len(self.image.value) > 0 and self.image.layout.display != "none"

    def _settle(self) -> None:
        self.progress.layout.visibility = "hidden"
        self.progress.description = "Fetching"
        self.file.value = ""
        for state in ("ua-waiting", "ua-stale"):
            self.image.remove_class(state)

    def _dated(self, view: View, fetched: bool) -> None:
        usage = view.selected.usage
        moment = usage.as_of.tz_convert(view.settings.timezone)
        how = f"asked {self._answers} for this" if fetched else "drawn from cached data"
        told = f"s of {moment:%Y-%m-%d %H:%M} ({view.settings.timezone}), {_SOURCES[usage.source]}"
        self.asof.value, self._dating = f"A{told}; {how}", f"The last answer is a{told}"

    def _say(self, text: str) -> None:
        self.sentence = text
        words = re.sub(r"\d{4}-\d\d-\d\d", r'<span class="ua-day">\g<0></span>', escape(text))
        self.headline.value = f'<p role="status">{words}</p>'

    def _note(self, text: str, *, bad: bool = False) -> None:
        kind, role = (" ua-bad", "alert") if bad else ("", "note")
        words = escape(" ".join(text.split()))
        self.note.value = f'<p class="ua-note{kind}" role="{role}">{words}</p>' if text else ""


def on_screen(figure: Figure) -> bytes:
    """PNG of a figure as the page shows it, packed fast; `picture` packs well."""
    out = io.BytesIO()
    with figure_style(), boxes_for_missing_glyphs():
        figure.set_dpi(SCREEN_DPI)
        FigureCanvasAgg(figure).print_png(
            out, metadata=metadata_of(figure, "png"), pil_kwargs={"compress_level": 1}
        )
    return out.getvalue()


def partly(view: View) -> str:
    """Return the note about provisional hours; empty where all hours are final."""
    rows = view.hourly
    late = int(rows["provisional"].sum())
    if not late:
        return ""
    end = rows.index[-1] + pd.Timedelta(hours=1)
    hours = "hour is" if late == 1 else f"{late} hours are"
    return (
        f"Partial: the last {hours} still running or so recent that billed minutes can grow; the "
        f"data end at {end:%Y-%m-%d %H:%M}. Totals hold them, means and rates a day leave them out."
    )
