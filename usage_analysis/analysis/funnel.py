"""Funnels: the rates of groups against limits that depend on their size and usual differences."""

import math
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy

from usage_analysis.analysis.arrays import Booleans, Floats, Integers, Values, floats, ratio
from usage_analysis.analysis.intervals import mixture_quantile, normal_cdf, share, sums_of_days
from usage_analysis.analysis.meaning import Meaning, with_meaning
from usage_analysis.analysis.rates import check_breakdown, check_event, dates_of, summed_by
from usage_analysis.tidy.frame_check import check_frame
from usage_analysis.tidy.frames import check_disjoint

_LIMITS = {"low_95": 0.025, "high_95": 0.975, "low_998": 0.001, "high_998": 0.999}
#: Scale of the usual relative differences between groups, of a half-normal distribution.
_USUAL = 0.15
#: Probability beyond the outer limits.
_OUTER = 0.002
# Relative differences between groups, from none to three times the rate, dense near none.
_SPREADS = 3 * np.linspace(0, 1, 61) ** 2
_PRIOR = np.exp(-0.5 * (_SPREADS / _USUAL) ** 2) * np.gradient(_SPREADS)
_SIZES = 64


def funnel(
    breakdown: pd.DataFrame, *, event: str = "error_count", denominator: str = "total_count"
) -> pd.DataFrame:
    """Return the rate of each group, and funnel limits for its number of calls.

    A group beyond the limits is unlike the others. The funnel does not say why, and ranks nobody.

    Three steps make the limits of each group:

    1. Binomial limits: between them lie 95 % and 99.8 % of the rates that chance gives to a group
       of this size (Spiegelhalter 2005, Statistics in Medicine 24:1185, appendix A.1).
    2. Wider for days: errors come in clumps, so days of one group differ by more than chance.
       `day_spread` says how much more, and its square multiplies the variance.
    3. Wider for groups: groups always differ somewhat, by about 15 % if nothing else is known. The
       groups at hand show how much these do (Spiegelhalter 2005, Qual. Saf. Health Care 14:347).

    A group that is unlike the others must not widen its own limits. The group farthest from the
    others is therefore left out of centre and differences while it is beyond the others' 99.8 %
    limits. At most one group in three is left out; the rest are the `reference` (Ohlssen, Sharples
    and Spiegelhalter 2007, J. R. Stat. Soc. A 170:865).

    In simulations of six groups of 300 to 10,000 calls at 2 %, equal groups are beyond the 99.8 %
    limits in fewer than 0.1 % of cases. A group with twice the rate is beyond them in 45 % of
    cases, and one with three times the rate in 95 %. Of three to six groups that differ by a fifth,
    at most 1 % are beyond.

    Parameters
    ----------
    breakdown
        Canonical frame with a group column. Each group is summed over all of its rows.
    event, denominator
        Columns: as for `control_chart`.

    Returns
    -------
    DataFrame
        One row per group: `calls`, `events`, `rate`, `centre`, `low_95`, `high_95`, `low_998`,
        `high_998`, `spread_ratio` (mean square of the groups' z relative to the scatter of days; 1
        for equal groups), `day_spread`, `reference`, `beyond_95`, `beyond_998`. Without calls, and
        with a common rate of 0 or 1, there are no limits (NaN). Where only the reference has a rate
        of 0 or 1, the limits assume half an event.

    Raises
    ------
    QueryError
        No group column, a column is missing, or an argument has an unknown value.

    Notes
    -----
    Limits are widened on the scale asin √rate, where the variance of a rate is 1/4n.

    Examples
    --------
    >>> import pandas as pd
    >>> breakdown = pd.DataFrame({"agent": ["a", "b", "c"], "total_count": [400, 300, 50],
    ...                           "error_count": [8, 6, 15], "provisional": False})
    >>> funnel(breakdown)[["calls", "rate", "high_998", "reference", "beyond_998"]].round(3)
           calls  rate  high_998  reference  beyond_998
    agent
    a        400  0.02     0.047       True       False
    b        300  0.02     0.050       True       False
    c         50  0.30     0.097      False        True
    """
    check_event(event, denominator)
    check_frame("funnel", breakdown, event, denominator, totals=True)
    check_breakdown("funnel", breakdown)
    check_disjoint("funnel", breakdown)
    (calls, events), groups = summed_by(breakdown, [denominator, event], "total")
    n, k = calls.astype(np.float64), events.astype(np.float64)
    spread = _day_spread(breakdown, event, denominator)
    kept = _reference(n, k, spread**2)
    limits = _limits(calls, n, k, kept, spread)
    columns = {"calls": calls, "events": events, "rate": share(events, calls)}
    columns["centre"] = np.full(len(n), _rate(n[kept], k[kept]))
    columns |= dict(zip(_LIMITS, limits.T, strict=True))
    columns["spread_ratio"] = np.full(len(n), _ratio(n, k, kept) / spread**2)
    columns |= {"day_spread": np.full(len(n), spread), "reference": kept}
    for name in ("95", "998"):
        low, high = columns[f"low_{name}"], columns[f"high_{name}"]
        columns[f"beyond_{name}"] = (columns["rate"] < low) | (columns["rate"] > high)
    meaning = Meaning(
        made_by="funnel", event=event, denominator=denominator, confidence=1 - _OUTER,
        method="funnel limits (Spiegelhalter 2005), widened by days and by differences of groups",
        dates=dates_of(breakdown),
    )  # fmt: skip
    return with_meaning(pd.DataFrame(columns, groups), meaning, breakdown)


