"""Run the notebooks and save their canonical form: ``python tests/tools/notebooks.py [--check]``.

Each notebook runs in a fresh kernel. The canonical form has the outputs that strict nbval compares,
without widget views and without the metadata of pictures; execution counts from 1; cell IDs in
order; and one kernel name. With ``--check`` nothing is written, and the exit status is 1 if a file
differs from its canonical form.
"""

import sys
from copy import deepcopy
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
KEPT_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}
}
DROPPED = "application/vnd.jupyter.widget-view+json"


def canonical(path: Path) -> str:
    """Run a notebook in a fresh kernel and return its canonical text."""
    notebook = nbformat.read(path, as_version=4)
    # A later cell updates the dashboard's picture in all earlier outputs. A copy of the outputs
    # after each cell keeps the picture that its prose describes.
    outputs = {}
    NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": FOLDER}},
        on_cell_executed=lambda cell, cell_index, execute_reply: outputs.update(  # noqa: ARG005
            {cell_index: deepcopy(cell.outputs)}
        ),
    ).execute()
    notebook.metadata = nbformat.from_dict(KEPT_METADATA)
    count = 0
    for place, cell in enumerate(notebook.cells):
        cell.id = f"cell-{place:02}"
        cell.metadata = nbformat.from_dict(
            {"tags": cell.metadata["tags"]} if "tags" in cell.metadata else {}
        )
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        cell.outputs = merge_streams(outputs[place])
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = count
            if "data" in output:
                output.data.pop(DROPPED, None)
                output.metadata = nbformat.from_dict({})
    return nbformat.writes(notebook) + "\n"


def merge_streams(outputs: list) -> list:
    """Merge consecutive outputs of one stream, which a kernel splits at arbitrary times."""
    merged = []
    for output in outputs:
        last = merged[-1] if merged else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


def main() -> int:
    """Return the exit status: 1 if --check finds a stale file."""
    stale = 0
    for path in sorted(FOLDER.glob("*.ipynb")):
        text = canonical(path)
        if text == path.read_text(encoding="utf-8"):
            continue
        stale += 1
        print(f"{path.name}: {'stale' if '--check' in sys.argv else 'written'}")
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
    return int("--check" in sys.argv and stale > 0)


if __name__ == "__main__":
    sys.exit(main())
