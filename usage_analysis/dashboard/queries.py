"""Queries of the dashboard, and the thread that runs the newest and drops stale results."""

import asyncio
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from usage_analysis.errors import QueryError
from usage_analysis.fetch.base import BaseClient
from usage_analysis.fetch.breakdown import Grouping
from usage_analysis.fetch.threads import CancelToken, RequestCancelledError
from usage_analysis.progress import Progress
from usage_analysis.query import UsageQuery
from usage_analysis.tidy.usage import CallUsage

#: Changes that follow each other faster than this are sent as one query [s].
JOIN: Final = 0.15


@dataclass(frozen=True, kw_only=True)
class Question:
    """One query of the dashboard to the server.

    Parameters
    ----------
    start, end
        Window of whole UTC days; `end` is the first instant after it.
    needed
        Start without the earlier days that only the overview uses; an archive may lack those days.
    selected
        Filters of all calls, by name.
    by, groups, rest
        Kind of the groups, the value of each group by name, and True to fetch also the calls
        outside all groups.
    """

    start: datetime
    end: datetime
    needed: datetime
    selected: Mapping[str, Any] = field(default_factory=dict)
    by: str = ""
    groups: Mapping[str, Any] = field(default_factory=dict)
    rest: bool = False

    def covers(self, other: Self) -> bool:
        """Return True if the reply also holds the reply to another query."""
        # The groups and the rest add up to all calls.
        same = self.selected == other.selected and other.by in ("", self.by)
        start = other.needed if self.start == self.needed else other.start
        return same and self.start <= start and self.end >= other.end

    def filters(self) -> dict[str, Any]:
        """Return the filters of all requests, as a `UsageQuery` takes them."""
        shared = dict(self.selected)
        own = {"agent": "agent_ids", "voice": "voice_id", "": ""}.get(self.by, "metadata")
        if own != "metadata" or shared.get("metadata", {}).keys() == {self.by}:
            shared.pop(own, None)
        return shared

    def ask(self, client: BaseClient, progress: Progress | None = None) -> CallUsage:
        """Send the query and return the reply."""
        window = {"from_date": self.start, "to_date": self.end - timedelta(microseconds=1)}
        asked = {**window, **self.filters()}
        if not self.by:
            return client.call_usage(UsageQuery(**asked), progress=progress)
        options = {"include_rest": self.rest, "progress": progress, **asked}
        grouping = grouping_of(self.by, self.groups)
        return client.breakdown(grouping.filters(), name=grouping.column, **options)


def grouping_of(by: str, values: Mapping[str, Any]) -> Grouping:
    """Return the grouping for a choice of the dashboard: `agent`, `voice` or a metadata key."""
    return Grouping(by if by in ("agent", "voice") else f"metadata.{by}", values)


Told = Callable[[Question, CallUsage | BaseException], None]


@dataclass(eq=False)
class _Task:
    question: Question
    token: CancelToken = field(default_factory=CancelToken)
    done: threading.Event = field(default_factory=threading.Event)
    answer: CallUsage | BaseException | None = None


class BackgroundQueries:
    """Run at most one query; a newer query cancels it.

    Parameters
    ----------
    client
        Client that sends the query.
    told
        Function that is called with each reply or exception, unless a newer query was started.
    progress
        Function that is called with the number of finished requests and their total.
    """

    def __init__(self, client: BaseClient, told: Told, progress: Progress) -> None:
        self._client, self._told, self._progress = client, told, progress
        self._lock = threading.Lock()
        self._task: _Task | None = None
        #: Number of queries sent; a query that a newer one replaced in time is not sent.
        self.asked = 0

    @property
    def question(self) -> Question | None:
        """The running query."""
        task = self._task
        return None if task is None else task.question

    def ask(self, question: Question) -> None:
        """Send the query, and wait for its reply if a cell or a script runs."""
        if (loop := loop_to_go_on()) is None:
            self.now(question)
        else:
            self.later(question, loop)

    def now(self, question: Question) -> None:
        """Send the query and deliver its reply before returning."""
        task = self._begin(question)
        self._work(task, lambda call, *given: call(*given))
        self._deliver(task)

    def later(self, question: Question, loop: asyncio.AbstractEventLoop) -> None:
        """Send the query in a thread and deliver its reply on the event loop."""
        task = self._begin(question)

        def post(call: Callable[..., None], *given: object) -> None:
            # A kernel that was shut down meanwhile has closed its loop.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(call, *given)

        def work() -> None:
            try:
                task.token.sleep(JOIN)
            except RequestCancelledError:
                task.done.set()
                return
            self._work(task, post)
            post(self._deliver, task)

        threading.Thread(target=work, name="usage-analysis-ask", daemon=True).start()

    def stop(self) -> None:
        """Stop the running query and drop its result."""
        with self._lock:
            task, self._task = self._task, None
        if task is not None:
            task.token.cancel()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the running query and return True once none is running."""
        while (task := self._task) is not None:
            if not task.done.wait(timeout):
                return False
            self._deliver(task)
        return True

    def _begin(self, question: Question) -> _Task:
        self.stop()
        task = _Task(question)
        with self._lock:
            self._task = task
        return task

    def _work(self, task: _Task, post: Callable[..., None]) -> None:
        def report(done: int, total: int) -> None:
            post(self._report, task, done, total)

        self.asked += 1
        client = self._client.cancellable(task.token)
        try:
            try:
                task.answer = task.question.ask(client, report)
            except QueryError:  # an archive may begin later than the overview looks back
                if task.question.start == task.question.needed:
                    raise
                task.question = replace(task.question, start=task.question.needed)
                task.answer = task.question.ask(client, report)
        except BaseException as error:  # noqa: BLE001  # told in the answer's place
            task.answer = error
        finally:
            task.done.set()

    def _report(self, task: _Task, done: int, total: int) -> None:
        if task is self._task:
            self._progress(done, total)

    def _deliver(self, task: _Task) -> None:
        with self._lock:
            if task is not self._task:
                return
            self._task = None
        if task.answer is not None:
            self._told(task.question, task.answer)


def loop_to_go_on() -> asyncio.AbstractEventLoop | None:
    """Return the event loop to deliver a reply on; None if a cell or a script waits for the reply.

    A kernel's loop also runs while a cell does, but the cell's next line expects the figure. Only
    changes on the page, which arrive as messages of the front end, get their figure later.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    return None if _in_cell() else loop


def _in_cell() -> bool:
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return False
    header = kernel.get_parent("shell").get("header", {})
    return bool(header.get("msg_type") == "execute_request")
