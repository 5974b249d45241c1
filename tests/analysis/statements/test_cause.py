"""`describe_cause`: the group behind an event, and the factors behind a changed bill, in words."""

import re
from typing import Any

import pandas as pd
import pytest

import usage_analysis as ua
from usage_analysis.analysis.meaning import Meaning, with_meaning
from usage_analysis.analysis.statements.cause import state_bill, state_cause

FORM = re.compile(
    r"Agent Support line had (\d+) of the (\d+) failed calls more than expected \((\d+) % of the "
    r"excess, 95 % interval (\d+) to (\d+) %; (\d+) groups compared\), 2026-03-19 00:00 to "
    r"2026-03-20 00:00 \(America/New_York\) against the same hours of the week since 2026-01-\d\d\."
)


def table(**columns: Any) -> pd.DataFrame:
    """Return a result of `explain` of two agents, in which these columns have other values."""
    first = {"dimension": "agent", "group": "desk", "observed": 10.0, "expected": 30.0}
    first |= {"excess": -20.0, "share": 0.8, "low": 0.6, "high": 0.97, "probability": 0.001}
    rows = pd.DataFrame([first | columns, first | {"group": "night", "probability": 1.0}])
    rows.attrs = {"observed": 75.0, "expected": 100.0, "above": False, "left_out": {"voice": "why"}}
    meaning = Meaning(
        made_by="explain",
        measure=columns.get("measure", "total_count"),
        confidence=0.95,
        dates="2026-03-19 09:00 to 2026-03-19 10:00 (UTC)",
    )
    return with_meaning(rows, meaning)


def test_the_cause_of_19_march_in_words() -> None:
    """The sentence has the numbers of the table, its interval, the groups, dates and zone."""
    day = pd.Timestamp("2026-03-19", tz="America/New_York")
    found = ua.explain(
        ua.sample_client(), measure="error_rate", start=day, end=day + pd.Timedelta(days=1)
    )
    said = FORM.fullmatch(ua.describe_cause(found))
    assert said, ua.describe_cause(found)
    top, whole = found.iloc[0], found.attrs["observed"] - found.attrs["expected"]
    numbers = [top["excess"], whole, 100 * top["share"], 100 * top["low"], 100.0, len(found)]
    assert [int(one) for one in said.groups()] == [round(one) for one in numbers]
    assert state_cause(found).urgent


DROP = """Agent desk had 20 of the 25 calls fewer than expected (80 % of the excess, 95 % interval
60 to 97 %; 2 groups compared, none of voice), 2026-03-19 09:00 to 2026-03-19 10:00 (UTC)."""
MORE = """Tenant desk had 40 calls fewer than expected, and all calls together 25 (160 % of the
excess, 95 % interval 110 to 200 %; """
CHANCE = """No group differs from the others beyond chance (75 calls against 100 expected; 2 groups
compared, none of voice), 2026-03-19"""
ALL = {"share": 1.6, "excess": -40.0, "low": 1.1, "high": 2.0, "dimension": "metadata.tenant"}


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({}, DROP),
        (ALL, MORE),
        ({"low": float("nan")}, "(its share of the excess is too uncertain to tell; 2 groups"),
        ({"probability": 0.2}, CHANCE),
    ],
    ids=["drop", "more than all", "no interval", "chance"],
)
def test_each_form_of_a_cause(columns: dict[str, Any], said: str) -> None:
    """A share above 1, one without an interval and a table of chance alone have their own words."""
    found = table(**columns)
    assert said.replace("\n", " ") in ua.describe_cause(found)
    assert state_cause(found).urgent == ("No group" not in said)
    assert state_cause(found).title in ua.describe_cause(found)


def test_a_table_that_lost_its_attributes_is_described_by_its_meaning() -> None:
    """A copy without attributes gives the same sentence if its meaning is passed on."""
    found = table()
    bare = pd.DataFrame(found.to_dict("list"))
    with pytest.raises(ua.QueryError, match="meaning: this table has no meaning attached"):
        ua.describe_cause(bare)
    said = ua.describe_cause(bare, meaning=found.attrs["meaning"])
    assert said == ua.describe_cause(found)


def test_a_bill_in_words() -> None:
    """A bill's sentence has its change, each effect with its sign, and the group with the most."""
    index = pd.date_range("2026-03-02", periods=2, freq="D", tz="UTC", name="time")
    frame = pd.DataFrame(
        {
            "agent": ["desk", "night"],
            "total_count": 10,
            "joined_count": 10,
            "duration": pd.to_timedelta([600, 600], unit="s"),
            "billed_minutes": 10.0,
            "provisional": False,
        },
        index=index,
    )
    more = frame.assign(billed_minutes=[10.0, 30.0])
    found: Any = ua.explain_cost(more, frame, price="0.10")
    assert ua.describe_cause(found) == (
        "The bill rose by USD 2.00 to USD 4.00 (days +USD 0.00, calls per day +USD 0.00, joined "
        "share +USD 0.00, talk per joined call +USD 0.00, rounding +USD 2.00, price +USD 0.00, of "
        "it night +USD 2.00), 2026-03-02 to 2026-03-03 (UTC) against 2026-03-02 to 2026-03-03 "
        "(UTC)."
    )
    one: Any = ua.explain_cost(frame.drop(columns="agent"), more.drop(columns="agent"))
    assert state_bill(one).title == "The bill fell by 20 billed minutes to 20 billed minutes"
    assert "rounding -20 billed minutes)" in state_bill(one).sentence
