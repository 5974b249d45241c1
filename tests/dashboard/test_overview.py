"""The cards above the tabs."""

import re
from html import unescape

import numpy as np
import pandas as pd
import pytest

import usage_analysis as ua
from tests.dashboard.transports import Watched, watched_client
from usage_analysis.dashboard.headlines import HEADLINES
from usage_analysis.dashboard.overview import _CARDS, _sparkline
from usage_analysis.dashboard.views import ON_TABS, VIEWS, View

ZONE = "America/New_York"
CARD = re.compile(r'<button type="button" class="ua-card" data-view="(\w+)">(.*?)</button>')


def cards(explorer):
    """The words of each card, by the figure that it opens."""
    return {
        view: [unescape(text) for text in re.findall(r">([^<>]+)<", inside) if text.strip()]
        for view, inside in CARD.findall(explorer.overview.strip.value)
    }


@pytest.fixture(scope="module")
def explorer():
    return ua.Explorer(ua.sample_client(), timezone=ZONE)


def test_the_cards_say_what_the_helpers_compute(explorer):
    """Each value is that of the public helper on the selected hours."""
    shown, hourly = cards(explorer), explorer._view.selected.hourly
    assert [words[0] for words in shown.values()] == [
        "Calls", "Error rate", "Cost", "Busy hour", "Month's end",
    ]  # fmt: skip
    assert shown["trend"][1] == f"{hourly['total_count'].sum():,}"
    rate = ua.error_rate(hourly[~hourly["provisional"]], by="total")["rate"].item()
    assert shown["errors"][1] == f"{100 * rate:.2f} %"
    assert shown["billed"][1] == f"USD {ua.cost(hourly):,}"
    interval = shown["errors"][2].partition("; ")[0]
    assert interval in ua.describe_errors(hourly[~hourly["provisional"]])


def test_the_cards_and_the_tabs_agree(explorer):
    """The change on a card is the statement that its figure has with the same comparison."""
    shown = cards(explorer)
    compared = explorer._settings.for_overview()
    view = View(compared, explorer._view.cached, "")
    assert shown["trend"][2] == HEADLINES["comparison"](view).title
    assert "Same weekdays before: 2026-01-26 to 2026-02-24" in explorer.overview.strip.value


def test_no_headline_repeats_a_card(explorer):
    """No words of a card stand as a whole in the headline of a tab, nor the other way round."""
    words = [word for card in cards(explorer).values() for word in card[2:]]
    for tab in ON_TABS:
        explorer.tab.value = tab
        assert explorer.sentence not in unescape(explorer.overview.strip.value)
        assert not [word for word in words if word in explorer.sentence]


def test_a_card_opens_its_figure():
    """Each card names a figure that some tab offers, and a click opens it."""
    explorer = ua.Explorer(ua.sample_client(), timezone=ZONE, state={"group": "agent"})
    for name in _CARDS:
        explorer.image._handle_custom_msg({"view": name}, [])
        assert (explorer.view.value, explorer.phase) == (name, "ready")
        assert name in ON_TABS[explorer.tab.value]


CHANGES = (
    ("tab", "errors", True), ("measure", "duration", True), ("group", "agent", True),
    ("price", "0.07", False), ("hour_from", 9, False), ("comparison", "previous", False),
    ("agents", ("Front desk",), False), ("preset", "last_7_days", False),
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "fetches"),
    [
        pytest.param(CHANGES[::3], 2, id="a few"),  # agents
        pytest.param(CHANGES, 3, id="all", marks=pytest.mark.slow),  # groups and agents
    ],
)
def test_cards_are_of_the_days_and_calls_alone(changes, fetches):
    """Another figure leaves the cards as they are; other days, calls or prices do not."""
    explorer = ua.Explorer(ua.sample_client(), timezone=ZONE)
    for name, value, same in changes:
        before = explorer.overview.strip.value
        getattr(explorer, name).value = value
        assert (explorer.overview.strip.value == before) == same, name
    assert explorer.fetches == fetches, "no days that the overview has"


def test_a_column_that_the_data_lack_is_named():
    """A card whose data lack a column says which one, and the others stay."""
    created = pd.date_range("2026-03-02", periods=200, freq="37min", tz="UTC")
    log = pd.DataFrame({"created": created, "duration": 60.0, "joined": True})
    state = {"preset": "custom", "first": "2026-03-02", "last": "2026-03-06"}
    explorer = ua.Explorer(ua.read_calls(log), timezone="UTC", state=state)
    shown = cards(explorer)
    assert shown["trend"][1] == f"{explorer._view.selected.hourly['total_count'].sum():,}"
    assert len(shown["week"]) > 1
    for name, column in (("errors", "error_count"), ("billed", "billed_minutes"),
                         ("month", "billed_minutes")):  # fmt: skip
        assert len(shown[name]) == 2
        assert f"(column {column})" in shown[name][1]


def test_no_calls_have_no_cards():
    """Where there are no calls, no card of other days stays."""
    explorer = ua.Explorer(ua.sample_client(), timezone=ZONE)
    explorer.search.value = "no call says this"
    assert (explorer.phase, explorer.overview.strip.value) == ("empty", "")


@pytest.mark.parametrize(
    "preset",
    ["today", *(pytest.param(preset, marks=pytest.mark.slow) for preset in (
        "yesterday", "last_7_days", "this_month", "last_month",
    ))],
)  # fmt: skip
def test_nothing_missing_is_written(preset):
    """No card of any preset says NaN, None or nothing at all."""
    explorer = ua.Explorer(watched_client(Watched()), timezone=ZONE, state={"preset": preset})
    for name, words in cards(explorer).items():
        assert len(words) > 1, name
        assert not re.search(r"(?i)\bnan\b|\bnone\b|\bnat\b|\binf", " ".join(words)), name


def test_the_unfinished_part_is_dashed():
    """The line goes on without a gap into the part that is not final; gaps are left out."""
    lines = re.findall(r'class="([\w-]*)" points="([^"]*)"', _sparkline(np.arange(5.0), 3))
    solid, dashed = (points.split() for _, points in lines)
    assert [kind for kind, _ in lines] == ["", "ua-open"]
    assert (len(solid), len(dashed), solid[-1]) == (3, 3, dashed[0])
    assert "ua-open" not in _sparkline(np.arange(5.0), 5)
    assert _sparkline(np.array([1.0, np.nan]), 2) == ""
    assert _sparkline(np.zeros(3), 3).count(",23.0") == 3


def test_every_card_opens_a_figure_of_a_tab():
    """The cards name figures of the catalogue."""
    assert set(_CARDS) <= set(VIEWS)
