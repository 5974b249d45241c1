"""Whether a rate has changed or only wobbles: control charts and error budgets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.analysis.intervals import normal_quantile, share, wilson
from usage_analysis.analysis.rates import check_event
from usage_analysis.errors import QueryError
from usage_analysis.tidy.frames import copy_source, group_column, require
from usage_analysis.tidy.grouping import Sums, check_rows, groups_of, provisional_instants
from usage_analysis.tidy.periods import aggregate
from usage_analysis.tidy.rolling import Trailing
from usage_analysis.tidy.zones import HOUR, row_times

Floats = NDArray[np.float64]

_SIGMAS = 3.0
# Mean range of two draws from a normal distribution, in its standard deviations: 2/√π.
_RANGE_OF_TWO = 1.128
_WINDOWS = (1, 6, 12, 72)
_BUDGET_HOURS = 30 * 24
_FAST, _SLOW = 3.0, 1.0


def control_chart(
    frame: pd.DataFrame,
    *,
    event: str = "error_count",
    denominator: str = "total_count",
    every: str | None = "D",
    method: Literal["p_prime", "p"] = "p_prime",
) -> pd.DataFrame:
    """Rates by day with their centre, limits and signals.

    With p = Σevents/Σcalls and z_i = (p_i - p) / √(p(1 - p)/n_i), the limits are ``p ± 3·s·√(p(1 -
    p)/n_i)``, where the spread ratio s is the mean moving range of the z_i over 1.128 (Laney's p',
    2002): days differ by more than chance among calls, and a plain p chart (``"p"``, s = 1;
    Montgomery, Statistical Quality Control, ch. 7) then calls most of them signals. The ratio is
    not clamped: below 1 it narrows the limits. A low limit below 0 is one that no rate can cross.

    By hours instead of days a chart raises 1.9 false signals a month by construction, and calls of
    one hour are often few. A signal says that a day is unlike the others, not why.

    Parameters
    ----------
    frame
        Canonical frame, hourly or daily, with or without a group column.
    event, denominator
        Columns: ``error_count`` over ``total_count`` or ``joined_count``, or ``joined_count`` over
        ``total_count``.
    every
        Period of `aggregate`; None for the frame's own buckets. Periods that are incomplete or
        provisional are left out; ``attrs["left_out"]`` of the result says how many.
    method
        ``"p_prime"`` or ``"p"``.

    Returns
    -------
    DataFrame
        A row a period (and group): `calls`, `events` [calls], `rate`, `centre`, `low`, `high`,
        `spread_ratio`, `signal`, and `limited`, whether there are limits: a centre of 0 or 1 has
        none, nor have periods without calls, nor fewer than two periods by ``"p_prime"``.

    Raises
    ------
    QueryError
        A column is missing, or an argument is not one of those above.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-02", periods=4, freq="D", tz="UTC", name="time")
    >>> daily = pd.DataFrame({"total_count": 500, "error_count": [8, 12, 9, 11],
    ...                       "provisional": False}, index=time)
    >>> control_chart(daily, method="p")[["rate", "centre", "high", "signal"]].round(4).tail(1)
                                rate  centre    high  signal
    time
    2026-03-05 00:00:00+00:00  0.022    0.02  0.0388   False
    """
    if method not in ("p_prime", "p"):
        raise QueryError(f'method: expected "p_prime" or "p", got {method!r}')
    check_event(event, denominator)
    require("control_chart", frame, event, denominator, "provisional")
    periods = frame if every is None else aggregate(frame, every)
    waiting = periods["provisional"].to_numpy(dtype=bool)
    if "complete" in periods:
        waiting = waiting | ~periods["complete"].to_numpy(dtype=bool)
    kept = periods[~waiting]
    code, groups = groups_of(kept)
    calls = kept[denominator].to_numpy(dtype=np.float64)
    events = kept[event].to_numpy(dtype=np.float64)
    count = 1 if groups is None else len(groups)
    added = Sums(code, count)
    centres = share(added.of(events), added.of(calls))

    def of_rows(values: Floats) -> Floats:
        # One value for all rows need not be looked up for each.
        return values if count == 1 else values[code]

    rate, spreads = share(events, calls), np.ones(count)
    away = rate - of_rows(centres)
    sigma = _sigma(of_rows(centres), calls)
    if method == "p_prime":
        spreads = _spread(away / sigma, row_times(kept), code, count)
    # A million hours are slow to make room for: what is no longer needed is written over.
    half = np.multiply(sigma, of_rows(_SIGMAS * spreads), out=sigma)
    beyond = np.subtract(np.abs(away, out=away), half, out=away)
    columns: dict[str, Any] = {
        "calls": kept[denominator].to_numpy(copy=True),
        "events": kept[event].to_numpy(copy=True),
        "rate": rate,
        "centre": np.broadcast_to(of_rows(centres), len(kept)).copy(),
        "low": of_rows(centres) - half,
        "high": of_rows(centres) + half,
        "spread_ratio": np.broadcast_to(of_rows(spreads), len(kept)).copy(),
        # Equal rates have a spread of 0 and limits that only rounding can cross.
        "signal": beyond > 1e-12,
        "limited": ~np.isnan(half),
    }
    name = group_column(kept)
    if name is not None:
        columns = {name: kept[name].copy(), **columns}
    # What is ours alone need not be copied.
    out = pd.DataFrame(columns, index=kept.index, copy=False)
    out.attrs["left_out"] = len(np.unique(row_times(periods)[waiting])) if waiting.any() else 0
    return copy_source(out, frame)


def _sigma(centre: Floats, calls: Floats) -> Floats:
    """Standard deviation of a rate among independent calls, NaN where there is none."""
    inside = np.where((centre > 0) & (centre < 1), centre, np.nan)
    some = calls > 0
    root: Floats = np.sqrt(calls if some.all() else np.where(some, calls, np.nan))
    np.divide(np.sqrt(inside * (1 - inside)), root, out=root)
    return root


def _spread(z: Floats, times: NDArray[np.int64], code: NDArray[np.intp], count: int) -> Floats:
    """Mean moving range of each group's z over what chance alone gives; NaN without a range."""
    known = ~np.isnan(z)
    if not known.all():
        z, times, code = z[known], times[known], code[known]
    back = times[1:] < times[:-1]
    if count > 1:
        back = np.where(code[1:] == code[:-1], back, code[1:] < code[:-1])
    if back.any():
        order = np.lexsort((times, code))
        z, code = z[order], code[order]
    ranges, of = np.diff(z), code[1:]
    np.abs(ranges, out=ranges)
    if count > 1:
        same = of == code[:-1]
        ranges, of = ranges[same], of[same]
    added = Sums(of, count)
    mean: Floats = share(added.of(ranges), np.bincount(of, minlength=count)) / _RANGE_OF_TWO
    return mean


