"""Each figure shows the numbers of its helper: lines, bands, bars and names are where they say.

Covers compare, groups, heat, lines, load, money, rates and trend.
"""

import re

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
import pytest

import usage_analysis as ua
from tests.figures.drawings import (
    SINGLES,
    ZONE,
    breakdowns,
    compared,
    frame,
    grouped,
    panels,
    singles,
)
from usage_analysis.analysis.capacity import capacity
from usage_analysis.analysis.comparison import compare_periods
from usage_analysis.analysis.control import control_chart
from usage_analysis.analysis.difference import rate_difference
from usage_analysis.analysis.funnel import funnel
from usage_analysis.analysis.meaning import meaning_of
from usage_analysis.analysis.statements.change import state_effects
from usage_analysis.analysis.trends import project_month
from usage_analysis.analysis.vocabulary import hourly_load
from usage_analysis.figures.axes import finished
from usage_analysis.figures.compare import plot_comparison, plot_effects
from usage_analysis.figures.groups import plot_groups, plot_pareto
from usage_analysis.figures.heat import plot_calendar, plot_error_week
from usage_analysis.figures.load import plot_capacity, plot_day, plot_load_duration
from usage_analysis.figures.marks import without
from usage_analysis.figures.money import plot_billing, plot_burn_up
from usage_analysis.figures.rates import plot_control, plot_error_rate, plot_funnel
from usage_analysis.figures.trend import plot_trend


def lines(ax, gid):
    """The heights of the lines under a name."""
    found = [line for line in ax.get_lines() if line.get_gid() == gid]
    return [np.asarray(line.get_ydata(), dtype=float) for line in found]


def names(ax, gid):
    """The texts under a name."""
    return [text.get_text() for text in ax.texts if text.get_gid() == gid]


def band(ax, gid):
    """Lowest and highest point of a band."""
    (area,) = [marks for marks in ax.collections if marks.get_gid() == gid]
    heights = np.concatenate([path.vertices[:, 1] for path in area.get_paths()])
    return heights.min(), heights.max()


def test_a_day_profile_has_its_mean_and_percentiles():
    """The line is the workdays' mean, the band from their 10th to their 90th percentile."""
    hourly = frame()
    profile = ua.load_profile(hourly, weekend=("Sat", "Sun"))
    ax = plot_day(profile)
    workdays = ua.load_profile(hourly[hourly.index.day_of_week < 5])
    assert lines(ax, "workdays")[0] == pytest.approx(workdays["mean"].to_numpy())
    assert band(ax, "workdays band") == pytest.approx(
        (workdays["p10"].min(), workdays["p90"].max())
    )
    assert names(ax, "key") == ["lines: means; bands: 10th to 90th percentile"]
    assert lines(plot_day(ua.load_profile(hourly)), "")[0] == pytest.approx(
        ua.load_profile(hourly)["mean"].to_numpy()
    )


@pytest.mark.parametrize("measure", ["total_count", "duration", "traffic"])
def test_a_day_says_of_its_lines_what_its_title_says(measure):
    """The busiest hour is named with the mean that the line has there, and it alone is shaded."""
    hourly = frame()
    busy = (hourly.index.hour == 10) & (hourly.index.day_of_week < 5)
    hourly.loc[busy, ["total_count", "duration"]] *= 3
    profile = ua.load_profile(hourly, measure=measure, weekend=("Sat", "Sun"))
    ax = plot_day(profile)
    top = lines(ax, "workdays")[0][10]
    assert ax.get_title(loc="left").replace("\n", " ") == (
        f"The busiest hour of workdays is 10:00-11:00, with {hourly_load(top, measure)} on average"
    )
    (shade,) = [patch for patch in ax.patches if patch.get_gid() == "busy hour"]
    assert shade.get_x() == 9.5


def test_a_weekend_of_ones_own_is_set_apart():
    """Days named as weekend are in the other line; a name that is no day is refused."""
    hourly = frame()
    ax = plot_day(ua.load_profile(hourly, weekend=("Fri", "Sat")))
    resting = hourly[hourly.index.day_of_week.isin([4, 5])]
    assert lines(ax, "weekend")[0] == pytest.approx(ua.load_profile(resting)["mean"].to_numpy())
    with pytest.raises(ua.QueryError, match="weekend"):
        ua.load_profile(hourly, weekend=("Friday",))
    with pytest.raises(ua.QueryError, match='by="hour_of_day"'):
        plot_day(ua.load_profile(hourly, by="hour_of_week"))


def test_a_load_duration_curve_falls_and_holds_every_peak():
    """The curve never rises, begins with the highest hour, and has the traffic of finished ones."""
    hourly = frame(90 * 24)
    found = ua.capacity(hourly, limit=5)
    (curve,) = lines(plot_load_duration(found), "curve")
    traffic = found["carried"][finished(hourly)]
    assert (np.diff(curve) <= 0).all()
    assert curve[:20] == pytest.approx(np.sort(traffic.to_numpy())[::-1][:20])
    assert curve[-1] == pytest.approx(traffic.min())


