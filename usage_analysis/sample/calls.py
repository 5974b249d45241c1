"""Calls as columns, simulated or a user's own, sorted by creation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
STEP = 6 * SECOND
"""What a call's billed time is rounded up to [us]; ten steps are a minute."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Labels:
    """Text by call, each distinct text held once: `values[codes[i]]`; a code of -1 is no text."""

    codes: NDArray[np.int16 | np.int32]
    values: tuple[str, ...]


@dataclass(frozen=True)
class Calls:
    """Calls as columns of equal length, sorted by `created`."""

    created: NDArray[np.int64]
    """Microseconds since 1970, UTC."""
    duration: NDArray[np.int64]
    """Microseconds of talk; zero where nobody joined."""
    billed: NDArray[np.int32]
    """Tenths of a minute."""
    joined: NDArray[np.bool_]
    error: NDArray[np.bool_]
    agent: Labels
    voice: Labels
    summary: Labels
    metadata: Mapping[str, Labels]

    @cached_property
    def time_of_day(self) -> NDArray[np.int64]:
        """Microseconds from UTC midnight to the creation of each call."""
        return self.created % DAY

    def __len__(self) -> int:
        return len(self.created)


def midnight(day: date) -> int:
    """Beginning of a UTC day [us since 1970]."""
    return (day.toordinal() - _EPOCH.toordinal()) * DAY


def micros(moment: datetime) -> int:
    """An instant [us since 1970]."""
    return (moment - _EPOCH) // _TICK


def moment_of(micros: int) -> datetime:
    """Instant of so many microseconds since 1970, UTC."""
    return _EPOCH + micros * _TICK


def billed_tenths(duration: NDArray[np.int64], free: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Billed tenths of a minute by call: each rounded up to 6 s, free ones nothing."""
    return np.where(free, 0, -(-duration // STEP)).astype(np.int32)
