"""Each helper beside the plainest pandas that gives the same numbers.

At a million rows, of a hundred agents or of one series, no helper may be slower. The plain side
knows its frame: whole hours, every bucket there, a zone whose offset is whole hours. It checks
nothing and completes nothing. One line is left out: talk over an hour is faster than
`traffic_intensity`, which looks at how long each bucket is, and is compared with pandas that does
so too. So is a clock of whole hours, which alone pandas only notes, in 0.1 ms at any length, where
`in_timezone` looks whether the rows are whole hours. Sentences are compared with the numbers that
they tell. Both sides are timed here, in turns, by the processor's time, and the best of each is
compared; pytest-benchmark's table shows ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from usage_analysis.analysis import (
    billing,
    capacity,
    comparison,
    control,
    difference,
    error_budget,
    funnel,
    peaks,
    profiles,
    quality,
    rates,
    trends,
)
from usage_analysis.analysis.statements import money
from usage_analysis.analysis.statements import peaks as statements_peaks
from usage_analysis.analysis.statements.rates import describe_errors
from usage_analysis.tidy.periods import aggregate, in_timezone
from usage_analysis.tidy.rolling import rolling
from usage_analysis.tidy.usage import CallUsage

ZONE = "America/New_York"
SECOND = pd.Timedelta(seconds=1)
HOURS = 10_000
SIZES = [8_760, 1_000_000]
ONE = "one series of 1,000,000 rows"


def make(rows: int) -> pd.DataFrame:
    """A year of hours, or a hundred agents of 10,000 hours each, on the clock of New York."""
    rng = np.random.default_rng(rows)
    agents = max(rows // HOURS, 1)
    hours = rows // agents
    start = pd.Timestamp("2025-01-01").tz_localize(ZONE)
    index = pd.date_range(start, periods=hours, freq="h", name="time").as_unit("us")
    calls = rng.poisson(50, rows)
    columns = {
        "total_count": calls,
        "error_count": rng.binomial(calls, 0.02),
        "joined_count": rng.binomial(calls, 0.9),
        "duration": (calls * rng.integers(0, 10**8, rows)).view("m8[us]"),
        "billed_minutes": calls * 1.5,
        "provisional": False,
    }
    if agents == 1:
        return pd.DataFrame(columns, index=index)
    names = np.repeat([f"agent-{number:04}" for number in range(agents)], hours)
    times = pd.DatetimeIndex(
        np.tile(index.tz_convert("UTC").tz_localize(None), agents), name="time"
    )
    times = times.tz_localize("UTC").tz_convert(ZONE)
    return pd.DataFrame({"agent": names, **columns}, index=times)


def each_agents_first(rows: int) -> pd.DataFrame:
    """The first hours of every agent, so many rows in sum."""
    frame = FRAMES["1,000,000 rows"]
    return frame.groupby("agent", sort=False).head(rows // frame["agent"].nunique())


def one_series(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of all agents as the hours of one, over 114 years."""
    start = pd.Timestamp("1990-01-01").tz_localize(ZONE)
    index = pd.date_range(start, periods=len(frame), freq="h", name="time").as_unit("us")
    return frame.drop(columns="agent").set_axis(index)


FRAMES: dict[str, pd.DataFrame] = {f"{rows:,} rows": make(rows) for rows in SIZES}
FRAMES[ONE] = one_series(FRAMES["1,000,000 rows"])


def keys(frame: pd.DataFrame, *more: Any) -> list[Any]:
    return [*([frame["agent"].to_numpy()] if "agent" in frame else []), *more]


def summed(frame: pd.DataFrame, columns: list[str]) -> Any:
    part = frame[columns]
    return part.groupby(frame["agent"]).sum() if "agent" in frame else part.sum().to_frame().T


def plain_check(frame: pd.DataFrame) -> None:
    """Refuse an instant that stands twice, as every helper does before it adds rows up."""
    starts = frame.index.to_series()
    groups = starts.groupby(frame["agent"].to_numpy()) if "agent" in frame else starts
    assert not (groups.diff() == pd.Timedelta(0)).any()


def week(frame: pd.DataFrame) -> Any:
    return (24 * frame.index.day_of_week + frame.index.hour).rename("slot")


