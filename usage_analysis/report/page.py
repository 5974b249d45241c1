"""Write reports: one page with figures, tables, definitions and provenance, and their files."""

import base64
import hashlib
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import pandas as pd
from matplotlib.figure import Figure

import usage_analysis
from usage_analysis.analysis import vocabulary
from usage_analysis.analysis.arrays import finished
from usage_analysis.analysis.selection import Selection
from usage_analysis.errors import QueryError, clean
from usage_analysis.figures import style
from usage_analysis.figures.colour import contrast
from usage_analysis.figures.points import Point, svg_with_points
from usage_analysis.figures.style import NARROW_WIDTH, WIDTH, Theme
from usage_analysis.progress import Progress, ProgressOption, report_progress
from usage_analysis.report import tables
from usage_analysis.report.sections import sections_of, state_left_out
from usage_analysis.report.summary import summarize
from usage_analysis.report.tables import Picture, ReportOptions, ReportResults, Section
from usage_analysis.tidy.frame_check import check_frame
from usage_analysis.tidy.frames import check_kind
from usage_analysis.tidy.table_files import WRITERS, csv_of
from usage_analysis.tidy.usage import CallUsage

_DARK: Final = {"page": "#1E1E1E", "ink": "#ECECEC", "muted": "#B4B4B4", "grid": "#3A3A3A",
                "empty": "#333333"}  # fmt: skip
# Coordinates to a hundredth of a point; those of transforms begin with a bracket and stay.
_SHORTER: Final = re.compile(rb"(?<=[ \n\"])(-?\d+\.\d\d)\d+(?=[ \n\"])")
_LOGOS: Final = {".svg": "image/svg+xml", ".png": "image/png"}


def build_report(
    usage: CallUsage,
    folder: str | os.PathLike[str],
    *,
    timezone: str | tzinfo | None = None,
    selection: Selection | None = None,
    previous: CallUsage | None = None,
    breakdown: CallUsage | None = None,
    sections: Sequence[str] | None = None,
    options: ReportOptions | None = None,
    progress: ProgressOption = None,
) -> Path:
    """Write a report with its figures (SVG, PNG) and tables, and return the path of its page.

    The page loads nothing. Its only script is within it, and shows the values of a figure under the
    pointer or with the arrow keys. The page is complete without scripts. An error leaves the folder
    as it was, because all files are made before the first one is put there. Sections whose columns
    the reply lacks, such as ``error_count`` in an old saved reply, are left out, and the summary
    names them.

    Parameters
    ----------
    usage
        The reply to report on; it needs hourly rows.
    folder
        Folder to write to; it is made if it does not exist.
    timezone
        Time zone of days and hours, UTC by default: short for ``Selection(timezone=...)``.
    selection
        Days, hours of the day, weekend, marks, and a description of the filters. By default the
        days of the reply's query.
    previous
        Reply of a previous period to compare with.
    breakdown
        A reply with groups, for the section about groups.
    sections
        Names out of ``comparison``, ``trend``, ``unusual``, ``peaks``, ``errors``, ``joins``,
        ``capacity``, ``billing``, ``month``, ``groups``, ``checks``, ``terms``, in the order of the
        page; by default all that the data allow. Provenance is always there.
    options
        Limit, budget and price of the account; title and theme of the page.
    progress
        ``True`` for a progress bar on standard error or in the notebook, or a function that is
        called with the number of finished steps and their total.

    Raises
    ------
    QueryError
        An unknown section, a named section whose data were not given, two time zones, a reply
        without hourly rows, or no hour in the selected days.

    Examples
    --------
    >>> import tempfile
    >>> import usage_analysis as ua
    >>> usage = ua.sample_client().call_usage(from_date="2026-03-30", to_date="2026-03-31")
    >>> page = ua.build_report(usage, tempfile.mkdtemp(), sections=["checks"])
    >>> page.name
    'report.html'
    """
    for name, reply in (("usage", usage), ("previous", previous), ("breakdown", breakdown)):
        check_kind(name, usage if reply is None else reply, CallUsage)
    options = ReportOptions() if options is None else options
    check_kind("options", options, ReportOptions)
    check_frame("build_report", usage.hourly)
    if timezone is not None and selection is not None:
        raise QueryError("timezone: expected a time zone here or in the selection, got both")
    chosen = selection or Selection(timezone=timezone or "UTC")
    results = ReportResults(chosen.of(usage, breakdown=breakdown, previous=previous), options)
    return write_report(results, folder, sections=sections, progress=progress)


def write_report(
    results: ReportResults,
    folder: str | os.PathLike[str],
    *,
    sections: Sequence[str] | None = None,
    progress: ProgressOption = None,
) -> Path:
    """Write the report of computed results and return the path of its page."""
    target = Path(folder)
    if target.exists() and not target.is_dir():
        raise QueryError(f"folder: expected a folder or a new name, got the file {str(target)!r}")
    with style.figure_style(results.options.theme), report_progress(progress, "Writing") as report:
        logo = _logo(style.theme_in_use())
        page = _Page(results, list(sections_of(results, sections)), sections, logo)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".report-") as made:
            names = page.write(Path(made), report)
            target.mkdir(exist_ok=True)
            for name in names:
                (Path(made) / name).replace(target / name)
    return target / "report.html"


def _logo(theme: Theme) -> str | None:
    """Return the logo as a data URL."""
    if theme.logo is None:
        return None
    path = Path(theme.logo)
    if path.suffix.lower() not in _LOGOS or not path.is_file():
        raise QueryError(f"logo: expected an .svg or .png file, got {str(path)!r}")
    return _address(path.read_bytes(), _LOGOS[path.suffix.lower()])


