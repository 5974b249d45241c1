"""A bank's call centre of 2003: published busy hours, and months projected as they went.

The table lies beside the project where it is at hand, in ``shared/data``, and is no part of it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from usage_analysis.analysis.peaks import busy_hour
from usage_analysis.analysis.trends import project_month

TABLE = Path(__file__).resolve().parents[3] / "shared" / "data" / "bank_calls_2003_hourly.csv"

pytestmark = pytest.mark.skipif(not TABLE.exists(), reason="the bank's calls are not at hand")


@pytest.fixture(scope="module")
def hourly() -> pd.DataFrame:
    """Calls of each hour of the days that the table has; it holds 7 to 21 o'clock."""
    table = pd.read_csv(TABLE)
    times = pd.to_datetime(table["date"]) + pd.to_timedelta(table["hour"], unit="h")
    days = pd.DatetimeIndex(pd.unique(times.dt.normalize()))
    every = days.repeat(24) + pd.to_timedelta(np.tile(np.arange(24), len(days)), unit="h")
    calls = pd.Series(table["totalCount"].to_numpy(), index=times).reindex(every, fill_value=0)
    index = every.tz_localize("UTC").rename("time")
    return pd.DataFrame({"total_count": calls.to_numpy(), "provisional": False}, index=index)


def test_published_busy_hours(hourly: pd.DataFrame) -> None:
    """10:00 is the busy hour of 164 days with 3394.012 calls, the day's peak on 132 of them."""
    tcbh, adph = (busy_hour(hourly, method=method) for method in ("tcbh", "adph"))
    assert tcbh[["hour", "days", "left_out"]].tolist() == [10, 164, 0]
    assert round(tcbh["value"], 3) == 3394.012
    assert round(adph["value"], 3) == 3414.817
    assert tcbh["share_of_days"] == 132 / 164


def test_months_that_went_are_inside_their_intervals(hourly: pd.DataFrame) -> None:
    """Of April to September, seen at 8 days with 0 to 8 weeks before, 95 % were inside."""
    calls = hourly["total_count"].resample("D").sum()
    inside, errors, plain = [], [], []
    for month in pd.period_range("2003-04", "2003-09", freq="M"):
        first, last = (day.tz_localize("UTC") for day in (month.start_time, month.end_time))
        came = calls[first:last].sum()
        for at in (2, 3, 5, 8, 10, 15, 20, 25):
            for weeks in (0, 1, 2, 4, 6, 8):
                seen = calls[first - pd.Timedelta(weeks=weeks) : first + pd.Timedelta(days=at - 1)]
                found = project_month(seen.to_frame().assign(provisional=False))
                inside.append(found["low"] <= came <= found["high"])
                if at == 10 and weeks == 4:
                    errors.append(abs(found["projection"] / came - 1))
                    plain.append(
                        abs(calls[first:][:at].sum() * month.days_in_month / at / came - 1)
                    )
    assert np.mean(inside) >= 0.95
    assert np.mean(errors) < 0.03 < np.mean(plain)
