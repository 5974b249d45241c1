"""A user's own call log stands in for the sample account."""

import warnings
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

import usage_analysis as ua
from usage_analysis import read_calls
from usage_analysis.calls.log import identifier
from usage_analysis.sample import AGENTS

pytestmark = pytest.mark.filterwarnings("ignore:Without a column joined:UserWarning")

TWO = [pd.Timestamp("2026-03-02 09:30", tz="UTC"), pd.Timestamp("2026-03-01 23:59:59", tz="UTC")]


NO_ZONE = (
    "created: expected datetimes with a time zone such as 2026-03-01T09:30:00-05:00, got '2026-"
)


def log(**columns):
    """Two calls, the later one first, with these columns besides."""
    return pd.DataFrame({"created": TWO, **columns})


NAIVE = log(duration=[1, 1]).assign(created=[moment.tz_localize(None) for moment in TWO])


def sums(frame, **filters):
    """Calls, errors, joined, talk and billed minutes of a log; None for what it does not tell."""
    with read_calls(frame) as client:
        daily = client.call_usage(from_date="2026-03-01", to_date="2026-03-02", **filters).daily
    return [
        int(daily["total_count"].sum()),
        int(daily["error_count"].sum()) if "error_count" in daily else None,
        int(daily["joined_count"].sum()),
        daily["duration"].sum() / timedelta(seconds=1),
        round(float(daily["billed_minutes"].sum()), 1) if "billed_minutes" in daily else None,
    ]


@pytest.mark.parametrize(
    "talk",
    [
        {"duration": [61, 0.5]},
        {"duration": ["61s", "PT0.5S"]},
        {"duration": [61, "0.5s"]},
        {"duration": [timedelta(seconds=61), Decimal("0.5")]},
        {"duration": pd.to_timedelta([61, 0.5], unit="s")},
        {"ended": [TWO[0] + timedelta(seconds=61), TWO[1] + timedelta(seconds=0.5)]},
    ],
    ids=["seconds", "text", "mixed", "objects", "timedelta", "ended"],
)
def test_ways_to_say_how_long(talk):
    """A duration may be seconds, text, a timedelta, or follow from the end: the same usage."""
    assert sums(log(**talk)) == [2, None, 2, 61.5, None]


def test_ways_to_say_who_joined():
    """`joined` says whether, or from when on there was talk; without it, whoever talked joined."""
    assert sums(log(duration=[61, 0])) == [2, None, 1, 61.0, None]
    assert sums(log(duration=[61, 30], joined=[True, False])) == [2, None, 1, 61.0, None]
    for nobody in ([None, None], [pd.NaT, pd.NaT], pd.Series([None, None], dtype="M8[us, UTC]")):
        assert sums(log(duration=[61, 30], joined=nobody)) == [2, None, 0, 0.0, None]
    when = pd.Series([TWO[0] + timedelta(seconds=10), None], dtype="datetime64[us, UTC]")
    ended = [TWO[0] + timedelta(seconds=70), TWO[1] + timedelta(seconds=70)]
    assert sums(log(ended=ended, joined=when)) == [2, None, 1, 60.0, None]
    assert sums(log(ended=ended, joined=[str(when[0]), None])) == [2, None, 1, 60.0, None]


def test_errors_are_counted():
    """An error may be true or 1; an empty cell is none."""
    for error in (
        [True, False],
        [1, 0],
        [1.0, None],
        [True, None],
        [np.True_, np.False_],
        pd.array([True, None], dtype="boolean"),
    ):
        assert sums(log(duration=[61, 60], error=error)) == [2, 1, 2, 121.0, None]


def test_own_bills_are_taken_as_they_are():
    """Where the log says what was billed, errors too, that counts, to a tenth of a minute."""
    own = log(duration=[61, 60], error=[True, False], billed_minutes=[1.5, "2"])
    assert sums(own) == [2, 1, 2, 121, 3.5]
    for bad in (-1, 0.25, "much", None, float("inf")):
        with pytest.raises(ua.QueryError, match=r"billed_minutes: expected a multiple of 0\.1"):
            read_calls(log(duration=[61, 60], billed_minutes=[1.5, bad]))


