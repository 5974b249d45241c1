"""Sums over an archive: against SQL written by hand and pandas, in time and memory, as rows grow.

10,000 groups by a year of hours are 87.6 million rows, 0.6 GB of Parquet made in some minutes under
pytest's temporary folder and removed again. Each contender runs in a process of its own, so that
its peak memory is its own; all read the same files. Run with `-s` to see the table. Time is that of
all cores, which other work on the machine changes less than the clock's.
"""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

import usage_analysis as ua
from usage_analysis.archive.coverage import ScopeCoverage
from usage_analysis.archive.store import PartStore
from usage_analysis.archive.writing import MEASURES, Rows

YEAR = 2025
HOUR = 3_600_000_000
SIZES = [100, 1_000, 10_000]  # groups: 1x, 10x, 100x rows
UPDATES = 7  # parts beside a month's first, each with its last days: what daily syncs leave
LOOKBACK = 8  # days
MOST_TIMES = 1.3  # of the cores' time of SQL by hand, where there are rows enough to tell
MOST_MEMORY = 800  # MB, at any size: pyarrow, pandas and DuckDB loaded take 200 of them
BLOCK = 1_000  # groups that are drawn; of more the next thousand has the same figures
LIMIT = "1GB"
FETCHED = int(np.datetime64("2026-02-01", "us").astype(np.int64))

OURS = f"""
archive = ua.Archive(folder)
run = lambda: archive.sum_usage(by, every="MS", memory_limit="{LIMIT}")
"""
SMALL_LIMIT = "200MB"
OURS_ON_DISK = f"""
archive = ua.Archive(folder)
def run():
    hourly = archive.sum_usage(by, every="h", memory_limit="{SMALL_LIMIT}")
    return hourly.groupby(by[0])[["total_count"]].sum()
"""
BY_HAND = f"""
import duckdb, glob, tempfile
files = sorted(glob.glob(folder + "/hourly/*/*.parquet"))
sums = ", ".join(f"sum({{name}})::BIGINT AS {{name}}" for name in {MEASURES!r})
keys = "".join(f"{{name}}, " for name in by)
connection = duckdb.connect(config=dict(memory_limit="{LIMIT}", temp_directory=tempfile.mkdtemp()))
connection.execute("SET enable_progress_bar = false")
query = f"SELECT {{keys}} date_trunc('month', make_timestamp(time)) AS month, {{sums}} " \\
        f"FROM SOURCE GROUP BY ALL ORDER BY ALL"
run = lambda: connection.sql(query).df()
"""
SQL = BY_HAND.replace("SOURCE", "read_parquet({files})")
SQL_NEWEST = BY_HAND.replace(
    "SOURCE",
    "(FROM read_parquet({files}) "
    "QUALIFY fetched = max(fetched) OVER (PARTITION BY scope, time // 86400000000))",
)
SQL_JOINED = BY_HAND.replace(
    "SOURCE",
    "(SELECT *, time // 86400000000 AS day FROM read_parquet({files})) JOIN "
    "(SELECT scope, time // 86400000000 AS day, max(fetched) AS fetched "
    "FROM read_parquet({files}) GROUP BY ALL) USING (scope, day, fetched)",
)
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


def fill(folder, groups, updates=0):
    """An archive with every hour of a year of each group, fetched once, its last days again."""
    random = np.random.default_rng(groups)
    store = PartStore(folder)
    for month in np.arange(f"{YEAR}-01", f"{YEAR + 1}-01", dtype="M8[M]"):
        first, end = np.array([month, month + 1]).astype("M8[D]").astype(np.int64).tolist()
        write(store, random, groups, str(month), range(first, end), FETCHED)
        for number in range(1, updates + 1):
            fetched = FETCHED + number * 24 * HOUR
            write(store, random, groups, str(month), range(end - LOOKBACK, end), fetched)


def write(store, random, groups, month, days, fetched):
    """A part with every hour of some days of each group."""
    scopes = [f"tenant/t{number:05}" for number in range(groups)]
    hours = np.arange(days[0] * 24, (days[-1] + 1) * 24) * HOUR
    block = drawn(random, min(groups, BLOCK), hours, fetched)
    with store.writer("hourly", month) as writer:
        for low in range(0, groups, BLOCK):
            code = np.repeat(np.arange(BLOCK, dtype=np.int32), len(hours))
            writer.add(Rows(scopes, code[: len(block[0])] + low, *block))
        run = (days[0], len(days), fetched)
        tenants = {scope: scope.removeprefix("tenant/") for scope in scopes}
        writer.finish(
            {
                scope: ScopeCoverage({"metadata": {"tenant": tenant}}, "sample", [run])
                for scope, tenant in tenants.items()
            }
        )
        store.publish([writer])


