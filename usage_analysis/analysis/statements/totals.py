"""Totals in words: the sum, the bucket with the most, and the group with the most."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from usage_analysis.analysis import vocabulary as say
from usage_analysis.analysis.arrays import finished, in_units
from usage_analysis.analysis.billing import cost
from usage_analysis.analysis.marks import Mark, without
from usage_analysis.analysis.statements.statement import Statement, state
from usage_analysis.tidy.frames import REST, can_share_calls, group_column
from usage_analysis.tidy.grouping import each_group
from usage_analysis.tidy.groups import sum_groups
from usage_analysis.tidy.usage import CallUsage

# Hours of which a tenth is more than a single one.
_TENTH = 10
#: Cells that a group's name may take in a sentence.
_NAME = 40
# Pareto's share of the whole, which few groups often have.
_MOST_OF_IT = 0.8


def state_total(
    frame: pd.DataFrame, measure: str = "total_count", marks: Sequence[Mark] = ()
) -> Statement:
    """State the total of a measure, its mean per bucket, and the bucket with the most.

    Parameters
    ----------
    frame
        Buckets of one series, such as days. The total is of all buckets. The mean is of the
        finished ones outside the periods to leave out.
    measure
        A column of the frame.
    marks
        Periods to leave out of the mean.
    """
    every, missing = say.span_of(frame), int(frame[measure].isna().sum())
    frame = frame[frame[measure].notna()]
    used = without(frame[finished(frame)], marks)
    unit, total = say.UNITS.get(measure, measure), float(np.nansum(in_units(frame, measure)))
    buckets = say.several(len(frame), every if len(used) < len(frame) else f"whole {every}")
    if len(frame) == 0:
        return state(f"No finished {every} yet, so no {unit}")
    when = f"{buckets}, {say.dates(frame)}"
    if not total > 0:
        return Statement(f"No {unit} in {buckets}", f"No {unit} in {when}.")
    so_far = f"{say.counted(total, measure)} in {when}"
    if len(used) == 0:
        none = f"o finished {every} yet, so no mean of {unit} per {every}"
        return Statement(f"N{none}", f"{so_far}; n{none}.")
    values = in_units(used, measure)
    mean = f"{say.counted(float(np.nanmean(values)), measure)} per {every} on average"
    over = f"{len(used):,} whole {every}s" if len(used) > 1 else f"the one whole {every}"
    if len(used) == 1 or np.nansum(values) < len(used):
        # A mean of one bucket, or of less than one per bucket, says less than the sum.
        title = f"{say.counted(float(np.nansum(values)), measure)} in {over}"
        return Statement(title, f"{so_far}." if len(used) == len(frame) else f"{so_far}; {title}.")
    top = int(np.nanargmax(values))
    moment = used.index[top]
    when_most = f"{moment:%A %Y-%m-%d}" if every == "day" else f"{moment:%Y-%m-%d %H:%M}"
    most = f"most on {when_most} ({say.number(values[top], measure)})"
    over += f", {say.several(missing, every)} without a number left out" if missing else ""
    whole = "" if len(used) == len(frame) and not missing else f" over {over}"
    return Statement(f"{mean} over {over}, {most}", f"{so_far}: {mean}{whole}, {most}.")


def state_no_match(usage: CallUsage, filters: Mapping[str, str]) -> Statement:
    """State that no call of the days matches the filters, and the reply's total of all time.

    Parameters
    ----------
    usage
        Reply without calls. Its total of all time may be of all calls, or of calls on other days.
    filters
        The filters in words, by filter.
    """
    calls = 0 if usage.all_time is None else int(usage.all_time["total_count"])
    counted = f"the reply counts {say.counted(calls, 'total_count')} of all time"
    known = f"; {counted}, which may be unfiltered" if calls else ""
    words = ", ".join(f"{name}: {value}" for name, value in filters.items())
    known += "; check the spelling of names and values"
    return state(f"No call of these days matches {words}", known)


def state_unlike_days(current: pd.DataFrame, previous: pd.DataFrame, measure: str) -> Statement:
    """State the totals of two periods that have no weekday in common.

    Parameters
    ----------
    current, previous
        Final buckets of one series, up to the same hour of the clock.
    measure
        A column of the frames.
    """
    now, before = (
        say.counted(float(np.nansum(in_units(rows, measure))), measure)
        for rows in (current, previous)
    )
    title = f"{now} against {before} of other weekdays"
    return Statement(
        title,
        f"{now} up to the last final hour, {say.dates(current)}, against {before} up to the same "
        f"hour of {say.date_range(previous)}; these are other weekdays, so no change is given.",
    )


def state_busiest_day(daily: pd.DataFrame, measure: str) -> Statement:
    """State the busiest day: of whole days if there are any."""
    whole, values = finished(daily), in_units(daily, measure)
    values = np.where(whole, values, np.nan) if whole.any() else values
    if not np.nansum(values) > 0:
        return _state(f"No {say.UNITS.get(measure, measure)} on any day", daily)
    top = int(np.nanargmax(values))
    day = f"{daily.index[top]:%A %Y-%m-%d}"
    return _state(f"Busiest day: {day} with {say.counted(values[top], measure)}", daily)


def state_load_duration(hours: pd.DataFrame, name: str = "") -> Statement:
    """State the traffic of the busiest tenth of hours, of one series or of the group `name`."""
    traffic = np.sort(hours["carried"].to_numpy(dtype=np.float64))[::-1]
    if not traffic.sum() > 0:
        return _state("No talk in any finished hour", hours)
    whose = f"{say.shorten(name, _NAME)} has most traffic:" if name else "Traffic is"
    high, busy = say.counted(float(traffic[0]), "traffic"), float(traffic[len(traffic) // _TENTH])
    number = say.several(len(traffic), "hour")
    if len(traffic) < _TENTH or not busy > 0:
        return _state(f"{whose} {high} at most in {number}", hours)
    words = f"{whose} over {say.counted(busy, 'traffic')} in a tenth of {number}"
    return _state(words if name else f"{words}, {high} at most", hours)


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
    """State how few groups together have four fifths of the whole, if only some are needed."""
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
    """State a title, or a longer sentence, with the days of a frame."""
    return Statement(title, f"{sentence or title}{f', {say.dates(frame)}' if len(frame) else ''}.")
