"""Shares of calls, each with the calls under it and its interval."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.analysis.intervals import normal_quantile, share, wilson
from usage_analysis.analysis.meaning import Meaning, with_meaning
from usage_analysis.analysis.statements.statement import sentences
from usage_analysis.analysis.vocabulary import counted, dates, number, percents, several
from usage_analysis.errors import QueryError
from usage_analysis.tidy.frame_check import check_frame
from usage_analysis.tidy.frames import COUNTS, copy_source, group_column
from usage_analysis.tidy.grouping import (
    SLOTS,
    Sums,
    check_rows,
    groups_of,
    provisional_instants,
    row_lengths,
    rows_of,
)
from usage_analysis.tidy.zones import HOUR


def error_rate(
    frame: pd.DataFrame,
    *,
    by: str | None = None,
    denominator: str = "total_count",
    confidence: float = 0.95,
    min_calls: int = 30,
) -> pd.DataFrame:
    """Share of calls that ended in an error, with its Wilson interval.

    The rate is ``sum(error_count) / sum(denominator)``: a ratio of sums, never a mean of ratios.
    With z the normal quantile of the confidence and p = k/n, the interval is ``(p + z²/2n ± z
    √(p(1 - p)/n + z²/4n²)) / (1 + z²/n)`` (Wilson 1927; method 3 of Newcombe 1998). It takes calls
    for independent: where errors come in bursts, its truth is wider (see `control_chart`).

    Parameters
    ----------
    frame
        Canonical frame, hourly or daily, with or without a group column.
    by
        None for a row a bucket of the frame; ``"total"`` for one row (one a group);
        ``"hour_of_day"``, ``"day_of_week"`` (0 is Monday) or ``"hour_of_week"`` (0 is Monday 00:00)
        on the frame's own clock; or the name of the group column. Slots leave provisional buckets
        out, of which ``attrs["left_out"]`` says how many; buckets and totals keep them.
    denominator
        ``"total_count"`` or ``"joined_count"``. What counts as an error is not documented and may
        include calls that nobody joined, so errors may exceed joined calls: such a rate is over 1
        and has no interval.
    confidence
        Of the two-sided interval.
    min_calls
        From how many calls on `enough` is true.

    Returns
    -------
    DataFrame
        `calls` and `events` [calls], `rate`, `low`, `high` (NaN without calls) and `enough`;
        by hour of the week also `worse_weeks`, the weeks in which it was worse than all hours;
        indexed by what `by` names, under the group where there is one. By bucket the group stays
        the first column.

    Raises
    ------
    QueryError
        A column is missing, or an argument is not one of those above.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-02", periods=2, freq="h", tz="UTC", name="time")
    >>> hourly = pd.DataFrame(
    ...     {"total_count": [150, 113], "error_count": [50, 31], "provisional": False}, index=time)
    >>> error_rate(hourly, by="total")[["calls", "events", "rate", "low", "high"]].round(4)
           calls  events   rate    low    high
    total
    all      263      81  0.308  0.2553  0.3662
    """
    return _rate("error_rate", "error_count", frame, by, denominator, confidence, min_calls)


def join_rate(
    frame: pd.DataFrame,
    *,
    by: str | None = None,
    denominator: str = "total_count",
    confidence: float = 0.95,
    min_calls: int = 30,
) -> pd.DataFrame:
    """Share of calls that were joined, with its Wilson interval.

    The answer-seizure ratio of ITU-T E.425 in this setting: ``sum(joined_count) /
    sum(total_count)``. A call that was refused (an account may hold a limited number at once) is in
    no count, so it lowers nothing here.

    Parameters
    ----------
    frame, by, confidence, min_calls
        As for `error_rate`.
    denominator
        ``"total_count"``: there is no other count that joined calls are a share of.

    Returns
    -------
    DataFrame
        As for `error_rate`, `events` being the joined calls.

    Raises
    ------
    QueryError
        As for `error_rate`.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-02", periods=2, freq="D", tz="UTC", name="time")
    >>> daily = pd.DataFrame(
    ...     {"total_count": [10, 0], "joined_count": [10, 0], "provisional": False}, index=time)
    >>> join_rate(daily)["low"].round(4).tolist()
    [0.7225, nan]
    """
    return _rate("join_rate", "joined_count", frame, by, denominator, confidence, min_calls)


def average_call_duration(frame: pd.DataFrame) -> pd.Timedelta | pd.DataFrame:
    """Mean talk of a joined call: ``sum(duration) / sum(joined_count)``.

    The mean holding time (ITU-T E.600) of answered calls, which carriers call the average call
    duration (ACD); a ratio of sums, never a mean of hourly means. Sums hold no single call, so no
    median, percentile or longest call can be had from them, nor an interval. Whether unjoined time
    enters `duration` is not documented.

    Parameters
    ----------
    frame
        Canonical frame, hourly or daily, with or without a group column. All its buckets count,
        provisional ones too.

    Returns
    -------
    Timedelta or DataFrame
        NaT without joined calls; for a breakdown `calls` (joined), `duration` and
        `average_call_duration`, one row a group.

    Raises
    ------
    QueryError
        A column is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> average_call_duration(
    ...     pd.DataFrame({"joined_count": [1, 3], "duration": pd.to_timedelta(["60s", "20s"])}))
    Timedelta('0 days 00:00:20')
    """
    check_frame("average_call_duration", frame, "joined_count", "duration", totals=True)
    (calls, duration), index = summed_by(frame, ["joined_count", "duration"], "total")
    duration = duration.astype("m8[us]", copy=False)
    mean = np.full(len(index), np.timedelta64("NaT", "us"))
    some = calls > 0
    mean[some] = np.rint(duration[some].view(np.int64) / calls[some]).astype("m8[us]")
    out = pd.DataFrame(
        {"calls": calls, "duration": duration, "average_call_duration": mean}, index=index
    )
    copy_source(out, frame)
    return out if group_column(frame) is not None else out["average_call_duration"].iloc[0]


def describe_errors(
    frame: pd.DataFrame, *, confidence: float = 0.95, min_calls: int = 30
) -> str | pd.DataFrame:
    """One sentence on the error rate: its interval, the calls under it, their dates and zone.

    Parameters
    ----------
    frame, confidence, min_calls
        As for `error_rate`, whose total it tells; with fewer calls it says that they are too few,
        and with more errors than calls that there is no rate. Provisional buckets, whose calls may
        still come to an error, are in it and counted.

    Returns
    -------
    str or DataFrame
        The sentence; for a breakdown a column `sentence`, one row a group.

    Raises
    ------
    QueryError
        As for `error_rate`, or no tz-aware index.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-02", periods=24, freq="h", tz="UTC", name="time")
    >>> hourly = pd.DataFrame(
    ...     {"total_count": 50, "error_count": 1, "provisional": False}, index=time)
    >>> describe_errors(hourly)
    'errors: 2.00 % of 1,200 calls (24; 95 % interval 1.35 to 2.96 %), 2026-03-02 (UTC)'
    """
    found, _ = _columns(
        "describe_errors", "error_count", frame, "total", "total_count", confidence, min_calls
    )

    def tell(number: int, rows: pd.DataFrame) -> str:
        total = {name: values[number] for name, values in found.items()}
        return f"errors: {_told(total, confidence)}, {dates(rows)}{_still_open(rows)}"

    group = group_column(frame)
    # Of its rows the sentence on a group tells only when they were and how long.
    kept = [name for name in (group, "provisional", "hours") if name in frame]
    return sentences(frame if group is None else frame[kept], tell)


def _told(total: Any, confidence: float) -> str:
    calls, events = counted(total["calls"], "total_count"), number(total["events"], "error_count")
    if total["events"] > total["calls"]:
        return f"no rate can be told, {events} in {calls} are more than there are calls"
    if not total["enough"]:
        return f"too few calls to give a rate, {events} in {calls}"
    rate, low, high = percents(total["rate"], total["low"], total["high"])
    return f"{rate} % of {calls} ({events}; {100 * confidence:g} % interval {low} to {high} %)"


def _still_open(frame: pd.DataFrame) -> str:
    """How many of a series' buckets are provisional, in words; nothing without one."""
    late = int(np.count_nonzero(frame["provisional"].to_numpy(dtype=bool)))
    if not late:
        return ""
    longest = float(row_lengths(frame).max())
    noun = "hour" if longest <= HOUR else "day" if longest <= 27 * HOUR else "period"
    return f", {several(late, f'provisional {noun}')} included"


