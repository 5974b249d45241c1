"""The summary at the top of a report: urgent findings first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any, Final, NamedTuple

import pandas as pd

from usage_analysis.analysis.meaning import meaning_of
from usage_analysis.analysis.rates import error_rate, join_rate
from usage_analysis.analysis.statements.billing import state_cost
from usage_analysis.analysis.statements.capacity import state_capacity
from usage_analysis.analysis.statements.checks import state_checks
from usage_analysis.analysis.statements.control import state_control
from usage_analysis.analysis.statements.funnel import state_funnel
from usage_analysis.analysis.statements.groups import state_costs, state_largest
from usage_analysis.analysis.statements.month import state_month
from usage_analysis.analysis.statements.peaks import state_peak
from usage_analysis.analysis.statements.statement import Statement
from usage_analysis.analysis.vocabulary import (
    amount,
    counted,
    dates,
    percents,
    several,
)
from usage_analysis.report.facts import Facts
from usage_analysis.tidy.overlap import can_share_calls

_OF_CALLS: Final = frozenset({"errors", "joins", "month", "groups", "peaks"})
"""Sections that have nothing to tell of no calls."""


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


def _calls(facts: Facts) -> Iterator[Finding]:
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
    before = "" if facts.previous is None else f"the same weekdays and hours {when(facts.previous)}"
    change = _change(facts, "calls", before)
    yield Finding(f"{counted(round(calls), 'total_count')} in {over}{mean}{change}")


def _change(facts: Facts, measure: str, before: str = "the period before") -> str:
    """How a measure changed from the period before, where one is given that can be compared."""
    if facts.changes is None:
        return ""
    row: Any = facts.changes.loc[measure]
    if not row["previous"] > 0:
        return f"; none in {before}"
    told = f"; {100 * row['change']:+.1f} % against {before}"
    if pd.isna(row["low"]):
        return told
    low, high = (100 * row[end] / row["previous"] for end in ("low", "high"))
    days = several(int(row["days"]), "day")
    return f"{told} ({_interval(f'{low:+.1f}', f'{high:+.1f}', ' %', low, high)}, {days})"


def _interval(low: str, high: str, unit: str, least: float, most: float) -> str:
    """The interval of a change, and whether it is one."""
    beyond = "beyond" if least > 0 or most < 0 else "within"
    return f"95 % interval {low} to {high}{unit}, {beyond} chance"


def _errors(facts: Facts) -> Iterator[Finding | Statement]:
    yield _rate("error rate", facts)
    yield state_control(facts.chart, meaning_of(facts.chart, "control_chart"))


def _joins(facts: Facts) -> Iterator[Finding]:
    yield _rate("join rate", facts)


def _rate(what: str, facts: Facts) -> Finding:
    """A rate with its n and its interval, and how it differs from the period before."""
    rate = error_rate if what == "error rate" else join_rate
    rows = facts.days if len(facts.days) else facts.hourly
    total = rate(rows, by="total").iloc[0]
    few = "" if total["enough"] else "; too few calls to tell much"
    shown, low, high = percents(total["rate"], total["low"], total["high"])
    interval = "" if pd.isna(total["low"]) else f", 95 % interval {low} to {high} %"
    told, beyond = ("", False) if few else _difference(what, facts)
    return Finding(
        f"{what.capitalize()} {shown} % ({total['events']:,.0f} of "
        f"{counted(round(total['calls']), 'total_count')}{interval}{few}) {when(rows)}{told}",
        urgent=beyond,
    )


def _difference(what: str, facts: Facts) -> tuple[str, bool]:
    """A rate's difference to the period before, and whether it is more than chance."""
    if facts.rates is None:
        return "", False
    row: Any = facts.rates.loc[what]
    if pd.isna(row["difference"]) or pd.isna(row["low"]):
        return "", False
    shown, low, high = map(_signed, percents(row["difference"], row["low"], row["high"]))
    interval = _interval(low, high, "", row["low"], row["high"])
    beyond = bool(row["low"] > 0 or row["high"] < 0)
    return f"; {shown} points against the period before ({interval})", beyond


def _signed(number: str) -> str:
    if float(number) == 0:
        return number.removeprefix("-")
    return number if number.startswith("-") else f"+{number}"


def _capacity(facts: Facts) -> Iterator[Finding]:
    told = state_capacity(facts.capacity)
    yield Finding(told.sentence.removesuffix("."), told.urgent)


def _billing(facts: Facts) -> Iterator[Statement]:
    yield state_cost(facts.hourly, facts.price, change=_change(facts, "billed minutes"))


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
"""What each section has to tell, the most important section first."""
