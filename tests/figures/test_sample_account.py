"""Nobody may take a figure of the sample account for one of their own account."""

import inspect

import pandas as pd
import pytest

import usage_analysis as ua
from usage_analysis.figures.provenance import Subtitle
from usage_analysis.sample import AGENTS

ZONE = "America/New_York"
WINDOW = {"from_date": "2026-02-01", "to_date": "2026-03-31"}
# What is no frame or table, so nothing can be drawn of it.
NUMBERS = {"channels_for", "erlang_b", "traffic_for", "parse_duration", "parse_durations"}


@pytest.fixture(scope="module")
def account():
    """Hours of the sample account on its clock, whole and by agent, and the replies to both."""
    with ua.sample_client() as client:
        whole, agents = client.call_usage(**WINDOW), client.by_agent(AGENTS, **WINDOW)
    return whole, agents


def helpers(hourly, grouped):
    """What each helper makes of hours, of one series and by group, as a user would chain them."""
    daily = ua.aggregate(hourly, "D")
    days = daily[daily["complete"] & ~daily["provisional"]]
    march, february = hourly.loc["2026-03"], hourly.loc["2026-02"]
    by_group = grouped[grouped.index >= "2026-03-01"], grouped[grouped.index < "2026-03-01"]
    return {
        "aggregate": [daily, days.tail(7), ua.aggregate(grouped, "W")],
        "between_days": [ua.between_days(hourly, "2026-03-01"),
                         ua.between_days(grouped, to_date="2026-02-28")],
        "rolling": [ua.rolling(daily, "7D")],
        "error_rate": [ua.error_rate(days), ua.error_rate(hourly, by="hour_of_week"),
                       ua.error_rate(grouped, by="total"), ua.error_rate(grouped)],
        "join_rate": [ua.join_rate(days)],
        "rate_difference": [ua.rate_difference(march, february), ua.rate_difference(*by_group)],
        "rate_effects": [ua.rate_effects(*by_group)],
        "average_call_duration": [ua.average_call_duration(grouped)],
        "control_chart": [ua.control_chart(hourly), ua.control_chart(days)],
        "burn_rate": [ua.burn_rate(hourly, 0.99)],
        "funnel": [ua.funnel(grouped)],
        "load_profile": [ua.load_profile(hourly), ua.load_profile(grouped, by="day_of_week")],
        "traffic_intensity": [ua.traffic_intensity(hourly), ua.traffic_intensity(grouped)],
        "busy_hour": [ua.busy_hour(hourly), ua.busy_hour(grouped)],
        "peak_hours": [ua.peak_hours(hourly), ua.peak_hours(grouped)],
        "capacity": [ua.capacity(hourly, limit=50)],
        "compare_periods": [ua.compare_periods(march, february), ua.compare_periods(*by_group)],
        "billing_overhead": [ua.billing_overhead(hourly), ua.billing_overhead(grouped)],
        "cost": [ua.cost(grouped)],
        "project_month": [ua.project_month(daily)],
        "change_points": [ua.change_points(days)],
        "expected": [ua.expected(march), ua.expected(grouped)],
        "unusual": [ua.unusual(march, history=february)],
        "explain_cost": [ua.explain_cost(march, february), ua.explain_cost(*by_group)],
    }  # fmt: skip


def local(account, zone=ZONE):
    """Hours on a clock, whole and by group."""
    return [ua.in_timezone(usage.hourly, zone) for usage in account]


@pytest.mark.parametrize("zone", [ZONE, "Asia/Kolkata"])
def test_what_helpers_make_knows_whose_it_is(account, zone):
    """Frames of the sample account say that they are, on any clock, and so does what each helper
    makes of them, of a part or of several put together."""
    hourly, grouped = local(account, zone)
    put_together = pd.concat([hourly.loc["2026-02"], hourly.loc["2026-03"].copy()])
    for made in (hourly, grouped, put_together, account[0].daily):
        assert made.attrs["source"] == "sample"
    for name, results in helpers(hourly, grouped).items():
        for made in results:
            assert made.attrs.get("source") == "sample", name


