"""Peaks: profiles and busy hours of the frame's own clock, over the hours there really were."""

from __future__ import annotations

import itertools
import json
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from tests.analysis.frames import hours
from usage_analysis.analysis.busiest import days_in_words, describe_peak
from usage_analysis.analysis.peaks import busy_hour, peak_hours
from usage_analysis.analysis.profiles import load_profile
from usage_analysis.errors import QueryError
from usage_analysis.query import UsageQuery
from usage_analysis.tidy.periods import in_timezone
from usage_analysis.tidy.usage import CallUsage

DAY = [*range(23), 50]
OTHER = [60, *range(1, 23), 0]


def test_the_methods_differ_as_defined() -> None:
    """The consistent hour has the greatest mean, the daily peak averages each day's greatest."""
    hourly = hours(DAY * 2 + OTHER)
    tcbh = busy_hour(hourly)
    assert tcbh.tolist()[:3] == [23, 100 / 3, 2 / 3]
    adph = busy_hour(hourly, method="adph")
    assert adph.tolist()[:3] == [23, 160 / 3, 2 / 3]
    fixed = busy_hour(hourly, method="fdmh", hour=5)
    assert fixed.tolist()[:3] == [5, 5.0, 0.0]
    mean_day = (2 * sum(DAY) + sum(OTHER)) / 3
    assert tcbh["busy_hour_to_day"] == pytest.approx(100 / 3 / mean_day)
    assert tcbh["peak_to_average"] == pytest.approx(24 * 100 / 3 / mean_day)


def test_busy_hours_look_at_whole_days() -> None:
    """Days that lack a clock hour, or hold a provisional one, are left out."""
    hourly = hours(DAY * 3 + [999] * 5)
    assert busy_hour(hourly)["days"] == 3
    hourly.loc[hourly.index[30], "provisional"] = True
    assert busy_hour(hourly)[["days", "left_out"]].tolist() == [2, 2]
    spring = hours([1] * 71, "2026-03-07", "America/New_York")
    assert busy_hour(spring)[["days", "left_out"]].tolist() == [2, 1]
    assert busy_hour(spring, days="workdays")[["days", "left_out"]].tolist() == [1, 0]


def test_a_repeated_hour_counts_as_one() -> None:
    """The hour that autumn repeats counts as one of mean load."""
    hourly = hours([0, 6, 10, *[0] * 22], "2026-11-01", "America/New_York")
    found = busy_hour(hourly)
    assert found.tolist()[:3] == [1, 8.0, 1.0]
    assert found["busy_hour_to_day"] == 1


def test_days_may_be_chosen() -> None:
    """Workdays leave the named weekend out, and the top days have the greatest totals."""
    week = hours([value for day in range(7) for value in [*[0] * 23, 10 + day]])
    assert busy_hour(week, days="workdays")["value"] == 12
    friday = busy_hour(week, days="workdays", weekend=("Fri", "Sat"))
    assert friday["value"] == pytest.approx((10 + 11 + 12 + 13 + 16) / 5)
    assert busy_hour(week, days="top5")["value"] == 14
    assert busy_hour(week, days="top30")["days"] == 7


def test_no_calls_have_no_busy_hour() -> None:
    """Days without a call have a load of 0 and no busy hour."""
    found = busy_hour(hours([0] * 24))
    assert found[["value", "days", "left_out"]].tolist() == [0, 1, 0]
    assert found.drop(["value", "days", "left_out"]).isna().all()


