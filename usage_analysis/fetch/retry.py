"""Retry policy: how long to wait, how often to try again, when to give up; no HTTP here."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass

from usage_analysis.errors import QueryError

FIRST_BACKOFF = 0.5
"""The most that the wait before the second attempt lasts [s]; each next one doubles it."""


@dataclass(frozen=True)
class RetryPolicy:
    """How long a client waits [s], and how often it asks."""

    timeout: float
    deadline: float
    max_attempts: int
    max_backoff: float

    def __post_init__(self) -> None:
        """Check every setting."""
        for name in ("timeout", "deadline", "max_backoff"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0 < value <= threading.TIMEOUT_MAX:
                raise QueryError(f"{name}: expected a number of seconds above 0, got {value!r}")
        if not isinstance(self.max_attempts, int) or self.max_attempts < 1:
            raise QueryError(
                f"max_attempts: expected a whole number from 1, got {self.max_attempts!r}"
            )


class Deadline:
    """The end of the time that one question may take, from its first request on."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._start: float | None = None

    def spent(self) -> float:
        """Time since the first call [s]."""
        if self._start is None:
            self._start = time.monotonic()
        return time.monotonic() - self._start

    def left(self) -> float:
        """Time left [s], not below 0."""
        return max(0.0, self._seconds - self.spent())


class RateLimiter:
    """When the next request may go out: spread over the second, and after a shared back-off.

    Parameters
    ----------
    per_second
        The most requests that go out in a second; None for no limit.
    """

    def __init__(self, per_second: float | None) -> None:
        self._gap = 0.0 if per_second is None else 1 / per_second
        self._lock = threading.Lock()
        self._next = self._open = 0.0

    def reserve(self) -> float:
        """Wait until the caller's turn [s], which is the caller's now."""
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next, self._open)
            self._next = start + self._gap
            return start - now

    def pause_left(self) -> float:
        """Wait until the back-off is over [s]."""
        return max(0.0, self._open - time.monotonic())

    def pause(self, seconds: float) -> None:
        """Let nobody through for a while."""
        with self._lock:
            self._open = max(self._open, time.monotonic() + seconds)


def backoff(attempt: int, longest: float, retry_after: float | None) -> float:
    """Wait before the next attempt [s]: what the server asked for, and a random part on top.

    Parameters
    ----------
    attempt
        How many attempts were made.
    longest
        The most that the random part lasts [s]. It is drawn from the whole range ("full jitter"),
        so that clients that failed together do not come back together.
    retry_after
        The server's own wait [s].
    """
    most = min(longest, FIRST_BACKOFF * 2.0 ** min(attempt - 1, 30))
    return (retry_after or 0.0) + random.uniform(0, most)  # noqa: S311  # spread, not a secret
