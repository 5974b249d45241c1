"""Retry policy, deadline, backoff and rate limiter; nothing here knows HTTP."""

import random
import threading
import time
from dataclasses import dataclass

from usage_analysis.errors import QueryError
from usage_analysis.query import check_whole_number

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
        """Hold all requests for so many seconds."""
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
