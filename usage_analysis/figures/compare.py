"""Changes between periods in rows: dumbbells, and the part of each group in a change."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final, Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from usage_analysis.analysis import vocabulary
from usage_analysis.analysis.arrays import Floats, cell_number, floats
from usage_analysis.analysis.intervals import shrink_towards_mean
from usage_analysis.analysis.meaning import Meaning
from usage_analysis.analysis.statements import change
from usage_analysis.figures.axes import check_columns, figure_of, in_counts, in_percent, is_narrow
from usage_analysis.figures.labels import write_beside
from usage_analysis.figures.plots import Caption, Panel, ResultOptions, plot
from usage_analysis.figures.style import theme_in_use

_AXIS_UNITS = {"duration": "min", "billed_minutes": "min"}
_COLUMNS: Final = {
    "compare_periods": ("current", "previous", "low", "high", "significant"),
    "rate_difference": ("rate", "previous_rate", "difference", "low", "high", "significant"),
}


@plot(*_COLUMNS)
def plot_comparison(
    panel: Panel, changes: pd.DataFrame | pd.Series, **_: Unpack[ResultOptions]
) -> Caption:
    """Draw the previous period, the current one, and the interval of the difference, as dumbbells.

    Parameters
    ----------
    changes
        Result of `compare_periods` or `rate_difference`, for one series, for a breakdown, or for
        several measures or events. Rows of several measures are drawn as percent of the previous
        period, because their units differ; rows of several events as points of change, because
        error and join rates lie far apart.

    Notes
    -----
    Hollow marks are the previous period, filled marks the current one. The pale bar is the interval
    of the difference, drawn around the current period. If the bar includes the hollow mark, the
    data show no difference. Of more than 20 groups, or 12 on narrow axes, the groups with the
    greatest difference are drawn; for this choice the differences of small groups are shrunk
    towards the mean. The title calls rows significant by Holm's rule over all rows, and none below
    the 90 % level.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> usage = ua.sample_client().call_usage(from_date="2026-03-02", to_date="2026-03-29")
    >>> table = ua.compare_periods(usage.hourly, measure=["total_count", "duration"])
    >>> ua.plot_comparison(table).get_xlabel()
    'change [% of the previous period]'
    """
    ax, of = panel.ax, panel.of
    table = changes.to_frame("This period").T if isinstance(changes, pd.Series) else changes
    check_columns("changes", table, *_COLUMNS[of.made_by], made_by=[of.made_by])
    rows, unit, lost = (_rates if of.made_by == "rate_difference" else _measures)(table, of)
    more, most = "", _most_rows(ax)
    if len(rows) > most:
        more = f"; the {most} of {len(rows)} with the greatest difference"
        rows = _greatest(rows, most)
    _draw_dumbbells(ax, rows)
    labels = [change.row_label(name, of) for name in rows.index]
    what = str(rows.index.name or of.name) if len(table) > 1 or len(rows) == 0 else of.name
    numbers = rows[["before", "now", "low", "high"]].to_numpy(dtype=np.float64)
    names = _lay_out_rows(ax, labels, rows["words"].tolist(), (unit, what), numbers)
    interval = f"{vocabulary.level(of.level)} interval of the difference"
    compared = np.isfinite(rows["now"] - rows["before"]).any()
    title = change.state_comparison(changes, of).title
    if lost:
        title += f"; nothing in the previous period to compare with: {', '.join(lost[:3])}"
    return Caption(
        f"Dumbbells of the {of.name} in the previous and the current period, with the {interval}",
        title,
        f"○ previous period; ● current; bar: {interval}{more}",
        names,
        "" if compared else "no calls to compare",
    )


def _greatest(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return the rows with the greatest difference, after shrinkage of small groups."""
    before, now, low, high = floats(rows, "before", "now", "low", "high")
    pooled = shrink_towards_mean(now - before, ((high - low) / 4) ** 2)
    pooled = np.nan_to_num(np.abs(pooled), nan=-1)
    return rows.iloc[np.sort(np.argsort(-pooled, kind="stable")[:most])]


def _draw_dumbbells(ax: Axes, rows: pd.DataFrame) -> None:
    """Draw the previous and the current period of each row, and the interval."""
    theme, places = theme_in_use(), np.arange(len(rows))
    before, now, low, high = floats(rows, "before", "now", "low", "high")
    _draw_intervals(ax, low, high)
    ax.hlines(places, before, now, color=theme.muted, lw=1.4, gid="difference")
    size = 7 * _mark_scale(ax, len(rows))
    ax.plot(before, places, "o", ms=size, mfc=theme.page, mec=theme.muted, mew=1.5, gid="before")
    ax.plot(now, places, "o", ms=size, color=theme.main, gid="now")


