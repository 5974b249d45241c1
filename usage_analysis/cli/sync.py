"""The command `sync`: bring an archive up to date."""

import argparse
from typing import Any

from usage_analysis.archive.archive import Archive
from usage_analysis.cli.groups import groups_of
from usage_analysis.cli.options import ALL, MESSAGES, filters_of, format_flags, open_client
from usage_analysis.cli.progress import progress_bar
from usage_analysis.errors import refusal


def run(options: argparse.Namespace) -> None:
    """Bring an archive up to date and print what was fetched."""
    filters = filters_of(options)
    with open_client(options) as client:
        groups = groups_of(options, client)
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
            raise refusal("groups_alone", got=format_flags(filters))
        else:
            scope = options.scope or groups.column
            done = archive.sync_groups(client, groups.filters(), name=scope, **how)
    print(MESSAGES["synced"].format(path=archive.path.resolve(), scope=scope, done=done))
    if damaged:
        print(MESSAGES["moved"].format(count=len(damaged), folder=damaged[0].path.parent))
