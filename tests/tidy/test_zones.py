"""Local clocks: every zone and change of the clock, beside plain loops over zoneinfo.

Covers hour_splitting.
"""

from __future__ import annotations

import zoneinfo
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_analysis.analysis.profiles import load_profile, traffic_intensity
from usage_analysis.errors import QueryError
from usage_analysis.tidy.periods import aggregate, in_timezone
from usage_analysis.tidy.zones import clock_hours, first_instants

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@cache
def zones() -> list[str]:
    """One name for each distinct set of rules in the IANA database, as tzdata ships it."""
    known = {}
    for name in sorted(zoneinfo.available_timezones()):
        *folders, last = name.split("/")
        path = files(".".join(["tzdata", "zoneinfo", *folders])) / last
        known.setdefault(path.read_bytes() if path.is_file() else name.encode(), name)
    return list(known.values())


@cache
def changes(name: str) -> list[datetime]:
    """UTC hours of 2015 to 2030 in which a zone's offset changes."""
    zone, found = ZoneInfo(name), []
    instant, last = datetime(2015, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
    before = instant.astimezone(zone).utcoffset()
    while instant < last:
        after = (instant + DAY).astimezone(zone).utcoffset()
        if after != before:
            hour = instant
            while (hour + HOUR).astimezone(zone).utcoffset() == before:
                hour += HOUR
            found.append(hour)
        instant, before = instant + DAY, after
    return found


def frame(start: datetime, n: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    index = pd.date_range(start, periods=n, freq="h", name="time").as_unit("us")
    return pd.DataFrame(
        {
            "total_count": rng.integers(0, 1000, n),
            "duration": rng.integers(0, 10**11, n).view("m8[us]"),
            "billed_minutes": rng.integers(0, 9000, n) / 10,
            "provisional": False,
        },
        index=index,
    )


def day_length(zone: ZoneInfo, day: datetime) -> float:
    """Elapsed hours of a local day, by a loop over its quarter hours."""
    instant = (day.replace(tzinfo=zone) - 2 * HOUR).astimezone(UTC)
    hours = [(instant + n * HOUR).astimezone(zone).date() for n in range(30)]
    edges = [n for n in range(29) if (hours[n] == day.date()) != (hours[n + 1] == day.date())]
    quarters = 4 * hours.count(day.date())
    for n in edges:
        # The hour that midnight cuts is looked at by quarters.
        parts = [(instant + n * HOUR + q * HOUR / 4).astimezone(zone).date() for q in range(4)]
        quarters += parts.count(day.date()) - 4 * (hours[n] == day.date())
    return quarters / 4


@pytest.mark.slow
def test_every_change_of_every_zone() -> None:
    """Over each change of the clock totals are kept, rows sorted and unique, days their length."""
    seen, alike = 0, set()
    for name in zones():
        zone = ZoneInfo(name)
        # A zone that changes nothing keeps its days too.
        some = changes(name) or [datetime(2026, 1, 15, tzinfo=UTC)]
        # Many zones differ in years before these only.
        offsets = [(one, (one + 2 * HOUR).astimezone(zone).utcoffset()) for one in some]
        rules = (some[0].astimezone(zone).utcoffset(), *offsets)
        if rules in alike:
            continue
        alike.add(rules)
        for change in some:
            midnight = change.replace(hour=0)
            hourly = frame(midnight - timedelta(days=2), 24 * 5, seen)
            local = in_timezone(hourly, name)
            assert local.index.is_monotonic_increasing, (name, change)
            assert local.index.is_unique, (name, change)
            days = aggregate(local, "D")
            for one in (local, days):
                assert abs(one["total_count"].sum() - hourly["total_count"].sum()) < 1e-9 * 10**5
                assert one["duration"].sum() == hourly["duration"].sum(), (name, change)
                np.testing.assert_allclose(
                    one["billed_minutes"].sum(), hourly["billed_minutes"].sum(), rtol=1e-9
                )
            whole = days[days["complete"]]
            assert 3 <= len(whole) <= 5, (name, change)
            for start, hours in zip(whole.index, whole["hours"], strict=True):
                midnight = start.to_pydatetime().replace(hour=0, minute=0, tzinfo=None)
                assert hours == day_length(zone, midnight), (name, change, start)
            seen += 1
    assert seen > 1000


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if place % 7 else [])
        for place, name in enumerate(zones())
    ],
)
def test_every_hour_of_a_zone_is_a_clock_hour(name: str) -> None:
    """In any zone each row begins on the hour of its clock, or where the clock changes."""
    hourly = frame(datetime(2026, 1, 1, tzinfo=UTC), 8760)
    local = in_timezone(hourly, name)
    index = local.index
    off = (index.minute != 0) | (index.second != 0)
    assert off.sum() <= 4
    assert index.is_monotonic_increasing
    assert index.is_unique
    assert abs(local["total_count"].sum() - hourly["total_count"].sum()) < 1e-9 * 10**7
    assert local["duration"].sum() == hourly["duration"].sum()


