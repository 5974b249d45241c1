"""The endpoint of the sample account, from outside."""

import json
from datetime import date

import httpx
import pytest

import usage_analysis as ua
from usage_analysis.sample import AGENTS, CAMPAIGN, CHANNELS, KEY, TENANTS, VOICES, sample_client
from usage_analysis.sample.account import account_clock
from usage_analysis.sample.endpoint import PATH, Endpoint, sample_endpoint
from usage_analysis.sample.simulation import simulate
from usage_analysis.tidy.wire import decode

MARCH = {"fromDate": "2026-03-01", "toDate": "2026-03-31"}


def calls(answer):
    """Return the number of calls in the hours of a response."""
    assert answer.status_code == 200, answer.text
    return int(decode(answer.content).hourly.columns["total_count"].sum())


def test_client():
    """The package's own client needs no key and no network, and its frames say where they are from;
    presets follow the account's clock."""
    with sample_client() as client:
        usage = client.call_usage()
    assert usage.source == "sample"
    assert str(usage.as_of) == "2026-04-01 14:37:21+00:00"
    assert usage.daily.index[-1].date().isoformat() == "2026-04-01"
    assert (usage.daily["total_count"] > 0).all()


def test_seed_and_today():
    """The same seed gives the same usage, another seed other calls; `today` sets the clock."""
    usages = []
    for seed in (3, 3, 4):
        with sample_client(seed=seed) as client:
            usages.append(client.call_usage().hourly)
    assert usages[0].equals(usages[1])
    assert not usages[0].equals(usages[2])
    with sample_client(today=date(2024, 3, 1)) as client:
        assert str(client.call_usage().as_of) == "2024-03-01 14:37:21+00:00"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("agentIds", AGENTS.values()),
        ("voiceId", VOICES.values()),
        ("metadata.tenant", TENANTS),
        ("metadata.channel", CHANNELS),
    ],
)
def test_parts_make_the_whole(ask, name, options):
    """The calls of all agents, voices, tenants or channels add up to all calls; each has some."""
    parts = [calls(ask(MARCH.items(), **{name: option})) for option in options]
    assert sum(parts) == calls(ask(MARCH.items()))
    assert all(parts)


def test_agents_repeat(ask):
    """`agentIds` given twice selects both agents; the same ID twice selects one."""
    one, two = list(AGENTS.values())[:2]
    both = calls(ask([("agentIds", one), ("agentIds", two)], **MARCH))
    assert both == calls(ask(agentIds=one, **MARCH)) + calls(ask(agentIds=two, **MARCH))
    assert calls(ask([("agentIds", one)] * 2, **MARCH)) == calls(ask(agentIds=one, **MARCH))


def test_all_metadata_must_fit(ask):
    """Two metadata filters both have to match; an unknown key finds nothing."""
    phone = calls(ask({"metadata.tenant": TENANTS[0], "metadata.channel": "phone"}.items()))
    assert 0 < phone < calls(ask([("metadata.tenant", TENANTS[0])]))
    assert calls(ask([("metadata.nobody", "has this")])) == 0
    assert 0 < calls(ask([("metadata.campaign", CAMPAIGN)])) < 20_000


@pytest.mark.parametrize("text", ["refund", "REFUND", "eFuN"])
def test_search_is_a_substring(ask, text):
    """`search` finds a part of the summary and ignores case."""
    assert calls(ask(search=text)) == calls(ask(search="refund of the last invoice")) + calls(
        ask(search="asked for a refund.")
    )


def test_days_meet(ask):
    """Both ends of a period are inclusive: a bare date is a whole UTC day, and days add up."""
    day = calls(ask(fromDate="2026-03-31", toDate="2026-03-31"))
    exact = ask(fromDate="2026-03-31T00:00:00Z", toDate="2026-03-31T23:59:59.999999Z")
    assert day == calls(exact) > 500
    assert calls(ask(fromDate="2026-03-31", toDate="2026-03-31T00:00:00Z")) == 0
    assert calls(ask(**MARCH)) == day + calls(ask(fromDate="2026-03-01", toDate="2026-03-30"))


