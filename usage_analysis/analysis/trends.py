"""Where the month is heading, with an interval, in numbers and words."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.analysis.billing import MICRO, amount_of, price_of
from usage_analysis.analysis.calendars import Calendar, calendar_of
from usage_analysis.analysis.history import FEW_DAYS, SPAN, History
from usage_analysis.analysis.intervals import Floats, normal_quantile
from usage_analysis.analysis.statements.statement import sentences
from usage_analysis.analysis.vocabulary import counted, number, several
from usage_analysis.errors import QueryError
from usage_analysis.tidy.frame_check import check_frame
from usage_analysis.tidy.frames import copy_source, group_column
from usage_analysis.tidy.grouping import each_group, groups_of
from usage_analysis.tidy.periods import aggregate
from usage_analysis.tidy.wire import MEASURES
from usage_analysis.tidy.zones import (
    DAY,
    first_instants,
    local_clock,
    to_index,
    weekday_of,
    zone_of,
)

Integers = NDArray[np.int64]

_NO_DAY = "project_month: expected at least one complete day, got none"


def project_month(
    daily: pd.DataFrame,
    *,
    measure: str = "total_count",
    confidence: float = 0.95,
    holidays: Iterable[object] | None = None,
) -> pd.Series | pd.DataFrame:
    """What the month will come to: what has come, and what is left by weekday and level.

    The month is that of the frame's last complete day. Each weekday's mean over the complete days
    of the last 8 weeks, times the level of the last 4, gives each day that is not complete (a day
    that already has more keeps what it has). The interval is ``left · exp(±t·s)``, where s is the
    greater of two: the scatter of the days around their weekdays, with the weekday means' own error
    and a drift of 2 % a week, which a few days cannot show; and the errors that the same method
    made on the days in hand, each projected from those before it, in proportion to the time left.
    A weekday not seen yet may be anything within a factor of e, so a month's first days without a
    history give wide intervals. Growth is not carried forward: the level stays. Tried on a bank's
    call centre of 2003 (April to September, at 8 days of each month, with 0 to 8 weeks before it),
    the 95 % interval held the month in 95 % of 288 cases; at day 10, after 4 weeks, the projection
    was 2.6 % off on average, a run rate 4.2 %. Of simulated months it holds 97 % and more where the
    level stays, 92 % where it wanders, 88 % where calls grow by a tenth a month. It missed another
    bank's August 1999, whose calls fell by a third within the month.

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
        Dates that are holidays, as dates, datetimes or text such as ``"2026-12-25"``; or a calendar
        of the ``holidays`` package. They teach nothing about weekdays, and count as the quietest
        one when they are still to come. Without it a holiday is a day like the others.

    Returns
    -------
    Series or DataFrame
        `month`, its first instant; `month_to_date`, what has come; `left`; `projection`, their sum;
        `low`, `high` (never below what has come; NaN where nothing ever came); `complete_days`, how
        many taught it; `days_left`, how many were projected; `left_out`, those of them that the
        frame has rows of; `missing`, those of them before the last complete day, which are past and
        not whole in the frame. A row a group for a breakdown.

    Notes
    -----
    A frame does not say when its reply was made: days after its last one are projected, whether
    they are still to come or were only not asked for. `describe_month` says which it can be.

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
    off = calendar_of(holidays)
    days = _days("project_month", daily, measure, confidence)
    if len(days) == 0:
        raise QueryError(_NO_DAY)
    found = _by_group(days, lambda rows: _month(_Month(rows, measure), confidence, off))
    told = pd.Series(found, name="project_month") if isinstance(found, dict) else found
    return copy_source(told, daily)


def _days(helper: str, frame: pd.DataFrame, measure: str, confidence: float) -> pd.DataFrame:
    """Days of a frame: those that `aggregate` made of it before, or makes now."""
    if measure not in MEASURES:
        raise QueryError(f"measure: expected {', '.join(MEASURES)}, got {measure!r}")
    normal_quantile(confidence)
    check_frame(helper, frame, measure, "provisional", rows="day")
    if "complete" not in frame:
        return aggregate(frame, "D")
    day = local_clock(frame) // DAY
    key = groups_of(frame)[0] * (int(day.max(initial=0)) + 1) + day
    if len(np.unique(key)) < len(key):
        raise QueryError(f"{helper}: expected one row a day, got several; give it the hours")
    return frame


