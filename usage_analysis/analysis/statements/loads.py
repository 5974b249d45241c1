"""Load in words: the busiest day, and how many hours carry how much traffic."""

from __future__ import annotations

import numpy as np
import pandas as pd

from usage_analysis.analysis import vocabulary as say
from usage_analysis.analysis.columns import finished, in_units
from usage_analysis.analysis.statements.statement import Statement, state

# Hours of which a tenth is more than a single one.
_TENTH = 10


def state_busiest_day(daily: pd.DataFrame, measure: str) -> Statement:
    """State the busiest day: of whole days if there are any."""
    whole, values = finished(daily), in_units(daily, measure)
    values = np.where(whole, values, np.nan) if whole.any() else values
    if not np.nansum(values) > 0:
        return _state(f"No {say.UNITS.get(measure, measure)} on any day", daily)
    top = int(np.nanargmax(values))
    day = f"{daily.index[top]:%A %Y-%m-%d}"
    return _state(f"Busiest day: {day} with {say.counted(values[top], measure)}", daily)


def state_load_duration(hours: pd.DataFrame, name: str = "") -> Statement:
    """State the traffic of the busiest tenth of hours, of one series or of the group `name`."""
    traffic = np.sort(hours["carried"].to_numpy(dtype=np.float64))[::-1]
    if not traffic.sum() > 0:
        return _state("No talk in any finished hour", hours)
    whose = f"{say.shorten(name, 40)} has most traffic:" if name else "Traffic is"
    high, busy = say.counted(float(traffic[0]), "traffic"), float(traffic[len(traffic) // _TENTH])
    number = say.several(len(traffic), "hour")
    if len(traffic) < _TENTH or not busy > 0:
        return _state(f"{whose} {high} at most in {number}", hours)
    words = f"{whose} over {say.counted(busy, 'traffic')} in a tenth of {number}"
    return _state(words if name else f"{words}, {high} at most", hours)


def _state(title: str, frame: pd.DataFrame) -> Statement:
    return state(title, f", {say.dates(frame)}" if len(frame) else "")
