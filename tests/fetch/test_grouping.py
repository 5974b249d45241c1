"""Groupings: kinds, group columns, CSV files of names, and refused arguments."""

from __future__ import annotations

from typing import Any

import pytest

from usage_analysis.errors import QueryError
from usage_analysis.fetch.breakdown import Grouping

A, B = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"


@pytest.mark.parametrize(
    ("by", "column", "filters"),
    [
        ("agent", "agent", {"agent_ids": A}),
        ("voice", "voice", {"voice_id": A}),
        ("metadata.tenant", "tenant", {"metadata": {"tenant": A}}),
        ("metadata.a.b", "a.b", {"metadata": {"a.b": A}}),
        ("metadata.duration", "metadata.duration", {"metadata": {"duration": A}}),
    ],
)
def test_column_and_filters(by: str, column: str, filters: dict[str, Any]) -> None:
    """The group column has the key's name, but for a key that is a column of a frame already."""
    grouping = Grouping(by, {"x": A})
    assert (grouping.column, grouping.filters()) == (column, {"x": filters})


@pytest.mark.parametrize("by", ["", "agents", "agent.x", "voice.", "metadata", "metadata."])
def test_unknown_kind(by: str) -> None:
    """Calls are grouped by agent, by voice or by a metadata key, and by nothing else."""
    with pytest.raises(QueryError, match=r"^by: expected agent, voice or metadata\.KEY, got"):
        Grouping(by, {})


def test_agents_of_one_name_form_one_group() -> None:
    """Of pairs with one name agents are added up; other kinds are refused."""
    pairs = [("desk", A), ("night", "n"), ("desk", B)]
    assert Grouping.of_pairs("agent", pairs, "--by").values == {"desk": [A, B], "night": "n"}
    with pytest.raises(QueryError, match=r"^--by: expected each name once, got 'desk' twice"):
        Grouping.of_pairs("voice", pairs, "--by")
