"""A progress bar on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable

Progress = Callable[[int, int], None]
_WIDTH = 30


def progress_bar(label: str) -> Progress | None:
    """Return a function that draws how many steps are done, or None where no terminal shows it."""
    if not sys.stderr.isatty():
        return None

    def draw(done: int, steps: int) -> None:
        filled = _WIDTH * done // max(steps, 1)
        end = "\n" if done == steps else ""
        bar = "#" * filled + "." * (_WIDTH - filled)
        print(f"\r{label} [{bar}] {done}/{steps}", end=end, file=sys.stderr, flush=True)

    return draw


def clear_line() -> None:
    """Clear an unfinished progress bar from the terminal, so that a message starts a new line."""
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
