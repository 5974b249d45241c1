"""Results of a report, its tables as HTML, and sparklines in them."""

import re
import tomllib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from importlib.resources import files
from typing import Any, Final

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from usage_analysis.analysis import vocabulary
from usage_analysis.analysis.billing import PRICE, price_of
from usage_analysis.analysis.cause import Event, judge_groups
from usage_analysis.analysis.quality import reconcile
from usage_analysis.analysis.selection import SelectedUsage
from usage_analysis.analysis.statements.cause import state_source
from usage_analysis.analysis.statements.statement import Statement
from usage_analysis.analysis.statements.unusual import state_unusual
from usage_analysis.analysis.trends import month_outlook
from usage_analysis.analysis.unusual import unusual
from usage_analysis.errors import QueryError
from usage_analysis.figures.axes import Floats
from usage_analysis.figures.catalogue import CATALOGUE
from usage_analysis.figures.entry import Options, Prepared
from usage_analysis.figures.provenance import Provenance, provenance_of
from usage_analysis.figures.style import Theme
from usage_analysis.tidy.frames import can_share_calls
from usage_analysis.tidy.table_files import index_as_columns
from usage_analysis.tidy.wire import MEASURES

#: Templates of the page and of its parts.
TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.PackageLoader("usage_analysis", "."), autoescape=True,
    undefined=jinja2.StrictUndefined, trim_blocks=True,
)  # fmt: skip
TEMPLATES.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
_HEADINGS: Final = tomllib.loads(
    (files("usage_analysis.report") / "headings.toml").read_text(encoding="utf-8")
)
#: Longer texts of the page.
NOTES: Final[dict[str, str]] = _HEADINGS.pop("notes")
_ROWS_SHOWN = 200
_NAME = 48


def html_table(table: pd.DataFrame, *, named: bool = False) -> str:
    """Return a table as HTML, the first 200 rows of a long one.

    With `named` each cell has the name of its column, for a phone, which shows a row as a list.
    """
    shown = index_as_columns(table.iloc[:_ROWS_SHOWN])
    # Columns of groups have a name in common; what a group is called says nothing of its cells.
    groups = set() if table.columns.name is None else {*table.columns}
    words = {name: "" if name in groups else str(name) for name in shown}
    cells = [_cells(words[name], shown[name], _share_unit(words[name], shown)) for name in shown]
    names = [_heading(words[name], shown[name]) or str(name) for name in shown]
    return TEMPLATES.get_template("report/table.html.j2").render(
        names=names, rows=list(zip(*cells, strict=True)), named=named and bool(names[1])
    )


def rows_in_words(table: pd.DataFrame, shown: pd.DataFrame | None = None) -> str:
    """Return the number of rows in words, with the number that a page shows."""
    rows = vocabulary.several(len(table), "row")
    if shown is not None:
        return f"{len(shown):,} of the {rows}, those of the events"
    return rows if len(table) <= _ROWS_SHOWN else f"first {_ROWS_SHOWN} of the {rows}"


def _heading(name: str, column: pd.Series) -> str:
    """Return a column's name for readers."""
    words = re.sub(r"_(95|998)$", lambda m: {"95": ", 95 %", "998": ", 99.8 %"}[m[1]], name)
    told = _HEADINGS.get(name, words.replace("_", " "))
    return f"{told} [h:mm:ss]" if pd.api.types.is_timedelta64_dtype(column.dtype) else told


def _share_unit(name: str, table: pd.DataFrame) -> str:
    """Return the unit of a column of shares: ``%``, ``points`` of a difference, "" for others."""
    expected = "observed" in table and table.attrs.get("meaning", {}).get("event") is not None
    if "rate" not in table and not expected:
        return "%" if name in ("share", "change") else ""
    if name in ("low", "high", "centre", "difference", "observed", "expected"):
        return "points" if "difference" in table else "%"
    rates = name.startswith(("rate", "previous_rate", "low_", "high_")) and "of" not in name
    return "%" if rates else ""


