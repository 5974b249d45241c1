"""What is expected of each hour, and what strays from it. Covers baseline, events and scan."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

import usage_analysis as ua
from tests.analysis.agents import account, plant

ZONE = "America/New_York"


@pytest.fixture(scope="module")
def sample() -> pd.DataFrame:
    reply = ua.sample_client().by_agent(
        ua.sample.AGENTS, from_date="2026-02-01", to_date="2026-03-31", timezone=ZONE
    )
    local = ua.in_timezone(reply.hourly, ZONE)
    return ua.between_days(local, "2026-02-01", "2026-03-31")


@pytest.fixture(scope="module")
def quiet() -> pd.DataFrame:
    return account(np.random.default_rng(11), days=49)


TROUBLES = {
    "silence": (("Front desk", "calls", "2026-03-25 09:00", 6, 0), "total_count", 0.0),
    "shift": ((None, "calls", "2026-03-16 00:00", 16 * 24, 0.65), "total_count", 0.65),
    "spike": (("Support line", "longer", "2026-03-23 00:00", 72, 3), "average_call_duration", 3.0),
}


@pytest.mark.parametrize("days", [31, pytest.param(59, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", TROUBLES)
def test_planted_troubles_are_found_with_group_hours_and_size(
    sample: pd.DataFrame, kind: str, days: int
) -> None:
    """A trouble in the sample account is found with its group, kind, hours and size."""
    trouble, measure, ratio = TROUBLES[kind]
    agent, _, start, hours, _ = trouble
    hourly = plant(sample[sample.index >= sample.index.max() - pd.Timedelta(days=days)], *trouble)
    found = ua.unusual(hourly, price="0.05")
    (event,) = found[(found["measure"] == measure) & (found["kind"] == kind)].to_dict("records")[
        -1:
    ]
    assert (event["group"] == agent) if agent else pd.isna(event["group"])
    first = pd.Timestamp(start, tz=ZONE)
    assert abs(event["start"] - first) <= pd.Timedelta(hours=1)
    assert abs(event["end"] - first - pd.Timedelta(hours=hours)) <= pd.Timedelta(hours=1)
    assert event["ratio"] == pytest.approx(ratio, rel=0.2, abs=0.02)


def test_money_is_what_minutes_beyond_the_expected_cost(sample: pd.DataFrame) -> None:
    """Calls three times as long cost twice their usual minutes more."""
    trouble = TROUBLES["spike"][0]
    found = ua.unusual(plant(sample, *trouble), price="0.05")
    (paid,) = found.loc[found["group"].eq("Support line") & found["kind"].eq("spike")
                        & found["measure"].eq("average_call_duration"), "money"]  # fmt: skip
    first = pd.Timestamp("2026-03-23", tz=ZONE)
    usual = sample[(sample["agent"] == "Support line") & (sample.index >= first)
                   & (sample.index < first + pd.Timedelta(days=3))]  # fmt: skip
    assert paid == pytest.approx(2 * 0.05 * usual["billed_minutes"].sum(), rel=0.2)


def test_account_is_told_where_every_agent_is_affected(quiet: pd.DataFrame) -> None:
    """An event of all agents is one row without a group; one of a single agent has its name."""
    found = ua.unusual(plant(quiet, None, "calls", "2026-07-01 10:00", 8))
    assert found["kind"].tolist() == ["silence"]
    assert found["group"].isna().all()
    agent = quiet.groupby("agent")["total_count"].sum().idxmax()
    found = ua.unusual(plant(quiet, agent, "errors", "2026-07-01 08:00", 12, 0.4))
    assert found[["measure", "group"]].to_numpy().tolist() == [["error_rate", agent]]


def test_silence_needs_some_twenty_expected_calls() -> None:
    """An hour without calls is told where 40 were expected, and not where 6 were."""
    rng = np.random.default_rng(3)
    index = pd.date_range("2026-06-01", periods=42 * 24, freq="h", tz="UTC", name="time")
    for calls, told in ((6, False), (40, True)):
        hourly = pd.DataFrame({"total_count": rng.poisson(calls, len(index))}, index=index)
        hourly["provisional"] = False
        hourly.loc["2026-07-01 12:00", "total_count"] = 0
        found = ua.unusual(hourly)
        assert found["start"].tolist() == ([pd.Timestamp("2026-07-01 12:00Z")] if told else [])


def test_quiet_months_have_hardly_any_false_event() -> None:
    """Months without a trouble have at most half an event each, a known holiday included."""
    assert _false_events(range(3)) <= 3


@pytest.mark.slow
@pytest.mark.parametrize(
    "setting",
    [
        {},
        {"per_day": 100},
        {"per_day": 4000},
        {"spread": 0.2, "lag_one": 0.7},
        {"errors": 0.7},
        {"lengths": 2.0},
    ],
    ids=str,
)
def test_quiet_months_of_all_kinds_have_few_false_events(setting: dict[str, float]) -> None:
    """At most one event per month: 0.04 to 0.4 in 48 months of each kind, holidays included."""
    assert _false_events(range(100, 112), **setting) <= 24


def _false_events(seeds: range, **setting: float) -> int:
    """Return the events of two months per seed, with a holiday that is known."""
    count = 0
    for seed in seeds:
        holiday = date(2026, 6, 19)
        hourly = account(np.random.default_rng(seed), holidays=[holiday], **setting)  # type: ignore[arg-type]
        count += len(ua.unusual(hourly, holidays=[holiday]))
    return count


def test_holiday_is_an_event_only_without_a_calendar(quiet: pd.DataFrame) -> None:
    """Few calls on a holiday are told, unless the calendar says that it is one."""
    low = plant(quiet, None, "calls", "2026-06-24 00:00", 24, 0.2)
    found = ua.unusual(low)
    assert found[["measure", "kind"]].to_numpy().tolist() == [["total_count", "drop"]]
    assert found["end"].iloc[0] - found["start"].iloc[0] > pd.Timedelta(hours=18)
    assert len(ua.unusual(low, holidays=["2026-06-24"])) == 0


def test_history_teaches_and_is_not_judged(quiet: pd.DataFrame) -> None:
    """Events are told of the frame alone; a week is judged by the weeks of its history."""
    bad = plant(quiet, None, "calls", "2026-06-10 10:00", 8)
    bad = plant(bad, None, "calls", "2026-07-14 10:00", 8)
    week = bad[bad.index >= "2026-07-12"]
    found = ua.unusual(week, history=bad)
    assert found["start"].dt.date.tolist() == [date(2026, 7, 14)]
    assert found.attrs["history_days"] == 49


def test_clock_change_moves_no_event(sample: pd.DataFrame) -> None:
    """Hours of an event are on the frame's clock, also on the day on which it is put forward."""
    hourly = plant(sample, "Support line", "calls", "2026-03-08 10:00", 8)
    found = ua.unusual(hourly, measures=["total_count"])
    assert found["start"].tolist() == [pd.Timestamp("2026-03-08 10:00", tz=ZONE)]
    assert found["end"].tolist() == [pd.Timestamp("2026-03-08 18:00", tz=ZONE)]


