"""The command `report`: write a report of fetched calls, a saved reply or an archive."""

import argparse
from contextlib import suppress
from datetime import date, timedelta
from typing import NamedTuple

from usage_analysis.cli.groups import fetch_groups, groups_of
from usage_analysis.cli.options import ALL, OWNERS, filters_of, format_flags, open_client, query_of
from usage_analysis.cli.progress import progress_bar
from usage_analysis.errors import QueryError, refusal
from usage_analysis.query import DEFAULT_DAYS, UsageQuery
from usage_analysis.tidy.usage import CallUsage


def run(options: argparse.Namespace) -> None:
    """Write a report and print its path."""
    options.timezone = options.timezone or options.clock or "UTC"
    words = [f"{ours} from {theirs}" for ours, theirs in options.columns or ()]
    origin = "; ".join(filter(None, (str(options.calls or ""), ", ".join(words))))
    if options.archive:
        data = _load_archive(options)
    elif options.reply:
        data = _load_reply(options)
    else:
        data = _fetch(options)
    # Imported here so that --help does not load Matplotlib.
    from usage_analysis.analysis.selection import Selection
    from usage_analysis.report.page import build_report
    from usage_analysis.report.tables import ReportOptions

    page = build_report(
        data.usage,
        options.out,
        selection=Selection(
            timezone=options.timezone,
            from_date=data.first,
            to_date=data.last,
            weekend=options.weekend,
        ),
        previous=data.previous,
        breakdown=data.breakdown,
        sections=options.sections,
        options=ReportOptions(
            limit=options.limit,
            budget=options.budget,
            price=options.price,
            title=options.title or "Call usage",
            origin=origin,
        ),
        progress=progress_bar("report"),
    )
    print(f"Report of {OWNERS[data.usage.source]}: {page.resolve()}")


class _Data(NamedTuple):
    """The data of a report, and the local days that it is cut to."""

    usage: CallUsage
    previous: CallUsage | None = None
    breakdown: CallUsage | None = None
    first: date | None = None
    last: date | None = None


def _load_reply(options: argparse.Namespace) -> _Data:
    _refuse("--reply: a saved reply cannot be filtered or grouped", options, "by")
    usage = CallUsage.load(options.reply)
    if usage.groups is not None:
        raise refusal("grouped_reply", path=str(options.reply))
    breakdown = None
    if options.breakdown is not None:
        breakdown = CallUsage.load(options.breakdown)
        if breakdown.groups is None:
            raise refusal("no_breakdown", path=str(options.breakdown))
    return _Data(usage, None, breakdown, options.first, options.last)


def _load_archive(options: argparse.Namespace) -> _Data:
    # Imported here so that the other commands do not load the archive.
    from usage_analysis.archive.archive import Archive

    _refuse("--archive: expected only --scope and --by to select calls", options)
    archive, scope, zone = Archive(options.archive), options.scope or ALL, options.timezone
    # Today of an archive is the day of its last fetch.
    last = options.last or archive.load(scope).as_of.tz_convert(zone).date()
    first = options.first or last - timedelta(days=DEFAULT_DAYS)
    usage = archive.load(scope, first, last, timezone=zone)
    breakdown = archive.breakdown(options.by, first, last, timezone=zone) if options.by else None
    previous = None
    if not options.no_compare:
        # Without the previous days in the archive, the report has no comparison.
        with suppress(QueryError):
            previous = archive.load(scope, *_previous_days(first, last), timezone=zone)
    return _Data(usage, previous, breakdown, first, last)


def _fetch(options: argparse.Namespace) -> _Data:
    if options.breakdown is not None:
        raise QueryError("--breakdown: expected --reply beside it; use --by to fetch groups")
    with open_client(options) as client:
        groups = groups_of(options, client)
        first, last, query = query_of(options, client)
        bar = progress_bar("fetch")
        usage = client.call_usage(query, progress=bar)
        breakdown = fetch_groups(groups, client, query, bar) if groups else None
        previous = None
        days = _previous_days(first, last)
        # Before the first call of a list nothing is known.
        known = client.since is None or days[0] >= client.since.date()
        if known and not options.no_compare:
            query = UsageQuery.local_days(*days, options.timezone, **filters_of(options))
            previous = client.call_usage(query, progress=bar)
        return _Data(usage, previous, breakdown, first, last)


def _previous_days(first: date, last: date) -> tuple[date, date]:
    """Return the first and the last day of as many days, just before."""
    day = timedelta(days=1)
    return first - (last - first + day), first - day


def _refuse(message: str, options: argparse.Namespace, *more: str) -> None:
    """Refuse filters and groups, and further options by name, where nothing is fetched."""
    given = [name for name in (*more, "group", "groups") if vars(options)[name]]
    if names := [*filters_of(options), *given]:
        raise QueryError(f"{message}, got {format_flags(names)}")
