"""The replies that the doctor saves for a bug report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.doctor.accounts import KEY, Account, findings
from usage_analysis.errors import ResponseError


def test_replies_are_kept(tmp_path: Path) -> None:
    """With a folder, each reply is saved with its request and without the key."""
    account = Account(refuses="overnight")
    findings(account, folder=tmp_path / "doctor")
    files = sorted((tmp_path / "doctor").iterdir())
    assert len(files) == account.asked == 10
    for path in files:
        document = json.loads(path.read_text())
        assert document["request"]
        assert ("reply" in document) != ("refusal" in document)
        assert KEY.partition(".")[2] not in path.read_text()
    assert files[0].name == "01-window.json"


def test_kept_replies_are_redacted(tmp_path: Path) -> None:
    """Of fields that the description does not know, only name and type are saved."""

    def tell(document: dict[str, Any]) -> None:
        document["account"] = {"owner": "Ada Lovelace"}
        for row in document["hourly"]:
            row |= {"agent": "Ada's agent", "numbers": ["+49 30 1234567"]}

    findings(Account(change=tell), folder=tmp_path)
    text = (tmp_path / "01-window.json").read_text()
    assert "Ada" not in text
    assert "1234567" not in text
    kept = json.loads(text)["reply"]
    assert kept["account"] == "[dict]"
    assert (kept["hourly"][0]["agent"], kept["hourly"][0]["numbers"]) == ("[str]", "[list]")
    assert kept["daily"][0]["totalCount"] == 6


def test_echoed_key_is_not_kept(tmp_path: Path) -> None:
    """A key that the server sends back, in any spelling, does not get into the files."""
    secret = KEY.partition(".")[2]
    writings = [KEY, KEY.upper(), "".join(f"\\u{ord(char):04x}" for char in KEY)]

    class Telling(Account):
        def answer(self, request: httpx.Request) -> httpx.Response:
            text = super().answer(request).text
            told = f'"{KEY}": 1, ' + "".join(
                f'"echo {number}": "{value}", ' for number, value in enumerate(writings)
            )
            return httpx.Response(200, text=text.replace('"allTime"', told + '"allTime"', 1))

    findings(Telling(), folder=tmp_path)

    def in_a_date(document: dict[str, Any]) -> None:
        document["daily"][0]["date"] = KEY

    with pytest.raises(ResponseError, match=r"got 'abcd1234\.\[key\]'"):
        findings(Account(change=in_a_date), folder=tmp_path / "date")
    kept = list(tmp_path.rglob("*.json"))
    assert len(kept) == 11
    for path in kept:
        text = path.read_text()
        assert secret not in text.lower()
        assert writings[2] not in text
        assert "abcd1234.[key]" in text


def test_bad_reply_is_kept_and_raised(tmp_path: Path) -> None:
    """An invalid reply is raised as an error, and is saved for a bug report."""
    account = Account(change=lambda document: document.pop("hourly"))
    with pytest.raises(ResponseError, match=r"^hourly: missing"):
        findings(account, folder=tmp_path)
    (kept,) = tmp_path.iterdir()
    assert "daily" in json.loads(kept.read_text())["reply"]
