"""Claims in words on twelve accounts: each number is computed again from the raw rows."""

import re

import pandas as pd
import pytest

import usage_analysis as ua
from tests.accounts import ACCOUNTS, AGENTS
from tests.analysis.statements.forms import claims_of
from tests.analysis.statements.raw_rows import Raw
from usage_analysis.analysis.selection import Selection
from usage_analysis.report.summary import summarize
from usage_analysis.report.tables import ReportOptions, ReportResults


def value_of(text: str) -> float:
    return float(text.replace(",", ""))


def near(text: str, value: float) -> bool:
    """Return True if a text is a value, rounded to the digits of the text."""
    return abs(value_of(text) - value) <= 0.5 * 10.0 ** -len(text.partition(".")[2]) + 1e-9


#: Claims that are figures of `Raw` of the same name, to the digits of the text.
SAME = {
    *("calls", "failed", "rate", "hours", "days", "mean", "most", "monthly", "billed", "talk"),
    *("billed_change", "billed_size", "cost", "joined", "join", "join_points", "calls_before"),
    *(
        "own_calls",
        "over_talk",
        "money",
        "all_days",
        "absent",
        "complete",
        "few",
        "points",
        "change",
        "size",
    ),
}
#: Claims of a model, and how far they may be from a plain computation.
ROUGH = {"erlangs": 0.005, "projection": 0.1, "projected_minutes": 0.1, "usual": 0.2}
#: Claims that have an interval.
POINT = (
    "rate",
    "join",
    "points",
    "join_points",
    "billed_change",
    "billed_size",
    "change",
    "size",
    "projection",
    "projected_minutes",
)


def check(claims: dict[str, str], raw: Raw, text: str, column: str = "totalCount") -> None:
    """Compare the claims of a text with figures of the raw rows, and with each other."""
    for name in SAME & claims.keys():
        assert near(claims[name], float(getattr(raw, name))), (name, text)
    for name in ROUGH.keys() & claims.keys():
        expected = pytest.approx(getattr(raw, name), rel=ROUGH[name])
        assert value_of(claims[name]) == expected, (name, text)
    check_names(claims, raw, text)
    check_extremes(claims, raw, text, column)
    if "low" in claims:
        check_interval(claims, text)


def check_names(claims: dict[str, str], raw: Raw, text: str) -> None:
    """Dates, months, weekdays, zone and the largest group are those of the rows."""
    days = raw.account.days
    end = days["to_date"]
    expected = {"zone": raw.zone, "first": days["from_date"], "last": end, "last_2": end}
    expected |= {"month": end[:7], "month_name": f"{pd.Timestamp(end):%B %Y}"}
    expected |= {"top": raw.sizes.index[0]}
    if raw.history:
        expected["first"] = raw.month_rows.index[0]
    if "way" in claims:
        expected["way"] = "up" if raw.change > 0 else "down"
    for name in expected.keys() & claims.keys():
        assert claims[name] == expected[name], (name, text)
    for name in {"top_day", "bad_day"} & claims.keys():
        assert f"{pd.Timestamp(claims[name]):%A}" == claims["weekday"], text


