"""The one group-and-sum: measures are added up in an engine and return as a canonical frame.

It is one Narwhals expression over integers, so that pandas, Polars, DuckDB, Dask and PySpark give
the same answer to the last microsecond and micro-minute. The starts of local periods are computed
here and passed to the engine as numbers, so the time zones of engines are not used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.errors import QueryError, refusal
from usage_analysis.tidy import zones
from usage_analysis.tidy.frames import LAG, from_integers
from usage_analysis.tidy.periods import aggregate, calendar, in_timezone
from usage_analysis.tidy.wire import MEASURES
from usage_analysis.tidy.zones import HOUR, Instants

if TYPE_CHECKING:
    import narwhals as nw

Rows = NDArray[np.intp]

#: The canonical columns, and the integer columns that engines add up.
STORED = {name: name for name in MEASURES} | {"billed_minutes": "billed_micro"}

#: The longest frame that is handed back: over 1 GB in pandas.
MOST_ROWS = 20_000_000

#: What stands between values where several make one group.
BETWEEN = " / "


@dataclass(frozen=True)
class Window:
    """Hours in [start, end) on the clock of a zone, known as of a moment [us since 1970, UTC]."""

    start: int
    end: int
    as_of: int
    zone: tzinfo

    def hours(self) -> Instants:
        """Return the UTC hours that had begun [us]."""
        low, high = self.start // HOUR * HOUR, min(self.end, self.as_of + 1)
        return np.arange(low, high, HOUR, dtype=np.int64)

    def empty(self) -> pd.DataFrame:
        """Return a canonical hourly frame without calls, UTC."""
        hours = self.hours()
        waiting = hours + HOUR > self.as_of - LAG
        none = np.zeros(len(hours), dtype=np.int64)
        frame = pd.DataFrame(
            {"total_count": none, "provisional": waiting}, zones.to_index(hours, UTC)
        )
        frame.attrs["every"] = "h"
        return frame


class Waiting(NamedTuple):
    """Provisional hours of groups."""

    #: Its number.
    group: Rows
    #: When it began [us, UTC].
    hour: Instants


def sum_by_group(
    table: nw.LazyFrame,
    keys: Mapping[str, str],
    every: str,
    window: Window,
    groups: Sequence[str] | None = None,
    waiting: Waiting | None = None,
) -> pd.DataFrame:
    """Return the sums of a table as a canonical frame.

    Parameters
    ----------
    keys
        Names to group by, and their columns.
    groups
        Groups that get rows even without calls; by default the groups with calls.
    waiting
        Provisional hours of these groups; by default they follow from `as_of`.

    Raises
    ------
    QueryError
        `every` is no period, or the answer would be too long.
    """
    if every != "h":
        calendar(every)  # a wrong name is told before the engine starts
    frame, hours = window.empty(), window.hours()
    # UTC hours are divided in a zone whose offset is not whole hours.
    whole = zones.has_whole_hours(window.zone, window.start - HOUR, window.end + HOUR)
    by_hour = every == "h" or len(hours) == 0 or not whole
    plan = _by_hour(hours) if by_hour else _by_period(hours, every, window.zone)
    if not by_hour:
        frame = aggregate(in_timezone(frame, window.zone), every)
    if groups is not None:
        _check_length(len(groups), len(frame))
    sums = _sums(table, list(keys.values()), hours, plan)
    filled = _fill_buckets(sums, keys, groups, frame)
    if waiting is not None:
        filled["provisional"] = _flags(waiting, hours, plan, len(filled))
    return _on_clock(filled, every, window) if by_hour else filled


class _Plan(NamedTuple):
    """Assignment of rows to buckets."""

    #: Number that a bucket's rows share, of `time`.
    bucket: nw.Expr
    #: That number of each bucket, in order.
    numbers: Instants
    #: Place of each hour's bucket among them.
    bucket_of: Rows


def _by_hour(hours: Instants) -> _Plan:
    import narwhals as nw

    return _Plan(nw.col("time") - nw.col("time") % HOUR, hours, np.arange(len(hours)))


def _by_period(hours: Instants, every: str, place: tzinfo) -> _Plan:
    """Return a plan by the local start of each period: a remainder, or a search for months.

    Engines divide integers each in its own way, and slowly; they compare them alike.
    """
    import narwhals as nw

    number, start_of = calendar(every)
    present, bucket_of = np.unique(number(zones.clock_of(hours, place)), return_inverse=True)
    starts = start_of(present)
    time = nw.col("time")
    if every[0] in "DW":
        size = int(start_of(present[:1] + 1)[0]) - int(starts[0])
        since, held = zones.offsets(place, int(hours[0]), int(hours[-1]) + HOUR)
        local = time + _lookup(time, since, held)
        return _Plan(local - (local - int(starts[0])) % size, starts, bucket_of)
    # In UTC, for each comparison would find the local time anew; a clock that is put back over
    # midnight may begin a period twice.
    begins = np.flatnonzero(np.diff(bucket_of, prepend=-1))
    return _Plan(_lookup(time, hours[begins], starts[bucket_of[begins]]), starts, bucket_of)


def _lookup(value: nw.Expr, since: Instants, results: Instants) -> nw.Expr:
    """Return the result of the last entry of `since` that is not after a value, by bisection."""
    import narwhals as nw

    if len(since) == 1:
        return nw.lit(int(results[0]), nw.Int64)
    middle = len(since) // 2
    return (
        nw.when(value < int(since[middle]))
        .then(_lookup(value, since[:middle], results[:middle]))
        .otherwise(_lookup(value, since[middle:], results[middle:]))
    )


def _bounded_sum(total: nw.Expr) -> nw.Expr:
    """Return a sum, or -1 if the sum does not fit into 64 bits.

    The -1 is computed from the sum, because narwhals 2.10 fails at a literal where there are no
    rows.
    """
    import narwhals as nw

    return nw.when(total <= 2**63 - 1).then(total).otherwise(total * 0 - 1)


def _sums(table: nw.LazyFrame, keys: Sequence[str], hours: Instants, plan: _Plan) -> pd.DataFrame:
    """Add integers up by group and bucket, in the engine.

    `_bucket` comes back as the place of the bucket in the plan.
    """
    import narwhals as nw

    kept = [name for name in STORED.values() if name in table.collect_schema()]
    first, last = (int(hours[0]), int(hours[-1])) if len(hours) else (0, -HOUR)
    sums = (
        table.filter(nw.col("time") >= first, nw.col("time") < last + HOUR)
        .select(*keys, *kept, _bucket=plan.bucket)
        .group_by(*keys, "_bucket")
        .agg(nw.col(*kept).sum())
        # Engines add up past 64 bits, come round below 0, or fail at the cast.
        .with_columns(*(_bounded_sum(nw.col(name)) for name in kept))
        .with_columns(nw.col(*kept, "_bucket").cast(nw.Int64))
        .head(MOST_ROWS + 1)
        .collect()
        .to_pandas()
    )
    for name in kept:
        if (sums[name] < 0).any():
            raise QueryError(f"frame: expected sums of {name} that 64 bits hold, got a larger one")
    return sums.assign(_bucket=np.searchsorted(plan.numbers, sums["_bucket"].to_numpy()))


def _number_groups(
    sums: pd.DataFrame, keys: Mapping[str, str], groups: Sequence[str] | None
) -> tuple[Rows, pd.Index]:
    """Return the number of each row's group, and the groups in order."""
    for name, key in keys.items():
        if sums[key].isna().any():
            raise QueryError(f"by: expected a value of {name} in every row, got rows without")
    grouped = sums.groupby(list(keys.values()), sort=True, observed=True)
    found = grouped.size().index
    labels = [value if len(keys) == 1 else BETWEEN.join(map(str, value)) for value in found]
    if len(set(labels)) < len(labels):
        raise QueryError(f'by: expected values without "{BETWEEN}" in {", ".join(keys)}, got some')
    known = pd.Index(labels if groups is None else groups, name=BETWEEN.join(keys))
    return known.get_indexer(pd.Index(labels))[grouped.ngroup()], known


