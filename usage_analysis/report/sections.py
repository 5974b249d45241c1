"""Sections of a report: their figures, tables and sentences."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, cast

import pandas as pd

from usage_analysis.analysis.billing import billing_overhead
from usage_analysis.analysis.peaks import busy_hour, peak_hours
from usage_analysis.analysis.statements.checks import check_table
from usage_analysis.analysis.statements.money import state_month
from usage_analysis.analysis.statements.peaks import days_in_words
from usage_analysis.analysis.vocabulary import date_range, several
from usage_analysis.errors import QueryError
from usage_analysis.figures.entry import describe_columns
from usage_analysis.report import display
from usage_analysis.report.tables import NOTES, ReportResults, Section, Table
from usage_analysis.tidy.frames import can_share_calls, group_column
from usage_analysis.tidy.periods import aggregate

_PANEL_DAYS = 120


def _trend(results: ReportResults) -> Section:
    calendar = results.selected.daily[["total_count"]]
    return Section([results.picture("trend"), results.picture("calendar", calendar)])


def _unusual(results: ReportResults) -> Section:
    caption = "Unusual events: observed and expected values of their hours, and the ratio"
    found = results.unusual.set_index("measure")
    tables = {"unusual": Table(caption, found, display.unusual_for_page(results.unusual))}
    words = [one.sentence for one in results.events] if results.about.calls else []
    return Section([results.expected], tables if len(results.unusual) else {}, words)


def _peaks(results: ReportResults) -> Section:
    selected = results.selected
    busy, peaks = _busy_hours(results), peak_hours(selected.unmarked, 5)
    words = "No whole day yet, so there is no busy hour."
    if selected.selection.hours is not None:
        words = "Busy hours need whole days, and this report covers only some hours of each day."
    if len(busy):
        words = f"Busy hours of all days and of workdays, over {days_in_words(selected.unmarked)}."
    tables = {
        "busy_hour": Table(NOTES["busy_hour"], busy, display.busy_hours_for_page(busy)),
        "peak_hours": Table(NOTES["peak_hours"], peaks, display.peak_hours_for_page(peaks)),
    }
    return Section(
        [results.picture("week"), results.picture("day")], tables, [words, NOTES["apart"]]
    )


def _busy_hours(results: ReportResults) -> pd.DataFrame:
    """Return busy hours by both methods, of all days and of workdays; no row without whole days."""
    rows, selected, busy = [], results.selected, cast("Callable[..., Any]", busy_hour)
    for method, days in (("tcbh", "all"), ("tcbh", "workdays"), ("adph", "all")):
        with suppress(QueryError):
            given = {"method": method, "days": days, "weekend": selected.selection.weekend}
            rows.append({"method": method, "of": days} | dict(busy(selected.unmarked, **given)))
    return pd.DataFrame(rows or {"method": [], "of": [], "hour": []}).set_index("method")


def _pictures(*names: str) -> Callable[[ReportResults], Section]:
    """Return the maker of a section that is only figures of the catalogue."""
    return lambda results: Section([results.picture(name) for name in names])


def _capacity(results: ReportResults) -> Section:
    found, words, pictures = results.prepare("capacity").table, [], []
    if results.options.limit is None:
        words = ["Without a concurrency limit this section cannot estimate refused calls."]
    else:
        pictures = [results.picture("capacity", found[found["at_risk"]])]
    carried = found[["carried", "overlong"]]
    busiest = carried.sort_values("carried", ascending=False, kind="stable")
    pictures.append(results.picture("load_duration", busiest))
    return Section(pictures, words=words)


def _billing(results: ReportResults) -> Section:
    hourly, daily = results.selected.hourly, results.selected.daily
    picture = results.picture("overhead", daily[["duration", "billed_minutes", "joined_count"]])
    overhead: Any = billing_overhead(hourly, price=results.options.price)
    table = pd.DataFrame([overhead], index=pd.Index(["all"], name="total"))
    hours = several(len(hourly) - int(overhead["left_out"]), "finished hour")
    shown = Table(f"Billed minutes and talk of {hours}", table, display.billing_for_page(overhead))
    return Section([picture], {"billing_overhead": shown})


def _month(results: ReportResults) -> Section:
    found, days = results.month, results.prepare("month").table
    tables: dict[str, Table] = {}
    if pd.notna(found["projection"]):
        row = pd.DataFrame([found], index=pd.Index(["billed_minutes"], name="measure"))
        caption = f"Billed minutes of {found['month']:%B %Y} [min]"
        tables["month"] = Table(caption, row, display.month_for_page(found))
    words = [state_month(found, price=results.options.price).sentence]
    picture = results.picture("month", days[["billed_minutes", "complete"]])
    return Section([picture], tables, words)


def _comparison(results: ReportResults) -> Section:
    changes, rates = results.changes, results.rates
    if changes is None:
        return Section(words=[NOTES["not_comparable"]])
    table = changes.map(_in_minutes).rename(index={"duration": "talk_minutes"})
    pictures = [results.picture("comparison", table)]
    pictures += [] if rates is None else [results.picture("rates_compared", rates)]
    days = date_range(results.selected.previous_rows("all"))
    return Section(pictures, words=[NOTES["previous"].format(days=days)])


def _in_minutes(value: Any) -> Any:
    """Return a number; of a duration its minutes."""
    return value / pd.Timedelta(minutes=1) if isinstance(value, pd.Timedelta) else value


def _groups(results: ReportResults) -> Section:
    hourly = results.selected.breakdown
    # A panel is too small for the days of more than a season.
    every = "D" if len(results.selected.daily) <= _PANEL_DAYS else "W"
    daily, name = aggregate(hourly, every), str(group_column(hourly))
    shared = can_share_calls(hourly)
    by_day = daily.pivot_table(index="time", columns=name, values="total_count")
    pictures = [results.picture("groups", by_day, every=every)]
    table = display.group_table(hourly, results.options.price)
    for figure, columns in (("pareto", ["billed_minutes"]), ("funnel", None)):
        if not shared and not results.lacks(figure):
            pictures.append(results.picture(figure, None if columns is None else table[columns]))
    caption = f"Groups by {name}, largest first"
    tables = {"groups_table": Table(caption, table, display.with_lines(table, daily))}
    return Section(pictures, tables, [NOTES["shared"]] if shared else [], f"By {name}")


def _checks(results: ReportResults) -> Section:
    selected, words = results.selected, [NOTES["unjudged"]]
    usage, shown = selected.usage.hourly, results.about.calls
    if (whole := int(usage["total_count"].sum())) != shown:
        ends = (usage.index[0], usage.index[-1] + pd.Timedelta(hours=1))
        first, end = (f"{moment:%Y-%m-%d %H:%M}" for moment in ends)
        hours = "" if selected.selection.hours is None else " and hours"
        sizes = {"whole": whole, "shown": shown, "first": first, "end": end, "hours": hours}
        words.append(NOTES["whole_reply"].format(**sizes))
    caption = "Checks with the found and the expected value"
    checks = check_table(results.checks, selected.selection.timezone)
    return Section((), {"checks": Table(caption, results.checks, checks)}, words)


#: The heading of each section, and the function that makes it.
_MAKERS: dict[str, tuple[str, Callable[[ReportResults], Section]]] = {
    "comparison": ("Compared with the previous period", _comparison),
    "trend": ("Calls over time", _trend),
    "unusual": ("Unusual", _unusual),
    "peaks": ("Peak hours", _peaks),
    "errors": ("Errors", _pictures("errors", "control", "error_week")),
    "joins": ("Joined calls", _pictures("joins")),
    "capacity": ("Concurrent calls", _capacity),
    "billing": ("Billing", _billing),
    "month": ("The month", _month),
    "groups": ("Groups", _groups),
    "checks": ("Consistency checks", _checks),
}
#: Figures whose columns a section cannot do without.
_ESSENTIAL = {"errors": "errors", "joins": "joins", "capacity": "load_duration",
              "billing": "overhead", "month": "month"}  # fmt: skip
#: Names of the sections that a report can have, in their order.
SECTIONS = (*_MAKERS, "terms")


def sections_of(results: ReportResults, wanted: Sequence[str] | None) -> Iterator[Section]:
    """Return the named sections, or all that the data allow.

    Raises
    ------
    QueryError
        An unknown name, or a section whose data were not given.
    """
    chosen = SECTIONS if wanted is None else tuple(wanted)
    unknown = [name for name in chosen if name not in SECTIONS]
    if isinstance(wanted, str) or unknown or not chosen:
        raise QueryError(f"sections: expected names out of {', '.join(SECTIONS)}, got {wanted!r}")
    for name in chosen:
        lacking = _lacking(results, name)
        if lacking and wanted is not None:
            raise QueryError(f"sections: {name} needs {lacking}, got none")
        if name in _MAKERS and not lacking:
            heading, make = _MAKERS[name]
            section = make(results)
            yield replace(section, name=name, heading=section.heading or heading)


def _lacking(results: ReportResults, name: str) -> str:
    """Return the missing data of a section in words."""
    if name == "comparison" and results.selected.earlier_hours is None:
        return "a previous period"
    if name == "groups" and results.selected.group_hours is None:
        return "a breakdown"
    return describe_columns(results.lacks(_ESSENTIAL[name]) if name in _ESSENTIAL else [])


def state_left_out(results: ReportResults) -> list[str]:
    """Return a sentence on the sections whose columns the data lack; empty without any."""
    names = [name for name, figure in _ESSENTIAL.items() if results.lacks(figure)]
    if not names:
        return []
    columns = [column for name in names for column in results.lacks(_ESSENTIAL[name])]
    headings = " and ".join(f'"{_MAKERS[name][0]}"' for name in names)
    lacking = describe_columns([*dict.fromkeys(columns)])
    return [f"This report has no section {headings}, because the data lack {lacking}."]
