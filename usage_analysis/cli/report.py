"""The command `report`: write reports of fetched calls, a saved reply or an archive."""

import argparse
import re
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import usage_analysis.cli.options as cli
from usage_analysis.cli.groups import fetch_groups, groups_of
from usage_analysis.cli.progress import progress_bar
from usage_analysis.errors import QueryError, refusal
from usage_analysis.fetch.breakdown import group_queries
from usage_analysis.query import DEFAULT_DAYS, UsageQuery
from usage_analysis.tidy.usage import CallUsage


def run(options: argparse.Namespace) -> cli.Outcome:
    """Write a report, or one per group, and print the path of each."""
    printed = options.out == cli.STANDARD
    options.timezone = options.timezone or options.clock or "UTC"
    if printed and (options.each or options.json):
        raise refusal("one_page", got="--each" if options.each else "--json")
    words = [f"{ours} from {theirs}" for ours, theirs in options.columns or ()]
    options.origin = "; ".join(filter(None, (str(options.calls or ""), ", ".join(words))))
    pages: dict[Path, dict[str, str]] = {}
    with tempfile.TemporaryDirectory() if printed else nullcontext("") as spare:
        out = Path(spare) if printed else options.out.resolve()
        for data in _load(options):
            slug = re.sub(r"[^\w.-]+", "-", data.name).strip(".-").casefold()[:80]
            folder = out / (slug or "group" if data.name else "")
            # Names that differ only in signs or case have a folder each.
            while folder in pages:
                folder = folder.with_name(f"{folder.name}-")
            page, source = _build(options, data, folder), data.usage.source
            of = data.name or cli.OWNERS[source]
            pages[folder] = {"path": str(page), "of": of, "source": source}
        if printed:
            return cli.Outcome(page.read_bytes())
    told = "\n".join(f"Report of {each['of']}: {each['path']}" for each in pages.values())
    return cli.Outcome("" if options.quiet else told, {"reports": [*pages.values()]})


class _Data(NamedTuple):
    """The data of a report, the local days that it is cut to, and the name of its group."""

    usage: CallUsage
    previous: CallUsage | None
    breakdown: CallUsage | None
    first: date | None
    last: date | None
    name: str = ""


def _build(options: argparse.Namespace, data: _Data, folder: Path) -> Path:
    # Imported here so that --help does not load Matplotlib.
    from usage_analysis.analysis.selection import Selection
    from usage_analysis.report.page import build_report
    from usage_analysis.report.tables import ReportOptions

    title = ": ".join(filter(None, [options.title or "Call usage", data.name]))
    chosen = {name: getattr(options, name) for name in ("timezone", "weekend")}
    wanted = {name: getattr(options, name) for name in ("limit", "budget", "price", "origin")}
    return build_report(
        data.usage,
        folder,
        selection=Selection(from_date=data.first, to_date=data.last, **chosen),
        previous=data.previous,
        breakdown=data.breakdown,
        sections=options.sections,
        options=ReportOptions(title=title, **wanted),
        progress=progress_bar("report", options),
    )


def _load(options: argparse.Namespace) -> Iterator[_Data]:
    """Return the data of each report."""
    if options.each and (options.by or options.reply or options.scope):
        raise refusal("each_alone", got="--by" if options.by else "--reply or --scope")
    if options.reply:
        return iter([_load_reply(options)])
    return _load_archive(options) if options.archive else _fetch(options)


def _load_reply(options: argparse.Namespace) -> _Data:
    _refuse("--reply: a saved reply cannot be filtered or grouped", options, "by")
    usage = CallUsage.load(options.reply)
    if usage.groups is not None:
        raise refusal("grouped_reply", path=str(options.reply))
    breakdown = options.breakdown and CallUsage.load(options.breakdown)
    if breakdown and breakdown.groups is None:
        raise refusal("no_breakdown", path=str(options.breakdown))
    return _Data(usage, None, breakdown, options.first, options.last)


def _load_archive(options: argparse.Namespace) -> Iterator[_Data]:
    # Imported here so that the other commands do not load the archive.
    from usage_analysis.archive.archive import Archive

    _refuse("--archive: expected only --scope, --by and --each to select calls", options)
    archive, zone = Archive(options.archive), options.timezone
    scopes = {"": options.scope or cli.ALL}
    if options.each:
        scopes = {group: f"{options.each}/{group}" for group in archive.groups(options.each)}
    for name, scope in scopes.items():
        # Today of an archive is the day of its last fetch.
        last = options.last or archive.load(scope).as_of.tz_convert(zone).date()
        first = options.first or last - timedelta(days=DEFAULT_DAYS)
        usage = archive.load(scope, first, last, timezone=zone)
        by, previous = options.by, None
        breakdown = archive.breakdown(by, first, last, timezone=zone) if by else None
        if not options.no_compare:
            # Without the previous days in the archive, the report has no comparison.
            with suppress(QueryError):
                previous = archive.load(scope, *_previous_days(first, last), timezone=zone)
        yield _Data(usage, previous, breakdown, first, last, name)


def _fetch(options: argparse.Namespace) -> Iterator[_Data]:
    if options.breakdown is not None:
        raise QueryError("--breakdown: expected --reply beside it; use --by to fetch groups")
    with cli.open_client(options) as client:
        groups = groups_of(options, client, options.each or options.by)
        first, last, query = cli.query_of(options, client)
        days = _previous_days(first, last)
        where = cli.filters_of(options, client.names)
        before = UsageQuery.local_days(*days, options.timezone, **where)
        # Before the first call of a list nothing is known.
        known = client.since is None or days[0] >= client.since.date()
        compare, bar = known and not options.no_compare, progress_bar("fetch", options)
        queries, earlier = {"": query}, {"": before}
        if groups and options.each:
            queries, earlier = (
                group_queries(groups.filters(), groups.column, whole) for whole in (query, before)
            )
            groups = None
        for name, asked in queries.items():
            usage = client.call_usage(asked, progress=bar)
            cli.warn_of_no_calls(usage, client.names)
            breakdown = fetch_groups(groups, client, asked, bar) if groups else None
            previous = client.call_usage(earlier[name], progress=bar) if compare else None
            yield _Data(usage, previous, breakdown, first, last, name)


def _previous_days(first: date, last: date) -> tuple[date, date]:
    """Return the first and the last day of as many days, just before."""
    day = timedelta(days=1)
    return first - (last - first + day), first - day


def _refuse(message: str, options: argparse.Namespace, *more: str) -> None:
    """Refuse filters and groups, and further options by name, where nothing is fetched."""
    given = [name for name in (*more, "group", "groups") if vars(options)[name]]
    if names := [*cli.filters_of(options), *given]:
        raise QueryError(f"{message}, got {cli.format_flags(names)}")
