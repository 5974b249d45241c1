"""Load by bucket and by slot of the local clock: erlangs, means and their spread."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from usage_analysis.analysis import arrays
from usage_analysis.analysis.arrays import Booleans, Floats, Places, Values
from usage_analysis.analysis.busiest import dispersion, expected_week, may_be_busiest
from usage_analysis.analysis.intervals import share
from usage_analysis.analysis.meaning import Meaning, with_meaning
from usage_analysis.analysis.vocabulary import WEEKDAYS, check_choice, dates, either
from usage_analysis.errors import QueryError, refusal
from usage_analysis.tidy import grouping
from usage_analysis.tidy.frame_check import check_frame, check_gaps
from usage_analysis.tidy.frames import group_column
from usage_analysis.tidy.grouping import SLOTS, Rows
from usage_analysis.tidy.periods import by_place
from usage_analysis.tidy.wire import MEASURES
from usage_analysis.tidy.zones import DAY, local_clock, weekday_of


def traffic_intensity(hourly: pd.DataFrame) -> pd.Series | pd.DataFrame:
    """Return the carried traffic of each bucket [erlangs]: talk time over the bucket's length.

    The mean number of concurrent calls, ``sum(duration) / length`` (ITU-T E.600). All talk of a
    call is booked in the hour in which the call started: right on average, about 10 % off in a
    single hour. `capacity` spreads the talk over the hours that it lasted. The API does not
    document whether time before a call was joined counts as duration.

    Parameters
    ----------
    hourly
        Canonical frame with or without a group column, or a frame of `aggregate`, whose `hours` are
        the lengths.

    Returns
    -------
    Series or DataFrame
        `traffic` [erlangs] per bucket; for a breakdown a frame with the group first. Provisional
        buckets are included, and their talk may still grow.

    Raises
    ------
    QueryError
        No `duration`, or no tz-aware index.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-02 09:00", periods=2, freq="h", tz="UTC", name="time")
    >>> hourly = pd.DataFrame({"duration": pd.to_timedelta(["90min", "15min"])}, index=time)
    >>> traffic_intensity(hourly).tolist()
    [1.5, 0.25]
    """
    check_frame("traffic_intensity", hourly, "duration")
    lengths = grouping.covered_lengths(hourly)
    traffic = arrays.exact(hourly, "duration") / lengths
    group = group_column(hourly)
    meaning = Meaning(made_by="traffic_intensity", measure="traffic")
    if group is None:
        return with_meaning(pd.Series(traffic, hourly.index, name="traffic"), meaning, hourly)
    return with_meaning(hourly[[group]].assign(traffic=traffic), meaning, hourly)


def load_profile(
    hourly: pd.DataFrame,
    *,
    by: str = "hour_of_day",
    measure: str = "total_count",
    weekend: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the mean load of each slot of the local day or week, and its spread.

    The mean is ``sum(measure) / hours``, over the hours that the slot really had: clock changes and
    the calendar (a weekly slot has 51 to 54 hours per year) do no harm. Percentiles refer to the
    hourly loads of buckets, by linear interpolation (method 7 of Hyndman and Fan 1996).

    The greatest mean is partly luck. `expected` shrinks the means of the hours of the week towards
    the product of weekday and clock hour (empirical Bayes, Efron and Morris 1975). `busiest` marks
    one slot where the probabilities that another is busier add to at most 5 %. Otherwise it marks
    every slot that may be the busiest at a confidence of 95 % (multiple comparisons with the best,
    Hsu 1984).

    Provisional buckets are left out and counted in ``attrs["left_out"]``. Sums by hour show neither
    a peak within the hour nor the number of concurrent calls. All talk of a call lies in the hour
    in which it started.

    Parameters
    ----------
    hourly
        Canonical hourly frame in the time zone of interest, with or without a group column.
    by
        ``"hour_of_day"``, ``"day_of_week"`` (0 is Monday) or ``"hour_of_week"`` (0 is Monday
        00:00).
    measure
        A column of the frame, per hour: calls, billed minutes, or `duration`, which stays
        timedelta64[us]; or ``"traffic"`` [erlangs].
    weekend
        Days of the weekend such as ``("Sat", "Sun")``: workdays and the weekend then have a profile
        each, as if they were groups. Only for a single series.

    Returns
    -------
    DataFrame
        One row per slot (under each group), named after `by`: `mean`, `expected`, `p10`, `p50`,
        `p90`, each per hour; `n`, the number of buckets; `hours`, their elapsed time [h];
        `busiest`, whether the slot may be the busiest; `calls`, where the frame counts them. A slot
        without buckets has n 0 and NaN.

    Raises
    ------
    QueryError
        The rows are not hours, a column is missing, or an argument has an unknown value.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-02", periods=48, freq="h", tz="UTC", name="time")
    >>> hourly = pd.DataFrame({"total_count": range(48), "provisional": False}, index=time)
    >>> load_profile(hourly)[["mean", "p90"]].loc[9].tolist()
    [21.0, 30.6]
    """
    check_choice("by", by, SLOTS)
    check_measure("load_profile", hourly, measure)
    if weekend is not None:
        hourly = _by_kind_of_day(hourly, weekend)
    found = measured("load_profile", hourly, measure)
    return profile_of(hourly, found, by, measure)


