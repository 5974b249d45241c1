"""What is billed: through the month, and for a minute of talk."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from usage_analysis.analysis.trends import describe_month, project_month
from usage_analysis.analysis.vocabulary import (
    UNITS,
    amount,
    axis_name,
    counted,
    per,
    several,
    span_of,
)
from usage_analysis.errors import QueryError
from usage_analysis.figures.axes import (
    MANY,
    ON_AXIS,
    OTHERS,
    WEEK,
    Floats,
    alone,
    axes_for,
    broken,
    cell_number,
    colour_of,
    finished,
    groups_by_size,
    in_units,
    known,
    one_series,
)
from usage_analysis.figures.labels import head, label_ends, nothing
from usage_analysis.figures.marks import Mark, draw_marks, left_out
from usage_analysis.figures.provenance import Provenance
from usage_analysis.figures.style import figure_style, theme_in_use
from usage_analysis.figures.ticks import dates_of, from_zero, percents, time_axis
from usage_analysis.tidy.frames import group_column
from usage_analysis.tidy.rolling import rolling
from usage_analysis.tidy.zones import zone_of

# With fewer days describe_month gives no projection either.
_FEW_DAYS = 7
_HARDLY = 0.05
_LARGE = re.compile(r"\d{1,3}(?:,\d{3}){2,}(?:\.\d+)?")


@figure_style()
def plot_burn_up(
    daily: pd.DataFrame,
    *,
    measure: str = "billed_minutes",
    budget: float | None = None,
    projection: pd.Series | None = None,
    marks: Sequence[Mark] = (),
    title: str | None = None,
    about: Provenance | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Axes with the month so far added up, where it is heading, a budget and the month before.

    Parameters
    ----------
    daily
        What ``aggregate(hourly, "D")`` returns of one series; the month is that of its last whole
        day, as for `project_month`.
        With the days of the month before, those are drawn too, and the projection is better.
    measure
        A column of it; durations are drawn in minutes.
    budget
        What the month may come to, in the units of the axis.
    projection
        What `project_month` returned, with holidays of your own for one; it is asked without them
        otherwise. With too few days there is none, and the title says so.
    marks
        What you know of the time shown.
    title, about
        The finding, and what the data are.
    ax
        Where to draw; new axes of a figure apart from pyplot without it.
    """
    known(daily, measure)
    one_series(daily, "plot_burn_up")
    zone_of(daily)
    what = UNITS.get(measure, measure)
    ax = axes_for(ax, f"Line of the {what} of the month added up day by day, with its projection")
    month = _month_of(daily)
    x = time_axis(ax, pd.DataFrame(index=month))
    so_far = daily[(daily.index >= month[0]) & (daily.index < month[-1])]
    if projection is None and float(np.nansum(in_units(daily, measure))) > 0:
        projection = projected(daily, measure)
    ends, tops = _month_before(ax, daily, measure, month)
    fan = _this_month(ax, so_far, measure, x, projection, ends, tops)
    if budget is not None:
        ax.axhline(budget, color=theme_in_use().alarm, lw=1.4, ls="--", gid="budget")
        ends.append((budget, f"budget {amount(budget)}", theme_in_use().alarm))
        tops.append(budget)
    from_zero(ax, np.array([*tops, 0.0]))
    ax.set_xlim(x[0], x[-1])
    label_ends(ax, ends)
    ax.set_ylabel(axis_name(measure).replace(" [", ", month so far ["))
    draw_marks(ax, marks, counted=daily)
    told = month_in_words(daily, measure=measure, budget=budget, projection=projection)
    # The zone stands beneath, and large numbers beside the lines, as short as here.
    told = _LARGE.sub(
        lambda number: amount(float(number[0].replace(",", ""))),
        told.replace(f" ({zone_of(daily)})", ""),
    )
    head(ax, title or told, about, daily, key="fan: interval of the projection" if fan else "")
    return ax


def _this_month(
    ax: Axes,
    so_far: pd.DataFrame,
    measure: str,
    month: Floats,
    projection: pd.Series | None,
    ends: list[tuple[float, str, str]],
    tops: list[float],
) -> bool:
    """Draw the days so far and where they are heading; whether that has an interval."""
    total = np.cumsum(in_units(so_far, measure))
    if len(total) == 0:
        return False
    days, colour = dates_of(pd.DatetimeIndex(so_far.index)), theme_in_use().main
    # A day's sum is there at its end, and nothing at the month's beginning.
    at = np.append(days, min(days[-1] + 1, month[-1]))
    ax.plot(at, np.append(0.0, total), color=colour, lw=2, gid="so far", **ON_AXIS)
    since = f"since {so_far.index[0]:%Y-%m-%d}" if days[0] > month[0] else "so far"
    ends.append((float(total[-1]), since, colour))
    tops.append(float(total[-1]))
    if projection is None or at[-1] >= month[-1] - 1e-9:
        return False
    reached = _fan(ax, at[-1], float(total[-1]), month[-1], projection, ends)
    tops += reached
    return len(reached) > 1


