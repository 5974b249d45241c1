"""From a changed control to the new picture, measured in the browser."""

import statistics

import pytest

from tests.browser.conftest import Board
from usage_analysis.dashboard.app import served_cells

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("default::ResourceWarning"),
]

EXPLORER = """
import usage_analysis as ua

client = ua.sample_client()
year = {"preset": "custom", "first": "2025-04-02", "last": "2026-03-31"}
ua.Explorer(client, timezone="America/New_York", state=year)
"""
INTERACT = """
import ipywidgets
import matplotlib.pyplot as plt

usage = client.call_usage(ua.UsageQuery.local_days("2025-04-02", "2026-03-31", "America/New_York"))

def draw(measure):
    hourly = ua.in_timezone(usage.hourly, "America/New_York").loc["2025-04-02":"2026-03-31"]
    about = ua.Provenance.of(usage, hourly, timezone="America/New_York")
    return ua.plot_trend(ua.aggregate(hourly, "D"), measure=measure, about=about).figure

names = {"calls": "total_count", "joined calls": "joined_count", "calls in error": "error_count",
         "minutes of talk": "duration"}
plain = ipywidgets.interactive(draw, measure=ipywidgets.Dropdown(options=list(names.items())))
plain.add_class("plain")
plain
"""
TIMED = """async ([control, image, value]) => {
    const select = document.querySelector(control);
    const before = document.querySelector(image).src;
    const start = performance.now();
    select.value = value;
    select.dispatchEvent(new Event('change', {bubbles: true}));
    for (;;) {
        await new Promise(requestAnimationFrame);
        const shown = document.querySelector(image);
        if (shown && shown.src !== before && shown.complete && shown.naturalWidth > 0) {
            await shown.decode();
            return performance.now() - start;
        }
        if (performance.now() - start > 20000) return NaN;
    }
}"""
MEASURES = ("joined calls", "calls in error", "minutes of talk", "calls")
ROUNDS = 4


def test_a_redraw_is_faster_than_interact(browser, record_property):
    """For a year of hours in hand, a new measure is on show sooner than through `interact`."""
    with served_cells([EXPLORER, INTERACT]) as url:
        board = Board(browser, url).ready()
        page = board.page
        page.wait_for_selector(".plain img", timeout=30_000)
        ways = {
            "explorer": (".ua-measure select", "img.ua-figure"),
            "interact": (".plain select", ".plain img"),
        }
        took = {name: [] for name in ways}
        for place in range(ROUNDS * len(MEASURES)):
            for name, (control, image) in ways.items():
                value = MEASURES[place % len(MEASURES)]
                took[name].append(page.evaluate(TIMED, [control, image, value]))
                page.wait_for_timeout(150)
    medians = {name: statistics.median(times[len(MEASURES) :]) for name, times in took.items()}
    for name, median in medians.items():
        record_property(f"{name}_ms", round(median))
    print({name: round(median) for name, median in medians.items()}, "ms in the median")  # noqa: T201
    assert medians["explorer"] < medians["interact"], medians
