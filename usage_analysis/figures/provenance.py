"""Provenance of a figure: in words below its title, and in the metadata of its file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, Self

import pandas as pd
from matplotlib.text import Annotation

from usage_analysis.analysis.selection import SelectedUsage
from usage_analysis.query import UsageQuery, zone
from usage_analysis.tidy.frames import Source, is_sample
from usage_analysis.tidy.usage import CallUsage
from usage_analysis.tidy.zones import HOUR, zone_of

_SAMPLE = "sample account"


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Provenance of a figure's data.

    Parameters
    ----------
    start, end
        First instant of the window, and the first instant after it.
    timezone
        Time zone of the figure, an IANA name.
    calls
        Number of calls in the window.
    as_of
        Time at which the data were fetched.
    source
        ``"live"``, ``"sample"`` or ``"file"``.
    filters
        Other filters of the query in words, by filter.
    query
        The query, in the form of a saved file.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> usage = ua.sample_client().call_usage(from_date="2026-03-02", to_date="2026-03-08")
    >>> print(ua.Provenance.of(usage).subtitle())
    2026-03-02 to 2026-03-08 (UTC) · 6,523 calls · as of 2026-04-01 14:37 UTC · sample account
    """

    start: pd.Timestamp
    end: pd.Timestamp
    timezone: str
    calls: int
    as_of: pd.Timestamp
    source: Source
    filters: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        usage: CallUsage,
        hourly: pd.DataFrame | None = None,
        *,
        timezone: str | tzinfo | None = None,
        filters: Mapping[str, str] | None = None,
    ) -> Self:
        """Return the provenance of a reply, or of local hours of this reply.

        Parameters
        ----------
        usage
            The reply.
        hourly
            Displayed rows; by default all rows of the reply.
        timezone
            Time zone; by default the time zone of the rows.
        filters
            Other filters in words, by filter; by default the filters of the reply's query.
        """
        rows = usage.hourly if hourly is None else hourly
        place = zone_of(rows) if timezone is None else zone(timezone)
        start, end = usage.as_of, usage.as_of
        if len(rows):
            start, end = rows.index.min(), rows.index.max() + pd.Timedelta(hours=1)
        return cls(
            start=start.tz_convert(place),
            end=end.tz_convert(place),
            timezone=str(place),
            calls=round(rows["total_count"].sum()),
            as_of=usage.as_of,
            source=usage.source,
            filters=_filters(usage) if filters is None else filters,
            query={} if usage.query is None else usage.query.as_dict(),
        )

    @property
    def assumed(self) -> bool:
        """True for a file without a date: the end of its last day stands, always a whole hour."""
        return self.source == "file" and self.as_of.as_unit("us").value % HOUR == 0

    def subtitle(self) -> str:
        """Return window, time zone, number of calls, filters, date and source as one line."""
        parts = [
            f"{window_in_words(self.start, self.end)} ({self.timezone})",
            f"{self.calls:,} {'call' if self.calls == 1 else 'calls'}",
            *(f"{name} {value}" for name, value in self.filters.items()),
            f"{'assumed to be ' if self.assumed else ''}as of {self.as_of:%Y-%m-%d %H:%M} UTC",
        ]
        if self.source == "sample":
            parts.append(_SAMPLE)
        return " · ".join(parts)

    def as_json(self) -> str:
        """Return the provenance as one line of JSON, for the metadata of a file."""
        told = {
            "query": dict(self.query),
            "window": [self.start.isoformat(), self.end.isoformat()],
            "timezone": self.timezone,
            "calls": self.calls,
            "as_of": self.as_of.isoformat(),
            "source": self.source,
        }
        return json.dumps(told, ensure_ascii=True, sort_keys=True)


class Subtitle(Annotation):
    """Annotation below a title that keeps the provenance for the metadata of a file."""

    about: Provenance | None = None


def subtitle_of(about: Provenance | None, data: pd.DataFrame | pd.Series) -> str:
    """Return the line below a title; data of the sample account are always named as such."""
    parts = [about.subtitle()] if about else []
    if is_sample(data) and (about is None or about.source != "sample"):
        parts.append(_SAMPLE)
    return " · ".join(parts)


def provenance_of(selected: SelectedUsage, rows: pd.DataFrame | None = None) -> Provenance:
    """Return the provenance of the selected hours, or of other rows of the same reply."""
    usage, selection = selected.usage, selected.selection
    filters = selection.filters_in_words(_filters(usage))
    shown = selected.hourly if rows is None else rows
    return Provenance.of(usage, shown, timezone=selection.timezone, filters=filters)


def _filters(usage: CallUsage) -> dict[str, str]:
    return {} if usage.query is None else filters_in_words(usage.query)


def window_in_words(start: pd.Timestamp, end: pd.Timestamp) -> str:
    """Return a window in words: in days if it has whole days, else to the minute."""
    if start == start.normalize() and end == end.normalize() and end > start:
        last = end - pd.Timedelta(microseconds=1)
        return " to ".join(dict.fromkeys((f"{start:%Y-%m-%d}", f"{last:%Y-%m-%d}")))
    return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}"


def filters_in_words(query: UsageQuery) -> dict[str, str]:
    """Return the filters of a query in words, by filter."""
    asked = query.as_dict()
    words: dict[str, str] = {}
    if agents := asked.get("agent_ids"):
        words["agent"] = ", ".join(agents) if len(agents) < 3 else f"ids: {len(agents)}"
    for name in ("voice_id", "duration_min", "duration_max", "search"):
        if name in asked:
            words[name.replace("_id", "").replace("_", " ")] = asked[name]
    words |= asked.get("metadata", {})
    start, end = asked.get("time_of_day_start"), asked.get("time_of_day_end")
    if start or end:
        words["time of day"] = f"{start or '00:00'} to {end or '24:00'} UTC"
    return words
