"""`Explorer`: one reply, looked at by zone and measure."""

from __future__ import annotations

from typing import Any, Final

import ipywidgets as widgets
import pandas as pd
from matplotlib.axes import Axes

from usage_analysis.analysis.peaks import describe_peak, load_profile
from usage_analysis.fetch.client import Client
from usage_analysis.figures.plots import UNITS, figure_of, plot_trend, plot_week
from usage_analysis.figures.style import Provenance, picture
from usage_analysis.query import UsageQuery
from usage_analysis.tidy.frames import CallUsage
from usage_analysis.tidy.periods import aggregate, in_timezone

ZONES: Final = (
    "UTC",
    "America/Los_Angeles",
    "America/Chicago",
    "America/New_York",
    "America/Sao_Paulo",
    "Europe/London",
    "Europe/Berlin",
    "Africa/Johannesburg",
    "Asia/Jerusalem",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Australia/Sydney",
)
"""Zones offered without a search."""
_MEASURES: Final = ("total_count", "joined_count", "error_count", "duration", "billed_minutes")


class Explorer(widgets.VBox):  # type: ignore[misc]  # ipywidgets ships no types
    """A dashboard over the calls that a query selects, fetched once.

    Parameters
    ----------
    client
        Who is asked: your `Client`, or `sample_client()`.
    query
        What is asked; the last 30 whole days and today without it.
    timezone
        Whose clock to begin with, an IANA name.

    Attributes
    ----------
    timezone, measure, view
        The controls. Setting their `value` redraws, as a hand on them does.
    usage
        The reply.
    axes
        What is drawn.
    draws
        How often it was drawn.
    """

    def __init__(
        self, client: Client, query: UsageQuery | None = None, *, timezone: str = "UTC"
    ) -> None:
        self.usage: CallUsage = client.call_usage(query)
        self.draws = 0
        zones = ZONES if timezone in ZONES else (timezone, *ZONES)
        self.timezone = _labelled(widgets.Dropdown, "Time zone", zones, timezone)
        self.measure = _labelled(
            widgets.Dropdown, "Measure", [(UNITS[name], name) for name in _MEASURES], "total_count"
        )
        self.view = _labelled(
            widgets.ToggleButtons, "Figure", [("Trend", "trend"), ("Week", "week")], "trend"
        )
        self.headline = widgets.HTML()
        self.image = widgets.Image(format="png", width=800)
        self.image.add_class("ua-figure")
        controls = [self.timezone, self.measure, self.view]
        for control in controls:
            control.observe(self._changed, names="value")
        super().__init__([widgets.HBox(controls), self.headline, self.image])
        self.draw()

    def draw(self) -> Axes:
        """Axes of the figure that the controls ask for, now on show."""
        hourly = in_timezone(self.usage.hourly, self.timezone.value)
        about = Provenance.of(self.usage, hourly, timezone=self.timezone.value)
        draw = {"trend": _trend, "week": _week}[self.view.value]
        self.axes: Axes = draw(hourly, self.measure.value, about)
        self.image.value = picture(figure_of(self.axes), "png")
        self.headline.value = f"<p>{describe_peak(hourly)}</p>"
        self.draws += 1
        return self.axes

    def __repr__(self) -> str:
        """What was asked and what is on show: notebooks are tested by it."""
        title = self.axes.get_title(loc="left")
        return (
            f"<Explorer {self.usage.source}: {title} | {self.timezone.value} | "
            f"{len(self.usage.hourly)} hours | draw {self.draws}>"
        )

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        # The text is what tests compare; the picture is for readers without a kernel.
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        data |= {"text/plain": repr(self), "image/png": picture(figure_of(self.axes), "png")}
        return bundle

    def _changed(self, _change: object) -> None:
        self.draw()


def _labelled(kind: Any, label: str, options: Any, value: str) -> Any:
    control = kind(options=options, value=value, description=label)
    control.add_class(f"ua-{label.lower().replace(' ', '-')}")
    return control


def _trend(hourly: pd.DataFrame, measure: str, about: Provenance) -> Axes:
    return plot_trend(aggregate(hourly, "D"), measure=measure, about=about)


def _week(hourly: pd.DataFrame, measure: str, about: Provenance) -> Axes:
    profile = load_profile(hourly, by="hour_of_week", measure=measure)
    return plot_week(profile, measure=measure, about=about)
