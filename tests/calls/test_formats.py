"""Lists and logs of real platforms, in at most three lines, against a plain sum over their rows.

Each row has the fields that the platform documents; names, numbers and times are made up.
"""

import itertools
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

import usage_analysis as ua

pytestmark = [
    pytest.mark.filterwarnings("ignore:columns that are not understood:UserWarning"),
    pytest.mark.filterwarnings("ignore:Without a column joined:UserWarning"),
]

RANDOM = np.random.default_rng(7)
START = datetime(2026, 9, 7, tzinfo=UTC)


def draw(count: int = 400) -> list[dict[str, Any]]:
    """Return calls of two weeks: start, seconds of talk, whether in error, and an agent."""
    minutes = np.sort(RANDOM.integers(0, 14 * 1440, count)).tolist()
    talks = np.where(RANDOM.random(count) < 0.2, 0, RANDOM.integers(1, 900, count)).tolist()
    errors = (RANDOM.random(count) < 0.1).tolist()
    return [
        {"start": START + timedelta(minutes=m), "talk": t, "error": e, "agent": f"Agent {m % 3}"}
        for m, t, e in zip(minutes, talks, errors, strict=True)
    ]


def iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


CALLS = draw()


def plain(calls: list[dict[str, Any]]) -> dict[str, Any]:
    """Return totals, error rate and busiest hour of the day by a loop over the calls."""
    hours: dict[datetime, int] = {}
    for call in calls:
        hour = call["start"].replace(minute=0, second=0, microsecond=0)
        hours[hour] = hours.get(hour, 0) + 1
    by_hour = [sum(n for hour, n in hours.items() if hour.hour == h) for h in range(24)]
    return {
        "calls": len(calls),
        "errors": sum(call["error"] for call in calls),
        "joined": sum(call["talk"] > 0 for call in calls),
        "talk": sum(call["talk"] for call in calls),
        "rate": sum(call["error"] for call in calls) / len(calls),
        "busiest": int(np.argmax(by_hour)),
        "hours": hours,
    }


def found(usage: ua.CallUsage) -> dict[str, Any]:
    """Return the same of usage."""
    hourly = usage.hourly
    totals = hourly["total_count"]
    by_hour = totals.groupby(hourly.index.hour).sum()
    return {
        "calls": int(totals.sum()),
        "errors": int(hourly["error_count"].sum()),
        "joined": int(hourly["joined_count"].sum()),
        "talk": hourly["duration"].sum() / timedelta(seconds=1),
        "rate": float(ua.error_rate(hourly, by="total")["rate"].iloc[0]),
        "busiest": int(by_hour.idxmax()),
        "hours": {time.to_pydatetime(): int(n) for time, n in totals[totals > 0].items()},
    }


def check(usage: ua.CallUsage, calls: list[dict[str, Any]] = CALLS) -> None:
    assert found(usage) == plain(calls)


STATUSES = itertools.cycle(
    [
        *("BILLED", "FREE_CONSOLE", "FREE_ZERO_EFFECTIVE_DURATION", "FREE_MINUTES"),
        *("FREE_SYSTEM_ERROR", "FREE_OTHER", "REFUNDED", "UNSPECIFIED"),
    ]
)


