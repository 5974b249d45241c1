"""The only file that knows HTTP: a question goes out, `CallUsage` comes back."""

from __future__ import annotations

import socket
import ssl
import threading
import weakref
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, tzinfo
from functools import partial
from typing import Any, NoReturn, Self

import httpx

from usage_analysis.errors import QueryError, ResponseError, TransportError
from usage_analysis.fetch import answers, key
from usage_analysis.fetch.answers import Failure, Raw
from usage_analysis.fetch.asking import Asker, Params, Reply
from usage_analysis.fetch.breakdown import REST, groups_by, left_over, plan
from usage_analysis.fetch.key import KEY_VARIABLE as KEY_VARIABLE
from usage_analysis.fetch.patience import Gate, Hands, Patience, Progress, Stop, StoppedError
from usage_analysis.query import CHUNK_DAYS, UsageQuery, zone
from usage_analysis.tidy.frames import CallUsage, Source, breakdown_of

BASE_URL = "https://api.ultravox.ai"
PATH = "/api/accounts/me/usage/calls"
AT_ONCE = 10
"""The most requests under way at once, unless told otherwise."""
PER_SECOND = 150.0
"""The most requests that go out in a second; a key may send 200, and others may share it."""

_WHAT = f"GET {PATH}"
_NO_TLS = ssl.PROTOCOL_TLS_CLIENT
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class _KeyAuth(httpx.Auth):
    """Sets the key on requests to the client's own origin and to no other."""

    def __init__(self, give: Callable[[], str], url: httpx.URL) -> None:
        self._give, self._origin = give, _origin(url)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header, and take it off again: exceptions outlive a request and hold it."""
        if problem := self._add(request):
            raise QueryError(problem)
        try:
            yield request
        finally:
            request.headers.pop("X-API-Key", None)

    def _add(self, request: httpx.Request) -> str | None:
        if _origin(request.url) != self._origin:
            return None
        value = self._give()
        problem = key.problem(value)
        if not problem:
            request.headers["X-API-Key"] = value
        return problem


class _Lane:
    """One connection, and its socket: shutting that ends a wait that no read time-out does."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.over = False
        self.refusal: Raw | None = None
        self._socket: socket.socket | None = None

    def get(self, params: Params, seconds: float) -> Raw:
        """Answer to one request, its body up to the limit."""
        self.refusal = None
        with self.http.stream(
            "GET",
            PATH,
            params=httpx.QueryParams(tuple(params)),
            timeout=seconds,
            extensions={"trace": self._trace},
        ) as answer:
            self._watch(answer.extensions.get("network_stream"))
            if answer.status_code != httpx.codes.OK:
                # Known from here on, whatever becomes of the body.
                self.refusal = Raw(answer.status_code, answer.headers, b"", "")
            return _read(answer)

    def shut(self) -> None:
        """Shut the socket under whoever reads from it, now and later."""
        self.over = True
        if self._socket is not None:
            with suppress(OSError):
                # An SSLSocket's own method would first forget the TLS object that a read is in.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._watch(info["return_value"])

    def _watch(self, stream: Any) -> None:
        if stream is not None:
            self._socket = stream.get_extra_info("socket")
        if self.over:
            self.shut()


