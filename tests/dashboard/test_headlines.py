"""Headlines of the dashboard on twelve accounts: the words of the library and of the figure."""

from __future__ import annotations

import re
from typing import Any

import pytest

import usage_analysis as ua
from tests.accounts import ACCOUNTS, AGENTS
from usage_analysis.dashboard.views import ON_TABS

BROKEN = re.compile(r"\b(nan|NaN|NaT|None|inf)\b|[{}]|; [A-Z][a-z]+ [a-z]+ [a-z]+ |\.\.$")
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
#: Figures whose title is of another quantity than the headline, with the number that both name.
OTHER = {
    "billed": r"of (\d[\d,.]*) billed minutes",
    "overhead": r"(\d[\d,.]*) billed minutes",
    "pareto": r"of (\d[\d,.]*) billed minutes",
    "load_duration": r"(\d[\d,]*) hours",
    "month": r"(\d[\d,.]*) billed minutes",
    "trend": r"of (\d[\d,.]*) calls",
    "groups": r"(?!)",
}


def views_of(account: Any, **state: Any) -> dict[str, tuple[str, str]]:
    """Return headline and title of every figure of the dashboard, by its name."""
    found = {}
    days = {"first": account.days["from_date"], "last": account.days["to_date"]}
    explorer = ua.Explorer(
        account.client, timezone=account.zone, agents=AGENTS,
        state={"preset": "custom", **days, **state},
    )  # fmt: skip
    for tab, names in ON_TABS.items():
        for name in names:
            with explorer.together():
                explorer.tab.value = tab
                if name not in {value for _, value in explorer.view.options}:
                    continue
                explorer.view.value = name
            title = "" if explorer.axes is None else explorer.axes.get_title(loc="left")
            words = re.sub("<[^>]+>", "", explorer.display.headline.value)
            found[name] = (" ".join(words.split()), " ".join(title.split()))
    explorer.close()
    return found


STATES = (
    {},
    {"group": "agent"},
    {"comparison": "previous"},
    {"group": "agent", "comparison": "previous"},
)
CASES = [
    # Each account in one of the states, so that each state is seen on three accounts.
    pytest.param(name, STATES[place % 4], marks=pytest.mark.slow)
    for place, name in enumerate(ACCOUNTS)
]


@pytest.mark.parametrize(("name", "state"), CASES)
def test_headlines_say_what_library_and_figures_say(name, state):
    """A headline is a whole sentence; its numbers are those of describe_* and of the title."""
    account = ACCOUNTS[name]
    found = views_of(account, **state)
    assert len(found) >= 15
    usage = account.client.call_usage(**account.days, timezone=account.zone)
    hourly = ua.between_days(ua.in_timezone(usage.hourly, account.zone), *account.days.values())
    for view, (headline, title) in found.items():
        assert re.fullmatch(r"[A-Z0-9].*\.", headline), (view, headline)
        assert not BROKEN.search(headline), (view, headline)
        assert account.zone in headline, (view, headline)
        if view in OTHER:
            for one in re.findall(OTHER[view], title):
                number = float(one.replace(",", ""))
                said = [float(told.replace(",", "")) for told in NUMBER.findall(headline)]
                # Billed minutes are told as money, too.
                close = [abs(n - number) < 0.01 or abs(n - 0.05 * number) <= 0.026 for n in said]
                assert any(close), (view, headline, title)
        elif not state.get("comparison"):
            assert set(NUMBER.findall(title)) <= set(NUMBER.findall(headline)), (
                view,
                headline,
                title,
            )
    if not hourly["total_count"].any():
        return
    assert found["week"][0] == ua.describe_peak(hourly)
    assert found["capacity"][0] == ua.describe_capacity(hourly, limit=5)
    if not state:
        assert found["errors"][0] == ua.describe_errors(hourly)
