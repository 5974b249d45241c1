"""Each figure of a year of hours, against the plainest matplotlib that draws the same marks.

Both are drawn to PNG from the numbers that they show; what helpers take is not in it, for it has
benchmarks of its own. The plain side has no titles that wrap, no named axes, no labels that keep
apart, and matplotlib's own look.
"""

import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import usage_analysis as ua
from usage_analysis.analysis.capacity import capacity
from usage_analysis.analysis.control import control_chart
from usage_analysis.analysis.funnel import limits_at
from usage_analysis.figures.axes import dates_of, finished, in_units
from usage_analysis.figures.compare import plot_comparison, plot_effects
from usage_analysis.figures.groups import plot_groups, plot_pareto
from usage_analysis.figures.heat import plot_calendar, plot_error_week, plot_week
from usage_analysis.figures.load import plot_capacity, plot_day, plot_load_duration
from usage_analysis.figures.money import plot_billing, plot_burn_up
from usage_analysis.figures.rates import plot_control, plot_error_rate, plot_funnel
from usage_analysis.figures.style import figure_style, new_figure, picture
from usage_analysis.figures.trend import plot_trend
from usage_analysis.report.page import ReportOptions, build_report
from usage_analysis.sample import AGENTS

ZONE = "America/New_York"
YEAR = {"from_date": "2025-04-01", "to_date": "2026-03-31"}


@pytest.fixture(scope="module")
def usage():
    return ua.sample_client().call_usage(**YEAR)


@pytest.fixture(scope="module")
def data(usage):
    """What the figures show, computed before the clock starts."""
    hourly = ua.in_timezone(usage.hourly, ZONE)
    daily = ua.aggregate(hourly, "D")
    days = daily[finished(daily)]
    split = ua.sample_client().by_agent(AGENTS, **YEAR)
    parts = ua.in_timezone(split.hourly, ZONE)
    groups = ua.aggregate(parts, "D")
    whole = groups[finished(groups)]
    grid = {
        name: pd.DataFrame({agent: rows[name] for agent, rows in whole.groupby("agent")})
        for name in ("total_count", "billed_minutes")
    }
    grid["talk"] = pd.DataFrame(
        {agent: in_units(rows, "duration") for agent, rows in whole.groupby("agent")},
        index=grid["total_count"].index,
    )
    measures = ("total_count", "error_count", "joined_count", "duration", "billed_minutes")
    half = len(hourly) // 2
    changes = ua.compare_periods(hourly[half:], hourly[:half], measure=measures)
    middle = parts.index.min() + (parts.index.max() - parts.index.min()) / 2
    found = ua.funnel(parts)
    sizes = np.linspace(1, found["calls"].max(), 60).astype(np.int64)
    return {
        "parts": parts,
        "groups": groups,
        "weekly": ua.aggregate(parts, "W"),
        "grid": grid,
        "group rates": ua.error_rate(whole),
        "funnel": found,
        "effects": ua.rate_effects(parts[parts.index >= middle], parts[parts.index < middle]),
        "limits": limits_at(found, sizes),
        "chance": limits_at(found, sizes, chance_alone=True),
        "changes": changes,
        "shares": [
            (changes[name] / changes["previous"]).to_numpy(dtype=np.float64)
            for name in ("delta", "low", "high")
        ],
        "hourly": hourly,
        "daily": daily,
        "x": dates_of(daily.index),
        "week": ua.load_profile(hourly, by="hour_of_week"),
        "thin": ua.error_rate(hourly, by="hour_of_week"),
        "day": ua.load_profile(hourly, weekend=("Sat", "Sun")),
        "days": ua.load_profile(parts),
        "parts_capacity": capacity(parts),
        "rates": ua.error_rate(days),
        "chart": control_chart(hourly),
        "capacity": capacity(hourly, limit=10),
        "about": ua.Provenance.of(usage, hourly, timezone=ZONE),
    }


def line(ax, d):
    y = d["daily"]["total_count"]
    ax.plot(d["x"], y)
    ax.plot(d["x"], y.rolling(7).mean())


def hours(ax, d):
    y = d["hourly"]["total_count"]
    days = y.groupby(y.index.normalize())
    ax.fill_between(d["x"], days.min(), days.max(), alpha=0.4)
    ax.plot(dates_of(y.index), y.rolling(168).mean())


def weeks(ax, d):
    ax.figure.colorbar(ax.imshow(d["week"]["mean"].to_numpy().reshape(7, 24), aspect="auto"))


def rate_weeks(ax, d):
    ax.figure.colorbar(ax.imshow(d["thin"]["rate"].to_numpy().reshape(7, 24), aspect="auto"))


def year(ax, d):
    cells = np.full((7, 54), np.nan)
    days = d["daily"].index
    cells[days.day_of_week, (np.arange(len(days)) + days[0].day_of_week) // 7] = d["daily"][
        "total_count"
    ]
    ax.figure.colorbar(ax.imshow(cells, aspect="auto"))