def test_load_of_groups_knows_no_limit():
    """A limit is the account's: no group's curve has one, and no title holds a group against it."""
    hourly = grouped({"a": 40, "b": 20})
    ax = plot_load_duration(capacity(hourly, limit=1))
    assert lines(ax, "limit") == []
    assert "limit" not in ax.get_title(loc="left")
    one = hourly[hourly["agent"] == "a"].drop(columns="agent")
    assert lines(plot_load_duration(capacity(one, limit=1)), "limit")
    assert lines(plot_load_duration(capacity(one)), "limit") == []


def test_load_of_groups_is_not_pressed_down_by_one_hour():
    """One hour far above leaves the axis as it is, and the name beside its curve tells how far."""
    hourly = grouped({"a": 40, "b": 20})
    spike = hourly.index[200]
    busy = (hourly.index == spike) & (hourly["agent"] == "b")
    hourly.loc[busy, ["duration", "total_count", "joined_count"]] *= 50
    found = capacity(hourly)
    ax = plot_load_duration(found)
    traffic = found.groupby("agent")["carried"].max()
    assert traffic["b"] > 5 * ax.get_ylim()[1]
    assert f"b, {traffic['b']:.3g} at most" in names(ax, "label")
    ordinary = np.quantile(lines(ax, "curve")[0], 0.5)
    assert ordinary > 0.2 * ax.get_ylim()[1]


def test_capacity_shows_carried_traffic_and_says_the_risk():
    """The line is carried traffic of finished hours; the title counts the hours at risk."""
    hourly = frame(14 * 24)
    found = capacity(hourly, limit=7)
    ax = plot_capacity(found)
    found = found[finished(hourly)]
    assert lines(ax, "carried")[0] == pytest.approx(found["carried"].to_numpy())
    risk = found["at_risk"]
    assert lines(ax, "at risk")[0] == pytest.approx(found.loc[risk, "carried"].to_numpy())
    assert f"in about {risk.sum():,} of 334 hours" in ax.get_title(loc="left").replace("\n", " ")


def test_capacity_of_many_weeks_shows_each_days_busiest_hour():
    """Beyond two weeks a day is one point, its busiest hour, and the axis says so."""
    hourly = frame(60 * 24)
    found = capacity(hourly, limit=7)
    ax = plot_capacity(found)
    found = found[finished(hourly)]["carried"]
    days = found.groupby(found.index.tz_localize(None).normalize()).max()
    assert lines(ax, "carried")[0] == pytest.approx(days.to_numpy())
    assert "busiest hour per day" in ax.get_ylabel()


def test_a_control_chart_names_its_signals():
    """Days out of limits are set apart and named by their date, no others."""
    hourly = frame()
    bad = hourly.index.normalize() == pd.Timestamp("2026-03-12", tz=ZONE)
    hourly.loc[bad, "error_count"] = hourly.loc[bad, "total_count"] // 4
    chart = control_chart(hourly)
    ax = plot_control(chart)
    (signals,) = lines(ax, "signal")
    assert signals == pytest.approx(100 * chart["rate"][chart["signal"]].to_numpy())
    assert "Thu 12 Mar" in names(ax, "signal label")
    assert len(names(ax, "signal label")) == chart["signal"].sum()


def test_a_funnel_names_those_outside():
    """Of many groups only those beyond the 99.8 % limits are named."""
    hourly = grouped({f"agent {n:02}": 30 for n in range(12)})
    found = funnel(hourly)
    outside = [str(name) for name in found.index[found["beyond_998"]]]
    assert outside == ["agent 01"]
    assert names(plot_funnel(found), "name") == outside


def test_a_funnel_says_when_groups_differ_by_more_than_chance():
    """Where all groups differ none stands out, and the title says that, not that they are alike."""
    hourly = grouped({f"agent {n}": 60 for n in range(6)})
    for place, name in enumerate(hourly["agent"].unique()):
        at = hourly["agent"] == name
        errors = hourly.loc[at, "total_count"] * (place + 1) // 20
        hourly.loc[at, "error_count"] = errors
    found = funnel(hourly)
    assert not found["beyond_998"].any()
    ax = plot_funnel(found)
    title = ax.get_title(loc="left").replace("\n", " ")
    assert title.startswith("Groups differ by more than chance (spread ratio ")
    assert "none stands out" in title
    assert {"99.8 %", "95 %", "chance 99.8 %"} <= set(names(ax, "label"))
    assert "differences between groups" in names(ax, "key")[0]


def test_a_funnel_narrows_towards_large_groups():
    """The limits are drawn for every size from small to large, and named where they end."""
    ax = plot_funnel(funnel(grouped({"a": 60, "b": 61, "c": 62}).assign(error_count=1)))
    (area,) = [marks for marks in ax.collections if marks.get_gid() == "limits 95"]
    x, y = area.get_paths()[0].vertices.T
    small, large = x < 0.1 * x.max(), x > 0.9 * x.max()
    assert np.ptp(y[small]) > 2 * np.ptp(y[large])
    assert x.max() == pytest.approx(ax.get_xlim()[1], abs=1)
    assert {"99.8 %", "95 %"} <= set(names(ax, "label"))
    assert names(ax, "key")[0].startswith("bands: limits with differences between groups")


