"""Tables of other programs: their files and pages, names of columns, times, durations and flags."""

import io
import json
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.errors import TEXTS, Notice, QueryError, ResponseError, error_of, refusal
from usage_analysis.tidy.durations import parse_durations
from usage_analysis.tidy.usage_files import to_utf8
from usage_analysis.tidy.zones import DAY

#: Stands for a missing time.
MISSING = np.iinfo(np.int64).min
_SECOND = 1_000_000
#: Upper bound of a call's duration [us].
TOO_LONG = 10**9 * _SECOND
# Units by the end of a column's name [s]; other numbers are seconds.
_UNITS = {r"(?:_ms|Ms|_?[Mm]illi\w*)$": 1e-3, r"(?:_min|_?[Mm]inutes?)$": 60.0}
# Units of epochs by their least value, which is 1990 in each unit [us]; 2100 in one unit is less
# than 1990 in the next.
_EPOCHS = {631_152_000 * 1000**power: _SECOND / 1000**power for power in range(4)}
_RFC_2822 = "%a, %d %b %Y %H:%M:%S %z"
_OFFSET = r"(?:[Zz]|[+-]\d\d(?::?\d\d)?)$"
_FLAGS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


# Keys under which the pages of APIs have their rows: Ultravox, Twilio, RingCentral, ElevenLabs.
_PAGES = ("results", "calls", "records", "conversations")


def read_table(data: Any) -> pd.DataFrame:
    """Return the rows of a file, of pages or of a list as a table; a table comes back unchanged.

    Raises
    ------
    QueryError
        The data are of another kind, or the file is neither CSV nor JSON.
    """
    if isinstance(data, str | os.PathLike):
        data = _read_file(Path(data))
    if isinstance(data, pd.DataFrame):
        return data
    rows: list[Any] = []
    for page in data if isinstance(data, list | tuple) else [data]:
        if not isinstance(page, Mapping) or "allTime" in page:
            raise refusal("no_calls", got=type(page).__name__)
        found = [page[key] for key in _PAGES if isinstance(page.get(key), list)]
        rows += found[0] if found else [page]
    return pd.DataFrame(rows)


def _read_file(path: Path) -> Any:
    try:
        text = to_utf8(path.read_bytes()).decode().strip()
        if text[:1] in ("{", "["):
            rows = json.loads(text)
            if r"\ud" in text.casefold():  # maybe half of a character, which UTF-8 cannot hold
                rows = json.loads(json.dumps(rows, ensure_ascii=False).encode(errors="replace"))
            return rows
        separator = max(",;\t", key=text.partition("\n")[0].count)
        # As text, because an ID such as 007 or 1.10 is no number.
        how: Any = {"sep": separator, "dtype": str, "keep_default_na": False, "na_values": [""]}
        return pd.read_csv(io.StringIO(text), **how)
    except (ValueError, RecursionError) as error:
        raise refusal("no_table_file", error=error) from None


def get_column(frame: pd.DataFrame, name: str) -> pd.Series:
    """Return a column, or the values under a key of a column of dicts, such as ``agent.name``.

    Raises
    ------
    QueryError
        No column or several columns have this name.
    """
    head, *keys = [name] if name in frame else name.split(".")
    if head not in frame:
        raise QueryError(f"{name}: expected a column with this name, got {list(frame.columns)}")
    column = frame[head]
    if not isinstance(column, pd.Series):
        raise QueryError(f"{name}: expected one column with this name, got {column.shape[1]}")
    for key in keys:
        cells = [cell.get(key) if isinstance(cell, Mapping) else None for cell in column]
        column = pd.Series(cells, column.index, name=name)
    return column


def choose_columns(
    frame: pd.DataFrame, columns: Mapping[str, str | None], known: Sequence[str]
) -> dict[str, pd.Series]:
    """Return the columns of a table under our names.

    Parameters
    ----------
    columns
        The table's name for each of ours; None leaves the column aside. By default both are alike.
    known
        Our names, the required one first; ``metadata.<key>`` is one for any key.

    Raises
    ------
    QueryError
        A name is not one of ours, the table has no such column, or the required one is missing.
    """
    for name in columns:
        if name not in known and not name.startswith("metadata."):
            raise refusal("unknown_column", name=name, known=", ".join(known))
    same = [str(name) for name in frame if name not in columns.values()]
    same = [name for name in same if name in known or name.startswith("metadata.")]
    chosen = {o: t for o, t in {**dict(zip(same, same, strict=True)), **columns}.items() if t}
    if known[0] not in chosen:
        raise refusal("no_such_column", name=known[0], got=", ".join(map(str, frame)))
    return {ours: get_column(frame, theirs) for ours, theirs in chosen.items()}


