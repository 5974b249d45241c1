"""Summary at the top of a report: urgent findings first."""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final

from usage_analysis.analysis.statements.change import state_comparison
from usage_analysis.analysis.statements.checks import state_checks
from usage_analysis.analysis.statements.control import state_control, state_funnel
from usage_analysis.analysis.statements.money import state_cost, state_month
from usage_analysis.analysis.statements.peaks import state_capacity, state_peak
from usage_analysis.analysis.statements.rates import state_rate_of
from usage_analysis.analysis.statements.statement import Statement
from usage_analysis.analysis.statements.totals import (
    state_costs,
    state_largest,
    state_no_match,
    state_total,
)
from usage_analysis.report.tables import ReportResults
from usage_analysis.tidy.frames import can_share_calls

#: Sections that have nothing to state without calls.
_OF_CALLS: Final = frozenset({"errors", "joins", "month", "groups", "peaks"})


def summarize(results: ReportResults, sections: Collection[str]) -> list[str]:
    """Return the summary: the number of calls, then urgent findings, then the others."""
    some = results.about.calls > 0
    names = [name for name in _STATE if name in sections and (some or name not in _OF_CALLS)]
    unusual = results.events if some and "unusual" in sections and len(results.unusual) else ()
    found = [one for name in names for one in _STATE[name](results)]
    found.sort(key=lambda one: not one.urgent)
    return [one.sentence for one in (*unusual, *_calls(results), *found)]


def _calls(results: ReportResults) -> Iterator[Statement]:
    selected = results.selected
    if results.about.filters and not results.about.calls:
        yield state_no_match(selected.usage, results.about.filters)
    yield state_total(selected.daily, "total_count", selected.selection.marks)
    yield from _change(results, "total_count")


def _change(results: ReportResults, measure: str) -> Iterator[Statement]:
    """State how a measure changed from the previous period, where that is comparable."""
    if results.changes is not None and measure in results.changes.index:
        yield state_comparison(results.changes, row=measure)


def _errors(results: ReportResults) -> Iterator[Statement]:
    yield from _rate("error_count", results)
    yield state_control(results.prepare("control").table)


def _rate(event: str, results: ReportResults) -> Iterator[Statement]:
    """State a rate, and how it differs from the previous period."""
    yield state_rate_of(results.selected.final, event)
    if results.rates is not None and event in results.rates.index:
        yield state_comparison(results.rates, row=event)


def _billing(results: ReportResults) -> Iterator[Statement]:
    yield state_cost(results.selected.hourly, results.options.price)
    yield from _change(results, "billed_minutes")


def _groups(results: ReportResults) -> Iterator[Statement]:
    groups = results.selected.breakdown
    several = groups.iloc[:, 0].nunique() > 1 and groups["total_count"].sum() > 0
    sharing = can_share_calls(groups)
    if several and not sharing and not results.lacks("funnel"):
        yield state_funnel(results.prepare("funnel").table)
    if sharing or (several and results.lacks("pareto")):
        yield state_largest(groups, "total_count")
    elif several:
        yield state_costs(groups, results.options.price)


#: What each section has to state, the most important section first.
_STATE: Final[dict[str, Callable[[ReportResults], Iterable[Statement]]]] = {
    "errors": _errors,
    "joins": lambda results: _rate("joined_count", results),
    "capacity": lambda results: [state_capacity(results.prepare("capacity").table)],
    "month": lambda results: [state_month(results.month, price=results.options.price)],
    "billing": _billing,
    "groups": _groups,
    "peaks": lambda results: [state_peak(results.selected.unmarked)],
    "checks": lambda results: [state_checks(results.checks, results.selected.selection.timezone)],
}
