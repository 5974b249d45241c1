"""The sentence above each figure: its finding, with its days, its clock and its interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from usage_analysis.analysis.comparison import compare_periods
from usage_analysis.analysis.difference import rate_difference
from usage_analysis.analysis.meaning import meaning_of
from usage_analysis.analysis.rates import describe_errors
from usage_analysis.analysis.statements.billing import state_cost
from usage_analysis.analysis.statements.capacity import describe_capacity
from usage_analysis.analysis.statements.control import state_control, state_error_week
from usage_analysis.analysis.statements.funnel import state_funnel
from usage_analysis.analysis.statements.groups import state_costs, state_largest
from usage_analysis.analysis.statements.month import describe_month
from usage_analysis.analysis.statements.peaks import state_peak
from usage_analysis.analysis.vocabulary import UNITS, amount, dates, shorten
from usage_analysis.dashboard.views import View
from usage_analysis.figures.axes import in_units
from usage_analysis.tidy.frames import REST

_FEW_GROUPS = 2
"""With fewer there is none to tell from the others."""


def sentence(text: str) -> str:
    """Text that begins with a capital and ends with a full stop."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def total_told(view: View, measure: str) -> str:
    """How much of a measure the days shown hold."""
    value = float(np.nansum(in_units(view.hourly, measure)))
    when = f"{view.settings.days.when} ({view.settings.timezone})"
    return f"{amount(value)} {UNITS[measure]} {when}"


def change_told(view: View, measure: str) -> str:
    """What the days before say, to the same hour of the clock where these are not over."""
    days, now = view.settings.previous, view.selected.final
    before = view.selected.previous_so_far
    if before is None or days is None:
        return ""
    new, old = (float(np.nansum(in_units(rows, measure))) for rows in (now, before))
    final = f"; the {len(now)} hours that are final have {amount(new)}"
    final = final if len(now) < len(view.hourly) else ""
    if old == 0:
        return f"{final}; none in the days before, {days}"
    share = 100 * (new - old) / old
    way = "more" if share >= 0 else "fewer"
    hours = "as many hours" if len(now) == len(before) else f"the {len(before)} hours"
    beside = "" if len(now) == len(before) else f" beside these {len(now)}"
    told = f"{abs(share):.1f} % {way} than in {hours} {days.when} ({amount(old)}){beside}"
    return f"{final}{',' if final else ';'} {told}"


def compared_told(view: View, measure: str) -> str:
    """The fair change: each hour beside the same one whole weeks before, with its interval."""
    found: Any = compare_periods(view.hourly, view.selected.previous, measure=measure)
    days, hours = int(found["days"]), int(found["hours"])
    some = f"{hours} of {len(view.hourly)}" if hours < len(view.hourly) else f"{hours}"
    over = f"{days} days" if days > 1 else f"{some} hours"
    if not found["previous"]:
        return f"{total_told(view, measure)}; none in the {over} of the same weekdays before"
    change, low, high = (100 * found[name] / found["previous"] for name in ("delta", "low", "high"))
    told = "too few for an interval"
    if np.isfinite(low):
        told = f"95 % interval {low:+.1f} to {high:+.1f}"
    return (
        f"{total_told(view, measure)}; {change:+.1f} % ({told}) "
        f"over {over} beside those of the same weekdays before"
    )


def errors_told(view: View, *, groups: bool = False) -> str:
    """The error rate with its interval, and its difference to the days set beside.

    With `groups` it tells which of them most of the difference comes from, where the days set
    beside are alike.
    """
    told = str(describe_errors(view.hourly))
    days, now, before = (
        view.settings.previous,
        view.selected.final,
        view.selected.previous_so_far,
    )
    if (
        days is not None
        and before is not None
        and (min(rows["total_count"].sum() for rows in (now, before)) > 0)
    ):
        found: Any = rate_difference(now, before, independent="days")
        low, high = 100 * found["low"], 100 * found["high"]
        hours = f" in the {len(now)} hours that are final" if len(now) < len(view.hourly) else ""
        told += (
            f"; {100 * found['difference']:+.2f} points{hours} against the rate {days.when} "
            f"(95 % interval {low:+.2f} to {high:+.2f})"
        )
        if groups and view.settings.alike:
            told += _driver_told(view, found["difference"])
    return sentence(told)


def _driver_told(view: View, difference: float) -> str:
    """Which group most of a difference of error rates comes from; "" where none are told apart."""
    if not view.settings.group or round(100 * difference, 2) == 0:
        return ""
    effects = view.selected.effects
    effects = effects[effects["calls_a"] + effects["calls_b"] > 0]
    if len(effects) < _FEW_GROUPS:
        return ""
    points = 100 * effects.loc[:, "rate_effect":]
    most = (points["effect"] * np.sign(difference)).idxmax()
    own, low, high, mix, both = points.loc[most]
    interval = f", 95 % interval {low:+z.2f} to {high:+z.2f}" if np.isfinite(low) else ""
    return (
        f"; of it {'the ' * (most == REST)}{shorten(str(most), 40)} makes {both:+z.2f} points "
        f"({own:+z.2f} by its own rate{interval}; {mix:+z.2f} by its share of the calls), the "
        f"others {points['effect'].sum() - both:+z.2f}"
    )


def money_told(view: View, *, change: str = "") -> str:
    """Return the cost of the displayed days, with a clause on how the billed minutes changed."""
    return state_cost(view.hourly, view.settings.price, change=change).sentence


def capacity_told(view: View) -> str:
    """Return how many calls the limit probably refused."""
    return str(describe_capacity(view.hourly, limit=view.settings.limit))


def _over_time(view: View) -> str:
    """Total and change of all calls; of groups, which has the most."""
    measure = view.settings.measure
    if view.prepared.grouped:
        return _largest(view)
    told = f"{total_told(view, measure)}{change_told(view, measure)}."
    beside = view.prepared.names["previous"]
    dashed = beside is not None and len(beside) > 0
    return f"{told} Dashed: {view.settings.previous}." if dashed else told


def _largest(view: View) -> str:
    return state_largest(view.selected.breakdown, view.settings.measure).sentence


def _billed(view: View) -> str:
    if view.prepared.grouped:
        return _costs(view)
    return money_told(view, change=change_told(view, "billed_minutes"))


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
    return f"{compared_told(view, view.settings.measure)}."


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
"""The headline of each figure that the dashboard offers."""
