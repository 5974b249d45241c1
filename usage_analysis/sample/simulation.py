"""A year of believable calls of an account in New York, the same bytes for the same seed.

Only raw PCG64 integers and integer tables decide anything: NumPy's distributions may change
between versions, and a C library's logarithm between machines.
"""

from __future__ import annotations

import operator
from contextlib import suppress
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from usage_analysis.errors import QueryError
from usage_analysis.sample.calls import (
    DAY,
    HOUR,
    SECOND,
    Calls,
    Labels,
    billed_tenths,
    midnight,
)

TODAY = date(2026, 4, 1)
"""The day the sample account stands still on, unless told otherwise."""
ZONE = "America/New_York"
"""The account's local zone: its callers keep these hours."""

AGENTS = {
    "Front desk": "c84bbcbd-d58c-4d5f-9e6f-0b1c3a7f52e1",
    "Support line": "1f0e9a52-7d1b-4c3e-8a0d-5b6f2c94d7a3",
    "Appointments": "6a2d4f18-93ce-4b7a-b1e5-2f80c6d3791b",
    "Order status": "e37c5b90-28a4-4f61-9d2c-7e4b1a06f8c5",
    "After hours": "94d1f7e6-5c0b-4a28-8f37-d6b2e91c403a",
    "Reminders": "2b85c0d3-e6f9-4172-a4cb-18f05d7e6392",
}
"""The agents' names and their IDs, as `agentIds` takes them."""
VOICES = {
    "Mara": "d7a0b1c4-3f52-4e86-9b1d-c65e20f7a894",
    "Jonas": "58e3c6f2-a91d-4b07-8c4e-f1d7029b36a5",
    "Ines": "0c94f8d1-6be7-4235-b7a0-39d81e5f2c46",
}
"""The voices' names and their IDs, as `voiceId` takes them."""
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
"""The account's customers, the largest first: what `metadata.tenant` takes."""
CHANNELS = ("phone", "web", "app")
"""What `metadata.channel` takes."""
CAMPAIGN = "autumn-offer"
"""What `metadata.campaign` takes; only some calls of one week carry the key."""
METADATA = {"tenant": TENANTS, "channel": CHANNELS, "campaign": (CAMPAIGN,)}
"""Every key of the calls' metadata, with the values that it takes."""
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
"""Every short summary there is: what `search` looks through."""

