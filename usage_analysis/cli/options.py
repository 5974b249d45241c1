"""Options that several commands share: the account, the days and the filters."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from usage_analysis.query import DEFAULT_DAYS, CallFilters, UsageQuery

if TYPE_CHECKING:
    from usage_analysis.fetch.client import Client
    from usage_analysis.tidy.usage import CallUsage

#: Subparsers of the command line, to which each command adds its own.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

_OWNERS = {"sample": "the sample account", "live": "your account", "file": "a file of yours"}


def add_option(
    parser: argparse._ActionsContainer,
    flag: str,
    help: str,  # noqa: A002  # as in argparse
    metavar: str | None = None,
    **settings: Any,
) -> None:
    """Add an option; its help ends with its default, if it has one."""
    if settings.get("default") is not None and "default" not in help:
        help = f"{help} (default: {settings['default']})"  # noqa: A001
    if metavar is not None:
        settings["metavar"] = metavar
    parser.add_argument(flag, help=help, **settings)


def add_account(parser: argparse._ActionsContainer) -> None:
    """Add the option that chooses the account."""
    words = "the sample account (default), or your own with the key in ULTRAVOX_API_KEY"
    add_option(parser, "--account", words, choices=("sample", "live"), default="sample")


def open_client(account: str) -> Client:
    """Return a client of the sample account or of the live one."""
    # Imported here so that --help does not load httpx.
    from usage_analysis.fetch.client import Client
    from usage_analysis.sample import sample_client

    return sample_client() if account == "sample" else Client()


def describe_owner(usage: CallUsage) -> str:
    """Return the owner of the calls in words."""
    return _OWNERS[usage.source]


def add_days(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose the first day, the last day and the time zone."""
    days = parser.add_argument_group("days", f"default: the last {DEFAULT_DAYS} days and today")
    add_option(
        days, "--from", "first local day, such as 2026-03-01", "DAY", dest="first", type=parse_day
    )
    add_option(days, "--to", "last local day (default: today)", "DAY", dest="last", type=parse_day)
    zone = "time zone of the days, such as America/New_York"
    add_option(days, "--timezone", zone, "ZONE", default="UTC")


def query_of(options: argparse.Namespace, client: Client) -> tuple[date, date, UsageQuery]:
    """Return the first and the last local day, and the query for them."""
    last = options.last or client.today(options.timezone)
    first = options.first or last - timedelta(days=DEFAULT_DAYS)
    return first, last, UsageQuery.local_days(first, last, options.timezone, **filters_of(options))


def parse_day(text: str) -> date:
    """Parse a date of the command line."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected a day such as 2026-03-31, got {text!r}"
        ) from None


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Add the options that select calls."""
    filters = parser.add_argument_group("filters", "count only the calls that match all of these")
    agent = "UUID of an agent; repeat the option for several"
    add_option(filters, "--agent", agent, "ID", dest="agent_ids", action="append")
    add_option(filters, "--voice", "UUID of a voice", "ID", dest="voice_id")
    add_option(filters, "--duration-min", "shortest duration", "SECONDS")
    add_option(filters, "--duration-max", "longest duration", "SECONDS")
    metadata = "value of a metadata key; repeat the option for several keys"
    add_option(filters, "--metadata", metadata, "KEY=VALUE", type=_parse_pair, action="append")
    add_option(filters, "--search", "text in the summary of a call", "TEXT")
    add_option(filters, "--time-of-day-start", "earliest time (UTC, not --timezone)", "HH:MM")
    add_option(filters, "--time-of-day-end", "latest time (UTC, not --timezone)", "HH:MM")


def filters_of(options: argparse.Namespace) -> CallFilters:
    """Return the filters that were given, by parameter name."""
    given = {name: getattr(options, name) for name in CallFilters.__annotations__}
    if given["metadata"]:
        given["metadata"] = dict(given["metadata"])
    return cast("CallFilters", {name: each for name, each in given.items() if each is not None})


def format_flags(names: Iterable[str]) -> str:
    """Return the options of parameters: `agent_ids` is `--agent`."""
    return ", ".join(f"--{name.removesuffix('_ids').replace('_', '-')}" for name in names)


def _parse_pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"expected key=value, got {text!r}")
    return key, value