def month_in_words(
    daily: pd.DataFrame,
    *,
    measure: str = "billed_minutes",
    budget: float | None = None,
    projection: pd.Series | None = None,
) -> str:
    """What has come in the month and where it is heading, for a budget too."""
    what, values = UNITS.get(measure, measure), in_units(daily, measure)
    if not float(np.nansum(values)) > 0:
        finding = f"No {what} in these days"
        return finding if budget is None else f"{finding}; budget {amount(budget)}"
    month = _month_of(daily)
    so_far = daily[(daily.index >= month[0]) & (daily.index < month[-1])]
    come = float(np.nansum(in_units(so_far, measure)))
    if len(so_far) and so_far.index[0] > month[0]:
        since = f"since {so_far.index[0]:%Y-%m-%d}"
        return f"{counted(come, measure)} {since}: the month's days before are not here"
    finding = f"{counted(come, measure)} so far in {month[0]:%B %Y}, no whole day yet"
    if finished(daily).any():
        finding = str(describe_month(daily, measure=measure))
    if budget is None:
        return finding
    if projection is None:
        projection = projected(daily, measure)
    return f"{finding}{_against(budget, projection, come)}"


def heads_over(daily: pd.DataFrame, budget: float) -> bool:
    """Whether the billed minutes of the month may come to more than a budget."""
    month, found = _month_of(daily), projected(daily, "billed_minutes")
    so_far = daily[(daily.index >= month[0]) & (daily.index < month[-1])]["billed_minutes"].sum()
    high = np.nan if found is None else cell_number(found["high"])
    return bool(so_far > budget or high > budget)


def _month_of(daily: pd.DataFrame) -> pd.DatetimeIndex:
    """Local midnights of the last whole day's month, and the one after it."""
    zone = zone_of(daily)
    whole = daily[finished(daily)] if finished(daily).any() else daily
    last = whole.index.max() if len(whole) else pd.Timestamp.now(zone)
    start = pd.Timestamp(last).tz_localize(None).normalize().replace(day=1)
    days = pd.date_range(start, start + pd.offsets.MonthBegin(1), freq="D", name="time")
    return days.tz_localize(zone, nonexistent="shift_forward", ambiguous=True)


def projected(daily: pd.DataFrame, measure: str) -> pd.Series | None:
    """The projection, None where the days do not reach for one."""
    try:
        found = project_month(daily, measure=measure)
    except QueryError:
        return None
    if not isinstance(found, pd.Series) or found["complete_days"] < _FEW_DAYS:
        return None
    return found


def _month_before(
    ax: Axes, daily: pd.DataFrame, measure: str, month: pd.DatetimeIndex
) -> tuple[list[tuple[float, str, str]], list[float]]:
    """Draw the month before at the same days of the month, where all of it is there."""
    start = (month[0].tz_localize(None) - pd.offsets.MonthBegin(1)).tz_localize(
        month.tz, nonexistent="shift_forward", ambiguous=True
    )
    before = daily[(daily.index >= start) & (daily.index < month[0])]
    length = (month[0].tz_localize(None) - start.tz_localize(None)).days
    if len(before) != length or not finished(before).all():
        return [], []
    total = np.append(0.0, np.cumsum(in_units(before, measure)))
    x = dates_of(month)
    steps = min(len(total), len(x))
    colour = theme_in_use().muted
    ax.plot(x[:steps], total[:steps], color=colour, lw=1.1, ls=(0, (4, 1.5)), gid="month before")
    return [(float(total[-1]), f"{start:%B}", colour)], [float(total[-1])]


def _fan(
    ax: Axes,
    now: float,
    so_far: float,
    end: float,
    projection: pd.Series,
    ends: list[tuple[float, str, str]],
) -> list[float]:
    middle, low, high = (cell_number(projection[name]) for name in ("projection", "low", "high"))
    if not np.isfinite(middle):
        return []
    theme = theme_in_use()
    if np.isfinite(high):
        ax.fill_between(
            [now, end], [so_far, low], [so_far, high], color=theme.soft, alpha=0.3, lw=0, gid="fan"
        )
    ax.plot([now, end], [so_far, middle], color=theme.main, lw=1.4, ls=(0, (2, 2)), gid="heading")
    ends.append((middle, f"heading for {amount(middle)}", theme.main))
    return [middle, min(high, 3 * middle)] if np.isfinite(high) else [middle]


def _against(budget: float, projection: pd.Series | None, so_far: float) -> str:
    if so_far > budget:
        return f"; over the budget of {amount(budget)}"
    if projection is None or not np.isfinite(cell_number(projection["projection"])):
        return f"; budget {amount(budget)}"
    low, high = cell_number(projection["low"]), cell_number(projection["high"])
    if low > budget:
        return f"; heading over the budget of {amount(budget)}"
    return f"; {'within' if high <= budget else 'may pass'} the budget of {amount(budget)}"


