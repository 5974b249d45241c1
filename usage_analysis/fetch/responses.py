"""What an answer means: a body to read, something to ask for again, or one of the public errors."""

from __future__ import annotations

import json
import re
import unicodedata
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from usage_analysis.errors import (
    APIError,
    AuthenticationError,
    RateLimitError,
    ResponseError,
    TransportError,
    UsageError,
)

WIRE_LIMIT = 32 * 2**20
"""The most bytes of a body that are read [bytes]."""
DECODED_LIMIT = 64 * 2**20
"""The most bytes that a compressed body may become [bytes]."""
ERROR_LIMIT = 64 * 2**10
"""The most bytes of an error's body that are read [bytes]."""
_MESSAGE_LIMIT = 300
_GZIP = 16 + zlib.MAX_WBITS
# Statuses that may pass. Gateways in front of the endpoint add their own to the standard ones:
# 520 to 524 say that the server behind them failed or was too slow, 529 that it is overloaded.
_RETRIED = {408, 429, 500, 502, 503, 504, *range(520, 525), 529}
_BACK_OFF_ALL = {429, 503}

Redact = Callable[[str], str]
Body = bytes | bytearray


class Response(NamedTuple):
    """An answer as it came over the wire."""

    status: int
    headers: Mapping[str, str]
    """Names in any case."""
    body: Body
    encoding: str
    """The `Content-Encoding` that is still on the body; empty for none."""


class Failure(NamedTuple):
    """Why there is no answer, and whether asking again may help."""

    error: TransportError | APIError | ResponseError
    retry: bool = False
    shared: bool = False
    """Whether every request of this client should wait, not only this one."""
    retry_after: float | None = None

    def after(self, attempts: int, seconds: float, asked: str) -> UsageError:
        """The error of the last attempt, which says what was asked, how often, in how long [s]."""
        self.error.attempts = attempts
        tried = f" ({attempts} attempts in {seconds:.3g} s)" if attempts > 1 else ""
        self.error.args = (f"{self.error}; asked for {asked}{tried}",)
        return self.error


def response_body(response: Response, what: str, now: datetime, redact: Redact) -> Body | Failure:
    """Body of a whole answer with status 200, or why there is none.

    Parameters
    ----------
    what
        What was asked, for messages.
    now
        The clock, for a `Retry-After` date beside which the answer has no `Date`.
    redact
        Takes the key out of a text.
    """
    if response.status != 200:
        return _refusal(response, what, now, redact)
    if len(response.body) > WIRE_LIMIT:
        problem = f"reply: expected at most {WIRE_LIMIT // 2**20} MB, got more; ask for less"
        return invalid_response(response, problem, redact)
    try:
        return decompress(response.body, _plain(response.encoding, redact))
    except EOFError:
        problem = "the compressed body stops before its end"
    except ResponseError as error:
        return invalid_response(response, str(error), redact)
    return incomplete_response(
        response, f"{what}: no complete answer: {problem}; try again", redact, retry=True
    )


def invalid_response(
    response: Response, message: str, redact: Redact, *, retry: bool = False
) -> Failure:
    """Failure of an answer with status 200 that is not what the endpoint promises."""
    return Failure(ResponseError(redact(message), **_identify(response, redact)), retry)


def incomplete_response(
    response: Response | None, message: str, redact: Redact, *, retry: bool = False
) -> Failure:
    """Failure of an answer that is not whole, of which the head may be known."""
    return Failure(
        TransportError(message, **(_identify(response, redact) if response else {})), retry
    )


def decompress(body: Body, encoding: str, limit: int = DECODED_LIMIT) -> Body:
    """Body without its compression.

    Raises
    ------
    EOFError
        The compressed stream stops before its end.
    ResponseError
        Another compression than gzip, not gzip at all, more bytes than the limit, or bytes after
        the end.
    """
    if encoding.strip().lower() in ("", "identity"):
        return body
    if encoding.strip().lower() not in ("gzip", "x-gzip"):
        raise ResponseError(f"reply: expected Content-Encoding gzip or none, got {encoding!r:.80}")
    stream = zlib.decompressobj(_GZIP)
    try:
        out = stream.decompress(body, limit + 1)
    except zlib.error:
        problem = "other bytes"
    else:
        if len(out) > limit:
            problem = f"more than {limit // 2**20} MB"
        elif not stream.eof:
            raise EOFError
        elif stream.unused_data:
            problem = "bytes after its end"
        else:
            return out
    raise ResponseError(f"reply: expected a gzip body, got {problem}")


def _refusal(response: Response, what: str, now: datetime, redact: Redact) -> Failure:
    status, known = response.status, _identify(response, redact)
    message = f"{what}: expected status 200, got {status}"
    if words := _server_message(response, redact):
        message += f" ({words})"
    wait = retry_after(response.headers, now)
    message += f": {_advice(status, wait)}"
    if status < 300:
        return Failure(ResponseError(message, **known))
    kind = {401: AuthenticationError, 403: AuthenticationError, 429: RateLimitError}.get(
        status, APIError
    )
    error = kind(message, retry_after=wait, **known)
    return Failure(error, status in _RETRIED, status in _BACK_OFF_ALL, wait)


def _advice(status: int, wait: float | None) -> str:
    if status < 300:
        return "no whole reply; try again"
    if status < 400:
        return "a redirect, not followed, since the key would go along; check base_url"
    if status in (401, 403):
        return "the key was refused; check it, and that it belongs to this account"
    if status == 429:
        return "too many requests; ask less often" + (f", in {wait:g} s" if wait else "")
    if status in (404, 405, 410):
        return "the endpoint is not there; check base_url"
    if status == 408 or status >= 500:
        return "the server failed; try again later"
    return "the request was refused; check what was asked for"


def _identify(response: Response, redact: Redact) -> dict[str, Any]:
    request_id = _plain(response.headers.get("X-Request-Id", ""), redact)[:100] or None
    return {"status_code": response.status, "request_id": request_id}


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Wait that the server asks for [s]: digits, or a date measured against the answer's own.

    None where there is none, or it is neither.
    """
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    until = parse_date(text)
    if until is None:
        return None
    return max(0.0, (until - (parse_date(headers.get("Date", "")) or now)).total_seconds())


def parse_date(text: str) -> datetime | None:
    """Instant of an HTTP date, None where it is none."""
    try:
        date = parsedate_to_datetime(text)
        return date.replace(tzinfo=date.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _server_message(response: Response, redact: Redact) -> str:
    """The server's own words of a refusal, where they are plain text; empty otherwise.

    They stand under `detail`, or in lists under the names of what they are about.
    """
    try:
        document = json.loads(decompress(response.body, response.encoding, ERROR_LIMIT))
    except (ValueError, RecursionError, EOFError, ResponseError):
        return ""
    if not isinstance(document, dict):
        return ""
    words = document.get("detail")
    if not isinstance(words, str):
        words = "; ".join(
            f"{name}: {' '.join(said)}"
            for name, said in document.items()
            if isinstance(said, list) and all(isinstance(text, str) for text in said)
        )
    return "" if re.search(r"<[a-zA-Z!/]", words) else _plain(words, redact)[:_MESSAGE_LIMIT]


def _plain(text: str, redact: Redact) -> str:
    """Text without what could move a cursor, turn its direction or show the key."""
    seen = (" " if char.isspace() else char for char in text)
    kept = (char for char in seen if char == " " or unicodedata.category(char)[0] not in "CZ")
    return redact("".join(kept)).strip()
