"""The user's marks: drawn on every time axis, left out of means, kept in totals."""

import numpy as np
import pandas as pd
import pytest

import usage_analysis as ua
from tests.figures.drawings import MARKS, ZONE, frame, grouped, panels, singles
from usage_analysis.analysis.capacity import capacity
from usage_analysis.analysis.control import control_chart
from usage_analysis.figures.axes import finished
from usage_analysis.figures.heat import plot_calendar
from usage_analysis.figures.load import plot_load_duration
from usage_analysis.figures.marks import Mark, without
from usage_analysis.figures.rates import plot_control, plot_error_rate
from usage_analysis.figures.style import new_figure
from usage_analysis.figures.trend import plot_trend

TIMED = ("trend", "capacity", "error rate", "control", "burn-up", "billing")


@pytest.mark.parametrize("name", TIMED)
def test_marks_are_on_every_time_axis(name):
    """Each figure over time shows the instant, the period and their names."""
    ax = singles(frame(30 * 24))[name](new_figure().add_subplot())
    assert len([mark for mark in ax.get_children() if mark.get_gid() == "mark"]) == 2
    names = [mark.get_text() for mark in ax.texts if mark.get_gid() == "mark label"]
    counted = name in ("control", "burn-up")
    assert names == ["release 2.4", "outage" if counted else "outage (left out)"]


def test_a_period_is_told_as_left_out_only_where_it_is():
    """A chart of the other days alone leaves it out; so do long means of groups, and no shares."""
    hourly = frame(30 * 24)
    named = []
    for chart in (control_chart(hourly), control_chart(without(hourly, MARKS))):
        ax = plot_control(chart, marks=MARKS)
        named += [mark.get_text() for mark in ax.texts if mark.get_gid() == "mark label"][1:]
    groups = grouped({"a": 9, "b": 5}, hours=30 * 24)
    for rows in (ua.aggregate(groups, "D"), groups):
        ax = plot_trend(rows, marks=MARKS)
        named += [mark.get_text() for mark in ax.texts if mark.get_gid() == "mark label"][1:]
    assert named == ["outage", "outage (left out)", "outage", "outage (left out)"]


def test_marks_are_on_every_small_panel():
    """Every panel shows the marks, and the heading names them with their dates."""
    figure = panels(grouped({"a": 9, "b": 5}, hours=20 * 24))
    for ax in figure.axes[:2]:
        assert len([mark for mark in ax.get_children() if mark.get_gid() == "mark"]) == 2
        assert not [text for text in ax.texts if text.get_gid() == "mark label"]
    (named,) = [text.get_text() for text in figure.texts if text.get_gid() == "marks"]
    assert named == ("marked: release 2.4, 2026-03-10 14:00; outage, 2026-03-17 to 2026-03-18")


def test_marks_outside_the_window_are_not_drawn():
    """A deploy of another year leaves the axis as it is."""
    ax = plot_trend(ua.aggregate(frame(), "D"), marks=[Mark("2025-01-01T00:00Z", "long ago")])
    assert not [mark for mark in ax.get_children() if mark.get_gid() == "mark"]


def test_a_calendar_marks_its_days():
    """The days that a mark touches are marked in the calendar: one, and the two of a period."""
    ax = singles(frame())["calendar"](new_figure().add_subplot())
    marks = [line for line in ax.get_lines() if line.get_gid() == "mark"]
    assert [len(line.get_xdata()) for line in marks] == [1, 2]
    (key,) = [text.get_text() for text in ax.texts if text.get_gid() == "key"]
    assert key.replace("\n", " ") == (
        "hatched: not whole; ○ release 2.4, 2026-03-10 14:00; ✕ outage, 2026-03-17 to 2026-03-18"
    )
    other = Mark("2025-01-01T00:00Z", "long ago")
    days = ua.aggregate(frame(unfinished=0), "D").iloc[:31]
    untouched = plot_calendar(days[days["complete"]], marks=[other])
    assert not [text for text in untouched.texts if text.get_gid() == "key"]


