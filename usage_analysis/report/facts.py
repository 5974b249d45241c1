"""The data of one report, computed once, and what a section of it is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from usage_analysis.analysis.billing import PRICE
from usage_analysis.analysis.comparison import compare_periods
from usage_analysis.analysis.control import control_chart
from usage_analysis.analysis.difference import rate_difference
from usage_analysis.analysis.funnel import funnel
from usage_analysis.analysis.quality import reconcile
from usage_analysis.analysis.vocabulary import UNITS
from usage_analysis.errors import QueryError
from usage_analysis.figures.axes import figure_of, finished
from usage_analysis.figures.marks import Mark, without
from usage_analysis.figures.provenance import Provenance
from usage_analysis.figures.style import WIDTH, new_figure
from usage_analysis.report.hours import Hours
from usage_analysis.report.ranking import group_table
from usage_analysis.tidy.periods import aggregate
from usage_analysis.tidy.usage import CallUsage
from usage_analysis.tidy.wire import MEASURES


@dataclass(frozen=True)
class Picture:
    """One figure that can be drawn at any width, and the table beneath it."""

    name: str
    draw: Callable[[float], Figure]
    table: pd.DataFrame


@dataclass(frozen=True)
class Table:
    """A table with what it says, shown as it is; its file may be more for programs."""

    caption: str
    table: pd.DataFrame
    shown: pd.DataFrame | None = None
    """What the page has instead, where page and file differ."""


@dataclass(frozen=True)
class Section:
    """A heading with its figures and tables."""

    name: str
    heading: str
    pictures: Sequence[Picture] = ()
    tables: dict[str, Table] = field(default_factory=dict)
    """By the name of their file."""
    words: Sequence[str] = ()
    """Sentences above the figures."""


@dataclass(frozen=True)
class Facts:
    """The data of one report, local and cut to the days asked for."""

    usage: CallUsage
    hourly: pd.DataFrame
    about: Provenance
    previous: pd.DataFrame | None = None
    breakdown: pd.DataFrame | None = None
    marks: Sequence[Mark] = ()
    weekend: Sequence[str] = ("Sat", "Sun")
    limit: int | None = None
    budget: float | None = None
    price: Any = PRICE
    """Price per billed minute [USD]."""
    hours: Hours | None = None
    """Hours of the day that the data were cut to."""

    @cached_property
    def daily(self) -> pd.DataFrame:
        """Every local day, those that are not whole too."""
        return aggregate(self.hourly, "D")

    @cached_property
    def days(self) -> pd.DataFrame:
        """Whole and final days, without the periods to leave out."""
        return without(self.daily[finished(self.daily)], self.marks)

    @cached_property
    def months(self) -> pd.DataFrame:
        """The days, and those of the period before where it goes on into this one."""
        if self.previous is None or len(self.previous) == 0:
            return self.daily
        start = self.hourly.index[0]
        before = self.previous[self.previous.index < start]
        if len(before) == 0:
            return self.daily
        last, first = (day.tz_localize(None).normalize() for day in (before.index[-1], start))
        if first - last > pd.Timedelta(days=1):
            return self.daily
        # What was not final when the earlier period was asked for is not final here either.
        return aggregate(pd.concat([before, self.hourly]), "D")

    @cached_property
    def kept(self) -> pd.DataFrame:
        """Hours without the periods to leave out: what means are made of."""
        return without(self.hourly, self.marks)

    @cached_property
    def chart(self) -> pd.DataFrame:
        """Control chart of the error rate by day."""
        return control_chart(self.kept)

    @cached_property
    def checks(self) -> pd.DataFrame:
        """Checks of the whole reply against itself."""
        return reconcile(self.usage)

    @property
    def changes(self) -> pd.DataFrame | None:
        """Changes from the period before, a row a measure; none where nothing can be compared."""
        return self._changes[0]

    @property
    def no_changes(self) -> str:
        """Why there are none."""
        return self._changes[1]

    @cached_property
    def _changes(self) -> tuple[pd.DataFrame | None, str]:
        if self.previous is None:
            return None, "none was given"
        try:
            rows = {
                UNITS[measure]: compare_periods(self.hourly, self.previous, measure=measure)
                for measure in MEASURES
            }
        except QueryError as error:
            return None, str(error).partition(": ")[2]
        return pd.DataFrame(rows).T.rename_axis("measure"), ""

    @cached_property
    def rates(self) -> pd.DataFrame | None:
        """Differences of rates to the period before, over the whole days of both."""
        if self.previous is None:
            return None
        ours = self.days if len(self.days) else self.hourly[~self.hourly["provisional"]]
        theirs = self.previous[~self.previous["provisional"]]
        return pd.DataFrame(
            {
                name: rate_difference(ours, theirs, event=event, independent="days")
                for name, event in (("error rate", "error_count"), ("join rate", "joined_count"))
            }
        ).T.rename_axis("rate of")

    @cached_property
    def limits(self) -> pd.DataFrame:
        """Each group's error rate against the limits that chance sets."""
        return funnel(self.groups)

    @cached_property
    def ranking(self) -> pd.DataFrame:
        """A row a group, the largest first."""
        return group_table(self.groups, self.price)

    @property
    def groups(self) -> pd.DataFrame:
        """The breakdown's hours."""
        if self.breakdown is None:
            raise QueryError("sections: groups needs a breakdown, got none")
        return self.breakdown


def on_axes(draw: Callable[[Axes], Axes], height: float = 4.0) -> Callable[[float], Figure]:
    """Drawing on the axes of a new figure of any width; a narrow one is higher for its heading."""

    def at(width: float) -> Figure:
        tall = height if width >= WIDTH else height + 0.6
        return figure_of(draw(new_figure(width, tall).add_subplot()))

    return at
