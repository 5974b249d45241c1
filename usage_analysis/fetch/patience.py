"""How long to wait, how often to ask again, and when to give up. It knows nothing of HTTP."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import (
    FIRST_COMPLETED,
    Future,
    InvalidStateError,
    ThreadPoolExecutor,
    as_completed,
    wait,
)
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from queue import Empty, SimpleQueue
from typing import TypeVar

from usage_analysis.errors import QueryError, TransportError

Progress = Callable[[int, int], None]
"""Told how many requests are done, and of how many; first with none done."""

FIRST_BACKOFF = 0.5
"""The most that the wait before the second attempt lasts [s]; each next one doubles it."""

THREAD = "usage-analysis"
"""What the threads of this package are called."""

_IDLE = 10.0  # how long a thread waits for work [s]

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


class Hands:
    """Threads for what may hang, kept for the next time; none of them keeps the process alive.

    An executor's threads would be waited for at the end of the process, and its number of them is
    a limit that one hanging name look-up uses up.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[SimpleQueue[Callable[[], None] | None]] = []
        self._closed = False

    def do(self, work: Callable[[], None]) -> None:
        """Begin `work`, which raises nothing, in a thread of its own."""
        with self._lock:
            queue = self._idle.pop() if self._idle else None
        if queue is None:
            queue = SimpleQueue()
            threading.Thread(None, self._live, THREAD, (queue,), daemon=True).start()
        queue.put(work)

    def close(self) -> None:
        """End the threads that do nothing now, and the others once they are done."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for queue in idle:
            queue.put(None)

    def _live(self, queue: SimpleQueue[Callable[[], None] | None]) -> None:
        while work := self._next(queue):
            work()
            del work  # it holds the answer
            with self._lock:
                if self._closed:
                    return
                self._idle.append(queue)

    def _next(self, queue: SimpleQueue[Callable[[], None] | None]) -> Callable[[], None] | None:
        with suppress(Empty):
            return queue.get(timeout=_IDLE)
        with self._lock:
            if queue in self._idle:
                self._idle.remove(queue)
                return None
        return queue.get()  # on its way


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
                future.set_exception(self._stopped())

    def sleep(self, seconds: float) -> None:
        """Wait, unless stopped."""
        if self._said.wait(seconds):
            raise self._stopped()

    def bounded(
        self, work: Callable[[], T], seconds: float, *, hands: Hands, give_up: Callable[[], None]
    ) -> T:
        """What `work` returns or raises; it runs beside, so nothing that it hangs in holds us.

        Parameters
        ----------
        work
            Begins in any case, and ends soon after `give_up` was called.
        seconds
            The longest that this takes [s].
        hands
            Who does the work.
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
            if self._said.is_set():
                future.set_exception(self._stopped())
        try:
            hands.do(partial(_settle, future, work))
            return future.result(seconds)
        except BaseException:
            if not future.done() or isinstance(future.exception(), StoppedError):
                give_up()
            raise
        finally:
            with self._lock:
                self._running.discard(future)

    @staticmethod
    def _stopped() -> StoppedError:
        return StoppedError("stopped: the answer is no longer wanted")


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
        self._start: float | None = None

    def spent(self) -> float:
        """Time since the first call [s]."""
        if self._start is None:
            self._start = time.monotonic()
        return time.monotonic() - self._start

    def left(self) -> float:
        """Time left [s], not below 0."""
        return max(0.0, self._seconds - self.spent())


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
            for done, future in enumerate(as_completed(futures.values()), 1):
                future.result()
                report(done, len(waiting))
        except BaseException:
            stop.say()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return {key: future.result() for key, future in futures.items()}


def as_they_come(
    work: Callable[[K], T], keys: Iterable[K], *, at_once: int, stop: Stop
) -> Generator[tuple[K, T]]:
    """Each key with the result of `work`, in no order; the first failure ends the others.

    The next key is read when a thread is free for it and the caller has taken the results before,
    so no more is held than `at_once` results, however many keys there are.
    """
    more = iter(keys)
    running: dict[Future[T], K] = {}
    pool = ThreadPoolExecutor(at_once, THREAD)
    try:
        while True:
            for key in islice(more, at_once - len(running)):
                running[pool.submit(work, key)] = key
            if not running:
                return
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            # What came is handed over before what failed ends it all.
            done = sorted(ended, key=_failed, reverse=True)
            del ended
            while done:
                # No name here keeps a result while the caller works on it.
                future = done.pop()
                yield running.pop(future), future.result()
                del future
    finally:
        if running:
            stop.say()
        pool.shutdown(wait=True, cancel_futures=True)


def _failed(future: Future[T]) -> bool:
    return future.exception() is not None