@figure_style()
def plot_billing(
    daily: pd.DataFrame,
    *,
    groups: int | Sequence[str] | None = None,
    marks: Sequence[Mark] = (),
    title: str | None = None,
    about: Provenance | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Axes with how much more than the talk is billed, beside the most that rounding can add.

    Parameters
    ----------
    daily
        What `aggregate` returns, with or without a group column; of a breakdown each group is a
        line. Of more than 120 days of groups each point is a week, because their lines would hide
        each other.
    groups
        Groups that are named: their names, or how many of the largest (6). The others are grey.
    marks
        What you know of the time shown; periods to leave out are not in the title's ratio.
    title, about
        The finding, and what the data are.
    ax
        Where to draw; new axes of a figure apart from pyplot without it.

    Notes
    -----
    ``60·billed / talk - 1`` of each finished bucket, as `billing_overhead` has it. Each call is
    rounded up to 6 s, so the bound is 6 s a joined call over the talk; below 0 is unbilled talk:
    free or error calls, or ones not yet billed. Buckets without talk break the line.
    """
    known(daily, "billed_minutes", "duration", "joined_count")
    every, theme = span_of(daily), theme_in_use()
    ax = axes_for(ax, f"Line of billed time over talk {per(every)}, in percent of the talk")
    time_axis(ax, daily)
    kept = daily[finished(daily)]
    weeks = every == "day" and group_column(daily) is not None and kept.index.nunique() > MANY
    largest, others = groups_by_size(_weekly(daily) if weeks else kept, "duration", groups)
    values = [np.zeros(1)]
    for _, rows in others:
        values.append(_overhead_line(ax, rows, OTHERS, 0.7))
    ends = []
    for (name, rows), colour in zip(largest, colour_of(largest), strict=True):
        values.append(_overhead_line(ax, rows, colour, 1.6))
        finite = values[-1][np.isfinite(values[-1])]
        if len(finite):
            ends.append((float(finite[-1]), name or "billed", colour))
    if group_column(daily) is None:
        x, bound = broken(dates_of(pd.DatetimeIndex(kept.index)), _bound(kept))
        ax.plot(x, bound, color=theme.muted, lw=1, ls="--", gid="bound")
        single = alone(bound)
        ax.plot(x[single], bound[single], "_", color=theme.muted, ms=9, gid="bound alone")
        values.append(bound)
        finite = bound[np.isfinite(bound)]
        if len(finite):
            ends.append((float(finite[-1]), "rounding at most", theme.muted))
    ax.axhline(0, color=theme.ink, lw=0.8)
    everything = np.concatenate(values)
    everything = everything[np.isfinite(everything)]
    low, high = float(everything.min()), float(everything.max())
    ax.set_ylim(low * 1.1 if low < 0 else 0, max(high * 1.12, 1.0))
    percents(ax)
    label_ends(ax, ends)
    ax.set_ylabel(f"billed over talk{f' of {WEEK} days' if weeks else ''} [% of talk]")
    draw_marks(ax, marks)
    if not np.any(everything):
        nothing(ax, f"no talk in a whole {every}")
    head(ax, title or _overhead_in_words(kept[~left_out(kept, marks)], every), about, daily)
    return ax


def _weekly(daily: pd.DataFrame) -> pd.DataFrame:
    """Sums of seven whole days each, back from the last one."""
    sums = rolling(daily, f"{WEEK}D")
    sums = sums[finished(sums)]
    return sums[sums.index.isin(sums.index.unique().sort_values()[::-WEEK])]


def _overhead_line(ax: Axes, rows: pd.DataFrame, colour: str, width: float) -> Floats:
    talk, billed = in_units(rows, "duration"), in_units(rows, "billed_minutes")
    over = np.full(len(talk), np.nan)
    np.divide(100 * (billed - talk), talk, out=over, where=talk > 0)
    x, y = broken(dates_of(pd.DatetimeIndex(rows.index)), over)
    small = len(rows) <= MANY and width > 1
    ax.plot(x, y, color=colour, lw=width, marker="o" if small else "None", ms=2.5, gid="overhead")
    return over


def _bound(rows: pd.DataFrame) -> Floats:
    talk, joined = in_units(rows, "duration"), rows["joined_count"].to_numpy(dtype=np.float64)
    bound = np.full(len(talk), np.nan)
    np.divide(10 * joined, talk, out=bound, where=talk > 0)
    return bound


def _overhead_in_words(kept: pd.DataFrame, every: str) -> str:
    talk = float(np.nansum(in_units(kept, "duration")))
    billed = float(np.nansum(in_units(kept, "billed_minutes")))
    if not talk > 0:
        return f"No talk in a whole {every}, so nothing to bill"
    over = 100 * (billed / talk - 1)
    told = "just the talk" if abs(over) < _HARDLY else f"{abs(over):.1f} % more than the talk"
    if over < 0:
        told = told.replace("more", "less")
    days = several(kept.index.nunique(), f"whole {every}")
    left = f" of {days}" if every == "day" else ""
    minutes = f"{counted(billed, 'billed_minutes')} for {counted(talk, 'duration')}"
    return f"Billed {told}: {minutes}{left}"
