"""The command `check`: rules, exit statuses, state, and what would have been told.

Covers report/rules and analysis/watch.
"""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

import usage_analysis as ua
from tests.analysis.agents import account, plant
from tests.dashboard.transports import Watched, watched_client
from usage_analysis.cli import check as check_command
from usage_analysis.cli import main
from usage_analysis.report.rules import ErrorRate, Silence, Stale, Unusual, alarms_of

ROOT = Path(__file__).resolve().parents[2]
ZONE = 'timezone = "America/New_York"\n'


def rules(folder: Path, **rule: object) -> str:
    """Write a file with one rule and return its path."""
    path = folder / "rules.toml"
    lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in rule.items())
    path.write_text(f'{ZONE}holidays = "US"\n[[rule]]\nname = "mine"\n{lines}\n', encoding="utf-8")
    return str(path)


def check(*words: str, capsys: Any) -> tuple[int, dict[str, Any]]:
    """Run `check --json`; standard output is one JSON object with the exit status."""
    status = main(["check", *words, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["status"] == status
    return status, found


def test_broken_rule_is_told_once_and_again_when_over(tmp_path, capsys):
    """With a state file an alarm is told once, and once more as resolved."""
    state = str(tmp_path / "state.json")
    busy = rules(tmp_path, kind="capacity", limit=5)
    status, found = check(busy, "--state", state, capsys=capsys)
    assert status == 1
    (alarm,) = found["fired"]
    assert alarm["message"].startswith("a limit of 5 concurrent calls would refuse ")
    assert check(busy, "--state", state, capsys=capsys) == (
        0, {"status": 0, "fired": [], "resolved": []}
    )  # fmt: skip
    roomy = rules(tmp_path, kind="capacity", limit=500)
    assert check(roomy, "--state", state, capsys=capsys) == (
        0, {"status": 0, "fired": [], "resolved": [alarm]}
    )  # fmt: skip
    assert main(["check", rules(tmp_path, kind="capacity", limit=5)]) == 1
    assert capsys.readouterr().out == f"fired: mine: {alarm['message']}\n"


@pytest.mark.filterwarnings("default")
def test_damaged_state_is_put_aside_and_nothing_is_lost(tmp_path, capsys):
    """A half-written state is moved away with a word, and the alarm is told again."""
    state = tmp_path / "state.json"
    state.write_text('{"version": 1, "alar', encoding="utf-8")
    status = main(["check", rules(tmp_path, kind="capacity", limit=5), "--state", str(state)])
    assert status == 1
    assert f"{state} is damaged and was moved to {state}.damaged" in capsys.readouterr().err
    assert json.loads(state.read_text())["version"] == 1
    assert (tmp_path / "state.json.damaged").read_text() == '{"version": 1, "alar'


def test_replay_finds_the_incident_in_its_first_hour(tmp_path, capsys):
    """Replayed hour by hour, the incident of 19 March is told at the end of its first hour."""
    path = rules(tmp_path, kind="unusual", by="agent", measures=["error_rate"])
    status, found = check(path, "--replay", "2026-03-10", "2026-03-24", capsys=capsys)
    assert status == 1
    (alarm,) = found["fired"]
    assert alarm["key"] == "error_rate of Support line"
    assert alarm["start"] == "2026-03-19T10:00:00-04:00"
    assert alarm["end"] == "2026-03-19T14:00:00-04:00"  # as the incident
    assert alarm["message"].startswith("Support line: error rate ")
    assert main(["check", path, "--replay", "2026-03-18", "2026-03-19"]) == 1
    assert capsys.readouterr().out.startswith("2026-03-19 10:00 fired: mine: Support line: error ")
    assert main(["check", path, "--replay", "2026-03-10", "2026-03-18"]) == 0
    assert capsys.readouterr().out == "0 alarms from 2026-03-10 to 2026-03-18\n"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"kind": "error_rate", "objective": 0.97}, "errors of the last 12 hours use up"),
        ({"kind": "money", "budget": 2000, "price": "0.05"}, "expected to be used up on"),
        ({"kind": "minutes", "budget": 40_000}, "expected to be used up on"),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_replay_of_each_kind(tmp_path, capsys, rule, words):
    """Errors and budgets are judged by the hours up to each one, and told once per stretch."""
    found = check(rules(tmp_path, **rule), "--replay", "2026-03-18", "2026-03-21", capsys=capsys)[1]
    assert words in found["fired"][0]["message"]
    assert len(found["fired"]) <= 2


