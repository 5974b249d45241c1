"""Versions: every state that was ever fetched can be loaded, after any syncs and compactions."""

from __future__ import annotations

import tempfile
from datetime import date, timedelta

import pandas as pd
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import usage_analysis as ua
from tests.archive.account import Account

FIRST = date(2026, 2, 20)


class History(RuleBasedStateMachine):
    """An account that changes, and a plain list of what each fetch brought of each day."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.account = Account("2026-03-02T12:00:00+00:00")
        self.archive = ua.Archive(self.folder.name)
        self.versions: dict[date, list[tuple[pd.Timestamp, int]]] = {}
        self.sync(refetch=False)

    @rule(back=st.integers(0, 12), calls=st.integers(0, 3), hour=st.sampled_from([0, 23]))
    def change(self, back: int, calls: int, hour: int) -> None:
        """A day gets other calls than it had."""
        day = self.account.now.date() - timedelta(days=back)
        self.account.put(f"{day}T{hour:02}", calls=calls)

    @rule(hours=st.sampled_from([1, 11, 24, 240]))
    def wait(self, hours: int) -> None:
        """Time goes by."""
        self.account.wait(hours=hours)

    @rule(refetch=st.booleans())
    def sync(self, refetch: bool) -> None:
        """A sync, and what the account said of the days that it asked for."""
        asked = len(self.account.asked)
        self.archive.sync(self.account.client(), "all", since=FIRST, refetch=refetch)
        now = pd.Timestamp(self.account.now)
        for params in self.account.asked[asked:]:
            day, last = (date.fromisoformat(params[end][:10]) for end in ("fromDate", "toDate"))
            while day <= last:
                calls = sum(
                    hour["totalCount"]
                    for instant, hour in self.account.hours.items()
                    if instant.date() == day and instant <= self.account.now
                )
                known = [one for one in self.versions.get(day, []) if one[0] < now]
                self.versions[day] = [*known, (now, calls)]
                day += timedelta(days=1)

    @rule()
    def compact(self) -> None:
        """Fewer files, the same answers."""
        self.archive.compact()

    @rule(data=st.data())
    def look_back(self, data: st.DataObject) -> None:
        """Any day as of any fetch of it is what that fetch brought."""
        day = data.draw(st.sampled_from(sorted(self.versions)))
        when, calls = data.draw(st.sampled_from(self.versions[day]))
        loaded = self.archive.load("all", day, day, as_of=when.isoformat())
        assert loaded.daily["total_count"].tolist() == [calls]
        assert loaded.hourly["total_count"].sum() == calls
        over = pd.Timestamp(day, tz="UTC") + pd.Timedelta("26h")
        assert loaded.hourly["provisional"].any() == (when < over)

    @invariant()
    def newest_counts(self) -> None:
        """Every day by itself is what the newest fetch brought of it."""
        day = max(self.versions)
        loaded = self.archive.load("all", day, day)
        assert loaded.daily["total_count"].tolist() == [self.versions[day][-1][1]]

    def teardown(self) -> None:
        self.folder.cleanup()


History.TestCase.settings = settings(max_examples=8, stateful_step_count=12, deadline=None)
TestHistory = History.TestCase
