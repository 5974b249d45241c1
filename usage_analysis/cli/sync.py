"""The command `sync`: bring an archive up to date."""

import argparse
from typing import Any

from usage_analysis.archive.archive import Archive
from usage_analysis.cli.groups import groups_of
from usage_analysis.cli.options import ALL, filters_of, format_flags, open_client
from usage_analysis.cli.progress import progress_bar
from usage_analysis.errors import QueryError


def run(options: argparse.Namespace) -> None:
    """Bring an archive up to date and print what was fetched."""
    groups, filters = groups_of(options), filters_of(options)
    with open_client(options.account) as client:
        archive = Archive(options.archive)
        damaged = archive.repair() if options.repair else []
        how: dict[str, Any] = {
            "since": options.since,
            "refetch": options.refetch or bool(damaged),
            "progress": progress_bar("sync"),
        }
        if groups is None:
            scope = options.scope or ALL
            done = archive.sync(client, scope, **how, **filters)
        elif filters:
            raise QueryError(
                f"--by: expected groups without other filters, got {format_flags(filters)}"
            )
        else:
            scope = options.scope or groups.column
            done = archive.sync_groups(client, groups.filters(), name=scope, **how)
    print(
        f"Archive {archive.path.resolve()}, scope {scope}: {done.requests} requests, "
        f"{done.new_days} new days, {done.refetched_days} days fetched again"
    )
    if damaged:
        print(
            f"{len(damaged)} damaged files were moved to {damaged[0].path.parent}. They may have "
            "held days of other scopes too: sync each scope with --refetch."
        )