WRONG = {
    "key": ({"kind": "capacity", "limits": 5}, "did you mean 'limit'?"),
    "kind": ({"kind": "capasity"}, "did you mean 'capacity'?"),
    "measure": ({"kind": "unusual", "measures": ["error_rat"]}, "did you mean 'error_rate'?"),
    "key of another kind": ({"kind": "stale", "hours": 1, "budget": 5}, "unknown key 'budget'"),
    "price": ({"kind": "money", "budget": 5, "price": "0"}, "price: expected a number above 0"),
    "no price": ({"kind": "money", "budget": 5, "price": "x"}, "rule 'mine': price: expected USD"),
    "needed key": ({"kind": "money", "budget": 5}, "missing required field price"),
    "group": (
        {"kind": "silence", "by": "agent", "group": "Front desc"}, "did you mean 'Front desk'?"
    ),
    "group without by": ({"kind": "silence", "group": "Front desk"}, "by: expected the kind of"),
    "range": ({"kind": "unusual", "false_alarms": 0}, "false_alarms: expected float > 0.0"),
    "objective": ({"kind": "error_rate", "objective": 1.5}, "objective: expected float < 1.0"),
    "groups": ({"kind": "silence", "by": "metadata.shop"}, "expected a table [groups."),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_wrong_rules_are_status_2_with_the_nearest_right_word(tmp_path, capsys, case):
    """A mistake in the rules is named with what was meant, also as JSON."""
    rule, words = WRONG[case]
    status, found = check(rules(tmp_path, **rule), capsys=capsys)
    assert status == 2
    assert words in found["error"]


def test_rules_without_names_of_their_own_and_other_files_are_refused(tmp_path, capsys):
    """No rule, two rules of one name and a file that is no text are status 2, each in words."""
    path = tmp_path / "rules.toml"
    two = '[[rule]]\nname = "a"\nkind = "silence"\n' * 2
    for text, words in ((b"rule = []", "got []"), (two.encode(), "got ['a', 'a']"),
                        (b"\xff\xfe", "expected TOML")):  # fmt: skip
        path.write_bytes(text)
        status, found = check(str(path), capsys=capsys)
        assert (status, words in found["error"]) == (2, True)
    good = rules(tmp_path, kind="silence")
    for days in (("2026-03-31", "2026-03-01"), ("2027-01-01", "2027-01-05")):
        status, found = check(good, "--replay", *days, capsys=capsys)
        assert (status, "--replay: expected at most 400 days" in found["error"]) == (2, True)


def test_alarm_that_could_not_be_told_is_not_remembered(tmp_path, monkeypatch):
    """If standard output fails, the state stays as it was, and the next run tells the alarm."""
    state = tmp_path / "state.json"
    busy = rules(tmp_path, kind="capacity", limit=5)

    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr("sys.stdout", Full())
        assert main(["check", busy, "--state", str(state)]) == 2
    assert not state.exists()


EVERY_KIND = {
    "unusual": {}, "silence": {}, "error_rate": {"objective": 0.9999}, "minutes": {"budget": 1},
    "money": {"budget": 0.05, "price": "0.05"}, "capacity": {"limit": 1}, "stale": {"hours": 1},
}  # fmt: skip


def test_every_kind_is_about_the_named_group(tmp_path, capsys):
    """With `by` and `group` each kind judges that group alone, and refuses one that is missing."""
    path = tmp_path / "rules.toml"
    for group, status in (("Front desk", 1), ("Front desc", 2)):
        parts = []
        for kind, keys in EVERY_KIND.items():
            given = {"name": kind, "kind": kind, "by": "agent", "group": group} | keys
            lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in given.items())
            parts.append(f"[[rule]]\n{lines}")
            if status == 2:
                path.write_text(ZONE + parts[-1], encoding="utf-8")
                found = check(str(path), capsys=capsys)
                assert (found[0], "did you mean 'Front desk'?" in found[1]["error"]) == (2, True)
        path.write_text(ZONE + "\n".join(parts), encoding="utf-8")
        found = check(str(path), capsys=capsys)
        assert found[0] == status
        if status == 1:
            fired = {one["rule"]: one["message"] for one in found[1]["fired"]}
            assert {"minutes", "money", "capacity"} <= {*fired}
            assert all(fired[kind].startswith("Front desk: ") for kind in ("minutes", "capacity"))


