"""A list or log of calls as a client, whose answers are those of the endpoint."""

import os
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, tzinfo
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.errors import QueryError, refusal
from usage_analysis.fetch.base import AccountNames
from usage_analysis.fetch.client import Client
from usage_analysis.query import zone
from usage_analysis.sample.account import KEY
from usage_analysis.sample.endpoint import Endpoint
from usage_analysis.sample.reply import Calls, Labels, billed_tenths
from usage_analysis.tidy import tables
from usage_analysis.tidy.frames import LAG, Source
from usage_analysis.tidy.measures import several
from usage_analysis.tidy.tables import MISSING
from usage_analysis.tidy.zones import DAY, HOUR, clock_of, first_instants, instant_of, microseconds

#: End reasons of the vendor that count as errors: the two that name a fault.
ERRORS = ("connection_error", "system_error")
#: All end reasons of the vendor's calls.
REASONS = {*ERRORS, "unjoined", "hangup", "agent_hangup", "timeout"}
#: Our names of columns.
COLUMNS = (
    *("created", "joined", "ended", "duration", "error", "id"),
    *("billed_minutes", "billed_duration", "billing_status"),
    *("agent", "agent_id", "voice", "voice_id", "metadata", "summary"),
)
#: The vendor's names of columns in ``GET /api/calls``, where they differ from ours.
VENDOR = {
    "id": "callId",
    "error": "endReason",
    "billed_duration": "billedDuration",
    "billing_status": "billingStatus",
    "agent": "agent.name",
    "agent_id": "agent.agentId",
}
# Calls with another status are free, were refunded, or have no bill yet.
_STATUS = "BILLING_STATUS_"
_BILLED, _PENDING = f"{_STATUS}BILLED", f"{_STATUS}PENDING"
# A metadata key with more values than this, such as a phone number, is not offered as a grouping.
_MANY = 200

Columns = Mapping[str, pd.Series]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


def read_calls(
    data: Any,
    *,
    columns: Mapping[str, str | None] | None = None,
    id: str | None = None,  # noqa: A002  # the name that people look for
    timezone: str | tzinfo | None = None,
    errors: Collection[str] = ERRORS,
    now: datetime | None = None,
    source: Source = "file",
) -> Client:
    """Read a list or log of calls, and return a client that answers all filters from these calls.

    Pages and rows of the vendor's ``GET /api/calls`` are read as they are. For another log, say
    with `columns` which of its columns are ours:

    - `created`: datetime with a time zone, text in ISO 8601 or of e-mails (RFC 2822), or an epoch
      in s, ms, us or ns. Required.
    - `duration`: timedelta, number of seconds or the vendor's text. The talk of a call, without
      ringing. Instead of it, `ended` in the forms of `created`.
    - `joined`: whether somebody joined, or when. Without this column, calls with talk count as
      joined, which is wrong if `duration` includes ringing. Calls that nobody joined have no talk.
    - `error`: true or false, or a text of which some values are errors, see `errors`. Without this
      column, errors are not known: usage has no `error_count`, and helpers that need it say so.
    - `billed_minutes`: a multiple of 0.1; or `billed_duration`, which is rounded up to 6 s, and
      `billing_status`, in the vendor's words. Only calls with the status for billed calls have a
      bill. Without these columns, usage has no `billed_minutes` and no cost.
    - `agent` and `voice`: names; `agent_id` and `voice_id`: IDs. ``client.names`` lists both, and
      makes UUIDs of names and other IDs.
    - `metadata`: dict; or one column ``metadata.<key>`` per key. Values are compared in the form
      that JSON gives them.
    - `summary`: text for the filter `search`.

    Parameters
    ----------
    data
        DataFrame, list of dicts, page or list of pages; or the path of a file: CSV with commas,
        semicolons or tabs, JSON or JSON lines, in UTF-8 or UTF-16.
    columns
        Name in the data of each of our columns: ``{"created": "calldate"}``. A dotted name is a key
        of a dict, such as ``"Agent.Username"``. None leaves a column aside.
    id
        Column with the ID of the call, for logs with several rows per call: legs of a call, or
        pages that overlap. The row with the longest talk stands for the call, and the call begins
        with its first row. The vendor's list has `callId`.
    timezone
        Time zone of clocks without one, such as ``"America/New_York"``. The order of the rows tells
        the two hours apart that a clock shows twice in autumn.
    errors
        Values of `error` that are errors, with the wildcards ``*`` and ``?``. Each must occur,
        except the vendor's end reasons. The default is an assumption: of these, `connection_error`
        and `system_error` name a fault, and `unjoined`, `hangup`, `agent_hangup` and `timeout` not.
    now
        Time of the export, with a time zone; the hours just before are provisional. Without `now`,
        the log is complete to the end of the day on which its last call ends, by `timezone` or UTC.
        If calls still run (no `ended` or `endReason`) or have no bill yet, it ends with its last
        instant, and the hours of these calls are provisional.
    source
        Source of the usage: ``"file"``, ``"live"`` or ``"sample"``.

    Returns
    -------
    Client
        A client without a network. Without `from_date`, usage begins with the first call. If all
        calls are created at midnight of their clock, the log has dates only: usage then has one row
        per date, and `hourly`, `timezone` and times of day are refused.

    Raises
    ------
    QueryError
        A column is missing or has an unreadable value; the message starts with our name of the
        column. Or a call ends after `now`.
    UserWarning
        Once: the names of the columns that were understood and of those left aside, and the number
        of calls that count as joined because they have talk.

    Examples
    --------
    >>> import pandas as pd
    >>> import usage_analysis as ua
    >>> log = pd.DataFrame({"calldate": "2026-03-01 09:30", "billsec": [61, 0], "queue": "Sales"})
    >>> ours = {"created": "calldate", "duration": "billsec", "agent": "queue"}
    >>> client = ua.read_calls(log, columns=ours, timezone="UTC")
    >>> client.by_agent(client.names.agents).daily[["agent", "total_count", "duration"]]
                               agent  total_count        duration
    time
    2026-03-01 00:00:00+00:00  Sales            2 0 days 00:01:01
    """
    given = dict(columns or {}) | ({} if id is None else {"id": id})
    try:
        endpoint = read_log(tables.read_table(data), given, timezone, errors, now)
    except QueryError as error:
        if isinstance(data, str | os.PathLike):
            error.args = (f"{error} (file {os.fspath(data)})",)
        raise
    endpoint.source = source
    return Client(api_key=KEY, transport=endpoint)


