"""Rates with what chance allows them: over time, and on a control chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from usage_analysis.analysis.meaning import Meaning, meaning_of
from usage_analysis.analysis.rate_series import total_rates, trailing_rates, unlike_the_rest
from usage_analysis.analysis.statements.rates import state_group_rates, state_rate
from usage_analysis.analysis.vocabulary import level, per, span_of
from usage_analysis.figures.axes import (
    MANY,
    ON_AXIS,
    WEEK,
    axes_for,
    check_columns,
    colour_of,
    groups_by_size,
    last_known,
    needs_dot,
    percents_of,
    split_at_gaps,
)
from usage_analysis.figures.labels import label_ends, write_empty, write_heading
from usage_analysis.figures.marks import Mark, draw_marks, left_out
from usage_analysis.figures.provenance import Provenance
from usage_analysis.figures.style import figure_style, theme_in_use
from usage_analysis.figures.ticks import FULL, dates_of, in_percent, time_axis

_RATE = ("calls", "events", "rate", "low", "high", "enough")


@figure_style()
def plot_error_rate(
    rates: pd.DataFrame,
    *,
    groups: int | Sequence[str] | None = None,
    marks: Sequence[Mark] = (),
    title: str | None = None,
    about: Provenance | None = None,
    meaning: Mapping[str, Any] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the error rate or the join rate over time as a line, with its interval as a band.

    Parameters
    ----------
    rates
        Result of `error_rate` or `join_rate` for a frame of days, with or without a group column.
        Of a breakdown, the groups with most calls are lines. They have bands where there are
        enough calls. For two weeks of days or more, each point of a group is the rate of the last
        seven days; for more than 120 days there is one point per week, because the rates of single
        days would hide each other.
    groups
        Groups that are drawn: their names, or how many of the largest (6).
    marks
        Events and periods to name on the time axis; periods to leave out are not in the overall
        rate.
    title
        Title instead of the one that states the overall rate.
    about
        Provenance of the data, shown beneath the title.
    meaning
        ``attrs["meaning"]`` of the original table, for a table that lost it.
    ax
        Axes to draw on; new axes of a figure apart from pyplot without it.

    Returns
    -------
    Axes
        The axes drawn on.

    Raises
    ------
    QueryError
        The table is no result of `error_rate` or `join_rate`.

    Notes
    -----
    Buckets without calls break the line; buckets with too few (`enough` is False) are hollow. The
    dashed line is the rate of all buckets together. The title names groups only where their rate
    differs significantly from that of the others, by Holm's rule over all groups.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> usage = ua.sample_client().call_usage(from_date="2026-03-02", to_date="2026-03-15")
    >>> ax = ua.plot_error_rate(ua.join_rate(usage.daily))
    >>> ax.get_ylabel()
    'join rate [% of calls]'
    """
    check_columns(rates, *_RATE, made_by="error_rate(daily) or join_rate(daily)")
    of = meaning_of(rates, "error_rate", "join_rate", meaning=meaning)
    band = f"{level(float(of.confidence or 0))} interval"
    ax = axes_for(ax, f"Line of the {of.name} {per(span_of(rates))} with its {band} as a band")
    time_axis(ax, rates)
    ax.set_ylabel(f"{of.name} [{of.unit}]")
    used = rates[~left_out(rates, marks)]
    single, key, many = rates.columns[0] == "calls", f"band: {band}", ""
    if single:
        _band(ax, rates, theme_in_use().alarm if of.better == "less" else theme_in_use().main)
        _from_zero(ax, rates)
        _overall(ax, used)
    else:
        many = _groups(ax, rates, of, groups)
    draw_marks(ax, marks)
    if not rates["calls"].any():
        write_empty(ax, "no finished call yet" if len(rates) else "nothing finished yet")
        key = ""
    elif _some_few(ax):
        key += "; ○ few calls" if single else ", where calls are enough; ○ few calls"
    write_heading(ax, title or f"{_title(used, of)}{many}", about, rates, key=key)
    return ax


def _title(rates: pd.DataFrame, of: Meaning) -> str:
    """State the rate of all buckets together."""
    totals = total_rates(rates, of)
    if rates.columns[0] == "calls":
        return state_rate(next(totals.itertuples()), of).title
    unlike = unlike_the_rest(rates, float(of.confidence or 0))
    return state_group_rates(totals, of, unlike).title


