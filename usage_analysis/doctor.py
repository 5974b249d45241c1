"""What a live account does where the endpoint's description is silent: asked, seen, in words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from usage_analysis.errors import APIError, QueryError
from usage_analysis.fetch.client import Client
from usage_analysis.query import UsageQuery
from usage_analysis.tidy import wire
from usage_analysis.tidy.wire import DAY, HOUR

Params = list[tuple[str, str]]
_SECONDS = re.compile(r"[0-9]+(?:\.(?P<decimals>[0-9]{1,9}))?s", re.ASCII)
_MARKS = {True: "as assumed", False: "OTHERWISE", None: "not shown"}
_STEPS = 9


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


@dataclass(frozen=True)
class _Look:
    """One reply, decoded and as it came."""

    reply: wire.Reply
    document: dict[str, Any]
    date: datetime

    @property
    def hourly(self) -> wire.Buckets:
        hourly = self.reply.hourly
        assert hourly is not None  # noqa: S101  # a live reply has hours, or decode raises
        return hourly

    @property
    def calls(self) -> int:
        return int(self.hourly.columns["total_count"].sum())

    def by_hour_of_day(self) -> NDArray[np.int64]:
        hours = self.hourly.time // HOUR % 24
        counts = self.hourly.columns["total_count"]
        return np.bincount(hours, weights=counts, minlength=24).astype(np.int64)


class _Account:
    """Asks, tells how far it is and keeps what came."""

    def __init__(
        self, client: Client, folder: Path | None, progress: Callable[[int, int], None] | None
    ) -> None:
        self._client, self._folder = client, folder
        self._report = progress or (lambda _done, _total: None)
        self._done = 0
        self._report(0, _STEPS)

    def look(self, name: str, params: Params) -> _Look:
        """Reply to one request."""
        body, moment = self._client.get(params)
        document = {"asked": params, "date": moment.isoformat()}
        try:
            reply = wire.decode(body)
        finally:
            self._keep(name, document | {"reply": _readable(body)})
        return _Look(reply, json.loads(body), moment)

    def try_look(self, name: str, params: Params) -> _Look | APIError:
        """Reply to a request that the server may refuse as none that makes sense."""
        try:
            return self.look(name, params)
        except APIError as error:
            if error.status_code not in (400, 422):
                raise
            refusal = error
        self._keep(name, {"asked": params, "refused": str(refusal)})
        return refusal

    def _keep(self, name: str, document: dict[str, Any]) -> None:
        self._done += 1
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"{self._done:02}-{name}.json"
            path.write_text(json.dumps(document, indent=1), encoding="utf-8")
        self._report(self._done, _STEPS)


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
        Of the account to look at; it is asked nine times.
    days
        How many days before today are looked at [days].
    folder
        Where to keep the replies for a bug report: counts by hour and what was asked, with no key
        and no agent, voice or caller in it.
    progress
        Told how many requests are done, and of how many.

    Raises
    ------
    QueryError, TransportError, APIError, ResponseError
        As for `Client.call_usage`.

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
    if not isinstance(days, int) or days < 8:
        raise QueryError(f"days: expected a whole number from 8, got {days!r}")
    account = _Account(client, None if folder is None else Path(folder), progress)
    today = client.today()
    window = _window(today - timedelta(days=days), today)
    plain = account.look("window", window)
    busiest = int(plain.by_hour_of_day().argmax())
    week = account.look("week", _window(today - timedelta(days=7), today))
    hour = account.look(
        "hour-of-day", [*window, *_time_of_day(time(busiest), time(busiest, 59, 59, 999_999))]
    )
    overnight = account.try_look("overnight", [*window, *_time_of_day(time(22), time(6))])
    until = account.look("until", [*window, ("timeOfDayEnd", f"{busiest:02}:00:00")])
    shortest = account.look("duration-max", [*window, ("durationMax", "0s")])
    longest = account.look("duration-min", [*window, ("durationMin", "0s")])
    unbounded = account.look("no-start", [window[1]])
    again = account.look("again", window)
    return [
        _all_time(plain, week),
        _days(plain),
        _zone_of_time(hour, busiest),
        _overnight(plain, overnight),
        _errors(plain, shortest),
        _decimals(plain),
        _tenths(plain),
        _reach(unbounded, today - timedelta(days=days)),
        _rows(plain, days + 1),
        _running(plain, again),
        _ends(plain, shortest, longest, until, busiest),
        _unjoined(plain, shortest),
    ]


def _window(first: date, last: date) -> Params:
    return UsageQuery(from_date=first, to_date=last).params()


def _time_of_day(start: time, end: time) -> Params:
    return [("timeOfDayStart", start.isoformat()), ("timeOfDayEnd", end.isoformat())]


def _readable(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")


def _all_time(plain: _Look, week: _Look) -> Finding:
    totals = [int(look.reply.all_time["total_count"]) for look in (plain, week)]
    sums = [int(look.reply.daily.columns["total_count"].sum()) for look in (plain, week)]
    holds: bool | None = True
    if sums[0] == sums[1]:
        seen, holds = (
            "the last week holds all calls of the window, so either would look alike",
            None,
        )
    elif totals == sums:
        seen = f"it follows the dates: {totals[0]} and {totals[1]} calls, as the days' sums"
    elif totals[0] == totals[1]:
        seen = f"it does not follow the dates: {totals[0]} calls for the window and for a week"
    else:
        seen = (
            f"{totals[0]} and {totals[1]} calls, where the days' sums are {sums[0]} and {sums[1]}"
        )
    return Finding(
        "allTime",
        "it may or may not follow the filters",
        seen,
        "nothing: a window's totals are sums of its buckets, whatever allTime says",
        holds,
    )


def _days(plain: _Look) -> Finding:
    daily = dict(zip(plain.reply.daily.time.tolist(), _counts(plain.reply.daily), strict=True))
    daily = {day: count for day, count in daily.items() if count}
    shift = next((h for h in sorted(range(-14, 15), key=abs) if _by_day(plain, h) == daily), None)
    holds: bool | None = shift == 0
    seen = f"in {len(plain.reply.daily.time)} daily rows the hours of each UTC day add up to it"
    if not daily:
        seen, holds = "no calls in the window", None
    elif shift is None:
        seen = "the hours of the UTC days do not add up to the daily rows, nor in another zone"
    elif shift:
        seen = f"the daily rows are days of the zone UTC{shift:+d}"
    follows = "days in other zones are rebuilt from the hours"
    if holds is False:
        follows = "daily figures are not those of UTC days: take aggregate(hourly, 'D') instead"
    return Finding("days", "a daily row is a UTC day", seen, follows, holds)


def _by_day(look: _Look, shift: int) -> dict[int, int]:
    days = (look.hourly.time + shift * HOUR) // DAY * DAY
    sums: dict[int, int] = {}
    for day, count in zip(days.tolist(), _counts(look.hourly), strict=True):
        sums[day] = sums.get(day, 0) + count
    return {day: count for day, count in sums.items() if count}


def _counts(buckets: wire.Buckets) -> list[int]:
    counts: list[int] = buckets.columns["total_count"].tolist()
    return counts


def _zone_of_time(hour: _Look, asked: int) -> Finding:
    came = np.flatnonzero(hour.by_hour_of_day()).tolist()
    holds = came == [asked] if came else None
    seen = f"asked for the hour from {asked:02}:00, calls came in the UTC hours {_listed(came)}"
    follows = "a time-of-day filter means UTC"
    if holds is False:
        follows = "a time-of-day filter does not mean UTC: filter the hours of the frame instead"
    return Finding("zone of the time of day", "timeOfDay is UTC", seen, follows, holds)


def _listed(hours: list[int]) -> str:
    return ", ".join(f"{hour:02}" for hour in hours) or "none"


def _overnight(plain: _Look, answer: _Look | APIError) -> Finding:
    expected = int(plain.by_hour_of_day()[[22, 23, 0, 1, 2, 3, 4, 5]].sum())
    holds: bool | None = True
    if isinstance(answer, APIError):
        seen = f"one request from 22:00 to 06:00 is refused with status {answer.status_code}"
    elif not expected:
        seen, holds = "no calls between 22:00 and 06:00", None
    elif answer.calls == expected:
        seen = f"one request from 22:00 to 06:00 goes over midnight: {expected} calls"
    else:
        seen = (
            f"one request from 22:00 to 06:00 gives {answer.calls} calls, where its hours hold "
            f"{expected}"
        )
    return Finding(
        "time of day over midnight",
        "one request may not say it",
        seen,
        "nothing: two requests are sent, up to midnight and from it, and added",
        holds,
    )


def _errors(plain: _Look, shortest: _Look) -> Finding:
    over = 0
    for look in (plain, shortest):
        columns = look.hourly.columns
        over += int((columns["error_count"] > columns["joined_count"]).sum())
    columns = plain.hourly.columns
    holds: bool | None = True if over else None
    seen = f"of {columns['error_count'].sum()} errors none is shown to be of an unjoined call"
    if over:
        seen = f"in {over} hours there are more errors than joined calls: some were not joined"
    follows = "errors are never taken away from joined calls; the rate is errors by all calls"
    if (columns["error_count"] > columns["total_count"]).any():
        seen, holds = "in some hour there are more errors than calls", False
        follows = "error rates of this account mean nothing: report it to the vendor"
    return Finding("errorCount", "it may count calls that nobody joined", seen, follows, holds)


def _decimals(plain: _Look) -> Finding:
    texts = [row["duration"] for row in plain.document["daily"] + plain.document["hourly"]]
    matches = [_SECONDS.fullmatch(text) for text in texts]
    others = [text for text, match in zip(texts, matches, strict=True) if match is None]
    most = max((len(match["decimals"] or "") for match in matches if match), default=0)
    seen = f"{len(texts)} durations in seconds, with up to {most} decimals"
    follows = "durations are exact"
    if most > 6:
        follows = "durations are kept to the microsecond"
    if others:
        seen = f"{len(others)} of {len(texts)} durations are in another form, as {others[0][:40]!r}"
        follows = "they are read exactly, but slowly; tell us the form"
    holds = not others if texts else None
    return Finding(
        "duration", 'decimal seconds with an "s", up to 9 decimals', seen, follows, holds
    )


def _tenths(plain: _Look) -> Finding:
    minutes = plain.hourly.columns["billed_minutes"]
    off = np.abs(minutes * 10 - np.rint(minutes * 10)) > 1e-6
    holds = None if not minutes.any() else not off.any()
    seen = f"{int((minutes > 0).sum())} hours with billed minutes, all in tenths"
    follows = "each call is billed in steps of 6 s, and sums stay exact"
    if off.any():
        seen = f"in {int(off.sum())} hours billed minutes are no tenths, as {minutes[off][0]:g}"
        follows = "calls are not billed in steps of 6 s: the check of the overhead does not hold"
    return Finding("billedMinutes", "a multiple of 0.1", seen, follows, holds)


def _reach(unbounded: _Look, start: date) -> Finding:
    days = unbounded.reply.daily.time
    days = days[unbounded.reply.daily.columns["total_count"] > 0]
    seen = "no calls came"
    if len(days):
        first = date(1970, 1, 1) + timedelta(days=int(days.min() // DAY))
        before = (start - first).days
        seen = f"without fromDate the first calls are of {first}, {before} days before the window"
        if before <= 0:
            seen = f"without fromDate the first calls are of {first}, no sooner than in the window"
    return Finding(
        "reach",
        "how far back a reply without fromDate goes is not known",
        seen,
        "nothing: every request is sent with both ends",
        True if len(days) else None,
    )


def _rows(plain: _Look, days: int) -> Finding:
    times = plain.hourly.time
    steps = np.diff(times)
    order = (
        "oldest first" if (steps > 0).all() else "newest first" if (steps < 0).all() else "mixed"
    )
    zeros = int((plain.hourly.columns["total_count"] == 0).sum())
    seen = (
        f"{len(times)} hourly rows ({order}) and {len(plain.reply.daily.time)} daily ones for "
        f"{days} days; {zeros} hours without calls have a row"
    )
    return Finding(
        "rows",
        "rows come in any order, and rows without calls may be missing",
        seen,
        "nothing: rows are sorted, and what is missing is filled with zeros",
        True if len(times) > 1 else None,
    )


def _running(plain: _Look, again: _Look) -> Finding:
    before, after = (_by_time(look.hourly) for look in (plain, again))
    changed = {time for time in before | after if before.get(time) != after.get(time)}
    holds: bool | None = None
    seen = "between the first look and the last nothing changed"
    if changed:
        now = int(again.date.timestamp()) * 1_000_000
        oldest = (now - min(changed)) // HOUR
        grown = sum(after.get(t, (0, 0))[1] > before.get(t, (0, 0))[1] for t in changed)
        seen = (
            f"{len(changed)} hours changed while this ran, {grown} of them in duration, the oldest "
            f"began {oldest} hours before"
        )
        # An hour that began less than three hours ago ended less than two ago.
        holds = oldest < 3
    follows = "the hours marked provisional are left out of means and kept in totals"
    if holds is False:
        follows = "older hours than those marked provisional still change: fetch them again later"
    return Finding(
        "running calls",
        "counts, durations and billed minutes of the last 2 hours may still grow",
        seen,
        follows,
        holds,
    )


def _by_time(buckets: wire.Buckets) -> dict[int, tuple[int, ...]]:
    columns = buckets.columns
    rows = zip(columns["total_count"].tolist(), columns["duration"].tolist(), strict=True)
    return dict(zip(buckets.time.tolist(), rows, strict=True))


def _ends(plain: _Look, shortest: _Look, longest: _Look, until: _Look, last_hour: int) -> Finding:
    seen, unknown = [], []
    zero = shortest.calls
    if zero:
        seen.append(f"durationMax is inclusive ({zero} calls of 0 s)")
        kind = {plain.calls: "inclusive", plain.calls - zero: "exclusive"}.get(longest.calls)
        seen.append(f"durationMin is {kind or 'neither: other calls came'}")
    else:
        unknown += ["durationMin", "durationMax"]
    at_end = int(until.by_hour_of_day()[last_hour])
    if at_end:
        seen.append(f"timeOfDayEnd is inclusive ({at_end} calls at {last_hour:02}:00:00)")
    else:
        unknown.append("timeOfDayEnd")
    if unknown:
        seen.append(f"no calls that would show it of {', '.join(unknown)}")
    return Finding(
        "ends of ranges",
        "durationMin, durationMax and timeOfDayEnd may or may not be inclusive",
        "; ".join(seen),
        "calls exactly at an end may be on either side; leave a gap where it matters",
        None if len(unknown) == 3 else True,
    )


def _unjoined(plain: _Look, shortest: _Look) -> Finding:
    everyone, timeless = (
        int((look.hourly.columns["total_count"] - look.hourly.columns["joined_count"]).sum())
        for look in (plain, shortest)
    )
    holds: bool | None = timeless >= everyone
    seen = f"all {everyone} calls that nobody joined have a duration of 0 s"
    follows = "duration by joined calls is the mean length of a joined call"
    if not shortest.calls:
        seen, holds = f"no call of 0 s to tell by, and {everyone} that nobody joined", None
    elif not everyone:
        seen, holds = "every call was joined", None
    elif not holds:
        seen = f"{everyone - timeless} of {everyone} calls that nobody joined have a duration"
        follows = "time of calls that nobody joined is in duration: mean lengths are too long"
    return Finding("unjoined time", "it does not enter duration", seen, follows, holds)
