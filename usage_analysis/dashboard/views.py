"""Views: the figures of each tab, and the chosen figure with its cached reply and its Python."""

import base64
import html
import re
import tempfile
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Final, NamedTuple

import pandas as pd
from matplotlib.axes import Axes

from usage_analysis.analysis.quality import reconcile
from usage_analysis.analysis.selection import Days, SelectedUsage, Selection, group_rows
from usage_analysis.analysis.statements.checks import state_checks
from usage_analysis.dashboard.dates import LABELS
from usage_analysis.dashboard.queries import Question, grouping_of
from usage_analysis.dashboard.settings import Settings
from usage_analysis.figures.axes import figure_of
from usage_analysis.figures.catalogue import CATALOGUE
from usage_analysis.figures.entry import Options, Prepared
from usage_analysis.figures.style import NARROW_WIDTH, picture
from usage_analysis.query import zone
from usage_analysis.report.page import write_report
from usage_analysis.report.tables import ReportOptions, ReportResults
from usage_analysis.tidy.frames import REST, group_column
from usage_analysis.tidy.groups import sum_groups
from usage_analysis.tidy.periods import in_timezone
from usage_analysis.tidy.table_files import WRITERS
from usage_analysis.tidy.usage import CallUsage
from usage_analysis.tidy.zones import whole_hours

#: Figures of the catalogue that each tab offers, in their order.
ON_TABS: Final[dict[str, list[str]]] = LABELS["figures"]
VIEWS: Final = {name: CATALOGUE[name] for names in ON_TABS.values() for name in names}
_WIDE: Final = 92
_COMMA: Final = ",\n    "


def views_of(settings: Settings) -> list[tuple[str, str]]:
    """Return headings and names of the figures that the settings' tab offers."""
    grouped, compared = bool(settings.group), settings.comparable
    entries = [CATALOGUE[name] for name in ON_TABS[settings.tab]]
    return [
        (entry.heading, entry.name)
        for entry in entries
        if grouped >= entry.needs_groups and compared >= (entry.previous in ("whole", "final"))
    ]


@dataclass(frozen=True, eq=False)
class View:
    """The chosen figure with its data.

    Parameters
    ----------
    settings
        Values of the controls.
    cached
        The reply that holds the data.
    client
        Python that makes the client; "" where that is unknown.
    """

    settings: Settings
    cached: "CachedUsage"
    client: str
    _prepared: dict[tuple[str, str | None], Prepared] = field(default_factory=dict, init=False)

    @cached_property
    def selected(self) -> SelectedUsage:
        """Selected rows."""
        grouped = bool(self.settings.group) and bool(self.cached.question.by)
        return self.cached.selected(self.settings.selection, grouped=grouped)

    @property
    def prepared(self) -> Prepared:
        """The chosen figure with its result."""
        return self.prepare(self.settings.view)

    def prepare(self, name: str, event: str | None = None) -> Prepared:
        """Return a figure of the same data with its result."""
        settings = self.settings
        options = Options(
            measure=settings.measure,
            every=settings.granularity,
            grouped=self.selected.group_hours is not None,
            event=event,
            limit=settings.limit,
            price=settings.price,
        )
        if (name, event) not in self._prepared:
            self._prepared[name, event] = CATALOGUE[name].prepare(self.selected, options)
        return self._prepared[name, event]

    def draw(self, *, narrow: bool = False) -> Axes:
        """Draw the chosen figure; a narrow one fits a phone."""
        return self.prepared.figure(NARROW_WIDTH).axes[0] if narrow else self.prepared.draw()

    @cached_property
    def python(self) -> str:
        """Python lines from the client to the figure."""
        return "\n".join([*self._rows_in_python(self.prepared), *self.prepared.lines])

    def _rows_in_python(self, prepared: Prepared) -> list[str]:
        """Return Python that makes `hourly` and `about`, and `previous` for a comparison."""
        settings, by_group = self.settings, prepared.grouped
        days = settings.days.history if prepared.entry.rows == "history" else settings.days
        earlier = settings.previous if prepared.names["previous"] is not None else None
        learned = None if prepared.names["earlier"] is None else settings.days.weeks_before
        firsts = [part.first for part in (earlier, learned, days) if part is not None]
        asked = Days(min(firsts), days.last)
        out = ["import usage_analysis as ua", ""]
        out.append(f"client = {self.client or '...  # yours'}")
        out.append(f"usage = {self._call_that_fetches(asked, by_group=by_group)}")
        hours = f"ua.in_timezone(usage.hourly, {settings.timezone!r})"
        if prepared.entry.single_hours and self.selected.single_hours is not self.selected:
            hours = f"usage.hourly.tz_convert({settings.timezone!r}).assign(hours=1.0)"
        if by_group or earlier is not None or settings.hours is not None:
            out.append(f"hours = {hours}")
            hours = "hours"
        if settings.hours is not None:
            low, high = settings.hours
            how = "&" if low < high else "|"
            out.append(
                f"hours = hours[(hours.index.hour >= {low}) {how} (hours.index.hour < {high})]"
            )
        out.append(f"hourly = {_cut_in_words(hours, days, by_group=by_group)}")
        for name, part in (("previous", earlier), ("earlier", learned)):
            if part is not None:
                out.append(f"{name} = {_cut_in_words(hours, part, by_group=by_group)}")
        words = settings.selection.filters_in_words({})
        filters = f", filters={words!r}" if words else ""
        out.append(f"about = ua.Provenance.of(usage, hourly{filters})")
        return out

    def _call_that_fetches(self, days: Days, *, by_group: bool) -> str:
        """Return the call that fetches local days, of all calls or by group."""
        question = self.cached.question
        by = self.settings.group if by_group else ""
        call, given = "call_usage", []
        if by:
            groups = question.groups
            named = {"agent": "by_agent", "voice": "by_voice"}
            call = named.get(by, "by_metadata")
            given = [repr(groups)] if by in named else [repr(by), repr(list(groups))]
            rest = (self.selected.breakdown[grouping_of(by, {}).column] == REST).any()
            given += ["include_rest=True"] if rest else []
        asked = {
            "from_date": f"{days.first}",
            "to_date": f"{days.last}",
            "timezone": self.settings.timezone,
            **replace(question, by=by).filters(),
        }
        given += [f"{name}={value!r}" for name, value in asked.items()]
        line = f"client.{call}({', '.join(given)})"
        return line if len(line) <= _WIDE else f"client.{call}(\n    {_COMMA.join(given)},\n)"


