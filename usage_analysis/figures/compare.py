"""One period beside another: dumbbells with the interval of the difference."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from usage_analysis.analysis.vocabulary import UNITS, axis_name, shorten, signed
from usage_analysis.errors import QueryError
from usage_analysis.figures.axes import axes_for, cell_number, is_narrow
from usage_analysis.figures.labels import head, nothing
from usage_analysis.figures.provenance import Provenance
from usage_analysis.figures.rows import MOST_ROWS, draw_intervals, name_rows, words_beside
from usage_analysis.figures.style import figure_style, theme_in_use
from usage_analysis.figures.ticks import counts, percents

_RATE = "rate [% of calls]"
_POINTS = "change [% points of the calls]"
_CHANGE = "change [% of the period before]"
# Units that a few have parts of, as calls do not.
_PARTED = (" %", " points", " min")
_AXIS_UNITS = {"duration": "min", "billed_minutes": "min"}
_KEY = "○ the period before; ● this one; bar: where the interval of the difference puts it"
# So many intervals at 95 % are not all right.
_MANY = 10


@figure_style()
def plot_comparison(
    changes: pd.DataFrame | pd.Series,
    *,
    measure: str | None = None,
    as_change: bool = False,
    title: str | None = None,
    about: Provenance | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Axes with a dumbbell a row: the period before, this one, and the interval of the difference.

    Parameters
    ----------
    changes
        What `compare_periods` or `rate_difference` (this period first) returns, for one series or a
        breakdown; or several such Series as the rows of a frame, named by their index.
    measure
        What `compare_periods` compared, for an axis in its units. Without it rows are drawn as
        percent of the period before, so that measures of different units stand side by side; rows
        with nothing before have none and are named in the title.
    as_change
        Draw rates as points of change, for rates that lie far apart, such as of errors and joins.
    title, about
        The finding, and what the data are.
    ax
        Where to draw; new axes of a figure apart from pyplot without it.

    Notes
    -----
    Hollow: before; filled: now; the pale bar: where the interval of the difference puts now. Where
    that bar holds the hollow mark, the data show no difference; where there is no interval they
    cannot tell. Of more than 20 groups those with the greatest difference are drawn.
    """
    rows, unit, lost = _rows(changes, measure)
    if as_change and unit == _RATE:
        ends = ["now", "low", "high", "before"]
        rows[ends] = rows[ends].sub(rows["before"], axis=0)
        unit = _POINTS
    finding = _finding(rows)
    if measure is not None and not rows[["now", "before"]].to_numpy().any():
        finding = f"No {UNITS.get(measure, measure)} in either period, so nothing to compare"
    if len(rows) > MOST_ROWS:
        finding += f"; the {MOST_ROWS} with the greatest difference are shown"
        kept = (rows["now"] - rows["before"]).abs().sort_values(ascending=False).index[:MOST_ROWS]
        rows = rows[rows.index.isin(kept)]
    if lost:
        finding += f"; nothing before to compare with: {', '.join(lost[:3])}"
    ax = axes_for(ax, "Dumbbells of the period before and this one, with the difference's interval")
    _dumbbells(ax, rows)
    _scale(ax, rows, unit)
    words_beside(ax, rows["words"])
    names = name_rows(
        ax, (UNITS.get(str(n), str(n)) for n in rows.index), str(rows.index.name or "measure"), unit
    )
    if not np.isfinite(rows["now"] - rows["before"]).any():
        nothing(ax, "no calls to compare")
    head(ax, title or finding, about, changes, names, key=_KEY)
    return ax


def _dumbbells(ax: Axes, rows: pd.DataFrame) -> None:
    theme, places = theme_in_use(), np.arange(len(rows))
    before, now, low, high = (rows[name].to_numpy() for name in ("before", "now", "low", "high"))
    draw_intervals(ax, low, high)
    ax.hlines(places, before, now, color=theme.muted, lw=1.4, gid="difference")
    ax.plot(before, places, "o", ms=7, mfc=theme.page, mec=theme.muted, mew=1.5, gid="before")
    ax.plot(now, places, "o", ms=7, color=theme.main, gid="now")


