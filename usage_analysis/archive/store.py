"""Part store: the files of an archive, which are never changed after they are published.

- `format.json`: version of the file format.
- `hourly/2026-03/<landing>-<checksum>.parquet`: a part, with the rows of one UTC month sorted by
  scope and time. There is one row per hour with calls. The metadata of the file list the days of
  each scope. A part has all hours of a day or none.
- `hourly/2026-03/<landing>_<checksum>.parquet`: one of several parts of one reply. It counts only
  if there is a mark `landed/<landing>`, which is written after all of them.
- `history/2026-03/...`: earlier figures of days that have changed since.
- `damaged/`: files that `repair` moved away.

A part is written under a temporary name, brought to disk and then renamed. A part is removed only
after another one has all its days.
"""

import json
import os
import re
import secrets
import time
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import msgspec

from usage_analysis.archive import writing
from usage_analysis.archive.coverage import FORMAT, KEY, PartCoverage, ScopeCoverage, decode
from usage_analysis.archive.writing import ALONE, JOINT, Rows, Writer, table_to_rows
from usage_analysis.errors import ArchiveError, QueryError, error_of, refusal

Kind = Literal["hourly", "history"]
KINDS: tuple[Kind, ...] = ("hourly", "history")

MARKS = "landed"
_NAME = re.compile(r"(?P<landing>[0-9a-f]{24})(?P<joint>[-_])(?P<checksum>[0-9a-f]{8})\.parquet")
_MONTH = re.compile(r"\d{4}-\d\d")
_STALE = 3600.0  # age at which an unfinished file is taken for that of a dead process [s]
_TRIES = 20  # compactions in a row after which a reader gives up

T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """One file of the archive, checked against the checksum in its name."""

    path: Path
    coverage: PartCoverage
    #: Size, time of the last change and inode of the file when it was checked.
    stamp: tuple[int, int, int]
    #: Checksum of the footer, which Parquet itself does not protect.
    footer: int

    def read(self, scopes: tuple[str, str], window: tuple[int, int] | None = None) -> Rows:
        """Read the rows of a range of scopes, both ends inclusive, and of a window [us].

        Raises
        ------
        FileNotFoundError
            The part was compacted meanwhile: its rows are in a newer part.
        """
        import pyarrow.parquet as pq
        from pyarrow import compute

        scope, hour = compute.field("scope"), compute.field("time")
        limit = (scope >= scopes[0]) & (scope <= scopes[1])
        if window is not None:
            limit &= (hour >= window[0]) & (hour < window[1])
        try:
            # Parquet protects its pages with checksums, but not its footer.
            if _footer_checksum(self.path) != self.footer:
                raise damage_error(self.path, "its footer has changed")
            table = pq.read_table(
                self.path,
                filters=limit,
                partitioning=None,
                memory_map=os.name != "nt",  # Windows cannot remove a file that is mapped
                page_checksum_verification=True,
            )
        except FileNotFoundError:
            raise
        except (OSError, ValueError, KeyError) as error:
            raise damage_error(self.path, type(error).__name__) from None
        return table_to_rows(table)


class Damage(NamedTuple):
    """Damaged file and its problem."""

    path: Path
    problem: str


