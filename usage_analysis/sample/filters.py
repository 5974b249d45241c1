"""What a request asks of the calls: its parameters read, every bad one by its name, and applied."""

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

# So many codes are compared one by one, quicker than looked up.
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
    """Why a request is refused: `messages` by the parameter they are about."""

    def __init__(self, messages: dict[str, list[str]]) -> None:
        super().__init__(messages)
        self.messages = messages


@dataclass(frozen=True, kw_only=True)
class Filters:
    """What a call has to be to be counted; both ends of every span are inside it."""

    first: int = -_LAST
    last: int = _LAST
    """Creation [us since 1970, UTC]."""
    earliest: int = 0
    latest: int = DAY - 1
    """Time of day of creation [us, UTC]."""
    shortest: int = 0
    longest: int = _LAST
    """Duration [us]."""
    agents: tuple[str, ...] = ()
    """Any of these; all calls if there are none."""
    voice: str | None = None
    search: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


def read(query: str) -> Filters:
    """Filters of a query string; a name that the endpoint does not know is passed over.

    Raises
    ------
    BadRequest
        A value cannot be read: every such parameter with its messages.
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


def select(calls: Calls, asked: Filters) -> tuple[slice, NDArray[np.bool_] | None]:
    """Where the calls asked for lie, and which of those there are meant; None is all of them."""
    start = int(np.searchsorted(calls.created, asked.first, side="left"))
    stop = int(np.searchsorted(calls.created, asked.last, side="right"))
    here = slice(start, max(start, stop))
    passed: NDArray[np.bool_] | None = None
    for test in _tests(calls, asked, here):
        passed = test if passed is None else np.logical_and(passed, test, out=passed)
    return here, passed


def _tests(calls: Calls, asked: Filters, here: slice) -> Iterator[NDArray[np.bool_]]:
    """One test by filter in use, over the calls that lie here."""
    if asked.agents:
        wanted = frozenset(asked.agents)
        yield _labelled(calls.agent, here, lambda agent: agent in wanted)
    if asked.voice is not None:
        yield _labelled(calls.voice, here, lambda voice: voice == asked.voice)
    if asked.search is not None:
        sought = asked.search.casefold()
        yield _labelled(calls.summary, here, lambda text: sought in text.casefold())
    for key, value in asked.metadata.items():
        labels = calls.metadata.get(key)
        if labels is None:
            yield np.zeros(here.stop - here.start, dtype=np.bool_)
        else:
            yield _labelled(labels, here, value.__eq__)
    if asked.earliest > 0:
        yield calls.time_of_day[here] >= asked.earliest
    if asked.latest < DAY - 1:
        yield calls.time_of_day[here] <= asked.latest
    if asked.shortest > 0:
        yield calls.duration[here] >= asked.shortest
    if asked.longest < _LAST:
        yield calls.duration[here] <= asked.longest


def _labelled(labels: Labels, here: slice, wanted: Callable[[str], bool]) -> NDArray[np.bool_]:
    # A call without a text has the code -1, which is the last entry here.
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
    """Microseconds of the hour, minute, second and fraction of a match, rounded down or up."""
    parts = match.groupdict()
    sizes = {"hour": 3600, "minute": 60, "second": 1}
    seconds = sum(int(parts.get(name) or 0) * size for name, size in sizes.items())
    whole, rest = divmod(int((parts["fraction"] or "").ljust(9, "0")), 1000)
    return seconds * SECOND + whole + (up and rest > 0)


def _instant(text: str, *, end: bool) -> int:
    """First or last microsecond that a date or a datetime with its zone lets in."""
    if match := _DATE.fullmatch(text):
        return _day(text) + (DAY - 1 if end else 0)
    match = _DATETIME.fullmatch(text)
    if match is None:
        raise ValueError(
            "Datetime has wrong format. Use one of these formats instead: "
            "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."
        )
    offset = int(match["hours"] or 0) * 60 + int(match["minutes"] or 0)
    sign = -1 if match["sign"] == "-" else 1
    return _day(match["day"]) + _digits(match, up=not end) - sign * offset * 60 * SECOND


def _day(text: str) -> int:
    try:
        return midnight(date.fromisoformat(text))
    except ValueError:
        raise ValueError(f"{text} is no date of the calendar.") from None


def _time_of_day(text: str) -> int:
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(
            "Time has wrong format. Use one of these formats instead: hh:mm[:ss[.uuuuuu]]."
        )
    return _digits(match)


def _duration(text: str, *, up: bool) -> int:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError('Duration has wrong format. Use seconds with an s, such as "90s".')
    return _digits(match, up=up)


def _uuid(text: str) -> str:
    if not _UUID.fullmatch(text.lower()):
        raise ValueError("Must be a valid UUID.")
    return text.lower()


def _search(text: str) -> str:
    if not text:
        raise ValueError("This field may not be blank.")
    return text


def _uuids(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(_uuid, texts))


# Of a parameter that should come once, the last one counts.
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
