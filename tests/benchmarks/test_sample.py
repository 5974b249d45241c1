"""The sample account: making its year, and asking it, against one pass over the columns it reads.

A pass adds each column that the request reads up by hour, with one `numpy.bincount` a column: the
least that NumPy takes for sums by hour of every call. A sum of a whole column, to compare, groups
nothing. Ratios are of best times, taken in turns in one run.
"""

import subprocess
import sys
import time

import numpy as np
import pytest

from usage_analysis.sample import AGENTS, TENANTS
from usage_analysis.sample.endpoint import KEY, PATH, sample_endpoint
from usage_analysis.sample.filters import read, select
from usage_analysis.sample.reply import count
from usage_analysis.sample.simulation import simulate

AGENT = f"agentIds={AGENTS['Support line']}"
QUESTIONS = {
    "agent": (AGENT, ("agent",)),
    "tenant": (f"metadata.tenant={TENANTS[0]}", ("tenant",)),
    "duration": ("durationMin=60s", ()),
    "hours": (f"{AGENT}&timeOfDayStart=13:00&timeOfDayEnd=18:00", ("agent", "time_of_day")),
    "everything": ("", ()),
}


@pytest.fixture(scope="module")
def year():
    """The sample's calls, their derived columns made."""
    calls = simulate()
    assert len(calls.outcome) == len(calls.time_of_day) == len(calls) > 300_000
    return calls


def columns(calls, extra):
    """The columns that a request reads: of every reply, and of its filters."""
    more = {"agent": calls.agent.codes, "tenant": calls.metadata["tenant"].codes}
    more["time_of_day"] = calls.time_of_day
    return [calls.outcome, calls.duration, calls.billed, *(more[name] for name in extra)]


def best(*functions, rounds=40):
    """Best time of each function [s], taken in turns."""
    times = [[] for _ in functions]
    for _ in range(rounds):
        for function, taken in zip(functions, times, strict=True):
            begin = time.perf_counter()
            function()
            taken.append(time.perf_counter() - begin)
    return [min(taken) for taken in times]


@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.benchmark(group="sample: a filtered year")
def test_answering(benchmark, year, name):
    """The whole answer, with its thousands of rows as JSON, takes at most 5 passes over the columns
    it reads; besides it is told what counting alone takes, and either in sums of whole columns."""
    query, extra = QUESTIONS[name]
    endpoint = sample_endpoint()
    read_columns = columns(year, extra)
    hour = year.outcome // 4 - year.outcome[0] // 4

    def answer():
        return endpoint.answer("GET", PATH, query, KEY)

    assert answer().status == 200
    took, counting, one_pass, one_sum = best(
        answer,
        lambda: count(year, *select(year, read(query))),
        lambda: [np.bincount(hour, weights=column) for column in read_columns],
        lambda: [column.sum() for column in read_columns],
    )
    ratios = {
        "passes": took / one_pass,
        "counting, passes": counting / one_pass,
        "sums": took / one_sum,
        "counting, sums": counting / one_sum,
    }
    benchmark.extra_info |= {name: round(ratio, 2) for name, ratio in ratios.items()}
    benchmark(answer)
    assert took <= 5 * one_pass


@pytest.mark.benchmark(group="sample: the year")
def test_making_the_year(benchmark):
    """A year of calls is made in a moment: at most 150 ms."""
    benchmark(simulate)
    assert benchmark.stats["min"] < 0.15


@pytest.mark.benchmark(group="sample: import", min_rounds=5)
def test_importing(benchmark):
    """A fresh interpreter that imports the sample's names, without pandas and httpx."""
    code = (
        "import sys, usage_analysis.sample\n"
        "assert not {'pandas', 'httpx', 'msgspec'} & {*sys.modules}"
    )
    benchmark(subprocess.run, [sys.executable, "-c", code], check=True)
