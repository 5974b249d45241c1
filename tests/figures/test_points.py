"""What a pointer reads of a figure: where it is, its words, and what it chooses."""

import json
import re

import numpy as np
import pandas as pd
import pytest

import usage_analysis as ua
from usage_analysis.analysis.selection import Selection
from usage_analysis.figures.catalogue import CATALOGUE
from usage_analysis.figures.entry import Options
from usage_analysis.figures.points import points_of, svg_with_points
from usage_analysis.figures.style import NARROW_WIDTH, WIDTH, laid_out
from usage_analysis.sample import AGENTS

ZONE = "America/New_York"
NO_CALENDAR = {
    "comparison", "rates_compared", "week", "day", "error_week", "funnel", "pareto",
    "load_duration", "traffic_week",
}  # fmt: skip


@pytest.fixture(scope="module")
def selected():
    """A month with its groups, and the month before."""
    client = ua.sample_client()
    asked = {"from_date": "2026-03-02", "to_date": "2026-03-29", "timezone": ZONE}
    earlier = {"from_date": "2026-02-02", "to_date": "2026-03-01", "timezone": ZONE}
    selection = Selection(timezone=ZONE, previous=None)
    return selection.of(
        client.call_usage(**asked),
        breakdown=client.by_agent(AGENTS, **asked),
        previous=client.call_usage(**earlier),
    )


def prepared(selected, name, **options):
    return CATALOGUE[name].prepare(selected, Options(limit=12, **options))


# Without groups all in every run; with groups a line and a profile, and all of them in CI.
FIGURES = [
    pytest.param(
        name, grouped, marks=pytest.mark.slow if grouped and name not in ("trend", "day") else ()
    )
    for grouped in (False, True)
    for name in sorted(set(CATALOGUE) - {"effects"})
]


@pytest.mark.parametrize(("name", "grouped"), FIGURES)
def test_every_figure_has_points_on_it(selected, name, grouped):
    """Each point lies on the figure and says a value with its unit, and of time its day and zone.

    No words hold a missing value, and no two points of a figure say the same at two places.
    """
    if name == "comparison" and grouped:
        pytest.skip("the previous month was asked without groups")
    made = prepared(selected, name, grouped=grouped)
    figure = made.figure(WIDTH)
    svg, points = svg_with_points(figure, made.table)
    assert svg.startswith(b"<?xml")
    assert points
    for point in points:
        assert 0 < point.x < 1
        assert 0 < point.y < 1
        assert re.search(r"\d", point.label)
        assert not re.search(r"\bnan\b|NaT|None|_child", point.label), point.label
        if name not in NO_CALENDAR:
            assert re.search(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) 20\d\d-\d\d-\d\d", point.label)
            assert point.label.count(ZONE) == 1
        for end in ("first", "last"):
            assert re.fullmatch(r"2026-0[23]-\d\d", point.key.get(end, "2026-03-02"))
        assert point.key.get("group", "Front desk") in {*AGENTS, "rest"}
    labels = {}
    for point in points:
        assert labels.setdefault(point.label, (point.x, point.y)) == (point.x, point.y)
    json.dumps(points)


def test_points_lie_where_the_figure_has_them(selected):
    """A day's point is at its date and its value, on a figure of any width."""
    made = prepared(selected, "trend", every="D")
    for width in (WIDTH, NARROW_WIDTH):
        figure = made.figure(width)
        with laid_out(figure):
            points = {p.key["first"]: p for p in reversed(points_of(figure, made.table)) if p.key}
            (ax,) = figure.axes
            line = next(line for line in ax.lines if line.get_gid() == "buckets")
            places = figure.transFigure.inverted().transform(
                ax.transData.transform(np.column_stack(line.get_data()))
            )
        for day, (x, y) in zip(made.table.index, places, strict=True):
            point = points[f"{day:%Y-%m-%d}"]
            assert (point.x, point.y) == pytest.approx((x, 1 - y), abs=1e-4)
            calls = made.table.loc[day, "total_count"]
            assert point.label == f"{day:%a %Y-%m-%d} ({ZONE}): {calls:,} calls"


def test_a_rate_has_its_evidence(selected):
    """A point of a rate says its sample size, and its interval with the level that was asked."""
    made = prepared(selected, "errors")
    (ax,) = (figure := made.figure(WIDTH)).axes
    first = points_of(figure, made.table)[0].label
    row = made.table.iloc[0]
    assert first == (
        f"Mon 2026-03-02 ({ZONE}): error rate {100 * row['rate']:.2f} % of calls, "
        f"{row['events']} of {row['calls']:,} calls, 95 % interval {100 * row['low']:.2f} to "
        f"{100 * row['high']:.2f} %"
    )
    assert ax.get_ylabel() == "error rate [% of calls]"


def test_cells_choose_their_hour_and_their_day(selected):
    """A cell is a box: of the week it chooses weekday and hour, of the calendar its day."""
    made = prepared(selected, "week")
    cells = points_of(made.figure(WIDTH), made.table)
    assert len(cells) == 168
    assert cells[38].key == {"weekday": 1, "hour": 14}
    assert cells[38].label.startswith(f"Tuesdays 14:00-15:00 ({ZONE}): mean ")
    assert min(min(cell.width, cell.height) for cell in cells) > 0.01
    made = prepared(selected, "calendar")
    days = points_of(made.figure(WIDTH), made.table)
    assert [day.key["first"] for day in days] == list(made.table.index.strftime("%Y-%m-%d"))


def test_lines_and_bars_choose_their_group(selected):
    """Of a breakdown every line, bar and dot chooses its group by the whole of its name."""
    for name in ("trend", "groups", "errors", "overhead", "day", "funnel", "pareto"):
        made = prepared(selected, name, grouped=True)
        keys = {point.key.get("group") for point in points_of(made.figure(WIDTH), made.table)}
        assert keys <= set(AGENTS), name
        assert len(keys) == 6, name


def test_a_long_series_stays_small():
    """Of more points than a pointer can tell apart some are left out, never the last."""
    index = pd.date_range("2025-01-01", periods=24 * 300, freq="h", tz="UTC", name="time")
    frame = pd.DataFrame(
        {"total_count": np.arange(len(index)) % 50, "error_count": 0, "provisional": False},
        index=index,
    )
    figure = ua.plot_trend(frame).figure
    points = points_of(figure, frame)
    assert 500 < len(points) <= 1500
    assert f"{index[-1]:%Y-%m-%d %H:%M}" in points[-1].label
