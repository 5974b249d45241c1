"""Rates with what chance allows them: over time, and on a control chart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from usage_analysis.analysis.intervals import normal_quantile, wilson
from usage_analysis.analysis.vocabulary import (
    clean,
    counted,
    per,
    percent,
    several,
    shorten,
    span_of,
)
from usage_analysis.figures.axes import (
    MANY,
    ON_AXIS,
    WEEK,
    axes_for,
    broken,
    colour_of,
    dotted,
    groups_by_size,
    known,
    last_known,
    percents_of,
)
from usage_analysis.figures.labels import head, label_ends, nothing
from usage_analysis.figures.marks import Mark, draw_marks, left_out
from usage_analysis.figures.provenance import Provenance
from usage_analysis.figures.style import figure_style, theme_in_use
from usage_analysis.figures.ticks import FULL, dates_of, percents, time_axis
from usage_analysis.tidy.grouping import each_group

_RATE = ("calls", "events", "rate", "low", "high", "enough")
# As the helpers have it that make the rates.
_ENOUGH = 30


@figure_style()
def plot_error_rate(
    rates: pd.DataFrame,
    *,
    what: str = "error rate",
    groups: int | Sequence[str] | None = None,
    marks: Sequence[Mark] = (),
    title: str | None = None,
    about: Provenance | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Axes with a rate over time as a line and its confidence interval as a band.

    Parameters
    ----------
    rates
        What `error_rate` or `join_rate` returns for a frame of days, with or without a group
        column. Of a breakdown the six groups with most calls are lines, with bands where there are
        calls enough; of two weeks of days and more, each point is the rate of the seven days up to
        it, and of more than 120 there is one a week, for the rates of single days would hide each
        other.
    what
        Name of the rate.
    groups
        Groups that are drawn: their names, or how many of the largest (6).
    marks
        What you know of the time shown; periods to leave out are not in the overall rate.
    title, about
        The finding, and what the data are.
    ax
        Where to draw; new axes of a figure apart from pyplot without it.

    Notes
    -----
    Buckets without calls break the line; those with too few (`enough` is False) are hollow. The
    dashed line is the rate of all buckets together, events over calls.
    """
    known(rates, *_RATE, made_by="error_rate(daily) or join_rate(daily)")
    ax = axes_for(ax, f"Line of the {what} {per(span_of(rates))} with its 95 % interval as a band")
    time_axis(ax, rates)
    ax.set_ylabel(f"{what} [% of calls]")
    used = rates[~left_out(rates, marks)]
    single, key = rates.columns[0] == "calls", "band: 95 % interval"
    if single:
        colour = theme_in_use().alarm if what == "error rate" else theme_in_use().main
        _band(ax, rates, colour)
        _from_zero(ax, rates)
        _overall(ax, used)
        finding = _finding(used, what)
    else:
        finding = _groups(ax, rates, used, what, groups)
    draw_marks(ax, marks)
    if not rates["calls"].any():
        nothing(ax, "no finished call yet" if len(rates) else "nothing finished yet")
        key = ""
    elif _some_few(ax):
        key += "; ○ few calls" if single else ", where calls are enough; ○ few calls"
    head(ax, title or finding, about, rates, key=key)
    return ax


def _some_few(ax: Axes) -> bool:
    """Whether a point is hollow."""
    few = [line.get_data()[1] for line in ax.get_lines() if line.get_gid() == "few"]
    return any(np.isfinite(np.asarray(y, dtype=np.float64)).any() for y in few)


def _groups(
    ax: Axes,
    rates: pd.DataFrame,
    used: pd.DataFrame,
    what: str,
    groups: int | Sequence[str] | None,
) -> str:
    """Draw the groups with most calls; the words that say between what their rates lie."""
    named, others = groups_by_size(rates, "calls", groups)
    parts = [*named, *others]
    shown = [(name, _trailing(rows)) for name, rows in named]
    colours = colour_of(shown)
    for (_, rows), colour in zip(shown, colours, strict=True):
        _band(ax, rows, colour, 0.08, only_enough=True)
    if shown:
        _from_zero(ax, pd.concat([rows for _, rows in shown]), 1.5)
    ends = [100 * last_known(rows["rate"].to_numpy(dtype=np.float64)) for _, rows in shown]
    names = [name for name, _ in shown]
    label_ends(ax, list(zip(ends, names, colours, strict=True)))
    if shown and len(shown[0][1]) < len(parts[0][1]):
        ax.set_ylabel(f"{what} of {WEEK} days [% of calls]")
    left = {clean(str(name)): rows for name, rows in each_group(used)}
    return _range_in_words(
        [(name, left.get(name, rows[:0])) for name, rows in parts], what, len(named)
    )


def _trailing(rates: pd.DataFrame) -> pd.DataFrame:
    """Rates of the seven days up to each, from the seventh on, where there are days enough.

    Of many days those of whole weeks back from the last one.
    """
    if len(rates) < 2 * WEEK or span_of(rates) != "day":
        return rates
    sums = rates[["calls", "events"]].rolling(WEEK).sum().iloc[WEEK - 1 :]
    if len(rates) > MANY:
        sums = sums.iloc[::-WEEK].iloc[::-1]
    calls, events = (sums[name].to_numpy(dtype=np.float64) for name in ("calls", "events"))
    low, high = wilson(events, calls, normal_quantile(0.975))
    rate = np.full(len(calls), np.nan)
    np.divide(events, calls, out=rate, where=calls > 0)
    return sums.assign(rate=rate, low=low, high=high, enough=calls >= _ENOUGH)


def _range_in_words(parts: list[tuple[str, pd.DataFrame]], what: str, named: int) -> str:
    calls = np.array([float(rows["calls"].sum()) for _, rows in parts])
    events = np.array([float(rows["events"].sum()) for _, rows in parts])
    if not calls.sum() > 0:
        return f"No calls, so no {what}"
    of_all = f"{percent(events.sum() / calls.sum())} of all {calls.sum():,.0f} calls"
    told = np.flatnonzero((calls >= _ENOUGH) & (np.arange(len(parts)) < named))
    if len(parts) == 1 or len(told) < 2:
        return f"{what.capitalize()} {of_all}"
    share = events[told] / calls[told]
    low, high = int(np.argmin(share)), int(np.argmax(share))
    names = [shorten(parts[told[place]][0], 30) for place in (low, high)]
    most = f"; the {len(told)} largest of {len(parts)} are shown" if len(told) < len(parts) else ""
    return (
        f"{what.capitalize()} from {percent(share[low])} ({names[0]}) to {percent(share[high])} "
        f"({names[1]}), {of_all}{most}"
    )


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
    line, y, bottom, top = broken(x, rate, low, high)
    ax.fill_between(line, bottom, top, color=colour, alpha=alpha, lw=0, gid="interval")
    ax.plot(line, y, color=colour, lw=1.4, gid="rate", **ON_AXIS)
    size = 3 if len(x) <= MANY else 1.5
    dots = enough & dotted(rate)
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
    percents(ax)


def _finding(rates: pd.DataFrame, what: str) -> str:
    calls, events = float(rates["calls"].sum()), float(rates["events"].sum())
    if not calls > 0:
        return f"No calls, so no {what}" if len(rates) else f"Nothing finished yet, so no {what}"
    few = "too few to tell much, " if calls < _ENOUGH else ""
    return (
        f"{what.capitalize()} {percent(events / calls)} ({events:,.0f} of "
        f"{counted(calls, 'total_count')}, {few}over {several(len(rates), span_of(rates))})"
    )
