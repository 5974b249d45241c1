"""Axes and frames of figures: checks, sizes, units, series, gaps."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from usage_analysis.analysis.arrays import Floats as Floats
from usage_analysis.analysis.arrays import cell_number as cell_number
from usage_analysis.analysis.arrays import finished as finished
from usage_analysis.analysis.arrays import in_units as in_units
from usage_analysis.analysis.arrays import percents_of as percents_of
from usage_analysis.analysis.vocabulary import clean
from usage_analysis.errors import QueryError, refusal
from usage_analysis.tidy.frames import REST, check_kind, check_no_shared_sum, group_column
from usage_analysis.tidy.grouping import each_group

#: Series that have a colour and a label; by default the others are drawn in grey behind them.
MOST_LABELS: Final = 6
#: Buckets beyond which lines of several groups hide each other, and points have no dots.
MANY: Final = 120
WEEK: Final = 7
#: Width of a figure below which it leaves things out [in].
NARROW: Final = 5.5


def figure_of(ax: Axes) -> Figure:
    """Return the figure that holds the axes."""
    figure: Any = ax.figure
    if figure is None:
        raise QueryError("ax: expected axes on a figure, got axes that were removed from theirs")
    # The figure of a part of one is the whole.
    return figure.figure if isinstance(figure, SubFigure) else figure


def width_of(ax: Axes) -> float:
    """Return the width of axes with their tick labels [in]."""
    width = float(figure_of(ax).get_size_inches()[0])
    place = ax.get_subplotspec()
    return width if place is None else width * len(place.colspan) / place.get_gridspec().ncols


def is_narrow(ax: Axes) -> bool:
    """Return True if axes are so narrow that ticks and labels have to be fewer."""
    return width_of(ax) < NARROW


def check_columns(name: str, table: Any, *columns: str, made_by: Sequence[str] = ()) -> None:
    """Check that a table has the columns that a plot needs.

    Parameters
    ----------
    name
        Name of the argument, for the message.
    made_by
        Helpers whose results have the columns, for the message.

    Raises
    ------
    QueryError
        Names what is missing.
    """
    check_kind(name, table, pd.DataFrame)
    check_no_shared_sum(name, table)
    missing = [column for column in columns if column not in table]
    if missing:
        of = f" of a result of {' or '.join(made_by)}" if made_by else ""
        got = ", ".join(map(str, table)) or "no column"
        raise QueryError(f"{name}: expected the column {', '.join(missing)}{of}, got {got}")


def has_groups(table: pd.DataFrame) -> bool:
    """Return True if the first column of a frame or of a table of rates names groups."""
    return group_column(table) not in (None, "calls")


def check_single(name: str, table: pd.DataFrame) -> None:
    """Check that a table has no groups.

    Raises
    ------
    QueryError
        Names the group column.
    """
    if has_groups(table):
        more = ", or draw plot_groups"
        raise refusal("one_series", name=name, group=table.columns[0], more=more)


#: Groups to draw by themselves: their names, or how many of the largest; None for the usual number.
Groups = int | Sequence[str] | None
#: Groups by name with their rows.
Parts = list[tuple[str, pd.DataFrame]]


def groups_by_size(frame: pd.DataFrame, measure: str, groups: Groups = None) -> tuple[Parts, Parts]:
    """Return the groups to draw individually, largest first, and the other groups.

    Parameters
    ----------
    groups
        Names of the groups to draw individually, or the number of the largest ones; by default 6.
        The rest of a breakdown is not among them, unless no group has calls.

    Returns
    -------
    tuple of lists
        A single series is one group without a name.

    Raises
    ------
    QueryError
        A name is unknown.
    """
    if group_column(frame) is None:
        return [("", frame)], []
    sizes = [(np.nansum(in_units(rows, measure)), str(n), rows) for n, rows in each_group(frame)]
    sizes = [part for part in sizes if part[1] != REST or part[0] > 0]
    sizes.sort(key=lambda part: (part[1] == REST, -part[0]))
    if sizes and sizes[-1][1] == REST and not any(size > 0 for size, _, _ in sizes[:-1]):
        sizes.insert(0, sizes.pop())
    wanted = _choose_names([name for _, name, _ in sizes], groups)
    parts = [(name in wanted, (clean(name), rows)) for _, name, rows in sizes]
    return [part for own, part in parts if own], [part for own, part in parts if not own]


def _choose_names(names: list[str], groups: Groups) -> set[str]:
    """Choose the groups to draw individually from all names in order of size."""
    if groups is None or isinstance(groups, int):
        largest = names[: MOST_LABELS if groups is None else groups]
        return {name for place, name in enumerate(largest) if name != REST or place == 0}
    unknown = [name for name in groups if name not in names]
    if isinstance(groups, str) or unknown:
        raise QueryError(
            f"groups: expected names out of {', '.join(names)}, or a number, got {groups!r}"
        )
    return set(groups)
