"""The app in a real browser: by mouse, by keyboard, with a server that is slow or fails."""

import urllib.request
from pathlib import Path

import pytest

from tests.browser.actions import all_done, by_keyboard, by_mouse
from tests.browser.conftest import Board
from usage_analysis.dashboard.app import served, served_cells

pytestmark = [
    pytest.mark.browser,
    # Playwright's loop and its pipes are closed by the interpreter's end.
    pytest.mark.filterwarnings("default::ResourceWarning"),
]

FAILING = """
import time
import httpx
import usage_analysis as ua
from tests.dashboard.transports import Watched, watched_client

class Moody(Watched):
    def handle_request(self, request):
        mood = request.url.params.get("search", "")
        if mood == "refund":
            time.sleep(1.0)
        if mood == "outage":
            return httpx.Response(403, json={"detail": "Invalid API key"})
        return super().handle_request(request)

ua.Explorer(watched_client(Moody()), timezone="America/New_York")
"""


@pytest.fixture(scope="module")
def address():
    with served(timezone="America/New_York", state={"preset": "last_month"}) as url:
        yield url


@pytest.fixture(scope="module")
def board(browser, address):
    return Board(browser, address).ready()


@pytest.fixture
def clean(board):
    """Nothing was said in the console by the end of the test."""
    yield
    assert board.said == []


def write(board, name, text):
    def act():
        board.at(name).click()
        board.at(name).fill(text)
        board.at(name).press("Enter")

    return act


def test_without_the_token_there_is_no_page(address):
    """The app answers nobody who does not have the token."""
    page, _, token = address.partition("?token=")
    for wrong in (page, f"{page}?token={'0' * len(token)}"):
        with urllib.request.urlopen(wrong) as answer:  # noqa: S310  # our own server
            assert "/login" in answer.geturl()
            assert "ua-explorer" not in answer.read().decode()


@pytest.mark.parametrize("hand", [by_mouse, by_keyboard])
def test_every_control(browser, address, known, hand):
    """Every control that there is changes what it says it does, by mouse and by keyboard."""
    board = Board(browser, address).ready()
    all_done(board, hand, known)
    board.page.close()


@pytest.mark.usefixtures("clean")
def test_tab_reaches_every_control(board, known):
    """The Tab key comes to every control that is shown, and on to the next."""
    page = board.page
    page.locator("button.ua-refresh").focus()
    reached = set()
    for _ in range(80):
        reached |= set(page.evaluate(
            "[...document.activeElement.closest('[class*=ua-]').classList]"
        ))  # fmt: skip
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
    places = {place for place, _ in known.values()}
    shown = {place for place in places if page.locator(f".ua-{place}").first.is_visible()}
    assert len(shown) > 25
    assert shown <= {name.removeprefix("ua-") for name in reached}


@pytest.mark.usefixtures("clean")
def test_dragging_never_takes_the_picture_away(board):
    """While a slider is dragged a picture is always there, of the same size."""
    page = board.page
    board.changes(page.locator(".ua-tab button", has_text="Capacity").click)
    page.evaluate(
        """() => {
            window.heights = [];
            const watch = () => {
                const image = document.querySelector('.ua-figure svg');
                window.heights.push(image.getBoundingClientRect().height);
                window.watching = requestAnimationFrame(watch);
            };
            watch();
        }"""
    )
    board.changes(lambda: board.drag("concurrent-calls-allowed", 40))
    board.rest()
    heights = page.evaluate("cancelAnimationFrame(window.watching), window.heights")
    assert len(heights) > 10
    assert min(heights) > 0.95 * max(heights) > 100


@pytest.mark.usefixtures("clean")
def test_a_file_is_saved(board):
    """A download button offers a link whose file has the bytes of its kind."""
    page = board.page
    page.locator("button.ua-csv").click()
    link = page.locator("a.ua-save")
    link.wait_for()
    with page.expect_download() as waiting:
        link.click()
    saved = waiting.value
    assert saved.suggested_filename.endswith(".csv")
    assert Path(saved.path()).read_text(encoding="utf-8-sig").startswith("time,")


@pytest.mark.usefixtures("clean")
def test_the_python_lines_open_and_stay_open(board):
    """As Python shows the lines, and they stay while the figure changes."""
    page = board.page
    page.locator("button.ua-show-python").click()
    lines = page.locator(".ua-python pre")
    lines.wait_for()
    assert "usage_analysis as ua" in lines.inner_text()
    board.changes(lambda: page.locator(".ua-tab button", has_text="Peak hours").click())
    lines.filter(has_text="plot_week").wait_for()


def test_slow_and_failing_servers_are_told(browser):
    """A slow answer shows its progress; a failure its words and a grey figure; then it works."""
    with served_cells([FAILING]) as url:
        board = Board(browser, url).ready()
        page = board.page
        write(board, "search-text", "refund")()
        page.locator(".ua-progress").wait_for(state="visible")
        page.locator(".ua-figure.ua-waiting").wait_for()
        page.locator(".ua-figure.ua-waiting").wait_for(state="detached")
        write(board, "search-text", "outage")()
        page.locator(".ua-figure.ua-stale").wait_for()
        assert "Invalid API key" in page.locator("[role=alert]").inner_text()
        opacity = page.evaluate("getComputedStyle(document.querySelector('.ua-stale')).opacity")
        assert float(opacity) < 0.5
        write(board, "search-text", "")()
        page.locator(".ua-figure.ua-stale").wait_for(state="detached")
        assert page.locator("[role=alert]").count() == 0
        assert board.said == []


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize("width", [1400, 1000, 400])
def test_nothing_is_cut_off(board, width):
    """At wide and narrow windows nothing runs out of the page, and text has contrast.

    The figure is as wide as its place; on a phone it is the narrow drawing, near the top. Cards
    scroll within their strip.
    """
    page = board.page
    page.set_viewport_size({"width": width, "height": 1000})
    page.wait_for_function("() => new Promise(done => requestAnimationFrame(() => done(true)))")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")
    cut = page.evaluate(
        """() => [...document.querySelectorAll('.ua-explorer input, .ua-explorer select,'
            + '.ua-explorer button, .ua-stage')]
            .filter(element => element.offsetParent && !element.matches('.ua-card'))
            .filter(element => element.getBoundingClientRect().right > window.innerWidth)
            .map(element => element.className)"""
    )
    assert cut == []
    shape = (
        "(([a, b, c, d]) => c / d)(document.querySelector('.ua-figure svg')"
        ".getAttribute('viewBox').split(' ').map(Number))"
    )
    page.wait_for_function(f"({shape} < 1.2) === (innerWidth < 640)")
    figure, stage = (page.locator(name).bounding_box() for name in (".ua-figure", ".ua-stage"))
    assert figure["width"] == stage["width"]
    if width == 400:
        assert figure["y"] <= 560
    assert board.dim() == []
