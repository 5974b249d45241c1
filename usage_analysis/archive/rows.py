"""Rows of a part as integers, one row per scope and hour with calls."""

from __future__ import annotations

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


class Rows(NamedTuple):
    """Rows of a part: numbers of their scopes, and one column of int64 per name."""

    scopes: list[str]
    code: NDArray[np.int32]
    columns: dict[str, NDArray[np.int64]]

    def __len__(self) -> int:
        return len(self.code)

    def take(self, at: NDArray[Any] | slice) -> Rows:
        """Return the rows at these places, or where a mask is true."""
        columns = {name: values[at] for name, values in self.columns.items()}
        return Rows(self.scopes, self.code[at], columns)

    def renumber(self, order: Mapping[str, int]) -> NDArray[np.int32]:
        """Return the number of each row's scope in another order; -1 for other scopes."""
        number = np.array([order.get(scope, -1) for scope in self.scopes], dtype=np.int32)
        return number[self.code] if len(self) else self.code


def join_rows(scopes: list[str], parts: Sequence[Rows]) -> Rows:
    """Return the rows of several parts, whose scopes are numbered alike, one after another."""
    code = np.concatenate([np.zeros(0, dtype=np.int32), *(rows.code for rows in parts)])
    none = np.zeros(0, dtype=np.int64)
    columns = {
        name: np.concatenate([none, *(rows.columns[name] for rows in parts)]) for name in NUMBERS
    }
    return Rows(scopes, code, columns)


def schema() -> pa.Schema:
    """Return the schema of a part."""
    import pyarrow as pa

    fields = [pa.field("scope", pa.string(), nullable=False)]
    fields += [pa.field(name, pa.int64(), nullable=False) for name in NUMBERS]
    return pa.schema(fields)


def rows_to_table(rows: Rows) -> pa.Table:
    """Return rows as a table in the schema of a part."""
    import pyarrow as pa

    scope = pa.DictionaryArray.from_arrays(
        pa.array(rows.code, pa.int32()), pa.array(rows.scopes, pa.string())
    )
    columns = [scope.cast(pa.string()), *(pa.array(rows.columns[name]) for name in NUMBERS)]
    return pa.Table.from_arrays(columns, schema=schema())


def table_to_rows(table: pa.Table) -> Rows:
    """Return the rows of a table of a part."""
    scope = table["scope"].combine_chunks().dictionary_encode()
    if hasattr(scope, "combine_chunks"):
        scope = scope.combine_chunks()
    columns = {name: table[name].to_numpy() for name in NUMBERS}
    return Rows(scope.dictionary.to_pylist(), scope.indices.to_numpy(), columns)
