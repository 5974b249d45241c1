"""Requests of the doctor and their responses: decoded for the checks, redacted for files."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.errors import APIError
from usage_analysis.fetch.client import Client
from usage_analysis.progress import Progress
from usage_analysis.tidy import wire
from usage_analysis.tidy.zones import HOUR

Params = list[tuple[str, str]]
_FIELDS = {"allTime", "daily", "hourly", "date", "hour", *wire.MEASURES.values()}
_TEXT_LIMIT = 80
_STEPS = 10  # number of all requests
#: Statuses about the key or the connection, which do not mean that a request was refused.
_NOT_ABOUT_THE_REQUEST = {401, 403, 408, 429, 502, 503, 504}


@dataclass(frozen=True)
class Response:
    """A response, decoded and in its original form."""

    #: All-time figures by measure.
    all_time: dict[str, int | float]
    #: Rows per day and per hour, in the order of the reply, by their start [us since 1970, UTC].
    daily: pd.DataFrame
    hourly: pd.DataFrame
    document: dict[str, Any]
    #: Time of the response, by the server's clock.
    made: datetime
    params: Params

    @property
    def calls(self) -> int:
        """Number of calls in all hours."""
        return int(self.hourly["total_count"].sum())

    @property
    def unjoined_calls(self) -> int:
        """Number of unjoined calls in all hours."""
        return self.calls - int(self.hourly["joined_count"].sum())

    @property
    def busiest_hour(self) -> int:
        """UTC hour of the day with the most calls."""
        return int(self.by_hour_of_day().argmax())

    @property
    def first_day(self) -> date:
        """First day of the requested period."""
        return datetime.fromisoformat(dict(self.params)["fromDate"]).date()

    @property
    def days(self) -> int:
        """Number of days in the requested period, with a partial last day."""
        return (
            datetime.fromisoformat(dict(self.params)["toDate"]).date() - self.first_day
        ).days + 1

    def by_hour_of_day(self) -> NDArray[np.int64]:
        """Return the number of calls in each of the 24 UTC hours of the day."""
        hours = self.hourly.index // HOUR % 24
        counts = self.hourly["total_count"].groupby(hours).sum()
        return counts.reindex(range(24), fill_value=0).to_numpy()


class Account:
    """Requests to an account: reports progress and saves the responses.

    Parameters
    ----------
    client
        Client of the account.
    folder
        Folder to save the responses in; None saves nothing.
    progress
        Function that is called with the number of finished requests and of all requests.
    """

    def __init__(self, client: Client, folder: Path | None, progress: Progress | None) -> None:
        self._client, self._folder = client, folder
        self._report = progress or (lambda _done, _total: None)
        self._responses: dict[str, Response | APIError] = {}
        self._done = 0
        self._report(0, _STEPS)

    def send(self, name: str, params: Params) -> Response:
        """Send a request, keep the response under a name and return it."""
        body, moment = self._client.get(params)
        document = {"request": params, "date": moment.isoformat()}
        try:
            reply = wire.decode(body)
        finally:
            self._save(name, document | {"reply": _redact_body(body)})
        daily, hourly = (
            pd.DataFrame(rows.columns, index=rows.time)
            for rows in (reply.daily, reply.hourly)
            if rows is not None  # a live reply has both
        )
        response = Response(reply.all_time, daily, hourly, json.loads(body), moment, params)
        self._responses[name] = response
        return response

    def try_to_send(self, name: str, params: Params) -> None:
        """Send a request that the server may refuse as invalid."""
        try:
            self.send(name, params)
        except APIError as error:
            if error.status_code in _NOT_ABOUT_THE_REQUEST:
                raise
            self._responses[name] = error
            self._save(name, {"request": params, "refusal": str(error)})

    def find(self, name: str) -> Response | None:
        """Return the response to the request with this name, or None if it was refused."""
        found = self._responses[name]
        return found if isinstance(found, Response) else None

    def response(self, name: str) -> Response:
        """Return the response to a request that was not refused."""
        found = self.find(name)
        assert found is not None, name  # noqa: S101  # each check names the requests that it needs
        return found

    def refusal(self, names: Sequence[str]) -> APIError | None:
        """Return the error of the first of these requests that was refused, or None."""
        found = (self._responses[name] for name in names)
        return next((error for error in found if isinstance(error, APIError)), None)

    def _save(self, name: str, document: dict[str, Any]) -> None:
        self._done += 1
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"{self._done:02}-{name}.json"
            path.write_text(json.dumps(document, indent=1), encoding="utf-8")
        self._report(self._done, _STEPS)


def _redact_body(body: bytes) -> Any:
    """Return a reply with the values of known fields only; of a bad reply, its beginning."""
    try:
        return _redact(json.loads(body))
    except (ValueError, RecursionError):
        return body[:_TEXT_LIMIT].decode("utf-8", "replace")


def _redact(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _redact(each) if name in _FIELDS else f"[{type(each).__name__}]"
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [_redact(each) for each in value]
    return value[:_TEXT_LIMIT] if isinstance(value, str) else value
