"""The table of groups: one row per group, the largest first."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd

from usage_analysis.analysis.billing import cost
from usage_analysis.analysis.rates import error_rate, join_rate
from usage_analysis.analysis.vocabulary import percents, span_of
from usage_analysis.figures.axes import finished, in_units
from usage_analysis.report.tables import sparkline, sparkline_words
from usage_analysis.tidy.frames import group_column
from usage_analysis.tidy.grouping import each_group
from usage_analysis.tidy.overlap import can_share_calls


def group_table(hourly: pd.DataFrame, price: Decimal | str | float) -> pd.DataFrame:
    """Calls, rates with the error rate's interval, talk and cost of each group of a breakdown."""
    errors, joins = error_rate(hourly, by="total"), join_rate(hourly, by="total")
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
    if can_share_calls(hourly):
        table = table.drop(columns="share")  # groups of shared calls have no whole
    money = cost(hourly, price)
    if isinstance(money, pd.DataFrame):
        table = table.join(money)
    return table.sort_values("calls", ascending=False, kind="stable").rename_axis(
        group_column(hourly)
    )


def with_lines(table: pd.DataFrame, daily: pd.DataFrame) -> pd.DataFrame:
    """Return the table for a page, with a sparkline of each group's calls."""
    whole = daily[finished(daily)]
    parts = {name: in_units(rows, "total_count") for name, rows in each_group(whole)}
    top = max((float(values.max()) for values in parts.values() if len(values)), default=0.0)
    shares = table["share"] if "share" in table else np.full(len(table), np.nan)
    shown = pd.DataFrame(
        {
            "calls": [f"{calls:,.0f}" for calls in table["calls"]],
            "share": [f"{100 * share:.1f} %" for share in shares],
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
    if "share" not in table:
        shown = shown.drop(columns="share")
    empty = in_units(whole.iloc[:0], "total_count")
    every = span_of(daily)
    lines = [
        sparkline(values, top, sparkline_words(values, every))
        for values in (parts.get(name, empty) for name in table.index)
    ]
    # Beside the name, where a phone shows it without scrolling.
    shown.insert(0, "trend", pd.Series(lines, index=table.index, dtype=object))
    return shown
