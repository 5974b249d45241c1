"""Where the month is heading, and whether one period differs from the one before it."""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.analysis.peaks import UNITS, figure
from usage_analysis.analysis.rates import normal_quantile
from usage_analysis.errors import QueryError
from usage_analysis.tidy.frames import group_column, require
from usage_analysis.tidy.periods import aggregate, calendar, groups_of, row_lengths
from usage_analysis.tidy.slots import each_group
from usage_analysis.tidy.wire import MEASURES
from usage_analysis.tidy.zones import (
    DAY,
    HOUR,
    clock_of,
    distinct,
    first_instants,
    local_clock,
    row_times,
    to_index,
    zone_of,
)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_HISTORY = 56
_LEVEL = 28
_DRIFT = 0.02
_OWN_ERRORS_DF = 6.0
_FEW_DAYS = 7
# By these steps of whole weeks a period meets the same weekdays before it.
_STEPS = {"D": 7, "W": 7, "MS": 28, "QS": 91, "YS": 364}


class _TooFewError(QueryError):
    """The days in hand do not reach for a projection."""


def project_month(
    daily: pd.DataFrame,
    *,
    measure: str = "total_count",
    confidence: float = 0.95,
    holidays: Container[date] | None = None,
) -> pd.Series | pd.DataFrame:
    """What the month will come to: what has come, and what is left by weekday and level.

    The month is that of the frame's last complete day. Each weekday's mean over the complete days
    of the last 8 weeks, times the level of the last 4, gives each day that is not complete (a day
    that already has more keeps what it has). The interval is ``left · exp(±t·s)``, where s is the
    greater of two: the scatter of the days around their weekdays, with the weekday means' own error
    and a drift of 2 % a week, which a few days cannot show; and the errors that the same method
    made on the days in hand, each projected from those before it, in proportion to the time left.
    A weekday not seen yet may be anything within a factor of e, so a month's first days without a
    history give wide intervals. Growth is not carried forward: the level stays.

    Parameters
    ----------
    daily
        Canonical daily frame, local days of `aggregate`, or hourly rows, which are made into days;
        with or without a group column. Weeks before the month make it better.
    measure
        A column of the frame.
    confidence
        Of the two-sided interval.
    holidays
        Dates that are holidays: a set, or a calendar of the ``holidays`` package. They teach
        nothing about weekdays, and count as the quietest one when they are still to come. Without
        it a holiday is a day like the others.

    Returns
    -------
    Series or DataFrame
        `month`, its first instant; `month_to_date`, what has come; `left`; `projection`, their sum;
        `low`, `high` (never below what has come; NaN where nothing ever came); `complete_days`, how
        many taught it; `days_left`, how many were projected; `left_out`, those of them that had
        begun. A row a group for a breakdown.

    Raises
    ------
    QueryError
        No complete day, a frame that begins after the month's first day, a column is missing, or an
        argument is not one of those above.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-02-01", "2026-03-10", freq="D", tz="UTC", name="time")
    >>> daily = pd.DataFrame({"total_count": 100, "provisional": time == time[-1]}, index=time)
    >>> project_month(daily)[["month_to_date", "projection", "days_left"]].tolist()
    [1000.0, 3100.0, 22]
    """
    if measure not in MEASURES:
        raise QueryError(f"measure: expected {', '.join(MEASURES)}, got {measure!r}")
    if holidays is not None and (
        isinstance(holidays, str) or not hasattr(holidays, "__contains__")
    ):
        raise QueryError(f"holidays: expected dates as a set or a calendar, got {holidays!r}")
    normal_quantile(confidence)
    require("project_month", daily, measure, "provisional")
    days = daily if "complete" in daily else aggregate(daily, "D")
    found = _by_group(days, lambda rows: _month(rows, measure, confidence, holidays))
    return pd.Series(found, name="project_month") if isinstance(found, dict) else found


def _by_group(frame: pd.DataFrame, told: Any) -> Any:
    group = group_column(frame)
    if group is None:
        return told(frame)
    rows = {name: told(part) for name, part in each_group(frame)}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(group)


