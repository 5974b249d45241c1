"""Peak hours: the busy hour of the day, and the busiest hours of the week."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from usage_analysis.analysis.arrays import Booleans, Floats, Places, Values, in_kind, ratio
from usage_analysis.analysis.intervals import normal_quantile, wilson
from usage_analysis.analysis.meaning import Meaning, with_meaning
from usage_analysis.analysis.profiles import check_weekend, measured, profile_of
from usage_analysis.analysis.vocabulary import WEEKDAYS, check_choice
from usage_analysis.errors import QueryError, refusal
from usage_analysis.filters import check_whole_number
from usage_analysis.tidy.grouping import Rows, Sums
from usage_analysis.tidy.zones import DAY, HOUR, first_instants, weekday_of

_METHODS = ("tcbh", "adph", "fdmh")
_FEWEST_DAYS = 2
_LEFT_OUT_FACTOR = 1.3
_DAYS = ("all", "workdays", "top30", "top5")


class WholeDays:
    """Load of whole local days by group, day and clock hour: NaN in days that are not whole.

    A repeated clock hour counts as one hour of mean load. A day with a missing hour or a
    provisional bucket is not whole. `seen` marks the days with any row, and `skipping` the days
    that lack only the hour that the clock skips.
    """

    def __init__(self, hourly: pd.DataFrame, found: tuple[Rows, Floats, Values]) -> None:
        rows, lengths, values = found
        kept = ~hourly["provisional"].to_numpy(dtype=bool)
        place, day = rows.place[kept], rows.local // DAY
        self.rows = rows
        self.first = int(day.min()) if len(day) else 0
        days = int(day.max()) - self.first + 1 if len(day) else 0
        shape = (rows.count, days, 24)
        hour = (day - self.first) * 24 + rows.slots("hour_of_day")
        key = rows.code[kept] * days * 24 + hour[place]
        cells = rows.count * days * 24
        hours = np.bincount(key, lengths[place], minlength=cells).reshape(shape)
        total = Sums(key, cells).of(values[kept]).reshape(shape)
        starts = first_instants(rows.zone, (self.first + np.arange(days + 1)) * DAY)
        full = np.isclose(hours.sum(axis=2), np.diff(starts) / HOUR)
        self.whole = full & (hours > 0).all(axis=2)
        self.skipping = full & ~self.whole
        self.seen = np.zeros(shape[:2], dtype=np.bool_)
        self.seen[rows.code, (day - self.first)[rows.place]] = True
        self.load = np.full(shape, np.nan)
        np.divide(total, hours, out=self.load, where=self.whole[:, :, None])

    def weekdays(self) -> Places:
        """Weekday of each day, 0 is Monday."""
        return weekday_of(np.arange(self.whole.shape[1]) + self.first)


def busy_hour(
    hourly: pd.DataFrame,
    *,
    measure: str = "total_count",
    method: Literal["tcbh", "adph", "fdmh"] = "tcbh",
    hour: int | None = None,
    days: Literal["all", "workdays", "top30", "top5"] = "all",
    weekend: Sequence[str] = ("Sat", "Sun"),
    confidence: float = 0.95,
) -> pd.Series | pd.DataFrame:
    """Return the busiest clock hour of the day, its load, and how far it stands out.

    Definitions of ITU-T E.600 and E.500:

    - ``tcbh``, the time-consistent busy hour: the clock hour with the greatest mean load;
    - ``adph``, the average daily peak hour: the mean of each day's greatest hour, so never less
      than ``tcbh``;
    - ``fdmh``, the fixed daily measurement hour: the mean load of an hour that you name.

    All methods look at the same days: whole local days with every clock hour and no provisional
    bucket. An hour that autumn repeats counts as one hour of mean load. The day on which spring
    skips an hour is left out. The 60 busiest minutes in a row (E.600) need not begin on the hour,
    so they may hold more than sums by clock hour show.

    Parameters
    ----------
    hourly
        Canonical hourly frame in the time zone of interest, with or without a group column.
    measure
        As for `load_profile`.
    method
        ``"tcbh"``, ``"adph"`` or ``"fdmh"``.
    hour
        Clock hour 0 to 23, only for ``"fdmh"``.
    days
        ``"all"``; ``"workdays"``, without the weekend; ``"top30"`` or ``"top5"``, the days with the
        greatest totals (all of them where there are fewer).
    weekend
        Days of the weekend, as ``"Fri", "Sat"``.
    confidence
        Confidence level of the interval of `share_of_days`.

    Returns
    -------
    Series or DataFrame
        `hour`, with ``adph`` the hour that is most often the busiest of its day; `value`, the load
        [measure per hour; erlangs for traffic]; `share_of_days` on which that hour is the day's
        peak, ties included, with the interval `share_low` to `share_high`: Wilson's, widened
        because the hour was chosen from the same days, and NaN for a single day;
        `busy_hour_to_day`, value over the mean day's sum; `peak_to_average`, value over the mean
        hour; `days`, the number of days used; `left_out`, the number of other days of that kind in
        the frame: not whole, provisional, or without an hour that the clock skips. Without calls,
        all but `value` and the numbers of days are NaN. One row per group for a breakdown.

    Raises
    ------
    QueryError
        No whole day is left, the rows are not hours, or an argument has an unknown value.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-02", periods=48, freq="h", tz="UTC", name="time")
    >>> hourly = pd.DataFrame({"total_count": [*range(24)] * 2, "provisional": False}, index=time)
    >>> busy_hour(hourly)[["hour", "value", "share_of_days", "days"]].tolist()
    [23, 23.0, 1.0, 2]
    """
    _check_busy_hour(method, hour, days, weekend)
    quantile = normal_quantile(confidence)
    table = WholeDays(hourly, measured("busy_hour", hourly, measure))
    workdays = ~np.isin(table.weekdays(), [WEEKDAYS.index(name) for name in weekend])
    wanted = workdays | (days != "workdays")
    kept, left_out = table.whole & wanted, table.seen & ~table.whole & wanted
    results = [
        _busiest(_load_of_kind(load[mask], days), method, hour, measure, quantile)
        | {"left_out": int(out.sum())}
        for load, mask, out in zip(table.load, kept, left_out, strict=True)
    ]
    if not results:
        _load_of_kind(np.empty((0, 24)), days)  # as for a series without rows
    meaning = Meaning(
        made_by="busy_hour", measure=measure, confidence=confidence,
        method="Wilson's interval with leave-one-out selection (Wilson 1927)",
    )  # fmt: skip
    if table.rows.groups is None:
        found = pd.Series(results[0], name="busy_hour", dtype=object)
        return with_meaning(found, meaning, hourly)
    return with_meaning(pd.DataFrame(results, index=table.rows.groups), meaning, hourly)


def _check_busy_hour(method: str, hour: int | None, days: str, weekend: Sequence[str]) -> None:
    for name, value, accepted in (("method", method, _METHODS), ("days", days, _DAYS)):
        check_choice(name, value, accepted)
    check_weekend(weekend)
    if method != "fdmh" and hour is not None:
        raise QueryError(f'hour: expected none with method "{method}", got {hour!r}')
    if method == "fdmh" and (isinstance(hour, bool) or hour not in range(24)):
        raise QueryError(f'hour: expected 0 to 23 with method "fdmh", got {hour!r}')


def _load_of_kind(load: Floats, days: str) -> Floats:
    if len(load) == 0:
        raise refusal("no_whole_day", days=days)
    if not days.startswith("top"):
        return load
    order = np.argsort(-load.sum(axis=1), kind="stable")
    return load[np.sort(order[: int(days.removeprefix("top"))])]


def _busiest(
    load: Floats, method: str, hour: int | None, measure: str, quantile: float
) -> dict[str, Any]:
    mean, peak = load.mean(axis=0), load.max(axis=1)
    at_peak = (load == peak[:, None]) & (peak[:, None] > 0)
    if method == "adph":
        found, value = int(at_peak.sum(axis=0).argmax()), float(peak.mean())
    else:
        found = int(mean.argmax()) if hour is None else hour
        value = float(mean[found])
    any_calls = bool(mean.sum() > 0)
    low, high = _share_interval(load, at_peak, found, method, quantile)
    to_day = value / float(mean.sum()) if any_calls else np.nan
    value = value / HOUR if measure == "traffic" else value
    return {
        "hour": found if any_calls or hour is not None else np.nan,
        "value": in_kind(value, measure),
        "share_of_days": float(at_peak[:, found].mean()) if any_calls else np.nan,
        "share_low": low if any_calls else np.nan,
        "share_high": high if any_calls else np.nan,
        "busy_hour_to_day": to_day,
        "peak_to_average": 24 * to_day,
        "days": len(load),
    }


def _share_interval(
    load: Floats, at_peak: Booleans, found: int, method: str, quantile: float
) -> tuple[float, float]:
    """Return the interval of the share of days with their peak in one hour.

    The share is too high, because the hour was chosen from the same days. So the interval also
    covers Wilson's interval of a leave-one-out count: each day is compared with the hour that all
    other days would choose. This count varies more, which the factor allows for.
    """
    days = len(load)
    (low,), (high,) = wilson(at_peak[:, found].sum(keepdims=True), np.array([days]), quantile)
    if method == "fdmh":
        return float(low), float(high)
    if days < _FEWEST_DAYS:
        return np.nan, np.nan
    others = at_peak.sum(axis=0) - at_peak if method == "adph" else load.sum(axis=0) - load
    chosen = others.argmax(axis=1)[:, None]
    as_new = np.take_along_axis(at_peak, chosen, axis=1).sum(keepdims=True)[0]
    (least,), (most,) = wilson(as_new, np.array([days]), _LEFT_OUT_FACTOR * quantile)
    return float(min(low, least)), float(max(high, most))


def peak_hours(hourly: pd.DataFrame, n: int = 3, *, measure: str = "total_count") -> pd.DataFrame:
    """Return the busiest hours of the local week by their expected load, with their spread.

    The hours with the greatest expected load are chosen, because the greatest of 168 means is
    partly luck. `busiest` marks the hours that may be the busiest. Provisional buckets are left out
    and counted in ``attrs["left_out"]``. The share of days looks at whole days only, as `busy_hour`
    does. It has no interval, because the hours were chosen from the same days.

    Parameters
    ----------
    hourly
        Canonical hourly frame in the time zone of interest, with or without a group column.
    n
        Number of hours to return; fewer if fewer hours of the week had calls.
    measure
        As for `load_profile`.

    Returns
    -------
    DataFrame
        One row per hour of the week, the busiest first; index `rank` from 1 (under each group):
        `day_of_week` (0 is Monday), `hour`, `mean`, `expected`, `p10`, `p90` [measure per hour],
        `n` buckets and `busiest` as in `load_profile`; `share_of_days`, the share of those weekdays
        on which this hour was the day's peak (NaN where none of them was whole), and `days`, the
        number of whole days of that weekday.

    Raises
    ------
    QueryError
        As for `load_profile`, or `n` is not a positive whole number.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-02", periods=48, freq="h", tz="UTC", name="time")
    >>> hourly = pd.DataFrame({"total_count": range(48), "provisional": False}, index=time)
    >>> peak_hours(hourly, 2)[["day_of_week", "hour", "mean", "share_of_days"]]
          day_of_week  hour  mean  share_of_days
    rank
    1               1    23  47.0            1.0
    2               1    22  46.0            0.0
    """
    check_whole_number("n", n)
    found = measured("peak_hours", hourly, measure)
    profile = profile_of(hourly, found, "hour_of_week", measure)
    table = WholeDays(hourly, found)
    peak = np.max(table.load, axis=2, keepdims=True, initial=0)
    days = _by_weekday(table, table.whole)
    at_peak = _by_weekday(table, (table.load == peak) & (peak > 0))
    profile["share_of_days"] = ratio(at_peak, days[:, :, None], np.nan).ravel()
    profile["days"] = np.repeat(days.ravel(), 24)
    load = profile["expected"].where(profile["mean"].notna()).to_numpy().reshape(-1, 168)
    if measure == "duration":
        load = np.where(np.isnat(load), 0, load.view(np.int64))
    load = np.nan_to_num(load)
    hours = np.argsort(-load, axis=1, kind="stable")[:, :n]
    group, rank = np.nonzero(np.take_along_axis(load, hours, axis=1) > 0)
    hour = hours[group, rank]
    columns = ["mean", "expected", "p10", "p90", "n", "busiest", "share_of_days", "days"]
    out = profile[columns].iloc[168 * group + hour]
    out.insert(0, "day_of_week", hour // 24)
    out.insert(1, "hour", hour % 24)
    groups = found[0].groups
    ranks = pd.Index(rank + 1, name="rank")
    out.index = ranks if groups is None else pd.MultiIndex.from_arrays([groups.take(group), ranks])
    out.attrs = {name: profile.attrs[name] for name in ("left_out", "dates")}
    return with_meaning(out, Meaning(made_by="peak_hours", measure=measure), hourly)


def _by_weekday(table: WholeDays, days: Booleans) -> Places:
    """Count the marked days of each weekday, for each group."""
    each = [days[:, table.weekdays() == weekday].sum(axis=1) for weekday in range(7)]
    return np.stack(each, axis=1)
