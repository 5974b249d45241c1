"""Style sheet and script of the dashboard, as the HTML that its page holds."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from typing import Final


def _read(name: str) -> str:
    return files("usage_analysis.dashboard").joinpath(name).read_text(encoding="utf-8")


STYLE: Final = f"<style>\n{_read('explorer.css')}</style>"
# Scripts of an HTML widget do not run, but the error handler of an image does.
SCRIPT: Final = f'<img alt="" hidden src="data:," onerror="{escape(_read("explorer.js"))}">'
