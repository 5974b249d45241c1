"""The command `sync`: bring an archive up to date."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from usage_analysis.archive.archive import Archive
from usage_analysis.cli.groups import add_groups, groups_of
from usage_analysis.cli.options import (
    Commands,
    add_account,
    add_filters,
    add_option,
    filters_of,
    format_flags,
    open_client,
    parse_day,
)
from usage_analysis.cli.progress import progress_bar
from usage_analysis.errors import QueryError

#: The default scope.
ALL = "all"


def add_parser(commands: Commands) -> None:
    """Add the command `sync`."""
    sync = commands.add_parser(
        "sync",
        help="keep an account's history in an archive",
        description="Fetch the missing days of an archive, and the days that may have changed.",
    )
    add_account(sync)
    folder = "folder of the archive; it is created if it does not exist"
    add_option(sync, "--archive", folder, "DIR", type=Path, required=True)
    scope = f"name for these calls, with their filters (default: {ALL}, or the kind of the groups)"
    add_option(sync, "--scope", scope, "NAME")
    add_option(sync, "--since", "first UTC day; required for a new scope", "DAY", type=parse_day)
    add_option(sync, "--refetch", "fetch all days again", action="store_true")
    repair = "read every file first; if some are damaged, move them away and fetch all days again"
    add_option(sync, "--repair", repair, action="store_true")
    add_filters(sync)
    add_groups(sync)
    sync.set_defaults(run=run)


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
