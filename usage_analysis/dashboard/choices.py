"""Rules that keep settings consistent at the start, after a change and on a new day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, tzinfo
from typing import Any

from usage_analysis.dashboard.dates import CUSTOM, days_of, machine_zone, nearest
from usage_analysis.dashboard.names import Names
from usage_analysis.dashboard.settings import Settings, settled
from usage_analysis.dashboard.views import TABS, views_of
from usage_analysis.errors import QueryError
from usage_analysis.query import UsageQuery, zone


class Choices:
    """Settings that fit together and to the account.

    Parameters
    ----------
    names
        What there is to choose from.
    today
        The account's own date in a time zone.
    billing_day
        Day of the month on which the billing cycle begins.
    """

    def __init__(self, names: Names, today: Callable[[str], date], billing_day: int) -> None:
        self._names, self._today, self._billing_day = names, today, billing_day
        self._granularity = ""

    def first(
        self,
        query: UsageQuery | None,
        timezone: str | tzinfo | None,
        state: Mapping[str, Any] | None,
    ) -> Settings:
        """Settings to begin with, as `Explorer` is given them.

        Raises
        ------
        QueryError
            They do not fit to each other or to the names.
        """
        given = dict(state or {})
        name = str(zone(timezone or given.get("timezone") or machine_zone()))
        days = days_of("last_30_days", self._today(name))
        defaults = {"first": days.first, "last": days.last}
        settings = Settings.from_json(given | {"timezone": name}, **defaults)
        if settings.tab not in TABS:
            raise QueryError(f"tab: expected one of {', '.join(TABS)}, got {settings.tab!r}")
        known = [view for _, view in views_of(settings)]
        if "view" not in given:
            settings = replace(settings, view=known[0])
        if settings.view not in known:
            raise QueryError(
                f"view: expected one of {', '.join(known)} on the tab {settings.tab!r}, got "
                f"{settings.view!r}"
            )
        if query is not None:
            settings = settled(settings, query, self._names)
        self._granularity = settings.granularity
        settings = self.dated(settings)
        settings.question(self._names)
        return settings

    def dated(self, settings: Settings) -> Settings:
        """Settings with the days that the preset means now, in the buckets that were wished for.

        Where the days cannot be drawn in those it is the nearest that they can, until they can.
        """
        if settings.preset != CUSTOM:
            today = self._today(settings.timezone)
            days = days_of(settings.preset, today, self._billing_day)
            settings = replace(settings, first=days.first, last=days.last)
        return replace(settings, granularity=nearest(self._granularity, settings.allowed))

    def kept(self, settings: Settings) -> dict[str, Any]:
        """Settings as plain JSON for `first`, with the buckets that were wished for."""
        return settings.as_json() | {"granularity": self._granularity}

    def after(self, changed: str, values: dict[str, Any], shown: Settings) -> Settings:
        """Settings after a control changed, or several, with what follows for the others.

        Raises
        ------
        QueryError
            A value does not fit.
        """
        if changed in ("first", "last"):
            values["preset"] = CUSTOM
        elif values["preset"] != CUSTOM:  # whatever is written there, and was refused
            values["first"], values["last"] = shown.first, shown.last
        if values["first"] is None or values["last"] is None:
            raise QueryError("first, last: expected a day in each, got none")
        if changed == "metadata_key":
            values["metadata_value"] = ""
        if changed in ("group", "top"):
            values["groups"] = ()
        if values["granularity"] != shown.granularity:
            self._granularity = values["granularity"]
        settings = self.dated(Settings(**values))
        groups = tuple(name for name in settings.groups if name in settings.offered(self._names))
        settings = replace(settings, groups=groups)
        offered = [view for _, view in views_of(settings)]
        if settings.view not in offered:
            settings = replace(settings, view=offered[0])
        settings.question(self._names)
        return settings
