"""Cache of replies, so that a redraw converts and sums nothing twice."""

from __future__ import annotations

from functools import cached_property

import pandas as pd

from usage_analysis.analysis.quality import reconcile
from usage_analysis.analysis.selection import SelectedUsage, Selection, group_hours_of
from usage_analysis.analysis.statements.checks import state_checks
from usage_analysis.dashboard.queries import Question
from usage_analysis.query import zone
from usage_analysis.tidy.frames import REST, group_column
from usage_analysis.tidy.groups import sum_groups
from usage_analysis.tidy.periods import in_timezone
from usage_analysis.tidy.usage import CallUsage


class CachedUsage:
    """One reply, with its hours in each time zone that was selected.

    Parameters
    ----------
    question
        Query of the reply.
    usage
        The reply.
    """

    def __init__(self, question: Question, usage: CallUsage) -> None:
        self.question, self.usage = question, usage
        self._local: dict[tuple[str, bool], pd.DataFrame] = {}

    def selected(self, selection: Selection, *, grouped: bool) -> SelectedUsage:
        """Return the rows of a selection, with those of the groups if asked."""
        place = str(zone(selection.timezone))
        hours = self._hours(place, grouped=False)
        return SelectedUsage(
            selection=selection,
            usage=self.whole_usage,
            all_hours=hours,
            group_hours=self._hours(place, grouped=True) if grouped else None,
            earlier_hours=None if selection.previous is None else hours,
        )

    def _hours(self, timezone: str, *, grouped: bool) -> pd.DataFrame:
        key = (timezone, grouped)
        if key not in self._local:
            self._local[key] = (
                group_hours_of(self.usage, timezone)
                if grouped
                else in_timezone(self.whole_usage.hourly, timezone)
            )
        return self._local[key]

    @cached_property
    def warning(self) -> str:
        """Sentence on failed consistency checks that make the numbers doubtful; empty without."""
        found = state_checks(reconcile(self.whole_usage))
        return found.sentence if found.urgent else ""

    @cached_property
    def whole_usage(self) -> CallUsage:
        """The reply with all groups added up."""
        return sum_groups(self.usage)

    @cached_property
    def largest(self) -> list[str]:
        """Names of the groups that have calls, the largest first."""
        group = group_column(self.usage.hourly)
        if group is None:
            return []
        counts = self.usage.hourly.groupby(group, sort=False)["total_count"].sum()
        counts = counts[counts > 0].sort_values(ascending=False, kind="stable")
        return [str(name) for name in counts.index if name != REST]
