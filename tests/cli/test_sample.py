"""The command `sample serve`, run as a user runs it."""

import os
import re
import shlex
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import httpx
import pytest

import usage_analysis as ua
from usage_analysis.sample import KEY


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
def test_the_sample_is_served_until_stopped(tmp_path):
    """`sample serve` prints its address and a curl command that works, serves the account that its
    options describe, and ends at Ctrl+C without a message."""
    root = Path(__file__).resolve().parents[2]
    recipe = root / "docs" / "recipes" / "other-languages.md"
    options = "--port 0 --seed 3 --today 2025-01-02 --all-time-filtered --latency 0.01"
    server = subprocess.Popen(
        [sys.executable, "-m", "usage_analysis", "sample", "serve", *options.split()],
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
        assert f"curl -H '{header}' '{told}'" in recipe.read_text(encoding="utf-8")
        assert answer["allTime"]["totalCount"] == usage.daily["total_count"].tail(2).sum()
        with ua.sample_client(seed=3, today=date(2025, 1, 2)) as client:
            assert client.call_usage().hourly.equals(usage.hourly)
    finally:
        server.send_signal(signal.SIGINT)
        out, err = server.communicate(timeout=20)
    assert (server.returncode, out, err) == (0, "", "")
