"""The dashboard without a browser: controls are set, the figure is looked at."""

import pytest

import usage_analysis as ua


@pytest.fixture
def explorer():
    query = ua.UsageQuery(from_date="2026-03-01", to_date="2026-03-31")
    return ua.Explorer(ua.sample_client(), query, timezone="America/New_York")


def test_each_control_draws_once(explorer):
    """A control that changes draws one new picture, which is another one."""
    assert explorer.draws == 1
    picture = bytes(explorer.image.value)
    for control, value in (
        (explorer.measure, "billed_minutes"),
        (explorer.timezone, "Asia/Kolkata"),
        (explorer.view, "week"),
        (explorer.measure, "duration"),
    ):
        before = explorer.draws
        control.value = value
        assert explorer.draws == before + 1
        assert bytes(explorer.image.value) != picture
        picture = bytes(explorer.image.value)
    assert "Asia/Kolkata" in explorer.axes.get_xlabel()
    assert "minutes of talk" in explorer.axes.get_title(loc="left").lower()


def test_every_measure_draws_in_every_view(explorer):
    """Any measure can be seen in any figure."""
    for view in ("trend", "week"):
        explorer.view.value = view
        for _, measure in explorer.measure.options:
            explorer.measure.value = measure
            assert bytes(explorer.image.value).startswith(b"\x89PNG")


def test_the_headline_follows_the_zone(explorer):
    """The sentence above the figure speaks of the zone chosen."""
    assert "(America/New_York)" in explorer.headline.value
    explorer.timezone.value = "UTC"
    assert "(UTC)" in explorer.headline.value


def test_the_text_form_tells_the_state(explorer):
    """What a notebook's test compares says what is on show, and a picture is beside it."""
    explorer.view.value = "week"
    bundle = explorer._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert data["text/plain"] == repr(explorer)
    assert "131 calls an hour on average | America/New_York | 744 hours | draw 2" in repr(explorer)
    assert data["image/png"].startswith(b"\x89PNG")


def test_a_zone_of_ones_own_is_offered():
    """The zone to begin with need not be one of those offered."""
    explorer = ua.Explorer(ua.sample_client(), timezone="Asia/Kathmandu")
    assert explorer.timezone.options[0] == "Asia/Kathmandu"
    with pytest.raises(ua.QueryError, match="Nowhere"):
        ua.Explorer(ua.sample_client(), timezone="Nowhere/Land")