def test_names_are_found_under_their_identifier():
    """An agent's or a voice's UUID is its own, a name has one; missing text fits no filter."""
    known = AGENTS["Front desk"]
    frame = log(duration=[60, 120], agent=["Ann", known.upper()], voice=["deep", None])
    assert sums(frame, agent_ids=[identifier("Ann")])[3] == 60.0
    assert sums(frame, agent_ids=[known])[3] == 120.0
    assert sums(frame, agent_ids=[known, identifier("Ann")])[3] == 180.0
    assert sums(frame, voice_id=identifier("deep"))[0] == 1
    assert identifier(known.upper()) == known


def test_metadata_in_either_form():
    """Metadata are dicts in one column, or a column a key; a number is its text."""
    for columns in (
        {"metadata": [{"tenant": "a", "tier": 1}, None]},
        {"metadata.tenant": ["a", None], "metadata.tier": pd.array([1, None], dtype="Int64")},
        {"metadata.tenant": ["a", None], "metadata.tier": [1.0, None]},
    ):
        frame = log(duration=[60, 120], **columns)
        assert sums(frame, metadata={"tenant": "a"})[0] == 1
        assert sums(frame, metadata={"tenant": "a", "tier": "1"})[0] == 1
        assert sums(frame, metadata={"tenant": "a", "tier": "2"})[0] == 0
    half = log(duration=[60, 120], metadata=[{"vip": True, "share": 0.5}, {"vip": np.False_}])
    assert sums(half, metadata={"vip": "true", "share": "0.5"})[0] == 1
    assert sums(half, metadata={"vip": "false"})[3] == 120.0


def test_summaries_are_searched():
    """`summary` is what `search` looks through."""
    assert sums(log(duration=[60, 120], summary=["A Refund", None]), search="refund")[3] == 60.0


def test_nobody_takes_it_for_the_sample():
    """Usage of a log is of a file, not of the sample account."""
    with read_calls(log(duration=[61, 1])) as client:
        assert client.source == client.call_usage().source == "file"


WINDOWS = [
    {},
    {"from_date": "2026-03-01", "to_date": "2026-03-31"},
    {"from_date": "2026-03-01", "to_date": "2026-03-02", "timezone": "America/New_York"},
]


@pytest.mark.parametrize("window", WINDOWS)
def test_a_whole_log_has_its_last_day(window, tmp_path):
    """A log without `now` is complete and billed: its last day is final, whatever is asked no hour
    follows it, by group neither, and a saved reply tells the same."""
    with read_calls(log(duration=[61, 1], agent=["Ann", "Bo"])) as client:
        usage = client.call_usage(**window)
        people = {name: identifier(name) for name in ("Ann", "Bo")}
        by_agent = client.by_agent(people, include_rest=True, **window)
        assert (
            "2 calls in 30 whole days, 2026-02-01 to 2026-03-02 (UTC)"
            in ua.Explorer(client).sentence
        )
    for asked in (usage, by_agent, ua.CallUsage.load(usage.save(tmp_path / "reply.json"))):
        assert asked.hourly.index.max() == pd.Timestamp("2026-03-02 23:00", tz="UTC")
        assert asked.daily.index.max() == pd.Timestamp("2026-03-02", tz="UTC")
        assert not asked.hourly["provisional"].any()
        assert not asked.daily["provisional"].any()
        assert ua.aggregate(asked.hourly, "D")["complete"].iloc[-1]
        assert asked.query.end == datetime(2026, 3, 3, tzinfo=UTC)
    assert usage.daily["total_count"].sum() == by_agent.daily["total_count"].sum() == 2


def test_a_log_that_goes_on():
    """With `now` calls may still come: the reply is as of then, its last hours may change."""
    with read_calls(log(duration=[61, 1]), now=datetime(2026, 3, 2, 10, 0, tzinfo=UTC)) as client:
        usage = client.call_usage()
    assert usage.as_of == pd.Timestamp("2026-03-02 10:00", tz="UTC")
    assert usage.hourly["provisional"].sum() == 3
    assert usage.hourly.index.max() == usage.as_of


