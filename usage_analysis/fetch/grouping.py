"""Groupings of calls by agent, voice or metadata key, and CSV files of their names."""

import csv
import io
import os
import re
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from usage_analysis.errors import QueryError, refusal
from usage_analysis.tidy.frames import check_group_name

Pairs = list[tuple[str, str]]

#: Headings of a CSV file of names: `name`, and `id` or `value`.
NAMED = ("name", ("id", "value"))
#: Headings of a CSV file of metadata: `key` and `value`.
KEYED = ("key", ("value",))
#: What calls can be grouped by, for messages.
KINDS = "agent, voice or metadata.KEY"

_FILTERS = {"agent": "agent_ids", "voice": "voice_id", "metadata": "metadata"}


@dataclass(frozen=True)
class Grouping:
    """Groups of calls by agent, by voice or by the value under a metadata key.

    Parameters
    ----------
    by
        ``"agent"``, ``"voice"`` or ``"metadata.KEY"``.
    values
        ID or metadata value of each group by its name; a group of several agents has a list of IDs.

    Raises
    ------
    QueryError
        `by` is none of these.
    """

    by: str
    values: Mapping[str, Any]

    def __post_init__(self) -> None:
        """Check the kind of the grouping."""
        if self.by not in ("agent", "voice") and not re.match(r"metadata\..", self.by, re.DOTALL):
            raise QueryError(f"by: expected {KINDS}, got {self.by!r}")

    @classmethod
    def of_values(cls, by: str, values: Mapping[str, Any] | Iterable[Any], argument: str) -> Self:
        """Return the grouping of a mapping by name, or of values that serve as names.

        Raises
        ------
        QueryError
            The values are neither, or one occurs twice.
        """
        if isinstance(values, str | uuid.UUID) or not isinstance(values, Iterable):
            raise QueryError(f"{argument}: expected a list or a mapping by name, got {values!r}")
        if not isinstance(values, Mapping):
            values = list(values)
            twice = [value for value, count in Counter(map(str, values)).items() if count > 1]
            if twice:
                raise QueryError(f"{argument}: expected each value once, got {twice[0]!r} again")
            values = {str(value): value for value in values}
        return cls(by, values)

    @classmethod
    def of_pairs(cls, by: str, pairs: Iterable[tuple[str, str]], argument: str) -> Self:
        """Return the grouping of pairs of name and value; agents of the same name form one group.

        Raises
        ------
        QueryError
            Voices or metadata values share a name: the endpoint has no filter for several of them.
        """
        values: dict[str, list[str]] = {}
        for name, value in pairs:
            values.setdefault(name, []).append(value)
        for name, several in values.items():
            if by != "agent" and len(several) > 1:
                raise QueryError(f"{argument}: expected each name once, got {name!r} twice")
        return cls(by, {name: one if len(one) > 1 else one[0] for name, one in values.items()})

    @property
    def column(self) -> str:
        """Name of the group column: `agent`, `voice` or the key.

        A key with the name of another column keeps its prefix: ``"metadata.duration"``.
        """
        key = self.by.partition(".")[2] or self.by
        try:
            check_group_name(key)
        except QueryError:
            return self.by
        return key

    def filters(self) -> dict[str, dict[str, Any]]:
        """Return the filters of each group by its name."""
        kind, _, key = self.by.partition(".")
        return {
            name: {_FILTERS[kind]: {key: value} if key else value}
            for name, value in self.values.items()
        }


def read_pairs(
    path: str | os.PathLike[str], argument: str, headings: tuple[str, Sequence[str]] = NAMED
) -> Pairs:
    """Read two columns of a CSV file, in its order.

    Parameters
    ----------
    path
        The file, in UTF-8.
    argument
        Name of the argument that gave the file, for messages.
    headings
        Heading of the first column, and the possible headings of the second one.

    Raises
    ------
    QueryError
        The file is missing, empty or not in UTF-8, lacks a heading, or has a row with an empty
        cell.
    """
    try:
        # Spreadsheets begin a CSV file in UTF-8 with a byte order mark.
        text = Path(path).read_text(encoding="utf-8-sig")
        pairs = [*_parse_pairs(text, str(path), argument, *headings)]
    except OSError as error:
        raise refusal("no_csv", argument=argument, path=str(path), why=error.strerror) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise refusal("bad_csv", argument=argument, path=str(path), error=error) from None
    if not pairs:
        raise QueryError(f"{argument}: expected rows in {str(path)!r}, got none")
    return pairs


def _parse_pairs(
    text: str, path: str, argument: str, first: str, seconds: Sequence[str]
) -> Iterator[tuple[str, str]]:
    reader = csv.reader(io.StringIO(text, newline=""))
    heads = [cell.strip() for cell in next(reader, [])]
    second = [name for name in seconds if name in heads]
    # A file with `id` and `value` both does not say which of them is meant.
    if first not in heads or len(second) != 1:
        names = {"first": first, "second": " or ".join(seconds), "got": ", ".join(heads) or "none"}
        raise refusal("csv_columns", argument=argument, path=path, **names)
    for cells in reader:
        if not any(cells):
            continue
        row = dict(zip(heads, map(str.strip, cells), strict=False))
        pair = row.get(first, ""), row.get(second[0], "")
        if not all(pair):
            place = {"headings": f"{first} and {second[0]}", "line": reader.line_num, "path": path}
            raise refusal("csv_cells", argument=argument, pair=pair, **place)
        yield pair
