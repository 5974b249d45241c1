"""The one check of a canonical frame, which every public helper makes first.

Each refusal ends with the line of pandas that mends the frame. The check looks at each needed
column once and never groups rows where they already stand in order, so that it costs a few
milliseconds per million rows.
"""

from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.errors import TEXTS, refusal
from usage_analysis.tidy import frames, zones
from usage_analysis.tidy.grouping import check_rows, groups_of
from usage_analysis.tidy.zones import DAY, HOUR, Instants

#: Kind of each canonical column; `errors.toml` describes the kinds.
_KINDS = {"duration": "timedelta", "provisional": "bool"}
_KINDS |= dict.fromkeys((*frames.COUNTS, "billed_minutes"), "numbers")


def check_frame(
    helper: str,
    frame: pd.DataFrame,
    *columns: str,
    rows: Literal["hour", "day"] | None = None,
    totals: bool = False,
) -> None:
    """Check that a frame is canonical and has the columns that a helper needs.

    Parameters
    ----------
    helper
        Name of the public function, with which the message begins.
    columns
        Needed columns. Only these are looked at.
    rows
        The longest row that the helper takes; None for rows of any length.
    totals
        Also take a table without times, such as one row of totals per group, for helpers that only
        add rows up.

    Raises
    ------
    QueryError
        A column is missing or of the wrong kind, the index has no time zone, a group has a bucket
        twice, rows are too long or of unknown length, or groups that can share calls were added up.
        The message names the line that mends it.
    """
    frames.check_kind(helper, frame, pd.DataFrame)
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        why = "; ".join(TEXTS["why"][column] for column in missing if column in TEXTS["why"])
        why = f" ({why})" if why else ""
        raise refusal("missing", helper=helper, columns=", ".join(missing), why=why)
    group = frames.group_column(frame)
    if group in frames.TABLE_COLUMNS:
        raise refusal("group_name", helper=helper, group=group)
    frames.check_no_shared_sum(helper, frame)
    timeless = totals and not isinstance(frame.index, pd.DatetimeIndex)
    if not timeless:
        _check_index(helper, frame)
    for column in columns:
        _check_column(helper, column, frame[column])
    if not timeless:
        _check_instants(helper, frame, group)
    if rows is not None:
        check_rows(helper, frame, rows)


def _check_index(helper: str, frame: pd.DataFrame) -> None:
    index: Any = frame.index
    if not isinstance(index, pd.DatetimeIndex):
        mend = 'frame.set_index("time")' if "time" in frame else "frame.index = pd.to_datetime(...)"
        got = type(index).__name__
    elif index.tz is None:
        got = "times without a zone"
        mend = 'say which zone they are in: frame.tz_localize("UTC")'
    elif index.name not in (None, "time"):
        got, mend = f"the name {index.name!r}", 'frame.rename_axis("time")'
    elif index.hasnans:
        raise refusal("no_instant", helper=helper)
    else:
        return
    raise refusal("index", helper=helper, got=got, mend=mend)


def _check_column(helper: str, name: str, column: pd.Series) -> None:
    if not isinstance(column, pd.Series):
        raise refusal("several_columns", helper=helper, name=name)
    if (wanted := _KINDS.get(name)) is None:
        return
    kind = TEXTS["kinds"][wanted]
    if column.dtype.kind not in kind["letters"]:
        mend = kind["mend"].format(name=name)
        got = column.dtype
        raise refusal("kind", helper=helper, name=name, wanted=wanted, got=got, mend=mend)
    if name != "provisional":
        _check_values(helper, name, column)


def _check_values(helper: str, name: str, column: pd.Series) -> None:
    """Check that no value is missing or negative."""
    if len(column) == 0:
        return
    values = column.to_numpy()
    least = values.view(np.int64).min() if name == "duration" else values.min()
    if least >= 0:
        return
    if column.isna().any():
        raise refusal("no_value", helper=helper, name=name)
    raise refusal("negative", helper=helper, name=name, least=column.min())


