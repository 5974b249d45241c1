"""Forecasts of daily values: the expected value of each coming day, and the error of their total.

The model is a level that moves, with a damped trend (Gardner and McKenzie 1985), times a factor for
each weekday. The engine works on many series at once. It knows nothing of months, measures, groups
or money.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from usage_analysis.analysis.arrays import Booleans, Floats, Integers, ratio
from usage_analysis.analysis.intervals import mixture_quantile, normal_quantile, student
from usage_analysis.analysis.weekdays import Weekdays, learn_weekdays, low_days

#: Number of days that a forecast learns from.
SPAN: Final = 56

# Assumptions on the level: the standard deviation of its step from one day to the next [share of
# it], that of its growth per day, and how likely both are before the data are seen. The data choose
# among them; calls of a bank are in the middle of the steps. A growth of 0.0035 is 11 % per month.
# `_GROWTH`, `_BEFORE` and `_LOW_DAYS_BEFORE` were chosen by simulation, so that the 80 % interval
# holds about 80 % of months: gamma days, steady or growing by a tenth per month, in weeks with a
# quiet weekend, without one, and with no calls at all on it.
_STEPS: Final = np.array([0.0, 0.0, 0.004, 0.008, 0.016, 0.032])
_GROWTH: Final = np.array([0.0, 0.0035, 0.0035, 0.0035, 0.0035, 0.0035])
_BEFORE: Final = np.array([0.3, 0.3, 0.15, 0.1, 0.1, 0.05])
#: Share of the growth per day that is left one day later: a trend does not go on for ever.
_DAMPING: Final = 0.98
#: Number of ordinary days that are believed to have come before the first day of a series.
_LOW_DAYS_BEFORE: Final = 12
# Real months have surprises that no model has. Errors are therefore those of Student's t with two
# degrees of freedom, times a factor with which the 80 % interval stays that of the model. By these,
# the 95 % interval holds 95 % of a real bank's months, which hold a week of holidays.
_TAILS: Final = 2.0
_TAIL_SCALE: Final = 0.75
#: A falling trend leaves at least this share of the level.
_FLOOR: Final = 0.02


@dataclass(frozen=True)
class Forecast:
    """Expected values of the coming days of several series, and the error of their totals.

    Parameters
    ----------
    expected
        Expected value of each coming day; shape (series, days).
    totals, errors
        Expected running totals, and the standard error of their logarithms, under each assumption
        on how fast the level moves; shape (assumptions, series, days).
    weight
        Probability of each assumption; shape (assumptions, series).
    growth
        Growth per day at the end of the data [share of the level].
    taught, low
        Past days that the forecast learns from, and low days that it leaves out as holidays or
        outages; shape (series, days).
    """

    expected: Floats
    totals: Floats
    errors: Floats
    weight: Floats
    growth: Floats
    taught: Booleans
    low: Booleans

    def interval(self, confidence: float) -> tuple[Floats, Floats]:
        """Return the ends of the running totals' two-sided intervals, shape (series, days).

        The ends are quantiles of the mixture of all assumptions, widened by Student's t for what no
        assumption foresees. They are NaN where nothing is expected.
        """
        total = self.expected.cumsum(axis=1)
        wider = _TAIL_SCALE * student(confidence, _TAILS) / normal_quantile(confidence)
        with np.errstate(divide="ignore", invalid="ignore"):
            middle = np.log(self.totals / total)
        ends = [
            total
            * np.exp(wider * mixture_quantile(share, middle, self.errors, self.weight[..., None]))
            for share in ((1 - confidence) / 2, (1 + confidence) / 2)
        ]
        return ends[0], ends[1]


def forecast(
    values: Floats,
    weekday: Integers,
    age: Integers,
    coming: Integers,
    ahead: Integers,
    *,
    off: tuple[Booleans, Booleans] | None = None,
) -> Forecast:
    """Forecast the coming days of several series.

    Parameters
    ----------
    values
        Past values, oldest first, shape (series, days); NaN where a day is unknown.
    weekday, age
        Weekday of each past day (0 for Monday), and its distance from the first coming day: 1 for
        the day before it.
    coming, ahead
        Weekday of each coming day, and its distance from the first one; negative for a day within
        the past that is unknown.
    off
        Past and coming days that are holidays. Past holidays only teach the load of a
        holiday. Without `off`, days as low as holidays are expected to be as frequent as in the
        past.
    """
    known = np.isfinite(values)
    values = np.where(known, values, 0.0)
    off_past, off_coming = (len(known[0]) * [False], len(coming) * [False]) if off is None else off
    known_off, known = known & off_past, known & ~np.asarray(off_past)
    low, size = low_days(values, known, weekday)
    used = known & ~low
    weekdays = learn_weekdays(values, used, weekday)
    usual = weekdays.mean[:, weekday]
    scale = ratio((values * used).sum(axis=1), (usual * used).sum(axis=1))[:, None]
    state = _filter_level(values, used, usual * scale, weekdays.dispersion, age)
    days = low.sum(axis=1)
    share = days / (days + used.sum(axis=1) + _LOW_DAYS_BEFORE) * (off is None)
    lost = share * (1 - size)
    shape = weekdays.mean[:, coming] * scale * (1 - lost)[:, None]
    shape = np.where(off_coming, _day_off(values, known_off, weekdays, weekday) * scale, shape)
    path = np.maximum(state.level[..., None] + state.slope[..., None] * _damped_days(ahead), _FLOOR)
    totals = (path * shape).cumsum(axis=2)
    expected = np.einsum("kg,kgd->gd", state.weight, path) * shape
    total = expected.cumsum(axis=1)
    variance = _level_variance(state, shape, ahead)
    variance += weekdays.dispersion[:, None] * total + _weekday_variance(weekdays, expected, coming)
    missed = (1 - size) ** 2
    variance += (share * (1 - share) * missed)[:, None] * (expected**2).cumsum(axis=1)
    variance += ratio(share * missed, known.sum(axis=1))[:, None] * total**2
    growth = (state.weight * state.slope).sum(axis=0)
    errors = np.sqrt(ratio(variance, totals**2, np.nan))
    return Forecast(expected, totals, errors, state.weight, growth, used, low)


@dataclass
class _State:
    """Level and slope at the last known day under each assumption: shape (assumptions, series)."""

    level: Floats
    slope: Floats
    level_variance: Floats
    covariance: Floats
    slope_variance: Floats
    weight: Floats


def _filter_level(
    values: Floats, used: Booleans, usual: Floats, dispersion: Floats, age: Integers
) -> _State:
    """Follow level and slope from day to day with a Kalman filter (Harvey 1989, chapter 4).

    The level is relative to the mean of all days, so it begins near 1.
    """
    size = (len(_STEPS), len(values))
    level, slope = np.ones(size), np.zeros(size)
    p, r, s = np.ones(size), np.zeros(size), np.ones(size) * _GROWTH[:, None] ** 2
    fit, seen = np.zeros(size), np.zeros(size[1], dtype=np.int64)
    observed, noise = ratio(values, usual), ratio(dispersion[:, None], usual, 1.0)
    step = (_STEPS**2)[:, None]
    last = int(age.max(initial=0)) + 1
    for day, before in enumerate(age.tolist()):
        for _ in range(last - before):
            level = level + slope
            p, r = p + 2 * r + s + step, r + s
        last = before
        here = used[:, day] & (usual[:, day] > 0)
        surprise = np.where(here, observed[:, day] - level, 0.0)
        spread = p + noise[:, day]
        # The first two days only place the level.
        fit -= np.where(here & (seen > 1), np.log(spread) + surprise**2 / spread, 0.0) / 2
        gain, turn = np.where(here, p / spread, 0.0), np.where(here, r / spread, 0.0)
        level, slope = level + gain * surprise, slope + turn * surprise
        p, r, s = p * (1 - gain), r * (1 - gain), s - turn * r
        seen += here
    weight = _BEFORE[:, None] * np.exp(fit - fit.max(axis=0, initial=-np.inf))
    return _State(level, slope, p, r, s, weight / weight.sum(axis=0))


def _day_off(values: Floats, known: Booleans, weekdays: Weekdays, weekday: Integers) -> Floats:
    """Return the load to expect on a holiday.

    It is the mean of the holidays in the data, with the quietest weekday counted as one more.
    """
    seen = np.zeros((len(values), 7), dtype=np.bool_)
    seen[:, np.unique(weekday)] = True
    quietest = np.where(seen, weekdays.mean, np.inf).min(axis=1)
    mean: Floats = ((values * known).sum(axis=1) + quietest) / (known.sum(axis=1) + 1)
    return mean[:, None]


def _damped_days(ahead: Integers) -> Floats:
    """Days of growth between the last known day and each coming one, damped."""
    days = ahead + 1.0
    return np.where(days > 0, (1 - _DAMPING**days) / (1 - _DAMPING), days)


def _level_variance(state: _State, shape: Floats, ahead: Integers) -> Floats:
    """Variance of the running totals that level and slope cause."""
    size = shape.cumsum(axis=1)
    growing = (shape * _damped_days(ahead)).cumsum(axis=1)
    # A step on one coming day moves all later ones.
    later = [((size[:, [day]] - size[:, :day]) ** 2).sum(axis=1) for day in range(size.shape[1])]
    moved = size**2 + np.stack(later, axis=1) if later else size**2
    return np.asarray(
        state.level_variance[..., None] * size**2
        + 2 * state.covariance[..., None] * size * growing
        + state.slope_variance[..., None] * growing**2
        + (_STEPS**2)[:, None, None] * moved
    )


def _weekday_variance(weekdays: Weekdays, expected: Floats, coming: Integers) -> Floats:
    """Variance of the running totals that the errors of the weekday factors cause."""
    error = ratio(weekdays.error, weekdays.mean)
    out = np.zeros_like(expected)
    for day in np.unique(coming):
        out += ((expected * (coming == day)).cumsum(axis=1) * error[:, [day]]) ** 2
    return out