def ultravox(calls: list[dict[str, Any]] = CALLS) -> list[dict[str, Any]]:
    """Rows of https://docs.ultravox.ai/api-reference/schema/call-definition."""
    rows = []
    for number, call in enumerate(calls):
        joined = call["start"] + timedelta(seconds=1.5) if call["talk"] else None
        ended = (joined or call["start"]) + timedelta(seconds=call["talk"])
        agent = f"aaaaaaaa-0000-4000-8000-00000000000{call['agent'][-1]}"
        reasons = ("system_error", "connection_error") if call["error"] else ("hangup", "unjoined")
        rows.append(
            {
                "callId": f"cccccccc-0000-4000-8000-{number:012}",
                "clientVersion": None,
                "created": iso(call["start"]),
                "joined": joined and iso(joined),
                "ended": iso(ended),
                "endReason": reasons[not call["talk"]],
                "billedDuration": f"{-(-call['talk'] // 6) * 6}s",
                "billingStatus": f"BILLING_STATUS_{next(STATUSES)}",
                "voice": "bbbbbbbb-0000-4000-8000-000000000001",
                "agent": {"agentId": agent, "name": call["agent"]},
                "agentId": agent,
                "summary": "Asked for a refund." if number % 4 == 0 else None,
                "metadata": {"tenant": "north"} if number % 2 else {},
                "sipDetails": {"billedDuration": "66s", "terminationReason": "SIP_TERMINATION"},
            }
        )
    return rows


ROWS = ultravox()


def pages(rows: list[dict[str, Any]], size: int = 90, overlap: int = 7) -> list[dict[str, Any]]:
    """Pages of ``GET /api/calls``, newest first; a page repeats the last rows of the one before."""
    newest = rows[::-1]
    return [
        {"next": "https://api.ultravox.ai/api/calls?cursor=x", "previous": None,
         "results": newest[max(0, first - overlap) : first + size], "total": len(rows)}
        for first in range(0, len(rows), size)
    ]  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        pages(ROWS),
        pages(ROWS, 1000)[0],
        ROWS,
        pd.DataFrame(ROWS),
        pd.json_normalize(ROWS).rename(columns=str),
    ],
    ids=["pages", "page", "rows", "frame", "normalised"],
)
def test_the_vendors_list(data):
    """Pages that overlap, one page, rows and tables of the vendor's list give each call once, with
    errors from the end reasons, bills of billed calls only, and agents by name under their IDs."""
    client = ua.read_calls(data)
    usage = client.call_usage()
    check(usage)
    billed = [r for r in ROWS if r["billingStatus"] == "BILLING_STATUS_BILLED"]
    seconds = sum(int(row["billedDuration"].removesuffix("s")) for row in billed)
    assert usage.hourly["billed_minutes"].sum() == pytest.approx(seconds / 60)
    assert sorted(client.names.agents) == ["Agent 0", "Agent 1", "Agent 2"]
    daily = client.by_agent(client.names.agents).daily
    for name, agent in client.names.agents.items():
        own = [row for row in ROWS if row["agentId"] == agent]
        assert {row["agent"]["name"] for row in own} == {name}
        assert daily["total_count"][daily["agent"] == name].sum() == len(own)
    assert client.call_usage(metadata={"tenant": "north"}).daily["total_count"].sum() == 200
    assert client.call_usage(search="refund").daily["total_count"].sum() == 100


def test_errors_are_what_is_said():
    """`errors` says which end reasons are errors, with wildcards."""
    reasons = [row["endReason"] for row in ROWS]
    for errors, count in (
        (("unjoined",), reasons.count("unjoined")),
        (("*error", "unjoined"), sum(r.endswith("error") or r == "unjoined" for r in reasons)),
        ((), 0),
    ):
        usage = ua.read_calls(ROWS, errors=errors).call_usage()
        assert usage.hourly["error_count"].sum() == count
    with pytest.raises(ua.QueryError, match=r"^errors: expected a list of values, got 'unjoined'"):
        ua.read_calls(ROWS, errors="unjoined")