def check_extremes(claims: dict[str, str], raw: Raw, text: str, column: str) -> None:
    """The hour, day or group that a text singles out is the one that the rows single out."""
    if "tenth" in claims:
        share = (raw.carried > value_of(claims["tenth"])).mean()
        assert abs(share - 0.1) <= 0.01 + 1.5 / raw.hours, text
    if "hour" in claims and "long" not in claims:
        assert claims["hour"] == raw.hour, text
    if "spans" in claims:
        busiest = raw.rows[column].groupby(raw.rows.index.hour).mean().idxmax()
        spans = [re.findall(r"(\d\d):00", span) for span in claims["spans"].split(" or ")]
        assert any(int(low) <= busiest < int(high) for low, high in spans), text
    if "many" in claims and column == "totalCount":
        least, most = raw.many
        assert least <= int(claims["many"]) <= most, text
    if "lost" in claims:
        least, most = raw.lost
        assert least - 1 <= int(claims["lost"]) <= most + 1, text
    if "risk" in claims:
        assert abs(value_of(claims["risk"]) - raw.risk) <= 3 + 0.2 * raw.risk, text
    if "top_day" in claims:
        assert raw.daily["totalCount"][claims["top_day"]] == raw.most, text
    if "bad_day" in claims:
        day = raw.daily.loc[claims["bad_day"]]
        assert near(claims["bad_rate"], 100 * day["errorCount"] / day["totalCount"]), text
    if "top_share" in claims:
        largest = raw.sizes.iloc[: int(claims.get("groups", 1))].sum()
        assert near(claims["top_share"], 100 * largest / raw.billed), text


def check_interval(claims: dict[str, str], text: str) -> None:
    """An interval holds its point; a change is significant where it does not hold 0."""
    low, high = (value_of(claims[end]) for end in ("low", "high"))
    point = value_of(next(claims[name] for name in POINT if name in claims))
    if claims.get("way") == "down":
        point = -point
    assert low <= point <= high, text
    if "although its own interval excludes 0" in text:
        assert low > 0 or high < 0, text
    elif text.startswith("No significant change"):
        assert low <= 0 <= high, text
    elif "way" in claims:
        assert low > 0 or high < 0, text


#: Accounts whose groups and figures are looked at in the plain run; all others take long.
DRAWN = ("a tiny account", "no calls", "a change of clocks")
SOME = [name if name in DRAWN else pytest.param(name, marks=pytest.mark.slow) for name in ACCOUNTS]


# Two years take four times as long as all others together.
PARAMS = [
    pytest.param(name, marks=pytest.mark.slow if name == "two years" else ()) for name in ACCOUNTS
]


@pytest.fixture(params=PARAMS, scope="module")
def account(request):
    """Return an account, its local hours, those of the previous period, and those by agent."""
    chosen = ACCOUNTS[request.param]

    def hours(days, usage):
        return ua.between_days(ua.in_timezone(usage.hourly, chosen.zone), *days.values())

    client, where = chosen.client, {"timezone": chosen.zone}
    return {
        "account": chosen,
        "raw": Raw(chosen),
        "hourly": hours(chosen.days, client.call_usage(**chosen.days, **where)),
        "previous": hours(chosen.days_before, client.call_usage(**chosen.days_before, **where)),
        "groups": hours(chosen.days, client.by_agent(AGENTS, **chosen.days, **where)),
        "groups before": hours(
            chosen.days_before, client.by_agent(AGENTS, **chosen.days_before, **where)
        ),
    }


def column_of(name: str) -> str:
    """Return the column of the raw rows that a text is of."""
    return "seconds" if name.endswith("talk") else "totalCount"


def sentences_of(hourly):
    """Return every description of hours by its function."""
    return {
        "describe_errors": ua.describe_errors(hourly),
        "describe_peak": ua.describe_peak(hourly),
        "describe_peak of talk": ua.describe_peak(hourly, measure="duration"),
        "describe_capacity": ua.describe_capacity(hourly, limit=5),
        "describe_month": ua.describe_month(ua.aggregate(hourly, "D"), price="0.05"),
    }


