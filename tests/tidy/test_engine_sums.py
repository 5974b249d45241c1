"""Sums of large tables by group and bucket, in the engines that every installation has."""

import duckdb
import matplotlib.axes
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import usage_analysis as ua
from tests.tidy.tables import HOUR, MEASURES, expected, instant, random_table, same, write_parts

WINDOW = {"start": "2025-10-20", "end": "2026-03-09", "as_of": "2026-03-08 14:20"}
PERIODS = ["h", "D", "W", "W-SAT", "MS", "QS", "YS"]
ZONES = ["UTC", "America/New_York", "Asia/Kolkata"]


@pytest.fixture(scope="module")
def table():
    return random_table(2_000, **WINDOW)


@pytest.fixture(scope="module")
def paths(table, tmp_path_factory):
    return write_parts(table, tmp_path_factory.mktemp("parts"))


@pytest.fixture(params=["pandas", "pyarrow", "polars", "duckdb"])
def engine(request, table, paths):
    """The table in an engine."""
    made = {
        "pandas": lambda: table,
        "pyarrow": lambda: pa.Table.from_pandas(table),
        "polars": lambda: pl.scan_parquet(paths),
        "duckdb": lambda: duckdb.read_parquet(paths),
    }
    return made[request.param]()


# Each period and each zone once in every run; all pairs of them in CI.
PAIRS = [
    pytest.param(every, zone, marks=() if zone == ZONES[place % len(ZONES)] else pytest.mark.slow)
    for place, every in enumerate(PERIODS)
    for zone in ZONES
]


@pytest.mark.parametrize(("every", "zone"), PAIRS)
def test_sums_are_those_of_the_whole_frame(engine, table, every, zone):
    """Group, bucket, zone and flags are as though the whole frame had gone through pandas."""
    window = {"from_date": "2025-10-20T00:00Z", "to_date": "2026-03-08T23:59:59Z"}
    sums = ua.sum_usage(
        engine, by="tenant", every=every, timezone=zone, as_of="2026-03-08T14:20Z", **window
    )
    same(sums, expected(table, "tenant", every, zone, **WINDOW))


@pytest.mark.parametrize("engine", ["pandas", "polars", "duckdb"], indirect=True)
def test_nothing_is_lost_past_what_a_float_holds(engine, table):
    """Sums are Python's own of the same integers, to the last microsecond and micro-minute."""
    sums = ua.sum_usage(engine, every="YS", as_of="2026-04-01T00:00Z")
    years = pd.to_datetime(table["time"], unit="us").dt.year
    for year, rows in table.groupby(years):
        (found,) = np.flatnonzero(sums.index.year == year)
        total = {name: sum(rows[name].tolist()) for name in MEASURES}
        assert total["duration"] > 2**53
        assert sums["duration"].to_numpy("m8[us]").view("i8")[found] == total["duration"]
        assert sums["billed_minutes"].iloc[found] == total["billed_micro"] / 1e6
        for name in MEASURES[:3]:
            assert sums[name].iloc[found] == total[name]


@pytest.mark.parametrize(
    "convert", [lambda f: f, pl.from_pandas, pa.Table.from_pandas, duckdb.from_df]
)
def test_a_sum_past_64_bits_is_refused(convert):
    """A sum that no integer of 64 bits holds is an error, never a number that has come round."""
    counts = {"time": [0, HOUR], "total_count": [2**62, 2**62]}
    with pytest.raises(ua.QueryError, match="sums of total_count that 64 bits hold"):
        ua.sum_usage(convert(pd.DataFrame(counts)), every="D")
    counts["total_count"][1] -= 1
    assert ua.sum_usage(convert(pd.DataFrame(counts)), every="D")["total_count"].tolist() == [
        2**63 - 1
    ]


def test_several_columns_make_one_group(table):
    """Groups of two columns are one column, whose sums are those of the rows with both values."""
    over = {"every": "MS", "as_of": "2026-04-01T00:00Z"}
    sums = ua.sum_usage(table, by=["tenant", "scope"], **over)
    assert sums.columns[0] == "tenant / scope"
    kept = ua.sum_usage(table, where={"tenant": "acme", "scope": ["scope 3"]}, **over)
    alone = sums[sums["tenant / scope"] == "acme / scope 3"]
    same(alone.drop(columns="tenant / scope").loc[kept.index[0] : kept.index[-1]], kept)
    doubtful = table.head(2).assign(tenant=["a / b", "a"], scope=["c", "b / c"])
    with pytest.raises(ua.QueryError, match='by: expected values without " / "'):
        ua.sum_usage(doubtful, by=["tenant", "scope"])


