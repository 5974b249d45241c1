"""The app as a process of its own: whom it gives its token, and what it leaves behind.

Covers app.
"""

import http.server
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

import usage_analysis as ua
from tests.browser.conftest import Board
from usage_analysis.dashboard import app

pytestmark = [
    pytest.mark.browser,  # all of it needs Voila
    pytest.mark.filterwarnings("default::ResourceWarning"),
]


@contextmanager
def running(folder, *arguments):
    """A process of `usage-analysis app`, and the address that it says."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # Tests were started in the background, where a shell ignores it; children would too.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, "-m", "usage_analysis", "app", "--no-browser", *arguments],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.terminate()  # it ends its server too, which a kill would leave behind
        try:
            process.communicate(timeout=30)
        finally:
            process.kill()


@contextmanager
def stranger():
    """Port of a server that is not ours, and the paths that it was asked for."""
    asked = []

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1], asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_app_ends_with_all_that_it_started(tmp_path, monkeypatch, number):
    """Ctrl-C and SIGTERM end the app with its server and its folder, and without noise.

    Until then it is at the port that --port says.
    """
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    port = app._free(0)
    with running(tmp_path, "--port", str(port)) as (process, address):
        assert re.fullmatch(rf"http://127\.0\.0\.1:{port}/\?token=[\w-]{{32}}", address)
        with urllib.request.urlopen(address.partition("?")[0]) as answer:  # noqa: S310  # ours
            assert "/login" in answer.geturl()
        assert [*tmp_path.glob("usage-analysis-app-*")]
        process.send_signal(number)
        assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 0
    assert not [*tmp_path.glob("usage-analysis-app-*")]
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(address)  # noqa: S310  # ours, once


def test_names_and_a_beginning_are_given_on_the_command_line(tmp_path, browser):
    """The page has the names of the files, and begins with the zone, limit and rate given."""
    names = ("name,value\nDesk,c84bbcbd-d58c-4d5f-9e6f-0b1c3a7f52e1\n", "name,id\nAnna,{0}\n")
    (tmp_path / "agents.csv").write_text(names[0])
    (tmp_path / "voices.csv").write_text(names[1].format("c84bbcbd-d58c-4d5f-9e6f-0b1c3a7f52e2"))
    (tmp_path / "metadata.csv").write_text("key,value\nsite,north\n")
    given = [f"--{name}={name}.csv" for name in ("agents", "voices", "metadata")]
    begin = ["--timezone=Asia/Tokyo", "--limit=100", "--price=0.07", "--billing-day=15"]
    with running(tmp_path, *given, *begin) as (process, address):
        board = Board(browser, address).ready()
        page = board.page
        assert page.locator(".ua-agents option").all_inner_texts() == ["Desk"]
        assert "Anna" in page.locator(".ua-voice option").all_inner_texts()
        groups = page.locator(".ua-group-by option").all_inner_texts()
        assert groups == ["Nothing", "Agent", "Voice", "site"]
        assert "Asia/Tokyo" in page.locator(".ua-headline").inner_text()
        tab = page.locator(".ua-tab button")
        board.changes(tab.filter(has_text="Capacity").click, says="100")
        board.changes(tab.filter(has_text="Money").click, says="at USD 0.07 per minute")
        board.changes(lambda: board.choose("period", "Billing cycle"))
        assert board.at("first-day").input_value() == "2026-03-15"
        process.terminate()
        process.communicate(timeout=30)


def test_a_stranger_who_takes_the_port_meanwhile_gets_no_token(monkeypatch, tmp_path):
    """Where somebody else listens once the server is to start, no address is given away."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with stranger() as (port, asked):
        monkeypatch.setattr(app, "_free", lambda taken: taken)  # free when it was looked at
        with pytest.raises(ua.UsageError, match=f"listen on port {port}"), app.served(port=port):
            pytest.fail("an address was given away")
    assert set(asked) == {"/login"}
    assert [*Path(tmp_path).iterdir()] == []