def key_of(moment: datetime) -> tuple[datetime, timedelta | None]:
    """Local clock hour and offset."""
    return moment.replace(tzinfo=None, minute=0, fold=0), moment.utcoffset()


def twin(hourly: pd.DataFrame, name: str) -> dict[tuple[datetime, timedelta | None], float]:
    """Calls by local clock hour and offset, by quarter hours, in plain Python."""
    zone = ZoneInfo(name)
    out: dict[tuple[datetime, timedelta | None], float] = defaultdict(float)
    for start, calls in zip(hourly.index, hourly["total_count"], strict=True):
        for quarter in range(4):
            out[key_of((start.to_pydatetime() + quarter * HOUR / 4).astimezone(zone))] += calls / 4
    return dict(out)


PLACES = [
    "UTC",
    "America/New_York",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "America/St_Johns",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Europe/Dublin",
    "Antarctica/Troll",
]
windows = st.builds(
    lambda place, change, before, n, seed: (
        place,
        frame(
            ([EPOCH, *changes(place)])[change % (len(changes(place)) + 1)] - before * HOUR, n, seed
        ),
    ),
    st.sampled_from(PLACES),
    st.integers(0, 100),
    st.integers(0, 60),
    st.integers(1, 100),
    st.integers(0, 1000),
)


@given(windows)
def test_local_hours_are_the_twins(case: tuple[str, pd.DataFrame]) -> None:
    """Calls by local hour and offset are those of a plain loop over zoneinfo."""
    name, hourly = case
    local = in_timezone(hourly, name)
    found = {key_of(start.to_pydatetime()): n for start, n in local["total_count"].items()}
    expected = twin(hourly, name)
    assert found.keys() == expected.keys()
    for key, calls in expected.items():
        assert found[key] == pytest.approx(calls, abs=1e-9)


@given(windows)
def test_profiles_are_the_twins(case: tuple[str, pd.DataFrame]) -> None:
    """Mean load by hour of the day and of the week is that of a plain loop over zoneinfo."""
    name, hourly = case
    local = in_timezone(hourly, name)
    cut = {key_of(start) for start in local.index[local["provisional"]]}
    assert len(cut) <= 2
    calls: dict[tuple[str, int], float] = defaultdict(float)
    hours: dict[tuple[str, int], float] = defaultdict(float)
    for start, count in zip(hourly.index, hourly["total_count"].tolist(), strict=True):
        for quarter in range(4):
            clock = (start.to_pydatetime() + quarter * HOUR / 4).astimezone(ZoneInfo(name))
            if key_of(clock) in cut:
                continue
            week = 24 * clock.weekday() + clock.hour
            slots = {"hour_of_day": clock.hour, "day_of_week": clock.weekday()}
            for slot in (slots | {"hour_of_week": week}).items():
                calls[slot] += count / 4
                hours[slot] += 1 / 4
    for by in ("hour_of_day", "day_of_week", "hour_of_week"):
        profile = load_profile(local, by=by)
        told = profile.index[profile["n"] > 0].tolist()
        assert told == sorted(slot for word, slot in hours if word == by)
        for slot in told:
            mean = calls[by, slot] / hours[by, slot]
            assert profile.loc[slot, "mean"] == pytest.approx(mean, abs=1e-9)
            assert profile.loc[slot, "hours"] == hours[by, slot]


