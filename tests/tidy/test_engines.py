"""The same sums in engines of many processes: two Dask workers, and a local Spark."""

from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import usage_analysis as ua
from tests.tidy.tables import expected, random_table, same, write_parts

WINDOW = {"start": "2025-10-20", "end": "2026-03-09", "as_of": "2026-03-08 14:20"}
QUESTIONS = [
    {"every": "MS", "timezone": "UTC"},
    {"every": "D", "timezone": "America/New_York"},
    {"every": "W", "timezone": "Asia/Kolkata"},
    {"every": "h", "timezone": "UTC"},
]
inside_spark = pytest.mark.filterwarnings(
    # Spark 4.0 leaves its sockets to the garbage collector.
    "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"
)
inside_dask = pytest.mark.filterwarnings(
    # Dask asks pandas for what pandas is to drop.
    "ignore:The inplace keyword in DataFrame:DeprecationWarning"
)


@pytest.fixture(scope="module")
def table():
    return random_table(3_000, **WINDOW)


@pytest.fixture(scope="module")
def paths(table, tmp_path_factory):
    return write_parts(table, tmp_path_factory.mktemp("parts"))


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """An archive of agents and of all calls, some days of which a newer fetch replaced."""
    archive = ua.Archive(tmp_path_factory.mktemp("archive"))
    agents = {name: {"agent_ids": [id_]} for name, id_ in ua.sample.AGENTS.items()}
    for client in (ua.sample_client(today=date(2026, 3, 28)), ua.sample_client()):
        archive.sync_groups(client, agents, name="agent", since="2026-02-20")
        archive.sync(client, "all", since="2026-02-20")
    assert len([*archive.path.glob("hourly/2026-03/*")]) > 1  # one of them has stale days
    return archive


@pytest.fixture(scope="module")
def workers():
    """A cluster of two worker processes."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    """A local Spark of two threads that speaks to nobody else."""
    from pyspark.sql import SparkSession

    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.log.level": "ERROR",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    session = SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
    yield session
    session.stop()


def check(frame, table, question):
    """The engine's sums are pandas' own, to the last microsecond and micro-minute."""
    window = {"from_date": "2025-10-20T00:00Z", "to_date": "2026-03-08T23:59:59Z"}
    sums = ua.sum_usage(frame, by="tenant", as_of="2026-03-08T14:20Z", **window, **question)
    wanted = expected(table, "tenant", question["every"], question["timezone"], **WINDOW)
    same(sums, wanted)
    by_rows = ua.sum_usage(table, by="tenant", **question)
    pd.testing.assert_frame_equal(ua.sum_usage(frame, by="tenant", **question), by_rows)


@pytest.mark.dask
@inside_dask
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q["every"])
def test_dask_workers_give_the_same_sums(workers, table, paths, question):
    """Two processes read the files, add up, and give what pandas gives in one."""
    import dask.dataframe as dd
    from distributed import get_task_stream

    parts = dd.read_parquet([f"file://{path}" for path in paths])
    with get_task_stream(workers) as stream:
        check(parts, table, question)
    assert len({task["worker"] for task in stream.data}) == 2


@pytest.mark.dask
@inside_dask
@pytest.mark.usefixtures("workers")
def test_dask_workers_sum_an_archive(archive):
    """An archive's files, without what was replaced in them, add up in Dask as in DuckDB."""
    import dask.dataframe as dd

    wanted = archive.sum_usage("agent", every="W")
    sums = archive.sum_usage("agent", every="W", read=dd.read_parquet)
    pd.testing.assert_frame_equal(sums, wanted)


@pytest.mark.dask
@inside_dask
def test_dask_reads_object_storage(table, archive):
    """Files under the address of a file system that fsspec knows are summed where they are."""
    import dask
    import dask.dataframe as dd
    import fsspec

    store = fsspec.filesystem("memory")
    months = pd.to_datetime(table["time"], unit="us").dt.strftime("%Y-%m")
    for month, part in table.groupby(months):
        store.makedirs(f"/usage/hourly/{month}")
        with store.open(f"/usage/hourly/{month}/part.parquet", "wb") as file:
            pq.write_table(pa.Table.from_pandas(part, preserve_index=False), file)
    parts = dd.read_parquet("memory://usage/hourly")
    # This store is in one process, apart from the workers that other tests left open; a bucket
    # is as near to one worker as to another.
    here = {"scheduler": "threads", "dataframe.shuffle.method": "tasks"}
    with dask.config.set(here):
        sums = ua.sum_usage(parts, by="scope", every="MS")
    pd.testing.assert_frame_equal(sums, ua.sum_usage(table, by="scope", every="MS"))

    def read(paths):
        copies = [f"/archive/{Path(path).name}" for path in paths]
        for path, copy in zip(paths, copies, strict=True):
            store.put_file(path, copy)
        return dd.read_parquet([f"memory:/{copy}" for copy in copies])

    with dask.config.set(here):
        sums = archive.sum_usage("agent", every="MS", read=read)
    pd.testing.assert_frame_equal(sums, archive.sum_usage("agent", every="MS"))


@pytest.mark.spark
@inside_spark
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q["every"])
def test_spark_gives_the_same_sums(spark, table, paths, question):
    """A local Spark reads the files, adds up, and gives what pandas gives."""
    check(spark.read.parquet(*paths), table, question)


@pytest.mark.spark
@inside_spark
def test_spark_sums_an_archive(spark, archive):
    """An archive's files, without what was replaced in them, add up in Spark as in DuckDB."""
    wanted = archive.sum_usage("agent", every="W")
    sums = archive.sum_usage("agent", every="W", read=lambda paths: spark.read.parquet(*paths))
    pd.testing.assert_frame_equal(sums, wanted)