def test_no_whole_day_is_refused() -> None:
    """Without a whole day there is nothing to say, and the error says what to do."""
    with pytest.raises(QueryError, match="at least one whole local day"):
        busy_hour(hours([1] * 23))


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ({"method": "max"}, 'method: expected "tcbh", "adph" or "fdmh", got \'max\''),
        ({"method": "fdmh"}, "hour: expected 0 to 23"),
        ({"hour": 3}, 'hour: expected none with method "tcbh", got 3'),
        ({"days": "top10"}, "days: expected"),
        ({"weekend": ("Saturday",)}, "weekend: expected days out of"),
        ({"weekend": "Sat"}, "weekend: expected days out of"),
        ({"measure": "calls"}, "measure: expected .*'calls'"),
        ({"measure": "billed_minutes"}, "busy_hour needs the column billed_minutes"),
    ],
)
def test_bad_arguments_are_named(argument: dict[str, object], words: str) -> None:
    """A bad argument is refused by name, with what came and what is accepted."""
    with pytest.raises(QueryError, match=words):
        busy_hour(hours(DAY), **argument)  # type: ignore[call-overload]


def test_the_busiest_hours_of_the_week() -> None:
    """Peak hours are the greatest means of the week's hours, with their share of those weekdays."""
    weeks = hours(([*[0] * 9, 5, 7, *[0] * 157]) * 2 + [*[0] * 9, 8, 1, *[0] * 157])
    found = peak_hours(weeks, 5)
    assert found["hour"].tolist() == [9, 10]
    assert found["day_of_week"].tolist() == [0, 0]
    assert found["mean"].tolist() == [6.0, 5.0]
    assert found["share_of_days"].round(9).tolist() == [round(1 / 3, 9), round(2 / 3, 9)]
    assert found.index.tolist() == [1, 2]
    late = weeks.assign(provisional=np.arange(len(weeks)) > len(weeks) - 4)
    assert peak_hours(late).attrs["left_out"] == 3


def test_shares_of_days_have_intervals() -> None:
    """The share of days at the peak comes with Wilson's interval of so many days."""
    odd = hours([*[0] * 9, 5, 7, *[0] * 13] * 4 + [*[0] * 9, 9, *[0] * 14] * 3)
    for method, confidence in itertools.product(("tcbh", "fdmh"), (0.95, 0.8)):
        named = {"hour": 10} if method == "fdmh" else {}
        found = busy_hour(odd, method=method, confidence=confidence, **named)  # type: ignore[call-overload]
        peaks = 4 if method == "fdmh" else 3
        assert found[["share_of_days", "days"]].tolist() == [peaks / 7, 7]
        expected = proportion_confint(peaks, 7, 1 - confidence, method="wilson")
        assert found[["share_low", "share_high"]].tolist() == pytest.approx(expected)
    silent = busy_hour(hours([0] * 48))
    assert silent[["share_of_days", "share_low", "share_high"]].isna().all()
    weeks = hours(([*[0] * 9, 5, 7, *[0] * 157]) * 2 + [*[0] * 9, 8, 1, *[0] * 157])
    both = pd.concat([weeks.assign(agent=name) for name in "ba"])
    top = peak_hours(both[["agent", *weeks.columns]], 2, confidence=0.9)
    for row, peaks in zip(top.itertuples(), (1, 2) * 2, strict=True):
        expected = proportion_confint(peaks, 3, 0.1, method="wilson")
        assert [row.share_low, row.share_high] == pytest.approx(expected)


def test_peak_hours_of_each_group() -> None:
    """A breakdown has its own busiest hours a group."""
    both = pd.concat([hours(DAY, agent="b"), hours(OTHER, agent="a")])
    assert peak_hours(both, 1)["hour"].to_dict() == {("b", 1): 23, ("a", 1): 0}
    assert peak_hours(both, 1, measure="duration")["mean"].iloc[0] == pd.Timedelta("150min")


def test_the_peak_in_words() -> None:
    """The sentence names the weekday, the clock hour, the zone, the mean, the share and the n."""
    tuesday = [*[0] * 38, 212, *[0] * 129]
    assert describe_peak(hours(tuesday * 3, "2026-01-05", zone="America/New_York")) == (
        "busiest: Tuesdays 14:00-15:00 (America/New_York), 212 calls on average, "
        "the day's peak on 100 % of Tuesdays (95 % interval 44 to 100 %); 3 Tuesdays, 10th to 90th "
        "percentile 212 to 212"
    )


