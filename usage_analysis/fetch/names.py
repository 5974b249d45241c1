"""Names that people keep in a CSV file, for the endpoint lists none."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path

from usage_analysis.errors import QueryError

Pairs = list[tuple[str, str]]

NAMED = ("name", ("id", "value"))
"""Headings of a file of names: `name`, and `id` or `value`."""
KEYED = ("key", ("value",))
"""Headings of a file of metadata: `key` and `value`."""


def pairs_in(
    path: str | os.PathLike[str], argument: str, headings: tuple[str, tuple[str, ...]] = NAMED
) -> Pairs:
    """Rows of a CSV file as pairs of texts, in its order.

    Parameters
    ----------
    path
        The file, in UTF-8.
    argument
        Who asks, for messages.
    headings
        What the first column is called, and what the second one may be called.

    Raises
    ------
    QueryError
        No such file, another encoding, a heading that is not there, or a row that lacks a text.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        pairs = [*_pairs(text, str(path), argument, *headings)]
    except OSError as error:
        raise QueryError(
            f"{argument}: expected a CSV file, got {str(path)!r} ({error.strerror})"
        ) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise QueryError(
            f"{argument}: expected a CSV in UTF-8, got {str(path)!r}: {error}"
        ) from None
    if not pairs:
        raise QueryError(f"{argument}: expected rows in {str(path)!r}, got none")
    return pairs


def _pairs(
    text: str, path: str, argument: str, first: str, seconds: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    reader = csv.reader(io.StringIO(text, newline=""))
    heads = [cell.strip() for cell in next(reader, [])]
    second = [name for name in seconds if name in heads]
    wanted = f"{first} and {' or '.join(seconds)}"
    if first not in heads or len(second) != 1:
        raise QueryError(
            f"{argument}: expected a CSV file with the columns {wanted}, got "
            f"{', '.join(heads) or 'none'} in {path!r}"
        )
    for cells in reader:
        if not any(cells):
            continue
        row = dict(zip(heads, map(str.strip, cells), strict=False))
        pair = row.get(first, ""), row.get(second[0], "")
        if not all(pair):
            raise QueryError(
                f"{argument}: expected a text under each of the headings {first} and {second[0]}, "
                f"got {pair[0]!r} and {pair[1]!r} in line {reader.line_num} of {path!r}"
            )
        yield pair
