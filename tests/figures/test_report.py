"""The report: whole or not there, self-contained, honest about what was left out."""

import re
from html.parser import HTMLParser

import pandas as pd
import pytest

import usage_analysis as ua
from tests.conftest import as_json, reply, row

ZONE = "America/New_York"


@pytest.fixture(scope="module")
def usage():
    return ua.sample_client().call_usage(from_date="2026-03-01", to_date="2026-04-01")


@pytest.fixture(scope="module")
def page(usage, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports") / "march"
    return ua.build_report(
        usage, folder, timezone=ZONE, from_date="2026-03-01", to_date="2026-03-31"
    )


class Page(HTMLParser):
    """What a reader's browser would find."""

    def __init__(self, text):
        super().__init__()
        self.images, self.links, self.tags = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        given = dict(attrs)
        if tag == "img":
            self.images.append(given)
        self.links += [given[name] for name in ("href", "src") if name in given]


def test_the_page_needs_nothing_else(page):
    """No script, no outside address; every image is in the page and has its text."""
    text = page.read_text(encoding="utf-8")
    read = Page(text)
    assert "script" not in read.tags
    assert len(read.images) == 5
    for image in read.images:
        assert image["src"].startswith("data:image/svg+xml;base64,")
        assert len(image["alt"]) > 40
    outside = [link for link in read.links if re.match(r"\w+:|//", link)]
    assert all(link.startswith("data:") for link in outside)
    assert len(text) < 2_000_000
    for link in read.links:
        if not link.startswith("data:"):
            assert (page.parent / link).exists()


def test_every_figure_and_table_lies_beside_it(page):
    """Figures as SVG and PNG, tables as CSV that reads back to the numbers."""
    names = {path.name for path in page.parent.iterdir()}
    assert {"week.svg", "week.png", "hourly.csv", "busy_hour.csv", "report.html"} <= names
    assert len([name for name in names if name.endswith(".svg")]) == 5
    hours = pd.read_csv(page.parent / "hourly.csv")
    assert hours["time"].iloc[0] == "2026-03-01T00:00:00-05:00"
    assert hours["time"].iloc[-1] == "2026-03-31T23:00:00-04:00"
    assert len(hours) == 31 * 24 - 1
    assert hours["duration_seconds"].sum() > 0


def test_the_numbers_are_the_helpers(usage, page):
    """What the page says of errors and peaks is what the helpers say of the same local days."""
    hourly = ua.in_timezone(usage.hourly, ZONE).loc["2026-03-01":"2026-03-31"]
    total = ua.error_rate(hourly, by="total").iloc[0]
    text = page.read_text(encoding="utf-8")
    assert f"({total['events']:,} of {total['calls']:,} calls" in text
    assert ua.describe_peak(hourly).removeprefix("busiest: ") in text.replace("&#39;", "'")
    assert "sample account" in text


def test_the_same_report_twice_is_the_same_bytes(usage, page, tmp_path):
    """A report made again is the same, file by file."""
    again = ua.build_report(
        usage, tmp_path, timezone=ZONE, from_date="2026-03-01", to_date="2026-03-31"
    )
    for path in page.parent.iterdir():
        assert (again.parent / path.name).read_bytes() == path.read_bytes(), path.name


def test_what_is_not_whole_is_told(usage, tmp_path):
    """Days that are not whole are counted in a note, and hours that can change too."""
    steps = []
    page = ua.build_report(
        usage, tmp_path, timezone=ZONE, progress=lambda done, of: steps.append((done, of))
    )
    text = page.read_text(encoding="utf-8")
    assert "2 of 33 days are not whole or not final" in text
    assert "The last 3 hours are provisional" in text
    assert steps == [(done, 7) for done in range(8)]


def test_a_title_is_text(usage, tmp_path):
    """A heading that looks like HTML is shown, not obeyed."""
    page = ua.build_report(usage, tmp_path, title="<script>alert(1)</script>")
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize(
    "hours",
    [
        [],
        [row("2026-03-01", 0, calls=1)],
        [row("2026-03-01", 9, calls=1, errors=1)],
        [row("2026-03-01", 9, calls=3 * 10**8, seconds=1e10, minutes=2e8)],
    ],
    ids=["none", "one", "one in error", "hundreds of millions"],
)
def test_an_odd_account_has_a_report_too(tmp_path, hours):
    """No calls, one call, only errors and very many are reports like others."""
    query = ua.UsageQuery(from_date="2026-03-01", to_date="2026-03-01")
    usage = ua.CallUsage.from_json(as_json(reply(hours)), query=query)
    assert ua.build_report(usage, tmp_path / "report").exists()


def test_a_report_that_fails_leaves_nothing(usage, tmp_path):
    """Where the data or the words do not fit, the folder is as it was."""
    with pytest.raises(ua.QueryError, match="timezone"):
        ua.build_report(usage, tmp_path / "a", timezone="Mars/Olympus")
    with pytest.raises(ua.QueryError, match="from_date"):
        ua.build_report(usage, tmp_path / "a", from_date="2027-01-01")
    saved = as_json({"allTime": {}, "daily": []}).replace(
        b"{}", b'{"totalCount":0,"joinedCount":0,"duration":"0s"}'
    )
    bare = ua.CallUsage.from_json(saved, saved=True)
    with pytest.raises(ua.QueryError, match="hourly"):
        ua.build_report(bare, tmp_path / "a")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ua.QueryError, match="folder"):
        ua.build_report(usage, tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
