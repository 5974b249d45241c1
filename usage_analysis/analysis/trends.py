"""Projection of a month, with an interval, and of the day on which a budget is used up."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from usage_analysis.analysis.arrays import Booleans, Floats, Integers, in_kind, ratio, with_measures
from usage_analysis.analysis.forecast import SPAN, forecast
from usage_analysis.analysis.intervals import check_amount, normal_quantile
from usage_analysis.analysis.marks import Calendar, calendar_of
from usage_analysis.analysis.meaning import Meaning, with_meaning
from usage_analysis.analysis.month_days import BEGINS_LATE, BEGINS_WITHIN, NO_DAY, MonthDays
from usage_analysis.analysis.vocabulary import check_choice
from usage_analysis.errors import QueryError, refusal
from usage_analysis.tidy.frame_check import check_frame, check_gaps
from usage_analysis.tidy.frames import group_column
from usage_analysis.tidy.grouping import each_group, groups_of
from usage_analysis.tidy.periods import aggregate
from usage_analysis.tidy.wire import MEASURES
from usage_analysis.tidy.zones import DAY, local_clock, weekday_of

#: With fewer complete days, words and figures withhold the projection.
FEW_DAYS: Final = 7
FEW: Final = "few_days"
#: Values of `reason`: why a month is not projected in words.
NOTHING: Final = "nothing_yet"

#: Days of a month for growth per month.
_MONTH: Final = 30


def project_month(
    daily: pd.DataFrame,
    *,
    measure: str = "total_count",
    budget: float | None = None,
    confidence: float = 0.95,
    holidays: Iterable[object] | None = None,
) -> pd.Series | pd.DataFrame:
    """Project the total of the current month, with an interval.

    The month is the one of the last complete day in the frame. Each day that is not complete is
    forecast from the complete days of the last 8 weeks; a day that already has more keeps its
    value. The forecast is a level with a damped trend (Gardner and McKenzie 1985) times a factor
    per weekday. These factors are shrunk towards the mean of workdays or of the weekend (James and
    Stein 1961), so a single odd day does not make its weekday odd. Days far below their weekday are
    left out as holidays or outages, and are expected to be as frequent as in the past. Growth is
    extrapolated, and reported in `growth`.

    The interval covers the scatter of the days, the error of the weekday factors, and the speed at
    which the level moves. The tests show how often the interval contained the total of simulated
    and real months.

    Parameters
    ----------
    daily
        Canonical daily frame, local days of `aggregate`, or hourly rows, which are added up to
        days; with or without a group column. Weeks before the month improve the projection.
    measure
        Column to project.
    budget
        Upper limit for the month, in the unit of the measure; minutes for ``"duration"``.
    confidence
        Level of the two-sided interval.
    holidays
        Holidays as dates, datetimes or text such as ``"2026-12-25"``; or a calendar of the
        ``holidays`` package. Past holidays have no effect on the weekdays. Coming holidays are
        expected to be like past holidays and like the quietest weekday.

    Returns
    -------
    Series or DataFrame
        One row per group for a breakdown:

        - `month`, its first instant; `month_to_date`, the total so far; `left`, the expected
          remainder; `projection`, their sum; `low`, `high`, the interval (never below the total so
          far; NaN if all values are 0);
        - `complete_days`, the number of days that the forecast learned from; `low_days`, the number
          of unusually low days that it left out; `days_left`, the number of days that were
          forecast; `left_out`, the number of these days with rows in the frame; `missing`, the
          number of these days before the last complete day;
        - `growth`, the extrapolated trend [share per 30 days];
        - `skipped`, past weekdays (0 for Monday) without a row in the frame: these days are neither
          forecast nor filled in;
        - `budget`; `budget_day`, the local day on which it is expected to be used up, and its
          interval `budget_day_low` to `budget_day_high` (NaT: not in this month);
        - `first_day`, `last_day` of the month's rows; `open`, whether the last day is provisional;
        - `reason`, why sentences give no projection: ``"few_days"`` with fewer than 7 complete
          days, ``"nothing_yet"`` if all values are 0, ``"begins_within_day"`` if the frame begins
          after the first hour of the month, otherwise empty.

    Notes
    -----
    A frame does not say when its reply was made. Days after the last row are projected, even if
    they are over and were only not requested; `describe_month` makes the difference clear.

    Raises
    ------
    QueryError
        There is no complete day, the frame begins after the month's first day, a column is missing,
        or an argument has an unknown value.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-02-01", "2026-03-10", freq="D", tz="UTC", name="time")
    >>> daily = pd.DataFrame({"total_count": 100, "provisional": time == time[-1]}, index=time)
    >>> found = project_month(daily, budget=2_000)
    >>> found[["month_to_date", "projection", "days_left"]].astype(float).round(6).tolist()
    [1000.0, 3100.0, 22.0]
    >>> found["budget_day"]
    Timestamp('2026-03-20 00:00:00+0000', tz='UTC')
    """
    found = month_outlook("project_month", daily, measure, budget, confidence, holidays)
    rows: list[Any] = [found] if isinstance(found, pd.Series) else found.to_dict("records")
    reasons = [row["reason"] for row in rows]
    if NO_DAY in reasons or not reasons:
        raise QueryError("project_month: expected at least one complete day, got none")
    if BEGINS_LATE in reasons:
        first = rows[reasons.index(BEGINS_LATE)]["first_day"]
        raise refusal("late_month", first=first)
    return found


def month_outlook(
    helper: str,
    daily: pd.DataFrame,
    measure: str,
    budget: float | None = None,
    confidence: float = 0.95,
    holidays: Iterable[object] | None = None,
) -> pd.Series | pd.DataFrame:
    """Return the result of `project_month`, with a `reason` where that function would refuse.

    `reason` is then ``"no_complete_day"`` or ``"begins_late"``, and the projection is NaN.
    """
    off = calendar_of(holidays)
    days = _days(helper, daily, measure, confidence)
    if budget is not None:
        check_amount("budget", budget)
    group = group_column(days)
    parts = {"": days} if group is None else dict(each_group(days))
    months = {name: MonthDays(rows, measure) for name, rows in parts.items()}
    forecasts = _forecasts(list(months.values()), off, confidence)
    rows = {
        name: _row(month, made, budget)
        for (name, month), made in zip(months.items(), forecasts, strict=True)
    }
    meaning = Meaning(
        made_by="project_month",
        measure=measure,
        confidence=confidence,
        method="level with a damped trend (Gardner and McKenzie 1985) times weekday factors",
    )
    if group is None:
        return with_meaning(pd.Series(rows[""], name="project_month"), meaning, daily)
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis(group)
    return with_meaning(table, meaning, daily)


def _days(helper: str, frame: pd.DataFrame, measure: str, confidence: float) -> pd.DataFrame:
    """Return a frame of days: the frame itself, or the sums of its hours."""
    check_choice("measure", measure, MEASURES)
    normal_quantile(confidence)
    check_frame(helper, frame, measure, "provisional", rows="day")
    check_gaps(helper, frame)
    if "complete" not in frame:
        return aggregate(with_measures(frame, measure), "D")
    day = local_clock(frame) // DAY
    key = groups_of(frame)[0] * (int(day.max(initial=0)) + 1) + day
    if len(np.unique(key)) < len(key):
        raise QueryError(f"{helper}: expected one row per day, got several; pass the hourly frame")
    return frame


@dataclass(frozen=True)
class _Path:
    """Running totals of the days to forecast of one series; no days without a forecast."""

    #: Expected totals, and the upper and lower ends of their intervals; shape (3, days).
    totals: Floats
    growth: float
    taught: int
    low_days: int


def _forecasts(months: list[MonthDays], off: Calendar, confidence: float) -> list[_Path]:
    """Forecast together all series that end on the same day and lack the same days."""
    blocks: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    for number, month in enumerate(months):
        if not month.reason and len(month.left):
            blocks[month.now, month.left.tobytes()].append(number)
    made = [_Path(np.zeros((3, 0)), 0.0, month.recent, 0) for month in months]
    for numbers in blocks.values():
        month = months[numbers[0]]
        values = np.stack([months[number].past for number in numbers])
        some = np.flatnonzero(np.isfinite(values).any(axis=0))
        past = month.now - SPAN + some
        resting = (_resting(past, off), _resting(month.left, off)) if off else None
        found = forecast(
            values[:, some],
            weekday_of(past),
            month.now - past,
            weekday_of(month.left),
            month.left - month.now,
            off=resting,
        )
        low, high = found.interval(confidence)
        for place, number in enumerate(numbers):
            # No day falls below the sum of its hours so far.
            expected = np.maximum(found.expected[place], months[number].came).cumsum()
            scale = ratio(expected, found.expected[place].cumsum(), 1.0)
            made[number] = _Path(
                np.stack([expected, high[place] * scale, low[place] * scale]),
                float(found.growth[place]) * _MONTH,
                int(found.taught[place].sum()),
                int(found.low[place].sum()),
            )
    return made


def _resting(day: Integers, holidays: Calendar) -> Booleans:
    """Return the mask of the days that are holidays."""
    return np.array([one in holidays for one in day.view("M8[D]").tolist()], dtype=np.bool_)


def _row(month: MonthDays, path: _Path, budget: float | None) -> dict[str, Any]:
    """Result of one series."""
    inside, reason = month.inside, month.reason
    done, so_far = (float(month.counts[inside & one].sum()) for one in (month.known, True))
    # Without a forecast either nothing is left, or nothing can be said of what is left.
    left, high, low = 3 * [math.nan if reason else 0.0]
    if path.totals.size:
        left, high, low = path.totals[:, -1].tolist()
        reason = FEW if path.taught < FEW_DAYS else NOTHING if math.isnan(low) else ""
        reason = BEGINS_WITHIN if month.begins_within else reason
    numbers = {
        "month_to_date": so_far,
        "left": done + left - so_far,
        "projection": done + left,
        # Never below what has come; a NaN stays one.
        "low": float(np.maximum(done + low, so_far)),
        "high": float(np.maximum(done + high, so_far)),
    }
    rows = month.day[inside].tolist()
    used_up = _used_up(month, budget, done + path.totals)
    return {
        "month": pd.NaT if month.empty else month.instant(month.first),
        **{name: in_kind(value, month.measure) for name, value in numbers.items()},
        "complete_days": path.taught,
        "low_days": path.low_days,
        "days_left": len(month.left),
        "left_out": int(np.isin(month.day[inside & ~month.known], month.left).sum()),
        "missing": int((month.left < month.now).sum()),
        "growth": path.growth,
        "skipped": tuple(month.skipped.tolist()),
        "budget": math.nan if budget is None else float(budget),
        **dict(zip(("budget_day", "budget_day_low", "budget_day_high"), used_up, strict=True)),
        "first_day": month.begins if rows else pd.NaT,
        "last_day": month.instant(rows[-1]) if rows else pd.NaT,
        "open": month.open,
        "reason": reason,
    }


def _used_up(month: MonthDays, budget: float | None, totals: Floats) -> list[Any]:
    """Days on which a budget is used up: expected, earliest and latest; NaT after the month."""
    if budget is None or month.empty:
        return [pd.NaT] * 3
    limit = budget * 60e6 if month.measure == "duration" else budget
    came = month.counts[month.inside].cumsum()
    if len(came) and came[-1] >= limit and month.reason != BEGINS_LATE:
        return [month.instant(int(month.day[month.inside][(came >= limit).argmax()]))] * 3
    return [
        month.instant(int(month.left[one.argmax()])) if one.any() else pd.NaT
        for one in totals >= limit
    ]
