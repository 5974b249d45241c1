"""IDs of agents and voices that a call log knows by name."""

from uuid import UUID

from usage_analysis.calls.log import identifier


def test_a_uuid_is_its_own_identifier():
    """A UUID in any spelling has one identifier, its canonical form."""
    text = "1f0e9a52-7d1b-4c3e-8a0d-5b6f2c94d7a3"
    assert {identifier(form) for form in (text, text.upper(), f"{{{text}}}")} == {text}


def test_a_name_has_one_identifier_for_ever():
    """A name always has the same UUID, which a file may quote, and another name has another."""
    assert identifier("Front desk") == "b014b0de-bc65-5f55-86bf-74ca91cd2dc3"
    assert UUID(identifier("")) != UUID(identifier("Front desk"))
