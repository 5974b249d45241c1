"""The address of the app: what stands in it, and what a link restores."""

from datetime import date
from html import unescape
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import usage_analysis as ua
from usage_analysis.dashboard.address import Address
from usage_analysis.dashboard.choices import Choices
from usage_analysis.dashboard.names import names_of
from usage_analysis.dashboard.settings import MEASURES
from usage_analysis.dashboard.views import ON_TABS

ZONE = "America/New_York"
CLIENT = ua.sample_client()
NAMES = names_of(CLIENT, None, None, None)


def choices():
    return Choices(NAMES, CLIENT.today, 1)


def follow(explorer, link):
    """Do what the page does with the address that it has."""
    explorer.image._handle_custom_msg({"link": link}, [])


@pytest.fixture
def explorer():
    return ua.Explorer(CLIENT, timezone=ZONE)


def test_the_address_has_what_differs(explorer):
    """The defaults need no address, and each choice adds its name and value."""
    assert explorer.image.link == ""
    explorer.tab.value = "errors"
    assert explorer.image.link == "tab=errors"
    explorer.view.value = "control"
    explorer.agents.value = ("Front desk", "Reminders")
    assert explorer.image.link == "agents=Front+desk&agents=Reminders&tab=errors&view=control"
    explorer.agents.value = ()
    explorer.tab.value = "trends"
    assert explorer.image.link == ""


def test_a_preset_brings_its_own_days(explorer):
    """Days stand in the address only where they were chosen one by one."""
    explorer.preset.value = "last_month"
    assert explorer.image.link == "preset=last_month"
    explorer.first.value = date(2026, 3, 20)
    assert explorer.image.link == "preset=custom&first=2026-03-20&last=2026-03-31"


def test_a_link_restores_a_page_that_was_forgotten(explorer):
    """A new dashboard that reads a link has the state of the old one, and asks the same."""
    with explorer.together():
        explorer.preset.value = "last_month"
        explorer.group.value = "agent"
        explorer.groups.value = ("Front desk",)
        explorer.hour_from.value = 9
        explorer.limit.value = 12
        explorer.tab.value = "capacity"
    other = ua.Explorer(CLIENT, timezone=ZONE)
    follow(other, f"#{explorer.image.link}")
    assert other.state() == explorer.state()
    assert other.sentence == explorer.sentence
    assert ua.Explorer(CLIENT, state=other.state()).state() == explorer.state()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_every_state_survives_its_link(data):
    """Whatever is chosen, from whatever defaults, reading the written link gives it back."""
    rules = choices()
    tab = data.draw(st.sampled_from(sorted(ON_TABS)))
    states = st.fixed_dictionaries({}, optional={
        "agents": st.lists(st.sampled_from(sorted(NAMES.agents)), unique=True),
        "measure": st.sampled_from(MEASURES),
        "hour_from": st.integers(0, 8),
        "top": st.integers(1, 12),
        "search": st.text("aä &=#+%/?", max_size=5),
        "price": st.sampled_from(["0", "0.07"]),
        "preset": st.sampled_from(["today", "last_7_days", "last_month"]),
        "timezone": st.sampled_from(["UTC", "Asia/Kolkata"]),
    })  # fmt: skip
    first = rules.start(None, None, {"timezone": ZONE} | data.draw(states))
    address = Address(rules, first)
    chosen = rules.start(None, None, {"timezone": ZONE, "tab": tab} | data.draw(states))
    assert address.read(address.write(chosen)) == chosen
    assert address.note.value == ""


@pytest.mark.parametrize(("link", "because"), [
    ("version=2&tab=errors", "a newer version of usage-analysis made it"),
    ("colour=red", "has no setting 'colour'"),
    ("top=99", "Largest groups: expected a whole number from 1 to 12, got 99"),
    ("top=many", "Largest groups: expected a whole number from 1 to 12"),
    ("agents=Nobody", "Agents: unknown name 'Nobody'"),
    ("tab=nowhere", "Figures: expected one of"),
    (f"search=a&{quote('<b>')}=1", "has no setting '<b>'"),
])  # fmt: skip
def test_a_link_that_does_not_fit_says_why(link, because):
    """A bad link gives the defaults and one sentence that says what does not fit."""
    rules = choices()
    defaults = rules.start(None, None, {"timezone": ZONE})
    address = Address(rules, defaults)
    assert address.read(link) == defaults
    note = address.note.value
    assert "The dashboard shows its defaults, because the link does not fit: " in note
    assert because in unescape(note)
    assert "<b>" not in note


def test_a_link_that_does_not_fit_gives_the_defaults(explorer):
    """A bad link is told beside the defaults, until the next choice."""
    before = explorer.state()
    explorer.tab.value = "money"
    follow(explorer, "colour=red")
    note = explorer._address.note
    assert (explorer.state(), explorer.phase, explorer.image.link) == (before, "ready", "")
    assert "has no setting 'colour'" in unescape(note.value)
    explorer.tab.value = "errors"
    assert note.value == ""


def test_only_the_app_owns_its_address(monkeypatch):
    """In a notebook the address is JupyterLab's; in the app that Voila serves it is ours."""
    assert not ua.Explorer(CLIENT, timezone=ZONE).image.in_app
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.13")
    assert ua.Explorer(CLIENT, timezone=ZONE).image.in_app
