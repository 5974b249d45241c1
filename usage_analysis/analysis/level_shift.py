"""Lasting shifts of the level of a control chart."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from usage_analysis.analysis.arrays import Floats, floats

#: What the maximum of a Brownian bridge exceeds with a probability of 5 % (Kolmogorov).
_BRIDGE = 1.358
_LEAST_PERIODS = 4
# Ratio of two levels beside each other that are not called steady.
_STEP = 1.5


class LevelShift(NamedTuple):
    """The largest shift of the level of a control chart, and whether the level was steady."""

    #: Whether the level shifted, at the 95 % level.
    certain: bool
    #: First period of the later level.
    start: pd.Timestamp
    before: float
    #: Rates of the periods before `start` and from `start` on, signals left out.
    after: float
    #: Whether the rates before and after any period differ by less than a half, up or down.
    steady: bool


def level_shift(chart: pd.DataFrame) -> LevelShift | None:
    """Return the largest shift of the level within a control chart of one series.

    Signals are single periods. A lasting shift that is too small for a signal shows in the
    cumulative sum of the differences from the mean (Ploberger and Krämer 1992, Econometrica
    60:271): divided by its standard deviation, which the spread ratio widens, the sum is a Brownian
    bridge where the level is constant. Its largest excursion exceeds 1.358 in 5 % of such charts
    (Kolmogorov's distribution), and in fewer if the periods are few.

    Parameters
    ----------
    chart
        Result of `control_chart` for one series.

    Returns
    -------
    LevelShift or None
        None where fewer than four periods have calls and limits.
    """
    used = chart[chart["limited"] & ~chart["signal"]]
    calls, events = floats(used, "calls", "events")
    rate = events.sum() / calls.sum() if len(used) else 0.0
    if len(used) < _LEAST_PERIODS or not 0 < rate < 1:
        return None
    variance = float(used["spread_ratio"].iloc[0]) ** 2 * rate * (1 - rate)
    bridge = np.cumsum(events - rate * calls) / math.sqrt(variance * calls.sum())
    last = int(np.abs(bridge[:-1]).argmax())
    before, after = (
        float(events[part].sum() / calls[part].sum())
        for part in (slice(None, last + 1), slice(last + 1, None))
    )
    return LevelShift(
        certain=bool(abs(bridge[last]) > _BRIDGE),
        start=used.index[last + 1],
        before=before,
        after=after,
        steady=_no_step(calls, events) and _no_step(calls[::-1], events[::-1]),
    )


def _no_step(calls: Floats, events: Floats) -> bool:
    """Return whether the rate after every split is less than 1.5 times the rate before it."""
    part, earlier = calls.cumsum()[:-1], events.cumsum()[:-1]
    later = (events.sum() - earlier) / (calls.sum() - part)
    return bool((later < _STEP * earlier / part).all())
