"""Points of a figure for a pointer: their position, their words and their selection.

Everything is read from the drawing: the artists by their gids, the names of the axes with their
units, and the drawn table. So a figure says the same on paper and under a pointer.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from usage_analysis.analysis import vocabulary as wording
from usage_analysis.analysis.arrays import floats
from usage_analysis.analysis.meaning import Meaning, meaning_of
from usage_analysis.figures.axes import Floats, dates_of, finished, has_groups
from usage_analysis.figures.rates import trailing
from usage_analysis.figures.style import laid_out, picture
from usage_analysis.tidy.grouping import each_group
from usage_analysis.tidy.zones import DAY, local_clock

#: Points of a figure at most: a pointer can tell no more apart, and a page has to load them.
_MOST: Final = 1500
#: Lines of a month's sums, which are complete at the end of a day.
_SUMS: Final = {"so far", "month before", "heading"}
#: Lines over time whose points are values; others are drawn over the points of these.
_VALUES: Final = _SUMS | {
    "buckets", "open", "mean", "previous", "group", "other", "unfinished", "rate", "carried",
    "overhead", "bound",
}  # fmt: skip
#: What stands before the date of a point, where that is more than the name of its line.
_BEFORE: Final = {"mean": "{} to ", "previous": "previous period ({}), beside "} | dict.fromkeys(
    _SUMS, "{}, to the end of "
)
_RATES: Final = ("error_rate", "join_rate")


#: Choices that a point stands for, by name.
Key = dict[str, Any]


class Point(NamedTuple):
    """A point or a box of a figure.

    Parameters
    ----------
    x, y
        Centre, as shares of the figure from its left and its top edge.
    width, height
        Size of a box, as shares of the figure; 0 for a point.
    label
        Position and value in words.
    key
        Selection by name: ``group``, ``first`` and ``last`` day, ``weekday`` and ``hour``.
    """

    x: float
    y: float
    width: float
    height: float
    label: str
    key: Key


def svg_with_points(figure: Figure, table: pd.DataFrame) -> tuple[bytes, list[Point]]:
    """Return a figure as SVG, and its points in the coordinates of this SVG."""
    with laid_out(figure):
        return picture(figure, "svg"), points_of(figure, table)


def points_of(figure: Figure, table: pd.DataFrame) -> list[Point]:
    """Return the points of a figure of the catalogue in its current layout.

    Parameters
    ----------
    figure
        The figure, laid out.
    table
        Table from which the figure was drawn.
    """
    out: list[Point] = []
    named = [str(text.get_label()) for text in figure.axes[0].get_yticklabels()]
    panels = [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]
    for ax in panels:
        across = ax.get_xlabel() or figure.get_supxlabel()
        what, _, zone = across.removesuffix("]").partition(" [")
        if what == "date":
            out += _over_time(ax, table, zone, len(panels))
        elif what == "week":
            out += _calendar(ax, table, zone)
        elif what == "hour of day":
            out += _week(ax, table, zone) if ax.images else _day(ax, zone)
        elif what == "size of the group":
            out += _funnel(ax, table)
        else:
            out += [*_curve(ax), *_bars(ax, named, table)]
            out += _rows(ax, named, table) if named else []  # without names there is no row
    return out


def _points(
    ax: Axes, x: Any, y: Any, labels: Sequence[str], keys: Sequence[Key],
    size: tuple[float, float] = (0, 0),
) -> list[Point]:  # fmt: skip
    """Return points at places of the axes, or boxes of a size around them."""
    figure: Any = ax.figure
    to_figure = ax.transData + figure.transFigure.inverted()
    centre, half = np.column_stack([x, y]), np.array(size) / 2
    low, high = (to_figure.transform(end) for end in (centre - half, centre + half))
    middle = (low + high) / 2
    middle[:, 1] = 1 - middle[:, 1]
    cells = np.hstack([middle, np.abs(high - low)]).round(4).T.tolist()
    return [*map(Point, *cells, labels, keys)]


def _lines(ax: Axes, gids: Set[str]) -> Iterator[tuple[str, str, Floats, Floats]]:
    """Yield the lines with some gids: gid, name and known values."""
    for line in ax.get_lines():
        if line.get_gid() in gids:
            x, y = (np.asarray(data, dtype=np.float64) for data in line.get_data())
            there, name = np.isfinite(y), str(line.get_label())
            yield str(line.get_gid()), "" if name.startswith("_child") else name, x[there], y[there]


def _over_time(ax: Axes, table: pd.DataFrame, zone: str, panels: int) -> list[Point]:
    """Return points of lines over time; of lines with one name, the first wins."""
    figure: Any = ax.figure
    height = ax.get_ylabel() or figure.get_supylabel()
    every, rows, lines = wording.span_of(table), _rows_by_name(table), [*_lines(ax, _VALUES)]
    most = max(_MOST // max(panels * len(lines), 1), 60)
    seen: set[tuple[str, float]] = set()
    out: list[Point] = []
    for gid, name, line_x, line_y in lines:
        if gid == "unfinished" and not name:
            continue  # its points are those of `open`
        step = -(-len(line_x) // most) or 1
        kept = [at for at in range((len(line_x) - 1) % step, len(line_x), step)
                if (name, line_x[at]) not in seen]  # fmt: skip
        x, y = line_x[kept], line_y[kept]
        seen |= {(name, at) for at in x}
        instants = pd.to_datetime(x, unit="D", utc=True).round("s")
        instants -= pd.Timedelta(minutes=int(gid in _SUMS))
        when, keys = _buckets(instants.tz_convert(zone).tz_localize(None), zone, every)
        if gid in _SUMS or gid == "previous":
            keys = [{} for _ in keys]
        elif name in rows and name:
            keys = [key | {"group": name} for key in keys]
        before = wording.sentence_case(_BEFORE.get(gid, "{}, " if name else "").format(name or gid))
        after = f", {every} not whole" if gid in ("open", "unfinished") else ""
        more = _evidence_at(rows[name], x, table) if name in rows else [""] * len(x)
        labels = [
            f"{before}{day}: {_bucket_value(value, height, every, gid)}{words}{after}"
            for day, value, words in zip(when, y, more, strict=True)
        ]
        out += _points(ax, x, y, labels, keys)
    return out


def _bucket_value(value: float, height: str, every: str, gid: str = "") -> str:
    """Return the value of a bucket in words; only a mean is per bucket."""
    told = wording.read_axis(value, height)
    return told if gid == "mean" else told.removesuffix(f" per {every}")


def _buckets(local: pd.DatetimeIndex, zone: str, every: str) -> tuple[list[str], list[Key]]:
    """Return buckets in words by local time, with the first and last day of each."""
    last = local
    if every not in ("hour", "day"):
        last = local.to_period({"week": "W", "month": "M", "quarter": "Q"}.get(every, "Y")).end_time
    before = "" if every in ("hour", "day") else f"{every} from "
    words = [
        f"{before}{wording.WEEKDAYS[day.weekday()]} {day:%Y-%m-%d}"
        f"{f' {day:%H:%M}' if every == 'hour' else ''} ({zone})"
        for day in local
    ]
    ends = zip(local.strftime("%Y-%m-%d"), last.strftime("%Y-%m-%d"), strict=True)
    return words, [{"first": first, "last": end} for first, end in ends]


def _rows_by_name(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the rows of each line by its name; for groups, the rows of the drawn rates."""
    of = _meaning(table)
    if not has_groups(table):
        return {"": table}
    rate = of if of is not None and of.made_by in _RATES else None
    parts = each_group(table)
    return {str(name): trailing(rows, rate) if rate else rows for name, rows in parts}


