"""What a live account does where the endpoint's description is silent: asked, seen, in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path

from usage_analysis.doctor.checks import CHECKS
from usage_analysis.doctor.replies import Account, Params
from usage_analysis.errors import QueryError
from usage_analysis.fetch.client import Client
from usage_analysis.query import CHUNK_DAYS, UsageQuery

__all__ = ["Finding", "run"]

_MARKS = {True: "as assumed", False: "OTHERWISE", None: "not shown"}
_STEPS = 10
_SETTLED = timedelta(minutes=10)
"""How old a call is before it is looked at in several replies: newer ones come in meanwhile."""


@dataclass(frozen=True)
class Finding:
    """One thing that the description leaves open.

    Parameters
    ----------
    topic
        What it is about.
    assumed
        What this package takes for granted.
    seen
        What the account did.
    follows
        What that means for its numbers.
    holds
        Whether the assumption held; None where the account's calls do not show it.
    """

    topic: str
    assumed: str
    seen: str
    follows: str
    holds: bool | None

    def __str__(self) -> str:
        return (
            f"{self.topic} ({_MARKS[self.holds]})\n  assumed: {self.assumed}\n"
            f"  seen:    {self.seen}\n  follows: {self.follows}"
        )


def run(
    client: Client,
    *,
    days: int = 30,
    folder: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Finding]:
    """Findings, one for each thing that the endpoint's description leaves open.

    Parameters
    ----------
    client
        Of the account to look at; it is asked ten times.
    days
        How many days before today are looked at [days], 8 to 91.
    folder
        Where to keep the replies for a bug report: what was asked, and the figures by day and hour.
        There is no key in it; of a field that the endpoint is not known to send its name alone.
    progress
        Told how many requests are done, and of how many.

    Raises
    ------
    QueryError, TransportError, APIError, ResponseError
        As for `Client.call_usage`. A request that only the doctor makes may be refused: the finding
        then says so.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> findings = run(ua.sample_client())
    >>> print(findings[1])
    days (as assumed)
      assumed: a daily row is a UTC day
      seen:    in 31 daily rows the hours of each UTC day add up to it
      follows: days in other zones are rebuilt from the hours
    """
    if not isinstance(days, int) or not 8 <= days < CHUNK_DAYS:
        raise QueryError(
            f"days: expected a whole number from 8 to {CHUNK_DAYS - 1}, which one request can "
            f"ask for, got {days!r}"
        )
    account = Account(client, None if folder is None else Path(folder), progress, _STEPS)
    _ask(account, client, days)
    findings = []
    for check in CHECKS:
        seen = account.refusal(check.needs) or check.see(account)
        findings.append(Finding(check.topic, check.assumed, *seen))
    return findings


def _ask(account: Account, client: Client, days: int) -> None:
    end = client.now() - _SETTLED
    today = end.date()
    window = UsageQuery(from_date=today - timedelta(days=days), to_date=end).params()
    week = UsageQuery(from_date=today - timedelta(days=7), to_date=end).params()
    until_now = UsageQuery(from_date=today - timedelta(days=days), to_date=client.today()).params()
    busiest = account.ask("window", window).busiest
    account.ask("now", until_now)
    account.ask("week", week)
    hour = _time_of_day(time(busiest), time(busiest, 59, 59, 999_999))
    account.try_to_ask("hour-of-day", [*window, *hour])
    account.try_to_ask("overnight", [*window, *_time_of_day(time(22), time(6))])
    account.try_to_ask("until", [*window, ("timeOfDayEnd", f"{busiest:02}:00:00")])
    account.try_to_ask("duration-max", [*window, ("durationMax", "0s")])
    account.try_to_ask("duration-min", [*window, ("durationMin", "0s")])
    account.try_to_ask("no-start", [window[1]])
    account.ask("again", until_now)


def _time_of_day(start: time, end: time) -> Params:
    return [("timeOfDayStart", start.isoformat()), ("timeOfDayEnd", end.isoformat())]
