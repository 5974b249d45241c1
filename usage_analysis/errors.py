"""Public errors; no message contains the API key.

`errors.toml` has the longer texts, so that all of them can be read and improved in one place.
"""

import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar

#: Texts of errors by name, and tables for them.
TEXTS: dict[str, Any] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)


# Control characters but the end of a line, and halves of characters, which UTF-8 cannot hold.
_CONTROL = re.compile("[\0-\t\v-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# They turn the text after them around.
_TURNING = re.compile("[\u202a-\u202e\u2066\u2067\u2069]")


def clean(text: str) -> str:
    """Return text without characters that command a terminal or turn other text around."""
    return _TURNING.sub("", _CONTROL.sub(" ", text))


class Notice(UserWarning):
    """Warning with a text of `errors.toml`."""

    in_shell = ""


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

    Examples
    --------
    >>> import usage_analysis as ua
    >>> try:
    ...     ua.parse_duration("soon")
    ... except ua.UsageError as error:
    ...     print(type(error).__name__, error.attempts)
    ResponseError 0
    """

    #: Message with the options of the command line, where it differs.
    in_shell = ""

    def __init__(
        self,
        message: str = "",
        *,
        status_code: int | None = None,
        request_id: str | None = None,
        attempts: int = 0,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(clean(message))
        self.status_code = status_code
        self.request_id = request_id
        self.attempts = attempts
        self.retry_after = retry_after


class QueryError(UsageError, ValueError):
    """Invalid filter, argument or frame.

    It is raised before anything is sent. The message names the argument and what it accepts.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> try:
    ...     ua.sample_client(seed=-1)
    ... except ua.QueryError as error:
    ...     print(error)
    seed: expected an integer from 0 up, got -1
    """


class NoDataError(QueryError):
    """Data that an archive, a saved reply or a call log does not have.

    Examples
    --------
    >>> import tempfile
    >>> import usage_analysis as ua
    >>> archive = ua.Archive(tempfile.mkdtemp())
    >>> try:
    ...     archive.load("all")
    ... except ua.NoDataError as error:
    ...     print(error)
    scope: unknown scope 'all'; the archive has none yet, so sync first
    """


class TransportError(UsageError):
    """No complete response: connection refused or reset, TLS failure, timeout or deadline.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> client = ua.Client("public01.of-no-account", base_url="http://127.0.0.1:1", max_attempts=1)
    >>> try:
    ...     client.call_usage()
    ... except ua.TransportError as error:
    ...     print(error.attempts, error.status_code)
    1 None
    """


class APIError(UsageError):
    """Response with an error status.

    Examples
    --------
    >>> import httpx
    >>> import usage_analysis as ua
    >>> answer = httpx.MockTransport(lambda _: httpx.Response(404))
    >>> client = ua.Client("public01.of-no-account", transport=answer)
    >>> try:
    ...     client.call_usage()
    ... except ua.APIError as error:
    ...     print(error.status_code)
    404
    """


class AuthenticationError(APIError):
    """Missing, wrong or unauthorised key (401 or 403).

    Examples
    --------
    >>> import httpx
    >>> import usage_analysis as ua
    >>> answer = httpx.MockTransport(lambda _: httpx.Response(403))
    >>> client = ua.Client("public01.of-no-account", transport=answer)
    >>> try:
    ...     client.call_usage()
    ... except ua.AuthenticationError as error:
    ...     print(error.status_code)
    403
    """


class RateLimitError(APIError):
    """Too many requests (429); `retry_after` is the wait that the server asked for, if any.

    Examples
    --------
    >>> import httpx
    >>> import usage_analysis as ua
    >>> answer = httpx.MockTransport(lambda _: httpx.Response(429, headers={"Retry-After": "7"}))
    >>> client = ua.Client("public01.of-no-account", transport=answer, max_attempts=1)
    >>> try:
    ...     client.call_usage()
    ... except ua.RateLimitError as error:
    ...     print(error.retry_after)
    7.0
    """


class ResponseError(UsageError):
    """Reply that breaks the endpoint's contract; the message starts with the field's path.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> try:
    ...     ua.CallUsage.from_json('{"allTime": {}, "daily": 3}')
    ... except ua.ResponseError as error:
    ...     print(error)
    allTime.totalCount: missing
    """


class ArchiveError(UsageError):
    """Damaged file in an archive, or a file that a newer version of this package wrote.

    The message names the file and says what to do: `Archive.repair` moves damaged files away, and
    the next sync fetches their days again. A newer file needs a newer package.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import usage_analysis as ua
    >>> folder = tempfile.mkdtemp()
    >>> archive = ua.Archive(folder)
    >>> archive.sync(ua.sample_client(), "all", since="2026-03-31").new_days
    2
    >>> part = next(Path(folder).rglob("*.parquet"))
    >>> part.write_bytes(part.read_bytes()[:-9]) > 0
    True
    >>> try:
    ...     archive.load("all", "2026-03-31", "2026-03-31")
    ... except ua.ArchiveError:
    ...     len(archive.repair())
    1
    """


E = TypeVar("E", bound=UsageError | Notice)


def error_of(kind: type[E], why: str, /, **values: object) -> E:
    """Return an error or a warning with a text of `errors.toml`.

    Parameters
    ----------
    kind
        Class of the error or warning.
    why
        Name of the text.
    values
        Values of the fields in the text.
    """
    error = kind(clean(TEXTS[why].format(**values)))
    error.in_shell = clean(TEXTS["shell"].get(why, "").format(**values))
    return error


def refusal(why: str, /, **values: object) -> QueryError:
    """Return the error for an invalid argument or frame, or for missing data; see `error_of`."""
    return error_of(NoDataError if why in TEXTS["data"] else QueryError, why, **values)
