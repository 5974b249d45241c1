"""Groups of the command line, run as a user runs it."""

import re

import pytest

import usage_analysis as ua
from usage_analysis.dashboard.names import names_of
from usage_analysis.fetch.breakdown import read_pairs
from usage_analysis.sample import AGENTS, TENANTS, VOICES

WEEK = ["--from", "2026-03-02", "--to", "2026-03-08", "--timezone", "America/New_York"]
ONLY = [*WEEK, "--no-compare", "--sections", "groups"]
FRONT, ORDERS = AGENTS["Front desk"], AGENTS["Order status"]


def groups(page):
    """Return the names in the page's table of groups, and its first heading."""
    text = page.read_text(encoding="utf-8")
    table = text[text.index('id="groups"') :]
    table = table[: table.index("</table>")]
    return re.findall(r"<tr><td>(.*?)</td>", table), re.search(r"<h2>(.*?)</h2>", table)[1]


@pytest.mark.slow
def test_a_file_of_names_and_ids_serves_the_report(run, tmp_path):
    """A report has the groups of a CSV file with the columns `name` and `id`."""
    (tmp_path / "names.csv").write_text(f"name,id\nDesk,{FRONT}\n", encoding="utf-8")
    assert run("report", *ONLY, "--by", "agent", "--groups", "names.csv").returncode == 0
    found, _ = groups(tmp_path / "usage-report" / "report.html")
    assert sorted(found) == ["Desk", "rest"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("by", "names"), [("agent", [*AGENTS]), ("metadata.channel", ["phone", "web", "app"])]
)
def test_the_sample_brings_its_own_groups(run, tmp_path, by, names):
    """For the sample account --by is enough; its groups have all calls, so there is no rest."""
    done = run("report", *ONLY, "--by", by)
    assert done.returncode == 0, done.stderr
    found, heading = groups(tmp_path / "usage-report" / "report.html")
    assert sorted(found) == sorted(names)
    assert heading == f"By {by.removeprefix('metadata.')}"


def test_groups_are_named_one_by_one_and_in_a_file(run, tmp_path):
    """--group and --groups are combined; agents with one name form a group; the rest follows."""
    (tmp_path / "agents.csv").write_text(
        f"value,name\n{FRONT},Daytime\n\n{ORDERS},Daytime\n", encoding="utf-8-sig"
    )
    after = f"After = hours={AGENTS['After hours']}"
    done = run("report", *ONLY, "--by", "agent", "--group", after, "--groups", "agents.csv")
    assert done.returncode == 0, done.stderr
    found, _ = groups(tmp_path / "usage-report" / "report.html")
    assert sorted(found) == ["After = hours", "Daytime", "rest"]
    both = ua.sample_client().call_usage(
        agent_ids=[FRONT, ORDERS],
        from_date="2026-03-02",
        to_date="2026-03-08",
        timezone="America/New_York",
    )
    local = ua.in_timezone(both.hourly, "America/New_York").loc["2026-03-02":"2026-03-08"]
    table = (tmp_path / "usage-report" / "groups_table.csv").read_text(encoding="utf-8")
    assert f"Daytime,{local['total_count'].sum()}," in table


def test_a_file_of_names_serves_the_dashboard_and_the_command_line(run, tmp_path):
    """A CSV file with the columns `name`, and `id` or `value`, also works for the dashboard."""
    named = ("--by", "agent", "--groups", "names.csv")
    for heading in ("id", "value"):
        (tmp_path / "names.csv").write_text(f"name,{heading}\nDesk,{FRONT}\n", encoding="utf-8")
        done = run("fetch", *WEEK, *named, "--out", f"{heading}.json")
        assert done.returncode == 0, done.stderr
        assert [*ua.CallUsage.load(tmp_path / f"{heading}.json").groups] == ["Desk", "rest"]
        names = names_of(ua.sample_client(), tmp_path / "names.csv", None, None)
        assert names.agents == {"Desk": FRONT}


def test_a_value_is_its_own_name(run, tmp_path):
    """A metadata value or an ID without a name is its own name."""
    done = run("fetch", *WEEK, "--by", "metadata.tenant", "--group", TENANTS[0], "--out", "t.json")
    assert done.returncode == 0, done.stderr
    assert [*ua.CallUsage.load(tmp_path / "t.json").groups] == [TENANTS[0], "rest"]


