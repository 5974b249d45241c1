"""What the calls cost, exactly, and what is billed for a minute of talk."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.analysis.intervals import AT_ONCE
from usage_analysis.errors import QueryError
from usage_analysis.tidy.frames import require, same_source
from usage_analysis.tidy.slots import Sums, groups_of, sums

Integers = NDArray[np.int64]

RATE = Decimal("0.05")
"""The vendor's default price of a billed minute [USD]."""

MICRO = 1_000_000
_CENT = Decimal("0.01")
_STEP = 6
"""Each call is rounded up to so many seconds before it is billed."""


def cost(frame: pd.DataFrame, rate: Decimal | str | float = RATE) -> Decimal | pd.DataFrame:
    """Estimate of what the calls cost, call minutes only [USD].

    ``sum(billed_minutes) * rate``, by the vendor's price list: USD 0.05 a minute, each call rounded
    up to 6 s before it is summed. So nothing is rounded here but the amount shown, once, half to
    even, to the cent. Sums do not say which calls were free. The rounded rows of a
    breakdown therefore need not add to the rounded total. SIP minutes, tokens and external voices
    are billed elsewhere, and billed minutes of the last hours (`provisional`, kept in this total)
    can still grow.

    Parameters
    ----------
    frame
        Canonical frame, hourly or daily, with or without a group column.
    rate
        Price of a billed minute [USD], as a Decimal or text; a float is taken as it prints.

    Returns
    -------
    Decimal or DataFrame
        The amount; for a breakdown `billed_minutes` [min] and `cost`, one row a group.

    Raises
    ------
    QueryError
        No `billed_minutes`, or a rate that is no number or negative.

    Examples
    --------
    >>> import pandas as pd
    >>> cost(pd.DataFrame({"billed_minutes": [0.0, 0.1, 0.2, 0.7, 1.0]}))
    Decimal('0.10')
    """
    price = price_of(rate)
    require("cost", frame, "billed_minutes")
    code, groups = groups_of(frame)
    count = 1 if groups is None else len(groups)
    billed = sums(micro_minutes(frame), code, count)
    amounts = [amount_of(int(micro), price) for micro in billed]
    if groups is None:
        return amounts[0]
    costs = pd.DataFrame({"billed_minutes": billed / MICRO, "cost": amounts}, index=groups)
    return same_source(costs, frame)


def price_of(rate: object) -> Decimal:
    """Price of a billed minute [USD], checked.

    Raises
    ------
    QueryError
        It is no number, or negative.
    """
    try:
        price = Decimal(str(rate)) if not isinstance(rate, bool) else Decimal("NaN")
    except InvalidOperation:
        price = Decimal("NaN")
    if not price.is_finite() or price < 0:
        raise QueryError(f'rate: expected USD a minute such as "0.05", got {rate!r}')
    return price


def amount_of(micro: int, price: Decimal) -> Decimal:
    """What millionths of a billed minute cost, rounded once, to the cent."""
    exact = Decimal(micro) * price / MICRO
    return exact.quantize(_CENT, rounding=ROUND_HALF_EVEN)


def micro_minutes(frame: pd.DataFrame) -> Integers:
    """Billed minutes of each row in integer millionths, whose sums are exact."""
    minutes = frame["billed_minutes"].to_numpy()
    whole = np.empty(len(minutes), dtype=np.int64)
    for start in range(0, len(minutes), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        micro = minutes[part] * MICRO
        whole[part] = np.rint(micro, out=micro)
    return whole


def overhead_micros(frame: pd.DataFrame) -> Integers:
    """Billed time less talk of each row [us]."""
    talk = frame["duration"].to_numpy().astype("m8[us]", copy=False).view(np.int64)
    excess = micro_minutes(frame)
    excess *= 60
    excess -= talk
    return excess


def billing_overhead(
    frame: pd.DataFrame, *, rate: Decimal | str | float = RATE
) -> pd.Series | pd.DataFrame:
    """Billed minutes for a minute of talk, and what a minute of talk costs.

    The overhead is ``60·billed / duration``. By the vendor's price list each call is rounded up to
    6 s, from which follows that ``60·billed - duration`` is at most 6 s a joined call; more
    is a failure (`within_bound` False). A negative value is unbilled talk: free or error calls, or
    ones not yet billed. Provisional buckets are left out, for billing comes after the call. Sums
    cannot tell rounding and unbilled talk apart where both are there: the overhead is their net.

    Parameters
    ----------
    frame
        Canonical frame, hourly or daily, with or without a group column.
    rate
        Price of a billed minute [USD].

    Returns
    -------
    Series or DataFrame
        `billed_minutes` and `talk_minutes` [min]; `overhead`, their ratio (NaN without talk);
        `talk_rate`, the price of a talk minute [USD]; `excess`, billed less talk, and `bound`, 6 s
        a joined call (timedeltas); `unbilled_talk`, the negative excess (0 where there is none);
        `within_bound`; `left_out`, how many provisional buckets. A row a group for a breakdown.

    Raises
    ------
    QueryError
        A column is missing, or a rate that is no number or negative.

    Examples
    --------
    >>> import pandas as pd
    >>> daily = pd.DataFrame({"joined_count": [2], "duration": pd.to_timedelta(["72s"]),
    ...                       "billed_minutes": [1.4], "provisional": False})
    >>> billing_overhead(daily)[["talk_minutes", "excess", "bound", "within_bound"]].tolist()
    [1.2, Timedelta('0 days 00:00:12'), Timedelta('0 days 00:00:12'), True]
    """
    price = price_of(rate)
    columns = ("joined_count", "duration", "billed_minutes", "provisional")
    require("billing_overhead", frame, *columns)
    code, groups = groups_of(frame)
    count = 1 if groups is None else len(groups)
    waiting = frame["provisional"].to_numpy(dtype=bool)
    some = bool(waiting.any())
    kept, code_kept = (frame[~waiting], code[~waiting]) if some else (frame, code)
    added = Sums(code_kept, count)
    billed = added.of(micro_minutes(kept))
    talk = added.of(kept["duration"].to_numpy().astype("m8[us]", copy=False).view(np.int64))
    excess = billed * 60 - talk
    bound = within_six(added.of(kept["joined_count"].to_numpy()))
    overhead = np.full(count, np.nan)
    np.divide(billed * 60, talk, out=overhead, where=talk > 0)
    out = pd.DataFrame(
        {
            "billed_minutes": billed / MICRO,
            "talk_minutes": talk / (60 * MICRO),
            "overhead": overhead,
            "talk_rate": overhead * float(price),
            "excess": excess.view("m8[us]"),
            "bound": bound.view("m8[us]"),
            "unbilled_talk": np.maximum(-excess, 0).view("m8[us]"),
            "within_bound": excess <= bound,
            "left_out": np.bincount(code[waiting], minlength=count),
        },
        index=groups,
    )
    if groups is not None:
        return same_source(out, frame)
    whole = pd.Series({name: out[name].tolist()[0] for name in out}, name="billing_overhead")
    return same_source(whole, frame)


def within_six(joined: NDArray[np.generic]) -> Integers:
    """The most that rounding up to 6 s can add to joined calls [us]."""
    if joined.dtype.kind in "iu":
        exact: Integers = joined.astype(np.int64, copy=False) * (_STEP * MICRO)
        return exact
    return np.rint(joined.astype(np.float64) * (_STEP * MICRO)).astype(np.int64)