def drawn(random, groups, hours, fetched):
    """Columns of some groups: a dozen calls an hour, three minutes each."""
    count = groups * len(hours)
    calls = random.poisson(12, count)
    joined = random.binomial(calls, 0.75)
    duration = joined * 184_000_000 + random.integers(0, 60_000_000, count)
    billed = duration // 6_000_000 * 100_000
    values = np.stack([calls, random.binomial(calls, 0.02), joined, duration, billed], axis=1)
    return np.tile(hours, groups), np.full(count, fetched), values


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


def compared(title, folder, results, rival):
    """Print what each contender took, and say how many times the rival's cores' time ours is."""
    parts = [file.stat().st_size for file in folder.glob("hourly/*/*.parquet")]
    print(f"\n{title}, {len(parts)} parts, {sum(parts) / 1e6:,.0f} MB of Parquet, {LIMIT} limit")
    best = {
        name: [min(result[k][1:]) for k in ("seconds", "cpu")] for name, result in results.items()
    }
    for name, result in results.items():
        times, cores = (mine / other for mine, other in zip(best[name], best[rival], strict=True))
        print(
            f"  {name:24} first {result['seconds'][0]:6.2f} s, then {best[name][0]:6.2f} s = "
            f"{times:5.2f} times SQL; cores' time {best[name][1]:6.2f} s = {cores:5.2f} times SQL; "
            f"peak {result['peak']:6,.0f} MB; {result['rows']:,} rows"
        )
        assert sum(result["calls"]) == sum(results[rival]["calls"])
    assert results[OUR_NAME]["calls"] == results[rival]["calls"]
    assert results[OUR_NAME]["peak"] < MOST_MEMORY
    return best[OUR_NAME][1] / best[rival][1]


OUR_NAME = "Archive.sum_usage"
BY = pytest.mark.parametrize("by", [[], ["scope"]], ids=["month", "month and group"])


@BY
def test_sum_of_a_year(archive, by):
    """Months of a year, of all groups together and of each, by three contenders."""
    folder, groups = archive
    rounds = 6 if groups < SIZES[-1] else 4
    results = {OUR_NAME: measured(OURS, folder, by, rounds)}
    results["DuckDB SQL by hand"] = measured(SQL, folder, by, rounds)
    if groups < SIZES[-1]:  # 87.6 million rows take pandas more memory than most machines have
        results["pandas read and groupby"] = measured(PANDAS, folder, by, 2)
    title = f"{groups:,} groups, {groups * 8_760:,} rows"
    times = compared(title, folder, results, "DuckDB SQL by hand")
    # Of fewer rows what is done once a sum is most of it.
    assert groups < SIZES[1] or times <= MOST_TIMES


@pytest.fixture(scope="module")
def updated(tmp_path_factory):
    """An archive as daily syncs leave it: eight parts a month."""
    folder = tmp_path_factory.mktemp("updated") / "usage"
    fill(folder, SIZES[1], UPDATES)
    yield folder
    shutil.rmtree(folder)


@BY
def test_sum_of_an_updated_year(updated, by):
    """The newest fetch of each day alone, against SQL that finds it, in the faster of two ways."""
    results = {OUR_NAME: measured(OURS, updated, by, 5)}
    results["SQL by hand, window"] = measured(SQL_NEWEST, updated, by, 4)
    results["SQL by hand, join"] = measured(SQL_JOINED, updated, by, 4)
    rows = SIZES[1] * (8_760 + 12 * UPDATES * LOOKBACK * 24)
    rival = min(list(results)[1:], key=lambda name: min(results[name]["cpu"][1:]))
    assert compared(f"{SIZES[1]:,} groups, {rows:,} rows", updated, results, rival) <= MOST_TIMES


def test_sums_that_do_not_fit_go_to_the_disk(updated):
    """Sums of every hour of each group, 64 bytes or more each, are made within 200 MB."""
    hourly = measured(OURS_ON_DISK, updated, ["scope"], 1)
    whole = measured(OURS.replace('"MS"', '"YS"'), updated, ["scope"], 1)
    print(f"\n{SIZES[1] * 8_760:,} sums within {SMALL_LIMIT}: {hourly['seconds'][0]:.0f} s")
    assert hourly["rows"] == whole["rows"] == SIZES[1]
    assert hourly["calls"] == whole["calls"]


def test_archive_is_whole(archive):
    """What is summed is an archive like any other: one of its scopes loads."""
    folder, _ = archive
    usage = ua.Archive(folder).load("tenant/t00042", f"{YEAR}-03-01", f"{YEAR}-03-31")
    assert len(usage.hourly) == 31 * 24