def test_the_sentence_counts_the_days_that_the_table_counts() -> None:
    """A day whose clock skips an hour is in no share, and the sentence says so, with the reason."""
    spring = hours([*DAY * 8][: 24 * 8 - 1], "2026-03-07", "America/New_York")
    few = spring.iloc[: 24 * 5 - 1]
    told = describe_peak(few)
    assert isinstance(told, str)
    found = busy_hour(few)
    assert found[["days", "left_out"]].tolist() == [4, 1]
    assert told.endswith(
        "; 4 days, 10th to 90th percentile 15 to 50; left out: 1 whose clock skips an hour"
    )
    sundays = hours([*[0] * 12, 9, *[0] * 155] * 5, "2026-02-22", "America/New_York").iloc[:-1]
    table = peak_hours(sundays, 1).iloc[0]
    assert table[["n", "days"]].tolist() == [5, 4]
    assert (
        "the day's peak on 50 % of the 4 whole Sundays (95 % interval 15 to 85 %); 5 Sundays"
    ) in str(describe_peak(sundays))
    assert days_in_words(spring) == "7 whole days; left out: 1 whose clock skips an hour"
    cut = spring.iloc[:-3]
    assert days_in_words(cut) == (
        "6 whole days; left out: 1 whose clock skips an hour and 1 not whole or provisional"
    )


def test_few_data_say_so() -> None:
    """With few days the sentence speaks of the day's hour, with fewer it says that, or no calls."""
    assert describe_peak(hours(DAY * 4)).startswith("busiest: 23:00-24:00 (UTC), 50 calls")
    assert "too few data to say, 2 whole days" in describe_peak(hours(DAY * 2))
    assert describe_peak(hours([0] * 24)) == (
        "busiest: no hour, for there are no calls in 24 finished hours (UTC)"
    )
    assert describe_peak(hours([*[1] * 6, *[0] * 666])) == (
        "busiest: too few calls to say, 6 in 672 finished hours (UTC)"
    )
    running = hours([10] * 48).assign(provisional=True)
    assert describe_peak(running) == (
        "busiest: no finished hour to look at (UTC, 48 provisional left out)"
    )
    running.loc[running.index[0], "provisional"] = False
    assert "10 in 1 finished hour (UTC, 47 provisional left out)" in describe_peak(running)
    assert "no whole" not in describe_peak(hours([0] * 72 + [50]))
    assert "no calls on 3 whole days" in describe_peak(hours([0] * 72 + [50]))
    both = pd.concat([hours(DAY * 4, agent="b"), hours([0] * 24, agent="a")])
    assert describe_peak(both)["sentence"].str[:15].to_dict() == {
        "b": "busiest: 23:00-",
        "a": "busiest: no hou",
    }


def test_no_hour_is_made_up() -> None:
    """Where all hours are alike, or several share the greatest mean, the sentence names none."""
    for days in (10, 28):
        assert describe_peak(hours([20] * 24 * days)).startswith(
            "busiest: no hour stands out from chance, at most 20 calls on average beside 20 over "
            "all hours (UTC); "
        )
    noon = [*[0] * 12, 9, 9, *[0] * 154]
    assert describe_peak(hours(noon * 3)) == (
        "busiest: no one hour, Mondays 12:00-13:00 and 1 other of the week share 9 calls on "
        "average (UTC); 504 hours"
    )
    assert describe_peak(hours([*[0] * 9, *[25] * 3, *[0] * 12] * 4)) == (
        "busiest: no one hour, 09:00-10:00 and 2 others of the day share 25 calls on average "
        "(UTC); 4 days"
    )
    late = hours(noon * 3).assign(provisional=np.arange(504) >= 503)
    assert describe_peak(late).endswith("(UTC); 503 hours; left out: 1 provisional hour")


