"""Results about single hours in zones off the hour."""

import pytest

import usage_analysis as ua
from usage_analysis.analysis.selection import Selection
from usage_analysis.report.tables import ReportOptions, ReportResults


@pytest.fixture(scope="module")
def usage():
    return ua.sample_client().call_usage(from_date="2026-02-01", to_date="2026-03-31")


def results(usage, zone):
    return ReportResults(Selection(timezone=zone).of(usage), ReportOptions(limit=5))


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Asia/Kathmandu"])
def test_zones_off_the_hour_judge_whole_hours(usage, zone):
    """Events and concurrent calls of a report are those of whole UTC hours, on the local clock."""
    plain, local = results(usage, "UTC"), results(usage, zone)
    columns = ["measure", "kind", "start", "end", "observed", "calls"]
    events = local.unusual[columns].assign(
        **{end: local.unusual[end].dt.tz_convert("UTC") for end in ("start", "end")}
    )
    assert events.to_dict() == plain.unusual[columns].to_dict()
    assert str(local.unusual["start"].dt.tz) == zone
    here, there = (one.prepare("capacity").table for one in (plain, local))
    assert str(there.index.tz) == zone
    for column in ("carried", "over_limit"):
        assert here[column].tolist() == there[column].tolist()
