"""The vocabulary of the product: measures with their units, numbers, shares, dates, money, plurals.

Everything that people read takes its words and number formats from here, so that the same quantity
looks the same in sentences, figures, reports and the dashboard. Units, numbers and plurals of
measures stand below the frames, in `tidy/measures.py`, because a reply shows its totals too.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pandas as pd

from usage_analysis import errors
from usage_analysis.errors import QueryError
from usage_analysis.tidy.measures import UNITS as UNITS
from usage_analysis.tidy.measures import amount as amount
from usage_analysis.tidy.measures import compact as compact
from usage_analysis.tidy.measures import counted as counted
from usage_analysis.tidy.measures import in_unit as in_unit
from usage_analysis.tidy.measures import number as number
from usage_analysis.tidy.measures import several as several
from usage_analysis.tidy.zones import zone_of

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_NAMES = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_AXIS: Final = {
    "total_count": ("calls", ""),
    "error_count": ("failed calls", ""),
    "joined_count": ("joined calls", ""),
    "duration": ("talk", "min"),
    "billed_minutes": ("billed", "min"),
    "traffic": ("traffic", "erlangs"),
}


def signed(value: float, digits: int) -> str:
    """Return a change for a sentence, with a number of decimals: +3.2, -12,400, 0, +300M."""
    if abs(value) >= 1e7:
        return f"{'+' if value > 0 else '-'}{amount(abs(value))}"
    told = f"{value:+,.{digits}f}"
    return told[1:] if float(told.replace(",", "")) == 0 else told


def hourly_load(value: Any, measure: str) -> str:
    """Return a mean load: ``24.5 calls per hour``, ``0.42 erlangs``."""
    return f"{counted(value, measure)}{'' if measure == 'traffic' else ' per hour'}"


def duration_clock(duration: pd.Timedelta) -> str:
    """Return a duration as hours, minutes and seconds: 0:01:30, 1,019:25:34 or -0:00:06."""
    seconds = round(abs(duration.total_seconds()))
    sign = "-" if duration < pd.Timedelta(0) and seconds else ""
    return f"{sign}{seconds // 3600:,}:{seconds % 3600 // 60:02}:{seconds % 60:02}"


def clock_hour(hour: int) -> str:
    """Return a clock hour: ``14:00-15:00``."""
    return f"{hour:02}:00-{hour + 1:02}:00"


def week_hour(slot: int) -> str:
    """Return a slot of the week in words, such as ``Tuesdays 14:00-15:00`` for 38."""
    return f"{DAY_NAMES[slot // 24]} {clock_hour(slot % 24)}"


def percent(share: float) -> str:
    """Return a rate or a share of calls with its sign: ``1.95 %``."""
    return f"{_hundredths(share)} %"


def percents(*shares: float) -> tuple[str, ...]:
    """Return rates in percent without their sign, in the precision of `percent`."""
    return tuple(_hundredths(share) for share in shares)


def rate_interval(low: float, high: float, confidence: float) -> str:
    """Return the interval of a rate: ``95 % interval 1.62 to 2.35 %``."""
    return f"{level(confidence)} interval {_hundredths(low)} to {_hundredths(high)} %"


def points(difference: float) -> str:
    """Return a difference of two rates in percentage points, with its sign: ``+0.50``."""
    return signed(100 * difference, 2)


def points_interval(low: float, high: float, confidence: float) -> str:
    """Return the interval of a difference of rates: ``95 % interval -0.44 to +1.48 points``."""
    return f"{level(confidence)} interval {points(low)} to {points(high)} points"


def change(share: float) -> str:
    """Return a relative change with its sign: ``+3.2 %``."""
    return f"{signed(100 * share, 1)} %"


def change_interval(low: float, high: float, confidence: float) -> str:
    """Return the interval of a relative change: ``95 % interval -1.2 to +7.6 %``."""
    return f"{level(confidence)} interval {signed(100 * low, 1)} to {signed(100 * high, 1)} %"


def level(confidence: float) -> str:
    """Return a confidence level as it was asked for: ``95 %``, ``99.8 %``."""
    return f"{100 * confidence:.6g} %"


def part(share: float) -> str:
    """Return a part of a whole in whole percent: ``16 %``, ``less than 1 %``."""
    return "less than 1 %" if 0 < share < 0.01 else f"{100 * share:.0f} %"


def money(value: Decimal | float, currency: str = "USD") -> str:
    """Return an amount of money to the cent: ``USD 3,059.84``."""
    return f"{currency} {value:,.2f}"


def date_range(frame: pd.DataFrame) -> str:
    """Return the first and last local day of a frame's rows: ``2026-03-01 to 2026-03-31``."""
    if len(frame) == 0:
        return "no days"
    days = (f"{end:%Y-%m-%d}" for end in (frame.index.min(), frame.index.max()))
    return " to ".join(dict.fromkeys(days))


def dates(frame: pd.DataFrame) -> str:
    """Return the local days of a frame's rows with their zone: ``2026-03-01 (UTC)``."""
    return f"{date_range(frame)} ({zone_of(frame)})"


