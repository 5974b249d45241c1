"""Options that several commands share: the account, the days and the filters."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING, cast

from usage_analysis.query import DEFAULT_DAYS, CallFilters, UsageQuery

if TYPE_CHECKING:
    from usage_analysis.fetch.client import Client
    from usage_analysis.tidy.usage import CallUsage

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

_OWNERS = {"sample": "the sample account", "live": "your account", "file": "a file of yours"}


def add_account(parser: argparse._ActionsContainer) -> None:
    """Add the option that chooses the account."""
    parser.add_argument(
        "--account",
        choices=("sample", "live"),
        default="sample",
        help="the sample account (default), or your own with the key in ULTRAVOX_API_KEY",
    )


def open_client(account: str) -> Client:
    """Return a client of the sample account or of the live one."""
    # Imported here so that --help does not load httpx.
    from usage_analysis.fetch.client import Client
    from usage_analysis.sample import sample_client

    return sample_client() if account == "sample" else Client()


def owner(usage: CallUsage) -> str:
    """Return in words whose calls these are."""
    return _OWNERS[usage.source]


def add_days(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose the first day, the last day and the time zone."""
    days = parser.add_argument_group("days", f"default: the last {DEFAULT_DAYS} days and today")
    days.add_argument(
        "--from", dest="first", type=day, metavar="DAY", help="first local day, as 2026-03-01"
    )
    days.add_argument(
        "--to", dest="last", type=day, metavar="DAY", help="last local day (default: today)"
    )
    days.add_argument(
        "--timezone",
        default="UTC",
        metavar="ZONE",
        help="time zone of the days, as America/New_York (default: UTC)",
    )


def query_of(options: argparse.Namespace, client: Client) -> tuple[date, date, UsageQuery]:
    """Return the first and the last local day, and the query for them."""
    last = options.last or client.today(options.timezone)
    first = options.first or last - timedelta(days=DEFAULT_DAYS)
    return first, last, UsageQuery.local_days(first, last, options.timezone, **filters_of(options))


def day(text: str) -> date:
    """Parse a date of the command line."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected a day such as 2026-03-31, got {text!r}"
        ) from None


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Add the options that select calls."""
    filters = parser.add_argument_group("filters", "count only the calls that fit all of these")
    filters.add_argument(
        "--agent",
        dest="agent_ids",
        action="append",
        metavar="ID",
        help="UUID of an agent; repeat the option for several",
    )
    filters.add_argument("--voice", dest="voice_id", metavar="ID", help="UUID of a voice")
    filters.add_argument("--duration-min", metavar="SECONDS", help="shortest duration")
    filters.add_argument("--duration-max", metavar="SECONDS", help="longest duration")
    filters.add_argument(
        "--metadata",
        type=_pair,
        action="append",
        metavar="KEY=VALUE",
        help="value of a metadata key; repeat the option for several keys",
    )
    filters.add_argument("--search", metavar="TEXT", help="text in the call's summary")
    filters.add_argument("--time-of-day-start", metavar="HH:MM", help="earliest time of day, UTC")
    filters.add_argument("--time-of-day-end", metavar="HH:MM", help="latest time of day, UTC")


def filters_of(options: argparse.Namespace) -> CallFilters:
    """Return the filters that were given, by parameter name."""
    given = {name: getattr(options, name) for name in CallFilters.__annotations__}
    if given["metadata"]:
        given["metadata"] = dict(given["metadata"])
    return cast("CallFilters", {name: each for name, each in given.items() if each is not None})


def flags(names: Iterable[str]) -> str:
    """Return parameter names as the user typed them: `agent_ids` is `--agent`."""
    return ", ".join(f"--{name.removesuffix('_ids').replace('_', '-')}" for name in names)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"expected key=value, got {text!r}")
    return key, value
