"""Queries: every filter on the wire, and refused values. Covers filters."""

from __future__ import annotations

import copy
import json
import pickle
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl

import httpx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_analysis.errors import QueryError, UsageError
from usage_analysis.query import CHUNK_DAYS, UsageQuery

AGENT = "a0000000-0000-4000-8000-000000000001"
OTHER = "a0000000-0000-4000-8000-000000000002"
TICK = timedelta(microseconds=1)

naive = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001  # Hypothesis wants them so
instants = naive.map(lambda moment: moment.replace(tzinfo=UTC))
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
spans = st.timedeltas(timedelta(0), timedelta(days=40_000))


@st.composite
def queries(draw: st.DrawFn) -> UsageQuery:
    filters: dict[str, Any] = {
        "from_date": draw(st.none() | instants),
        "time_of_day_start": draw(st.none() | st.times()),
        "time_of_day_end": draw(st.none() | st.times()),
        "agent_ids": draw(st.none() | st.lists(st.uuids(), min_size=1, max_size=4)),
        "voice_id": draw(st.none() | st.uuids()),
        "duration_min": draw(st.none() | spans),
        "metadata": draw(st.none() | st.dictionaries(texts, texts | st.just(""), min_size=1)),
        "search": draw(st.none() | texts.filter(str.strip)),
    }
    if draw(st.booleans()):
        filters["to_date"] = (filters["from_date"] or draw(instants)) + draw(
            st.timedeltas(timedelta(0), timedelta(days=400))
        )
    if draw(st.booleans()):
        filters["duration_max"] = (filters["duration_min"] or timedelta(0)) + draw(spans)
    return UsageQuery(**filters)


def read_by_a_server(params: list[tuple[str, str]]) -> dict[str, Any]:
    """The filters that a server finds in the query string that httpx makes of `params`."""
    url = httpx.URL("https://api.ultravox.ai/", params=httpx.QueryParams(tuple(params)))
    names = {
        "fromDate": ("from_date", datetime.fromisoformat),
        "toDate": ("to_date", datetime.fromisoformat),
        "timeOfDayStart": ("time_of_day_start", time.fromisoformat),
        "timeOfDayEnd": ("time_of_day_end", time.fromisoformat),
        "voiceId": ("voice_id", str),
        "durationMin": ("duration_min", str),
        "durationMax": ("duration_max", str),
        "search": ("search", str),
    }
    found: dict[str, Any] = {}
    for word, value in parse_qsl(
        url.query.decode(), keep_blank_values=True, strict_parsing=bool(params)
    ):
        if word == "agentIds":
            found.setdefault("agent_ids", []).append(uuid.UUID(value))
        elif word.startswith("metadata."):
            found.setdefault("metadata", {})[word.removeprefix("metadata.")] = value
        else:
            name, read = names[word]
            found[name] = read(value)
    return found


WHOLE = ("from_date", "to_date")
TIMES = ("time_of_day_start", "time_of_day_end")


@given(queries())
def test_round_trip(query: UsageQuery) -> None:
    """A server that reads the wire parameters of any query has the query.

    Where it takes several requests, they have its window between them, in whole pieces one after
    the other: at its times of day, or, where these go over midnight, in each of the two halves.
    """
    parts = [UsageQuery(**read_by_a_server(params)) for params in query.requests()]
    assert parts == query.parts()
    halves: dict[tuple[Any, ...], list[UsageQuery]] = {}
    for part in parts:
        halves.setdefault(tuple(getattr(part, name) for name in TIMES), []).append(part)
        others = dict.fromkeys((*WHOLE, *TIMES))
        assert replace(part, **others) == replace(query, **others)
    start, end = query.time_of_day_start, query.time_of_day_end
    assert list(halves) == (
        [(start, None), (None, end)] if query.spans_midnight else [(start, end)]
    )
    for pieces in halves.values():
        assert (pieces[0].from_date, pieces[-1].to_date) == (query.from_date, query.to_date)
        for before, after in pairwise(pieces):
            assert after.from_date == before.to_date + TICK
    if len(parts) == 1:
        assert query.params() == query.requests()[0]


@given(queries())
def test_as_dict_round_trip(query: UsageQuery) -> None:
    """A query's plain form reads back as the query."""
    assert UsageQuery.from_filters(query.as_dict()) == query
    assert eval(repr(query), {"UsageQuery": UsageQuery}) == query  # noqa: S307