def test_limit_is_judged_by_the_days_up_to_each_hour(tmp_path, capsys):
    """A replay says the same of a day whatever days come after it."""
    path = rules(tmp_path, kind="capacity", limit=5)
    short, long = (
        check(path, "--replay", "2026-03-16", last, capsys=capsys)[1]["fired"][0]["message"]
        for last in ("2026-03-16", "2026-03-25")
    )
    assert short == long


class Failing(Watched):
    """The sample account, in which every call of some hours has failed."""

    def __init__(self, first: Any, last: Any = "2099-01-01T00:00Z") -> None:
        super().__init__()
        self.first, self.last = pd.Timestamp(first), pd.Timestamp(last)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = super().handle_request(request)
        answer.read()
        body = answer.json()
        begin = pd.Timestamp(request.url.params["fromDate"])
        for row in body["hourly"]:
            time = pd.Timestamp(row["date"], tz="UTC") + pd.Timedelta(hours=row["hour"])
            if self.first <= max(time, begin) < self.last:
                row["errorCount"] = row["totalCount"]
        for row in body["daily"]:
            hours = [one for one in body["hourly"] if one["date"] == row["date"]]
            row["errorCount"] = sum(one["errorCount"] for one in hours)
        return httpx.Response(200, json=body)


@pytest.mark.parametrize(("minutes", "status"), [(110, 1), (0, 0)])
def test_errors_of_the_last_minutes_are_told_at_once(
    tmp_path, capsys, monkeypatch, minutes, status
):
    """The last 60 and the last five minutes are an alarm before the running hour is over."""
    now = pd.Timestamp(ua.sample_client().call_usage(from_date="2026-04-01").as_of)
    transport = Failing(now - pd.Timedelta(minutes=minutes))
    monkeypatch.setattr(check_command, "open_client", lambda _: watched_client(transport))
    path = rules(tmp_path, kind="error_rate", objective=0.95)
    found = check(path, capsys=capsys)
    assert found[0] == status
    recent = [one for one in transport.seen if not one["fromDate"].endswith(":00:00Z")]
    lengths = [pd.Timestamp(one["toDate"]) - pd.Timestamp(one["fromDate"]) for one in recent]
    assert lengths == [pd.Timedelta(hours=1), pd.Timedelta(minutes=5)]
    if status:
        (alarm,) = found[1]["fired"]
        assert alarm["message"].startswith("errors of the last 60 minutes (")
        assert " and of the last 5 minutes (" in alarm["message"]


def errors_of(hours: tuple[str, str], monkeypatch: Any) -> None:
    """Let `check` ask an account whose calls of some hours have all failed."""
    transport = Failing(*hours)
    monkeypatch.setattr(check_command, "open_client", lambda _: watched_client(transport))


def test_last_hours_before_midnight_are_told_after_it(tmp_path, capsys, monkeypatch):
    """Hours that become final on the next day are checked then, and told once."""
    errors_of(("2026-04-01T08:00Z", "2026-04-01T12:00Z"), monkeypatch)
    path, state = tmp_path / "rules.toml", str(tmp_path / "state.json")
    # In Fiji it is 02:37, and all final hours are those of yesterday.
    path.write_text(
        'timezone = "Pacific/Fiji"\n[[rule]]\nname = "mine"\nkind = "unusual"\n'
        'measures = ["error_rate"]\n',
        encoding="utf-8",
    )
    status, found = check(str(path), "--state", state, capsys=capsys)
    assert (status, len(found["fired"])) == (1, 1)
    assert found["fired"][0]["start"].startswith("2026-04-01T")
    assert check(str(path), "--state", state, capsys=capsys)[0] == 0


