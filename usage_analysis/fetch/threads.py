"""Work in threads that can be cancelled from another thread; no HTTP here."""

from __future__ import annotations

import threading
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
from functools import partial
from itertools import islice
from queue import Empty, SimpleQueue
from typing import TypeVar

from usage_analysis.errors import TransportError
from usage_analysis.fetch.progress import Progress

THREAD_NAME = "usage-analysis"
"""What the threads of this package are called."""


_IDLE = 10.0  # how long a thread waits for work [s]


T = TypeVar("T")


K = TypeVar("K")


class RequestCancelledError(TransportError):
    """Given up because somebody no longer wants the answer."""


class ThreadPool:
    """Threads for what may hang, kept for the next time; none of them keeps the process alive.

    An executor's threads would be waited for at the end of the process, and its number of them is
    a limit that one hanging name look-up uses up.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[SimpleQueue[Callable[[], None] | None]] = []
        self._closed = False

    def submit(self, work: Callable[[], None]) -> None:
        """Begin `work`, which raises nothing, in a thread of its own."""
        with self._lock:
            queue = self._idle.pop() if self._idle else None
        if queue is None:
            queue = SimpleQueue()
            threading.Thread(None, self._live, THREAD_NAME, (queue,), daemon=True).start()
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


class CancelToken:
    """A word from another thread that ends waits and exchanges at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._event = threading.Event()
        self._running: set[Future[object]] = set()

    def cancel(self) -> None:
        """End what waits for this, and what will."""
        with self._lock:
            self._event.set()
            running = list(self._running)
        for future in running:
            with suppress(InvalidStateError):
                future.set_exception(self._cancelled())

    def sleep(self, seconds: float) -> None:
        """Wait, unless stopped."""
        if self._event.wait(seconds):
            raise self._cancelled()

    def run(
        self,
        work: Callable[[], T],
        seconds: float,
        *,
        pool: ThreadPool,
        give_up: Callable[[], None],
    ) -> T:
        """What `work` returns or raises; it runs beside, so nothing that it hangs in holds us.

        Parameters
        ----------
        work
            Begins in any case, and ends soon after `give_up` was called.
        seconds
            The longest that this takes [s].
        pool
            Who does the work.
        give_up
            Called where nobody waits for `work` any more.

        Raises
        ------
        TimeoutError
            The time is over.
        RequestCancelledError
            Somebody stopped it.
        """
        future: Future[T] = Future()
        with self._lock:
            self._running.add(future)  # type: ignore[arg-type]  # only exceptions are set
            if self._event.is_set():
                future.set_exception(self._cancelled())
        try:
            pool.submit(partial(_settle, future, work))
            return future.result(seconds)
        except BaseException:
            if not future.done() or isinstance(future.exception(), RequestCancelledError):
                give_up()
            raise
        finally:
            with self._lock:
                self._running.discard(future)

    @staticmethod
    def _cancelled() -> RequestCancelledError:
        return RequestCancelledError("stopped: the answer is no longer wanted")


def _settle(future: Future[T], work: Callable[[], T]) -> None:
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001  # whoever waits gets it
        with suppress(InvalidStateError):
            future.set_exception(error)
    else:
        with suppress(InvalidStateError):
            future.set_result(result)


def run_all(
    work: Callable[[K], T],
    keys: Iterable[K],
    *,
    max_concurrency: int,
    token: CancelToken,
    progress: Progress,
) -> dict[K, T]:
    """Result of `work` for each key, in the keys' order; the first failure ends the others.

    `progress` is called in the caller's thread.
    """
    waiting = list(keys)
    progress(0, len(waiting))
    if len(waiting) == 1:
        only = {waiting[0]: work(waiting[0])}
        progress(1, 1)
        return only
    with ThreadPoolExecutor(min(max_concurrency, len(waiting)), THREAD_NAME) as pool:
        futures = {key: pool.submit(work, key) for key in waiting}
        try:
            for done, future in enumerate(as_completed(futures.values()), 1):
                future.result()
                progress(done, len(waiting))
        except BaseException:
            token.cancel()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return {key: future.result() for key, future in futures.items()}


def run_unordered(
    work: Callable[[K], T], keys: Iterable[K], *, max_concurrency: int, token: CancelToken
) -> Generator[tuple[K, T]]:
    """Each key with the result of `work`, in no order; the first failure ends the others.

    The next key is read when a thread is free for it and the caller has taken the results before,
    so no more is held than `max_concurrency` results, however many keys there are.
    """
    more = iter(keys)
    running: dict[Future[T], K] = {}
    pool = ThreadPoolExecutor(max_concurrency, THREAD_NAME)
    try:
        while True:
            for key in islice(more, max_concurrency - len(running)):
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
            token.cancel()
        pool.shutdown(wait=True, cancel_futures=True)


def _failed(future: Future[T]) -> bool:
    return future.exception() is not None
