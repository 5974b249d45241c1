"""The report: whole or not there, self-contained, honest about what was left out.

Covers display and tables.
"""

import base64
import hashlib
import html
import re
from dataclasses import replace
from html.parser import HTMLParser

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import usage_analysis as ua
from tests.conftest import as_json, reply, row
from tests.figures.drawings import ARABIC, EMOJI, JAPANESE, LATIN, MARKS, grouped
from tests.figures.test_settings import other_settings
from usage_analysis.analysis.selection import Selection
from usage_analysis.figures.style import Theme
from usage_analysis.report.page import build_report
from usage_analysis.report.sections import SECTIONS
from usage_analysis.report.tables import ReportOptions

ZONE = "America/New_York"
MARCH = Selection(timezone=ZONE, from_date="2026-03-01", to_date="2026-03-31")
SINGLE = ReportOptions(single_file=True)
NAMES = (LATIN, JAPANESE, ARABIC, EMOJI, "<b>bold</b>")
KEY = "Zk3nQ8aB.pR7tY2uI9oP4aS6dF1gH8jK3lZ5xC0v"


@pytest.fixture(scope="module")
def usage():
    return ua.sample_client().call_usage(from_date="2026-03-01", to_date="2026-04-01")


@pytest.fixture(scope="module")
def previous():
    return ua.sample_client().call_usage(from_date="2026-01-29", to_date="2026-02-28")


@pytest.fixture(scope="module")
def breakdown(usage):
    """The month's calls again and again, in ever smaller groups of long names."""
    return ua.CallUsage(
        daily=split(usage.daily),
        hourly=split(usage.hourly),
        all_time=None,
        query=usage.query,
        as_of=usage.as_of,
        source="sample",
    )