def test_zones_and_units():
    """Created may be in any zone and unit; a nanosecond more is no other call."""
    frame = log(duration=[61, 1])
    for unit in ("s", "ns"):
        other = frame.assign(created=frame["created"].dt.as_unit(unit).dt.tz_convert("Asia/Tokyo"))
        assert sums(other) == sums(frame)
    for texts in (
        ["2026-03-02T09:30:00Z", "2026-03-01T23:59:59.000000-00:00"],
        ["2026-03-02 18:30:00+0900", "2026-03-01T18:59:59-05"],
        [TWO[0].to_pydatetime(), "2026-03-01T23:59:59Z"],
    ):
        other = frame.assign(created=texts).set_axis([5, 5])
        assert sums(other) == sums(frame)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (log(), "duration: expected this column, got created; .* ended"),
        (log(duration=[-1, 1]), "duration: expected 0 to .* s, got 1 others, the first in row 0"),
        (log(duration=[np.inf, 1]), "duration: expected less than"),
        (log(duration=[1_000_000_000, 1]), "duration: expected less than"),
        (
            log(ended=[TWO[0] + pd.Timedelta(days=12_000), TWO[1]]),
            "duration: expected 0 to .* row 0",
        ),
        (log(duration=["1m", "1s"]), "duration.0.: expected a duration"),
        (
            log(ended=[TWO[0], TWO[0].tz_localize(None)]),
            "ended: expected datetimes with a time zone",
        ),
        (log(duration=[1, 1]).assign(created=["2026-03-01T10:00:00"] * 2), NO_ZONE),
        (log(duration=[1, 1]).assign(created=["2026-03-01", "2026-03-02"]), NO_ZONE),
        (
            log(duration=[1, 1]).assign(created=[date(2026, 3, 1)] * 2),
            "created: expected datetimes",
        ),
        (log(duration=[1, 1]).assign(created="2026-13-01T10:00Z"), "created: .* ISO 8601"),
        (NAIVE, "created: expected datetimes with a time zone .*tz_localize"),
        (log(duration=[1, 1], joined=NAIVE["created"]), "joined: .*tz_localize"),
        (
            log(duration=[1, 1]).iloc[:, [0, 1, 1]],
            "duration: expected one column with this name, got 2",
        ),
        (
            log(duration=[1, 1]).drop(columns="created"),
            "created: expected this column, got duration",
        ),
        (
            log(duration=[1, 1]).assign(created=[TWO[0], pd.NaT]),
            "created: expected a time for each call, got 1",
        ),
        (
            log(duration=[1, 1], error=["no", "yes"]),
            "error: expected true or false, or texts .* got 'no', 'yes'",
        ),
        (log(duration=[1, 1], joined=[2.0, 0.0]), "joined: expected epochs .* got 0.0"),
        (log(duration=[1, 1], error=["engine failed", None]), "error: expected true or false"),
        (log(duration=[1, 1], metadata=["a", {}]), "metadata: expected a dict"),
        (log(duration=[1, 1])[:0], "data: expected calls"),
        (7, "data: expected a DataFrame .* got int"),
    ],
)
def test_logs_that_cannot_be_read(frame, message):
    """What a column holds and cannot mean is an error that names the column."""
    with pytest.raises(ua.QueryError, match=f"^{message}"):
        read_calls(frame)


def test_a_log_beyond_what_integers_hold():
    """Billed time that no sum could hold is refused, not wrapped round."""
    columns = {"created": TWO[0], "duration": 990_000_000, "billed_minutes": 16_500_000.0}
    frame = pd.DataFrame(columns, index=range(4096))
    with pytest.raises(
        ua.QueryError,
        match=r"^duration: expected sums below 2\*\*63, got 6758\d+ billed minutes and up to 4096",
    ):
        sums(frame)