def plain_wilson(calls: Any, events: Any) -> pd.DataFrame:
    z, p = 1.959963984540054, events / calls
    middle = p + z * z / (2 * calls)
    half = z * np.sqrt(p * (1 - p) / calls + z * z / (4 * calls**2))
    scale = 1 + z * z / calls
    return pd.DataFrame(
        {
            "calls": calls,
            "events": events,
            "rate": p,
            "low": (middle - half) / scale,
            "high": (middle + half) / scale,
            "enough": calls >= 30,
        }
    )


def plain_rate_by_week(frame: pd.DataFrame) -> Any:
    total = frame.groupby(keys(frame, week(frame)))[["total_count", "error_count"]].sum()
    return plain_wilson(total["total_count"], total["error_count"])


def plain_profile(frame: pd.DataFrame, by: Any) -> Any:
    slots = frame.groupby(keys(frame, by))["total_count"]
    spread = slots.quantile([0.1, 0.5, 0.9]).unstack()  # noqa: PD010  # plain
    return pd.concat([slots.mean().rename("mean"), spread, slots.count().rename("n")], axis=1)


def plain_noise(frame: pd.DataFrame) -> Any:
    """What is left of each hour beside the level of its day times the mean of its hour."""
    calls, by_day = frame["total_count"], keys(frame, frame.index.normalize())
    mean = calls.groupby(keys(frame, frame.index.hour)).transform("mean")
    level = calls.groupby(by_day).transform("sum") / mean.groupby(by_day).transform("sum")
    left = (calls - mean * level) ** 2
    return left.groupby(frame["agent"]).sum() if "agent" in frame else left.sum()


def plain_days(frame: pd.DataFrame, column: str = "total_count") -> Any:
    table = frame.groupby(keys(frame, frame.index.normalize(), frame.index.hour))[column].mean()
    return table.unstack().dropna()  # noqa: PD010  # plain


def plain_busy_hour(frame: pd.DataFrame) -> Any:
    days = plain_days(frame)
    at_peak = days.eq(days.max(axis=1), axis=0)
    mean, share = (
        table.groupby(level=0).mean() if "agent" in frame else table.mean().to_frame().T
        for table in (days, at_peak)
    )
    hour, value = mean.idxmax(axis=1), mean.max(axis=1)
    return pd.DataFrame(
        {
            "hour": hour,
            "value": value,
            "share": [share.loc[group, of] for group, of in hour.items()],
            "to_day": value / mean.sum(axis=1),
        }
    )


def plain_peaks(frame: pd.DataFrame) -> Any:
    slots = frame.groupby(keys(frame, week(frame)))["total_count"]
    days = plain_days(frame)
    at_peak = days.eq(days.max(axis=1), axis=0)
    of_week = days.index.get_level_values(-1).day_of_week
    groups = [days.index.get_level_values(0), of_week] if "agent" in frame else of_week
    share = at_peak.groupby(groups).mean()
    mean = slots.mean()
    best = mean.groupby(level=0).nlargest(3) if "agent" in frame else mean.nlargest(3)
    return best, mean, slots.quantile([0.1, 0.9]), slots.count(), share


def plain_divided(frame: pd.DataFrame) -> Any:
    local = frame.index.tz_convert("Asia/Kathmandu")
    first, part = local.floor("h"), 1 - local.minute.to_numpy() / 60
    numbers = frame.select_dtypes("number").assign(duration=frame["duration"].astype("int64"))
    one = numbers.mul(part, axis=0).set_axis(first)
    two = numbers.mul(1 - part, axis=0).set_axis(first + pd.Timedelta(hours=1))
    if "agent" not in frame:
        return one.add(two, fill_value=0)
    both = pd.concat([one, two])
    return both.groupby([np.tile(frame["agent"].to_numpy(), 2), both.index]).sum()


def plain_days_summed(frame: pd.DataFrame) -> Any:
    numbers = frame.drop(columns="agent", errors="ignore").assign(
        provisional=frame["provisional"].astype("int64"), hours=1
    )
    return numbers.groupby(keys(frame, frame.index.normalize())).sum()


def plain_rolling(frame: pd.DataFrame) -> Any:
    numbers = frame.assign(duration=frame["duration"].astype("int64"), hours=1.0)
    numbers["provisional"] = numbers["provisional"].astype("int64")
    groups = numbers.groupby("agent") if "agent" in frame else numbers
    return groups.rolling("168h").sum()


