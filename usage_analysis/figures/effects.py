"""Which groups a difference of rates comes from: by own rates, and by shares of the calls."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from usage_analysis.analysis.vocabulary import shorten, signed
from usage_analysis.figures.axes import axes_for, is_narrow, known
from usage_analysis.figures.labels import head, nothing
from usage_analysis.figures.provenance import Provenance
from usage_analysis.figures.rows import MOST_ROWS, draw_intervals, name_rows, words_beside
from usage_analysis.figures.style import figure_style, theme_in_use
from usage_analysis.figures.ticks import percents

_KEY = "● by its own rate, bar: its interval; ○ by its share of the calls; beside: both together"


@figure_style()
def plot_effects(
    effects: pd.DataFrame,
    *,
    what: str = "error rate",
    title: str | None = None,
    about: Provenance | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Axes with a row a group: what its own rate and its share of calls add to a difference.

    Parameters
    ----------
    effects
        What `rate_effects` returns.
    what
        Name of the rate.
    title, about
        The finding, and what the data are.
    ax
        Where to draw; new axes of a figure apart from pyplot without it.

    Notes
    -----
    The group that the largest part of the difference comes from is first. Filled: by the group's
    own rate, with the pale bar where its interval puts that, 95 % unless `rate_effects` was asked
    for another; hollow: by its share of the calls. Groups without any call are left out; of more
    than 20 those with the largest effects are drawn. Of many intervals some leave out 0 by chance.
    """
    known(
        effects, "calls_a", "calls_b", "rate_effect", "low", "high", "mix_effect", "effect",
        made_by="rate_effects(breakdown, before)",
    )  # fmt: skip
    ax = axes_for(ax, f"Dots: what each group adds to the difference of the {what}s")
    total = 100 * float(effects["effect"].sum(min_count=1))
    columns = ["rate_effect", "low", "high", "mix_effect", "effect"]
    some = (effects["calls_a"] + effects["calls_b"] > 0) & effects["effect"].notna()
    rows = 100 * effects.loc[some, columns].astype(np.float64)
    finding = _finding(rows, total, what)
    if len(rows) > MOST_ROWS:
        finding += f"; the {MOST_ROWS} with the largest effects are shown"
        rows = rows.loc[rows["effect"].abs().nlargest(MOST_ROWS).index]
    rows = rows.sort_values("effect", ascending=total < 0, kind="stable")
    _draw(ax, rows)
    words_beside(ax, [f"{signed(both, 2)} points" for both in rows["effect"]])
    names = name_rows(
        ax,
        map(str, rows.index),
        str(effects.index.name or "group"),
        "part of the change [% points of the calls]",
    )
    if len(rows) == 0:
        ax.set_xticks([])
        nothing(ax, "no calls to compare")
    head(ax, title or finding, about, effects, names, key=_KEY if len(rows) else "")
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
    percents(ax, x=True, most=4 if is_narrow(ax) else 7)


def _finding(rows: pd.DataFrame, total: float, what: str) -> str:
    if len(rows) == 0:
        return f"No calls in one of the periods, so no {what}s to compare"
    change = "unchanged"
    if rounded := round(total, 2):
        change = f"{'up' if total > 0 else 'down'} {abs(rounded):,.2f} points"
    told = f"{what[:1].upper()}{what[1:]} {change}"
    if len(rows) == 1:
        return told
    if not rounded:
        least, most = (signed(end, 2) for end in (rows["effect"].min(), rows["effect"].max()))
        return f"{told}, groups' parts from {least} to {most} points"
    top = rows.loc[(rows["effect"] * np.sign(total)).idxmax()]
    parts = (top["effect"], top["rate_effect"], top["mix_effect"], total - top["effect"])
    both, own, mix, others = (signed(part, 2) for part in parts)
    why = f"{own} by its own rate, {mix} by its share of the calls"
    return f"{told}: {shorten(str(top.name), 40)} {both} ({why}), the others {others}"
