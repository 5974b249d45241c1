"""Codec of the vendor's JSON: bytes to columns and back, with every field checked.

The schema grew: `billedMinutes` came in 2025-09, `errorCount` and `hourly` in 2026-03. A live reply
has all of them; a saved one may lack the later ones, in every row alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

from usage_analysis.errors import ResponseError
from usage_analysis.query import wire_seconds
from usage_analysis.tidy.durations import Quoted, read_microseconds
from usage_analysis.tidy.zones import DAY, HOUR

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
    error_count: Count
    joined_count: Count
    duration: str
    billed_minutes: Minutes


class _DailyRow(_Statistics, gc=False, kw_only=True):
    date: date


class _HourlyRow(_DailyRow, gc=False, kw_only=True):
    hour: Hour


class _Live(msgspec.Struct, kw_only=True):
    all_time: _Statistics = msgspec.field(name="allTime")
    daily: list[_DailyRow]
    hourly: list[_HourlyRow]


class _SavedStatistics(msgspec.Struct, rename=MEASURES, gc=False, kw_only=True):
    total_count: Count
    joined_count: Count
    duration: str
    error_count: Count | UnsetType = UNSET
    billed_minutes: Minutes | UnsetType = UNSET


class _SavedDailyRow(_SavedStatistics, gc=False, kw_only=True):
    date: date


class _SavedHourlyRow(_SavedDailyRow, gc=False, kw_only=True):
    hour: Hour


class _Saved(msgspec.Struct, kw_only=True):
    all_time: _SavedStatistics = msgspec.field(name="allTime")
    daily: list[_SavedDailyRow]
    hourly: list[_SavedHourlyRow] | UnsetType = UNSET


class _Stored(_Saved, kw_only=True):
    all_time: _SavedStatistics | UnsetType = msgspec.field(name="allTime", default=UNSET)  # type: ignore[assignment]  # a wider field than that of `_Saved`


class _Parts(msgspec.Struct):
    """Undecoded parts of a reply, for error messages."""

    allTime: msgspec.Raw = msgspec.Raw()  # noqa: N815  # looked up by the vendor's name
    daily: msgspec.Raw = msgspec.Raw()
    hourly: msgspec.Raw = msgspec.Raw()


_LIVE = msgspec.json.Decoder(_Live)
_SAVED = msgspec.json.Decoder(_Saved)
_STORED = msgspec.json.Decoder(_Stored)
_EXPLAINED = 2**20  # bytes of the part that an error quotes a value of
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Buckets:
    """Rows of one grain as columns: `time` is the start of each bucket [us since 1970, UTC]."""

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
    """JSON that stops before its end; another request may bring the whole."""


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
    decoder: msgspec.json.Decoder[Any] = _STORED if stored else _SAVED if saved else _LIVE
    try:
        if not isinstance(body, str) and not body.isascii():
            body.decode("utf-8")
        reply: _Live | _Saved | _Stored = decoder.decode(body)
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
    known = [] if isinstance(reply.all_time, UnsetType) else [reply.all_time]
    totals = _columns("allTime", known, quoted) if known else {}
    found = Reply(
        {name: column[0].item() for name, column in totals.items()},
        _buckets("daily", reply.daily, quoted),
        None if isinstance(reply.hourly, UnsetType) else _buckets("hourly", reply.hourly, quoted),
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


# A comprehension with the attribute's name in it takes half the time of attrgetter.
_READ: dict[str, Callable[[Sequence[Any]], list[Any]]] = {
    "total_count": lambda rows: [row.total_count for row in rows],
    "error_count": lambda rows: [row.error_count for row in rows],
    "joined_count": lambda rows: [row.joined_count for row in rows],
    "duration": lambda rows: [row.duration for row in rows],
    "billed_minutes": lambda rows: [row.billed_minutes for row in rows],
}


def _columns(
    path: str, rows: Sequence[_Statistics | _SavedStatistics], quoted: Quoted
) -> dict[str, NDArray[Any]]:
    columns: dict[str, NDArray[Any]] = {}
    for name, word in MEASURES.items():
        values = _READ[name](rows)
        if rows and isinstance(rows[0], _SavedStatistics) and UNSET in values:
            present = [value is not UNSET for value in values]
            if any(present):
                place = f"{path}[{present.index(False)}].{word}"
                raise ResponseError(f"{place}: missing, though other rows have it")
        elif name == "duration":
            columns[name] = _durations(path, values, quoted)
        else:
            kind = np.float64 if name == "billed_minutes" else np.int64
            columns[name] = np.array(values, dtype=kind)
        if name in columns:
            check_total(f"{path}.{word}", columns[name])
    return columns


def check_total(path: str, values: NDArray[Any]) -> None:
    """Check that the sum of a column fits into 64 bits, as its rows do.

    Raises
    ------
    ResponseError
        It does not: added as integers, such rows would give a negative total.
    """
    if values.dtype.kind == "f":
        fits = values.sum() <= MOST_MINUTES
    else:
        fits = int(values.max(initial=0)) * len(values) < 2**63 or sum(values.tolist()) < 2**63
    if not fits:
        raise ResponseError(f"{path}: expected rows whose sum 64 bits hold, got a larger sum")


def _durations(path: str, texts: list[str], quoted: Quoted) -> NDArray[np.int64]:
    try:
        return read_microseconds(texts, quoted)
    except ResponseError as error:
        place, _, what = str(error).partition(": ")
        place = "" if path == "allTime" else place
        raise ResponseError(f"{path}{place}.duration: {what}") from None


def _buckets(path: str, rows: Sequence[_DailyRow | _SavedDailyRow], quoted: Quoted) -> Buckets:
    columns = _columns(path, rows, quoted)
    days = np.array([row.date.toordinal() for row in rows], dtype=np.int64) - _EPOCH
    time = days * DAY
    if rows and isinstance(rows[0], _HourlyRow | _SavedHourlyRow):
        time += np.array([row.hour for row in rows], dtype=np.int64) * HOUR  # type: ignore[union-attr]  # rows are of one kind
    return Buckets(time, columns)


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
        part = getattr(msgspec.json.decode(body, type=_Parts), field)
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
