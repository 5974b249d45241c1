"""The summary at the top of a report: urgent findings first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Final, NamedTuple

import pandas as pd

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


class Finding(NamedTuple):
    """A sentence, and whether it tells of what is out of the ordinary."""

    words: str
    urgent: bool = False

    @property
    def sentence(self) -> str:
        """The words with their full stop."""
        return f"{self.words}."


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


def _calls(facts: Facts) -> Iterator[Finding | Statement]:
    days, place = facts.days, facts.about.timezone
    if len(days) == 0:
        seen = counted(facts.about.calls, "total_count")
        yield Finding(f"{seen} {when(facts.hourly)} ({place}), where no day is complete yet")
        return
    calls = float(days["total_count"].sum())
    over = f"{several(len(days), 'whole day')} {when(days)} ({place})"
    if not calls:
        yield Finding(f"No calls in {over}")
        return
    mean = f", {amount(calls / len(days))} per day" if len(days) > 1 else ""
    yield Finding(f"{counted(round(calls), 'total_count')} in {over}{mean}")
    yield from _change(facts, "total_count")


def _change(facts: Facts, measure: str) -> Iterator[Statement]:
    """How a measure changed from the previous period, where that is comparable."""
    if facts.changes is None or measure not in facts.changes.index:
        return
    meaning = meaning_of(facts.changes, "compare_periods")
    row = facts.changes.loc[measure]
    yield state_change(row, meaning, measure=measure, among=len(facts.changes))


def _errors(facts: Facts) -> Iterator[Finding | Statement]:
    yield from _rate("error_count", facts)
    yield state_control(facts.chart, meaning_of(facts.chart, "control_chart"))


def _joins(facts: Facts) -> Iterator[Statement]:
    yield from _rate("joined_count", facts)


def _rate(event: str, facts: Facts) -> Iterator[Statement]:
    """A rate, and how it differs from the previous period."""
    yield state_rate_of(facts.kept, event)
    if facts.rates is not None and event in facts.rates.index:
        meaning = meaning_of(facts.rates, "rate_difference")
        yield state_difference(facts.rates.loc[event], meaning, event=event)


def _capacity(facts: Facts) -> Iterator[Finding]:
    told = state_capacity(facts.capacity)
    yield Finding(told.sentence.removesuffix("."), told.urgent)


def _billing(facts: Facts) -> Iterator[Statement]:
    yield state_cost(facts.hourly, facts.price)
    yield from _change(facts, "billed_minutes")


def _month(facts: Facts) -> Iterator[Statement]:
    yield state_month(facts.month, price=facts.price)


def _groups(facts: Facts) -> Iterator[Statement]:
    if can_share_calls(facts.groups):
        yield state_largest(facts.groups, "total_count")
        return
    calls = facts.ranking["calls"]
    if not calls.sum() > 0 or len(calls) < 2:
        return
    yield state_funnel(facts.limits, meaning_of(facts.limits, "funnel"), dates(facts.groups))
    yield state_costs(facts.groups, facts.price)


def _peaks(facts: Facts) -> Iterator[Finding]:
    yield Finding(state_peak(facts.kept).sentence.removesuffix("."))


def _checks(facts: Facts) -> Iterator[Finding | Statement]:
    yield state_checks(facts.checks)


#: What each section has to tell, the most important section first.
_TELL: Final[dict[str, Callable[[Facts], Iterator[Finding | Statement]]]] = {
    "errors": _errors,
    "joins": _joins,
    "capacity": _capacity,
    "month": _month,
    "billing": _billing,
    "groups": _groups,
    "peaks": _peaks,
    "checks": _checks,
}
