"""Draw marks on a time axis: lines for instants, bands for periods, names where there is room."""

from collections.abc import Sequence
from datetime import tzinfo
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from usage_analysis.analysis.marks import Mark as Mark
from usage_analysis.analysis.marks import left_out as left_out
from usage_analysis.analysis.marks import without as without
from usage_analysis.analysis.meaning import Meaning, meaning_of
from usage_analysis.analysis.vocabulary import change, level, percents, shorten, signed
from usage_analysis.errors import QueryError
from usage_analysis.figures.axes import dates_of, figure_of, has_groups, width_of
from usage_analysis.figures.labels import text_width
from usage_analysis.figures.provenance import window_in_words
from usage_analysis.figures.style import theme_in_use
from usage_analysis.tidy.zones import zone_of

_BESIDE = 0.04
#: Size of names on the axes [pt].
SIZE = 7.5
Box = tuple[float, float, float, float]


class Room:
    """Occupied space on axes [axes fraction]: points of lines and boxes of names.

    The final axes are somewhat larger, so objects that are apart here remain apart.
    """

    def __init__(self, ax: Axes) -> None:
        self.limits = (*ax.get_xlim(), *ax.get_ylim())
        self.points = ((width_of(ax) - 1.5) * 72, figure_of(ax).get_size_inches()[1] * 72 * 0.55)
        lines = [np.asarray(line.get_xydata(), dtype=np.float64) for line in ax.get_lines()]
        points = np.vstack([np.zeros((0, 2)), *(line for line in lines if len(line) > 2)])
        self.x, self.y = self.shares(*points.T)
        self.boxes: list[Box] = []

    def shares(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Return places as fractions of the axes."""
        left, right, low, high = self.limits
        return (x - left) / (right - left), (y - low) / (high - low)

    def of_text(self, words: str, x: float, y: float, offset: float) -> Box:
        """Return the box of a line of text above a place, at a distance [points]."""
        along, above = self.shares(x, y)
        wide, tall = text_width(words, SIZE) / self.points[0], 11 / self.points[1]
        low = above + offset / self.points[1]
        return along - wide / 2, along + wide / 2, low, low + tall

    def is_free(self, box: Box) -> bool:
        """Return True if a box touches no name."""
        left, right, low, high = box
        return not any(a < right and b > left and c < high and d > low for a, b, c, d in self.boxes)


def draw_marks(
    ax: Axes,
    marks: Sequence[Mark],
    *,
    named: bool = True,
    room: Room | None = None,
    counted: pd.DataFrame | None = None,
) -> None:
    """Draw the marks within the axes: instants as lines, periods as bands.

    Names are at the top, or at the bottom if the lines leave more space there. They avoid the names
    that are already drawn.

    Parameters
    ----------
    named
        Whether to write the names of the marks.
    room
        Space that is already occupied by lines and names.
    counted
        Rows behind all numbers of the figure, if these include periods to leave out: see
        `mark_in_words`.
    """
    theme = theme_in_use()
    low, high = ax.get_xlim()
    free = (room or Room(ax)) if named else None
    for mark in marks:
        end = mark.start if mark.end is None else mark.end
        first, last = dates_of(pd.DatetimeIndex([mark.start, end]))
        if last < low or first > high:
            continue
        if mark.end is None:
            ax.axvline(first, color=theme.muted, lw=1, ls=(0, (1, 1.5)), gid="mark")
        else:
            inside = max(first, low), min(last, high)
            ax.axvspan(*inside, color=theme.muted, alpha=0.16, lw=0, gid="mark")
        if free is not None:
            _name(ax, mark_in_words(mark, counted), max(first, low), free)


def marks_of_changes(
    changes: pd.DataFrame | None, of: Meaning, frame: pd.DataFrame
) -> tuple[list[Mark], str]:
    """Return a mark with its size for each lasting change of the drawn series, and their key."""
    if changes is None:
        return [], ""
    found = meaning_of(changes, "change_points", name="changes")
    if has_groups(frame) or changes.columns[0] != "date":
        raise QueryError("changes: expected one series, got a breakdown; take one group of both")
    if (found.measure, found.event) != (of.measure, of.event):
        raise QueryError(f"changes: expected changes of {of.name}, got changes of {found.name}")
    marks = []
    for row in changes.to_dict("records"):
        if of.event is not None:
            size = " → ".join(percents(row["before"], row["after"])) + " %"
        elif row["before"] > 0:
            low, high = (signed(100 * end, 1) for end in (row["low"], row["high"]))
            size = f"{change(row['change'])} ({low} to {high})"
        else:
            size = f"first {of.name}"
        marks.append(Mark(pd.Timestamp(row["date"]).tz_localize(zone_of(frame)), size))
    interval = "" if of.event is not None else f" ({level(found.level)} interval)"
    return marks, f"dotted: level changed{interval}" if marks else ""


def mark_in_words(mark: Mark, counted: pd.DataFrame | None = None) -> str:
    """Return the label of a mark, and "(left out)" unless some counted rows lie in its period."""
    within = counted is not None and bool(left_out(counted, [mark]).any())
    return shorten(mark.label, 32) + (" (left out)" if mark.leave_out and not within else "")


def when_in_words(mark: Mark, zone: tzinfo) -> str:
    """Return the time of a mark in words, without hours if it covers whole days."""
    start = mark.start.tz_convert(zone)
    if mark.end is None:
        return f"{start:%Y-%m-%d %H:%M}"
    return window_in_words(start, mark.end.tz_convert(zone))


def _name(ax: Axes, words: str, place: float, room: Room) -> None:
    """Write a name vertically beside a place, where it covers no other name and few lines."""
    along = float(room.shares(place, 0.0)[0])
    beside = room.y[(np.abs(room.x - along) < _BESIDE) & np.isfinite(room.y)]
    foot = len(beside) > 0 and beside.min() > 1 - beside.max()
    wide, tall = 12 / room.points[0], (text_width(words, SIZE) + 6) / room.points[1]
    boxes = [
        (at, at + wide, 0.0 if low else 1 - tall, tall if low else 1.0, low, at < along)
        for at in (along, along - wide)
        for low in (foot, not foot)
    ]
    *box, foot, left = next((b for b in boxes if room.is_free(b[:4])), boxes[0])
    room.boxes.append((box[0], box[1], box[2], box[3]))
    ax.annotate(
        words, (place, 0 if foot else 1), (-2 if left else 2, 3 if foot else -3),
        xycoords=("data", "axes fraction"), textcoords="offset points", rotation=90,
        ha="right" if left else "left", va="bottom" if foot else "top", fontsize=SIZE,
        color=theme_in_use().ink, gid="mark label",
        bbox={"facecolor": theme_in_use().page, "alpha": 0.85, "lw": 0, "pad": 0.8},
    )  # fmt: skip
