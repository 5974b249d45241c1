"""How each group changes a difference of rates: by its own rate and by its share of the calls."""

from __future__ import annotations

from typing import Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from usage_analysis.analysis.statements.change import state_effects
from usage_analysis.analysis.vocabulary import level, points
from usage_analysis.figures.plots import Caption, Panel, ResultOptions, plot
from usage_analysis.figures.rows import draw_intervals, lay_out_rows, mark_scale, most_rows
from usage_analysis.figures.style import theme_in_use

_DRAWN = ["rate_effect", "low", "high", "mix_effect", "effect"]


@plot("rate_effects", columns=("calls", "previous_calls", *_DRAWN, "significant"))
def plot_effects(panel: Panel, effects: pd.DataFrame, **_: Unpack[ResultOptions]) -> Caption:
    """Draw what each group's own rate and its share of calls add to a difference of rates.

    Parameters
    ----------
    effects
        Result of `rate_effects`.

    Notes
    -----
    The group with the largest part of the difference is first. Filled: the effect of the group's
    own rate, with its interval as a pale bar; hollow: the effect of its share of the calls. Groups
    without any call are left out. Of more than 20 groups, or 12 on narrow axes, those with the
    largest effects are drawn. The title names a group only where the whole rate or the group's own
    rate changed significantly, by Holm's rule over all groups. The interval of a single group has
    the level of its own.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> client = ua.sample_client()
    >>> weeks = [client.by_agent(ua.sample.AGENTS, from_date=a, to_date=b).hourly
    ...          for a, b in (("2026-03-09", "2026-03-15"), ("2026-03-02", "2026-03-08"))]
    >>> ua.plot_effects(ua.rate_effects(*weeks, event="joined_count")).get_xlabel()
    'part of the change [% points of calls]'
    """
    ax, of = panel.ax, panel.of
    total = 100 * float(effects["effect"].sum(min_count=1))
    some = (effects["calls"] + effects["previous_calls"] > 0) & effects["effect"].notna()
    rows = 100 * effects.loc[some, _DRAWN].astype(np.float64)
    more, most = "", most_rows(ax)
    if len(rows) > most:
        more = f"; the {most} of {len(rows)} with the largest effects"
        rows = rows.loc[rows["effect"].abs().nlargest(most).index]
    rows = rows.sort_values("effect", ascending=total < 0, kind="stable")
    _draw_effects(ax, rows)
    words = [f"{points(both / 100)} points" for both in rows["effect"]]
    unit = f"part of the change [% points{of.unit.removeprefix('%')}]"
    # The marks at 0 need room on both sides of it, but for axes without any.
    names = lay_out_rows(
        ax, map(str, rows.index), words, (unit, str(effects.index.name or "group")),
        rows.to_numpy(), signed=len(rows) > 0,
    )  # fmt: skip
    if len(rows) == 0:
        ax.set_xticks([])
    return Caption(
        f"Dots: what each group adds to the difference of the {of.name}s",
        state_effects(effects, of).title,
        f"● by its own rate, bar: {level(float(of.confidence or 0))} interval; ○ by its share of "
        f"the calls; beside: both together{more}",
        names,
        "" if len(rows) else "no calls to compare",
    )


def _draw_effects(ax: Axes, rows: pd.DataFrame) -> None:
    """Draw the effects of each row: filled by its rate, hollow by its share of the calls."""
    theme, places = theme_in_use(), np.arange(len(rows))
    own, low, high, mix, _ = rows.to_numpy().T
    draw_intervals(ax, low, high)
    ax.axvline(0, color=theme.muted, lw=1, gid="zero")
    scale = mark_scale(ax, len(rows))
    ax.plot(own, places, "o", ms=7 * scale, color=theme.main, gid="own rate")
    ax.plot(mix, places, "o", ms=10 * scale, mfc="none", mec=theme.muted, mew=1.5, gid="share")
