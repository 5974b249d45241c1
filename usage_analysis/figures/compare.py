"""One period beside another: dumbbells with the interval of the difference."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from usage_analysis.analysis.intervals import shrink_towards_mean
from usage_analysis.analysis.meaning import Meaning
from usage_analysis.analysis.statements.change import (
    row_label,
    state_change,
    state_changes,
    state_difference,
)
from usage_analysis.analysis.vocabulary import UNITS, axis_name, change, level, points, signed
from usage_analysis.figures.axes import cell_number, check_columns
from usage_analysis.figures.plots import Caption, Panel, ResultOptions, plot
from usage_analysis.figures.rows import draw_intervals, lay_out_rows, mark_scale, most_rows
from usage_analysis.figures.style import theme_in_use

_AXIS_UNITS = {"duration": "min", "billed_minutes": "min"}
_COLUMNS: Final = {
    "compare_periods": ("current", "previous", "low", "high", "significant"),
    "rate_difference": ("rate", "previous_rate", "difference", "low", "high", "significant"),
}


@plot(*_COLUMNS)
def plot_comparison(
    panel: Panel, changes: pd.DataFrame | pd.Series, **_: Unpack[ResultOptions]
) -> Caption:
    """Draw the previous period, the current one, and the interval of the difference, as dumbbells.

    Parameters
    ----------
    changes
        Result of `compare_periods` or `rate_difference`, for one series, for a breakdown, or for
        several measures or events. Rows of several measures are drawn as percent of the previous
        period, because their units differ; rows of several events as points of change, because
        error and join rates lie far apart.

    Notes
    -----
    Hollow: the previous period; filled: the current one; the pale bar: where the interval of the
    difference puts the current one. Where the bar holds the hollow mark, the data show no
    difference. Of more than 20 groups, or 12 on narrow axes, those with the greatest difference are
    drawn, after small groups are partly pooled with the others. The title calls a row significant
    by Holm's rule over all rows, and gives no verdict below the 90 % level.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> usage = ua.sample_client().call_usage(from_date="2026-03-02", to_date="2026-03-29")
    >>> table = ua.compare_periods(usage.hourly, measure=["total_count", "duration"])
    >>> ua.plot_comparison(table).get_xlabel()
    'change [% of the previous period]'
    """
    ax, of = panel.ax, panel.of
    table = changes.to_frame("This period").T if isinstance(changes, pd.Series) else changes
    check_columns("changes", table, *_COLUMNS[of.made_by], made_by=[of.made_by])
    rows, unit, lost = (_rates if of.made_by == "rate_difference" else _measures)(table, of)
    more, most = "", most_rows(ax)
    if len(rows) > most:
        more = f"; the {most} of {len(rows)} with the greatest difference"
        rows = _greatest(rows, most)
    _draw_dumbbells(ax, rows)
    labels = [row_label(name, of) for name in rows.index]
    what = str(rows.index.name or of.name) if len(table) > 1 or len(rows) == 0 else of.name
    numbers = rows[["before", "now", "low", "high"]].to_numpy(dtype=np.float64)
    names = lay_out_rows(ax, labels, rows["words"].tolist(), (unit, what), numbers)
    interval = f"{level(float(of.confidence or 0))} interval of the difference"
    compared = np.isfinite(rows["now"] - rows["before"]).any()
    return Caption(
        f"Dumbbells of the {of.name} in the previous and the current period, with the {interval}",
        _finding(changes, of, lost),
        f"○ previous period; ● current; bar: {interval}{more}",
        names,
        "" if compared else "no calls to compare",
    )


def _greatest(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return the rows with the greatest difference, after small groups are partly pooled."""
    gap = (rows["now"] - rows["before"]).to_numpy(dtype=np.float64)
    spread = ((rows["high"] - rows["low"]) / 4).to_numpy(dtype=np.float64)
    pooled = np.nan_to_num(np.abs(shrink_towards_mean(gap, spread**2)), nan=-1)
    return rows.iloc[np.sort(np.argsort(-pooled, kind="stable")[:most])]


