"""Groups of calls from options: one by one, from a CSV file, or from the sample account."""

import argparse
from typing import Any

from usage_analysis.cli.options import OWNERS
from usage_analysis.errors import QueryError, refusal
from usage_analysis.fetch.base import BaseClient
from usage_analysis.fetch.breakdown import KINDS, Grouping, drop_empty_rest, read_pairs
from usage_analysis.progress import Progress
from usage_analysis.query import UsageQuery
from usage_analysis.tidy.usage import CallUsage


def fetch_groups(
    grouping: Grouping | None, client: BaseClient, query: UsageQuery, progress: Progress | None
) -> CallUsage:
    """Fetch the calls of each group, and the rest if there is any; without groups all calls."""
    if grouping is None:
        return client.call_usage(query, progress=progress)
    filters = {name: getattr(query, name) for name in query.as_dict()}
    how: dict[str, Any] = {"include_rest": True, "progress": progress, **filters}
    return drop_empty_rest(client.breakdown(grouping.filters(), name=grouping.column, **how))


def groups_of(options: argparse.Namespace, client: BaseClient, by: str | None) -> Grouping | None:
    """Return the groups of a kind that were named, or else the client's own, or None.

    Raises
    ------
    QueryError
        There are groups without a kind, the kind is unknown or has no groups, or the file is not a
        CSV file with these columns.
    """
    names, pairs = client.names, [*(options.group or [])]
    pairs += read_pairs(options.groups, "--groups") if options.groups else []
    if by is None and pairs:
        raise QueryError(f"--by: expected {KINDS} with --group and --groups, got none")
    if by is None:
        return None
    by = f"metadata.{by}" if names and by in names.metadata else by
    Grouping(by, {})  # refuses other kinds
    if not pairs and names and not (pairs := [*names.of_kind(by).items()]):
        kinds = ", ".join(["agent", "voice", *(f"metadata.{key}" for key in names.metadata)])
        raise QueryError(f"--by: {OWNERS[client.source]} has {kinds}, got {by!r}")
    if not pairs:
        raise refusal("unlisted", by=by)
    return Grouping.of_pairs(by, pairs, f"--by {by}")