class _Lanes:
    """The connections of a client and of its views: one request at a time on each."""

    def __init__(
        self, url: httpx.URL, auth: httpx.Auth, transport: httpx.BaseTransport | None
    ) -> None:
        self.url, self._auth = url, auth
        self._tls: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self._idle: list[_Lane] = []
        self._hands = Hands()
        weakref.finalize(self, self._hands.close)
        self._closed = False
        self._given = None if transport is None else self._http(transport=transport)

    def run(self, stop: Stop, params: Params, seconds: float) -> Raw | Failure:
        """Answer to one request, or why there is none, after so many seconds at most."""
        lane = self._take()
        try:
            work = partial(self._get, lane, params, seconds)
            return stop.bounded(work, seconds, hands=self._hands, give_up=lane.shut)
        except (StoppedError, QueryError):
            raise
        except ResponseError as error:
            return Failure(error)
        except httpx.InvalidURL:
            problem = "an address of over 64 KB; ask for fewer agents at once"
        except (httpx.HTTPError, OSError) as error:
            return lane.refusal or _unanswered(error, seconds)
        raise QueryError(f"agent_ids: expected filters that fit an address, got {problem}")

    def close(self) -> None:
        """Close what is idle now, and the others once they are done."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        self._hands.close()
        for lane in idle:
            lane.http.close()
        if self._given is not None:
            self._given.close()

    def _get(self, lane: _Lane, params: Params, seconds: float) -> Raw:
        try:
            raw = lane.get(params, seconds)
        except BaseException:
            self._give(lane, whole=False)
            raise
        self._give(lane, whole=True)
        return raw

    def _take(self) -> _Lane:
        with self._lock:
            if self._closed:
                raise QueryError("client: expected an open client, got a closed one")
            if self._given is not None:
                return _Lane(self._given)
            if self._idle:
                return self._idle.pop()
            if self._tls is None:
                # To this machine no certificate is looked at: leave out the slow list of them.
                tls = self.url.scheme == "https"
                self._tls = httpx.create_ssl_context() if tls else ssl.SSLContext(_NO_TLS)
            return _Lane(
                self._http(
                    verify=self._tls,
                    limits=httpx.Limits(max_connections=1),
                    # A proxy of the environment would be told the key of a request in the clear.
                    trust_env=self.url.scheme == "https",
                )
            )

    def _give(self, lane: _Lane, *, whole: bool) -> None:
        if lane.http is self._given:
            return
        with self._lock:
            keep = whole and not self._closed and not lane.over
            if keep:
                self._idle.append(lane)
        if not keep:
            lane.http.close()

    def _http(self, **settings: Any) -> httpx.Client:
        return httpx.Client(
            base_url=self.url,
            auth=self._auth,
            follow_redirects=False,
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "User-Agent": "usage-analysis",
            },
            **settings,
        )


class Client:
    """A client of the call usage endpoint; threads may share it.

    Parameters
    ----------
    api_key
        The account's key, or a function without arguments that returns it; without it the
        environment variable ``ULTRAVOX_API_KEY``.
    base_url
        Where the API is; plain ``http://`` is allowed to this machine only.
    timeout
        The longest that one attempt takes, its body read [s].
    deadline
        The longest that one question takes, with its requests, attempts and waits [s]. In a
        breakdown each group is a question.
    max_attempts
        How often a request is sent where asking again may help: after 408, 429, 500, 502, 503 and
        504, a time-out, a broken connection and a reply cut short.
    max_backoff
        The longest random wait between two attempts [s]. What the server asks for in `Retry-After`
        is waited for besides; where it does not fit in the deadline, the error comes at once.
    transport
        An httpx transport to use instead of the network.

    Raises
    ------
    QueryError
        No key, a key that no header can hold, a setting that does not fit, or a plain ``http://``
        address elsewhere.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> with ua.Client("public01.of-no-account", timeout=10) as client:
    ...     print(client)
    <Client live https://api.ultravox.ai>
    """

    def __init__(
        self,
        api_key: str | Callable[[], str] | None = None,
        *,
        base_url: str = BASE_URL,
        timeout: float = 30.0,
        deadline: float = 120.0,
        max_attempts: int = 5,
        max_backoff: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._key = key.held(api_key)
        del api_key  # a traceback shows what its frames hold
        if problem := key.problem(self._key.give()):
            raise QueryError(problem)
        url = _address(base_url)
        if transport is not None and not hasattr(transport, "handle_request"):
            kind = type(transport).__name__
            raise QueryError(f"transport: expected a synchronous httpx transport, got {kind}")
        self.source: Source = getattr(transport, "source", "live")
        self._clock: Callable[[], datetime] = getattr(
            transport, "clock", partial(datetime.now, UTC)
        )
        self._lanes = _Lanes(url, _KeyAuth(self._key.give, url), transport)
        self._asker = Asker(
            _WHAT,
            self._lanes.run,
            patience=Patience(timeout, deadline, max_attempts, max_backoff),
            gate=Gate(None if self.source == "sample" else PER_SECOND),
            clock=self._clock,
            key=self._key,
            source=self.source,
        )

    def call_usage(
        self,
        query: UsageQuery | None = None,
        *,
        progress: Progress | None = None,
        chunk_days: int = CHUNK_DAYS,
        **filters: Any,
    ) -> CallUsage:
        """Usage of the calls that a query selects.

        Parameters
        ----------
        query
            The question; or its filters by name, see `UsageQuery`. With `timezone` beside them
            the dates are local days, as in `UsageQuery.local_days`; the frames stay in UTC.
        progress
            Told how many requests are done, and of how many.
        chunk_days
            The longest window that one request asks for [days]; a longer one takes several,
            side by side.

        Raises
        ------
        QueryError
            A filter does not fit; nothing was sent.
        TransportError, APIError, ResponseError
            No complete answer, a refusal, or an answer that is not what the endpoint promises.
        """
        asked = _asked(query, filters).bounded(self._clock())
        return self._asker.usages(
            {"": asked}, at_once=AT_ONCE, chunk_days=chunk_days, progress=progress
        )[""]

    def breakdown(
        self,
        groups: Mapping[str, Mapping[str, Any]],
        *,
        name: str = "group",
        rest: bool = False,
        at_once: int = AT_ONCE,
        chunk_days: int = CHUNK_DAYS,
        progress: Progress | None = None,
        **filters: Any,
    ) -> CallUsage:
        """Usage by group, the group as the frames' first column: one question a group.

        Parameters
        ----------
        groups
            The filters of each group by its name.
        name
            The group column's.
        rest
            Add the group ``"rest"``: what the groups leave over of all calls that the shared
            filters select. The groups must differ in the values of one filter that has one value
            a call: `agent_ids`, `voice_id` or one key of `metadata`. The window then ends now at
            the latest, and all calls are asked for last, so that what grows meanwhile is rest.
        at_once
            The most requests under way at once.
        chunk_days, progress
            As for `call_usage`.
        filters
            Filters of all groups, see `UsageQuery`, and `timezone` as for `call_usage`.

        Raises
        ------
        QueryError
            Groups or filters that do not fit; nothing was sent.
        TransportError, APIError, ResponseError
            One group's question failed, which fails the whole; the message names the group. Or
            the groups hold more calls than there are.

        Examples
        --------
        >>> import usage_analysis as ua
        >>> usage = ua.sample_client().breakdown(
        ...     {"short": {"duration_max": 60}, "long": {"duration_min": 60.000001}}, name="length"
        ... )
        >>> list(usage.daily.columns[:2])
        ['length', 'total_count']
        """
        if not isinstance(at_once, int) or at_once < 1:
            raise QueryError(f"at_once: expected a whole number from 1, got {at_once!r}")
        whole, asked = plan(groups, name, filters, rest=rest, now=self._clock())
        usages = self._asker.usages(
            asked,
            {REST: whole} if rest else {},
            name=name,
            at_once=at_once,
            chunk_days=chunk_days,
            progress=progress,
        )
        if rest:
            usages[REST] = left_over(usages.pop(REST), list(usages.values()))
        return breakdown_of(usages, name, whole)

    def by_agent(
        self, agents: Mapping[str, Any] | Iterable[Any], *, name: str = "agent", **options: Any
    ) -> CallUsage:
        """Usage by agent: of these agents (UUIDs), or of a mapping of names to agents.

        The options are those of `breakdown`.
        """
        return self.breakdown(groups_by(agents, "agents", "agent_ids"), name=name, **options)

    def by_voice(
        self, voices: Mapping[str, Any] | Iterable[Any], *, name: str = "voice", **options: Any
    ) -> CallUsage:
        """Usage by voice: of these voices (UUIDs), or of a mapping of names to voices.

        The options are those of `breakdown`.
        """
        return self.breakdown(groups_by(voices, "voices", "voice_id"), name=name, **options)

    def by_metadata(
        self,
        key: str,
        values: Mapping[str, str] | Iterable[str],
        *,
        name: str | None = None,
        **options: Any,
    ) -> CallUsage:
        """Usage by the value under a key of the calls' metadata: of these, or of named ones.

        The group column is called as the key is, or `name`; the options are those of `breakdown`.
        """
        groups = groups_by(values, "values", "metadata", key)
        return self.breakdown(groups, name=key if name is None else name, **options)

    def today(self, timezone: str | tzinfo = "UTC") -> date:
        """Date now in a time zone, by the account's clock: the sample account has its own."""
        return self._clock().astimezone(zone(timezone)).date()

    def get(self, params: Params) -> Reply[bytes]:
        """One reply as it came, to wire parameters as they are: for a look at what happens.

        Raises
        ------
        QueryError, TransportError, APIError, ResponseError
            As for `call_usage`; the reply's JSON is not looked at.
        """
        return self._asker.ask(params, self._key.hide_bytes)

    def stoppable(self, stop: Stop) -> Client:
        """A view of this client, over the same connections, that gives up when told to."""
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__, _asker=self._asker.until(stop))
        return view

    def close(self) -> None:
        """Close the connections; what is under way ends first."""
        self._lanes.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Client {self.source} {str(self._lanes.url).rstrip('/')}>"

    def __reduce__(self) -> NoReturn:
        """Refuse: a pickle would carry the key."""
        raise TypeError("a Client holds a key and is not pickled; make one in each process")


