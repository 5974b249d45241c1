"""What the endpoint takes and gives, as OpenAPI, written so that a validator can hold to it both
what the client sends and what the sample account answers.

The vendor's own text tells only of status 200, and gives a default for the times of day that
strict validators refuse. Here every status has its form and every text its pattern; the one
metadata key stands for all of them. `test_description.py` compares the two.
"""

PATH = "/api/accounts/me/usage/calls"
TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?$"
DURATION = r"^[0-9]{1,12}(\.[0-9]{1,9})?s$"
UUID = {"type": "string", "format": "uuid"}
MOMENT = {"type": "string", "format": "date-time"}
COUNT = {"type": "integer", "minimum": 0}
DATE = {"type": "string", "format": "date"}
MEASURES = {
    "totalCount": COUNT,
    "errorCount": COUNT,
    "joinedCount": COUNT,
    "duration": {"type": "string", "pattern": r"^[0-9]+\.[0-9]{6}s$"},
    "billedMinutes": {"type": "number", "format": "double", "minimum": 0},
}
DETAIL = {"detail": {"type": "string"}}


def shape(**properties):
    """An object with these properties and no others, all required."""
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


def many(item):
    """A list of objects."""
    return {"type": "array", "items": item}


def parameter(name, schema):
    """An optional part of the query string."""
    return {"in": "query", "name": name, "required": False, "schema": schema}


def gives(description, schema):
    """An answer in JSON."""
    return {"description": description, "content": {"application/json": {"schema": schema}}}


REFUSAL = gives("Refused", shape(**DETAIL))
MESSAGES = {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}}
USAGE = shape(
    allTime=shape(**MEASURES),
    daily=many(shape(**MEASURES, date=DATE)),
    hourly=many(shape(**MEASURES, date=DATE, hour=COUNT | {"maximum": 23})),
)
PARAMETERS = {
    "agentIds": many(UUID) | {"minItems": 1},
    "voiceId": UUID,
    "fromDate": MOMENT,
    "toDate": MOMENT,
    "timeOfDayStart": {"type": "string", "pattern": TIME},
    "timeOfDayEnd": {"type": "string", "pattern": TIME},
    "durationMin": {"type": "string", "pattern": DURATION},
    "durationMax": {"type": "string", "pattern": DURATION},
    "search": {"type": "string", "minLength": 1},
    "metadata.tenant": {"type": "string"},
}
THROTTLED = REFUSAL | {
    "headers": {"Retry-After": {"required": True, "schema": {"type": "integer", "minimum": 1}}}
}
DESCRIPTION = {
    "openapi": "3.0.3",
    "info": {"title": "Call usage", "version": "1"},
    "servers": [{"url": "https://api.ultravox.ai"}],
    "paths": {
        PATH: {
            "get": {
                "operationId": "usage",
                "parameters": [parameter(*pair) for pair in PARAMETERS.items()],
                "security": [{"key": []}],
                "responses": {
                    "200": gives("Usage", USAGE),
                    "400": gives(
                        "A value that cannot be read",
                        {"type": "object", "minProperties": 1, "additionalProperties": MESSAGES},
                    ),
                    "403": REFUSAL,
                    "405": REFUSAL,
                    "429": THROTTLED,
                },
            }
        }
    },
    "components": {
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}
    },
}
