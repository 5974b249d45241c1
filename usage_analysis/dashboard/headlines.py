"""Headline of each figure: the statement that it shows."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from matplotlib.axes import Axes

from usage_analysis.analysis.billing import billing_overhead
from usage_analysis.analysis.meaning import meaning_of
from usage_analysis.analysis.statements import change, totals
from usage_analysis.analysis.statements.control import state_control, state_error_week, state_funnel
from usage_analysis.analysis.statements.money import state_cost, state_month, state_overhead
from usage_analysis.analysis.statements.peaks import state_capacity, state_days, state_peak
from usage_analysis.analysis.statements.rates import state_rate_of, state_rates
from usage_analysis.analysis.statements.statement import Statement
from usage_analysis.analysis.statements.unusual import state_events
from usage_analysis.analysis.trends import month_outlook
from usage_analysis.dashboard.settings import Settings
from usage_analysis.dashboard.views import CachedUsage, View
from usage_analysis.errors import QueryError


def _trend(view: View) -> Statement:
    """State the change from the previous period, or the total; for groups, the largest group."""
    if view.prepared.grouped:
        return _largest(view)
    measure = view.settings.measure
    if view.settings.comparable:
        with suppress(QueryError):  # no finished hour in common
            return _change(view)
    elif view.selected.earlier_hours is not None:
        previous = view.selected.previous_rows("final")
        return totals.state_unlike_days(view.selected.final, previous, measure)
    return _total(view)


def _total(view: View) -> Statement:
    return totals.state_total(view.prepared.table, view.settings.measure)


def _change(view: View) -> Statement:
    return change.state_comparison(view.prepare("comparison").result)


def _largest(view: View) -> Statement:
    return totals.state_largest(view.selected.breakdown, view.settings.measure)


def _cost(view: View) -> Statement:
    if view.prepared.grouped:
        return totals.state_costs(view.selected.breakdown, view.settings.price)
    return state_cost(view.selected.hourly, view.settings.price)


def _overhead(view: View) -> Statement:
    if view.prepared.grouped:
        return _cost(view)
    found: Any = billing_overhead(view.selected.final)
    return state_overhead(found, view.selected.final)


def _month(view: View) -> Statement:
    found: Any = month_outlook("Explorer", view.prepared.table, measure="billed_minutes")
    return state_month(found, price=view.settings.price)


def _rate(view: View) -> Statement:
    """State a rate and its change; for groups, the group that changed or differs."""
    rates = view.prepared.table
    event = meaning_of(rates, "error_rate", "join_rate").event
    if view.prepared.grouped:
        if view.settings.comparable:
            return _effects(view, event)
        return state_rates(rates)
    if view.selected.earlier_hours is not None:
        return change.state_comparison(view.prepare("rates_compared").table, row=event)
    return state_rate_of(view.selected.final, str(event))


def _effects(view: View, event: str | None = None) -> Statement:
    return change.state_effects(view.prepare("effects", event=event).table)


def _drawn(state: Callable[..., Statement]) -> Callable[[View], Statement]:
    """Return the headline for the table of the figure."""
    return lambda view: state(view.prepared.table)


#: The headline of each figure that the dashboard offers.
HEADLINES: Final[Mapping[str, Callable[[View], Statement]]] = {
    "trend": _trend,
    "groups": _largest,
    "comparison": _change,
    "calendar": _total,
    "expected": lambda view: state_events(view.prepared.names["found"]),
    "week": lambda view: state_peak(view.selected.hourly, view.settings.measure),
    "day": _drawn(state_days),
    "errors": _rate,
    "joins": _rate,
    "control": _drawn(state_control),
    "error_week": _drawn(state_error_week),
    "funnel": _drawn(state_funnel),
    "effects": _effects,
    "billed": _cost,
    "month": _month,
    "overhead": _overhead,
    "pareto": _cost,
    "capacity": _drawn(state_capacity),
    "load_duration": _drawn(totals.state_load_duration),
    "traffic_week": lambda view: state_peak(view.selected.hourly, "traffic"),
}


def draw_with_headline(
    settings: Settings, cached: CachedUsage, client: str, narrow: bool, _theme: str
) -> tuple[View, Axes | None, str]:
    """Draw a figure in the theme in use, with its headline; no axes if there are no calls."""
    view = View(settings, cached, client)
    if view.selected.hourly["total_count"].sum() == 0:
        return view, None, ""
    return view, view.draw(narrow=narrow), HEADLINES[settings.view](view).sentence
