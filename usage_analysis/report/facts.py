"""Results of one report, computed once, and the parts of its sections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from usage_analysis.analysis.billing import PRICE
from usage_analysis.analysis.control import control_chart
from usage_analysis.analysis.meaning import RATES
from usage_analysis.analysis.quality import reconcile
from usage_analysis.analysis.selection import SelectedUsage
from usage_analysis.analysis.trends import month_outlook
from usage_analysis.figures.catalogue import CATALOGUE
from usage_analysis.figures.entry import Options
from usage_analysis.figures.provenance import Provenance
from usage_analysis.report.ranking import group_table
from usage_analysis.tidy.periods import aggregate
from usage_analysis.tidy.wire import MEASURES


@dataclass(frozen=True)
class Picture:
    """One figure that can be drawn at any width, with its table."""

    name: str
    draw: Callable[[float], Figure]
    table: pd.DataFrame


@dataclass(frozen=True)
class Table:
    """A table with what it says, shown as it is; its file may be more for programs."""

    caption: str
    table: pd.DataFrame
    #: What the page has instead, where page and file differ.
    shown: pd.DataFrame | None = None


@dataclass(frozen=True)
class Section:
    """A heading with its figures and tables."""

    name: str
    heading: str
    pictures: Sequence[Picture] = ()
    #: By the name of their file.
    tables: dict[str, Table] = field(default_factory=dict)
    #: Sentences above the figures.
    words: Sequence[str] = ()


@dataclass(frozen=True)
class Facts:
    """Results of one report, each computed once.

    Parameters
    ----------
    selected
        The rows that the report is of.
    about
        Their provenance.
    limit
        Maximum number of concurrent calls.
    budget
        Billed minutes that a month may come to.
    price
        Price per billed minute [USD].
    """

    selected: SelectedUsage
    about: Provenance
    limit: int | None = None
    budget: float | None = None
    price: Any = PRICE

    @cached_property
    def months(self) -> pd.DataFrame:
        """Days up to the last selected one, from weeks before its month."""
        return aggregate(self.selected.history, "D")

    @cached_property
    def month(self) -> Any:
        """Projection of the month's billed minutes, or the reason why there is none."""
        return month_outlook(
            "build_report", self.months, measure="billed_minutes", budget=self.budget
        )

    @cached_property
    def chart(self) -> pd.DataFrame:
        """Control chart of the error rate by day."""
        return control_chart(self.selected.unmarked)

    @cached_property
    def checks(self) -> pd.DataFrame:
        """Checks of the whole reply against itself."""
        return reconcile(self.selected.usage)

    @cached_property
    def changes(self) -> pd.DataFrame | None:
        """Changes from the previous period, one row per measure; None if nothing is comparable."""
        measures = [name for name in MEASURES if name in self.selected.hourly]
        found = self.selected.change(measures)
        return found if isinstance(found, pd.DataFrame) else None

    @cached_property
    def rates(self) -> pd.DataFrame | None:
        """Differences of rates from the previous period, one row per event."""
        events = [name for name in RATES if name in self.selected.hourly]
        found = self.selected.rate_change(events)
        return found if isinstance(found, pd.DataFrame) else None

    @cached_property
    def ranking(self) -> pd.DataFrame:
        """One row per group, the largest first."""
        return group_table(self.selected.breakdown, self.price)


def picture_of(
    facts: Facts, name: str, table: pd.DataFrame | None = None, **options: Any
) -> Picture:
    """Prepare a figure of the catalogue; its table is by default its result."""
    prepared = CATALOGUE[name].prepare(
        facts.selected,
        Options(limit=facts.limit, budget=facts.budget, price=facts.price, **options),
    )
    return Picture(name, prepared.figure, prepared.table if table is None else table)
