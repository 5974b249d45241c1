"""Fetch queries, with parallel requests, retries and one deadline per query."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Generic, NamedTuple, Self, TypeVar
from urllib.parse import urlencode

from usage_analysis.errors import ResponseError, TransportError, UsageError
from usage_analysis.fetch import responses
from usage_analysis.fetch.account import Account
from usage_analysis.fetch.key import Key
from usage_analysis.fetch.responses import Body, Failure, Response
from usage_analysis.fetch.retry import Deadline, RateLimiter, RetryPolicy, backoff
from usage_analysis.fetch.threads import THREAD_NAME, CancelToken, run_concurrently
from usage_analysis.progress import ProgressOption, report_progress
from usage_analysis.query import UsageQuery
from usage_analysis.tidy import wire
from usage_analysis.tidy.reply_checks import CheckedReply, check_reply
from usage_analysis.tidy.usage import CallUsage, build_usage

Params = list[tuple[str, str]]
#: A group, and the number of one of its requests.
Task = tuple[str, int]
#: One attempt: send the parameters and return within so many seconds [s], or when cancelled.
Transport = Callable[[CancelToken, Params, float], Response | Failure]

OUT_OF_TIME = (
    "not sent: other queries of this client took all the time until the deadline; run fewer at "
    "once, or set a longer deadline"
)
_PARAMS_LIMIT = 300
_log = logging.getLogger("usage_analysis")
T = TypeVar("T")
#: Function that reads a body; the second argument is the date of the response.
Read = Callable[[Body, datetime], T]
#: The same for the reply to a query, within a deadline.
ReadReply = Callable[[UsageQuery, Deadline, Body, datetime], CheckedReply]


class Request(NamedTuple):
    """One request: its part of the query and its wire parameters."""

    query: UsageQuery
    params: Params


class Reply(NamedTuple, Generic[T]):
    """Content of a response with status 200, and its date."""

    content: T
    date: datetime


class Fetcher:
    """Sends requests until they succeed, fail for good or reach their deadline.

    Parameters
    ----------
    what
        Name of the request, for messages.
    transport
        Function that makes one attempt.
    policy
        Time limits and number of attempts.
    limiter
        Rate limiter that every attempt passes.
    account
        Source of the replies, and their date if a response has none.
    key
        Key to remove from texts and bodies.
    """

    def __init__(
        self,
        what: str,
        transport: Transport,
        *,
        policy: RetryPolicy,
        limiter: RateLimiter,
        account: Account,
        key: Key,
    ) -> None:
        self._what, self._transport, self._policy = what, transport, policy
        self._limiter, self._account, self._key = limiter, account, key
        self._token: CancelToken | None = None

    @property
    def deadline(self) -> float:
        """Time limit of one query [s]."""
        return self._policy.deadline

    def bind(self, token: CancelToken, waited: float = 0.0) -> Self:
        """Return a fetcher that obeys a cancel token; the time already waited [s] counts.

        Raises
        ------
        TransportError
            The wait took all the time.
        """
        if waited >= self.deadline:
            raise TransportError(OUT_OF_TIME)
        other = copy.copy(self)
        other._token = token
        other._policy = replace(self._policy, deadline=self.deadline - waited)
        return other

    def fetch(self, params: Params, read: Read[T]) -> Reply[T]:
        """Send one request, read its response with `read` and return the result."""
        deadline = Deadline(self._policy.deadline)
        return self._fetch(params, deadline, self._token or CancelToken(), read)

    def fetch_usages(
        self,
        first: Mapping[str, UsageQuery],
        then: Mapping[str, UsageQuery],
        *,
        name: str,
        max_concurrency: int,
        chunk_days: int,
        progress: ProgressOption,
    ) -> dict[str, CallUsage]:
        """Fetch the usage of each group, all as of the date of the last reply.

        Parameters
        ----------
        first, then
            Queries by group; `then` is fetched when `first` is complete.
        name
            Noun for a group, for messages.
        max_concurrency
            Maximum number of concurrent requests.
        chunk_days
            Longest window of one request [days].
        progress
            ``True`` for a progress bar on standard error or in the notebook, or a function that is
            called with the number of finished requests and their total.
        """
        tasks, later = _tasks(first, chunk_days), _tasks(then, chunk_days)
        replies: dict[Task, Reply[CheckedReply]] = {}
        with self._reader() as read, report_progress(progress) as report:
            report(0, len(tasks) + len(later))
            for some in (tasks, later):
                with closing(self._iter_replies(some, name, max_concurrency, read)) as answers:
                    for task, reply in answers:
                        replies[task] = reply
                        report(len(replies), len(tasks) + len(later))
        # Groups fetched at different seconds are one breakdown: the last reply dates all of them.
        as_of = max(reply.date for reply in replies.values())
        parts: dict[str, list[CheckedReply]] = {}
        for group, place in (*tasks, *later):
            parts.setdefault(group, []).append(replies[group, place].content)
        usages = {}
        for group, query in {**first, **then}.items():
            with group_in_errors(name, group):
                usages[group] = self._build(parts[group], query, as_of)
        return usages

    def iter_usages(
        self,
        queries: Iterable[tuple[str, UsageQuery]],
        *,
        name: str,
        max_concurrency: int,
        chunk_days: int,
    ) -> Generator[tuple[str, CallUsage]]:
        """Yield each group with its usage in order of arrival; nothing else stays in memory."""
        token = self._token or CancelToken()

        def work(question: tuple[str, UsageQuery]) -> CallUsage:
            group, query = question
            deadline = Deadline(self._policy.deadline)
            with group_in_errors(name, group):
                replies = [
                    self._fetch(
                        request.params, deadline, token, partial(read, request.query, deadline)
                    )
                    for request in _requests(query, chunk_days)
                ]
                as_of = max(reply.date for reply in replies)
                return self._build([reply.content for reply in replies], query, as_of)

        with (
            self._reader() as read,
            closing(
                run_concurrently(work, queries, max_concurrency=max_concurrency, token=token)
            ) as answers,
        ):
            for (group, _), usage in answers:
                yield group, usage

    def _build(
        self, replies: Sequence[CheckedReply], query: UsageQuery, as_of: datetime
    ) -> CallUsage:
        account = self._account
        return build_usage(replies, account.clip(query), as_of=as_of, source=account.source)

    def _iter_replies(
        self, tasks: Mapping[Task, Request], name: str, max_concurrency: int, read: ReadReply
    ) -> Generator[tuple[Task, Reply[CheckedReply]]]:
        """Yield each task with its reply; the requests of one group share a deadline."""
        deadlines = {group: Deadline(self._policy.deadline) for group, _ in tasks}
        token = self._token or CancelToken()

        def work(task: Task) -> Reply[CheckedReply]:
            (query, params), deadline = tasks[task], deadlines[task[0]]
            with group_in_errors(name, task[0]):
                return self._fetch(params, deadline, token, partial(read, query, deadline))

        return run_concurrently(work, tasks, max_concurrency=max_concurrency, token=token)

    def _fetch(
        self, params: Params, deadline: Deadline, token: CancelToken, read: Read[T]
    ) -> Reply[T]:
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
            wait = backoff(attempt, self._policy.max_backoff, failure.retry_after)
            last = attempt == self._policy.max_attempts or wait >= deadline.remaining()
            if last or not failure.retry:
                raise failure.to_error(attempt, deadline.elapsed(), self._describe(params))
            _log.info("%s; attempt %d, the next in %.1f s", failure.error, attempt, wait)
            if failure.shared:
                self._limiter.pause(wait)
            else:
                token.sleep(wait)

    def _await_turn(self, deadline: Deadline, token: CancelToken) -> float:
        """Wait for a free slot and return 0, or return a wait [s] that would pass the deadline."""
        wait = self._limiter.reserve()
        while wait > 0:
            if wait >= deadline.remaining():
                return wait
            token.sleep(wait)
            # Another request may have started a back-off meanwhile.
            wait = self._limiter.pause_remaining()
        return 0.0

    def _throttle_failure(self, wait: float) -> Failure:
        message = (
            f"{self._what}: not sent; the server asked this client to wait, for {wait:.0f} s more, "
            "which ends after the deadline; try again later"
        )
        return Failure(TransportError(message, retry_after=wait))

    def _describe(self, params: Params) -> str:
        """Return the parameters for a message, without the key."""
        said = self._key.hide(urlencode(params, safe=":"))
        return said if len(said) <= _PARAMS_LIMIT else f"{said[:_PARAMS_LIMIT]}..."

    def _attempt(
        self, params: Params, deadline: Deadline, token: CancelToken, read: Read[T]
    ) -> Reply[T] | Failure:
        response = self._transport(token, params, min(self._policy.timeout, deadline.remaining()))
        if isinstance(response, Failure):
            return response
        now = self._account.now()
        body = responses.response_body(response, self._what, now, self._key.hide)
        if isinstance(body, Failure):
            return body
        self._account.update(response.headers)
        date = responses.parse_date(response.headers.get("Date", "")) or now
        try:
            return Reply(read(body, date), date)
        except ResponseError as error:
            retry, message = isinstance(error, wire.CutReplyError), str(error)
        except TimeoutError:
            problem = "not decoded before the deadline; ask for less, or set a longer deadline"
            message = f"{self._what}: no complete answer: {problem}"
            return responses.incomplete_response(response, message, self._key.hide)
        return responses.invalid_response(response, message, self._key.hide, retry=retry)

    @contextmanager
    def _reader(self) -> Generator[ReadReply]:
        """Yield a function that decodes and checks a body in one shared thread, within a deadline.

        Several threads would not be faster: they hold the interpreter lock while they decode, and
        each has to warm up memory of its own.
        """
        thread = ThreadPoolExecutor(1, THREAD_NAME)
        saved = self._account.source == "file"

        def read(query: UsageQuery, body: Body, date: datetime) -> CheckedReply:
            # A call log may lack what the endpoint always sends.
            reply = wire.decode(body, saved=saved, quoted=self._key.hide)
            return check_reply(reply, query, date)

        try:
            yield lambda query, deadline, body, date: thread.submit(read, query, body, date).result(
                deadline.remaining()
            )
        finally:
            thread.shutdown(wait=False, cancel_futures=True)


@contextmanager
def group_in_errors(name: str, group: str) -> Generator[None]:
    """Add the group to the message of an error that is raised inside this block."""
    try:
        yield
    except UsageError as error:
        if name:
            error.args = (f'{error} ({name} "{group}")',)
        raise


def _requests(query: UsageQuery, chunk_days: int) -> list[Request]:
    return [Request(part, part.params(chunk_days)) for part in query.parts(chunk_days)]


def _tasks(asked: Mapping[str, UsageQuery], chunk_days: int) -> dict[Task, Request]:
    return {
        (group, place): request
        for group, query in asked.items()
        for place, request in enumerate(_requests(query, chunk_days))
    }