#: Form of the cells in columns of these names.
_FORMS: Final[dict[str, Callable[[Any], str]]] = {
    "day_of_week": lambda day: vocabulary.WEEKDAYS[int(day)],
    "hour_of_week": lambda hour: f"{vocabulary.WEEKDAYS[hour // 24]} {hour % 24:02}:00",
    "hour_of_day": lambda hour: f"{hour:02}:00",
    "blocking": vocabulary.part,
}


def _cells(name: str, column: pd.Series, unit: str) -> list[str]:
    return [_FORMS[name](value) if name in _FORMS else _cell(value, unit) for value in column]


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
            share = vocabulary.points(number) if unit == "points" else f"{100 * number:.2f}"
            return f"{share} {unit}"
        if number == round(number):
            return f"{number:,.0f}"
        return f"{number:,.1f}" if abs(number) >= 1000 else f"{number:,.4g}"
    return vocabulary.shorten(vocabulary.clean(str(value)), _NAME)


def sparkline(values: Floats, top: float, every: str) -> Markup:
    """Return calls per hour or day from 0 to `top` as an SVG line, broken at missing values."""
    step = 116 / max(len(values) - 1, 1)
    heights = (22 - 20 * values / (top or 1.0)).tolist()
    points = [f"{2 + at * step:.1f},{y:.1f}" if y == y else "|" for at, y in enumerate(heights)]
    lines = [part.split() for part in " ".join(points).split("|")]
    drawn = [" ".join(part if len(part) > 1 else part * 2) for part in lines if part]
    words, finite = "no finished buckets", values[np.isfinite(values)]
    if len(finite):
        ends = (finite.min(), finite.max(), finite[-1])
        low, high, last = (vocabulary.amount(float(value)) for value in ends)
        words = f"calls per {every}: {low} to {high}, last {last}"
    svg = TEMPLATES.get_template("report/sparkline.svg.j2").render(lines=drawn, words=words)
    return Markup(svg)  # noqa: S704  # escaped there


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """Limit, budget and price of the account, and the look of a report.

    Parameters
    ----------
    limit
        Maximum number of concurrent calls.
    budget
        Billed minutes that a month may come to.
    price
        Price per billed minute [USD]; the vendor's USD 0.05 by default.
    title
        Heading of the page.
    theme
        Colours, fonts and logo.
    single_file
        Write the page alone, without files beside it, to send it.
    origin
        File and columns from which the calls were read, for the provenance.

    Examples
    --------
    >>> ReportOptions(limit=5, price="0.07").title
    'Call usage'
    """

    limit: int | None = None
    budget: float | None = None
    price: Decimal | str | float = PRICE
    title: str = "Call usage"
    theme: Theme | None = None
    single_file: bool = False
    origin: str = ""

    def __post_init__(self) -> None:
        """Check the price before anything is computed."""
        price_of(self.price)


@dataclass(frozen=True)
class Picture:
    """A figure that can be drawn at any width, with its table and the drawn part of the table."""

    name: str
    draw: Callable[[float], Figure]
    table: pd.DataFrame
    drawn: pd.DataFrame
    #: Rows on the page, where they are not the first ones.
    shown: pd.DataFrame | None = None


@dataclass(frozen=True)
class Table:
    """A table with its caption."""

    caption: str
    table: pd.DataFrame
    #: The table on the page, where it differs from the file.
    shown: pd.DataFrame | None = None


@dataclass(frozen=True)
class Section:
    """Figures and tables under a heading."""

    pictures: Sequence[Picture] = ()
    #: By the name of their file.
    tables: dict[str, Table] = field(default_factory=dict)
    #: Sentences above the figures.
    words: Sequence[str] = ()
    heading: str = ""
    name: str = ""


