"""Columns of frames as NumPy arrays, and arithmetic on them."""

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.tidy.frames import group_column
from usage_analysis.tidy.wire import MEASURES
from usage_analysis.tidy.zones import HOUR

Booleans = NDArray[np.bool_]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
#: Places in another array, or numbers of groups.
Places = NDArray[np.intp]
Values = NDArray[Any]


def ratio(above: Values, below: Values, empty: float = 0.0) -> Floats:
    """Return a ratio, and `empty` where the divisor is not positive."""
    above, below = np.broadcast_arrays(above, below)
    out = np.full(above.shape, empty)
    np.divide(above, below, out=out, where=below > 0)
    return out


def finished(frame: pd.DataFrame) -> Booleans:
    """Mark the rows that are complete and no longer provisional, as far as the frame shows."""
    whole, late = frame.get("complete", True), frame.get("provisional", False)
    return np.full(len(frame), whole, dtype=np.bool_) & ~np.full(len(frame), late, dtype=np.bool_)


def with_measures(frame: pd.DataFrame, *measures: str) -> pd.DataFrame:
    """Return a frame with its calls and some measures; other sums would only take time."""
    needed = ("total_count", *measures)  # every canonical frame has calls
    return frame.drop(columns=[name for name in MEASURES if name in frame and name not in needed])


def beside_groups(frame: pd.DataFrame, columns: dict[str, Any]) -> pd.DataFrame:
    """Return new columns, one value per row of a frame, beside its index and its group column."""
    group = group_column(frame)
    groups = {} if group is None else {group: frame[group].copy()}
    # The columns are new, and copying them would take longer than computing them.
    return pd.DataFrame({**groups, **columns}, index=frame.index, copy=False)


def exact(frame: pd.DataFrame, column: str) -> Values:
    """Return a column whose sums are exact: talk as integer microseconds, others as they are."""
    values = frame[column].to_numpy()
    return values.astype("m8[us]", copy=False).view(np.int64) if column == "duration" else values


def in_kind(value: float, measure: str) -> Any:
    """Return a number in the type of its measure: microseconds of talk as a Timedelta."""
    if measure != "duration":
        return value
    return pd.NaT if math.isnan(value) else pd.Timedelta(np.timedelta64(round(value), "us"))


def as_measure(values: Floats, measure: str) -> Values:
    """Return the numbers of a measure in its own type: talk as timedeltas, traffic in erlangs."""
    if measure == "traffic":
        return values / HOUR
    if measure != "duration":
        return values
    whole = np.where(np.isnan(values), 0, np.rint(values)).astype(np.int64).view("m8[us]")
    return np.where(np.isnan(values), np.timedelta64("NaT", "us"), whole)


def in_units(frame: pd.DataFrame, measure: str) -> Floats:
    """Return a measure's values in the unit of its axis; durations are in minutes."""
    column = frame[measure]
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "m":
        values = column.to_numpy().astype("m8[us]")
        return np.where(np.isnat(values), np.nan, values.view(np.int64) / 60e6)
    return column.to_numpy(dtype=np.float64)


def floats(frame: pd.DataFrame, *columns: str) -> tuple[Floats, ...]:
    """Return columns as numbers."""
    return tuple(frame[name].to_numpy(dtype=np.float64) for name in columns)


def percents_of(frame: pd.DataFrame, *columns: str) -> tuple[Floats, ...]:
    """Return columns of shares in percent."""
    return tuple(100 * values for values in floats(frame, *columns))


def cell_number(value: Any) -> float:
    """Return a cell of a result in the unit of an axis; missing values are NaN."""
    if isinstance(value, pd.Timedelta):
        return value.total_seconds() / 60
    return math.nan if pd.isna(value) else float(value)
