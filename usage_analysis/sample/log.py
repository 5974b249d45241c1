"""Convert a user's call log to the columns that the endpoint counts."""

import warnings
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.errors import QueryError, refusal
from usage_analysis.fetch.base import AccountNames
from usage_analysis.fetch.client import Client
from usage_analysis.sample import columns
from usage_analysis.sample.account import KEY
from usage_analysis.sample.endpoint import Endpoint, SampleTransport
from usage_analysis.sample.identifiers import identifier
from usage_analysis.sample.reply import Calls, Labels
from usage_analysis.tidy.frames import LAG
from usage_analysis.tidy.zones import DAY, microseconds

# A metadata key with more values than this, such as a phone number, is not offered as a grouping.
_MANY = 200
_COLUMNS = (
    *("created", "duration", "ended", "joined", "error", "billed_minutes"),
    *("agent", "voice", "metadata", "summary"),
)
#: Optional columns, and the field of a reply that is absent without them.
_FIELDS = {"error": "errorCount", "billed_minutes": "billedMinutes"}


def from_calls(frame: pd.DataFrame, *, now: datetime | None = None) -> Client:
    """Return a client of your own call log, a DataFrame of calls.

    All filters work, without a network.

    Parameters
    ----------
    frame
        One row per call. Required columns:

        - `created`: datetime with a time zone, or ISO 8601 text with an offset;
        - `duration`: timedelta, seconds or the vendor's text; or `ended`, in the form of `created`.

        Optional columns:

        - `joined`: whether somebody joined, or when; an empty cell means nobody. Without the
          column, calls with talk count as joined.
        - `error`: true or false; an empty cell means false. Without the column, errors are not
          known: usage has no `error_count`, and helpers that need it say so.
        - `billed_minutes`: a multiple of 0.1. Without the column, usage has no `billed_minutes` and
          no cost.
        - `agent` and `voice`: names or UUIDs, see `identifier`.
        - `metadata`: dict; or one column `metadata.<key>` per key. Values are compared in the form
          that JSON gives them.
        - `summary`: text for the filter `search`.

        True and false may be 1 and 0. Other columns are left aside, with one warning that names
        them. If all calls are created at midnight of their own time zone, the log has dates only:
        usage then has one row per date, and `hourly`, `timezone` and times of day are refused.
        Without `from_date`, usage begins with the first call.
    now
        Time of the export, with a time zone; the hours just before are provisional. Without `now`,
        the log with its bills is complete to the end of the UTC day of the last call's end.

    Raises
    ------
    QueryError
        A column is missing or has an unreadable value, and the message starts with the column's
        name; or a call ends after `now`.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"created": [pd.Timestamp("2026-03-01 09:30", tz="UTC")],
    ...                     "duration": [61], "agent": ["Front desk"], "billed_minutes": [1.1]})
    >>> usage = from_calls(log).call_usage(agent_ids=[identifier("Front desk")])
    >>> usage.daily["billed_minutes"].sum().item()
    1.1
    """
    calls, names, lacking = read_log(frame)
    if not len(calls) and now is None:
        raise QueryError("frame: expected calls, got none; pass now= for a log without calls")
    until = None
    if now is None:
        until = -(-int((calls.created + calls.duration).max()) // DAY) * DAY
        clock = until + LAG
    elif not isinstance(now, datetime) or now.tzinfo is None:
        raise QueryError(f"now: expected a datetime with a time zone, got {now!r}")
    else:
        clock = microseconds(now)
    if late := np.count_nonzero(calls.created + calls.duration > clock):
        raise refusal("early_now", now=now, late=late, all=len(calls))
    since = int(calls.created[0]) if len(calls) else None
    endpoint = Endpoint(
        lambda: calls, now=clock, until=until, since=since, source="file", lacking=lacking
    )
    return Client(api_key=KEY, transport=SampleTransport(endpoint, names=names))


class Log(NamedTuple):
    """The calls of a log and the names in it."""

    calls: Calls
    names: AccountNames
    #: Fields of a reply that the log does not know.
    lacking: tuple[str, ...]


def read_log(frame: pd.DataFrame) -> Log:
    """Read a DataFrame with one row per call and the columns of `from_calls`.

    Raises
    ------
    QueryError
        A column is missing or has an unreadable value; the message starts with its name.
    """
    if not isinstance(frame, pd.DataFrame):
        raise QueryError(f"frame: expected a DataFrame of calls, got {type(frame).__name__}")
    created = columns.read_times(columns.get_column(frame, "created"))
    if (created == columns.MISSING).any():
        missing = np.count_nonzero(created == columns.MISSING)
        raise QueryError(f"created: expected a time for each call, got {missing} empty cells")
    duration, joined = _talk(frame, created)
    created, dated = _dates(frame, created)
    error = (
        columns.read_flags(columns.get_column(frame, "error"))
        if "error" in frame
        else np.zeros_like(joined)
    )
    duration = np.where(joined, duration, 0)
    agents, voices = _labels(frame, "agent"), _labels(frame, "voice")
    metadata = _metadata(frame)
    # Sorted only here, so that error messages count the rows as in the user's frame.
    order = np.argsort(created, kind="stable")

    def sort(labels: Labels) -> Labels:
        return Labels(labels.codes[order], labels.values)

    calls = Calls(
        created=created[order],
        duration=duration[order],
        billed=_billed_minutes(frame)[order],
        joined=joined[order],
        error=error[order],
        agent=sort(_with_ids(agents)),
        voice=sort(_with_ids(voices)),
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
        _lacking(frame, dated=dated),
    )


def _dates(frame: pd.DataFrame, created: NDArray[np.int64]) -> tuple[NDArray[np.int64], bool]:
    """Return when the calls of a log were created, and True if the log tells their dates only.

    Times that are all midnight of their own clock are dates. Each is counted as the UTC day of that
    date: midnight in Berlin would else lie in the UTC day before.
    """
    # No offset is a fraction of a quarter of an hour.
    if len(created) and not np.any(created % (DAY // 96)):
        clock = columns.read_clock(columns.get_column(frame, "created"))
        if not np.any(clock % DAY):
            return clock, True
    return created, False


def _lacking(frame: pd.DataFrame, *, dated: bool) -> tuple[str, ...]:
    """Return the fields of a reply that a log does not know, and warn of columns it is not read by.

    Raises
    ------
    UserWarning
        Once, with the names of all columns that are not understood.
    """
    odd = [
        str(name)
        for name in frame.columns
        if name not in _COLUMNS and not str(name).startswith("metadata.")
    ]
    if odd:
        warnings.warn(
            f"from_calls: columns that are not understood and left aside: {', '.join(odd)}; "
            f"understood are {', '.join(_COLUMNS)} and metadata.<key>",
            UserWarning,
            stacklevel=4,
        )
    lacking = [field for name, field in _FIELDS.items() if name not in frame]
    return (*lacking, "hourly") if dated else tuple(lacking)


def _talk(
    frame: pd.DataFrame, created: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the talk of each call [us], and whether somebody joined it."""
    start = created
    joined = None
    if "joined" in frame:
        column = columns.get_column(frame, "joined")
        if columns.has_flags(column):
            joined = columns.read_flags(column)
        else:
            start = columns.read_times(column)
            joined = start != columns.MISSING
    if "duration" in frame:
        duration = columns.read_durations(columns.get_column(frame, "duration"))
    elif "ended" in frame:
        ended = columns.read_times(columns.get_column(frame, "ended"))
        names = ended != columns.MISSING if joined is None else joined & (ended != columns.MISSING)
        duration = np.where(names, ended - np.where(names, start, 0), 0)
    else:
        raise QueryError(f"duration: expected this column or 'ended', got {list(frame.columns)}")
    if (duration < 0).any():
        negative = np.count_nonzero(duration < 0)
        raise QueryError(f"duration: expected 0 or more, got {negative} negative durations")
    if (duration >= columns.TOO_LONG).any():
        raise QueryError("duration: expected less than 1,000,000,000 s")
    return duration, duration > 0 if joined is None else joined


def _billed_minutes(frame: pd.DataFrame) -> NDArray[np.int32]:
    """Return the billed time from the log; zeros, which no reply shows, without it [1/10 min]."""
    if "billed_minutes" not in frame:
        return np.zeros(len(frame), dtype=np.int32)
    column = columns.get_column(frame, "billed_minutes")
    minutes = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    tenths = np.where(np.isfinite(minutes), 10 * minutes, -1)
    wrong = (tenths < 0) | (tenths >= 2**31) | (np.abs(tenths - np.rint(tenths)) > 1e-6)
    if wrong.any():
        row = int(wrong.argmax())
        raise refusal("no_tenths", got=column.iloc[row], row=row)
    return np.rint(tenths).astype(np.int32)


def _labels(frame: pd.DataFrame, name: str) -> Labels:
    if name not in frame:
        return Labels(np.full(len(frame), -1, dtype=np.int32), ())
    return columns.read_texts(columns.get_column(frame, name))


def _with_ids(labels: Labels) -> Labels:
    return Labels(labels.codes, tuple(map(identifier, labels.values)))


def _largest_first(labels: Labels) -> tuple[str, ...]:
    """Return the texts that are not blank, most frequent first."""
    names = labels.values  # noqa: PD011 - no pandas
    counts = np.bincount(labels.codes[labels.codes >= 0], minlength=len(names))
    order = np.argsort(-counts, kind="stable").tolist()
    return tuple(names[code] for code in order if names[code].strip())


def _metadata(frame: pd.DataFrame) -> dict[str, Labels]:
    """Return the labels of each key, from dicts in `metadata` and columns `metadata.<key>`."""
    found: dict[str, Labels] = {}
    if "metadata" in frame:
        cells = columns.get_column(frame, "metadata").tolist()
        rows = [
            cell if isinstance(cell, Mapping) or not columns.is_missing(cell) else {}
            for cell in cells
        ]
        if wrong := [row for row in rows if not isinstance(row, Mapping)]:
            raise QueryError(f"metadata: expected a dict or an empty cell, got {wrong[0]!r}")
        for key in dict.fromkeys(key for row in rows for key in row):
            found[str(key)] = columns.read_texts([row.get(key) for row in rows])
    for name in frame.columns:
        if str(name).startswith("metadata."):
            found[str(name).removeprefix("metadata.")] = _labels(frame, name)
    return found