def test_both_ends_are_inclusive(ask, year):
    """A call created in the exact microsecond of an end is counted."""
    moment = "2026-03-10T12:00:00+00:00"
    begin = year.created.searchsorted(1_773_144_000_000_000)
    offset = int(year.created[begin]) - 1_773_144_000_000_000
    at = moment.replace("+", f".{offset % 10**6:06}+").replace(
        "12:00:00", f"12:{offset // 60_000_000:02}:{offset // 10**6 % 60:02}"
    )
    assert calls(ask(fromDate=at, toDate=at)) == 1


def test_time_of_day_wraps_nowhere(ask):
    """A start later than the end finds nothing; a night takes two requests."""
    evening = calls(ask(timeOfDayStart="22:00:00", **MARCH))
    morning = calls(ask(timeOfDayEnd="05:59:59.999999", **MARCH))
    day = calls(ask(timeOfDayStart="06:00", timeOfDayEnd="21:59:59.999999", **MARCH))
    assert calls(ask(timeOfDayStart="22:00:00", timeOfDayEnd="05:59:59.999999", **MARCH)) == 0
    assert evening + morning + day == calls(ask(**MARCH))


def test_durations_bound_each_call(ask):
    """`durationMin` and `durationMax` apply to single calls, both inclusive."""
    short = calls(ask(durationMax="59.999999s"))
    assert short + calls(ask(durationMin="60s")) == calls(ask())
    assert calls(ask(durationMin="7200s")) == 1, "the call that got stuck"
    assert calls(ask(durationMin="61s", durationMax="60s")) == 0


def test_all_time_is_the_account_or_the_filtered(ask, plain):
    """`allTime` ignores the filters unless the account is set to apply them."""
    whole = decode(ask().content).all_time
    assert decode(ask(**MARCH).content).all_time == whole
    with_filters = plain(sample_endpoint(all_time_filtered=True)).get(PATH, params=MARCH)
    hours = decode(with_filters.content).hourly.columns
    for name, value in decode(with_filters.content).all_time.items():
        assert value == pytest.approx(hours[name].sum(), rel=1e-12), name


def test_wire_form(ask):
    """Durations are seconds with an s, billed minutes have steps of 0.1, no row is empty, days are
    sums of their hours, and rows come in no order, the same each time."""
    body = ask(agentIds=AGENTS["Reminders"], **MARCH)
    document = body.json()
    assert all(row["totalCount"] for row in document["hourly"])
    for row in [document["allTime"], *document["daily"], *document["hourly"]]:
        assert row["duration"].endswith("s")
        assert len(row["duration"].partition(".")[2]) == 7
        assert round(row["billedMinutes"], 1) == row["billedMinutes"]
    for day in document["daily"]:
        hours = [row for row in document["hourly"] if row["date"] == day["date"]]
        assert day["totalCount"] == sum(row["totalCount"] for row in hours)
        assert day["errorCount"] == sum(row["errorCount"] for row in hours)
        assert day["billedMinutes"] == pytest.approx(sum(row["billedMinutes"] for row in hours))
    for rows, key in ((document["daily"], ["date"]), (document["hourly"], ["date", "hour"])):
        places = [[row[name] for name in key] for row in rows]
        assert places != sorted(places)
        assert places != sorted(places, reverse=True)
    assert ask(agentIds=AGENTS["Reminders"], **MARCH).content == body.content


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({"fromDate": "yesterday"}, ["fromDate"]),
        ({"fromDate": "2026-02-30"}, ["fromDate"]),
        ({"fromDate": "2026-03-01T00:00:00"}, ["fromDate"]),
        ({"toDate": "2026-03-01T24:00:00Z"}, ["toDate"]),
        ({"toDate": "2026-W10-1"}, ["toDate"]),
        ({"timeOfDayStart": "24:00"}, ["timeOfDayStart"]),
        ({"timeOfDayEnd": "7pm"}, ["timeOfDayEnd"]),
        ({"agentIds": "Front desk"}, ["agentIds"]),
        ({"agentIds": ",".join(AGENTS.values())}, ["agentIds"]),
        ({"voiceId": ""}, ["voiceId"]),
        ({"search": ""}, ["search"]),
        ({"durationMin": "60"}, ["durationMin"]),
        ({"durationMax": "-1s"}, ["durationMax"]),
        ({"durationMax": "PT1M"}, ["durationMax"]),
        ({"durationMax": "٣s"}, ["durationMax"]),
        ({"toDate": "x", "voiceId": "y", "search": "fine"}, ["toDate", "voiceId"]),
    ],
)
def test_bad_values(ask, params, names):
    """Bad values get status 400 with a message for each bad parameter."""
    answer = ask(params.items())
    assert answer.status_code == 400
    document = answer.json()
    assert sorted(document) == names
    assert all(isinstance(text, str) and text for texts in document.values() for text in texts)


