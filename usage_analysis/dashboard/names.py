"""Names of agents, voices and metadata values, which the endpoint does not list."""

import os
from collections.abc import Iterable, Mapping

from usage_analysis.errors import QueryError
from usage_analysis.fetch.base import AccountNames, BaseClient
from usage_analysis.fetch.breakdown import KEYED, Pairs, read_pairs
from usage_analysis.query import UsageQuery
from usage_analysis.sample.account import NAMES as SAMPLE_NAMES
from usage_analysis.tidy.frames import check_kind

#: IDs by name, or the CSV file that holds them.
Given = Mapping[str, str] | str | os.PathLike[str]
#: Values by metadata key, or the CSV file that holds them.
GivenValues = Mapping[str, Iterable[str]] | str | os.PathLike[str]


def names_of(
    client: BaseClient, agents: Given | None, voices: Given | None, metadata: GivenValues | None
) -> AccountNames:
    """Return the given names, or the names of the client or of the sample account.

    Raises
    ------
    QueryError
        An ID is no UUID, a name is empty, or a file lacks a column or names one twice.
    """
    check_kind("client", client, BaseClient)
    # Over HTTP too, the names of the sample account are known.
    sample = SAMPLE_NAMES if client.source == "sample" else AccountNames({}, {}, {})
    listed = client.names or sample
    return AccountNames(
        agents=_ids("agents", listed.agents if agents is None else agents),
        voices=_ids("voices", listed.voices if voices is None else voices),
        metadata=_values(listed.metadata if metadata is None else metadata),
    )


def _ids(argument: str, given: Given) -> dict[str, str]:
    if isinstance(given, str | os.PathLike):
        given = _once(argument, read_pairs(given, argument))
    out = {}
    for name, value in given.items():
        if not isinstance(name, str) or not name.strip():
            raise QueryError(f"{argument}: expected names as text, got {name!r}")
        try:
            out[name] = (UsageQuery(agent_ids=[value]).agent_ids or ())[0]  # type: ignore[index]
        except QueryError:
            raise QueryError(f"{argument}[{name!r}]: expected a UUID, got {value!r}") from None
    return out


def _once(argument: str, pairs: Pairs) -> dict[str, str]:
    out: dict[str, str] = {}
    for name, value in pairs:
        if name in out:
            raise QueryError(f"{argument}: expected each name once, got {name!r} again")
        out[name] = value
    return out


def _values(given: GivenValues) -> dict[str, list[str]]:
    if isinstance(given, str | os.PathLike):
        rows = read_pairs(given, "metadata", KEYED)
        given = {key: [value for name, value in rows if name == key] for key, _ in rows}
    out = {key: list(dict.fromkeys(values)) for key, values in given.items()}
    for key, values in out.items():
        for value in values:
            UsageQuery(metadata={key: value})
    return {key: values for key, values in out.items() if values}
