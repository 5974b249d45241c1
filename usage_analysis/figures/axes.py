"""What every figure does with its axes and its frame: checks, sizes, units, series, gaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from numpy.typing import NDArray

from usage_analysis.analysis.vocabulary import clean
from usage_analysis.errors import QueryError
from usage_analysis.figures.style import new_figure, theme_in_use
from usage_analysis.tidy.frames import group_column
from usage_analysis.tidy.grouping import each_group

Floats = NDArray[np.float64]
MOST_LABELS: Final = 6
"""Series that are labelled where they end; more are drawn in grey behind the largest."""
MANY: Final = 120
"""Buckets beyond which lines of several groups hide each other, and points have no dots."""
WEEK: Final = 7
OTHERS: Final = "#9A9A9A"
"""Colour of the groups beyond those."""
ON_AXIS: Final[dict[str, Any]] = {"clip_on": False, "in_layout": False, "zorder": 2.6}
"""How a line is drawn that may lie at 0, so that the axis does not hide it."""
NARROW: Final = 5.5
"""Width of a figure below which it leaves things out [in]."""


def axes_for(ax: Axes | None, kind: str) -> Axes:
    """The axes given, or new ones of a figure apart from pyplot, labelled with what is drawn."""
    ax = ax or new_figure().add_subplot()
    ax.set_label(kind)
    return ax


def figure_of(ax: Axes) -> Figure:
    """Figure that an axes is on."""
    figure: Any = ax.figure
    if figure is None:
        raise QueryError("ax: expected axes on a figure, got axes that were removed from theirs")
    # The figure of a part of one is the whole.
    whole: Figure = figure.figure if isinstance(figure, SubFigure) else figure
    return whole


def width_of(ax: Axes) -> float:
    """Width that the axes have on their figure, with their names [in]."""
    width = float(figure_of(ax).get_size_inches()[0])
    place = ax.get_subplotspec()
    return width if place is None else width * len(place.colspan) / place.get_gridspec().ncols


def is_narrow(ax: Axes) -> bool:
    """Whether axes are so narrow that ticks and labels have to be fewer."""
    return width_of(ax) < NARROW


def known(frame: pd.DataFrame, *columns: str, made_by: str = "") -> None:
    """Nothing, where a frame has the columns.

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


def one_series(frame: pd.DataFrame, what: str) -> None:
    """Nothing, where a frame has no groups.

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


def finished(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Which rows are whole and final: `complete` where the frame has it, and not `provisional`."""
    whole = np.ones(len(frame), dtype=np.bool_)
    if "complete" in frame:
        whole &= frame["complete"].to_numpy(dtype=bool)
    if "provisional" in frame:
        whole &= ~frame["provisional"].to_numpy(dtype=bool)
    return whole


def groups_by_size(
    frame: pd.DataFrame, measure: str
) -> tuple[list[tuple[str, pd.DataFrame]], list[tuple[str, pd.DataFrame]]]:
    """Series to label, the largest first, and those to draw behind; one series has no name."""
    if group_column(frame) is None:
        return [("", frame)], []
    parts = [(clean(str(name)), rows) for name, rows in each_group(frame)]
    parts.sort(key=lambda part: -np.nansum(in_units(part[1], measure)))
    return parts[:MOST_LABELS], parts[MOST_LABELS:]


def in_units(frame: pd.DataFrame, measure: str) -> Floats:
    """Values of a measure for an axis, durations in minutes."""
    column = frame[measure]
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "m":
        values = column.to_numpy().astype("m8[us]")
        return np.where(np.isnat(values), np.nan, values.view(np.int64) / 60e6)
    return column.to_numpy(dtype=np.float64)


def percents_of(frame: pd.DataFrame, *columns: str) -> tuple[Floats, ...]:
    """Columns of shares in percent."""
    return tuple(100 * frame[name].to_numpy(dtype=np.float64) for name in columns)


def last_known(values: Floats) -> float:
    """The last value that there is, 0 where there is none."""
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if len(finite) else 0.0


def cell_number(value: object) -> float:
    """A cell of a result in an axis's units: durations in minutes, what is missing as NaN."""
    if isinstance(value, pd.Timedelta):
        return value.total_seconds() / 60
    return float("nan") if pd.isna(value) else float(value)  # type: ignore[call-overload, arg-type]  # a number then


def broken(x: Floats, *values: Floats) -> tuple[Floats, ...]:
    """The same points, with a missing one in each gap, so that no line crosses it."""
    steps = np.diff(x)
    if len(steps) < 2:
        return x, *values
    after = np.flatnonzero(steps > 1.6 * np.median(steps)) + 1
    return (
        np.insert(x, after, x[after] - 1e-6),
        *(np.insert(y.astype(np.float64), after, np.nan) for y in values),
    )


def dotted(values: Floats) -> NDArray[np.bool_]:
    """Which points get a dot: all of a few, and of many those that no line reaches."""
    return np.isfinite(values) if len(values) <= MANY else alone(values)


def alone(values: Floats) -> NDArray[np.bool_]:
    """Which points no line reaches, for neither neighbour is known."""
    there = np.isfinite(values)
    beside = np.append(there[1:], False) | np.append(False, there[:-1])
    apart: NDArray[np.bool_] = there & ~beside[: len(there)]
    return apart


def colour_of(largest: Sequence[tuple[str, pd.DataFrame]]) -> list[str]:
    """Colours of series, the same for a group in every figure: by the number of its calls."""
    theme = theme_in_use()
    if len(largest) == 1 and largest[0][0] == "":
        return [theme.main]
    calls = [
        float(rows[next(n for n in ("total_count", "calls") if n in rows)].sum())
        for _, rows in largest
    ]
    ranks = np.argsort(np.argsort(-np.array(calls), kind="stable"), kind="stable")
    return [theme.series[int(rank)] for rank in ranks]
