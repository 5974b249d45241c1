"""Simulate a year of plausible calls, byte for byte the same for the same seed.

All decisions are made with raw integers of PCG64 and integer tables, because NumPy's distributions
may change between versions, and logarithms between C libraries.
"""

import tomllib
from calendar import monthcalendar
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from usage_analysis.sample import account
from usage_analysis.sample.account import ZONE
from usage_analysis.sample.reply import SECOND, Calls, Labels, billed_tenths, midnight
from usage_analysis.tidy.zones import DAY, HOUR, clock_of


class RandomBits:
    """Raw 64-bit integers of PCG64.

    NumPy promises never to change this stream; its distributions may change between versions.

    Parameters
    ----------
    seed
        Seed of the generator.
    """

    def __init__(self, seed: int) -> None:
        self._source = np.random.PCG64(seed)

    def draw(self, count: int) -> NDArray[np.uint64]:
        """Draw integers of 64 random bits."""
        return np.asarray(self._source.random_raw(count), dtype=np.uint64)

    def draw_from(self, table: Sequence[int], count: int) -> NDArray[np.int64]:
        """Draw entries of a table of 16, each with the same probability."""
        return np.array(table, dtype=np.int64)[(self.draw(count) >> 60).astype(np.intp)]


#: Habits of the simulated calls; the file explains them.
HABITS: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("habits.toml").read_text(encoding="utf-8")
)


def by_agent(habit: str) -> NDArray[np.int64]:
    """Return a habit of each agent, in the order of `AGENTS`."""
    return np.array([agent[habit] for agent in HABITS["agents"]])


def call_intensity(bits: RandomBits, hours: NDArray[np.int64], today: date) -> NDArray[np.int64]:
    """Return the expected calls per UTC hour and agent, in an arbitrary unit.

    The shape is (hours, agents).
    """
    local = clock_of(hours * HOUR, ZoneInfo(ZONE)) // HOUR
    day, hour = local // 24, local % 24
    weekday = (day + 3) % 7
    profile = np.where(
        (weekday >= 5)[:, None], by_agent("weekend").T[hour], by_agent("weekday").T[hour]
    )
    days = np.arange(day[0], day[-1] + 1)
    low, high = HABITS["growth"]
    level = low + (high - low) * (days - days[0]) // 365
    level *= _special_days(days, today)
    level = level[day - day[0]] * np.array(HABITS["weekdays"])[weekday]
    since = local - day[0] * 24
    for levels in HABITS["levels"]["calls"]:
        place = since // levels["hours"]
        level *= bits.draw_from(levels["table"], int(place[-1]) + 1)[place]
    return np.asarray(profile * level[:, None])


