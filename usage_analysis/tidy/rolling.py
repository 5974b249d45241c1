"""Trailing sums of a frame."""

import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.errors import QueryError
from usage_analysis.tidy import zones
from usage_analysis.tidy.frame_check import check_frame, check_gaps
from usage_analysis.tidy.frames import in_millionths, measures_of
from usage_analysis.tidy.grouping import check_sums, covered_lengths, groups_of, row_lengths
from usage_analysis.tidy.periods import any_of, by_place, cut_rows
from usage_analysis.tidy.wire import MEASURES
from usage_analysis.tidy.zones import DAY, HOUR

Numbers = NDArray[np.intp]


def rolling(frame: pd.DataFrame, window: str) -> pd.DataFrame:
    """Add a frame up over the window that ends with each bucket.

    Unlike pandas' ``rolling``, this takes timedelta columns and local days: a day has 23 or 25
    hours where the clock changes. Hours are elapsed hours. Windows consist of whole buckets.

    Parameters
    ----------
    frame
        Canonical frame, hourly or daily, with or without a group column; `aggregate`'s frames too.
    window
        ``"12h"``, ``"7D"`` or ``"4W"``.

    Returns
    -------
    DataFrame
        The same rows, with the measures summed over the window; `provisional` where any bucket of
        the window is; `hours`, the elapsed hours covered [h]; `complete`, whether the whole window
        is in the frame and over. A bucket belongs to the windows in which it begins.

    Raises
    ------
    QueryError
        `window` is invalid, or the index is not tz-aware.

    Examples
    --------
    >>> time = pd.date_range("2026-03-02", periods=4, freq="h", tz="UTC", name="time")
    >>> hourly = pd.DataFrame({"total_count": [1, 2, 3, 4], "provisional": False}, index=time)
    >>> rolling(hourly, "2h")["total_count"].tolist()
    [1, 3, 5, 7]
    """
    check_frame("rolling", frame, "provisional", *measures_of(frame))
    check_gaps("rolling", frame)
    span, days = _window(window)
    if len(frame) == 0:
        zones.zone_of(frame)
        return frame.assign(hours=np.zeros(0), complete=np.zeros(0, dtype=bool))
    trailing = Trailing(frame)
    first, whole = trailing.since(span, days=days)
    flagged = frame["provisional"].to_numpy(dtype=bool).astype(np.int64)
    columns = {
        **{str(n): frame[n].copy() for n in frame if n not in (*MEASURES, "provisional")},
        **{n: trailing.sums(frame[n].to_numpy(), first) for n in MEASURES if n in frame},
        "provisional": trailing.sums(flagged, first) > 0,
        # An hour that the edge of the data cuts counts as far as it was seen, as in `aggregate`.
        "hours": trailing.sums(covered_lengths(frame).astype(np.int64), first) / HOUR,
        "complete": whole,
    }
    order = dict.fromkeys([*map(str, frame.columns), *columns])
    # What is ours alone need not be copied.
    out = pd.DataFrame({name: columns[name] for name in order}, index=frame.index, copy=False)
    out.attrs.update(frame.attrs)
    out.attrs["every"] = window
    return out


class Trailing:
    """Windows that end with each row of a frame, for sums over any of its columns."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.zone = zones.zone_of(frame)
        self.where, self.known = zones.distinct(zones.row_times(frame))
        self.lengths = row_lengths(frame)
        self.code, groups = groups_of(frame)
        self.key = self.where if groups is None else self.code * len(self.known) + self.where
        in_order = bool(np.all(self.key[1:] > self.key[:-1]))
        self.order: Any = slice(None) if in_order else np.argsort(self.key, kind="stable")
        flagged = frame["provisional"].to_numpy(dtype=bool)
        of_known = by_place(self.lengths, self.where, len(self.known))
        self.ends = self.known + of_known.astype(np.int64)
        if "complete" in frame:
            self.cut = ~frame["complete"].to_numpy(dtype=bool)
        else:
            flags = any_of(self.where[flagged], len(self.known))
            self.cut = cut_rows(self.known, flags, of_known)[self.where]

    def since(self, span: int, *, days: bool) -> tuple[Numbers, NDArray[np.bool_]]:
        """Return the place of each row's first bucket, and whether its window is whole and over."""
        back, inside = self._back(span, days=days)
        first = self.key - back[self.where]
        if self.key.max() >= len(self.key):  # some group lacks some instant
            first = np.searchsorted(self.key[self.order], first)
        whole = inside[self.where]
        if self.cut.any():
            whole &= self.sums(self.cut.astype(np.int64), first) == 0
        return first, whole

    def _back(self, span: int, *, days: bool) -> tuple[Numbers, NDArray[np.bool_]]:
        """Return how many instants back each window begins, and whether the data have its start."""
        begins = self.ends - span
        if days:
            begins = zones.first_instants(self.zone, zones.clock_of(self.ends, self.zone) - span)
        inside = begins >= self.known[0]
        if zones.even_hours(self.known, self.zone):  # found without a search
            first = np.maximum(-((self.known[0] - begins) // HOUR), 0)
        else:
            first = np.searchsorted(self.known, begins)
        return np.arange(len(self.known)) - first, inside

    def sums(self, values: NDArray[Any], first: Numbers) -> NDArray[Any]:
        """Return the sums of a column over the windows, exact for integers and millionths."""
        if values.dtype.kind == "f" and (micro := in_millionths(values)) is not None:
            return self.sums(micro.astype(np.int64), first) / 1e6
        plain = values.view(np.int64) if values.dtype.kind == "m" else values
        out = self.between(self.running(plain), first)
        return out.view(values.dtype) if values.dtype.kind == "m" else out

    def running(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the running sum of a column in order, from 0 on, for windows of any length.

        Raises
        ------
        QueryError
            The sum of a group is larger than 64 bits hold.
        """
        if values.dtype.kind != "f":
            check_sums(values, self.code)
        total = np.zeros(len(values) + 1, dtype=values.dtype)
        np.cumsum(values[self.order], out=total[1:])
        return total

    def between(self, running: NDArray[Any], first: Numbers) -> NDArray[Any]:
        """Return the sums over the windows that begin at each row's first bucket."""
        out = np.empty(len(first), dtype=running.dtype)
        out[self.order] = running[1:]
        out -= running[first]
        return out


def _window(window: str) -> tuple[int, bool]:
    """Return the length of a window [us], and whether it counts local days."""
    found = re.fullmatch(r"([1-9]\d{0,4})(h|D|W)", window) if isinstance(window, str) else None
    if not found:
        raise QueryError(f'window: expected hours, days or weeks as "12h", "7D", got {window!r}')
    return int(found[1]) * {"h": HOUR, "D": DAY, "W": 7 * DAY}[found[2]], found[2] != "h"