def test_a_log_from_the_future():
    """A call that ends after the clock, and a clock without a zone, are refused."""
    frame = log(duration=[61, 1])
    for now in (datetime(2026, 3, 2, tzinfo=UTC), TWO[0] + timedelta(seconds=60)):
        with pytest.raises(
            ua.QueryError,
            match=r"^now: expected a time after the end of all calls.*; 1 of 2 calls end later$",
        ):
            read_calls(frame, now=now)
    read_calls(frame, now=TWO[0] + timedelta(seconds=61)).close()
    for now in (datetime(2026, 4, 2), "2026-04-02", date(2026, 4, 2)):  # noqa: DTZ001
        with pytest.raises(ua.QueryError, match=r"^now: expected a datetime with a time zone"):
            read_calls(frame, now=now)


def test_a_log_without_calls():
    """An empty log with a clock answers with empty hours, as long as there is a `now`."""
    with read_calls(log(duration=[61, 1])[:0], now=datetime(2026, 3, 2, tzinfo=UTC)) as client:
        usage = client.call_usage(from_date="2026-03-01", to_date="2026-03-02")
    assert usage.hourly["total_count"].tolist() == [0] * 25
    assert usage.all_time["total_count"] == 0


def test_its_names_can_be_chosen():
    """The names in a log are there to choose from, those of the most calls first; a key with too
    many values is no choice."""
    few = log(duration=[1, 1], agent=["Ann", None])
    more = log(duration=[1, 1], agent=["Bo", "Bo"], voice=["deep", ""])
    tenants = {"metadata.tenant": ["a", "b", "b", None]}
    frame = pd.concat([few, more]).assign(**tenants)
    with read_calls(frame) as client:
        board = ua.Explorer(client)
        assert dict(client.names.agents) == {"Bo": identifier("Bo"), "Ann": identifier("Ann")}
        assert board.agents.options == ("Bo", "Ann")
        assert list(client.names.voices) == ["deep"]
        assert client.names.metadata == {"tenant": ("b", "a")}
    calls = pd.DataFrame({"created": TWO[0], "duration": 1}, index=range(201))
    with read_calls(calls.assign(**{"metadata.caller": range(201)})) as client:
        assert client.names.metadata == {}


def test_a_log_is_not_paced():
    """A log in this process takes more questions than the vendor's limit lets through."""
    with read_calls(log(duration=[61, 1])) as client:
        assert client._fetcher.limiter.reserve() == client._fetcher.limiter.reserve() == 0


def test_what_a_log_does_not_tell_is_absent(tmp_path):
    """Without a column for errors or bills there is no such column, and helpers name it."""
    usage = read_calls(log(duration=[61, 60])).call_usage()
    assert not {"error_count", "billed_minutes"} & {*usage.hourly.columns, *usage.daily.columns}
    with pytest.raises(ua.QueryError, match="error_rate needs the column error_count"):
        ua.error_rate(usage.hourly)
    with pytest.raises(ua.QueryError, match="cost needs the column billed_minutes"):
        ua.cost(usage.hourly)
    checks = ua.reconcile(usage)
    assert checks.loc["errors <= calls", "missing"] == "error_count"
    again = ua.CallUsage.load(usage.save(tmp_path / "log.json"))
    pd.testing.assert_frame_equal(again.hourly, usage.hourly)


def test_columns_that_are_not_understood_are_named_once():
    """One warning names every column that is left aside, whatever their number."""
    odd = log(duration=[1, 1], caller="x", endReason="y")
    with pytest.warns(UserWarning, match="left aside: caller, endReason;") as caught:
        read_calls(odd)
    assert len(caught) == 1


