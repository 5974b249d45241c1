"""Concurrent calls and refusals at a limit, in words."""

from typing import Any

import numpy as np
import pandas as pd

from usage_analysis.analysis import vocabulary as say
from usage_analysis.analysis.capacity import capacity, many_overlong
from usage_analysis.analysis.erlang import channels_for, offered_for
from usage_analysis.analysis.meaning import Meaning, meaning_of
from usage_analysis.analysis.statements.statement import Statement, describe, state
from usage_analysis.tidy.frame_check import check_frame
from usage_analysis.tidy.zones import zone_of


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
        f"carried more ({when}), up to {say.counted(top['carried'], 'traffic')} on "
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
