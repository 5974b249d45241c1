"""Write reports: one page with figures, tables, definitions and provenance, and their files."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Final

import jinja2
import pandas as pd
from matplotlib.figure import Figure

from usage_analysis.analysis.billing import PRICE
from usage_analysis.analysis.columns import finished
from usage_analysis.analysis.selection import Selection
from usage_analysis.analysis.vocabulary import number, several
from usage_analysis.errors import QueryError
from usage_analysis.figures.colour import contrast
from usage_analysis.figures.provenance import provenance_of
from usage_analysis.figures.style import (
    WIDTH,
    Theme,
    alt_text,
    figure_style,
    picture,
    theme_in_use,
    title_of,
)
from usage_analysis.report.facts import Facts, Section
from usage_analysis.report.sections import sections_of
from usage_analysis.report.summary import findings
from usage_analysis.report.tables import csv_of, has_parquet, html_table, rows_in_words, write_table
from usage_analysis.tidy.frame_check import check_frame
from usage_analysis.tidy.usage import CallUsage

Progress = Callable[[int, int], None]

#: Width of the figures that a page shows on a phone [in].
NARROW_WIDTH: Final = 4.2
_DARK: Final = {"page": "#1E1E1E", "ink": "#ECECEC", "muted": "#B4B4B4", "grid": "#3A3A3A",
                "empty": "#333333"}  # fmt: skip
# Coordinates to a hundredth of a point; those of transforms begin with a bracket and stay.
_SHORTER: Final = re.compile(rb"(?<=[ \n\"])(-?\d+\.\d\d)\d+(?=[ \n\"])")
_LOGOS: Final = {".svg": "image/svg+xml", ".png": "image/png"}


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """Limit, budget and price of the account, and the look of a report.

    Parameters
    ----------
    limit
        Maximum number of concurrent calls.
    budget
        Billed minutes that a month may come to.
    price
        Price per billed minute [USD]; the vendor's USD 0.05 by default.
    title
        Heading of the page.
    theme
        Colours, fonts and logo.
    single_file
        Write the page without files beside it, for a page that is sent.

    Examples
    --------
    >>> ReportOptions(limit=5, price="0.07").title
    'Call usage'
    """

    limit: int | None = None
    budget: float | None = None
    price: Decimal | str | float = PRICE
    title: str = "Call usage"
    theme: Theme | None = None
    single_file: bool = False


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
    progress: Progress | None = None,
) -> Path:
    """Write a report with its figures (SVG, PNG) and tables, and return the path of its page.

    The page loads nothing and has no script. An error leaves the folder as it was, because all
    files are made before the first one is put there.

    Parameters
    ----------
    usage
        The reply to report on; it needs hourly rows.
    folder
        Where to write; made if it does not exist.
    timezone
        Time zone of days and hours, UTC by default: short for ``Selection(timezone=...)``.
    selection
        Days, hours of the day, weekend and marks, and the filters in your words. By default the
        days that the reply was asked for.
    previous
        The reply of a previous period, to compare with.
    breakdown
        A reply with groups, for the section on them.
    sections
        Names out of ``comparison``, ``trend``, ``peaks``, ``errors``, ``joins``, ``capacity``,
        ``billing``, ``month``, ``groups``, ``checks``, ``terms``, in the order in which they are
        wanted; by default all that the data allow. Provenance is always there.
    options
        Limit, budget and price of the account; title and theme of the page.
    progress
        Called with the number of steps done and the number of all.

    Raises
    ------
    QueryError
        An unknown section, a section whose data were not given, a time zone given twice, a reply
        without hourly rows or error counts, or no hour in the selected days.

    Examples
    --------
    >>> import tempfile
    >>> import usage_analysis as ua
    >>> usage = ua.sample_client().call_usage(from_date="2026-03-30", to_date="2026-03-31")
    >>> page = ua.build_report(usage, tempfile.mkdtemp(), sections=["checks"])
    >>> page.name
    'report.html'
    """
    check_frame("build_report", usage.hourly, "error_count", "billed_minutes")
    if timezone is not None and selection is not None:
        raise QueryError("timezone: expected it in the selection alone, got both")
    chosen = selection or Selection(timezone=timezone or "UTC")
    options = options or ReportOptions()
    selected = chosen.of(usage, breakdown=breakdown, previous=previous)
    facts = Facts(
        selected,
        provenance_of(selected),
        limit=options.limit,
        budget=options.budget,
        price=options.price,
    )
    return write_report(facts, folder, options, sections=sections, progress=progress)


def write_report(
    facts: Facts,
    folder: str | os.PathLike[str],
    options: ReportOptions,
    *,
    sections: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the report of computed results and return the path of its page."""
    target = Path(folder)
    if target.exists() and not target.is_dir():
        raise QueryError(f"folder: expected a folder or a new name, got the file {str(target)!r}")
    with figure_style(options.theme):
        logo = _logo(theme_in_use())
        chosen = list(sections_of(facts, sections))
        page = _Page(facts, chosen, sections is None or "terms" in sections, options, logo)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".report-") as made:
            names = page.write(Path(made), progress or (lambda _done, _all: None))
            target.mkdir(exist_ok=True)
            for name in names:
                (Path(made) / name).replace(target / name)
    return target / "report.html"


