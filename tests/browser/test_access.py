"""What a screen reader is told: Chromium's accessibility tree of the dashboard."""

import pytest

from tests.browser.conftest import Board
from usage_analysis.dashboard.app import served
from usage_analysis.dashboard.settings import TABS

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("default::ResourceWarning")]
HANDLED = {
    "button", "checkbox", "combobox", "Date", "image", "link", "listbox", "radio", "searchbox",
    "slider", "spinbutton", "tab", "textbox",
}  # fmt: skip


def told(page):
    """Role, name and properties of each node that is no mere box or text."""
    session = page.context.new_cdp_session(page)
    session.send("Accessibility.enable")
    document = session.send("DOM.getDocument")["root"]["nodeId"]
    board = session.send("DOM.querySelector", {"nodeId": document, "selector": ".ua-explorer"})
    found = session.send("Accessibility.queryAXTree", {"nodeId": board["nodeId"]})["nodes"]
    session.detach()
    return [
        (
            node["role"]["value"],
            node.get("name", {}).get("value", ""),
            {p["name"]: p["value"].get("value") for p in node.get("properties", [])},
        )
        for node in found
        if not node["ignored"]
    ]


@pytest.fixture(scope="module")
def board(browser):
    state = {"preset": "last_month", "group": "agent", "comparison": "weekdays"}
    with served(timezone="America/New_York", state=state) as address:
        yield Board(browser, address).ready()


@pytest.mark.parametrize("tab", TABS)
def test_everything_has_a_name(board, tab):
    """On every tab each control has a name, the tabs say which is chosen, the picture its text."""
    page = board.page
    button = page.locator(".ua-tab button", has_text=TABS[tab])
    if tab != "trends":
        board.changes(button.click)
    nodes = told(page)
    assert [role for role, name, _ in nodes if role in HANDLED and not name.strip()] == []
    assert "null" not in {name for _, name, _ in nodes}
    pressed = {name: told["pressed"] for _, name, told in nodes if "pressed" in told}
    assert pressed == {"As Python": "false"}
    chosen = {name: told.get("selected") for role, name, told in nodes if role == "tab"}
    assert chosen == {label: name == tab for name, label in TABS.items()}
    roles = [node[:2] for node in nodes]
    assert ("tablist", "Figures") in roles
    assert ("tabpanel", TABS[tab]) in roles
    sliders = {name for role, name, _ in nodes if role == "slider"}
    assert sliders == (
        {"Concurrent calls allowed"} if tab == "capacity" else {"Largest groups"} - hidden(page)
    )
    (words,) = [name for role, name, _ in nodes if role == "image"]
    assert "America/New_York" in words
    assert board.said == []


def hidden(page):
    """Sliders that the figure does not heed."""
    return set() if page.locator(".ua-largest-groups").is_visible() else {"Largest groups"}
