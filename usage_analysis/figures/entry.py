"""Entries of the catalogue: the calls that make a figure, run on selected data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from usage_analysis.analysis.billing import PRICE
from usage_analysis.analysis.meaning import RATES
from usage_analysis.analysis.selection import Rows, SelectedUsage
from usage_analysis.analysis.vocabulary import UNITS
from usage_analysis.errors import QueryError
from usage_analysis.figures.axes import figure_of
from usage_analysis.figures.provenance import provenance_of
from usage_analysis.figures.style import WIDTH, drawing, new_figure
from usage_analysis.tidy.frames import can_share_calls
from usage_analysis.tidy.periods import aggregate
from usage_analysis.tidy.table_files import as_table

#: Height that a narrow figure needs more, for its longer heading [in].
_TALLER: Final = 0.6


@dataclass(frozen=True, kw_only=True)
class Options:
    """Display options of a figure.

    Parameters
    ----------
    measure
        Measure to draw; several for a comparison of all calls.
    every
        Buckets into which hours are added up; ``"h"`` leaves them as they are.
    grouped
        True to draw groups in figures that can show them.
    event
        Event of the rate in the change by group; errors by default.
    limit
        Maximum number of concurrent calls.
    budget
        Budget of billed minutes per month.
    price
        Price per billed minute [USD].
    """

    measure: str | Sequence[str] = "total_count"
    every: str = "D"
    grouped: bool = False
    event: str | None = None
    limit: int | None = None
    budget: float | None = None
    price: Any = PRICE


class Use(NamedTuple):
    """A keyword whose value comes when a figure is drawn: an option, marks or rows."""

    name: str


@dataclass(frozen=True)
class Step:
    """One call of a public function.

    Parameters
    ----------
    target
        Name of the call's result.
    function
        Function to call.
    inputs
        Names of earlier results.
    keywords
        Keyword arguments; None and empty values are left out.
    """

    target: str
    function: Callable[..., Any]
    inputs: tuple[str, ...]
    keywords: Mapping[str, Any] = field(default_factory=dict)

    def run(self, names: Mapping[str, Any], **more: Any) -> Any:
        """Make the call."""
        given = {name: value for name, (value, _) in self._keywords(names).items()}
        return self.function(*(names[name] for name in self.inputs), **given, **more)

    def python(self, names: Mapping[str, Any]) -> list[str]:
        """Return the call as a line of Python."""
        given = (f"{name}={words}" for name, (_, words) in self._keywords(names).items())
        call = f"ua.{self.function.__name__}({', '.join([*self.inputs, *given])})"
        return [f"{self.target} = {call}" if self.target else f"print({call})"]

    def _keywords(self, names: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
        """Return the keyword arguments with their Python."""
        out = {}
        for name, value in self.keywords.items():
            if not isinstance(value, Use):
                out[name] = (value, repr(value))
                continue
            known = names[value.name]
            if known is None or (isinstance(known, list | tuple) and not known):
                continue
            if isinstance(known, pd.DataFrame) or name == "about":
                out[name] = (known, value.name)
            else:
                out[name] = (known, repr([*known] if isinstance(known, tuple) else known))
        return out


class Bucketed(Step):
    """Adds hours up into the buckets to draw."""

    def run(self, names: Mapping[str, Any], **_: Any) -> Any:
        """Return the buckets; None without rows."""
        rows = names[self.inputs[0]]
        return rows if rows is None or names["every"] == "h" else aggregate(rows, names["every"])

    def python(self, names: Mapping[str, Any]) -> list[str]:
        """Return the line of Python that adds up."""
        (name,), every = self.inputs, names["every"]
        if names[name] is None or (every == "h" and name == self.target):
            return []
        return [f"{self.target} = {name if every == 'h' else f'ua.aggregate({name}, {every!r})'}"]


class OfFirstEvent(Step):
    """Computes a result for the measure of the first event, or for calls where there is none."""

    def _keywords(self, names: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
        measure = next(iter(names["found"]["measure"]), "total_count")
        return {"measure": (measure, repr(measure))}


class Changed(Step):
    """Finds lasting changes in the days of one series."""

    def run(self, names: Mapping[str, Any], **_: Any) -> Any:
        """Return the changes; None for a breakdown, and without changes."""
        if names["grouped"]:
            return None
        found = super().run({**names, "daily": aggregate(names["hourly"], "D")})
        return found if len(found) else None

    def python(self, names: Mapping[str, Any]) -> list[str]:
        """Return the lines of Python that find the drawn changes."""
        daily = 'daily = ua.aggregate(hourly, "D")'
        return [] if names[self.target] is None else [daily, *super().python(names)]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A figure of the catalogue.

    Parameters
    ----------
    name
        Name of the figure in files, states and options.
    heading
        Name of the figure in lists.
    steps
        Calls from ``hourly`` (and ``previous``) to the result.
    plot
        Call that draws the result.
    rows
        Kind of the selected rows that are called ``hourly``.
    groups
        Whether groups are never drawn, drawn if there is a breakdown, or required.
    previous
        Part of the previous period that is called ``previous``. ``"whole"`` is all of the period.
        ``"final"`` is the part that corresponds to the final selected hours. ``"beside"`` is the
        same part for figures of all calls by hour or day, which can also do without it.
    single_hours
        Whether the figure judges single hours, so that it needs undivided ones.
    columns
        Columns that the figure needs besides its measure.
    more_heeds
        Controls that change the words of the figure, in addition to `heeds`.
    tail
        Call that prints a sentence which belongs to the figure.
    height
        Height of the axes [in], or a function of the result.
    panels
        Function that makes a figure of a given width, for a plot with panels.
    """

    name: str
    heading: str
    steps: tuple[Step, ...] = ()
    plot: Step
    rows: Rows = "all"
    groups: Literal["never", "optional", "required"] = "never"
    previous: Literal["", "beside", "whole", "final"] = ""
    single_hours: bool = False
    columns: frozenset[str] = frozenset()
    more_heeds: frozenset[str] = frozenset()
    tail: Step | None = None
    height: "float | Callable[[Prepared], float]" = 4.0
    panels: "Callable[[Prepared, float], Figure] | None" = None

    @property
    def needs_groups(self) -> bool:
        """True if the figure needs a breakdown."""
        return self.groups == "required"

    @cached_property
    def heeds(self) -> frozenset[str]:
        """Controls that change this figure but not every figure."""
        calls = [*self.steps, self.plot, *([self.tail] if self.tail else [])]
        values = [value for call in calls for value in call.keywords.values()]
        used = {value.name for value in values if isinstance(value, Use)}
        conditions = {
            "granularity": any(isinstance(step, Bucketed) for step in self.steps),
            "comparison": bool(self.previous),
            "group": self.groups != "never",
            "top": "groups" in used,
        }
        named = used & {"measure", "limit", "price", "groups"}
        return self.more_heeds | named | {name for name, met in conditions.items() if met}

    def missing(self, frame: pd.DataFrame, measure: str | Sequence[str] = ()) -> list[str]:
        """Return the columns that the figure needs but a frame lacks."""
        drawn = [measure] if isinstance(measure, str) else measure
        needed = [*self.columns, *(drawn if "measure" in self.heeds else ())]
        return [name for name in UNITS if name in needed and name not in frame]

    def prepare(self, selected: SelectedUsage, options: Options) -> "Prepared":
        """Compute the result of the figure.

        Raises
        ------
        QueryError
            The data lack a column, a breakdown or a previous period.
        """
        selected = selected.single_hours if self.single_hours else selected
        if missing := self.missing(selected.hourly, options.measure):
            raise QueryError(f"{self.heading}: the data lack {describe_columns(missing)}")
        grouped = self.needs_groups or (self.groups == "optional" and options.grouped)
        kind: Rows = "history" if self.rows == "history" else "all"
        # Groups that share calls add up to more calls than there are.
        by_group = grouped and not can_share_calls(selected.breakdown)
        previous = self._previous(selected, options, grouped=grouped)
        names = vars(options) | {
            "hourly": selected.rows(self.rows, grouped=grouped),
            "previous": previous,
            "earlier": selected.earlier(grouped=grouped) if self.previous == "whole" else None,
            "about": provenance_of(selected, selected.rows(kind, grouped=by_group)),
            "marks": tuple(selected.selection.marks),
            "weekend": None if grouped else tuple(selected.selection.weekend),
            "groups": selected.selection.groups if grouped else None,
            "events": tuple(name for name in RATES if name in selected.hourly),
        }
        lines = ['hourly = hourly[~hourly["provisional"]]'] if self.rows == "final" else []
        end = selected.previous_end
        if previous is not None and self.previous != "whole" and end is not None:
            local = "previous.index.tz_localize(None)"
            lines.append(f'previous = previous[{local} <= "{end:%Y-%m-%d %H:%M}"]')
        for step in self.steps:
            names[step.target] = step.run(names)
            lines += step.python(names)
        lines += self.plot.python(names) + (self.tail.python(names) if self.tail else [])
        return Prepared(self, names, grouped, tuple(lines))

    def _previous(
        self, selected: SelectedUsage, options: Options, *, grouped: bool
    ) -> pd.DataFrame | None:
        beside = options.every in ("h", "D") and not grouped and selected.earlier_hours is not None
        if not self.previous or (self.previous == "beside" and not beside):
            return None
        return selected.previous_rows("all" if self.previous == "whole" else "final", grouped)