def _logo(theme: Theme) -> str | None:
    """Address of the logo that holds the logo itself."""
    if theme.logo is None:
        return None
    path = Path(theme.logo)
    if path.suffix.lower() not in _LOGOS or not path.is_file():
        raise QueryError(f"logo: expected an .svg or .png file, got {str(path)!r}")
    return _address(path.read_bytes(), _LOGOS[path.suffix.lower()])


def _address(body: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(body).decode()}"


@dataclass(frozen=True)
class _Shown:
    """A figure on the page: wide, narrow, as alternative text, with its table."""

    wide: str
    narrow: str
    alt: str
    title: str
    table: str
    rows: str


@dataclass(frozen=True)
class _Page:
    """One report, its data computed."""

    facts: Facts
    sections: Sequence[Section]
    terms: bool
    options: ReportOptions
    logo: str | None

    def write(self, folder: Path, progress: Progress) -> list[str]:
        """Names of the files written, the page last."""
        steps = sum(len(section.pictures) for section in self.sections) + 2
        names: list[str] = []
        shown: dict[str, list[_Shown]] = {}
        done = 0
        for section in self.sections:
            shown[section.name] = []
            for one in section.pictures:
                progress(done, steps)
                wide, narrow = one.draw(WIDTH), one.draw(NARROW_WIDTH)
                svg = picture(wide, "svg")
                if not self.options.single_file:
                    names += _write_figure(wide, svg, folder / one.name)
                shown[section.name].append(_shown(wide, svg, narrow, one.table))
                done += 1
        progress(done, steps)
        for name, table in self._tables().items():
            names += write_table(table, folder, name)
        progress(done + 1, steps)
        digest = hashlib.sha256(csv_of(self.facts.selected.hourly)).hexdigest()
        (folder / "report.html").write_text(self._html(shown, names, digest), encoding="utf-8")
        progress(steps, steps)
        return [*names, "report.html"]

    def _tables(self) -> dict[str, pd.DataFrame]:
        """Every table by its file's name, none for a page alone."""
        if self.options.single_file:
            return {}
        tables = {"hourly": self.facts.selected.hourly, "daily": self.facts.selected.daily}
        for section in self.sections:
            tables |= {one.name: one.table for one in section.pictures}
            tables |= {name: one.table for name, one in section.tables.items()}
        return tables

    def _html(self, shown: dict[str, list[_Shown]], names: list[str], digest: str) -> str:
        loader = jinja2.PackageLoader("usage_analysis.report", ".")
        page = jinja2.Environment(
            loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
        ).get_template("page.html.j2")
        return page.render(
            about=self.facts.about,
            theme=theme_in_use(),
            logo=self.logo,
            notes=self._notes(),
            totals=self._totals(),
            summary=findings(self.facts, [section.name for section in self.sections]),
            sections=self.sections,
            shown=shown,
            html_table=html_table,
            terms=self.terms,
            version=version("usage-analysis"),
            digest=digest,
            assumed=self._assumed(),
            files=names,
            options=self.options,
        )

    def _assumed(self) -> bool:
        """Return True if the date of the data is unknown and assumed."""
        usage = self.facts.selected.usage
        days = usage.daily.index
        return usage.source == "file" and usage.as_of == days[-1] + pd.Timedelta(days=1)

    def _totals(self) -> list[tuple[str, str]]:
        total = self.facts.selected.hourly.drop(columns="provisional").sum()
        joined, talk = total["joined_count"], total["duration"].total_seconds()
        minutes, seconds = divmod(round(talk / joined) if joined else 0, 60)
        mean = f"{minutes:,} min {seconds:02} s" if joined else "none joined"
        return [
            ("Calls", f"{total['total_count']:,.0f}"),
            ("Joined", f"{joined:,.0f}"),
            ("Failed", f"{total['error_count']:,.0f}"),
            ("Talk", f"{number(talk / 60, 'duration')} min"),
            ("Average call length", mean),
            ("Billed", f"{number(total['billed_minutes'], 'billed_minutes')} min"),
        ]

    def _notes(self) -> list[str]:
        facts, notes = self.facts, []
        left_out = int((~finished(facts.selected.daily)).sum())
        if left_out:
            notes.append(
                f"{left_out} of {several(len(facts.selected.daily), 'day')} "
                f"{'is' if left_out == 1 else 'are'} incomplete or provisional: left out of "
                "means, daily rates and busy hours, and kept in the totals."
            )
        provisional = int(facts.selected.hourly["provisional"].sum())
        if provisional:
            notes.append(
                f"The last {'hour is' if provisional == 1 else f'{provisional} hours are'} "
                "provisional: still running, or so recent that "
                "billed minutes can still grow."
            )
        for mark in facts.selected.selection.marks:
            if mark.leave_out and mark.end is not None:
                place = facts.about.timezone
                start, end = (t.tz_convert(place) for t in (mark.start, mark.end))
                notes.append(
                    f"{mark.label}: {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} is left out of "
                    "means and limits, and kept in the totals."
                )
        if self._assumed():
            notes.append(
                f"The reply does not say when it was fetched. {facts.about.as_of:%Y-%m-%d %H:%M} "
                "UTC, the end of its last day, is assumed."
            )
        if facts.selected.usage.source == "sample":
            notes.append("These are simulated calls of the sample account.")
        if not self.options.single_file and not has_parquet():
            notes.append(
                "Tables are only CSV. For Parquet, install pyarrow: "
                'pip install "usage-analysis[parquet]".'
            )
        return notes


