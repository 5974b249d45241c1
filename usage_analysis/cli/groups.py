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
    grouping: Grouping, client: BaseClient, query: UsageQuery, progress: Progress | None
) -> CallUsage:
    """Fetch the calls of each group, and the rest if there is any."""
    filters = {name: getattr(query, name) for name in query.as_dict()}
    how: dict[str, Any] = {"include_rest": True, "progress": progress, **filters}
    return drop_empty_rest(client.breakdown(grouping.filters(), name=grouping.column, **how))


def groups_of(options: argparse.Namespace, client: BaseClient) -> Grouping | None:
    """Return the groups that were named, or else the client's own, or None.

    Raises
    ------
    QueryError
        There are groups without a kind, the kind is unknown or has no groups, or the file is not a
        CSV file with these columns.
    """
    if options.by is None:
        if options.group or options.groups:
            raise QueryError(f"--by: expected {KINDS} with --group and --groups, got none")
        return None
    try:
        Grouping(options.by, {})
    except QueryError as error:
        raise QueryError(f"--{error}") from None
    pairs = list(options.group or [])
    pairs += read_pairs(options.groups, "--groups") if options.groups else []
    if not pairs and (names := client.names):
        pairs = [*names.of_kind(options.by).items()]
        if not pairs:
            kinds = ", ".join(["agent", "voice", *(f"metadata.{key}" for key in names.metadata)])
            raise QueryError(f"--by: {OWNERS[client.source]} has {kinds}, got {options.by!r}")
    if not pairs:
        raise refusal("unlisted", by=options.by)
    return Grouping.of_pairs(options.by, pairs, f"--by {options.by}")