def split(frame):
    parts = []
    for size, name in enumerate(NAMES, 1):
        part = frame.assign(duration=frame["duration"] // size)
        for column in ("total_count", "error_count", "joined_count"):
            part[column] //= size
        part["billed_minutes"] = (part["billed_minutes"] / size).round(1)
        part.insert(0, "tenant", name)
        parts.append(part)
    return pd.concat(parts)


# Each picture is drawn three times: some sections are enough for every run.
SOME = ("peaks", "groups", "checks")
PICTURES = {"some": 5, "all": 18}


@pytest.fixture(scope="module", params=["some", pytest.param("all", marks=pytest.mark.slow)])
def extent(request):
    """Whether the page has some of the sections or all of them."""
    return request.param


@pytest.fixture(scope="module")
def pictures(extent):
    """How many pictures the page has."""
    return PICTURES[extent]


@pytest.fixture(scope="module")
def page(usage, previous, breakdown, extent, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports") / "march"
    return build_report(
        usage,
        folder,
        previous=previous,
        breakdown=breakdown,
        sections=None if extent == "all" else SOME,
        selection=replace(MARCH, marks=MARKS),
        options=ReportOptions(limit=10, budget=7e4),
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


def test_the_page_needs_nothing_else(page, pictures):
    """No outside address; every image and script is in the page; each has its text; under 2 MB."""
    text = page.read_text(encoding="utf-8")
    read = Page(text)
    assert read.tags.count("script") == pictures + 1  # the points of each figure, and the script
    assert not re.search(r"<script[^>]*\bsrc", text)
    assert [image["class"] for image in read.images] == ["wide", "narrow"] * pictures
    for image in read.images:
        assert image["src"].startswith("data:image/svg+xml;base64,")
        assert len(image["alt"]) > 80
    assert all(link.startswith(("data:", "#")) for link in read.links if re.match(r"\w+:|//", link))
    assert not re.search(r"(?:src|href|url\()\W*https?:", text)
    assert page.stat().st_size < 2_000_000
    for link in read.links:
        if not link.startswith(("data:", "#")):
            assert (page.parent / link).exists(), link
        if link.startswith("#"):
            assert f'id="{link[1:]}"' in text


def test_a_phone_gets_figures_of_its_own(page, pictures):
    """Each figure has a narrow drawing, whose text at 400 px is as large as a screen's 9 px."""
    text = page.read_text(encoding="utf-8")
    narrow = [image for image in Page(text).images if image["class"] == "narrow"]
    assert len(narrow) == pictures
    for image in narrow:
        svg = base64.b64decode(image["src"].partition(",")[2]).decode()
        wide = float(re.search(r'width="([\d.]+)pt"', svg)[1])
        sizes = [float(size) for size in re.findall(r"font(?:-size)?: (?:bold )?([\d.]+)px", svg)]
        assert min(sizes) * (400 - 32) / wide >= 8.5


def test_paper_gets_the_wide_figures(page):
    """Which drawing is seen is for the style to say: narrow ones on narrow screens, never in print.

    A `<picture>` chooses when the page is loaded, and would print a phone's.
    """
    text = page.read_text(encoding="utf-8")
    assert not {"picture", "source"} & set(Page(text).tags)
    style = text[text.index("<style>") : text.index("</style>")]
    assert re.findall(r"^.*\.(?:wide|narrow)\b.*$", style, re.MULTILINE) == [
        ".narrow { display: none; }",
        (
            "@media screen and (max-width: 640px) "
            "{ .wide { display: none; } .narrow { display: block; } }"
        ),
    ]


def test_the_figures_follow_a_dark_screen(page):
    """Each image says by itself how ink and page change where the screen is dark."""
    text = page.read_text(encoding="utf-8")
    for image in Page(text).images:
        svg = base64.b64decode(image["src"].partition(",")[2]).decode()
        rules = svg[svg.index("<style>@media screen and (prefers-color-scheme:dark)") :]
        assert '[style*="fill: #1a1a1a"]{fill:#ECECEC!important}' in rules
        assert 'path[style*="fill: #ffffff"]{fill:#1E1E1E!important}' in rules
        assert "fill: #1a1a1a" in svg.replace(rules[: rules.index("</style>")], "")


def test_every_figure_and_table_lies_beside_it(page, pictures):
    """Figures as SVG and PNG, tables as CSV and Parquet that read back to the same numbers."""
    names = {path.name for path in page.parent.iterdir()}
    assert {"week.svg", "week.png", "hourly.csv", "busy_hour.csv", "report.html"} <= names
    assert len([name for name in names if name.endswith(".svg")]) == pictures
    hours = pd.read_csv(page.parent / "hourly.csv")
    assert hours["time"].iloc[0] == "2026-03-01 00:00:00"
    assert hours["time_utc"].iloc[-1] == "2026-04-01 03:00:00"
    assert len(hours) == 31 * 24 - 1
    assert hours["duration_seconds"].sum() > 0
    for name in sorted(names):
        if name.endswith(".csv"):
            table = pd.read_csv(page.parent / name)
            other = pd.read_parquet(page.parent / name.replace(".csv", ".parquet"))
            assert list(table.columns) == list(map(str, ua.plain_table(other)))
            assert len(table) == len(other)
    parquet = pd.read_parquet(page.parent / "hourly.parquet")
    assert parquet["total_count"].tolist() == hours["total_count"].tolist()


def test_no_picture_beside_it_is_cut_off(page, pictures):
    """The outermost points of every PNG are the page's white: titles, names and axes lie inside."""
    paths = sorted(page.parent.glob("*.png"))
    assert len(paths) == pictures
    for path in paths:
        with Image.open(path) as picture:
            points = np.asarray(picture.convert("RGB"))
        edges = (points[:2], points[-2:], points[:, :2], points[:, -2:])
        assert all((edge == 255).all() for edge in edges), path.name


def test_tables_are_in_words(page, extent):
    """A page's tables have a caption, units and words for names, and separators in numbers."""
    text = page.read_text(encoding="utf-8")
    regions = re.findall(r'role="region" aria-labelledby="([\w-]+)">(<table.*?</table>)', text)
    assert len(regions) == {"some": 4, "all": 7}[extent]
    for name, _ in regions:
        assert re.search(rf'<p class="caption" id="{name}">[A-Z][^<]+</p>', text)
    heads = [
        name for name in re.findall(r"<th[^>]*>([^<]*)", text) if "\U0001f680" not in name
    ]  # a group
    assert not [name for name in heads if "_" in name]
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", "".join(table for _, table in regions))
    assert not [cell for cell in cells if re.search(r"\d{5}|\d\.\d+s\b|billed_minutes", cell)]
    assert "same clock hour (tcbh)" in cells


def test_both_busy_hours_say_their_days(usage, page):
    """The busy hours of all days and of workdays stand side by side, each with its days."""
    text = page.read_text(encoding="utf-8")
    kept = ua.in_timezone(usage.hourly, ZONE).loc["2026-03-01":"2026-03-31"]
    kept = kept.drop(kept.loc["2026-03-17":"2026-03-18"].index)
    every, workdays = ua.busy_hour(kept), ua.busy_hour(kept, days="workdays")
    for found, days in ((every, "all {} whole days"), (workdays, "{} workdays among them")):
        cells = rf">{days.format(found['days'])}</td><td[^>]*>{found['value']:.4g}</td>"
        assert re.search(cells, text), cells
    table = pd.read_csv(page.parent / "busy_hour.csv")
    assert table[["method", "of"]].to_numpy().tolist() == [
        ["tcbh", "all"], ["tcbh", "workdays"], ["adph", "all"],
    ]  # fmt: skip


def test_checks_say_what_they_look_at(usage, page):
    """Where the reply has more hours than the page's local days, both sums are told with why."""
    text = page.read_text(encoding="utf-8")
    whole = usage.hourly["total_count"].sum()
    shown = ua.in_timezone(usage.hourly, ZONE).loc["2026-03-01":"2026-03-31", "total_count"].sum()
    assert whole > shown
    assert f"the whole reply, {whole:,} calls from 2026-03-01 00:00 to 2026-04-01 15:00 UTC" in text
    assert f"This page has {shown:,} of these calls" in text
    assert "hours add up to days: talk" in text


def test_an_assumed_date_is_called_so(tmp_path):
    """A bare reply says not when it was fetched: the page says that the date is assumed."""
    hours = [row("2026-03-01", hour, calls=2) for hour in range(24)]
    path = tmp_path / "reply.json"
    path.write_bytes(as_json(reply(hours)))
    text = build_report(ua.CallUsage.load(path), tmp_path / "a", sections=["checks"]).read_text()
    assert "source file, as of 2026-03-02 00:00:00 UTC (assumed)." in text
    assert "The file does not say when it was made." in text
    kept = ua.sample_client().call_usage(from_date="2026-03-01", to_date="2026-03-02")
    text = build_report(ua.CallUsage.load(kept.save(path)), tmp_path / "b", sections=["checks"])
    assert "assumed" not in text.read_text()


def test_totals_say_what_others_leave_out(tmp_path):
    """The notes count the calls that totals have beside rates, and say what is not judged."""
    usage = ua.sample_client().call_usage(from_date="2026-03-30", to_date="2026-04-01")
    late = int(usage.hourly.loc[usage.hourly["provisional"], "total_count"].sum())
    text = build_report(usage, tmp_path, sections=["checks"]).read_text(encoding="utf-8")
    assert f"Totals hold their {late} calls; rates, means and comparisons leave these" in text
    assert "Some rows are not judged. The vendor does not say" in text
    assert "…" not in text.split("<h2>Consistency checks</h2>")[1]


def test_the_table_of_events_shows_their_hours(tmp_path):
    """Below the figure of unusual hours stand the hours of its events, and the file has all."""
    usage = ua.sample_client().call_usage(from_date="2026-03-02", to_date="2026-03-29")
    text = build_report(usage, tmp_path, sections=["unusual"]).read_text(encoding="utf-8")
    assert "Data of the figure: 5 of the 672 rows, those of the events" in text
    assert "2026-03-19 13:00" in text.split("those of the events")[1].split("</table>")[0]
    assert len((tmp_path / "expected.csv").read_text().splitlines()) == 673


def test_without_pyarrow_the_page_says_so(usage, tmp_path, monkeypatch):
    """Parquet is left out where it cannot be written, with a word in the page."""
    monkeypatch.setattr("usage_analysis.report.page.find_spec", lambda _: None)
    page = build_report(usage, tmp_path, sections=["checks"])
    assert "usage-analysis[parquet]" in page.read_text(encoding="utf-8").replace("&#34;", '"')
    assert not list(tmp_path.glob("*.parquet"))


def test_the_numbers_are_the_helpers(usage, page, extent):
    """What the page says of errors is what the helper says of the same local days kept."""
    hourly = ua.in_timezone(usage.hourly, ZONE).loc["2026-03-01":"2026-03-31"]
    kept = hourly.drop(hourly.loc["2026-03-17":"2026-03-18"].index)
    total = ua.error_rate(kept, by="total").iloc[0]
    text = page.read_text(encoding="utf-8")
    if extent == "all":
        assert f"({total['events']:,} of {total['calls']:,} calls" in text
    assert ua.describe_peak(kept) in text.replace("&#39;", "'")
    assert "sample account" in text


def test_the_page_begins_with_sentences(page, extent):
    """A summary comes before all else: what is unusual, then how many calls, then the rest."""
    text = page.read_text(encoding="utf-8")
    short = text[text.index("<h2>Summary") : text.index('<dl class="totals">')]
    assert text.index("<h2>Summary") < text.index('class="notes"') < text.index("<figure>")
    sentences = re.findall(r"<li>(.*?)</li>", short)
    # What is unusual in the account, then in its groups.
    number = sum(" instead of " in said for said in sentences)
    assert all(" instead of " in said for said in sentences[:number])
    assert number == 0 or sentences[0].startswith("Error rate 18.15 % instead of 1.30")
    sentences = sentences[number:]
    begins = (
        "30,090 calls in 31 days, 2026-03-0",
        "No significant change in calls: +6",
        "Error rate out of its usual range ",
        "If a limit of 10 concurrent calls ",
        "Error rate 2.42 % (668 of 27,559 ",
        "No significant change in error rat",
        "Join rate 87.60 % (24,141 of 27,55",
        "No significant change in join rate",
        "2026-03 (America/New_York): USD ",
        "Call minutes cost USD ",
        "Billed minutes up 13.4 % (54,468 a",
        "The error rate differs between 5 g",
        "Of 5 groups by tenant, Customer su",
        "The busiest hour of the day lies w",
        "1 of 9 consistency checks failed: ",
    )
    told = [next(start for start in begins if said.startswith(start)) for said in sentences]
    assert told == [start for start in begins if start in told]
    assert all(said.endswith(".") for said in sentences)
    if extent == "all":
        assert number >= 1
        assert len(told) == len(begins)
        assert "days, same weekdays and hours" in sentences[1]


def test_provenance_has_a_hash_that_holds(page):
    """The page's SHA-256 is that of hourly.csv, beside query, date, zone and version."""
    text = page.read_text(encoding="utf-8")
    digest = hashlib.sha256((page.parent / "hourly.csv").read_bytes()).hexdigest()
    told = text[text.index('id="provenance"') :]
    for part in (digest, "2026-04-01 14:37:21 UTC", ZONE, ua.__version__, "from_date"):
        assert part in told


def test_groups_are_a_table_with_small_lines(page):
    """Each group has its row, as text whatever its name, and a line with words of its own."""
    text = page.read_text(encoding="utf-8")
    table = text[text.index('id="groups"') :]
    table = table[: table.index("</table>")]
    assert table.count('<svg class="spark"') == len(NAMES)
    assert len(re.findall(r'aria-label="calls per day: [^"]+"', table)) == len(NAMES)
    assert "&lt;b&gt;bold&lt;/b&gt;" in table
    assert "<b>" not in table
    assert JAPANESE[:20] in table


def test_marks_are_told_in_the_notes(page):
    """A period that is left out is named with its dates in the page's zone."""
    text = page.read_text(encoding="utf-8")
    assert "outage: 2026-03-17 00:00 to 2026-03-19 00:00 is left out of means" in text


@pytest.mark.parametrize(
    "wanted",
    [["joins", "checks", "terms"], pytest.param(["groups", "trend"], marks=pytest.mark.slow)],
)
def test_the_same_report_twice_is_the_same_bytes(usage, breakdown, tmp_path, wanted):
    """A report made again is the same, file by file."""
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        build_report(usage, folder, breakdown=breakdown, sections=wanted, selection=MARCH)
    for path in folders[0].iterdir():
        assert (folders[1] / path.name).read_bytes() == path.read_bytes(), path.name


def test_what_is_not_whole_is_told(usage, tmp_path):
    """Days that are not whole are counted in a note, and hours that can change too."""
    steps = []
    page = build_report(
        usage,
        tmp_path,
        timezone=ZONE,
        sections=["joins"],
        progress=lambda done, of: steps.append((done, of)),
    )
    text = page.read_text(encoding="utf-8")
    assert "2 of 33 days are incomplete or provisional" in text
    assert "Provisional: the last 3 hours can still grow, because" in text
    assert steps == [(done, 3) for done in range(4)]


def test_sections_are_chosen_by_name(usage, tmp_path):
    """The page has the sections asked for in their order, and files of no others."""
    page = build_report(usage, tmp_path, sections=["checks", "joins"])
    text = page.read_text(encoding="utf-8")
    assert re.findall(r'<section id="(\w+)">', text) == ["checks", "joins", "provenance"]
    assert {path.stem for path in tmp_path.iterdir()} == {
        "report",
        "hourly",
        "daily",
        "checks",
        "joins",
    }


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        (["nonsense"], "expected names out of comparison, trend"),
        ("trend", "sections"),
        ([], "sections"),
        (["comparison"], "comparison needs a previous period"),
        (["groups"], "groups needs a breakdown"),
    ],
)
def test_sections_that_cannot_be_are_refused(usage, tmp_path, sections, told):
    """An unknown name, or one whose data were not given, is refused and nothing is written."""
    with pytest.raises(ua.QueryError, match=told):
        build_report(usage, tmp_path / "a", sections=sections)
    assert list(tmp_path.iterdir()) == []
    assert "terms" in SECTIONS


def test_a_theme_reaches_page_and_figures(usage, tmp_path):
    """Colours, fonts and logo of a theme are in the page; the logo is part of it."""
    logo = tmp_path / "logo.svg"
    logo.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    theme = Theme(main="#7A1F5C", fonts=("Inter",), logo=logo, logo_alt="Acme")
    page = build_report(
        usage,
        tmp_path / "r",
        sections=["joins"],
        selection=MARCH,
        options=ReportOptions(theme=theme),
    )
    text = page.read_text(encoding="utf-8")
    images = Page(text).images
    assert images[0]["alt"] == "Acme"
    assert base64.b64decode(images[0]["src"].partition(",")[2]) == logo.read_bytes()
    assert '"Inter"' in text
    assert b"#7a1f5c" in (page.parent / "joins.svg").read_bytes()
    with pytest.raises(ua.QueryError, match="logo"):
        build_report(
            usage, tmp_path / "s", options=ReportOptions(theme=Theme(logo=tmp_path / "none.gif"))
        )


def test_a_page_alone_points_at_no_file(usage, tmp_path):
    """A page that is sent without its files has no link to one, and its hash is the same."""
    page = build_report(usage, tmp_path / "a", sections=["joins"], selection=MARCH, options=SINGLE)
    assert [path.name for path in page.parent.iterdir()] == ["report.html"]
    text = page.read_text(encoding="utf-8")
    assert all(link.startswith(("#", "data:")) for link in Page(text).links)
    assert "hourly.csv" not in text
    whole = build_report(usage, tmp_path / "b", sections=["joins"], selection=MARCH)
    assert hashlib.sha256((whole.parent / "hourly.csv").read_bytes()).hexdigest() in text


@pytest.mark.slow
def test_hours_of_the_day_and_names_are_as_asked(usage, previous, tmp_path):
    """Cut to hours of the local day the page has their calls alone, before too, and says so."""
    page = build_report(
        usage,
        tmp_path,
        previous=previous,
        selection=replace(MARCH, hours=(9, 17), filters={"agent": "Front desk"}),
        sections=["comparison", "peaks"],
    )
    text = page.read_text(encoding="utf-8")
    day = (
        ua.in_timezone(usage.hourly, ZONE)
        .loc["2026-03-01":"2026-03-31"]
        .between_time("9:00", "17:00", inclusive="left")
    )
    calls = day["total_count"].sum()
    assert f"{calls:,} calls · agent Front desk · time of day 09:00 to 17:00 · as of" in text
    assert f"<li>{calls:,} calls in 31 whole days" in text
    before = ua.in_timezone(previous.hourly, ZONE).loc["2026-01-29":"2026-02-28"]
    change = ua.compare_periods(day, before.between_time("9:00", "17:00", inclusive="left"))
    both = f" ({change['current']:,.0f} against {change['previous']:,.0f}; 95 % interval "
    told = text[text.index(f"<li>{calls:,} calls in") :][:900]
    assert f"{100 * abs(change['change']):.1f} %{both}" in told, told
    assert "this report covers only some hours of each day" in text


def test_a_reply_of_local_days_is_reported_over_these(tmp_path):
    """Without days, a page is of those that were asked for, not of the hours around them."""
    bounds, zone = ("2026-03-28", "2026-03-31"), "Asia/Kolkata"
    usage = ua.sample_client().call_usage(from_date=bounds[0], to_date=bounds[1], timezone=zone)
    whole = ua.between_days(ua.in_timezone(usage.hourly, zone), *bounds)
    page = build_report(usage, tmp_path, timezone=zone, sections=["checks"])
    calls = int(whole["total_count"].sum())
    told = f"2026-03-28 to 2026-03-31 ({zone}) · {calls:,} calls"
    assert told in page.read_text(encoding="utf-8")


def test_a_title_is_text(usage, tmp_path):
    """A heading that looks like HTML is shown, not obeyed."""
    page = build_report(
        usage,
        tmp_path,
        options=ReportOptions(title="<script>alert(1)</script>"),
        sections=["checks"],
    )
    text = page.read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text


def test_no_file_holds_the_key(tmp_path, monkeypatch):
    """With a key in the environment, nothing that a report writes has it."""
    monkeypatch.setenv("ULTRAVOX_API_KEY", KEY)
    usage = ua.sample_client().call_usage(from_date="2026-03-01", to_date="2026-03-05")
    build_report(usage, tmp_path, sections=["joins", "checks"])
    for path in tmp_path.iterdir():
        assert KEY[9:].encode() not in path.read_bytes(), path.name


@pytest.mark.parametrize(
    "hours",
    [
        pytest.param([], id="none", marks=pytest.mark.slow),
        pytest.param([row("2026-03-01", 0, calls=1)], id="one", marks=pytest.mark.slow),
        pytest.param(
            [row("2026-03-01", 9, calls=1, errors=1)], id="one in error", marks=pytest.mark.slow
        ),
        pytest.param(
            [row("2026-03-01", 9, calls=3 * 10**8, seconds=1e10, minutes=2e8)],
            id="hundreds of millions",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_an_odd_account_has_a_report_too(tmp_path, hours):
    """No calls, one call, only errors and very many are reports like others."""
    query = ua.UsageQuery(from_date="2026-03-01", to_date="2026-03-01")
    usage = ua.CallUsage.from_json(as_json(reply(hours)), query=query)
    page = build_report(
        usage, tmp_path / "report", previous=usage, options=replace(SINGLE, limit=5)
    )
    text = page.read_text(encoding="utf-8")
    assert not re.search(r">(nan|inf|NaT|None)<", text)


GROUPS = {
    "30 groups, one with 99 %": {
        "giant": 400,
        **dict.fromkeys((LATIN, JAPANESE, ARABIC, EMOJI), 0.3),
    }
    | {f"agent {n:02}": 0.1 for n in range(25)},
    "no calls in any": {JAPANESE: 0, ARABIC: 0},
    "one group": {EMOJI: 20},
}


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param(sizes, id=name, marks=() if len(sizes) == 2 else pytest.mark.slow)
        for name, sizes in GROUPS.items()
    ],
)
def test_odd_groups_have_a_report_too(tmp_path, sizes):
    """Thirty groups, one with nearly all calls, none with any, names of 64 in every script.

    Each has its row with its name, in a page under 2 MB that shows no missing number.
    """
    rows = grouped(sizes, hours=7 * 24).tz_convert("UTC")
    how = {name: "any" if name == "provisional" else "sum" for name in list(rows)[1:]}
    every = rows.groupby(level="time").agg(how)
    told = {"all_time": None, "query": None, "as_of": rows.index[-1], "source": "sample"}
    usage, split = (ua.CallUsage(daily=part, hourly=part, **told) for part in (every, rows))
    page = build_report(usage, tmp_path, breakdown=split, sections=["groups"], options=SINGLE)
    text = page.read_text(encoding="utf-8")
    assert page.stat().st_size < 2_000_000
    assert not re.search(r">(nan|inf|NaT|None)\b", text)
    table = text[text.index('id="groups"') :]
    table = table[: table.index("</table>")]
    names = [html.unescape(name) for name in re.findall(r"<tr><td>(.*?)</td>", table)]
    assert len(names) == len(sizes)
    assert all(any(name[:12] in shown for shown in names) for name in sizes)
    calls = rows.groupby("agent")["total_count"].sum()
    if calls.max() > 0:
        assert f">{100 * calls.max() / calls.sum():.1f} %<" in table
    if len(sizes) == 30:
        assert calls.max() > 0.98 * calls.sum()
        assert "Of 30 groups by agent, giant has the most calls" in text


def test_a_report_that_fails_leaves_nothing(usage, tmp_path):
    """Where the data or the words do not fit, the folder is as it was."""
    with pytest.raises(ua.QueryError, match="timezone"):
        build_report(usage, tmp_path / "a", timezone="Mars/Olympus")
    with pytest.raises(ua.QueryError, match="from_date"):
        build_report(usage, tmp_path / "a", selection=Selection(from_date="2027-01-01"))
    with pytest.raises(ua.QueryError, match="timezone: expected a time zone here or in"):
        build_report(usage, tmp_path / "a", timezone="UTC", selection=MARCH)
    saved = as_json({"allTime": {}, "daily": []}).replace(
        b"{}", b'{"totalCount":0,"joinedCount":0,"duration":"0s"}'
    )
    bare = ua.CallUsage.from_json(saved, saved=True)
    with pytest.raises(ua.QueryError, match="hourly"):
        build_report(bare, tmp_path / "a")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ua.QueryError, match="folder"):
        build_report(usage, tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


NAMED = ["time", "hour_of_day", "day_of_week", "hour_of_week", "agent", "rate", "share", "group"]


def test_groups_named_like_columns(tmp_path):
    """Groups whose names are those of columns or indices of tables are reported by their names."""
    client, days = ua.sample_client(), {"from_date": "2026-03-01", "to_date": "2026-03-05"}
    agents = list(ua.sample.AGENTS.values())
    groups = {name: {"agent_ids": [agent]} for name, agent in zip(NAMED, agents, strict=False)}
    kept = client.breakdown(groups, name="agent", **days)
    page = build_report(
        client.call_usage(**days), tmp_path, breakdown=kept, sections=["groups", "errors"]
    )
    text = page.read_text(encoding="utf-8")
    for name in groups:
        assert name in text
    named = [
        path for path in page.parent.glob("*.csv") if "time" in path.read_text().split("\n")[0]
    ]
    for path in named:
        columns = pd.read_csv(path, nrows=1).columns
        assert not [name for name in columns if name.endswith(".1")], path


@pytest.mark.slow
def test_a_report_is_the_same_bytes_under_all_settings_of_the_caller(tmp_path):
    """No file of a report depends on the caller's settings of Matplotlib."""
    client, days = ua.sample_client(), {"from_date": "2026-03-01", "to_date": "2026-03-05"}
    usage = client.call_usage(**days)
    agents = client.by_agent(ua.sample.AGENTS, **days)

    def files(name):
        page = build_report(usage, tmp_path / name, breakdown=agents, sections=["trend", "groups"])
        return {path.name: path.read_bytes() for path in page.parent.iterdir()}

    expected = files("plain")
    with mpl.rc_context():
        dict.update(mpl.rcParams, other_settings())
        assert files("changed") == expected


#: Colours of a terminal, a bell, an override of direction, and half of a character.
HOSTILE = "\x1b[31m\x07\u202e\u2066"


def test_no_text_of_the_page_commands_a_terminal_or_turns_around(tmp_path):
    """Names, marks and titles with control and direction characters reach no file of the report."""
    client, days = ua.sample_client(), {"from_date": "2026-03-01", "to_date": "2026-03-05"}
    first, second, *_ = ua.sample.AGENTS.values()
    groups = {f"a{HOSTILE}": {"agent_ids": [first]}, f"b{HOSTILE}": {"agent_ids": [second]}}
    kept = client.breakdown(groups, name=f"desk{HOSTILE}", **days)
    title = f"Report{HOSTILE}\ud800"
    marks = [ua.Mark("2026-03-03T09:00Z", f"release{HOSTILE}\ud800")]
    page = build_report(
        client.call_usage(**days),
        tmp_path,
        breakdown=kept,
        selection=Selection(marks=marks),
        sections=["trend", "groups"],
        options=ReportOptions(title=title),
    )
    for path in [page, *tmp_path.glob("*.svg")]:
        text = path.read_text(encoding="utf-8")
        assert not re.search("[\x1b\x07\u202a-\u202e\u2066\u2067]", text), path.name
    assert "Report [31m" in page.read_text(encoding="utf-8")


def test_half_of_a_character_is_no_name():
    """UTF-8 cannot hold it, so no file could: it is refused before anything is fetched."""
    agent = next(iter(ua.sample.AGENTS.values()))
    for groups, name in (({"a\ud800": {"agent_ids": [agent]}}, "agent"),
                         ({"a": {"agent_ids": [agent]}}, "ag\ud800")):  # fmt: skip
        with pytest.raises(ua.QueryError, match="ud800"):
            ua.sample_client().breakdown(groups, name=name, from_date="2026-03-01")
