"""Check the value of each filter and convert it to one form; errors name the argument."""

import difflib
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from numbers import Integral, Real
from typing import Any

from usage_analysis.errors import QueryError, refusal

_DATES = '"2026-03-31", a date, or a date and time with its zone ("2026-03-31T12:00:00Z")'
_MEANT = {
    **dict.fromkeys(["start", "since", "after", "begin"], "from_date"),
    **dict.fromkeys(["end", "until", "before"], "to_date"),
    **dict.fromkeys(["tz", "zone"], "timezone"),
}


def suggest_filter(name: str, known: Sequence[str]) -> str:
    """Return a suggestion for a wrong filter name, by its words and then by its letters."""
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+", name)]
    meant = [_MEANT[word] for word in words if word in _MEANT]
    meant += [filter_ for filter_ in known if sorted(filter_.split("_")) == sorted(words)]
    meant += difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {meant[0]}?" if meant else ""


#: Years of queries: others are slips of the pen, such as 0026, which would take 7,941 requests.
_YEARS = (1900, 2199)


def check_year(name: str, day: date) -> None:
    """Refuse dates outside the years that a query can be about."""
    first, last = _YEARS
    if not first <= day.year <= last:
        raise refusal("year", name=name, first=first, last=last, got=day)


def local_day(name: str, value: date | str) -> date:
    """Return the day of a date or of text in ISO 8601, without a time."""
    with suppress(ValueError):
        if isinstance(value, str):
            return date.fromisoformat(value)
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
    raise QueryError(f'{name}: expected a day such as "2026-03-31", got {value!r}')


def to_instant(name: str, value: object, of_day: time) -> datetime:
    """Return the UTC instant of a date and time with a zone, or of a date at the time `of_day`."""
    try:
        if isinstance(value, str):
            plain = re.fullmatch(r"\d{4}-\d\d-\d\d", value)
            value = (date if plain else datetime).fromisoformat(value)
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise refusal("naive_time", name=name, got=value.isoformat())
            value = value.astimezone(UTC)
            of_day = value.time()
        if isinstance(value, date):
            check_year(name, value)
            return datetime.combine(value, of_day, UTC)
    except (ValueError, OverflowError) as error:
        if isinstance(error, QueryError):
            raise
    raise QueryError(f"{name}: expected {_DATES}, got {value!r}")


def check_whole_number(name: str, value: object) -> int:
    """Return a whole number from 1 up.

    Raises
    ------
    QueryError
        The value is another one.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise QueryError(f"{name}: expected a whole number from 1, got {value!r}")
    return int(value)


def to_time_of_day(name: str, value: object) -> time:
    """Return a time without a zone."""
    with suppress(ValueError):
        if isinstance(value, str):
            value = time.fromisoformat(value)
    if isinstance(value, time) and value.tzinfo is None:
        return value
    raise QueryError(f'{name}: expected a UTC time without a zone, such as "09:00", got {value!r}')


def to_identifier(name: str, value: object) -> str:
    """Return a UUID as text."""
    try:
        return str(value if isinstance(value, uuid.UUID) else uuid.UUID(value))  # type: ignore[arg-type]
    except (ValueError, AttributeError, TypeError):
        raise QueryError(f"{name}: expected a UUID, not a name, got {value!r}") from None


def to_identifiers(name: str, values: object) -> tuple[str, ...]:
    """Return UUIDs as text, each once."""
    if isinstance(values, str | uuid.UUID):
        values = [values]
    if not isinstance(values, Iterable):
        raise QueryError(f"{name}: expected a list of UUIDs, got {values!r}")
    found = tuple(dict.fromkeys(to_identifier(name, value) for value in values))
    if not found:
        raise QueryError(f"{name}: expected at least one UUID, got none; leave it out for all")
    return found


def to_duration(name: str, value: object) -> timedelta:
    """Return the timedelta of a timedelta, of seconds or of text."""
    # Some types of NumPy are numbers by name only.
    with suppress(OverflowError, ValueError, TypeError):
        if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?s?", value, re.ASCII):
            value = float(value.removesuffix("s"))
        if isinstance(value, Real) and not isinstance(value, bool):
            value = timedelta(seconds=float(value))
        if isinstance(value, timedelta) and value >= timedelta(0):
            return timedelta(
                days=value.days, seconds=value.seconds, microseconds=value.microseconds
            )
    raise QueryError(f'{name}: expected a timedelta, seconds or text such as "90s", got {value!r}')


class FrozenMapping(dict[str, str]):
    """Mapping that cannot be changed after its check."""

    def __hash__(self) -> int:  # type: ignore[override]  # a dictionary has none
        return hash(frozenset(self.items()))

    def __reduce__(self) -> Any:
        return type(self), (dict(self),)

    def _refuse(self, *_: object, **__: object) -> Any:
        raise TypeError("metadata of a query cannot be changed; make another query")

    __setitem__ = __delitem__ = __ior__ = update = pop = popitem = clear = setdefault = _refuse


def to_metadata(name: str, value: object) -> FrozenMapping:
    """Return metadata values by key."""
    if not isinstance(value, Mapping) or not value:
        raise QueryError(f"{name}: expected a mapping of keys to values, got {value!r}")
    for key, wanted in value.items():
        if not (key and is_text(key) and is_text(wanted)):
            raise QueryError(f"{name}: expected keys and values as text, got {key!r}: {wanted!r}")
    return FrozenMapping(value)


def is_text(value: object) -> bool:
    """Return True for text without lone surrogates, which UTF-8 cannot encode."""
    return isinstance(value, str) and value.encode(errors="replace").decode() == value


def to_search(name: str, value: object) -> str:
    """Return text that is not empty."""
    if isinstance(value, str) and value.strip() and is_text(value):
        return value
    raise QueryError(f"{name}: expected some text, got {value!r}; leave it out for all calls")


#: Function that checks each filter and brings it to one form.
CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "from_date": partial(to_instant, of_day=time.min),
    "to_date": partial(to_instant, of_day=time.max),
    "time_of_day_start": to_time_of_day,
    "time_of_day_end": to_time_of_day,
    "agent_ids": to_identifiers,
    "voice_id": to_identifier,
    "duration_min": to_duration,
    "duration_max": to_duration,
    "metadata": to_metadata,
    "search": to_search,
}