def _meaning(table: pd.DataFrame) -> Meaning | None:
    stated = table.attrs.get("meaning")
    return None if stated is None else meaning_of(table, stated["made_by"])


def _evidence_at(rows: pd.DataFrame, x: Floats, table: pd.DataFrame) -> list[str]:
    """Return further words for the values at some places of a time axis."""
    of, there = _meaning(table), rows[np.isin(dates_of(rows.index), x)]
    told = [_evidence(row, of) for row in there.to_dict("records")] if of is not None else []
    words = dict(zip(dates_of(there.index), told, strict=False))
    return [words.get(at, "") for at in x]


def _evidence(row: Mapping[Any, Any], of: Meaning | None) -> str:
    """Return the other numbers of one row in words: sample size, interval, limits."""
    if of is None:
        return ""
    told = []
    if "events" in row:
        calls = wording.several(round(row["calls"]), "call")
        told.append(f"{wording.amount(row['events'])} of {calls}")
    if of.made_by in _RATES and np.isfinite(row["low"]):
        told.append(wording.rate_interval(row["low"], row["high"], of.level))
    elif of.made_by == "control_chart" and row["limited"]:
        low, high = wording.percent(max(row["low"], 0)), wording.percent(row["high"])
        told.append(f"limits {low} to {high}")
        told += ["signal"] if row["signal"] else []
    elif of.made_by == "funnel" and np.isfinite(row["low_95"]):
        low, high = wording.percents(max(row["low_95"], 0), row["high_95"])
        told.append(f"95 % limits {low} to {high} %")
    elif of.made_by == "capacity":
        told.append(f"demand {wording.amount(row['demand'])} erlangs")
        told += ["at risk"] if row["at_risk"] else []
    elif of.made_by == "load_profile":
        told.append(f"over {wording.several(int(row['n']), 'hour')}")
    if "enough" in row and not row["enough"]:
        told.append("few calls or not final")
    return "".join(f", {words}" for words in told)


def _heat(ax: Axes) -> tuple[Floats, str]:
    """Return the values of a heat map, missing ones NaN, and the name of its colour bar."""
    image: Any = ax.images[0]
    scale = image.colorbar.ax if image.colorbar else ax
    return np.ma.filled(image.get_array(), np.nan), scale.get_ylabel() or scale.get_xlabel()


