"""Columns of a call log as an export writes them: instants, durations, flags and texts."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.errors import QueryError, ResponseError
from usage_analysis.sample.calls import SECOND, Labels
from usage_analysis.tidy.durations import parse_durations

MISSING = np.iinfo(np.int64).min
"""In place of an instant where there is none."""
TOO_LONG = 10**9 * SECOND
"""No call lasts as long [us]."""
_ZONED = r"[Tt ]\d\d.*(?:[Zz]|[+-]\d\d(?::?\d\d)?)$"


def column_of(frame: pd.DataFrame, name: str) -> pd.Series:
    """A column of a log.

    Raises
    ------
    QueryError
        There is none of this name, or more than one.
    """
    if name not in frame:
        raise QueryError(f"{name}: expected this column, got {list(frame.columns)}")
    column = frame[name]
    if not isinstance(column, pd.Series):
        raise QueryError(f"{name}: expected this column once, got it {column.shape[1]} times")
    return column


def absent(value: object) -> bool:
    """Whether a cell is empty."""
    return value is None or value is pd.NA or value is pd.NaT or value != value


def is_flags(column: pd.Series) -> bool:
    """Whether a column says yes or no, where it says anything."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return True
    if column.dtype != object:
        return bool(column.isna().all())
    return all(absent(value) or _is_flag(value) for value in column.tolist())


def flags(column: pd.Series) -> NDArray[np.bool_]:
    """True or false by call, also from 1 or 0; a missing one is false.

    Raises
    ------
    QueryError
        A value is something else.
    """
    values = [False if absent(value) else value for value in column.tolist()]
    if wrong := [value for value in values if not _is_flag(value)]:
        raise QueryError(f"{column.name}: expected true or false, got {wrong[0]!r}")
    return np.array(values, dtype=np.bool_)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool | np.bool_ | Real) and value in (0, 1)


def instants(column: pd.Series) -> NDArray[np.int64]:
    """Microseconds since 1970, UTC, of datetimes or ISO text; the smallest integer for none.

    Raises
    ------
    QueryError
        A value is neither, or has no zone.
    """
    known = column[column.notna().to_numpy()]
    zoned = known if isinstance(column.dtype, pd.DatetimeTZDtype) else _zoned(known)
    out = np.full(len(column), MISSING)
    out[column.notna().to_numpy()] = pd.DatetimeIndex(zoned).as_unit("us").asi8
    return out


def _zoned(known: pd.Series) -> pd.Series:
    name = known.name
    if pd.api.types.is_datetime64_dtype(known.dtype) and len(known):
        raise QueryError(
            f"{name}: expected datetimes with a time zone, got {known.dtype} without one; say "
            f'whose clock it is: frame["{name}"].dt.tz_localize("America/New_York")'
        )
    if wrong := [value for value in known.tolist() if not isinstance(value, str | datetime)]:
        raise QueryError(f"{name}: expected datetimes with a time zone, got {wrong[0]!r}")
    texts = known.astype(str)
    if not (zoned := texts.str.contains(_ZONED, regex=True).astype(bool)).all():
        raise QueryError(
            f"{name}: expected datetimes with a time zone such as 2026-03-01T09:30:00-05:00, got "
            f"{texts[~zoned].iloc[0]!r}"
        )
    try:
        return pd.to_datetime(texts, format="ISO8601", utc=True)
    except ValueError as error:
        raise QueryError(f"{name}: expected datetimes in ISO 8601, got others ({error})") from None


def durations(column: pd.Series) -> NDArray[np.int64]:
    """Microseconds of timedeltas, of seconds or of the vendor's text, mixed or not; none is zero.

    Raises
    ------
    QueryError
        A value is none of these, or too long.
    """
    if pd.api.types.is_timedelta64_dtype(column.dtype):
        known = column.fillna(pd.Timedelta(0)).dt.as_unit("us")
        return np.asarray(known.to_numpy(), dtype=np.int64)
    if pd.api.types.is_numeric_dtype(column.dtype):
        seconds = column.fillna(0).to_numpy(dtype=np.float64)
        if not (np.abs(seconds) < TOO_LONG / SECOND).all():
            raise QueryError("duration: expected less than a thousand million seconds")
        return np.asarray(np.rint(seconds * 1e6), dtype=np.int64)
    texts = [_duration(value) for value in column.tolist()]
    try:
        return np.asarray(parse_durations(texts).to_numpy(), dtype=np.int64)
    except ResponseError as error:
        raise QueryError(f"duration{error}") from None


def _duration(value: Any) -> Any:
    """A duration as the vendor's text, as far as it is one."""
    if absent(value):
        return "0s"
    if isinstance(value, timedelta):
        value = value.total_seconds()
    is_number = isinstance(value, Real | Decimal) and not isinstance(value, bool)
    return f"{value:.6f}s" if is_number else value


def texts(column: pd.Series) -> Labels:
    """Texts by call, numbers and flags as JSON writes them.

    Whole numbers are floats in a column that has empty cells too: 1.0 is 1.
    """
    return coded(column.tolist())


def coded(values: list[Any]) -> Labels:
    """The same of a list."""
    codes, distinct = pd.factorize(np.array([_text(value) for value in values], dtype=object))
    return Labels(codes.astype(np.int32), tuple(distinct))


def _text(value: Any) -> str | None:
    if absent(value):
        return None
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
