"""Copies of the notebooks for the site, as they are stored with their outputs."""

from pathlib import Path

from docutils import nodes
from PIL import Image
from sources import replace_sources
from sphinx.application import Sphinx

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def copy_notebooks(app: Sphinx) -> None:
    """Copy the notebooks into the sources of the site."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in NOTEBOOKS.glob("*.ipynb")}
    replace_sources(Path(app.srcdir) / "notebooks", ".ipynb", texts)


def title_pictures(app: Sphinx, doctree: nodes.document) -> None:
    """Let the pictures of notebooks be read aloud: by the title that a figure stores in its PNG."""
    for node in doctree.findall(nodes.image):
        path = Path(app.srcdir) / node["uri"]
        if "alt" not in node and path.suffix == ".png":
            with Image.open(path) as picture:
                node["alt"] = picture.info["Title"]


def setup(app: Sphinx) -> dict[str, object]:
    """Copy the notebooks before pages are read, and title their pictures afterwards."""
    app.connect("builder-inited", copy_notebooks)
    app.connect("doctree-read", title_pictures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
