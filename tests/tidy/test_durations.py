"""Durations: every form exactly, anything else an error that quotes it."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import usage_analysis as ua


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("0s", 0),
        ("300s", 300_000_000),
        ("12.345678s", 12_345_678),
        ("12.345678499s", 12_345_678),
        ("0.0000005s", 0),
        ("0.0000015s", 2),
        ("0.000000501s", 1),
        ("31536000000s", 31_536_000_000_000_000),
        ("00:00:01", 1_000_000),
        ("2:03:04.5", 7_384_500_000),
        ("126:03:04", 453_784_000_000),
        ("1 02:03:04", 93_784_000_000),
        ("1 day, 2:03:04", 93_784_000_000),
        ("12 days, 0:00:00.25", 1_036_800_250_000),
        ("P1DT2H3.5S", 93_603_500_000),
        ("PT0S", 0),
        ("P2W", 1_209_600_000_000),
        ("PT90M", 5_400_000_000),
    ],
)
def test_every_form_is_read_exactly(text, microseconds):
    """A duration in each form the wire may have is read to the microsecond, ties to even."""
    expected = pd.Timedelta(np.timedelta64(microseconds, "us"))
    assert ua.parse_duration(text) == expected
    assert ua.parse_durations([text])[0] == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "s",
        "5.s",
        ".5s",
        "-5s",
        "+5s",
        "1e3s",
        "5 s",
        " 5s",
        "5s\n",
        "٣s",
        "1.1234567890s",
        "00:60:00",
        "1 25:00:00",
        "1:2:3",
        "P",
        "PT",
        "P1Y",
        "P1M",
        "NaT",
        "nan",
        "99999999999999s",
    ],
)
def test_anything_else_is_refused_and_quoted(text):
    """A text that is no duration is an error that shows it, never zero, missing or a guess."""
    with pytest.raises(ua.ResponseError) as caught:
        ua.parse_duration(text)
    assert repr(text) in str(caught.value)
    with pytest.raises(ua.ResponseError, match=r"^\[1\]: "):
        ua.parse_durations(["1s", text])


@pytest.mark.parametrize("value", [None, 5, b"5s"])
def test_what_is_no_text_is_refused(value):
    """A value that is no text is an error that names its type."""
    with pytest.raises(ua.ResponseError, match=type(value).__name__):
        ua.parse_duration(value)
    with pytest.raises(ua.ResponseError, match=type(value).__name__):
        ua.parse_durations([value])


def test_a_series_stays_a_series():
    """Durations of a Series keep its index and name, in microseconds."""
    texts = pd.Series(["1s", "1 day, 0:00:00"], index=["a", "b"], name="talk")
    read = ua.parse_durations(texts)
    assert read.dtype == np.dtype("m8[us]")
    assert read.name == "talk"
    assert read.to_dict() == {"a": pd.Timedelta("1s"), "b": pd.Timedelta("1D")}
    assert ua.parse_durations([]).dtype == np.dtype("m8[us]")


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=200_000)))
def test_python_and_vendor_text_round_trip(duration):
    """Whatever Python or the vendor writes of a duration is read back as that duration."""
    microseconds = duration // timedelta(microseconds=1)
    vendor = f"{microseconds // 10**6}.{microseconds % 10**6:06}s"
    assert ua.parse_duration(str(duration)) == duration
    assert ua.parse_duration(vendor) == duration
    assert list(ua.parse_durations([vendor] * 3)) == [duration] * 3


@given(st.lists(st.integers(0, 10**18 - 1), max_size=20))
def test_many_read_as_one_by_one(nanoseconds):
    """The fast way over many texts gives what reading each alone gives."""
    texts = [f"{n // 10**9}.{n % 10**9:09}s" for n in nanoseconds]
    assert list(ua.parse_durations(texts)) == [ua.parse_duration(text) for text in texts]
