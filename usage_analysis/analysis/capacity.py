"""How many calls at once: the hours near a limit, in numbers and words."""

from __future__ import annotations

from functools import lru_cache
from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.analysis.erlang import blocking_of, channels_for, offered_for
from usage_analysis.analysis.intervals import Floats
from usage_analysis.analysis.profiles import traffic_intensity
from usage_analysis.analysis.statements.statement import sentences
from usage_analysis.analysis.vocabulary import several
from usage_analysis.errors import QueryError
from usage_analysis.tidy.frame_check import check_frame
from usage_analysis.tidy.frames import copy_source, group_column
from usage_analysis.tidy.grouping import check_rows
from usage_analysis.tidy.zones import zone_of

Integers = NDArray[np.int64]

_BEYOND = 0.001
_QUANTILE = NormalDist().inv_cdf(1 - _BEYOND)
_LARGE = 1000
_STEPS = 200
# What a line group is mostly made for.
_FEW_LOST = 0.01


def capacity(hourly: pd.DataFrame, *, limit: int) -> pd.DataFrame:
    """How near each hour came to the number of calls that an account may hold at once.

    Refused calls appear in no count, so what is seen is carried traffic. The offered traffic A
    solves ``A·(1 - B(A, limit)) = carried`` and blocking is ``B(A, limit)`` (Erlang 1917): what
    calls that come at random within the hour, and give up when refused, would have met. Where
    carried is at or over the limit no finite demand explains it: the hour is `saturated`, with the
    formula's limits, infinite traffic and blocking 1. Talk is booked in the hour in which its call
    was created, about 10 % off in a single hour: read a single saturated hour with care.

    Parameters
    ----------
    hourly
        Canonical hourly frame, with or without a group column. A limit is an account's, so a
        breakdown says what each group would meet had it the limit to itself.
    limit
        Calls that could be held at once when these came; 5 on a pay-as-you-go account. What was
        carried under another limit follows from another demand: for the lines that it takes, turn
        `offered` into them with `channels_for`, and do not try other limits here.

    Returns
    -------
    DataFrame
        A row a bucket: `carried` and `offered` [erlangs]; `blocking`, the share of calls refused;
        `demand`, the calls at once that demand without a limit exceeds 0.1 % of the time (99.9 %
        point of a Poisson distribution of mean `offered`: M/G/∞); `saturated`; `at_risk`, whether
        `demand` is over the limit. Provisional buckets are there, and their talk may still grow.

    Raises
    ------
    QueryError
        The limit is not a whole number of 1 or more, or there is no `duration`.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-02 09:00", periods=2, freq="h", tz="UTC", name="time")
    >>> hourly = pd.DataFrame({"duration": pd.to_timedelta(["30min", "5h"])}, index=time)
    >>> capacity(hourly, limit=5)[["carried", "offered", "saturated", "at_risk"]].round(3)
                               carried  offered  saturated  at_risk
    time
    2026-03-02 09:00:00+00:00      0.5      0.5      False    False
    2026-03-02 10:00:00+00:00      5.0      inf       True     True
    """
    if isinstance(limit, bool) or not isinstance(limit, int | np.integer) or limit < 1:
        raise QueryError(f"limit: expected a whole number of calls, 1 or more, got {limit!r}")
    traffic = traffic_intensity(hourly)
    check_rows("capacity", hourly, "hour")
    group = group_column(hourly)
    carried = np.asarray(traffic if group is None else traffic["traffic"], dtype=np.float64)
    offered, demand = offered_for(carried, int(limit)), np.full(len(carried), np.inf)
    saturated = carried >= limit
    demand[~saturated] = _poisson_bound(offered[~saturated])
    columns = {
        "carried": carried,
        "offered": offered,
        "blocking": blocking_of(offered, np.full(len(carried), limit)),
        "demand": demand,
        "saturated": saturated,
        "at_risk": demand > limit,
    }
    out = pd.DataFrame(columns, index=hourly.index)
    if group is not None:
        out.insert(0, group, hourly[group])
    return copy_source(out, hourly)


def describe_capacity(hourly: pd.DataFrame, *, limit: int) -> str | pd.DataFrame:
    """One sentence on the hours at risk of refused calls, and on the busiest of them.

    Provisional hours, whose talk may still grow, are left out and counted. What the busiest hour
    refused is Erlang's formula turned round, as `capacity` has it, not a count: refused calls are
    counted nowhere. Talk is booked in the hour in which its call began: an hour whose mean joined
    call is longer than an hour is not told as the busiest, where there are others.

    Parameters
    ----------
    hourly, limit
        As for `capacity`.

    Returns
    -------
    str or DataFrame
        The sentence; for a breakdown a column `sentence`, one row a group, each as though it had
        the limit to itself.

    Raises
    ------
    QueryError
        As for `capacity`, or no `provisional`.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-02 09:00", periods=3, freq="h", tz="UTC", name="time")
    >>> hourly = pd.DataFrame(
    ...     {"duration": pd.to_timedelta(["9min", "2h", "0s"]), "provisional": False}, index=time)
    >>> describe_capacity(hourly, limit=5)
    'calls at once: 1 of 3 hours at risk of refusals at a limit of 5 (UTC); the busiest, 2026-03-02
    10:00, carried 2.0 erlangs, at which Erlang B has 4.2 % of the calls refused; for 1 % it takes 7
    lines'
    """
    check_frame("describe_capacity", hourly, "duration", "provisional", rows="hour")
    waiting = hourly["provisional"].to_numpy(dtype=bool)
    found = capacity(hourly, limit=limit)

    def tell(_: int, rows: pd.DataFrame) -> str:
        late = rows["provisional"].to_numpy()
        whole = rows[~late]
        risk = risk_in_words(whole, limit, left_out=late.sum())
        return f"calls at once: {risk}{_busiest_in_words(whole, limit)}"

    # What stands first shows whether there are groups.
    found.insert(int(group_column(hourly) is not None), "provisional", waiting)
    found["overlong"] = overlong(hourly)
    return sentences(found, tell)


