"""Figures of an account's raw rows, by plain pandas."""

import math
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import stats

from tests.accounts import AGENTS, Account


class Raw:
    """Figures of an account's raw rows, by plain pandas, as the claims name them."""

    def __init__(
        self, account: Account, agents: tuple[str, ...] = tuple(AGENTS), *, history: bool = False
    ) -> None:
        """With `history` the month has the days of the previous period too, as in a report."""
        self.account, self.history = account, history
        self.by_agent = {name: self._local(name, account.days) for name in agents}
        self.rows = sum(self.by_agent.values())
        self.previous = sum(self._local(name, account.days_before) for name in agents)
        self.zone = account.zone

    def _local(self, name: str, days: dict[str, str]) -> pd.DataFrame:
        rows = self.account.rows[name].tz_convert(self.account.zone)
        return rows.loc[days["from_date"] : days["to_date"]]

    def __getattr__(self, name: str) -> float:
        columns = {"calls": "totalCount", "failed": "errorCount", "billed": "billedMinutes"}
        if name not in columns:
            raise AttributeError(name)
        return float(self.rows[columns[name]].sum())

    @property
    def rate(self) -> float:
        return 100 * self.failed / self.calls

    @property
    def talk(self) -> float:
        return self.rows["seconds"].sum() / 60

    @property
    def over_talk(self) -> float:
        return 100 * (self.billed / self.talk - 1)

    @property
    def hours(self) -> int:
        return len(self.rows)

    @cached_property
    def daily(self) -> pd.DataFrame:
        return self.rows.groupby(self.rows.index.strftime("%Y-%m-%d")).sum()

    @property
    def days(self) -> int:
        return len(self.daily)

    @property
    def mean(self) -> float:
        return self.calls / self.days

    @property
    def most(self) -> float:
        return self.daily["totalCount"].max()

    @cached_property
    def past(self) -> pd.DataFrame:
        """Days from which the month is projected."""
        rows = pd.concat([self.previous, self.rows]) if self.history else self.rows
        return rows.groupby(rows.index.strftime("%Y-%m-%d")).sum().tail(56)

    @cached_property
    def month_rows(self) -> pd.DataFrame:
        return self.past[self.past.index.str[:7] == self.account.last[:7]]

    @property
    def monthly(self) -> float:
        return self.month_rows["billedMinutes"].sum()

    @property
    def money(self) -> Decimal:
        exact = Decimal(round(10 * self.monthly)) * Decimal("0.005")
        return exact.quantize(Decimal("0.01"), ROUND_HALF_EVEN)

    @property
    def all_days(self) -> int:
        return pd.Period(self.account.last[:7]).days_in_month

    @property
    def absent(self) -> int:
        return self.all_days - int(self.account.last[8:])

    @property
    def complete(self) -> int:
        return len(self.past)

    @property
    def projected_minutes(self) -> float:
        """The month to date, and the mean of each weekday on the days to come."""
        weekday = pd.to_datetime(self.past.index).day_of_week
        usual = self.past["billedMinutes"].groupby(weekday).mean()
        left = pd.date_range(self.account.last, periods=self.absent + 1)[1:]
        return self.monthly + usual.reindex(left.day_of_week).sum()

    @property
    def projection(self) -> float:
        return 0.05 * self.projected_minutes

    @cached_property
    def carried(self) -> pd.Series:
        """Talk [erlangs] in the hours that it lasts, for exponential calls begun evenly."""
        talk = self.rows["seconds"].to_numpy() / 3600
        mean = talk.sum() / self.rows["joinedCount"].sum()
        ended = 1 - math.exp(-1 / mean)
        out = talk * (1 - mean * ended)
        for lag in range(1, 6):
            out[lag:] += talk[:-lag] * mean * ended**2 * math.exp((1 - lag) / mean)
        return pd.Series(out, self.rows.index)

    @property
    def erlangs(self) -> float:
        return self.carried.max()

    @property
    def hour(self) -> str:
        return f"{self.carried.idxmax():%Y-%m-%d %H:%M}"

    @property
    def risk(self) -> int:
        """Hours in which 5 lines would refuse 1 % or more, by the mean of the hour of the week."""
        slot = 24 * self.rows.index.day_of_week + self.rows.index.hour
        usual = self.carried.groupby(slot).transform("mean")
        loads = np.linspace(0, 60, 60_001)
        lost = stats.poisson.pmf(5, loads) / stats.poisson.cdf(5, loads)
        offered, own = (
            np.interp(held, loads * (1 - lost), loads) for held in (usual, self.carried)
        )
        refused = offered * np.interp(own, loads, lost)
        return int((refused >= 0.01 * (refused + self.carried)).sum())

    @property
    def lost(self) -> tuple[float, float]:
        """Least and greatest share of calls that 5 lines would refuse in the busiest hour [%].

        The least is for the mean of the same hour of the week, the greatest for the hour's load.
        """
        slot = 24 * self.rows.index.day_of_week + self.rows.index.hour
        usual = self.carried.groupby(slot).transform("mean")[self.carried.idxmax()]
        loads = np.linspace(0, 60, 60_001)
        lost = stats.poisson.pmf(5, loads) / stats.poisson.cdf(5, loads)
        low, high = np.interp([usual, self.carried.max()], loads * (1 - lost), 100 * lost)
        return float(low), float(high)

    @property
    def many(self) -> tuple[int, int]:
        """Least and greatest number of hours of the week that could be the busiest.

        Hours whose mean is not significantly below the highest: at 90 % for each hour by itself,
        and at 95 % for all hours together (Bonferroni), for Poisson counts with the scatter seen.
        """
        calls = self.rows["totalCount"].astype(float)
        slot = 24 * self.rows.index.day_of_week + self.rows.index.hour
        mean, weeks = calls.groupby(slot).mean(), calls.groupby(slot).size()
        usual = calls.groupby(slot).transform("mean")
        scatter = ((calls - usual) ** 2 / usual.clip(lower=1e-9)).sum()
        scatter = max(scatter / max((weeks - 1).sum(), 1), 1)
        top = mean.idxmax()
        error = np.sqrt(scatter * (mean[top] / weeks[top] + mean / weeks)).clip(lower=1e-9)
        below = (mean[top] - mean) / error
        few, most = (stats.norm.ppf(1 - level) for level in (0.1, 0.05 / len(mean)))
        return int((below < few).sum()), int((below < most).sum())

    @property
    def few(self) -> int:
        week = 24 * self.rows.index.day_of_week + self.rows.index.hour
        calls = self.rows["totalCount"].groupby(week).sum().reindex(range(168), fill_value=0)
        return (calls < 30).sum()

    @property
    def change(self) -> float:
        return self.change_of("totalCount")

    @property
    def billed_change(self) -> float:
        return self.change_of("billedMinutes")

    @property
    def billed_size(self) -> float:
        return abs(self.billed_change)

    @property
    def cost(self) -> Decimal:
        exact = Decimal(round(10 * self.billed)) * Decimal("0.005")
        return exact.quantize(Decimal("0.01"), ROUND_HALF_EVEN)

    @property
    def joined(self) -> float:
        return self.rows["joinedCount"].sum()

    @property
    def join(self) -> float:
        return 100 * self.joined / self.calls

    @property
    def join_points(self) -> float:
        before = self.previous
        return self.join - 100 * before["joinedCount"].sum() / before["totalCount"].sum()

    @property
    def calls_before(self) -> float:
        return self.previous["totalCount"].sum()

    @property
    def own_calls(self) -> float:
        return max(rows["totalCount"].sum() for rows in self.by_agent.values())

    def change_of(self, column: str) -> float:
        """Relative change against the same clock hours, whole weeks before [%]."""
        now, before = (
            rows[column].set_axis(rows.index.tz_localize(None))
            for rows in (self.rows, self.previous)
        )
        apart = (now.index[0].normalize() - before.index[0].normalize()).days
        before.index += pd.Timedelta(weeks=round(apart / 7))
        sums, hours = (
            pd.concat(
                [one.groupby(level=0).agg(how) for one in (now, before)], axis=1, sort=False
            ).dropna()
            for how in ("sum", "size")
        )
        same = sums[hours.iloc[:, 0] == hours.iloc[:, 1]].sum()
        return 100 * (same.iloc[0] / same.iloc[1] - 1)

    @property
    def size(self) -> float:
        return abs(self.change)

    @property
    def usual(self) -> float:
        return self.rate

    @property
    def points(self) -> float:
        before = self.previous
        return self.rate - 100 * before["errorCount"].sum() / before["totalCount"].sum()

    @property
    def sizes(self) -> pd.Series:
        billed = {name: rows["billedMinutes"].sum() for name, rows in self.by_agent.items()}
        return pd.Series(billed).sort_values(ascending=False)
