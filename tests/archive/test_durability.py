"""Nothing is lost: killed processes, full disks, many writers, damage. Covers store and writing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import timedelta
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import usage_analysis as ua
from tests.archive.account import Account
from tests.archive.children import DAYS, START, account, values

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="forks children, kills them and limits the size of their files"
)


class Nursery:
    """Forks children from one process that has everything loaded."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._logs = folder, count()
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.archive.children"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, act: str, mutant: str = "", **settings: object) -> Child:
        """A child at work."""
        log = self._folder / f"log {next(self._logs)}"
        return Child(
            self, self._ask(act=act, mutant=mutant, log=str(log), **{"with": settings}), log
        )

    def run(self, act: str, mutant: str = "", **settings: object) -> list[str]:
        """What a child said, which ended well."""
        child = self.start(act, mutant, **settings)
        status = child.wait()
        assert status == 0, child.log.read_text()
        return child.said()

    def wait(self, number: int) -> int:
        """Exit status of a child."""
        return self._ask(wait=number)

    def close(self) -> None:
        """End it."""
        self._process.communicate("", timeout=60)

    def _ask(self, **request: object) -> int:
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


class Child:
    """A process at work, and what it says."""

    def __init__(self, nursery: Nursery, number: int, log: Path) -> None:
        self._nursery, self._number, self.log = nursery, number, log

    def said(self) -> list[str]:
        """Whole lines of its log."""
        return self.log.read_text().split("\n")[:-1] if self.log.exists() else []

    def await_ready(self) -> None:
        """Wait until it begins to write."""
        end = time.monotonic() + 60
        while not self.said():
            assert time.monotonic() < end
            time.sleep(0.001)

    def kill(self) -> None:
        """End it at once."""
        os.kill(self._number, signal.SIGKILL)
        assert self._nursery.wait(self._number) in (-signal.SIGKILL, 1), self.log.read_text()

    def wait(self) -> int:
        """Exit status, when it has ended."""
        return self._nursery.wait(self._number)


@pytest.fixture(scope="module")
def nursery(tmp_path_factory):
    """Where children come from."""
    nursery = Nursery(tmp_path_factory.mktemp("logs"))
    yield nursery
    nursery.close()


class Writing:
    """Writers of a scope, killed one after the other, and what they said they had stored."""

    def __init__(self, nursery: Nursery, folder: Path, scope: str) -> None:
        self._nursery = nursery
        self._with = {"folder": str(folder), "scope": scope}
        self.stored = self._tried = 0
        began = time.monotonic()
        self.run("write", 9)
        self.pace = (time.monotonic() - began) / 9

    def run(self, act: str, count: int) -> int:
        """How many of some writes a full disk refused; none is killed."""
        return self._take(
            self._nursery.run(act, **self._with, serial=self._tried + 1, count=count), count
        )

    def start(self, act: str) -> None:
        """Let one begin that goes on until it is killed."""
        self._child = self._nursery.start(act, **self._with, serial=self._tried + 1)
        self._child.await_ready()

    def kill(self) -> None:
        """End it, and read its log; the next has more time where this one stored nothing."""
        before = self.stored
        self._child.kill()
        self._take(self._child.said(), 1)
        self.pace *= 0.95 if self.stored > before else 1.05

    def _take(self, said: list[str], tried: int) -> int:
        numbers = [line for line in said[1:] if line != "full"]
        assert all(line.isdecimal() for line in numbers), said
        self.stored = max([self.stored, *map(int, numbers)])
        refused = len(said) - 1 - len(numbers)
        # One may have been under way, besides those that a full disk refused.
        self._tried = max(self.stored, self._tried + refused) + tried
        return refused

    def check(self, then: int) -> None:
        """All that was stored is there, whole, and no more than the one that was under way."""
        damage, now, (serial, *early) = map(
            json.loads, self._nursery.run("read", **self._with, then=[then])
        )
        assert damage == []
        assert all(self.stored <= value <= self._tried for value in now), (self.stored, now)
        assert all(value <= serial for value in early), (serial, early)


