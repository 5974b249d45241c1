"""The endpoint counts the same as a plain loop over calls, for any calls and filters."""

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import httpx
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usage_analysis.calls.log import ERRORS, read_log
from usage_analysis.sample import AGENTS, CHANNELS, KEY, TENANTS, VOICES
from usage_analysis.sample.account import account_clock
from usage_analysis.sample.endpoint import PATH, Endpoint

MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def passes(call, asked):
    """Return True for a call that passes the filters."""
    talk = Decimal(call["duration"] // MICROSECOND) / 10**6
    summary = call["summary"]
    metadata = asked.get("metadata", {})
    return (
        in_span(call["created"], asked)
        and ("agentIds" not in asked or call["agent"] in asked["agentIds"])
        and ("voiceId" not in asked or call["voice"] == asked["voiceId"])
        and all(call["metadata"].get(key) == value for key, value in metadata.items())
        and ("search" not in asked or asked["search"].lower() in (summary or "").lower())
        and not ("search" in asked and summary is None)
        and asked.get("durationMin", 0) <= talk <= asked.get("durationMax", 10**18)
    )


def in_span(created, asked):
    """Return True for a call between the dates and times of day, both ends inclusive."""
    first, last = asked.get("fromDate", date.min), asked.get("toDate", date.max)
    early, late = asked.get("timeOfDayStart", time.min), asked.get("timeOfDayEnd", time.max)
    return (
        (created if isinstance(first, datetime) else created.date()) >= first
        and (created if isinstance(last, datetime) else created.date()) <= last
        and early <= created.time() <= late
    )


def twin(calls, asked, *, filtered):
    """Return sums by date, by date and hour, and of all time, with or without the filters: calls,
    errors, joined, talk, tenths of a minute."""
    days, hours, whole = {}, {}, {None: [0, 0, 0, timedelta(0), 0]}
    for call in calls:
        passed = passes(call, asked)
        free = call["error"] or not call["joined"]
        steps = 0 if free else -(-call["duration"] // timedelta(seconds=6))
        day = call["created"].date().isoformat()
        counted = [(whole, None)] if passed or not filtered else []
        if passed:
            counted += [(days, (day, None)), (hours, (day, call["created"].hour))]
        for sums, place in counted:
            row = sums.setdefault(place, [0, 0, 0, timedelta(0), 0])
            row[0] += 1
            row[1] += call["error"]
            row[2] += call["joined"]
            row[3] += call["duration"]
            row[4] += steps
    return days, hours, whole[None]


def answered(client, asked):
    """Return these sums from the endpoint's reply."""
    document = json.loads(client.get(PATH, params=wire(asked)).raise_for_status().content)
    found = []
    for rows in (document["daily"], document["hourly"]):
        sums = {}
        for row in rows:
            sums[row["date"], row.get("hour")] = measures(row)
        assert len(sums) == len(rows)
        found.append(sums)
    return *found, measures(document["allTime"])


def measures(row):
    """Return one row of a reply in the form of the loop."""
    talk = Decimal(row["duration"].removesuffix("s")) * 10**6
    return [
        row["totalCount"],
        row["errorCount"],
        row["joinedCount"],
        int(talk) * MICROSECOND,
        round(row["billedMinutes"] * 10),
    ]


def wire(asked):
    """Return the filters as the vendor's parameters."""
    pairs = []
    for name, value in asked.items():
        if name == "agentIds":
            pairs += [(name, agent) for agent in value]
        elif name == "metadata":
            pairs += [(f"metadata.{key}", text) for key, text in value.items()]
        elif name.startswith("duration"):
            pairs.append((name, f"{value:f}s"))
        else:
            pairs.append((name, value if isinstance(value, str) else value.isoformat()))
    return pairs


def client_of(calls, clock, *, filtered):
    """Return a plain client of an endpoint over calls."""
    endpoint = Endpoint(lambda: calls, now=clock, all_time_filtered=filtered)
    return httpx.Client(
        transport=endpoint, base_url="https://api.ultravox.ai", headers={"X-API-Key": KEY}
    )


def asking(dates, moments, times, talks, *, agents, voices, metadata, searches):
    """Return a strategy for filters in any combination."""
    zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
    end = dates | st.builds(datetime.astimezone, moments, zones)
    return st.fixed_dictionaries(
        {},
        optional={
            "fromDate": end,
            "toDate": end,
            "timeOfDayStart": times,
            "timeOfDayEnd": times,
            "agentIds": st.lists(agents, min_size=1, max_size=3),
            "voiceId": voices,
            "metadata": metadata,
            "search": searches,
            "durationMin": talks,
            "durationMax": talks,
        },
    )


# Few values and many edges, so that calls and filters meet.
MOMENTS = st.builds(
    lambda base, shift: base + shift * MICROSECOND,
    st.sampled_from(
        [
            datetime(2026, 3, day, hour, minute, tzinfo=UTC)
            for day in (7, 8, 9)
            for hour, minute in ((0, 0), (5, 30), (12, 0), (13, 0), (23, 59))
        ]
    ),
    st.sampled_from([-1_000_000, -1, 0, 0, 1, 999_999, 59_999_999]),
)
TALKS = st.sampled_from(["0", "0.000001", "5.999999", "6", "6.000001", "59.5", "60", "61", "86401"])
TALK = TALKS.map(lambda text: int(Decimal(text) * 10**6) * MICROSECOND)
AGENT = st.sampled_from(list(AGENTS.values())[:3])
VOICE = st.sampled_from(list(VOICES.values()))
METADATA = st.dictionaries(
    st.sampled_from(["tenant", "tier", "größe"]), st.sampled_from(["a", "A", "b & c=1"]), max_size=2
)
# So many that a text which many of them hold is looked up, not compared one by one.
SUMMARIES = ["Asked for a Refund.", "refund", "100 % sure + more"] + [
    f"{'Zone' if number % 2 else 'Room'} {number}, line {number % 3}" for number in range(30)
]
CALL = st.fixed_dictionaries(
    {
        "created": MOMENTS,
        "duration": TALK,
        "joined": st.booleans(),
        "error": st.booleans(),
        "agent": AGENT | st.none(),
        "voice": VOICE | st.none(),
        "metadata": METADATA,
        "summary": st.sampled_from(SUMMARIES) | st.none(),
    }
).map(lambda call: call | {"duration": call["duration"] * call["joined"]})
ANY = asking(
    st.dates(date(2026, 3, 6), date(2026, 3, 10)),
    MOMENTS,
    MOMENTS.map(lambda moment: moment.time()),
    TALKS.map(Decimal),
    agents=AGENT,
    voices=VOICE,
    metadata=METADATA,
    searches=st.sampled_from(["refund", "FUND", "+", "% S", "z", "line 1", "O", "\n"]),
)


LOGS = st.lists(CALL, min_size=1, max_size=25)
QUESTIONS = st.lists(ANY, min_size=1, max_size=6)


def check_log(calls, questions, filtered):
    """Compare endpoint and loop on a log, for several filters."""
    frame = pd.DataFrame(calls).astype({"created": "datetime64[us, UTC]"})
    # Without bills of its own, a log bills nothing.
    bills = [
        -(-call["duration"] // timedelta(seconds=6)) / 10 if call["joined"] > call["error"] else 0.0
        for call in calls
    ]
    columns = read_log(frame.assign(billed_minutes=bills), {}, None, ERRORS, None).calls()
    with client_of(columns, 10**16, filtered=filtered) as client:
        for asked in questions:
            assert answered(client, asked) == twin(calls, asked, filtered=filtered), asked


@given(LOGS, QUESTIONS, st.booleans())
def test_a_call_log(calls, questions, filtered):
    """For any log and any filters, also at the ends of ranges, endpoint and loop count the same."""
    check_log(calls, questions, filtered)


@pytest.mark.slow
@settings(deadline=None, max_examples=200)
@given(LOGS, QUESTIONS, st.booleans())
def test_many_call_logs(calls, questions, filtered):
    """Endpoint and loop count the same for many more logs and filters."""
    check_log(calls, questions, filtered)


def test_many_texts_are_looked_up():
    """A filter on a text counts the same with few texts, compared one by one, and with many."""
    calls = [
        {"created": datetime(2026, 3, 7, number % 24, tzinfo=UTC), "duration": timedelta(0),
         "joined": False, "error": False, "agent": None, "voice": None, "metadata": {},
         "summary": summary}
        for number, summary in enumerate([*SUMMARIES, None])
    ]  # fmt: skip
    frame = pd.DataFrame(calls).astype({"created": "datetime64[us, UTC]"})
    columns = read_log(frame, {}, None, ERRORS, None).calls()
    for sought, count in (("zone", 15), ("line 1", 10), ("room 28", 1), ("o", 32), ("e", 33)):
        passed = [call for call in calls if passes(call, {"search": sought})]
        assert len(passed) == count
        with client_of(columns, 10**16, filtered=True) as client:
            asked = {"search": sought}
            assert answered(client, asked) == twin(calls, asked, filtered=True)


def rows(year, first, last):
    """Return the sample account's calls of a period as dicts."""

    def text(labels, place):
        return (*labels.values, None)[labels.codes[place]]  # noqa: PD011

    begin, end = year.created.searchsorted(
        [(day - EPOCH) // MICROSECOND for day in (first, last + DAY)]
    )
    return [
        {
            "created": EPOCH + int(year.created[place]) * MICROSECOND,
            "duration": int(year.duration[place]) * MICROSECOND,
            "joined": bool(year.joined[place]),
            "error": bool(year.error[place]),
            "agent": text(year.agent, place),
            "voice": text(year.voice, place),
            "summary": text(year.summary, place),
            "metadata": {
                key: value
                for key, labels in year.metadata.items()
                if (value := text(labels, place)) is not None
            },
        }
        for place in range(int(begin), int(end))
    ]


@pytest.mark.slow
def test_the_sample_year(year):
    """Endpoint and loop agree on the sample account, with a clock change and a very long call."""
    first, last = datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 3, 15, tzinfo=UTC)
    calls = rows(year, first, last)
    assert len(calls) > 4000
    inside = st.timedeltas(timedelta(0), last - first).map(lambda since: first + since)
    filters = asking(
        st.dates(first.date(), last.date()),
        inside,
        st.times(),
        st.decimals(0, 300, places=3),
        agents=st.sampled_from(list(AGENTS.values())),
        voices=VOICE,
        metadata=st.fixed_dictionaries(
            {},
            optional={"tenant": st.sampled_from(TENANTS[:4]), "channel": st.sampled_from(CHANNELS)},
        ),
        searches=st.sampled_from(["refund", "APPOINTMENT", "caller asked", "zebra"]),
    )

    @given(filters)
    def agree(asked):
        asked = {"fromDate": first.date(), "toDate": last.date()} | asked
        assert answered(client, asked) == twin(calls, asked, filtered=True)

    # All time without the filters would be a loop over the year.
    with client_of(year, account_clock(), filtered=True) as client:
        agree()
