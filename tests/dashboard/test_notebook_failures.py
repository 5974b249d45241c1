"""A notebook whose callback raises turns the test red."""

import json
import os
import re
import subprocess
import sys

import pytest

CELLS = [
    """
import usage_analysis as ua

explorer = ua.Explorer(ua.sample_client(), timezone="UTC", state={"preset": "yesterday"})
""",
    """
explorer.measure.observe(lambda change: None, names="value")
explorer.measure.value = "joined_count"
print("done")
""",
    """
explorer.measure.observe(lambda change: 1 / 0, names="value")
explorer.measure.value = "total_count"
print("done")
""",
]


def notebook():
    done = [{"name": "stdout", "output_type": "stream", "text": ["done\n"]}]
    return {
        "cells": [
            {"cell_type": "code", "execution_count": place + 1, "id": f"cell-{place}",
             "metadata": {}, "outputs": done if place else [], "source": source}
            for place, source in enumerate(CELLS)
        ],
        "metadata": {"kernelspec": {"display_name": "", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }  # fmt: skip


@pytest.mark.slow
def test_a_raising_callback_fails_the_notebook(tmp_path):
    """Under strict nbval a cell passes, and the same one with a callback that raises fails."""
    (tmp_path / "broken.ipynb").write_text(json.dumps(notebook()), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-p", "nbval.plugin", "--nbval",
         "--nbval-current-env", "-c", "/dev/null",
         "--rootdir", str(tmp_path), str(tmp_path)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip
    results = re.findall(r"::ipynb::Cell \d (PASSED|FAILED)", done.stdout)
    assert results == ["PASSED", "PASSED", "FAILED"], done.stdout
    assert "ZeroDivisionError" in re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
