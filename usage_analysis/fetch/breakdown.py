"""Breakdowns: their groups, one query per group because the endpoint cannot group, and the rest."""

import csv
import io
import os
import re
import uuid
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import pandas as pd

from usage_analysis.errors import QueryError, ResponseError, UsageError, clean, error_of, refusal
from usage_analysis.query import Filters, UsageQuery
from usage_analysis.tidy import frames
from usage_analysis.tidy.frames import REST
from usage_analysis.tidy.usage import CallUsage
from usage_analysis.tidy.usage_files import to_utf8
from usage_analysis.tidy.wire import MEASURES
from usage_analysis.tidy.zones import row_times

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
            if twice := [one for one, count in Counter(map(str, values)).items() if count > 1]:
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
        return self.by if key in frames.TABLE_COLUMNS else key

    def filters(self) -> dict[str, dict[str, Any]]:
        """Return the filters of each group by its name."""
        kind, _, key = self.by.partition(".")
        of, values = _FILTERS[kind], self.values.items()
        return {name: {of: {key: value} if key else value} for name, value in values}


def read_pairs(
    path: str | os.PathLike[str], argument: str, headings: tuple[str, Sequence[str]] = NAMED
) -> Pairs:
    """Read two columns of a CSV file, in its order.

    Parameters
    ----------
    path
        The file, in UTF-8 or UTF-16, with commas, semicolons or tabs between cells.
    argument
        Name of the argument that gave the file, for messages.
    headings
        Heading of the first column, and the possible headings of the second one.

    Raises
    ------
    QueryError
        The file is missing, empty or in another encoding, lacks a heading, or has a row with an
        empty cell.
    """
    try:
        text = to_utf8(Path(path).read_bytes()).decode()
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
    heading = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=heading.count))
    heads = [cell.strip().casefold() for cell in next(reader, [])]
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


def group_queries(
    groups: Mapping[str, Mapping[str, Any]], name: str, whole: UsageQuery
) -> dict[str, UsageQuery]:
    """Return the query of each group: its own filters and the shared ones.

    Raises
    ------
    QueryError
        A name or a filter is invalid, or two groups select the same calls.
    """
    frames.check_group_name(name)
    if not isinstance(groups, Mapping) or not groups:
        raise QueryError(f"groups: expected a mapping of names to filters, got {groups!r:.80}")
    queries = {group: _group_query(whole, name, group, own) for group, own in groups.items()}
    seen: dict[UsageQuery, str] = {}
    for group, question in queries.items():
        if (other := seen.setdefault(question.selection, group)) != group:
            raise QueryError(f"groups: expected each {name} once, got {other!r} and {group!r}")
    return queries


def subtract_groups(whole: CallUsage, groups: Sequence[CallUsage]) -> CallUsage:
    """Return the usage of the calls outside all groups.

    Raises
    ------
    ResponseError
        The groups hold more calls than the total: a call is in two groups, or the server ignored
        a filter.
    """
    daily = _subtract("daily", whole.daily, [usage.daily for usage in groups])
    hourly = _subtract("hourly", whole.hourly, [usage.hourly for usage in groups])
    return replace(whole, daily=daily, hourly=hourly, all_time=None)


def drop_empty_rest(usage: CallUsage) -> CallUsage:
    """Return a breakdown without its rest if the rest has no calls."""
    daily, hourly = (frame[frame.iloc[:, 0] != REST] for frame in (usage.daily, usage.hourly))
    if usage.hourly["total_count"].sum() > hourly["total_count"].sum():
        return usage
    groups = {group: asked for group, asked in (usage.groups or {}).items() if group != REST}
    return replace(usage, daily=daily, hourly=hourly, groups=groups)


@contextmanager
def group_in_errors(name: str, group: str) -> Generator[None]:
    """Add the group to the message of an error that is raised inside this block."""
    try:
        yield
    except UsageError as error:
        if name:
            error.args = (clean(f'{error} ({name} "{group}")'),)
        raise


def _group_query(whole: UsageQuery, name: str, group: str, own: object) -> UsageQuery:
    if not frames.is_text(group) or not group or group == REST:
        raise QueryError(f'groups: expected names as text other than "{REST}", got {group!r}')
    if not isinstance(own, Mapping) or not own:
        raise QueryError(f"groups[{group!r}]: expected filters by name, got {own!r:.80}")
    merged = {field: getattr(whole, field) for field in whole.as_dict()}
    for field, value in own.items():
        if field in ("from_date", "to_date"):
            raise QueryError(f"groups[{group!r}]: expected one window for all groups, got {field}")
        shared = merged.get(field)
        if field == "metadata" and isinstance(shared, Mapping) and isinstance(value, Mapping):
            both = [key for key in value if key in shared]
            merged[field] = {**shared, **value}
        else:
            both = [field] if shared is not None else []
            merged[field] = value
        if both:
            raise refusal("filter_twice", group=group, name=both[0])
    with group_in_errors(name, group):
        return UsageQuery.from_filters(cast("Filters", merged))


def check_rest(groups: Mapping[str, Mapping[str, Any]], queries: Mapping[str, UsageQuery]) -> None:
    """Check that the groups differ in one filter with one value per call.

    Then no call is in two groups.

    Raises
    ------
    QueryError
        The groups differ in another way, or two of them have a value in common.
    """
    kinds, values = set(), Counter[str]()
    for group, query in queries.items():
        own = frames.single_values({name: query.as_dict()[name] for name in groups[group]})
        alone = len(groups[group]) == len(own) == 1
        kinds.add(next(iter(own)) if alone else "")
        for several in own.values():
            values.update(several)
    if len(kinds) > 1 or "" in kinds:
        raise refusal("no_rest", got=repr([dict(own) for own in groups.values()])[:200])
    if twice := [value for value, count in values.items() if count > 1]:
        raise QueryError(f"include_rest: expected each value in one group, got {twice[0]} in two")


def _subtract(path: str, whole: pd.DataFrame, groups: Sequence[pd.DataFrame]) -> pd.DataFrame:
    times = row_times(whole)
    left = whole.copy()
    for column in (column for column in MEASURES if column in whole):
        rest = frames.to_integers(whole[column])
        for frame in groups:
            place = np.searchsorted(times, row_times(frame))
            np.subtract.at(rest, place, frames.to_integers(frame[column]))
            if (rest < 0).any():  # checked after each group: a large negative sum could wrap around
                bucket = int(np.argmax(rest < 0))
                where = f"{path}[{whole.index[bucket]:%Y-%m-%d %H:%M} UTC].{MEASURES[column]}"
                most = whole[column].iloc[bucket]
                raise error_of(ResponseError, "groups_beyond", place=where, most=most)
        left[column] = frames.from_integers(rest, column)
    return left
