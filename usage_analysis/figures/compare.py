"""One period beside another: dumbbells with the interval of the difference."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from usage_analysis.errors import QueryError
from usage_analysis.figures.axes import axes_for, cell_number, is_narrow
from usage_analysis.figures.labels import head, nothing
from usage_analysis.figures.provenance import Provenance
from usage_analysis.figures.style import figure_style, theme_in_use
from usage_analysis.figures.ticks import counts, percents
from usage_analysis.figures.wording import UNITS, axis_name, shorten

_ROWS = 20
_RATE = "rate [% of calls]"
_POINTS = "change from the period before [% points of the calls]"
_CHANGE = "change from the period before [% of it]"
_TWO_LINES = 7
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
    Hollow: before; filled: now; the pale bar: where the 95 % interval of the difference puts now.
    Where that bar holds the hollow mark, the data show no difference. Of more than 20 groups those
    with the greatest difference are drawn.
    """
    rows, unit, lost = _rows(changes, measure)
    if as_change and unit == _RATE:
        ends = ["now", "low", "high", "before"]
        rows[ends] = rows[ends].sub(rows["before"], axis=0)
        unit = _POINTS
    finding = _finding(rows)
    if len(rows) > _ROWS:
        finding += f"; the {_ROWS} with the greatest difference are shown"
    ax = axes_for(ax, "Dumbbells of the period before and this one, with the difference's interval")
    if len(rows) > _ROWS:
        kept = (rows["now"] - rows["before"]).abs().sort_values(ascending=False).index[:_ROWS]
        rows = rows[rows.index.isin(kept)]
    theme, places = theme_in_use(), np.arange(len(rows))
    before, now, low, high = (rows[name].to_numpy() for name in ("before", "now", "low", "high"))
    # No count and no rate is under 0, and no rate over 100 %, whatever the interval's arithmetic.
    low = np.maximum(low, 0.0 if unit in (_RATE, axis_name(measure or "")) else -100.0)
    high = np.minimum(high, 100.0) if unit == _RATE else high
    for place in places:
        if np.isfinite(low[place]) and np.isfinite(high[place]):
            ax.plot(
                [low[place], high[place]], [place, place], color=theme.soft, alpha=0.45, lw=9,
                solid_capstyle="butt", gid="interval",
            )  # fmt: skip
    ax.hlines(places, before, now, color=theme.muted, lw=1.4, gid="difference")
    ax.plot(before, places, "o", ms=7, mfc=theme.page, mec=theme.muted, mew=1.5, gid="before")
    ax.plot(now, places, "o", ms=7, color=theme.main, gid="now")
    _scale(ax, np.concatenate([before, now, low, high, [0.0]]), unit)
    one_line = len(rows) > _TWO_LINES
    for place, words in zip(places, rows["words"], strict=True):
        ax.annotate(
            words.replace("\n", " ") if one_line else words, (1, place), (6, 0), va="center",
            xycoords=("axes fraction", "data"),
            textcoords="offset points", fontsize=8, gid="words",
        )  # fmt: skip
    names = [shorten(UNITS.get(str(n), str(n)), 16 if is_narrow(ax) else 30) for n in rows.index]
    ax.set_yticks(places, names, color=theme.ink)
    ax.set_ylim(max(len(rows), 2) - 0.4, -0.6)
    ax.set_ylabel("what is compared [name]")
    ax.set_xlabel(unit)
    ax.grid(visible=True, axis="x")
    ax.grid(visible=False, axis="y")
    if not np.isfinite(now - before).any():
        nothing(ax, "no calls to compare")
    if lost:
        finding += f"; nothing before to compare with: {', '.join(lost[:3])}"
    head(ax, title or finding, about, names)
    return ax


def _scale(ax: Axes, values: np.ndarray[tuple[int], np.dtype[np.float64]], unit: str) -> None:
    finite = values[np.isfinite(values)]
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
    table = changes.to_frame("this period").T if isinstance(changes, pd.Series) else changes
    if not isinstance(table, pd.DataFrame):
        raise QueryError(f"changes: expected a table, got {type(changes).__name__}")
    if {"rate_a", "rate_b", "low", "high"} <= {*table}:
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
    share = (100 / before).where(before > 0)
    words = [
        _change(s * (n - b), s * lo, s * hi, " %")
        for s, n, b, lo, hi in zip(share, now, before, low, high, strict=True)
    ]
    rows = pd.DataFrame(
        {"before": before, "now": now, "low": before + low, "high": before + high, "words": words},
        index=table.index,
    )
    if measure is not None:
        return rows, axis_name(measure), []
    lost = [str(name) for name in rows.index[share.isna()]]
    for name in ("before", "now", "low", "high"):
        rows[name] = rows[name] * share - 100
    return rows[share.notna()], _CHANGE, lost


def _of_rates(table: pd.DataFrame) -> pd.DataFrame:
    now, before, low, high = (
        100 * table[name].astype(np.float64) for name in ("rate_a", "rate_b", "low", "high")
    )
    words = [
        _change(n - b, lo, hi, " points")
        for n, b, lo, hi in zip(now, before, low, high, strict=True)
    ]
    return pd.DataFrame(
        {"before": before, "now": now, "low": before + low, "high": before + high, "words": words},
        index=table.index,
    )


def _change(delta: float, low: float, high: float, unit: str) -> str:
    if not np.isfinite(delta):
        return "no calls before" if "%" in unit else "no calls in one"
    digits = 1 if abs(delta) < 10 else 0
    ends = [f"{value:+.{digits}f}" for value in (delta, low, high)]
    told, first, last = (end[1:] if float(end) == 0 else end for end in ends)
    return f"{told}{unit}" + (f"\n({first} to {last})" if np.isfinite(low) else "")


def _finding(rows: pd.DataFrame) -> str:
    if not np.isfinite(rows["now"] - rows["before"]).any():
        return "No calls in both periods, so nothing to compare"
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
