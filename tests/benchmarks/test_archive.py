"""The archive against files that a user would write: size, an update, all rows, a scope's month.

A year of hours of 120 scopes, about a million rows; each has its rival in the same run. What the
layout was chosen for is asserted; run with `-s` and `--benchmark-only` to see the times.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from time import process_time

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import usage_analysis as ua
from usage_analysis.archive.coverage import ScopeCoverage, months_between
from usage_analysis.archive.store import PartStore
from usage_analysis.archive.writing import Rows

SCOPES, DAY, HOUR = 120, 86_400_000_000, 3_600_000_000
NAMES = [f"tenant/{number:03}" for number in range(SCOPES)]
MONTHS = months_between(20_454, 20_454 + 364)  # 2026
FETCHED = 20_454 * DAY + 400 * DAY


def days_in_month(month: str) -> range:
    """Numbers of the days in a month."""
    first, end = (
        (np.datetime64(month, "M") + np.arange(2)).astype("M8[D]").astype(np.int64).tolist()
    )
    return range(first, end)


def month_rows(month: str, fetched: int, days: range | None = None) -> Rows:
    """Hours of a month of every scope, all with calls; talk is random to the microsecond."""
    chance = np.random.default_rng(days_in_month(month)[0])
    days = days or days_in_month(month)
    hours = np.arange(days[0] * DAY, (days[-1] + 1) * DAY, HOUR)
    count = SCOPES * len(hours)
    size = chance.gamma(1.0, 3.0, SCOPES).repeat(len(hours))
    shape = 1.2 + np.sin((np.tile(hours, SCOPES) // HOUR % 24 - 6) / 24 * 2 * np.pi)
    calls = chance.poisson(size * shape) + 1
    joined = chance.binomial(calls, 0.75)
    talk = (chance.gamma(np.maximum(joined, 1), 180e6) * (joined > 0)).astype(np.int64)
    billed = -(-talk // 6_000_000) * 100_000
    values = np.stack([calls, chance.binomial(calls, 0.02), joined, talk, billed], axis=1)
    code = np.arange(SCOPES, dtype=np.int32).repeat(len(hours))
    return Rows(NAMES, code, np.tile(hours, SCOPES), np.full(count, fetched), values)


def write(store: PartStore, month: str, fetched: int, days: range | None = None) -> None:
    held = days or days_in_month(month)
    coverage = {
        name: ScopeCoverage({}, "sample", [(held[0], len(held), fetched)], []) for name in NAMES
    }
    store.write({month: (month_rows(month, fetched, days), coverage)})


@pytest.fixture(scope="module")
def year(tmp_path_factory):
    """The archive, and the same rows as one table."""
    folder = tmp_path_factory.mktemp("year")
    archive = ua.Archive(folder / "archive")
    for month in MONTHS:
        write(PartStore(archive.path), month, FETCHED)
    paths = sorted(archive.path.rglob("*.parquet"))
    return archive, pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)


def test_bytes_a_row(year, tmp_path):
    """Bytes a row beside pandas' own Parquet, DuckDB's file and SQLite; talk has 4 of chance."""
    archive, rows = year
    rows.to_parquet(tmp_path / "pandas.parquet")
    with sqlite3.connect(tmp_path / "rows.sqlite") as base:
        rows.to_sql("rows", base, index=False)
    with duckdb.connect(str(tmp_path / "rows.duckdb")) as base:
        base.register("rows", rows)
        base.execute("CREATE TABLE kept AS FROM rows")
        base.execute("CHECKPOINT")
    sizes = {
        "archive": sum(path.stat().st_size for path in archive.path.rglob("*.parquet")),
        "pandas": (tmp_path / "pandas.parquet").stat().st_size,
        "duckdb": (tmp_path / "rows.duckdb").stat().st_size,
        "sqlite": (tmp_path / "rows.sqlite").stat().st_size,
    }
    print({name: round(size / len(rows), 2) for name, size in sizes.items()}, len(rows), "rows")
    assert sizes["archive"] < sizes["pandas"] < sizes["duckdb"] < sizes["sqlite"]


def seconds(work: Callable[[], object]) -> float:
    """Least of the cores' time that some work takes [s]."""
    took = []
    for _ in range(5):
        start = process_time()
        work()
        took.append(process_time() - start)
    return min(took)


