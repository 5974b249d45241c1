"""Consistency checks of a reply in words."""

import tomllib
from datetime import tzinfo
from importlib.resources import files
from typing import Any, Final

import pandas as pd

from usage_analysis.analysis import vocabulary as say
from usage_analysis.analysis.statements.statement import Statement

_CHECKS: Final[dict[str, dict[str, Any]]] = tomllib.loads(
    (files("usage_analysis.analysis.statements") / "checks.toml").read_text(encoding="utf-8")
)
#: Failed checks that a sentence names.
_MOST: Final = 6


def state_checks(found: pd.DataFrame, zone: str | tzinfo = "UTC") -> Statement:
    """State how many checks of `reconcile` failed, where, and which could not run.

    Parameters
    ----------
    found
        Result of `reconcile`, for one series or a breakdown.
    zone
        Time zone of the hours; days are UTC days.
    """
    names = found.index.get_level_values("check")
    judged = found["ok"].notna().to_numpy(dtype=bool)
    wrong = judged & ~found["ok"].fillna(value=True).to_numpy(dtype=bool)
    count, failed = int(judged.sum()), int(wrong.sum())
    lacking = names[found["missing"].astype(bool)].unique()
    without = sorted({str(one) for one in found["missing"] if one})
    could = f"{say.several(len(lacking), 'check')} could not run"
    untold = f" {could}, because the source has no {' and no '.join(without)}." if without else ""
    checks = say.several(count, "consistency check")
    if not count:
        title = "No consistency check could run"
        return Statement(title, f"{title}.{untold}")
    if not failed:
        title = f"{'The' if count == 1 else 'All'} {checks} passed"
        if not found.loc[names.str.endswith(" with calls"), "found"].any():
            title = f"There are no calls in the period; {title[:1].lower()}{title[1:]}"
        return Statement(title, f"{title}.{untold}")
    title = f"{failed} of {checks} failed"
    told = "; ".join(_failing(row, zone) for row in [*found[wrong].itertuples()][:_MOST])
    more = f"; and {failed - _MOST} more" if failed > _MOST else ""
    urgent = not all(_CHECKS.get(name, {}).get("harmless") for name in names[wrong])
    return Statement(title, f"{title}: {told}{more}.{untold}", urgent)


def check_table(found: pd.DataFrame, zone: str | tzinfo = "UTC") -> pd.DataFrame:
    """Return the checks of `reconcile` for a page, each figure in its unit."""
    rows = {
        _label(row.Index): {
            "holds": _verdict(row),
            "found": _figure(row.found, _check_of(row.Index)),
            "expected": _figure(row.expected, _check_of(row.Index)),
            "where it fails": _failures(row, zone) if row.failures else "",
        }
        for row in found.itertuples()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("check")


def _verdict(row: Any) -> str:
    if row.missing:
        return f"not run: no {row.missing}"
    return "not judged" if pd.isna(row.ok) else "yes" if row.ok else "no"


def _check_of(index: Any) -> str:
    return str(index[-1] if isinstance(index, tuple) else index)


def _label(index: Any) -> str:
    """Return the name of a check in words, with its group and its measure."""
    name, _, measure = _check_of(index).partition(", ")
    words = _CHECKS.get(name, {}).get("name", name)
    # The totals of talk are in hours, so the unit of the axis does not fit.
    what = "talk" if measure == "duration" else say.UNITS.get(measure, measure)
    words = f"{words}: {what}" if measure else words
    return f"{index[0]}: {words}" if isinstance(index, tuple) else words


def _figure(value: Any, check: str) -> str:
    if pd.isna(value):
        return ""
    if check.startswith("overhead"):
        return f"{value.total_seconds():,.0f} s"
    if isinstance(value, pd.Timedelta):
        return f"{say.duration_clock(value)} h"
    if check.endswith("billed_minutes"):
        return f"{value:,.1f} min"
    return f"{value:,}"


def _failing(row: Any, zone: str | tzinfo) -> str:
    name, _, measure = _check_of(row.Index).partition(", ")
    group = f"{row.Index[0]}: " if isinstance(row.Index, tuple) else ""
    if measure:
        what = "duration" if measure == "duration" else say.UNITS.get(measure, measure)
        other = "all time" if name.startswith("all time") else "the hours"
        return f"{group}{what} of {other} and of the days differ on {_failures(row, zone)}"
    return f"{group}in {_failures(row, zone)}, {_CHECKS.get(name, {}).get('failing', name)}"


def _failures(row: Any, zone: str | tzinfo) -> str:
    """Return how many buckets a check fails in, and the first of them."""
    of_days = ", " in _check_of(row.Index)
    told = say.several(int(row.failures), "day" if of_days else "hour")
    if pd.isna(row.first):
        return told
    if of_days:
        return f"{told}, first {row.first:%Y-%m-%d}"
    return f"{told}, first {row.first.tz_convert(zone):%Y-%m-%d %H:%M} ({zone})"
