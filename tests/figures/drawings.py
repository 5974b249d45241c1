"""Every figure of an account, and the accounts that are hard to draw."""

import numpy as np
import pandas as pd

import usage_analysis as ua
from usage_analysis.analysis.comparison import compare_periods
from usage_analysis.analysis.control import control_chart
from usage_analysis.analysis.difference import rate_difference, rate_effects
from usage_analysis.analysis.funnel import funnel
from usage_analysis.figures.axes import finished
from usage_analysis.figures.compare import plot_comparison, plot_effects
from usage_analysis.figures.groups import plot_groups, plot_pareto
from usage_analysis.figures.heat import plot_calendar, plot_error_week, plot_week
from usage_analysis.figures.load import plot_capacity, plot_day, plot_load_duration
from usage_analysis.figures.marks import Mark, without
from usage_analysis.figures.money import plot_billing, plot_burn_up
from usage_analysis.figures.rates import plot_control, plot_error_rate, plot_funnel
from usage_analysis.figures.trend import plot_trend

ZONE = "America/New_York"
MARKS = (
    Mark("2026-03-10T18:00Z", "release 2.4"),
    Mark("2026-03-17T04:00Z", "outage", end="2026-03-19T04:00Z", leave_out=True),
)
LATIN = "Customer support of the northern region, second line, night time"
JAPANESE = "東日本地域のお客様サポート窓口" * 4 + "夜間対応班"
ARABIC = "خدمة العملاء في المنطقة الشمالية الخط الثاني للدعم الليلي طوال الأ"
EMOJI = "🚀🔥 support 👩‍💻 $\\frac{ 100 % _x_ " + "🎧" * 32


def frame(hours=31 * 24, *, calls=40, errors=0.02, start="2026-03-01", unfinished=2, seed=1):
    """Canonical hourly frame of made-up calls; `calls` an hour by day, few at night."""
    time = pd.date_range(start, periods=hours, freq="h", tz=ZONE, unit="us", name="time")
    random = np.random.default_rng(seed)
    load = calls * (1 + np.sin((time.hour.to_numpy() - 9) / 24 * 2 * np.pi))
    total = random.poisson(load)
    wrong = np.minimum(random.binomial(total, errors), total)
    joined = total - wrong // 2
    talk = np.rint(joined * 139.123456e6).astype(np.int64)
    return pd.DataFrame(
        {
            "total_count": total.astype(np.int64),
            "error_count": wrong.astype(np.int64),
            "joined_count": joined.astype(np.int64),
            "duration": talk.view("m8[us]"),
            "billed_minutes": np.round(joined * 2.35, 1),
            "provisional": np.arange(hours) >= hours - unfinished,
        },
        index=time,
    )


def only(hours, place, calls=0):
    """The frame with calls in one hour alone."""
    empty = frame(hours, calls=0)
    empty.loc[empty.index[place], ["total_count", "joined_count"]] = calls
    empty.loc[empty.index[place], "duration"] = pd.Timedelta(seconds=90) * calls
    empty.loc[empty.index[place], "billed_minutes"] = 1.5 * calls
    return empty


def grouped(sizes, *, hours=14 * 24):
    """Breakdown of groups of given names and calls an hour."""
    parts = []
    for seed, (name, calls) in enumerate(sizes.items()):
        part = frame(hours, calls=calls, errors=0.02 + 0.06 * (seed == 1), seed=seed)
        part.insert(0, "agent", name)
        parts.append(part)
    return pd.concat(parts)


SINGLES = {
    "no calls": lambda: frame(7 * 24, calls=0),
    "one call": lambda: only(3 * 24, 30, calls=1),
    "one hour": lambda: frame(1, unfinished=0),
    "an unfinished hour": lambda: frame(1, unfinished=1),
    "a day old": lambda: frame(24),
    "no errors": lambda: frame(10 * 24, errors=0.0),
    "only errors": lambda: frame(10 * 24, errors=1.0),
    "hundreds of millions": lambda: frame(10 * 24, calls=1_500_000, errors=0.001),
}
BREAKDOWNS = {
    "one with 99 %": lambda: grouped({"giant": 400, "small": 2, "tiny": 1}),
    "30 groups": lambda: grouped({f"agent {n:02}": 60 / (n + 1) for n in range(30)}),
    "long names": lambda: grouped({LATIN: 40, JAPANESE: 30, ARABIC: 20, EMOJI: 10}),
    "no calls in any": lambda: grouped({"one": 0, "two": 0}),
    "one group": lambda: grouped({"alone": 20}),
}


