"""Every recipe of docs/recipes runs, on the sample account and without a network."""

import asyncio
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import duckdb
import httpx
import nbformat
import numpy as np
import pandas as pd
import pytest
import yaml

import usage_analysis as ua
from usage_analysis import cli

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "docs" / "recipes"
PAGES = sorted(path.stem for path in RECIPES.glob("*.md") if path.stem != "index")
ZONE = "America/New_York"


def blocks(page, language):
    """Return the code blocks of a recipe in a language."""
    text = (RECIPES / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def run_python(page, folder, monkeypatch):
    """Run the Python of a recipe in a folder, and return its names."""
    monkeypatch.chdir(folder)
    names = {"__name__": page}
    for block in blocks(page, "python"):
        exec(compile(block, page, "exec"), names)  # noqa: S102  # our own documentation
    return names


def run_shell(page, folder, **environment):
    """Run the shell lines of a recipe in a folder, on the sample account, and return its output."""
    (lines,) = blocks(page, "sh")
    for name in re.findall(r"https://[\w./-]+", lines):
        lines = lines.replace(name, environment.get("HOOK", name))
    done = subprocess.run(
        [shutil.which("bash"), "-euo", "pipefail", "-c", lines.replace("live", "sample")],
        cwd=folder,
        env=os.environ
        | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def write_rules(folder, limit):
    """Write a rule that is broken on the sample account for a limit of 5 calls, not for 500."""
    text = f'[[rule]]\nname = "lines"\nkind = "capacity"\nlimit = {limit}\n'
    (folder / "rules.toml").write_text(text, encoding="utf-8")


@pytest.fixture
def hook():
    """Serve a webhook, and return its address and what was posted to it."""
    posted = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posted.append((self.headers["Content-Type"], json.loads(body)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            """Write nothing on standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", posted
        server.shutdown()


needs_curl = pytest.mark.skipif(
    not all(map(shutil.which, ("bash", "curl", "jq"))), reason="needs bash, curl and jq"
)


def test_the_list_has_every_recipe():
    """The list of recipes links to each recipe once, by the beginning of its title."""
    text = (RECIPES / "index.md").read_text(encoding="utf-8")
    links = {
        page: title for title, page in re.findall(r"^- \[(.*)\]\((.*)\.md\)", text, re.MULTILINE)
    }
    assert sorted(links) == PAGES
    for page, title in links.items():
        head = (RECIPES / f"{page}.md").read_text(encoding="utf-8").partition("\n")[0]
        assert head == f"# {title}"


@pytest.mark.parametrize("page", PAGES)
def test_code_has_a_language_that_is_tested(page):
    """Blocks are Python, shell, TOML or a Dockerfile, which run in a test. A block of text shows
    content of files, and commands that need conda, Docker or a browser."""
    text = (RECIPES / f"{page}.md").read_text(encoding="utf-8")
    openings = re.findall(r"^```(.+)$", text, re.MULTILINE)
    known = {"python", "sh", "toml", "dockerfile", "text", "{literalinclude} ../check.yml"}
    assert set(openings) <= known | {"{example}"}


@pytest.mark.parametrize("page", PAGES)
def test_commands_have_these_options(page):
    """Each command of the package, in a shell or in a text, is one that the parser accepts."""
    lines = "".join([*blocks(page, "sh"), *blocks(page, "text")])
    for line in re.findall(r"usage-analysis ((?:report|fetch|check|app|sync|sample) .*)", lines):
        words = shlex.split(re.split(r"[>|]|2>", line)[0])
        assert cli._parser().parse_args(words)


@pytest.mark.parametrize("page", ["errors", "groups", "other-languages"])
def test_python_runs(page, tmp_path, monkeypatch, capsys):
    """The Python of a short recipe runs; a wrong request ends in the branch for wrong requests."""
    names = run_python(page, tmp_path, monkeypatch)
    assert names["client"].source == "sample"
    if page == "errors":
        assert capsys.readouterr().out.startswith("Wrong argument: from_date: ")
    if page == "groups":
        assert [*names["rates"].index] == ["Support line", "rest"]


@pytest.mark.slow
def test_rules_of_cron_are_rules(tmp_path, monkeypatch, capsys):
    """`check` replays the rules of the recipe over the days of its command."""
    (text,) = blocks("cron", "toml")
    (tmp_path / "rules.toml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (line,) = blocks("cron", "sh")
    assert cli.main(shlex.split(line)[1:]) in (0, 1)
    assert "from 2026-03-18 to 2026-03-20" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("sh") is None, reason="needs sh")
def test_the_line_of_the_crontab_tells_an_alarm_once(tmp_path):
    """The line of the crontab runs in `sh` with the key of the file, prints an alarm once, and ends
    without an error."""
    key, line = blocks("cron", "text")
    write_rules(tmp_path, 5)
    (tmp_path / "account.env").write_text(key.replace("your-key", ua.sample.KEY), encoding="utf-8")
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    line = line.replace("0 * * * * ", "").replace("~/usage-analysis", str(tmp_path))
    printed = [
        subprocess.run(
            [shutil.which("sh"), "-c", line.replace("live", "sample")],
            env={name: value for name, value in os.environ.items() if name != "ULTRAVOX_API_KEY"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    ]
    assert printed[0].startswith("fired: lines: ")
    assert printed[1] == ""


@pytest.mark.slow
@needs_curl
def test_webhook_gets_alarms_alone(tmp_path, hook):
    """The line posts what fired, with the keys of the reference, and nothing on a quiet day."""
    address, posted = hook
    for limit in (500, 5):
        write_rules(tmp_path, limit)
        run_shell("webhook", tmp_path, HOOK=address)
    ((kind, found),) = posted
    assert kind == "application/json"
    assert found["status"] == 1
    text = (RECIPES.parent / "reference" / "rules.md").read_text(encoding="utf-8")
    text = text[text.index("`--json` prints one object") :]
    fields = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    assert fields == {*found, "error", *found["fired"][0]}


@pytest.mark.slow
@needs_curl
def test_slack_gets_a_sentence_once(tmp_path, hook):
    """Slack gets the sentence of an alarm once; a quiet day sends nothing, a failure sends why."""
    address, posted = hook
    for limit in (500, 5, 5, '"five"'):
        write_rules(tmp_path, limit)
        run_shell("slack", tmp_path, SLACK_WEBHOOK_URL=address)
    (_, alarm), (_, failure) = posted
    assert alarm.keys() == {"text"}
    assert alarm["text"].startswith("fired: lines: a limit of 5 concurrent calls would refuse")
    assert failure["text"].startswith("usage-analysis: ")


def test_a_service_answers(tmp_path, monkeypatch):
    """The service answers with rates, unknown ones as null; a wrong zone is status 422."""
    app = run_python("fastapi", tmp_path, monkeypatch)["app"]

    async def ask():
        transport = httpx.ASGITransport(app)
        days = {"first": "2026-03-01", "last": "2026-03-03"}
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://service") as http,
        ):
            right = await http.get("/errors", params=days | {"timezone": ZONE})
            wrong = await http.get("/errors", params=days | {"timezone": "Mars"})
            early = await http.get("/errors", params={"first": "2020-01-01", "last": "2020-01-01"})
        return right, wrong, early

    right, wrong, early = asyncio.run(ask())
    assert [(day["calls"], day["rate"]) for day in early.json()] == [(0, None)]
    days = right.json()
    assert [day["time"][:10] for day in days] == ["2026-03-01", "2026-03-02", "2026-03-03"]
    assert all(day["low"] < day["rate"] < day["high"] for day in days)
    assert wrong.status_code == 422
    assert wrong.json()["detail"].startswith("timezone: ")


@pytest.mark.slow
def test_a_report_names_the_agents_of_the_file(tmp_path):
    """The report by agent has the names of the CSV file that the recipe shows, and the rest."""
    (tmp_path / "agents.csv").write_text(blocks("groups", "text")[0], encoding="utf-8")
    run_shell("groups", tmp_path)
    table = pd.read_csv(tmp_path / "usage-report" / "funnel.csv")
    assert {*table["agent"]} == {"Front desk", "Support line", "rest"}


def test_tables_open_elsewhere_and_come_back(tmp_path, monkeypatch):
    """The Excel files have dates and numbers, and CSV and Parquet give the same frame again."""
    names = run_python("excel", tmp_path, monkeypatch)
    daily, hourly = names["daily"], names["hourly"]
    for path, sheet in (("days.xlsx", 0), ("march.xlsx", "days")):
        days = pd.read_excel(tmp_path / path, sheet_name=sheet)
        assert days["time"].tolist() == [*pd.date_range("2026-03-01", "2026-03-31")]
        assert days["total_count"].tolist() == daily["total_count"].tolist()
    rates = pd.read_excel(tmp_path / "march.xlsx", sheet_name="error rate")
    np.testing.assert_allclose(rates["rate"], ua.error_rate(daily)["rate"])
    again = names["again"].tz_convert(hourly.index.tz)  # the same zone, in pandas 2 another object
    pd.testing.assert_frame_equal(again, hourly, check_exact=True, check_freq=False)
    pd.testing.assert_frame_equal(names["rates"], ua.error_rate(hourly, by="hour_of_day"))
    (line,) = (text for text in blocks("excel", "text")[0].splitlines() if "duckdb" in text)
    found = eval(line, {"duckdb": duckdb, "plain": names["plain"]}).fetchall()  # noqa: S307
    assert sum(minutes for _, minutes in found) == pytest.approx(
        hourly["duration"].sum() / pd.Timedelta(minutes=1)
    )


@pytest.mark.slow
def test_papermill_runs_the_notebook_with_parameters(tmp_path, monkeypatch):
    """The notebook runs with the zone of the command line, and the result keeps it."""
    run_python("papermill", tmp_path, monkeypatch)
    run_shell("papermill", tmp_path)
    done = nbformat.read(tmp_path / "2026-03.ipynb", as_version=4)
    injected = [cell for cell in done.cells if "injected-parameters" in cell.metadata.tags]
    assert f'zone = "{ZONE}"' in injected[0].source
    assert ZONE in done.cells[-1].outputs[0].text


def test_the_image_installs_what_exists():
    """The Dockerfile copies files that exist, installs extras that exist, and starts the command.
    No test builds the image, because that needs Docker and a network."""
    (text,) = blocks("docker", "dockerfile")
    lines = [line.partition(" ")[::2] for line in text.splitlines()]
    for sources in (rest.split()[:-1] for word, rest in lines if word == "COPY"):
        assert all((ROOT / source).exists() for source in sources)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ((extras),) = re.findall(r'"\.\[([\w,]+)\]"', text)
    assert {*extras.split(",")} <= project["optional-dependencies"].keys()
    words = {word: json.loads(rest) for word, rest in lines if word in ("ENTRYPOINT", "CMD")}
    assert words["ENTRYPOINT"] == [*project["scripts"]]
    assert cli._parser().parse_args(words["CMD"]).out == Path("report")


def test_the_workflow_runs_a_command_that_exists(tmp_path, monkeypatch):
    """What the workflow of GitHub Actions runs is a command with these options, and the recipe
    names the files that exist."""
    workflow = yaml.safe_load((ROOT / "docs" / "check.yml").read_text(encoding="utf-8"))
    (line,) = [step["run"] for step in workflow["jobs"]["check"]["steps"]
               if step.get("run", "").startswith("usage-analysis")]  # fmt: skip
    write_rules(tmp_path, 500)
    monkeypatch.chdir(tmp_path)
    assert cli.main(shlex.split(line.replace("live", "sample"))[1:]) == 0
    state = json.loads((tmp_path / "alarms.json").read_text(encoding="utf-8"))
    assert state["alarms"] == {}
