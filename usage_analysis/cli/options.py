"""Options of the command line, from `commands.toml`, and the objects that they select."""

import argparse
import tomllib
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from usage_analysis.errors import QueryError
from usage_analysis.fetch.breakdown import KINDS
from usage_analysis.query import DEFAULT_DAYS, CallFilters, UsageQuery, zone

if TYPE_CHECKING:
    from usage_analysis.fetch.client import Client

#: Subparsers of the command line, or of one of its commands.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
#: The default scope of an archive.
ALL: Final = "all"
#: Owners of the calls in words, by source.
OWNERS: Final = {"sample": "the sample account", "live": "your account", "file": "a file of yours"}
#: Options of a list of calls, and their names in `read_calls`.
_LOG: Final = ("calls", "clock", "columns", "id", "errors")
_RENAMED: Final = {"calls": "data", "clock": "timezone"}
_CONSTANTS: Final = {"days": DEFAULT_DAYS, "kinds": KINDS, "scope": ALL}


def add_command(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], int | None]
) -> None:
    """Add a command with its options and the function that runs it."""
    about = dict(_TABLE["commands"][name])
    sections = about.pop("sections")
    parser = commands.add_parser(name, **about)
    add_sections(parser, *sections)
    parser.set_defaults(run=run)


def add_sections(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add sections of options; the help of an option ends with its default, if it has one."""
    for name in names:
        section = _TABLE[name]
        section = _TABLE.get(section.get("extends", ""), {}) | section
        place: argparse._ActionsContainer = parser
        if "title" in section:
            description = section.get("description", "").format(**_CONSTANTS) or None
            place = parser.add_argument_group(section["title"], description)
        elif section.get("exclusive"):
            place = parser.add_mutually_exclusive_group()
        for flag, settings in section.items():
            if isinstance(settings, dict):
                place.add_argument(flag, **settings | dict(_for_argparse(settings)))


def _for_argparse(settings: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the settings of an option that argparse takes in another form."""
    words = settings["help"].format(**_CONSTANTS)
    told = "default" not in settings or "default" in words
    if isinstance(settings.get("metavar"), list):
        yield "metavar", tuple(settings["metavar"])
    yield "help", words if told else f"{words} (default: {settings['default']})"
    if "type" in settings:
        yield "type", _TYPES[settings["type"]]


def open_client(options: argparse.Namespace) -> "Client":
    """Return a client of the sample account, of the live one or of a list of calls."""
    # Imported here so that --help does not load httpx.
    from usage_analysis.calls.log import read_calls
    from usage_analysis.fetch.client import Client
    from usage_analysis.sample import sample_client

    if log := log_of(options):
        return read_calls(**log)
    return sample_client() if options.account == "sample" else Client()


def log_of(options: argparse.Namespace) -> dict[str, Any]:
    """Take the arguments of `read_calls` from options; empty without a list of calls."""
    given = {_RENAMED.get(name, name): vars(options).pop(name, None) for name in _LOG}
    log = {name: value for name, value in given.items() if value}
    if log and "data" not in log:
        raise QueryError("--calls: expected a file beside the options of a list of calls, got none")
    return log


def query_of(options: argparse.Namespace, client: "Client") -> tuple[date, date, UsageQuery]:
    """Return the first and the last local day, and the query for them."""
    last = options.last or client.today(options.timezone)
    since = client.since and client.since.astimezone(zone(options.timezone)).date()
    first = options.first or since or last - timedelta(days=DEFAULT_DAYS)
    return first, last, UsageQuery.local_days(first, last, options.timezone, **filters_of(options))


def parse_day(text: str) -> date:
    """Parse a date of the command line."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(MESSAGES["day"].format(got=text)) from None


def filters_of(options: argparse.Namespace) -> CallFilters:
    """Return the filters that were given, by parameter name."""
    given = {name: getattr(options, name) for name in CallFilters.__annotations__}
    if given["metadata"]:
        given["metadata"] = dict(given["metadata"])
    return cast("CallFilters", {name: each for name, each in given.items() if each is not None})


def format_flags(names: Iterable[str]) -> str:
    """Return the options of parameters: `agent_ids` is `--agent`."""
    return ", ".join(f"--{name.removesuffix('_ids').replace('_', '-')}" for name in names)


def _parse_pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"expected key=value, got {text!r}")
    return key, value


def _parse_group(text: str) -> tuple[str, str]:
    name, _, value = text.rpartition("=")
    if not value or text.startswith("="):
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, got {text!r}")
    return name or value, value


def _parse_names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


_TABLE: Final[dict[str, Any]] = tomllib.loads(
    files("usage_analysis.cli").joinpath("commands.toml").read_text(encoding="utf-8")
)
#: Longer lines that commands print.
MESSAGES: Final[dict[str, str]] = _TABLE["messages"]
_TYPES: Final[dict[str, Callable[[str], Any]]] = {
    "int": int,
    "float": float,
    "path": Path,
    "day": parse_day,
    "names": _parse_names,
    "pair": _parse_pair,
    "group": _parse_group,
}
