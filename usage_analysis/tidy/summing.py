"""The one group-and-sum: measures added up inside an engine, a small canonical frame handed back.

It is one Narwhals expression over integers, so that pandas, Polars, DuckDB, Dask and PySpark give
the same answer to the last microsecond and micro-minute. Where the periods of a local clock begin
is found here and handed to the engine as numbers: no engine's own time zones are asked.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.errors import QueryError
from usage_analysis.query import UsageQuery, zone
from usage_analysis.tidy.frames import BILLING_LAG, check_group_name
from usage_analysis.tidy.periods import aggregate, calendar, in_timezone
from usage_analysis.tidy.zones import (
    DAY,
    HOUR,
    Instants,
    clock_of,
    first_instants,
    offsets,
    row_times,
    to_index,
)

if TYPE_CHECKING:
    import narwhals as nw

STORED = {
    "total_count": "total_count",
    "error_count": "error_count",
    "joined_count": "joined_count",
    "duration": "duration",
    "billed_minutes": "billed_micro",
}
"""The canonical columns, and the integer columns that engines add up."""

MOST_ROWS = 20_000_000
"""The longest frame that is handed back: over 1 GB in pandas."""

_BETWEEN = " / "
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


def sum_usage(
    frame: Any,
    *,
    by: str | Sequence[str] = (),
    every: str = "h",
    where: Mapping[str, object] | None = None,
    from_date: datetime | date | str | None = None,
    to_date: datetime | date | str | None = None,
    timezone: str | tzinfo = "UTC",
    as_of: datetime | str | None = None,
) -> pd.DataFrame:
    """Sums of a large table by group and bucket, made by the engine that holds it.

    The table has the columns of the archive's Parquet files, all int64: `time`, the start of the
    hour [us since 1970, UTC]; `total_count`, `error_count`, `joined_count` [calls]; `duration`
    [us]; `billed_micro` [millionths of a minute]; `fetched`, when the reply was made [us since
    1970, UTC]. Others, such as `scope`, are there to group by. Each hour of a scope is in it once;
    hours without calls may be missing.

    Needs the extra ``archive``: ``pip install "usage-analysis[archive]"``; the extras ``dask`` and
    ``spark`` bring those engines.

    Parameters
    ----------
    frame
        A DataFrame of Dask or PySpark, a DuckDB relation, a Polars LazyFrame or DataFrame, a
        PyArrow Table or a pandas DataFrame. The engine reads and adds up and only sums come back,
        so the table may be larger than memory where the engine can do that. Files on object storage
        are read by the engine's own means, for Dask through fsspec:
        ``dask.dataframe.read_parquet("s3://bucket/usage/hourly", storage_options={...})``.
    by
        Columns to group by. Several become one, named like ``"agent / voice"``, since helpers take
        one group column.
    every
        ``"h"``, or a period of `aggregate`: ``"D"``, ``"W"``, ``"MS"``, ``"QS"``, ``"YS"``.
    where
        By column, the value to keep, or a list of values.
    from_date, to_date
        Both inclusive: a date means its whole day in `timezone`, a date and time has a zone of its
        own. Without them the window is the days from the first row to the last.
    timezone
        Whose days, weeks and months: an IANA name or a tzinfo. For a zone off the hour every hour
        comes back to be divided, so the answer costs as much as one by hour.
    as_of
        When the last reply was made, with its zone. Without it the latest `fetched`; where there is
        no such column, the end of the last day.

    Returns
    -------
    DataFrame
        What `in_timezone` and `aggregate` make of the whole canonical frame: index `time` in the
        zone; the group as first column; counts int64, `duration` timedelta64[us], `billed_minutes`
        float64 [min]; `provisional`; for periods `hours` and `complete` too. Each group has a row
        for every bucket of the window that had begun at `as_of`; groups are sorted.

    Raises
    ------
    QueryError
        An argument or a column that does not fit, or an answer of more than 20 million rows.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> hours = 1_772_323_200_000_000 + 3_600_000_000 * np.array([0, 1, 25, 1])
    >>> table = pd.DataFrame({"scope": list("aaab"), "time": hours, "total_count": [1, 2, 4, 8]})
    >>> sum_usage(table, by="scope", every="D")[["scope", "total_count", "complete"]]
                              scope  total_count  complete
    time
    2026-03-01 00:00:00+00:00     a            3      True
    2026-03-02 00:00:00+00:00     a            4      True
    2026-03-01 00:00:00+00:00     b            8      True
    2026-03-02 00:00:00+00:00     b            0      True
    """
    keys = [by] if isinstance(by, str) else list(by)
    table = as_table(frame)
    _check_columns(table, keys, where or {})
    table = chosen(table, where or {})
    window = _window(table, from_date, to_date, zone(timezone), as_of)
    return summed(table, keys, every, window)


@dataclass(frozen=True)
class Window:
    """Hours in [start, end) on the clock of a zone, known as of a moment [us since 1970, UTC]."""

    start: int
    end: int
    as_of: int
    zone: tzinfo

    @property
    def divides(self) -> bool:
        """Whether the zone's clock cuts UTC hours in two."""
        since, held = offsets(self.zone, self.start - HOUR, self.end + HOUR)
        return bool(np.any(held % HOUR) or np.any(since[1:] % HOUR))

    def hours(self) -> Instants:
        """Each UTC hour that had begun [us]."""
        low, high = self.start // HOUR * HOUR, min(self.end, self.as_of + 1)
        return np.arange(low, high, HOUR, dtype=np.int64)

    def empty(self) -> pd.DataFrame:
        """Canonical hourly frame without calls, UTC."""
        hours = self.hours()
        waiting = hours + HOUR > self.as_of - BILLING_LAG // _TICK
        none = np.zeros(len(hours), dtype=np.int64)
        return pd.DataFrame({"total_count": none, "provisional": waiting}, to_index(hours, UTC))


