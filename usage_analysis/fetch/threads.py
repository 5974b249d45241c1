"""Threads, and a token that cancels their work from another thread; nothing here knows HTTP."""

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

#: Name of all threads of this package.
THREAD_NAME = "usage-analysis"

_IDLE = 10.0  # time after which an idle thread ends [s]

T = TypeVar("T")
K = TypeVar("K")


class RequestCancelledError(TransportError):
    """The request was cancelled: its result is no longer wanted."""


class ThreadPool:
    """Daemon threads for work that may hang; idle threads are reused.

    A `ThreadPoolExecutor` does not serve here. Python waits for its threads when the process ends,
    and name look-ups that hang would use up its fixed number of threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[SimpleQueue[Callable[[], None] | None]] = []
        self._closed = False

    def submit(self, work: Callable[[], None]) -> None:
        """Run `work` in a thread of its own; it must not raise."""
        with self._lock:
            queue = self._idle.pop() if self._idle else None
        if queue is None:
            queue = SimpleQueue()
            threading.Thread(None, self._live, THREAD_NAME, (queue,), daemon=True).start()
        queue.put(work)

    def close(self) -> None:
        """End the idle threads now, and the others when their work is done."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for queue in idle:
            queue.put(None)

    def _live(self, queue: SimpleQueue[Callable[[], None] | None]) -> None:
        while work := self._next(queue):
            work()
            del work  # it refers to the response, which can be large
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
        # Somebody took this thread from the idle ones just now, so its work is about to come.
        return queue.get()


class CancelToken:
    """Token with which another thread cancels waits and requests at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._event = threading.Event()
        self._running: set[Future[object]] = set()

    def cancel(self) -> None:
        """End all waits and requests that use this token, now and later."""
        with self._lock:
            self._event.set()
            running = list(self._running)
        for future in running:
            with suppress(InvalidStateError):
                future.set_exception(self._cancelled())

    def sleep(self, seconds: float) -> None:
        """Wait, unless cancelled.

        Raises
        ------
        RequestCancelledError
            The token was cancelled before or during the wait.
        """
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
        """Run `work` in another thread and return its result, within a time limit.

        The caller comes back in time even if `work` hangs in a system call.

        Parameters
        ----------
        work
            Function that ends soon after `give_up` was called.
        seconds
            Time limit [s].
        pool
            Threads to run it in.
        give_up
            Function that is called when nobody waits for `work` any more.

        Raises
        ------
        TimeoutError
            The time limit was reached.
        RequestCancelledError
            The token was cancelled.
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
        return RequestCancelledError("cancelled: the result is no longer wanted")


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
    """Run `work` for each key and return the results in the order of the keys.

    The first failure cancels the others. `progress` is called in the caller's thread.
    """
    waiting = list(keys)
    progress(0, len(waiting))
    # A single request needs no thread of its own, and its traceback stays short.
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
    """Yield each key with the result of `work`, as they come; the first failure cancels the others.

    The next key is read when a thread is free and the caller has taken the earlier results. So at
    most `max_concurrency` results are in memory, however many keys there are.
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
            # Results are handed over before a failure ends the loop, so that none is lost.
            done = sorted(ended, key=lambda future: future.exception() is not None, reverse=True)
            del ended
            while done:
                # No name refers to a result while the caller works on it: it can be freed.
                future = done.pop()
                yield running.pop(future), future.result()
                del future
    finally:
        if running:
            token.cancel()
        pool.shutdown(wait=True, cancel_futures=True)
