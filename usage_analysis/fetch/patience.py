"""How long to wait, how often to ask again, and when to give up. It knows nothing of HTTP."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, InvalidStateError, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from usage_analysis.errors import QueryError, TransportError

Progress = Callable[[int, int], None]
"""Told how many requests are done, and of how many; first with none done."""

FIRST_BACKOFF = 0.5
"""The most that the wait before the second attempt lasts [s]; each next one doubles it."""

THREAD = "usage-analysis"
"""What the threads of this package are called."""

T = TypeVar("T")
K = TypeVar("K")


@dataclass(frozen=True)
class Patience:
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


class StoppedError(TransportError):
    """Given up because somebody no longer wants the answer."""


class Stop:
    """A word from another thread that ends waits and exchanges at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said = threading.Event()
        self._running: set[Future[object]] = set()

    def say(self) -> None:
        """End what waits for this, and what will."""
        with self._lock:
            self._said.set()
            running = list(self._running)
        for future in running:
            with suppress(InvalidStateError):
                future.set_exception(StoppedError("stopped: the answer is no longer wanted"))

    def sleep(self, seconds: float) -> None:
        """Wait, unless stopped."""
        if self._said.wait(seconds):
            raise StoppedError("stopped: the answer is no longer wanted")

    def bounded(self, work: Callable[[], T], seconds: float, give_up: Callable[[], None]) -> T:
        """What `work` returns or raises; it runs beside, so nothing that it hangs in holds us.

        Parameters
        ----------
        work
            Finishes soon after `give_up` was called.
        seconds
            The longest that this takes [s].
        give_up
            Called where nobody waits for `work` any more.

        Raises
        ------
        TimeoutError
            The time is over.
        StoppedError
            Somebody stopped it.
        """
        future: Future[T] = Future()
        with self._lock:
            self._running.add(future)  # type: ignore[arg-type]  # only exceptions are set
        try:
            self.sleep(0)
            threading.Thread(None, _settle, THREAD, (future, work), daemon=True).start()
            return future.result(seconds)
        except BaseException:
            if not future.done() or isinstance(future.exception(), StoppedError):
                give_up()
            raise
        finally:
            with self._lock:
                self._running.discard(future)


def _settle(future: Future[T], work: Callable[[], T]) -> None:
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001  # whoever waits gets it
        with suppress(InvalidStateError):
            future.set_exception(error)
    else:
        with suppress(InvalidStateError):
            future.set_result(result)


class Deadline:
    """The end of the time that one question may take, from its first request on."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end: float | None = None

    def left(self) -> float:
        """Time left [s], not below 0; the first call starts the clock."""
        if self._end is None:
            self._end = time.monotonic() + self._seconds
        return max(0.0, self._end - time.monotonic())


class Gate:
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

    def turn(self) -> float:
        """Wait until the caller's turn [s], which is the caller's now."""
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next, self._open)
            self._next = start + self._gap
            return start - now

    def closed(self) -> float:
        """Wait until the back-off is over [s]."""
        return max(0.0, self._open - time.monotonic())

    def hold(self, seconds: float) -> None:
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


def side_by_side(
    work: Callable[[K], T],
    keys: Iterable[K],
    *,
    at_once: int,
    stop: Stop,
    progress: Progress | None = None,
) -> dict[K, T]:
    """Result of `work` for each key, in the keys' order; the first failure ends the others.

    `progress` is called in the caller's thread.
    """
    waiting = list(keys)
    report = progress or (lambda _done, _total: None)
    report(0, len(waiting))
    if len(waiting) == 1:
        only = {waiting[0]: work(waiting[0])}
        report(1, 1)
        return only
    with ThreadPoolExecutor(min(at_once, len(waiting)), THREAD) as pool:
        futures = {key: pool.submit(work, key) for key in waiting}
        try:
            _all_done(set(futures.values()), report)
        except BaseException:
            stop.say()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return {key: future.result() for key, future in futures.items()}


def _all_done(pending: set[Future[T]], report: Progress) -> None:
    total = len(pending)
    while pending:
        done, pending = wait(pending, return_when=FIRST_COMPLETED)
        for future in done:
            future.result()
        report(total - len(pending), total)
