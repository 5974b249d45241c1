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
class Action:
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


ACTIONS = [
    Action("measure", "joined calls", says="joined calls"),
    Action("refresh", what="as of"),
    Action("granularity", "Week"),
    Action("granularity", "Day", "ArrowUp"),
    Action("search", "refund"),
    Action("search"),
    Action("comparison", "Previous period"),
    Action("view", "Change"),
    Action("view", "Over time", "ArrowUp"),
    Action("group", "Agent"),
    Action("top", key="ArrowLeft"),
    Action("agents", "Support line"),
    Action("all_agents"),
    Action("how_many", "2", what="how many"),
    Action("largest", what="headline"),
    Action("none_agents"),
    Action("find_agents", "desk", what="listed"),
    Action("find_agents", what="listed"),
    Action("group", "tenant", "t"),
    Action("groups", "maple-realty"),
    Action("all_groups"),
    Action("none_groups"),
    Action("find_groups", "maple", what="groups listed"),
    Action("find_groups", what="groups listed"),
    Action("tab", "Peak hours"),
    Action("tab", "Errors"),
    Action("tab", "Money"),
    Action("price", "0.07", what="headline"),
    Action("tab", "Capacity"),
    Action("limit", key="ArrowRight"),
    Action("tab", "Trends"),
    Action("group", "Nothing", "Home"),
    Action("preset", "This month", "ArrowUp"),
    Action("first", "2026-03-20"),
    Action("last", "2026-03-30"),
    Action("timezone", "Europe/Berlin", says="(Europe/Berlin)"),
    Action("hour_from", "01:00"),
    Action("hour_to", "23:00", "ArrowUp"),
    Action("duration_min", "30"),
    Action("duration_max", "400"),
    Action("voice", "Mara"),
    Action("metadata_key", "channel", what="values"),
    Action("metadata_value", "web"),
    Action("show_python", what="lines"),
    *(Action(kind, what="link") for kind in FORMATS),
]


def by_mouse(board, action, place, control):
    """The action with a mouse, and with what is written where a mouse has pointed."""
    selector = f".ua-{place}"
    match control:
        case widgets.ToggleButtons():
            board.page.locator(f"{selector} button", has_text=action.value).click()
        case widgets.SelectMultiple():
            board.page.locator(f"{selector} option", has_text=action.value).click()
        case widgets.Dropdown():
            board.choose(place, action.value)
        case widgets.IntSlider():
            board.drag(place, -30 if action.key == "ArrowLeft" else 30)
        case widgets.Button() | widgets.ToggleButton():
            board.at(place).click()
        case _:
            board.at(place).click()
            board.at(place).fill(action.value)
            board.at(place).press("Enter")


def by_keyboard(board, action, place, control):
    """The action with keys alone, where the focus has come to."""
    keyboard = board.page.keyboard
    match control:
        case widgets.ToggleButtons():
            board.page.locator(f".ua-{place} button", has_text=action.value).focus()
            keyboard.press("Space")
        case widgets.Button() | widgets.ToggleButton():
            board.at(place).focus()
            keyboard.press("Enter")
        case widgets.DatePicker():
            board.at(place).focus()
            year, month, day = action.value.split("-")
            keyboard.type(f"{month}{day}{year}")
        case widgets.Text() | widgets.Combobox():
            board.at(place).focus()
            keyboard.press("Control+a")
            keyboard.type(action.value) if action.value else keyboard.press("Delete")
            keyboard.press("Tab")
        case _:
            board.at(place).focus()
            keyboard.press(action.key)


def all_done(board, hand, known):
    """Do all actions with a hand, each until the page shows what it changes."""
    assert {action.control for action in ACTIONS} == set(known)
    for number, action in enumerate(ACTIONS):
        place, control = known[action.control]
        try:
            board.changes(partial(hand, board, action, place, control), action.what, action.says)
        except Exception as error:
            raise AssertionError(f"{hand.__name__}, {number}: {action} changed nothing") from error
    assert board.said == []
