"""Copies of the notebooks for the site, as they are stored with their outputs."""

from pathlib import Path

from sphinx.application import Sphinx

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def write_if_changed(path: Path, content: bytes) -> None:
    """Write a file, unless it has this content, so that an unchanged page is not built again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_bytes() != content:
        path.write_bytes(content)


def copy_notebooks(app: Sphinx) -> None:
    """Copy the notebooks into the sources of the site."""
    for path in NOTEBOOKS.glob("*.ipynb"):
        write_if_changed(Path(app.srcdir) / "notebooks" / path.name, path.read_bytes())


def setup(app: Sphinx) -> dict[str, object]:
    """Copy the notebooks before pages are read."""
    app.connect("builder-inited", copy_notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