def _day_spread(breakdown: pd.DataFrame, event: str, denominator: str) -> float:
    """Return the standard deviation between days, relative to chance alone.

    It is pooled over groups and at least 1. It is 1 for sums without times, and where every group
    has a single day.
    """
    index = breakdown.index
    if not isinstance(index, pd.DatetimeIndex) or index.tz is None or len(index) == 0:
        return 1.0
    n, k, code, count = sums_of_days(breakdown, event, denominator)
    calls, events = (np.bincount(code, values, minlength=count)[code] for values in (n, k))
    whole = np.maximum(calls, 1.0)
    rate = np.clip(events / whole, 0.0, 1.0)
    expected = float((n * rate * (1 - rate) * (1 - n / whole)).sum())
    found = float(((k - n * rate) ** 2).sum())
    return math.sqrt(max(found / expected, 1.0)) if expected > 0 else 1.0


def limits_at(groups: pd.DataFrame, calls: Integers, *, chance_alone: bool = False) -> pd.DataFrame:
    """Return the limits of a funnel for other numbers of calls, or for chance alone.

    Parameters
    ----------
    groups
        Result of `funnel`.
    calls
        Sizes of groups [calls].
    chance_alone
        Whether to leave out the scatter of days and the differences between groups.
    """
    n, k = floats(groups, "calls", "events")
    kept = groups["reference"].to_numpy(dtype=bool)
    if chance_alone:
        limits = _binomial_limits(calls, _inside(n, k, kept))
    else:
        spread = float(groups["day_spread"].iloc[0]) if len(groups) else 1.0
        limits = _limits(calls, n, k, kept, spread)
    return pd.DataFrame(limits, pd.Index(calls, name="calls"), list(_LIMITS))


def differ(groups: pd.DataFrame) -> bool:
    """Return whether the groups of a funnel without outliers differ significantly.

    Their spread ratio is compared with the 97 % quantile of chi-squared over its degrees of
    freedom, so that the two claims of a funnel together are false in at most 5 % of cases.
    """
    freedom = int(groups["reference"].sum()) - 1
    if freedom < 1:
        return False
    least = scipy.special.chdtri(freedom, 0.03) / freedom
    return bool(groups["spread_ratio"].iloc[0] > least)


def _limits(calls: Values, n: Floats, k: Floats, kept: Booleans, spread: float) -> Floats:
    """Return binomial limits, widened by the scatter of days and by differences of groups."""
    limits = _binomial_limits(calls, _inside(n, k, kept))
    some = (calls > 0) & np.isfinite(limits).all(axis=1)
    if not some.any():
        return limits
    found = _common(n, k, spread**2, kept)
    for place, below in enumerate(_LIMITS.values()):
        quantile = NormalDist().inv_cdf(below)
        times, middle = _widening(calls[some], below, quantile, spread**2, found)
        away = np.arcsin(np.sqrt(np.clip(limits[some, place], 0, 1))) - middle
        limits[some, place] = np.sin(np.clip(middle + times * away, 0, np.pi / 2)) ** 2
    return limits


def _ratio(n: Floats, k: Floats, kept: Booleans) -> float:
    """Return the mean square z of the kept groups, relative to binomial chance."""
    if np.count_nonzero(kept) < 2:
        return 1.0
    centre = math.asin(math.sqrt(min(_rate(n[kept], k[kept]), 1.0)))
    squares = 4 * n[kept] * (_angle(n[kept], k[kept]) - centre) ** 2
    return float(squares.sum() / (len(squares) - 1))


def _rate(n: Floats, k: Floats) -> float:
    return float(k.sum() / n.sum()) if n.sum() > 0 else math.nan


def _inside(n: Floats, k: Floats, kept: Booleans) -> float:
    """Return the rate of the kept groups; half an event from 0 or 1 if only others have events."""
    rate = _rate(n[kept], k[kept])
    return rate if 0 < rate < 1 or kept[n > 0].all() else _inner_rate(n, k, kept)


def _binomial_limits(calls: Values, rate: float) -> Floats:
    """Return the shares of calls below which a binomial count stays with each probability.

    A continuous count between two whole ones is interpolated, as Spiegelhalter (2005) does.
    """
    out = np.full((len(calls), len(_LIMITS)), np.nan)
    some = calls > 0
    if 0 < rate < 1 and some.any():
        below, n = np.array(list(_LIMITS.values())), calls[some][:, None]
        whole = np.rint(n).astype(np.int64)
        k = np.ceil(np.nan_to_num(scipy.special.bdtrik(below, whole, rate)))
        upto = scipy.special.bdtr(k, whole, rate)
        before = np.where(k > 0, scipy.special.bdtr(np.maximum(k - 1, 0), whole, rate), 0.0)
        out[some] = (k - (upto - below) / (upto - before)) / n
    return out


