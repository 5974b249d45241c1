"""The built documentation site in a real browser, opened as files."""

import pytest

from tests.browser.conftest import ROOT

pytestmark = pytest.mark.browser

SITE = ROOT / "docs" / "_build" / "html"
PAGES = [
    "index.html",
    "questions/cost.html",
    "gallery/effects.html",
    "reference/names/Client.html",
    "reference/rules.html",
    "notebooks/03_error_rates.html",
    "search.html?q=busy+hour",
]


@pytest.fixture
def visit(browser):
    """Open a page of the site, and fail if it asks for anything that is not a file."""
    if not SITE.is_dir():
        pytest.skip("the site is not built; CONTRIBUTING.md has the command")
    opened, outside = [], []

    def visit(page, width=1400, colours="light"):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=colours
        )
        opened.append(context)
        tab = context.new_page()
        tab.on(
            "request",
            lambda request: (
                None if request.url.startswith(("file:", "data:")) else outside.append(request.url)
            ),
        )
        tab.on("pageerror", lambda error: outside.append(str(error)))
        tab.goto(f"{SITE.as_uri()}/{page}")
        return tab

    yield visit
    for context in opened:
        context.close()
    assert outside == []


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("page", PAGES)
def test_pages_fit_the_window(visit, page, width):
    """No page is wider than the window of a phone or of a desk."""
    tab = visit(page, width)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_one_drawing_is_shown(visit, width, colours):
    """A drawing is shown once, in the colours of the page and for the width of the window."""
    tab = visit("gallery/effects.html", width, colours)
    shown = tab.locator(".drawing img:visible")
    assert shown.count() == 1
    name = shown.evaluate("image => image.decode().then(() => image.currentSrc)")
    assert ("-narrow" in name) is (width == 400)
    assert ("-dark" in name) is (colours == "dark")


def test_search_finds_a_function(visit):
    """The search works on files: it finds a function by its name, and leads to its page."""
    tab = visit("search.html?q=busy_hour")
    tab.locator("#search-results a", has_text="usage_analysis.busy_hour").first.click()
    tab.wait_for_url("**/reference/names/busy_hour.html*")
    assert tab.locator("h1").inner_text().startswith("busy_hour")
