"""Peaks and capacity in words."""

from typing import Any

import numpy as np
import pandas as pd

from usage_analysis.analysis import vocabulary as say
from usage_analysis.analysis.arrays import Places
from usage_analysis.analysis.capacity import capacity, many_overlong
from usage_analysis.analysis.erlang import channels_for, offered_for
from usage_analysis.analysis.meaning import Meaning, meaning_of
from usage_analysis.analysis.peaks import WholeDays, peak_hours
from usage_analysis.analysis.profiles import load_profile, measured
from usage_analysis.analysis.statements.statement import Statement, describe, state
from usage_analysis.tidy.frame_check import check_frame
from usage_analysis.tidy.frames import group_column
from usage_analysis.tidy.grouping import provisional_instants
from usage_analysis.tidy.zones import zone_of

#: Words for the parts of a profile of the hours of the day.
WHOSE = {"workdays": "workdays", "weekend": "the weekend", "": "the day"}
_NAME = 40
# More hours than these say nothing to a reader.
_FEW, _FEW_SPANS = {"hour_of_day": 8, "hour_of_week": 42}, 3


def describe_peak(hourly: pd.DataFrame, *, measure: str = "total_count") -> str | pd.DataFrame:
    """Describe when the load is greatest, as far as the data show this.

    One hour is named only if the probabilities that another is busier add to at most 5 %. Otherwise
    the description gives the hours that may be the busiest, at a confidence of 95 %: multiple
    comparisons with the best (Hsu 1984). The load of a named hour of the week is its expected load,
    because the greatest of 168 means is partly luck; see `load_profile`.

    Parameters
    ----------
    hourly
        Canonical hourly frame in the time zone of interest, with or without a group column.
    measure
        As for `load_profile`.

    Returns
    -------
    str or DataFrame
        The description; for a breakdown a column `sentence`, one row per group.

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
    'The busiest hour of the day is 23:00-24:00, with 23 calls per hour on average (95 % confidence;
    1,104 calls in 96 hours, 2026-03-02 to 2026-03-05 (UTC)).'
    """
    measured("describe_peak", hourly, measure)
    tables = _peak_tables(hourly, measure)
    if group_column(hourly) is None:
        return state_week(*tables).sentence
    groups = list(tables[0].index.unique(0))
    return describe(
        hourly,
        lambda number, rows: state_week(*(_of_group(t, groups[number], rows) for t in tables)),
    )


def state_peak(hourly: pd.DataFrame, measure: str = "total_count") -> Statement:
    """Return the statement on the busiest hour of one series of hourly rows."""
    return state_week(*_peak_tables(hourly, measure))


def _peak_tables(hourly: pd.DataFrame, measure: str) -> tuple[pd.DataFrame, ...]:
    """Profiles of the week and of the day, and the busiest hour of each group."""
    slots = ("hour_of_week", "hour_of_day")
    profiles = (load_profile(hourly, by=slot, measure=measure) for slot in slots)
    return *profiles, peak_hours(hourly, 1, measure=measure)


