"""Rules that keep the settings consistent: at the start, after a change and on a new day."""

from collections.abc import Callable, Mapping
from datetime import date, tzinfo
from typing import Any

from msgspec.structs import asdict, replace

from usage_analysis.dashboard.dates import CUSTOM, days_of, machine_zone, nearest
from usage_analysis.dashboard.settings import Settings, label_of
from usage_analysis.dashboard.views import ON_TABS, VIEWS, views_of
from usage_analysis.errors import QueryError
from usage_analysis.fetch.base import AccountNames
from usage_analysis.query import UsageQuery, zone


class Choices:
    """Settings that fit together and fit the account.

    Parameters
    ----------
    names
        Agents, voices and metadata values to choose from.
    today
        Function that returns the account's own date in a time zone.
    billing_day
        Day of the month on which the billing cycle begins.
    """

    def __init__(self, names: AccountNames, today: Callable[[str], date], billing_day: int) -> None:
        self._names, self._today, self._billing_day = names, today, billing_day
        self._granularity = ""
        self._earlier: list[Settings] = []

    def start(
        self,
        query: UsageQuery | None,
        timezone: str | tzinfo | None,
        state: Mapping[str, Any] | None,
    ) -> Settings:
        """Return the settings to begin with, from the arguments of `Explorer`.

        Raises
        ------
        QueryError
            The arguments do not fit each other or the names.
        """
        given = dict(state or {})
        name = str(zone(timezone or given.get("timezone") or machine_zone()))
        days = days_of("last_30_days", self._today(name))
        defaults: dict[str, Any] = {"first": days.first, "last": days.last}
        if defaults.keys() & given.keys():
            defaults["preset"] = CUSTOM
        settings = Settings.from_json(defaults | given | {"timezone": name})
        known = [view for _, view in views_of(settings)]
        if "view" not in given:
            settings = replace(settings, view=known[0])
        if settings.view not in known:
            wanted = f"one of {', '.join(known)} on the tab {settings.tab!r}"
            raise QueryError(f"{label_of('view')}: expected {wanted}, got {settings.view!r}")
        if query is not None:
            settings = settings.apply_query(query, self._names)
        self._granularity = settings.granularity
        settings = self.update_days(settings)
        settings.question(self._names)
        return settings

    def update_days(self, settings: Settings) -> Settings:
        """Return the settings with today's days of the preset, in the chosen granularity.

        If the granularity does not suit the days, the nearest suitable one replaces it for the time
        being.
        """
        if settings.preset != CUSTOM:
            days = days_of(settings.preset, self._today(settings.timezone), self._billing_day)
            settings = replace(settings, first=days.first, last=days.last)
        return replace(settings, granularity=nearest(self._granularity, settings.granularities))

    def state(self, settings: Settings) -> dict[str, Any]:
        """Return the settings as plain JSON for `start`, with the chosen granularity."""
        return settings.as_json() | {"granularity": self._granularity}

    def point(self, content: Mapping[str, Any], current: Settings) -> Settings:
        """Return the settings after a click on the figure or on a card.

        A click chooses a group, an hour or days, and a double click goes back to the previous
        choice. A click on a card opens its figure. A reloaded page sends its earlier state.

        Raises
        ------
        QueryError
            A key is invalid.
        """
        if "state" in content:
            return self.start(None, None, content["state"])
        if (view := content.get("view")) is not None:
            tab = next((tab for tab, views in ON_TABS.items() if view in views), view)
            return self.change("", asdict(current) | {"tab": tab, "view": view}, current)
        if "choose" not in content:
            return self._earlier.pop() if self._earlier else current
        key: Mapping[str, Any] = content["choose"]
        values: dict[str, Any] = {}
        name, group = key.get("group"), current.group
        if name in current.group_values(self._names):
            if "groups" in VIEWS[current.view].heeds:
                values["groups"] = (name,)
            elif group in ("agent", "voice"):
                values |= {"agents": (name,)} if group == "agent" else {"voice": name}
            else:
                values |= {"metadata_key": group, "metadata_value": name}
        elif "first" in key:
            days = {end: date.fromisoformat(key[end]) for end in ("first", "last")}
            values |= {"preset": CUSTOM, **days}
        elif "hour" in key:
            values |= {"hour_from": key["hour"], "hour_to": key["hour"] + 1}
        chosen = self.change("", asdict(current) | values, current)
        self._earlier.append(current)
        return chosen

    def change(self, changed: str, values: dict[str, Any], current: Settings) -> Settings:
        """Return the settings after one control changed, or several ("" then).

        Raises
        ------
        QueryError
            A value does not fit.
        """
        if changed in ("first", "last"):
            values["preset"] = CUSTOM
        elif values["preset"] != CUSTOM:  # the date controls may still show days that were refused
            values["first"], values["last"] = current.first, current.last
        if changed == "metadata_key":
            values["metadata_value"] = ""
        if changed in ("group", "top"):
            values["groups"] = ()
        if values["granularity"] != current.granularity:
            self._granularity = values["granularity"]
        settings = self.update_days(Settings.from_values(values))
        offered = settings.group_values(self._names)
        settings = replace(settings, groups=tuple(g for g in settings.groups if g in offered))
        views = [view for _, view in views_of(settings)]
        if settings.view not in views:
            settings = replace(settings, view=views[0])
        settings.question(self._names)
        return settings
