"""Lines and bands of series: gaps, isolated points, unfinished buckets, one line per group."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from usage_analysis.analysis.arrays import Booleans, Floats, finished, in_units
from usage_analysis.analysis.vocabulary import several
from usage_analysis.figures.axes import MANY, MOST_LABELS, Parts, dates_of
from usage_analysis.figures.style import theme_in_use
from usage_analysis.tidy.frames import REST

#: Colour of the groups beyond those.
OTHERS: Final = "#9A9A9A"
#: Labels beside the right ends of lines: height, name, colour.
Ends = list[tuple[float, str, str]]
#: How a line is drawn that may lie at 0, so that the axis does not hide it.
ON_AXIS: Final[dict[str, Any]] = {"clip_on": False, "in_layout": False, "zorder": 2.6}


def others_name(others: Parts) -> str:
    """Return the common name of the groups that are not named individually: ``18 others``."""
    names = [name for name, _ in others]
    if len(names) == 1:
        return names[0]
    if REST in names:
        return f"{several(len(names) - 1, 'other')} and {REST}"
    return f"{len(names)} others"


def last_finite(values: Floats) -> float:
    """Return the last finite value, 0 without any."""
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if len(finite) else 0.0


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


def needs_dot(values: Floats) -> Booleans:
    """Return which points get a dot: all points if they are few, else only isolated points."""
    return np.isfinite(values) if len(values) <= MANY else is_isolated(values)


def is_isolated(values: Floats) -> Booleans:
    """Return which points are isolated because both neighbours are missing."""
    there = np.isfinite(values)
    beside = np.append(there[1:], False) | np.append(False, there[:-1])
    apart: Booleans = there & ~beside[: len(there)]
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


def draw_line(ax: Axes, x: Floats, y: Floats, **look: Any) -> None:
    """Draw a line that breaks at gaps."""
    ax.plot(*split_at_gaps(x, y), **look, **ON_AXIS)


def draw_band(ax: Axes, x: Floats, low: Floats, high: Floats, **look: Any) -> None:
    """Draw a band that breaks at gaps."""
    line, bottom, top = split_at_gaps(x, low, high)
    ax.fill_between(line, bottom, top, lw=0, **look)


def draw_unfinished(ax: Axes, x: Floats, y: Floats, whole: Booleans, **look: Any) -> None:
    """Draw unfinished buckets and the segments to their neighbours as a dashed line."""
    if whole.all():
        return
    open_, one = ~whole, np.zeros(1, dtype=bool)
    beside = open_ | np.append(open_[1:], one) | np.append(one, open_[:-1])
    line, values = split_at_gaps(x, np.where(beside, y, np.nan))
    ax.plot(line, values, ls=(0, (2, 2)), gid="unfinished", **look)


def line_of_group(
    ax: Axes, measure: str, name: str, rows: pd.DataFrame, colour: str, width: float, gid: str
) -> Floats:
    """Draw one group, unfinished buckets dashed, and return its values in finished buckets."""
    x, y, whole = dates_of(rows.index), in_units(rows, measure), finished(rows)
    marker = "o" if whole.sum() < 2 else "None"
    known = np.where(whole, y, np.nan)
    draw_line(ax, x, known, color=colour, lw=width, marker=marker, ms=3, gid=gid, label=name)
    draw_unfinished(ax, x, y, whole, color=colour, lw=width * 0.7, label=name)
    return known if whole.any() else y


#: Drawing of a named group's rows in a colour and a width, under a gid; it returns the heights.
DrawGroup = Callable[[str, pd.DataFrame, str, float, str], Floats]


def draw_groups(named: Parts, others: Parts, draw: DrawGroup) -> Ends:
    """Draw each named group in its colour, the others in grey behind, and return all labels."""
    behind = [last_finite(draw(name, rows, OTHERS, 0.7, "other")) for name, rows in others]
    ends = []
    for (name, rows), colour in zip(named, colour_of(named), strict=True):
        heights = draw(name, rows, colour, 1.6, "group")
        if np.isfinite(heights).any():
            ends.append((last_finite(heights), name, colour))
    if others:
        ends.append((float(np.mean(behind)), others_name(others), theme_in_use().muted))
    return ends
