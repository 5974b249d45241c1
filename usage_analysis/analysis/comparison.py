"""Changes from one period to the next, over the same weekdays and hours."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd

from usage_analysis.analysis import intervals
from usage_analysis.analysis.arrays import Floats, Integers, exact, in_kind
from usage_analysis.analysis.difference import check_groups, significant
from usage_analysis.analysis.intervals import FEWEST, cosines, slow_sums
from usage_analysis.analysis.meaning import Meaning, with_meaning
from usage_analysis.analysis.month_days import date_of
from usage_analysis.analysis.vocabulary import check_choice
from usage_analysis.errors import QueryError, refusal
from usage_analysis.tidy import zones
from usage_analysis.tidy.frame_check import check_frame, check_gaps
from usage_analysis.tidy.frames import COUNTS, group_column
from usage_analysis.tidy.grouping import check_rows, groups_of, row_lengths
from usage_analysis.tidy.periods import calendar, inside_days
from usage_analysis.tidy.wire import MEASURES
from usage_analysis.tidy.zones import DAY, HOUR, zone_of

_ROUNDING = 1e-12
_METHOD = "Student's t over days (Lazarus and others 2018)"
# By these steps of whole weeks a period meets the same weekdays before it.
_STEPS = {"D": 7, "W": 7, "MS": 28, "QS": 91, "YS": 364}
_WEEK = 7


def compare_periods(
    current: pd.DataFrame,
    previous: pd.DataFrame | None = None,
    *,
    every: str = "W",
    measure: str | Sequence[str] = "total_count",
    confidence: float = 0.95,
    history: pd.DataFrame | None = None,
) -> pd.Series | pd.DataFrame:
    """Return the change from the previous period, over the same weekdays and hours.

    Buckets are paired by local clock, whole weeks apart. A Monday is compared with a Monday, and
    three days of this week with the same three days of the previous week. A bucket is left out of
    both periods if it or its partner is provisional, or if the partner has another length (an hour
    that a clock change skips or repeats).

    The interval is Student's t over the differences of days. The interval allows for levels that
    persist from day to day (see `usage_analysis.analysis.intervals`). Hours of one day are not
    independent, so one day gets its interval from `history`. Without `history` there is no
    interval. The interval of a count is never narrower than Poisson's, ±z·√(current + previous). No
    interval reaches below zero. Sums show that there were more calls. They do not show the reason,
    nor whether there were more callers.

    Parameters
    ----------
    current
        Canonical hourly frame with or without a group column: both periods; with `previous`, the
        whole later period.
    previous
        Canonical frame of the earlier period, in the same time zone, with the same group column.
    every
        Without `previous`: the last ``"D"``, ``"W"``, ``"MS"``, ``"QS"`` or ``"YS"`` of the frame
        so far, compared with the same weekdays 1, 1, 4 (or 5), 13 or 52 weeks before.
    measure
        A column of the frames; several for a table with one row per measure.
    confidence
        Level of the two-sided interval.
    history
        Canonical hourly frame of earlier days, at least ten, which shows how much the same weekdays
        differ from week to week; used for periods of one or two days. Without `previous`, the
        earlier rows of `current` are used.

    Returns
    -------
    Series or DataFrame
        `current`, `previous`, `delta`, `low`, `high` (of the delta; NaN from one day without
        `history`, and of talk and minutes that do not vary), `change`, delta over previous (NaN
        where that is 0), `hours` and `days` compared, `left_out`, the number of buckets of the
        current period that were not compared, and `significant`: the interval does not include 0 (1
        or 0 in a Series). One row per group for a breakdown, or per measure. Over several rows
        `significant` follows Holm's rule, as for `rate_difference`.

    Raises
    ------
    QueryError
        No bucket has a partner, a column is missing, frames do not match, or an argument has an
        unknown value.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-02", periods=10 * 24, freq="h", tz="UTC", name="time")
    >>> hourly = pd.DataFrame({"total_count": 10, "provisional": False}, index=time)
    >>> hourly.loc["2026-03-09":, "total_count"] = 12
    >>> compare_periods(hourly)[["current", "previous", "change", "days"]].tolist()
    [864.0, 720.0, 0.2, 3.0]
    """
    measures = [measure] if isinstance(measure, str) else list(measure)
    for name in measures:
        check_choice("measure", name, MEASURES)
    intervals.normal_quantile(confidence)
    for frame in (current,) if previous is None else (current, previous):
        check_frame("compare_periods", frame, *measures, "provisional")
        check_gaps("compare_periods", frame)
    several = not isinstance(measure, str)
    if several and group_column(current) is not None:
        raise QueryError("measure: expected one measure for a breakdown, got several")
    if previous is None:
        start, shift = _last_period(current, every)
        previous, history = current, current if history is None else history
    else:
        _check_alike(current, previous, "previous")
        start, shift = _first_day(current), _count_weeks(current, previous)
    if history is not None:
        _check_alike(current, history, "history")
    pairs = [_Pair(current, previous, history, name, start, shift) for name in measures]
    rows = [row for pair in pairs for row in pair.rows(confidence)]
    if not any(found["hours"] for found, _ in rows):
        raise refusal("no_partner")
    groups = pd.Index(measures, name="measure") if several else pairs[0].now.groups
    table = pd.DataFrame([found for found, _ in rows], index=groups)
    spreads = [spread for _, spread in rows]
    tails = np.array([spread.tail() for spread in spreads])
    if not several:
        # As for `rate_difference`: of several groups, those that seem to scatter least stand out.
        tails = np.maximum(tails, [spread.tail() for spread in _pool(spreads)])
    table["significant"] = significant(tails, confidence)
    met = np.flatnonzero(np.any([pair.met for pair in pairs], axis=0))
    meaning = Meaning(
        made_by="compare_periods",
        measure=None if several else measures[0],
        confidence=confidence,
        method=_METHOD,
        dates=f"{_days(start, met)} ({zone_of(current)})",
        previous_dates=_days(start - shift, met),
    )
    if groups is None:
        one = pd.Series({**rows[0][0], "significant": float(table["significant"].iloc[0])})
        return with_meaning(one.rename("compare_periods"), meaning, current, previous)
    return with_meaning(table, meaning, current, previous)


def _days(start: int, met: Integers) -> str:
    """Return the first and last of the days that were compared, counted from `start`."""
    first, last = date_of(start + int(met[0])), date_of(start + int(met[-1]))
    return f"{first}" if last == first else f"{first} to {last}"


def _check_alike(frame: pd.DataFrame, other: pd.DataFrame, name: str) -> None:
    check_groups(name, other, frame)
    if str(zone_of(other)) != str(zone_of(frame)):
        raise QueryError(f"{name}: expected the clock {zone_of(frame)}, got {zone_of(other)}")


def _last_period(frame: pd.DataFrame, every: str) -> tuple[int, int]:
    """Return the first local day of the last period, and its distance from its partner [days]."""
    number, start_of = calendar(every)
    if len(frame) == 0:
        return 0, _WEEK
    last = zones.clock_of(zones.row_times(frame).max(keepdims=True), zone_of(frame))
    start = int(start_of(number(last))[0] // DAY)
    elapsed = int(last[0] // DAY) - start + 1
    step = _STEPS[every.partition("-")[0]]
    return start, max(step, _WEEK * math.ceil(elapsed / _WEEK))


def _count_weeks(later: pd.DataFrame, earlier: pd.DataFrame) -> int:
    days = _WEEK * round((_first_day(later) - _first_day(earlier)) / _WEEK)
    if days <= 0 and len(later) and len(earlier):
        first, other = (date_of(_first_day(frame)) for frame in (earlier, later))
        raise refusal("late_previous", first=first, other=other)
    return days


def _first_day(frame: pd.DataFrame) -> int:
    """Return the first local day of a frame, in days since 1970."""
    if len(frame) == 0:
        return 0
    return int(zones.clock_of(zones.row_times(frame).min(keepdims=True), zone_of(frame))[0] // DAY)


def _from_day(frame: pd.DataFrame, start: int, days: int | None) -> pd.DataFrame:
    """Return the rows of a number of local days, or of all days from the first one on."""
    last = None if days is None else date_of(start + days - 1)
    if zones.in_order(times := zones.row_times(frame)):  # no look at the rest of a long frame
        frame = frame.iloc[np.searchsorted(times, DAY * (start - 1)) :]
    return frame[inside_days(frame, date_of(start), last)]


class _ClockHours:
    """Values, lengths and flags of clock hours from a local day on: one row per group."""

    def __init__(
        self, frame: pd.DataFrame, measure: str, start: int, days: int | None = None
    ) -> None:
        group = group_column(frame)
        kept = [group, measure, "provisional", "hours"]
        frame = _from_day(frame[[name for name in kept if name in frame]], start, days)
        check_rows("compare_periods", frame, "hour")
        where, known = zones.distinct(zones.row_times(frame))
        hour = (zones.clock_of(known, zone_of(frame)) // HOUR - 24 * start)[where]
        code, self.groups = groups_of(frame)
        count = 1 if self.groups is None else max(len(self.groups), 1)
        self.size = int(hour.max()) + 1 if len(hour) else 0
        waiting = frame["provisional"].to_numpy(dtype=np.float64)
        parts = (exact(frame, measure).astype(np.float64), row_lengths(frame), waiting)
        key, shape = code * self.size + hour, (count, self.size)
        sums = (np.bincount(key, part, minlength=count * self.size) for part in parts)
        self.value, self.length, self.waiting = (part.reshape(shape) for part in sums)

    def partners(self, earlier: Self) -> list[int]:
        """Return the place of each group in an earlier table, -1 if the table lacks it."""
        if self.groups is None or earlier.groups is None:
            return [0]
        return earlier.groups.get_indexer(self.groups).tolist()


@dataclass(frozen=True)
class _Spread:
    """A change, its standard error and degrees of freedom, and the total of both periods."""

    delta: float
    error: float
    freedom: int
    both: float
    counted: bool

    @property
    def poisson(self) -> float:
        """Standard error of a difference of counts that vary by chance alone; 0 for the rest."""
        return math.sqrt(self.both) if self.counted else 0.0

    def half(self, confidence: float) -> float:
        """Half the width of the interval; NaN if unknown."""
        varies = self.error > _ROUNDING * self.both
        if self.freedom < 1 or (not varies and not (self.counted and self.both > 0)):
            return math.nan
        wide = intervals.student(confidence, self.freedom) * self.error if varies else 0.0
        return max(wide, intervals.normal_quantile(confidence) * self.poisson)

    def tail(self) -> float:
        """Probability of so large a change by chance alone; NaN without an interval."""
        if math.isnan(self.half(0.5)):
            return math.nan
        tails = [0.0]
        if self.error > _ROUNDING * self.both:
            tails.append(intervals.student_tail(self.delta / self.error, self.freedom))
        if self.poisson:
            tails.append(intervals.normal_tail(self.delta / self.poisson))
        return max(tails)


class _Pair:
    """Both periods of one measure, and the days before them."""

    def __init__(
        self,
        current: pd.DataFrame,
        previous: pd.DataFrame,
        history: pd.DataFrame | None,
        measure: str,
        start: int,
        shift: int,
    ) -> None:
        self.measure = measure
        self.now = _ClockHours(current, measure, start)
        days = -(-self.now.size // 24)
        self.before = _ClockHours(previous, measure, start - shift, days=days)
        # Days that have a partner in some group.
        self.met = np.zeros(days, dtype=np.bool_)
        # Weeks of the past are needed only where the period has too few days of its own.
        if history is None or self.now.size > 24 * FEWEST:
            history = current.iloc[:0]
        first = _first_day(history)
        self.past = _ClockHours(history, measure, first, days=max(start - first, 1))

    def rows(self, confidence: float) -> list[tuple[dict[str, Any], _Spread]]:
        """Compare each group; both tables begin on the days that are compared."""
        partners = zip(self.now.partners(self.before), self.now.partners(self.past), strict=True)
        return [self._row(row, *others, confidence) for row, others in enumerate(partners)]

    def _row(
        self, row: int, other: int, past: int, confidence: float
    ) -> tuple[dict[str, Any], _Spread]:
        """Return one row of the result, with the standard error of its change."""
        now, before, measure = self.now, self.before, self.measure
        size = 0 if other < 0 else min(now.size, before.size)
        there = now.length[row] > 0
        same = there & (now.waiting[row] == 0)
        same[size:] = False
        same[:size] &= before.waiting[other, :size] == 0
        same[:size] &= now.length[row, :size] == before.length[other, :size]
        hour = np.flatnonzero(same)
        values, earlier = now.value[row, hour], before.value[other, hour]
        day = hour // 24
        self.met[day] = True
        total, old = float(values.sum()), float(earlier.sum())
        delta, both = float((values - earlier).sum()), total + old
        daily = np.bincount(day, values - earlier)[np.bincount(day) > 0] if len(day) else values
        error, freedom = _standard_error(daily.astype(np.float64))
        if freedom < FEWEST and past >= 0:
            pairs = np.bincount(day, values + earlier).astype(np.float64)
            error, freedom = self._past_error(hour, past, pairs) or (error, freedom)
        spread = _Spread(delta, error, freedom, both, counted=measure in COUNTS)
        half = spread.half(confidence)
        kinds = {
            "current": total,
            "previous": old,
            "delta": delta,
            "low": float(np.maximum(delta - half, -old)),
            "high": delta + half,
        }
        found = {
            **{name: in_kind(value, measure) for name, value in kinds.items()},
            "change": delta / old if old else math.nan,
            "hours": float(now.length[row, hour].sum() / HOUR),
            "days": int(np.count_nonzero(np.bincount(day))),
            "left_out": int(there.sum() - same.sum()),
        }
        return found, spread

    def _past_error(self, hour: Integers, row: int, pairs: Floats) -> tuple[float, int] | None:
        """Return the standard error of a change, from the differences between past weeks.

        Each earlier day is compared with the day one week before, over the same hours. The
        differences are scaled in two ways: by the calls of both days, for days that differ by a
        share of their level, and by the square root of these calls, for days that differ by chance.
        The larger error is returned; None with fewer than three differences.
        """
        days = self.past.size // 24
        value = self.past.value[row, : 24 * days].reshape(days, 24)
        known = (self.past.length > 0) & (self.past.waiting == 0)
        used = np.isin(np.arange(24), hour % 24)
        level = value[:, used].sum(1)
        whole = known[row, : 24 * days].reshape(days, 24)[:, used].all(1)
        pair = level[_WEEK:] + level[:-_WEEK]
        good = whole[_WEEK:] & whole[:-_WEEK] & (pair > 0)
        change = (level[_WEEK:] - level[:-_WEEK])[good]
        pair = pair[good]
        if len(pair) < _FEWEST_WEEKS or not change.any():
            return None
        shares = float(((change / pair) ** 2).mean()) * float((pairs**2).sum())
        chance = float((change**2 / pair).mean()) * float(pairs.sum())
        return math.sqrt(max(shares, chance)), len(pair)


_FEWEST_WEEKS = 3


def _standard_error(daily: Floats) -> tuple[float, int]:
    """Standard error of the sum of differences of days, and its degrees of freedom."""
    number = cosines(len(daily))
    if number < 1:
        return math.nan, 0
    code = np.zeros(len(daily), dtype=np.intp)
    squares, _ = slow_sums(daily - daily.mean(), code, 1)
    return math.sqrt(float(squares[0]) / number), number


def _pool(spreads: Sequence[_Spread]) -> list[_Spread]:
    """Return each group's standard error, with the scatter of days pooled over all groups."""
    known = [one for one in spreads if one.freedom and one.both > 0]
    freedom = sum(one.freedom for one in known)
    variance = sum(one.freedom * one.error**2 / one.both for one in known) / max(freedom, 1)
    return [replace(s, error=math.sqrt(variance * s.both), freedom=freedom) for s in spreads]