@pytest.mark.filterwarnings("default")
def test_alarm_that_came_and_went_between_two_runs_is_told(tmp_path, capsys, monkeypatch):
    """What fired and was over while no run succeeded is told as fired and resolved, once."""
    errors_of(("2026-03-28T14:00Z", "2026-03-28T18:00Z"), monkeypatch)
    path, state = rules(tmp_path, kind="unusual", measures=["error_rate"]), tmp_path / "state.json"
    last = {"version": 1, "alarms": {}, "until": "2026-03-28T06:00:00-04:00"}
    state.write_text(json.dumps(last), encoding="utf-8")
    status, found = check(path, "--state", str(state), capsys=capsys)
    (alarm,) = found["fired"]
    assert (status, found["resolved"]) == (1, [alarm])
    assert alarm["start"].startswith("2026-03-28T")
    assert check(path, "--state", str(state), capsys=capsys) == (
        0, {"status": 0, "fired": [], "resolved": []}
    )  # fmt: skip
    state.write_text(json.dumps(last | {"until": "soon"}), encoding="utf-8")
    assert check(path, "--state", str(state), capsys=capsys)[0] == 0
    assert state.with_name("state.json.damaged").exists()


class Refusing(Watched):
    """A service that answers with a status, or not at all."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if not self.status:
            raise httpx.ConnectError("no route to host", request=request)
        return httpx.Response(self.status, json={"detail": "no"})


@pytest.mark.parametrize(
    ("answer", "expected"), [(403, 4), (400, 2), (429, 75), (500, 75), (503, 75), (0, 75)]
)
def test_failed_request_has_its_status_and_leaves_the_state(
    tmp_path, capsys, monkeypatch, answer, expected
):
    """A refused key is status 4; no answer, 429 and 5xx are 75; the alarms stay remembered."""
    transport = Refusing(answer)
    monkeypatch.setattr(check_command, "open_client", lambda _: watched_client(transport))
    state = tmp_path / "state.json"
    state.write_text('{"version": 1, "alarms": {"mine: x": {"rule": "mine"}}}', encoding="utf-8")
    before = state.read_bytes()
    path = rules(tmp_path, kind="capacity", limit=5)
    status, found = check(path, "--state", str(state), capsys=capsys)
    assert (status, found["fired"], found["resolved"]) == (expected, [], [])
    assert found["error"]
    assert state.read_bytes() == before


_KILLED = """
import os, signal, sys
from usage_analysis.cli import main
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
main(sys.argv[1:])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_run_that_is_killed_while_it_writes_loses_nothing(tmp_path, capsys):
    """Killed in the middle of its write, a run leaves the old state; the next run tells again."""
    path, state = rules(tmp_path, kind="capacity", limit=5), tmp_path / "state.json"
    old = '{"version": 1, "alarms": {}}'
    state.write_text(old, encoding="utf-8")
    command = [sys.executable, "-c", _KILLED, "check", path, "--state", str(state)]
    killed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert killed.stdout.startswith("fired: mine: ")
    assert state.read_text() == old
    status, found = check(path, "--state", str(state), capsys=capsys)
    assert (status, len(found["fired"])) == (1, 1)
    assert check(path, "--state", str(state), capsys=capsys)[0] == 0


