"""The figures on the tabs: each with its headline, its table and the Python lines that make it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes

from usage_analysis.analysis.billing import cost
from usage_analysis.analysis.busiest import describe_peak
from usage_analysis.analysis.capacity import capacity
from usage_analysis.analysis.comparison import compare_periods
from usage_analysis.analysis.control import control_chart
from usage_analysis.analysis.funnel import funnel
from usage_analysis.analysis.profiles import load_profile
from usage_analysis.analysis.rates import error_rate
from usage_analysis.analysis.statements.groups import state_costs, state_largest
from usage_analysis.dashboard.headlines import (
    capacity_told,
    change_told,
    compared_told,
    errors_told,
    money_told,
    month_told,
    sentence,
    total_told,
)
from usage_analysis.dashboard.scene import Scene
from usage_analysis.dashboard.settings import Settings
from usage_analysis.figures.axes import finished
from usage_analysis.figures.compare import plot_comparison
from usage_analysis.figures.day import plot_day
from usage_analysis.figures.effects import plot_effects
from usage_analysis.figures.funnel import plot_funnel
from usage_analysis.figures.groups import plot_groups, plot_pareto
from usage_analysis.figures.heat import plot_calendar, plot_error_week, plot_week
from usage_analysis.figures.load import plot_capacity, plot_load_duration
from usage_analysis.figures.money import plot_billing, plot_burn_up
from usage_analysis.figures.rates import plot_control, plot_error_rate
from usage_analysis.figures.trend import plot_trend
from usage_analysis.tidy.periods import aggregate

TABS: Final = {
    "trends": "Trends",
    "peaks": "Peak hours",
    "errors": "Errors",
    "money": "Money",
    "capacity": "Capacity",
}


@dataclass(frozen=True, eq=False)
class Drawn:
    """A figure and what is said and given with it.

    Parameters
    ----------
    axes
        What is drawn.
    headline
        The sentence above it.
    table
        What it is drawn from.
    lines
        Python lines that make the same figure.
    """

    axes: Axes
    headline: str
    table: pd.DataFrame
    lines: Sequence[str]

    @property
    def python(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines)


@dataclass(frozen=True)
class View:
    """A figure that a tab offers.

    Parameters
    ----------
    tab
        Where it is offered.
    label
        What it is called there.
    draw
        Makes it.
    uses
        Controls that change it, of those that not every figure heeds.
    groups
        Whether it is only there where calls are told apart.
    compared
        Whether it is only there where days are set beside of which some have the same weekday.
    """

    tab: str
    label: str
    draw: Callable[[Scene], Drawn]
    uses: frozenset[str] = frozenset()
    groups: bool = False
    compared: bool = False

    def offered(self, tab: str, *, grouped: bool, compared: bool) -> bool:
        """Whether a tab has it, with groups told apart or not, and days set beside or not."""
        return self.tab == tab and grouped >= self.groups and compared >= self.compared


def views_of(settings: Settings) -> list[tuple[str, str]]:
    """Labels and names of the figures that the tab of some settings offers."""
    grouped, compared = bool(settings.group), settings.alike
    return [
        (view.label, name)
        for name, view in VIEWS.items()
        if view.offered(settings.tab, grouped=grouped, compared=compared)
    ]


def _trend(scene: Scene) -> Drawn:
    settings, measure, days = scene.settings, scene.settings.measure, scene.settings.previous
    table, about = scene.buckets(), scene.about_rows(scene.grouped)
    earlier = None
    if (
        scene.selected.previous_so_far is not None
        and not settings.group
        and settings.granularity in ("h", "D")
    ):
        earlier = scene.bucketed(scene.selected.previous_so_far)
    axes = plot_trend(table, measure=measure, previous=earlier, groups=scene.groups, about=about)
    dashed = "" if earlier is None else f"previous={scene.bucketed_in_words('previous')}, "
    given = f"{dashed}{_groups_given(scene)}about=about"
    lines = [
        *scene.lines(grouped=True, beside=earlier is not None),
        *(scene.previous_lines() if earlier is not None else []),
        _bucketed(scene),
        f"ax = ua.plot_trend(table, measure={measure!r}, {given})",
    ]
    if settings.group:
        return Drawn(axes, state_largest(scene.grouped, measure).sentence, table, lines)
    headline = f"{total_told(scene, measure)}{change_told(scene, measure)}."
    if days is not None and earlier is not None and len(earlier):
        headline += f" Dashed: {days}."
    return Drawn(axes, headline, table, lines)


def _groups(scene: Scene) -> Drawn:
    measure, table = scene.settings.measure, scene.buckets()
    axes = plot_groups(
        table, measure=measure, groups=scene.groups, about=scene.about_rows(scene.grouped)
    )
    given = f"{_groups_given(scene)}about=about"
    lines = [
        *scene.lines(grouped=True),
        _bucketed(scene),
        f"ax, *_ = ua.plot_groups(table, measure={measure!r}, {given})",
    ]
    return Drawn(axes[0], state_largest(scene.grouped, measure).sentence, table, lines)


def _comparison(scene: Scene) -> Drawn:
    measure = scene.settings.measure
    table = compare_periods(scene.grouped, scene.selected.previous_groups, measure=measure)
    axes = plot_comparison(table, measure=measure, about=scene.about_rows(scene.grouped))
    lines = [
        *scene.lines(grouped=True, beside=True),
        f"table = ua.compare_periods(hourly, previous, measure={measure!r})",
        f"ax = ua.plot_comparison(table, measure={measure!r}, about=about)",
    ]
    shown = table.to_frame().T if isinstance(table, pd.Series) else table
    return Drawn(axes, f"{compared_told(scene, measure)}.", shown, lines)


def _calendar(scene: Scene) -> Drawn:
    measure, table = scene.settings.measure, aggregate(scene.hourly, "D")
    axes = plot_calendar(table, measure=measure, about=scene.about)
    lines = [
        *scene.lines(),
        'table = ua.aggregate(hourly, "D")',
        f"ax = ua.plot_calendar(table, measure={measure!r}, about=about)",
    ]
    return Drawn(axes, f"{total_told(scene, measure)}{change_told(scene, measure)}.", table, lines)


def _week(scene: Scene) -> Drawn:
    return _weekly(scene, scene.settings.measure, describe_peak(
        scene.hourly, measure=scene.settings.measure))  # fmt: skip


def _day(scene: Scene) -> Drawn:
    measure = scene.settings.measure
    table = load_profile(scene.grouped, by="hour_of_day", measure=measure)
    about = scene.about_rows(scene.grouped)
    axes = plot_day(scene.grouped, measure=measure, groups=scene.groups, about=about)
    lines = [
        *scene.lines(grouped=True),
        f"ax = ua.plot_day(hourly, measure={measure!r}, {_groups_given(scene)}about=about)",
    ]
    headline = describe_peak(scene.hourly, measure=measure)
    return Drawn(axes, sentence(str(headline)), table, lines)


def _weekly(scene: Scene, measure: str, headline: Any) -> Drawn:
    table = load_profile(scene.hourly, by="hour_of_week", measure=measure)
    axes = plot_week(table, measure=measure, about=scene.about)
    lines = [
        *scene.lines(),
        f'table = ua.load_profile(hourly, by="hour_of_week", measure={measure!r})',
        f"ax = ua.plot_week(table, measure={measure!r}, about=about)",
    ]
    return Drawn(axes, sentence(str(headline)), table, lines)


def _errors(scene: Scene) -> Drawn:
    buckets = scene.buckets()
    table = error_rate(buckets[finished(buckets)])
    axes = plot_error_rate(table, groups=scene.groups, about=scene.about_rows(scene.grouped))
    lines = [
        *scene.lines(grouped=True),
        _bucketed(scene),
        *_finished(scene),
        "table = ua.error_rate(table)",
        f"ax = ua.plot_error_rate(table, {_groups_given(scene)}about=about)",
    ]
    return Drawn(axes, errors_told(scene, groups=True), table, lines)


def _control(scene: Scene) -> Drawn:
    table = control_chart(scene.hourly)
    axes = plot_control(table, about=scene.about)
    lines = [
        *scene.lines(),
        "table = ua.control_chart(hourly)",
        "ax = ua.plot_control(table, about=about)",
    ]
    return Drawn(axes, errors_told(scene), table, lines)


def _error_week(scene: Scene) -> Drawn:
    table = error_rate(scene.hourly, by="hour_of_week")
    axes = plot_error_week(table, about=scene.about)
    lines = [
        *scene.lines(),
        'table = ua.error_rate(hourly, by="hour_of_week")',
        "ax = ua.plot_error_week(table, about=about)",
    ]
    return Drawn(axes, errors_told(scene), table, lines)


def _funnel(scene: Scene) -> Drawn:
    table = funnel(scene.grouped)
    axes = plot_funnel(table, about=scene.about_rows(scene.grouped))
    lines = [
        *scene.lines(grouped=True),
        "table = ua.funnel(hourly)",
        "ax = ua.plot_funnel(table, about=about)",
    ]
    return Drawn(axes, errors_told(scene, groups=True), table, lines)


def _effects(scene: Scene) -> Drawn:
    table, late = scene.selected.effects, scene.previous_lines()
    axes = plot_effects(table, about=scene.about)
    lines = [
        *scene.lines(grouped=True, beside=True),
        *([*late, 'hourly = hourly[~hourly["provisional"]]'] if late else []),
        'table = ua.rate_effects(hourly, previous, independent="days")',
        "ax = ua.plot_effects(table, about=about)",
    ]
    return Drawn(axes, errors_told(scene, groups=True), table, lines)


def _billed(scene: Scene) -> Drawn:
    table = scene.buckets()
    about = scene.about_rows(scene.grouped)
    axes = plot_trend(table, measure="billed_minutes", groups=scene.groups, about=about)
    given = f"{_groups_given(scene)}about=about"
    lines = [
        *scene.lines(grouped=True),
        _bucketed(scene),
        f'ax = ua.plot_trend(table, measure="billed_minutes", {given})',
        f"print(ua.cost(hourly, {scene.settings.price!r}))",
    ]
    if scene.settings.group:
        return Drawn(axes, state_largest(scene.grouped, "billed_minutes").sentence, table, lines)
    return Drawn(axes, f"{money_told(scene)}{change_told(scene, 'billed_minutes')}.", table, lines)


def _month(scene: Scene) -> Drawn:
    table = aggregate(scene.selected.history, "D")
    axes = plot_burn_up(table, about=scene.about_rows(scene.selected.history))
    lines = [
        *scene.lines(history=True),
        'table = ua.aggregate(hourly, "D")',
        "ax = ua.plot_burn_up(table, about=about)",
        f"print(ua.describe_month(table, price={scene.settings.price!r}))",
    ]
    return Drawn(axes, month_told(table, scene.settings.price), table, lines)


def _overhead(scene: Scene) -> Drawn:
    table = scene.buckets()
    axes = plot_billing(table, groups=scene.groups, about=scene.about_rows(scene.grouped))
    lines = [
        *scene.lines(grouped=True),
        _bucketed(scene),
        f"ax = ua.plot_billing(table, {_groups_given(scene)}about=about)",
    ]
    return Drawn(axes, f"{money_told(scene)}.", table, lines)


def _pareto(scene: Scene) -> Drawn:
    table = cost(scene.grouped, scene.settings.price)
    about = scene.about_rows(scene.grouped)
    axes = plot_pareto(scene.grouped, groups=scene.groups, about=about)
    lines = [
        *scene.lines(grouped=True),
        f"table = ua.cost(hourly, {scene.settings.price!r})",
        f"ax = ua.plot_pareto(hourly, {_groups_given(scene)}about=about)",
    ]
    shown = table if isinstance(table, pd.DataFrame) else scene.grouped
    told = state_costs(scene.grouped, scene.settings.price).sentence
    return Drawn(axes, told, shown, lines)


def _capacity(scene: Scene) -> Drawn:
    limit = scene.settings.limit
    table = capacity(scene.hourly, limit=limit)
    axes = plot_capacity(scene.hourly, limit=limit, about=scene.about)
    lines = [*scene.lines(), f"ax = ua.plot_capacity(hourly, limit={limit}, about=about)"]
    return Drawn(axes, capacity_told(scene), table, lines)


def _load_duration(scene: Scene) -> Drawn:
    limit = scene.settings.limit
    table = capacity(scene.hourly, limit=limit)
    axes = plot_load_duration(scene.hourly, limit=limit, about=scene.about)
    lines = [*scene.lines(), f"ax = ua.plot_load_duration(hourly, limit={limit}, about=about)"]
    return Drawn(axes, capacity_told(scene), table, lines)


def _traffic_week(scene: Scene) -> Drawn:
    return _weekly(scene, "traffic", capacity_told(scene))


_GROUPED: Final = frozenset({"group", "groups", "top"})
_OVER_TIME: Final = frozenset({"granularity", "comparison"}) | _GROUPED
_BESIDES: Final = frozenset({"comparison"})
VIEWS: Final = {
    "trend": View("trends", "Over time", _trend, _OVER_TIME | {"measure"}),
    "groups": View("trends", "A panel a group", _groups, _OVER_TIME | {"measure"}, groups=True),
    "comparison": View(
        "trends", "Change", _comparison, _BESIDES | {"group"} | {"measure"}, compared=True
    ),
    "calendar": View("trends", "Calendar", _calendar, _BESIDES | {"measure"}),
    "week": View("peaks", "Hour of the week", _week, frozenset({"measure"})),
    "day": View("peaks", "Hour of the day", _day, _GROUPED | {"measure"}),
    "errors": View("errors", "Over time", _errors, _OVER_TIME),
    "control": View("errors", "Control chart", _control, _BESIDES),
    "error_week": View("errors", "Hour of the week", _error_week, _BESIDES),
    "funnel": View("errors", "Funnel of groups", _funnel, _BESIDES | {"group"}, groups=True),
    "effects": View(
        "errors", "Whose change", _effects, _BESIDES | {"group"}, groups=True, compared=True
    ),
    "billed": View("money", "Over time", _billed, _OVER_TIME | {"price"}),
    "month": View("money", "This month", _month, frozenset({"price"})),
    "overhead": View("money", "Billed over talk", _overhead, _OVER_TIME - _BESIDES),
    "pareto": View("money", "Shares of groups", _pareto, _GROUPED | {"price"}, groups=True),
    "capacity": View("capacity", "Against the limit", _capacity, frozenset({"limit"})),
    "load_duration": View("capacity", "Share of hours", _load_duration, frozenset({"limit"})),
    "traffic_week": View("capacity", "Hour of the week", _traffic_week, frozenset({"limit"})),
}
"""Every figure by its name in `Settings.view`, in the order in which tabs offer them."""


def _groups_given(scene: Scene) -> str:
    groups = list(scene.groups) if isinstance(scene.groups, tuple) else scene.groups
    return "" if groups is None else f"groups={groups!r}, "


def _bucketed(scene: Scene) -> str:
    return f"table = {scene.bucketed_in_words('hourly')}"


def _finished(scene: Scene) -> list[str]:
    """Lines that leave out what is not whole or not final."""
    whole_rows = [] if scene.settings.granularity == "h" else ['table = table[table["complete"]]']
    return [*whole_rows, 'table = table[~table["provisional"]]']
