"""Exit statuses, streams, encodings and environments of the command line as a whole."""

import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import usage_analysis as ua
from tests.conftest import as_json, reply, row

KEY = "abcdefgh.0123456789abcdef0123456789abcdef"
MARCH = ["--from", "2026-03-01", "--to", "2026-03-02"]
GOOD = as_json(reply([row("2026-03-01", hour, calls=10, errors=1) for hour in range(24)]))


@pytest.fixture
def api(monkeypatch):
    """Return a function that serves one answer, and the options that ask there."""
    monkeypatch.setenv("ULTRAVOX_API_KEY", KEY)
    servers = []

    def serve(status, body=b"{}"):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        address = f"http://127.0.0.1:{server.server_port}"
        return ["--account", "live", "--base-url", address, "--retries", "0"]

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("answer", "status"),
    [(200, 0), (400, 2), (404, 2), (401, 4), (403, 4), (408, 75), (429, 75), (503, 75), (529, 75)],
)
def test_answer_of_the_server_decides_the_status(run, api, answer, status):
    """0 done, 2 wrong use, 4 key refused, 75 try again later; never the key, and one line."""
    day = ["--from", "2026-03-01", "--to", "2026-03-01"]
    done = run("fetch", *api(answer, GOOD), *day, "--out", "reply.json", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["status"], done.stderr) == (status, status, "")
    assert ("error" in found) == (status != 0)
    assert KEY[9:] not in done.stdout


@pytest.mark.parametrize("command", [["fetch", "--out", "x.json"], ["report"], ["doctor"]])
def test_every_command_has_the_same_statuses(run, api, tmp_path, command):
    """A refused key is 4 and no connection 75 for every command that asks the account."""
    done = run(*command, *api(403))
    assert (done.returncode, done.stdout) == (4, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("usage-analysis: GET /api")
    closed = ["--account", "live", "--base-url", "http://127.0.0.1:1", "--retries", "0"]
    assert run(*command, *closed).returncode == 75
    assert run("sync", "--archive", "a", "--since", "2026-03-01", *closed).returncode == 75
    (tmp_path / "rules.toml").write_text('[[rule]]\nname = "a"\nkind = "silence"\n')
    assert run("check", "rules.toml", *api(403)).returncode == 4


def test_missing_data_and_missing_files_have_statuses(run):
    """An archive without days is 3; a file that is not there is 2, also as JSON."""
    assert run("report", "--archive", "empty").returncode == 3
    assert run("sync", "--archive", "kept", "--since", "2026-03-30").returncode == 0
    done = run("report", "--archive", "kept", "--from", "2026-03-01", "--json")
    assert (done.returncode, json.loads(done.stdout)["status"]) == (3, 3)
    for words in (["report", "--reply", "no.json"], ["report", "--calls", "no.csv"],
                  ["check", "no.toml"]):  # fmt: skip
        assert run(*words).returncode == 2


@pytest.mark.parametrize("year", ["0001", "0026", "0206", "2260", "9999"])
def test_years_of_the_pen_are_refused(run, year):
    """A mistyped year, and the ends of the calendar, are one line about the option."""
    for option in ("--from", "--to"):
        done = run("fetch", option, f"{year}-12-31", "--out", "reply.json")
        assert (done.returncode, done.stdout) == (2, "")
        assert "expected a year from 1900 to 2199, got" in done.stderr
    with pytest.raises(ua.QueryError, match="from_date: expected a year from 1900"):
        ua.UsageQuery(from_date="0026-03-01")


def test_a_file_is_what_its_ending_says(run, tmp_path):
    """.json is the reply, a table's ending its local hours, - prints, and others are refused."""
    words = ["fetch", *MARCH, "--timezone", "America/New_York", "--out"]
    assert run(*words, "here.csv").returncode == 0
    lines = (tmp_path / "here.csv").read_text(encoding="utf-8-sig").splitlines()
    assert lines[0].startswith("time,total_count,error_count,")
    assert (len(lines), lines[1][:19]) == (49, "2026-03-01 00:00:00")
    assert run(*words, "here.parquet", "--by", "agent").returncode == 0
    assert (tmp_path / "here.parquet").read_bytes()[:4] == b"PAR1"
    done = run(*words, "here.json")
    assert done.stdout == f"Reply of the sample account: {tmp_path / 'here.json'}\n"
    printed = run(*words, "-")
    assert printed.stdout == (tmp_path / "here.json").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "here.csv", "here.json", "here.parquet"
    ]  # fmt: skip
    done = run(*words, "here.txt")
    assert (done.returncode, "ends in .json, .csv, .xlsx or .parquet" in done.stderr) == (2, True)


def test_a_page_is_printed(run, tmp_path):
    """`report --out -` prints the page and leaves no file."""
    done = run("report", *MARCH, "--sections", "checks", "--out", "-")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("<!DOCTYPE html>")
    assert list(tmp_path.iterdir()) == []
    assert run("report", "--out", "-", "--each", "tenant").returncode == 2


