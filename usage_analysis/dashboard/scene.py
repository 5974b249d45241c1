"""The rows that a figure is drawn from: cut out of a reply in hand, on the clock asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.dashboard.dates import Days
from usage_analysis.dashboard.settings import ALL_DAY, Question, Settings, group_name
from usage_analysis.fetch.breakdown import REST
from usage_analysis.figures.provenance import Provenance
from usage_analysis.tidy.frames import CallUsage, group_column
from usage_analysis.tidy.periods import aggregate, in_timezone
from usage_analysis.tidy.wire import MEASURES


class InHand:
    """One answer, with what was made of it: a redraw makes nothing twice.

    Parameters
    ----------
    question
        What was asked.
    usage
        The answer.
    """

    def __init__(self, question: Question, usage: CallUsage) -> None:
        self.question, self.usage = question, usage
        self._local: dict[tuple[str, bool], pd.DataFrame] = {}

    def hourly(self, timezone: str, *, grouped: bool) -> pd.DataFrame:
        """All hours of the answer on a local clock, by group or added up."""
        key = (timezone, grouped and bool(self.question.by))
        if key not in self._local:
            rows = self.usage.hourly if key[1] else self._whole
            self._local[key] = in_timezone(rows, timezone)
        return self._local[key]

    @cached_property
    def _whole(self) -> pd.DataFrame:
        return whole(self.usage.hourly)

    @cached_property
    def whole_usage(self) -> CallUsage:
        """The answer with all groups added up, as a report takes it."""
        if not self.question.by:
            return self.usage
        daily = whole(self.usage.daily)
        return replace(self.usage, daily=daily, hourly=self._whole, groups=None)

    @cached_property
    def largest(self) -> list[str]:
        """Groups with any call, the one with the most first."""
        group = group_column(self.usage.hourly)
        if group is None:
            return []
        counts = self.usage.hourly.groupby(group, sort=False)["total_count"].sum()
        counts = counts[counts > 0].sort_values(ascending=False, kind="stable")
        return [str(name) for name in counts.index]


def whole(hourly: pd.DataFrame) -> pd.DataFrame:
    """Canonical frame of all groups together."""
    group = group_column(hourly)
    if group is None:
        return hourly
    how = {name: "sum" for name in MEASURES if name in hourly} | {"provisional": "any"}
    return hourly.groupby(level="time").agg(how)


@dataclass(frozen=True, eq=False)
class Scene:
    """What a figure is drawn from, and the Python lines that make the same.

    Parameters
    ----------
    settings
        What the controls say.
    hand
        The answer that holds it.
    """

    settings: Settings
    hand: InHand

    @cached_property
    def hourly(self) -> pd.DataFrame:
        """Hours shown, of all groups together."""
        return self._cut(self.hand.hourly(self.settings.timezone, grouped=False))

    @cached_property
    def grouped(self) -> pd.DataFrame:
        """Hours shown, of the largest groups; of all calls together where none are told apart."""
        if not self.settings.group:
            return self.hourly
        rows = self._cut(self.hand.hourly(self.settings.timezone, grouped=True))
        return rows[rows[rows.columns[0]].isin(self.groups)]

    @cached_property
    def groups(self) -> list[str]:
        """The groups shown, the largest first; what they leave over is not one."""
        return [name for name in self.hand.largest if name != REST][: self.settings.top]

    @cached_property
    def before(self) -> pd.DataFrame | None:
        """Hours set beside: as many finished ones as are shown, none where nothing is compared."""
        days = self.settings.before
        if days is None:
            return None
        rows = self._cut(self.hand.hourly(self.settings.timezone, grouped=False), days)
        return rows.iloc[: int((~self.hourly["provisional"]).sum())]

    @cached_property
    def since_month(self) -> pd.DataFrame:
        """Hours from weeks before the month of the last day, to learn its weekdays from."""
        rows = self.hand.hourly(self.settings.timezone, grouped=False)
        first = rows.index[0].normalize().date()
        return self._cut(rows, Days(first, self.settings.last))

    def buckets(self, *, grouped: bool = True) -> pd.DataFrame:
        """Hours shown, added up to the buckets chosen."""
        rows = self.grouped if grouped else self.hourly
        every = self.settings.granularity
        return rows if every == "h" else aggregate(rows, every)

    @cached_property
    def about(self) -> Provenance:
        """What the figure says of its data, in the names that people gave."""
        return self.about_rows(self.hourly)

    def about_rows(self, rows: pd.DataFrame) -> Provenance:
        """Provenance of these rows."""
        told = Provenance.of(self.hand.usage, rows, timezone=self.settings.timezone)
        return replace(told, filters=self.settings.in_words())

    def _cut(self, rows: pd.DataFrame, days: Days | None = None) -> pd.DataFrame:
        kept = rows[_inside(rows, days or self.settings.days)]
        low, high = self.settings.hours
        return kept if (low, high) == ALL_DAY else kept[_of_day(kept, low, high)]

    def lines(self, *, grouped: bool = False, rows: str = "hourly") -> list[str]:
        """Python lines that make `hourly` (and `about`, `before`), as they are here."""
        settings, question = self.settings, self.hand.question
        by = settings.group if grouped else ""
        names = question if by else replace(question, by="", groups=(), rest=False)
        out = [
            "from dataclasses import replace",
            "",
            "import usage_analysis as ua",
            "",
            f"client = ua.{'sample_client' if self.hand.usage.source == 'sample' else 'Client'}()",
            *_asked(names, settings, self._first_day),
            f"hours = ua.in_timezone(usage.hourly, {settings.timezone!r})",
        ]
        if settings.hours != ALL_DAY:
            low, high = settings.hours
            how = "&" if low < high else "|"
            out.append(
                f"hours = hours[(hours.index.hour >= {low}) {how} (hours.index.hour < {high})]"
            )
        first = settings.first if rows == "hourly" else self._first_day
        out.append(f'hourly = hours.loc["{first}":"{settings.last}"]')
        if grouped and by:
            out.append(f"hourly = hourly[hourly[{self._column!r}].isin({self.groups!r})]")
        if settings.before is not None:
            days = settings.before
            out.append(f'before = hours.loc["{days.first}":"{days.last}"]')
            out.append('before = before.iloc[: int((~hourly["provisional"]).sum())]')
        zone = settings.timezone
        out.append(f"about = ua.Provenance.of(usage, hourly, timezone={zone!r})")
        out.append(f"about = replace(about, filters={settings.in_words()!r})")
        return out

    @property
    def _column(self) -> str:
        return str(self.hand.usage.hourly.columns[0])

    @property
    def _first_day(self) -> date:
        days = self.settings.before
        return days.first if days is not None else self.settings.first


def _asked(question: Question, settings: Settings, first: date) -> list[str]:
    """Lines that ask the server for the local days shown."""
    shared = question.filters()
    named = "".join(f", {name}={value!r}" for name, value in shared.items())
    days = f'"{first}", "{settings.last}", {settings.timezone!r}'
    query = f"query = ua.UsageQuery.local_days({days}{named})"
    if not question.by:
        return [query, "usage = client.call_usage(query)"]
    name = group_name(question.by)
    groups = dict(question.groups)
    call = {
        "agent": f"client.by_agent({groups!r}",
        "voice": f"client.by_voice({groups!r}",
    }.get(question.by, f"client.by_metadata({question.by!r}, {list(groups)!r}, name={name!r}")
    return [query, f"usage = {call}, **query.as_dict())"]


def _inside(rows: pd.DataFrame, days: Days) -> NDArray[np.bool_]:
    index: Any = rows.index
    start = pd.Timestamp(days.first).tz_localize(None)
    end = pd.Timestamp(days.last) + pd.Timedelta(days=1)
    local = index.tz_localize(None)
    inside: NDArray[np.bool_] = (local >= start) & (local < end)
    return inside


def _of_day(rows: pd.DataFrame, low: int, high: int) -> NDArray[np.bool_]:
    hour = pd.DatetimeIndex(rows.index).hour.to_numpy()
    kept: NDArray[np.bool_] = (
        (hour >= low) & (hour < high) if low < high else (hour >= low) | (hour < high)
    )
    return kept
