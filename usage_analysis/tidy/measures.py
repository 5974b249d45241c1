"""Measures in words: units, numbers and plurals; and the tables that notebooks show."""

import re
from collections.abc import Mapping
from html import escape
from textwrap import shorten
from typing import Any, Final

import pandas as pd

#: Plural unit of each measure, for sentences; talk is always in minutes.
UNITS = {
    "total_count": "calls",
    "error_count": "failed calls",
    "joined_count": "joined calls",
    "duration": "minutes of talk",
    "billed_minutes": "billed minutes",
    "traffic": "erlangs",
    "average_call_duration": "minutes per joined call",
}
_CELL: Final = 'style="text-align: left; vertical-align: top; padding: 0.1em 1em 0.1em 0"'


def compact(value: float, top: float = 0) -> str:
    """Return a count for an axis that reaches to `top`: 950, 12,000, 1.5M, 300M."""
    large = max(abs(value), top) if value else 0
    if large >= 1e9:
        return f"{value / 1e9:,.3g}B"
    if large >= 1e6:
        return f"{value / 1e6:,.3g}M"
    return f"{value:,.0f}" if value == round(value) else f"{value:,.3g}"


def amount(value: float) -> str:
    """Return a number for a sentence: 0.42, 8.5, 212, 12,400, 300M."""
    if abs(value) >= 1e7:
        return compact(value)
    value = round(value, 6)  # sums of tenths that end in a half differ in their last bits
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:,.3g}"


def in_unit(value: Any, measure: str) -> float:
    """Return a value of a measure in its unit; a duration becomes minutes, NaT becomes NaN."""
    if measure == "duration":
        return float(value / pd.Timedelta(minutes=1))
    return float(value)


def number(value: Any, measure: str) -> str:
    """Return a value of a measure without its unit; talk as a Timedelta or in minutes."""
    return amount(in_unit(value, measure) if isinstance(value, pd.Timedelta) else float(value))


def counted(value: Any, measure: str) -> str:
    """Return a value with its unit: ``1 call``, ``12,400 calls``, ``0.42 erlangs``."""
    told = number(value, measure)
    # The first plural of a unit is its noun: "1 minute of talk".
    unit = re.sub(r"s\b", "", UNITS[measure], count=1) if told == "1" else UNITS[measure]
    return f"{told} {unit}"


def several(count: int, noun: str) -> str:
    """Return a number of things: ``1 day``, ``29 days``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def summary_table(title: str, rows: Mapping[str, str]) -> str:
    """Return a small HTML table. It sets no colours, so it follows light and dark themes."""
    # Lists of many agents are cut.
    cells = ((escape(name), escape(shorten(text, 240))) for name, text in rows.items())
    lines = (f"<tr><th {_CELL}>{name}</th><td {_CELL}>{text}</td></tr>" for name, text in cells)
    return f"<table><caption>{escape(title)}</caption>{''.join(lines)}</table>"
