"""Quantiles and intervals: short formulas, in NumPy."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from usage_analysis.errors import QueryError

Floats = NDArray[np.float64]

AT_ONCE = 1 << 14
"""So many numbers fit a processor's cache, where they are worked on several times as fast."""


def normal_quantile(confidence: float) -> float:
    """Standard normal quantile of a two-sided interval.

    Raises
    ------
    QueryError
        The confidence is not between 0 and 1.
    """
    if not isinstance(confidence, int | float) or not 0 < confidence < 1:
        raise QueryError(
            f"confidence: expected a number between 0 and 1 such as 0.95, got {confidence!r}"
        )
    return NormalDist().inv_cdf((1 + confidence) / 2)


@lru_cache(maxsize=1024)
def student(confidence: float, freedom: float) -> float:
    """Quantile of Student's t for a two-sided interval, of whole degrees of freedom.

    Exact, by halving the finite series of Abramowitz and Stegun 26.7.3 and 26.7.4; beyond 1,000
    degrees the normal quantile with two terms of their 26.7.5.
    """
    if freedom > 1000:
        z = normal_quantile(confidence)
        return z if math.isinf(freedom) else z + (z**3 + z) / (4 * freedom)
    whole = int(freedom)
    odd = whole % 2
    k = np.arange(1 + odd, whole - 1, 2)
    terms = np.concatenate([np.ones(int(whole > 1)), np.cumprod(k / (k + 1))])
    powers = np.arange(odd, odd + 2 * len(terms), 2)
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        angle = (low + high) / 2
        inside = math.sin(angle) * float((terms * math.cos(angle) ** powers).sum())
        if odd:
            inside = 2 / math.pi * (angle + inside)
        low, high = (angle, high) if inside < confidence else (low, angle)
    return math.tan(low) * math.sqrt(whole)


def share(events: NDArray[Any], calls: NDArray[Any]) -> Floats:
    """Events per call, NaN without calls."""
    some = calls > 0
    if some.all():
        every: Floats = events / calls
        return every
    out = np.full(len(calls), np.nan)
    np.divide(events, calls, out=out, where=some)
    return out


def wilson(events: NDArray[Any], calls: NDArray[Any], quantile: float) -> tuple[Floats, Floats]:
    """Wilson's interval for each share; NaN without calls or with more events than calls."""
    low, high = np.empty(len(calls)), np.empty(len(calls))
    for start in range(0, len(calls), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        low[part], high[part] = _wilson(events[part], calls[part], quantile)
    return low, high


def _wilson(events: NDArray[Any], calls: NDArray[Any], quantile: float) -> tuple[Floats, Floats]:
    known = (calls > 0) & (events <= calls) & (events >= 0)
    n = np.where(known, calls, np.nan).astype(np.float64, copy=False)
    k = events.astype(np.float64)
    square = quantile * quantile
    scale = 1 / (n + square)
    middle = (k + square / 2) * scale
    half = np.sqrt(k * (n - k) / n + square / 4)
    half *= quantile * scale
    # The ends are 0 and 1 exactly where no call or every call was an event.
    low, high = middle - half, middle + half
    low[(k == 0) & known] = 0.0
    high[(k == n) & known] = 1.0
    return low, high
