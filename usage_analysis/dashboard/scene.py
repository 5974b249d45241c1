"""The rows that a figure is drawn from: cut out of a reply in hand, on the clock asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.analysis.difference import rate_effects
from usage_analysis.dashboard.dates import Days
from usage_analysis.dashboard.question import Question, group_name
from usage_analysis.dashboard.settings import ALL_DAY, Settings
from usage_analysis.fetch.breakdown import REST
from usage_analysis.figures.provenance import Provenance
from usage_analysis.tidy.frames import group_column
from usage_analysis.tidy.groups import sum_groups
from usage_analysis.tidy.periods import aggregate, in_timezone
from usage_analysis.tidy.usage import CallUsage

_WIDE: Final = 92
_COMMA: Final = ",\n    "


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
        return sum_groups(self.usage.hourly)

    @cached_property
    def whole_usage(self) -> CallUsage:
        """The answer with all groups added up, as a report takes it."""
        return sum_groups(self.usage)

    @cached_property
    def largest(self) -> list[str]:
        """Groups with any call, the one with the most first."""
        group = group_column(self.usage.hourly)
        if group is None:
            return []
        counts = self.usage.hourly.groupby(group, sort=False)["total_count"].sum()
        counts = counts[counts > 0].sort_values(ascending=False, kind="stable")
        return [str(name) for name in counts.index]


@dataclass(frozen=True, eq=False)
class Scene:
    """What a figure is drawn from, and the Python lines that make the same.

    Parameters
    ----------
    settings
        What the controls say.
    hand
        The answer that holds it.
    client
        Python that makes the client; "" where only its maker knows how.
    """

    settings: Settings
    hand: InHand
    client: str

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
        names = [name for name in self.hand.largest if name != REST]
        if chosen := self.settings.groups:
            # One without any call was chosen all the same.
            return sorted(
                chosen, key=lambda name: names.index(name) if name in names else len(names)
            )
        return names[: self.settings.top]

    @cached_property
    def before(self) -> pd.DataFrame | None:
        """Hours set beside, to the hour of the clock that is finished; None where nothing is."""
        rows = self.earlier(grouped=False)
        return None if rows is None else self._beside(rows)

    @property
    def final(self) -> pd.DataFrame:
        """Hours shown that are final, as those that `before` sets beside them are."""
        return self.hourly[~self.hourly["provisional"]]

    @cached_property
    def effects(self) -> pd.DataFrame:
        """What every group, and the rest, adds to the change of the error rate since `before`."""
        rows = self.hand.hourly(self.settings.timezone, grouped=True)
        now, before = self._cut(rows), self._beside(self._cut(rows, self.settings.before))
        return rate_effects(now[~now["provisional"]], before, independent="days")

    def _beside(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows set beside, as far as the hours shown are final."""
        end = self._last_beside
        return rows if end is None else rows[_local(rows) <= end]

    @cached_property
    def _last_beside(self) -> pd.Timestamp | None:
        """The last hour set beside, on the local clock; None where all are."""
        days, late = self.settings.before, self.hourly["provisional"].to_numpy()
        if days is None or not late.any():
            return None
        first = _local(self.hourly)[int(late.argmax())]
        moved: pd.Timestamp = first - (self.settings.first - days.first) - pd.Timedelta(hours=1)
        return moved

    def earlier(self, *, grouped: bool) -> pd.DataFrame | None:
        """All hours of the days set beside."""
        days = self.settings.before
        if days is None:
            return None
        rows = self._cut(self.hand.hourly(self.settings.timezone, grouped=grouped), days)
        return rows[rows[rows.columns[0]].isin(self.groups)] if grouped else rows

    @cached_property
    def since_month(self) -> pd.DataFrame:
        """Hours from weeks before the month of the last day, to learn its weekdays from."""
        rows = self.hand.hourly(self.settings.timezone, grouped=False)
        return self._cut(rows, self.settings.history)

    def buckets(self) -> pd.DataFrame:
        """Hours shown, by group, added up to the buckets chosen."""
        return self.bucketed(self.grouped)

    def bucketed(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Hours added up to the buckets chosen."""
        every = self.settings.granularity
        return rows if every == "h" else aggregate(rows, every)

    def before_in_words(self) -> list[str]:
        """Lines that cut what `lines` calls `before` as it is here."""
        end = self._last_beside
        local = "before.index.tz_localize(None)"
        return [] if end is None else [f'before = before[{local} <= "{end:%Y-%m-%d %H:%M}"]']

    def bucketed_in_words(self, rows: str) -> str:
        """Python that does it."""
        every = self.settings.granularity
        return rows if every == "h" else f"ua.aggregate({rows}, {every!r})"

    @cached_property
    def about(self) -> Provenance:
        """What the figure says of its data, in the names that people gave."""
        return self.about_rows(self.hourly)

    def about_rows(self, rows: pd.DataFrame) -> Provenance:
        """Provenance of these rows."""
        return Provenance.of(self.hand.usage, rows, filters=self.settings.in_words())

    def _cut(self, rows: pd.DataFrame, days: Days | None = None) -> pd.DataFrame:
        kept = rows[_inside(rows, days or self.settings.days)]
        low, high = self.settings.hours
        return kept if (low, high) == ALL_DAY else kept[_of_day(kept, low, high)]

    def lines(
        self,
        *,
        grouped: bool = False,
        history: bool = False,
        beside: bool = False,
        apart: bool = False,
    ) -> list[str]:
        """Python lines that make `hourly` and `about`, and `before` if asked, as they are here.

        With `apart` they make these of every group and the rest, not only of the groups shown.
        """
        settings = self.settings
        by_group = (grouped or apart) and bool(settings.group)
        days = settings.history if history else settings.days
        earlier = settings.before if beside else None
        asked = days if earlier is None else Days(earlier.first, days.last)
        imports = ["import datetime"] if "datetime." in self.client else []
        out = [*imports, "import usage_analysis as ua", ""]
        out.append(f"client = {self.client or '...  # yours'}")
        out.append(f"usage = {self._asked(asked, by_group=by_group, apart=apart)}")
        hours = f"ua.in_timezone(usage.hourly, {settings.timezone!r})"
        if by_group or earlier is not None or settings.hours != ALL_DAY:
            out.append(f"hours = {hours}")
            hours = "hours"
        if settings.hours != ALL_DAY:
            low, high = settings.hours
            how = "&" if low < high else "|"
            out.append(
                f"hours = hours[(hours.index.hour >= {low}) {how} (hours.index.hour < {high})]"
            )
        out.append(f"hourly = {_cut_in_words(hours, days, by_group=by_group)}")
        if earlier is not None:
            out.append(f"before = {_cut_in_words(hours, earlier, by_group=by_group)}")
        words = settings.in_words()
        filters = f", filters={words!r}" if words else ""
        out.append(f"about = ua.Provenance.of(usage, hourly{filters})")
        return out

    def _asked(self, days: Days, *, by_group: bool, apart: bool) -> str:
        """Call that asks the server for local days, by the groups shown or by all and the rest."""
        question = self.hand.question
        by = self.settings.group if by_group else ""
        call, given = "call_usage", []
        if by:
            # In the order of the answer in hand, which is the order that is drawn.
            groups = {name: v for name, v in question.groups if apart or name in self.groups}
            named = {"agent": "by_agent", "voice": "by_voice"}
            call = named.get(by, "by_metadata")
            given = [repr(groups)] if by in named else [repr(by), repr(list(groups))]
            given += [] if group_name(by) == by else [f"name={group_name(by)!r}"]
            given += ["include_rest=True"] if apart and question.rest else []
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


def _inside(rows: pd.DataFrame, days: Days) -> NDArray[np.bool_]:
    start, local = pd.Timestamp(days.first), _local(rows)
    end = pd.Timestamp(days.last) + pd.Timedelta(days=1)
    inside: NDArray[np.bool_] = (local >= start) & (local < end)
    return inside


def _local(rows: pd.DataFrame) -> pd.DatetimeIndex:
    """What the clock shows at each row, without its zone."""
    return pd.DatetimeIndex(rows.index).tz_localize(None)


def _of_day(rows: pd.DataFrame, low: int, high: int) -> NDArray[np.bool_]:
    hour = pd.DatetimeIndex(rows.index).hour.to_numpy()
    kept: NDArray[np.bool_] = (
        (hour >= low) & (hour < high) if low < high else (hour >= low) | (hour < high)
    )
    return kept
