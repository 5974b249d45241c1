"""The app in a real browser: by mouse, by keyboard, with a server that is slow or fails."""

import urllib.request
from pathlib import Path

import pytest

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


def select(board, name, value):
    return lambda: board.at(name).select_option(label=value)


def write(board, name, text):
    def act():
        board.at(name).click()
        board.at(name).fill(text)
        board.at(name).press("Enter")

    return act


def click_on(board, selector):
    return board.page.locator(selector).first.click


def drag(board, name):
    def act():
        box = board.at(name).bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        mouse = board.page.mouse
        mouse.move(x, y)
        mouse.down()
        mouse.move(x + 40, y, steps=6)
        mouse.up()

    return act


def test_without_the_token_there_is_no_page(address):
    """The app answers nobody who does not have the token."""
    page, _, token = address.partition("?token=")
    for wrong in (page, f"{page}?token={'0' * len(token)}"):
        with urllib.request.urlopen(wrong) as answer:  # noqa: S310  # our own server
            assert "/login" in answer.geturl()
            assert "ua-explorer" not in answer.read().decode()


@pytest.mark.usefixtures("clean")
def test_every_control_by_mouse(board):
    """Each control that a mouse changes gives a new picture, or for prices a new headline."""
    picture, headline = "picture", "headline"
    deeds = [
        (select(board, "measure", "joined calls"), picture),
        (select(board, "granularity", "Hour"), picture),
        (select(board, "granularity", "Day"), picture),
        (select(board, "compare-with", "Previous period"), picture),
        (select(board, "view", "Change"), picture),
        (select(board, "group-by", "Agent"), picture),
        (drag(board, "largest-groups"), None),
        (select(board, "compare-with", "None"), picture),
        (click_on(board, ".ua-tab button:has-text('Peak hours')"), picture),
        (select(board, "view", "Hour of the day"), picture),
        (click_on(board, ".ua-tab button:has-text('Errors')"), picture),
        (click_on(board, ".ua-tab button:has-text('Money')"), picture),
        (write(board, "usd-a-billed-minute", "0.07"), headline),
        (click_on(board, ".ua-tab button:has-text('Capacity')"), picture),
        (drag(board, "calls-at-once"), picture),
        (click_on(board, ".ua-tab button:has-text('Trends')"), picture),
        (select(board, "group-by", "Nothing"), picture),
        (select(board, "period", "Last 7 days"), picture),
        (write(board, "first-day", "2026-03-20"), picture),
        (write(board, "last-day", "2026-03-30"), picture),
        (write(board, "time-zone", "Europe/Berlin"), picture),
        (click_on(board, ".ua-agents option:has-text('Support line')"), picture),
        (click_on(board, "button.ua-no-agents"), picture),
        (click_on(board, "button.ua-all-agents"), picture),
        (click_on(board, "button.ua-top"), picture),
        (click_on(board, "button.ua-no-agents"), picture),
        (select(board, "group-by", "tenant"), picture),
        (click_on(board, ".ua-groups option:has-text('maple-realty')"), picture),
        (click_on(board, "button.ua-all-groups"), picture),
        (click_on(board, "button.ua-no-groups"), picture),
        (select(board, "group-by", "Nothing"), picture),
        (select(board, "voice", "Mara"), picture),
        (select(board, "metadata-key", "channel"), None),
        (select(board, "metadata-value", "web"), picture),
        (write(board, "shortest-call", "30"), picture),
        (write(board, "longest-call", "400"), picture),
        (write(board, "search-text", "refund"), picture),
        (select(board, "hours-from", "08:00"), picture),
        (select(board, "hours-to", "20:00"), picture),
    ]
    for place, (act, expected) in enumerate(deeds):
        if expected is None:
            act()
            board.page.wait_for_timeout(700)
            continue
        try:
            board.changes(act, expected)
        except Exception as error:
            raise AssertionError(f"deed {place} changed no {expected}") from error


