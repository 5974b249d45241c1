"""A notebook whose callback raises turns the test red."""

import json
import re
import subprocess
import sys

BROKEN = "raise ZeroDivisionError('in a callback')"
CALLBACK = """
import usage_analysis as ua

explorer = ua.Explorer(ua.sample_client(), timezone="UTC", state={{"preset": "yesterday"}})
explorer.measure.observe(lambda change: exec({code!r}), names="value")
"""


def notebook(code):
    cells = [CALLBACK.format(code=code), 'explorer.measure.value = "joined_count"\nprint("done")']
    outputs = [[], [{"name": "stdout", "output_type": "stream", "text": ["done\n"]}]]
    return {
        "cells": [
            {"cell_type": "code", "execution_count": place + 1, "id": f"cell-{place}",
             "metadata": {}, "outputs": shown, "source": source}
            for place, (source, shown) in enumerate(zip(cells, outputs, strict=True))
        ],
        "metadata": {"kernelspec": {"display_name": "", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }  # fmt: skip


def test_a_raising_callback_fails_the_notebook(tmp_path):
    """Under strict nbval a notebook passes, and the same one with a callback that raises fails."""
    for name, code in (("whole", "None"), ("broken", BROKEN)):
        (tmp_path / f"{name}.ipynb").write_text(json.dumps(notebook(code)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "--nbval", "--nbval-current-env", "-c", "/dev/null",
         "--rootdir", str(tmp_path), str(tmp_path)],
        capture_output=True,
        text=True,
    )  # fmt: skip
    results = dict(re.findall(r"(\w+)::ipynb::Cell 1 (PASSED|FAILED)", done.stdout))
    assert results == {"whole": "PASSED", "broken": "FAILED"}, done.stdout
    plain = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    assert "ZeroDivisionError" in plain
