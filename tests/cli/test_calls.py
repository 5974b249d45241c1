"""The option `--calls` of `report`, `fetch` and `app`, run as a user runs it."""

import json

import pytest

import usage_analysis as ua

ROWS = [
    {
        "callId": str(number),
        "created": f"2026-03-{1 + number // 4:02}T{8 + number % 4:02}:00:00Z",
        "joined": f"2026-03-{1 + number // 4:02}T{8 + number % 4:02}:00:01Z",
        "ended": f"2026-03-{1 + number // 4:02}T{8 + number % 4:02}:01:01Z",
        "endReason": "system_error" if number % 10 == 0 else "hangup",
        "billedDuration": "60s",
        "billingStatus": "BILLING_STATUS_BILLED",
        "agent": {"agentId": f"aaaaaaaa-0000-4000-8000-00000000000{number % 2}",
                  "name": ("Reception", "Night line")[number % 2]},
        "metadata": {"tenant": "north"},
    }
    for number in range(80)
]  # fmt: skip
CDR = "calldate;billsec;status;linkedid\n" + "".join(
    f"2026-03-{1 + number // 4:02} {8 + number % 4:02}:00:00;60;{'BAD' * (number == 3)};{number}\n"
    for number in range(40)
)
READ = [
    *("--columns", "created=calldate", "--columns", "duration=billsec", "--columns"),
    *("error=status", "--id", "linkedid", "--clock", "America/New_York", "--errors", "BAD"),
]


@pytest.fixture
def files(tmp_path):
    (tmp_path / "calls.json").write_text(json.dumps({"next": None, "results": ROWS}))
    (tmp_path / "cdr.csv").write_text(CDR)
    return tmp_path


def test_a_report_of_the_vendors_list(run, files):
    """The whole list is reported, by agent too: its agents need no file of names."""
    done = run("report", "--calls", "calls.json", "--by", "agent", "--sections", "errors,groups")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Report of a file of yours: ")
    text = (files / "usage-report" / "report.html").read_text(encoding="utf-8")
    assert "8 of 80 calls" in text
    assert "Night line" in text


@pytest.mark.filterwarnings("ignore:Without a column joined:UserWarning")
def test_a_report_of_a_log(run, files):
    """A log with columns of its own is read by the options, its clocks in the zone of --clock."""
    done = run("report", "--calls", "cdr.csv", *READ, "--sections", "checks", "--out", "here")
    assert done.returncode == 0, done.stderr
    page = (files / "here" / "report.html").read_text(encoding="utf-8")
    assert "Read from cdr.csv; created from calldate, duration from billsec, error from sta" in page
    assert "assumed to be as of 2026-03-" in page
    hours = (files / "here" / "hourly.csv").read_text().splitlines()
    assert sum(int(line.split(",")[1]) for line in hours[1:]) == 40
    busy = [line for line in hours[1:] if line.split(",")[1] == "1"]
    assert busy[0].startswith("2026-03-01 08:00:00")  # on the clock of the log
    days = (files / "here" / "daily.csv").read_text().splitlines()
    assert days[-1].startswith("2026-03-10")
    assert "True" in days[-1]  # the last day is whole


@pytest.mark.filterwarnings("default")
@pytest.mark.usefixtures("files")
def test_words_of_the_shell(run):
    """Warnings and errors of a list of calls name the options of the command line, and no place in
    the code."""
    done = run("fetch", "--calls", "cdr.csv", *READ[:6], "--out", "kept.json")
    assert done.stderr.endswith("say whose clock it is: --clock America/New_York\n")
    clock = ("--clock", "America/New_York", "--errors", "BAD")
    (warning,) = run(
        "fetch", "--calls", "cdr.csv", *READ[:6], *clock, "--out", "kept.json"
    ).stderr.splitlines()
    assert warning.startswith("usage-analysis: columns that are not understood and left aside: lin")
    assert "Name others with --columns OURS=THEIRS; ours are created, joined" in warning
    assert "agent, agent_id, voice, voice_id, metadata" in warning  # names of columns, no options
    assert "calls with talk count as joined: 40 of 40" in warning
    done = run("fetch", "--calls", "cdr.csv", *READ[:-1], "bad", "--out", "kept.json")
    assert done.stderr.splitlines()[-1] == (
        "usage-analysis: --errors: expected values of the column error, got 'bad', which no call "
        "has; did you mean 'BAD'? The column has 'BAD' (1 call); leave out what does not occur"
    )


def test_a_reply_of_a_list(run, files):
    """`fetch --calls` saves a reply that loads as any other, filtered or by group."""
    done = run("fetch", "--calls", "calls.json", "--metadata", "tenant=north", "--out", "kept.json")
    assert done.returncode == 0, done.stderr
    usage = ua.CallUsage.load(files / "kept.json")
    assert (usage.source, int(usage.daily["total_count"].sum())) == ("file", 80)
    done = run("fetch", "--calls", "calls.json", "--by", "agent", "--out", "groups.json")
    assert done.returncode == 0, done.stderr
    assert list(ua.CallUsage.load(files / "groups.json").groups) == ["Reception", "Night line"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--calls", "nowhere.csv"], "nowhere.csv"),
        (["--calls", "cdr.csv"], "created: expected this column, got calldate, billsec, status"),
        (["--id", "linkedid"], "--calls: expected a file beside the options of a list of calls"),
        (["--calls", "calls.json", "--by", "voice"], "--by: a file of yours has agent, voice, met"),
        (["--calls", "calls.json", "--account", "live"], "not allowed with argument --calls"),
    ],
)
@pytest.mark.filterwarnings("ignore:columns that are not understood:UserWarning")
@pytest.mark.parametrize("command", [["report"], ["fetch", "--out", "kept.json"]])
def test_lists_that_cannot_be_read(run, files, command, arguments, message):
    """A missing file, column or group is one line of standard error, and status 2."""
    done = run(*command, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in " ".join(done.stderr.split())
    assert not (files / "kept.json").exists()


def test_a_dashboard_of_a_list_says_what_is_wrong(run, files):
    """`app --calls` reads the list before it serves anything."""
    done = run("app", "--no-browser", "--calls", str(files / "cdr.csv"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "created: expected this column" in done.stderr


def test_headings_do_not_reach_the_terminal_as_they_are(run, tmp_path):
    """Control and direction characters of a file are left out of messages and warnings."""
    (tmp_path / "odd.csv").write_text("a\x1b[31m\u202e,b\n1,2\n", encoding="utf-8")
    done = run("report", "--calls", "odd.csv")
    assert done.returncode != 0
    assert "a [31m" in done.stderr
    assert not {"\x1b", "\u202e"} & {*done.stderr}


def test_half_of_a_character_in_a_list_is_replaced(tmp_path):
    """JSON can write a character that UTF-8 cannot hold; it becomes a question mark."""
    rows = [
        {"created": "2026-03-01T09:00Z", "joined": True, "duration": 60, "agent": "Desk \\ud83d"}
    ]
    text = json.dumps(rows).replace("\\\\", "\\")
    (tmp_path / "calls.json").write_text(text, encoding="utf-8")
    client = ua.read_calls(tmp_path / "calls.json")
    assert [*client.names.agents] == ["Desk ?"]