def _some_few(ax: Axes) -> bool:
    """Return True where a point is hollow."""
    few = [line.get_data()[1] for line in ax.get_lines() if line.get_gid() == "few"]
    return any(np.isfinite(np.asarray(y, dtype=np.float64)).any() for y in few)


def _groups(ax: Axes, rates: pd.DataFrame, of: Meaning, groups: int | Sequence[str] | None) -> str:
    """Draw the groups with most calls, and return in words how many of all they are."""
    named, others = groups_by_size(rates, "calls", groups)
    parts = [*named, *others]
    shown = [(name, _trailing(rows, of)) for name, rows in named]
    colours = colour_of(shown)
    for (_, rows), colour in zip(shown, colours, strict=True):
        _band(ax, rows, colour, 0.08, only_enough=True)
    if shown:
        _from_zero(ax, pd.concat([rows for _, rows in shown]), 1.5)
    ends = [100 * last_known(rows["rate"].to_numpy(dtype=np.float64)) for _, rows in shown]
    names = [name for name, _ in shown]
    label_ends(ax, list(zip(ends, names, colours, strict=True)))
    if shown and len(shown[0][1]) < len(parts[0][1]):
        ax.set_ylabel(f"{of.name} of {WEEK} days [{of.unit}]")
    return f"; the {len(named)} largest of {len(parts)} are shown" if others else ""


def _trailing(rates: pd.DataFrame, of: Meaning) -> pd.DataFrame:
    """Rates of the last seven days at each day, where there are enough days.

    For many days only those of whole weeks back from the last day.
    """
    if len(rates) < 2 * WEEK or span_of(rates) != "day":
        return rates
    found = trailing_rates(rates, WEEK, float(of.confidence or 0))
    return found if len(found) <= MANY else found.iloc[::-WEEK].iloc[::-1]


def _band(
    ax: Axes, rates: pd.DataFrame, colour: str, alpha: float = 0.18, *, only_enough: bool = False
) -> None:
    """Draw a rate and its interval; of groups no interval where calls are few, for it hides all."""
    theme = theme_in_use()
    x = dates_of(pd.DatetimeIndex(rates.index))
    rate, low, high = percents_of(rates, "rate", "low", "high")
    enough = rates["enough"].to_numpy(dtype=bool)
    if only_enough:
        low, high = np.where(enough, low, np.nan), np.where(enough, high, np.nan)
    line, y, bottom, top = split_at_gaps(x, rate, low, high)
    ax.fill_between(line, bottom, top, color=colour, alpha=alpha, lw=0, gid="interval")
    ax.plot(line, y, color=colour, lw=1.4, gid="rate", **ON_AXIS)
    size = 3 if len(x) <= MANY else 1.5
    dots = enough & needs_dot(rate)
    ax.plot(x[dots], rate[dots], "o", ms=size, color=colour, gid="enough", **ON_AXIS)
    ax.plot(
        x[~enough], rate[~enough], "o", ms=size + 0.5, mfc=theme.page, mec=colour, gid="few",
        **ON_AXIS,
    )  # fmt: skip


def _overall(ax: Axes, rates: pd.DataFrame) -> None:
    calls, events = rates["calls"].sum(), rates["events"].sum()
    if not calls > 0:
        return
    theme, overall = theme_in_use(), 100 * events / calls
    ax.axhline(overall, color=theme.muted, lw=1, ls="--", gid="overall")
    ax.annotate(
        f"overall {overall:.2f} %", (1, overall), (4, 0), va="center",
        xycoords=("axes fraction", "data"), textcoords="offset points", fontsize=8,
    )  # fmt: skip


def _from_zero(ax: Axes, rates: pd.DataFrame, reach: float = 3) -> None:
    """Count from 0 to what rates need; the bands of thin buckets may end outside."""
    rate, high = percents_of(rates, "rate", "high")
    most = float(np.nanmax(np.append(rate, 0.0)))
    # A bucket without calls has neither rate nor band.
    top = float(np.nanmax(np.append(np.minimum(high, reach * most), most)))
    ax.set_ylim(0, min(top * 1.15, FULL) if top > 0 else 1)
    in_percent(ax)
