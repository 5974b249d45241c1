"""Trailing windows: exact sums, days of the frame's own clock, whole windows told from cut ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_analysis.errors import QueryError
from usage_analysis.tidy.periods import aggregate, in_timezone
from usage_analysis.tidy.rolling import rolling


def hours(counts: list[int], start: str = "2026-03-02", zone: str = "UTC") -> pd.DataFrame:
    begin = pd.Timestamp(start).tz_localize(zone)
    index = pd.date_range(begin, periods=len(counts), freq="h", name="time").as_unit("us")
    return pd.DataFrame(
        {
            "total_count": counts,
            "duration": np.array(counts).astype("m8[s]").astype("m8[us]"),
            "billed_minutes": np.array(counts) / 10,
            "provisional": False,
        },
        index=index,
    )


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=60), st.integers(1, 70))
def test_windows_of_hours_are_pandas_own(counts: list[int], window: int) -> None:
    """In hours the sums are those of pandas' rolling, talk and minutes too."""
    frame = hours(counts)
    found = rolling(frame, f"{window}h")
    expected = frame["total_count"].rolling(f"{window}h").sum()
    assert found["total_count"].tolist() == expected.tolist()
    assert (found["duration"] / pd.Timedelta("1s")).tolist() == expected.tolist()
    np.testing.assert_allclose(found["billed_minutes"], expected / 10, rtol=1e-12)
    assert found["total_count"].dtype == "int64"
    assert found["duration"].dtype == "timedelta64[us]"
    assert found["complete"].tolist() == [row + 1 >= window for row in range(len(counts))]


def test_days_are_those_of_the_clock() -> None:
    """A week over a change of the clock is 167 or 169 hours, from hours as from days."""
    for start, length in (("2026-03-04", 167), ("2026-10-28", 169)):
        frame = hours([1] * 24 * 12, start, "America/New_York")
        found = rolling(frame, "7D")
        ends = found[found.index.hour == 23]
        assert ends["hours"].iloc[6] == length
        assert ends["total_count"].iloc[6] == length
        days = aggregate(frame, "D")
        from_days = rolling(days, "7D")
        assert from_days["hours"].iloc[6] == length
        assert from_days["complete"].tolist()[5:8] == [False, True, True]
        whole = days["complete"].to_numpy()
        assert from_days["total_count"][whole].tolist() == ends["total_count"].tolist()


def test_an_unfinished_bucket_spoils_its_windows() -> None:
    """A window that holds a provisional bucket says so, and is not complete if that bucket runs."""
    frame = hours([1] * 10)
    frame.loc[frame.index[-3:], "provisional"] = True
    found = rolling(frame, "2h")
    assert found["provisional"].tolist() == [False] * 7 + [True] * 3
    assert found["complete"].tolist() == [False] + [True] * 8 + [False]


def test_groups_and_row_order() -> None:
    """Each group has its own windows, whatever the order of the rows."""
    both = pd.concat([hours([1, 2, 3]).assign(agent="b"), hours([10, 20, 30]).assign(agent="a")])
    both = both[["agent", *both.columns.drop("agent")]]
    found = rolling(both, "2h")
    assert found["total_count"].tolist() == [1, 3, 5, 10, 30, 50]
    shuffled = both.iloc[[4, 1, 3, 0, 5, 2]]
    assert rolling(shuffled, "2h")["total_count"].tolist() == [30, 3, 10, 1, 50, 5]


def test_silence_is_exactly_zero() -> None:
    """A window without calls has no trace of what came before it."""
    frame = hours([3, 7, 0, 0]).assign(billed_minutes=[0.1, 0.2, 0.0, 0.0])
    assert rolling(frame, "2h")["billed_minutes"].iloc[-1] == 0


def test_a_sum_that_64_bits_do_not_hold_is_refused() -> None:
    """Counts never wrap round below 0: a sum past 64 bits is refused, as `aggregate` refuses it."""
    frame = hours([0, 2, 2]).assign(total_count=[1, 2**63 - 1, 2**63 - 1])
    for sums in (lambda: rolling(frame, "2h"), lambda: aggregate(frame, "D")):
        with pytest.raises(QueryError, match="expected sums that 64 bits hold"):
            sums()


def test_half_seen_edge_hours_count_as_far_as_they_were_seen() -> None:
    """In a zone off the hour the windows over one UTC day hold 24 hours, as in `aggregate`."""
    frame = in_timezone(hours([2] * 24), "Asia/Kolkata")
    found = rolling(frame, "2D")
    assert found["hours"].iloc[-1] == aggregate(frame, "D")["hours"].sum() == 24
    assert found["hours"].iloc[0] == 0.5


@pytest.mark.parametrize("window", ["7", "7d", "0D", "1MS", 7, None])
def test_a_bad_window_is_named(window: object) -> None:
    """A window that is not hours, days or weeks is refused by name."""
    with pytest.raises(QueryError, match="window: expected hours, days or weeks"):
        rolling(hours([1]), window)  # type: ignore[arg-type]