def _finding(changes: pd.DataFrame | pd.Series, of: Meaning, lost: list[str]) -> str:
    """Title that states the changes."""
    if isinstance(changes, pd.DataFrame):
        found = state_changes(changes, of).title
    elif of.made_by == "rate_difference":
        found = state_difference(changes, of).title
    else:
        found = state_change(changes, of).title
    if lost:
        found += f"; nothing in the previous period to compare with: {', '.join(lost[:3])}"
    return found


def _draw_dumbbells(ax: Axes, rows: pd.DataFrame) -> None:
    """Draw the previous and the current period of each row, and the interval."""
    theme, places = theme_in_use(), np.arange(len(rows))
    before, now, low, high = (rows[name].to_numpy() for name in ("before", "now", "low", "high"))
    draw_intervals(ax, low, high)
    ax.hlines(places, before, now, color=theme.muted, lw=1.4, gid="difference")
    size = 7 * mark_scale(ax, len(rows))
    ax.plot(before, places, "o", ms=size, mfc=theme.page, mec=theme.muted, mew=1.5, gid="before")
    ax.plot(now, places, "o", ms=size, color=theme.main, gid="now")


def _measures(table: pd.DataFrame, of: Meaning) -> tuple[pd.DataFrame, str, list[str]]:
    """Rows of measures with their words, the axis's name, and the rows left out."""
    now, before, low, high = (
        table[name].map(cell_number).astype(np.float64)
        for name in ("current", "previous", "low", "high")
    )
    low = (before + low).clip(lower=0)
    rows = pd.DataFrame({"before": before, "now": now, "low": low, "high": before + high})
    ends = rows[["now", "low", "high"]].sub(rows["before"], axis=0)
    if of.measure is not None:
        unit = _AXIS_UNITS.get(of.measure, UNITS[of.measure])
        words = [
            _words(partial(signed, digits=_digits(row[0], unit)), f" {unit}", *row)
            for row in ends.to_numpy().tolist()
        ]
        return rows.assign(words=words), axis_name(of.measure), []
    share = (1 / before).where(before > 0)
    lost = [UNITS.get(str(name), str(name)) for name in rows.index[share.isna()]]
    ends = ends.mul(share, axis=0)
    words = [_words(change, "", *row) for row in ends.to_numpy().tolist()]
    drawn = 100 * (rows.mul(share, axis=0) - 1)
    drawn = drawn.assign(words=words)[share.notna()]
    return drawn, "change [% of the previous period]", lost


def _rates(table: pd.DataFrame, of: Meaning) -> tuple[pd.DataFrame, str, list[str]]:
    """Rows of rates in percent with their words; of several events in points of change."""
    now, before, low, high = (
        100 * table[name].astype(np.float64) for name in ("rate", "previous_rate", "low", "high")
    )
    # No rate is below 0 or above 100 %, whatever the interval's arithmetic.
    ends = {"low": (before + low).clip(0, 100), "high": (before + high).clip(0, 100)}
    rows = pd.DataFrame({"before": before, "now": now, **ends})
    gaps = rows[["now", "low", "high"]].sub(rows["before"], axis=0) / 100
    words = [_words(points, " points", *row) for row in gaps.to_numpy().tolist()]
    unit = of.unit if of.event else f"% of {UNITS[str(of.denominator)]}"
    if of.event is not None:
        return rows.assign(words=words), f"{of.name} [{unit}]", []
    rows = rows.sub(rows["before"], axis=0)
    return rows.assign(words=words), f"change [% points{unit.removeprefix('%')}]", []


def _words(form: Callable[[float], str], unit: str, delta: float, low: float, high: float) -> str:
    """Return a change and its interval in two lines."""
    if not np.isfinite(delta):
        return "no calls in one"
    if not np.isfinite(low):
        return f"{form(delta)}{unit}\n(no interval)"
    first, last = (form(end).removesuffix(" %") for end in (low, high))
    return f"{form(delta)}{unit}\n({first} to {last})"


def _digits(delta: float, unit: str) -> int:
    """Return the digits of a change after its point: few minutes have tenths."""
    return 1 if unit == "min" and abs(delta) < 10 else 0
