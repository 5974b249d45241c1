"""Changes in words: of a rate, a measure, or several groups or measures, and by which group."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from usage_analysis.analysis import vocabulary as say
from usage_analysis.analysis.arrays import Floats, cell_number
from usage_analysis.analysis.difference import CLAIMS
from usage_analysis.analysis.intervals import shrink_towards_mean
from usage_analysis.analysis.meaning import RATES, Meaning, meaning_of
from usage_analysis.analysis.statements.statement import Statement, state

_NAME = 40


def state_comparison(
    found: pd.DataFrame | pd.Series, meaning: Meaning | None = None, *, row: str | None = None
) -> Statement:
    """State a result of `compare_periods` or `rate_difference`, or one row of its table.

    Parameters
    ----------
    found
        The result.
    meaning
        Meaning of `found`, if it was read before or the table has lost its own.
    row
        Name of a row; by default all rows are stated together.
    """
    meaning = meaning_of(found, "compare_periods", "rate_difference", meaning=meaning)
    rated, among, name = meaning.made_by == "rate_difference", 1, row
    if isinstance(found, pd.DataFrame):
        if row is None and len(found) != 1:
            return state(_changes(found, meaning, rated=rated), meaning.when)
        among, name = len(found), row or str(found.index[0])
        found = found.loc[row] if row else found.iloc[0]
    if rated:
        return state_difference(found, meaning, event=meaning.event or name, among=among)
    return state_change(found, meaning, measure=meaning.measure or name, among=among)


def state_difference(
    row: Any, meaning: Meaning, *, event: str | None = None, among: int = 1
) -> Statement:
    """State how a rate differs from the previous period.

    The words say "up" or "down" only where the difference is significant. Below the 90 % level no
    verdict is given.

    Parameters
    ----------
    row
        Result of `rate_difference`, or one of its rows.
    meaning
        Meaning of the rate.
    event
        Event of the row, in a table of several.
    among
        Number of rows that were compared together, over which the significance holds.
    """
    event = event or str(meaning.event)
    name, unit = RATES[event], meaning.calls
    if not (row["calls"] > 0 and row["previous_calls"] > 0):
        return state(f"No {unit} in one of the periods, so no {name}s to compare", meaning.when)
    if row["rate"] == row["previous_rate"] and row["rate"] in (0, 1):
        # Days without any scatter do not show how far chance moves the rate.
        return state(
            f"{say.sentence_case(name)} {say.percent(row['rate'])} in both periods", meaning.when
        )
    words = _verdict(row, name, f"{say.points(row['difference'])} points", meaning, among, "rates")
    interval = _interval(say.points_interval, row["low"], row["high"], meaning)
    calls = f"{say.number(row['calls'], 'total_count')} {unit}"
    calls += f" against {say.number(row['previous_calls'], 'total_count')}"
    rates = f"{say.percent(row['rate'])} against {say.percent(row['previous_rate'])}"
    title = f"{words} ({interval})"
    bad = {"more": row["difference"] < 0, "less": row["difference"] > 0}
    better = Meaning(made_by="", event=event).better
    return Statement(
        title,
        f"{words} ({rates}; {interval}; {calls}){meaning.when}.",
        urgent=bool(row["significant"]) and bool(bad.get(str(better), False)),
    )


def state_change(
    row: Any, meaning: Meaning, *, measure: str | None = None, among: int = 1
) -> Statement:
    """State how a measure changed from the previous period, over the same weekdays and hours.

    Parameters
    ----------
    row
        Result of `compare_periods`, or one of its rows.
    meaning
        Meaning of the row.
    measure
        Measure of the row, in a table of several.
    among
        Number of rows that were compared together, over which the significance holds.
    """
    measure = measure or str(meaning.measure)
    unit = say.UNITS[measure]
    current, previous, low, high = (
        cell_number(row[name]) for name in ("current", "previous", "low", "high")
    )
    if not previous > 0:
        title = f"{say.sentence_case(say.counted(current, measure))}, none in the previous period"
        return state(title, meaning.when)
    share = (current - previous) / previous
    words = _verdict(row, unit, say.change(share), meaning, among, "measures")
    low, high = low / previous, high / previous
    interval = _interval(say.change_interval, low, high, meaning)
    days, hours = int(row["days"]), round(float(row["hours"]))
    over = say.several(days, "day") if days > 1 else say.several(hours, "hour")
    over += f", same weekdays and hours{_not_compared(row)}"
    both = f"{say.number(current, measure)} against {say.number(previous, measure)}"
    if low <= -1 and not row["significant"]:
        # An interval from -100 % on excludes nothing that matters.
        return state(f"Too little to compare: {both} {unit}", f" ({over}){meaning.when}")
    sentence = f"{words} ({both}; {interval}; {over}){meaning.when}."
    return Statement(f"{words} ({interval})", sentence)


def _not_compared(row: Any) -> str:
    """Words for days or hours without a partner; nothing if all have one."""
    hours = int(row["left_out"])
    days = hours * float(row["days"]) / float(row["hours"])
    if not hours:
        return ""
    told = say.several(round(days), "day") if days == round(days) else say.several(hours, "hour")
    return f"; {told} of the period not compared"


def _verdict(row: Any, name: str, told: str, meaning: Meaning, among: int, kind: str) -> str:
    """Words for a change: a direction only if the change is significant."""
    if bool(row["significant"]):
        return f"{say.sentence_case(name)} {'down' if told[0] == '-' else 'up'} {told.lstrip('+-')}"
    if pd.isna(row["low"]) or meaning.level < CLAIMS:
        return f"{say.sentence_case(name)} {told}"
    no = f"No significant change in {name}"
    # Holm (1979) asks more of each of several changes than its own interval does.
    if among > 1 and (cell_number(row["low"]) > 0 or cell_number(row["high"]) < 0):
        no += f" among {among} {kind} compared (Holm's rule), although its own interval excludes 0"
    return f"{no}: {told}"


def _interval(
    form: Callable[[float, float, float], str], low: float, high: float, meaning: Meaning
) -> str:
    """Words for the interval of a change, or why there is none."""
    if not math.isfinite(low):
        return "too few days for an interval"
    confidence = meaning.level
    verdict = "" if confidence >= CLAIMS else f"; no verdict at the {say.level(confidence)} level"
    return f"{form(low, high, confidence)}{verdict}"


def _changes(table: pd.DataFrame, meaning: Meaning, *, rated: bool) -> str:
    """Words for the rows that changed significantly, of several groups, measures or rates.

    The group that changed most is chosen after shrinkage towards the mean of all groups, so that a
    small group is not named because of chance.
    """
    delta, low, high = _relative(table, rated=rated)
    # Rates are all named when their rows are; groups are called by the name of their column.
    noun = str(table.index.name or "group") if rated or meaning.measure else "measure"
    noun = "rate" if rated and meaning.event is None else noun
    many = f"{say.several(len(table), noun)}"
    if not np.isfinite(delta).any():
        return "No calls in one of the periods, so nothing to compare"
    if not np.isfinite(low).any():
        return "Too few days for an interval, so no change can be told from chance"
    of = meaning.name if meaning.event or meaning.measure else ""
    what = f"{say.sentence_case(of)}: " if of else ""
    confidence = meaning.level
    changed = table["significant"].to_numpy(dtype=bool)
    alone, sizes = (low > 0) | (high < 0), np.abs(delta)
    if changed.any():
        sizes = np.abs(shrink_towards_mean(delta, ((high - low) / 4) ** 2))
    judged = next(rows for rows in (changed, alone, np.isfinite(low)) if rows.any())
    top = int(np.argmax(np.where(judged & np.isfinite(sizes), sizes, -1)))
    words = f"no significant change in {many}"
    if confidence < CLAIMS:
        words = f"{many} compared; no verdict at the {say.level(confidence)} level"
    elif changed.any():
        words = f"{changed.sum()} of {many} changed significantly"
    elif alone.any():
        words += f" (Holm's rule), although {alone.sum()} of the single intervals exclude 0"
    told = f"{say.points(delta[top])} points" if rated else say.change(delta[top])
    form = say.points_interval if rated else say.change_interval
    most = "" if changed.sum() == 1 else " most"
    return say.sentence_case(
        f"{what}{words}, {say.shorten(row_label(table.index[top], meaning), _NAME)}{most}: "
        f"{told} ({form(low[top], high[top], confidence)})"
    )


def row_label(name: object, meaning: Meaning) -> str:
    """Return the name of a compared measure, rate or group in words."""
    words = say.UNITS if meaning.made_by == "compare_periods" else say.UNITS | RATES
    return words.get(str(name), str(name))


def _relative(table: pd.DataFrame, *, rated: bool) -> tuple[Floats, Floats, Floats]:
    """Return a change and its interval: absolute for rates, relative for measures."""
    first, last = ("difference", "previous_rate") if rated else ("delta", "previous")
    names = (first, "low", "high", last)
    delta, low, high, previous = (np.array([cell_number(v) for v in table[name]]) for name in names)
    whole = np.ones(len(table)) if rated else np.where(previous > 0, previous, np.nan)
    return delta / whole, low / whole, high / whole


def state_effects(effects: pd.DataFrame, meaning: Meaning | None = None) -> Statement:
    """State how a rate changed over all groups, and which group made most of the change.

    A group is named only where the whole change is significant, or its own rate changed
    significantly.

    Parameters
    ----------
    effects
        Result of `rate_effects`.
    meaning
        Meaning of the rate.
    """
    meaning = meaning_of(effects, "rate_effects", meaning=meaning)
    rows = effects[(effects["calls"] + effects["previous_calls"] > 0) & effects["effect"].notna()]
    name = RATES[str(meaning.event)]
    if len(rows) == 0:
        unit = meaning.calls
        return state(f"No {unit} in one of the periods, so no {name}s to compare", meaning.when)
    whole = effects.attrs["whole"]
    base, total = state_difference(whole, meaning), float(rows["effect"].sum())
    driver = state_driver(rows, meaning, total, sure=bool(whole["significant"]))
    return Statement(
        f"{base.title}{driver.title}", f"{base.title}{driver.sentence}{meaning.when}.", base.urgent
    )


def state_driver(rows: pd.DataFrame, meaning: Meaning, total: float, *, sure: bool) -> Statement:
    """State in a clause which group is behind a change of a rate; nothing for a single group.

    The figure shows both effects of the group with their interval, so its title leaves them out.
    """
    if len(rows) < 2:  # one group is the whole
        return Statement("", "")
    noun, changed = str(rows.index.name or "group"), rows[rows["significant"].astype(bool)]
    if sure:
        top = rows.iloc[int(np.argmax(rows["effect"].to_numpy() * math.copysign(1, total)))]
        parts = (top["effect"], top["rate_effect"], top["mix_effect"], total - top["effect"])
        both, own, mix, others = map(say.points, parts)
        title = f"; of it {say.shorten(str(top.name), _NAME)} makes {both} points"
        return Statement(
            title,
            f"{title} ({own} by its own rate{_own_interval(top, meaning)}, {mix} by its share of "
            f"the calls), the others {others}",
        )
    if len(changed) == 0:
        if meaning.level < CLAIMS or not np.isfinite(rows["low"]).any():
            return Statement("", "")
        clause = f"; no {noun} changed its own rate significantly"
        return Statement(clause, clause)
    top = changed.iloc[int(np.argmax(changed["rate_effect"].abs().to_numpy()))]
    title = (
        f"; {len(changed)} of {say.several(len(rows), noun)} changed significantly: "
        f"{say.shorten(str(top.name), _NAME)}{' most' if len(changed) > 1 else ''}, "
        f"{say.points(top['rate_effect'])} points by its own rate"
    )
    return Statement(title, f"{title}{_own_interval(top, meaning)}")


def _own_interval(row: Any, meaning: Meaning) -> str:
    if not np.isfinite(row["low"]):
        return ""
    return f", {say.points_interval(row['low'], row['high'], meaning.level)}"