def test_a_misspelt_error_is_refused():
    """A value of `errors` that no call has is named, with the values there are and the nearest
    one; the vendor's own end reasons may be absent."""
    log = pd.DataFrame(
        {"created": [iso(START)] * 5, "duration": [0, 9, 9, 9, 9],
         "error": ["FAILED", "ANSWERED", "ANSWERED", "ANSWERED", None]}
    )  # fmt: skip
    with pytest.raises(ua.QueryError) as caught:
        ua.read_calls(log, errors=["failed", "FAIL*", "lost*"])
    assert str(caught.value) == (
        "errors: expected values of the column error, got 'failed', 'lost*', which no call has; "
        "did you mean 'FAILED'? The column has 'ANSWERED' (3 calls), 'FAILED' (1 call); leave out "
        "what does not occur"
    )
    assert ua.read_calls(log, errors=["FAIL*"]).call_usage().daily["error_count"].sum() == 1
    well = [row for row in ROWS if row["endReason"] == "hangup"]
    for errors in (["system_error"], ["timeout", "*_error"], ["hangup"]):
        usage = ua.read_calls(well, errors=errors).call_usage()
        assert usage.daily["error_count"].sum() == len(well) * ("hangup" in errors)
    with pytest.raises(ua.QueryError, match="'sytem_error', which no call has; did you mean 'sys"):
        ua.read_calls(ROWS, errors=["sytem_error"])


def test_a_billing_status_in_other_words_is_refused():
    """A status that is not the vendor's would make all calls free, so it is refused."""
    paid = [row | {"billingStatus": "paid"} for row in ROWS]
    with pytest.raises(ua.QueryError, match=r"^billing_status: expected .* got 'paid'"):
        ua.read_calls(paid)


def test_running_calls_are_provisional():
    """A call that still runs, or has no bill yet, makes its hour provisional; the list then ends
    with its last instant. Later, with the end of the call, the figures are final."""
    first, last = ROWS[0], ROWS[-1]
    running = {"ended": None, "endReason": None, "billedDuration": None}
    status = {"billingStatus": "BILLING_STATUS_PENDING"}
    hour = pd.Timestamp(first["created"]).floor("h")
    for change in (running | status, status):
        usage = ua.read_calls([*ROWS[1:], first | change]).call_usage()
        hourly = usage.hourly
        assert hourly["provisional"][hour]
        assert hourly["total_count"].sum() == len(ROWS)
        assert usage.as_of >= pd.Timestamp(last["ended"]).floor("s")
        late = hourly["provisional"] & (hourly.index < usage.as_of - pd.Timedelta(hours=3))
        assert late.sum() == 1
    assert not ua.read_calls(ROWS).call_usage().hourly["provisional"].any()


def test_a_call_with_an_end_reason_has_ended():
    """The vendor's calls that nobody joined may lack an end: with an end reason they are over, so
    that the list is complete and its join rate counts them."""
    rows = [row | ({} if row["joined"] else {"ended": None}) for row in ROWS]
    usage = ua.read_calls(rows).call_usage()
    assert not usage.hourly["provisional"].any()
    rate = ua.join_rate(usage.hourly, by="total")
    assert rate["calls"].iloc[0] == len(ROWS)
    assert rate["rate"].iloc[0] == plain(CALLS)["joined"] / len(ROWS)


def test_a_later_page_of_the_same_call_counts():
    """Of a call that runs on one page and has ended on the next, the end counts."""
    running = ROWS[5] | {"ended": None, "endReason": None, "billedDuration": None}
    for rows in ([running, *ROWS], [*ROWS, running]):
        assert found(ua.read_calls(rows).call_usage())["talk"] == plain(CALLS)["talk"]


def test_twilio():
    """Rows of Twilio's Call resource (docs: voice/api/call-resource): dates as in e-mail, seconds
    as text, `completed`, `busy`, `no-answer`, `failed` and `canceled`."""
    page = {
        "calls": [
            {
                "sid": f"CA{number:032x}",
                "date_created": format_datetime(call["start"]),
                "start_time": format_datetime(call["start"]) if call["talk"] else None,
                "end_time": format_datetime(call["start"] + timedelta(seconds=call["talk"])),
                "duration": str(call["talk"]),
                "status": "failed" if call["error"] else "completed" if call["talk"] else "busy",
                "direction": "inbound",
                "price": "-0.0085",
                "price_unit": "USD",
            }
            for number, call in enumerate(CALLS)
        ],
        "next_page_uri": None,
    }
    ours = {"created": "date_created", "error": "status"}
    check(ua.read_calls(page, columns=ours, id="sid", errors=["failed"]).call_usage())


