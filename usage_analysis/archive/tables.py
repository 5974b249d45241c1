"""Tables of the scopes of an archive, and of restated days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

import pandas as pd

from usage_analysis.archive import coverage
from usage_analysis.archive.store import Part
from usage_analysis.archive.versions import find_changes
from usage_analysis.tidy.zones import DAY, to_index


def scope_table(parts: Sequence[Part]) -> pd.DataFrame:
    """Return one row per scope; see `Archive.scopes`."""
    scopes = coverage.scope_names(parts)
    asked, bounds = coverage.scope_queries(parts, scopes), coverage.scope_bounds(parts, scopes)
    low, high = int(bounds.first.min(initial=0)), int(bounds.last.max(initial=0))
    days = (coverage.newest_fetches(parts, scopes, low, high).fetched >= 0).sum(axis=1)
    columns = {
        "scope": scopes,
        "filters": [asked[scope].query for scope in scopes],
        "source": [asked[scope].source for scope in scopes],
        "first": to_index(bounds.first * DAY, UTC),
        "last": to_index(bounds.last * DAY, UTC),
        "days": days,
        "as_of": to_index(bounds.fetched, UTC),
    }
    return pd.DataFrame(columns).set_index("scope")


def change_table(parts: Sequence[Part], scope: str | None) -> pd.DataFrame:
    """Return one row per change; see `Archive.restatements`."""
    scopes = coverage.scope_names(parts)
    if scope is not None and scope not in scopes:
        raise coverage.unknown_scope_error(scope, parts)
    return find_changes(parts, scopes if scope is None else [scope])
