"""Consistency checks of a reply: one row per check."""

from contextlib import suppress
from datetime import UTC
from typing import Any

import numpy as np
import pandas as pd

from usage_analysis.analysis.arrays import Booleans, Integers, exact, in_kind
from usage_analysis.analysis.billing import MICRO, micro_minutes, within_six
from usage_analysis.analysis.capacity import call_lengths
from usage_analysis.errors import QueryError
from usage_analysis.tidy.frames import check_kind, group_column
from usage_analysis.tidy.grouping import Sums, each_group
from usage_analysis.tidy.usage import CallUsage
from usage_analysis.tidy.wire import MEASURES
from usage_analysis.tidy.zones import DAY, HOUR, row_times, to_index

# Each of 24 hours may be rounded to the millionth of a minute.
_ROUNDING = 24
# Excess of talk that ordinary calls hardly reach: hours, and mean lengths.
_LEFT_OPEN, _MEANS = 4, 12

#: Exact integers of each row, by measure.
Exact = dict[str, Integers]
Check = tuple[str, bool | None, Any, Any, int, pd.Timestamp | None, str]


def reconcile(usage: CallUsage, *, all_time_filtered: bool = False) -> pd.DataFrame:
    """Check the consistency of a reply, one row per check with its figures.

    - `hourly = daily`, for each measure: the sum of the hours beside the sum of the days, and the
      days on which they differ;
    - `all time = daily`, for each measure: not judged unless you say that all time follows the
      filters, because the vendor does not document it;
    - `errors <= calls` and `joined <= calls`: the buckets that break the rule;
    - `overhead <= 6 s a call`: the buckets in which ``60·billed - duration`` is over 6 s per joined
      call; the figures are the greatest excess and its bound;
    - `no call of many hours`: the hours whose talk exceeds that of as many usual calls by more than
      4 h, and by more than chance makes it, as if one call had been left open; the figure is the
      greatest such excess. Shorter ones may be ordinary; `capacity` marks these as overlong;
    - `hours with calls`: the number of hours in the window that have calls. It is not judged,
      because the server may send or omit buckets without calls.

    Parameters
    ----------
    usage
        Usage to check. If a saved reply has no hours, its days are checked.
    all_time_filtered
        Whether to compare all time, because you know that it follows the filters and the window.

    Returns
    -------
    DataFrame
        Index `check`, for a breakdown under each group; `ok`, missing for a check that is not
        judged; `found` and `expected`; `failures`, the number of days or buckets that fail, and
        `first`, the first one (UTC); `missing`, the column that a check needs and the usage lacks.
        Such a check did not run, so it neither passes nor fails.

    Raises
    ------
    QueryError
        `usage` is not a `CallUsage`.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> usage = ua.CallUsage.from_json('''{
    ...     "allTime": {"totalCount": 3, "errorCount": 1, "joinedCount": 3,
    ...                 "duration": "90.5s", "billedMinutes": 1.6},
    ...     "daily": [{"totalCount": 3, "errorCount": 1, "joinedCount": 3, "date": "2026-03-01",
    ...                "duration": "90.5s", "billedMinutes": 1.6}],
    ...     "hourly": [{"totalCount": 2, "errorCount": 1, "joinedCount": 3, "date": "2026-03-01",
    ...                 "hour": 9, "duration": "90.5s", "billedMinutes": 1.6}]}''')
    >>> checks = reconcile(usage)
    >>> checks[checks["ok"] == False][["found", "expected", "failures"]]
                                found expected  failures
    check
    hourly = daily, total_count     2        3         1
    joined <= calls                 3        2         1
    """
    check_kind("usage", usage, CallUsage)
    hourly, group = None, group_column(usage.daily)
    with suppress(QueryError):  # a saved reply may have no hours
        hourly = usage.hourly
    if group is None:
        told = _all_time(usage, all_time_filtered)
        return _table([((), check) for check in _checks(usage.daily, hourly, told)], ["check"])
    hours = {} if hourly is None else dict(each_group(hourly))
    checks = []
    for name, days in each_group(usage.daily):
        own = None if hourly is None else hours.get(name, hourly.iloc[:0])
        checks += [((name,), check) for check in _checks(days, own, [])]
    return _table(checks, [group, "check"])


def _checks(daily: pd.DataFrame, hourly: pd.DataFrame | None, all_time: list[Check]) -> list[Check]:
    """Checks of one series."""
    buckets, grain = (daily, "days") if hourly is None else (hourly, "hours")
    values = {name: _exact(buckets, name) for name in MEASURES if name in buckets}
    if hourly is None:
        names = [f"hourly = daily, {measure}" for measure in MEASURES if measure in daily]
        checks = [_not_run(name, "hourly") for name in names]
    else:
        checks = _hourly_is_daily(hourly, daily, values)
    some = int((buckets["total_count"] > 0).sum())
    return [
        *checks,
        *all_time,
        _at_most("errors <= calls", buckets, "error_count"),
        _at_most("joined <= calls", buckets, "joined_count"),
        _overhead(buckets, values),
        _hours_long(hourly),
        (f"{grain} with calls", None, some, len(buckets), 0, None, ""),
    ]


