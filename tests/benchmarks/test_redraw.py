"""What it takes from a changed control to the new picture in a browser, against `interact`.

Run with ``python -m pytest tests/benchmarks/test_redraw.py -m browser -s``; it prints what it
measured, and needs what the browser's tests need.
"""

import statistics

import pytest

from tests.browser.conftest import browser, own_folders  # noqa: F401  # fixtures
from tests.browser.servers import jupyterlab
from tests.browser.test_lab import run_through, write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("default::ResourceWarning")]
YEAR = "year.ipynb"

# The same figure twice, of a year of hours that were fetched before.
EXPLORER = """
import usage_analysis as ua

client = ua.sample_client()
year = {"preset": "custom", "first": "2025-04-02", "last": "2026-03-31"}
ua.Explorer(client, timezone="America/New_York", state=year)
"""
INTERACT = """
import ipywidgets

from usage_analysis.figures.provenance import Provenance

usage = client.call_usage(ua.UsageQuery.local_days("2025-04-02", "2026-03-31", "America/New_York"))
hours = ua.in_timezone(usage.hourly, "America/New_York").loc["2025-04-02":"2026-03-31"]
daily = ua.aggregate(hours, "D")
about = Provenance.of(usage, hours, timezone="America/New_York")

def draw(measure):
    return ua.plot_trend(daily, measure=measure, about=about).figure

names = {"calls": "total_count", "joined calls": "joined_count", "failed calls": "error_count",
         "minutes of talk": "duration"}
ipywidgets.interact(draw, measure=ipywidgets.Dropdown(options=list(names.items())))
draw.widget.add_class("plain");
"""
TIMED = """async ([control, image, value]) => {
    const select = document.querySelector(control);
    const look = shown => shown.src ?? shown.textContent;
    const before = look(document.querySelector(image));
    const start = performance.now();
    select.value = value;
    select.dispatchEvent(new Event('change', {bubbles: true}));
    for (;;) {
        await new Promise(requestAnimationFrame);
        const shown = document.querySelector(image);
        if (shown && look(shown) !== before && (shown.complete ?? true)) {
            if (shown.decode) await shown.decode();
            else await new Promise(requestAnimationFrame);  // painted with this frame
            return performance.now() - start;
        }
        if (performance.now() - start > 60000) throw new Error(`no new picture in ${image}`);
    }
}"""
WAYS = {
    "explorer": (".ua-measure select", ".ua-figure svg"),
    "interact": (".plain select", ".plain img"),
}
MEASURES = ("joined calls", "failed calls", "minutes of talk", "calls")
ROUNDS = 8
REST = 200
"""Pause before each change, in which what came after the last picture is done [ms]."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    write_notebook(folder / YEAR, EXPLORER, INTERACT)
    with jupyterlab(folder) as address:
        yield address


def test_a_redraw_is_faster_than_interact(browser, lab, capsys):  # noqa: F811  # the fixture
    """For a year of hours in hand, a new measure is on show sooner than through `interact`."""
    page = run_through(browser, lab, YEAR).page
    page.wait_for_selector(".plain img", state="attached")
    took = {name: [] for name in WAYS}
    for place in range(ROUNDS * len(MEASURES)):
        for name, (control, image) in WAYS.items():
            value = MEASURES[place % len(MEASURES)]
            page.wait_for_timeout(REST)
            took[name].append(page.evaluate(TIMED, [control, image, value]))
    medians = {name: statistics.median(times[len(MEASURES) :]) for name, times in took.items()}
    words = ", ".join(f"{name} {median:.0f} ms" for name, median in medians.items())
    with capsys.disabled():
        print(f"\nFrom a changed control to the new picture: {words} in the median")
    assert medians["explorer"] < medians["interact"], words
