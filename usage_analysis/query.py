"""Queries of the endpoint: its ten filters by name, checked before anything is sent."""

import difflib
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Self, TypedDict, Unpack
from zoneinfo import ZoneInfo, available_timezones

from usage_analysis.errors import QueryError, refusal
from usage_analysis.filters import CHECKS, check_year, suggest_filter
from usage_analysis.filters import check_whole_number as check_whole_number
from usage_analysis.filters import local_day as local_day
from usage_analysis.filters import to_instant as to_instant

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_TICK = timedelta(microseconds=1)

#: Number of whole UTC days, before today, of a query without dates.
DEFAULT_DAYS = 30
#: Longest window of one request by default [days].
CHUNK_DAYS = 92


def zone(name: str | tzinfo, argument: str = "timezone") -> tzinfo:
    """Return the time zone of an IANA name, or a tzinfo unchanged; errors name `argument`.

    Raises
    ------
    QueryError
        The IANA database has no such name.
    """
    if isinstance(name, tzinfo):
        return name
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, TypeError, OSError):
        advice = _suggest_zone(str(name))
        raise refusal("unknown_zone", argument=argument, got=name, advice=advice) from None


def _suggest_zone(name: str) -> str:
    """Return a suggestion for a wrong zone name, for messages.

    The last part of the name is compared without regard to case.
    """
    zones = {zone.rpartition("/")[2].casefold(): zone for zone in sorted(available_timezones())}
    wanted = name.rpartition("/")[2].casefold().replace(" ", "_")
    near = difflib.get_close_matches(wanted, zones, n=1, cutoff=0.8)
    return f"; did you mean {zones[near[0]]}?" if near else ""


def wire_seconds(microseconds: int) -> str:
    """Return a duration in the vendor's form: decimal seconds and an ``s``."""
    whole, part = divmod(microseconds, 1_000_000)
    return f"{whole}.{part:06}".rstrip("0").rstrip(".") + "s"


class CallFilters(TypedDict, total=False):
    """Filters of calls other than dates, by name; see `UsageQuery`."""

    time_of_day_start: time | str | None
    time_of_day_end: time | str | None
    agent_ids: Iterable[str | uuid.UUID] | None
    voice_id: str | uuid.UUID | None
    duration_min: timedelta | float | str | None
    duration_max: timedelta | float | str | None
    metadata: Mapping[str, str] | None
    search: str | None


class Filters(CallFilters, total=False):
    """Filters of calls and the window by name, as `Client.call_usage` takes them.

    Annotate a dictionary of filters with it, so that a type checker refuses a misspelt name.

    Examples
    --------
    >>> month: Filters = {"from_date": "2026-03-01", "to_date": "2026-03-31"}
    >>> UsageQuery.from_filters(month).params()
    [('fromDate', '2026-03-01T00:00:00Z'), ('toDate', '2026-03-31T23:59:59.999999Z')]
    """

    from_date: datetime | date | str | None
    to_date: datetime | date | str | None
    timezone: str | tzinfo | None


