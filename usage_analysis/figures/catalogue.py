"""Catalogue of all figures: the result, the drawing call, the options and the Python of each.

Reports and the dashboard draw from this list. An entry lists the public functions that make a
figure, so that the Python shown for a figure is the Python that has run.
"""

from collections.abc import Callable
from typing import Any, Final

from matplotlib.figure import Figure

from usage_analysis.analysis.billing import cost
from usage_analysis.analysis.capacity import capacity
from usage_analysis.analysis.change_points import change_points
from usage_analysis.analysis.comparison import compare_periods
from usage_analysis.analysis.control import control_chart
from usage_analysis.analysis.difference import rate_difference, rate_effects
from usage_analysis.analysis.funnel import funnel
from usage_analysis.analysis.profiles import load_profile
from usage_analysis.analysis.rates import error_rate, join_rate
from usage_analysis.analysis.statements.money import describe_month
from usage_analysis.analysis.unusual import expected, unusual
from usage_analysis.figures.compare import plot_comparison, plot_effects
from usage_analysis.figures.entry import Bucketed, Changed, Entry, OfFirstEvent, Prepared, Step, Use
from usage_analysis.figures.expected import plot_expected
from usage_analysis.figures.groups import groups_figure, plot_groups, plot_pareto
from usage_analysis.figures.heat import plot_calendar, plot_error_week, plot_week
from usage_analysis.figures.load import plot_capacity, plot_day, plot_load_duration
from usage_analysis.figures.money import plot_billing, plot_burn_up
from usage_analysis.figures.rates import plot_control, plot_error_rate, plot_funnel
from usage_analysis.figures.trend import plot_trend
from usage_analysis.tidy.periods import aggregate

_Function = Callable[..., Any]
_MEASURE: Final = {"measure": Use("measure")}
_DRAWN: Final = {"marks": Use("marks"), "about": Use("about")}
_ABOUT: Final = {"about": Use("about")}
_NAMED: Final = {"groups": Use("groups"), **_DRAWN}
_BUCKETS: Final = Bucketed("table", aggregate, ("hourly",))
_ERRORS: Final = frozenset({"error_count"})
_BILLED: Final = frozenset({"billed_minutes"})


def _table(function: _Function, *inputs: str, **keywords: Any) -> Step:
    return Step("table", function, inputs or ("hourly",), keywords)


def _plot(function: _Function, *inputs: str, **keywords: Any) -> Step:
    return Step("ax", function, inputs or ("table",), keywords)


def _rate(name: str, heading: str, function: _Function, event: str) -> Entry:
    """Return the entry of a rate over time, from all final hours."""
    return Entry(
        name=name,
        heading=heading,
        steps=(
            _BUCKETS,
            _table(function, "table"),
            Changed("changes", change_points, ("daily",), {"measure": function.__name__}),
        ),
        plot=_plot(plot_error_rate, changes=Use("changes"), **_NAMED),
        rows="final",
        groups="optional",
        columns=frozenset({event}),
        more_heeds=frozenset({"comparison"}),
    )


def _week(name: str, plot: _Function, table: Step, **more: Any) -> Entry:
    """Return the entry of a heat map of the hours of the week."""
    drawn = _plot(plot, **_ABOUT)
    return Entry(name=name, heading="Hour of the week", steps=(table,), plot=drawn, **more)


def _load(name: str, heading: str, plot: _Function) -> Entry:
    """Return the entry of a figure of concurrent calls with their limit."""
    return Entry(
        name=name,
        heading=heading,
        steps=(_table(capacity, limit=Use("limit")),),
        plot=_plot(plot, **_DRAWN),
        rows="unmarked",
        single_hours=True,
        columns=frozenset({"duration"}),
    )


def _panels(prepared: Prepared, width: float) -> Figure:
    """Return a figure of a given width for the panels of groups."""
    groups = prepared.names["groups"]
    shown = groups if isinstance(groups, int) else len(groups or range(30))
    return groups_figure(min(shown, prepared.table.iloc[:, 0].nunique()), width)