def titles_of(account):
    """Return the title of every figure by its plot."""
    hourly, groups = account["hourly"], account["groups"]
    daily, load = ua.aggregate(hourly, "D"), ua.capacity(hourly, limit=5)
    drawn = {
        "plot_error_rate": ua.plot_error_rate(ua.error_rate(daily)),
        "plot_day": ua.plot_day(ua.load_profile(hourly)),
        "plot_week": ua.plot_week(ua.load_profile(hourly, by="hour_of_week")),
        "plot_capacity": ua.plot_capacity(load),
        "plot_load_duration": ua.plot_load_duration(load),
        "plot_calendar": ua.plot_calendar(daily),
        "plot_trend": ua.plot_trend(daily),
        "plot_billing": ua.plot_billing(daily),
        "plot_burn_up": ua.plot_burn_up(daily),
        "plot_control": ua.plot_control(ua.control_chart(hourly)),
        "plot_error_week": ua.plot_error_week(ua.error_rate(hourly, by="hour_of_week")),
        "plot_funnel": ua.plot_funnel(ua.funnel(groups)),
        "plot_pareto": ua.plot_pareto(groups),
        "plot_comparison of rates": ua.plot_comparison(
            ua.rate_difference(hourly, account["previous"])
        ),
        "plot_effects": ua.plot_effects(ua.rate_effects(groups, account["groups before"])),
    }
    if len(account["previous"]) >= 7 * 24:
        changes = ua.compare_periods(hourly, account["previous"])
        drawn["plot_comparison of periods"] = ua.plot_comparison(changes)
    titles = {name: ax.get_title(loc="left") or ax.get_title() for name, ax in drawn.items()}
    return {name: " ".join(title.split()) for name, title in titles.items()}


def test_every_number_of_a_sentence_is_that_of_the_rows(account):
    """Counts, shares, money, dates, hours and zones of each description are those of the rows."""
    for name, text in sentences_of(account["hourly"]).items():
        check(claims_of(name, text), account["raw"], text, column_of(name))


@pytest.mark.parametrize("account", SOME, indirect=True)
def test_every_number_of_a_group_is_that_of_its_rows(account):
    """A sentence on a group is true of the group's own rows."""
    own = sentences_of(account["groups"])
    for agent in AGENTS:
        raw = Raw(account["account"], (agent,))
        for name, table in own.items():
            text = table.loc[agent, "sentence"]
            check(claims_of(name, text), raw, text, column_of(name))


@pytest.mark.parametrize("account", SOME, indirect=True)
def test_every_number_of_a_title_is_that_of_the_rows(account):
    """What the title of a figure says is true of the rows, and what its sentence says."""
    titles, sentences = titles_of(account), sentences_of(account["hourly"])
    claims = {name: claims_of(name, title) for name, title in titles.items()}
    for name, title in titles.items():
        check(claims[name], account["raw"], title)
    for plot, name in (
        ("plot_error_rate", "describe_errors"),
        ("plot_capacity", "describe_capacity"),
        ("plot_week", "describe_peak"),
        ("plot_burn_up", "describe_month"),
    ):
        full = claims_of(name, sentences[name])
        shared = claims[plot].keys() & full.keys() - {"low", "high"}
        assert {key: claims[plot][key] for key in shared} == {key: full[key] for key in shared}


@pytest.mark.parametrize("account", SOME, indirect=True)
def test_every_number_of_a_summary_is_that_of_the_rows(account):
    """Each sentence of a report's summary is true of the rows, and one is that of `describe_*`."""
    chosen, raw = account["account"], account["raw"]
    client, where = chosen.client, {"timezone": chosen.zone}
    selection = Selection(timezone=chosen.zone, **chosen.days)
    selected = selection.of(
        client.call_usage(**chosen.days, **where),
        breakdown=client.by_agent(AGENTS, **chosen.days, **where),
        previous=client.call_usage(**chosen.days_before, **where),
    )
    sections = ("errors", "joins", "capacity", "billing", "groups", "peaks", "checks")
    results = ReportResults(selected, ReportOptions(limit=5))
    said = summarize(results, sections)
    for text in said:
        check(claims_of("summary", text), raw, text)
    if raw.calls:
        (month,) = set(summarize(results, ["month"])) - set(summarize(results, []))
        check(claims_of("describe_month", month), Raw(chosen, history=True), month)
    own = sentences_of(account["hourly"])
    for name in ("describe_errors", "describe_peak", "describe_capacity") if raw.calls else ():
        assert own[name] in said
