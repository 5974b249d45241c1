"""Twelve simulated accounts behind the real client, for laws that must hold on every account."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import httpx
import numpy as np
import pandas as pd

import usage_analysis as ua

WEEKDAYS = np.array([1.15, 1.1, 1.05, 1.05, 1.0, 0.35, 0.3])
HOURS = np.array([1, 1, 1, 1, 1, 2, 4, 7, 10, 13, 14, 12, 10, 11, 13, 14, 12, 9, 6, 4, 3, 2, 1, 1])
AGENTS = {name: f"00000000-0000-4000-8000-{n:012d}" for n, name in enumerate(("Ann", "Bo", "Cy"))}


@dataclass(frozen=True)
class Account:
    """An account whose calls follow a weekday and an hour profile, with bad days of their own.

    Parameters
    ----------
    calls
        Mean calls per day, of all agents together.
    first, last
        Local days that have calls; the second half is the current period.
    errors, joined
        Shares of the calls.
    spread
        How many times as much as chance the error rate scatters from day to day.
    growth
        Relative growth of the calls over the whole time.
    shares
        Part of the calls that each agent takes.
    outage
        Local day without any call.
    """

    calls: float = 300.0
    first: str = "2026-02-01"
    last: str = "2026-03-31"
    errors: float = 0.02
    joined: float = 0.85
    spread: float = 1.5
    growth: float = 0.0
    flat: bool = False
    shares: tuple[float, ...] = (0.5, 0.3, 0.2)
    outage: str = ""
    zone: str = "America/New_York"
    seed: int = 1

    @cached_property
    def rows(self) -> dict[str, pd.DataFrame]:
        """Hours of every agent, simulated once, and only where a test asks for them."""
        time = pd.date_range(
            self.first, pd.Timestamp(self.last) + pd.Timedelta(days=1), freq="h", tz=self.zone
        )[:-1]
        rng = np.random.default_rng(self.seed)
        return {
            name: self._simulate(time, share * self.calls, rng)
            for name, share in zip(AGENTS, self.shares, strict=True)
        }

    def _simulate(
        self, time: pd.DatetimeIndex, calls: float, rng: np.random.Generator
    ) -> pd.DataFrame:
        hour = np.ones(24) if self.flat else HOURS
        week = np.ones(7) if self.flat else WEEKDAYS
        load = calls * (hour / hour.sum())[time.hour] * week[time.day_of_week]
        load = load * np.linspace(1, 1 + self.growth, len(time))
        if self.outage:
            load = np.where(time.strftime("%Y-%m-%d") == self.outage, 0, load)
        total = rng.poisson(load)
        day = (time.tz_localize(None).normalize() - pd.Timestamp(self.first)).days.to_numpy()
        daily = max(calls, 1.0)
        k = max((daily - 1) / max(self.spread**2 - 1, 1e-9) - 1, 1.0)
        rate = np.full(day.max() + 1, self.errors)
        if 0 < self.errors < 1:
            rate = rng.beta(k * self.errors, k * (1 - self.errors), day.max() + 1)
        failed = rng.binomial(total, rate[day])
        joined = rng.binomial(total - failed, self.joined)
        seconds = np.where(joined > 0, rng.gamma(np.maximum(2 * joined, 1), 70.0), 0).round(3)
        # Each call is rounded up to 6 s, so their sum is at most 6 s per call above the talk.
        billed = np.minimum(np.ceil(seconds / 6 + joined / 2), np.floor(seconds / 6) + joined) / 10
        return pd.DataFrame(
            {
                "totalCount": total,
                "errorCount": failed,
                "joinedCount": joined,
                "seconds": seconds,
                "billedMinutes": np.where(joined > 0, billed, 0.0),
            },
            index=time.tz_convert("UTC"),
        )

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer as the endpoint does, under the filters of dates and agents."""
        asked = request.url.params
        start, end = (pd.Timestamp(asked[name]) for name in ("fromDate", "toDate"))
        names = [n for n, key in AGENTS.items() if key in asked.get_list("agentIds")] or AGENTS
        rows = sum(self.rows[name] for name in names)
        rows = rows[(rows.index >= start) & (rows.index <= end)]
        days = rows.groupby(rows.index.normalize()).sum()
        body = {
            "allTime": _stated(rows.sum().to_frame().T)[0],
            "daily": [
                {"date": f"{day:%Y-%m-%d}", **one}
                for day, one in zip(days.index, _stated(days), strict=True)
            ],
            "hourly": [
                {"date": f"{time:%Y-%m-%d}", "hour": time.hour, **one}
                for time, one in zip(rows.index, _stated(rows), strict=True)
            ],
        }
        return httpx.Response(200, json=body)

    @property
    def client(self) -> ua.Client:
        """A client of this account."""
        return ua.Client("abcdefgh." + "0" * 32, transport=httpx.MockTransport(self))

    @property
    def days(self) -> dict[str, str]:
        """First and last local day of the current period."""
        first, last = pd.Timestamp(self.first), pd.Timestamp(self.last)
        middle = first + pd.Timedelta(days=((last - first).days + 1) // 2)
        return {"from_date": f"{middle:%Y-%m-%d}", "to_date": self.last}

    @property
    def days_before(self) -> dict[str, str]:
        """First and last local day of the previous period."""
        start = pd.Timestamp(self.days["from_date"])
        return {"from_date": self.first, "to_date": f"{start - pd.Timedelta(days=1):%Y-%m-%d}"}


def _stated(rows: pd.DataFrame) -> list[dict[str, object]]:
    """Rows in the vendor's words."""
    counts = rows[["totalCount", "errorCount", "joinedCount"]].astype(int).to_dict("records")
    return [
        {**one, "duration": f"{seconds:.3f}s", "billedMinutes": round(minutes, 1)}
        for one, seconds, minutes in zip(
            counts, rows["seconds"].tolist(), rows["billedMinutes"].tolist(), strict=True
        )
    ]


ACCOUNTS = {
    "an ordinary account": Account(),
    "a tiny account": Account(calls=4.0),
    "one day": Account(first="2026-03-30"),
    "a flat load": Account(calls=500.0, flat=True, spread=1.0),
    "growing": Account(growth=1.0),
    "a day of outage": Account(outage="2026-03-18"),
    "no errors": Account(errors=0.0),
    "only errors": Account(errors=1.0),
    "one giant agent": Account(calls=3000.0, shares=(0.98, 0.015, 0.005)),
    "a change of clocks": Account(first="2025-10-12", last="2025-11-08", zone="Europe/Berlin"),
    "no calls": Account(calls=0.0),
    "two years": Account(calls=60.0, first="2024-01-01", last="2025-12-31"),
}
