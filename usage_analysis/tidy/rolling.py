"""Sums over the window that ends with each bucket of a frame."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.errors import QueryError
from usage_analysis.tidy.frames import require
from usage_analysis.tidy.periods import any_of, by_place, cut_rows
from usage_analysis.tidy.slots import groups_of, row_lengths
from usage_analysis.tidy.wire import MEASURES
from usage_analysis.tidy.zones import (
    DAY,
    HOUR,
    clock_of,
    distinct,
    first_instants,
    row_times,
    zone_of,
)

Numbers = NDArray[np.intp]


def rolling(frame: pd.DataFrame, window: str) -> pd.DataFrame:
    """Sums over the window that ends with each bucket.

    pandas' own ``rolling`` refuses a timedelta column and knows no clock: here days are those of
    the frame's own clock, 23 and 25 hours among them, and hours are elapsed ones.

    Parameters
    ----------
    frame
        Canonical frame, hourly or daily, with or without a group column; `aggregate`'s frames too.
    window
        ``"12h"``, ``"7D"`` or ``"4W"``.

    Returns
    -------
    DataFrame
        The rows as they were, with the measures summed over the window; `provisional` where any of
        its buckets is; `hours`, the elapsed hours seen [h]; `complete`, whether the whole window is
        in the frame and over. A bucket is in a window in which it begins.

    Raises
    ------
    QueryError
        Another `window`, or no tz-aware index.

    Examples
    --------
    >>> time = pd.date_range("2026-03-02", periods=4, freq="h", tz="UTC", name="time")
    >>> hourly = pd.DataFrame({"total_count": [1, 2, 3, 4], "provisional": False}, index=time)
    >>> rolling(hourly, "2h")["total_count"].tolist()
    [1, 3, 5, 7]
    """
    require("rolling", frame, "provisional")
    span, days = _window(window)
    if len(frame) == 0:
        zone_of(frame)
        return frame.assign(hours=np.zeros(0), complete=np.zeros(0, dtype=bool))
    trailing = Trailing(frame)
    first, whole = trailing.since(span, days=days)
    measures = {n: trailing.sums(frame[n].to_numpy(), first) for n in MEASURES if n in frame}
    out = frame.assign(**measures)
    flagged = frame["provisional"].to_numpy(dtype=bool)
    out["provisional"] = trailing.sums(flagged.astype(np.int64), first) > 0
    out["hours"] = trailing.sums(trailing.lengths.astype(np.int64), first) / HOUR
    out["complete"] = whole
    return out


class Trailing:
    """Windows that end with each row of a frame, for sums over any of its columns."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.zone = zone_of(frame)
        self.where, self.known = distinct(row_times(frame))
        self.lengths = row_lengths(frame)
        self.key = groups_of(frame)[0] * len(self.known) + self.where
        self.sorted = bool(np.all(self.key[1:] > self.key[:-1]))
        self.order = np.arange(len(frame)) if self.sorted else np.argsort(self.key, kind="stable")
        flagged = frame["provisional"].to_numpy(dtype=bool)
        of_known = by_place(self.lengths, self.where, len(self.known))
        self.ends = self.known + of_known.astype(np.int64)
        if "complete" in frame:
            self.cut = ~frame["complete"].to_numpy(dtype=bool)
        else:
            flags = any_of(self.where[flagged], len(self.known))
            self.cut = cut_rows(self.known, flags, of_known)[self.where]

    def since(self, span: int, *, days: bool) -> tuple[Numbers, NDArray[np.bool_]]:
        """Place in order of each row's first bucket, and whether its window is whole and over."""
        begins = self.ends - span
        if days:
            begins = first_instants(self.zone, clock_of(self.ends, self.zone) - span)
        back = (np.arange(len(self.known)) - np.searchsorted(self.known, begins))[self.where]
        if self.sorted and (self.key[-1] + 1) == len(self.key):
            # Every group has every instant: as many rows back as instants.
            first = np.arange(len(self.key)) - back
        else:
            first = np.searchsorted(self.key[self.order], self.key - back)
        whole = (begins >= self.known[0])[self.where]
        if self.cut.any():
            whole &= self.sums(self.cut.astype(np.int64), first) == 0
        return first, whole

    def sums(self, values: NDArray[Any], first: Numbers) -> NDArray[Any]:
        """Sums of a column over the windows; integers stay exact, and decimals to the millionth."""
        if values.dtype.kind == "f":
            micro = np.rint(values * 1e6)
            if np.all(np.abs(values * 1e6 - micro) < 1e-3):
                return self.sums(micro.astype(np.int64), first) / 1e6
        plain = values.view(np.int64) if values.dtype.kind == "m" else values
        total = np.zeros(len(plain) + 1, dtype=plain.dtype)
        np.cumsum(plain if self.sorted else plain[self.order], out=total[1:])
        if self.sorted:
            out = total[1:] - total[first]
        else:
            out = np.empty(len(plain), dtype=plain.dtype)
            out[self.order] = total[1:]
            out -= total[first]
        return out.view(values.dtype) if values.dtype.kind == "m" else out


def _window(window: str) -> tuple[int, bool]:
    """Length of a window [us], and whether it is one of days of the clock."""
    found = re.fullmatch(r"([1-9]\d{0,4})(h|D|W)", window) if isinstance(window, str) else None
    if not found:
        raise QueryError(f'window: expected hours, days or weeks as "12h", "7D", got {window!r}')
    return int(found[1]) * {"h": HOUR, "D": DAY, "W": 7 * DAY}[found[2]], found[2] != "h"
