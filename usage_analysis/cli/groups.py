"""Options that name groups of calls: one by one, in a CSV file, or those of the sample account."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from usage_analysis.errors import QueryError
from usage_analysis.fetch.breakdown import drop_empty_rest, groups_by
from usage_analysis.fetch.names import Pairs, pairs_in
from usage_analysis.sample import AGENTS, METADATA, VOICES

if TYPE_CHECKING:
    from usage_analysis.cli.progress import Progress
    from usage_analysis.fetch.client import Client
    from usage_analysis.query import UsageQuery
    from usage_analysis.tidy.usage import CallUsage

_KINDS = "agent, voice or metadata.KEY"


def add_groups(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add the options that name groups, and return their section of the help."""
    groups = parser.add_argument_group("groups", "break the calls down by agent, voice or metadata")
    groups.add_argument(
        "--by",
        metavar="KIND",
        help=f"{_KINDS}; name the groups too, except for the sample account",
    )
    groups.add_argument(
        "--group",
        action="append",
        type=_group,
        default=[],
        metavar="NAME=VALUE",
        help="one group: its name, and its UUID or metadata value; repeat the option for several. "
        "Agents with the same name form one group",
    )
    groups.add_argument(
        "--groups",
        type=Path,
        metavar="FILE",
        help="CSV file of groups; columns: name, and id or value",
    )
    return groups


class Groups(NamedTuple):
    """Groups of calls by agent, voice or a metadata key."""

    by: str
    """`agent`, `voice` or `metadata.KEY`."""
    values: Mapping[str, Any]
    """ID or metadata value of each group by its name; a list of IDs where agents share a name."""

    @property
    def name(self) -> str:
        """Noun for each group: `agent`, `voice` or the metadata key."""
        return self.by.partition(".")[2] or self.by

    def filters(self) -> dict[str, dict[str, Any]]:
        """Return the filters of each group by its name."""
        kind, _, key = self.by.partition(".")
        argument = {"agent": "agent_ids", "voice": "voice_id", "metadata": "metadata"}[kind]
        return groups_by(self.values, "--groups", argument, key)

    def fetch(self, client: Client, query: UsageQuery, progress: Progress | None) -> CallUsage:
        """Fetch the calls of each group, and the rest if there is any."""
        filters = {name: getattr(query, name) for name in query.as_dict()}
        how: dict[str, Any] = {"include_rest": True, "progress": progress, **filters}
        kind, _, key = self.by.partition(".")
        if kind == "metadata":
            return drop_empty_rest(client.by_metadata(key, self.values, **how))
        fetch = client.by_agent if kind == "agent" else client.by_voice
        return drop_empty_rest(fetch(self.values, **how))


def groups_of(options: argparse.Namespace) -> Groups | None:
    """Return the groups that were named, or None.

    Raises
    ------
    QueryError
        There are groups without a kind, the kind is unknown or has no groups, or the file is not a
        CSV file with these columns.
    """
    if options.by is None:
        if options.group or options.groups:
            raise QueryError(f"--by: expected {_KINDS} with --group and --groups, got none")
        return None
    kind, _, key = options.by.partition(".")
    if (kind, bool(key)) not in (("agent", False), ("voice", False), ("metadata", True)):
        raise QueryError(f"--by: expected {_KINDS}, got {options.by!r}")
    pairs = [*options.group, *(pairs_in(options.groups, "--groups") if options.groups else [])]
    if not pairs and options.account == "sample":
        pairs = _sample_groups(options.by)
    if not pairs:
        raise QueryError(
            f"--by {options.by}: expected groups, got none. The endpoint does not list them: give "
            "--group NAME=VALUE for each, or --groups with a CSV file with the columns name, and "
            "id or value"
        )
    return Groups(options.by, _values_by_name(options.by, pairs))


def _values_by_name(by: str, pairs: Pairs) -> dict[str, Any]:
    """Return the values by name; agents with the same name form one group."""
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name not in values:
            values[name] = value
        elif by == "agent":
            earlier = values[name]
            values[name] = [*(earlier if isinstance(earlier, list) else [earlier]), value]
        else:
            raise QueryError(f"--by {by}: expected each name once, got {name!r} twice")
    return values


def _group(text: str) -> tuple[str, str]:
    name, _, value = text.rpartition("=")
    if not value or text.startswith("="):
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, got {text!r}")
    return name or value, value


def _sample_groups(by: str) -> Pairs:
    """Return the sample account's groups of a kind."""
    own: dict[str, Pairs] = {
        "agent": [*AGENTS.items()],
        "voice": [*VOICES.items()],
        **{f"metadata.{key}": [(text, text) for text in texts] for key, texts in METADATA.items()},
    }
    if by not in own:
        raise QueryError(f"--by: the sample account has {', '.join(own)}, got {by!r}")
    return own[by]