def _asked(query: UsageQuery | None, filters: Mapping[str, Any]) -> UsageQuery:
    if query is None:
        return UsageQuery.from_filters(filters)
    if filters:
        raise QueryError("call_usage: expected a query or filters by name, got both")
    if not isinstance(query, UsageQuery):
        raise QueryError(f"query: expected a UsageQuery, got {type(query).__name__}")
    return query


def _address(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url)
    except (httpx.InvalidURL, TypeError):
        problem = "something else"
    else:
        problem = "a user or password in it" if url.userinfo else ""
        problem = problem or ("a query or fragment" if url.query or url.fragment else "")
        safe = url.scheme == "https" or (url.scheme == "http" and url.host in _LOOPBACK)
        problem = problem or ("" if safe and url.host else f"{str(base_url)[:200]!r}")
        if not problem:
            return url
    raise QueryError(f"base_url: expected an https:// address, got {problem}")


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _read(answer: httpx.Response) -> Raw:
    encoding = answer.headers.get("Content-Encoding", "")
    if answer.is_stream_consumed:  # a canned answer comes read and decoded
        return Raw(answer.status_code, answer.headers, answer.content, "")
    whole = answer.status_code == httpx.codes.OK
    limit = answers.WIRE_LIMIT if whole else answers.ERROR_LIMIT
    body = bytearray()  # it grows in place: a list of parts to join made threads fight for memory
    for part in answer.iter_raw():
        body += part
        if len(body) > limit:
            break
    if len(body) > limit and whole:
        raise ResponseError(f"reply: expected at most {limit // 2**20} MB, got more; ask for less")
    del body[limit:]
    return Raw(answer.status_code, answer.headers, body, encoding)


