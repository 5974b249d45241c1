"""`Archive`: fetched usage in a folder, which answers queries offline."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, tzinfo
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import pandas as pd

from usage_analysis.archive.client import ArchiveClient, load, load_breakdown
from usage_analysis.archive.coverage import scope_names, scope_table
from usage_analysis.archive.store import KINDS, Damage, PartStore
from usage_analysis.archive.sums import check_family_name, check_scope_name, open_engine, sum_parts
from usage_analysis.archive.syncing import SyncResult, sync
from usage_analysis.archive.versions import change_table, compact
from usage_analysis.errors import refusal
from usage_analysis.fetch.breakdown import group_queries
from usage_analysis.progress import ProgressOption
from usage_analysis.query import CallFilters, Filters, UsageQuery
from usage_analysis.tidy.engines import as_list
from usage_analysis.tidy.usage import CallUsage

if TYPE_CHECKING:
    from usage_analysis.fetch.client import Client


class Archive:
    """Fetched usage in a folder, which answers queries offline as the endpoint would.

    A scope is a set of filters under a name of your choice. `sync` fetches the days of a scope
    that are missing or may have changed. `load` reads them, or names the missing days. The archive
    stores hourly sums, names and filters, never the key. Use one folder per account. Several
    processes may sync and read at the same time. A killed process loses nothing that it has stored.

    Parameters
    ----------
    path
        Folder of the archive; the first sync creates it.

    Raises
    ------
    QueryError
        The folder holds other files, or pyarrow is not installed.
    ArchiveError
        A newer version of this package wrote the archive.

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
        """Folder of the archive."""
        return self._store.folder

    def sync(
        self,
        client: "Client",
        scope: str,
        *,
        since: date | str | None = None,
        refetch: bool = False,
        progress: ProgressOption = None,
        **filters: Unpack[CallFilters],
    ) -> SyncResult:
        """Fetch the days of a scope that are missing or may have changed, and store them.

        Bills and corrections come late. A day is therefore fetched again until it is 7 days old,
        and whenever its last fetch is 30 days ago. The newest fetch of a day replaces the whole
        day. A reply covers up to a quarter of a year and is stored completely or not at all, so an
        interrupted sync continues where it stopped.

        Parameters
        ----------
        client
            Client of the account.
        scope
            Name of the scope: any text.
        since
            First UTC day to fetch; by default the first day that is stored already.
        refetch
            Fetch all days again, even if they are stored.
        progress
            ``True`` for a progress bar on standard error or in the notebook, or a function that is
            called with the number of finished requests and their total.
        filters
            Filters by name, see `UsageQuery`; optional once the scope exists.

        Raises
        ------
        QueryError
            The scope exists with other filters, or an argument is invalid.
        TransportError, APIError, ResponseError
            As in `Client.call_usage`; earlier replies are stored.
        OSError
            The disk is full or read-only; earlier replies are stored.
        """
        asked = {check_scope_name(scope): filters or None}
        return sync(self._store, client, asked, since, refetch=refetch, progress=progress)

    def sync_groups(
        self,
        client: "Client",
        groups: Mapping[str, Mapping[str, Any]],
        *,
        name: str = "group",
        since: date | str | None = None,
        refetch: bool = False,
        progress: ProgressOption = None,
    ) -> SyncResult:
        """Fetch and store the groups of a breakdown; see `sync`.

        Each group is a scope ``<name>/<group>``. Replies are written to disk as they come, so
        memory does not grow with the number of groups.

        Parameters
        ----------
        groups
            Filters of each group by its name, as in `Client.breakdown`; no two groups may have
            the same filters.
        name
            Noun for a group; name of the group column in `breakdown`.

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
        """Return a client that reads the archive instead of the server.

        The client works in scripts and in the dashboard. A query needs the filters of a scope, or
        agents that have a scope each. Any other query raises a `QueryError` with the missing sync.

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
        """Load the usage of one scope, or of several scopes as a breakdown.

        The result equals the result of a fetch, except that `all_time` is None. `as_of` is the time
        at which the last day was fetched; of several scopes, the earliest of these times. A bucket
        is `provisional` if it was provisional when its day was fetched.

        Parameters
        ----------
        scope
            Name of the scope, or several names.
        from_date, to_date, timezone
            As in `Client.call_usage`, in whole UTC hours. The window may end on the day after the
            last sync, which is still today in some time zones.
        as_of
            Date and time with a zone: load the figures as they were known then.
        name
            Name of the group column for several scopes.

        Raises
        ------
        QueryError
            A scope or a day is missing; the message says which, and how to fetch it.
        ArchiveError
            A required file is damaged; the message says how to repair the archive.
        """
        window: Filters = {"from_date": from_date, "to_date": to_date, "timezone": timezone}
        if isinstance(scope, str):
            return load(self._store, [scope], window, as_of)[scope]
        return load_breakdown(self._store, {one: one for one in scope}, name, window, as_of)

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
        """Load the groups that `sync_groups` stored under a name as a breakdown; see `load`.

        Parameters
        ----------
        groups
            Groups to load, in this order; by default all.
        """
        groups = self.groups(name) if groups is None else groups
        scopes = {f"{check_family_name(name)}/{group}": group for group in groups}
        window: Filters = {"from_date": from_date, "to_date": to_date, "timezone": timezone}
        return load_breakdown(self._store, scopes, name, window, as_of)

    def groups(self, name: str) -> list[str]:
        """Return the groups that `sync_groups` stored under a name."""
        family = f"{check_family_name(name)}/"
        known = scope_names(self._store.retry(self._store.all_parts))
        groups = [one.removeprefix(family) for one in known if one.startswith(family)]
        if not groups:
            families = sorted({one.partition("/")[0] for one in known if "/" in one})
            raise refusal("no_groups", name=name, stored=", ".join(map(repr, families)) or "none")
        return groups

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
        """Sum usage by group and bucket, in an engine that reads the files itself.

        The result equals `in_timezone` and `aggregate` on the hours of `load` or `breakdown`. Only
        sums are in memory: DuckDB reads the files on all cores, and uses the disk if the sums do
        not fit. See the function `sum_usage`.

        Parameters
        ----------
        by
            Key to group by: ``"scope"``, a filter (``"agent_ids"``, ``"voice_id"`` or
            ``"metadata.tenant"``), or a name under which `sync_groups` stored groups. Scopes
            without the key are left out. Several keys become one group column.
        where
            Value or values to keep, by any of these keys.
        without
            Value or values to leave out, by any of these keys.
        every
            ``"h"``, ``"D"``, ``"W"``, ``"MS"``, ``"QS"`` or ``"YS"``, see `aggregate`.
        from_date, to_date
            Window, both ends inclusive; a date means its whole day in `timezone`. By default from
            the first stored day of these scopes to the last. Every scope must have all days.
        timezone
            Time zone of days, weeks and months. Zones off the hour take longer: each hour is
            divided between two local hours.
        read
            Another engine: a function that returns its DataFrame for a list of paths, such as
            ``dask.dataframe.read_parquet`` or ``lambda paths: spark.read.parquet(*paths)``. It may
            also replace the paths by those of a copy on object storage.
        memory_limit
            Memory limit of DuckDB, such as ``"2GB"``; by default 80 % of the machine's memory.

        Returns
        -------
        DataFrame
            As in `sum_usage`; `provisional` as in `load`.

        Raises
        ------
        QueryError
            One of these:

            - a key or a value is unknown;
            - some scopes lack days; the message names them, and days that all scopes have;
            - scopes of one group may share calls, which would count twice;
            - a scope is filtered by time of day;
            - the result would have more than 20 million rows.
        ArchiveError
            A file is damaged; the message says how to repair the archive.

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
        work = partial(
            sum_parts,
            self._store,
            tuple(as_list(by)),
            every,
            (where or {}, without or {}),
            (from_date, to_date, timezone),
            partial(open_engine, read, memory_limit),
        )
        return self._store.retry(work)

    def scopes(self) -> pd.DataFrame:
        """Return one row per scope: filters, source, first and last day, days, last fetch.

        Index `scope`; columns `filters` [dict], `source`, `first`, `last` [UTC days], `days`,
        `as_of` [UTC].
        """
        return self._store.retry(lambda: scope_table(self._store.all_parts()))

    def restatements(self, scope: str | None = None) -> pd.DataFrame:
        """Return one row per change of a UTC day that was over at its earlier fetch.

        The index is `time` [UTC day]. Columns:

        - `scope`;
        - `previous_as_of`, `as_of`: first fetch of the previous and of the current figures [UTC];
        - `provisional`: True if the previous figures were fetched within the billing lag;
        - the measures, each as ``<measure>_previous`` and ``<measure>``.

        Parameters
        ----------
        scope
            Name of the scope; by default all scopes.
        """
        return self._store.retry(lambda: change_table(self._store.all_parts(*KINDS), scope))

    def compact(self) -> int:
        """Merge the files of each month into one, and return the number of months merged.

        The newest fetch of every day remains, and so does each earlier fetch with other figures
        than its predecessor. `sync` merges months of more than 8 files by itself.
        """
        self._store.remove_leftovers()
        return sum(compact(self._store, month) for month in self._store.months())

    def check(self) -> list[Damage]:
        """Read every file and return the damaged ones."""
        return self._store.find_damage()

    def repair(self) -> list[Damage]:
        """Move damaged files to the folder ``damaged`` of the archive, and return them.

        The archive then works without these files. Some days may be missing or go back to an
        earlier fetch, so sync again with ``refetch=True``.
        """
        return [Damage(self._store.move_damaged(path), problem) for path, problem in self.check()]

    def __repr__(self) -> str:
        return f"<Archive {str(self.path)!r}>"
