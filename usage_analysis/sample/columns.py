"""Read the columns of a call log as exports write them: times, durations, flags and texts."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.errors import QueryError, ResponseError, refusal
from usage_analysis.sample.reply import SECOND, Labels
from usage_analysis.tidy.durations import parse_durations

#: Stands for a missing time.
MISSING = np.iinfo(np.int64).min
#: Upper bound of a call's duration [us].
TOO_LONG = 10**9 * SECOND
_MIDNIGHT = r"[Tt ]00(?::?00){0,2}(?:[.,]0+)?(?:[Zz]|[+-]\d\d(?::?\d\d)?)$"
_OFFSET = r"(?:[Zz]|[+-]\d\d(?::?\d\d)?)$"
_ZONED = rf"[Tt ]\d\d.*{_OFFSET}"


def get_column(frame: pd.DataFrame, name: str) -> pd.Series:
    """Return a column of a log.

    Raises
    ------
    QueryError
        No column or several columns have this name.
    """
    if name not in frame:
        raise QueryError(f"{name}: expected a column with this name, got {list(frame.columns)}")
    column = frame[name]
    if not isinstance(column, pd.Series):
        raise QueryError(f"{name}: expected one column with this name, got {column.shape[1]}")
    return column


def is_missing(value: object) -> bool:
    """Return True for an empty cell."""
    return value is None or value is pd.NA or value is pd.NaT or value != value


def has_flags(column: pd.Series) -> bool:
    """Return True for a column in which each cell is true, false or empty."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return True
    return bool(column.dropna().isin([0, 1]).all())


def read_flags(column: pd.Series) -> NDArray[np.bool_]:
    """Read a column of flags: true, false, 1 or 0; an empty cell is false.

    Raises
    ------
    QueryError
        A cell has another value.
    """
    filled = column.dropna()
    wrong = filled[~filled.isin([0, 1])]
    if len(wrong):
        raise QueryError(f"{column.name}: expected true or false, got {wrong.iloc[0]!r}")
    return column.isin([1]).to_numpy(dtype=np.bool_)


def read_times(column: pd.Series) -> NDArray[np.int64]:
    """Read a column of datetimes or ISO 8601 texts [us since 1970, UTC].

    An empty cell becomes `MISSING`.

    Raises
    ------
    QueryError
        A cell has another value, or one without a time zone.
    """
    filled = column[column.notna().to_numpy()]
    zoned = filled if isinstance(column.dtype, pd.DatetimeTZDtype) else _to_utc(filled)
    out = np.full(len(column), MISSING)
    out[column.notna().to_numpy()] = pd.DatetimeIndex(zoned).as_unit("us").asi8
    return out


def read_clock(column: pd.Series) -> NDArray[np.int64]:
    """Read what the clock of each time showed, whatever its time zone [us since 1970].

    Every cell must be one that `read_times` can read.
    """
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        clock = column.dt.tz_localize(None)
    else:
        texts = column.astype(str).str.replace(_OFFSET, "", regex=True)
        clock = pd.to_datetime(texts, format="ISO8601")
    return pd.DatetimeIndex(clock).as_unit("us").asi8


def _to_utc(filled: pd.Series) -> pd.Series:
    name = filled.name
    if pd.api.types.is_datetime64_dtype(filled.dtype) and len(filled):
        raise refusal("no_zone", name=name, got=filled.dtype)
    if wrong := [value for value in filled.tolist() if not isinstance(value, str | datetime)]:
        raise QueryError(f"{name}: expected datetimes with a time zone, got {wrong[0]!r}")
    texts = filled.astype(str)
    if not (zoned := texts.str.contains(_ZONED, regex=True).astype(bool)).all():
        raise refusal("text_without_zone", name=name, got=texts[~zoned].iloc[0])
    try:
        return pd.to_datetime(texts, format="ISO8601", utc=True)
    except ValueError as error:
        raise QueryError(f"{name}: expected datetimes in ISO 8601: {error}") from None


def read_durations(column: pd.Series) -> NDArray[np.int64]:
    """Read a column of timedeltas, seconds or the vendor's texts, also mixed [us].

    An empty cell is 0.

    Raises
    ------
    QueryError
        A cell has another value, or one that is too long.
    """
    if pd.api.types.is_timedelta64_dtype(column.dtype):
        filled = column.fillna(pd.Timedelta(0)).dt.as_unit("us")
        return np.asarray(filled.to_numpy(), dtype=np.int64)
    if pd.api.types.is_numeric_dtype(column.dtype):
        seconds = column.fillna(0).to_numpy(dtype=np.float64)
        if not (np.abs(seconds) < TOO_LONG / SECOND).all():
            raise QueryError("duration: expected less than 1,000,000,000 s")
        return np.asarray(np.rint(seconds * 1e6), dtype=np.int64)
    texts = [_duration_text(value) for value in column.tolist()]
    try:
        return np.asarray(parse_durations(texts).to_numpy(), dtype=np.int64)
    except ResponseError as error:
        raise QueryError(f"duration{error}") from None


def _duration_text(value: Any) -> Any:
    """Return a duration as the vendor's text; leave other values for the parser to refuse."""
    if is_missing(value):
        return "0s"
    if isinstance(value, timedelta):
        value = value.total_seconds()
    is_number = isinstance(value, Real | Decimal) and not isinstance(value, bool)
    return f"{value:.6f}s" if is_number else value


def read_texts(values: Iterable[Any]) -> Labels:
    """Read a column or list of texts; numbers and flags get the form that JSON gives them.

    In a column with empty cells pandas stores whole numbers as floats, so 1.0 is read as 1.
    """
    codes, distinct = pd.factorize(np.array([_text(value) for value in values], dtype=object))
    return Labels(codes.astype(np.int32), tuple(distinct))


def _text(value: Any) -> str | None:
    if is_missing(value):
        return None
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
