"""The sentences that a report begins with: each true, with its n, its interval and its days."""

import re

import pandas as pd
import pytest

import usage_analysis as ua
from tests.analysis.agents import plant
from tests.conftest import as_json, reply, row
from tests.figures.drawings import BREAKDOWNS, SINGLES, ZONE, frame, grouped
from usage_analysis.analysis.marks import Mark
from usage_analysis.analysis.meaning import Meaning
from usage_analysis.analysis.selection import SelectedUsage, Selection
from usage_analysis.analysis.statements.control import state_control
from usage_analysis.report.sections import SECTIONS
from usage_analysis.report.summary import summarize
from usage_analysis.report.tables import ReportOptions, ReportResults


def facts_of(hourly, **given):
    """What a report makes of hours, or of a breakdown's."""
    split = None
    if isinstance(hourly.iloc[0, 0], str):
        name = hourly.columns[0]
        split, hourly = hourly, hourly.drop(columns=name).groupby(level="time").agg(summed(hourly))
    daily = ua.aggregate(hourly.tz_convert("UTC"), "D").drop(columns=["hours", "complete"])
    usage = ua.CallUsage(
        daily=daily,
        hourly=hourly.tz_convert("UTC"),
        all_time=None,
        query=None,
        as_of=hourly.index[-1],
        source="sample",
    )
    marks = given.pop("marks", ())
    selected = SelectedUsage(
        selection=Selection(timezone=ZONE, marks=marks),
        usage=usage,
        all_hours=hourly,
        group_hours=split,
        earlier_hours=given.pop("previous", None),
    )
    return ReportResults(selected, ReportOptions(**given))


def summed(hourly):
    return {n: "any" if n == "provisional" else "sum" for n in list(hourly)[1:]}


def told(facts, *sections):
    return summarize(facts, sections)


def test_an_event_of_all_calls_names_its_most_likely_source():
    """Where groups can share calls, errors of all calls name the group that has most of them."""
    client, days = ua.sample_client(), {"from_date": "2026-02-15", "to_date": "2026-03-31"}
    agent, voice = ua.sample.AGENTS["Support line"], ua.sample.VOICES["Mara"]
    groups = {"Support line": {"agent_ids": [agent]}, "Mara": {"voice_id": voice}}
    whole, parts = client.call_usage(**days), client.breakdown(groups, **days)
    facts = ReportResults(Selection(from_date="2026-03-01").of(whole, breakdown=parts))
    assert told(facts, "unusual")[: len(facts.unusual)] == [one.sentence for one in facts.events]
    (said,) = (one.sentence for one in facts.events if "2026-03-19" in one.sentence)
    assert said.startswith("Error rate ")
    source = r"; most likely source: group Support line, (99|100) % of the excess, 95 % interval 9"
    assert re.search(source, said), said
    assert "most likely source" not in " ".join(
        one.sentence for one in facts.events if one.sentence != said
    )


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (
            ("Front desk", "calls", "2026-03-25 09:00", 6, 0),
            r"Front desk: no calls on 2026-03-25 09:00 to 15:00 .*\(0 against 2\d\d expected",
        ),
        (
            (None, "calls", "2026-03-16 00:00", 16 * 24, 0.65),
            r"3[0-9]\.\d % fewer calls since 2026-03-16 .*interval -[34]\d\.\d % to -[23]\d\.\d %",
        ),
        (
            ("Support line", "longer", "2026-03-23 00:00", 72, 3),
            r"Support line: calls [23]\.\d times as long on 2026-03-23 to 2026-03-25 .*; USD \d+",
        ),
    ],
    ids=["silence", "shift", "longer"],
)
def test_planted_troubles_are_told_first(trouble, said):
    """A silence, a lasting drop and longer calls are named with group, dates, size and money."""
    reply = ua.sample_client().by_agent(
        ua.sample.AGENTS, from_date="2026-02-01", to_date="2026-03-31", timezone=ZONE
    )
    local = ua.between_days(ua.in_timezone(reply.hourly, ZONE), "2026-02-01", "2026-03-31")
    sentences = told(facts_of(plant(local, *trouble), price="0.05"), "unusual")
    assert any(re.match(said, one) for one in sentences[:2]), sentences