def as_table(frame: Any) -> nw.LazyFrame:
    """Narwhals' view of an engine's frame.

    Raises
    ------
    QueryError
        Narwhals is not installed, or it is no frame that it knows.
    """
    try:
        import narwhals as nw
    except ImportError:
        raise QueryError(
            'expected the extra "archive"; pip install "usage-analysis[archive]"'
        ) from None
    try:
        with warnings.catch_warnings():
            # A package that is to come; the extra `dask` bounds narwhals to those that need none.
            warnings.filterwarnings("ignore", "Dask support is moving", FutureWarning)
            table: nw.LazyFrame = nw.from_native(frame).lazy()
    except TypeError:
        raise QueryError(
            "frame: expected a DataFrame of Dask, PySpark, Polars or pandas, a DuckDB relation or "
            f"a PyArrow Table, got {type(frame).__name__}"
        ) from None
    return table


def _check_columns(table: nw.LazyFrame, keys: Sequence[str], where: Mapping[str, object]) -> None:
    schema = table.collect_schema()
    for argument, names in (("by", keys), ("where", list(where))):
        for name in names:
            if name not in schema:
                raise QueryError(
                    f"{argument}: expected one of the columns {', '.join(schema)}, got {name!r}"
                )
    for name in keys:
        check_group_name(name)
    if len(set(keys)) < len(keys):
        raise QueryError(f"by: expected each column once, got {keys!r}")
    for name in ("time", "total_count", *STORED.values()):
        held = schema.get(name)
        if (held is None and name in ("time", "total_count")) or (held and not held.is_integer()):
            raise QueryError(
                f"frame: expected a column {name} of integers, as in the archive's files, got "
                f"{'none' if held is None else held}"
            )


def chosen(table: nw.LazyFrame, where: Mapping[str, object]) -> nw.LazyFrame:
    """Rows whose columns have one of the values."""
    import narwhals as nw

    for name, values in where.items():
        several = isinstance(values, Iterable) and not isinstance(values, str)
        table = table.filter(nw.col(name).is_in(list(values) if several else [values]))  # type: ignore[call-overload]  # several says so
    return table


