"""Copies of the notebooks for the site, as they are stored with their outputs."""

from pathlib import Path

from sources import replace_sources
from sphinx.application import Sphinx

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def copy_notebooks(app: Sphinx) -> None:
    """Copy the notebooks into the sources of the site."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in NOTEBOOKS.glob("*.ipynb")}
    replace_sources(Path(app.srcdir) / "notebooks", ".ipynb", texts)


def setup(app: Sphinx) -> dict[str, object]:
    """Copy the notebooks before pages are read."""
    app.connect("builder-inited", copy_notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
