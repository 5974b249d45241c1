"""`unusual` beside plain pandas that sums the same windows of every group and measure.

The plain side takes the mean of each hour of the week for what is expected, and one standard
deviation per group and length for how windows scatter. It leaves no event out of what it learns,
refines no end, tells nothing once and has no interval: it is the least that a scan can do.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
import pytest

import usage_analysis as ua
from tests.analysis.agents import account
from usage_analysis.analysis.scan import LENGTHS


def plain(hourly: pd.DataFrame) -> float:
    """Return the largest deviation of any window, in standard deviations."""
    slot = hourly.index.day_of_week * 24 + hourly.index.hour
    ratios = {
        "calls": (hourly["total_count"], None),
        "errors": (hourly["error_count"], hourly["total_count"]),
        "joins": (hourly["joined_count"], hourly["total_count"]),
        "length": (hourly["duration"].dt.total_seconds(), hourly["joined_count"]),
    }
    most = 0.0
    for part, whole in ratios.values():
        values = part.astype(float)
        keys = [hourly["agent"], slot]
        usual = values.groupby(keys).transform("mean")
        if whole is not None:
            usual = whole * (usual / whole.groupby(keys).transform("mean").clip(lower=1e-9))
        both = pd.DataFrame({"agent": hourly["agent"], "seen": values, "usual": usual})
        groups = both.groupby("agent", sort=False)[["seen", "usual"]]
        for length in LENGTHS:
            sums = groups.rolling(length).sum()
            rest = sums["seen"] - sums["usual"]
            spread = rest.groupby(level=0).transform("std")
            most = max(most, float((rest.abs() / spread.clip(lower=1e-9)).max()))
    return most


@pytest.mark.parametrize("agents", [6, 48])
def test_unusual(benchmark: Any, agents: int) -> None:
    """A month of 6 groups and 90 days of 48: 4 measures, no slower than plain pandas."""
    days = 31 if agents == 6 else 90
    parts = []
    for number in range(agents // 6):
        one = account(np.random.default_rng(number), days=days)
        parts.append(one.assign(agent=one["agent"] + f" of {number}"))
    hourly = pd.concat(parts)
    ours, theirs = [], []
    for _ in range(3):
        begin = time.process_time()
        ua.unusual(hourly)
        middle = time.process_time()
        plain(hourly)
        ours.append(middle - begin)
        theirs.append(time.process_time() - middle)
    benchmark.extra_info["ratio"] = min(theirs) / min(ours)
    benchmark.pedantic(lambda: ua.unusual(hourly), rounds=1)
    print(f"\n{agents} groups: {min(ours):.2f} s, plain pandas {min(theirs):.2f} s")
    assert min(theirs) / min(ours) >= 1
