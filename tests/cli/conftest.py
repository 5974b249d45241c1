"""Run the command line as a user runs it."""

from typing import NamedTuple

import pytest

from usage_analysis.cli import main


class Done(NamedTuple):
    """The exit status of a command and the text that it printed."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Return a function that runs a command in an empty folder, without a key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ULTRAVOX_API_KEY", raising=False)

    def call(*arguments):
        try:
            status = main(arguments)
        except SystemExit as stopped:  # raised by argparse for --help and for unknown options
            status = stopped.code
        out, err = capsys.readouterr()
        return Done(status, out, err)

    return call