def test_rows_are_kept_by_value_and_by_date(engine, table):
    """`where` keeps values of columns and the dates keep whole days of the zone, both inclusive."""
    sums = ua.sum_usage(
        engine,
        by="scope",
        every="D",
        where={"tenant": ["acme", "x"]},
        from_date="2025-10-31",
        to_date="2025-11-02",
        timezone="America/New_York",
    )
    days = ["2025-10-31 00:00-04:00", "2025-11-01 00:00-04:00", "2025-11-02 00:00-04:00"]
    assert sums["complete"].all()
    assert sums["hours"].tolist() == [24, 24, 25] * sums["scope"].nunique()
    assert list(sums.index[:3]) == [pd.Timestamp(day) for day in days]
    inside = table["time"].between(instant("2025-10-31 04:00"), instant("2025-11-03 04:59"))
    rows = table[inside & (table["tenant"] != "öl & gas")]
    assert sums["scope"].unique().tolist() == sorted(rows["scope"].unique())
    assert sums["total_count"].sum() == rows["total_count"].sum()


def test_window_is_the_days_from_first_row_to_last():
    """Without dates whole days of the zone are summed, and all of them are over."""
    table = random_table(40, start="2026-02-03", end="2026-02-06 01:00").drop(columns="fetched")
    daily = ua.sum_usage(table, every="D", timezone="Asia/Tokyo")
    assert [f"{day:%m-%d}" for day in daily.index] == ["02-03", "02-04", "02-05", "02-06"]
    assert daily["complete"].all()
    assert not daily["provisional"].any()
    assert daily["total_count"].sum() == table["total_count"].sum()


def test_nothing_lies_after_the_last_reply():
    """Buckets that had not begun have no row, and those not over or not yet billed are marked."""
    table = random_table(90, start="2026-02-03", end="2026-02-04", as_of="2026-02-03 20:30")
    by_fetch = ua.sum_usage(table)
    assert by_fetch.index[-1] == pd.Timestamp("2026-02-03 20:00Z")
    assert by_fetch["provisional"].sum() == 3
    same(ua.sum_usage(table, as_of="2026-02-03T20:30Z"), by_fetch)
    (day,) = ua.sum_usage(table, every="D")[["complete", "provisional"]].to_dict("records")
    assert day == {"complete": False, "provisional": True}


def test_a_window_without_a_row_is_zeros(engine):
    """A window that nothing lies in is zeros for one series, and has no group."""
    window = {"from_date": "2031-01-01", "to_date": "2031-01-02", "as_of": "2031-02-01T00:00Z"}
    none = ua.sum_usage(engine, every="D", **window)
    assert none["total_count"].tolist() == [0, 0]
    assert none["complete"].all()
    grouped = ua.sum_usage(engine, by="scope", every="D", **window)
    assert list(grouped) == ["scope", *none]
    assert len(grouped) == 0
    assert ua.sum_usage(engine, **window | {"as_of": "2030-01-01T00:00Z"}).empty


@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.integers(0, 2**40)), min_size=1, unique_by=lambda r: r[0]
    ),
    st.sampled_from(PERIODS),
    st.sampled_from([*ZONES, "Pacific/Apia", "Australia/Lord_Howe"]),
)
def test_every_call_is_in_one_bucket(rows, every, zone):
    """Whatever the period and the zone, sums over all buckets are the table's."""
    first = instant("2011-12-25")
    table = pd.DataFrame(rows, columns=["time", "duration"])
    table["time"] = first + table["time"] * HOUR
    table["total_count"] = table["duration"]
    sums = ua.sum_usage(table, every=every, timezone=zone)
    assert sums["duration"].to_numpy("m8[us]").view("i8").sum() == table["duration"].sum()
    assert sums["total_count"].sum() == pytest.approx(table["total_count"].sum())
    assert sums.index.is_monotonic_increasing
    assert sums.index.is_unique


