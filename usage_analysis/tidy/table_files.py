"""Tables as other programs take them: plain columns, CSV, Excel files and Parquet.

Spreadsheets know neither time zones nor lengths of time. They run texts that begin with ``=``,
``+``, ``-`` or ``@`` as formulas. So `plain_table` divides a time into its local clock and UTC, and
a CSV puts an apostrophe before such texts. Parquet keeps a table as it is.
"""

import io
import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import pandas as pd

from usage_analysis.errors import QueryError
from usage_analysis.tidy.frames import check_kind
from usage_analysis.tidy.usage_files import replace_file, target_of

# What spreadsheets run as a formula, also in the wide letters of East Asia, after the apostrophes
# of names that begin with one themselves.
_FORMULA: Final = r"^(?='*[=+\-@\t\r\n＝＋－＠])"  # noqa: RUF001


def as_table(result: pd.DataFrame | pd.Series) -> pd.DataFrame:
    """Return a result as a table: a Series over time as a column, another one as one row."""
    if not isinstance(result, pd.Series):
        return result
    times = isinstance(result.index, pd.DatetimeIndex)
    return result.to_frame() if times else result.to_frame().T


def index_as_columns(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table without an index; groups with a name of the index are marked as groups."""
    taken = {name for index in table.index.names for name in (index, f"{index}_utc")}
    alike = {name: f"{name} (group)" for name in taken if name in table.columns}
    return table.rename(columns=alike).reset_index()


def plain_table(result: pd.DataFrame | pd.Series) -> pd.DataFrame:
    """Return a result or a frame in columns that every program knows.

    Spreadsheets, DuckDB, Altair, Plotly and scikit-learn take this table; some of them refuse time
    zones, lengths of time or decimals.

    Parameters
    ----------
    result
        Frame of a reply, or result of a helper.

    Returns
    -------
    DataFrame
        The index as columns. A time is the clock of its zone; a column at the end, whose name ends
        in ``_utc``, has the same time in UTC. Durations are seconds, in columns that end in
        ``_seconds``. Decimals are float64, and cells of mixed kinds are text.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> usage = ua.sample_client().call_usage(from_date="2026-03-02", to_date="2026-03-08")
    >>> hourly = ua.in_timezone(usage.hourly, "America/New_York")
    >>> plain_table(hourly[["total_count", "duration"]]).columns.tolist()
    ['time', 'total_count', 'duration_seconds', 'time_utc']
    """
    check_kind("result", as_table(result), pd.DataFrame)
    columns: dict[Any, Any] = {}
    in_utc: dict[Any, Any] = {}
    for name, column in index_as_columns(_uniform(result)).items():
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            columns[name] = column.dt.tz_localize(None)
            in_utc[f"{name}_utc"] = column.dt.tz_convert("UTC").dt.tz_localize(None)
        elif column.dtype.kind == "m":
            columns[f"{name}_seconds"] = column.dt.total_seconds()
        else:
            decimal = pd.api.types.infer_dtype(column) == "decimal"
            columns[name] = column.astype("float64") if decimal else column
    return pd.DataFrame(columns | in_utc)


def _uniform(result: pd.DataFrame | pd.Series) -> pd.DataFrame:
    """Return a table whose columns have cells of one kind each; cells of several kinds are text."""
    table = as_table(result).infer_objects()
    for name in table:
        if pd.api.types.infer_dtype(table[name]).startswith("mixed"):
            table[name] = [None if pd.isna(cell) else str(cell) for cell in table[name]]
    return table


def csv_of(result: pd.DataFrame | pd.Series) -> bytes:
    """Return the plain table as CSV: UTF-8 with a byte order mark, by which Excel knows it."""
    plain = plain_table(result)
    for name in [name for name in plain if plain[name].dtype.kind == "O"]:
        plain[name] = plain[name].astype("string").str.replace(_FORMULA, "'", regex=True)
    plain.columns = [re.sub(_FORMULA, "'", str(name)) for name in plain]
    return plain.to_csv(index=False, lineterminator="\r\n").encode("utf-8-sig")


def xlsx_of(result: pd.DataFrame | pd.Series) -> bytes:
    """Return the plain table as an Excel file, in which no text is a formula."""
    _check_installed("xlsxwriter", "excel", "Excel files")
    out = io.BytesIO()
    kwargs = {"options": {"strings_to_formulas": False, "strings_to_urls": False}}
    with pd.ExcelWriter(out, engine="xlsxwriter", engine_kwargs=kwargs) as book:
        plain_table(result).to_excel(book, index=False)
        book.sheets["Sheet1"].autofit()
    return out.getvalue()


def parquet_of(result: pd.DataFrame | pd.Series) -> bytes:
    """Return a table as Parquet; pandas reads it back with its index, time zone and meaning."""
    _check_installed("pyarrow", "parquet", "Parquet")
    body: bytes = _uniform(result).to_parquet(engine="pyarrow")
    return body


def _check_installed(module: str, extra: str, what: str) -> None:
    if find_spec(module) is None:
        raise QueryError(f'{what}: needs {module}; pip install "usage-analysis[{extra}]"')


#: The function that writes a table, by the ending of the file.
WRITERS: Final = {".csv": csv_of, ".xlsx": xlsx_of, ".parquet": parquet_of}


def save_table(result: pd.DataFrame | pd.Series, path: str | os.PathLike[str]) -> Path:
    """Save a frame or a result as CSV, Excel file or Parquet, and return its path.

    CSV and Excel files have the columns of `plain_table`, and no name of a group becomes a formula:
    in a CSV, an apostrophe stands before a text that begins with ``=``, ``+``, ``-`` or ``@``.
    Parquet has the table itself, which `pandas.read_parquet` gives back for every helper and plot.

    Parameters
    ----------
    result
        Frame of a reply, or result of a helper.
    path
        File name that ends in .csv, .xlsx or .parquet, in a folder that exists.

    Raises
    ------
    QueryError
        The name has another ending, its folder does not exist, or a package is not installed.

    Examples
    --------
    >>> import tempfile
    >>> import usage_analysis as ua
    >>> usage = ua.sample_client().call_usage(from_date="2026-03-02", to_date="2026-03-08")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_table(ua.error_rate(usage.daily), f"{folder}/errors.csv").name
    'errors.csv'
    """
    write = WRITERS.get(Path(path).suffix.lower())
    if write is None:
        raise QueryError(f"path: expected a name ending in {', '.join(WRITERS)}, got {str(path)!r}")
    replace_file(target_of(path), write(result))
    return Path(path)
