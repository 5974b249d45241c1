"""What each reply of the account shows of one thing that the description leaves open."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np

from usage_analysis.doctor.replies import Account, Look, Seen
from usage_analysis.tidy import wire
from usage_analysis.tidy.zones import DAY, HOUR

_SECONDS = re.compile(r"[0-9]+(?:\.(?P<decimals>[0-9]{1,9}))?s", re.ASCII)


class Check(NamedTuple):
    """One thing that is taken for granted, and how to see whether it is so."""

    topic: str
    assumed: str
    see: Callable[[Account], Seen]
    needs: tuple[str, ...] = ()
    """The names of the requests that it shows nothing without, where they may be refused."""


def _all_time(account: Account) -> Seen:
    filters = {"week": "the dates", "hour-of-day": "the time of day", "duration-max": "the length"}
    window = account.look("window")
    # New calls come in while this asks.
    least, most = (
        int(account.look(name).reply.all_time["total_count"]) for name in ("window", "again")
    )
    seen, shown = [], False
    for name, what in filters.items():
        if not account.answered(name):
            continue
        look = account.look(name)
        total = int(look.reply.all_time["total_count"])
        differs = look.calls != window.calls
        shown |= differs
        if not differs:
            seen.append(f"nothing is shown by {what}, all calls fit")
        elif total == look.calls:
            seen.append(f"it follows {what}: {total} calls of {window.calls}")
        elif least <= total <= most:
            seen.append(f"it does not follow {what}: {total} calls, {look.calls} in the hours")
        else:
            seen.append(f"it is neither by {what}: {total} calls, {look.calls} in the hours")
    follows = "nothing: a window's totals are sums of its buckets, whatever allTime says"
    return Seen("; ".join(seen), follows, True if shown else None)


def _days(account: Account) -> Seen:
    plain = account.look("window")
    daily = dict(zip(plain.daily.time.tolist(), _counts(plain.daily), strict=True))
    daily = {day: count for day, count in daily.items() if count}
    shift = next((h for h in sorted(range(-14, 15), key=abs) if _by_day(plain, h) == daily), None)
    holds: bool | None = shift == 0
    seen = f"in {len(plain.daily.time)} daily rows the hours of each UTC day add up to it"
    if not daily:
        seen, holds = "no calls in the window", None
    elif shift is None:
        seen = "the hours of the UTC days do not add up to the daily rows, nor in another zone"
    elif shift:
        seen = f"the daily rows are days of the zone UTC{shift:+d}"
    follows = "days in other zones are rebuilt from the hours"
    if holds is False:
        follows = "daily figures are not those of UTC days: take aggregate(hourly, 'D') instead"
    return Seen(seen, follows, holds)


def _by_day(look: Look, shift: int) -> dict[int, int]:
    days = (look.hourly.time + shift * HOUR) // DAY * DAY
    sums: dict[int, int] = {}
    for day, count in zip(days.tolist(), _counts(look.hourly), strict=True):
        sums[day] = sums.get(day, 0) + count
    return {day: count for day, count in sums.items() if count}


def _counts(buckets: wire.Buckets) -> list[int]:
    counts: list[int] = buckets.columns["total_count"].tolist()
    return counts


def _zone_of_time(account: Account) -> Seen:
    hour, asked = account.look("hour-of-day"), account.look("window").busiest
    came = np.flatnonzero(hour.by_hour_of_day()).tolist()
    holds = came == [asked] if came else None
    seen = f"asked for the hour from {asked:02}:00, calls came in the UTC hours {_listed(came)}"
    follows = "a time-of-day filter means UTC"
    if holds is False:
        follows = "a time-of-day filter does not mean UTC: filter the hours of the frame instead"
    return Seen(seen, follows, holds)


def _listed(hours: list[int]) -> str:
    return ", ".join(f"{hour:02}" for hour in hours) or "none"


def _overnight(account: Account) -> Seen:
    hours = account.look("window").by_hour_of_day()
    expected = int(hours[[22, 23, 0, 1, 2, 3, 4, 5]].sum())
    seen, holds = "no calls between 22:00 and 06:00", None
    if refusal := account.refusal(["overnight"]):
        seen, holds = f"from 22:00 to 06:00 at once: {refusal.seen}", True
    elif expected:
        calls, holds = account.look("overnight").calls, True
        seen = f"one request from 22:00 to 06:00 goes over midnight: {calls} calls"
        if calls != expected:
            seen = (
                f"one request from 22:00 to 06:00 gives {calls} calls, where its hours hold "
                f"{expected}"
            )
    return Seen(
        seen, "nothing: two requests are sent, up to midnight and from it, and added", holds
    )


def _errors(account: Account) -> Seen:
    plain, over = account.look("window"), 0
    for name in filter(account.answered, ("window", "duration-max")):
        columns = account.look(name).hourly.columns
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
    return Seen(seen, follows, holds)


def _decimals(account: Account) -> Seen:
    document = account.look("window").document
    texts = [row["duration"] for row in document["daily"] + document["hourly"]]
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
    return Seen(seen, follows, not others if texts else None)


def _tenths(account: Account) -> Seen:
    minutes = account.look("window").hourly.columns["billed_minutes"]
    off = np.abs(minutes * 10 - np.rint(minutes * 10)) > 1e-6
    holds = None if not minutes.any() else not off.any()
    seen = f"{int((minutes > 0).sum())} hours with billed minutes, all in tenths"
    follows = "each call is billed in steps of 6 s, and sums stay exact"
    if off.any():
        seen = f"in {int(off.sum())} hours billed minutes are no tenths, as {minutes[off][0]:g}"
        follows = "calls are not billed in steps of 6 s: the check of the overhead does not hold"
    return Seen(seen, follows, holds)


def _reach(account: Account) -> Seen:
    unbounded, start = account.look("no-start"), account.look("window").first_day
    days = unbounded.daily.time
    days = days[unbounded.daily.columns["total_count"] > 0]
    seen = "no calls came"
    if len(days):
        first = date(1970, 1, 1) + timedelta(days=int(days.min() // DAY))
        before = (start - first).days
        seen = f"without fromDate the first calls are of {first}, {before} days before the window"
        if before <= 0:
            seen = f"without fromDate the first calls are of {first}, no sooner than in the window"
    follows = "nothing: every request is sent with both ends"
    return Seen(seen, follows, True if len(days) else None)


def _rows(account: Account) -> Seen:
    plain = account.look("window")
    times = plain.hourly.time
    steps = np.diff(times)
    order = (
        "oldest first" if (steps > 0).all() else "newest first" if (steps < 0).all() else "mixed"
    )
    zeros = int((plain.hourly.columns["total_count"] == 0).sum())
    seen = (
        f"{len(times)} hourly rows ({order}) and {len(plain.daily.time)} daily ones for "
        f"{plain.days} days; {zeros} hours without calls have a row"
    )
    follows = "nothing: rows are sorted, and what is missing is filled with zeros"
    return Seen(seen, follows, True if len(times) > 1 else None)


def _running(account: Account) -> Seen:
    first, again = account.look("now"), account.look("again")
    before, after = _by_time(first.hourly), _by_time(again.hourly)
    now = int(again.made.timestamp()) * 1_000_000
    changed = {time for time in before | after if before.get(time) != after.get(time)}
    holds: bool | None = None
    seen = "between the first look and the last nothing changed"
    if changed:
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
    return Seen(seen + _under_way(again, now), follows, holds)


def _under_way(look: Look, now: int) -> str:
    """How long the calls of the hour under way are, beside those before: it has running ones."""
    columns = look.hourly.columns
    means = []
    for hours in (look.hourly.time > now - HOUR, look.hourly.time <= now - HOUR):
        joined = int(columns["joined_count"][hours].sum())
        if not joined:
            return ""
        means.append(f"{columns['duration'][hours].sum() / 1e6 / joined:.0f} s")
    return f"; a joined call of the hour under way has {means[0]} on average, {means[1]} before"


def _by_time(buckets: wire.Buckets) -> dict[int, tuple[int, ...]]:
    columns = buckets.columns
    rows = zip(columns["total_count"].tolist(), columns["duration"].tolist(), strict=True)
    return dict(zip(buckets.time.tolist(), rows, strict=True))


def _ends(account: Account) -> Seen:
    plain = account.look("window")
    seen, unknown = [], []
    zero = account.answered("duration-max") and account.look("duration-max").calls
    if zero:
        seen.append(f"durationMax is inclusive ({zero} calls of 0 s)")
    else:
        unknown.append("durationMax")
    if zero and account.answered("duration-min"):
        calls = account.look("duration-min").calls
        kind = {plain.calls: "inclusive", plain.calls - zero: "exclusive"}.get(calls)
        seen.append(f"durationMin is {kind or 'neither: other calls came'}")
    else:
        unknown.append("durationMin")
    until = account.answered("until") and account.look("until").by_hour_of_day()[plain.busiest]
    if until:
        seen.append(f"timeOfDayEnd is inclusive ({until} calls at {plain.busiest:02}:00:00)")
    else:
        unknown.append("timeOfDayEnd")
    if unknown:
        seen.append(f"no calls that would show it of {', '.join(unknown)}")
    follows = "calls exactly at an end may be on either side; leave a gap where it matters"
    return Seen("; ".join(seen), follows, None if len(unknown) == 3 else True)


def _unjoined(account: Account) -> Seen:
    plain, shortest = account.look("window"), account.look("duration-max")
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
    return Seen(seen, follows, holds)


CHECKS = (
    Check("allTime", "it may or may not follow the filters", _all_time),
    Check("days", "a daily row is a UTC day", _days),
    Check("zone of the time of day", "timeOfDay is UTC", _zone_of_time, ("hour-of-day",)),
    Check("time of day over midnight", "one request may not say it", _overnight),
    Check("errorCount", "it may count calls that nobody joined", _errors),
    Check("duration", 'decimal seconds with an "s", up to 9 decimals', _decimals),
    Check("billedMinutes", "a multiple of 0.1", _tenths),
    Check(
        "reach", "how far back a reply without fromDate goes is not known", _reach, ("no-start",)
    ),
    Check("rows", "rows come in any order, and rows without calls may be missing", _rows),
    Check(
        "running calls",
        "counts, durations and billed minutes of the last 2 hours may still grow",
        _running,
    ),
    Check(
        "ends of ranges",
        "durationMin, durationMax and timeOfDayEnd may or may not be inclusive",
        _ends,
    ),
    Check("unjoined time", "it does not enter duration", _unjoined, ("duration-max",)),
)
