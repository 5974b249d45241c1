"""Money and the month in words: cost, overhead, total so far, projection and budget."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

import pandas as pd

from usage_analysis.analysis import vocabulary as say
from usage_analysis.analysis.billing import MICRO, PRICE, Price, amount_of, micro_minutes, price_of
from usage_analysis.analysis.meaning import Meaning, meaning_of
from usage_analysis.analysis.month_days import BEGINS_LATE, BEGINS_WITHIN, NO_DAY
from usage_analysis.analysis.statements.statement import Statement, describe_rows
from usage_analysis.analysis.trends import FEW, NOTHING, month_outlook
from usage_analysis.errors import QueryError
from usage_analysis.tidy.frame_check import check_frame
from usage_analysis.tidy.frames import check_disjoint

#: A trend from this size on is mentioned [share per 30 days].
_TREND = 0.02


def describe_month(
    daily: pd.DataFrame,
    *,
    measure: str | None = None,
    price: Price | None = None,
    budget: float | None = None,
    confidence: float = 0.95,
    holidays: Iterable[object] | None = None,
) -> str | pd.DataFrame:
    """Describe the month in one sentence: the total so far and the projection.

    The sentence gives no projection with fewer than seven complete days, or where the frame begins
    after the month did, and says so. Where the last day is not provisional, the frame does not show
    that the month goes on. The sentence then says where the data end and gives no projection.

    Parameters
    ----------
    daily, budget, confidence, holidays
        As for `project_month`.
    measure
        As for `project_month`; the default is calls, or billed minutes with a price.
    price
        Price per billed minute [USD], as for `cost`: with it the sentence gives the cost.

    Returns
    -------
    str or DataFrame
        The sentence; for a breakdown a column `sentence`, one row per group.

    Raises
    ------
    QueryError
        As for `project_month`, except for too few data; the price is negative or not a number, or
        stands beside another measure than ``"billed_minutes"``.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2026-03-01", "2026-03-31", freq="D", tz="UTC", name="time")
    >>> describe_month(pd.DataFrame({"total_count": 100, "provisional": False}, index=time))
    '2026-03 (UTC): 3,100 calls in all 31 days.'
    >>> daily = pd.DataFrame({"total_count": 100, "billed_minutes": 90.5, "provisional": False},
    ...                      index=time)
    >>> describe_month(daily, price="0.05")
    '2026-03 (UTC): USD 140.28 for 2,806 billed minutes in all 31 days.'
    """
    if price is not None and measure not in (None, "billed_minutes"):
        raise QueryError(f'price: expected measure="billed_minutes" with a price, got {measure!r}')
    paid = None if price is None else price_of(price)
    measure = measure or ("total_count" if price is None else "billed_minutes")
    found = month_outlook("describe_month", daily, measure, budget, confidence, holidays)
    meaning = meaning_of(found, "project_month")
    return describe_rows(found, lambda row: _Words(row, meaning, paid).statement())


def state_month(
    found: pd.Series, *, price: Price | None = None, meaning: Meaning | None = None
) -> Statement:
    """State the projection of a month, given one row of `project_month` or `month_outlook`."""
    meaning = meaning_of(found, "project_month", meaning=meaning)
    return _Words(found, meaning, None if price is None else price_of(price)).statement()


class _Words:
    """Parts of the statement."""

    def __init__(self, found: Any, meaning: Meaning, price: Decimal | None) -> None:
        # A plain dictionary is many times faster to read than a Series.
        self.found, self.price = dict(found), price
        self.measure = str(meaning.measure)
        self.interval = f"{say.level(meaning.confidence or 0.95)} interval"
        known = pd.notna(found["budget"]) and found["reason"] != NO_DAY
        self.budget = float(found["budget"]) if known else None

    @property
    def projected(self) -> bool:
        """True where there is a projection to state."""
        return not self.found["reason"] and self.found["days_left"] > 0

    @property
    def cut(self) -> bool:
        """True where the data begin after the month did."""
        return self.found["reason"] in (BEGINS_LATE, BEGINS_WITHIN)

    @property
    def over(self) -> bool:
        """True where the budget is used up already."""
        return self.budget is not None and self._value("month_to_date") > self.budget

    @property
    def urgent(self) -> bool:
        """True where the month is over its budget or may pass it."""
        if self.budget is None:
            return False
        return self.over or (self.projected and self._value("high") > self.budget)

    def statement(self) -> Statement:
        """Return both forms."""
        return Statement(self.title(), self.sentence(), self.urgent)

    def title(self) -> str:
        """Short form."""
        found = self.found
        if pd.isna(found["month"]):
            return "No complete day yet, so there is no projection"
        month, so_far = f"{found['month']:%B %Y}", self._amount("month_to_date")
        if self.projected:
            low, high = (self._plain(end) for end in ("low", "high"))
            lead = "Heading for" if found["open"] else "The whole month would be"
            words = f"{lead} {self._amount('projection')} in {month} ({low} to {high})"
            words += self._trend(", with")
        elif self.cut:
            words = f"{so_far} in {month} since {self._first()}, not projected"
        elif found["reason"] and found["reason"] != NOTHING:
            words = f"{so_far} so far in {month}, too few days to project it"
        else:
            words = f"{so_far} {'so far ' if found['days_left'] else ''}in {month}"
        return f"{words}{self._verdict()}"

    def sentence(self) -> str:
        """Full form."""
        found = self.found
        if pd.isna(found["month"]):
            return "There is no complete day in these data, so no month can be projected."
        start = found["month"]
        head = f"{start:%Y-%m} ({start.tz}): {self._so_far()}"
        if found["reason"] == NO_DAY:
            return f"{head} so far; no day is complete, so the month is not projected."
        if not found["days_left"]:
            days = start.days_in_month
            every = f"in all {days} days" if not found["skipped"] else self._skipped()
            return f"{head} {every}{self._budget()}."
        first, last = self._first(), _day(found["last_day"])
        if self.cut:
            to = f", to {last}" if last != first[: len(last)] else ""
            return (
                f"{head} {'from' if to else 'on'} {first}, where these data begin{to}; not "
                f"projected{self._budget()}."
            )
        until = "so far" if found["open"] else f"to {last}, where these data end"
        if found["reason"]:
            return f"{head} {until}; {self._too_few()}{self._budget()}."
        lead = ", heading for" if found["open"] else "; the whole month would be"
        low, high = (self._plain(end) for end in ("low", "high"))
        return (
            f"{head} {until}{lead} {self._amount('projection')} ({self.interval} {low} to {high}, "
            f"{self._days()}){self._trend('; this carries on')}{self._budget()}."
        )

    def _first(self) -> str:
        """Day on which the data begin, with the hour if it is not the first."""
        first = self.found["first_day"]
        return _day(first) if first == first.normalize() else f"{first:%Y-%m-%d %H:%M}"

    def _value(self, name: str) -> float:
        return say.in_unit(self.found[name], self.measure)

    def _cost(self, minutes: float) -> str:
        """Cost of minutes; nothing without a price."""
        paid = self.price
        return "" if paid is None else say.money(amount_of(round(minutes * MICRO), paid))

    def _so_far(self) -> str:
        value = self._value("month_to_date")
        paid, minutes = self._cost(value), say.counted(value, self.measure)
        estimated = "an estimated " if self.found["days_left"] else ""
        return f"{estimated}{paid} for {minutes}" if paid else minutes

    def _amount(self, name: str) -> str:
        """A value with its unit, or its cost."""
        return self._cost(self._value(name)) or say.counted(self._value(name), self.measure)

    def _plain(self, name: str) -> str:
        return self._cost(self._value(name)) or say.number(self._value(name), self.measure)

    def _too_few(self) -> str:
        complete = say.several(int(self.found["complete_days"]), "complete day")
        if self.found["reason"] == FEW:
            return f"{complete}, too few to project it"
        return f"nothing in {complete}, so the month is not projected"

    def _days(self) -> str:
        """Days that the projection is based on, and days that it covers."""
        found = self.found
        low, missing = int(found["low_days"]), int(found["missing"])
        after = int(found["days_left"]) - missing
        parts = [f"from {say.several(int(found['complete_days']), 'complete day')}"]
        parts += [f"{say.several(low, 'unusually low day')} left out"] if low else []
        if after:
            last = f"the last {after} days are" if after > 1 else "the last day is"
            parts.append(f"{last} still open" if found["open"] else f"{last} not in the data")
        parts += [f"{say.several(missing, 'earlier day')} incomplete"] if missing else []
        parts += [self._skipped()] if found["skipped"] else []
        return ", ".join(parts)

    def _skipped(self) -> str:
        names = [say.WEEKDAYS[day] for day in self.found["skipped"]]
        return f"without {' and '.join(names)}, which these data leave out"

    def _trend(self, words: str) -> str:
        growth = float(self.found["growth"])
        return "" if abs(growth) < _TREND else f"{words} a trend of {say.change(growth)} per month"

    def _verdict(self) -> str:
        """Comparison of the month with its budget; nothing without a budget."""
        if self.budget is None:
            return ""
        paid = self._cost(self.budget)
        limit = f"the budget of {say.counted(self.budget, self.measure)}{paid and f' ({paid})'}"
        if self.over:
            return f"; over {limit}"
        if not self.found["days_left"]:
            return f"; within {limit}"
        if self.cut:
            return f"; whether {limit} is used up cannot be told"
        if not self.projected:
            return f"; {limit} is not used up yet"
        if self._value("low") > self.budget:
            return f"; heading over {limit}"
        return f"; {'may pass' if self._value('high') > self.budget else 'within'} {limit}"

    def _budget(self) -> str:
        """The verdict on the budget, with the day on which it is used up."""
        expected, low, high = (self.found[f"budget_day{end}"] for end in ("", "_low", "_high"))
        verdict = self._verdict()
        if self.over:
            known = pd.notna(expected) and not self.cut
            return f"{verdict}, used up on {_day(expected)}" if known else verdict
        if self.budget is None or not self.projected or pd.isna(low):
            return verdict
        if pd.isna(expected):
            return f"{verdict}, on {_day(low)} at the earliest ({self.interval})"
        latest = "after the month's end" if pd.isna(high) else _day(high)
        return (
            f"{verdict}, expected to be used up on {_day(expected)} "
            f"({self.interval} {_day(low)} to {latest})"
        )


def _day(moment: Any) -> str:
    return f"{moment:%Y-%m-%d}"


#: Below this, billed time and talk count as equal [share of the talk].
_SAME: Final = 0.0005


def state_cost(frame: pd.DataFrame, price: Price = PRICE) -> Statement:
    """State the estimated cost of a frame's call minutes, over all its groups.

    Parameters
    ----------
    frame, price
        As for `cost`.

    Raises
    ------
    QueryError
        The frame has no `billed_minutes`, or the price is negative or not a number.
    """
    check_frame("state_cost", frame, "billed_minutes", totals=True)
    check_disjoint("state_cost", frame)
    paid, micro = price_of(price), int(micro_minutes(frame).sum())
    amount, minutes = say.money(amount_of(micro, paid)), say.counted(micro / 1e6, "billed_minutes")
    waiting = "provisional" in frame and frame["provisional"].any()
    late = f"; {say.provisional_span(frame)} can still grow" if waiting else ""
    default = ", the vendor's default price" if paid == PRICE else ""
    sentence = (
        f"Call minutes cost {'an estimated ' if late else ''}{amount}: {minutes} at "
        f"USD {paid:f} per minute{default}, {say.dates(frame)}{late}."
    )
    return Statement(f"{amount} for {minutes}", sentence)


def state_overhead(found: pd.Series, frame: pd.DataFrame) -> Statement:
    """State how much more, or less, was billed than the talk.

    Parameters
    ----------
    found
        Result of `billing_overhead` over all rows of `frame`.
    frame
        The finished rows from which `found` was computed.
    """
    meaning_of(found, "billing_overhead")
    talk, billed = float(found["talk_minutes"]), float(found["billed_minutes"])
    every = say.span_of(frame)
    over = say.several(frame.index.nunique(), f"whole {every}")
    where = f", {say.dates(frame)}" if len(frame) else ""
    if not talk > 0:
        reason = f"no talk in {over}" if len(frame) else f"no whole {every} yet"
        return Statement(
            f"No billing overhead: {reason}",
            f"There is no billing overhead to compute: {reason}{where}.",
        )
    share = billed / talk - 1
    verdict = "just the talk"
    if abs(share) >= _SAME:
        verdict = f"{100 * abs(share):.1f} % {'more' if share > 0 else 'less'} than the talk"
    amounts = f"{say.counted(billed, 'billed_minutes')} for {say.counted(talk, 'duration')}"
    wrong = not bool(found["within_bound"])
    doubt = "; this is more than rounding up to 6 s per call can add" if wrong else ""
    return Statement(
        f"Billed {verdict}: {amounts} in {over}",
        f"Billed {verdict}: {amounts} in {over}{where}{doubt}.",
        urgent=wrong,
    )
