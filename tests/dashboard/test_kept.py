"""What a notebook keeps of the dashboard for readers without a kernel."""

import base64

import nbformat
from nbclient import NotebookClient

CELLS = [
    """
import usage_analysis as ua

explorer = ua.Explorer(ua.sample_client(), timezone="UTC", state={"preset": "yesterday"})
explorer
""",
    """
explorer.tab.value = "peaks"
with open("last.png", "wb") as file:
    file.write(explorer.image.value)
print(explorer.sentence)
""",
    'explorer.search.value = "no call says this"',
    "explorer",
]


def run(folder, cells):
    """Outputs of each cell after all were run in one kernel."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    NotebookClient(
        notebook, kernel_name="python3", resources={"metadata": {"path": folder}}
    ).execute()
    return [cell.outputs for cell in notebook.cells]


def test_the_picture_beside_the_widget_is_the_last_one(tmp_path):
    """Beside the widget lies the figure that was drawn last, from whatever cell, and its words."""
    (widget, picture), (said,) = run(tmp_path, CELLS[:2])
    assert widget.data["text/plain"].startswith("<Explorer sample: ")
    assert base64.b64decode(picture.data["image/png"]) == (tmp_path / "last.png").read_bytes()
    assert picture.data["text/plain"] == said.text.strip()


def test_where_there_is_no_figure_the_words_are_kept(tmp_path):
    """A search that no call meets leaves its sentence and no picture, at every place of display."""
    (_, picture), _, _, (_, again) = run(tmp_path, CELLS)
    for output in (picture, again):
        assert output.data["text/plain"].startswith("No calls on 2026-03-31 (UTC)")
        assert "image/png" not in output.data
