"""Troubles of accounts of several kinds, each at least 1.5 times as large as can be detected."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

import usage_analysis as ua
from tests.analysis.agents import account, levels, plant

ZONE = "America/New_York"
HOURS = (1, 2, 3, 6, 12, 24, 48, 72, 120, 168)
#: What is planted, the measure and kind of its event, and its sizes: factors of what is usual.
KINDS = {
    "silence": ("calls", "total_count", "silence", (0.0,)),
    "drop": ("calls", "total_count", "drop", (0.25, 0.5)),
    "spike": ("more", "total_count", "spike", (2.0, 3.0)),
    "longer": ("longer", "average_call_duration", "spike", (2.0, 3.0)),
    "errors": ("errors", "error_rate", "spike", (5.0, 10.0, 20.0)),
    "joined": ("joined", "join_rate", "drop", (0.25, 0.5)),
}
#: Least score of an event that can be detected: 18 expected calls that do not come.
SCORE = 18.0
#: The sample account's own incidents, with a day on each side.
INCIDENTS = (("2025-09-14", 3), ("2025-10-12", 9), ("2026-03-14", 7))


@dataclass(frozen=True)
class Business:
    """An account's hours, and how levels vary: each holds for some hours, with a variance."""

    name: str
    hourly: pd.DataFrame
    holidays: list[Any]
    varies: dict[str, tuple[tuple[float, float], ...]]
    #: Mean square of a call's length, relative to the square of the mean.
    square: float = 1.0

    def spread(self, measure: str, hours: int) -> float:
        """Return the relative variance of a window's level."""
        return sum(part * min(1.0, held / hours) for held, part in self.varies[measure])


class Trouble(NamedTuple):
    """What is planted; the size is a factor of what is usual."""

    kind: str
    group: str | None
    start: pd.Timestamp
    hours: int
    size: float


@cache
def _sample(seed: int) -> tuple[pd.DataFrame, dict[str, Any]]:
    reply = ua.sample_client(seed=seed).by_agent(
        ua.sample.AGENTS, from_date="2025-04-02", to_date="2026-03-31", timezone=ZONE
    )
    habits: Any = {
        "total_count": ((6, 0.045), (1, 0.007)),
        "error_rate": ((24, 0.067),),
        "join_rate": ((168, 0.14), (24, 0.35), (1, 0.41)),
        "average_call_duration": (),
    }
    return ua.between_days(ua.in_timezone(reply.hourly, ZONE), "2025-04-02", "2026-03-31"), habits


#: Days on which fewer people call the sample account.
OFF = [
    *("2025-05-26", "2025-06-19", "2025-07-04", "2025-09-01", "2025-11-27", "2025-11-28"),
    *("2025-12-24", "2025-12-25", "2025-12-31", "2026-01-01", "2026-01-19", "2026-02-16"),
]


def sample(rng: np.random.Generator) -> Business:
    """Return one to three months of the sample account."""
    hourly, habits = _sample(int(rng.integers(2)))
    days = int(rng.choice([31, 45, 62, 90]))
    first = pd.Timestamp("2025-04-02") + pd.Timedelta(days=int(rng.integers(364 - days)))
    part = ua.between_days(hourly, first.date(), (first + pd.Timedelta(days=days - 1)).date())
    return Business(f"sample of {days} days from {first.date()}", part, OFF, habits, 2.25)


def agents(rng: np.random.Generator) -> Business:
    """Return a simulated account of six agents, with growth, a holiday and clock changes."""
    spread, lengths, errors = rng.uniform(0.05, 0.12), rng.uniform(0.8, 1.4), rng.uniform(0.2, 0.5)
    days = int(rng.choice([31, 45, 62, 90]))
    start = pd.Timestamp("2025-09-01") + pd.Timedelta(days=int(rng.integers(210)))
    off = (start + pd.Timedelta(days=int(rng.integers(days)))).date()
    hourly = account(
        rng, days=days, per_day=float(rng.choice([400, 1000, 3000])), spread=spread, errors=errors,
        lengths=lengths, start=str(start.date()), holidays=[off], zone=ZONE,
        growth=float(rng.uniform(-0.05, 0.1)),
    )  # fmt: skip
    day = np.expm1(errors**2)
    varies: Any = {
        "total_count": ((72, spread**2), (168, spread**2 / 4), (6, spread**2), (1, 0.0025)),
        "error_rate": ((24, day),),
        "join_rate": ((24, day),),
        "average_call_duration": (),
    }
    return Business(f"agents over {days} days", hourly, [off], varies, 1 + lengths**2)


