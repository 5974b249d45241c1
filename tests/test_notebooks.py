"""The form of the notebooks, and runs of them on another account."""

import ast
import base64
import io
import json
import re
import tempfile
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

import usage_analysis as ua
from usage_analysis.sample import AGENTS, KEY, TENANTS
from usage_analysis.sample.endpoint import SampleTransport, sample_endpoint

PATHS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))
named = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def cells_of(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def source(cell):
    return "".join(cell["source"])


@named
def test_prose_comes_first(path):
    """Each notebook has 8 to 15 cells, starts with prose and has prose above each code cell."""
    cells = cells_of(path)
    assert 8 <= len(cells) <= 15
    assert source(cells[0]).startswith("# ")
    for above, cell in pairwise(cells):
        assert "markdown" in (above["cell_type"], cell["cell_type"]), source(cell)


@named
def test_the_last_cell_prints_text(path):
    """Each notebook ends with a code cell that prints text, which nbval compares."""
    last = cells_of(path)[-1]
    assert last["cell_type"] == "code"
    assert any(map(text_of, last["outputs"]))


@named
def test_code_cells_are_compared(path):
    """Each code cell has an execution count, without which nbval compares nothing, and defines no
    function or class."""
    code = [cell for cell in cells_of(path) if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert not re.search(r"^\s*(def|class) ", "\n".join(map(source, code)), re.MULTILINE)


def text_of(output):
    """Return the text of an output."""
    text = output.get("text") or output.get("data", {}).get("text/plain")
    return "".join(text or "")


@named
def test_controls_are_set(path):
    """Each notebook sets controls of the dashboard and prints the result as text."""
    driven = [
        cell
        for cell in cells_of(path)
        if re.search(r"^\s*explorer\.\w+\.value = ", source(cell), re.MULTILINE)
    ]
    assert driven
    for cell in driven:
        assert any(map(text_of, cell["outputs"])), source(cell)


@named
def test_pictures_match_their_text(path):
    """The saved picture of a dashboard has the title that the dashboard's text has."""
    kept = 0
    for cell in cells_of(path):
        for before, output in pairwise(cell.get("outputs", [])):
            if png := output.get("data", {}).get("image/png"):
                kept += 1
                with Image.open(io.BytesIO(base64.b64decode("".join(png)))) as picture:
                    assert f"<Explorer sample: {picture.text['Title']} | " in text_of(before)
    assert kept


def test_the_report_takes_parameters():
    """The report notebook has one cell of parameters for papermill, with the names in its prose."""
    (path,) = [path for path in PATHS if path.stem == "06_report"]
    (cell,) = [cell for cell in cells_of(path) if cell["metadata"].get("tags") == ["parameters"]]
    values = {}
    for line in ast.parse(source(cell)).body:
        assert isinstance(line, ast.Assign)
        values[line.targets[0].id] = ast.literal_eval(line.value)
    assert {*values} == {"account", "first", "last", "timezone", "sections", "folder"}
    prose = source(cells_of(path)[0])
    assert f" papermill {path.name} " in prose
    assert {*re.findall(r" -p (\w+) ", prose)} <= {*values}


@pytest.fixture(scope="module")
def live():
    """A client of an account without names, later in the year."""
    transport = SampleTransport(sample_endpoint(seed=3, today=date(2026, 11, 25)))
    transport.source = "live"
    with ua.Client(KEY, transport=transport) as client:
        yield client


CHANGED = {
    "ua.sample_client()": "live",
    "ua.Client()": "live",
    "ua.sample.AGENTS": "my_agents",
    "ua.sample.TENANTS": "my_tenants",
    'account = "sample"': 'account = "live"',
    'first = "2026-03-01"': 'first = "2026-10-01"',
    'last = "2026-03-31"': 'last = "2026-10-31"',
}
"""Changes that the prose describes for your own account; the last three are parameters."""
NAMING = ("03", "04")


@pytest.mark.parametrize(
    "path",
    [
        # The two that take names run always, because a live account has no list of names.
        pytest.param(path, id=path.stem, marks=() if path.stem[:2] in NAMING else pytest.mark.slow)
        for path in PATHS
    ],
)
def test_runs_on_another_account(path, live, tmp_path, monkeypatch):
    """With the changes that its first cell describes, each notebook runs for another account."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    space = {
        "live": live,
        "my_agents": {f"Our {name}": value for name, value in [*AGENTS.items()][1:4]},
        "my_tenants": TENANTS[:4],
    }
    code = "\n".join(source(cell) for cell in cells_of(path) if cell["cell_type"] == "code")
    for old, new in CHANGED.items():
        code = code.replace(old, new)
    exec(compile(code, path.name, "exec"), space)  # noqa: S102  # our own
    explorer = space["explorer"]
    assert explorer.phase in ("ready", "partial")
    assert repr(explorer).startswith("<Explorer live: ")
    assert "ua.sample" not in code
