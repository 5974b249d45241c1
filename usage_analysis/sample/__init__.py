"""The sample account: the endpoint, in this process, over simulated calls."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from usage_analysis.sample.simulation import (
    AGENTS,
    CAMPAIGN,
    CHANNELS,
    TENANTS,
    TODAY,
    VOICES,
    ZONE,
    check,
    now,
    simulate,
)

if TYPE_CHECKING:
    from usage_analysis.fetch.client import Client  # type: ignore[import-not-found,unused-ignore]

__all__ = [
    "AGENTS",
    "CAMPAIGN",
    "CHANNELS",
    "TENANTS",
    "TODAY",
    "VOICES",
    "ZONE",
    "sample_client",
]


def sample_client(*, seed: int = 0, today: date | None = None) -> Client:
    """Client of the sample account: every filter works, no key, no network.

    Parameters
    ----------
    seed
        The same seed gives the same calls, byte for byte.
    today
        The day the account's clock stands still on, partly gone; the year before it is full of
        calls. 2026-04-01 unless given.

    Raises
    ------
    QueryError
        The seed is no integer from 0 up, or the day lies outside 1972 to 2200.
    """
    from usage_analysis.fetch.client import Client
    from usage_analysis.sample.endpoint import KEY, Endpoint, SampleTransport

    day = TODAY if today is None else today
    check(seed, day)
    endpoint = Endpoint(lambda: simulate(seed, day), now=now(day))
    return Client(api_key=KEY, transport=SampleTransport(endpoint))
