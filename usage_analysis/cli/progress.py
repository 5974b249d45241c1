"""A progress bar on standard error."""

import argparse
import sys

from usage_analysis.progress import Progress, ProgressBar


def progress_bar(label: str, options: argparse.Namespace) -> Progress | None:
    """Return a progress bar, or None without a terminal or with --quiet."""
    return ProgressBar(label) if sys.stderr.isatty() and not options.quiet else None


def clear_line() -> None:
    """Clear an unfinished progress bar from the terminal, so that a message starts a new line."""
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
