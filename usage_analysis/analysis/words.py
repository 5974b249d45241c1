"""What sentences share: units, figures, dates, lists of what is accepted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from usage_analysis.tidy.frames import group_column
from usage_analysis.tidy.slots import each_group
from usage_analysis.tidy.zones import zone_of

UNITS = {
    "total_count": "calls",
    "error_count": "errors",
    "joined_count": "joined calls",
    "duration": "hours of talk",
    "billed_minutes": "billed minutes",
    "traffic": "erlangs",
}
"""What a measure counts, in words."""

_ONE = {
    "total_count": "call",
    "error_count": "error",
    "joined_count": "joined call",
    "duration": "hour of talk",
    "billed_minutes": "billed minute",
    "traffic": "erlang",
}


def figure(value: Any, measure: str) -> str:
    """Value of a measure in words, 0 or more; talk in hours."""
    number = value / pd.Timedelta(hours=1) if measure == "duration" else float(value)
    if number >= 10 or number == round(number):
        # Sums of tenths that end in a half differ in their last bits.
        return f"{round(number, 6):,.0f}"
    places = 1 if number >= 0.1 else 1 - math.floor(math.log10(number))
    return f"{number:.{places}f}"


def counted(value: Any, measure: str) -> str:
    """Value of a measure with what it counts: ``1 call``, ``12,400 calls``."""
    number = figure(value, measure)
    return f"{number} {_ONE[measure] if number == '1' else UNITS[measure]}"


def several(count: int, noun: str) -> str:
    """A number of things: ``1 hour``, ``2,400 hours``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def sentences(frame: pd.DataFrame, tell: Callable[[int, pd.DataFrame], str]) -> str | pd.DataFrame:
    """The sentence on a series, or a column `sentence` of those on the groups of a breakdown.

    `tell` is given the number of the group, in order of appearance, and its rows.
    """
    group = group_column(frame)
    if group is None:
        return tell(0, frame)
    told = [(name, tell(number, rows)) for number, (name, rows) in enumerate(each_group(frame))]
    index = pd.Index([name for name, _ in told], name=group)
    return pd.DataFrame({"sentence": [sentence for _, sentence in told]}, index=index)


def percents(share: float, low: float, high: float) -> tuple[str, str, str]:
    """A share and the ends of its interval in per cent, as fine as the interval is narrow.

    The ends stand at least three units of the last place apart; there is one place or more.
    """
    width = 100 * (high - low)
    places = max(1, math.ceil(math.log10(3 / width))) if width > 0 else 1
    told = [f"{100 * value:.{places}f}" for value in (share, low, high)]
    return told[0], told[1], told[2]


def dates(frame: pd.DataFrame) -> str:
    """First and last local day of a frame's rows and their zone, in words."""
    zone = zone_of(frame)
    if len(frame) == 0:
        return f"no days ({zone})"
    days = (f"{end:%Y-%m-%d}" for end in (frame.index.min(), frame.index.max()))
    return f"{' to '.join(dict.fromkeys(days))} ({zone})"


def either(accepted: Iterable[str]) -> str:
    """What is accepted, in a list that ends with `or`."""
    *most, last = [f'"{word}"' for word in accepted]
    return f"{', '.join(most)} or {last}"