def describe_columns(columns: Sequence[str]) -> str:
    """Return the names of columns with the words that people read for them."""
    return " and ".join(f"{UNITS[name]} (column {name})" for name in columns)


@dataclass(frozen=True, eq=False)
class Prepared:
    """A figure whose result is computed.

    Parameters
    ----------
    entry
        The figure.
    names
        Rows, results and options by name.
    grouped
        True if the figure draws groups.
    lines
        Python from the rows to the figure.
    """

    entry: Entry
    names: Mapping[str, Any]
    grouped: bool
    lines: tuple[str, ...]

    @property
    def result(self) -> Any:
        """Result of the helper that the figure draws."""
        return self.names["table"]

    @property
    def table(self) -> pd.DataFrame:
        """The result as a table."""
        return as_table(self.result)

    def draw(self, ax: Axes | None = None) -> Axes:
        """Draw the figure on axes, or on new ones."""
        return self._plot(**({} if ax is None else {"ax": ax}))

    def figure(self, width: float) -> Figure:
        """Draw a new figure of a width [in]; a narrow one is higher for its heading."""
        if self.entry.panels is not None:
            return figure_of(self._plot(figure=self.entry.panels(self, width)))
        height = self.entry.height
        height = height(self) if callable(height) else height
        tall = height + (_TALLER if width < WIDTH else 0)
        with drawing():
            return figure_of(self.draw(new_figure(width, tall).add_subplot()))

    def _plot(self, **where: Any) -> Axes:
        axes: Any = self.entry.plot.run(self.names, **where)
        first: Axes = axes[0] if isinstance(axes, list) else axes
        return first
