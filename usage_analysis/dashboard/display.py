"""Output of the dashboard in each of its states, on its page and in a saved notebook."""

import re
from base64 import b64encode
from html import escape
from typing import Any, Final, Literal
from uuid import uuid4

import ipywidgets as widgets
import pandas as pd
from IPython.display import publish_display_data
from matplotlib.axes import Axes

from usage_analysis.analysis.vocabulary import provisional_span
from usage_analysis.dashboard.address import in_app
from usage_analysis.dashboard.controls import classes_of, html
from usage_analysis.dashboard.picture import Picture
from usage_analysis.dashboard.settings import Settings
from usage_analysis.dashboard.views import View
from usage_analysis.figures.axes import figure_of
from usage_analysis.figures.style import alt_text, picture
from usage_analysis.report.tables import html_table, rows_in_words

Phase = Literal["loading", "ready", "partial", "empty", "failed", "refused"]
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
        self.table = html("table")
        self.python = html("python")
        self.python.layout.display = "none"
        self.file = html("file")
        self.progress = widgets.IntProgress(max=1, _dom_classes=classes_of("progress"))
        self.progress.layout.visibility = "hidden"
        self.image = Picture(in_app=in_app(), _dom_classes=classes_of("figure"))
        self.image.layout.display = "none"

    def by_name(self) -> dict[str, Any]:
        """The widgets by what they say."""
        return {name: told for name, told in vars(self).items() if isinstance(told, widgets.Widget)}

    def loading(self, settings: Settings) -> None:
        """A question is under way; what is seen is still the answer to an older one."""
        days = settings.days
        old = " The figure is still that of the question before." if self._has_picture else ""
        self._say(f"Asking {self._answers}: {days} ({settings.timezone})…{old}")
        self.asof.value = self._dating
        self.progress.value, self.progress.max, self.progress.description = 0, 1, "Fetching"
        self.progress.layout.visibility = None
        self.image.remove_class("ua-stale")
        self.image.add_class("ua-waiting")

    def progressed(self, done: int, total: int) -> None:
        """Show how many of the requests are done."""
        self.progress.max, self.progress.value = total, done
        self.progress.description = f"Fetching {done}/{total}"

    def shown(self, view: View, axes: Axes, headline: str, fetched: bool) -> None:
        """Show the figure of what the controls say, with its words.

        The picture goes first: each widget reaches the page on its own, and words of a new
        question must not stand over the figure of an old one.
        """
        table = view.prepared.table
        self.image.draw(figure_of(axes), table)
        self.image.layout.display = None
        rows = f"<summary>Table: {rows_in_words(table)}</summary>{html_table(table)}"
        self.table.value = f"<details>{rows}</details>"
        lines = escape(view.python)
        self.python.value = f'<pre tabindex="0" aria-label="Python lines">{lines}</pre>'
        warning = view.cached.warning
        self._note(warning or partly(view), bad=bool(warning))
        self._say(headline)
        self._show_date(view, fetched)
        self._settle()

    def empty(self, view: View, fetched: bool) -> None:
        """An answer came, and no call is in it."""
        settings, warning = view.settings, view.cached.warning
        self.image.layout.display = "none"
        self.table.value = self.python.value = ""
        self._settle()
        self._show_date(view, fetched)
        words = settings.selection.filters_in_words({})
        narrowed = "; ".join(f"{name}: {value}" for name, value in words.items())
        told = f"no call meets {narrowed}. Choose fewer filters or" if narrowed else ""
        told = (
            f"{self._answers.capitalize()} answered: {told or 'there are none. Choose'} other days."
        )
        # Hours that are missing beside full days are no proof of no calls.
        what = "hourly calls" if warning else "calls"
        self._say(f"No {what} {settings.days.when} ({settings.timezone}).")
        self._note(warning or told, bad=bool(warning))

    def explained(self, words: str, *, bad: bool = False) -> None:
        """Show who is behind an event, or why that is not known, below the headline."""
        self.progress.layout.visibility = "hidden"
        self._note(words, bad=bad)

    def failed(self, words: str) -> None:
        """No answer came: its words, and the last good figure greyed."""
        last = "the last good one, of another question or time"
        self._not_current(
            words, "No answer came, so there is nothing new to show.", last, again=True
        )

    def refused(self, words: str) -> None:
        """A control's value does not fit; nothing was asked."""
        self._not_current(words)

    def faulty(self, error: BaseException) -> None:
        """A fault of this program, which is raised besides; the page shows no traceback."""
        what = f"A fault of this program: {type(error).__name__}: {error}"
        stopped = isinstance(error, KeyboardInterrupt)
        self._not_current("Stopped before the answer came" if stopped else what, again=True)

    def _not_current(
        self,
        words: str,
        headline: str = "This cannot be shown.",
        last: str = "the one before",
        *,
        again: bool = False,
    ) -> None:
        self._settle()
        self._say(headline)
        self.asof.value = self._dating
        self.table.value = self.python.value = ""
        greyed = f" The greyed figure is {last}." if self._has_picture else ""
        self._note(
            f"{words.rstrip('.')}.{greyed}{' Refresh tries again.' if again else ''}", bad=True
        )
        self.image.add_class("ua-stale")

    @property
    def _has_picture(self) -> bool:
        return self.image.svg != "" and self.image.layout.display != "none"

    def _settle(self) -> None:
        self.progress.layout.visibility = "hidden"
        self.file.value = ""
        for state in ("ua-waiting", "ua-stale"):
            self.image.remove_class(state)
        self.image.turn += 1

    def _show_date(self, view: View, fetched: bool) -> None:
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


def partly(view: View) -> str:
    """Return the note about provisional hours; empty where all hours are final."""
    rows = view.selected.hourly
    if not rows["provisional"].any():
        return ""
    end = rows.index[-1] + pd.Timedelta(hours=1)
    return (
        f"Partial: {provisional_span(rows)} can still grow, because calls run or have no final "
        f"bill; the data end at {end:%Y-%m-%d %H:%M}. Totals hold these hours, means and rates per "
        "day leave them out."
    )


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
        """Put it into the notebook, if this is one: nobody saves the page of an app.

        Only the newest output follows the dashboard. Earlier ones keep the figure that they had, so
        that a notebook that is run as a whole shows what its text is about.
        """
        if in_app():
            return
        self._output = uuid4().hex
        self._publish(update=False)

    def _publish(self, *, update: bool) -> None:
        data, about = {"text/plain": self._sentence}, {}
        if self._axes is not None:
            figure = figure_of(self._axes)
            data["image/png"] = b64encode(picture(figure, "png", dpi=120)).decode()
            about["image/png"] = {"alt": alt_text(figure)}
        publish_display_data(data, about, transient={"display_id": self._output}, update=update)