def _month(
    days: pd.DataFrame, measure: str, confidence: float, holidays: Container[date] | None
) -> dict[str, Any]:
    day, values, known = _known_days(days, measure)
    if not known.any():
        raise _TooFewError("project_month: expected at least one complete day, got none")
    month = day[known][-1:].view("M8[D]").astype("M8[M]")
    first, after = (int((month + n).astype("M8[D]").view(np.int64)[0]) for n in (0, 1))
    if day.min() > first:
        raise _TooFewError(
            "project_month: expected a frame from the month's first day on, got one that begins "
            f"on {_date(int(day.min()))}; ask for more days"
        )
    off = np.array([holidays is not None and _date(int(d)) in holidays for d in day])
    now = int(day[known].max()) + 1
    history = _History(day[known & ~off], values[known & ~off], now)
    inside = (day >= first) & (day < after)
    left = np.setdiff1d(np.arange(first, after), day[inside & known])
    came = dict(zip(day[inside & ~known].tolist(), values[inside & ~known], strict=True))
    expected = history.means[(left + 3) % 7]
    resting = [holidays is not None and _date(int(d)) in holidays for d in left]
    expected = np.where(resting, history.quietest, expected)
    rest = float(np.maximum(expected, [came.get(int(d), 0.0) for d in left]).sum())
    done, so_far = float(values[inside & known].sum()), float(values[inside].sum())
    sigma = history.error(left, confidence) if len(left) else 0.0
    low, high = (
        max(done + rest * math.exp(way * sigma), so_far) if rest or not len(left) else math.nan
        for way in (-1, 1)
    )
    numbers = {"month_to_date": so_far, "left": done + rest - so_far, "projection": done + rest}
    numbers |= {"low": low, "high": high}
    start = first_instants(zone_of(days), np.array([first * DAY]))
    return {
        "month": to_index(start, zone_of(days))[0],
        **{name: _in_kind(value, measure) for name, value in numbers.items()},
        "complete_days": len(history.day),
        "days_left": len(left),
        "left_out": len(came),
    }


def _known_days(days: pd.DataFrame, measure: str) -> tuple[Integers, Floats, NDArray[np.bool_]]:
    """Local days in order, what came on each, and whether it is complete."""
    day = local_clock(days) // DAY
    order = np.argsort(day, kind="stable")
    values = days[measure].to_numpy()
    if measure == "duration":
        values = values.astype("m8[us]").view(np.int64)
    known = days["complete"].to_numpy(dtype=bool) & ~days["provisional"].to_numpy(dtype=bool)
    return day[order], values.astype(np.float64)[order], known[order]


def _date(day: int) -> date:
    return date(1970, 1, 1) + timedelta(days=day)


def _in_kind(value: float, measure: str) -> Any:
    if measure != "duration":
        return value
    return pd.NaT if math.isnan(value) else pd.Timedelta(np.timedelta64(round(value), "us"))