def provisional_span(frame: pd.DataFrame) -> str:
    """Return the provisional rows in words: ``the last 3 hours``, ``29 hours since 2026-03-05``."""
    late = frame["provisional"].groupby(level=0).any()
    count, last = several(int(late.sum()), span_of(frame)), late.iloc[-int(late.sum()) :].all()
    since = f"{count} since {late.idxmax():%Y-%m-%d}"
    return f"the last {count.removeprefix('1 ')}" if last else since


def either(accepted: Iterable[str]) -> str:
    """Return the accepted values as a list that ends with "or"."""
    *most, last = [f'"{word}"' for word in accepted]
    return f"{', '.join(most)} or {last}" if most else last


def check_choice(name: str, value: object, accepted: Iterable[str]) -> None:
    """Check that an argument is one of the accepted words.

    Raises
    ------
    QueryError
        The value is not accepted; the message gives the accepted words.
    """
    known = list(accepted)
    if value not in known:
        raise QueryError(f"{name}: expected {either(known)}, got {value!r}")


def sentence_case(text: str) -> str:
    """Return text with a capital first letter."""
    return text[:1].upper() + text[1:]


def _hundredths(share: float) -> str:
    """Return percent with two decimals; a tiny share keeps two digits instead of becoming 0."""
    value = 100 * share
    places = 2
    if 0 < abs(value) < 0.005:
        places = 1 - math.floor(math.log10(abs(value)))
    return f"{value:.{places}f}"


_JOINING: Final = " \u200d\ufe0f"


def clean(name: str) -> str:
    """Return a name without control and direction characters, which would break a line."""
    return re.sub("[\u200e\u200f]", "", errors.clean(name).replace("\n", " "))


def shorten(name: str, cells: int = 24) -> str:
    """Return a name cut to a number of cells; East Asian characters take two.

    A right-to-left name is put between isolating characters, which keep the words and numbers
    around the name in order.
    """
    name, used = clean(name), 0
    for place, character in enumerate(name):
        used += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if used > cells:
            name = name[: max(place - 1, 1)].rstrip(_JOINING) + "…"
            break
    return _set_off(name)


def shortened(names: Iterable[object], cells: int = 24) -> list[str]:
    """Return names shortened as by `shorten`, cut in the middle if they would read the same."""
    whole = [clean(str(name)) for name in names]
    short = [shorten(name, cells) for name in whole]
    alike = {text for text, times in Counter(short).items() if times > 1}
    return [
        _in_the_middle(name, cells) if text in alike and text != _set_off(name) else text
        for name, text in zip(whole, short, strict=True)
    ]


def _in_the_middle(name: str, cells: int) -> str:
    end = name[-(cells // 4) :].lstrip(_JOINING)
    wide = sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in end)
    return _set_off(shorten(name, cells - wide).strip("\u200e\u200f") + end)


def _set_off(name: str) -> str:
    """Return a name between isolating characters if it is written from right to left."""
    turns = any(unicodedata.bidirectional(character) in ("R", "AL") for character in name)
    return f"\u200e{name}\u200f\u200e" if turns else name


def axis_name(measure: str, every: str = "", of: str = "") -> str:
    """Return the name and unit of an axis: ``calls [per day]``, ``talk, month so far [min]``.

    `of` names what is counted, if that is more than the measure.
    """
    name, unit = _AXIS.get(measure, (measure.replace("_", " "), ""))
    more = f", {of}" if of else ""
    per = f"per {every}" if every and measure != "traffic" else ""
    told = " ".join(filter(None, (unit, per)))
    return f"{name}{more} [{told}]" if told else f"number{more} [{name}]"


def read_axis(value: float, name: str) -> str:
    """Return a value with the words of an axis name: ``212 calls per day``, ``talk 34 min``.

    `name` is a result of `axis_name` or a rate with its unit, and may begin with other words.
    """
    what, _, unit = name.removesuffix("]").rpartition(" [")
    if unit.startswith("%"):
        return f"{what} {percent(value / 100).removesuffix(' %')} {unit}"
    told = amount(value)
    if unit.startswith("per "):  # the noun that is counted is the last of the words
        counts = (one for one, of in _AXIS.values() if not of and what.endswith(one))
        noun = max(counts, key=len, default="")
        what, unit = what.removesuffix(noun), f"{noun} {unit}"
    else:
        what = what.removeprefix("number").removeprefix(", ")
    if told == "1":
        unit = f"{unit.replace('calls', 'call', 1)}"
    return " ".join(f"{what} {told} {unit}".split())


def span_of(frame: pd.DataFrame) -> str:
    """Return the span of one row of a frame in a word, such as ``day``."""
    times = pd.DatetimeIndex(frame.index).as_unit("us").asi8
    steps = np.diff(np.unique(times)) / 3.6e9
    step = float(np.median(steps)) if len(steps) else 24.0
    if len(steps) == 0 and "hours" in frame and len(frame):
        # What `aggregate` makes are days at least, however little of the first is there yet.
        step = max(float(frame["hours"].iloc[0]), 24.0)
    elif len(steps) == 0 and "complete" not in frame and frame.attrs.get("every") != "D":
        step = 1.0
    names = ((2, "hour"), (30, "day"), (200, "week"), (800, "month"), (3000, "quarter"))
    return next((name for limit, name in names if step < limit), "year")