def read_log(
    frame: pd.DataFrame,
    columns: Mapping[str, str | None],
    timezone: str | tzinfo | None,
    errors: Collection[str],
    now: datetime | None,
) -> Endpoint:
    """Return the endpoint of a table with one row per call or leg; see `read_calls`."""
    if {"callId", "endReason"} <= {*frame.columns}:
        columns = {**VENDOR, **columns}
    own = tables.choose_columns(frame.reset_index(drop=True), columns, COLUMNS)
    place = None if timezone is None else zone(timezone)
    created = tables.read_times("created", own, place)
    if (empty := created == MISSING).any():
        raise refusal("no_created", count=empty.sum(), row=empty.argmax())
    dates = tables.read_dates(own["created"], created)
    created = created if dates is None else dates
    duration, joined, ended = _read_talk(own, created, place)
    tables.warn_of_columns(frame, own, COLUMNS, None if "joined" in own else joined)
    own |= _metadata_columns(own)
    metadata = [name for name in own if name.startswith("metadata.")]
    error = _read_errors(own["error"], errors) if "error" in own else np.zeros_like(joined)
    billed, pending = _read_bills(own, len(created))
    running = (ended == MISSING) & ("ended" in own)
    if "endReason" in frame:
        running &= frame["endReason"].isna().to_numpy()
    unsettled = pending | running
    ends, days = np.maximum(created + duration, ended), place if dates is None else None
    clock, until = _end(ends, now, days or UTC, complete=not unsettled.any())
    rows, begin = _merge_legs(own, created, duration, billed)
    # Sorted only here, so that error messages count the rows as in the user's frame.
    order: Any = np.argsort(begin, kind="stable")
    rows = rows[order]
    if np.all(rows[1:] > rows[:-1]) and len(rows) == len(created):
        rows = order = slice(None)  # in order already: no column is copied
    texts = {name: _read_labels(own, name) for name in ("agent", "voice", "summary", *metadata)}
    found = {name.removeprefix("metadata."): _largest_first(texts[name]) for name in metadata}
    values = {key: some for key, some in found.items() if key and len(some) <= _MANY}
    agents, voices = (_names(own, kind, texts[kind]) for kind in ("agent", "voice"))
    texts = {name: Labels(one.codes[rows], one.values) for name, one in texts.items()}
    calls = Calls(
        created=begin[order],
        duration=duration[rows],
        billed=billed[rows],
        joined=joined[rows],
        error=error[rows],
        agent=texts["agent"],
        voice=texts["voice"],
        summary=texts["summary"],
        metadata={name.removeprefix("metadata."): texts[name] for name in metadata},
    )
    lacking = ["errorCount"] * ("error" not in own) + ["hourly"] * (dates is not None)
    lacking += ["billedMinutes"] * (not {"billed_minutes", "billed_duration"} & {*own})
    return Endpoint(
        lambda: calls,
        now=clock,
        until=until,
        since=instant_of(calls.created[0]) if len(calls) else None,
        unsettled=created[unsettled].tolist(),
        source="file",
        lacking=lacking,
        names=AccountNames(agents, voices, values),
    )


