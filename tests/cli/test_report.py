"""The command `report`, run as a user runs it."""

import re
from pathlib import Path

import pytest

from tests.conftest import as_json, reply, row

GOOD = reply([row("2026-03-01", hour, calls=10, errors=1, seconds=60) for hour in range(24)])


@pytest.mark.parametrize(
    "sections", [["--sections", "checks"], pytest.param([], marks=pytest.mark.slow)]
)
def test_the_sample_report_says_where_it_is(run, tmp_path, sections):
    """The last line names the page, which exists; standard error is empty."""
    done = run("report", "--account", "sample", "--timezone", "Asia/Kolkata", *sections)
    assert (done.returncode, done.stderr) == (0, "")
    page = Path(
        re.fullmatch(r"Report of the sample account: (.+)", done.stdout.splitlines()[-1])[1]
    )
    assert page == tmp_path / "usage-report" / "report.html"
    text = page.read_text(encoding="utf-8")
    assert "2026-03-02 00:00 to" in text
    assert "Asia/Kolkata" in text


def test_days_are_local_days(run, tmp_path):
    """--from and --to are whole days of --timezone."""
    days = ["--from", "2026-03-08", "--to", "2026-03-09", "--timezone", "America/New_York"]
    done = run("report", *days, "--out", "two days", "--sections", "checks")
    assert done.returncode == 0, done.stderr
    hours = (tmp_path / "two days" / "hourly.csv").read_text().splitlines()[1:]
    assert len(hours) == 47
    assert hours[0].startswith("2026-03-08 00:00:00,")
    assert hours[-1].startswith("2026-03-09 23:00:00,")
    assert [hours[0][-19:], hours[-1][-19:]] == ["2026-03-08 05:00:00", "2026-03-10 03:00:00"]


def test_a_saved_reply_is_reported(run, tmp_path):
    """--reply reports on a saved reply; rates leave out its last two, provisional hours."""
    (tmp_path / "reply.json").write_bytes(as_json(GOOD))
    done = run("report", "--reply", "reply.json", "--out", "here", "--sections", "errors")
    assert done.returncode == 0, done.stderr
    assert "22 of 220 calls" in (tmp_path / "here" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('"errorCount": 1', '"errorCount": "1"', "hourly[17].errorCount: expected int, got str"),
        ('"duration": "60s"', '"duration": "soon"', "hourly[17].duration: expected a duration"),
        ('"date": "2026-03-01"', '"date": "2026-02-30"', "hourly[17].date: expected a date"),
        ('"totalCount": 10, ', "", "hourly[17].totalCount: missing"),
    ],
)
def test_a_bad_reply_is_one_line_and_no_report(run, tmp_path, before, after, message):
    """For a bad field, standard error has one line with its path, the status is 2 and no file is
    written."""
    text = as_json(GOOD).decode()
    start = text.index('"hourly"')
    for _ in range(17):
        start = text.index("}", start) + 1
    broken = text[:start] + text[start:].replace(before, after, 1)
    (tmp_path / "reply.json").write_text(broken)
    done = run("report", "--reply", "reply.json")
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert message in line
    assert [path.name for path in tmp_path.iterdir()] == ["reply.json"]


def test_a_live_account_without_a_key_says_what_to_set(run, tmp_path):
    """Without a key, the error names the variable to set and the account that needs no key."""
    done = run("report", "--account", "live")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "ULTRAVOX_API_KEY" in line
    assert "--account sample" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--timezone", "Mars/Olympus"], "Mars/Olympus"),
        (
            ["--from", "2026-03-09", "--to", "2026-03-08"],
            "--from: expected a day up to --to (2026-",
        ),
        (["--from", "yesterday"], "yesterday"),
        (["--reply", "nowhere.json"], "nowhere.json"),
        (["--reply", "x.json", "--account", "live"], "not allowed with"),
    ],
)
def test_what_cannot_be_done_is_said(run, tmp_path, arguments, message):
    """An invalid option is quoted in the error, the status is 2 and no file is written."""
    done = run("report", *arguments)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []
