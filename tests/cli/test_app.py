"""The command `app`: options that cannot work are refused before anything is served."""

import socket

import pytest


@pytest.mark.parametrize("what", [["app", "--no-browser"], ["sample", "serve"]])
def test_a_port_that_cannot_be_had_is_said(run, what):
    """A port in use or an impossible one is quoted in the error, and nothing is served."""
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
        (["--price", "much"], "USD per billed minute: expected a price such as 0.05, got 'much'"),
        (
            ["--limit", "0"],
            "Concurrent calls allowed: expected a whole number from 1 to 10,000, got 0",
        ),
    ],
)
def test_a_page_that_cannot_be_is_said_before_it_is_served(run, tmp_path, arguments, message):
    """An invalid option is quoted in the error, the status is 2 and nothing is served."""
    (tmp_path / "names.csv").write_text("name,value\nDesk,7\n")
    done = run("app", "--no-browser", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
