"""Run work in threads, with a token that cancels it from another thread."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, InvalidStateError, ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import islice
from threading import Event, Lock, Thread
from typing import TypeVar

from usage_analysis.errors import TransportError

#: Name of all threads of this package.
THREAD_NAME = "usage-analysis"

T = TypeVar("T")
K = TypeVar("K")


class RequestCancelledError(TransportError):
    """The request was cancelled: its result is no longer wanted."""


class CancelToken:
    """Token that cancels waits and requests from another thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._event = Event()
        self._running: set[Future[object]] = set()

    def cancel(self) -> None:
        """End all waits and requests that use this token, now and later."""
        with self._lock:
            self._event.set()
            running = list(self._running)
        for future in running:
            with suppress(InvalidStateError):
                future.set_exception(self._cancel_error())

    def sleep(self, seconds: float) -> None:
        """Wait, unless cancelled.

        Raises
        ------
        RequestCancelledError
            The token was cancelled before or during the wait.
        """
        if self._event.wait(seconds):
            raise self._cancel_error()

    def run(self, work: Callable[[], T], seconds: float, *, give_up: Callable[[], None]) -> T:
        """Run `work` in a thread of its own and return its result, within a time limit.

        The caller comes back in time even if `work` hangs in a system call.

        Parameters
        ----------
        work
            Function that ends soon after `give_up` was called.
        seconds
            Time limit [s].
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
                future.set_exception(self._cancel_error())
        try:
            # A `ThreadPoolExecutor` does not serve here. Python waits for its threads at exit, and
            # name look-ups that hang would use up its fixed number of threads.
            Thread(None, _set_result, THREAD_NAME, (future, work), daemon=True).start()
            return future.result(seconds)
        except BaseException:
            if not future.done() or isinstance(future.exception(), RequestCancelledError):
                give_up()
            raise
        finally:
            with self._lock:
                self._running.discard(future)

    @staticmethod
    def _cancel_error() -> RequestCancelledError:
        return RequestCancelledError("cancelled: the result is no longer wanted")


def _set_result(future: Future[T], work: Callable[[], T]) -> None:
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001  # whoever waits gets it
        with suppress(InvalidStateError):
            future.set_exception(error)
    else:
        with suppress(InvalidStateError):
            future.set_result(result)


def run_concurrently(
    work: Callable[[K], T], keys: Iterable[K], max_concurrency: int, token: CancelToken
) -> Generator[tuple[K, T]]:
    """Yield each key with the result of `work` in order of arrival; a failure cancels the rest.

    A key is read only when a thread is free and the caller has taken all earlier results. So at
    most `max_concurrency` results are in memory.
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