def profile(ax, d):
    for half in (slice(24), slice(24, 48)):
        part = d["day"].iloc[half]
        ax.fill_between(range(24), part["p10"], part["p90"], alpha=0.2)
        ax.plot(range(24), part["p50"])


def duration(ax, d):
    traffic = np.sort(d["capacity"]["carried"].to_numpy())[::-1]
    ax.plot(np.linspace(0, 100, len(traffic)), traffic, drawstyle="steps-post")
    ax.axhline(10)


def erlangs(ax, d):
    days = d["capacity"].groupby(d["capacity"].index.normalize())
    ax.fill_between(d["x"], days["carried"].max(), days["demand"].max().clip(upper=50), alpha=0.3)
    ax.plot(d["x"], days["carried"].max())
    ax.axhline(10)


def rates(ax, d):
    x = d["x"][: len(d["rates"])]
    ax.fill_between(x, d["rates"]["low"], d["rates"]["high"], alpha=0.2)
    ax.plot(x, d["rates"]["rate"], marker="o")


def chart(ax, d):
    x = d["x"][: len(d["chart"])]
    ax.fill_between(x, d["chart"]["low"], d["chart"]["high"], step="mid", alpha=0.2)
    ax.plot(x, d["chart"]["rate"], marker="o")


def month(ax, d):
    billed = d["daily"]["billed_minutes"].iloc[-31:].cumsum()
    ax.plot(billed.to_numpy())
    ax.plot(billed.to_numpy())


def ratio(ax, d):
    talk = in_units(d["daily"], "duration")
    ax.plot(d["x"], d["daily"]["billed_minutes"] / talk - 1)
    ax.plot(d["x"], d["daily"]["joined_count"] / talk / 10)


def lines(ax, d):
    calls = d["grid"]["total_count"]
    ax.plot(dates_of(calls.index), calls.rolling(7).mean().to_numpy())


def profiles(ax, d):
    for _, rows in d["parts"].groupby("agent"):
        ax.plot(rows["total_count"].groupby(rows.index.hour).mean().to_numpy())


def durations(ax, d):
    for _, rows in d["parts"].groupby("agent"):
        traffic = np.sort(in_units(rows, "duration"))[::-1] / 60
        ax.plot(np.linspace(0, 100, len(traffic)), traffic, drawstyle="steps-post")


def group_rates(ax, d):
    for _, days in d["group rates"].groupby("agent"):
        rows = days.iloc[6::7]
        x = dates_of(rows.index)
        ax.fill_between(x, rows["low"], rows["high"], alpha=0.1)
        ax.plot(x, rows["rate"], marker="o")


def overheads(ax, d):
    billed, talk = (d["grid"][name].rolling(7).sum() for name in ("billed_minutes", "talk"))
    over = (billed / talk - 1).iloc[6::7]
    ax.plot(dates_of(over.index), over.to_numpy(), marker="o")


def sizes(ax, d):
    f, limits, chance = d["funnel"], d["limits"], d["chance"]
    for name in ("95", "998"):
        ax.fill_between(limits.index, limits[f"low_{name}"], limits[f"high_{name}"], alpha=0.2)
    ax.plot(chance.index, chance[["low_998", "high_998"]].to_numpy(), ls=":")
    ax.plot(f["calls"], f["rate"], "o")
    for name, row in f.iterrows():
        ax.annotate(name, (row["calls"], row["rate"]))


def parts_of_change(ax, d):
    effects = d["effects"]
    places = np.arange(len(effects))
    ax.hlines(places, effects["low"], effects["high"], lw=9, alpha=0.4)
    ax.axvline(0)
    ax.plot(effects["rate_effect"], places, "o")
    ax.plot(effects["mix_effect"], places, "o", mfc="none")
    for place, effect in enumerate(effects["effect"]):
        ax.annotate(f"{100 * effect:+.2f} points", (1, place), xycoords=("axes fraction", "data"))
    ax.set_yticks(places, list(effects.index))


def shares(ax, d):
    billed = d["grid"]["billed_minutes"].sum().sort_values(ascending=False)
    ax.barh(list(billed.index), billed / billed.sum())
    ax.plot(billed.cumsum() / billed.sum(), list(billed.index), marker="o")


def panels(ax, d):
    figure = ax.figure
    ax.remove()
    axes = figure.subplots(2, 4, sharex=True, sharey=True)
    for panel, (name, rows) in zip(axes.flat, d["weekly"].groupby("agent"), strict=False):
        panel.plot(dates_of(rows.index), rows["total_count"])
        panel.set_title(name)


def dumbbells(ax, d):
    now, low, high = d["shares"]
    places = np.arange(len(now))
    ax.hlines(places, low, high, lw=9, alpha=0.4)
    ax.hlines(places, 0, now)
    ax.plot(np.zeros(len(now)), places, "o")
    ax.plot(now, places, "o")
    ax.set_yticks(places, list(d["changes"].index))


