"""The look of the figures, and saving them byte for byte the same each time."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from usage_analysis.errors import QueryError
from usage_analysis.query import UsageQuery, zone
from usage_analysis.tidy.frames import CallUsage, Source

# Okabe and Ito (2008), told apart with every kind of colour vision.
BLUE: Final = "#0072B2"
ORANGE: Final = "#E69F00"
VERMILLION: Final = "#D55E00"
GREEN: Final = "#009E73"
SKY: Final = "#56B4E9"
PURPLE: Final = "#CC79A7"
SERIES: Final = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
INK: Final = "#1A1A1A"
MUTED: Final = "#595959"
GRID: Final = "#E3E3E3"
EMPTY: Final = "#EDEDED"
HEAT: Final = "cividis"

WIDTH, HEIGHT = 8.0, 4.0
"""Size of a figure that is not told another [in]."""

_RC: Final[Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.formatter.useoffset": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "savefig.facecolor": "white",
    "svg.fonttype": "none",
    "svg.hashsalt": "usage-analysis",
    "text.color": INK,
    "xtick.color": MUTED,
    "xtick.labelsize": 8,
    "ytick.color": MUTED,
    "ytick.labelsize": 8,
}
_METADATA: Final[dict[str, dict[str, Any]]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
}


@contextmanager
def figure_style() -> Iterator[None]:
    """The look of this package's figures for the block, and the caller's own again after it."""
    with mpl.rc_context(_RC):
        yield


class _NotebookFigure(Figure):
    """A figure apart from pyplot that a notebook shows as a picture all the same."""

    def _repr_png_(self) -> bytes:
        return picture(self, "png")


def new_figure(width: float = WIDTH, height: float = HEIGHT) -> Figure:
    """Figure of a size [in] in this package's look, apart from pyplot."""
    with figure_style():
        return _NotebookFigure(figsize=(width, height), layout="constrained")


def picture(figure: Figure, kind: str, *, dpi: float = 100) -> bytes:
    """Bytes of a figure as ``"svg"``, ``"png"`` or ``"pdf"``, the same on every run."""
    out = io.BytesIO()
    with figure_style():
        figure.savefig(out, format=kind, dpi=dpi, metadata=_METADATA[kind])
    return out.getvalue()


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Path of the SVG (text as text), PDF or PNG (200 dpi) written, the same bytes on every run.

    Raises
    ------
    QueryError
        The name ends otherwise.
    """
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    if kind not in _METADATA:
        raise QueryError(f"path: expected a name ending in .svg, .png or .pdf, got {path.name!r}")
    path.write_bytes(picture(figure, kind, dpi=200))
    return path


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What a figure says of its data that the frame beside it cannot know.

    Parameters
    ----------
    start, end
        The window, `end` the first instant after it.
    timezone
        Whose clock the figure shows, an IANA name.
    calls
        Number of calls in the window.
    as_of
        When the data were fetched.
    source
        ``"live"``, ``"sample"`` or ``"file"``.
    filters
        What else was asked, in words by filter.
    """

    start: pd.Timestamp
    end: pd.Timestamp
    timezone: str
    calls: int
    as_of: pd.Timestamp
    source: Source
    filters: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        usage: CallUsage,
        hourly: pd.DataFrame | None = None,
        *,
        timezone: str | tzinfo = "UTC",
    ) -> Provenance:
        """Provenance of a reply, or of the local hours that were cut out of it.

        Parameters
        ----------
        usage
            The reply.
        hourly
            The rows shown, if they are not the reply's own.
        timezone
            Whose clock is shown.
        """
        rows = usage.hourly if hourly is None else hourly
        place = zone(timezone)
        start, end = usage.as_of, usage.as_of
        if len(rows):
            start, end = rows.index.min(), rows.index.max() + pd.Timedelta(hours=1)
        return cls(
            start=start.tz_convert(place),
            end=end.tz_convert(place),
            timezone=str(place),
            calls=round(rows["total_count"].sum()),
            as_of=usage.as_of,
            source=usage.source,
            filters={} if usage.query is None else filters_in_words(usage.query),
        )

    def subtitle(self) -> str:
        """Window, zone, number of calls, filters, date of the data and whose they are."""
        parts = [
            f"{_days(self.start, self.end)} ({self.timezone})",
            f"{self.calls:,} {'call' if self.calls == 1 else 'calls'}",
            *(f"{name} {value}" for name, value in self.filters.items()),
            f"as of {self.as_of:%Y-%m-%d %H:%M} UTC",
        ]
        if self.source == "sample":
            parts.append("sample account")
        return " · ".join(parts)


def _days(start: pd.Timestamp, end: pd.Timestamp) -> str:
    """A window in days where it is one, else to the minute."""
    if start == start.normalize() and end == end.normalize() and end > start:
        last = end - pd.Timedelta(microseconds=1)
        return (
            f"{start:%Y-%m-%d}"
            if last.date() == start.date()
            else f"{start:%Y-%m-%d} to {last:%Y-%m-%d}"
        )
    return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}"


def filters_in_words(query: UsageQuery) -> dict[str, str]:
    """What a query asks besides its dates, in words by filter."""
    asked = query.as_dict()
    words: dict[str, str] = {}
    if agents := asked.get("agent_ids"):
        words["agent"] = ", ".join(agents) if len(agents) < 3 else f"ids: {len(agents)}"
    for name in ("voice_id", "duration_min", "duration_max", "search"):
        if name in asked:
            words[name.replace("_id", "").replace("_", " ")] = asked[name]
    words |= asked.get("metadata", {})
    start, end = asked.get("time_of_day_start"), asked.get("time_of_day_end")
    if start or end:
        words["time of day"] = f"{start or '00:00'} to {end or '24:00'} UTC"
    return words
