"""The dashboard over an archive: what was kept is drawn, and what was not is said."""

import pytest

import usage_analysis as ua
from usage_analysis.cli import main
from usage_analysis.dashboard.app import page

AGENTS = dict(list(ua.sample.AGENTS.items())[:2])


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """An archive of all calls and of those of two agents."""
    archive, client = ua.Archive(tmp_path_factory.mktemp("archive")), ua.sample_client()
    archive.sync(client, "all", since="2026-03-17")
    agents = {name: {"agent_ids": [one]} for name, one in AGENTS.items()}
    archive.sync_groups(client, agents, name="agent", since="2026-03-17")
    return archive


def test_an_archive_answers_the_dashboard(kept):
    """One series, days beside it and kept groups are drawn as the account's own would be."""
    explorer = ua.Explorer(kept.client(), timezone="UTC", state={"preset": "last_7_days"})
    assert explorer.phase == "ready"
    week = ua.sample_client().call_usage(from_date="2026-03-25", to_date="2026-03-31").daily
    assert explorer.table["total_count"].tolist() == week["total_count"].tolist()
    assert "asked the archive for this" in explorer.display.asof.value
    assert f"client = ua.Archive({str(kept.path)!r}).client()" in explorer.python
    with explorer.together():
        explorer.comparison.value = "previous"
        explorer.group.value = "agent"
    assert (explorer.phase, explorer.fetches) == ("ready", 2)
    assert sorted(explorer.groups.options) == sorted(AGENTS)
    drawn = (
        ua.sample_client()
        .by_agent(AGENTS, include_rest=True, from_date="2026-03-25", to_date="2026-03-31")
        .daily
    )
    counts = explorer.table.groupby("agent")["total_count"].sum()
    assert counts.to_dict() == drawn.groupby("agent")["total_count"].sum().to_dict()


def test_what_was_not_kept_is_said(kept):
    """A filter without a scope and days that are missing are words on the page, and no figure."""
    state = {"preset": "last_7_days", "search": "refund"}
    explorer = page(archive=str(kept.path), timezone="UTC", state=state)
    assert (explorer.phase, explorer.sentence) == ("refused", "This cannot be shown.")
    assert "The archive has no scope of search=&#x27;refund&#x27;" in explorer.display.note.value
    with explorer.together():
        explorer.search.value, explorer.preset.value = "", "last_30_days"
    assert "the archive lacks 2026-03-01 to 2026-03-16" in explorer.display.note.value
    assert (explorer.phase, explorer.draws) == ("refused", 0)


def test_the_app_needs_an_archive_with_something_in_it(tmp_path, capsys):
    """`app --archive` says before it serves that a folder is no archive yet."""
    assert main(["app", "--archive", str(tmp_path), "--no-browser"]) == 3
    assert "the archive is empty; fill it with Archive.sync first" in capsys.readouterr().err
