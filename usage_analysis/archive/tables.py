"""Tables of the scopes of an archive, and of restated days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pandas as pd

from usage_analysis.archive.coverage import (
    newest_fetches,
    scope_bounds,
    scope_names,
    scope_queries,
    unknown_scope,
)
from usage_analysis.archive.days import timestamp
from usage_analysis.archive.store import Part
from usage_analysis.archive.versions import find_changes
from usage_analysis.tidy.engine_sums import STORED
from usage_analysis.tidy.zones import DAY

_WORDS = {kept: name for name, kept in STORED.items()}


def scope_table(parts: Sequence[Part]) -> pd.DataFrame:
    """Return one row per scope; see `Archive.scopes`."""
    scopes = scope_names(parts)
    asked, bounds = scope_queries(parts, scopes), scope_bounds(parts, scopes)
    low, high = int(bounds.first.min(initial=0)), int(bounds.last.max(initial=0))
    days = (newest_fetches(parts, scopes, low, high).fetched >= 0).sum(axis=1)
    records = [
        {
            "scope": scope,
            "filters": asked[scope].query,
            "source": asked[scope].source,
            "first": timestamp(bounds.first[row] * DAY),
            "last": timestamp(bounds.last[row] * DAY),
            "days": int(days[row]),
            "as_of": timestamp(bounds.fetched[row]),
        }
        for row, scope in enumerate(scopes)
    ]
    columns = ["scope", "filters", "source", "first", "last", "days", "as_of"]
    return pd.DataFrame(records, columns=columns).set_index("scope")


def change_table(parts: Sequence[Part], scope: str | None) -> pd.DataFrame:
    """Return one row per change; see `Archive.restatements`."""
    scopes = scope_names(parts)
    if scope is not None and scope not in scopes:
        raise unknown_scope(scope, parts)
    scopes = scopes if scope is None else [scope]
    records: list[dict[str, Any]] = []
    for one in find_changes(parts, scopes):
        record: dict[str, Any] = {
            "time": timestamp(one.day * DAY),
            "scope": one.scope,
            "previous_as_of": timestamp(one.previous_as_of),
            "as_of": timestamp(one.as_of),
            "provisional": one.provisional,
        }
        for name, word in _WORDS.items():
            record[f"{word}_previous"] = _measure(name, one.previous[name])
            record[word] = _measure(name, one.current[name])
        records.append(record)
    columns = ["time", "scope", "previous_as_of", "as_of", "provisional"]
    columns += [both for word in _WORDS.values() for both in (f"{word}_previous", word)]
    return pd.DataFrame(records, columns=columns).set_index("time")


def _measure(name: str, value: int) -> Any:
    if name == "duration":
        return timedelta(microseconds=value)
    return value / 1e6 if name == "billed_micro" else value