def _address(body: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(body).decode()}"


@dataclass(frozen=True)
class _Page:
    """Page of a report, with the names of the sections that were asked for."""

    results: ReportResults
    sections: Sequence[Section]
    wanted: Sequence[str] | None
    logo: str | None

    def write(self, folder: Path, progress: Progress) -> list[str]:
        """Write all files and return their names, the page last."""
        pictures = [one for section in self.sections for one in section.pictures]
        steps = len(pictures) + 2
        names: list[str] = []
        shown: dict[str, dict[str, Any]] = {}
        for done, one in enumerate(pictures):
            progress(done, steps)
            figures = {"wide": one.draw(WIDTH), "narrow": one.draw(NARROW_WIDTH)}
            drawings = {name: svg_with_points(f, one.drawn) for name, f in figures.items()}
            if not self.results.options.single_file:
                names += _write_figure(figures["wide"], drawings["wide"][0], folder / one.name)
            shown[one.name] = _format_figure(figures["wide"], drawings, one)
        progress(steps - 2, steps)
        for name, table in self._tables().items():
            for kind in [".csv", *([".parquet"] if find_spec("pyarrow") else [])]:
                (folder / f"{name}{kind}").write_bytes(WRITERS[kind](table))
                names.append(f"{name}{kind}")
        progress(steps - 1, steps)
        digest = hashlib.sha256(csv_of(self.results.selected.hourly)).hexdigest()
        (folder / "report.html").write_text(clean(self._html(shown, names, digest)), "utf-8")
        progress(steps, steps)
        return [*names, "report.html"]

    def _tables(self) -> dict[str, pd.DataFrame]:
        """Return every table by its file's name; none for a single file."""
        if self.results.options.single_file:
            return {}
        found = {"hourly": self.results.selected.hourly, "daily": self.results.selected.daily}
        for section in self.sections:
            found |= {one.name: one.table for one in section.pictures}
            found |= {name: one.table for name, one in section.tables.items()}
        return found

    def _html(self, shown: dict[str, dict[str, Any]], names: list[str], digest: str) -> str:
        total = self.results.selected.hourly.drop(columns="provisional").sum()
        joined, talk = total["joined_count"], total["duration"].total_seconds()
        return tables.TEMPLATES.get_template("report/page.html.j2").render(
            results=self.results,
            theme=style.theme_in_use(),
            logo=self.logo,
            tables=tables,
            vocabulary=vocabulary,
            left_out=int((~finished(self.results.selected.daily)).sum()),
            total=total,
            average=divmod(round(talk / joined), 60) if joined else None,
            summary=[
                *summarize(self.results, [section.name for section in self.sections]),
                *(state_left_out(self.results) if self.wanted is None else []),
            ],
            sections=self.sections,
            shown=shown,
            terms=self.wanted is None or "terms" in self.wanted,
            version=usage_analysis.__version__,
            digest=digest,
            files=names,
        )


def _write_figure(figure: Figure, svg: bytes, path: Path) -> list[str]:
    """Write a figure as SVG and PNG, and return the names of the files."""
    path.with_suffix(".svg").write_bytes(svg)
    path.with_suffix(".png").write_bytes(style.picture(figure, "png", dpi=200))
    return [f"{path.name}.svg", f"{path.name}.png"]


def _format_figure(
    wide: Figure, drawings: dict[str, tuple[bytes, list[Point]]], one: Picture
) -> dict[str, Any]:
    """Return a figure as the page shows it: its drawings, their points, its words and its table."""
    images = {name: _in_the_dark(svg, style.theme_in_use()) for name, (svg, _) in drawings.items()}
    points = {name: found for name, (_, found) in drawings.items()}
    # Both drawings have the same labels, so each is written once.
    labels = list(dict.fromkeys(point.label for found in points.values() for point in found))
    number = {label: place for place, label in enumerate(labels)}
    return {
        **{name: _address(image, "image/svg+xml") for name, image in images.items()},
        # A page without controls has nothing to choose, so no point needs its key.
        "points": {"labels": labels}
        | {
            name: [[*point[:4], number[point.label]] for point in found]
            for name, found in points.items()
        },
        "alt": style.alt_text(wide),
        "table": tables.html_table(one.table if one.shown is None else one.shown),
        "rows": tables.rows_in_words(one.table, one.shown),
    }


def dark_rules(theme: Theme) -> str:
    """Return CSS rules that give an SVG of a theme the colours of a dark screen.

    Heat maps are embedded images and keep their colours, as does the black or white text on them.
    """
    swap = {getattr(theme, name): dark for name, dark in _DARK.items()}
    if contrast(theme.main, _DARK["page"]) < contrast(theme.soft, _DARK["page"]):
        swap |= {theme.main: theme.soft, theme.soft: theme.main}
    rules = tables.TEMPLATES.get_template("report/dark.css.j2")
    return rules.render(theme=theme, swap=swap, ink=_DARK["ink"])


def _in_the_dark(svg: bytes, theme: Theme) -> bytes:
    """Let an SVG in a page follow the reader's choice of light or dark colours."""
    sheet = f"<style>@media screen and (prefers-color-scheme:dark){{{dark_rules(theme)}}}</style>"
    return _SHORTER.sub(rb"\1", svg.replace(b"</metadata>", b"</metadata>" + sheet.encode(), 1))