def test_files_by_month(year, tmp_path):
    """Reading all rows and one scope's month: a file a month, a file a scope and one file."""
    archive, rows = year
    rows.to_parquet(tmp_path / "all.parquet", index=False, compression="zstd")
    scopes = tmp_path / "scopes"
    scopes.mkdir()
    for number, (_, own) in enumerate(rows.groupby("scope")):
        own.to_parquet(scopes / f"{number:03}.parquet", index=False, compression="zstd")
    months = sorted(archive.path.rglob("*.parquet"))
    days = days_in_month(MONTHS[5])
    time = [("time", ">=", days[0] * DAY), ("time", "<", (days[-1] + 1) * DAY)]
    wanted = [("scope", "==", NAMES[60]), *time]

    def read(*paths: Path, filters: list | None = None) -> int:
        return sum(
            pq.read_table(path, filters=filters, partitioning=None).num_rows for path in paths
        )

    month = months[5]
    assert month.parent.name == MONTHS[5]
    whole = {
        "by month": lambda: read(*months),
        "by scope": lambda: read(*sorted(scopes.iterdir())),
        "one file": lambda: read(tmp_path / "all.parquet"),
    }
    part = {
        "by month": lambda: read(month, filters=wanted),
        "by scope": lambda: read(scopes / "060.parquet", filters=time),
        "one file": lambda: read(tmp_path / "all.parquet", filters=wanted),
    }
    assert {work() for work in whole.values()} == {len(rows)}
    assert {work() for work in part.values()} == {len(days) * 24}
    all_rows, a_month = ({name: seconds(one) for name, one in by.items()} for by in (whole, part))
    for title, took in (("all rows", all_rows), ("a scope's month", a_month)):
        print(title, {name: f"{1e3 * time:.0f} ms" for name, time in took.items()})
    assert all_rows["by month"] < 1.5 * all_rows["one file"]
    assert all_rows["by month"] < 0.6 * all_rows["by scope"]
    assert a_month["by month"] < 0.4 * a_month["one file"]


LAST = range(days_in_month(MONTHS[-1])[-8], days_in_month(MONTHS[-1])[-1] + 1)


def test_update(year, tmp_path):
    """What a daily sync writes, as a part beside the others, and with all rows written anew."""
    _, rows = year
    store = PartStore(tmp_path / "archive")
    new = month_rows(MONTHS[-1], FETCHED + DAY, LAST)
    table = pd.DataFrame({"scope": np.array(new.scopes)[new.code], **new.columns})

    def rewrite() -> None:
        kept = rows[rows["time"] < LAST[0] * DAY]
        pd.concat([kept, table]).to_parquet(tmp_path / "all.parquet", compression="zstd")

    appended = seconds(lambda: write(store, MONTHS[-1], FETCHED + DAY, LAST))
    rewritten = seconds(rewrite)
    print(f"an update: a part {1e3 * appended:.0f} ms, all rows {1e3 * rewritten:.0f} ms")
    assert appended < 0.2 * rewritten


@pytest.mark.benchmark(group="update of 8 days of 120 scopes")
def test_compaction_of_a_month(benchmark, year, tmp_path):
    """What every eighth update costs besides: one month written anew."""
    archive, _ = year

    def setup():
        shutil.rmtree(tmp_path / "copy", ignore_errors=True)
        shutil.copytree(archive.path, tmp_path / "copy")
        store = PartStore(tmp_path / "copy")
        for number in range(8):
            write(store, MONTHS[-1], FETCHED + number * DAY, LAST)
        return (ua.Archive(tmp_path / "copy"),), {}

    benchmark.pedantic(lambda copy: copy.compact(), setup=setup, rounds=3)


@pytest.mark.benchmark(group="a scope's month")
def test_load(benchmark, year):
    """A canonical frame, every day known and every file's checksum looked at once."""
    archive, rows = year
    window = (f"{MONTHS[5]}-01", f"{MONTHS[5]}-30")
    usage = benchmark(archive.load, NAMES[60], *window)
    inside = (rows["scope"] == NAMES[60]) & (rows["time"] // DAY).isin(days_in_month(MONTHS[5]))
    assert usage.hourly["total_count"].sum() == rows.loc[inside, "total_count"].sum()


@pytest.mark.benchmark(group="a scope's month")
def test_load_in_a_new_archive(benchmark, year):
    """The same with nothing known yet: checksum and coverage of the month's file are read."""
    archive, _ = year
    window = (f"{MONTHS[5]}-01", f"{MONTHS[5]}-30")
    benchmark(lambda: ua.Archive(archive.path).load(NAMES[60], *window))


@pytest.mark.benchmark(group="a scope's month")
def test_read_from_one_file(benchmark, year, tmp_path: Path):
    """Rows of one big file, sorted alike, found by pyarrow's filter; no frame is made of them."""
    _, rows = year
    rows.to_parquet(tmp_path / "all.parquet", row_group_size=131_072)
    days = days_in_month(MONTHS[5])
    wanted = [
        ("scope", "==", NAMES[60]),
        ("time", ">=", days[0] * DAY),
        ("time", "<", (days[-1] + 1) * DAY),
    ]
    benchmark(lambda: pq.read_table(tmp_path / "all.parquet", filters=wanted).to_pandas())
