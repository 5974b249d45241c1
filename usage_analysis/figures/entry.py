"""Entries of the catalogue: the calls that make a figure, run on selected data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from usage_analysis.analysis.billing import PRICE
from usage_analysis.analysis.columns import finished
from usage_analysis.analysis.marks import without
from usage_analysis.analysis.selection import SelectedUsage
from usage_analysis.errors import QueryError
from usage_analysis.figures.axes import figure_of
from usage_analysis.figures.groups import groups_figure
from usage_analysis.figures.provenance import provenance_of
from usage_analysis.figures.style import WIDTH, new_figure
from usage_analysis.tidy.periods import aggregate

Rows = Literal["hourly", "unmarked", "by_group", "groups", "history"]
#: Height that a narrow figure needs more, for its longer heading [in].
_TALLER: Final = 0.6


@dataclass(frozen=True, kw_only=True)
class Options:
    """Display options of a figure.

    Parameters
    ----------
    measure
        The column that is drawn.
    every
        Bucket that hours are added up to; ``"h"`` leaves them as they are.
    grouped
        Whether groups are told apart in figures that can show them.
    limit
        Maximum number of concurrent calls.
    budget
        Billed minutes that a month may come to.
    price
        Price per billed minute [USD].
    """

    measure: str = "total_count"
    every: str = "D"
    grouped: bool = False
    limit: int | None = None
    budget: float | None = None
    price: Any = PRICE


class Use(NamedTuple):
    """A keyword's value that is known when a figure is drawn: an option, marks, rows."""

    name: str