def test_no_helper_is_left_out(account):
    """Each public helper that takes a frame and gives a table is among those looked at."""
    said = {name for name in ua.__all__ if name.startswith(("plot_", "describe_"))}
    functions = {name for name in ua.__all__ if inspect.isfunction(getattr(ua, name))}
    others = {
        "build_report",
        "figure_style",
        "in_timezone",
        "reconcile",
        "sample_client",
        "read_calls",
    }
    others |= {"merge_groups", "save_figure", "sum_usage", "plain_table", "save_table"}
    others |= {"explain", "planned_requests"}  # of a client
    assert functions - said - NUMBERS - others == set(helpers(*local(account)))


def figures(hourly, grouped):
    """Every figure, without a word on what it shows."""
    daily = ua.aggregate(hourly, "D")
    days = daily[daily["complete"] & ~daily["provisional"]]
    made = helpers(hourly, grouped)
    return {
        "plot_billing": ua.plot_billing(daily),
        "plot_burn_up": ua.plot_burn_up(daily),
        "plot_calendar": ua.plot_calendar(daily),
        "plot_capacity": ua.plot_capacity(ua.capacity(hourly, limit=50)),
        "plot_comparison": ua.plot_comparison(made["compare_periods"][1]),
        "plot_control": ua.plot_control(ua.control_chart(days)),
        "plot_day": ua.plot_day(ua.load_profile(hourly)),
        "plot_effects": ua.plot_effects(made["rate_effects"][0]),
        "plot_error_rate": ua.plot_error_rate(ua.error_rate(days)),
        "plot_error_week": ua.plot_error_week(ua.error_rate(hourly, by="hour_of_week")),
        "plot_expected": ua.plot_expected(made["expected"][0], found=made["unusual"][0]),
        "plot_funnel": ua.plot_funnel(ua.funnel(grouped)),
        "plot_groups": ua.plot_groups(ua.aggregate(grouped, "D"))[0],
        "plot_load_duration": ua.plot_load_duration(ua.capacity(hourly)),
        "plot_pareto": ua.plot_pareto(grouped),
        "plot_trend": ua.plot_trend(daily),
        "plot_week": ua.plot_week(ua.load_profile(hourly, by="hour_of_week")),
    }


def subtitles(ax):
    """What stands beneath the title."""
    return [text.get_text() for text in ax.figure.findobj(Subtitle)]


def test_every_figure_says_sample_account(account):
    """A figure drawn from the sample account says so in its subtitle, also where it is told nothing
    of its data."""
    drawn = figures(*local(account))
    assert set(drawn) == {name for name in ua.__all__ if name.startswith("plot_")}
    for name, ax in drawn.items():
        assert subtitles(ax) == ["sample account"], name


def test_it_says_so_once(account):
    """Told of its data, a figure says so once, even where it is told that they are live."""
    (hourly, _), (usage, _) = local(account), account
    about = ua.Provenance.of(usage, hourly, timezone=ZONE)
    live = ua.Provenance(**vars(about) | {"source": "live"})
    for told in (about, live):
        (said,) = subtitles(ua.plot_trend(hourly, about=told))
        assert " ".join(said.split()).endswith("UTC · sample account")


def test_other_figures_say_nothing():
    """A figure of other calls does not call them the sample account's, and needs no subtitle."""
    body = (
        b'{"allTime":{"totalCount":1,"errorCount":0,"joinedCount":1,"duration":"60s",'
        b'"billedMinutes":1.0},"daily":[{"date":"2026-03-02","totalCount":1,"errorCount":0,'
        b'"joinedCount":1,"duration":"60s","billedMinutes":1.0}]}'
    )
    usage = ua.CallUsage.from_json(body, saved=True)
    assert subtitles(ua.plot_trend(usage.daily)) == []
    assert "source" not in usage.daily.attrs


def test_what_is_kept_is_still_the_samples(account, tmp_path):
    """Saved and read again, or summed by an archive, the frames still say whose they are."""
    kept = ua.CallUsage.load(account[0].save(tmp_path / "reply.json"))
    archive = ua.Archive(tmp_path / "calls")
    with ua.sample_client() as client:
        archive.sync(client, "all", since="2026-03-25")
    for frame in (
        kept.daily,
        archive.load("all", "2026-03-25", "2026-03-31").hourly,
        archive.sum_usage(every="D"),
    ):
        assert subtitles(ua.plot_trend(frame)) == ["sample account"]