def _by_group(frame: pd.DataFrame, told: Any) -> Any:
    group = group_column(frame)
    if group is None:
        return told(frame)
    rows = {name: told(part) for name, part in each_group(frame)}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(group)


def _month(of_month: _Month, confidence: float, holidays: Calendar) -> dict[str, Any]:
    day, values, known = of_month.day, of_month.counts, of_month.known
    if not known.any():
        raise QueryError(_NO_DAY)
    if of_month.begins_late:
        raise QueryError(
            "project_month: expected a frame from the month's first day on, got one that begins "
            f"on {date_of(int(day.min()))}; ask for more days"
        )
    now = int(day[known].max()) + 1
    taught = np.flatnonzero(known & (day >= now - SPAN))
    taught = taught[~_resting(day[taught], holidays)]
    history = History(day[taught], values[taught], now)
    inside, left = of_month.inside, of_month.left
    came = dict(zip(day[inside & ~known].tolist(), values[inside & ~known], strict=True))
    expected = history.means[weekday_of(left)]
    expected = np.where(_resting(left, holidays), history.quietest, expected)
    rest = float(np.maximum(expected, [came.get(int(d), 0.0) for d in left]).sum())
    done, so_far = float(values[inside & known].sum()), float(values[inside].sum())
    sigma = history.error(left, confidence) if len(left) else 0.0
    low, high = (
        max(done + rest * math.exp(way * sigma), so_far) if rest or not len(left) else math.nan
        for way in (-1, 1)
    )
    numbers = {"month_to_date": so_far, "left": done + rest - so_far, "projection": done + rest}
    numbers |= {"low": low, "high": high}
    start = first_instants(of_month.zone, np.array([of_month.first * DAY]))
    return {
        "month": to_index(start, of_month.zone)[0],
        **{name: in_kind(value, of_month.measure) for name, value in numbers.items()},
        "complete_days": len(history.day),
        "days_left": len(left),
        "left_out": len(came),
        "missing": int((left < now).sum()),
    }


def _resting(day: Integers, holidays: Calendar) -> NDArray[np.bool_]:
    """Which days are holidays."""
    if not holidays:
        return np.zeros(len(day), dtype=np.bool_)
    return np.array([date_of(int(one)) in holidays for one in day], dtype=np.bool_)


class _Month:
    """Days of a frame in order, and which of the month of its last complete day are there."""

    def __init__(self, days: pd.DataFrame, measure: str) -> None:
        self.measure, self.zone = measure, zone_of(days)
        self.day, self.counts, self.known = _known_days(days, measure)
        last = self.day[self.known][-1:] if self.known.any() else self.day[-1:]
        month = last.view("M8[D]").astype("M8[M]")
        self.first, self.after = (
            int((month + n).astype("M8[D]").view(np.int64)[0]) if len(month) else 0 for n in (0, 1)
        )

    @cached_property
    def inside(self) -> NDArray[np.bool_]:
        """Which of the frame's days are the month's."""
        return (self.day >= self.first) & (self.day < self.after)

    @cached_property
    def left(self) -> Integers:
        """Days of the month that are not whole in the frame."""
        open_ = np.ones(self.after - self.first, dtype=np.bool_)
        open_[self.day[self.inside & self.known] - self.first] = False
        return self.first + np.flatnonzero(open_)

    @property
    def begins_late(self) -> bool:
        """Whether the frame begins after the month did."""
        return bool(self.day.min() > self.first)


def _known_days(days: pd.DataFrame, measure: str) -> tuple[Integers, Floats, NDArray[np.bool_]]:
    """Local days in order, what came on each, and whether it is complete."""
    day = local_clock(days) // DAY
    order = np.argsort(day, kind="stable")
    values = days[measure].to_numpy()
    if measure == "duration":
        values = values.astype("m8[us]").view(np.int64)
    known = days["complete"].to_numpy(dtype=bool) & ~days["provisional"].to_numpy(dtype=bool)
    return day[order], values.astype(np.float64)[order], known[order]


def date_of(day: int) -> date:
    """Date of a day since 1970."""
    return date(1970, 1, 1) + timedelta(days=day)


def in_kind(value: float, measure: str) -> Any:
    """A number in a measure's own kind: talk of microseconds as a Timedelta."""
    if measure != "duration":
        return value
    return pd.NaT if math.isnan(value) else pd.Timedelta(np.timedelta64(round(value), "us"))


