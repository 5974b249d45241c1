"""What can go wrong, to be caught by name. No message carries the API key."""

from __future__ import annotations


class UsageError(Exception):
    """The base of every error this package raises on purpose.

    Parameters
    ----------
    message
        What was asked, what came, what to do.
    status_code
        The HTTP status of the answer that it is about, where there was one.
    request_id
        The server's own name for the request, to quote to its support, where it sent one.
    attempts
        How many times the request was sent; 0 where none was.
    retry_after
        The wait that the server asked for [s], where it did.
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
    """What was asked cannot be answered: a filter, an argument or a frame that does not fit.

    Raised before anything is sent. The message names the argument, what came and what is accepted.
    """


class TransportError(UsageError):
    """No complete answer came: refused, reset, TLS failure, time-out or deadline passed."""


class APIError(UsageError):
    """The server answered with a status that refuses or fails."""


class AuthenticationError(APIError):
    """The key was missing, wrong or not allowed (401 or 403)."""


class RateLimitError(APIError):
    """Too many requests (429); `retry_after` says in how many seconds to try again, if known."""


class ResponseError(UsageError):
    """A reply that is not what the endpoint promises; the message starts with the field's path."""


class ArchiveError(UsageError):
    """A file of an archive is damaged, or a newer version wrote it.

    The message names the file and says how to repair the archive.
    """
