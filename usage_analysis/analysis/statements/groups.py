"""Groups in words: which has the most, and its share of all calls."""

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from usage_analysis.analysis import vocabulary as say
from usage_analysis.analysis.billing import cost
from usage_analysis.analysis.columns import in_units
from usage_analysis.analysis.statements.statement import Statement
from usage_analysis.tidy.frames import REST, group_column
from usage_analysis.tidy.grouping import each_group
from usage_analysis.tidy.groups import sum_groups
from usage_analysis.tidy.overlap import can_share_calls

#: Cells that a group's name may take in a sentence.
_NAME = 40
# Pareto's share of the whole, which few groups often have.
_MOST_OF_IT = 0.8


def state_largest(breakdown: pd.DataFrame, measure: str) -> Statement:
    """State which group has the most of a measure, and its share of all groups and the rest."""
    sizes = sizes_of(breakdown, measure)
    total, named = float(sizes.sum()), sizes.drop(REST, errors="ignore")
    what, groups = say.UNITS.get(measure, measure), say.several(len(named), "group")
    if not named.sum() > 0:
        where = "the one group" if len(named) == 1 else f"any of {groups}"
        rest = f"; the rest has all {say.counted(total, measure)}" if total > 0 else ""
        return _state(f"No {what} in {where}{rest}", breakdown)
    name, value = say.shorten(str(named.idxmax()), _NAME), float(named.max())
    if len(sizes) == 1:
        return _state(f"{name}, the one group, has all {say.counted(total, measure)}", breakdown)
    if can_share_calls(breakdown):
        # The sum counts a call once per group that it is in, so it is no whole to have a share of.
        most = say.counted(value, measure)
        return Statement(
            f"{name} has {most}, the most of {groups}",
            f"Of {groups} by {group_column(breakdown)}, {name} has the most {what}: {most}, "
            f"{say.dates(breakdown)}; one call can be in several groups, so no shares are given.",
        )
    part = say.part(value / total)
    share = f"{part} of {say.counted(total, measure)}"
    most = f"{say.number(value, measure)} of {say.number(total, measure)} ({part})"
    sentence = f"Of {groups} by {group_column(breakdown)}, {name} has the most {what}: {most}"
    return _state(f"{name} has {share}, the most of {groups}", breakdown, sentence)


def state_costs(breakdown: pd.DataFrame, price: Any) -> Statement:
    """State which group has the most calls, which costs the most, and both shares of the whole."""
    calls = sizes_of(breakdown, "total_count")
    named = calls.drop(REST, errors="ignore")
    if len(calls) < 2 or not named.sum() > 0 or can_share_calls(breakdown):
        return state_largest(breakdown, "total_count")
    costs = cost(breakdown, price)["cost"].astype(np.float64)  # type: ignore[index]  # a breakdown's table
    total: Any = cost(sum_groups(breakdown), price)
    first, dearest = str(named.idxmax()), str(costs.drop(REST, errors="ignore").idxmax())
    most, whole = (say.number(n, "total_count") for n in (named[first], calls.sum()))
    sentence = (
        f"Of {say.several(len(named), 'group')} by {group_column(breakdown)}, "
        f"{say.shorten(first, _NAME)} has the most calls ({most} of {whole}, "
        f"{say.part(named[first] / calls.sum())})"
    )
    if total:
        whose = "" if first == dearest else f"{say.shorten(dearest, _NAME)} "
        paid, part = Decimal(str(costs[dearest])), say.part(costs[dearest] / float(total))
        sentence += (
            f" and {whose}costs the most (an estimated {say.money(paid)} of {say.money(total)}, "
            f"{part})"
        )
    return _state(state_largest(breakdown, "total_count").title, breakdown, sentence)


def state_vital_few(breakdown: pd.DataFrame, measure: str) -> Statement:
    """State how few groups have four fifths of the whole, where some of them together do."""
    sizes = sizes_of(breakdown, measure)
    total, named = float(sizes.sum()), sizes.drop(REST, errors="ignore")
    sums = named.sort_values(ascending=False).cumsum()
    few = int(np.searchsorted(sums, (_MOST_OF_IT - 1e-12) * total)) + 1
    if not (total > 0 and few < len(named)):
        return state_largest(breakdown, measure)
    share = f"{say.part(sums.iloc[few - 1] / total)} of {say.counted(total, measure)}"
    if few == 1:
        return _state(f"{say.shorten(str(sums.index[0]), _NAME)} alone has {share}", breakdown)
    return _state(f"{few} of {len(named)} groups have {share}", breakdown)


def sizes_of(breakdown: pd.DataFrame, measure: str) -> pd.Series:
    """Return how much of a measure each group has, by its name; durations are in minutes."""
    sums = {str(name): np.nansum(in_units(rows, measure)) for name, rows in each_group(breakdown)}
    return pd.Series(sums, dtype=np.float64)


def _state(title: str, frame: pd.DataFrame, sentence: str = "") -> Statement:
    return Statement(title, f"{sentence or title}, {say.dates(frame)}.")
