"""Scales: ticks of the frame's own clock, amounts in round steps. Covers axes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import costly
from usage_analysis.figures.axes import from_zero, time_axis
from usage_analysis.figures.style import new_figure


def ticks(start, periods, freq, zone="America/New_York", width=None, **columns):
    """Instants and words of the ticks under such rows."""
    index = pd.date_range(start, periods=periods, freq=freq, tz=zone, name="time")
    ax = new_figure().add_subplot()
    time_axis(ax, pd.DataFrame(columns, index=index), ticks=width)
    low, high = ax.get_xlim()
    shown = [(at, label) for at, label in zip(ax.get_xticks(), ax.get_xticklabels(), strict=True)]
    assert all(low <= at <= high for at, _ in shown)
    at = pd.to_datetime([round(at * 86400) for at, _ in shown], unit="s", utc=True)
    return at.tz_convert(zone), [label.get_text() for _, label in shown]


def test_days_of_a_month_are_named_by_mondays():
    """A month has its Mondays, the month and year once."""
    at, words = ticks("2026-03-01", 31, "D")
    assert words == ["Mon 2\nMar 2026", "Mon 9", "Mon 16", "Mon 23", "Mon 30"]
    assert (at == at.normalize()).all()


def test_the_year_waits_for_room():
    """Where the second tick begins a month, the year stands under that one."""
    _, words = ticks("2025-12-31", 6, "D", zone="UTC")
    assert words == ["Wed 31\nDec", "Thu 1\nJan 2026", "Fri 2", "Sat 3", "Sun 4", "Mon 5"]
    _, words = ticks("2025-04-01", 365, "D", width=13)
    assert words[0] == "Apr\n2025"
    assert words[9] == "Jan\n2026"


def test_rows_of_days_have_no_ticks_between_them():
    """One day, or two, has its own ticks and no hours; one hour has hours."""
    assert ticks("2026-03-01", 1, "D", complete=True, hours=24.0)[1] == ["Sun 1\nMar 2026"]
    assert ticks("2026-03-01", 2, "D")[1] == ["Sun 1\nMar 2026", "Mon 2"]
    assert ticks("2026-03-01 09:00", 1, "h")[1] == ["09:00\nSun 1 Mar 2026"]


@pytest.mark.parametrize("zone", ["Australia/Lord_Howe", "America/New_York", "Asia/Kathmandu"])
def test_hours_follow_the_clock_over_a_change(zone):
    """Ticks of hours stand at the clock's own, on the day of a change too."""
    change = {"Australia/Lord_Howe": "2026-04-04 06:00", "America/New_York": "2026-03-07 06:00"}
    at, words = ticks(change.get(zone, "2026-03-07 06:00"), 48, "h", zone=zone)
    assert [f"{t:%H:%M}" for t in at] == [w.partition("\n")[0] for w in words]
    assert set(at.hour) <= {0, 6, 12, 18}


@costly
@given(
    st.datetimes(pd.Timestamp("1950-01-01"), pd.Timestamp("2150-01-01")),
    st.integers(1, 4000),
    st.sampled_from(["h", "D", "W-MON", "MS", "YS"]),
    st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
    st.integers(3, 9),
)
def test_any_window_has_few_ticks_with_one_year_each(start, periods, freq, zone, most):
    """However long the window: some ticks, at most so many, in order, each year told at least."""
    hours = {"h": 1, "D": 24, "W-MON": 168, "MS": 720, "YS": 8760}[freq]
    index = pd.date_range(start, periods=min(periods, 900_000 // hours), freq=freq, name="time")
    index = index.tz_localize("UTC").tz_convert(zone)
    ax = new_figure().add_subplot()
    time_axis(ax, pd.DataFrame({"hours": float(hours)}, index=index), ticks=most)
    at, words = ax.get_xticks(), [label.get_text() for label in ax.get_xticklabels()]
    assert len(at) <= most
    assert (np.diff(at) > 0).all()
    if len(index) * hours > 24 * 800:
        assert len(at) >= 1
        assert any(word.split()[-1].isdigit() for word in words)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0, 1], ["0", "1"]),
        ([0.25, 0.9], ["0", "0.2", "0.4", "0.6", "0.8"]),
        ([0, 2_400_000], ["0", "0.5M", "1M", "1.5M", "2M", "2.5M"]),
        ([34.0], ["0", "10", "20", "30"]),
    ],
)
def test_amounts_count_in_round_steps(values, words):
    """Whole numbers have whole steps, and one unit holds for the whole axis."""
    ax = new_figure().add_subplot()
    from_zero(ax, np.array(values, dtype=float))
    ax.figure.draw_without_rendering()
    high = ax.get_ylim()[1]
    shown = zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)
    assert [label.get_text() for at, label in shown if 0 <= at <= high] == words
