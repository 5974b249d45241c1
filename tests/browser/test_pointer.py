"""The figure under a hand: a pointer, a finger and the arrow keys, on a desk and on a phone."""

import re

import pytest

from tests.browser.conftest import Board
from usage_analysis.dashboard.app import served

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("default::ResourceWarning")]

VALUE = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) 2026-0\d-\d\d \(America/New_York\): [\d,]+ calls"
)


@pytest.fixture(scope="module")
def address():
    with served(timezone="America/New_York", state={"preset": "last_month"}) as url:
        yield url


@pytest.fixture(params=[1400, 400])
def board(request, browser, address):
    board = Board(
        browser, address, request.param, device_scale_factor=2, has_touch=request.param == 400
    ).ready()
    if request.param == 400:
        narrow = "document.querySelector('.ua-figure svg').viewBox.baseVal.width < 400"
        board.page.wait_for_function(narrow)
    yield board
    assert board.said == []
    board.page.close()


def walk(page, *keys):
    """What is spoken after keys; the points come after the picture."""
    page.wait_for_selector(".ua-frame[data-points]:not([data-points='0'])")
    page.locator(".ua-frame").focus()
    for key in keys:
        page.keyboard.press(key)
    return page.locator(".ua-live").inner_text()


def chosen(page, name, label):
    """Wait until a list has one option chosen, of these words; some versions have hard spaces."""
    page.wait_for_function(
        f"""label => {{
            const list = document.querySelector('.ua-{name} select');
            return [...list.selectedOptions].map(option => option.text.replaceAll('\xa0', ' '))
                .join() === label;
        }}""",
        arg=label,
    )


def middle_of_ring(page):
    """Where the point is that is marked."""
    box = page.locator(".ua-point").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_value_is_read(board):
    """A pointer near a point and the arrow keys give the same words, and leaving hides them."""
    page = board.page
    spoken = walk(page, "Home", "ArrowRight", "ArrowRight")
    assert VALUE.fullmatch(spoken)
    x, y = middle_of_ring(page)
    page.keyboard.press("Escape")
    assert page.locator(".ua-tip").is_hidden()
    page.mouse.move(x + 3, y - 3)
    assert page.locator(".ua-tip").inner_text() == spoken
    tip = page.locator(".ua-tip").bounding_box()
    assert tip["x"] >= 0
    assert tip["x"] + tip["width"] <= page.viewport_size["width"]
    page.mouse.move(2, 2)
    assert page.locator(".ua-tip").is_hidden()
    assert walk(page, "Home") != walk(page, "End")
    assert walk(page, "Home", "ArrowRight", "ArrowLeft") == walk(page, "Home")


def test_a_click_chooses_a_day_and_a_double_click_goes_back(board):
    """A click on a day makes it the period; a double click shows the period before again."""
    page = board.page
    walk(page, "Home", "ArrowRight", "ArrowRight")
    x, y = middle_of_ring(page)
    board.changes(lambda: page.mouse.click(x, y), says="2026-03-03 (")
    assert board.at("first-day").input_value() == "2026-03-03"
    chosen(page, "period", "Custom")
    svg = page.locator(".ua-figure svg").bounding_box()
    board.changes(
        lambda: page.mouse.dblclick(svg["x"] + 4, svg["y"] + svg["height"] / 2),
        says="2026-03-01 to 2026-03-31",
    )
    chosen(page, "period", "Last month")


def test_a_drag_chooses_days(board):
    """A drag from one day to another chooses these days and those between."""
    page = board.page
    walk(page, "Home", "ArrowRight")
    first, y = middle_of_ring(page)
    walk(page, *["ArrowRight"] * 7)
    last, _ = middle_of_ring(page)
    low = page.locator(".ua-figure svg").bounding_box()
    y = low["y"] + low["height"] * 0.7

    def drag():
        page.mouse.move(first - 2, y)
        page.mouse.down()
        page.mouse.move((first + last) / 2, y, steps=4)
        assert page.locator(".ua-span").is_visible()
        page.mouse.move(last + 2, y, steps=4)
        page.mouse.up()

    board.changes(drag, says="2026-03-02 to 2026-03-09")
    board.changes(lambda: walk(page, "Backspace"), says="2026-03-01 to 2026-03-31")


def test_enter_chooses_a_cell_and_a_group(board):
    """A cell of the week chooses its hour; a line of a breakdown chooses its group."""
    page = board.page
    board.changes(page.locator(".ua-tab button", has_text="Peak hours").click)
    assert walk(page, "Home", "ArrowDown", "ArrowRight").startswith("Tuesdays 01:00-02:00 (")
    board.changes(lambda: page.keyboard.press("Enter"), "hours")
    board.changes(lambda: walk(page, "Backspace"), "hours")
    board.changes(page.locator(".ua-tab button", has_text="Trends").click)
    board.changes(lambda: board.choose("group-by", "Agent"))
    name = walk(page, "Home").partition(",")[0]
    board.changes(lambda: page.keyboard.press("Enter"))
    chosen(page, "groups", name)


def test_text_can_be_selected_and_ids_are_the_views_own(board):
    """Text of the figure is text, and no id of the page stands twice."""
    page = board.page
    name = page.locator(".ua-figure svg text", has_text="mean of 7 days").first
    assert name.evaluate("text => getComputedStyle(text).userSelect") in ("text", "auto")
    ids = page.evaluate("[...document.querySelectorAll('.ua-figure [id]')].map(part => part.id)")
    assert len(ids) > 20
    assert all(re.match(r"ua\d+-", name) for name in ids)
    assert len(page.locator(".ua-figure svg").get_attribute("aria-label")) > 80


def test_a_finger_reads_first_and_chooses_then(browser, address):
    """On a touch screen a first tap shows the value, and a second on the same point chooses it."""
    board = Board(browser, address, 400, device_scale_factor=2, has_touch=True).ready()
    page = board.page
    page.wait_for_function("document.querySelector('.ua-figure svg').viewBox.baseVal.width < 400")
    walk(page, "Home", "ArrowRight", "ArrowRight")
    x, y = middle_of_ring(page)
    page.keyboard.press("Escape")
    page.touchscreen.tap(x, y)
    page.locator(".ua-tip").wait_for()
    assert "2026-03-03" in page.locator(".ua-tip").inner_text()
    board.changes(lambda: page.touchscreen.tap(x, y), says="2026-03-03 (")
    page.close()