def test_a_pareto_adds_up_to_everything():
    """Bars are shares by size and the line their sum, 100 % at the last; small groups are one."""
    hourly = grouped({f"agent {n:02}": 60 / (n + 1) for n in range(30)})
    ax = plot_pareto(hourly)
    billed = hourly.groupby("agent")["billed_minutes"].sum().sort_values(ascending=False)
    shares = 100 * billed / billed.sum()
    assert [bar.get_width() for bar in ax.patches][:12] == pytest.approx(shares[:12].tolist())
    (sums,) = [line for line in ax.get_lines() if line.get_gid() == "sum"]
    assert sums.get_xdata()[-1] == pytest.approx(100)
    assert [tick.get_text() for tick in ax.get_yticklabels()][-1] == "18 others"


def test_a_burn_up_ends_where_the_month_stands():
    """The line begins at 0 and ends at the month's sum; the fan ends at the projection's ends."""
    daily = ua.aggregate(frame(50 * 24, start="2026-02-01"), "D")
    ax = plot_burn_up(daily, budget=80_000.0)
    month = daily[daily.index >= pd.Timestamp("2026-03-01", tz=ZONE)]["billed_minutes"]
    (so_far,) = lines(ax, "so far")
    assert so_far[0] == 0
    assert so_far[1:] == pytest.approx(month.cumsum().to_numpy())
    found = project_month(daily, measure="billed_minutes")
    assert lines(ax, "heading")[0][-1] == pytest.approx(found["projection"])
    assert band(ax, "fan")[1] == pytest.approx(found["high"])
    before = daily[daily.index < month.index[0]]["billed_minutes"]
    assert lines(ax, "month before")[0][-1] == pytest.approx(before.sum())
    assert lines(ax, "budget")[0].tolist() == [80_000, 80_000]


@pytest.mark.parametrize(
    ("budget", "words"),
    [(1e9, "within the budget"), (1000, "over the budget"), (None, "Heading for ")],
)
def test_a_burn_up_says_how_the_budget_stands(budget, words):
    """The title sets the month and its interval against the budget."""
    daily = ua.aggregate(frame(50 * 24, start="2026-02-01"), "D")
    assert words in plot_burn_up(daily, budget=budget).get_title(loc="left").replace("\n", " ")


def test_a_burn_up_tells_large_numbers_as_short_as_its_axis():
    """The title has no digit more than the names beside the lines; its zone stands beneath."""
    daily = ua.aggregate(frame(10 * 24, calls=1_500_000), "D")
    ax = plot_burn_up(daily, budget=3e9)
    title = ax.get_title(loc="left")
    assert max(map(len, re.findall(r"[\d,.]+", title))) <= 5
    assert title.count("\n") <= 1
    (heading,) = [words for words in names(ax, "label") if words.startswith("heading for")]
    assert heading.lower() in title.replace("\n", " ").lower()
    assert ZONE not in title
    assert names(ax, "key") == ["fan: 95 % interval of the projection"]


def test_billing_is_percent_over_the_talk():
    """Each finished day is 60·billed/talk - 1 in percent, and the bound 6 s a joined call."""
    daily = ua.aggregate(frame(10 * 24), "D")
    ax = plot_billing(daily)
    days = daily[finished(daily)]
    talk = days["duration"].dt.total_seconds()
    over = 100 * (60 * days["billed_minutes"] / talk - 1)
    assert lines(ax, "overhead")[0] == pytest.approx(over.to_numpy())
    assert lines(ax, "bound")[0] == pytest.approx((600 * days["joined_count"] / talk).to_numpy())


def test_billing_of_groups_counts_each_day_once():
    """The title's days are days of the calendar, not days of each group."""
    daily = ua.aggregate(grouped({"a": 30, "b": 20, "c": 10}), "D")
    title = plot_billing(daily).get_title(loc="left").replace("\n", " ")
    assert title.endswith("in 13 whole days")


def test_a_comparison_draws_both_periods_in_percent_of_the_first():
    """Hollow at 0 %, filled at the change, the bar over the interval of the difference."""
    changes = compared(frame(14 * 24))
    ax = plot_comparison(changes)
    (now,) = [line for line in ax.get_lines() if line.get_gid() == "now"]
    (before,) = [line for line in ax.get_lines() if line.get_gid() == "before"]
    assert before.get_xdata() == pytest.approx([0, 0])
    assert now.get_xdata() == pytest.approx(100 * changes["change"].astype(float).to_numpy())
    interval = next(line for line in ax.get_lines() if line.get_gid() == "interval")
    row = changes.iloc[0]
    assert interval.get_xdata() == pytest.approx(
        [max(100 * row["low"] / row["previous"], -100), 100 * row["high"] / row["previous"]]
    )


def test_a_comparison_of_rates_is_in_points():
    """Rates of groups are drawn where they are, and their difference told in points."""
    hourly = grouped({"a": 50, "b": 50})
    half = hourly.index < hourly.index.min() + pd.Timedelta(days=7)
    rates = rate_difference(hourly[~half], hourly[half])
    ax = plot_comparison(rates)
    (now,) = [line for line in ax.get_lines() if line.get_gid() == "now"]
    assert now.get_xdata() == pytest.approx(100 * rates["rate"].to_numpy())
    assert all("points" in words for words in names(ax, "words"))


