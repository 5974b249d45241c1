"""Billing: the running total of the month with its projection, and billed time over talk."""

from functools import partial
from typing import Any, Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from usage_analysis.analysis.billing import billing_overhead
from usage_analysis.analysis.meaning import Stated, meaning_of
from usage_analysis.analysis.statements.money import state_month, state_overhead
from usage_analysis.analysis.trends import month_outlook
from usage_analysis.analysis.vocabulary import amount, axis_name, level, span_of
from usage_analysis.errors import QueryError, refusal
from usage_analysis.figures import axes, lines
from usage_analysis.figures.labels import label_ends
from usage_analysis.figures.lines import ON_AXIS, Ends
from usage_analysis.figures.marks import draw_marks, left_out
from usage_analysis.figures.plots import Caption, MarkedOptions, Panel, plot
from usage_analysis.figures.style import theme_in_use
from usage_analysis.tidy.groups import sum_groups
from usage_analysis.tidy.rolling import rolling
from usage_analysis.tidy.zones import zone_of


@plot(single=True)
def plot_burn_up(
    panel: Panel,
    daily: pd.DataFrame,
    *,
    measure: str | None = None,
    budget: float | None = None,
    projection: pd.Series | None = None,
    meaning: Stated = None,
    **_: Unpack[MarkedOptions],
) -> Caption:
    """Draw the running total of the month, its projection, a budget and the previous month.

    Parameters
    ----------
    daily
        Days of one series, as ``aggregate(hourly, "D")`` returns them. The month is the one of the
        last complete day, as in `project_month`. With the days of the previous month, that month is
        drawn too, and the projection is better.
    measure
        Column to draw: by default the column of the projection, or billed minutes. Talk is drawn in
        minutes.
    budget
        Upper limit for the month, in the unit of the axis; by default the budget of the projection.
    projection
        Result of `project_month` for the same measure, such as one that knows your holidays. By
        default it is computed here. With too few days there is no projection, and the title says
        so.
    meaning
        ``attrs["meaning"]`` of the projection, where it has lost its own.

    Raises
    ------
    QueryError
        The projection is of another measure, another month or several series.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> usage = ua.sample_client().call_usage(from_date="2026-03-01", to_date="2026-03-20")
    >>> daily = ua.aggregate(usage.hourly, "D")
    >>> ax = plot_burn_up(daily, projection=ua.project_month(daily, budget=30_000))
    >>> ax.get_ylabel()
    'number, month so far [calls]'
    """
    found: Any = projection
    if projection is None:
        axes.check_columns("daily", daily, measure or "billed_minutes")
        found = month_outlook("plot_burn_up", daily, measure or "billed_minutes", budget)
    of = meaning_of(found, "project_month", meaning=meaning, name="projection")
    if projection is not None:
        found = _fitting(projection, str(of.measure), daily, measure, budget)
    ax, measure = panel.ax, str(of.measure)
    # Where no day is known it is this month.
    zone, known = zone_of(daily), pd.notna(found["month"])
    month = _days_of_month(found["month"] if known else pd.Timestamp.now(zone), zone)
    x = axes.time_axis(ax, pd.DataFrame(index=month))
    so_far = daily[(daily.index >= month[0]) & (daily.index < month[-1])]
    ends = _draw_previous(ax, daily, measure, month)
    now, top = _draw_month(ax, so_far, measure, x, found)
    ends += now
    if pd.notna(found["budget"]):
        limit, alarm = float(found["budget"]), theme_in_use().alarm
        ax.axhline(limit, color=alarm, lw=1.4, ls="--", gid="budget")
        ends.append((limit, f"budget {amount(limit)}", alarm))
    axes.from_zero(ax, np.array([top, *(height for height, _, _ in ends)]))
    ax.set_xlim(x[0], x[-1])
    label_ends(ax, ends)
    ax.set_ylabel(axis_name(measure, of="month so far"))
    draw_marks(ax, panel.marks, counted=daily)
    return Caption(
        f"Line of the {of.name} of the month, cumulative by day, with a projection",
        state_month(found, meaning=of).title,
        f"fan: {level(of.confidence or 0.95)} interval of the projection" if top else "",
    )


