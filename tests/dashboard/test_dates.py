"""Days, buckets and clocks that the controls offer."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import usage_analysis as ua
from usage_analysis.analysis.selection import Days
from usage_analysis.dashboard import dates
from usage_analysis.dashboard.dates import CUSTOM, PRESETS, days_of, granularities, previous_days

days = st.builds(
    lambda first, more: Days(first, first + timedelta(days=more)),
    st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    st.integers(0, 1000),
)


@pytest.mark.parametrize(
    ("preset", "first", "last"),
    [
        ("today", "2026-04-01", "2026-04-01"),
        ("yesterday", "2026-03-31", "2026-03-31"),
        ("last_7_days", "2026-03-25", "2026-03-31"),
        ("last_30_days", "2026-03-02", "2026-03-31"),
        ("last_90_days", "2026-01-01", "2026-03-31"),
        ("this_month", "2026-04-01", "2026-04-01"),
        ("last_month", "2026-03-01", "2026-03-31"),
        ("billing_cycle", "2026-03-31", "2026-04-01"),
    ],
)
def test_presets(preset, first, last):
    """Each preset is the days it says; the last n days are whole ones, cycles end today."""
    found = days_of(preset, date(2026, 4, 1), billing_day=31)
    assert found == Days(date.fromisoformat(first), date.fromisoformat(last))


def test_every_preset_is_known():
    """All presets but the custom one mean days, and another name is refused."""
    for preset in set(PRESETS) - {CUSTOM}:
        assert days_of(preset, date(2026, 2, 28)).number >= 1
    with pytest.raises(ua.QueryError, match="preset"):
        days_of("ever", date(2026, 4, 1))


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(1, 31))
def test_a_billing_cycle_holds_today(today, billing_day):
    """A billing cycle begins on its day, or a short month's last, at most a month before today."""
    first, last = days_of("billing_cycle", today, billing_day)
    assert first <= today == last
    assert (today - first).days <= 31
    assert first.day == billing_day or (first + timedelta(days=1)).month != first.month


@given(days)
def test_what_is_set_beside_is_as_long_and_before(shown):
    """Compared days are as many and end before those shown; same weekdays are whole weeks back."""
    for comparison in ("previous", "weekdays"):
        beside = previous_days(shown, comparison)
        assert beside.number == shown.number
        assert beside.last < shown.first
    assert (shown.first - previous_days(shown, "weekdays").first).days % 7 == 0
    assert previous_days(shown, "none") is None


@given(days)
def test_some_bucket_always_fits(shown):
    """Every range has a bucket, the nearest to any wish is one of them."""
    allowed = granularities(shown)
    assert allowed
    for wish in dates.GRANULARITIES:
        assert dates.nearest(wish, allowed) in allowed


def test_the_machines_zone_is_one(monkeypatch):
    """The default zone is the machine's by its IANA name, and UTC where it says nothing known."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert dates.machine_zone() == "Asia/Tokyo"
    monkeypatch.setenv("TZ", "local")
    assert dates.machine_zone() in {*dates.zones(), "UTC"}