def test_a_comparison_of_one_measure_tells_its_units():
    """Beside an axis in calls stand calls, beside one in minutes minutes, as the title has them."""
    hourly = grouped({"a": 50, "b": 50})
    later = hourly["total_count"].where(hourly.index.day < 8, hourly["total_count"] * 3)
    found = compare_periods(hourly.assign(total_count=later))
    ax = plot_comparison(found)
    delta = [f"{found.loc[name, 'delta']:+,.0f} calls" for name in "ab"]
    assert [words.partition("\n")[0] for words in names(ax, "words")] == delta
    assert ax.get_title(loc="left").startswith("Calls: 2 of 2 agents changed significantly, ")
    talk = plot_comparison(compare_periods(hourly, measure="duration"))
    assert all(" min\n" in words for words in names(talk, "words"))


def test_words_of_a_comparison_end_where_its_bar_does():
    """No rate and no measure falls below nothing, in the bar or in the words."""
    row = {"current": 5.0, "previous": 6.0, "low": -6.0, "high": 11.7, "change": -1 / 6}
    row |= {"days": 7, "hours": 168.0, "left_out": 0, "significant": False}
    meaning = {"made_by": "compare_periods", "confidence": 0.95}
    for measure, told in ((None, "(-100.0 to +195.0)"), ("error_count", "(-6 to +12)")):
        table = pd.DataFrame({"error_count": row}).T
        ax = plot_comparison(table, meaning=meaning | {"measure": measure})
        assert names(ax, "words")[0].endswith(told)
        interval = next(line for line in ax.get_lines() if line.get_gid() == "interval")
        assert interval.get_xdata()[0] == pytest.approx(-100 if measure is None else 0)
    rates = {"rate": 0.01, "previous_rate": 0.02, "difference": -0.01, "low": -0.05, "high": 0.02}
    rates |= {"calls": 100, "previous_calls": 100, "significant": False}
    meaning = {"made_by": "rate_difference", "denominator": "total_count", "confidence": 0.95}
    shown = plot_comparison(pd.DataFrame({"error_count": rates}).T, meaning=meaning)
    assert names(shown, "words") == ["-1.00 points\n(-2.00 to +2.00)"]
    assert shown.get_lines()[0].get_xdata()[0] == pytest.approx(-2)


def test_a_change_without_an_interval_is_not_told_from_chance():
    """Where there is no interval, words and title say so instead of a certainty."""
    day, later = frame(24, unfinished=0), frame(24, unfinished=0, start="2026-03-08", seed=2)
    found = compare_periods(later.tz_convert(day.index.tz), day)
    ax = plot_comparison(found)
    delta = f"{found['delta']:+,.0f} calls"
    assert names(ax, "words") == [f"{delta}\n(no interval)"]
    change = f"{100 * found['change']:+.1f} %"
    assert ax.get_title(loc="left") == f"Calls {change} (too few days for an interval)"


def test_what_had_nothing_before_is_named():
    """A measure without anything before has no percent: it is named in the title instead."""
    changes = compared(frame(14 * 24))
    changes.loc["total_count", "previous"] = 0
    title = plot_comparison(changes).get_title(loc="left").replace("\n", " ")
    assert "nothing in the previous period to compare with: calls" in title
    groups = frame().assign(agent="desk")[["agent", *frame().columns]]
    for table in (ua.aggregate(frame(), "D"), ua.rate_effects(groups, groups)):
        with pytest.raises(ua.QueryError, match="compare_periods or rate_difference"):
            plot_comparison(table)


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.9, 0.99])
def test_a_comparison_claims_what_its_level_supports(confidence):
    """The level asked for is in key and words; below 90 % no figure gives a verdict."""
    hourly = grouped({"a": 50, "b": 50})
    half = hourly.index < hourly.index.min() + pd.Timedelta(days=7)
    tripled = hourly.assign(
        total_count=hourly["total_count"].where(half, 3 * hourly["total_count"])
    )
    level = f"{100 * confidence:g} %"
    for found in (
        compare_periods(tripled, confidence=confidence),
        rate_difference(tripled[~half], tripled[half], confidence=confidence),
        compare_periods(
            tripled[tripled["agent"] == "a"].drop(columns="agent"), confidence=confidence
        ),
    ):
        ax = plot_comparison(found)
        assert f"bar: {level} interval" in names(ax, "key")[0]
        assert f"the {level} interval" in ax.get_label()
        title = ax.get_title(loc="left").replace("\n", " ")
        assert level in title or "no significant change" in title
        assert ("no verdict at the" in title) == (confidence < 0.9)
        assert ("significant" in title or " up " in title) == (confidence >= 0.9)


@pytest.mark.parametrize("event", ["error_count", "joined_count"])
def test_effects_are_of_the_rate_that_changed(event):
    """Title, axis and alternative text have the rate; its level is in the key."""
    days = 14
    hourly = grouped({"a": 50, "b": 50}, hours=2 * days * 24)
    half = hourly.index < hourly.index.min() + pd.Timedelta(days=days)
    hourly["joined_count"] = hourly["joined_count"].where(half, hourly["total_count"])
    hourly["error_count"] = hourly["error_count"].where(~half, hourly["error_count"] * 2)
    found = ua.rate_effects(hourly[~half], hourly[half], event=event, confidence=0.9)
    ax = plot_effects(found)
    name, way = {"error_count": ("Error", "down"), "joined_count": ("Join", "up")}[event]
    title = ax.get_title(loc="left").replace("\n", " ")
    assert title.startswith(f"{name} rate {way} ")
    assert "90 % interval" in names(ax, "key")[0]
    assert ax.get_label().endswith(f"change of the {name.lower()} rate")
    if event == "error_count":
        by_joins = ua.rate_effects(hourly[~half], hourly[half], denominator="joined_count")
        assert plot_effects(by_joins).get_xlabel().endswith("points of joined calls]")


