"""A monkey at the dashboard: legal actions by chance, after each of which everything must agree."""

import json
import random
import re
from datetime import date, timedelta

import pandas as pd
import pytest

import usage_analysis as ua
from tests.dashboard.transports import Watched, watched_client
from usage_analysis.figures.axes import figure_of
from usage_analysis.figures.style import picture, title_of, without_heading

TODAY = date(2026, 4, 1)
ZONES = ("UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia")
#: Texts that a person may type into a field.
TYPED = {
    "timezone": ZONES,
    "duration_min": ("", "20", "90s", "0"),
    "duration_max": ("", "200s", "1800"),
    "search": ("", "", "", "appointment", "nobody says this"),
    "price": ("0.05", "0", "0.1234", "12"),
}
BROKEN = re.compile(r"\b(nan|NaN|NaT|None|inf|Traceback|TraitError)\b|[{}]")


class Monkey:
    """Somebody who uses the controls, the figure and the buttons by chance."""

    def __init__(self, seed):
        self.chance = random.Random(seed)  # noqa: S311  # no secret
        self.client = watched_client(Watched())
        self.explorer = ua.Explorer(self.client, timezone="America/New_York")

    def set_control(self):
        """Give a control one of the values that it offers, or a text that may be typed."""
        name, control = self.chance.choice([*self.explorer.controls.by_name.items()])
        value = self.chance.choice(self.values_of(name, control))
        control.value = value
        return f"{name} = {value!r}"

    def values_of(self, name, control):
        if name in TYPED:
            return TYPED[name]
        if name in ("first", "last"):
            # As the page sends them: each by itself, in either order.
            return [TODAY - timedelta(days=self.chance.choice((1, 2, 6, 9, 40, 95, 200)))]
        if name in ("agents", "groups"):
            names = list(control.options)
            return [tuple(n for n in names if self.chance.random() < 0.3)]
        if hasattr(control, "options"):
            return [option[1] for option in control.options]
        return [self.chance.randint(control.min, control.max)]

    def press(self):
        """Press a button."""
        controls = self.explorer.controls
        buttons = (controls.agents.all, controls.agents.none, controls.largest)
        button = self.chance.choice((*buttons, controls.groups.all, controls.refresh))
        button.click()
        return f"pressed {button.description}"

    def find(self):
        """Search a list of names."""
        text = self.chance.choice(("", "line", "e", "zzz"))
        chooser = self.chance.choice((self.explorer.controls.agents, self.explorer.controls.groups))
        chooser.find.value = text
        return f"searched {text!r}"

    def point(self):
        """Click a point of the figure, open a card's figure, or double click to go back."""
        points = json.loads(self.explorer.image.points or "{}").get("points", [])
        keys = [{"choose": point["key"]} for point in points if point["key"]]
        view = {"view": self.chance.choice(("trend", "errors", "billed", "week", "month"))}
        content = self.chance.choice((*self.chance.sample(keys, min(2, len(keys))), view, {}))
        self.explorer.image._handle_custom_msg(content, [])
        return f"pointed {content}"

    def reload(self):
        """Open the link of the address, and continue from a saved state."""
        explorer = self.explorer
        before = {**explorer.state(), "first": "", "last": ""}
        explorer.image._handle_custom_msg({"link": explorer.image.link}, [])
        after = {**explorer.state(), "first": "", "last": ""}
        if explorer.phase != "refused":
            assert after == before
        state = explorer.state()
        explorer.close()
        self.explorer = ua.Explorer(self.client, timezone=state["timezone"], state=state)
        return "reloaded"

    def act(self):
        """Do something, and return what it was."""
        actions = (self.set_control, self.press, self.find, self.point, self.reload)
        return self.chance.choices(actions, (20, 2, 1, 4, 1))[0]()


def check(monkey, done, *, python):
    """Compare the words, the figure, the table and the lines of a dashboard."""
    explorer = monkey.explorer
    assert explorer.phase in ("ready", "partial", "empty", "refused"), (done, explorer.error)
    words = re.sub("<[^>]+>", "", explorer.display.headline.value)
    assert words, done
    assert not BROKEN.search(words), (done, words)
    if explorer.phase == "refused":
        assert "ua-stale" in explorer.image._dom_classes or not explorer.image.svg, (done, words)
        return
    settings = explorer._settings
    shown = {name: control.value for name, control in explorer.controls.by_name.items()}
    assert shown == {name: getattr(settings, name) for name in shown}, done
    if explorer.phase == "empty":
        assert explorer.axes is None, done
        return
    assert explorer._view.settings == settings, done
    assert "ua-stale" not in explorer.image._dom_classes, done
    with without_heading(figure_of(explorer.axes)):
        assert explorer.image.svg == picture(figure_of(explorer.axes), "svg").decode(), done
    if python:
        made = {}
        exec(explorer.python, made)  # noqa: S102  # the lines that the page offers to copy
        assert title_of(figure_of(made["ax"])) == title_of(figure_of(explorer.axes)), done
        # Where hours may be split, counts may be floats.
        pd.testing.assert_frame_equal(made["table"], explorer.table, check_dtype=False)


@pytest.mark.parametrize(
    ("seed", "steps"),
    [pytest.param(1, 25, id="a few"), pytest.param(2, 100, id="many", marks=pytest.mark.slow)],
)
def test_nothing_disagrees_after_actions_by_chance(seed, steps, capsys):
    """After each legal action, words, figure, controls and Python lines speak of the same data."""
    monkey, done = Monkey(seed), []
    for step in range(steps):
        done = [*done[-5:], monkey.act()]
        check(monkey, done, python=step % 10 == 0)
    monkey.explorer.close()
    capsys.readouterr()
