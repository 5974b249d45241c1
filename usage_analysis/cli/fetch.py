"""The command `fetch`: save a reply of the endpoint."""

import argparse

from usage_analysis.cli.groups import fetch_groups, groups_of
from usage_analysis.cli.options import OWNERS, open_client, query_of
from usage_analysis.cli.progress import progress_bar
from usage_analysis.tidy.usage_files import target_of


def run(options: argparse.Namespace) -> None:
    """Fetch a reply, save it and print its path."""
    options.timezone = options.timezone or options.clock or "UTC"
    target_of(options.out)  # a path that cannot be written is refused before anything is fetched
    with open_client(options) as client:
        groups = groups_of(options, client)
        _, _, query = query_of(options, client)
        bar = progress_bar("fetch")
        usage = (
            fetch_groups(groups, client, query, bar)
            if groups
            else client.call_usage(query, progress=bar)
        )
    print(f"Reply of {OWNERS[usage.source]}: {usage.save(options.out).resolve()}")
