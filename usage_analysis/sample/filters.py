"""Parse the parameters of a request and select the calls that fit them."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
from numpy.typing import NDArray

from usage_analysis.sample.reply import SECOND, Calls, Labels, midnight
from usage_analysis.tidy.zones import DAY, EPOCH, microseconds

# Up to this many codes, comparing each is faster than a table look-up.
_LAST = int(np.iinfo(np.int64).max)
_TIME_FORM = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,%d})?)?"
_ZONE = r"(?:[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)"
_DATETIME = re.compile(rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(?:[Tt ]{_TIME_FORM % 9}{_ZONE})?")
_TIME = re.compile(_TIME_FORM % 6)
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_DURATION = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?s")
_TEXT = re.compile(r".+", re.DOTALL)


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
    for column, low, high, last in (
        (calls.time_of_day, filters.earliest, filters.latest, DAY - 1),
        (calls.duration, filters.shortest, filters.longest, _LAST),
    ):
        if low > 0:
            yield column[here] >= low
        if high < last:
            yield column[here] <= high


def _match_labels(labels: Labels, here: slice, wanted: Callable[[str], bool]) -> NDArray[np.bool_]:
    """Return which calls of a range have a wanted label; calls without a label (-1) have none."""
    table = np.array([*map(wanted, labels.values), False])
    return table.take(labels.codes[here], mode="wrap")


def _check(form: re.Pattern[str], text: str, message: str) -> str:
    if form.fullmatch(text) is None:
        raise ValueError(message)
    return text


def _below_microsecond(text: str) -> bool:
    """Return whether a number has digits other than 0 below the microsecond."""
    return re.search(r"\.[0-9]{6}[0-9]*[1-9]", text) is not None


def _instant(text: str, *, end: bool) -> int:
    """Return the first or last microsecond that a date or a datetime includes."""
    form = "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]"
    _check(_DATETIME, text, f"Datetime has wrong format. Use one of these formats instead: {form}.")
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        raise ValueError(f"{text} is not a valid date.") from None
    if moment.tzinfo is None:
        return midnight(moment) + (DAY - 1 if end else 0)
    return microseconds(moment) + (_below_microsecond(text) and not end)


def _time_of_day(text: str) -> int:
    message = "Time has wrong format. Use one of these formats instead: hh:mm[:ss[.uuuuuu]]."
    _check(_TIME, text, message)
    try:
        moment = time.fromisoformat(text)
    except ValueError:
        raise ValueError(message) from None
    return microseconds(datetime.combine(EPOCH, moment, UTC))


def _duration(text: str, *, up: bool) -> int:
    message = 'Duration has wrong format. Use seconds with an s, such as "90s".'
    seconds = Decimal(_check(_DURATION, text, message)[:-1])
    return int(seconds * SECOND) + (_below_microsecond(text) and up)


def _uuid(text: str) -> str:
    return _check(_UUID, text.lower(), "Must be a valid UUID.")


# If a parameter is repeated that should come once, the last value counts.
_PARAMETERS: dict[str, tuple[str, Callable[[list[str]], Any]]] = {
    "agentIds": ("agents", lambda texts: tuple(map(_uuid, texts))),
    "durationMax": ("longest", lambda texts: _duration(texts[-1], up=False)),
    "durationMin": ("shortest", lambda texts: _duration(texts[-1], up=True)),
    "fromDate": ("first", lambda texts: _instant(texts[-1], end=False)),
    "search": ("search", lambda texts: _check(_TEXT, texts[-1], "This field may not be blank.")),
    "timeOfDayEnd": ("latest", lambda texts: _time_of_day(texts[-1])),
    "timeOfDayStart": ("earliest", lambda texts: _time_of_day(texts[-1])),
    "toDate": ("last", lambda texts: _instant(texts[-1], end=True)),
    "voiceId": ("voice", lambda texts: _uuid(texts[-1])),
}
