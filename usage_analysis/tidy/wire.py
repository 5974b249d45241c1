"""Codec of the vendor's JSON: bytes to columns and back, with every field checked.

The schema grew: `billedMinutes` came in 2025-09, `errorCount` and `hourly` in 2026-03. A live reply
has all of them; a saved one may lack the later ones, in every row alike.

A server ignores filters that it does not know. Only the window and the time of day leave traces in
a reply, so only these two filters are checked. Each reply is checked before replies are added up,
because a row outside one window can lie within another.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from operator import attrgetter
from typing import Annotated, Any, NewType

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

from usage_analysis.errors import ResponseError, error_of
from usage_analysis.query import UsageQuery, wire_seconds
from usage_analysis.tidy.durations import Quoted, read_microseconds
from usage_analysis.tidy.zones import DAY, HOUR, instant_of, microseconds

Body = bytes | bytearray | str
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
#: The most billed minutes of a bucket, so that 64 bits hold millionths of them [min].
MOST_MINUTES = 9.2e12
Minutes = Annotated[float, msgspec.Meta(ge=0, le=MOST_MINUTES)]
Hour = Annotated[int, msgspec.Meta(ge=0, le=23)]

#: The canonical columns and the vendor's words for them.
MEASURES = {
    "total_count": "totalCount",
    "error_count": "errorCount",
    "joined_count": "joinedCount",
    "duration": "duration",
    "billed_minutes": "billedMinutes",
}


class _Statistics(msgspec.Struct, rename=MEASURES, gc=False, kw_only=True):
    total_count: Count
    error_count: Count | UnsetType = UNSET
    joined_count: Count
    duration: str
    billed_minutes: Minutes | UnsetType = UNSET


class _DailyRow(_Statistics, gc=False, kw_only=True):
    date: date


class _HourlyRow(_DailyRow, gc=False, kw_only=True):
    hour: Hour


class _Document(msgspec.Struct, kw_only=True):
    all_time: _Statistics | UnsetType = msgspec.field(name="allTime", default=UNSET)
    daily: list[_DailyRow]
    hourly: list[_HourlyRow] | UnsetType = UNSET


_DECODER = msgspec.json.Decoder(_Document)
_ADDED = ("error_count", "billed_minutes")  # measures that old saved replies lack
_EXPLAINED = 2**20  # bytes of the part that an error quotes a value of
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Buckets:
    """Hourly or daily rows as columns: `time` is the start of each bucket [us since 1970, UTC]."""

    time: NDArray[np.int64]
    #: By canonical name; counts int64, `duration` int64 [us], `billed_minutes` float64 [min].
    columns: dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply of the endpoint, checked; `hourly` is None where a saved one lacks it."""

    #: Empty where several replies were added up.
    all_time: dict[str, int | float]
    daily: Buckets
    hourly: Buckets | None


class CutReplyError(ResponseError):
    """JSON that stops before its end; another request may return the complete reply."""


def decode(body: Body, *, saved: bool = False, stored: bool = False, quoted: Quoted = str) -> Reply:
    """Decode a reply from the vendor's JSON.

    Parameters
    ----------
    body
        One whole JSON document.
    saved
        Allow what the schema of 2025 lacked: `billedMinutes`, `errorCount`, `hourly`.
    stored
        Allow what `encode` writes: as `saved`, and without `allTime` where replies were added up.
    quoted
        Function that makes a text safe to quote in an error, before it is cut.

    Raises
    ------
    ResponseError
        The message starts with the field's path: ``hourly[17].errorCount: expected int, got str``.
        A `CutReplyError` where the document stops before its end.
    """
    try:
        if not isinstance(body, str) and not body.isascii():
            body.decode("utf-8")
        reply = _DECODER.decode(body)
    except msgspec.ValidationError as error:
        raise ResponseError(_explain(str(error), body, quoted)) from None
    except msgspec.DecodeError as error:
        came = "HTML" if body.lstrip()[:1] in ("<", b"<") else str(error)
        kind = CutReplyError if "truncated" in came else ResponseError
        raise kind(f"reply: expected one whole JSON document, got {came}") from None
    except UnicodeError as error:
        raise ResponseError(f"reply: expected UTF-8 text, got {error}") from None
    except RecursionError:
        raise ResponseError("reply: expected three levels of JSON, got very many") from None
    saved = saved or stored
    if reply.all_time is UNSET and not stored:
        raise ResponseError("allTime: missing")
    if reply.hourly is UNSET and not saved:
        raise ResponseError("hourly: missing")
    totals = {}
    if reply.all_time is not UNSET:
        totals = _measures("allTime", [reply.all_time], saved, quoted)
    found = Reply(
        {name: column[0].item() for name, column in totals.items()},
        _buckets("daily", reply.daily, saved, quoted),
        None if reply.hourly is UNSET else _buckets("hourly", reply.hourly, saved, quoted),
    )
    _check_keys(body, found, quoted)
    return found


