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
from weakref import WeakValueDictionary

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
#: Retries of all clients of a key: so many at once, and so many per second.
MOST_RETRIES, RETRIES_PER_SECOND = 100.0, 1.0


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
        self._start = self._start or time.monotonic()
        return time.monotonic() - self._start

    def remaining(self) -> float:
        """Return the time left [s], at least 0."""
        return max(0.0, self._seconds - self.elapsed())


class RateLimiter:
    """Rate limiter: spaces requests evenly, holds all during a back-off, and limits retries.

    Parameters
    ----------
    per_second
        Maximum number of requests per second; None for no limit.
    """

    def __init__(self, per_second: float | None) -> None:
        self._gap = 0.0 if per_second is None else 1 / per_second
        self._lock = threading.Lock()
        self._next = self._open = 0.0
        self._retries, self._counted = MOST_RETRIES, time.monotonic()

    def take_retry(self) -> bool:
        """Take one retry from the budget, and return True if there was one.

        After a first burst, one of ten requests is sent again, as in the retry throttling of gRPC
        (proposal A6), and one per second: a server in trouble is not asked five times as often.
        """
        with self._lock:
            now = time.monotonic()
            earned = (now - self._counted) * RETRIES_PER_SECOND
            self._retries, self._counted = min(MOST_RETRIES, self._retries + earned), now
            self._retries -= (took := self._retries >= 1)
            return took

    def reserve(self) -> float:
        """Reserve the next free slot and return the wait until then [s]."""
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next, self._open)
            self._next = start + self._gap
            self._retries = min(MOST_RETRIES, self._retries + 0.1)
            return start - now

    def pause_remaining(self) -> float:
        """Return the time until the back-off ends [s]."""
        return max(0.0, self._open - time.monotonic())

    def pause(self, seconds: float) -> None:
        """Hold all requests for a time [s]."""
        with self._lock:
            self._open = max(self._open, time.monotonic() + seconds)


_LIMITERS: WeakValueDictionary[tuple[str, str], RateLimiter] = WeakValueDictionary()
_SHARING = threading.Lock()


def rate_limiter(address: str, digest: str, per_second: float | None) -> RateLimiter:
    """Return the limiter that all clients with a key share in this process, if it has a limit."""
    limiter = RateLimiter(per_second)
    with _SHARING:
        return _LIMITERS.setdefault((address, digest), limiter) if per_second else limiter


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
                said = TEXTS["throttled"].format(what=WHAT, wait=wait)
                failure = failure or Failure(TransportError(said, retry_after=wait))
                raise failure.to_error(attempt, deadline.elapsed(), self._describe(params))
            attempt += 1
            outcome = self._attempt(params, deadline, token, read)
            if isinstance(outcome, Reply):
                return outcome
            failure = outcome
            wait = backoff(attempt, self.policy.max_backoff, failure.retry_after)
            last = attempt == self.policy.max_attempts or wait >= deadline.remaining()
            if failure.retry and not last and not self.limiter.take_retry():
                failure.error.args = (TEXTS["exhausted"].format(error=failure.error),)
                last = True
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
        date = self.account.date_of(response.headers)
        try:
            return Reply(read(body, date), date)
        except ResponseError as error:
            retry, message = isinstance(error, wire.CutReplyError), str(error)
            return responses.failure(ResponseError, message, response, self.key.hide, retry=retry)
        except TimeoutError:
            problem = "not decoded before the deadline; ask for less, or set a longer deadline"
            message = f"{WHAT}: no complete answer: {problem}"
            return responses.failure(TransportError, message, response, self.key.hide)