class PartStore:
    """Folder of parts.

    Parameters
    ----------
    folder
        Folder of the archive. It is created with the first part; a folder with other files is
        refused.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._parts: dict[Path, Part] = {}
        if find_spec("pyarrow") is None:
            raise QueryError('Archive needs pyarrow: pip install "usage-analysis[archive]"')
        _check_folder(self.folder)

    def months(self) -> list[str]:
        """Return the months that have parts, in order, as ``2026-03``."""
        names = {path.name for kind in KINDS for path in (self.folder / kind).glob("*")}
        return sorted(name for name in names if _MONTH.fullmatch(name))

    def parts(self, months: Iterable[str], *kinds: Kind) -> list[Part]:
        """Return the parts of these months; a file is checked again only if it has changed.

        Raises
        ------
        ArchiveError
            A part is damaged.
        FileNotFoundError
            A part was compacted meanwhile; see `retry`.
        """
        paths = self.paths(months, *kinds)
        folders = {path.parent for path in paths}
        held = self._parts.items()
        self._parts = {k: part for k, part in held if k in paths or k.parent not in folders}
        known = self._parts.get
        new = [path for path in paths if getattr(known(path), "stamp", None) != _stamp(path)]
        if new:
            # zlib releases the interpreter lock, so checksums run in parallel.
            with ThreadPoolExecutor(4) as pool:
                self._parts |= zip(new, pool.map(self._read_part, new), strict=True)
        return [self._parts[path] for path in paths]

    def all_parts(self, *kinds: Kind) -> list[Part]:
        """Return the parts of all months, by default the current ones; see `parts`."""
        return self.parts(self.months(), *(kinds or ("hourly",)))

    def _read_part(self, path: Path) -> Part:
        import pyarrow.parquet as pq

        stamp = _stamp(path)
        named = _NAME.fullmatch(path.name)
        wanted = named["checksum"] if named else ""
        checksum = 0
        with path.open("rb", buffering=0) as file:
            while block := file.read(1 << 20):
                checksum = zlib.crc32(block, checksum)
        if f"{checksum:08x}" != wanted:
            raise damage_error(path, f"its checksum is {checksum:08x}")
        try:
            metadata = pq.read_metadata(path).metadata or {}
            version, coverage = decode(metadata[KEY])
            footer = _footer_checksum(path)
        except (msgspec.MsgspecError, KeyError, ValueError) as error:
            raise damage_error(path, f"no part of an archive, {type(error).__name__}") from None
        _check_format(path, version)
        return Part(path, coverage, stamp, footer)

    def paths(self, months: Iterable[str], *kinds: Kind) -> list[Path]:
        """Return the published files of months, unchecked."""
        folders = [self.folder / kind / month for kind in kinds for month in months]
        while True:
            landed = self._read_marks()
            paths = [path for folder in folders for path in sorted(folder.glob("*.parquet"))]
            # Files of one reply could be published, and one of them compacted, between the two
            # listings: only an unchanged set of marks gives a consistent view.
            if landed == self._read_marks():
                return [path for path in paths if _is_published(path, landed)]

    def _read_marks(self) -> set[str]:
        with suppress(FileNotFoundError):
            return {mark.name for mark in (self.folder / MARKS).iterdir()}
        return set()

    def retry(self, work: Callable[[], T]) -> T:
        """Run `work`, and again if another process compacted its parts meanwhile."""
        for _ in range(_TRIES):
            with suppress(FileNotFoundError):
                return work()
        return work()

    def writer(self, kind: Kind, month: str) -> Writer:
        """Return a writer for a part of a month."""
        note = self.folder / "format.json"
        if not note.exists():
            writing.write_note(note, json.dumps({"format": FORMAT}))
        return Writer(self.folder / kind / month)

    def publish(self, writers: Sequence[Writer]) -> list[Path]:
        """Publish finished parts all at once, and return their paths."""
        # Names sort by time of publication: of two fetches at one instant the later name counts.
        landing = f"{time.time_ns():016x}{secrets.token_hex(4)}"
        joint = ALONE if len(writers) == 1 else JOINT
        try:
            paths = [writer.publish(landing, joint) for writer in writers]
            if joint == JOINT:
                writing.write_note(self.folder / MARKS / landing, "")
        except OSError:
            for writer in writers:
                writer.delete()
            raise
        return paths

    def write(self, months: Mapping[str, tuple[Rows, Mapping[str, ScopeCoverage]]]) -> list[Path]:
        """Write one part per month, all of them or none, and return their paths."""
        with ExitStack() as stack:
            writers = []
            for month, (rows, held) in months.items():
                writer = stack.enter_context(self.writer("hourly", month))
                writer.add(rows)
                writer.finish(held)
                writers.append(writer)
            return self.publish(writers)

    def remove(self, parts: Iterable[Part]) -> None:
        """Remove parts whose days are in other parts."""
        for part in parts:
            part.path.unlink(missing_ok=True)
            self._parts.pop(part.path, None)

    def remove_leftovers(self) -> None:
        """Remove unfinished files of killed processes, and marks without parts."""
        landed = self._read_marks()
        joint = {path: path.name[:24] for path in self.folder.glob(f"hourly/*/*{JOINT}*.parquet")}
        left = [path for path, landing in joint.items() if landing not in landed]
        left += [self.folder / MARKS / landing for landing in landed.difference(joint.values())]
        for path in [*left, *self.folder.glob("**/.*.tmp")]:
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _STALE:
                    path.unlink()

    def find_damage(self) -> list[Damage]:
        """Read every file again and return the damaged ones."""
        found = []
        for path in self.paths(self.months(), *KINDS):
            with suppress(FileNotFoundError):
                try:
                    self._read_part(path)
                except ArchiveError as error:
                    found.append(Damage(path, str(error)))
        return found

    def move_damaged(self, path: Path) -> Path:
        """Move a damaged part out of the archive, and return its new path."""
        place = self.folder / "damaged"
        writing.make_folder(place)
        new = place / f"{path.parent.parent.name}-{path.parent.name}-{path.name}"
        path.rename(new)
        writing.sync_folder(place)
        writing.sync_folder(path.parent)
        self._parts.pop(path, None)
        return new


def damage_error(path: Path, problem: str) -> ArchiveError:
    """Return the error for a damaged part, with advice on how to repair the archive."""
    return error_of(ArchiveError, "damaged_part", path=path, problem=problem)


def _is_published(path: Path, landed: Collection[str]) -> bool:
    """Return True for a published part."""
    named = _NAME.fullmatch(path.name)
    return named is not None and (named["joint"] != JOINT or named["landing"] in landed)


def _stamp(path: Path) -> tuple[int, int, int]:
    """Return size, time of change and inode: one of them changes when a file is written to."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ino


def _footer_checksum(path: Path) -> int:
    """Return the checksum of a Parquet footer; the length stands before the last four bytes."""
    with path.open("rb") as file:
        file.seek(-8, os.SEEK_END)
        length = int.from_bytes(file.read(4), "little")
        file.seek(-8 - length, os.SEEK_END)
        return zlib.crc32(file.read())


def _check_format(path: Path, version: object) -> None:
    if version != FORMAT:
        raise error_of(ArchiveError, "other_format", path=path, wanted=FORMAT, got=version)


def _check_folder(folder: Path) -> None:
    """Refuse a folder that is neither an archive nor empty."""
    note = folder / "format.json"
    if folder.exists() and not folder.is_dir():
        raise QueryError(f"path: expected a folder, got the file {str(folder)!r}")
    if not note.exists():
        ours = (*KINDS, MARKS, "damaged", note.name)
        names = (path.name for path in (folder.iterdir() if folder.exists() else ()))
        others = [one for one in names if one not in ours and not fnmatchcase(one, ".*.tmp")]
        if others:
            raise refusal("foreign_folder", folder=str(folder), file=min(others))
        return
    try:
        version = json.loads(note.read_bytes())["format"]
    except (ValueError, KeyError, TypeError):
        raise error_of(ArchiveError, "damaged_note", path=note) from None
    _check_format(note, version)