def describe_month(
    daily: pd.DataFrame,
    *,
    measure: str | None = None,
    price: Decimal | str | float | None = None,
    confidence: float = 0.95,
    holidays: Iterable[object] | None = None,
) -> str | pd.DataFrame:
    """One sentence on the month: what has come, where it is heading, and from how many days.

    With fewer than seven complete days it gives no projection and says so, nor does it where the
    frame begins after the month did. Where the last day is not provisional the frame does not show
    that the month goes on: then the sentence tells where the data end, not what is to come.

    Parameters
    ----------
    daily, confidence, holidays
        As for `project_month`.
    measure
        As for `project_month`; without it the calls, or billed minutes where there is a rate.
    price
        Price of a billed minute [USD], as for `cost`: the sentence is then of what the month's call
        minutes cost.

    Returns
    -------
    str or DataFrame
        The sentence; for a breakdown a column `sentence`, one row a group.

    Raises
    ------
    QueryError
        As for `project_month`, but for data that are too few, which is what it says; a rate that is
        no number or negative, or beside another measure than ``"billed_minutes"``.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-01", "2026-03-31", freq="D", tz="UTC", name="time")
    >>> describe_month(pd.DataFrame({"total_count": 100, "provisional": False}, index=time))
    '2026-03 (UTC): 3,100 calls in all 31 days'
    >>> daily = pd.DataFrame({"total_count": 100, "billed_minutes": 90.5, "provisional": False},
    ...                      index=time)
    >>> describe_month(daily, price="0.05")
    '2026-03 (UTC): an estimated 140.28 USD of call minutes in all 31 days'
    """
    off = calendar_of(holidays)
    paid = None if price is None else price_of(price)
    if paid is not None and measure not in (None, "billed_minutes"):
        raise QueryError(f'price: expected it beside measure "billed_minutes", got {measure!r}')
    measure = measure or ("total_count" if paid is None else "billed_minutes")
    days = _days("describe_month", daily, measure, confidence)
    return sentences(
        days, lambda _, rows: _month_sentence(_Month(rows, measure), rows, paid, confidence, off)
    )


def _month_sentence(
    of_month: _Month,
    days: pd.DataFrame,
    price: Decimal | None,
    confidence: float,
    holidays: Calendar,
) -> str:
    zone = of_month.zone
    if not of_month.known.any():
        return f"month ({zone}): no complete day in these data"
    month, whole = date_of(of_month.first), of_month.after - of_month.first
    head = f"{month:%Y-%m} ({zone}):"
    measure, came = of_month.measure, float(of_month.counts[of_month.inside].sum())
    so_far = counted(in_kind(came, measure), measure)
    if price is not None:
        so_far = f"an estimated {amount_of(round(came * MICRO), price):,} USD of call minutes"
    if not len(of_month.left):
        return f"{head} {so_far} in all {whole} days"
    last = date_of(int(of_month.day[of_month.inside].max()))
    if of_month.begins_late:
        begin = date_of(int(of_month.day.min()))
        return (
            f"{head} {so_far} from {begin} to {last}, {whole - len(of_month.left)} of its {whole} "
            "days whole; these data begin after the month did, so it is not projected"
        )
    open_ = bool(days["provisional"].to_numpy(dtype=bool)[local_clock(days).argmax()])
    until = "so far" if open_ else f"to {last}, where these data end"
    found = _month(of_month, confidence, holidays)
    complete = found["complete_days"]
    if complete < FEW_DAYS or pd.isna(found["low"]):
        days_known = several(complete, "complete day")
        return f"{head} {so_far} {until}; too few to project it, {days_known}"
    projection, low, high = (
        number(found[name] if price is None else found[name] * float(price), measure)
        for name in ("projection", "low", "high")
    )
    projection += "" if price is None else " USD"
    after = found["days_left"] - found["missing"]
    parts = [f"from {several(complete, 'complete day')}"]
    parts += [f"{after} still open" if open_ else f"{after} not in the data"] if after else []
    parts += [f"{found['missing']} before not whole"] if found["missing"] else []
    return (
        f"{head} {so_far} {until}{', heading for' if open_ else '; the whole month would be'} "
        f"{projection} ({100 * confidence:g} % interval {low} to {high}, {', '.join(parts)})"
    )
