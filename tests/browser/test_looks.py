"""The page's looks and small helps: dark colours, the table, copies, and each fact once."""

import re

import pytest

from tests.browser.conftest import Board
from usage_analysis.dashboard.app import served

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("default::ResourceWarning")]


@pytest.fixture(scope="module")
def address():
    with served(timezone="America/New_York", state={"preset": "last_month"}) as url:
        yield url


@pytest.fixture
def open_board(browser, address):
    """Return a function that opens the page; at the end nothing was said in its console."""
    boards = []

    def opened(width=1400, **options):
        boards.append(Board(browser, address, width, **options).ready())
        return boards[-1]

    yield opened
    for board in boards:
        assert board.said == []
        board.page.close()


def test_a_number_stands_once_outside_cards_and_table(open_board):
    """The picture has no title that repeats the headline; the figure's file keeps its title."""
    page = open_board().page
    headline = page.locator(".ua-headline").inner_text()
    drawn = " ".join(page.locator(".ua-figure svg text").all_text_contents())
    assert "calls per day" in headline
    numbers = re.findall(r"\d[\d,]*\d", re.sub(r"\d{4}-\d\d-\d\d", "", headline))
    assert numbers
    assert not set(numbers) & set(re.findall(r"\d[\d,]*\d", drawn))
    assert "calls per day" not in drawn


def test_the_app_is_dark_where_the_machine_is(open_board):
    """On a dark machine page and figure are dark, and all text has contrast."""
    board = open_board(color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert board.page.evaluate(ground) == "rgb(27, 27, 27)"
    patch = (
        "getComputedStyle(document.querySelector('.ua-figure svg .ua-none, .ua-figure svg path'))"
    )
    assert board.page.evaluate(f"{patch}.fill") == "rgb(30, 30, 30)"
    assert board.dim() == []
    board.page.emulate_media(color_scheme="light")
    board.page.wait_for_function(f"{ground} !== 'rgb(27, 27, 27)'")


def test_the_table_is_sorted_by_its_heads_and_stays_open(open_board):
    """A head sorts by its numbers, then the other way round; a change leaves the table open."""
    board = open_board()
    page = board.page
    page.locator(".ua-table summary").click()
    head = page.locator(".ua-table th", has_text="calls").first
    values = (
        "[...document.querySelectorAll('.ua-table tbody tr')].map(row => row.cells[1].textContent)"
    )

    def calls():
        return [int(cell.replace(",", "")) for cell in page.evaluate(values)]

    before = calls()
    head.click()
    assert calls() == sorted(before)
    head.focus()
    page.keyboard.press("Enter")
    assert calls() == sorted(before, reverse=True)
    assert head.get_attribute("aria-sort") == "descending"
    board.changes(lambda: board.choose("measure", "joined calls"))
    page.locator(".ua-table table").wait_for(state="visible")
    page.locator(".ua-table summary").click()


def test_python_is_copied(browser, address):
    """Copy Python puts the lines of the figure on the clipboard, open or not."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector(".ua-figure svg", timeout=60_000)
    page.locator(".ua-copy-python").click()
    page.locator(".ua-copy-python", has_text="Python copied").wait_for()
    assert "import usage_analysis as ua" in page.evaluate("navigator.clipboard.readText()")
    context.close()


def test_a_report_shows_that_it_is_written(open_board):
    """From the click until the link is there, a progress bar says so; twice too."""
    page = open_board().page
    for _ in range(2):
        page.locator("button.ua-report").click()
        page.get_by_role("progressbar", name="Writing the report").wait_for()
        page.locator("a.ua-save[download$='.html']").wait_for()
        page.locator(".ua-file progress").wait_for(state="detached")


def test_one_click_explains_an_event(open_board):
    """Below the headline of an event stands who is behind it; elsewhere there is no such button."""
    board = open_board()
    assert not board.page.locator("button.ua-explain").is_visible()
    board.changes(lambda: board.choose("view", "Unusual hours"))
    assert "Error rate 18.73 %" in board.page.locator(".ua-headline").inner_text()
    board.page.locator("button.ua-explain").click()
    board.page.locator(".ua-note", has_text="Agent Support line had 86 of the 86").wait_for()


def test_on_a_phone_the_figure_begins_on_the_first_screen(open_board):
    """At 400 x 860 the figure begins within 560 px, and nothing scrolls sideways."""
    page = open_board(400).page
    page.set_viewport_size({"width": 400, "height": 860})
    page.wait_for_function("document.querySelector('.ua-figure svg').viewBox.baseVal.width < 400")
    assert page.locator(".ua-figure").bounding_box()["y"] <= 560
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