def small_panels(d, ax):
    figure = ax.figure
    ax.remove()
    return plot_groups(d["weekly"], about=d["about"], figure=figure)[0]


FIGURES = {
    "hours": (lambda d, ax: plot_trend(d["hourly"], about=d["about"], ax=ax), hours),
    "trend": (lambda d, ax: plot_trend(d["daily"], about=d["about"], ax=ax), line),
    "week": (lambda d, ax: plot_week(d["week"], about=d["about"], ax=ax), weeks),
    "error week": (lambda d, ax: plot_error_week(d["thin"], about=d["about"], ax=ax), rate_weeks),
    "calendar": (lambda d, ax: plot_calendar(d["daily"], about=d["about"], ax=ax), year),
    "day": (lambda d, ax: plot_day(d["day"], about=d["about"], ax=ax), profile),
    "load duration": (
        lambda d, ax: plot_load_duration(d["capacity"], about=d["about"], ax=ax),
        duration,
    ),
    "capacity": (lambda d, ax: plot_capacity(d["capacity"], about=d["about"], ax=ax), erlangs),
    "error rate": (lambda d, ax: plot_error_rate(d["rates"], about=d["about"], ax=ax), rates),
    "control": (lambda d, ax: plot_control(d["chart"], about=d["about"], ax=ax), chart),
    "burn-up": (lambda d, ax: plot_burn_up(d["daily"], about=d["about"], ax=ax), month),
    "billing": (lambda d, ax: plot_billing(d["daily"], about=d["about"], ax=ax), ratio),
    "comparison": (lambda d, ax: plot_comparison(d["changes"], about=d["about"], ax=ax), dumbbells),
    "groups' trends": (lambda d, ax: plot_trend(d["groups"], about=d["about"], ax=ax), lines),
    "groups' days": (lambda d, ax: plot_day(d["days"], about=d["about"], ax=ax), profiles),
    "groups' load duration": (
        lambda d, ax: plot_load_duration(d["parts_capacity"], about=d["about"], ax=ax),
        durations,
    ),
    "groups' error rates": (
        lambda d, ax: plot_error_rate(d["group rates"], about=d["about"], ax=ax),
        group_rates,
    ),
    "groups' billing": (
        lambda d, ax: plot_billing(d["groups"], about=d["about"], ax=ax),
        overheads,
    ),
    "funnel": (lambda d, ax: plot_funnel(d["funnel"], about=d["about"], ax=ax), sizes),
    "effects": (lambda d, ax: plot_effects(d["effects"], about=d["about"], ax=ax), parts_of_change),
    "pareto": (lambda d, ax: plot_pareto(d["groups"], about=d["about"], ax=ax), shares),
    "panels": (small_panels, panels),
}


@pytest.mark.parametrize("name", FIGURES)
def test_usage_analysis(benchmark, data, name):
    """A figure with its titles, labels and layout, to PNG."""
    benchmark.group = name

    def draw():
        with figure_style():
            ax = FIGURES[name][0](data, new_figure().add_subplot())
        return picture(ax.figure, "png")

    assert benchmark.pedantic(draw, rounds=3, warmup_rounds=1).startswith(b"\x89PNG")


@pytest.mark.parametrize("name", FIGURES)
def test_plain_matplotlib(benchmark, data, name):
    """The same marks on bare axes, laid out alike, to PNG."""
    benchmark.group = name

    def draw():
        figure = Figure(figsize=(8, 4), layout="constrained")
        FIGURES[name][1](figure.add_subplot(), data)
        out = io.BytesIO()
        figure.savefig(out, format="png", dpi=100)
        return out.getvalue()

    assert benchmark.pedantic(draw, rounds=3, warmup_rounds=1).startswith(b"\x89PNG")


@pytest.mark.benchmark(group="report")
@pytest.mark.parametrize(("groups", "most"), [(0, 2.25), (30, 3)])
def test_the_whole_report(benchmark, usage, tmp_path, groups, most):
    """Every section of a year, with its files: a page of at most so many MB.

    A third of it are the points under the pointer.
    """
    parts = [
        usage.hourly.assign(
            **{
                name: usage.hourly[name] // (n + 1)
                for name in ("total_count", "error_count", "joined_count")
            }
        )
        for n in range(groups)
    ]
    for n, part in enumerate(parts):
        part.insert(0, "agent", f"agent {n:02}")
    split = None
    if groups:
        split = ua.CallUsage(
            daily=usage.daily,
            hourly=pd.concat(parts),
            all_time=None,
            query=usage.query,
            as_of=usage.as_of,
            source="sample",
        )
    page = benchmark.pedantic(
        build_report,
        (usage, tmp_path),
        {
            "timezone": ZONE,
            "options": ReportOptions(limit=10),
            "previous": usage,
            "breakdown": split,
        },
        rounds=1,
    )
    assert page.stat().st_size < most * 1_000_000
