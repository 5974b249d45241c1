"""Downloads: the figure, its table or a report as a file."""

import base64
import html
import re
import tempfile
from typing import Final, NamedTuple

from matplotlib.axes import Axes

from usage_analysis.dashboard.views import View
from usage_analysis.figures.axes import figure_of
from usage_analysis.figures.style import picture
from usage_analysis.report.page import write_report
from usage_analysis.report.results import ReportOptions, ReportResults
from usage_analysis.report.tables import csv_of, parquet_of

_KINDS: Final = {
    "PNG": ("png", "image/png"),
    "SVG": ("svg", "image/svg+xml"),
    "PDF": ("pdf", "application/pdf"),
    "CSV": ("csv", "text/csv"),
    "Parquet": ("parquet", "application/vnd.apache.parquet"),
    "Report": ("html", "text/html"),
}


class Download(NamedTuple):
    """Name, media type and bytes of a file."""

    name: str
    kind: str
    content: bytes

    def link(self) -> str:
        """Return an HTML link that saves the file."""
        data = base64.b64encode(self.content).decode()
        size = f"{max(len(self.content) / 1000, 1):,.0f} kB"
        return (
            f'<a class="ua-save" download="{html.escape(self.name)}" '
            f'href="data:{self.kind};base64,{data}">Save {html.escape(self.name)} ({size})</a>'
        )


def make_download(kind: str, view: View, axes: Axes) -> Download:
    """Return the figure, its table or a report as a file.

    Parameters
    ----------
    kind
        ``"PNG"``, ``"SVG"``, ``"PDF"``, ``"CSV"``, ``"Parquet"`` or ``"Report"``.

    Raises
    ------
    QueryError
        Parquet without pyarrow, or data that are not enough for a report.
    """
    suffix, media = _KINDS[kind]
    settings = view.settings
    name = f"{settings.view}-{settings.first}-{settings.last}-{settings.timezone}"
    name = f"{re.sub('[^A-Za-z0-9-]+', '_', name)}.{suffix}"
    if kind == "Report":
        return Download(f"report-{name}", media, _report(view))
    if kind in ("CSV", "Parquet"):
        write = csv_of if kind == "CSV" else parquet_of
        return Download(name, media, write(view.prepared.table))
    return Download(name, media, picture(figure_of(axes), suffix, dpi=200))


def _report(view: View) -> bytes:
    """Return a report of the selected data as one page."""
    limit, price = view.settings.limit, view.settings.price
    options = ReportOptions(single_file=True, limit=limit, price=price)
    with tempfile.TemporaryDirectory() as folder:
        return write_report(ReportResults(view.selected, options), folder).read_bytes()
