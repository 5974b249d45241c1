"""Hours beside what is expected of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib import dates as mdates

import usage_analysis as ua
from tests.analysis.agents import account, plant
from usage_analysis.figures.axes import figure_of
from usage_analysis.figures.style import picture


@pytest.fixture(scope="module")
def hourly() -> pd.DataFrame:
    agents = plant(account(np.random.default_rng(11), days=49), None, "calls",
                   "2026-07-01 10:00", 8)  # fmt: skip
    return agents.drop(columns="agent").groupby(level=0).sum().assign(provisional=False)


def test_line_band_and_event_are_those_of_the_tables(hourly: pd.DataFrame) -> None:
    """Line, band and shade lie where the tables say, and the title tells the event."""
    table, found = ua.expected(hourly), ua.unusual(hourly)
    ax = ua.plot_expected(table, found=found)
    (seen,) = (line for line in ax.get_lines() if line.get_gid() == "buckets")
    np.testing.assert_allclose(np.asarray(seen.get_ydata()), table["observed"])
    (shade,) = (patch for patch in ax.patches if patch.get_gid() == "event")
    ends = mdates.num2date(shade.get_x()), mdates.num2date(shade.get_x() + shade.get_width())
    assert [pd.Timestamp(end).round("s") for end in ends] == [found["start"][0], found["end"][0]]
    assert ax.get_title(loc="left").replace("\n", " ") == (
        "No calls on 2026-07-01 10:00 to 18:00 (UTC)"
    )


def test_events_of_other_days_are_not_drawn(hourly: pd.DataFrame) -> None:
    """A figure of some days shows their events alone."""
    days = ua.expected(hourly[hourly.index >= "2026-07-05"], history=hourly)
    ax = ua.plot_expected(days, found=ua.unusual(hourly))
    assert not ax.patches
    assert ax.get_title(loc="left") == "Calls beside what is expected"


def test_long_frames_are_images_that_keep_their_points() -> None:
    """More than half a year of hours is an image within the SVG, which is smaller then."""
    agents = account(np.random.default_rng(2), days=240)
    table = ua.expected(
        agents.drop(columns="agent").groupby(level=0).sum().assign(provisional=False)
    )
    sizes = {}
    for days in (182, 240):
        ax = ua.plot_expected(table.iloc[: days * 24])
        (line,) = (line for line in ax.get_lines() if line.get_gid() == "buckets")
        assert len(np.asarray(line.get_xdata())) == days * 24
        svg = picture(figure_of(ax), "svg")
        assert (b"<image" in svg) == (days > 182)
        sizes[days] = len(svg)
    assert sizes[240] < sizes[182]


def test_breakdown_is_refused() -> None:
    """The figure is of one series: a breakdown names its group column."""
    agents = account(np.random.default_rng(1), days=7)
    with pytest.raises(ua.QueryError, match="expected one series, got a breakdown by agent"):
        ua.plot_expected(ua.expected(agents))


def thinned(hourly: pd.DataFrame) -> pd.DataFrame:
    """Return hours with an eighth of the calls, in error or not."""
    counts = ["total_count", "error_count", "joined_count"]
    return hourly.assign(**{name: hourly[name] // 8 for name in counts})


def test_hours_of_few_calls_do_not_hide_the_others() -> None:
    """Of a rate, hours of fewer than 8 calls are not drawn and the key says so, unless most hours
    are like this; the table keeps them."""
    agents = ua.sample.AGENTS
    client, days = ua.sample_client(), {"from_date": "2026-03-02", "to_date": "2026-03-29"}
    busy = client.call_usage(**days, agent_ids=[agents["Support line"]]).hourly
    for hourly, hidden in ((busy, True), (thinned(busy), False)):
        table = ua.expected(hourly, measure="error_rate")
        few = hourly["total_count"] < 8
        assert table["few"].tolist() == few.tolist()
        ax = ua.plot_expected(table)
        (line,) = (line for line in ax.get_lines() if line.get_gid() == "buckets")
        drawn = np.isfinite(np.asarray(line.get_ydata()))
        wanted = table["observed"].notna() & (~few if hidden else True)
        assert drawn.tolist() == wanted.tolist()
        told = [text.get_text() for text in ax.texts]
        assert any("hours of few calls are not drawn" in text for text in told) == hidden
