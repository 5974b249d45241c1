"""Tables as files and pages show them: CSV, Parquet, HTML, and the line of a row in small."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd

from usage_analysis.figures.axes import Floats
from usage_analysis.figures.wording import WEEKDAYS, amount, clean, shorten

_ROWS_SHOWN = 200
_NAME = 48


def flat(table: pd.DataFrame) -> pd.DataFrame:
    """A table as files show it: durations in seconds, the index as columns, exact sums as text."""
    out = table.reset_index()
    for name in table.select_dtypes("timedelta").columns:
        out[name] = out[name].dt.total_seconds()
        out = out.rename(columns={name: f"{name}_seconds"})
    for name in out.columns:
        if out[name].dtype == object:
            numbers = all(isinstance(value, int | float) for value in out[name])
            out[name] = (
                out[name].astype(np.float64)
                if numbers and len(out)
                else [None if pd.isna(value) else _plain(value) for value in out[name]]
            )
    return out


def _plain(value: object) -> str:
    if isinstance(value, pd.Timedelta):
        return f"{value.total_seconds():.6f}".rstrip("0").rstrip(".") + "s"
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def write_table(table: pd.DataFrame, folder: Path, name: str) -> list[str]:
    """Names of the files that a table was written to: CSV, and Parquet where pyarrow is there."""
    rows = flat(table)
    text = io.StringIO()
    as_text = rows.copy()
    for column in rows.columns:
        if isinstance(rows[column].dtype, pd.DatetimeTZDtype):
            as_text[column] = [None if pd.isna(t) else t.isoformat() for t in rows[column]]
    as_text.to_csv(text, index=False, lineterminator="\n")
    (folder / f"{name}.csv").write_text(text.getvalue(), encoding="utf-8", newline="")
    if not has_parquet():
        return [f"{name}.csv"]
    rows.to_parquet(folder / f"{name}.parquet", index=False, engine="pyarrow")
    return [f"{name}.csv", f"{name}.parquet"]


def has_parquet() -> bool:
    """Whether Parquet can be written here."""
    return find_spec("pyarrow") is not None


def html_table(table: pd.DataFrame) -> str:
    """A table for a page; of a long one the first 200 rows, and how many more the file has."""
    shown = flat(table.iloc[:_ROWS_SHOWN])
    shares = [str(name) for name in shown if _is_share(str(name), shown)]
    cells = pd.DataFrame({str(n): _cells(str(n), shown[n], str(n) in shares) for n in shown})
    cells.columns = [_heading(str(name)) for name in cells.columns]
    page = re.sub(r"\n\s*", "", cells.to_html(index=False, border=0, na_rep="none"))
    more = len(table) - len(shown)
    if more > 0:
        page += f"<p>{more:,} more rows are in the file beside this page.</p>"
    return page


def _heading(name: str) -> str:
    """A column's name for readers; files keep the one for programs."""
    return re.sub(r" seconds$", " [s]", name.replace("_", " "))


def _is_share(name: str, table: pd.DataFrame) -> bool:
    """Whether a column is read in percent: rates and their limits, not the ends of other things."""
    if "rate" in table or "rate_a" in table:
        limits = ("low", "high", "centre", "difference")
        return name in limits or (name.startswith(("rate", "low_", "high_")) and "of" not in name)
    return name in ("share", "share_of_days", "blocking")


def _cells(name: str, column: pd.Series, is_share: bool) -> list[str]:
    if name == "day_of_week":
        return [WEEKDAYS[int(day)] for day in column]
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return ["none" if pd.isna(t) else f"{t:%Y-%m-%d %H:%M}" for t in column]
    if is_share and pd.api.types.is_float_dtype(column):
        return ["none" if pd.isna(value) else f"{100 * value:.2f} %" for value in column]
    return [_cell(value) for value in column]


