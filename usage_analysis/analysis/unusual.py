"""Expected values of each hour, and events that deviate from them."""

from collections.abc import Sequence
from datetime import tzinfo
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import special

from usage_analysis.analysis import baseline
from usage_analysis.analysis.billing import price_of
from usage_analysis.analysis.events import Finding, Search, least_score, search, tell_once
from usage_analysis.analysis.intervals import normal_quantile
from usage_analysis.analysis.meaning import Meaning, with_meaning
from usage_analysis.analysis.rates import dates_of
from usage_analysis.analysis.scan import Scan
from usage_analysis.analysis.series import Series, columns_of, meaning_for, measure_of, tabulate
from usage_analysis.errors import QueryError, refusal
from usage_analysis.tidy.frame_check import check_frame, check_gaps
from usage_analysis.tidy.frames import group_column
from usage_analysis.tidy.zones import to_index, zone_of

#: Measures that are looked at without `measures`, where the frame has their columns.
USUAL: Final = ("total_count", "error_rate", "join_rate", "average_call_duration")
_COLUMNS: Final = (
    *("measure", "group", "kind", "start", "end"),
    *("observed", "expected", "ratio", "low", "high", "calls"),
)
_METHOD: Final = "hour of the week x level, negative binomial (scan statistic, Kulldorff 1997)"
#: Share of the expected value below which a drop is a silence.
_SILENT: Final = 0.02
#: False alarms per month that `expected` allows while it leaves events out of what it learns.
_ALARMS: Final = 1.0


