"""Canonical frames from the buckets of replies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.tidy import wire
from usage_analysis.tidy.frames import LAG
from usage_analysis.tidy.wire import MEASURES
from usage_analysis.tidy.zones import DAY, HOUR, to_index


def canonical_frame(
    parts: list[wire.Buckets],
    step: int,
    window: tuple[int, int] | None,
    as_of: int,
    hours_of_day: NDArray[np.bool_] | None = None,
) -> pd.DataFrame:
    """Return the frame with every bucket of a window; buckets that no reply has are zeros.

    Parameters
    ----------
    parts
        Buckets of each reply, which are added up.
    step
        Length of a bucket [us].
    window
        First instant, and the first one after the window [us since 1970, UTC].
    as_of
        When the last reply was made [us since 1970, UTC].
    hours_of_day
        UTC hours of a time-of-day filter; None without one.

    Raises
    ------
    ResponseError
        The sum of the replies is larger than 64 bits hold.
    """
    if len(parts) > 1:
        _check_totals(parts, step)
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
    if hours_of_day is not None and not hours_of_day.all():
        kept = hours_of_day[times // HOUR % 24]
        kept |= seen & (columns["total_count"] > 0)
        times, columns = times[kept], {name: v[kept] for name, v in columns.items()}
    columns["duration"] = columns["duration"].view("m8[us]")
    ordered = {name: columns[name] for name in MEASURES if name in columns}
    provisional = times + step > as_of - LAG
    frame = pd.DataFrame({**ordered, "provisional": provisional}, index=to_index(times, UTC))
    # One row alone does not show whether it is a day or an hour, and neither does one per day.
    frame.attrs["every"] = "D" if step == DAY else "h"
    if step == HOUR and hours_of_day is not None and hours_of_day.sum() == 1:
        frame["hours"] = 1.0  # at midnight these would look like days
    return frame


def _check_totals(parts: Sequence[wire.Buckets], step: int) -> None:
    """Check that the sum of all replies fits into 64 bits, as the sum of each one does."""
    path = "daily" if step == DAY else "hourly"
    for name in parts[0].columns:
        values = np.concatenate([part.columns[name] for part in parts])
        wire.check_total(f"{path}.{MEASURES[name]}", values)


def all_time_totals(totals: Mapping[str, int | float]) -> pd.Series:
    """All-time figures of a reply by measure, `duration` as a Timedelta."""
    values: dict[str, object] = dict(totals)
    values["duration"] = pd.Timedelta(np.timedelta64(int(totals["duration"]), "us"))
    return pd.Series({name: values[name] for name in MEASURES if name in values}, name="all_time")
