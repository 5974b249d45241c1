"""Canonical frames from the buckets of replies."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.errors import ResponseError
from usage_analysis.tidy import wire
from usage_analysis.tidy.frames import LAG
from usage_analysis.tidy.wire import MEASURES, MOST_MINUTES
from usage_analysis.tidy.zones import DAY, HOUR, instant_of, to_index


def canonical_frame(
    parts: list[wire.Buckets],
    step: int,
    window: tuple[int, int] | None,
    as_of: int,
    hours_of_day: NDArray[np.bool_] | None = None,
) -> pd.DataFrame:
    """Canonical frame: every bucket of the window, what the server left out as zeros."""
    low, high = window or (0, 0)
    times = np.arange(low // step * step, min(high, as_of + 1), step, dtype=np.int64)
    ends = np.append(times, np.iinfo(np.int64).max)
    seen = np.zeros(len(times), dtype=np.bool_)
    columns = {name: np.zeros(len(times), dtype=v.dtype) for name, v in parts[0].columns.items()}
    for part in parts:
        rows = np.searchsorted(times, part.time)
        inside = ends[rows] == part.time  # others have no calls
        rows = rows[inside]
        seen[rows] = True
        for name, values in part.columns.items():
            np.add.at(columns[name], rows, values[inside])
    if len(parts) > 1:
        _check_sums(columns, times, step)
    if hours_of_day is not None and not hours_of_day.all():
        kept = hours_of_day[times // HOUR % 24]
        kept |= seen & (columns["total_count"] > 0)
        times, columns = times[kept], {name: v[kept] for name, v in columns.items()}
    columns["duration"] = columns["duration"].view("m8[us]")
    ordered = {name: columns[name] for name in MEASURES if name in columns}
    provisional = times + step > as_of - LAG
    frame = pd.DataFrame({**ordered, "provisional": provisional}, index=to_index(times, UTC))
    if step == DAY:
        # One row alone, or one a group, does not show whether it is a day or an hour.
        frame.attrs["every"] = "D"
    return frame


def _check_sums(columns: Mapping[str, NDArray[Any]], times: NDArray[np.int64], step: int) -> None:
    """That no sum of two replies is past what its column holds; integers would begin again."""
    for name, values in columns.items():
        past = values > MOST_MINUTES if values.dtype == np.float64 else values < 0
        if past.any():
            path = "daily" if step == DAY else "hourly"
            raise ResponseError(
                f"{path}[{instant_of(times[past.argmax()]):%Y-%m-%d %H:%M} UTC].{MEASURES[name]}: "
                "expected replies whose sum 64 bits hold, got more"
            )


def all_time_totals(totals: Mapping[str, int | float]) -> pd.Series:
    """All-time figures of a reply by measure, `duration` as a Timedelta."""
    values: dict[str, object] = dict(totals)
    values["duration"] = pd.Timedelta(np.timedelta64(int(totals["duration"]), "us"))
    return pd.Series({name: values[name] for name in MEASURES if name in values}, name="all_time")