def _rate(
    helper: str,
    event: str,
    frame: pd.DataFrame,
    by: str | None,
    denominator: str,
    confidence: float,
    min_calls: int,
) -> pd.DataFrame:
    found, index = _columns(helper, event, frame, by, denominator, confidence, min_calls)
    # What is ours alone need not be copied, which would take longer than the numbers.
    out = pd.DataFrame(found, index=index, copy=False)
    group = group_column(frame)
    if by is None and group is not None:
        out.insert(0, group, frame[group])
    if by in SLOTS:
        out.attrs["left_out"] = provisional_instants(frame)
    meaning = Meaning(
        made_by=helper, event=event, denominator=denominator, confidence=confidence,
        method="Wilson's interval (1927)",
    )  # fmt: skip
    return with_meaning(out, meaning, frame)


def _columns(
    helper: str,
    event: str,
    frame: pd.DataFrame,
    by: str | None,
    denominator: str,
    confidence: float,
    min_calls: int,
) -> tuple[dict[str, NDArray[Any]], pd.Index]:
    """Columns of a table of rates, and its index."""
    quantile = _check_rate(helper, frame, event, denominator, confidence, min_calls)
    if by in SLOTS:
        check_rows(f"{helper} by {by}", frame, "day" if by == "day_of_week" else "hour")
    columns, index = summed_by(frame, [denominator, event], by)
    calls, events = columns
    low, high = wilson(events, calls, quantile)
    found = {
        "calls": calls,
        "events": events,
        "rate": share(events, calls),
        "low": low,
        "high": high,
        "enough": (calls >= min_calls) & (calls > 0),
    }
    if by == "hour_of_week":
        found["worse_weeks"] = _worse_weeks(frame, event, denominator)
    return found, index