def test_without_drops_what_touches_a_bad_period():
    """Rows that overlap a period to leave out go, whatever their length; others stay."""
    hourly = frame()
    kept = without(hourly, MARKS)
    assert len(hourly) - len(kept) == 48
    half = Mark("2026-03-05T12:30-05:00", "a minute", end="2026-03-05T12:31-05:00", leave_out=True)
    daily = ua.aggregate(hourly, "D")
    assert set(daily.index) - set(without(daily, [half]).index) == {
        pd.Timestamp("2026-03-05", tz=ZONE)
    }
    assert len(without(hourly, [half])) == len(hourly) - 1
    assert without(hourly, [Mark("2026-03-05T12:30Z", "deploy")]).equals(hourly)


def test_a_bad_period_is_in_no_mean_and_in_the_picture():
    """The moving mean leaves the period's days out; the days themselves are drawn."""
    hourly = frame()
    bad = hourly.index.normalize() == pd.Timestamp("2026-03-17", tz=ZONE)
    hourly.loc[bad, "total_count"] = 100_000
    daily = ua.aggregate(hourly, "D")
    mark = Mark("2026-03-17T04:00Z", "loop", end="2026-03-18T04:00Z", leave_out=True)
    means = {}
    for name, marks in (("all", ()), ("without", [mark])):
        ax = plot_trend(daily, marks=marks)
        (line,) = [line for line in ax.get_lines() if line.get_gid() == "mean"]
        means[name] = np.nanmax(np.asarray(line.get_ydata(), dtype=float))
        assert "2,40" in ax.get_title(loc="left") or name == "without"
        (buckets,) = [line for line in ax.get_lines() if line.get_gid() == "buckets"]
        assert np.nanmax(np.asarray(buckets.get_ydata(), dtype=float)) == 2_400_000
    assert means["without"] < 1_200 < means["all"]
    assert "2,400,000" not in plot_trend(daily, marks=[mark]).get_title(loc="left")


@pytest.mark.parametrize("gone", [False, True])
def test_the_mean_of_a_constant_week_is_constant(gone):
    """Where every week is alike the mean is one level, also after days left out or not there."""
    hourly = frame(42 * 24, unfinished=0)
    hourly["total_count"] = np.where(hourly.index.day_of_week >= 5, 20, 50)
    daily = ua.aggregate(hourly, "D")
    daily = daily[daily["complete"]]
    mark = Mark("2026-03-17T04:00Z", "outage", end="2026-03-19T04:00Z", leave_out=True)
    ax = plot_trend(without(daily, [mark]) if gone else daily, marks=[mark])
    (line,) = [line for line in ax.get_lines() if line.get_gid() == "mean"]
    mean = np.asarray(line.get_ydata(), dtype=float)
    assert np.isfinite(mean).sum() > 20
    # The day that the clock is put forward on has an hour less.
    levels = np.unique(mean[np.isfinite(mean)].round(3))
    assert levels == pytest.approx([24 * 290 / 7 - 20 / 7, 24 * 290 / 7], abs=0.01)


def test_a_bad_period_is_in_no_profile_and_no_overall_rate():
    """Load-duration curves and the overall rate leave the period out."""
    hourly = frame()
    mark = MARKS[1]
    inside = ~hourly.index.isin(without(hourly, [mark]).index)
    hourly.loc[inside, ["total_count", "error_count"]] = 10_000
    found = capacity(hourly, limit=5)
    ends = [
        max(line.get_ydata().max() for line in ax.lines if line.get_gid() == "curve")
        for ax in (plot_load_duration(found, marks=marks) for marks in ([mark], []))
    ]
    assert ends == [found["carried"][~inside].max(), found["carried"].max()]
    daily = ua.aggregate(hourly, "D")
    ax = plot_error_rate(ua.error_rate(daily[finished(daily)]), marks=[mark])
    assert ax.get_title(loc="left").startswith("Error rate 1.98 %")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"start": "2026-03-10"}, "start: expected an instant with its zone"),
        ({"start": "soon"}, "start"),
        ({"start": None}, "start"),
        ({"start": "2026-03-10T00:00Z", "end": "2026-03-09T00:00Z"}, "end: expected an instant"),
        ({"start": "2026-03-10T00:00Z", "end": "2026-03-11"}, "end: expected an instant"),
        ({"start": "2026-03-10T00:00Z", "leave_out": True}, "leave_out"),
    ],
)
def test_a_mark_without_a_zone_or_a_sense_is_refused(given, told):
    """Instants need zones, ends come after starts, and only periods are left out."""
    with pytest.raises(ua.QueryError, match=told):
        Mark(**{"label": "x", **given})
