"""The command line as a whole: help, exit status, and ways to start it.

Covers `__init__` and `__main__`.
"""

import os
import subprocess
import sys

import pytest

from usage_analysis import __version__, cli
from usage_analysis.cli import main
from usage_analysis.report.sections import SECTIONS


def test_a_module_starts_the_command_line(tmp_path):
    """`python -m` with the package runs the command line."""
    done = subprocess.run(
        [sys.executable, "-m", "usage_analysis", "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"usage-analysis {__version__}\n"


def test_no_option_takes_a_key():
    """No command has an option for the API key, so the key is in no history and process list."""
    parser = cli._parser()
    (commands,) = parser._subparsers._group_actions
    (actions,) = commands.choices["sample"]._subparsers._group_actions
    options = [
        option
        for command in (parser, *commands.choices.values(), *actions.choices.values())
        for option in command._option_string_actions
    ]
    assert len(options) > 40
    assert not [option for option in options if "key" in option or "token" in option]


def test_a_pipe_may_lack_characters(tmp_path):
    """A name that the encoding of a pipe lacks, as on Windows, is escaped and ends no command."""
    command = ["fetch", "--account", "sample", "--from", "2026-03-31", "--out", "北京.json"]
    done = subprocess.run(
        [sys.executable, "-m", "usage_analysis", *command],
        cwd=tmp_path,
        env=os.environ | {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"},
        capture_output=True,
        encoding="cp1252",
        check=True,
    )
    assert done.stdout.endswith("\\u5317\\u4eac.json\n")
    assert (tmp_path / "北京.json").exists()


@pytest.mark.parametrize("missing", ["stdout", "stderr"])
def test_a_service_has_no_console(tmp_path, monkeypatch, missing):
    """Without standard output or error, as in a service, a command runs and keeps its status."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys." + missing, None)
    good = ["fetch", "--from", "2026-03-31", "--out", "reply.json"]
    assert main(good) == 0
    assert (tmp_path / "reply.json").exists()
    monkeypatch.setattr("sys." + missing, None)
    assert main(["report", "--reply", "nowhere.json"]) == 2


@pytest.mark.parametrize("command", ["report", "fetch", "sync", "doctor", "app", "sample serve"])
def test_each_option_is_explained(run, command):
    """The help of each command has a text for each of its options."""
    done = run(*command.split(), "--help")
    assert done.returncode == 0
    lines = done.stdout[done.stdout.index("\n\n") :].splitlines()
    options = [n for n, line in enumerate(lines) if line.startswith("  -")]
    assert options
    for n in options:
        words = lines[n].split("  ")
        assert len([w for w in words if w]) > 1 or lines[n + 1].startswith(" " * 20), lines[n]


def test_sections_are_listed(run):
    """The help of --sections names all sections of a report, in their order."""
    words = " ".join(run("report", "--help").stdout.split())
    assert f"there are {', '.join(SECTIONS)} (default" in words


def test_help_is_light(tmp_path):
    """--help loads neither Matplotlib nor httpx."""
    code = (
        "import sys, usage_analysis.cli as cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: print(sorted({'matplotlib', 'httpx'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
