"""Statements on unusual rates: of days on control charts, hours of the week, and groups."""

from typing import Any

import numpy as np
import pandas as pd

from usage_analysis.analysis import vocabulary as say
from usage_analysis.analysis.control import ENOUGH
from usage_analysis.analysis.funnel import differ, limits_at
from usage_analysis.analysis.meaning import Meaning, meaning_of
from usage_analysis.analysis.rate_series import level_shift, unusual_hours
from usage_analysis.analysis.statements.statement import Statement, state

_NAMED = 3
_NAME = 48


def state_control(chart: pd.DataFrame, meaning: Meaning | None = None) -> Statement:
    """State whether a rate stayed within its usual range.

    A chart is called steady only if no shift is significant and the data exclude any lasting change
    by a half.

    Parameters
    ----------
    chart
        Result of `control_chart` for one series.
    meaning
        Meaning of the rate.
    """
    meaning = meaning_of(chart, "control_chart", meaning=meaning)
    name, every = meaning.name, say.span_of(chart)
    calls = chart["calls"].sum()
    if len(chart) == 0:
        return state(f"Nothing finished yet, so no {name}")
    when = say.dates(chart)
    if not calls > 0:
        return state(f"No {meaning.calls} in a whole {every}, so no {name}", f" ({when})")
    if not chart["limited"].any():
        rate = say.percent(float(chart["events"].sum() / calls))
        of = f"{say.sentence_case(name)} {rate} of {meaning.counted(calls)}"
        few = "one period is" if np.count_nonzero(chart["calls"]) == 1 else "such rates are"
        return Statement(
            f"{of}: no limits can be set",
            f"{of} in {say.several(len(chart), every)}, {when}: {few} not enough for limits.",
        )
    if chart["signal"].any():
        return _state_signals(chart, meaning, every)
    return _state_level(chart, meaning, every)


def is_worse(chart: pd.DataFrame, meaning: Meaning) -> Any:
    """Mark the rows of a chart whose rate is on the bad side of the centre, if there is one."""
    rate, centre = chart["rate"], chart["centre"]
    if meaning.better is None:
        return rate != centre
    return rate > centre if meaning.better == "less" else rate < centre


def _farthest(rows: pd.DataFrame) -> list[Any]:
    """Return the few rows whose rate is farthest from the centre."""
    away = (rows["rate"] - rows["centre"]).abs().to_numpy()
    return list(rows.iloc[np.argsort(-away, kind="stable")[:_NAMED]].itertuples())


def _state_signals(chart: pd.DataFrame, meaning: Meaning, every: str) -> Statement:
    signals = chart[chart["signal"]]
    rows, whole = _farthest(signals), say.several(len(chart), every)
    centre = say.percent(float(chart["centre"].iloc[0]))
    farthest = "farthest on " if len(signals) > 1 else ""
    title = (
        f"{say.sentence_case(meaning.name)} out of limits on {len(signals)} of {whole}, {farthest}"
        f"{_moment(rows[0].Index, every)} ({say.percent(rows[0].rate)} against {centre})"
    )
    said = [_state_signal(row, meaning, every) for row in rows]
    more = len(signals) - len(said)
    said += [f"{say.several(more, every)} more"] if more else []
    usual = chart[~chart["signal"]]
    apart = " and ".join(_moment(row.Index, every) for row in rows)
    without = f"without {f'these {say.several(len(signals), every)}' if more else apart}"
    sentence = (
        f"{say.sentence_case(meaning.name)} out of its usual range on {len(signals)} of {whole}, "
        f"{say.dates(chart)}: {'; '.join(said)}. The usual rate, {without}, is {centre} "
        f"({meaning.counted(usual['calls'].sum())}); the range is three standard deviations to "
        "either side."
    )
    return Statement(title, sentence, urgent=bool(is_worse(signals, meaning).any()))


def _state_signal(row: Any, meaning: Meaning, every: str) -> str:
    above = row.rate > row.centre
    end = f"at most {say.percent(row.high)}" if above else f"at least {say.percent(row.low)}"
    return (
        f"{_moment(row.Index, every)} {say.percent(row.rate)} ({say.amount(row.events)} of "
        f"{meaning.counted(row.calls)}; usual is {end})"
    )


def _moment(moment: pd.Timestamp, every: str) -> str:
    return f"{moment:%A %Y-%m-%d %H:%M}" if every == "hour" else f"{moment:%A %Y-%m-%d}"


