"""The command `sync`: bring an archive up to date."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from usage_analysis.archive.archive import Archive
from usage_analysis.cli.groups import add_groups, groups_of
from usage_analysis.cli.options import (
    add_account,
    add_filters,
    add_option,
    day,
    filters_of,
    flags,
    open_client,
)
from usage_analysis.cli.progress import progress_bar
from usage_analysis.errors import QueryError
from usage_analysis.fetch.grouping import Grouping
from usage_analysis.fetch.progress import Progress

if TYPE_CHECKING:
    from usage_analysis.cli.options import Commands
    from usage_analysis.fetch.client import Client

#: The default scope.
ALL = "all"


def add_parser(commands: Commands) -> None:
    """Add the command `sync`."""
    sync = commands.add_parser(
        "sync",
        help="keep an account's history in an archive",
        description="Fetch the days that an archive lacks and those that may have changed since.",
    )
    add_account(sync)
    folder = "folder of the archive; it is created if it does not exist"
    add_option(sync, "--archive", folder, "DIR", type=Path, required=True)
    scope = f"your name for the calls that the filters select (default: {ALL}), or for the groups"
    add_option(sync, "--scope", scope, "NAME")
    add_option(sync, "--since", "first UTC day; required for a new scope", "DAY", type=day)
    add_option(sync, "--refetch", "fetch all days again", action="store_true")
    repair = "check every file first; if any is damaged, set it aside and fetch all days again"
    add_option(sync, "--repair", repair, action="store_true")
    add_filters(sync)
    add_groups(sync)
    sync.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Bring an archive up to date and print what was fetched."""
    groups = groups_of(options)
    with open_client(options.account) as client:
        print(_sync(options, client, groups, progress_bar("sync")))


def _sync(
    options: argparse.Namespace, client: Client, groups: Grouping | None, progress: Progress | None
) -> str:
    archive, filters = Archive(options.archive), filters_of(options)
    damaged = archive.repair() if options.repair else []
    refetch = options.refetch or bool(damaged)
    how: dict[str, Any] = {"since": options.since, "refetch": refetch, "progress": progress}
    if groups is None:
        scope = options.scope or ALL
        done = archive.sync(client, scope, **how, **filters)
    elif filters:
        raise QueryError(f"--by: expected groups without other filters, got {flags(filters)}")
    else:
        scope = options.scope or groups.column
        done = archive.sync_groups(client, groups.filters(), name=scope, **how)
    words = (
        f"Archive {archive.path.resolve()}, scope {scope}: {done.requests} requests, "
        f"{done.new_days} new days, {done.refetched_days} days fetched again"
    )
    if damaged:
        words += (
            f"\n{len(damaged)} damaged files were moved to {damaged[0].path.parent}. They may have "
            "held days of other scopes too: sync each scope with --refetch."
        )
    return words