@pytest.mark.slow
def test_a_kept_breakdown_is_reported(run, tmp_path):
    """`fetch --by` saves groups with their filters, and `report --reply --breakdown` shows them."""
    mara = ["--metadata", "channel=web"]
    assert run("fetch", *WEEK, *mara, "--out", "all.json").returncode == 0
    assert run("fetch", *WEEK, *mara, "--by", "voice", "--out", "by.json").returncode == 0
    local = ["--timezone", "America/New_York", "--sections", "groups"]
    done = run("report", "--reply", "all.json", "--breakdown", "by.json", *local)
    assert done.returncode == 0, done.stderr
    assert sorted(groups(tmp_path / "usage-report" / "report.html")[0]) == sorted(VOICES)
    swapped = run("report", "--reply", "by.json", "--breakdown", "all.json")
    assert (swapped.returncode, "--breakdown" in swapped.stderr) == (2, True)
    swapped = run("report", "--reply", "all.json", "--breakdown", "all.json")
    assert (swapped.returncode, "fetch --by" in swapped.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--by", "phone"], "--by: expected agent, voice or metadata.KEY, got 'phone'"),
        (["--by", "metadata."], "--by: expected agent"),
        (["--by", "agent.x"], "--by: expected agent"),
        (["--by", "metadata.colour"], "the sample account has agent, voice, metadata.tenant"),
        (["--group", "a=b"], "--by: expected agent, voice or metadata.KEY with --group"),
        (["--by", "agent", "--group", "a="], "expected NAME=VALUE, got 'a='"),
        (["--by", "agent", "--group", "Front=x"], "Front"),
        (["--by", "voice", "--group", "a=x", "--group", "a=y"], "each name once, got 'a' twice"),
        (["--by", "agent", "--groups", "none.csv"], "none.csv"),
        (["--by", "agent", "--groups", "empty.csv"], "expected rows in 'empty.csv', got none"),
        (
            ["--by", "agent", "--groups", "other.csv"],
            "columns name and id or value, got name, uuid in",
        ),
        (["--by", "agent", "--groups", "short.csv"], "got 'Front' and '' in line 3 of 'short.csv'"),
        (["--by", "agent", "--groups", "latin.csv"], "expected a CSV file in UTF-8"),
        (["--breakdown", "by.json"], "--reply beside it"),
        (["--reply", "all.json", "--by", "agent"], "cannot be filtered or grouped, got --by"),
    ],
)
def test_groups_that_cannot_be_are_refused(run, tmp_path, arguments, message):
    """Invalid groups are quoted in the error, the status is 2 and there is no report."""
    (tmp_path / "empty.csv").write_text("name,value\n")
    (tmp_path / "other.csv").write_text("name,uuid\nFront,x\n")
    (tmp_path / "short.csv").write_text("name,value\n\nFront\n")
    (tmp_path / "latin.csv").write_bytes(b"name,value\nB\xfcro,x\n")
    done = run("report", *ONLY, *arguments)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
    assert not (tmp_path / "usage-report").exists()


def test_a_live_account_has_no_list_of_its_groups(run, monkeypatch):
    """Without groups, a live account gets no request, and the error says which options to give."""
    monkeypatch.setenv("ULTRAVOX_API_KEY", "Zk3nQ8aB.pR7tY2uI9oP4aS6dF1gH8jK3lZ5xC0v")
    done = run("report", *ONLY, "--account", "live", "--by", "agent")
    assert done.returncode == 2
    assert "--groups with a CSV file with the columns name, and id or value" in done.stderr


@pytest.mark.parametrize(
    "body",
    [
        b"name;id\nDesk;{id}\n",
        b"Name,ID\nDesk,{id}\n",
        b"\xef\xbb\xbf" + b"NAME\tId\r\nDesk\t{id}\r\n",
        "name\tvalue\nDesk\t{id}\n".encode("utf-16"),
        b'"name";"id"\r\n"Desk";"{id}"\r\n',
    ],
    ids=["semicolons", "capitals", "tabs and a mark", "utf-16", "quotes"],
)
def test_names_as_spreadsheets_save_them(tmp_path, body):
    """Semicolons, tabs, headings in capitals, byte order marks and UTF-16 are read."""
    known = AGENTS["Front desk"]
    mark = "{id}".encode("utf-16-le") if body[:2] == b"\xff\xfe" else b"{id}"
    (tmp_path / "names.csv").write_bytes(
        body.replace(mark, known.encode("utf-16-le" if body[:2] == b"\xff\xfe" else "utf-8"))
    )
    assert read_pairs(tmp_path / "names.csv", "--groups") == [("Desk", known)]
