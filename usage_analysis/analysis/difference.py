"""How far two rates lie apart, with an interval."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.analysis.control import control_chart
from usage_analysis.analysis.intervals import Floats, normal_quantile, share, wilson
from usage_analysis.analysis.rates import check_event, summed_by
from usage_analysis.errors import QueryError
from usage_analysis.tidy.frame_check import check_frame
from usage_analysis.tidy.frames import copy_source, group_column
from usage_analysis.tidy.overlap import check_disjoint


def rate_difference(
    a: pd.DataFrame,
    b: pd.DataFrame,
    *,
    event: str = "error_count",
    denominator: str = "total_count",
    confidence: float = 0.95,
    independent: Literal["calls", "days"] = "calls",
) -> pd.Series | pd.DataFrame:
    """Difference of two rates, a less b, with its interval: two periods, or two groups.

    Newcombe's hybrid score interval (Newcombe 1998, Statistics in Medicine 17:873, method 10): with
    (l, u) Wilson's interval of each rate, ``d - √((p1 - l1)² + (u2 - p2)²)`` to ``d + √((u1 - p1)²
    + (p2 - l2)²)``. It takes the two for independent, and calls within each for independent too.

    Calls of one day are seldom independent: an incident hits many, and a difference of two periods
    is then told as beyond chance that single days make. With ``independent="days"`` each period's
    Wilson interval is that of n/s² calls, where s is the spread ratio of `control_chart` over its
    whole days (the larger of the two periods', 1 at least, and 1 where there are fewer than two
    days): the effective sample size of counts that scatter s² times as much as chance makes them
    (McCullagh and Nelder 1989, Generalized Linear Models, section 4.5).

    Parameters
    ----------
    a, b
        Canonical frames, summed whole: with a group column in both, or in neither.
    event, denominator
        Columns: as for `control_chart`.
    confidence
        Of the two-sided interval.
    independent
        What is taken for independent: ``"calls"``, or ``"days"`` of two periods, by hours or days.

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
    if independent not in ("calls", "days"):
        raise QueryError(f'independent: expected "calls" or "days", got {independent!r}')
    quantile = normal_quantile(confidence)
    sides = []
    needed = [event, denominator, *(["provisional"] if independent == "days" else [])]
    for frame in (a, b):
        check_frame("rate_difference", frame, *needed, totals=True)
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
    scatter: Any = 1.0
    if independent == "days":
        scatter = np.maximum(*(_scatter(frame, groups, event, denominator) for frame in (a, b)))
    (low1, high1), (low2, high2) = (
        wilson(events / scatter, calls / scatter, quantile) for calls, events in (first, second)
    )
    columns["difference"] = p - q
    columns["low"] = p - q - np.hypot(p - low1, high2 - q)
    columns["high"] = p - q + np.hypot(high1 - p, q - low2)
    if group_column(a) is not None:
        return copy_source(pd.DataFrame(columns, index=groups), a, b)
    whole = pd.Series(
        {name: one.tolist()[0] for name, one in columns.items()}, name="rate_difference"
    )
    return copy_source(whole, a, b)


