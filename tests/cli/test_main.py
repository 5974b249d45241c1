"""The command line as a whole: help, exit status, and ways to start it.

Covers `__init__` and `__main__`.
"""

import subprocess
import sys

import pytest

from usage_analysis import __version__


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