def about(hourly):
    """What a figure says of such a frame."""
    return ua.Provenance(
        start=hourly.index.min(),
        end=hourly.index.max() + pd.Timedelta(hours=1),
        timezone=ZONE,
        calls=int(hourly["total_count"].sum()),
        as_of=pd.Timestamp("2026-04-01T14:37Z"),
        source="sample",
        filters={"voice": "00000000-0000-4000-8000-000000000002"},
        query={"voice_id": "00000000-0000-4000-8000-000000000002"},
    )


def compared(hourly):
    """Two measures of the last day beside those of the week before, where there is one."""
    later = hourly.set_axis(hourly.index + pd.Timedelta(days=7))
    return compare_periods(later, hourly, measure=["total_count", "duration"])


def singles(hourly):
    """Each figure of one series, drawn on axes that are given."""
    daily, told = ua.aggregate(hourly, "D"), about(hourly)
    days = daily[finished(daily)]
    week = ua.load_profile(hourly, by="hour_of_week")
    day = ua.load_profile(without(hourly, MARKS), weekend=("Sat", "Sun"))
    traffic = ua.capacity(hourly, limit=5)
    thin = ua.error_rate(hourly, by="hour_of_week")
    rates, chart = ua.error_rate(days), control_chart(hourly)
    before = daily.set_axis(daily.index - pd.DateOffset(days=35))
    same = {"about": told}
    drawn = {
        "trend": lambda ax: plot_trend(daily, marks=MARKS, ax=ax, **same),
        "talk": lambda ax: plot_trend(daily, measure="duration", previous=before, ax=ax, **same),
        "hours": lambda ax: plot_trend(hourly, ax=ax, **same),
        "calendar": lambda ax: plot_calendar(daily, marks=MARKS, ax=ax, **same),
        "week": lambda ax: plot_week(week, ax=ax, **same),
        "error week": lambda ax: plot_error_week(thin, ax=ax, **same),
        "day": lambda ax: plot_day(day, ax=ax, **same),
        "load duration": lambda ax: plot_load_duration(traffic, ax=ax, **same),
        "capacity": lambda ax: plot_capacity(traffic, marks=MARKS, ax=ax, **same),
        "error rate": lambda ax: plot_error_rate(rates, marks=MARKS, ax=ax, **same),
        "control": lambda ax: plot_control(chart, marks=MARKS, ax=ax, **same),
        "burn-up": lambda ax: plot_burn_up(daily, budget=9000.0, marks=MARKS, ax=ax, **same),
        "billing": lambda ax: plot_billing(daily, marks=MARKS, ax=ax, **same),
    }
    if finished(hourly).sum() > 1:
        changes = compared(hourly)
        drawn["comparison"] = lambda ax: plot_comparison(changes, ax=ax, **same)
    return drawn


def breakdowns(hourly):
    """Each figure of a breakdown, drawn on axes that are given."""
    daily, told = ua.aggregate(hourly, "D"), about(hourly)
    rates, limits = ua.error_rate(daily[finished(daily)]), funnel(hourly)
    middle = hourly.index[0] + (hourly.index[-1] - hourly.index[0]) / 2
    halves = hourly[hourly.index >= middle], hourly[hourly.index < middle]
    changes, parts = rate_difference(*halves), rate_effects(*halves)
    calls = compare_periods(hourly)
    same = {"about": told}
    return {
        "trend": lambda ax: plot_trend(daily, marks=MARKS, ax=ax, **same),
        "day": lambda ax: plot_day(ua.load_profile(hourly), ax=ax, **same),
        "load duration": lambda ax: plot_load_duration(ua.capacity(hourly), ax=ax, **same),
        "error rate": lambda ax: plot_error_rate(rates, marks=MARKS, ax=ax, **same),
        "funnel": lambda ax: plot_funnel(limits, ax=ax, **same),
        "effects": lambda ax: plot_effects(parts, ax=ax, **same),
        "pareto": lambda ax: plot_pareto(hourly, ax=ax, **same),
        "billing": lambda ax: plot_billing(daily, ax=ax, **same),
        "rates compared": lambda ax: plot_comparison(changes, ax=ax, **same),
        "compared": lambda ax: plot_comparison(calls, ax=ax, **same),
    }


def panels(hourly, figure=None):
    """The small panels of a breakdown's groups."""
    daily = ua.aggregate(hourly, "D")
    return plot_groups(daily, marks=MARKS, about=about(hourly), figure=figure)[0].figure
