"""Rules of `usage-analysis check`, and the hours in which rules were broken."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import msgspec
import numpy as np
import pandas as pd

from usage_analysis.analysis.baseline import TWO_WEEKS
from usage_analysis.analysis.billing import price_of
from usage_analysis.analysis.capacity import capacity
from usage_analysis.analysis.error_budget import burn_rate, burns_at_once
from usage_analysis.analysis.events import least_score
from usage_analysis.analysis.series import MEASURED, columns_of, tabulate
from usage_analysis.analysis.statements.money import state_month
from usage_analysis.analysis.statements.statement import Statement
from usage_analysis.analysis.statements.unusual import state_event
from usage_analysis.analysis.trends import month_outlook
from usage_analysis.analysis.unusual import event_row, usual_measures
from usage_analysis.analysis.vocabulary import percent, several
from usage_analysis.analysis.watch import watch
from usage_analysis.errors import QueryError, clean, refusal
from usage_analysis.tidy.frames import group_column
from usage_analysis.tidy.grouping import each_group
from usage_analysis.tidy.periods import aggregate, in_timezone
from usage_analysis.tidy.zones import whole_hours, zone_of

_HOUR: Final = pd.Timedelta(hours=1)
_Amount = Annotated[float, msgspec.Meta(gt=0, lt=1e15)]
#: False alarms per month that a rule about events allows by default.
_ALARMS: Final = 0.05


class Rule(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    """One rule: a name, and the groups that it is about."""

    name: str
    by: str | None = None
    group: str | None = None

    @property
    def over(self) -> pd.Timedelta:
        """Time after which an alarm is over if the rule was not broken again."""
        return (6 if isinstance(self, Unusual | Silence | ErrorRate) else 26) * _HOUR


class Unusual(Rule, tag="unusual"):
    """No event is under way that the past does not explain."""

    false_alarms: _Amount = _ALARMS
    measures: tuple[str, ...] = ()


class Silence(Rule, tag="silence"):
    """Calls arrive when they are expected."""

    false_alarms: _Amount = _ALARMS


class ErrorRate(Rule, tag="error_rate"):
    """Errors do not use up their budget too fast."""

    objective: Annotated[float, msgspec.Meta(gt=0, lt=1)]


class Minutes(Rule, tag="minutes"):
    """The month is not projected beyond a budget of billed minutes."""

    budget: _Amount


class Money(Minutes, tag="money"):
    """The month is not projected beyond a budget of money."""

    price: float | str


class Capacity(Rule, tag="capacity"):
    """A limit of concurrent calls refuses hardly any call."""

    limit: Annotated[int, msgspec.Meta(gt=0)]


class Stale(Rule, tag="stale"):
    """The newest hour is not older than a number of hours."""

    hours: _Amount


_KINDS: Final = (Unusual, Silence, ErrorRate, Minutes, Money, Capacity, Stale)


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file of rules.

    Parameters
    ----------
    timezone
        Time zone of days and hours.
    holidays
        Dates, or a country's code, which needs the extra `holidays`.
    groups
        Names and IDs, or metadata values, by kind: ``[groups.agent]``.
    rule
        The rules.
    """

    timezone: str = "UTC"
    holidays: tuple[str, ...] | str = ()
    groups: dict[str, dict[str, str]] = {}
    rule: tuple[Unusual | Silence | ErrorRate | Minutes | Money | Capacity | Stale, ...]


class Alarm(NamedTuple):
    """A rule that was broken.

    Parameters
    ----------
    rule, key
        Name of the rule, and the key of the alarm: group and measure.
    start, end
        First hour at whose end the rule was broken, and the end of the last one.
    message
        Sentence with group, numbers and hours, as of the first hour.
    """

    rule: str
    key: str
    start: pd.Timestamp
    end: pd.Timestamp
    message: str


def read_rules(path: Path) -> Rules:
    """Read a file of rules.

    Raises
    ------
    QueryError
        The file is not TOML, or has an unknown key, kind or value; the message names the nearest.
    """
    try:
        rules = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Rules)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise QueryError(f"{path}: expected TOML, {error}") from None
    except msgspec.ValidationError as error:
        raise QueryError(f"{path}: {_explain(str(error))}") from None
    names = [rule.name for rule in rules.rule]
    if not names or len(set(names)) < len(names):
        raise QueryError(f"{path}: expected a different name for each rule, got {names}")
    for rule in rules.rule:
        try:
            _check_rule(rule)
        except QueryError as error:
            raise QueryError(f"{path}: rule {rule.name!r}: {error}") from None
    return rules


