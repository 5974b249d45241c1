"""Sections of a report: those that the data allow, and a sentence on those that they do not."""

import html
import re
from dataclasses import replace

import pytest

import usage_analysis as ua

WEEK = {"from_date": "2026-03-01", "to_date": "2026-03-07"}
ALONE = ua.ReportOptions(single_file=True, limit=5)


@pytest.fixture(scope="module")
def usage():
    return ua.sample_client().call_usage(**WEEK)


@pytest.fixture(scope="module")
def agents():
    return ua.sample_client().by_agent(ua.sample.AGENTS, include_rest=True, **WEEK)


def drop(usage, *columns):
    """Return a reply without columns, as an old saved reply or a call log lacks them."""
    frames = {name: getattr(usage, name).drop(columns=[*columns]) for name in ("daily", "hourly")}
    return replace(usage, **frames, all_time=None)


def read(page):
    return html.unescape(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("columns", "absent", "sentence"),
    [
        pytest.param(
            ("error_count",),
            {"errors"},
            'no section "Errors", because the data lack failed calls (column error_count).',
            id="errors",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ("billed_minutes",),
            {"billing", "month"},
            'no section "Billing" and "The month", because the data lack billed minutes (column '
            "billed_minutes).",
            id="billed minutes",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_sections_without_their_columns_are_left_out(
    usage, agents, tmp_path, columns, absent, sentence
):
    """The summary names the left-out sections in one sentence, and no number stands for them."""
    bare, groups = (drop(reply, *columns) for reply in (usage, agents))
    page = build(bare, tmp_path / "a", previous=bare, breakdown=groups)
    sections = set(re.findall(r'<section id="(\w+)">', page))
    assert absent & sections == set()
    assert {"comparison", "trend", "joins", "groups", "checks"} <= sections
    assert page.count(sentence) == 1
    for column in columns:
        assert {"error_count": "Failed", "billed_minutes": "Billed"}[column] not in re.findall(
            "<dt>(.*?)</dt>", page
        )
    for section in absent:
        with pytest.raises(ua.QueryError, match=rf"sections: {section} needs .*{columns[0]}"):
            ua.build_report(bare, tmp_path / "b", sections=[section])


@pytest.mark.slow
def test_an_old_reply_has_a_report(usage, tmp_path):
    """Of a reply without failed calls and billed minutes, the report names the missing sections."""
    bare = drop(usage, "error_count", "billed_minutes")
    page = read(ua.build_report(bare, tmp_path / "a", options=ua.ReportOptions(single_file=True)))
    sections = set(re.findall(r'<section id="(\w+)">', page))
    assert sections == {
        *("trend", "unusual", "peaks", "joins", "capacity", "checks", "terms", "provenance")
    }
    assert (
        page.count(
            'no section "Errors" and "Billing" and "The month", because the data lack failed calls '
            "(column error_count) and billed minutes (column billed_minutes)."
        )
        == 1
    )
    for section, column in (("errors", "error_count"), ("month", "billed_minutes")):
        with pytest.raises(ua.QueryError, match=rf"sections: {section} needs .*{column}"):
            ua.build_report(bare, tmp_path / "b", sections=[section])


def build(usage, folder, **options):
    return read(ua.build_report(usage, folder, options=ALONE, **options))


def test_groups_that_share_calls_have_no_shares(usage, tmp_path):
    """Of groups by search words the report gives each group's own numbers and no sum of them."""
    words = {"refund": {"search": "refund"}, "caller": {"search": "Caller"}}
    breakdown = ua.sample_client().breakdown(words, name="words", **WEEK)
    page = build(usage, tmp_path, breakdown=breakdown, sections=["groups"])
    section = page[page.index('id="groups"') :]
    section = section[: section.index("</section>")]
    assert "One call can be in several of these groups" in section
    assert len(re.findall('class="wide"', section)) == 1
    assert ">share<" not in section
    calls = breakdown.hourly["total_count"].sum()
    assert calls > breakdown.hourly.groupby("words")["total_count"].sum().max()
    assert f"{calls:,}" not in page
    assert f"{usage.hourly['total_count'].sum():,} calls" in section


def test_one_page_has_one_error_rate(tmp_path):
    """Summary, title and table give the rate of the final hours, also while a day is running."""
    usage = ua.sample_client().call_usage(from_date="2026-03-29", to_date="2026-04-01")
    page = build(usage, tmp_path, sections=["errors"])
    final = usage.hourly[~usage.hourly["provisional"]]
    assert 0 < len(final) < len(usage.hourly)
    rate, *others = set(re.findall(r"Error rate (\d+\.\d\d %) \(", page))
    assert others == []
    errors, calls = final["error_count"].sum(), final["total_count"].sum()
    assert rate == f"{100 * errors / calls:.2f} %"
    assert page.count(f"({errors} of {calls:,} calls") > 1


def test_progress_true_draws_a_bar(usage, tmp_path, capsys):
    """`progress=True` draws a bar on standard error, as it does for a client."""
    ua.build_report(usage, tmp_path, sections=["checks"], progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Writing: " in err
