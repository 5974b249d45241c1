"""The command `sync`: bring an archive up to date."""

import argparse
from typing import Any

from usage_analysis.archive.archive import Archive
from usage_analysis.cli.groups import groups_of
from usage_analysis.cli.options import ALL, MESSAGES, Outcome, filters_of, format_flags, open_client
from usage_analysis.cli.progress import progress_bar
from usage_analysis.errors import refusal


def run(options: argparse.Namespace) -> Outcome:
    """Bring an archive up to date and say what was fetched."""
    with open_client(options) as client:
        filters = filters_of(options, client.names)
        groups = groups_of(options, client, options.by)
        archive = Archive(options.archive)
        damaged = archive.repair() if options.repair else []
        again, bar = options.refetch or bool(damaged), progress_bar("sync", options)
        how: Any = {"since": options.since, "refetch": again, "progress": bar}
        if groups is None:
            scope = options.scope or ALL
            done = archive.sync(client, scope, **how, **filters)
        elif filters:
            raise refusal("groups_alone", got=format_flags(filters))
        else:
            scope = options.scope or groups.column
            done = archive.sync_groups(client, groups.filters(), name=scope, **how)
    moved = [str(each.path) for each in damaged]
    found = {"archive": str(archive.path.resolve()), "scope": scope, **done._asdict()}
    text = MESSAGES["synced"].format(**found)
    if moved:
        text += "\n" + MESSAGES["moved"].format(count=len(moved), folder=damaged[0].path.parent)
    return Outcome("" if options.quiet else text, found | {"moved": moved})