def effects(now, before):
    """What groups of so many calls and errors add to the difference of their rates."""
    frames = [
        pd.DataFrame({"agent": [*of], "total_count": [n for n, _ in of.values()],
                      "error_count": [k for _, k in of.values()]})
        for of in (now, before)
    ]  # fmt: skip
    return ua.rate_effects(*frames)


def test_effects_are_drawn_from_the_one_that_makes_most():
    """Rows by what they add in the direction of the whole; both marks, the interval, the sum."""
    found = effects({"a": (500, 5), "b": (500, 100)}, {"a": (500, 10), "b": (500, 10)})
    ax = plot_effects(found)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["b", "a"]
    drawn = {line.get_gid(): list(line.get_xdata()) for line in ax.get_lines()[::-1]}
    assert drawn["own rate"] == pytest.approx([9, -0.5])
    assert drawn["share"] == pytest.approx([0, 0])
    ends = 100 * found.loc["b", ["low", "high"]].astype(float)
    assert drawn["interval"] == pytest.approx(ends.tolist())
    assert names(ax, "words") == ["+9.00 points", "-0.50 points"]
    title = ax.get_title(loc="left").replace("\n", " ")
    assert title.startswith("Error rate up 8.50 points (95 % interval +")
    assert title.endswith("; of it b makes +9.00 points")
    low, high = ends
    own = f"+9.00 by its own rate, 95 % interval {low:+.2f} to {high:+.2f} points"
    sentence = state_effects(found, meaning_of(found, "rate_effects")).sentence
    assert (
        f"; of it b makes +9.00 points ({own}, 0.00 by its share of the calls), the others -0.50"
        in sentence
    )
    none = plot_effects(effects({"a": (500, 10), "b": (500, 9)}, {"a": (500, 10), "b": (500, 10)}))
    title = none.get_title(loc="left").replace("\n", " ")
    assert title.startswith("No significant change in error rate: -0.10 points (95 % interval -")
    assert title.endswith("; no agent changed its own rate significantly")
    level = plot_effects(effects({"a": (50, 1), "b": (50, 20)}, {"a": (50, 20), "b": (50, 1)}))
    title = level.get_title(loc="left").replace("\n", " ")
    assert title.startswith("No significant change in error rate: 0.00 points (")
    assert "; 2 of 2 agents changed significantly: " in title


def test_effects_of_few_of_many_and_of_none():
    """A group of one period alone has no interval; 20 of many are drawn, without calls none."""
    new = plot_effects(effects({"a": (500, 5), "new": (500, 100)}, {"a": (500, 5)}))
    assert len(lines(new, "interval")) == 1
    told = "new makes +7.13 points"
    assert told in new.get_title(loc="left").replace("\n", " ")
    one = plot_effects(effects({"a": (500, 5)}, {"a": (500, 10)}))
    title = one.get_title(loc="left").replace("\n", " ")
    assert title.startswith("No significant change in error rate: -1.00 points (95 % interval ")
    assert title.endswith(" points)")
    many = {f"agent {n:02}": (100, n) for n in range(30)}
    drawn = plot_effects(effects(many, dict.fromkeys(many, (100, 0))))
    told = drawn.get_title(loc="left").replace("\n", " ")
    assert told.endswith("; of it agent 29 makes +0.97 points")
    assert names(drawn, "key")[0].endswith("; the 20 of 30 with the largest effects")
    kept = [text.get_text() for text in drawn.get_yticklabels()]
    assert kept == [f"agent {n:02}" for n in range(29, 9, -1)]
    silent = {"a": (500, 5), "silent": (0, 0)}
    shown = plot_effects(effects(silent, silent))
    assert [text.get_text() for text in shown.get_yticklabels()] == ["a"]
    none = plot_effects(effects({"a": (0, 0)}, {"a": (5, 1)}))
    assert names(none, "nothing") == ["no calls to compare"]
    assert len(none.get_xticks()) == 0


def test_a_calendar_has_each_day_in_its_week():
    """The cell of a day is in the row of its weekday and the column of its week."""
    daily = ua.aggregate(frame(40 * 24), "D")
    ax = plot_calendar(daily)
    cells = np.ma.filled(ax.images[0].get_array(), np.nan)
    monday = daily.index[0] - pd.Timedelta(days=int(daily.index[0].day_of_week))
    for day, value in daily["total_count"].items():
        week = (day.tz_localize(None) - monday.tz_localize(None)).days // 7
        assert cells[day.day_of_week, week] == value
    assert np.isfinite(cells).sum() == len(daily)


def test_a_calendar_says_how_many_days_have_no_number():
    """Days whose count is missing are grey, and the line above the axes gives their number."""
    daily = ua.aggregate(frame(40 * 24), "D").astype({"total_count": float})
    daily.iloc[3:5, daily.columns.get_loc("total_count")] = np.nan
    assert names(plot_calendar(daily), "key")[0].endswith("days without a value: 2")


