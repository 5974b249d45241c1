"""What a hand does to each control, by mouse and by keyboard, the same in every host."""

from dataclasses import dataclass
from functools import partial

import ipywidgets as widgets

import usage_analysis as ua
from usage_analysis.dashboard.controls import FORMATS


def places():
    """Each control by its name with the class that it has on the page, of the real ones."""
    controls = ua.Explorer(ua.sample_client(), timezone="UTC").controls
    others = ("largest", "how_many", "refresh", "show_python")
    found = controls.by_name | {name: getattr(controls, name) for name in others} | controls.leave
    for name in ("agents", "groups"):
        chooser = getattr(controls, name)
        parts = {"find": chooser.find, "all": chooser.all, "none": chooser.none}
        found |= {f"{part}_{name}": control for part, control in parts.items()}
    return {
        name: (control._dom_classes[-1].removeprefix("ua-"), control)
        for name, control in found.items()
    }


@dataclass(frozen=True)
class Deed:
    """A change of one control.

    Parameters
    ----------
    control
        Its name.
    value
        What a mouse chooses, and what is written, by either; "" for a control without a value.
    key
        What chooses with the keyboard.
    what
        What on the page it changes, of `conftest.LOOKS`.
    says
        What the headline says then.
    """

    control: str
    value: str = ""
    key: str = "ArrowDown"
    what: str = "picture"
    says: str = ""


DEEDS = [
    Deed("measure", "joined calls", says="joined calls"),
    Deed("refresh", what="as of"),
    Deed("granularity", "Week"),
    Deed("granularity", "Day", "ArrowUp"),
    Deed("search", "refund"),
    Deed("search"),
    Deed("comparison", "Previous period"),
    Deed("view", "Change"),
    Deed("group", "Agent"),
    Deed("top", key="ArrowLeft"),
    Deed("agents", "Support line"),
    Deed("all_agents"),
    Deed("how_many", "2", what="how many"),
    Deed("largest", what="headline"),
    Deed("none_agents"),
    Deed("find_agents", "desk", what="listed"),
    Deed("find_agents", what="listed"),
    Deed("group", "tenant", "t"),
    Deed("groups", "maple-realty"),
    Deed("all_groups"),
    Deed("none_groups"),
    Deed("find_groups", "maple", what="groups listed"),
    Deed("find_groups", what="groups listed"),
    Deed("tab", "Peak hours"),
    Deed("tab", "Errors"),
    Deed("tab", "Money"),
    Deed("price", "0.07", what="headline"),
    Deed("tab", "Capacity"),
    Deed("limit", key="ArrowRight"),
    Deed("tab", "Trends"),
    Deed("group", "Nothing", "Home"),
    Deed("preset", "This month", "ArrowUp"),
    Deed("first", "2026-03-20", says="from 2026-03-20 to"),
    Deed("last", "2026-03-30", says="to 2026-03-30 ("),
    Deed("timezone", "Europe/Berlin", says="(Europe/Berlin)"),
    Deed("hour_from", "01:00"),
    Deed("hour_to", "23:00", "ArrowUp"),
    Deed("duration_min", "30"),
    Deed("duration_max", "400"),
    Deed("voice", "Mara"),
    Deed("metadata_key", "channel", what="values"),
    Deed("metadata_value", "web"),
    Deed("show_python", what="lines"),
    *(Deed(kind, what="link") for kind in FORMATS),
]


def by_mouse(board, deed, place, control):
    """The deed with a mouse, and with what is written where a mouse has pointed."""
    selector = f".ua-{place}"
    match control:
        case widgets.ToggleButtons():
            board.page.locator(f"{selector} button", has_text=deed.value).click()
        case widgets.SelectMultiple():
            board.page.locator(f"{selector} option", has_text=deed.value).click()
        case widgets.Dropdown():
            board.choose(place, deed.value)
        case widgets.IntSlider():
            board.drag(place, -30 if deed.key == "ArrowLeft" else 30)
        case widgets.Button() | widgets.ToggleButton():
            board.at(place).click()
        case _:
            board.at(place).click()
            board.at(place).fill(deed.value)
            board.at(place).press("Enter")


def by_keyboard(board, deed, place, control):
    """The deed with keys alone, where the focus has come to."""
    keyboard = board.page.keyboard
    match control:
        case widgets.ToggleButtons():
            board.page.locator(f".ua-{place} button", has_text=deed.value).focus()
            keyboard.press("Space")
        case widgets.Button() | widgets.ToggleButton():
            board.at(place).focus()
            keyboard.press("Enter")
        case widgets.DatePicker():
            board.at(place).focus()
            year, month, day = deed.value.split("-")
            keyboard.type(f"{month}{day}{year}")
        case widgets.Text() | widgets.Combobox():
            board.at(place).focus()
            keyboard.press("Control+a")
            keyboard.type(deed.value) if deed.value else keyboard.press("Delete")
            keyboard.press("Tab")
        case _:
            board.at(place).focus()
            keyboard.press(deed.key)


def all_done(board, hand, known):
    """Do all deeds with a hand, each until the page shows what it changes."""
    assert {deed.control for deed in DEEDS} == set(known)
    for number, deed in enumerate(DEEDS):
        place, control = known[deed.control]
        try:
            board.changes(partial(hand, board, deed, place, control), deed.what, deed.says)
        except Exception as error:
            raise AssertionError(f"{hand.__name__}, {number}: {deed} changed nothing") from error
    assert board.said == []
