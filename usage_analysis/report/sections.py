"""Sections of a report: their figures, tables and sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Literal

import pandas as pd

from usage_analysis.analysis.billing import billing_overhead
from usage_analysis.analysis.capacity import capacity
from usage_analysis.analysis.peaks import busy_hour, peak_hours
from usage_analysis.analysis.statements.checks import check_table
from usage_analysis.analysis.statements.month import state_month
from usage_analysis.analysis.statements.peaks import days_in_words
from usage_analysis.analysis.vocabulary import several
from usage_analysis.errors import QueryError
from usage_analysis.figures.compare import plot_comparison
from usage_analysis.figures.entry import figure_at
from usage_analysis.report.display import (
    billing_shown,
    busy_hours_shown,
    month_shown,
    peak_hours_shown,
)
from usage_analysis.report.facts import Facts, Picture, Section, Table, picture_of
from usage_analysis.report.ranking import with_lines
from usage_analysis.report.summary import when
from usage_analysis.tidy.frames import group_column
from usage_analysis.tidy.overlap import can_share_calls
from usage_analysis.tidy.periods import aggregate

_PANEL_DAYS = 120
_BUSIEST = 50
_NOT_COMPARABLE = (
    "No comparison with the previous period: no finished hour has the same weekday and hour in "
    "both periods."
)


def _trend(facts: Facts) -> Section:
    pictures = [
        picture_of(facts, "trend"),
        picture_of(facts, "calendar", facts.selected.daily[["total_count"]]),
    ]
    return Section("trend", "Calls over time", pictures)


def _peaks(facts: Facts) -> Section:
    pictures = [picture_of(facts, "week"), picture_of(facts, "day")]
    busy, peaks = _busy_hours(facts), peak_hours(facts.selected.unmarked, 5)
    words = ["No whole day yet, so there is no busy hour."]
    if facts.selected.selection.hours is not None:
        words = ["Busy hours need whole days, and this report covers only some hours of each day."]
    if len(busy):
        over = days_in_words(facts.selected.unmarked)
        words = [f"Busy hours of all days and of workdays alone, over {over}."]
    tables = {
        "busy_hour": Table(
            "The busy hour [calls]: the clock hour with the greatest mean, and the mean of each "
            "day's greatest hour",
            busy,
            busy_hours_shown(busy),
        ),
        "peak_hours": Table(
            "The hours of the week with the greatest means [calls per hour]: the means are partly "
            "luck, the expected load is what to count on",
            peaks,
            peak_hours_shown(peaks),
        ),
    }
    return Section("peaks", "Peak hours", pictures, tables, words=words)


def _busy_hours(facts: Facts) -> pd.DataFrame:
    """Busy hours by both methods, of all days and of workdays; no row without a whole day."""
    found, selected = {}, facts.selected
    wanted: tuple[tuple[Literal["tcbh", "adph"], Literal["all", "workdays"]], ...]
    wanted = (("tcbh", "all"), ("tcbh", "workdays"), ("adph", "all"))
    for method, days in wanted:
        with suppress(QueryError):
            found[method, days] = busy_hour(
                selected.unmarked, method=method, days=days, weekend=selected.selection.weekend
            )
    if not found:
        return pd.DataFrame({"of": [], "hour": []}).rename_axis("method")
    table = pd.DataFrame(list(found.values()), pd.Index([m for m, _ in found], name="method"))
    table.insert(0, "of", [days for _, days in found])
    return table


def _errors(facts: Facts) -> Section:
    pictures = [picture_of(facts, name) for name in ("errors", "control", "error_week")]
    return Section("errors", "Errors", pictures)


def _joins(facts: Facts) -> Section:
    return Section("joins", "Joined calls", [picture_of(facts, "joins")])


def _capacity(facts: Facts) -> Section:
    found, pictures = capacity(facts.selected.hourly, limit=facts.limit), []
    if facts.limit is not None:
        pictures.append(picture_of(facts, "capacity", found[found["at_risk"]]))
    carried = found[["carried", "overlong"]]
    busiest = carried.sort_values("carried", ascending=False, kind="stable").iloc[:_BUSIEST]
    pictures.append(picture_of(facts, "load_duration", busiest))
    words = [] if facts.limit is not None else [
        "No concurrency limit was given: with one, this section shows how many calls were refused."
    ]  # fmt: skip
    return Section("capacity", "Concurrent calls", pictures, words=words)


def _billing(facts: Facts) -> Section:
    columns = ["duration", "billed_minutes", "joined_count"]
    picture = picture_of(facts, "overhead", facts.selected.daily[columns])
    overhead: Any = billing_overhead(facts.selected.hourly, price=facts.price)
    table = pd.DataFrame([overhead], index=pd.Index(["all"], name="total"))
    hours = len(facts.selected.hourly) - int(overhead["left_out"])
    caption = f"Billed beside the talk, over {several(hours, 'finished hour')}"
    told = Table(caption, table, billing_shown(overhead))
    return Section("billing", "Billing", [picture], {"billing_overhead": told})


def _month(facts: Facts) -> Section:
    found = facts.month
    tables: dict[str, Table] = {}
    if pd.notna(found["projection"]):
        row = pd.DataFrame([found], index=pd.Index(["billed_minutes"], name="measure"))
        caption = f"Billed minutes of {found['month']:%B %Y} [min]"
        tables["month"] = Table(caption, row, month_shown(found))
    words = [state_month(found, price=facts.price).sentence]
    picture = picture_of(facts, "month", facts.months[["billed_minutes", "complete"]])
    return Section("month", "The month", [picture], tables, words=words)


def _comparison(facts: Facts) -> Section:
    if facts.selected.previous is None:
        raise QueryError("sections: comparison needs a previous period, got none")
    heading, changes, rates = "Compared with the previous period", facts.changes, facts.rates
    if changes is None or rates is None:
        return Section("comparison", heading, words=[_NOT_COMPARABLE])
    pictures = [
        Picture(
            "comparison",
            figure_at(3.6, lambda ax: plot_comparison(changes, about=facts.about, ax=ax)),
            changes.map(_in_minutes),
        ),
        Picture(
            "rates_compared",
            figure_at(2.8, lambda ax: plot_comparison(rates, about=facts.about, ax=ax)),
            rates,
        ),
    ]
    words = (
        f"The previous period is {when(facts.selected.previous)}. Changes compare the same "
        "weekdays and hours; rates compare all finished hours of both periods."
    )
    return Section("comparison", heading, pictures, words=[words])


def _in_minutes(value: Any) -> Any:
    """A number, talk in minutes."""
    return value / pd.Timedelta(minutes=1) if isinstance(value, pd.Timedelta) else value


_SHARED = (
    "One call can be in several of these groups, because they are groups of filters such as search "
    "or duration. Shares, running sums and a common rate would count such calls several times and "
    "are left out."
)


def _groups(facts: Facts) -> Section:
    if facts.selected.group_hours is None:
        raise QueryError("sections: groups needs a breakdown, got none")
    # A panel is too small for the days of more than a season.
    every = "D" if len(facts.selected.daily) <= _PANEL_DAYS else "W"
    hourly, table = facts.selected.breakdown, facts.ranking
    daily = aggregate(hourly, every)
    by_day = daily.pivot_table(
        index="time", columns=str(group_column(hourly)), values="total_count"
    )
    pictures = [picture_of(facts, "groups", by_day, every=every)]
    shared = can_share_calls(hourly)
    words = [_SHARED] if shared else []
    if not shared:
        pictures += [
            picture_of(facts, "pareto", table[["billed_minutes"]]),
            picture_of(facts, "funnel"),
        ]
    name = str(group_column(hourly))
    share = "" if shared else "share of the calls, its "
    caption = f"Each group's {share}rates and what it costs; the largest first"
    told = Table(caption, table, with_lines(table, daily))
    return Section("groups", f"By {name}", pictures, {"groups_table": told}, words=words)


def _checks(facts: Facts) -> Section:
    usage, shown = facts.selected.usage.hourly, facts.about.calls
    words, whole = [], int(usage["total_count"].sum())
    if whole != shown:
        ends = (usage.index[0], usage.index[-1] + pd.Timedelta(hours=1))
        first, end = (f"{moment:%Y-%m-%d %H:%M}" for moment in ends)
        words.append(
            f"The checks look at the whole reply, {whole:,} calls from {first} to {end} UTC. This "
            f"page has {shown:,} of them: replies are of whole hours or days of UTC, and it is cut "
            f"to its local days{'' if facts.selected.selection.hours is None else ' and hours'}."
        )
    told = Table(
        "Each check with the figure found and the one it stands beside",
        facts.checks,
        check_table(facts.checks),
    )
    heading = "Consistency checks"
    return Section("checks", heading, (), {"checks": told}, words=words)


_MAKERS: dict[str, Callable[[Facts], Section]] = {
    "comparison": _comparison,
    "trend": _trend,
    "peaks": _peaks,
    "errors": _errors,
    "joins": _joins,
    "capacity": _capacity,
    "billing": _billing,
    "month": _month,
    "groups": _groups,
    "checks": _checks,
}
#: Names of the sections that a report can have, in their order.
SECTIONS = (*_MAKERS, "terms")


def sections_of(facts: Facts, wanted: Sequence[str] | None) -> Iterator[Section]:
    """The sections asked for, or all that the data have.

    Raises
    ------
    QueryError
        An unknown name, or one whose data were not given.
    """
    chosen = SECTIONS if wanted is None else tuple(wanted)
    unknown = [name for name in chosen if name not in SECTIONS]
    if isinstance(wanted, str) or unknown or not chosen:
        raise QueryError(f"sections: expected names out of {', '.join(SECTIONS)}, got {wanted!r}")
    previous, groups = facts.selected.previous, facts.selected.group_hours
    lacking = {"comparison": previous is None, "groups": groups is None}
    for name in chosen:
        if name in _MAKERS and not (wanted is None and lacking.get(name, False)):
            yield _MAKERS[name](facts)