def test_thin_cells_of_the_error_week_are_grey():
    """Hours with fewer calls than enough have no colour and a cross."""
    rates = ua.error_rate(frame(14 * 24, calls=15), by="hour_of_week")
    ax = plot_error_week(rates)
    cells = np.ma.filled(ax.images[0].get_array(), np.nan).ravel()
    assert np.isnan(cells).tolist() == (~rates["enough"]).tolist()
    (crosses,) = [line for line in ax.get_lines() if line.get_gid() == "thin"]
    assert len(crosses.get_xdata()) == (~rates["enough"]).sum()


def test_an_hour_of_the_week_stands_out_only_beyond_chance():
    """Among 168 hours of one rate none is outlined; a bad one is, and the title names it."""
    hourly = frame(56 * 24, calls=60)
    quiet = plot_error_week(ua.error_rate(hourly, by="hour_of_week"))
    assert quiet.get_title(loc="left").startswith("No hour of the week stands out")
    bad = (hourly.index.day_of_week == 2) & (hourly.index.hour == 14)
    hourly.loc[bad, "error_count"] = hourly.loc[bad, "total_count"] // 3
    loud = plot_error_week(ua.error_rate(hourly, by="hour_of_week"))
    assert "stands out on Wednesdays 14:00-15:00" in loud.get_title(loc="left").replace("\n", " ")
    (outline,) = [line for line in loud.collections if line.get_gid() == "busiest"]
    assert len(outline.get_segments()) == 4


def test_a_trend_of_many_groups_labels_the_six_largest():
    """Six groups have colours and names, the others are grey and counted."""
    ax = breakdowns(grouped({f"agent {n}": 60 / (n + 1) for n in range(9)}))["trend"](None)
    assert set(names(ax, "label")) == {*(f"agent {n}" for n in range(6)), "3 others"}
    assert len(lines(ax, "other")) == 3


def test_what_was_before_lies_on_the_same_clock():
    """Hours of before stand at the same hour of the day, where a change of clocks lies between."""
    now = frame(8 * 24, start="2026-03-05", unfinished=0)
    then = frame(8 * 24, start="2026-02-05", unfinished=0)
    ax = plot_trend(now, previous=then)
    ((there, calls),) = [line.get_data() for line in ax.lines if line.get_gid() == "previous"]
    shown = dict(zip(mdates.num2date(there), calls, strict=True))
    moved = then.index.tz_localize(None) + pd.Timedelta(days=28)
    moved = moved.tz_localize(ZONE, nonexistent="NaT")
    assert moved.hasnans
    there = moved.notna()
    assert [shown[hour] for hour in moved[there]] == then["total_count"][there].to_list()
    assert len(shown) == there.sum()


def test_what_was_before_has_hours_or_days():
    """Nothing is set beside groups, or beside weeks, which days do not move onto each other."""
    weeks = ua.aggregate(frame(28 * 24), "W")
    with pytest.raises(
        ua.QueryError, match="previous: expected hours or days, got buckets of a week"
    ):
        plot_trend(weeks, previous=weeks)
    with pytest.raises(ua.QueryError, match="previous: expected none for a breakdown"):
        plot_trend(grouped({"one": 1}), previous=weeks)


def test_more_than_thirty_groups_share_the_last_panel():
    """Thirty groups have a panel of their own, and the smallest are drawn together in one more."""
    hourly = grouped({f"agent {n:02}": 60 - n for n in range(32)}, hours=48)
    axes = plot_groups(ua.aggregate(hourly, "D"))
    shown = [ax.get_title(loc="left") for ax in axes]
    assert sorted(shown) == ["2 others", *(f"agent {n:02}" for n in range(30))]
    assert len(lines(axes[-1], "other")) == 2
    assert "the most of 32 groups" in axes[0].figure.get_suptitle().replace("\n", " ")


@pytest.mark.parametrize("groups", [2, ["c", "a"]])
def test_shares_are_of_all_groups(groups):
    """However few groups are drawn by themselves, shares in titles and bars are of all of them."""
    hourly = grouped({"a": 40, "b": 30, "c": 20, "rest": 10})
    calls = hourly.groupby("agent")["total_count"].sum()
    ax = plot_pareto(hourly, measure="total_count", groups=groups)
    (bars,) = ax.containers
    assert len(bars) == 3
    assert bars[0].get_width() == pytest.approx(100 * calls["a"] / calls.sum())
    assert sum(bar.get_width() for bar in bars) == pytest.approx(100)
    assert ax.get_yticklabels()[-1].get_text() == "1 other and rest"
    for drawn in (ax, plot_trend(hourly, groups=groups)):
        assert "groups have" in drawn.get_title(loc="left") or "a has" in drawn.get_title(
            loc="left"
        )
        assert "of 3 groups" in drawn.get_title(loc="left").replace("\n", " ")
    with pytest.raises(ua.QueryError, match="groups: expected names out of a, b, c, rest"):
        plot_trend(hourly, groups=["d"])


def test_small_panels_come_by_size_on_one_scale():
    """A panel a group, the largest first, all from 0 to one top."""
    hourly = grouped({"small": 3, "big": 40, "middle": 12})
    axes = plot_groups(ua.aggregate(hourly, "D"))
    assert [ax.get_title(loc="left") for ax in axes] == ["big", "middle", "small"]
    assert len({ax.get_ylim() for ax in axes}) == 1
    assert panels(hourly).get_suptitle()