def plain_burn(frame: pd.DataFrame) -> Any:
    numbers = frame[["total_count", "error_count"]]
    groups = numbers.groupby(frame["agent"]) if "agent" in frame else numbers
    windows = {f"{n}h": groups.rolling(f"{n}h").sum() for n in (1, 6, 12, 72)}
    rates = {n: plain_wilson(one["total_count"], one["error_count"]) for n, one in windows.items()}
    return {n: one[["rate", "low", "high"]] / 0.01 for n, one in rates.items()}


def plain_relabelled(frame: pd.DataFrame) -> Any:
    starts = frame.index.to_series()
    groups = starts.groupby(frame["agent"].to_numpy()) if "agent" in frame else starts
    assert groups.diff().max() <= pd.Timedelta(hours=1)
    utc = frame.index.tz_convert("UTC")
    assert (utc == utc.floor("h")).all()
    return frame.tz_convert("Europe/Berlin")


def plain_traffic(frame: pd.DataFrame) -> Any:
    # A bucket lasts until the next one begins, which is how it is seen that all last an hour.
    starts = frame.index.to_series()
    groups = starts.groupby(frame["agent"].to_numpy()) if "agent" in frame else starts
    lengths = -groups.diff(-1)
    return frame["duration"] / lengths.fillna(pd.Timedelta(hours=1))


def plain_chart(frame: pd.DataFrame) -> Any:
    columns = ["total_count", "error_count"]
    return plain_limits(frame.groupby(keys(frame, frame.index.normalize()))[columns].sum())


def plain_hours_chart(frame: pd.DataFrame) -> Any:
    return plain_limits(frame.set_index(keys(frame, frame.index)))


def plain_limits(days: pd.DataFrame) -> Any:
    """Limits learned again without the signals, as a reader of the docstring would write them."""
    days = days[["total_count", "error_count"]]
    if days.index.nlevels == 1:
        return plain_chart_of(days)
    return pd.concat([plain_chart_of(one) for _, one in days.groupby(level=0, sort=False)])


def plain_chart_of(days: pd.DataFrame) -> pd.DataFrame:
    z = plain_once(days, days, 3)["z"].abs()
    extreme = z == z.max()
    out = extreme & plain_once(days, days[~extreme], 5)["signal"]
    used = None
    for _ in range(10):
        kept = ~out if (~out).sum() >= 2 / 3 * len(days) else ~out | True
        if used is not None and kept.equals(used):
            break
        used = kept
        chart = plain_once(days, days[kept], 3)
        out = chart["signal"]
    return chart


def plain_once(days: pd.DataFrame, usual: pd.DataFrame, sigmas: float) -> pd.DataFrame:
    n, centre = days["total_count"], usual["error_count"].sum() / usual["total_count"].sum()
    z = (usual["error_count"] / usual["total_count"] - centre) / np.sqrt(
        centre * (1 - centre) / usual["total_count"]
    )
    spread = max(float(z.diff().abs().mean() / 1.128), 1.0)
    if (usual["total_count"] * centre).mean() < 5:
        spread = max(spread, float(np.sqrt(((z**2).sum() - (z**2).max()) / (len(z) - 1))))
    sigma = np.sqrt(centre * (1 - centre) / n)
    rate, high = days["error_count"] / n, centre + sigmas * spread * sigma
    few = n * centre < 5
    if few.any():
        tail = stats.norm.cdf(-sigmas)
        sizes = np.unique(n[few])
        total = np.minimum((sizes - 1) / max(spread**2 - 1, 1e-12) - 1, 1e12)
        least = (
            stats.binom.isf(tail, sizes, centre)
            if spread == 1
            else stats.betabinom.isf(tail, sizes, centre * total, (1 - centre) * total)
        )
        exact = pd.Series(least / sizes, index=sizes)
        high = high.where(~few, n.map(exact))
    low = centre - sigmas * spread * sigma
    return days.assign(
        rate=rate,
        centre=centre,
        low=low,
        high=high,
        spread_ratio=spread,
        signal=(rate > high + 1e-12) | (rate < low - 1e-12),
        z=(rate - centre) / sigma,
    )


def plain_funnel(frame: pd.DataFrame) -> Any:
    total = summed(frame, ["total_count", "error_count"])
    centre = total["error_count"].sum() / total["total_count"].sum()
    n = total["total_count"]
    limits = {}
    for below in (0.001, 0.025, 0.975, 0.999):
        k = stats.binom.ppf(below, n, centre)
        upto, before = (stats.binom.cdf(at, n, centre) for at in (k, k - 1))
        limits[below] = (k - (upto - below) / (upto - before)) / n
    return limits


