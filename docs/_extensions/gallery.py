"""Pages of the gallery: one per figure of the catalogue, with the Python that draws it.

The Python comes from the catalogue itself, which the report and the dashboard draw from.
"""

import inspect
from datetime import date
from pathlib import Path

from sources import replace_sources
from sphinx.application import Sphinx

import usage_analysis as ua
from usage_analysis.analysis.selection import SelectedUsage, Selection
from usage_analysis.dashboard.settings import TABS
from usage_analysis.dashboard.views import ON_TABS
from usage_analysis.figures.catalogue import CATALOGUE
from usage_analysis.figures.entry import Entry, Options

ZONE = "America/New_York"
DAYS = ("2026-03-02", "2026-03-29")
BEFORE = ("2026-02-02", "2026-03-01")
HISTORY = ("2026-01-05", DAYS[1])
"""Days from which a projection for March is made."""
OPTIONS = Options(limit=8, budget=70_000, price="0.05")

FETCH = """\
import usage_analysis as ua

client = ua.sample_client()
usage = client.{call}(
    {groups}from_date="{first}", to_date="{last}", timezone="{zone}"
)
hours = ua.in_timezone(usage.hourly, "{zone}")
"""
ABOUT = "about = ua.Provenance.of(usage, hourly)\n"
CUT = '{name} = ua.between_days(hours, "{first}", "{last}")\n'

PAGE = """\
# {tab}: {heading}

{summary}

```{{example}}
:thumbnail:

{code}
```

Functions: {names}.
"""
INDEX = """\
# Gallery

Every figure that the package draws, on the sample account. The report and the dashboard draw
the same figures with the same Python. Choose one to see its code.
"""
CARD = """
:::{{grid-item-card}} {heading}
:link: {name}
:link-type: doc

```{{thumbnail}} gallery/{name}
```
:::
"""


def select() -> SelectedUsage:
    """Return the days that the gallery draws, with agents and the previous period."""
    client = ua.sample_client()
    asked = {"from_date": HISTORY[0], "to_date": DAYS[1], "timezone": ZONE}
    selection = Selection(
        timezone=ZONE,
        from_date=DAYS[0],
        to_date=DAYS[1],
        previous=(date.fromisoformat(BEFORE[0]), date.fromisoformat(BEFORE[1])),
    )
    return selection.of(
        client.call_usage(**asked), breakdown=client.by_agent(ua.sample.AGENTS, **asked)
    )


def python_of(entry: Entry, selected: SelectedUsage) -> str:
    """Return the Python from the client to the axes of a figure."""
    prepared = entry.prepare(selected, OPTIONS)
    parts = {"hourly": HISTORY if entry.rows == "history" else DAYS}
    if prepared.names["previous"] is not None:
        parts["previous"] = BEFORE
    call, groups = ("by_agent", "ua.sample.AGENTS, ") if prepared.grouped else ("call_usage", "")
    first = min(days[0] for days in parts.values())
    last = parts["hourly"][1]
    code = FETCH.format(call=call, groups=groups, first=first, last=last, zone=ZONE)
    for name, days in parts.items():
        code += CUT.format(name=name, first=days[0], last=days[1])
    return code + ABOUT + "\n" + "\n".join([*prepared.lines, "ax"])


def write_pages(app: Sphinx) -> None:
    """Write the sources of the gallery."""
    selected = select()
    pages = {entry.name: page_of(entry, selected) for entry in CATALOGUE.values()}
    replace_sources(Path(app.srcdir) / "gallery", ".md", pages | {"index": index_page()})


def tabs() -> dict[str, list[Entry]]:
    """Return the figures by the heading under which the dashboard offers them."""
    found = {TABS[tab]: [CATALOGUE[name] for name in names] for tab, names in ON_TABS.items()}
    offered = {entry.name for entries in found.values() for entry in entries}
    reports = [entry for entry in CATALOGUE.values() if entry.name not in offered]
    return found | {"Reports": reports}


def page_of(entry: Entry, selected: SelectedUsage) -> str:
    """Return the page of a figure."""
    tab = next(tab for tab, entries in tabs().items() if entry in entries)
    plot = entry.plot.function
    summary = inspect.getdoc(plot).partition("\n\n")[0].replace("\n", " ")
    used = [step.function.__name__ for step in (*entry.steps, entry.plot)]
    names = ", ".join(f"`{name}`" for name in dict.fromkeys(used))
    return PAGE.format(
        tab=tab,
        heading=entry.heading[0].lower() + entry.heading[1:],
        summary=summary,
        code=python_of(entry, selected),
        names=names,
    )


def index_page() -> str:
    """Return the page with all thumbnails."""
    parts = [INDEX]
    for tab, entries in tabs().items():
        cards = "".join(CARD.format(heading=each.heading, name=each.name) for each in entries)
        parts.append(f"\n## {tab}\n\n::::{{grid}} 2 2 3 3\n:gutter: 3\n{cards}\n::::\n")
    pages = "\n".join(entry.name for entries in tabs().values() for entry in entries)
    return "".join(parts) + f"\n```{{toctree}}\n:hidden:\n\n{pages}\n```\n"


def setup(app: Sphinx) -> dict[str, object]:
    """Write the pages before they are read."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