def _scale(ax: Axes, rows: pd.DataFrame, unit: str) -> None:
    values = rows[["before", "now", "low", "high"]].to_numpy(dtype=np.float64)
    finite = np.append(values[np.isfinite(values)], 0.0)
    low, high = float(finite.min()), float(finite.max())
    room = 0.04 * (high - low) or 1.0
    ax.set_xlim(low - room if low < 0 else 0, high + room)
    most = 4 if is_narrow(ax) else 7
    if "%" in unit:
        percents(ax, x=True, most=most)
    else:
        counts(ax, most, high)


def _rows(
    changes: pd.DataFrame | pd.Series, measure: str | None
) -> tuple[pd.DataFrame, str, list[str]]:
    """Before, now, the interval of now, and words, a row each; the axis's name; rows left out."""
    table = changes.to_frame("This period").T if isinstance(changes, pd.Series) else changes
    if not isinstance(table, pd.DataFrame):
        raise QueryError(f"changes: expected a table, got {type(changes).__name__}")
    if {"rate_a", "rate_b", "difference", "low", "high"} <= {*table}:
        return _of_rates(table), _RATE, []
    if not {"current", "previous", "low", "high"} <= {*table}:
        raise QueryError(
            "changes: expected what compare_periods or rate_difference returns, got the columns "
            f"{list(table)}"
        )
    now, before, low, high = (
        table[name].map(cell_number).astype(np.float64)
        for name in ("current", "previous", "low", "high")
    )
    low = (before + low).clip(lower=0)
    rows = pd.DataFrame({"before": before, "now": now, "low": low, "high": before + high})
    if measure is not None:
        unit = _AXIS_UNITS.get(measure, UNITS.get(measure, ""))
        return _with_words(rows, f" {unit}".rstrip()), axis_name(measure), []
    share = (100 / before).where(before > 0)
    lost = [str(name) for name in rows.index[share.isna()]]
    rows = rows.mul(share, axis=0).sub(100)[share.notna()]
    return _with_words(rows, " %"), _CHANGE, lost


def _of_rates(table: pd.DataFrame) -> pd.DataFrame:
    now, before, low, high = (
        100 * table[name].astype(np.float64) for name in ("rate_a", "rate_b", "low", "high")
    )
    # No rate is under 0 or over 100 %, whatever the interval's arithmetic.
    ends = {"low": (before + low).clip(0, 100), "high": (before + high).clip(0, 100)}
    return _with_words(pd.DataFrame({"before": before, "now": now, **ends}), " points")


def _with_words(rows: pd.DataFrame, unit: str) -> pd.DataFrame:
    """The rows with the change and its interval in words, as they are drawn."""
    ends = rows[["now", "low", "high"]].sub(rows["before"], axis=0)
    told = zip(ends["now"], ends["low"], ends["high"], strict=True)
    return rows.assign(words=[_change(delta, low, high, unit) for delta, low, high in told])


def _change(delta: float, low: float, high: float, unit: str) -> str:
    if not np.isfinite(delta):
        return "no calls before" if "%" in unit else "no calls in one"
    digits = 1 if abs(delta) < 10 and unit in _PARTED else 0
    told, first, last = (signed(value, digits) for value in (delta, low, high))
    return f"{told}{unit}\n({f'{first} to {last}' if np.isfinite(low) else 'no interval'})"


def _finding(rows: pd.DataFrame) -> str:
    if not np.isfinite(rows["now"] - rows["before"]).any():
        return "No calls in one of the periods, so nothing to compare"
    if not (rows["high"] - rows["low"]).notna().any():
        return "Too little to compare for an interval, so no difference can be told from chance"
    sure = (rows["low"] > rows["before"]) | (rows["high"] < rows["before"])
    if not sure.any():
        return "No difference beyond chance from the period before"
    changed = rows[sure]
    gap = ((changed["now"] - changed["before"]) / changed["before"].abs().clip(lower=1)).abs()
    top = int(np.argmax(gap.to_numpy()))
    words = str(changed["words"].iloc[top]).replace("\n", " ")
    name = str(changed.index[top])
    name = shorten(UNITS.get(name, name), 40)
    if len(rows) == 1:
        return f"{name} differs beyond chance: {words}"
    if len(rows) < _MANY:
        return f"{len(changed)} of {len(rows)} differ beyond chance, {name} most: {words}"
    return (
        f"{len(changed)} of {len(rows)} intervals leave out no difference, where chance gives "
        f"about {0.05 * len(rows):.0f}; {name} most: {words}"
    )
