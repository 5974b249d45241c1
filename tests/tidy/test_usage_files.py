"""`CallUsage.save` and `load`: what is kept comes back, and nothing else is read as a reply."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from usage_analysis.errors import QueryError, ResponseError
from usage_analysis.query import UsageQuery
from usage_analysis.tidy import wire
from usage_analysis.tidy.usage import CallUsage, build_breakdown, build_usage
from usage_analysis.tidy.wire import check_reply

AGENT = "a0000000-0000-4000-8000-000000000001"
ROW = {
    "totalCount": 3,
    "errorCount": 1,
    "joinedCount": 2,
    "duration": "90.500001s",
    "billedMinutes": 1.6,
}
AS_OF = datetime(2026, 3, 2, 10, tzinfo=UTC)
QUERY = UsageQuery(from_date="2026-03-01", to_date="2026-03-02", agent_ids=[AGENT])


def reply(day: str, calls: int = 3) -> wire.Reply:
    row = {**ROW, "totalCount": calls, "date": day}
    document = {"allTime": ROW, "daily": [row], "hourly": [{**row, "hour": 9}]}
    return wire.decode(json.dumps(document))


def single(*replies: wire.Reply, query: UsageQuery = QUERY) -> CallUsage:
    return build_usage(
        [check_reply(reply, query, AS_OF) for reply in replies], query, as_of=AS_OF, source="live"
    )


def same(left: CallUsage, right: CallUsage) -> None:
    pd.testing.assert_frame_equal(left.daily, right.daily)
    pd.testing.assert_frame_equal(left.hourly, right.hourly)
    assert (left.query, left.as_of, left.source) == (right.query, right.as_of, right.source)
    assert left.groups == right.groups
    assert (left.all_time is None) == (right.all_time is None)
    if left.all_time is not None:
        pd.testing.assert_series_equal(left.all_time, right.all_time)


def nothing() -> wire.Reply:
    return wire.decode(json.dumps({"allTime": ROW, "daily": [], "hourly": []}))


def grouped() -> CallUsage:
    window = UsageQuery(from_date="2026-03-01", to_date="2026-03-02")
    usages = {
        "Support": single(reply("2026-03-01")),
        "Sales": single(reply("2026-03-02", calls=5), query=replace(window, search="sales")),
        "None": single(nothing(), query=replace(window, search="none")),
    }
    return build_breakdown(usages, "agent", window)


@pytest.mark.parametrize(
    "usage",
    [
        pytest.param(lambda: single(reply("2026-03-01")), id="one request"),
        pytest.param(lambda: single(reply("2026-03-01"), reply("2026-03-02")), id="two requests"),
        pytest.param(grouped, id="breakdown"),
    ],
)
def test_round_trip(usage: Callable[[], CallUsage], tmp_path: Path) -> None:
    """What is saved is loaded: frames, question, date, source, and the groups of a breakdown."""
    kept = usage()
    same(CallUsage.load(kept.save(tmp_path / "usage.json")), kept)
    assert [path.name for path in tmp_path.iterdir()] == ["usage.json"]


def test_breakdown_frames() -> None:
    """A breakdown has the group as first column and every bucket of the window for each group."""
    usage = grouped()
    assert list(usage.hourly.columns)[:2] == ["agent", "total_count"]
    assert usage.hourly.groupby("agent", sort=False).size().to_dict() == {
        "Support": 35,
        "Sales": 35,
        "None": 35,
    }
    assert usage.daily.groupby("agent", sort=False)["total_count"].sum().tolist() == [3, 5, 0]
    assert usage.all_time is None
    assert repr(usage).startswith("<CallUsage live: 3 groups by agent, 2026-03-01 00:00")


@pytest.mark.parametrize("name", ["", "time", "total_count", "provisional", "hours", "complete"])
def test_group_column_name(name: str) -> None:
    """The group column cannot take the name of another one."""
    with pytest.raises(QueryError, match=r"^name: expected"):
        build_breakdown({"a": single(reply("2026-03-01"))}, name, QUERY)


def edited(**fields: Any) -> dict[str, Any]:
    row = {**ROW, "date": "2026-03-01"}
    document = {"allTime": ROW, "daily": [row], "hourly": [{**row, "hour": 9}]}
    return {
        "format": 1,
        "query": {"from_date": "2026-03-01", "to_date": "2026-03-02"},
        "as_of": "2026-03-02T10:00:00Z",
        "source": "live",
        "reply": document,
        **fields,
    }


PART = {"group": "a", "query": edited()["query"], "reply": edited()["reply"]}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (edited(format=3), r"^format: expected 1 or 2, got 3; a newer usage-analysis"),
        (edited(format="2"), r"^format: expected 1 or 2, got '2' \(file "),
        (edited(format=True), r"^format: expected 1 or 2, got True \(file "),
        (edited(format=None), r"^format: expected 1 or 2, got None \(file "),
        (
            edited(format=2, name="agent", parts=[PART, PART]),
            r"^parts\[1\]\.group: .* got 'a' again",
        ),
        (edited(query={"agent": []}), r"^query\.agent: expected one of the filters"),
        (edited(query={"search": ""}), r"^query\.search: expected some text"),
        (edited(query=7), r"^query: Expected"),
        (edited(as_of="yesterday"), r"^as_of: "),
        (edited(as_of="2026-03-02T10:00:00"), r"^as_of: "),
        (edited(source="elsewhere"), r"^source: "),
        (edited(reply=[]), r"^reply: expected object, got array"),
        (edited(format=2), r"missing required field `name`"),
        (edited(format=2, name="agent", parts=[]), r"^parts: "),
        (edited(format=2, name="time", parts=[]), r"^parts: "),
        ({"allTime": ROW, "hourly": []}, r"^daily: missing"),
        ({"daily": [], "hourly": []}, r"^allTime: missing"),
    ],
)
def test_damaged_file(document: object, message: str, tmp_path: Path) -> None:
    """A file that is neither a saved usage nor a bare reply is an error that names the field."""
    path = tmp_path / "usage.json"
    path.write_text(json.dumps(document))
    with pytest.raises(ResponseError, match=message):
        CallUsage.load(path)


def test_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A save that fails half way leaves what was there, and nothing beside it."""
    path = single(reply("2026-03-01")).save(tmp_path / "usage.json")
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="disk full"):
        single(reply("2026-03-02")).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right that few accounts have")
