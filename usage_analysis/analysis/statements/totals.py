"""Totals and loads in words: how much came, per bucket on average, and when the most."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from usage_analysis.analysis import vocabulary as say
from usage_analysis.analysis.columns import finished, in_units
from usage_analysis.analysis.marks import Mark, without
from usage_analysis.analysis.statements.statement import Statement, state

# Hours of which a tenth is more than a single one.
_TENTH = 10


def state_total(
    frame: pd.DataFrame, measure: str = "total_count", marks: Sequence[Mark] = ()
) -> Statement:
    """State the total of a measure, its mean per bucket, and the bucket with the most.

    Parameters
    ----------
    frame
        Buckets of one series, such as days. The total is of all buckets. The mean is of the
        finished ones outside the periods to leave out.
    measure
        A column of the frame.
    marks
        Periods to leave out of the mean.
    """
    every, missing = say.span_of(frame), int(frame[measure].isna().sum())
    frame = frame[frame[measure].notna()]
    used = without(frame[finished(frame)], marks)
    unit, total = say.UNITS.get(measure, measure), float(np.nansum(in_units(frame, measure)))
    buckets = say.several(len(frame), every if len(used) < len(frame) else f"whole {every}")
    if len(frame) == 0:
        return state(f"No finished {every} yet, so no {unit}")
    when = f"{buckets}, {say.dates(frame)}"
    if not total > 0:
        return Statement(f"No {unit} in {buckets}", f"No {unit} in {when}.")
    so_far = f"{say.counted(total, measure)} in {when}"
    if len(used) == 0:
        none = f"o finished {every} yet, so no mean of {unit} per {every}"
        return Statement(f"N{none}", f"{so_far}; n{none}.")
    values = in_units(used, measure)
    mean = f"{say.counted(float(np.nanmean(values)), measure)} per {every} on average"
    over = f"{len(used):,} whole {every}s" if len(used) > 1 else f"the one whole {every}"
    if len(used) == 1 or np.nansum(values) < len(used):
        # A mean of one bucket, or of less than one per bucket, says less than the sum.
        title = f"{say.counted(float(np.nansum(values)), measure)} in {over}"
        return Statement(title, f"{so_far}." if len(used) == len(frame) else f"{so_far}; {title}.")
    top = int(np.nanargmax(values))
    moment = used.index[top]
    when_most = f"{moment:%A %Y-%m-%d}" if every == "day" else f"{moment:%Y-%m-%d %H:%M}"
    most = f"most on {when_most} ({say.number(values[top], measure)})"
    over += f", {say.several(missing, every)} without a number left out" if missing else ""
    whole = "" if len(used) == len(frame) and not missing else f" over {over}"
    return Statement(f"{mean} over {over}, {most}", f"{so_far}: {mean}{whole}, {most}.")


def state_unlike_days(current: pd.DataFrame, previous: pd.DataFrame, measure: str) -> Statement:
    """State the totals of two periods that have no weekday in common.

    Parameters
    ----------
    current, previous
        Final buckets of one series, up to the same hour of the clock.
    measure
        A column of the frames.
    """
    now, before = (
        say.counted(float(np.nansum(in_units(rows, measure))), measure)
        for rows in (current, previous)
    )
    title = f"{now} against {before} of other weekdays"
    return Statement(
        title,
        f"{now} up to the last final hour, {say.dates(current)}, against {before} up to the same "
        f"hour of {say.date_range(previous)}; these are other weekdays, so no change is given.",
    )


def state_busiest_day(daily: pd.DataFrame, measure: str) -> Statement:
    """State the busiest day: of whole days if there are any."""
    whole, values = finished(daily), in_units(daily, measure)
    values = np.where(whole, values, np.nan) if whole.any() else values
    if not np.nansum(values) > 0:
        return _state_dated(f"No {say.UNITS.get(measure, measure)} on any day", daily)
    top = int(np.nanargmax(values))
    day = f"{daily.index[top]:%A %Y-%m-%d}"
    return _state_dated(f"Busiest day: {day} with {say.counted(values[top], measure)}", daily)


def state_load_duration(hours: pd.DataFrame, name: str = "") -> Statement:
    """State the traffic of the busiest tenth of hours, of one series or of the group `name`."""
    traffic = np.sort(hours["carried"].to_numpy(dtype=np.float64))[::-1]
    if not traffic.sum() > 0:
        return _state_dated("No talk in any finished hour", hours)
    whose = f"{say.shorten(name, 40)} has most traffic:" if name else "Traffic is"
    high, busy = say.counted(float(traffic[0]), "traffic"), float(traffic[len(traffic) // _TENTH])
    number = say.several(len(traffic), "hour")
    if len(traffic) < _TENTH or not busy > 0:
        return _state_dated(f"{whose} {high} at most in {number}", hours)
    words = f"{whose} over {say.counted(busy, 'traffic')} in a tenth of {number}"
    return _state_dated(words if name else f"{words}, {high} at most", hours)


def _state_dated(title: str, frame: pd.DataFrame) -> Statement:
    return state(title, f", {say.dates(frame)}" if len(frame) else "")