def plain_capacity(frame: pd.DataFrame) -> Any:
    carried = frame["duration"] / pd.Timedelta(hours=1)

    def blocking(load: Any) -> Any:
        lost = 1.0
        for n in range(1, 6):
            lost = load * lost / (n + load * lost)
        return lost

    low, high = carried.to_numpy(copy=True), np.full(len(carried), 1e6)
    for _ in range(60):
        middle = (low + high) / 2
        below = middle * (1 - blocking(middle)) < carried
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    offered = pd.Series(np.where(carried < 5, low, np.inf), frame.index)
    return offered, stats.poisson.ppf(0.999, low)


def plain_overhead(frame: pd.DataFrame) -> Any:
    total = summed(
        frame.assign(
            talk=frame["duration"].astype("int64"),
            billed=(frame["billed_minutes"] * 1e6).round().astype("int64"),
        ),
        ["talk", "billed", "joined_count"],
    )
    return total["billed"] * 60 / total["talk"]


def plain_month(frame: pd.DataFrame) -> Any:
    days = frame.groupby(keys(frame, frame.index.normalize()))["total_count"].sum()
    table = days.unstack(0) if "agent" in frame else days.to_frame()  # noqa: PD010  # plain
    last, running = table.iloc[-57:-1], table.iloc[-1]
    weekday = last.index.day_of_week
    means = last.groupby(weekday).mean()
    level = last.iloc[-28:].sum() / means.loc[weekday[-28:]].sum()
    month = last.index[-1].replace(day=1)
    left = pd.date_range(last.index[-1], month + pd.offsets.MonthEnd(1), inclusive="right")
    ahead = (means * level).loc[left.day_of_week].set_axis(left)
    ahead.iloc[0] = np.maximum(ahead.iloc[0], running)
    errors = []
    for end in range(14, 56 - 10):
        seen, came = last.iloc[:end], last.iloc[end : end + 10]
        told = seen.groupby(seen.index.day_of_week).mean().loc[came.index.day_of_week]
        errors.append(np.log(came.sum() / told.sum().to_numpy()) ** 2)
    return last.loc[month:].sum() + ahead.sum(), pd.concat(errors).groupby(level=0).mean()


def plain_compare(frame: pd.DataFrame) -> Any:
    start = frame.index[-1].normalize() - pd.Timedelta(days=int(frame.index[-1].day_of_week))
    now = frame[frame.index >= start]
    before = frame[(frame.index >= start - pd.Timedelta(days=7)) & (frame.index < start)]
    one, two = (
        part.groupby(keys(part, part.index.day_of_week, part.index.hour))["total_count"].sum()
        for part in (now, before)
    )
    return (one - two).dropna()


def plain_days_apart(change: Any) -> Any:
    """Scatter of the differences of days, from which the interval of a change comes."""
    levels = list(range(change.index.nlevels - 1))
    days = change.groupby(level=levels).sum()
    return (
        days.groupby(level=0).agg(["sum", "var"]) if len(levels) > 1 else (days.sum(), days.var())
    )


def plain_reconcile(usage: CallUsage) -> Any:
    columns = ["total_count", "error_count", "joined_count", "duration", "billed_minutes"]
    hourly = usage.hourly
    days = hourly.groupby(hourly.index.normalize())[columns].sum()
    excess = hourly["billed_minutes"] * 60 - hourly["duration"].dt.total_seconds()
    return (
        (days != usage.daily[columns]).sum(),
        (hourly["error_count"] > hourly["total_count"]).sum(),
        (hourly["joined_count"] > hourly["total_count"]).sum(),
        (excess > 6 * hourly["joined_count"] + 1e-6).sum(),
        plain_overlong(hourly).sum(),
    )


def plain_overlong(hourly: pd.DataFrame) -> Any:
    """Hours with too much talk for their calls, by mean and median deviation, in two rounds."""
    talk, calls = hourly["duration"].dt.total_seconds() / 3600, hourly["joined_count"]
    some, root = calls >= 5, np.sqrt(calls)
    overlong = pd.Series(False, index=hourly.index)
    for _ in range(2):
        mean = talk[~overlong].sum() / calls[~overlong].sum()
        apart = talk - calls * mean
        spread = max(1.4826 * (apart[some].abs() / root[some]).median(), mean)
        overlong = apart > 4 * spread * root + 1e-9
    return overlong


