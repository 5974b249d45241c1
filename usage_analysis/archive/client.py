"""Client that reads an archive instead of the server; with it the dashboard works offline."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

import numpy as np

from usage_analysis.archive.coverage import ScopeQuery, scope_bounds, scope_names, scope_queries
from usage_analysis.archive.loading import load
from usage_analysis.archive.store import Part, PartStore
from usage_analysis.errors import QueryError, ResponseError, refusal
from usage_analysis.fetch.base import AccountNames, BaseClient
from usage_analysis.fetch.breakdown import group_in_errors
from usage_analysis.progress import ProgressOption, report_progress
from usage_analysis.query import UsageQuery
from usage_analysis.tidy.frames import LAG, REST, Source
from usage_analysis.tidy.groups import sum_groups
from usage_analysis.tidy.usage import CallUsage, build_breakdown
from usage_analysis.tidy.wire import window_of
from usage_analysis.tidy.zones import DAY, HOUR, instant_of, microseconds


class ArchiveClient(BaseClient):
    """Client of an archive, for the filters of its scopes.

    Agents with a scope each are added up. The clock is the time of the last fetch, and a window may
    end later, as with a server. A window may also begin one day before the first stored day, which
    is the same local day in some time zones; the query of the result has the actual start. With
    `include_rest` the window ends before the provisional hours. All calls and the groups were not
    fetched at the same time, so their provisional hours need not add up.

    Parameters
    ----------
    store
        Files of the archive.
    """

    answers: ClassVar[str] = "the archive"

    def __init__(self, store: PartStore) -> None:
        self._store = store
        self.python = f"ua.Archive({str(store.folder)!r}).client()"

    @property
    def source(self) -> Source:
        """Source of the calls: ``"live"``, ``"sample"`` or ``"file"``."""
        return next(iter(self._scopes().values())).source

    @property
    def names(self) -> AccountNames:
        """Agents, voices and metadata values with a scope of their own, by name of the scope."""
        agents: dict[str, str] = {}
        voices: dict[str, str] = {}
        metadata: dict[str, list[str]] = {}
        for scope, own in sorted(self._scopes().items()):
            match [*own.query.items()]:
                case [("agent_ids", [agent])]:
                    agents.setdefault(agent, scope)
                case [("voice_id", voice)]:
                    voices.setdefault(voice, scope)
                case [("metadata", dict(pair))] if len(pair) == 1:
                    ((key, value),) = pair.items()
                    metadata.setdefault(key, []).append(value)
        values = {key: list(dict.fromkeys(found)) for key, found in metadata.items()}
        return AccountNames(_by_name(agents), _by_name(voices), values)

    def now(self) -> datetime:
        """Return the time of the last fetch."""
        parts = self._parts()
        return instant_of(int(scope_bounds(parts, scope_names(parts)).fetched.max()))

    def close(self) -> None:
        """Do nothing: no file stays open."""

    def __repr__(self) -> str:
        return f"<ArchiveClient {str(self._store.folder)!r}>"

    def _parts(self) -> list[Part]:
        parts = self._store.retry(self._store.all_parts)
        if not parts:
            raise refusal("empty_archive", folder=self._store.folder)
        return parts

    def _scopes(self) -> dict[str, ScopeQuery]:
        """Return the filters of each scope, in the order of their last fetch."""
        parts = self._parts()
        scopes = scope_names(parts)
        order = np.argsort(scope_bounds(parts, scopes).fetched, kind="stable").tolist()
        found = scope_queries(parts, scopes)
        return {scopes[row]: found[scopes[row]] for row in order}

    def _fetch(
        self,
        queries: Mapping[str, UsageQuery],
        name: str,
        *,
        progress: ProgressOption = None,
        **_: Any,  # scripts for `Client` run here as well
    ) -> dict[str, CallUsage]:
        """Load the usage of all queries for one window and as of one instant."""
        held = {_key(own.query): scope for scope, own in self._scopes().items()}
        scopes = {}
        for group, question in queries.items():
            with group_in_errors("" if group == REST else name, group):
                scopes[group] = _find_scopes(question, held)
        wanted = list(dict.fromkeys(scope for found in scopes.values() for scope in found))
        first, last = self._window(next(iter(queries.values())), wanted, settled=REST in queries)
        loaded = load(self._store, wanted, {"from_date": first, "to_date": last}, None)
        with report_progress(progress) as report:
            report(len(wanted), len(wanted))
        usages = {group: loaded[found[0]] for group, found in scopes.items()}
        for group, found in scopes.items():
            if len(found) > 1:
                parts = {scope: loaded[scope] for scope in found}
                whole = build_breakdown(
                    parts, "scope", replace(queries[group], from_date=first, to_date=last)
                )
                usages[group] = sum_groups(whole)
        return usages

    def _subtract(self, whole: CallUsage, groups: Sequence[CallUsage]) -> CallUsage:
        try:
            return super()._subtract(whole, groups)
        except ResponseError as error:
            raise refusal("early_total", error=error) from None

    def _window(
        self, asked: UsageQuery, scopes: list[str], *, settled: bool
    ) -> tuple[datetime, datetime]:
        """Return the window without the days that the archive cannot have."""
        low, high = window_of(asked) or (0, 0)
        bounds = scope_bounds(self._parts(), scopes)
        first = int(bounds.first.max()) * DAY
        # The first UTC day begins on the local day before it, west of UTC.
        if first - DAY <= low < first:
            low = first
        # Tomorrow in UTC is today in some time zones.
        end = (microseconds(self.now()) // DAY + 2) * DAY
        if settled:
            # Later hours were provisional at the earliest of these fetches.
            end = (int(bounds.fetched.min()) - LAG) // HOUR * HOUR
        if low < end < high:
            high = end
        return instant_of(low), instant_of(high - 1)


def _key(filters: Mapping[str, Any]) -> str:
    """Return a text that is the same for all filters that select the same calls."""
    agents = {"agent_ids": sorted(filters["agent_ids"])} if "agent_ids" in filters else {}
    return json.dumps({**filters, **agents}, sort_keys=True)


def _find_scopes(question: UsageQuery, held: Mapping[str, str]) -> list[str]:
    """Return the scopes that add up to a query, without a call in two of them."""
    wanted = question.selection.as_dict()
    if (key := _key(wanted)) in held:
        return [held[key]]
    alone = [_key({**wanted, "agent_ids": [agent]}) for agent in wanted.get("agent_ids", ())]
    if alone and all(one in held for one in alone):
        return [held[one] for one in alone]
    said = ", ".join(f"{name}={value!r}" for name, value in wanted.items())
    raise QueryError(
        f"The archive has no scope of {said or 'all calls'}; fetch it with "
        f"sync(client, NAME, since=DAY{', ' if said else ''}{said})"
    )


def _by_name(scopes: Mapping[str, str]) -> dict[str, str]:
    """Return the IDs by name of the group, or by scope if two groups share a name."""
    groups = {one: scope.partition("/")[2] or scope for one, scope in scopes.items()}
    often = Counter(groups.values())
    return {group if often[group] == 1 else scopes[one]: one for one, group in groups.items()}
