"""Real calls: a bank's busy hours and months of 2003, and another bank's August 1999.

The tables lie beside the project where they are at hand, in ``shared``, and are no part of it.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from usage_analysis.analysis.control import control_chart
from usage_analysis.analysis.peaks import busy_hour
from usage_analysis.analysis.quality import reconcile
from usage_analysis.analysis.rates import join_rate
from usage_analysis.analysis.statements.peaks import describe_peak
from usage_analysis.analysis.trends import project_month
from usage_analysis.tidy.periods import in_timezone
from usage_analysis.tidy.usage import CallUsage, build_breakdown

SHARED = Path(__file__).resolve().parents[3] / "shared"
TABLE = SHARED / "data" / "bank_calls_2003_hourly.csv"
AUGUST = SHARED / "replies" / "anonymous_bank_1999-08.json"

pytestmark = pytest.mark.skipif(not SHARED.exists(), reason="the banks' calls are not at hand")


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


@pytest.mark.parametrize(
    ("days", "before"),
    [
        pytest.param((2, 10, 20), (0, 4), id="a few days"),
        pytest.param(
            (2, 3, 5, 8, 10, 15, 20, 25), (0, 1, 2, 4, 6, 8), id="8 days", marks=pytest.mark.slow
        ),
    ],
)
def test_months_that_went_are_inside_their_intervals(
    hourly: pd.DataFrame, days: tuple[int, ...], before: tuple[int, ...]
) -> None:
    """Of April to September, seen at several days with some weeks before, 95 % were inside."""
    calls = hourly["total_count"].resample("D").sum()
    inside, errors, plain = [], [], []
    for month in pd.period_range("2003-04", "2003-09", freq="M"):
        first, last = (day.tz_localize("UTC") for day in (month.start_time, month.end_time))
        came = calls[first:last].sum()
        for at in days:
            for weeks in before:
                seen = calls[first - pd.Timedelta(weeks=weeks) : first + pd.Timedelta(days=at - 1)]
                found = project_month(seen.to_frame().assign(provisional=False))
                inside.append(found["low"] <= came <= found["high"])
                if at == 10 and weeks == 4:
                    errors.append(abs(found["projection"] / came - 1))
                    plain.append(
                        abs(calls[first:][:at].sum() * month.days_in_month / at / came - 1)
                    )
    assert np.mean(inside) >= 0.95
    assert np.mean(errors) < 0.02 < np.mean(plain)


@pytest.fixture(scope="module")
def august() -> CallUsage:
    """The month of the "Anonymous Bank" (Technion) as the endpoint would answer."""
    return CallUsage.from_json(AUGUST.read_bytes(), as_of="1999-09-02T00:00Z")


def on_its_clock(usage: CallUsage) -> pd.DataFrame:
    return in_timezone(usage.hourly, "Asia/Jerusalem").loc["1999-08-01":"1999-08-31"]  # type: ignore[misc]  # pandas slices by dates


def test_a_real_month_has_its_published_calls(august: CallUsage) -> None:
    """42,078 calls, 31,402 of them answered, in 633 of 744 hours of the callers' clock.

    The reply agrees with itself, but two hours hold a call that was left open for hours.
    """
    hourly = on_its_clock(august)
    assert len(hourly) == 744
    assert hourly[["total_count", "joined_count"]].sum().tolist() == [42_078, 31_402]
    assert (hourly["total_count"] > 0).sum() == 633
    checks = reconcile(august)
    assert checks.index[checks["ok"].eq(False)].tolist() == ["no call of many hours"]
    assert checks.loc["no call of many hours", "failures"] == 2
    assert str(describe_peak(hourly)).startswith("The busiest hour of the day is 10:00-11:00, with")
    assert busy_hour(hourly, days="workdays", weekend=("Fri", "Sat"))["days"] == 23


def test_real_days_differ_by_more_than_chance(august: CallUsage) -> None:
    """A plain p chart signals on two hours of five and most days, p' on one in seven and 3 days."""
    hourly = on_its_clock(august)
    plain, prime = (
        control_chart(hourly, event="joined_count", every=None, method=method)
        for method in ("p", "p_prime")
    )
    some = plain["limited"]
    assert round(plain["signal"][some].mean(), 3) == 0.431
    assert round(prime["signal"][some].mean(), 3) == 0.136
    days = control_chart(hourly, event="joined_count", method="p")["signal"].sum()
    assert [days, control_chart(hourly, event="joined_count")["signal"].sum()] == [24, 3]


def test_the_types_of_a_real_month_add_up(august: CallUsage) -> None:
    """Calls by type are all calls, hour by hour, and their shares add to 1."""
    replies = json.loads(AUGUST.with_name("anonymous_bank_1999-08_by_agent.json").read_text())
    assert august.query is not None
    types = {
        name: CallUsage.from_json(json.dumps(one), query=august.query, as_of=august.as_of)
        for name, one in replies.items()
    }
    both = build_breakdown(types, "type", august.query).hourly
    summed = both.groupby(level="time")[["total_count", "joined_count", "duration"]].sum()
    pd.testing.assert_frame_equal(summed, august.hourly[list(summed)], check_freq=False)
    rates = join_rate(both, by="type")
    assert (rates["calls"] / rates["calls"].sum()).sum() == pytest.approx(1)
    assert rates["events"].sum() == 31_402
