"""Classify responses: a body to read, a failure to retry, or a public error."""

import json
import re
import unicodedata
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from usage_analysis import errors

PATH = "/api/accounts/me/usage/calls"
#: Name of the request, for messages.
WHAT = f"GET {PATH}"
#: Maximum size of a body on the wire [bytes].
WIRE_LIMIT = 32 * 2**20
#: Maximum size of a decompressed body [bytes]; a small body can decompress to gigabytes.
DECODED_LIMIT = 64 * 2**20
#: Maximum size of the body of an error [bytes]; only a message is read from it.
ERROR_LIMIT = 64 * 2**10
_MESSAGE_LIMIT = 300
_GZIP = 16 + zlib.MAX_WBITS  # zlib's way to ask for the gzip format
#: Statuses that may pass. Gateways in front of the endpoint add their own to the standard ones:
#: 520 to 524 say that the server behind them failed or was too slow, 529 that it is overloaded.
RETRIED = {408, 429, 500, 502, 503, 504, *range(520, 525), 529}
# Kinds of advice by the least status.
_KINDS = {500: "failed", 400: "refused", 300: "redirect", 0: "incomplete"}
# Statuses that mean the account or the server is overloaded, so all requests of a client wait.
_BACK_OFF_ALL = {429, 503}

Redact = Callable[[str], str]
Body = bytes | bytearray


class Response(NamedTuple):
    """Response with its body as received."""

    status: int
    #: Names in any case.
    headers: Mapping[str, str]
    body: Body
    #: The `Content-Encoding` that is still on the body; empty for none.
    encoding: str


class Failure(NamedTuple):
    """Error of an attempt, with advice for a retry."""

    error: errors.TransportError | errors.APIError | errors.ResponseError
    retry: bool = False
    #: Whether all requests of this client should wait, not only this one.
    shared: bool = False
    retry_after: float | None = None

    def to_error(self, attempts: int, seconds: float, asked: str) -> errors.UsageError:
        """Return the error, with the request, the number of attempts and their time [s]."""
        self.error.attempts = attempts
        tried = f" ({attempts} attempts in {seconds:.3g} s)" if attempts > 1 else ""
        self.error.args = (f"{self.error}; request: {asked}{tried}",)
        return self.error


def response_body(response: Response, now: datetime, redact: Redact) -> Body | Failure:
    """Return the body of a complete response with status 200, or the failure.

    Parameters
    ----------
    now
        Current time: a `Retry-After` date is measured against it if the response has no `Date`.
    redact
        Function that removes the key from a text.
    """
    if response.status != 200:
        return _status_failure(response, now, redact)
    if len(response.body) > WIRE_LIMIT:
        most = f"at most {WIRE_LIMIT // 2**20} MB"
        problem = f"reply: expected {most}, got more; ask for a shorter window"
        return failure(errors.ResponseError, problem, response, redact)
    try:
        return decompress(response.body, _strip_text(response.encoding, redact))
    except EOFError:
        # The connection ended early, which a retry may mend; other damage comes from the server.
        problem = f"{WHAT}: no complete answer: the compressed body is cut off; try again"
        return failure(errors.TransportError, problem, response, redact, retry=True)
    except errors.ResponseError as error:
        return failure(errors.ResponseError, str(error), response, redact)


def failure(
    kind: type[errors.TransportError | errors.ResponseError],
    message: str,
    response: Response | None,
    redact: Redact,
    *,
    retry: bool = False,
) -> Failure:
    """Return the failure of a response that is incomplete or breaks the contract.

    Of an incomplete response the headers may have arrived.
    """
    known = {} if response is None else _identify(response, redact)
    return Failure(kind(redact(message), **known), retry)


def decompress(body: Body, encoding: str, limit: int = DECODED_LIMIT) -> Body:
    """Return the body without its compression.

    Raises
    ------
    EOFError
        The compressed stream is cut off.
    ResponseError
        The body is not gzip, is larger than the limit, or goes on after the end of the stream.
    """
    if encoding.strip().lower() in ("", "identity"):
        return body
    if encoding.strip().lower() not in ("gzip", "x-gzip"):
        raise errors.error_of(errors.ResponseError, "no_gzip", got=encoding)
    # One byte more than the limit shows that the body is too large, without decompressing it all.
    stream = zlib.decompressobj(_GZIP)
    try:
        out = stream.decompress(body, limit + 1)
    except zlib.error:
        problem = "bytes in another format"
    else:
        if len(out) > limit:
            problem = f"more than {limit // 2**20} MB"
        elif not stream.eof:
            raise EOFError
        elif stream.unused_data:
            problem = "bytes after its end"
        else:
            return out
    raise errors.ResponseError(f"reply: expected a gzip body, got {problem}")


def _status_failure(response: Response, now: datetime, redact: Redact) -> Failure:
    status, known = response.status, _identify(response, redact)
    message = f"{WHAT}: expected status 200, got {status}"
    if words := _server_message(response, redact):
        message += f" ({words})"
    wait = retry_after(response.headers, now)
    message += f": {_advice(status, wait)}"
    if status < 300:
        return Failure(errors.ResponseError(message, **known))
    kind = errors.RateLimitError if status == 429 else errors.APIError
    kind = errors.AuthenticationError if status in (401, 403) else kind
    error = kind(message, retry_after=wait, **known)
    return Failure(error, status in RETRIED, status in _BACK_OFF_ALL, wait)


def _advice(status: int, wait: float | None) -> str:
    kind = next(name for least, name in _KINDS.items() if status >= least)
    text: str = errors.TEXTS["advice"].get(str(status), errors.TEXTS["advice"][kind])
    return text + (f", and try again in {wait:g} s" if wait and status == 429 else "")


def _identify(response: Response, redact: Redact) -> dict[str, Any]:
    request_id = _strip_text(response.headers.get("X-Request-Id", ""), redact)[:100] or None
    return {"status_code": response.status, "request_id": request_id}


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the wait in the header `Retry-After` [s], or None.

    The header has seconds or an HTTP date, which is compared with the date of the response
    (RFC 9110, section 10.2.3).
    """
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    until = parse_date(text)
    if until is None:
        return None
    return max(0.0, (until - (parse_date(headers.get("Date", "")) or now)).total_seconds())


def parse_date(text: str) -> datetime | None:
    """Return the instant of an HTTP date in UTC, or None for any other text."""
    try:
        date = parsedate_to_datetime(text)
        return date.replace(tzinfo=date.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _server_message(response: Response, redact: Redact) -> str:
    """Return the server's own message in the body of an error, or an empty text.

    The message is under `detail`, or in lists under the names of the refused parameters.
    """
    try:
        document = json.loads(decompress(response.body, response.encoding, ERROR_LIMIT))
    except (ValueError, RecursionError, EOFError, errors.ResponseError):
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
    # A gateway may put its whole HTML page there.
    return "" if re.search(r"<[a-zA-Z!/]", words) else _strip_text(words, redact)[:_MESSAGE_LIMIT]


def _strip_text(text: str, redact: Redact) -> str:
    """Return a text without control and bidirectional characters, and without the key."""
    seen = (" " if char.isspace() else char for char in text)
    kept = (char for char in seen if char == " " or unicodedata.category(char)[0] not in "CZ")
    return redact("".join(kept)).strip()