def _window(
    table: nw.LazyFrame,
    from_date: datetime | date | str | None,
    to_date: datetime | date | str | None,
    place: tzinfo,
    as_of: datetime | str | None,
) -> Window:
    import narwhals as nw

    asked = UsageQuery(from_date=from_date, to_date=to_date)
    start, end = _on(place, from_date, asked.start), _on(place, to_date, asked.end)
    moment = None if as_of is None else _microseconds(as_of)
    if start is None or end is None or moment is None:
        seen = {"low": nw.col("time").min(), "high": nw.col("time").max()}
        if "fetched" in table.collect_schema():
            seen["fetched"] = nw.col("fetched").max()
        found = table.select(**seen).collect().to_dict(as_series=False)
        low, high, *fetched = (value for (value,) in found.values())
        if low is None or low != low:  # of no rows pandas makes NaN
            if start is None or end is None:
                raise QueryError("frame: expected rows, or from_date and to_date, got no row")
            low, high, fetched = start, end - HOUR, []
        first, last = clock_of(np.array([low, high + HOUR - 1]), place) // DAY * DAY
        days = first_instants(place, np.array([first, last + DAY]))
        start = int(days[0]) if start is None else start
        end = int(days[1]) if end is None else end
        moment = moment if moment is not None else fetched[0] if fetched else _all_over(end)
    return Window(start, end, moment, place)


def _all_over(end: int) -> int:
    """A moment at which no bucket before `end` is provisional any more."""
    return end + BILLING_LAG // _TICK


def _on(place: tzinfo, given: object, instant: datetime | None) -> int | None:
    """An end of the window [us, UTC]; where a day was given, that day's on the clock of a place."""
    if instant is None:
        return None
    at = (instant - _EPOCH) // _TICK
    is_day = len(given) <= 10 if isinstance(given, str) else not isinstance(given, datetime)
    return int(first_instants(place, np.array([at]))[0]) if is_day else at


def _microseconds(as_of: datetime | str) -> int:
    moment = pd.Timestamp(as_of)
    if moment.tzinfo is None:
        raise QueryError(f"as_of: expected a date and time with its zone, got {as_of!r}")
    return (moment.to_pydatetime() - _EPOCH) // _TICK


