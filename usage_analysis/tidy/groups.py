"""Groups of a breakdown added up."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import pandas as pd

from usage_analysis.tidy.frames import group_column
from usage_analysis.tidy.usage import CallUsage
from usage_analysis.tidy.wire import MEASURES

Data = TypeVar("Data", pd.DataFrame, CallUsage)


def sum_groups(data: Data) -> Data:
    """Return all groups of a breakdown added up; a single series comes back unchanged."""
    if isinstance(data, CallUsage):
        if data.groups is None:
            return data
        daily, hourly = sum_groups(data.daily), sum_groups(data.hourly)
        return replace(data, daily=daily, hourly=hourly, groups=None)
    if group_column(data) is None:
        return data
    how = {name: "sum" for name in MEASURES if name in data} | {"provisional": "any"}
    return data.groupby(level="time").agg(how)
