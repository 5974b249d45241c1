"""Settings: the values of the controls, and the query that follows from them."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final, Self, get_type_hints

import msgspec
from msgspec import Meta

from usage_analysis.analysis.billing import price_of
from usage_analysis.analysis.selection import Days, Selection
from usage_analysis.dashboard import dates
from usage_analysis.dashboard.queries import Question
from usage_analysis.errors import QueryError, refusal
from usage_analysis.fetch.base import AccountNames
from usage_analysis.query import UsageQuery, zone

VERSION: Final = 1
MEASURES: Final = ("total_count", "joined_count", "error_count", "duration", "billed_minutes")
TABS: Final[dict[str, str]] = dates.LABELS["tabs"]
# A year half typed passes through 0002 and 0020.
_EARLIEST: Final = date(2000, 1, 1)
_A_DAY: Final = f'a day from {_EARLIEST} on, such as "2026-03-01"'
#: The same number of days just before has no weekday in common with at most this many days.
_UNLIKE: Final = 3


def _one_of(label: str, choices: Iterable[str]) -> Meta:
    return _text(label, f"one of {', '.join(choices)}", pattern=rf"^({'|'.join(choices)})\Z")


def _number(label: str, low: int, high: int) -> Meta:
    expected = f"a whole number from {low:,} to {high:,}"
    return Meta(title=label, description=expected, ge=low, le=high)


def _text(label: str, expected: str = "text", **limits: Any) -> Meta:
    return Meta(title=label, description=expected, **limits)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Values of the controls, by the names of the controls.

    The `Meta` of each field holds the control's label on the page, the accepted values, and their
    description for errors.

    Parameters
    ----------
    preset
        Period, one of `dates.PRESETS`; ``"custom"`` is the days from `first` to `last`.
    first, last
        Local days, both inclusive.
    timezone
        Time zone of days and hours, an IANA name.
    hour_from, hour_to
        Hours of the local day, 9 and 17 for 09:00 to 17:00; a first hour after the last goes over
        midnight.
    agents
        Names of the agents whose calls are fetched; empty for all calls.
    voice, metadata_key, metadata_value
        Name of a voice, and a value of a metadata key; "" for any.
    duration_min, duration_max
        Length of a call, ``"90s"`` or ``"90"`` [s]; "" for any.
    search
        Text for the vendor's search; "" for any.
    measure, granularity
        Measure that is drawn, and its buckets.
    comparison
        Previous period, one of `dates.COMPARISONS`.
    group
        Kind of groups: "" for none, ``"agent"``, ``"voice"`` or a metadata key.
    groups
        Names of the groups that are drawn by themselves; empty for the largest.
    top
        Number of the largest groups to draw by themselves.
    limit
        Maximum number of concurrent calls.
    price
        Price per billed minute [USD], as text.
    tab, view
        The tab, and the figure on it.
    """

    preset: Annotated[str, _one_of("Period", dates.PRESETS)] = "last_30_days"
    first: Annotated[date, _text("First day", _A_DAY)]
    last: Annotated[date, _text("Last day", _A_DAY)]
    timezone: Annotated[str, _text("Time zone")]
    hour_from: Annotated[int, _number("Hours from", 0, 23)] = 0
    hour_to: Annotated[int, _number("Hours to", 1, 24)] = 24
    agents: Annotated[tuple[str, ...], _text("Agents", "a list of names")] = ()
    voice: Annotated[str, _text("Voice")] = ""
    metadata_key: Annotated[str, _text("Metadata key")] = ""
    metadata_value: Annotated[str, _text("Metadata value")] = ""
    duration_min: Annotated[str, _text("Shortest call [s]", "seconds such as 90")] = ""
    duration_max: Annotated[str, _text("Longest call [s]", "seconds such as 90")] = ""
    search: Annotated[str, _text("Search text")] = ""
    measure: Annotated[str, _one_of("Measure", MEASURES)] = "total_count"
    granularity: Annotated[str, _one_of("Granularity", dates.GRANULARITIES)] = "D"
    comparison: Annotated[str, _one_of("Compare with", dates.COMPARISONS)] = "none"
    group: Annotated[str, _text("Group by")] = ""
    groups: Annotated[tuple[str, ...], _text("Groups", "a list of names")] = ()
    top: Annotated[int, _number("Largest groups", 1, 12)] = 6
    limit: Annotated[int, _number("Concurrent calls allowed", 1, 10_000)] = 5
    price: Annotated[str, _text("USD per billed minute", "a price such as 0.05")] = "0.05"
    tab: Annotated[str, _one_of("Figures", TABS)] = "trends"
    view: Annotated[str, _text("Figure")] = "trend"

    def __post_init__(self) -> None:
        """Check the values that depend on each other."""
        zone(self.timezone, label_of("timezone"))
        if self.first > self.last:
            raise refusal("late_first", last=self.last, got=self.first)
        if self.hour_from == self.hour_to:
            raise refusal("same_hours", hour=self.hour_to)
        try:
            UsageQuery(**self._text_filters())
        except QueryError:
            raise refusal("shortest", most=self.duration_max, got=self.duration_min) from None

    @property
    def days(self) -> Days:
        """Selected local days."""
        return Days(self.first, self.last)

    @property
    def previous(self) -> Days | None:
        """Local days of the previous period."""
        return dates.previous_days(self.days, self.comparison)

    @property
    def hours(self) -> tuple[int, int] | None:
        """Selected hours of the local day; None for all."""
        hours = (self.hour_from, self.hour_to)
        return None if hours == (0, 24) else hours

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
            filters=self.describe_filters(),
        )

    @property
    def comparable(self) -> bool:
        """True if the previous period has some of the same weekdays."""
        unlike = self.comparison == "previous" and self.days.number <= _UNLIKE
        return self.previous is not None and not unlike

    def for_overview(self) -> Self:
        """Return the settings of the overview: all calls, compared with a previous period."""
        comparison = self.comparison if self.comparable else "weekdays"
        chosen = ("first", "last", "timezone", "hour_from", "hour_to", "price", *_FILTERS)
        return type(self)(comparison=comparison, **{name: getattr(self, name) for name in chosen})

    @property
    def granularities(self) -> list[str]:
        """Buckets that the days can be drawn in."""
        return dates.granularities(self.days)

    def as_json(self) -> dict[str, Any]:
        """Return the settings as plain JSON values for `from_json`."""
        return {"version": VERSION, **msgspec.to_builtins(self)}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Self:
        """Return the settings of a saved state.

        Raises
        ------
        QueryError
            The name of a control is unknown, a value is invalid, or the state has a newer version.
        """
        given = dict(state)
        if (version := given.pop("version", VERSION)) != VERSION:
            raise refusal("newer_state", wanted=VERSION, got=version)
        return cls.from_values(given)

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Return the settings of the controls' values.

        Raises
        ------
        QueryError
            The name of a control is unknown, or a value is invalid.
        """
        return cls(**{name: _convert(name, value) for name, value in values.items()})

    def question(self, names: AccountNames) -> Question:
        """Return the query to the server.

        The query also covers the days that the overview compares with and learns from. It has one
        more day on each side, so that another time zone needs no new query.

        Raises
        ------
        QueryError
            An unknown name.
        """
        periods = (self.previous, self.for_overview().previous, self.days.history)
        first = min(days.first for days in periods if days is not None)
        needed = first if self.view == "month" else (self.previous or self.days).first
        groups = self.group_values(names)
        for name in self.groups:
            _look_up("groups", name, groups)
        return Question(
            start=datetime.combine(first, time.min, UTC) - timedelta(days=1),
            needed=datetime.combine(needed, time.min, UTC) - timedelta(days=1),
            end=datetime.combine(self.last, time.min, UTC) + timedelta(days=2),
            selected=self._filters(names),
            by=self.group if groups else "",
            groups=groups,
            rest=bool(self.group) and not self._filtered_groups,
        )

    def _filters(self, names: AccountNames) -> dict[str, Any]:
        """Return the filters that all calls meet."""
        filters = self._text_filters()
        if self.agents:
            wanted = [_look_up("agents", name, names.agents) for name in self.agents]
            filters["agent_ids"] = sorted(wanted)
        if self.voice:
            filters["voice_id"] = _look_up("voice", self.voice, names.voices)
        if self.metadata_key and self.metadata_value:
            values = _look_up("metadata_key", self.metadata_key, names.metadata)
            _look_up("metadata_value", self.metadata_value, dict.fromkeys(values))
            filters["metadata"] = {self.metadata_key: self.metadata_value}
        return filters

    def _text_filters(self) -> dict[str, Any]:
        texts = {name: getattr(self, name).strip() for name in _TEXT_FILTERS}
        return {name: text for name, text in texts.items() if text}

    @property
    def _filtered_groups(self) -> tuple[str, ...]:
        """Groups that a filter selects; empty where there is no such filter."""
        if self.group == "agent":
            return self.agents
        if self.group == "voice":
            return (self.voice,) if self.voice else ()
        own = self.metadata_key == self.group and self.metadata_value
        return (self.metadata_value,) if own else ()

    def group_values(self, names: AccountNames) -> dict[str, str]:
        """Return the filter value of each group by the group's name.

        Raises
        ------
        QueryError
            An unknown metadata key.
        """
        if not self.group:
            return {}
        kinds = {"agent": names.agents, "voice": names.voices}
        values = kinds.get(self.group)
        if values is None:
            values = {value: value for value in _look_up("group", self.group, names.metadata)}
        return {name: values[name] for name in self._filtered_groups or values}

    def describe_filters(self) -> dict[str, str]:
        """Return the filters in words, with the given names."""
        words = {}
        if self.agents:
            more = len(self.agents) - 3
            words["agent"] = ", ".join(self.agents[:3]) + (f" and {more} more" if more > 0 else "")
        if self.voice:
            words["voice"] = self.voice
        if self.metadata_key and self.metadata_value:
            words[self.metadata_key] = self.metadata_value
        return words | {_TEXT_FILTERS[name]: text for name, text in self._text_filters().items()}

    def apply_query(self, query: UsageQuery, names: AccountNames) -> Self:
        """Return settings with a query's filters, and its UTC dates as local days.

        Raises
        ------
        QueryError
            An ID without a name, several metadata keys, or a time of day, which is UTC in a query
            and local here.
        """
        given = query.as_dict()
        if "time_of_day_start" in given or "time_of_day_end" in given:
            raise refusal("time_of_day")
        values: dict[str, Any] = {name: given[name] for name in _TEXT_FILTERS if name in given}
        if query.start is not None and query.end is not None:
            last = query.end - timedelta(microseconds=1)
            values |= {"preset": dates.CUSTOM, "first": query.start.date(), "last": last.date()}
        agents = given.get("agent_ids", ())
        values["agents"] = tuple(_name_of("agents", each, names.agents) for each in agents)
        if "voice_id" in given:
            values["voice"] = _name_of("voices", given["voice_id"], names.voices)
        if len(metadata := given.get("metadata", {})) > 1:
            raise QueryError(f"query: expected one metadata key, got {', '.join(metadata)}")
        for key, value in metadata.items():
            values |= {"metadata_key": key, "metadata_value": value}
        return msgspec.structs.replace(self, **values)


_HINTS: Final = get_type_hints(Settings, include_extras=True)
#: Filters that are typed, with their names in descriptions of the data.
_TEXT_FILTERS: Final = {
    "duration_min": "shortest call [s]",
    "duration_max": "longest call [s]",
    "search": "search",
}


_FILTERS: Final = ("agents", "voice", "metadata_key", "metadata_value", *_TEXT_FILTERS)


def meta_of(name: str) -> Meta:
    """Return the label, the description and the bounds of a control."""
    meta: Meta = _HINTS[name].__metadata__[0]
    return meta


def label_of(name: str) -> str:
    """Return the label of a control."""
    return str(meta_of(name).title)


def _convert(name: str, value: Any) -> Any:
    """Return a value, from JSON, Python or a widget, as `Settings` holds it."""
    if name not in _HINTS:
        raise QueryError(f"state: unknown control {name!r}; known controls: {', '.join(_HINTS)}")
    if name == "price" and type(value) in (int, float, Decimal):
        value = str(value)
    with suppress(msgspec.ValidationError, QueryError):
        converted = msgspec.convert(value, _HINTS[name])
        if name == "price":
            price_of(converted)
        elif name in ("duration_min", "duration_max"):
            UsageQuery(**{name: converted.strip() or None})
        if name not in ("first", "last") or converted >= _EARLIEST:
            return converted
    raise QueryError(f"{label_of(name)}: expected {meta_of(name).description}, got {value!r:.80}")


def _look_up(control: str, name: str, values: Mapping[str, Any]) -> Any:
    if name not in values:
        known = ", ".join(values) or "none"
        raise QueryError(f"{label_of(control)}: unknown name {name!r}; known names: {known}")
    return values[name]


def _name_of(argument: str, wanted: str, names: Mapping[str, str]) -> str:
    for name, value in names.items():
        if value == wanted:
            return name
    raise QueryError(f"query: expected IDs with a name in {argument}=, got {wanted}")
