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
from usage_analysis.sample.endpoint import sample_endpoint

PATHS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))
named = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def cells_of(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def source(cell):
    return "".join(cell["source"])


def code_of(path):
    return [cell for cell in cells_of(path) if cell["cell_type"] == "code"]


@named
def test_prose_comes_first(path):
    """Each notebook has 12 to 24 cells, starts with prose and has prose above each code cell."""
    cells = cells_of(path)
    assert 12 <= len(cells) <= 24
    assert source(cells[0]).startswith("# ")
    for above, cell in pairwise(cells):
        assert "markdown" in (above["cell_type"], cell["cell_type"]), source(cell)


def test_notebooks_are_linked():
    """Each notebook ends with a link to the next one, and the last with a link to the first."""
    for path, following in zip(PATHS, [*PATHS[1:], PATHS[0]], strict=True):
        last = cells_of(path)[-1]
        assert last["cell_type"] == "markdown"
        assert f"]({following.name})" in source(last)


@named
def test_a_frame_is_shown_before_figures(path):
    """Each notebook shows the first rows of a frame before its first figure."""
    sources = [source(cell) for cell in code_of(path)]
    shown = [place for place, text in enumerate(sources) if text.endswith(".head()")]
    assert shown[0] < min(place for place, text in enumerate(sources) if "ua.plot_" in text)


def test_half_of_the_cells_draw():
    """At least two code cells of each notebook and half of all code cells draw a stored figure."""
    drawing = {
        path: [cell for cell in code_of(path) if "ua.plot_" in source(cell)] for path in PATHS
    }
    for cells in drawing.values():
        assert len(cells) >= 2
        for cell in cells:
            assert any("image/png" in output.get("data", {}) for output in cell["outputs"])
    total = sum(len(code_of(path)) for path in PATHS)
    assert 2 * sum(map(len, drawing.values())) >= total


@named
def test_code_cells_are_compared(path):
    """Each code cell has an execution count, without which nbval compares nothing, and defines no
    function or class."""
    code = code_of(path)
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert not re.search(r"^\s*(def|class) ", "\n".join(map(source, code)), re.MULTILINE)


def text_of(output):
    """Return the text of an output."""
    text = output.get("text") or output.get("data", {}).get("text/plain")
    return "".join(text or "")


@named
def test_the_dashboard_comes_last(path):
    """Each notebook shows the dashboard once, in its last code cell, and stores its picture with
    the title that the dashboard's text has."""
    *others, last = code_of(path)
    assert not any("explorer" in source(cell).lower() for cell in others)
    text, picture = last["outputs"]
    png = picture["data"]["image/png"]
    with Image.open(io.BytesIO(base64.b64decode("".join(png)))) as image:
        assert f"<Explorer sample: {image.text['Title']} | " in text_of(text)


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
    transport = sample_endpoint(seed=3, today=date(2026, 11, 25))
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
    code = "\n".join(map(source, code_of(path)))
    for old, new in CHANGED.items():
        code = code.replace(old, new)
    exec(compile(code, path.name, "exec"), space)  # noqa: S102  # our own
    explorer = space["explorer"]
    assert explorer.phase in ("ready", "partial")
    assert repr(explorer).startswith("<Explorer live: ")
    assert "ua.sample" not in code
