"""Statements on totals: of all buckets, with the mean of the finished ones, and dates once."""

import pandas as pd
import pytest

import usage_analysis as ua
from usage_analysis.analysis.marks import Mark
from usage_analysis.analysis.statements.totals import state_total, state_unlike_days


def days(counts, *, provisional=0):
    """Days of calls; so many of the last ones are provisional."""
    time = pd.date_range("2026-03-02", periods=len(counts), freq="D", tz="UTC", name="time")
    late = [place >= len(counts) - provisional for place in range(len(counts))]
    frame = pd.DataFrame({"total_count": counts, "provisional": late}, index=time)
    frame.attrs["every"] = "D"  # as of a fetched frame, so that one row is known to be a day
    return frame


@pytest.mark.parametrize(
    ("frame", "title", "sentence"),
    [
        (
            days([10, 30, 20]),
            "20 calls per day on average over 3 whole days, most on Tuesday 2026-03-03 (30)",
            (
                "60 calls in 3 whole days, 2026-03-02 to 2026-03-04 (UTC): 20 calls per day on "
                "average, most on Tuesday 2026-03-03 (30)."
            ),
        ),
        (
            days([10, 30, 5], provisional=1),
            "20 calls per day on average over 2 whole days, most on Tuesday 2026-03-03 (30)",
            (
                "45 calls in 3 days, 2026-03-02 to 2026-03-04 (UTC): 20 calls per day on average "
                "over 2 whole days, most on Tuesday 2026-03-03 (30)."
            ),
        ),
        (days([7]), "7 calls in the one whole day", "7 calls in 1 whole day, 2026-03-02 (UTC)."),
        (
            days([7, 2], provisional=1),
            "7 calls in the one whole day",
            "9 calls in 2 days, 2026-03-02 to 2026-03-03 (UTC); 7 calls in the one whole day.",
        ),
        (
            days([0, 1, 0]),
            "1 call in 3 whole days",
            "1 call in 3 whole days, 2026-03-02 to 2026-03-04 (UTC).",
        ),
        (
            days([0, 0]),
            "No calls in 2 whole days",
            "No calls in 2 whole days, 2026-03-02 to 2026-03-03 (UTC).",
        ),
        (
            days([4], provisional=1),
            "No finished day yet, so no mean of calls per day",
            "4 calls in 1 day, 2026-03-02 (UTC); no finished day yet, so no mean of calls per day.",
        ),
        (days([]), "No finished day yet, so no calls", "No finished day yet, so no calls."),
    ],
)
def test_a_total_in_words(frame, title, sentence):
    """The total is of all buckets, the mean of finished ones, and the dates stand once."""
    found = state_total(frame)
    assert (found.title, found.sentence) == (title, sentence)
    if len(frame):
        assert ua.plot_trend(frame).get_title(loc="left").replace("\n", " ") == title


def test_periods_to_leave_out_are_in_the_total_alone():
    """A marked day counts in the total and not in the mean."""
    outage = Mark("2026-03-03T00:00Z", "outage", end="2026-03-04T00:00Z", leave_out=True)
    assert state_total(days([10, 90, 20]), marks=[outage]).sentence == (
        "120 calls in 3 days, 2026-03-02 to 2026-03-04 (UTC): 15 calls per day on average over 2 "
        "whole days, most on Wednesday 2026-03-04 (20)."
    )


def test_other_weekdays_have_totals_and_no_change():
    """Periods without a common weekday are set side by side without a claim."""
    assert state_unlike_days(days([10]), days([12]), "total_count").sentence == (
        "10 calls up to the last final hour, 2026-03-02 (UTC), against 12 calls up to the same "
        "hour of 2026-03-02; these are other weekdays, so no change is given."
    )


def test_a_day_without_a_number_is_left_out_and_counted():
    """Neither total nor mean claims a day whose count is missing."""
    frame = days([10, 30, 20]).astype({"total_count": float})
    frame.iloc[0, 0] = float("nan")
    found = state_total(frame)
    assert "over 2 whole days, 1 day without a number left out, most on" in found.title
    assert found.sentence.startswith("50 calls in 2 whole days, ")
