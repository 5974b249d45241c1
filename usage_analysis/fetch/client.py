"""The only file that knows HTTP: a question goes out, `CallUsage` comes back."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from datetime import UTC, date, datetime, tzinfo
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from usage_analysis.errors import (
    APIError,
    AuthenticationError,
    QueryError,
    RateLimitError,
    ResponseError,
    TransportError,
)
from usage_analysis.query import UsageQuery, zone
from usage_analysis.tidy import wire
from usage_analysis.tidy.frames import CallUsage, Source, usage_of

BASE_URL = "https://api.ultravox.ai"
PATH = "/api/accounts/me/usage/calls"
KEY_VARIABLE = "ULTRAVOX_API_KEY"
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class _KeyAuth(httpx.Auth):
    """Sets the key on requests to the client's own origin and to no other."""

    def __init__(self, key: Callable[[], str], origin: tuple[str, str, int | None]) -> None:
        self._key, self._origin = key, origin

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header."""
        if (request.url.scheme, request.url.host, request.url.port) == self._origin:
            request.headers["X-API-Key"] = self._key()
        yield request


class Client:
    """A client of the call usage endpoint.

    Parameters
    ----------
    api_key
        The account's key, or a function without arguments that returns it; without it the
        environment variable ``ULTRAVOX_API_KEY``.
    base_url
        Where the API is; plain ``http://`` is allowed to this machine only.
    timeout
        Longest wait for each read of an answer [s].
    transport
        An httpx transport to use instead of the network.

    Raises
    ------
    QueryError
        No key, a key that no header can hold, or a plain ``http://`` address elsewhere.
    """

    def __init__(
        self,
        api_key: str | Callable[[], str] | None = None,
        *,
        base_url: str = BASE_URL,
        timeout: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        url = httpx.URL(base_url)
        if url.scheme != "https" and not (url.scheme == "http" and url.host in _LOOPBACK):
            raise QueryError(f"base_url: expected https://, got {base_url!r}")
        auth = _KeyAuth(_checked_key(api_key), (url.scheme, url.host, url.port))
        self.source: Source = getattr(transport, "source", "live")
        self._clock: Callable[[], datetime] = getattr(transport, "clock", lambda: datetime.now(UTC))
        self._http = httpx.Client(
            base_url=url, auth=auth, timeout=timeout, transport=transport, follow_redirects=False
        )

    def call_usage(self, query: UsageQuery | None = None, **filters: Any) -> CallUsage:
        """Usage of the calls that a query selects.

        Parameters
        ----------
        query
            The question; or its filters by name, see `UsageQuery`.

        Raises
        ------
        QueryError
            A filter does not fit; nothing was sent.
        TransportError, APIError, ResponseError
            No complete answer, a refusal, or an answer that is not what the endpoint promises.
        """
        if query is not None and filters:
            raise QueryError("call_usage: expected a query or filters by name, got both")
        try:
            asked = query or UsageQuery(**filters)
        except TypeError as error:
            raise QueryError(f"call_usage: {str(error).partition(') ')[2] or error}") from None
        asked = asked.bounded(self._clock())
        replies, as_of = [], self._clock()
        for params in asked.requests():
            answer = self._get(params)
            replies.append(wire.decode(answer.content))
            as_of = _date(answer) or self._clock()
        return usage_of(replies, asked, as_of=as_of, source=self.source)

    def today(self, timezone: str | tzinfo = "UTC") -> date:
        """Date now in a time zone, by the account's clock: the sample account has its own."""
        return self._clock().astimezone(zone(timezone)).date()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Client {self.source} {self._http.base_url}>"

    def _get(self, params: list[tuple[str, str]]) -> httpx.Response:
        try:
            answer = self._http.get(PATH, params=httpx.QueryParams(tuple(params)))
        except httpx.HTTPError as error:
            problem = type(error).__name__
        else:
            return _accepted(answer)
        raise TransportError(f"GET {PATH}: no complete answer ({problem}); try again")


def _checked_key(api_key: str | Callable[[], str] | None) -> Callable[[], str]:
    def key() -> str:
        value = api_key() if callable(api_key) else api_key or os.environ.get(KEY_VARIABLE, "")
        value = value.strip()
        if not value:
            raise QueryError(
                f"api_key: expected a key, got none; set {KEY_VARIABLE} or pass api_key=, or try "
                "the sample account, which needs none (sample_client(), --account sample)"
            )
        if not (value.isascii() and value.isprintable()) or " " in value:
            raise QueryError("api_key: expected visible ASCII characters, got others")
        return value

    key()
    return key


def _date(answer: httpx.Response) -> datetime | None:
    try:
        date = parsedate_to_datetime(answer.headers["Date"])
    except (KeyError, ValueError):
        return None
    return date.replace(tzinfo=date.tzinfo or UTC)


def _accepted(answer: httpx.Response) -> httpx.Response:
    status = answer.status_code
    if status == httpx.codes.OK:
        return answer
    request_id = answer.headers.get("X-Request-Id")
    message = f"GET {PATH}: expected status 200, got {status}"
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise AuthenticationError(
            f"{message}: the key was refused; check {KEY_VARIABLE}",
            status_code=status,
            request_id=request_id,
        )
    if status == httpx.codes.TOO_MANY_REQUESTS:
        raise RateLimitError(f"{message}: too many requests; wait", request_id=request_id)
    if status < httpx.codes.MULTIPLE_CHOICES:
        raise ResponseError(message)
    raise APIError(message, status_code=status, request_id=request_id)
