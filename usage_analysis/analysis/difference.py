"""How far two rates lie apart, with an interval."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.analysis.intervals import normal_quantile, share, wilson
from usage_analysis.analysis.rates import check_event, summed_by
from usage_analysis.errors import QueryError
from usage_analysis.tidy.frames import group_column, require, same_source


def rate_difference(
    a: pd.DataFrame,
    b: pd.DataFrame,
    *,
    event: str = "error_count",
    denominator: str = "total_count",
    confidence: float = 0.95,
) -> pd.Series | pd.DataFrame:
    """Difference of two rates, a less b, with its interval: two periods, or two groups.

    Newcombe's hybrid score interval (Newcombe 1998, Statistics in Medicine 17:873, method 10): with
    (l, u) Wilson's interval of each rate, ``d - √((p1 - l1)² + (u2 - p2)²)`` to ``d + √((u1 - p1)²
    + (p2 - l2)²)``. It takes the two for independent, and calls within each for independent too.

    Parameters
    ----------
    a, b
        Canonical frames, summed whole: with a group column in both, or in neither.
    event, denominator
        Columns: as for `control_chart`.
    confidence
        Of the two-sided interval.

    Returns
    -------
    Series or DataFrame
        `calls_a`, `events_a`, `rate_a`, `calls_b`, `events_b`, `rate_b`, `difference`, `low`,
        `high` (NaN where either has no calls); a row a group of either for breakdowns.

    Raises
    ------
    QueryError
        A column is missing, only one has groups, or an argument is not one of those above.

    Examples
    --------
    >>> import pandas as pd
    >>> a = pd.DataFrame({"total_count": [34], "error_count": [7]})
    >>> b = pd.DataFrame({"total_count": [34], "error_count": [1]})
    >>> rate_difference(a, b)[["difference", "low", "high"]].astype(float).round(3).tolist()
    [0.176, 0.019, 0.34]
    """
    check_event(event, denominator)
    quantile = normal_quantile(confidence)
    sides = []
    for frame in (a, b):
        require("rate_difference", frame, event, denominator)
        sides.append(summed_by(frame, [denominator, event], "total"))
    if group_column(a) != group_column(b):
        raise QueryError(
            "b: expected the same group column as a, or none in both, got "
            f"{group_column(b)} beside {group_column(a)}"
        )
    (first, groups), (second, others) = sides
    if group_column(a) is not None and not groups.equals(others):
        index = groups.append(others).unique().rename(groups.name)
        first, second = (
            [_at(column, own.get_indexer(index)) for column in columns] for columns, own in sides
        )
        groups = index
    columns: dict[str, NDArray[Any]] = {}
    for side, (calls, events) in (("a", first), ("b", second)):
        rate = share(events, calls)
        columns |= {f"calls_{side}": calls, f"events_{side}": events, f"rate_{side}": rate}
    p, q = columns["rate_a"], columns["rate_b"]
    (low1, high1), (low2, high2) = (
        wilson(events, calls, quantile) for calls, events in (first, second)
    )
    columns["difference"] = p - q
    columns["low"] = p - q - np.hypot(p - low1, high2 - q)
    columns["high"] = p - q + np.hypot(high1 - p, q - low2)
    if group_column(a) is not None:
        return same_source(pd.DataFrame(columns, index=groups), a, b)
    whole = pd.Series(
        {name: one.tolist()[0] for name, one in columns.items()}, name="rate_difference"
    )
    return same_source(whole, a, b)


def _at(column: NDArray[Any], place: NDArray[np.intp]) -> NDArray[Any]:
    """Values at places, 0 where there is none."""
    found: NDArray[Any] = np.append(column, column.dtype.type(0))[place]
    return found
