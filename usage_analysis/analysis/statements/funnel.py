"""Statements on funnels: which groups have a rate unlike that of the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from usage_analysis.analysis import vocabulary as say
from usage_analysis.analysis.funnel import differ, limits_at
from usage_analysis.analysis.meaning import Meaning
from usage_analysis.analysis.statements.control import is_worse
from usage_analysis.analysis.statements.statement import Statement, state

_NAMED = 3
_NAME = 48


def state_funnel(groups: pd.DataFrame, meaning: Meaning) -> Statement:
    """State which groups have a rate unlike that of the others, or that none has.

    Parameters
    ----------
    groups
        Result of `funnel`.
    meaning
        What the rates are of.
    """
    name, some = meaning.name, groups[groups["calls"] > 0]
    if len(some) == 0:
        return state(f"No {meaning.calls} in any group, so no {name}", meaning.when)
    idle = len(groups) - len(some)
    dated = meaning.when + (f"; {say.several(idle, 'group')} without calls" if idle else "")
    calls = meaning.counted(some["calls"].sum())
    if len(some) == 1:
        of_calls = f"{say.percent(float(some['rate'].iloc[0]))} of {calls}"
        only = say.shorten(str(some.index[0]), _NAME)
        return state(f"Only {only} has calls, so no groups to compare: {name} {of_calls}", dated)
    centre = say.percent(float(some["centre"].iloc[0]))
    if not np.isfinite(some["high_998"]).any():
        title = f"{say.sentence_case(name)} {centre} in every group: no limits can be set"
        return state(title, f" ({calls}{dated})")
    beyond = some[some["beyond_998"]]
    among = f"{len(some):,} groups by {groups.index.name}" if groups.index.name else "the groups"
    if len(beyond):
        return _state_beyond(beyond, meaning, among, f"{len(some):,}", centre, dated)
    overall, limits = f"{centre} of {calls}", f"at the {say.level(meaning.level)} level"
    if differ(groups):
        ratio = f"spread ratio {say.amount(float(groups['spread_ratio'].iloc[0]))}"
        return Statement(
            f"Groups differ by more than chance ({ratio}), none stands out: {name} {overall}",
            f"The {name} differs between {among} by more than chance ({ratio}, significant at the "
            f"97 % level), but none stands out {limits}: {overall}{dated}.",
        )
    if outside := _outside_chance(some):
        many = say.several(len(some), "group")
        some_out = f"{outside} of {many} outside the limits of chance alone"
        return Statement(
            f"{some_out}, but none stands out: {name} {overall}",
            f"{say.sentence_case(name)} of {some_out}, but none of {among} differs more than "
            f"groups usually do {limits}: {overall}{dated}.",
        )
    return Statement(
        f"No group's {name} differs more than groups usually do: {overall}",
        f"In none of {among} does the {name} differ more than groups usually do {limits}: "
        f"{overall}{dated}.",
    )


def _outside_chance(groups: pd.DataFrame) -> int:
    """Return how many groups are outside the limits that chance alone sets."""
    limits = limits_at(groups, groups["calls"].to_numpy(np.int64), chance_alone=True)
    rate, low, high = groups["rate"].to_numpy(), limits["low_998"], limits["high_998"]
    return int(((rate < low.to_numpy()) | (rate > high.to_numpy())).sum())


def _state_beyond(
    beyond: pd.DataFrame, meaning: Meaning, among: str, count: str, centre: str, dated: str
) -> Statement:
    away = (beyond["rate"] - beyond["centre"]).abs().to_numpy()
    rows: list[Any] = list(beyond.iloc[np.argsort(-away, kind="stable")[:_NAMED]].itertuples())
    more = f" and {len(beyond) - 1:,} more" if len(beyond) > 1 else ""
    title = (
        f"{say.shorten(str(rows[0].Index), 40)}{more} of {count} beyond chance: {meaning.name} "
        f"{say.percent(rows[0].rate)} against {centre} of the others"
    )
    said = [_state_group(row, meaning) for row in rows]
    said += [f"{len(beyond) - len(said):,} more"] if len(beyond) > len(said) else []
    sentence = (
        f"{say.sentence_case(meaning.name)} unlike that of the others ({centre}) in "
        f"{len(beyond):,} of {among}{dated}: {'; '.join(said)}."
    )
    return Statement(title, sentence, urgent=bool(is_worse(beyond, meaning).any()))


def _state_group(row: Any, meaning: Meaning) -> str:
    rate, low, high = say.percents(row.rate, max(row.low_998, 0.0), min(row.high_998, 1.0))
    return (
        f"{say.shorten(str(row.Index), _NAME)} {rate} % ({say.amount(row.events)} of "
        f"{meaning.counted(row.calls)}; {say.level(meaning.level)} "
        f"of such groups have {low} to {high} %)"
    )
