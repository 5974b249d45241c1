"""Rows of a part as integers, one row per scope and hour with calls."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from usage_analysis.tidy.engine_sums import STORED

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

    scope = pa.DictionaryArray.from_arrays(
        pa.array(rows.code, pa.int32()), pa.array(rows.scopes, pa.string())
    )
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