def rate_effects(
    a: pd.DataFrame,
    b: pd.DataFrame,
    *,
    event: str = "error_count",
    denominator: str = "total_count",
    confidence: float = 0.95,
    independent: Literal["calls", "days"] = "calls",
) -> pd.DataFrame:
    """What each group adds to the difference of two rates: its own rate, and its share of calls.

    A rate over all groups rises where a group's rate rises, and where calls move to groups whose
    rate is high, though none of them got worse. Kitagawa's decomposition tells the two apart
    (Kitagawa 1955, Journal of the American Statistical Association 50:1168): with s a group's
    share of the calls, p its rate and P the rate over all, `rate_effect` is ``(p_a - p_b)·(s_a +
    s_b)/2`` and `mix_effect` ``(s_a - s_b)·((p_a + p_b)/2 - (P_a + P_b)/2)``. The last term, which
    adds up to nothing, sets a group that grows against what is usual: one with a low rate pulls
    the whole down. All effects together are the difference of the whole, exactly.

    A group that has calls on one side alone has no rate that changed: its effect is all mix. Sums
    say where a difference lies, not why; groups that share calls count these more than once.

    Parameters
    ----------
    a, b
        Breakdowns, each summed whole, with the same group column: the later period and the earlier.
    event, denominator, confidence, independent
        As for `rate_difference`.

    Returns
    -------
    DataFrame
        A row a group of either, as `rate_difference` orders them: `calls_a`, `rate_a`, `calls_b`,
        `rate_b`, `rate_effect`, its interval `low` and `high` (that of `rate_difference`, at the
        shares seen; NaN where one side has no calls), `mix_effect`, and `effect`, the two together
        (all NaN where one side has no calls at all).

    Raises
    ------
    QueryError
        No group column, a column is missing, or an argument does not fit.

    Examples
    --------
    >>> import pandas as pd
    >>> a = pd.DataFrame({"agent": ["desk", "night"], "total_count": [500, 500],
    ...                   "error_count": [5, 50]})
    >>> b = pd.DataFrame({"agent": ["desk", "night"], "total_count": [900, 100],
    ...                   "error_count": [9, 10]})
    >>> rate_effects(a, b)[["rate_effect", "mix_effect"]].round(4).values.tolist()
    [[0.0, 0.0108], [0.0, 0.0252]]
    """
    check_event(event, denominator)
    for name, frame in (("a", a), ("b", b)):
        check_frame("rate_effects", frame, event, denominator, totals=True)
        check_disjoint("rate_effects", frame)
        if group_column(frame) is None:
            raise QueryError(
                f"{name}: expected a breakdown with a group as first column, got one series"
            )
    both = rate_difference(
        a, b, event=event, denominator=denominator, confidence=confidence, independent=independent
    )
    calls_a, events_a, rate_a, calls_b, events_b, rate_b, _, low, high = (
        column.to_numpy(dtype=np.float64) for _, column in both.items()
    )
    all_a, all_b = calls_a.sum() or np.nan, calls_b.sum() or np.nan
    share_a, share_b = calls_a / all_a, calls_b / all_b
    # Without calls on one side the other side's rate, so that nothing of it changed.
    now = np.select([calls_a > 0, calls_b > 0], [rate_a, rate_b], 0.0)
    before = np.select([calls_b > 0, calls_a > 0], [rate_b, rate_a], 0.0)
    usual = (now + before) / 2 - (events_a.sum() / all_a + events_b.sum() / all_b) / 2
    weight = (share_a + share_b) / 2
    found = both[["calls_a", "rate_a", "calls_b", "rate_b"]].assign(
        rate_effect=weight * (now - before),
        low=weight * low,
        high=weight * high,
        mix_effect=(share_a - share_b) * usual,
    )
    return copy_source(found.assign(effect=found["rate_effect"] + found["mix_effect"]), a, b)


def _scatter(frame: pd.DataFrame, groups: pd.Index, event: str, denominator: str) -> Floats:
    """How much more days scatter than chance makes them [variance], of each group; 1 at least."""
    chart = control_chart(frame, event=event, denominator=denominator)
    name = group_column(frame)
    if name is None:
        spread = chart["spread_ratio"].to_numpy(dtype=np.float64)[:1]
        found = spread if len(spread) else np.ones(1)
    else:
        of_group = chart.groupby(name, sort=False)["spread_ratio"].first()
        found = of_group.reindex(groups).to_numpy(dtype=np.float64)
    return np.fmax(found, 1.0) ** 2


def _at(column: NDArray[Any], place: NDArray[np.intp]) -> NDArray[Any]:
    """Values at places, 0 where there is none."""
    found: NDArray[Any] = np.append(column, column.dtype.type(0))[place]
    return found
