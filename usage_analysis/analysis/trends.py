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
from usage_analysis.tidy.periods import aggregate, calendar, row_lengths
from usage_analysis.tidy.slots import each_group
from usage_analysis.tidy.wire import MEASURES
from usage_analysis.tidy.zones import DAY, HOUR, first_instants, local_clock, to_index, zone_of

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
        """Mean squared error, in logarithms, of the same method on the days in hand."""
        if len(self.day) < 3 * _FEW_DAYS:
            return 0.0
        length = min(horizon, len(self.day) // 2)
        first = int(self.day[0]) + (14 if len(self.day) >= _LEVEL else 7)
        squares = []
        for start in range(first, self.now - length + 1):
            before = self.day < start
            ahead = ~before & (self.day < start + length)
            means, _ = _weekday_means(
                self.weekday[before], self.values[before], self.day[before], start
            )
            told, came = means[self.weekday[ahead]].sum(), self.values[ahead].sum()
            if told > 0 and came > 0:
                squares.append(math.log(came / told) ** 2)
        return float(np.mean(squares)) * horizon / length if len(squares) >= 3 else 0.0


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
    later = _parts(hourly, hourly, measure)
    earlier = later if previous is None else _parts(hourly, previous, measure)
    if previous is None:
        start, shift = _last_period(hourly, every)
    else:
        start, shift = _first_day(hourly), _weeks_between(hourly, previous)
    told = {}
    for name, rows in later.items():
        now, before = _clock(rows, measure), _clock(earlier.get(name, rows.iloc[:0]), measure)
        told[name] = _compared(now.loc[start * 24 :], before, shift, measure, confidence)
    if not any(row["hours"] for row in told.values()):
        raise QueryError(
            "compare_periods: expected finished buckets on the same weekdays and hours of both "
            "periods, got none; give it earlier rows too"
        )
    group = group_column(hourly)
    if group is None:
        return pd.Series(told[None], name="compare_periods")
    return pd.DataFrame.from_dict(told, orient="index").rename_axis(group)


def _parts(like: pd.DataFrame, frame: pd.DataFrame, measure: str) -> dict[Any, pd.DataFrame]:
    """Rows by group, under None where there are no groups."""
    require("compare_periods", frame, measure, "provisional")
    group, wanted = group_column(frame), group_column(like)
    if group != wanted:
        raise QueryError(f"previous: expected the same group column, {wanted}, got {group}")
    if str(zone_of(frame)) != str(zone_of(like)):
        raise QueryError(f"previous: expected the clock {zone_of(like)}, got {zone_of(frame)}")
    return {None: frame} if group is None else dict(each_group(frame))


def _first_day(frame: pd.DataFrame) -> int:
    return int(local_clock(frame).min() // DAY) if len(frame) else 0


def _last_period(frame: pd.DataFrame, every: str) -> tuple[int, int]:
    """First local day of the frame's last period, and how many days before it its partner lies."""
    number, start_of = calendar(every)
    last = local_clock(frame)[-1:] if len(frame) < 2 else local_clock(frame).max(keepdims=True)
    if len(last) == 0:
        return 0, 7
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


def _clock(frame: pd.DataFrame, measure: str) -> pd.DataFrame:
    """What came in each local clock hour, its length [us], and whether it is finished."""
    hour = local_clock(frame) // HOUR
    first = int(hour.min()) if len(hour) else 0
    values = frame[measure].to_numpy()
    if measure == "duration":
        values = values.astype("m8[us]").view(np.int64)
    length = np.bincount(hour - first, row_lengths(frame))
    flags = np.bincount(hour - first, frame["provisional"].to_numpy(dtype=np.float64))
    cells = pd.DataFrame(
        {
            "value": np.bincount(hour - first, values.astype(np.float64)),
            "length": length,
            "finished": flags == 0,
        },
        index=first + np.arange(len(length)),
    )
    return cells[length > 0]


def _compared(
    now: pd.DataFrame, before: pd.DataFrame, shift: int, measure: str, confidence: float
) -> dict[str, Any]:
    partner = before.reindex(now.index - 24 * shift)
    same = now["finished"].to_numpy() & (partner["finished"] == True).to_numpy()  # noqa: E712  # missing is not finished
    same &= now["length"].to_numpy() == partner["length"].to_numpy()
    current = now["value"].to_numpy()[same]
    earlier = partner["value"].to_numpy(dtype=np.float64)[same]
    day = now.index.to_numpy()[same] // 24
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
        "hours": float(now["length"].to_numpy()[same].sum() / HOUR),
        "days": len(np.unique(day)),
        "left_out": int((~same).sum()),
    }


def _half_width(differences: Floats, day: Integers, confidence: float) -> float:
    """Half an interval of the differences' sum: by days, or by hours within a single day."""
    if len(np.unique(day)) >= 2:
        place = np.unique(day, return_inverse=True)[1]
        differences = np.bincount(place, differences).astype(np.float64)
    n = len(differences)
    if n < 2:
        return math.nan
    return student(confidence, n - 1) * float(differences.std(ddof=1)) * math.sqrt(n)