def _worse_weeks(frame: pd.DataFrame, event: str, denominator: str) -> NDArray[np.int64]:
    """Count the weeks in which each hour of the week had a worse rate than all hours together."""
    rows = rows_of(frame)
    kept = ~frame["provisional"].to_numpy(dtype=bool)
    code = rows.code[kept]
    calls, events = (frame[name].to_numpy(dtype=np.float64)[kept] for name in (denominator, event))
    added = Sums(code, rows.count)
    usual = share(added.of(events), added.of(calls))[code] * calls
    worse = events > usual if event == "error_count" else events < usual
    key = code * SLOTS["hour_of_week"] + rows.slots("hour_of_week")[rows.place][kept]
    weeks: NDArray[np.int64] = Sums(key, rows.count * SLOTS["hour_of_week"]).of(
        worse.astype(np.int64)
    )
    return weeks


def _check_rate(
    helper: str,
    frame: pd.DataFrame,
    event: str,
    denominator: str,
    confidence: float,
    min_calls: int,
) -> float:
    """Normal quantile of the confidence, where the arguments of a rate are in order."""
    check_event(event, denominator)
    quantile = normal_quantile(confidence)
    if isinstance(min_calls, bool) or not isinstance(min_calls, int | float) or min_calls < 0:
        raise QueryError(f"min_calls: expected a number of calls, 0 or more, got {min_calls!r}")
    check_frame(helper, frame, event, denominator, "provisional")
    return quantile


def summed_by(
    frame: pd.DataFrame, columns: list[str], by: str | None
) -> tuple[list[NDArray[Any]], pd.Index]:
    """Each column summed over what `by` names, and the index of the sums."""
    values = [frame[column].to_numpy() for column in columns]
    if by is None:
        return [column.copy() for column in values], frame.index
    if by in SLOTS:
        rows = rows_of(frame)
        kept = ~frame["provisional"].to_numpy(dtype=bool)
        key = (rows.code * SLOTS[by] + rows.slots(by)[rows.place])[kept]
        count = rows.count * SLOTS[by]
        added = Sums(key, count)
        return [added.of(column[kept]) for column in values], rows.index(by)
    group = group_column(frame)
    if by != "total" and by != group:
        words = ", ".join(f'"{word}"' for word in ("total", *SLOTS))
        own = "" if group is None else f' or the group column "{group}"'
        raise QueryError(f"by: expected None, {words}{own}, got {by!r}")
    code, groups = groups_of(frame)
    index = pd.Index(["all"], name="total") if groups is None else groups
    added = Sums(code, len(index))
    return [added.of(column) for column in values], index


def check_event(event: str, denominator: str) -> None:
    """Nothing, where one count may be divided by the other.

    Raises
    ------
    QueryError
        Names the argument, what came and what is accepted.
    """
    if event not in COUNTS[1:]:
        raise QueryError(f"event: expected {' or '.join(COUNTS[1:])}, got {event!r}")
    accepted = ["total_count", *(["joined_count"] if event == "error_count" else [])]
    if denominator not in accepted:
        raise QueryError(f"denominator: expected {' or '.join(accepted)}, got {denominator!r}")
