"""Rows of a part, and durable files: a file has its final name only once it is whole on disk.

The files of one reply are published together. They share a number, and readers ignore them until
a mark with this number exists.
"""

import io
import os
import secrets
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from usage_analysis.archive.coverage import KEY, ScopeCoverage, encode
from usage_analysis.tidy.engine_sums import STORED
from usage_analysis.tidy.usage_files import replace_file

if TYPE_CHECKING:
    import pyarrow as pa

#: Measures of a row: calls, duration [us], billed [millionths of a minute]; all int64.
MEASURES = tuple(STORED.values())
#: The columns beside `scope`: `time` is the start of the hour, both instants [us since 1970].
NUMBERS = ("time", *MEASURES, "fetched")

Ints = NDArray[np.int64]


class Rows(NamedTuple):
    """Rows of a part, one per scope and hour with calls."""

    scopes: Sequence[str]
    #: Number of each row's scope.
    code: NDArray[np.int32]
    #: Start of the hour [us since 1970].
    time: Ints
    #: When the hour was fetched [us since 1970].
    fetched: Ints
    #: Measures of the hour; shape (rows, measures).
    measures: Ints

    def take(self, at: NDArray[Any]) -> "Rows":
        """Return the rows at these places, or where a mask is true."""
        return Rows(self.scopes, *(column[at] for column in self[1:]))

    def sort(self) -> "Rows":
        """Return the rows by scope and time."""
        return self.take(np.lexsort((self.time, self.code)))

    def renumber(self, order: Mapping[str, int]) -> NDArray[np.int32]:
        """Return the number of each row's scope in another order; -1 for other scopes."""
        number = np.array([order.get(scope, -1) for scope in self.scopes], dtype=np.int32)
        return number[self.code] if len(self.code) else self.code


def schema() -> "pa.Schema":
    """Return the schema of a part."""
    import pyarrow as pa

    fields = [pa.field("scope", pa.string(), nullable=False)]
    fields += [pa.field(name, pa.int64(), nullable=False) for name in NUMBERS]
    return pa.schema(fields)


def rows_to_table(rows: Rows) -> "pa.Table":
    """Return rows as a table in the schema of a part."""
    import pyarrow as pa

    code, names = pa.array(rows.code, pa.int32()), pa.array(rows.scopes, pa.string())
    scope = pa.DictionaryArray.from_arrays(code, names)
    columns = [rows.time, *rows.measures.T, rows.fetched]
    return pa.Table.from_arrays([scope.cast(pa.string()), *map(pa.array, columns)], schema=schema())


def table_to_rows(table: "pa.Table") -> Rows:
    """Return the rows of a table of a part."""
    scope = table["scope"].combine_chunks().dictionary_encode()
    if hasattr(scope, "combine_chunks"):
        scope = scope.combine_chunks()
    time, *measures, fetched = (table[name].to_numpy() for name in NUMBERS)
    values = np.stack(measures, axis=1)
    return Rows(scope.dictionary.to_pylist(), scope.indices.to_numpy(), time, fetched, values)


#: Separator in a file name: the file stands alone, or belongs to several that need a mark.
ALONE, JOINT = "-", "_"
_ROW_GROUP = 131_072  # rows


class Writer:
    """Writer of one part; a part that is not published leaves no file.

    Parameters
    ----------
    folder
        Folder of the finished part.
    """

    def __init__(self, folder: Path) -> None:
        import pyarrow.parquet as pq

        make_folder(folder)
        self._folder, self._published = folder, False
        self._path = folder / f".{secrets.token_hex(8)}.tmp"
        self._file = _ChecksumFile(self._path.open("xb", buffering=0))
        # Measured on the columns of real hours: 7.4 bytes per row, 10.9 by default.
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
        """Add rows, which must follow the earlier ones by scope and time."""
        self._parquet.write_table(rows_to_table(rows), row_group_size=_ROW_GROUP)

    def finish(self, coverage: Mapping[str, ScopeCoverage]) -> None:
        """Bring the file to disk, still under its temporary name."""
        self._parquet.add_key_value_metadata({KEY: encode(coverage)})
        self._parquet.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def publish(self, landing: str, joint: str) -> Path:
        """Give the finished file its name, and return its path."""
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
        """Remove the file unless it was published."""
        if not self._file.closed:
            self._file.discarded = True
            with suppress(OSError):
                self._parquet.close()
            with suppress(OSError):
                self._file.close()
        if not self._published:
            self.delete()


class _ChecksumFile(io.BufferedWriter):
    """File that computes the checksum of the data written to it."""

    checksum = 0
    discarded = False

    def write(self, data: Any, /) -> int:
        if self.discarded:
            return len(data)
        self.checksum = zlib.crc32(data, self.checksum)
        return super().write(data)


def write_note(note: Path, text: str) -> None:
    """Write a small file durably, and create its folder if needed."""
    make_folder(note.parent)
    replace_file(note, text.encode())
    sync_folder(note.parent)


def make_folder(folder: Path) -> None:
    """Create a folder and its parents durably."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Bring the entries of a folder to disk: renames survive a power failure only then."""
    if os.name == "nt":
        return  # Windows opens no folders, and keeps a journal of renames
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