def test_asterisk(tmp_path):
    """Rows of the CDR table of Asterisk and FreePBX: `calldate` on the clock of the switch, talk in
    `billsec`, several legs of a call under one `linkedid`."""
    rows = []
    for number, call in enumerate(CALLS):
        local = pd.Timestamp(call["start"]).tz_convert("Asia/Kolkata")
        leg = {
            "calldate": f"{local:%Y-%m-%d %H:%M:%S}",
            "src": "1000",
            "dst": "2000",
            "duration": call["talk"] + 9,
            "billsec": call["talk"],
            "disposition": "FAILED" if call["error"] else "ANSWERED",
            "uniqueid": f"17.{number}0",
            "linkedid": f"17.{number}0",
        }
        ringing = leg | {"billsec": 0, "disposition": "NO ANSWER", "uniqueid": f"17.{number}1"}
        rows += [leg, ringing] if call["talk"] and number % 3 == 0 else [leg]
    path = tmp_path / "cdr.csv"
    pd.DataFrame(rows).to_csv(path, index=False, sep=";", encoding="utf-16")
    ours = {"created": "calldate", "duration": "billsec", "error": "disposition"}
    log = ua.read_calls(
        path, columns=ours, id="linkedid", timezone="Asia/Kolkata", errors=["FAILED"]
    )
    check(log.call_usage())


def test_amazon_connect():
    """Contact records of Amazon Connect (docs: adminguide/ctr-data-model): instants with a Z, names
    inside dicts, an end for each contact."""
    rows = [
        {
            "ContactId": f"{number:036}",
            "InitiationTimestamp": iso(call["start"]),
            "DisconnectTimestamp": iso(call["start"] + timedelta(seconds=call["talk"])),
            "DisconnectReason": "TELECOM_PROBLEM" if call["error"] else "CUSTOMER_DISCONNECT",
            "Agent": {"Username": call["agent"], "AgentInteractionDuration": call["talk"]},
            "Queue": {"Name": "Sales"},
            "Channel": "VOICE",
        }
        for number, call in enumerate(CALLS)
    ]
    ours = {"created": "InitiationTimestamp", "ended": "DisconnectTimestamp"}
    ours |= {"error": "DisconnectReason", "agent": "Agent.Username", "metadata.q": "Queue.Name"}
    client = ua.read_calls(rows, columns=ours, id="ContactId", errors=["TELECOM_PROBLEM"])
    check(client.call_usage())
    assert sorted(client.names.agents) == ["Agent 0", "Agent 1", "Agent 2"]
    assert client.call_usage(metadata={"q": "Sales"}).daily["total_count"].sum() == len(CALLS)


def test_ringcentral():
    """Records of RingCentral's call log (definitions: CallLogRecord): whole seconds and results."""
    page = {
        "records": [
            {
                "id": f"A{number}",
                "sessionId": str(number),
                "startTime": iso(call["start"]),
                "duration": call["talk"],
                "type": "Voice",
                "direction": "Inbound",
                "result": "Call Failed" if call["error"] else "Accepted",
                "legs": [{"legType": "Accept"}],
            }
            for number, call in enumerate(CALLS)
        ],
        "paging": {"page": 1},
    }
    ours = {"created": "startTime", "error": "result"}
    check(ua.read_calls(page, columns=ours, id="sessionId", errors=["*Failed"]).call_usage())


def test_elevenlabs():
    """Conversations of ElevenLabs (docs: api-reference/conversations/list): epochs in seconds."""
    page = {
        "conversations": [
            {
                "agent_id": f"agent_{call['agent'][-1]}",
                "agent_name": call["agent"],
                "conversation_id": f"conv_{number}",
                "start_time_unix_secs": int(call["start"].timestamp()),
                "call_duration_secs": call["talk"],
                "status": "failed" if call["error"] else "done",
            }
            for number, call in enumerate(CALLS)
        ],
        "has_more": False,
    }
    ours = {"created": "start_time_unix_secs", "duration": "call_duration_secs"}
    ours |= {"error": "status", "agent": "agent_name"}
    check(ua.read_calls(page, columns=ours, errors=["failed"]).call_usage())