def plain_rate(frame: pd.DataFrame) -> Any:
    return plain_wilson(frame["total_count"], frame["error_count"])


def plain_scatter(frame: pd.DataFrame, event: str = "error_count") -> Any:
    """How days scatter, which widens intervals."""
    by = [frame.index.floor("D"), *([frame["agent"].to_numpy()] if "agent" in frame else [])]
    days = frame.groupby(by)[["total_count", event]].sum()
    rest = days[event] - days[event].sum() / days["total_count"].sum() * days["total_count"]
    return (rest**2).groupby(level=-1).sum()


def plain_difference(frame: pd.DataFrame) -> Any:
    half = len(frame) // 2
    parts = (frame[:half], frame[half:])
    sides = [summed(part, ["total_count", "error_count"]) for part in parts]
    rates = [plain_wilson(side["total_count"], side["error_count"]) for side in sides]
    return rates, [plain_scatter(part) for part in parts]


def plain_errors(frame: pd.DataFrame) -> Any:
    rates = plain_wilson(*summed(frame, ["total_count", "error_count"]).T.to_numpy())
    plain_scatter(frame)
    if "agent" not in frame:
        return rates, frame.index.min(), frame.index.max(), frame["provisional"].sum()
    groups = frame.index.to_series().groupby(frame["agent"].to_numpy())
    late = frame["provisional"].groupby(frame["agent"].to_numpy()).sum()
    return rates, groups.min(), groups.max(), late


def halves(frame: pd.DataFrame, **options: Any) -> Any:
    half = len(frame) // 2
    return difference.rate_difference(frame[:half], frame[half:], **options)


CASES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], float]] = {
    "load_profile hour_of_week": (
        lambda f: profiles.load_profile(f, by="hour_of_week"),
        lambda f: plain_profile(f, week(f)),
        2,
    ),
    "load_profile hour_of_day": (
        profiles.load_profile,
        lambda f: (plain_profile(f, f.index.hour), plain_noise(f)),
        2,
    ),
    "in_timezone": (lambda f: in_timezone(f, "Asia/Kathmandu"), plain_divided, 2),
    "in_timezone of whole hours": (lambda f: in_timezone(f, "Europe/Berlin"), plain_relabelled, 2),
    "aggregate": (lambda f: aggregate(f, "D"), plain_days_summed, 1),
    "rolling": (lambda f: rolling(f, "168h"), plain_rolling, 1),
    "rolling days": (lambda f: rolling(f, "7D"), plain_rolling, 1),
    "error_rate": (rates.error_rate, plain_rate, 1),
    "error_rate hour_of_week": (
        lambda f: rates.error_rate(f, by="hour_of_week"),
        lambda f: (plain_rate_by_week(f), plain_scatter(f)),
        1,
    ),
    "join_rate total": (
        lambda f: rates.join_rate(f, by="total"),
        lambda f: (
            plain_wilson(*summed(f, ["total_count", "joined_count"]).T.to_numpy()),
            plain_scatter(f, "joined_count"),
        ),
        1,
    ),
    "rate_difference": (halves, plain_difference, 1),
    "average_call_duration": (
        rates.average_call_duration,
        lambda f: (plain_check(f), summed(f, ["joined_count", "duration"])),
        1,
    ),
    "busy_hour": (peaks.busy_hour, plain_busy_hour, 1),
    "peak_hours": (peaks.peak_hours, plain_peaks, 1),
    "traffic_intensity": (profiles.traffic_intensity, plain_traffic, 1),
    "capacity": (lambda f: capacity.capacity(f, limit=5), plain_capacity, 1),
    "control_chart": (control.control_chart, plain_chart, 1),
    "control_chart by hour": (lambda f: control.control_chart(f, every=None), plain_hours_chart, 1),
    "burn_rate": (error_budget.burn_rate, plain_burn, 1),
    "cost": (
        billing.cost,
        lambda f: summed(
            f.assign(micro=(f["billed_minutes"] * 1e6).round().astype("int64")), ["micro"]
        ),
        1,
    ),
    "billing_overhead": (
        billing.billing_overhead,
        lambda f: (plain_check(f), plain_overhead(f)),
        1,
    ),
    "project_month": (trends.project_month, plain_month, 1),
    "compare_periods": (
        comparison.compare_periods,
        lambda f: (plain_check(f), plain_days_apart(plain_compare(f))),
        1,
    ),
    "describe_capacity": (
        lambda f: statements_peaks.describe_capacity(f, limit=5),
        plain_capacity,
        1,
    ),
    "describe_errors": (describe_errors, plain_errors, 1),
    "describe_month": (money.describe_month, plain_month, 1),
    "describe_peak": (
        statements_peaks.describe_peak,
        lambda f: (plain_peaks(f), plain_noise(f)),
        1,
    ),
}


