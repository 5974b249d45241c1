"""When the load is greatest, in one sentence."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.analysis.intervals import Floats, normal_quantile, wilson
from usage_analysis.analysis.peaks import WholeDays, busiest_of
from usage_analysis.analysis.profiles import Measured, as_measure, measured
from usage_analysis.analysis.statements.statement import sentences
from usage_analysis.analysis.vocabulary import UNITS, counted, number, several
from usage_analysis.tidy.grouping import SLOTS, Rows
from usage_analysis.tidy.zones import zone_of

_DAY_NAMES = (
    "Mondays",
    "Tuesdays",
    "Wednesdays",
    "Thursdays",
    "Fridays",
    "Saturdays",
    "Sundays",
)
_ENOUGH_CALLS, _ENOUGH_DAYS = 30, 3
_CHANCE = 0.05

Found = tuple[Rows, Floats, Measured]


def describe_peak(hourly: pd.DataFrame, *, measure: str = "total_count") -> str | pd.DataFrame:
    """One sentence on when the load is greatest, its zone, its spread and over how many days.

    With fewer than three of each weekday it speaks of the hour of the day, and with fewer than
    three whole days or 30 calls it says that the data are too few. An hour stands out where its
    mean is farther above that of all hours than the greatest of so many would be by chance in 1 of
    20 cases, if all had that mean: its sum is taken for a gamma variable of the ratio of variance
    to mean within hours of the week (by Wilson and Hilferty's cube, 1931); simulated, whether calls
    come by chance alone or in bursts, 0 to 7 % of such accounts were told a busiest hour. Where
    none stands out, or several share the greatest mean, the sentence says so. The share of days has
    Wilson's interval at 95 %, n being the days. Provisional hours are left out, and counted.

    Parameters
    ----------
    hourly
        Canonical hourly frame on the clock that is meant, with or without a group column.
    measure
        As for `load_profile`.

    Returns
    -------
    str or DataFrame
        The sentence; for a breakdown a column `sentence`, one row a group.

    Raises
    ------
    QueryError
        As for `load_profile`.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-02", periods=96, freq="h", tz="UTC", name="time")
    >>> hourly = pd.DataFrame({"total_count": [*range(24)] * 4, "provisional": False}, index=time)
    >>> describe_peak(hourly)
    "busiest: 23:00-24:00 (UTC), 23 calls on average, the day's peak on 100 % of days (95 % interval
    51 to 100 %); 4 days, 10th to 90th percentile 23 to 23"
    """
    found, groups, _ = busiest_of(hourly, measured("describe_peak", hourly, measure), 1, measure)
    tops = dict(zip(groups.tolist(), found.to_dict("records"), strict=True))
    return sentences(
        hourly, lambda number, rows: f"busiest: {_busiest(rows, tops.get(number), measure)}"
    )


def _busiest(hourly: pd.DataFrame, top: Any, measure: str) -> str:
    found = measured("describe_peak", hourly, measure)
    finished = ~hourly["provisional"].to_numpy(dtype=bool)
    hours, late = int(finished.sum()), int((~finished).sum())
    waiting = f", {late:,} provisional left out" if late else ""
    place = f"({zone_of(hourly)}{waiting})"
    over = several(hours, "finished hour")
    if hours == 0:
        return f"no finished hour to look at {place}"
    if not found[2][finished].any():
        return f"no hour, for there are no {UNITS[measure]} in {over} {place}"
    if "total_count" in hourly:
        calls = float(hourly["total_count"].to_numpy()[finished].sum())
        if calls < _ENOUGH_CALLS:
            return f"too few calls to say, {number(calls, 'total_count')} in {over} {place}"
    if top["n"] >= _ENOUGH_DAYS:
        return _of_week(hourly, found, finished, top, measure)
    return _of_day(WholeDays(hourly, found), measure, place)


def _of_week(
    hourly: pd.DataFrame, found: Found, finished: NDArray[np.bool_], top: Any, measure: str
) -> str:
    rows, lengths, values = found
    at = rows.place[finished]
    slot = rows.slots("hour_of_week")[at]
    late = int((~finished).sum())
    left_out = f"; left out: {several(late, 'provisional hour')}" if late else ""
    unclear = _unclear(values[finished] / lengths[at], slot, "hour_of_week", measure)
    if unclear:
        return f"{unclear} ({zone_of(hourly)}); {several(len(at), 'hour')}{left_out}"
    names = _DAY_NAMES[int(top["day_of_week"])]
    whole = names if top["days"] == top["n"] else f"the {int(top['days'])} whole {names}"
    peak = _peak_in_words(top["share_of_days"], int(top["days"]), whole)
    clock = f"{names} {_clock(int(top['hour']))} ({zone_of(hourly)})"
    return f"{_told(clock, top, names, peak, measure)}{left_out}"


def _of_day(table: WholeDays, measure: str, place: str) -> str:
    load = table.load[table.whole]
    if len(load) < _ENOUGH_DAYS:
        return (
            f"too few data to say, {several(len(load), 'whole day')} {place}; "
            f"{_ENOUGH_DAYS} are needed"
        )
    if not load.any():
        return f"no hour, for there are no {UNITS[measure]} on {len(load)} whole days {place}"
    zone, left_out = table.rows.zone, _left_out(table)
    unclear = _unclear(load.ravel(), np.tile(np.arange(24), len(load)), "hour_of_day", measure)
    if unclear:
        return f"{unclear} ({zone}); {len(load)} days{left_out}"
    hour = int(load.mean(axis=0).argmax())
    peak = load.max(axis=1)
    share = float(((load[:, hour] == peak) & (peak > 0)).mean())
    kinds = [load[:, hour].mean(), *np.percentile(load[:, hour], [10, 90])]
    told = zip(("mean", "p10", "p90"), as_measure(np.array(kinds), measure), strict=True)
    top = {**dict(told), "n": len(load)}
    in_words = _peak_in_words(share, len(load), "days")
    return f"{_told(f'{_clock(hour)} ({zone})', top, 'days', in_words, measure)}{left_out}"


def _unclear(load: Floats, slot: NDArray[Any], by: str, measure: str) -> str:
    """Why no one slot is the busiest, in words; nothing where one is."""
    n = np.bincount(slot, minlength=SLOTS[by])
    total: Floats = np.bincount(slot, load, minlength=SLOTS[by]).astype(np.float64, copy=False)
    mean = total / np.maximum(n, 1)
    top, every = int(mean.argmax()), float(load.mean())
    greatest, overall = (
        as_measure(np.array([value], dtype=np.float64), measure)[0] for value in (mean[top], every)
    )
    if not _stands_out(load, n, total, top):
        return (
            f"no hour stands out from chance, at most {counted(greatest, measure)} on average "
            f"beside {number(overall, measure)} over all hours"
        )
    alike = int((mean >= mean[top] * (1 - 1e-9)).sum())
    if alike > 1:
        of = by.removeprefix("hour_of_")
        first = _clock(top % 24) if of == "day" else f"{_DAY_NAMES[top // 24]} {_clock(top % 24)}"
        return (
            f"no one hour, {first} and {several(alike - 1, 'other')} of the {of} share "
            f"{counted(greatest, measure)} on average"
        )
    return ""


def _stands_out(load: Floats, n: NDArray[Any], total: Floats, top: int) -> bool:
    """Whether the greatest mean is beyond what chance makes of the greatest of so many."""
    every = float(load.mean())
    if total[top] <= every * n[top] * (1 + 1e-9):
        return False
    within = float((load * load).sum() - (total * total / np.maximum(n, 1)).sum())
    ratio = within / max(len(load) - int((n > 0).sum()), 1) / every
    if ratio <= 1e-9 * every:
        return True
    came, expected = float(total[top]) / ratio, every * int(n[top]) / ratio
    z = 3 * math.sqrt(expected) * ((came / expected) ** (1 / 3) - 1 + 1 / (9 * expected))
    return bool(z > NormalDist().inv_cdf(1 - _CHANCE / int((n > 0).sum())))


def _clock(hour: int) -> str:
    return f"{hour:02}:00-{hour + 1:02}:00"


def _peak_in_words(share: float, days: int, names: str) -> str:
    if pd.isna(share):
        return ""
    ends = wilson(np.array([round(share * days)]), np.array([days]), normal_quantile(0.95))
    low, high = (f"{100 * float(end[0]):.0f}" for end in ends)
    interval = f"95 % interval {low} to {high} %"
    return f", the day's peak on {100 * share:.0f} % of {names} ({interval})"


def _told(place: str, top: Any, days: str, peak: str, measure: str) -> str:
    low, high = number(top["p10"], measure), number(top["p90"], measure)
    return (
        f"{place}, {counted(top['mean'], measure)} on average{peak}; "
        f"{int(top['n'])} {days}, 10th to 90th percentile {low} to {high}"
    )


def days_in_words(hourly: pd.DataFrame) -> str:
    """How many whole days busy hours look at, and why other days of a frame are left out."""
    table = WholeDays(hourly, measured("busy_hour", hourly, "total_count"))
    return f"{several(int(table.whole.sum()), 'whole day')}{_left_out(table)}"


def _left_out(table: WholeDays) -> str:
    """Why days are not looked at; nothing where all are."""
    skipping = int(table.skipping.sum())
    others = int((table.seen & ~table.whole & ~table.skipping).sum())
    reasons = [f"{skipping} whose clock skips an hour"] if skipping else []
    reasons += [f"{others} not whole or provisional"] if others else []
    return f"; left out: {' and '.join(reasons)}" if reasons else ""
