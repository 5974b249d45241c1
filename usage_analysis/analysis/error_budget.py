"""Burn rates of an error budget, with their alerts."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from usage_analysis.analysis import intervals
from usage_analysis.analysis.arrays import Booleans, Values, beside_groups
from usage_analysis.analysis.meaning import Meaning, with_meaning
from usage_analysis.tidy.frame_check import check_frame, check_gaps
from usage_analysis.tidy.grouping import provisional_instants
from usage_analysis.tidy.rolling import Trailing
from usage_analysis.tidy.zones import HOUR

_WINDOWS = (1, 6, 12, 72)
_BUDGET_HOURS = 30 * 24
_FAST, _SLOW = 3.0, 1.0
#: Burn rate of an hour that spends 2 % of a 30-day budget.
_AT_ONCE = 14.4
_MIN_ERRORS = 6


def burn_rate(
    hourly: pd.DataFrame,
    slo: float = 0.99,
    *,
    confidence: float = 0.95,
    min_errors: int = _MIN_ERRORS,
) -> pd.DataFrame:
    """Return how fast errors use up the error budget of a target, with two alerts.

    The burn rate is the error rate of a trailing window over ``1 - slo``: at 1, a budget of 30 days
    lasts 30 days. The alerts are those of the SRE Workbook (chapter 5, multiwindow alerts) adapted
    to hourly data:

    - fast: the last 12 h burn at 3 or more, and so does the last hour. Such 12 h spend 5 % of a
      30-day budget.
    - slow: the last 3 days burn at 1 or more, and so do the last 6 h. Such 3 days spend 10 %.

    The short window ends an alert soon after the trouble. With few calls, a single error exceeds
    any threshold, so low-traffic services need more evidence (SRE Workbook, chapter 5, "Low-Traffic
    Services"). The long window therefore needs at least `min_errors` errors, and the lower limit of
    its burn rate must reach the threshold: at 95 % for the fast alert, at 99 % for the slow one,
    because errors cluster more over three days. In simulations with 20 to 4,800 calls per day at
    half the budget and errors that scatter up to twice as much as chance by day, each alert is
    raised at most once per month. Of 12 h at 15 % errors with 100 calls or more, 99 % are detected.
    Twelve hours of a night with fewer than 20 calls have no error at all in at least 5 % of cases,
    so no rule could detect 95 % of them.

    Parameters
    ----------
    hourly
        Canonical hourly frame, with or without a group column.
    slo
        Target share of calls without an error, between 0 and 1.
    confidence
        Level of the two-sided intervals of the burn rates. It does not change the alerts.
    min_errors
        Least number of errors in the long window of an alert.

    Returns
    -------
    DataFrame
        One row per hour that is not provisional (``attrs["left_out"]`` counts the provisional
        hours), under its group. For each window of 1, 6, 12 and 72 elapsed hours that ends with the
        row, the columns are:

        - `calls_1h`, ... [calls];
        - `burn_1h`, ..., and its interval `low_1h` to `high_1h`, ...: Wilson's interval of the
          error rate (see `error_rate`) over ``1 - slo``. It assumes independent errors;
        - `spent_1h`, ...: the share of a 30-day budget that such a window spends at this burn rate.

        `fast` and `slow` are the alerts. A window without calls, or one that begins before the
        data, is NaN and raises no alert.

    Raises
    ------
    QueryError
        A column is missing, `slo` is not between 0 and 1, or `min_errors` is not a number of
        errors.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-02", periods=12, freq="h", tz="UTC", name="time")
    >>> hourly = pd.DataFrame({"total_count": 100, "error_count": 4, "provisional": False},
    ...                       index=time)
    >>> burn_rate(hourly, slo=0.99)[["burn_12h", "low_12h", "fast"]].iloc[-1:].round(4)
                               burn_12h  low_12h  fast
    time
    2026-03-02 11:00:00+00:00       4.0   3.0301  True
    """
    intervals.check_share("slo", slo, 0.99)
    intervals.check_amount("min_errors", min_errors)
    quantile = intervals.normal_quantile(confidence)
    check_frame("burn_rate", hourly, "total_count", "error_count", "provisional", rows="hour")
    check_gaps("burn_rate", hourly)
    kept = hourly[~hourly["provisional"]]
    columns: dict[str, Any] = {}
    certain: dict[int, Booleans] = {}
    thresholds = {12: (_FAST, 0.95), 72: (_SLOW, 0.99)}
    for hours, calls, errors, whole in _windows(kept):
        burn = intervals.share(errors, calls)
        low, high = intervals.wilson(errors, calls, quantile)
        for values in (burn, low, high):
            values[~whole] = np.nan
            np.divide(values, 1 - slo, out=values)
        if hours in thresholds:
            burning, level = thresholds[hours]
            beyond = _exceeds(errors, calls, burning * (1 - slo), level)
            certain[hours] = whole & (errors >= min_errors) & beyond
        columns |= {
            f"calls_{hours}h": calls,
            f"burn_{hours}h": burn,
            f"low_{hours}h": low,
            f"high_{hours}h": high,
            f"spent_{hours}h": burn * hours / _BUDGET_HOURS,
        }
    # 1 - 0.99 is not quite 0.01: a burn rate of 3 may come out as 2.9999999999999996.
    columns["fast"] = certain[12] & (columns["burn_1h"] >= _FAST * (1 - 1e-12))
    columns["slow"] = certain[72] & (columns["burn_6h"] >= _SLOW * (1 - 1e-12))
    out = beside_groups(kept, columns)
    out.attrs["left_out"] = provisional_instants(hourly)
    meaning = Meaning(
        made_by="burn_rate", event="error_count", denominator="total_count", confidence=confidence,
        method="burn rate of the error budget (SRE Workbook, ch. 5), Wilson intervals",
    )  # fmt: skip
    return with_meaning(out, meaning, hourly)


def burns_at_once(hour: tuple[int, int], minutes: tuple[int, int], slo: float) -> bool:
    """Return whether the last hour and the last five minutes both burn at 14.4 or more.

    This is the fastest alert of the SRE Workbook (chapter 5, multiwindow alerts). The hour needs as
    much evidence as the fast alert of `burn_rate`.

    Parameters
    ----------
    hour, minutes
        Errors and calls of the last hour, and of the last five minutes.
    slo
        Target share of calls without an error.
    """
    (errors, calls), (failed, late) = hour, minutes
    burning = _AT_ONCE * (1 - slo)
    certain = _exceeds(np.array([errors]), np.array([calls]), burning, 0.95)
    return bool(certain[0]) and errors >= _MIN_ERRORS and failed >= max(1.0, burning * late)


def _windows(kept: pd.DataFrame) -> Iterator[tuple[int, Values, Values, Booleans]]:
    """Yield the length of each window [h], its calls and errors, and whether it is whole."""
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


def _exceeds(errors: Values, calls: Values, rate: float, confidence: float) -> Booleans:
    """Return True where the lower end of Wilson's interval is at least a rate (the score test)."""
    rate = min(rate, 1.0)
    needed = intervals.normal_quantile(confidence) * np.sqrt(calls * (rate * (1 - rate)))
    return (errors - rate * calls >= needed) & (calls > 0)