def bank(rng: np.random.Generator) -> Business:
    """Return a bank of one series: thousands of calls on workdays from 7 to 22 o'clock."""
    days = int(rng.choice([45, 62, 90]))
    index = pd.date_range("2025-09-01", periods=24 * days, freq="h", tz=ZONE, name="time")
    day = np.arange(len(index)) // 24
    open_hours = np.array([10, 19, 32, 34, 33, 31, 30, 29, 28, 24, 18, 14, 11, 9, 1])
    usual = np.zeros(24)
    usual[7:22] = 100 * open_hours
    week = np.array([1.12, 1.0, 0.95, 0.95, 0.98, 0.0, 0.0])
    lingering = np.zeros(days)
    for at, step in enumerate(rng.normal(size=days)):
        lingering[at] = 0.6 * lingering[at - 1] + 0.8 * step
    level = np.exp(0.06 * lingering)[day] * levels(rng, 0.03, len(index))
    # Customers call after the first of a month.
    level = level * np.where(index.day <= 5, 1.08, 1.0)
    off = (index[0] + pd.Timedelta(days=int(rng.integers(days)))).date()
    level = level * np.where(index.date == off, 0.3, 1.0)
    calls = rng.poisson(usual[index.hour] * week[index.day_of_week] * level)
    joined = rng.binomial(calls, np.minimum(0.8 * levels(rng, 0.05, days)[day], 1.0))
    talk = 180 * rng.gamma(np.maximum(joined, 1e-9) / 1.5) * 1.5
    columns = {
        "total_count": calls,
        "error_count": rng.binomial(calls, 0.01 * levels(rng, 0.3, days)[day]),
        "joined_count": joined,
        "duration": pd.to_timedelta((1e6 * talk).astype(np.int64), unit="us"),
        "billed_minutes": talk / 60,
        "provisional": False,
    }
    varies: Any = {
        "total_count": ((72, 0.0036), (120, 0.001), (1, 0.0009)),
        "error_rate": ((24, 0.09),),
        "join_rate": ((24, 0.04),),
        "average_call_duration": (),
    }
    return Business(f"bank over {days} days", pd.DataFrame(columns, index), [off], varies, 2.5)


BUSINESSES = {"sample": sample, "agents": agents, "bank": bank}


def _score(events: float, size: float, spread: float) -> float:
    """Return minus the logarithm of how often chance makes so many of the expected events."""
    shape = 1 / max(spread, 1e-6)
    share = shape / (shape + events)
    if size > 1:
        return float(-stats.nbinom.logsf(round(size * events) - 1, shape, share))
    return float(-stats.nbinom.logcdf(round(size * events), shape, share))


def _rows(hourly: pd.DataFrame, group: str | None, start: pd.Timestamp, hours: int) -> pd.DataFrame:
    end = start + pd.Timedelta(hours=hours)
    rows = hourly[(hourly.index >= start) & (hourly.index < end)]
    return rows if group is None else rows[rows["agent"] == group]


def _events(business: Business, kind: str, usual: pd.DataFrame, rows: pd.DataFrame) -> float:
    """Return how many independent events are expected in some hours."""
    column = "joined_count" if kind == "longer" else "total_count"
    calls = usual[column].groupby(usual.index).sum()
    slot, hours = (24 * at.day_of_week + at.hour for at in (calls.index, rows.index.unique()))
    expected = float(calls.groupby(slot).mean()[hours].sum())
    if kind == "longer":
        return expected / business.square
    if kind in ("errors", "joined"):
        return expected * (1 - _share(usual, "joined_count") if kind == "joined" else _share(usual))
    return expected