def best(call: Callable[[], Any], other: Callable[[], Any], rounds: int) -> tuple[float, float]:
    """Best time of each of two calls, made in turns [s]."""
    times: list[list[float]] = [[], []]
    for _ in range(rounds):
        for which, one in enumerate((call, other)):
            start = time.process_time()
            one()
            times[which].append(time.process_time() - start)
    return min(times[0]), min(times[1])


def compared(benchmark: Any, what: str, ours: Callable[[], Any], plain: Callable[[], Any]) -> float:
    """How many times as fast as plain pandas ours is, printed beside both times."""
    benchmark.pedantic(ours, rounds=1)
    mine, other = best(ours, plain, 5)
    benchmark.extra_info["times as fast as plain pandas"] = round(other / mine, 2)
    times = f"{1e3 * mine:.1f} ms, plain pandas {1e3 * other:.1f} ms"
    print(f"\n{what}: {times}, ratio {other / mine:.2f}")
    return other / mine


@pytest.mark.parametrize("which", FRAMES)
@pytest.mark.parametrize("name", CASES)
def test_no_slower_than_plain_pandas(benchmark: Any, name: str, which: str) -> None:
    """At a million rows no helper is slower than plain pandas, and three are twice as fast."""
    ours, plain, least = CASES[name]
    frame = FRAMES[which]
    ratio = compared(benchmark, f"{name}, {which}", lambda: ours(frame), lambda: plain(frame))
    if len(frame) == max(SIZES):
        assert ratio >= least


def reply(rows: int) -> CallUsage:
    """A reply of so many hours that agrees with itself."""
    hourly = make(rows).drop(columns="agent", errors="ignore")
    hourly.index = pd.date_range("1920-01-01", periods=rows, freq="h", tz="UTC", name="time")
    daily = aggregate(hourly, "D").drop(columns=["hours", "complete"])
    as_of = hourly.index[-1]
    return CallUsage(
        daily=daily, hourly=hourly, all_time=None, query=None, as_of=as_of, source="file"
    )


@pytest.mark.parametrize("rows", SIZES)
def test_reconcile(benchmark: Any, rows: int) -> None:
    """A reply of a million hours is checked no slower than by plain pandas."""
    usage = reply(rows)
    assert quality.reconcile(usage)["ok"].iloc[:5].all()
    ratio = compared(
        benchmark,
        f"reconcile, {rows:,} rows",
        lambda: quality.reconcile(usage),
        lambda: plain_reconcile(usage),
    )
    if rows == max(SIZES):
        assert ratio >= 1


@pytest.mark.parametrize("rows", SIZES)
def test_funnel(benchmark: Any, rows: int) -> None:
    """Limits of the groups come no slower than by SciPy's distribution, which seeks no outliers."""
    frame = each_agents_first(rows)
    ratio = compared(
        benchmark,
        f"funnel, {rows:,} rows",
        lambda: funnel.funnel(frame),
        lambda: (plain_funnel(frame), plain_scatter(frame)),
    )
    if rows == max(SIZES):
        assert ratio >= 1


def plain_effects(a: pd.DataFrame, b: pd.DataFrame) -> Any:
    """Kitagawa's two effects of each group, and Newcombe's interval of its rate's difference."""
    sides = []
    for part in (a, b):
        own = part.groupby("agent", sort=False)[["total_count", "error_count"]].sum()
        wilson = plain_wilson(own["total_count"], own["error_count"])
        share = own["total_count"] / own["total_count"].sum()
        sides.append((wilson, share, own["error_count"].sum() / own["total_count"].sum()))
    (now, share_a, whole_a), (before, share_b, whole_b) = sides
    weight, change = (share_a + share_b) / 2, now["rate"] - before["rate"]
    down = np.hypot(now["rate"] - now["low"], before["high"] - before["rate"])
    up = np.hypot(now["high"] - now["rate"], before["rate"] - before["low"])
    usual = (now["rate"] + before["rate"]) / 2 - (whole_a + whole_b) / 2
    return pd.DataFrame(
        {
            "rate_effect": weight * change,
            "low": weight * (change - down),
            "high": weight * (change + up),
            "mix_effect": (share_a - share_b) * usual,
        }
    )