@dataclass(frozen=True, kw_only=True, repr=False)
class UsageQuery:
    """Query of ``GET /api/accounts/me/usage/calls``.

    Parameters
    ----------
    from_date, to_date
        First and last time at which a call was created, both inclusive. A date means its whole UTC
        day; a date and time needs a zone. The default is the last 30 whole UTC days and today.
    time_of_day_start, time_of_day_end
        Only calls created at this time of day (UTC), ``"HH:MM[:SS]"`` or a time. A range with its
        start after its end spans midnight and takes two requests.
    agent_ids
        UUIDs of agents: only their calls.
    voice_id
        UUID of a voice: only its calls.
    duration_min, duration_max
        Shortest and longest duration of a call: a timedelta, a number [s] or text such as
        ``"90s"``.
    metadata
        Only calls with these values under these keys.
    search
        Only calls that the vendor's text search finds.

    Raises
    ------
    QueryError
        A filter is invalid; the message names the argument and what it accepts.

    Examples
    --------
    >>> UsageQuery(from_date="2026-03-01", to_date="2026-03-31").params()
    [('fromDate', '2026-03-01T00:00:00Z'), ('toDate', '2026-03-31T23:59:59.999999Z')]
    """

    from_date: datetime | date | str | None = None
    to_date: datetime | date | str | None = None
    time_of_day_start: time | str | None = None
    time_of_day_end: time | str | None = None
    agent_ids: tuple[str, ...] | Iterable[str | uuid.UUID] | None = None
    voice_id: str | uuid.UUID | None = None
    duration_min: timedelta | float | str | None = None
    duration_max: timedelta | float | str | None = None
    metadata: Mapping[str, str] | None = None
    search: str | None = None

    def __post_init__(self) -> None:
        """Check every filter and convert it to one form."""
        for name, check in CHECKS.items():
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, check(name, value))
        for low, high in (("from_date", "to_date"), ("duration_min", "duration_max")):
            first, last = getattr(self, low), getattr(self, high)
            if first is not None and last is not None and first > last:
                raise QueryError(f"{low}: expected at most {high} ({last}), got {first}")

    @classmethod
    def from_filters(
        cls, filters: Filters, *, now: datetime | None = None, since: datetime | None = None
    ) -> Self:
        """Return the query with these filters; with `timezone`, the dates are local days.

        Parameters
        ----------
        filters
            Filters by name. `timezone` is an IANA name or a tzinfo.
        now
            Current time, with its zone. It sets missing local days: the last one is today, and the
            first one is 30 days before the last. Without `now`, both days are required.
        since
            First instant of a call log: a window without a start begins on its local day.

        Raises
        ------
        QueryError
            A name is not a filter, or a value is invalid.
        """
        known = [field.name for field in fields(cls)]
        for name in filters:
            if name not in (*known, "timezone"):
                advice = suggest_filter(str(name), known)
                raise refusal("unknown_filter", name=name, known=", ".join(known), advice=advice)
        others: dict[str, Any] = {**filters}
        place = others.pop("timezone", None)
        if place is None:
            return cls(**others)
        first, last = others.pop("from_date", None), others.pop("to_date", None)
        if now is None and (first is None or last is None):
            raise refusal("zone_alone")
        if now is not None:
            last = last or now.astimezone(zone(place)).date()
            begin = None if since is None else since.astimezone(zone(place)).date()
            first = first or begin or local_day("to_date", last) - DEFAULT_DAYS * _DAY
        return cls.local_days(first, last, place, **others)

    @classmethod
    def local_days(
        cls,
        from_date: date | str,
        to_date: date | str,
        timezone: str | tzinfo,
        **filters: Unpack[CallFilters],
    ) -> Self:
        """Return the query that covers local days, both inclusive.

        The window has whole UTC hours, with one more on each side. The additional hours are
        removed after the frame is converted to local time.
        """
        place = zone(timezone)
        first, last = local_day("from_date", from_date), local_day("to_date", to_date)
        check_year("from_date", first)
        check_year("to_date", last)
        if first > last:
            raise QueryError(f"from_date: expected a day up to to_date ({last}), got {first}")
        start = datetime.combine(first, time.min, place).astimezone(UTC)
        end = datetime.combine(last + _DAY, time.min, place).astimezone(UTC)
        return cls(
            from_date=_hour(start) - _HOUR,
            to_date=_hour(end - _TICK) + 2 * _HOUR - _TICK,
            **filters,
        )

    def days_in(self, timezone: str | tzinfo) -> tuple[date, date] | None:
        """Return the first and last day if `local_days` made this window, else None."""
        if self.start is None or self.end is None:
            return None
        place = zone(timezone)
        first = (self.start + 2 * _HOUR - _TICK).astimezone(place).date()
        last = (self.end - 2 * _HOUR).astimezone(place).date()
        if first > last:
            return None
        made = type(self).local_days(first, last, place)
        # A call log ends such a window where the log ends.
        fits = made.start == self.start and made.end is not None and self.end <= made.end
        return (first, last) if fits else None

    @property
    def start(self) -> datetime | None:
        """First instant of the window, UTC."""
        return self.from_date  # type: ignore[return-value]  # __post_init__ made it one

    @property
    def end(self) -> datetime | None:
        """First instant after the window, UTC."""
        return None if self.to_date is None else self.to_date + _TICK  # type: ignore[return-value, operator]

    @property
    def spans_midnight(self) -> bool:
        """True if the range of the time of day spans midnight."""
        start, end = self.time_of_day_start, self.time_of_day_end
        return start is not None and end is not None and start > end  # type: ignore[operator]

    @property
    def selection(self) -> Self:
        """Query without its window, agents sorted: equal selections select the same calls."""
        agents = None if self.agent_ids is None else sorted(self.agent_ids)
        return replace(self, from_date=None, to_date=None, agent_ids=agents)

    def with_bounds(self, now: datetime, since: datetime | None = None) -> Self:
        """Return the query with both ends; by default today and the 30 days before.

        Parameters
        ----------
        now
            Current time, with its zone.
        since
            First instant of a call log: a window without a start begins at its UTC midnight; by
            default 30 days before the end.
        """
        to_date = self.to_date or datetime.combine(now.astimezone(UTC).date(), time.max, UTC)
        midnight = datetime.combine(to_date.astimezone(UTC).date(), time.min, UTC)  # type: ignore[union-attr]
        begin = since and datetime.combine(since.astimezone(UTC), time.min, UTC)
        from_date = self.from_date or begin or midnight - DEFAULT_DAYS * _DAY
        return replace(self, from_date=from_date, to_date=to_date)

    def params(self, chunk_days: int = CHUNK_DAYS) -> list[tuple[str, str]]:
        """Return the wire parameters of a query that takes one request.

        Parameters
        ----------
        chunk_days
            Longest window of one request [days].

        Raises
        ------
        QueryError
            The query takes several requests; see `requests`.
        """
        requests = self.requests(chunk_days)
        if len(requests) > 1:
            raise refusal("several_requests", requests=len(requests), days=chunk_days)
        return requests[0]

    def requests(self, chunk_days: int = CHUNK_DAYS) -> list[list[tuple[str, str]]]:
        """Return the wire parameters of each request; no call is in two of the replies.

        Parameters
        ----------
        chunk_days
            Longest window of one request [days].
        """
        return [part._params() for part in self.parts(chunk_days)]

    def parts(self, chunk_days: int = CHUNK_DAYS) -> list[Self]:
        """Return one query per request, as in `requests`; no call is in two of them.

        Parameters
        ----------
        chunk_days
            Longest window of one request [days].
        """
        longest = min(check_whole_number("chunk_days", chunk_days), date.max.toordinal()) * _DAY
        parts = [self]
        if self.spans_midnight:
            parts = [replace(self, time_of_day_end=None), replace(self, time_of_day_start=None)]
        return [chunk for part in parts for chunk in part._chunks(longest)]

    def as_dict(self) -> dict[str, Any]:
        """Return the given filters as plain JSON values, from which ``UsageQuery(**d)`` is made."""
        out: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, timedelta):
                out[field.name] = wire_seconds(value // _TICK)
            elif isinstance(value, datetime | time):
                out[field.name] = value.isoformat()
            elif isinstance(value, tuple | Mapping):
                out[field.name] = list(value) if isinstance(value, tuple) else dict(value)
            elif value is not None:
                out[field.name] = value
        return out

    def __repr__(self) -> str:
        """Return the Python call that makes this query."""
        return f"UsageQuery({', '.join(f'{n}={v!r}' for n, v in self.as_dict().items())})"

    def _chunks(self, longest: timedelta) -> list[Self]:
        start, end = self.start, self.end
        if start is None or end is None or end - start <= longest:
            return [self]
        midnight = datetime.combine(start.date(), time.min, UTC)
        count = -((midnight - end) // longest)
        cuts = [start, *(midnight + place * longest for place in range(1, count))]
        return [
            replace(self, from_date=low, to_date=high - _TICK)
            for low, high in zip(cuts, [*cuts[1:], end], strict=True)
        ]

    def _params(self) -> list[tuple[str, str]]:
        filled = self.as_dict()
        agents, metadata = filled.pop("agent_ids", ()), filled.pop("metadata", {})
        for name in filled.keys() & {"from_date", "to_date"}:
            filled[name] = filled[name].replace("+00:00", "Z")
        out = [(_vendor_word(name), value) for name, value in filled.items()]
        out += [("agentIds", agent) for agent in agents]
        return out + [(f"metadata.{key}", value) for key, value in metadata.items()]


def _vendor_word(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def _hour(instant: datetime) -> datetime:
    return instant.replace(minute=0, second=0, microsecond=0)
