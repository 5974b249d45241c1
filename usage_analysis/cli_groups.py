"""Groups as the command line names them: one by one, in a file, or the sample account's own."""

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
    from usage_analysis.fetch.client import Client
    from usage_analysis.query import UsageQuery
    from usage_analysis.tidy.usage import CallUsage

_KINDS = "agent, voice or metadata.KEY"


def add_groups(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """The options that name groups, added to a command."""
    groups = parser.add_argument_group("groups", "the calls by agent, voice or metadata as well")
    groups.add_argument("--by", metavar="WHAT", help=f"{_KINDS}; the sample account has its own")
    groups.add_argument(
        "--group",
        action="append",
        type=_group,
        default=[],
        metavar="NAME=VALUE",
        help="one group: its name and UUID, or metadata value; may repeat, agents of one name add",
    )
    groups.add_argument(
        "--groups", type=Path, metavar="FILE", help="groups from a CSV of name, and id or value"
    )
    return groups


class Groups(NamedTuple):
    """What the calls are told apart by, and the value or values of each group by its name."""

    by: str
    values: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What a group is, in one word: the key of metadata."""
        return self.by.partition(".")[2] or self.by

    def filters(self) -> dict[str, dict[str, Any]]:
        """The filters of each group by its name."""
        kind, _, key = self.by.partition(".")
        argument = {"agent": "agent_ids", "voice": "voice_id", "metadata": "metadata"}[kind]
        return groups_by(self.values, "--groups", argument, key)

    def of(self, client: Client, query: UsageQuery, progress: Any) -> CallUsage:
        """The calls of each group, and those that the groups leave over."""
        filters = {name: getattr(query, name) for name in query.as_dict()}
        asked: dict[str, Any] = {"rest": True, "progress": progress, **filters}
        kind, _, key = self.by.partition(".")
        if kind == "metadata":
            return drop_empty_rest(client.by_metadata(key, self.values, **asked))
        ask = client.by_agent if kind == "agent" else client.by_voice
        return drop_empty_rest(ask(self.values, **asked))


def groups_of(options: argparse.Namespace) -> Groups | None:
    """The groups that a command line names, None where it names none.

    Raises
    ------
    QueryError
        Groups without a kind, an unknown kind or one without groups, or a file that is no such CSV.
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
        pairs = _of_the_sample(options.by)
    if not pairs:
        raise QueryError(
            f"--by {options.by}: expected groups, for the endpoint has no list of them; "
            "give --group NAME=VALUE for each, or --groups with a CSV of the columns name, and id "
            "or value"
        )
    return Groups(options.by, _by_name(options.by, pairs))


def _by_name(by: str, pairs: Pairs) -> dict[str, Any]:
    """Values by name; agents of one name are one group."""
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name not in values:
            values[name] = value
        elif by == "agent":
            earlier = values[name]
            values[name] = [*(earlier if isinstance(earlier, list) else [earlier]), value]
        else:
            raise QueryError(f"--by {by}: expected each name once, got {name!r} again")
    return values


def _group(text: str) -> tuple[str, str]:
    name, _, value = text.rpartition("=")
    if not value or text.startswith("="):
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, got {text!r}")
    return name or value, value


def _of_the_sample(by: str) -> Pairs:
    """The sample account's own groups of a kind."""
    own: dict[str, Pairs] = {
        "agent": [*AGENTS.items()],
        "voice": [*VOICES.items()],
        **{f"metadata.{key}": [(text, text) for text in texts] for key, texts in METADATA.items()},
    }
    if by not in own:
        raise QueryError(f"--by: the sample account has {', '.join(own)}, got {by!r}")
    return own[by]