def warn_of_columns(
    frame: pd.DataFrame,
    own: Mapping[str, pd.Series],
    known: Sequence[str],
    inferred: NDArray[np.bool_] | None = None,
) -> None:
    """Warn once of columns that are left aside, and of joined calls that are inferred.

    Parameters
    ----------
    own, known
        Result of `choose_columns`, and its argument.
    inferred
        Whether each call has talk, where no column says which calls were joined. Without columns
        left aside, this is worth a warning only if all calls have talk.
    """
    chosen = {ours: str(column.name) for ours, column in own.items()}
    used = {theirs if theirs in frame else theirs.partition(".")[0] for theirs in chosen.values()}
    odd = ", ".join(str(name) for name in frame if name not in used)
    read = ", ".join(o if o == t else f"{o} (from {t})" for o, t in chosen.items())
    some, every = (0, 0) if inferred is None else (int(inferred.sum()), len(inferred))
    words = TEXTS["inferred"].format(some=some, all=every) if every else ""
    if odd:
        lists = {"odd": odd, "read": read, "known": ", ".join(known), "inferred": words}
        warnings.warn(error_of(Notice, "left_aside", **lists), stacklevel=4)
    elif words and some == every:
        warnings.warn(words.lstrip(" ."), UserWarning, stacklevel=4)


def is_missing(value: object) -> bool:
    """Return True for an empty cell."""
    return value is None or value is pd.NA or value is pd.NaT or value != value


def is_text(column: pd.Series) -> bool:
    """Return True for a column whose cells are texts or empty."""
    kind = column.dtype
    return isinstance(kind, pd.StringDtype) or pd.api.types.infer_dtype(column) == "string"


def read_flags(column: pd.Series) -> NDArray[np.bool_] | None:
    """Read a column of flags: true, false, 1 or 0, as text too; an empty cell is false.

    Returns
    -------
    ndarray or None
        None if a cell has another value.
    """
    if any(str(value).casefold() not in _FLAGS for value in column.dropna().head().tolist()):
        return None  # as columns of times are, without a look at every cell
    code, values = pd.factorize(column.astype(object))
    flags = [_FLAGS.get(str(value).casefold()) for value in values]
    return None if None in flags else np.array([*flags, False], dtype=np.bool_)[code]


def read_times(
    name: str, own: Mapping[str, pd.Series], zone: tzinfo | None = None
) -> NDArray[np.int64]:
    """Read a column of datetimes, ISO 8601 or e-mail texts, or epochs [us since 1970, UTC].

    Parameters
    ----------
    name
        Our name of the column.
    own
        Columns by our names.
    zone
        Time zone of clocks without one.

    Returns
    -------
    ndarray
        Instants; `MISSING` for an empty cell.

    Raises
    ------
    QueryError
        A cell has another value or no zone, or the clock of the zone shows it twice or never.
    """
    column = own[name]
    filled = column.notna().to_numpy()
    times = column if filled.all() else column[filled]
    if not isinstance(times.dtype, pd.DatetimeTZDtype) and len(times):
        times = _parse_times(name, times, zone)
    instants = np.full(len(column), MISSING)
    instants[filled] = pd.DatetimeIndex(times).as_unit("us").asi8
    return instants