def _special_days(days: NDArray[np.int64], today: date) -> NDArray[np.int64]:
    """Return the calls of each day in percent of an ordinary day's.

    Holidays have fewer calls, and the campaign week has more.
    """
    percent = np.full(len(days), 100)
    for year in range(today.year - 2, today.year + 1):
        for day, left in _holidays(year).items():
            percent[days == midnight(day) // DAY] = left
    start = campaign_week(today)
    percent[(days >= start) & (days < start + 7)] = 165
    return percent


def campaign_week(today: date) -> int:
    """Return the Monday on which the campaign week begins, in days since 1970."""
    day = midnight(today) // DAY - 170
    return day - (day + 3) % 7


def _holidays(year: int) -> dict[date, int]:
    """Return the holidays of a year in the United States, with the calls that remain [%]."""
    holidays = HABITS["holidays"]
    found = {date(year, month, day): left for month, day, left in holidays["fixed"]}
    for month, weekday, place, after, left in holidays["floating"]:
        weeks = monthcalendar(year, month)
        days = [week[weekday] for week in weeks if week[weekday]]  # 0 is a day of another month
        found[date(year, month, days[place]) + timedelta(after)] = left
    return found


# Calls of an average day.
_CALLS_PER_DAY = 850

# A very long call, relative to midnight UTC of today [min].
_STUCK = -17 * 1440 + 7 * 60
_STUCK_FOR = 24_071 * SECOND
# Delay between the end of a call and its bill.
_BILLING = 25 * 60 * SECOND
_LONGEST = 3_600 * SECOND

# 2 ** (0.325 / 16), in 40 bits. There are sixteen steps to one bit. The number of ones in 64 bits
# has a standard deviation of 4, so the logarithm of a duration has one of 0.325 * 4 * ln 2 = 0.9.
_STEP = 1_115_101_752_476


def simulate(seed: int = 0, today: date = account.TODAY) -> Calls:
    """Simulate the calls of the 365 days before today, and of today so far."""
    bits = RandomBits(seed)
    first = midnight(today) // HOUR - 365 * 24
    hours = np.arange(first, account.account_clock(today) // HOUR + 1)
    created, agent = _draw_arrivals(bits, hours, call_intensity(bits, hours, today))
    created = created[: np.searchsorted(created, account.account_clock(today), side="right")]
    return _draw_calls(bits, created, agent[: len(created)], today)


def _draw_arrivals(
    bits: RandomBits, hours: NDArray[np.int64], weights: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw the creation times and agents of a Poisson process with this intensity."""
    # Given their number, the calls of a Poisson process are independent, each with the intensity
    # as its density. The number itself: ones in 4m fair bits, less m, have mean and variance m.
    mean = _CALLS_PER_DAY * len(hours) // 24 // 16 * 16
    count = int(np.bitwise_count(bits.draw(mean // 16)).sum()) - mean
    ends = np.cumsum(weights.ravel())
    places = np.sort((bits.draw(count) % np.uint64(ends[-1])).astype(np.int64))
    calls = np.diff(np.searchsorted(places, ends), prepend=0)
    cell = np.repeat(np.arange(len(ends)), calls)
    agents = weights.shape[1]
    offset = ((bits.draw(count) >> 32) * np.uint64(HOUR) >> 32).astype(np.int64)
    keys = np.sort((hours[cell // agents] * HOUR + offset) * agents + cell % agents)
    return keys // agents, keys % agents


def _draw_calls(
    bits: RandomBits, created: NDArray[np.int64], agent: NDArray[np.int64], today: date
) -> Calls:
    word = bits.draw(len(created))

    def draw(start: int, width: int) -> NDArray[np.int64]:
        return (word >> np.uint64(start) & np.uint64((1 << width) - 1)).astype(np.int64)

    failing = _probabilities(bits, "errors", created, agent)
    error = draw(48, 16) < _add_incidents(failing, created, agent, today)
    joined = draw(32, 16) >= _probabilities(bits, "unjoined", created, agent)
    duration = np.where(joined, _draw_durations(bits, by_agent("talk")[agent]), 0)
    duration[error] //= 3
    stuck = np.searchsorted(created, midnight(today) + _STUCK * 60 * SECOND)
    duration[stuck], joined[stuck], error[stuck] = _STUCK_FOR, True, False
    clock = account.account_clock(today)
    over = created + duration
    duration[over > clock] = 0
    unbilled = error | (over > clock - _BILLING)
    summary = _look_up_by_agent("summaries", agent, draw(0, 4))
    summary[~joined | error] = -1
    codes = {
        "tenant": _tenant_table()[draw(8, 12)],
        "channel": _look_up_by_agent("channels", agent, draw(20, 4)),
        "campaign": _campaign_codes(created, draw(24, 8), today),
    }
    return Calls(
        created=created,
        duration=duration,
        billed=billed_tenths(duration, unbilled),
        joined=joined,
        error=error,
        agent=Labels(agent.astype(np.int16), tuple(account.AGENTS.values())),
        voice=Labels(
            _look_up_by_agent("voices", agent, draw(4, 4)), tuple(account.VOICES.values())
        ),
        summary=Labels(summary, account.SUMMARIES),
        metadata={key: Labels(codes[key], values) for key, values in account.METADATA.items()},
    )


def _look_up_by_agent(
    habit: str, agent: NDArray[np.int64], draw: NDArray[np.int64]
) -> NDArray[np.int16]:
    return np.take(by_agent(habit).astype(np.int16), agent * 16 + draw)


def _tenant_table() -> NDArray[np.int16]:
    """Return 4096 tenants, each as often as its share of 1 / (rank + 2).

    The remainder goes to the largest.
    """
    shares = [720_720 // (rank + 2) for rank in range(len(account.TENANTS))]
    counts = [4096 * share // sum(shares) for share in shares]
    counts[0] += 4096 - sum(counts)
    return np.repeat(np.arange(len(account.TENANTS), dtype=np.int16), counts)


def _campaign_codes(
    created: NDArray[np.int64], draw: NDArray[np.int64], today: date
) -> NDArray[np.int16]:
    day = created // DAY - campaign_week(today)
    return np.where((day >= 0) & (day < 7) & (draw < 150), 0, -1).astype(np.int16)


def _probabilities(
    bits: RandomBits, event: str, created: NDArray[np.int64], agent: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the probability of an event for each call [1/65,536].

    The agent's probability is multiplied by random levels of the week, day and hour.
    """
    chance = by_agent(event)[agent]
    for levels in HABITS["levels"][event]:
        span = levels["hours"] * HOUR
        place = created // span - created[0] // span
        chance = chance * bits.draw_from(levels["table"], int(place[-1]) + 1)[place] >> 4
    return np.asarray(chance)


def _add_incidents(
    chance: NDArray[np.int64], created: NDArray[np.int64], agent: NDArray[np.int64], today: date
) -> NDArray[np.int64]:
    for incident in HABITS["incidents"]:
        minutes = incident["day"] * 1440 + np.array(incident["minutes"])
        inside = slice(*np.searchsorted(created, midnight(today) + minutes * 60 * SECOND))
        affected = agent[inside] == incident["agent"] if "agent" in incident else True
        chance[inside] += np.where(affected, incident["more"], 0)
    return chance


def _draw_durations(bits: RandomBits, median: NDArray[np.int64]) -> NDArray[np.int64]:
    """Draw lognormal durations of at most 1 h [us].

    The number of ones in 64 random bits approximates a normal distribution.
    """
    place = np.bitwise_count(bits.draw(len(median))).astype(np.int64)
    fine = (bits.draw(len(median)) >> 32).astype(np.int64)
    place = place * 16 + (fine >> 28)
    fine &= (1 << 28) - 1
    table = _lognormal_table()
    low = table[place]
    base = low + ((table[place + 1] - low) * fine >> 28)
    talk: NDArray[np.int64] = base * (median * SECOND) >> 20
    return np.minimum(talk, _LONGEST, out=talk)


def _lognormal_table() -> NDArray[np.int64]:
    """Return durations relative to the median, by sixteenths of a bit [1/2**20]."""
    value = 1 << 60
    upper = [value := value * _STEP >> 40 for _ in range(521)]
    value = 1 << 60
    lower = [value := (value << 40) // _STEP for _ in range(520)]
    return np.array([v >> 40 for v in [*reversed(lower), 1 << 60, *upper]], dtype=np.int64)
