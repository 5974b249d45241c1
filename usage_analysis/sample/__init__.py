"""The sample account: the endpoint, in this process, over simulated calls."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from usage_analysis.errors import QueryError
from usage_analysis.fetch.key import SAMPLE_KEY as KEY
from usage_analysis.sample.identifiers import identifier
from usage_analysis.sample.simulation import (
    AGENTS,
    CAMPAIGN,
    CHANNELS,
    METADATA,
    TENANTS,
    TODAY,
    VOICES,
    ZONE,
)

if TYPE_CHECKING:
    import pandas as pd

    from usage_analysis.fetch.client import Client

__all__ = [
    "AGENTS",
    "CAMPAIGN",
    "CHANNELS",
    "KEY",
    "METADATA",
    "TENANTS",
    "TODAY",
    "VOICES",
    "ZONE",
    "from_calls",
    "identifier",
    "sample_client",
]


def sample_client(*, seed: int = 0, today: date | None = None) -> Client:
    """Client of the sample account: every filter works, no key, no network.

    Parameters
    ----------
    seed
        The same seed gives the same calls, byte for byte.
    today
        The day that the account's clock stands still on, partly gone; the 365 days before it are
        full of calls. 2026-04-01 unless given.

    Raises
    ------
    QueryError
        The seed is no integer from 0 up, or the day lies outside 1972 to 2200.

    Examples
    --------
    >>> usage = sample_client().call_usage(agent_ids=[AGENTS["Support line"]])
    >>> usage.source
    'sample'
    """
    from usage_analysis.fetch.client import Client
    from usage_analysis.sample.endpoint import SampleTransport, sample_endpoint

    endpoint = sample_endpoint(seed=seed, today=today)
    usual = {"seed": 0, "today": None}
    given = {"seed": seed, "today": today}.items()
    words = ", ".join(f"{name}={value!r}" for name, value in given if value != usual[name])
    transport = SampleTransport(endpoint, python=f"ua.sample_client({words})")
    return Client(api_key=KEY, transport=transport)


def from_calls(frame: pd.DataFrame, *, now: datetime | None = None) -> Client:
    """Client of your own call log: usage over a DataFrame of calls, with every filter, offline.

    Parameters
    ----------
    frame
        One row a call. `created`: datetime with a zone, or ISO text with an offset. `duration`:
        timedelta, seconds or the vendor's text; or `ended`: as `created`. If there, `joined`: true
        or false, or when (missing for nobody; without the column whoever talked had joined);
        `error`: true or false (missing for false); `billed_minutes`, to a tenth (without the
        column the talk of each call rounded up to 6 s, and nothing for calls in error); `agent`,
        `voice`: text, see `identifier`; `metadata`: dict, or a column `metadata.<key>` a key;
        `summary`: text to search. 1 and 0 are true and false too; metadata are compared as JSON
        writes them.
    now
        When the log was taken, with its zone: the hours before it may still change. Without it the
        log is complete, all bills in, to the end of the UTC day in which the last call ended.

    Raises
    ------
    QueryError
        A column is missing or holds what cannot be read; the message starts with its name. Or a
        call ends after `now`.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"created": [pd.Timestamp("2026-03-01 09:30", tz="UTC")],
    ...                     "duration": [61], "agent": ["Front desk"]})
    >>> usage = from_calls(log).call_usage(agent_ids=[identifier("Front desk")])
    >>> usage.daily["billed_minutes"].sum().item()
    1.1
    """
    import numpy as np

    from usage_analysis.fetch.client import Client
    from usage_analysis.sample.calls import DAY, micros
    from usage_analysis.sample.endpoint import Endpoint, SampleTransport
    from usage_analysis.sample.log import from_frame
    from usage_analysis.tidy.frames import LAG

    calls, listed = from_frame(frame)
    if not len(calls) and now is None:
        raise QueryError("frame: expected calls, got none; or say now=")
    until = None
    if now is None:
        until = -(-int((calls.created + calls.duration).max()) // DAY) * DAY
        clock = until + LAG
    elif not isinstance(now, datetime) or now.tzinfo is None:
        raise QueryError(f"now: expected a datetime with a time zone, got {now!r}")
    else:
        clock = micros(now)
    if late := np.count_nonzero(calls.created + calls.duration > clock):
        raise QueryError(f"now: expected no call to end after it, got {now} and {late} that do")
    endpoint = Endpoint(lambda: calls, now=clock, until=until, source="file")
    return Client(api_key=KEY, transport=SampleTransport(endpoint, names=listed))