def burn_rate(hourly: pd.DataFrame, slo: float = 0.99, *, confidence: float = 0.95) -> pd.DataFrame:
    """How fast errors use up what a target leaves for them, with its two alerts.

    Burn is the error rate of a trailing window over ``1 - slo``: at 1 a budget of 30 days lasts 30
    days. The rule is that of the SRE Workbook, ch. 5, carried to hourly data: fast, when 12 h and
    1 h both burn at 3 or more (12 h at 3 spend 5 % of 30 days, our derivation); slow, when 3 d and
    6 h both burn at 1 or more (10 %). The short window ends the alert soon after the trouble. Sums
    by hour spread trouble of a few minutes over its hour.

    Parameters
    ----------
    hourly
        Canonical hourly frame, with or without a group column.
    slo
        Target share of calls without error, between 0 and 1.
    confidence
        Of the intervals. Alerts go by the burns themselves, as the rule does.

    Returns
    -------
    DataFrame
        A row a bucket that is not provisional (``attrs["left_out"]`` says how many are), under its
        group: for windows of 1, 6, 12 and 72 elapsed hours that end with it `burn_1h`, ..., of
        `calls_1h`, ..., with the interval `low_1h` to `high_1h`, ...: Wilson's (as in `error_rate`)
        of the error rate, over ``1 - slo``, as if errors came one by one, where trouble brings many
        at once; `spent_1h`, ..., the share of 30 days' budget that such a window at this burn
        spends; `fast` and `slow`. A window without calls, or that begins before the data, is NaN
        and alerts nobody.

    Raises
    ------
    QueryError
        A column is missing, or an `slo` that is not between 0 and 1.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-02", periods=12, freq="h", tz="UTC", name="time")
    >>> hourly = pd.DataFrame({"total_count": 100, "error_count": 4, "provisional": False},
    ...                       index=time)
    >>> burn_rate(hourly, slo=0.99)[["burn_12h", "spent_12h", "fast"]].iloc[-1:].round(4)
                               burn_12h  spent_12h  fast
    time
    2026-03-02 11:00:00+00:00       4.0     0.0667  True
    """
    if isinstance(slo, bool) or not isinstance(slo, int | float) or not 0 < slo < 1:
        raise QueryError(f"slo: expected a share of good calls such as 0.99, got {slo!r}")
    quantile = normal_quantile(confidence)
    require("burn_rate", hourly, "total_count", "error_count", "provisional")
    check_rows("burn_rate", hourly, "hour")
    late, group = hourly["provisional"].to_numpy(dtype=bool), group_column(hourly)
    kept = hourly[~late] if late.any() else hourly
    columns: dict[str, Any] = {} if group is None else {group: kept[group].copy()}
    for hours, calls, errors, whole in _windows(kept):
        burn = share(errors, calls)
        low, high = wilson(errors, calls, quantile)
        for values in (burn, low, high):
            values[~whole] = np.nan
            np.divide(values, 1 - slo, out=values)
        columns |= {
            f"calls_{hours}h": calls,
            f"burn_{hours}h": burn,
            f"low_{hours}h": low,
            f"high_{hours}h": high,
            f"spent_{hours}h": burn * hours / _BUDGET_HOURS,
        }
    columns["fast"] = _both(columns["burn_12h"], columns["burn_1h"], _FAST)
    columns["slow"] = _both(columns["burn_72h"], columns["burn_6h"], _SLOW)
    # What is ours alone need not be copied.
    out = pd.DataFrame(columns, index=kept.index, copy=False)
    out.attrs["left_out"] = provisional_instants(hourly)
    return copy_source(out, hourly)


def _windows(
    kept: pd.DataFrame,
) -> Iterator[tuple[int, NDArray[Any], NDArray[Any], NDArray[np.bool_]]]:
    """Length of each window [h], calls and errors in each row's, and whether it is whole."""
    columns = [kept[name].to_numpy() for name in ("total_count", "error_count")]
    if len(kept) == 0:
        for hours in _WINDOWS:
            yield hours, columns[0], columns[1], np.zeros(0, dtype=np.bool_)
        return
    trailing = Trailing(kept)
    running = [trailing.running(column) for column in columns]
    for hours in _WINDOWS:
        first, whole = trailing.since(hours * HOUR, days=False)
        calls, errors = (trailing.between(total, first) for total in running)
        yield hours, calls, errors, whole


def _both(long: Floats, short: Floats, burn: float) -> NDArray[np.bool_]:
    # 1 - 0.99 is not quite 0.01: a burn of 3 may come out as 2.9999999999999996.
    least = burn * (1 - 1e-12)
    return (long >= least) & (short >= least)
