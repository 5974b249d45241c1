"""The wire: every field checked, errors that name the path, columns there and back."""

import copy
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import usage_analysis as ua
from tests.conftest import as_json, reply, row

GOOD = reply(
    [
        row("2026-03-01", 9, calls=3, errors=1, seconds=90.5, minutes=1.6),
        row("2026-03-01", 10, calls=2, seconds=60, minutes=1.0),
    ]
)
READ = ua.CallUsage.from_json


def broken(path, value=...):
    """The good reply with one field changed, or left out."""
    document = copy.deepcopy(GOOD)
    *way, last = path
    inner = document
    for key in way:
        inner = inner[key]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return as_json(document)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("hourly", 1, "errorCount"), "0", "hourly[1].errorCount: expected int, got str"),
        (("hourly", 1, "errorCount"), ..., "hourly[1].errorCount: missing"),
        (("hourly", 0, "totalCount"), 2.0, "hourly[0].totalCount: expected int, got float"),
        (("hourly", 0, "totalCount"), True, "hourly[0].totalCount: expected int, got bool"),
        (("hourly", 0, "totalCount"), None, "hourly[0].totalCount: expected int, got null"),
        (("hourly", 0, "totalCount"), -1, "hourly[0].totalCount: expected int >= 0, got '-1'"),
        (("hourly", 0, "totalCount"), 2**64, "hourly[0].totalCount: expected int <= "),
        (("hourly", 0, "duration"), "9" * 5000 + "s", "hourly[0].duration: expected a duration"),
        (("hourly", 0, "duration"), "soon", "hourly[0].duration: expected a duration"),
        (("hourly", 0, "duration"), 5, "hourly[0].duration: expected str, got int"),
        (("hourly", 0, "hour"), 24, "hourly[0].hour: expected int <= 23, got '24'"),
        (("hourly", 0, "date"), "2026-02-30", "hourly[0].date: expected a date YYYY-MM-DD, got '2"),
        (("daily", 0, "date"), "2026-03-01T00:00:00Z", "daily[0].date: expected a date"),
        (("daily", 0, "billedMinutes"), -0.1, "daily[0].billedMinutes: expected float >= 0"),
        (("daily", 0, "billedMinutes"), 1e300, "daily[0].billedMinutes: expected float <= 92"),
        (("daily", 0, "billedMinutes"), "1", "daily[0].billedMinutes: expected float, got str"),
        (("allTime", "duration"), "x", "allTime.duration: expected a duration"),
        (("allTime",), ..., "allTime: missing"),
        (("allTime",), [], "allTime: expected object, got array"),
        (("daily",), {}, "daily: expected array, got object"),
        (("hourly",), ..., "hourly: missing"),
        (("hourly", 1, "hour"), 9, "hourly[1]: a second row for 2026-03-01 09:00 UTC"),
    ],
)
def test_a_bad_field_is_named_by_its_path(path, value, message):
    """A field that is missing, of another type or out of bounds is an error naming its path."""
    with pytest.raises(ua.ResponseError) as caught:
        READ(broken(path, value))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "reply: expected one whole JSON document"),
        (b"<html><p>hello</p>", "reply: expected one whole JSON document, got HTML"),
        (as_json(GOOD)[:-1], "reply: expected one whole JSON document"),
        (as_json(GOOD) * 2, "reply: expected one whole JSON document"),
        (as_json(GOOD | {"x": float("nan")}), "reply: expected one whole JSON document"),
        (as_json(GOOD).replace(b"1.6", b"1e999"), "hourly[0].billedMinutes: expected a number"),
        (b"\xff" + as_json(GOOD), "reply: expected UTF-8"),
        (as_json(GOOD | {"x": "AA"}).replace(b"AA", b"\xff\xfe"), "reply: expected UTF-8"),
        (b"[" * 100_000, "reply: expected"),
        (b'{"x":' + b"[" * 100_000, "reply: expected three levels"),
        (b"null", "reply: expected object, got null"),
    ],
)
def test_what_is_no_reply_is_refused(body, message):
    """Bytes that are not one whole JSON reply in UTF-8 are an error, never a partial frame."""
    with pytest.raises(ua.ResponseError) as caught:
        READ(body)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            broken(("hourly", 1, "totalCount"), "@").replace(b'"@"', b"9" * 5000),
            "hourly[1].totalCount: expected a number that 64 bits hold, got '9999",
        ),
        (
            b'{"x":' + b"9" * 5000 + b"," + broken(("hourly", 1, "totalCount"), -1)[1:],
            "hourly[1].totalCount: expected int >= 0, got '-1'",
        ),
        (
            broken(("allTime", "totalCount"), -1)[:-1] + b',"allTime":5}',
            "allTime.totalCount: expected int >= 0, got another value",
        ),
        (
            broken(("hourly", 1, "totalCount"), -1)[:-1] + b',"hourly":[]}',
            "hourly[1].totalCount: expected int >= 0, got another value",
        ),
        (
            broken(("hourly", 1, "totalCount"), -1)[:-2] + b" " * 2**20 + b"]}",
            "hourly[1].totalCount: expected int >= 0, got another value",
        ),
        (
            broken(("hourly", 1, "totalCount"), -1)[:-1] + b',"x":' + b"[" * 10**5,
            "hourly[1].totalCount: expected int >= 0, got another value",
        ),
    ],
    ids=["many digits", "digits elsewhere", "two totals", "two lists", "much", "deep"],
)
def test_a_value_that_cannot_be_quoted(body, message):
    """An error tells the path whatever else the body holds, and quotes no more than is at hand."""
    with pytest.raises(ua.ResponseError) as caught:
        READ(body)
    assert str(caught.value).startswith(message)


