"""Error rate, join rate and average call duration, each with its sample size and interval."""

from typing import Literal

import numpy as np
import pandas as pd

from usage_analysis.analysis import arrays, intervals
from usage_analysis.analysis.arrays import Booleans, Floats, Places, Values
from usage_analysis.analysis.meaning import Meaning, with_meaning
from usage_analysis.analysis.vocabulary import check_choice, dates
from usage_analysis.errors import QueryError, refusal
from usage_analysis.tidy import grouping
from usage_analysis.tidy.frame_check import check_frame
from usage_analysis.tidy.frames import COUNTS, group_column
from usage_analysis.tidy.grouping import SLOTS, Rows, Sums
from usage_analysis.tidy.zones import DAY, zone_of

Independent = Literal["days", "calls"] | None

#: Least number of calls for which a rate is called certain enough, by default.
MIN_CALLS = 30
BY_CALLS = "Wilson 1927, calls independent"
BY_DAYS = "Wilson 1927, days independent (Rao and Scott 1992)"


def error_rate(
    frame: pd.DataFrame,
    *,
    by: str | None = None,
    denominator: str = "total_count",
    confidence: float = 0.95,
    min_calls: int = MIN_CALLS,
    independent: Independent = None,
) -> pd.DataFrame:
    """Return the share of calls that failed, with its sample size and confidence interval.

    The rate is ``sum(error_count) / sum(denominator)``: a ratio of sums, never a mean of ratios.
    With z the normal quantile of the confidence level and p = k/n, Wilson's interval is ``(p +
    z²/2n ± z √(p(1 - p)/n + z²/4n²)) / (1 + z²/n)`` (Wilson 1927; method 3 of Newcombe 1998).

    Calls of one day are seldom independent, because one incident makes many of them fail. Rates
    over several days therefore have the interval of n/s² calls (Rao and Scott 1992), where s² is
    the variance of days over the variance that independent calls would have. Student's t replaces
    z, because s² is an estimate. Few errors cannot show how errors cluster, so s has a prior value
    of 2 that weighs as much as two errors. The interval is never narrower than Wilson's.

    Parameters
    ----------
    frame
        Canonical frame, hourly or daily, with or without a group column.
    by
        None for one row per bucket of the frame; ``"total"`` for one row (per group);
        ``"hour_of_day"``, ``"day_of_week"`` (0 is Monday) or ``"hour_of_week"`` (0 is Monday 00:00)
        on the frame's own clock; or the name of the group column. Slots leave provisional buckets
        out and count them in ``attrs["left_out"]``; buckets and totals keep them.
    denominator
        ``"total_count"`` or ``"joined_count"``. What counts as an error is not documented and may
        include calls that nobody joined, so errors may exceed joined calls: such a rate is over 1
        and has no interval.
    confidence
        Level of the two-sided interval.
    min_calls
        Least number of calls for which `enough` is true; a bucket must also be whole and final.
    independent
        Units that the interval assumes to be independent. ``"calls"`` gives Wilson's interval.
        ``"days"`` gives the wider interval, NaN for fewer than three days with calls. None, the
        default, uses days if there are three, else calls. A single bucket is never widened. A slot
        of the day or of the week has too few days, so its interval uses the scatter of all days, in
        proportion to the calls of the slot per day.

    Returns
    -------
    DataFrame
        `calls` and `events` [calls], `rate`, `low`, `high` (NaN without calls) and `enough`; by
        hour of the week also `score_without_worst_week` [standard deviations]; indexed by what `by`
        names, under the group if there are groups. By bucket the group stays the first column.
        ``attrs["meaning"]`` has the meaning of the rate.

    Raises
    ------
    QueryError
        A column is missing, or an argument has an unknown value.

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
    return _rate(
        "error_rate", "error_count", frame, by, denominator, confidence, min_calls, independent
    )


def join_rate(
    frame: pd.DataFrame,
    *,
    by: str | None = None,
    denominator: str = "total_count",
    confidence: float = 0.95,
    min_calls: int = MIN_CALLS,
    independent: Independent = None,
) -> pd.DataFrame:
    """Return the share of all calls that were joined, with its sample size and interval.

    The rate is ``sum(joined_count) / sum(total_count)``, the answer-seizure ratio of ITU-T E.425.
    Its denominator is all calls, failed ones too. Calls that were refused at the concurrency limit
    are in no count, so they do not lower the rate.

    Parameters
    ----------
    frame, by, confidence, min_calls, independent
        As for `error_rate`.
    denominator
        ``"total_count"``, the only count that joined calls are a share of.

    Returns
    -------
    DataFrame
        As for `error_rate`; `events` are the joined calls.

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
    return _rate(
        "join_rate", "joined_count", frame, by, denominator, confidence, min_calls, independent
    )