def _fitting(
    projection: Any, own: str, daily: pd.DataFrame, measure: str | None, budget: float | None
) -> Any:
    """Return the caller's projection if it fits the measure and the days, with the given budget."""
    if not isinstance(projection, pd.Series):
        raise QueryError("projection: expected one series, got a table; take one of its rows")
    if measure not in (None, own):
        raise QueryError(f"measure: expected {own!r}, the projection's measure, got {measure!r}")
    axes.check_columns("daily", daily, own)
    last = daily.index[axes.finished(daily)].max()
    if pd.notna(last) and f"{last:%Y-%m}" != f"{projection['month']:%Y-%m}":
        raise refusal("other_month", month=last, got=projection["month"])
    if budget is None or budget == projection["budget"]:
        return projection
    # The day of another budget is not known from the projection; its verdict is.
    changed = projection.copy()
    changed[["budget", "budget_day", "budget_day_low", "budget_day_high"]] = [budget] + 3 * [pd.NaT]
    return changed


def _days_of_month(moment: pd.Timestamp, zone: Any) -> pd.DatetimeIndex:
    """Return the local midnights of the month of a moment, and the first one after the month."""
    start = moment.tz_localize(None).normalize().replace(day=1)
    days = pd.date_range(start, start + pd.offsets.MonthBegin(1), freq="D", name="time")
    return days.tz_localize(zone, nonexistent="shift_forward", ambiguous=True)


def _draw_month(
    ax: Axes, so_far: pd.DataFrame, measure: str, month: axes.Floats, found: pd.Series
) -> tuple[Ends, float]:
    """Draw the days so far and their projection; return labels and the top of the fan."""
    theme, total = theme_in_use(), np.append(0.0, np.cumsum(axes.in_units(so_far, measure)))
    if len(so_far) == 0:
        return [], 0.0
    days = axes.dates_of(so_far.index)
    # A day's sum is complete at its end, and the month begins with nothing.
    at = np.append(days, min(days[-1] + 1, month[-1]))
    ax.plot(at, total, color=theme.main, lw=2, gid="so far", **ON_AXIS)
    since = f"since {so_far.index[0]:%Y-%m-%d}" if days[0] > month[0] else "so far"
    ends, now = [(float(total[-1]), since, theme.main)], float(total[-1])
    middle, low, high = (axes.cell_number(found[name]) for name in ("projection", "low", "high"))
    if found["reason"] or at[-1] >= month[-1] - 1e-9 or not np.isfinite(middle):
        return ends, 0.0
    way = [at[-1], month[-1]]
    look: dict[str, Any] = {"color": theme.main, "lw": 1.4, "ls": (0, (2, 2))}
    ax.plot(way, [now, middle], gid="heading", label="projection", **look)
    ends.append((middle, f"heading for {amount(middle)}", theme.main))
    if not np.isfinite(high):
        return ends, 0.0
    ax.fill_between(way, [now, low], [now, high], color=theme.soft, alpha=0.3, lw=0, gid="fan")
    return ends, min(high, 3 * middle)


def _draw_previous(ax: Axes, daily: pd.DataFrame, measure: str, month: pd.DatetimeIndex) -> Ends:
    """Draw the previous month on the same days of the month, if all of its days are known."""
    days = _days_of_month(month[0] - pd.Timedelta(hours=12), month.tz)
    before = daily[(daily.index >= days[0]) & (daily.index < month[0])]
    if len(before) != len(days) - 1 or not axes.finished(before).all():
        return []
    total = np.append(0.0, np.cumsum(axes.in_units(before, measure)))
    x = axes.dates_of(month)
    steps = min(len(total), len(x))
    colour = theme_in_use().muted
    look: dict[str, Any] = {"color": colour, "lw": 1.1, "ls": (0, (4, 1.5))}
    ax.plot(x[:steps], total[:steps], gid="month before", label=f"{days[0]:%B %Y}", **look)
    return [(float(total[-1]), f"{days[0]:%B}", colour)]


