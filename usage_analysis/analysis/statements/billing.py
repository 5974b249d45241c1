"""Cost and billing overhead in words."""

from typing import Final

import pandas as pd

from usage_analysis.analysis import vocabulary as say
from usage_analysis.analysis.billing import PRICE, Price, amount_of, micro_minutes, price_of
from usage_analysis.analysis.meaning import meaning_of
from usage_analysis.analysis.statements.statement import Statement
from usage_analysis.tidy.frame_check import check_frame
from usage_analysis.tidy.overlap import check_disjoint

#: Below this, billed time and talk count as equal [share of the talk].
_SAME: Final = 0.0005


def state_cost(frame: pd.DataFrame, price: Price = PRICE) -> Statement:
    """State the estimated cost of a frame's call minutes, over all its groups.

    Parameters
    ----------
    frame, price
        As for `cost`.

    Raises
    ------
    QueryError
        The frame has no `billed_minutes`, or the price is negative or
        not a number.
    """
    check_frame("state_cost", frame, "billed_minutes", totals=True)
    check_disjoint("state_cost", frame)
    paid, micro = price_of(price), int(micro_minutes(frame).sum())
    amount, minutes = say.money(amount_of(micro, paid)), say.counted(micro / 1e6, "billed_minutes")
    rows = frame[frame["provisional"].to_numpy(dtype=bool)] if "provisional" in frame else frame[:0]
    waiting = rows.index.nunique()
    late = (
        f"; the last {say.several(waiting, say.span_of(frame))} can still grow" if waiting else ""
    )
    sentence = (
        f"Call minutes cost an estimated {amount}: {minutes} at {say.price_per_minute(paid)}, "
        f"{say.dates(frame)}{late}."
    )
    return Statement(f"{amount} for {minutes}", sentence)


def state_overhead(found: pd.Series, frame: pd.DataFrame) -> Statement:
    """State how much more, or less, was billed than the talk.

    Parameters
    ----------
    found
        Result of `billing_overhead` over all rows of `frame`.
    frame
        The finished rows from which `found` was computed.
    """
    meaning_of(found, "billing_overhead")
    talk, billed = float(found["talk_minutes"]), float(found["billed_minutes"])
    every = say.span_of(frame)
    over = say.several(frame.index.nunique(), f"whole {every}")
    where = f", {say.dates(frame)}" if len(frame) else ""
    if not talk > 0:
        reason = f"no talk in {over}" if len(frame) else f"no whole {every} yet"
        return Statement(
            f"No billing overhead: {reason}",
            f"There is no billing overhead to compute: {reason}{where}.",
        )
    share = billed / talk - 1
    verdict = "just the talk"
    if abs(share) >= _SAME:
        verdict = f"{100 * abs(share):.1f} % {'more' if share > 0 else 'less'} than the talk"
    amounts = f"{say.counted(billed, 'billed_minutes')} for {say.counted(talk, 'duration')}"
    wrong = not bool(found["within_bound"])
    doubt = "; this is more than rounding up to 6 s per call can add" if wrong else ""
    return Statement(
        f"Billed {verdict}: {amounts} in {over}",
        f"Billed {verdict}: {amounts} in {over}{where}{doubt}.",
        urgent=wrong,
    )
