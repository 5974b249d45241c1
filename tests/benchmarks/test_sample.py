"""The sample account: making its year, and asking it, against one pass over the columns it reads.

The rival reads each column of the calls that the question needs once and plainly: the sum of
`created`, `duration` and `billed`, the count of `joined` and `error`, one comparison of each column
of labels. Nothing in NumPy that looks at every call can take less, and it groups nothing by hour.
Counting is all that the endpoint does before it writes: parameters read, filters applied, sums made
by hour. What it writes grows with the hours that hold a call, up to 8,760 rows of JSON a year, for
which no pass over the calls is a rival: answers have wider bounds, which writing a row at a time
keeps. Reading such an answer takes the client about as long as writing it. Ratios are of least
processor times, taken in turns in one run.
"""

import json
import subprocess
import sys
import time

import numpy as np
import pytest

from usage_analysis.sample import AGENTS, CAMPAIGN, KEY, TENANTS, VOICES
from usage_analysis.sample.endpoint import PATH, sample_endpoint
from usage_analysis.sample.filters import parse_filters, select
from usage_analysis.sample.reply import Counter
from usage_analysis.sample.simulation import simulate

AGENT = f"agentIds={AGENTS['Support line']}"
AGENTS_TOO = f"agentIds={AGENTS['Front desk']}&agentIds={AGENTS['Order status']}"
VOICE = f"voiceId={VOICES['Mara']}"
TENANT = f"metadata.tenant={TENANTS[0]}"
DATES = "fromDate=2025-04-20T00:30:00Z&toDate=2026-03-20T12:10:00Z"
REST = (
    "search=caller&metadata.channel=phone&durationMin=10s&durationMax=500s"
    "&timeOfDayStart=09:30:00&timeOfDayEnd=23:00:00"
)
HOURS = "timeOfDayStart=13:00:00&timeOfDayEnd=18:00:00"
QUESTIONS = {
    "everything": ("", ()),
    "most of the year": (DATES, ()),
    "an agent": (AGENT, ("agent",)),
    "two agents": (AGENTS_TOO, ("agent",)),
    "a voice": (VOICE, ("voice",)),
    "a rare word": ("search=refund", ("summary",)),
    "a common word": ("search=caller", ("summary",)),
    "a tenant": (TENANT, ("tenant",)),
    "a channel": ("metadata.channel=phone", ("channel",)),
    "longer than 30 s": ("durationMin=30s", ()),
    "longer than 60 s": ("durationMin=60s", ()),
    "between": ("durationMin=20s&durationMax=200s", ()),
    "hours": (HOURS, ()),
    "an agent's hours": (f"{AGENT}&{HOURS}", ("agent",)),
    "all filters": (
        f"{AGENTS_TOO}&{VOICE}&{TENANT}&{DATES}&{REST}",
        ("agent", "voice", "summary", "tenant", "channel"),
    ),
}
# Filters of the year after which few hours hold a call.
FEW = {
    "a campaign": (f"metadata.campaign={CAMPAIGN}", ("campaign",)),
    "a small tenant": (f"metadata.tenant={TENANTS[-1]}", ("tenant",)),
    "longer than half an hour": ("durationMin=1800s", ()),
    "long refunds": ("search=refund&durationMin=600s", ("summary",)),
    "an agent's hour": (
        f"agentIds={AGENTS['Reminders']}&timeOfDayStart=13:00&timeOfDayEnd=14:00",
        ("agent",),
    ),
    "an agent's week": (f"{AGENT}&fromDate=2026-03-01&toDate=2026-03-07", ("agent",)),
}


@pytest.fixture(scope="module")
def year():
    """The sample's calls, their derived column made."""
    calls = simulate()
    assert len(calls.time_of_day) == len(calls) > 300_000
    return calls


@pytest.fixture(scope="module")
def counter(year):
    return Counter(year)


def one_pass(calls, names):
    """What reads once each column that every reply needs, and the labels of these names."""
    labels = [
        getattr(calls, name).codes if hasattr(calls, name) else calls.metadata[name].codes
        for name in names
    ]

    def read_them():
        for column in (calls.created, calls.duration, calls.billed):
            column.sum()
        for flag in (calls.joined, calls.error):
            np.count_nonzero(flag)
        for codes in labels:
            np.equal(codes, 1)

    return read_them


def best(*functions, rounds=40):
    """Least processor time of each function [s], taken in turns."""
    times = [[] for _ in functions]
    for _ in range(rounds):
        for function, taken in zip(functions, times, strict=True):
            begin = time.thread_time()
            function()
            taken.append(time.thread_time() - begin)
    return [min(taken) for taken in times]


@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.benchmark(group="sample: a filtered year", min_rounds=3, max_time=0.1)
def test_counting(benchmark, year, counter, name):
    """Counting a filtered year takes at most 5 passes over the columns that it reads, and the whole
    answer, with its thousands of rows as JSON, at most 60."""
    query, names = QUESTIONS[name]
    endpoint = sample_endpoint()

    def answer():
        return endpoint.respond("GET", PATH, query, KEY)

    def counted():
        return counter.count(*select(year, parse_filters(query)))

    assert answer().status_code == 200
    rival, counting, whole = best(one_pass(year, names), counted, answer)
    benchmark.extra_info |= {
        "counting, passes": round(counting / rival, 2),
        "answer, passes": round(whole / rival, 2),
    }
    benchmark(counted)
    assert counting <= 5 * rival
    assert whole <= 60 * rival


@pytest.mark.parametrize("name", FEW)
@pytest.mark.benchmark(group="sample: an answer of few rows", min_rounds=3, max_time=0.1)
def test_answering(benchmark, year, name):
    """The whole answer to a filtered year takes at most 15 passes over the columns that it reads,
    where few hours hold a call."""
    query, names = FEW[name]
    endpoint = sample_endpoint()

    def answer():
        return endpoint.respond("GET", PATH, query, KEY)

    rows = len(json.loads(answer().content)["hourly"])
    assert 0 < rows < 3000
    rival, whole = best(one_pass(year, names), answer)
    benchmark.extra_info |= {"rows": rows, "answer, passes": round(whole / rival, 2)}
    benchmark(answer)
    assert whole <= 15 * rival


@pytest.mark.benchmark(group="sample: the year")
def test_making_the_year(benchmark):
    """A year takes at most 9 times drawing its four raw integers a call and sorting one of them."""

    def raw():
        source = np.random.PCG64(0)
        words = [source.random_raw(310_000) for _ in range(4)]
        return np.sort(words[0])

    rival, making = best(raw, simulate, rounds=20)
    benchmark.extra_info["draws"] = round(making / rival, 2)
    benchmark(simulate)
    assert making <= 9 * rival


@pytest.mark.benchmark(group="sample: import", min_rounds=5)
def test_importing(benchmark):
    """A fresh interpreter that imports the sample's names, without pandas and httpx."""
    code = (
        "import sys, usage_analysis.sample\n"
        "assert not {'pandas', 'httpx', 'msgspec'} & {*sys.modules}"
    )
    benchmark(subprocess.run, [sys.executable, "-c", code], check=True)
