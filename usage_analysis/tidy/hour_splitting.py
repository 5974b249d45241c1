"""Division of UTC hours over the clock hours of a zone whose offset is not whole hours."""

from datetime import tzinfo
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.tidy import zones
from usage_analysis.tidy.grouping import groups_of, insert_group
from usage_analysis.tidy.wire import MEASURES
from usage_analysis.tidy.zones import HOUR, SLACK, ClockHours, Instants

Rows = NDArray[np.intp]


class _Piece(NamedTuple):
    """The nth piece of each row: the part of its UTC hour that lies in one clock hour."""

    #: Rows that have one; all of them mostly.
    rows: Rows | slice
    #: Number of the group and clock hour that it goes to.
    spot: Rows
    #: Elapsed time that they share [h].
    overlap: NDArray[np.float64]
    #: Where in the row's hour the piece ends [h].
    until: NDArray[np.float64]


def split_hours(
    hourly: pd.DataFrame, times: Instants, place: tzinfo, start: int, end: int
) -> pd.DataFrame:
    """Return a frame of whole UTC hours on clock hours, each row divided by elapsed time.

    `start` and `end` [us] bound a window with every clock hour that a row touches.
    """
    codes, groups = groups_of(hourly)
    where, known = zones.distinct(times)
    past = _past_the_hour(place, start, end)
    if past and _is_a_table(codes, times, known):
        return _shift_whole(hourly, groups, known, past, place)
    clock = zones.clock_hours(place, start, end)
    pieces, found = _pieces(codes, where, known, clock)
    count, waiting = len(found), hourly["provisional"].to_numpy(dtype=bool)
    out: dict[str, NDArray[Any]] = {}
    for name in MEASURES:
        if name == "duration" and name in hourly:
            out[name] = _divided_talk(hourly["duration"].to_numpy(), pieces, count)
        elif name in hourly:
            out[name] = np.zeros(count)
            for piece in pieces:
                part = hourly[name].to_numpy()[piece.rows] * piece.overlap
                out[name] += np.bincount(piece.spot, part, minlength=count)
    code, hour = np.divmod(found, len(clock.start))
    covered, flags = np.zeros(count), np.zeros(count, dtype=np.bool_)
    for piece in pieces:
        covered += np.bincount(piece.spot, piece.overlap, minlength=count)
        flags[piece.spot[waiting[piece.rows]]] = True
    asked = clock.lengths
    if zones.has_gaps(known, known + HOUR):
        asked = zones.inside(clock, zones.clock_hours_of(known, known + HOUR))
    flags |= covered * HOUR < asked[hour] - SLACK
    frame = pd.DataFrame(
        {**out, "provisional": flags}, index=zones.to_index(clock.start[hour], place)
    )
    if np.any(asked[hour] < clock.lengths[hour]):
        frame["hours"] = covered
    frame.attrs["every"] = "h"
    return insert_group(frame, hourly, code, groups)


def _past_the_hour(place: tzinfo, start: int, end: int) -> int:
    """Return the offset of UTC hours from local hours in a window [us]; 0 if the offset varies.

    In most zones off the hour the offset is constant, because summer time shifts by a whole hour.
    """
    since, held = zones.offsets(place, start, end)
    past = held % HOUR
    alike = np.all(past == past[0]) and not np.any((since[1:] + held[1:]) % HOUR)
    return int(past[0]) if alike else 0


def _is_a_table(codes: Rows, times: Instants, known: Instants) -> bool:
    """Return True if rows stand group after group, each with the same consecutive hours."""
    size = len(known)
    if zones.repeats_of(times) != size or known[-1] - known[0] != (size - 1) * HOUR:
        return False
    return bool(np.all(codes.reshape(-1, size) == np.arange(len(codes) // size)[:, None]))


def _shift_whole(
    hourly: pd.DataFrame, groups: pd.Index | None, known: Instants, past: int, place: tzinfo
) -> pd.DataFrame:
    """Return the frame of a table whose rows all begin equally far past the local hour.

    The first part of each row belongs to the clock hour that runs when it begins, the rest to the
    next one, so no lookup is needed.
    """
    count = len(hourly) // len(known)
    first, rest = (HOUR - past) / HOUR, past / HOUR

    def added(one: NDArray[Any], two: NDArray[Any]) -> NDArray[Any]:
        out = np.zeros((count, len(known) + 1), dtype=one.dtype)
        out[:, :-1] = one.reshape(count, -1)
        out[:, 1:] += two.reshape(count, -1)
        return out.ravel()

    out: dict[str, NDArray[Any]] = {}
    for name in MEASURES:
        if name == "duration" and name in hourly:
            talk = hourly[name].to_numpy().astype("m8[us]", copy=False).view(np.int64)
            part = np.rint(talk * first).astype(np.int64)
            out[name] = added(part, talk - part).view("m8[us]")
        elif name in hourly:
            values = hourly[name].to_numpy()
            out[name] = added(values * first, values * rest)
    waiting = hourly["provisional"].to_numpy(dtype=bool)
    flags = added(waiting, waiting).reshape(count, -1)
    flags[:, [0, -1]] = True  # of which the data hold only a part
    starts = known[0] - past + np.arange(len(known) + 1) * HOUR
    columns = {**out, "provisional": flags.ravel()}
    index = zones.to_index(np.tile(starts, count), place)
    # What is ours alone need not be copied.
    frame = pd.DataFrame(columns, index=index, copy=False)
    frame.attrs["every"] = "h"
    return insert_group(frame, hourly, np.repeat(np.arange(count), len(starts)), groups)


def _pieces(
    codes: Rows, where: Rows, known: Instants, clock: ClockHours
) -> tuple[list[_Piece], NDArray[np.intp]]:
    """Return the pieces of each row, and the number of the group and clock hour of each piece."""
    first = np.searchsorted(clock.end, known, side="right")
    several = np.searchsorted(clock.start, known + HOUR, side="left") - first
    present = np.zeros((int(codes.max()) + 1) * len(clock.start), dtype=np.bool_)
    pieces = []
    for nth in range(int(several.max())):
        hour = np.minimum(first + nth, len(clock.start) - 1)
        until = np.minimum(clock.end[hour], known + HOUR)
        overlap = until - np.maximum(clock.start[hour], known)
        some = several > nth
        rows = slice(None) if some.all() else np.flatnonzero(some[where])
        at = where[rows]
        key = codes[rows] * len(clock.start) + hour[at]
        present[key] = True
        pieces.append(_Piece(rows, key, (overlap / HOUR)[at], ((until - known) / HOUR)[at]))
    number = np.cumsum(present) - 1
    return [one._replace(spot=number[one.spot]) for one in pieces], np.flatnonzero(present)


def _divided_talk(
    talk: NDArray[np.timedelta64], pieces: list[_Piece], count: int
) -> NDArray[np.timedelta64]:
    """Return talk in whole microseconds: differences of rounded parts lose none."""
    whole = talk.astype("m8[us]", copy=False).view(np.int64)
    before, out = np.zeros(len(whole), dtype=np.int64), np.zeros(count, dtype=np.int64)
    for piece in pieces:
        upto = np.rint(whole[piece.rows] * piece.until).astype(np.int64)
        np.add.at(out, piece.spot, upto - before[piece.rows])
        before[piece.rows] = upto
    return out.view("m8[us]")
