import httpx
import pytest

from usage_analysis.sample import AGENTS
from usage_analysis.sample.endpoint import KEY, PATH, Endpoint, SampleTransport
from usage_analysis.sample.simulation import now, simulate
from usage_analysis.tidy.wire import decode


@pytest.fixture(scope="module")
def client():
    transport = SampleTransport(Endpoint(simulate, now=now()))
    with httpx.Client(
        transport=transport, base_url="https://api.ultravox.ai", headers={"X-API-Key": KEY}
    ) as client:
        yield client


def test_agents_are_all_calls(client):
    """The agents' counts add up to those of a request without a filter."""
    whole = decode(client.get(PATH).content).all_time["total_count"]
    parts = [
        decode(client.get(PATH, params={"agentIds": agent}).content).daily.columns["total_count"]
        for agent in AGENTS.values()
    ]
    assert sum(int(part.sum()) for part in parts) == whole
