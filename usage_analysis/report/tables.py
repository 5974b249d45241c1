"""Tables as CSV, Parquet and HTML, and sparklines in them."""

import io
import re
import tomllib
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup

from usage_analysis.analysis import vocabulary
from usage_analysis.errors import QueryError
from usage_analysis.figures.axes import Floats

#: Templates of the page and of its parts.
TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.PackageLoader("usage_analysis", "."), autoescape=True,
    undefined=jinja2.StrictUndefined, trim_blocks=True,
)  # fmt: skip
_HEADINGS: Final = tomllib.loads(
    (files("usage_analysis.report") / "headings.toml").read_text(encoding="utf-8")
)
_ROWS_SHOWN = 200
_NAME = 48


def flatten_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table as files hold it, with the index as columns and durations in seconds."""
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


def csv_of(table: pd.DataFrame) -> bytes:
    """Return a table as CSV; times have their offset."""
    rows = flatten_table(table)
    for column in rows.columns:
        if isinstance(rows[column].dtype, pd.DatetimeTZDtype):
            rows[column] = [None if pd.isna(t) else t.isoformat() for t in rows[column]]
    # Sums of tenths of minutes differ from tenths in their 16th digit.
    return rows.to_csv(index=False, lineterminator="\n", float_format="%.12g").encode()


def parquet_of(table: pd.DataFrame) -> bytes:
    """Return a table as Parquet, with the columns of its CSV.

    Raises
    ------
    QueryError
        pyarrow is not installed.
    """
    if not has_parquet():
        raise QueryError('Parquet needs pyarrow: pip install "usage-analysis[parquet]"')
    out = io.BytesIO()
    flatten_table(table).to_parquet(out, index=False, engine="pyarrow")
    return out.getvalue()


def write_table(table: pd.DataFrame, folder: Path, name: str) -> list[str]:
    """Write a table as CSV and, where pyarrow is installed, as Parquet; return the files' names."""
    files = {f"{name}.csv": csv_of(table)}
    if has_parquet():
        files[f"{name}.parquet"] = parquet_of(table)
    for file, content in files.items():
        (folder / file).write_bytes(content)
    return list(files)


def has_parquet() -> bool:
    """Return True if pyarrow is installed."""
    return find_spec("pyarrow") is not None


def html_table(table: pd.DataFrame, *, named: bool = False) -> str:
    """Return a table as HTML, the first 200 rows of a long one.

    Column names become words, and talk is h:mm:ss. With `named` each cell carries the name of its
    column, for a phone, which shows a row as a list.
    """
    shown = table.iloc[:_ROWS_SHOWN].reset_index()
    cells = [_cells(str(name), shown[name], _share_unit(str(name), shown)) for name in shown]
    names = [_heading(str(name), shown[name]) for name in shown]
    rows = list(zip(*cells, strict=True))
    return TEMPLATES.get_template("report/table.html.j2").render(
        names=names, rows=rows, named=named and bool(names[1])
    )


def rows_in_words(table: pd.DataFrame) -> str:
    """Return the number of rows in words, with the number that a page shows."""
    rows = vocabulary.several(len(table), "row")
    return rows if len(table) <= _ROWS_SHOWN else f"first {_ROWS_SHOWN} of the {rows}"


def _heading(name: str, column: pd.Series) -> str:
    """Return a column's name for readers."""
    words = re.sub(r"_(95|998)$", lambda m: {"95": ", 95 %", "998": ", 99.8 %"}[m[1]], name)
    told = _HEADINGS.get(name, words.replace("_", " "))
    return f"{told} [h:mm:ss]" if pd.api.types.is_timedelta64_dtype(column.dtype) else told


def _share_unit(name: str, table: pd.DataFrame) -> str:
    """Return the unit of a column of shares: ``%``, ``points`` of a difference, "" for others."""
    if "rate" not in table:
        return "%" if name in ("share", "change") else ""
    if name in ("low", "high", "centre", "difference"):
        return "points" if "difference" in table else "%"
    rates = name.startswith(("rate", "previous_rate", "low_", "high_")) and "of" not in name
    return "%" if rates else ""


def _cells(name: str, column: pd.Series, unit: str) -> list[str]:
    if name == "day_of_week":
        return [vocabulary.WEEKDAYS[int(day)] for day in column]
    if name == "hour_of_week":
        return [f"{vocabulary.WEEKDAYS[hour // 24]} {hour % 24:02}:00" for hour in column]
    if name == "hour_of_day":
        return [f"{hour:02}:00" for hour in column]
    if name == "blocking":
        return [vocabulary.part(share) for share in column]
    return [_cell(value, unit) for value in column]


def _cell(value: Any, unit: str) -> str:
    if isinstance(value, Markup):
        return value
    if pd.isna(value):
        return "none"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, pd.Timedelta):
        return vocabulary.duration_clock(value)
    if isinstance(value, int | float | np.integer | np.floating):
        number = float(value)
        if np.isinf(number):
            return "infinite"
        if unit:
            return (
                f"{vocabulary.points(number) if unit == 'points' else f'{100 * number:.2f}'} {unit}"
            )
        if number == round(number):
            return f"{number:,.0f}"
        return f"{number:,.1f}" if abs(number) >= 1000 else f"{number:,.4g}"
    return vocabulary.shorten(vocabulary.clean(str(value)), _NAME)


def sparkline(values: Floats, top: float, every: str) -> Markup:
    """Return calls per hour or day from 0 to `top` as an SVG line, broken at missing values."""
    step = 116 / max(len(values) - 1, 1)
    lines: list[list[str]] = [[]]
    for place, value in enumerate(values):
        if np.isfinite(value):
            y = 22 - 20 * value / top if top > 0 else 22
            lines[-1].append(f"{2 + place * step:.1f},{y:.1f}")
        elif lines[-1]:
            lines.append([])
    drawn = [" ".join(points if len(points) > 1 else points * 2) for points in lines if points]
    words, finite = "no finished buckets", values[np.isfinite(values)]
    if len(finite):
        ends = (finite.min(), finite.max(), finite[-1])
        low, high, last = (vocabulary.amount(float(value)) for value in ends)
        words = f"calls per {every}: {low} to {high}, last {last}"
    svg = TEMPLATES.get_template("report/sparkline.svg.j2").render(lines=drawn, words=words)
    return Markup(svg)  # noqa: S704  # escaped there
