"""What sentences share: units, figures, dates, lists of what is accepted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from usage_analysis.tidy.zones import local_clock, zone_of

UNITS = {
    "total_count": "calls",
    "error_count": "errors",
    "joined_count": "joined calls",
    "duration": "hours of talk",
    "billed_minutes": "billed minutes",
    "traffic": "erlangs",
}
"""What a measure counts, in words."""


def figure(value: Any, measure: str) -> str:
    """Value of a measure in words; talk in hours."""
    number = value / pd.Timedelta(hours=1) if measure == "duration" else float(value)
    return f"{number:,.0f}" if number >= 10 or number == round(number) else f"{number:.1f}"


def dates(frame: pd.DataFrame) -> str:
    """First and last local day of a frame's rows and their zone, in words."""
    local, zone = local_clock(frame), zone_of(frame)
    if len(local) == 0:
        return f"no days ({zone})"
    days = np.array([local.min(), local.max()]).view("M8[us]").astype("M8[D]").astype(str)
    return f"{' to '.join(dict.fromkeys(days))} ({zone})"


def either(accepted: Iterable[str]) -> str:
    """What is accepted, in a list that ends with `or`."""
    *most, last = [f'"{word}"' for word in accepted]
    return f"{', '.join(most)} or {last}"
