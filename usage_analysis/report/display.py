"""Tables of a report in the form of its page: words, numbers with units, and sample sizes."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pandas as pd

from usage_analysis.analysis import vocabulary
from usage_analysis.analysis.billing import cost
from usage_analysis.analysis.rates import error_rate, join_rate
from usage_analysis.figures.axes import finished, in_units
from usage_analysis.report.tables import sparkline
from usage_analysis.tidy.frames import can_share_calls, group_column
from usage_analysis.tidy.grouping import each_group


def busy_hours_for_page(busy: pd.DataFrame) -> pd.DataFrame:
    """Return the results of `busy_hour` for a page, each with its days."""
    methods = {"tcbh": "same clock hour (tcbh)", "adph": "busiest of each day (adph)"}
    rows: list[Any] = list(busy.itertuples())
    return pd.DataFrame(
        {
            "hour": [_hour(row.hour) for row in rows],
            "over": [_of_days(row.of, int(row.days)) for row in rows],
            "calls in it": [row.value for row in rows],
            "of the day's calls": [_share(row.busy_hour_to_day) for row in rows],
            "times the mean hour": [row.peak_to_average for row in rows],
            "days on which it is the peak (95 % interval)": [_share_of_days(row) for row in rows],
        },
        index=pd.Index([methods[row.Index] for row in rows], name="busy hour"),
    )


def _of_days(kind: str, days: int) -> str:
    if kind == "all":
        return "the one whole day" if days == 1 else f"all {days:,} whole days"
    return f"{vocabulary.several(days, 'workday')} among them"


def peak_hours_for_page(peaks: pd.DataFrame) -> pd.DataFrame:
    """Return the result of `peak_hours` for a page."""
    rows: list[Any] = list(peaks.itertuples())
    return pd.DataFrame(
        {
            "hour": [f"{vocabulary.WEEKDAYS[row.day_of_week]} {_hour(row.hour)}" for row in rows],
            "mean": [row.mean for row in rows],
            "expected": [row.expected for row in rows],
            "10th to 90th percentile": [f"{row.p10:,.4g} to {row.p90:,.4g}" for row in rows],
            "weeks": [row.n for row in rows],
            "days on which it is the peak": [_days_at_peak(row) for row in rows],
            "may be the busiest": ["yes" if row.busiest else "no" for row in rows],
        },
        index=pd.Index([row.Index for row in rows], name="rank"),
    )


def unusual_for_page(found: pd.DataFrame) -> pd.DataFrame:
    """Return the result of `unusual` for a page."""
    shown = found[["group", "kind"]].fillna("all calls")
    shown["from"], shown["to"] = (found[end].astype(str).str[:16] for end in ("start", "end"))
    shown["times the expected value"] = found["ratio"].round(2)
    return shown.set_index(found["measure"].str.replace("_", " "))


def _days_at_peak(row: Any) -> str:
    days = vocabulary.several(int(row.days), "whole day")
    return f"{round(row.share_of_days * row.days)} of {days}" if row.days else "no whole day"


def _hour(hour: float) -> str:
    return "none" if pd.isna(hour) else f"{int(hour):02}:00"


def _share_of_days(row: Any) -> str:
    share = _share(row.share_of_days)
    interval = f" ({100 * row.share_low:.0f} to {100 * row.share_high:.0f} %)"
    return share if pd.isna(row.share_low) else f"{share}{interval}"


def _share(share: float) -> str:
    return "none" if pd.isna(share) else f"{100 * share:.1f} %"


def month_for_page(found: Any) -> pd.DataFrame:
    """Return the result of `project_month` for a page."""
    whole = "so far" if found["days_left"] else "the whole month"
    shown = {whole: f"{found['month_to_date']:,.1f}"}
    projected = found["days_left"] and not found["reason"]
    if projected:
        shown |= {
            "expected for the rest": f"{found['left']:,.1f}",
            "the whole month": f"{found['projection']:,.1f}",
        }
    if found["days_left"]:
        left = "days still open" if found["open"] else "days not in these data"
        shown |= {
            left: f"{found['days_left']}",
            "learned from": vocabulary.several(found["complete_days"], "complete day"),
        }
    if projected and pd.notna(found["low"]):
        shown["95 % interval"] = f"{found['low']:,.1f} to {found['high']:,.1f}"
    return _as_list(shown)


def billing_for_page(overhead: Any) -> pd.DataFrame:
    """Return the result of `billing_overhead` for a page."""
    shown = {
        "billed": f"{overhead['billed_minutes']:,.1f} min",
        "talk": f"{overhead['talk_minutes']:,.1f} min",
        "billed per minute of talk": f"{overhead['overhead']:.3f} min",
        "price per minute of talk": f"{overhead['price_per_talk_minute']:.4f} USD",
        "billed beyond the talk": f"{vocabulary.duration_clock(overhead['excess'])} h",
        "rounding can add at most": f"{vocabulary.duration_clock(overhead['bound'])} h",
    }
    if not overhead["talk_minutes"]:
        del shown["billed per minute of talk"], shown["price per minute of talk"]
    return _as_list(shown)


def _as_list(shown: dict[str, str]) -> pd.DataFrame:
    """Return one row as a list, which fits a phone."""
    return pd.DataFrame({"": list(shown.values())}, pd.Index(list(shown), name="what"))


_SUMS: Final = ["total_count", "duration"]


def group_table(breakdown: pd.DataFrame, price: Decimal | str | float) -> pd.DataFrame:
    """Return calls, rates, talk and cost of each group, as far as the data have them.

    Rates are of the final hours, and all else of all hours.
    """
    final = breakdown[~breakdown["provisional"]]
    sizes = {str(name): rows[_SUMS].sum() for name, rows in each_group(breakdown)}
    sums = pd.DataFrame.from_dict(sizes, orient="index")
    table = pd.DataFrame({"calls": sums["total_count"].astype(np.int64)})
    if not can_share_calls(breakdown):  # groups that share calls have no whole
        table["share"] = table["calls"] / max(table["calls"].sum(), 1)
    if "error_count" in breakdown:
        errors = error_rate(final, by="total")[["rate", "low", "high"]]
        table = table.join(errors.set_axis(["error_rate", "error_low", "error_high"], axis=1))
    table["join_rate"], table["talk"] = join_rate(final, by="total")["rate"], sums["duration"]
    if "billed_minutes" in breakdown:
        table = table.join(cost(breakdown, price))  # type: ignore[arg-type]  # a breakdown's table
    return table.sort_values("calls", ascending=False, kind="stable").rename_axis(
        group_column(breakdown)
    )


def with_lines(table: pd.DataFrame, daily: pd.DataFrame) -> pd.DataFrame:
    """Return the table for a page, with a sparkline of each group's calls."""
    whole = daily[finished(daily)]
    parts = {name: in_units(rows, "total_count") for name, rows in each_group(whole)}
    top = max((float(values.max()) for values in parts.values() if len(values)), default=0.0)
    columns: dict[str, tuple[str, Callable[[Mapping[Any, Any]], str]]] = {
        "calls": ("calls", lambda row: f"{row['calls']:,.0f}"),
        "share": ("share", lambda row: f"{100 * row['share']:.1f} %"),
        "error_rate": ("error rate, 95 %", _error_rate),
        "join_rate": ("joined", _join_rate),
        "talk": ("talk [min]", lambda row: f"{row['talk'].total_seconds() / 60:,.0f}"),
        "billed_minutes": ("billed [min]", lambda row: f"{row['billed_minutes']:,.1f}"),
        "cost": ("cost [USD]", lambda row: f"{row['cost']:,.2f}"),
    }
    rows = table.to_dict("records")
    shown = pd.DataFrame(
        {label: [form(row) for row in rows] for name, (label, form) in columns.items()
         if name in table},
        index=table.index,
    )  # fmt: skip
    empty = in_units(whole.iloc[:0], "total_count")
    every = vocabulary.span_of(daily)
    lines = [sparkline(parts.get(name, empty), top, every) for name in table.index]
    # Beside the name, where a phone shows it without scrolling.
    shown.insert(0, "trend", pd.Series(lines, index=table.index, dtype=object))
    return shown


def _error_rate(row: Mapping[Any, Any]) -> str:
    if pd.isna(row["error_rate"]):
        return "no calls"
    rate, low, high = vocabulary.percents(row["error_rate"], row["error_low"], row["error_high"])
    return f"{rate} % ({low} to {high} %)"


def _join_rate(row: Mapping[Any, Any]) -> str:
    return "no calls" if pd.isna(row["join_rate"]) else vocabulary.percent(row["join_rate"])
