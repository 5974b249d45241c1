"""How each group changes a difference of rates: by its own rate and by its share of the calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from usage_analysis.analysis.meaning import meaning_of
from usage_analysis.analysis.statements.change import state_effects
from usage_analysis.analysis.vocabulary import level, points
from usage_analysis.figures.axes import axes_for, check_columns, is_narrow
from usage_analysis.figures.labels import write_empty, write_heading
from usage_analysis.figures.provenance import Provenance
from usage_analysis.figures.rows import MOST_ROWS, draw_intervals, name_rows, words_beside
from usage_analysis.figures.style import figure_style, theme_in_use
from usage_analysis.figures.ticks import in_percent


@figure_style()
def plot_effects(
    effects: pd.DataFrame,
    *,
    title: str | None = None,
    about: Provenance | None = None,
    meaning: Mapping[str, Any] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw what each group's own rate and its share of calls add to a difference of rates.

    Parameters
    ----------
    effects
        Result of `rate_effects`.
    title
        Title instead of the one that states the difference and the group behind it.
    about
        Provenance of the data, shown beneath the title.
    meaning
        ``attrs["meaning"]`` of the original table, for a table that lost it.
    ax
        Axes to draw on; new axes of a figure apart from pyplot without it.

    Returns
    -------
    Axes
        The axes drawn on, with one row per group.

    Raises
    ------
    QueryError
        The table is no result of `rate_effects`.

    Notes
    -----
    The group with the largest part of the difference is first. Filled: the effect of the group's
    own rate, with its interval as a pale bar; hollow: the effect of its share of the calls. Groups
    without any call are left out. Of more than 20 groups those with the largest effects are drawn.
    The title names a group only where the whole rate or the group's own rate changed significantly,
    by Holm's rule over all groups. The interval of a single group has the level of its own.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> client = ua.sample_client()
    >>> weeks = [client.by_agent(ua.sample.AGENTS, from_date=a, to_date=b).hourly
    ...          for a, b in (("2026-03-09", "2026-03-15"), ("2026-03-02", "2026-03-08"))]
    >>> ua.plot_effects(ua.rate_effects(*weeks, event="joined_count")).get_xlabel()
    'part of the change [% points of calls]'
    """
    check_columns(
        effects, "calls", "previous_calls", "rate_effect", "low", "high", "mix_effect", "effect",
        "significant", made_by="rate_effects(current, previous)",
    )  # fmt: skip
    of = meaning_of(effects, "rate_effects", meaning=meaning)
    ax = axes_for(ax, f"Dots: what each group adds to the difference of the {of.name}s")
    total = 100 * float(effects["effect"].sum(min_count=1))
    columns = ["rate_effect", "low", "high", "mix_effect", "effect"]
    some = (effects["calls"] + effects["previous_calls"] > 0) & effects["effect"].notna()
    rows = 100 * effects.loc[some, columns].astype(np.float64)
    finding = state_effects(effects, of).title
    if len(rows) > MOST_ROWS:
        finding += f"; the {MOST_ROWS} with the largest effects are shown"
        rows = rows.loc[rows["effect"].abs().nlargest(MOST_ROWS).index]
    rows = rows.sort_values("effect", ascending=total < 0, kind="stable")
    _draw(ax, rows)
    words_beside(ax, [f"{points(both / 100)} points" for both in rows["effect"]])
    names = name_rows(
        ax,
        map(str, rows.index),
        str(effects.index.name or "group"),
        f"part of the change [% points{of.unit.removeprefix('%')}]",
    )
    if len(rows) == 0:
        ax.set_xticks([])
        write_empty(ax, "no calls to compare")
    key = (
        f"● by its own rate, bar: {level(float(of.confidence or 0))} interval; ○ by its share of "
        "the calls; beside: both together"
    )
    write_heading(ax, title or finding, about, effects, names, key=key if len(rows) else "")
    return ax


def _draw(ax: Axes, rows: pd.DataFrame) -> None:
    theme, places = theme_in_use(), np.arange(len(rows))
    own, low, high, mix, _ = rows.to_numpy().T
    draw_intervals(ax, low, high)
    ax.axvline(0, color=theme.muted, lw=1, gid="zero")
    ax.plot(own, places, "o", ms=7, color=theme.main, gid="own rate")
    ax.plot(mix, places, "o", ms=10, mfc="none", mec=theme.muted, mew=1.5, gid="share")
    values = rows.to_numpy()
    finite = np.append(values[np.isfinite(values)], 0.0)
    lowest, highest = float(finite.min()), float(finite.max())
    room = 0.06 * (highest - lowest) or 1.0
    # The marks at 0 need room on both sides of it, but for axes without any.
    ax.set_xlim(lowest - room if len(rows) else 0, highest + room)
    in_percent(ax, x=True, most=4 if is_narrow(ax) else 7)
