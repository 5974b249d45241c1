"""Reading a million calls, against the plainest pandas for the same.

The rival makes of the same log what a client of `read_calls` holds and first answers: a table in
order of time that can be filtered, its agents as categories with their numbers of calls, and the
sums by UTC hour and day. Ratios are of least processor times, taken in turns in one run.
"""

import time

import numpy as np
import pandas as pd
import pytest

import usage_analysis as ua

COUNT = 1_000_000
AGENTS = [f"Agent {number}" for number in range(20)]


@pytest.fixture(scope="module")
def log():
    """A log of a year."""
    random = np.random.default_rng(0)
    start = pd.to_datetime(
        1_740_000_000 + np.sort(random.integers(0, 365 * 86_400, COUNT)), unit="s"
    )
    return pd.DataFrame(
        {
            "created": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "duration": random.integers(0, 900, COUNT),
            "error": np.where(random.random(COUNT) < 0.1, "system_error", "hangup"),
            "agent": np.array(AGENTS)[random.integers(0, 20, COUNT)],
        }
    )


def ours(log):
    client = ua.read_calls(log)
    return client.names, client.call_usage()


def plain(log):
    time = pd.to_datetime(log["created"], utc=True)
    table = pd.DataFrame(
        {
            "time": time,
            "agent": log["agent"].astype("category"),
            "calls": 1,
            "errors": log["error"].isin(["system_error", "connection_error"]),
            "joined": log["duration"] > 0,
            "talk": pd.to_timedelta(log["duration"], unit="s"),
        }
    ).sort_values("time", kind="stable")
    sums = table.drop(columns=["time", "agent"]).groupby(table["time"].dt.floor("h")).sum()
    return table["agent"].value_counts(), sums, sums.resample("D").sum()


@pytest.mark.benchmark(group="calls: a million rows", min_rounds=3)
def test_reading_calls(benchmark, log):
    """Reading a million calls, and the usage of all, takes no longer than pandas."""
    times = {ours: [], plain: []}
    for _ in range(4):
        for function, taken in times.items():
            begin = time.process_time()
            function(log)
            taken.append(time.process_time() - begin)
    ratio = min(times[ours]) / min(times[plain])
    benchmark.extra_info["of pandas"] = round(ratio, 2)
    benchmark.pedantic(ours, [log], rounds=2)
    assert ratio <= 1
    (names, usage), (agents, hourly, _) = ours(log), plain(log)
    some = usage.hourly["total_count"] > 0
    assert usage.hourly["total_count"][some].tolist() == hourly["calls"].tolist()
    assert usage.hourly["error_count"].sum() == hourly["errors"].sum()
    assert usage.hourly["duration"].sum() == hourly["talk"].sum()
    assert sorted(names.agents) == sorted(agents.index)
