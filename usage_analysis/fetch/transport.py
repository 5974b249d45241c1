"""HTTP transport: send one request and return its response in time; no other file knows HTTP."""

from __future__ import annotations

import logging
import os
import socket
import ssl
import threading
import weakref
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from usage_analysis.errors import QueryError
from usage_analysis.fetch import responses
from usage_analysis.fetch.fetcher import Params
from usage_analysis.fetch.key import Key, find_problem
from usage_analysis.fetch.responses import Failure, Response
from usage_analysis.fetch.threads import CancelToken, RequestCancelledError, ThreadPool

PATH = "/api/accounts/me/usage/calls"
WHAT = f"GET {PATH}"
"""What is asked, for messages."""

CLOSED = "client: expected an open client, got a closed one"
_NO_TLS = ssl.PROTOCOL_TLS_CLIENT
# Variables of the environment that httpx reads, and what they should hold.
_CERTIFICATES = ["SSL_CERT_FILE", "SSL_CERT_DIR", "PEM files of certificates"]
_PROXIES = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "http:// addresses (socks5:// needs socksio)"]
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_LOGGERS = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy")


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
        problem = find_problem(value)
        if not problem:
            request.headers["X-API-Key"] = value
        return problem


class _Connection:
    """One connection, and its socket: shutting that ends a wait that no read time-out does."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.over = False
        self.head: Response | None = None
        """What came of the answer, however its body ends."""
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def get(self, params: Params, seconds: float) -> Response:
        """Answer to one request, its body up to the limit."""
        self.head = None
        with self.http.stream(
            "GET",
            PATH,
            params=httpx.QueryParams(tuple(params)),
            timeout=seconds,
            extensions={"trace": self._trace},
        ) as answer:
            self._watch(answer.extensions.get("network_stream"))
            self.head = Response(answer.status_code, answer.headers, b"", "")
            return _read(answer)

    def shut(self) -> None:
        """Shut the socket under whoever reads from it, now and later."""
        with self._lock:
            self.over = True
            if self._socket is not None:
                with suppress(OSError):
                    # An SSLSocket's own method would first forget the TLS object of a read.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith("start_tls.started"):
            self._leave()
        elif event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._watch(info["return_value"])

    def _leave(self) -> None:
        """Leave the socket to the TLS handshake, which keeps its time; `ssl` loses a shut one."""
        with self._lock:
            left, self._socket = self._socket, None
        if self.over and left is not None:
            left.close()
            raise TimeoutError

    def _watch(self, stream: Any) -> None:
        if stream is not None:
            self._socket = stream.get_extra_info("socket")
        if self.over:
            self.shut()


class ConnectionPool:
    """The connections of a client and of its views: one request at a time on each.

    Parameters
    ----------
    base_url
        Where the API is.
    key
        What requests carry, and what no log shows.
    transport
        What to use instead of the network.

    Raises
    ------
    QueryError
        The address is none, or a plain ``http://`` one elsewhere than on this machine.
    """

    def __init__(self, base_url: str, key: Key, transport: httpx.BaseTransport | None) -> None:
        self._url = _address(base_url)
        self._auth, self._hide = _KeyAuth(key.give, self._url), key.hide
        weakref.finalize(self, _hide_in_logs(key.hide))
        self._tls: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self._idle: list[_Connection] = []
        self._pool = ThreadPool()
        weakref.finalize(self, self._pool.close)
        self._closed = False
        self._shared = None if transport is None else self._http(transport=transport)
        self._transport_requests = 0  # requests under way

    @property
    def address(self) -> str:
        """Where the API is."""
        return str(self._url).rstrip("/")

    @property
    def local(self) -> bool:
        """Whether that is this machine."""
        return self._url.host in _LOOPBACK

    def run(self, token: CancelToken, params: Params, seconds: float) -> Response | Failure:
        """Answer to one request, or why there is none, after so many seconds at most."""
        token.sleep(0)
        connection = self._acquire()
        try:
            work = partial(self._get, connection, params, seconds)
            return token.run(work, seconds, pool=self._pool, give_up=connection.shut)
        except (RequestCancelledError, QueryError):
            raise
        except httpx.InvalidURL:
            problem = "an address of over 64 KB; ask for fewer agents at once"
        except (httpx.HTTPError, OSError) as error:
            if connection.head is not None and connection.head.status != httpx.codes.OK:
                return connection.head
            problem, retry = _problem(error, seconds, self.address)
            message = f"{WHAT}: no complete answer: {problem}"
            return responses.incomplete_response(connection.head, message, self._hide, retry=retry)
        raise QueryError(f"agent_ids: expected filters that fit an address, got {problem}")

    def close(self) -> None:
        """Close what is idle now, and the others once they are done."""
        with self._lock:
            self._closed = True
            idle, self._idle = [connection.http for connection in self._idle], []
            if self._shared is not None and not self._transport_requests:
                idle.append(self._shared)
        self._pool.close()
        for http in idle:
            http.close()

    def _get(self, connection: _Connection, params: Params, seconds: float) -> Response:
        try:
            response = connection.get(params, seconds)
        except BaseException:
            self._release(connection, whole=False)
            raise
        self._release(connection, whole=True)
        return response

    def _acquire(self) -> _Connection:
        with self._lock:
            if self._closed:
                raise QueryError(CLOSED)
            if self._shared is not None:
                self._transport_requests += 1
                return _Connection(self._shared)
            return self._idle.pop() if self._idle else self._new()

    def _new(self) -> _Connection:
        secure, read = self._url.scheme == "https", _CERTIFICATES
        with suppress(ImportError, OSError, ValueError, httpx.InvalidURL):
            if self._tls is None:
                # To this machine no certificate is looked at: leave out the slow list of them.
                self._tls = httpx.create_ssl_context() if secure else ssl.SSLContext(_NO_TLS)
            read = _PROXIES
            return _Connection(
                self._http(
                    verify=self._tls,
                    limits=httpx.Limits(max_connections=1),
                    # A proxy of the environment would be told the key of a request in the clear.
                    trust_env=secure,
                )
            )
        *names, wanted = read
        given = [name for name in names if name in os.environ or name.lower() in os.environ]
        raise QueryError(
            f"{', '.join(given or names)}: expected {wanted} in the environment, got something else"
        )

    def _release(self, connection: _Connection, *, whole: bool) -> None:
        with self._lock:
            if connection.http is self._shared:
                self._transport_requests -= 1
                keep = not self._closed or self._transport_requests > 0
            else:
                keep = whole and not self._closed and not connection.over
                self._idle += [connection] * keep
        if not keep:
            connection.http.close()

    def _http(self, **settings: Any) -> httpx.Client:
        return httpx.Client(
            base_url=self._url,
            auth=self._auth,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            # Not followed nor looked at: httpx takes an address that is none for a broken head.
            follow_redirects=False,
            event_hooks={"response": [lambda answer: answer.headers.pop("Location", None)]},
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "User-Agent": "usage-analysis",
            },
            **settings,
        )


def _hide_in_logs(hide: Callable[[str], str]) -> Callable[[], None]:
    """What ends the hiding that begins now: httpx's side logs heads, and a server may echo."""

    def hidden(record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if (safe := hide(text)) != text:
            record.msg, record.args = safe, None
        return True

    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(hidden)

    def end() -> None:
        for logger in loggers:
            logger.removeFilter(hidden)

    return end


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


def _read(answer: httpx.Response) -> Response:
    encoding = answer.headers.get("Content-Encoding", "")
    if answer.is_stream_consumed:  # a canned answer comes read and decoded
        return Response(answer.status_code, answer.headers, answer.content, "")
    whole = answer.status_code == httpx.codes.OK
    limit = responses.WIRE_LIMIT if whole else responses.ERROR_LIMIT
    body = bytearray()  # it grows in place: a list of parts to join made threads fight for memory
    for part in answer.iter_raw():
        body += part
        if len(body) > limit:
            break
    del body[limit + whole :]  # one byte more tells a reply that is too long
    return Response(answer.status_code, answer.headers, body, encoding)


def _problem(error: Exception, seconds: float, address: str) -> tuple[str, bool]:
    """Why an transport brought no whole answer, in own words, and whether to ask again."""
    causes = [error]
    while cause := causes[-1].__cause__ or causes[-1].__context__:
        causes.append(cause)  # type: ignore[arg-type]  # below an Exception lies no bare one
    kinds = {kind for cause in causes for kind in type(cause).__mro__}
    retry = False
    if ssl.SSLError in kinds and not {ssl.SSLEOFError, ssl.SSLZeroReturnError} & kinds:
        (reason, *_) = [cause.reason for cause in causes if isinstance(cause, ssl.SSLError)]
        problem = f"TLS failed ({reason}); check {address}, this machine's clock and its proxy"
    elif socket.gaierror in kinds:
        problem = f"the host's name was not found; check {address}, the connection and HTTPS_PROXY"
    elif ConnectionRefusedError in kinds:
        problem = f"the connection was refused; check {address}"
    elif isinstance(error, httpx.ProxyError | httpx.UnsupportedProtocol):
        problem = "the proxy failed; check HTTPS_PROXY"
    elif isinstance(error, httpx.TimeoutException | TimeoutError):
        problem, retry = f"none within {seconds:.3g} s; try again, or with a longer timeout", True
    else:
        problem, retry = f"the connection broke ({type(error).__name__}); try again", True
    return problem, retry
