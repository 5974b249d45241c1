"""Transports that a test holds back, breaks and watches, before the sample account."""

import threading

import httpx

import usage_analysis as ua
from usage_analysis.sample import KEY
from usage_analysis.sample.account import TODAY, account_clock
from usage_analysis.sample.endpoint import Endpoint
from usage_analysis.sample.simulation import simulate

_ENDPOINT = Endpoint(lambda: simulate(0, TODAY), now=account_clock(TODAY))


class Watched(httpx.BaseTransport):
    """The sample account; `hold` keeps answers back, `broken` refuses, `seen` is what was asked."""

    source = "sample"

    def __init__(self):
        self.inner = _ENDPOINT
        self.clock, self.python = self.inner.clock, "ua.sample_client()"
        self.open = threading.Event()
        self.open.set()
        self.arrived = threading.Semaphore(0)
        self.broken = False
        self.body = None
        self.seen = []

    def handle_request(self, request):
        self.seen.append(request.url.params)
        self.arrived.release()
        if not self.open.wait(20):
            raise httpx.ReadTimeout("held back too long", request=request)
        if self.broken:
            return httpx.Response(403, json={"detail": "Invalid API key"})
        if self.body is not None:
            return httpx.Response(200, content=self.body)
        return self.inner.handle_request(request)

    def hold(self):
        self.open.clear()

    def let_go(self):
        self.open.set()


def watched_client(transport):
    """A real client over a transport of the tests'."""
    return ua.Client(KEY, transport=transport, max_attempts=1)
