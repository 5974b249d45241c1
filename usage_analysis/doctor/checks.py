"""Checks of the doctor: each compares one assumption with the account's replies.

The replies are decoded for the checks and redacted for files.

`checks.toml` has the assumptions and the texts of all phrases. Each function here has the name of
an assumption there.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.errors import APIError
from usage_analysis.fetch.client import Client
from usage_analysis.fetch.responses import RETRIED
from usage_analysis.progress import Progress
from usage_analysis.tidy import wire
from usage_analysis.tidy.zones import DAY, HOUR, instant_of

Params = list[tuple[str, str]]
_FIELDS = {"allTime", "daily", "hourly", "date", "hour", *wire.MEASURES.values()}
_TEXT_LIMIT = 80
_STEPS = 10  # number of all requests
#: Statuses about the key or the connection, which do not mean that a request was refused.
_NOT_ABOUT_THE_REQUEST = {401, 403, *RETRIED} - {500}


@dataclass(frozen=True)
class Response:
    """A response, decoded and in its original form."""

    #: All-time figures by measure.
    all_time: dict[str, int | float]
    #: Rows per day and per hour, in the order of the reply, by their start [us since 1970, UTC].
    daily: pd.DataFrame
    hourly: pd.DataFrame
    document: dict[str, Any]
    #: Time of the response, by the server's clock.
    made: datetime
    params: dict[str, str]

    @property
    def calls(self) -> int:
        """Number of calls in all hours."""
        return int(self.hourly["total_count"].sum())

    @property
    def unjoined_calls(self) -> int:
        """Number of unjoined calls in all hours."""
        return self.calls - int(self.hourly["joined_count"].sum())

    @property
    def busiest_hour(self) -> int:
        """UTC hour of the day with the most calls."""
        return int(self.by_hour_of_day().argmax())

    @property
    def first_day(self) -> date:
        """First day of the requested period."""
        return datetime.fromisoformat(self.params["fromDate"]).date()

    @property
    def days(self) -> int:
        """Number of days in the requested period, with a partial last day."""
        return (datetime.fromisoformat(self.params["toDate"]).date() - self.first_day).days + 1

    def by_hour_of_day(self) -> NDArray[np.int64]:
        """Return the number of calls in each of the 24 UTC hours of the day."""
        hours = self.hourly.index // HOUR % 24
        counts = self.hourly["total_count"].groupby(hours).sum()
        return counts.reindex(range(24), fill_value=0).to_numpy()


class Account:
    """Requests to an account: reports progress and saves the responses.

    Parameters
    ----------
    client
        Client of the account.
    folder
        Folder to save the responses in; None saves nothing.
    progress
        Function that is called with the number of finished requests and of all requests.
    """

    def __init__(self, client: Client, folder: Path | None, progress: Progress | None) -> None:
        self._client, self._folder, self._done = client, folder, 0
        self._report = progress or (lambda _done, _total: None)
        #: Responses, and errors of refused requests, by the name of the request.
        self.responses: dict[str, Response] = {}
        self.refusals: dict[str, APIError] = {}
        self._report(0, _STEPS)

    def send(self, name: str, params: Params) -> Response:
        """Send a request, keep the response under a name and return it."""
        body, moment = self._client.get(params)
        document = {"request": params, "date": moment.isoformat()}
        try:
            reply = wire.decode(body)
        finally:
            self._save(name, document | {"reply": _redact_body(body)})
        daily, hourly = (
            pd.DataFrame(rows.columns, index=rows.time)
            for rows in (reply.daily, reply.hourly)
            if rows is not None  # a live reply has both
        )
        self.responses[name] = Response(
            reply.all_time, daily, hourly, json.loads(body), moment, dict(params)
        )
        return self.responses[name]

    def try_to_send(self, name: str, params: Params) -> None:
        """Send a request that the server may refuse as invalid."""
        try:
            self.send(name, params)
        except APIError as error:
            if error.status_code in _NOT_ABOUT_THE_REQUEST:
                raise
            self.refusals[name] = error
            self._save(name, {"request": params, "refusal": str(error)})

    def _save(self, name: str, document: dict[str, Any]) -> None:
        self._done += 1
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"{self._done:02}-{name}.json"
            path.write_text(json.dumps(document, indent=1), encoding="utf-8")
        self._report(self._done, _STEPS)


def _redact_body(body: bytes) -> Any:
    """Return a reply with the values of known fields only; of a bad reply, its beginning."""
    try:
        return _redact(json.loads(body))
    except (ValueError, RecursionError):
        return body[:_TEXT_LIMIT].decode("utf-8", "replace")


def _redact(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _redact(each) if name in _FIELDS else f"[{type(each).__name__}]"
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [_redact(each) for each in value]
    return value[:_TEXT_LIMIT] if isinstance(value, str) else value


_SECONDS = re.compile(r"[0-9]+(?:\.(?P<decimals>[0-9]{1,9}))?s", re.ASCII)

#: Observed phrases by name, each with the values for its text.
Phrases = Iterator[tuple[str, dict[str, Any]]]


def all_time(account: Account) -> Phrases:
    """Compare allTime with the calls that pass a filter, and with all calls."""
    filters = {"week": "dates", "hour-of-day": "time of day", "duration-max": "duration"}
    window = account.responses["window"]
    # New calls may arrive between the requests.
    least, most = (account.responses[name].all_time["total_count"] for name in ("window", "again"))
    for name, what in filters.items():
        if (response := account.responses.get(name)) is None:
            continue
        total, calls = response.all_time["total_count"], response.calls
        phrase = "unfiltered" if least <= total <= most else "neither"
        if calls == window.calls:
            phrase = "idle"
        elif total == calls:
            phrase = "filtered"
        yield phrase, {"what": what, "total": total, "calls": calls, "all": window.calls}


def days(account: Account) -> Phrases:
    """Find the time zone in which the hours add up to the daily rows."""
    plain = account.responses["window"]
    # Time zones are -12 to +14 hours from UTC; the smallest shift that fits is the likeliest.
    daily, shifts = _by_day(plain.daily), sorted(range(-14, 15), key=abs)
    shift = next((hours for hours in shifts if _by_day(plain.hourly, hours).equals(daily)), None)
    phrase = {0: "utc", None: "different"}.get(shift, "shifted")
    yield "empty" if daily.empty else phrase, {"rows": len(plain.daily), "shift": shift}


def _by_day(rows: pd.DataFrame, shift: int = 0) -> pd.Series:
    """Return the calls of each day with calls, in a time zone a number of hours ahead of UTC."""
    calls = rows["total_count"].groupby((rows.index + shift * HOUR) // DAY).sum()
    return calls[calls > 0]


def zone_of_time(account: Account) -> Phrases:
    """Find the UTC hours of the calls that pass a filter on one hour of the day."""
    hour = account.responses["window"].busiest_hour
    found = np.flatnonzero(account.responses["hour-of-day"].by_hour_of_day()).tolist()
    listed = ", ".join(f"{one:02}" for one in found) or "none"
    phrase = "utc" if found == [hour] else "other"
    yield phrase if found else "empty", {"hour": hour, "found": listed}


def overnight(account: Account) -> Phrases:
    """Compare the calls of one request over midnight with those in the same hours."""
    expected = int(account.responses["window"].by_hour_of_day()[[22, 23, 0, 1, 2, 3, 4, 5]].sum())
    if (response := account.responses.get("overnight")) is None:
        yield "refused", {"error": account.refusals["overnight"]}
    elif not expected:
        yield "empty", {}
    else:
        phrase = "passes" if response.calls == expected else "stops"
        yield phrase, {"calls": response.calls, "expected": expected}


def errors(account: Account) -> Phrases:
    """Look for hours with more errors than joined calls, or than calls."""
    hourly, hours = account.responses["window"].hourly, 0
    for response in filter(None, map(account.responses.get, ("window", "duration-max"))):
        hours += int((response.hourly["error_count"] > response.hourly["joined_count"]).sum())
    phrase = "unjoined" if hours else "unclear"
    if (hourly["error_count"] > hourly["total_count"]).any():
        phrase = "wrong"
    yield phrase, {"hours": hours, "errors": hourly["error_count"].sum()}


def decimals(account: Account) -> Phrases:
    """Look at the form of all durations."""
    document = account.responses["window"].document
    texts = [row["duration"] for row in document["daily"] + document["hourly"]]
    matches = [_SECONDS.fullmatch(text) for text in texts]
    others = [text for text, match in zip(texts, matches, strict=True) if match is None]
    places = max((len(match["decimals"] or "") for match in matches if match), default=0)
    if others:
        yield "other", {"others": len(others), "all": len(texts), "example": others[0][:40]}
    else:
        phrase = "rounded" if places > 6 else "exact"
        yield phrase if texts else "empty", {"all": len(texts), "places": places}


def tenths(account: Account) -> Phrases:
    """Look for billed minutes that are no multiple of 0.1."""
    minutes = account.responses["window"].hourly["billed_minutes"].to_numpy()
    # Each call is rounded up to 6 s, a tenth of a minute. Floats hold tenths inexactly.
    off = np.abs(minutes * 10 - np.rint(minutes * 10)) > 1e-6
    if off.any():
        yield "other", {"others": int(off.sum()), "example": minutes[off][0]}
    else:
        yield "exact" if minutes.any() else "empty", {"billed": int((minutes > 0).sum())}


def reach(account: Account) -> Phrases:
    """Find the first day with calls of a reply without fromDate."""
    unbounded, start = account.responses["no-start"], account.responses["window"].first_day
    days = unbounded.daily.index[unbounded.daily["total_count"] > 0]
    if not len(days):
        yield "empty", {}
        return
    first = instant_of(int(days.min())).date()
    before = (start - first).days
    yield "before" if before > 0 else "within", {"first": first, "before": before}


def rows(account: Account) -> Phrases:
    """Describe the order of the rows, and the hours without calls."""
    plain = account.responses["window"]
    times, order = plain.hourly.index, "mixed"
    if times.is_monotonic_increasing:
        order = "oldest first"
    elif times.is_monotonic_decreasing:
        order = "newest first"
    zeros = int((plain.hourly["total_count"] == 0).sum())
    sizes = {"hours": len(times), "rows": len(plain.daily), "days": plain.days, "zeros": zeros}
    yield "several" if len(times) > 1 else "few", sizes | {"order": order}


def running(account: Account) -> Phrases:
    """Compare the first and the last reply, and the mean durations of the current hour and before.

    The current hour may have running calls.
    """
    replies = (account.responses["now"], again := account.responses["again"])
    first, last = (reply.hourly[["total_count", "duration"]] for reply in replies)
    before, after = first.align(last, fill_value=0)
    now = int(again.made.timestamp()) * 1_000_000
    changed = after.index[(before != after).any(axis=1)]
    if len(changed):
        oldest = (now - int(changed.min())) // HOUR
        grown = int((after["duration"] > before["duration"]).sum())
        values = {"changed": len(changed), "grown": grown, "oldest": oldest}
        # An hour that began less than 3 hours ago ended less than 2 hours ago, the billing lag.
        yield "late" if oldest < 3 else "too_late", values
    else:
        yield "unchanged", {}
    hourly = again.hourly[["joined_count", "duration"]]
    sums = hourly.groupby(hourly.index > now - HOUR).sum().reindex([True, False], fill_value=0)
    if (sums["joined_count"] > 0).all():
        means = sums["duration"] / sums["joined_count"] / 1e6
        yield "current_hour", {"now": means[True], "before": means[False]}


def ends(account: Account) -> Phrases:
    """Look for calls exactly at the ends of filters."""
    plain, seen = account.responses["window"], dict[str, tuple[str, dict[str, Any]]]()
    most, least, end = map(account.responses.get, ("duration-max", "duration-min", "until"))
    # Calls of 0 s lie exactly at the end of both filters on the duration, which are 0 s.
    if zero := most and most.calls:
        seen["durationMax"] = "longest", {"zero": zero}
        if least:
            kind = {plain.calls: "inclusive", plain.calls - zero: "exclusive"}.get(least.calls)
            other = "neither, because other calls were returned"
            seen["durationMin"] = "shortest", {"kind": kind or other}
    if calls := end and end.by_hour_of_day()[plain.busiest_hour]:
        seen["timeOfDayEnd"] = "time", {"calls": calls, "hour": plain.busiest_hour}
    yield from seen.values()
    filters = ("durationMax", "durationMin", "timeOfDayEnd")
    if unknown := [name for name in filters if name not in seen]:
        yield "unknown", {"names": ", ".join(unknown)}


def unjoined(account: Account) -> Phrases:
    """Compare all unjoined calls with the unjoined calls that have a duration of 0 s."""
    shortest, everyone = (
        account.responses["duration-max"],
        account.responses["window"].unjoined_calls,
    )
    timed = everyone - shortest.unjoined_calls
    phrase = "timed" if timed > 0 else "timeless"
    if not shortest.calls:
        phrase = "no_zeros"
    elif not everyone:
        phrase = "no_unjoined"
    yield phrase, {"all": everyone, "timed": timed}
