"""Groups and sums of rows: the same however the rows stand, and never shared with the frame."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_analysis.analysis.rates import error_rate
from usage_analysis.tidy.grouping import Sums, groups_of

names = st.lists(st.sampled_from(["b", "a", None, "long name"]), min_size=0, max_size=8)


@given(names, st.integers(1, 30), st.sampled_from(["object", "str", "string", "category"]))
def test_groups_are_found_in_order_of_appearance(
    groups: list[str | None], times: int, dtype: str
) -> None:
    """Rows that stand group after group have the numbers that a dictionary gives, of any type."""
    values = [name for name in groups for _ in range(times)]
    if dtype == "str":
        values = [str(name) for name in values]
    frame = pd.DataFrame({"agent": pd.Series(values, dtype=dtype), "total_count": 1})
    code, found = groups_of(frame)
    known = list(dict.fromkeys(values))
    assert found is not None
    assert [None if pd.isna(name) else name for name in found] == known
    assert code.tolist() == [known.index(name) for name in values]


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, 40)), min_size=1, max_size=9),
    st.sampled_from(["int64", "float64", "m8[us]"]),
)
def test_sums_are_those_of_a_loop(runs: list[tuple[int, int]], dtype: str) -> None:
    """Sums under keys are a plain loop's, whether a key's rows stand together or not."""
    key = np.array([of for of, length in runs for _ in range(length)], dtype=np.intp)
    values = np.arange(len(key)).astype(dtype)
    expected = [int(values[key == of].astype("int64").sum()) for of in range(6)]
    found = Sums(key, 6).of(values)
    assert found.dtype == values.dtype
    assert found.astype("int64").tolist() == expected
    assert len(Sums(key[:0], 3).of(values[:0])) == 3


def test_small_numbers_are_summed_as_they_are() -> None:
    """Only billed minutes are decimals: a variance of many calls may be far below a millionth."""
    sums = Sums(np.zeros(2, dtype=np.intp), 1)
    assert sums.of(np.array([3e-12, 4e-12])).tolist() == [7e-12]
    assert sums.of_column(pd.Series([0.1, 0.2], name="billed_minutes")).tolist() == [0.3]


@pytest.mark.parametrize("by", [None, "total"])
def test_a_result_is_nobody_elses(by: str | None) -> None:
    """Writing into a table of rates leaves the frame it came from as it was."""
    index = pd.date_range("2026-03-02", periods=2, freq="h", tz="UTC", name="time")
    frame = pd.DataFrame({"total_count": [5, 6], "error_count": 1, "provisional": False}, index)
    rates = error_rate(frame, by=by)
    rates.iloc[:, :2] = 0
    assert frame["total_count"].tolist() == [5, 6]
    assert frame["error_count"].tolist() == [1, 1]