def _check_rule(rule: Rule) -> None:
    """Check the conditions on a rule's values that types cannot express."""
    if rule.group is not None and rule.by is None:
        raise QueryError('by: expected the kind of the group, such as "agent", got none')
    if isinstance(rule, Money) and not price_of(rule.price) > 0:
        raise QueryError(f"price: expected a number above 0, got {rule.price!r}")
    for name in set(rule.measures).difference(MEASURED) if isinstance(rule, Unusual) else ():
        raise QueryError(_unknown("measure", name, MEASURED))


def _explain(message: str) -> str:
    """Return a validation error in words, with the nearest known word."""
    problem, _, at = message.replace("`", "").partition(" - at $.")
    words = problem.replace("'", "").split()
    if "unknown field" in problem:
        fields = {name for kind in (*_KINDS, Rules) for name in kind.__struct_fields__}
        return f"{at}: {_unknown('key', words[-1], fields - {words[-1]})}"
    if problem.startswith("Invalid value"):
        kinds = (str(kind.__struct_config__.tag) for kind in _KINDS)
        return f"{at}: {_unknown('kind', words[-1], kinds)}"
    return f"{at or 'file'}: {problem[:1].lower()}{problem[1:]}"


def _unknown(what: str, word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word, known := sorted(known), 1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown {what} {word!r}; {meant}Known: {', '.join(known)}"


def calendar(rules: Rules, years: range) -> Any:
    """Return the holidays of rules; a country's come from the package `holidays`."""
    if not isinstance(rules.holidays, str):
        return rules.holidays
    try:
        import holidays
    except ImportError:
        raise refusal("no_holidays") from None
    try:
        return holidays.country_holidays(rules.holidays, years=years)
    except NotImplementedError:
        raise QueryError(f"holidays: unknown country {rules.holidays!r}") from None


def alarms_of(
    rule: Rule,
    hourly: pd.DataFrame,
    first: pd.Timestamp,
    now: datetime,
    holidays: Any,
    newest: list[pd.DataFrame] | None = None,
) -> list[Alarm]:
    """Return when a rule was broken, from an instant to the end of the data.

    Parameters
    ----------
    hourly
        Canonical hourly frame of UTC hours, by group if the rule has `by`.
    first
        First instant at which the rule is checked, in the time zone of days and hours. Each hour is
        judged from earlier data only.
    now
        Instant of the reply.
    newest
        Hourly frames of the last hour and of the last five minutes, for a rule about error rates.

    Raises
    ------
    QueryError
        The rule's group does not exist.
    NoDataError
        There are too few days to judge.
    """
    # Only local days need divided hours, where a zone is off the hour.
    hourly = (in_timezone if isinstance(rule, Minutes | Money) else whole_hours)(
        hourly, str(first.tz)
    )
    group = group_column(hourly)
    if rule.group is not None and group is not None:
        known = hourly[group].unique().tolist()
        if rule.group not in known:
            raise QueryError(f"rule {rule.name!r}: {_unknown('group', rule.group, known)}")
        hourly = hourly[hourly[group] == rule.group]
    if isinstance(rule, Stale):
        return _join(rule, _stale(rule, hourly, now))
    if isinstance(rule, Unusual | Silence):
        return _join(rule, _sightings(rule, hourly, first, holidays))
    parts = [(None, hourly)] if group is None else each_group(hourly)
    burning = partial(_burning, newest=newest)
    broken: Any = {ErrorRate: burning, Capacity: _crowded}.get(type(rule), _over_budget)
    return [one for name, rows in parts for one in _join(rule, broken(rule, name, rows, first))]


#: The end of an hour at which a rule was broken, its key, and a function that words it.
_Broken = tuple[pd.Timestamp, str, Callable[[], str | Statement]]


def _join(rule: Rule, broken: Iterator[_Broken]) -> list[Alarm]:
    """Return one alarm for each stretch of hours in which a rule stays broken."""
    found: list[Alarm] = []
    last: dict[str, int] = {}
    for end, key, word in sorted(broken, key=lambda one: one[0]):
        at = last.get(key)
        if at is not None and end - found[at].end <= rule.over:
            found[at] = found[at]._replace(end=end)
        else:
            last[key] = len(found)
            said = word()
            said = said if isinstance(said, str) else said.sentence
            who = f"{key}: " if rule.by and not isinstance(rule, Unusual | Silence) else ""
            found.append(Alarm(rule.name, key, end, end, clean(f"{who}{said}")))
    return found


def _sightings(
    rule: Unusual | Silence, hourly: pd.DataFrame, first: Any, holidays: Any
) -> Iterator[_Broken]:
    given = rule.measures if isinstance(rule, Unusual) else ("total_count",)
    names = given or usual_measures(hourly)
    columns = {"total_count", *(column for one in names for column in columns_of(one))}
    series = tabulate(hourly, None, holidays, sorted(columns))
    begin = int(np.searchsorted(series.times, first.tz_convert("UTC").value // 1000))
    end = int(np.flatnonzero(series.judge.any(axis=0)).max(initial=-1)) + 1
    if series.hours.day[max(end - 1, 0)] < TWO_WEEKS:
        got = several(int(series.hours.day[max(end - 1, 0)]), "day")
        raise refusal("few_days", rule=rule.name, least=TWO_WEEKS, got=got)
    least = least_score(rule.false_alarms, len(series.names), len(names))
    for event in watch(series, names, least, begin):
        row = event_row(event, series, zone_of(hourly))
        if isinstance(rule, Unusual) or row["kind"] == "silence":
            key = f"{row['measure']} of {row['group'] or 'the account'}"
            yield row["end"], key, partial(state_event, row, 0.95)


def _burning(
    rule: ErrorRate, name: Any, rows: pd.DataFrame, first: Any, newest: Any
) -> Iterator[_Broken]:
    table = burn_rate(rows, rule.objective)
    table = table[table["fast"] | table["slow"]]
    form = "errors of the last {} use up the error budget of {} at {:.1f} times its pace, {}."
    budget = 1 - rule.objective
    for row in table[table.index >= first].itertuples():
        long, rate = ("12 hours", row.burn_12h) if row.fast else ("3 days", row.burn_72h)
        given = long, percent(budget), rate, _hour(row.Index)
        yield row.Index + _HOUR, str(name or "the account"), partial(form.format, *given)
    if newest is None:
        return
    frames = newest if name is None else [one[one[group_column(one)] == name] for one in newest]
    (calls, errors), (late, failed) = (one[["total_count", "error_count"]].sum() for one in frames)
    if burns_at_once((errors, calls), (failed, late), rule.objective):
        words = (
            f"errors of the last 60 minutes ({errors} of {calls} calls) and of the last 5 minutes "
            f"({failed} of {late}) use up the error budget of {percent(budget)}, the first at "
            f"{errors / calls / budget:.1f} times its pace."
        )
        yield rows.index.max() + _HOUR, str(name or "the account"), partial(str, words)


def _crowded(rule: Capacity, name: Any, rows: pd.DataFrame, first: Any) -> Iterator[_Broken]:
    # What an hour carries is estimated from the same hours of the days up to its own.
    index = pd.DatetimeIndex(rows.index)
    form = "a limit of {} concurrent calls would refuse about {} of the calls from {} on."
    for day in index[index >= first].normalize().unique():
        table = capacity(rows[index < day + pd.DateOffset(days=1)], limit=rule.limit)
        for at in table.index[table["at_risk"] & (table.index >= day)]:
            given = rule.limit, percent(float(table.loc[at, "blocking"])), _hour(at)
            yield at + _HOUR, str(name or "the account"), partial(form.format, *given)


def _over_budget(rule: Minutes, name: Any, rows: pd.DataFrame, first: Any) -> Iterator[_Broken]:
    """Yield the days on which the projected month exceeds its budget, at 90 % confidence."""
    price = price_of(rule.price) if isinstance(rule, Money) else None
    budget = rule.budget / float(price or 1)
    daily = aggregate(rows, "D")
    for end in range(len(daily)):
        ends = daily.index[end] + pd.Timedelta(days=1)
        if ends < first or not daily["complete"].iloc[end] or daily["provisional"].iloc[end]:
            continue
        found: Any = month_outlook(
            "check", daily.iloc[: end + 1], measure="billed_minutes", budget=budget, confidence=0.8
        )
        if found["low"] > budget:
            yield ends, str(name or "the account"), partial(state_month, found, price=price)


def _stale(rule: Stale, hourly: pd.DataFrame, now: datetime) -> Iterator[_Broken]:
    end = hourly.index.max() + _HOUR
    if (age := (pd.Timestamp(now) - end) / _HOUR) > rule.hours:
        words = f"the newest hour ended {_hour(end)}, {age:,.1f} hours ago."
        yield end, "data", partial(str, words)


def _hour(moment: pd.Timestamp) -> str:
    return f"{moment:%Y-%m-%d %H:%M} ({moment.tz})"
