"""Account, days and filters as the command line names them."""

from __future__ import annotations

import argparse
from datetime import date
from typing import Any

_FILTERS = (
    "agent_ids",
    "voice_id",
    "duration_min",
    "duration_max",
    "metadata",
    "search",
    "time_of_day_start",
    "time_of_day_end",
)


def add_account(parser: argparse._ActionsContainer) -> None:
    """The option that says whose calls, added to a command."""
    parser.add_argument(
        "--account",
        choices=("sample", "live"),
        default="sample",
        help="whose calls: the sample account (default), or the one of ULTRAVOX_API_KEY",
    )


def day(text: str) -> date:
    """Date that an option gives."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected a day such as 2026-03-31, got {text!r}"
        ) from None


def add_filters(parser: argparse.ArgumentParser) -> None:
    """The options that choose calls, added to a command."""
    only = parser.add_argument_group("filters", "only calls")
    only.add_argument(
        "--agent", dest="agent_ids", action="append", metavar="ID", help="UUID; may repeat"
    )
    only.add_argument("--voice", dest="voice_id", metavar="ID", help="UUID")
    only.add_argument("--duration-min", metavar="SECONDS")
    only.add_argument("--duration-max", metavar="SECONDS")
    only.add_argument("--metadata", type=_pair, action="append", metavar="KEY=VALUE")
    only.add_argument("--search", metavar="TEXT")
    only.add_argument("--time-of-day-start", metavar="HH:MM", help="UTC")
    only.add_argument("--time-of-day-end", metavar="HH:MM", help="UTC")


def filters_of(options: argparse.Namespace) -> dict[str, Any]:
    """The filters that a command line gives, by name."""
    given = {name: getattr(options, name) for name in _FILTERS}
    if given["metadata"]:
        given["metadata"] = dict(given["metadata"])
    return {name: value for name, value in given.items() if value is not None}


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"expected key=value, got {text!r}")
    return key, value