def _cut_in_words(hours: str, days: Days, *, by_group: bool) -> str:
    """Return Python that cuts local days out of hours."""
    # `loc` refuses the repeated times of groups.
    if not by_group:
        return f'{hours}.loc["{days.first}":"{days.last}"]'
    return f'ua.between_days({hours}, "{days.first}", "{days.last}")'


@dataclass(frozen=True, eq=False)
class CachedUsage:
    """One reply, with its hours in each time zone that was selected.

    Parameters
    ----------
    question
        Query of the reply.
    usage
        The reply.
    """

    question: Question
    usage: CallUsage
    _local: dict[tuple[str, Any, bool], pd.DataFrame] = field(default_factory=dict, init=False)

    def selected(
        self, selection: Selection, *, grouped: bool, clock: Any = in_timezone
    ) -> SelectedUsage:
        """Return the rows of a selection, with the rows of groups if `grouped` is true."""
        place = str(zone(selection.timezone))
        hours = self._hours(place, clock, grouped=False)
        return SelectedUsage(
            selection=selection,
            usage=self.whole_usage,
            all_hours=hours,
            group_hours=self._hours(place, clock, grouped=True) if grouped else None,
            earlier_hours=None if selection.previous is None else hours,
            undivided=partial(self.selected, selection, grouped=grouped, clock=whole_hours),
        )

    def _hours(self, timezone: str, clock: Any, *, grouped: bool) -> pd.DataFrame:
        key = (timezone, clock, grouped)
        if key not in self._local:
            rows = group_rows(self.usage) if grouped else self.whole_usage.hourly
            self._local[key] = clock(rows, timezone)
        return self._local[key]

    @cached_property
    def warning(self) -> str:
        """Sentence on failed consistency checks that make the numbers doubtful; empty without."""
        found = state_checks(reconcile(self.whole_usage))
        return found.sentence if found.urgent else ""

    @cached_property
    def whole_usage(self) -> CallUsage:
        """The reply with all groups added up."""
        return sum_groups(self.usage)

    @cached_property
    def largest(self) -> list[str]:
        """Names of the groups that have calls, the largest first."""
        group = group_column(self.usage.hourly)
        if group is None:
            return []
        counts = self.usage.hourly.groupby(group, sort=False)["total_count"].sum()
        counts = counts[counts > 0].sort_values(ascending=False, kind="stable")
        return [str(name) for name in counts.index if name != REST]


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
        pyarrow is not installed for Parquet, or there are too few data for a report.
    """
    suffix, media = _KINDS[kind]
    settings = view.settings
    name = f"{settings.view}-{settings.first}-{settings.last}-{settings.timezone}"
    name = f"{re.sub('[^A-Za-z0-9-]+', '_', name)}.{suffix}"
    if kind == "Report":
        return Download(f"report-{name}", media, _report(view))
    if write := WRITERS.get(f".{suffix}"):
        return Download(name, media, write(view.prepared.result))
    return Download(name, media, picture(figure_of(axes), suffix, dpi=200))


def _report(view: View) -> bytes:
    """Return a report of the selected data as one page."""
    limit, price = view.settings.limit, view.settings.price
    options = ReportOptions(single_file=True, limit=limit, price=price)
    with tempfile.TemporaryDirectory() as folder:
        return write_report(ReportResults(view.selected, options), folder).read_bytes()
