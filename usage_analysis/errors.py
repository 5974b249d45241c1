"""Public errors; no message contains the API key.

`errors.toml` has the longer texts, so that all of them can be read and improved in one place.
"""

import tomllib
from pathlib import Path
from typing import Any

#: Texts of errors by name, and tables for them.
TEXTS: dict[str, Any] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)


class UsageError(Exception):
    """Base class of all errors of this package.

    Parameters
    ----------
    message
        Expected value, actual value and advice.
    status_code
        HTTP status of the response, if there was one.
    request_id
        The server's ID of the request, for its support, if it sent one.
    attempts
        Number of attempts to send the request; 0 if it was not sent.
    retry_after
        Wait that the server asked for [s], if it asked for one.
    """

    def __init__(
        self,
        message: str = "",
        *,
        status_code: int | None = None,
        request_id: str | None = None,
        attempts: int = 0,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.request_id = request_id
        self.attempts = attempts
        self.retry_after = retry_after


class QueryError(UsageError, ValueError):
    """Invalid filter, argument or frame.

    It is raised before anything is sent. The message names the argument and what it accepts.
    """


class TransportError(UsageError):
    """No complete response: connection refused or reset, TLS failure, timeout or deadline."""


class APIError(UsageError):
    """Response with an error status."""


class AuthenticationError(APIError):
    """Missing, wrong or unauthorised key (401 or 403)."""


class RateLimitError(APIError):
    """Too many requests (429); `retry_after` is the wait that the server asked for, if any."""


class ResponseError(UsageError):
    """Reply that breaks the endpoint's contract; the message starts with the field's path."""


class ArchiveError(UsageError):
    """Archive with a damaged file, or with a file of a newer version of this package.

    The message names the file and says how to repair the archive.
    """


def refusal(why: str, /, **values: object) -> QueryError:
    """Return the error for an invalid argument or frame, with a text of `errors.toml`.

    Parameters
    ----------
    why
        Name of the text.
    values
        Values of the fields in the text.
    """
    return QueryError(TEXTS[why].format(**values))