def test_unknown_names_are_passed_over(ask):
    """Unknown parameters are ignored, so a misspelt filter has no effect."""
    answer = ask(agentId=AGENTS["Reminders"], groupBy="x", metadata="y", **MARCH)
    assert answer.content == ask(**MARCH).content


def test_the_last_one_counts(ask):
    """If a single parameter is repeated, the last value counts and the others are not read."""
    pairs = [("fromDate", "rubbish"), ("fromDate", "2026-03-31"), ("toDate", "2026-03-31")]
    assert ask(pairs).content == ask(fromDate="2026-03-31", toDate="2026-03-31").content


def test_nothing_found_is_no_error(ask):
    """A period without calls, also one that ends before it starts, gives two empty lists."""
    for span in (("2031-01-01", "2031-01-02"), ("2026-03-02", "2026-03-01")):
        document = ask(fromDate=span[0], toDate=span[1]).json()
        assert (document["daily"], document["hourly"]) == ([], [])
    assert ask(fromDate="0001-01-01", toDate="9999-12-31T23:59:59-23:59").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "key", "status", "detail"),
    [
        ("GET", PATH, "sample00.wrong", 403, "Invalid API key"),
        ("GET", PATH, "", 403, "Invalid API key"),
        ("GET", PATH + "/", KEY, 404, "Not found."),
        ("GET", "/", "", 404, "Not found."),
        ("POST", PATH, KEY, 405, 'Method "POST" not allowed.'),
        ("HEAD", PATH, KEY, 405, None),
    ],
)
def test_refusals(plain, method, path, key, status, detail):
    """A wrong key, path or method is refused in the vendor's form."""
    answer = plain(sample_endpoint()).request(method, path, headers={"X-API-Key": key})
    assert answer.status_code == status
    assert detail is None or answer.json() == {"detail": detail}
    assert (answer.headers.get("Allow") == "GET") == (status == 405)


def test_a_missing_key():
    """A missing key is refused like a wrong one, and the client raises AuthenticationError."""
    transport = sample_endpoint()
    with httpx.Client(transport=transport) as client:
        assert client.get(f"https://api.ultravox.ai{PATH}").status_code == 403
    other = "sample00." + "0" * 32
    client = ua.Client(api_key=other, transport=transport)
    with client, pytest.raises(ua.AuthenticationError) as caught:
        client.call_usage()
    assert other not in str(caught.value)


def test_rate_limit(plain):
    """The requests of one second pass at once; the next gets status 429 with a waiting time, and
    passes after it."""
    now = [1000.0]
    client = plain(Endpoint(simulate, now=account_clock(), rate_limit=3, timer=lambda: now[0]))
    params = {"fromDate": "2026-04-01"}
    assert [client.get(PATH, params=params).status_code for _ in range(4)] == [200] * 3 + [429]
    refused = client.get(PATH)
    assert refused.headers["Retry-After"] == "1"
    assert "throttled" in refused.json()["detail"]
    now[0] += int(refused.headers["Retry-After"])
    assert [client.get(PATH, params=params).status_code for _ in range(4)] == [200] * 3 + [429]


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_a_rate_is_positive(rate):
    """A rate limit has to be positive and finite."""
    with pytest.raises(ua.QueryError, match="rate_limit"):
        sample_endpoint(rate_limit=rate)


def test_the_clock(ask):
    """Each response has the date of the account's clock, which stands still; no call is later."""
    assert ask(search="").headers["Date"] == "Wed, 01 Apr 2026 14:37:21 GMT"
    assert calls(ask(fromDate="2026-04-01T14:37:21Z")) == 0
    assert calls(ask(fromDate="2026-04-01T14:00:00Z")) > 0
    assert json.loads(ask(fromDate="2026-04-01").content)["hourly"]