def test_a_bad_day_is_named():
    """A day out of the control chart's limits comes second, with its date, n, rate and limit."""
    hourly = frame(14 * 24)
    day = hourly.loc["2026-03-06"].index
    hourly.loc[day, "error_count"] = hourly.loc[day, "total_count"] // 5
    facts = facts_of(hourly)
    chart = ua.control_chart(hourly)
    (bad,) = chart[chart["signal"]].itertuples()
    sentences = told(facts, "checks", "errors")
    assert sentences[1].startswith(
        "Error rate out of its usual range on 1 of 13 days, 2026-03-01 to 2026-03-13 "
        f"(America/New_York): Friday 2026-03-06 {100 * bad.rate:.2f} % ({bad.events} of "
        f"{bad.calls} calls; usual is at most {100 * bad.high:.2f} %)."
    )
    outage = Mark("2026-03-06T00:00-05:00", "outage", end="2026-03-07T00:00-05:00", leave_out=True)
    facts = facts_of(hourly, marks=[outage])
    sentences = told(facts, "errors")
    assert sentences[1] == ua.describe_errors(facts.selected.final)
    chart = facts.prepare("control").table
    said = state_control(chart, Meaning(**chart.attrs["meaning"]))
    assert not said.urgent
    assert sentences[2] == said.sentence


def test_calls_and_rates_stand_beside_the_period_before():
    """A change has its interval, its days, and whether it is beyond chance."""
    before, after = frame(14 * 24, start="2026-02-01"), frame(14 * 24, calls=60, seed=2)
    _, calls, *rest = told(facts_of(after, previous=before), "errors", "joins", "billing")
    change = ua.compare_periods(after, before)
    low, high = (100 * change[end] / change["previous"] for end in ("low", "high"))
    assert calls == (
        f"Calls up {100 * change['change']:.1f} % ({change['current']:,.0f} against "
        f"{change['previous']:,.0f}; 95 % interval {low:+.1f} to {high:+.1f} %; 14 days, same "
        "weekdays and hours; 3 hours of the period not compared), 2026-03-01 to 2026-03-14 "
        "(America/New_York) against 2026-02-01 to 2026-02-14."
    )
    (errors,) = [said for said in rest if said.startswith("No significant change in error rate: ")]
    final = [part[~part["provisional"]] for part in (after, before)]
    difference = ua.rate_difference(*final)
    low, high = 100 * difference["low"], 100 * difference["high"]
    assert f"; 95 % interval {low:+.2f} to {high:+.2f} points; " in errors
    assert any(said.startswith("Billed minutes up ") for said in rest)
    after["joined_count"] //= 2
    sentences = told(facts_of(after, previous=before), "errors", "joins")
    assert re.match(r"Join rate down \d+\.\d+ points \(", sentences[2])
    before["joined_count"] //= 4
    sentences = told(facts_of(after, previous=before), "errors", "joins")
    assert any(said.startswith("Join rate up ") for said in sentences[4:])


def test_the_summary_says_of_capacity_and_peaks_what_the_helpers_say():
    """Summary and `describe_*` have the same sentences, with a limit and without one."""
    hourly = frame(14 * 24)
    for limit in (5, 500, None):
        (_, said) = told(facts_of(hourly, limit=limit), "capacity")
        assert said == ua.describe_capacity(hourly, limit=limit)
    (_, said) = told(facts_of(hourly), "peaks")
    assert said == ua.describe_peak(hourly)
    (_, said) = told(facts_of(SINGLES["hundreds of millions"](), limit=5), "capacity")
    assert said.startswith("A limit of 5 concurrent calls was hardly in force: ")
    (_, said) = told(facts_of(SINGLES["one call"]()), "capacity")
    assert said.startswith("No concurrency limit was given. In ")


def test_an_hour_of_one_long_call_is_not_the_busiest():
    """A call's whole talk lies in the hour it began in: hours at once were not held in that one."""
    hourly = frame(7 * 24)
    place = hourly.index[30]
    hourly.loc[place, ["total_count", "joined_count"]] = 1
    hourly.loc[place, "duration"] = pd.Timedelta(hours=7)
    (_, said) = told(facts_of(hourly, limit=9), "capacity")
    assert f"The busiest hour, {place:%Y-%m-%d %H:%M}" not in said
    assert "in 1 hour a very long call was spread over the hours it lasted" in said
    sentences = told(facts_of(hourly), "checks")
    assert sentences[-1] == (
        "1 of 9 consistency checks failed: in 1 hour, first 2026-03-02 06:00 "
        "(America/New_York), talk is over 4 h longer than that of as many usual calls, as if a "
        "call had been left open."
    )


def test_a_budget_that_will_not_do_is_urgent():
    """A month heading over its budget is told before what is as usual."""
    hourly = frame(14 * 24)
    sentences = told(facts_of(hourly, budget=9000.0), "errors", "month")
    assert sentences[1].startswith("2026-03 (America/New_York): ")
    assert sentences[1].endswith(
        "; over the budget of 9,000 billed minutes (USD 450.00), used up on 2026-03-05."
    )
    sentences = told(facts_of(hourly, budget=9e6), "errors", "month")
    assert sentences[-1].endswith(
        "; within the budget of 9,000,000 billed minutes (USD 450,000.00)."
    )


