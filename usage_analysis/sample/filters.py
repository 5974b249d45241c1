"""Parse the parameters of a request and select the calls that fit them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
from numpy.typing import NDArray

from usage_analysis.sample.calls import DAY, SECOND, Calls, Labels, midnight

# Up to this many codes, comparing each is faster than a table look-up.
_FEW = 12
_LAST = int(np.iinfo(np.int64).max)
_DAY_FORM = r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
_TIME_FORM = r"(?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9])(?::(?P<second>[0-5][0-9])"
_DATE = re.compile(_DAY_FORM)
_DATETIME = re.compile(
    _DAY_FORM + r"[Tt ]" + _TIME_FORM + r"(?:\.(?P<fraction>[0-9]{1,9}))?)?"
    r"(?:[Zz]|(?P<sign>[+-])(?P<hours>[01][0-9]|2[0-3]):(?P<minutes>[0-5][0-9]))"
)
_TIME = re.compile(_TIME_FORM + r"(?:\.(?P<fraction>[0-9]{1,6}))?)?")
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_DURATION = re.compile(r"(?P<second>[0-9]{1,12})(?:\.(?P<fraction>[0-9]{1,9}))?s")


class BadRequest(Exception):  # noqa: N818 - the name of the answer, 400
    """Error for status 400, with messages for each bad parameter."""

    def __init__(self, messages: dict[str, list[str]]) -> None:
        super().__init__(messages)
        self.messages = messages


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Criteria that a call has to meet; both ends of a range are inclusive."""

    first: int = -_LAST
    #: Creation [us since 1970, UTC].
    last: int = _LAST
    earliest: int = 0
    #: Time of day of creation [us, UTC].
    latest: int = DAY - 1
    shortest: int = 0
    #: Duration [us].
    longest: int = _LAST
    #: IDs of the agents; all agents if empty.
    agents: tuple[str, ...] = ()
    voice: str | None = None
    search: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


def parse_filters(query: str) -> Filters:
    """Parse the filters of a query string; unknown parameters are ignored.

    Raises
    ------
    BadRequest
        Some parameters have bad values; the messages name each of them.
    """
    sent: dict[str, list[str]] = {}
    for name, text in parse_qsl(query, keep_blank_values=True, errors="replace"):
        sent.setdefault(name, []).append(text)
    found: dict[str, Any] = {}
    bad: dict[str, list[str]] = {}
    for name, (place, convert) in _PARAMETERS.items():
        if name in sent:
            try:
                found[place] = convert(sent[name])
            except ValueError as error:
                bad[name] = [str(error)]
    if bad:
        raise BadRequest(bad)
    found["metadata"] = {
        name.removeprefix("metadata."): texts[-1]
        for name, texts in sent.items()
        if name.startswith("metadata.")
    }
    return Filters(**found)


def select(calls: Calls, filters: Filters) -> tuple[slice, NDArray[np.bool_] | None]:
    """Return the range of the calls in the dates, and which calls in it fit; None for all."""
    start = int(np.searchsorted(calls.created, filters.first, side="left"))
    stop = int(np.searchsorted(calls.created, filters.last, side="right"))
    here = slice(start, max(start, stop))
    selected: NDArray[np.bool_] | None = None
    for test in _tests(calls, filters, here):
        selected = test if selected is None else np.logical_and(selected, test, out=selected)
    return here, selected


def _tests(calls: Calls, filters: Filters, here: slice) -> Iterator[NDArray[np.bool_]]:
    """Yield one array per filter in use, True for the calls of the range that fit it."""
    if filters.agents:
        wanted = frozenset(filters.agents)
        yield _match_labels(calls.agent, here, lambda agent: agent in wanted)
    if filters.voice is not None:
        yield _match_labels(calls.voice, here, lambda voice: voice == filters.voice)
    if filters.search is not None:
        sought = filters.search.casefold()
        yield _match_labels(calls.summary, here, lambda text: sought in text.casefold())
    for key, value in filters.metadata.items():
        labels = calls.metadata.get(key)
        if labels is None:
            yield np.zeros(here.stop - here.start, dtype=np.bool_)
        else:
            yield _match_labels(labels, here, value.__eq__)
    if filters.earliest > 0:
        yield calls.time_of_day[here] >= filters.earliest
    if filters.latest < DAY - 1:
        yield calls.time_of_day[here] <= filters.latest
    if filters.shortest > 0:
        yield calls.duration[here] >= filters.shortest
    if filters.longest < _LAST:
        yield calls.duration[here] <= filters.longest


