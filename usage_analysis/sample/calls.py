"""The columns of calls, simulated or from a user's log, and the units of time in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from usage_analysis.tidy.zones import DAY

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
