"""Lasting changes of level on trends and rates."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib import dates as mdates

import usage_analysis as ua
from tests.analysis.agents import account, plant


@pytest.fixture(scope="module")
def daily() -> pd.DataFrame:
    """Sixty days; calls fall by 40 % and errors rise to a tenth from 1 July on."""
    agents = account(np.random.default_rng(5), days=60)
    agents = plant(agents, None, "calls", "2026-07-01", 30 * 24, 0.6)
    agents = plant(agents, None, "errors", "2026-07-01", 30 * 24, 0.1)
    hourly = agents.drop(columns="agent").groupby(level=0).sum().assign(provisional=False)
    return ua.aggregate(hourly, "D")


@pytest.mark.parametrize(
    ("measure", "draw"),
    [
        ("total_count", ua.plot_trend),
        ("error_rate", lambda daily, **more: ua.plot_error_rate(ua.error_rate(daily), **more)),
    ],
)
def test_changes_stand_on_their_dates_with_their_sizes(daily, measure, draw) -> None:
    """Each change is one line on the first day of the new level; its label has the table's size."""
    changes = ua.change_points(daily, measure=measure)
    ax = draw(daily, changes=changes)
    drawn = [line for line in ax.get_lines() if line.get_gid() == "mark"]
    dates = [mdates.num2date(line.get_xdata()[0]).date().isoformat() for line in drawn]
    assert dates == changes["date"].astype(str).tolist()
    assert len(dates) == 1
    (label,) = (text.get_text() for text in ax.texts if text.get_gid() == "mark label")
    row = changes.iloc[0]
    told = (row["before"], row["after"]) if measure == "error_rate" else (row["change"], row["low"])
    numbers = [float(number) for number in re.findall(r"-?[0-9.]+", label)]
    assert numbers[:2] == pytest.approx([100 * share for share in told], abs=0.06)
    assert "dotted: level changed" in " ".join(
        text.get_text() for text in [*ax.figure.texts, *ax.texts]
    )


def test_changes_of_something_else_are_refused(daily) -> None:
    """Changes of another measure or of groups are not drawn, and neither is a plain table."""
    changes = ua.change_points(daily)
    with pytest.raises(ua.QueryError, match="changes: expected changes of error rate, got"):
        ua.plot_error_rate(ua.error_rate(daily), changes=changes)
    agents = ua.aggregate(account(np.random.default_rng(5), days=28), "D")
    with pytest.raises(ua.QueryError, match="changes: expected one series, got a breakdown"):
        ua.plot_trend(agents, changes=changes)
    with pytest.raises(ua.QueryError, match="changes: expected one series, got a breakdown"):
        ua.plot_trend(daily, changes=ua.change_points(agents))
    with pytest.raises(ua.QueryError, match="expected a result of change_points"):
        ua.plot_trend(daily, changes=daily)


def test_a_level_that_begins_at_zero_has_no_percentage(daily) -> None:
    """After a level of nothing, the label says that the measure begins."""
    new = daily.assign(total_count=np.where(daily.index < "2026-07-01", 0, daily["total_count"]))
    ax = ua.plot_trend(new, changes=ua.change_points(new))
    assert "first calls" in [text.get_text() for text in ax.texts]
