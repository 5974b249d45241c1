"""Files of an archive: written whole or not at all, never changed, their checksum in their name.

- `format.json` says how the others are to be read.
- `hourly/2026-03/<random>-<checksum>.parquet`: rows of one UTC month, sorted by scope and time, a
  row an hour with calls; the file's metadata says which days of which scopes it holds. What it
  holds of a day, it holds whole, so each file that lands is a step from one good state to the next.
- `history/2026-03/...`: what was known before of days that have changed since.
- `damaged/`: what `repair` took out.

A part is written beside, under a name that nobody reads, brought to the disk, and only then given
its name. Parts are removed only after another one holds all that they hold.
"""

from __future__ import annotations

import io
import json
import os
import re
import secrets
import time
import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from usage_analysis.archive.coverage import FORMAT, Coverage, decode, encode
from usage_analysis.errors import ArchiveError, QueryError

if TYPE_CHECKING:
    import pyarrow as pa

MEASURES = ("total_count", "error_count", "joined_count", "duration", "billed_micro")
"""Measures of a row: calls, duration [us], billed [millionths of a minute]; all int64."""
NUMBERS = ("time", *MEASURES, "fetched")
"""The columns beside `scope`: `time` is the start of the hour, both instants [us since 1970]."""

Kind = Literal["hourly", "history"]
KINDS: tuple[Kind, ...] = ("hourly", "history")

_KEY = b"usage-analysis"
_NAME = re.compile(r"[0-9a-f]{16}-(?P<checksum>[0-9a-f]{8})\.parquet")
_MONTH = re.compile(r"\d{4}-\d\d")
_STALE = 3600.0  # an unfinished file this old is nobody's any more [s]
_TRIES = 20
_GROUP = 131_072  # rows

T = TypeVar("T")


class Rows(NamedTuple):
    """Rows of a part: numbers of their scopes, and a column of int64 a name."""

    scopes: list[str]
    code: NDArray[np.int32]
    columns: dict[str, NDArray[np.int64]]

    def __len__(self) -> int:
        return len(self.code)

    def take(self, at: NDArray[Any]) -> Rows:
        """Rows at these places, or where it is true."""
        columns = {name: values[at] for name, values in self.columns.items()}
        return Rows(self.scopes, self.code[at], columns)


@dataclass(frozen=True)
class Part:
    """One file of the archive, whole as it was written."""

    path: Path
    coverage: Coverage

    def read(
        self,
        scopes: tuple[str, str] | None = None,
        window: tuple[int, int] | None = None,
    ) -> Rows:
        """Rows of the scopes from one to another, both inclusive, and of a window [us).

        Raises
        ------
        FileNotFoundError
            It was compacted meanwhile: its rows are in a newer part.
        """
        import pyarrow.parquet as pq
        from pyarrow import compute

        limits = []
        if scopes is not None:
            limits += [compute.field("scope") >= scopes[0], compute.field("scope") <= scopes[1]]
        if window is not None:
            limits += [compute.field("time") >= window[0], compute.field("time") < window[1]]
        limit = None
        for one in limits:
            limit = one if limit is None else limit & one
        try:
            table = pq.read_table(self.path, filters=limit, partitioning=None, memory_map=True)
        except FileNotFoundError:
            raise
        except (OSError, ValueError) as error:
            raise damaged(self.path, type(error).__name__) from None
        return _rows(table)


