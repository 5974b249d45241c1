"""The command line: each command parses its options, calls the library and returns its outcome."""

import argparse
import io
import json
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import usage_analysis
from usage_analysis.cli import app, check, doctor, fetch, report, sample, sync
from usage_analysis.cli.options import MESSAGES, Outcome, add_command, name_options, status_of
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
        0 done, 2 wrong use, 3 data missing, 4 key refused, 75 try again later, 130 after
        Ctrl+C, 141 if nobody reads the output any more; and 1 for a broken rule of `check`. The
        message of an error is one line on standard error.
    """
    # A service has neither stream, and neither has Python without a console.
    sys.stdout, sys.stderr = sys.stdout or io.StringIO(), sys.stderr or io.StringIO()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A pipe on Windows lacks most characters of the names of agents and files.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            return _run(_parser().parse_args(arguments))
        finally:
            sys.stdout.flush()
    except OSError as error:
        # Python would try to write the rest, and complain again, when it exits.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return 141
        _print(error)
        return 2


def _run(options: argparse.Namespace) -> int:
    run, as_json = vars(options).pop("run"), vars(options).get("json")
    if vars(options).get("verbose"):
        logging.basicConfig(level=logging.INFO, format="usage-analysis: %(message)s")
    with warnings.catch_warnings():
        warnings.showwarning = lambda warning, *_, **__: _print(warning)
        if vars(options).get("quiet"):
            warnings.simplefilter("ignore", UserWarning)
        try:
            done = run(options) or Outcome()
        except (UsageError, OSError) as error:
            done = Outcome(found={"error": _words(error)}, status=status_of(error))
        except KeyboardInterrupt:
            done = Outcome(found={"error": "stopped"}, status=130)
    if as_json:
        lists: dict[str, Any] = {"fired": [], "resolved": []} if run is check.run else {}
        print(json.dumps({"status": done.status} | lists | done.found))
    elif "error" in done.found:
        _print(done.found["error"])
    elif isinstance(done.text, bytes):
        getattr(sys.stdout, "buffer", io.BytesIO()).write(done.text)
    elif done.text:
        print(done.text)
    sys.stdout.flush()
    done.after()
    return done.status


def _print(message: Exception | str) -> None:
    clear_line()
    print(f"usage-analysis: {_words(message)}", file=sys.stderr)


def _words(message: Exception | str) -> str:
    """Return an error or a warning on one line, without its line of code."""
    return " ".join((getattr(message, "in_shell", "") or name_options(str(message))).split())


def _parser() -> argparse.ArgumentParser:
    about: Any = {"description": MESSAGES["about"], "epilog": MESSAGES["statuses"]}
    parser = argparse.ArgumentParser("usage-analysis", **about)
    version = f"%(prog)s {usage_analysis.__version__}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (report, fetch, sync, check, doctor, app):
        add_command(commands, command.__name__.rpartition(".")[2], command.run)
    actions = commands.add_parser("sample", help="serve the sample account")
    add_command(actions.add_subparsers(required=True, metavar="ACTION"), "serve", sample.run)
    return parser
