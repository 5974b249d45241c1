"""HTTP transport: send one request and return its response within a time limit."""

import logging
import os
import socket
import ssl
import threading
import urllib.request
import weakref
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from usage_analysis.errors import QueryError, TransportError, refusal
from usage_analysis.fetch import responses
from usage_analysis.fetch.fetcher import Params
from usage_analysis.fetch.key import Key, find_problem
from usage_analysis.fetch.responses import PATH, WHAT, Failure, Response
from usage_analysis.fetch.threads import CancelToken, RequestCancelledError

CLOSED = "client: expected an open client, got a closed one"
_NO_TLS = ssl.PROTOCOL_TLS_CLIENT
# Environment variables that httpx reads, and what they should hold: its own errors name neither.
_CERTIFICATES = ["SSL_CERT_FILE", "SSL_CERT_DIR", "PEM files of certificates"]
_PROXIES = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "http:// addresses (socks5:// needs socksio)"]
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_LOGGERS = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy")


class _KeyAuth(httpx.Auth):
    """Authentication that adds the key to requests to the client's own origin only."""

    def __init__(self, give: Callable[[], str], url: httpx.URL) -> None:
        self._give, self._origin = give, _origin(url)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header, and remove it afterwards, because exceptions refer to their request."""
        if problem := self._add_key(request):
            raise QueryError(problem)
        try:
            yield request
        finally:
            request.headers.pop("X-API-Key", None)

    def _add_key(self, request: httpx.Request) -> str | None:
        if _origin(request.url) != self._origin:
            return None
        value = self._give()
        problem = find_problem(value)
        if not problem:
            request.headers["X-API-Key"] = value
        return problem


class _Connection:
    """One connection and its socket.

    The timeout of httpx restarts with every byte, so a slow server could hold a request for ever.
    Shutting the socket down ends it at once.
    """

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.over = False
        #: Status and headers of the last response, even if its body never ended.
        self.head: Response | None = None
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def get(self, params: Params, seconds: float) -> Response:
        """Send one request and return its response; the body is read up to the limit."""
        self.head = None
        how: Any = {"params": httpx.QueryParams(tuple(params)), "timeout": seconds}
        with self.http.stream("GET", PATH, **how, extensions={"trace": self._trace}) as answer:
            self._watch_socket(answer.extensions.get("network_stream"))
            self.head = Response(answer.status_code, answer.headers, b"", "")
            return _read_response(answer)

    def shut_down(self) -> None:
        """Shut the socket down, which ends every read, now and later."""
        with self._lock:
            self.over = True
            if self._socket is not None:
                with suppress(OSError):
                    # SSLSocket.shutdown would drop the TLS object that another thread reads with.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith("start_tls.started"):
            self._release_socket()
        elif event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._watch_socket(info["return_value"])

    def _release_socket(self) -> None:
        """Forget the socket during the TLS handshake, which has its own timeout.

        The `ssl` module replaces the socket object, so shutting the old one would have no effect.
        """
        with self._lock:
            left, self._socket = self._socket, None
        if self.over and left is not None:
            left.close()
            raise TimeoutError

    def _watch_socket(self, stream: Any) -> None:
        if stream is not None:
            self._socket = stream.get_extra_info("socket")
        if self.over:
            self.shut_down()


class ConnectionPool:
    """Connections of a client and its views, with one request at a time per connection.

    A request that hangs can only be ended through its socket, and the pool of httpx does not tell
    which socket a request uses.

    Parameters
    ----------
    base_url
        Address of the API.
    key
        Key that requests carry and that no log shows.
    transport
        httpx transport to use instead of the network.

    Raises
    ------
    QueryError
        The address is invalid, or is a plain ``http://`` address of another machine.
    """

    def __init__(self, base_url: str, key: Key, transport: httpx.BaseTransport | None) -> None:
        self._url = _parse_address(base_url)
        self._auth, self._hide = _KeyAuth(key.get, self._url), key.hide
        _hide_in_logs(key.hide, self)
        self._tls: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self._idle: list[_Connection] = []
        self._closed = False
        self._shared = None if transport is None else self._build_http(transport=transport)
        self._transport_requests = 0  # requests under way

    @property
    def address(self) -> str:
        """Address of the API."""
        return str(self._url).rstrip("/")

    @property
    def local(self) -> bool:
        """True if the API runs on this machine."""
        return self._url.host in _LOOPBACK

    def run(self, token: CancelToken, params: Params, seconds: float) -> Response | Failure:
        """Send one request; return its response or the failure within a time limit [s]."""
        token.sleep(0)  # raises if the token is cancelled already
        connection = self._acquire()
        try:
            work = partial(self._get, connection, params, seconds)
            return token.run(work, seconds, give_up=connection.shut_down)
        except (RequestCancelledError, QueryError):
            raise
        except httpx.InvalidURL:
            problem = "more than 64 KB of filters; ask for fewer agents at once"
        except (httpx.HTTPError, OSError) as error:
            # The status tells more than a broken body does, unless the body was the answer.
            if connection.head is not None and connection.head.status != httpx.codes.OK:
                return connection.head
            problem, retry = _problem(error, seconds, self.address)
            message = f"{WHAT}: no complete answer: {problem}"
            head = connection.head
            return responses.failure(TransportError, message, head, self._hide, retry=retry)
        raise QueryError(f"agent_ids: expected filters that fit into one address, got {problem}")

    def close(self) -> None:
        """Close the idle connections now, and the others when their request ends."""
        with self._lock:
            self._closed = True
            idle, self._idle = [connection.http for connection in self._idle], []
            if self._shared is not None and not self._transport_requests:
                idle.append(self._shared)
        for http in idle:
            http.close()

    def _get(self, connection: _Connection, params: Params, seconds: float) -> Response:
        whole = False
        try:
            response = connection.get(params, seconds)
            whole = True
            return response
        finally:
            self._release(connection, whole=whole)

    def _acquire(self) -> _Connection:
        with self._lock:
            if self._closed:
                raise QueryError(CLOSED)
            if self._shared is not None:
                self._transport_requests += 1
                return _Connection(self._shared)
            return self._idle.pop() if self._idle else self._open_connection()

    def _open_connection(self) -> _Connection:
        secure, read = self._url.scheme == "https", _CERTIFICATES
        with suppress(ImportError, OSError, ValueError, httpx.InvalidURL):
            if self._tls is None:
                # Loading the certificates is slow, and http:// to this machine needs none.
                self._tls = httpx.create_ssl_context() if secure else ssl.SSLContext(_NO_TLS)
            read = _PROXIES
            return _Connection(
                self._build_http(
                    verify=self._tls,
                    # One socket per httpx client, so that a hanging request has a socket to shut.
                    limits=httpx.Limits(max_connections=1),
                    # A proxy would see the key of a plain http:// request.
                    proxy=_proxy_for(self._url.host) if secure else None,
                    trust_env=False,
                )
            )
        *names, wanted = read
        given = [name for name in names if name in os.environ or name.lower() in os.environ]
        raise refusal("environment", names=", ".join(given or names), wanted=wanted)

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

    def _build_http(self, **settings: Any) -> httpx.Client:
        return httpx.Client(
            base_url=self._url,
            auth=self._auth,
            # The endpoint needs no cookies, and one could tie requests of two keys together.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            # httpx parses Location even if it does not follow it, and fails on an invalid address.
            follow_redirects=False,
            event_hooks={"response": [lambda answer: answer.headers.pop("Location", None)]},
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "User-Agent": "usage-analysis",
            },
            **settings,
        )


def _hide_in_logs(hide: Callable[[str], str], owner: object) -> None:
    """Remove the key from log records of httpx for as long as its owner exists.

    At level DEBUG the libraries of httpx log headers, in which a server may echo the key.
    """

    def redact(record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if (safe := hide(text)) != text:
            record.msg, record.args = safe, None
        return True

    for logger in map(logging.getLogger, _LOGGERS):
        logger.addFilter(redact)
        weakref.finalize(owner, logger.removeFilter, redact)


def _proxy_for(host: str) -> httpx.Proxy | None:
    """Return the proxy of the environment for a host; httpx fails if NO_PROXY has IPv6 networks."""
    given = urllib.request.getproxies()
    used = [(kind, given[kind]) for kind in ("https", "http", "all") if kind in given]
    proxies = {k: httpx.Proxy(one if "://" in one else f"http://{one}") for k, one in used}
    return None if urllib.request.proxy_bypass(host) else proxies.get("https", proxies.get("all"))


def _parse_address(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url)
    except (httpx.InvalidURL, TypeError):
        problem = "something else"
    else:
        problem = "a user name or password in it" if url.userinfo else ""
        problem = problem or ("a query or fragment" if url.query or url.fragment else "")
        safe = url.scheme == "https" or (url.scheme == "http" and url.host in _LOOPBACK)
        problem = problem or ("" if safe and url.host else f"{str(base_url)[:200]!r}")
        if not problem:
            return url
    raise QueryError(f"base_url: expected an https:// address, got {problem}")


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _read_response(answer: httpx.Response) -> Response:
    encoding = answer.headers.get("Content-Encoding", "")
    if answer.is_stream_consumed:  # a test transport gives bodies that are read and decoded
        return Response(answer.status_code, answer.headers, answer.content, "")
    whole = answer.status_code == httpx.codes.OK
    limit = responses.WIRE_LIMIT if whole else responses.ERROR_LIMIT
    body = bytearray()  # grows in place: joining a list of parts made threads wait for memory
    for part in answer.iter_raw():
        body += part
        if len(body) > limit:
            break
    del body[limit + whole :]  # one byte more shows that a reply is too long
    return Response(answer.status_code, answer.headers, body, encoding)


def _problem(error: Exception, seconds: float, address: str) -> tuple[str, bool]:
    """Return the reason for an incomplete response, and True if a retry may help."""
    causes = [error]
    while cause := causes[-1].__cause__ or causes[-1].__context__:
        # httpx wraps the errors of its libraries, which tell more.
        causes.append(cause)  # type: ignore[arg-type]  # below an Exception lies no bare one
    kinds = {kind for cause in causes for kind in type(cause).__mro__}
    retry = False
    if ssl.SSLError in kinds and not {ssl.SSLEOFError, ssl.SSLZeroReturnError} & kinds:
        (reason, *_) = [cause.reason for cause in causes if isinstance(cause, ssl.SSLError)]
        problem = f"TLS failed ({reason}); check {address}, and this machine's clock and proxy"
    elif socket.gaierror in kinds:
        problem = f"the host name was not found; check {address}, the network and HTTPS_PROXY"
    elif ConnectionRefusedError in kinds:
        problem = f"the connection was refused; check {address}"
    elif isinstance(error, httpx.ProxyError | httpx.UnsupportedProtocol):
        problem = "the proxy failed; check HTTPS_PROXY"
    elif isinstance(error, httpx.TimeoutException | TimeoutError):
        # What is left of a deadline may round to nothing, which would read as no wait at all.
        waited = max(seconds, 0.001)
        problem, retry = f"none within {waited:.3g} s; try again, or with a longer timeout", True
    else:
        problem, retry = f"the connection broke ({type(error).__name__}); try again", True
    return problem, retry