class Shelf:
    """Where the parts stand.

    Parameters
    ----------
    folder
        It is made if it is not there; one with something else in it is refused.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._known: dict[Path, Part] = {}
        _open(self.folder)

    def months(self) -> list[str]:
        """Months that there are parts of, in order: ``2026-03``."""
        names = {path.name for kind in KINDS for path in (self.folder / kind).glob("*")}
        return sorted(name for name in names if _MONTH.fullmatch(name))

    def parts(self, months: Iterable[str], *kinds: Kind) -> list[Part]:
        """Parts of these months, by name, each checked once.

        Raises
        ------
        ArchiveError
            One is damaged.
        FileNotFoundError
            One was compacted meanwhile; see `steady`.
        """
        paths = [path for kind in kinds for month in months for path in self.paths(kind, month)]
        new = [path for path in paths if path not in self._known]
        if len(new) > 1:
            # Checksums leave other threads alone.
            with ThreadPoolExecutor(4) as pool:
                self._known |= zip(new, pool.map(_checked, new), strict=True)
        elif new:
            self._known[new[0]] = _checked(new[0])
        return [self._known[path] for path in paths]

    def paths(self, kind: Kind, month: str) -> list[Path]:
        """Files of the parts of a month, unchecked."""
        found = (self.folder / kind / month).glob("*.parquet")
        return sorted(path for path in found if _NAME.fullmatch(path.name))

    def steady(self, work: Callable[[], T]) -> T:
        """What `work` returns; done again where another process compacted what it was reading."""
        for _ in range(_TRIES):
            with suppress(FileNotFoundError):
                return work()
        return work()

    def writer(self, kind: Kind, month: str) -> Writer:
        """A part of a month, to be written."""
        return Writer(self.folder / kind / month)

    def write(self, month: str, rows: Rows, coverage: Coverage, kind: Kind = "hourly") -> Path:
        """Path of the part that now holds these rows, on the disk and whole."""
        with self.writer(kind, month) as writer:
            writer.add(rows)
            return writer.land(coverage)

    def remove(self, parts: Iterable[Part]) -> None:
        """Remove parts whose days others hold."""
        for part in parts:
            part.path.unlink(missing_ok=True)
            self._known.pop(part.path, None)

    def sweep(self) -> None:
        """Remove what processes that were killed left unfinished."""
        for path in self.folder.glob("**/.*.tmp"):
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _STALE:
                    path.unlink()

    def broken(self) -> list[tuple[Path, str]]:
        """Damaged parts, and what is wrong with each: every file is read again."""
        found = []
        for kind in KINDS:
            for month in self.months():
                for path in self.paths(kind, month):
                    with suppress(FileNotFoundError):
                        try:
                            _checked(path)
                        except ArchiveError as error:
                            found.append((path, str(error)))
        return found

    def set_aside(self, path: Path) -> Path:
        """New path of a damaged part, where nobody reads it."""
        place = self.folder / "damaged"
        _make(place)
        new = place / f"{path.parent.parent.name}-{path.parent.name}-{path.name}"
        path.rename(new)
        _sync(place)
        _sync(path.parent)
        self._known.pop(path, None)
        return new


class Writer:
    """A part that is being written; it counts once it has landed, and is gone if it does not.

    Parameters
    ----------
    folder
        Where it is to be.
    """

    def __init__(self, folder: Path) -> None:
        import pyarrow.parquet as pq

        _make(folder)
        self._folder = folder
        self._path = folder / f".{secrets.token_hex(8)}.tmp"
        self._file = _Checked(self._path.open("xb", buffering=0))
        # Measured on the columns of real hours: 7.4 bytes a row, 10.9 by default.
        deltas = ("time", "duration")
        self._parquet = pq.ParquetWriter(
            self._file,
            _schema(),
            compression="zstd",
            use_dictionary=[name for name in ("scope", *NUMBERS) if name not in deltas],
            column_encoding=dict.fromkeys(deltas, "DELTA_BINARY_PACKED"),
            store_schema=False,
        )

    def add(self, rows: Rows) -> None:
        """Rows that come after those before, by scope and time."""
        self._parquet.write_table(_table(rows), row_group_size=_GROUP)

    def land(self, coverage: Coverage) -> Path:
        """Path of the file, when it is whole, on the disk and to be found."""
        self._parquet.add_key_value_metadata({_KEY: encode(coverage)})
        self._parquet.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        path = self._folder / f"{secrets.token_hex(8)}-{self._file.checksum:08x}.parquet"
        self._path.rename(path)
        _sync(self._folder)
        return path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing behind of what did not land."""
        if not self._file.closed:
            self._file.given_up = True
            with suppress(OSError):
                self._parquet.close()
            with suppress(OSError):
                self._file.close()
        self._path.unlink(missing_ok=True)