@pytest.mark.parametrize(("zone", "minute"), [("Asia/Kolkata", 30), ("Asia/Kathmandu", 45)])
def test_divided_hours_are_judged_as_the_utc_hours_that_they_were(
    quiet: pd.DataFrame, zone: str, minute: int
) -> None:
    """On a clock off the hour events keep their UTC hours, and hours their numbers of calls."""
    agent = quiet.groupby("agent")["total_count"].sum().idxmax()
    bad = plant(quiet, None, "calls", "2026-07-01 10:00", 8)
    bad = plant(bad, agent, "longer", "2026-07-10 10:00", 12, 4)
    local = ua.between_days(ua.in_timezone(bad, zone), "2026-06-03", "2026-07-17")
    found, here = (ua.unusual(one)[["measure", "kind", "start", "end"]] for one in (bad, local))
    assert here["start"].dt.minute.eq(minute).all()
    for name in ("start", "end"):
        found[name], here[name] = (one[name].dt.tz_convert("UTC") for one in (found, here))
    assert here.to_numpy().tolist() == found.to_numpy().tolist()
    table = ua.expected(local)
    seen = table.set_index("agent", append=True)["observed"].tz_convert("UTC", level=0)
    came = bad.set_index("agent", append=True)["total_count"].loc[seen.index]
    assert (seen - came).abs().max() <= (2 if minute == 45 else 0)


def test_expected_holds_most_hours_and_learns_no_event(quiet: pd.DataFrame) -> None:
    """The 95 % interval holds 93 % of hours, and a silence changes it by a tenth at most."""
    alone = quiet[quiet["agent"] == "agent 0"].drop(columns="agent")
    table = ua.expected(alone)
    held = table["observed"].between(table["low"], table["high"]).mean()
    assert held >= 0.93
    assert table["expected"].sum() == pytest.approx(table["observed"].sum(), rel=0.05)
    grouped = plant(quiet, "agent 0", "calls", "2026-07-01 00:00", 48)
    again = ua.expected(grouped[grouped["agent"] == "agent 0"].drop(columns="agent"))
    day = slice("2026-07-01", "2026-07-02")
    assert again.loc[day, "expected"].sum() == pytest.approx(
        table.loc[day, "expected"].sum(), rel=0.1
    )


