"""Users' code under mypy in strict mode: README's Python passes, and misspelt names do not."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.slow


def check(tmp_path, code):
    """Return what mypy in strict mode says about a user's module."""
    path = tmp_path / "user.py"
    path.write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", path], cwd=ROOT, capture_output=True, text=True
    )
    return done.stdout


def test_readme_passes(tmp_path):
    """README's blocks of Python, one after the other, have no type errors."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 3
    assert check(tmp_path, "\n\n".join(blocks)).startswith("Success")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("ua.sample_client().call_usage(from_dat='2026-03-01')", 'Unexpected keyword argument "fr'),
        ("ua.busiest_hour", 'Module has no attribute "busiest_hour"'),
        ("ua.sample.AGENT", 'Module has no attribute "AGENT"'),
    ],
)
def test_misspelt_names_are_refused(tmp_path, line, message):
    """A misspelt filter, function or name of `ua.sample` is a type error."""
    assert message in check(tmp_path, f"import usage_analysis as ua\n\n{line}\n")
