"""The command line, run as a user runs it."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

import usage_analysis as ua
from tests.conftest import as_json, reply, row
from usage_analysis.cli import main
from usage_analysis.sample import KEY

GOOD = reply([row("2026-03-01", hour, calls=10, errors=1, seconds=60) for hour in range(24)])


class Done(NamedTuple):
    """What a run left: its status and what it printed."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs of the command in an empty folder, without a key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ULTRAVOX_API_KEY", raising=False)

    def call(*arguments):
        try:
            status = main(arguments)
        except SystemExit as stopped:  # argparse's own way to say no
            status = stopped.code
        out, err = capsys.readouterr()
        return Done(status, out, err)

    return call


def test_fetch_looks_at_the_place_first(run, tmp_path):
    """Where a file cannot be written, that is said before anything is asked, even for the key."""
    for name in ("missing/reply.json", "."):
        done = run("fetch", "--account", "live", "--out", name)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("usage-analysis: path: expected a file in a folder that is")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "sections", [["--sections", "trend"], pytest.param([], marks=pytest.mark.slow)]
)
def test_the_sample_report_says_where_it_is(run, tmp_path, sections):
    """The last line names the page, which is there; nothing goes to standard error."""
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
    """--from and --to are days of --timezone, both whole."""
    days = ["--from", "2026-03-08", "--to", "2026-03-09", "--timezone", "America/New_York"]
    done = run("report", *days, "--out", "two days", "--sections", "trend")
    assert done.returncode == 0, done.stderr
    hours = (tmp_path / "two days" / "hourly.csv").read_text().splitlines()[1:]
    assert len(hours) == 47
    assert hours[0].startswith("2026-03-08T00:00:00-05:00")
    assert hours[-1].startswith("2026-03-09T23:00:00-04:00")


def test_a_saved_reply_is_reported(run, tmp_path):
    """--reply reads a file instead of asking."""
    (tmp_path / "reply.json").write_bytes(as_json(GOOD))
    done = run("report", "--reply", "reply.json", "--out", "here", "--sections", "errors")
    assert done.returncode == 0, done.stderr
    assert "24 of 240 calls" in (tmp_path / "here" / "report.html").read_text(encoding="utf-8")


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
    """A bad field: its path on one line of standard error, status 2, nothing written."""
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
    """No key: the variable to set, and the account that needs none."""
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
        (["--from", "2026-03-09", "--to", "2026-03-08"], "from_date"),
        (["--from", "yesterday"], "yesterday"),
        (["--reply", "nowhere.json"], "nowhere.json"),
        (["--reply", "x.json", "--account", "live"], "not allowed with"),
        (["--from", "2027-01-01", "--to", "2027-01-02"], "2027-01-01"),
    ],
)
def test_what_cannot_be_done_is_said(run, tmp_path, arguments, message):
    """Words that do not fit: what came, status 2, nothing written."""
    done = run("report", *arguments)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_a_reply_is_kept_and_reported_later(run, tmp_path):
    """`fetch` keeps what it asked, filters and all, and `report --reply` reads it."""
    asked = ["--from", "2026-03-01", "--to", "2026-03-02", "--metadata", "channel=web"]
    done = run("fetch", *asked, "--duration-min", "30", "--out", "kept.json")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"Reply of the sample account: {tmp_path / 'kept.json'}\n"
    usage = ua.CallUsage.load(tmp_path / "kept.json")
    assert (usage.source, usage.query.metadata) == ("sample", {"channel": "web"})
    assert "API" not in (tmp_path / "kept.json").read_text()
    done = run("report", "--reply", "kept.json", "--out", "here", "--sections", "trend")
    assert done.returncode == 0, done.stderr
    assert "duration min 30s" in (tmp_path / "here" / "report.html").read_text(encoding="utf-8")
    refused = run("report", "--reply", "kept.json", "--search", "x")
    assert refused.returncode == 2
    assert "--search" in refused.stderr


def test_the_doctor_tells_what_it_found(run, tmp_path):
    """`doctor` says of each open point what was assumed, seen and follows; --save keeps replies."""
    done = run("doctor", "--days", "8", "--save", "kept")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("assumed:") == done.stdout.count("follows:") == 12
    kept = list((tmp_path / "kept").iterdir())
    assert kept
    assert not any(KEY in path.read_text() for path in kept)
    refused = run("doctor", "--days", "1")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)


def test_the_sample_is_served_until_stopped(tmp_path):
    """`sample serve` says its address and how to ask there, for curl too, as whoever started it
    wants the account to be, and ends at Ctrl+C without noise."""
    root = Path(__file__).resolve().parents[1]
    options = "--port 0 --seed 3 --today 2025-01-02 --all-time-filtered --latency 0.01"
    server = subprocess.Popen(
        [sys.executable, "-m", "usage_analysis.cli", "sample", "serve", *options.split()],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        address = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())[0]
        curl, _, header, url = shlex.split(server.stdout.readline())
        answer = httpx.get(url, headers=[header.split(": ")], timeout=30).json()
        with ua.Client(KEY, base_url=address) as client:
            usage = client.call_usage()
        assert curl == "curl"
        assert url.startswith(address)
        told = url.replace(address, "http://127.0.0.1:8765").replace("2025-01-01", "2026-03-31")
        assert f"curl -H '{header}' '{told}'" in (root / "README.md").read_text(encoding="utf-8")
        assert answer["allTime"]["totalCount"] == usage.daily["total_count"].tail(2).sum()
        with ua.sample_client(seed=3, today=date(2025, 1, 2)) as client:
            assert client.call_usage().hourly.equals(usage.hourly)
    finally:
        server.send_signal(signal.SIGINT)
        out, err = server.communicate(timeout=20)
    assert (server.returncode, out, err) == (0, "", "")


@pytest.mark.parametrize("what", [["app", "--no-browser"], ["sample", "serve"]])
def test_a_port_that_cannot_be_had_is_said(run, what):
    """A port that somebody has, or that is none: what came, status 2, nothing served."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for wanted in (port, "65536", "-1"):
            done = run(*what, "--port", wanted)
            assert (done.returncode, done.stdout) == (2, "")
            assert done.stderr.startswith("usage-analysis: port: ")
            assert wanted in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--account", "live"], "ULTRAVOX_API_KEY"),
        (["--agents", "nowhere.csv"], "agents: expected a CSV file, got 'nowhere.csv'"),
        (
            ["--metadata", "names.csv"],
            "metadata: expected a CSV file with the columns key and value",
        ),
        (["--voices", "names.csv"], "voices['Desk']: expected a UUID, got '7'"),
        (["--timezone", "Mars/Olympus"], "Mars/Olympus"),
        (["--billing-day", "32"], "billing_day: expected a day of the month"),
        (["--price", "much"], "price: expected USD per minute"),
        (["--limit", "0"], "limit: expected a number from 1"),
    ],
)
def test_a_page_that_cannot_be_is_said_before_it_is_served(run, tmp_path, arguments, message):
    """Options of the app that do not fit: what came, status 2, and no server."""
    (tmp_path / "names.csv").write_text("name,value\nDesk,7\n")
    done = run("app", "--no-browser", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_help_is_light(tmp_path):
    """Asking for help loads neither matplotlib nor httpx."""
    code = (
        "import sys, usage_analysis.cli as cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: print(sorted({'matplotlib', 'httpx'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
