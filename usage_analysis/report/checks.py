"""Consistency checks in words, for readers of pages."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from usage_analysis.analysis.vocabulary import UNITS, several
from usage_analysis.report.tables import clock

_NAMES: Final = {
    "hourly = daily": "hours add up to days",
    "all time = daily": "all time beside the days",
    "errors <= calls": "no more errors than calls",
    "joined <= calls": "no more joined calls than calls",
    "overhead <= 6 s a call": "billed at most 6 s a joined call over the talk",
    "mean call <= 1 h": "mean call at most an hour long",
    "hours with calls": "hours with calls",
    "days with calls": "days with calls",
}
_FAILING: Final = {
    "errors <= calls": "there are more errors than calls",
    "joined <= calls": "more calls were joined than made",
    "overhead <= 6 s a call": "more is billed than rounding up to 6 s a call can add to the talk",
    "mean call <= 1 h": "the mean call is longer than an hour, mostly one call left open",
}
# A long call is odd, and the numbers hold all the same.
_HARMLESS: Final = frozenset({"mean call <= 1 h"})


def check_name(check: str) -> str:
    """Return the name of a check in words, with its measure."""
    name, _, measure = check.partition(", ")
    told = _NAMES.get(name, name)
    return f"{told}: {UNITS.get(measure, measure)}" if measure else told


def checks_shown(found: pd.DataFrame) -> pd.DataFrame:
    """Return the results of `reconcile` for a page, each number in its unit."""
    rows = {
        check_name(str(row.Index)): {
            "holds": "not judged" if pd.isna(row.ok) else "yes" if row.ok else "no",
            "found": _figure(row.found, str(row.Index)),
            "beside": _figure(row.expected, str(row.Index)),
            "where it fails": _failures(row) if row.failures else "",
        }
        for row in _rows(found)
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("check")


def _rows(found: pd.DataFrame) -> list[Any]:
    return list(found.itertuples())


def _figure(value: Any, check: str) -> str:
    if isinstance(value, pd.Timedelta):
        return f"{clock(value)} h"
    if check.endswith("billed_minutes"):
        return f"{value:,.1f} min"
    return f"{value:,}"


def checks_in_words(found: pd.DataFrame) -> tuple[str, bool]:
    """Return the results of `reconcile` as a sentence, and True if the numbers are doubtful."""
    judged = found[found["ok"].notna()]
    failed = judged[~judged["ok"].astype(bool)]
    if not len(failed):
        return f"The reply agrees with itself in all {len(judged)} checks", False
    verb = "does" if len(failed) == 1 else "do"
    told = "; ".join(_failing(row) for row in _rows(failed))
    head = f"{len(failed)} of {len(judged)} checks of the reply against itself {verb} not hold"
    return f"{head}: {told}", not _HARMLESS.issuperset(failed.index)


def _failing(row: Any) -> str:
    name, _, measure = str(row.Index).partition(", ")
    if measure:
        what = UNITS.get(measure, measure)
        return f"{what} of the hours are not those of the days on {_failures(row)}"
    return f"in {_failures(row)}, {_FAILING.get(name, name)}"


def _failures(row: Any) -> str:
    """Return how many buckets fail a check, with the first of them."""
    of_days = ", " in str(row.Index)
    told = several(int(row.failures), "day" if of_days else "hour")
    if pd.isna(row.first):
        return told
    return f"{told}, first {row.first:%Y-%m-%d{'' if of_days else ' %H:%M UTC'}}"
