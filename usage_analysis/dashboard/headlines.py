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
from usage_analysis.dashboard.views import View as Scene
from usage_analysis.figures.axes import in_units
from usage_analysis.tidy.frames import REST

_FEW_GROUPS = 2
"""With fewer there is none to tell from the others."""


def sentence(text: str) -> str:
    """Text that begins with a capital and ends with a full stop."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def total_told(scene: Scene, measure: str) -> str:
    """How much of a measure the days shown hold."""
    value = float(np.nansum(in_units(scene.hourly, measure)))
    when = f"{scene.settings.days.when} ({scene.settings.timezone})"
    return f"{amount(value)} {UNITS[measure]} {when}"


def change_told(scene: Scene, measure: str) -> str:
    """What the days before say, to the same hour of the clock where these are not over."""
    days, now = scene.settings.previous, scene.selected.final
    before = scene.selected.previous_so_far
    if before is None or days is None:
        return ""
    new, old = (float(np.nansum(in_units(rows, measure))) for rows in (now, before))
    final = f"; the {len(now)} hours that are final have {amount(new)}"
    final = final if len(now) < len(scene.hourly) else ""
    if old == 0:
        return f"{final}; none in the days before, {days}"
    share = 100 * (new - old) / old
    way = "more" if share >= 0 else "fewer"
    hours = "as many hours" if len(now) == len(before) else f"the {len(before)} hours"
    beside = "" if len(now) == len(before) else f" beside these {len(now)}"
    told = f"{abs(share):.1f} % {way} than in {hours} {days.when} ({amount(old)}){beside}"
    return f"{final}{',' if final else ';'} {told}"


def compared_told(scene: Scene, measure: str) -> str:
    """The fair change: each hour beside the same one whole weeks before, with its interval."""
    found: Any = compare_periods(scene.hourly, scene.selected.previous, measure=measure)
    days, hours = int(found["days"]), int(found["hours"])
    some = f"{hours} of {len(scene.hourly)}" if hours < len(scene.hourly) else f"{hours}"
    over = f"{days} days" if days > 1 else f"{some} hours"
    if not found["previous"]:
        return f"{total_told(scene, measure)}; none in the {over} of the same weekdays before"
    change, low, high = (100 * found[name] / found["previous"] for name in ("delta", "low", "high"))
    told = "too few for an interval"
    if np.isfinite(low):
        told = f"95 % interval {low:+.1f} to {high:+.1f}"
    return (
        f"{total_told(scene, measure)}; {change:+.1f} % ({told}) "
        f"over {over} beside those of the same weekdays before"
    )


def errors_told(scene: Scene, *, groups: bool = False) -> str:
    """The error rate with its interval, and its difference to the days set beside.

    With `groups` it tells which of them most of the difference comes from, where the days set
    beside are alike.
    """
    told = str(describe_errors(scene.hourly))
    days, now, before = (
        scene.settings.previous,
        scene.selected.final,
        scene.selected.previous_so_far,
    )
    if (
        days is not None
        and before is not None
        and (min(rows["total_count"].sum() for rows in (now, before)) > 0)
    ):
        found: Any = rate_difference(now, before, independent="days")
        low, high = 100 * found["low"], 100 * found["high"]
        hours = f" in the {len(now)} hours that are final" if len(now) < len(scene.hourly) else ""
        told += (
            f"; {100 * found['difference']:+.2f} points{hours} against the rate {days.when} "
            f"(95 % interval {low:+.2f} to {high:+.2f})"
        )
        if groups and scene.settings.alike:
            told += _driver_told(scene, found["difference"])
    return sentence(told)


def _driver_told(scene: Scene, difference: float) -> str:
    """Which group most of a difference of error rates comes from; "" where none are told apart."""
    if not scene.settings.group or round(100 * difference, 2) == 0:
        return ""
    effects = scene.selected.effects
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


def money_told(scene: Scene, *, change: str = "") -> str:
    """Return the cost of the displayed days, with a clause on how the billed minutes changed."""
    return state_cost(scene.hourly, scene.settings.price, change=change).sentence


def capacity_told(scene: Scene) -> str:
    """Return how many calls the limit probably refused."""
    return str(describe_capacity(scene.hourly, limit=scene.settings.limit))


def _over_time(scene: Scene) -> str:
    """Total and change of all calls; of groups, which has the most."""
    measure = scene.settings.measure
    if scene.prepared.grouped:
        return _largest(scene)
    told = f"{total_told(scene, measure)}{change_told(scene, measure)}."
    beside = scene.prepared.names["previous"]
    dashed = beside is not None and len(beside) > 0
    return f"{told} Dashed: {scene.settings.previous}." if dashed else told


def _largest(scene: Scene) -> str:
    return state_largest(scene.selected.breakdown, scene.settings.measure).sentence


def _billed(scene: Scene) -> str:
    if scene.prepared.grouped:
        return _costs(scene)
    return money_told(scene, change=change_told(scene, "billed_minutes"))


def _costs(scene: Scene) -> str:
    return state_costs(scene.selected.breakdown, scene.settings.price).sentence


def _overhead(scene: Scene) -> str:
    return _costs(scene) if scene.prepared.grouped else money_told(scene)


def _month(scene: Scene) -> str:
    return str(describe_month(scene.prepared.table, price=scene.settings.price))


def _peak(scene: Scene) -> str:
    return state_peak(scene.hourly, scene.settings.measure).sentence


def _traffic_peak(scene: Scene) -> str:
    return state_peak(scene.hourly, "traffic").sentence


def _group_errors(scene: Scene) -> str:
    return errors_told(scene, groups=True)


def _control(scene: Scene) -> str:
    chart = scene.prepared.table
    return state_control(chart, meaning_of(chart, "control_chart")).sentence


def _error_week(scene: Scene) -> str:
    rates = scene.prepared.table
    return state_error_week(rates, meaning_of(rates, "error_rate"), dates(scene.hourly)).sentence


def _funnel(scene: Scene) -> str:
    limits = scene.prepared.table
    return state_funnel(limits, meaning_of(limits, "funnel"), dates(scene.hourly)).sentence


def _compared(scene: Scene) -> str:
    return f"{compared_told(scene, scene.settings.measure)}."


HEADLINES: Final[Mapping[str, Callable[[Scene], str]]] = {
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
