"""The summary at the top of a report: urgent findings first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Final

import pandas as pd

from usage_analysis.analysis.capacity import capacity
from usage_analysis.analysis.funnel import funnel
from usage_analysis.analysis.meaning import meaning_of
from usage_analysis.analysis.statements.billing import state_cost
from usage_analysis.analysis.statements.capacity import state_capacity
from usage_analysis.analysis.statements.change import state_change, state_difference
from usage_analysis.analysis.statements.checks import state_checks
from usage_analysis.analysis.statements.control import state_control
from usage_analysis.analysis.statements.funnel import state_funnel
from usage_analysis.analysis.statements.groups import state_costs, state_largest
from usage_analysis.analysis.statements.month import state_month
from usage_analysis.analysis.statements.peaks import state_peak
from usage_analysis.analysis.statements.rates import state_rate_of
from usage_analysis.analysis.statements.statement import Statement
from usage_analysis.analysis.vocabulary import amount, counted, dates, several
from usage_analysis.report.facts import Facts
from usage_analysis.tidy.overlap import can_share_calls

#: Sections that have nothing to tell of no calls.
_OF_CALLS: Final = frozenset({"errors", "joins", "month", "groups", "peaks"})


def findings(facts: Facts, sections: Collection[str]) -> list[str]:
    """Return the summary: the number of calls, then urgent findings, then the others."""
    some = facts.about.calls > 0
    told = [name for name in _TELL if name in sections and (some or name not in _OF_CALLS)]
    found = [one for name in told for one in _TELL[name](facts)]
    found.sort(key=lambda one: not one.urgent)
    return [one.sentence for one in (*_calls(facts), *found)]


def when(frame: pd.DataFrame) -> str:
    """First and last day of local rows, in words."""
    first, last = (f"{day:%Y-%m-%d}" for day in (frame.index.min(), frame.index.max()))
    return f"on {first}" if first == last else f"from {first} to {last}"


def _calls(facts: Facts) -> Iterator[Statement]:
    """State the number of calls, which has no figure and so no title."""
    days, place = facts.selected.whole_days, facts.about.timezone
    over = f"{several(len(days), 'whole day')} {when(days)} ({place})" if len(days) else ""
    calls = float(days["total_count"].sum())
    if not over:
        seen, shown = counted(facts.about.calls, "total_count"), when(facts.selected.hourly)
        yield Statement("", f"{seen} {shown} ({place}), where no day is complete yet.")
    elif not calls:
        yield Statement("", f"No calls in {over}.")
    else:
        mean = f", {amount(calls / len(days))} per day" if len(days) > 1 else ""
        yield Statement("", f"{counted(round(calls), 'total_count')} in {over}{mean}.")
        yield from _change(facts, "total_count")


def _change(facts: Facts, measure: str) -> Iterator[Statement]:
    """How a measure changed from the previous period, where that is comparable."""
    if facts.changes is None or measure not in facts.changes.index:
        return
    meaning = meaning_of(facts.changes, "compare_periods")
    row = facts.changes.loc[measure]
    yield state_change(row, meaning, measure=measure, among=len(facts.changes))


def _errors(facts: Facts) -> Iterator[Statement]:
    yield from _rate("error_count", facts)
    yield state_control(facts.chart, meaning_of(facts.chart, "control_chart"))


def _joins(facts: Facts) -> Iterator[Statement]:
    yield from _rate("joined_count", facts)


def _rate(event: str, facts: Facts) -> Iterator[Statement]:
    """A rate, and how it differs from the previous period."""
    yield state_rate_of(facts.selected.unmarked, event)
    if facts.rates is not None and event in facts.rates.index:
        meaning = meaning_of(facts.rates, "rate_difference")
        yield state_difference(facts.rates.loc[event], meaning, event=event)


def _capacity(facts: Facts) -> Iterator[Statement]:
    yield state_capacity(capacity(facts.selected.unmarked, limit=facts.limit))


def _billing(facts: Facts) -> Iterator[Statement]:
    yield state_cost(facts.selected.hourly, facts.price)
    yield from _change(facts, "billed_minutes")


def _month(facts: Facts) -> Iterator[Statement]:
    yield state_month(facts.month, price=facts.price)


def _groups(facts: Facts) -> Iterator[Statement]:
    groups = facts.selected.breakdown
    if can_share_calls(groups):
        yield state_largest(groups, "total_count")
        return
    calls = facts.ranking["calls"]
    if not calls.sum() > 0 or len(calls) < 2:
        return
    limits = funnel(groups)
    yield state_funnel(limits, meaning_of(limits, "funnel"), dates(groups))
    yield state_costs(groups, facts.price)


def _peaks(facts: Facts) -> Iterator[Statement]:
    yield state_peak(facts.selected.unmarked)


def _checks(facts: Facts) -> Iterator[Statement]:
    yield state_checks(facts.checks)


#: What each section has to tell, the most important section first.
_TELL: Final[dict[str, Callable[[Facts], Iterator[Statement]]]] = {
    "errors": _errors,
    "joins": _joins,
    "capacity": _capacity,
    "month": _month,
    "billing": _billing,
    "groups": _groups,
    "peaks": _peaks,
    "checks": _checks,
}