def test_save_where_a_link_points(tmp_path: Path) -> None:
    """Saving to a link writes the file that it points to, there or not, and keeps the link."""
    usage = single(reply("2026-03-01"))
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "usage.json", tmp_path / "link.json"
    link.symlink_to(target)
    for _ in range(2):
        assert usage.save(link) == link
        assert link.is_symlink()
        assert not target.is_symlink()
        same(CallUsage.load(target), usage)
    assert [path.name for path in target.parent.iterdir()] == ["usage.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes of files")
def test_save_keeps_the_mode(tmp_path: Path) -> None:
    """Who may read a file is what it was before it was saved again."""
    path = single(reply("2026-03-01")).save(tmp_path / "usage.json")
    for mode in (0o600, 0o640):
        path.chmod(mode)
        single(reply("2026-03-02")).save(path)
        assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize("name", ["missing/usage.json", "."])
def test_save_needs_a_place(name: str, tmp_path: Path) -> None:
    """A path in no folder, or of one, is refused by name."""
    with pytest.raises(QueryError, match=r"^path: expected a file in an existing folder"):
        single(reply("2026-03-01")).save(tmp_path / name)


BODY = json.dumps(edited()["reply"])


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf" + BODY.encode(),
        BODY.encode("utf-16"),
        b"\xfe\xff" + BODY.encode("utf-16-be"),
        f" [{BODY}]\n".encode(),
        f"[{BODY}]".encode("utf-16"),
    ],
    ids=["mark", "utf-16", "utf-16-be", "list", "both"],
)
def test_replies_as_other_tools_save_them(body: bytes, tmp_path: Path) -> None:
    """A byte order mark, UTF-16 and a list around one reply change nothing."""
    path = tmp_path / "reply.json"
    path.write_bytes(body)
    assert int(CallUsage.load(path).hourly["total_count"].sum()) == 3


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"results": [{"callId": "c", "agentId": "a"}]}, "list of calls; read it with read_calls"),
        ([{"results": [{"callId": "c"}]}], "list of calls; read it with read_calls"),
        ({"results": [{"agentId": "a", "daily": []}]}, "usage by agent, which has no hours"),
        ({"dailyUsage": [{"date": "2026-03-01"}]}, "billing usage, which counts no calls"),
        ({"timeSeries": [{"maxTotalCalls": 3}]}, "concurrency of calls"),
        ({"detail": "Invalid API key"}, "an error of the vendor's API"),
        ({"calls": [{"sid": "CA0"}]}, "a list of calls of another service; read it with read_c"),
    ],
)
def test_a_document_of_another_kind(document: object, message: str, tmp_path: Path) -> None:
    """A page of another endpoint, an error and another service's list are named, with the file."""
    path = tmp_path / "other.json"
    path.write_text(json.dumps(document))
    with pytest.raises(ResponseError, match=rf"^reply: expected usage of calls, got .*{message}"):
        CallUsage.load(path)
    with pytest.raises(ResponseError, match=rf"\(file {path}\)$"):
        CallUsage.load(path)


@pytest.mark.parametrize("body", [b"\xff\xfe\x00", b"[]", f"[{BODY}, {BODY}]".encode(), b""])
def test_a_file_that_is_no_document(body: bytes, tmp_path: Path) -> None:
    """Half a character, an empty list, two replies and nothing at all are refused with the file."""
    path = tmp_path / "other.json"
    path.write_bytes(body)
    with pytest.raises(ResponseError, match=r"other.json\)$"):
        CallUsage.load(path)
