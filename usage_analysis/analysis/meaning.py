"""Meaning of a result: its event or measure, unit, confidence level, method and direction."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pandas as pd

from usage_analysis.analysis.vocabulary import UNITS, counted
from usage_analysis.errors import QueryError, refusal
from usage_analysis.tidy.frames import Result, copy_source

#: Name of the rate that counts each event.
RATES = {"error_count": "error rate", "joined_count": "join rate"}

_WORSE = {"error_count"}
_BETTER = {"joined_count"}


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """Meaning of the numbers of one result.

    Helpers of `analysis` store it in ``result.attrs["meaning"]``; figures, reports and sentences
    read names, units and confidence levels from there. Some pandas operations drop ``attrs``: pass
    ``meaning=original.attrs["meaning"]`` to the plot then.

    Parameters
    ----------
    made_by
        Name of the function that made the result, such as ``"error_rate"``.
    measure
        Column that was measured, such as ``"total_count"``, or ``"traffic"``; None for a rate, and
        for a table with one row per measure, whose index names them.
    event, denominator
        Columns that a rate divides: ``sum(event) / sum(denominator)``; None for a measure, and
        `event` also for a table with one row per event, whose index names them.
    confidence
        Level of the intervals, such as 0.95; None where the result has no interval.
    method
        How the interval or the limits were computed, with the source of the formula.
    limit
        Maximum number of concurrent calls; None where none was given.
    blocking
        Share of refused calls from which an hour is at risk; None where no limit was given.
    dates
        Local days of the data with their zone: ``"2026-03-01 to 2026-03-31 (UTC)"``.
    previous_dates
        Local days of the previous period, for a comparison.
    attributes
        Other ``attrs`` of the result, such as how many buckets it left out.
    """

    made_by: str
    measure: str | None = None
    event: str | None = None
    denominator: str | None = None
    confidence: float | None = None
    method: str = ""
    limit: int | None = None
    blocking: float | None = None
    dates: str = ""
    previous_dates: str = ""
    attributes: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """Name of the numbers in words: ``error rate``, ``calls``, ``minutes of talk``."""
        if self.event is not None:
            return RATES[self.event]
        measure = str(self.measure or ("rates" if self.denominator else "measures"))
        return UNITS.get(measure, measure.replace("_", " "))

    @property
    def unit(self) -> str:
        """Unit of the numbers as figures draw them: ``% of calls``, ``minutes of talk``."""
        return self.name if self.event is None else f"% of {UNITS[str(self.denominator)]}"

    @property
    def calls(self) -> str:
        """Noun for the calls that a rate divides by: ``calls``, ``joined calls``."""
        return UNITS[str(self.denominator)]

    def counted(self, calls: Any) -> str:
        """Return a number of the calls that a rate divides by: ``1,200 calls``."""
        return counted(calls, str(self.denominator))

    @property
    def level(self) -> float:
        """Level of the intervals; 0 where the result has none."""
        return float(self.confidence or 0)

    @property
    def when(self) -> str:
        """Days of the data, and of the previous period, as the end of a sentence; or nothing."""
        against = f" against {self.previous_dates}" if self.previous_dates else ""
        return f", {self.dates}{against}" if self.dates else ""

    @property
    def better(self) -> Literal["more", "less"] | None:
        """Direction that is good news, more or less; None if neither is."""
        if self.event in _WORSE or self.measure in _WORSE:
            return "less"
        return "more" if self.event in _BETTER else None


#: A meaning as a caller states it for a result that has lost its own.
Stated = Mapping[str, Any] | Meaning | None


def with_meaning(result: Result, meaning: Meaning, *frames: pd.DataFrame) -> Result:
    """Return a result with its meaning, and whether its frames are of the sample account.

    ``attrs["meaning"]`` holds a plain dict, so that results can be written as Parquet.
    """
    known = {name: value for name, value in asdict(meaning).items() if value not in (None, "")}
    others = {**copy_source(result, *frames).attrs}
    others.pop("meaning", None)
    result.attrs["meaning"] = known | ({"attributes": others} if others else {})
    return result


def restore_attributes(table: Result, meaning: Meaning) -> Result:
    """Return a table with the attributes that its meaning recorded and that it has lost since."""
    whole = table.copy(deep=False)
    for name, value in (meaning.attributes or {}).items():
        whole.attrs.setdefault(name, value)
    return whole


def meaning_of(result: Any, *made_by: str, meaning: Stated = None, name: str = "") -> Meaning:
    """Return the meaning of a result.

    Parameters
    ----------
    result
        Table or Series that one of the helpers `made_by` returned.
    made_by
        Names of the helpers whose results are accepted.
    meaning
        Meaning given by the caller, for a result that has lost its own.
    name
        Name of the argument that holds the result, for the message.

    Raises
    ------
    QueryError
        The result has no meaning, or another helper made it.
    """
    helpers, at = " or ".join(made_by), f"{name}: " if name else ""
    if not isinstance(result, pd.DataFrame | pd.Series):
        raise QueryError(f"{at}expected a result of {helpers}, got {type(result).__name__}")
    stated = result.attrs.get("meaning") if meaning is None else meaning
    if stated is None and {"total_count", "provisional"} <= set(result.keys()):
        raise QueryError(f"{at}expected a result of {helpers}, got a frame of hours or days")
    if stated is None:
        raise refusal("no_meaning", helpers=helpers)
    try:
        found = stated if isinstance(stated, Meaning) else Meaning(**stated)
    except TypeError:
        raise refusal("other_meaning", helpers=helpers, got=stated) from None
    if found.made_by not in made_by:
        raise QueryError(f"{at}expected a result of {helpers}, got a result of {found.made_by}")
    return found
