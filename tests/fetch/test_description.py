"""Requests fit the vendor's description of the endpoint, by an independent validator."""

from __future__ import annotations

import warnings

import httpx
import pytest
from hypothesis import given

from tests.description import DESCRIPTION, PARAMETERS, PATH
from tests.fetch.faults import KEY
from tests.test_query import queries
from usage_analysis.fetch.client import Client
from usage_analysis.query import UsageQuery

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # about its own dependencies
    from openapi_core import OpenAPI
    from openapi_core.datatypes import RequestParameters
    from openapi_core.exceptions import OpenAPIError
    from werkzeug.datastructures import Headers, ImmutableMultiDict

AGENT = "a0000000-0000-4000-8000-000000000001"
WINDOW = {"from_date": "2026-03-01", "to_date": "2026-03-31"}
API = OpenAPI.from_dict(DESCRIPTION)


class Sent:
    """A request of httpx, as the validator wants to see it."""

    content_type = ""
    body = None

    def __init__(self, request: httpx.Request) -> None:
        self.host_url = f"{request.url.scheme}://{request.url.host}"
        self.path = request.url.path
        self.path_pattern = None
        self.method = request.method.lower()
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(request.url.params.multi_items()),
            header=Headers(list(request.headers.items())),
        )


def requests_of(query: UsageQuery) -> list[httpx.Request]:
    """What goes out, key and all."""
    sent = []

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(httpx.Request(request.method, request.url, headers=request.headers))
        return httpx.Response(400)

    with Client(KEY, transport=httpx.MockTransport(handle)) as client:
        for params in query.requests():
            try:
                client.get(params)
            except Exception as error:
                if "got 400" not in str(error):
                    raise
    return sent


def check(request: httpx.Request) -> None:
    API.validate_request(Sent(request))
    names = {name for name, _ in request.url.params.multi_items()}
    assert {name for name in names if not name.startswith("metadata.")} <= set(PARAMETERS)


@given(queries())
def test_requests_fit_the_description(query: UsageQuery) -> None:
    """Whatever is asked, each request is one that the vendor's description allows."""
    for request in requests_of(query):
        check(request)


@pytest.mark.parametrize(
    ("params", "headers"),
    [
        ([("fromDate", "2026-03-01")], {"X-API-Key": KEY}),
        ([("fromDate", "2026-03-01T00:00:00")], {"X-API-Key": KEY}),
        ([("agentIds", "support")], {"X-API-Key": KEY}),
        ([("search", "")], {"X-API-Key": KEY}),
        ([("durationMin", "90")], {"X-API-Key": KEY}),
        ([], {}),
    ],
)
def test_the_validator_bites(params: list[tuple[str, str]], headers: dict[str, str]) -> None:
    """The validator refuses what does not fit, so that its silence means something."""
    url = httpx.URL("https://api.ultravox.ai" + PATH, params=tuple(params))
    with pytest.raises(OpenAPIError):
        API.validate_request(Sent(httpx.Request("GET", url, headers=headers)))


def test_all_filters_on_the_wire() -> None:
    """All ten filters at once, exactly as they stand in the address."""
    (request,) = requests_of(
        UsageQuery(
            **WINDOW,
            time_of_day_start="09:00",
            time_of_day_end="17:00",
            agent_ids=[AGENT, AGENT[:-1] + "2"],
            voice_id=AGENT,
            duration_min=1,
            duration_max="90.5s",
            metadata={"tenant id": "a&b"},
            search="refund",
        )
    )
    check(request)
    assert request.url.query.decode().replace("+", "%20") == (
        "fromDate=2026-03-01T00%3A00%3A00Z&toDate=2026-03-31T23%3A59%3A59.999999Z"
        "&timeOfDayStart=09%3A00%3A00&timeOfDayEnd=17%3A00%3A00"
        f"&voiceId={AGENT}&durationMin=1s&durationMax=90.5s&search=refund"
        f"&agentIds={AGENT}&agentIds={AGENT[:-1]}2&metadata.tenant%20id=a%26b"
    )
    assert request.headers["X-API-Key"] == KEY
