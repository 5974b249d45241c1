"""The sample account behind a plain httpx client."""

import httpx
import pytest

from usage_analysis.sample import KEY
from usage_analysis.sample.endpoint import PATH, sample_endpoint
from usage_analysis.sample.simulation import simulate


@pytest.fixture(scope="session")
def year():
    """The sample account's calls."""
    return simulate()


@pytest.fixture
def plain():
    """Makes a plain httpx client of an endpoint, with its key."""
    opened = []

    def client(endpoint):
        opened.append(
            httpx.Client(
                transport=endpoint, base_url="https://api.ultravox.ai", headers={"X-API-Key": KEY}
            )
        )
        return opened[-1]

    yield client
    for each in opened:
        each.close()


@pytest.fixture(scope="session")
def ask():
    """Answers of the sample account to parameters, as a list of pairs or as names."""
    endpoint = sample_endpoint()
    with httpx.Client(
        transport=endpoint, base_url="https://api.ultravox.ai", headers={"X-API-Key": KEY}
    ) as client:
        yield lambda pairs=(), **named: client.get(PATH, params=[*pairs, *named.items()])
