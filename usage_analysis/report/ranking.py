"""The table of groups: one row per group, the largest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pandas as pd

from usage_analysis.analysis.billing import cost
from usage_analysis.analysis.rates import error_rate, join_rate
from usage_analysis.analysis.vocabulary import percent, percents, span_of
from usage_analysis.figures.axes import finished, in_units
from usage_analysis.report.tables import sparkline, sparkline_words
from usage_analysis.tidy.frames import group_column
from usage_analysis.tidy.grouping import each_group
from usage_analysis.tidy.overlap import can_share_calls

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
    every = span_of(daily)
    lines = [
        sparkline(values, top, sparkline_words(values, every))
        for values in (parts.get(name, empty) for name in table.index)
    ]
    # Beside the name, where a phone shows it without scrolling.
    shown.insert(0, "trend", pd.Series(lines, index=table.index, dtype=object))
    return shown


def _error_rate(row: Mapping[Any, Any]) -> str:
    if pd.isna(row["error_rate"]):
        return "no calls"
    rate, low, high = percents(row["error_rate"], row["error_low"], row["error_high"])
    return f"{rate} % ({low} to {high} %)"


def _join_rate(row: Mapping[Any, Any]) -> str:
    return "no calls" if pd.isna(row["join_rate"]) else percent(row["join_rate"])