@pytest.mark.parametrize("every", ["D", "MS", "QS"])
def test_a_clock_put_back_over_midnight(every):
    """Where September's last hour came twice, both are September's, as in pandas."""
    window = {"start": "2005-08-01", "end": "2005-12-01", "as_of": "2005-12-24"}
    table = random_table(30_000, **window, scopes=1)
    again = instant("2005-09-30 21:00")
    assert {again - HOUR, again, again + HOUR} <= set(table["time"])
    sums = ua.sum_usage(
        table,
        every=every,
        timezone="Asia/Damascus",
        from_date="2005-08-01T00:00Z",
        to_date="2005-11-30T23:59:59Z",
    )
    same(sums, expected(table, None, every, "Asia/Damascus", **window))


def test_helpers_and_figures_take_the_sums(table):
    """What comes back is a canonical frame: rates, profiles, zones and figures take it."""
    hourly = ua.sum_usage(table.assign(error_count=table["total_count"] // 9), by="tenant")
    groups = ["acme", "x", "öl & gas"]
    rate = ua.error_rate(hourly, by="tenant")
    assert rate["rate"].to_numpy() == pytest.approx(1 / 9, rel=1e-4)
    assert list(rate.index) == groups
    profile = ua.load_profile(ua.in_timezone(hourly, "America/New_York"))
    assert len(profile) == 3 * 24
    assert list(ua.busy_hour(hourly).index) == groups
    assert {axes.get_title(loc="left") for axes in ua.plot_groups(hourly)} >= set(groups[:2])
    months = ua.sum_usage(table, by="tenant", every="MS")
    assert isinstance(
        ua.plot_trend(months[months["tenant"] == "x"].drop(columns="tenant")), matplotlib.axes.Axes
    )
    assert len(ua.cost(months)) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"by": "agent"}, "by: expected one of the columns scope, time.*got 'agent'"),
        ({"where": {"agent": "a"}}, "where: expected one of the columns scope.*got 'agent'"),
        ({"by": ["scope", "scope"]}, "by: expected each column once"),
        ({"by": "duration"}, "name: expected a group column that is not named like a column"),
        ({"every": "M"}, 'every: expected "D", "W", "W-SAT", "MS", "QS" or "YS", got \'M\''),
        ({"timezone": "Mars"}, "timezone: expected an IANA name"),
        ({"as_of": "2026-01-01"}, "as_of: expected a date and time with its zone"),
        ({"from_date": "yesterday"}, "from_date: expected"),
        (
            {"where": {"scope": "none"}},
            "frame: expected rows, or from_date and to_date, got no row",
        ),
    ],
)
def test_what_does_not_fit_is_told_by_name(table, arguments, message):
    """A wrong argument is an error that names it, says what came and what fits."""
    with pytest.raises(ua.QueryError, match=message):
        ua.sum_usage(table, **arguments)


def test_frames_that_do_not_fit_are_told(table):
    """A frame of another kind, without the columns or with missing groups is refused."""
    with pytest.raises(ua.QueryError, match=r"frame: expected a DataFrame of Dask.*got list"):
        ua.sum_usage([table])
    with pytest.raises(ua.QueryError, match=r"a column time of integers.*got none"):
        ua.sum_usage(table.drop(columns="time"))
    with pytest.raises(ua.QueryError, match=r"a column duration of integers.*got Float64"):
        ua.sum_usage(table.assign(duration=1.5))
    with pytest.raises(ua.QueryError, match="by: expected a value of tenant in every row"):
        ua.sum_usage(
            table.assign(tenant=table["tenant"].where(table["tenant"] != "x")), by="tenant"
        )


def test_an_answer_too_long_for_memory_is_refused():
    """Ten thousand groups by hour over a quarter are refused before they fill memory."""
    hours = instant("2026-01-01") + np.arange(10_000) % 2_200 * HOUR
    table = pd.DataFrame({"scope": np.arange(10_000), "time": hours, "total_count": 1})
    with pytest.raises(ua.QueryError, match="2,208 buckets in each of 10,000 groups; ask for"):
        ua.sum_usage(table, by="scope")
    assert len(ua.sum_usage(table, by="scope", every="MS")) == 40_000
