"""Numbers, names and units as sentences and axes have them."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Final

import numpy as np
import pandas as pd

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
UNITS = {
    "total_count": "calls",
    "error_count": "calls in error",
    "joined_count": "joined calls",
    "duration": "minutes of talk",
    "billed_minutes": "billed minutes",
    "traffic": "erlangs",
}
"""What each measure counts, in a sentence."""
_AXIS: Final = {
    "total_count": ("calls", ""),
    "error_count": ("calls in error", ""),
    "joined_count": ("joined calls", ""),
    "duration": ("talk", "min"),
    "billed_minutes": ("billed", "min"),
    "traffic": ("traffic", "erlangs"),
}
_ONE: Final = {
    "calls": "call",
    "calls in error": "call in error",
    "joined calls": "joined call",
    "minutes of talk": "minute of talk",
    "billed minutes": "billed minute",
    "erlangs": "erlang",
}


_TURNING: Final = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2069"


def compact(value: float, top: float = 0) -> str:
    """A count for an axis that reaches to `top`: 950, 12,000, 1.5M, 300M."""
    large = max(abs(value), top) if value else 0
    if large >= 1e9:
        return f"{value / 1e9:,.3g}B"
    if large >= 1e6:
        return f"{value / 1e6:,.3g}M"
    return f"{value:,.0f}" if value == round(value) else f"{value:,.3g}"


def amount(value: float) -> str:
    """A number for a sentence: 0.42, 8.5, 212, 12,400, 300M."""
    if abs(value) >= 1e7:
        return compact(value)
    value = round(value, 6)  # sums of tenths that end in a half differ in their last bits
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:,.3g}"


def signed(value: float, digits: int) -> str:
    """A change for a sentence, with so many digits after its point: +3.2, -12,400, 0, +300M."""
    if abs(value) >= 1e7:
        return f"{'+' if value > 0 else '-'}{amount(abs(value))}"
    told = f"{value:+,.{digits}f}"
    return told[1:] if float(told.replace(",", "")) == 0 else told


def counted(value: float, what: str) -> str:
    """An amount with what it counts: ``1 call``, ``12,400 calls``, ``1 minute of talk``."""
    number = amount(value)
    return f"{number} {_ONE.get(what, what) if number == '1' else what}"


def several(count: int, noun: str) -> str:
    """A number of things: ``1 day``, ``29 days``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def per(every: str) -> str:
    """``a day``, ``an hour``."""
    return f"an {every}" if every.startswith("h") else f"a {every}"


def percent(share: float, digits: int = 2) -> str:
    """A share for a sentence: 1.95 %."""
    return f"{100 * share:.{digits}f} %"


_JOINING: Final = " \u200d\ufe0f"


def clean(name: str) -> str:
    """A name without what would break or turn a line: control and direction characters."""
    kept = (" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in name)
    return "".join(
        c for c in kept if c not in "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2069"
    )


def shorten(name: str, cells: int = 24) -> str:
    """A name in so many cells at most, where East Asian characters take two.

    A name that is written from right to left stands between marks that keep the words and numbers
    around it in their order.
    """
    name, used = clean(name), 0
    for place, character in enumerate(name):
        used += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if used > cells:
            name = name[: max(place - 1, 1)].rstrip(_JOINING) + "…"
            break
    return _set_off(name)


def shortened(names: Iterable[object], cells: int = 24) -> list[str]:
    """Names as `shorten` has them, but cut in the middle where others would read the same."""
    whole = [clean(str(name)) for name in names]
    short = [shorten(name, cells) for name in whole]
    alike = {text for text, times in Counter(short).items() if times > 1}
    return [
        _in_the_middle(name, cells) if text in alike and text != _set_off(name) else text
        for name, text in zip(whole, short, strict=True)
    ]


def _in_the_middle(name: str, cells: int) -> str:
    end = name[-(cells // 4) :].lstrip(_JOINING)
    wide = sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in end)
    return _set_off(shorten(name, cells - wide).strip("\u200e\u200f") + end)


def _set_off(name: str) -> str:
    """A name between marks, if it is written from right to left."""
    turns = any(unicodedata.bidirectional(character) in ("R", "AL") for character in name)
    return f"\u200e{name}\u200f\u200e" if turns else name


def axis_name(measure: str, every: str = "") -> str:
    """Name and unit of an axis: ``calls [per day]``, ``talk [min]``, ``number [calls]``."""
    name, unit = _AXIS.get(measure, (measure.replace("_", " "), ""))
    per = f"per {every}" if every and measure != "traffic" else ""
    told = " ".join(filter(None, (unit, per)))
    return f"{name} [{told}]" if told else f"number [{name}]"


def span_of(frame: pd.DataFrame) -> str:
    """What one row of a frame spans, in a word."""
    times = pd.DatetimeIndex(frame.index).as_unit("us").asi8
    steps = np.diff(np.unique(times)) / 3.6e9
    step = float(np.median(steps)) if len(steps) else 24.0
    if len(steps) == 0 and "hours" in frame and len(frame):
        # What `aggregate` makes are days at least, however little of the first is there yet.
        step = max(float(frame["hours"].iloc[0]), 24.0)
    elif len(steps) == 0 and "complete" not in frame:
        step = 1.0
    names = ((2, "hour"), (30, "day"), (200, "week"), (800, "month"), (3000, "quarter"))
    return next((name for limit, name in names if step < limit), "year")
