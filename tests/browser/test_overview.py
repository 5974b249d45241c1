"""The cards and the address of the app, on a desk and on a phone, by mouse and by keyboard."""

import pytest

from tests.browser.conftest import Board
from usage_analysis.dashboard.app import served

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("default::ResourceWarning")]


@pytest.fixture(scope="module")
def address():
    with served(timezone="America/New_York") as url:
        yield url


def fragment(board, words):
    """Wait until the address ends with words."""
    board.page.wait_for_function("words => location.hash === words", arg=words)


def tab(board, words):
    """Wait until a tab is chosen."""
    active = "document.querySelector('.ua-tab .mod-active')?.textContent.trim() === words"
    board.page.wait_for_function(f"words => {active}", arg=words)


def test_choices_survive_a_reload_and_go_back(browser, address):
    """A choice stands in the address, a reload keeps it, and the back button takes it back."""
    board = Board(browser, address).ready()
    board.changes(board.page.locator(".ua-tab button", has_text="Errors").click)
    fragment(board, "#tab=errors")
    board.page.wait_for_timeout(1100)  # later than this it is a step of its own
    board.changes(lambda: board.choose("view", "Control chart"), what="picture")
    fragment(board, "#tab=errors&view=control")
    board.page.reload()
    board.ready()
    tab(board, "Errors")
    fragment(board, "#tab=errors&view=control")
    board.page.go_back()
    fragment(board, "#tab=errors")
    board.page.go_back()
    tab(board, "Trends")
    fragment(board, "")
    board.page.goto(f"{address}#colour=red")
    board.page.locator(".ua-link-note [role=alert]").wait_for()
    fragment(board, "")
    # Voila's page asks for its kernel's end when it is left, without the token that this needs.
    assert [words for words in board.said if "/voila/api/shutdown/" not in words] == []
    board.page.close()


def test_a_link_is_copied_and_opened(browser, address):
    """The copied link shows the same in a browser that was never here."""
    board = Board(browser, f"{address}#preset=last_month&tab=money", permissions=[
        "clipboard-read", "clipboard-write",
    ]).ready()  # fmt: skip
    tab(board, "Money")
    board.page.locator(".ua-copy-link").click()
    board.page.get_by_text("Link copied").wait_for()
    link = board.page.evaluate("navigator.clipboard.readText()")
    headline = board.page.locator(".ua-headline").inner_text()
    other = Board(browser, link).ready()
    tab(other, "Money")
    other.page.get_by_text(headline).wait_for()
    assert board.said == other.said == []
    board.page.close()
    other.page.close()


@pytest.mark.parametrize("width", [1400, 1000, 400])
def test_cards_open_their_figure(browser, address, width):
    """A click or Enter on a card opens its figure, and the page never scrolls sideways."""
    board = Board(browser, address, width).ready()
    cards = board.page.locator(".ua-card")
    cards.first.wait_for()
    assert cards.count() == 5
    board.changes(board.page.locator(".ua-card[data-view=errors]").click)
    tab(board, "Errors")
    board.page.locator(".ua-card[data-view=month]").focus()
    board.changes(lambda: board.page.keyboard.press("Enter"))
    tab(board, "Money")
    assert board.page.evaluate("document.documentElement.scrollWidth") == width
    assert board.dim() == []
    assert board.said == []
    board.page.close()