def _match_labels(labels: Labels, here: slice, wanted: Callable[[str], bool]) -> NDArray[np.bool_]:
    # A call without a text has the code -1, which is the last entry of the table.
    table = np.zeros(len(labels.values) + 1, dtype=np.bool_)
    table[[code for code, value in enumerate(labels.values) if wanted(value)]] = True
    rarer = 2 * np.count_nonzero(table) <= len(table)
    codes = np.flatnonzero(table == rarer).tolist()
    if len(codes) > _FEW:
        return table.take(labels.codes[here], mode="wrap")
    found = np.zeros(here.stop - here.start, dtype=np.bool_)
    for code in codes:
        found |= labels.codes[here] == (-1 if code == len(labels.values) else code)
    return found if rarer else ~found


def _digits(match: re.Match[str], *, up: bool = False) -> int:
    """Return the time in a match, rounded down or up [us]."""
    parts = match.groupdict()
    sizes = {"hour": 3600, "minute": 60, "second": 1}
    seconds = sum(int(parts.get(name) or 0) * size for name, size in sizes.items())
    whole, rest = divmod(int((parts["fraction"] or "").ljust(9, "0")), 1000)
    return seconds * SECOND + whole + (up and rest > 0)


def _match(form: re.Pattern[str], text: str, message: str) -> re.Match[str]:
    match = form.fullmatch(text)
    if match is None:
        raise ValueError(message)
    return match


def _instant(text: str, *, end: bool) -> int:
    """Return the first or last microsecond that a date or a datetime includes."""
    if match := _DATE.fullmatch(text):
        return _day(text) + (DAY - 1 if end else 0)
    form = "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]"
    match = _match(
        _DATETIME, text, f"Datetime has wrong format. Use one of these formats instead: {form}."
    )
    offset = int(match["hours"] or 0) * 60 + int(match["minutes"] or 0)
    sign = -1 if match["sign"] == "-" else 1
    return _day(match["day"]) + _digits(match, up=not end) - sign * offset * 60 * SECOND


def _day(text: str) -> int:
    try:
        return midnight(date.fromisoformat(text))
    except ValueError:
        raise ValueError(f"{text} is not a valid date.") from None


def _time_of_day(text: str) -> int:
    message = "Time has wrong format. Use one of these formats instead: hh:mm[:ss[.uuuuuu]]."
    return _digits(_match(_TIME, text, message))


def _duration(text: str, *, up: bool) -> int:
    message = 'Duration has wrong format. Use seconds with an s, such as "90s".'
    return _digits(_match(_DURATION, text, message), up=up)


def _uuid(text: str) -> str:
    return _match(_UUID, text.lower(), "Must be a valid UUID.").group()


def _search(text: str) -> str:
    if not text:
        raise ValueError("This field may not be blank.")
    return text


def _uuids(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(_uuid, texts))


# If a parameter is repeated that should come once, the last value counts.
_PARAMETERS: dict[str, tuple[str, Callable[[list[str]], Any]]] = {
    "agentIds": ("agents", _uuids),
    "durationMax": ("longest", lambda texts: _duration(texts[-1], up=False)),
    "durationMin": ("shortest", lambda texts: _duration(texts[-1], up=True)),
    "fromDate": ("first", lambda texts: _instant(texts[-1], end=False)),
    "search": ("search", lambda texts: _search(texts[-1])),
    "timeOfDayEnd": ("latest", lambda texts: _time_of_day(texts[-1])),
    "timeOfDayStart": ("earliest", lambda texts: _time_of_day(texts[-1])),
    "toDate": ("last", lambda texts: _instant(texts[-1], end=True)),
    "voiceId": ("voice", lambda texts: _uuid(texts[-1])),
}
