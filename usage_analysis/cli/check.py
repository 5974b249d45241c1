"""The command `check`: rules for cron, with an exit status that says whether one was broken."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from usage_analysis import errors
from usage_analysis.analysis.vocabulary import several
from usage_analysis.cli.groups import fetch_groups
from usage_analysis.cli.options import open_client
from usage_analysis.cli.progress import progress_bar
from usage_analysis.errors import APIError, TransportError, UsageError, refusal
from usage_analysis.fetch.breakdown import Grouping
from usage_analysis.query import UsageQuery
from usage_analysis.sample.account import NAMES
from usage_analysis.tidy.usage_files import replace_file, target_of

#: Exit statuses.
QUIET, BROKEN, WRONG, TOO_LITTLE, LATER = 0, 1, 2, 3, 75
#: Days that rules learn from.
_LEARNED: Final = 62
_VERSION: Final = 1
#: Windows of the fastest alert of the SRE Workbook (chapter 5), which need requests of their own.
_RECENT: Final = (timedelta(hours=1), timedelta(minutes=5))
#: Days that can be replayed at once.
_MOST: Final = 400


def run(options: argparse.Namespace) -> int:
    """Check the rules, print what is new and return the exit status."""
    kept: dict[str, Any] | None = None
    # Imported here so that --help does not load pandas.
    from usage_analysis.report.rules import NotEnoughDataError

    try:
        status, found, kept = _check(options)
    except NotEnoughDataError as error:
        status, found = TOO_LITTLE, {"error": str(error)}
    except (UsageError, OSError) as error:
        status, found = status_of(error), {"error": " ".join(str(error).split())}
    if options.json:
        print(json.dumps({"status": status, "fired": [], "resolved": []} | found))
    elif "error" in found:
        print(f"usage-analysis: {found['error']}", file=sys.stderr)
    else:
        for kind in ("fired", "resolved"):
            for one in found[kind]:
                when = f"{one['start'][:16].replace('T', ' ')} " if options.replay else ""
                print(f"{when}{kind}: {one['rule']}: {one['message']}")
        if options.replay:
            number = several(len(found["fired"]), "alarm")
            print(f"{number} from {options.replay[0]} to {options.replay[1]}")
    sys.stdout.flush()
    if options.state is not None and kept is not None:  # only what was told is remembered
        state = {"version": _VERSION, "alarms": kept}
        replace_file(target_of(options.state), json.dumps(state, indent=1).encode())
    return status


def status_of(error: Exception) -> int:
    """Return the exit status for an error: try again later, or wrong use."""
    busy = isinstance(error, APIError) and (error.status_code or 0) >= 500
    return LATER if busy or isinstance(error, TransportError | errors.RateLimitError) else WRONG


def _check(options: argparse.Namespace) -> tuple[int, dict[str, Any], dict[str, Any] | None]:
    """Return the exit status, what is new, and the state to remember."""
    import pandas as pd

    from usage_analysis.archive.archive import Archive
    from usage_analysis.report.rules import ErrorRate, Stale, alarms_of, calendar, read_rules

    rules = read_rules(options.rules)
    state = {} if options.state is None else _read_state(options.state)
    archive = None if options.archive is None else Archive(options.archive)
    opened: Any = open_client(options) if archive is None else archive.client()
    with opened as client:
        today = client.today(rules.timezone)
        first, last = options.replay or (today, today)
        if not first <= last <= today or (last - first).days > _MOST:
            raise refusal("long_replay", most=_MOST, today=today, first=first, last=last)
        begin = first - timedelta(days=_LEARNED)
        if archive is not None:  # it may begin later
            begin = max(begin, archive.scopes()["first"].min().date())
        query = UsageQuery.local_days(begin, last, rules.timezone)
        frames, newest = {}, {}
        now: Any = None
        fetch = partial(_fetch, client, rules, options)
        for by in {rule.by for rule in rules.rule}:
            usage = fetch(by, query)
            frames[by] = usage.hourly
            now = usage.as_of if now is None else max(now, usage.as_of)
            if usage.source != "sample":  # an archive's clock stands still
                now = max(now, datetime.now(UTC))
        if not options.replay and archive is None:
            windows = [UsageQuery(from_date=now - age, to_date=now) for age in _RECENT]
            for by in {rule.by for rule in rules.rule if isinstance(rule, ErrorRate)}:
                newest[by] = [fetch(by, window).hourly for window in windows]
    start = pd.Timestamp(first, tz=rules.timezone)
    off = calendar(rules, range(first.year - 1, last.year + 1))
    alarms = [
        one
        for rule in rules.rule
        if not (options.replay and isinstance(rule, Stale))
        for one in alarms_of(rule, frames[rule.by], start, now, off, newest.get(rule.by))
    ]
    if options.replay:
        told = sorted(map(_as_json, alarms), key=lambda one: one["start"])
        return (BROKEN if told else QUIET), {"fired": told, "resolved": []}, None
    newest = max(frame.index[~frame["provisional"]].max() for frame in frames.values())
    over = {rule.name: rule.over for rule in rules.rule}
    active = {
        f"{one.rule}: {one.key}": _as_json(one)
        for one in alarms
        if one.end > newest - over[one.rule]
    }
    fired = [one for key, one in active.items() if key not in state]
    resolved = [one for key, one in state.items() if key not in active and one["rule"] in over]
    kept = {key: state.get(key, one) for key, one in active.items()}
    return (BROKEN if fired else QUIET), {"fired": fired, "resolved": resolved}, kept


def _fetch(
    client: Any, rules: Any, options: argparse.Namespace, by: str | None, query: UsageQuery
) -> Any:
    """Fetch all calls, or those of each group that the rules or the sample account name."""
    if by is None:
        return client.call_usage(query, progress=progress_bar("check"))
    pairs = [*rules.groups.get(by, {}).items()]
    if not pairs and options.account == "sample" and options.archive is None:
        pairs = [*NAMES.of_kind(by).items()]
    if not pairs:
        raise refusal("unlisted_rule", by=by)
    groups = Grouping.of_pairs(by, pairs, f'by = "{by}"')
    return fetch_groups(groups, client, query, progress_bar("check"))


def _as_json(alarm: Any) -> dict[str, str]:
    times = {"start": alarm.start.isoformat(), "end": alarm.end.isoformat()}
    return alarm._asdict() | times  # type: ignore[no-any-return]


def _read_state(path: Path) -> dict[str, Any]:
    """Return the alarms of the last run; put a damaged file aside."""
    if not target_of(path).exists():
        return {}
    try:
        state = json.loads(path.read_bytes())
        known = state["alarms"] if state["version"] == _VERSION else None
        if isinstance(known, dict):
            return known
    except (ValueError, KeyError, TypeError):
        pass
    aside = path.with_name(f"{path.name}.damaged")
    path.replace(aside)
    print(f"usage-analysis: {path} is damaged and was moved to {aside}", file=sys.stderr)
    return {}