@pytest.mark.parametrize("length", [{"duration": "duration_ms"}, {"ended": "end_timestamp"}])
def test_retell(length):
    """Calls of Retell (docs: api-references/list-calls): epochs and lengths in milliseconds."""
    rows = [
        {
            "call_id": f"call_{number}",
            "agent_id": f"agent_{call['agent'][-1]}",
            "agent_name": call["agent"],
            "call_status": "ended",
            "start_timestamp": int(call["start"].timestamp() * 1000),
            "end_timestamp": int(call["start"].timestamp() * 1000) + call["talk"] * 1000,
            "duration_ms": call["talk"] * 1000,
            "disconnection_reason": "error_asr" if call["error"] else "user_hangup",
        }
        for number, call in enumerate(CALLS)
    ]
    ours = {"created": "start_timestamp", "error": "disconnection_reason", "agent": "agent_name"}
    client = ua.read_calls(rows, columns=ours | length, id="call_id", errors=["error_*"])
    check(client.call_usage())


def test_vapi(tmp_path):
    """Calls of Vapi (docs: api-reference/calls/list): from `startedAt` to `endedAt`."""
    rows = [
        {
            "id": f"{number:032x}",
            "assistantId": f"dddddddd-0000-4000-8000-00000000000{call['agent'][-1]}",
            "createdAt": iso(call["start"]),
            "startedAt": iso(call["start"]),
            "endedAt": iso(call["start"] + timedelta(seconds=call["talk"])),
            "endedReason": "pipeline-error-x-llm-failed"
            if call["error"]
            else "customer-ended-call",
            "status": "ended",
            "costs": [{"type": "transport"}],
        }
        for number, call in enumerate(CALLS)
    ]
    path = tmp_path / "calls.json"
    path.write_text(json.dumps(rows))
    ours = {"created": "createdAt", "joined": None, "ended": "endedAt", "error": "endedReason"}
    client = ua.read_calls(path, columns=ours | {"agent_id": "assistantId"}, errors=["*error*"])
    check(client.call_usage())
    assert all(uuid.startswith("dddddddd") for uuid in client.names.agents.values())


def test_genesys_intervals():
    """Conversation aggregates of Genesys Cloud (docs: analytics/conversation_aggregate): intervals
    ``start/end`` with metrics; an interval without calls has no row."""
    reply = {"results": [{"group": {"mediaType": "voice"}, "data": []}]}
    hours = plain(CALLS)["hours"]
    for hour in hours:
        own = [c for c in CALLS if hour <= c["start"] < hour + timedelta(hours=1)]
        metrics = {
            "nOffered": {"count": len(own)},
            "nError": {"count": sum(c["error"] for c in own)},
            "tTalkComplete": {"count": sum(c["talk"] > 0 for c in own),
                              "sum": 1000.0 * sum(c["talk"] for c in own)},
        }  # fmt: skip
        data = {
            "interval": f"{iso(hour)}/{iso(hour + timedelta(hours=1))}",
            "metrics": [{"metric": name, "stats": stats} for name, stats in metrics.items()],
        }
        reply["results"][0]["data"].append(data)
    rows = [{"time": d["interval"]} | {m["metric"]: m["stats"] for m in d["metrics"]}
            for d in reply["results"][0]["data"]]  # fmt: skip
    table = pd.json_normalize(rows).assign(talk_ms=lambda t: t["tTalkComplete.sum"])
    ours = {"total_count": "nOffered.count", "error_count": "nError.count", "duration": "talk_ms",
            "joined_count": "tTalkComplete.count"}  # fmt: skip
    check(ua.CallUsage.from_hourly(table, columns=ours))