@pytest.mark.parametrize("place", ["Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe"])
@pytest.mark.parametrize(("first", "last"), [(3, 11), (22, 5), (7, 7), (8, 6), (0, 23)])
def test_a_utc_time_of_day_cuts_no_day(place: str, first: int, last: int) -> None:
    """Days of a UTC time of day are whole in zones off the hour, and its hours count as parts."""
    zone = ZoneInfo(place)
    begin, end = (datetime(2026, month, 20, tzinfo=zone) for month in (3, 4))
    asked = {(first + n) % 24 for n in range((last - first) % 24 + 1)}
    hourly = frame(begin.astimezone(UTC).replace(minute=0), 24 * 31 + 1)
    hourly = hourly[[hour in asked for hour in hourly.index.hour]]
    local = in_timezone(hourly, place)
    local = local[(local.index >= begin) & (local.index < end)]
    days = aggregate(local, "D")
    assert len(days) == 31
    assert days["complete"].all()
    assert not days["provisional"].any()
    profile = load_profile(local)
    calls, hours, of_day = np.zeros(24), np.zeros(24), np.zeros(31)
    for start, count in zip(hourly.index, hourly["total_count"].tolist(), strict=True):
        for quarter in range(4):
            clock = (start.to_pydatetime() + quarter * HOUR / 4).astimezone(zone)
            if begin <= clock < end:
                calls[clock.hour] += count / 4
                hours[clock.hour] += 1 / 4
                of_day[(clock.date() - begin.date()).days] += 1 / 4
    np.testing.assert_allclose(days["hours"], of_day)
    np.testing.assert_allclose(profile["hours"], hours, atol=1e-9)
    some = hours > 0
    np.testing.assert_allclose(profile["mean"][some], calls[some] / hours[some])


@given(
    st.sampled_from(PLACES), st.lists(st.integers(-(10**15), 2 * 10**15), min_size=1, max_size=20)
)
def test_first_instants_are_zoneinfos(name: str, local: list[int]) -> None:
    """The first instant at which a clock shows a time is zoneinfo's, in folds and gaps too."""
    zone = ZoneInfo(name)
    found = first_instants(zone, np.array(local, dtype=np.int64))
    for shown, instant in zip(local, found.tolist(), strict=True):
        clock = EPOCH.replace(tzinfo=None) + timedelta(microseconds=shown)
        at = EPOCH + timedelta(microseconds=instant)
        assert at.astimezone(zone).replace(tzinfo=None) >= clock
        just_before = (at - timedelta(microseconds=1)).astimezone(zone).replace(tzinfo=None)
        assert just_before < clock


def test_clock_hours_tile_their_window() -> None:
    """Clock hours follow one another without a gap, from the window's start to its end."""
    low = (datetime(2026, 3, 1, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
    high = low + 40 * 86_400_000_000
    for name in PLACES:
        hours = clock_hours(ZoneInfo(name), low, high)
        assert hours.start[0] == low
        assert hours.end[-1] == high
        assert (hours.start[1:] == hours.end[:-1]).all()
        assert (hours.end - hours.start).max() <= 3_600_000_000


@pytest.mark.parametrize(
    ("name", "hours"),
    [
        ("Asia/Kolkata", [18.5, 24, 5.5]),
        ("Asia/Kathmandu", [18.25, 24, 5.75]),
        ("America/St_Johns", [3.5, 24, 20.5]),
        ("UTC", [24, 24]),
    ],
)
def test_a_half_seen_hour_counts_as_its_half(name: str, hours: list[float]) -> None:
    """Hours at the edges of the data count as far as they are seen, in days and in erlangs."""
    utc = frame(datetime(2026, 3, 2, tzinfo=UTC), 48)
    utc["duration"] = pd.Timedelta(hours=2)
    local = in_timezone(utc.assign(provisional=False), name)
    assert aggregate(local, "D")["hours"].tolist() == hours
    assert traffic_intensity(local).round(9).tolist() == [2.0] * len(local)


def test_a_bad_zone_is_named() -> None:
    """A zone that the database does not know is refused by name."""
    with pytest.raises(QueryError, match=r"timezone: expected an IANA name .* got 'Mars/Olympus'"):
        in_timezone(frame(EPOCH, 3), "Mars/Olympus")
