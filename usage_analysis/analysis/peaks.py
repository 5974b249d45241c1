"""When the calls come: traffic, profiles of the local clock, busy hours, in numbers and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.errors import QueryError
from usage_analysis.tidy.frames import group_column, require
from usage_analysis.tidy.periods import row_lengths, sums
from usage_analysis.tidy.slots import SLOTS, Rows, each_group, rows_of
from usage_analysis.tidy.wire import MEASURES
from usage_analysis.tidy.zones import DAY, HOUR, first_instants, zone_of

Floats = NDArray[np.float64]
Measured = NDArray[Any]

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY_NAMES = (
    "Mondays",
    "Tuesdays",
    "Wednesdays",
    "Thursdays",
    "Fridays",
    "Saturdays",
    "Sundays",
)
UNITS = {
    "total_count": "calls",
    "error_count": "errors",
    "joined_count": "joined calls",
    "duration": "hours of talk",
    "billed_minutes": "billed minutes",
    "traffic": "erlangs",
}
"""What a measure counts, in words."""
_METHODS = ("tcbh", "adph", "fdmh")
_DAYS = ("all", "workdays", "top30", "top5")
_ENOUGH_DAYS = 3


def traffic_intensity(hourly: pd.DataFrame) -> pd.Series | pd.DataFrame:
    """Carried traffic of each bucket [erlangs]: talk time over the bucket's length.

    The mean number of calls held at once, ``sum(duration) / length`` (ITU-T E.600). A call's whole
    duration lies in the hour it was created in: unbiased on average, about 10 % off in a single
    hour. Whether time before a call was joined enters its duration is not documented.

    Parameters
    ----------
    hourly
        Canonical frame with or without a group column; `aggregate`'s frames too, whose `hours` are
        the lengths.

    Returns
    -------
    Series or DataFrame
        `traffic` [erlangs] by bucket, provisional ones included, whose talk may still grow; for a
        breakdown a frame with the group first.

    Raises
    ------
    QueryError
        No `duration`, or no tz-aware index.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-02 09:00", periods=2, freq="h", tz="UTC", name="time")
    >>> hourly = pd.DataFrame({"duration": pd.to_timedelta(["90min", "15min"])}, index=time)
    >>> traffic_intensity(hourly).tolist()
    [1.5, 0.25]
    """
    require("traffic_intensity", hourly, "duration")
    lengths = row_lengths(hourly)
    talk = hourly["duration"].to_numpy().astype("m8[us]", copy=False).view(np.int64)
    traffic = talk / lengths
    group = group_column(hourly)
    if group is None:
        return pd.Series(traffic, index=hourly.index, name="traffic")
    return hourly[[group]].assign(traffic=traffic)


def load_profile(
    hourly: pd.DataFrame, *, by: str = "hour_of_day", measure: str = "total_count"
) -> pd.DataFrame:
    """Mean load and its spread in each slot of the local day or week.

    The mean is ``sum(measure) / hours``, over the hours that the slot really had, so that clock
    changes and the calendar (a weekly slot has 51 to 54 hours a year) cost nothing; p10, p50 and
    p90 are percentiles of the buckets' loads per hour, by linear interpolation (method 7 of Hyndman
    and Fan 1996). Provisional buckets are left out.

    Parameters
    ----------
    hourly
        Canonical hourly frame on the clock that is meant, with or without a group column.
    by
        ``"hour_of_day"``, ``"day_of_week"`` (0 is Monday) or ``"hour_of_week"`` (0 is Monday
        00:00).
    measure
        A column of the frame, per hour: calls, billed minutes, or `duration`, which stays
        timedelta64[us]; or ``"traffic"`` [erlangs].

    Returns
    -------
    DataFrame
        A row a slot (under each group), named after `by`: `mean`, `p10`, `p50`, `p90`, each per
        hour; `n`, the buckets; `hours`, their elapsed time [h]. A slot without buckets has n 0 and
        NaN.

    Raises
    ------
    QueryError
        The rows are not hours, a column is missing, or an argument is not one of those above.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-02", periods=48, freq="h", tz="UTC", name="time")
    >>> hourly = pd.DataFrame({"total_count": range(48), "provisional": False}, index=time)
    >>> load_profile(hourly).loc[9, ["mean", "p90", "n"]].tolist()
    [21.0, 30.6, 2.0]
    """
    if by not in SLOTS:
        raise QueryError(f"by: expected {_words(SLOTS)}, got {by!r}")
    return _profile(hourly, _measured("load_profile", hourly, measure), by, measure)


def _words(accepted: Sequence[str] | dict[str, int]) -> str:
    *most, last = [f'"{word}"' for word in accepted]
    return f"{', '.join(most)} or {last}"


def _measured(helper: str, hourly: pd.DataFrame, measure: str) -> tuple[Rows, Floats, Measured]:
    """Rows of a frame, the length of each instant [h], and the measure of each row.

    Talk is in microseconds, for traffic too: integers are exact, and fast to sort.
    """
    if measure not in MEASURES and measure != "traffic":
        raise QueryError(f"measure: expected {_words([*MEASURES, 'traffic'])}, got {measure!r}")
    column = "duration" if measure == "traffic" else measure
    require(helper, hourly, column, "provisional")
    rows = rows_of(hourly)
    lengths = rows.lengths()
    if "hours" in hourly or (len(lengths) and lengths.max() > 1):
        raise QueryError(f"{helper}: expected hourly rows, got longer ones")
    values = hourly[column].to_numpy()
    if column == "duration":
        values = values.astype("m8[us]", copy=False).view(np.int64)
    return rows, lengths, values


def _as_measure(values: Floats, measure: str) -> Measured:
    """Numbers of a measure in its own kind: talk as timedeltas, traffic in erlangs."""
    if measure == "traffic":
        return values / HOUR
    if measure != "duration":
        return values
    whole = np.where(np.isnan(values), 0, np.rint(values)).astype(np.int64).view("m8[us]")
    return np.where(np.isnan(values), np.timedelta64("NaT", "us"), whole)


def _profile(
    hourly: pd.DataFrame, measured: tuple[Rows, Floats, Measured], by: str, measure: str
) -> pd.DataFrame:
    rows, lengths, values = measured
    index, place, code = rows.index(by), rows.place, rows.code
    provisional = hourly["provisional"].to_numpy(dtype=bool)
    if provisional.any():
        place, code, values = (part[~provisional] for part in (place, code, values))
    key, count = code * SLOTS[by] + rows.slots(by)[place], len(index)
    n = np.bincount(key, minlength=count)
    hours: Floats = n.astype(np.float64)
    loads = values
    if len(lengths) and lengths.min() < 1:
        hours = np.bincount(key, lengths[place], minlength=count).astype(np.float64)
        loads = values / lengths[place]
    mean = np.full(count, np.nan)
    np.divide(sums(values, key, count), hours, out=mean, where=n > 0)
    spread = _percentiles(loads, key, n, (10, 50, 90))
    columns = {"mean": mean, "p10": spread[0], "p50": spread[1], "p90": spread[2]}
    return pd.DataFrame(
        {**{c: _as_measure(v, measure) for c, v in columns.items()}, "n": n, "hours": hours},
        index=index,
    )


def _percentiles(
    values: Measured, key: NDArray[np.intp], n: NDArray[np.intp], percents: Sequence[int]
) -> list[Floats]:
    """Percentiles of the values under each key, by linear interpolation; NaN without any."""
    if len(values) == 0:
        return [np.full(len(n), np.nan) for _ in percents]
    held, start = _sorted_by_key(values, key), np.cumsum(n) - n
    out = []
    for percent in percents:
        at = np.where(n > 0, (n - 1) * (percent / 100), 0)
        low = np.floor(at).astype(np.intp)
        first = np.minimum(start + low, len(held) - 1)
        one, two = held[first], held[np.minimum(first + (low + 1 < n), len(held) - 1)]
        out.append(np.where(n > 0, one + (two - one) * (at - low), np.nan))
    return out


def _sorted_by_key(values: Measured, key: NDArray[np.intp]) -> Floats:
    """Values sorted under each key, the keys in order.

    Whole numbers sort fastest as one number with their key; others by the key, which is small, and
    then in their order.
    """
    if values.dtype.kind in "iu" and values.min() >= 0:
        size = int(values.max()) + 1
        if size * (int(key.max()) + 1) < 2**63:
            both = np.sort(key * size + values)
            return (both % size).astype(np.float64)
    order = np.lexsort((values, key))
    return values[order].astype(np.float64)


class _Days:
    """Load of whole local days by group, day and clock hour: NaN in days that are not whole.

    A clock hour that comes twice counts as one of mean load; a day that lacks one is not whole, nor
    is one with a provisional bucket.
    """

    def __init__(self, hourly: pd.DataFrame, measured: tuple[Rows, Floats, Measured]) -> None:
        rows, lengths, values = measured
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
        total = sums(values[kept], key, cells).reshape(shape)
        starts = first_instants(rows.zone, (self.first + np.arange(days + 1)) * DAY)
        whole = np.isclose(hours.sum(axis=2), np.diff(starts) / HOUR) & (hours > 0).all(axis=2)
        self.load = np.full(shape, np.nan)
        np.divide(total, hours, out=self.load, where=whole[:, :, None])
        self.whole = whole

    def weekdays(self) -> NDArray[np.intp]:
        """Weekday of each day, 0 is Monday."""
        return (np.arange(self.whole.shape[1]) + self.first + 3) % 7


def busy_hour(
    hourly: pd.DataFrame,
    *,
    measure: str = "total_count",
    method: Literal["tcbh", "adph", "fdmh"] = "tcbh",
    hour: int | None = None,
    days: Literal["all", "workdays", "top30", "top5"] = "all",
    weekend: Sequence[str] = ("Sat", "Sun"),
) -> pd.Series | pd.DataFrame:
    """Busiest clock hour of the day, its load, and how far it stands out.

    Definitions of ITU-T E.600 and E.500: the time-consistent busy hour (``tcbh``) is the clock hour
    with the greatest mean load over the days; the average daily peak hour (``adph``) averages each
    day's own greatest hour, so it is never less; the fixed daily measurement hour (``fdmh``) is the
    mean load of the hour you name. All look at the same days: whole local days that hold every
    clock hour and no provisional bucket. An hour that autumn repeats counts as one of mean load;
    the day on which spring skips one is left out.

    Parameters
    ----------
    hourly
        Canonical hourly frame on the clock that is meant, with or without a group column.
    measure
        As for `load_profile`.
    method
        ``"tcbh"``, ``"adph"`` or ``"fdmh"``.
    hour
        Clock hour 0 to 23, with ``"fdmh"`` and only there.
    days
        ``"all"``; ``"workdays"``, without the weekend; ``"top30"`` or ``"top5"``, the days with the
        greatest totals (all of them where there are fewer).
    weekend
        Days of the weekend, as ``"Fri", "Sat"``.

    Returns
    -------
    Series or DataFrame
        `hour`, with ``adph`` the one that is the day's peak most often; `value`, the load [measure
        an hour; erlangs for traffic]; `share_of_days` on which that hour is the day's peak, ties
        included; `busy_hour_to_day`, value over the mean day's sum; `peak_to_average`, value over
        the mean hour; `days`, how many were looked at. Without a call all but `value` and `days`
        are NaN. A row a group for a breakdown.

    Raises
    ------
    QueryError
        No whole day is left, the rows are not hours, or an argument is not one of those above.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-02", periods=48, freq="h", tz="UTC", name="time")
    >>> hourly = pd.DataFrame({"total_count": [*range(24)] * 2, "provisional": False}, index=time)
    >>> busy_hour(hourly)[["hour", "value", "share_of_days", "days"]].tolist()
    [23, 23.0, 1.0, 2]
    """
    _check_busy_hour(method, hour, days, weekend)
    table = _Days(hourly, _measured("busy_hour", hourly, measure))
    workdays = ~np.isin(table.weekdays(), [WEEKDAYS.index(name) for name in weekend])
    kept = table.whole & (workdays if days == "workdays" else True)
    results = [
        _busiest(_chosen(load[mask], days), method, hour, measure)
        for load, mask in zip(table.load, kept, strict=True)
    ]
    if table.rows.groups is None:
        return pd.Series(results[0], name="busy_hour", dtype=object)
    return pd.DataFrame(results, index=table.rows.groups)


def _check_busy_hour(method: str, hour: int | None, days: str, weekend: Sequence[str]) -> None:
    for name, value, accepted in (("method", method, _METHODS), ("days", days, _DAYS)):
        if value not in accepted:
            raise QueryError(f"{name}: expected {_words(accepted)}, got {value!r}")
    if isinstance(weekend, str) or not all(name in WEEKDAYS for name in weekend):
        raise QueryError(f"weekend: expected days out of {_words(WEEKDAYS)}, got {weekend!r}")
    if method != "fdmh" and hour is not None:
        raise QueryError(f'hour: expected none with method "{method}", got {hour!r}')
    if method == "fdmh" and (isinstance(hour, bool) or hour not in range(24)):
        raise QueryError(f'hour: expected 0 to 23 with method "fdmh", got {hour!r}')


def _chosen(load: Floats, days: str) -> Floats:
    if len(load) == 0:
        raise QueryError(
            "busy_hour: expected at least one whole local day with every clock hour and nothing "
            f"provisional, got none (days={days!r}); ask for more days, without a time of day"
        )
    if not days.startswith("top"):
        return load
    order = np.argsort(-load.sum(axis=1), kind="stable")
    chosen: Floats = load[np.sort(order[: int(days.removeprefix("top"))])]
    return chosen


def _busiest(load: Floats, method: str, hour: int | None, measure: str) -> dict[str, Any]:
    mean, peak = load.mean(axis=0), load.max(axis=1)
    at_peak = (load == peak[:, None]) & (peak[:, None] > 0)
    if method == "adph":
        found, value = int(at_peak.sum(axis=0).argmax()), float(peak.mean())
    else:
        found = int(mean.argmax()) if hour is None else hour
        value = float(mean[found])
    any_calls = bool(mean.sum() > 0)
    to_day = value / float(mean.sum()) if any_calls else np.nan
    if measure == "traffic":
        value /= HOUR
    return {
        "hour": found if any_calls or hour is not None else np.nan,
        "value": pd.Timedelta(round(value), "us") if measure == "duration" else value,
        "share_of_days": float(at_peak[:, found].mean()) if any_calls else np.nan,
        "busy_hour_to_day": to_day,
        "peak_to_average": 24 * to_day,
        "days": len(load),
    }


def peak_hours(hourly: pd.DataFrame, n: int = 3, *, measure: str = "total_count") -> pd.DataFrame:
    """The busiest hours of the local week, with their spread.

    Means and percentiles are those of ``load_profile(by="hour_of_week")``; the share of days looks
    at whole days only, as `busy_hour` does.

    Parameters
    ----------
    hourly
        Canonical hourly frame on the clock that is meant, with or without a group column.
    n
        How many; fewer come where fewer hours of the week had calls.
    measure
        As for `load_profile`.

    Returns
    -------
    DataFrame
        A row an hour of the week, the busiest first; index `rank` from 1 (under each group):
        `day_of_week` (0 is Monday), `hour`, `mean`, `p10`, `p90` [measure an hour], `n` buckets,
        and `share_of_days`, the share of those weekdays on which this hour was the day's peak (NaN
        where none of them was whole).

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
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise QueryError(f"n: expected a whole number, 1 or more, got {n!r}")
    measured = _measured("peak_hours", hourly, measure)
    profile = _profile(hourly, measured, "hour_of_week", measure)
    profile["share_of_days"] = _peak_shares(_Days(hourly, measured)).ravel()
    mean = profile["mean"].to_numpy().reshape(-1, 168)
    if measure == "duration":
        mean = np.where(np.isnat(mean), 0, mean.view(np.int64))
    mean = np.nan_to_num(mean)
    hours = np.argsort(-mean, axis=1, kind="stable")[:, :n]
    group, rank = np.nonzero(np.take_along_axis(mean, hours, axis=1) > 0)
    hour = hours[group, rank]
    columns = ["mean", "p10", "p90", "n", "share_of_days"]
    out = profile[columns].iloc[168 * group + hour]
    out.insert(0, "day_of_week", hour // 24)
    out.insert(1, "hour", hour % 24)
    groups = measured[0].groups
    ranks = pd.Index(rank + 1, name="rank")
    out.index = ranks if groups is None else pd.MultiIndex.from_arrays([groups.take(group), ranks])
    return out


def _peak_shares(table: _Days) -> Floats:
    """Share of the whole days of each weekday on which each hour is the day's peak."""
    peak = np.max(table.load, axis=2, keepdims=True, initial=0)
    at_peak = (table.load == peak) & (peak > 0)
    out = np.full((table.rows.count, 7, 24), np.nan)
    for weekday in range(7):
        those = table.weekdays() == weekday
        days = table.whole[:, those].sum(axis=1)[:, None]
        np.divide(at_peak[:, those].sum(axis=1), days, out=out[:, weekday], where=days > 0)
    return out


def describe_peak(hourly: pd.DataFrame, *, measure: str = "total_count") -> str | pd.DataFrame:
    """One sentence on when the load is greatest, its zone, its spread and over how many days.

    With fewer than three of each weekday it speaks of the hour of the day, and with fewer than
    three whole days it says that the data are too few.

    Parameters
    ----------
    hourly
        Canonical hourly frame on the clock that is meant, with or without a group column.
    measure
        As for `load_profile`.

    Returns
    -------
    str or DataFrame
        The sentence; for a breakdown a column `sentence`, one row a group.

    Raises
    ------
    QueryError
        As for `load_profile`.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-02", periods=96, freq="h", tz="UTC", name="time")
    >>> hourly = pd.DataFrame({"total_count": [*range(24)] * 4, "provisional": False}, index=time)
    >>> describe_peak(hourly)
    "busiest: 23:00-24:00 (UTC), 23 calls on average, the day's peak on 100 % of days; 4 days, 10th
    to 90th percentile 23 to 23"
    """
    group = group_column(hourly) if isinstance(hourly, pd.DataFrame) else None
    if group is None:
        return _sentence(hourly, measure)
    sentences = {name: _sentence(rows, measure) for name, rows in each_group(hourly)}
    return pd.DataFrame({"sentence": pd.Series(sentences)}).rename_axis(group)


def _sentence(hourly: pd.DataFrame, measure: str) -> str:
    busiest = peak_hours(hourly, 1, measure=measure)
    zone = str(zone_of(hourly))
    if len(busiest) == 0:
        return f"busiest: no hour, for there are no {UNITS[measure]} in the whole frame ({zone})"
    top = busiest.iloc[0]
    if top["n"] >= _ENOUGH_DAYS:
        return _told(
            dict(top), int(top["hour"]), _DAY_NAMES[int(top["day_of_week"])], zone, measure
        )
    table = _Days(hourly, _measured("describe_peak", hourly, measure))
    days = int(table.whole.sum())
    if days < _ENOUGH_DAYS:
        return (
            f"busiest: too few data to say, {days} whole days ({zone}); {_ENOUGH_DAYS} are needed"
        )
    profile = load_profile(hourly, measure=measure)
    hour = int(table.load[table.whole].mean(axis=0).argmax())
    found = busy_hour(hourly, measure=measure, method="fdmh", hour=hour)
    told = {**profile.loc[hour], "n": days, "share_of_days": found["share_of_days"]}
    return _told(told, hour, "days", zone, measure)


def _told(top: dict[Any, Any], hour: int, days: str, zone: str, measure: str) -> str:
    clock = f"{hour:02}:00-{hour + 1:02}:00 ({zone})"
    place = clock if days == "days" else f"{days} {clock}"
    known = not pd.isna(top["share_of_days"])
    peak = f", the day's peak on {100 * top['share_of_days']:.0f} % of {days}" if known else ""
    low, high = figure(top["p10"], measure), figure(top["p90"], measure)
    return (
        f"busiest: {place}, {figure(top['mean'], measure)} {UNITS[measure]} on average{peak}; "
        f"{int(top['n'])} {days}, 10th to 90th percentile {low} to {high}"
    )


def figure(value: Any, measure: str) -> str:
    """Value of a measure in words; talk in hours."""
    number = value / pd.Timedelta(hours=1) if measure == "duration" else float(value)
    return f"{number:,.0f}" if number >= 10 or number == round(number) else f"{number:.1f}"