def test_wire_form() -> None:
    """Each filter goes out under the vendor's name, in the vendor's form."""
    query = UsageQuery(
        from_date="2026-03-01",
        to_date=date(2026, 3, 31),
        time_of_day_start="09:00",
        time_of_day_end=time(17, 30),
        agent_ids=[AGENT, OTHER],
        voice_id=uuid.UUID(OTHER),
        duration_min=30,
        duration_max=timedelta(minutes=10, milliseconds=500),
        metadata={"team name": "a&b=c", "ü": "ß"},
        search="refund 50%",
    )
    url = httpx.URL("https://x", params=httpx.QueryParams(tuple(query.params())))
    assert url.query.decode().replace("+", "%20") == (
        "fromDate=2026-03-01T00%3A00%3A00Z&toDate=2026-03-31T23%3A59%3A59.999999Z"
        "&timeOfDayStart=09%3A00%3A00&timeOfDayEnd=17%3A30%3A00"
        f"&voiceId={OTHER}&durationMin=30s&durationMax=600.5s&search=refund%2050%25"
        f"&agentIds={AGENT}&agentIds={OTHER}"
        "&metadata.team%20name=a%26b%3Dc&metadata.%C3%BC=%C3%9F"
    )


@pytest.mark.parametrize(
    ("given_date", "start", "end"),
    [
        ("2026-03-31", "2026-03-31T00:00:00Z", "2026-03-31T23:59:59.999999Z"),
        (date(2026, 3, 31), "2026-03-31T00:00:00Z", "2026-03-31T23:59:59.999999Z"),
        ("2026-03-31T12:00:00Z", "2026-03-31T12:00:00Z", "2026-03-31T12:00:00Z"),
        ("2026-03-31T12:00:00+05:30", "2026-03-31T06:30:00Z", "2026-03-31T06:30:00Z"),
        (
            datetime(2026, 3, 31, 1, tzinfo=timezone(timedelta(hours=2))),
            "2026-03-30T23:00:00Z",
            "2026-03-30T23:00:00Z",
        ),
        (pd.Timestamp("2026-03-31", tz="UTC"), "2026-03-31T00:00:00Z", "2026-03-31T00:00:00Z"),
    ],
)
def test_dates(given_date: Any, start: str, end: str) -> None:
    """A day means its whole UTC day at both ends, an instant means itself, in UTC with a Z."""
    assert UsageQuery(from_date=given_date).params() == [("fromDate", start)]
    assert UsageQuery(to_date=given_date).params() == [("toDate", end)]


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        (90, "90s"),
        (0, "0s"),
        (1.5, "1.5s"),
        (np.int64(90), "90s"),
        ("90s", "90s"),
        ("12.345678s", "12.345678s"),
        ("90", "90s"),
        (timedelta(days=2, microseconds=1), "172800.000001s"),
        (pd.Timedelta("90s"), "90s"),
    ],
)
def test_durations(value: Any, wire: str) -> None:
    """A duration may be a timedelta, a number of seconds or text; it goes out as seconds."""
    assert UsageQuery(duration_max=value).params() == [("durationMax", wire)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("from_date", datetime(2026, 3, 1)),  # noqa: DTZ001  # without a zone: the case
        ("from_date", "2026-03-01T00:00:00"),
        ("from_date", "2026-3-1"),
        ("from_date", "yesterday"),
        ("from_date", 20260301),
        ("from_date", pd.NaT),
        ("to_date", "2026-02-30"),
        ("to_date", date.max),
        ("from_date", date.min),
        ("from_date", "0001-01-01T00:00:00+14:00"),
        ("time_of_day_start", "24:00"),
        ("time_of_day_start", 9),
        ("time_of_day_end", time(9, tzinfo=UTC)),
        ("agent_ids", []),
        ("agent_ids", "support"),
        ("agent_ids", [AGENT, "support"]),
        ("agent_ids", [AGENT, None]),
        ("agent_ids", 7),
        ("voice_id", ""),
        ("voice_id", 7),
        ("duration_min", -1),
        ("duration_min", float("nan")),
        ("duration_min", float("inf")),
        ("duration_min", True),
        ("duration_min", "5m"),
        ("duration_min", "9" * 400),
        ("duration_min", np.timedelta64(5, "s")),
        ("duration_max", timedelta(seconds=-1)),
        ("metadata", {}),
        ("metadata", [("team", "x")]),
        ("metadata", {"": "x"}),
        ("metadata", {"team": 1}),
        ("metadata", {"team": "\ud800"}),
        ("search", ""),
        ("search", "  "),
        ("search", 5),
        ("search", "half \ud83d"),
    ],
)
def test_refused(name: str, value: Any) -> None:
    """A value that does not fit is refused before anything is sent, and the message names it."""
    with pytest.raises(QueryError, match=rf"^{name}: expected .*got ") as caught:
        UsageQuery(**{name: value})
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, UsageError)


