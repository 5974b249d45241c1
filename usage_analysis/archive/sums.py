"""Sums over an archive by group and bucket, computed by an engine from its files."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import date, datetime, tzinfo
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.archive import client, coverage
from usage_analysis.archive.coverage import NewestFetches, StaleFile
from usage_analysis.archive.store import Part, PartStore
from usage_analysis.errors import QueryError, refusal
from usage_analysis.query import UsageQuery, zone
from usage_analysis.tidy import frames
from usage_analysis.tidy.engine_sums import BETWEEN, STORED, Waiting, Window, sum_by_group
from usage_analysis.tidy.engines import as_list, as_table, ends_of
from usage_analysis.tidy.zones import DAY, HOUR

if TYPE_CHECKING:
    import narwhals as nw
    import pyarrow as pa

#: Filters of a scope by name, as an archive stores them.
Filters = Mapping[str, Any]


def label_scopes(
    scopes: Mapping[str, Filters],
    by: Sequence[str],
    where: Mapping[str, object],
    without: Mapping[str, object],
) -> dict[str, tuple[str, ...]]:
    """Return the labels of each selected scope, one per key.

    Scopes without one of the keys are left out.

    Parameters
    ----------
    scopes
        Filters of every scope.
    by
        Keys: ``"scope"``, a filter (``"agent_ids"``, ``"metadata.tenant"``) or a name under which
        `sync_groups` stored groups.
    where, without
        Value or values to keep, and to leave out, by key.

    Raises
    ------
    QueryError
        No scope has a key or a value, or two scopes of one group may share calls.
    """
    keys = {scope: _keys_of(scope, filters) for scope, filters in scopes.items()}
    # Each condition narrows the scopes further, so a value has to occur among those that are left.
    kept = list(scopes)
    for argument, given in (("where", where), ("without", without)):
        for name, values in given.items():
            wanted, found = _normalize(name, values), _column(argument, name, kept, keys)
            inside = {scope: bool(own) and own <= wanted for scope, own in found.items()}
            if argument == "without":
                inside = {scope: not own & wanted for scope, own in found.items()}
            kept = [scope for scope in kept if inside[scope]]
            there = frozenset().union(*found.values())
            if not kept or not wanted <= there:
                unknown = ", ".join(sorted(wanted - there or wanted)[:10])
                known = ", ".join(sorted(there)[:10])
                raise QueryError(f"{argument}: unknown {name} {unknown}; known: {known}")
    columns = [_column("by", name, kept, keys) for name in by]
    joined = {one: tuple(", ".join(sorted(each[one])) for each in columns) for one in kept}
    labels = {scope: label for scope, label in joined.items() if all(label)}
    if not labels:
        raise QueryError(f"by: no scope has all of {', '.join(by)}")
    # The scopes of a group must differ in a filter with one value per call.
    members: dict[tuple[str, ...], dict[str, Filters]] = {}
    for scope, label in labels.items():
        members.setdefault(label, {})[scope] = scopes[scope]
    for together in members.values():
        if pair := frames.find_overlap(together):
            raise refusal("shared_scopes", one=pair[0], other=pair[1])
    return labels


def _keys_of(scope: str, filters: Filters) -> dict[str, frozenset[str]]:
    """Return the values of a scope by key: its name, its group and its filters."""
    family, _, group = scope.partition("/")
    given = {family: group} if group else {}
    given |= {f"metadata.{key}": value for key, value in filters.get("metadata", {}).items()}
    given |= {name: value for name, value in filters.items() if name != "metadata"}
    return {name: frozenset(map(str, as_list(v))) for name, v in (given | {"scope": scope}).items()}


def _column(
    argument: str, name: str, scopes: Iterable[str], keys: Mapping[str, dict[str, frozenset[str]]]
) -> dict[str, frozenset[str]]:
    """Return the values of scopes under a key; an empty set for a scope without it."""
    found = {scope: keys[scope].get(name, frozenset()) for scope in scopes}
    if not any(found.values()):
        known = ", ".join(sorted(set().union(*keys.values())))
        raise QueryError(f"{argument}: unknown key {name!r}; known keys: {known}")
    return found


def check_scope_name(scope: object) -> str:
    """Check and return the name of a scope, or of one of its groups.

    Raises
    ------
    QueryError
        The name is empty or not printable.
    """
    if not isinstance(scope, str) or not scope.strip() or not scope.isprintable():
        raise QueryError(f"scope: expected a name in printable characters, got {scope!r:.80}")
    return scope


def check_family_name(name: str) -> str:
    """Check and return a name to store groups under; each is the scope ``<name>/<group>``.

    Raises
    ------
    QueryError
        The name is empty, not printable or contains a slash.
    """
    if "/" in name:
        raise QueryError(f'name: expected a name without "/", got {name!r}')
    return check_scope_name(name)


def _normalize(name: str, values: object) -> frozenset[str]:
    listed = as_list(values)
    if name == "agent_ids":
        return frozenset(UsageQuery(agent_ids=listed).as_dict()["agent_ids"])
    if name == "voice_id":
        return frozenset(UsageQuery(voice_id=one).as_dict()["voice_id"] for one in listed)
    return frozenset(map(str, listed))


Read = Callable[[list[str]], Any]
Native = Callable[["pa.Table", Any], Any]
Day = datetime | date | str | None

_FEW = 1_000  # up to so many scopes are also filtered by name, so that engines skip row groups


def sum_parts(
    store: PartStore,
    by: Sequence[str],
    every: str,
    conditions: tuple[Mapping[str, object], Mapping[str, object]],
    window: tuple[Day, Day, str | tzinfo],
    engine: Callable[[], AbstractContextManager[tuple[Read, Native]]],
) -> pd.DataFrame:
    """Compute the sums over the files of a store.

    Parameters
    ----------
    by, every
        As in `Archive.sum_usage`.
    conditions
        Values to keep and values to leave out, by key.
    window
        First day, last day and time zone.
    engine
        Function that opens the engine.
    """
    for name in by:
        frames.check_group_name(name)
    if len(set(by)) < len(by):
        raise QueryError(f"by: expected each name once, got {list(by)!r}")
    parts = store.all_parts()
    asked = coverage.scope_queries(parts, coverage.scope_names(parts))
    filters = {scope: one.query for scope, one in asked.items()}
    labels = label_scopes(filters, by, *conditions)
    scopes = sorted(labels)
    for scope in scopes:
        if {"time_of_day_start", "time_of_day_end"} & filters[scope].keys():
            raise refusal("part_days", scope=scope)
    hours, known = _find_window(parts, scopes, window)
    names = [BETWEEN.join(labels[scope]) for scope in scopes]
    groups, code = np.unique(names, return_inverse=True)
    keys = {name: "scope" if name == "scope" else f"_{place}" for place, name in enumerate(by)}
    first = hours.start // DAY
    waiting = _provisional_hours(code, known, first)
    files = coverage.find_stale_files(parts, scopes, known, first)
    with engine() as (read, native):
        table = _read_current_rows(files, scopes, read, native)
        if len(scopes) < len(filters) or by not in ((), ("scope",)):
            table = _join_labels(table, labels, native)
        with _compaction_errors(files):
            listed = groups.tolist() if by else None
            found = sum_by_group(table, keys, every, hours, listed, waiting)
    if any(asked[scope].source == "sample" for scope in scopes):
        found.attrs["source"] = "sample"
    if by and frames.overlapping_pair({scope: filters[scope] for scope in scopes}) is not None:
        frames.mark_overlap(found)
    return found


def _find_window(
    parts: Sequence[Part], scopes: Sequence[str], window: tuple[Day, Day, str | tzinfo]
) -> tuple[Window, NewestFetches]:
    from_date, to_date, timezone = window
    place = zone(timezone)
    start, end = ends_of(from_date, to_date, place)
    held = coverage.scope_bounds(parts, scopes)
    low = int(held.first.min()) * DAY if start is None else start // HOUR * HOUR
    high = (int(held.last.max()) + 1) * DAY if end is None else -(-end // HOUR) * HOUR
    whole = client.Window(low, high, low // DAY, (high - 1) // DAY)
    as_of, known = client.find_fetches(parts, scopes, whole)
    return Window(start or low, end or high, as_of, place), known


@contextmanager
def open_engine(read: Read | None, memory_limit: str | None) -> Iterator[tuple[Read, Native]]:
    """Yield a function that reads files, and one that copies a small table into the engine."""
    if read is not None:
        yield read, _to_engine
        return
    try:
        import duckdb
    except ImportError:
        raise QueryError('sum_usage needs duckdb: pip install "usage-analysis[archive]"') from None
    # Sums that exceed the memory limit spill to this folder.
    with tempfile.TemporaryDirectory(prefix="usage-analysis-") as folder:
        limit = {} if memory_limit is None else {"memory_limit": memory_limit}
        try:
            connection = duckdb.connect(":memory:", config={"temp_directory": folder, **limit})
        except (duckdb.InvalidInputException, duckdb.ParserException):
            raise refusal("memory_limit", got=memory_limit) from None
        with connection:
            # DuckDB would draw its bar on standard output.
            connection.execute("SET enable_progress_bar = false")
            try:
                yield (
                    lambda paths: connection.read_parquet(paths, hive_partitioning=False),
                    lambda small, _: connection.from_arrow(small),
                )
            except duckdb.OutOfMemoryException:
                raise refusal("no_memory", limit=memory_limit or "there is") from None


def _provisional_hours(code: NDArray[np.intp], known: NewestFetches, first: int) -> Waiting:
    """Return the hours that had not ended or were not billed when their day was fetched."""
    starts = (first + np.arange(known.fetched.shape[1])) * DAY
    scope, day = np.nonzero((known.fetched >= 0) & (known.fetched < starts + DAY + frames.LAG))
    hours = starts[day][:, None] + np.arange(24) * HOUR
    late = hours + HOUR > known.fetched[scope, day][:, None] - frames.LAG
    return Waiting(np.broadcast_to(code[scope][:, None], hours.shape)[late], hours[late])


def _read_current_rows(
    files: Sequence[StaleFile], scopes: Sequence[str], read: Read, native: Native
) -> "nw.LazyFrame":
    """Read the rows of the newest fetches."""
    import narwhals as nw
    from pyarrow import compute

    columns = ["scope", "time", *STORED.values()]
    whole = [file for file in files if not len(file.day)]
    mixed = [file for file in files if len(file.day) and not file.twin]
    # What is stale in one file of two fetches of one instant counts in the other.
    alone = [[file] for file in files if file.twin]
    tables = [as_table(read([str(file.path) for file in whole])).select(columns)] if whole else []
    for some in [mixed, *alone] if mixed else alone:
        rows = read([str(file.path) for file in some])
        stale = coverage.build_stale_table(some, scopes)
        stale = stale.drop_columns("day").append_column("_day", compute.multiply(stale["day"], DAY))
        tables.append(
            as_table(rows)
            .with_columns(_day=nw.col("time") - nw.col("time") % DAY)
            .join(as_table(native(stale, rows)), on=["scope", "_day", "fetched"], how="anti")
            .select(columns)
        )
    return tables[0] if len(tables) == 1 else nw.concat(tables)


def _join_labels(
    table: "nw.LazyFrame", labels: Mapping[str, tuple[str, ...]], native: Native
) -> "nw.LazyFrame":
    """Keep the rows of labelled scopes; the labels become columns `_0`, `_1` and so on."""
    import narwhals as nw
    import pyarrow as pa

    scopes = sorted(labels)
    if len(scopes) <= _FEW:
        table = table.filter(nw.col("scope").is_in(scopes))
    columns = {"scope": scopes}
    for place, values in enumerate(zip(*(labels[scope] for scope in scopes), strict=True)):
        columns[f"_{place}"] = list(values)
    small = as_table(native(pa.table(columns), nw.to_native(table)))
    return table.join(small, on="scope", how="inner")


def _to_engine(small: "pa.Table", like: Any) -> Any:
    """Convert a small table to the engine of another frame."""
    import narwhals as nw

    engine = as_table(like).implementation
    if engine.is_dask():
        import dask.dataframe as dd

        return dd.from_pandas(small.to_pandas(), npartitions=1)  # type: ignore[no-untyped-call, unused-ignore]  # typed for whom it is there
    if engine.is_pyspark():
        return like.sparkSession.createDataFrame(small)
    if engine.is_pandas() or engine.is_polars():
        return nw.from_arrow(small, backend=engine).to_native()
    raise refusal("other_engine", engine=engine.name.lower())


@contextmanager
def _compaction_errors(files: Sequence[StaleFile]) -> Iterator[None]:
    """Raise FileNotFoundError instead of an engine's own error if a file was compacted."""
    try:
        yield
    except Exception:
        if all(file.path.exists() for file in files):
            raise
        raise FileNotFoundError("a part was compacted meanwhile") from None
