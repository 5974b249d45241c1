"""Effects behind a changed bill: days, calls, joined share, talk, rounding up and price."""

from decimal import Decimal
from typing import Final

import numpy as np
import pandas as pd
from scipy import special

from usage_analysis.analysis.arrays import Floats, ratio
from usage_analysis.analysis.billing import price_of
from usage_analysis.analysis.difference import check_groups
from usage_analysis.analysis.meaning import Meaning, with_meaning
from usage_analysis.analysis.rates import dates_of, summed_by
from usage_analysis.errors import QueryError
from usage_analysis.tidy.frame_check import check_frame
from usage_analysis.tidy.frames import check_disjoint, group_column
from usage_analysis.tidy.grouping import covered_lengths
from usage_analysis.tidy.zones import DAY, row_times

#: Factors of a bill, in their order: each is a quantity over the quantity before it.
FACTORS: Final = (
    *("days", "calls_per_day", "joined_share", "talk_per_joined_call", "rounding", "price"),
)
_COLUMNS: Final = ("total_count", "joined_count", "duration", "billed_minutes")
_METHOD: Final = "additive LMDI-I (Ang 2004; zeros: Ang and Liu 2007)"


def explain_cost(
    current: pd.DataFrame,
    previous: pd.DataFrame,
    *,
    price: Decimal | float | str | None = None,
    previous_price: Decimal | float | str | None = None,
) -> pd.Series | pd.DataFrame:
    """Return why the bill changed: what each factor of it adds to the difference.

    A bill is days x calls per day x joined share of the calls x minutes of talk per joined call x
    billed minutes per minute of talk (rounding up) x price. The logarithmic mean Divisia index
    (LMDI-I; Ang 2004, Energy Policy 32:1131) gives each factor the effect ``L(b1, b0)·ln(x1/x0)``,
    with x the factor, b the bill, and ``L(b1, b0) = (b1 - b0) / ln(b1/b0)``. All effects add up to
    the difference exactly. With the periods swapped, they change their signs.

    Where a factor is 0 in one period, it has the whole difference: the limit of a factor that goes
    to 0 (Ang and Liu 2007, Energy Policy 35:238). Factors without a value, such as the talk per
    joined call of a group without calls, are taken to be unchanged.

    Parameters
    ----------
    current, previous
        Canonical frames of the later and the earlier period, with the same group column or none.
    price
        Price per billed minute [USD]. Without it, the bill is in billed minutes.
    previous_price
        Price in the earlier period, if it was another one.

    Returns
    -------
    Series or DataFrame
        `previous` and `current` bill [USD or minutes], their difference `change`, and the effects
        `days`, `calls_per_day`, `joined_share`, `talk_per_joined_call`, `rounding` and, with a
        price, `price`, which add up to it. One row per group for breakdowns.

    Raises
    ------
    QueryError
        A column is missing, a frame has no row, only one has groups, groups can share calls, or a
        price is no number.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> client = ua.sample_client()
    >>> march = client.call_usage(from_date="2026-03-01", to_date="2026-03-31").hourly
    >>> february = client.call_usage(from_date="2026-02-01", to_date="2026-02-28").hourly
    >>> found = ua.explain_cost(march, february, price="0.05")
    >>> bool(abs(found["change"] - found["days":].sum()) < 1e-9)
    True
    """
    if previous_price is not None and price is None:
        raise QueryError("previous_price: expected price as well, got the earlier price alone")
    prices = (price, price if previous_price is None else previous_price)
    paid = [1.0 if one is None else float(price_of(one)) for one in prices]
    check_groups("previous", previous, current)
    sums = [_sums(name, frame) for name, frame in (("current", current), ("previous", previous))]
    index = sums[0].index.append(sums[1].index).unique()
    periods = []
    for one, per_minute in zip(sums, paid, strict=True):
        period = one.reindex(index, fill_value=0.0)
        period["days"], period["cost"] = one["days"].iloc[0], period["billed_minutes"] * per_minute
        periods.append(period.to_numpy())
    now, old = periods
    table = pd.DataFrame({"previous": old[:, -1], "current": now[:, -1]}, index=index)
    table["change"] = table["current"] - table["previous"]
    table[list(FACTORS)] = _effects(now, old)
    meaning = Meaning(
        made_by="explain_cost",
        measure="billed_minutes" if price is None else "cost",
        method=_METHOD,
        dates=dates_of(current),
        previous_dates=dates_of(previous),
    )
    found = table if price is not None else table.drop(columns="price")
    if group_column(current) is None:
        return with_meaning(found.iloc[0].rename("explain_cost"), meaning, current, previous)
    return with_meaning(found, meaning, current, previous)


def _sums(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the days of a frame, and each group's calls, joined calls, talk and billed minutes."""
    check_frame("explain_cost", frame, *_COLUMNS)
    check_disjoint("explain_cost", frame)
    if len(frame) == 0:
        raise QueryError(f"explain_cost: expected rows in {name}, got none")
    values, index = summed_by(frame, [*_COLUMNS], "total")
    # Groups share their hours, which count once.
    hours = pd.Series(covered_lengths(frame), index=row_times(frame)).groupby(level=0).max()
    columns = {"days": np.full(len(index), hours.sum() / DAY)}
    columns |= {name: part.astype(np.float64) for name, part in zip(_COLUMNS, values, strict=True)}
    return pd.DataFrame(columns, index=index)


def _effects(current: Floats, previous: Floats) -> Floats:
    """Return the effect of each factor on each group's bill; shape (groups, factors)."""
    factors = []
    for own, other in ((current, previous), (previous, current)):
        chain = _fill(own, other)
        before = np.column_stack([np.ones(len(chain)), chain[:, :-1]])
        factors.append(np.divide(chain, before, out=np.full_like(chain, np.nan), where=before > 0))
    now = np.where(np.isnan(factors[0]), np.nan_to_num(factors[1], nan=1.0), factors[0])
    old = np.where(np.isnan(factors[1]), np.nan_to_num(factors[0], nan=1.0), factors[1])
    logs = np.log(ratio(now, np.where(now > 0, old, 0.0), 1.0))
    # The logarithmic mean is b0·(exp(t) - 1)/t, with t = ln(b1/b0).
    mean = previous[:, -1] * special.exprel(logs.sum(1))
    change = current[:, -1] - previous[:, -1]
    zero = (now == 0) != (old == 0)
    none = (current[:, -1] == 0) | (previous[:, -1] == 0)
    limits = change[:, None] * zero / np.maximum(zero.sum(1, keepdims=True), 1)
    return np.asarray(np.where(none[:, None], limits, mean[:, None] * logs)) + 0.0  # no -0.0


def _fill(own: Floats, other: Floats) -> Floats:
    """Return quantities without a 0 before a bill, such as billed minutes of calls without talk.

    Such a quantity is taken in the proportion that it has to the next one in the other period.
    """
    out = own.copy()
    for at in range(out.shape[1] - 2, 0, -1):
        known = (other[:, at] > 0) & (other[:, at + 1] > 0)
        proportion = np.divide(other[:, at], other[:, at + 1], out=np.ones(len(own)), where=known)
        lacking = (out[:, at] == 0) & (out[:, -1] > 0)
        out[lacking, at] = (out[:, at + 1] * proportion)[lacking]
    return out
