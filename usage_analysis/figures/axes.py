"""Axes of figures: checks, sizes, units, series, and scales of dates, counts and percentages."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FormatStrFormatter, FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from usage_analysis.analysis.arrays import Floats as Floats
from usage_analysis.analysis.arrays import cell_number as cell_number
from usage_analysis.analysis.arrays import finished as finished
from usage_analysis.analysis.arrays import in_units as in_units
from usage_analysis.analysis.arrays import percents_of as percents_of
from usage_analysis.analysis.vocabulary import MONTHS, WEEKDAYS, clean, compact, span_of
from usage_analysis.errors import QueryError, refusal
from usage_analysis.figures.provenance import Provenance
from usage_analysis.tidy.frames import REST, check_kind, check_no_shared_sum, group_column
from usage_analysis.tidy.grouping import each_group
from usage_analysis.tidy.zones import DAY, HOUR, Instants, clock_of, first_instants, zone_of

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
        raise refusal("other_names", names=", ".join(names), got=groups)
    return set(groups)


#: Where an axis of shares ends that holds 100 %, with room for a mark there.
FULL: Final = 104
_STEPS: Final = (
    *(("hour", n) for n in (1, 2, 3, 6, 12)),
    *(("day", n) for n in (1, 2, 4, 7, 14)),
    *(("month", n) for n in (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200)),
)
_FINEST: Final = {"hour": 0, "day": 5, "week": 8}
_MONTHLY: Final = 10
_ROUND: Final = (1, 2, 2.5, 5, 10)
# 1970-01-05 was a Monday.
_MONDAY: Final = 4


def dates_of(index: pd.Index) -> Floats:
    """Return instants in days since 1970 (UTC), whatever epoch matplotlib counts from."""
    numbers: Floats = pd.DatetimeIndex(index).as_unit("us").asi8 / DAY
    return numbers


def time_axis(ax: Axes, frame: pd.DataFrame, *, ticks: int | None = None) -> Floats:
    """Return the matplotlib dates of a frame's rows, and set ticks in the frame's time zone."""
    zone, every = zone_of(frame), span_of(frame)
    numbers = dates_of(frame.index)
    ax.set_xlabel(f"date [{zone}]")
    if len(numbers) == 0:
        ax.set_xticks([])
        return numbers
    low, high = numbers.min(), numbers.max()
    margin = max((high - low) * 0.02, 0.5 / 24 if every == "hour" else 0.5)
    ends = np.rint((np.array([low - margin, high + margin])) * DAY).astype(np.int64)
    first, last = (int(end) for end in clock_of(ends, zone))
    unit, local = _fitting(first, last, ticks or (4 if is_narrow(ax) else 9), every)
    ax.set_xticks(first_instants(zone, local) / DAY, _clock_words(unit, local))
    ax.set_xlim(low - margin, high + margin)
    return numbers


def _fitting(first: int, last: int, most: int, every: str) -> tuple[str, Instants]:
    """Return local times of at most a number of ticks, no finer than the rows, and their step."""
    for unit, n in _STEPS[_FINEST.get(every, _MONTHLY) :]:
        local = _times_apart(unit, n, first, last)
        # Mondays read better than every fourth day, as soon as there are three of them.
        if len(local) <= most and not (n == 4 and unit == "day" and last - first > 21 * DAY):
            break
    return unit, local


def _times_apart(unit: str, n: int, first: int, last: int) -> Instants:
    """Return local times in a range [us], `n` hours, days or months apart; weeks on Mondays."""
    if unit == "month":
        months = np.array([first, last]).view("M8[us]").astype("M8[M]").view(np.int64)
        begins = np.arange(months[0] // n * n, months[1] + 1, n).view("M8[M]").astype("M8[us]")
        local = begins.view(np.int64)
    else:
        step = n * (HOUR if unit == "hour" else DAY)
        origin = _MONDAY * DAY if n % 7 == 0 else 0
        if unit == "day" and n in (2, 4):
            origin = -(-first // DAY) * DAY
        local = np.arange(origin + (first - origin) // step * step, last + 1, step)
    return local[(local >= first) & (local <= last)]


def _clock_words(unit: str, local: Instants) -> list[str]:
    """Return the label of each tick, with the larger unit where it changes."""
    clock = pd.DatetimeIndex(local.view("M8[us]"))
    year, month = clock.year, [MONTHS[month - 1] for month in clock.month]
    date = [f"{WEEKDAYS[time.weekday()]} {time.day}" for time in clock]
    if unit == "month":
        return [
            _two_lines(m, y) for m, y in zip(month, _turning([str(y) for y in year]), strict=True)
        ]
    greater = month
    if unit == "hour":
        greater = [f"{d} {m}" for d, m in zip(date, month, strict=True)]
        date = [f"{hour:02d}:00" for hour in clock.hour]
    told: set[int] = set()
    beneath = [*_turning(greater)]
    for place, words in enumerate(beneath):
        near = place + 1 < len(beneath) and beneath[place + 1] != ""
        if words and near and unit == "hour":
            beneath[place] = ""
        elif words and not near and year[place] not in told:
            beneath[place] = f"{words} {year[place]}"
            told.add(int(year[place]))
    return [_two_lines(*lines) for lines in zip(date, beneath, strict=True)]


def _turning(words: list[str]) -> Iterator[str]:
    """Return each word that differs from the previous word, else an empty text."""
    for place, own in enumerate(words):
        yield own if place == 0 or own != words[place - 1] else ""


def _two_lines(upper: str, lower: str) -> str:
    return f"{upper}\n{lower}".rstrip()


def hours_across(ax: Axes, about: Provenance | None, profile: pd.DataFrame) -> None:
    """Set the x axis to the hours of the day in the time zone of a profile."""
    zone = about.timezone if about else profile.attrs.get("timezone")
    hours = range(0, 24, 6 if is_narrow(ax) else 3)
    ax.set_xticks(hours, [f"{hour:02d}:00" for hour in hours])
    ax.set_xlabel(f"hour of day [{zone}]" if zone else "hour of day")


def weekdays_down(ax: Axes) -> None:
    """Set the y axis to the days of the week."""
    ax.set_yticks(range(7), WEEKDAYS)
    ax.set_ylabel("day of week")


def from_zero(ax: Axes, values: NDArray[np.floating], *, room: float = 1.08, most: int = 6) -> None:
    """Start the y axis at 0, with whole steps if the values are whole, and no offset."""
    finite = values[np.isfinite(values)]
    top = float(np.max(finite, initial=0.0))
    whole = bool(top > 5 or (finite == np.rint(finite)).all())
    ax.set_ylim(0, top * room if top > 0 else 1)
    scale_axis(ax.yaxis, most, top, whole=whole)


def in_counts(ax: Axes, most: int, top: float) -> None:
    """Limit the number of whole steps of the x axis."""
    scale_axis(ax.xaxis, most, top, whole=True)


def scale_axis(axis: Axis, most: int, top: float, *, whole: bool) -> None:
    """Limit the number of round steps of an axis up to about `top`."""
    axis.set_major_locator(MaxNLocator(most, steps=_ROUND, integer=whole))
    axis.set_major_formatter(FuncFormatter(partial(_tick_in_words, top)))


def _tick_in_words(top: float, value: float, _: int | None) -> str:
    return compact(value, top)


def in_percent(ax: Axes, *, x: bool = False, most: int = 6) -> None:
    """Mark an axis as percent."""
    axis = ax.xaxis if x else ax.yaxis
    axis.set_major_locator(MaxNLocator(most, steps=_ROUND))
    axis.set_major_formatter(FormatStrFormatter("%g %%"))


def scale_rates(ax: Axes, values: Floats) -> None:
    """Scale the y axis to rates [%] from 0 up, but not beyond the possible rates."""
    top = float(np.nanmax(np.append(values, 0.0)))
    ax.set_ylim(0, min(top * 1.15, FULL) if top > 0 else 1)
    in_percent(ax)
