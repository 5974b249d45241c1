"""A user's own call log becomes the columns that the endpoint counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.errors import QueryError
from usage_analysis.fetch.account import AccountNames
from usage_analysis.sample.calls import Calls, Labels, billed_tenths
from usage_analysis.sample.cells import (
    MISSING,
    TOO_LONG,
    absent,
    coded,
    column_of,
    durations,
    flags,
    instants,
    is_flags,
    texts,
)
from usage_analysis.sample.identifiers import identifier

# A key with more values than this, such as a caller's number, names no groups to choose from.
_MANY = 200


class Log(NamedTuple):
    """A call log, and the names in it."""

    calls: Calls
    listed: AccountNames


def from_frame(frame: pd.DataFrame) -> Log:
    """Calls of a DataFrame with one row a call; the columns are those of `from_calls`.

    Raises
    ------
    QueryError
        A column is missing or holds what cannot be read; the message starts with its name.
    """
    if not isinstance(frame, pd.DataFrame):
        raise QueryError(f"frame: expected a DataFrame of calls, got {type(frame).__name__}")
    created = instants(column_of(frame, "created"))
    if (created == MISSING).any():
        raise QueryError(f"created: {np.count_nonzero(created == MISSING)} calls have none")
    duration, joined = _talk(frame, created)
    error = flags(column_of(frame, "error")) if "error" in frame else np.zeros_like(joined)
    duration = np.where(joined, duration, 0)
    agents, voices = _labels(frame, "agent"), _labels(frame, "voice")
    metadata = _metadata(frame)
    # Only now, so that messages count the rows as the user does.
    order = np.argsort(created, kind="stable")

    def sort(labels: Labels) -> Labels:
        return Labels(labels.codes[order], labels.values)

    calls = Calls(
        created=created[order],
        duration=duration[order],
        billed=_billed(frame, duration, error)[order],
        joined=joined[order],
        error=error[order],
        agent=sort(_identified(agents)),
        voice=sort(_identified(voices)),
        summary=sort(_labels(frame, "summary")),
        metadata={key: sort(labels) for key, labels in metadata.items()},
    )
    return Log(
        calls,
        AccountNames(
            agents={name: identifier(name) for name in _largest_first(agents)},
            voices={name: identifier(name) for name in _largest_first(voices)},
            metadata={
                key: _largest_first(labels)
                for key, labels in metadata.items()
                if key and len(labels.values) <= _MANY
            },
        ),
    )


def _talk(
    frame: pd.DataFrame, created: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Talk [us] and whether anybody joined: `joined` says when, or whether, or is left out."""
    start = created
    joined = None
    if "joined" in frame:
        column = column_of(frame, "joined")
        if is_flags(column):
            joined = flags(column)
        else:
            start = instants(column)
            joined = start != MISSING
    if "duration" in frame:
        duration = durations(column_of(frame, "duration"))
    elif "ended" in frame:
        ended = instants(column_of(frame, "ended"))
        known = ended != MISSING if joined is None else joined & (ended != MISSING)
        duration = np.where(known, ended - np.where(known, start, 0), 0)
    else:
        raise QueryError(f"duration: expected it or 'ended', got columns {list(frame.columns)}")
    if (duration < 0).any():
        raise QueryError(f"duration: {np.count_nonzero(duration < 0)} calls end before they begin")
    if (duration >= TOO_LONG).any():
        raise QueryError("duration: expected less than a thousand million seconds")
    return duration, duration > 0 if joined is None else joined


def _billed(
    frame: pd.DataFrame, duration: NDArray[np.int64], error: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Billed tenths of a minute: the log's own, else by the vendor's rule."""
    if "billed_minutes" not in frame:
        return billed_tenths(duration, error)
    column = pd.to_numeric(column_of(frame, "billed_minutes"), errors="coerce")
    tenths: NDArray[np.float64] = 10 * column.to_numpy(dtype=np.float64, na_value=np.nan)
    fits = (tenths >= 0) & (tenths < 2**31)
    whole = np.rint(np.where(fits, tenths, 0))
    wrong = ~fits | (np.abs(np.where(fits, tenths, 0) - whole) > 1e-6)
    if wrong.any():
        raise QueryError(
            "billed_minutes: expected minutes to a tenth, from 0, got "
            f"{column_of(frame, 'billed_minutes').iloc[int(wrong.argmax())]!r} in row "
            f"{int(wrong.argmax())}"
        )
    billed: NDArray[np.int32] = whole.astype(np.int32)
    return billed


def _labels(frame: pd.DataFrame, name: str) -> Labels:
    if name not in frame:
        return Labels(np.full(len(frame), -1, dtype=np.int32), ())
    return texts(column_of(frame, name))


def _identified(labels: Labels) -> Labels:
    return Labels(labels.codes, tuple(map(identifier, labels.values)))


def _largest_first(labels: Labels) -> tuple[str, ...]:
    """The texts that are no blank, those of the most calls first."""
    known = labels.values  # noqa: PD011 - no pandas
    counts = np.bincount(labels.codes[labels.codes >= 0], minlength=len(known))
    order = np.argsort(-counts, kind="stable").tolist()
    return tuple(known[code] for code in order if known[code].strip())


def _metadata(frame: pd.DataFrame) -> dict[str, Labels]:
    """Labels by key, from dicts in `metadata` and from columns `metadata.<key>`."""
    found: dict[str, Labels] = {}
    if "metadata" in frame:
        cells = column_of(frame, "metadata").tolist()
        rows = [cell if isinstance(cell, Mapping) or not absent(cell) else {} for cell in cells]
        if wrong := [row for row in rows if not isinstance(row, Mapping)]:
            raise QueryError(f"metadata: expected a dict or nothing, got {wrong[0]!r}")
        for key in dict.fromkeys(key for row in rows for key in row):
            found[str(key)] = coded([row.get(key) for row in rows])
    for name in frame.columns:
        if str(name).startswith("metadata."):
            found[str(name).removeprefix("metadata.")] = _labels(frame, name)
    return found
