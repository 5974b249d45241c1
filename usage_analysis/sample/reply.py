"""Write sums as the vendor's JSON, without a loop over rows."""

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from usage_analysis.sample.calls import SECOND
from usage_analysis.sample.counting import Sums

# An odd number near 2 ** 64 over the golden ratio: multiplying by it scatters whole numbers.
_SCATTER = np.uint64(0x9E3779B97F4A7C15)


def render(all_time: Sums, hourly: Sums) -> bytes:
    """Return the vendor's JSON: without empty buckets, and with rows in a scattered order.

    The vendor promises no order, so no client may rely on one.
    """
    whole = _lines([*_measures(all_time.total().values), b"}"])
    days, daily = _scatter(hourly.days())
    daily_rows = _lines([*_measures(daily), b',"date":"', *_dates(days), b'"},'])
    hours, values = _scatter(hourly)
    hour = _numerals()[hours % 24]
    hourly_rows = _lines(
        [*_measures(values), b',"date":"', *_dates(hours // 24), b'","hour":', hour, b"},"]
    )
    parts = b'{"allTime":', whole, b',"daily":[', daily_rows[:-1], b'],"hourly":[', hourly_rows[:-1]
    return b"".join([*parts, b"]}"])


def drop_fields(body: bytes, names: Collection[str]) -> bytes:
    """Return a reply without some fields: `errorCount`, `billedMinutes` or `hourly`.

    What a call log does not tell is absent from a reply, not zero.
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


# Rows are written column by column: a piece is either constant or an array of one text per row.


def _lines(pieces: list[bytes | NDArray[np.bytes_]]) -> bytes:
    """Join pieces to rows. NumPy pads texts with NUL, which is removed at the end."""
    kinds: list[tuple[str, Any]] = [
        (str(place), f"S{len(piece)}" if isinstance(piece, bytes) else piece.dtype)
        for place, piece in enumerate(pieces)
    ]
    line = np.array(tuple(p if isinstance(p, bytes) else b"" for p in pieces), dtype=kinds)
    columns = {place: p for place, p in enumerate(pieces) if not isinstance(p, bytes)}
    count = len(next(iter(columns.values())))
    lines = np.frombuffer(bytearray(line.tobytes() * count), dtype=kinds)
    for place, column in columns.items():
        lines[str(place)] = column
    return lines.tobytes().translate(None, b"\0")


def _measures(values: NDArray[np.int64]) -> list[bytes | NDArray[np.bytes_]]:
    total, error, joined, duration, billed = values
    seconds, micro = np.divmod(duration, SECOND)
    minutes, tenth = np.divmod(billed, 10)
    return [
        b'{"totalCount":',
        *_digits(total),
        b',"errorCount":',
        *_digits(error),
        b',"joinedCount":',
        *_digits(joined),
        b',"duration":"',
        *_digits(seconds),
        b".",
        # Below 100: of four digits, seen as two and two, the second two.
        _numerals("04")[micro // 10_000].view("S2")[1::2],
        _numerals("04")[micro % 10_000],
        b's","billedMinutes":',
        *_digits(minutes),
        b".",
        _numerals()[tenth],
    ]


def _digits(numbers: NDArray[np.int64]) -> list[NDArray[np.bytes_]]:
    """Return decimal digits in groups of four; leading groups are empty."""
    groups: list[NDArray[np.bytes_]] = []
    while True:
        higher, group = np.divmod(numbers, 10_000)
        text = _numerals()[group]
        if more := higher.any():
            text = np.where(higher > 0, _numerals("04")[group], text)
        if groups:
            text[numbers == 0] = b""
        groups.insert(0, text)
        numbers = higher
        if not more:
            return groups


def _dates(days: NDArray[np.int64]) -> list[NDArray[np.bytes_]]:
    first, last = (days.min(), days.max()) if len(days) else (0, -1)
    names = np.arange(first, last + 1).astype("M8[D]").astype("S10")
    return [names[days - first]]


@lru_cache(maxsize=2)
def _numerals(form: str = "") -> NDArray[np.bytes_]:
    return np.array([f"{number:{form}}" for number in range(10_000)], dtype="S4")