class _Checked(io.BufferedWriter):
    """A file that knows the checksum of what it was told to hold."""

    checksum = 0
    given_up = False

    def write(self, data: Any, /) -> int:
        if self.given_up:
            return len(data)
        self.checksum = zlib.crc32(data, self.checksum)
        return super().write(data)


def damaged(path: Path, problem: str) -> ArchiveError:
    """The error of a damaged part, which says how to go on."""
    return ArchiveError(
        f"{path}: damaged ({problem}); Archive.repair() takes it out, then sync again: "
        "the other files are whole, and say which days are missing"
    )


def _checked(path: Path) -> Part:
    import pyarrow.parquet as pq

    named = _NAME.fullmatch(path.name)
    wanted = named["checksum"] if named else ""
    checksum = 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(1 << 20):
            checksum = zlib.crc32(block, checksum)
    if f"{checksum:08x}" != wanted:
        raise damaged(path, f"its checksum is {checksum:08x}")
    try:
        metadata = pq.read_metadata(path).metadata or {}
        version, coverage = decode(metadata[_KEY])
    except (msgspec.MsgspecError, KeyError, ValueError) as error:
        raise damaged(path, f"no part of an archive, {type(error).__name__}") from None
    _readable(path, version)
    return Part(path, coverage)


def _readable(path: Path, version: object) -> None:
    if version != FORMAT:
        raise ArchiveError(
            f"{path}: expected format {FORMAT}, got {version!r}; a newer usage-analysis wrote it: "
            "upgrade to read it"
        )


def _open(folder: Path) -> None:
    """Make an archive of a folder that is none yet, and check that it is one."""
    if find_spec("pyarrow") is None:
        raise QueryError(
            'Archive needs pyarrow, which pip install "usage-analysis[archive]" brings'
        )
    note = folder / "format.json"
    if not note.exists():
        if folder.exists() and not folder.is_dir():
            raise QueryError(f"path: expected a folder, got the file {str(folder)!r}")
        others = [
            path.name
            for path in (folder.iterdir() if folder.exists() else ())
            if path.name not in (*KINDS, "damaged") and not path.match(".*.tmp")
        ]
        if others and not note.exists():
            raise QueryError(
                f"path: expected an archive or an empty folder, got {str(folder)!r} with "
                f"{min(others)!r} in it"
            )
        _make(folder)
        beside = folder / f".{secrets.token_hex(8)}.tmp"
        with beside.open("xb") as file:
            file.write(json.dumps({"format": FORMAT}).encode())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(note)
        _sync(folder)
    try:
        version = json.loads(note.read_bytes())["format"]
    except (ValueError, KeyError, TypeError):
        raise ArchiveError(
            f"{note}: damaged; remove it: every part says its own format, and this file is made "
            "again from them"
        ) from None
    _readable(note, version)


def _make(folder: Path) -> None:
    """A folder that is on the disk, and so are those above it that were made for it."""
    if folder.is_dir():
        return
    _make(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync(folder.parent)


def _sync(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _schema() -> pa.Schema:
    import pyarrow as pa

    fields = [pa.field("scope", pa.string(), nullable=False)]
    fields += [pa.field(name, pa.int64(), nullable=False) for name in NUMBERS]
    return pa.schema(fields)


def _table(rows: Rows) -> pa.Table:
    import pyarrow as pa

    scope = pa.DictionaryArray.from_arrays(
        pa.array(rows.code, pa.int32()), pa.array(rows.scopes, pa.string())
    )
    columns = [scope.cast(pa.string()), *(pa.array(rows.columns[name]) for name in NUMBERS)]
    return pa.Table.from_arrays(columns, schema=_schema())


def _rows(table: pa.Table) -> Rows:
    scope = table["scope"].combine_chunks().dictionary_encode()
    if hasattr(scope, "combine_chunks"):
        scope = scope.combine_chunks()
    columns = {name: table[name].to_numpy() for name in NUMBERS}
    return Rows(scope.dictionary.to_pylist(), scope.indices.to_numpy(), columns)
