"""The command line: each command parses its options and calls the library."""

import argparse
import io
import sys
import warnings
from collections.abc import Sequence

import usage_analysis
from usage_analysis.cli import app, check, doctor, fetch, report, sample, sync
from usage_analysis.cli.options import add_command
from usage_analysis.cli.progress import clear_line
from usage_analysis.errors import UsageError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    Parameters
    ----------
    arguments
        Words of the command line, without the program's name; those of this process by default.

    Returns
    -------
    int
        0 for success, 130 after Ctrl+C, and 2 after an error; `check` has others. The message of
        the error is one line on standard error.
    """
    # A service has neither stream, and neither has Python without a console.
    sys.stdout, sys.stderr = sys.stdout or io.StringIO(), sys.stderr or io.StringIO()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A pipe on Windows lacks most characters of the names of agents and files.
        sys.stdout.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    run = vars(options).pop("run")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda warning, *_, **__: _print(warning)
            return run(options) or 0
    except (UsageError, OSError) as error:
        _print(error)
        return 2
    except KeyboardInterrupt:
        _print("stopped")
        return 130


def _print(message: Exception | str) -> None:
    """Print an error, or a warning without its line of code."""
    clear_line()
    text = getattr(message, "in_shell", "") or str(message)
    print(f"usage-analysis: {' '.join(text.split())}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="usage-analysis", description="Analyse the call usage of your Ultravox voice agents."
    )
    version = f"%(prog)s {usage_analysis.__version__}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (report, fetch, sync, check, doctor, app):
        add_command(commands, command.__name__.rpartition(".")[2], command.run)
    actions = commands.add_parser("sample", help="serve the sample account")
    add_command(actions.add_subparsers(required=True, metavar="ACTION"), "serve", sample.run)
    return parser