@plot(columns=("billed_minutes", "duration", "joined_count"))
def plot_billing(
    panel: Panel, daily: pd.DataFrame, *, groups: axes.Groups = None, **_: Unpack[MarkedOptions]
) -> Caption:
    """Draw the excess of billed time over talk, with the most that rounding can add.

    Parameters
    ----------
    daily
        Result of `aggregate`, with or without a group column; of a breakdown each group is a line.
        For more than 120 days of groups each point is a week, because lines of days would hide each
        other.
    groups
        Groups to name: names, or the number of the largest groups (6). The others are grey lines.
    marks
        Events and periods to name on the time axis; periods to leave out are not in the title.

    Notes
    -----
    The line is ``60·billed / talk - 1`` of each finished bucket, as in `billing_overhead`. Calls
    are rounded up to 6 s, so the bound is 6 s per joined call over the talk. Values below 0 are
    unbilled talk: calls that are free, failed or not yet billed. Buckets without talk break the
    line.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> usage = ua.sample_client().call_usage(from_date="2026-03-01", to_date="2026-03-20")
    >>> ax = plot_billing(ua.aggregate(usage.hourly, "D"))
    >>> ax.get_ylabel()
    'billed over talk [% of talk]'
    """
    ax, _of, marks, _about = panel
    every, grouped, kept = span_of(daily), axes.has_groups(daily), daily[axes.finished(daily)]
    axes.time_axis(ax, daily)
    weeks = every == "day" and grouped and kept.index.nunique() > axes.MANY
    shown = _weekly(daily) if weeks else kept
    named, others = axes.groups_by_size(shown, "duration", groups)
    ends = lines.draw_groups([(name or "billed", rows) for name, rows in named], others,
                       partial(_draw_overhead, ax))  # fmt: skip
    over, bound = _overhead(shown)
    if not grouped:
        ends += _draw_bound(ax, kept, bound)
        over = np.append(over, bound)
    ax.axhline(0, color=theme_in_use().ink, lw=0.8)
    over = np.append(over[np.isfinite(over)], 0.0)
    ax.set_ylim(min(float(over.min()) * 1.1, 0.0), max(float(over.max()) * 1.12, 1.0))
    axes.in_percent(ax)
    label_ends(ax, ends)
    ax.set_ylabel(f"billed over talk{f' of {axes.WEEK} days' if weeks else ''} [% of talk]")
    draw_marks(ax, marks)
    together = sum_groups(kept[~left_out(kept, marks)])
    found: Any = billing_overhead(together)
    return Caption(
        f"Line of billed time over talk per {every}, in percent of the talk",
        state_overhead(found, together).title,
        "below 0: talk that was not billed" if over.min() < 0 else "",
        empty="" if np.any(over) else f"no talk in a whole {every}",
    )


def _weekly(daily: pd.DataFrame) -> pd.DataFrame:
    """Return sums of seven whole days each, back from the last one."""
    sums = rolling(daily, f"{axes.WEEK}D")
    sums = sums[axes.finished(sums)]
    return sums[sums.index.isin(sums.index.unique().sort_values()[:: -axes.WEEK])]


def _overhead(rows: pd.DataFrame) -> tuple[axes.Floats, axes.Floats]:
    """Return billed time over talk and its bound [%], missing where there is no talk."""
    talk, billed = axes.in_units(rows, "duration"), axes.in_units(rows, "billed_minutes")
    talk = np.where(talk > 0, talk, np.nan)
    return 100 * (billed - talk) / talk, 10 * rows["joined_count"].to_numpy(np.float64) / talk


def _draw_overhead(
    ax: Axes, name: str, rows: pd.DataFrame, colour: str, width: float, _gid: str
) -> axes.Floats:
    """Draw billed time over talk of one group, and return it."""
    over = _overhead(rows)[0]
    x, y = lines.split_at_gaps(axes.dates_of(rows.index), over)
    marker = "o" if len(rows) <= axes.MANY and width > 1 else "None"
    ax.plot(x, y, color=colour, lw=width, marker=marker, ms=2.5, gid="overhead", label=name)
    return over


def _draw_bound(ax: Axes, rows: pd.DataFrame, bound: axes.Floats) -> Ends:
    """Draw the most that rounding can add, and return its label."""
    muted = theme_in_use().muted
    x, y = lines.split_at_gaps(axes.dates_of(rows.index), bound)
    ax.plot(x, y, color=muted, lw=1, ls="--", gid="bound", label="limit of rounding")
    single = lines.is_isolated(y)
    ax.plot(x[single], y[single], "_", color=muted, ms=9, gid="bound alone")
    end = lines.last_finite(bound), "limit of rounding", muted
    return [end] if np.isfinite(bound).any() else []