def expected(
    hourly: pd.DataFrame,
    *,
    measure: str = "total_count",
    history: pd.DataFrame | None = None,
    holidays: Any = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return the expected value of each hour, learned from the account's own past.

    The expected value is the mean of the hour of the week times the level of the 21 days around it.
    Events that `unusual` finds are left out of both, and lasting changes begin a new level. With
    less than two weeks, weekdays are taken to be alike. The interval is that of a
    negative binomial distribution, whose excess variance is measured on windows of one hour.

    Parameters
    ----------
    hourly
        Canonical hourly frame, with or without a group column.
    measure
        A column of the frame, ``"error_rate"``, ``"join_rate"`` or ``"average_call_duration"``.
    history
        Canonical hourly frame of earlier days with the same group column, to learn from.
    holidays
        Dates, ISO texts or a calendar of the package `holidays`. Each has a level of its own.
    confidence
        Level of the interval.

    Returns
    -------
    DataFrame
        One row per hour, and per group: `observed`, `expected`, `low` and `high`, in the unit of
        the measure (durations in seconds); NaN for hours without calls of a rate. For rates and
        mean lengths also `few`: whether the hour has too few calls to be judged alone (8, or 30
        joined calls). ``attrs["history_days"]`` is the number of days learned from. UTC hours that
        `in_timezone` divided are put together again, and each of them is a row.

    Raises
    ------
    QueryError
        A column is missing, or an argument does not fit.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> usage = ua.sample_client().call_usage(from_date="2026-02-01", to_date="2026-03-31")
    >>> table = ua.expected(usage.hourly)
    >>> list(table)
    ['observed', 'expected', 'low', 'high']
    """
    normal_quantile(confidence)
    series, (found,), _ = _search("expected", hourly, [measure], history, holidays, _ALARMS)
    mine, fitted = found.measure, found.scan.baseline
    mean = np.maximum(fitted.expected, 1e-12)
    variance = fitted.unit[:, None] * mean + fitted.spread_of(1)[:, None] * mean**2
    low, high = (
        special.gammaincinv(mean**2 / variance, share) * variance / mean
        for share in ((1 - confidence) / 2, (1 + confidence) / 2)
    )
    if mine.kind == "count" and mine.unit is not None:
        low, high = np.floor(low), np.ceil(high)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = [
            mine.in_unit(part, mine.calls) for part in (mine.observed, fitted.expected, low, high)
        ]
    if mine.unit is not None and mine.kind == "rate":
        values = [*values[:2], *np.clip(np.sort(values[2:], axis=0), 0, 1)]
    group = group_column(hourly)
    # The whole account stands first, and is no group.
    judge = series.judge.copy()
    judge[0] &= group is None or not series.whole
    row, place = np.nonzero(judge)
    index = to_index(series.times, zone_of(hourly)).rename("time")
    columns = zip(("observed", "expected", "low", "high"), values, strict=True)
    out = pd.DataFrame({name: part[row, place] for name, part in columns}, index[place])
    if mine.calls is not None:
        out["few"] = (mine.calls < mine.fewest)[row, place]
    if group is not None:
        out.insert(0, group, np.array(series.names, dtype=object)[row])
    out.attrs = {"history_days": series.days}
    return with_meaning(out, meaning_for("expected", measure, hourly, confidence, _METHOD), hourly)


def unusual(
    hourly: pd.DataFrame,
    *,
    measures: Sequence[str] | None = None,
    history: pd.DataFrame | None = None,
    false_alarms: float = 1.0,
    price: Decimal | float | str | None = None,
    holidays: Any = None,
) -> pd.DataFrame:
    """Return events that the account's own past does not explain, with group, hours and size.

    Windows of one hour to seven days are compared with their expected values. Days are searched for
    levels that changed for good. Each event is reported once: for the group that accounts for it,
    and for the measure that the others follow from.

    Parameters
    ----------
    hourly
        Canonical hourly frame, with or without a group column. Provisional hours are not judged.
        UTC hours that `in_timezone` divided, for a zone off the hour, are put together again.
    measures
        Columns of the frame, ``"error_rate"``, ``"join_rate"`` and ``"average_call_duration"``. By
        default these three and ``"total_count"``, where the frame has their columns.
    history
        Canonical hourly frame of earlier days with the same group column, to learn from.
    false_alarms
        Number of false findings per month that is allowed, over all groups and measures together.
        Simulated months without any trouble have far fewer.
    price
        Price per billed minute; adds columns of money.
    holidays
        Dates, ISO texts or a calendar of the package `holidays`. Without it, the calls that are
        missing on a holiday are a finding.

    Returns
    -------
    DataFrame
        One row per finding, the earliest first: `measure`; `group`, missing for the whole account;
        `kind`, which is ``"spike"``, ``"drop"``, ``"silence"``, or ``"shift"`` for a level that
        lasts to the end of the frame; `start` and `end`,
        hours on the frame's clock, `end` exclusive; `observed` and `expected` over these hours
        (calls, minutes, seconds per call, or a share of calls); `ratio`, observed over expected,
        with its 95 % interval `low` and `high`; `calls`, the number of calls it rests on (joined
        calls for their mean length; for a silence, the expected calls); `probability` that a month
        without any trouble has such a finding anywhere (missing where a level changed, which
        another test judges: see `change_points`); `also`, the measures whose findings follow from
        this finding; and with a price `money` [the price's currency], what the minutes beyond the
        expected ones cost, with its 95 % interval `money_low` and `money_high`.

    Raises
    ------
    QueryError
        A column is missing, `history` is of another kind, or an argument does not fit.

    Notes
    -----
    What can be found depends on the number of calls that are expected in the hours of an event:

    - a silence needs 18, or 28 where the calls of such hours usually vary by a fifth;
    - twice the calls need 51, or 218 where they usually vary by a tenth;
    - half the calls need 155;
    - calls three times as long need 30 to 40 joined calls.

    With less than two weeks, numbers of calls are not judged, because weekends are not known.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> reply = ua.sample_client().by_agent(
    ...     ua.sample.AGENTS, from_date="2026-02-01", to_date="2026-03-31"
    ... )
    >>> found = ua.unusual(reply.hourly)
    >>> found[["measure", "group", "kind"]].iloc[-1].tolist()
    ['error_rate', 'Support line', 'spike']
    """
    if not (isinstance(false_alarms, int | float) and 0 < false_alarms < np.inf):
        raise QueryError(f"false_alarms: expected a number above 0, got {false_alarms!r}")
    names = list(measures) if measures is not None else usual_measures(hourly)
    cost = None if price is None else float(price_of(price))
    extra = ("total_count",) if price is None else ("total_count", "billed_minutes")
    series, found, least = _search("unusual", hourly, names, history, holidays, false_alarms, extra)
    told = tell_once(found, series)
    rows = [event_row(one, series, zone_of(hourly)) for one in told]
    moments = dict.fromkeys(("start", "end"), to_index(series.times[:0], zone_of(hourly)).dtype)
    table = pd.DataFrame(rows, columns=_COLUMNS).astype(moments)
    chance = [np.nan if one.lasting else np.exp(least - one.window.score) for one in told]
    table["probability"] = np.minimum(np.array(chance) * false_alarms, 1.0)
    table["also"] = [", ".join(one.also) for one in told]
    if cost is not None:
        bills, windows = _scan_bills(series, found), [one.window for one in told]
        paid = [bills.window(one.series, one.start, one.end) for one in windows]
        table["money"] = [cost * (one.observed - one.expected) for one in paid]
        table["money_low"] = [cost * (one.low - 1) * one.expected for one in paid]
        table["money_high"] = [cost * (one.high - 1) * one.expected for one in paid]
    table.attrs = {"history_days": series.days}
    meaning = Meaning(made_by="unusual", confidence=0.95, method=_METHOD, dates=dates_of(hourly))
    return with_meaning(table, meaning, hourly)


def usual_measures(hourly: pd.DataFrame) -> list[str]:
    """Return the usual measures that a frame has the columns for; never none."""
    columns = {"total_count", *getattr(hourly, "columns", ())}
    return [one for one in USUAL if set(columns_of(one)) <= columns]


def _search(
    helper: str,
    hourly: pd.DataFrame,
    names: Sequence[str],
    history: pd.DataFrame | None,
    holidays: Any,
    false_alarms: float,
    extra: Sequence[str] = (),
) -> tuple[Series, list[Search], float]:
    """Check the arguments, search each measure, and return the least score of an event, too."""
    columns = list(dict.fromkeys([c for one in names for c in columns_of(one)] + [*extra]))
    for frame in (hourly,) if history is None else (hourly, history):
        check_frame(helper, frame, *columns, "provisional", rows="hour")
        check_gaps(helper, frame)
    if history is not None:
        if group_column(history) != group_column(hourly):
            raise refusal("other_group", wanted=group_column(hourly), got=group_column(history))
        before = history[history.index < hourly.index.min()]
        if len(history) and not len(before):
            raise QueryError("history: expected hours before those of the frame, got none")
        history = before
    if len(hourly) == 0:
        raise QueryError(f"{helper}: expected at least one hour, got none")
    series = tabulate(hourly, history, holidays, columns)
    least = least_score(false_alarms, len(series.names), len(names))
    return series, [search(series, name, least) for name in names], least


def event_row(one: Finding, series: Series, zone: tzinfo) -> dict[str, Any]:
    """Return the row of the table of `unusual` for an event."""
    window = one.window
    known = series.columns["total_count"] if one.measure.calls is None else one.measure.calls
    calls = known[window.series, window.start : window.end].sum()
    seen, usual, low, high = _in_measure(one, calls)
    start, last = to_index(series.times[[window.start, window.end - 1]], zone)
    ratio, kind = seen / usual if usual else np.nan, _kind(one, seen, usual)
    if kind == "silence" and one.measure.unit is not None:
        calls = usual
    values = (start, last + pd.Timedelta(hours=1), seen, usual, ratio, low, high, float(calls))
    names = (one.measure.name, series.names[window.series], kind)
    return dict(zip(_COLUMNS, (*names, *values), strict=True))


def _in_measure(one: Finding, calls: float) -> tuple[float, float, float, float]:
    """Return observed and expected value in the measure's unit, and the interval of the ratio."""
    window, measure = one.window, one.measure
    of = None if measure.calls is None else calls
    seen, usual = (float(measure.in_unit(part, of)) for part in (window.observed, window.expected))
    if not measure.complement:
        return seen, usual, window.low, window.high
    # The window counts calls that were not joined.
    missing = min(1 - usual, 1 - 1e-9)
    low, high = (max(1 - end * missing, 0.0) / (1 - missing) for end in (window.high, window.low))
    return seen, usual, low, high


def _kind(one: Finding, seen: float, usual: float) -> str:
    if one.lasting and one.window.end == one.measure.observed.shape[1]:
        return "shift"
    if seen > usual:
        return "spike"
    return "silence" if one.measure.calls is None and seen <= _SILENT * usual else "drop"


def _scan_bills(series: Series, found: Sequence[Search]) -> Scan:
    """Return sums of billed minutes beside those expected outside of all findings."""
    learn = series.learn.copy()
    for one in (finding for each in found for finding in each.findings):
        rows = slice(None) if series.whole and one.window.series == 0 else one.window.series
        learn[rows, one.window.start : one.window.end] = False
    measure = measure_of(series, "billed_minutes")
    fitted = baseline.fit(measure, series.hours, learn, [[] for _ in series.names])
    return Scan(measure, fitted, series.judge, series.hours)