def test_the_largest_group_is_named_with_its_cost():
    """The group with most calls, the dearest one, and those unlike the others."""
    hourly = grouped({"small": 20, "bad": 40, "big": 60} | {f"like {n}": 30 for n in range(3)})
    hourly.loc[hourly["agent"] == "bad", "billed_minutes"] *= 3
    facts = facts_of(hourly, price="0.10")
    table = ua.cost(hourly, "0.10")
    calls = hourly.groupby("agent")["total_count"].sum()
    sentences = told(facts, "groups")
    final = hourly[~hourly["provisional"]]
    (unlike,) = ua.funnel(final).query("beyond_998").itertuples()
    assert sentences[1].startswith(
        f"Error rate different from the others ({100 * unlike.centre:.2f} %) in 1 of 6 groups by "
        "agent, 2026-03-01 to 2026-03-14 (America/New_York): "
        f"bad {100 * unlike.rate:.2f} % ({unlike.events:,} of {unlike.calls:,} calls; "
        "99.8 % of such groups have "
    )
    total = ua.cost(hourly.drop(columns="agent").groupby(level="time").sum(), "0.10")
    assert sentences[2] == (
        f"Of 6 groups by agent, big has the most calls ({calls['big']:,} of {calls.sum():,}, "
        f"{100 * calls['big'] / calls.sum():.0f} %) and bad costs the most (an estimated "
        f"USD {table.loc['bad', 'cost']:,.2f} of USD {total:,.2f}, "
        f"{100 * float(table.loc['bad', 'cost'] / total):.0f} %), 2026-03-01 to 2026-03-15 "
        f"({ZONE})."
    )


def test_limits_of_a_rate_are_rates():
    """What such groups have is no rate below 0 or above 100 %, however few their calls."""
    hourly = grouped({"giant": 400, "tiny": 0.3} | {f"like {n}": 0.1 for n in range(6)})
    tiny = hourly["agent"] == "tiny"
    hourly["error_count"] = hourly["error_count"].mask(tiny, hourly["total_count"])
    (_, said, *_) = told(facts_of(hourly), "groups")
    assert ": tiny 100.00 % (" in said
    assert " of such groups have 0.00 to " in said


def test_a_reply_at_odds_with_itself_is_urgent():
    """Each check that fails is told in words, before what is as usual."""
    query = ua.UsageQuery(from_date="2026-03-01", to_date="2026-03-01")
    body = reply([row("2026-03-01", 9, calls=3, errors=5, joined=1)])
    body["daily"][0]["totalCount"] += 1
    usage = ua.CallUsage.from_json(as_json(body), query=query)
    selected = Selection().of(usage)
    facts = ReportResults(selected)
    sentences = told(facts, "errors", "checks")
    assert sentences[1] == (
        "2 of 9 consistency checks failed: calls of the hours and of the days differ on 1 day, "
        "first 2026-03-01; in 1 hour, first 2026-03-01 09:00 (UTC), there are more errors than "
        "calls."
    )


@pytest.mark.parametrize("name", [*SINGLES, *BREAKDOWNS])
def test_every_account_has_sentences(name):
    """Whatever an account is like, its sentences are whole: no NaN, no plural of one."""
    hourly = {**SINGLES, **BREAKDOWNS}[name]()
    facts = facts_of(hourly, limit=5, budget=9000.0)
    sections = [s for s in SECTIONS if s != "groups" or facts.selected.group_hours is not None]
    for said in summarize(facts, sections):
        assert said.endswith(".")
        assert said[0].isupper() or said[0].isdigit()
        assert not re.search(r"\b(nan|NaT|inf|None)\b|\.\.$", said)
        assert not re.search(r"(?<![\d.,])1 (whole |finished |complete )?\w+s\b", said), said
    assert len(summarize(facts, sections)) <= 11


def test_a_filter_that_no_call_matches_is_named(tmp_path):
    """Without calls, the report names the filters, what is known of other calls, and what to check;
    it judges no events, and compares nothing."""
    client, days = ua.sample_client(), {"from_date": "2026-03-02", "to_date": "2026-03-08"}
    misspelt = client.call_usage(**days, metadata={"tennant": "north"})
    known = int(misspelt.all_time["total_count"])
    page = ua.build_report(misspelt, tmp_path, previous=misspelt).read_text(encoding="utf-8")
    assert (
        f"No call of these days matches tennant: north; the reply counts {known:,} calls of all "
        "time, which may be unfiltered; check the spelling of names and values."
    ) in page
    assert "Nothing unusual" not in page.split("<figure>")[0]
    assert "No call of these days" not in ua.build_report(
        client.call_usage(**days), tmp_path, sections=["checks"]
    ).read_text(encoding="utf-8")


def test_a_period_in_the_future_has_no_data():
    """A report of days to come is refused in words about the period."""
    usage = ua.sample_client().call_usage(from_date="2027-01-01", to_date="2027-01-31")
    with pytest.raises(ua.QueryError, match="there are none"):
        ua.build_report(usage, "nowhere")
