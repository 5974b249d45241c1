"""Files of usage: the vendor's JSON with its query and date, or the vendor's JSON alone.

A file of one series is ``{"format": 1, "query", "as_of", "source", "reply"}``, one of a breakdown
``{"format": 2, "query", "as_of", "source", "name", "parts": [{"group", "query", "reply"}]}``. The
replies are in the vendor's form, so one decoder reads both.
"""

import codecs
import os
import secrets
import stat
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, cast

import msgspec
import numpy as np
import pandas as pd
from msgspec import UNSET

from usage_analysis.errors import TEXTS, QueryError, ResponseError, error_of
from usage_analysis.query import Filters, UsageQuery
from usage_analysis.tidy import wire
from usage_analysis.tidy.frames import Source, group_column
from usage_analysis.tidy.wire import CheckedReply, check_reply
from usage_analysis.tidy.zones import TICK, row_times

if TYPE_CHECKING:
    from usage_analysis.tidy.usage import CallUsage

_SINGLE, _GROUPED = 1, 2


class _Version(msgspec.Struct):
    format: Any = UNSET  # a bare reply has none


class _File(msgspec.Struct, tag_field="format", tag=_SINGLE):
    query: dict[str, Any] | None
    as_of: Annotated[datetime, msgspec.Meta(tz=True)]
    source: Source
    reply: msgspec.Raw


class _Part(msgspec.Struct):
    group: str
    query: dict[str, Any]
    reply: msgspec.Raw


class _GroupedFile(msgspec.Struct, tag_field="format", tag=_GROUPED):
    query: dict[str, Any]
    as_of: Annotated[datetime, msgspec.Meta(tz=True)]
    source: Source
    name: str
    parts: Annotated[list[_Part], msgspec.Meta(min_length=1)]
    overlapping: bool | None = None


def save(usage: "CallUsage", path: str | os.PathLike[str]) -> Path:
    """Write usage to a file and return its path; see `CallUsage.save`."""
    replace_file(target_of(path), encode(usage))
    return Path(path)


def encode(usage: "CallUsage") -> bytes:
    """Return the content of the file that `save` writes."""
    return msgspec.json.encode(_document(usage))


def replace_file(target: Path, body: bytes) -> None:
    """Write a file under a temporary name and move it into place, so it is never incomplete."""
    beside = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with beside.open("xb") as file:
            if target.exists():
                beside.chmod(stat.S_IMODE(target.stat().st_mode))
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def target_of(path: str | os.PathLike[str]) -> Path:
    """Return the path of the file that `save` writes: the target of a link.

    Raises
    ------
    QueryError
        The folder does not exist, or the path is a folder.
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir() or target.is_dir():
        raise QueryError(f"path: expected a file in an existing folder, got {str(path)!r}")
    return target


def to_utf8(body: bytes) -> bytes:
    """Return a text of a file in UTF-8 without a byte order mark; UTF-16 is known by its mark."""
    if body[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return body.decode("utf-16").encode()
    return body.removeprefix(codecs.BOM_UTF8)


def unwrap(body: bytes) -> bytes:
    """Return a reply without its encoding and without the list around it that some tools write."""
    body = to_utf8(body)
    if body.lstrip()[:1] == b"[":
        with suppress(msgspec.MsgspecError, ValueError):
            (one,) = msgspec.json.decode(body, type=list[msgspec.Raw])
            return bytes(one)
    return body


def identify(body: bytes) -> str | None:
    """Return a message for a document that is no reply but known, or None."""
    known = [words for key, words in TEXTS["documents"].items() if f'"{key}"'.encode() in body]
    if not known or b'"totalCount"' in body:
        return None
    return f"reply: expected usage of calls, got {known[0]}"


class SavedUsage(NamedTuple):
    """Content of a file: one reply under the name ``""``, or one per group of a breakdown."""

    query: UsageQuery
    as_of: datetime
    source: Source
    #: Name of the group column; None for a single series.
    name: str | None
    parts: dict[str, tuple[UsageQuery, CheckedReply]]
    #: Whether groups can share calls; None in a file that does not say so.
    overlapping: bool | None = None


def decode(body: bytes) -> SavedUsage | None:
    """Return the content of a file that `save` wrote; None for a bare reply.

    Raises
    ------
    ResponseError
        The message starts with the path of the wrong field.
    """
    version: Any = UNSET
    with suppress(msgspec.DecodeError, RecursionError, UnicodeError):
        version = msgspec.json.decode(body, type=_Version).format
    if version is UNSET:
        return None
    if type(version) is not int or version not in (_SINGLE, _GROUPED):
        newer = type(version) is int and version > _GROUPED
        raise error_of(ResponseError, "newer_file" if newer else "other_file", got=version)
    try:
        file = msgspec.json.decode(body, type=_File | _GroupedFile)
    except msgspec.ValidationError as error:
        what, _, field = str(error).partition(" - at `$.")
        raise ResponseError(f"{field.rstrip('`') or 'file'}: {what}") from None
    if isinstance(file, _File):
        query, reply = _reply_of(file.reply, file.query or {}, file.as_of)
        return SavedUsage(query, file.as_of, file.source, None, {"": (query, reply)})
    parts: dict[str, tuple[UsageQuery, CheckedReply]] = {}
    for place, part in enumerate(file.parts):
        if part.group in parts:
            raise error_of(ResponseError, "group_twice", place=place, got=part.group)
        parts[part.group] = _reply_of(part.reply, part.query, file.as_of)
    query = UsageQuery.from_filters(cast("Filters", file.query))
    return SavedUsage(query, file.as_of, file.source, file.name, parts, file.overlapping)


def _document(usage: "CallUsage") -> _File | _GroupedFile:
    query = None if usage.query is None else usage.query.as_dict()
    as_of = usage.as_of.to_pydatetime()
    if usage.groups is None:
        hourly = vars(usage).get("hourly")  # a reply of before 2026-03 has none
        totals = {} if usage.all_time is None else _plain(usage.all_time)
        return _File(query, as_of, usage.source, _reply(totals, usage.daily, hourly))
    name = str(group_column(usage.daily))
    days, hours = (dict([*frame.groupby(name)]) for frame in (usage.daily, usage.hourly))
    none = usage.daily[:0], usage.hourly[:0]
    parts = [
        _Part(group, own.as_dict(), _reply({}, days.get(group, none[0]), hours.get(group, none[1])))
        for group, own in usage.groups.items()
    ]
    overlapping = bool(usage.daily.attrs.get("overlapping", False))
    return _GroupedFile(query or {}, as_of, usage.source, name, parts, overlapping)


def _reply(
    totals: dict[str, int | float], daily: pd.DataFrame, hourly: pd.DataFrame | None
) -> msgspec.Raw:
    hours = None if hourly is None else _buckets(hourly)
    return msgspec.Raw(wire.encode(wire.Reply(totals, _buckets(daily), hours)))


def _plain(all_time: pd.Series) -> dict[str, int | float]:
    return {str(k): v // TICK if isinstance(v, timedelta) else v for k, v in all_time.items()}


def _buckets(frame: pd.DataFrame) -> wire.Buckets:
    columns = {name: frame[name].to_numpy() for name in wire.MEASURES if name in frame}
    columns["duration"] = columns["duration"].astype("m8[us]").view(np.int64)
    return wire.Buckets(row_times(frame), columns)


def _reply_of(
    reply: msgspec.Raw, filters: dict[str, Any], as_of: datetime
) -> tuple[UsageQuery, CheckedReply]:
    query = UsageQuery.from_filters(cast("Filters", filters))
    return query, check_reply(wire.decode(bytes(reply), stored=True), query, as_of)
