"""Sources of pages that the extensions write before the pages are read."""

from collections.abc import Mapping
from pathlib import Path


def replace_sources(folder: Path, ending: str, texts: Mapping[str, str]) -> None:
    """Write the files of a folder that have an ending, and remove all others that have it.

    A file with the same text keeps its time, so that an unchanged page is not built again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob(f"*{ending}"):
        if path.name.removesuffix(ending) not in texts:
            path.unlink()
    for name, text in texts.items():
        path = folder / f"{name}{ending}"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
