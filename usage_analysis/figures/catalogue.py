"""The catalogue of figures: each with its result, its drawing call, its options and its Python.

Reports and the dashboard draw from this list. A figure is described by the calls of public
functions that make it, so that the Python shown for a figure is the Python that has run.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any, Final

from usage_analysis.analysis.billing import cost
from usage_analysis.analysis.capacity import capacity
from usage_analysis.analysis.comparison import compare_periods
from usage_analysis.analysis.control import control_chart
from usage_analysis.analysis.difference import rate_effects
from usage_analysis.analysis.funnel import funnel
from usage_analysis.analysis.marks import without
from usage_analysis.analysis.profiles import load_profile
from usage_analysis.analysis.rates import error_rate, join_rate
from usage_analysis.analysis.statements.month import describe_month
from usage_analysis.figures.calendar import plot_calendar
from usage_analysis.figures.compare import plot_comparison
from usage_analysis.figures.control import plot_control
from usage_analysis.figures.day import plot_day
from usage_analysis.figures.effects import plot_effects
from usage_analysis.figures.entry import Bucketed, Entry, Finished, Step, Unmarked, Use
from usage_analysis.figures.funnel import plot_funnel
from usage_analysis.figures.groups import plot_groups, plot_pareto
from usage_analysis.figures.heat import plot_error_week, plot_week
from usage_analysis.figures.load import plot_capacity, plot_load_duration
from usage_analysis.figures.money import plot_billing, plot_burn_up
from usage_analysis.figures.rates import plot_error_rate
from usage_analysis.figures.trend import plot_trend
from usage_analysis.tidy.periods import aggregate

_Function = Callable[..., Any]
_MEASURE: Final = {"measure": Use("measure")}
_DRAWN: Final = {"marks": Use("marks"), "about": Use("about")}
_NAMED: Final = {"groups": Use("groups"), **_DRAWN}
_BUCKETS: Final = Bucketed("table", aggregate, ("hourly",))
_FINISHED: Final = Finished("table", without, ("table",))
_GROUPED: Final = frozenset({"group", "groups", "top"})
_OVER_TIME: Final = frozenset({"granularity", "comparison"}) | _GROUPED
_COMPARED: Final = frozenset({"comparison"})


def _table(function: _Function, *inputs: str, **keywords: Any) -> Step:
    return Step("table", function, inputs or ("hourly",), keywords)


def _plot(function: _Function, *inputs: str, **keywords: Any) -> Step:
    several = "ax, *_" if function is plot_groups else "ax"
    return Step(several, function, inputs or ("table",), keywords)


def _week(
    name: str, plot: _Function, function: _Function, heeds: AbstractSet[str], **keywords: Any
) -> Entry:
    """Heat map of the hours of the week."""
    return Entry(
        name=name,
        heading="Hour of the week",
        steps=(_table(function, by="hour_of_week", **keywords),),
        plot=_plot(plot, about=Use("about")),
        rows="unmarked",
        heeds=frozenset(heeds),
    )


def _rate(name: str, heading: str, function: _Function) -> Entry:
    """Rate of the finished buckets over time."""
    return Entry(
        name=name,
        heading=heading,
        steps=(_BUCKETS, _FINISHED, _table(function, "table")),
        plot=_plot(plot_error_rate, **_NAMED),
        rows="by_group",
        heeds=_OVER_TIME,
    )


def _load(name: str, heading: str, plot: _Function) -> Entry:
    """Concurrent calls with their limit."""
    return Entry(
        name=name,
        heading=heading,
        steps=(_table(capacity, limit=Use("limit")),),
        plot=_plot(plot, **_DRAWN),
        heeds=frozenset({"limit"}),
    )


_ENTRIES: Final = (
    Entry(
        name="trend",
        heading="Over time",
        steps=(_BUCKETS, Bucketed("previous", aggregate, ("previous",))),
        plot=_plot(plot_trend, **_MEASURE, previous=Use("previous"), **_NAMED),
        rows="by_group",
        compares="previous_so_far",
        heeds=_OVER_TIME | {"measure"},
    ),
    Entry(
        name="groups",
        heading="One panel per group",
        steps=(_BUCKETS,),
        plot=_plot(plot_groups, **_MEASURE, **_NAMED),
        rows="groups",
        heeds=(_OVER_TIME - _COMPARED) | {"measure"},
    ),
    Entry(
        name="comparison",
        heading="Change",
        steps=(_table(compare_periods, "hourly", "previous", **_MEASURE),),
        plot=_plot(plot_comparison, about=Use("about")),
        rows="by_group",
        compares="previous",
        heeds=_COMPARED | {"group", "measure"},
    ),
    Entry(
        name="calendar",
        heading="Calendar",
        steps=(_table(aggregate, "hourly", every="D"),),
        plot=_plot(plot_calendar, **_MEASURE, **_DRAWN),
        heeds=_COMPARED | {"measure"},
        height=3.4,
    ),
    _week("week", plot_week, load_profile, {"measure"}, **_MEASURE),
    Entry(
        name="day",
        heading="Hour of the day",
        steps=(
            Unmarked("hourly", without, ("hourly",)),
            _table(load_profile, **_MEASURE, weekend=Use("weekend")),
        ),
        plot=_plot(plot_day, groups=Use("groups"), about=Use("about")),
        rows="by_group",
        heeds=_GROUPED | {"measure"},
    ),
    _rate("errors", "Over time", error_rate),
    Entry(
        name="control",
        heading="Control chart",
        steps=(_table(control_chart),),
        plot=_plot(plot_control, **_DRAWN),
        rows="unmarked",
        heeds=_COMPARED,
    ),
    _week("error_week", plot_error_week, error_rate, _COMPARED),
    Entry(
        name="funnel",
        heading="Funnel of groups",
        steps=(_table(funnel),),
        plot=_plot(plot_funnel, about=Use("about")),
        rows="groups",
        heeds=_COMPARED | {"group"},
    ),
    Entry(
        name="effects",
        heading="Change by group",
        steps=(_table(rate_effects, "hourly", "previous"),),
        plot=_plot(plot_effects, about=Use("about")),
        rows="groups",
        compares="previous_so_far",
        heeds=_COMPARED | {"group"},
    ),
    _rate("joins", "Joined calls", join_rate),
    Entry(
        name="billed",
        heading="Over time",
        steps=(_BUCKETS,),
        plot=_plot(plot_trend, measure="billed_minutes", **_NAMED),
        rows="by_group",
        heeds=_OVER_TIME | {"price"},
        tail=Step("", cost, ("hourly",), {"price": Use("price")}),
    ),
    Entry(
        name="month",
        heading="This month",
        steps=(_table(aggregate, "hourly", every="D"),),
        plot=_plot(plot_burn_up, budget=Use("budget"), **_DRAWN),
        rows="history",
        heeds=frozenset({"price"}),
        tail=Step("", describe_month, ("table",), {"price": Use("price"), "budget": Use("budget")}),
    ),
    Entry(
        name="overhead",
        heading="Billed over talk",
        steps=(_BUCKETS,),
        plot=_plot(plot_billing, **_NAMED),
        rows="by_group",
        heeds=_OVER_TIME - _COMPARED,
    ),
    Entry(
        name="pareto",
        heading="Shares of groups",
        steps=(_table(cost, price=Use("price")),),
        plot=_plot(plot_pareto, "hourly", groups=Use("groups"), about=Use("about")),
        rows="groups",
        heeds=_GROUPED | {"price"},
    ),
    _load("capacity", "Against the limit", plot_capacity),
    _load("load_duration", "Share of hours", plot_load_duration),
    _week("traffic_week", plot_week, load_profile, {"limit"}, measure="traffic"),
)
#: Every figure by its name.
CATALOGUE: Final = {entry.name: entry for entry in _ENTRIES}