@pytest.mark.parametrize("name", ["trend", "hours", "error rate", "control", "billing", "capacity"])
def test_a_gap_breaks_the_line(name):
    """Where days are missing no line runs across: there is a break in it."""
    whole = frame(20 * 24)
    hidden = (whole.index.day >= 10) & (whole.index.day < 14)
    ax = singles(whole[~hidden])[name](None)
    gids = ("buckets", "rate", "overhead", "carried")
    for line in ax.get_lines():
        if line.get_gid() in gids:
            x, y = (np.asarray(v, dtype=float) for v in (line.get_xdata(), line.get_ydata()))
            inside = (x > pd.Timestamp("2026-03-10", tz=ZONE).timestamp() / 86400) & (
                x < pd.Timestamp("2026-03-15", tz=ZONE).timestamp() / 86400
            )
            assert np.isnan(y[inside]).any()


def test_a_day_that_the_window_cuts_is_not_whole():
    """Of days long past none is told as going on: one that the data begin in is not whole."""
    daily = ua.aggregate(frame(10 * 24, unfinished=0).iloc[5:], "D")
    assert names(plot_trend(daily), "label")[0] == "day not whole"
    calendar = plot_calendar(daily)
    assert names(calendar, "key") == ["hatched: not whole"]
    assert "hatched" not in calendar.get_title(loc="left")


@pytest.mark.parametrize(
    ("case", "name", "gid"),
    [("one hour", "capacity", "demand ends"), ("one call", "billing", "bound alone")],
)
def test_a_single_point_with_a_name_is_drawn(case, name, gid):
    """A label never leads to a line or band of one point, which would show nothing."""
    ax = singles(SINGLES[case]())[name](None)
    (marked,) = lines(ax, gid)
    assert np.isfinite(marked).sum() == 1


@pytest.mark.parametrize(("name", "gid"), [("trend", "buckets"), ("day", "weekend")])
def test_a_line_at_0_is_not_under_the_axis(name, gid):
    """Without any call the line lies on the axis, above its spine and not cut in half by it."""
    ax = singles(SINGLES["no calls"]())[name](None)
    (line,) = [line for line in ax.get_lines() if line.get_gid() == gid]
    assert line.get_zorder() > ax.spines["bottom"].get_zorder()
    assert not line.get_clip_on()


@pytest.mark.parametrize("groups", [5, 6, 7])
def test_dates_of_small_panels_stand_at_one_height(groups):
    """Each column has its dates at the foot of the last row, whether or not a panel is there."""
    hourly = grouped({f"agent {n}": 9 for n in range(groups)}, hours=14 * 24)
    figure = panels(hourly)
    figure.draw_without_rendering()
    feet = {
        round(tick.label1.get_window_extent().y1)
        for ax in figure.axes
        for tick in ax.xaxis.get_major_ticks()
        if tick.label1.get_visible() and tick.label1.get_text()
    }
    assert len(feet) == 1
    rows = {round(ax.get_position().y0, 3) for ax in figure.axes}
    assert len(figure.axes) - groups < len(figure.axes) / len(rows)


def test_zeros_are_drawn_as_zeros():
    """A day without calls is a point at 0 of its trend, not a gap."""
    hourly = frame(10 * 24)
    hourly.loc[hourly.index.day == 5, "total_count"] = 0
    (line,) = lines(plot_trend(ua.aggregate(hourly, "D")), "buckets")
    assert line[4] == 0


def test_one_series_is_asked_for_where_one_is_meant():
    """A calendar, capacity, a month and a chart of several groups are refused by name."""
    hourly = grouped({"a": 5, "b": 5}, hours=72)
    daily = ua.aggregate(hourly, "D")
    for draw in (
        lambda: plot_calendar(daily),
        lambda: plot_capacity(capacity(hourly, limit=5)),
        lambda: plot_burn_up(daily),
        lambda: plot_control(control_chart(hourly)),
    ):
        with pytest.raises(ua.QueryError, match="breakdown by agent"):
            draw()
    with pytest.raises(ua.QueryError, match="several groups"):
        plot_error_week(ua.error_rate(hourly, by="hour_of_week"))


def test_hours_at_risk_are_in_the_key():
    """Diamonds are explained where there are any, with the share that counts as risk."""
    busy = frame(48, calls=130)
    shown = plot_capacity(capacity(busy, limit=9, blocking=0.02))
    band = "band: concurrent calls, exceeded 0.1 % of the time"
    diamonds = "; ◆ a limit of 9 would refuse 2 % or more of the calls"
    assert names(shown, "key") == [band + diamonds]
    assert names(plot_capacity(capacity(busy, limit=90)), "key") == [band]


def test_groups_are_asked_for_where_they_are_meant():
    """Pareto and small panels of one series are refused by name."""
    for draw in (plot_pareto, plot_groups):
        with pytest.raises(ua.QueryError, match="expected a breakdown"):
            draw(frame(48))


def test_a_breakdowns_rates_have_a_band_each():
    """Six groups at most are lines with bands, those with most calls."""
    hourly = grouped({f"agent {n}": 40 - n for n in range(8)})
    daily = ua.aggregate(hourly, "D")
    ax = plot_error_rate(ua.error_rate(daily[finished(daily)]))
    assert len(lines(ax, "rate")) == 6
    assert sorted(names(ax, "label")) == [f"agent {n}" for n in range(6)]


