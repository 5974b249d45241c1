"""Style sheet and script of the dashboard, which ship as files of the package."""

from __future__ import annotations

from importlib.resources import files
from typing import Final


def read(folder: str, *names: str) -> str:
    """Return the text of files in a folder of the package, one after the other."""
    there = files(f"usage_analysis.{folder}")
    return "".join(there.joinpath(name).read_text(encoding="utf-8") for name in names)


_SHEETS: Final = read("figures", "pointer.css") + read("dashboard", "explorer.css")
STYLE: Final = f"<style>\n{_SHEETS}</style>"