@dataclass(frozen=True)
class Step:
    """One call of a public function.

    Parameters
    ----------
    target
        Name of its result.
    function
        What is called.
    inputs
        Names of earlier results.
    keywords
        Keyword arguments; those that are None or empty when drawn are left out.
    """

    target: str
    function: Callable[..., Any]
    inputs: tuple[str, ...]
    keywords: Mapping[str, Any] = field(default_factory=dict)

    def run(self, names: Mapping[str, Any], **more: Any) -> Any:
        """Make the call."""
        given = {name: value for name, (value, _) in self._given(names).items()}
        return self.function(*(names[name] for name in self.inputs), **given, **more)

    def python(self, names: Mapping[str, Any]) -> list[str]:
        """Return the call as a line of Python."""
        given = (f"{name}={words}" for name, (_, words) in self._given(names).items())
        call = f"ua.{self.function.__name__}({', '.join([*self.inputs, *given])})"
        return [f"{self.target} = {call}" if self.target else f"print({call})"]

    def _given(self, names: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
        """Keyword arguments with their Python."""
        out = {}
        for name, value in self.keywords.items():
            if not isinstance(value, Use):
                out[name] = (value, repr(value))
                continue
            known = names[value.name]
            if known is None or (isinstance(known, list | tuple) and not known):
                continue
            named = isinstance(known, pd.DataFrame) or name == "about"
            out[name] = (known, value.name if named else _literal(known))
        return out


def _literal(value: Any) -> str:
    return repr(list(value)) if isinstance(value, tuple) else repr(value)


class Unmarked(Step):
    """Leaves out the hours of marks that are to be left out."""

    def run(self, names: Mapping[str, Any], **_: Any) -> Any:
        """Return the other hours."""
        return without(names[self.inputs[0]], names["marks"])

    def python(self, names: Mapping[str, Any]) -> list[str]:  # noqa: ARG002  # as every step
        """Return no line: marks are given by the caller of a report alone."""
        return []


class Bucketed(Step):
    """Adds hours up to the buckets that are drawn."""

    def run(self, names: Mapping[str, Any], **_: Any) -> Any:
        """Add up, where rows are there and not hours."""
        rows = names[self.inputs[0]]
        return rows if rows is None or names["every"] == "h" else aggregate(rows, names["every"])

    def python(self, names: Mapping[str, Any]) -> list[str]:
        """Return the line that adds up."""
        (name,), every = self.inputs, names["every"]
        if names[name] is None or (every == "h" and name == self.target):
            return []
        return [f"{self.target} = {name if every == 'h' else f'ua.aggregate({name}, {every!r})'}"]


class Finished(Step):
    """Leaves out what is incomplete, provisional or marked to be left out."""

    def run(self, names: Mapping[str, Any], **_: Any) -> Any:
        """Return the finished rows."""
        rows = names[self.inputs[0]]
        return without(rows[finished(rows)], names["marks"])

    def python(self, names: Mapping[str, Any]) -> list[str]:
        """Return the lines that leave out."""
        name = self.target
        lines = [f'{name} = {name}[~{name}["provisional"]]']
        return lines if names["every"] == "h" else [f'{name} = {name}[{name}["complete"]]', *lines]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A figure of the catalogue.

    Parameters
    ----------
    name
        Its name in files, states and options.
    heading
        What it is called where figures are listed.
    steps
        The calls from ``hourly`` (and ``previous``) to its result.
    plot
        The call that draws it.
    rows
        The selected rows that are called ``hourly``.
    compares
        The previous period that is called ``previous``: all of it, or as much of it as the selected
        hours are final.
    heeds
        Options and controls that change it, of those that not every figure heeds.
    tail
        A call whose result belongs to it in words.
    height
        Of its axes [in].
    """

    name: str
    heading: str
    steps: tuple[Step, ...] = ()
    plot: Step
    rows: Rows = "hourly"
    compares: Literal["", "previous", "previous_so_far"] = ""
    heeds: frozenset[str] = frozenset()
    tail: Step | None = None
    height: float = 4.0

    @property
    def needs_groups(self) -> bool:
        """True if the figure needs a breakdown."""
        return self.rows == "groups"

    @property
    def needs_previous(self) -> bool:
        """True if the figure needs a previous period with some of the same weekdays."""
        return bool(self.compares) and self.name != "trend"

    def prepare(self, selected: SelectedUsage, options: Options) -> Prepared:
        """Compute its result."""
        grouped = self.needs_groups or (self.rows == "by_group" and options.grouped)
        rows = getattr(selected, {"groups": "breakdown", "by_group": "hourly"}.get(
            "groups" if grouped else self.rows, self.rows))  # fmt: skip
        selection, previous = selected.selection, self._previous(selected, options, grouped)
        names = vars(options) | {
            "hourly": rows,
            "previous": previous,
            "about": provenance_of(selected, selected.hourly if self.rows == "unmarked" else rows),
            "marks": tuple(selection.marks),
            "weekend": None if grouped else tuple(selection.weekend),
            "groups": selection.groups if grouped else None,
        }
        lines = []
        if self.compares == "previous_so_far" and previous is not None:
            lines = _so_far(selected)
            if self.name == "effects":
                names["hourly"] = rows[~rows["provisional"]]
                lines += ['hourly = hourly[~hourly["provisional"]]'] if lines else []
        for step in self.steps:
            lines += step.python(names)
            names[step.target] = step.run(names)
        lines += self.plot.python(names) + (self.tail.python(names) if self.tail else [])
        return Prepared(self, names, grouped, tuple(lines))

    def _previous(
        self, selected: SelectedUsage, options: Options, grouped: bool
    ) -> pd.DataFrame | None:
        if not self.compares:
            return None
        if self.name == "trend":  # weeks and groups have nothing drawn beside them
            beside = not grouped and options.every in ("h", "D")
            return selected.previous_so_far if beside else None
        if selected.previous is None:
            raise QueryError(f"{self.name}: expected a previous period, got none")
        if self.compares == "previous_so_far":
            return selected.so_far(selected.previous_groups)
        return selected.previous_groups if grouped else selected.previous


def _so_far(selected: SelectedUsage) -> list[str]:
    """Line that cuts the previous period to the hours that are final."""
    end, local = selected.previous_end, "previous.index.tz_localize(None)"
    return [] if end is None else [f'previous = previous[{local} <= "{end:%Y-%m-%d %H:%M}"]']


@dataclass(frozen=True, eq=False)
class Prepared:
    """A figure whose result is computed.

    Parameters
    ----------
    entry
        The figure.
    names
        Its rows, results and options by name.
    grouped
        Whether it tells groups apart.
    lines
        Python from the rows to the figure.
    """

    entry: Entry
    names: Mapping[str, Any]
    grouped: bool
    lines: tuple[str, ...]

    @property
    def table(self) -> pd.DataFrame:
        """The result that is drawn."""
        table = self.names.get("table", self.names["hourly"])
        if isinstance(table, pd.Series):
            times = isinstance(table.index, pd.DatetimeIndex)
            return table.to_frame() if times else table.to_frame().T
        return table  # type: ignore[no-any-return]  # a frame then

    def draw(self, ax: Axes | None = None) -> Axes:
        """Draw it on axes, or on new ones."""
        given = {} if ax is None else {"ax": ax}
        axes: Any = self.entry.plot.run(self.names, **given)
        first: Axes = axes[0] if isinstance(axes, list) else axes
        return first

    def figure(self, width: float) -> Figure:
        """Draw it on a new figure of a width [in]; a narrow one is higher for its heading."""
        if self.entry.name == "groups":
            shown = min(self.names["groups"] or 30, self.table.iloc[:, 0].nunique())
            plot = self.entry.plot
            return figure_of(plot.run(self.names, figure=groups_figure(shown, width))[0])
        height = self.entry.height
        if self.entry.name == "pareto":
            height = min(max(2.6, 1.6 + 0.25 * len(self.table)), 5.0)
        return figure_at(height, self.draw)(width)


def figure_at(height: float, draw: Callable[[Axes], Axes]) -> Callable[[float], Figure]:
    """Return a drawing as a figure of any width [in]; a narrow one is higher for its heading."""

    def at(width: float) -> Figure:
        tall = height + (_TALLER if width < WIDTH else 0)
        return figure_of(draw(new_figure(width, tall).add_subplot()))

    return at