def kill_again_and_again(
    nursery: Nursery, folder: Path, kills: int, scopes: tuple[str, ...]
) -> int:
    """How many writes were stored, after so many kills; each time every one of them is there.

    Of several scopes the writers are at work at the same time.
    """
    chance = np.random.default_rng(8)
    writing = [Writing(nursery, folder, scope) for scope in scopes]
    for _ in range(kills // len(scopes)):
        for one in writing:
            one.start("write")
        for one in chance.permutation(len(writing)).tolist():
            # Side by side each takes as many times as long.
            time.sleep(chance.uniform(0, 1.5 * len(writing) * writing[one].pace))
            writing[one].kill()
        for one in writing:
            one.check(int(chance.integers(1, one.stored + 1)))
    return min(one.stored for one in writing)


@pytest.mark.slow
@pytest.mark.parametrize(("kills", "scopes"), [(60, ("all",)), (40, ("one", "two"))])
def test_killed_writers_lose_nothing(nursery, tmp_path, kills, scopes):
    """Killed at a random moment, every write that was told is there, whole, and none half.

    One writer alone, and two at once.
    """
    # Nine are written before the first kill, and about every second of the others stores some.
    assert kill_again_and_again(nursery, tmp_path, kills, scopes) > 9 + kills / len(scopes) / 10


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of its own, of 300 kB."""
    if os.geteuid() != 0:
        pytest.skip("needs the right to mount a small disk")
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(place)],  # noqa: S607
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("may not mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)  # noqa: S607


@pytest.mark.slow
def test_killed_on_a_full_disk_nothing_is_lost(nursery, small_disk):
    """The same where the disk is full: what was told is there, and with room it goes on."""
    chance, ballast = np.random.default_rng(8), small_disk / "ballast"
    one = Writing(nursery, small_disk / "archive", "all")
    for _ in range(5):
        ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - 12_000))
        assert one.run("strive", 5) > 0
        for _ in range(8):
            one.start("strive")
            time.sleep(chance.uniform(0, 1.5 * one.pace))
            one.kill()
            one.check(int(chance.integers(1, one.stored + 1)))
        ballast.unlink()
        before = one.stored
        assert one.run("write", 3) == 0
        assert one.stored >= before + 3


def die_at_each_step(nursery: Nursery, folder: Path, every: int, mutant: str = "") -> int:
    """How many steps a sync with compaction takes; ended at each, it leaves what was there."""
    nursery.run("write", folder=str(folder / "before"), scope="all", serial=1, count=3)
    step = 1
    while True:
        place = folder / str(step)
        shutil.copytree(folder / "before", place)
        child = nursery.start("die", mutant, folder=str(place), scope="all", serial=4, step=step)
        status = child.wait()
        archive = ua.Archive(place)
        assert archive.check() == []
        now = values(archive, "all")
        assert all(3 <= value <= 4 for value in now), (step, now)
        serial = 1 + step % 3
        as_of = (START + timedelta(seconds=serial)).isoformat()
        assert values(archive, "all", as_of) == [serial, serial]
        # What was left behind is in nobody's way.
        archive.sync(account(5).client(), "all")
        assert values(archive, "all") == [5, 5]
        shutil.rmtree(place)
        if status == 0:
            return int(child.said()[-1])
        assert status == 9, child.log.read_text()
        step += every


@pytest.mark.slow
def test_ended_at_each_step_nothing_is_lost(nursery, tmp_path):
    """Ended at a write, half done, or any other step, every version before is there, whole."""
    assert die_at_each_step(nursery, tmp_path, 1) > 60


@pytest.mark.slow
@pytest.mark.parametrize("mutant", ["in place", "remove first"])
def test_a_broken_archive_is_noticed(nursery, tmp_path, mutant):
    """The same test fails for an archive that writes in place, or removes before it has written."""
    with pytest.raises((AssertionError, ua.UsageError)):
        die_at_each_step(nursery, tmp_path, 3, mutant)


@pytest.mark.slow
def test_full_disk(nursery, tmp_path):
    """A file that does not fit, however little of it does, is an OSError, and nothing changes."""
    nursery.run("write", folder=str(tmp_path), scope="all", serial=1, count=1)
    said = nursery.run("full", folder=str(tmp_path), scope="all", serial=2)
    *failed, stored = map(json.loads, said)
    assert len(failed) > 5
    assert all(name == "OSError" and 1 <= low <= high <= 2 for name, high, low in failed), failed
    assert stored == ["stored", 3, 3]
    assert not list(tmp_path.rglob(".*.tmp"))


def test_full_tmpfs(nursery, small_disk):
    """On a disk that fills up the last sync that was told is there, and it goes on with room."""
    folder = small_disk / "archive"
    said = nursery.run("until_full", folder=str(folder), scope="all", serial=1)
    (words, told, *now), (stored, last, *then) = map(json.loads, said)
    assert words == "No space left on device"
    assert told > 3
    assert all(told <= value <= told + 1 for value in now)
    assert (stored, then) == ("stored", [last, last])
    assert not list(folder.rglob(".*.tmp"))


@pytest.mark.parametrize("writers", [2, pytest.param(6, marks=pytest.mark.slow)])
def test_many_writers(nursery, tmp_path, writers):
    """Syncs at once all end well, what they stored is there, and no reader steps back or fails."""
    folder, stop, each = tmp_path / "archive", tmp_path / "stop", 18 // writers
    nursery.run("write", folder=str(folder), scope="all", serial=1, count=1)
    reader = nursery.start("watch", folder=str(folder), scope="all", stop=str(stop))
    children = [
        nursery.start("shared", folder=str(folder), own=f"own {number}", serial=2, count=each)
        for number in range(writers)
    ]
    assert [child.wait() for child in children] == [0] * writers, [c.said() for c in children]
    stop.touch()
    assert reader.wait() == 0, reader.log.read_text()
    assert int(reader.said()[0]) > 0
    archive = ua.Archive(folder)
    for scope in ("all", *(f"own {number}" for number in range(writers))):
        assert values(archive, scope) == [each + 1, each + 1]
    assert archive.check() == []
    assert not list(folder.rglob(".*.tmp"))
    archive.compact()
    assert len(list(folder.rglob("hourly/*/*.parquet"))) == 2


def kept(folder: Path, name: str = "all") -> ua.Archive:
    archive = ua.Archive(folder)
    archive.sync(account(5).client(), name, since=DAYS[0])
    return archive


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
def test_a_damaged_file_is_said(tmp_path_factory, where, bit, cut):
    """One bit wrong, or the end missing: an error that names the file, and never other figures."""
    folder = tmp_path_factory.mktemp("damaged")
    kept(folder)
    path = next(folder.rglob("hourly/2026-03/*.parquet"))
    body = bytearray(path.read_bytes())
    place = int(where * len(body))
    body[place] ^= 1 << bit
    path.write_bytes(body[:place] if cut else body)
    archive = ua.Archive(folder)
    with pytest.raises(
        ua.ArchiveError, match=rf"{path.name}: the file is damaged .*Archive\.repair\(\)"
    ):
        archive.load("all", DAYS[0], DAYS[-1])
    assert [found.path for found in archive.check()] == [path]
    # What lies in other files is there all the same.
    assert len(archive.load("all", "2026-02-26", "2026-02-28").daily) == 3


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), seen=st.booleans())
def test_damage_after_the_first_read_is_said(tmp_path_factory, where, bit, seen):
    """One bit wrong once the file is known: an error that names it, or the same figures.

    A disk that goes bad leaves the file's date as it was: then pages and footer have checksums.
    """
    folder = tmp_path_factory.mktemp("damaged")
    archive = kept(folder)
    before = archive.load("all", DAYS[0], DAYS[-1])
    path = next(folder.rglob("hourly/2026-03/*.parquet"))
    body, date = bytearray(path.read_bytes()), path.stat()
    body[int(where * len(body))] ^= 1 << bit
    path.write_bytes(body)
    os.utime(path, ns=(date.st_atime_ns, date.st_mtime_ns + seen * 1_000_000_000))
    try:
        after = archive.load("all", DAYS[0], DAYS[-1])
    except ua.ArchiveError as error:
        assert f"{path.name}: the file is damaged" in str(error)  # noqa: PT017  # the other end is equal figures
    else:
        assert not seen
        pd.testing.assert_frame_equal(after.hourly, before.hourly, check_exact=True)
        pd.testing.assert_frame_equal(after.daily, before.daily, check_exact=True)
    if seen:
        with pytest.raises(ua.ArchiveError, match=rf"{path.name}: the file is damaged"):
            archive.sum_usage(every="D")


def test_a_damaged_file_is_repaired(tmp_path):
    """`repair` puts the file aside; then its days are missing, and a sync brings them back."""
    archive = kept(tmp_path)
    before = archive.load("all", DAYS[0], DAYS[-1])
    (path,) = tmp_path.glob("hourly/2026-03/*.parquet")
    path.write_bytes(path.read_bytes()[:100])
    archive = ua.Archive(tmp_path)
    with pytest.raises(ua.ArchiveError, match="damaged"):
        archive.sync(account(6).client(), "all")
    (found,) = archive.repair()
    assert found.path.parent == tmp_path / "damaged"
    assert path.name in found.path.name
    assert "checksum" in found.problem
    assert archive.check() == []
    with pytest.raises(ua.QueryError, match="lacks 2026-03-01 to 2026-03-03"):
        archive.load("all", DAYS[0], DAYS[-1])
    archive.sync(account(5).client(), "all", refetch=True)
    assert values(archive, "all") == [5, 5]
    assert archive.load("all", DAYS[0], DAYS[-1]).as_of == before.as_of


def test_unfinished_files_are_not_read_and_go(tmp_path):
    """What a killed process left unfinished is never read, and removed when it is an hour old."""
    archive = kept(tmp_path)
    left = [tmp_path / "hourly" / "2026-03" / f".{number}.tmp" for number in range(2)]
    for path in left:
        path.write_bytes(b"PAR1 half")
    os.utime(left[0], (time.time() - 4000,) * 2)
    other = left[0].with_name("other.parquet")
    other.write_bytes(b"not of this archive")
    assert values(archive, "all") == [5, 5]
    archive.sync(account(6).client(), "all")
    assert [path.exists() for path in left] == [False, True]
    assert values(ua.Archive(tmp_path), "all") == [6, 6]
    assert archive.check() == []


def test_an_answer_of_two_months_counts_as_a_whole(tmp_path):
    """Until the mark of its landing is there none of its files counts; without one they go."""
    archive = kept(tmp_path)
    archive.sync(account(6).client(), "all")
    first, second = sorted((tmp_path / "landed").iterdir())
    parts = list(tmp_path.glob(f"hourly/*/{second.name}*"))
    assert sorted(path.parent.name for path in parts) == ["2026-02", "2026-03"]
    second.unlink()
    assert values(archive, "all") == values(ua.Archive(tmp_path), "all") == [5, 5]
    os.utime(parts[0], (time.time() - 4000,) * 2)
    archive.sync(account(7).client(), "all")
    assert [path.exists() for path in parts] == [False, True]
    assert values(archive, "all") == [7, 7]
    # A mark goes with the last of its files.
    for mark in (tmp_path / "landed").iterdir():
        os.utime(mark, (time.time() - 4000,) * 2)
    archive.compact()
    assert first.exists()
    archive.compact()
    assert not list((tmp_path / "landed").iterdir())
    assert values(ua.Archive(tmp_path), "all") == [7, 7]


def test_a_lost_note_is_made_again(tmp_path):
    """Without `format.json` the parts say what they are, and the next sync makes it again."""
    kept(tmp_path)
    (tmp_path / "format.json").unlink()
    assert values(ua.Archive(tmp_path), "all") == [5, 5]
    kept(tmp_path)
    assert (tmp_path / "format.json").exists()


def test_on_the_disk_before_it_is_told(tmp_path, monkeypatch):
    """A part is on the disk before it has its name, its name before what it replaces goes."""
    steps = []
    fsync, rename, unlink = os.fsync, Path.rename, Path.unlink

    def synced(number):
        steps.append(("fsync", Path(f"/proc/self/fd/{number}").readlink()))
        fsync(number)

    def renamed(path, target):
        steps.append(("rename", path, target))
        return rename(path, target)

    def unlinked(path, **settings):
        if path.suffix == ".parquet":
            steps.append(("unlink", path))
        unlink(path, **settings)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", renamed)
    monkeypatch.setattr(Path, "unlink", unlinked)
    archive = kept(tmp_path)
    for serial in range(6, 9):
        archive.sync(account(serial).client(), "all")
    archive.compact()
    landed = [step for step in steps if step[0] == "rename"]
    assert len(landed) == 4 * 2 + 2 * 2
    for _, temporary, path in landed:
        at = steps.index(("rename", temporary, path))
        assert ("fsync", temporary) in steps[:at]
        after = steps[at:]
        assert ("fsync", path.parent) in after
        removed = [place for place, step in enumerate(after) if step[0] == "unlink"]
        assert not removed or after.index(("fsync", path.parent)) < removed[0]
    assert sum(step[0] == "unlink" for step in steps) == 8


def test_one_name_for_two_questions_is_said(tmp_path):
    """Two syncs that gave one name to two questions at once: an error, never a mix."""
    archive = kept(tmp_path / "a")
    other = ua.Archive(tmp_path / "b")
    made = Account("2026-03-04T12:00:00+00:00")
    other.sync(made.client(), "all", since=DAYS[3], search="x")
    (path,) = (tmp_path / "b").glob("hourly/2026-03/*.parquet")
    path.rename(tmp_path / "a" / "hourly" / "2026-03" / path.name)
    with pytest.raises(ua.ArchiveError, match="one name for different filters"):
        archive.load("all", DAYS[0], DAYS[-1])


@pytest.mark.parametrize("before", [False, True])
def test_a_clock_ahead_hides_no_later_fetch(tmp_path, before):
    """After days stored with a clock 20 days ahead, syncs by a right clock replace all of them."""
    server, archive = Account("2026-03-10T12:30:00+00:00"), ua.Archive(tmp_path)
    server.put("2026-03-10T09", calls=4)
    if before:
        archive.sync(server.client(), "all", since="2026-03-08")
    server.wait(days=20)
    archive.sync(server.client(), "all", since="2026-03-08")
    server.wait(days=-20, hours=2)
    server.put("2026-03-10T13", calls=5)
    for _ in range(2):
        archive.sync(server.client(), "all", since="2026-03-08")
        usage = archive.load("all", "2026-03-08", "2026-03-10")
        assert usage.hourly["total_count"].sum() == 9
        assert usage.hourly["provisional"].sum() == 3
        assert usage.as_of == server.now
        assert str(archive.scopes()["last"].iloc[0])[:10] == "2026-03-10"
        assert archive.sum_usage(every="D")["total_count"].sum() == 9
    assert archive.check() == []
