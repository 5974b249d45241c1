"""The command `sync`, and reports from an archive, run as a user runs them."""

import pytest

import usage_analysis as ua

DATES = ("--from", "2026-03-25", "--to", "2026-03-31")


@pytest.mark.slow
def test_an_archive_is_filled_and_reported(run, tmp_path):
    """`sync` prints what it fetched; `report --archive` works without an account, in any time zone
    and by group."""
    since = ["--archive", "kept", "--since", "2026-02-20"]
    status, out, err = run("sync", *since)
    assert (status, err) == (0, "")
    assert out == (
        f"Archive {tmp_path / 'kept'}, scope all: 2 requests, 41 new days, 0 days fetched again\n"
    )
    assert run("sync", "--archive", "kept")[1].endswith(
        "scope all: 2 requests, 0 new days, 8 days fetched again\n"
    )
    assert "scope agent: 12 requests" in run("sync", *since, "--by", "agent")[1]
    status, out, err = run(
        *("report", "--archive", "kept", "--timezone", "America/New_York", "--by", "agent"),
        *("--sections", "groups", "--from", "2026-03-20", "--to", "2026-03-31"),
    )
    assert (status, err) == (0, "")
    assert out.startswith("Report of the sample account: ")
    page = (tmp_path / "usage-report" / "report.html").read_text(encoding="utf-8")
    assert "Support line" in page
    assert "2026-03-20" in page
    fetched = ua.sample_client().call_usage(
        from_date="2026-03-20", to_date="2026-03-31", timezone="America/New_York"
    )
    hours = ua.in_timezone(fetched.hourly, "America/New_York").loc["2026-03-20":"2026-03-31"]
    assert f"{hours['total_count'].sum():,}" in page


def test_a_damaged_archive_is_repaired(run, tmp_path):
    """The command in the message about a damaged file repairs the archive."""
    since = ("--archive", "kept", "--since", "2026-03-20")
    assert run("sync", *since)[0] == 0
    report = ("report", "--archive", "kept", "--sections", "checks", *DATES)
    (path,) = tmp_path.glob("kept/hourly/2026-03/*.parquet")
    path.write_bytes(path.read_bytes()[:-9])
    status, _, err = run(*report)
    assert status == 2
    assert "usage-analysis sync --repair --since DAY" in err
    status, out, _ = run("sync", *since, "--repair")
    assert status == 0
    assert "scope all: 2 requests, 12 new days, 1 days fetched again\n" in out
    assert "1 damaged files were moved to kept/damaged." in out
    assert run(*report)[0] == 0
    assert "1 damaged" not in run("sync", *since, "--repair")[1]


def test_filters_are_a_scope(run):
    """Filters have a scope of their own; a report of an unknown scope names the known ones."""
    agent = ua.sample.AGENTS["Support line"]
    asked = ["sync", "--archive", "kept", "--scope", "support", "--agent", agent]
    assert run(*asked, "--since", "2026-03-30")[0] == 0
    assert ua.Archive("kept").scopes().loc["support", "filters"] == {"agent_ids": [agent]}
    status, _, err = run("report", "--archive", "kept")
    assert status == 2
    assert "unknown scope 'all'; known scopes: 'support'" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sync", "--archive", "kept"], "since: expected the first day"),
        (["sync"], "--archive"),
        (
            ["sync", "--archive", "kept", "--since", "soon"],
            "expected a day such as 2026-03-31, got 'soon'",
        ),
        (["sync", "--archive", "kept", "--by", "agent", "--search", "x"], "search"),
        (["report", "--archive", "kept", "--search", "x"], "--search"),
        (["report", "--archive", "kept", "--reply", "x"], "not allowed with"),
    ],
)
def test_what_cannot_be_done_is_said(run, arguments, message):
    """An invalid option is named in the error, and the status is 2."""
    status, _, err = run(*arguments)
    assert status == 2
    assert message in err.splitlines()[-1]
