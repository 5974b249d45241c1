"""Rows of a frame as groups and slots of the clock, and sums over them by counting, not grouping.

A breakdown repeats each instant once a group, so what depends on the clock is found once for each
distinct instant, and rows are looked up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.tidy.periods import groups_of, lengths_of
from usage_analysis.tidy.zones import (
    DAY,
    HOUR,
    Instants,
    clock_of,
    distinct,
    row_times,
    zone_of,
)

SLOTS = {"hour_of_day": 24, "day_of_week": 7, "hour_of_week": 168}
"""Repeating slots of the local clock, and how many there are; weeks begin on Monday."""

# 1970-01-01 was a Thursday, weekday 3.
_WEEKDAY_OF_EPOCH = 3


@dataclass(frozen=True)
class Rows:
    """Rows of a frame by number: of its group, and of its instant among the distinct ones."""

    place: NDArray[np.intp]
    """Number of each row's instant."""
    times: Instants
    """Distinct instants, in order [us since 1970, UTC]."""
    local: Instants
    """Local clock of each instant [us]."""
    zone: tzinfo
    code: NDArray[np.intp]
    """Number of each row's group; 0 throughout in a single series."""
    groups: pd.Index | None
    """Groups in order of appearance, named as their column; None for a single series."""

    @property
    def count(self) -> int:
        """How many groups there are; a single series is one."""
        return 1 if self.groups is None else len(self.groups)

    def slots(self, by: str) -> NDArray[np.int64]:
        """Slot of each instant: hour 0 to 23, weekday 0 (Monday) to 6, week's hour 0 to 167."""
        if by == "hour_of_day":
            return self.local // HOUR % 24
        if by == "day_of_week":
            return (self.local // DAY + _WEEKDAY_OF_EPOCH) % 7
        return (self.local // HOUR + 24 * _WEEKDAY_OF_EPOCH) % 168

    def index(self, by: str) -> pd.Index:
        """Index of every slot, under each group where there are groups."""
        slots = pd.RangeIndex(SLOTS[by], name=by)
        if self.groups is None:
            return slots
        return pd.MultiIndex.from_product([self.groups, slots])

    def lengths(self) -> NDArray[np.float64]:
        """Elapsed time of each instant's bucket [h]; a frame's own `hours` are not looked at."""
        return lengths_of(self.times, self.local, self.zone) / HOUR


def rows_of(frame: pd.DataFrame) -> Rows:
    """Rows of a frame by group and instant.

    Raises
    ------
    QueryError
        The index is not tz-aware.
    """
    times, zone = row_times(frame), zone_of(frame)
    place, known = distinct(times)
    code, groups = groups_of(frame)
    return Rows(place, known, clock_of(known, zone), zone, code, groups)


def each_group(frame: pd.DataFrame) -> Iterator[tuple[Any, pd.DataFrame]]:
    """Each group of a breakdown and its rows, without the group column."""
    code, groups = groups_of(frame)
    if groups is None:
        return
    alone = frame.drop(columns=str(groups.name))
    order = np.argsort(code, kind="stable")
    for group, rows in zip(groups, np.split(order, np.cumsum(np.bincount(code))[:-1]), strict=True):
        yield group, alone.iloc[rows]
