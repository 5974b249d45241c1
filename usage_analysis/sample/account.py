"""The sample account: its names, its time zone and its clock."""

import tomllib
from datetime import date
from pathlib import Path

import numpy as np

from usage_analysis.errors import QueryError
from usage_analysis.fetch.base import AccountNames
from usage_analysis.fetch.key import SAMPLE_KEY
from usage_analysis.query import local_day
from usage_analysis.sample.reply import SECOND, midnight

#: Key of the account, which opens nothing else.
KEY = SAMPLE_KEY
#: Default for today of the account, whose clock stands still.
TODAY = date(2026, 4, 1)
#: Time zone of the account's callers.
ZONE = "America/New_York"

_NAMES = tomllib.loads(Path(__file__).with_name("account.toml").read_text(encoding="utf-8"))
#: IDs of the agents by name, for `agent_ids`.
AGENTS: dict[str, str] = _NAMES["agents"]
#: IDs of the voices by name, for `voice_id`.
VOICES: dict[str, str] = _NAMES["voices"]
#: The account's customers, largest first: the values of the metadata key `tenant`.
TENANTS: tuple[str, ...] = tuple(_NAMES["tenants"])
#: Values of the metadata key `channel`.
CHANNELS = ("phone", "web", "app")
#: Value of the metadata key `campaign`, which only some calls of one week have.
CAMPAIGN = "autumn-offer"
#: Values of each metadata key.
METADATA = {"tenant": TENANTS, "channel": CHANNELS, "campaign": (CAMPAIGN,)}
#: All of these names, for people to choose from.
NAMES = AccountNames(AGENTS, VOICES, METADATA)
#: All summaries of calls, which `search` looks through.
SUMMARIES: tuple[str, ...] = tuple(_NAMES["summaries"])

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
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise QueryError(f"seed: expected an integer from 0 up, got {seed!r}")
    return int(seed), day
