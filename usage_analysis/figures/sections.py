"""What a report can tell: each section's findings, figures and tables, from data computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pandas as pd

from usage_analysis.analysis.billing import billing_overhead, cost
from usage_analysis.analysis.busiest import days_in_words, describe_peak
from usage_analysis.analysis.capacity import capacity, describe_capacity
from usage_analysis.analysis.comparison import compare_periods
from usage_analysis.analysis.control import control_chart
from usage_analysis.analysis.funnel import funnel
from usage_analysis.analysis.peaks import busy_hour, peak_hours
from usage_analysis.analysis.profiles import load_profile
from usage_analysis.analysis.quality import reconcile
from usage_analysis.analysis.rates import error_rate, join_rate, rate_difference
from usage_analysis.analysis.trends import project_month
from usage_analysis.analysis.words import percents
from usage_analysis.errors import QueryError
from usage_analysis.figures.axes import figure_of, finished, in_units
from usage_analysis.figures.compare import plot_comparison
from usage_analysis.figures.day import plot_day
from usage_analysis.figures.facts import Facts, Picture, Section, on_axes, sentence_case
from usage_analysis.figures.funnel import plot_funnel
from usage_analysis.figures.groups import groups_figure, plot_groups, plot_pareto
from usage_analysis.figures.heat import plot_calendar, plot_error_week, plot_week
from usage_analysis.figures.load import plot_capacity, plot_load_duration
from usage_analysis.figures.money import plot_billing, plot_burn_up
from usage_analysis.figures.rates import plot_control, plot_error_rate
from usage_analysis.figures.tables import sparkline, sparkline_words
from usage_analysis.figures.trend import plot_trend
from usage_analysis.figures.wording import UNITS, span_of
from usage_analysis.tidy.frames import group_column
from usage_analysis.tidy.periods import aggregate
from usage_analysis.tidy.slots import each_group

_PANEL_DAYS = 120
_COMPARED = ("total_count", "error_count", "joined_count", "duration", "billed_minutes")


def _trend(facts: Facts) -> Section:
    table = facts.daily
    pictures = [
        Picture(
            "calls_a_day",
            on_axes(lambda ax: plot_trend(table, marks=facts.marks, about=facts.about, ax=ax)),
            table,
        ),
        Picture(
            "calendar",
            on_axes(
                lambda ax: plot_calendar(table, marks=facts.marks, about=facts.about, ax=ax), 3.4
            ),
            table[["total_count"]],
        ),
    ]
    return Section("trend", "Calls over time", pictures)


def _peaks(facts: Facts) -> Section:
    week = load_profile(facts.kept, by="hour_of_week")
    day = load_profile(facts.kept, by="hour_of_day")
    peak = sentence_case(str(describe_peak(facts.kept)))
    pictures = [
        Picture(
            "week",
            on_axes(lambda ax: plot_week(week, about=facts.about, ax=ax)),
            week,
        ),
        Picture(
            "day",
            on_axes(
                lambda ax: plot_day(facts.kept, weekend=facts.weekend, about=facts.about, ax=ax)
            ),
            day,
        ),
    ]
    tables = {"busy_hour": _busy_hours(facts.kept), "peak_hours": peak_hours(facts.kept, 5)}
    words = ["No whole day yet, so no busy hour can be told."]
    if len(tables["busy_hour"]):
        words = [f"Busy hours are those of {days_in_words(facts.kept)}."]
    return Section("peaks", "When the calls come", pictures, tables, words=words,
                   summary=[f"{peak}."])  # fmt: skip


def _busy_hours(hourly: pd.DataFrame) -> pd.DataFrame:
    """Busy hours by both methods, no row where no day holds every clock hour."""
    try:
        found = {
            "tcbh": busy_hour(hourly, method="tcbh"),
            "adph": busy_hour(hourly, method="adph"),
        }
    except QueryError:
        return pd.DataFrame({"hour": []}).rename_axis("method")
    return pd.DataFrame(found).T.rename_axis("method")


def _errors(facts: Facts) -> Section:
    rates, week = error_rate(facts.days), error_rate(facts.kept, by="hour_of_week")
    chart = control_chart(facts.kept)
    about, marks = facts.about, facts.marks
    pictures = [
        Picture(
            "error_rate_a_day",
            on_axes(lambda ax: plot_error_rate(rates, marks=marks, about=about, ax=ax)),
            rates,
        ),
        Picture(
            "control_chart",
            on_axes(lambda ax: plot_control(chart, marks=marks, about=about, ax=ax)),
            chart,
        ),
        Picture("error_week", on_axes(lambda ax: plot_error_week(week, about=about, ax=ax)), week),
    ]
    return Section("errors", "Errors", pictures, summary=[_rate_in_words("error rate", facts)])


def _joins(facts: Facts) -> Section:
    rates = join_rate(facts.days)
    picture = Picture(
        "join_rate_a_day",
        on_axes(
            lambda ax: plot_error_rate(
                rates, what="join rate", marks=facts.marks, about=facts.about, ax=ax
            )
        ),
        rates,
    )
    return Section("joins", "Joined calls", [picture], summary=[_rate_in_words("join rate", facts)])


def _rate_in_words(what: str, facts: Facts) -> str:
    """A rate in a sentence, with its n and its interval."""
    rate = error_rate if what == "error rate" else join_rate
    whole = len(facts.days) > 0
    total = rate(facts.days if whole else facts.hourly, by="total").iloc[0]
    calls, events = round(total["calls"]), round(total["events"])
    over = f" over {len(facts.days)} whole {'day' if len(facts.days) == 1 else 'days'}"
    if calls == 0:
        return f"No calls, so no {what}."
    few = "" if total["enough"] else "; too few calls to tell much"
    shown, low, high = percents(total["rate"], total["low"], total["high"])
    return (
        f"{what.capitalize()} {shown} % ({events:,} of {calls:,} calls, "
        f"95 % interval {low} to {high} %{few})"
        f"{over if whole else ''}."
    )


def _capacity(facts: Facts) -> Section:
    limit, hourly = facts.limit, facts.hourly
    pictures = []
    if limit is not None:
        found = capacity(hourly, limit=limit)
        pictures.append(
            Picture(
                "capacity",
                on_axes(
                    lambda ax: plot_capacity(
                        hourly, limit=limit, marks=facts.marks, about=facts.about, ax=ax
                    )
                ),
                found[found["at_risk"]],
            )
        )
    table = capacity(hourly, limit=limit or 1)[["carried"]].sort_values(
        "carried", ascending=False, kind="stable"
    )
    pictures.append(
        Picture(
            "load_duration",
            on_axes(
                lambda ax: plot_load_duration(
                    hourly, limit=limit, marks=facts.marks, about=facts.about, ax=ax
                )
            ),
            table.iloc[:50],
        )
    )
    told = "" if limit is None else str(describe_capacity(hourly, limit=limit))
    words = [] if limit is not None else [
        "How many calls may be held at once is not known here: give a limit to see how near it is."
    ]  # fmt: skip
    summary = [f"{sentence_case(told)}."] if told else []
    return Section("capacity", "Calls at once", pictures, words=words, summary=summary)


def _billing(facts: Facts) -> Section:
    daily = facts.daily
    picture = Picture(
        "billed_over_talk",
        on_axes(lambda ax: plot_billing(daily, marks=facts.marks, about=facts.about, ax=ax)),
        daily[["duration", "billed_minutes", "joined_count"]],
    )
    price = {} if facts.rate is None else {"rate": facts.rate}
    amount = cost(facts.hourly, **price)
    billed = facts.hourly["billed_minutes"].sum()
    words = (
        f"Estimate for call minutes: {amount:,.2f} USD for {billed:,.1f} billed minutes at "
        f"{price.get('rate', '0.05')} USD each."
    )
    overhead = billing_overhead(facts.hourly, **price)
    table = pd.DataFrame([overhead], index=pd.Index(["all"], name="total"))
    return Section("billing", "What is billed", [picture], {"billing_overhead": table},
                   summary=[words])  # fmt: skip


def _month(facts: Facts) -> Section:
    daily, tables, words = facts.months, {}, []
    try:
        found = project_month(daily, measure="billed_minutes")
        tables["month"] = pd.DataFrame([found], index=pd.Index(["billed_minutes"], name="measure"))
    except QueryError as error:
        words.append(f"No projection of the month: {str(error).partition(': ')[2]}.")
    picture = Picture(
        "month",
        on_axes(
            lambda ax: plot_burn_up(
                daily, budget=facts.budget, marks=facts.marks, about=facts.about, ax=ax
            )
        ),
        daily[["billed_minutes", "complete"]],
    )
    return Section("month", "The month", [picture], tables, words=words)


def _comparison(facts: Facts) -> Section:
    if facts.previous is None:
        raise QueryError("sections: comparison needs a previous period, got none")
    before, heading = facts.previous, "Against the period before"
    try:
        changes = pd.DataFrame(
            {UNITS[m]: compare_periods(facts.hourly, before, measure=m) for m in _COMPARED}
        ).T.rename_axis("measure")
    except QueryError as error:
        told = f"No comparison with the period before: {str(error).partition(': ')[2]}."
        return Section("comparison", heading, words=[told])
    ours, theirs = (frame[~frame["provisional"]] for frame in (facts.hourly, before))
    rates = pd.DataFrame(
        {
            name: rate_difference(ours, theirs, event=event)
            for name, event in (("error rate", "error_count"), ("join rate", "joined_count"))
        }
    ).T.rename_axis("rate of")
    pictures = [
        Picture(
            "comparison",
            on_axes(lambda ax: plot_comparison(changes, about=facts.about, ax=ax), 3.6),
            changes,
        ),
        Picture(
            "rates_compared",
            on_axes(
                lambda ax: plot_comparison(rates, as_change=True, about=facts.about, ax=ax), 2.8
            ),
            rates,
        ),
    ]
    row = changes.iloc[0]
    span = f"{before.index.min():%Y-%m-%d} to {before.index.max():%Y-%m-%d}"
    told = "no calls before to compare with"
    if pd.notna(row["change"]):
        told = f"{100 * row['change']:+.1f} % calls"
        if pd.notna(row["low"]) and row["previous"] > 0:
            low, high = (100 * row[end] / row["previous"] for end in ("low", "high"))
            told += f" (95 % interval {low:+.1f} to {high:+.1f} %)"
    words = f"Against {span}, same weekdays and hours: {told}, over {row['days']:g} days."
    return Section("comparison", heading, pictures, summary=[words])


def _groups(facts: Facts) -> Section:
    hourly, about = facts.groups, facts.about
    # A panel is too small for the days of more than a season.
    daily = aggregate(hourly, "D" if len(facts.daily) <= _PANEL_DAYS else "W")
    marks, count = facts.marks, len(daily[daily.columns[0]].unique())
    limits = funnel(hourly)
    table = _group_table(hourly)
    pictures = [
        Picture(
            "groups",
            lambda width: figure_of(
                plot_groups(daily, marks=marks, about=about, figure=groups_figure(count, width))[0]
            ),
            daily.pivot_table(index="time", columns=str(daily.columns[0]), values="total_count"),
        ),
        Picture(
            "pareto",
            on_axes(lambda ax: plot_pareto(hourly, about=about, ax=ax),
                    min(max(2.6, 1.6 + 0.25 * count), 5)),
            table[["billed_minutes"]],
        ),
        Picture("funnel", on_axes(lambda ax: plot_funnel(limits, about=about, ax=ax)), limits),
    ]  # fmt: skip
    shown = {"groups_table": _with_lines(table, daily)}
    name = str(group_column(hourly))
    return Section("groups", f"By {name}", pictures, {"groups_table": table}, shown)


def _group_table(hourly: pd.DataFrame) -> pd.DataFrame:
    """A row a group, the largest first: calls, rates with the error rate's interval, talk, cost."""
    errors, joins = error_rate(hourly, by="total"), join_rate(hourly, by="total")
    money = cost(hourly)
    talk = {name: rows["duration"].sum() for name, rows in each_group(hourly)}
    table = pd.DataFrame(
        {
            "calls": errors["calls"],
            "share": errors["calls"] / max(errors["calls"].sum(), 1),
            "error_rate": errors["rate"],
            "error_low": errors["low"],
            "error_high": errors["high"],
            "join_rate": joins["rate"],
            "talk": pd.Series(talk),
        }
    )
    if isinstance(money, pd.DataFrame):
        table = table.join(money)
    return table.sort_values("calls", ascending=False, kind="stable").rename_axis(
        group_column(hourly)
    )


