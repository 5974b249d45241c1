"""Load by bucket and by slot of the local clock: erlangs, means and their spread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.analysis.vocabulary import either
from usage_analysis.errors import QueryError
from usage_analysis.tidy.frame_check import check_frame
from usage_analysis.tidy.frames import copy_source, group_column
from usage_analysis.tidy.grouping import (
    SLOTS,
    Rows,
    check_longest,
    provisional_instants,
    row_lengths,
    rows_of,
    sums,
)
from usage_analysis.tidy.periods import by_place
from usage_analysis.tidy.wire import MEASURES
from usage_analysis.tidy.zones import HOUR

Floats = NDArray[np.float64]
Measured = NDArray[Any]


def traffic_intensity(hourly: pd.DataFrame) -> pd.Series | pd.DataFrame:
    """Carried traffic of each bucket [erlangs]: talk time over the bucket's length.

    The mean number of calls held at once, ``sum(duration) / length`` (ITU-T E.600). A call's whole
    duration lies in the hour it was created in: unbiased on average, about 10 % off in a single
    hour. Whether time before a call was joined enters its duration is not documented.

    Parameters
    ----------
    hourly
        Canonical frame with or without a group column; `aggregate`'s frames too, whose `hours` are
        the lengths.

    Returns
    -------
    Series or DataFrame
        `traffic` [erlangs] by bucket, provisional ones included, whose talk may still grow; for a
        breakdown a frame with the group first.

    Raises
    ------
    QueryError
        No `duration`, or no tz-aware index.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-02 09:00", periods=2, freq="h", tz="UTC", name="time")
    >>> hourly = pd.DataFrame({"duration": pd.to_timedelta(["90min", "15min"])}, index=time)
    >>> traffic_intensity(hourly).tolist()
    [1.5, 0.25]
    """
    check_frame("traffic_intensity", hourly, "duration")
    lengths = row_lengths(hourly)
    talk = hourly["duration"].to_numpy().astype("m8[us]", copy=False).view(np.int64)
    traffic = talk / lengths
    group = group_column(hourly)
    if group is None:
        return copy_source(pd.Series(traffic, index=hourly.index, name="traffic"), hourly)
    return hourly[[group]].assign(traffic=traffic)


def load_profile(
    hourly: pd.DataFrame, *, by: str = "hour_of_day", measure: str = "total_count"
) -> pd.DataFrame:
    """Mean load and its spread in each slot of the local day or week.

    The mean is ``sum(measure) / hours``, over the hours that the slot really had, so that clock
    changes and the calendar (a weekly slot has 51 to 54 hours a year) cost nothing; p10, p50 and
    p90 are percentiles of the buckets' loads per hour, by linear interpolation (method 7 of Hyndman
    and Fan 1996). Provisional buckets are left out, of which ``attrs["left_out"]`` says how many.
    Sums by hour show neither a peak within the hour nor how many calls there were at once, and a
    call's whole talk lies in the hour in which it began.

    Parameters
    ----------
    hourly
        Canonical hourly frame on the clock that is meant, with or without a group column.
    by
        ``"hour_of_day"``, ``"day_of_week"`` (0 is Monday) or ``"hour_of_week"`` (0 is Monday
        00:00).
    measure
        A column of the frame, per hour: calls, billed minutes, or `duration`, which stays
        timedelta64[us]; or ``"traffic"`` [erlangs].

    Returns
    -------
    DataFrame
        A row a slot (under each group), named after `by`: `mean`, `p10`, `p50`, `p90`, each per
        hour; `n`, the buckets; `hours`, their elapsed time [h]. A slot without buckets has n 0 and
        NaN.

    Raises
    ------
    QueryError
        The rows are not hours, a column is missing, or an argument is not one of those above.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-02", periods=48, freq="h", tz="UTC", name="time")
    >>> hourly = pd.DataFrame({"total_count": range(48), "provisional": False}, index=time)
    >>> load_profile(hourly).loc[9, ["mean", "p90", "n"]].tolist()
    [21.0, 30.6, 2.0]
    """
    if by not in SLOTS:
        raise QueryError(f"by: expected {either(SLOTS)}, got {by!r}")
    return profile_of(hourly, measured("load_profile", hourly, measure), by, measure)


def measured(helper: str, hourly: pd.DataFrame, measure: str) -> tuple[Rows, Floats, Measured]:
    """Rows of a frame, the length of each instant [h], and the measure of each row.

    Talk is in microseconds, for traffic too: integers are exact, and fast to sort.
    """
    column = check_measure(helper, hourly, measure)
    rows = rows_of(hourly)
    lengths = rows.lengths()
    if "hours" in hourly:
        lengths = by_place(hourly["hours"].to_numpy(dtype=np.float64), rows.place, len(lengths))
    check_longest(helper, float(lengths.max(initial=0.0)), "hour")
    values = hourly[column].to_numpy()
    if column == "duration":
        values = values.astype("m8[us]", copy=False).view(np.int64)
    return rows, lengths, values


def check_measure(helper: str, hourly: pd.DataFrame, measure: str) -> str:
    """Column that holds a measure.

    Raises
    ------
    QueryError
        There is no such measure, or the frame lacks its column.
    """
    if measure not in MEASURES and measure != "traffic":
        raise QueryError(f"measure: expected {either([*MEASURES, 'traffic'])}, got {measure!r}")
    column = "duration" if measure == "traffic" else measure
    check_frame(helper, hourly, column, "provisional")
    return column


def as_measure(values: Floats, measure: str) -> Measured:
    """Numbers of a measure in its own kind: talk as timedeltas, traffic in erlangs."""
    if measure == "traffic":
        return values / HOUR
    if measure != "duration":
        return values
    whole = np.where(np.isnan(values), 0, np.rint(values)).astype(np.int64).view("m8[us]")
    return np.where(np.isnan(values), np.timedelta64("NaT", "us"), whole)


def profile_of(
    hourly: pd.DataFrame, found: tuple[Rows, Floats, Measured], by: str, measure: str
) -> pd.DataFrame:
    """Profile of what `measured` returned, as `load_profile` gives it."""
    rows, lengths, values = found
    index, place, code = rows.index(by), rows.place, rows.code
    provisional = hourly["provisional"].to_numpy(dtype=bool)
    if provisional.any():
        place, code, values = (part[~provisional] for part in (place, code, values))
    key, count = rows.slots(by)[place], len(index)
    if rows.count > 1:
        key += code * SLOTS[by]
    n = np.bincount(key, minlength=count)
    hours: Floats = n.astype(np.float64)
    loads = values
    if len(lengths) and lengths.min() < 1:
        hours = np.bincount(key, lengths[place], minlength=count).astype(np.float64)
        loads = values / lengths[place]
    mean = np.full(count, np.nan)
    np.divide(sums(values, key, count), hours, out=mean, where=n > 0)
    spread = _percentiles(loads, key, n, (10, 50, 90))
    columns = {"mean": mean, "p10": spread[0], "p50": spread[1], "p90": spread[2]}
    out = pd.DataFrame(
        {**{c: as_measure(v, measure) for c, v in columns.items()}, "n": n, "hours": hours},
        index=index,
    )
    out.attrs["left_out"] = provisional_instants(hourly)
    return copy_source(out, hourly)


def _percentiles(
    values: Measured, key: NDArray[np.intp], n: NDArray[np.intp], percents: Sequence[int]
) -> list[Floats]:
    """Percentiles of the values under each key, by linear interpolation; NaN without any."""
    if len(values) == 0:
        return [np.full(len(n), np.nan) for _ in percents]
    held, start = _sorted_by_key(values, key), np.cumsum(n) - n
    out = []
    for percent in percents:
        at = np.where(n > 0, (n - 1) * (percent / 100), 0)
        low = np.floor(at).astype(np.intp)
        first = np.minimum(start + low, len(held) - 1)
        one, two = held[first], held[np.minimum(first + (low + 1 < n), len(held) - 1)]
        out.append(np.where(n > 0, one + (two - one) * (at - low), np.nan))
    return out


def _sorted_by_key(values: Measured, key: NDArray[np.intp]) -> Floats:
    """Values sorted under each key, the keys in order.

    Whole numbers sort fastest as one number with their key, and small ones are only counted; others
    by the key, which is small, and then in their order.
    """
    if values.dtype.kind in "iu" and values.min() >= 0:
        size, keys = int(values.max()) + 1, int(key.max()) + 1
        if size * keys <= len(values):
            counts = np.bincount(key * size + values, minlength=size * keys)
            return np.repeat(np.tile(np.arange(size, dtype=np.float64), keys), counts)
        if size * keys < 2**63:
            both = np.sort(key * size + values)
            return (both % size).astype(np.float64)
    order = np.lexsort((values, key))
    return values[order].astype(np.float64)
