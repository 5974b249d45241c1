"""The sample account: the same endpoint in this process, over simulated calls or your own log."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from usage_analysis.errors import QueryError, refusal
from usage_analysis.fetch.key import SAMPLE_KEY as KEY
from usage_analysis.sample.account import (
    AGENTS,
    CAMPAIGN,
    CHANNELS,
    METADATA,
    NAMES,
    TENANTS,
    TODAY,
    VOICES,
    ZONE,
)
from usage_analysis.sample.identifiers import identifier

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


def sample_client(*, seed: int = 0, today: date | str | None = None) -> Client:
    """Return a client of the sample account, without a key or a network.

    All filters work.

    Parameters
    ----------
    seed
        Seed of the simulation. The same seed always gives the same replies, byte for byte.
    today
        Today of the account, a date or ISO text; 2026-04-01 by default. Its clock stands still in
        the afternoon of that day. There are calls of today and of the 365 days before.

    Raises
    ------
    QueryError
        The seed is not an integer from 0 up, or the day is not from 1972 to 2200.

    Examples
    --------
    >>> usage = sample_client().call_usage(agent_ids=[AGENTS["Support line"]])
    >>> usage.source
    'sample'
    """
    from usage_analysis.fetch.client import Client
    from usage_analysis.sample.endpoint import SampleTransport, sample_endpoint

    endpoint = sample_endpoint(seed=seed, today=today)
    given = [f"seed={seed!r}"] if seed else []
    given += [f'today="{today}"'] if today else []
    python = f"ua.sample_client({', '.join(given)})"
    transport = SampleTransport(endpoint, names=NAMES, python=python)
    return Client(api_key=KEY, transport=transport)


def from_calls(frame: pd.DataFrame, *, now: datetime | None = None) -> Client:
    """Return a client of your own call log, a DataFrame of calls.

    All filters work, without a network.

    Parameters
    ----------
    frame
        One row per call. Required columns:

        - `created`: datetime with a time zone, or ISO 8601 text with an offset;
        - `duration`: timedelta, seconds or the vendor's text; or `ended`, in the form of `created`.

        Optional columns:

        - `joined`: whether somebody joined, or when; an empty cell means nobody. Without the
          column, calls with talk count as joined.
        - `error`: true or false; an empty cell means false. Without the column, errors are not
          known: usage has no `error_count`, and helpers that need it say so.
        - `billed_minutes`: a multiple of 0.1. Without the column, usage has no `billed_minutes` and
          no cost.
        - `agent` and `voice`: names or UUIDs, see `identifier`.
        - `metadata`: dict; or one column `metadata.<key>` per key. Values are compared in the form
          that JSON gives them.
        - `summary`: text for the filter `search`.

        True and false may be 1 and 0. Other columns are left aside, with one warning that names
        them. If all calls are created at midnight of their own time zone, the log has dates only:
        usage then has one row per date, and `hourly`, `timezone` and times of day are refused.
        Without `from_date`, usage begins with the first call.
    now
        Time of the export, with a time zone; the hours just before are provisional. Without `now`,
        the log with its bills is complete to the end of the UTC day of the last call's end.

    Raises
    ------
    QueryError
        A column is missing or has an unreadable value, and the message starts with the column's
        name; or a call ends after `now`.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"created": [pd.Timestamp("2026-03-01 09:30", tz="UTC")],
    ...                     "duration": [61], "agent": ["Front desk"], "billed_minutes": [1.1]})
    >>> usage = from_calls(log).call_usage(agent_ids=[identifier("Front desk")])
    >>> usage.daily["billed_minutes"].sum().item()
    1.1
    """
    import numpy as np

    from usage_analysis.fetch.client import Client
    from usage_analysis.sample.endpoint import Endpoint, SampleTransport
    from usage_analysis.sample.log import read_log
    from usage_analysis.tidy.frames import LAG
    from usage_analysis.tidy.zones import DAY, microseconds

    calls, names, lacking = read_log(frame)
    if not len(calls) and now is None:
        raise QueryError("frame: expected calls, got none; pass now= for a log without calls")
    until = None
    if now is None:
        until = -(-int((calls.created + calls.duration).max()) // DAY) * DAY
        clock = until + LAG
    elif not isinstance(now, datetime) or now.tzinfo is None:
        raise QueryError(f"now: expected a datetime with a time zone, got {now!r}")
    else:
        clock = microseconds(now)
    if late := np.count_nonzero(calls.created + calls.duration > clock):
        raise refusal("early_now", now=now, late=late, all=len(calls))
    since = int(calls.created[0]) if len(calls) else None
    endpoint = Endpoint(
        lambda: calls, now=clock, until=until, since=since, source="file", lacking=lacking
    )
    return Client(api_key=KEY, transport=SampleTransport(endpoint, names=names))
