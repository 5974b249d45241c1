"""Sums over an archive: against SQL written by hand and pandas, in time and memory, as rows grow.

10,000 groups by a year of hours are 87.6 million rows, 0.6 GB of Parquet made in some minutes under
pytest's temporary folder and removed again. Each contender runs in a process of its own, so that
its peak memory is its own; all read the same files. Run with `-s` to see the table.
"""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

import usage_analysis as ua
from usage_analysis.archive.coverage import Held
from usage_analysis.archive.parts import Shelf
from usage_analysis.archive.rows import MEASURES, NUMBERS, Rows

YEAR = 2025
HOUR = 3_600_000_000
SIZES = [100, 1_000, 10_000]  # groups: 1x, 10x, 100x rows
BLOCK = 1_000  # groups that are drawn; of more the next thousand has the same figures
LIMIT = "1GB"
FETCHED = int(np.datetime64("2026-02-01", "us").astype(np.int64))

OURS = f"""
archive = ua.Archive(folder)
run = lambda: archive.summed(by, every="MS", memory_limit="{LIMIT}")
"""
SQL = f"""
import duckdb, glob, tempfile
files = sorted(glob.glob(folder + "/hourly/*/*.parquet"))
sums = ", ".join(f"sum({{name}})::BIGINT AS {{name}}" for name in {MEASURES!r})
keys = "".join(f"{{name}}, " for name in by)
connection = duckdb.connect(config=dict(memory_limit="{LIMIT}", temp_directory=tempfile.mkdtemp()))
connection.execute("SET enable_progress_bar = false")
query = f"SELECT {{keys}} date_trunc('month', make_timestamp(time)) AS month, {{sums}} " \\
        f"FROM read_parquet({{files}}) GROUP BY ALL ORDER BY ALL"
run = lambda: connection.sql(query).df()
"""
PANDAS = f"""
import glob
files = sorted(glob.glob(folder + "/hourly/*/*.parquet"))
columns = ["scope", "time", *{MEASURES!r}]
def run():
    table = pd.concat([pd.read_parquet(file, columns=columns, partitioning=None) for file in files])
    month = pd.to_datetime(table.pop("time"), unit="us").dt.to_period("M").rename("month")
    return table.drop(columns="scope").groupby([*(table[name] for name in by), month]).sum()
"""
CHILD = """
import json, sys, time
import pandas as pd
import usage_analysis as ua
folder, by, rounds = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
{setup}
seconds, cpu = [], []
for _ in range(rounds):
    start, used = time.perf_counter(), time.process_time()
    frame = run()
    seconds.append(time.perf_counter() - start)
    cpu.append(time.process_time() - used)
with open("/proc/self/status") as status:
    peak = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
calls = [int(count) for count in frame["total_count"]]
print(json.dumps(dict(seconds=seconds, cpu=cpu, peak=peak, rows=len(frame), calls=calls)))
"""


def fill(folder, groups):
    """An archive with every hour of a year of each group, fetched once."""
    random = np.random.default_rng(groups)
    shelf = Shelf(folder)
    scopes = [f"tenant/t{number:05}" for number in range(groups)]
    for month in np.arange(f"{YEAR}-01", f"{YEAR + 1}-01", dtype="M8[M]"):
        first, end = np.array([month, month + 1]).astype("M8[D]").astype(np.int64).tolist()
        block = drawn(random, min(groups, BLOCK), np.arange(first * 24, end * 24) * HOUR)
        with shelf.writer("hourly", str(month)) as writer:
            for low in range(0, groups, BLOCK):
                code = np.repeat(np.arange(BLOCK, dtype=np.int32), (end - first) * 24)
                writer.add(Rows(scopes, code[: len(block["time"])] + low, block))
            writer.land(
                {
                    scope: Held(
                        {"metadata": {"tenant": scope.removeprefix("tenant/")}},
                        "sample",
                        [(first, end - first, FETCHED)],
                    )
                    for scope in scopes
                }
            )


def drawn(random, groups, hours):
    """Columns of some groups: a dozen calls an hour, three minutes each."""
    count = groups * len(hours)
    calls = random.poisson(12, count)
    joined = random.binomial(calls, 0.75)
    duration = joined * 184_000_000 + random.integers(0, 60_000_000, count)
    columns = {
        "time": np.tile(hours, groups),
        "total_count": calls,
        "error_count": random.binomial(calls, 0.02),
        "joined_count": joined,
        "duration": duration,
        "billed_micro": duration // 6_000_000 * 100_000,
        "fetched": np.full(count, FETCHED),
    }
    return {name: columns[name] for name in NUMBERS}


def measured(setup, folder, by, rounds):
    """Times [s], peak memory [MB] and the answer of a contender in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD.format(setup=setup), str(folder), json.dumps(by), str(rounds)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module", params=SIZES)
def archive(request, tmp_path_factory):
    """An archive of so many groups, and how many."""
    folder = tmp_path_factory.mktemp("archive") / "usage"
    fill(folder, request.param)
    yield folder, request.param
    shutil.rmtree(folder)


@pytest.mark.parametrize("by", [[], ["scope"]], ids=["month", "month and group"])
def test_sum_of_a_year(archive, by):
    """Months of a year, of all groups together and of each, by three contenders."""
    folder, groups = archive
    rounds = 5 if groups < SIZES[-1] else 3
    results = {"Archive.summed": measured(OURS, folder, by, rounds)}
    results["DuckDB SQL by hand"] = measured(SQL, folder, by, rounds)
    if groups < SIZES[-1]:  # 87.6 million rows take pandas more memory than most machines have
        results["pandas read and groupby"] = measured(PANDAS, folder, by, 2)
    sql = results["DuckDB SQL by hand"]
    size = sum(file.stat().st_size for file in folder.glob("hourly/*/*.parquet")) / 1e6
    print(f"\n{groups:,} groups, {groups * 8_760:,} rows, {size:,.0f} MB of Parquet, {LIMIT} limit")
    for name, result in results.items():
        first, *again = result["seconds"]
        times = min(again) / min(sql["seconds"][1:])
        used = min(result["cpu"][1:])  # of all cores; other work changes it less
        print(
            f"  {name:24} first {first:6.2f} s, then {min(again):6.2f} s = {times:5.2f} times SQL; "
            f"cores' time {used:6.2f} s = {used / min(sql['cpu'][1:]):5.2f} times SQL; "
            f"peak {result['peak']:6,.0f} MB; {result['rows']:,} rows"
        )
        assert sum(result["calls"]) == sum(results["DuckDB SQL by hand"]["calls"])
    assert results["Archive.summed"]["calls"] == results["DuckDB SQL by hand"]["calls"]


def test_archive_is_whole(archive):
    """What is summed is an archive like any other: one of its scopes loads."""
    folder, _ = archive
    usage = ua.Archive(folder).load("tenant/t00042", f"{YEAR}-03-01", f"{YEAR}-03-31")
    assert len(usage.hourly) == 31 * 24
