"""Overview of the selected days: a card for each statistic, which opens its figure."""

from collections.abc import Callable
from contextlib import suppress
from html import escape
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from msgspec.structs import replace

from usage_analysis.analysis import vocabulary
from usage_analysis.analysis.arrays import Floats, finished
from usage_analysis.analysis.billing import MICRO, amount_of, cost, price_of
from usage_analysis.analysis.meaning import meaning_of
from usage_analysis.analysis.rates import error_rate
from usage_analysis.analysis.statements.money import state_month
from usage_analysis.analysis.statements.rates import state_rate
from usage_analysis.analysis.trends import month_outlook
from usage_analysis.dashboard.controls import html
from usage_analysis.dashboard.dates import COMPARISONS
from usage_analysis.dashboard.headlines import HEADLINES
from usage_analysis.dashboard.views import View
from usage_analysis.errors import QueryError

_WIDTH, _HEIGHT = 100, 24


class Card(NamedTuple):
    """One statistic.

    Parameters
    ----------
    value
        Value of the statistic; empty if unknown.
    words
        Short statements on the value and on its change.
    line
        Values for the sparkline.
    final
        Number of final values at the beginning; the line is dashed after them.
    """

    value: str
    words: tuple[str, ...]
    line: Floats
    final: int


class Overview:
    """The strip of cards."""

    def __init__(self) -> None:
        self.strip = html("overview")
        self._of: Any = None

    def show(self, view: View) -> None:
        """Show the cards for the days of a view, computed once per selection of days."""
        settings = view.settings.for_overview()
        if (key := (view.cached, settings)) == self._of:
            return
        shown = [
            _card(View(replace(settings, view=name), view.cached, ""), label, make)
            for name, (label, make) in _CARDS.items()
        ]
        against = f"{COMPARISONS[settings.comparison]}: {settings.previous}"
        self.strip.value = (
            f'<section aria-label="Overview"><div class="ua-cards">{"".join(shown)}</div>'
            f'<p class="ua-against">{escape(against)}</p></section>'
        )
        self._of = key

    def clear(self) -> None:
        """Show no cards."""
        self.strip.value, self._of = "", None


def _card(view: View, label: str, make: Callable[[View], Card]) -> str:
    try:
        _ = view.prepared  # refuses data that lack a column of the figure, and names it
        card = make(view)
    except QueryError as error:
        card = Card("", (f"{error}",), np.zeros(0), 0)
    words = "".join(f"<span>{escape(one)}</span>" for one in filter(None, card.words))
    return (
        f'<button type="button" class="ua-card" data-view="{view.settings.view}">'
        f"<b>{escape(label)}</b> <strong>{escape(card.value)}</strong> "
        f"{_sparkline(card.line, card.final)}{words}</button>"
    )


def _sparkline(values: Floats, final: int) -> str:
    known = np.flatnonzero(np.isfinite(values))
    if len(known) < 2:
        return ""
    x = known / known[-1] * _WIDTH
    y = _HEIGHT - 1 - values[known] / (values[known].max() or 1) * (_HEIGHT - 2)
    points = [f"{across:.1f},{down:.1f}" for across, down in zip(x, y, strict=True)]
    solid = int(np.count_nonzero(known < final))
    lines = {
        "": points[:solid],
        "ua-open": points[max(solid - 1, 0) :] if final < len(values) else [],
    }
    drawn = (f'<polyline class="{kind}" points="{" ".join(p)}"/>' for kind, p in lines.items() if p)
    return (
        f'<svg class="ua-spark" viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" '
        f'aria-hidden="true">{"".join(drawn)}</svg>'
    )


def _buckets(view: View) -> tuple[pd.DataFrame, int]:
    """Return the days of the view, or the hours of a single day, and the number of final ones."""
    rows = view.selected.daily if view.settings.days.number > 1 else view.selected.hourly
    return rows, int(np.append(finished(rows), False).argmin())


def _change(view: View, name: str = "comparison") -> str:
    with suppress(QueryError):  # no final hour in common with the previous period
        return HEADLINES[name](view).title
    return ""


def _calls(view: View) -> Card:
    rows, final = _buckets(view)
    total = vocabulary.number(rows["total_count"].sum(), "total_count")
    return Card(total, (_change(view),), rows["total_count"].to_numpy(dtype=np.float64), final)


def _errors(view: View) -> Card:
    table = error_rate(view.selected.final, by="total")
    total: Any = next(table.itertuples())
    rows, final = _buckets(view)
    of, errors = (rows[name].to_numpy(float) for name in ("total_count", "error_count"))
    line = np.divide(errors, of, out=np.full(len(of), np.nan), where=of > 0)
    if not (total.enough and np.isfinite(total.low)):
        return Card("", (state_rate(total, meaning_of(table, "error_rate")).title,), line, final)
    calls = vocabulary.counted(total.calls, "total_count")
    interval = vocabulary.rate_interval(total.low, total.high, 0.95)
    words = (f"{interval}; {calls}", _change(view, "errors"))
    return Card(vocabulary.percent(total.rate), words, line, final)


def _cost(view: View) -> Card:
    rows, final = _buckets(view)
    amount: Any = cost(view.selected.hourly, view.settings.price)
    billed = View(replace(view.settings, measure="billed_minutes"), view.cached, "")
    line = rows["billed_minutes"].to_numpy(dtype=np.float64)
    return Card(vocabulary.money(amount), (_change(billed),), line, final)


def _peak(view: View) -> Card:
    week = view.prepared.table
    busiest = np.flatnonzero(week["busiest"].to_numpy(dtype=bool))
    value = vocabulary.week_hour(int(busiest[0])) if len(busiest) == 1 else ""
    line = week["mean"].to_numpy(dtype=np.float64)
    return Card(value, (HEADLINES["week"](view).title,), line, len(line))


def _month(view: View) -> Card:
    days, price = view.prepared.table, view.settings.price
    found: Any = month_outlook("Explorer", days, measure="billed_minutes")
    value, line, final = "", np.zeros(0), 0
    if not found["reason"]:
        end = float(found["projection"])
        value = vocabulary.money(amount_of(round(end * MICRO), price_of(price)))
        line = np.full(found["month"].days_in_month, np.nan)
        # The month is that of the last complete day, which on its first day is the one before.
        came = days.loc[days.index >= found["month"], "billed_minutes"][: len(line)]
        line[: len(came)] = came.cumsum()
        line[-1], final = end, len(line) - int(found["days_left"])
    return Card(value, (state_month(found, price=price).title,), line, final)


#: Label and maker of each card, by the figure that it opens.
_CARDS: Final[dict[str, tuple[str, Callable[[View], Card]]]] = {
    "trend": ("Calls", _calls),
    "errors": ("Error rate", _errors),
    "billed": ("Cost", _cost),
    "week": ("Busy hour", _peak),
    "month": ("Month's end", _month),
}