@dataclass
class _History:
    """The complete days of the last 8 weeks, and what they say of each weekday."""

    day: Integers
    values: Floats
    now: int

    def __post_init__(self) -> None:
        kept = self.day >= self.now - _HISTORY
        self.day, self.values = self.day[kept], self.values[kept]
        self.weekday = (self.day + 3) % 7
        self.means, self.seen = _weekday_means(self.weekday, self.values, self.day, self.now)

    @property
    def quietest(self) -> float:
        """Mean of the quietest weekday that was seen."""
        return float(self.means[self.seen > 0].min()) if self.seen.any() else 0.0

    def error(self, left: Integers, confidence: float) -> float:
        """Half width of the interval of the logarithm of what is left."""
        total = float(self.means[(left + 3) % 7].sum())
        if total <= 0:
            return math.nan
        scatter, freedom = self._scatter()
        coming = np.bincount((left + 3) % 7, minlength=7)
        spread = (coming * self.means**2).sum()
        spread += ((coming * self.means) ** 2 / np.maximum(self.seen, 1)).sum()
        unseen = (coming * self.means)[self.seen == 0].sum() / total
        weeks = (min(len(self.day), _LEVEL) + len(left)) / 7 / 3
        variance = scatter * spread / total**2 + unseen**2 + _DRIFT**2 * weeks
        own = self._own_errors(len(left))
        return max(
            student(confidence, freedom) * math.sqrt(variance),
            student(confidence, _OWN_ERRORS_DF) * math.sqrt(own),
        )

    def _scatter(self) -> tuple[float, float]:
        """Relative variance of a day around its weekday, and the degrees of freedom behind it."""
        fitted, n = self.means[self.weekday], len(self.day)
        freedom = n - int((self.seen > 0).sum())
        if freedom >= 1 and (fitted**2).sum() > 0:
            squares = ((self.values - fitted) ** 2).sum() / (fitted**2).mean()
            return float(squares / freedom), freedom
        if n > 3 and self.values.mean() > 0:
            return float(self.values.var(ddof=1) / self.values.mean() ** 2), n - 1
        # Of so few days nothing is known: a factor of e, as for a weekday not seen.
        return 1.0, math.inf

    def _own_errors(self, horizon: int) -> float:
        """Mean squared error, in logarithms, of the same method on the days in hand.

        Tables of running counts and sums by weekday have a row a day: each projection that could
        have been made is then a few differences of their rows.
        """
        if len(self.day) < 3 * _FEW_DAYS:
            return 0.0
        length = min(horizon, len(self.day) // 2)
        begin, end = int(self.day[0]), self.now
        counts = np.zeros((end - begin + 1, 7))
        counts[self.day - begin + 1, self.weekday] = 1
        came = np.zeros_like(counts)
        came[self.day - begin + 1, self.weekday] = self.values
        counts, came = counts.cumsum(axis=0), came.cumsum(axis=0)
        start = np.arange(14 if len(self.day) >= _LEVEL else 7, end - begin - length + 1)
        means = np.where(
            counts[start] > 0,
            came[start] / np.maximum(counts[start], 1),
            (came[start].sum(axis=1) / np.maximum(counts[start].sum(axis=1), 1))[:, None],
        )
        past = np.maximum(start - _LEVEL, 0)
        fitted = (means * (counts[start] - counts[past])).sum(axis=1)
        recent = (came[start] - came[past]).sum(axis=1)
        told = (means * (counts[start + length] - counts[start])).sum(axis=1)
        ahead = (came[start + length] - came[start]).sum(axis=1)
        some = (told > 0) & (ahead > 0) & (fitted > 0) & (recent > 0)
        if some.sum() < 3:
            return 0.0
        level = recent[some] / fitted[some]
        errors = np.log(ahead[some] / (told[some] * level))
        return float(np.mean(errors**2)) * horizon / length


def _weekday_means(
    weekday: Integers, values: Floats, day: Integers, now: int
) -> tuple[Floats, NDArray[np.intp]]:
    """Expected day by weekday, and how often each was seen; one unseen is the mean of all."""
    seen = np.bincount(weekday, minlength=7)
    means = np.full(7, values.mean() if len(values) else 0.0)
    np.divide(np.bincount(weekday, values, minlength=7), seen, out=means, where=seen > 0)
    recent = day >= now - _LEVEL
    fitted = means[weekday[recent]].sum()
    return (means * (values[recent].sum() / fitted) if fitted > 0 else means), seen


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


def describe_month(
    daily: pd.DataFrame,
    *,
    measure: str = "total_count",
    confidence: float = 0.95,
    holidays: Container[date] | None = None,
) -> str | pd.DataFrame:
    """One sentence on the month: what has come, where it is heading, and from how many days.

    With fewer than seven complete days it gives no projection and says so.

    Parameters
    ----------
    daily, measure, confidence, holidays
        As for `project_month`.

    Returns
    -------
    str or DataFrame
        The sentence; for a breakdown a column `sentence`, one row a group.

    Raises
    ------
    QueryError
        As for `project_month`, but for data that are too few, which is what it says.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-01", "2026-03-31", freq="D", tz="UTC", name="time")
    >>> describe_month(pd.DataFrame({"total_count": 100, "provisional": False}, index=time))
    '2026-03 (UTC): 3,100 calls in all 31 days'
    """
    require("describe_month", daily, "provisional")
    days = daily if "complete" in daily else aggregate(daily, "D")
    told = _by_group(
        days, lambda rows: {"sentence": _month_sentence(rows, measure, confidence, holidays)}
    )
    return str(told["sentence"]) if isinstance(told, dict) else told


def _month_sentence(
    days: pd.DataFrame, measure: str, confidence: float, holidays: Container[date] | None
) -> str:
    zone = zone_of(days)
    try:
        found: Any = project_month(days, measure=measure, confidence=confidence, holidays=holidays)
    except _TooFewError as error:
        what = str(error).partition(": ")[2].partition(";")[0]
        return f"month ({zone}): too few data to project it, {what}"
    so_far, projection, low, high = (
        figure(found[name], measure) for name in ("month_to_date", "projection", "low", "high")
    )
    month = f"{found['month']:%Y-%m} ({zone})"
    unit, complete = UNITS[measure], found["complete_days"]
    if found["days_left"] == 0:
        days_of_month = pd.Timestamp(found["month"]).days_in_month
        return f"{month}: {so_far} {unit} in all {days_of_month} days"
    if complete < _FEW_DAYS or pd.isna(found["low"]):
        return f"{month}: {so_far} {unit} so far; too few to project it, {complete} complete days"
    return (
        f"{month}: {so_far} {unit} so far, heading for {projection} ({100 * confidence:g} % "
        f"interval {low} to {high}, from {complete} complete days, {found['days_left']} to come)"
    )


def compare_periods(
    hourly: pd.DataFrame,
    previous: pd.DataFrame | None = None,
    *,
    every: str = "W",
    measure: str = "total_count",
    confidence: float = 0.95,
) -> pd.Series | pd.DataFrame:
    """Change from one period to the one before it, over the same weekdays and hours.

    Buckets are paired by local clock, whole weeks apart, so a Monday meets a Monday and three days
    of this week meet the same three of the last. A bucket that is unfinished (provisional) or whose
    partner is, or that has none of the same length (an hour that a change of the clock skips or
    repeats), is left out on both sides. The interval is Student's t over the days' differences
    (with fewer than two days, over the hours'), so days that differ anyway widen it.

    Parameters
    ----------
    hourly
        Canonical hourly frame with or without a group column: both periods, or with `previous` the
        later one, whole.
    previous
        Canonical frame of the earlier period, on the same clock, with the same group column.
    every
        Without `previous`: the last ``"D"``, ``"W"``, ``"MS"``, ``"QS"`` or ``"YS"`` of the frame
        so far, beside the same weekdays 1, 1, 4 (or 5), 13 or 52 weeks before.
    measure
        A column of the frames.
    confidence
        Of the two-sided interval.

    Returns
    -------
    Series or DataFrame
        `current`, `previous`, `delta`, `low`, `high` (of the delta; NaN from one bucket alone),
        `change`, delta over previous (NaN where that is 0), `hours` and `days` compared, and
        `left_out`, how many buckets of the current period were not. A row a group for a breakdown.

    Raises
    ------
    QueryError
        No bucket has a partner, a column is missing, frames do not match, or an argument is not one
        of those above.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-02", periods=10 * 24, freq="h", tz="UTC", name="time")
    >>> hourly = pd.DataFrame({"total_count": 10, "provisional": False}, index=time)
    >>> hourly.loc["2026-03-09":, "total_count"] = 12
    >>> compare_periods(hourly)[["current", "previous", "change", "days"]].tolist()
    [864.0, 720.0, 0.2, 3.0]
    """
    if measure not in MEASURES:
        raise QueryError(f"measure: expected {', '.join(MEASURES)}, got {measure!r}")
    normal_quantile(confidence)
    for frame in (hourly,) if previous is None else (hourly, previous):
        require("compare_periods", frame, measure, "provisional")
    if previous is None:
        start, shift = _last_period(hourly, every)
        previous = hourly
    else:
        _check_alike(hourly, previous)
        start, shift = _first_day(hourly), _weeks_between(hourly, previous)
    now = _Clock(hourly, measure, start)
    before = _Clock(previous, measure, start - shift)
    told = [
        _compared(now, before, row, other, measure, confidence)
        for row, other in enumerate(now.partners(before))
    ]
    if not any(row["hours"] for row in told):
        raise QueryError(
            "compare_periods: expected finished buckets on the same weekdays and hours of both "
            "periods, got none; give it earlier rows too"
        )
    if now.groups is None:
        return pd.Series(told[0], name="compare_periods")
    return pd.DataFrame(told, index=now.groups)


def _check_alike(frame: pd.DataFrame, previous: pd.DataFrame) -> None:
    wanted, group = group_column(frame), group_column(previous)
    if group != wanted:
        raise QueryError(f"previous: expected the same group column, {wanted}, got {group}")
    if str(zone_of(previous)) != str(zone_of(frame)):
        raise QueryError(f"previous: expected the clock {zone_of(frame)}, got {zone_of(previous)}")


def _first_day(frame: pd.DataFrame) -> int:
    if len(frame) == 0:
        return 0
    return int(clock_of(row_times(frame).min(keepdims=True), zone_of(frame))[0] // DAY)


def _last_period(frame: pd.DataFrame, every: str) -> tuple[int, int]:
    """First local day of the frame's last period, and how many days before it its partner lies."""
    number, start_of = calendar(every)
    if len(frame) == 0:
        return 0, 7
    last = clock_of(row_times(frame).max(keepdims=True), zone_of(frame))
    start = int(start_of(number(last))[0] // DAY)
    elapsed = int(last[0] // DAY) - start + 1
    step = _STEPS[every.partition("-")[0]]
    return start, max(step, 7 * math.ceil(elapsed / 7))


def _weeks_between(later: pd.DataFrame, earlier: pd.DataFrame) -> int:
    days = 7 * round((_first_day(later) - _first_day(earlier)) / 7)
    if days <= 0 and len(later) and len(earlier):
        raise QueryError(
            f"previous: expected to begin before the frame, got {_date(_first_day(earlier))} "
            f"beside {_date(_first_day(later))}"
        )
    return days


class _Clock:
    """What came in each clock hour from a local day on, by group: tables of groups and hours."""

    def __init__(self, frame: pd.DataFrame, measure: str, start: int) -> None:
        where, known = distinct(row_times(frame))
        hours = clock_of(known, zone_of(frame)) // HOUR - 24 * start
        rows = np.flatnonzero((hours >= 0)[where])
        hour = hours[where[rows]]
        group = group_column(frame)
        columns = [*([] if group is None else [group]), measure, "provisional"]
        frame = frame[columns].iloc[rows]
        code, self.groups = groups_of(frame)
        self.count = 1 if self.groups is None else max(len(self.groups), 1)
        self.size = int(hour.max()) + 1 if len(hour) else 0
        values = frame[measure].to_numpy()
        if measure == "duration":
            values = values.astype("m8[us]").view(np.int64)
        waiting = frame["provisional"].to_numpy(dtype=np.float64)
        parts = (values.astype(np.float64), row_lengths(frame), waiting)
        self.value, self.length, self.waiting = (
            np.bincount(code * self.size + hour, part, minlength=self.count * self.size).reshape(
                self.count, self.size
            )
            for part in parts
        )

    def partners(self, earlier: _Clock) -> list[int]:
        """Row of each of these groups in an earlier table, -1 where it has none."""
        if self.groups is None or earlier.groups is None:
            return [0]
        return earlier.groups.get_indexer(self.groups).tolist()


def _compared(
    now: _Clock, before: _Clock, row: int, other: int, measure: str, confidence: float
) -> dict[str, Any]:
    """Both tables begin on the days that are compared, so hours of one number are partners."""
    size = 0 if other < 0 else min(now.size, before.size)
    there = now.length[row] > 0
    same = there & (now.waiting[row] == 0)
    same[size:] = False
    same[:size] &= before.waiting[other, :size] == 0
    same[:size] &= now.length[row, :size] == before.length[other, :size]
    hour = np.flatnonzero(same)
    current, earlier = now.value[row, hour], before.value[other, hour]
    day = hour // 24
    delta = float((current - earlier).sum())
    half = _half_width(current - earlier, day, confidence)
    kinds = {
        "current": current.sum(),
        "previous": earlier.sum(),
        "delta": delta,
        "low": delta - half,
        "high": delta + half,
    }
    return {
        **{name: _in_kind(float(value), measure) for name, value in kinds.items()},
        "change": delta / float(earlier.sum()) if earlier.sum() else math.nan,
        "hours": float(now.length[row, hour].sum() / HOUR),
        "days": int(np.count_nonzero(np.bincount(day))),
        "left_out": int(there.sum() - same.sum()),
    }


def _half_width(differences: Floats, day: Integers, confidence: float) -> float:
    """Half an interval of the differences' sum: by days, or by hours within a single day."""
    hours = np.bincount(day)
    if np.count_nonzero(hours) >= 2:
        differences = np.bincount(day, differences)[hours > 0].astype(np.float64)
    n = len(differences)
    if n < 2:
        return math.nan
    return student(confidence, n - 1) * float(differences.std(ddof=1)) * math.sqrt(n)