def _of_group(table: pd.DataFrame, name: object, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of one group of a table, with its own dates and provisional hours."""
    out = table[table.index.get_level_values(0) == name].droplevel(0)
    out.attrs |= {"dates": say.dates(rows), "left_out": provisional_instants(rows)}
    return out


def state_week(
    week: pd.DataFrame,
    day: pd.DataFrame | None = None,
    peaks: pd.DataFrame | None = None,
    *,
    meaning: Meaning | None = None,
) -> Statement:
    """State which hour of the week is the busiest, or which hours may be.

    Parameters
    ----------
    week, day
        Results of `load_profile` for the hours of the week and of the day.
    peaks
        Result of `peak_hours`; without it the statement counts no days.
    meaning
        Meaning of `week`, if the table has lost its own.
    """
    measure = str(meaning_of(week, "load_profile", meaning=meaning).measure)
    nothing = _state_no_load(week, measure)
    if nothing is not None:
        return nothing
    title, sentence = _of_week(week, measure)
    if day is not None and week["busiest"].sum() != 1:
        words = _of_day(day, measure, "the day")
        sentence = words if "stands out" in title else f"{words}; {title[:1].lower()}{title[1:]}"
    elif peaks is not None and week["busiest"].sum() == 1:
        sentence += _peak_days(peaks)
    return Statement(title, f"{sentence} ({_basis(week)}).")


def state_day(
    day: pd.DataFrame, whose: str = "the day", *, meaning: Meaning | None = None
) -> Statement:
    """State which hour of the day is the busiest, or which hours may be."""
    measure = str(meaning_of(day, "load_profile", meaning=meaning).measure)
    nothing = _state_no_load(day, measure)
    if nothing is not None:
        return nothing
    return state(_of_day(day, measure, whose), f" ({_basis(day)})")


def state_days(profile: pd.DataFrame, *, meaning: Meaning | None = None) -> Statement:
    """State the busiest hour of the day for groups, or for workdays and the weekend.

    Parameters
    ----------
    profile
        Result of `load_profile` for the hours of the day. Of many groups the three with the
        greatest load are named.
    meaning
        Meaning of `profile`, if the table has lost its own.
    """
    of = meaning_of(profile, "load_profile", meaning=meaning)
    if profile.index.nlevels == 1:
        return state_day(profile, meaning=of)
    parts = {str(name): rows.droplevel(0) for name, rows in profile.groupby(level=0, sort=False)}
    some = [name for name, rows in parts.items() if (rows["mean"] > rows["mean"] * 0).any()]
    if not some:
        return state_day(next(iter(parts.values())), meaning=of)
    grouped = profile.index.names[0] != "days"
    if grouped:
        some.sort(key=lambda name: parts[name]["mean"].sum(), reverse=True)
    whose = {name: say.shorten(name, _NAME) if grouped else WHOSE[name] for name in some}
    words = [_of_day(parts[name], str(of.measure), whose[name]) for name in some[:_FEW_SPANS]]
    sums = {"n": "max" if grouped else "sum", "calls": "sum"}
    basis = profile.groupby(level=-1).agg({key: how for key, how in sums.items() if key in profile})
    basis.attrs = profile.attrs
    first, *others = words
    later = "".join(f"; {word[:1].lower()}{word[1:]}" for word in others)
    return Statement(first, f"{first}{later} ({_basis(basis)}).")


def hours_that_stand_out(profile: pd.DataFrame) -> Places:
    """Return the hours of a profile that may be the busiest; none if most hours may be."""
    may_be = np.flatnonzero(profile["busiest"].to_numpy(dtype=bool))
    seen = int((profile["n"] > 0).sum())
    most = min(_FEW[str(profile.index.names[-1])], max(seen / 2, 1))
    return may_be if len(may_be) <= most else may_be[:0]


def days_in_words(hourly: pd.DataFrame) -> str:
    """Return how many whole days busy hours look at, and why other days are left out."""
    table = WholeDays(hourly, measured("busy_hour", hourly, "total_count"))
    skipping = int(table.skipping.sum())
    others = int((table.seen & ~table.whole & ~table.skipping).sum())
    reasons = [f"{skipping} whose clock skips an hour"] if skipping else []
    reasons += [f"{others} incomplete or provisional"] if others else []
    left_out = f"; left out: {' and '.join(reasons)}" if reasons else ""
    return f"{say.several(int(table.whole.sum()), 'whole day')}{left_out}"


def _state_no_load(profile: pd.DataFrame, measure: str) -> Statement | None:
    """State why no peak can be named; None if there is a load."""
    hours = say.several(int(profile["n"].sum()), "finished hour")
    if not profile["n"].any():
        title = "No finished hour yet, so no busiest hour"
    elif not (profile["mean"].dropna() != profile["mean"].dropna() * 0).any():
        title = f"No {say.UNITS[measure]} in {hours}"
    else:
        return None
    return state(title, f" ({profile.attrs['dates']})")


def _of_week(week: pd.DataFrame, measure: str) -> tuple[str, str]:
    """Title and sentence on the hours of the week that may be the busiest."""
    may_be = np.flatnonzero(week["busiest"].to_numpy(dtype=bool))
    if len(may_be) == 1:
        slot = int(may_be[0])
        load = f"{say.hourly_load(week['expected'].iloc[slot], measure)} expected"
        return (
            f"Busiest hour of the week: {say.week_hour(slot)}, {load}",
            f"The busiest hour of the week is {say.week_hour(slot)}, with {load}",
        )
    if len(hours_that_stand_out(week)) == 0:
        title = "No hour of the week stands out"
        return title, title
    spans = [span for slots in _runs(may_be) for span in _split_days(slots)]
    title = f"{len(may_be)} hours of the week could be the busiest"
    if len(spans) <= _FEW_SPANS:
        title = f"The busiest hour of the week lies within {' or '.join(spans)}"
    return title, title


def _of_day(day: pd.DataFrame, measure: str, whose: str) -> str:
    """Words on the hours of the day that may be the busiest."""
    may_be = np.flatnonzero(day["busiest"].to_numpy(dtype=bool))
    if len(may_be) == 1:
        load = f"{say.hourly_load(day['mean'].iloc[may_be[0]], measure)} on average"
        return f"The busiest hour of {whose} is {say.clock_hour(int(may_be[0]))}, with {load}"
    spans = [f"{slots[0]:02}:00-{slots[-1] + 1:02}:00" for slots in _runs(may_be)]
    if len(hours_that_stand_out(day)) == 0 or len(spans) > _FEW_SPANS:
        return f"No hour of {whose} stands out"
    return f"The busiest hour of {whose} lies within {' or '.join(spans)}"


def _runs(slots: Places) -> list[list[int]]:
    """Join consecutive slots."""
    breaks = np.flatnonzero(np.diff(slots) > 1) + 1
    return [part.tolist() for part in np.split(slots, breaks)]


def _split_days(slots: list[int]) -> list[str]:
    """Split consecutive hours of the week into one span per weekday."""
    spans = []
    for number in dict.fromkeys(slot // 24 for slot in slots):
        hours = [slot % 24 for slot in slots if slot // 24 == number]
        spans.append(f"{say.DAY_NAMES[number]} {hours[0]:02}:00-{hours[-1] + 1:02}:00")
    return spans


def _peak_days(peaks: pd.DataFrame) -> str:
    """Number of days on which the busiest hour was the day's peak; nothing without days."""
    if len(peaks) == 0:
        return ""
    top: Any = peaks.iloc[0]
    if not top["days"] or not top["share_of_days"] > 0:
        return ""
    count, days = round(top["share_of_days"] * top["days"]), int(top["days"])
    names = say.DAY_NAMES[int(top["day_of_week"])]
    return f", and was the busiest hour on {count} of {days} whole {names}"


def _basis(profile: pd.DataFrame) -> str:
    """Confidence, sample size, dates and zone of a profile."""
    hours = say.several(int(profile["n"].sum()), "hour")
    if "calls" in profile:
        hours = f"{say.counted(round(profile['calls'].sum()), 'total_count')} in {hours}"
    late = int(profile.attrs["left_out"])
    waiting = f", {say.several(late, 'provisional hour')} left out" if late else ""
    return f"95 % confidence; {hours}{waiting}, {profile.attrs['dates']}"


def describe_capacity(
    hourly: pd.DataFrame, *, limit: int | None = None, blocking: float = 0.01
) -> str | pd.DataFrame:
    """Describe how many calls a limit on concurrent calls refused, if it was in force.

    Refused calls are counted nowhere, and the data do not show that a limit was in force. The
    shares are estimates by Erlang's formula; see `capacity`. Provisional hours, whose talk may
    still grow, are left out and counted.

    Parameters
    ----------
    hourly, limit, blocking
        As for `capacity`.

    Returns
    -------
    str or DataFrame
        The description; for a breakdown a column `sentence`, one row per group, as if each group
        had the limit to itself.

    Raises
    ------
    QueryError
        As for `capacity`.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-02 09:00", periods=3, freq="h", tz="UTC", name="time")
    >>> talk = pd.to_timedelta(["30min", "4h", "1h"])
    >>> hourly = pd.DataFrame(
    ...     {"total_count": [10, 80, 20], "duration": talk, "provisional": False}, index=time)
    >>> describe_capacity(hourly, limit=5)
    'If a limit of 5 concurrent calls was in force, it refused 1 % or more of the calls in about 1
    of 3 hours (2026-03-02 (UTC)). The busiest hour, 2026-03-02 10:00, carried 3.83 erlangs and
    would have lost about 36 % of its calls (Erlang B). Such days would then need about 13 lines to
    refuse at most 1 %.'
    """
    check_frame("describe_capacity", hourly, "duration", "total_count", rows="hour")
    found = capacity(hourly, limit=limit, blocking=blocking)
    meaning = meaning_of(found, "capacity")
    return describe(found, lambda _, rows: state_capacity(rows, meaning=meaning))


def state_capacity(found: pd.DataFrame, *, meaning: Meaning | None = None) -> Statement:
    """State in how many hours of one series a limit refused calls, if it was in force.

    Parameters
    ----------
    found
        Result of `capacity`, or its rows of one group.
    meaning
        Meaning of `found`, if the table has lost its own.
    """
    stated = meaning_of(found, "capacity", meaning=meaning)
    late = found["provisional"].to_numpy(dtype=bool)
    whole = found[~late]
    waiting = f", {say.several(int(late.sum()), 'provisional hour')} left out" if late.any() else ""
    if len(whole) == 0:
        title = "No finished hour yet, so no concurrent calls"
        return state(title, f" ({zone_of(found)}{waiting})")
    when = f"{say.dates(whole)}{waiting}"
    hours = say.several(len(whole), "hour")
    if not whole["carried"].to_numpy().any():
        return state(f"No talk in {hours}", f" ({when})")
    top = whole.iloc[int(whole["carried"].to_numpy().argmax())]
    if stated.limit is None:
        most = f"the busiest hour carried {say.counted(top['carried'], 'traffic')}"
        return Statement(
            f"No concurrency limit was given; {most}",
            f"No concurrency limit was given. In {hours} ({when}), {most} on "
            f"{top.name:%Y-%m-%d %H:%M}{_long_calls(whole)}.",
        )
    state_limit = _doubt if whole["over_limit"].any() else _refusals
    return state_limit(whole, top, stated.limit, float(stated.blocking or 0), when)


def _doubt(whole: pd.DataFrame, top: Any, limit: int, blocking: float, when: str) -> Statement:
    """State that the hours contradict the limit."""
    hours = say.several(int(whole["over_limit"].sum()), "hour")
    lines = channels_for(float(whole["usual"].max()), blocking)
    lines = max(lines, int(np.ceil(top["carried"])), limit + 1)
    needed = f"these days would need about {lines} lines"
    return Statement(
        f"A limit of {limit} was hardly in force: {needed}",
        f"A limit of {limit} concurrent calls was hardly in force: {hours} of {len(whole):,} "
        f"carried clearly more ({when}), up to {say.counted(top['carried'], 'traffic')} on "
        f"{top.name:%Y-%m-%d %H:%M}. To refuse at most {say.level(blocking)} of the calls, "
        f"{needed}{_long_calls(whole)}.",
        urgent=True,
    )


def _refusals(whole: pd.DataFrame, top: Any, limit: int, blocking: float, when: str) -> Statement:
    risk, hours = int(whole["at_risk"].sum()), say.several(len(whole), "hour")
    carried = say.counted(top["carried"], "traffic")
    busiest = f"The busiest hour, {top.name:%Y-%m-%d %H:%M}, carried {carried}"
    if not risk:
        title = f"Refusals unlikely at a limit of {limit}: no hour of {len(whole):,} at risk"
        return Statement(
            title,
            f"Refusals are unlikely at a limit of {limit} concurrent calls: in none of {hours} "
            f"would {say.level(blocking)} of the calls be refused ({when}). {busiest}"
            f"{_long_calls(whole)}.",
        )
    usual = float(whole["usual"].max())
    lines = channels_for(float(offered_for(np.array([usual]), limit)[0]), blocking)
    enough = (
        f" Such days would then need about {lines} lines to refuse at most {say.level(blocking)}."
        if lines > limit else ""
    )  # fmt: skip
    # Sums do not show how call lengths vary. Where some calls are very long, the hour seems fuller.
    long = many_overlong(whole["overlong"].sum(), len(whole))
    about = "" if top["blocking"] < 0.01 else "at most " if long else "about "
    return Statement(
        f"If a limit of {limit} was in force, it refused calls in about {risk:,} of {hours}",
        f"If a limit of {limit} concurrent calls was in force, it refused {say.level(blocking)} or "
        f"more of the calls in about {risk:,} of {hours} ({when}). {busiest} and would have lost "
        f"{about}{say.part(top['blocking'])} of its calls (Erlang B){_long_calls(whole)}.{enough}",
        urgent=True,
    )


def _long_calls(whole: pd.DataFrame) -> str:
    """Return the number of hours with an overlong call in words; nothing without any."""
    count = int(whole["overlong"].sum())
    hours = say.several(count, "hour")
    return f"; in {hours} a very long call was spread over the hours it lasted" if count else ""
