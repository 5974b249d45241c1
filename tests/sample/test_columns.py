"""Cells of a call log as exports write them."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from usage_analysis.errors import QueryError
from usage_analysis.sample.columns import (
    MISSING,
    has_flags,
    read_durations,
    read_flags,
    read_texts,
    read_times,
)


@pytest.mark.parametrize("empty", [None, float("nan"), pd.NA, pd.NaT])
def test_empty_cells(empty):
    """An empty cell is false, a duration of 0, no time and no text, whatever stands for it."""
    flags = pd.Series([True, empty], dtype=object)
    assert has_flags(flags)
    assert read_flags(flags).tolist() == [True, False]
    assert read_durations(pd.Series(["1.5s", empty], dtype=object)).tolist() == [1_500_000, 0]
    times = read_times(pd.Series(["1970-01-01T00:00:01Z", empty], dtype=object))
    assert times.tolist() == [1_000_000, MISSING]
    assert read_texts(pd.Series(["a", empty], dtype=object)).codes.tolist() == [0, -1]


def test_texts_have_the_form_of_json():
    """Flags and numbers become the texts that JSON has for them; 1.0 is the number 1."""
    texts = read_texts(pd.Series([True, np.False_, 1.0, 2.5, "a"], dtype=object))
    assert [texts.values[code] for code in texts.codes] == ["true", "false", "1", "2.5", "a"]  # noqa: PD011  # no pandas


def test_mixed_durations():
    """One column may mix seconds, timedeltas and the vendor's texts."""
    mixed = pd.Series([2, 2.5, timedelta(seconds=3), "4s", "0:00:05"], dtype=object)
    seconds = [2, 2.5, 3, 4, 5]
    assert read_durations(mixed).tolist() == [int(each * 1e6) for each in seconds]


def test_a_column_of_words_has_no_flags():
    """Words such as "yes" are not flags: they are refused by the column's name."""
    words = pd.Series(["yes", "no"], name="error", dtype=object)
    assert not has_flags(words)
    with pytest.raises(QueryError, match=r"^error: expected true or false, got 'yes'"):
        read_flags(words)
