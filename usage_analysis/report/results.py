"""Results of one report, each computed once, and the parts of its sections."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

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
from usage_analysis.figures.catalogue import CATALOGUE
from usage_analysis.figures.entry import Options, Prepared
from usage_analysis.figures.provenance import Provenance, provenance_of
from usage_analysis.figures.style import Theme
from usage_analysis.tidy.frames import can_share_calls
from usage_analysis.tidy.wire import MEASURES


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
        return Picture("expected", shown.figure, shown.table, shown.table)

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
        selected, price = self.selected, self.options.price
        by_group = selected.group_hours
        # Groups that share calls do not add up to an account, so all calls are judged then.
        grouped = by_group is not None and not can_share_calls(by_group)
        rows = selected.rows("unmarked", grouped=grouped)
        every = by_group if grouped and by_group is not None else selected.all_hours
        if not grouped and selected.earlier_hours is not None:
            every = selected.earlier_hours
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
        by_group = self.selected.group_hours
        if by_group is not None and pd.isna(row["group"]):
            event = Event(row["measure"], row["start"], row["end"], bool(row["ratio"] > 1))
            frames = {"": self.selected.all_hours, str(by_group.columns[0]): by_group}
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
        if self.selected.previous is not None:
            with suppress(QueryError):  # no finished hour in common
                return self.prepare(name, **options).table
        return None
