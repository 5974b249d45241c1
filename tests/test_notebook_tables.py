"""The tables that notebooks show for a reply and for a client. Covers tidy/measures."""

import asyncio
import re
from html import unescape

import pytest

import usage_analysis as ua
from tests.conftest import as_json, reply, row

KEY = "abcd1234.ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
MARCH = {"from_date": "2026-03-01", "to_date": "2026-03-31"}


def table(value):
    """Return the title and the rows of the table of an object."""
    html = value._repr_html_()
    assert not re.search(r"color|background|<script|class=", html)
    cells = re.findall(r"<tr><th [^>]*>([^<]*)</th><td [^>]*>([^<]*)</td></tr>", html)
    (title,) = re.findall(r"^<table><caption>([^<]*)</caption>", html)
    return unescape(title), {unescape(name): unescape(text) for name, text in cells}


def test_a_reply_shows_its_totals():
    """The table has window, date, totals with units, and the number of hours that are not final."""
    hours = [row("2026-03-01", 9, calls=1200, errors=3, seconds=90_000, minutes=1505.5)]
    usage = ua.CallUsage.from_json(as_json(reply(hours)), as_of="2026-03-01T12:30Z")
    assert table(usage) == (
        "Call usage (file)",
        {
            "window": "2026-03-01 00:00 to 2026-03-02 00:00 UTC",
            "as of": "2026-03-01 12:30 UTC",
            "total": "1,200 calls, 3 failed calls, 1,197 joined calls, 1,500 minutes of talk, "
            "1,506 billed minutes",
            "provisional": "3 hours",
        },
    )


def test_a_reply_shows_what_its_source_knows():
    """A measure or an hour that a saved reply lacks is absent from the table, and not zero."""
    body = reply([row("2026-03-01", 9, calls=2)])
    del body["hourly"], body["daily"][0]["errorCount"], body["allTime"]["errorCount"]
    _, rows = table(ua.CallUsage.from_json(as_json(body), saved=True))
    assert "failed" not in rows["total"]
    assert "provisional" not in rows


def test_a_reply_shows_filters_as_text():
    """Filters stand in the table, and markup in them is text."""
    usage = ua.sample_client().call_usage(**MARCH, metadata={"tenant": "<b>&"}, search="<script>")
    _, rows = table(usage)
    assert rows["filters"] == "metadata = {'tenant': '<b>&'}, search = <script>"


def test_a_breakdown_shows_its_groups():
    """A breakdown lists its groups, and has a total only where groups cannot share calls."""
    client = ua.sample_client()
    _, rows = table(client.by_agent(ua.sample.AGENTS, **MARCH))
    whole = client.call_usage(**MARCH).daily["total_count"].sum()
    assert rows["agent"] == ", ".join(ua.sample.AGENTS)
    assert rows["total"].startswith(f"{whole:,} calls, ")
    groups = {"refund": {"search": "refund"}, "long": {"duration_min": 60}}
    assert table(client.breakdown(groups, **MARCH))[1]["total"].startswith("none, because")


def test_a_client_shows_names_and_no_key():
    """A client shows its address, time limit and the names that it knows, and never its key."""
    with ua.Client(KEY, deadline=90) as client:
        assert table(client) == (
            "Client live https://api.ultravox.ai",
            {"time limit": "90 s per query"},
        )
        asynchronous = ua.AsyncClient.of(client)
        assert table(asynchronous)[0].startswith("AsyncClient live")
        assert KEY[9:] not in client._repr_html_() + asynchronous._repr_html_()
        asyncio.run(asynchronous.aclose())
    title, rows = table(ua.sample_client())
    assert title == "Client sample"
    assert rows["agents"] == ", ".join(ua.sample.AGENTS)


@pytest.mark.parametrize("number", [3, 60])
def test_long_lists_are_cut(number):
    """Groups beyond a few lines of text are cut, so that a breakdown of tenants stays a table."""
    names = [f"tenant {place}" for place in range(number)]
    _, rows = table(ua.sample_client().by_metadata("tenant", names, to_date="2026-04-01"))
    assert rows["tenant"].endswith("[...]") is (number == 60)
    assert len(rows["tenant"]) <= 240
