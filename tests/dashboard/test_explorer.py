"""The dashboard without a browser: controls are set, the figure is looked at.

Covers causes, choices, controls, display, names, picture, queries, settings and views.
"""

import base64
import itertools
import json
import re
from datetime import date
from decimal import Decimal

import ipywidgets as widgets
import numpy as np
import pandas as pd
import pytest

import usage_analysis as ua
from tests.dashboard.transports import Watched, watched_client
from tests.servers import local_server
from usage_analysis.analysis.meaning import meaning_of
from usage_analysis.analysis.statements.change import state_effects
from usage_analysis.dashboard.headlines import HEADLINES
from usage_analysis.dashboard.settings import TABS, Settings
from usage_analysis.dashboard.views import ON_TABS, VIEWS
from usage_analysis.figures.axes import figure_of
from usage_analysis.figures.style import picture, title_of, without_heading
from usage_analysis.sample import AGENTS, KEY, TENANTS
from usage_analysis.sample.endpoint import sample_endpoint

ZONE = "America/New_York"


@pytest.fixture
def transport():
    return Watched()


@pytest.fixture
def start(transport):
    """Return a function that opens a dashboard with given settings, which saves a drawing each."""
    return lambda **state: ua.Explorer(watched_client(transport), timezone=ZONE, state=state)


@pytest.fixture
def explorer(start):
    return start()


@pytest.fixture(scope="module")
def untouched():
    """A dashboard of which no test sets a control."""
    return ua.Explorer(watched_client(Watched()), timezone=ZONE)


def drawing(svg):
    """An SVG without its metadata, which hold the query to the server."""
    return re.sub(r"(?s)<metadata>.*</metadata>", "", svg)


def show(explorer, name):
    with explorer.together():
        explorer.tab.value = next(tab for tab, names in ON_TABS.items() if name in names)
        explorer.view.value = name


DRAWN_FROM_HAND = (
    ("measure", "billed_minutes"),
    ("granularity", "W"),
    ("timezone", "Asia/Kolkata"),
    ("hour_from", 9),
    ("tab", "peaks"),
    ("hour_to", 17),
    ("view", "day"),
    ("preset", "last_7_days"),
    ("first", date(2026, 3, 26)),
    ("last", date(2026, 3, 30)),
    ("tab", "capacity"),
    ("limit", 9),
    ("tab", "money"),
)
ASKED = (
    ("preset", "last_90_days"),
    ("group", "agent"),
    ("agents", ("Front desk", "Reminders")),
    ("voice", "Mara"),
    ("duration_min", "20"),
    ("duration_max", "200s"),
    ("search", "appointment"),
)


def a_few_and_all(changes, *places):
    """Those at a few places in a plain run, and all of them in a slow test."""
    return pytest.mark.parametrize(
        "changes",
        [
            pytest.param([changes[n] for n in places], id="a few"),
            pytest.param(changes, id="all", marks=pytest.mark.slow),
        ],
    )


@a_few_and_all(DRAWN_FROM_HAND, 0, 2, 3, 4)  # the figure, the clock, the calls, the tab
def test_what_is_in_hand_is_drawn_without_asking(explorer, changes):
    """A control that leaves the question to the server as it is draws one new picture, no more."""
    seen = explorer.image.svg
    for name, value in changes:
        before = explorer.draws
        getattr(explorer, name).value = value
        assert (explorer.draws, explorer.fetches) == (before + 1, 1), name
        assert explorer.phase == "ready", (name, explorer.error)
        assert explorer.image.svg != seen, name
        assert "cached data" in explorer.display.asof.value
        seen = explorer.image.svg


@a_few_and_all(ASKED, 0, 3, 6)  # the days and two filters
def test_a_new_question_is_asked_once(start, transport, changes):
    """A control that changes the question asks it once, says so, and draws the answer."""
    explorer = start(preset="last_7_days")
    for name, value in changes:
        fetches, draws = explorer.fetches, explorer.draws
        getattr(explorer, name).value = value
        assert (explorer.fetches, explorer.draws) == (fetches + 1, draws + 1), name
        assert explorer.phase == "ready", (name, explorer.error)
        assert "asked the server" in explorer.display.asof.value
    assert transport.seen[-1]["search"] == "appointment"
    assert transport.seen[-1]["voiceId"]


def test_metadata_is_asked_for_with_its_value(explorer, transport):
    """A metadata key alone asks nothing; with a value it is a filter of the request."""
    explorer.metadata_key.value = "tenant"
    assert explorer.fetches == 1
    explorer.metadata_value.value = "maple-realty"
    assert transport.seen[-1]["metadata.tenant"] == "maple-realty"
    assert "tenant maple-realty" in explorer.image.alt
    explorer.metadata_key.value = "channel"
    assert explorer.metadata_value.value == ""
    assert "maple-realty" not in dict(explorer.metadata_value.options)


@pytest.mark.slow
def test_a_question_of_before_is_not_asked_again(start):
    """Going back to an answer in hand, or from groups to their sum, asks nothing."""
    explorer = start(group="agent")
    for control, value in ((explorer.group, ""), (explorer.group, "agent"), (explorer.top, 2)):
        control.value = value
    assert explorer.fetches == 1
    explorer.agents.value = ("Front desk",)
    explorer.agents.value = ()
    assert explorer.fetches == 2


def names_of(explorer):
    """Names written where the lines of groups end."""
    return {text.get_text() for text in explorer.axes.texts if text.get_gid() == "label"}


def test_the_largest_groups_are_named(start):
    """As many groups as the slider says are named, and the others are drawn together."""
    explorer = start(group="tenant", top=2)
    calls = explorer._view.selected.breakdown.groupby("tenant")["total_count"].sum()
    for number in (2, 5):
        explorer.top.value = number
        own = set(calls.nlargest(number).index)
        assert names_of(explorer) == own | {f"{len(calls) - number} others"}
        lines = [line.get_gid() for line in explorer.axes.lines]
        assert (lines.count("group"), lines.count("other")) == (number, len(calls) - number)


