"""The tests' description of the endpoint is the vendor's, where that lies beside the project."""

from pathlib import Path

import pytest
import schemathesis

from tests.description import DESCRIPTION, PARAMETERS, PATH, USAGE

VENDORS = Path(__file__).resolve().parents[2] / "shared" / "openapi.yaml"
# What a pattern stands for here, since a time without a zone is none of RFC 3339.
LOOSER = {"timeOfDayEnd": {"format"}, "timeOfDayStart": {"format"}}


@pytest.fixture(scope="module")
def vendors():
    """The vendor's description."""
    if not VENDORS.exists():
        pytest.skip(f"the vendor's description is not at {VENDORS}")
    return schemathesis.openapi.from_path(VENDORS).raw_schema


def said(schema, without=()):
    """What a schema says that a validator can hold to."""
    left_out = {"description", "default", *without}
    return {name: value for name, value in schema.items() if name not in left_out}


def test_parameters_are_the_vendors(vendors):
    """Each parameter that the vendor describes is here, none besides, and says the same."""
    (path,) = vendors["paths"]
    assert path == PATH
    parameters = {each["name"]: each for each in vendors["paths"][PATH]["get"]["parameters"]}
    assert {name.partition(".")[0] for name in PARAMETERS} == set(parameters)
    metadata = parameters.pop("metadata")["schema"]
    assert metadata["additionalProperties"] == PARAMETERS["metadata.tenant"]
    for name, each in parameters.items():
        assert each["in"] == "query"
        assert not each.get("required")
        assert said(each["schema"], LOOSER.get(name, ())).items() <= PARAMETERS[name].items(), name


def test_replies_are_the_vendors(vendors):
    """Each field of a reply that the vendor describes is here, none besides, all as required as
    there, and says the same."""
    schemas = vendors["components"]["schemas"]
    ours = {
        "CallUsage": USAGE,
        "CallStatistics": USAGE["properties"]["allTime"],
        "DailyCallStatistics": USAGE["properties"]["daily"]["items"],
        "HourlyCallStatistics": USAGE["properties"]["hourly"]["items"],
    }
    assert set(ours) == set(schemas)
    for name, schema in ours.items():
        assert schema["required"] == sorted(schemas[name]["required"]), name
        assert set(schema["properties"]) == set(schemas[name]["properties"]), name
    for name in list(ours)[1:]:
        for field, told in schemas[name]["properties"].items():
            assert said(told).items() <= ours[name]["properties"][field].items(), (name, field)


def test_the_key_is_sent_as_the_vendor_has_it(vendors):
    """The key's header has the vendor's name."""
    (theirs,) = vendors["components"]["securitySchemes"].values()
    (ours,) = DESCRIPTION["components"]["securitySchemes"].values()
    assert said(theirs) == ours
