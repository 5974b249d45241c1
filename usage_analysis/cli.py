"""The command line: a thin face over the library."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from usage_analysis.errors import QueryError, UsageError
from usage_analysis.query import DEFAULT_DAYS, UsageQuery
from usage_analysis.tidy.frames import CallUsage

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0, or 2 with one line on standard error."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (UsageError, OSError) as error:
        _clear()
        print(f"usage-analysis: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        _clear()
        print("usage-analysis: stopped", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="usage-analysis", description="How your Ultravox voice agents' calls go."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_report(commands)
    _add_fetch(commands)
    _add_sample(commands)
    return parser


def _add_report(commands: Commands) -> None:
    report = commands.add_parser(
        "report",
        help="write figures, tables and one page that shows them",
        description="Write a report: figures (SVG, PNG), tables (CSV) and report.html.",
    )
    source = report.add_mutually_exclusive_group()
    _add_account(source)
    source.add_argument("--reply", type=Path, metavar="FILE", help="a saved reply instead")
    _add_window(report)
    _add_filters(report)
    report.add_argument(
        "--out", type=Path, default=Path("usage-report"), metavar="DIR", help="where to write"
    )
    report.set_defaults(run=_report)


def _add_fetch(commands: Commands) -> None:
    fetch = commands.add_parser(
        "fetch",
        help="keep a reply in a file",
        description="Ask the endpoint and keep the reply, its query and its date in a file.",
    )
    _add_account(fetch)
    _add_window(fetch)
    _add_filters(fetch)
    fetch.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to write")
    fetch.set_defaults(run=_fetch, reply=None)


def _add_sample(commands: Commands) -> None:
    sample = commands.add_parser("sample", help="the sample account").add_subparsers(
        required=True, metavar="WHAT"
    )
    serve = sample.add_parser(
        "serve",
        help="answer over HTTP on this machine",
        description="Serve the sample account on 127.0.0.1 until interrupted.",
    )
    serve.add_argument("--port", type=int, default=8765, help="0 takes a free one")
    serve.add_argument("--latency", type=float, default=0.0, metavar="SECONDS")
    serve.add_argument("--rate-limit", type=float, metavar="REQUESTS", help="a second")
    serve.set_defaults(run=_serve)


def _add_account(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--account",
        choices=("sample", "live"),
        default="sample",
        help="whose calls: the sample account (default), or the one of ULTRAVOX_API_KEY",
    )


def _add_window(parser: argparse.ArgumentParser) -> None:
    window = parser.add_argument_group("window", "the last 30 local days and today without one")
    window.add_argument(
        "--from", dest="first", type=_day, metavar="DAY", help="first local day, 2026-03-01"
    )
    window.add_argument("--to", dest="last", type=_day, metavar="DAY", help="last local day")
    window.add_argument(
        "--timezone", default="UTC", metavar="ZONE", help='whose clock, "America/New_York"'
    )


def _add_filters(parser: argparse.ArgumentParser) -> None:
    only = parser.add_argument_group("filters", "only calls")
    only.add_argument("--agent", dest="agent_ids", action="append", metavar="ID", help="repeats")
    only.add_argument("--voice", dest="voice_id", metavar="ID")
    only.add_argument("--duration-min", metavar="SECONDS")
    only.add_argument("--duration-max", metavar="SECONDS")
    only.add_argument("--metadata", type=_pair, action="append", metavar="KEY=VALUE")
    only.add_argument("--search", metavar="TEXT")
    only.add_argument("--time-of-day-start", metavar="HH:MM", help="UTC")
    only.add_argument("--time-of-day-end", metavar="HH:MM", help="UTC")


_FILTERS = (
    "agent_ids",
    "voice_id",
    "duration_min",
    "duration_max",
    "metadata",
    "search",
    "time_of_day_start",
    "time_of_day_end",
)


def _filters(options: argparse.Namespace) -> dict[str, Any]:
    given = {name: getattr(options, name) for name in _FILTERS}
    if given["metadata"]:
        given["metadata"] = dict(given["metadata"])
    return {name: value for name, value in given.items() if value is not None}


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"expected key=value, got {text!r}")
    return key, value


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected a day such as 2026-03-31, got {text!r}"
        ) from None


def _report(options: argparse.Namespace) -> None:
    usage, first, last = _usage(options)
    # The report draws: matplotlib is loaded when there is something to draw.
    from usage_analysis.figures.report import build_report

    page = build_report(
        usage,
        options.out,
        timezone=options.timezone,
        from_date=first,
        to_date=last,
        progress=_bar("report"),
    )
    print(f"Report: {page.resolve()}")


def _fetch(options: argparse.Namespace) -> None:
    usage, _, _ = _usage(options)
    print(f"Saved: {usage.save(options.out).resolve()}")


def _serve(options: argparse.Namespace) -> None:
    # Only serving needs the server.
    from usage_analysis.sample.serve import serve

    with suppress(KeyboardInterrupt):
        serve(
            options.port,
            latency=options.latency,
            rate_limit=options.rate_limit,
            started=lambda address: print(f"Sample account: {address} (Ctrl+C stops)", flush=True),
        )


def _usage(options: argparse.Namespace) -> tuple[CallUsage, date | None, date | None]:
    """What to look at, and the local days to cut it to."""
    first, last, filters = options.first, options.last, _filters(options)
    if options.reply is not None:
        if filters:
            raise QueryError(f"--reply: a saved reply is not filtered again, got {list(filters)}")
        return CallUsage.load(options.reply), first, last
    # httpx is loaded where something is fetched.
    from usage_analysis.fetch.client import Client
    from usage_analysis.sample import sample_client

    with sample_client() if options.account == "sample" else Client() as client:
        last = last or client.today(options.timezone)
        first = first or last - timedelta(days=DEFAULT_DAYS)
        query = UsageQuery.local_days(first, last, options.timezone, **filters)
        return client.call_usage(query, progress=_bar("fetch")), first, last


def _bar(what: str) -> Callable[[int, int], None] | None:
    if not sys.stderr.isatty():
        return None

    def draw(done: int, steps: int) -> None:
        filled = 30 * done // max(steps, 1)
        end = "\n" if done == steps else ""
        bar = "#" * filled + "." * (30 - filled)
        print(f"\r{what} [{bar}] {done}/{steps}", end=end, file=sys.stderr, flush=True)

    return draw


def _clear() -> None:
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
