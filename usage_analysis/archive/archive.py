"""`Archive`: an account's history in a folder, which answers like the endpoint, offline."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, tzinfo
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from usage_analysis.archive.client import ArchiveClient
from usage_analysis.archive.coverage import scope_names
from usage_analysis.archive.groups import check_family_name, check_scope_name
from usage_analysis.archive.loading import all_parts, load, load_breakdown
from usage_analysis.archive.store import KINDS, Damage, PartStore
from usage_analysis.archive.sums import SumRequest
from usage_analysis.archive.syncing import SyncResult, sync
from usage_analysis.archive.tables import change_table, scope_table
from usage_analysis.archive.versions import compact
from usage_analysis.errors import QueryError
from usage_analysis.fetch.breakdown import group_queries
from usage_analysis.fetch.progress import ProgressOption
from usage_analysis.query import CallFilters, Filters, UsageQuery
from usage_analysis.tidy.usage import CallUsage

if TYPE_CHECKING:
    import pandas as pd

    from usage_analysis.fetch.client import Client


class Archive:
    """Fetched usage in a folder: kept safely, and answered from like the endpoint, offline.

    A scope is a question without its dates under a name of yours. `sync` fetches what is missing
    of it and what may have changed; `load` answers from what is there, or says which days are not.
    Nothing but sums by hour, names and filters is kept; never the key. Keep one account in one
    folder. Processes may sync and read at once; one that is killed leaves what had landed.

    Parameters
    ----------
    path
        The archive's folder, made by the first sync.

    Raises
    ------
    QueryError
        There is something else in the folder, or pyarrow is missing.
    ArchiveError
        A newer version made it.

    Examples
    --------
    >>> import tempfile
    >>> import usage_analysis as ua
    >>> archive = ua.Archive(tempfile.mkdtemp())
    >>> agent = ua.sample.AGENTS["Support line"]
    >>> archive.sync(ua.sample_client(), "support", agent_ids=[agent], since="2026-03-01")
    SyncResult(requests=2, new_days=32, refetched_days=0)
    >>> usage = archive.load("support", "2026-03-01", "2026-03-31")
    >>> len(usage.daily), usage.source
    (31, 'sample')
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._store = PartStore(path)

    @property
    def path(self) -> Path:
        """The archive's folder."""
        return self._store.folder

    def sync(
        self,
        client: Client,
        scope: str,
        *,
        since: date | str | None = None,
        refetch: bool = False,
        progress: ProgressOption = None,
        **filters: Unpack[CallFilters],
    ) -> SyncResult:
        """What was fetched: the days since one that are missing, and those that may have changed.

        A day is fetched again while its last fetch is of its first 7 days, for bills and
        corrections come late, and when its last fetch is 30 days ago. The newest fetch of a day
        replaces the whole day. Answers land as they come, a quarter of a year each, as a whole or
        not at all, so a sync that was broken off goes on where it was.

        Parameters
        ----------
        client
            Whom to ask.
        scope
            Name of the question: any text that names it to you.
        since
            First UTC day to keep; without it the first day that is there already.
        refetch
            Fetch all days again, whatever is there.
        progress
            ``True`` for a progress bar on standard error or in the notebook, or a function that is
            called with the number of finished requests and their total.
        filters
            Filters by name, see `UsageQuery`; once they are known they may be left out.

        Raises
        ------
        QueryError
            The scope's filters are other ones already, or an argument does not fit.
        TransportError, APIError, ResponseError
            As for `Client.call_usage`; what was answered before is kept.
        OSError
            The disk is full, or does not let itself be written; what landed before is kept.
        """
        asked = {check_scope_name(scope): filters or None}
        return sync(self._store, client, asked, since, refetch=refetch, progress=progress)

    def sync_groups(
        self,
        client: Client,
        groups: Mapping[str, Mapping[str, Any]],
        *,
        name: str = "group",
        since: date | str | None = None,
        refetch: bool = False,
        progress: ProgressOption = None,
    ) -> SyncResult:
        """What was fetched of the groups of a breakdown, however many: see `sync`.

        Each group is a scope ``<name>/<group>``. Answers go to the disk as they come, so memory
        does not grow with the number of groups.

        Parameters
        ----------
        groups
            The filters of each group by its name, as in `Client.breakdown`; each asks something
            else.
        name
            What a group is; the group column's name in `breakdown`.

        Examples
        --------
        >>> import tempfile
        >>> import usage_analysis as ua
        >>> archive = ua.Archive(tempfile.mkdtemp())
        >>> agents = {name: {"agent_ids": [id]} for name, id in ua.sample.AGENTS.items()}
        >>> archive.sync_groups(ua.sample_client(), agents, name="agent", since="2026-03-25")
        SyncResult(requests=12, new_days=48, refetched_days=0)
        >>> list(archive.breakdown("agent", "2026-03-25", "2026-03-31").daily.columns[:2])
        ['agent', 'total_count']
        """
        asked = {
            f"{check_family_name(name)}/{check_scope_name(group)}": groups[group]
            for group in group_queries(groups, name, UsageQuery())
        }
        return sync(self._store, client, asked, since, refetch=refetch, progress=progress)

    def client(self) -> ArchiveClient:
        """Client that asks the archive in place of the server, for the dashboard and for scripts.

        What a scope asks it answers, and what several of single agents add up to; anything else is
        a `QueryError` that says what to sync.

        Examples
        --------
        >>> import tempfile
        >>> import usage_analysis as ua
        >>> archive = ua.Archive(tempfile.mkdtemp())
        >>> archive.sync(ua.sample_client(), "all", since="2026-02-01")
        SyncResult(requests=2, new_days=60, refetched_days=0)
        >>> ua.Explorer(archive.client(), timezone="UTC").phase
        'ready'
        """
        return ArchiveClient(self._store)

    def load(
        self,
        scope: str | Iterable[str],
        from_date: datetime | date | str | None = None,
        to_date: datetime | date | str | None = None,
        *,
        timezone: str | tzinfo | None = None,
        as_of: datetime | str | None = None,
        name: str = "scope",
    ) -> CallUsage:
        """Usage of a scope as a fetch would bring it, or of several as a breakdown.

        Its `as_of` is when its last day was fetched, of several scopes the earliest; days before
        may have been fetched earlier or since. Every bucket is `provisional` that was so when its
        own day was fetched. `all_time` is None.

        Parameters
        ----------
        scope
            Its name, or several names.
        from_date, to_date, timezone
            As for `Client.call_usage`; whole UTC hours. The window may end in the day after that
            of the last sync, for it is today on some clocks.
        as_of
            Load what was known then, with its zone.
        name
            The group column's, of several scopes.

        Raises
        ------
        QueryError
            A scope or a day is not there; the message says which days, and how to fetch them.
        ArchiveError
            A file that is needed is damaged; the message says how to go on.
        """
        window: Filters = {"from_date": from_date, "to_date": to_date, "timezone": timezone}
        if isinstance(scope, str):
            return self._store.retry(partial(load, self._store, [scope], window, as_of))[scope]
        scopes = {one: one for one in scope}
        if not scopes:
            raise QueryError("scope: expected at least one name, got none")
        return self._store.retry(partial(load_breakdown, self._store, scopes, name, window, as_of))

    def breakdown(
        self,
        name: str,
        from_date: datetime | date | str | None = None,
        to_date: datetime | date | str | None = None,
        *,
        groups: Iterable[str] | None = None,
        timezone: str | tzinfo | None = None,
        as_of: datetime | str | None = None,
    ) -> CallUsage:
        """Usage by group, of the groups that `sync_groups` kept under a name; see `load`.

        Parameters
        ----------
        groups
            Which ones and in which order; all of them without it.
        """
        family = f"{check_family_name(name)}/"
        if groups is None:
            known = scope_names(self._store.retry(partial(all_parts, self._store)))
            groups = [one.removeprefix(family) for one in known if one.startswith(family)]
            if not groups:
                kept = sorted({one.partition("/")[0] for one in known if "/" in one})
                raise QueryError(
                    "name: expected one that sync_groups kept groups under, which are "
                    f"{', '.join(map(repr, kept)) or 'none yet'}; got {name!r}"
                )
        scopes = {family + group: group for group in groups}
        if not scopes:
            raise QueryError("groups: expected at least one name, got none")
        window: Filters = {"from_date": from_date, "to_date": to_date, "timezone": timezone}
        return self._store.retry(partial(load_breakdown, self._store, scopes, name, window, as_of))

    def sum_usage(
        self,
        by: str | Sequence[str] = (),
        *,
        where: Mapping[str, object] | None = None,
        without: Mapping[str, object] | None = None,
        every: str = "h",
        from_date: datetime | date | str | None = None,
        to_date: datetime | date | str | None = None,
        timezone: str | tzinfo = "UTC",
        read: Callable[[list[str]], Any] | None = None,
        memory_limit: str | None = None,
    ) -> pd.DataFrame:
        """Sums by group and bucket, made from the files by an engine, however many rows they have.

        What `in_timezone` and `aggregate` would make of the hours that `load` or `breakdown` gives,
        but only sums come into memory: DuckDB reads and adds up on all cores, and goes to the disk
        where a sum by group and bucket does not fit. See `sum_usage`.

        Parameters
        ----------
        by
            What to group by: ``"scope"``; a filter, ``"agent_ids"``, ``"voice_id"`` or
            ``"metadata.tenant"``; or what `sync_groups` kept groups under. Scopes that have none
            are left out. Several become one group column.
        where
            By any of these names the value to keep, or a list of values.
        without
            By any of these names the value, or values, whose scopes are left out.
        every
            ``"h"``, ``"D"``, ``"W"``, ``"MS"``, ``"QS"`` or ``"YS"``, see `aggregate`.
        from_date, to_date
            Both inclusive: a date means its whole day in `timezone`. Without them from the first
            day that any of these scopes has to the last; every one of them must have them all.
        timezone
            Whose days, weeks and months. For a zone off the hour every hour comes back to be
            divided.
        read
            An engine of your own: a function that gives its DataFrame of a list of paths,
            ``dask.dataframe.read_parquet`` or ``lambda paths: spark.read.parquet(*paths)``; it may
            also turn the paths into those of a copy elsewhere, on object storage.
        memory_limit
            What DuckDB may use, such as ``"2GB"``; 80 % of the machine's memory without it.

        Returns
        -------
        DataFrame
            As for `sum_usage`; `provisional` as for `load`.

        Raises
        ------
        QueryError
            A name or a value that is not there; days that some scopes lack, such as those of a
            tenant who has left and is synced no more: the message names them, and days that all
            have; scopes of one group that may share calls, which would be counted twice; a scope
            with a time of day; or an answer of more than 20 million rows.
        ArchiveError
            A file is damaged; the message says how to go on.

        Examples
        --------
        >>> import tempfile
        >>> import usage_analysis as ua
        >>> archive = ua.Archive(tempfile.mkdtemp())
        >>> agents = {name: {"agent_ids": [id]} for name, id in ua.sample.AGENTS.items()}
        >>> archive.sync_groups(ua.sample_client(), agents, name="agent", since="2026-03-01")
        SyncResult(requests=12, new_days=192, refetched_days=0)
        >>> archive.sum_usage("agent", every="W").shape
        (36, 9)
        """
        request = SumRequest(
            by=(by,) if isinstance(by, str) else tuple(by),
            every=every,
            where=where or {},
            without=without or {},
            from_date=from_date,
            to_date=to_date,
            timezone=timezone,
            read=read,
            memory_limit=memory_limit,
        )
        return self._store.retry(partial(request.run, self._store))

    def scopes(self) -> pd.DataFrame:
        """One row a scope: its filters, source, first and last day, how many, and the last fetch.

        Index `scope`; columns `filters` [dict], `source`, `first`, `last` [UTC days], `days`,
        `as_of` [UTC].
        """
        return self._store.retry(lambda: scope_table(all_parts(self._store)))

    def restatements(self, scope: str | None = None) -> pd.DataFrame:
        """One row a change of a UTC day that was over when it was fetched before.

        Index `time` [UTC day]; columns `scope`, `previous_as_of` and `as_of` (when the previous
        and the current figures were first fetched) [UTC], `provisional` (the previous figures were
        fetched within the billing lag), and the measures, each as ``<measure>_previous`` and
        ``<measure>``.

        Parameters
        ----------
        scope
            Its name; all of them without it.
        """
        kept = self._store
        return kept.retry(lambda: change_table(kept.parts(kept.months(), *KINDS), scope))

    def compact(self) -> int:
        """Number of months whose parts are now one file each.

        The newest fetch of every day is kept, and of those before all that say something else; of
        equal ones the first. `sync` does it to months of more than 8 parts.
        """
        self._store.remove_leftovers()
        return sum(compact(self._store, month) for month in self._store.months())

    def check(self) -> list[Damage]:
        """Files that are not as they were written; every file is read."""
        return self._store.find_damage()

    def repair(self) -> list[Damage]:
        """Damaged files, each with its new path in the archive's folder ``damaged``.

        The archive then answers from the others: days that only these held are missing, and of
        days fetched before the fetch before is the newest, so sync again with ``refetch=True``.
        """
        return [Damage(self._store.move_damaged(path), problem) for path, problem in self.check()]

    def __repr__(self) -> str:
        return f"<Archive {str(self.path)!r}>"
