"""Figures: what they say, that they leave no trace, that they are the same every time."""

from zoneinfo import ZoneInfo

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import usage_analysis as ua
from tests.conftest import as_json, reply, row

ZONE = "America/New_York"


@pytest.fixture(scope="module")
def usage():
    return ua.sample_client().call_usage(from_date="2026-03-01", to_date="2026-04-01")


@pytest.fixture(scope="module")
def hourly(usage):
    return ua.in_timezone(usage.hourly, ZONE)


@pytest.fixture(scope="module")
def about(usage, hourly):
    return ua.Provenance.of(usage, hourly, timezone=ZONE)


@pytest.fixture(scope="module")
def drawn(hourly, about):
    """Every figure, by name."""
    daily = ua.aggregate(hourly, "D")
    week = ua.load_profile(hourly, by="hour_of_week")
    rates = ua.error_rate(daily[daily["complete"]])
    return {
        "trend": ua.plot_trend(daily, about=about),
        "minutes": ua.plot_trend(daily, measure="duration", about=about),
        "rate": ua.plot_error_rate(rates, about=about),
        "week": ua.plot_week(week, about=about),
    }


def marks(ax, gid):
    """The artists of a figure under one name."""
    return [artist for artist in ax.get_children() if artist.get_gid() == gid]


@pytest.mark.parametrize("name", ["trend", "minutes", "rate", "week"])
def test_a_figure_says_what_it_is_of(drawn, name):
    """Title, named axes with units, and beneath the title window, zone, n, date and whose data."""
    ax = drawn[name]
    assert ax.get_title(loc="left")
    assert ax.get_ylabel()
    (subtitle,) = marks(ax, "subtitle")
    words = " ".join(subtitle.get_text().split())
    for part in (ZONE, "2026-02-28 19:00 to 2026-04-01 11:00", "calls", "2026-04-01 14:37 UTC"):
        assert part in words
    assert words.endswith("sample account")


@pytest.mark.parametrize("name", ["trend", "minutes", "rate"])
def test_a_figure_counts_from_zero(drawn, name):
    """The y axis begins at 0 and holds every value."""
    ax = drawn[name]
    low, high = ax.get_ylim()
    assert low == 0
    for line in ax.get_lines():
        y = np.asarray(line.get_ydata(), dtype=float)
        assert np.nanmax(y, initial=0) <= high


def test_a_trend_shows_every_bucket_and_dashes_the_unfinished(drawn, hourly):
    """Whole days are a line of their counts, others open marks; the mean is of whole days."""
    daily = ua.aggregate(hourly, "D")
    whole = daily["complete"] & ~daily["provisional"]
    (line,) = marks(drawn["trend"], "buckets")
    values = pd.Series(line.get_ydata(), index=daily.index)
    assert values[whole].tolist() == daily["total_count"][whole].tolist()
    assert values[~whole].isna().all()
    (opened,) = marks(drawn["trend"], "open")
    assert opened.get_ydata().tolist() == daily["total_count"][~whole].tolist()
    (mean,) = marks(drawn["trend"], "mean")
    last = daily["total_count"][whole].tail(7).mean()
    drawn_mean = np.asarray(mean.get_ydata(), dtype=float)
    assert drawn_mean[np.isfinite(drawn_mean)][-1] == pytest.approx(last)


def test_a_duration_is_drawn_in_minutes(drawn, hourly):
    """Talk is minutes on the axis, and the axis says so."""
    (line,) = marks(drawn["minutes"], "buckets")
    daily = ua.aggregate(hourly, "D")
    expected = daily["duration"].dt.total_seconds() / 60
    got = np.asarray(line.get_ydata(), dtype=float)
    assert np.nanmax(got) == pytest.approx(expected[daily["complete"]].max())
    assert drawn["minutes"].get_ylabel() == "talk [min per day]"


def test_a_rate_has_its_interval_as_a_band(drawn, hourly):
    """The band's ends are Wilson's, and the dashed line is events over calls of all buckets."""
    daily = ua.aggregate(hourly, "D")
    rates = ua.error_rate(daily[daily["complete"]])
    ((band,)) = marks(drawn["rate"], "interval")
    heights = band.get_paths()[0].vertices[:, 1]
    assert heights.max() == pytest.approx(100 * rates["high"].max())
    assert heights.min() == pytest.approx(100 * rates["low"].min())
    (line,) = marks(drawn["rate"], "overall")
    assert line.get_ydata()[0] == pytest.approx(100 * rates["events"].sum() / rates["calls"].sum())


def test_days_without_calls_break_the_line():
    """A rate without calls is a gap, never 0; few calls are a hollow mark."""
    rows = [row(f"2026-03-0{day}", 9, calls=c, errors=1) for day, c in ((1, 50), (3, 5), (4, 50))]
    usage = ua.CallUsage.from_json(as_json(reply(rows)), as_of="2026-03-09T00:00Z")
    ax = ua.plot_error_rate(ua.error_rate(ua.aggregate(usage.hourly, "D")))
    (line,) = marks(ax, "rate")
    assert np.isnan(line.get_ydata()[1])
    (few,) = marks(ax, "few")
    assert few.get_ydata()[-1] == pytest.approx(20)


