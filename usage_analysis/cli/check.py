"""The command `check`: rules for cron, with an exit status that says whether one was broken."""

from __future__ import annotations

import argparse
import json
import warnings
from contextlib import suppress
from datetime import timedelta
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

#: Exit status for a broken rule.
BROKEN: Final = 1
#: Days that rules learn from.
_LEARNED: Final = 62
_VERSION: Final = 1
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
            state = {"version": _VERSION, "alarms": kept}
            replace_file(target_of(options.state), json.dumps(state, indent=1).encode())

    # Only what was told is remembered.
    return Outcome("\n".join(lines), found, BROKEN if found["fired"] else 0, remember)


def _check(options: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return what is new, and the state to remember."""
    import pandas as pd

    from usage_analysis.archive.archive import Archive
    from usage_analysis.report.rules import ErrorRate, Stale, alarms_of, calendar, read_rules

    rules = read_rules(options.rules)
    state = {} if options.state is None else _read_state(options.state)
    archive = options.archive and Archive(options.archive)
    opened: Any = archive.client() if archive else open_client(options)
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
    over = {rule.name: rule.over for rule in rules.rule}
    recent = (one for one in alarms if one.end > newest - over[one.rule])
    active = {f"{one.rule}: {one.key}": _as_json(one) for one in recent}
    fired = [one for key, one in active.items() if key not in state]
    resolved = [one for key, one in state.items() if key not in active and one["rule"] in over]
    kept = {key: state.get(key, one) for key, one in active.items()}
    return {"fired": fired, "resolved": resolved}, kept


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


def _read_state(path: Path) -> dict[str, Any]:
    """Return the alarms of the last run; put a damaged file aside."""
    if not target_of(path).exists():
        return {}
    with suppress(ValueError, KeyError, TypeError):
        state = json.loads(path.read_bytes())
        if state["version"] == _VERSION and isinstance(state["alarms"], dict):
            return state["alarms"]
    aside = path.with_name(f"{path.name}.damaged")
    path.replace(aside)
    warnings.warn(f"{path} is damaged and was moved to {aside}", stacklevel=2)
    return {}