def _state_level(chart: pd.DataFrame, meaning: Meaning, every: str) -> Statement:
    name, named, when = meaning.name, say.sentence_case(meaning.name), say.dates(chart)
    whole, centre = say.several(len(chart), every), float(chart["centre"].iloc[0])
    mean = say.percent(centre)
    rate = f"{mean} of {meaning.counted(chart['calls'].sum())}"
    none = f"No single {every} of {len(chart):,} is out of limits"
    shift = level_shift(chart)
    if shift is not None and shift.certain:
        start, earlier, later = f"{shift.start:%Y-%m-%d}", shift.before, shift.after
        change = f"{say.percent(earlier)} before {start}, {say.percent(later)} since then"
        return Statement(
            f"{named} shifted: {change}; no {every} out of limits",
            f"{none}, but the {name} shifted on or about {start}: {change} (significant at the "
            f"95 % level; {rate} over all, {when}).",
            urgent=meaning.better is None or (later > earlier) == (meaning.better == "less"),
        )
    expected = float(chart["calls"].median()) * min(centre, 1 - centre)
    if expected < ENOUGH:
        rare = say.UNITS[str(meaning.event)] if centre <= 0.5 else f"other {meaning.calls}"
        longer = "weeks" if every in ("hour", "day") else "longer periods"
        few = f"about {say.amount(expected)} {rare} per {every} are"
        few = few if expected >= 1 else f"fewer than one {rare.removesuffix('s')} per {every} is"
        return Statement(
            f"{named} {mean}: too few {rare} to judge a single {every}",
            f"{none}, but {few} expected, so single {every}s tell little; look at {longer} "
            f"({name} {rate}, {when}).",
        )
    if shift is not None and shift.steady:
        return Statement(
            f"{named} steady at {mean}: none of {whole} is out of limits",
            f"{named} steady at {rate}: none of {whole} is out of limits and no lasting shift is "
            f"significant at the 95 % level, {when}.",
        )
    return Statement(
        f"{named} {mean}: no single {every} out of limits",
        f"{none}; the {name} may have changed by half without showing here ({rate}, {when}).",
    )


def state_error_week(rates: pd.DataFrame, meaning: Meaning | None = None) -> Statement:
    """State which hours of the week have a worse rate than the others.

    Parameters
    ----------
    rates
        Result of `error_rate` or `join_rate` with ``by="hour_of_week"``.
    meaning
        Meaning of the rates.
    """
    meaning = meaning_of(rates, "error_rate", "join_rate", meaning=meaning)
    name, calls = meaning.name, rates["calls"].sum()
    if not rates["enough"].any():
        return state(f"Too few calls in every hour of the week to tell its {name}", meaning.when)
    centre = rates["events"].sum() / calls
    overall = f"{say.percent(centre)} of {meaning.counted(calls)}"
    found = unusual_hours(rates, meaning)
    incident = len(unusual_hours(rates, meaning, without_worst_week=False)) > 0
    thin = len(rates) - int(rates["enough"].sum())
    few = f"; {thin} of {len(rates)} hours have too few calls" if thin else ""
    level = f"at the 95 % level for all {len(rates)} hours together"
    if len(found) == 0:
        aside = " once its worst week is set aside" if incident else ""
        title = f"No hour of the week stands out{aside}: {name} {overall}{few}"
        return state(title, f" (tested {level}{meaning.when})")
    far = (rates.loc[found, "rate"] - centre).abs().to_numpy().argmax()
    more = f" and {say.several(len(found) - 1, 'more hour')}" if len(found) > 1 else ""
    title = (
        f"{say.sentence_case(name)} stands out on {say.week_hour(int(found[far]))}{more} "
        f"({say.percent(float(rates.loc[found[far], 'rate']))} against {overall}){few}"
    )
    return Statement(title, f"{title} (significant {level}{meaning.when}).", urgent=True)


def state_funnel(groups: pd.DataFrame, meaning: Meaning | None = None) -> Statement:
    """State which groups have a rate unlike the other groups, or that there are none.

    Parameters
    ----------
    groups
        Result of `funnel`.
    meaning
        Meaning of the rates.
    """
    meaning = meaning_of(groups, "funnel", meaning=meaning)
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
    chance = limits_at(some, some["calls"].to_numpy(np.int64), chance_alone=True)
    rate, low, high = some["rate"].to_numpy(), chance["low_998"], chance["high_998"]
    if outside := int(((rate < low.to_numpy()) | (rate > high.to_numpy())).sum()):
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


def _state_beyond(
    beyond: pd.DataFrame, meaning: Meaning, among: str, count: str, centre: str, dated: str
) -> Statement:
    rows = _farthest(beyond)
    more = f" and {len(beyond) - 1:,} more" if len(beyond) > 1 else ""
    title = (
        f"{say.shorten(str(rows[0].Index), 40)}{more} of {count} beyond chance: {meaning.name} "
        f"{say.percent(rows[0].rate)} against {centre} of the others"
    )
    said = [_state_group(row, meaning) for row in rows]
    said += [f"{len(beyond) - len(said):,} more"] if len(beyond) > len(said) else []
    sentence = (
        f"{say.sentence_case(meaning.name)} different from the others ({centre}) in "
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