@pytest.mark.parametrize("seeds", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_quiet_minutes_raise_no_alarm(seeds):
    """From 20 to 4,800 calls per day at half the budget, no hour of a month is an alarm at once."""
    rng = np.random.default_rng(3)
    for calls in (20, 200, 4_800):
        for _ in range(seeds):
            number = rng.poisson(calls / 24, 30 * 24)
            # Errors scatter by day twice as much as chance.
            scatter = max(3 / (0.005 * calls), 1e-9)
            level = 0.005 * rng.gamma(1 / scatter, scatter, 30).repeat(24)
            hourly = pd.DataFrame(
                {"total_count": number, "error_count": rng.binomial(number, level.clip(max=1))},
                pd.date_range("2026-06-01", periods=720, freq="h", tz="UTC", name="time"),
            ).assign(provisional=False)
            errors = hourly["error_count"].to_numpy()
            # With fewer errors in an hour there is no alarm whatever the last minutes bring.
            for end in np.flatnonzero(errors[26:] >= 6)[:: 1 if seeds > 2 else 50] + 27:
                rows, now = hourly.iloc[end - 26 : end], hourly.index[end].to_pydatetime()
                rule = ErrorRate(name="mine", objective=0.99)
                hour = rows.iloc[-1:]
                worst = hour.assign(error_count=hour["total_count"])
                found = alarms_of(rule, rows, rows.index[-1], now, (), [hour, worst])
                assert not [one for one in found if "5 minutes" in one.message]


def test_missing_file_and_missing_data_have_their_status(tmp_path, capsys):
    """No file is status 2; an archive of a few days is status 3."""
    assert main(["check", str(tmp_path / "none.toml")]) == 2
    assert "none.toml" in capsys.readouterr().err
    archive = ua.Archive(tmp_path / "archive")
    archive.sync(ua.sample_client(), "all", since="2026-03-28")
    path = rules(tmp_path, kind="unusual")
    status, found = check(path, "--archive", str(archive.path), capsys=capsys)
    assert status == 3
    assert "expected at least 14 days" in found["error"]


def test_no_network_is_status_75(tmp_path, capsys, monkeypatch):
    """Without an answer the status says to try again later, and the key is not told."""
    monkeypatch.setenv("ULTRAVOX_API_KEY", "abcdefgh." + "k" * 32)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setattr("usage_analysis.fetch.fetcher.time.sleep", lambda _: None, raising=False)
    status, found = check(
        rules(tmp_path, kind="capacity", limit=5), "--account", "live", capsys=capsys
    )
    assert status == 75
    assert "kkkk" not in json.dumps(found)


def _alarms(hourly: pd.DataFrame, first: str, kind: Any = Unusual) -> list[Any]:
    mine = kind(name="mine", by="agent")
    now = (hourly.index.max() + pd.Timedelta(hours=1)).to_pydatetime()
    return alarms_of(mine, hourly, pd.Timestamp(first, tz="UTC"), now, ())


@pytest.mark.parametrize("seeds", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_quiet_days_raise_no_alarm(seeds):
    """Hour by hour over 47 quiet days there are no more alarms than 0.05 per month.

    Over 63 months of 40 accounts there was none.
    """
    raised = 0
    for seed in range(seeds):
        hourly = account(np.random.default_rng([9, seed]), days=61)
        raised += len(_alarms(hourly, "2026-06-15"))
    assert raised <= 0.05 * seeds * 47 / 30


@pytest.mark.parametrize("seeds", [1, pytest.param(10, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("share", "hours"), [(0.12, 96), (0.3, 4)])
def test_an_alarm_ends_with_its_event(seeds, share, hours):
    """Errors of four hours and of four days are one alarm, which ends when they end."""
    start = pd.Timestamp("2026-07-07 10:00", tz="UTC")
    again = 0
    for seed in range(seeds):
        hourly = account(np.random.default_rng([4, seed]), days=52)
        hourly = plant(hourly, None, "errors", start, hours, share)
        first, *more = _alarms(hourly, "2026-07-05")
        # At night there are hardly any calls that could fail.
        late = (first.end - start) / pd.Timedelta(hours=1) - hours
        assert -12 <= late <= 2
        again += len(more)
    assert again <= seeds // 2


def test_silence_is_told_while_it_lasts():
    """A silence is told within hours and without its later hours; other drops are none."""
    hourly = account(np.random.default_rng(5), days=42)
    silent = plant(hourly, None, "calls", "2026-07-07 10:00", 10)
    (alarm,) = _alarms(silent, "2026-06-20", Silence)
    assert pd.Timestamp("2026-07-07 11:00Z") <= alarm.start <= pd.Timestamp("2026-07-07 14:00Z")
    assert alarm.message.startswith("No calls on 2026-07-07 10:00 to ")
    fewer = plant(hourly, None, "calls", "2026-07-07", 24, 0.4)
    assert _alarms(fewer, "2026-06-20", Silence) == []


def test_stale_data_are_told():
    """Data whose newest hour is older than the rule allows break it."""
    hourly = account(np.random.default_rng(5), days=2)
    rule = Stale(name="fresh", hours=6)
    late = (hourly.index.max() + pd.Timedelta(hours=8)).to_pydatetime()
    (alarm,) = alarms_of(rule, hourly, hourly.index.min(), late, ())
    assert alarm.message == "the newest hour ended 2026-06-03 00:00 (UTC), 7.0 hours ago."
    soon = (hourly.index.max() + pd.Timedelta(hours=2)).to_pydatetime()
    assert alarms_of(rule, hourly, hourly.index.min(), soon, ()) == []
