"""Servers that end with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.fetch.faults import Act, FaultServer
from usage_analysis.fetch import fetcher


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    """The rate limit of a test's key begins anew, though pytest keeps clients in tracebacks."""
    fetcher._LIMITERS.clear()


@pytest.fixture
def fault_server() -> Iterator[Callable[..., FaultServer]]:
    """Starts servers of scripts."""
    servers: list[FaultServer] = []

    def start(*script: Act, **settings: Any) -> FaultServer:
        servers.append(FaultServer(*script, **settings))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
