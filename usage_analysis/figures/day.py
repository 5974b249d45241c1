"""Load by hour of the day: workdays and the weekend, or group by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from usage_analysis.analysis.meaning import Meaning, meaning_of
from usage_analysis.analysis.statements.peaks import hours_that_stand_out, state_day
from usage_analysis.analysis.vocabulary import axis_name, shorten
from usage_analysis.errors import QueryError
from usage_analysis.figures.axes import (
    ON_AXIS,
    OTHERS,
    Floats,
    Parts,
    axes_for,
    check_columns,
    colour_of,
    groups_by_size,
    in_units,
    last_known,
    others_name,
)
from usage_analysis.figures.labels import label_ends, write_heading
from usage_analysis.figures.provenance import Provenance
from usage_analysis.figures.style import figure_style, theme_in_use
from usage_analysis.figures.ticks import from_zero, hours_across

_FEW_HOURS = 3
_WHOSE = {"workdays": "workdays", "weekend": "the weekend", "": "the day"}


@figure_style()
def plot_day(
    profile: pd.DataFrame,
    *,
    groups: int | Sequence[str] | None = None,
    meaning: Meaning | Mapping[str, Any] | None = None,
    title: str | None = None,
    about: Provenance | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the mean load of each hour of the day.

    Workdays and the weekend, or all days, have a band from their 10th to their 90th percentile.
    Groups have one line each. The hour of the day that is the busiest is shaded, or all hours that
    may be the busiest at a confidence of 95 %. They are those of workdays if there are any, and of
    the largest group.

    Parameters
    ----------
    profile
        What ``load_profile(hourly, by="hour_of_day")`` returned: of a single series, with or
        without ``weekend=("Sat", "Sun")``, or of a breakdown.
    groups
        Groups that are named: their names, or how many of the largest (6). The others are grey.
    meaning
        Meaning of the profile, where a pandas operation dropped its ``attrs``.
    title, about
        A title instead of the finding, and the source of the data.
    ax
        Axes to draw on; without them a new figure is made, independent of pyplot.

    Returns
    -------
    Axes

    Raises
    ------
    QueryError
        The table is no profile of the hours of the day, or has lost its meaning.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> hourly = ua.sample_client().call_usage(from_date="2026-03-02", to_date="2026-03-29").hourly
    >>> ax = ua.plot_day(ua.load_profile(hourly, weekend=("Sat", "Sun")))
    >>> ax.get_ylabel()
    'calls [per hour]'
    """
    check_columns(profile, "mean", "busiest", made_by="load_profile(hourly)")
    stated = meaning_of(profile, "load_profile", meaning=meaning)
    if profile.index.names[-1] != "hour_of_day":
        raise QueryError('profile: expected by="hour_of_day", got rows by another slot')
    measure = str(stated.measure)
    every = "" if measure == "traffic" else " per hour"
    ax = axes_for(ax, f"Profile of mean {stated.unit}{every} by hour of day")
    ax.set_xlim(0, 23)
    hours_across(ax, about.timezone if about else profile.attrs.get("timezone", "local clock"))
    if profile.index.nlevels > 1 and profile.index.names[0] != "days":
        key = "lines: means"
        whose = _draw_groups(ax, profile, groups)
    else:
        key = "lines: means; bands: 10th to 90th percentile"
        whose = _draw_days(ax, _parts(profile))
    name, rows = whose
    finding = state_day(rows, _WHOSE.get(name, shorten(name, 40)), meaning=stated)
    _mark_busiest(ax, rows)
    ax.set_ylabel(axis_name(measure, "hour"))
    write_heading(ax, title or finding.title, about, profile, key=key)
    return ax


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
    ends, values = [], [np.zeros(1)]
    for name, rows in shown:
        colour = theme.alarm if name == "weekend" else theme.main
        mean, low, high = (in_units(rows, column) for column in ("mean", "p10", "p90"))
        ax.fill_between(
            np.arange(24.0), low, high, color=colour, alpha=0.18, lw=0, gid=f"{name} band"
        )
        alone = "o" if np.isfinite(mean).sum() < _FEW_HOURS else "None"
        ax.plot(np.arange(24.0), mean, color=colour, marker=alone, ms=4, gid=name, **ON_AXIS)
        ends.append((last_known(mean), name or "all days", colour))
        values += [mean, high]
    from_zero(ax, np.concatenate(values))
    label_ends(ax, ends)
    return shown[0]


def _draw_groups(
    ax: Axes, profile: pd.DataFrame, groups: int | Sequence[str] | None
) -> tuple[str, pd.DataFrame]:
    """Draw the means of groups and return the largest group."""
    largest, others = groups_by_size(profile.reset_index(level=0), "mean", groups)
    drawn: list[Floats] = [_line(ax, rows, OTHERS, 0.7) for _, rows in others]
    behind = [last_known(mean) for mean in drawn]
    ends = []
    for (name, rows), colour in zip(largest, colour_of(largest), strict=True):
        drawn.append(_line(ax, rows, colour, 1.6))
        ends.append((last_known(drawn[-1]), name, colour))
    from_zero(ax, np.concatenate([np.zeros(1), *drawn]))
    if others:
        ends.append((float(np.mean(behind)), others_name(others), theme_in_use().muted))
    label_ends(ax, ends)
    return (largest or others)[0]


def _line(ax: Axes, rows: pd.DataFrame, colour: str, width: float) -> Floats:
    mean = in_units(rows, "mean")
    ax.plot(np.arange(24), mean, color=colour, lw=width, gid="group", **ON_AXIS)
    return mean


def _mark_busiest(ax: Axes, rows: pd.DataFrame) -> None:
    """Shade the hours that may be the busiest, where they stand out."""
    for hour in hours_that_stand_out(rows).tolist():
        ax.axvspan(hour - 0.5, hour + 0.5, color=theme_in_use().muted, alpha=0.15, lw=0,
                   zorder=0.5, gid="busy hour")  # fmt: skip
