"""Settings in the address of the app's page, so that a link restores them."""

import os
from html import escape
from typing import Any
from urllib.parse import parse_qs, urlencode

from usage_analysis.dashboard.choices import Choices
from usage_analysis.dashboard.controls import html
from usage_analysis.dashboard.dates import CUSTOM
from usage_analysis.dashboard.settings import VERSION, Settings
from usage_analysis.dashboard.views import views_of
from usage_analysis.errors import QueryError

_COPIES = "".join(
    f'<button type="button" class="jupyter-button ua-copy-{what.lower()}">Copy {what}</button> '
    for what in ("Python", "link")
)


def in_app() -> bool:
    """Return True if the dashboard has a page of its own, served by Voila."""
    return os.environ.get("SERVER_SOFTWARE", "").startswith("voila")


class Address:
    """The part of the address after ``#``: the settings that differ from the first ones.

    It reads like ``tab=errors&view=control&agents=Front+desk``, with the names of `Settings`.

    Parameters
    ----------
    choices
        Rules that settings meet.
    settings
        Settings of the page without a link, its defaults.
    """

    def __init__(self, choices: Choices, settings: Settings) -> None:
        self._choices, self._written = choices, ""
        self._defaults = self._state_of(settings)
        self.note = html("link-note")

    def by_name(self) -> dict[str, Any]:
        """Return the widgets by name."""
        return {"link_note": self.note, "copies": html("copies", _COPIES)}

    def write(self, settings: Settings) -> str:
        """Return the link to settings; a note on an earlier link ends with the first change."""
        now, defaults = self._state_of(settings), self._defaults
        if settings.tab != defaults["tab"]:
            defaults = defaults | {"view": views_of(settings)[0][1]}
        differing = {name: value for name, value in now.items() if value != defaults.get(name)}
        values = {name: v if v or v == 0 else "" for name, v in differing.items()}
        link = urlencode(values, doseq=True, safe="/:")
        if link != self._written:
            self._written, self.note.value = link, ""
        return link

    def read(self, link: str) -> Settings:
        """Return the settings of a link; of one that does not fit the defaults, with a note."""
        told = ""
        try:
            settings = self._choices.start(None, None, self._state(link))
        except QueryError as error:
            settings = self._choices.start(None, None, self._defaults)
            told = f"The dashboard shows its defaults, because the link does not fit: {error}"
        self.write(settings)
        self.note.value = told and f'<p class="ua-note ua-bad" role="alert">{escape(told)}.</p>'
        return settings

    def _state_of(self, settings: Settings) -> dict[str, Any]:
        """Return a state; days of a preset are those of the day on which the link is opened."""
        state = self._choices.state(settings)
        return state if settings.preset == CUSTOM else _without(state, "first", "last")

    def _state(self, link: str) -> dict[str, Any]:
        """Return the state that a link stands for, with the defaults of what it leaves out."""
        state = dict(self._defaults)
        given = parse_qs(link.removeprefix("#"), keep_blank_values=True)
        if given.pop("version", [str(VERSION)]) != [str(VERSION)]:
            raise QueryError("a newer version of usage-analysis made it")
        for name, texts in given.items():
            if name not in Settings.__struct_fields__:
                raise QueryError(f"this version of usage-analysis has no setting {name!r:.40}")
            text: Any = texts[-1]
            if isinstance(state.get(name), int) and text.isdecimal():
                text = int(text)
            chosen = tuple(filter(None, texts))
            state[name] = chosen if isinstance(state.get(name), list | tuple) else text
        return _without(state, "view") if "tab" in given and "view" not in given else state


def _without(state: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in state.items() if name not in names}
