"""Groups of calls behind an event: the excess of each group, and which one changed unlike the rest.

A group is compared with the rest of the account, the calls outside of it. Where every group rises
by the same factor, no group is a cause, although each has its share of the excess. So the test asks
how often chance gives the group so many of the account's events, if all changed by one factor: a
beta-binomial distribution, whose scatter is that of the group and of the rest in the past.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from usage_analysis.analysis import baseline
from usage_analysis.analysis.arrays import Floats
from usage_analysis.analysis.betabinomial import upper_tails
from usage_analysis.analysis.intervals import holm, student
from usage_analysis.analysis.meaning import with_meaning
from usage_analysis.analysis.series import Series, columns_of, meaning_for, measure_of, tabulate
from usage_analysis.errors import QueryError, refusal
from usage_analysis.tidy.frame_check import check_frame
from usage_analysis.tidy.frames import can_share_calls, mark_overlap
from usage_analysis.tidy.grouping import groups_of
from usage_analysis.tidy.zones import microseconds, to_index, zone_of

CONFIDENCE: Final = 0.95
_METHOD: Final = "beta-binomial, Holm 1979; shares by Fieller 1954; order by Kulldorff 1997"
#: Fewest hours to learn from.
_WEEK: Final = 168
#: Seconds per minute: talk is told in minutes.
_SCALE: Final = {"duration": 60.0}
#: More events than these change no probability that anybody reads, and take long to count.
_MANY: Final = 3000.0


class Event(NamedTuple):
    """Hours in which a measure is unlike what is expected; the end is exclusive."""

    measure: str
    start: pd.Timestamp
    end: pd.Timestamp
    #: Whether the measure is above what is expected; None to let the data tell.
    above: bool | None
    #: The group whose event this is, such as ``"agent Support line"``; None for the whole account.
    within: str | None = None


def judge_groups(
    frames: Mapping[str, pd.DataFrame], event: Event, *, holidays: Any = None
) -> pd.DataFrame:
    """Return each group's part in an event of all calls, the most likely cause first.

    The expected values are those of `expected`: the hours outside of the event teach what is usual.

    Parameters
    ----------
    frames
        Canonical hourly frames: that of all calls under ``""``, and breakdowns by dimension.
    event
        The event to judge.
    holidays
        As for `expected`.

    Returns
    -------
    DataFrame
        As for `explain`.

    Raises
    ------
    QueryError
        A column is missing, the event has no finished hour, or there is less than a week to learn
        from.
    """
    columns, (name, start, end, above, within) = columns_of(event.measure), event
    for frame in frames.values():
        check_frame("explain", frame, *columns, "provisional", rows="hour")
    labels, series = _stack(frames, columns, holidays)
    zone = zone_of(frames[""])
    inside = (series.times >= microseconds(start)) & (series.times < microseconds(end))
    judged = inside & series.judge[0]
    if not judged.any():
        raise QueryError(f"start, end: expected finished hours, got none from {start} to {end}")
    first = to_index(series.times[:1], zone)[0]
    if (weeks := float((series.judge[0] & ~inside).sum() / _WEEK)) < 1:
        raise refusal("early_event", start=start, first=first)
    measure = measure_of(series, name)
    fitted = baseline.fit(measure, series.hours, series.learn & ~inside, [[] for _ in series.learn])
    seen, usual = ((part * judged).sum(1) for part in (measure.observed, fitted.expected))
    unit = fitted.unit
    if measure.unit is None:
        # Few calls hide how long some calls are, and longer calls also vary more.
        unit = np.maximum(unit, unit[0]) * max(seen[0] / max(usual[0], 1e-9), 1.0)
    # As many calls as have the variance of the sum; half an event is added to what was expected.
    number, mean = seen / unit, usual / unit + 0.5 / weeks
    # Few weeks know the scatter of their windows only roughly.
    vague = fitted.spread_of(int(judged.sum())) * (1 + 2 / weeks) + 1 / (weeks * mean)
    # The events of a join rate are the calls that nobody joined.
    above = bool(seen[0] >= usual[0]) if above is None else above != measure.complement
    tail, likelihood = _compare(_halves(number), _halves(mean), _halves(vague), 1 - int(above))
    if measure.calls is not None:
        tail[_halves((measure.calls * judged).sum(1))[0] < measure.fewest] = 1.0
    seen, usual, unit = (part / _SCALE.get(columns[0], 1.0) for part in (seen, usual, unit))
    excess, total = (seen - usual)[1 : len(labels)], float(seen[0] - usual[0])
    table = pd.DataFrame(labels[1:], columns=["dimension", "group"])
    table["observed"], table["expected"] = _halves(seen)[0], _halves(usual)[0]
    table["excess"], table["share"] = excess, excess / (total or np.nan)
    table["low"], table["high"] = _share_interval(
        excess, total, _halves(unit * seen + usual**2 * vague) * student(CONFIDENCE, weeks) ** 2
    )
    table["probability"] = holm(tail)
    order = np.lexsort((-likelihood, table["probability"] > 1 - CONFIDENCE))
    table = table.iloc[order].reset_index(drop=True)
    sharing = [name for name, frame in frames.items() if can_share_calls(frame)]
    table.attrs = {"observed": float(seen[0]), "expected": float(usual[0]), "above": above}
    table.attrs |= {"weeks": round(weeks, 1), "overlapping_dimensions": sharing, "within": within}
    if sharing or len(frames) > 2:
        mark_overlap(table)
    meaning = replace(
        meaning_for("explain", name, frames[""], CONFIDENCE, _METHOD),
        dates=f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} ({zone})",
        previous_dates=f"the same hours of the week since {first:%Y-%m-%d}",
    )
    return with_meaning(table, meaning, frames[""])


def _stack(
    frames: Mapping[str, pd.DataFrame], columns: Sequence[str], holidays: Any
) -> tuple[list[tuple[str, Any]], Series]:
    """Return the account and the groups, and these and each group's rest as series."""
    labels: list[tuple[str, Any]] = []
    parts = []
    for dimension, frame in frames.items():
        code, groups = groups_of(frame)
        parts.append(frame.assign(group=code + len(labels)))
        labels += [(dimension, name) for name in (["all"] if groups is None else groups)]
    data = pd.concat(parts)[["group", *columns, "provisional"]]
    mark_overlap(data)
    series = tabulate(data, None, holidays, columns)
    tables = {
        # Calls that came between two requests may be in a group and not yet in the account.
        name: np.vstack([part, np.maximum(part[0] - part[1:], 0)])
        for name, part in series.columns.items()
    }
    rows = np.tile(series.learn.all(0), (2 * len(labels) - 1, 1))
    return labels, replace(series, columns=tables, learn=rows, judge=rows)