def average_call_duration(frame: pd.DataFrame) -> pd.Timedelta | pd.DataFrame:
    """Return the mean talk of a joined call: ``sum(duration) / sum(joined_count)``.

    This is the mean holding time (ITU-T E.600) of answered calls. It is a ratio of sums, never a
    mean of hourly means. Sums contain no single calls, so they give no median, percentile, longest
    call or interval. Whether unjoined time enters `duration` is not documented.

    Parameters
    ----------
    frame
        Canonical frame, hourly or daily, with or without a group column. All buckets count,
        provisional ones too.

    Returns
    -------
    Timedelta or DataFrame
        NaT without joined calls; for a breakdown `calls` (joined), `duration` and
        `average_call_duration`, with one row per group.

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
    mean = arrays.as_measure(intervals.share(duration.view(np.int64), calls), "duration")
    if group_column(frame) is None:
        return pd.Timedelta(mean[0])
    columns = {"calls": calls, "duration": duration, "average_call_duration": mean}
    meaning = Meaning(
        made_by="average_call_duration",
        measure="average_call_duration",
        denominator="joined_count",
        dates=dates_of(frame),
    )
    return with_meaning(pd.DataFrame(columns, index), meaning, frame)


def dates_of(frame: pd.DataFrame) -> str:
    """Return the local days of a frame with their zone; nothing for totals without times."""
    timed = isinstance(frame.index, pd.DatetimeIndex) and frame.index.tz is not None
    return dates(frame) if timed and len(frame) else ""


def _rate(
    helper: str,
    event: str,
    frame: pd.DataFrame,
    by: str | None,
    denominator: str,
    confidence: float,
    min_calls: int,
    independent: Independent,
) -> pd.DataFrame:
    check_event(event, denominator)
    intervals.check_amount("min_calls", min_calls)
    check_frame(helper, frame, event, denominator, "provisional")
    quantiles: float | Floats = intervals.normal_quantile(confidence)
    check_independent(independent)
    if by in SLOTS:
        grouping.check_rows(f"{helper} by {by}", frame, "day" if by == "day_of_week" else "hour")
    (calls, events), index = summed_by(frame, [denominator, event], by)
    timed = isinstance(frame.index, pd.DatetimeIndex)
    widened = by is not None and independent != "calls" and timed
    if by is not None and widened and len(index):
        quantiles = _quantiles(frame, event, denominator, by, confidence, independent == "days")
    low, high = intervals.wilson(events, calls, quantiles)
    found = {
        "calls": calls,
        "events": events,
        "rate": intervals.share(events, calls),
        "low": low,
        "high": high,
        "enough": (calls >= min_calls) & (calls > 0) & (by is not None or arrays.finished(frame)),
    }
    if by == "hour_of_week":
        found["score_without_worst_week"] = _scores_without_worst(frame, event, denominator)
    out = (
        arrays.beside_groups(frame, found) if by is None else pd.DataFrame(found, index, copy=False)
    )
    if by in SLOTS:
        out.attrs["left_out"] = grouping.provisional_instants(frame)
        out.attrs["timezone"] = str(zone_of(frame))
    meaning = Meaning(
        made_by=helper,
        event=event,
        denominator=denominator,
        confidence=confidence,
        method=BY_DAYS if widened else BY_CALLS,
        dates=dates_of(frame),
    )
    return with_meaning(out, meaning, frame)


def _scores_without_worst(frame: pd.DataFrame, event: str, denominator: str) -> Floats:
    """Score each hour of the week without its worst week, so that a single incident has no effect.

    The score is the excess of bad events over the rate of all hours, in binomial standard
    deviations; NaN without calls in other weeks.
    """
    rows, kept, key, count = _slots(frame, "hour_of_week")
    code = rows.code[kept]
    calls, events = (frame[name].to_numpy(dtype=np.float64)[kept] for name in (denominator, event))
    bad = events if event == "error_count" else calls - events
    added = Sums(code, rows.count)
    rate = np.nan_to_num(intervals.share(added.of(bad), added.of(calls)))[code]
    excess, variance = bad - calls * rate, calls * rate * (1 - rate)
    worst = np.full(count, -np.inf)
    np.maximum.at(worst, key, excess)
    others = excess < worst[key]
    slots = Sums(key[others], count)
    deviation = np.sqrt(np.maximum(slots.of(variance[others]), 0))
    return intervals.share(slots.of(excess[others]), deviation)


def _quantiles(
    frame: pd.DataFrame, event: str, denominator: str, by: str, confidence: float, strict: bool
) -> Floats:
    """Quantile of each row of a table of totals or slots, widened by the scatter of days."""
    scatter = intervals.day_scatter(frame, event, denominator)
    wide = scatter.quantiles(confidence)
    if strict:
        wide[~scatter.known] = np.nan
    if by not in SLOTS:
        return wide
    # The variance of clusters of m calls is that of independent calls times 1 + (m - 1)·rho, with
    # rho the correlation of two calls of one day (Kish 1965, Survey Sampling, section 5.4).
    quantile = intervals.normal_quantile(confidence)
    rho = ((wide / quantile) ** 2 - 1) / np.maximum(scatter.size - 1, 1)
    excess = np.maximum(_slot_size(frame, denominator, by) - 1, 0)
    found: Floats = quantile * np.sqrt(1 + excess * np.repeat(rho, SLOTS[by]))
    return found


def _slot_size(frame: pd.DataFrame, denominator: str, by: str) -> Floats:
    """Calls of one day that share a slot with an average call: Σn²/Σn over the slot's days."""
    rows, kept, key, count = _slots(frame, by)
    calls = frame[denominator].to_numpy(dtype=np.float64)[kept]
    if by == "day_of_week":
        day = (rows.local // DAY)[rows.place][kept]
        first, length = (int(day.min()), int(np.ptp(day)) + 1) if len(day) else (0, 1)
        cells = np.bincount(key * length + day - first, calls, minlength=count * length)
        cells = cells.reshape(count, length)
        of_days: Floats = (cells**2).sum(1) / np.maximum(cells.sum(1), 1)
        return of_days
    squares = np.bincount(key, calls**2, minlength=count)
    return squares / np.maximum(np.bincount(key, calls, minlength=count), 1)


def _slots(frame: pd.DataFrame, by: str) -> tuple[Rows, Booleans, Places, int]:
    """Return rows, a mask of the final ones, the slot of each of these, and the number of slots."""
    rows = grouping.rows_of(frame)
    kept = ~frame["provisional"].to_numpy(dtype=bool)
    key = (rows.code * SLOTS[by] + rows.slots(by)[rows.place])[kept]
    return rows, kept, key, rows.count * SLOTS[by]


def summed_by(
    frame: pd.DataFrame, columns: list[str], by: str | None
) -> tuple[list[Values], pd.Index]:
    """Return the sums of each column by group or slot, as `by` names it, and their index."""
    values = [frame[column].to_numpy() for column in columns]
    if by is None:
        return [column.copy() for column in values], frame.index
    if by in SLOTS:
        rows, kept, key, count = _slots(frame, by)
        added = Sums(key, count)
        return [added.of(column[kept]) for column in values], rows.index(by)
    group = group_column(frame)
    if by != "total" and by != group:
        words = ", ".join(f'"{word}"' for word in ("total", *SLOTS))
        own = "" if group is None else f' or the group column "{group}"'
        raise QueryError(f"by: expected None, {words}{own}, got {by!r}")
    code, groups = grouping.groups_of(frame)
    index = pd.Index(["all"], name="total") if groups is None else groups
    added = Sums(code, len(index))
    return [added.of(column) for column in values], index


def check_event(event: str, denominator: str) -> None:
    """Check that one count may be divided by the other.

    Raises
    ------
    QueryError
        One of the arguments is unknown; the message names it.
    """
    check_choice("event", event, COUNTS[1:])
    accepted = ["total_count", *(["joined_count"] if event == "error_count" else [])]
    check_choice("denominator", denominator, accepted)


def check_independent(independent: str | None) -> None:
    """Check the argument `independent`."""
    if independent is not None:
        check_choice("independent", independent, ("calls", "days"))


def check_breakdown(name: str, frame: pd.DataFrame) -> None:
    """Check that a frame has groups.

    Raises
    ------
    QueryError
        It has none.
    """
    if group_column(frame) is None:
        raise refusal("no_groups_in", name=name)
