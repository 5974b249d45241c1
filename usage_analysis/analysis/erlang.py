"""Erlang's loss formula and its inverses."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from usage_analysis.analysis.arrays import Floats, Integers, Values
from usage_analysis.errors import QueryError

_STEPS = 200


def erlang_b(traffic: ArrayLike, channels: ArrayLike) -> Any:
    """Return the probability that a call finds all channels busy and is lost.

    This is Erlang's loss formula B(A, n) of 1917, for calls that arrive at random and are not
    repeated. It is computed by the recursion ``B(A, 0) = 1; B(A, k) = A·B(A, k-1) / (k + A·B(A,
    k-1))``, which neither overflows nor cancels.

    Parameters
    ----------
    traffic
        Offered traffic A [erlangs], 0 or more: a number or an array. Infinite traffic is always
        blocked.
    channels
        Maximum number of concurrent calls n: a whole number or an array of them.

    Returns
    -------
    float or ndarray
        Probability; for arrays one per pair of traffic and channels, by NumPy's broadcasting.

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
    return _plain(blocking_of(np.ravel(load), np.ravel(lines)).reshape(load.shape))


def channels_for(traffic: ArrayLike, blocking: ArrayLike) -> Any:
    """Return the smallest number of channels that loses at most a share of the calls.

    The smallest n with ``erlang_b(traffic, n) <= blocking`` (Erlang 1917), by the same recursion.
    Sums show carried traffic. Offered traffic is higher if calls are refused (see `capacity`).

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
    # What is carried, A(1 - B), needs as many channels.
    lines = _start(flat, np.floor(flat * (1 - wanted)).astype(np.int64))
    lost, open_ = np.ones(flat.size), np.arange(flat.size)
    while len(open_):
        lines[open_] += 1
        reached = flat[open_] * lost[open_]
        lost[open_] = reached / (lines[open_] + reached)
        open_ = open_[lost[open_] > wanted[open_]]
    return _plain(lines.reshape(load.shape))


def traffic_for(channels: ArrayLike, blocking: ArrayLike) -> Any:
    """Return the offered traffic at which channels lose a given share of the calls [erlangs].

    The A with ``erlang_b(A, channels) = blocking`` (Erlang 1917), by bisection.

    Parameters
    ----------
    channels
        Maximum number of concurrent calls, whole numbers, 1 or more.
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
        below = blocking_of(middle, n) < wanted
        low, high = np.where(below, middle, low), np.where(below, high, middle)
        if np.all(high - low <= 4 * np.spacing(high)):
            break
    return _plain(((low + high) / 2).reshape(lines.shape))


def _numbers(given: ArrayLike) -> Floats:
    """Return values as numbers, NaN for anything else."""
    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        return np.array(np.nan)


def _traffic(traffic: ArrayLike) -> Floats:
    values = _numbers(traffic)
    if not np.all(values >= 0):
        raise _refusal("traffic", "erlangs, 0 or more", traffic)
    return values


def _channels(channels: ArrayLike, least: int = 0) -> Integers:
    values = np.asarray(channels)
    if (values.size and values.dtype.kind not in "iu") or not np.all(values >= least):
        raise _refusal("channels", f"whole numbers, {least} or more", channels)
    return values.astype(np.int64)


def _blocking_target(blocking: ArrayLike) -> Floats:
    values = _numbers(blocking)
    if not np.all((values > 0) & (values < 1)):
        raise _refusal("blocking", "a share from 0 to 1 such as 0.01", blocking)
    return values


def _refusal(name: str, expected: str, value: object) -> QueryError:
    return QueryError(f"{name}: expected {expected}, got {repr(value)[:80]}")


def _plain(values: Values) -> Any:
    return values.item() if values.ndim == 0 else values


def blocking_of(load: Floats, lines: Integers) -> Floats:
    """Run Erlang's recursion for arrays of one length, up to the channels of each element."""
    lost = np.ones(load.size)
    finite = np.flatnonzero(np.isfinite(load))
    start = _start(load[finite], lines[finite])
    steps = lines[finite] - start
    order = np.argsort(-steps, kind="stable")
    reach = -steps[order]
    offered, number = load[finite][order], start[order].astype(np.float64)
    found = np.ones(len(order))
    for step in range(1, int(-reach[0]) + 1 if len(order) else 1):
        going = slice(int(np.searchsorted(reach, -step, side="right")))
        number[going] += 1
        reached = offered[going] * found[going]
        found[going] = reached / (number[going] + reached)
        # Less than the least number that there is stays nothing.
        if step % 256 == 0 and not found[going].any():
            break
    lost[finite[order]] = found
    return lost


def _start(load: Floats, lines: Integers) -> Integers:
    """Return the number of channels at which the recursion may begin with 1.

    A step multiplies the relative error of 1/B by ``1 - B(A, k)``, which is at most k/A, because
    carried traffic is less than k. An error has shrunk below the last bit once the logarithms of
    A/k add up to 40. These are the steps from here to the number of channels, or of erlangs if that
    is smaller.
    """
    below = np.minimum(lines, load)
    room, spare = load - below, 80 * (load + 1)
    back = spare / (room + np.hypot(np.sqrt(spare), room))
    return np.maximum(below - back - 1, 0).astype(np.int64)


def offered_for(carried: Floats, limit: int) -> Floats:
    """Return offered traffic by Newton's method from below; carried traffic is concave in it."""
    offered = np.where(carried < limit, carried, np.inf)
    open_ = np.flatnonzero((carried > 0) & (carried < limit))
    for _ in range(_STEPS):
        if len(open_) == 0:
            break
        load = offered[open_]
        lost = blocking_of(load, np.full(len(open_), limit))
        slope = 1 - lost - lost * (limit - load + load * lost)
        step = (carried[open_] - load * (1 - lost)) / slope
        offered[open_] = np.maximum(load, load + step)
        open_ = open_[step > 4e-16 * load]
    return offered
