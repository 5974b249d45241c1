"""A monkey at the page: legal actions by chance; nothing old stays, and a link shows the same."""

import os
import random
import re

import pytest

from tests.browser.conftest import LOOKS, Board
from usage_analysis.dashboard.app import served

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("default::ResourceWarning")]

#: More for a longer proof, which takes about a second per action.
STEPS = int(os.environ.get("MONKEY_STEPS", "16"))
TYPED = {
    "time-zone": ("UTC", "America/New_York", "Asia/Kolkata"),
    "shortest-call": ("", "20"),
    "search-text": ("", "", "appointment"),
    "usd-per-billed-minute": ("0.05", "0.1234"),
}
LISTS = "period hours-from hours-to voice metadata-key measure granularity compare-with group-by"
BROKEN = re.compile(r"\b(nan|NaN|NaT|None|undefined|Traceback|Error:)\b|fault of this program")
#: True once the page neither asks nor waits.
AT_REST = """() => {
    const figure = document.querySelector('.ua-figure');
    const says = document.querySelector('.ua-headline').innerText;
    return !says.startsWith('Asking') && !figure.querySelector('.ua-busy, .ua-waiting')
        && !figure.matches('.ua-waiting, .ua-busy');
}"""


@pytest.fixture(scope="module")
def address():
    with served(timezone="America/New_York") as url:
        yield url


def look(board):
    """Wait until the page is at rest, and return its headline and picture."""
    seen = None
    while True:
        board.page.wait_for_timeout(250)
        board.page.wait_for_function(AT_REST)
        now = {name: board.page.evaluate(LOOKS[name]) for name in ("headline", "picture", "as of")}
        if now == seen:
            return now
        seen = now


def drawing(seen):
    """The picture without its metadata, which name the days that were fetched."""
    return re.sub(r"(?s)<metadata>.*</metadata>", "", seen["picture"])


def act(board, chance):
    """Do something that a person may do, and return what it was."""
    page = board.page
    kind = chance.choices(("list", "tab", "view", "text", "point", "back"), (8, 3, 3, 2, 3, 2))[0]
    if kind in ("list", "view"):
        name = "view" if kind == "view" else chance.choice(LISTS.split())
        list_of = page.locator(f".ua-labelled.ua-{name} select")
        if not list_of.is_visible():
            return f"{name} is hidden"
        number = chance.randrange(list_of.locator("option").count())
        list_of.select_option(index=number)
        return f"{name}, option {number}"
    if kind == "tab":
        tabs = page.locator(".ua-tab button")
        number = chance.randrange(tabs.count())
        tabs.nth(number).click()
        return f"tab {number}"
    if kind == "text":
        name = chance.choice([*TYPED])
        if not board.at(name).is_visible():
            return f"{name} is hidden"
        text = chance.choice(TYPED[name])
        board.at(name).fill(text)
        board.at(name).press("Tab")
        return f"{name} {text!r}"
    if kind == "point" and page.locator(".ua-frame").is_visible():
        page.locator(".ua-frame").focus()
        keys = ["Home", *["ArrowRight"] * chance.randrange(4), chance.choice(("Enter", "Escape"))]
        for key in keys:
            page.keyboard.press(key)
        return f"keys {keys}"
    if page.locator(".ua-frame").is_visible():
        page.locator(".ua-frame").focus()
        page.keyboard.press("Backspace")
    return "went back"


@pytest.mark.parametrize("width", [1400, 400])
def test_the_page_shows_what_its_link_says(browser, address, width):
    """After legal actions the page is whole, and a browser that opens its link sees the same."""
    chance = random.Random(width)  # noqa: S311  # no secret
    board, done = Board(browser, address, width).ready(), []
    for step in range(STEPS // 2):
        done.append(act(board, chance))
        seen = look(board)
        assert seen["headline"].strip(), done
        assert not BROKEN.search(seen["headline"]), (done, seen["headline"])
        wide = board.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, done
        refused = board.page.locator(".ua-headline [role=alert]").count() > 0
        if step % 8 == 7 and not refused:
            other = Board(browser, board.page.url, width)
            other.page.wait_for_selector(".ua-headline p")
            # The page of a link first draws the defaults.
            same = f"words => {LOOKS['headline']} === words"
            other.page.wait_for_function(same, arg=seen["headline"])
            again = look(other)
            assert drawing(again) == drawing(seen), (done, board.page.url)
            other.page.close()
        assert [words for words in board.said if "/voila/api/shutdown/" not in words] == [], done
    assert sum("is hidden" in action for action in done) < len(done) / 3, done
    board.page.close()
