"""What a notebook keeps of the dashboard for readers without a kernel."""

import base64
import copy

import nbformat
import pytest
from nbclient import NotebookClient

# A kernel of its own takes seconds.
pytestmark = pytest.mark.slow

CELLS = [
    """
import usage_analysis as ua
from usage_analysis.figures.style import picture

explorer = ua.Explorer(ua.sample_client(), timezone="UTC", state={"preset": "yesterday"})
explorer
""",
    """
explorer.tab.value = "peaks"
with open("last.png", "wb") as file:
    file.write(picture(explorer.axes.figure, "png", dpi=120))
print(explorer.sentence)
""",
    'explorer.search.value = "no call says this"',
    "explorer",
    'explorer.search.value = ""',
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the kernel runs."""
    return tmp_path_factory.mktemp("kernel")


@pytest.fixture(scope="module")
def kept(folder):
    """Outputs of each cell so far, and those after the rest was run in the same kernel."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS])
    client = NotebookClient(
        notebook, kernel_name="python3", resources={"metadata": {"path": folder}}
    )
    with client.setup_kernel():
        seen = []
        for place, cell in enumerate(notebook.cells):
            client.execute_cell(cell, place)
            seen.append(copy.deepcopy([cell.outputs for cell in notebook.cells[: place + 1]]))
    return seen


def test_the_picture_beside_the_widget_is_the_last_one(folder, kept):
    """Beside the widget lies the figure that was drawn last, from whatever cell, and its words."""
    (widget, picture), (said,) = kept[1]
    assert widget.data["text/plain"].startswith("<Explorer sample: ")
    assert base64.b64decode(picture.data["image/png"]) == (folder / "last.png").read_bytes()
    assert picture.data["text/plain"] == said.text.strip()


def test_where_there_is_no_figure_the_words_are_kept(kept):
    """A search that no call meets leaves its sentence and no picture, at every place of display."""
    (_, picture), _, _, (_, again) = kept[3]
    for output in (picture, again):
        assert output.data["text/plain"].startswith("No calls on 2026-03-31 (UTC)")
        assert "image/png" not in output.data


def test_an_earlier_showing_keeps_its_own_picture(kept):
    """A change after a second showing reaches that one alone, with text for who cannot see it."""
    (_, first), _, _, (_, second), _ = kept[4]
    assert first.data["text/plain"].startswith("No calls on 2026-03-31 (UTC)")
    assert second.data["text/plain"] == kept[1][1][0].text.strip()
    assert len(second.metadata["image/png"]["alt"]) > 80
