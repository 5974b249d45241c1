"""Calls become sums by UTC hour and day, without a loop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from usage_analysis.errors import QueryError
from usage_analysis.sample.calls import HOUR, Calls


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums by bucket, `first` the number of the first one since 1970; empty buckets are zeros."""

    first: int
    values: NDArray[np.int64]
    """Calls, errors, joined, duration [us], billed [tenths of a minute]; shape (5, buckets)."""

    def total(self) -> Sums:
        """Everything as one bucket."""
        return Sums(0, self.values.sum(axis=1, keepdims=True))

    def days(self) -> Sums:
        """UTC days, of sums by UTC hour."""
        before = self.first % 24
        after = -(before + self.values.shape[1]) % 24
        whole = np.pad(self.values, ((0, 0), (before, after)))
        return Sums(self.first // 24, whole.reshape(5, -1, 24).sum(axis=2))


class Counter:
    """Sums of any of the calls, by UTC hour.

    Parameters
    ----------
    calls
        The calls.

    Raises
    ------
    QueryError
        The busiest hour's calls and the minutes billed in all need more than 63 bits together.
    """

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self._hour = (calls.created // HOUR).astype(np.int32)
        self._packed, self._bits = _packed(calls, self._hour)
        self.everything = Sums(0, np.zeros((5, 0), dtype=np.int64))
        if len(calls):
            first, last = self._hour[[0, -1]].tolist()
            self.everything = self._empty(first, last)
            self._add(self.everything, slice(0, len(calls)))

    def count(self, here: slice, passed: NDArray[np.bool_] | None = None) -> Sums:
        """Sums by UTC hour over the calls that lie here and, if any test was made, passed.

        Of the calls that pass and those that do not, the fewer are added up: what all of them come
        to is known.
        """
        if here.start == here.stop:
            return Sums(0, np.zeros((5, 0), dtype=np.int64))
        first, last = self._hour[[here.start, here.stop - 1]].tolist()
        if passed is not None and 2 * np.count_nonzero(passed) <= len(passed):
            counted = self._empty(first, last)
            self._add(counted, here, np.flatnonzero(passed))
            return counted
        before = first - self.everything.first
        whole = self.everything.values[:, before : before + last - first + 1]
        counted = Sums(first, whole.copy())
        start, stop = np.searchsorted(self._hour, [first, last + 1]).tolist()
        for outside in (slice(start, here.start), slice(here.stop, stop)):
            self._add(counted, outside, times=-1)
        if passed is not None:
            self._add(counted, here, np.flatnonzero(~passed), times=-1)
        return counted

    @staticmethod
    def _empty(first: int, last: int) -> Sums:
        return Sums(first, np.zeros((5, last - first + 1), dtype=np.int64))

    def _add(
        self, sums: Sums, here: slice, at: NDArray[np.intp] | None = None, *, times: int = 1
    ) -> None:
        """Add the calls here, or only those at some places of it, so many times."""
        columns = (self._hour[here], self._packed[here], self.calls.duration[here])
        hour, packed, duration = columns if at is None else [column.take(at) for column in columns]
        if not len(hour):
            return
        starts = _changes(hour)
        packed = np.add.reduceat(packed, starts)
        mask = (1 << self._bits) - 1
        found = (
            np.diff(starts, append=len(hour)),
            packed & mask,
            packed >> self._bits & mask,
            np.add.reduceat(duration, starts),
            packed >> 2 * self._bits,
        )
        place = hour[starts] - sums.first
        for row, column in zip(sums.values, found, strict=True):
            row[place] += times * column


def _changes(values: NDArray[np.signedinteger]) -> NDArray[np.intp]:
    """Places of the values that are not those before them, with the first."""
    return np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))


def _packed(calls: Calls, hour: NDArray[np.int32]) -> tuple[NDArray[np.int64], int]:
    """Error, joined and billed of each call in one integer, and the bits of the first two.

    A sum of it is one of all three: the bits are as many as the busiest hour's calls need.
    """
    busiest = np.diff(_changes(hour), append=len(hour)).max() if len(hour) else 0
    bits = int(busiest).bit_length()
    if (billed := calls.billed.sum(dtype=np.float64)) >= 2.0 ** (63 - 2 * bits):
        raise QueryError(
            f"duration: {billed / 10:.0f} minutes and {busiest} calls in an hour are too many"
        )
    flags = calls.error + (calls.joined.astype(np.int64) << bits)
    return flags + (calls.billed.astype(np.int64) << 2 * bits), bits
