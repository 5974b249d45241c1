"""What is taken along: the figure, its table or a report as a file of a name and some bytes."""

from __future__ import annotations

import base64
import html
import io
import re
import tempfile
from importlib.util import find_spec
from typing import Final, NamedTuple

import pandas as pd

from usage_analysis.dashboard.scene import Scene
from usage_analysis.dashboard.views import Drawn
from usage_analysis.errors import QueryError
from usage_analysis.figures.axes import figure_of
from usage_analysis.figures.style import picture
from usage_analysis.report.facts import Facts
from usage_analysis.report.page import write_report

_KINDS: Final = {
    "PNG": ("png", "image/png"),
    "SVG": ("svg", "image/svg+xml"),
    "PDF": ("pdf", "application/pdf"),
    "CSV": ("csv", "text/csv"),
    "Parquet": ("parquet", "application/vnd.apache.parquet"),
    "Report": ("html", "text/html"),
}


class Taken(NamedTuple):
    """A file to take along."""

    name: str
    kind: str
    content: bytes

    def link(self) -> str:
        """HTML link that saves it."""
        data = base64.b64encode(self.content).decode()
        size = f"{max(len(self.content) / 1000, 1):,.0f} kB"
        return (
            f'<a class="ua-save" download="{html.escape(self.name)}" '
            f'href="data:{self.kind};base64,{data}">Save {html.escape(self.name)} ({size})</a>'
        )


def taken(kind: str, scene: Scene, drawn: Drawn) -> Taken:
    """The figure or its table as a file.

    Parameters
    ----------
    kind
        ``"PNG"``, ``"SVG"``, ``"PDF"``, ``"CSV"``, ``"Parquet"`` or ``"Report"``.

    Raises
    ------
    QueryError
        Parquet without pyarrow, or a report that the rows are not enough for.
    """
    suffix, media = _KINDS[kind]
    settings = scene.settings
    name = f"{settings.view}-{settings.first}-{settings.last}-{settings.timezone}"
    name = f"{re.sub('[^A-Za-z0-9-]+', '_', name)}.{suffix}"
    if kind in ("PNG", "SVG", "PDF"):
        figure = figure_of(drawn.axes)
        return Taken(name, media, picture(figure, suffix, dpi=200))
    if kind == "CSV":
        return Taken(name, media, _flat(drawn.table).to_csv(lineterminator="\n").encode())
    if kind == "Parquet":
        return Taken(name, media, _parquet(drawn.table))
    return Taken(f"report-{name}", media, _report(scene))


def _flat(table: pd.DataFrame) -> pd.DataFrame:
    """A table as text files show it: times with their offset, durations in seconds."""
    flat = table.copy()
    for column in flat.select_dtypes("timedelta").columns:
        flat[column] = flat[column].dt.total_seconds()
        flat = flat.rename(columns={column: f"{column}_seconds"})
    if isinstance(flat.index, pd.DatetimeIndex):
        flat.index = pd.Index([moment.isoformat() for moment in flat.index], name="time")
    return flat


def _parquet(table: pd.DataFrame) -> bytes:
    if find_spec("pyarrow") is None:
        raise QueryError("Parquet: expected pyarrow to be installed, got none; pip install pyarrow")
    out = io.BytesIO()
    table.to_parquet(out)
    return out.getvalue()


def _report(scene: Scene) -> bytes:
    """The report of what the controls select, as one page."""
    settings, selected = scene.settings, scene.selected
    facts = Facts(selected, scene.about, limit=settings.limit, price=settings.price)
    with tempfile.TemporaryDirectory() as folder:
        return write_report(facts, folder, alone=True).read_bytes()