def _with_lines(table: pd.DataFrame, daily: pd.DataFrame) -> pd.DataFrame:
    """The table of groups as a page shows it, with the calls a day of each in small."""
    whole = daily[finished(daily)]
    parts = {name: in_units(rows, "total_count") for name, rows in each_group(whole)}
    top = max((float(values.max()) for values in parts.values() if len(values)), default=0.0)
    shown = pd.DataFrame(
        {
            "calls": [f"{calls:,.0f}" for calls in table["calls"]],
            "share": [f"{100 * share:.1f} %" for share in table["share"]],
            "error rate, 95 %": [
                "no calls" if pd.isna(rate) else
                "{} % ({} to {} %)".format(*percents(rate, low, high))
                for rate, low, high in zip(
                    table["error_rate"], table["error_low"], table["error_high"], strict=True
                )
            ],
            "joined": [
                "no calls" if pd.isna(rate) else f"{100 * rate:.1f} %"
                for rate in table["join_rate"]
            ],
            "talk [min]": [f"{t.total_seconds() / 60:,.0f}" for t in table["talk"]],
            "billed [min]": [f"{minutes:,.1f}" for minutes in table["billed_minutes"]],
            "cost [USD]": [f"{amount:,.2f}" for amount in table["cost"]],
        },
        index=table.index,
    )  # fmt: skip
    empty = in_units(whole.iloc[:0], "total_count")
    every = span_of(daily)
    lines = [
        sparkline(values, top, sparkline_words(values, every))
        for values in (parts.get(name, empty) for name in table.index)
    ]
    # Beside the name, where a phone shows it without scrolling.
    shown.insert(0, "trend", lines)
    return shown


def _checks(facts: Facts) -> Section:
    found = reconcile(facts.usage)
    judged = found["ok"].dropna().astype(bool)
    failed = [str(name) for name in judged.index[~judged]]
    words = f"All {len(judged)} checks of the reply against itself hold."
    if failed:
        verb = "fails" if len(failed) == 1 else "fail"
        words = f"{len(failed)} of {len(judged)} checks of the reply {verb}: {'; '.join(failed)}."
    return Section("checks", "Does the reply agree with itself", (), {"checks": found},
                   summary=[words])  # fmt: skip


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
SECTIONS = (*_MAKERS, "terms")
"""Names of the sections that a report can have, in their order."""


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
    lacking = {"comparison": facts.previous is None, "groups": facts.breakdown is None}
    for name in chosen:
        if name in _MAKERS and not (wanted is None and lacking.get(name, False)):
            yield _MAKERS[name](facts)
