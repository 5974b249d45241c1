"""Settings: the values of the controls, and the question that follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, Self, get_type_hints

from usage_analysis.analysis.billing import price_of
from usage_analysis.analysis.selection import Days, Selection
from usage_analysis.dashboard.dates import (
    COMPARISONS,
    CUSTOM,
    GRANULARITIES,
    PRESETS,
    granularities,
    previous_days,
)
from usage_analysis.dashboard.names import Names
from usage_analysis.dashboard.question import Question
from usage_analysis.errors import QueryError
from usage_analysis.query import UsageQuery, zone

VERSION: Final = 1
MEASURES: Final = ("total_count", "joined_count", "error_count", "duration", "billed_minutes")
EARLIEST: Final = date(2000, 1, 1)
ALL_DAY: Final = (0, 24)
#: So many days and the same number before have no weekday in common, whole weeks apart.
_UNLIKE: Final = 3
#: Least and greatest value of each number.
BOUNDS: Final = {"hour_from": (0, 23), "hour_to": (1, 24), "top": (1, 12), "limit": (1, 10_000)}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One value a control, named as the control is; all of them plain JSON but for dates.

    Parameters
    ----------
    preset
        Which days, of `PRESETS`; for ``"custom"`` those from `first` to `last`.
    first, last
        Local days, both inclusive.
    timezone
        Whose days and hours, an IANA name.
    hour_from, hour_to
        Hours of the local day shown, 9 and 17 for 09:00 to 17:00; a first after the last goes over
        midnight.
    agents
        Names of the agents whose calls are asked for; none for every call.
    voice, metadata_key, metadata_value
        A voice's name and a value under a metadata key, "" for any.
    duration_min, duration_max
        Length of a call, ``"90s"`` or ``"90"`` [s]; "" for any.
    search
        What the vendor's text search is to find; "" for any.
    measure, granularity
        What is drawn, in which buckets.
    comparison
        Which days are set beside, of `COMPARISONS`.
    group
        By what the calls are told apart: "", ``"agent"``, ``"voice"`` or a metadata key.
    groups
        Which of them are shown; none for the largest.
    top
        How many groups are shown where none are chosen, the largest first.
    limit
        Calls that the account may hold at once.
    price
        Price per billed minute [USD], as text.
    tab, view
        The tab, and the figure on it.
    """

    preset: str = "last_30_days"
    first: date
    last: date
    timezone: str
    hour_from: int = 0
    hour_to: int = 24
    agents: tuple[str, ...] = ()
    voice: str = ""
    metadata_key: str = ""
    metadata_value: str = ""
    duration_min: str = ""
    duration_max: str = ""
    search: str = ""
    measure: str = "total_count"
    granularity: str = "D"
    comparison: str = "none"
    group: str = ""
    groups: tuple[str, ...] = ()
    top: int = 6
    limit: int = 5
    price: str = "0.05"
    tab: str = "trends"
    view: str = "trend"

    def __post_init__(self) -> None:
        """Check what one value alone can get wrong."""
        zone(self.timezone)
        choices = {
            "preset": PRESETS,
            "measure": MEASURES,
            "granularity": GRANULARITIES,
            "comparison": COMPARISONS,
        }
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise QueryError(
                    f"{name}: expected one of {', '.join(known)}, got {getattr(self, name)!r}"
                )
        for name, (low, high) in BOUNDS.items():
            if not low <= getattr(self, name) <= high:
                raise QueryError(
                    f"{name}: expected a number from {low} to {high}, got {getattr(self, name)}"
                )
        price_of(self.price)
        for name in ("first", "last"):
            if getattr(self, name) < EARLIEST:  # a year half typed passes through 0002 and 0020
                raise QueryError(
                    f"{name}: expected a day from {EARLIEST} on, got {getattr(self, name)}"
                )
        if self.first > self.last:
            raise QueryError(f"first: expected at most the last day, got {self.first} after "
                             f"{self.last}")  # fmt: skip
        if self.hour_from == self.hour_to:
            raise QueryError(f"hour_from: expected another hour than hour_to, got {self.hour_to}")

    @property
    def days(self) -> Days:
        """Local days shown."""
        return Days(self.first, self.last)

    @property
    def previous(self) -> Days | None:
        """Local days of the previous period."""
        return previous_days(self.days, self.comparison)

    @property
    def hours(self) -> tuple[int, int] | None:
        """Hours of the local day shown; None for all."""
        hours = (self.hour_from, self.hour_to)
        return None if hours == ALL_DAY else hours

    @property
    def selection(self) -> Selection:
        """The data that the controls select."""
        return Selection(
            timezone=self.timezone,
            from_date=self.first,
            to_date=self.last,
            hours=self.hours,
            previous=self.previous,
            groups=self.groups or self.top,
            filters=self.in_words(),
        )

    @property
    def alike(self) -> bool:
        """True if the previous period has some of the same weekdays."""
        unlike = self.comparison == "previous" and self.days.number <= _UNLIKE
        return self.previous is not None and not unlike

    def as_json(self) -> dict[str, Any]:
        """The settings as plain JSON values; `from_json` reads them back."""
        out = {name: _plain(value) for name, value in asdict(self).items()}
        return {"version": VERSION, **out}

    @classmethod
    def from_json(cls, state: Mapping[str, Any], **defaults: Any) -> Self:
        """Settings of a saved state, checked.

        Raises
        ------
        QueryError
            A name is no control, a value does not fit, or a newer version saved it.
        """
        given = dict(state)
        if (version := given.pop("version", VERSION)) != VERSION:
            raise QueryError(
                f"state: expected version {VERSION}, got {version!r}; upgrade to read it"
            )
        kinds = get_type_hints(cls)
        for name in given:
            if name not in kinds:
                raise QueryError(f"state: expected {', '.join(kinds)}, got {name!r}")
        values = {name: _read(name, kinds[name], value) for name, value in given.items()}
        return cls(**defaults | values)

    def question(self, names: Names) -> Question:
        """Return the question to the server.

        A day more on each side is asked for, so that another zone asks nothing new.

        Raises
        ------
        QueryError
            A name that is not known here, or a filter that does not fit.
        """
        first = self.first
        if self.previous is not None:
            first = self.previous.first
        if self.view == "month":
            first = min(first, self.days.history.first)
        for name in self.groups:
            _known("groups", name, self.offered(names))
        selected, groups, rest = self._split(names)
        question = Question(
            start=datetime.combine(first, time.min, UTC) - timedelta(days=1),
            end=datetime.combine(self.last, time.min, UTC) + timedelta(days=2),
            selected=tuple(sorted(selected.items(), key=lambda item: item[0])),
            by=self.group if groups else "",
            groups=groups,
            rest=rest,
        )
        question.check()
        return question

    def _split(self, names: Names) -> tuple[dict[str, Any], tuple[tuple[str, Any], ...], bool]:
        """Return the filters of all calls, the filters of each group, and True for a rest."""
        selected: dict[str, Any] = {}
        if self.agents:
            wanted = [_known("agents", name, names.agents) for name in self.agents]
            selected["agent_ids"] = tuple(sorted(wanted))
        if self.voice:
            selected["voice_id"] = _known("voice", self.voice, names.voices)
        if self.metadata_key and self.metadata_value:
            values = _known("metadata_key", self.metadata_key, names.metadata)
            _known("metadata_value", self.metadata_value, dict.fromkeys(values))
            selected["metadata"] = ((self.metadata_key, self.metadata_value),)
        for name in ("duration_min", "duration_max", "search"):
            if text := getattr(self, name).strip():
                selected[name] = text
        offered = self.offered(names)
        return selected, tuple(offered.items()), bool(self.group) and not self._chosen

    @property
    def _chosen(self) -> tuple[str, ...]:
        """Groups that a filter chooses; empty where there is no such filter."""
        if self.group == "agent":
            return self.agents
        if self.group == "voice":
            return (self.voice,) if self.voice else ()
        own = self.metadata_key == self.group and self.metadata_value
        return (self.metadata_value,) if own else ()

    def offered(self, names: Names) -> dict[str, str]:
        """Return the value of each group by its name.

        Raises
        ------
        QueryError
            Nothing is known by what they are to be told apart.
        """
        if not self.group:
            return {}
        kinds = {"agent": names.agents, "voice": names.voices}
        known = kinds.get(self.group)
        if known is None:
            known = {value: value for value in _known("group", self.group, names.metadata)}
        return {name: known[name] for name in self._chosen or known}

    @property
    def allowed(self) -> list[str]:
        """Buckets that the days can be drawn in."""
        return granularities(self.days)

    def in_words(self) -> dict[str, str]:
        """Return the filters in words, with the given names."""
        words = {}
        if self.agents:
            shown = ", ".join(self.agents[:3])
            more = len(self.agents) - 3
            words["agent"] = f"{shown} and {more} more" if more > 0 else shown
        if self.voice:
            words["voice"] = self.voice
        if self.metadata_key and self.metadata_value:
            words[self.metadata_key] = self.metadata_value
        for name in ("duration_min", "duration_max", "search"):
            if text := getattr(self, name).strip():
                words[name.replace("_", " ")] = text
        return words