def _check_instants(helper: str, frame: pd.DataFrame, group: str | None) -> None:
    """Check that no group has an instant twice."""
    times = zones.row_times(frame)
    if np.all(times[1:] > times[:-1]):
        return
    block = zones.repeats_of(times)
    if group is not None and block and _is_one_group_each(frame[group], block):
        return
    where, known = zones.distinct(times)
    again = pd.Index(groups_of(frame)[0] * len(known) + where).duplicated()
    if not again.any():
        return
    place = int(again.argmax())
    instant = frame.index[place]
    if group is None:
        raise refusal("twice", helper=helper, instant=instant)
    found = frame[group].iloc[place]
    raise refusal("twice_in_group", helper=helper, instant=instant, name=group, group=found)


def _is_one_group_each(column: pd.Series, block: int) -> bool:
    """Return True if blocks of rows are one group each, and no group has two blocks.

    Looks at the ends and the middle of each block: comparing every name takes ten times as long as
    all other checks together, and rows of another group would have to be hidden inside a block.
    """
    first = column.iloc[::block].to_numpy()
    if len(pd.unique(first)) != len(first):
        return False
    return all(
        bool(np.all(column.iloc[at::block].to_numpy() == first))
        for at in {block // 4, block // 2, block - 1}
    )


def check_gaps(helper: str, hourly: pd.DataFrame) -> None:
    """Refuse hourly frames from which single hours were filtered away.

    Whole days and hours of the day may be left out: a time of day, or workdays. Hours without calls
    are rows of zeros. If some days lack hours that others have, the remaining hours are not a fair
    sample: rows with calls, for example, make every mean too large.

    Raises
    ------
    QueryError
        Hours are missing; the message names one of them, and the line that mends the frame.
    """
    times, zone = zones.row_times(hourly), zones.zone_of(hourly)
    if len(times) < 2:
        return
    known = zones.instants(times)
    _check_gaps(helper, known, zone)
    if frames.group_column(hourly) is None or zones.repeats_of(times):
        return
    where = zones.distinct(times)[0]
    code, groups = groups_of(hourly)
    # Each group must have every instant of the frame between its own first and last.
    count = 0 if groups is None else len(groups)
    first = np.full(count, len(known))
    last = np.full(count, -1)
    np.minimum.at(first, code, where)
    np.maximum.at(last, code, where)
    short = np.bincount(code, minlength=count) < last - first + 1
    if short.any() and groups is not None:
        got = f"{groups[int(short.argmax())]!r} lacks hours that other groups have"
        raise refusal("gap", helper=helper, got=got)


def _check_gaps(helper: str, known: Instants, zone: Any) -> None:
    past = known % HOUR
    # A clock that moves by half an hour shifts a UTC time of day over its hours.
    if np.all(known[1:] - known[:-1] <= HOUR) or past.min() != past.max():
        return
    # A time of day can be one of UTC or one of the local clock.
    if any(_is_regular(clock) for clock in (known, zones.clock_of(known, zone))):
        return
    after = int(np.flatnonzero(known[1:] - known[:-1] > HOUR)[0])
    missing = pd.Timestamp(int(known[after] + HOUR), unit="us", tz="UTC").tz_convert(zone)
    got = f"none at {missing:%Y-%m-%d %H:%M}, an hour that other days have"
    raise refusal("gap", helper=helper, got=got)


def _is_regular(clock: NDArray[np.int64]) -> bool:
    """Return True if all days but the first and last have the same hours, but for clock changes."""
    day, hour = clock // DAY, clock // HOUR % 24
    present = np.zeros((int(day[-1] - day[0]) + 1, 24), dtype=np.bool_)
    present[day - day[0], hour] = True
    inner = present[1:-1] if len(present) > 2 else present
    inner = inner[inner.any(axis=1)]
    if len(inner) == 0:
        return True
    usual = inner.mean(axis=0) > 0.5
    # A clock change takes or gives one hour; no zone changes more than a few times per year.
    odd = np.count_nonzero(inner != usual, axis=1)
    return bool(np.all(odd <= 1) and np.count_nonzero(odd) <= 4 * (1 + len(present) / 365))
