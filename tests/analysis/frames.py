"""Frames that several tests begin with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd


def hours(
    counts: Sequence[float],
    start: str = "2026-03-02",
    zone: str = "UTC",
    talk: str = "3min",
    **first: object,
) -> pd.DataFrame:
    """Canonical hourly frame that begins at a local date, a Monday unless told otherwise."""
    begin = pd.Timestamp(start).tz_localize(zone)
    index = pd.date_range(begin, periods=len(counts), freq="h", name="time").as_unit("us")
    duration = (np.asarray(counts) * pd.Timedelta(talk).to_timedelta64()).astype("m8[us]")
    columns = {"total_count": counts, "duration": duration, "provisional": False}
    return pd.DataFrame({**first, **columns}, index=index)