@dataclass(frozen=True)
class ReportResults:
    """Results of one report, each computed once.

    Parameters
    ----------
    selected
        The rows that the report is about.
    options
        Limit, budget and price of the account.
    """

    selected: SelectedUsage
    options: ReportOptions = field(default_factory=ReportOptions)
    _prepared: dict[str, Prepared] = field(default_factory=dict, init=False)

    @cached_property
    def about(self) -> Provenance:
        """Provenance of the selected rows."""
        return provenance_of(self.selected)

    def prepare(self, name: str, **options: Any) -> Prepared:
        """Return a figure of the catalogue with its result."""
        if name not in self._prepared:
            limit, budget, price = self.options.limit, self.options.budget, self.options.price
            given = Options(limit=limit, budget=budget, price=price, **options)
            self._prepared[name] = CATALOGUE[name].prepare(self.selected, given)
        return self._prepared[name]

    def picture(self, name: str, table: pd.DataFrame | None = None, **options: Any) -> Picture:
        """Return a figure of the catalogue; its table is by default its result."""
        prepared = self.prepare(name, **options)
        drawn = prepared.table
        return Picture(name, prepared.figure, drawn if table is None else table, drawn)

    @cached_property
    def expected(self) -> Picture:
        """Hours with their expected values, and the events of the account and its groups."""
        prepared = self.prepare("expected")
        shown = replace(prepared, names={**prepared.names, "found": self.unusual})
        table, rows = shown.table, self.unusual.itertuples()
        inside = [(table.index >= row.start) & (table.index < row.end) for row in rows]
        near = table[np.any(inside, axis=0)] if inside else None
        return Picture("expected", shown.figure, table, table, near)

    def lacks(self, name: str) -> list[str]:
        """Return the columns that a figure needs and the data lack."""
        return CATALOGUE[name].missing(self.selected.hourly)

    @cached_property
    def month(self) -> Any:
        """Projection of the month's billed minutes, or the reason why there is none."""
        days = self.prepare("month").table
        return month_outlook(
            "build_report", days, measure="billed_minutes", budget=self.options.budget
        )

    @cached_property
    def unusual(self) -> pd.DataFrame:
        """Unusual events of the account and its groups, with their cost."""
        selected, price = self.selected.single_hours, self.options.price
        by_group = selected.group_hours
        # Groups that share calls do not add up to an account, so all calls are judged then.
        grouped = by_group is not None and not can_share_calls(by_group)
        rows = selected.rows("unmarked", grouped=grouped)
        every = by_group if grouped else selected.earlier_hours
        every = selected.all_hours if every is None else every
        history = selected.selection.of_hours(every[every.index < rows.index.min()])
        return unusual(rows, history=history, price=price if "billed_minutes" in rows else None)

    @cached_property
    def events(self) -> list[Statement]:
        """Unusual events in words; events of the account name the group behind them."""
        rows = self.unusual.to_dict("records")
        sources: list[Any] = [self._source(row) for row in rows]
        return state_unusual(self.unusual.assign(source=sources))

    def _source(self, row: Any) -> Statement | None:
        """State the group behind an event of the account, from data that are there anyway."""
        by_group = self.selected.single_hours.group_hours
        if by_group is not None and pd.isna(row["group"]):
            event = Event(row["measure"], row["start"], row["end"], bool(row["ratio"] > 1))
            frames = {"": self.selected.single_hours.all_hours, str(by_group.columns[0]): by_group}
            with suppress(QueryError):  # less than a week to learn from
                return state_source(judge_groups(frames, event))
        return None

    @cached_property
    def checks(self) -> pd.DataFrame:
        """Consistency checks of the whole reply."""
        return reconcile(self.selected.usage)

    @cached_property
    def changes(self) -> pd.DataFrame | None:
        """Changes from the previous period, one row per measure; None if nothing is comparable."""
        measures = tuple(name for name in MEASURES if name in self.selected.hourly)
        return self._compare("comparison", measure=measures)

    @cached_property
    def rates(self) -> pd.DataFrame | None:
        """Differences of rates from the previous period, one row per event."""
        return self._compare("rates_compared")

    def _compare(self, name: str, **options: Any) -> pd.DataFrame | None:
        if self.selected.earlier_hours is not None:
            with suppress(QueryError):  # no finished hour in common
                return self.prepare(name, **options).table
        return None
