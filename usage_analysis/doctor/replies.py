"""The doctor's questions and what came: decoded to be looked at, redacted to be kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from usage_analysis.errors import APIError
from usage_analysis.fetch.client import Client
from usage_analysis.tidy import wire
from usage_analysis.tidy.zones import HOUR

Params = list[tuple[str, str]]
_KNOWN = {"allTime", "daily", "hourly", "date", "hour", *wire.MEASURES.values()}
_TEXT_LIMIT = 80
_WHATEVER_IS_ASKED = {401, 403, 408, 429, 502, 503, 504}
"""Statuses of the key or of the way to the server, which say nothing of a question."""


class Seen(NamedTuple):
    """What was seen, what follows, and whether the assumption held (None: not shown)."""

    seen: str
    follows: str
    holds: bool | None


@dataclass(frozen=True)
class Look:
    """One reply, decoded and as it came."""

    reply: wire.Reply
    document: dict[str, Any]
    made: datetime
    """When the server made it."""
    asked: Params

    @property
    def daily(self) -> wire.Buckets:
        """Rows by day."""
        return self.reply.daily

    @property
    def hourly(self) -> wire.Buckets:
        """Rows by hour."""
        hourly = self.reply.hourly
        assert hourly is not None  # noqa: S101  # a live reply has hours, or decode raises
        return hourly

    @property
    def calls(self) -> int:
        """Calls in all hours."""
        return int(self.hourly.columns["total_count"].sum())

    @property
    def busiest(self) -> int:
        """The UTC hour of day with the most calls."""
        return int(self.by_hour_of_day().argmax())

    @property
    def first_day(self) -> date:
        """The first day of the window asked for."""
        return datetime.fromisoformat(dict(self.asked)["fromDate"]).date()

    @property
    def days(self) -> int:
        """How many days the window asked for has, the last one perhaps in part."""
        return (datetime.fromisoformat(dict(self.asked)["toDate"]).date() - self.first_day).days + 1

    def by_hour_of_day(self) -> NDArray[np.int64]:
        """Calls in each of the 24 UTC hours."""
        hours = self.hourly.time // HOUR % 24
        counts = self.hourly.columns["total_count"]
        return np.bincount(hours, weights=counts, minlength=24).astype(np.int64)


class Account:
    """Asks, tells how far it is and keeps what came.

    Parameters
    ----------
    client
        Of the account.
    folder
        Where to keep the replies.
    progress
        Told how many requests are done, and of how many.
    steps
        How many there will be.
    """

    def __init__(
        self,
        client: Client,
        folder: Path | None,
        progress: Callable[[int, int], None] | None,
        steps: int,
    ) -> None:
        self._client, self._folder, self._steps = client, folder, steps
        self._report = progress or (lambda _done, _total: None)
        self._looks: dict[str, Look | APIError] = {}
        self._done = 0
        self._report(0, steps)

    def ask(self, name: str, params: Params) -> Look:
        """Reply to one request, to be known by a name."""
        body, moment = self._client.get(params)
        document = {"asked": params, "date": moment.isoformat()}
        try:
            reply = wire.decode(body)
        finally:
            self._keep(name, document | {"reply": _redacted(body)})
        look = self._looks[name] = Look(reply, json.loads(body), moment, params)
        return look

    def try_to_ask(self, name: str, params: Params) -> None:
        """Ask what the server may refuse as a request that makes no sense."""
        try:
            self.ask(name, params)
        except APIError as error:
            if error.status_code in _WHATEVER_IS_ASKED:
                raise
            self._looks[name] = error
            self._keep(name, {"asked": params, "refused": str(error)})

    def answered(self, name: str) -> bool:
        """Whether the request of that name was not refused."""
        return isinstance(self._looks[name], Look)

    def look(self, name: str) -> Look:
        """Reply to the request of that name."""
        look = self._looks[name]
        assert isinstance(look, Look), name  # noqa: S101  # whoever looks has asked
        return look

    def refusal(self, names: Sequence[str]) -> Seen | None:
        """What is seen where one of these requests was refused; None where all were answered."""
        for name in names:
            if isinstance(error := self._looks[name], APIError):
                return Seen(f"the request for it was refused: {error}", "it stays open", None)
        return None

    def _keep(self, name: str, document: dict[str, Any]) -> None:
        self._done += 1
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"{self._done:02}-{name}.json"
            path.write_text(json.dumps(document, indent=1), encoding="utf-8")
        self._report(self._done, self._steps)


def _redacted(body: bytes) -> Any:
    """A reply's known fields; of others the name and the kind, of other texts the beginning."""
    try:
        return _known(json.loads(body))
    except (ValueError, RecursionError):
        return body[:_TEXT_LIMIT].decode("utf-8", "replace")


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _known(held) if name in _KNOWN else f"[{type(held).__name__}]"
            for name, held in value.items()
        }
    if isinstance(value, list):
        return [_known(held) for held in value]
    return value[:_TEXT_LIMIT] if isinstance(value, str) else value
