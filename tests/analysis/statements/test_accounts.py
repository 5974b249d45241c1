"""Statements on twelve accounts: true, whole, and the same in sentences, titles and reports.

Covers change, control, peaks, rates, statement and analysis/vocabulary.
"""

import re

import pytest

import usage_analysis as ua
from tests.accounts import ACCOUNTS, AGENTS

# A number that is missing, or a piece of Python.
BROKEN = re.compile(r"\b(nan|NaN|NaT|None|inf)\b|[{}]|<built-in")


# Two years take four times as long as all others together.
PARAMS = [
    pytest.param(name, marks=pytest.mark.slow if name == "two years" else ()) for name in ACCOUNTS
]


@pytest.fixture(params=PARAMS, scope="module")
def account(request):
    """Return an account with the local hours of its current and its previous period."""
    chosen = ACCOUNTS[request.param]

    def hours(days, usage):
        return ua.between_days(ua.in_timezone(usage.hourly, chosen.zone), *days.values())

    client, where = chosen.client, {"timezone": chosen.zone}
    return {
        "hourly": hours(chosen.days, client.call_usage(**chosen.days, **where)),
        "previous": hours(chosen.days_before, client.call_usage(**chosen.days_before, **where)),
        "groups": hours(chosen.days, client.by_agent(AGENTS, **chosen.days, **where)),
        "zone": chosen.zone,
    }


def sentences(account):
    """Return every description of an account's hours by its function."""
    hourly = account["hourly"]
    daily = ua.aggregate(hourly, "D")
    return {
        "errors": ua.describe_errors(hourly),
        "peak": ua.describe_peak(hourly),
        "talk": ua.describe_peak(hourly, measure="duration"),
        "capacity": ua.describe_capacity(hourly, limit=5),
        "month": ua.describe_month(daily, price="0.05"),
    }


def test_descriptions_are_whole_sentences(account):
    """Each description is one text with a capital, a full stop, its zone and no missing number."""
    for name, text in sentences(account).items():
        assert re.match(r"[A-Z0-9].*\.$", text, re.DOTALL), (name, text)
        assert not BROKEN.search(text), (name, text)
        assert account["zone"] in text, (name, text)


@pytest.mark.parametrize("rows", [0, 1, 24])
def test_descriptions_of_hardly_anything_have_no_missing_number(account, rows):
    """Of no hour, one hour and one day too, each description is a sentence without a nan."""
    few = {**account, "hourly": account["hourly"].iloc[:rows]}
    for name, text in sentences(few).items():
        assert re.match(r"[A-Z0-9].*\.$", text, re.DOTALL), (name, text)
        assert not BROKEN.search(text), (name, text)


def test_no_calls_are_said_only_of_no_calls(account):
    """A description says that there is nothing only where there is nothing."""
    said = sentences(account)
    calls = account["hourly"]["total_count"].sum()
    talk = account["hourly"]["duration"].sum().total_seconds()
    assert said["errors"].startswith("No calls") == (calls == 0)
    assert said["peak"].startswith("No calls") == (calls == 0)
    assert said["talk"].startswith("No minutes of talk") == (talk == 0)
    assert said["capacity"].startswith("No talk") == (talk == 0)


def test_rates_are_those_of_the_sums(account):
    """The error rate in words is the failed calls over the calls, with both numbers beside it."""
    hourly, text = account["hourly"], ua.describe_errors(account["hourly"])
    calls, failed = (int(hourly[name].sum()) for name in ("total_count", "error_count"))
    if calls:
        assert f"{100 * failed / calls:.2f} %" in text
        assert re.search(rf"{failed:,}( failed)? of {calls:,} calls", text), text


def test_a_title_claims_what_its_sentence_claims(account):
    """The week's title names a busiest hour only where `describe_peak` names the same hour."""
    title = ua.plot_week(ua.load_profile(account["hourly"], by="hour_of_week")).get_title(
        loc="left"
    )
    named = re.search(r"Busiest hour of the week: (\w+ \d\d:\d\d)", " ".join(title.split()))
    if named:
        assert named[1] in ua.describe_peak(account["hourly"])
    else:
        assert "hour of the week is " not in ua.describe_peak(account["hourly"]).replace(
            "is one of", "may be one of"
        )


def test_titles_have_no_missing_numbers(account):
    """Titles of comparisons, charts and groups hold words and numbers alone."""
    hourly, previous, groups = (account[name] for name in ("hourly", "previous", "groups"))
    a_week = (
        [ua.plot_comparison(ua.compare_periods(hourly, previous))] if len(previous) > 99 else []
    )
    drawn = [
        *a_week,
        ua.plot_comparison(ua.rate_difference(hourly, previous)),
        ua.plot_control(ua.control_chart(hourly)),
        ua.plot_error_week(ua.error_rate(hourly, by="hour_of_week")),
        ua.plot_funnel(ua.funnel(groups)),
        ua.plot_pareto(groups),
        ua.plot_capacity(ua.capacity(hourly, limit=5)),
    ]
    for axes in drawn:
        title = axes.get_title(loc="left") or axes.get_title()
        assert len(title) > 10
        assert not BROKEN.search(title), title


@pytest.mark.slow
@pytest.mark.parametrize("account", ACCOUNTS, indirect=True)
def test_a_report_of_it_says_the_same(account, tmp_path, request):
    """The report's summary holds the error rate, the same as `describe_errors` has it."""
    chosen = ACCOUNTS[request.node.callspec.params["account"]]
    usage = chosen.client.call_usage(**chosen.days, timezone=chosen.zone)
    page = ua.build_report(usage, tmp_path / "report", timezone=chosen.zone, sections=["errors"])
    text = " ".join(re.sub("<[^>]+>", " ", page.read_text(encoding="utf-8")).split())
    rate = re.match(r"Error rate [\d.]+ %", ua.describe_errors(account["hourly"]))
    assert rate is None or rate[0] in text
    summary = text[: text.find("Provenance")]
    assert not re.search(r"\b(nan|NaT)\b", summary)
