"""Quantiles and intervals: formulas of one line, in NumPy."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from usage_analysis.errors import QueryError

Floats = NDArray[np.float64]


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


def student(confidence: float, freedom: float) -> float:
    """Quantile of Student's t for a two-sided interval.

    Exact for 1 and 2 degrees of freedom; beyond, the expansion of Abramowitz and Stegun 26.7.5,
    within 1 % at 95 %.
    """
    p = (1 + confidence) / 2
    if freedom == 1:
        return math.tan(math.pi * (p - 0.5))
    if freedom == 2:
        return (2 * p - 1) / math.sqrt(2 * p * (1 - p))
    z = normal_quantile(confidence)
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * freedom**4)
    )


def share(events: NDArray[Any], calls: NDArray[Any]) -> Floats:
    """Events per call, NaN without calls."""
    out = np.full(len(calls), np.nan)
    np.divide(events, calls, out=out, where=calls > 0)
    return out


def wilson(events: NDArray[Any], calls: NDArray[Any], quantile: float) -> tuple[Floats, Floats]:
    """Wilson's interval for each share; NaN without calls or with more events than calls."""
    known = (calls > 0) & (events <= calls) & (events >= 0)
    n = np.where(known, calls, 1).astype(np.float64)
    k = np.where(known, events, 0).astype(np.float64)
    square = quantile * quantile
    middle = (k + square / 2) / (n + square)
    half = quantile * np.sqrt(k * (n - k) / n + square / 4) / (n + square)
    # The ends are 0 and 1 exactly where no call or every call was an event.
    low = np.where(k == 0, 0.0, middle - half)
    high = np.where(k == n, 1.0, middle + half)
    return np.where(known, low, np.nan), np.where(known, high, np.nan)
