"""The command line: a thin face over the library."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import usage_analysis
from usage_analysis import cli_archive, cli_served
from usage_analysis.cli_filters import add_account, add_filters, day, filters_of
from usage_analysis.cli_groups import add_groups, groups_of
from usage_analysis.errors import QueryError, UsageError
from usage_analysis.query import DEFAULT_DAYS, UsageQuery
from usage_analysis.tidy.usage import CallUsage
from usage_analysis.tidy.usage_files import target_of

if TYPE_CHECKING:
    from usage_analysis.cli_served import Commands
    from usage_analysis.fetch.client import Client


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
    version = f"%(prog)s {usage_analysis.__version__}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_report(commands)
    _add_fetch(commands)
    _add_sync(commands)
    _add_doctor(commands)
    cli_served.add_app(commands)
    cli_served.add_sample(commands)
    return parser


def _add_report(commands: Commands) -> None:
    report = commands.add_parser(
        "report",
        help="write figures, tables and one page that shows them",
        description="Write a report: figures (SVG, PNG), tables (CSV) and report.html.",
    )
    source = report.add_mutually_exclusive_group()
    add_account(source)
    source.add_argument("--reply", type=Path, metavar="FILE", help="a saved reply instead")
    source.add_argument("--archive", type=Path, metavar="DIR", help="what sync kept instead")
    report.add_argument("--scope", metavar="NAME", help="which of the archive's scopes (all)")
    _add_window(report)
    add_filters(report)
    groups = add_groups(report)
    groups.add_argument(
        "--breakdown", type=Path, metavar="FILE", help="kept by fetch --by, beside --reply"
    )
    shown = report.add_argument_group("page")
    shown.add_argument(
        "--sections", type=_names, metavar="NAMES", help="which and in what order: trend,errors"
    )
    shown.add_argument("--limit", type=int, metavar="CALLS", help="that may be held at once")
    shown.add_argument("--budget", type=float, metavar="MINUTES", help="billed, a month")
    shown.add_argument("--price", metavar="USD", help="price per billed minute (0.05)")
    shown.add_argument("--weekend", type=_names, default=("Sat", "Sun"), metavar="DAYS")
    shown.add_argument("--title", metavar="TEXT")
    shown.add_argument(
        "--no-compare", action="store_true", help="leave out the period of like length before"
    )
    report.add_argument(
        "--out", type=Path, default=Path("usage-report"), metavar="DIR", help="(usage-report)"
    )
    report.set_defaults(run=_report)


def _add_fetch(commands: Commands) -> None:
    fetch = commands.add_parser(
        "fetch",
        help="keep a reply in a file",
        description="Ask the endpoint and keep the reply, its query and its date in a file.",
    )
    add_account(fetch)
    _add_window(fetch)
    add_filters(fetch)
    add_groups(fetch)
    fetch.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to write")
    fetch.set_defaults(run=_fetch)


def _add_sync(commands: Commands) -> None:
    sync = commands.add_parser(
        "sync",
        help="keep an account's history in a folder",
        description="Fetch into an archive what is missing and what may have changed since.",
    )
    add_account(sync)
    cli_archive.add_sync_options(sync, day)
    add_filters(sync)
    add_groups(sync)
    sync.set_defaults(run=_sync)


def _add_doctor(commands: Commands) -> None:
    doctor = commands.add_parser(
        "doctor",
        help="ask an account what the endpoint's description leaves open",
        description="Ask an account what the endpoint's description leaves open: what was "
        "assumed, what was seen, what follows for its numbers.",
    )
    add_account(doctor)
    doctor.add_argument("--days", type=int, default=30, help="how many to look at (30)")
    doctor.add_argument(
        "--save", type=Path, metavar="DIR", help="keep the replies, without key and ids"
    )
    doctor.set_defaults(run=_doctor)


def _add_window(parser: argparse.ArgumentParser) -> None:
    window = parser.add_argument_group("window", "the last 30 local days and today without one")
    window.add_argument(
        "--from", dest="first", type=day, metavar="DAY", help="first local day, 2026-03-01"
    )
    window.add_argument("--to", dest="last", type=day, metavar="DAY", help="last local day")
    window.add_argument(
        "--timezone", default="UTC", metavar="ZONE", help="whose clock: America/New_York (UTC)"
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


def _report(options: argparse.Namespace) -> None:
    find = _archived if options.archive else _kept if options.reply else _asked
    found = find(options)
    # The report draws: matplotlib is loaded when there is something to draw.
    from usage_analysis.report.page import build_report

    page = build_report(
        found.usage,
        options.out,
        timezone=options.timezone,
        from_date=found.first,
        to_date=found.last,
        previous=found.previous,
        breakdown=found.breakdown,
        sections=options.sections,
        limit=options.limit,
        budget=options.budget,
        price=options.price,
        weekend=options.weekend,
        title=options.title,
        progress=_bar("report"),
    )
    print(f"Report of {_whose(found.usage)}: {page.resolve()}")


def _fetch(options: argparse.Namespace) -> None:
    target_of(options.out)  # before anything is asked
    groups = groups_of(options)
    with _client(options.account) as client:
        _, _, query = _window(options, client)
        bar = _bar("fetch")
        usage = groups.of(client, query, bar) if groups else client.call_usage(query, progress=bar)
    print(f"Reply of {_whose(usage)}: {usage.save(options.out).resolve()}")


def _sync(options: argparse.Namespace) -> None:
    groups = groups_of(options)
    with _client(options.account) as client:
        print(cli_archive.sync(options, client, filters_of(options), groups, _bar("sync")))


def _whose(usage: CallUsage) -> str:
    words = {"sample": "the sample account", "live": "your account", "file": "a file of yours"}
    return words[usage.source]


def _doctor(options: argparse.Namespace) -> None:
    # The doctor asks over HTTP.
    from usage_analysis import doctor

    with _client(options.account) as client:
        findings = doctor.run(
            client, days=options.days, folder=options.save, progress=_bar("doctor")
        )
    print("\n\n".join(str(finding) for finding in findings))


class _Found(NamedTuple):
    """What to report on: the calls, those before, those by group, and the local days to cut to."""

    usage: CallUsage
    previous: CallUsage | None = None
    breakdown: CallUsage | None = None
    first: date | None = None
    last: date | None = None


def _kept(options: argparse.Namespace) -> _Found:
    """What saved replies hold."""
    asked = [
        *filters_of(options),
        *(name for name in ("by", "group", "groups") if vars(options)[name]),
    ]
    if asked:
        raise QueryError(f"--reply: a saved reply is not asked again, got {_options(asked)}")
    usage = CallUsage.load(options.reply)
    if usage.groups is not None:
        raise QueryError(
            "--reply: expected a reply about all calls, got a breakdown in "
            f"{str(options.reply)!r}; give it to --breakdown"
        )
    breakdown = None
    if options.breakdown is not None:
        breakdown = CallUsage.load(options.breakdown)
        if breakdown.groups is None:
            raise QueryError(
                "--breakdown: expected what fetch --by keeps, got a reply without groups in "
                f"{str(options.breakdown)!r}"
            )
    return _Found(usage, None, breakdown, options.first, options.last)


def _archived(options: argparse.Namespace) -> _Found:
    """What an archive holds."""
    asked = [*filters_of(options), *(name for name in ("group", "groups") if vars(options)[name])]
    if asked:
        raise QueryError(f"--archive: expected --scope and --by alone, got {_options(asked)}")
    return _Found(*cli_archive.load(options))


def _options(names: list[str]) -> str:
    return ", ".join(f"--{name.removesuffix('_ids').replace('_', '-')}" for name in names)


def _asked(options: argparse.Namespace) -> _Found:
    """What the account answers."""
    if options.breakdown is not None:
        raise QueryError("--breakdown: expected --reply beside it; --by asks for groups")
    groups = groups_of(options)
    with _client(options.account) as client:
        first, last, query = _window(options, client)
        bar = _bar("fetch")
        usage = client.call_usage(query, progress=bar)
        breakdown = groups.of(client, query, bar) if groups else None
        if options.no_compare:
            return _Found(usage, None, breakdown, first, last)
        before = first - timedelta(days=1)
        earlier = UsageQuery.local_days(
            before - (last - first), before, options.timezone, **filters_of(options)
        )
        return _Found(usage, client.call_usage(earlier, progress=bar), breakdown, first, last)


def _window(options: argparse.Namespace, client: Client) -> tuple[date, date, UsageQuery]:
    """The local days asked for, and the question about them."""
    last = options.last or client.today(options.timezone)
    first = options.first or last - timedelta(days=DEFAULT_DAYS)
    return first, last, UsageQuery.local_days(first, last, options.timezone, **filters_of(options))


def _client(account: str) -> Client:
    # httpx is loaded where something is fetched.
    from usage_analysis.fetch.client import Client
    from usage_analysis.sample import sample_client

    return sample_client() if account == "sample" else Client()


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
