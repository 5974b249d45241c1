"""Send requests, with retries, until they succeed, fail for good or reach their deadline."""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

from usage_analysis.errors import TEXTS, QueryError, ResponseError, TransportError
from usage_analysis.fetch import responses
from usage_analysis.fetch.base import Account
from usage_analysis.fetch.key import Key
from usage_analysis.fetch.responses import WHAT, Body, Failure, Response
from usage_analysis.fetch.threads import CancelToken
from usage_analysis.query import check_whole_number
from usage_analysis.tidy import wire

#: Longest wait before the second attempt [s]; it doubles with every further attempt.
FIRST_BACKOFF = 0.5


@dataclass(frozen=True)
class RetryPolicy:
    """Limits of a client: time [s] and number of attempts."""

    timeout: float
    deadline: float
    max_attempts: int
    max_backoff: float

    def __post_init__(self) -> None:
        """Check every setting."""
        for name in ("timeout", "deadline", "max_backoff"):
            value = getattr(self, name)
            # Locks refuse longer waits than this, in the middle of a request.
            if not isinstance(value, int | float) or not 0 < value <= threading.TIMEOUT_MAX:
                raise QueryError(f"{name}: expected a number of seconds above 0, got {value!r}")
        check_whole_number("max_attempts", self.max_attempts)


class Deadline:
    """Time limit of one query, from its first request on.

    Waiting for a free thread does not count.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._start: float | None = None

    def elapsed(self) -> float:
        """Return the time since the first call [s]."""
        if self._start is None:
            self._start = time.monotonic()
        return time.monotonic() - self._start

    def remaining(self) -> float:
        """Return the time left [s], at least 0."""
        return max(0.0, self._seconds - self.elapsed())


class RateLimiter:
    """Rate limiter: spaces requests evenly, and holds all of them during a shared back-off.

    Parameters
    ----------
    per_second
        Maximum number of requests per second; None for no limit.
    """

    def __init__(self, per_second: float | None) -> None:
        self._gap = 0.0 if per_second is None else 1 / per_second
        self._lock = threading.Lock()
        self._next = self._open = 0.0

    def reserve(self) -> float:
        """Reserve the next free slot and return the wait until then [s]."""
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next, self._open)
            self._next = start + self._gap
            return start - now

    def pause_remaining(self) -> float:
        """Return the time until the back-off ends [s]."""
        return max(0.0, self._open - time.monotonic())

    def pause(self, seconds: float) -> None:
        """Hold all requests for a time [s]."""
        with self._lock:
            self._open = max(self._open, time.monotonic() + seconds)


def backoff(attempt: int, longest: float, retry_after: float | None) -> float:
    """Return the wait before the next attempt [s]: the server's wait plus a random part.

    Parameters
    ----------
    attempt
        Number of attempts so far.
    longest
        Upper limit of the random part [s].
    retry_after
        Wait that the server asked for [s].
    """
    # "Full jitter" (Brooker 2015): clients that failed together do not come back together.
    # The exponent is bounded so that thousands of attempts do not overflow.
    most = min(longest, FIRST_BACKOFF * 2.0 ** min(attempt - 1, 30))
    return (retry_after or 0.0) + random.uniform(0, most)  # noqa: S311  # spread, not a secret


Params = list[tuple[str, str]]
#: One attempt: send the parameters and return within so many seconds [s], or when cancelled.
Transport = Callable[[CancelToken, Params, float], Response | Failure]

_PARAMS_LIMIT = 300
_log = logging.getLogger("usage_analysis")
T = TypeVar("T")
#: Function that reads a body; the second argument is the date of the response.
Read = Callable[[Body, datetime], T]


class Reply(NamedTuple, Generic[T]):
    """Content of a response with status 200, and its date."""

    content: T
    date: datetime


@dataclass(frozen=True, eq=False, repr=False)
class Fetcher:
    """Sends requests until they succeed, fail for good or reach their deadline.

    Parameters
    ----------
    transport
        Function that makes one attempt.
    policy
        Time limits and number of attempts.
    limiter
        Rate limiter that every attempt passes.
    account
        Date of the replies if a response has none; learns from the headers of responses.
    key
        Key to remove from texts and bodies.
    """

    transport: Transport
    policy: RetryPolicy
    limiter: RateLimiter
    account: Account
    key: Key

    def fetch(
        self, params: Params, read: Read[T], deadline: Deadline, token: CancelToken
    ) -> Reply[T]:
        """Send one request, read its response with `read` and return the result."""
        attempt, failure = 0, None
        while True:
            if wait := self._await_turn(deadline, token):
                # The failure before the wait says more than the wait itself.
                failure = failure or self._throttle_failure(wait)
                raise failure.to_error(attempt, deadline.elapsed(), self._describe(params))
            attempt += 1
            outcome = self._attempt(params, deadline, token, read)
            if isinstance(outcome, Reply):
                return outcome
            failure = outcome
            wait = backoff(attempt, self.policy.max_backoff, failure.retry_after)
            last = attempt == self.policy.max_attempts or wait >= deadline.remaining()
            if last or not failure.retry:
                raise failure.to_error(attempt, deadline.elapsed(), self._describe(params))
            _log.info("%s; attempt %d, the next in %.1f s", failure.error, attempt, wait)
            if failure.shared:
                self.limiter.pause(wait)
            else:
                token.sleep(wait)

    def _await_turn(self, deadline: Deadline, token: CancelToken) -> float:
        """Wait for a free slot and return 0, or return a wait [s] that would pass the deadline."""
        wait = self.limiter.reserve()
        while wait > 0:
            if wait >= deadline.remaining():
                return wait
            token.sleep(wait)
            # Another request may have started a back-off meanwhile.
            wait = self.limiter.pause_remaining()
        return 0.0

    def _throttle_failure(self, wait: float) -> Failure:
        message = TEXTS["throttled"].format(what=WHAT, wait=wait)
        return Failure(TransportError(message, retry_after=wait))

    def _describe(self, params: Params) -> str:
        """Return the parameters for a message, without the key."""
        said = self.key.hide(urlencode(params, safe=":"))
        return said if len(said) <= _PARAMS_LIMIT else f"{said[:_PARAMS_LIMIT]}..."

    def _attempt(
        self, params: Params, deadline: Deadline, token: CancelToken, read: Read[T]
    ) -> Reply[T] | Failure:
        response = self.transport(token, params, min(self.policy.timeout, deadline.remaining()))
        if isinstance(response, Failure):
            return response
        now = self.account.now()
        body = responses.response_body(response, now, self.key.hide)
        if isinstance(body, Failure):
            return body
        self.account.update(response.headers)
        date = responses.parse_date(response.headers.get("Date", "")) or now
        try:
            return Reply(read(body, date), date)
        except ResponseError as error:
            retry, message = isinstance(error, wire.CutReplyError), str(error)
            return responses.failure(ResponseError, message, response, self.key.hide, retry=retry)
        except TimeoutError:
            problem = "not decoded before the deadline; ask for less, or set a longer deadline"
            message = f"{WHAT}: no complete answer: {problem}"
            return responses.failure(TransportError, message, response, self.key.hide)
