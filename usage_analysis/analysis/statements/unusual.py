"""Unusual events in words, with group, time, size and cost."""

from typing import Any, Final

import pandas as pd

from usage_analysis.analysis import vocabulary as say
from usage_analysis.analysis.baseline import TWO_WEEKS
from usage_analysis.analysis.meaning import RATES, Meaning, meaning_of, restore_attributes
from usage_analysis.analysis.statements.statement import Statement
from usage_analysis.errors import refusal

_NAME: Final = 40
#: From this ratio on, a value is told as a multiple of the expected one.
_TIMES: Final = 2.0


def describe_unusual(found: pd.DataFrame, *, meaning: Any = None) -> str:
    """Describe the events that `unusual` found, one sentence per event.

    Parameters
    ----------
    found
        Result of `unusual`.
    meaning
        ``attrs["meaning"]`` of the original result, for a table that lost it.

    Returns
    -------
    str
        Sentences in the order of the table, such as the one below. Each names the group, unless the
        event is one of all calls; what was observed and expected; hours and time zone; the 95 %
        interval; and the number of calls. With a price, sentences say what an event costs, where
        its interval leaves no doubt. Without events, one sentence says so.

    Raises
    ------
    QueryError
        `found` is no result of `unusual`.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> usage = ua.sample_client().call_usage(from_date="2026-02-01", to_date="2026-03-31")
    >>> print(ua.describe_unusual(ua.unusual(usage.hourly, measures=["error_rate"])))
    Error rate 18.73 % instead of 2.02 % on 2026-03-19 13:00 to 18:00 (UTC) (95 % interval of the
    ratio 6.04 to 14.2; 518 calls).
    """
    of = meaning_of(found, "unusual", meaning=meaning, name="found")
    return state_events(restore_attributes(found, of), of).sentence


def state_unusual(found: pd.DataFrame, meaning: Meaning | None = None) -> list[Statement]:
    """State each finding, or that nothing is unusual."""
    meaning = meaning_of(found, "unusual", meaning=meaning, name="found")
    if len(found) and not hasattr(found["start"].iloc[0], "tz"):
        raise refusal("texts_of_times")
    days = int(found.attrs.get("history_days", TWO_WEEKS))
    short = ""
    if days < TWO_WEEKS:
        known = say.several(days, "day")
        short = f" Based on {known} only: numbers of calls are judged from two weeks on."
    rows: list[Any] = found.to_dict("records")
    if not rows:
        title = "Nothing unusual found" if days else "Too few finished hours to judge"
        return [Statement(title, f"{title}, {meaning.dates}.{short}")]
    said = [state_event(row, meaning.level) for row in rows]
    return [*said[:-1], Statement(said[-1].title, said[-1].sentence + short, said[-1].urgent)]


def state_events(found: pd.DataFrame, meaning: Meaning | None = None) -> Statement:
    """State all findings together."""
    said = state_unusual(found, meaning)
    title = said[0].title if len(said) == 1 else f"{len(said)} unusual events"
    return Statement(title, " ".join(one.sentence for one in said), said[0].urgent)


def state_event(row: Any, confidence: float) -> Statement:
    """State one finding of `unusual`, and its `source` where the row has one in words."""
    what, detail = _what(row, confidence)
    whole = pd.isna(row["group"])
    who = "" if whole else f"{say.shorten(str(row['group']), _NAME)}: "
    title = f"{who}{say.sentence_case(what) if whole else what} {_when(row)}"
    if row["measure"] != "total_count":
        long = row["measure"] == "average_call_duration"
        detail += f"; {say.counted(row['calls'], 'joined_count' if long else 'total_count')}"
    detail += _cost(row, confidence)
    if (source := row.get("source")) is not None and source.title:
        detail += f"; most likely source: {source.title}, {source.sentence}"
    return Statement(title, f"{title} ({detail}).", urgent=True)


def _cost(row: Any, confidence: float) -> str:
    """Words for what a finding costs, where its interval leaves no doubt about the sign."""
    ends = [row[end] for end in ("money_low", "money_high") if end in row]
    if not (min(ends, default=0) > 0 or max(ends, default=0) < 0):
        return ""
    low, high = (say.money(end) for end in sorted(map(abs, ends)))
    than = "more than usual" if row["money"] > 0 else "less billed, because less was talked"
    interval = f"{say.level(confidence)} interval {low} to {high}"
    return f"; {say.money(abs(row['money']))} {than}, {interval}"


def _what(row: Any, confidence: float) -> tuple[str, str]:
    """Words for the size of a finding, and its numbers in brackets."""
    measure, ratio = row["measure"], float(row["ratio"])
    of = f"{say.level(confidence)} interval"
    name = measure.replace("_", " ")
    if name in RATES.values():
        both = f"{say.percent(row['observed'])} instead of {say.percent(row['expected'])}"
        ends = f"{say.amount(row['low'])} to {say.amount(row['high'])}"
        return f"{name} {both}", f"{of} of the ratio {ends}"
    long = measure == "average_call_duration"
    unit = "calls" if long else say.UNITS[measure]
    both = f"{_value(row['observed'], measure)} against {_value(row['expected'], measure)} expected"
    if row["kind"] == "silence":
        none = "no" if row["observed"] == 0 else "hardly any"
        return f"{none} {unit}", both
    if ratio >= _TIMES:
        words = f"{unit} {say.signed(ratio, 1).lstrip('+')} times as {'long' if long else 'many'}"
        ends = f"{say.amount(row['low'])} to {say.amount(row['high'])} times"
        return words, f"{both}; {of} {ends}"
    size = say.change(abs(ratio - 1)).lstrip("+")
    ends = f"{say.change(row['low'] - 1)} to {say.change(row['high'] - 1)}"
    if long:
        return f"calls {size} {'longer' if ratio > 1 else 'shorter'}", f"{both}; {of} {ends}"
    return f"{size} {'more' if ratio > 1 else 'fewer'} {unit}", f"{both}; {of} {ends}"


def _value(value: float, measure: str) -> str:
    if measure == "average_call_duration":
        return f"{value:,.0f} s"
    if measure == "duration":
        return say.number(pd.Timedelta(seconds=value), measure)
    return say.amount(value)


def _when(row: Any) -> str:
    """Days or hours of a finding, with the clock they are on."""
    start, end = row["start"], row["end"]
    zone = str(start.tz)
    if row["kind"] == "shift":
        return f"since {start:%Y-%m-%d} ({zone})"
    last = end - pd.Timedelta(minutes=1)
    midnights = [one == one.normalize() for one in (start, end)]
    if all(midnights) and start.date() != end.date():
        days = dict.fromkeys((f"{start:%Y-%m-%d}", f"{last:%Y-%m-%d}"))
        return f"on {' to '.join(days)} ({zone})"
    if start.date() == last.date():
        clock = "24:00" if midnights[1] else f"{end:%H:%M}"
        return f"on {start:%Y-%m-%d %H:%M} to {clock} ({zone})"
    return f"from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} ({zone})"
