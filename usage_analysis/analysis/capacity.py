"""Concurrent calls: carried and offered traffic, and the share of calls that a limit refuses."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy

from usage_analysis.analysis import arrays
from usage_analysis.analysis.arrays import Booleans, Floats, Integers, Places, Values
from usage_analysis.analysis.busiest import dispersion, expected_week
from usage_analysis.analysis.erlang import blocking_of, offered_for
from usage_analysis.analysis.intervals import check_share
from usage_analysis.analysis.meaning import Meaning, with_meaning
from usage_analysis.analysis.profiles import percentiles
from usage_analysis.filters import check_whole_number
from usage_analysis.tidy.frame_check import check_frame, check_gaps
from usage_analysis.tidy.grouping import Rows, covered_lengths, rows_of
from usage_analysis.tidy.zones import HOUR, in_order

_DEMAND = 0.999
# Standard deviations beyond which a call is overlong, an hour unusual, and a limit contradicted.
_FAR = 4
_ROUNDS = 2
_FEW_CALLS = 5
_SCALE = 1.4826  # median absolute deviation to standard deviation, of normal numbers
_LAGS = 48
_SMALL = 1e-3
# Share of an hour's error that does not cancel between its two ends; found by simulation.
_UNKNOWN = 0.75
# Share of the limit above which an hour seems full.
_FULL = 0.9
_LONG_HOURS, _HOURS_PER_OVERLONG = 3, 300


def capacity(
    hourly: pd.DataFrame, *, limit: int | None = None, blocking: float = 0.01
) -> pd.DataFrame:
    """Return the concurrent calls of each hour, and the share that a limit would have refused.

    Refused calls appear in no count, so the data show carried traffic. Talk is booked in the hour
    in which its call started. `carried` spreads it over the hours that it lasted, as if call
    lengths were exponential with the mean of their group. Where an hour has far more talk than its
    calls explain (4 standard deviations), the excess is taken for one overlong call and spread at
    one erlang. If such hours are common, an excess of one standard deviation is spread so.

    One hour is too noisy to show demand. Demand is therefore the mean of the same weekday and hour
    of all weeks, `usual` (ITU-T E.500, E.520), shrunk as in `load_profile`. The offered traffic A
    solves ``A·(1 - B(A, limit)) = usual`` (Erlang 1917). Calls that arrive at this rate are refused
    while every line is busy, and how often that is follows from what the hour itself carried.

    The fullest hours are full partly by chance. With a limit, traffic above nine tenths of the
    limit is therefore shrunk towards `usual`, the more so the less the spreading of talk is known.
    Without this, calls of 600 s whose lengths vary widely made hours seem full in 8 to 75 % of
    simulated months. `blocking` stays rough for such calls: 0.8 to 1.9 times the true share in the
    busiest hour, on average (lognormal lengths of shape 1.2).

    A mean above the limit contradicts the limit. `over_limit` marks such hours. Their `carried` is
    not shrunk, their `offered` is the carried traffic, and their `blocking` is the share that such
    a limit would refuse.

    Parameters
    ----------
    hourly
        Canonical hourly frame, with or without a group column. A limit belongs to an account, so a
        breakdown shows what each group would meet if it had the limit to itself. Hours that a zone
        off the hour divides are too smooth: pass whole UTC hours for Kolkata.
    limit
        Maximum number of concurrent calls when these calls were made; 5 on a pay-as-you-go account.
        Without a limit only the first columns are returned.
    blocking
        Share of refused calls from which an hour is at risk.

    Returns
    -------
    DataFrame
        One row per hour: `provisional`; `carried` [erlangs]; `usual`, the expected carried traffic
        of its hour of the week [erlangs]; `overlong`, whether the hour holds an overlong call;
        `calls`. With a limit also `offered` [erlangs]; `blocking`, the share of calls refused;
        `demand`, the number of concurrent calls that `offered` exceeds 0.1 % of the time without a
        limit (99.9 % point of a Poisson distribution: M/G/∞); `at_risk`, whether the share refused
        is at least `blocking`; `over_limit`.

    Raises
    ------
    QueryError
        The limit is not a whole number of 1 or more, `blocking` is not between 0 and 1, the rows
        are longer than hours, or a column is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-02 09:00", periods=3, freq="h", tz="UTC", name="time")
    >>> talk = pd.to_timedelta(["30min", "4h", "1h"])
    >>> hourly = pd.DataFrame(
    ...     {"total_count": [10, 80, 20], "duration": talk, "provisional": False}, index=time)
    >>> capacity(hourly, limit=5)[["carried", "blocking", "at_risk"]].round(3)
                               carried  blocking  at_risk
    time
    2026-03-02 09:00:00+00:00    0.475     0.000    False
    2026-03-02 10:00:00+00:00    3.825     0.356     True
    2026-03-02 11:00:00+00:00    1.150     0.005    False
    """
    if limit is not None:
        check_whole_number("limit", limit)
    check_share("blocking", blocking, 0.01)
    check_frame("capacity", hourly, "duration", "total_count", "provisional", rows="hour")
    check_gaps("capacity", hourly)
    rows = rows_of(hourly)
    held = _spread_talk(hourly, rows)
    final = ~hourly["provisional"].to_numpy(dtype=bool)
    slot = rows.code * 168 + rows.slots("hour_of_week")[rows.place]
    usual, noise = _usual(held, slot, final, rows.count)
    columns = {
        "provisional": ~final,
        "carried": held.traffic,
        "usual": usual,
        "overlong": held.overlong,
        "calls": hourly["total_count"].to_numpy(copy=True),
    }
    if limit is not None:
        columns |= _against(held, usual, noise, rows, int(limit), blocking)
    meaning = Meaning(
        made_by="capacity",
        measure="traffic",
        limit=None if limit is None else int(limit),
        blocking=None if limit is None else float(blocking),
        method="Erlang B of the hour of the week (Erlang 1917; ITU-T E.500, E.520)",
    )
    return with_meaning(arrays.beside_groups(hourly, columns), meaning, hourly)


class _Talk(NamedTuple):
    """Talk by the hours in which it took place."""

    #: Carried traffic of each row [erlangs].
    traffic: Floats
    #: Standard deviation of what spreading talk leaves unknown [erlangs].
    error: Floats
    overlong: Booleans
    #: Mean call length of each group [h].
    length: Floats


def _spread_talk(hourly: pd.DataFrame, rows: Rows) -> _Talk:
    """Spread the talk of each row over the hours that it lasted."""
    counts = "joined_count" if "joined_count" in hourly else "total_count"
    calls = hourly[counts].to_numpy(dtype=np.float64)
    talk, code = arrays.exact(hourly, "duration") / HOUR, rows.code
    times = rows.times[rows.place]
    length, spread, overlong = call_lengths(talk, calls, code, rows.count)
    excess = talk - calls * length[code]
    # Where overlong hours are common, lengths vary so much that any talk far above the usual is
    # mostly that of one long call, of which other hours hold a part.
    count, hours = (np.bincount(part, minlength=rows.count) for part in (code[overlong], code))
    far = np.where(many_overlong(count, hours), spread, np.inf)[code]
    excess[(excess <= far * np.sqrt(np.maximum(calls, 1))) & ~overlong] = 0.0
    key = code * len(rows.times) + rows.place
    order = slice(None) if in_order(key) else np.argsort(key, kind="stable")
    mean, regular, extra = length[code][order], (talk - excess)[order], excess[order]
    breaks = (np.diff(code[order]) != 0) | (np.diff(times[order]) != HOUR)
    run = np.append(0, np.cumsum(breaks))[: len(talk)]
    held = _spread(regular, mean, run) + _one_call(extra, run)
    traffic = np.empty(len(talk))
    traffic[order] = held
    traffic /= covered_lengths(hourly) / HOUR
    # Residual lengths of the calls held at either end of an hour: E[L²]/2E[L] in the mean.
    residual = (length + spread**2 / np.maximum(length, 1e-12)) / 2
    error = np.sqrt(4 * traffic * (length * residual)[code])
    return _Talk(traffic, error, overlong, length)


def many_overlong(count: Any, hours: Any) -> Any:
    """Return whether overlong hours are too frequent for exponential call lengths.

    Exponential lengths have about one overlong hour in four weeks, found by simulation.
    """
    return (count >= _LONG_HOURS) & (count * _HOURS_PER_OVERLONG >= hours)


def call_lengths(
    talk: Floats, calls: Floats, code: Places, groups: int
) -> tuple[Floats, Floats, Booleans]:
    """Return mean and standard deviation of call lengths in each group [h], and overlong hours.

    The standard deviation comes from the scatter of hours, by the median absolute deviation, which
    a stuck call does not move. It is at least the mean, because the two are equal for exponential
    lengths.
    """
    overlong = np.zeros(len(talk), dtype=np.bool_)
    enough, root = calls >= _FEW_CALLS, np.sqrt(calls)
    n = np.bincount(code[enough], minlength=groups)
    for _ in range(_ROUNDS):
        usual = ~overlong
        total = np.bincount(code[usual], talk[usual], minlength=groups)
        count = np.bincount(code[usual], calls[usual], minlength=groups)
        mean = total / np.maximum(count, 1)
        apart = talk - calls * mean[code]
        scatter = np.abs(apart[enough]) / root[enough]
        # One series needs no sorting by group, which takes ten times as long.
        alone = groups == 1 and len(scatter) > 0
        middle = np.median(scatter) if alone else percentiles(scatter, code[enough], n, (50,))[0]
        median = np.nan_to_num(np.atleast_1d(middle))
        spread = np.maximum(_SCALE * median, mean)
        overlong = apart > _FAR * spread[code] * root + 1e-9
    return mean, spread, overlong


def _spread(talk: Floats, mean: Floats, run: Places) -> Floats:
    """Spread talk over the hours, for exponential lengths and evenly spread starts.

    `run` numbers the stretches of consecutive hours. Talk that ends outside its stretch is dropped,
    because the frame does not have that hour.
    """
    length = np.maximum(mean, 1e-9)
    ended = -np.expm1(-1 / length)
    out: Floats = talk * (1 - length * ended)
    for lag in range(1, _LAGS + 1):
        weight = length * ended**2 * np.exp(-(lag - 1) / length)
        if lag >= len(talk) or weight.max(initial=0.0) < _SMALL:
            break
        later = np.where(run[lag:] == run[:-lag], (talk * weight)[:-lag], 0.0)
        out[lag:] += later
    return out


def _one_call(excess: Floats, run: Places) -> Floats:
    """Spread excess talk as one call that starts in the middle of its hour."""
    (start,) = np.nonzero(excess)
    own = np.minimum(excess, 0.5)
    if len(start) == 0:
        return own
    end = np.searchsorted(run, run[start], side="right")
    left = excess[start] - own[start]
    whole = np.floor(left).astype(np.int64)
    size, last = len(run) + 1, start + 1 + whole
    begun, ended = (np.bincount(at, minlength=size) for at in (start + 1, np.minimum(last, end)))
    rest = np.bincount(np.where(last < end, last, len(run)), left - whole, minlength=size)
    return own + np.cumsum(begun - ended)[:-1] + rest[:-1]


def _usual(held: _Talk, slot: Integers, final: Booleans, groups: int) -> tuple[Floats, Floats]:
    """Expected carried traffic of each row's hour of the week, and the noise of a single hour."""
    size = 168 * groups
    n = np.bincount(slot[final], minlength=size).reshape(-1, 168)
    if n.size == 0:
        return held.traffic, held.traffic
    carried = held.traffic[final]
    total = np.bincount(slot[final], carried, minlength=size).reshape(-1, 168)
    squares = np.bincount(slot[final], carried**2, minlength=size).reshape(-1, 168)
    mean = total / np.maximum(n, 1)
    # The mean occupancy of an hour varies by 2·A·length where calls come at random (M/M/∞).
    scatter = dispersion(mean, squares, n, otherwise=2 * held.length)
    expected, _ = expected_week(mean, n, scatter)
    known = (n > 0).ravel()[slot]
    noise = np.sqrt(np.maximum(scatter, 2 * held.length[:, None]) * expected).ravel()[slot]
    return np.where(known, expected.ravel()[slot], held.traffic), np.where(known, noise, np.inf)


