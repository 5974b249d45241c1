"""The checks of the doctor, on accounts for which an assumption holds or does not."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.doctor.accounts import LATELY, NOW, Account, Call, calls, findings
from usage_analysis.doctor import run
from usage_analysis.errors import APIError, AuthenticationError, QueryError
from usage_analysis.sample import sample_client


def double_hours(document: dict[str, Any]) -> None:
    for row in document["hourly"]:
        row["totalCount"] *= 2


def set_all(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        for row in document["hourly"]:
            row[name] = value

    return change


def reverse(document: dict[str, Any]) -> None:
    document["hourly"].sort(key=lambda row: (row["date"], row["hour"]), reverse=True)


def count_twice(document: dict[str, Any]) -> None:
    document["allTime"]["totalCount"] += len(document["hourly"]) * 2


def running() -> list[Call]:
    return [*calls(), Call(NOW - timedelta(minutes=9), 0.0), Call(NOW - timedelta(minutes=9), 6.0)]


def with_time(account: Account) -> Account:
    for call in account.calls:
        call.seconds = call.seconds or 3.0 * (call.created.day % 2)
    return account


HELD, OTHER, UNSHOWN = True, False, None
PLAIN = Account()
CASES: list[tuple[str, Account, bool | None, str]] = [
    (
        "allTime",
        PLAIN,
        HELD,
        "ignores the filter on dates: it counts 240 calls, and the hours 42; ",
    ),
    (
        "allTime",
        PLAIN,
        HELD,
        "ignores the filter on time of day: .*; allTime ignores the filter on duration",
    ),
    (
        "allTime",
        Account(all_time_filtered=True),
        HELD,
        "allTime follows the filter on dates: it counts 42 of 180 calls; ",
    ),
    (
        "allTime",
        Account(all_time_filtered=True),
        HELD,
        "; allTime follows the filter on duration: it counts 30 of 180 calls",
    ),
    (
        "allTime",
        Account(change=count_twice),
        HELD,
        "with the filter on time of day, allTime counts 300 calls: neither",
    ),
    (
        "allTime",
        Account(calls=[]),
        UNSHOWN,
        "the filter on dates shows nothing, because all calls pass it; the",
    ),
    ("allTime", Account(refuses="durationMax"), HELD, "ignores the filter on time of day: [^;]*$"),
    ("days", PLAIN, HELD, "30 daily rows the hours of the UTC day add up"),
    ("days", Account(zone=timedelta(hours=-5)), OTHER, "days in the time zone UTC-5"),
    ("days", Account(change=double_hours), OTHER, "do not add up"),
    ("days", Account(calls=[]), UNSHOWN, "no calls"),
    ("zone of the time of day", PLAIN, HELD, r"hour that begins at 12:00 .* UTC hours 12$"),
    ("zone of the time of day", Account(zone=timedelta(hours=2)), OTHER, "UTC hours 10$"),
    ("zone of the time of day", Account(calls=[]), UNSHOWN, "UTC hours none"),
    ("time of day over midnight", PLAIN, HELD, "returned 0 of the 90 calls"),
    ("time of day over midnight", Account(wraps=True), HELD, "passes midnight: 90"),
    ("time of day over midnight", Account(refuses="overnight"), HELD, r"refused: .* got 400 \(mak"),
    ("time of day over midnight", Account(refuses="overnight", status=500), HELD, "got 500 .mak"),
    ("reach", Account(refuses="no start", status=500), UNSHOWN, "refused: .* got 500"),
    ("time of day over midnight", Account(calls=[Call(LATELY)]), UNSHOWN, "no calls between"),
    ("errorCount", PLAIN, HELD, "more errors than joined calls"),
    ("errorCount", Account(refuses="durationMax"), UNSHOWN, "whether the 15 errors include"),
    ("errorCount", Account(calls=[Call(LATELY, error=True)]), UNSHOWN, "whether the 1 errors"),
    ("errorCount", Account(change=set_all("errorCount", 9)), OTHER, "more errors than calls"),
    ("duration", PLAIN, HELD, "in seconds, with up to 1 decimal"),
    (
        "duration",
        Account(change=set_all("duration", "1.123456789s")),
        HELD,
        "up to 9 decimal places",
    ),
    ("duration", Account(change=set_all("duration", "0:01:00")), OTHER, "for example '0:01:00'"),
    ("billedMinutes", PLAIN, HELD, "all 150 hours with billed minutes have multiples of 0.1"),
    ("billedMinutes", Account(change=set_all("billedMinutes", 1.05)), OTHER, "for example 1.05"),
    ("billedMinutes", Account(calls=[]), UNSHOWN, "0 hours"),
    ("reach", PLAIN, HELD, "goes back to 2026-02-19, 10 days before the period"),
    ("reach", Account(calls=[Call(LATELY)]), HELD, "no further than the period"),
    ("reach", Account(refuses="no start"), UNSHOWN, r"^the request was refused: .* got 400"),
    ("rows", PLAIN, HELD, "oldest first"),
    ("rows", Account(change=reverse), HELD, "newest first"),
    ("running calls", PLAIN, UNSHOWN, "nothing changed"),
    (
        "running calls",
        Account(grows=2),
        HELD,
        "1 hours changed during the check, and their duration in 1",
    ),
    (
        "running calls",
        Account(calls=running()),
        UNSHOWN,
        "the current hour last 3 s on average, those of earlier hours 60 s",
    ),
    ("running calls", Account(grows=20), OTHER, "the oldest of these hours began 20 hours ago"),
    ("ends of ranges", PLAIN, HELD, "durationMax is inclusive .*durationMin is inclusive;"),
    ("ends of ranges", Account(exclusive=True), HELD, "durationMin is exclusive"),
    ("ends of ranges", Account(calls=[Call(NOW.replace(minute=0))]), HELD, "timeOfDayEnd is incl"),
    ("ends of ranges", Account(calls=[]), UNSHOWN, "durationMax, durationMin, timeOfDayEnd"),
    (
        "ends of ranges",
        Account(refuses="durationMin"),
        HELD,
        "inclusive .*; no .* durationMin, time",
    ),
    ("ends of ranges", Account(refuses="timeOfDayEnd"), HELD, "; no .* of timeOfDayEnd$"),
    ("unjoined time", PLAIN, HELD, "all 30 unjoined calls have a duration of 0 s"),
    ("unjoined time", with_time(Account()), OTHER, "of 30 unjoined calls have a dur"),
    ("unjoined time", Account(calls=[Call(LATELY)]), UNSHOWN, "no calls of 0 s"),
    ("unjoined time", Account(refuses="durationMax"), UNSHOWN, "^the request was refused"),
]


findings_once = functools.cache(findings)


@pytest.mark.parametrize(("topic", "account", "holds", "seen"), CASES)
def test_findings(topic: str, account: Account, holds: bool | None, seen: str) -> None:
    """Each finding says what the account did and whether the assumption holds."""
    finding = findings_once(account)[topic]
    assert re.search(seen, finding.seen), finding.seen
    assert finding.holds is holds
    assert finding.follows


class Busy(Account):
    """An account with a new call before each request."""

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(Call(NOW - timedelta(seconds=90 - self.asked)))
        return super().answer(request)


@pytest.mark.parametrize("settings", [{}, {"all_time_filtered": True}, {"wraps": True}])
def test_calls_come_in_meanwhile(settings: dict[str, Any]) -> None:
    """Calls that arrive between the requests change only the finding about running calls."""
    quiet, busy = findings(Account(**settings)), findings(Busy(**settings))
    assert "neither" not in busy["allTime"].seen
    assert "hours changed during the check" in busy["running calls"].seen
    for topic in quiet.keys() - {"running calls", "allTime"}:
        assert busy[topic] == quiet[topic]
    assert busy["allTime"].holds == quiet["allTime"].holds


@pytest.mark.parametrize("status", [403, 429, 503])
def test_failure_that_is_not_of_the_question(status: int) -> None:
    """A status about the key or the connection is raised, and is not reported as a finding."""
    with pytest.raises(APIError, match=f"got {status}"):
        findings(Account(refuses="overnight", status=status))


def test_one_finding_for_each_open_question() -> None:
    """There are twelve findings, each with its own topic and four lines."""
    told = findings(Account())
    assert len(told) == 12
    for finding in told.values():
        assert [line.split(":")[0].strip() for line in str(finding).splitlines()[1:]] == [
            "assumed",
            "seen",
            "follows",
        ]


def test_progress() -> None:
    """Progress is reported from 0 to all requests."""
    told: list[tuple[int, int]] = []
    findings(Account(), progress=lambda *step: told.append(step))
    assert told == [(n, 10) for n in range(11)]


def test_refused_key() -> None:
    """A refused key raises the same error as in other requests."""
    with pytest.raises(AuthenticationError):
        findings(httpx.MockTransport(lambda _: httpx.Response(403)))


def test_days_refused() -> None:
    """A period that is no longer than a week, or too long for one request, is refused."""
    for days in (7, 92, 8.0):
        with pytest.raises(QueryError, match=r"^days: expected a whole number from 8 to 91"):
            findings(Account(), days=days)


def test_sample_account() -> None:
    """No assumption fails on the sample account."""
    with sample_client() as client:
        told = run(client)
    assert [finding.topic for finding in told if finding.holds is False] == []