def summed(
    table: nw.LazyFrame,
    keys: Sequence[str],
    every: str,
    window: Window,
    groups: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Canonical frame of a table's sums; `groups` have rows even without calls."""
    if every != "h":
        calendar(every)  # a wrong name is told before the engine starts
    frame = window.empty()
    hours = row_times(frame)
    if every == "h" or len(hours) == 0 or window.divides:
        hourly = _filled(_sums(table, keys, hours, _by_hour(hours)), keys, frame, groups)
        return _on_clock(hourly, every, window)
    periods = aggregate(in_timezone(frame, window.zone), every)
    return _filled(
        _sums(table, keys, hours, _by_period(hours, every, window.zone)), keys, periods, groups
    )


class _Plan(NamedTuple):
    """Which rows go into which bucket."""

    bucket: nw.Expr
    """Number that a bucket's rows share, of `time`."""
    numbers: Instants
    """That number of each bucket, in order."""


def _by_hour(hours: Instants) -> _Plan:
    import narwhals as nw

    return _Plan(nw.col("time") - nw.col("time") % HOUR, hours)


def _by_period(hours: Instants, every: str, place: tzinfo) -> _Plan:
    """Plan by the local start of each period: a remainder where all are of one length, else sought.

    Engines divide integers each in its own way, and slowly; they compare them alike.
    """
    import narwhals as nw

    since, held = offsets(place, int(hours[0]), int(hours[-1]) + HOUR)
    local = nw.col("time") + _sought(nw.col("time"), since, held)
    number, start_of = calendar(every)
    present = np.unique(number(clock_of(hours, place)))
    starts = start_of(present)
    size = int(start_of(present[:1] + 1)[0]) - int(starts[0])
    if every[0] in "DW":
        return _Plan(local - (local - int(starts[0])) % size, starts)
    return _Plan(_sought(local, starts, starts), starts)


def _sought(value: nw.Expr, since: Instants, results: Instants) -> nw.Expr:
    """The result of the last of `since` that is not after a value, by halving."""
    import narwhals as nw

    if len(since) == 1:
        return nw.lit(int(results[0]), nw.Int64)
    middle = len(since) // 2
    return (
        nw.when(value < int(since[middle]))
        .then(_sought(value, since[:middle], results[:middle]))
        .otherwise(_sought(value, since[middle:], results[middle:]))
    )


def _sums(table: nw.LazyFrame, keys: Sequence[str], hours: Instants, plan: _Plan) -> pd.DataFrame:
    """The definition: integers added up by group and bucket, in the engine.

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
        .with_columns(nw.col(*kept, "_bucket").cast(nw.Int64))
        .head(MOST_ROWS + 1)
        .collect()
        .to_pandas()
    )
    return sums.assign(_bucket=np.searchsorted(plan.numbers, sums["_bucket"].to_numpy()))


def _filled(
    sums: pd.DataFrame, keys: Sequence[str], frame: pd.DataFrame, groups: Sequence[str] | None
) -> pd.DataFrame:
    """The sums in every bucket of a frame without calls, once a group."""
    code, known = _grouped(sums, keys, groups)
    count, buckets = 1 if known is None else len(known), len(frame)
    if count * buckets > MOST_ROWS or len(sums) > MOST_ROWS:
        raise QueryError(
            f"every: expected an answer of at most {MOST_ROWS:,} rows, got {buckets:,} buckets in "
            f"each of {count:,} groups; ask for longer buckets, a shorter window or fewer groups"
        )
    place = code * buckets + sums["_bucket"].to_numpy()
    columns: dict[str, Any] = {}
    for name, kept in STORED.items():
        if kept in sums:
            columns[name] = np.zeros(count * buckets, dtype=np.int64)
            columns[name][place] = sums[kept].to_numpy()
    if "duration" in columns:
        columns["duration"] = columns["duration"].view("m8[us]")
    if "billed_minutes" in columns:
        columns["billed_minutes"] = columns["billed_minutes"] / 1e6
    for name in frame.columns.drop("total_count"):
        columns[str(name)] = np.tile(frame[name].to_numpy(), count)
    if known is None:
        return pd.DataFrame(columns, frame.index)
    columns = {str(known.name): known.repeat(buckets), **columns}
    return pd.DataFrame(columns, frame.index.take(np.tile(np.arange(buckets), count)))


def _grouped(
    sums: pd.DataFrame, keys: Sequence[str], groups: Sequence[str] | None
) -> tuple[NDArray[np.intp], pd.Index | None]:
    """Number of each row's group, and the groups in order; 0 and None where all are one."""
    if not keys:
        return np.zeros(len(sums), dtype=np.intp), None
    for key in keys:
        if sums[key].isna().any():
            raise QueryError(f"by: expected a value of {key} in every row, got rows without")
    grouped = sums.groupby(list(keys), sort=True, observed=True)
    found = grouped.size().index
    labels = [value if len(keys) == 1 else _BETWEEN.join(map(str, value)) for value in found]
    if len(set(labels)) < len(labels):
        raise QueryError(f'by: expected values without "{_BETWEEN}" in {", ".join(keys)}, got some')
    known = pd.Index(labels if groups is None else groups, name=_BETWEEN.join(keys))
    return known.get_indexer(pd.Index(labels))[grouped.ngroup()], known


def _on_clock(hourly: pd.DataFrame, every: str, window: Window) -> pd.DataFrame:
    """Hours of a window on the clock of its zone, or the sums of their periods."""
    local = in_timezone(hourly, window.zone)
    times = row_times(local)
    inside = (times > window.start - HOUR) & (times < window.end)
    if not inside.all():
        local = local[inside]
    return local if every == "h" else aggregate(local, every)
