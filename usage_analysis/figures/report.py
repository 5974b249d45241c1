"""Pages: figures, tables, definitions and provenance in a folder, and one page that shows them."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, tzinfo
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from usage_analysis.analysis.peaks import busy_hour, describe_peak, load_profile, peak_hours
from usage_analysis.analysis.rates import error_rate, join_rate
from usage_analysis.errors import QueryError
from usage_analysis.figures import plots
from usage_analysis.figures.axes import WEEKDAYS, finished
from usage_analysis.figures.style import Provenance, save_figure
from usage_analysis.query import zone
from usage_analysis.tidy.frames import CallUsage, require
from usage_analysis.tidy.periods import aggregate, in_timezone

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Section:
    """One finding: its words, its picture, the table beneath."""

    name: str
    title: str
    alt: str
    draw: Callable[[], Axes]
    table: pd.DataFrame


def build_report(
    usage: CallUsage,
    folder: str | os.PathLike[str],
    *,
    timezone: str | tzinfo = "UTC",
    from_date: date | str | None = None,
    to_date: date | str | None = None,
    title: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Path of the ``report.html`` written, its figures (SVG, PNG) and tables (CSV) beside it.

    Everything is made before anything is put in the folder: an error leaves it as it was.

    Parameters
    ----------
    usage
        The reply to report on; it needs hourly rows.
    folder
        Where to write; made if it is not there.
    timezone
        Whose clock hours and days are meant.
    from_date, to_date
        Local days, both inclusive, to cut the data to.
    title
        Heading of the page.
    progress
        Called with the number of steps done and the number of all.

    Raises
    ------
    QueryError
        Unknown zone, a reply without hourly rows or error counts, or no hour in the days asked for.
    """
    page = _Page(usage, timezone, from_date, to_date, title)
    target = Path(folder)
    if target.exists() and not target.is_dir():
        raise QueryError(f"folder: expected a folder or a new name, got the file {str(target)!r}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".report-") as made:
        names = page.write(Path(made), progress or (lambda _done, _all: None))
        target.mkdir(exist_ok=True)
        for name in names:
            (Path(made) / name).replace(target / name)
    return target / "report.html"


class _Page:
    """The data of one report, computed once."""

    def __init__(
        self,
        usage: CallUsage,
        timezone: str | tzinfo,
        from_date: date | str | None,
        to_date: date | str | None,
        title: str | None,
    ) -> None:
        require("build_report", usage.hourly, "error_count", "billed_minutes")
        self.usage = usage
        self.zone = zone(timezone)
        self.hourly = _cut(in_timezone(usage.hourly, self.zone), from_date, to_date)
        self.daily = aggregate(self.hourly, "D")
        self.days = self.daily[finished(self.daily)]
        self.about = Provenance.of(usage, self.hourly, timezone=self.zone)
        self.title = title or "Call usage"

    def sections(self) -> list[_Section]:
        """The findings, in the order in which they are read."""
        errors, joins = error_rate(self.days), join_rate(self.days)
        profile = load_profile(self.hourly, by="hour_of_week")
        peak = _sentence_case(str(describe_peak(self.hourly)))
        place = self.about.timezone
        return [
            _Section(
                "week",
                peak,
                f"Heat map of mean calls an hour by weekday and hour of day ({place}). {peak}",
                lambda: plots.plot_week(profile, title=peak, about=self.about),
                profile,
            ),
            self._trend("total_count", "calls"),
            self._trend("billed_minutes", "billed minutes"),
            self._rate("error_rate", errors, error_rate),
            self._rate("join_rate", joins, join_rate),
        ]

    def _trend(self, measure: str, words: str) -> _Section:
        values = self.days[measure]
        finding = f"No finished day yet, so no mean of {words} a day"
        if len(values):
            busiest = values.idxmax()
            finding = (
                f"{values.mean():,.0f} {words} a day on average over {len(values)} whole "
                f"{_days(len(values))}, most on {busiest:%A %Y-%m-%d} ({values.max():,.0f})"
            )
        return _Section(
            f"{words.replace(' ', '_')}_a_day",
            finding,
            f"Line of {words} a day with the mean of 7 days. {finding}.",
            lambda: plots.plot_trend(self.daily, measure=measure, title=finding, about=self.about),
            self.daily,
        )

    def _rate(self, name: str, rates: pd.DataFrame, rate: Callable[..., pd.DataFrame]) -> _Section:
        whole = len(self.days) > 0
        what = name.replace("_", " ")
        finding = _rate_in_words(
            what, rate(self.days if whole else self.hourly, by="total").iloc[0]
        )
        if whole:
            finding += f" over {len(self.days)} whole {_days(len(self.days))}"
        return _Section(
            f"{name}_a_day",
            finding,
            f"Line of the {what} of each whole day with its 95 % interval as a band. {finding}.",
            lambda: plots.plot_error_rate(rates, what=what, title=finding, about=self.about),
            rates,
        )

    def tables(self) -> dict[str, pd.DataFrame]:
        """Every table by its file's name."""
        return {
            "hourly": self.hourly,
            "daily": self.daily,
            "busy_hour": self._busy_hours(),
            "peak_hours": peak_hours(self.hourly, 5),
            "hour_of_day": load_profile(self.hourly, by="hour_of_day"),
            "hour_of_week": load_profile(self.hourly, by="hour_of_week"),
            "error_rate_a_day": error_rate(self.days),
            "join_rate_a_day": join_rate(self.days),
            "error_rate_by_hour_of_day": error_rate(self.hourly, by="hour_of_day"),
        }

    def _busy_hours(self) -> pd.DataFrame:
        """Busy hours by both methods, no row where no day holds every clock hour."""
        try:
            found = {
                "tcbh": busy_hour(self.hourly, method="tcbh"),
                "adph": busy_hour(self.hourly, method="adph"),
            }
        except QueryError:
            found = {}
        return pd.DataFrame(found).T.rename_axis("method")

    def write(self, folder: Path, progress: Progress) -> list[str]:
        """Names of the files written, the page last."""
        sections, tables = self.sections(), self.tables()
        steps, names, shown = len(sections) + 2, [], []
        for done, section in enumerate(sections):
            progress(done, steps)
            figure = plots.figure_of(section.draw())
            svg = save_figure(figure, folder / f"{section.name}.svg")
            png = save_figure(figure, folder / f"{section.name}.png")
            names += [svg.name, png.name]
            image = base64.b64encode(svg.read_bytes()).decode()
            shown.append((section, image, _html(section.table)))
        progress(len(sections), steps)
        for name, table in tables.items():
            (folder / f"{name}.csv").write_text(_csv(table), encoding="utf-8", newline="")
            names.append(f"{name}.csv")
        progress(len(sections) + 1, steps)
        (folder / "report.html").write_text(self._html(shown, tables, names), encoding="utf-8")
        progress(steps, steps)
        return [*names, "report.html"]

    def _html(
        self,
        shown: list[tuple[_Section, str, str]],
        tables: dict[str, pd.DataFrame],
        names: list[str],
    ) -> str:
        loader = jinja2.PackageLoader("usage_analysis.figures", ".")
        page = jinja2.Environment(
            loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
        ).get_template("report.html.j2")
        return page.render(
            title=self.title,
            about=self.about,
            subtitle=self.about.subtitle(),
            notes=self._notes(),
            totals=self._totals(),
            sections=shown,
            busy=_html(tables["busy_hour"]) if len(tables["busy_hour"]) else None,
            peaks=_html(tables["peak_hours"]),
            files=names,
            digest=hashlib.sha256(_csv(self.hourly).encode()).hexdigest(),
        )

    def _totals(self) -> list[tuple[str, str]]:
        total = self.hourly[["total_count", "joined_count", "error_count", "billed_minutes"]].sum()
        joined = total["joined_count"]
        talk = pd.Timedelta(self.hourly["duration"].sum()).total_seconds()
        mean = f"{talk / joined:,.1f} s" if joined else "none joined"
        return [
            ("Calls", f"{total['total_count']:,.0f}"),
            ("Joined", f"{joined:,.0f}"),
            ("In error", f"{total['error_count']:,.0f}"),
            ("Talk", f"{talk / 3600:,.1f} h"),
            ("Mean of a joined call", mean),
            ("Billed", f"{total['billed_minutes']:,.1f} min"),
        ]

    def _notes(self) -> list[str]:
        notes = []
        left_out = len(self.daily) - len(self.days)
        if left_out:
            notes.append(
                f"{left_out} of {len(self.daily)} days are not whole or not final: left out of "
                "means, rates a day and busy hours, kept in the totals."
            )
        provisional = int(self.hourly["provisional"].sum())
        if provisional:
            notes.append(
                f"The last {provisional} hours are provisional: still running, or so recent that "
                "billed minutes can grow."
            )
        if self.usage.source == "sample":
            notes.append("These are the simulated calls of the sample account, nobody's own.")
        return notes


def _sentence_case(text: str) -> str:
    return text[:1].upper() + text[1:]


def _days(count: int) -> str:
    return "day" if count == 1 else "days"


def _rate_in_words(what: str, total: pd.Series) -> str:
    """A rate in a sentence, with its n and its interval."""
    calls, events = round(total["calls"]), round(total["events"])
    if calls == 0:
        return f"No calls, so no {what}"
    few = "" if total["enough"] else "; too few calls to tell much"
    return (
        f"{what.capitalize()} {100 * total['rate']:.2f} % ({events:,} of {calls:,} calls, "
        f"95 % interval {100 * total['low']:.2f} to {100 * total['high']:.2f} %{few})"
    )


def _cut(
    hourly: pd.DataFrame, from_date: date | str | None, to_date: date | str | None
) -> pd.DataFrame:
    """Rows of the local days asked for."""
    days = pd.DatetimeIndex(hourly.index).tz_localize(None)
    kept = np.ones(len(hourly), dtype=np.bool_)
    if from_date is not None:
        kept &= days >= pd.Timestamp(from_date)
    if to_date is not None:
        kept &= days < pd.Timestamp(to_date) + pd.Timedelta(days=1)
    if not kept.any():
        raise QueryError(
            f"from_date, to_date: expected days that the reply has, got {from_date} to {to_date}"
        )
    return hourly[kept]


def _flat(table: pd.DataFrame) -> pd.DataFrame:
    """A table as files show it: durations in seconds, the index as columns."""
    flat = table.reset_index()
    for name in table.select_dtypes("timedelta").columns:
        flat[name] = flat[name].dt.total_seconds()
        flat = flat.rename(columns={name: f"{name}_seconds"})
    return flat


def _csv(table: pd.DataFrame) -> str:
    out = io.StringIO()
    flat = _flat(table)
    if "time" in flat:
        flat = flat.assign(time=[moment.isoformat() for moment in flat["time"]])
    flat.to_csv(out, index=False, lineterminator="\n")
    return out.getvalue()


def _html(table: pd.DataFrame) -> str:
    flat = _flat(table)
    if "time" in flat:
        flat = flat.assign(time=[f"{moment:%Y-%m-%d %H:%M}" for moment in flat["time"]])
    if "day_of_week" in flat:
        flat["day_of_week"] = [WEEKDAYS[day] for day in flat["day_of_week"]]
    return flat.to_html(index=False, border=0, float_format="{:,.4g}".format, na_rep="none")