_ENTRIES: Final = (
    Entry(
        name="trend",
        heading="Over time",
        steps=(
            _BUCKETS,
            Bucketed("previous", aggregate, ("previous",)),
            Changed("changes", change_points, ("daily",), _MEASURE),
        ),
        plot=_plot(
            plot_trend, **_MEASURE, previous=Use("previous"), changes=Use("changes"), **_NAMED
        ),
        groups="optional",
        previous="beside",
    ),
    Entry(
        name="groups",
        heading="One panel per group",
        steps=(_BUCKETS,),
        plot=Step("ax, *_", plot_groups, ("table",), _MEASURE | _NAMED),
        groups="required",
        panels=_panels,
    ),
    Entry(
        name="comparison",
        heading="Change",
        steps=(_table(compare_periods, "hourly", "previous", **_MEASURE, history=Use("earlier")),),
        plot=_plot(plot_comparison, **_ABOUT),
        groups="optional",
        previous="whole",
        height=3.6,
    ),
    Entry(
        name="rates_compared",
        heading="Change of rates",
        steps=(_table(rate_difference, "hourly", "previous", event=Use("events")),),
        plot=_plot(plot_comparison, **_ABOUT),
        rows="final",
        previous="final",
        height=2.8,
    ),
    Entry(
        name="expected",
        heading="Unusual hours",
        steps=(Step("found", unusual, ("hourly",)), OfFirstEvent("table", expected, ("hourly",))),
        plot=_plot(plot_expected, found=Use("found"), **_DRAWN),
        rows="unmarked",
        single_hours=True,
    ),
    Entry(
        name="calendar",
        heading="Calendar",
        steps=(_table(aggregate, "hourly", every="D"),),
        plot=_plot(plot_calendar, **_MEASURE, **_DRAWN),
        height=3.4,
    ),
    _week("week", plot_week, _table(load_profile, by="hour_of_week", **_MEASURE), rows="unmarked"),
    Entry(
        name="day",
        heading="Hour of the day",
        steps=(_table(load_profile, **_MEASURE, weekend=Use("weekend")),),
        plot=_plot(plot_day, groups=Use("groups"), **_ABOUT),
        rows="unmarked",
        groups="optional",
    ),
    _rate("errors", "Over time", error_rate, "error_count"),
    Entry(
        name="control",
        heading="Control chart",
        steps=(_table(control_chart),),
        plot=_plot(plot_control, **_DRAWN),
        rows="unmarked",
        columns=_ERRORS,
    ),
    _week(
        "error_week",
        plot_error_week,
        _table(error_rate, by="hour_of_week"),
        rows="final",
        columns=_ERRORS,
    ),
    Entry(
        name="funnel",
        heading="Funnel of groups",
        steps=(_table(funnel),),
        plot=_plot(plot_funnel, **_ABOUT),
        rows="final",
        groups="required",
        columns=_ERRORS,
    ),
    Entry(
        name="effects",
        heading="Change by group",
        steps=(_table(rate_effects, "hourly", "previous", event=Use("event")),),
        plot=_plot(plot_effects, **_ABOUT),
        rows="final",
        groups="required",
        previous="final",
        columns=_ERRORS,
    ),
    _rate("joins", "Joined calls", join_rate, "joined_count"),
    Entry(
        name="billed",
        heading="Over time",
        steps=(_BUCKETS,),
        plot=_plot(plot_trend, measure="billed_minutes", **_NAMED),
        groups="optional",
        columns=_BILLED,
        tail=Step("", cost, ("hourly",), {"price": Use("price")}),
    ),
    Entry(
        name="month",
        heading="This month",
        steps=(_table(aggregate, "hourly", every="D"),),
        plot=_plot(plot_burn_up, budget=Use("budget"), **_DRAWN),
        rows="history",
        columns=_BILLED,
        tail=Step("", describe_month, ("table",), {"price": Use("price"), "budget": Use("budget")}),
    ),
    Entry(
        name="overhead",
        heading="Billed over talk",
        steps=(_BUCKETS,),
        plot=_plot(plot_billing, **_NAMED),
        groups="optional",
        columns=_BILLED | {"duration", "joined_count"},
    ),
    Entry(
        name="pareto",
        heading="Shares of groups",
        steps=(_table(cost, price=Use("price")),),
        plot=_plot(plot_pareto, "hourly", groups=Use("groups"), **_ABOUT),
        groups="required",
        columns=_BILLED,
        height=lambda prepared: min(max(2.6, 1.6 + 0.25 * len(prepared.table)), 5.0),
    ),
    _load("capacity", "Against the limit", plot_capacity),
    _load("load_duration", "Share of hours", plot_load_duration),
    _week(
        "traffic_week",
        plot_week,
        _table(load_profile, by="hour_of_week", measure="traffic"),
        rows="unmarked",
        columns=frozenset({"duration"}),
        more_heeds=frozenset({"limit"}),
    ),
)
#: Every figure by its name.
CATALOGUE: Final = {entry.name: entry for entry in _ENTRIES}
