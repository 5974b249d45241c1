"""Checks of the doctor: each compares one assumption with the account's replies."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from usage_analysis.doctor.replies import Account, Observation, Response
from usage_analysis.tidy.zones import DAY, HOUR, instant_of

_SECONDS = re.compile(r"[0-9]+(?:\.(?P<decimals>[0-9]{1,9}))?s", re.ASCII)


class Check(NamedTuple):
    """An assumption, and the function that checks it."""

    topic: str
    assumed: str
    observe: Callable[[Account], Observation]
    #: Names of the requests that the check cannot do without and that the server may refuse.
    needs: tuple[str, ...] = ()


#: All checks, in the order of the findings.
CHECKS: list[Check] = []


def _add_check(
    topic: str, assumed: str, *needs: str
) -> Callable[[Callable[[Account], Observation]], Callable[[Account], Observation]]:
    """Return a decorator that adds a function to the checks."""

    def add(observe: Callable[[Account], Observation]) -> Callable[[Account], Observation]:
        CHECKS.append(Check(topic, assumed, observe, needs))
        return observe

    return add


@_add_check("allTime", "allTime may ignore the filters")
def _observe_all_time(account: Account) -> Observation:
    filters = {"week": "dates", "hour-of-day": "time of day", "duration-max": "duration"}
    window = account.response("window")
    # New calls may arrive between the requests.
    least, most = (account.response(name).all_time["total_count"] for name in ("window", "again"))
    seen, shown = [], False
    for name, what in filters.items():
        if (response := account.find(name)) is None:
            continue
        total = response.all_time["total_count"]
        differs = response.calls != window.calls
        shown |= differs
        if not differs:
            seen.append(f"the filter on {what} cannot tell, because all calls pass it")
        elif total == response.calls:
            seen.append(f"it follows the filter on {what}: {total:,} of {window.calls:,} calls")
        elif least <= total <= most:
            seen.append(
                f"it ignores the filter on {what}: {total:,} calls, with {response.calls:,} in the "
                "hours"
            )
        else:
            seen.append(
                f"with the filter on {what} it is neither: {total:,} calls, with "
                f"{response.calls:,} in the hours"
            )
    follows = "no effect: the total of a period is always the sum of its buckets"
    return Observation("; ".join(seen), follows, True if shown else None)


@_add_check("days", "daily rows are UTC days")
def _observe_days(account: Account) -> Observation:
    plain = account.response("window")
    # Time zones are -12 to +14 hours from UTC; the smallest shift that fits is the likeliest.
    daily, shifts = _by_day(plain.daily), sorted(range(-14, 15), key=abs)
    shift = next((hours for hours in shifts if _by_day(plain.hourly, hours).equals(daily)), None)
    holds: bool | None = shift == 0
    seen = f"in all {len(plain.daily)} daily rows the hours of the UTC day add up to the row"
    if daily.empty:
        seen, holds = "no calls in these days", None
    elif shift is None:
        seen = "the hours do not add up to the daily rows, neither in UTC nor in another time zone"
    elif shift:
        seen = f"the daily rows are days in the time zone UTC{shift:+d}"
    follows = "local days are computed from the hours"
    if holds is False:
        follows = "`usage.daily` has no UTC days: use aggregate(usage.hourly, 'D') instead"
    return Observation(seen, follows, holds)


def _by_day(rows: pd.DataFrame, shift: int = 0) -> pd.Series:
    """Return the calls of each day with calls, in a time zone so many hours ahead of UTC."""
    calls = rows["total_count"].groupby((rows.index + shift * HOUR) // DAY).sum()
    return calls[calls > 0]


@_add_check("zone of the time of day", "timeOfDayStart and timeOfDayEnd are UTC", "hour-of-day")
def _observe_zone_of_time(account: Account) -> Observation:
    hour = account.response("window").busiest_hour
    found = np.flatnonzero(account.response("hour-of-day").by_hour_of_day()).tolist()
    holds = found == [hour] if found else None
    listed = ", ".join(f"{one:02}" for one in found) or "none"
    seen = f"a filter on the hour from {hour:02}:00 returned calls in the UTC hours {listed}"
    follows = "filters on the time of day are in UTC"
    if holds is False:
        follows = "filters on the time of day are not in UTC: select the hours in the frame instead"
    return Observation(seen, follows, holds)


@_add_check("time of day over midnight", "one request may not be able to pass midnight")
def _observe_overnight(account: Account) -> Observation:
    hours = account.response("window").by_hour_of_day()
    expected = int(hours[[22, 23, 0, 1, 2, 3, 4, 5]].sum())
    seen, holds = "there are no calls between 22:00 and 06:00", None
    if refusal := account.refusal(["overnight"]):
        seen, holds = f"from 22:00 to 06:00 in one request: {refusal.seen}", True
    elif expected:
        calls, holds = account.response("overnight").calls, True
        seen = f"one request from 22:00 to 06:00 passes midnight: {calls:,} calls"
        if calls != expected:
            seen = (
                f"one request from 22:00 to 06:00 returned {calls:,} of the {expected:,} calls in "
                "these hours"
            )
    follows = "no effect: such a filter is sent as two requests, split at midnight, and added up"
    return Observation(seen, follows, holds)


@_add_check("errorCount", "errorCount may include unjoined calls")
def _observe_errors(account: Account) -> Observation:
    plain, over = account.response("window"), 0
    for response in filter(None, map(account.find, ("window", "duration-max"))):
        over += int((response.hourly["error_count"] > response.hourly["joined_count"]).sum())
    holds: bool | None = True if over else None
    errors = plain.hourly["error_count"].sum()
    seen = f"the hours do not show whether any of the {errors:,} errors is of an unjoined call"
    if over:
        seen = f"{over:,} hours have more errors than joined calls, so some are of unjoined calls"
    follows = "the error rate is errors / all calls; errors are never subtracted from joined calls"
    if (plain.hourly["error_count"] > plain.hourly["total_count"]).any():
        seen, holds = "some hours have more errors than calls", False
        follows = "error rates of this account are wrong: report this to the vendor"
    return Observation(seen, follows, holds)


@_add_check("duration", 'durations are decimal seconds with an "s", with up to 9 decimal places')
def _observe_decimals(account: Account) -> Observation:
    document = account.response("window").document
    texts = [row["duration"] for row in document["daily"] + document["hourly"]]
    matches = [_SECONDS.fullmatch(text) for text in texts]
    others = [text for text, match in zip(texts, matches, strict=True) if match is None]
    most = max((len(match["decimals"] or "") for match in matches if match), default=0)
    seen = f"{len(texts):,} durations in seconds, with up to {most} decimal places"
    follows = "durations are exact"
    if most > 6:
        follows = "durations are rounded to microseconds"
    if others:
        example = others[0][:40]
        seen = (
            f"{len(others):,} of {len(texts):,} durations have another form, "
            f"for example {example!r}"
        )
        follows = "these durations are read exactly but slowly; please report their form to us"
    return Observation(seen, follows, not others if texts else None)


@_add_check("billedMinutes", "billed minutes are multiples of 0.1")
def _observe_tenths(account: Account) -> Observation:
    minutes = account.response("window").hourly["billed_minutes"].to_numpy()
    # Each call is rounded up to 6 s, a tenth of a minute. Floats hold tenths inexactly.
    off = np.abs(minutes * 10 - np.rint(minutes * 10)) > 1e-6
    holds = None if not minutes.any() else not off.any()
    seen = f"all {int((minutes > 0).sum())} hours with billed minutes have multiples of 0.1"
    follows = "calls are billed in steps of 6 s, and sums are exact"
    if off.any():
        seen = f"{int(off.sum())} hours have other billed minutes, for example {minutes[off][0]:g}"
        follows = (
            "calls are not billed in steps of 6 s: the overhead check of `reconcile` does not apply"
        )
    return Observation(seen, follows, holds)


@_add_check("reach", "a reply without fromDate may go back any number of days", "no-start")
def _observe_reach(account: Account) -> Observation:
    unbounded, start = account.response("no-start"), account.response("window").first_day
    days = unbounded.daily.index[unbounded.daily["total_count"] > 0]
    seen = "the reply has no calls"
    if len(days):
        first = instant_of(int(days.min())).date()
        before = (start - first).days
        seen = f"without fromDate the reply goes back to {first}, {before} days before the period"
        if before <= 0:
            seen = f"without fromDate the reply goes back to {first}, no further than the period"
    follows = "no effect: every request has a first and a last day"
    return Observation(seen, follows, True if len(days) else None)


@_add_check("rows", "rows may have any order, and hours without calls may have no row")
def _observe_rows(account: Account) -> Observation:
    plain = account.response("window")
    times, order = plain.hourly.index, "mixed"
    if times.is_monotonic_increasing:
        order = "oldest first"
    elif times.is_monotonic_decreasing:
        order = "newest first"
    zeros = int((plain.hourly["total_count"] == 0).sum())
    seen = (
        f"{len(times):,} hourly rows ({order}) and {len(plain.daily)} daily rows for "
        f"{plain.days} days; {zeros:,} of the hourly rows have no calls"
    )
    follows = "no effect: rows are sorted, and missing hours become rows of zeros"
    return Observation(seen, follows, True if len(times) > 1 else None)


@_add_check(
    "running calls",
    "counts, durations and billed minutes may still grow, but only of the last 2 hours",
)
def _observe_running(account: Account) -> Observation:
    again = account.response("again")
    columns = ["total_count", "duration"]
    hourly = again.hourly[columns]
    before, after = account.response("now").hourly[columns].align(hourly, fill_value=0)
    now = int(again.made.timestamp()) * 1_000_000
    changed = after.index[(before != after).any(axis=1)]
    holds: bool | None = None
    seen = "nothing changed between the first and the last request"
    if len(changed):
        oldest = (now - int(changed.min())) // HOUR
        grown = int((after["duration"] > before["duration"]).sum())
        seen = (
            f"{len(changed)} hours changed during the check, {grown} of them in duration; the "
            f"oldest began {oldest} hours ago"
        )
        # An hour that began less than 3 hours ago ended less than 2 hours ago, the billing lag.
        holds = oldest < 3
    follows = "hours marked provisional are left out of means, and are part of totals"
    if holds is False:
        follows = "hours that are not marked provisional still change: fetch them again later"
    return Observation(seen + _describe_current_hour(again, now), follows, holds)


def _describe_current_hour(response: Response, now: int) -> str:
    """Return the mean duration of the current hour, which may have running calls, and before."""
    hourly = response.hourly[["joined_count", "duration"]]
    sums = hourly.groupby(hourly.index > now - HOUR).sum().reindex([True, False], fill_value=0)
    if (sums["joined_count"] == 0).any():
        return ""
    means = [f"{mean / 1e6:.0f} s" for mean in sums["duration"] / sums["joined_count"]]
    return f"; joined calls of the current hour last {means[0]} on average, {means[1]} before"


@_add_check(
    "ends of ranges", "durationMin, durationMax and timeOfDayEnd may be inclusive or exclusive"
)
def _observe_ends(account: Account) -> Observation:
    plain = account.response("window")
    seen, unknown = [], []
    most, least, end = map(account.find, ("duration-max", "duration-min", "until"))
    # Calls of 0 s lie exactly at the end of both filters on the duration, which are 0 s.
    zero = most and most.calls
    if zero:
        seen.append(f"durationMax is inclusive ({zero:,} calls of 0 s)")
    else:
        unknown.append("durationMax")
    if zero and least:
        kind = {plain.calls: "inclusive", plain.calls - zero: "exclusive"}.get(least.calls)
        seen.append(f"durationMin is {kind or 'neither, because other calls were returned'}")
    else:
        unknown.append("durationMin")
    if until := end and end.by_hour_of_day()[plain.busiest_hour]:
        seen.append(f"timeOfDayEnd is inclusive ({until:,} calls at {plain.busiest_hour:02}:00:00)")
    else:
        unknown.append("timeOfDayEnd")
    if unknown:
        seen.append(f"no calls at the end of {', '.join(unknown)}")
    follows = "a call exactly at an end may be included or not; leave a gap where it matters"
    return Observation("; ".join(seen), follows, None if len(unknown) == 3 else True)


@_add_check("unjoined time", "unjoined calls add nothing to duration", "duration-max")
def _observe_unjoined(account: Account) -> Observation:
    plain, shortest = account.response("window"), account.response("duration-max")
    # The filter durationMax=0s leaves the calls without a duration.
    everyone, timeless = plain.unjoined_calls, shortest.unjoined_calls
    holds: bool | None = timeless >= everyone
    seen = f"all {everyone:,} unjoined calls have a duration of 0 s"
    follows = "average call duration is duration / joined calls"
    if not shortest.calls:
        seen = f"there are no calls of 0 s to compare with; {everyone:,} calls are unjoined"
        holds = None
    elif not everyone:
        seen, holds = "all calls were joined", None
    elif not holds:
        seen = f"{everyone - timeless:,} of {everyone:,} unjoined calls have a duration"
        follows = (
            "the duration of unjoined calls is included, so average call durations are too long"
        )
    return Observation(seen, follows, holds)
