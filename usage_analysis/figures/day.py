"""Load of the day: its hours, on workdays and at the weekend, or group by group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter

from usage_analysis.analysis.profiles import load_profile
from usage_analysis.analysis.vocabulary import (
    UNITS,
    WEEKDAYS,
    axis_name,
    hourly_load,
    several,
    shorten,
)
from usage_analysis.errors import QueryError
from usage_analysis.figures.axes import (
    ON_AXIS,
    OTHERS,
    axes_for,
    colour_of,
    groups_by_size,
    in_units,
    is_narrow,
    last_known,
    others_name,
)
from usage_analysis.figures.labels import head, label_ends
from usage_analysis.figures.marks import Mark, without
from usage_analysis.figures.provenance import Provenance
from usage_analysis.figures.style import figure_style, theme_in_use
from usage_analysis.figures.ticks import from_zero
from usage_analysis.tidy.frames import group_column
from usage_analysis.tidy.zones import DAY, local_clock, weekday_of, zone_of

_FEW_HOURS = 3


@figure_style()
def plot_day(
    hourly: pd.DataFrame,
    *,
    measure: str = "total_count",
    groups: int | Sequence[str] | None = None,
    weekend: Sequence[str] = ("Sat", "Sun"),
    marks: Sequence[Mark] = (),
    title: str | None = None,
    about: Provenance | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Axes with the load of each hour of the day, workdays and weekend apart, with their spread.

    Parameters
    ----------
    hourly
        Canonical hourly frame on the clock that is meant, with or without a group column. Of a
        breakdown the means of all days are drawn, a line a group.
    measure
        As for `load_profile`.
    groups
        Groups that are named: their names, or how many of the largest (6). The others are grey.
    weekend
        Days of the weekend, as ``"Fri", "Sat"``.
    marks
        Periods to leave out are not in the profile.
    title, about
        The finding, and what the data are.
    ax
        Where to draw; new axes of a figure apart from pyplot without it.

    Notes
    -----
    The line is the median of the days, the band their 10th to 90th percentile; the dashed upright
    marks the busy hour, the clock hour with the greatest mean load on workdays (ITU-T E.600), and
    on all days where there is no workday.
    """
    bad = [name for name in weekend if name not in WEEKDAYS]
    if isinstance(weekend, str) or bad:
        raise QueryError(f"weekend: expected days out of {', '.join(WEEKDAYS)}, got {weekend!r}")
    every = "" if measure == "traffic" else " per hour"
    what = UNITS.get(measure, measure)
    ax = axes_for(ax, f"Profile of {what}{every} by hour of day, median and 10 to 90 % band")
    kept = without(hourly, marks)
    _clock_axis(ax, kept)
    key = "lines: means of all days"
    if group_column(hourly) is None:
        key = "lines: median of the days; bands: their 10 to 90 % range"
        finding = _two_profiles(ax, kept, measure, weekend)
    else:
        finding = _group_profiles(ax, kept, measure, what, groups)
    ax.set_ylabel(axis_name(measure, "hour"))
    head(ax, title or finding, about, hourly, key=key)
    return ax


def _clock_axis(ax: Axes, hourly: pd.DataFrame) -> None:
    ax.set_xlim(0, 23)
    ax.xaxis.set_major_locator(FixedLocator(range(0, 24, 6 if is_narrow(ax) else 3)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{int(value):02d}:00"))
    ax.set_xlabel(f"hour of day [{zone_of(hourly)}]")


def _two_profiles(ax: Axes, hourly: pd.DataFrame, measure: str, weekend: Sequence[str]) -> str:
    """Draw workdays and weekend; the words that name the busy hour."""
    theme = theme_in_use()
    resting = np.isin(weekday_of(local_clock(hourly) // DAY), [WEEKDAYS.index(d) for d in weekend])
    profiles = {}
    for name, rows in (("workdays", hourly[~resting]), ("weekend", hourly[resting])):
        profile = load_profile(rows, measure=measure)
        if profile["n"].sum() > 0:
            profiles[name] = profile
    ends, values = [], [np.zeros(1)]
    for name, colour in (("workdays", theme.main), ("weekend", theme.alarm)):
        if name not in profiles:
            continue
        p10, p50, p90 = (in_units(profiles[name], part) for part in ("p10", "p50", "p90"))
        hours = np.arange(24.0)
        ax.fill_between(hours, p10, p90, color=colour, alpha=0.18, lw=0, gid=f"{name} band")
        alone = "o" if np.isfinite(p50).sum() < _FEW_HOURS else "None"
        ax.plot(hours, p50, color=colour, marker=alone, ms=4, gid=name, **ON_AXIS)
        ends.append((last_known(p50), name, colour))
        values += [p90]
    from_zero(ax, np.concatenate(values))
    label_ends(ax, ends)
    whose = "workdays" if "workdays" in profiles else "weekend"
    mean = in_units(profiles[whose], "mean") if profiles else np.zeros(24)
    if not np.nansum(mean) > 0:
        return f"No {UNITS[measure]} in any hour of the day"
    busy = int(np.nanargmax(mean))
    ax.axvline(busy, color=theme.muted, lw=1, ls="--", gid="busy hour")
    ax.annotate(
        f"busy hour, {whose}", (busy, 1), (3, -3), xycoords=("data", "axes fraction"),
        textcoords="offset points", va="top", fontsize=8,
        ha="left" if busy < 18 else "right", gid="busy hour name",
    )  # fmt: skip
    # Days that had this hour, which others may not have.
    days = round(float(profiles[whose]["n"].iloc[busy]))
    over = several(days, "workday" if whose == "workdays" else "day of the weekend")
    over = over.replace("day of the weekends", "days of the weekend")
    return (
        f"Busy hour {busy:02d}:00 to {busy + 1:02d}:00: {hourly_load(float(mean[busy]), measure)} "
        f"on average over {over}"
    )


def _group_profiles(
    ax: Axes,
    hourly: pd.DataFrame,
    measure: str,
    what: str,
    groups: int | Sequence[str] | None,
) -> str:
    by_size = "duration" if measure == "traffic" else measure
    largest, others = groups_by_size(hourly, by_size, groups)
    ends, behind_ends, values, busiest = [], [], [np.zeros(1)], ("", 0, 0.0)
    behind = [(name, rows, OTHERS, 0.7) for name, rows in others]
    front = [(n, r, c, 1.6) for (n, r), c in zip(largest, colour_of(largest), strict=True)]
    for name, rows, colour, width in behind + front:
        mean = in_units(load_profile(rows, measure=measure), "mean")
        ax.plot(np.arange(24), mean, color=colour, lw=width, gid="group", **ON_AXIS)
        values.append(mean)
        if width > 1:
            ends.append((last_known(mean), name, colour))
        else:
            behind_ends.append(last_known(mean))
        top = float(np.nanmax(mean, initial=0.0))
        if top > busiest[2]:
            busiest = (name, int(np.nanargmax(mean)), top)
    from_zero(ax, np.concatenate(values))
    if others:
        middle = float(np.mean(behind_ends))
        ends.append((middle, others_name(others), theme_in_use().muted))
    label_ends(ax, ends)
    name, hour, top = busiest
    if not top > 0:
        return f"No {what} in any hour of the day"
    return (
        f"{shorten(name, 40)} is busiest, {hour:02d}:00 to {hour + 1:02d}:00: "
        f"{hourly_load(top, measure)} on average"
    )