def _check_keys(body: Body, reply: Reply, quoted: Quoted) -> None:
    """Refuse a key that an object has twice: of the two values, msgspec keeps the last one only.

    A second key brings more quotes than the reply that was read accounts for. Counting them takes a
    hundredth of the time of decoding, so only documents with more quotes are read once again.
    """
    encoded = body.encode() if isinstance(body, str) else body
    quotes = np.count_nonzero(np.frombuffer(encoded, dtype=np.uint8) == ord('"'))
    # Keys and texts of each row: its measures, of which the duration is a text, date and hour.
    strings = 1 + len(reply.all_time) + 1 if reply.all_time else 0
    strings += 1 + len(reply.daily.time) * (len(reply.daily.columns) + 3)
    if reply.hourly is not None:
        strings += 1 + len(reply.hourly.time) * (len(reply.hourly.columns) + 4)
    if quotes == 2 * strings:
        return

    def check(pairs: list[tuple[str, object]]) -> None:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                name = quoted(key)[:80]
                raise ResponseError(f"{name}: expected this key once in each object, got it twice")
            seen.add(key)

    try:
        json.loads(encoded, object_pairs_hook=check, parse_int=bool, parse_float=bool)
    except RecursionError:
        raise ResponseError("reply: expected three levels of JSON, got very many") from None


