"""Accounts whose behaviour can be set, for tests of the doctor."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any

import httpx

from usage_analysis.doctor import Finding, run
from usage_analysis.fetch.client import Client

KEY = "abcd1234.0123456789abcdef0123456789abcdef"
NOW = datetime(2026, 3, 31, 12, 30, tzinfo=UTC)
LATELY = NOW - timedelta(minutes=15)


@dataclass
class Call:
    created: datetime
    seconds: float = 60.0
    joined: bool = True
    error: bool = False


def calls() -> list[Call]:
    """Five calls a day for 40 days, and one a day at noon, of 0 s, that nobody joined."""
    start = NOW.replace(hour=0) - timedelta(days=40)
    days = [start + timedelta(days=n) for n in range(40)]
    out = [Call(day + timedelta(hours=hour)) for day in days for hour in (3, 4, 10, 12, 23)]
    noon = timedelta(hours=12, minutes=5)
    out += [Call(day + noon, 0.0, joined=False, error=n % 2 == 0) for n, day in enumerate(days)]
    return out


@dataclass(eq=False)
class Account(httpx.MockTransport):
    """An account whose behaviour can be set for each open question."""

    calls: list[Call] = field(default_factory=calls)
    zone: timedelta = timedelta(0)
    all_time_filtered: bool = False
    wraps: bool = False
    refuses: str = ""
    status: int = 400
    exclusive: bool = False
    grows: int = 0
    change: Callable[[dict[str, Any]], None] = lambda _document: None
    asked: int = 0

    def __post_init__(self) -> None:
        super().__init__(self.answer)

    def clock(self) -> datetime:
        return NOW

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        params = dict(request.url.params.multi_items())
        start, end = (params.get(f"timeOfDay{side}") for side in ("Start", "End"))
        asked = {"overnight"} if start and end and start > end else set(params)
        asked |= {"no start"} - {"no start" if "fromDate" in params else ""}
        if self.refuses in asked:
            return httpx.Response(self.status, json={"detail": "makes no sense"})
        chosen = [call for call in self.calls if self.fits(call, params)]
        if self.asked == 10 and self.grows:
            chosen += [Call(NOW - timedelta(hours=self.grows))]
        document = {
            "allTime": self.row(chosen if self.all_time_filtered else self.calls),
            "daily": self.rows(
                chosen, lambda c: {"date": (c.created + self.zone).date().isoformat()}
            ),
            "hourly": self.rows(
                chosen, lambda c: {"date": c.created.date().isoformat(), "hour": c.created.hour}
            ),
        }
        self.change(document)
        return httpx.Response(200, json=document)

    def fits(self, call: Call, params: dict[str, str]) -> bool:
        first = datetime.fromisoformat(params.get("fromDate", "2000-01-01T00:00:00Z"))
        start = time.fromisoformat(params.get("timeOfDayStart", "00:00"))
        end = time.fromisoformat(params.get("timeOfDayEnd", "23:59:59.999999"))
        clock = (call.created + self.zone).time()
        in_time = start <= clock <= end
        if self.wraps and start > end:
            in_time = clock >= start or clock <= end
        low, high = float(params.get("durationMin", "-1s")[:-1]), math.inf
        if "durationMax" in params:
            high = float(params["durationMax"][:-1])
        long_enough = low < call.seconds if self.exclusive else low <= call.seconds
        last = datetime.fromisoformat(params["toDate"])
        in_window = first <= call.created <= last
        return in_window and in_time and long_enough and call.seconds <= high

    def rows(
        self, chosen: list[Call], place: Callable[[Call], dict[str, Any]]
    ) -> list[dict[str, Any]]:
        buckets: dict[str, list[Call]] = {}
        for call in chosen:
            buckets.setdefault(json.dumps(place(call)), []).append(call)
        return [{**self.row(held), **json.loads(key)} for key, held in buckets.items()]

    @staticmethod
    def row(held: list[Call]) -> dict[str, Any]:
        return {
            "totalCount": len(held),
            "errorCount": sum(call.error for call in held),
            "joinedCount": sum(call.joined for call in held),
            "duration": f"{sum(call.seconds for call in held)}s",
            "billedMinutes": round(sum(call.seconds for call in held) / 60, 1),
        }


def findings(account: httpx.BaseTransport, **options: Any) -> dict[str, Finding]:
    with Client(KEY, transport=account, max_backoff=0.01) as client:
        return {finding.topic: finding for finding in run(client, **options)}
