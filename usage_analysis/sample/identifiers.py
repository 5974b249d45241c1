"""IDs for the agents and voices of a call log, which has only their names."""

from uuid import NAMESPACE_OID, UUID, uuid5


def identifier(name: str) -> str:
    """Return the ID of an agent or a voice in `from_calls`.

    A UUID is its own ID. Any other name gets an ID that is always the same.

    Examples
    --------
    >>> identifier("Front desk") == identifier("Front desk") != identifier("Support line")
    True
    """
    try:
        return str(UUID(name))
    except ValueError:
        return str(uuid5(NAMESPACE_OID, name))
