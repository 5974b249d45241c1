"""The command line: a thin face over the library."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import usage_analysis
from usage_analysis import cli_archive
from usage_analysis.cli_filters import add_filters, filters_of
from usage_analysis.cli_groups import add_groups, groups_of
from usage_analysis.errors import QueryError, UsageError
from usage_analysis.query import DEFAULT_DAYS, UsageQuery
from usage_analysis.tidy.frames import CallUsage
from usage_analysis.tidy.saved import target_of

if TYPE_CHECKING:
    from usage_analysis.fetch.client import Client

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
    version = f"%(prog)s {usage_analysis.__version__}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_report(commands)
    _add_fetch(commands)
    _add_sync(commands)
    _add_doctor(commands)
    _add_app(commands)
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
    shown.add_argument("--rate", metavar="USD", help="a billed minute (0.05)")
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
    _add_account(fetch)
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
    _add_account(sync)
    cli_archive.add_sync_options(sync, _day)
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
    _add_account(doctor)
    doctor.add_argument("--days", type=int, default=30, help="how many to look at (30)")
    doctor.add_argument(
        "--save", type=Path, metavar="DIR", help="keep the replies, without key and ids"
    )
    doctor.set_defaults(run=_doctor)


def _add_app(commands: Commands) -> None:
    app = commands.add_parser(
        "app",
        help="open the dashboard in a browser",
        description="Serve the dashboard on this machine, behind a token, until interrupted.",
    )
    source = app.add_mutually_exclusive_group()
    _add_account(source)
    source.add_argument("--archive", type=Path, metavar="DIR", help="what sync kept instead")
    app.add_argument("--port", type=int, default=0, help="0 takes a free one")
    app.add_argument("--no-browser", action="store_true", help="only say the address")
    names = app.add_argument_group("names", "which the endpoint does not list, each in a CSV")
    names.add_argument("--agents", type=Path, metavar="FILE", help="columns name, and id or value")
    names.add_argument("--voices", type=Path, metavar="FILE", help="columns name, and id or value")
    names.add_argument("--metadata", type=Path, metavar="FILE", help="columns key and value")
    begin = app.add_argument_group("beginning", "what the page says first")
    begin.add_argument(
        "--timezone", metavar="ZONE", help="whose clock: America/New_York (this machine's)"
    )
    begin.add_argument(
        "--billing-day", type=int, default=1, metavar="DAY", help="the billing cycle's first (1)"
    )
    begin.add_argument("--rate", metavar="USD", help="a billed minute (0.05)")
    begin.add_argument("--limit", type=int, metavar="CALLS", help="that may be held at once (5)")
    app.set_defaults(run=_app)


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
    serve.add_argument(
        "--latency", type=float, default=0.0, metavar="SECONDS", help="that each answer takes (0)"
    )
    serve.add_argument(
        "--rate-limit", type=float, metavar="REQUESTS", help="let in a second (no limit)"
    )
    serve.add_argument("--seed", type=int, default=0, metavar="NUMBER", help="other calls (0)")
    serve.add_argument(
        "--today", type=_day, metavar="DAY", help="that its clock stands still on (2026-04-01)"
    )
    serve.add_argument(
        "--all-time-filtered", action="store_true", help="let allTime follow the filters"
    )
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
        "--timezone", default="UTC", metavar="ZONE", help="whose clock: America/New_York (UTC)"
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected a day such as 2026-03-31, got {text!r}"
        ) from None


def _report(options: argparse.Namespace) -> None:
    find = _archived if options.archive else _kept if options.reply else _asked
    found = find(options)
    # The report draws: matplotlib is loaded when there is something to draw.
    from usage_analysis.figures.report import build_report

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
        rate=options.rate,
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


def _app(options: argparse.Namespace) -> None:
    # Only the app needs widgets.
    from usage_analysis.dashboard.app import serve

    state = {name: getattr(options, name) for name in ("rate", "limit")}
    serve(
        options.account,
        archive=options.archive,
        port=options.port,
        open_browser=not options.no_browser,
        told=lambda address: print(address, flush=True),
        agents=options.agents,
        voices=options.voices,
        metadata=options.metadata,
        timezone=options.timezone,
        billing_day=options.billing_day,
        state={name: value for name, value in state.items() if value is not None},
    )


def _serve(options: argparse.Namespace) -> None:
    # Only serving needs the server.
    from usage_analysis.sample import KEY, TODAY
    from usage_analysis.sample.serve import PATH, serve

    def say(address: str) -> None:
        day = (options.today or TODAY) - timedelta(days=1)
        print(f"Sample account: {address} (Ctrl+C stops)")
        print(f"curl -H 'X-API-Key: {KEY}' '{address}{PATH}?fromDate={day}'", flush=True)

    serve(
        options.port,
        latency=options.latency,
        rate_limit=options.rate_limit,
        seed=options.seed,
        today=options.today,
        all_time_filtered=options.all_time_filtered,
        started=say,
    )


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
        day = timedelta(days=1)
        earlier = UsageQuery.local_days(
            first - (last - first + day), first - day, options.timezone, **filters_of(options)
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
