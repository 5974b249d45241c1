"""Options of the command line, from `commands.toml`, and the objects that they select."""

import argparse
import re
import tomllib
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from usage_analysis import errors
from usage_analysis.errors import QueryError, refusal
from usage_analysis.fetch.breakdown import KINDS
from usage_analysis.fetch.responses import RETRIED
from usage_analysis.query import DEFAULT_DAYS, CallFilters, UsageQuery, zone
from usage_analysis.tidy.frames import REST
from usage_analysis.tidy.usage import CallUsage

if TYPE_CHECKING:
    from usage_analysis.fetch.base import AccountNames
    from usage_analysis.fetch.client import Client

#: Subparsers of the command line, or of one of its commands.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
#: The default scope of an archive.
ALL: Final = "all"
#: The path that stands for standard output.
STANDARD: Final = Path("-")
#: Owners of the calls in words, by source.
OWNERS: Final = {"sample": "the sample account", "live": "your account", "file": "a file of yours"}
_CONSTANTS: Final = {"days": DEFAULT_DAYS, "kinds": KINDS, "scope": ALL}


@dataclass(frozen=True)
class Outcome:
    """Result of a command, as text and as JSON."""

    #: Text for standard output; bytes are written as they are.
    text: str | bytes = ""
    #: The same as plain JSON, for --json.
    found: dict[str, Any] = field(default_factory=dict)
    status: int = 0
    #: Function that is called when everything was said.
    after: Callable[[], object] = lambda: None


def status_of(error: Exception) -> int:
    """Return the exit status for an error: data missing, key refused, later or wrong use."""
    if isinstance(error, errors.AuthenticationError):
        return 4
    passing = isinstance(error, errors.APIError) and error.status_code in RETRIED
    if passing or isinstance(error, errors.TransportError):
        return 75
    return 3 if isinstance(error, errors.NoDataError) else 2


def name_options(message: str) -> str:
    """Return an error message with options instead of the arguments that they set."""
    # Only at its beginning, or with an underscore, is a word surely the name of an argument.
    names = r"^\w+(?=:)|(?<=, )\w+(?=:)|\b[a-z]+_[a-z_]+\b(?![(=])"
    return re.sub(names, lambda name: _TABLE["flags"].get(name[0], name[0]), message)


def add_command(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], Outcome | None]
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
                place.add_argument(*flag.split(", "), **settings | dict(_for_argparse(settings)))


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

    log, given = log_of(options), vars(options)
    names = ("base_url", "timeout", "deadline", "max_attempts")
    settings = {name: given[name] for name in names if given[name] is not None}
    if options.account == "live":
        return Client(**settings)
    if settings:
        raise refusal("live_only", got=format_flags(settings))
    return read_calls(**log) if log else sample_client()


def log_of(options: argparse.Namespace) -> dict[str, Any]:
    """Take the arguments of `read_calls` from options; empty without a list of calls."""
    pop = vars(options).pop
    given = {name: pop(name, None) for name in ("columns", "id", "errors")}
    given |= {"data": pop("calls", None), "timezone": pop("clock", None)}
    log = {name: value for name, value in given.items() if value}
    if log and "data" not in log:
        raise QueryError("--calls: expected a file beside the options of a list of calls, got none")
    return log


def query_of(options: argparse.Namespace, client: "Client") -> tuple[date, date, UsageQuery]:
    """Return the first and the last local day, and the query for them."""
    filters = filters_of(options, client.names)
    last = options.last or client.today(options.timezone)
    since = client.since and client.since.astimezone(zone(options.timezone)).date()
    first = options.first or since or last - timedelta(days=DEFAULT_DAYS)
    return first, last, UsageQuery.local_days(first, last, options.timezone, **filters)


def parse_day(text: str) -> date:
    """Parse a date of the command line."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(MESSAGES["day"].format(got=text)) from None


def filters_of(options: argparse.Namespace, names: "AccountNames | None" = None) -> CallFilters:
    """Return the filters that were given, by parameter name; known names become IDs."""
    given = {name: getattr(options, name) for name in CallFilters.__annotations__}
    given["metadata"] = given["metadata"] and dict(given["metadata"])
    if names is not None:
        agents = given["agent_ids"]
        given["agent_ids"] = agents and [names.agents.get(one, one) for one in agents]
        given["voice_id"] = names.voices.get(given["voice_id"], given["voice_id"])
    return cast("CallFilters", {name: each for name, each in given.items() if each is not None})


def warn_of_no_calls(usage: CallUsage, names: "AccountNames | None") -> None:
    """Warn of metadata that no call has: the endpoint does not say which keys it knows."""
    asked = (usage.groups or {"": usage.query or UsageQuery()}).values()
    keys = {key: None for query in asked for key in query.metadata or ()}
    named = usage.daily[usage.daily.iloc[:, 0] != REST]
    if keys and not named["total_count"].any():
        known = f"; known keys: {', '.join(names.metadata)}" if names else ""
        text = MESSAGES["no_calls"].format(asked=", ".join(keys), known=known)
        warnings.warn(text, stacklevel=2)


def format_flags(names: Iterable[str]) -> str:
    """Return the options of parameters: `agent_ids` is `--agent`."""
    return ", ".join(_TABLE["flags"].get(name, f"--{name}") for name in names)


def _parser_of(pattern: str, expected: str, convert: Callable[..., Any]) -> Callable[[str], Any]:
    """Return a parser of texts that match a pattern; its groups are passed to `convert`."""

    def parse(text: str) -> Any:
        if (found := re.fullmatch(pattern, text, re.ASCII | re.DOTALL)) is None:
            raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")
        return convert(*found.groups())

    return parse


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
    "names": lambda text: tuple(name.strip() for name in text.split(",")),
    "pair": _parser_of("([^=]+)=(.*)", "key=value", lambda key, value: (key, value)),
    "group": _parser_of("(?:(.+)=)?([^=]+)", "NAME=VALUE", lambda name, of: (name or of, of)),
    # The first attempt is no retry.
    "retries": _parser_of("([0-9]{1,9})", "a number from 0", lambda number: int(number) + 1),
}