def _known(argument: str, name: str, names: Mapping[str, Any]) -> Any:
    if name not in names:
        raise QueryError(f"{argument}: expected one of {', '.join(names) or 'none'}, got {name!r}")
    return names[name]


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def _read(name: str, kind: type, value: Any) -> Any:
    """A value as its control has it, from plain JSON or from Python."""
    expected = "text" if kind is str else "a whole number"
    if kind is date:
        expected = 'a date such as "2026-03-01"'
        with suppress(TypeError, ValueError):
            return value if type(value) is date else date.fromisoformat(value)
    elif name == "price" and type(value) in (int, float, Decimal):
        return str(value)
    elif kind not in (str, int):
        expected = "a list of names"
        if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
            return tuple(value)
    elif type(value) is kind:
        return value
    raise QueryError(f"state: expected {name} to be {expected}, got {value!r:.80}")


def settled(settings: Settings, query: UsageQuery, names: Names) -> Settings:
    """Settings that ask what a query asks; its UTC dates are taken as days of the settings' zone.

    Raises
    ------
    QueryError
        An ID without a name, several metadata keys, or a time of day, which is local here.
    """
    asked = query.as_dict()
    if "time_of_day_start" in asked or "time_of_day_end" in asked:
        raise QueryError(
            "query: expected no time of day, which is UTC there; use hour_from, hour_to"
        )
    out: dict[str, Any] = {
        n: asked[n] for n in ("duration_min", "duration_max", "search") if n in asked
    }
    if query.start is not None and query.end is not None:
        last = query.end - timedelta(microseconds=1)
        out |= {"preset": CUSTOM, "first": query.start.date(), "last": last.date()}
    out["agents"] = tuple(_named("agents", x, names.agents) for x in asked.get("agent_ids", ()))
    if "voice_id" in asked:
        out["voice"] = _named("voices", asked["voice_id"], names.voices)
    if len(metadata := asked.get("metadata", {})) > 1:
        raise QueryError(f"query: expected one metadata key, got {', '.join(metadata)}")
    for key, value in metadata.items():
        out |= {"metadata_key": key, "metadata_value": value}
    return replace(settings, **out)


def _named(argument: str, wanted: str, names: Mapping[str, str]) -> str:
    for name, value in names.items():
        if value == wanted:
            return name
    raise QueryError(f"query: expected IDs that {argument}= names, got {wanted}")