@pytest.mark.parametrize("calls", [0.1, 1, 30])
@pytest.mark.parametrize("days", [5, 28])
def test_chance_seldom_names_an_hour(calls: float, days: int) -> None:
    """Of accounts whose hours differ by chance alone at most 1 in 10 is told a busiest hour."""
    rng = np.random.default_rng([days, int(10 * calls)])
    told = [
        describe_peak(hours(rng.poisson(calls * rng.gamma(2, 1 / 2, 24 * days)).tolist()))
        for _ in range(40)
    ]
    assert sum("on average, the day" in sentence for sentence in told) <= 4
    busy = 1 + 9.0 * (np.arange(24 * days) % 24 == 14)
    found = describe_peak(hours(rng.poisson(max(calls, 1) * busy).tolist()))
    assert " 14:00-15:00 " in found


series = st.lists(st.integers(0, 1000), min_size=72, max_size=240)
places = st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"])
starts = st.sampled_from(["2026-03-06", "2026-04-03", "2026-10-02", "2026-10-30"])


@settings(max_examples=60, deadline=None)
@given(series, places, starts)
def test_each_day_peaks_no_lower_than_the_days_together(
    counts: list[int], zone: str, start: str
) -> None:
    """Over the same days adph >= tcbh >= any fixed hour, and both >= the mean hour."""
    hourly = in_timezone(hours(counts, start), zone)
    tcbh, adph = busy_hour(hourly), busy_hour(hourly, method="adph")
    assert adph["days"] == tcbh["days"]
    assert adph["value"] >= tcbh["value"] - 1e-9
    fixed = [busy_hour(hourly, method="fdmh", hour=hour)["value"] for hour in (0, 9, 23)]
    assert tcbh["value"] >= max(fixed) - 1e-9
    assume(tcbh["value"] > 0)
    assert adph["share_of_days"] > 0
    for found in (tcbh, adph):
        assert found["peak_to_average"] >= 1 - 1e-9


@settings(max_examples=20, deadline=None)
@given(series, places, st.randoms(use_true_random=False))
def test_row_order_does_not_matter(counts: list[int], zone: str, random: Random) -> None:
    """Profiles, busy hours and peaks are the same whatever the order of the rows."""
    parts = [hours(counts[:72], agent="b"), hours(counts[-72:], agent="a")]
    both = in_timezone(pd.concat(parts), zone)
    mixed = both.iloc[random.sample(range(len(both)), len(both))]
    for by in ("hour_of_day", "hour_of_week"):
        one, two = load_profile(both, by=by), load_profile(mixed, by=by)
        pd.testing.assert_frame_equal(one.sort_index(), two.sort_index())
    pd.testing.assert_frame_equal(busy_hour(both).sort_index(), busy_hour(mixed).sort_index())
    one, two = (peak_hours(f, measure="traffic").sort_index() for f in (both, mixed))
    pd.testing.assert_frame_equal(one, two)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from([0, 0, 3, 7]), min_size=72, max_size=72), st.randoms())
def test_zero_rows_need_not_be_sent(counts: list[int], random: Random) -> None:
    """The answer is the same whether the server sent its zero rows, and in whatever order."""
    rows = [
        {"date": f"2026-03-0{2 + place // 24}", "hour": place % 24, "totalCount": count}
        | {
            "errorCount": 0,
            "joinedCount": count,
            "duration": f"{count}s",
            "billedMinutes": count / 10,
        }
        for place, count in enumerate(counts)
    ]
    total = {key: rows[0][key] for key in rows[0] if key not in ("date", "hour")}
    query = UsageQuery(from_date="2026-03-02", to_date="2026-03-04")
    sent = []
    for hourly in (rows, [row for row in random.sample(rows, 72) if row["totalCount"]]):
        body = json.dumps({"allTime": total, "daily": [], "hourly": hourly})
        sent.append(CallUsage.from_json(body, query=query, as_of="2026-03-09T00:00Z").hourly)
    pd.testing.assert_frame_equal(load_profile(sent[0]), load_profile(sent[1]))
    pd.testing.assert_series_equal(busy_hour(sent[0]), busy_hour(sent[1]))
