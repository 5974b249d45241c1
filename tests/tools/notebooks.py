"""The notebooks in one canonical form: ``python tests/tools/notebooks.py [--check]``.

Runs each notebook from a fresh kernel and keeps what strict nbval compares: outputs without widget
views and pictures' metadata, counts from 1, cell ids in order, one kernel name. ``--check`` writes
nothing and fails where a file differs from its canonical form.
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
    """The notebook's text after a run from a fresh kernel."""
    notebook = nbformat.read(path, as_version=4)
    # A later cell brings the dashboard's picture up to date: here each stays with its prose.
    shown = {}
    NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": FOLDER}},
        on_cell_executed=lambda cell, cell_index, execute_reply: shown.update(  # noqa: ARG005
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
        cell.outputs = joined(shown[place])
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = count
            if "data" in output:
                output.data.pop(DROPPED, None)
                output.metadata = nbformat.from_dict({})
    return nbformat.writes(notebook) + "\n"


def joined(outputs: list) -> list:
    """Outputs in which what was printed on end is one: a kernel cuts it where its clock ticks."""
    out = []
    for output in outputs:
        last = out[-1] if out else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            out.append(output)
    return out


def main() -> int:
    """Exit status: 1 where a file is stale under --check."""
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
