"""Cost of the calls, exact to the cent, and billed minutes per minute of talk."""

from contextlib import suppress
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation

import numpy as np
import pandas as pd

from usage_analysis.analysis.arrays import Floats, Integers, Values, exact
from usage_analysis.analysis.intervals import share
from usage_analysis.analysis.meaning import Meaning, with_meaning
from usage_analysis.errors import QueryError
from usage_analysis.tidy.frame_check import check_frame
from usage_analysis.tidy.grouping import Sums, groups_of

#: The vendor's default price per billed minute [USD].
PRICE = Decimal("0.05")

MICRO = 1_000_000
#: Forms in which a price is given.
Price = Decimal | str | float
_CENT = Decimal("0.01")
# The caller's own context may round, or trap what is exact here.
_EXACT = Context(prec=1000, rounding=ROUND_HALF_EVEN)
#: The vendor rounds each call up to a multiple of this before it is billed [s].
_STEP = 6

_OVERHEAD = Meaning(
    made_by="billing_overhead",
    measure="billed_minutes",
    method="60·billed_minutes / duration; rounding adds at most 6 s per joined call",
)


def cost(frame: pd.DataFrame, price: Price = PRICE) -> Decimal | pd.DataFrame:
    """Estimate the cost of the call minutes [USD].

    The cost is ``sum(billed_minutes) * price``. The vendor rounds each call up to 6 s before it is
    summed, so the sum itself is exact. Each amount is rounded once, half to even, to the cent. The
    rounded rows of a breakdown therefore need not add up to the rounded total.

    The estimate covers call minutes only: SIP minutes, tokens and external voices are billed
    elsewhere. Billed minutes of the last hours (`provisional`) are included and can still grow.

    Parameters
    ----------
    frame
        Canonical frame, hourly or daily, with or without a group column.
    price
        Price per billed minute [USD], as a Decimal or text; a float is read as it prints.

    Returns
    -------
    Decimal or DataFrame
        The amount [USD]; for a breakdown `billed_minutes` [min] and `cost` [USD], one row per
        group.

    Raises
    ------
    QueryError
        The frame has no `billed_minutes`, or the price is negative or not a number.

    Examples
    --------
    >>> import pandas as pd
    >>> cost(pd.DataFrame({"billed_minutes": [0.0, 0.1, 0.2, 0.7, 1.0]}))
    Decimal('0.10')
    """
    paid = price_of(price)
    check_frame("cost", frame, "billed_minutes", totals=True)
    code, groups = groups_of(frame)
    count = 1 if groups is None else len(groups)
    billed = Sums(code, count).of(micro_minutes(frame))
    amounts = [amount_of(int(micro), paid) for micro in billed]
    if groups is None:
        return amounts[0]
    costs = pd.DataFrame({"billed_minutes": billed / MICRO, "cost": amounts}, index=groups)
    return with_meaning(costs, Meaning(made_by="cost", measure="billed_minutes"), frame)


def price_of(price: object) -> Decimal:
    """Return a price per billed minute [USD] as an exact number.

    Raises
    ------
    QueryError
        The price is negative, a million or more, or not a number.
    """
    with suppress(InvalidOperation):
        amount = Decimal("NaN" if isinstance(price, bool) else str(price))
        if amount.is_finite() and 0 <= amount < 1_000_000:
            return amount
    raise QueryError(f'price: expected USD per minute such as "0.05", got {price!r}')


def amount_of(micro: int, price: Decimal) -> Decimal:
    """Return the cost of millionths of a billed minute, rounded once, to the cent [USD]."""
    exact = _EXACT.multiply(Decimal(micro), price).scaleb(-6, _EXACT)
    return exact.quantize(_CENT, context=_EXACT)


def micro_minutes(frame: pd.DataFrame) -> Integers:
    """Return the billed minutes of each row in integer millionths, whose sums are exact."""
    micro: Floats = frame["billed_minutes"].to_numpy(dtype=np.float64) * MICRO
    return np.rint(micro, out=micro).astype(np.int64)


def billing_overhead(frame: pd.DataFrame, *, price: Price = PRICE) -> pd.Series | pd.DataFrame:
    """Compare billed minutes with talk, and return the price per minute of talk.

    The overhead is ``60·billed / duration``. The vendor rounds each call up to 6 s, so
    ``60·billed - duration`` is at most 6 s per joined call. A larger excess means that the data
    are wrong (`within_bound` is False). A negative excess is unbilled talk: calls that are free,
    failed or not yet billed. Provisional buckets are left out, because billing comes after the
    call. If sums contain both rounding and unbilled talk, the overhead is the balance of the two.

    Parameters
    ----------
    frame
        Canonical frame, hourly or daily, with or without a group column.
    price
        Price per billed minute [USD].

    Returns
    -------
    Series or DataFrame
        `billed_minutes` and `talk_minutes` [min]; `overhead`, their ratio (NaN without talk);
        `price_per_talk_minute` [USD]; `excess`, billed time minus talk, and `bound`, 6 s per
        joined call (timedeltas); `unbilled_talk`, the size of a negative excess, otherwise 0;
        `within_bound`; `left_out`, the number of provisional buckets. One row per group for a
        breakdown.

    Raises
    ------
    QueryError
        A column is missing, or the price is negative or not a number.

    Examples
    --------
    >>> import pandas as pd
    >>> daily = pd.DataFrame({"joined_count": [2], "duration": pd.to_timedelta(["72s"]),
    ...                       "billed_minutes": [1.4], "provisional": False})
    >>> billing_overhead(daily)[["talk_minutes", "excess", "bound", "within_bound"]].tolist()
    [1.2, Timedelta('0 days 00:00:12'), Timedelta('0 days 00:00:12'), True]
    """
    paid = price_of(price)
    columns = ("joined_count", "duration", "billed_minutes", "provisional")
    check_frame("billing_overhead", frame, *columns, totals=True)
    code, groups = groups_of(frame)
    count = 1 if groups is None else len(groups)
    waiting = frame["provisional"].to_numpy(dtype=bool)
    kept, code_kept = (frame[~waiting], code[~waiting]) if waiting.any() else (frame, code)
    added = Sums(code_kept, count)
    billed = added.of(micro_minutes(kept))
    talk = added.of(exact(kept, "duration"))
    excess = billed * 60 - talk
    bound = within_six(added.of(kept["joined_count"].to_numpy()))
    overhead = share(billed * 60, talk)
    out = pd.DataFrame(
        {
            "billed_minutes": billed / MICRO,
            "talk_minutes": talk / (60 * MICRO),
            "overhead": overhead,
            "price_per_talk_minute": overhead * float(paid),
            "excess": excess.view("m8[us]"),
            "bound": bound.view("m8[us]"),
            "unbilled_talk": np.maximum(-excess, 0).view("m8[us]"),
            "within_bound": excess <= bound,
            "left_out": np.bincount(code[waiting], minlength=count),
        },
        index=groups,
    )
    if groups is not None:
        return with_meaning(out, _OVERHEAD, frame)
    whole = pd.Series({name: out[name].tolist()[0] for name in out}, name="billing_overhead")
    return with_meaning(whole, _OVERHEAD, frame)


def within_six(joined: Values) -> Integers:
    """Return the most that rounding up to 6 s can add to joined calls [us]."""
    if joined.dtype.kind in "iu":
        return joined.astype(np.int64, copy=False) * (_STEP * MICRO)
    return np.rint(joined.astype(np.float64) * (_STEP * MICRO)).astype(np.int64)
