"""Check this package's assumptions about the endpoint on an account.

The vendor's description leaves these points open. `ASSUMPTIONS` lists the assumptions by topic;
`run` checks each assumption and returns a finding. `checks.toml` has all texts.
"""

import tomllib
from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path
from typing import Any

from usage_analysis.doctor import checks
from usage_analysis.doctor.checks import Account, Params
from usage_analysis.errors import refusal
from usage_analysis.fetch.client import Client
from usage_analysis.progress import Progress
from usage_analysis.query import CHUNK_DAYS, UsageQuery

__all__ = ["ASSUMPTIONS", "Finding", "run"]

_TEXTS = tomllib.loads(Path(__file__).with_name("checks.toml").read_text(encoding="utf-8"))
#: The assumptions that are checked, by topic.
ASSUMPTIONS: dict[str, str] = {texts["topic"]: texts["assumed"] for texts in _TEXTS.values()}

_VERDICTS = {True: "holds", False: "DOES NOT HOLD", None: "cannot be tested with these calls"}
#: Calls newer than this are left out, because more of them may arrive between the requests.
_MARGIN = timedelta(minutes=10)


@dataclass(frozen=True)
class Finding:
    """Result of the check of one assumption.

    Parameters
    ----------
    topic
        Subject of the assumption.
    assumed
        The assumption.
    seen
        Observation on the account.
    follows
        Consequence for your numbers.
    holds
        True if the assumption holds, False if not, None if the account's calls cannot tell.
    """

    topic: str
    assumed: str
    seen: str
    follows: str
    holds: bool | None

    def __str__(self) -> str:
        head = f"{self.topic} ({_VERDICTS[self.holds]})\n  assumed: {self.assumed}"
        return f"{head}\n  seen:    {self.seen}\n  follows: {self.follows}"


def run(
    client: Client,
    *,
    days: int = 30,
    folder: str | Path | None = None,
    progress: Progress | None = None,
) -> list[Finding]:
    """Check each of `ASSUMPTIONS` on an account and return the findings.

    Parameters
    ----------
    client
        Client of the account, which gets ten requests.
    days
        Number of days before today to look at [days], 8 to 91.
    folder
        Folder to save requests and replies in, for a bug report. The files do not contain the key.
        If a reply has fields that the vendor does not describe, the files have only their names.
    progress
        Function that is called with the number of finished requests and of all requests.

    Raises
    ------
    QueryError, TransportError, APIError, ResponseError
        As for `Client.call_usage`. If the server refuses a request that only the doctor sends, the
        finding says so and nothing is raised.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> findings = run(ua.sample_client())
    >>> print(findings[1])
    days (holds)
      assumed: daily rows are UTC days
      seen:    in all 31 daily rows the hours of the UTC day add up to the row
      follows: local days are computed from the hours
    """
    if not isinstance(days, int) or not 8 <= days < CHUNK_DAYS:
        raise refusal("doctor_days", most=CHUNK_DAYS - 1, got=days)
    account = Account(client, None if folder is None else Path(folder), progress)
    _send_requests(account, client, days)
    return [_find(account, name, texts) for name, texts in _TEXTS.items()]


def _find(account: Account, name: str, texts: dict[str, Any]) -> Finding:
    topic, assumed = texts["topic"], texts["assumed"]
    if refused := [one for one in texts.get("needs", ()) if one in account.refusals]:
        seen = f"the request was refused: {account.refusals[refused[0]]}"
        return Finding(topic, assumed, seen, "the question stays open", None)
    phrases = getattr(checks, name)(account)
    observed = [(texts | texts[phrase], values) for phrase, values in phrases]
    seen = "; ".join(phrase["seen"].format(**values) for phrase, values in observed)
    # Of several phrases, the first one that tells decides.
    holds = next((phrase["holds"] for phrase, _ in observed if "holds" in phrase), None)
    return Finding(topic, assumed, seen, observed[0][0]["follows"], holds)


def _send_requests(account: Account, client: Client, days: int) -> None:
    end = client.now() - _MARGIN
    today = end.date()
    window = UsageQuery(from_date=today - timedelta(days=days), to_date=end).params()
    week = UsageQuery(from_date=today - timedelta(days=7), to_date=end).params()
    until_now = UsageQuery(from_date=today - timedelta(days=days), to_date=client.today()).params()
    busiest = account.send("window", window).busiest_hour
    account.send("now", until_now)
    account.send("week", week)
    hour = _time_of_day(time(busiest), time(busiest, 59, 59, 999_999))
    account.try_to_send("hour-of-day", [*window, *hour])
    account.try_to_send("overnight", [*window, *_time_of_day(time(22), time(6))])
    account.try_to_send("until", [*window, ("timeOfDayEnd", f"{busiest:02}:00:00")])
    account.try_to_send("duration-max", [*window, ("durationMax", "0s")])
    account.try_to_send("duration-min", [*window, ("durationMin", "0s")])
    account.try_to_send("no-start", [window[1]])
    account.send("again", until_now)


def _time_of_day(start: time, end: time) -> Params:
    return [("timeOfDayStart", start.isoformat()), ("timeOfDayEnd", end.isoformat())]