def _against(
    held: _Talk, usual: Floats, noise: Floats, rows: Rows, limit: int, blocking: float
) -> dict[str, Values]:
    """Return the columns of `capacity` that need a limit."""
    carried, code = held.traffic, rows.code
    over = (carried - _FAR * held.error > limit) | (usual >= limit)
    doubted = (np.bincount(code[over], minlength=rows.count) > 0)[code]
    # An hour far above its usual traffic tells of a demand of its own.
    lasting = np.where(carried > usual + _FAR * noise, np.minimum(carried, 0.99 * limit), usual)
    offered = np.where(doubted, lasting, 0.0)
    # Many rows share one hour of the week, which is solved once.
    values, place = np.unique(lasting[~doubted], return_inverse=True)
    offered[~doubted] = offered_for(values, limit)[place]
    lines = np.full(len(carried), limit)
    # Of the fullest of many hours a part is noise, so what is unknown of an hour is drawn to the
    # usual (best linear prediction).
    unknown = arrays.ratio(held.error, noise) ** 2
    drawn = carried - np.minimum(_UNKNOWN * unknown, 1) * (carried - usual)
    busy = np.where(doubted, 0.0, blocking_of(offered_for(drawn, limit), lines))
    refused = offered * busy
    share = arrays.ratio(refused, refused + carried)
    share[doubted] = blocking_of(offered[doubted], lines[doubted])
    return {
        "carried": np.where(doubted, carried, np.fmin(carried, np.fmax(drawn, _FULL * limit))),
        "offered": offered,
        "blocking": share,
        "demand": _demand(offered),
        "at_risk": share >= blocking,
        "over_limit": over,
    }


def _demand(offered: Floats) -> Floats:
    """Number of calls that a Poisson variable of each mean exceeds with a probability of 0.1 %."""
    values, place = np.unique(offered, return_inverse=True)
    found = np.ceil(scipy.special.pdtrik(_DEMAND, values))
    # The continuous inverse may end a last bit above the whole number.
    lower = np.maximum(found - 1, 0)
    found = np.where(scipy.special.pdtr(lower, values) >= _DEMAND, lower, found)
    return np.where(values > 0, found, 0.0)[place]