def _calendar(ax: Axes, daily: pd.DataFrame, zone: str) -> list[Point]:
    """Cells of days; the first week is the first column."""
    days = local_clock(daily) // DAY
    week, weekday = (days + 3) // 7, (days + 3) % 7
    column, (values, scale) = week - week[:1], _heat(ax)
    when, keys = _buckets(pd.DatetimeIndex(daily.index).tz_localize(None), zone, "day")
    labels = [
        f"{day}: {_bucket_value(value, scale, 'day')}{'' if whole else ', day not whole'}"
        for day, value, whole in zip(when, values[weekday, column], finished(daily), strict=True)
    ]
    return _points(ax, column, weekday, labels, keys, (1, 1))


def _week(ax: Axes, table: pd.DataFrame, zone: str) -> list[Point]:
    """Cells of the hours of the week."""
    (values, scale), of, slots = _heat(ax), _meaning(table), table.index.to_numpy()
    labels = []
    for slot, row in zip(slots.tolist(), table.to_dict("records"), strict=True):
        value = float(values[slot // 24, slot % 24])
        told = wording.read_axis(value, scale) if np.isfinite(value) else "too few calls"
        labels.append(f"{wording.week_hour(slot)} ({zone}): {told}{_evidence(row, of)}")
    keys = [{"weekday": slot // 24, "hour": slot % 24} for slot in slots.tolist()]
    return _points(ax, slots % 24, slots // 24, labels, keys, (1, 1))


def _day(ax: Axes, zone: str) -> list[Point]:
    """Means of the hours of the day."""
    out, scale = list[Point](), ax.get_ylabel()
    for gid, name, x, y in _lines(ax, {"group", "workdays", "weekend", ""}):
        own = wording.sentence_case(f"{name}, ") if name else ""
        labels = [
            f"{own}{wording.clock_hour(int(hour))} ({zone}): mean {wording.read_axis(mean, scale)}"
            for hour, mean in zip(x, y, strict=True)
        ]
        group = {"group": name} if gid == "group" else {}
        out += _points(ax, x, y, labels, [{"hour": int(hour), **group} for hour in x])
    return out


def _curve(ax: Axes) -> list[Point]:
    """Points of a curve over shares of the hours."""
    out: list[Point] = []
    for _, _, x, y in _lines(ax, {"curve"}):
        labels = [
            f"{wording.percent(share / 100)} of the hours: "
            f"{wording.read_axis(traffic, ax.get_ylabel())} or more"
            for share, traffic in zip(x, y, strict=True)
        ]
        out += _points(ax, x, y, labels, [{}] * len(x))
    return out


def _funnel(ax: Axes, table: pd.DataFrame) -> list[Point]:
    """Points of groups by their number of calls and their rate."""
    shown = table[table["calls"] > 0]
    calls, rate = floats(shown, "calls", "rate")
    labels = [
        f"{name}: {wording.read_axis(value, ax.get_ylabel())}{_evidence(row, _meaning(table))}"
        for name, value, row in zip(shown.index, 100 * rate, shown.to_dict("records"), strict=True)
    ]
    return _points(ax, calls, 100 * rate, labels, [{"group": str(name)} for name in shown.index])


def _bars(ax: Axes, names: Sequence[str], table: pd.DataFrame) -> list[Point]:
    """Return the bars of groups; the bar of the other groups selects none."""
    out: list[Point] = []
    bars: list[Any] = [patch for patch in ax.patches if patch.get_gid() == "bars"]
    for name, bar in zip(names, bars, strict=False):
        (x, y), wide, tall = bar.get_xy(), bar.get_width(), bar.get_height()
        label = f"{name}: {wording.read_axis(wide, ax.get_xlabel())}"
        middle = np.array([x + wide / 2]), np.array([y + tall / 2])
        key = {"group": name} if name in table.index else {}
        out += _points(ax, *middle, [label], [key], (wide, tall))
    return out


def _rows(ax: Axes, names: Sequence[str], table: pd.DataFrame) -> list[Point]:
    """Marks in rows of groups or measures, with the words beside each row."""
    out: list[Point] = []
    of = _meaning(table) or Meaning(made_by="")
    interval = f"{wording.level(of.confidence)} interval " if of.confidence else ""
    words = [text.get_text().replace("\n", " ") for text in ax.texts if text.get_gid() == "words"]
    grouped, across = table.index.name is not None and bool(of.measure or of.event), ax.get_xlabel()
    for gid, _, x, y in _lines(ax, {"before", "now", "own rate", "share"}):
        labels = []
        for value, place in zip(x, y.astype(int), strict=True):
            name, told = names[place], words[place].replace("(", f"({interval}")
            effect = f"{wording.points(value / 100)} points"
            if gid in ("before", "now"):
                drawn = "" if across.startswith("change") else wording.read_axis(value, across)
                period = "previous period" if gid == "before" else "current period"
                told = f"{': '.join(filter(None, (period, drawn)))}; change {told}"
            elif gid == "own rate":
                own: Any = table.loc[name]
                ends = wording.points_interval(own["low"], own["high"], of.level)
                told = f"by its rate {effect}, {ends}; both together {told}"
            else:
                told = f"by its share of the calls {effect}; both together {told}"
            labels.append(f"{name}, {told}")
        keys = [{"group": names[place]} if grouped else {} for place in y.astype(int)]
        out += _points(ax, x, y, labels, keys)
    return out