@pytest.mark.parametrize("measure", ["error_rate", "join_rate", "average_call_duration"])
def test_expected_of_rates_and_means_is_in_their_unit(quiet: pd.DataFrame, measure: str) -> None:
    """Over many calls the expected rate or mean is the observed one, and NaN without calls."""
    table = ua.expected(quiet, measure=measure)
    assert list(table) == ["agent", "observed", "expected", "low", "high", "few"]
    part, whole = {
        "error_rate": ("error_count", "total_count"),
        "join_rate": ("joined_count", "total_count"),
        "average_call_duration": ("duration", "joined_count"),
    }[measure]
    numerator = quiet[part].dt.total_seconds() if part == "duration" else quiet[part]
    for agent, rows in table.groupby("agent"):
        own = (quiet["agent"] == agent).to_numpy()
        rate = numerator[own].sum() / quiet.loc[own, whole].sum()
        weighted = np.average(rows["expected"].fillna(0), weights=quiet.loc[own, whole])
        assert weighted == pytest.approx(rate, rel=0.25 if part == "error_count" else 0.1)
        assert rows["expected"].isna().tolist() == (quiet.loc[own, whole] == 0).tolist()
        assert (rows["low"].dropna() <= rows["high"].dropna()).all()


def test_level_that_came_back_is_no_shift() -> None:
    """Three weeks of half the calls that are over have an end, and no claim of a lasting change."""
    quiet = account(np.random.default_rng(12), days=90, spread=0.08)
    bad = plant(quiet, None, "calls", "2026-07-06 00:00", 21 * 24, 0.5)
    found = ua.unusual(bad, measures=["total_count"])
    (event,) = found[found["group"].isna()].to_dict("records")
    assert event["kind"] == "drop"
    assert abs(event["end"] - pd.Timestamp("2026-07-27", tz="UTC")) <= pd.Timedelta(days=1)
    assert pd.isna(event["probability"])
    assert " since " not in ua.describe_unusual(found)


def test_interval_of_money_holds_what_was_planted(quiet: pd.DataFrame) -> None:
    """The cost of calls three times as long lies within its interval, whatever the agent."""
    held = 0
    agents = quiet["agent"].unique()
    for agent in agents:
        bad = plant(quiet, agent, "longer", "2026-07-01 00:00", 72, 3)
        own = bad[bad["agent"] == agent].loc["2026-07-01":"2026-07-03", "billed_minutes"].sum()
        found = ua.unusual(bad, price=1).query("measure == 'average_call_duration'")
        held += any(row.money_low <= own * 2 / 3 <= row.money_high for row in found.itertuples())
    assert held >= len(agents) - 1


def test_no_event_begins_in_days_that_are_missing(quiet: pd.DataFrame) -> None:
    """Days that the frame lacks are in no event beside them."""
    bad = plant(quiet, None, "calls", "2026-07-08 00:00", 16, 0)
    gap = (bad.index >= "2026-07-01") & (bad.index < "2026-07-08")
    found = ua.unusual(bad[~gap], measures=["total_count"])
    assert found["start"].tolist() == [pd.Timestamp("2026-07-08", tz="UTC")]


def test_bad_input_is_named(quiet: pd.DataFrame) -> None:
    """Unknown measures, missing columns, budgets and histories of another kind are refused."""
    with pytest.raises(ua.QueryError, match=r"measure: expected .*got 'errors'"):
        ua.unusual(quiet, measures=["errors"])
    with pytest.raises(ua.QueryError, match="unusual needs the column error_count"):
        ua.unusual(quiet.drop(columns="error_count"), measures=["error_rate"])
    with pytest.raises(ua.QueryError, match="false_alarms: expected a number above 0, got 0"):
        ua.unusual(quiet, false_alarms=0)
    with pytest.raises(ua.QueryError, match="history: expected the same group column, agent"):
        ua.unusual(quiet, history=quiet.drop(columns="agent")[:24])
    with pytest.raises(ua.QueryError, match="history: expected hours before those of the frame"):
        ua.unusual(quiet, history=quiet)
    with pytest.raises(ua.QueryError, match="error_count: expected at most total_count in each"):
        ua.unusual(quiet.assign(error_count=quiet["total_count"] + 1))
    with pytest.raises(ua.QueryError, match="at least one hour, got none"):
        ua.expected(quiet[:0])