def _not_run(name: str, missing: str) -> Check:
    """Return a check that could not run because a column or the hours are missing."""
    return name, None, None, None, 0, None, missing


def _judge(name: str, buckets: pd.DataFrame, failing: Booleans, found: Any, expected: Any) -> Check:
    """Return a check that holds unless a bucket fails, with the first such bucket."""
    places = np.flatnonzero(failing)
    first = buckets.index[places[0]] if len(places) else None
    return name, len(places) == 0, found, expected, len(places), first, ""


def _table(checks: list[tuple[tuple[Any, ...], Check]], index: list[str]) -> pd.DataFrame:
    columns = [*index, "ok", "found", "expected", "failures", "first", "missing"]
    rows = [(*group, *check) for group, check in checks]
    table = pd.DataFrame(rows, columns=columns).set_index(index)
    first = pd.to_datetime(table["first"], utc=True).astype("datetime64[us, UTC]")
    return table.assign(ok=table["ok"].astype("boolean"), first=first)


def _format_value(value: Any, measure: str) -> Any:
    """Sum of exact integers in the measure's own kind."""
    return int(value) / MICRO if measure == "billed_minutes" else in_kind(int(value), measure)


def _exact(frame: pd.DataFrame, measure: str) -> Integers:
    if measure == "billed_minutes":
        return micro_minutes(frame)
    return exact(frame, measure).astype(np.int64, copy=False)


def _hourly_is_daily(hourly: pd.DataFrame, daily: pd.DataFrame, values: Exact) -> list[Check]:
    days = [row_times(frame) // DAY for frame in (hourly, daily)]
    first = min(int(day.min(initial=0)) for day in days)
    last = max(int(day.max(initial=0)) for day in days)
    added = [Sums(day - first, last + 1 - first) for day in days]
    every_day = pd.DataFrame(index=to_index(np.arange(first, last + 1) * DAY, UTC))
    checks: list[Check] = []
    for measure in MEASURES:
        name = f"hourly = daily, {measure}"
        if measure not in values or measure not in daily:
            checks.append(_not_run(name, measure))
            continue
        one, two = added[0].of(values[measure]), added[1].of(_exact(daily, measure))
        wrong = np.abs(one - two) > (_ROUNDING if measure == "billed_minutes" else 0)
        found, expected = (_format_value(side.sum(), measure) for side in (one, two))
        checks.append(_judge(name, every_day, wrong, found, expected))
    return checks


def _all_time(usage: CallUsage, filtered: bool) -> list[Check]:
    checks: list[Check] = []
    if usage.all_time is None:
        return checks
    for measure, value in usage.all_time.items():
        name = str(measure)
        if name not in usage.daily:
            continue
        total = _format_value(_exact(usage.daily, name).sum(), name)
        slack = _ROUNDING * len(usage.daily) / MICRO if name == "billed_minutes" else 0
        near = value == total if name == "duration" else abs(value - total) <= slack
        ok = bool(near) if filtered else None
        checks.append((f"all time = daily, {name}", ok, value, total, int(ok is False), None, ""))
    return checks


def _at_most(name: str, buckets: pd.DataFrame, column: str) -> Check:
    if column not in buckets:
        return _not_run(name, column)
    some, every = buckets[column].to_numpy(), buckets["total_count"].to_numpy()
    return _judge(name, buckets, some > every, int(some.sum()), int(every.sum()))


def _overhead(buckets: pd.DataFrame, values: Exact) -> Check:
    if "billed_minutes" not in values:
        return _not_run("overhead <= 6 s a call", "billed_minutes")
    excess = 60 * values["billed_minutes"] - values["duration"]
    bound = within_six(buckets["joined_count"].to_numpy())
    over = excess - bound
    worst = [np.argmax(over)] if len(over) else []
    found, expected = (in_kind(int(side[worst].sum()), "duration") for side in (excess, bound))
    return _judge("overhead <= 6 s a call", buckets, over > 0, found, expected)


def _hours_long(hourly: pd.DataFrame | None) -> Check:
    if hourly is None:
        return _not_run("no call of many hours", "hourly")
    calls = hourly["joined_count"].to_numpy(dtype=np.float64)
    talk = _exact(hourly, "duration") / HOUR
    mean, _, overlong = call_lengths(talk, calls, np.zeros(len(talk), dtype=np.intp), 1)
    excess = talk - calls * mean
    # In ordinary logs, too, lengths vary more than exponential ones, so that many are overlong.
    failing = overlong & (excess > np.maximum(_LEFT_OPEN, _MEANS * mean))
    worst = pd.Timedelta(hours=float(excess[failing].max(initial=0)))
    return _judge("no call of many hours", hourly, failing, worst, pd.Timedelta(0))