def _unanswered(error: Exception, seconds: float) -> Failure:
    """Failure of an exchange that brought no whole answer, in words without the exception's."""
    causes = [error]
    while cause := causes[-1].__cause__ or causes[-1].__context__:
        causes.append(cause)  # type: ignore[arg-type]  # below an Exception lies no bare one
    kinds = {kind for cause in causes for kind in type(cause).__mro__}
    again = False
    if ssl.SSLError in kinds and not {ssl.SSLEOFError, ssl.SSLZeroReturnError} & kinds:
        (reason, *_) = [cause.reason for cause in causes if isinstance(cause, ssl.SSLError)]
        problem = f"TLS failed ({reason}); check the address, this machine's clock and its proxy"
    elif socket.gaierror in kinds:
        problem = "the host's name was not found; check the address and the connection"
    elif ConnectionRefusedError in kinds:
        problem = "the connection was refused; check the address"
    elif isinstance(error, httpx.ProxyError | httpx.UnsupportedProtocol):
        problem = "the proxy failed; check HTTPS_PROXY"
    elif isinstance(error, httpx.TimeoutException | TimeoutError):
        problem, again = f"none within {seconds:.3g} s; try again, or with a longer timeout", True
    else:
        problem, again = f"the connection broke ({type(error).__name__}); try again", True
    return Failure(TransportError(f"{_WHAT}: no complete answer: {problem}"), again)
