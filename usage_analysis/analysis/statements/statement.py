"""One statistic in words, in a short and a full form."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from usage_analysis.tidy.frames import copy_source, group_column
from usage_analysis.tidy.grouping import each_group


@dataclass(frozen=True)
class Statement:
    """One statistic in words.

    Parameters
    ----------
    title
        Short form, for the title of a figure. The title claims nothing that the sentence does not
        claim.
    sentence
        Full form with sample size, interval, dates and zone; a capital first, a full stop last.
    urgent
        Whether the statement reports something that needs attention.
    """

    title: str
    sentence: str
    urgent: bool = False


def state(title: str, rest: str = "") -> Statement:
    """Return a statement whose sentence is its title and further words, such as the dates."""
    return Statement(title, f"{title}{rest}.")


def describe(
    frame: pd.DataFrame, word: Callable[[int, pd.DataFrame], Statement]
) -> str | pd.DataFrame:
    """Return the sentence on a series, or a column `sentence` with one row per group.

    `word` is given the number of the group, in order of appearance, and its rows.
    """
    group = group_column(frame)
    if group is None:
        return word(0, frame).sentence
    said = [(name, word(number, rows)) for number, (name, rows) in enumerate(each_group(frame))]
    index = pd.Index([name for name, _ in said], name=group)
    table = pd.DataFrame({"sentence": [one.sentence for _, one in said]}, index=index)
    return copy_source(table, frame)


def describe_rows(
    found: pd.Series | pd.DataFrame, word: Callable[[Mapping[str, Any]], Statement]
) -> str | pd.DataFrame:
    """Return the sentence on a result, or a column `sentence` with one row per group of a table."""
    if isinstance(found, pd.Series):
        return word({str(name): value for name, value in found.items()}).sentence
    rows: list[Any] = found.to_dict("records")
    said = [word(row).sentence for row in rows]
    return copy_source(pd.DataFrame({"sentence": said}, index=found.index), found)