def _halves(values: Floats) -> Floats:
    """Return the values of each group and of its rest, without those of the account."""
    return values[1:].reshape(2, -1)


def _compare(number: Floats, mean: Floats, vague: Floats, side: int) -> tuple[Floats, Floats]:
    """Return the probability by chance of each group's part, and its signed likelihood ratio.

    In a drop the cause is the group that has too few events. Its rest, `side` 1, has too many then.
    """
    number = number / np.maximum(number.sum(0) / _MANY, 1.0)
    both, part = np.maximum(number.sum(0), 1.0), mean / mean.sum(0)
    inflation = 1 + (both - 1) * np.minimum(part[0] * part[1] * vague.sum(0), 1.0)
    most, expected = number[side], both * part[side]
    tail = upper_tails(np.floor(np.minimum(most, both)), both, part[side], np.sqrt(inflation))
    gain = special.xlogy(number, number / (both * part)).sum(0)
    return tail, np.where(most > expected, 1, -1) * gain / inflation


def _share_interval(excess: Floats, total: float, square: Floats) -> tuple[Floats, Floats]:
    """Return Fieller's interval of each group's share of the excess (Fieller 1954).

    It is NaN where the account's excess cannot be told from 0, since any share is possible then.
    `square` has the squared half widths of the intervals of a group's excess and of its rest's.
    """
    leading = total**2 - square.sum(0)
    leading = np.where(leading > 0, leading, np.nan)
    middle, last = excess * total - square[0], excess**2 - square[0]
    root = np.sqrt(np.maximum(middle**2 - leading * last, 0))
    return (middle - root) / leading, (middle + root) / leading