def _measures(table: pd.DataFrame, of: Meaning) -> tuple[pd.DataFrame, str, list[str]]:
    """Return rows of measures with their words, the name of the axis, and the rows left out."""
    numbers = table[["previous", "current", "low", "high"]].map(cell_number).astype(np.float64)
    rows = _positions(numbers, "previous", "current")
    ends = rows[["now", "low", "high"]].sub(rows["before"], axis=0)
    if of.measure is not None:
        unit = _AXIS_UNITS.get(of.measure, vocabulary.UNITS[of.measure])
        words = []
        for row in ends.to_numpy().tolist():
            digits = int(unit == "min" and abs(row[0]) < 10)  # few minutes have tenths
            words.append(_words(partial(vocabulary.signed, digits=digits), f" {unit}", *row))
        return rows.assign(words=words), vocabulary.axis_name(of.measure), []
    share = (1 / rows["before"]).where(rows["before"] > 0)
    lost = [vocabulary.UNITS.get(str(name), str(name)) for name in rows.index[share.isna()]]
    ends = ends.mul(share, axis=0)
    words = [_words(vocabulary.change, "", *row) for row in ends.to_numpy().tolist()]
    drawn = 100 * (rows.mul(share, axis=0) - 1)
    drawn = drawn.assign(words=words)[share.notna()]
    return drawn, "change [% of the previous period]", lost


def _rates(table: pd.DataFrame, of: Meaning) -> tuple[pd.DataFrame, str, list[str]]:
    """Return rows of rates with their words: in percent, or in points for several events."""
    numbers = table[["previous_rate", "rate", "low", "high"]].astype(np.float64)
    # No rate is below 0 or above 100 %, whatever the interval's arithmetic.
    rows = _positions(100 * numbers, "previous_rate", "rate").clip(upper=100)
    gaps = rows[["now", "low", "high"]].sub(rows["before"], axis=0) / 100
    words = [_words(vocabulary.points, " points", *row) for row in gaps.to_numpy().tolist()]
    unit = of.unit if of.event else f"% of {of.calls}"
    if of.event is not None:
        return rows.assign(words=words), f"{of.name} [{unit}]", []
    rows = rows.sub(rows["before"], axis=0)
    return rows.assign(words=words), f"change [percentage points{unit.removeprefix('%')}]", []


def _positions(table: pd.DataFrame, previous: str, current: str) -> pd.DataFrame:
    """Return both periods of each row, and the ends of its interval around the previous one."""
    before = table[previous]
    ends = {name: (before + table[name]).clip(lower=0) for name in ("low", "high")}
    return pd.DataFrame({"before": before, "now": table[current], **ends})


def _words(form: Callable[[float], str], unit: str, delta: float, low: float, high: float) -> str:
    """Return a change and its interval in two lines."""
    if not np.isfinite(delta):
        return "no calls in one"
    if not np.isfinite(low):
        return f"{form(delta)}{unit}\n(no interval)"
    first, last = (form(end).removesuffix(" %") for end in (low, high))
    return f"{form(delta)}{unit}\n({first} to {last})"


_DRAWN = ["rate_effect", "low", "high", "mix_effect", "effect"]


@plot("rate_effects", columns=("calls", "previous_calls", *_DRAWN, "significant"))
def plot_effects(panel: Panel, effects: pd.DataFrame, **_: Unpack[ResultOptions]) -> Caption:
    """Draw the effects of each group's own rate and of its share of calls on a change of a rate.

    Parameters
    ----------
    effects
        Result of `rate_effects`.

    Notes
    -----
    The group with the largest part of the difference is first. A filled mark is the effect of the
    group's own rate, with its interval as a pale bar. A hollow mark is the effect of its share of
    the calls. Groups without calls are left out. Of more than 20 groups, or 12 on narrow axes,
    those with the largest effects are drawn. The title names a group only where the whole rate or
    the group's own rate changed significantly, by Holm's rule over all groups. The interval of each
    group holds for this group alone.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> client = ua.sample_client()
    >>> weeks = [client.by_agent(ua.sample.AGENTS, from_date=a, to_date=b).hourly
    ...          for a, b in (("2026-03-09", "2026-03-15"), ("2026-03-02", "2026-03-08"))]
    >>> ua.plot_effects(ua.rate_effects(*weeks, event="joined_count")).get_xlabel()
    'part of the change [percentage points of calls]'
    """
    ax, of = panel.ax, panel.of
    total = 100 * float(effects["effect"].sum(min_count=1))
    some = (effects["calls"] + effects["previous_calls"] > 0) & effects["effect"].notna()
    rows = 100 * effects.loc[some, _DRAWN].astype(np.float64)
    more, most = "", _most_rows(ax)
    if len(rows) > most:
        more = f"; the {most} of {len(rows)} with the largest effects"
        rows = rows.loc[rows["effect"].abs().nlargest(most).index]
    rows = rows.sort_values("effect", ascending=total < 0, kind="stable")
    _draw_effects(ax, rows)
    words = [f"{vocabulary.points(both / 100)} points" for both in rows["effect"]]
    unit = f"part of the change [percentage points{of.unit.removeprefix('%')}]"
    # The marks at 0 need room on both sides of it, but for axes without any.
    names = _lay_out_rows(
        ax, map(str, rows.index), words, (unit, str(effects.index.name or "group")),
        rows.to_numpy(), signed=len(rows) > 0,
    )  # fmt: skip
    if len(rows) == 0:
        ax.set_xticks([])
    level = vocabulary.level(of.level)
    return Caption(
        f"Dots of the part that each group has in the change of the {of.name}",
        change.state_effects(effects, of).title,
        f"● effect of its own rate, bar: {level} interval; ○ effect of its share of calls; "
        f"text: both together{more}",
        names,
        "" if len(rows) else "no calls to compare",
    )


