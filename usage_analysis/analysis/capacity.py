"""How many calls at once: Erlang's loss formula, its inverses, and the hours near a limit."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from usage_analysis.analysis.profiles import traffic_intensity
from usage_analysis.analysis.words import sentences, several
from usage_analysis.errors import QueryError
from usage_analysis.tidy.frames import group_column, require, same_source
from usage_analysis.tidy.slots import check_rows
from usage_analysis.tidy.zones import zone_of

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_BEYOND = 0.001
# What a line group is mostly made for.
_FEW_LOST = 0.01
_STEPS = 200


def erlang_b(traffic: ArrayLike, channels: ArrayLike) -> Any:
    """Probability that a call finds all channels busy and is lost.

    Erlang 1917, for calls that come at random and do not try again: ``B(A, n) = (A^n / n!) / Σ_k
    A^k / k!``, by the recursion ``B(A, 0) = 1; B(A, k) = A·B(A, k-1) / (k + A·B(A, k-1))``, which
    neither overflows nor cancels.

    Parameters
    ----------
    traffic
        Offered traffic [erlangs], 0 or more; infinite traffic is always blocked.
    channels
        Calls that can be held at once, whole numbers.

    Returns
    -------
    float or ndarray
        Probability, of the arguments' common shape.

    Raises
    ------
    QueryError
        Negative or missing traffic, or channels that are not whole numbers.

    Examples
    --------
    >>> erlang_b(1.0, [1, 2]).round(9).tolist()
    [0.5, 0.2]
    """
    load, lines = np.broadcast_arrays(_traffic(traffic), _channels(channels))
    return _plain(_blocking(np.ravel(load), np.ravel(lines)).reshape(load.shape))


def channels_for(traffic: ArrayLike, blocking: ArrayLike) -> Any:
    """Fewest channels that lose at most a share of the calls.

    The smallest n with ``erlang_b(traffic, n) <= blocking``.

    Parameters
    ----------
    traffic
        Offered traffic [erlangs], finite.
    blocking
        Share of calls that may be lost, between 0 and 1.

    Returns
    -------
    int or ndarray
        Channels, of the arguments' common shape.

    Raises
    ------
    QueryError
        Negative or infinite traffic, or a blocking that is not between 0 and 1.

    Examples
    --------
    >>> channels_for(8.108, 0.01)
    15
    """
    load, most = np.broadcast_arrays(_traffic(traffic), _blocking_target(blocking))
    if np.isinf(load).any():
        raise QueryError("traffic: expected finite erlangs, got infinity")
    flat, wanted = np.ravel(load), np.ravel(most)
    lines = np.zeros(flat.size, dtype=np.int64)
    lost, open_ = np.ones(flat.size), np.arange(flat.size)
    number = 0
    while len(open_):
        number += 1
        reached = flat[open_] * lost[open_]
        lost[open_] = reached / (number + reached)
        lines[open_] = number
        open_ = open_[lost[open_] > wanted[open_]]
    return _plain(lines.reshape(load.shape))


def traffic_for(channels: ArrayLike, blocking: ArrayLike) -> Any:
    """Offered traffic at which channels lose a given share of the calls [erlangs].

    The A with ``erlang_b(A, channels) = blocking``, by halving.

    Parameters
    ----------
    channels
        Calls that can be held at once, whole numbers, 1 or more.
    blocking
        Share of calls that is lost, between 0 and 1.

    Returns
    -------
    float or ndarray
        Erlangs, of the arguments' common shape.

    Raises
    ------
    QueryError
        Channels that are not whole numbers of 1 or more, or a blocking not between 0 and 1.

    Examples
    --------
    >>> round(traffic_for(15, 0.01), 3)
    8.108
    """
    lines, lost = np.broadcast_arrays(_channels(channels, least=1), _blocking_target(blocking))
    n, wanted = np.ravel(lines), np.ravel(lost)
    # What is carried, A(1 - B), is less than n.
    low, high = np.zeros(n.size), n / (1 - wanted)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        below = _blocking(middle, n) < wanted
        low, high = np.where(below, middle, low), np.where(below, high, middle)
        if np.all(high - low <= 4 * np.spacing(high)):
            break
    return _plain(((low + high) / 2).reshape(lines.shape))


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
        Calls that may be held at once; 5 on a pay-as-you-go account.

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
    offered, demand = _offered(carried, int(limit)), np.full(len(carried), np.inf)
    saturated = carried >= limit
    demand[~saturated] = _poisson_bound(offered[~saturated])
    columns = {
        "carried": carried,
        "offered": offered,
        "blocking": _blocking(offered, np.full(len(carried), limit)),
        "demand": demand,
        "saturated": saturated,
        "at_risk": demand > limit,
    }
    out = pd.DataFrame(columns, index=hourly.index)
    if group is not None:
        out.insert(0, group, hourly[group])
    return same_source(out, hourly)


def describe_capacity(hourly: pd.DataFrame, *, limit: int) -> str | pd.DataFrame:
    """One sentence on the hours at risk of refused calls, and on the busiest of them.

    Provisional hours, whose talk may still grow, are left out and counted. What the busiest hour
    refused is Erlang's formula turned round, as `capacity` has it, not a count: refused calls are
    counted nowhere.

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
    require("describe_capacity", hourly, "duration", "provisional")
    check_rows("describe_capacity", hourly, "hour")
    waiting = hourly["provisional"].to_numpy(dtype=bool)
    found = capacity(hourly, limit=limit)

    def tell(rows: pd.DataFrame) -> str:
        late = rows["provisional"].to_numpy()
        return f"calls at once: {risk_in_words(rows[~late], limit, left_out=late.sum())}"

    # What stands first shows whether there are groups.
    found.insert(int(group_column(hourly) is not None), "provisional", waiting)
    return sentences(found, tell)