@pytest.mark.parametrize("rows", SIZES)
def test_rate_effects(benchmark: Any, rows: int) -> None:
    """Effects of two periods come no slower than from the formulas in plain pandas."""
    frame = each_agents_first(rows)
    later = frame.index >= frame.index.min() + (frame.index.max() - frame.index.min()) / 2
    a, b = frame[later], frame[~later]
    ratio = compared(
        benchmark,
        f"rate_effects, {rows:,} rows",
        lambda: difference.rate_effects(a, b),
        lambda: (plain_effects(a, b), plain_scatter(a), plain_scatter(b)),
    )
    plain = plain_effects(a, b)
    found = difference.rate_effects(a, b, independent="calls")[[*plain]]
    np.testing.assert_allclose(found, plain.loc[found.index], atol=1e-12)
    if rows == max(SIZES):
        assert ratio >= 1


SOME = {
    "five agents": FRAMES["1,000,000 rows"].iloc[: 5 * HOURS],
    "one series": FRAMES[ONE].iloc[:9_999],
}


@pytest.mark.parametrize("frame", SOME.values(), ids=SOME)
def test_the_plain_side_gives_the_same_numbers(frame: pd.DataFrame) -> None:
    """What is compared in time is equal in numbers."""
    near = np.testing.assert_allclose
    for by, slot in (("hour_of_week", week(frame)), ("hour_of_day", frame.index.hour)):
        profile = profiles.load_profile(frame, by=by)
        near(profile[["mean", "p10", "p50", "p90", "n"]], plain_profile(frame, slot))
    divided, plain = in_timezone(frame, "Asia/Kathmandu"), plain_divided(frame)
    near(numbers(divided), plain[list(numbers(divided))], atol=1.5)  # talk in whole microseconds
    relabelled = in_timezone(frame, "Europe/Berlin")
    pd.testing.assert_frame_equal(relabelled, plain_relabelled(frame), check_freq=False)
    counts = ["total_count", "error_count", "joined_count", "billed_minutes"]
    near(divided[counts], plain[counts])
    for ours, plain in (
        (aggregate(frame, "D"), plain_days_summed(frame)),
        (rolling(frame, "168h"), plain_rolling(frame)),
    ):
        near(numbers(ours), numbers(plain)[list(numbers(ours))])
    burn = error_budget.burn_rate(frame)
    for length, plain in plain_burn(frame).items():
        whole = burn[f"burn_{length}"].notna().to_numpy()
        names = [f"{what}_{length}" for what in ("burn", "low", "high")]
        near(burn[names][whole], plain[whole], atol=1e-9)
    busy, plain = table(peaks.busy_hour(frame)), plain_busy_hour(frame)
    names = ["hour", "value", "share_of_days", "busy_hour_to_day"]
    near(busy[names].astype(float), plain)
    # The plain choice is by the mean, ours by the expected load.
    top, (_, mean, spread, count, share) = peaks.peak_hours(frame), plain_peaks(frame)
    slot, day = 24 * top["day_of_week"] + top["hour"], top["day_of_week"]
    agents = [top.index.get_level_values(0)] if "agent" in frame else []
    at = pd.MultiIndex.from_arrays([*agents, slot]) if agents else pd.Index(slot)
    near(top["mean"], mean.loc[at])
    near(top["n"], count.loc[at])
    near(top[["p10", "p90"]], spread.unstack().loc[at])  # noqa: PD010  # plain
    days = pd.MultiIndex.from_arrays([*agents, day]) if agents else pd.Index(day)
    near(top["share_of_days"], np.diag(share.loc[days, top["hour"].tolist()]))
    traffic = profiles.traffic_intensity(frame)
    near(traffic["traffic"] if "agent" in frame else traffic, plain_traffic(frame))
    # Plain pandas turns each hour round by itself; `capacity` does the hours of the week.
    found = capacity.capacity(frame, limit=5)
    assert found["blocking"].between(0, 1).all()
    assert (found["demand"] >= np.floor(found["offered"])).all()
    near(table(billing.billing_overhead(frame))["overhead"].astype(float), plain_overhead(frame))
    projected = table(trends.project_month(frame))["projection"].astype(float)
    near(projected, plain_month(frame)[0], rtol=0.05)  # the plain one shrinks no weekday
    change = plain_compare(frame)
    change = change.groupby(level=0).sum() if "agent" in frame else [change.sum()]
    near(table(comparison.compare_periods(frame))["delta"].astype(float), change)
    # A plain chart leaves the last day in, which has not all of its hours.
    local = frame.index.normalize()
    whole = frame[local < local.max()]
    for ours, plain in (
        (control.control_chart(whole), plain_chart(whole)),
        (control.control_chart(frame, every=None), plain_hours_chart(frame)),
    ):
        names = ["centre", "low", "high", "spread_ratio"]
        near(ours[names], plain[names])
        assert ours["signal"].tolist() == plain["signal"].tolist()


