"""A report on paper, on a phone and on a desk, as a browser lays it out."""

import re

import pytest

import usage_analysis as ua

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("default::ResourceWarning")]

SIZES = """[...document.querySelectorAll("figure img")].map(
    image => [image.className, image.getBoundingClientRect().width])"""


INSETS = """[...document.querySelectorAll(".named td:first-child")].map(cell => {
    const text = document.createRange();
    text.selectNodeContents(cell);
    return text.getBoundingClientRect().left - cell.getBoundingClientRect().left;
})"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    usage = ua.sample_client().call_usage(from_date="2026-03-02", to_date="2026-03-08")
    folder = tmp_path_factory.mktemp("report")
    wanted = ["trend", "errors", "peaks", "checks"]
    return ua.build_report(usage, folder, sections=wanted).as_uri()


def printed(page):
    """How many sheets of A4 a page is."""
    return len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4")))


@pytest.mark.parametrize("width", [400, 1400])
def test_paper_shows_the_wide_figures(browser, address, width):
    """Printed from a phone or from a desk it is the same paper: wide figures, two on a sheet.

    On either screen no table is wider than it, and a row's name stands where the row begins.
    """
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(address)
    on_screen = "narrow" if width == 400 else "wide"
    for kind, size in page.evaluate(SIZES):
        assert (size > 0) == (kind == on_screen), (kind, size)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for table in page.locator("section > .scroll").all():
        assert table.evaluate("region => region.scrollWidth - region.clientWidth") == 0
    for inset in page.evaluate(INSETS):
        assert 0 <= inset < 12
    page.set_viewport_size({"width": 688, "height": 1000})  # A4 at 96 dpi within the margins
    page.emulate_media(media="print")
    for kind, size in page.evaluate(SIZES):
        assert size == 0 if kind == "narrow" else size > 680, (kind, size)
    assert printed(page) <= 7
    page.close()
