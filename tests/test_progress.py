"""Progress: a bar on standard error, or the caller's function."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

import usage_analysis as ua
from usage_analysis.progress import ProgressBar, report_progress

WINDOW = {"from_date": "2026-03-01", "to_date": "2026-03-02"}
AGENTS = dict(list(ua.sample.AGENTS.items())[:3])


def test_bar_is_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A bar counts the requests on standard error, and nothing comes on standard output."""
    ua.sample_client().by_agent(AGENTS, include_rest=True, progress=True, **WINDOW)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Fetching" in err
    assert "0/4" in err
    assert err.endswith("\r")


def test_bar_of_an_archive_and_of_asyncio(
    capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """`progress=True` draws a bar wherever a function is accepted."""

    async def ask() -> None:
        async with ua.AsyncClient.of(ua.sample_client()) as client:
            await client.call_usage(progress=True, **WINDOW)

    asyncio.run(ask())
    assert "0/1" in capsys.readouterr().err
    archive = ua.Archive(tmp_path_factory.mktemp("archive"))
    archive.sync(ua.sample_client(), "all", since="2026-03-01", progress=True)
    assert "0/2" in capsys.readouterr().err
    archive.client().call_usage(progress=True, **WINDOW)
    assert capsys.readouterr().out == ""


def test_bar_is_removed_after_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A bar does not outlive its work, so that a message after it starts a new line."""

    def work() -> None:
        with report_progress(True) as report:
            report(1, 3)
            raise KeyError

    with pytest.raises(KeyError):
        work()
    assert capsys.readouterr().err.endswith("\r")


def test_bar_that_drew_nothing_is_closed() -> None:
    """Work that fails before its first step has no bar to remove."""
    ProgressBar("x").close()


@pytest.mark.parametrize("progress", [None, False])
def test_no_bar(capsys: pytest.CaptureFixture[str], progress: bool | None) -> None:
    """Without `progress` nothing is drawn."""
    ua.sample_client().call_usage(progress=progress, **WINDOW)
    assert capsys.readouterr() == ("", "")


def test_tqdm_is_loaded_for_a_bar_only() -> None:
    """A fetch without a bar does not load tqdm."""
    code = (
        "import sys, usage_analysis as ua\n"
        "ua.sample_client().call_usage(from_date='2026-03-01', to_date='2026-03-01')\n"
        "assert 'tqdm' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