def _fill_buckets(
    sums: pd.DataFrame, keys: Mapping[str, str], groups: Sequence[str] | None, frame: pd.DataFrame
) -> pd.DataFrame:
    """Return the sums in every bucket of an empty frame, once per group."""
    buckets, index = len(frame), frame.index
    code, known = _number_groups(sums, keys, groups) if keys else (0, pd.Index([""]))
    count = len(known)
    _check_length(max(count, -(-len(sums) // max(buckets, 1))), buckets)
    columns: dict[str, Any] = {}
    if keys:
        columns[str(known.name)] = known.repeat(buckets)
        index = index.take(np.tile(np.arange(buckets), count))
    for name, stored in STORED.items():
        if stored in sums:
            values = np.zeros(count * buckets, dtype=np.int64)
            values[code * buckets + sums["_bucket"].to_numpy()] = sums[stored]
            columns[name] = from_integers(values, name)
    for name in frame.columns.drop("total_count"):
        columns[str(name)] = np.tile(frame[name].to_numpy(), count)
    out = pd.DataFrame(columns, index)
    out.attrs["every"] = frame.attrs["every"]
    return out


def _check_length(groups: int, buckets: int) -> None:
    if groups * buckets > MOST_ROWS:
        raise refusal("too_many_rows", most=MOST_ROWS, buckets=buckets, groups=groups)


def _flags(waiting: Waiting, hours: Instants, plan: _Plan, rows: int) -> NDArray[np.bool_]:
    """Mark the provisional rows."""
    flags = np.zeros(rows, dtype=np.bool_)
    if len(hours):
        inside = (waiting.hour >= hours[0]) & (waiting.hour <= hours[-1])
        bucket = plan.bucket_of[(waiting.hour[inside] - hours[0]) // HOUR]
        flags[waiting.group[inside] * len(plan.numbers) + bucket] = True
    return flags


def _on_clock(hourly: pd.DataFrame, every: str, window: Window) -> pd.DataFrame:
    """Return the hours of a window in its time zone, or their sums by period."""
    local = in_timezone(hourly, window.zone)
    times = zones.row_times(local)
    inside = (times > window.start - HOUR) & (times < window.end)
    if not inside.all():
        local = local[inside]
    return local if every == "h" else aggregate(local, every)