def risk_in_words(found: pd.DataFrame, limit: int, *, left_out: int = 0) -> str:
    """What `capacity` found for hours of one series, in words."""
    hours, zone = len(found), zone_of(found)
    waiting = f", {left_out:,} provisional left out" if left_out else ""
    if hours == 0:
        return f"0 finished hours, so nothing to hold against a limit of {limit} ({zone}{waiting})"
    risk, full = int(found["at_risk"].sum()), int(found["saturated"].sum())
    saturated = f", {full:,} of them saturated" if full else ""
    head = (
        f"{risk:,} of {several(hours, 'hour')} at risk of refusals at a limit of {limit}"
        f"{saturated} ({zone}{waiting})"
    )
    carried = found["carried"].to_numpy()
    place = int(carried.argmax())
    if not carried[place] > 0:
        return f"{head}; no talk in any of them"
    busiest = f"the busiest, {found.index[place]:%Y-%m-%d %H:%M}, carried {carried[place]:,.1f}"
    if full:
        return f"{head}; {busiest} erlangs: how many calls it refused cannot be told"
    top = found.iloc[place]
    lines = channels_for(float(top["offered"]), _FEW_LOST)
    refused = 100 * float(top["blocking"])
    enough = f"; for 1 % it takes {lines} lines" if lines > limit else ""
    share = f"{refused:.{refused < 10:d}f} %" if refused >= 0.05 else "less than 0.1 %"
    return f"{head}; {busiest} erlangs, at which Erlang B has {share} of the calls refused{enough}"


def _traffic(traffic: ArrayLike) -> Floats:
    try:
        values = np.asarray(traffic, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.array(np.nan)
    if not np.all(values >= 0):
        raise QueryError(f"traffic: expected erlangs, 0 or more, got {_shown(traffic)}")
    return values


def _channels(channels: ArrayLike, least: int = 0) -> Integers:
    values = np.asarray(channels)
    if values.dtype.kind not in "iu" or not np.all(values >= least):
        raise QueryError(
            f"channels: expected whole numbers, {least} or more, got {_shown(channels)}"
        )
    return values.astype(np.int64)


def _blocking_target(blocking: ArrayLike) -> Floats:
    try:
        values = np.asarray(blocking, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.array(np.nan)
    if not np.all((values > 0) & (values < 1)):
        raise QueryError(
            f"blocking: expected a share between 0 and 1 such as 0.01, got {_shown(blocking)}"
        )
    return values


def _shown(value: object) -> str:
    return repr(value)[:80]


def _plain(values: NDArray[Any]) -> Any:
    return values.item() if values.ndim == 0 else values


def _blocking(load: Floats, lines: NDArray[Any]) -> Floats:
    """Erlang's recursion for arrays of one length, up to each one's own number of channels."""
    lost = np.ones(load.size)
    finite = np.flatnonzero(np.isfinite(load))
    order = finite[np.argsort(-lines[finite], kind="stable")]
    reach = -lines[order]
    for number in range(1, int(-reach[0]) + 1 if len(order) else 1):
        going = order[: int(np.searchsorted(reach, -number, side="right"))]
        reached = load[going] * lost[going]
        lost[going] = reached / (number + reached)
    return lost


def _offered(carried: Floats, limit: int) -> Floats:
    """Offered traffic by Newton's method from below: what is carried is concave in it."""
    offered = np.where(carried < limit, carried, np.inf)
    open_ = np.flatnonzero((carried > 0) & (carried < limit))
    for _ in range(_STEPS):
        if len(open_) == 0:
            break
        load = offered[open_]
        lost = _blocking(load, np.full(len(open_), limit))
        slope = 1 - lost - lost * (limit - load + load * lost)
        step = (carried[open_] - load * (1 - lost)) / slope
        offered[open_] = np.maximum(load, load + step)
        open_ = open_[step > 4e-16 * load]
    return offered


def _poisson_bound(mean: Floats) -> Floats:
    """Smallest k that a Poisson variable of each mean exceeds with a probability of 0.001 at most.

    Found from the other side: the greatest mean for which each k is enough, by Newton's method on
    the tail, whose slope is the probability of k itself.
    """
    if len(mean) == 0:
        return np.zeros(0)
    quantile = NormalDist().inv_cdf(1 - _BEYOND)
    top = float(mean.max())
    k = np.arange(int(top + (quantile + 1) * np.sqrt(top)) + 12)
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1.0, len(k) + 1)))])
    # Wilson and Hilferty's cube gives a start, and the slope's sign keeps Newton's steps inside.
    cube = 1 - 1 / (9 * (k + 1)) - quantile / (3 * np.sqrt(k + 1))
    most = (k + 1) * np.maximum(cube, 0.1) ** 3
    for _ in range(_STEPS):
        slope = np.exp(k * np.log(most) - most - log_factorial[k])
        step = (_BEYOND - _poisson_tail(k, most, slope)) / slope
        most = np.clip(most + step, most / 2, most * 2)
        if np.all(np.abs(step) <= 1e-10 * most):
            break
    return np.searchsorted(most, mean).astype(np.float64)


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
