"""The sentence above each figure: its finding, with its days, its clock and its interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from usage_analysis.analysis.meaning import meaning_of
from usage_analysis.analysis.statements.billing import state_cost
from usage_analysis.analysis.statements.capacity import describe_capacity
from usage_analysis.analysis.statements.change import state_change, state_difference, state_effects
from usage_analysis.analysis.statements.control import state_control, state_error_week
from usage_analysis.analysis.statements.funnel import state_funnel
from usage_analysis.analysis.statements.groups import state_costs, state_largest
from usage_analysis.analysis.statements.month import describe_month
from usage_analysis.analysis.statements.peaks import state_peak
from usage_analysis.analysis.statements.rates import describe_errors
from usage_analysis.analysis.vocabulary import UNITS, amount, counted, dates
from usage_analysis.dashboard.views import View
from usage_analysis.figures.axes import in_units


def sentence(text: str) -> str:
    """Text that begins with a capital and ends with a full stop."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def total_told(view: View, measure: str) -> str:
    """How much of a measure the days shown hold."""
    value = float(np.nansum(in_units(view.hourly, measure)))
    when = f"{view.settings.days.when} ({view.settings.timezone})"
    return f"{amount(value)} {UNITS[measure]} {when}"


def change_told(view: View, measure: str) -> str:
    """Return the change from the previous days as a sentence after a space, if there are any."""
    days, before = view.settings.previous, view.selected.previous_so_far
    if before is None or days is None:
        return ""
    if not view.settings.comparable:
        now, old = (
            float(np.nansum(in_units(rows, measure))) for rows in (view.selected.final, before)
        )
        return (
            f" Up to the same hour {counted(now, measure)}, against {counted(old, measure)} "
            f"{days.when}; other weekdays, so no change is given."
        )
    return f" {compared_told(view, measure)}"


def compared_told(view: View, measure: str) -> str:
    """Return the fair change as a sentence: each hour beside the same hour whole weeks before."""
    found = view.selected.change(measure)
    if found is None:
        return "No finished hour has the same weekday and hour in the previous days."
    return state_change(found, meaning_of(found, "compare_periods")).sentence


def errors_told(view: View, *, groups: bool = False) -> str:
    """Return sentences on the error rate and its difference from the previous days.

    With `groups` they name the group behind the difference, where the previous days are the same
    weekdays.
    """
    told = str(describe_errors(view.hourly))
    found = view.selected.rate_change("error_count")
    if found is None:
        return told
    if groups and view.settings.comparable and view.settings.group:
        effects = view.selected.effects
        return f"{told} {state_effects(effects, meaning_of(effects, 'rate_effects')).sentence}"
    return f"{told} {state_difference(found, meaning_of(found, 'rate_difference')).sentence}"


def money_told(view: View) -> str:
    """Return the cost of the displayed days."""
    return state_cost(view.hourly, view.settings.price).sentence


def capacity_told(view: View) -> str:
    """Return how many calls the limit probably refused."""
    return str(describe_capacity(view.hourly, limit=view.settings.limit))


def _over_time(view: View) -> str:
    """Total and change of all calls; of groups, which has the most."""
    measure = view.settings.measure
    if view.prepared.grouped:
        return _largest(view)
    told = f"{total_told(view, measure)}.{change_told(view, measure)}"
    beside = view.prepared.names["previous"]
    dashed = beside is not None and len(beside) > 0
    return f"{told} Dashed: {view.settings.previous}." if dashed else told


def _largest(view: View) -> str:
    return state_largest(view.selected.breakdown, view.settings.measure).sentence


def _billed(view: View) -> str:
    if view.prepared.grouped:
        return _costs(view)
    return f"{money_told(view)}{change_told(view, 'billed_minutes')}"


def _costs(view: View) -> str:
    return state_costs(view.selected.breakdown, view.settings.price).sentence


def _overhead(view: View) -> str:
    return _costs(view) if view.prepared.grouped else money_told(view)


def _month(view: View) -> str:
    return str(describe_month(view.prepared.table, price=view.settings.price))


def _peak(view: View) -> str:
    return state_peak(view.hourly, view.settings.measure).sentence


def _traffic_peak(view: View) -> str:
    return state_peak(view.hourly, "traffic").sentence


def _group_errors(view: View) -> str:
    return errors_told(view, groups=True)


def _control(view: View) -> str:
    chart = view.prepared.table
    return state_control(chart, meaning_of(chart, "control_chart")).sentence


def _error_week(view: View) -> str:
    rates = view.prepared.table
    return state_error_week(rates, meaning_of(rates, "error_rate"), dates(view.hourly)).sentence


def _funnel(view: View) -> str:
    limits = view.prepared.table
    return state_funnel(limits, meaning_of(limits, "funnel"), dates(view.hourly)).sentence


def _compared(view: View) -> str:
    measure = view.settings.measure
    return f"{total_told(view, measure)}. {compared_told(view, measure)}"


#: The headline of each figure that the dashboard offers.
HEADLINES: Final[Mapping[str, Callable[[View], str]]] = {
    "trend": _over_time,
    "groups": _largest,
    "comparison": _compared,
    "calendar": _over_time,
    "week": _peak,
    "day": _peak,
    "errors": _group_errors,
    "control": _control,
    "error_week": _error_week,
    "funnel": _funnel,
    "effects": _group_errors,
    "billed": _billed,
    "month": _month,
    "overhead": _overhead,
    "pareto": _costs,
    "capacity": capacity_told,
    "load_duration": capacity_told,
    "traffic_week": _traffic_peak,
}
