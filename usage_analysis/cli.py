"""The command line: a thin face over the library."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

from usage_analysis.errors import UsageError
from usage_analysis.query import DEFAULT_DAYS, UsageQuery
from usage_analysis.tidy.frames import CallUsage


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
    report = commands.add_parser(
        "report",
        help="write figures, tables and one page that shows them",
        description="Write a report: figures (SVG, PNG), tables (CSV) and report.html.",
    )
    source = report.add_mutually_exclusive_group()
    source.add_argument(
        "--account",
        choices=("sample", "live"),
        default="sample",
        help="whose calls: the sample account (default), or the one of ULTRAVOX_API_KEY",
    )
    source.add_argument("--reply", type=Path, metavar="FILE", help="a saved reply instead")
    report.add_argument(
        "--from", dest="first", type=_day, metavar="DAY", help="first local day, 2026-03-01"
    )
    report.add_argument("--to", dest="last", type=_day, metavar="DAY", help="last local day")
    report.add_argument(
        "--timezone", default="UTC", metavar="ZONE", help='whose clock, "America/New_York"'
    )
    report.add_argument(
        "--out", type=Path, default=Path("usage-report"), metavar="DIR", help="where to write"
    )
    report.set_defaults(run=_report)
    return parser


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


def _usage(options: argparse.Namespace) -> tuple[CallUsage, date | None, date | None]:
    """What to report on, and the local days to cut it to."""
    first, last = options.first, options.last
    if options.reply is not None:
        return CallUsage.load(options.reply), first, last
    # httpx is loaded where something is fetched.
    from usage_analysis.fetch.client import Client
    from usage_analysis.sample import sample_client

    with sample_client() if options.account == "sample" else Client() as client:
        last = last or client.today(options.timezone)
        first = first or last - timedelta(days=DEFAULT_DAYS)
        query = UsageQuery.local_days(first, last, options.timezone)
        return client.call_usage(query), first, last


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