@pytest.mark.parametrize(
    "filters",
    [
        {"from_date": "2026-03-02", "to_date": "2026-03-01"},
        {"from_date": "2026-03-01T00:00:01Z", "to_date": "2026-03-01T00:00:00Z"},
        {"duration_min": 2, "duration_max": 1},
    ],
)
def test_from_after_to(filters: dict[str, Any]) -> None:
    """A lower end above the upper one is refused."""
    with pytest.raises(QueryError, match="expected at most"):
        UsageQuery(**filters)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("agent_id", "agent_ids"),
        ("agentIds", "agent_ids"),
        ("fromDate", "from_date"),
        ("date_from", "from_date"),
        ("start_date", "from_date"),
        ("since", "from_date"),
        ("endTime", "to_date"),
        ("min_duration", "duration_min"),
        ("voice", "voice_id"),
        ("tz", "timezone"),
        ("time_zone", "timezone"),
    ],
)
def test_unknown_filter(name: str, meant: str) -> None:
    """A misspelt filter is refused with the name that was meant, for the server would ignore it."""
    with pytest.raises(QueryError, match=rf"^{name}: expected .* did you mean {meant}\?$"):
        UsageQuery.from_filters({name: "x"})


def test_bounded() -> None:
    """Asked for nothing, the window is the last 30 whole UTC days and today."""
    now = datetime(2026, 3, 31, 22, tzinfo=timezone(timedelta(hours=-5)))
    assert UsageQuery().with_bounds(now).params() == [
        ("fromDate", "2026-03-02T00:00:00Z"),
        ("toDate", "2026-04-01T23:59:59.999999Z"),
    ]


def test_bounded_refuses_the_future() -> None:
    """A window that would begin after today is refused, not turned round."""
    with pytest.raises(QueryError, match=r"^from_date: expected at most to_date"):
        UsageQuery(from_date="2026-05-01").with_bounds(datetime(2026, 3, 31, tzinfo=UTC))


def test_overnight() -> None:
    """A time of day over midnight takes two requests: one to the day's end, one from its start."""
    query = UsageQuery(
        from_date="2026-03-01",
        to_date="2026-03-02",
        time_of_day_start="22:00",
        time_of_day_end="06:00",
    )
    window = [("fromDate", "2026-03-01T00:00:00Z"), ("toDate", "2026-03-02T23:59:59.999999Z")]
    assert query.requests() == [
        [*window, ("timeOfDayStart", "22:00:00")],
        [*window, ("timeOfDayEnd", "06:00:00")],
    ]
    with pytest.raises(QueryError, match="takes 2 requests"):
        query.params()