def encode(reply: Reply) -> bytes:
    """Encode a reply as the vendor's JSON; `decode` with `stored` reads it back unchanged."""
    totals = {name: np.array([value]) for name, value in reply.all_time.items()}
    document: dict[str, Any] = {"allTime": _rows(totals)[0]} if totals else {}
    document["daily"] = _rows(reply.daily.columns, _dates(reply.daily))
    if reply.hourly is not None:
        hours = (reply.hourly.time // HOUR % 24).tolist()
        document["hourly"] = _rows(reply.hourly.columns, _dates(reply.hourly), {"hour": hours})
    return msgspec.json.encode(document)


def _measures(
    path: str, rows: Sequence[_Statistics], saved: bool, quoted: Quoted
) -> dict[str, NDArray[Any]]:
    columns: dict[str, NDArray[Any]] = {}
    for name, word in MEASURES.items():
        values = list(map(attrgetter(name), rows))
        if name in _ADDED and UNSET in values:
            if saved and set(values) == {UNSET}:
                continue
            place = "" if path == "allTime" else f"[{values.index(UNSET)}]"
            others = ", though other rows have it" if saved else ""
            raise ResponseError(f"{path}{place}.{word}: missing{others}")
        if name == "duration":
            columns[name] = _durations(path, values, quoted)
        else:
            kind = np.float64 if name == "billed_minutes" else np.int64
            columns[name] = np.array(values, dtype=kind)
        check_total(f"{path}.{word}", columns[name])
    return columns


def check_total(path: str, values: NDArray[Any]) -> None:
    """Check that the sum of a column fits into 64 bits, as its rows do.

    Raises
    ------
    ResponseError
        The sum does not fit; added as integers, such rows would give a negative total.
    """
    if values.dtype.kind == "f":
        fits = values.sum() <= MOST_MINUTES
    else:
        fits = int(values.max(initial=0)) * len(values) < 2**63 or sum(values.tolist()) < 2**63
    if not fits:
        raise ResponseError(f"{path}: expected rows whose sum 64 bits hold, got a larger sum")


def _durations(path: str, texts: Sequence[str], quoted: Quoted) -> NDArray[np.int64]:
    try:
        return read_microseconds(texts, quoted)
    except ResponseError as error:
        place, _, what = str(error).partition(": ")
        place = "" if path == "allTime" else place
        raise ResponseError(f"{path}{place}.duration: {what}") from None


def _buckets(path: str, rows: Sequence[_DailyRow], saved: bool, quoted: Quoted) -> Buckets:
    time = np.array([row.date.toordinal() - _EPOCH for row in rows], dtype=np.int64) * DAY
    if rows and isinstance(rows[0], _HourlyRow):
        time += np.array(list(map(attrgetter("hour"), rows)), dtype=np.int64) * HOUR
    return Buckets(time, _measures(path, rows, saved, quoted))


_EXPECTED = re.compile(
    r"Expected `(?P<kind>[^`]+)`(?: (?P<bound>[<>]=? \S+))?(?:, got `(?P<got>\w+)`)?"
)
_MISSING = re.compile(r"Object missing required field `(?P<field>\w+)`")


def _explain(message: str, body: Body, quoted: Quoted) -> str:
    """Return msgspec's message in this package's words: the path first, then the value."""
    what, _, path = message.partition(" - at `$")
    path = path.rstrip("`").removeprefix(".")
    if missing := _MISSING.match(what):
        return ".".join(filter(None, [path, missing["field"]])) + ": missing"
    expected = _EXPECTED.match(what)
    if expected and expected["got"]:
        return f"{path or 'reply'}: expected {expected['kind']}, got {expected['got']}"
    kind = f"{expected['kind']} {expected['bound']}" if expected else "a date YYYY-MM-DD"
    if "range" in what:
        kind = "a number that 64 bits hold"
    value = _value_at(path, body)
    came = "another value" if value is None else f"{quoted(value)[:80]!r}"
    return f"{path}: expected {kind}, got {came}"


def _value_at(path: str, body: Body) -> str | None:
    """Return the text of a value; None if it would take too much memory or has no clear path."""
    field, *way = re.findall(r"\w+", path)
    try:
        part = msgspec.json.decode(body, type=dict[str, msgspec.Raw])[field]
        if len(part) > _EXPLAINED:
            return None
        value: Any = json.loads(bytes(part), parse_int=str, parse_float=str)
        for step in way:
            value = value[int(step) if isinstance(value, list) else step]
    except (msgspec.DecodeError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return str(value)


def _dates(buckets: Buckets) -> dict[str, list[Any]]:
    return {"date": (buckets.time // DAY).astype("M8[D]").astype(str).tolist()}


def _rows(columns: dict[str, NDArray[Any]], *more: dict[str, list[Any]]) -> list[dict[str, Any]]:
    lists: dict[str, list[Any]] = {MEASURES[name]: v.tolist() for name, v in columns.items()}
    lists["duration"] = [wire_seconds(value) for value in lists["duration"]]
    for extra in more:
        lists |= extra
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


#: A reply with the requested buckets only.
CheckedReply = NewType("CheckedReply", Reply)

_DOCTOR = "`usage-analysis doctor` says what this account does"


def check_reply(reply: Reply, query: UsageQuery, as_of: datetime) -> CheckedReply:
    """Check that the buckets of a reply match its query, and return the reply.

    Parameters
    ----------
    query
        Query that this reply answers.
    as_of
        When the reply was made, with its zone.

    Raises
    ------
    ResponseError
        Two rows of one bucket, or calls of a day or hour that was not requested. The message starts
        with the row's path.
    """
    window, stop = window_of(query) or (0, 0), microseconds(as_of)
    _check_rows("daily", reply.daily, DAY, window, stop)
    if reply.hourly is not None:
        _check_rows("hourly", reply.hourly, HOUR, window, stop)
        _check_hours(reply.hourly, query)
    return CheckedReply(reply)


def window_of(query: UsageQuery) -> tuple[int, int] | None:
    """Return the first instant of a query's window and the first one after it [us, UTC]."""
    if query.start is None or query.end is None:
        return None
    return microseconds(query.start), microseconds(query.end)


def hours_of_day(query: UsageQuery, *, closed: bool = False) -> NDArray[np.bool_]:
    """Return the UTC hours of the day that a time-of-day filter lets through, shape (24,).

    Parameters
    ----------
    closed
        Include the hour that begins where the time of day ends: the vendor does not say whether the
        end is inclusive.
    """
    low, high = (
        None if t is None else t.hour * HOUR + t.minute * 60_000_000 + t.second * 1_000_000
        for t in (_clock(query.time_of_day_start), _clock(query.time_of_day_end))
    )
    hours = np.arange(24) * HOUR
    after = hours + HOUR > (low or 0)
    before = hours < (DAY if high is None else max(high, 1) + closed)
    return after | before if query.spans_midnight else after & before


def _clock(value: object) -> time | None:
    return value if isinstance(value, time) else None


def _check_rows(path: str, rows: Buckets, step: int, window: tuple[int, int], stop: int) -> None:
    order = np.argsort(rows.time, kind="stable")
    again = np.flatnonzero(np.diff(rows.time[order]) == 0)
    if len(again):
        place = int(order[again[0] + 1])
        raise ResponseError(f"{path}[{place}]: a second row for {_name(rows.time[place], step)}")
    low, high = window
    outside = (rows.time < low // step * step) | (rows.time >= high)
    for where, expected, why in (
        (outside, "a bucket of the window", f"; the server ignored the dates: {_DOCTOR}"),
        (rows.time > stop, "none after the reply's own date", ""),
    ):
        if (first := _first(rows, where)) is not None:
            got = f"got calls of {_name(rows.time[first], step)}{why}"
            raise ResponseError(f"{path}[{first}].date: expected {expected}, {got}")


def _check_hours(rows: Buckets, query: UsageQuery) -> None:
    asked = hours_of_day(query, closed=True)
    if asked.all() or (place := _first(rows, ~asked[rows.time // HOUR % 24])) is None:
        return
    start, end = _clock(query.time_of_day_start) or time.min, _clock(query.time_of_day_end)
    until = "24:00" if end is None else f"{end:%H:%M}"
    got = _name(rows.time[place], HOUR)
    raise error_of(ResponseError, "other_hours", place=place, start=start, until=until, got=got)


def _first(rows: Buckets, where: NDArray[np.bool_]) -> int | None:
    """Return the place of the first of these rows that has calls."""
    places = np.flatnonzero(where & (rows.columns["total_count"] > 0))
    return int(places[0]) if len(places) else None


def _name(time: np.int64, step: int) -> str:
    form = "%Y-%m-%d %H:00 UTC" if step == HOUR else "%Y-%m-%d"
    return f"{instant_of(time):{form}}"
