"""Calls, their sums by UTC hour, and the vendor's JSON of the sums, without a loop over rows."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from usage_analysis.errors import refusal
from usage_analysis.tidy.zones import DAY, HOUR

SECOND = 1_000_000
#: Billing step, to which each call is rounded up [us]; a minute has ten.
STEP = 6 * SECOND
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Labels:
    """Text of each call, in a form that stores each distinct text once.

    The text of call `i` is `values[codes[i]]`; the code -1 means no text.
    """

    codes: NDArray[np.int16 | np.int32]
    values: tuple[str, ...]


@dataclass(frozen=True)
class Calls:
    """Columns of calls, of equal length and sorted by `created`."""

    #: Time of creation [us since 1970, UTC].
    created: NDArray[np.int64]
    #: Talk [us]; 0 where nobody joined.
    duration: NDArray[np.int64]
    #: Billed time [1/10 min].
    billed: NDArray[np.int32]
    joined: NDArray[np.bool_]
    error: NDArray[np.bool_]
    agent: Labels
    voice: Labels
    summary: Labels
    metadata: Mapping[str, Labels]

    @cached_property
    def time_of_day(self) -> NDArray[np.int64]:
        """Time of creation since UTC midnight [us]."""
        return self.created % DAY

    def __len__(self) -> int:
        return len(self.created)


def midnight(day: date) -> int:
    """Return the start of a UTC day [us since 1970]."""
    return (day.toordinal() - _EPOCH.toordinal()) * DAY


def billed_tenths(duration: NDArray[np.int64], free: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return the billed time of each call, rounded up to 6 s; free calls have 0 [1/10 min]."""
    return np.where(free, 0, -(-duration // STEP)).astype(np.int32)


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums per bucket, with zeros for empty buckets."""

    #: Number of the first bucket, counted from 1970.
    first: int
    #: Calls, errors, joined, duration [us], billed [tenths of a minute]; shape (5, buckets).
    values: NDArray[np.int64]

    def total(self) -> "Sums":
        """Return one bucket with the sums over all."""
        return Sums(0, self.values.sum(axis=1, keepdims=True))

    def days(self) -> "Sums":
        """Return sums per UTC day from sums per UTC hour."""
        before = self.first % 24
        after = -(before + self.values.shape[1]) % 24
        whole = np.pad(self.values, ((0, 0), (before, after)))
        return Sums(self.first // 24, whole.reshape(5, -1, 24).sum(axis=2))


class Counter:
    """Counter of calls per UTC hour, for any selection of them.

    Parameters
    ----------
    calls
        The calls.

    Raises
    ------
    QueryError
        The calls of the busiest hour and all billed minutes do not fit into 63 bits together.
    """

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self._hour = (calls.created // HOUR).astype(np.int32)
        self._packed, self._bits = _pack(calls, self._hour)
        self.everything = Sums(0, np.zeros((5, 0), dtype=np.int64))
        if len(calls):
            first, last = self._hour[[0, -1]].tolist()
            self.everything = self._zeros(first, last)
            self._add(self.everything, slice(0, len(calls)))

    def count(self, here: slice, selected: NDArray[np.bool_] | None = None) -> Sums:
        """Return sums per UTC hour over a range of calls, or over the selected ones in it.

        Parameters
        ----------
        here
            Range of the calls.
        selected
            Which calls of the range to count; all by default.
        """
        if here.start == here.stop:
            return Sums(0, np.zeros((5, 0), dtype=np.int64))
        first, last = self._hour[[here.start, here.stop - 1]].tolist()
        if selected is not None and 2 * np.count_nonzero(selected) <= len(selected):
            counted = self._zeros(first, last)
            self._add(counted, here, np.flatnonzero(selected))
            return counted
        # The sums over all calls are known, so the fewer calls, here those left out, are summed.
        before = first - self.everything.first
        whole = self.everything.values[:, before : before + last - first + 1]
        counted = Sums(first, whole.copy())
        start, stop = np.searchsorted(self._hour, [first, last + 1]).tolist()
        for outside in (slice(start, here.start), slice(here.stop, stop)):
            self._add(counted, outside, times=-1)
        if selected is not None:
            self._add(counted, here, np.flatnonzero(~selected), times=-1)
        return counted

    @staticmethod
    def _zeros(first: int, last: int) -> Sums:
        return Sums(first, np.zeros((5, last - first + 1), dtype=np.int64))

    def _add(
        self, sums: Sums, here: slice, at: NDArray[np.intp] | None = None, *, times: int = 1
    ) -> None:
        """Add the calls of a range, or only those at some positions in it, `times` times."""
        columns = (self._hour[here], self._packed[here], self.calls.duration[here])
        hour, packed, duration = columns if at is None else [column.take(at) for column in columns]
        if not len(hour):
            return
        starts = _change_positions(hour)
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


def _change_positions(values: NDArray[np.signedinteger]) -> NDArray[np.intp]:
    """Return position 0 and the positions at which the value changes."""
    return np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))


def _pack(calls: Calls, hour: NDArray[np.int32]) -> tuple[NDArray[np.int64], int]:
    """Pack error, joined and billed time of each call into one integer.

    One sum over the packed integers then sums all three. The error and joined parts have as many
    bits as the calls of the busiest hour need; this number of bits is returned too.
    """
    busiest = np.diff(_change_positions(hour), append=len(hour)).max() if len(hour) else 0
    bits = int(busiest).bit_length()
    if (billed := calls.billed.sum(dtype=np.float64)) >= 2.0 ** (63 - 2 * bits):
        raise refusal("long_calls", minutes=billed / 10, calls=busiest)
    flags = calls.error + (calls.joined.astype(np.int64) << bits)
    return flags + (calls.billed.astype(np.int64) << 2 * bits), bits


# An odd number near 2 ** 64 over the golden ratio: multiplying by it scatters whole numbers.
_SCATTER = np.uint64(0x9E3779B97F4A7C15)


def render(all_time: Sums, hourly: Sums) -> bytes:
    """Return the vendor's JSON: without empty buckets, and with rows in a scattered order.

    The vendor promises no order, so no client may rely on one.
    """
    days, daily = _scatter(hourly.days())
    hours, values = _scatter(hourly)
    whole = _rows("", all_time.total().values)
    daily_rows = _rows(',"date":"%s"', daily, _dates(days))
    hour = (hours % 24).tolist()
    hourly_rows = _rows(',"date":"%s","hour":%d', values, _dates(hours // 24), hour)
    return f'{{"allTime":{whole},"daily":[{daily_rows}],"hourly":[{hourly_rows}]}}'.encode()


def drop_fields(body: bytes, names: Collection[str]) -> bytes:
    """Return a reply without some fields: `errorCount`, `billedMinutes` or `hourly`.

    Fields that a call log does not have are absent from a reply, not zero.
    """
    for name in names:
        if name == "hourly":
            body = body[: body.rindex(b',"hourly":')] + b"}"
        else:
            body = re.sub(rb',"%s":[\d.]+' % name.encode(), b"", body)  # never the first field
    return body


def _scatter(sums: Sums) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return numbers and values of the buckets with calls, in a scattered order."""
    at = np.flatnonzero(sums.values[0])
    numbers = at + sums.first
    order = np.argsort(numbers.astype(np.uint64) * _SCATTER)
    return numbers[order], sums.values[:, at[order]]


def _rows(more: str, values: NDArray[np.int64], *columns: list[Any]) -> str:
    """Return the JSON of rows: measures, and further columns in the form `more`."""
    total, error, joined, duration, billed = values
    parts = total, error, joined, *np.divmod(duration, SECOND), *np.divmod(billed, 10)
    form = (
        '{"totalCount":%d,"errorCount":%d,"joinedCount":%d,'
        f'"duration":"%d.%06ds","billedMinutes":%d.%d{more}}}'
    )
    rows = zip(*(part.tolist() for part in parts), *columns, strict=True)
    return ",".join(map(form.__mod__, rows))


def _dates(days: NDArray[np.int64]) -> list[str]:
    return list(days.astype("M8[D]").astype(str))
