"""Hours with their expected range and the unusual events."""

from typing import Any, Unpack

import numpy as np
import pandas as pd

from usage_analysis.analysis.arrays import floats
from usage_analysis.analysis.meaning import Meaning, meaning_of
from usage_analysis.analysis.statements.unusual import state_event, state_events
from usage_analysis.analysis.vocabulary import UNITS, axis_name, level
from usage_analysis.errors import refusal
from usage_analysis.figures import lines
from usage_analysis.figures.axes import dates_of, from_zero, scale_rates, time_axis
from usage_analysis.figures.labels import label_ends
from usage_analysis.figures.marks import SIZE, draw_marks
from usage_analysis.figures.plots import Caption, MarkedResultOptions, Panel, plot
from usage_analysis.figures.style import theme_in_use

_NAMED, _IMAGE = 3, 26 * 7 * 24


@plot("expected", columns=("observed", "expected", "low", "high"))
def plot_expected(
    panel: Panel,
    expected: pd.DataFrame,
    *,
    found: pd.DataFrame | None = None,
    **_: Unpack[MarkedResultOptions],
) -> Caption:
    """Draw each hour as a line over the band of its expected range, with events shaded.

    Of a rate, hours with few calls are left out unless most hours have few.

    Parameters
    ----------
    expected
        Result of `expected` for one series.
    found
        Result of `unusual`, whose events are shaded and numbered, and told in the title.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> usage = ua.sample_client().call_usage(from_date="2026-03-01", to_date="2026-03-31")
    >>> ax = ua.plot_expected(ua.expected(usage.hourly), found=ua.unusual(usage.hourly))
    >>> ax.get_ylabel()
    'calls [per hour]'
    """
    ax, of, marks, _about = panel
    if expected.columns[0] != "observed":
        raise refusal("one_series", name="expected", group=expected.columns[0], more="")
    theme, rate = theme_in_use(), of.event is not None
    x = time_axis(ax, expected)
    # Rates are drawn in percent, and durations in minutes.
    factor = 100.0 if rate else 1 / 60 if "duration" in str(of.measure) else 1.0
    drawn = floats(expected, "observed", "expected", "low", "high")
    seen, usual, low, high = (factor * values for values in drawn)
    few = expected["few"].to_numpy() if "few" in expected else np.zeros(len(seen), dtype=bool)
    if hidden := 0 < few.sum() <= len(few) / 2:
        # An hour of one or two calls is at 0, 50 or 100 %, and would hide all others.
        seen, low, high = (np.where(few, np.nan, part) for part in (seen, low, high))
    # More than half a year of hours is an image: as SVG a year is a megabyte of a report.
    image = len(expected) > _IMAGE
    lines.draw_band(ax, x, low, high, color=theme.soft, alpha=0.45, gid="band", rasterized=image)
    lines.draw_line(
        ax, x, usual, color=theme.muted, lw=0.9, ls="--", gid="expected", rasterized=image
    )
    lines.draw_line(ax, x, seen, color=theme.main, lw=1.1, gid="buckets", rasterized=image)
    (scale_rates if rate else from_zero)(ax, np.concatenate([seen, high[np.isfinite(high)]]))
    counted = of.measure in UNITS and of.measure != "average_call_duration"
    ax.set_ylabel(axis_name(str(of.measure), "hour") if counted else f"{of.name} [{of.unit}]")
    title, key = f"{of.name.capitalize()} beside what is expected", ""
    if found is not None and len(expected):
        events = meaning_of(found, "unusual", name="found")
        # Events of other days have no place on the axis.
        shown = found[(found["end"] > expected.index[0]) & (found["start"] <= expected.index[-1])]
        if len(shown) or not len(found):
            title = state_events(shown, events).title
        key = _draw_events(ax, shown, events)
    draw_marks(ax, marks)
    ends = [(lines.last_finite(seen), "observed", theme.main)]
    label_ends(ax, [*ends, (lines.last_finite(usual), "expected", theme.muted)])
    band = f"band: {level(of.level)} range of what is expected"
    band += "; hours of few calls are not drawn" if hidden else ""
    empty = "" if np.isfinite(seen).any() else "no finished hour yet"
    return Caption(
        f"Line of {of.name} per hour over the expected range", title, f"{band}{key}", empty=empty
    )


def _draw_events(ax: Any, found: pd.DataFrame, of: Meaning) -> str:
    """Shade each event and number it; return the words of the first ones."""
    theme, words = theme_in_use(), []
    top = ax.get_ylim()[1]
    rows: list[Any] = found.to_dict("records")
    for place, row in enumerate(rows, 1):
        first, last = dates_of(pd.DatetimeIndex([row["start"], row["end"]]))
        ax.axvspan(first, last, color=theme.alarm, alpha=0.18, lw=0, gid="event")
        ax.annotate(
            str(place), (first, top), xytext=(2, -2), textcoords="offset points",
            va="top", size=SIZE, color=theme.alarm, gid="event number",
        )  # fmt: skip
        words.append(f"{place}: {state_event(row, of.level).title}")
    more = f"; {len(words) - _NAMED} more" if len(words) > _NAMED else ""
    return "".join(f"\n{one}" for one in words[:_NAMED]) + more if len(words) > 1 else ""
