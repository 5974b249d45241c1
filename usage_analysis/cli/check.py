"""The command `check`: rules for cron, with an exit status that says whether one was broken."""

from __future__ import annotations

import argparse
import json
import warnings
from contextlib import suppress
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from usage_analysis.analysis.vocabulary import several
from usage_analysis.cli.groups import fetch_groups
from usage_analysis.cli.options import Outcome, open_client
from usage_analysis.cli.progress import progress_bar
from usage_analysis.errors import refusal
from usage_analysis.fetch.breakdown import Grouping
from usage_analysis.query import UsageQuery
from usage_analysis.tidy.usage_files import replace_file, target_of

#: Days that rules learn from.
_LEARNED: Final = 62
_VERSION: Final = 1
#: For a state that does not name the newest hour of the last run.
_NEVER: Final = "2200-01-01T00:00Z"
#: Windows of the fastest alert of the SRE Workbook (chapter 5), which need requests of their own.
_RECENT: Final = (timedelta(hours=1), timedelta(minutes=5))
#: Days that can be replayed at once.
_MOST: Final = 400


def run(options: argparse.Namespace) -> Outcome:
    """Check the rules and return what is new, and 1 as status if a rule was broken."""
    found, kept = _check(options)
    lines = []
    for kind in ("fired", "resolved"):
        for one in found[kind]:
            when = f"{one['start'][:16].replace('T', ' ')} " if options.replay else ""
            lines.append(f"{when}{kind}: {one['rule']}: {one['message']}")
    if options.replay:
        lines.append(
            "{} from {} to {}".format(several(len(found["fired"]), "alarm"), *options.replay)
        )

    def remember() -> None:
        if options.state is not None and kept is not None:
            replace_file(target_of(options.state), json.dumps(kept, indent=1).encode())

    # Only what was told is remembered.
    return Outcome("\n".join(lines), found, 1 if found["fired"] else 0, remember)


def _check(options: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return what is new, and the state to remember."""
    import pandas as pd

    from usage_analysis.archive.archive import Archive
    from usage_analysis.report.rules import ErrorRate, Stale, alarms_of, calendar, read_rules

    rules = read_rules(options.rules)
    state, until = ({}, _NEVER) if options.state is None else _read_state(options.state)
    archive = options.archive and Archive(options.archive)
    opened: Any = archive.client() if archive else open_client(options)
    with opened as client:
        today = client.today(rules.timezone)
        # The last hours of yesterday are final only today.
        since = max(date.fromisoformat(until[:10]), today - timedelta(days=_MOST))
        first, last = options.replay or (min(since, today - timedelta(days=1)), today)
        if not first <= last <= today or (last - first).days > _MOST:
            raise refusal("long_replay", most=_MOST, today=today, first=first, last=last)
        begin = first - timedelta(days=_LEARNED)
        if archive is not None:  # it may begin later
            begin = max(begin, archive.scopes()["first"].min().date())
        query = UsageQuery.local_days(begin, last, rules.timezone)
        frames, newest = {}, {}
        times: list[pd.Timestamp] = []
        fetch = partial(_fetch, client, rules, options)
        for by in {rule.by for rule in rules.rule}:
            usage = fetch(by, query)
            frames[by] = usage.hourly
            # The clock of an archive stands still.
            times += [usage.as_of, *[pd.Timestamp.now("UTC")] * (usage.source != "sample")]
        now = max(times)
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
        return {"fired": told, "resolved": []}, None
    newest = max(frame.index[~frame["provisional"]].max() for frame in frames.values())
    over = {rule.name: newest - rule.over for rule in rules.rule}
    fired, resolved, kept = _compare(alarms, over, state, pd.Timestamp(until))
    kept = {"version": _VERSION, "until": str(newest.tz_convert(rules.timezone)), "alarms": kept}
    return {"fired": fired, "resolved": resolved}, kept


def _compare(alarms: Any, over: Any, state: Any, until: Any) -> tuple[list[Any], list[Any], Any]:
    """Return the new alarms, the resolved alarms, and the alarms to remember.

    `over` has the instant before which an alarm of each rule has ended. What began and ended since
    the newest hour of the last run, `until`, is new and over.
    """
    name = "{0.rule}: {0.key}".format
    active = {name(one): _as_json(one) for one in alarms if one.end > over[one.rule]}
    since = (one for one in alarms if until < one.end <= over[one.rule])
    missed = [_as_json(one) for one in since if name(one) not in state]
    fired = missed + [one for key, one in active.items() if key not in state]
    resolved = [one for key, one in state.items() if key not in active and one["rule"] in over]
    return fired, resolved + missed, {key: state.get(key, one) for key, one in active.items()}


def _fetch(
    client: Any, rules: Any, options: argparse.Namespace, by: str | None, query: UsageQuery
) -> Any:
    """Fetch all calls, or the calls of each group of a kind."""
    groups = None
    if by is not None:
        listed = rules.groups.get(by) or (client.names and client.names.of_kind(by))
        if not listed:
            raise refusal("unlisted_rule", by=by)
        groups = Grouping.of_pairs(by, listed.items(), f'by = "{by}"')
    return fetch_groups(groups, client, query, progress_bar("check", options))


def _as_json(alarm: Any) -> dict[str, str]:
    return {k: v if isinstance(v, str) else v.isoformat() for k, v in alarm._asdict().items()}


def _read_state(path: Path) -> tuple[dict[str, Any], str]:
    """Return the alarms of the last run and its newest hour; put a damaged file aside."""
    if not target_of(path).exists():
        return {}, _NEVER
    with suppress(ValueError, KeyError, TypeError):
        state = json.loads(path.read_bytes())
        until = state.get("until", _NEVER)
        known = state["version"] == _VERSION and isinstance(state["alarms"], dict)
        if known and date.fromisoformat(until[:10]):
            return state["alarms"], until
    aside = path.with_name(f"{path.name}.damaged")
    path.replace(aside)
    warnings.warn(f"{path} is damaged and was moved to {aside}", stacklevel=2)
    return {}, _NEVER