def _end(ends: Ints, now: datetime | None, place: tzinfo, *, complete: bool) -> tuple[int, Any]:
    """Return the clock of a log [us since 1970, UTC], and the end of a complete one."""
    if now is None and not len(ends):
        raise refusal("no_rows")
    if now is None:
        day = clock_of(ends.max(keepdims=True) - 1, place) // DAY + 1
        until = -(-int(first_instants(place, day * DAY)[0]) // HOUR) * HOUR
        return (until + LAG, instant_of(until)) if complete else (int(ends.max()), None)
    if not isinstance(now, datetime) or now.tzinfo is None:
        raise QueryError(f"now: expected a datetime with a time zone, got {now!r}")
    if late := np.count_nonzero(ends > microseconds(now)):
        raise refusal("early_now", now=now, late=late, all=len(ends))
    return microseconds(now), None


def _read_talk(own: Columns, created: Ints, place: tzinfo | None) -> tuple[Ints, Flags, Ints]:
    """Return the talk of each call [us], whether somebody joined it, and its end [us]."""
    start, joined, ended = created, None, np.full(len(created), MISSING)
    if "joined" in own and (joined := tables.read_flags(own["joined"])) is None:
        start = tables.read_times("joined", own, place)
        joined = start != MISSING
    if "ended" in own:
        ended = tables.read_times("ended", own, place)
    if "duration" in own or "ended" not in own:
        duration = tables.read_durations("duration", own)
    else:
        there = (ended != MISSING) & (start != MISSING)
        duration = np.where(there, ended - np.where(there, start, 0), 0)
    if (odd := (duration < 0) | (duration >= tables.TOO_LONG)).any():
        raise refusal("odd_duration", count=odd.sum(), row=odd.argmax())
    joined = duration > 0 if joined is None else joined
    return np.where(joined, duration, 0), joined, ended


def _read_bills(own: Columns, count: int) -> tuple[NDArray[np.int32], Flags]:
    """Return the billed time of each call [1/10 min], and whether its bill is still to come.

    Without a column for it, the billed time is zeros, which no reply shows.
    """
    free, pending = np.zeros((2, count), dtype=np.bool_)
    if "billing_status" in own:
        status = own["billing_status"]
        if not status.dropna().astype(str).str.startswith(_STATUS).all():
            raise refusal("no_status", got=", ".join(map(repr, status.dropna().unique()[:8])))
        free, pending = (status != _BILLED).to_numpy(), (status == _PENDING).to_numpy()
    if "billed_duration" in own:
        return billed_tenths(tables.read_durations("billed_duration", own), free), pending
    if "billed_minutes" not in own:
        return np.zeros(count, dtype=np.int32), pending
    column = own["billed_minutes"]
    minutes = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    tenths = np.where(np.isfinite(minutes), 10 * minutes, -1)
    wrong = (tenths < 0) | (tenths >= 2**31) | (np.abs(tenths - np.rint(tenths)) > 1e-6)
    if wrong.any():
        raise refusal("no_tenths", got=column.iloc[wrong.argmax()], row=wrong.argmax())
    return np.where(free, 0, np.rint(tenths)).astype(np.int32), pending


def _merge_legs(
    own: Columns, created: Ints, duration: Ints, billed: NDArray[np.int32]
) -> tuple[Any, Ints]:
    """Return the row that stands for each call, and when the call began [us].

    The row with the longest talk stands for its call; of equal rows the one with the larger bill,
    then the later one.
    """
    if "id" not in own or (own["id"].is_unique and own["id"].notna().all()):
        return np.arange(len(created)), created
    code, values = pd.factorize(own["id"])
    if (code < 0).any():
        raise refusal("no_id", row=(code < 0).argmax())
    order = np.lexsort((billed, duration, code))
    rows = order[np.flatnonzero(np.diff(code[order], append=-1))]
    first = np.full(len(values), np.iinfo(np.int64).max)
    np.minimum.at(first, code, created)
    return rows, first[code[rows]]


def _read_errors(column: pd.Series, errors: Collection[str]) -> Flags:
    """Mark the calls in error, given flags or texts."""
    if isinstance(errors, str):
        raise QueryError(f"errors: expected a list of values, got {errors!r}")
    if (flags := tables.read_flags(column)) is not None:
        return flags
    code, values = pd.factorize(column)
    vendor = REASONS if REASONS & {*values} else ()
    if not tables.is_text(column) or (tuple(errors) == ERRORS and not vendor):
        raise refusal("no_errors", got=", ".join(map(repr, values[:6])))
    found = {one: [fnmatchcase(value, one) for value in (*values, *vendor)] for one in errors}
    if odd := [one for one, matches in found.items() if not any(matches)]:
        raise _no_match(odd, column)
    table = np.any([[False] * len(values), *(m[: len(values)] for m in found.values())], axis=0)
    return np.append(table, False)[code]


def _no_match(odd: list[str], column: pd.Series) -> QueryError:
    """Return the error for values of `errors` that no call has."""
    counts = column.value_counts()
    folded = {str(value).casefold(): repr(value) for value in counts.index}
    near = [n for one in odd for n in get_close_matches(one.casefold().strip("*?"), folded, 1, 0.5)]
    meant = f"; did you mean {' or '.join(folded[n] for n in near)}?" if near else "."
    words = [f"{value!r} ({several(n, 'call')})" for value, n in counts.head(8).items()]
    words += ["and others"] * (len(counts) > 8)
    return refusal("no_match", odd=", ".join(map(repr, odd)), meant=meant, got=", ".join(words))


def _read_labels(own: Columns, kind: str) -> Labels:
    """Return a column of texts as labels; agents and voices by their UUIDs."""
    texts = own.get(f"{kind}_id", own.get(kind))
    if texts is None:
        return Labels(np.full(len(own["created"]), -1, dtype=np.int32), ())
    codes, values = pd.factorize(_read_texts(texts.fillna(own.get(kind, texts))))
    change: Any = identifier if kind in ("agent", "voice") else str
    return Labels(codes.astype(np.int32), tuple(map(change, values)))


def _largest_first(labels: Labels) -> tuple[str, ...]:
    """Return the texts of labels that are not blank, most frequent first."""
    texts = labels.values  # noqa: PD011 - no pandas
    counts = np.bincount(labels.codes[labels.codes >= 0], minlength=len(texts))
    order = [texts[code] for code in np.argsort(-counts, kind="stable").tolist()]
    return tuple(text for text in order if text.strip())


def _names(own: Columns, kind: str, labels: Labels) -> dict[str, str]:
    """Return the UUIDs of agents or voices by name; of two alike names the second has its UUID."""
    values = labels.values  # noqa: PD011 - no pandas
    first = pd.Series(labels.codes).drop_duplicates()
    row_of: dict[str, Any] = {values[code]: row for row, code in first.items() if code >= 0}
    found: dict[str, str] = {}
    for value in _largest_first(labels):
        cells = [own[name][row_of[value]] for name in (kind, f"{kind}_id") if name in own]
        name = next(str(cell) for cell in cells if not tables.is_missing(cell))
        if name.strip():
            found[f"{name} ({value})" if name in found else name] = value
    return found


def identifier(name: str) -> str:
    """Return the UUID for an agent or a voice: its own, or for another text always the same one.

    Examples
    --------
    >>> identifier("Front desk") == identifier("Front desk") != identifier("Support line")
    True
    """
    try:
        return str(UUID(name))
    except ValueError:
        return str(uuid5(NAMESPACE_OID, name))


def _metadata_columns(own: Columns) -> dict[str, pd.Series]:
    """Return one column ``metadata.<key>`` per key of the dicts in `metadata`."""
    rows = own["metadata"].tolist() if "metadata" in own else []
    rows = [row if isinstance(row, Mapping) or not tables.is_missing(row) else {} for row in rows]
    if odd := [place for place, row in enumerate(rows) if not isinstance(row, Mapping)]:
        raise refusal("no_dict", got=rows[odd[0]], row=odd[0])
    keys = dict.fromkeys(key for row in rows for key in row)
    return {f"metadata.{key}": pd.Series([row.get(key) for row in rows]) for key in keys}


def _read_texts(column: pd.Series) -> pd.Series:
    """Read a column of texts; numbers and flags get the form that JSON gives them.

    In a column with empty cells pandas stores whole numbers as floats, so 1.0 is read as 1.
    """
    if tables.is_text(column):
        return column
    return pd.Series([_text(value) for value in column], dtype=object)


def _text(value: Any) -> str | None:
    if tables.is_missing(value):
        return None
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)