def check_weekend(weekend: Sequence[str]) -> None:
    """Raise a QueryError where a weekend is not made of names of weekdays."""
    if isinstance(weekend, str) or not all(name in WEEKDAYS for name in weekend):
        raise QueryError(f"weekend: expected days out of {either(WEEKDAYS)}, got {weekend!r}")


def _by_kind_of_day(hourly: pd.DataFrame, weekend: Sequence[str]) -> pd.DataFrame:
    """Make workdays and the weekend two groups of a frame."""
    check_weekend(weekend)
    group = group_column(hourly)
    if group is not None:
        raise refusal("one_series", name="weekend", group=group, more=", or leave weekend out")
    resting = np.isin(weekday_of(local_clock(hourly) // DAY), [WEEKDAYS.index(d) for d in weekend])
    out = hourly.copy(deep=False)
    out.insert(0, "days", np.where(resting, "weekend", "workdays"))
    return out


def measured(helper: str, hourly: pd.DataFrame, measure: str) -> tuple[Rows, Floats, Values]:
    """Return the rows of a frame, the length of each instant [h], and the measure of each row.

    Talk is in microseconds, for traffic too: integers are exact, and fast to sort.
    """
    column = check_measure(helper, hourly, measure)
    check_gaps(helper, hourly)
    rows = grouping.rows_of(hourly)
    lengths = rows.lengths()
    if "hours" in hourly:
        lengths = by_place(hourly["hours"].to_numpy(dtype=np.float64), rows.place, len(lengths))
    grouping.check_longest(helper, float(lengths.max(initial=0.0)), "hour")
    return rows, lengths, arrays.exact(hourly, column)


def check_measure(helper: str, hourly: pd.DataFrame, measure: str) -> str:
    """Return the column that holds a measure.

    Raises
    ------
    QueryError
        There is no such measure, or the frame lacks its column.
    """
    check_choice("measure", measure, [*MEASURES, "traffic"])
    column = "duration" if measure == "traffic" else measure
    check_frame(helper, hourly, column, "provisional")
    return column


def profile_of(
    hourly: pd.DataFrame, found: tuple[Rows, Floats, Values], by: str, measure: str
) -> pd.DataFrame:
    """Return the profile of measured rows, in the form of `load_profile`."""
    rows, lengths, values = found
    index, place, code = rows.index(by), rows.place, rows.code
    provisional = hourly["provisional"].to_numpy(dtype=bool)
    if provisional.any():
        place, code, values = (part[~provisional] for part in (place, code, values))
    key, count = rows.slots(by)[place], len(index)
    if rows.count > 1:
        key += code * SLOTS[by]
    n = np.bincount(key, minlength=count)
    hours: Floats = n.astype(np.float64)
    loads = values
    if len(lengths) and lengths.min() < 1:
        hours = np.bincount(key, lengths[place], minlength=count).astype(np.float64)
        loads = values / lengths[place]
    mean = share(grouping.Sums(key, count).of(values), hours)
    spread = percentiles(loads, key, n, (10, 50, 90))
    expected, busiest = _expected(rows, (place, code, key), loads, mean, n, by)
    names = ("mean", "expected", "p10", "p50", "p90")
    of_loads = zip(names, (mean, expected, *spread), strict=True)
    columns = {name: arrays.as_measure(load, measure) for name, load in of_loads}
    columns |= {"n": n, "hours": hours, "busiest": busiest}
    if "total_count" in hourly:
        counts = hourly["total_count"].to_numpy()
        counts = counts[~provisional] if provisional.any() else counts
        columns["calls"] = grouping.Sums(key, count).of(counts)
    out = pd.DataFrame(columns, index=index)
    out.attrs["left_out"] = grouping.provisional_instants(hourly)
    out.attrs["dates"] = dates(hourly)
    out.attrs["timezone"] = str(rows.zone)
    return with_meaning(out, Meaning(made_by="load_profile", measure=measure), hourly)


def _expected(
    rows: Rows, keys: tuple[Places, Places, Places], loads: Values, mean: Floats, n: Places, by: str
) -> tuple[Floats, Booleans]:
    """Expected load of each slot, and the slots that may be the busiest."""
    shape = (-1, SLOTS[by])
    if not n.any():
        return mean, np.zeros(len(mean), dtype=np.bool_)
    plain, many = np.nan_to_num(mean).reshape(shape), n.reshape(shape)
    if by == "hour_of_week":
        squares = np.bincount(keys[2], np.square(loads, dtype=np.float64), minlength=len(n))
        scatter = dispersion(plain, squares.reshape(shape), many)
        expected, error = expected_week(plain, many, scatter)
        busiest = may_be_busiest(plain, expected, error, many)
        return np.where(n > 0, expected.ravel(), np.nan), busiest.ravel()
    judged, days, error = _of_whole_days(rows, keys, loads, by)
    return mean, may_be_busiest(judged, judged, error, days).ravel()


def _of_whole_days(
    rows: Rows, keys: tuple[Places, Places, Places], loads: Values, by: str
) -> tuple[Floats, Places, Floats]:
    """Means of slots over whole days, the number of days, and standard errors of the means.

    Hours of the day are compared within each day, so the level of the day does not count as noise.
    Weekdays are compared by whole days, because the hours of a day are not independent.
    """
    place, code, key = keys
    day = rows.local // DAY
    days = int(day.max() - day.min()) + 1
    cell = code * days + (day - day.min())[place]
    hours = np.bincount(cell, minlength=rows.count * days)
    # A filter by time of day makes every day as short; a day at a clock change lacks one hour.
    whole = hours >= hours.max() - 1
    if by == "hour_of_day":
        whole &= np.bincount(cell, loads, minlength=len(hours)) > 0  # no calls, no busiest hour
    inside = slice(None) if whole[hours > 0].all() else whole[cell]
    cell, key, values = cell[inside], key[inside], np.asarray(loads[inside], dtype=np.float64)
    size = SLOTS[by]
    if by == "day_of_week":
        seen = np.flatnonzero(whole)
        slot = size * (seen // days) + weekday_of(seen % days + day.min())
        values = np.bincount(cell, values, minlength=len(whole))[seen] / hours[seen]
        n, mean = _means(values, slot, rows.count * size)
        squares = np.bincount(slot, values**2, minlength=len(n)).reshape(-1, size)
        n, mean = n.reshape(-1, size), mean.reshape(-1, size)
        return mean, n, np.sqrt(dispersion(mean, squares, n) * mean / np.maximum(n, 1))
    n, mean = _means(values, key, rows.count * size)
    level = np.bincount(cell, values, minlength=len(whole))
    usual = np.bincount(cell, mean[key], minlength=len(whole))
    fitted = mean[key] * arrays.ratio(level, usual)[cell]
    top = mean.reshape(-1, size).max(axis=1, keepdims=True)
    busy = (mean.reshape(-1, size) >= top / 2).ravel()[key]
    group = key // size
    residual = np.where(busy, np.square(values - fitted), 0.0)
    noise = np.bincount(group, residual, minlength=rows.count)
    load = np.bincount(group, np.where(busy, fitted, 0.0), minlength=rows.count)
    cells = np.bincount(group, minlength=rows.count)
    free = cells - size - (whole & (hours > 0)).reshape(rows.count, days).sum(axis=1) + 1
    scatter = noise / np.maximum(load, 1e-300) * cells / np.maximum(free, 1)
    n, mean = n.reshape(-1, size), mean.reshape(-1, size)
    return mean, n, np.sqrt(scatter[:, None] * mean / np.maximum(n, 1))


def _means(values: Floats, key: Places, count: int) -> tuple[Places, Floats]:
    n = np.bincount(key, minlength=count)
    return n, np.bincount(key, values, minlength=count) / np.maximum(n, 1)


def percentiles(values: Values, key: Places, n: Places, percents: Sequence[int]) -> list[Floats]:
    """Percentiles of the values under each key, by linear interpolation; NaN without any."""
    if len(values) == 0:
        return [np.full(len(n), np.nan) for _ in percents]
    held, start = _sorted_by_key(values, key), np.cumsum(n) - n
    out = []
    for percent in percents:
        at = np.where(n > 0, (n - 1) * (percent / 100), 0)
        low = np.floor(at).astype(np.intp)
        first = np.minimum(start + low, len(held) - 1)
        one, two = held[first], held[np.minimum(first + (low + 1 < n), len(held) - 1)]
        out.append(np.where(n > 0, one + (two - one) * (at - low), np.nan))
    return out


def _sorted_by_key(values: Values, key: Places) -> Floats:
    """Return the values sorted by key and value.

    Whole numbers are combined with their key into one number, which sorts fastest; small ones are
    only counted.
    """
    if values.dtype.kind in "iu" and values.min() >= 0:
        size, keys = int(values.max()) + 1, int(key.max()) + 1
        if size * keys <= len(values):
            counts = np.bincount(key * size + values, minlength=size * keys)
            return np.repeat(np.tile(np.arange(size, dtype=np.float64), keys), counts)
        if size * keys < 2**63:
            both = np.sort(key * size + values)
            return (both % size).astype(np.float64)
    order = np.lexsort((values, key))
    return values[order].astype(np.float64)
