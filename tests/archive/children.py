"""Processes to kill: one that has everything loaded forks a writer or a reader at a word.

Each child says what it has done in a log of its own, a line at a time; what it did not come to say
before it was killed is not there.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import usage_analysis as ua
from tests.archive.account import Account
from usage_analysis.archive import store, versions, writing

START = datetime.fromisoformat("2026-03-04T12:00:00+00:00")
DAYS = [f"2026-02-{day}" for day in (26, 27, 28)] + [f"2026-03-0{day}" for day in (1, 2, 3)]

Say = Callable[[object], None]


def account(serial: int) -> Account:
    """The account at the time of a write: every day says its number."""
    made = Account((START + timedelta(seconds=serial)).isoformat())
    for day in DAYS:
        made.put(f"{day}T09", calls=serial)
    return made


def write(say: Say, folder: str, scope: str, serial: int, count: int = 10**9) -> None:
    """Sync again and again, and say each number once it is stored."""
    archive = ua.Archive(folder)
    say("ready")
    for number in range(serial, serial + count):
        archive.sync(account(number).client(), scope, since=DAYS[0])
        say(number)


def strive(say: Say, folder: str, scope: str, serial: int, count: int = 10**9) -> None:
    """As `write`, on a disk that may be full: then the next number is tried."""
    archive = ua.Archive(folder)
    say("ready")
    for number in range(serial, serial + count):
        try:
            archive.sync(account(number).client(), scope, since=DAYS[0])
        except OSError as error:
            assert error.errno == errno.ENOSPC, error  # noqa: PT017  # no other is expected
            say("full")
        else:
            say(number)


def shared(say: Say, folder: str, own: str, serial: int, count: int) -> None:
    """As `write`, a scope of one's own and one of all writers, in turn."""
    archive = ua.Archive(folder)
    for number in range(serial, serial + count):
        for scope in (own, "all"):
            archive.sync(account(number).client(), scope, since=DAYS[0])
        say(number)


def values(archive: ua.Archive, scope: str, as_of: str | None = None) -> list[int]:
    """What each day says, by month: the same in both, for what one request brings lands at once."""
    usage = archive.load(scope, DAYS[0], DAYS[-1], as_of=as_of)
    daily = usage.daily["total_count"]
    assert usage.hourly["total_count"].sum() == daily.sum()
    february, march = daily.loc[:"2026-02-28"].unique(), daily.loc["2026-03-01":].unique()
    assert len(february) == len(march) == 1, (february, march)
    assert february[0] == march[0]
    return [int(february[0]), int(march[0])]


def read(say: Say, folder: str, scope: str, then: list[int]) -> None:
    """Say what the archive holds, now and as of earlier writes, and what is damaged."""
    archive = ua.Archive(folder)
    say(json.dumps([str(found) for found in archive.check()]))
    say(json.dumps(values(archive, scope)))
    for serial in then:
        as_of = (START + timedelta(seconds=serial)).isoformat()
        say(json.dumps([serial, *values(archive, scope, as_of)]))


def watch(say: Say, folder: str, scope: str, stop: str) -> None:
    """Read until told to stop: never an error, and never an older state than before."""
    archive, last, count = ua.Archive(folder), [0, 0], 0
    while not Path(stop).exists():
        now = values(archive, scope)
        assert now >= last, (now, last)
        last, count = now, count + 1
    say(count)


def die(say: Say, folder: str, scope: str, serial: int, step: int) -> None:
    """Sync, compact and end without a word at one of the steps that change the disk."""
    archive = ua.Archive(folder)
    left = [step]

    def mortal(work: Callable, half: Callable | None = None) -> Callable:
        def done(*arguments: object, **settings: object) -> object:
            left[0] -= 1
            if left[0] == 0:
                if half is not None:
                    half(*arguments)
                os._exit(9)
            return work(*arguments, **settings)

        return done

    def half_written(file: writing._ChecksumFile, data: object) -> None:
        file.raw.write(bytes(data)[: len(bytes(data)) // 2])

    os.fsync = mortal(os.fsync)
    Path.rename, Path.unlink = mortal(Path.rename), mortal(Path.unlink)
    writing._ChecksumFile.write = mortal(writing._ChecksumFile.write, half_written)
    archive.sync(account(serial).client(), scope, since=DAYS[0])
    archive.compact()
    say(step - left[0])


def full(say: Say, folder: str, scope: str, serial: int) -> None:
    """Sync with every limit of a file's size, until it fits; then once more without one."""
    archive = ua.Archive(folder)
    import resource  # Unix alone has it, and pytest imports every module

    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in range(0, 20_000, 250):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            archive.sync(account(serial).client(), scope, since=DAYS[0])
        except OSError as error:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            say(json.dumps([type(error).__name__, *values(ua.Archive(folder), scope)]))
        else:
            break
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    archive.sync(account(serial + 1).client(), scope, since=DAYS[0])
    say(json.dumps(["stored", *values(ua.Archive(folder), scope)]))


def until_full(say: Say, folder: str, scope: str, serial: int) -> None:
    """Sync until the disk is full; then read, make room and go on."""
    archive = ua.Archive(folder)
    ballast = Path(folder).parent / "ballast"
    ballast.write_bytes(bytes(220_000))
    number = serial
    try:
        while True:
            archive.sync(account(number).client(), scope, since=DAYS[0])
            number += 1
    except OSError as error:
        say(json.dumps([error.strerror, number - 1, *values(ua.Archive(folder), scope)]))
    ballast.unlink()
    archive.sync(account(number + 1).client(), scope, since=DAYS[0])
    say(json.dumps(["stored", number + 1, *values(ua.Archive(folder), scope)]))


class InPlace(writing.Writer):
    """A mutant: the part has a name that readers look at from the beginning."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        name = self._path.name.removeprefix(".").removesuffix(".tmp")
        self._path = self._path.rename(folder / f"{name:0>24}-00000000.parquet")


def remove_first(parts: store.PartStore, month: str) -> bool:
    """A mutant of compaction: what it read goes before what it wrote is there."""
    remove, publish = parts.remove, parts.publish
    read = parts.parts([month], *store.KINDS)

    def remove_and_publish(writers: Sequence[writing.Writer]) -> list[Path]:
        remove(read)
        return publish(writers)

    parts.remove, parts.publish = lambda _: None, remove_and_publish
    try:
        return compact(parts, month)
    finally:
        parts.remove, parts.publish = remove, publish


compact = versions._compact


def mutate(name: str) -> None:
    """Break this process's archive, so that a test can be seen to notice."""
    if name == "in place":
        store.Writer = InPlace
    elif name == "remove first":
        versions._compact = remove_first


ACTS = {act.__name__: act for act in (write, strive, shared, read, die, watch, full, until_full)}


def main() -> None:
    """Fork a child for each line of standard input, and say its number; or wait for one."""
    with tempfile.TemporaryDirectory() as folder:
        write(lambda _: None, folder, "warm", 1, 2)
        read(lambda _: None, folder, "warm", [1])
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            _, status = os.waitpid(asked["wait"], 0)
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork()
            if not answer:
                live(asked)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def live(asked: dict) -> None:
    """The life of a child."""
    log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    status = 1
    try:
        mutate(asked["mutant"])
        ACTS[asked["act"]](lambda text: os.write(log, f"{text}\n".encode()), **asked["with"])
        status = 0
    except BaseException:  # noqa: BLE001  # it goes into the log
        os.write(log, traceback.format_exc().encode())
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()
