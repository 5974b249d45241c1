"""Reading a reply, against what a user writes without this package, and against decoding alone."""

import json
import random
import subprocess
import sys
from datetime import datetime, timedelta

import msgspec
import pandas as pd
import pytest

import usage_analysis as ua
from usage_analysis.tidy import wire

SIZES = [8_760, 87_600]
FIRST = datetime(2016, 1, 1)  # noqa: DTZ001  # only counted up from


def body(count):
    """A reply of many hours, every one with calls."""
    random.seed(count)
    rows = []
    for place in range(count):
        time = FIRST + timedelta(hours=place)
        calls = random.randrange(1, 200)  # noqa: S311
        rows.append(
            {
                "totalCount": calls,
                "errorCount": calls // 50,
                "joinedCount": calls - calls // 20,
                "duration": f"{calls * 91.123457:.6f}s",
                "billedMinutes": round(calls * 1.6, 1),
                "date": time.date().isoformat(),
                "hour": time.hour,
            }
        )
    total = {name: rows[0][name] for name in wire.MEASURES.values()}
    return json.dumps({"allTime": total, "daily": [], "hourly": rows}).encode()


def query(count):
    """The window of the reply."""
    return ua.UsageQuery(
        from_date=FIRST.date(), to_date=(FIRST + timedelta(hours=count - 1)).date()
    )


@pytest.mark.parametrize("count", SIZES)
@pytest.mark.benchmark(group="reading")
def test_usage_analysis(benchmark, count):
    """Every field checked, every bucket of the window filled."""
    text, asked = body(count), query(count)
    usage = benchmark(ua.CallUsage.from_json, text, query=asked)
    assert len(usage.hourly) >= count


@pytest.mark.parametrize("count", SIZES)
@pytest.mark.benchmark(group="reading")
def test_plain_pandas(benchmark, count):
    """What a user writes today: nothing checked, nothing filled."""
    text = body(count)

    def read():
        frame = pd.DataFrame(json.loads(text)["hourly"])
        frame["duration"] = pd.to_timedelta(frame["duration"])
        frame["time"] = pd.to_datetime(frame["date"]) + pd.to_timedelta(frame["hour"], unit="h")
        return frame

    assert len(benchmark(read)) == count


@pytest.mark.parametrize("count", SIZES)
@pytest.mark.benchmark(group="reading")
def test_decoding_alone(benchmark, count):
    """The same bytes into typed structs and no further."""
    decoder = msgspec.json.Decoder(wire._Document)
    assert len(benchmark(decoder.decode, body(count)).hourly) == count


@pytest.mark.parametrize(
    "code",
    [
        "import pandas",
        "import usage_analysis",
        "from usage_analysis import CallUsage, aggregate, busy_hour, error_rate, in_timezone",
    ],
)
@pytest.mark.benchmark(group="import", min_rounds=10)
def test_importing(benchmark, code):
    """A fresh interpreter that imports."""
    benchmark(subprocess.run, [sys.executable, "-c", code], check=True)
