"""Sums of a table in a data engine: checks of the arguments, and the window."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, tzinfo
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from usage_analysis.errors import QueryError, refusal
from usage_analysis.query import UsageQuery, zone
from usage_analysis.tidy.engine_sums import STORED, Window, sum_by_group
from usage_analysis.tidy.frames import LAG, check_group_name
from usage_analysis.tidy.usage import parse_as_of
from usage_analysis.tidy.zones import DAY, HOUR, clock_of, first_instants, microseconds

if TYPE_CHECKING:
    import narwhals as nw


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
    """Add up a large table by group and bucket in the engine that holds it.

    The table has the columns of the archive's Parquet files, all int64: `time`, the start of the
    hour [us since 1970, UTC]; `total_count`, `error_count`, `joined_count` [calls]; `duration`
    [us]; `billed_micro` [millionths of a minute]; `fetched`, the time of the reply [us since 1970,
    UTC]. Other columns, such as `scope`, serve to group by. The table has each hour of a scope
    once; hours without calls may be missing.

    Needs the extra ``archive``: ``pip install "usage-analysis[archive]"``; the extras ``dask`` and
    ``spark`` bring those engines.

    Parameters
    ----------
    frame
        A DataFrame of Dask or PySpark, a DuckDB relation, a Polars LazyFrame or DataFrame, a
        PyArrow Table or a pandas DataFrame. The engine reads the table and returns only sums, so
        the table may be larger than memory if the engine allows it. The engine also reads files on
        object storage, Dask for example through fsspec:
        ``dask.dataframe.read_parquet("s3://bucket/usage/hourly", storage_options={...})``.
    by
        Columns to group by. Several columns become one, with a name such as ``"agent / voice"``,
        because helpers take one group column.
    every
        ``"h"``, or a period of `aggregate`: ``"D"``, ``"W"``, ``"MS"``, ``"QS"``, ``"YS"``.
    where
        Value to keep, or a list of values, by column.
    from_date, to_date
        Window, both ends inclusive. A date means its whole day in `timezone`; a date and time needs
        a zone. By default the days from the first row to the last.
    timezone
        Time zone of days, weeks and months: an IANA name or a tzinfo. In a zone off the hour, each
        hour is divided between two local hours, so the sum costs as much as a sum by hour.
    as_of
        Time of the last reply, with its zone. By default the latest `fetched` or, without this
        column, the end of the last day.

    Returns
    -------
    DataFrame
        The result of `in_timezone` and `aggregate` on the whole canonical frame: index `time` in
        the zone; the group as first column; counts int64, `duration` timedelta64[us],
        `billed_minutes` float64 [min]; `provisional`; for periods `hours` and `complete` too. Each
        group has a row for every bucket of the window that had begun at `as_of`; groups are sorted.

    Raises
    ------
    QueryError
        An argument or a column is invalid, or the result would have more than 20 million rows.

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
    keys = as_list(by)
    table = as_table(frame)  # says what to install where narwhals is not
    import narwhals as nw

    _check_columns(table, keys, where or {})
    for name, values in (where or {}).items():
        table = table.filter(nw.col(name).is_in(as_list(values)))
    window = _window(table, from_date, to_date, zone(timezone), as_of)
    return sum_by_group(table, {key: key for key in keys}, every, window)


def as_table(frame: Any) -> "nw.LazyFrame":
    """Return Narwhals' view of an engine's frame.

    Raises
    ------
    QueryError
        Narwhals is not installed, or does not know this kind of frame.
    """
    try:
        import narwhals as nw
    except ImportError:
        raise refusal("no_extra") from None
    try:
        with warnings.catch_warnings():
            # A package that is to come; the extra `dask` bounds narwhals to those that need none.
            warnings.filterwarnings("ignore", "Dask support is moving", FutureWarning)
            table: nw.LazyFrame = nw.from_native(frame).lazy()
    except TypeError:
        raise refusal("no_table", got=type(frame).__name__) from None
    return table


def _check_columns(table: "nw.LazyFrame", keys: Sequence[str], where: Mapping[str, object]) -> None:
    schema = table.collect_schema()
    for argument, names in (("by", keys), ("where", list(where))):
        for name in names:
            if name not in schema:
                columns = ", ".join(schema)
                raise refusal("no_column", argument=argument, columns=columns, name=name)
    for name in keys:
        check_group_name(name)
    if len(set(keys)) < len(keys):
        raise QueryError(f"by: expected each column once, got {keys!r}")
    for name in ("time", "total_count", *STORED.values()):
        held = schema.get(name)
        if (held is None and name in ("time", "total_count")) or (held and not held.is_integer()):
            raise refusal("no_integers", name=name, got="none" if held is None else held)


def as_list(values: object) -> list[Any]:
    """Return one value, or several values, as a list."""
    if isinstance(values, Iterable) and not isinstance(values, str):
        return list(values)
    return [values]


def _window(
    table: "nw.LazyFrame",
    from_date: datetime | date | str | None,
    to_date: datetime | date | str | None,
    place: tzinfo,
    as_of: datetime | str | None,
) -> Window:
    import narwhals as nw

    start, end = ends_of(from_date, to_date, place)
    moment = None if as_of is None else microseconds(parse_as_of(as_of).to_pydatetime())
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
        # From `end + LAG` on no bucket before `end` is provisional any more.
        moment = moment if moment is not None else fetched[0] if fetched else end + LAG
    return Window(start, end, moment, place)


def ends_of(
    from_date: datetime | date | str | None, to_date: datetime | date | str | None, place: tzinfo
) -> tuple[int | None, int | None]:
    """Return the first instant of a window and the first one after it [us since 1970, UTC]."""
    asked = UsageQuery(from_date=from_date, to_date=to_date)
    return _on(place, from_date, asked.start), _on(place, to_date, asked.end)


def _on(place: tzinfo, given: object, instant: datetime | None) -> int | None:
    """Return an end of the window [us, UTC]; a date means its local day in the zone."""
    if instant is None:
        return None
    at = microseconds(instant)
    is_day = len(given) <= 10 if isinstance(given, str) else not isinstance(given, datetime)
    return int(first_instants(place, np.array([at]))[0]) if is_day else at