def test_the_number_of_groups_changes_no_share(start):
    """Shares are of all calls, however many groups are drawn by themselves."""
    explorer = start(group="tenant", tab="money", view="pareto", top=1)
    minutes = explorer._view.selected.hourly["billed_minutes"].sum()
    largest = explorer.table.sort_values("billed_minutes").iloc[-1]
    titles = set()
    for number in (1, 6, 12):
        explorer.top.value = number
        assert f"of {minutes:,.0f} billed minutes" in explorer.axes.get_xlabel()
        (bars,) = explorer.axes.containers
        share = 100 * largest["billed_minutes"] / minutes
        assert bars[0].get_width() == pytest.approx(share)
        assert sum(bar.get_width() for bar in bars) == pytest.approx(100)
        others = f"{len(TENANTS) - number} others"
        assert explorer.axes.get_yticklabels()[-1].get_text() == others
        titles.add(explorer.axes.get_title(loc="left"))
    assert len(titles) == 1
    assert f"{minutes / 20:,.2f}, {share:.0f} %)" in explorer.sentence


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["pareto"], id="shares"),
        pytest.param(
            [name for name, entry in VIEWS.items() if entry.needs_groups],
            id="all",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_calls_in_no_group_are_the_rest(start, names):
    """Where no group has a call, every figure of groups draws the rest, and its lines run."""
    explorer = start(agents=["Reminders"], group="campaign", comparison="weekdays")
    for name in names:
        if VIEWS[name].needs_groups:
            show(explorer, name)
            assert explorer.phase == "ready", (name, explorer.error)
            exec(explorer.python, {})  # noqa: S102  # the lines that the page offers to copy
    show(explorer, "trend")
    assert "rest" in names_of(explorer)
    assert re.match("No calls in the one group; the rest has all [0-9,]+ calls", explorer.sentence)


def test_a_price_is_told_as_it_is_asked(start):
    """The headline and the table of costs are those of the rate chosen."""
    explorer = start(group="agent", tab="money", view="pareto")
    minutes = explorer._view.selected.hourly["billed_minutes"].sum()
    for price in ("0.05", "0.1"):
        explorer.price.value = price
        total = float(re.search(r"of USD ([\d,.]+),", explorer.sentence)[1].replace(",", ""))
        assert total == pytest.approx(float(price) * minutes, abs=0.01)
        costs = explorer.table["cost"].astype(float)
        assert np.allclose(costs, float(price) * explorer.table["billed_minutes"], atol=0.006)


@pytest.mark.parametrize(
    ("names", "group"),
    [
        # Each figure is drawn twice: a few in every run, all of them in CI.
        pytest.param(["trend", "week"], "agent", id="a few"),
        *(
            pytest.param(
                ON_TABS[tab],
                {"trends": "", "money": "tenant"}.get(tab, "agent"),
                id=tab,
                marks=pytest.mark.slow,
            )
            for tab in TABS
        ),
    ],
)
def test_every_figure_is_its_python_lines(start, names, group, capsys):
    """Each figure has a headline, words for who cannot see it, and Python lines that make it."""
    hours = {"hour_from": 22, "hour_to": 6}
    explorer = start(measure="duration", **hours, comparison="weekdays", group=group)
    for name in names:
        if VIEWS[name].needs_groups:
            explorer.group.value = "agent"
        show(explorer, name)
        assert (explorer.view.value, explorer.phase) == (name, "ready"), explorer.error
        made = {}
        exec(explorer.python, made)  # noqa: S102  # the lines that the page offers to copy
        figure = figure_of(made["ax"])
        assert title_of(figure) == title_of(figure_of(explorer.axes)), name
        with without_heading(figure):  # the headline stands in its place
            again = picture(figure, "svg").decode()
        assert drawing(explorer.image.svg) == drawing(again), name
        assert re.fullmatch(r'<p role="status">[A-Z0-9].*[.]</p>', explorer.headline.value)
        assert len(explorer.table) > 0
        assert len(explorer.image.alt) > 80
    capsys.readouterr()


def test_the_python_lines_ask_the_same_account(transport):
    """The lines make the client that was given, without a key, or say that it is yours to make."""
    own = ua.sample_client(seed=3, today=date(2026, 2, 10))
    week = {"preset": "last_7_days"}
    with (
        local_server(sample_endpoint(seed=3)) as address,
        ua.Client(KEY, base_url=address) as served,
    ):
        for client in (own, served):
            explorer = ua.Explorer(client, timezone=ZONE, state=week)
            made = {}
            exec(explorer.python, made)  # noqa: S102  # the lines that the page offers to copy
            made["client"].close()
            assert made["table"].equals(explorer.table)
            assert len(explorer.python.replace("import datetime\n", "").splitlines()) <= 8
    secret = "Zk3nQ8aB.pR7tY2uI9oP4aS6dF1gH8jK3lZ5xC0v"
    assert ua.Client(secret).python == ""
    transport.python = ""
    explorer = ua.Explorer(watched_client(transport), timezone=ZONE, state=week)
    assert "client = ...  # yours\n" in explorer.python


def test_the_python_lines_of_an_account_of_the_environment(monkeypatch):
    """With the key in the environment, the lines need it there and name the address alone."""
    monkeypatch.setenv("ULTRAVOX_API_KEY", "Zk3nQ8aB.pR7tY2uI9oP4aS6dF1gH8jK3lZ5xC0v")
    assert ua.Client().python == "ua.Client()"
    elsewhere = ua.Client(base_url="https://calls.example/")
    assert elsewhere.python == "ua.Client(base_url='https://calls.example')"


@pytest.mark.slow
def test_every_measure_draws_in_every_bucket_that_fits(explorer):
    """Any measure can be seen in any bucket that the days allow, and no other is offered."""
    explorer.preset.value = "last_90_days"
    assert [name for _, name in explorer.granularity.options] == ["D", "W", "MS"]
    buckets = itertools.cycle(explorer.granularity.options)
    for (_, measure), (_, every) in zip(explorer.measure.options, buckets, strict=False):
        with explorer.together():
            explorer.measure.value, explorer.granularity.value = measure, every
        assert explorer.phase == "ready"
    explorer.preset.value = "yesterday"
    assert [name for _, name in explorer.granularity.options] == ["h"]
    assert explorer.granularity.value == "h"


@pytest.mark.slow
def test_buckets_that_did_not_fit_come_back(explorer, transport):
    """Days too few for the buckets wished for are drawn in others, and longer ones in those.

    Also after the state was kept meanwhile.
    """
    for preset, every in (("today", "h"), ("last_30_days", "D"), ("today", "h")):
        explorer.preset.value = preset
        assert explorer.granularity.value == every
    again = ua.Explorer(watched_client(transport), state=explorer.state())
    assert again.granularity.value == "h"
    again.preset.value = "last_30_days"
    assert again.granularity.value == "D"
    explorer.preset.value = "last_7_days"
    explorer.granularity.value = "h"
    explorer.preset.value = "last_90_days"
    assert explorer.granularity.value == "D"
    explorer.preset.value = "last_month"
    assert explorer.granularity.value == "h"


def test_a_change_is_told_as_it_is_drawn(start):
    """The headline of Change has the change and interval of the figure; unlike days have none."""
    explorer = start(comparison="previous", view="comparison")
    (row,) = explorer.table.itertuples()
    low, high = (100 * end / row.previous for end in (row.low, row.high))
    told = f": {100 * row.change:+.1f} % ({row.current:,.0f} against {row.previous:,.0f}; 95 % "
    told += f"interval {low:+.1f} to {high:+.1f} %; 28 days, same weekdays and hours; "
    told += "48 hours of the period not compared)"
    assert told in explorer.sentence
    explorer.preset.value = "yesterday"
    assert (explorer.view.value, explorer.phase) == ("trend", "ready")
    assert "comparison" not in dict(map(reversed, explorer.view.options))
    explorer.comparison.value = "weekdays"
    explorer.view.value = "comparison"
    assert explorer.phase == "ready"


def line_of(axes, name):
    (line,) = [line for line in axes.lines if line.get_gid() == name]
    return line


def key_of(axes):
    (words,) = [text for text in axes.texts if text.get_gid() == "key"]
    return words.get_text()


def test_what_is_set_beside_is_whole_and_named(transport):
    """Whole days stand beside whole days, over a change of clocks too, and the figure says so."""
    march = {"preset": "custom", "first": "2026-03-02", "last": "2026-03-31"}
    client = watched_client(transport)
    explorer = ua.Explorer(client, timezone=ZONE, state=march | {"comparison": "previous"})
    query = {"from_date": "2026-01-31", "to_date": "2026-03-01", "timezone": ZONE}
    usage = client.call_usage(**query)
    daily = ua.in_timezone(usage.hourly, ZONE).loc["2026-01-31":"2026-03-01"].resample("D").sum()
    beside = line_of(explorer.axes, "previous")
    assert list(beside.get_ydata()) == daily["total_count"].to_list()
    assert key_of(explorer.axes) == "dashed: 2026-01-31 to 2026-03-01, weekdays not aligned"
    assert beside.get_linestyle() == "--"
    # The change compares the same weekdays, four weeks apart, and says its dates once.
    assert explorer.sentence.endswith(
        f", 2026-03-02 to 2026-03-29 ({ZONE}) against 2026-02-02 to 2026-03-01."
    )
    assert explorer.sentence.count("2026-03-02") == 1
    assert list(beside.get_xdata()) == list(line_of(explorer.axes, "buckets").get_xdata())


def test_an_unfinished_day_stands_beside_the_same_hours(start):
    """Today is compared with yesterday to the last finished hour of the clock, in code as well."""
    explorer = start(preset="today", comparison="previous")
    hours = int((~explorer.table["provisional"]).sum())
    assert len(line_of(explorer.axes, "previous").get_ydata()) == hours
    made = {}
    exec(explorer.python, made)  # noqa: S102  # the lines that the page offers to copy
    assert len(made["previous"]) == hours
    final, beside = (
        made[rows]["total_count"].iloc[:hours].sum() for rows in ("hourly", "previous")
    )
    assert explorer.sentence == (
        f"{final} calls up to the last final hour, 2026-04-01 ({ZONE}), against {beside} calls up "
        "to the same hour of 2026-03-31; these are other weekdays, so no change is given."
    )
    assert key_of(explorer.axes) == "dashed: 2026-03-31, weekdays not aligned"
    with explorer.together():
        explorer.comparison.value, explorer.view.value = "weekdays", "comparison"
    exec(explorer.python, made)  # noqa: S102
    told = ua.compare_periods(made["hourly"], made["previous"], history=made["earlier"])
    low, high = (f"{100 * told[end] / told['previous']:+.1f}" for end in ("low", "high"))
    interval = f"; 95 % interval {low} to {high} %; {hours} hours, same weekdays"
    assert interval in explorer.sentence


def test_the_month_is_told_in_money(start, capsys):
    """The headline of the month has its projection in USD at the rate chosen, with its interval."""
    days = {"preset": "custom", "first": "2026-03-01", "last": "2026-03-20"}
    explorer = start(**days, tab="money", view="month")
    assert explorer.price.layout.display is None
    found = ua.project_month(explorer.table, measure="billed_minutes")
    for price in ("0.05", "0.1"):
        explorer.price.value = price
        come = ua.cost(explorer.table.loc["2026-03"], price)
        whole, low, high = (float(price) * found[name] for name in ("projection", "low", "high"))
        assert f"an estimated USD {come:,} for " in explorer.sentence
        told = f"USD {whole:,.2f} (95 % interval USD {low:,.2f} to USD {high:,.2f}, "
        assert told in explorer.sentence
    made = {}
    exec(explorer.python, made)  # noqa: S102  # the lines that the page offers to copy
    assert capsys.readouterr().out.strip() == explorer.sentence
    explorer.last.value = date(2026, 3, 31)
    assert "billed minutes in all 31 days." in explorer.sentence
    assert "interval" not in explorer.sentence


def test_picking_a_day_leaves_the_preset(explorer):
    """A day chosen by hand makes the days custom; a preset sets both days."""
    explorer.preset.value = "this_month"
    assert (explorer.first.value, explorer.last.value) == (date(2026, 4, 1), date(2026, 4, 1))
    explorer.first.value = date(2026, 3, 20)
    assert explorer.preset.value == "custom"


def test_no_calls_is_said_and_not_drawn(explorer):
    """An answer without a call hides the figure and names the filters that left none."""
    explorer.search.value = "no such words"
    assert explorer.phase == "empty"
    assert explorer.image.layout.display == "none"
    assert "no such words" in explorer.display.note.value
    assert all(button.disabled for button in explorer.leave.values())
    explorer.search.value = ""
    assert explorer.phase == "ready"
    assert explorer.image.layout.display is None


def test_missing_hours_beside_full_days_are_no_proof_of_no_calls(explorer, transport):
    """A reply with days and without hours is doubted in words, not shown as no calls."""
    row = {"totalCount": 60, "errorCount": 1, "joinedCount": 50, "duration": "3000s"}
    row |= {"billedMinutes": 55.0}
    days = pd.date_range("2026-03-25", "2026-03-31").strftime("%Y-%m-%d")
    body = {"allTime": row, "daily": [row | {"date": day} for day in days], "hourly": []}
    transport.body = json.dumps(body).encode()
    explorer.search.value = "anything"
    assert explorer.phase == "empty"
    assert "No calls" not in explorer.headline.value
    assert "consistency checks failed" in explorer.display.note.value
    assert "calls of the hours and of the days differ on 7 days" in explorer.display.note.value


def test_hours_that_can_change_are_said(start):
    """A window that holds hours still running is partial, and says until when the data go."""
    explorer = start(preset="today")
    assert explorer.phase == "partial"
    assert "11:00" in explorer.display.note.value
    explorer.preset.value = "yesterday"
    assert explorer.phase == "ready"
    assert explorer.display.note.value == ""


@pytest.fixture(scope="module")
def on_money():
    """A dashboard that each test leaves as it was."""
    state = {"tab": "money", "hour_to": 23, "duration_min": "1"}
    return ua.Explorer(watched_client(Watched()), timezone=ZONE, state=state)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("timezone", "Nowhere/Land", "Time zone: expected an IANA name"),
        ("duration_min", "a while", "Shortest call [s]: expected seconds such as 90, got"),
        ("duration_max", "0.5", "Shortest call [s]: expected at most the longest call, 0.5, got 1"),
        ("first", date(2026, 4, 9), "First day: expected at most the last day, 2026-03-31, got"),
        ("first", date(20, 3, 20), "First day: expected a day from 2000"),
        ("first", None, "First day: expected a day from 2000"),
        ("price", "much", "USD per billed minute: expected a price such as 0.05, got"),
        ("hour_from", 23, "Hours from: expected a different hour from Hours to, got 23:00 in both"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_in_words(on_money, name, value, words):
    """What a control cannot mean asks nothing, greys the figure, says why, and can be mended."""
    explorer = on_money
    control = getattr(explorer, name)
    good, fetches = control.value, explorer.fetches
    control.value = value
    assert (explorer.phase, explorer.fetches) == ("refused", fetches)
    assert words in explorer.display.note.value
    assert 'role="alert"' in explorer.display.note.value
    assert "ua-stale" in explorer.image._dom_classes
    with pytest.raises(ua.QueryError, match="current"):
        explorer.file("PNG")
    control.value = good
    assert explorer.phase == "ready"
    assert "ua-stale" not in explorer.image._dom_classes


def test_a_preset_is_as_good_as_a_day_that_fits(explorer):
    """After days that were refused, a preset shows its own, whatever is still written there."""
    explorer.first.value = date(2026, 4, 9)
    assert explorer.phase == "refused"
    explorer.preset.value = "last_7_days"
    assert (explorer.phase, explorer.first.value) == ("ready", date(2026, 3, 25))


def test_the_difference_of_errors_names_its_days(start):
    """What the error rate is set against is told by its days, with the interval."""
    explorer = start(preset="last_7_days", comparison="previous", tab="errors")
    told = r" points \(.* against .*; 95 % interval [-+\d.]+ to .*\), 2026-03-25 to 2026-03-31 "
    assert re.search(rf"{told}.* against 2026-03-18 to 2026-03-24\.$", explorer.sentence)


def test_the_group_behind_a_difference_of_errors_is_told(start):
    """Where calls are told apart, the headline says whose most of the difference is, and why."""
    days = {"preset": "custom", "first": "2026-03-16", "last": "2026-03-22"}
    explorer = start(**days, comparison="previous", tab="errors", group="agent", top=2)
    made = explorer._client.by_agent(
        ua.sample.AGENTS,
        include_rest=True,
        from_date="2026-03-09",
        to_date="2026-03-22",
        timezone=ZONE,
    )
    hours = ua.in_timezone(made.hourly, ZONE)
    weeks = [
        ua.between_days(hours, *days)
        for days in (("2026-03-16", "2026-03-22"), ("2026-03-09", "2026-03-15"))
    ]
    effects = ua.rate_effects(*weeks)
    told = state_effects(effects, meaning_of(effects, "rate_effects")).sentence
    assert told.startswith("No significant change in error rate: ")
    assert "; no agent changed its own rate significantly, " in told
    explorer.view.value = "effects"
    assert explorer.sentence.endswith(told)
    pd.testing.assert_frame_equal(explorer.table, effects.drop("rest"))  # without calls
    made = {}
    exec(explorer.python, made)  # noqa: S102  # the lines that the page offers to copy
    pd.testing.assert_frame_equal(made["table"], explorer.table)
    explorer.agents.value = ("Support line",)
    with explorer.together():
        explorer.agents.value, explorer.group.value = (), ""
    assert "no agent" not in explorer.sentence


def test_effects_of_an_unfinished_day_are_of_the_same_hours(start):
    """Hours that are not final have none beside them, so no group's share is of other hours."""
    explorer = start(
        preset="today", comparison="weekdays", tab="errors", view="effects", group="agent"
    )
    made = {}
    exec(explorer.python, made)  # noqa: S102  # the lines that the page offers to copy
    pd.testing.assert_frame_equal(made["table"], explorer.table)
    hours = [set(made[rows].index.hour) for rows in ("hourly", "previous")]
    assert hours[0] == hours[1]
    assert not made["hourly"]["provisional"].any()
    whole = f"{100 * explorer.table['effect'].sum():+.2f} points ("
    assert whole in explorer.sentence
    explorer.comparison.value = "previous"  # another day of the week: no group's change is stated
    assert explorer.view.value == "errors"
    assert "; no significant difference between 5 agents, 2026-04-01 (" in explorer.sentence


def test_headlines_speak_of_the_groups_that_are_drawn(start):
    """Drawn by groups, a change, a rate and a profile have a headline on the groups."""
    explorer = start(preset="last_7_days", comparison="previous", group="agent", view="comparison")
    changed = int(explorer.table["significant"].sum())
    words = f"{changed} of 6 agents changed" if changed else "no significant change in 6 agents"
    assert f"{words}" in explorer.sentence
    show(explorer, "joins")
    assert explorer.phase == "ready"
    assert "Join rate" in explorer.sentence or "join rate" in explorer.sentence
    assert " agent" in explorer.sentence
    show(explorer, "day")
    largest = explorer._view.selected.breakdown.groupby("agent")["total_count"].sum().nlargest(3)
    assert all(name in explorer.sentence for name in largest.index)
    assert explorer.sentence.count("2026-03-25 to 2026-03-31") == 1


def test_a_tab_without_its_column_says_which_it_lacks():
    """A call log without errors has its calls on show, and a reason where its errors would be."""
    created = pd.date_range("2026-03-02", periods=200, freq="37min", tz="UTC")
    log = pd.DataFrame({"created": created, "duration": 60.0, "joined": True})
    state = {"preset": "custom", "first": "2026-03-02", "last": "2026-03-06"}
    explorer = ua.Explorer(ua.read_calls(log), timezone="UTC", state=state)
    assert explorer.phase == "ready"
    explorer.tab.value = "errors"
    assert explorer.phase == "refused"
    assert "the data lack failed calls (column error_count)" in explorer.display.note.value
    explorer.view.value = "joins"
    assert explorer.phase == "ready"
    explorer.tab.value = "money"
    assert "the data lack billed minutes (column billed_minutes)" in explorer.display.note.value


def test_a_tab_alone_is_a_state(transport):
    """A state may name a tab without its figure; one that is none is refused by its name."""
    again = ua.Explorer(watched_client(transport), timezone=ZONE, state={"tab": "errors"})
    assert (again.phase, again.view.value) == ("ready", "errors")
    with pytest.raises(ua.QueryError, match=r"Figures: expected one of trends, .*got 'nope'"):
        ua.Explorer(watched_client(transport), timezone=ZONE, state={"tab": "nope"})


def test_an_earlier_figure_is_kept(explorer):
    """Going back to earlier settings shows the same figure; another theme or answer a new one."""
    first, picture = explorer.axes, explorer.image.svg
    explorer.measure.value = "joined_count"
    assert explorer.axes is not first
    explorer.measure.value = "total_count"
    assert (explorer.axes, explorer.image.svg) == (first, picture)
    with ua.figure_style(ua.Theme(main="#7A1F5C")):
        explorer.measure.value = "joined_count"
        explorer.measure.value = "total_count"
    assert "#7a1f5c" in explorer.image.svg
    explorer.refresh.click()
    explorer.wait()
    assert explorer.axes is not first


def test_days_alone_are_a_state(transport):
    """A state may give the days without a preset."""
    days = {"first": "2026-03-02", "last": "2026-03-08"}
    explorer = ua.Explorer(watched_client(transport), timezone=ZONE, state=days)
    assert (explorer.preset.value, explorer.state() | days) == ("custom", explorer.state())


def test_a_fault_of_ours_is_said_and_raised(explorer, monkeypatch):
    """A figure that cannot be drawn for a fault of the program is greyed, named and raised."""

    def broken(_view):
        raise ZeroDivisionError("a fault")

    monkeypatch.setitem(HEADLINES, "week", broken)
    with pytest.raises(ZeroDivisionError):
        explorer.tab.value = "peaks"
    assert explorer.phase == "failed"
    assert "A fault of this program: ZeroDivisionError: a fault." in explorer.display.note.value
    assert "ua-stale" in explorer.image._dom_classes
    monkeypatch.setattr("usage_analysis.dashboard.views.SelectedUsage", broken)
    with pytest.raises(TypeError):
        explorer.timezone.value = "Asia/Tokyo"
    assert "A fault of this program: TypeError" in explorer.display.note.value


def test_changes_together_are_one(explorer):
    """Changes in a block, in one within it and in one that raises, draw once at the end."""
    with explorer.together():
        explorer.measure.value = "joined_count"
        with explorer.together():
            explorer.tab.value = "peaks"
        explorer.measure.value = "error_count"
        assert explorer.draws == 1
    assert explorer.draws == 2

    def broken():
        with explorer.together():
            explorer.measure.value = "duration"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert explorer.draws == 3
    assert "minutes of talk" in explorer.image.alt


def test_agents_can_be_searched_and_chosen_at_once(explorer):
    """Search lists the agents it finds, and All, None and Top choose among them."""
    controls = explorer.controls
    controls.agents.find.value = "ER"
    assert set(explorer.agents.options) == {"Order status", "After hours", "Reminders"}
    controls.agents.all.click()
    assert explorer.agents.value == ("Order status", "After hours", "Reminders")
    controls.agents.find.value = "desk"
    assert "Front desk" in explorer.agents.options
    assert "Reminders" in explorer.agents.options
    controls.agents.none.click()
    assert explorer.agents.value == ()
    controls.agents.find.value = ""
    controls.how_many.value = 2
    controls.largest.click()
    assert explorer.agents.value == ("Front desk", "Support line")
    assert explorer.phase == "ready"


@pytest.mark.slow
def test_groups_can_be_searched_and_chosen_at_once(explorer):
    """Each tenant can be found and shown, all and none as well, and none means the largest."""
    controls = explorer.controls
    assert controls.groups.find.layout.display == explorer.groups.layout.display == "none"
    explorer.group.value = "tenant"
    assert controls.groups.find.layout.display is explorer.groups.layout.display is None
    assert explorer.groups.options == TENANTS
    largest = names_of(explorer)
    assert len(largest) == explorer.top.value + 1 == 7
    controls.groups.find.value = "DENTAL"
    found = tuple(name for name in TENANTS if "dental" in name)
    assert explorer.groups.options == found
    fetches = explorer.fetches
    controls.groups.all.click()
    assert names_of(explorer) == {*found, f"{len(TENANTS) - len(found)} others"}
    assert tuple(explorer.state()["groups"]) == found
    controls.groups.find.value = ""
    controls.groups.none.click()
    assert names_of(explorer) == largest
    controls.groups.all.click()
    explorer.top.value = 3
    assert (explorer.groups.value, len(names_of(explorer))) == ((), 4)
    assert explorer.fetches == fetches
    explorer.groups.value = TENANTS[:1]
    explorer.group.value = "agent"
    assert explorer.groups.value == ()
    assert explorer.groups.options == tuple(AGENTS)


def test_files_are_what_is_on_show(untouched):
    """Each download has the bytes of its kind, and a name that says what it holds."""
    starts = {
        "PNG": b"\x89PNG",
        "SVG": b"<?xml",
        "PDF": b"%PDF",
        "CSV": b"\xef\xbb\xbftime,",
        "Parquet": b"PAR1",
    }
    for kind in starts:
        untouched.leave[kind].click()
        link = untouched.display.file.value
        name = re.search('download="([^"]+)"', link)[1]
        content = base64.b64decode(re.search('base64,([^"]+)"', link)[1])
        assert "trend-2026-03-02-2026-03-31-America_New_York" in name
        assert content.lower().startswith(starts[kind].lower()), kind
    assert set(untouched.leave) == {*starts, "Report"}
    assert untouched.file("CSV").content.startswith(starts["CSV"])


def test_a_table_has_the_cells_of_a_report(start, tmp_path):
    """Dashboard and report write the same days cell by cell, without digits of binary sums."""
    explorer = start(measure="billed_minutes")
    usage = ua.sample_client().call_usage(
        from_date="2026-03-02", to_date="2026-03-31", timezone=ZONE
    )
    ua.build_report(usage, tmp_path, timezone=ZONE, sections=["checks"])
    assert explorer.file("CSV").content == (tmp_path / "daily.csv").read_bytes()
    assert b"0000000001" not in explorer.file("CSV").content
    assert b"9999999999" not in explorer.file("CSV").content


@pytest.mark.slow  # a whole report
def test_a_report_is_of_what_is_on_show(explorer):
    """The report has the calls of the headline: names, hours, groups, days beside, limit, price.

    It is one file, so that nothing in it points at another.
    """
    with explorer.together():
        explorer.preset.value = "last_7_days"
        explorer.comparison.value = "previous"
        explorer.agents.value = ("Front desk", "Reminders")
        explorer.group.value = "agent"
        explorer.hour_from.value, explorer.hour_to.value = 9, 17
        explorer.limit.value, explorer.price.value = 3, "0.07"
    calls = f"{explorer._view.selected.hourly['total_count'].sum():,} calls"
    assert calls in explorer.image.alt
    explorer.leave["Report"].click()
    link = explorer.display.file.value
    assert re.search('download="report-trend-2026-03-25-2026-03-31[^"]*[.]html"', link)
    text = base64.b64decode(re.search('base64,([^"]+)"', link)[1]).decode()
    head = f"{calls} · agent Front desk, Reminders · time of day 09:00 to 17:00 · as of"
    assert f"2026-03-25 09:00 to 2026-03-31 17:00 ({ZONE}) · {head}" in text
    for said in (
        "at USD 0.07 per minute",
        "a limit of 3",
        "Of 2 groups by agent, Front desk has",
        "2026-03-18",
    ):
        assert said in text, said
    links = re.findall(r'(?:href|src)="([^"]*)"', text)
    assert all(address.startswith(("#", "data:")) for address in links)


def test_a_state_restores_the_dashboard(explorer, transport):
    """What `state` gave is plain JSON without the key, and shows the same figure again."""
    with explorer.together():
        explorer.group.value = "agent"
        explorer.agents.value = ("Front desk", "Reminders")
        explorer.first.value = date(2026, 3, 3)
        explorer.tab.value = "errors"
        explorer.view.value = "funnel"
        explorer.hour_from.value = 8
    text = json.dumps(explorer.state())
    assert KEY not in text
    again = ua.Explorer(watched_client(transport), state=json.loads(text))
    assert again.state() == explorer.state()
    assert again.image.svg == explorer.image.svg


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"version": 2}, "state: expected version 1, got version 2"),
        ({"colour": "blue"}, "state: unknown control 'colour'; known controls: preset, "),
        ({"measure": "calls"}, "Measure: expected one of total_count, .*, got 'calls'"),
        ({"preset": "ever"}, "Period: expected one of today, .*, got 'ever'"),
        ({"agents": ["Nobody"]}, "Agents: unknown name 'Nobody'; known names: Front desk, "),
        ({"voice": "Nobody"}, "Voice: unknown name 'Nobody'"),
        ({"metadata_key": "tenant", "metadata_value": "nobody"}, "Metadata value: unknown name"),
        ({"first": "soon", "preset": "custom"}, "First day: expected a day .*, got 'soon'"),
        ({"limit": "many"}, "Concurrent calls allowed: expected a whole number .*, got 'many'"),
        ({"groups": ["Front desk"]}, "Groups: unknown name 'Front desk'; known names: none"),
        ({"group": "agent", "groups": ["Nobody"]}, "Groups: unknown name 'Nobody'"),
        ({"limit": 0}, "Concurrent calls allowed: expected a whole number from 1 to 10,000, got 0"),
        ({"limit": True}, "Concurrent calls allowed: .*, got True"),
        ({"top": 0, "group": "agent"}, "Largest groups: expected .* from 1 to 12, got 0"),
        ({"top": -2, "group": "agent", "view": "groups"}, "Largest groups: .* got -2"),
        ({"top": 13}, "Largest groups: .* got 13"),
        ({"hour_from": 24}, "Hours from: expected a whole number from 0 to 23, got 24"),
        ({"hour_from": 9, "hour_to": 9}, "Hours from: expected a different hour from Hours to"),
        ({"price": "nan"}, "USD per billed minute: expected a price .*, got 'nan'"),
        ({"price": True}, "USD per billed minute: expected a price .*, got True"),
        ({"agents": [["x"]]}, "Agents: expected a list of names, got"),
        ({"agents": "Front desk"}, "Agents: expected a list of names, got 'Front desk'"),
        ({"view": "funnel"}, "Figure: expected one of trend, .* on the tab 'trends', got 'funnel'"),
        ({"tab": "weather"}, "Figures: expected one of trends, .*, got 'weather'"),
        ({"timezone": "Nowhere/Land"}, "timezone: expected an IANA name"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(transport, state, words):
    """A state that does not fit is refused before any query, by the label of its control."""
    with pytest.raises(ua.QueryError, match=words):
        ua.Explorer(watched_client(transport), timezone=None if "timezone" in state else ZONE,
                    state=state)  # fmt: skip
    assert not transport.seen


def test_a_limit_above_the_usual_can_be_had(transport):
    """An account that may hold more calls than the slider usually shows begins with them."""
    explorer = ua.Explorer(watched_client(transport), timezone=ZONE, state={"limit": 100})
    assert explorer.limit.value == 100
    assert explorer.state()["limit"] == 100
    assert explorer.limit.max > 100


def test_a_state_from_python(transport):
    """A price may be a number and a day a date, as somebody who writes them by hand has them."""
    day = date(2026, 3, 2)
    state = {"price": 0.06, "preset": "custom", "first": day, "last": "2026-03-08"}
    explorer = ua.Explorer(watched_client(transport), timezone=ZONE, state=state)
    assert explorer.price.value == "0.06"
    assert explorer.first.value == day
    exact = ua.Explorer(watched_client(transport), timezone=ZONE, state={"price": Decimal("0.060")})
    assert exact.state()["price"] == "0.060"


def test_a_query_sets_the_controls(transport):
    """A query's days and filters are what the controls say to begin with."""
    client = watched_client(transport)
    query = ua.UsageQuery(
        from_date="2026-03-01", to_date="2026-03-31", metadata={"channel": "web"}, duration_min=30
    )
    explorer = ua.Explorer(client, query=query, timezone=ZONE)
    assert explorer.first.value == date(2026, 3, 1)
    assert explorer.last.value == date(2026, 3, 31)
    assert explorer.metadata_value.value == "web"
    assert transport.seen[-1]["durationMin"] == "30s"
    unnamed = ua.UsageQuery(agent_ids=["0" * 32])
    with pytest.raises(ua.QueryError, match="agents"):
        ua.Explorer(client, query=unnamed, timezone=ZONE)


def test_names_come_from_a_file_too(transport, tmp_path):
    """A CSV of names and IDs serves as a mapping does, and a wrong one is refused by name."""
    agents = tmp_path / "agents.csv"
    row = "Desk,c84bbcbd-d58c-4d5f-9e6f-0b1c3a7f52e1\n"
    agents.write_text(f"name,id\n{row}", encoding="utf-8")
    values = tmp_path / "metadata.csv"
    values.write_text("key,value\ntenant,a\ntenant,b\nsite,c\n", encoding="utf-8")
    client = watched_client(transport)
    explorer = ua.Explorer(client, agents=agents, metadata=str(values), voices={}, timezone=ZONE)
    assert explorer.agents.options == ("Desk",)
    assert [name for _, name in explorer.group.options] == ["", "agent", "tenant", "site"]
    explorer.agents.value = ("Desk",)
    assert "agent Desk" in explorer.image.alt
    twice = tmp_path / "twice.csv"
    twice.write_text(f"name,id\n{2 * row}", encoding="utf-8")
    refused = [
        ({"agents": values}, "columns name and id or value, got key, value"),
        ({"agents": {"Desk": "7"}}, "agents"),
        ({"voices": twice}, "voices: expected each name once, got 'Desk' again"),
        ({"metadata": tmp_path / "nowhere.csv"}, "metadata: .*nowhere.csv' .No such file"),
    ]
    for given, message in refused:
        with pytest.raises(ua.QueryError, match=message):
            ua.Explorer(client, timezone=ZONE, **given)


def test_the_text_form_tells_what_is_on_show(start):
    """What a notebook's test compares says what is shown."""
    explorer = start(tab="peaks")
    bundle = explorer._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert data["text/plain"] == repr(explorer)
    for words in (
        " hours of the week could be the busiest",
        ZONE,
        "719 hours, ready",
        "fetch 1, draw 1",
    ):
        assert words in repr(explorer)
    explorer.timezone.value = "Nowhere"
    assert "refused" in repr(explorer)


def test_every_control_is_an_attribute(untouched):
    """Each setting has a control, which is an attribute of the dashboard."""
    assert [*untouched.controls.by_name] == [*Settings.__struct_fields__]
    for name in Settings.__struct_fields__:
        assert getattr(untouched, name) is untouched.controls.by_name[name]


def test_every_control_has_a_label_of_its_own(untouched):
    """Each control has words and a class of its own, and the time zone offers every IANA name."""
    labels = [control.description for control in untouched.controls.by_name.values()]
    assert len(set(labels)) == len(labels)
    assert all(labels)
    assert {"Asia/Kathmandu", "UTC", ZONE} <= set(untouched.timezone.options)


def test_the_billing_cycle_begins_on_its_day(transport):
    """The preset of the billing cycle begins on the billing day, this month's or the last's."""
    explorer = ua.Explorer(watched_client(transport), timezone=ZONE, billing_day=15)
    explorer.preset.value = "billing_cycle"
    assert explorer.first.value == date(2026, 3, 15)
    with pytest.raises(ua.QueryError, match="billing_day"):
        ua.Explorer(watched_client(transport), billing_day=32)


def points_at(explorer):
    """Points of the figure on show, by their words."""
    return {p["label"]: p["key"] for p in json.loads(explorer.image.points)["points"]}


def point(explorer, **content):
    """What the page sends after a hand was on the figure."""
    explorer.image._handle_custom_msg(content, [])


def test_a_click_in_the_figure_chooses(start):
    """A click chooses the group, the days or the hour it is on, and a double click goes back."""
    explorer = start(group="agent")
    key = next(key for words, key in points_at(explorer).items() if words.startswith("Reminders"))
    point(explorer, choose=key)
    assert (explorer.groups.value, explorer.preset.value) == (("Reminders",), "last_30_days")
    explorer.group.value = ""
    day = next(key for words, key in points_at(explorer).items() if "Fri 2026-03-13" in words)
    point(explorer, choose=day)
    assert (explorer.preset.value, explorer.first.value) == ("custom", date(2026, 3, 13))
    assert explorer.last.value == date(2026, 3, 13)
    point(explorer, back=True)
    assert (explorer.preset.value, explorer.granularity.value) == ("last_30_days", "D")
    explorer.tab.value = "peaks"
    point(explorer, choose={"weekday": 1, "hour": 14})
    assert (explorer.hour_from.value, explorer.hour_to.value) == (14, 15)
    for _ in range(3):  # no further than there are choices
        point(explorer, back=True)
    assert (explorer.group.value, explorer.groups.value) == ("agent", ())
    assert (explorer.hour_from.value, explorer.hour_to.value) == (0, 24)


def test_a_click_on_a_group_that_a_figure_always_shows_asks_for_its_calls(start):
    """Where a figure has all groups, the group clicked becomes the filter."""
    explorer = start(group="tenant", tab="errors", view="funnel")
    point(explorer, choose={"group": "maple-realty"})
    assert (explorer.metadata_key.value, explorer.metadata_value.value) == (
        "tenant",
        "maple-realty",
    )
    point(explorer, choose={"group": "no such"})
    assert explorer.phase == "ready"


def test_a_page_on_a_phone_gets_a_narrow_figure(explorer):
    """A narrow page asks for the narrow drawing, from what is in hand."""
    explorer.image.narrow = True
    assert explorer.axes.figure.get_figwidth() < 5
    assert explorer.axes.get_facecolor()[:3] == (1, 1, 1)
    assert not explorer.axes.spines["top"].get_visible()
    assert explorer.fetches == 1


def test_a_search_does_not_hinder_the_buttons(explorer):
    """Top and None choose whatever a search has taken from the list."""
    explorer.controls.agents.find.value = "line"
    explorer.controls.largest.click()
    assert len(explorer.agents.value) == 3
    assert explorer.phase == "ready"
    explorer.controls.agents.none.click()
    assert explorer.agents.value == ()


def test_closing_closes_every_part(transport):
    """No widget of a closed dashboard is registered any more."""
    before = set(widgets.widget._instances)
    explorer = ua.Explorer(watched_client(transport), timezone=ZONE)
    assert len(set(widgets.widget._instances) - before) > 100
    explorer.close()
    assert set(widgets.widget._instances) == before


def test_an_error_is_text_and_never_markup(untouched, monkeypatch):
    """What a file could not be made for is shown as text, whatever is in it."""

    def fails(_kind):
        raise ua.QueryError("logo: expected a file, got '<img src=x onerror=alert(1)>'")

    monkeypatch.setattr(untouched, "file", fails)
    untouched.leave["PNG"].click()
    assert "&lt;img" in untouched.display.file.value
    assert "<img" not in untouched.display.file.value


def test_a_faulty_field_is_marked(explorer):
    """The control whose value was refused is marked, until a value fits."""
    explorer.timezone.value = "Nowhere"
    assert "ua-invalid" in explorer.timezone._dom_classes
    explorer.timezone.value = "Europe/Berlin"
    assert "ua-invalid" not in explorer.timezone._dom_classes
    explorer.hour_from.value = 24 - 1
    assert "ua-invalid" not in explorer.hour_from._dom_classes


def test_ids_on_a_page_and_script(untouched):
    """The script is one module without an import, and the picture names no other address."""
    module = untouched.image._esm
    assert "import " not in module
    assert module.count("export default") == 1
    assert not re.search(r"(href|src)=.https?:", drawing(untouched.image.svg))


def test_an_event_is_explained_by_all_calls_or_not_at_all(start):
    """Explain names the agent behind an event; with filters or without events it says why not."""
    explorer = start(preset="last_month", view="expected")
    explorer.controls.explain.click()
    assert "Agent Support line had 86 of the 86 failed calls" in explorer.display.note.value
    explorer.preset.value = "last_7_days"
    explorer.controls.explain.click()
    assert "nothing to explain" in explorer.display.note.value
    explorer.preset.value = "last_month"
    explorer.agents.value = ("Support line",)
    explorer.controls.explain.click()
    assert "Choose no agent first." in explorer.display.note.value
    explorer.tab.value = "peaks"
    before = explorer.display.note.value
    explorer.controls.explain.click()
    assert explorer.display.note.value == before


def test_a_failed_explanation_is_told(start, transport):
    """A server that fails while groups are fetched is told; the figure stays."""
    explorer = start(preset="last_month", view="expected")
    transport.broken = True
    explorer.controls.explain.click()
    assert "Invalid API key" in explorer.display.note.value
    assert explorer.phase == "ready"


def test_unusual_hours_are_drawn_in_the_measure_of_the_first_event(start):
    """The figure shows what its headline speaks of; without an event it shows calls."""
    explorer = start(preset="last_month", view="expected")
    assert explorer.sentence.startswith("Error rate 18.73 %")
    assert explorer.axes.get_ylabel() == "error rate [% of calls]"
    assert "ua.expected(hourly, measure='error_rate')" in explorer.python
    explorer.preset.value = "last_7_days"
    assert explorer.sentence.startswith("Nothing unusual found")
    assert explorer.axes.get_ylabel() == "calls [per hour]"