@given(
    instants, st.timedeltas(timedelta(0), timedelta(days=1500)), st.integers(1, 400), st.booleans()
)
def test_chunks(start: datetime, length: timedelta, chunk_days: int, overnight: bool) -> None:
    """The pieces of a long window follow each other without gap or overlap, cut at midnight."""
    times = {"time_of_day_start": "22:00", "time_of_day_end": "06:00"} if overnight else {}
    query = UsageQuery(from_date=start, to_date=start + length, **times)
    pieces = [
        {k: datetime.fromisoformat(v) for k, v in params if k in ("fromDate", "toDate")}
        for params in query.requests(chunk_days)
    ]
    if overnight:
        assert pieces[: len(pieces) // 2] == pieces[len(pieces) // 2 :]
        pieces = pieces[: len(pieces) // 2]
    assert (pieces[0]["fromDate"], pieces[-1]["toDate"]) == (start, start + length)
    for before, after in pairwise(pieces):
        assert after["fromDate"] == before["toDate"] + TICK
        assert after["fromDate"].time() == time.min
    assert all(
        piece["toDate"] + TICK - piece["fromDate"] <= timedelta(days=chunk_days) for piece in pieces
    )


def test_chunk_days_default() -> None:
    """A year is asked for in pieces of 92 days, and `params` says so instead of sending one."""
    year = UsageQuery(from_date="2025-01-01", to_date="2025-12-31")
    assert CHUNK_DAYS == 92
    assert len(year.requests()) == 4
    assert len(year.requests(366)) == len(year.requests(10**12)) == 1
    with pytest.raises(QueryError, match=r"takes 4 requests, .*requests\(\)"):
        year.params()
    with pytest.raises(QueryError, match=r"^chunk_days: expected"):
        year.requests(0)


def test_local_days() -> None:
    """Local days are covered by whole UTC hours, with one more on each side."""
    query = UsageQuery.local_days("2026-03-08", "2026-03-08", "America/New_York", search="x")
    assert query.params() == [
        ("fromDate", "2026-03-08T04:00:00Z"),
        ("toDate", "2026-03-09T04:59:59.999999Z"),
        ("search", "x"),
    ]


def test_frozen() -> None:
    """A query does not change once it is checked: what was checked is what is sent."""
    with pytest.raises(AttributeError):
        UsageQuery(search="x").search = ""  # type: ignore[misc]  # the case
    given_metadata = {"team": "x"}
    query = UsageQuery(metadata=given_metadata)
    given_metadata[""] = "y"
    with pytest.raises(TypeError):
        query.metadata[""] = "y"  # type: ignore[index]  # the case
    query.as_dict()["metadata"][""] = "y"
    assert query.params() == [("metadata.team", "x")]


@given(queries())
def test_copies(query: UsageQuery) -> None:
    """A query is copied, pickled and put into sets as the value that it is."""
    twins = [
        copy.copy(query),
        copy.deepcopy(query),
        pickle.loads(pickle.dumps(query)),  # noqa: S301  # made here
        replace(query),
        UsageQuery(**json.loads(json.dumps(query.as_dict()))),
    ]
    assert {query, *twins} == {query}
    if query.metadata is not None:
        assert query.metadata == dict(query.metadata)
        assert query != replace(query, metadata={**query.metadata, "one": "more"})


@given(
    st.dates(date(2015, 1, 1), date(2029, 12, 1)),
    st.integers(0, 40),
    st.sampled_from(
        ["UTC", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]
    ),
)
def test_local_days_are_known_again(first: date, more: int, name: str) -> None:
    """The window tells the local days that it was made for, in their zone."""
    last = first + timedelta(days=more)
    assert UsageQuery.local_days(first, last, name).days_in(name) == (first, last)
    utc_days = UsageQuery(from_date=first, to_date=last)
    assert utc_days.days_in(name) is None
    assert UsageQuery().days_in(name) is None


def test_dates_with_a_timezone_are_local_days() -> None:
    """With a zone the dates are its days, in whole UTC hours with one more on each side."""
    asked = UsageQuery.from_filters(
        {"from_date": "2026-03-08", "to_date": "2026-03-08", "timezone": "America/New_York"}
        | {"search": "x"}
    )
    assert asked == UsageQuery(
        from_date="2026-03-08T04:00Z", to_date="2026-03-09T04:59:59.999999Z", search="x"
    )
    with pytest.raises(QueryError, match="timezone: expected from_date and to_date as well"):
        UsageQuery.from_filters({"from_date": "2026-03-08", "timezone": "UTC"})


def test_local_days_left_out() -> None:
    """With a zone and a clock, days that are left out are today there and the 30 before."""
    now = datetime(2026, 4, 1, 3, tzinfo=UTC)  # still 31 March in New York
    asked = {"timezone": "America/New_York"}
    month = {"from_date": "2026-03-01", "to_date": "2026-03-31"}
    assert UsageQuery.from_filters(asked, now=now) == UsageQuery.from_filters(asked | month)
    last = UsageQuery.from_filters(asked | {"to_date": "2026-03-31"}, now=now)
    assert last == UsageQuery.from_filters(asked | month)
    first = UsageQuery.from_filters(asked | {"from_date": "2026-03-30"}, now=now)
    assert first == UsageQuery.from_filters(asked | month | {"from_date": "2026-03-30"})


def test_unknown_name_that_is_near_to_none() -> None:
    """A name that is like none of the filters is refused with their list."""
    with pytest.raises(QueryError, match=r"^colour: .* search or timezone, got 'colour'$"):
        UsageQuery.from_filters({"colour": "red"})


@pytest.mark.parametrize(
    ("name", "guess"),
    [
        ("America/NewYork", "America/New_York"),
        ("New York", "America/New_York"),
        ("america/new_york", "America/New_York"),
        ("Calcuta", "Asia/Calcutta"),
    ],
)
def test_a_zone_misspelt_is_guessed(name: str, guess: str) -> None:
    """A wrong zone name is answered with the one it is near to."""
    with pytest.raises(QueryError, match=f"did you mean .*{guess}"):
        UsageQuery.local_days("2026-03-08", "2026-03-08", name)
