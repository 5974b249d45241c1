"""The sample account over HTTP on this machine, compared with the endpoint's description."""

import signal
import socket
import subprocess
import sys
from datetime import date
from types import SimpleNamespace

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings

import usage_analysis as ua
from tests.description import DESCRIPTION, PATH
from tests.servers import local_server
from usage_analysis.sample import KEY, TODAY, sample_client
from usage_analysis.sample import serve as serve_module
from usage_analysis.sample.account import account_clock
from usage_analysis.sample.endpoint import Endpoint, sample_endpoint
from usage_analysis.sample.serve import serve
from usage_analysis.sample.simulation import simulate

HEADERS = {"X-API-Key": KEY}


@pytest.fixture(scope="module")
def address():
    """Address of the sample account."""
    with local_server(sample_endpoint()) as url:
        yield url


# Requests go out with the key, or the whole answer would be "Invalid API key"; that a request
# without it or with another one is refused is asked besides, by schemathesis itself.
schema = schemathesis.openapi.from_dict(DESCRIPTION)
schema.config.generation.with_security_parameters = False


@pytest.mark.slow
@schema.parametrize()
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_description(case, address):
    """Each request, valid or not, gets a response that fits the description of the endpoint."""
    case.call_and_validate(base_url=address, headers=HEADERS)


def test_same_as_in_process(address):
    """Status, headers and bytes over HTTP are those of this process, also for bad requests."""
    endpoint = sample_endpoint()
    with httpx.Client(base_url=address, timeout=60) as client:
        for method, path, query, key in (
            ("GET", PATH, "fromDate=2026-03-31&metadata.tenant=pioneer-bank", KEY),
            ("GET", PATH, "search=%E2%82%AC&search=%ff", KEY),
            ("GET", PATH, "fromDate=never", KEY),
            ("GET", PATH, "", "sample00.wrong"),
            ("GET", "/nowhere", "", KEY),
            ("DELETE", PATH, "", KEY),
        ):
            got = client.request(method, f"{path}?{query}", headers={"X-API-Key": key})
            expected = endpoint.respond(method, path, query, key)
            assert (got.status_code, got.content) == (expected.status_code, expected.content)
            for name, value in expected.headers.items():
                assert got.headers.get_list(name) == [value]


def test_the_package_reaches_it(address):
    """The package's client gets the same usage over HTTP as in this process."""
    query = ua.UsageQuery(from_date=date(2026, 3, 1), to_date=date(2026, 3, 31))
    with ua.Client(api_key=KEY, base_url=address) as client, sample_client() as sample:
        there, here = client.call_usage(query), sample.call_usage(query)
    assert there.hourly.equals(here.hourly)
    assert there.as_of == here.as_of


def test_nobody_takes_it_for_a_live_account(address, tmp_path):
    """Over HTTP too, periods, replies and reports use the clock and the name of the sample account,
    even before the first request of a client."""
    with ua.Client(KEY, base_url=address) as client, sample_client() as sample:
        assert client.source == "sample"
        assert client.today() == sample.today()
    with ua.Client(KEY, base_url=address) as client, sample_client() as sample:
        there, here = client.call_usage(), sample.call_usage()
    assert there.source == "sample"
    assert there.hourly.equals(here.hourly)
    assert there.daily.equals(here.daily)
    assert (there.as_of, there.query) == (here.as_of, here.query)
    page = ua.build_report(there, tmp_path, sections=["checks"])
    assert "sample account" in page.read_text(encoding="utf-8")


def test_an_answer_says_whose_it_is():
    """Each response names the sample account, also of an endpoint with another key."""
    endpoint = Endpoint(simulate, now=account_clock(), key="another0.key-to-the-sample-account")
    with (
        local_server(endpoint) as url,
        ua.Client("another0.key-to-the-sample-account", base_url=url) as client,
    ):
        usage = client.call_usage(from_date="2026-03-31", to_date="2026-03-31")
        assert usage.source == client.source == "sample"
        assert client.today() == TODAY


def test_limits_over_http(monkeypatch):
    """The rate limit and the latency hold over HTTP too."""
    waits = []
    monkeypatch.setattr(serve_module, "time", SimpleNamespace(sleep=waits.append))
    with local_server(sample_endpoint(rate_limit=0.01), latency=0.02) as url:
        params = {"fromDate": "2026-04-01"}
        first = httpx.get(url + PATH, headers=HEADERS, params=params)
        second = httpx.get(url + PATH, headers=HEADERS, params=params)
    assert [first.status_code, second.status_code] == [200, 429]
    assert waits == [0.02, 0.02]
    assert 50 < int(second.headers["Retry-After"]) <= 100


def test_it_ends_with_the_block():
    """After the block the server is stopped."""
    with local_server(sample_endpoint()) as url:
        assert httpx.get(url).status_code == 404
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
@pytest.mark.slow  # a plain test of the command line stops a server too
def test_serve_until_interrupted():
    """`serve` announces its address, answers requests and ends at an interrupt."""
    code = (
        "from usage_analysis.sample.serve import serve\n"
        "serve(0, on_start=lambda url: print(url, flush=True))\n"
        "print('ended', flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        try:
            url = child.stdout.readline().strip()
            params = {"fromDate": "2026-04-01"}
            answer = httpx.get(url + PATH, headers=HEADERS, params=params, timeout=30)
            child.send_signal(signal.SIGINT)
            said, _ = child.communicate(timeout=30)
        finally:
            child.kill()
    assert answer.status_code == 200
    assert (said, child.returncode) == ("ended\n", 0)


def test_arguments_that_do_not_fit():
    """A port in use, an impossible port and a negative latency are refused by name."""
    taken = socket.create_server(("127.0.0.1", 0))
    with taken, pytest.raises(ua.QueryError, match="port"):
        serve(taken.getsockname()[1])
    with pytest.raises(ua.QueryError, match="port"):
        serve(70_000)
    for latency in (-1, float("nan"), 3601):
        with pytest.raises(ua.QueryError, match="latency"):
            serve(0, latency=latency)
    with pytest.raises(ua.QueryError, match="rate_limit"):
        serve(0, rate_limit=0)
