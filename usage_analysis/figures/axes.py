"""What every figure does with its axes: a heading, named units, clocks, direct labels, gaps."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
import pandas as pd
from matplotlib import dates as mdates
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from usage_analysis.errors import QueryError
from usage_analysis.figures.provenance import Provenance, Subtitle
from usage_analysis.figures.style import (
    boxes_for_missing_glyphs,
    families,
    new_figure,
    theme_in_use,
)
from usage_analysis.tidy.frames import group_column
from usage_analysis.tidy.slots import each_group
from usage_analysis.tidy.zones import zone_of

Floats = NDArray[np.float64]

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
UNITS = {
    "total_count": "calls",
    "error_count": "calls in error",
    "joined_count": "joined calls",
    "duration": "minutes of talk",
    "billed_minutes": "billed minutes",
    "traffic": "erlangs",
}
"""What each measure counts, in a sentence."""
_AXIS: Final = {
    "total_count": ("calls", ""),
    "error_count": ("calls in error", ""),
    "joined_count": ("joined calls", ""),
    "duration": ("talk", "min"),
    "billed_minutes": ("billed", "min"),
    "traffic": ("traffic", "erlangs"),
}
MOST_LABELS: Final = 6
"""Series that are labelled where they end; more are drawn in grey behind the largest."""
NARROW: Final = 5.5
"""Width of a figure below which it leaves things out [in]."""


def axes_for(ax: Axes | None, kind: str) -> Axes:
    """The axes given, or new ones of a figure apart from pyplot, labelled with what is drawn."""
    ax = ax or new_figure().add_subplot()
    ax.set_label(kind)
    return ax


def figure_of(ax: Axes) -> Figure:
    """Figure that an axes is on."""
    figure = ax.get_figure(root=True)
    if figure is None:
        raise QueryError("ax: expected axes on a figure, got axes that were removed from theirs")
    return figure


def width_of(ax: Axes) -> float:
    """Width that the axes have on their figure, with their names [in]."""
    width = float(figure_of(ax).get_size_inches()[0])
    place = ax.get_subplotspec()
    return width if place is None else width * len(place.colspan) / place.get_gridspec().ncols


def is_narrow(ax: Axes) -> bool:
    """Whether axes are so narrow that ticks and labels have to be fewer."""
    return width_of(ax) < NARROW


def known(frame: pd.DataFrame, *columns: str) -> None:
    """Nothing, where a frame has the columns.

    Raises
    ------
    QueryError
        Names what is missing.
    """
    if not isinstance(frame, pd.DataFrame):
        raise QueryError(f"frame: expected a DataFrame, got {type(frame).__name__}")
    missing = [name for name in columns if name not in frame]
    if missing:
        raise QueryError(f"frame: expected the column {', '.join(missing)}, got {list(frame)}")


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


def compact(value: float, _: object = None) -> str:
    """A count for an axis: 950, 12,000, 1.5M, 300M."""
    if abs(value) >= 1e9:
        return f"{value / 1e9:,.3g}B"
    if abs(value) >= 1e6:
        return f"{value / 1e6:,.3g}M"
    return f"{value:,.0f}" if value == round(value) else f"{value:,.3g}"


def amount(value: float) -> str:
    """A number for a sentence: 0.42, 8.5, 212, 12,400, 300M."""
    if abs(value) >= 1e7:
        return compact(value)
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:,.3g}"


def percent(share: float, digits: int = 2) -> str:
    """A share for a sentence: 1.95 %."""
    return f"{100 * share:.{digits}f} %"


def clean(name: str) -> str:
    """A name without what would break or turn a line: control and direction characters."""
    kept = (" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in name)
    return "".join(c for c in kept if c not in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2069")


def shorten(name: str, cells: int = 24) -> str:
    """A name in so many cells at most, where East Asian characters take two."""
    name, used = clean(name), 0
    for place, character in enumerate(name):
        used += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if used > cells:
            return name[: max(place - 1, 1)].rstrip() + "…"
    return name


@lru_cache(maxsize=4096)
def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Width of a line of text [points]."""
    font = FontProperties(family=families(theme_in_use().fonts), size=size, weight=weight)
    with boxes_for_missing_glyphs():
        width, _, _ = TextToPath().get_text_width_height_descent(text, font, ismath=False)
    return float(width)


def wrapped(text: str, points: float, size: float, weight: str = "normal") -> str:
    """Text broken into lines of a width [points]."""
    longest = max(int(len(text) * points / max(text_width(text, size, weight), 1)), 8)
    return "\n".join(textwrap.wrap(text, longest))


def head(ax: Axes, title: str, about: Provenance | None, names: Sequence[str] = ()) -> None:
    """Put the finding above the axes, and what the data are beneath it, wrapped to the width.

    Parameters
    ----------
    names
        What the y axis writes beside its ticks, where that is more than numbers.
    """
    beside = max((text_width(name, 8) for name in names), default=32)
    points = (width_of(ax) - 0.6) * 72 - beside
    large = wrapped(title, points * 0.97, 11, "bold")
    small = wrapped(about.subtitle(), points, 7.5) if about else ""
    lines = small.count("\n") + 1 if small else 0
    ax.set_title(large, fontsize=11, fontweight="bold", pad=8 + 10.5 * lines)
    if about:
        ax.add_artist(subtitle(small, about, (0, 1), (0, 6), "axes fraction"))


