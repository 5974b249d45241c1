"""What one redraw needs: settings, the selected rows, and the Python lines that make the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import pandas as pd

from usage_analysis.analysis.selection import Days, SelectedUsage
from usage_analysis.dashboard.cache import CachedUsage
from usage_analysis.dashboard.question import grouping_of
from usage_analysis.dashboard.settings import Settings
from usage_analysis.figures.provenance import Provenance, provenance_of
from usage_analysis.tidy.frames import REST
from usage_analysis.tidy.periods import aggregate

_WIDE: Final = 92
_COMMA: Final = ",\n    "


@dataclass(frozen=True, eq=False)
class Scene:
    """What a figure is drawn from, and the Python lines that make the same.

    Parameters
    ----------
    settings
        What the controls say.
    hand
        The cached reply that holds it.
    client
        Python that makes the client; "" where only its maker knows how.
    """

    settings: Settings
    hand: CachedUsage
    client: str

    @cached_property
    def selected(self) -> SelectedUsage:
        """The selected rows."""
        grouped = bool(self.settings.group) and bool(self.hand.question.by)
        return self.hand.selected(self.settings.selection, grouped=grouped)

    @property
    def hourly(self) -> pd.DataFrame:
        """Displayed hours of all calls."""
        return self.selected.hourly

    @property
    def grouped(self) -> pd.DataFrame:
        """Displayed hours by group where calls are told apart, of all calls otherwise."""
        return self.selected.by_group

    @property
    def groups(self) -> Any:
        """Groups that are drawn by themselves; None without groups."""
        return self.selected.selection.groups if self.settings.group else None

    def buckets(self) -> pd.DataFrame:
        """Hours shown, by group, added up to the buckets chosen."""
        return self.bucketed(self.grouped)

    def bucketed(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Hours added up to the buckets chosen."""
        every = self.settings.granularity
        return rows if every == "h" else aggregate(rows, every)

    def previous_lines(self) -> list[str]:
        """Python lines that cut `previous` to the hours that are final."""
        end = self.selected.previous_end
        local = "previous.index.tz_localize(None)"
        return [] if end is None else [f'previous = previous[{local} <= "{end:%Y-%m-%d %H:%M}"]']

    def bucketed_in_words(self, rows: str) -> str:
        """Python that adds hours up to the buckets chosen."""
        every = self.settings.granularity
        return rows if every == "h" else f"ua.aggregate({rows}, {every!r})"

    @cached_property
    def about(self) -> Provenance:
        """Provenance of the displayed hours, in the names that people gave."""
        return self.about_rows(self.hourly)

    def about_rows(self, rows: pd.DataFrame) -> Provenance:
        """Provenance of these rows."""
        return provenance_of(self.selected, rows)

    def lines(
        self,
        *,
        grouped: bool = False,
        history: bool = False,
        beside: bool = False,
    ) -> list[str]:
        """Python lines that make `hourly` and `about`, and `previous` if asked, as here."""
        settings = self.settings
        by_group = grouped and bool(settings.group)
        days = settings.days.history if history else settings.days
        earlier = settings.previous if beside else None
        asked = days if earlier is None else Days(earlier.first, days.last)
        imports = ["import datetime"] if "datetime." in self.client else []
        out = [*imports, "import usage_analysis as ua", ""]
        out.append(f"client = {self.client or '...  # yours'}")
        out.append(f"usage = {self._asked(asked, by_group=by_group)}")
        hours = f"ua.in_timezone(usage.hourly, {settings.timezone!r})"
        if by_group or earlier is not None or settings.hours is not None:
            out.append(f"hours = {hours}")
            hours = "hours"
        if settings.hours is not None:
            low, high = settings.hours
            how = "&" if low < high else "|"
            out.append(
                f"hours = hours[(hours.index.hour >= {low}) {how} (hours.index.hour < {high})]"
            )
        out.append(f"hourly = {_cut_in_words(hours, days, by_group=by_group)}")
        if earlier is not None:
            out.append(f"previous = {_cut_in_words(hours, earlier, by_group=by_group)}")
        words = settings.selection.filters_in_words({})
        filters = f", filters={words!r}" if words else ""
        out.append(f"about = ua.Provenance.of(usage, hourly{filters})")
        return out

    def _asked(self, days: Days, *, by_group: bool) -> str:
        """Call that asks the server for local days, by group if asked."""
        question = self.hand.question
        by = self.settings.group if by_group else ""
        call, given = "call_usage", []
        if by:
            groups = dict(question.groups)
            named = {"agent": "by_agent", "voice": "by_voice"}
            call = named.get(by, "by_metadata")
            given = [repr(groups)] if by in named else [repr(by), repr(list(groups))]
            rest = (self.selected.by_group[grouping_of(by, {}).column] == REST).any()
            given += ["include_rest=True"] if rest else []
        asked = {
            "from_date": f"{days.first}",
            "to_date": f"{days.last}",
            "timezone": self.settings.timezone,
            **replace(question, by=by).filters(),
        }
        given += [f"{name}={value!r}" for name, value in asked.items()]
        line = f"client.{call}({', '.join(given)})"
        return line if len(line) <= _WIDE else f"client.{call}(\n    {_COMMA.join(given)},\n)"


def _cut_in_words(hours: str, days: Days, *, by_group: bool) -> str:
    """Local days cut out of hours; `loc` refuses the repeated times of groups."""
    if not by_group:
        return f'{hours}.loc["{days.first}":"{days.last}"]'
    return f'ua.between_days({hours}, "{days.first}", "{days.last}")'