def test_the_week_outlines_the_hours_that_may_be_busiest(drawn, hourly):
    """The outline goes around exactly the slots that the profile marks."""
    profile = ua.load_profile(hourly, by="hour_of_week")
    slots = np.flatnonzero(profile["busiest"])
    (outline,) = [line for line in drawn["week"].collections if line.get_gid() == "busiest"]
    sides = {(round(x.mean(), 1), round(y.mean(), 1)) for x, y in
             (np.transpose(edge) for edge in outline.get_segments())}  # fmt: skip
    around = [(s % 24 + dx, s // 24 + dy) for s in slots
              for dx, dy in ((0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5))]  # fmt: skip
    assert sides == {side for side in around if around.count(side) == 1}
    assert ZONE in drawn["week"].get_xlabel()


def test_the_axis_ticks_follow_the_local_clock(drawn):
    """Ticks of days are local midnights, though the frame was fetched in UTC."""
    ax = drawn["trend"]
    words = [label.get_text().partition("\n")[0] for label in ax.get_xticklabels()]
    assert len(words) >= 3
    for tick, word in zip(ax.get_xticks(), words, strict=True):
        local = mpl.dates.num2date(tick, tz=ZoneInfo(ZONE))
        assert (local.hour, local.minute) == (0, 0)
        assert word == f"{local:%a} {local.day}"


@pytest.mark.parametrize("hours", [[], [row("2026-03-01", 0, calls=1)]])
def test_hardly_any_data_still_draws(hours):
    """No calls at all, and one call, are figures like others."""
    query = ua.UsageQuery(from_date="2026-03-01", to_date="2026-03-01")
    usage = ua.CallUsage.from_json(as_json(reply(hours)), query=query)
    daily = ua.aggregate(usage.hourly, "D")
    about = ua.Provenance.of(usage)
    for ax in (
        ua.plot_trend(daily, about=about),
        ua.plot_error_rate(ua.error_rate(daily), about=about),
        ua.plot_week(ua.load_profile(usage.hourly, by="hour_of_week"), about=about),
    ):
        image, told = ax.figure._repr_png_()
        assert image.startswith(b"\x89PNG")
        assert ax.get_title(loc="left").split()[0] in told["alt"]


def test_a_figure_leaves_no_trace(hourly):
    """Drawing loads no pyplot state, changes no setting, and draws on the axes it is given."""
    before = dict(mpl.rcParams)
    ax = Figure().add_subplot()
    assert ua.plot_trend(ua.aggregate(hourly, "D"), ax=ax) is ax
    assert dict(mpl.rcParams) == before
    with ua.figure_style():
        assert mpl.rcParams["svg.fonttype"] == "none"
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
def test_a_figure_is_saved_the_same_every_time(tmp_path, hourly, kind):
    """Drawn twice, and saved twice each, it is the same bytes; an SVG keeps its text as text."""
    saved = []
    for place in range(2):
        ax = ua.plot_trend(ua.aggregate(hourly, "D"), title="A finding")
        for what in (ax.figure, ax):
            path = ua.save_figure(what, tmp_path / f"{place}.{kind}")
            saved.append(path.read_bytes())
    assert set(saved) == {saved[0]}
    if kind == "svg":
        assert b">A finding</text>" in saved[0]


def test_another_file_type_is_refused(tmp_path, drawn):
    """A name that is no picture's is refused with what is accepted."""
    with pytest.raises(ua.QueryError, match=r"\.svg, \.png or \.pdf"):
        ua.save_figure(drawn["week"].figure, tmp_path / "week.doc")
    with pytest.raises(ua.QueryError, match="an existing folder"):
        ua.save_figure(drawn["week"], tmp_path / "none" / "week.png")


def test_a_frame_without_the_column_is_refused(hourly):
    """A plot of what the frame lacks says which column."""
    with pytest.raises(ua.QueryError, match="tokens"):
        ua.plot_trend(hourly, measure="tokens")
    with pytest.raises(ua.QueryError, match="rate"):
        ua.plot_error_rate(hourly)


def test_filters_are_told_in_words():
    """Every filter of the question stands in the subtitle."""
    client = ua.sample_client()
    usage = client.call_usage(
        from_date="2026-03-02",
        to_date="2026-03-02",
        agent_ids=["00000000-0000-4000-8000-000000000001"],
        voice_id="00000000-0000-4000-8000-000000000002",
        duration_min=30,
        metadata={"tenant": "acme"},
        search="refund",
        time_of_day_start="09:00",
    )
    words = ua.Provenance.of(usage).subtitle()
    for part in ("agent 0000", "voice 0000", "duration min 30s", "tenant acme", "search refund"):
        assert part in words
    assert "time of day 09:00:00 to 24:00 UTC" in words
    assert "0 calls" in words