def _write_figure(figure: Figure, svg: bytes, path: Path) -> list[str]:
    """Names of the SVG and the PNG written of a figure."""
    path.with_suffix(".svg").write_bytes(svg)
    path.with_suffix(".png").write_bytes(picture(figure, "png", dpi=200))
    return [f"{path.name}.svg", f"{path.name}.png"]


def _shown(wide: Figure, svg: bytes, narrow: Figure, table: pd.DataFrame) -> _Shown:
    theme = theme_in_use()
    images = (_in_the_dark(body, theme) for body in (svg, picture(narrow, "svg")))
    first, second = (_address(body, "image/svg+xml") for body in images)
    return _Shown(
        first, second, alt_text(wide), title_of(wide), html_table(table), rows_in_words(table)
    )


def _in_the_dark(svg: bytes, theme: Theme) -> bytes:
    """Add colours for dark screens to an SVG.

    An SVG in a page follows the reader's choice by itself, so that one image does for both. Heat
    maps are images within and stay; so does text on them, which is black or white.
    """
    swap = {getattr(theme, name): dark for name, dark in _DARK.items()}
    if contrast(theme.main, _DARK["page"]) < contrast(theme.soft, _DARK["page"]):
        swap |= {theme.main: theme.soft, theme.soft: theme.main}
    rules = [
        f'{tag}[style*="{part}: {light.lower()}"]{{{part}:{dark}!important}}'
        for light, dark in swap.items()
        for part in ("fill", "stroke")
        for tag in (("text",) if light == theme.ink else ("path", "use", "g", "text"))
        if not (tag == "text" and light == theme.page)
    ]
    rules += [
        f'{tag}[style*="{part}: {theme.ink.lower()}"]{{{part}:{_DARK["ink"]}!important}}'
        for tag in ("path", "use", "g")
        for part in ("fill", "stroke")
    ]
    style = f"<style>@media screen and (prefers-color-scheme:dark){{{''.join(rules)}}}</style>"
    return _SHORTER.sub(rb"\1", svg.replace(b"</metadata>", b"</metadata>" + style.encode(), 1))
