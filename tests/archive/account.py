"""A made-up account over a canned transport: its calls and its clock are set by the test."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx

import usage_analysis as ua
from tests.conftest import row

KEY = "public01.notasecretnotasecretnotasecret00"


class Account:
    """Hours with calls by instant, and days that the server sends as something else."""

    def __init__(self, now: str) -> None:
        self.now = datetime.fromisoformat(now)
        self.hours: dict[datetime, dict] = {}
        self.days: dict[str, dict] = {}
        self.asked: list[httpx.QueryParams] = []
        self.failing: Callable[[httpx.QueryParams], bool] = lambda _params: False
        self.source = "live"
        self.beside: dict[str, object] = {}
        """What is sent beside the figures, in each row and around them."""

    def put(self, hour: str, **measures: float) -> None:
        """Calls of an hour, `2026-03-01T09`."""
        instant = datetime.fromisoformat(hour + ":00+00:00")
        self.hours[instant] = row(hour[:10], instant.hour, **measures)

    def client(self, **settings) -> ua.Client:
        """A client of this account."""
        account = self

        class Transport(httpx.BaseTransport):
            source = account.source

            def clock(self) -> datetime:
                return account.now

            def handle_request(self, request: httpx.Request) -> httpx.Response:
                return account.answer(request.url.params)

        settings = {"max_attempts": 1, **settings}
        return ua.Client(KEY, transport=Transport(), **settings)

    def answer(self, params: httpx.QueryParams) -> httpx.Response:
        """Answer to one request."""
        self.asked.append(params)
        date = {"Date": format_datetime(self.now.astimezone(UTC), usegmt=True)}
        if self.failing(params):
            return httpx.Response(500, json={"detail": "out of order"}, headers=date)
        low, high = (datetime.fromisoformat(params[name]) for name in ("fromDate", "toDate"))
        hours = [
            one
            for instant, one in sorted(self.hours.items())
            if low <= instant <= min(high, self.now)
        ]
        days = []
        for name in dict.fromkeys(one["date"] for one in hours):
            own = [one for one in hours if one["date"] == name]
            whole = {
                key: sum(one[key] for one in own)
                for key in ("totalCount", "errorCount", "joinedCount")
            }
            seconds = sum(float(one["duration"][:-1]) for one in own)
            minutes = round(sum(one["billedMinutes"] for one in own), 6)
            day = {**whole, "date": name, "duration": f"{seconds}s", "billedMinutes": minutes}
            days.append({**day, **self.days.get(name, {})})
        rows = {"daily": days, "hourly": hours}
        body = {
            **self.beside,
            "allTime": row(calls=1),
            **{name: [self.beside | one for one in part] for name, part in rows.items()},
        }
        return httpx.Response(200, content=json.dumps(body).encode(), headers=date)

    def wait(self, **time: float) -> None:
        """Let time go by."""
        self.now += timedelta(**time)