@pytest.mark.parametrize("frame", SOME.values(), ids=SOME)
def test_the_plain_side_gives_the_same_rates(frame: pd.DataFrame) -> None:
    """Rates, their intervals and differences, sums and what they cost are equal too."""
    near = np.testing.assert_allclose
    by_bucket = rates.error_rate(frame).drop(columns="agent", errors="ignore").astype(float)
    near(by_bucket, plain_rate(frame).astype(float), rtol=1e-9, atol=1e-15)
    rate = (
        rates.error_rate(frame, by="hour_of_week", independent="calls")
        .drop(columns="score_without_worst_week")
        .astype(float)
    )
    near(rate, plain_rate_by_week(frame).astype(float), rtol=1e-9)
    whole = rates.join_rate(frame, by="total", independent="calls").astype(float)
    total = summed(frame, ["total_count", "joined_count"])
    near(whole, plain_wilson(*total.T.to_numpy()).astype(float), rtol=1e-9)
    found, ((a, b), _) = table(halves(frame, independent="calls")), plain_difference(frame)
    if "agent" in frame:  # which has the first agents alone in its first half
        both = found.dropna().index
        found, a, b = found.loc[both], a.loc[both], b.loc[both]
    near(found["difference"].astype(float), a["rate"] - b["rate"], atol=1e-12)
    down = np.hypot(a["rate"] - a["low"], b["high"] - b["rate"])
    near(found["low"].astype(float), a["rate"] - b["rate"] - down, atol=1e-12)
    mean = rates.average_call_duration(frame)
    talk = summed(frame, ["joined_count", "duration"])
    plain = pd.to_timedelta(talk["duration"] / talk["joined_count"]).dt.total_seconds()
    ours = mean["average_call_duration"].dt.total_seconds() if "agent" in frame else [mean / SECOND]
    near(ours, plain, atol=1e-6)
    micro = summed(frame.assign(micro=(frame["billed_minutes"] * 1e6).round()), ["micro"])["micro"]
    amounts = billing.cost(frame)
    ours = amounts["cost"].astype(float) if "agent" in frame else [float(amounts)]
    near(ours, micro * 0.05e-6, atol=0.00501)
    if "agent" in frame:
        found = funnel.funnel(frame)
        limits = funnel.limits_at(found, found["calls"].to_numpy(), chance_alone=True)
        limits = limits[["low_998", "low_95", "high_95", "high_998"]]
        near(limits, pd.DataFrame(plain_funnel(frame)))


def numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Measures of a frame as numbers, talk in microseconds, and its hours where it has them."""
    names = ["total_count", "error_count", "joined_count", "duration", "billed_minutes", "hours"]
    whole = frame.assign(duration=frame["duration"].astype("int64"))
    return whole[[name for name in names if name in frame]].astype("float64")


def table(found: Any) -> pd.DataFrame:
    """A row a group; of one series its only row."""
    return found.to_frame().T if isinstance(found, pd.Series) else found


def test_the_plain_side_reconciles_alike() -> None:
    """Each check finds as many failures as plain pandas does, where there are some."""
    usage = reply(8_760)
    hourly = usage.hourly.copy()
    hourly.iloc[[5, 500], hourly.columns.get_loc("total_count")] += 1
    hourly.iloc[[7, 70, 700], hourly.columns.get_loc("billed_minutes")] += 1000
    flawed = replace(usage, hourly=hourly)
    days, *buckets = plain_reconcile(flawed)
    failures = quality.reconcile(flawed)["failures"]
    assert failures.iloc[:5].tolist() == days.tolist()
    assert days.tolist() == [2, 0, 0, 0, 3]
    assert failures.iloc[5:9].tolist() == [int(count) for count in buckets]