def read_dates(column: pd.Series, instants: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return the dates of times that are all midnight of their own clock [us since 1970], or None.

    Parameters
    ----------
    instants
        The same times as `read_times` reads them.
    """
    # No offset is a fraction of a quarter of an hour.
    if not len(instants) or np.any(instants % (DAY // 96)):
        return None
    local = pd.to_datetime(column.astype(str).str[:19], format="ISO8601", errors="coerce")
    clock = pd.DatetimeIndex(local).as_unit("us").asi8
    return None if np.any(clock % DAY) else clock


def _parse_times(name: str, times: pd.Series, zone: tzinfo | None) -> pd.Series:
    """Return a column of other kinds as datetimes with a zone."""
    if pd.api.types.is_datetime64_dtype(times.dtype):
        return _localize(name, times, zone, str(times.dtype))
    first = times.iloc[0]
    if isinstance(first, Real | Decimal) or (isinstance(first, str) and first.isdecimal()):
        return _read_epochs(name, times)
    texts = times if is_text(times) else times.astype(str)
    odd = [] if texts is times else [c for c in times if not isinstance(c, str | datetime)]
    if odd:
        raise QueryError(f"{name}: expected datetimes with a time zone, got {odd[0]!r}")
    if (parsed := _parse_texts(texts)) is not None and parsed.dt.tz is None:
        return _localize(name, parsed, zone, repr(first))
    if mixed := parsed is None:  # offsets differ
        parsed = _parse_texts(texts, utc=True)
    # Where some clocks have no offset, pandas 2 reads them as UTC, without an error.
    if parsed is not None and (mixed or np.ptp(texts.str.len()) > 0):
        naive = texts[~texts.str.contains(rf":.*{_OFFSET}")]
        if len(naive):
            raise refusal("no_zone", name=name, got=repr(naive.iloc[0]))
    if parsed is None:
        parsed = _parse_texts(texts.str.replace("GMT", "+0000"), format=_RFC_2822, utc=True)
    if parsed is None:
        raise refusal("no_time", name=name, got=first)
    return parsed


def _parse_texts(texts: pd.Series, **settings: Any) -> pd.Series | None:
    with suppress(ValueError, FutureWarning), warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)  # pandas 2 warns of mixed offsets
        return pd.to_datetime(texts, **{"format": "ISO8601"} | settings)
    return None


def _read_epochs(name: str, times: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(times, errors="coerce")
    for least, unit in _EPOCHS.items():
        if numbers.between(least, least * 6.5).all():
            micro = np.rint(numbers.to_numpy(dtype=np.float64) * unit).astype(np.int64)
            return pd.Series(pd.DatetimeIndex(micro.view("M8[us]"), tz="UTC"), times.index)
    raise refusal("no_epoch", name=name, got=times.tolist()[int(np.argmin(numbers))])


def _localize(name: str, clock: pd.Series, zone: tzinfo | None, got: str) -> pd.Series:
    """Return clocks as instants of a zone; the order of rows tells a repeated hour apart."""
    if zone is None:
        raise refusal("no_zone", name=name, got=got)
    plain = clock.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    odd = plain.isna().to_numpy()
    if not odd.any():
        return pd.Series(plain)
    for order in (slice(None), slice(None, None, -1)):  # oldest or newest first
        with suppress(Exception):  # pandas has an error of its own for each reason
            local = clock.iloc[order].dt.tz_localize(zone, ambiguous="infer")
            if local.is_monotonic_increasing:
                return pd.Series(local.iloc[order])
    rows = ", ".join(map(str, clock.index[odd][:5].tolist()))
    raise refusal("odd_clocks", name=name, zone=zone, rows=rows, got=clock[odd].iloc[0])


def read_durations(name: str, own: Mapping[str, pd.Series]) -> NDArray[np.int64]:
    """Read a column of timedeltas, numbers or the vendor's texts, also mixed [us].

    Numbers are seconds, unless the column's own name ends in another unit, such as ``_ms``. An
    empty cell is 0.

    Raises
    ------
    QueryError
        There is no such column, or a cell has another value, or one that is too long.
    """
    if name not in own:
        raise refusal("no_such_column", name=name, got=", ".join(own))
    column = own[name]
    if pd.api.types.is_timedelta64_dtype(column.dtype):
        filled = column.fillna(pd.Timedelta(0)).dt.as_unit("us")
        return np.asarray(filled.to_numpy(), dtype=np.int64)
    if texts := is_text(column):
        with suppress(ValueError):  # at the first text that is no number
            column = pd.to_numeric(column)
    if pd.api.types.is_numeric_dtype(column.dtype):
        unit = next((u for end, u in _UNITS.items() if re.search(end, str(column.name))), 1.0)
        seconds = column.fillna(0).to_numpy(dtype=np.float64) * unit
        if not (np.abs(seconds) < TOO_LONG / _SECOND).all():
            raise QueryError(f"{name}: expected less than 1,000,000,000 s")
        return np.asarray(np.rint(seconds * 1e6), dtype=np.int64)
    cells = column.fillna("0s").tolist() if texts else [_duration_text(one) for one in column]
    try:
        return np.asarray(parse_durations(cells).to_numpy(), dtype=np.int64)
    except ResponseError as error:
        raise QueryError(f"{name}{error}") from None


def _duration_text(value: Any) -> Any:
    """Return a duration as the vendor's text; leave other values for the parser to refuse."""
    if is_missing(value):
        return "0s"
    if isinstance(value, timedelta):
        value = value.total_seconds()
    is_number = isinstance(value, Real | Decimal) and not isinstance(value, bool)
    return f"{value:.6f}s" if is_number else value