def test_each_group_has_its_report(run, tmp_path):
    """`report --each` writes one report per group from one process, also from an archive."""
    named = ["--group", "Desk/A=maple-realty", "--group", "desk a=oakwood-vets"]
    words = ["report", *MARCH, "--sections", "checks", "--json", "--no-compare"]
    done = run(*words, "--each", "tenant", *named)
    assert done.returncode == 0, done.stderr
    pages = json.loads(done.stdout)["reports"]
    assert [page["of"] for page in pages] == ["Desk/A", "desk a"]
    folders = [Path(page["path"]).parent.relative_to(tmp_path).as_posix() for page in pages]
    assert folders == ["usage-report/desk-a", "usage-report/desk-a-"]
    assert "Call usage: Desk/A" in Path(pages[0]["path"]).read_text(encoding="utf-8")
    whole = ua.sample_client().by_metadata("tenant", ["maple-realty"], from_date="2026-03-01",
                                           to_date="2026-03-02")  # fmt: skip
    total = sum(
        int(line.split(",")[1])
        for line in (tmp_path / folders[0] / "hourly.csv").read_text().splitlines()[1:]
    )
    assert total == whole.hourly["total_count"].sum()
    by = ["--by", "metadata.tenant", *named]
    assert run("sync", "--archive", "kept", "--since", "2026-02-25", *by).returncode == 0
    done = run(*words, "--archive", "kept", "--each", "tenant", "--out", "again")
    assert [page["of"] for page in json.loads(done.stdout)["reports"]] == ["Desk/A", "desk a"]


def test_json_of_the_other_commands(run):
    """`doctor` and `sync` print one JSON object, too; --quiet leaves results and errors alone."""
    found = json.loads(run("doctor", "--days", "8", "--json").stdout)
    assert found["status"] == 0
    assert set(found["findings"][0]) == {"topic", "assumed", "seen", "follows", "holds"}
    words = ["sync", "--archive", "kept", "--since", "2026-03-30"]
    found = json.loads(run(*words, "--json").stdout)
    assert (found["scope"], found["new_days"], found["moved"]) == ("all", 3, [])
    assert run(*words, "--quiet")[:2] == (0, "")
    assert run("doctor", "--days", "8", "-q").stdout.endswith("with these calls\n")


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    "words", [["--metadata", "tenent=x"], ["--by", "metadata.tenent", "--group", "x"]]
)
def test_metadata_that_no_call_has_is_said(run, words):
    """A metadata key that matches nothing is named on standard error, and the status stays 0."""
    done = run("fetch", *MARCH, *words, "--out", "reply.json")
    assert done.returncode == 0
    assert "no call of these days has the metadata tenent" in done.stderr
    assert "known keys: tenant, channel, campaign" in done.stderr
    assert run("fetch", *MARCH, *words, "--out", "reply.json", "-q").stderr == ""


def test_agents_and_voices_by_name(run, tmp_path):
    """The sample account and call lists know names for --agent and --voice."""
    named = ["--agent", "Support line", "--voice", "Mara"]
    done = run("fetch", *MARCH, *named, "--out", "reply.json")
    assert done.returncode == 0, done.stderr
    query = ua.CallUsage.load(tmp_path / "reply.json").query
    assert query.agent_ids == (ua.sample.AGENTS["Support line"],)
    assert query.voice_id == ua.sample.VOICES["Mara"]
    assert "--agent: expected a UUID" in run("fetch", "--agent", "Nobody", "--out", "x").stderr


def test_settings_of_requests_need_an_account(run):
    """--timeout and its like are refused where nothing is requested, and checked where it is."""
    done = run("fetch", "--timeout", "5", "--out", "x.json")
    assert (done.returncode, "expected --account live beside --timeout" in done.stderr) == (2, True)
    for words in (["--retries", "-1"], ["--timeout", "0"], ["--deadline", "x"]):
        done = run("fetch", "--account", "live", *words, "--out", "x.json")
        assert (done.returncode, words[0] in done.stderr or "API key" in done.stderr) == (2, True)


def start(*words, cwd, **settings):
    """Start the command line in a process of its own."""
    command = [sys.executable, "-m", "usage_analysis", *words]
    return subprocess.Popen(command, cwd=cwd, stderr=subprocess.PIPE, **settings)


def test_closed_pipe(tmp_path):
    """If nobody reads the output, the status is that of SIGPIPE, and nothing is printed."""
    read, write = os.pipe()
    os.close(read)
    process = start("doctor", "--list", cwd=tmp_path, stdout=write)
    os.close(write)
    _, err = process.communicate()
    assert (process.returncode, err) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device of a full disk")
def test_full_disk(tmp_path):
    """Output that does not fit is one line and status 2."""
    with Path("/dev/full").open("w") as full:
        process = start("doctor", "--list", cwd=tmp_path, stdout=full)
    _, err = process.communicate()
    assert (process.returncode, err.count(b"\n")) == (2, 1)
    assert b"Traceback" not in err


def test_container(tmp_path):
    """Without HOME, terminal and locale, in a read-only folder, a report is written elsewhere."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    here.chmod(0o555)
    words = ["report", *MARCH, "--sections", "checks", "--group", "Büro=x", "--out", str(there)]
    environment = {"PATH": os.environ["PATH"], "LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0"}
    process = start(*words[:-4], "--out", str(there), cwd=here, stdout=subprocess.PIPE,
                    stdin=subprocess.DEVNULL, env=environment)  # fmt: skip
    out, err = process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert out.decode("ascii").endswith("/there/report.html\n")