@pytest.mark.usefixtures("clean")
def test_every_control_is_reached_and_moved_by_keyboard(browser, address):
    """Tab reaches every control that is shown, each has a label, and keys change the picture."""
    board = Board(browser, address).ready()
    page = board.page
    reached = set()
    page.locator("button.ua-refresh").focus()
    for _ in range(60):
        reached.add(page.evaluate(
            """() => {
                const element = document.activeElement;
                const holder = element.closest('[class*="ua-"]');
                const label = element.labels && element.labels.length
                    ? element.labels[0].innerText : (element.innerText || element.ariaLabel);
                const named = [...holder.classList].filter(name => name.startsWith('ua-'));
                return named[named.length - 1] + '|' + (label || '').split('\\n')[0].trim();
            }"""
        ))  # fmt: skip
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
    names = dict(item.split("|", 1) for item in reached)
    wanted = {
        "period", "first-day", "last-day", "time-zone", "hours-from", "hours-to", "view",
        "measure", "granularity", "compare-with", "group-by", "find-an-agent", "agents",
        "all-agents", "no-agents", "how-many", "top", "voice", "metadata-key", "metadata-value",
        "shortest-call", "longest-call", "search-text", "refresh", "png", "svg", "pdf", "csv",
        "parquet", "report",
        "show-python",
    }  # fmt: skip
    assert {f"ua-{name}" for name in wanted} <= set(names) | {"ua-agents"}, sorted(names)
    assert all(names[f"ua-{name}"] for name in wanted & {n[3:] for n in names}), names

    def keys(name, *pressed):
        def act():
            board.at(name).focus()
            for key in pressed:
                page.keyboard.press(key)

        return act

    deeds = [
        keys("measure", "ArrowDown"),
        keys("granularity", "ArrowDown"),
        keys("compare-with", "ArrowDown"),
        keys("group-by", "ArrowDown"),
        keys("largest-groups", "ArrowLeft", "ArrowLeft", "ArrowLeft"),
        keys("agents", "ArrowDown"),
        keys("no-agents", "Enter"),
        keys("group-by", "ArrowUp"),
        keys("voice", "ArrowDown"),
        keys("search-text", "r", "e", "f", "u", "n", "d", "Tab"),
        keys("hours-from", "ArrowDown", "ArrowDown"),
        keys("period", "ArrowUp"),
    ]
    for place, act in enumerate(deeds):
        try:
            board.changes(act)
        except Exception as error:
            raise AssertionError(f"deed {place} changed no picture") from error
    page.locator(".ua-tab button", has_text="Trends").focus()
    page.keyboard.press("Tab")

    def to_peaks():
        page.keyboard.press("Space")

    assert page.evaluate("document.activeElement.innerText").strip() == "Peak hours"
    board.changes(to_peaks)
    assert board.said == []


@pytest.mark.usefixtures("clean")
def test_dragging_never_takes_the_picture_away(board):
    """While a slider is dragged a picture is always there, of the same size."""
    page = board.page
    board.changes(page.locator(".ua-tab button", has_text="Capacity").click)
    page.evaluate(
        """() => {
            window.heights = [];
            const watch = () => {
                const image = document.querySelector('img.ua-figure');
                window.heights.push(image.getBoundingClientRect().height);
                window.watching = requestAnimationFrame(watch);
            };
            watch();
        }"""
    )
    drag(board, "calls-at-once")()
    page.wait_for_timeout(600)
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
    assert Path(saved.path()).read_text(encoding="utf-8").startswith("time,")


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
        assert page.locator("img.ua-figure.ua-waiting").count() == 1
        page.locator("img.ua-figure.ua-waiting").wait_for(state="detached")
        write(board, "search-text", "outage")()
        page.locator("img.ua-figure.ua-stale").wait_for()
        assert "Invalid API key" in page.locator("[role=alert]").inner_text()
        opacity = page.evaluate("getComputedStyle(document.querySelector('.ua-stale')).opacity")
        assert float(opacity) < 0.5
        write(board, "search-text", "")()
        page.locator("img.ua-figure.ua-stale").wait_for(state="detached")
        assert page.locator("[role=alert]").count() == 0
        assert board.said == []


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize("width", [1400, 1000, 400])
def test_nothing_is_cut_off(board, width):
    """At wide and narrow windows nothing runs out of the page, and text has contrast."""
    page = board.page
    page.set_viewport_size({"width": width, "height": 1000})
    page.wait_for_function("() => new Promise(done => requestAnimationFrame(() => done(true)))")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")
    cut = page.evaluate(
        """() => [...document.querySelectorAll('.ua-explorer input, .ua-explorer select,'
            + '.ua-explorer button, img.ua-figure')]
            .filter(element => element.offsetParent)
            .filter(element => element.getBoundingClientRect().right > window.innerWidth)
            .map(element => element.className)"""
    )
    assert cut == []
    dim = page.evaluate(
        """() => {
            const light = rgb => {
                const [r, g, b] = rgb.match(/[0-9.]+/g).map(Number).slice(0, 3).map(v => {
                    v /= 255;
                    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
                });
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            const ground = element => {
                for (let at = element; at; at = at.parentElement) {
                    const colour = getComputedStyle(at).backgroundColor;
                    if (!/, 0\\)$/.test(colour)) return colour;
                }
                return 'rgb(255, 255, 255)';
            };
            return [...document.querySelectorAll('.ua-explorer label, .ua-explorer p,'
                + '.ua-explorer h2, .ua-explorer h3, .ua-explorer button, .ua-explorer select,'
                + '.ua-explorer input, .ua-asof')]
                .filter(element => element.offsetParent)
                .map(element => {
                    const [ink, paper] = [getComputedStyle(element).color, ground(element)];
                    const [a, b] = [light(ink), light(paper)].sort((x, y) => y - x);
                    return [(a + 0.05) / (b + 0.05), element.className, ink, paper];
                })
                .filter(([ratio]) => ratio < 4.5);
        }"""
    )
    assert dim == []
