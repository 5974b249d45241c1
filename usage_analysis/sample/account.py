"""The sample account: its names, its time zone and its clock."""

from __future__ import annotations

import operator
from contextlib import suppress
from datetime import date

import numpy as np

from usage_analysis.errors import QueryError
from usage_analysis.fetch.account import AccountNames
from usage_analysis.query import local_day
from usage_analysis.sample.calls import SECOND, midnight

#: Default for today of the account, whose clock stands still.
TODAY = date(2026, 4, 1)
#: Time zone of the account's callers.
ZONE = "America/New_York"

#: IDs of the agents by name, for `agent_ids`.
AGENTS = {
    "Front desk": "c84bbcbd-d58c-4d5f-9e6f-0b1c3a7f52e1",
    "Support line": "1f0e9a52-7d1b-4c3e-8a0d-5b6f2c94d7a3",
    "Appointments": "6a2d4f18-93ce-4b7a-b1e5-2f80c6d3791b",
    "Order status": "e37c5b90-28a4-4f61-9d2c-7e4b1a06f8c5",
    "After hours": "94d1f7e6-5c0b-4a28-8f37-d6b2e91c403a",
    "Reminders": "2b85c0d3-e6f9-4172-a4cb-18f05d7e6392",
}
#: IDs of the voices by name, for `voice_id`.
VOICES = {
    "Mara": "d7a0b1c4-3f52-4e86-9b1d-c65e20f7a894",
    "Jonas": "58e3c6f2-a91d-4b07-8c4e-f1d7029b36a5",
    "Ines": "0c94f8d1-6be7-4235-b7a0-39d81e5f2c46",
}
#: The account's customers, largest first: the values of the metadata key `tenant`.
TENANTS = (
    "harbor-dental", "northside-clinic", "maple-realty", "cityline-gas", "bluebird-travel",
    "oakwood-vets", "summit-auto", "riverside-spa", "lantern-hotel", "pioneer-bank",
    "granite-law", "sunset-pharmacy", "willow-school", "crown-cinema", "delta-plumbing",
    "evergreen-gym", "falcon-couriers", "garden-bistro", "hilltop-storage", "iron-works",
    "juniper-yoga", "keystone-movers", "lakeside-marina", "meadow-florist", "nova-optics",
    "orchard-market", "prairie-solar", "quarry-climbing", "redwood-books", "stonegate-hoa",
    "tidal-surf", "union-printers", "valley-bakery", "westend-theater", "yellow-cabs",
    "zenith-towers",
)  # fmt: skip
#: Values of the metadata key `channel`.
CHANNELS = ("phone", "web", "app")
#: Value of the metadata key `campaign`, which only some calls of one week have.
CAMPAIGN = "autumn-offer"
#: Values of each metadata key.
METADATA = {"tenant": TENANTS, "channel": CHANNELS, "campaign": (CAMPAIGN,)}
#: All of these names, for people to choose from.
NAMES = AccountNames(AGENTS, VOICES, METADATA)
#: All summaries of calls, which `search` looks through.
SUMMARIES = (
    "Caller booked an appointment for next week.",
    "Caller moved an appointment to another day.",
    "Caller cancelled an appointment.",
    "Caller asked about opening hours.",
    "Caller asked for the price of a service.",
    "Caller asked where the order is; delivery is due tomorrow.",
    "Caller reported a damaged delivery and asked for a refund.",
    "Caller asked for a refund of the last invoice.",
    "Caller could not sign in; a password reset was sent.",
    "Caller reported an outage and was given a ticket number.",
    "Caller asked to speak to a person and was transferred.",
    "Caller left a message for a call back in the morning.",
    "Caller confirmed the appointment.",
    "Voicemail: the reminder was left as a message.",
    "Caller changed the address on the account.",
    "Caller asked about the autumn offer.",
)

# The account's clock: hours and minutes after midnight UTC of today [min].
_NOW = 14 * 60 + 37


def account_clock(today: date = TODAY) -> int:
    """Return the account's time, in the middle of today [us since 1970]."""
    return midnight(today) + _NOW * 60 * SECOND + 21 * SECOND


def check_account(seed: int, today: date | str | None) -> tuple[int, date]:
    """Return the seed as a plain integer and today as a date, 2026-04-01 by default.

    Raises
    ------
    QueryError
        The seed is not an integer from 0 up, or the day is not from 1972 to 2200.
    """
    day = TODAY if today is None else local_day("today", today)
    if not 1972 <= day.year <= 2200:
        raise QueryError(f"today: expected a day from 1972 to 2200, got {day}")
    number = -1
    if not isinstance(seed, bool | np.bool_):
        with suppress(TypeError):
            number = operator.index(seed)
    if number < 0:
        raise QueryError(f"seed: expected an integer from 0 up, got {seed!r}")
    return number, day
