"""Controls of the dashboard and their layout."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import ipywidgets as widgets

from usage_analysis.analysis.vocabulary import UNITS
from usage_analysis.dashboard.dates import COMPARISONS, GRANULARITIES, PRESETS, zones
from usage_analysis.dashboard.picture import STYLE
from usage_analysis.dashboard.settings import MEASURES, TABS, Settings, label_of, meta_of
from usage_analysis.dashboard.views import VIEWS, views_of
from usage_analysis.fetch.base import AccountNames

FORMATS: Final = ("PNG", "SVG", "PDF", "CSV", "Parquet", "Report")
#: Controls that only some figures depend on.
SOMETIMES: Final = frozenset().union(*(view.heeds for view in VIEWS.values()))


class Chooser:
    """List of names to select, with a search field and buttons for all and none.

    Parameters
    ----------
    what
        Noun for a name: ``"agent"``.
    none
        Meaning of an empty selection.
    """

    def __init__(self, what: str, none: str) -> None:
        self._names: tuple[str, ...] = ()
        label = f"{label_of(f'{what}s')} (none chosen: {none})"
        self.list = _with_label(widgets.SelectMultiple, label, name=f"{what}s")
        article = "an" if what[0] in "aeiou" else "a"
        self.find = _with_label(
            widgets.Text, f"Find {article} {what}", placeholder="part of a name"
        )
        self.all = _button("All", f"Choose every {what} that is listed", f"all-{what}s")
        self.none = _button("None", f"Choose no {what}: {none}", f"no-{what}s")

    def offer(self, names: Sequence[str], chosen: tuple[str, ...]) -> None:
        """Offer names and select some of them."""
        self._names = tuple(names)
        self.list.rows = min(max(len(self._names), 2), 7)
        self.search(chosen)

    def search(self, chosen: tuple[str, ...]) -> None:
        """List the names that match the search, and the selected ones."""
        wanted = self.find.value.casefold().strip()
        listed = tuple(n for n in self._names if wanted in n.casefold() or n in chosen)
        if self.list.options != listed:
            self.list.options = listed
        self.list.value = chosen


class Controls:
    """Every control by its name in `Settings`, and the buttons.

    Parameters
    ----------
    names
        Names to choose from.
    settings
        First values of the controls.
    """

    def __init__(self, names: AccountNames, settings: Settings) -> None:
        self._names = names
        groups = [("Nothing", "")]
        groups += [("Agent", "agent")] if names.agents else []
        groups += [("Voice", "voice")] if names.voices else []
        groups += [(key, key) for key in names.metadata]
        self.agents = Chooser("agent", "all calls")
        self.groups = Chooser("group", "the largest")
        self.by_name: dict[str, Any] = {
            "preset": _choice("preset", _swap(PRESETS)),
            "first": _with_label(widgets.DatePicker, label_of("first")),
            "last": _with_label(widgets.DatePicker, label_of("last")),
            "timezone": _on_input(widgets.Combobox, label_of("timezone"), options=zones()),
            "hour_from": _choice("hour_from", _hours("hour_from")),
            "hour_to": _choice("hour_to", _hours("hour_to")),
            "agents": self.agents.list,
            "voice": _choice("voice", _any_of(names.voices)),
            "metadata_key": _choice("metadata_key", _any_of(names.metadata)),
            "metadata_value": _choice("metadata_value", _any_of([])),
            **{
                name: _on_input(widgets.Text, label_of(name), placeholder="any")
                for name in ("duration_min", "duration_max", "search")
            },
            "measure": _choice("measure", [(UNITS[name], name) for name in MEASURES]),
            "granularity": _choice("granularity", _swap(GRANULARITIES)),
            "comparison": _choice("comparison", _swap(COMPARISONS)),
            "group": _choice("group", groups),
            "groups": self.groups.list,
            "top": _slider("top", int(meta_of("top").le or 0)),
            "limit": _slider("limit", max(60, 2 * settings.limit)),
            "price": _on_input(widgets.Text, label_of("price")),
            "tab": _with_label(
                widgets.ToggleButtons, label_of("tab"), options=_swap(TABS), name="tab"
            ),
            "view": _with_label(
                widgets.Dropdown, label_of("view"),
                options=[(entry.heading, name) for name, entry in VIEWS.items()], name="view",
            ),
        }  # fmt: skip
        self.largest = _button("Top", "Choose this many agents with the most calls")
        self.how_many = _with_label(
            widgets.BoundedIntText, "How many", min=1, max=max(len(names.agents), 1), value=3
        )
        self.groups_title = html("groups-title", "<h2>Which groups</h2>")
        self.refresh = _button("Refresh", "Query the server again")
        self.show_python = _button(
            "As Python", "Show the Python code of this figure", "show-python", widgets.ToggleButton
        )
        self.explain = _button("Explain", "Fetch the groups behind the first event of the headline")
        self.leave = {kind: _button(kind, f"Download as {kind}") for kind in FORMATS}
        self.show(settings)

    def show(self, settings: Settings) -> None:
        """Set every control to the settings; options that depend on others come first."""
        values = self._names.metadata.get(settings.metadata_key, [])
        self.by_name["metadata_value"].options = _any_of(values)
        self.agents.offer([*self._names.agents], settings.agents)
        self.groups.offer([*settings.group_values(self._names)], settings.groups)
        self.by_name["granularity"].options = [
            (GRANULARITIES[name], name) for name in settings.granularities
        ]
        self.by_name["view"].options = views_of(settings)
        for name, control in self.by_name.items():
            value = getattr(settings, name)
            if control.value != value:
                control.value = value
        self.show_used(settings.view)

    def show_used(self, view: str) -> None:
        """Show the controls that a figure depends on and hide the others."""
        told_apart = bool(self.by_name["group"].value)
        used = VIEWS[view].heeds - (set() if told_apart else {"groups", "top"})
        for name in SOMETIMES:
            self.by_name[name].layout.display = None if name in used else "none"
        self.explain.layout.display = None if view == "expected" else "none"
        for part in (self.groups.find, self.groups.all, self.groups.none, self.groups_title):
            part.layout.display = self.groups.list.layout.display

    def offer_files(self, current: bool) -> None:
        """Enable downloads only while the displayed figure is current."""
        for button in self.leave.values():
            button.disabled = not current

    def values(self) -> dict[str, Any]:
        """Return the value of every control."""
        return {name: control.value for name, control in self.by_name.items()}


def _swap(labels: dict[str, str]) -> list[tuple[str, str]]:
    return [(label, name) for name, label in labels.items()]


def _hours(name: str) -> list[tuple[str, int]]:
    meta = meta_of(name)
    return [(f"{hour:02}:00", hour) for hour in range(int(meta.ge or 0), int(meta.le or 0) + 1)]


def _any_of(names: Iterable[str]) -> list[tuple[str, str]]:
    return [("Any", ""), *((name, name) for name in names)]


def _choice(name: str, options: list[tuple[str, Any]]) -> Any:
    return _with_label(widgets.Dropdown, label_of(name), options=options, value=options[0][1])


def _slider(name: str, most: int) -> Any:
    return _with_label(widgets.IntSlider, label_of(name), min=1, max=most)


def _on_input(kind: Any, label: str, **options: Any) -> Any:
    """Return a field that sends its value when it loses focus or Enter is pressed."""
    return _with_label(kind, label, continuous_update=False, **options)


def _with_label(kind: Any, label: str, *, name: str = "", **options: Any) -> Any:
    words = name or label.partition(" [")[0].partition(" (")[0]
    classes = classes_of(f"labelled {_name_of(words)}")
    # Without a tooltip some front ends show "null".
    return kind(description=label, tooltip="", _dom_classes=classes, **options)


def _button(label: str, tooltip: str, name: str = "", kind: Any = widgets.Button) -> Any:
    classes = classes_of(name or _name_of(label))
    return kind(description=label, tooltip=tooltip, _dom_classes=classes)


def _name_of(label: str) -> str:
    return label.lower().replace(" ", "-")


def classes_of(names: str) -> list[str]:
    """Return CSS classes of the dashboard."""
    return [f"ua-{name}" for name in names.split()]


def html(name: str, text: str = "") -> Any:
    """Return an HTML widget with a CSS class."""
    return widgets.HTML(text, _dom_classes=classes_of(name))


def box(name: str, children: list[Any], kind: Any = widgets.Box) -> Any:
    """Return a box with CSS classes."""
    return kind(children, _dom_classes=classes_of(name))


def lay_out(controls: Controls, told: dict[str, Any]) -> list[Any]:
    """Return the rows of the dashboard, top to bottom.

    Parameters
    ----------
    controls
        The controls.
    told
        Output widgets by name: `asof`, `progress`, `link_note`, `overview`, `headline`, `note`,
        `image`, `copies`, `python`, `table`, `file`.
    """
    by = controls.by_name
    lines = (told["python"].layout, "display")
    widgets.dlink((controls.show_python, "value"), lines, lambda on: None if on else "none")
    head = [html("title", "<h1>Call usage</h1>"), told["asof"], told["progress"], controls.refresh]
    when = [by[name] for name in ("preset", "first", "last", "timezone", "hour_from", "hour_to")]
    what = ("view", "measure", "granularity", "comparison", "group", "top", "limit", "price")
    which = [
        html("which-title", "<h2>Which calls</h2>"),
        controls.agents.find,
        by["agents"],
        box("pair", [controls.agents.all, controls.agents.none]),
        box("pair many", [controls.how_many, controls.largest]),
        by["voice"],
        box("pair", [by["metadata_key"], by["metadata_value"]]),
        box("pair", [by["duration_min"], by["duration_max"]]),
        by["search"],
        controls.groups_title,
        controls.groups.find,
        by["groups"],
        box("pair", [controls.groups.all, controls.groups.none]),
    ]
    leave = [html("leave-title", "<h2>Download</h2>"), *controls.leave.values()]
    stage = [told["headline"], controls.explain, told["note"], told["image"]]
    leave += [controls.show_python, told["copies"]]
    stage += [box("row leave-row", leave), *(told[name] for name in ("file", "python", "table"))]
    return [
        html("style", STYLE),
        box("row head", head),
        box("row when", when),
        told["link_note"],
        told["overview"],
        box("tabs", [by["tab"]]),
        box("main", [
            box("stage", [box("row what", [by[name] for name in what]), *stage], widgets.VBox),
            box("which", which, widgets.VBox),
        ]),
    ]  # fmt: skip


def parts_of(widget: Any) -> Iterator[Any]:
    """Widgets within a widget, with their layouts and styles."""
    for name in widget.keys:
        value = getattr(widget, name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, widgets.Widget):
                yield part
                yield from parts_of(part)