def test_joined_calls_that_are_inferred_are_said():
    """Without a column for joined calls, the one warning counts the calls that have talk; with all
    columns understood it comes only where all calls have."""
    with pytest.warns(UserWarning, match="aside: ring; .* as joined: 1 of 2. If the") as caught:
        read_calls(log(duration=[61, 0], ring=[5, 5]))
    assert len(caught) == 1
    with pytest.warns(UserWarning, match="^Without a column joined, .* joined: 2 of 2"):
        read_calls(log(duration=[61, 1]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_calls(log(duration=[61, 0]))
        read_calls(log(duration=[61, 1], joined=[True, True]))


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kathmandu"])
@pytest.mark.parametrize("text", [False, True])
def test_dates_without_times_have_days_alone(zone, text):
    """A log whose times are all midnight of its own clock has those dates' figures and no hours."""
    dates = ["2026-03-06", "2026-03-06", "2026-03-09"]  # New York changes its clock between them
    days = pd.Series(pd.to_datetime(dates)).dt.tz_localize(zone)
    created = days.map(pd.Timestamp.isoformat) if text else days
    client = read_calls(pd.DataFrame({"created": created, "duration": [60, 60, 60]}))
    usage = client.call_usage()
    assert usage.daily["total_count"].to_dict() == {
        pd.Timestamp(day, tz="UTC"): calls
        for day, calls in zip(pd.date_range("2026-03-06", "2026-03-09"), (2, 0, 0, 1), strict=True)
    }
    with pytest.raises(ua.QueryError, match="hourly: this usage has daily figures only"):
        _ = usage.hourly
    for part in ({"timezone": "America/New_York"}, {"time_of_day_start": "09:00"}):
        with pytest.raises(ua.APIError, match="dates without times"):
            client.call_usage(from_date="2026-03-06", to_date="2026-03-09", **part)


def test_a_log_of_local_clocks_ends_with_a_local_day():
    """A log with clocks of a zone is complete to the end of the last day of this zone."""
    created = ["2026-02-01 09:28", "2026-02-28 21:00"]
    frame = pd.DataFrame({"created": created, "duration": [60, 0]})
    for zone, last in (("America/New_York", 5), ("Asia/Kolkata", 19), ("UTC", 24)):
        usage = read_calls(frame, timezone=zone).call_usage(timezone=zone)
        hourly = usage.hourly
        assert (hourly.index[-1] + pd.Timedelta(hours=1)).hour == last % 24
        assert not hourly["provisional"].any()
        daily = ua.aggregate(ua.in_timezone(hourly, zone), "D")
        daily = daily[daily.index.normalize() <= "2026-02-28"]
        assert daily["complete"].iloc[-1]


def test_one_call_off_midnight_shows_hours():
    """A log with a single time that is not midnight of its own clock has hours."""
    created = ["2026-03-06T00:00:00-05:00", "2026-03-06T05:00:00Z"]
    usage = read_calls(pd.DataFrame({"created": created, "duration": [60, 60]})).call_usage()
    assert usage.hourly["total_count"].to_numpy().nonzero()[0].tolist() == [5]


def test_the_default_window_is_the_whole_log():
    """Without dates no call of a log is left out, however old the log begins."""
    created = pd.date_range("2025-01-05 09:00", periods=300, freq="30h", tz="UTC")
    client = read_calls(pd.DataFrame({"created": created, "duration": 60, "agent": "Front desk"}))
    assert client.call_usage().daily["total_count"].sum() == 300
    assert client.call_usage(timezone="Asia/Tokyo").daily["total_count"].sum() == 300
    groups = {"desk": identifier("Front desk")}
    assert client.by_agent(groups).daily["total_count"].sum() == 300


def test_usage_begins_on_the_local_day_of_the_first_call():
    """With a time zone, usage begins on the local day of the first call, not on the day before."""
    created = ["2026-02-01T09:28:00-05:00", "2026-02-28T09:00:00-05:00"]
    log = pd.DataFrame({"created": created, "duration": 60})
    zone = "America/New_York"
    usage = read_calls(log).call_usage(timezone=zone)
    assert usage.query.days_in(zone) == (date(2026, 2, 1), date(2026, 2, 28))
    daily = ua.aggregate(ua.in_timezone(usage.hourly, zone), "D")
    assert daily.index[daily["complete"]][0] == pd.Timestamp("2026-02-01", tz=zone)
