"""The archive on the command line: fill it, and report from it without a network."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from usage_analysis.archive.archive import Archive
from usage_analysis.errors import QueryError
from usage_analysis.query import DEFAULT_DAYS

if TYPE_CHECKING:
    from usage_analysis.cli_groups import Groups
    from usage_analysis.fetch.client import Client
    from usage_analysis.tidy.usage import CallUsage

Progress = Callable[[int, int], None]

ALL = "all"
"""The scope that is meant where none is named."""


def add_sync_options(parser: argparse.ArgumentParser, day: Callable[[str], date]) -> None:
    """The options of `sync` beside the account, the filters and the groups."""
    parser.add_argument(
        "--archive", type=Path, required=True, metavar="DIR", help="its folder, made if need be"
    )
    parser.add_argument(
        "--scope", metavar="NAME", help=f"your name for these filters ({ALL}), or for these groups"
    )
    parser.add_argument("--since", type=day, metavar="DAY", help="first UTC day")
    parser.add_argument("--again", action="store_true", help="fetch all days again")
    parser.add_argument(
        "--repair",
        action="store_true",
        help="look at every file, take out damaged ones, and if there are any fetch all days again",
    )


def sync(
    options: argparse.Namespace,
    client: Client,
    filters: Mapping[str, Any],
    groups: Groups | None,
    progress: Progress | None,
) -> str:
    """Words for what was fetched into the archive."""
    archive = Archive(options.archive)
    lost = archive.repair() if options.repair else []
    again = options.again or bool(lost)
    how: dict[str, Any] = {"since": options.since, "again": again, "progress": progress}
    if groups is None:
        scope = options.scope or ALL
        done = archive.sync(client, scope, **how, **filters)
    elif filters:
        raise QueryError(f"--by: expected groups without other filters, got {', '.join(filters)}")
    else:
        scope = options.scope or groups.name
        done = archive.sync_groups(client, groups.filters(), name=scope, **how)
    words = (
        f"Archive {archive.path.resolve()}: {scope}, {done.requests} requests, "
        f"{done.new} days new, {done.again} again"
    )
    if lost:
        words += (
            f"\n{len(lost)} damaged, now in {lost[0].path.parent}; they may have held days of "
            "other scopes too: sync each with --again"
        )
    return words


def load(
    options: argparse.Namespace,
) -> tuple[CallUsage, CallUsage | None, CallUsage | None, date, date]:
    """Usage, that of the period before if it is there, that by group if asked, and the days."""
    archive, scope, zone = Archive(options.archive), options.scope or ALL, options.timezone
    last = options.last
    if last is None:
        # The archive's today is that of its last fetch.
        last = archive.load(scope).as_of.tz_convert(zone).date()
    first = options.first or last - timedelta(days=DEFAULT_DAYS)
    usage = archive.load(scope, first, last, timezone=zone)
    breakdown = archive.breakdown(options.by, first, last, timezone=zone) if options.by else None
    previous = None
    if not options.no_compare:
        day = timedelta(days=1)
        # An archive that begins later has nothing to compare with, and the report says nothing.
        with suppress(QueryError):
            previous = archive.load(scope, first - (last - first + day), first - day, timezone=zone)
    return usage, previous, breakdown, first, last