def _share(rows: pd.DataFrame, part: str = "error_count", whole: str = "total_count") -> Any:
    return rows[part].sum() / rows[whole].sum()


def draw(business: Business, kind: str, rng: np.random.Generator) -> Trouble | None:
    """Return a trouble at least 1.5 times as large as can be detected; None if none was drawn."""
    hourly = business.hourly
    times, groups = hourly.index.unique(), [None]
    if "agent" in hourly:
        groups += [None, *hourly["agent"].unique()]
    off = {str(day) for day in business.holidays}
    for hours in rng.permutation(HOURS).repeat(60).tolist():
        group = groups[rng.integers(len(groups))]
        start = times[int(rng.integers(72, len(times) - hours - 36))]
        if hours >= 24 and rng.random() < 0.5:
            start = start.normalize()
        rows = _rows(hourly, group, start, hours)
        days = {str(day) for day in rows.index.date}
        if str(start.date()) in off or (hours <= 72 and days & off):
            continue
        ends = start, start + pd.Timedelta(hours=hours)
        known = [(pd.Timestamp(day, tz=ZONE), length) for day, length in INCIDENTS]
        if business.name.startswith("sample") and any(
            ends[0] < day + pd.Timedelta(days=length) and ends[1] > day for day, length in known
        ):
            continue
        usual = hourly if group is None else hourly[hourly["agent"] == group]
        events = _events(business, kind, usual, rows)
        _, measure, _, sizes = KINDS[kind]
        spread = business.spread(measure, hours)
        for size in rng.permutation(sizes).tolist():
            factor = size
            if kind == "joined":
                share = _share(usual, "joined_count")
                factor = (1 - share * size) / (1 - share)
            elif kind == "errors" and size * _share(usual) > 0.9:
                continue
            if _score(events, factor, spread) >= 1.5 * SCORE:
                return Trouble(kind, group, start, hours, size)
    return None


def plant_it(business: Business, trouble: Trouble) -> tuple[pd.DataFrame, float]:
    """Return the hours with a trouble, and the ratio of its measure to the usual one."""
    kind, group, start, hours, size = trouble
    hourly = business.hourly
    usual = hourly if group is None else hourly[hourly["agent"] == group]
    share = size
    if kind == "errors":
        share = size * _share(usual)
    bad = plant(hourly, group, KINDS[kind][0], start, hours, share)
    if kind not in ("errors", "joined", "longer"):
        return bad, size
    part, whole = {
        "errors": ("error_count", "total_count"),
        "joined": ("joined_count", "total_count"),
        "longer": ("duration", "joined_count"),
    }[kind]
    rest = usual.drop(_rows(hourly, group, start, hours).index)
    return bad, _share(_rows(bad, group, start, hours), part, whole) / _share(rest, part, whole)


def judge(business: Business, trouble: Trouble) -> str:
    """Return "" if a trouble is found as it was planted, or else what is wrong."""
    bad, size = plant_it(business, trouble)
    _, measure, kind, _ = KINDS[trouble.kind]
    own = _rows(business.hourly, trouble.group, bad.index.min(), 24 * 400)["total_count"]
    wrong = "not found"
    for event in ua.unusual(bad, holidays=business.holidays).to_dict("records"):
        same = pd.isna(event["group"]) if trouble.group is None else event["group"] == trouble.group
        ends = sorted([event["start"], trouble.start])
        between = own[(own.index >= ends[0]) & (own.index < ends[1])].sum()
        near = ends[1] - ends[0] <= pd.Timedelta(hours=2) or between < 3
        over = trouble.start + pd.Timedelta(hours=trouble.hours)
        if event["start"] >= over or event["end"] <= trouble.start:
            continue
        flaws = {
            "measure": event["measure"] != measure,
            "group": not same,
            "kind": event["kind"] != kind,
            "start": not near,
            "size": not abs(event["ratio"] - size) <= 0.3 * size + 0.02,
        }
        if not any(flaws.values()):
            return ""
        said = ", ".join(name for name, flaw in flaws.items() if flaw)
        if wrong == "not found" or len(said) < len(wrong):
            wrong = said
    return wrong