def _draw_effects(ax: Axes, rows: pd.DataFrame) -> None:
    """Draw two marks per row: the effect of its rate filled, of its share of calls hollow."""
    theme, places = theme_in_use(), np.arange(len(rows))
    own, low, high, mix, _ = rows.to_numpy().T
    _draw_intervals(ax, low, high)
    ax.axvline(0, color=theme.muted, lw=1, gid="zero")
    scale = _mark_scale(ax, len(rows))
    ax.plot(own, places, "o", ms=7 * scale, color=theme.main, gid="own rate")
    ax.plot(mix, places, "o", ms=10 * scale, mfc="none", mec=theme.muted, mew=1.5, gid="share")


_TWO_LINES: Final = 7
# Distance of rows below which their marks are smaller [pt].
_PITCH: Final = 11.0


def _most_rows(ax: Axes) -> int:
    """Return the number of rows that fit on the axes."""
    return 12 if is_narrow(ax) else 20


def _mark_scale(ax: Axes, rows: int) -> float:
    """Return the largest size of marks that keeps rows apart, relative to the usual size."""
    tall = float(figure_of(ax).get_size_inches()[1]) * 72 * 0.55
    return min(1.0, tall / max(rows, 1) / _PITCH)


def _lay_out_rows(
    ax: Axes, labels: Iterable[str], words: Sequence[str], axes: tuple[str, str], numbers: Floats,
    *, signed: bool = False,
) -> list[str]:  # fmt: skip
    """Name rows from the top down, scale the x axis, and write words beside each row.

    Parameters
    ----------
    words
        Text beyond the right end of each row, in two lines where there are few rows.
    axes
        Labels of the x axis and of the y axis.
    numbers
        All numbers that the x axis has to hold, besides 0.
    signed
        True if 0 needs space on its left too, for marks at 0.

    Returns
    -------
    list of str
        The names as written.
    """
    whole = [*labels]
    names = vocabulary.shortened(whole, 16 if is_narrow(ax) else 30)
    name_rows(ax, names, whole)
    ax.set_ylim(max(len(names), 2) - 0.4, -0.6)
    ax.set_xlabel(axes[0])
    ax.set_ylabel(vocabulary.clean(axes[1]))
    finite = np.append(numbers[np.isfinite(numbers)], 0.0)
    low, high, most = float(finite.min()), float(finite.max()), 4 if is_narrow(ax) else 7
    beside = 0.05 * (high - low) or 1.0
    ax.set_xlim(low - beside if low < 0 or signed else 0, high + beside)
    if "%" in axes[0]:
        in_percent(ax, x=True, most=most)
    else:
        in_counts(ax, most, high)
    for place, text in enumerate(words):
        told = text if len(words) <= _TWO_LINES else text.replace("\n", " ")
        write_beside(ax, told, place, (6, 0), gid="words")
    return names


def name_rows(ax: Axes, told: Sequence[str], names: Sequence[str]) -> None:
    """Write a name at each row; the tick keeps the whole name if it is shortened."""
    ax.grid(visible=True, axis="x")
    ax.grid(visible=False, axis="y")
    ax.set_yticks(np.arange(len(told)), told, color=theme_in_use().ink)
    for text, name in zip(ax.get_yticklabels(), names, strict=True):
        text.set_label(name)


def _draw_intervals(ax: Axes, low: Floats, high: Floats) -> None:
    """Draw each row's interval as a pale bar."""
    width = 9 * _mark_scale(ax, len(low))
    for place in np.flatnonzero(np.isfinite(low) & np.isfinite(high)):
        ax.plot(
            [low[place], high[place]], [place, place], color=theme_in_use().soft, alpha=0.45,
            lw=width, solid_capstyle="butt", gid="interval",
        )  # fmt: skip