def subtitle(
    text: str, about: Provenance, xy: tuple[float, float], offset: tuple[float, float], where: str
) -> Subtitle:
    """The words beneath a title, holding what they tell."""
    words = Subtitle(
        text,
        xy,
        offset,
        xycoords=where,
        textcoords="offset points",
        fontsize=7.5,
        color=theme_in_use().muted,
        va="bottom",
        clip_on=False,
        annotation_clip=False,
        gid="subtitle",
    )
    words.about = about
    # The title above it keeps its room; its width must not push the axes.
    words.set_in_layout(False)
    return words


def dates_of(index: pd.DatetimeIndex) -> Floats:
    """Matplotlib's numbers of instants [days since 1970, UTC]."""
    numbers: Floats = mdates.date2num(index.tz_convert("UTC").tz_localize(None).to_numpy())
    return numbers


def time_axis(ax: Axes, frame: pd.DataFrame, *, ticks: int | None = None) -> Floats:
    """Matplotlib dates of a frame's rows, on an axis whose ticks follow the frame's own clock."""
    zone = zone_of(frame)
    index = pd.DatetimeIndex(frame.index)
    most = ticks or (5 if is_narrow(ax) else 9)
    locator = mdates.AutoDateLocator(tz=zone, minticks=min(3, most), maxticks=most)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator, tz=zone))
    numbers = dates_of(index)
    if len(numbers):
        low, high = numbers.min(), numbers.max()
        margin = max((high - low) * 0.02, 0.5)
        ax.set_xlim(low - margin, high + margin)
    ax.set_xlabel(f"date [{zone}]", loc="left", fontsize=8)
    return numbers


def from_zero(ax: Axes, values: NDArray[np.floating], *, room: float = 1.08) -> None:
    """Let the y axis count from 0, with whole steps and no offset."""
    finite = values[np.isfinite(values)]
    top = np.max(finite, initial=0.0)
    ax.set_ylim(0, top * room if top > 0 else 1)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=bool(top > 5)))
    ax.yaxis.set_major_formatter(FuncFormatter(compact))


def in_units(frame: pd.DataFrame, measure: str) -> Floats:
    """Values of a measure for an axis, durations in minutes."""
    column = frame[measure]
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "m":
        values = column.to_numpy().astype("m8[us]")
        return np.where(np.isnat(values), np.nan, values.view(np.int64) / 60e6)
    return column.to_numpy(dtype=np.float64)


def axis_name(measure: str, every: str = "") -> str:
    """Name and unit of a measure's axis: ``calls [per day]``, ``talk [min per day]``."""
    name, unit = _AXIS.get(measure, (measure.replace("_", " "), ""))
    per = f"per {every}" if every and measure != "traffic" else ""
    return f"{name} [{' '.join(filter(None, (unit, per))) or 'number'}]"


def span_of(frame: pd.DataFrame) -> str:
    """What one row of a frame spans, in a word."""
    times = pd.DatetimeIndex(frame.index).as_unit("us").asi8
    steps = np.diff(np.unique(times)) / 3.6e9
    step = float(np.median(steps)) if len(steps) else 24.0
    if len(steps) == 0 and "hours" in frame and len(frame):
        step = float(frame["hours"].iloc[0])
    elif len(steps) == 0 and "complete" not in frame:
        step = 1.0
    names = ((2, "hour"), (30, "day"), (200, "week"), (800, "month"), (3000, "quarter"))
    return next((name for limit, name in names if step < limit), "year")


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


def spread_out(places: Sequence[float], apart: float, room: float) -> list[float]:
    """Places from 0 to `room`, moved so that neighbours are so far from each other."""
    order = np.argsort(places, kind="stable")
    moved = np.asarray(places, dtype=np.float64)[order]
    steps = np.arange(len(moved)) * apart
    # Up from the bottom until none is too near the one below, then down from the top.
    moved = np.maximum.accumulate(np.maximum(moved, 0) - steps) + steps
    down = steps - steps.max(initial=0) + max(room, steps.max(initial=0))
    moved = np.minimum(moved, down)
    out = np.empty(len(moved))
    out[order] = moved
    return [float(place) for place in out]


def label_ends(ax: Axes, labels: Sequence[tuple[float, str, str]]) -> None:
    """Write names at the right of the axes, each with a line of its colour to where it belongs.

    Parameters
    ----------
    labels
        Height in the axes' own units, name, colour.
    """
    low, high = ax.get_ylim()
    # The axes are somewhat higher than this in the end, so that labels never touch.
    tall = figure_of(ax).get_size_inches()[1] * 72 * 0.55
    points = [(y - low) / (high - low) * tall for y, _, _ in labels]
    cells = 18 if is_narrow(ax) else 24
    for (y, name, colour), at, own in zip(
        labels, spread_out(points, 10, tall), points, strict=True
    ):
        ax.annotate(
            shorten(name, cells),
            (1, y),
            (14, at - own),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            fontsize=8,
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "lw": 1.5,
                "shrinkA": 1,
                "shrinkB": 0,
                "relpos": (0, 0.5),
            },
            gid="label",
        )


def coloured(count: int) -> Iterator[str]:
    """Colours of so many series: the single one's own, or those of groups."""
    theme = theme_in_use()
    return iter([theme.main] if count == 1 else theme.series[:count])
