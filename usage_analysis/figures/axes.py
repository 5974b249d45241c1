"""Axes and frames of figures: checks, sizes, units, series, gaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from numpy.typing import NDArray

from usage_analysis.analysis.columns import Floats as Floats
from usage_analysis.analysis.columns import finished as finished
from usage_analysis.analysis.columns import in_units as in_units
from usage_analysis.analysis.columns import percents_of as percents_of
from usage_analysis.analysis.vocabulary import clean, several
from usage_analysis.errors import QueryError
from usage_analysis.figures.style import new_figure, theme_in_use
from usage_analysis.tidy.frames import REST, group_column
from usage_analysis.tidy.grouping import each_group

#: Series that have a colour and a label; by default the others are drawn in grey behind them.
MOST_LABELS: Final = 6
#: Buckets beyond which lines of several groups hide each other, and points have no dots.
MANY: Final = 120
WEEK: Final = 7
#: Colour of the groups beyond those.
OTHERS: Final = "#9A9A9A"
#: How a line is drawn that may lie at 0, so that the axis does not hide it.
ON_AXIS: Final[dict[str, Any]] = {"clip_on": False, "in_layout": False, "zorder": 2.6}
#: Width of a figure below which it leaves things out [in].
NARROW: Final = 5.5


def axes_for(ax: Axes | None, kind: str) -> Axes:
    """Return the given axes, or new ones outside pyplot, labelled with the kind of figure."""
    ax = ax or new_figure().add_subplot()
    ax.set_label(kind)
    return ax


def figure_of(ax: Axes) -> Figure:
    """Return the figure that holds the axes."""
    figure: Any = ax.figure
    if figure is None:
        raise QueryError("ax: expected axes on a figure, got axes that were removed from theirs")
    # The figure of a part of one is the whole.
    whole: Figure = figure.figure if isinstance(figure, SubFigure) else figure
    return whole


def width_of(ax: Axes) -> float:
    """Return the width of axes with their tick labels [in]."""
    width = float(figure_of(ax).get_size_inches()[0])
    place = ax.get_subplotspec()
    return width if place is None else width * len(place.colspan) / place.get_gridspec().ncols


def is_narrow(ax: Axes) -> bool:
    """Return True if axes are so narrow that ticks and labels have to be fewer."""
    return width_of(ax) < NARROW


def check_columns(frame: pd.DataFrame, *columns: str, made_by: str = "") -> None:
    """Check that a frame has the columns.

    Parameters
    ----------
    made_by
        The call whose result has them, for the message.

    Raises
    ------
    QueryError
        Names what is missing.
    """
    if not isinstance(frame, pd.DataFrame):
        raise QueryError(f"frame: expected a DataFrame, got {type(frame).__name__}")
    missing = [name for name in columns if name not in frame]
    if missing:
        of = f" of {made_by}" if made_by else ""
        raise QueryError(
            f"frame: expected the column {', '.join(missing)}{of}, got {', '.join(map(str, frame))}"
        )


def check_single(frame: pd.DataFrame, what: str) -> None:
    """Check that a frame has no groups.

    Raises
    ------
    QueryError
        Says what to do with groups instead.
    """
    group = group_column(frame)
    if group is not None:
        raise QueryError(
            f"{what}: expected one series, got a breakdown by {group}; take the rows of one, or "
            "draw plot_groups"
        )


#: Groups by name with their rows.
Parts = list[tuple[str, pd.DataFrame]]


def groups_by_size(
    frame: pd.DataFrame, measure: str, groups: int | Sequence[str] | None = None
) -> tuple[Parts, Parts]:
    """Return the groups to draw by themselves, the largest first, and the others behind them.

    Parameters
    ----------
    groups
        Names of the groups to draw by themselves, or how many of the largest; by default 6. The
        rest of a breakdown is not one of them, unless no group has anything.

    Returns
    -------
    tuple of lists
        A single series is one part without a name.

    Raises
    ------
    QueryError
        A name that no group has.
    """
    if group_column(frame) is None:
        return [("", frame)], []
    sizes = [(np.nansum(in_units(rows, measure)), str(n), rows) for n, rows in each_group(frame)]
    sizes = [part for part in sizes if part[1] != REST or part[0] > 0]
    sizes.sort(key=lambda part: (part[1] == REST, -part[0]))
    if sizes and sizes[-1][1] == REST and not any(size > 0 for size, _, _ in sizes[:-1]):
        sizes.insert(0, sizes.pop())
    wanted = _wanted([name for _, name, _ in sizes], groups)
    parts = [(name in wanted, (clean(name), rows)) for _, name, rows in sizes]
    return [part for own, part in parts if own], [part for own, part in parts if not own]


def _wanted(names: list[str], groups: int | Sequence[str] | None) -> set[str]:
    """Names of the groups to draw by themselves, of all names by size."""
    if groups is None or isinstance(groups, int):
        largest = names[: MOST_LABELS if groups is None else groups]
        return {name for place, name in enumerate(largest) if name != REST or place == 0}
    unknown = [name for name in groups if name not in names]
    if isinstance(groups, str) or unknown:
        raise QueryError(
            f"groups: expected names out of {', '.join(names)}, or a number, got {groups!r}"
        )
    return set(groups)


def others_name(others: Parts) -> str:
    """Return what the groups behind the named ones are called together: ``18 others``."""
    names = [name for name, _ in others]
    if len(names) == 1:
        return names[0]
    if REST in names:
        return f"{several(len(names) - 1, 'other')} and {REST}"
    return f"{len(names)} others"


def last_known(values: Floats) -> float:
    """Return the last finite value, 0 where there is none."""
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if len(finite) else 0.0


def cell_number(value: object) -> float:
    """Return a cell of a result in the unit of an axis; missing values are NaN."""
    if isinstance(value, pd.Timedelta):
        return value.total_seconds() / 60
    return float("nan") if pd.isna(value) else float(value)  # type: ignore[call-overload, arg-type]  # a number then


def split_at_gaps(x: Floats, *values: Floats) -> tuple[Floats, ...]:
    """Insert a missing point in each gap, so that no line crosses the gap."""
    steps = np.diff(x)
    if len(steps) < 2:
        return x, *values
    after = np.flatnonzero(steps > 1.6 * np.median(steps)) + 1
    return (
        np.insert(x, after, x[after] - 1e-6),
        *(np.insert(y.astype(np.float64), after, np.nan) for y in values),
    )


def needs_dot(values: Floats) -> NDArray[np.bool_]:
    """Return which points get a dot: all of a few, and of many only the isolated ones."""
    return np.isfinite(values) if len(values) <= MANY else is_isolated(values)


def is_isolated(values: Floats) -> NDArray[np.bool_]:
    """Return which points are isolated because both neighbours are missing."""
    there = np.isfinite(values)
    beside = np.append(there[1:], False) | np.append(False, there[:-1])
    apart: NDArray[np.bool_] = there & ~beside[: len(there)]
    return apart


def colour_of(largest: Sequence[tuple[str, pd.DataFrame]]) -> list[str]:
    """Return colours of series by their number of calls; series after the sixth are grey."""
    theme = theme_in_use()
    if len(largest) == 1 and largest[0][0] == "":
        return [theme.main]
    calls = [
        float(rows[next(n for n in ("total_count", "calls") if n in rows)].sum())
        for _, rows in largest
    ]
    ranks = np.argsort(np.argsort(-np.array(calls), kind="stable"), kind="stable")
    return [theme.series[int(rank)] if rank < MOST_LABELS else theme.muted for rank in ranks]
