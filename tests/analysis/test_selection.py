"""One selection of data: what is computed, what is compared, and what is set apart.

Covers marks.
"""

from datetime import date

import pandas as pd
import pytest

import usage_analysis as ua
from tests.figures.drawings import ZONE, frame
from usage_analysis.analysis.marks import Mark
from usage_analysis.analysis.selection import Days, SelectedUsage, Selection


def selected(hourly, *, earlier=None, **chosen):
    """Rows that a selection takes of local hours."""
    return SelectedUsage(
        selection=Selection(timezone=ZONE, **chosen),
        usage=None,
        all_hours=hourly,
        earlier_hours=earlier,
    )


def test_days_and_hours_are_of_the_local_clock():
    """Days are inclusive and local, and hours may go over midnight."""
    hourly = frame(14 * 24)
    found = selected(hourly, from_date="2026-03-03", to_date="2026-03-04", hours=(22, 6)).hourly
    assert set(found.index.strftime("%Y-%m-%d")) == {"2026-03-03", "2026-03-04"}
    assert set(found.index.hour) == {22, 23, 0, 1, 2, 3, 4, 5}


def test_a_running_day_is_compared_up_to_its_last_final_hour():
    """The previous period ends at the hour of the clock to which the selected hours are final."""
    hourly = frame(8 * 24 + 12, unfinished=2)
    found = selected(
        hourly,
        from_date="2026-03-09",
        previous=(date(2026, 3, 2), date(2026, 3, 2)),
        earlier=hourly,
    )
    assert len(found.hourly) == 13
    assert len(found.previous_rows("all")) == 24
    assert list(found.previous_rows("final").index.hour) == list(found.final.index.hour)


def test_periods_to_leave_out_stay_in_the_totals():
    """Marked periods are in the selected hours and in none that means are made of."""
    outage = Mark("2026-03-03T00:00-05:00", "outage", end="2026-03-04T00:00-05:00", leave_out=True)
    found = selected(frame(7 * 24), marks=[outage])
    assert len(found.hourly) - len(found.unmarked) == 24
    assert pd.Timestamp("2026-03-03", tz=ZONE) in found.daily.index
    assert pd.Timestamp("2026-03-03", tz=ZONE) not in found.final.index


@pytest.mark.parametrize(
    ("gap", "days"), [pytest.param(0, 28, id="adjoining"), pytest.param(3, 14, id="apart")]
)
def test_history_goes_back_where_periods_adjoin(gap, days):
    """An earlier reply is history only where it reaches up to the selected days."""
    earlier = frame(14 * 24, start="2026-02-15", unfinished=0)
    hourly = frame(14 * 24, start=str(date(2026, 3, 1 + gap)), unfinished=0)
    found = selected(hourly, earlier=earlier)
    assert len(ua.aggregate(found.history, "D")) in (days, days + 1)  # clocks change within


def test_history_is_of_the_reply_beyond_the_selected_days():
    """A projection learns from all days of the reply up to the last selected one."""
    found = selected(frame(20 * 24), from_date="2026-03-10", to_date="2026-03-12")
    assert ua.aggregate(found.history, "D").index[[0, -1]].strftime("%d").tolist() == ["01", "12"]
    assert Days(date(2026, 3, 10), date(2026, 3, 12)).history.first == date(2026, 1, 4)


@pytest.mark.parametrize("hours", [(9, 9), (24, 3), (0, 25), 9, ("a", "b")])
def test_hours_that_are_none_of_a_day_are_refused(hours):
    """Hours are two different hours of one day."""
    with pytest.raises(ua.QueryError, match="hours: expected two hours of the day"):
        Selection(hours=hours)


def test_a_breakdown_of_other_days_is_refused():
    """A breakdown of another period than the reply is refused, with both periods named."""
    client = ua.sample_client()
    usage = client.call_usage(from_date="2026-03-01", to_date="2026-03-03", timezone=ZONE)
    days = {"from_date": "2026-02-01", "to_date": "2026-02-03", "timezone": ZONE}
    other = client.by_agent(ua.sample.AGENTS, **days)
    message = "2026-03-01 to 2026-03-03, got 2026-02-01 to 2026-02-03; fetch both for the same days"
    with pytest.raises(ua.QueryError, match=f"^breakdown: .* {message}$"):
        ua.build_report(usage, "unused", timezone=ZONE, breakdown=other)