def overlong(hourly: pd.DataFrame) -> NDArray[np.bool_]:
    """Hours in which longer talk than theirs is booked: the mean joined call is over an hour."""
    if "joined_count" not in hourly:
        return np.zeros(len(hourly), dtype=np.bool_)
    calls = np.maximum(hourly["joined_count"].to_numpy(dtype=np.float64), 1)
    found: NDArray[np.bool_] = hourly["duration"].to_numpy() / np.timedelta64(1, "h") > calls
    return found


def risk_in_words(found: pd.DataFrame, limit: int, *, left_out: int = 0) -> str:
    """How many hours of one series `capacity` found at risk, in words."""
    hours, zone = len(found), zone_of(found)
    waiting = f", {left_out:,} provisional left out" if left_out else ""
    if hours == 0:
        return f"0 finished hours, so nothing to hold against a limit of {limit} ({zone}{waiting})"
    risk, full = int(found["at_risk"].sum()), int(found["saturated"].sum())
    saturated = f", {full:,} of them saturated" if full else ""
    return (
        f"{risk:,} of {several(hours, 'hour')} at risk of refusals at a limit of {limit}"
        f"{saturated} ({zone}{waiting})"
    )


def _busiest_in_words(found: pd.DataFrame, limit: int) -> str:
    """The busiest of hours that know whether they are `overlong`, as the rest of a sentence."""
    carried = found["carried"].to_numpy()
    usual = np.where(found["overlong"], 0.0, carried)
    if not carried.any():
        return "; no talk in any of them" if len(found) else ""
    top = found.iloc[int((usual if usual.any() else carried).argmax())]
    busiest = f"; the busiest, {top.name:%Y-%m-%d %H:%M}, carried {top['carried']:,.1f} erlangs"
    if found["saturated"].any():
        return f"{busiest}: how many calls it refused cannot be told"
    lines = channels_for(float(top["offered"]), _FEW_LOST)
    refused = 100 * float(top["blocking"])
    enough = f"; for 1 % it takes {lines} lines" if lines > limit else ""
    share = f"{refused:.{refused < 10:d}f} %" if refused >= 0.05 else "less than 0.1 %"
    return f"{busiest}, at which Erlang B has {share} of the calls refused{enough}"


def _poisson_bound(mean: Floats) -> Floats:
    """Smallest k that a Poisson variable of each mean exceeds with a probability of 0.001 at most.

    Found from the other side, by the greatest mean for which each k is enough: looked up for small
    k, solved for with large ones.
    """
    most = _greatest_means()
    found = np.searchsorted(most, mean).astype(np.float64)
    large = mean > most[-1]
    if large.any():
        wanted = mean[large]
        shape = wanted + _QUANTILE * np.sqrt(wanted)
        for _ in range(_STEPS):
            step = wanted - _gamma_point(shape)
            shape += step
            if np.all(np.abs(step) <= 1e-15 * shape):
                break
        found[large] = np.ceil(shape - 1)
    return found


@lru_cache(maxsize=1)
def _greatest_means() -> Floats:
    """Greatest mean for which each small k is enough, by Newton's method on the tail.

    The slope of the tail is the probability of k itself.
    """
    k = np.arange(_LARGE)
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1.0, len(k))))])
    # Wilson and Hilferty's cube gives a start, and the slope's sign keeps Newton's steps inside.
    cube = 1 - 1 / (9 * (k + 1)) - _QUANTILE / (3 * np.sqrt(k + 1))
    most: Floats = (k + 1) * np.maximum(cube, 0.1) ** 3
    for _ in range(_STEPS):
        slope = np.exp(k * np.log(most) - most - log_factorial)
        step = (_BEYOND - _poisson_tail(k, most, slope)) / slope
        most = np.clip(most + step, most / 2, most * 2)
        if np.all(np.abs(step) <= 1e-10 * most):
            break
    most.setflags(write=False)
    return most


def _poisson_tail(k: Integers, mean: Floats, at_k: Floats) -> Floats:
    term = at_k * mean / (k + 1)
    total, number = term.copy(), 1
    while np.any(term):
        number += 1
        term = term * mean / (k + number)
        # Numbers too small to matter become too small to be fast.
        term[term < 1e-17 * total] = 0
        total += term
    return total


def _gamma_point(shape: Floats) -> Floats:
    """Point that a gamma variable of each large shape falls short of with a probability of 0.001.

    The series of Fisher and Cornish (1960, Technometrics 2:209); from a shape of 1,000 on it is
    within 1e-9 of the point. The greatest mean for which k is enough is the point of shape k + 1.
    """
    z, root = -_QUANTILE, np.sqrt(shape)
    point: Floats = (
        shape
        + z * root
        + (z**2 - 1) / 3
        + (z**3 - 7 * z) / (36 * root)
        - (3 * z**4 + 7 * z**2 - 16) / (810 * shape)
        + (9 * z**5 + 256 * z**3 - 433 * z) / (38_880 * shape * root)
        + (12 * z**6 - 243 * z**4 - 923 * z**2 + 1472) / (204_120 * shape**2)
    )
    return point
