"""The archive against files that a user would write: size, an update, a scope's month.

A year of hours of 120 scopes, about a million rows; each has its rival in the same run.
"""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import usage_analysis as ua
from usage_analysis.archive.coverage import Held
from usage_analysis.archive.days import days_of, months_of
from usage_analysis.archive.parts import Shelf
from usage_analysis.archive.rows import Rows

SCOPES, DAY, HOUR = 120, 86_400_000_000, 3_600_000_000
NAMES = [f"tenant/{number:03}" for number in range(SCOPES)]
MONTHS = months_of(20_454, 20_454 + 364)  # 2026
FETCHED = 20_454 * DAY + 400 * DAY


def month_rows(month: str, fetched: int, days: range | None = None) -> Rows:
    """Hours of a month of every scope, all with calls; talk is random to the microsecond."""
    chance = np.random.default_rng(days_of(month)[0])
    days = days or days_of(month)
    hours = np.arange(days[0] * DAY, (days[-1] + 1) * DAY, HOUR)
    count = SCOPES * len(hours)
    size = chance.gamma(1.0, 3.0, SCOPES).repeat(len(hours))
    shape = 1.2 + np.sin((np.tile(hours, SCOPES) // HOUR % 24 - 6) / 24 * 2 * np.pi)
    calls = chance.poisson(size * shape) + 1
    joined = chance.binomial(calls, 0.75)
    talk = (chance.gamma(np.maximum(joined, 1), 180e6) * (joined > 0)).astype(np.int64)
    columns = {
        "time": np.tile(hours, SCOPES),
        "total_count": calls,
        "error_count": chance.binomial(calls, 0.02),
        "joined_count": joined,
        "duration": talk,
        "billed_micro": -(-talk // 6_000_000) * 100_000,
        "fetched": np.full(count, fetched),
    }
    code = np.arange(SCOPES, dtype=np.int32).repeat(len(hours))
    return Rows(NAMES, code, columns)


def write(shelf: Shelf, month: str, fetched: int, days: range | None = None) -> None:
    held = days or days_of(month)
    coverage = {name: Held({}, "sample", [(held[0], len(held), fetched)], []) for name in NAMES}
    shelf.write({month: (month_rows(month, fetched, days), coverage)})


@pytest.fixture(scope="module")
def year(tmp_path_factory):
    """The archive, and the same rows as one table."""
    folder = tmp_path_factory.mktemp("year")
    archive = ua.Archive(folder / "archive")
    for month in MONTHS:
        write(Shelf(archive.path), month, FETCHED)
    paths = sorted(archive.path.rglob("*.parquet"))
    return archive, pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)


def test_bytes_a_row(year, tmp_path):
    """Bytes a row beside pandas' own Parquet and SQLite; talk alone has 4 bytes of chance."""
    archive, rows = year
    rows.to_parquet(tmp_path / "pandas.parquet")
    with sqlite3.connect(tmp_path / "rows.sqlite") as base:
        rows.to_sql("rows", base, index=False)
    sizes = {
        "archive": sum(path.stat().st_size for path in archive.path.rglob("*.parquet")),
        "pandas": (tmp_path / "pandas.parquet").stat().st_size,
        "sqlite": (tmp_path / "rows.sqlite").stat().st_size,
    }
    print({name: round(size / len(rows), 2) for name, size in sizes.items()}, len(rows), "rows")
    assert sizes["archive"] < sizes["pandas"] < sizes["sqlite"]


LAST = range(days_of(MONTHS[-1])[-8], days_of(MONTHS[-1])[-1] + 1)


@pytest.mark.benchmark(group="update of 8 days of 120 scopes")
def test_update_appended(benchmark, tmp_path):
    """What a daily sync writes, on the disk."""
    shelf = Shelf(tmp_path)
    benchmark.pedantic(write, (shelf, MONTHS[-1], FETCHED + DAY, LAST), rounds=7)


@pytest.mark.benchmark(group="update of 8 days of 120 scopes")
def test_update_by_rewriting(benchmark, year, tmp_path):
    """The same rows replaced in one table, written anew."""
    _, rows = year
    new = month_rows(MONTHS[-1], FETCHED + DAY, LAST)
    table = pd.DataFrame({"scope": np.array(new.scopes)[new.code], **new.columns})

    def rewrite():
        kept = rows[rows["time"] < LAST[0] * DAY]
        pd.concat([kept, table]).to_parquet(tmp_path / "all.parquet", compression="zstd")

    benchmark.pedantic(rewrite, rounds=3)


@pytest.mark.benchmark(group="update of 8 days of 120 scopes")
def test_compaction_of_a_month(benchmark, year, tmp_path):
    """What every eighth update costs besides: one month written anew."""
    archive, _ = year

    def setup():
        shutil.rmtree(tmp_path / "copy", ignore_errors=True)
        shutil.copytree(archive.path, tmp_path / "copy")
        shelf = Shelf(tmp_path / "copy")
        for number in range(8):
            write(shelf, MONTHS[-1], FETCHED + number * DAY, LAST)
        return (ua.Archive(tmp_path / "copy"),), {}

    benchmark.pedantic(lambda copy: copy.compact(), setup=setup, rounds=3)


@pytest.mark.benchmark(group="a scope's month")
def test_load(benchmark, year):
    """A canonical frame, every day known and every file's checksum looked at once."""
    archive, rows = year
    window = (f"{MONTHS[5]}-01", f"{MONTHS[5]}-30")
    usage = benchmark(archive.load, NAMES[60], *window)
    inside = (rows["scope"] == NAMES[60]) & (rows["time"] // DAY).isin(days_of(MONTHS[5]))
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
    days = days_of(MONTHS[5])
    wanted = [
        ("scope", "==", NAMES[60]),
        ("time", ">=", days[0] * DAY),
        ("time", "<", (days[-1] + 1) * DAY),
    ]
    benchmark(lambda: pq.read_table(tmp_path / "all.parquet", filters=wanted).to_pandas())