def test_unknown_keys_are_accepted():
    """The schema may grow: keys nobody knows change nothing."""
    document = copy.deepcopy(GOOD) | {"weekly": []}
    document["hourly"][0]["tokens"] = {"in": 3}
    assert READ(as_json(document)).hourly.equals(READ(as_json(GOOD)).hourly)


def test_text_and_bytes_are_the_same():
    """A reply as text reads as its bytes do."""
    assert READ(json.dumps(GOOD)).hourly.equals(READ(as_json(GOOD)).hourly)


def test_a_saved_reply_may_lack_what_came_later():
    """A column, or the hours, that a saved reply lacks are absent, and asking says so by name."""
    document = copy.deepcopy(GOOD)
    for part in (document["allTime"], *document["daily"], *document["hourly"]):
        del part["errorCount"], part["billedMinutes"]
    usage = READ(as_json(document), saved=True)
    assert list(usage.hourly) == ["total_count", "joined_count", "duration", "provisional"]
    with pytest.raises(ua.QueryError, match="error_count"):
        ua.error_rate(usage.hourly)
    del document["hourly"]
    usage = READ(as_json(document), saved=True)
    assert usage.daily["total_count"].tolist() == [5]
    with pytest.raises(ua.QueryError, match="hourly"):
        usage.hourly  # noqa: B018
    with pytest.raises(ua.ResponseError, match="missing"):
        READ(as_json(document))


def test_a_saved_reply_lacks_a_field_everywhere_or_nowhere():
    """A field that some rows have and others lack is an error even in a saved reply."""
    with pytest.raises(ua.ResponseError, match=r"hourly\[1\].errorCount: missing, though"):
        READ(broken(("hourly", 1, "errorCount")), saved=True)


@given(
    st.dictionaries(
        st.tuples(st.integers(1, 28), st.integers(0, 23)),
        st.tuples(
            st.integers(0, 10**6), st.integers(0, 10**15), st.integers(0, 10**9), st.integers(0, 9)
        ),
        min_size=1,
        max_size=40,
    )
)
def test_what_is_saved_is_what_is_loaded(tmp_path_factory, rows):
    """A usage saved and loaded is the same usage, to the microsecond and in every column."""
    hours = [
        row(
            f"2026-02-{day:02}",
            hour,
            calls=calls,
            joined=calls // 2,
            errors=calls // 3,
            seconds=f"{us // 10**6}.{us % 10**6:06}",
            minutes=tenths / 10,
        )
        for (day, hour), (calls, us, tenths, _) in rows.items()
    ]
    dates = sorted({hour["date"] for hour in hours})
    usage = READ(as_json(reply(hours, days=[row(date) for date in dates])))
    path = usage.save(tmp_path_factory.mktemp("saved") / "usage.json")
    again = ua.CallUsage.load(path)
    for frame in ("daily", "hourly"):
        before, after = getattr(usage, frame), getattr(again, frame)
        assert after.equals(before)
        assert (after.dtypes == before.dtypes).all()
        assert after.index.equals(before.index)
    assert (again.query, again.as_of, again.source) == (usage.query, usage.as_of, usage.source)
    assert again.all_time.equals(usage.all_time)
    assert usage.hourly["duration"].dtype == np.dtype("m8[us]")


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('"hourly":', '"daily":[],"hourly":', "daily"),
        ('"hourly":', '"x":1,"x":{"y":[]},"hourly":', "x"),
        ('"hour":9', '"hour":9,"hour":9', "hour"),
        ('"hour":9', '"hour":9,"total\\u0043ount":3', "totalCount"),
        ('"allTime":{', '"allTime":{"duration":"1s",', "duration"),
        ('"hour":9', '"hour":9,"x":{"deep":1,"deep":2}', "deep"),
    ],
)
def test_a_key_that_comes_twice_is_refused(old, new, key):
    """Of two values of one key none is taken, wherever the key stands and however it is written."""
    body = json.dumps(GOOD, separators=(",", ":"))
    twice = body.replace(old, new, 1)
    assert twice != body
    for one in (twice, twice.encode()):
        with pytest.raises(ua.ResponseError, match=rf"^{key}: expected this key once in each"):
            READ(one)


def test_unknown_keys_and_quotes_in_them_are_read():
    """A reply with keys that the schema does not have yet is read like one without them."""
    body = json.dumps(GOOD, separators=(",", ":"))
    more = body.replace('"hour":9', '"hour":9,"note":"say \\"daily\\":","extra":{"hour":1}')
    pd.testing.assert_frame_equal(READ(more).hourly, READ(body).hourly)