def test_a_group_of_few_calls_covers_no_other():
    """Of groups a band is drawn where calls are enough; elsewhere the point is hollow, and said."""
    daily = ua.aggregate(grouped({"giant": 400, "tiny": 1}, hours=10 * 24), "D")
    rates = ua.error_rate(daily[finished(daily)])
    ax = plot_error_rate(rates)
    drawn = [area for area in ax.collections if area.get_gid() == "interval"]
    heights = [path.vertices for path in drawn[1].get_paths()]
    enough = rates[rates["agent"] == "tiny"]["enough"]
    assert enough.sum() < len(enough)
    assert sum(len(points) > 0 for points in heights) <= enough.sum()
    assert names(ax, "key") == [
        "band: 95 % interval, if there are enough calls; ○ few calls or not final"
    ]
    giant = daily[finished(daily) & (daily["agent"] == "giant").to_numpy()]
    assert names(plot_error_rate(ua.error_rate(giant)), "key") == ["band: 95 % interval"]


def test_groups_of_a_year_have_a_point_a_week():
    """Of many days of groups each point is seven days back from the last, and the axis says so."""
    hourly = grouped({"a": 30, "b": 12}, hours=150 * 24)
    daily = ua.aggregate(hourly, "D")
    days = daily[finished(daily)]
    ax = plot_error_rate(ua.error_rate(days))
    last = days[days["agent"] == "a"].iloc[-7:]
    points = lines(ax, "rate")[0]
    assert len(points) == len(days[days["agent"] == "a"]) // 7
    assert points[-1] == pytest.approx(100 * last["error_count"].sum() / last["total_count"].sum())
    assert "of 7 days" in ax.get_ylabel()
    billing = plot_billing(daily)
    talk = last["duration"].dt.total_seconds().sum() / 60
    over = lines(billing, "overhead")[0]
    assert len(over) == len(points)
    assert over[-1] == pytest.approx(100 * (last["billed_minutes"].sum() / talk - 1))
    assert "of 7 days" in billing.get_ylabel()


def test_hours_of_many_weeks_are_bands_of_days():
    """Of more than five weeks of hours each day is a band, and the mean is of a week."""
    hourly = frame(60 * 24, unfinished=0)
    ax = plot_trend(hourly)
    assert lines(ax, "buckets") == []
    assert band(ax, "day bands")[1] == hourly["total_count"].max()
    (mean,) = lines(ax, "mean")
    assert mean[-1] == pytest.approx(hourly["total_count"].iloc[-168:].mean())
    assert names(ax, "key") == ["band: each day's quietest to busiest hour"]
    assert names(ax, "label") == ["mean of 7 days"]


@pytest.mark.parametrize(
    ("rate", "what"), [(ua.error_rate, "error rate"), (ua.join_rate, "join rate")]
)
def test_no_rate_axis_goes_beyond_everything(rate, what):
    """Days without calls have no rate and no band, and leave the axis of the others as it is."""
    hourly = frame(28 * 24, calls=30, unfinished=0)
    daily = ua.aggregate(hourly, "D")
    daily = daily[daily["complete"]]
    counts = ["total_count", "error_count", "joined_count"]
    closed = daily.assign(**{n: daily[n].where(daily.index.day_of_week != 6, 0) for n in counts})
    axes = [plot_error_rate(rate(days)) for days in (daily, closed)]
    assert all(what in ax.get_ylabel() and what in ax.get_label() for ax in axes)
    tops = [ax.get_ylim()[1] for ax in axes]
    assert tops[1] <= 104
    assert tops[1] == pytest.approx(tops[0], rel=0.15)
    assert names(plot_error_rate(rate(closed)), "key") == ["band: 95 % interval"]


def test_groups_are_named_only_where_they_differ():
    """Of groups with one rate the title names none; a bad group is named, a tiny one is not."""
    sizes = {"a": 40, "b": 30, "c": 20, "tiny": 1}
    for bad in (False, True):
        hourly = grouped(sizes, hours=28 * 24)
        random = np.random.default_rng(4)
        rate = np.where(bad & (hourly["agent"] == "b"), 0.08, 0.02)
        hourly["error_count"] = random.binomial(hourly["total_count"], rate)
        daily = ua.aggregate(hourly, "D")
        title = plot_error_rate(ua.error_rate(daily[finished(daily)])).get_title(loc="left")
        title = title.replace("\n", " ")
        if bad:
            assert "differ significantly from the others: b 8." in title or ": b 7." in title
        else:
            assert title.endswith("; no significant difference between 4 agents")


def test_an_empty_frame_after_leaving_out_is_still_drawn():
    """Where the bad period is everything, figures say that nothing is left."""
    hourly = frame(48)
    from usage_analysis.figures.marks import Mark

    mark = Mark("2026-01-01T00:00Z", "all", end="2027-01-01T00:00Z", leave_out=True)
    assert len(without(hourly, [mark])) == 0
    assert "No" in plot_trend(ua.aggregate(hourly, "D"), marks=[mark]).get_title(loc="left")
    assert "No" in plot_day(ua.load_profile(without(hourly, [mark]))).get_title(loc="left")