class _Common(NamedTuple):
    """Common rate of all groups, for each possible spread between them.

    Rates are angles, ``asin √rate``, whose variance is 1/4n. Arrays have one column per spread, and
    one row, or one row per group that is left out.
    """

    #: Probability of the spread, given the rates.
    weight: Any
    centre: Any
    #: Variance of the centre.
    error: Any
    #: Variance between groups.
    between: Any


def _angle(n: Floats, k: Floats) -> Floats:
    """Return the rate as an angle, with Anscombe's correction (1948) for few events."""
    return np.arcsin(np.sqrt((np.minimum(k, n) + 3 / 8) / (n + 3 / 4)))


def _common(
    n: Floats, k: Floats, scatter: float, kept: Booleans, *, without: bool = False
) -> _Common:
    """Weigh the possible spreads between groups by their fit to the kept groups.

    Few groups cannot show how much groups differ, so the spread is not estimated but averaged over:
    its prior is half-normal (Gelman 2006, Bayesian Analysis 1:515), its likelihood that of the
    additive model (DerSimonian and Laird 1986).

    Parameters
    ----------
    n, k
        Calls and events of each group.
    scatter
        Variance of an angle over 1/4n: more than 1 where the events of a day come in clumps.
    kept
        Groups to learn from.
    without
        Whether to leave out each of the kept groups in turn.
    """
    rate = _inner_rate(n, k, kept)
    between = (_SPREADS**2 * rate / (1 - rate) / 4)[None, :]
    own = (scatter / np.maximum(4 * n, 1))[:, None]
    rates = ratio(k, n)[:, None]
    size = np.where(kept, n, 0.0)[:, None]

    def total(values: Floats) -> Floats:
        whole: Floats = values.sum(axis=0, keepdims=True)
        return whole - values if without else whole

    sizes = np.maximum(total(size), 1e-150)
    centre = np.arcsin(np.sqrt(np.clip(total(size * rates) / sizes, 0, 1)))
    error = total(size**2 * (own + between)) / sizes**2
    weight = np.where(kept[:, None], 1 / (own + between), 0.0)
    y = _angle(n, k)[:, None]
    squares = total(weight * y * y) - 2 * centre * total(weight * y) + centre**2 * total(weight)
    logs = total(np.where(kept[:, None], np.log(own + between), 0.0))
    logs += np.log(np.maximum(total(weight), 1e-150))
    fit = -0.5 * (logs + np.maximum(squares, 0))
    chance = np.exp(fit - fit.max(axis=1, keepdims=True)) * _PRIOR
    return _Common(chance / chance.sum(axis=1, keepdims=True), centre, error, between)


def _inner_rate(n: Floats, k: Floats, kept: Booleans) -> float:
    """Return the rate of the kept groups; half an event from 0 or 1 if it is 0 or 1."""
    calls, events = float(n[kept].sum()), float(k[kept].sum())
    if 0 < events < calls:
        return events / calls
    return (events + 0.5) / (calls + 1)


def _reference(n: Floats, k: Floats, scatter: float) -> Booleans:
    """Return the groups with calls that hold together.

    The group farthest from the others is left out while it is beyond their 99.8 % limits (Ohlssen,
    Sharples and Spiegelhalter 2007, J. R. Stat. Soc. A 170:865), at most one group in three.
    """
    kept = n > 0
    y, own = _angle(n, k)[:, None], (scatter / np.maximum(4 * n, 1))[:, None]
    for _ in range(int(kept.sum()) // 3):
        others = _common(n, k, scatter, kept, without=True)
        away = np.abs(y - others.centre) / np.sqrt(own + others.between + others.error)
        tails = np.where(kept, 2 * (others.weight * normal_cdf(-away)).sum(axis=1), 1.0)
        worst = int(tails.argmin())
        if tails[worst] >= _OUTER:
            break
        kept[worst] = False
    return kept


def _widening(
    calls: Values, below: float, quantile: float, scatter: float, found: _Common
) -> tuple[Floats, float]:
    """Return the distance of a limit from the centre, relative to chance alone, and the centre.

    Parameters
    ----------
    calls
        Sizes of groups, above 0.
    below, quantile
        Probability below the limit, and its normal quantile.
    scatter, found
        As for `_common`, and its result for all groups kept.
    """
    weight, between, middle = found.weight[0], found.between[0], float(found.centre[0, 0])
    some = weight > 1e-9
    weight, between = weight[some] / weight[some].sum(), between[some]
    sizes = np.unique(calls).astype(np.float64)
    if len(sizes) > _SIZES:
        sizes = np.geomspace(sizes[0], sizes[-1], _SIZES)
    deviation = np.sqrt((scatter / (4 * sizes))[:, None] + between)
    limit = mixture_quantile(below, np.full_like(deviation.T, middle), deviation.T, weight[:, None])
    times = (limit - middle) / (quantile / np.sqrt(4 * sizes))
    return np.maximum(np.interp(np.log(calls), np.log(sizes), times), 1.0), middle