# By agent, in the order of AGENTS: calls by local hour 0 to 23 on a weekday and at a weekend.
_WEEKDAY_HOURS = (
    (1, 0, 0, 0, 1, 2, 8, 26, 66, 91, 98, 92, 82, 84, 90, 88, 80, 66, 40, 22, 12, 7, 4, 2),
    (14, 10, 8, 7, 7, 9, 14, 22, 34, 44, 50, 52, 48, 48, 50, 50, 48, 46, 42, 40, 38, 34, 28, 20),
    (0, 0, 0, 0, 0, 1, 6, 30, 60, 62, 56, 48, 38, 42, 48, 46, 40, 30, 16, 6, 2, 1, 0, 0),
    (2, 1, 1, 0, 0, 1, 3, 6, 10, 14, 18, 20, 24, 22, 20, 22, 26, 32, 38, 40, 36, 28, 16, 7),
    (9, 7, 5, 4, 5, 8, 12, 10, 2, 0, 0, 0, 0, 0, 0, 0, 0, 4, 14, 20, 22, 20, 16, 12),
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 30, 34, 10, 4, 12, 24, 20, 8, 0, 0, 0, 0, 0, 0, 0),
)
_WEEKEND_HOURS = (
    (1, 0, 0, 0, 0, 1, 3, 8, 18, 27, 36, 29, 24, 20, 18, 14, 10, 8, 6, 4, 3, 2, 1, 1),
    (12, 9, 7, 6, 6, 7, 9, 12, 18, 24, 28, 30, 28, 28, 28, 28, 26, 26, 24, 24, 22, 20, 18, 14),
    (0, 0, 0, 0, 0, 0, 1, 4, 9, 10, 9, 8, 4, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    (3, 2, 1, 1, 0, 1, 2, 6, 14, 22, 28, 32, 34, 32, 30, 30, 30, 32, 34, 34, 30, 24, 16, 8),
    (8, 6, 5, 4, 4, 6, 8, 10, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 14, 16, 16, 14, 12, 10),
    (0,) * 24,
)
# Monday to Sunday [%].
_WEEKDAYS = (118, 108, 102, 98, 92, 100, 86)
# Calls of an average day [1], and growth from the first day of the year to the last [per mille].
_CALLS_A_DAY = 850
_GROWTH = (860, 1140)

# By agent: of 16 calls, which voice, which summary, which channel; unjoined calls and errors of
# 65,536; median talk [s].
_VOICES = (
    "0000000000001112", "1111111111110000", "0000000000002222",
    "2222222222221111", "1111111111111111", "0000222222222222",
)  # fmt: skip
_TOPICS = (
    (0, 0, 0, 1, 1, 2, 3, 3, 3, 4, 4, 10, 10, 11, 14, 15),
    (6, 7, 7, 8, 8, 8, 8, 9, 9, 9, 10, 10, 10, 14, 14, 4),
    (0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 12, 12, 10),
    (5, 5, 5, 5, 5, 5, 5, 5, 6, 6, 7, 7, 10, 14, 3, 15),
    (11, 11, 11, 11, 11, 11, 9, 9, 3, 3, 0, 1, 8, 10, 5, 11),
    (12, 12, 12, 12, 12, 12, 12, 1, 1, 2, 13, 13, 13, 13, 13, 13),
)
_CHANNELS = (
    "0000000000000011", "0000000011111222", "0000000000000122",
    "0000001111122222", "0000000000000001", "0000000000000000",
)  # fmt: skip
_UNJOINED = (6_400, 15_000, 9_400, 22_500, 20_500, 30_000)
_ERRORS = (1_100, 1_900, 1_300, 1_100, 2_200, 800)
_MEDIANS = (88, 132, 96, 64, 58, 31)
# Against the average, in sixteenths: the errors of a day; the calls that nobody joined of a week, a
# day and an hour; the calls of a quarter of a day and of an hour.
_ERROR_LEVELS = ((DAY, (9, 10, 11, 12, 13, 14, 14, 15, 15, 16, 16, 17, 18, 19, 22, 25)),)
_UNJOINED_LEVELS = (
    (7 * DAY, (8, 9, 10, 11, 12, 13, 14, 14, 15, 16, 17, 18, 20, 23, 26, 30)),
    (DAY, (7, 8, 9, 9, 10, 11, 11, 12, 13, 14, 15, 17, 20, 25, 32, 43)),
    (HOUR, (7, 8, 8, 9, 10, 10, 11, 12, 13, 14, 16, 18, 21, 26, 32, 41)),
)
_CALL_LEVELS = (
    (6, (11, 12, 12, 13, 13, 14, 15, 15, 16, 17, 17, 18, 19, 20, 21, 23)),
    (1, (14, 14, 15, 15, 15, 16, 16, 16, 16, 16, 16, 17, 17, 17, 18, 18)),
)

# Counted back from midnight UTC of today [min]: the account's clock, two incidents and a long call.
_NOW = 14 * 60 + 37
_INCIDENTS = (
    # from, to, errors added of 65,536, and the agent hit; None hits all of them.
    (-198 * 1440 + 17 * 60 + 20, -198 * 1440 + 20 * 60 + 5, 24_000, None),
    (-13 * 1440 + 13 * 60 + 30, -13 * 1440 + 18 * 60, 54_000, 1),
)
_STUCK = -17 * 1440 + 7 * 60
_STUCK_FOR = 24_071 * SECOND
# A call is billed once it has been over this long.
_BILLING = 25 * 60 * SECOND
_LONGEST = 3_600 * SECOND

# 2 ** (0.325 / 16), in 40 bits: sixteen steps to one bit of the 64 that are counted, whose standard
# deviation is 4 bits, so that the logarithm of a duration has one of 0.325 * 4 * ln 2 = 0.9.
_STEP = 1_115_101_752_476


class _Bits:
    """Raw 64-bit integers of PCG64, whose stream NumPy promises never to change."""

    def __init__(self, seed: int) -> None:
        self._source = np.random.PCG64(seed)

    def __call__(self, count: int) -> NDArray[np.uint64]:
        return np.asarray(self._source.random_raw(count), dtype=np.uint64)

    def picks(self, table: tuple[int, ...], count: int) -> NDArray[np.int64]:
        """Entries of a table of 16, drawn evenly."""
        return np.array(table, dtype=np.int64)[(self(count) >> 60).astype(np.intp)]


def now(today: date = TODAY) -> int:
    """The account's clock [us since 1970]: today is partly gone."""
    return midnight(today) + _NOW * 60 * SECOND + 21 * SECOND


def simulate(seed: int = 0, today: date = TODAY) -> Calls:
    """Calls of the 365 days before today and of today so far.

    Raises
    ------
    QueryError
        The seed is no integer from 0 up, or the day lies outside 1972 to 2200.
    """
    bits = _Bits(checked(seed, today))
    first = midnight(today) // HOUR - 365 * 24
    hours = np.arange(first, now(today) // HOUR + 1)
    created, agent = _arrivals(bits, hours, _intensity(bits, hours, today))
    created = created[: np.searchsorted(created, now(today), side="right")]
    return _describe(bits, created, agent[: len(created)], today)


def checked(seed: int, today: date) -> int:
    """The seed, or the error of `simulate`."""
    is_date = isinstance(today, date) and not isinstance(today, datetime)
    if not is_date or not 1972 <= today.year <= 2200:
        raise QueryError(f"today: expected a date from 1972 to 2200, got {today!r}")
    number = -1
    if not isinstance(seed, bool | np.bool_):
        with suppress(TypeError):
            number = operator.index(seed)
    if number < 0:
        raise QueryError(f"seed: expected an integer from 0 up, got {seed!r}")
    return number


def _intensity(bits: _Bits, hours: NDArray[np.int64], today: date) -> NDArray[np.int64]:
    """Expected calls by UTC hour and agent, shape (hours, agents), in one common unit."""
    local = _local_hours(hours)
    day, hour = local // 24, local % 24
    weekday = (day + 3) % 7
    profile = np.where(
        (weekday >= 5)[:, None], np.array(_WEEKEND_HOURS).T[hour], np.array(_WEEKDAY_HOURS).T[hour]
    )
    days = np.arange(day[0], day[-1] + 1)
    low, high = _GROWTH
    level = low + (high - low) * (days - days[0]) // 365
    level *= _special_days(days, today)
    level = level[day - day[0]] * np.array(_WEEKDAYS)[weekday]
    since = local - day[0] * 24
    for span, table in _CALL_LEVELS:
        place = since // span
        level *= bits.picks(table, int(place[-1]) + 1)[place]
    return np.asarray(profile * level[:, None])


def _local_hours(hours: NDArray[np.int64]) -> NDArray[np.int64]:
    import pandas as pd

    utc = pd.DatetimeIndex((hours * 3600).astype("M8[s]"), tz="UTC")
    local = utc.tz_convert(ZoneInfo(ZONE)).tz_localize(None)
    return local.to_numpy().astype("M8[h]").astype(np.int64)


def _special_days(days: NDArray[np.int64], today: date) -> NDArray[np.int64]:
    """Percent of a plain day's calls: holidays are quiet, the campaign week is not."""
    percent = np.full(len(days), 100)
    quiet: dict[date, int] = {}
    for year in range(today.year - 2, today.year + 1):
        quiet |= _holidays(year)
    for day, left in quiet.items():
        percent[days == midnight(day) // DAY] = left
    start = campaign_week(today)
    percent[(days >= start) & (days < start + 7)] = 165
    return percent


def campaign_week(today: date) -> int:
    """The Monday on which the campaign week begins, in days since 1970."""
    day = midnight(today) // DAY - 170
    return day - (day + 3) % 7


def _holidays(year: int) -> dict[date, int]:
    """A year's quiet days in the United States, with what is left of their calls [%]."""

    def nth(month: int, weekday: int, n: int) -> date:
        first = date(year, month, 1)
        return first + timedelta((weekday - first.weekday()) % 7 + 7 * (n - 1))

    last_of_may = date(year, 5, 31)
    thanksgiving = nth(11, 3, 4)
    return {
        date(year, 1, 1): 18,
        nth(1, 0, 3): 70,
        nth(2, 0, 3): 75,
        last_of_may - timedelta(last_of_may.weekday()): 25,
        date(year, 6, 19): 80,
        date(year, 7, 4): 22,
        nth(9, 0, 1): 25,
        thanksgiving: 15,
        thanksgiving + timedelta(1): 55,
        date(year, 12, 24): 45,
        date(year, 12, 25): 12,
        date(year, 12, 31): 60,
    }


def _arrivals(
    bits: _Bits, hours: NDArray[np.int64], weights: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """When each call was created and by which agent taken: a Poisson process of that intensity.

    Given their number, the calls of such a process lie independently, each with the intensity as
    its density. The number of ones in 4m fair bits less m has the mean and the variance m.
    """
    mean = _CALLS_A_DAY * len(hours) // 24 // 16 * 16
    count = int(np.bitwise_count(bits(mean // 16)).sum()) - mean
    ends = np.cumsum(weights.ravel())
    places = np.sort((bits(count) % np.uint64(ends[-1])).astype(np.int64))
    calls = np.diff(np.searchsorted(places, ends), prepend=0)
    cell = np.repeat(np.arange(len(ends)), calls)
    agents = weights.shape[1]
    offset = ((bits(count) >> 32) * np.uint64(HOUR) >> 32).astype(np.int64)
    keys = np.sort((hours[cell // agents] * HOUR + offset) * agents + cell % agents)
    return keys // agents, keys % agents


def _describe(
    bits: _Bits, created: NDArray[np.int64], agent: NDArray[np.int64], today: date
) -> Calls:
    word = bits(len(created))

    def draw(start: int, width: int) -> NDArray[np.int64]:
        return (word >> np.uint64(start) & np.uint64((1 << width) - 1)).astype(np.int64)

    failing = _chance(bits, _ERRORS, _ERROR_LEVELS, created, agent)
    error = draw(48, 16) < _with_incidents(failing, created, agent, today)
    joined = draw(32, 16) >= _chance(bits, _UNJOINED, _UNJOINED_LEVELS, created, agent)
    duration = np.where(joined, _talk(bits, np.array(_MEDIANS)[agent]), 0)
    duration[error] //= 3
    stuck = np.searchsorted(created, midnight(today) + _STUCK * 60 * SECOND)
    duration[stuck], joined[stuck], error[stuck] = _STUCK_FOR, True, False
    clock = now(today)
    over = created + duration
    duration[over > clock] = 0
    unbilled = error | (over > clock - _BILLING)
    summary = _by_agent(_TOPICS, agent, draw(0, 4))
    summary[~joined | error] = -1
    codes = {
        "tenant": _tenants()[draw(8, 12)],
        "channel": _by_agent(_CHANNELS, agent, draw(20, 4)),
        "campaign": _in_campaign(created, draw(24, 8), today),
    }
    return Calls(
        created=created,
        duration=duration,
        billed=billed_tenths(duration, unbilled),
        joined=joined,
        error=error,
        agent=Labels(agent.astype(np.int16), tuple(AGENTS.values())),
        voice=Labels(_by_agent(_VOICES, agent, draw(4, 4)), tuple(VOICES.values())),
        summary=Labels(summary, SUMMARIES),
        metadata={key: Labels(codes[key], values) for key, values in METADATA.items()},
    )


def _by_agent(
    table: tuple[str, ...] | tuple[tuple[int, ...], ...],
    agent: NDArray[np.int64],
    draw: NDArray[np.int64],
) -> NDArray[np.int16]:
    flat = np.array([int(code) for row in table for code in row], dtype=np.int16)
    return np.take(flat, agent * 16 + draw)


def _tenants() -> NDArray[np.int16]:
    """4096 entries, each tenant as often as its share: 1 / (rank + 2), the rest to the largest."""
    shares = [720_720 // (rank + 2) for rank in range(len(TENANTS))]
    counts = [4096 * share // sum(shares) for share in shares]
    counts[0] += 4096 - sum(counts)
    return np.repeat(np.arange(len(TENANTS), dtype=np.int16), counts)


def _in_campaign(
    created: NDArray[np.int64], draw: NDArray[np.int64], today: date
) -> NDArray[np.int16]:
    day = created // DAY - campaign_week(today)
    return np.where((day >= 0) & (day < 7) & (draw < 150), 0, -1).astype(np.int16)


def _chance(
    bits: _Bits,
    by_agent: tuple[int, ...],
    levels: tuple[tuple[int, tuple[int, ...]], ...],
    created: NDArray[np.int64],
    agent: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Chance by call, of 65,536: the agent's on the levels of the spans of time it lies in."""
    chance = np.array(by_agent)[agent]
    for span, table in levels:
        place = created // span - created[0] // span
        chance = chance * bits.picks(table, int(place[-1]) + 1)[place] >> 4
    return np.asarray(chance)


def _with_incidents(
    chance: NDArray[np.int64], created: NDArray[np.int64], agent: NDArray[np.int64], today: date
) -> NDArray[np.int64]:
    for start, end, more, hit in _INCIDENTS:
        span = midnight(today) + np.array([start, end]) * (60 * SECOND)
        inside = slice(*np.searchsorted(created, span))
        chance[inside] += more if hit is None else np.where(agent[inside] == hit, more, 0)
    return chance


def _talk(bits: _Bits, median: NDArray[np.int64]) -> NDArray[np.int64]:
    """Lognormal durations [us], none over an hour: the ones in 64 bits stand for the normal."""
    place = np.bitwise_count(bits(len(median))).astype(np.int64)
    fine = (bits(len(median)) >> 32).astype(np.int64)
    place = place * 16 + (fine >> 28)
    fine &= (1 << 28) - 1
    table = _lognormal()
    low = table[place]
    base = low + ((table[place + 1] - low) * fine >> 28)
    talk: NDArray[np.int64] = base * (median * SECOND) >> 20
    return np.minimum(talk, _LONGEST, out=talk)


def _lognormal() -> NDArray[np.int64]:
    """Durations by sixteenth of a bit over their median, in 20 bits."""
    value = 1 << 60
    upper = [value := value * _STEP >> 40 for _ in range(521)]
    value = 1 << 60
    lower = [value := (value << 40) // _STEP for _ in range(520)]
    return np.array([v >> 40 for v in [*reversed(lower), 1 << 60, *upper]], dtype=np.int64)
