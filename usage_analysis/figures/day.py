"""Load by hour of the day: workdays and the weekend, or group by group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from usage_analysis.analysis.statements.peaks import WHOSE, hours_that_stand_out, state_day
from usage_analysis.analysis.vocabulary import axis_name, shorten
from usage_analysis.errors import QueryError
from usage_analysis.figures.axes import Floats, Parts, groups_by_size, in_units
from usage_analysis.figures.labels import label_ends
from usage_analysis.figures.lines import ON_AXIS, Ends, draw_groups, last_finite
from usage_analysis.figures.plots import Caption, Panel, ResultOptions, plot
from usage_analysis.figures.style import theme_in_use
from usage_analysis.figures.ticks import from_zero, hours_across

_FEW_HOURS = 3
_HOURS = np.arange(24.0)


@plot("load_profile", columns=("mean", "busiest"))
def plot_day(
    panel: Panel,
    profile: pd.DataFrame,
    *,
    groups: int | Sequence[str] | None = None,
    **_: Unpack[ResultOptions],
) -> Caption:
    """Draw the mean load of each hour of the day.

    Workdays and the weekend, or all days, have a band from their 10th to their 90th percentile.
    Groups have one line each. The hour of the day that is the busiest is shaded, or all hours that
    may be the busiest at a confidence of 95 %. They are those of workdays if there are any, and of
    the largest group.

    Parameters
    ----------
    profile
        Result of ``load_profile(hourly, by="hour_of_day")``: of a single series, with or without
        ``weekend=("Sat", "Sun")``, or of a breakdown.
    groups
        Groups to name: their names, or how many of the largest (6). The others are grey lines.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> hourly = ua.sample_client().call_usage(from_date="2026-03-02", to_date="2026-03-29").hourly
    >>> ax = ua.plot_day(ua.load_profile(hourly, weekend=("Sat", "Sun")))
    >>> ax.get_ylabel()
    'calls [per hour]'
    """
    ax, of = panel.ax, panel.of
    if profile.index.names[-1] != "hour_of_day":
        raise QueryError('profile: expected by="hour_of_day", got rows by another slot')
    measure = str(of.measure)
    every = "" if measure == "traffic" else " per hour"
    ax.set_xlim(0, 23)
    hours_across(ax, panel.about, profile)
    if profile.index.nlevels > 1 and profile.index.names[0] != "days":
        key = "lines: means"
        name, rows = _draw_groups(ax, profile, groups)
    else:
        key = "lines: means; bands: 10th to 90th percentile"
        name, rows = _draw_days(ax, _parts(profile))
    _shade_busiest(ax, rows)
    ax.set_ylabel(axis_name(measure, "hour"))
    title = state_day(rows, WHOSE.get(name, shorten(name, 40)), meaning=of).title
    return Caption(f"Profile of mean {of.unit}{every} by hour of day", title, key)


def _parts(profile: pd.DataFrame) -> Parts:
    """Return the profiles of workdays and of the weekend, or of all days under an empty name."""
    if profile.index.nlevels == 1:
        return [("", profile)]
    kinds = profile.groupby(level=0, sort=False)
    return [(str(name), rows.droplevel(0)) for name, rows in kinds]


def _draw_days(ax: Axes, parts: Parts) -> tuple[str, pd.DataFrame]:
    """Draw means with bands and return the part that the title speaks of: workdays if any."""
    theme = theme_in_use()
    shown = [part for part in parts if part[1]["n"].any()] or parts[:1]
    shown.sort(key=lambda part: part[0] == "weekend")
    ends: Ends = []
    values = [np.zeros(1)]
    for name, rows in shown:
        colour = theme.alarm if name == "weekend" else theme.main
        mean, low, high = (in_units(rows, column) for column in ("mean", "p10", "p90"))
        ax.fill_between(_HOURS, low, high, color=colour, alpha=0.18, lw=0, gid=f"{name} band")
        marker = "o" if np.isfinite(mean).sum() < _FEW_HOURS else "None"
        ax.plot(_HOURS, mean, color=colour, marker=marker, ms=4, gid=name, label=name, **ON_AXIS)
        ends.append((last_finite(mean), name or "all days", colour))
        values += [mean, high]
    from_zero(ax, np.concatenate(values))
    label_ends(ax, ends)
    return shown[0]


def _draw_groups(
    ax: Axes, profile: pd.DataFrame, groups: int | Sequence[str] | None
) -> tuple[str, pd.DataFrame]:
    """Draw the means of groups and return the largest group."""

    def draw(name: str, rows: pd.DataFrame, colour: str, width: float, _gid: str) -> Floats:
        mean = in_units(rows, "mean")
        ax.plot(_HOURS, mean, color=colour, lw=width, gid="group", label=name, **ON_AXIS)
        return mean

    named, others = groups_by_size(profile.reset_index(level=0), "mean", groups)
    ends = draw_groups(named, others, draw)
    from_zero(ax, in_units(profile, "mean"))
    label_ends(ax, ends)
    return (named or others)[0]


def _shade_busiest(ax: Axes, rows: pd.DataFrame) -> None:
    """Shade the hours that may be the busiest, where they stand out."""
    look: dict[str, Any] = {"color": theme_in_use().muted, "alpha": 0.15, "lw": 0, "zorder": 0.5}
    for hour in hours_that_stand_out(rows).tolist():
        ax.axvspan(hour - 0.5, hour + 0.5, gid="busy hour", **look)
