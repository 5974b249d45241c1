"""Files that are whole and on the disk, or not there: written beside, then given their name.

Files of one answer land together: they share a number, and count once a mark of it is there.
"""

from __future__ import annotations

import io
import os
import secrets
import time
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from usage_analysis.archive.coverage import KEY, ScopeCoverage, encode
from usage_analysis.archive.rows import NUMBERS, Rows, rows_to_table, schema

ALONE, JOINT = "-", "_"
"""What stands in a file's name between its landing and its checksum."""
_ROW_GROUP = 131_072  # rows


class Writer:
    """A part that is being written; it counts once it has landed, and is gone if it does not.

    Parameters
    ----------
    folder
        Where it is to be.
    """

    def __init__(self, folder: Path) -> None:
        import pyarrow.parquet as pq

        make_folder(folder)
        self._folder, self._published = folder, False
        self._path = folder / f".{secrets.token_hex(8)}.tmp"
        self._file = _ChecksumFile(self._path.open("xb", buffering=0))
        # Measured on the columns of real hours: 7.4 bytes a row, 10.9 by default.
        deltas = ("time", "duration")
        self._parquet = pq.ParquetWriter(
            self._file,
            schema(),
            compression="zstd",
            use_dictionary=[name for name in ("scope", *NUMBERS) if name not in deltas],
            column_encoding=dict.fromkeys(deltas, "DELTA_BINARY_PACKED"),
            store_schema=False,
            write_page_checksum=True,
        )

    def add(self, rows: Rows) -> None:
        """Rows that come after those before, by scope and time."""
        self._parquet.write_table(rows_to_table(rows), row_group_size=_ROW_GROUP)

    def finish(self, coverage: Mapping[str, ScopeCoverage]) -> None:
        """Bring what was added to the disk, under a name that nobody reads."""
        self._parquet.add_key_value_metadata({KEY: encode(coverage)})
        self._parquet.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def publish(self, landing: str, joint: str) -> Path:
        """Path of the finished file under its name."""
        name = f"{landing}{joint}{self._file.checksum:08x}.parquet"
        self._path = self._path.rename(self._folder / name)
        self._published = True
        sync_folder(self._folder)
        return self._path

    def delete(self) -> None:
        """Remove the file, whatever its name is."""
        self._path.unlink(missing_ok=True)

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
        if not self._published:
            self.delete()


def publish(writers: Sequence[Writer], marks: Path) -> list[Path]:
    """Paths of finished files, when all of them are to be found; until then none counts.

    Parameters
    ----------
    marks
        Folder of the marks that say which files that lie in several months landed together.
    """
    # In the order of their landing: of two fetches in one second the later one counts.
    landing = f"{time.time_ns():016x}{secrets.token_hex(4)}"
    joint = ALONE if len(writers) == 1 else JOINT
    try:
        paths = [writer.publish(landing, joint) for writer in writers]
        if joint == JOINT:
            write_note(marks / landing, "")
    except OSError:
        for writer in writers:
            writer.delete()
        raise
    return paths


class _ChecksumFile(io.BufferedWriter):
    """A file that knows the checksum of what it was told to hold."""

    checksum = 0
    given_up = False

    def write(self, data: Any, /) -> int:
        if self.given_up:
            return len(data)
        self.checksum = zlib.crc32(data, self.checksum)
        return super().write(data)


def write_note(note: Path, text: str) -> None:
    """Write a small file whole, and its folder if that is not there."""
    make_folder(note.parent)
    beside = note.parent / f".{secrets.token_hex(8)}.tmp"
    with beside.open("xb") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    beside.replace(note)
    sync_folder(note.parent)


def make_folder(folder: Path) -> None:
    """A folder that is on the disk, and so are those above it that were made for it."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
