"""Checks of the doctor: each compares one assumption with the account's replies.

`checks.toml` has the assumptions and the texts of all phrases. Each function here has the name of
an assumption there.
"""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from usage_analysis.doctor.replies import Account
from usage_analysis.tidy.zones import DAY, HOUR, instant_of

_SECONDS = re.compile(r"[0-9]+(?:\.(?P<decimals>[0-9]{1,9}))?s", re.ASCII)

#: Observed phrases by name, each with the values for its text.
Phrases = Iterator[tuple[str, dict[str, Any]]]


def all_time(account: Account) -> Phrases:
    """Compare allTime with the calls that pass a filter, and with all calls."""
    filters = {"week": "dates", "hour-of-day": "time of day", "duration-max": "duration"}
    window = account.response("window")
    # New calls may arrive between the requests.
    least, most = (account.response(name).all_time["total_count"] for name in ("window", "again"))
    for name, what in filters.items():
        if (response := account.find(name)) is None:
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
    plain = account.response("window")
    # Time zones are -12 to +14 hours from UTC; the smallest shift that fits is the likeliest.
    daily, shifts = _by_day(plain.daily), sorted(range(-14, 15), key=abs)
    shift = next((hours for hours in shifts if _by_day(plain.hourly, hours).equals(daily)), None)
    phrase = {0: "utc", None: "different"}.get(shift, "shifted")
    yield "empty" if daily.empty else phrase, {"rows": len(plain.daily), "shift": shift}


def _by_day(rows: pd.DataFrame, shift: int = 0) -> pd.Series:
    """Return the calls of each day with calls, in a time zone so many hours ahead of UTC."""
    calls = rows["total_count"].groupby((rows.index + shift * HOUR) // DAY).sum()
    return calls[calls > 0]


def zone_of_time(account: Account) -> Phrases:
    """Find the UTC hours of the calls that pass a filter on one hour of the day."""
    hour = account.response("window").busiest_hour
    found = np.flatnonzero(account.response("hour-of-day").by_hour_of_day()).tolist()
    listed = ", ".join(f"{one:02}" for one in found) or "none"
    phrase = "utc" if found == [hour] else "other"
    yield phrase if found else "empty", {"hour": hour, "found": listed}


def overnight(account: Account) -> Phrases:
    """Compare the calls of one request over midnight with those in the same hours."""
    expected = int(account.response("window").by_hour_of_day()[[22, 23, 0, 1, 2, 3, 4, 5]].sum())
    if (response := account.find("overnight")) is None:
        yield "refused", {"error": account.refusal(["overnight"])}
    elif not expected:
        yield "empty", {}
    else:
        phrase = "passes" if response.calls == expected else "stops"
        yield phrase, {"calls": response.calls, "expected": expected}


def errors(account: Account) -> Phrases:
    """Look for hours with more errors than joined calls, or than calls."""
    hourly, hours = account.response("window").hourly, 0
    for response in filter(None, map(account.find, ("window", "duration-max"))):
        hours += int((response.hourly["error_count"] > response.hourly["joined_count"]).sum())
    phrase = "unjoined" if hours else "unclear"
    if (hourly["error_count"] > hourly["total_count"]).any():
        phrase = "wrong"
    yield phrase, {"hours": hours, "errors": hourly["error_count"].sum()}


def decimals(account: Account) -> Phrases:
    """Look at the form of all durations."""
    document = account.response("window").document
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
    minutes = account.response("window").hourly["billed_minutes"].to_numpy()
    # Each call is rounded up to 6 s, a tenth of a minute. Floats hold tenths inexactly.
    off = np.abs(minutes * 10 - np.rint(minutes * 10)) > 1e-6
    if off.any():
        yield "other", {"others": int(off.sum()), "example": minutes[off][0]}
    else:
        yield "exact" if minutes.any() else "empty", {"billed": int((minutes > 0).sum())}


def reach(account: Account) -> Phrases:
    """Find the first day with calls of a reply without fromDate."""
    unbounded, start = account.response("no-start"), account.response("window").first_day
    days = unbounded.daily.index[unbounded.daily["total_count"] > 0]
    if not len(days):
        yield "empty", {}
        return
    first = instant_of(int(days.min())).date()
    before = (start - first).days
    yield "before" if before > 0 else "within", {"first": first, "before": before}


def rows(account: Account) -> Phrases:
    """Describe the order of the rows, and the hours without calls."""
    plain = account.response("window")
    times, order = plain.hourly.index, "mixed"
    if times.is_monotonic_increasing:
        order = "oldest first"
    elif times.is_monotonic_decreasing:
        order = "newest first"
    yield (
        "several" if len(times) > 1 else "few",
        {
            "hours": len(times),
            "order": order,
            "rows": len(plain.daily),
            "days": plain.days,
            "zeros": int((plain.hourly["total_count"] == 0).sum()),
        },
    )


def running(account: Account) -> Phrases:
    """Compare the first and the last reply, and the mean durations of the current hour and before.

    The current hour may have running calls.
    """
    again = account.response("again")
    before, after = (
        account.response("now")
        .hourly[["total_count", "duration"]]
        .align(again.hourly[["total_count", "duration"]], fill_value=0)
    )
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
    plain, unknown = account.response("window"), []
    most, least, end = map(account.find, ("duration-max", "duration-min", "until"))
    # Calls of 0 s lie exactly at the end of both filters on the duration, which are 0 s.
    zero = most and most.calls
    if zero:
        yield "longest", {"zero": zero}
    else:
        unknown.append("durationMax")
    if zero and least:
        kind = {plain.calls: "inclusive", plain.calls - zero: "exclusive"}.get(least.calls)
        yield "shortest", {"kind": kind or "neither, because other calls were returned"}
    else:
        unknown.append("durationMin")
    if calls := end and end.by_hour_of_day()[plain.busiest_hour]:
        yield "time", {"calls": calls, "hour": plain.busiest_hour}
    else:
        unknown.append("timeOfDayEnd")
    if unknown:
        yield "unknown", {"names": ", ".join(unknown)}


def unjoined(account: Account) -> Phrases:
    """Compare all unjoined calls with the unjoined calls that have a duration of 0 s."""
    shortest, everyone = account.response("duration-max"), account.response("window").unjoined_calls
    timed = everyone - shortest.unjoined_calls
    phrase = "timed" if timed > 0 else "timeless"
    if not shortest.calls:
        phrase = "no_zeros"
    elif not everyone:
        phrase = "no_unjoined"
    yield phrase, {"all": everyone, "timed": timed}