def _cell(value: Any) -> str:
    if pd.isna(value):
        return "none"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float) and np.isinf(value):
        return "infinite"
    if isinstance(value, int | float | np.integer | np.floating):
        number = float(value)
        if number == round(number):
            return f"{number:,.0f}"
        return f"{number:,.1f}" if abs(number) >= 1000 else f"{number:,.4g}"
    return shorten(clean(str(value)), _NAME)


_SPARKLINE = jinja2.Environment(autoescape=True).from_string(
    '<svg class="spark" viewBox="0 0 120 24" role="img" aria-label="{{ words }}">'
    '{% for points in lines %}<polyline points="{{ points }}"/>{% endfor %}</svg>'
)


def sparkline(values: Floats, top: float, words: str) -> str:
    """A line in small from 0 to `top`, broken where values are missing, with its text."""
    step = 116 / max(len(values) - 1, 1)
    lines: list[list[str]] = [[]]
    for place, value in enumerate(values):
        if np.isfinite(value):
            y = 22 - 20 * value / top if top > 0 else 22
            lines[-1].append(f"{2 + place * step:.1f},{y:.1f}")
        elif lines[-1]:
            lines.append([])
    drawn = [" ".join(points if len(points) > 1 else points * 2) for points in lines if points]
    return _SPARKLINE.render(lines=drawn, words=words)


def sparkline_words(values: Floats, every: str) -> str:
    """What a small line shows, for who cannot see it."""
    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        return "no finished buckets"
    return (
        f"calls a {every}: {amount(float(finite.min()))} to {amount(float(finite.max()))}, "
        f"last {amount(float(finite[-1]))}"
    )


TERMS: Mapping[str, str] = {
    "Error rate, join rate": "Calls in error, and joined calls, over all calls: a ratio of sums, "
    "never a mean of ratios. The interval is Wilson's score interval at 95 % (Wilson 1927; "
    "Newcombe 1998). The join rate is the answer-seizure ratio of ITU-T E.425 in this setting.",
    "Busy hour": "tcbh, the time-consistent busy hour: the clock hour with the highest mean over "
    "the whole days. adph, the average daily peak hour: the mean of each day's own highest hour "
    "(ITU-T E.500, E.600).",
    "Busy-hour-to-day ratio, peak-to-average ratio": "What share of the day's calls the busy hour "
    "has, and how many times the mean hour it is.",
    "Erlang": "One call held for the whole time: talk in an hour over the hour (ITU-T E.600).",
    "Offered and carried traffic, blocking": "Refused calls are in no count, so what is seen is "
    "carried. The offered traffic is the one that Erlang's loss formula (Erlang 1917) turns into "
    "it at the limit; blocking is the share of calls refused there. Demand is what calls without a "
    "limit would exceed 0.1 % of the time (Poisson, M/G/∞).",
    "Control chart": "Daily rates with limits that chance and the days' own unrest set: Laney's "
    "p-prime chart (2002). A day out of limits is unlike the others; the chart does not say why.",
    "Funnel": "Each group's rate against the limits that its number of calls allows: binomial, "
    "95 % and 99.8 %, widened where groups differ by more than chance (Spiegelhalter 2005). Centre "
    "and spread are those of the groups that hold together, without the ones far from them.",
    "Projection of the month": "What has come, and for each day left the mean of its weekday times "
    "the level of the last four weeks; the band is its 95 % interval.",
    "Comparison": "The same weekdays and hours of both periods, unfinished ones left out on both "
    "sides; Student's t over the days' differences. Rates by Newcombe's hybrid score (1998).",
    "Billed minutes, cost": "As the vendor reports them: each call is rounded up to 6 seconds "
    "before it is summed. Cost is billed minutes times the price of one, call minutes only: an "
    "estimate, for SIP minutes, tokens and external voices are billed elsewhere.",
    "Whole day": "A local day of which every hour is in the data and final. Other days are left "
    "out of means and kept in totals.",
    "Provisional": "Still running at the date of the data, or within two hours before it: billed "
    "minutes come after the call ends.",
}
"""What the words of a report mean, and where they come from."""
