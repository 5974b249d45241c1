"""What a user knows of the time shown: deploys, incidents, periods that are better left out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from usage_analysis.errors import QueryError
from usage_analysis.figures.axes import Floats
from usage_analysis.figures.style import theme_in_use
from usage_analysis.figures.ticks import dates_of
from usage_analysis.figures.wording import shorten
from usage_analysis.tidy.slots import row_lengths
from usage_analysis.tidy.zones import row_times

_BESIDE = 0.04


@dataclass(frozen=True)
class Mark:
    """An instant or a period that a figure shows on its time axis.

    Parameters
    ----------
    start
        When it was or began, with its zone: ``"2026-03-10 14:00-04:00"`` or a datetime.
    label
        What it was, in a few words.
    end
        First instant after it, for a period.
    leave_out
        Leave its buckets out of means, bands and limits; `without` does it for a helper of your
        choice. Totals keep them.

    Raises
    ------
    QueryError
        An instant without a zone, an end that is not after its start, or nothing to leave out.

    Examples
    --------
    >>> Mark("2026-03-10T18:00Z", "release 2.4").start
    Timestamp('2026-03-10 18:00:00+0000', tz='UTC')
    """

    start: pd.Timestamp
    label: str
    end: pd.Timestamp | None = None
    leave_out: bool = False

    def __init__(
        self,
        start: datetime | str,
        label: str,
        *,
        end: datetime | str | None = None,
        leave_out: bool = False,
    ) -> None:
        object.__setattr__(self, "start", _instant("start", start))
        object.__setattr__(self, "end", None if end is None else _instant("end", end))
        object.__setattr__(self, "label", str(label))
        object.__setattr__(self, "leave_out", leave_out)
        if self.end is not None and self.end <= self.start:
            raise QueryError(f"end: expected one after {self.start}, got {self.end}")
        if leave_out and self.end is None:
            raise QueryError("leave_out: expected a mark with an end, got an instant")


def _instant(name: str, given: datetime | str) -> pd.Timestamp:
    instant: pd.Timestamp | None = None
    with suppress(TypeError, ValueError):
        instant = pd.Timestamp(given)
    if instant is None or pd.isna(instant) or instant.tzinfo is None:
        raise QueryError(
            f'{name}: expected an instant with its zone such as "2026-03-10T14:00-04:00", '
            f"got {given!r}"
        )
    return instant


def without(frame: pd.DataFrame, marks: Sequence[Mark]) -> pd.DataFrame:
    """Rows of a frame that touch none of the periods to leave out.

    Parameters
    ----------
    frame
        Canonical frame, hourly or daily, with or without a group column, or what `aggregate` makes
        of one. Give helpers that build days from hours the hours: a day that lacks some is no
        whole day to them.
    marks
        Those with `leave_out` count.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-02", periods=4, freq="h", tz="UTC", name="time")
    >>> hourly = pd.DataFrame({"total_count": [5, 0, 0, 6], "provisional": False}, index=time)
    >>> bad = Mark("2026-03-02T01:00Z", "outage", end="2026-03-02T03:00Z", leave_out=True)
    >>> without(hourly, [bad])["total_count"].tolist()
    [5, 6]
    """
    return frame[~left_out(frame, marks)]


def left_out(frame: pd.DataFrame, marks: Sequence[Mark]) -> NDArray[np.bool_]:
    """Which rows of a frame touch a period to leave out."""
    out = np.zeros(len(frame), dtype=np.bool_)
    periods = [mark for mark in marks if mark.leave_out]
    if not periods or len(frame) == 0:
        return out
    starts = row_times(frame)
    ends = starts + row_lengths(frame).astype(np.int64)
    for mark in periods:
        low, high = pd.DatetimeIndex([mark.start, mark.end]).as_unit("us").asi8
        out |= (starts < high) & (ends > low)
    return out


def draw_marks(ax: Axes, marks: Sequence[Mark], *, named: bool = True) -> None:
    """Draw those marks that lie within the axes: instants as lines, periods as bands.

    Names stand at the top, or at the foot where the lines drawn before leave more room there.
    """
    theme = theme_in_use()
    low, high = ax.get_xlim()
    free = _room(ax) if named else None
    for mark in marks:
        end = mark.start if mark.end is None else mark.end
        first, last = dates_of(pd.DatetimeIndex([mark.start, end]))
        if last < low or first > high:
            continue
        if mark.end is None:
            ax.axvline(first, color=theme.muted, lw=1, ls=(0, (1, 1.5)), gid="mark")
        else:
            ax.axvspan(
                max(first, low), min(last, high), color=theme.muted, alpha=0.16, lw=0, gid="mark"
            )
        if free is not None:
            _name(ax, mark_in_words(mark), max(first, low), free)


def mark_in_words(mark: Mark) -> str:
    """A mark's label, and whether its period is left out."""
    return shorten(mark.label, 32) + (" (left out)" if mark.leave_out else "")


def _room(ax: Axes) -> tuple[Floats, Floats]:
    """Places of the lines drawn so far, along and up the axes, as shares of them."""
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    x: list[Floats] = [np.zeros(0)]
    y: list[Floats] = [np.zeros(0)]
    for line in ax.get_lines():
        across, up = (np.asarray(d, dtype=np.float64) for d in line.get_data())
        if len(up) > 2 and len(across) == len(up):
            x.append((across - left) / (right - left))
            y.append((up - low) / (high - low))
    return np.concatenate(x), np.concatenate(y)


def _name(ax: Axes, words: str, place: float, free: tuple[Floats, Floats]) -> None:
    left, right = ax.get_xlim()
    x, y = free
    beside = y[(np.abs(x - (place - left) / (right - left)) < _BESIDE) & np.isfinite(y)]
    above, beneath = 1 - beside.max(initial=0.0), beside.min(initial=1.0)
    foot = len(beside) > 0 and beneath > above
    ax.annotate(
        words, (place, 0 if foot else 1), (2, 3 if foot else -3),
        xycoords=("data", "axes fraction"), textcoords="offset points", rotation=90, ha="left",
        va="bottom" if foot else "top", fontsize=7.5, color=theme_in_use().ink, gid="mark label",
        bbox={"facecolor": theme_in_use().page, "alpha": 0.85, "lw": 0, "pad": 0.8},
    )  # fmt: skip
