"""A user's own call log becomes the columns that the endpoint counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.errors import QueryError, ResponseError
from usage_analysis.sample import identifier
from usage_analysis.sample.calls import SECOND, Calls, Labels, billed_tenths
from usage_analysis.tidy.durations import parse_durations

_MISSING = np.iinfo(np.int64).min
_TOO_LONG = 10**9 * SECOND


def from_frame(frame: pd.DataFrame) -> Calls:
    """Calls of a DataFrame with one row a call; the columns are those of `from_calls`.

    Raises
    ------
    QueryError
        A column is missing or holds what cannot be read; the message starts with its name.
    """
    if not isinstance(frame, pd.DataFrame):
        raise QueryError(f"frame: expected a DataFrame of calls, got {type(frame).__name__}")
    created = _instants(frame, "created")
    if (created == _MISSING).any():
        raise QueryError(f"created: {np.count_nonzero(created == _MISSING)} calls have none")
    duration, joined = _talk(frame, created)
    error = _flags(frame, "error")
    duration = np.where(joined, duration, 0)
    # Only now, so that messages count the rows as the user does.
    order = np.argsort(created, kind="stable")

    def sort(labels: Labels) -> Labels:
        return Labels(labels.codes[order], labels.values)

    return Calls(
        created=created[order],
        duration=duration[order],
        billed=billed_tenths(duration, error)[order],
        joined=joined[order],
        error=error[order],
        agent=sort(_labels(frame, "agent", identifier)),
        voice=sort(_labels(frame, "voice", identifier)),
        summary=sort(_labels(frame, "summary")),
        metadata={key: sort(labels) for key, labels in _metadata(frame).items()},
    )


def _talk(
    frame: pd.DataFrame, created: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Talk [us] and whether anybody joined: `joined` says when, or whether, or is left out."""
    start = created
    joined = None
    if "joined" in frame:
        if isinstance(frame["joined"].dtype, pd.DatetimeTZDtype):
            start = _instants(frame, "joined")
            joined = start != _MISSING
        else:
            joined = _flags(frame, "joined")
    if "duration" in frame:
        duration = _durations(frame["duration"])
    elif "ended" in frame:
        ended = _instants(frame, "ended")
        known = ended != _MISSING if joined is None else joined & (ended != _MISSING)
        duration = np.where(known, ended - np.where(known, start, 0), 0)
    else:
        raise QueryError(f"duration: expected it or 'ended', got columns {list(frame.columns)}")
    if (duration < 0).any():
        raise QueryError(f"duration: {np.count_nonzero(duration < 0)} calls end before they begin")
    if (duration >= _TOO_LONG).any():
        raise QueryError("duration: expected less than a thousand million seconds")
    return duration, duration > 0 if joined is None else joined


def _instants(frame: pd.DataFrame, name: str) -> NDArray[np.int64]:
    """Microseconds since 1970, UTC; the smallest integer where there is none."""
    if name not in frame:
        raise QueryError(f"{name}: expected this column, got {list(frame.columns)}")
    kind = frame[name].dtype
    if not isinstance(kind, pd.DatetimeTZDtype):
        raise QueryError(f"{name}: expected datetimes with a time zone, got {kind}")
    instants = pd.DatetimeIndex(frame[name]).as_unit("us").tz_convert("UTC")
    return np.asarray(instants.asi8, dtype=np.int64)


def _durations(column: pd.Series) -> NDArray[np.int64]:
    """Microseconds of timedeltas, of seconds or of the vendor's text; none is zero."""
    if pd.api.types.is_timedelta64_dtype(column.dtype):
        known = column.fillna(pd.Timedelta(0)).dt.as_unit("us")
        return np.asarray(known.to_numpy(), dtype=np.int64)
    if pd.api.types.is_numeric_dtype(column.dtype):
        seconds = column.fillna(0).to_numpy(dtype=np.float64)
        if not (np.abs(seconds) < _TOO_LONG / SECOND).all():
            raise QueryError("duration: expected less than a thousand million seconds")
        return np.asarray(np.rint(seconds * 1e6), dtype=np.int64)
    try:
        return np.asarray(parse_durations(column.fillna("0s")).to_numpy(), dtype=np.int64)
    except ResponseError as error:
        raise QueryError(f"duration{error}") from None


def _flags(frame: pd.DataFrame, name: str) -> NDArray[np.bool_]:
    if name not in frame:
        return np.zeros(len(frame), dtype=np.bool_)
    values = frame[name].tolist()
    if wrong := [value for value in values if not isinstance(value, bool)]:
        raise QueryError(f"{name}: expected true or false, got {wrong[0]!r}")
    return np.array(values, dtype=np.bool_)


def _labels(frame: pd.DataFrame, name: str, spell: Callable[[str], str] = str) -> Labels:
    if name not in frame:
        return Labels(np.full(len(frame), -1, dtype=np.int32), ())
    return _coded(frame[name].tolist(), spell)


def _coded(values: list[Any], spell: Callable[[str], str] = str) -> Labels:
    texts = np.array([None if _absent(value) else str(value) for value in values], dtype=object)
    codes, distinct = pd.factorize(texts)
    return Labels(codes.astype(np.int32), tuple(map(spell, distinct)))


def _absent(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or value != value


def _metadata(frame: pd.DataFrame) -> dict[str, Labels]:
    """Labels by key, from dicts in `metadata` and from columns `metadata.<key>`."""
    found: dict[str, Labels] = {}
    if "metadata" in frame:
        rows = [{} if _absent(row) else row for row in frame["metadata"].tolist()]
        if wrong := [row for row in rows if not isinstance(row, Mapping)]:
            raise QueryError(f"metadata: expected a dict or nothing, got {wrong[0]!r}")
        for key in dict.fromkeys(key for row in rows for key in row):
            found[str(key)] = _coded([row.get(key) for row in rows])
    for name in frame.columns:
        if str(name).startswith("metadata."):
            found[str(name).removeprefix("metadata.")] = _labels(frame, name)
    return found
